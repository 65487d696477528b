/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Model-specific registers of a vCPU: their power-on values, saving and loading.  Numbers: Intel
 * SDM volume 4, AMD64 APM volume 2 appendix A, Documentation/virt/kvm/x86/msr.rst.
 *
 * Which of them a KVM knows is found out as we go: an ioctl stops at the first that it does not
 * know, which is then left out for good.
 */
#include "qemu/osdep.h"

#include "kvm-int.h"

typedef struct MsrInfo {
    uint32_t index;
    uint64_t reset;
} MsrInfo;

static const MsrInfo msrs[] = {
    {0x00000010, 0},       /* TSC */
    {0x0000003b, 0},       /* TSC_ADJUST */
    {0x00000048, 0},       /* SPEC_CTRL */
    {0x0000009e, 0x30000}, /* SMBASE */
    {0x000000c1, 0},
    {0x000000c2, 0},
    {0x000000c3, 0},
    {0x000000c4, 0}, /* PMC0-3 */
    {0x00000174, 0},
    {0x00000175, 0},
    {0x00000176, 0}, /* SYSENTER CS, ESP, EIP */
    {0x0000017a, 0}, /* MCG_STATUS */
    {0x00000186, 0},
    {0x00000187, 0},
    {0x00000188, 0},
    {0x00000189, 0},                     /* PERFEVTSEL0-3 */
    {0x000001a0, 1 | BIT(11) | BIT(12)}, /* MISC_ENABLE: fast strings; no BTS, no PEBS */
    {0x000001c4, 0},
    {0x000001c5, 0}, /* XFD, XFD_ERR */
    {0x000001d9, 0}, /* DEBUGCTL */
    {0x00000200, 0},
    {0x00000201, 0},
    {0x00000202, 0},
    {0x00000203, 0}, /* variable MTRRs */
    {0x00000204, 0},
    {0x00000205, 0},
    {0x00000206, 0},
    {0x00000207, 0},
    {0x00000208, 0},
    {0x00000209, 0},
    {0x0000020a, 0},
    {0x0000020b, 0},
    {0x0000020c, 0},
    {0x0000020d, 0},
    {0x0000020e, 0},
    {0x0000020f, 0},
    {0x00000250, 0},
    {0x00000258, 0},
    {0x00000259, 0},
    {0x00000268, 0}, /* fixed MTRRs */
    {0x00000269, 0},
    {0x0000026a, 0},
    {0x0000026b, 0},
    {0x0000026c, 0},
    {0x0000026d, 0},
    {0x0000026e, 0},
    {0x0000026f, 0},
    {0x00000277, UINT64_C(0x0007040600070406)}, /* PAT */
    {0x000002ff, 0},                            /* MTRR default type */
    {0x00000309, 0},
    {0x0000030a, 0},
    {0x0000030b, 0},
    {0x0000038d, 0},
    {0x0000038f, 0}, /* fixed counters */
    {0x000006e0, 0}, /* TSC_DEADLINE */
    {0x00000d90, 0},
    {0x00000da0, 0}, /* BNDCFGS, XSS */
    {0x4b564d00, 0},
    {0x4b564d01, 0}, /* kvmclock: wall clock, system time */
    {0x00000011, 0},
    {0x00000012, 0}, /* the same, old numbers */
    {0x4b564d02, 0},
    {0x4b564d03, 0},
    {0x4b564d04, 0}, /* async page faults, steal time, PV EOI */
    {0x4b564d05, 1},
    {0x4b564d06, 0}, /* halt polling by the host, async page fault vector */
    {0xc0000081, 0},
    {0xc0000082, 0},
    {0xc0000083, 0},
    {0xc0000084, 0}, /* STAR, LSTAR, CSTAR, FMASK */
    {0xc0000102, 0},
    {0xc0000103, 0}, /* KERNEL_GS_BASE, TSC_AUX */
    {0xc0010000, 0},
    {0xc0010001, 0},
    {0xc0010002, 0},
    {0xc0010003, 0}, /* AMD PERFEVTSEL */
    {0xc0010004, 0},
    {0xc0010005, 0},
    {0xc0010006, 0},
    {0xc0010007, 0}, /* AMD PERFCTR */
    {0xc0010015, 0}, /* HWCR */
    {0xc0010117, 0}, /* VM_HSAVE_PA */
    {0xc001011f, 0}, /* VIRT_SPEC_CTRL */
};
#define N_MSRS G_N_ELEMENTS(msrs)

struct KVMMsrState {
    uint32_t n;
    struct kvm_msr_entry entries[N_MSRS];
};

/* By position in msrs[]; set by the vCPUs' owner while it is parked, or its thread: relaxed
 * atomics, and idempotent. */
static bool unknown[N_MSRS];

typedef struct MsrBatch {
    struct kvm_msrs head;
    struct kvm_msr_entry entries[N_MSRS];
} MsrBatch;
G_STATIC_ASSERT(offsetof(MsrBatch, entries) == sizeof(struct kvm_msrs));

static void forget(uint32_t index)
{
    for (size_t i = 0; i < N_MSRS; i++) {
        if (msrs[i].index == index) {
            __atomic_store_n(&unknown[i], true, __ATOMIC_RELAXED);
        }
    }
}

/* Reads or writes all entries of state; drops those that KVM does not know.  False if KVM refuses
 * altogether. */
static bool transfer(KVMVcpu *v, unsigned long request, KVMMsrState *state)
{
    uint32_t done = 0;

    while (done < state->n) {
        MsrBatch batch = {.head.nmsrs = state->n - done};
        int r;

        memcpy(batch.entries, state->entries + done, (state->n - done) * sizeof(batch.entries[0]));
        r = kvm_vcpu_ioctl(v, request, &batch);
        if (r < 0) {
            return false;
        }
        memcpy(state->entries + done, batch.entries, (size_t)r * sizeof(batch.entries[0]));
        done += (uint32_t)r;
        if (done < state->n) {
            forget(state->entries[done].index);
            state->n--;
            memmove(state->entries + done, state->entries + done + 1,
                    (state->n - done) * sizeof(batch.entries[0]));
        }
    }
    return true;
}

static void fill(KVMMsrState *state)
{
    for (size_t i = 0; i < N_MSRS; i++) {
        if (!__atomic_load_n(&unknown[i], __ATOMIC_RELAXED)) {
            state->entries[state->n++] =
                (struct kvm_msr_entry){.index = msrs[i].index, .data = msrs[i].reset};
        }
    }
}

bool kvm_msrs_reset(KVMVcpu *v)
{
    KVMMsrState state = {0};

    fill(&state);
    return transfer(v, KVM_SET_MSRS, &state);
}

KVMMsrState *kvm_msrs_save(KVMVcpu *v)
{
    KVMMsrState *state = g_new0(KVMMsrState, 1);

    fill(state);
    if (!transfer(v, KVM_GET_MSRS, state)) {
        g_free(state);
        return NULL;
    }
    return state;
}

bool kvm_msrs_load(KVMVcpu *v, const KVMMsrState *state)
{
    KVMMsrState copy = *state;
    return transfer(v, KVM_SET_MSRS, &copy);
}

static int one_msr(KVMVcpu *v, unsigned long request, struct kvm_msr_entry *e)
{
    struct {
        struct kvm_msrs head;
        struct kvm_msr_entry entry;
    } one = {.head.nmsrs = 1, .entry = *e};
    int r = kvm_vcpu_ioctl(v, request, &one);

    *e = one.entry;
    return r == 1 ? 0 : r == 0 ? -ENOENT : r;
}

int kvm_msr_get(KVMVcpu *v, uint32_t index, uint64_t *value)
{
    struct kvm_msr_entry e = {.index = index};
    int r = one_msr(v, KVM_GET_MSRS, &e);

    *value = e.data;
    return r;
}

int kvm_msr_set(KVMVcpu *v, uint32_t index, uint64_t value)
{
    struct kvm_msr_entry e = {.index = index, .data = value};
    return one_msr(v, KVM_SET_MSRS, &e);
}
