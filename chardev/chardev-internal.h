/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the back ends in this folder share.
 *
 * A back end opens up to two descriptors; char-io.c reads, writes, queues and notices the end for
 * all of them.  Threads: everything is the main loop's, except what .lock guards, and the
 * descriptors' handlers, which run in .ctx's thread (the main loop, unless a front end moved them).
 */
#ifndef CHARDEV_INTERNAL_H
#define CHARDEV_INTERNAL_H

#include "chardev/char.h"
#include "qemu/thread.h"

/* A slow reader may leave this much of qemu_chr_fe_write_all()'s data queued. */
#define CHR_QUEUE_MAX (64 * MiB)
/* Descriptors that one message may carry. */
#define CHR_MSGFDS_MAX 16

typedef struct ChrMux ChrMux;

struct Chardev {
    Object parent_obj;
    char *label;
    CharFrontend *fe; /* the only front end; NULL with mux */
    ChrMux *mux;      /* mux=on, or NULL */
    bool fe_open;     /* a front end listens */

    QemuMutex lock;    /* guards the rest, unless said otherwise */
    AioContext *ctx;   /* home of the descriptors; changed by the main loop with handlers removed */
    AioBH *update_bh;  /* in ctx: brings handlers in line with the state */
    AioBH *hup_bh;     /* in the main loop: the connection ended */
    int in_fd, out_fd; /* -1: none; may be the same */
    bool is_socket;    /* sendmsg(), recvmsg() with descriptors */
    bool unpollable;   /* in_fd is a file: always readable */
    bool open;         /* connected: writes go out */
    bool hup;          /* hup_bh is on its way: no reads, no writes */
    bool input_ended;   /* end of file on a descriptor that is read only; cleared by a new connection */
    bool input_blocked; /* the front end cannot take more; qemu_chr_fe_accept_input() clears it */
    bool read_armed, write_armed; /* ctx's thread only: what handlers are set */
    GByteArray *queue;            /* output that waits for the descriptor */
    size_t queue_done;            /* bytes of queue that are out already */
    void (*watch)(void *opaque);  /* wants to know when output is possible again */
    void *watch_opaque;
    int msgfds[CHR_MSGFDS_MAX]; /* received, not yet taken */
    int n_msgfds;
    int log_fd; /* logfile=, or -1; set before use */
};

typedef struct ChardevClass {
    ObjectClass parent_class;
    const char *backend; /* "socket" */
    const char *help;
    /* Takes its keys out of opts and opens; errors undo nothing (finalize does). */
    bool (*open)(Chardev *chr, json_object *opts, GError **errp);
    const char *const
        *keys; /* names of the keys that open() takes, for error messages; NULL-terminated */
    /* Back ends without descriptors: takes bytes; under .lock. */
    int (*write)(Chardev *chr, const uint8_t *buf, int len);
    /* The connection ended and descriptors are closed: listen again, reconnect, poll.  May be NULL.
     */
    void (*closed)(Chardev *chr);
    char *(*filename)(Chardev *chr); /* NULL: the back end's name */
} ChardevClass;
#define CHARDEV(obj) ((Chardev *)(obj))
#define CHARDEV_GET_CLASS(obj) ((ChardevClass *)object_get_class(obj))
#define CHR_TYPE_NAME(backend) "chardev-" backend

/* --- char.c
 * -------------------------------------------------------------------------------------------------
 */
/* Delivers an event to the front end(s). */
void chr_send_event(Chardev *chr, ChrEvent event);
/* opts for one back end from a legacy "TYPE:..." word; NULL with errp.  *mon is set for "mon:".
 * (char-legacy.c) */
json_object *chr_parse_legacy(const char *spec, bool *mon, GError **errp);

/* --- char-io.c
 * ------------------------------------------------------------------------------------------------
 */
void chr_io_init(Chardev *chr);
void chr_io_destroy(Chardev *chr);
/* The descriptors (owned from now on) are connected: OPENED goes to the front end. */
void chr_io_open(Chardev *chr, int in_fd, int out_fd, bool is_socket);
/* Closes them without an event, queue dropped. */
void chr_io_close(Chardev *chr);
/* Handlers may have to change.  Any thread. */
void chr_io_update(Chardev *chr);
/* The same with .lock held. */
void chr_io_update_locked(Chardev *chr);
bool chr_io_set_context(Chardev *chr, AioContext *ctx);
int chr_io_write(Chardev *chr, const uint8_t *buf, int len, bool all);
void chr_io_flush(Chardev *chr, int ms);

/* How much the front end takes, and handing it over; for back ends with input of their own. */
int chr_can_read(Chardev *chr);
void chr_deliver(Chardev *chr, const uint8_t *buf, int len);

/* --- char-mux.c
 * --------------------------------------------------------------------------------------------------
 */
ChrMux *chr_mux_new(Chardev *chr);
void chr_mux_free(ChrMux *mux);
bool chr_mux_attach(ChrMux *mux, CharFrontend *fe, GError **errp);
void chr_mux_detach(ChrMux *mux, CharFrontend *fe);
/* Cuts all front ends off: they write to nobody from now on. */
void chr_mux_orphan(ChrMux *mux);
void chr_mux_set_focus(ChrMux *mux, int tag);
void chr_mux_event(ChrMux *mux, ChrEvent event);
int chr_mux_can_read(ChrMux *mux);
void chr_mux_read(ChrMux *mux, const uint8_t *buf, int len);
void chr_mux_accept_input(ChrMux *mux, CharFrontend *fe);
bool chr_mux_busy(const ChrMux *mux);

/* --- options
 * ---------------------------------------------------------------------------------------------------
 */
bool chr_set_nonblocking(int fd, GError **errp);

#endif
