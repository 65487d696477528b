/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads, mutexes that know whether they were contended, conditions, futexes and events. */
#include "qemu/thread.h"

#include "qemu/error.h"
#include "qemu/rcu.h"

#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>

#ifdef RCU_TSAN
char rcu_tsan_tag;
#endif

static uint64_t lock_contention; /* relaxed atomic */

static void check(int err, const char *what)
{
    if (unlikely(err)) {
        g_error("%s: %s", what, g_strerror(err));
    }
}

/* --- mutex --------------------------------------------------------------------------------- */

static void mutex_taken(QemuMutex *m)
{
    /* held is published after owner: a thread that sees held set by another never finds itself. */
    __atomic_store_n(&m->owner, pthread_self(), __ATOMIC_RELAXED);
    __atomic_store_n(&m->held, true, __ATOMIC_RELEASE);
}

static void mutex_given(QemuMutex *m)
{
    __atomic_store_n(&m->held, false, __ATOMIC_RELAXED);
}

void qemu_mutex_init(QemuMutex *m)
{
    m->held = false;
    check(pthread_mutex_init(&m->lock, NULL), "pthread_mutex_init");
}

void qemu_mutex_destroy(QemuMutex *m)
{
    g_assert(!m->held);
    check(pthread_mutex_destroy(&m->lock), "pthread_mutex_destroy");
}

void qemu_mutex_lock(QemuMutex *m) TSA_NO_ANALYSIS
{
    if (unlikely(pthread_mutex_trylock(&m->lock))) {
        __atomic_fetch_add(&lock_contention, 1, __ATOMIC_RELAXED);
        check(pthread_mutex_lock(&m->lock), "pthread_mutex_lock");
    }
    mutex_taken(m);
}

void qemu_mutex_unlock(QemuMutex *m) TSA_NO_ANALYSIS
{
    mutex_given(m);
    check(pthread_mutex_unlock(&m->lock), "pthread_mutex_unlock");
}

bool qemu_mutex_held(const QemuMutex *m)
{
    return __atomic_load_n(&m->held, __ATOMIC_ACQUIRE) &&
           pthread_equal(__atomic_load_n(&m->owner, __ATOMIC_RELAXED), pthread_self());
}

uint64_t qemu_lock_contention(void)
{
    return __atomic_load_n(&lock_contention, __ATOMIC_RELAXED);
}

/* --- condition ----------------------------------------------------------------------------- */

void qemu_cond_init(QemuCond *c)
{
    pthread_condattr_t attr;

    check(pthread_condattr_init(&attr), "pthread_condattr_init");
    check(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC), "pthread_condattr_setclock");
    check(pthread_cond_init(&c->cond, &attr), "pthread_cond_init");
    pthread_condattr_destroy(&attr);
}

void qemu_cond_destroy(QemuCond *c)
{
    check(pthread_cond_destroy(&c->cond), "pthread_cond_destroy");
}

void qemu_cond_wait(QemuCond *c, QemuMutex *m) TSA_NO_ANALYSIS
{
    mutex_given(m);
    check(pthread_cond_wait(&c->cond, &m->lock), "pthread_cond_wait");
    mutex_taken(m);
}

bool qemu_cond_timedwait_ns(QemuCond *c, QemuMutex *m, int64_t ns) TSA_NO_ANALYSIS
{
    struct timespec ts;
    int err;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    ns = MAX(ns, 0);
    ts.tv_sec += ns / NANOSECONDS_PER_SECOND;
    ts.tv_nsec += ns % NANOSECONDS_PER_SECOND;
    if (ts.tv_nsec >= NANOSECONDS_PER_SECOND) {
        ts.tv_sec++;
        ts.tv_nsec -= NANOSECONDS_PER_SECOND;
    }
    mutex_given(m);
    err = pthread_cond_timedwait(&c->cond, &m->lock, &ts);
    mutex_taken(m);
    if (err == ETIMEDOUT) {
        return false;
    }
    check(err, "pthread_cond_timedwait");
    return true;
}

void qemu_cond_signal(QemuCond *c)
{
    check(pthread_cond_signal(&c->cond), "pthread_cond_signal");
}

void qemu_cond_broadcast(QemuCond *c)
{
    check(pthread_cond_broadcast(&c->cond), "pthread_cond_broadcast");
}

/* --- futex, event -------------------------------------------------------------------------- */

int qemu_futex_wait(uint32_t *word, uint32_t expected, int64_t ns)
{
    struct timespec ts = {
        .tv_sec = ns / NANOSECONDS_PER_SECOND,
        .tv_nsec = ns % NANOSECONDS_PER_SECOND,
    };

    if (syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, ns < 0 ? NULL : &ts, NULL, 0) == 0) {
        return 0;
    }
    return -errno;
}

void qemu_futex_wake(uint32_t *word, int n)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0);
}

/* Values of QemuEvent.value; only a set that finds EV_WAITED needs a system call. */
enum { EV_RESET, EV_SET, EV_WAITED };

void qemu_event_init(QemuEvent *e, bool set)
{
    __atomic_store_n(&e->value, set ? EV_SET : EV_RESET, __ATOMIC_RELEASE);
}

void qemu_event_set(QemuEvent *e)
{
    /* After the exchange a waiter may return and free e; waking a futex nobody uses is harmless. */
    if (__atomic_exchange_n(&e->value, EV_SET, __ATOMIC_ACQ_REL) == EV_WAITED) {
        qemu_futex_wake(&e->value, INT_MAX);
    }
}

bool qemu_event_is_set(const QemuEvent *e)
{
    return __atomic_load_n(&e->value, __ATOMIC_ACQUIRE) == EV_SET;
}

void qemu_event_reset(QemuEvent *e)
{
    uint32_t set = EV_SET;

    __atomic_compare_exchange_n(&e->value, &set, EV_RESET, false, __ATOMIC_ACQ_REL,
                                __ATOMIC_RELAXED);
}

/* Announces a waiter; false if the event is set already. */
static bool event_announce(QemuEvent *e)
{
    uint32_t v = EV_RESET;

    return __atomic_compare_exchange_n(&e->value, &v, EV_WAITED, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE) ||
           v == EV_WAITED;
}

void qemu_event_wait(QemuEvent *e)
{
    while (event_announce(e)) {
        qemu_futex_wait(&e->value, EV_WAITED, -1);
    }
}

static int64_t monotonic_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * NANOSECONDS_PER_SECOND + ts.tv_nsec;
}

bool qemu_event_timedwait(QemuEvent *e, int64_t ns)
{
    int64_t end = ns > 0 ? monotonic_ns() + MIN(ns, INT64_MAX / 2) : 0;

    while (event_announce(e)) {
        int64_t left = ns > 0 ? end - monotonic_ns() : ns;
        int ret;

        if (ns >= 0 && left <= 0) {
            return false;
        }
        ret = qemu_futex_wait(&e->value, EV_WAITED, left);
        if (ret == -EINTR || ret == -ETIMEDOUT) {
            return __atomic_load_n(&e->value, __ATOMIC_ACQUIRE) == EV_SET;
        }
    }
    return true;
}

/* --- threads ------------------------------------------------------------------------------- */

typedef struct ThreadStart {
    void *(*fn)(void *);
    void *arg;
    char name[16];
} ThreadStart;

static void *thread_main(void *opaque)
{
    ThreadStart start = *(ThreadStart *)opaque;
    void *ret;

    g_free(opaque);
    pthread_setname_np(pthread_self(), start.name);
    rcu_register_thread();
    ret = start.fn(start.arg);
    rcu_unregister_thread();
    return ret;
}

/* Bytes. Far more than any thread needs, and less than a huge page: a stack that holds one is
 * cleared, and kept, 2 MiB at a time. */
#define STACK_SIZE (1024u * 1024)

static int create_thread(pthread_t *thread, ThreadStart *start)
{
    pthread_attr_t attr;
    int err = pthread_attr_init(&attr);

    if (err) {
        return err;
    }
    err = pthread_attr_setstacksize(&attr, STACK_SIZE);
    if (!err) {
        err = pthread_create(thread, &attr, thread_main, start);
    }
    pthread_attr_destroy(&attr);
    return err;
}

bool qemu_thread_create(QemuThread *t, const char *name, void *(*fn)(void *), void *arg,
                        GError **errp)
{
    ThreadStart *start = g_new0(ThreadStart, 1);
    sigset_t blocked, old;
    int err;

    start->fn = fn;
    start->arg = arg;
    g_strlcpy(start->name, name, sizeof(start->name));
    /* The new thread inherits the mask: there is no moment in which it could take a signal. */
    sigfillset(&blocked);
    sigdelset(&blocked, SIGBUS);
    sigdelset(&blocked, SIGSEGV);
    sigdelset(&blocked, SIGFPE);
    sigdelset(&blocked, SIGILL);
    pthread_sigmask(SIG_SETMASK, &blocked, &old);
    err = create_thread(&t->thread, start);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (err) {
        g_free(start);
        error_setg_errno(errp, err, "cannot start thread '%s'", name);
        return false;
    }
    return true;
}

void *qemu_thread_join(QemuThread *t)
{
    void *ret;

    check(pthread_join(t->thread, &ret), "pthread_join");
    return ret;
}

int qemu_get_thread_id(void)
{
    static __thread int tid;

    if (!tid) {
        tid = syscall(SYS_gettid);
    }
    return tid;
}

unsigned qemu_cpus_allowed(void)
{
    /* The kernel refuses a set smaller than its own: grow until it fits. */
    for (int n = 1024; n <= 1024 * 1024; n *= 2) {
        cpu_set_t *set = CPU_ALLOC(n);
        size_t size = CPU_ALLOC_SIZE(n);
        int err = sched_getaffinity(0, size, set) ? errno : 0;
        int count = err ? 0 : CPU_COUNT_S(size, set);

        CPU_FREE(set);
        if (err != EINVAL) {
            return MAX(count, 1);
        }
    }
    return 1;
}
