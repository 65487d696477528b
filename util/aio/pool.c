/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Worker threads for what would block a loop.
 *
 * Each context has its own workers and queue, so that contexts do not meet; the number of threads
 * of the process is bounded. Results come back on a lock-free stack of the context.
 */
#include "aio-private.h"

#include <fcntl.h>

#define MAX_WORKERS 64      /* of one context */
#define MAX_WORKERS_ALL 256 /* of the process */
#define IDLE_NS (10 * NANOSECONDS_PER_SECOND)

struct AioPool {
    QemuMutex lock;
    QemuCond work;
    int refs; /* all below under lock: context and workers */
    AioWork *head, **tail;
    int idle, workers, queued;
    bool stopping;
};

static int workers_all; /* atomic */

static AioPool *pool_new(void)
{
    AioPool *pool = g_new0(AioPool, 1);

    qemu_mutex_init(&pool->lock);
    qemu_cond_init(&pool->work);
    pool->tail = &pool->head;
    pool->refs = 1;
    return pool;
}

static void pool_free(AioPool *pool)
{
    qemu_cond_destroy(&pool->work);
    qemu_mutex_destroy(&pool->lock);
    g_free(pool);
}

static AioPool *pool_of(AioContext *ctx)
{
    AioPool *pool = __atomic_load_n(&ctx->pool, __ATOMIC_ACQUIRE), *fresh;

    if (likely(pool)) {
        return pool;
    }
    fresh = pool_new();
    if (__atomic_compare_exchange_n(&ctx->pool, &pool, fresh, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE)) {
        return fresh;
    }
    pool_free(fresh);
    return pool;
}

/* Runs w here and hands the result to its context.  w may be gone as soon as it is on the list. */
static void run_work(AioWork *w)
{
    AioContext *ctx = w->ctx;

    w->res = w->work(w);
    w->next = __atomic_load_n(&ctx->work_done, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&ctx->work_done, &w->next, w, true, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED)) {
    }
    aio_notify(ctx);
}

/* The next piece of work, or NULL when the worker is to end. Under lock. */
static AioWork *next_work(AioPool *pool)
{
    while (!pool->head && !pool->stopping) {
        bool woken;

        pool->idle++;
        woken = qemu_cond_timedwait_ns(&pool->work, &pool->lock, IDLE_NS);
        pool->idle--;
        if (!woken && !pool->head) {
            return NULL;
        }
    }
    if (pool->head) {
        AioWork *w = pool->head;

        pool->head = w->next;
        pool->queued--;
        if (!pool->head) {
            pool->tail = &pool->head;
        }
        return w;
    }
    return NULL;
}

static void *worker_main(void *opaque)
{
    AioPool *pool = opaque;
    AioWork *w;
    bool last;

    qemu_mutex_lock(&pool->lock);
    while ((w = next_work(pool))) {
        /* Home may drop its reference as soon as it has the result; we still have to notify. */
        AioContext *ctx = aio_context_ref(w->ctx);

        qemu_mutex_unlock(&pool->lock);
        run_work(w);
        aio_context_unref(ctx);
        qemu_mutex_lock(&pool->lock);
    }
    pool->workers--;
    last = --pool->refs == 0;
    qemu_mutex_unlock(&pool->lock);
    __atomic_fetch_sub(&workers_all, 1, __ATOMIC_RELAXED);
    if (last) {
        pool_free(pool);
    }
    return NULL;
}

/* Under lock. */
static bool start_worker(AioPool *pool)
{
    QemuThread t;

    if (pool->workers >= MAX_WORKERS ||
        __atomic_fetch_add(&workers_all, 1, __ATOMIC_RELAXED) >= MAX_WORKERS_ALL) {
        goto refused;
    }
    pool->workers++;
    pool->refs++;
    if (qemu_thread_create(&t, "worker", worker_main, pool, NULL)) {
        pthread_detach(t.thread);
        return true;
    }
    pool->workers--;
    pool->refs--;
    __atomic_fetch_sub(&workers_all, 1, __ATOMIC_RELAXED);
refused:
    return pool->workers > 0;
}

void aio_work_submit(AioContext *ctx, AioWork *w)
{
    AioPool *pool = pool_of(ctx);
    bool queued = true;

    w->ctx = ctx;
    w->next = NULL;
    __atomic_fetch_add(&ctx->inflight, 1, __ATOMIC_RELAXED);
    qemu_mutex_lock(&pool->lock);
    if (pool->queued < pool->idle) {
        qemu_cond_signal(&pool->work);
    } else {
        queued = start_worker(pool);
    }
    if (queued) {
        *pool->tail = w;
        pool->tail = &w->next;
        pool->queued++;
    }
    qemu_mutex_unlock(&pool->lock);
    if (!queued) {
        /* Not one thread can be had: slow is better than never. */
        run_work(w);
    }
}

bool aio_work_cancel(AioContext *ctx, AioWork *w)
{
    AioPool *pool = pool_of(ctx);
    AioWork **link;

    qemu_mutex_lock(&pool->lock);
    for (link = &pool->head; *link && *link != w; link = &(*link)->next) {
    }
    if (!*link) {
        qemu_mutex_unlock(&pool->lock);
        return false;
    }
    *link = w->next;
    if (!*link) {
        pool->tail = link;
    }
    pool->queued--;
    qemu_mutex_unlock(&pool->lock);
    __atomic_fetch_sub(&ctx->inflight, 1, __ATOMIC_RELAXED);
    return true;
}

bool aio_work_run_done(AioContext *ctx)
{
    AioWork *w, *next, *list = NULL;

    if (likely(!__atomic_load_n(&ctx->work_done, __ATOMIC_SEQ_CST))) {
        return false;
    }
    /* A nested aio_poll() inside done() must find the rest, so the others go back as they were
     * finished: in order. */
    for (w = __atomic_exchange_n(&ctx->work_done, NULL, __ATOMIC_SEQ_CST); w; w = next) {
        next = w->next;
        w->next = list;
        list = w;
    }
    w = ctx->done_head;
    if (w) {
        while (w->next) {
            w = w->next;
        }
        w->next = list;
    } else {
        ctx->done_head = list;
    }
    while ((w = ctx->done_head)) {
        ctx->done_head = w->next;
        __atomic_fetch_sub(&ctx->inflight, 1, __ATOMIC_RELAXED);
        w->done(w, w->res);
    }
    return true;
}

void aio_pool_cleanup(AioContext *ctx)
{
    AioPool *pool = ctx->pool;
    bool last;

    if (!pool) {
        return;
    }
    qemu_mutex_lock(&pool->lock);
    pool->stopping = true;
    qemu_cond_broadcast(&pool->work);
    last = --pool->refs == 0;
    qemu_mutex_unlock(&pool->lock);
    if (last) {
        pool_free(pool);
    }
}

/* --- file I/O in workers
 * -------------------------------------------------------------------------- */

typedef struct FileWork {
    AioWork work;
    AioRequest *req;
} FileWork;

static int do_request(AioWork *w)
{
    AioRequest *req = container_of(w, FileWork, work)->req;
    ssize_t ret = 0;

    do {
        switch (req->op) {
        case AIO_READV:
            ret = preadv2(req->fd, req->iov, req->niov, req->offset, req->mode);
            break;
        case AIO_WRITEV:
            ret = pwritev2(req->fd, req->iov, req->niov, req->offset, req->mode);
            break;
        case AIO_FSYNC:
            ret = fsync(req->fd);
            break;
        case AIO_FDATASYNC:
            ret = fdatasync(req->fd);
            break;
        case AIO_FALLOCATE:
            ret = fallocate(req->fd, req->mode, req->offset, req->len);
            break;
        }
    } while (ret < 0 && errno == EINTR);
    return ret < 0 ? -errno : ret;
}

static void request_done(AioWork *w, int res)
{
    FileWork *fw = container_of(w, FileWork, work);
    AioRequest *req = fw->req;

    g_free(fw);
    req->complete(req, res);
}

void aio_pool_submit_request(AioContext *ctx, AioRequest *req)
{
    FileWork *fw = g_new0(FileWork, 1);

    fw->work.work = do_request;
    fw->work.done = request_done;
    fw->req = req;
    aio_work_submit(ctx, &fw->work);
}
