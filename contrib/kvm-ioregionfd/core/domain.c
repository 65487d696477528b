// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Domains: a VM's regions in a tree for each bus, which vCPUs search under RCU while it is changed.
 * A region's range is constant; what happens to its accesses (the target) is replaced as a whole,
 * so that an update leaves no gap. Once the table no longer leads to a target, it is retired under
 * its channel's lock: who still holds it looks again.
 */
#include <linux/file.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "internal.h"

#define REGIONS_MAX 65536
#define ANY_LENGTH_SPAN 8

#define FLAGS_KNOWN \
    (KVM_IOREGION_PIO | KVM_IOREGION_POSTED_WRITES | KVM_IOREGION_DEASSIGN | KVM_IOREGION_UPDATE | \
     KVM_IOREGION_DATAMATCH | KVM_IOREGION_FD_PAIR | KVM_IOREGION_SHADOW)

struct workqueue_struct *ior_wq;
static atomic64_t serials;

int ior_core_init(struct module *owner)
{
    ior_file_init(owner);
    ior_wq = alloc_workqueue("ioregionfd", WQ_UNBOUND, 0);
    return ior_wq ? 0 : -ENOMEM;
}

void ior_core_exit(void)
{
    rcu_barrier();             /* targets' works are queued */
    destroy_workqueue(ior_wq); /* they, and the channels' that follow, are done */
    rcu_barrier();
}

int ior_capabilities(void)
{
    return KVM_IOREGIONFD_HAS_MMIO | KVM_IOREGIONFD_HAS_PIO | KVM_IOREGIONFD_HAS_POSTED |
           KVM_IOREGIONFD_HAS_IDS | KVM_IOREGIONFD_HAS_ANY_SIZE | KVM_IOREGIONFD_HAS_RING |
           KVM_IOREGIONFD_HAS_UPDATE | KVM_IOREGIONFD_HAS_DATAMATCH | KVM_IOREGIONFD_HAS_FD_PAIR |
           KVM_IOREGIONFD_HAS_SHADOW | KVM_IOREGIONFD_HAS_CANCEL;
}

/* --- look-up
 * ----------------------------------------------------------------------------------------------------------------------------
 */

struct place {
    u64 addr, value;
    bool is_write;
};

static struct ior_region *region_of(struct latch_tree_node *node)
{
    return container_of(node, struct ior_region, node);
}

/* Ranges do not overlap, but for the same range with different values. */
static bool region_less(struct latch_tree_node *a, struct latch_tree_node *b)
{
    const struct ior_region *x = region_of(a), *y = region_of(b);

    return x->start != y->start ? x->start < y->start : x->value < y->value;
}

static int region_compare(void *opaque, struct latch_tree_node *node)
{
    const struct ior_region *r = region_of(node);
    const struct place *key = opaque;

    if (key->addr < r->start) {
        return -1;
    }
    if (key->addr > r->last) {
        return 1;
    }
    if (!r->match || !key->is_write || key->value == r->value) {
        return 0;
    }
    return key->value < r->value ? -1 : 1;
}

static const struct latch_tree_ops tree_ops = {.less = region_less, .comp = region_compare};

static struct ior_region *find_key(struct ior_domain *dom, enum ior_bus bus, struct place *key)
{
    struct latch_tree_node *node = latch_tree_find(key, &dom->bus[bus], &tree_ops);

    return node ? region_of(node) : NULL;
}

struct ior_region *ior_domain_find(struct ior_domain *dom, enum ior_bus bus, bool is_write,
                                   u64 addr, unsigned int len, u64 value)
{
    struct place key = {.addr = addr, .value = value & ior_mask(len), .is_write = is_write};
    struct ior_region *r = find_key(dom, bus, &key);
    struct ior_target *t;

    if (!r || len - 1 > r->last - addr) {
        return NULL;
    }
    if (!r->size) {
        return is_write && addr == r->start ? r : NULL;
    }
    if (r->match && !(is_write && addr == r->start && len == r->size && key.value == r->value)) {
        return NULL;
    }
    t = rcu_dereference(r->target);
    if (!t->ch &&
        (!is_write || ((t->post_addr + (addr - r->start)) & (len - 1)) || current->mm != t->mm)) {
        return NULL;
    }
    return r;
}

bool ior_domain_busy(const struct ior_domain *dom)
{
    return READ_ONCE(dom->count);
}

/* --- targets
 * -----------------------------------------------------------------------------------------------------------------------------
 */

static void free_target(struct work_struct *work)
{
    struct ior_target *t = container_of(to_rcu_work(work), struct ior_target, free_work);

    if (t->ch) {
        ior_channel_put(t->ch);
    }
    if (t->kick) {
        eventfd_ctx_put(t->kick);
    }
    if (t->mm) {
        mmdrop(t->mm);
    }
    kfree(t);
}

void ior_target_put(struct ior_target *t)
{
    if (refcount_dec_and_test(&t->ref)) {
        INIT_RCU_WORK(&t->free_work, free_target);
        queue_rcu_work(ior_wq, &t->free_work);
    }
}

/* No access reaches it by the table any more. withdraw: nor does what it had put in count. */
static void retire(struct ior_target *t, bool withdraw)
{
    if (t->ch) {
        ior_channel_retire(t->ch, t, withdraw);
    } else {
        spin_lock(&t->lock);
        t->dead = true;
        spin_unlock(&t->lock);
    }
    ior_target_put(t);
}

static int open_channel(const struct kvm_ioregion *k, struct ior_channel **ch)
{
    struct file *file = fget(k->fd), *resp;

    if (!file) {
        return -EBADF;
    }
    *ch = ior_file_channel(file);
    if (*ch) {
        fput(file);
        if (k->flags & KVM_IOREGION_FD_PAIR) {
            ior_channel_put(*ch);
            return -EINVAL;
        }
        return 0;
    }
    if (k->flags & KVM_IOREGION_FD_PAIR) {
        resp = fget(k->resp_fd);
        if (!resp) {
            fput(file);
            return -EBADF;
        }
    } else if (S_ISSOCK(file_inode(file)->i_mode)) {
        resp = get_file(file);
    } else {
        fput(file); /* one way only */
        return -EINVAL;
    }
    *ch = ior_pair_get(file, resp);
    return PTR_ERR_OR_ZERO(*ch);
}

static struct ior_target *new_target(struct ior_domain *dom, const struct kvm_ioregion *k)
{
    struct ior_target *t = kzalloc(sizeof(*t), GFP_KERNEL_ACCOUNT);
    int err = 0;

    if (!t) {
        return ERR_PTR(-ENOMEM);
    }
    refcount_set(&t->ref, 1);
    spin_lock_init(&t->lock);
    t->serial = atomic64_inc_return(&serials);
    t->flags = k->flags & ~KVM_IOREGION_UPDATE;
    t->user_data = k->user_data;
    t->offset = k->offset;
    if (k->flags & KVM_IOREGION_SHADOW) {
        t->kick = eventfd_ctx_fdget(k->fd);
        t->post_addr = k->post_addr;
        err = PTR_ERR_OR_ZERO(t->kick);
        if (!err) {
            t->mm = dom->mm;
            mmgrab(t->mm);
        }
    } else {
        err = open_channel(k, &t->ch);
        if (!err && READ_ONCE(t->ch->dead)) {
            ior_channel_put(t->ch);
            err = -EPIPE;
        }
    }
    if (err) {
        kfree(t);
        return ERR_PTR(err);
    }
    return t;
}

/* True if the region's accesses go to this file. */
static bool is_targets_fd(const struct ior_target *t, int fd)
{
    struct eventfd_ctx *ctx;
    struct file *file;
    bool same;

    if (!t->ch) {
        ctx = eventfd_ctx_fdget(fd);
        if (IS_ERR(ctx)) {
            return false;
        }
        same = ctx == t->kick;
        eventfd_ctx_put(ctx);
        return same;
    }
    file = fget(fd);
    if (!file) {
        return false;
    }
    if (t->ch->kind == IOR_PAIR) {
        same = file == t->ch->wfile;
    } else {
        struct ior_channel *ch = ior_file_channel(file);

        same = ch == t->ch;
        if (ch) {
            ior_channel_put(ch);
        }
    }
    fput(file);
    return same;
}

/* --- registration
 * --------------------------------------------------------------------------------------------------------------------------
 */

static int check_range(const struct kvm_ioregion *k)
{
    u64 size = k->memory_size ?: ANY_LENGTH_SPAN;

    if (k->memory_size && k->guest_paddr + size - 1 < k->guest_paddr) {
        return -EINVAL;
    }
    if (k->flags & KVM_IOREGION_PIO) {
        if (k->guest_paddr > 0xffff || (k->memory_size && size > 0x10000 - k->guest_paddr)) {
            return -EINVAL;
        }
    }
    if (k->flags & KVM_IOREGION_DATAMATCH) {
        if (size > 8 || !k->memory_size || (size & (size - 1)) ||
            (k->datamatch & ~ior_mask(size))) {
            return -EINVAL;
        }
    }
    return 0;
}

static int check(const struct kvm_ioregion *k)
{
    u32 f = k->flags;

    if ((f & ~FLAGS_KNOWN) || ((f & KVM_IOREGION_DEASSIGN) && (f & KVM_IOREGION_UPDATE)) ||
        (!(f & KVM_IOREGION_DATAMATCH) && k->datamatch) ||
        (!(f & KVM_IOREGION_FD_PAIR) && k->resp_fd) ||
        (!(f & KVM_IOREGION_SHADOW) && k->post_addr) || check_range(k)) {
        return -EINVAL;
    }
    if (f & KVM_IOREGION_DEASSIGN) {
        return 0; /* the name is all that counts */
    }
    if (!k->memory_size && !(f & KVM_IOREGION_POSTED_WRITES)) {
        return -EINVAL;
    }
    if ((f & KVM_IOREGION_SHADOW) &&
        (!(f & KVM_IOREGION_POSTED_WRITES) || (f & KVM_IOREGION_FD_PAIR) || !k->memory_size ||
         !k->post_addr || k->memory_size > LONG_MAX ||
         !access_ok(u64_to_user_ptr(k->post_addr), k->memory_size))) {
        return -EINVAL;
    }
    return 0;
}

static enum ior_bus bus_of(const struct kvm_ioregion *k)
{
    return k->flags & KVM_IOREGION_PIO ? IOR_PIO : IOR_MMIO;
}

/* The last byte of what the region takes up. */
static u64 last_of(const struct kvm_ioregion *k)
{
    u64 limit = k->flags & KVM_IOREGION_PIO ? 0xffff : ~0ull;

    if (k->memory_size) {
        return k->guest_paddr + k->memory_size - 1;
    }
    return limit - k->guest_paddr < ANY_LENGTH_SPAN ? limit : k->guest_paddr + ANY_LENGTH_SPAN - 1;
}

/* The region that k names, or NULL. */
static struct ior_region *find_named(struct ior_domain *dom, const struct kvm_ioregion *k)
{
    bool match = k->flags & KVM_IOREGION_DATAMATCH;
    struct place key = {.addr = k->guest_paddr, .value = k->datamatch, .is_write = true};
    struct ior_region *r = find_key(dom, bus_of(k), &key);

    if (!r || r->start != k->guest_paddr || r->size != k->memory_size || r->match != match) {
        return NULL;
    }
    return r;
}

/* True if something is there that k cannot live beside. */
static bool overlaps(struct ior_domain *dom, const struct kvm_ioregion *k)
{
    struct rb_node *node = dom->bus[bus_of(k)].tree[0].rb_node;
    u64 last = last_of(k);

    while (node) {
        struct ior_region *r = container_of(node, struct ior_region, node.node[0]);

        if (last < r->start) {
            node = node->rb_left;
        } else if (k->guest_paddr > r->last) {
            node = node->rb_right;
        } else {
            /* All that overlap k have r's range, or k's is refused anyway. */
            return !(k->flags & KVM_IOREGION_DATAMATCH) || !r->match ||
                   r->start != k->guest_paddr || r->size != k->memory_size || find_named(dom, k);
        }
    }
    return false;
}

static int add(struct ior_domain *dom, const struct kvm_ioregion *k)
{
    struct ior_target *t = new_target(dom, k);
    struct ior_region *r;
    int err = 0;

    if (IS_ERR(t)) {
        return PTR_ERR(t);
    }
    r = kzalloc(sizeof(*r), GFP_KERNEL_ACCOUNT);
    if (!r) {
        ior_target_put(t);
        return -ENOMEM;
    }
    r->start = k->guest_paddr;
    r->size = k->memory_size;
    r->last = last_of(k);
    r->match = k->flags & KVM_IOREGION_DATAMATCH;
    r->value = k->datamatch;
    RCU_INIT_POINTER(r->target, t);
    mutex_lock(&dom->lock);
    if (dom->closed) {
        err = -ENODEV;
    } else if (overlaps(dom, k)) {
        err = -EEXIST;
    } else if (dom->count >= REGIONS_MAX) {
        err = -ENOSPC;
    } else {
        latch_tree_insert(&r->node, &dom->bus[bus_of(k)], &tree_ops);
        WRITE_ONCE(dom->count, dom->count + 1);
    }
    mutex_unlock(&dom->lock);
    if (err) {
        ior_target_put(t);
        kfree(r);
    }
    return err;
}

static struct ior_target *target_of(struct ior_domain *dom, struct ior_region *r)
{
    return rcu_dereference_protected(r->target, lockdep_is_held(&dom->lock));
}

static int update(struct ior_domain *dom, const struct kvm_ioregion *k)
{
    struct ior_target *t = new_target(dom, k), *old = NULL;
    struct ior_region *r;
    int err = 0;

    if (IS_ERR(t)) {
        return PTR_ERR(t);
    }
    mutex_lock(&dom->lock);
    r = find_named(dom, k);
    if (dom->closed) {
        err = -ENODEV;
    } else if (!r) {
        err = -ENOENT;
    } else {
        old = target_of(dom, r);
        rcu_assign_pointer(r->target, t);
        retire(old, false);
    }
    mutex_unlock(&dom->lock);
    if (err) {
        ior_target_put(t);
    }
    return err;
}

static void remove(struct ior_domain *dom, enum ior_bus bus, struct ior_region *r)
{
    latch_tree_erase(&r->node, &dom->bus[bus], &tree_ops);
    WRITE_ONCE(dom->count, dom->count - 1);
    retire(target_of(dom, r), true);
    kfree_rcu(r, rcu);
}

static int deassign(struct ior_domain *dom, const struct kvm_ioregion *k)
{
    struct ior_region *r;
    int err = 0;

    mutex_lock(&dom->lock);
    r = find_named(dom, k);
    if (!r || (k->fd != -1 && !is_targets_fd(target_of(dom, r), k->fd))) {
        err = -ENOENT;
    } else {
        remove(dom, bus_of(k), r);
    }
    mutex_unlock(&dom->lock);
    return err;
}

long ior_ioctl_set_region(struct ior_domain *dom, void __user *arg)
{
    struct kvm_ioregion k;
    int err = ior_get_struct(&k, sizeof(k), arg);

    if (!err) {
        err = check(&k);
    }
    if (err) {
        return err;
    }
    if (k.flags & KVM_IOREGION_DEASSIGN) {
        return deassign(dom, &k);
    }
    return k.flags & KVM_IOREGION_UPDATE ? update(dom, &k) : add(dom, &k);
}

/* --- life
 * ------------------------------------------------------------------------------------------------------------------------------------
 */

struct ior_domain *ior_domain_new(void)
{
    struct ior_domain *dom = kzalloc(sizeof(*dom), GFP_KERNEL_ACCOUNT);

    if (!dom) {
        return NULL;
    }
    refcount_set(&dom->ref, 1);
    mutex_init(&dom->lock);
    for (int bus = 0; bus < IOR_BUSES; bus++) {
        seqcount_latch_init(&dom->bus[bus].seq);
    }
    dom->mm = current->mm;
    mmgrab(dom->mm);
    return dom;
}

struct ior_domain *ior_domain_get(struct ior_domain *dom)
{
    refcount_inc(&dom->ref);
    return dom;
}

void ior_domain_put(struct ior_domain *dom)
{
    if (refcount_dec_and_test(&dom->ref)) {
        mmdrop(dom->mm);
        kfree_rcu(dom, rcu);
    }
}

void ior_domain_close(struct ior_domain *dom)
{
    mutex_lock(&dom->lock);
    dom->closed = true;
    for (int bus = 0; bus < IOR_BUSES; bus++) {
        struct rb_node *node;

        while ((node = rb_first(&dom->bus[bus].tree[0]))) {
            remove(dom, bus, container_of(node, struct ior_region, node.node[0]));
            cond_resched();
        }
    }
    mutex_unlock(&dom->lock);
}
