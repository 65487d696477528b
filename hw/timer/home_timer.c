/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Timers that follow a region to its home; see the header. */
#include "hw/timer/home_timer.h"

static GQueue timers = G_QUEUE_INIT; /* main loop */

typedef struct Removal {
    AioTimer *timer;
} Removal;

static void remove_at_home(void *opaque)
{
    aio_timer_free(((Removal *)opaque)->timer);
}

/* Frees a timer in its thread, or here when that has ended. */
static void remove_timer(AioTimer *timer, AioContext *ctx)
{
    Removal r = {timer};

    if (aio_context_is_running(ctx)) {
        aio_call(ctx, remove_at_home, &r);
    } else {
        aio_timer_free(timer);
    }
    aio_context_unref(ctx);
}

static void move(HomeTimer *t, AioContext *ctx)
{
    AioTimer *old = t->timer, *new = aio_timer_new(ctx, t->clock, t->fn, t->opaque);
    AioContext *old_ctx = t->ctx;

    qemu_mutex_lock(&t->lock);
    t->timer = new;
    t->ctx = aio_context_ref(ctx);
    if (aio_timer_pending(old)) {
        aio_timer_mod(new, aio_timer_expire_ns(old));
    } else {
        /* It may be firing just now in its old home, or have fired: once more does no harm. */
        aio_timer_mod(new, 0);
    }
    aio_timer_del(old);
    qemu_mutex_unlock(&t->lock);
    remove_timer(old, old_ctx);
}

static void home_changed(MemoryListener *l, const MemoryRegionSection *s)
{
    for (GList *i = timers.head; i; i = i->next) {
        HomeTimer *t = i->data;
        AioContext *ctx = __atomic_load_n(&t->mr->home_ctx, __ATOMIC_ACQUIRE);

        if (t->mr != s->mr) {
            continue;
        }
        if (!ctx || !aio_context_is_running(ctx)) {
            ctx = aio_get_main(); /* no home, or in another process */
        }
        if (ctx != t->ctx) {
            move(t, ctx);
        }
    }
}

static MemoryListener listeners[2] = {
    {.name = "home-timers", .ioregion_add = home_changed, .ioregion_del = home_changed},
    {.name = "home-timers-io", .ioregion_add = home_changed, .ioregion_del = home_changed},
};

void home_timer_init(HomeTimer *t, MemoryRegion *mr, QEMUClockType clock, AioFn *fn, void *opaque)
{
    static bool registered;

    assert_main_loop();
    if (!registered) {
        registered = true;
        memory_listener_register(&listeners[0], &address_space_memory);
        memory_listener_register(&listeners[1], &address_space_io);
    }
    qemu_mutex_init(&t->lock);
    t->mr = mr;
    t->clock = clock;
    t->fn = fn;
    t->opaque = opaque;
    t->ctx = aio_context_ref(aio_get_main());
    t->timer = aio_timer_new(t->ctx, clock, fn, opaque);
    t->link.data = t;
    g_queue_push_tail_link(&timers, &t->link);
}

void home_timer_cleanup(HomeTimer *t)
{
    if (t->timer) {
        g_queue_unlink(&timers, &t->link);
        remove_timer(t->timer, t->ctx);
        t->timer = NULL;
        qemu_mutex_destroy(&t->lock);
    }
}

void home_timer_mod(HomeTimer *t, int64_t expire_ns)
{
    QEMU_LOCK_GUARD(&t->lock);

    if (expire_ns < 0) {
        aio_timer_del(t->timer);
    } else {
        aio_timer_mod(t->timer, expire_ns);
    }
}
