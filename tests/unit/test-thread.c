/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mutexes with their contention counter, conditions, events, thread attributes. */
#include "qemu/error.h"
#include "qemu/rcu.h"
#include "qemu/thread.h"

#include <signal.h>
#include <sys/prctl.h>

static QemuMutex lock;
static QemuCond cond;
static int shared;

static void start(QemuThread *t, void *(*fn)(void *), void *arg)
{
    g_autoptr(GError) err = NULL;

    g_assert_true(qemu_thread_create(t, "a-name-longer-than-fifteen", fn, arg, &err));
    g_assert_no_error(err);
}

static void *adder(void *arg)
{
    for (int i = 0; i < 50000; i++) {
        QEMU_LOCK_GUARD(&lock);
        g_assert_true(qemu_mutex_held(&lock));
        shared++;
    }
    return arg;
}

static void test_mutex(void)
{
    QemuThread t[4];

    qemu_mutex_init(&lock);
    for (int i = 0; i < 4; i++) {
        start(&t[i], adder, &t[i]);
    }
    for (int i = 0; i < 4; i++) {
        g_assert_true(qemu_thread_join(&t[i]) == &t[i]);
    }
    g_assert_cmpint(shared, ==, 200000);
    g_assert_false(qemu_mutex_held(&lock));
    qemu_mutex_destroy(&lock);
}

static QemuEvent holder_has_it, let_go;

static void *holder(void *arg)
{
    qemu_mutex_lock(&lock);
    qemu_event_set(&holder_has_it);
    qemu_event_timedwait(&let_go, 50 * SCALE_MS);
    qemu_mutex_unlock(&lock);
    return NULL;
}

static void test_contention(void)
{
    uint64_t before = qemu_lock_contention();
    QemuThread t;

    qemu_mutex_init(&lock);
    qemu_event_init(&holder_has_it, false);
    qemu_event_init(&let_go, false);
    qemu_mutex_lock(&lock);
    qemu_mutex_unlock(&lock);
    g_assert_cmpuint(qemu_lock_contention(), ==, before);
    start(&t, holder, NULL);
    qemu_event_wait(&holder_has_it);
    g_assert_false(qemu_mutex_held(&lock));
    qemu_mutex_lock(&lock); /* waits for the holder */
    qemu_mutex_unlock(&lock);
    g_assert_cmpuint(qemu_lock_contention(), ==, before + 1);
    qemu_thread_join(&t);
    qemu_mutex_destroy(&lock);
}

static void *signaller(void *arg)
{
    QEMU_LOCK_GUARD(&lock);
    shared = 1;
    qemu_cond_signal(&cond);
    return NULL;
}

static void test_cond(void)
{
    QemuThread t;

    qemu_mutex_init(&lock);
    qemu_cond_init(&cond);
    shared = 0;
    qemu_mutex_lock(&lock);
    g_assert_false(qemu_cond_timedwait_ns(&cond, &lock, 1 * SCALE_MS));
    g_assert_true(qemu_mutex_held(&lock));
    start(&t, signaller, NULL);
    while (!shared) {
        qemu_cond_wait(&cond, &lock);
    }
    g_assert_true(qemu_mutex_held(&lock));
    qemu_mutex_unlock(&lock);
    qemu_thread_join(&t);
    qemu_cond_destroy(&cond);
    qemu_mutex_destroy(&lock);
}

typedef struct PingPong {
    QemuEvent ping, pong;
    int plain; /* the events alone order accesses to it */
} PingPong;

static void *ponger(void *arg)
{
    PingPong *p = arg;

    for (int i = 0; i < 20000; i++) {
        qemu_event_wait(&p->ping);
        qemu_event_reset(&p->ping);
        p->plain++;
        qemu_event_set(&p->pong);
    }
    return NULL;
}

static void test_event(void)
{
    PingPong p = {0};
    QemuThread t;
    gint64 t0 = g_get_monotonic_time();

    qemu_event_init(&p.ping, true);
    g_assert_true(qemu_event_timedwait(&p.ping, 0));
    qemu_event_reset(&p.ping);
    qemu_event_reset(&p.ping);
    g_assert_false(qemu_event_timedwait(&p.ping, 0));
    g_assert_false(qemu_event_timedwait(&p.ping, 20 * SCALE_MS));
    g_assert_cmpint(g_get_monotonic_time() - t0, >=, 20000);
    start(&t, ponger, &p);
    for (int i = 0; i < 20000; i++) {
        p.plain++;
        qemu_event_set(&p.ping);
        qemu_event_wait(&p.pong);
        qemu_event_reset(&p.pong);
    }
    qemu_thread_join(&t);
    g_assert_cmpint(p.plain, ==, 40000);
}

static void test_futex(void)
{
    uint32_t word = 5;

    g_assert_cmpint(qemu_futex_wait(&word, 6, -1), ==, -EAGAIN);
    g_assert_cmpint(qemu_futex_wait(&word, 5, 1 * SCALE_MS), ==, -ETIMEDOUT);
}

static void *inspect(void *arg)
{
    char name[16];
    sigset_t mask;

    prctl(PR_GET_NAME, name);
    g_assert_cmpstr(name, ==, "a-name-longer-t");
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    g_assert_true(sigismember(&mask, SIGTERM));
    g_assert_true(sigismember(&mask, SIGUSR1));
    g_assert_false(sigismember(&mask, SIGSEGV));
    g_assert_false(sigismember(&mask, SIGBUS));
    g_assert_cmpint(qemu_get_thread_id(), !=, getpid());
    {
        RCU_READ_GUARD();
        shared = 7; /* would abort in an unregistered thread of a debug liburcu */
    }
    return NULL;
}

static void test_attributes(void)
{
    QemuThread t;
    sigset_t mask;

    start(&t, inspect, NULL);
    qemu_thread_join(&t);
    g_assert_cmpint(shared, ==, 7);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    g_assert_false(sigismember(&mask, SIGTERM));
    g_assert_cmpint(qemu_get_thread_id(), ==, getpid());
}

static void test_affinity(void)
{
    cpu_set_t old, one;
    int cpu = 0;

    g_assert_cmpint(sched_getaffinity(0, sizeof(old), &old), ==, 0);
    g_assert_cmpuint(qemu_cpus_allowed(), ==, CPU_COUNT(&old));
    while (!CPU_ISSET(cpu, &old)) {
        cpu++;
    }
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    g_assert_cmpint(sched_setaffinity(0, sizeof(one), &one), ==, 0);
    g_assert_cmpuint(qemu_cpus_allowed(), ==, 1);
    g_assert_cmpint(sched_setaffinity(0, sizeof(old), &old), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    rcu_register_thread();
    g_test_add_func("/thread/mutex", test_mutex);
    g_test_add_func("/thread/contention", test_contention);
    g_test_add_func("/thread/cond", test_cond);
    g_test_add_func("/thread/event", test_event);
    g_test_add_func("/thread/futex", test_futex);
    g_test_add_func("/thread/attributes", test_attributes);
    g_test_add_func("/thread/affinity", test_affinity);
    return g_test_run();
}
