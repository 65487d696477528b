/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The event loop: descriptors, notifiers, pollers, what lives when.  Runs with each engine
 * (QEMU_AIO_ENGINE). */
#include "../include/soak.h"
#include "aio-test-util.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>

static AioContext *ctx; /* the test thread's own */

/* --- descriptors
 * ------------------------------------------------------------------------------------- */

typedef struct Pipe {
    int fd[2];
    int calls;
    int remove_at; /* remove the handler in this call */
    struct Pipe *victim;
} Pipe;

static void pipe_open(Pipe *p)
{
    memset(p, 0, sizeof(*p));
    g_assert_cmpint(pipe2(p->fd, O_NONBLOCK | O_CLOEXEC), ==, 0);
}

static void pipe_close(Pipe *p)
{
    aio_set_fd_handler(ctx, p->fd[0], NULL, NULL, NULL);
    close(p->fd[0]);
    if (p->fd[1] >= 0) {
        close(p->fd[1]);
    }
}

static void pipe_readable(void *opaque)
{
    Pipe *p = opaque;
    char c;

    p->calls++;
    g_assert_cmpint(read(p->fd[0], &c, 1), >=, 0);
    if (p->calls == p->remove_at) {
        aio_set_fd_handler(ctx, p->fd[0], NULL, NULL, NULL);
    }
    if (p->victim) {
        aio_set_fd_handler(ctx, p->victim->fd[0], NULL, NULL, NULL);
    }
}

static void settle(void)
{
    /* Arming and finding may take an iteration each. */
    for (int i = 0; i < 20; i++) {
        aio_poll(ctx, false);
    }
}

static void test_fd_level(void)
{
    Pipe p;

    pipe_open(&p);
    g_assert_cmpint(write(p.fd[1], "12345", 5), ==, 5);
    aio_set_fd_handler(ctx, p.fd[0], pipe_readable, NULL, &p);
    while (p.calls < 5) {
        aio_poll(ctx, true); /* one byte a call: the rest must be reported again */
    }
    settle();
    g_assert_cmpint(p.calls, ==, 5);
    close(p.fd[1]);
    p.fd[1] = -1;
    p.remove_at = 7;
    while (p.calls < 7) {
        aio_poll(ctx, true); /* hang-up, again and again until removed */
    }
    settle();
    g_assert_cmpint(p.calls, ==, 7);
    pipe_close(&p);
}

static void test_fd_remove_other(void)
{
    Pipe p[2];

    for (int round = 0; round < 50; round++) {
        pipe_open(&p[0]);
        pipe_open(&p[1]);
        p[0].victim = &p[1];
        p[1].victim = &p[0];
        p[0].remove_at = p[1].remove_at = 1;
        for (int i = 0; i < 2; i++) {
            g_assert_cmpint(write(p[i].fd[1], "xy", 2), ==, 2);
            aio_set_fd_handler(ctx, p[i].fd[0], pipe_readable, NULL, &p[i]);
        }
        while (p[0].calls + p[1].calls == 0) {
            aio_poll(ctx, true);
        }
        settle();
        g_assert_cmpint(p[0].calls + p[1].calls, ==, 1);
        pipe_close(&p[0]);
        pipe_close(&p[1]);
    }
}

static void test_fd_reuse(void)
{
    Pipe p, q;
    int old;

    pipe_open(&p);
    aio_set_fd_handler(ctx, p.fd[0], pipe_readable, NULL, &p);
    settle();
    old = p.fd[0];
    pipe_close(&p);
    pipe_open(&q);
    g_assert_cmpint(q.fd[0], ==, old);
    aio_set_fd_handler(ctx, q.fd[0], pipe_readable, NULL, &q);
    g_assert_cmpint(write(q.fd[1], "a", 1), ==, 1);
    while (!q.calls) {
        aio_poll(ctx, true);
    }
    settle();
    g_assert_cmpint(q.calls, ==, 1);
    g_assert_cmpint(p.calls, ==, 0);
    pipe_close(&q);
}

typedef struct Duplex {
    int fd[2];
    int reads, writes;
} Duplex;

static void duplex_read(void *opaque)
{
    Duplex *d = opaque;
    char c;

    d->reads += read(d->fd[0], &c, 1) == 1;
}

static void duplex_write(void *opaque)
{
    ((Duplex *)opaque)->writes++;
}

static void test_fd_change(void)
{
    Duplex d = {0};
    int writes;

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, d.fd), ==, 0);
    aio_set_fd_handler(ctx, d.fd[0], duplex_read, NULL, &d);
    settle();
    g_assert_cmpint(d.reads + d.writes, ==, 0);
    aio_set_fd_handler(ctx, d.fd[0], duplex_read, duplex_write, &d);
    while (d.writes < 2) {
        aio_poll(ctx, true);
    }
    g_assert_cmpint(write(d.fd[1], "z", 1), ==, 1);
    while (!d.reads) {
        aio_poll(ctx, true);
    }
    aio_set_fd_handler(ctx, d.fd[0], duplex_read, NULL, &d);
    writes = d.writes;
    settle();
    g_assert_cmpint(d.writes, ==, writes);
    g_assert_cmpint(write(d.fd[1], "z", 1), ==, 1);
    while (d.reads < 2) {
        aio_poll(ctx, true);
    }
    aio_set_fd_handler(ctx, d.fd[0], NULL, NULL, NULL);
    close(d.fd[0]);
    close(d.fd[1]);
}

static void test_fd_file(void)
{
    g_autofree char *name = NULL;
    Duplex d = {0};

    d.fd[0] = g_file_open_tmp("test-aio-XXXXXX", &name, NULL);
    g_assert_cmpint(d.fd[0], >=, 0);
    unlink(name);
    g_assert_cmpint(write(d.fd[0], "abc", 3), ==, 3);
    lseek(d.fd[0], 0, SEEK_SET);
    aio_set_fd_handler(ctx, d.fd[0], duplex_read, NULL, &d);
    while (d.reads < 3) {
        aio_poll(ctx, true); /* a file is always ready */
    }
    aio_set_fd_handler(ctx, d.fd[0], NULL, NULL, NULL);
    close(d.fd[0]);
}

static void many_read(void *opaque)
{
    Pipe *p = opaque;
    char c;

    p->calls += read(p->fd[0], &c, 1) == 1;
}

/* More descriptors than the ring has entries. */
static void test_fd_many(void)
{
    enum { N = 300 };
    g_autofree Pipe *p = g_new0(Pipe, N);
    int missing = N;

    for (int i = 0; i < N; i++) {
        pipe_open(&p[i]);
        aio_set_fd_handler(ctx, p[i].fd[0], many_read, NULL, &p[i]);
        g_assert_cmpint(write(p[i].fd[1], "q", 1), ==, 1);
    }
    while (missing) {
        aio_poll(ctx, true);
        missing = 0;
        for (int i = 0; i < N; i++) {
            missing += !p[i].calls;
        }
    }
    for (int i = 0; i < N; i++) {
        g_assert_cmpint(p[i].calls, ==, 1);
        pipe_close(&p[i]);
    }
    settle();
}

static void test_notifier(void)
{
    EventNotifier n;
    int calls = 0;

    g_assert_true(event_notifier_init(&n, true, NULL));
    g_assert_true(event_notifier_test_and_clear(&n));
    g_assert_false(event_notifier_test_and_clear(&n));
    event_notifier_set(&n);
    aio_set_event_notifier(ctx, &n, test_count, &calls); /* set before: counts */
    while (!calls) {
        aio_poll(ctx, true);
    }
    settle();
    g_assert_cmpint(calls, ==, 1);
    for (int i = 0; i < 10; i++) {
        event_notifier_set(&n);
        while (calls < 2 + i) {
            aio_poll(ctx, true);
        }
    }
    settle();
    g_assert_cmpint(calls, ==, 11);
    aio_set_event_notifier(ctx, &n, NULL, NULL);
    event_notifier_set(&n);
    settle();
    g_assert_cmpint(calls, ==, 11);
    /* And as an ordinary level-triggered descriptor. */
    aio_set_fd_handler(ctx, n.fd, test_count, NULL, &calls);
    while (calls < 14) {
        aio_poll(ctx, true);
    }
    aio_set_fd_handler(ctx, n.fd, NULL, NULL, NULL);
    event_notifier_cleanup(&n);
    g_assert_cmpint(n.fd, ==, -1);
}

/* --- pollers
 * ------------------------------------------------------------------------------------------- */

/* A ring whose producer kicks an eventfd only while the consumer sleeps. */
typedef struct Ring {
    TestLoop loop;
    AioPoller *poller;
    EventNotifier kick;
    uint32_t head, tail; /* atomics */
    uint32_t need_kick;  /* atomic */
    uint32_t wanted;
    int kicks; /* producer only */
    int slots[64];
    int expected; /* home only */
    QemuEvent done;
} Ring;

static bool ring_poll(void *opaque)
{
    Ring *r = opaque;
    uint32_t tail = __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE);
    uint32_t head = r->head;

    if (head == tail) {
        return false;
    }
    while (head != tail) {
        g_assert_cmpint(r->slots[head % 64], ==, r->expected);
        r->expected++;
        head++;
    }
    __atomic_store_n(&r->head, head, __ATOMIC_RELEASE);
    if (head == r->wanted) {
        qemu_event_set(&r->done);
    }
    return true;
}

static bool ring_sleep(void *opaque)
{
    Ring *r = opaque;

    __atomic_exchange_n(&r->need_kick, 1, __ATOMIC_SEQ_CST);
    return __atomic_load_n(&r->tail, __ATOMIC_SEQ_CST) != r->head;
}

static void ring_wake(void *opaque)
{
    __atomic_store_n(&((Ring *)opaque)->need_kick, 0, __ATOMIC_SEQ_CST);
}

static void ring_kicked(void *opaque)
{
}

static const AioPollOps ring_ops = {ring_poll, ring_sleep, ring_wake};

static void ring_setup(void *opaque)
{
    Ring *r = opaque;

    r->poller = aio_poller_new(r->loop.ctx, &ring_ops, r);
    aio_set_event_notifier(r->loop.ctx, &r->kick, ring_kicked, r);
}

static void ring_teardown(void *opaque)
{
    Ring *r = opaque;

    aio_poller_delete(r->poller);
    aio_set_event_notifier(r->loop.ctx, &r->kick, NULL, NULL);
}

static void ring_run(int64_t poll_ns, bool slow, uint32_t wanted)
{
    g_autofree Ring *r = g_new0(Ring, 1);

    r->wanted = wanted;
    qemu_event_init(&r->done, false);
    g_assert_true(event_notifier_init(&r->kick, false, NULL));
    test_loop_start(&r->loop, "ring");
    aio_set_poll_params(r->loop.ctx, poll_ns, 0, 0);
    aio_call(r->loop.ctx, ring_setup, r);
    for (uint32_t i = 0; i < wanted; i++) {
        while (i - __atomic_load_n(&r->head, __ATOMIC_ACQUIRE) >= 64) {
            sched_yield();
        }
        r->slots[i % 64] = i;
        __atomic_store_n(&r->tail, i + 1, __ATOMIC_SEQ_CST);
        if (__atomic_load_n(&r->need_kick, __ATOMIC_SEQ_CST)) {
            r->kicks++;
            event_notifier_set(&r->kick);
        }
        if (slow && i % 16 == 0) {
            g_usleep(i % 128);
        }
    }
    qemu_event_wait(&r->done); /* a lost kick would hang here */
    g_assert_cmpint(r->expected, ==, wanted);
    aio_call(r->loop.ctx, ring_teardown, r);
    test_loop_stop(&r->loop);
    event_notifier_cleanup(&r->kick);
}

static void test_poller(void)
{
    ring_run(0, false, (uint32_t)soak(100000, 2000000));
    ring_run(0, true, (uint32_t)soak(5000, 100000));
}

static void test_poller_spin(void)
{
    ring_run(32768, false, (uint32_t)soak(100000, 2000000));
    ring_run(32768, true, (uint32_t)soak(5000, 100000));
}

/* What is registered before any thread runs the context, and what is left when it goes. */
static void test_life(void)
{
    int n = 0;
    Pipe p;
    TestLoop l;
    AioContext *c = aio_context_new("unused", NULL);

    pipe_open(&p);
    aio_set_fd_handler(c, p.fd[0], pipe_readable, NULL, &p);
    aio_bh_delete(aio_bh_new(c, test_count, &n));
    aio_post(c, test_count, &n);
    aio_poller_new(c, &ring_ops, NULL);
    aio_context_unref(c);
    g_assert_cmpint(n, ==, 0);

    test_loop_start(&l, "life");
    aio_context_ref(l.ctx);
    c = l.ctx;
    test_loop_stop(&l);
    aio_set_fd_handler(c, p.fd[0], pipe_readable, NULL, &p);
    aio_set_fd_handler(c, p.fd[0], NULL, NULL, NULL);
    aio_context_unref(c);
    close(p.fd[0]);
    close(p.fd[1]);
}

int main(int argc, char **argv)
{
    int ret;

    g_test_init(&argc, &argv, NULL);
    ctx = aio_context_new("test", NULL);
    aio_set_current(ctx);
    g_test_add_func("/aio/fd-level", test_fd_level);
    g_test_add_func("/aio/fd-remove-other", test_fd_remove_other);
    g_test_add_func("/aio/fd-reuse", test_fd_reuse);
    g_test_add_func("/aio/fd-change", test_fd_change);
    g_test_add_func("/aio/fd-file", test_fd_file);
    g_test_add_func("/aio/fd-many", test_fd_many);
    g_test_add_func("/aio/notifier", test_notifier);
    g_test_add_func("/aio/poller", test_poller);
    g_test_add_func("/aio/poller-spin", test_poller_spin);
    g_test_add_func("/aio/life", test_life);
    ret = g_test_run();
    aio_set_current(NULL); /* a worker may be the last to let go */
    aio_context_unref(ctx);
    return ret;
}
