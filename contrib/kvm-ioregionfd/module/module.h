/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the module's files share. */
#ifndef IOREGIONFD_MODULE_H
#define IOREGIONFD_MODULE_H

#include <linux/fs.h>

#include "core.h"

/* True for a file of KVM's own whose name begins so: "kvm-vm", "kvm-vcpu:". */
bool is_kvm_file(struct file *file, const char *name);

/* IOREGIONFD_ATTACH_VCPU. */
long vcpu_ioctl_attach(struct ior_domain *dom, void __user *arg);

#endif
