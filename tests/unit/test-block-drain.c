/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The block layer: draining under load, and requests that wait for its end. */
#include "../include/soak.h"
#include "block-test-util.h"

/* --- drain
 * ----------------------------------------------------------------------------------------------------
 */

/* Keeps 16 requests going from its own context. */
typedef struct Load {
    TestLoop loop;
    BlockBackend *blk;
    struct LoadIo {
        BlkRequest req;
        struct Load *load;
        struct iovec iov;
        char buf[512];
    } io[16];
    bool stop;          /* atomic */
    uint64_t completed; /* atomic */
    int running;        /* home */
    QemuEvent idle;
} Load;

static void load_complete(BlkRequest *req, int ret)
{
    struct LoadIo *io = container_of(req, struct LoadIo, req);
    Load *l = io->load;

    g_assert_cmpint(ret, ==, 0);
    __atomic_fetch_add(&l->completed, 1, __ATOMIC_SEQ_CST);
    if (!__atomic_load_n(&l->stop, __ATOMIC_SEQ_CST)) {
        blk_submit(l->blk, req, l->loop.ctx);
    } else if (--l->running == 0) {
        qemu_event_set(&l->idle);
    }
}

static void load_start(void *opaque)
{
    Load *l = opaque;

    for (int i = 0; i < 16; i++) {
        struct LoadIo *io = &l->io[i];

        io->load = l;
        io->iov = (struct iovec){io->buf, 512};
        io->req = (BlkRequest){.op = i % 4 ? BLK_READ : BLK_WRITE,
                               .offset = i * 512,
                               .bytes = 512,
                               .iov = &io->iov,
                               .niov = 1,
                               .complete = load_complete};
        l->running++;
        blk_submit(l->blk, &io->req, l->loop.ctx);
    }
}

static unsigned inflight(BlockBackend *blk)
{
    unsigned n = 0;

    for (BlkQueue *q = __atomic_load_n(&blk->queues, __ATOMIC_ACQUIRE); q; q = q->next) {
        n += __atomic_load_n(&q->inflight, __ATOMIC_SEQ_CST);
    }
    return n;
}

static BlockBackend *drained;

static void drain_seen(void *opaque)
{
    /* Runs while a drain waits. */
    ++*(int *)opaque;
}

static void drain_under_load(const char *description)
{
    static Load l[2];
    int seen = 0;

    memset(l, 0, sizeof(l));
    blockdev("%s", description);
    drained = attach("load");
    for (int i = 0; i < 2; i++) {
        l[i].blk = drained;
        qemu_event_init(&l[i].idle, false);
        test_loop_start(&l[i].loop, "load");
        aio_post(l[i].loop.ctx, load_start, &l[i]);
    }
    for (int round = 0; round < (int)soak(30, 1000); round++) {
        uint64_t before[2];

        for (int i = 0; i < 2; i++) {
            before[i] = __atomic_load_n(&l[i].completed, __ATOMIC_SEQ_CST);
        }
        aio_post(aio_get_main(), drain_seen, &seen);
        if (round % 2) {
            blk_drain(drained);
        } else {
            blk_drain_all();
        }
        /* It goes on by itself. */
        for (int i = 0; i < 2; i++) {
            while (__atomic_load_n(&l[i].completed, __ATOMIC_SEQ_CST) < before[i] + 16) {
                aio_poll(aio_get_main(), false);
            }
        }
    }
    g_assert_cmpint(seen, >, 0);
    g_assert_cmpint(blk_flush_all(), ==, 0);
    for (int i = 0; i < 2; i++) {
        __atomic_store_n(&l[i].stop, true, __ATOMIC_SEQ_CST);
        qemu_event_wait(&l[i].idle);
    }
    blk_drain(drained);
    /* A queue's bottom half, which a drain's end schedules, counts for the moment that it takes. */
    for (int i = 0; i < 10000 && inflight(drained); i++) {
        g_usleep(100);
    }
    g_assert_cmpuint(inflight(drained), ==, 0);
    blk_detach_dev(drained);
    for (int i = 0; i < 2; i++) {
        test_loop_stop(&l[i].loop);
    }
    del("load");
}

static void test_drain(void)
{
    g_autofree char *path = make_file("load.img", 1 * MiB);
    g_autofree char *file = g_strdup_printf("file,node-name=load,filename=%s", path);
    g_autofree char *ring = g_strdup_printf("file,node-name=load,aio=io_uring,filename=%s", path);

    drain_under_load("null-co,node-name=load");
    drain_under_load("null-aio,node-name=load,latency-ns=100000");
    drain_under_load(file);
    if (aio_has_io_uring(aio_get_main())) {
        drain_under_load(ring);
    }
}

static bool held_done;

static void held_complete(BlkRequest *req, int ret)
{
    held_done = true;
}

static void submit_while_quiesced(void *opaque)
{
    blk_submit(drained, opaque, aio_get_main());
}

/* What is submitted during a drain starts after it. */
static void test_held(void)
{
    Io slow = {.req = {.op = BLK_FLUSH, .complete = io_complete}};
    BlkRequest late = {.op = BLK_FLUSH, .complete = held_complete};

    blockdev("null-co,node-name=held,latency-ns=20000000");
    drained = attach("held");
    blk_submit(drained, &slow.req, aio_get_main());
    aio_post(aio_get_main(), submit_while_quiesced, &late);
    held_done = false;
    blk_drain(drained);
    g_assert_true(slow.done);
    g_assert_false(held_done);
    while (!held_done) {
        aio_poll(aio_get_main(), true);
    }
    blk_detach_dev(drained);
    del("held");
}

/* --- range locks ------------------------------------------------------------------------------ */

static void nothing(void *opaque)
{
}

static bool take(RangeLock *rl, BlkRequest *req, uint64_t start, uint64_t end, bool serialising)
{
    return range_lock_take(rl, req, start, end, serialising);
}

/* Who waits only for one that is taken back goes on; who waits for others, too, does not. */
static void test_forget(void)
{
    BlkQueue q = {.bh = aio_bh_new(aio_get_main(), nothing, NULL)};
    BlkRequest r[5] = {{.queue = &q}, {.queue = &q}, {.queue = &q}, {.queue = &q}, {.queue = &q}};
    RangeLock rl;

    range_lock_init(&rl);
    g_assert_true(take(&rl, &r[0], 0, 4096, false));
    g_assert_false(take(&rl, &r[1], 0, 8192, true));
    g_assert_false(take(&rl, &r[2], 4096, 8192, false)); /* behind 1 */
    g_assert_false(take(&rl, &r[3], 0, 4096, true));     /* behind 0 and 1 */
    g_assert_false(take(&rl, &r[4], 0, 4096, false));    /* behind 1 and 3 */
    g_assert_true(range_lock_forget(&rl, &r[1]));
    g_assert_true(q.restart == &r[2] && !r[2].queue_next);
    g_assert_true(r[2].lock_held && !r[1].lock_held && !r[3].lock_held && !r[4].lock_held);
    g_assert_false(range_lock_forget(&rl, &r[1]));
    g_assert_false(range_lock_forget(&rl, &r[2])); /* it has the lock */
    q.restart = NULL;
    range_lock_drop(&rl, &r[2]);
    g_assert_null(q.restart);
    range_lock_drop(&rl, &r[0]);
    g_assert_true(q.restart == &r[3] && r[3].lock_held && !r[4].lock_held);
    q.restart = NULL;
    range_lock_drop(&rl, &r[3]);
    g_assert_true(q.restart == &r[4] && r[4].lock_held);
    range_lock_drop(&rl, &r[4]);
    range_lock_destroy(&rl);
    aio_bh_delete(q.bh);
    aio_poll(aio_get_main(), false);
}

/* Who goes takes back what is in flight; a drain for one who must not wait does, too. */
static void test_cancelled(void)
{
    Io slow = {.req = {.op = BLK_FLUSH, .complete = io_complete}};

    blockdev("null-co,node-name=hour,latency-ns=3600000000000");
    drained = attach("hour");
    blk_submit(drained, &slow.req, aio_get_main());
    blk_drain_cancelled(drained);
    g_assert_true(slow.done);
    g_assert_cmpint(slow.ret, ==, -ECANCELED);
    slow.done = false;
    blk_submit(drained, &slow.req, aio_get_main());
    blk_detach_dev(drained);
    g_assert_true(slow.done);
    g_assert_cmpint(slow.ret, ==, -ECANCELED);
    del("hour");
}

int main(int argc, char **argv)
{
    block_test_init(&argc, &argv);
    g_test_add_func("/block/drain", test_drain);
    g_test_add_func("/block/held", test_held);
    g_test_add_func("/block/range-lock-forget", test_forget);
    g_test_add_func("/block/cancelled", test_cancelled);
    return block_test_run();
}
