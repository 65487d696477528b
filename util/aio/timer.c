/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Timers of a context: one binary heap per clock, touched by the home thread only.
 *
 * Other threads set the timer's deadline (an atomic) and push the timer on the context's list of
 * changed timers, which the home thread works off before it looks at its heaps.  They wake it only
 * if it sleeps beyond the new deadline: the home thread publishes the deadlines it sleeps to and
 * then looks at the list again; the other side pushes and then looks at the deadlines; one of the
 * two sees the other.
 */
#include "aio-private.h"

/* A set wall clock is noticed after this time at the latest. */
#define HOST_CLOCK_LOOK_NS NANOSECONDS_PER_SECOND

/* --- heap ------------------------------------------------------------------------------------- */

static void heap_put(AioTimerHeap *h, int i, AioTimer *t)
{
    h->t[i] = t;
    t->index = i;
}

/* Moves the timer at i to its place, the rest being in order. */
static void heap_sift(AioTimerHeap *h, int i)
{
    AioTimer *t = h->t[i];

    while (i > 0 && h->t[(i - 1) / 2]->key > t->key) {
        heap_put(h, i, h->t[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    for (;;) {
        int child = 2 * i + 1;

        if (child + 1 < h->n && h->t[child + 1]->key < h->t[child]->key) {
            child++;
        }
        if (child >= h->n || h->t[child]->key >= t->key) {
            break;
        }
        heap_put(h, i, h->t[child]);
        i = child;
    }
    heap_put(h, i, t);
}

static void heap_remove(AioTimerHeap *h, AioTimer *t)
{
    int i = t->index;

    if (i < 0) {
        return;
    }
    t->index = -1;
    if (i != --h->n) {
        heap_put(h, i, h->t[h->n]);
        heap_sift(h, i);
    }
}

static void heap_set(AioTimerHeap *h, AioTimer *t, int64_t key)
{
    if (key < 0) {
        heap_remove(h, t);
        return;
    }
    if (t->index < 0) {
        if (h->n == h->size) {
            h->size = h->size ? h->size * 2 : 8;
            h->t = g_renew(AioTimer *, h->t, h->size);
        }
        h->t[h->n] = t;
        t->index = h->n++;
    }
    t->key = key;
    heap_sift(h, t->index);
}

static AioTimerHeap *heap_of(AioTimer *t)
{
    return &t->ctx->timers[t->clock];
}

/* Brings the heaps up to date with what other threads changed. */
static void gather(AioContext *ctx)
{
    AioTimer *t, *next;

    if (likely(!__atomic_load_n(&ctx->timers_dirty, __ATOMIC_SEQ_CST))) {
        return;
    }
    for (t = __atomic_exchange_n(&ctx->timers_dirty, NULL, __ATOMIC_SEQ_CST); t; t = next) {
        next = t->dirty_next;
        /* Before the deadline is read: a change after it pushes the timer again. */
        (void)!__atomic_exchange_n(&t->dirty, false, __ATOMIC_SEQ_CST);
        heap_set(heap_of(t), t, __atomic_load_n(&t->expire, __ATOMIC_SEQ_CST));
    }
}

/* --- public -------------------------------------------------------------------------------------
 */

AioTimer *aio_timer_new(AioContext *ctx, QEMUClockType clock, AioFn *fn, void *opaque)
{
    AioTimer *t = g_new0(AioTimer, 1);

    t->ctx = ctx;
    t->clock = clock;
    t->fn = fn;
    t->opaque = opaque;
    t->expire = -1;
    t->index = -1;
    return t;
}

static void push_dirty(AioTimer *t)
{
    AioContext *ctx = t->ctx;

    if (__atomic_exchange_n(&t->dirty, true, __ATOMIC_SEQ_CST)) {
        return;
    }
    t->dirty_next = __atomic_load_n(&ctx->timers_dirty, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&ctx->timers_dirty, &t->dirty_next, t, true,
                                        __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
    }
}

void aio_timer_mod(AioTimer *t, int64_t expire_ns)
{
    AioContext *ctx = t->ctx;

    expire_ns = MAX(expire_ns, 0);
    __atomic_store_n(&t->expire, expire_ns, __ATOMIC_SEQ_CST);
    if (aio_in_home(ctx)) {
        heap_set(heap_of(t), t, expire_ns);
        return;
    }
    push_dirty(t);
    if (expire_ns < __atomic_load_n(&ctx->sleep_deadline[t->clock], __ATOMIC_SEQ_CST)) {
        aio_notify(ctx);
    }
}

void aio_timer_del(AioTimer *t)
{
    if (__atomic_exchange_n(&t->expire, -1, __ATOMIC_SEQ_CST) < 0) {
        return;
    }
    if (aio_in_home(t->ctx)) {
        heap_remove(heap_of(t), t);
    } else {
        push_dirty(t);
    }
}

bool aio_timer_pending(const AioTimer *t)
{
    return aio_timer_expire_ns(t) >= 0;
}

int64_t aio_timer_expire_ns(const AioTimer *t)
{
    return __atomic_load_n(&t->expire, __ATOMIC_SEQ_CST);
}

void aio_timer_free(AioTimer *t)
{
    if (!t) {
        return;
    }
    aio_assert_owner(t->ctx);
    gather(t->ctx);
    heap_remove(heap_of(t), t);
    g_free(t);
}

/* --- the loop's side
 * ------------------------------------------------------------------------------ */

int64_t aio_timers_next(AioContext *ctx, QEMUClockType clock)
{
    AioTimerHeap *h = &ctx->timers[clock];

    gather(ctx);
    return h->n ? h->t[0]->key : -1;
}

/* Nanoseconds until the first timer of a clock; < 0: no limit. */
static int64_t clock_timeout(AioContext *ctx, QEMUClockType clock)
{
    AioTimerHeap *h = &ctx->timers[clock];
    int64_t left;
    bool runs;

    if (!h->n || !aio_clock_enabled(clock, &runs)) {
        return -1;
    }
    left = h->t[0]->key - qemu_clock_get_ns(clock);
    left = MAX(left, 0); /* the macro looks twice: never give it a clock */
    if (left && !runs) {
        return -1;
    }
    return clock == QEMU_CLOCK_HOST ? MIN(left, HOST_CLOCK_LOOK_NS) : left;
}

int64_t aio_timers_sleep(AioContext *ctx)
{
    int64_t timeout = -1;

    gather(ctx);
    for (int c = 0; c < AIO_N_CLOCKS; c++) {
        AioTimerHeap *h = &ctx->timers[c];

        __atomic_store_n(&ctx->sleep_deadline[c], h->n ? h->t[0]->key : INT64_MAX,
                         __ATOMIC_SEQ_CST);
    }
    if (__atomic_load_n(&ctx->timers_dirty, __ATOMIC_SEQ_CST)) {
        return 0;
    }
    for (int c = 0; c < AIO_N_CLOCKS; c++) {
        int64_t left = clock_timeout(ctx, c);

        if (left >= 0 && (timeout < 0 || left < timeout)) {
            timeout = left;
        }
    }
    return timeout;
}

void aio_timers_awake(AioContext *ctx)
{
    for (int c = 0; c < AIO_N_CLOCKS; c++) {
        __atomic_store_n(&ctx->sleep_deadline[c], INT64_MIN, __ATOMIC_RELAXED);
    }
}

bool aio_timers_run_clock(AioContext *ctx, QEMUClockType clock)
{
    AioTimerHeap *h = &ctx->timers[clock];
    bool progress = false, runs;
    int64_t now;
    int limit;

    gather(ctx);
    if (!h->n || !aio_clock_enabled(clock, &runs)) {
        return false;
    }
    now = qemu_clock_get_ns(clock);
    /* A timer that is set to the past again and again does not keep the loop from its other work.
     */
    for (limit = h->n; limit > 0 && h->n && h->t[0]->key <= now; limit--) {
        AioTimer *t = h->t[0];
        int64_t expire = t->key;

        heap_remove(h, t);
        if (__atomic_compare_exchange_n(&t->expire, &expire, -1, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST)) {
            t->fn(t->opaque);
            progress = true;
        } else {
            heap_set(h, t, expire); /* changed by another thread a moment ago */
        }
    }
    return progress;
}

bool aio_timers_run(AioContext *ctx)
{
    bool progress = false;

    for (int c = 0; c < AIO_N_CLOCKS; c++) {
        progress |= aio_timers_run_clock(ctx, c);
    }
    return progress;
}

void aio_timers_cleanup(AioContext *ctx)
{
    for (int c = 0; c < AIO_N_CLOCKS; c++) {
        g_free(ctx->timers[c].t);
    }
}
