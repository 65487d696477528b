// SPDX-License-Identifier: GPL-2.0-or-later
/* ioeventfd with post-write: the value that the guest wrote is left in the VMM's memory before the
 * eventfd is signalled. */
#include "hooks.h"

#include <linux/string.h>
#include <linux/uaccess.h>

u64 kvm_ioregion_post_addr(const struct kvm_ioeventfd *args)
{
    u64 addr = 0;

    BUILD_BUG_ON(sizeof(*args) != KVM_IOEVENTFD_POST_ADDR_OFFSET + 32);
    BUILD_BUG_ON(offsetof(struct kvm_ioeventfd, pad) > KVM_IOEVENTFD_POST_ADDR_OFFSET);
    /* Without the flag this is padding, which callers never had to clear. */
    if (args->flags & KVM_IOEVENTFD_FLAG_POST_WRITE)
        memcpy(&addr, (const char *)args + KVM_IOEVENTFD_POST_ADDR_OFFSET, sizeof(addr));
    return addr;
}

bool kvm_ioregion_post_valid(const struct kvm_ioeventfd *args)
{
    u64 addr = kvm_ioregion_post_addr(args);

    if (!(args->flags & KVM_IOEVENTFD_FLAG_POST_WRITE))
        return true;
    return args->len && addr && access_ok(u64_to_user_ptr(addr), args->len);
}

int kvm_ioregion_post_write(u64 addr, const void *val, int len)
{
    /* The address was checked when it was registered; KVM_RUN runs in the same address space. */
    return __copy_to_user(u64_to_user_ptr(addr), val, len) ? -EFAULT : 0;
}
