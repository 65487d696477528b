// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A vCPU's file: KVM_RUN on it runs the vCPU by KVM's own file, and keeps to itself the MMIO and
 * port exits that a region takes.
 *
 * The exit is read from the page that KVM shares with user space, who may write anything there at
 * any time: it is copied once, checked, and what is under way is remembered here only. Reading and
 * writing go through the caller's address space, so nothing can be reached that the caller could
 * not reach.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <linux/ioregionfd-module.h>

#include "module.h"

enum exit_kind { EXIT_NONE, EXIT_MMIO, EXIT_PIO };

struct run_vcpu {
    struct file *file; /* KVM's */
    struct ior_domain *dom;
    struct kvm_run __user *run;
    u64 run_size;
    const void *mm; /* of who attached it: run is an address there. Compared only */
    struct mutex lock; /* all below but access's own part; held by who runs */
    struct ior_access access;
    /* the exit that is being carried out */
    enum exit_kind kind;
    bool is_write;
    bool failed;  /* user space was told; the data to go on with is in the page */
    bool flagged; /* user space was told that it is pending */
    bool changed; /* the page does not describe the exit any more */
    unsigned int len;
    u64 addr;    /* or port */
    u64 data_at; /* offset in the mapping of the next element */
    u32 left;    /* elements of a string, this one included; MMIO: 1 */
};

/* --- the shared page
 * --------------------------------------------------------------------------------------------------------------------
 */

static u64 __user *mmio_data(struct run_vcpu *v)
{
    return (u64 __user *)v->run->mmio.data;
}

static void __user *element(struct run_vcpu *v)
{
    return v->kind == EXIT_MMIO ? (void __user *)mmio_data(v) : (void __user *)v->run + v->data_at;
}

static int get_value(struct run_vcpu *v, u64 *value)
{
    *value = 0;
    return copy_from_user(value, element(v), v->len) ? -EFAULT : 0;
}

static int put_value(struct run_vcpu *v, u64 value)
{
    return copy_to_user(element(v), &value, v->len) ? -EFAULT : 0;
}

/* Makes the page describe what is left of the exit, so that user space does it. */
static int give_back(struct run_vcpu *v, u64 value)
{
    struct kvm_run __user *run = v->run;
    int err;

    if (!v->changed) {
        return 0;
    }
    if (v->kind == EXIT_MMIO) {
        err = put_user(KVM_EXIT_MMIO, &run->exit_reason) | put_user(v->addr, &run->mmio.phys_addr) |
              put_user(value, mmio_data(v)) | put_user(v->len, &run->mmio.len) |
              put_user((u8)v->is_write, &run->mmio.is_write);
    } else {
        err = put_user(KVM_EXIT_IO, &run->exit_reason) |
              put_user((u8)(v->is_write ? KVM_EXIT_IO_OUT : KVM_EXIT_IO_IN), &run->io.direction) |
              put_user((u8)v->len, &run->io.size) | put_user((u16)v->addr, &run->io.port) |
              put_user(v->left, &run->io.count) | put_user(v->data_at, &run->io.data_offset);
    }
    return err ? -EFAULT : 0;
}

static int tell(struct run_vcpu *v, u32 exit_reason, u32 reason)
{
    struct kvm_ioregion_failure f;

    ior_access_describe(&v->access, reason, &f);
    v->changed = true;
    return copy_to_user(&v->run->mmio, &f, sizeof(f)) || put_user(exit_reason, &v->run->exit_reason)
               ? -EFAULT
               : 0;
}

/* --- carrying out
 * -------------------------------------------------------------------------------------------------------------------------
 */

static bool take_mmio(struct run_vcpu *v)
{
    struct {
        u64 phys_addr;
        u8 data[8];
        u32 len;
        u8 is_write;
    } exit;

    BUILD_BUG_ON(offsetof(typeof(exit), is_write) !=
                 offsetof(struct kvm_run, mmio.is_write) - offsetof(struct kvm_run, mmio));
    if (copy_from_user(&exit, &v->run->mmio, offsetofend(typeof(exit), is_write)) || exit.len < 1 ||
        exit.len > 8 || (exit.len & (exit.len - 1))) {
        return false;
    }
    v->kind = EXIT_MMIO;
    v->is_write = exit.is_write;
    v->len = exit.len;
    v->addr = exit.phys_addr;
    v->left = 1;
    return true;
}

static bool take_pio(struct run_vcpu *v)
{
    struct {
        u8 direction, size;
        u16 port;
        u32 count;
        u64 data_offset;
    } exit;

    BUILD_BUG_ON(offsetof(typeof(exit), data_offset) !=
                 offsetof(struct kvm_run, io.data_offset) - offsetof(struct kvm_run, io));
    if (copy_from_user(&exit, &v->run->io, sizeof(exit)) ||
        (exit.size != 1 && exit.size != 2 && exit.size != 4) || exit.direction > KVM_EXIT_IO_OUT ||
        !exit.count || exit.data_offset > v->run_size ||
        exit.count > (v->run_size - exit.data_offset) / exit.size) {
        return false;
    }
    v->kind = EXIT_PIO;
    v->is_write = exit.direction == KVM_EXIT_IO_OUT;
    v->len = exit.size;
    v->addr = exit.port;
    v->data_at = exit.data_offset;
    v->left = exit.count;
    return true;
}

/* An exit that may be a region's: remembers it. */
static bool take_exit(struct run_vcpu *v)
{
    u32 reason;

    v->changed = v->failed = v->flagged = false;
    if (!ior_domain_busy(v->dom) || get_user(reason, &v->run->exit_reason)) {
        return false;
    }
    return reason == KVM_EXIT_MMIO ? take_mmio(v) : reason == KVM_EXIT_IO ? take_pio(v) : false;
}

enum step { NEXT, TO_USER, WAITS, ERROR };

/* Delivers the element. NEXT: it is done; WAITS: it was begun. */
static enum step begin_element(struct run_vcpu *v, int *err)
{
    enum ior_bus bus = v->kind == EXIT_PIO ? IOR_PIO : IOR_MMIO;
    u64 value = 0;

    if (v->is_write) {
        enum ior_verdict verdict;

        *err = get_value(v, &value);
        if (*err) {
            return ERROR;
        }
        verdict = ior_post(v->dom, bus, v->addr, v->len, value);
        if (verdict == IOR_POSTED) {
            return NEXT;
        }
        if (verdict == IOR_WAIT &&
            !ior_access_begin(&v->access, v->dom, bus, true, v->addr, v->len, value)) {
            return WAITS;
        }
    } else if (!ior_access_begin(&v->access, v->dom, bus, false, v->addr, v->len, 0)) {
        return WAITS;
    }
    *err = give_back(v, value);
    v->kind = EXIT_NONE;
    return *err ? ERROR : TO_USER;
}

static enum step wait_element(struct run_vcpu *v, int *err)
{
    u8 immediate = 0;
    int r;

    if (get_user(immediate, &v->run->immediate_exit)) {
        *err = -EFAULT;
        return ERROR;
    }
    r = ior_access_wait(&v->access, immediate);
    if (r) {
        *err = tell(v, KVM_EXIT_IOREGION_PENDING, KVM_IOREGION_FAIL_PENDING) ?: -EINTR;
        v->flagged = true;
        return ERROR;
    }
    if (v->access.reason) {
        v->failed = true;
        v->flagged = false;
        *err = tell(v, KVM_EXIT_IOREGION_FAILURE, v->access.reason);
        return *err ? ERROR : TO_USER;
    }
    if (!v->is_write) {
        *err = put_value(v, v->access.data);
    }
    return *err ? ERROR : NEXT;
}

/* User space was told of a failure, and enters again: a read goes on with the data from there. */
static enum step end_failed(struct run_vcpu *v, int *err)
{
    struct kvm_ioregion_failure __user *f = (void __user *)&v->run->mmio;
    u64 value;

    *err = get_user(value, &f->data);
    if (!*err && !v->is_write) {
        *err = put_value(v, value);
    }
    v->failed = false;
    return *err ? ERROR : NEXT;
}

/* Carries the exit out as far as it goes. NEXT: it is done. */
static enum step carry_out(struct run_vcpu *v, int *err)
{
    *err = 0;
    while (v->kind != EXIT_NONE) {
        enum step step = v->failed ? end_failed(v, err) : WAITS;

        if (step == WAITS && !ior_access_pending(&v->access)) {
            step = begin_element(v, err);
        }
        if (step == WAITS) {
            step = wait_element(v, err);
        }
        if (step != NEXT) {
            return step;
        }
        v->data_at += v->len;
        v->changed |= v->left > 1;
        if (!--v->left) {
            v->kind = EXIT_NONE;
        }
    }
    /* KVM sets no reason when it returns at once: what was pending is not any more. */
    if (v->flagged && put_user(KVM_EXIT_INTR, &v->run->exit_reason)) {
        *err = -EFAULT;
        return ERROR;
    }
    v->flagged = false;
    return NEXT;
}

static long vcpu_run(struct run_vcpu *v)
{
    long r;
    int err;

    /* As KVM does, and before the lock: another process must not wait for this one's vCPU. */
    if (v->mm != current->mm) {
        return -EIO;
    }
    if (mutex_lock_killable(&v->lock)) {
        return -EINTR;
    }
    do {
        enum step step = carry_out(v, &err);

        if (step != NEXT) {
            r = err;
            break;
        }
        r = v->file->f_op->unlocked_ioctl(v->file, KVM_RUN, 0);
    } while (!r && take_exit(v));
    mutex_unlock(&v->lock);
    return r;
}

/* --- the file
 * ------------------------------------------------------------------------------------------------------------------------------
 */

static long vcpu_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
    struct run_vcpu *v = file->private_data;

    switch (cmd) {
    case KVM_RUN:
        return arg ? -EINVAL : vcpu_run(v);
    case KVM_CANCEL_IOREGION:
        return ior_ioctl_cancel(&v->access, (void __user *)arg);
    default:
        return -ENOTTY;
    }
}

static void free_vcpu(struct run_vcpu *v)
{
    ior_access_destroy(&v->access);
    ior_domain_put(v->dom);
    fput(v->file);
    kfree(v);
}

static int vcpu_release(struct inode *inode, struct file *file)
{
    free_vcpu(file->private_data);
    return 0;
}

static const struct file_operations vcpu_ops = {
    .owner = THIS_MODULE,
    .release = vcpu_release,
    .unlocked_ioctl = vcpu_ioctl,
    .compat_ioctl = compat_ptr_ioctl,
};

static int check(const struct ioregionfd_attach_vcpu *a)
{
    if (a->flags || a->pad || a->pad2[0] || a->pad2[1] || a->run & ~PAGE_MASK ||
        a->run_size < 2 * PAGE_SIZE || a->run_size > 64 * PAGE_SIZE) {
        return -EINVAL;
    }
    return access_ok(u64_to_user_ptr(a->run), a->run_size) ? 0 : -EFAULT;
}

long vcpu_ioctl_attach(struct ior_domain *dom, void __user *arg)
{
    struct ioregionfd_attach_vcpu a;
    struct run_vcpu *v;
    struct file *file;
    int fd = ior_get_struct(&a, sizeof(a), arg);

    fd = fd ?: check(&a);
    if (fd) {
        return fd;
    }
    file = fget(a.vcpu_fd);
    if (!file) {
        return -EBADF;
    }
    v = is_kvm_file(file, "kvm-vcpu:") ? kzalloc(sizeof(*v), GFP_KERNEL_ACCOUNT) : NULL;
    if (!v) {
        fd = is_kvm_file(file, "kvm-vcpu:") ? -ENOMEM : -EINVAL;
        fput(file);
        return fd;
    }
    v->file = file;
    v->dom = ior_domain_get(dom);
    v->run = u64_to_user_ptr(a.run);
    v->run_size = a.run_size;
    v->mm = current->mm;
    mutex_init(&v->lock);
    ior_access_init(&v->access);
    fd = anon_inode_getfd("ioregionfd-vcpu", &vcpu_ops, v, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        free_vcpu(v);
    }
    return fd;
}
