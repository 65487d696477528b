// SPDX-License-Identifier: GPL-2.0-or-later
/* /dev/ioregionfd: an open file is one VM's domain, and takes the ioctls that KVM's file for the VM
 * would take. */
#include <linux/file.h>
#include <linux/magic.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <linux/ioregionfd-module.h>

#include "module.h"

struct instance {
    struct mutex lock;      /* attaching */
    struct ior_domain *dom; /* set once; NULL: no VM yet */
};

/* KVM exports nothing to know its files by: this is an anonymous inode's file, of a module called
 * kvm..., with the name that KVM gives. No user chooses such a name. */
bool is_kvm_file(struct file *file, const char *name)
{
    const struct module *owner = file->f_op->owner;

    return file_inode(file)->i_sb->s_magic == ANON_INODE_FS_MAGIC && file->f_op->unlocked_ioctl &&
           (!owner || !strncmp(module_name((struct module *)owner), "kvm", 3)) &&
           !strncmp((const char *)file->f_path.dentry->d_name.name, name, strlen(name));
}

static long attach_vm(struct instance *in, void __user *arg)
{
    struct ioregionfd_attach_vm a;
    struct ior_domain *dom;
    struct file *file;
    bool is_vm;
    int err = ior_get_struct(&a, sizeof(a), arg);

    if (err) {
        return err;
    }
    if (a.flags || a.pad || a.pad2[0] || a.pad2[1]) {
        return -EINVAL;
    }
    file = fget(a.vm_fd);
    if (!file) {
        return -EBADF;
    }
    is_vm = is_kvm_file(file, "kvm-vm");
    fput(file);
    if (!is_vm) {
        return -EINVAL;
    }
    mutex_lock(&in->lock);
    if (in->dom) {
        err = -EBUSY;
    } else {
        dom = ior_domain_new();
        err = dom ? 0 : -ENOMEM;
        smp_store_release(&in->dom, dom);
    }
    mutex_unlock(&in->lock);
    return err;
}

static long device_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
    struct instance *in = file->private_data;
    struct ior_domain *dom = smp_load_acquire(&in->dom);
    void __user *user = (void __user *)arg;

    switch (cmd) {
    case KVM_CHECK_EXTENSION:
        return arg == KVM_CAP_IOREGIONFD ? ior_capabilities() : 0;
    case IOREGIONFD_ATTACH_VM:
        return attach_vm(in, user);
    case IOREGIONFD_ATTACH_VCPU:
        return dom ? vcpu_ioctl_attach(dom, user) : -ENODEV;
    case KVM_CREATE_IOREGIONFD:
        return dom ? ior_ioctl_create(user) : -ENODEV;
    case KVM_SET_IOREGION:
        return dom ? ior_ioctl_set_region(dom, user) : -ENODEV;
    default:
        return -ENOTTY;
    }
}

static int device_open(struct inode *inode, struct file *file)
{
    struct instance *in = kzalloc(sizeof(*in), GFP_KERNEL_ACCOUNT);

    if (!in) {
        return -ENOMEM;
    }
    mutex_init(&in->lock);
    file->private_data = in;
    return 0;
}

static int device_release(struct inode *inode, struct file *file)
{
    struct instance *in = file->private_data;

    if (in->dom) {
        ior_domain_close(in->dom);
        ior_domain_put(in->dom);
    }
    kfree(in);
    return 0;
}

static const struct file_operations device_ops = {
    .owner = THIS_MODULE,
    .open = device_open,
    .release = device_release,
    .unlocked_ioctl = device_ioctl,
    .compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice device = {
    .minor = MISC_DYNAMIC_MINOR,
    .name = "ioregionfd",
    .mode = 0660,
    .fops = &device_ops,
};

static int __init module_begin(void)
{
    int err = ior_core_init(THIS_MODULE);

    if (!err) {
        err = misc_register(&device);
        if (err) {
            ior_core_exit();
        }
    }
    return err;
}

static void __exit module_end(void)
{
    misc_deregister(&device);
    ior_core_exit();
}

module_init(module_begin);
module_exit(module_end);
MODULE_DESCRIPTION("ioregionfd for unmodified KVM: guest accesses are carried to a device's task "
                   "inside the kernel");
MODULE_LICENSE("GPL");
