/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -netdev, netdev_add, netdev_del: from options to back ends.  Main loop. */
#include "net-internal.h"

#include "monitor/hmp.h"
#include "qapi/qapi-commands.h"

static const NetBackend *const backends[] = {
    &net_backend_bridge, &net_backend_dgram,  &net_backend_hubport,
    &net_backend_socket, &net_backend_stream, &net_backend_tap,
#ifdef CONFIG_SLIRP
    &net_backend_user,
#endif
};

/* Keys that may be repeated. */
static const char *const list_keys[] = {"dnssearch", "guestfwd", "hostfwd", NULL};

/* --- syntax ---------------------------------------------------------------------------------- */

/* The end of the item that begins at p: a comma that is not doubled, or the end. */
static const char *item_end(const char *p)
{
    while (*p && (*p != ',' || p[1] == ',')) {
        p += *p == ',' ? 2 : 1;
    }
    return p;
}

static char *without_doubled_commas(const char *p, const char *end)
{
    GString *s = g_string_new(NULL);

    for (; p < end; p++) {
        g_string_append_c(s, *p);
        p += *p == ',';
    }
    return g_string_free(s, FALSE);
}

static void list_add(json_object *lists, const char *key, const char *value)
{
    json_object *list, *item = json_object_new_object();

    if (!json_object_object_get_ex(lists, key, &list)) {
        list = json_object_new_array();
        json_object_object_add(lists, key, list);
    }
    json_object_object_add(item, "str", json_object_new_string(value));
    json_object_array_add(list, item);
}

/* key=value with repeated keys for lists. */
static json_object *parse_keyval(const char *text, GError **errp)
{
    g_autoptr(json_object) lists = json_object_new_object();
    g_autoptr(GString) rest = g_string_new(NULL);
    json_object *opts;
    bool is_json;

    for (const char *p = text, *end; *p; p = *end ? end + 1 : end) {
        const char *eq;
        g_autofree char *key = NULL;

        end = item_end(p);
        eq = memchr(p, '=', end - p);
        key = eq ? g_strndup(p, eq - p) : NULL;
        if (key && g_strv_contains(list_keys, key)) {
            g_autofree char *value = without_doubled_commas(eq + 1, end);

            list_add(lists, key, value);
        } else {
            g_string_append_printf(rest, "%s%.*s", rest->len ? "," : "", (int)(end - p), p);
        }
    }
    opts = keyval_parse(rest->str, "type", &is_json, errp);
    if (opts) {
        json_object_object_foreach(lists, key, list)
        {
            json_object_object_add(opts, key, json_object_get(list));
        }
    }
    return opts;
}

json_object *net_parse_options(const char *text, GError **errp)
{
    const char *p = text;
    g_autoptr(Netdev) checked = NULL;
    json_object *opts;
    bool is_json = false;

    while (g_ascii_isspace(*p)) {
        p++;
    }
    if (*p != '{') {
        return parse_keyval(text, errp);
    }
    opts = keyval_parse(p, NULL, &is_json, errp);
    if (opts && !(checked = Netdev_from_json(opts, errp))) {
        json_object_put(opts);
        return NULL;
    }
    return opts;
}

/* --- creation -------------------------------------------------------------------------------- */

static const NetBackend *find_backend(const char *type, GError **errp)
{
    g_autoptr(GString) names = g_string_new(NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(backends); i++) {
        const char *name = NetClientDriver_str(backends[i]->type);

        if (!g_strcmp0(type, name)) {
            return backends[i];
        }
        g_string_append_printf(names, "%s%s", i ? ", " : "", name);
    }
    if (!type) {
        error_setg(errp, "Parameter 'type' is missing: %s", names->str);
    } else if (!strcmp(type, "user")) {
        error_setg(errp, "type 'user' is not built in: configure with --enable-slirp");
    } else {
        error_setg(errp, "Parameter 'type' expects a netdev backend type, not '%s'; there are %s",
                   type, names->str);
    }
    return NULL;
}

/* Before anything is opened: no script runs for options that are refused. */
static bool check_keys(const NetBackend *be, const char *type, json_object *opts, GError **errp)
{
    json_object_object_foreach(opts, key, value)
    {
        if (!g_strv_contains(be->known, key)) {
            g_autoptr(json_object) unknown = json_object_new_object();

            json_object_object_add(unknown, key, json_object_get(value));
            return opts_check_empty(unknown, type, be->known, errp);
        }
    }
    return true;
}

NetPort *net_add_opts(json_object *opts, GError **errp)
{
    g_autofree char *type = opts_take_str(opts, "type"), *id = opts_take_str(opts, "id");
    const NetBackend *be = find_backend(type, errp);

    assert_main_loop();
    if (!be) {
        return NULL;
    }
    if (!id) {
        error_setg(errp, "Parameter 'id' is missing; give the back end id=NAME");
        return NULL;
    }
    return check_keys(be, type, opts, errp) ? be->open(id, opts, errp) : NULL;
}

bool net_add_text(const char *text, GError **errp)
{
    g_autoptr(json_object) opts = net_parse_options(text, errp);

    return opts && net_add_opts(opts, errp);
}

GString *net_help(const char *option, const char *text)
{
    GString *out;

    if (strcmp(text, "help") && strcmp(text, "?") && strcmp(text, "type=help") &&
        !g_str_has_prefix(text, "help,")) {
        return NULL;
    }
    out = g_string_new("Available netdev backend types:\n");
    for (size_t i = 0; i < G_N_ELEMENTS(backends); i++) {
        g_string_append_printf(out, "%s\n", NetClientDriver_str(backends[i]->type));
    }
    return out;
}

/* --- QMP, HMP -------------------------------------------------------------------------------- */

void qmp_netdev_add(Netdev *arg, GError **errp)
{
    g_autoptr(json_object) opts = Netdev_to_json(arg);

    net_add_opts(opts, errp);
}

void qmp_netdev_del(const char *id, GError **errp)
{
    NetPort *p = net_port_find(id, false);

    if (!p) {
        error_set_class(errp, ERROR_CLASS_DEVICE_NOT_FOUND, "Device '%s' not found", id);
        return;
    }
    net_port_free(p);
}

static void hmp_netdev_add(Monitor *mon, const HmpArgs *args)
{
    GError *err = NULL;
    GString *help = net_help("netdev", args->argv[0]);

    if (help) {
        monitor_printf(mon, "%s", help->str);
        g_string_free(help, TRUE);
    } else if (!net_add_text(args->argv[0], &err)) {
        hmp_report(mon, err);
    }
}
HMP_COMMAND(hmp_netdev_add, "netdev_add", "TYPE,id=ID[,PROP=VALUE...]", "add a network back end",
            hmp_netdev_add, 1, 1);

static void hmp_netdev_del(Monitor *mon, const HmpArgs *args)
{
    GError *err = NULL;

    qmp_netdev_del(args->argv[0], &err);
    if (err) {
        hmp_report(mon, err);
    }
}
HMP_COMMAND(hmp_netdev_del, "netdev_del", "id", "remove a network back end", hmp_netdev_del, 1, 1);
