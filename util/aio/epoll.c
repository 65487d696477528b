/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Engine on epoll, for kernels and hosts without io_uring.  File I/O goes to the worker threads. */
#include "aio-private.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#define MAX_EVENTS 32

typedef struct EpollState {
    int fd;
    int n_always; /* handlers of files that are always ready */
    int n_events; /* found by wait, not dispatched yet */
    struct epoll_event events[MAX_EVENTS];
} EpollState;

static EpollState *state_of(AioContext *ctx)
{
    return ctx->engine_state;
}

static bool epoll_init(AioContext *ctx, GError **errp)
{
    EpollState *s = g_new0(EpollState, 1);
    /* Edge-triggered: nobody has to read the notifier. */
    struct epoll_event ev = {.events = EPOLLIN | EPOLLET};

    s->fd = epoll_create1(EPOLL_CLOEXEC);
    if (s->fd < 0 || epoll_ctl(s->fd, EPOLL_CTL_ADD, ctx->notifier.fd, &ev) < 0) {
        error_setg_errno(errp, errno, "cannot set up epoll");
        if (s->fd >= 0) {
            close(s->fd);
        }
        g_free(s);
        return false;
    }
    ctx->engine_state = s;
    return true;
}

static void epoll_cleanup(AioContext *ctx)
{
    EpollState *s = state_of(ctx);

    close(s->fd);
    g_free(s);
}

static void forget(AioContext *ctx, EpollState *s, AioHandler *h)
{
    if (h->armed) {
        /* Fails if the descriptor was closed first; then the kernel has forgotten it. */
        epoll_ctl(s->fd, EPOLL_CTL_DEL, h->fd, NULL);
        h->armed = false;
    }
    if (h->always) {
        s->n_always--;
        h->always = false;
    }
    /* Events found for it must not be dispatched, and its memory may be on the stack of a dispatch.
     */
    for (int i = 0; i < s->n_events; i++) {
        if (s->events[i].data.ptr == h) {
            s->events[i].events = 0;
        }
    }
    ctx->dead_handlers = g_slist_prepend(ctx->dead_handlers, h);
}

static void epoll_update(AioContext *ctx, AioHandler *h)
{
    EpollState *s = state_of(ctx);
    unsigned events = aio_handler_events(h);
    struct epoll_event ev = {.events = events | (h->edge ? EPOLLET : 0), .data.ptr = h};

    if (h->deleted) {
        forget(ctx, s, h);
        return;
    }
    if (h->always || (h->armed && h->events == events)) {
        return;
    }
    if (epoll_ctl(s->fd, h->armed ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, h->fd, &ev) == 0) {
        h->armed = true;
        h->events = events;
    } else if (errno == EPERM) {
        h->always = true;
        s->n_always++;
    } else {
        warn_report_once("event loop '%s': descriptor %d cannot be polled: %s", ctx->name, h->fd,
                         g_strerror(errno));
    }
}

static bool epoll_ready(AioContext *ctx)
{
    EpollState *s = state_of(ctx);

    return s->n_events || s->n_always;
}

static void epoll_flush(AioContext *ctx)
{
}

/* epoll_pwait2() where the kernel has it (5.11), else whole milliseconds, rounded up. */
static int sleep_ns(int fd, struct epoll_event *events, int64_t timeout)
{
    static bool no_pwait2; /* relaxed atomic */
    struct timespec ts = {
        .tv_sec = timeout / NANOSECONDS_PER_SECOND,
        .tv_nsec = timeout % NANOSECONDS_PER_SECOND,
    };
    int n;

    if (timeout <= 0) {
        return epoll_wait(fd, events, MAX_EVENTS, timeout < 0 ? -1 : 0);
    }
#ifdef SYS_epoll_pwait2
    if (!__atomic_load_n(&no_pwait2, __ATOMIC_RELAXED)) {
        n = syscall(SYS_epoll_pwait2, fd, events, MAX_EVENTS, &ts, NULL, 0);
        if (n >= 0 || errno != ENOSYS) {
            return n;
        }
        __atomic_store_n(&no_pwait2, true, __ATOMIC_RELAXED);
    }
#endif
    return epoll_wait(fd, events, MAX_EVENTS, MIN(DIV_ROUND_UP(timeout, SCALE_MS), INT_MAX));
}

static void epoll_engine_wait(AioContext *ctx, int64_t timeout)
{
    EpollState *s = state_of(ctx);
    int n;

    if (s->n_events) {
        return; /* a nested call left some */
    }
    n = sleep_ns(s->fd, s->events, s->n_always ? 0 : timeout);
    s->n_events = MAX(n, 0);
}

static bool dispatch_always(AioContext *ctx)
{
    g_autoptr(GList) list = g_hash_table_get_values(ctx->handlers);
    bool progress = false;

    for (GList *l = list; l; l = l->next) {
        AioHandler *h = l->data;

        /* Deleted ones stay in memory while a dispatch is on the stack. */
        if (h->always && !h->deleted) {
            progress |= aio_handler_call(h, POLLIN | POLLOUT);
        }
    }
    return progress;
}

static bool epoll_dispatch(AioContext *ctx)
{
    EpollState *s = state_of(ctx);
    bool progress = false;

    /* From the end, one at a time: a nested aio_poll() goes on where we are. */
    while (s->n_events) {
        struct epoll_event *ev = &s->events[--s->n_events];
        AioHandler *h = ev->data.ptr;

        /* EPOLL* bits have the values of POLL* bits.  A handler that is on the stack is not entered
         * again. */
        if (h && ev->events && !h->busy) {
            progress |= aio_handler_call(h, ev->events);
        }
    }
    if (unlikely(s->n_always)) {
        progress |= dispatch_always(ctx);
    }
    if (unlikely(ctx->dead_handlers) && ctx->depth == 1) {
        g_slist_free_full(g_steal_pointer(&ctx->dead_handlers), g_free);
    }
    return progress;
}

static int epoll_pollfd(AioContext *ctx)
{
    return state_of(ctx)->fd;
}

const AioEngine aio_engine_epoll = {
    .name = "epoll",
    .init = epoll_init,
    .cleanup = epoll_cleanup,
    .update = epoll_update,
    .ready = epoll_ready,
    .flush = epoll_flush,
    .wait = epoll_engine_wait,
    .dispatch = epoll_dispatch,
    .pollfd = epoll_pollfd,
};
