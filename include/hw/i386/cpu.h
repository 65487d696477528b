/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86 processors: the CPU types, their features, their state at reset and where a board may start them.
 *
 * Main loop only, except where said.  "host-x86_64-cpu" and "max-x86_64-cpu" show the guest what the accelerator can
 * do; under -accel qtest the same objects exist and execute nothing.
 */
#ifndef HW_I386_CPU_H
#define HW_I386_CPU_H

#include "hw/boards.h"
#include "system/cpus.h"

#include <linux/kvm.h>

#define TYPE_X86_CPU "x86_64-cpu"
#define X86_CPU_TYPE_SUFFIX "-" TYPE_X86_CPU
#define X86_CPU_TYPE_NAME(model) (model X86_CPU_TYPE_SUFFIX)

/* --- state at reset ---------------------------------------------------------------------------------------- */

typedef enum X86BootMode {
    X86_BOOT_REAL,    /* 16-bit: starts at cs_sel * 16 + rip */
    X86_BOOT_PROT32,  /* protected mode, flat 4 GiB segments, paging off, interrupts off */
    X86_BOOT_LONG64,  /* long mode, flat segments, paging with the tables at cr3, interrupts off */
} X86BootMode;

/* Registers of the boot processor after a reset, for boards that start a kernel without firmware.  All other registers have
 * their architectural reset values. */
typedef struct X86BootRegs {
    X86BootMode mode;
    uint64_t rip, rsp, rax, rbx, rcx, rdx, rsi, rdi, rbp;
    uint16_t cs_sel, ds_sel;   /* selectors; base 0 and limit 4 GiB but in real mode */
    uint64_t gdt_base;         /* table in guest memory; limit 0: none is loaded */
    uint16_t gdt_limit;
    uint64_t cr3;              /* LONG64 */
} X86BootRegs;

/* Applied to cpu after each reset from now on; NULL: architectural reset again.  regs is copied. */
void x86_cpu_set_boot_regs(CPUState *cpu, const X86BootRegs *regs);

/* Called at each reset of the vCPUs, before boot registers are applied: the board may load the kernel anew and call
 * x86_cpu_set_boot_regs() there.  NULL: no hook. */
void x86_set_cpu_reset_hook(void (*fn)(CPUState *bsp, void *opaque), void *opaque);
/* For accelerators: runs the hook, before the boot processor is reset. */
void x86_run_cpu_reset_hook(CPUState *bsp);

/* --- features ------------------------------------------------------------------------------------------------ */

typedef enum X86CpuidReg { R_EAX, R_EBX, R_ECX, R_EDX } X86CpuidReg;

/* One 32-bit word of feature bits, and the canonical names of its bits (NULL: has none). */
typedef struct X86FeatureWord {
    uint32_t leaf, subleaf;
    X86CpuidReg reg;
    bool has_subleaf;
    const char *names[32];
} X86FeatureWord;

typedef enum X86FeatureWordIndex {
    FEAT_1_EDX, FEAT_1_ECX, FEAT_6_EAX, FEAT_7_0_EBX, FEAT_7_0_ECX, FEAT_7_0_EDX, FEAT_7_1_EAX, FEAT_7_1_EDX,
    FEAT_XSAVE, FEAT_8000_0001_EDX, FEAT_8000_0001_ECX, FEAT_8000_0007_EDX, FEAT_8000_0008_EBX, FEAT_SVM,
    FEAT_8000_0021_EAX, FEAT_KVM, FEAT_KVM_HINTS, X86_FEATURE_WORDS,
} X86FeatureWordIndex;
extern const X86FeatureWord x86_feature_words[X86_FEATURE_WORDS];

typedef struct X86FeatureSet {
    uint32_t w[X86_FEATURE_WORDS];
} X86FeatureSet;

/* Finds a feature by name; '_' in name stands for '-' or '.'.  False if there is none.  Any thread. */
bool x86_feature_find(const char *name, unsigned *word, unsigned *bit);
/* All canonical feature names, NULL-terminated; g_free() the array only. */
const char **x86_feature_names(void);

/* --- processors ------------------------------------------------------------------------------------------------ */

typedef struct X86CPUTopology {
    unsigned threads, cores, dies;   /* per core, per die, per socket */
} X86CPUTopology;

typedef struct X86CPU {
    CPUState parent_obj;
    /* What the user asked for. */
    X86FeatureSet plus, minus;
    X86FeatureSet base;       /* a named model's features */
    bool named;               /* features are base's, not all that the host has */
    uint32_t level, xlevel;   /* highest leaves; 0: as the accelerator offers */
    struct X86HyperV *hv;     /* enlightenments; NULL: none were asked for */
    bool expose_kvm, pmu, migratable, check, enforce, host_phys_bits;
    uint8_t phys_bits;
    char *vendor, *model_id;
    int32_t family, model, stepping;              /* -1: the host's */
    int32_t socket_id, die_id, core_id, thread_id; /* -1: not given; the APIC id is in CPUState, UINT32_MAX: not given */
    X86CPUTopology topo;
    /* What came of it, after x86_cpu_expand(). */
    bool expanded;
    X86FeatureSet features, filtered;
    struct kvm_cpuid2 *cpuid;    /* the guest's CPUID; owned; NULL without an accelerator that has one */
    X86BootRegs boot;
    bool has_boot;
} X86CPU;
#define X86_CPU(obj) ((X86CPU *)(obj))

/* Makes and realizes the machine's processors in the order of machine_cpu_topo(), of type ms->cpu_type with ms->cpu_props.
 * Keys "+feat" and "-feat" are taken, too.  Processors lie at /machine/unattached.  False with errp: what was made is gone. */
bool x86_cpus_init(MachineState *ms, GError **errp);

/* For a processor that is to join the machine's: its place in a topology like theirs, and what -cpu says of all. */
bool x86_cpu_like_machine(X86CPU *cpu, MachineState *ms, GError **errp);

/* -cpu TEXT: "host,+feat,-feat,feat=on" -> type name (g_free) and properties (new reference, strings as leaves; NULL: none).
 * Any thread. */
bool x86_cpu_parse_option(const char *text, char **type, json_object **props, GError **errp);

/* -cpu help: models and feature names. */
void x86_cpu_list(GString *out);

/* query-cpu-definitions: one per model.  Array of {name, typename, static, migration-safe, deprecated, unavailable-features}.
 * New reference. */
json_object *x86_cpu_definitions(void);
/* query-cpu-model-expansion: the properties of model with props applied; NULL with errp for an unknown model.  New reference. */
json_object *x86_cpu_expand_model(const char *model, json_object *props, GError **errp);

/* Sets one property as -cpu does: NAME, or a feature in any of its spellings; value "on", "off" ...  False with errp naming the nearest
 * property there is. */
bool x86_cpu_set_option(X86CPU *cpu, const char *name, const char *value, GError **errp);

/* Works out features and CPUID from what the user asked and the accelerator offers.  False with errp if enforce is on and something is
 * missing. */
bool x86_cpu_expand(X86CPU *cpu, GError **errp);

/* Removes what the guest must not see and writes topology, APIC id and identity into a table of CPUID leaves that the accelerator offers.
 * A new table; g_free().  Any thread. */
struct kvm_cpuid2 *x86_cpuid_build(const struct kvm_cpuid2 *supported, const X86CPU *cpu);
/* The feature bits in a table.  Any thread. */
void x86_cpuid_features(const struct kvm_cpuid2 *cpuid, X86FeatureSet *set);
/* The entry for a leaf, or NULL.  Any thread. */
struct kvm_cpuid_entry2 *x86_cpuid_find(struct kvm_cpuid2 *cpuid, uint32_t leaf, uint32_t subleaf);

/* True if the processor has the synthetic interrupt controller (hv-synic), which KVM wants to be told. */
bool x86_hv_has_synic(const X86CPU *cpu);

/* Width of the fields of an APIC id.  Any thread. */
static inline unsigned x86_topo_bits(unsigned n)
{
    return n > 1 ? 32 - (unsigned)__builtin_clz(n - 1) : 0;
}

#endif
