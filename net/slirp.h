/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of the back end "user". */
#ifndef NET_SLIRP_H
#define NET_SLIRP_H

#include "chardev/char.h"
#include "net-internal.h"
#include "qemu/thread.h"
#include "slirp-lib.h"

#include <poll.h>

typedef struct SlirpForward SlirpForward;

typedef struct SlirpPort {
    NetPort parent;
    const SlirpLib *lib;
    Slirp *slirp;
    struct in_addr net, mask, host, dhcp_start;
    bool restricted;
    GPtrArray *forwards; /* SlirpForward *: guestfwd with a character device */
    /* --- wire's thread --- */
    bool paused;       /* the NIC has no room: sockets are not read */
    GArray *polls;     /* struct pollfd: what libslirp waits for */
    GHashTable *watch; /* descriptor -> events with which it is registered */
    GPtrArray *timers; /* of libslirp */
    AioTimer *timer;   /* its next deadline */
    uint8_t *buf;      /* a frame of the guest in one piece */
    QemuMutex bh_lock; /* bh is made and deleted under it */
    AioBH *bh;         /* looks after descriptors and deadlines */
} SlirpPort;

/* libslirp has variables that all instances share. */
void slirp_lock(void);
void slirp_unlock(void);
/* Any thread: descriptors and deadlines are looked at soon. */
void slirp_port_wake(SlirpPort *s);

/* hostfwd and guestfwd (slirp-forward.c).  text as in the options. At start: main loop, before the
 * port moves. */
bool slirp_hostfwd(SlirpPort *s, const char *text, bool remove, GError **errp);
bool slirp_guestfwd(SlirpPort *s, const char *text, GError **errp);
/* Wire's thread, slirp_lock() held: moves what character devices sent into the network. */
void slirp_forwards_run(SlirpPort *s);
void slirp_forwards_free(SlirpPort *s);

#endif
