/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hyper-V enlightenments (Hypervisor Top Level Functional Specification 6.0b, chapter 2): CPUID
 * leaves from 0x40000000 that tell a Windows guest what KVM does for it.  Main loop only.
 */
#ifndef TARGET_I386_HYPERV_H
#define TARGET_I386_HYPERV_H

#include "hw/i386/cpu.h"

typedef enum X86HvFeature {
    HV_RELAXED,
    HV_VAPIC,
    HV_TIME,
    HV_CRASH,
    HV_RESET,
    HV_VPINDEX,
    HV_RUNTIME,
    HV_SYNIC,
    HV_STIMER,
    HV_STIMER_DIRECT,
    HV_FREQUENCIES,
    HV_REENLIGHTENMENT,
    HV_TLBFLUSH,
    HV_TLBFLUSH_EXT,
    HV_TLBFLUSH_DIRECT,
    HV_IPI,
    HV_AVIC,
    HV_EVMCS,
    HV_XMM_INPUT,
    HV_EMSR_BITMAP,
    HV_FEATURES,
} X86HvFeature;

typedef struct X86HyperV {
    uint32_t on;      /* bits of X86HvFeature, and */
    uint32_t off;     /* those that the user switched off */
    bool passthrough; /* all that KVM has */
    uint32_t
        spinlocks; /* retries before the guest tells the hypervisor; UINT32_MAX: it never does */
    bool has_spinlocks;
    char *vendor; /* up to 12 characters, or NULL */
} X86HyperV;

/* Adds the properties hv-X to the processors' class. */
void x86_hv_add_properties(ObjectClass *klass);
/* Checks what was asked for against KVM's own leaves (supported; NULL: there is no KVM) and each
 * other. */
bool x86_hv_check(const X86CPU *cpu, const struct kvm_cpuid2 *supported, GError **errp);
/* Puts the leaves into c, which has room for 12 more entries, and moves KVM's own out of the way.
 */
void x86_hv_write(struct kvm_cpuid2 *c, const X86CPU *cpu, const struct kvm_cpuid2 *supported);
void x86_hv_free(X86HyperV *hv);

#endif
