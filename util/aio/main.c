/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The main loop's context as a source of GLib's default main context.
 *
 * GLib polls the engine's descriptor and a timerfd: its own timeouts are whole milliseconds, which
 * is too coarse for guest timers that live in the main loop.
 */
#include "aio-private.h"

#include <sys/timerfd.h>

typedef struct MainSource {
    GSource source;
    AioContext *ctx;
    void *engine_tag, *timer_tag;
    int timer_fd;
    bool timer_armed;
    int64_t timer_at; /* CLOCK_MONOTONIC; while armed */
} MainSource;

static AioContext *main_ctx; /* written once, before there are threads */

AioContext *aio_get_main(void)
{
    return main_ctx;
}

static void set_timer(MainSource *s, int64_t timeout)
{
    int64_t now = timeout >= 0 ? aio_monotonic_ns() : 0;
    int64_t at = now + timeout;
    struct itimerspec its = {0};

    if (timeout < 0) {
        if (!s->timer_armed) {
            return;
        }
        s->timer_armed = false;
    } else {
        /* The same deadline computed twice differs by the time between two looks at the clock. */
        if (s->timer_armed && s->timer_at > now && ABS(at - s->timer_at) < 1000) {
            return;
        }
        s->timer_armed = true;
        s->timer_at = at;
        its.it_value.tv_sec = at / NANOSECONDS_PER_SECOND;
        its.it_value.tv_nsec = at % NANOSECONDS_PER_SECOND;
    }
    timerfd_settime(s->timer_fd, TFD_TIMER_ABSTIME, &its, NULL);
}

static gboolean source_prepare(GSource *source, gint *glib_timeout)
{
    MainSource *s = (MainSource *)source;
    AioContext *ctx = s->ctx;
    int64_t timeout;

    *glib_timeout = -1;
    aio_engine_need(ctx);
    aio_sleep_end(ctx); /* GLib does not check after each prepare */
    if (!s->engine_tag) {
        s->engine_tag = g_source_add_unix_fd(source, ctx->engine->pollfd(ctx), G_IO_IN);
    }
    ctx->engine->flush(ctx);
    if (ctx->engine->ready(ctx) || ctx->bh_head) {
        return TRUE;
    }
    timeout = aio_sleep_begin(ctx);
    if (!timeout) {
        aio_sleep_end(ctx);
        return TRUE;
    }
    set_timer(s, timeout);
    return FALSE;
}

static gboolean source_check(GSource *source)
{
    MainSource *s = (MainSource *)source;
    AioContext *ctx = s->ctx;

    aio_sleep_end(ctx);
    return g_source_query_unix_fd(source, s->engine_tag) ||
           g_source_query_unix_fd(source, s->timer_tag) || ctx->engine->ready(ctx) ||
           __atomic_load_n(&ctx->state, __ATOMIC_RELAXED) == AIO_NOTIFIED;
}

static gboolean source_dispatch(GSource *source, GSourceFunc fn, gpointer opaque)
{
    aio_poll(((MainSource *)source)->ctx, false);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs source_funcs = {
    .prepare = source_prepare,
    .check = source_check,
    .dispatch = source_dispatch,
};

bool aio_init_main(GError **errp)
{
    MainSource *s;
    int timer_fd;

    g_assert(!main_ctx);
    timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (timer_fd < 0) {
        error_setg_errno(errp, errno, "cannot create the main loop's timerfd");
        return false;
    }
    main_ctx = aio_context_new("main", errp);
    if (!main_ctx) {
        close(timer_fd);
        return false;
    }
    aio_set_current(main_ctx);
    s = (MainSource *)g_source_new(&source_funcs, sizeof(*s));
    s->ctx = main_ctx;
    s->timer_fd = timer_fd;
    s->timer_tag = g_source_add_unix_fd(&s->source, timer_fd, G_IO_IN);
    g_source_set_name(&s->source, "aio-main");
    g_source_set_can_recurse(&s->source, TRUE);
    g_source_attach(&s->source, NULL);
    g_source_unref(&s->source);
    return true;
}

void aio_await(AioContext *ctx, QemuEvent *done)
{
    assert_main_loop();
    while (!qemu_event_is_set(done)) {
        if (ctx == main_ctx) {
            aio_poll(ctx, true);
        } else {
            qemu_event_timedwait(done, SCALE_MS);
            aio_poll(main_ctx, false); /* what ctx waits for may have been posted here */
        }
    }
}
