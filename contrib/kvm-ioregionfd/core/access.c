// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Accesses: posted ones, which never wait, and answered ones, which wait for the home and hold
 * nothing meanwhile but references. The state of a wait belongs to the channel's lock; SENT turns
 * into ENDED once, whoever comes first: the answer, a cancel, the channel's end.
 */
#include <linux/cpumask.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/stat.h>
#include <linux/uaccess.h>

#include "internal.h"

static unsigned int spin_max_ns = 50000;
module_param(spin_max_ns, uint, 0644);
MODULE_PARM_DESC(spin_max_ns,
                 "how long a vCPU looks for an answer before it sleeps, at most (0: not at all)");

#define SPIN_FIRST_NS 8000

/* --- what goes on the wire
 * -------------------------------------------------------------------------------------------------------------
 */

static void build(struct ioregionfd_cmd *cmd, const struct ior_region *r,
                  const struct ior_target *t, enum ior_bus bus, bool is_write, bool resp, u64 addr,
                  unsigned int len, u64 value)
{
    cmd->info = (is_write ? IOREGIONFD_CMD_WRITE : IOREGIONFD_CMD_READ) |
                (resp ? IOREGIONFD_RESP : 0) | (bus == IOR_PIO ? IOREGIONFD_PIO : 0);
    cmd->id = 0;
    cmd->user_data = t->user_data;
    cmd->offset = t->offset + (addr - r->start);
    cmd->data = 0;
    if (!r->size) {
        cmd->info |= IOREGIONFD_SIZE_UNKNOWN;
        return;
    }
    cmd->info |= (len == 1 ? 0 : len == 2 ? 1 : len == 4 ? 2 : 3) << IOREGIONFD_SIZE_SHIFT;
    if (is_write) {
        cmd->data = value & ior_mask(len);
    }
}

/* --- shadow
 * ------------------------------------------------------------------------------------------------------------------------------
 */

enum outcome { DONE, GONE, FULL, FAULT };

/* One store: a reader never sees half of it. Page faults are off. */
static int store(u64 addr, unsigned int len, u64 value)
{
    void __user *to = u64_to_user_ptr(addr);

    switch (len) {
    case 1:
        return __put_user((u8)value, (u8 __user *)to);
    case 2:
        return __put_user((u16)value, (u16 __user *)to);
    case 4:
        return __put_user((u32)value, (u32 __user *)to);
    default:
        return __put_user(value, (u64 __user *)to);
    }
}

/* The lock: after DEASSIGN has returned, nothing is stored any more. */
static enum outcome shadow_store(struct ior_target *t, u64 where, unsigned int len, u64 value)
{
    enum outcome result = GONE;

    spin_lock(&t->lock);
    if (!t->dead) {
        pagefault_disable();
        result = store(where, len, value) ? FAULT : DONE;
        pagefault_enable();
    }
    spin_unlock(&t->lock);
    if (result == DONE) {
        compat_eventfd_signal(t->kick);
    }
    return result;
}

/* Brings the page in without changing it. */
static bool fault_in(u64 where)
{
    bool unlocked = false;
    int err = -EFAULT;

    if (!mmap_read_lock_killable(current->mm)) {
        err = fixup_user_fault(current->mm, where, FAULT_FLAG_WRITE, &unlocked);
        mmap_read_unlock(current->mm);
    }
    return !err;
}

/* --- posted
 * ------------------------------------------------------------------------------------------------------------------------------
 */

static enum outcome post_to_channel(const struct ior_region *r, struct ior_target *t,
                                    enum ior_bus bus, u64 addr, unsigned int len, u64 value)
{
    struct ior_channel *ch = t->ch;
    enum outcome result = GONE;
    struct ioregionfd_cmd cmd;

    build(&cmd, r, t, bus, true, false, addr, len, value);
    spin_lock(&ch->lock);
    if (!t->dead) {
        result = ior_channel_push_posted(ch, &cmd, t->serial) ? DONE : FULL;
    }
    ior_channel_unlock(ch);
    return result;
}

enum ior_verdict ior_post(struct ior_domain *dom, enum ior_bus bus, u64 addr, unsigned int len,
                          u64 value)
{
    enum ior_verdict verdict = IOR_NOT_OURS;
    enum outcome result;

    rcu_read_lock();
    do {
        struct ior_region *r = ior_domain_find(dom, bus, true, addr, len, value);
        struct ior_target *t;

        if (!r) {
            break;
        }
        t = rcu_dereference(r->target);
        if (t->ch && READ_ONCE(t->ch->dead)) {
            break;
        }
        if (!(t->flags & KVM_IOREGION_POSTED_WRITES)) {
            verdict = IOR_WAIT;
            break;
        }
        result = t->ch ? post_to_channel(r, t, bus, addr, len, value)
                       : shadow_store(t, t->post_addr + (addr - r->start), len, value);
        verdict = result == DONE ? IOR_POSTED : IOR_WAIT;
    } while (result == GONE); /* it was changed or removed: the table says what is there now */
    rcu_read_unlock();
    return verdict;
}

/* --- answered: beginning
 * ------------------------------------------------------------------------------------------------------------------
 */

void ior_access_init(struct ior_access *a)
{
    memset(a, 0, sizeof(*a));
    spin_lock_init(&a->lock);
    INIT_LIST_HEAD(&a->starved);
    init_waitqueue_head(&a->wq);
}

/* Puts it in; GONE: look again. */
static enum outcome send(struct ior_access *a, bool posted)
{
    struct ior_channel *ch = a->target->ch;
    enum outcome result = GONE;

    spin_lock(&a->lock);
    spin_lock(&ch->lock);
    if (!a->target->dead && !ch->dead) {
        result = DONE;
        a->cmd.info &= ~IOREGIONFD_RESP;
        if (posted && ior_channel_push_posted(ch, &a->cmd, a->target->serial)) {
            a->state = IOR_ENDED;
        } else {
            a->cmd.info |= IOREGIONFD_RESP;
            ior_channel_get(ch);
            a->ch = ch;
            ior_channel_push_answered(ch, a);
        }
    }
    spin_unlock(&a->lock);
    if (ch->kind == IOR_PAIR && ch->direct && ch->need_kick) {
        ch->need_kick = false;
        spin_unlock(&ch->lock);
        ior_pair_run(ch);
    } else {
        ior_channel_unlock(ch);
    }
    return result;
}

static enum outcome store_shadow(struct ior_access *a, u64 where)
{
    enum outcome result = shadow_store(a->target, where, a->len, a->data);

    /* A page may go again before we are back; a few times, then it is not worth more. */
    for (int i = 0; i < 8 && result == FAULT && fault_in(where); i++) {
        result = shadow_store(a->target, where, a->len, a->data);
    }
    if (result == DONE) {
        a->state = IOR_ENDED;
    }
    return result;
}

int ior_access_begin(struct ior_access *a, struct ior_domain *dom, enum ior_bus bus, bool is_write,
                     u64 addr, unsigned int len, u64 value)
{
    enum outcome result;

    if (WARN_ON_ONCE(a->state != IOR_IDLE)) {
        return -ENOENT;
    }
    a->reason = a->status = 0;
    a->data = is_write ? value & ior_mask(len) : ior_mask(len);
    a->addr = addr;
    a->len = len;
    a->bus = bus;
    a->is_write = is_write;
    do {
        struct ior_region *r;
        struct ior_target *t;
        u64 where = 0;
        bool posted;

        rcu_read_lock();
        r = ior_domain_find(dom, bus, is_write, addr, len, value);
        t = r ? rcu_dereference(r->target) : NULL;
        if (t && t->ch && READ_ONCE(t->ch->dead)) {
            t = NULL; /* as if it were not registered */
        }
        if (t) {
            build(&a->cmd, r, t, bus, is_write, true, addr, len, value);
            where = t->post_addr + (addr - r->start);
            if (!refcount_inc_not_zero(&t->ref)) {
                rcu_read_unlock();
                result = GONE;
                continue;
            }
        }
        rcu_read_unlock();
        if (!t) {
            return -ENOENT;
        }
        a->target = t;
        a->user_data = t->user_data;
        posted = is_write && (t->flags & KVM_IOREGION_POSTED_WRITES);
        result = t->ch ? send(a, posted) : store_shadow(a, where);
        if (result != DONE) {
            a->target = NULL;
            ior_target_put(t);
        }
        if (result == FAULT) {
            return -ENOENT;
        }
    } while (result == GONE);
    return 0;
}

/* --- answered: waiting
 * ---------------------------------------------------------------------------------------------------------------------
 */

/* Back to IDLE. */
static void finish(struct ior_access *a)
{
    struct ior_channel *ch = a->ch;

    if (ch) {
        /* Whoever ended it may still be at its wait queue. */
        spin_lock(&ch->lock);
        spin_unlock(&ch->lock);
        spin_lock(&a->lock);
        a->ch = NULL;
        spin_unlock(&a->lock);
        ior_channel_put(ch);
    }
    if (a->target) {
        ior_target_put(a->target);
        a->target = NULL;
    }
    WRITE_ONCE(a->state, IOR_IDLE);
}

/* With one CPU the home cannot run meanwhile. */
static bool may_spin(void)
{
    return num_online_cpus() > 1;
}

static u32 spin_limit(const struct ior_channel *ch)
{
    u32 limit = min(READ_ONCE(ch->spin_ns), READ_ONCE(spin_max_ns)), wish;

    if (!limit || !may_spin()) {
        return 0;
    }
    if (ch->kind == IOR_RING) {
        wish = READ_ONCE(ch->ring->spin_limit_ns);
        if (wish) {
            limit = min(limit, wish);
        }
    }
    return limit;
}

/* True if something has happened.  Other work that this CPU could do, the home perhaps, is let in
 * once, as it is mostly short; more of it ends the looking. */
static bool spin(struct ior_channel *ch, struct ior_access *a)
{
    u32 limit = spin_limit(ch);
    bool yielded = false;
    u64 start;

    if (!limit) {
        return false;
    }
    start = ktime_get_ns();
    do {
        if (ior_channel_look(ch, a) || ior_pair_has_news(ch)) {
            return true;
        }
        if (need_resched() || !single_task_running()) {
            if (yielded) {
                break;
            }
            yielded = true;
            schedule();
        }
        cpu_relax();
    } while (!signal_pending(current) && ktime_get_ns() - start < limit);
    return false;
}

/* Answers that come soon after a sleep has begun make spinning longer; ones that come late end it.
 */
static void learn(struct ior_channel *ch, u64 start)
{
    u32 max_ns = READ_ONCE(spin_max_ns), now = READ_ONCE(ch->spin_ns);

    if (!start) {
        return;
    }
    if (ktime_get_ns() - start > max_ns) {
        now = 0;
    } else {
        now = min(max_ns, max_t(u32, now * 2, SPIN_FIRST_NS));
    }
    WRITE_ONCE(ch->spin_ns, now);
    if (ch->kind == IOR_RING) {
        WRITE_ONCE(ch->ring->spin_ns, now);
    }
}

static void set_asleep(struct ior_channel *ch, struct ior_access *a, bool asleep)
{
    spin_lock(&ch->lock);
    if (a->state != IOR_ENDED) {
        ior_channel_sleeper(ch, a, asleep);
    }
    ior_channel_unlock(ch);
}

static void sleep(struct ior_channel *ch, struct ior_access *a, u64 start)
{
    bool receives = ch->kind == IOR_PAIR && ch->direct;
    DEFINE_WAIT(wait);
    DEFINE_WAIT(rx);

    prepare_to_wait(&a->wq, &wait, TASK_INTERRUPTIBLE);
    if (receives) {
        prepare_to_wait_exclusive(&ch->receivers, &rx, TASK_INTERRUPTIBLE);
    }
    set_asleep(ch, a, true);
    smp_mb(); /* need_wake before the slot; the home: the slot before need_wake */
    if (!ior_channel_look(ch, a) && !ior_pair_has_news(ch) && !signal_pending(current)) {
        schedule();
    }
    if (receives) {
        finish_wait(&ch->receivers, &rx);
    }
    finish_wait(&a->wq, &wait);
    if (smp_load_acquire(&a->state) == IOR_ENDED) {
        learn(ch, start);
    } else {
        set_asleep(ch, a, false);
    }
}

static int wait_for_end(struct ior_access *a, bool nowait)
{
    struct ior_channel *ch = a->ch;
    u64 start = 0;

    while (smp_load_acquire(&a->state) != IOR_ENDED) {
        if (ior_channel_look(ch, a)) {
            break;
        }
        if (ior_pair_has_news(ch)) {
            ior_pair_run(ch);
            cond_resched();
            if (smp_load_acquire(&a->state) == IOR_ENDED) {
                break;
            }
        }
        if (nowait) {
            return -EAGAIN;
        }
        if (signal_pending(current)) {
            return -EINTR;
        }
        if (!start && may_spin()) {
            start = ktime_get_ns();
        }
        if (!spin(ch, a)) {
            sleep(ch, a, start);
        }
    }
    return 0;
}

int ior_access_wait(struct ior_access *a, bool nowait)
{
    int err = wait_for_end(a, nowait);

    /* Who was woken to receive, and does not, leaves it to the worker. */
    if (a->ch && ior_pair_has_news(a->ch)) {
        ior_pair_pump(a->ch);
    }
    if (!err) {
        finish(a);
    }
    return err;
}

/* --- answered: taking back
 * ------------------------------------------------------------------------------------------------------------------
 */

bool ior_access_cancel(struct ior_access *a, u32 reason)
{
    struct ior_channel *ch;
    bool was = false;

    spin_lock(&a->lock);
    ch = a->ch;
    if (!ch) {
        spin_unlock(&a->lock);
        return false;
    }
    ior_channel_get(ch);
    spin_lock(&ch->lock);
    if (a->state == IOR_SENT || a->state == IOR_STARVED) {
        ior_channel_end(ch, a, reason, ~0ull);
        was = true;
    }
    spin_unlock(&a->lock);
    ior_channel_unlock(ch);
    ior_channel_put(ch);
    return was;
}

long ior_ioctl_cancel(struct ior_access *a, void __user *arg)
{
    struct kvm_ioregion_cancel c;
    int err = ior_get_struct(&c, sizeof(c), arg);

    if (err) {
        return err;
    }
    if (c.flags || c.pad[0] || c.pad[1] || c.pad[2]) {
        return -EINVAL;
    }
    return ior_access_cancel(a, KVM_IOREGION_FAIL_CANCELLED) ? 0 : -ENOENT;
}

void ior_access_destroy(struct ior_access *a)
{
    if (a->state == IOR_IDLE) {
        return;
    }
    ior_access_cancel(a, KVM_IOREGION_FAIL_CANCELLED);
    finish(a);
}

void ior_access_describe(const struct ior_access *a, u32 reason, struct kvm_ioregion_failure *f)
{
    memset(f, 0, sizeof(*f));
    f->reason = reason;
    f->flags = (a->is_write ? KVM_IOREGION_FAILED_WRITE : 0) |
               (a->bus == IOR_PIO ? KVM_IOREGION_FAILED_PIO : 0);
    f->addr = a->addr;
    f->data = a->data;
    f->user_data = a->user_data;
    f->len = a->len;
    f->status = reason == KVM_IOREGION_FAIL_STATUS ? a->status : 0;
}
