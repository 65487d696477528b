/* SPDX-License-Identifier: GPL-2.0-or-later */
/* irqfds: an eventfd write raises an interrupt inside the kernel.  And interrupts that we raise by
 * ioctl. */
#include "qemu/osdep.h"

#include "hw/intc/apic.h"
#include "kvm-int.h"

static int irqfd(int fd, int resamplefd, int virq, uint32_t flags)
{
    struct kvm_irqfd req = {
        .fd = (uint32_t)fd,
        .gsi = (uint32_t)virq,
        .flags = flags | (resamplefd >= 0 ? KVM_IRQFD_FLAG_RESAMPLE : 0),
        .resamplefd = resamplefd >= 0 ? (uint32_t)resamplefd : 0,
    };

    if (!kvm_enabled() || kvm_irqchip_mode() == KVM_IRQCHIP_OFF) {
        return -ENOSYS;
    }
    return kvm_vm_ioctl(KVM_IRQFD, &req);
}

int kvm_irqfd_add(int fd, int resamplefd, int virq)
{
    int r;

    kvm_routes_flush();
    if (resamplefd < 0 || !kvm_irqchip_is_split()) {
        return irqfd(fd, resamplefd, virq, 0);
    }
    r = kvm_resample_add(fd, resamplefd, virq);
    if (r == 0) {
        r = irqfd(fd, -1, virq, 0);
        if (r < 0) {
            kvm_resample_del(fd, virq);
        }
    }
    return r;
}

int kvm_irqfd_del(int fd, int virq)
{
    if (kvm_irqchip_is_split()) {
        kvm_resample_del(fd, virq);
    }
    return irqfd(fd, -1, virq, KVM_IRQFD_FLAG_DEASSIGN);
}

void kvm_set_irq(int gsi, int level)
{
    struct kvm_irq_level req = {.irq = (uint32_t)gsi, .level = level != 0};

    if (kvm_enabled()) {
        int r = kvm_vm_ioctl(KVM_IRQ_LINE, &req);
        if (r < 0) {
            warn_report_once("KVM cannot set interrupt %d: %s", gsi, strerror(-r));
        }
    }
}

int kvm_send_msi(MSIMessage msg)
{
    struct kvm_msi req = {
        .address_lo = (uint32_t)msg.address,
        .address_hi = (uint32_t)(msg.address >> 32),
        .data = msg.data,
    };

    if (kvm_enabled() && kvm_irqchip_mode() == KVM_IRQCHIP_OFF) {
        apic_bus_message(msg);
        return 0;
    }
    return kvm_enabled() ? kvm_vm_ioctl(KVM_SIGNAL_MSI, &req) : -ENOSYS;
}
