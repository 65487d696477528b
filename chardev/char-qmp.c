/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP commands about character devices. */
#include "chardev/char.h"
#include "monitor/monitor.h"
#include "qapi/qapi-commands.h"
#include "qemu/osdep.h"

static void add_info(Chardev *chr, void *opaque)
{
    ChardevInfoList ***tail = opaque;
    ChardevInfo *info = g_new0(ChardevInfo, 1);

    info->label = g_strdup(qemu_chr_label(chr));
    info->filename = qemu_chr_filename(chr);
    info->frontend_open = qemu_chr_frontend_open(chr);
    QAPI_LIST_APPEND(*tail, info);
}

ChardevInfoList *qmp_query_chardev(GError **errp)
{
    ChardevInfoList *head = NULL, **tail = &head;

    qemu_chr_foreach(add_info, &tail);
    return head;
}

static void add_backend(const char *name, void *opaque)
{
    ChardevBackendInfoList ***tail = opaque;
    ChardevBackendInfo *info = g_new0(ChardevBackendInfo, 1);

    info->name = g_strdup(name);
    QAPI_LIST_APPEND(*tail, info);
}

ChardevBackendInfoList *qmp_query_chardev_backends(GError **errp)
{
    ChardevBackendInfoList *head = NULL, **tail = &head;

    qemu_chr_backends_foreach(add_backend, &tail);
    return head;
}

/* --- ring buffers
 * ----------------------------------------------------------------------------------------------------
 */

void qmp_ringbuf_write(const char *device, const char *data, bool has_format, DataFormat format,
                       GError **errp)
{
    if (has_format && format == DATA_FORMAT_BASE64) {
        size_t len;
        g_autofree uint8_t *raw = g_base64_decode(data, &len);

        qemu_chr_ringbuf_write(device, raw, len, errp);
    } else {
        qemu_chr_ringbuf_write(device, (const uint8_t *)data, strlen(data), errp);
    }
}

char *qmp_ringbuf_read(const char *device, int64_t size, bool has_format, DataFormat format,
                       GError **errp)
{
    g_autofree uint8_t *raw = NULL;
    size_t len;

    if (size <= 0) {
        error_setg(errp, "size must be greater than zero");
        return NULL;
    }
    raw = qemu_chr_ringbuf_read(device, size, &len, errp);
    if (!raw) {
        return NULL;
    }
    if (has_format && format == DATA_FORMAT_BASE64) {
        return g_base64_encode(raw, len);
    }
    return g_utf8_make_valid((const char *)raw, len);
}

/* --- chardev-add
 * --------------------------------------------------------------------------------------------------------
 */

static void move_key(json_object *from, const char *key, json_object *to, const char *new_key)
{
    json_object *value;

    if (json_object_object_get_ex(from, key, &value)) {
        value = json_object_get(value);
        json_object_object_del(from, key);
        json_object_object_add(to, new_key, value);
    }
}

/* {"type": T, "data": {...}} of an address to the keys that -chardev socket has. */
static bool flatten_address(json_object *opts, const SocketAddressLegacy *addr, GError **errp)
{
    g_autoptr(json_object) j = SocketAddressLegacy_to_json((SocketAddressLegacy *)(uintptr_t)addr);
    json_object *data = json_object_object_get(j, "data");
    int fd;

    json_object_object_del(opts, "addr");
    if (addr->type == SOCKET_ADDRESS_TYPE_FD) {
        fd = monitor_fd_param(monitor_cur(), addr->u.fd.data->str, errp);
        if (fd < 0) {
            return false;
        }
        json_object_object_add(opts, "fd", json_object_new_int(fd));
        return true;
    }
    json_object_object_foreach(data, key, value)
    {
        json_object_object_add(opts, key, json_object_get(value));
    }
    return true;
}

static json_object *backend_options(const char *id, ChardevBackend *backend, GError **errp)
{
    g_autoptr(json_object) j = ChardevBackend_to_json(backend);
    json_object *opts = json_object_get(json_object_object_get(j, "data"));

    json_object_object_add(opts, "backend",
                           json_object_new_string(ChardevBackendKind_str(backend->type)));
    json_object_object_add(opts, "id", json_object_new_string(id));
    switch (backend->type) {
    case CHARDEV_BACKEND_KIND_FILE:
        move_key(opts, "out", opts, "path");
        move_key(opts, "in", opts, "input-path");
        break;
    case CHARDEV_BACKEND_KIND_PIPE:
        move_key(opts, "device", opts, "path");
        break;
    case CHARDEV_BACKEND_KIND_SOCKET: {
        ChardevSocket *s = backend->u.socket.data;
        bool server = !s->has_server || s->server;

        json_object_object_add(opts, "server", json_object_new_boolean(server));
        if (server && !s->has_wait) {
            json_object_object_add(opts, "wait", json_object_new_boolean(false));
        }
        if (!flatten_address(opts, s->addr, errp)) {
            json_object_put(opts);
            return NULL;
        }
        break;
    }
    default:
        break;
    }
    return opts;
}

ChardevReturn *qmp_chardev_add(const char *id, ChardevBackend *backend, GError **errp)
{
    g_autoptr(json_object) opts = backend_options(id, backend, errp);
    Chardev *chr = opts ? qemu_chr_new_opts(opts, errp) : NULL;
    ChardevReturn *ret;

    if (!chr) {
        return NULL;
    }
    ret = g_new0(ChardevReturn, 1);
    if (backend->type == CHARDEV_BACKEND_KIND_PTY) {
        g_autofree char *name = qemu_chr_filename(chr);

        ret->pty = g_strdup(name + strlen("pty:"));
    }
    return ret;
}

void qmp_chardev_remove(const char *id, GError **errp)
{
    qemu_chr_delete(id, errp);
}
