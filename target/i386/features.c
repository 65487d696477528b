/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names of CPUID feature bits: AMD64 Architecture Programmer's Manual volume 3, appendix E, Intel
 * SDM volume 2, CPUID, and the KVM CPUID leaf (Documentation/virt/kvm/x86/cpuid.rst).  NULL: a bit
 * that has no name, or that is no feature.
 */
#include "qemu/osdep.h"

#include "hw/i386/cpu.h"

const X86FeatureWord x86_feature_words[X86_FEATURE_WORDS] = {
    [FEAT_1_EDX] =
        {
            .leaf = 1,
            .reg = R_EDX,
            .names = {"fpu",  "vme",   "de",   "pse",     "tsc",  "msr", "pae",  "mce",
                      "cx8",  "apic",  NULL,   "sep",     "mtrr", "pge", "mca",  "cmov",
                      "pat",  "pse36", "pn",   "clflush", NULL,   "ds",  "acpi", "mmx",
                      "fxsr", "sse",   "sse2", "ss",      "ht",   "tm",  "ia64", "pbe"},
        },
    [FEAT_1_ECX] =
        {
            .leaf = 1,
            .reg = R_ECX,
            .names = {"pni",    "pclmulqdq", "dtes64", "monitor",      "ds-cpl", "vmx",    "smx",
                      "est",    "tm2",       "ssse3",  "cid",          NULL,     "fma",    "cx16",
                      "xtpr",   "pdcm",      NULL,     "pcid",         "dca",    "sse4.1", "sse4.2",
                      "x2apic", "movbe",     "popcnt", "tsc-deadline", "aes",    "xsave",  NULL,
                      "avx",    "f16c",      "rdrand", "hypervisor"},
        },
    [FEAT_6_EAX] =
        {
            .leaf = 6,
            .reg = R_EAX,
            .names = {[2] = "arat"},
        },
    [FEAT_7_0_EBX] =
        {
            .leaf = 7,
            .has_subleaf = true,
            .reg = R_EBX,
            .names = {"fsgsbase",
                      "tsc-adjust",
                      "sgx",
                      "bmi1",
                      "hle",
                      "avx2",
                      "fdp-excptn-only",
                      "smep",
                      "bmi2",
                      "erms",
                      "invpcid",
                      "rtm",
                      NULL,
                      "zero-fcs-fds",
                      "mpx",
                      NULL,
                      "avx512f",
                      "avx512dq",
                      "rdseed",
                      "adx",
                      "smap",
                      "avx512ifma",
                      "pcommit",
                      "clflushopt",
                      "clwb",
                      "intel-pt",
                      "avx512pf",
                      "avx512er",
                      "avx512cd",
                      "sha-ni",
                      "avx512bw",
                      "avx512vl"},
        },
    [FEAT_7_0_ECX] =
        {
            .leaf = 7,
            .has_subleaf = true,
            .reg = R_ECX,
            .names = {NULL,         "avx512vbmi",  "umip",         "pku",       NULL,
                      "waitpkg",    "avx512vbmi2", NULL,           "gfni",      "vaes",
                      "vpclmulqdq", "avx512vnni",  "avx512bitalg", NULL,        "avx512-vpopcntdq",
                      NULL,         "la57",        NULL,           NULL,        NULL,
                      NULL,         NULL,          "rdpid",        NULL,        "bus-lock-detect",
                      "cldemote",   NULL,          "movdiri",      "movdir64b", NULL,
                      "sgxlc",      "pks"},
        },
    [FEAT_7_0_EDX] =
        {
            .leaf = 7,
            .has_subleaf = true,
            .reg = R_EDX,
            .names = {NULL,
                      NULL,
                      "avx512-4vnniw",
                      "avx512-4fmaps",
                      "fsrm",
                      NULL,
                      NULL,
                      NULL,
                      "avx512-vp2intersect",
                      NULL,
                      "md-clear",
                      NULL,
                      NULL,
                      NULL,
                      "serialize",
                      NULL,
                      "tsx-ldtrk",
                      NULL,
                      NULL,
                      "arch-lbr",
                      NULL,
                      NULL,
                      "amx-bf16",
                      "avx512-fp16",
                      "amx-tile",
                      "amx-int8",
                      "spec-ctrl",
                      "stibp",
                      "flush-l1d",
                      "arch-capabilities",
                      "core-capability",
                      "ssbd"},
        },
    [FEAT_7_1_EAX] =
        {
            .leaf = 7,
            .subleaf = 1,
            .has_subleaf = true,
            .reg = R_EAX,
            .names = {[0] = "sha512",
                      [1] = "sm3",
                      [2] = "sm4",
                      [4] = "avx-vnni",
                      [5] = "avx512-bf16",
                      [7] = "cmpccxadd",
                      [10] = "fzrm",
                      [11] = "fsrs",
                      [12] = "fsrc",
                      [17] = "fred",
                      [18] = "lkgs",
                      [19] = "wrmsrns",
                      [21] = "amx-fp16",
                      [23] = "avx-ifma",
                      [26] = "lam"},
        },
    [FEAT_7_1_EDX] =
        {
            .leaf = 7,
            .subleaf = 1,
            .has_subleaf = true,
            .reg = R_EDX,
            .names = {[4] = "avx-vnni-int8",
                      [5] = "avx-ne-convert",
                      [8] = "amx-complex",
                      [10] = "avx-vnni-int16",
                      [14] = "prefetchiti"},
        },
    [FEAT_XSAVE] =
        {
            .leaf = 0xd,
            .subleaf = 1,
            .has_subleaf = true,
            .reg = R_EAX,
            .names = {"xsaveopt", "xsavec", "xgetbv1", "xsaves", "xfd"},
        },
    [FEAT_8000_0001_EDX] =
        {
            .leaf = 0x80000001,
            .reg = R_EDX,
            .names = {[11] = "syscall",
                      [20] = "nx",
                      [22] = "mmxext",
                      [25] = "fxsr-opt",
                      [26] = "pdpe1gb",
                      [27] = "rdtscp",
                      [29] = "lm",
                      [30] = "3dnowext",
                      [31] = "3dnow"},
        },
    [FEAT_8000_0001_ECX] =
        {
            .leaf = 0x80000001,
            .reg = R_ECX,
            .names = {"lahf-lm",   "cmp-legacy",  "svm",
                      "extapic",   "cr8legacy",   "abm",
                      "sse4a",     "misalignsse", "3dnowprefetch",
                      "osvw",      "ibs",         "xop",
                      "skinit",    "wdt",         NULL,
                      "lwp",       "fma4",        "tce",
                      NULL,        "nodeid-msr",  NULL,
                      "tbm",       "topoext",     "perfctr-core",
                      "perfctr-nb"},
        },
    [FEAT_8000_0007_EDX] =
        {
            .leaf = 0x80000007,
            .reg = R_EDX,
            .names = {[8] = "invtsc"},
        },
    [FEAT_8000_0008_EBX] =
        {
            .leaf = 0x80000008,
            .reg = R_EBX,
            .names = {[0] = "clzero",
                      [2] = "xsaveerptr",
                      [9] = "wbnoinvd",
                      [12] = "ibpb",
                      [14] = "ibrs",
                      [15] = "amd-stibp",
                      [17] = "stibp-always-on",
                      [24] = "amd-ssbd",
                      [25] = "virt-ssbd",
                      [26] = "amd-no-ssb",
                      [28] = "amd-psfd"},
        },
    [FEAT_SVM] =
        {
            .leaf = 0x8000000a,
            .reg = R_EDX,
            .names = {"npt", "lbrv", "svm-lock", "nrip-save", "tsc-scale", "vmcb-clean",
                      "flushbyasid", "decodeassists", NULL, NULL, "pause-filter", NULL,
                      "pfthreshold", "avic", NULL, "v-vmsave-vmload",
                      "vgif", [25] = "vnmi", [28] = "svme-addr-chk"},
        },
    [FEAT_8000_0021_EAX] =
        {
            .leaf = 0x80000021,
            .reg = R_EAX,
            .names = {[0] = "no-nested-data-bp",
                      [2] = "lfence-always-serializing",
                      [6] = "null-sel-clr-base",
                      [8] = "auto-ibrs"},
        },
    [FEAT_KVM] =
        {
            .leaf = 0x40000001,
            .reg = R_EAX,
            .names = {"kvmclock", "kvm-nopiodelay", "kvm-mmu", "kvmclock2", "kvm-asyncpf",
                      "kvm-steal-time", "kvm-pv-eoi", "kvm-pv-unhalt", NULL, "kvm-pv-tlb-flush",
                      "kvm-asyncpf-vmexit", "kvm-pv-ipi", "kvm-poll-control", "kvm-pv-sched-yield",
                      "kvm-asyncpf-int", "kvm-msi-ext-dest-id", [24] = "kvmclock-stable-bit"},
        },
    [FEAT_KVM_HINTS] =
        {
            .leaf = 0x40000001,
            .reg = R_EDX,
            .names = {[0] = "kvm-hint-dedicated"},
        },
};

/* Spellings that QEMU's command line takes besides the canonical ones. */
static const struct {
    const char *alias, *name;
} aliases[] = {
    {"sse3", "pni"},       {"pclmuldq", "pclmulqdq"},
    {"sse4-1", "sse4.1"},  {"sse4-2", "sse4.2"},
    {"xd", "nx"},          {"i64", "lm"},
    {"ffxsr", "fxsr-opt"},
};

static bool same_name(const char *canonical, const char *name)
{
    for (; *canonical && *name; canonical++, name++) {
        if (*canonical != *name && !(*name == '_' && (*canonical == '-' || *canonical == '.'))) {
            return false;
        }
    }
    return *canonical == *name;
}

bool x86_feature_find(const char *name, unsigned *word, unsigned *bit)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(aliases); i++) {
        if (same_name(aliases[i].alias, name)) {
            name = aliases[i].name;
            break;
        }
    }
    for (unsigned w = 0; w < X86_FEATURE_WORDS; w++) {
        for (unsigned b = 0; b < 32; b++) {
            const char *canonical = x86_feature_words[w].names[b];
            if (canonical && same_name(canonical, name)) {
                *word = w;
                *bit = b;
                return true;
            }
        }
    }
    return false;
}

const char **x86_feature_names(void)
{
    GPtrArray *names = g_ptr_array_new();

    for (unsigned w = 0; w < X86_FEATURE_WORDS; w++) {
        for (unsigned b = 0; b < 32; b++) {
            if (x86_feature_words[w].names[b]) {
                g_ptr_array_add(names, (gpointer)x86_feature_words[w].names[b]);
            }
        }
    }
    g_ptr_array_add(names, NULL);
    return (const char **)g_ptr_array_free(names, FALSE);
}
