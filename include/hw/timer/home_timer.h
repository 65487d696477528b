/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A timer that lives where a region of its device is at home: with -object ioregionfd,device=..,
 * region=.. a tick source has its ticks, too, in an IOThread, so that a busy main loop loses none.
 *
 * The callback takes its device's lock; it may run in the old home once more while the region
 * moves.
 */
#ifndef HW_TIMER_HOME_TIMER_H
#define HW_TIMER_HOME_TIMER_H

#include "qemu/aio.h"
#include "qemu/thread.h"
#include "system/memory.h"

typedef struct HomeTimer {
    MemoryRegion *mr;
    QEMUClockType clock;
    AioFn *fn;
    void *opaque;
    QemuMutex lock; /* leaf; timer, ctx */
    AioTimer *timer;
    AioContext *ctx; /* a reference */
    GList link;
} HomeTimer;

/* For the device that owns mr (initialised before); main loop. */
void home_timer_init(HomeTimer *t, MemoryRegion *mr, QEMUClockType clock, AioFn *fn, void *opaque);
/* Does nothing if init was never called.  Main loop. */
void home_timer_cleanup(HomeTimer *t);
/* Fires at expire_ns; -1: not at all.  Any thread. */
void home_timer_mod(HomeTimer *t, int64_t expire_ns);

#endif
