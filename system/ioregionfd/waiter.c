/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Waiters: answer, cancel, kick, sleep.  The hand-shakes are in docs/devel/ioregion-ring.promela.
 *
 * All of a wait's life is in one 64-bit word, changed by compare-and-swap: whoever moves it from
 * PENDING to CLAIMED or CANCELLED has decided the outcome, so that an answer, a cancel and a
 * time-out can race and one of them wins.
 */
#include "waiter.h"

#include <poll.h>
#include <sys/eventfd.h>

#define INDEX_MASK (WAITERS_MAX - 1)

static IoRegionWaiter *waiters[WAITERS_MAX]; /* atomic pointers; records are reused, never freed */
static unsigned n_waiters;                   /* atomic */
static __thread IoRegionWaiter *self;
static pthread_key_t exit_key;
static pthread_once_t exit_key_once = PTHREAD_ONCE_INIT;

/* --- ticks
 * -------------------------------------------------------------------------------------------------------
 */

/* Nanoseconds in 2^32 ticks: a guess until some time has passed since the start, then measured,
 * once. */
static struct {
    uint64_t mult;        /* atomic */
    uint64_t ticks0, ns0; /* set by the constructor */
    bool measured;        /* atomic */
} tick_scale = {.mult = (UINT64_C(1) << 32) * 2 / 5};

static uint64_t monotonic_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * NANOSECONDS_PER_SECOND + ts.tv_nsec;
}

__attribute__((constructor)) static void tick_scale_start(void)
{
    tick_scale.ticks0 = ioregion_ticks();
    tick_scale.ns0 = monotonic_ns();
}

static void tick_scale_measure(uint64_t now)
{
    uint64_t ticks = now - tick_scale.ticks0;

    /* 2^24 ticks are some milliseconds: good for better than 1 % */
    if (ticks < (UINT64_C(1) << 24)) {
        return;
    }
    if (!__atomic_exchange_n(&tick_scale.measured, true, __ATOMIC_RELAXED)) {
        uint64_t ns = monotonic_ns() - tick_scale.ns0;
        uint64_t mult = (uint64_t)(((__uint128_t)ns << 32) / ticks);

        __atomic_store_n(&tick_scale.mult, MAX(mult, 1), __ATOMIC_RELAXED);
    }
}

uint64_t ioregion_ticks_to_ns(uint64_t ticks)
{
    if (unlikely(!__atomic_load_n(&tick_scale.measured, __ATOMIC_RELAXED))) {
        tick_scale_measure(ioregion_ticks());
    }
    /* Two CPUs' counters may differ a little: a small negative time is none. */
    if (unlikely((int64_t)ticks < 0)) {
        return 0;
    }
    return (uint64_t)(((__uint128_t)ticks * __atomic_load_n(&tick_scale.mult, __ATOMIC_RELAXED)) >>
                      32);
}

/* --- the table
 * -----------------------------------------------------------------------------------------------------
 */

IoRegionWaiter *waiter_by_index(unsigned index)
{
    return index < WAITERS_MAX ? __atomic_load_n(&waiters[index], __ATOMIC_ACQUIRE) : NULL;
}

unsigned waiter_count(void)
{
    return __atomic_load_n(&n_waiters, __ATOMIC_ACQUIRE);
}

static void thread_exit(void *opaque)
{
    IoRegionWaiter *w = opaque;

    w->cpu = NULL;
    w->process_events = NULL;
    w->events_pending = NULL;
    __atomic_store_n(&w->in_use, false, __ATOMIC_RELEASE);
}

static void make_exit_key(void)
{
    pthread_key_create(&exit_key, thread_exit);
}

static IoRegionWaiter *waiter_adopt(void)
{
    for (unsigned i = 0; i < WAITERS_MAX; i++) {
        IoRegionWaiter *w = waiter_by_index(i);
        bool expected = false;

        if (!w) {
            IoRegionWaiter *fresh = NULL;

            if (posix_memalign((void **)&fresh, QEMU_CACHELINE, sizeof(*fresh))) {
                return NULL;
            }
            memset(fresh, 0, sizeof(*fresh));
            fresh->index = i;
            fresh->eventfd = -1;
            fresh->in_use = true;
            if (!__atomic_compare_exchange_n(&waiters[i], &w, fresh, false, __ATOMIC_SEQ_CST,
                                             __ATOMIC_ACQUIRE)) {
                free(fresh);
                i--; /* someone else made this one: try to get it */
                continue;
            }
            unsigned n = waiter_count();

            while (n < i + 1 && !__atomic_compare_exchange_n(&n_waiters, &n, i + 1, false,
                                                             __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE)) {
            }
            return fresh;
        }
        if (__atomic_compare_exchange_n(&w->in_use, &expected, true, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED)) {
            return w;
        }
    }
    return NULL;
}

IoRegionWaiter *waiter_self(void)
{
    if (unlikely(!self)) {
        pthread_once(&exit_key_once, make_exit_key);
        self = waiter_adopt();
        if (self) {
            pthread_setspecific(exit_key, self);
        }
    }
    return self;
}

void waiter_release_self(void)
{
    if (self) {
        pthread_setspecific(exit_key, NULL);
        thread_exit(self);
        self = NULL;
    }
}

/* --- one command
 * ----------------------------------------------------------------------------------------------------
 */

static inline uint64_t make_state(uint32_t id, uint32_t flags)
{
    return (uint64_t)id << 32 | flags;
}

uint32_t waiter_begin(IoRegionWaiter *w, const void *channel, const void *region,
                      int64_t timeout_ns)
{
    uint32_t id;

    if (unlikely((waiter_flags(w) & WAIT_PHASE) != WAIT_IDLE)) {
        return 0;
    }
    w->generation++;
    if (unlikely(!(w->generation << WAITER_INDEX_BITS))) {
        w->generation = 1;
    }
    id = w->generation << WAITER_INDEX_BITS | w->index;
    __atomic_store_n(&w->channel, channel, __ATOMIC_RELAXED);
    __atomic_store_n(&w->region, region, __ATOMIC_RELAXED);
    w->spun = false;
    w->timeout_ns = timeout_ns;
    w->start = ioregion_ticks();
    __atomic_store_n(&w->state, make_state(id, WAIT_PENDING), __ATOMIC_RELEASE);
    return id;
}

static void wake(IoRegionWaiter *w, uint32_t old)
{
    if (old & WAIT_SLEEP) {
        /* The low half of the word: this is a little-endian machine. */
        qemu_futex_wake((uint32_t *)&w->state, 1);
    } else if (old & WAIT_POLL) {
        uint64_t one = 1;

        while (write(w->eventfd, &one, sizeof(one)) < 0 && errno == EINTR) {
        }
    }
}

bool waiter_answer(uint32_t id, const void *channel, uint64_t data, uint32_t status)
{
    IoRegionWaiter *w = waiter_by_index(id & INDEX_MASK);
    uint64_t s, old;

    if (!w) {
        return false;
    }
    s = __atomic_load_n(&w->state, __ATOMIC_ACQUIRE);
    do {
        /* The channel is looked at while the id still matches, and the swap fails if it does not by
         * then. */
        if (s >> 32 != id || (s & WAIT_PHASE) != WAIT_PENDING ||
            __atomic_load_n(&w->channel, __ATOMIC_RELAXED) != channel) {
            return false;
        }
    } while (!__atomic_compare_exchange_n(&w->state, &s, (s & ~(uint64_t)WAIT_PHASE) | WAIT_CLAIMED,
                                          true, __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE));
    w->data = data;
    w->status = status;
    /* CLAIMED to DONE; the flags stay. */
    old = __atomic_fetch_add(&w->state, WAIT_DONE - WAIT_CLAIMED, __ATOMIC_SEQ_CST);
    wake(w, (uint32_t)old);
    return true;
}

bool waiter_pending(uint32_t id)
{
    IoRegionWaiter *w = waiter_by_index(id & INDEX_MASK);
    uint64_t s;

    if (!w) {
        return false;
    }
    s = __atomic_load_n(&w->state, __ATOMIC_ACQUIRE);
    return s >> 32 == id && (s & WAIT_PHASE) == WAIT_PENDING;
}

bool waiter_cancel(IoRegionWaiter *w, const void *channel, const void *region, uint32_t why)
{
    uint64_t s = __atomic_load_n(&w->state, __ATOMIC_ACQUIRE);
    uint64_t old;

    do {
        if ((s & WAIT_PHASE) != WAIT_PENDING ||
            (channel && __atomic_load_n(&w->channel, __ATOMIC_RELAXED) != channel) ||
            (region && __atomic_load_n(&w->region, __ATOMIC_RELAXED) != region)) {
            return false;
        }
    } while (!__atomic_compare_exchange_n(&w->state, &s, (s & ~(uint64_t)WAIT_PHASE) | WAIT_CLAIMED,
                                          true, __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE));
    w->data = UINT64_MAX;
    w->status = why;
    old = __atomic_fetch_add(&w->state, WAIT_CANCELLED - WAIT_CLAIMED, __ATOMIC_SEQ_CST);
    wake(w, (uint32_t)old);
    return true;
}

unsigned waiter_cancel_all(const void *channel, const void *region, uint32_t why)
{
    unsigned n = 0;

    for (unsigned i = 0; i < waiter_count(); i++) {
        IoRegionWaiter *w = waiter_by_index(i);

        n += w && waiter_cancel(w, channel, region, why);
    }
    return n;
}

static uint64_t set_flag(IoRegionWaiter *w, uint32_t flag)
{
    uint64_t old = __atomic_fetch_or(&w->state, flag, __ATOMIC_SEQ_CST);

    if ((old & WAIT_PHASE) == WAIT_PENDING) {
        wake(w, (uint32_t)old);
    }
    return old;
}

void waiter_kick(IoRegionWaiter *w)
{
    set_flag(w, WAIT_KICK);
}

bool waiter_promote(IoRegionWaiter *w)
{
    uint64_t old = set_flag(w, WAIT_LEAD);

    return (old & WAIT_PHASE) == WAIT_PENDING && !(old & WAIT_AWAY);
}

/* --- waiting
 * --------------------------------------------------------------------------------------------------------
 */

WaiterStep waiter_look(IoRegionWaiter *w)
{
    for (;;) {
        uint32_t s = waiter_flags(w);

        switch (s & WAIT_PHASE) {
        case WAIT_PENDING:
            return s & WAIT_KICK && w->cpu ? WAITER_EVENTS : WAITER_PENDING;
        case WAIT_CLAIMED:
            cpu_relax();
            break;
        default:
            return WAITER_ENDED;
        }
    }
}

void waiter_run_events(IoRegionWaiter *w, void (*promoted)(void *channel, const IoRegionWaiter *w))
{
    uint64_t before = ioregion_ticks();
    /* Whoever promotes us sees AWAY, or we see the promotion here. */
    uint64_t old = __atomic_fetch_or(&w->state, WAIT_AWAY, __ATOMIC_SEQ_CST);

    __atomic_fetch_and(&w->state, ~(uint64_t)(WAIT_KICK | WAIT_LEAD), __ATOMIC_SEQ_CST);
    if (old & WAIT_LEAD && promoted) {
        promoted((void *)(uintptr_t)w->channel, w);
    }
    if (w->process_events) {
        w->process_events(w->cpu);
    }
    __atomic_fetch_and(&w->state, ~(uint64_t)WAIT_AWAY, __ATOMIC_SEQ_CST);
    w->start += ioregion_ticks() - before;
}

bool waiter_prepare_sleep(IoRegionWaiter *w, uint32_t flag, uint32_t *flags)
{
    uint64_t s = __atomic_load_n(&w->state, __ATOMIC_ACQUIRE);

    if ((s & WAIT_PHASE) != WAIT_PENDING || (s & WAIT_KICK && w->cpu) || s & WAIT_LEAD ||
        !__atomic_compare_exchange_n(&w->state, &s, s | flag, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_ACQUIRE)) {
        return false;
    }
    *flags = (uint32_t)s | flag;
    return true;
}

void waiter_end_sleep(IoRegionWaiter *w, uint32_t flag)
{
    __atomic_fetch_and(&w->state, ~(uint64_t)flag, __ATOMIC_SEQ_CST);
}

int64_t waiter_time_left(const IoRegionWaiter *w)
{
    uint64_t past;

    if (w->timeout_ns < 0) {
        return -1;
    }
    past = ioregion_ticks_to_ns(ioregion_ticks() - w->start);
    return past < (uint64_t)w->timeout_ns ? w->timeout_ns - (int64_t)past : 0;
}

/* How many threads poll for an answer now: never more than leaves a CPU for the home. */
static unsigned spinners;
static unsigned cpus_cached; /* atomic; 0: not looked up yet */

/* The longest polling that can pay: about what a sleep and a wake-up cost on a machine that
 * virtualizes. */
#define SPIN_MAX_NS 20000

static bool spin_begin(IoRegionWaiter *w)
{
    unsigned allowed = __atomic_load_n(&cpus_cached, __ATOMIC_RELAXED);

    /* The affinity mask can change, but looking costs a system call. */
    if (unlikely(!allowed || !(++w->spin_age & 1023))) {
        allowed = qemu_cpus_allowed();
        __atomic_store_n(&cpus_cached, allowed, __ATOMIC_RELAXED);
    }
    if (allowed < 2) {
        return false;
    }
    if (!w->spin_ticks && (w->spin_age & 63)) {
        return false;
    }
    if (__atomic_fetch_add(&spinners, 1, __ATOMIC_RELAXED) + 1 >= allowed) {
        __atomic_fetch_sub(&spinners, 1, __ATOMIC_RELAXED);
        return false;
    }
    return true;
}

bool waiter_spin(IoRegionWaiter *w)
{
    uint64_t limit;

    if (!spin_begin(w)) {
        return false;
    }
    /* Seldom one tries again although it did not pay: the load may have changed. */
    limit = w->spin_ticks ? w->spin_ticks : UINT64_C(1) << 14;
    while ((waiter_flags(w) & (WAIT_PHASE | WAIT_KICK | WAIT_LEAD)) == WAIT_PENDING &&
           ioregion_ticks() - w->start < limit) {
        cpu_relax();
    }
    __atomic_fetch_sub(&spinners, 1, __ATOMIC_RELAXED);
    w->spun = waiter_look(w) == WAITER_ENDED;
    if (!w->spun) {
        w->spin_ticks /= 2;
        if (w->spin_ticks < 1024) {
            w->spin_ticks = 0;
        }
    }
    return w->spun;
}

/* After a wait that took ns: would polling have paid? */
static void spin_learn(IoRegionWaiter *w, uint64_t ticks, uint64_t ns)
{
    if (ns < SPIN_MAX_NS / 2) {
        w->spin_ticks = (w->spin_ticks * 7 + ticks * 2) / 8;
    } else if (!w->spun) {
        w->spin_ticks -= w->spin_ticks / 8;
    }
}

void waiter_wait(IoRegionWaiter *w)
{
    bool looked = false;

    if (waiter_spin(w)) {
        return;
    }
    for (;;) {
        uint32_t flags;

        switch (waiter_look(w)) {
        case WAITER_ENDED:
            return;
        case WAITER_EVENTS:
            waiter_run_events(w, NULL);
            continue;
        case WAITER_PENDING:
            break;
        }
        if (!waiter_prepare_sleep(w, WAIT_SLEEP, &flags)) {
            /* nobody promotes a waiter of a ring */
            waiter_end_sleep(w, WAIT_LEAD);
            continue;
        }
        /* A kick that came before PENDING was set left its flag in the vCPU only. */
        if (!looked && w->events_pending && __atomic_load_n(w->events_pending, __ATOMIC_SEQ_CST)) {
            looked = true;
            waiter_end_sleep(w, WAIT_SLEEP);
            waiter_run_events(w, NULL);
            continue;
        }
        looked = true;
        int64_t left = waiter_time_left(w);

        if (left) {
            qemu_futex_wait((uint32_t *)&w->state, flags, left);
        } else {
            waiter_cancel(w, NULL, NULL, WAIT_FAIL_TIMEOUT);
        }
        if ((waiter_flags(w) & WAIT_PHASE) != WAIT_DONE) {
            waiter_end_sleep(w, WAIT_SLEEP);
        }
    }
}

uint32_t waiter_finish(IoRegionWaiter *w, uint64_t *data, uint64_t *ns, bool *lead)
{
    uint64_t ticks = ioregion_ticks() - w->start;
    uint64_t took = ioregion_ticks_to_ns(ticks);
    uint32_t status = w->status;

    *data = w->data;
    if (lead) {
        *lead = waiter_flags(w) & WAIT_LEAD;
    }
    spin_learn(w, ticks, took);
    if (ns) {
        *ns = took;
    }
    __atomic_store_n(&w->state, 0, __ATOMIC_RELEASE);
    return status;
}
