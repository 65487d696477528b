/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What CPUID this host's KVM can give a guest, and giving it to a vCPU. */
#include "qemu/osdep.h"

#include "kvm-int.h"

#define FIRST_TRY_ENTRIES 100
#define MAX_ENTRIES 4096

static struct kvm_cpuid2 *ask_kernel(unsigned long request, GError **errp)
{
    for (uint32_t n = FIRST_TRY_ENTRIES; n <= MAX_ENTRIES; n *= 2) {
        struct kvm_cpuid2 *c = g_malloc0(sizeof(*c) + n * sizeof(c->entries[0]));
        int r;

        c->nent = n;
        r = kvm_ioctl(request, c);
        if (r == 0) {
            return c;
        }
        g_free(c);
        if (r != -E2BIG) {
            error_setg_errno(errp, -r, "-accel kvm: KVM_GET_SUPPORTED_CPUID fails");
            return NULL;
        }
    }
    error_setg(errp, "-accel kvm: KVM_GET_SUPPORTED_CPUID gives more than %d entries", MAX_ENTRIES);
    return NULL;
}

/* Bits that KVM does not report because they depend on what the VMM does. */
static void add_vmm_features(struct kvm_cpuid2 *c)
{
    struct kvm_cpuid_entry2 *e = x86_cpuid_find(c, 1, 0);

    if (e) {
        e->ecx |= BIT(31); /* hypervisor */
        e->ecx |= BIT(21); /* x2apic: KVM's or the emulator's */
        if (kvm_check_extension(KVM_CAP_TSC_DEADLINE_TIMER)) {
            e->ecx |= BIT(24);
        }
        e->ecx &= ~BIT(27); /* OSXSAVE mirrors CR4: KVM keeps it up to date */
    }
    e = x86_cpuid_find(c, 6, 0);
    if (e) {
        e->eax |= BIT(2); /* ARAT: the emulated timer does not stop in any sleep state */
    }
    e = x86_cpuid_find(c, 0x40000001, 0);
    if (e && kvm_irqchip_mode() != KVM_IRQCHIP_OFF) {
        e->eax |= BIT(7); /* kvm-pv-unhalt works with the in-kernel local APIC */
    } else if (e) {
        /* Asynchronous page faults (4, 10, 14), PV EOI (6), unhalt (7), IPIs (11), yield (13) and
         * extended destinations (15) are the in-kernel local APIC's. */
        e->eax &= ~(BIT(4) | BIT(6) | BIT(7) | BIT(10) | BIT(11) | BIT(13) | BIT(14) | BIT(15));
    }
}

const struct kvm_cpuid2 *kvm_supported_cpuid(GError **errp)
{
    if (!kvm_enabled()) {
        return NULL;
    }
    assert_main_loop();
    if (!kvm_state->supported_cpuid) {
        kvm_state->supported_cpuid = ask_kernel(KVM_GET_SUPPORTED_CPUID, errp);
        if (kvm_state->supported_cpuid) {
            add_vmm_features(kvm_state->supported_cpuid);
        }
    }
    return kvm_state->supported_cpuid;
}

const struct kvm_cpuid2 *kvm_supported_hv_cpuid(void)
{
    if (!kvm_enabled() || !kvm_check_extension(KVM_CAP_SYS_HYPERV_CPUID)) {
        return NULL; /* before Linux 5.12 only a vCPU could be asked */
    }
    assert_main_loop();
    if (!kvm_state->hv_cpuid) {
        kvm_state->hv_cpuid = ask_kernel(KVM_GET_SUPPORTED_HV_CPUID, NULL);
    }
    return kvm_state->hv_cpuid;
}

/* What enlightenments need besides their leaves. */
static bool enable_hyperv(KVMVcpu *v, const X86CPU *cpu, GError **errp)
{
    struct kvm_enable_cap cap = {.cap = KVM_CAP_HYPERV_SYNIC2};
    int r = x86_hv_has_synic(cpu) ? kvm_vcpu_ioctl(v, KVM_ENABLE_CAP, &cap) : 0;

    if (r < 0) {
        error_setg_errno(errp, -r, "-cpu: KVM refuses hv-synic for vCPU %d", v->cpu->cpu_index);
    }
    return r >= 0;
}

static size_t cpuid_size(const struct kvm_cpuid2 *cpuid)
{
    return sizeof(*cpuid) + cpuid->nent * sizeof(cpuid->entries[0]);
}

bool kvm_set_cpuid(KVMVcpu *v, const struct kvm_cpuid2 *cpuid, GError **errp)
{
    int r;

    if (v->cpuid && v->cpuid->nent == cpuid->nent && !memcmp(v->cpuid, cpuid, cpuid_size(cpuid))) {
        return true;
    }
    r = enable_hyperv(v, X86_CPU(v->cpu), errp) ? kvm_vcpu_ioctl(v, KVM_SET_CPUID2, (void *)cpuid)
                                                : 1;

    if (r > 0) {
        return false;
    }
    if (r < 0) {
        error_setg_errno(errp, -r, "-cpu: KVM refuses the CPUID of vCPU %d", v->cpu->cpu_index);
        return false;
    }
    g_free(v->cpuid);
    v->cpuid = g_memdup2(cpuid, cpuid_size(cpuid));
    return true;
}
