/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "unix:PATH,server=on", "tcp:HOST:PORT", "file:F", "stdio", "mon:...": one word in place of
 * -chardev. */
#include "chardev-internal.h"

#include "qapi/keyval.h"
#include "qemu/osdep.h"

static json_object *simple(const char *backend)
{
    json_object *opts = json_object_new_object();

    json_object_object_add(opts, "backend", json_object_new_string(backend));
    return opts;
}

static void put(json_object *opts, const char *key, const char *value)
{
    json_object_object_add(opts, key, json_object_new_string(value));
}

/* "A,x=y": the first word under key, the rest as options. */
static json_object *with_options(const char *backend, const char *text, const char *key,
                                 GError **errp)
{
    json_object *opts = keyval_parse(text, key, NULL, errp);

    if (opts) {
        put(opts, "backend", backend);
    }
    return opts;
}

/* "HOST:PORT,..." */
static json_object *tcp(const char *text, GError **errp)
{
    json_object *opts = with_options("socket", text, "address", errp);
    g_autofree char *address = opts ? opts_take_str(opts, "address") : NULL;
    char *colon = address ? strrchr(address, ':') : NULL;
    char *host = address;

    if (!opts) {
        return NULL;
    }
    if (!colon) {
        error_setg(errp,
                   "'tcp:%s': HOST:PORT is expected, as in tcp:127.0.0.1:4444,server=on,wait=off",
                   text);
        json_object_put(opts);
        return NULL;
    }
    *colon = 0;
    if (*host == '[' && colon > host && colon[-1] == ']') {
        colon[-1] = 0;
        host++;
    }
    put(opts, "host", host);
    put(opts, "port", colon + 1);
    return opts;
}

json_object *chr_parse_legacy(const char *spec, bool *mon, GError **errp)
{
    static const struct {
        const char *prefix, *backend, *key;
    } forms[] = {
        {"unix:", "socket", "path"}, {"fd:", "socket", "fd"}, {"file:", "file", "path"},
        {"pipe:", "pipe", "path"},   {"pty:", "pty", "path"},
    };
    static const char *const words[] = {"null", "pty", "stdio", "ringbuf"};

    if (g_str_has_prefix(spec, "mon:")) {
        json_object *opts = chr_parse_legacy(spec + strlen("mon:"), mon, errp);

        if (opts) {
            *mon = true;
            put(opts, "mux", "on");
            /* The guest's console wants Ctrl-C. */
            if (!strcmp(spec, "mon:stdio")) {
                put(opts, "signal", "off");
            }
        }
        return opts;
    }
    if (!strcmp(spec, "none")) {
        return simple("null");
    }
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        size_t n = strlen(words[i]);

        if (g_str_has_prefix(spec, words[i]) && (!spec[n] || spec[n] == ',')) {
            return with_options(words[i], spec, "backend", errp);
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(forms); i++) {
        if (g_str_has_prefix(spec, forms[i].prefix)) {
            return with_options(forms[i].backend, spec + strlen(forms[i].prefix), forms[i].key,
                                errp);
        }
    }
    if (g_str_has_prefix(spec, "tcp:")) {
        return tcp(spec + strlen("tcp:"), errp);
    }
    error_setg(errp,
               "'%s' is not a valid char driver: use stdio, unix:PATH, tcp:HOST:PORT, fd:N, "
               "file:PATH, pipe:PATH, "
               "pty, null, none, mon:... or chardev:ID",
               spec);
    return NULL;
}
