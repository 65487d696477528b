/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the core's files share.
 *
 * Locks, outer first: ior_domain.lock (mutex: registrations), pair list's mutex; ior_access.lock,
 * ior_channel.lock, ior_target.lock (spinlocks, never held over anything that sleeps or wakes a
 * file).
 */
#ifndef IOREGIONFD_INTERNAL_H
#define IOREGIONFD_INTERNAL_H

#include <linux/eventfd.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/rbtree_latch.h>
#include <linux/refcount.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "core.h"

extern struct workqueue_struct *ior_wq;

/* --- channels: channel.c
 * ------------------------------------------------------------------------------------------------------
 */

enum ior_kind { IOR_FILE, IOR_RING, IOR_PAIR };

/* In a queue of the kernel's own: this command was taken back. No command looks like it. */
#define IOR_SLOT_GONE 0xffffffffu

struct ior_poll {
    struct ior_channel *ch;
    wait_queue_head_t *head;
    wait_queue_entry_t wait;
};

/* A queue of commands with one consumer, and the accesses that wait for answers from there. */
struct ior_channel {
    struct kref ref;
    enum ior_kind kind;
    u32 capacity, posted_max, answered_max; /* constant */
    spinlock_t lock;
    /* lock */
    u32 head, tail; /* RING: head is the home's, this one is not used */
    bool dead;
    bool reading;   /* somebody copies commands from head on: it must not move */
    bool need_kick; /* something was put in: to be done once the lock is free */
    struct ioregionfd_cmd *slots;
    u64 *serials; /* slot -> target's serial */
    struct ior_access **waiters;
    unsigned long *busy; /* bit map of waiters */
    u32 generation;
    unsigned int sleepers;
    struct list_head starved;
    u64 bad_answers;
    /* no lock */
    u32 spin_ns; /* adaptive, racy on purpose */
    wait_queue_head_t readers;
    struct mutex read_mutex;
    struct work_struct free_work;
    /* RING: shared with the home, who may write anything at any time */
    struct ioregionfd_ring *ring;
    struct ioregionfd_resp *resps;
    u32 map_size;
    struct eventfd_ctx *kick;
    /* PAIR */
    struct file *wfile, *rfile;
    bool stream; /* messages have no boundaries */
    struct list_head pairs;
    struct delayed_work pump;
    struct mutex pump_lock;      /* who moves messages just now */
    bool direct;                 /* two sockets: vCPUs move messages, too; else the worker alone */
    bool rx_ready;               /* there may be something to receive that nobody has looked at */
    bool tx_blocked;             /* something waits until there is room */
    wait_queue_head_t receivers; /* direct: sleeping vCPUs; one of them receives for all */
    struct ior_poll polls[4];
    unsigned int npolls;
    /* pump's own: the messages at hand, and how many bytes of them */
    unsigned int tx_done, rx_len;
    struct ioregionfd_cmd tx;
    union {
        struct ioregionfd_resp resp;
        u8 bytes[2 * sizeof(struct ioregionfd_resp)];
    } rx;
};

/* posted, answered: 0 for the default. ERR_PTR. One reference. */
struct ior_channel *ior_channel_new(enum ior_kind kind, u32 posted, u32 answered);
static inline void ior_channel_get(struct ior_channel *ch)
{
    kref_get(&ch->ref);
}
void ior_channel_put(struct ior_channel *ch); /* any context */

/* Unlocks, and tells the home if something was put in. */
void ior_channel_unlock(struct ior_channel *ch) __releases(&ch->lock);
/* Nothing goes through it any more; what waits ends with reason. */
void ior_channel_kill(struct ior_channel *ch, u32 reason);
/* target was taken out of its table: nothing of it is put in any more; withdraw: what lies there
 * and what waits goes, too. */
void ior_channel_retire(struct ior_channel *ch, struct ior_target *t, bool withdraw);
/* An answer from the home; false: nobody waits for it (it is counted). */
bool ior_channel_answer(struct ior_channel *ch, const struct ioregionfd_resp *resp);
/* KVM_IOREGIONFD_WAIT's sleep: 0 or -EINTR. */
int ior_channel_wait_command(struct ior_channel *ch);
/* KVM_IOREGIONFD_WAKE. */
void ior_channel_wake(struct ior_channel *ch);

/* Kernel's queues, by the one who consumes (one at a time): copies the next commands and returns
 * their number; consume() ends that if it was not 0, and takes the first n of them out. */
unsigned int ior_channel_peek(struct ior_channel *ch, struct ioregionfd_cmd *cmds,
                              unsigned int max);
void ior_channel_consume(struct ior_channel *ch, unsigned int n);
bool ior_channel_readable(struct ior_channel *ch);

/* With the lock held. Puts a posted write in; false: no room. */
bool ior_channel_push_posted(struct ior_channel *ch, const struct ioregionfd_cmd *cmd, u64 serial);
/* With the lock held. Puts a->cmd in, or queues a for room. */
void ior_channel_push_answered(struct ior_channel *ch, struct ior_access *a);
/* With the lock held. Lets those go on who wait for room. */
void ior_channel_promote(struct ior_channel *ch);
/* With the lock held. a is SENT or STARVED. */
void ior_channel_end(struct ior_channel *ch, struct ior_access *a, u32 reason, u64 data);
/* With the lock held. a sleeps from now on, or no more. */
void ior_channel_sleeper(struct ior_channel *ch, struct ior_access *a, bool asleep);
/* RING: takes a's answer if it is there. True if a has ended. */
bool ior_channel_look(struct ior_channel *ch, struct ior_access *a);

/* --- file.c, pair.c
 * ------------------------------------------------------------------------------------------------------------
 */

/* The channel of a file made by ior_ioctl_create(), referenced; NULL: it is none. */
struct ior_channel *ior_file_channel(struct file *file);
void ior_file_init(struct module *owner);
/* A channel over foreign files; wfile's and rfile's references are taken over in any case. ERR_PTR:
 * EINVAL, EBADF, ENOTCONN, EPIPE, ENOMEM, EINTR. */
struct ior_channel *ior_pair_get(struct file *wfile, struct file *rfile);
void ior_pair_release(struct ior_channel *ch);
/* Has the worker move messages; any context. */
void ior_pair_pump(struct ior_channel *ch);
/* Moves messages here and now, unless somebody is at it (then the worker looks again). Sleeps, but
 * not for the other end. */
void ior_pair_run(struct ior_channel *ch);
static inline bool ior_pair_has_news(const struct ior_channel *ch)
{
    return ch->kind == IOR_PAIR && READ_ONCE(ch->rx_ready);
}

/* --- regions: domain.c
 * ----------------------------------------------------------------------------------------------------------
 */

/* Where a region's accesses go. An update makes a new one. */
struct ior_target {
    refcount_t ref;
    struct rcu_work free_work;
    u64 serial;             /* never used again */
    struct ior_channel *ch; /* referenced; NULL: SHADOW */
    u32 flags;              /* KVM_IOREGION_* */
    u64 user_data, offset;
    /* the channel's lock, or this one for SHADOW */
    bool dead;
    spinlock_t lock;
    /* SHADOW */
    struct eventfd_ctx *kick;
    u64 post_addr;
    struct mm_struct *mm; /* grabbed */
};

void ior_target_put(struct ior_target *t); /* any context */

struct ior_region {
    struct latch_tree_node node;
    u64 start, size, last; /* size as registered */
    bool match;
    u64 value;
    struct ior_target __rcu *target;
    struct rcu_head rcu;
};

struct ior_domain {
    refcount_t ref;
    struct mutex lock;
    bool closed;        /* lock */
    unsigned int count; /* lock; read without */
    struct latch_tree_root bus[IOR_BUSES];
    struct mm_struct *mm;
    struct rcu_head rcu;
};

/* Under RCU: the region that takes this access, or NULL. */
struct ior_region *ior_domain_find(struct ior_domain *dom, enum ior_bus bus, bool is_write,
                                   u64 addr, unsigned int len, u64 value);

static inline u64 ior_mask(unsigned int len)
{
    return len >= 8 ? ~0ull : (1ull << len * 8) - 1;
}

#endif
