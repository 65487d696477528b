/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Differences between kernel versions, from 5.15 on; no other file looks at the version. */
#ifndef IOREGIONFD_COMPAT_H
#define IOREGIONFD_COMPAT_H

#include <linux/eventfd.h>
#include <linux/mm.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 15, 0)
#error "ioregionfd needs Linux 5.15 or newer"
#endif

static inline void compat_eventfd_signal(struct eventfd_ctx *ctx)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
    eventfd_signal(ctx);
#else
    eventfd_signal(ctx, 1);
#endif
}

static inline void compat_vma_set_flags(struct vm_area_struct *vma, unsigned long flags)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
    vm_flags_set(vma, flags);
#else
    vma->vm_flags |= flags;
#endif
}

#endif
