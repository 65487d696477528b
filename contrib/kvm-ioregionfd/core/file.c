// SPDX-License-Identifier: GPL-2.0-or-later
/* The file of KVM_CREATE_IOREGIONFD: read, write and poll for the home, or a mapped ring. */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <linux/vmalloc.h>

#include "internal.h"

#define READ_BATCH 8

static bool must_not_wait(const struct kiocb *io)
{
    return (io->ki_filp->f_flags & O_NONBLOCK) || (io->ki_flags & IOCB_NOWAIT);
}

/* Bytes, 0 when there is no command, or an error. read_mutex held. */
static ssize_t copy_commands(struct ior_channel *ch, struct iov_iter *to)
{
    struct ioregionfd_cmd cmds[READ_BATCH];
    ssize_t done = 0;

    while (iov_iter_count(to) >= sizeof(cmds[0])) {
        size_t room = iov_iter_count(to) / sizeof(cmds[0]);
        unsigned int n = ior_channel_peek(ch, cmds, min_t(size_t, room, READ_BATCH));
        unsigned int copied;

        if (!n) {
            return done;
        }
        copied = copy_to_iter(cmds, n * sizeof(cmds[0]), to) / sizeof(cmds[0]);
        ior_channel_consume(ch, copied);
        done += copied * sizeof(cmds[0]);
        if (copied < n) {
            return done ?: -EFAULT;
        }
    }
    return done;
}

static ssize_t file_read(struct kiocb *io, struct iov_iter *to)
{
    struct ior_channel *ch = io->ki_filp->private_data;
    bool now = must_not_wait(io);

    if (ch->kind == IOR_RING || iov_iter_count(to) < sizeof(struct ioregionfd_cmd)) {
        return -EINVAL;
    }
    for (;;) {
        ssize_t n;

        if (now ? !mutex_trylock(&ch->read_mutex) : mutex_lock_interruptible(&ch->read_mutex)) {
            return now ? -EAGAIN : -ERESTARTSYS;
        }
        n = copy_commands(ch, to);
        mutex_unlock(&ch->read_mutex);
        if (n) {
            return n;
        }
        if (now) {
            return -EAGAIN;
        }
        if (wait_event_interruptible(ch->readers, ior_channel_readable(ch))) {
            return -ERESTARTSYS;
        }
    }
}

static ssize_t file_write(struct kiocb *io, struct iov_iter *from)
{
    struct ior_channel *ch = io->ki_filp->private_data;
    ssize_t done = 0;

    if (!iov_iter_count(from) || iov_iter_count(from) % sizeof(struct ioregionfd_resp)) {
        return -EINVAL;
    }
    while (iov_iter_count(from)) {
        struct ioregionfd_resp resp;

        if (copy_from_iter(&resp, sizeof(resp), from) != sizeof(resp)) {
            return done ?: -EFAULT;
        }
        if (resp.pad[0] || resp.pad[1]) {
            return done ?: -EINVAL;
        }
        ior_channel_answer(ch, &resp);
        done += sizeof(resp);
    }
    return done;
}

static __poll_t file_poll(struct file *file, poll_table *table)
{
    struct ior_channel *ch = file->private_data;

    poll_wait(file, &ch->readers, table);
    return EPOLLOUT | EPOLLWRNORM | (ior_channel_readable(ch) ? EPOLLIN | EPOLLRDNORM : 0);
}

static long file_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
    struct ior_channel *ch = file->private_data;

    if (cmd != KVM_IOREGIONFD_WAKE && cmd != KVM_IOREGIONFD_WAIT) {
        return -ENOTTY;
    }
    if (arg || ch->kind != IOR_RING) {
        return -EINVAL;
    }
    ior_channel_wake(ch);
    return cmd == KVM_IOREGIONFD_WAIT ? ior_channel_wait_command(ch) : 0;
}

static int file_mmap(struct file *file, struct vm_area_struct *vma)
{
    struct ior_channel *ch = file->private_data;
    unsigned long size = vma->vm_end - vma->vm_start;

    if (ch->kind != IOR_RING || vma->vm_pgoff || size > ch->map_size ||
        !(vma->vm_flags & VM_SHARED)) {
        return -EINVAL;
    }
    compat_vma_set_flags(vma, VM_DONTEXPAND | VM_DONTDUMP);
    for (unsigned long at = 0; at < size; at += PAGE_SIZE) {
        int err = vm_insert_page(vma, vma->vm_start + at, vmalloc_to_page((void *)ch->ring + at));

        if (err) {
            return err;
        }
    }
    return 0;
}

static int file_release(struct inode *inode, struct file *file)
{
    struct ior_channel *ch = file->private_data;

    ior_channel_kill(ch, KVM_IOREGION_FAIL_CLOSED);
    ior_channel_put(ch);
    return 0;
}

static struct file_operations file_ops = {
    .read_iter = file_read,
    .write_iter = file_write,
    .poll = file_poll,
    .unlocked_ioctl = file_ioctl,
    .compat_ioctl = compat_ptr_ioctl,
    .mmap = file_mmap,
    .release = file_release,
};

void ior_file_init(struct module *owner)
{
    file_ops.owner = owner;
}

struct ior_channel *ior_file_channel(struct file *file)
{
    struct ior_channel *ch = NULL;

    if (file->f_op == &file_ops) {
        ch = file->private_data;
        ior_channel_get(ch);
    }
    return ch;
}

/* --- making one
 * ---------------------------------------------------------------------------------------------------------------------
 */

static int open_file(struct ior_channel *ch)
{
    int fd = get_unused_fd_flags(O_CLOEXEC);
    struct file *file;

    if (fd < 0) {
        return fd;
    }
    file = anon_inode_getfile("ioregionfd", &file_ops, ch, O_RDWR | O_CLOEXEC);
    if (IS_ERR(file)) {
        put_unused_fd(fd);
        return PTR_ERR(file);
    }
    stream_open(file_inode(file), file);
    file->f_mode |= FMODE_NOWAIT;
    fd_install(fd, file);
    return fd;
}

/* A structure of our UAPI: as much as the caller knows of it. */
int ior_get_struct(void *to, size_t size, const void __user *from)
{
    u32 known;

    if (get_user(known, (const u32 __user *)from)) {
        return -EFAULT;
    }
    if (known < size) {
        return -EINVAL; /* there is one version */
    }
    if (known > PAGE_SIZE) {
        return -E2BIG;
    }
    return copy_struct_from_user(to, size, from, known);
}

long ior_ioctl_create(void __user *arg)
{
    struct eventfd_ctx *kick = NULL;
    struct kvm_create_ioregionfd c;
    struct ior_channel *ch;
    int err = ior_get_struct(&c, sizeof(c), arg);

    if (err) {
        return err;
    }
    if ((c.flags & ~(KVM_IOREGIONFD_RING | KVM_IOREGIONFD_KICK)) || c.pad ||
        memchr_inv(c.pad2, 0, sizeof(c.pad2)) || c.flags == KVM_IOREGIONFD_KICK ||
        (!(c.flags & KVM_IOREGIONFD_KICK) && c.kick_fd) || c.posted > KVM_IOREGIONFD_POSTED_MAX ||
        c.answered > KVM_IOREGIONFD_ANSWERED_MAX) {
        return -EINVAL;
    }
    if (c.flags & KVM_IOREGIONFD_KICK) {
        kick = eventfd_ctx_fdget(c.kick_fd);
        if (IS_ERR(kick)) {
            return PTR_ERR(kick);
        }
    }
    ch = ior_channel_new(c.flags & KVM_IOREGIONFD_RING ? IOR_RING : IOR_FILE, c.posted, c.answered);
    if (IS_ERR(ch)) {
        if (kick) {
            eventfd_ctx_put(kick);
        }
        return PTR_ERR(ch);
    }
    ch->kick = kick;
    err = open_file(ch);
    if (err < 0) {
        ior_channel_put(ch);
    }
    return err;
}
