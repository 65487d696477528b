/* SPDX-License-Identifier: (GPL-2.0-or-later WITH Linux-syscall-note) OR BSD-3-Clause */
/*
 * ioregionfd.ko: the ioctls of linux/kvm-ioregionfd.h for kernels whose KVM does not have them.
 *
 * /dev/ioregionfd, opened, takes the place of the VM's file for KVM_CHECK_EXTENSION (of KVM_CAP_IOREGIONFD), KVM_CREATE_IOREGIONFD and
 * KVM_SET_IOREGION.  IOREGIONFD_ATTACH_VCPU gives a file that takes the place of the vCPU's for KVM_RUN and KVM_CANCEL_IOREGION: same
 * numbers, same meaning.  All other ioctls go to KVM's own files.
 */
#ifndef _UAPI_LINUX_IOREGIONFD_MODULE_H
#define _UAPI_LINUX_IOREGIONFD_MODULE_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define IOREGIONFD_MODULE_DEVICE "/dev/ioregionfd"

/* On the device, once, first: says which VM it is for. */
struct ioregionfd_attach_vm {
    __u32 size;    /* sizeof(struct ioregionfd_attach_vm) as the caller knows it */
    __u32 flags;   /* 0 */
    __s32 vm_fd;   /* of KVM_CREATE_VM */
    __u32 pad;     /* 0 */
    __u64 pad2[2]; /* 0 */
};
#define IOREGIONFD_ATTACH_VM _IOW(0xe9, 0x00, struct ioregionfd_attach_vm)

/* On the device: returns a file descriptor (close-on-exec) to run the vCPU by. */
struct ioregionfd_attach_vcpu {
    __u32 size;     /* sizeof(struct ioregionfd_attach_vcpu) as the caller knows it */
    __u32 flags;    /* 0 */
    __s32 vcpu_fd;  /* of KVM_CREATE_VCPU */
    __u32 pad;      /* 0 */
    __u64 run;      /* address of the vCPU's mapped struct kvm_run */
    __u64 run_size; /* bytes mapped, as KVM_GET_VCPU_MMAP_SIZE says */
    __u64 pad2[2];  /* 0 */
};
#define IOREGIONFD_ATTACH_VCPU _IOW(0xe9, 0x01, struct ioregionfd_attach_vcpu)

#endif
