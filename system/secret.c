/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -object secret,id=ID,data=TEXT|file=PATH[,format=raw|base64].  The value is read once, when the
 * object is created, and cannot be read back.  Management software creates one for each machine,
 * whether or not something uses it.
 */
#include "system/secret.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "monitor/fdset.h"

#define MAX_SECRET (64 * 1024)

typedef struct Secret {
    Object parent_obj;
    char *data, *file, *keyid, *iv; /* as given; data is gone once value is there */
    int format;
    uint8_t *value; /* main loop */
    size_t len;
} Secret;
#define SECRET(obj) ((Secret *)(obj))

enum { FORMAT_RAW, FORMAT_BASE64 };
static const EnumTable formats = {
    .qapi_name = "QCryptoSecretFormat",
    .names = (const char *const[]){"raw", "base64", NULL},
};

static void wipe(void *p, size_t len)
{
    if (p) {
        explicit_bzero(p, len);
    }
}

static bool read_file(Secret *s, GError **errp)
{
    int fd = qemu_open(s->file, O_RDONLY, 0, errp);
    g_autofree uint8_t *buf = NULL;
    size_t len = 0;
    ssize_t n;

    if (fd < 0) {
        return false;
    }
    buf = g_malloc(MAX_SECRET + 1);
    while (len <= MAX_SECRET && (n = RETRY_ON_EINTR(read(fd, buf + len, MAX_SECRET + 1 - len)))) {
        if (n < 0) {
            error_setg_errno(errp, errno, "file=%s cannot be read", s->file);
            break;
        }
        len += (size_t)n;
    }
    close(fd);
    if (n >= 0 && len > MAX_SECRET) {
        error_setg(errp, "file=%s is larger than %d bytes", s->file, MAX_SECRET);
        n = -1;
    }
    if (n >= 0) {
        s->value = g_malloc(len + 1);
        memcpy(s->value, buf, len);
        s->len = len;
    }
    wipe(buf, MAX_SECRET + 1);
    return n >= 0;
}

static bool decode(Secret *s, GError **errp)
{
    gsize len;

    s->value[s->len] = '\0';
    if (strlen((char *)s->value) != s->len ||
        strspn((char *)s->value,
               "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\r\n") != s->len) {
        error_setg(errp, "the value is not base64, as format=base64 says");
        return false;
    }
    g_base64_decode_inplace((char *)s->value, &len);
    s->len = len;
    return true;
}

static bool secret_complete(Object *obj, GError **errp)
{
    Secret *s = SECRET(obj);
    bool ok = true;

    if (!s->data == !s->file) {
        error_setg(errp, "secret '%s': give either data= or file=", object_get_name(obj));
        return false;
    }
    if (s->keyid || s->iv) {
        error_setg(errp,
                   "secret '%s': encrypted secrets (keyid=, iv=) are not built in; use file= with "
                   "the value itself",
                   object_get_name(obj));
        return false;
    }
    if (s->data) {
        s->len = strlen(s->data);
        s->value = (uint8_t *)g_steal_pointer(&s->data);
    } else {
        ok = read_file(s, errp);
    }
    ok = ok && (s->format != FORMAT_BASE64 || !s->len || decode(s, errp));
    if (!ok) {
        g_prefix_error(errp, "secret '%s': ", object_get_name(obj));
        return false;
    }
    s->value[s->len] = '\0';
    return true;
}

static void secret_finalize(Object *obj)
{
    Secret *s = SECRET(obj);

    wipe(s->value, s->len);
    g_clear_pointer(&s->value, g_free);
}

uint8_t *secret_lookup(const char *id, size_t *len, GError **errp)
{
    Object *obj = object_resolve_path_type(id, TYPE_SECRET, NULL);

    if (!obj || !SECRET(obj)->value) {
        error_setg(errp, "there is no -object secret with id '%s'", id);
        return NULL;
    }
    *len = SECRET(obj)->len;
    return g_memdup2(SECRET(obj)->value, SECRET(obj)->len + 1);
}

static const ObjectProperty secret_props[] = {
    DEFINE_PROP_STRING("data", Secret, data, "the value itself (others can see it: prefer file=)"),
    DEFINE_PROP_STRING("file", Secret, file, "file with the value, up to 64 KiB"),
    DEFINE_PROP_ENUM("format", Secret, format, formats, FORMAT_RAW, "of the value: raw, base64"),
    DEFINE_PROP_STRING("keyid", Secret, keyid, "secret that decrypts this one (not built in)"),
    DEFINE_PROP_STRING("iv", Secret, iv, "initialization vector (not built in)"),
};

static void secret_class_init(ObjectClass *klass, const void *data)
{
    klass->complete = secret_complete;
    object_class_add_property_table(klass, secret_props);
}

static const TypeInfo secret_info = {
    .name = TYPE_SECRET,
    .instance_size = sizeof(Secret),
    .class_init = secret_class_init,
    .instance_finalize = secret_finalize,
    .interfaces = (const char *const[]){TYPE_USER_CREATABLE, NULL},
};
QOM_TYPE(secret_info);
