/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What hook.py puts into KVM: the functions that its calls go to.  Where no VM has regions, each
 * costs a load and a branch.
 */
#ifndef KVM_IOREGIONFD_HOOKS_H
#define KVM_IOREGIONFD_HOOKS_H

#include <linux/kvm-ioregionfd.h>
#include <linux/kvm_host.h>

/* How many VMs have regions, or had. Read without a lock: a VM's own change is ordered by its own
 * ioctl. */
extern atomic_t kvm_ioregion_vms;

static inline bool kvm_ioregion_used(void)
{
    return atomic_read(&kvm_ioregion_vms) != 0;
}

/* --- ioctls (vm.c) */

static inline bool kvm_ioregion_is_capability(long number)
{
    return number == KVM_CAP_IOREGIONFD || number == KVM_CAP_IOEVENTFD_POST_WRITE;
}

static inline bool kvm_ioregion_is_vm_ioctl(unsigned int ioctl)
{
    return ioctl == KVM_CREATE_IOREGIONFD || ioctl == KVM_SET_IOREGION;
}

static inline bool kvm_ioregion_is_vcpu_ioctl(unsigned int ioctl)
{
    return ioctl == KVM_CANCEL_IOREGION;
}

long kvm_ioregion_capability(long number);
long kvm_ioregion_vm_ioctl(struct kvm *kvm, unsigned int ioctl, void __user *arg);
/* Called without vcpu->mutex: the vCPU may be in KVM_RUN. */
long kvm_ioregion_vcpu_ioctl(struct kvm_vcpu *vcpu, unsigned int ioctl, void __user *arg);

void kvm_ioregion_vm_destroy(struct kvm *kvm);
/* The last file of the vCPU is closed: nobody can go on with what it waits for. */
void kvm_ioregion_vcpu_release(struct kvm_vcpu *vcpu);
void kvm_ioregion_module_exit(void);

/* --- accesses (run.c); all in the vCPU's thread */

int kvm_ioregion_post(struct kvm_vcpu *vcpu, gpa_t addr, int len, const void *val);
bool kvm_ioregion_note_pio(struct kvm_vcpu *vcpu, u16 port, int size, const void *data,
                           unsigned int count, bool in);
int kvm_ioregion_catch(struct kvm_vcpu *vcpu, int r);
int kvm_ioregion_go_on(struct kvm_vcpu *vcpu);

/* A write to memory that is not RAM: to KVM's own devices and ioeventfds, else to a region. In
 * SRCU. 0: somebody has taken it. */
static inline int kvm_ioregion_bus_write(struct kvm_vcpu *vcpu, enum kvm_bus bus, gpa_t addr,
                                         int len, const void *val)
{
    int r = kvm_io_bus_write(vcpu, bus, addr, len, val);

    /* If a piece of the write waits for its exit, the rest must not overtake it. */
    if (r && kvm_ioregion_used() && !vcpu->mmio_nr_fragments)
        r = kvm_ioregion_post(vcpu, addr, len, val);
    return r;
}

/*
 * Port accesses that no device of the bus has taken, about to become an exit. In SRCU. True: all
 * are done. Else the exit goes on; what of it is left, and the data, are remembered for
 * kvm_ioregion_after().
 */
static inline bool kvm_ioregion_pio(struct kvm_vcpu *vcpu, u16 port, int size, const void *data,
                                    unsigned int count, bool in)
{
    return kvm_ioregion_used() && kvm_ioregion_note_pio(vcpu, port, size, data, count, in);
}

/*
 * In KVM_RUN, with the result of running the guest or of completing an exit; r is 0 if there is an
 * exit for user space. If that is an access to a region, waits until it is done and completes it.
 * Returns more than 0 if the guest can be entered, else what KVM_RUN is to return. In SRCU, which
 * it leaves for the wait.
 */
static inline int kvm_ioregion_after(struct kvm_vcpu *vcpu, int r)
{
    return kvm_ioregion_used() ? kvm_ioregion_catch(vcpu, r) : r;
}

/* At the start of KVM_RUN: goes on with an access that a signal interrupted or that has failed.
 * Returns as above. In SRCU. */
static inline int kvm_ioregion_resume(struct kvm_vcpu *vcpu)
{
    return kvm_ioregion_used() ? kvm_ioregion_go_on(vcpu) : 1;
}

/* --- ioeventfds (post-write.c) */

/* The address that values go to; 0 without post-write. */
u64 kvm_ioregion_post_addr(const struct kvm_ioeventfd *args);
/* False if the arguments ask for a post-write that cannot be. */
bool kvm_ioregion_post_valid(const struct kvm_ioeventfd *args);
/* Stores a value; in the vCPU's thread, in SRCU; may sleep. Not 0: the memory is not there. */
int kvm_ioregion_post_write(u64 addr, const void *val, int len);

#endif
