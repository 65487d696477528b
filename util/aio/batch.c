/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Batches where there is one CPU for producers and home: who runs decides how large they are.
 *
 * A thread that wakes up under SCHED_OTHER takes the CPU from the one that woke it.  On one CPU the
 * home then does the first request while the producer still has thirty to send, and each costs two
 * switches and an interrupt.  A SCHED_BATCH thread waits until the producer sleeps.  That is worse
 * where a producer computes for long after it has sent its only request; so it is tried, and kept
 * only while it pays.
 */
#include "aio-private.h"
#include "qemu/thread.h"

#include <sched.h>

enum {
    WINDOW = 32,       /* batches after which the loop looks at their size */
    WAIT_MAX = 64,     /* windows */
    PAYS = 2 * WINDOW, /* requests in a window */
};

static void set_patient(AioContext *ctx, bool on)
{
    static const struct sched_param none;
    int from = on ? SCHED_OTHER : SCHED_BATCH, to = on ? SCHED_BATCH : SCHED_OTHER;

    if (ctx->patient == on) {
        return;
    }
    if (sched_getscheduler(0) == from && sched_setscheduler(0, to, &none) == 0) {
        ctx->patient = on;
    } else {
        ctx->patient = false; /* somebody chose a policy for this thread */
    }
}

static void window_ends(AioContext *ctx)
{
    bool pays = ctx->batched >= PAYS;

    ctx->batches = ctx->batched = 0;
    if (qemu_cpus_allowed() > 1) {
        set_patient(ctx, false);
    } else if (ctx->patient) {
        if (pays) {
            ctx->patience_wait = 0;
            return;
        }
        set_patient(ctx, false);
        ctx->patience_wait = CLAMP(ctx->patience_wait * 2, 2, WAIT_MAX);
        ctx->patience_left = ctx->patience_wait;
    } else if (ctx->patience_left) {
        ctx->patience_left--;
    } else {
        set_patient(ctx, true);
    }
}

void aio_batch_done(AioContext *ctx, unsigned n)
{
    ctx->batched += n;
    if (unlikely(++ctx->batches >= WINDOW)) {
        window_ends(ctx);
    }
}
