/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pollers, and how long the loop spins before it sleeps. */
#include "aio-private.h"

#define POLL_START_NS 4000    /* first window when polling begins to pay */
#define AFFINITY_INTERVAL 256 /* windows between looks at the affinity mask */

AioPoller *aio_poller_new(AioContext *ctx, const AioPollOps *ops, void *opaque)
{
    AioPoller *p = g_new0(AioPoller, 1);

    aio_assert_owner(ctx);
    p->ctx = ctx;
    p->ops = ops;
    p->opaque = opaque;
    p->next = ctx->pollers;
    ctx->pollers = p;
    return p;
}

void aio_poller_delete(AioPoller *p)
{
    AioContext *ctx = p->ctx;

    aio_assert_owner(ctx);
    p->deleted = true;
    ctx->pollers_deleted = true;
    if (!ctx->depth) {
        aio_pollers_reap(ctx);
    }
}

void aio_pollers_reap(AioContext *ctx)
{
    AioPoller **link = &ctx->pollers;

    if (likely(!ctx->pollers_deleted)) {
        return;
    }
    ctx->pollers_deleted = false;
    while (*link) {
        AioPoller *p = *link;

        if (p->deleted) {
            *link = p->next;
            g_free(p);
        } else {
            link = &p->next;
        }
    }
}

bool aio_pollers_run(AioContext *ctx)
{
    bool progress = false;

    for (AioPoller *p = ctx->pollers; p; p = p->next) {
        if (!p->deleted) {
            progress |= p->ops->poll(p->opaque);
        }
    }
    return progress;
}

bool aio_pollers_sleep(AioContext *ctx)
{
    ctx->pollers_asleep = ctx->pollers != NULL;
    for (AioPoller *p = ctx->pollers; p; p = p->next) {
        if (!p->deleted && p->ops->sleep) {
            p->asleep = true;
            if (p->ops->sleep(p->opaque)) {
                return false;
            }
        }
    }
    return true;
}

void aio_pollers_wake(AioContext *ctx)
{
    if (!ctx->pollers_asleep) {
        return;
    }
    ctx->pollers_asleep = false;
    for (AioPoller *p = ctx->pollers; p; p = p->next) {
        if (p->asleep) {
            p->asleep = false;
            if (!p->deleted && p->ops->wake) {
                p->ops->wake(p->opaque);
            }
        }
    }
}

void aio_set_poll_params(AioContext *ctx, int64_t max_ns, int64_t grow, int64_t shrink)
{
    __atomic_store_n(&ctx->poll_grow, grow ? grow : 2, __ATOMIC_RELAXED);
    __atomic_store_n(&ctx->poll_shrink, shrink, __ATOMIC_RELAXED);
    __atomic_store_n(&ctx->poll_max_ns, max_ns, __ATOMIC_RELAXED);
}

/* Spinning on the only CPU keeps the producer from running. */
static bool may_spin(AioContext *ctx)
{
    if (ctx->poll_count++ % AFFINITY_INTERVAL == 0) {
        ctx->may_spin = qemu_cpus_allowed() > 1;
    }
    return ctx->may_spin;
}

bool aio_poll_window(AioContext *ctx, bool *progress)
{
    int64_t window = MIN(ctx->poll_ns, __atomic_load_n(&ctx->poll_max_ns, __ATOMIC_RELAXED));
    int64_t timeout, end;
    bool hit = true;

    if (window <= 0 || !may_spin(ctx)) {
        return false;
    }
    ctx->engine->wait(ctx, 0);       /* the kernel works on our requests while we spin */
    timeout = aio_timers_sleep(ctx); /* from here on, an earlier timer notifies us */
    if (timeout >= 0) {
        window = MIN(window, timeout);
    }
    end = aio_monotonic_ns() + window;
    for (;;) {
        if (aio_pollers_run(ctx)) {
            *progress = true;
        }
        if (*progress || __atomic_load_n(&ctx->state, __ATOMIC_RELAXED) == AIO_NOTIFIED ||
            ctx->engine->ready(ctx)) {
            break;
        }
        if (aio_monotonic_ns() >= end) {
            hit = timeout == 0;
            break;
        }
        for (int i = 0; i < 8; i++) {
            cpu_relax();
        }
    }
    aio_timers_awake(ctx);
    aio_stat_inc(hit ? &ctx->stats.polls_hit : &ctx->stats.polls_missed);
    return hit;
}

/* blocked_ns: spinning and sleeping together.  Polling pays when it could have caught this wake-up
 * within the limit. */
void aio_poll_adapt(AioContext *ctx, int64_t blocked_ns)
{
    int64_t max_ns = __atomic_load_n(&ctx->poll_max_ns, __ATOMIC_RELAXED);
    int64_t grow = __atomic_load_n(&ctx->poll_grow, __ATOMIC_RELAXED);
    int64_t shrink = __atomic_load_n(&ctx->poll_shrink, __ATOMIC_RELAXED);

    if (blocked_ns > max_ns) {
        ctx->poll_ns = shrink > 0 ? ctx->poll_ns / shrink : 0;
    } else if (blocked_ns > ctx->poll_ns) {
        ctx->poll_ns = ctx->poll_ns > max_ns / grow ? max_ns : ctx->poll_ns * grow;
        ctx->poll_ns = CLAMP(ctx->poll_ns, MIN(POLL_START_NS, max_ns), max_ns);
    }
}
