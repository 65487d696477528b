/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RCU: liburcu, flavour memb (readers execute no barrier).  Threads made by qemu_thread_create() are registered readers.
 *
 * ThreadSanitizer does not see into liburcu: publishing and reading go through rcu_publish() and rcu_load(), which are C11
 * release and acquire operations that it does see.
 */
#ifndef QEMU_RCU_H
#define QEMU_RCU_H

#include "qemu/osdep.h"

#define URCU_API_MAP
#include <urcu/urcu-memb.h>

#define rcu_publish(pp, v) __atomic_store_n(pp, v, __ATOMIC_RELEASE)
#define rcu_load(pp) __atomic_load_n(pp, __ATOMIC_ACQUIRE)

/* What a grace period orders: all that readers did in their sections happens before what a reclaimer does after it.  rcu_read_end() and
 * rcu_reclaim_begin() (first in a call_rcu() callback) say so to ThreadSanitizer; elsewhere they cost nothing. */
#if defined(__SANITIZE_THREAD__)
#define RCU_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RCU_TSAN 1
#endif
#endif
#ifdef RCU_TSAN
extern char rcu_tsan_tag; /* util/thread.c */
void __tsan_acquire(void *addr);
void __tsan_release(void *addr);
#define rcu_tsan_release_() __tsan_release(&rcu_tsan_tag)
#define rcu_reclaim_begin() __tsan_acquire(&rcu_tsan_tag)
#else
#define rcu_tsan_release_() ((void)0)
#define rcu_reclaim_begin() ((void)0)
#endif

static inline void rcu_read_end(void)
{
    rcu_tsan_release_();
    rcu_read_unlock();
}

static inline void rcu_guard_end_(char *unused)
{
    rcu_read_end();
}
/* A read section until the end of the enclosing block.  Never wait inside one. */
#define RCU_READ_GUARD() \
    rcu_read_lock(); \
    __attribute__((cleanup(rcu_guard_end_), unused)) char G_PASTE(rcu_guard_, __LINE__)

#endif
