/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clocks and timers: order, changes from other threads, sleeping to a deadline, qtest's manual
 * clock over several homes. */
#include "../include/soak.h"
#include "aio-test-util.h"

static AioContext *ctx; /* the main loop's */

static int64_t now_rt(void)
{
    return qemu_clock_get_ns(QEMU_CLOCK_REALTIME);
}

/* What fired, in order. */
typedef struct Log {
    GString *text;
    QemuMutex lock;
} Log;
static Log logbook;

typedef struct Timer {
    AioTimer *t;
    char name;
    int fired;
    int64_t again; /* set anew by so much in its function, while > 0 */
    int times;
    int64_t seen; /* the clock when it fired */
    AioContext *home;
    struct Timer *kills, *sets;
} Timer;

static QEMUClockType clock_under_test;

static void fire(void *opaque)
{
    Timer *t = opaque;

    g_assert_true(aio_in_home(t->home));
    g_assert_false(aio_timer_pending(t->t));
    t->seen = qemu_clock_get_ns(clock_under_test);
    __atomic_fetch_add(&t->fired, 1, __ATOMIC_RELEASE);
    qemu_mutex_lock(&logbook.lock);
    g_string_append_c(logbook.text, t->name);
    qemu_mutex_unlock(&logbook.lock);
    if (t->again > 0 && t->times-- > 0) {
        aio_timer_mod(t->t, t->seen + t->again);
    }
    if (t->kills) {
        aio_timer_del(t->kills->t);
    }
    if (t->sets) {
        aio_timer_mod(t->sets->t, t->seen);
    }
}

static void timer_setup(Timer *t, char name, AioContext *home)
{
    *t = (Timer){.name = name, .home = home};
    t->t = aio_timer_new(home, clock_under_test, fire, t);
}

static void log_clear(void)
{
    g_string_truncate(logbook.text, 0);
}

static void test_order(void)
{
    Timer t[8];
    int64_t base;

    clock_under_test = QEMU_CLOCK_REALTIME;
    log_clear();
    base = now_rt() + 2 * SCALE_MS;
    for (int i = 0; i < 8; i++) {
        timer_setup(&t[i], 'a' + i, ctx);
        aio_timer_mod(t[i].t, base + (i * 5 % 8) * 1000);
    }
    aio_timer_mod(t[3].t, base - 500 * SCALE_US); /* d is first now */
    aio_timer_del(t[4].t);
    g_assert_false(aio_timer_pending(t[4].t));
    g_assert_true(aio_timer_pending(t[3].t));
    g_assert_cmpint(aio_timer_expire_ns(t[3].t), ==, base - 500 * SCALE_US);
    g_assert_cmpint(aio_timer_expire_ns(t[4].t), ==, -1);
    t[5].kills = &t[6];
    while (logbook.text->len < 6) {
        g_assert_cmpint(logbook.text->len, <=, 6);
        aio_poll(ctx, true);
    }
    /* i * 5 % 8: a 0, b 5, c 2, d 7, e 4, f 1, g 6, h 3 */
    g_assert_cmpstr(logbook.text->str, ==, "dafchb");
    g_assert_cmpint(now_rt(), >=, base);
    for (int i = 0; i < 8; i++) {
        aio_timer_free(t[i].t);
    }
    g_assert_false(aio_poll(ctx, false));
}

/* Random operations against a sorted model. */
static void test_heap(void)
{
    enum { N = 200 };
    static Timer t[N];
    bool set[N] = {false};
    int pending = 0;

    clock_under_test = QEMU_CLOCK_VIRTUAL;
    aio_clock_set_manual(true);
    for (int i = 0; i < N; i++) {
        timer_setup(&t[i], 'x', ctx);
    }
    for (int round = 0; round < 20000; round++) {
        int i = g_test_rand_int_range(0, N);
        int64_t earliest = -1;

        if (g_test_rand_int_range(0, 3)) {
            aio_timer_mod(t[i].t, 1000 + g_test_rand_int_range(0, 10000));
            set[i] = true;
        } else {
            aio_timer_del(t[i].t);
            set[i] = false;
        }
        if (round % 50) {
            continue;
        }
        for (int k = 0; k < N; k++) {
            int64_t e = aio_timer_expire_ns(t[k].t);

            g_assert_cmpint(set[k], ==, e >= 0);
            if (e >= 0 && (earliest < 0 || e < earliest)) {
                earliest = e;
            }
        }
        g_assert_cmpint(aio_clock_next_deadline(), ==, earliest);
    }
    for (int k = 0; k < N; k++) {
        pending += set[k];
        t[k].again = aio_timer_expire_ns(t[k].t);
        t[k].times = 0;
    }
    g_assert_cmpint(pending, >, 0);
    g_assert_cmpint(aio_clock_advance(20000), ==, 20000);
    for (int k = 0; k < N; k++) {
        g_assert_cmpint(t[k].fired, ==, set[k]);
        if (set[k]) {
            g_assert_cmpint(t[k].seen, ==, t[k].again); /* the clock at its own deadline */
        }
        aio_timer_free(t[k].t);
    }
    aio_clock_set_manual(false);
}

/* --- other threads -------------------------------------------------------------------------------
 */

static void test_remote(void)
{
    TestLoop l;
    Timer t;
    int64_t worst = 0;

    clock_under_test = QEMU_CLOCK_REALTIME;
    test_loop_start(&l, "timers");
    timer_setup(&t, 'r', l.ctx);
    /* The loop sleeps without limit, or to a later deadline: an earlier one must wake it. */
    for (int i = 0; i < 200; i++) {
        int64_t at = now_rt() + 200 * SCALE_US;

        aio_timer_mod(t.t, now_rt() + 3600 * NANOSECONDS_PER_SECOND);
        if (i % 2) {
            g_usleep(300);
        }
        aio_timer_mod(t.t, at);
        /* Not pending any more is not yet fired: only then may it be set again here. */
        while (__atomic_load_n(&t.fired, __ATOMIC_ACQUIRE) <= i) {
            g_usleep(50);
        }
        worst = MAX(worst, now_rt() - at);
    }
    g_test_message("worst %" PRId64 " ns late", worst);
    aio_timer_mod(t.t, now_rt() + 3600 * NANOSECONDS_PER_SECOND);
    aio_timer_del(t.t);
    aio_context_ref(l.ctx);
    test_loop_stop(&l);
    g_assert_cmpint(t.fired, ==, 200);
    aio_timer_free(t.t); /* allowed: its thread is gone */
    aio_context_unref(l.ctx);
}

enum { STRESS_TIMERS = 8, STRESS_THREADS = 4 };
typedef struct Stress {
    TestLoop loop;
    AioTimer *t[STRESS_TIMERS];
    int fired; /* home */
    QemuEvent last;
} Stress;

static void stress_fire(void *opaque)
{
    ((Stress *)opaque)->fired++;
}

static void *stress_thread(void *opaque)
{
    Stress *s = opaque;
    GRand *rand = g_rand_new_with_seed(qemu_get_thread_id());

    for (int i = 0; i < (int)soak(20000, 400000); i++) {
        AioTimer *t = s->t[g_rand_int_range(rand, 0, STRESS_TIMERS)];

        if (g_rand_int_range(rand, 0, 4)) {
            aio_timer_mod(t, now_rt() + g_rand_int_range(rand, 0, 100000));
        } else {
            aio_timer_del(t);
        }
    }
    g_rand_free(rand);
    return NULL;
}

static void stress_free(void *opaque)
{
    Stress *s = opaque;

    for (int i = 0; i < STRESS_TIMERS; i++) {
        aio_timer_free(s->t[i]);
    }
}

static void test_stress(void)
{
    QemuThread thread[STRESS_THREADS];
    Stress s = {0};

    test_loop_start(&s.loop, "stress");
    for (int i = 0; i < STRESS_TIMERS; i++) {
        s.t[i] = aio_timer_new(s.loop.ctx, QEMU_CLOCK_REALTIME, stress_fire, &s);
    }
    for (int i = 0; i < STRESS_THREADS; i++) {
        g_assert_true(qemu_thread_create(&thread[i], "stress", stress_thread, &s, NULL));
    }
    for (int i = 0; i < STRESS_THREADS; i++) {
        qemu_thread_join(&thread[i]);
    }
    for (int i = 0; i < STRESS_TIMERS; i++) {
        while (aio_timer_pending(s.t[i])) {
            g_usleep(100); /* a lost deadline would hang here */
        }
    }
    aio_call(s.loop.ctx, stress_free, &s);
    test_loop_stop(&s.loop);
    g_assert_cmpint(s.fired, >, 0);
}

/* --- the virtual clock ---------------------------------------------------------------------------
 */

static void test_running(void)
{
    int64_t a, b;
    Timer t;

    clock_under_test = QEMU_CLOCK_VIRTUAL;
    timer_setup(&t, 'v', ctx);
    a = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
    g_usleep(1000);
    g_assert_cmpint(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL), ==, a); /* stopped */
    aio_timer_mod(t.t, a);
    g_assert_false(aio_poll(ctx, false));
    g_assert_cmpint(t.fired, ==, 0);
    aio_clock_enable(true);
    while (!t.fired) {
        aio_poll(ctx, true);
    }
    aio_timer_mod(t.t, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + 2 * SCALE_MS);
    while (t.fired < 2) {
        aio_poll(ctx, true);
    }
    aio_clock_enable(false);
    b = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
    g_assert_cmpint(b, >=, a + 2 * SCALE_MS);
    g_usleep(1000);
    g_assert_cmpint(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL), ==, b);
    aio_clock_enable(true);
    g_assert_cmpint(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL), >=, b);
    g_assert_cmpint(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL), <, b + NANOSECONDS_PER_SECOND);
    aio_clock_enable(false);
    aio_timer_free(t.t);
}

static void free_timer(void *opaque)
{
    aio_timer_free(opaque);
}

static void test_manual(void)
{
    TestLoop l1, l2;
    Timer a, b, c, d;

    clock_under_test = QEMU_CLOCK_VIRTUAL;
    log_clear();
    test_loop_start(&l1, "one");
    test_loop_start(&l2, "two");
    aio_clock_set_manual(true);
    g_assert_cmpint(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL), ==, 0);
    g_assert_cmpint(aio_clock_next_deadline(), ==, -1);
    timer_setup(&a, 'a', ctx);
    timer_setup(&b, 'b', l1.ctx);
    timer_setup(&c, 'c', l2.ctx);
    timer_setup(&d, 'd', ctx);
    aio_timer_mod(a.t, 1000);
    aio_timer_mod(b.t, 500);
    aio_timer_mod(c.t, 700);
    b.again = 400; /* 500, 900, 1300 */
    b.times = 2;
    c.sets = &d; /* set from another home to "now" */
    g_assert_cmpint(aio_clock_next_deadline(), ==, 500);
    g_assert_cmpint(aio_clock_advance(499), ==, 499);
    g_assert_cmpstr(logbook.text->str, ==, "");
    g_assert_cmpint(aio_clock_advance(1200), ==, 1200);
    g_assert_cmpstr(logbook.text->str, ==, "bcdba");
    g_assert_cmpint(a.seen, ==, 1000);
    g_assert_cmpint(b.seen, ==, 900);
    g_assert_cmpint(c.seen, ==, 700);
    g_assert_cmpint(d.seen, ==, 700);
    g_assert_cmpint(aio_clock_next_deadline(), ==, 1300);
    /* Stopped: nothing moves. */
    aio_clock_enable(false);
    g_assert_cmpint(aio_clock_advance(5000), ==, 1200);
    aio_clock_enable(true);
    g_assert_cmpint(aio_clock_advance(1300), ==, 1300);
    g_assert_cmpstr(logbook.text->str, ==, "bcdbab");
    g_assert_cmpint(aio_clock_next_deadline(), ==, -1);
    aio_timer_free(a.t);
    aio_timer_free(d.t);
    aio_call(l1.ctx, free_timer, b.t);
    aio_call(l2.ctx, free_timer, c.t);
    aio_clock_set_manual(false);
    test_loop_stop(&l1);
    test_loop_stop(&l2);
}

static void test_host(void)
{
    Timer t;

    clock_under_test = QEMU_CLOCK_HOST;
    g_assert_cmpint(qemu_clock_get_ns(QEMU_CLOCK_HOST), >, 1000000000 * NANOSECONDS_PER_SECOND);
    timer_setup(&t, 'h', ctx);
    aio_timer_mod(t.t, qemu_clock_get_ns(QEMU_CLOCK_HOST) + SCALE_MS);
    while (!t.fired) {
        aio_poll(ctx, true);
    }
    /* A timer that is always in the past does not keep aio_poll() from returning. */
    t.again = -1;
    t.sets = &t;
    aio_timer_mod(t.t, 0);
    for (int i = 0; i < 10; i++) {
        g_assert_true(aio_poll(ctx, true));
    }
    g_assert_cmpint(t.fired, ==, 11);
    aio_timer_free(t.t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_assert_true(aio_init_main(NULL));
    ctx = aio_get_main();
    logbook.text = g_string_new(NULL);
    qemu_mutex_init(&logbook.lock);
    g_test_add_func("/timer/order", test_order);
    g_test_add_func("/timer/running", test_running);
    g_test_add_func("/timer/heap", test_heap);
    g_test_add_func("/timer/remote", test_remote);
    g_test_add_func("/timer/stress", test_stress);
    g_test_add_func("/timer/manual", test_manual);
    g_test_add_func("/timer/host", test_host);
    return g_test_run();
}
