/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads, mutexes and events.
 *
 * Everything is built on pthreads and C11 atomics, which ThreadSanitizer understands.  A mutex counts how often its
 * lock was contended: "no lock is shared between devices" is a measured claim (lock_contention()).
 */
#ifndef QEMU_THREAD_H
#define QEMU_THREAD_H

#include "qemu/osdep.h"

#include <pthread.h>

#if defined(__clang__)
#define TSA(x) __attribute__((x))
#else
#define TSA(x)
#endif
#define TSA_CAPABILITY(name) TSA(capability(name))
/* For variables; in C, clang cannot name another member of the same structure: say it in a comment there. */
#define TSA_GUARDED_BY(m) TSA(guarded_by(m))
#define TSA_REQUIRES(m) TSA(requires_capability(m))
#define TSA_EXCLUDES(m) TSA(locks_excluded(m))
#define TSA_ACQUIRE(m) TSA(acquire_capability(m))
#define TSA_RELEASE(m) TSA(release_capability(m))
#define TSA_NO_ANALYSIS TSA(no_thread_safety_analysis)

typedef struct TSA_CAPABILITY("mutex") QemuMutex {
    pthread_mutex_t lock;
    pthread_t owner;     /* valid while held is true; written by the owner only */
    bool held;           /* relaxed atomic: for assertions by the owner itself */
} QemuMutex;

void qemu_mutex_init(QemuMutex *m);
void qemu_mutex_destroy(QemuMutex *m);
void qemu_mutex_lock(QemuMutex *m) TSA_ACQUIRE(m);
void qemu_mutex_unlock(QemuMutex *m) TSA_RELEASE(m);
/* True if the calling thread holds m. */
bool qemu_mutex_held(const QemuMutex *m);

/* Number of qemu_mutex_lock() calls in the process that had to wait, since start. */
uint64_t qemu_lock_contention(void);

static inline void qemu_mutex_guard_end_(QemuMutex **m) TSA_NO_ANALYSIS;
static inline QemuMutex *qemu_mutex_guard_begin_(QemuMutex *m) TSA_NO_ANALYSIS;
static inline void qemu_mutex_guard_end_(QemuMutex **m)
{
    if (*m) {
        qemu_mutex_unlock(*m);
    }
}
static inline QemuMutex *qemu_mutex_guard_begin_(QemuMutex *m)
{
    qemu_mutex_lock(m);
    return m;
}
/* Holds m until the end of the enclosing block. */
#define QEMU_LOCK_GUARD(m) \
    __attribute__((cleanup(qemu_mutex_guard_end_), unused)) QemuMutex *G_PASTE(guard_, __LINE__) = \
        qemu_mutex_guard_begin_(m)

typedef struct QemuCond {
    pthread_cond_t cond;  /* CLOCK_MONOTONIC */
} QemuCond;

void qemu_cond_init(QemuCond *c);
void qemu_cond_destroy(QemuCond *c);
void qemu_cond_wait(QemuCond *c, QemuMutex *m) TSA_REQUIRES(m);
/* Waits at most ns nanoseconds; false on time-out. */
bool qemu_cond_timedwait_ns(QemuCond *c, QemuMutex *m, int64_t ns) TSA_REQUIRES(m);
void qemu_cond_signal(QemuCond *c);
void qemu_cond_broadcast(QemuCond *c);

/* A futex word: 0 = reset.  set() wakes all waiters; wait() returns at once when set. */
typedef struct QemuEvent {
    uint32_t value;  /* C11 atomics through __atomic builtins */
} QemuEvent;
void qemu_event_init(QemuEvent *e, bool set);
void qemu_event_set(QemuEvent *e);
void qemu_event_reset(QemuEvent *e);
/* True if it is set: for those who poll.  (The word itself also says whether someone waits.) */
bool qemu_event_is_set(const QemuEvent *e);
void qemu_event_wait(QemuEvent *e);
/* ns < 0: no limit.  Returns true if the event is set; false on time-out or when a signal came. */
bool qemu_event_timedwait(QemuEvent *e, int64_t ns);

/* Futex on any 32-bit word: sleeps while *word == expected, at most ns (< 0: no limit).  Returns 0, -EAGAIN,
 * -ETIMEDOUT or -EINTR. */
int qemu_futex_wait(uint32_t *word, uint32_t expected, int64_t ns);
void qemu_futex_wake(uint32_t *word, int n);

typedef struct QemuThread {
    pthread_t thread;
} QemuThread;

/* Starts a joinable thread with all signals but SIGBUS, SIGSEGV, SIGFPE and SIGILL blocked.  name shows in
 * /proc/PID/task/TID/comm, cut to 15 characters.  False with errp set if the system refuses. */
bool qemu_thread_create(QemuThread *t, const char *name, void *(*fn)(void *), void *arg, GError **errp);
void *qemu_thread_join(QemuThread *t);
int qemu_get_thread_id(void);
/* Number of CPUs that this process may run on now (its affinity mask). */
unsigned qemu_cpus_allowed(void);

static inline void cpu_relax(void)
{
    __builtin_ia32_pause();
}

#endif
