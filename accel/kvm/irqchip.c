/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt controllers in the kernel: all of them (on), or the local APICs only (split), where the
 * VMM's 8259 pair and IOAPIC are asked through the two callbacks below.
 */
#include "qemu/osdep.h"

#include "kvm-int.h"
#include "qemu/log.h"

bool kvm_pic_asserted;

static int (*pic_ack)(void *opaque);
static void *pic_opaque;

static struct {
    void (*eoi)(void *opaque, uint8_t vector, bool broadcast);
    bool (*register_used)(void *opaque);
    void *opaque;
} ioapics[KVM_IOAPICS];
static unsigned n_ioapics;

void kvm_set_pic_ack(int (*ack)(void *opaque), void *opaque)
{
    pic_opaque = opaque;
    pic_ack = ack;
}

void kvm_add_ioapic_eoi(void (*eoi)(void *opaque, uint8_t vector, bool broadcast),
                        bool (*eoi_register_used)(void *opaque), void *opaque)
{
    g_assert(n_ioapics < KVM_IOAPICS);
    ioapics[n_ioapics].opaque = opaque;
    ioapics[n_ioapics].eoi = eoi;
    ioapics[n_ioapics++].register_used = eoi_register_used;
}

int kvm_pic_ack(void)
{
    return pic_ack ? pic_ack(pic_opaque) : -1;
}

void kvm_ioapic_eoi(KVMVcpu *v, uint8_t vector)
{
    /* KVM tells of each end, also where software suppresses its broadcast; such software uses the
     * chip's register, so that all others are not asked for their local APIC's state. */
    for (unsigned n = 0; n < n_ioapics; n++) {
        ioapics[n].eoi(ioapics[n].opaque, vector,
                       !ioapics[n].register_used(ioapics[n].opaque) ||
                           !kvm_lapic_suppresses_eoi(v));
    }
}

void kvm_ioapic_ended(uint8_t vector, bool broadcast)
{
    for (unsigned n = 0; n < n_ioapics; n++) {
        ioapics[n].eoi(ioapics[n].opaque, vector, broadcast);
    }
}

void kvm_pic_output_changed(int level)
{
    __atomic_store_n(&kvm_pic_asserted, level != 0, __ATOMIC_SEQ_CST);
    /* An output that goes away needs no kick: the processor finds nothing to acknowledge. */
    if (level && cpu_first()) {
        cpu_kick(cpu_first());
    }
}

static bool create_in_kernel(GError **errp)
{
    struct kvm_pit_config pit = {.flags = KVM_PIT_SPEAKER_DUMMY};
    int r = kvm_vm_ioctl(KVM_CREATE_IRQCHIP, NULL);

    if (r < 0) {
        error_setg_errno(errp, -r,
                         "-accel kvm,kernel-irqchip=on: KVM_CREATE_IRQCHIP fails; try "
                         "kernel-irqchip=split");
        return false;
    }
    r = kvm_vm_ioctl(KVM_CREATE_PIT2, &pit);
    if (r < 0) {
        error_setg_errno(errp, -r,
                         "-accel kvm,kernel-irqchip=on: KVM_CREATE_PIT2 fails; try "
                         "kernel-irqchip=split");
        return false;
    }
    /* A new PIT delivers lost ticks later ("delay"), which is the default policy of this machine,
     * too. */
    return true;
}

static bool create_split(GError **errp)
{
    struct kvm_enable_cap cap = {
        .cap = KVM_CAP_SPLIT_IRQCHIP,
        .args[0] = KVM_IOAPIC_PINS,
    };
    int r;

    if (!kvm_check_extension(KVM_CAP_SPLIT_IRQCHIP)) {
        error_set_class(
            errp, ERROR_CLASS_KVM_MISSING_CAP,
            "-accel kvm,kernel-irqchip=split: the host kernel's KVM lacks KVM_CAP_SPLIT_IRQCHIP; "
            "use Linux 4.4 or newer, or kernel-irqchip=on");
        return false;
    }
    r = kvm_vm_ioctl(KVM_ENABLE_CAP, &cap);
    if (r < 0) {
        error_setg_errno(
            errp, -r, "-accel kvm,kernel-irqchip=split: KVM_CAP_SPLIT_IRQCHIP cannot be enabled");
        return false;
    }
    return true;
}

bool kvm_vcpus_fresh(void)
{
    for (unsigned i = 0; cpus && i < cpus->len; i++) {
        KVMVcpu *v = kvm_vcpu(g_ptr_array_index(cpus, i));
        if (v && !v->fresh) {
            return false;
        }
    }
    return true;
}

bool kvm_irqchip_create(KVMState *s, GError **errp)
{
    KVMIrqchipMode mode = kvm_irqchip_mode();

    if (mode == KVM_IRQCHIP_OFF) {
        return kvm_lapic_init_vm(errp);
    }
    if (!(mode == KVM_IRQCHIP_ON ? create_in_kernel(errp) : create_split(errp))) {
        return false;
    }
    kvm_routes_init(mode);
    kvm_resample_init();
    return true;
}
