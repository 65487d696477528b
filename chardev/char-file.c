/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Back ends that are an open file: file, pipe (named pipes), null. */
#include "chardev-internal.h"

#include "monitor/fdset.h"
#include "qapi/keyval.h"
#include "qemu/osdep.h"

#include <fcntl.h>

static bool file_open(Chardev *chr, json_object *opts, GError **errp)
{
    g_autofree char *path = opts_take_str(opts, "path");
    g_autofree char *input = opts_take_str(opts, "input-path");
    bool append;
    int out, in = -1;

    if (!opts_take_bool(opts, "append", false, &append, errp)) {
        return false;
    }
    if (!path) {
        error_setg(errp, "chardev '%s': file: parameter 'path' is missing", chr->label);
        return false;
    }
    out = qemu_open(path, O_WRONLY | O_CREAT | (append ? O_APPEND : O_TRUNC), 0666, errp);
    if (out >= 0 && input) {
        in = qemu_open(input, O_RDONLY | O_NONBLOCK, 0, errp);
    }
    if (out < 0 || (input && in < 0)) {
        g_prefix_error(errp, "chardev '%s': ", chr->label);
        if (out >= 0) {
            close(out);
        }
        return false;
    }
    chr_io_open(chr, in, out, false);
    return true;
}

/* PATH.in and PATH.out, or one PATH for both directions.  Opened for both, so that neither open nor
 * end of file depends on the other side. */
static bool pipe_open(Chardev *chr, json_object *opts, GError **errp)
{
    g_autofree char *path = opts_take_str(opts, "path");
    g_autofree char *in_path = NULL, *out_path = NULL;
    int in, out;

    if (!path) {
        error_setg(errp, "chardev '%s': pipe: parameter 'path' is missing", chr->label);
        return false;
    }
    in_path = g_strconcat(path, ".in", NULL);
    out_path = g_strconcat(path, ".out", NULL);
    in = open(in_path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    out = open(out_path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (in < 0 || out < 0) {
        if (in >= 0) {
            close(in);
        }
        if (out >= 0) {
            close(out);
        }
        in = out = qemu_open(path, O_RDWR | O_NONBLOCK, 0, errp);
        if (in < 0) {
            g_prefix_error(errp, "chardev '%s': make %s.in and %s.out with mkfifo: ", chr->label,
                           path, path);
            return false;
        }
    }
    chr_io_open(chr, in, out, false);
    return true;
}

static int null_write(Chardev *chr, const uint8_t *buf, int len)
{
    return len;
}

static bool null_open(Chardev *chr, json_object *opts, GError **errp)
{
    chr_io_open(chr, -1, -1, false);
    return true;
}

static const char *const file_keys[] = {"path", "input-path", "append", NULL};
static const char *const pipe_keys[] = {"path", NULL};

static void file_class_init(ObjectClass *klass, const void *data)
{
    ChardevClass *cc = (ChardevClass *)klass;

    cc->backend = "file";
    cc->help = "output to a file";
    cc->open = file_open;
    cc->keys = file_keys;
}

static void pipe_class_init(ObjectClass *klass, const void *data)
{
    ChardevClass *cc = (ChardevClass *)klass;

    cc->backend = "pipe";
    cc->help = "named pipes";
    cc->open = pipe_open;
    cc->keys = pipe_keys;
}

static void null_class_init(ObjectClass *klass, const void *data)
{
    ChardevClass *cc = (ChardevClass *)klass;

    cc->backend = "null";
    cc->help = "takes everything, gives nothing";
    cc->open = null_open;
    cc->write = null_write;
}

static const TypeInfo file_info = {
    .name = CHR_TYPE_NAME("file"),
    .parent = TYPE_CHARDEV,
    .class_init = file_class_init,
};
QOM_TYPE(file_info);

static const TypeInfo pipe_info = {
    .name = CHR_TYPE_NAME("pipe"),
    .parent = TYPE_CHARDEV,
    .class_init = pipe_class_init,
};
QOM_TYPE(pipe_info);

static const TypeInfo null_info = {
    .name = CHR_TYPE_NAME("null"),
    .parent = TYPE_CHARDEV,
    .class_init = null_class_init,
};
QOM_TYPE(null_info);
