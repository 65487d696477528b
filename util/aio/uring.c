/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Engine on io_uring: one ring a context, made and used by the home thread only.
 *
 * Readiness: a level-triggered handler has a one-shot poll request, armed again when its callback
 * has returned (arming looks at the descriptor, so nothing is missed).  Eventfds, the context's own
 * notifier among them, have a multishot request: each write to the eventfd makes a completion,
 * nobody reads the counter, nothing is armed again.
 *
 * Requests are queued in the ring and go to the kernel with the system call that sleeps.
 */
#include "aio-private.h"

#include <liburing.h>
#include <poll.h>

#define RING_ENTRIES 128

/* Flags of newer kernels than liburing's header may know. */
#ifndef IORING_SETUP_SINGLE_ISSUER
#define IORING_SETUP_SINGLE_ISSUER (1U << 12)
#endif
#ifndef IORING_SETUP_DEFER_TASKRUN
#define IORING_SETUP_DEFER_TASKRUN (1U << 13)
#endif

/* Completions bounded wait, no dropped completions, poll updates: Linux 5.17 and later. */
#define NEEDED_FEATURES (IORING_FEAT_EXT_ARG | IORING_FEAT_NODROP | IORING_FEAT_CQE_SKIP)

/* What a completion is for: low bits of user_data, above them the pointer. */
enum { TAG_REQUEST, TAG_HANDLER, TAG_NOTIFIER, TAG_NONE, TAG_MASK = 3 };

typedef struct UringState {
    struct io_uring ring;
    AioHandler *arm_list;                /* handlers that need a poll request */
    AioRequest *waiting, **waiting_tail; /* found no room in the ring */
    bool notifier_armed;
} UringState;

static UringState *state_of(AioContext *ctx)
{
    return ctx->engine_state;
}

static bool uring_init(AioContext *ctx, GError **errp)
{
    /* The cheapest way of running completions that the kernel has: at our own system calls only. */
    static const unsigned setups[] = {
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
        IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
        0,
    };
    UringState *s = g_new0(UringState, 1);
    /* Deferred completions do not make the ring's descriptor readable while GLib polls it. */
    size_t i = ctx == aio_get_main();
    int ret = -EINVAL;

    for (; ret == -EINVAL && i < G_N_ELEMENTS(setups); i++) {
        struct io_uring_params p = {.flags = setups[i]};

        ret = io_uring_queue_init_params(RING_ENTRIES, &s->ring, &p);
        if (ret == 0 && (p.features & NEEDED_FEATURES) != NEEDED_FEATURES) {
            io_uring_queue_exit(&s->ring);
            ret = -ENOSYS;
        }
    }
    if (ret < 0) {
        error_setg_errno(errp, -ret, "cannot set up an io_uring");
        g_free(s);
        return false;
    }
    s->waiting_tail = &s->waiting;
    ctx->engine_state = s;
    return true;
}

static void uring_cleanup(AioContext *ctx)
{
    UringState *s = state_of(ctx);

    io_uring_queue_exit(&s->ring);
    g_free(s);
}

/* A submission entry; makes room by submitting.  NULL if the kernel takes nothing now. */
static struct io_uring_sqe *get_sqe(UringState *s)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&s->ring);

    if (unlikely(!sqe)) {
        io_uring_submit(&s->ring);
        sqe = io_uring_get_sqe(&s->ring);
    }
    return sqe;
}

static void tag(struct io_uring_sqe *sqe, const void *ptr, unsigned what)
{
    io_uring_sqe_set_data64(sqe, (uintptr_t)ptr | what);
}

/* --- handlers --------------------------------------------------------------------------------- */

static void queue_arm(UringState *s, AioHandler *h)
{
    if (!h->queued) {
        h->queued = true;
        h->arm_next = s->arm_list;
        s->arm_list = h;
    }
}

/* A deleted handler that the kernel, the list and the stack have forgotten. */
static void reap(AioContext *ctx, AioHandler *h)
{
    if (h->deleted && !h->armed && !h->queued && !h->busy) {
        ctx->dead_handlers = g_slist_remove(ctx->dead_handlers, h);
        g_free(h);
    }
}

static bool disarm(UringState *s, AioHandler *h)
{
    struct io_uring_sqe *sqe = get_sqe(s);

    if (!sqe) {
        return false;
    }
    io_uring_prep_poll_remove(sqe, (uintptr_t)h | TAG_HANDLER);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    tag(sqe, NULL, TAG_NONE);
    return true;
}

static void uring_update(AioContext *ctx, AioHandler *h)
{
    UringState *s = state_of(ctx);

    if (h->armed && h->events == aio_handler_events(h)) {
        return;
    }
    if (h->armed) {
        /* Its completion (cancelled, or the last event) frees or arms it again.  With the ring full
         * of unsubmitted requests that the kernel refuses, it is looked at again when it is next
         * armed. */
        if (!disarm(s, h)) {
            queue_arm(s, h);
        }
    } else if (!h->deleted && !h->busy) {
        queue_arm(s, h);
    }
    if (h->deleted && (h->armed || h->queued || h->busy)) {
        /* Until then it is on a list that context_free() knows. */
        ctx->dead_handlers = g_slist_prepend(ctx->dead_handlers, h);
        return;
    }
    if (h->deleted) {
        g_free(h);
    }
}

static bool arm(UringState *s, AioHandler *h)
{
    struct io_uring_sqe *sqe = get_sqe(s);

    if (!sqe) {
        return false;
    }
    h->events = aio_handler_events(h);
    h->armed = true;
    io_uring_prep_poll_add(sqe, h->fd, h->events);
    if (h->edge) {
        sqe->len |= IORING_POLL_ADD_MULTI;
    }
    tag(sqe, h, TAG_HANDLER);
    return true;
}

static void arm_all(AioContext *ctx, UringState *s)
{
    AioHandler *h, *list = g_steal_pointer(&s->arm_list);

    while ((h = list)) {
        list = h->arm_next;
        h->queued = false;
        if (h->armed ? (h->events != aio_handler_events(h) && !disarm(s, h))
                     : (!h->deleted && !arm(s, h))) {
            queue_arm(s, h);
            continue;
        }
        reap(ctx, h);
    }
}

static bool handler_completed(AioContext *ctx, AioHandler *h, int res, bool more)
{
    bool called = false;

    h->armed = more;
    if (res >= 0) {
        called = aio_handler_call(h, res);
    } else if (res != -ECANCELED && !h->deleted) {
        /* The descriptor was closed before its handler was removed: a bug of ours that must not
         * become a busy loop. */
        warn_report_once("event loop '%s': descriptor %d cannot be polled: %s", ctx->name, h->fd,
                         g_strerror(-res));
        return false;
    }
    if (!h->armed && !h->deleted) {
        queue_arm(state_of(ctx), h);
    }
    reap(ctx, h);
    return called;
}

/* --- requests ----------------------------------------------------------------------------------
 */

static bool prepare_request(UringState *s, AioRequest *req)
{
    struct io_uring_sqe *sqe = get_sqe(s);

    if (unlikely(!sqe)) {
        return false;
    }
    switch (req->op) {
    case AIO_READV:
        /* One buffer needs no vector to be copied in. */
        if (req->niov == 1) {
            io_uring_prep_read(sqe, req->fd, req->iov->iov_base, req->iov->iov_len, req->offset);
        } else {
            io_uring_prep_readv(sqe, req->fd, req->iov, req->niov, req->offset);
        }
        sqe->rw_flags = req->mode;
        break;
    case AIO_WRITEV:
        if (req->niov == 1) {
            io_uring_prep_write(sqe, req->fd, req->iov->iov_base, req->iov->iov_len, req->offset);
        } else {
            io_uring_prep_writev(sqe, req->fd, req->iov, req->niov, req->offset);
        }
        sqe->rw_flags = req->mode;
        break;
    case AIO_FSYNC:
        io_uring_prep_fsync(sqe, req->fd, 0);
        break;
    case AIO_FDATASYNC:
        io_uring_prep_fsync(sqe, req->fd, IORING_FSYNC_DATASYNC);
        break;
    case AIO_FALLOCATE:
        io_uring_prep_fallocate(sqe, req->fd, req->mode, req->offset, req->len);
        break;
    }
    tag(sqe, req, TAG_REQUEST);
    return true;
}

static void uring_submit(AioContext *ctx, AioRequest *req)
{
    UringState *s = state_of(ctx);

    if (unlikely(s->waiting || !prepare_request(s, req))) {
        req->next = NULL;
        *s->waiting_tail = req;
        s->waiting_tail = &req->next;
    } else {
        unsigned batch = __atomic_load_n(&ctx->max_batch, __ATOMIC_RELAXED);

        if (batch && io_uring_sq_ready(&s->ring) >= batch) {
            io_uring_submit(&s->ring);
        }
    }
}

/* Best effort: with no room in the ring the request just goes on. */
static void uring_cancel(AioContext *ctx, AioRequest *req)
{
    struct io_uring_sqe *sqe = get_sqe(state_of(ctx));

    req->cancelled = true;
    if (sqe) {
        io_uring_prep_cancel(sqe, (void *)((uintptr_t)req | TAG_REQUEST), 0);
        sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
        tag(sqe, NULL, TAG_NONE);
    }
}

static void submit_waiting(UringState *s)
{
    while (s->waiting) {
        AioRequest *req = s->waiting;
        AioRequest *next = req->next;

        if (!prepare_request(s, req)) {
            return;
        }
        s->waiting = next;
    }
    s->waiting_tail = &s->waiting;
}

static void request_completed(AioContext *ctx, AioRequest *req, int res)
{
    if (unlikely(res == -EINTR || res == -EAGAIN)) {
        if (req->cancelled) {
            res = -ECANCELED;
        } else {
            uring_submit(ctx, req);
            return;
        }
    }
    __atomic_fetch_sub(&ctx->inflight, 1, __ATOMIC_RELAXED);
    req->complete(req, res);
}

/* --- the loop
 * ------------------------------------------------------------------------------------- */

static void arm_notifier(AioContext *ctx, UringState *s)
{
    struct io_uring_sqe *sqe = get_sqe(s);

    if (sqe) {
        io_uring_prep_poll_multishot(sqe, ctx->notifier.fd, POLLIN);
        tag(sqe, NULL, TAG_NOTIFIER);
        s->notifier_armed = true;
    }
}

static void fill_ring(AioContext *ctx, UringState *s)
{
    if (unlikely(!s->notifier_armed)) {
        arm_notifier(ctx, s);
    }
    if (s->arm_list) {
        arm_all(ctx, s);
    }
    if (unlikely(s->waiting)) {
        submit_waiting(s);
    }
}

static bool kernel_has_work(UringState *s)
{
    return __atomic_load_n(s->ring.sq.kflags, __ATOMIC_RELAXED) &
           (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW);
}

static bool uring_ready(AioContext *ctx)
{
    UringState *s = state_of(ctx);

    return io_uring_cq_ready(&s->ring) || kernel_has_work(s);
}

static void uring_flush(AioContext *ctx)
{
    UringState *s = state_of(ctx);

    fill_ring(ctx, s);
    if (io_uring_sq_ready(&s->ring) || kernel_has_work(s)) {
        io_uring_submit_and_get_events(&s->ring);
    }
}

static void uring_wait(AioContext *ctx, int64_t timeout)
{
    UringState *s = state_of(ctx);
    struct __kernel_timespec ts = {
        .tv_sec = timeout / NANOSECONDS_PER_SECOND,
        .tv_nsec = timeout % NANOSECONDS_PER_SECOND,
    };
    struct io_uring_cqe *cqe;

    if (timeout == 0) {
        uring_flush(ctx);
        return;
    }
    fill_ring(ctx, s);
    /* Time-out, signal, completion: whatever ended it, the loop looks. */
    io_uring_submit_and_wait_timeout(&s->ring, &cqe, 1, timeout < 0 ? NULL : &ts, NULL);
}

static bool dispatch_one(AioContext *ctx, uint64_t data, int res, bool more)
{
    void *ptr = (void *)(uintptr_t)(data & ~(uint64_t)TAG_MASK);

    switch (data & TAG_MASK) {
    case TAG_REQUEST:
        request_completed(ctx, ptr, res);
        return true;
    case TAG_HANDLER:
        return handler_completed(ctx, ptr, res, more);
    case TAG_NOTIFIER:
        state_of(ctx)->notifier_armed = more;
        return false;
    default:
        return false;
    }
}

static bool uring_dispatch(AioContext *ctx)
{
    UringState *s = state_of(ctx);
    unsigned limit = io_uring_cq_ready(&s->ring);
    bool progress = false;
    struct io_uring_cqe *cqe;

    /* One at a time: a callback may run a nested aio_poll(), which goes on where we are. */
    while (limit-- && io_uring_cq_ready(&s->ring)) {
        uint64_t data;
        bool more;
        int res;

        io_uring_peek_cqe(&s->ring, &cqe);
        data = cqe->user_data;
        res = cqe->res;
        more = cqe->flags & IORING_CQE_F_MORE;
        io_uring_cqe_seen(&s->ring, cqe);
        progress |= dispatch_one(ctx, data, res, more);
    }
    return progress;
}

static int uring_pollfd(AioContext *ctx)
{
    return state_of(ctx)->ring.ring_fd;
}

const AioEngine aio_engine_uring = {
    .name = "io_uring",
    .has_file_io = true,
    .init = uring_init,
    .cleanup = uring_cleanup,
    .update = uring_update,
    .ready = uring_ready,
    .cancel = uring_cancel,
    .flush = uring_flush,
    .wait = uring_wait,
    .dispatch = uring_dispatch,
    .submit = uring_submit,
    .pollfd = uring_pollfd,
};
