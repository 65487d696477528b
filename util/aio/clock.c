/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The clocks, and control of the virtual one. */
#include "aio-private.h"

/* The virtual clock in one atomic word, so that readers need no lock: nanoseconds times two, plus
 * one while the clock runs.  A running clock's value is an offset to CLOCK_MONOTONIC, a standing
 * clock's is its time. */
static int64_t virt;
static bool virt_manual; /* atomics; written by the main loop */
static bool virt_enabled;

static int64_t pack(int64_t ns, bool runs)
{
    return ns * 2 + runs;
}

static void set_virtual(int64_t word)
{
    __atomic_store_n(&virt, word, __ATOMIC_SEQ_CST);
}

int64_t qemu_clock_get_ns(QEMUClockType clock)
{
    struct timespec ts;
    int64_t v;

    switch (clock) {
    case QEMU_CLOCK_VIRTUAL:
        v = __atomic_load_n(&virt, __ATOMIC_SEQ_CST);
        return (v & 1) ? (v >> 1) + aio_monotonic_ns() : v >> 1;
    case QEMU_CLOCK_HOST:
        clock_gettime(CLOCK_REALTIME, &ts);
        return ts.tv_sec * NANOSECONDS_PER_SECOND + ts.tv_nsec;
    case QEMU_CLOCK_REALTIME:
        return aio_monotonic_ns();
    }
    g_assert_not_reached();
}

bool aio_clock_enabled(QEMUClockType clock, bool *runs)
{
    if (clock != QEMU_CLOCK_VIRTUAL) {
        *runs = true;
        return true;
    }
    *runs = __atomic_load_n(&virt, __ATOMIC_SEQ_CST) & 1;
    return __atomic_load_n(&virt_enabled, __ATOMIC_SEQ_CST);
}

void aio_clock_set_manual(bool manual)
{
    __atomic_store_n(&virt_manual, manual, __ATOMIC_SEQ_CST);
    __atomic_store_n(&virt_enabled, manual, __ATOMIC_SEQ_CST);
    set_virtual(0);
    aio_notify_all();
}

void aio_clock_enable(bool running)
{
    int64_t now = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);

    if (running == __atomic_load_n(&virt_enabled, __ATOMIC_SEQ_CST)) {
        return;
    }
    if (!virt_manual) {
        set_virtual(running ? pack(now - aio_monotonic_ns(), true) : pack(now, false));
    }
    __atomic_store_n(&virt_enabled, running, __ATOMIC_SEQ_CST);
    aio_notify_all();
}

/* --- stepping ------------------------------------------------------------------------------------
 */

typedef struct Earliest {
    AioContext *asked;
    int64_t deadline; /* -1: none */
    AioContext *ctx;  /* whose; a reference */
} Earliest;

static void ask_deadline(void *opaque)
{
    Earliest *e = opaque;
    int64_t next = aio_timers_next(e->asked, QEMU_CLOCK_VIRTUAL);

    if (next >= 0 && (e->deadline < 0 || next < e->deadline)) {
        e->deadline = next;
        aio_context_unref(e->ctx);
        e->ctx = aio_context_ref(e->asked);
    }
}

static void ask_context(AioContext *ctx, void *opaque)
{
    ((Earliest *)opaque)->asked = ctx;
    aio_call(ctx, ask_deadline, opaque);
}

int64_t aio_clock_next_deadline(void)
{
    Earliest e = {.deadline = -1};

    aio_foreach_running(ask_context, &e);
    aio_context_unref(e.ctx);
    return e.deadline;
}

static void run_virtual(void *opaque)
{
    aio_timers_run_clock(opaque, QEMU_CLOCK_VIRTUAL);
}

int64_t aio_clock_advance(int64_t target_ns)
{
    g_assert(virt_manual);
    for (;;) {
        Earliest e = {.deadline = -1};

        aio_foreach_running(ask_context, &e);
        if (e.deadline < 0 || e.deadline > target_ns ||
            !__atomic_load_n(&virt_enabled, __ATOMIC_SEQ_CST)) {
            aio_context_unref(e.ctx);
            break;
        }
        if (e.deadline > qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL)) {
            set_virtual(pack(e.deadline, false));
        }
        aio_call(e.ctx, run_virtual, e.ctx);
        aio_context_unref(e.ctx);
    }
    /* A stopped VM's clock stays, also when a timer's function stopped it. */
    if (__atomic_load_n(&virt_enabled, __ATOMIC_SEQ_CST) &&
        target_ns > qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL)) {
        set_virtual(pack(target_ns, false));
    }
    return qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
}
