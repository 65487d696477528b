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
#define KVM_IOREGIONFD_HAS_POSTED (1u << 2)    /* KVM_IOREGION_POSTED_WRITES */
#define KVM_IOREGIONFD_HAS_IDS (1u << 3)       /* several commands in flight, told apart by id */
#define KVM_IOREGIONFD_HAS_ANY_SIZE (1u << 4)  /* memory_size 0 */
#define KVM_IOREGIONFD_HAS_RING (1u << 5)      /* KVM_IOREGIONFD_RING */
#define KVM_IOREGIONFD_HAS_UPDATE (1u << 6)    /* KVM_IOREGION_UPDATE */
#define KVM_IOREGIONFD_HAS_DATAMATCH (1u << 7) /* KVM_IOREGION_DATAMATCH */
#define KVM_IOREGIONFD_HAS_FD_PAIR (1u << 8)   /* KVM_IOREGION_FD_PAIR */
#define KVM_IOREGIONFD_HAS_SHADOW (1u << 9)    /* KVM_IOREGION_SHADOW */
#define KVM_IOREGIONFD_HAS_CANCEL (1u << 10)   /* KVM_CANCEL_IOREGION, KVM_EXIT_IOREGION_* */

/* vm ioctl: makes a channel and returns its file descriptor (close-on-exec). */
struct kvm_create_ioregionfd {
    __u32 size;     /* sizeof(struct kvm_create_ioregionfd) as the caller knows it */
    __u32 flags;    /* KVM_IOREGIONFD_* */
    __u32 posted;   /* how many posted writes the channel holds at most; 0: KVM's choice */
    __u32 answered; /* how many commands may wait for answers at once, up to 1024; 0: KVM's choice */
    __s32 kick_fd;  /* KVM_IOREGIONFD_KICK: an eventfd; else 0 */
    __u32 pad;      /* 0 */
    __u64 pad2[5];  /* 0 */
};
#define KVM_CREATE_IOREGIONFD _IOW(KVMIO, 0xf0, struct kvm_create_ioregionfd)

#define KVM_IOREGIONFD_RING (1u << 0) /* the file is mapped (struct ioregionfd_ring), not read */
#define KVM_IOREGIONFD_KICK (1u << 1) /* with RING: kick_fd is signalled when the home sleeps */

#define KVM_IOREGIONFD_POSTED_MAX 16384u
#define KVM_IOREGIONFD_ANSWERED_MAX 1024u

/* On the channel's file: what lies in the response slots is looked at, and vCPUs that sleep for it or for room are woken. No argument (0). */
#define KVM_IOREGIONFD_WAKE _IO(KVMIO, 0xf3)
/* The same, and then sleeps until there is a command in the ring: for a home that has nothing else to do. EINTR: a signal. */
#define KVM_IOREGIONFD_WAIT _IO(KVMIO, 0xf4)

/* vm ioctl: binds a range to a channel, changes that, or takes it back. */
struct kvm_ioregion {
    __u32 size;         /* sizeof(struct kvm_ioregion) as the caller knows it */
    __u32 flags;        /* KVM_IOREGION_* */
    __u64 guest_paddr;  /* or port */
    __u64 memory_size;  /* bytes; 0: any-length form of one address, posted writes only */
    __u64 user_data;    /* comes back in each command */
    __u64 offset;       /* is added to the offset in each command: the range's place in its region */
    __s32 fd;           /* of KVM_CREATE_IOREGIONFD, or a UNIX socket; FD_PAIR: commands are written here; SHADOW: an eventfd */
    __s32 resp_fd;      /* FD_PAIR: responses are read here; else 0 */
    __u64 datamatch;    /* DATAMATCH: the value; else 0 */
    __u64 post_addr;    /* SHADOW: where values are stored, in the caller's memory; else 0 */
};
#define KVM_SET_IOREGION _IOW(KVMIO, 0xf1, struct kvm_ioregion)

#define KVM_IOREGION_PIO (1u << 0)
#define KVM_IOREGION_POSTED_WRITES (1u << 1)
#define KVM_IOREGION_DEASSIGN (1u << 2)  /* guest_paddr, memory_size, PIO, DATAMATCH and fd (-1: any) name what goes */
#define KVM_IOREGION_UPDATE (1u << 3)    /* the region is there (named as above but fd): all else changes, with no gap */
#define KVM_IOREGION_DATAMATCH (1u << 4) /* writes of datamatch only; memory_size is the access size: 1, 2, 4, 8 */
#define KVM_IOREGION_FD_PAIR (1u << 5)   /* fd and resp_fd: pipes or UNIX sockets */
#define KVM_IOREGION_SHADOW (1u << 6)    /* with POSTED_WRITES: the value is stored at post_addr + (address - guest_paddr), then fd is kicked */

/* vcpu ioctl: takes back the command that the vCPU waits for; its access ends as cancelled. */
struct kvm_ioregion_cancel {
    __u32 size;  /* sizeof(struct kvm_ioregion_cancel) as the caller knows it */
    __u32 flags; /* 0 */
    __u64 pad[3];/* 0 */
};
#define KVM_CANCEL_IOREGION _IOW(KVMIO, 0xf2, struct kvm_ioregion_cancel)

/*
 * An access whose channel is dead, was cancelled or broke the protocol leaves KVM_RUN with this exit reason; the exit union
 * of struct kvm_run (at its member mmio) holds struct kvm_ioregion_failure.  Entering the guest again completes the access: reads give data.
 */
#define KVM_EXIT_IOREGION_FAILURE 0x494f5201

/*
 * KVM_RUN failed with EINTR and an access still waits: the exit reason says so, and the exit union holds struct kvm_ioregion_failure with reason
 * KVM_IOREGION_FAIL_PENDING (data means nothing).  The next KVM_RUN goes on; with immediate_exit set it takes the answer if it is there, and does not
 * wait.
 */
#define KVM_EXIT_IOREGION_PENDING 0x494f5202

struct kvm_ioregion_failure {
    __u32 reason;  /* KVM_IOREGION_FAIL_* */
    __u32 flags;   /* KVM_IOREGION_FAILED_* */
    __u64 addr;    /* guest physical address or port */
    __u64 data;    /* in: value written; out: what a read gives (all-ones when KVM fills it in) */
    __u64 user_data;
    __u32 len;     /* 1, 2, 4, 8 */
    __u32 status;  /* KVM_IOREGION_FAIL_STATUS: the answer's; else 0 */
};
#define KVM_IOREGION_FAIL_PENDING 0u   /* not failed: see KVM_EXIT_IOREGION_PENDING */
#define KVM_IOREGION_FAIL_CLOSED 1u    /* the last holder of the channel closed it, or the other end is gone */
#define KVM_IOREGION_FAIL_CANCELLED 2u /* KVM_CANCEL_IOREGION, or the region was taken back */
#define KVM_IOREGION_FAIL_PROTOCOL 3u  /* the answer was no answer */
#define KVM_IOREGION_FAIL_STATUS 4u    /* the answer's status was not 0; with ERROR, data is the answer's */
#define KVM_IOREGION_FAILED_WRITE (1u << 0)
#define KVM_IOREGION_FAILED_PIO (1u << 1)

/*
 * ioeventfd with post-write, as in review for mainline since March 2026: flag bit 5 of struct kvm_ioeventfd, and the
 * address at byte 32, in what is padding there.  Before the eventfd is signalled, the value's len bytes are stored at post_addr.
 * KVM_CHECK_EXTENSION gives 1; the number is ours, mainline's is not known yet.
 */
#define KVM_CAP_IOEVENTFD_POST_WRITE 0x494f5210
#define KVM_IOEVENTFD_FLAG_POST_WRITE (1u << 5)
#define KVM_IOEVENTFD_POST_ADDR_OFFSET 32

#endif
