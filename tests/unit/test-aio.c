/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The event loop: bottom halves, descriptors, pollers, wake-ups, file I/O, workers, the main loop.
 * Runs with each engine (QEMU_AIO_ENGINE).
 */
#include "aio-test-util.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>

static AioContext *ctx; /* the test thread's own */

static void drain(AioContext *c)
{
    while (aio_poll(c, false)) {
    }
}

/* --- bottom halves -----------------------------------------------------------------------------
 */

static void count(void *opaque)
{
    ++*(int *)opaque;
}

static void test_bh(void)
{
    int n = 0;
    AioBH *bh = aio_bh_new(ctx, count, &n);

    g_assert_false(aio_poll(ctx, false));
    aio_bh_schedule(bh);
    aio_bh_schedule(bh);
    g_assert_cmpint(n, ==, 0);
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(n, ==, 1);
    g_assert_false(aio_poll(ctx, false));

    aio_bh_schedule(bh);
    aio_bh_cancel(bh);
    drain(ctx);
    g_assert_cmpint(n, ==, 1);
    aio_bh_schedule(bh);
    drain(ctx);
    g_assert_cmpint(n, ==, 2);

    aio_bh_schedule(bh);
    aio_bh_delete(bh);
    drain(ctx);
    g_assert_cmpint(n, ==, 2);
}

typedef struct SelfBH {
    AioBH *bh;
    int n;
} SelfBH;

static void reschedule(void *opaque)
{
    SelfBH *s = opaque;

    if (++s->n == 3) {
        aio_bh_delete(s->bh);
    } else {
        aio_bh_schedule(s->bh);
    }
}

static void test_bh_self(void)
{
    SelfBH s = {0};

    s.bh = aio_bh_new(ctx, reschedule, &s);
    aio_bh_schedule(s.bh);
    /* One run an iteration: a bottom half that schedules itself starves nobody. */
    for (int i = 1; i <= 3; i++) {
        g_assert_true(aio_poll(ctx, true));
        g_assert_cmpint(s.n, ==, i);
    }
    drain(ctx);
    g_assert_cmpint(s.n, ==, 3);
}

static void nested(void *opaque)
{
    int *n = opaque;

    ++*n;
    /* The next post is behind us in the same batch: a nested poll must find it. */
    while (*n < 2) {
        aio_poll(ctx, true);
    }
}

static void test_nested(void)
{
    int n = 0;

    aio_post(ctx, nested, &n);
    aio_post(ctx, count, &n);
    drain(ctx);
    g_assert_cmpint(n, ==, 2);
}

/* Four producers, one loop: nothing lost, nothing out of order. */
enum { PRODUCERS = 4, POSTS = 20000 };

typedef struct Producer {
    QemuThread thread;
    AioContext *to;
    int sent, received; /* received: home of "to" only */
    int *total;
} Producer;

typedef struct Post {
    Producer *p;
    int number;
} Post;

static void receive(void *opaque)
{
    Post *post = opaque;

    g_assert_cmpint(post->number, ==, post->p->received);
    post->p->received++;
    ++*post->p->total;
    g_free(post);
}

static void *produce(void *opaque)
{
    Producer *p = opaque;

    for (; p->sent < POSTS; p->sent++) {
        Post *post = g_new(Post, 1);

        post->p = p;
        post->number = p->sent;
        aio_post(p->to, receive, post);
        if (p->sent % 64 == 0) {
            sched_yield();
        }
    }
    return NULL;
}

static void test_producers(void)
{
    Producer p[PRODUCERS] = {0};
    int total = 0;

    for (int i = 0; i < PRODUCERS; i++) {
        p[i].to = ctx;
        p[i].total = &total;
        g_assert_true(qemu_thread_create(&p[i].thread, "producer", produce, &p[i], NULL));
    }
    while (total < PRODUCERS * POSTS) {
        aio_poll(ctx, true); /* a lost wake-up would hang here */
    }
    for (int i = 0; i < PRODUCERS; i++) {
        qemu_thread_join(&p[i].thread);
        g_assert_cmpint(p[i].received, ==, POSTS);
    }
}

/* --- wake-ups
 * ------------------------------------------------------------------------------------- */

typedef struct PingPong {
    TestLoop a, b;
    AioBH *ping, *pong;
    int left;
    int plain; /* only the hand-over orders accesses */
    QemuEvent done;
} PingPong;

static void ping(void *opaque)
{
    PingPong *p = opaque;

    p->plain++;
    aio_bh_schedule(p->pong);
}

static void pong(void *opaque)
{
    PingPong *p = opaque;

    p->plain++;
    if (--p->left) {
        aio_bh_schedule(p->ping);
    } else {
        qemu_event_set(&p->done);
    }
}

static void ping_pong(int64_t poll_ns)
{
    PingPong p = {.left = 20000};
    AioStats st;

    qemu_event_init(&p.done, false);
    test_loop_start(&p.a, "ping");
    test_loop_start(&p.b, "pong");
    aio_set_poll_params(p.a.ctx, poll_ns, 0, 0);
    aio_set_poll_params(p.b.ctx, poll_ns, 0, 0);
    p.ping = aio_bh_new(p.a.ctx, ping, &p);
    p.pong = aio_bh_new(p.b.ctx, pong, &p);
    aio_bh_schedule(p.ping);
    qemu_event_wait(&p.done);
    g_assert_cmpint(p.plain, ==, 40000);
    aio_get_stats(p.a.ctx, &st);
    if (poll_ns && qemu_cpus_allowed() > 1) {
        g_assert_cmpuint(st.polls_hit + st.polls_missed, >, 0);
    } else {
        g_assert_cmpuint(st.polls_hit + st.polls_missed, ==, 0);
    }
    /* One write to the eventfd at most for each time the thread went to sleep. */
    g_assert_cmpuint(st.notifies, <=, st.sleeps + 1);
    aio_bh_delete(p.ping);
    aio_bh_delete(p.pong);
    test_loop_stop(&p.a);
    test_loop_stop(&p.b);
}

static void test_ping_pong(void)
{
    ping_pong(0);
}

static void test_ping_pong_poll(void)
{
    ping_pong(50000);
}

static void test_ping_pong_one_cpu(void)
{
    cpu_set_t old, one;
    int cpu = 0;

    sched_getaffinity(0, sizeof(old), &old);
    while (!CPU_ISSET(cpu, &old)) {
        cpu++;
    }
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof(one), &one);
    ping_pong(50000); /* asserts that nobody spun */
    sched_setaffinity(0, sizeof(old), &old);
}

static void add(void *opaque)
{
    int *n = opaque;

    g_assert_nonnull(aio_get_current());
    ++*n;
}

static void test_call(void)
{
    TestLoop l;
    int n = 0;

    test_loop_start(&l, "callee");
    for (int i = 0; i < 2000; i++) {
        aio_call(l.ctx, add, &n);
        g_assert_cmpint(n, ==, i + 1);
    }
    aio_call(ctx, add, &n); /* at home: directly */
    g_assert_cmpint(n, ==, 2001);
    test_loop_stop(&l);
}

static void test_home(void)
{
    TestLoop l;

    test_loop_start(&l, "home");
    g_assert_true(aio_get_current() == ctx);
    g_assert_false(aio_in_home(l.ctx));
    g_assert_cmpstr(aio_context_name(l.ctx), ==, "home");
    test_loop_stop(&l);
    g_assert_cmpstr(aio_context_engine(ctx), ==,
                    g_strcmp0(g_getenv("QEMU_AIO_ENGINE"), "epoll") ? "io_uring" : "epoll");
}

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
    char name[] = "/tmp/test-aio-XXXXXX";
    Duplex d = {0};

    d.fd[0] = mkstemp(name);
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
    aio_set_event_notifier(ctx, &n, count, &calls); /* set before: counts */
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
    aio_set_fd_handler(ctx, n.fd, count, NULL, &calls);
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
    ring_run(0, false, 100000);
    ring_run(0, true, 5000);
}

static void test_poller_spin(void)
{
    ring_run(32768, false, 100000);
    ring_run(32768, true, 5000);
}

/* --- file I/O
 * ---------------------------------------------------------------------------------------------- */

typedef struct TestReq {
    AioRequest req;
    struct iovec iov[3];
    int res;
    bool done;
} TestReq;

static void req_complete(AioRequest *req, int res)
{
    TestReq *r = container_of(req, TestReq, req);

    g_assert_true(aio_in_home(ctx));
    r->res = res;
    r->done = true;
}

static int req_run(TestReq *r)
{
    r->done = false;
    r->req.complete = req_complete;
    r->req.iov = r->iov;
    aio_submit(ctx, &r->req);
    g_assert_false(r->done); /* never from inside submit */
    while (!r->done) {
        aio_poll(ctx, true);
    }
    return r->res;
}

static void test_file(void)
{
    char name[] = "/tmp/test-aio-XXXXXX";
    char a[] = "hello ", b[] = "wor", c[] = "ld", in[32] = {0};
    TestReq r = {.iov = {{a, 6}, {b, 3}, {c, 2}}};
    int fd = mkstemp(name);

    unlink(name);
    r.req = (AioRequest){.op = AIO_WRITEV, .fd = fd, .offset = 3, .niov = 3};
    g_assert_cmpint(req_run(&r), ==, 11);
    r.req = (AioRequest){.op = AIO_FDATASYNC, .fd = fd};
    g_assert_cmpint(req_run(&r), ==, 0);
    r.req = (AioRequest){.op = AIO_FSYNC, .fd = fd};
    g_assert_cmpint(req_run(&r), ==, 0);
    r.iov[0] = (struct iovec){in, sizeof(in)};
    r.req = (AioRequest){.op = AIO_READV, .fd = fd, .niov = 1};
    g_assert_cmpint(req_run(&r), ==, 14); /* short at the end */
    g_assert_cmpmem(in, 14, "\0\0\0hello world", 14);
    r.iov[0].iov_len = 5;
    r.iov[1] = (struct iovec){in + 5, 4};
    r.req = (AioRequest){.op = AIO_READV, .fd = fd, .niov = 2, .offset = 3};
    g_assert_cmpint(req_run(&r), ==, 9);
    g_assert_cmpmem(in, 9, "hello wor", 9);
    r.req = (AioRequest){.op = AIO_FALLOCATE, .fd = fd, .offset = 0, .len = 65536};
    g_assert_cmpint(req_run(&r), ==, 0);
    g_assert_cmpint(lseek(fd, 0, SEEK_END), ==, 65536);
    r.req = (AioRequest){.op = AIO_WRITEV, .fd = fd, .niov = 1, .mode = RWF_DSYNC};
    g_assert_cmpint(req_run(&r), ==, 5);
    close(fd);
    r.req = (AioRequest){.op = AIO_READV, .fd = fd, .niov = 1};
    g_assert_cmpint(req_run(&r), ==, -EBADF);
}

static void test_file_many(void)
{
    enum { N = 1000 };
    g_autofree TestReq *r = g_new0(TestReq, N);
    g_autofree int *value = g_new(int, N);
    char name[] = "/tmp/test-aio-XXXXXX";
    int fd = mkstemp(name), back;

    unlink(name);
    for (int i = 0; i < N; i++) {
        value[i] = i * 7;
        r[i].iov[0] = (struct iovec){&value[i], sizeof(int)};
        r[i].req = (AioRequest){.complete = req_complete,
                                .op = AIO_WRITEV,
                                .fd = fd,
                                .offset = i * sizeof(int),
                                .iov = r[i].iov,
                                .niov = 1};
        aio_submit(ctx, &r[i].req);
    }
    for (int i = 0; i < N; i++) {
        while (!r[i].done) {
            aio_poll(ctx, true);
        }
        g_assert_cmpint(r[i].res, ==, sizeof(int));
        g_assert_cmpint(pread(fd, &back, sizeof(back), i * sizeof(int)), ==, sizeof(int));
        g_assert_cmpint(back, ==, i * 7);
    }
    close(fd);
}

/* --- workers
 * --------------------------------------------------------------------------------------------------
 */

typedef struct TestWork {
    AioWork work;
    int number;
    int *done;
} TestWork;

static int square(AioWork *w)
{
    TestWork *t = container_of(w, TestWork, work);

    g_assert_null(aio_get_current());
    if (t->number % 50 == 0) {
        g_usleep(1000);
    }
    return t->number * t->number;
}

static void squared(AioWork *w, int res)
{
    TestWork *t = container_of(w, TestWork, work);

    g_assert_true(aio_in_home(ctx));
    g_assert_cmpint(res, ==, t->number * t->number);
    ++*t->done;
}

static void *submit_elsewhere(void *opaque)
{
    TestWork *t = opaque;

    for (int i = 500; i < 1000; i++) {
        aio_work_submit(ctx, &t[i].work);
    }
    return NULL;
}

static void test_work(void)
{
    g_autofree TestWork *t = g_new0(TestWork, 1000);
    QemuThread thread;
    int done = 0;

    for (int i = 0; i < 1000; i++) {
        t[i].work.work = square;
        t[i].work.done = squared;
        t[i].number = i;
        t[i].done = &done;
    }
    g_assert_true(qemu_thread_create(&thread, "submit", submit_elsewhere, t, NULL));
    for (int i = 0; i < 500; i++) {
        aio_work_submit(ctx, &t[i].work);
    }
    while (done < 1000) {
        aio_poll(ctx, true);
    }
    qemu_thread_join(&thread);
}

/* --- the main loop
 * ---------------------------------------------------------------------------------------------- */

static gboolean expired(gpointer opaque)
{
    g_error("the main loop did not wake up");
    return G_SOURCE_REMOVE;
}

typedef struct MainTest {
    int posts, timers, nested;
    EventNotifier n;
    int64_t late;
    AioTimer *timer;
} MainTest;

static void main_timer(void *opaque)
{
    MainTest *t = opaque;

    t->late = qemu_clock_get_ns(QEMU_CLOCK_REALTIME) - t->late;
    t->timers++;
}

static void main_nested(void *opaque)
{
    MainTest *t = opaque;
    int before = t->posts;

    /* Somebody waits inside the main loop for something that arrives there. */
    aio_post(aio_get_main(), count, &t->posts);
    while (t->posts == before) {
        aio_poll(aio_get_main(), true);
    }
    t->nested++;
}

static void *main_poster(void *opaque)
{
    MainTest *t = opaque;

    for (int i = 0; i < 200; i++) {
        aio_post(aio_get_main(), count, &t->posts);
        g_usleep(100);
        event_notifier_set(&t->n);
    }
    return NULL;
}

static void test_main(void)
{
    AioContext *mine = aio_get_current();
    guint watchdog = g_timeout_add_seconds(60, expired, NULL);
    MainTest t = {0};
    int signals = 0;
    QemuThread thread;
    int64_t best = INT64_MAX;

    aio_set_current(NULL);
    g_assert_true(aio_init_main(NULL));
    g_assert_true(aio_get_current() == aio_get_main());
    assert_main_loop();
    g_assert_true(event_notifier_init(&t.n, false, NULL));
    aio_set_event_notifier(aio_get_main(), &t.n, count, &signals);
    g_assert_true(qemu_thread_create(&thread, "poster", main_poster, &t, NULL));
    while (t.posts < 200 || signals == 0) {
        g_main_context_iteration(NULL, TRUE);
    }
    qemu_thread_join(&thread);
    aio_post(aio_get_main(), main_nested, &t);
    while (!t.nested) {
        g_main_context_iteration(NULL, TRUE);
    }
    t.timer = aio_timer_new(aio_get_main(), QEMU_CLOCK_REALTIME, main_timer, &t);
    for (int i = 0; i < 50; i++) {
        int before = t.timers;

        t.late = qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + 300 * SCALE_US;
        aio_timer_mod(t.timer, t.late);
        while (t.timers == before) {
            g_main_context_iteration(NULL, TRUE);
        }
        g_assert_cmpint(t.late, >=, 0);
        best = MIN(best, t.late);
    }
    /* Whole milliseconds, as GLib counts, would be at least 700 us late each time. */
    g_assert_cmpint(best, <, 600 * SCALE_US);
    aio_timer_free(t.timer);
    aio_set_event_notifier(aio_get_main(), &t.n, NULL, NULL);
    event_notifier_cleanup(&t.n);
    g_source_remove(watchdog);
    aio_set_current(mine);
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
    aio_bh_delete(aio_bh_new(c, count, &n));
    aio_post(c, count, &n);
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
    g_test_add_func("/aio/bh", test_bh);
    g_test_add_func("/aio/bh-self", test_bh_self);
    g_test_add_func("/aio/nested", test_nested);
    g_test_add_func("/aio/producers", test_producers);
    g_test_add_func("/aio/ping-pong", test_ping_pong);
    g_test_add_func("/aio/ping-pong-poll", test_ping_pong_poll);
    g_test_add_func("/aio/ping-pong-one-cpu", test_ping_pong_one_cpu);
    g_test_add_func("/aio/call", test_call);
    g_test_add_func("/aio/home", test_home);
    g_test_add_func("/aio/fd-level", test_fd_level);
    g_test_add_func("/aio/fd-remove-other", test_fd_remove_other);
    g_test_add_func("/aio/fd-reuse", test_fd_reuse);
    g_test_add_func("/aio/fd-change", test_fd_change);
    g_test_add_func("/aio/fd-file", test_fd_file);
    g_test_add_func("/aio/fd-many", test_fd_many);
    g_test_add_func("/aio/notifier", test_notifier);
    g_test_add_func("/aio/poller", test_poller);
    g_test_add_func("/aio/poller-spin", test_poller_spin);
    g_test_add_func("/aio/file", test_file);
    g_test_add_func("/aio/file-many", test_file_many);
    g_test_add_func("/aio/work", test_work);
    g_test_add_func("/aio/main", test_main);
    g_test_add_func("/aio/life", test_life);
    ret = g_test_run();
    aio_context_unref(ctx);
    return ret;
}
