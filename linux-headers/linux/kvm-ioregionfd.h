/* SPDX-License-Identifier: (GPL-2.0-or-later WITH Linux-syscall-note) OR BSD-3-Clause */
/*
 * KVM's half of ioregionfd: how a region of guest memory or ports is bound to a channel.  The messages in the
 * channel are in linux/ioregion.h; the meaning of all of this is in docs/specs/ioregionfd.rst.
 *
 * Numbers: the ioctl numbers that were published with the proposal of 2020/21 (0x49) and its capability numbers (191, 195, 206) belong to
 * other features of KVM now.  Those here lie far above what KVM counts up to.  A capability number alone proves nothing: register a
 * region and see.
 */
#ifndef _UAPI_LINUX_KVM_IOREGIONFD_H
#define _UAPI_LINUX_KVM_IOREGIONFD_H

#include <linux/kvm.h>
#include <linux/types.h>

/* KVM_CHECK_EXTENSION on a VM gives 0, or a mask of KVM_IOREGIONFD_HAS_*. "IOR" 0x01. */
#define KVM_CAP_IOREGIONFD 0x494f5201

#define KVM_IOREGIONFD_HAS_MMIO (1u << 0)
#define KVM_IOREGIONFD_HAS_PIO (1u << 1)
#define KVM_IOREGIONFD_HAS_POSTED (1u << 2)   /* KVM_IOREGION_POSTED_WRITES */
#define KVM_IOREGIONFD_HAS_IDS (1u << 3)      /* several commands in flight, told apart by id */
#define KVM_IOREGIONFD_HAS_ANY_SIZE (1u << 4) /* memory_size 0 */
#define KVM_IOREGIONFD_HAS_RING (1u << 5)     /* the file can be mapped; reserved */

/* vm ioctl: makes a channel and returns its file descriptor. */
struct kvm_create_ioregionfd {
    __u32 size;   /* sizeof(struct kvm_create_ioregionfd) as the caller knows it */
    __u32 flags;  /* 0 */
    __u32 posted; /* how many posted writes the channel holds at most; 0: KVM's choice. Rounded up to a power of two */
    __u32 pad;    /* 0 */
    __u64 pad2[6];/* 0 */
};
#define KVM_CREATE_IOREGIONFD _IOW(KVMIO, 0xf0, struct kvm_create_ioregionfd)

/* vm ioctl: binds a range to a channel, or takes it back. */
struct kvm_ioregion {
    __u32 size;         /* sizeof(struct kvm_ioregion) as the caller knows it */
    __u32 flags;        /* KVM_IOREGION_* */
    __u64 guest_paddr;  /* or port */
    __u64 memory_size;  /* bytes; 0: any-length form of one address, posted writes only */
    __u64 user_data;    /* comes back in each command */
    __u64 offset;       /* is added to the offset in each command: the range's place in its region */
    __s32 fd;           /* of KVM_CREATE_IOREGIONFD, or a SOCK_SEQPACKET socket */
    __u32 pad;          /* 0 */
    __u64 pad2[2];      /* 0 */
};
#define KVM_SET_IOREGION _IOW(KVMIO, 0xf1, struct kvm_ioregion)

#define KVM_IOREGION_PIO (1u << 0)
#define KVM_IOREGION_POSTED_WRITES (1u << 1)
#define KVM_IOREGION_DEASSIGN (1u << 2) /* guest_paddr, memory_size, PIO and fd name what goes */

/* vcpu ioctl: takes back the command that the vCPU waits for; its access ends as cancelled. */
struct kvm_ioregion_cancel {
    __u32 size;  /* sizeof(struct kvm_ioregion_cancel) as the caller knows it */
    __u32 flags; /* 0 */
    __u64 pad[3];/* 0 */
};
#define KVM_CANCEL_IOREGION _IOW(KVMIO, 0xf2, struct kvm_ioregion_cancel)

/*
 * An access whose channel is dead, was cancelled or broke the protocol leaves KVM_RUN with this exit reason; run->padding of
 * the exit union holds struct kvm_ioregion_failure.  Entering the guest again completes the access: reads give data.
 */
#define KVM_EXIT_IOREGION_FAILURE 0x494f5201

struct kvm_ioregion_failure {
    __u32 reason;  /* KVM_IOREGION_FAIL_* */
    __u32 flags;   /* KVM_IOREGION_FAILED_* */
    __u64 addr;    /* guest physical address or port */
    __u64 data;    /* in: value written; out: what a read gives (all-ones when KVM fills it in) */
    __u64 user_data;
    __u32 len;     /* 1, 2, 4, 8 */
    __u32 pad;
};
#define KVM_IOREGION_FAIL_CLOSED 1u    /* the last holder of the channel closed it */
#define KVM_IOREGION_FAIL_CANCELLED 2u /* KVM_CANCEL_IOREGION, or the region was taken back */
#define KVM_IOREGION_FAIL_PROTOCOL 3u  /* the answer was no answer */
#define KVM_IOREGION_FAIL_STATUS 4u    /* the answer's status was not 0 */
#define KVM_IOREGION_FAILED_WRITE (1u << 0)
#define KVM_IOREGION_FAILED_PIO (1u << 1)

#endif
