/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The event loop: bottom halves, posts, wake-ups, the main loop.  Runs with each engine
 * (QEMU_AIO_ENGINE). */
#include "../include/soak.h"
#include "aio-test-util.h"

#include <sched.h>

static AioContext *ctx; /* the test thread's own */

/* --- bottom halves -----------------------------------------------------------------------------
 */

static void test_bh(void)
{
    int n = 0;
    AioBH *bh = aio_bh_new(ctx, test_count, &n);

    g_assert_false(aio_poll(ctx, false));
    aio_bh_schedule(bh);
    aio_bh_schedule(bh);
    g_assert_cmpint(n, ==, 0);
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(n, ==, 1);
    g_assert_false(aio_poll(ctx, false));

    aio_bh_schedule(bh);
    aio_bh_cancel(bh);
    test_poll_all(ctx);
    g_assert_cmpint(n, ==, 1);
    aio_bh_schedule(bh);
    test_poll_all(ctx);
    g_assert_cmpint(n, ==, 2);

    aio_bh_schedule(bh);
    aio_bh_delete(bh);
    test_poll_all(ctx);
    g_assert_cmpint(n, ==, 2);
}

typedef struct Outermost {
    AioBH *outer, *outermost, *inner;
    int runs, inner_runs;
} Outermost;

static void outermost_fn(void *opaque)
{
    Outermost *o = opaque;

    g_assert_false(aio_is_nested(ctx));
    o->runs++;
}

static void inner_fn(void *opaque)
{
    Outermost *o = opaque;

    g_assert_true(aio_is_nested(ctx));
    o->inner_runs++;
}

/* What waits in a callback runs what came, but not what may take away what the callback holds. */
static void outer_fn(void *opaque)
{
    Outermost *o = opaque;

    aio_bh_schedule(o->outermost);
    aio_bh_schedule(o->inner);
    for (int i = 0; i < 3; i++) {
        aio_poll(ctx, false);
        aio_bh_schedule(o->outermost); /* held: once */
    }
    g_assert_cmpint(o->inner_runs, ==, 1);
    g_assert_cmpint(o->runs, ==, 0);
}

static void test_bh_outermost(void)
{
    Outermost o = {0};
    AioBH *gone = aio_bh_new_outermost(ctx, outermost_fn, &o);

    o.outer = aio_bh_new(ctx, outer_fn, &o);
    o.outermost = aio_bh_new_outermost(ctx, outermost_fn, &o);
    o.inner = aio_bh_new(ctx, inner_fn, &o);
    aio_bh_schedule(o.outer);
    g_assert_true(aio_poll(ctx, true));
    g_assert_true(aio_poll(ctx, true)); /* does not sleep: there is something to do */
    g_assert_cmpint(o.runs, ==, 1);
    g_assert_false(aio_poll(ctx, false));
    aio_bh_schedule(o.outermost);
    aio_bh_schedule(gone);
    aio_bh_delete(gone);
    test_poll_all(ctx);
    g_assert_cmpint(o.runs, ==, 2);
    aio_bh_delete(o.outer);
    aio_bh_delete(o.outermost);
    aio_bh_delete(o.inner);
    test_poll_all(ctx);
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
    test_poll_all(ctx);
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
    aio_post(ctx, test_count, &n);
    test_poll_all(ctx);
    g_assert_cmpint(n, ==, 2);
}

/* Four producers, one loop: nothing lost, nothing out of order. */
enum { PRODUCERS = 4 };
static int posts; /* of each producer */

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

    for (; p->sent < posts; p->sent++) {
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

    posts = (int)soak(20000, 500000);
    for (int i = 0; i < PRODUCERS; i++) {
        p[i].to = ctx;
        p[i].total = &total;
        g_assert_true(qemu_thread_create(&p[i].thread, "producer", produce, &p[i], NULL));
    }
    while (total < PRODUCERS * posts) {
        aio_poll(ctx, true); /* a lost wake-up would hang here */
    }
    for (int i = 0; i < PRODUCERS; i++) {
        qemu_thread_join(&p[i].thread);
        g_assert_cmpint(p[i].received, ==, posts);
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
    int rounds = (int)soak(20000, 400000);
    PingPong p = {.left = rounds};
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
    g_assert_cmpint(p.plain, ==, 2 * rounds);
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
    aio_post(aio_get_main(), test_count, &t->posts);
    while (t->posts == before) {
        aio_poll(aio_get_main(), true);
    }
    t->nested++;
}

static void *main_poster(void *opaque)
{
    MainTest *t = opaque;

    for (int i = 0; i < 200; i++) {
        aio_post(aio_get_main(), test_count, &t->posts);
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
    aio_set_event_notifier(aio_get_main(), &t.n, test_count, &signals);
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

int main(int argc, char **argv)
{
    int ret;

    g_test_init(&argc, &argv, NULL);
    ctx = aio_context_new("test", NULL);
    aio_set_current(ctx);
    g_test_add_func("/aio/bh", test_bh);
    g_test_add_func("/aio/bh-outermost", test_bh_outermost);
    g_test_add_func("/aio/bh-self", test_bh_self);
    g_test_add_func("/aio/nested", test_nested);
    g_test_add_func("/aio/producers", test_producers);
    g_test_add_func("/aio/ping-pong", test_ping_pong);
    g_test_add_func("/aio/ping-pong-poll", test_ping_pong_poll);
    g_test_add_func("/aio/ping-pong-one-cpu", test_ping_pong_one_cpu);
    g_test_add_func("/aio/call", test_call);
    g_test_add_func("/aio/home", test_home);
    g_test_add_func("/aio/main", test_main);
    ret = g_test_run();
    aio_set_current(NULL); /* a worker may be the last to let go */
    aio_context_unref(ctx);
    return ret;
}
