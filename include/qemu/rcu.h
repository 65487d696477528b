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

static inline void rcu_guard_end_(char *unused)
{
    rcu_read_unlock();
}
/* A read section until the end of the enclosing block.  Never wait inside one. */
#define RCU_READ_GUARD() \
    rcu_read_lock(); \
    __attribute__((cleanup(rcu_guard_end_), unused)) char G_PASTE(rcu_guard_, __LINE__)

#endif
