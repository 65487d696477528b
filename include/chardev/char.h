/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Character devices: back ends (-chardev) and the front-end interface that devices and monitors use.  Main loop only, except qemu_chr_fe_write(). */
#ifndef CHARDEV_CHAR_H
#define CHARDEV_CHAR_H

#include "qemu/aio.h"
#include "qom/object.h"

#define TYPE_CHARDEV "chardev"

typedef struct Chardev Chardev;
typedef enum ChrEvent {
    CHR_EVENT_BREAK,
    CHR_EVENT_OPENED,
    CHR_EVENT_CLOSED,
    CHR_EVENT_MUX_IN,  /* mux=on: this front end gets the input from now on */
    CHR_EVENT_MUX_OUT, /* ... no longer */
} ChrEvent;

typedef struct CharFrontend {
    Chardev *chr;        /* NULL: not connected */
    /* How many bytes the front end takes now; 0: call qemu_chr_fe_accept_input() later. */
    int (*can_read)(void *opaque);
    void (*read)(void *opaque, const uint8_t *buf, int len);
    void (*event)(void *opaque, ChrEvent event);
    void *opaque;
    int tag;             /* which front end of a mux */
} CharFrontend;

/* -chardev TYPE,id=ID,... (opts: JSON object, "backend" is the type); NULL with errp. */
Chardev *qemu_chr_new_opts(json_object *opts, GError **errp);
/* -serial/-qmp/-monitor/-qtest legacy syntax: "stdio", "unix:PATH,server=on,wait=off", "tcp:H:P", "file:F", "pty", "null", "none", "mon:stdio",
 * "chardev:ID", "fd:..." ; label becomes the id. */
Chardev *qemu_chr_new(const char *label, const char *spec, GError **errp);
Chardev *qemu_chr_find(const char *id);
const char *qemu_chr_label(Chardev *chr);
/* "unix:/x,server=on", "pty:/dev/pts/3", ... */
char *qemu_chr_filename(Chardev *chr);
void qemu_chr_foreach(void (*fn)(Chardev *chr, void *opaque), void *opaque);
bool qemu_chr_frontend_open(Chardev *chr);
bool qemu_chr_is_mux(Chardev *chr);
/* The options of a back end, one a line; NULL with errp: there is no such back end. */
GString *qemu_chr_help(const char *backend, GError **errp);
/* From now on no back end may use standard input and output, because of this option (a static string). */
void qemu_chr_forbid_stdio(const char *option);
bool qemu_chr_delete(const char *id, GError **errp);   /* chardev-remove */
void qemu_chr_cleanup(void);
/* "socket", "stdio" ... in order of name. */
void qemu_chr_backends_foreach(void (*fn)(const char *name, void *opaque), void *opaque);
/* Ring buffers (backend "ringbuf"): what was written to it last; data in is what a reader finds. False or NULL with errp for others. */
bool qemu_chr_ringbuf_write(const char *id, const uint8_t *data, size_t len, GError **errp);
uint8_t *qemu_chr_ringbuf_read(const char *id, size_t max, size_t *len, GError **errp);   /* g_free */

/* Connects a front end; false with errp if chr has one already (and is no mux). */
bool qemu_chr_fe_init(CharFrontend *fe, Chardev *chr, GError **errp);
void qemu_chr_fe_deinit(CharFrontend *fe);
void qemu_chr_fe_set_handlers(CharFrontend *fe, int (*can_read)(void *), void (*read)(void *, const uint8_t *, int),
                              void (*event)(void *, ChrEvent), void *opaque);
/* Writes what fits now; returns bytes taken (0 when the other end is slow), or -1.  Any thread (own lock). */
int qemu_chr_fe_write(CharFrontend *fe, const uint8_t *buf, int len);
/* Writes everything: what does not fit is queued (bounded: 64 MiB, then the connection is closed) and sent by the main loop in order. Any thread. */
int qemu_chr_fe_write_all(CharFrontend *fe, const uint8_t *buf, int len);
/* Waits until queued output is out, at most ms milliseconds.  For the end of the process. */
void qemu_chr_fe_flush(CharFrontend *fe, int ms);
/* Calls fn once, in the main loop, when the back end takes data again. */
void qemu_chr_fe_add_watch(CharFrontend *fe, void (*fn)(void *opaque), void *opaque);
void qemu_chr_fe_accept_input(CharFrontend *fe);   /* any thread */
/* File descriptors received with the last data (SCM_RIGHTS); ownership goes to the caller; -1: none. */
int qemu_chr_fe_get_msgfd(CharFrontend *fe);
bool qemu_chr_fe_backend_open(CharFrontend *fe);

/* Moves the back end's input and its queued output to ctx's thread: read() is then called there (events still come in the main loop).
 * False if this back end cannot (mux, or it has no descriptor of its own).  Main loop; ctx's thread must not wait for the main loop. */
bool qemu_chr_fe_set_context(CharFrontend *fe, AioContext *ctx);

/* Property kind for devices: chardev=ID.  Field is a CharFrontend. */
#define DEFINE_PROP_CHR(n, state, field) \
    { .name = n, .type = "str", .kind = PROP_CUSTOM, .offset = offsetof(state, field), .get = qdev_prop_chr_get, \
      .set = qdev_prop_chr_set, .help = "ID of the character device" }
json_object *qdev_prop_chr_get(Object *obj, const ObjectProperty *prop, GError **errp);
bool qdev_prop_chr_set(Object *obj, const ObjectProperty *prop, json_object *value, GError **errp);

#endif
