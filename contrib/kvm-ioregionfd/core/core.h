/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ioregionfd's core, as its front ends see it: what answers a vCPU's accesses without a return to
 * user space.
 *
 * A domain holds a VM's regions.  A front end
 *
 *   - on a guest's write, where it may not wait (KVM's I/O bus, under SRCU), calls ior_post();
 *   - where it may wait (the exit is about to go to user space; SRCU is not held), calls
 * ior_access_begin(), then ior_access_wait() until that gives 0, then takes the outcome from the
 * access.
 *
 * All functions are called in process context, with no spinlock held, unless they say more.
 */
#ifndef IOREGIONFD_CORE_H
#define IOREGIONFD_CORE_H

#include <linux/list.h>
#include <linux/module.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

#include <linux/ioregion.h>
#include <linux/kvm-ioregionfd.h>

struct ior_domain;
struct ior_channel;
struct ior_target;

enum ior_bus { IOR_MMIO, IOR_PIO, IOR_BUSES };

/* --- module
 * -----------------------------------------------------------------------------------------------------------------
 */

/* Once, before and after everything else. exit: every domain, access and file is gone. May sleep.
 * owner: THIS_MODULE of the front end. */
int ior_core_init(struct module *owner);
void ior_core_exit(void);

/* KVM_CHECK_EXTENSION of KVM_CAP_IOREGIONFD: KVM_IOREGIONFD_HAS_*. */
int ior_capabilities(void);

/* --- domains
 * ----------------------------------------------------------------------------------------------------------------
 */

/* A VM's regions; current->mm is the one that SHADOW addresses belong to. NULL: no memory. One
 * reference. */
struct ior_domain *ior_domain_new(void);
struct ior_domain *ior_domain_get(struct ior_domain *dom);
/* Any context that may take a spinlock. */
void ior_domain_put(struct ior_domain *dom);
/* The VM is being destroyed: takes all regions back and cancels what waits. Later registrations
 * fail with ENODEV. May sleep. */
void ior_domain_close(struct ior_domain *dom);

/* The ioctls. arg: user pointer. Return what the ioctl returns. May sleep. Not inside SRCU or under
 * slots_lock: they need neither. */
long ior_ioctl_create(void __user *arg);
long ior_ioctl_set_region(struct ior_domain *dom, void __user *arg);

/* A structure of our UAPI (first member: its size as the caller knows it). 0, EFAULT, EINVAL,
 * E2BIG; the caller checks flags and padding. */
int ior_get_struct(void *to, size_t size, const void __user *from);

/* True if the domain has any region: one load, for front ends' fast paths. Any context. */
bool ior_domain_busy(const struct ior_domain *dom);

/* --- posted writes
 * ----------------------------------------------------------------------------------------------------------
 */

enum ior_verdict {
    IOR_NOT_OURS, /* no region takes this access */
    IOR_POSTED,   /* done: the command is in its channel */
    IOR_WAIT,     /* ours, but it must be done by ior_access_begin() where the vCPU may wait */
};

/* A write of 1, 2, 4 or 8 bytes. Never sleeps: may be called inside SRCU or RCU, with preemption
 * off, not in interrupts. IOR_WAIT also for regions whose writes are answered, and when the channel
 * is full: nothing has been done then. */
enum ior_verdict ior_post(struct ior_domain *dom, enum ior_bus bus, u64 addr, unsigned int len,
                          u64 value);

/* --- answered accesses
 * ------------------------------------------------------------------------------------------------------
 */

enum ior_state { IOR_IDLE, IOR_STARVED, IOR_SENT, IOR_ENDED };

/* One for a vCPU, kernel-private; zeroed memory and ior_access_init() make it. Fields are read by
 * the front end only after ior_access_wait() gave 0. */
struct ior_access {
    /* outcome */
    u32 status; /* KVM_IOREGION_FAIL_STATUS: the answer's */
    u32 reason; /* 0: done; else KVM_IOREGION_FAIL_* */
    u64 data;   /* a read's value: the answer's low len bytes, else all-ones; a write's value */
    /* as begun; constant until the next */
    u64 addr, user_data;
    unsigned int len;
    enum ior_bus bus;
    bool is_write;
    /* the core's own */
    spinlock_t lock;           /* channel pointer against ior_access_cancel() */
    struct ior_channel *ch;    /* referenced while not IDLE */
    struct ior_target *target; /* referenced likewise */
    enum ior_state state;      /* channel's lock */
    bool asleep;               /* channel's lock: counted among its sleepers */
    u32 id;
    unsigned int index; /* in the channel's table while SENT */
    struct ioregionfd_cmd cmd;
    struct list_head starved; /* channel's lock */
    wait_queue_head_t wq;
};

void ior_access_init(struct ior_access *a);
static inline bool ior_access_pending(const struct ior_access *a)
{
    return READ_ONCE(a->state) != IOR_IDLE;
}

/* Delivers an access. 0: it goes on in ior_access_wait(), also when it is done already. -ENOENT: no
 * region takes it (or SHADOW's memory is not there): the exit goes to user space. len is 1, 2, 4
 * or 8. The caller is the vCPU's thread and nothing is pending. May sleep, briefly (a page fault at
 * most). Not inside SRCU. */
int ior_access_begin(struct ior_access *a, struct ior_domain *dom, enum ior_bus bus, bool is_write,
                     u64 addr, unsigned int len, u64 value);

/* 0: it has ended, see reason and data; nothing is pending any more. -EINTR: a signal came,
 * -EAGAIN: nowait and no answer yet; it is pending still. vCPU's thread; sleeps; not inside SRCU.
 */
int ior_access_wait(struct ior_access *a, bool nowait);

/* Ends it with this reason if it is still pending; the vCPU's thread then gets 0 from
 * ior_access_wait(). Any thread. True if there was one. */
bool ior_access_cancel(struct ior_access *a, u32 reason);

/* KVM_CANCEL_IOREGION. */
long ior_ioctl_cancel(struct ior_access *a, void __user *arg);

/* Before its memory goes (vCPU destroyed): takes back what is pending. */
void ior_access_destroy(struct ior_access *a);

/* Fills in what user space gets with KVM_EXIT_IOREGION_FAILURE (reason: a->reason) or _PENDING
 * (KVM_IOREGION_FAIL_PENDING). */
void ior_access_describe(const struct ior_access *a, u32 reason, struct kvm_ioregion_failure *f);

#endif
