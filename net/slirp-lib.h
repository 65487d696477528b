/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libslirp, loaded when the first back end "user" asks for it. */
#ifndef NET_SLIRP_LIB_H
#define NET_SLIRP_LIB_H

#include "qemu/error.h"

#include <libslirp.h>

#define SLIRP_FUNCTIONS(F) \
    F(slirp_new) \
    F(slirp_cleanup) F(slirp_pollfds_fill) F(slirp_pollfds_poll) F(slirp_input) \
        F(slirp_add_hostfwd) F(slirp_remove_hostfwd) F(slirp_add_exec) F(slirp_add_guestfwd) \
            F(slirp_socket_can_recv) F(slirp_socket_recv) F(slirp_connection_info)

typedef struct SlirpLib {
#define F(name) __typeof__(name) *name;
    SLIRP_FUNCTIONS(F)
#undef F
} SlirpLib;

/* NULL with errp when the library is not there.  Main loop. */
const SlirpLib *slirp_lib_load(GError **errp);

#endif
