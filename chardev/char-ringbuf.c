/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A ring in memory that keeps the newest output until somebody reads it (ringbuf-read). */
#include "chardev-internal.h"

#include "qapi/keyval.h"
#include "qemu/osdep.h"

#define RINGBUF_DEFAULT (64 * KiB)
#define RINGBUF_MAX (256 * MiB)

typedef struct RingbufChardev {
    Chardev parent_obj;
    uint8_t *data;
    uint64_t size;       /* a power of two */
    uint64_t head, tail; /* free running; under the chardev's lock */
} RingbufChardev;

static int ringbuf_write(Chardev *chr, const uint8_t *buf, int len)
{
    RingbufChardev *s = (RingbufChardev *)chr;

    for (int i = 0; i < len; i++) {
        s->data[s->head++ & (s->size - 1)] = buf[i];
    }
    if (s->head - s->tail > s->size) {
        s->tail = s->head - s->size;
    }
    return len;
}

static RingbufChardev *find(const char *id, GError **errp)
{
    Chardev *chr = qemu_chr_find(id);

    if (!chr) {
        error_setg(errp, "Device '%s' not found", id);
        return NULL;
    }
    if (!object_is_a(OBJECT(chr), CHR_TYPE_NAME("ringbuf"))) {
        error_setg(errp, "%s is not a ringbuf device", id);
        return NULL;
    }
    return (RingbufChardev *)chr;
}

bool qemu_chr_ringbuf_write(const char *id, const uint8_t *data, size_t len, GError **errp)
{
    RingbufChardev *s = find(id, errp);

    if (!s) {
        return false;
    }
    QEMU_LOCK_GUARD(&s->parent_obj.lock);
    ringbuf_write(&s->parent_obj, data, (int)MIN(len, (size_t)INT_MAX));
    return true;
}

uint8_t *qemu_chr_ringbuf_read(const char *id, size_t max, size_t *len, GError **errp)
{
    RingbufChardev *s = find(id, errp);
    uint8_t *out;

    if (!s) {
        return NULL;
    }
    QEMU_LOCK_GUARD(&s->parent_obj.lock);
    *len = MIN(max, s->head - s->tail);
    out = g_malloc(*len + 1);
    for (size_t i = 0; i < *len; i++) {
        out[i] = s->data[s->tail++ & (s->size - 1)];
    }
    out[*len] = 0;
    return out;
}

static bool ringbuf_open(Chardev *chr, json_object *opts, GError **errp)
{
    RingbufChardev *s = (RingbufChardev *)chr;

    if (!opts_take_size(opts, "size", RINGBUF_DEFAULT, &s->size, errp)) {
        return false;
    }
    if (!s->size || s->size > RINGBUF_MAX || (s->size & (s->size - 1))) {
        error_setg(errp,
                   "chardev '%s': size of ringbuf chardev must be power of two, at most 256M, and "
                   "not %" PRIu64,
                   chr->label, s->size);
        return false;
    }
    s->data = g_malloc0(s->size);
    chr_io_open(chr, -1, -1, false);
    return true;
}

static void ringbuf_finalize(Object *obj)
{
    g_free(((RingbufChardev *)obj)->data);
}

static const char *const ringbuf_keys[] = {"size", NULL};

static void ringbuf_class_init(ObjectClass *klass, const void *data)
{
    ChardevClass *cc = (ChardevClass *)klass;

    cc->backend = "ringbuf";
    cc->help = "ring buffer in memory";
    cc->open = ringbuf_open;
    cc->write = ringbuf_write;
    cc->keys = ringbuf_keys;
}

static const TypeInfo ringbuf_info = {
    .name = CHR_TYPE_NAME("ringbuf"),
    .parent = TYPE_CHARDEV,
    .instance_size = sizeof(RingbufChardev),
    .instance_finalize = ringbuf_finalize,
    .class_init = ringbuf_class_init,
};
QOM_TYPE(ringbuf_info);
