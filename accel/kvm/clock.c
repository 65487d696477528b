/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The paravirtual clock stands still while the VM is stopped, and the guest is told that it stood.
 */
#include "qemu/osdep.h"

#include "kvm-int.h"
#include "system/runstate.h"

static struct kvm_clock_data stopped_at;
static bool have_time;

static void tell_guest(CPUState *cpu, void *opaque)
{
    /* Lets the guest's soft lock-up detector skip the gap; EINVAL: this guest has no kvmclock. */
    kvm_vcpu_ioctl(kvm_vcpu(cpu), KVM_KVMCLOCK_CTRL, NULL);
}

static void clock_vm_state_changed(void *opaque, bool running, RunState state)
{
    if (!running) {
        have_time = kvm_vm_ioctl(KVM_GET_CLOCK, &stopped_at) == 0;
        return;
    }
    if (!have_time) {
        return;
    }
    stopped_at.flags = 0;
    kvm_vm_ioctl(KVM_SET_CLOCK, &stopped_at);
    have_time = false;
    for (unsigned i = 0; cpus && i < cpus->len; i++) {
        CPUState *cpu = g_ptr_array_index(cpus, i);
        if (kvm_vcpu(cpu) && !kvm_vcpu(cpu)->fresh) {
            cpu_run_on(cpu, tell_guest, NULL);
        }
    }
}

void kvm_clock_init(void)
{
    if (kvm_check_extension(KVM_CAP_ADJUST_CLOCK)) {
        qemu_add_vm_change_state_handler(clock_vm_state_changed, NULL);
    }
}
