// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Channels: one queue of commands in one order, a table of the accesses that wait for answers, and
 * a list of those that wait for room. Nothing in a mapped ring is believed: what the home writes
 * decides only when its own vCPUs go on, and with which data.
 */
#include <linux/bitmap.h>
#include <linux/log2.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "internal.h"

#define POSTED_DEFAULT 192
#define ANSWERED_DEFAULT 64
#define INDEX_BITS 10

/* --- life
 * -----------------------------------------------------------------------------------------------------------------------
 */

static void free_channel(struct ior_channel *ch)
{
    if (ch->kind == IOR_PAIR) {
        ior_pair_release(ch);
    }
    if (ch->kick) {
        eventfd_ctx_put(ch->kick);
    }
    if (ch->kind == IOR_RING) {
        vfree(ch->ring);
    } else {
        kvfree(ch->slots);
    }
    kvfree(ch->serials);
    kfree(ch->waiters);
    bitmap_free(ch->busy);
    kfree(ch);
}

static void free_channel_work(struct work_struct *work)
{
    free_channel(container_of(work, struct ior_channel, free_work));
}

static void release_channel(struct kref *ref)
{
    struct ior_channel *ch = container_of(ref, struct ior_channel, ref);

    queue_work(ior_wq, &ch->free_work);
}

void ior_channel_put(struct ior_channel *ch)
{
    kref_put(&ch->ref, release_channel);
}

static int alloc_ring(struct ior_channel *ch)
{
    u32 cmds = PAGE_SIZE;
    u32 resps = ALIGN(cmds + ch->capacity * sizeof(struct ioregionfd_cmd), 64);
    u32 size = PAGE_ALIGN(resps + ch->answered_max * sizeof(struct ioregionfd_resp));
    struct ioregionfd_ring *ring = __vmalloc(size, GFP_KERNEL_ACCOUNT | __GFP_ZERO);

    if (!ring) {
        return -ENOMEM;
    }
    ring->magic = IOREGIONFD_RING_MAGIC;
    ring->capacity = ch->capacity;
    ring->posted = ch->posted_max;
    ring->answered = ch->answered_max;
    ring->cmds_offset = cmds;
    ring->resps_offset = resps;
    ring->map_size = size;
    ch->ring = ring;
    ch->slots = (void *)ring + cmds;
    ch->resps = (void *)ring + resps;
    ch->map_size = size;
    return 0;
}

static int alloc_slots(struct ior_channel *ch)
{
    ch->slots = kvcalloc(ch->capacity, sizeof(*ch->slots), GFP_KERNEL_ACCOUNT);
    return ch->slots ? 0 : -ENOMEM;
}

struct ior_channel *ior_channel_new(enum ior_kind kind, u32 posted, u32 answered)
{
    struct ior_channel *ch = kzalloc(sizeof(*ch), GFP_KERNEL_ACCOUNT);

    if (!ch) {
        return ERR_PTR(-ENOMEM);
    }
    posted = posted ?: POSTED_DEFAULT;
    answered = answered ?: ANSWERED_DEFAULT;
    kref_init(&ch->ref);
    ch->kind = kind;
    ch->capacity = roundup_pow_of_two(posted + answered);
    ch->answered_max = answered;
    ch->posted_max = ch->capacity - answered;
    spin_lock_init(&ch->lock);
    INIT_LIST_HEAD(&ch->starved);
    INIT_LIST_HEAD(&ch->pairs);
    init_waitqueue_head(&ch->readers);
    mutex_init(&ch->read_mutex);
    INIT_WORK(&ch->free_work, free_channel_work);
    ch->waiters = kcalloc(answered, sizeof(*ch->waiters), GFP_KERNEL_ACCOUNT);
    ch->serials = kvcalloc(ch->capacity, sizeof(*ch->serials), GFP_KERNEL_ACCOUNT);
    ch->busy = bitmap_zalloc(answered, GFP_KERNEL_ACCOUNT);
    if (!ch->waiters || !ch->busy || !ch->serials ||
        (kind == IOR_RING ? alloc_ring(ch) : alloc_slots(ch))) {
        ch->kind = kind == IOR_PAIR ? IOR_FILE : kind; /* there are no files yet */
        free_channel(ch);
        return ERR_PTR(-ENOMEM);
    }
    return ch;
}

/* --- telling the home
 * ------------------------------------------------------------------------------------------------------------
 */

static void kick(struct ior_channel *ch)
{
    switch (ch->kind) {
    case IOR_FILE:
        if (wq_has_sleeper(&ch->readers)) {
            wake_up_interruptible_poll(&ch->readers, EPOLLIN | EPOLLRDNORM);
        }
        break;
    case IOR_RING:
        smp_mb(); /* tail before asleep; the home: asleep before tail */
        if (READ_ONCE(ch->ring->asleep) && xchg(&ch->ring->asleep, 0)) {
            if (ch->kick) {
                compat_eventfd_signal(ch->kick);
            }
            wake_up_interruptible_poll(&ch->readers, EPOLLIN | EPOLLRDNORM);
        }
        break;
    case IOR_PAIR:
        ior_pair_pump(ch);
        break;
    }
}

void ior_channel_unlock(struct ior_channel *ch) __releases(&ch->lock)
{
    bool must_kick = ch->need_kick;

    ch->need_kick = false;
    spin_unlock(&ch->lock);
    if (must_kick) {
        kick(ch);
    }
}

/* --- the queue
 * -------------------------------------------------------------------------------------------------------------------
 */

/* Commands in it. */
static u32 used(const struct ior_channel *ch)
{
    u32 n;

    if (ch->kind != IOR_RING) {
        return ch->tail - ch->head;
    }
    n = ch->tail - smp_load_acquire(&ch->ring->head);
    return min(n, ch->capacity); /* a head that cannot be: full */
}

static void push(struct ior_channel *ch, const struct ioregionfd_cmd *cmd, u64 serial)
{
    u32 slot = ch->tail & (ch->capacity - 1);

    ch->slots[slot] = *cmd;
    ch->tail++;
    ch->serials[slot] = serial;
    if (ch->kind == IOR_RING) {
        smp_store_release(&ch->ring->tail, ch->tail);
    }
    ch->need_kick = true;
}

bool ior_channel_push_posted(struct ior_channel *ch, const struct ioregionfd_cmd *cmd, u64 serial)
{
    if (!list_empty(&ch->starved) || used(ch) >= ch->posted_max) {
        return false;
    }
    push(ch, cmd, serial);
    return true;
}

static bool send_answered(struct ior_channel *ch, struct ior_access *a)
{
    unsigned int index;

    if (used(ch) >= ch->capacity) {
        return false;
    }
    index = find_first_zero_bit(ch->busy, ch->answered_max);
    if (index >= ch->answered_max) {
        return false;
    }
    __set_bit(index, ch->busy);
    ch->waiters[index] = a;
    ch->generation = (ch->generation + 1) & (~0u >> INDEX_BITS);
    if (!ch->generation) {
        ch->generation = 1;
    }
    a->index = index;
    a->id = a->cmd.id = ch->generation << INDEX_BITS | index;
    push(ch, &a->cmd, a->target->serial);
    smp_store_release(&a->state, IOR_SENT);
    return true;
}

static void set_need_wake(struct ior_channel *ch)
{
    if (ch->kind == IOR_RING) {
        WRITE_ONCE(ch->ring->need_wake,
                   (ch->sleepers ? IOREGIONFD_RING_WAKE_ANSWER : 0) |
                       (list_empty(&ch->starved) ? 0 : IOREGIONFD_RING_WAKE_ROOM));
    }
}

void ior_channel_promote(struct ior_channel *ch)
{
    if (list_empty(&ch->starved)) {
        return;
    }
    while (!list_empty(&ch->starved)) {
        struct ior_access *a = list_first_entry(&ch->starved, struct ior_access, starved);

        if (!send_answered(ch, a)) {
            break;
        }
        list_del_init(&a->starved);
    }
    set_need_wake(ch);
}

void ior_channel_push_answered(struct ior_channel *ch, struct ior_access *a)
{
    if (list_empty(&ch->starved) && send_answered(ch, a)) {
        return;
    }
    list_add_tail(&a->starved, &ch->starved);
    smp_store_release(&a->state, IOR_STARVED);
    set_need_wake(ch);
    smp_mb(); /* WAKE_ROOM before head; the home: head before WAKE_ROOM */
    ior_channel_promote(ch);
}

/* Commands that were taken back leave the queue once nothing stands before them. */
static void trim(struct ior_channel *ch)
{
    if (ch->reading || ch->kind == IOR_RING) {
        return;
    }
    while (ch->head != ch->tail && ch->slots[ch->head & (ch->capacity - 1)].info == IOR_SLOT_GONE) {
        ch->head++;
    }
}

/* Takes back what lies unread: all of a target, or one command. In a ring the home may be reading
 * it just now: then it was read. */
static void withdraw(struct ior_channel *ch, u64 serial, u32 id)
{
    for (u32 n = used(ch), i = ch->tail - n; n--; i++) {
        u32 slot = i & (ch->capacity - 1);
        struct ioregionfd_cmd *cmd = &ch->slots[slot];

        if (id ? READ_ONCE(cmd->id) == id : ch->serials[slot] == serial) {
            WRITE_ONCE(cmd->info, ch->kind == IOR_RING ? IOREGIONFD_CMD_NOP : IOR_SLOT_GONE);
        }
    }
    trim(ch);
}

unsigned int ior_channel_peek(struct ior_channel *ch, struct ioregionfd_cmd *cmds, unsigned int max)
{
    unsigned int n = 0;

    spin_lock(&ch->lock);
    trim(ch);
    while (n < max && ch->head + n != ch->tail) {
        const struct ioregionfd_cmd *cmd = &ch->slots[(ch->head + n) & (ch->capacity - 1)];

        if (cmd->info == IOR_SLOT_GONE) {
            break;
        }
        cmds[n++] = *cmd;
    }
    ch->reading = n;
    spin_unlock(&ch->lock);
    return n;
}

void ior_channel_consume(struct ior_channel *ch, unsigned int n)
{
    spin_lock(&ch->lock);
    ch->head += n;
    ch->reading = false;
    trim(ch);
    ior_channel_promote(ch);
    ior_channel_unlock(ch);
}

bool ior_channel_readable(struct ior_channel *ch)
{
    bool yes;

    spin_lock(&ch->lock);
    yes = used(ch) != 0;
    spin_unlock(&ch->lock);
    return yes;
}

/* --- ends of waits
 * ----------------------------------------------------------------------------------------------------------------
 */

void ior_channel_sleeper(struct ior_channel *ch, struct ior_access *a, bool asleep)
{
    if (a->asleep != asleep) {
        a->asleep = asleep;
        ch->sleepers += asleep ? 1 : -1;
        set_need_wake(ch);
    }
}

static void end_wait(struct ior_channel *ch, struct ior_access *a, u32 reason, u64 data)
{
    if (a->state == IOR_SENT) {
        ch->waiters[a->index] = NULL;
        __clear_bit(a->index, ch->busy);
        if (reason && reason != KVM_IOREGION_FAIL_STATUS) {
            withdraw(ch, 0, a->id);
        }
    } else {
        list_del_init(&a->starved);
    }
    ior_channel_sleeper(ch, a, false);
    a->reason = reason;
    if (!a->is_write) {
        a->data = data & ior_mask(a->len);
    }
    smp_store_release(&a->state, IOR_ENDED);
    wake_up(&a->wq);
}

void ior_channel_end(struct ior_channel *ch, struct ior_access *a, u32 reason, u64 data)
{
    end_wait(ch, a, reason, data);
    ior_channel_promote(ch);
}

/* The answer is a's; once only. */
static void answered(struct ior_channel *ch, struct ior_access *a,
                     const struct ioregionfd_resp *resp)
{
    a->status = resp->status;
    if (resp->pad[0] || resp->pad[1]) {
        ior_channel_end(ch, a, KVM_IOREGION_FAIL_PROTOCOL, ~0ull);
    } else if (resp->status == IOREGIONFD_STATUS_OK) {
        ior_channel_end(ch, a, 0, resp->data);
    } else {
        ior_channel_end(ch, a, KVM_IOREGION_FAIL_STATUS,
                        resp->status == IOREGIONFD_STATUS_ERROR ? resp->data : ~0ull);
    }
}

bool ior_channel_answer(struct ior_channel *ch, const struct ioregionfd_resp *resp)
{
    u32 index = resp->id & IOREGIONFD_ID_INDEX;
    struct ior_access *a;

    spin_lock(&ch->lock);
    a = index < ch->answered_max ? ch->waiters[index] : NULL;
    if (a && a->id != resp->id) {
        a = NULL;
    }
    if (a) {
        answered(ch, a, resp);
    } else {
        ch->bad_answers++;
    }
    ior_channel_unlock(ch);
    return a;
}

/* a's slot of the ring, copied once if it holds a's answer. */
static bool copy_answer(const struct ior_channel *ch, const struct ior_access *a,
                        struct ioregionfd_resp *resp)
{
    const struct ioregionfd_resp *slot = &ch->resps[a->index];

    if (smp_load_acquire(&slot->id) != a->id) {
        return false;
    }
    resp->id = a->id;
    resp->data = READ_ONCE(slot->data);
    resp->status = READ_ONCE(slot->status);
    resp->pad[0] = READ_ONCE(slot->pad[0]);
    resp->pad[1] = READ_ONCE(slot->pad[1]);
    return true;
}

bool ior_channel_look(struct ior_channel *ch, struct ior_access *a)
{
    enum ior_state state = smp_load_acquire(&a->state);
    struct ioregionfd_resp resp;

    if (state == IOR_ENDED) {
        return true;
    }
    if (ch->kind != IOR_RING) {
        return false;
    }
    if (state == IOR_SENT) {
        if (!copy_answer(ch, a, &resp)) {
            return false;
        }
        spin_lock(&ch->lock);
        if (a->state == IOR_SENT) {
            answered(ch, a, &resp);
        }
    } else {
        spin_lock(&ch->lock);
        ior_channel_promote(ch);
    }
    state = a->state;
    ior_channel_unlock(ch);
    return state == IOR_ENDED;
}

int ior_channel_wait_command(struct ior_channel *ch)
{
    DEFINE_WAIT(wait);
    int err = 0;

    /* A vCPU that was just woken on this CPU may put the next one in at once. */
    cond_resched();
    if (READ_ONCE(ch->tail) != READ_ONCE(ch->ring->head)) {
        return 0;
    }
    for (;;) {
        prepare_to_wait(&ch->readers, &wait, TASK_INTERRUPTIBLE);
        (void)xchg(&ch->ring->asleep, 1);
        if (READ_ONCE(ch->tail) != READ_ONCE(ch->ring->head)) {
            break;
        }
        if (signal_pending(current)) {
            err = -EINTR;
            break;
        }
        schedule();
    }
    finish_wait(&ch->readers, &wait);
    WRITE_ONCE(ch->ring->asleep, 0);
    return err;
}

void ior_channel_wake(struct ior_channel *ch)
{
    struct ioregionfd_resp resp;
    unsigned int index;

    spin_lock(&ch->lock);
    for_each_set_bit(index, ch->busy, ch->answered_max)
    {
        struct ior_access *a = ch->waiters[index];

        if (a->asleep && copy_answer(ch, a, &resp)) {
            answered(ch, a, &resp);
        }
    }
    ior_channel_promote(ch);
    ior_channel_unlock(ch);
}

/* Ends what waits in ch: all, or one target's. */
static void end_all(struct ior_channel *ch, const struct ior_target *t, u32 reason)
{
    struct ior_access *a, *next;
    unsigned int index;

    list_for_each_entry_safe(a, next, &ch->starved, starved)
    {
        if (!t || a->target == t) {
            end_wait(ch, a, reason, ~0ull);
        }
    }
    for_each_set_bit(index, ch->busy, ch->answered_max)
    {
        a = ch->waiters[index];
        if (!t || a->target == t) {
            end_wait(ch, a, reason, ~0ull);
        }
    }
}

void ior_channel_kill(struct ior_channel *ch, u32 reason)
{
    spin_lock(&ch->lock);
    if (!ch->dead) {
        WRITE_ONCE(ch->dead, true);
        end_all(ch, NULL, reason);
    }
    ior_channel_unlock(ch);
}

void ior_channel_retire(struct ior_channel *ch, struct ior_target *t, bool take_back)
{
    spin_lock(&ch->lock);
    t->dead = true;
    if (take_back) {
        end_all(ch, t, KVM_IOREGION_FAIL_CANCELLED);
        withdraw(ch, t->serial, 0);
        ior_channel_promote(ch);
    }
    ior_channel_unlock(ch);
}
