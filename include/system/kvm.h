/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the rest of the emulator may ask of KVM.  All functions may be called when KVM is not in use; they then do nothing or fail. */
#ifndef SYSTEM_KVM_H
#define SYSTEM_KVM_H

#include "hw/pci/pci.h"

extern bool kvm_allowed;          /* set once, before devices exist */
static inline bool kvm_enabled(void)
{
    return kvm_allowed;
}
typedef enum KVMIrqchipMode { KVM_IRQCHIP_OFF, KVM_IRQCHIP_SPLIT, KVM_IRQCHIP_ON } KVMIrqchipMode;
KVMIrqchipMode kvm_irqchip_mode(void);
static inline bool kvm_irqchip_in_kernel(void)    /* PIC, IOAPIC and PIT are KVM's */
{
    return kvm_enabled() && kvm_irqchip_mode() == KVM_IRQCHIP_ON;
}
static inline bool kvm_irqchip_is_split(void)     /* only the local APIC is KVM's */
{
    return kvm_enabled() && kvm_irqchip_mode() == KVM_IRQCHIP_SPLIT;
}

int kvm_vm_ioctl(unsigned long type, ...);        /* 0 or positive, or -errno; any thread */
int kvm_check_extension(unsigned cap);

/* True while no vCPU has run since KVM made vCPUs and chips: their state is the power-on state.  Main loop. */
bool kvm_vcpus_fresh(void);
/* In-kernel chips' pin (GSI). Any thread. */
void kvm_set_irq(int gsi, int level);
/* A message straight to the local APICs. Any thread, no lock. Negative errno on failure. */
int kvm_send_msi(MSIMessage msg);

/* MSI routes: a GSI ("virq") stands for a message.  Changes between begin and commit reach KVM in one ioctl; commit with nothing changed does
 * nothing. The table has a mutex of its own (any thread, but never one that holds a lock above it; see docs/devel/locking.rst). */
int kvm_irq_route_add_msi(MSIMessage msg);        /* virq, or -ENOSPC */
void kvm_irq_route_update_msi(int virq, MSIMessage msg);
void kvm_irq_route_release(int virq);
void kvm_irq_routes_begin(void);
void kvm_irq_routes_commit(void);
/* Split mode: IOAPIC pin's route; masked pins get none. In begin/commit. */
void kvm_irq_route_set_ioapic_pin(int pin, bool masked, MSIMessage msg);

/* True if ioeventfds of this KVM can leave the value written in memory (post-write). Main loop. */
bool kvm_has_post_write(void);

/* An eventfd write raises virq without a system call of ours. resamplefd -1: none; else virq is an I/O APIC pin, and
 * resamplefd is written when its interrupt has ended. 0 or -errno. */
int kvm_irqfd_add(int fd, int resamplefd, int virq);
int kvm_irqfd_del(int fd, int virq);
/* Split mode: the emulator's I/O APIC heard that pin's interrupt ended: those that gave a resamplefd for it look again. Any thread. */
void kvm_irqfd_resample(int pin);

/* Split mode: how KVM asks the VMM's chips.  ack: the 8259 pair gives its vector and moves on (BSP thread).  eoi: a local APIC ended a
 * level-triggered vector (vCPU threads).  When the chips are made, at most KVM_IOAPICS of them. */
#define KVM_IOAPICS 2
#define KVM_IOAPIC_PINS (24 * KVM_IOAPICS)    /* split mode: the lowest GSIs are theirs */
void kvm_set_pic_ack(int (*ack)(void *opaque), void *opaque);
void kvm_add_ioapic_eoi(void (*eoi)(void *opaque, uint8_t vector, bool broadcast), bool (*eoi_register_used)(void *opaque), void *opaque);

/* The CPUID that this host's KVM can give a guest, in its final form (with what KVM leaves to the VMM to add).  Owned by KVM's state; NULL
 * (errp set) when KVM refuses, NULL without an error when KVM is not in use.  Main loop. */
struct kvm_cpuid2;
const struct kvm_cpuid2 *kvm_supported_cpuid(GError **errp);
/* The leaves of Hyper-V's enlightenments that KVM can give; NULL: none.  Owned by KVM's state.  Main loop. */
const struct kvm_cpuid2 *kvm_supported_hv_cpuid(void);

/* KVM_RUN takes no memory slot away under a running guest: between begin and end no vCPU is in guest mode.  Vcpus that wait for a home
 * go on waiting.  Main loop; short sections that wait for nothing. */
void kvm_inhibit_begin(void);
void kvm_inhibit_end(void);

/* The VMM's 8259 pair changed its output (split, off): the BSP looks at it before it enters the guest. Any thread. */
void kvm_pic_output_changed(int level);

#endif
