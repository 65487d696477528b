/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Back ends: requests on their way in and out, per context, and draining.
 *
 * Each context that submits to a back end has a queue of its own, so that IOThreads share no cache
 * line.  A queue counts what is in flight; only its own thread writes the count.  Draining: the
 * main loop announces it (quiesced, drain_waiters), then looks at the counts; a submitter counts
 * its request, then looks at quiesced; one of the two sees the other.  The same for the count that
 * drops to zero, and the announced waiter that must be woken.
 */
#include "block-private.h"

static GPtrArray *backends; /* all; main loop */
/* Drains of the process that wait.  Not in the back end: it may be gone when the last completion
 * looks. */
static int drain_waiters; /* atomic */

/* --- life
 * ------------------------------------------------------------------------------------------ */

/* Follows nodes that only move requests by an offset. */
static BlockNode *bypass(BlockNode *bs, uint64_t *offset)
{
    *offset = 0;
    while (bs && bs->drv->bypass) {
        if (bs->detect_zeroes != DETECT_ZEROES_OFF ||
            (bs->cache_no_flush && !bs->file->cache_no_flush)) {
            return NULL; /* it has something to do */
        }
        bs = bs->drv->bypass(bs, offset);
    }
    return bs && !bs->file && bs->detect_zeroes == DETECT_ZEROES_OFF ? bs : NULL;
}

void blk_root_changed(BlockBackend *blk)
{
    blk->fast = bypass(blk->root, &blk->fast_offset);
}

BlockBackend *blk_new(const char *id, BlockNode *root, bool writes)
{
    BlockBackend *blk = g_new0(BlockBackend, 1);

    assert_main_loop();
    blk->id = g_strdup(id);
    blk->root = root;
    blk->writes = writes;
    blk->write_cache = true;
    blk->on_read_error = BLK_ON_ERROR_REPORT;
    blk->on_write_error = BLK_ON_ERROR_ENOSPC;
    qemu_mutex_init(&blk->lock);
    blk_root_changed(blk);
    if (!backends) {
        backends = g_ptr_array_new();
    }
    g_ptr_array_add(backends, blk);
    return blk;
}

static void nothing(void *opaque)
{
}

static void quiesce_begin(BlockBackend *blk, void *opaque);
static void wait_idle(BlockBackend *blk, void *opaque);

void blk_free(BlockBackend *blk)
{
    BlkQueue *q, *next;

    assert_main_loop();
    /* The one who goes waits for no medium: what can be taken back is. */
    quiesce_begin(blk, NULL);
    blk_cancel_all(blk);
    wait_idle(blk, NULL);
    g_ptr_array_remove(backends, blk);
    for (q = blk->queues; q; q = next) {
        next = q->next;
        g_assert(!q->held && !q->list);
        aio_bh_delete(q->bh);
        if (aio_context_is_running(q->ctx)) {
            aio_call(q->ctx, nothing, NULL); /* queue_bh() has returned */
        }
        aio_context_unref(q->ctx);
        g_free(q);
    }
    block_node_remove_user(blk->root, blk->writes, blk->shares);
    block_node_unref(blk->root);
    qemu_mutex_destroy(&blk->lock);
    g_free(blk->id);
    g_free(blk);
}

BlockBackend *blk_find(const char *id)
{
    for (guint i = 0; backends && i < backends->len; i++) {
        BlockBackend *blk = g_ptr_array_index(backends, i);

        if (blk->id && g_str_equal(blk->id, id)) {
            return blk;
        }
    }
    return NULL;
}

void blk_foreach(void (*fn)(BlockBackend *blk, void *opaque), void *opaque)
{
    g_autoptr(GPtrArray) copy = backends ? g_ptr_array_copy(backends, NULL, NULL) : NULL;

    for (guint i = 0; copy && i < copy->len; i++) {
        fn(g_ptr_array_index(copy, i), opaque);
    }
}

/* --- properties
 * -------------------------------------------------------------------------------------- */

const char *blk_name(BlockBackend *blk)
{
    return blk->id ? blk->id : blk->root->name;
}

int64_t blk_getlength(BlockBackend *blk)
{
    return __atomic_load_n(&blk->root->length, __ATOMIC_RELAXED);
}

bool blk_is_read_only(BlockBackend *blk)
{
    return !blk->writes;
}

bool blk_write_cache_enabled(BlockBackend *blk)
{
    return __atomic_load_n(&blk->write_cache, __ATOMIC_RELAXED);
}

void blk_set_write_cache(BlockBackend *blk, bool on)
{
    __atomic_store_n(&blk->write_cache, on, __ATOMIC_RELAXED);
}

uint32_t blk_request_alignment(BlockBackend *blk)
{
    return blk->root->request_alignment;
}

uint32_t blk_mem_alignment(BlockBackend *blk)
{
    return blk->root->mem_alignment;
}

void blk_set_resize_cb(BlockBackend *blk, void (*cb)(void *opaque), void *opaque)
{
    assert_main_loop();
    blk->resize_cb = cb;
    blk->resize_opaque = opaque;
}

void blk_resized(BlockBackend *blk)
{
    if (blk->resize_cb) {
        blk->resize_cb(blk->resize_opaque);
    }
}

/* --- queues
 * ------------------------------------------------------------------------------------------ */

static void queue_bh(void *opaque);

static BlkQueue *new_queue(BlockBackend *blk, AioContext *ctx)
{
    QEMU_LOCK_GUARD(&blk->lock);
    BlkQueue *q = g_new0(BlkQueue, 1);

    q->blk = blk;
    q->ctx = aio_context_ref(ctx);
    q->bh = aio_bh_new(ctx, queue_bh, q);
    q->done_tail = &q->done_head;
    q->held_tail = &q->held;
    q->next = blk->queues;
    __atomic_store_n(&blk->queues, q, __ATOMIC_RELEASE);
    return q;
}

static BlkQueue *find_queue(BlockBackend *blk, AioContext *ctx)
{
    BlkQueue *q;

    for (q = __atomic_load_n(&blk->queues, __ATOMIC_ACQUIRE); q; q = q->next) {
        if (q->ctx == ctx) {
            return q;
        }
    }
    return new_queue(blk, ctx);
}

static void count_up(BlkQueue *q)
{
    __atomic_store_n(&q->inflight, q->inflight + 1, __ATOMIC_SEQ_CST);
}

/* The last thing that is done with a queue or its back end: at zero, a drain may free them. */
static void count_down(BlkQueue *q)
{
    unsigned n = q->inflight - 1;

    __atomic_store_n(&q->inflight, n, __ATOMIC_SEQ_CST);
    if (!n && unlikely(__atomic_load_n(&drain_waiters, __ATOMIC_SEQ_CST))) {
        aio_notify(aio_get_main());
    }
}

static void stat_add(uint64_t *counter, uint64_t n)
{
    __atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

/* --- requests
 * ---------------------------------------------------------------------------------------- */

static int64_t clock_ns(void)
{
    return qemu_clock_get_ns(QEMU_CLOCK_REALTIME);
}

static int check_request(BlockBackend *blk, BlkRequest *req)
{
    uint64_t length = blk_getlength(blk);

    if (req->op == BLK_FLUSH) {
        return 0;
    }
    if (unlikely(req->offset > length || req->bytes > length - req->offset)) {
        return -EIO;
    }
    if (req->op != BLK_READ && unlikely(!blk->writes)) {
        return -EACCES;
    }
    return 0;
}

/* Puts it on the list of what is in flight. */
static void enlist(BlkQueue *q, BlkRequest *req)
{
    req->start_ns = clock_ns();
    req->phase = BLK_RUNNING;
    req->prev = NULL;
    req->next = q->list;
    if (q->list) {
        q->list->prev = req;
    }
    q->list = req;
}

static void start(BlockBackend *blk, BlkQueue *q, BlkRequest *req)
{
    int err = check_request(blk, req);

    req->todo = req->op;
    req->todo_flags = req->flags;
    req->progress = 0;
    req->lock_held = false;
    req->node = NULL;
    __atomic_store_n(&req->cancelled, false, __ATOMIC_RELAXED);
    enlist(q, req);
    if (unlikely(err)) {
        blk_request_defer(req, err);
        return;
    }
    if (req->op == BLK_WRITE || req->op == BLK_WRITE_ZEROES) {
        /* Without a write cache the guest counts on what is complete being durable. */
        req->todo_flags |= blk_write_cache_enabled(blk) ? 0 : BLK_REQ_FUA;
    }
    if (likely(blk->fast && req->op <= BLK_FLUSH)) {
        req->node = blk->fast;
        req->node_offset = req->offset + blk->fast_offset;
        blk->fast->drv->submit(blk->fast, req, req->node_offset);
    } else {
        block_node_submit(blk->root, req, req->offset);
    }
}

void blk_submit(BlockBackend *blk, BlkRequest *req, AioContext *ctx)
{
    BlkQueue *q = find_queue(blk, ctx);

    aio_assert_home(ctx);
    req->ctx = ctx;
    req->queue = q;
    count_up(q);
    if (unlikely(__atomic_load_n(&blk->quiesced, __ATOMIC_SEQ_CST))) {
        req->next = NULL;
        req->phase = BLK_HELD;
        *q->held_tail = req;
        q->held_tail = &req->next;
        count_down(q);
        return;
    }
    start(blk, q, req);
}

void blk_request_done(BlkRequest *req, int ret)
{
    BlkQueue *q = req->queue;

    if (req->prev) {
        req->prev->next = req->next;
    } else {
        q->list = req->next;
    }
    if (req->next) {
        req->next->prev = req->prev;
    }
    if (likely(ret >= 0)) {
        ret = 0;
        stat_add(&q->ops[req->op], 1);
        stat_add(&q->bytes[req->op], req->bytes);
        stat_add(&q->time_ns[req->op], clock_ns() - req->start_ns);
        if (req->op == BLK_WRITE && req->offset + req->bytes > q->highest) {
            __atomic_store_n(&q->highest, req->offset + req->bytes, __ATOMIC_RELAXED);
        }
    } else {
        stat_add(&q->failed[req->op], 1);
    }
    req->phase = BLK_IDLE;
    req->complete(req, ret);
    count_down(q);
}

void blk_request_defer(BlkRequest *req, int ret)
{
    BlkQueue *q = req->queue;

    req->result = ret;
    req->phase = BLK_ENDING;
    req->queue_next = NULL;
    if (!q->done_head) {
        aio_bh_schedule(q->bh);
    }
    *q->done_tail = req;
    q->done_tail = &req->queue_next;
}

void blk_request_restart(BlkRequest *req)
{
    BlkQueue *q = req->queue;

    req->queue_next = __atomic_load_n(&q->restart, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&q->restart, &req->queue_next, req, true, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED)) {
    }
    aio_bh_schedule(q->bh);
}

/* --- taking back
 * ---------------------------------------------------------------------------------------- */

/* Its drain need not end first. */
static void cancel_held(BlkQueue *q, BlkRequest *req)
{
    BlkRequest **link = &q->held;

    while (*link != req) {
        link = &(*link)->next;
    }
    *link = req->next;
    if (!*link) {
        q->held_tail = link;
    }
    count_up(q);
    enlist(q, req);
    blk_request_defer(req, -ECANCELED);
}

bool blk_cancel(BlkRequest *req)
{
    if (req->phase == BLK_HELD) {
        cancel_held(req->queue, req);
    } else if (req->phase == BLK_RUNNING) {
        __atomic_store_n(&req->cancelled, true, __ATOMIC_RELAXED);
        if (req->node && req->node->drv->cancel) {
            req->node->drv->cancel(req->node, req);
        }
    }
    return req->phase == BLK_ENDING && req->result == -ECANCELED;
}

static void cancel_in_ctx(void *opaque)
{
    BlkQueue *q = opaque;

    while (q->held) {
        blk_cancel(q->held);
    }
    for (BlkRequest *req = q->list; req; req = req->next) {
        blk_cancel(req);
    }
}

void blk_cancel_all(BlockBackend *blk)
{
    assert_main_loop();
    for (BlkQueue *q = __atomic_load_n(&blk->queues, __ATOMIC_ACQUIRE); q; q = q->next) {
        if (aio_context_is_running(q->ctx)) {
            aio_call(q->ctx, cancel_in_ctx, q);
        }
    }
}

/* What completes from now on (a device submits again from its callback) waits for the next
 * iteration of the loop. */
static void run_done(BlkQueue *q)
{
    BlkRequest *req = q->done_head, *next;

    q->done_head = NULL;
    q->done_tail = &q->done_head;
    for (; req; req = next) {
        next = req->queue_next;
        blk_request_done(req, req->result);
    }
}

static void run_restart(BlkQueue *q)
{
    BlkRequest *req = __atomic_exchange_n(&q->restart, NULL, __ATOMIC_SEQ_CST), *next;

    for (; req; req = next) {
        next = req->queue_next;
        req->node->drv->submit(req->node, req, req->node_offset);
    }
}

static void run_held(BlkQueue *q)
{
    BlkRequest *list, *next;

    if (__atomic_load_n(&q->blk->quiesced, __ATOMIC_SEQ_CST)) {
        return;
    }
    list = g_steal_pointer(&q->held);
    q->held_tail = &q->held;
    for (; list; list = next) {
        next = list->next;
        blk_submit(q->blk, list, q->ctx);
    }
}

static void queue_bh(void *opaque)
{
    BlkQueue *q = opaque;

    count_up(q); /* q stays while we are here */
    run_done(q);
    run_restart(q);
    run_held(q);
    count_down(q);
}

/* --- drain
 * ------------------------------------------------------------------------------------------- */

static bool busy(BlockBackend *blk)
{
    for (BlkQueue *q = __atomic_load_n(&blk->queues, __ATOMIC_ACQUIRE); q; q = q->next) {
        if (__atomic_load_n(&q->inflight, __ATOMIC_SEQ_CST)) {
            return true;
        }
    }
    return false;
}

static void quiesce_begin(BlockBackend *blk, void *opaque)
{
    __atomic_fetch_add(&blk->quiesced, 1, __ATOMIC_SEQ_CST);
}

static void quiesce_end(BlockBackend *blk, void *opaque)
{
    if (__atomic_sub_fetch(&blk->quiesced, 1, __ATOMIC_SEQ_CST)) {
        return;
    }
    for (BlkQueue *q = __atomic_load_n(&blk->queues, __ATOMIC_ACQUIRE); q; q = q->next) {
        aio_bh_schedule(q->bh);
    }
}

static void wait_idle(BlockBackend *blk, void *opaque)
{
    __atomic_fetch_add(&drain_waiters, 1, __ATOMIC_SEQ_CST);
    while (busy(blk)) {
        aio_poll(aio_get_main(), true);
    }
    __atomic_fetch_sub(&drain_waiters, 1, __ATOMIC_SEQ_CST);
}

void blk_drain(BlockBackend *blk)
{
    assert_main_loop();
    quiesce_begin(blk, NULL);
    wait_idle(blk, NULL);
    quiesce_end(blk, NULL);
}

void blk_drain_cancelled(BlockBackend *blk)
{
    assert_main_loop();
    quiesce_begin(blk, NULL); /* first: what comes behind the cancel is held */
    blk_cancel_all(blk);
    wait_idle(blk, NULL);
    quiesce_end(blk, NULL);
}

void blk_drain_all(void)
{
    assert_main_loop();
    blk_foreach(quiesce_begin, NULL);
    blk_foreach(wait_idle, NULL);
    blk_foreach(quiesce_end, NULL);
}

typedef struct FlushAll {
    BlkRequest req;
    bool done;
    int ret;
} FlushAll;

static void flush_complete(BlkRequest *req, int ret)
{
    FlushAll *f = container_of(req, FlushAll, req);

    f->ret = ret;
    f->done = true;
}

static void flush_one(BlockBackend *blk, void *opaque)
{
    FlushAll f = {.req = {.op = BLK_FLUSH, .complete = flush_complete}};
    int *first = opaque;

    if (!blk->writes) {
        return;
    }
    blk_submit(blk, &f.req, aio_get_main());
    while (!f.done) {
        aio_poll(aio_get_main(), true);
    }
    if (f.ret < 0 && !*first) {
        *first = f.ret;
    }
}

/* --- the process's end
 * ----------------------------------------------------------------------------------- */

#define PATIENCE_NS (5 * NANOSECONDS_PER_SECOND) /* with requests of which none ends */
#define TAKEN_BACK_NS NANOSECONDS_PER_SECOND     /* with those that were asked to end */
#define FLUSH_NS (10 * NANOSECONDS_PER_SECOND)

static unsigned last_flushes; /* on their way; main loop */

typedef struct Census {
    unsigned left;           /* in flight */
    uint64_t ended, written; /* ever; the latter of what changes the image, and went well */
} Census;

static void count_one(BlockBackend *blk, void *opaque)
{
    Census *c = opaque;

    for (BlkQueue *q = __atomic_load_n(&blk->queues, __ATOMIC_ACQUIRE); q; q = q->next) {
        c->left += __atomic_load_n(&q->inflight, __ATOMIC_SEQ_CST);
        c->written += __atomic_load_n(&q->ops[BLK_WRITE], __ATOMIC_RELAXED) +
                      __atomic_load_n(&q->ops[BLK_DISCARD], __ATOMIC_RELAXED) +
                      __atomic_load_n(&q->ops[BLK_WRITE_ZEROES], __ATOMIC_RELAXED);
        for (unsigned op = 0; op < G_N_ELEMENTS(q->ops); op++) {
            c->ended += __atomic_load_n(&q->ops[op], __ATOMIC_RELAXED) +
                        __atomic_load_n(&q->failed[op], __ATOMIC_RELAXED);
        }
    }
}

static unsigned all_left(const Census *c)
{
    return c->left;
}

/* Requests that were left alone before are in flight for ever. */
static unsigned flushes_left(const Census *c)
{
    return last_flushes;
}

/* Waits until none are left, as long as requests end now and then; false: some do not. */
static bool wait_while_moving(int64_t patience, unsigned (*left)(const Census *c))
{
    AioTimer *t = aio_timer_new(aio_get_main(), QEMU_CLOCK_REALTIME, nothing, NULL);
    int64_t since = clock_ns();
    Census before = {0}, now;

    __atomic_fetch_add(&drain_waiters, 1, __ATOMIC_SEQ_CST);
    for (;;) {
        now = (Census){0};
        blk_foreach(count_one, &now);
        if (now.ended != before.ended) {
            before = now;
            since = clock_ns();
        }
        if (!left(&now) || clock_ns() - since >= patience) {
            break;
        }
        aio_timer_mod(t, since + patience);
        aio_poll(aio_get_main(), true);
    }
    __atomic_fetch_sub(&drain_waiters, 1, __ATOMIC_SEQ_CST);
    aio_timer_free(t);
    return !left(&now);
}

static void cancel_one(BlockBackend *blk, void *opaque)
{
    blk_cancel_all(blk);
}

static void complain(BlockBackend *blk, void *opaque)
{
    Census c = {0};

    count_one(blk, &c);
    if (c.left) {
        warn_report("drive '%s': %u requests do not end; they are left alone", blk_name(blk),
                    c.left);
    }
}

static void last_flush_done(BlkRequest *req, int ret)
{
    if (ret < 0) {
        warn_report("drive '%s' could not be flushed: %s", blk_name(req->queue->blk),
                    g_strerror(-ret));
    }
    last_flushes--;
    g_free(container_of(req, FlushAll, req));
}

/* Not from the stack: a flush that does not end is left behind.  It passes the drain. */
static void last_flush(BlockBackend *blk, void *opaque)
{
    BlkQueue *q = find_queue(blk, aio_get_main());
    Census c = {0};
    FlushAll *f;

    count_one(blk, &c);
    if (!blk->writes || c.left || !c.written) {
        return;
    }
    f = g_new0(FlushAll, 1);
    f->req = (BlkRequest){
        .op = BLK_FLUSH, .complete = last_flush_done, .ctx = aio_get_main(), .queue = q};
    count_up(q);
    last_flushes++;
    start(blk, q, &f->req);
}

/* The drain does not end: what devices still send is never started. */
void blk_finish_all(void)
{
    if (!backends) {
        return; /* perhaps so early that there is no loop to wait in */
    }
    assert_main_loop();
    blk_foreach(quiesce_begin, NULL);
    if (!wait_while_moving(PATIENCE_NS, all_left)) {
        blk_foreach(cancel_one, NULL);
        if (!wait_while_moving(TAKEN_BACK_NS, all_left)) {
            blk_foreach(complain, NULL);
        }
    }
    blk_foreach(last_flush, NULL);
    wait_while_moving(FLUSH_NS, flushes_left);
}

int blk_flush_all(void)
{
    int first = 0;

    assert_main_loop();
    blk_foreach(flush_one, &first);
    return first;
}
