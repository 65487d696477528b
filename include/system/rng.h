/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -object rng-random, rng-builtin: where random bytes for guests come from. */
#ifndef SYSTEM_RNG_H
#define SYSTEM_RNG_H

#include "qom/object.h"

#define TYPE_RNG_BACKEND "rng-backend"
#define TYPE_RNG_RANDOM "rng-random"
#define TYPE_RNG_BUILTIN "rng-builtin"

typedef struct RngBackend RngBackend;

/* Fills up to iov's length; bytes, or -EAGAIN: wait until rng_fd() is readable, or another negative
 * errno.  Never waits.  Any thread. */
ssize_t rng_readv(RngBackend *rng, const struct iovec *iov, int niov);
/* What to wait for; -1: rng_readv() never gives -EAGAIN. */
int rng_fd(RngBackend *rng);
/* A user holds it: object-del is refused meanwhile. Main loop. */
void rng_hold(RngBackend *rng);
void rng_release(RngBackend *rng);

#endif
