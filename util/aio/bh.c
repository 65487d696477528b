/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bottom halves, posts and calls.
 *
 * All are nodes of one kind.  Any thread pushes them on a lock-free stack; the home thread takes
 * the whole stack, turns it round and appends it to its own queue, so that what one caller
 * scheduled runs in order.
 */
#include "aio-private.h"

enum {
    BH_QUEUED = 1,    /* on the stack or in the queue */
    BH_SCHEDULED = 2, /* fn is to run */
    BH_DELETED = 4,   /* to be freed, fn is not to run */
    BH_ONCE = 8,      /* aio_post(): freed when taken */
    BH_CALL = 16,     /* aio_call(): on the caller's stack */
    BH_OUTERMOST = 32,
};

static void push(AioBH *bh)
{
    AioContext *ctx = bh->ctx;

    bh->next = __atomic_load_n(&ctx->bh_incoming, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&ctx->bh_incoming, &bh->next, bh, true, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED)) {
    }
    aio_notify(ctx);
}

AioBH *aio_bh_new(AioContext *ctx, AioFn *fn, void *opaque)
{
    AioBH *bh = g_new0(AioBH, 1);

    bh->ctx = ctx;
    bh->fn = fn;
    bh->opaque = opaque;
    return bh;
}

AioBH *aio_bh_new_outermost(AioContext *ctx, AioFn *fn, void *opaque)
{
    AioBH *bh = aio_bh_new(ctx, fn, opaque);

    bh->flags = BH_OUTERMOST;
    return bh;
}

static void mark_and_queue(AioBH *bh, uint32_t flag)
{
    if (!(__atomic_fetch_or(&bh->flags, flag | BH_QUEUED, __ATOMIC_ACQ_REL) & BH_QUEUED)) {
        push(bh);
    }
}

void aio_bh_schedule(AioBH *bh)
{
    mark_and_queue(bh, BH_SCHEDULED);
}

void aio_bh_cancel(AioBH *bh)
{
    __atomic_fetch_and(&bh->flags, ~BH_SCHEDULED, __ATOMIC_ACQ_REL);
}

void aio_bh_delete(AioBH *bh)
{
    mark_and_queue(bh, BH_DELETED);
}

void aio_post(AioContext *ctx, AioFn *fn, void *opaque)
{
    AioBH *bh = aio_bh_new(ctx, fn, opaque);

    bh->flags = BH_ONCE;
    push(bh);
}

void aio_call(AioContext *ctx, AioFn *fn, void *opaque)
{
    AioBH bh = {.ctx = ctx, .fn = fn, .opaque = opaque, .flags = BH_CALL};
    QemuEvent called;

    if (aio_in_home(ctx)) {
        fn(opaque);
        return;
    }
    qemu_event_init(&called, false);
    bh.called = &called;
    push(&bh);
    qemu_event_wait(&called);
}

/* Moves what came in to the end of the home queue. */
static void gather(AioContext *ctx)
{
    AioBH *bh, *list = NULL, *last;

    if (!__atomic_load_n(&ctx->bh_incoming, __ATOMIC_SEQ_CST)) {
        return;
    }
    bh = last = __atomic_exchange_n(&ctx->bh_incoming, NULL, __ATOMIC_SEQ_CST);
    while (bh) {
        AioBH *next = bh->next;

        bh->next = list;
        list = bh;
        bh = next;
        ctx->bh_count++;
    }
    if (ctx->bh_head) {
        ctx->bh_tail->next = list;
    } else {
        ctx->bh_head = list;
    }
    ctx->bh_tail = last;
}

static AioBH *pop(AioContext *ctx)
{
    AioBH *bh = ctx->bh_head;

    if (bh) {
        ctx->bh_head = bh->next;
        ctx->bh_count--;
    }
    return bh;
}

static bool run_one(AioBH *bh)
{
    AioFn *fn = bh->fn;
    void *opaque = bh->opaque;
    QemuEvent *called = bh->called;
    uint32_t old = __atomic_fetch_and(&bh->flags, ~(BH_QUEUED | BH_SCHEDULED), __ATOMIC_ACQ_REL);

    if (old & (BH_ONCE | BH_DELETED)) {
        g_free(bh);
    }
    if (old & BH_DELETED || !(old & (BH_SCHEDULED | BH_ONCE | BH_CALL))) {
        return false;
    }
    fn(opaque);
    if (old & BH_CALL) {
        qemu_event_set(called);
    }
    return true;
}

bool aio_is_nested(const AioContext *ctx)
{
    return ctx->depth > 1;
}

/* Still queued, so that nobody schedules it a second time; deleting it needs no outermost
 * iteration. */
static bool hold(AioContext *ctx, AioBH *bh)
{
    uint32_t flags = __atomic_load_n(&bh->flags, __ATOMIC_RELAXED);

    if (!aio_is_nested(ctx) || !(flags & BH_OUTERMOST) || flags & BH_DELETED) {
        return false;
    }
    bh->next = ctx->bh_held;
    ctx->bh_held = bh;
    return true;
}

void aio_bh_release(AioContext *ctx)
{
    while (ctx->bh_held) {
        AioBH *bh = ctx->bh_held;

        ctx->bh_held = bh->next;
        bh->next = ctx->bh_head;
        if (!ctx->bh_head) {
            ctx->bh_tail = bh;
        }
        ctx->bh_head = bh;
        ctx->bh_count++;
    }
}

bool aio_bh_run(AioContext *ctx)
{
    bool progress = false;
    AioBH *bh;
    int n;

    gather(ctx);
    /* What is scheduled from now on runs in the next iteration, so that nothing else starves.  A
     * nested aio_poll() may take some of ours: the queue is the context's. */
    for (n = ctx->bh_count; n > 0 && (bh = pop(ctx)); n--) {
        if (!hold(ctx, bh)) {
            progress |= run_one(bh);
        }
    }
    return progress;
}

void aio_bh_cleanup(AioContext *ctx)
{
    AioBH *bh;

    gather(ctx);
    aio_bh_release(ctx);
    while ((bh = pop(ctx))) {
        g_assert(!(bh->flags & BH_CALL));
        if (bh->flags & (BH_ONCE | BH_DELETED)) {
            g_free(bh);
        }
    }
}
