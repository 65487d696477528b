// SPDX-License-Identifier: GPL-2.0-or-later
/* KVM's ioctls for ioregionfd, and what is kept of VMs and vCPUs: found by address, made when first
 * needed. */
#include "internal.h"

#include <linux/hashtable.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>

atomic_t kvm_ioregion_vms = ATOMIC_INIT(0);

static DEFINE_HASHTABLE(vm_table, 8);
static DEFINE_MUTEX(vm_lock); /* writers of vm_table; core_ready */
static bool core_ready;

struct kvm_ioregion_vm *kvm_ioregion_vm(struct kvm *kvm)
{
    struct kvm_ioregion_vm *vm, *found = NULL;

    rcu_read_lock();
    hash_for_each_possible_rcu(vm_table, vm, node, (unsigned long)kvm)
    {
        if (vm->kvm == kvm) {
            found = vm;
            break;
        }
    }
    rcu_read_unlock();
    /* It goes with the VM, which the caller keeps alive. */
    return found;
}

static int prepare_core(void)
{
    int err = 0;

    mutex_lock(&vm_lock);
    if (!core_ready) {
        err = ior_core_init(THIS_MODULE);
        core_ready = !err;
    }
    mutex_unlock(&vm_lock);
    return err;
}

static struct kvm_ioregion_vm *make_vm(struct kvm *kvm)
{
    struct kvm_ioregion_vm *made, *vm;

    made = kzalloc(sizeof(*made), GFP_KERNEL_ACCOUNT);
    if (!made)
        return NULL;
    made->kvm = kvm;
    xa_init_flags(&made->vcpus, XA_FLAGS_ACCOUNT);
    made->dom = ior_domain_new();
    if (!made->dom) {
        kfree(made);
        return NULL;
    }
    mutex_lock(&vm_lock);
    vm = kvm_ioregion_vm(kvm);
    if (!vm) {
        hash_add_rcu(vm_table, &made->node, (unsigned long)kvm);
        atomic_inc(&kvm_ioregion_vms);
        vm = made;
    }
    mutex_unlock(&vm_lock);
    if (vm != made) {
        ior_domain_put(made->dom);
        kfree(made);
    }
    return vm;
}

struct kvm_ioregion_vcpu *kvm_ioregion_vcpu(struct kvm_ioregion_vm *vm, struct kvm_vcpu *vcpu)
{
    struct kvm_ioregion_vcpu *v = xa_load(&vm->vcpus, vcpu->vcpu_idx), *old;

    if (likely(v))
        return v;
    v = kzalloc(sizeof(*v), GFP_KERNEL_ACCOUNT);
    if (!v)
        return NULL;
    ior_access_init(&v->access);
    old = xa_cmpxchg(&vm->vcpus, vcpu->vcpu_idx, NULL, v, GFP_KERNEL_ACCOUNT);
    if (old) {
        /* KVM_CANCEL_IOREGION and KVM_RUN have met. */
        kfree(v);
        v = xa_is_err(old) ? NULL : old;
    }
    return v;
}

long kvm_ioregion_capability(long number)
{
    return number == KVM_CAP_IOREGIONFD ? ior_capabilities() : 1;
}

long kvm_ioregion_vm_ioctl(struct kvm *kvm, unsigned int ioctl, void __user *arg)
{
    struct kvm_ioregion_vm *vm;
    long r = prepare_core();

    if (r)
        return r;
    if (ioctl == KVM_CREATE_IOREGIONFD)
        return ior_ioctl_create(arg);
    vm = kvm_ioregion_vm(kvm);
    if (!vm)
        vm = make_vm(kvm);
    return vm ? ior_ioctl_set_region(vm->dom, arg) : -ENOMEM;
}

long kvm_ioregion_vcpu_ioctl(struct kvm_vcpu *vcpu, unsigned int ioctl, void __user *arg)
{
    struct kvm_ioregion_vm *vm = kvm_ioregion_vm(vcpu->kvm);
    struct kvm_ioregion_vcpu *v;

    if (!vm) {
        long r = prepare_core();

        if (r)
            return r;
        vm = make_vm(vcpu->kvm);
    }
    v = vm ? kvm_ioregion_vcpu(vm, vcpu) : NULL;
    return v ? ior_ioctl_cancel(&v->access, arg) : -ENOMEM;
}

void kvm_ioregion_vcpu_release(struct kvm_vcpu *vcpu)
{
    struct kvm_ioregion_vm *vm = kvm_ioregion_used() ? kvm_ioregion_vm(vcpu->kvm) : NULL;
    struct kvm_ioregion_vcpu *v = vm ? xa_load(&vm->vcpus, vcpu->vcpu_idx) : NULL;

    if (v)
        ior_access_cancel(&v->access, KVM_IOREGION_FAIL_CANCELLED);
}

void kvm_ioregion_vm_destroy(struct kvm *kvm)
{
    struct kvm_ioregion_vm *vm = kvm_ioregion_used() ? kvm_ioregion_vm(kvm) : NULL;
    struct kvm_ioregion_vcpu *v;
    unsigned long index;

    if (!vm)
        return;
    mutex_lock(&vm_lock);
    hash_del_rcu(&vm->node);
    atomic_dec(&kvm_ioregion_vms);
    mutex_unlock(&vm_lock);
    ior_domain_close(vm->dom);
    xa_for_each(&vm->vcpus, index, v)
    {
        ior_access_destroy(&v->access);
        kfree(v->page);
        kfree(v);
    }
    xa_destroy(&vm->vcpus);
    ior_domain_put(vm->dom);
    kfree_rcu(vm, rcu);
}

void kvm_ioregion_module_exit(void)
{
    /* Nobody is left who could call: VMs and channels hold the module. */
    if (core_ready)
        ior_core_exit();
    rcu_barrier();
}
