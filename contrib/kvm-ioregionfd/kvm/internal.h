/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What ioregionfd keeps of a VM and of a vCPU, outside of KVM's own structures: those are shared
 * with other modules. */
#ifndef KVM_IOREGIONFD_INTERNAL_H
#define KVM_IOREGIONFD_INTERNAL_H

#include "core/core.h"
#include "hooks.h"

#include <linux/xarray.h>

struct kvm_ioregion_vm {
    struct hlist_node node; /* in the table of VMs: RCU, written under its lock */
    struct kvm *kvm;
    struct ior_domain *dom;
    struct xarray vcpus; /* struct kvm_ioregion_vcpu by vcpu_idx; grows only, until the VM goes */
    struct rcu_head rcu;
};

enum kvm_ioregion_phase {
    KVM_IOREGION_NONE,    /* no access, or one that is not ours */
    KVM_IOREGION_NOTED,   /* ports: the emulator prepares an exit */
    KVM_IOREGION_WAITING, /* begun */
    KVM_IOREGION_FAILED,  /* user space has been told with KVM_EXIT_IOREGION_FAILURE, and may give
                             data */
};

/*
 * A vCPU's access on its way. Kernel-private: nothing in the shared struct kvm_run is believed, but
 * for the data that user space gives for a failed access. Belongs to the thread in KVM_RUN
 * (vcpu->mutex), but for access, which takes care of itself.
 */
struct kvm_ioregion_vcpu {
    struct ior_access access;
    enum kvm_ioregion_phase phase;
    /* of a port access; memory's is in vcpu->mmio_fragments */
    bool pio, in;
    u16 port;
    u8 size;
    unsigned int count, index; /* elements, and how many of them are done */
    u8 *data;                  /* the elements: single, or page */
    u8 *page;                  /* from the first string instruction on */
    u8 single[8];
};

/* NULL: this VM never had a region. The VM is alive. Any context. */
struct kvm_ioregion_vm *kvm_ioregion_vm(struct kvm *kvm);
/* NULL: no memory. May sleep. */
struct kvm_ioregion_vcpu *kvm_ioregion_vcpu(struct kvm_ioregion_vm *vm, struct kvm_vcpu *vcpu);

#endif
