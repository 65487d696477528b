/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Builds the CPUID that a guest sees from what the accelerator offers: features, processor
 * topology, APIC ids, identity. Leaves are those of Intel SDM volume 2 (CPUID) and AMD64 APM volume
 * 3, appendix E.
 */
#include "qemu/osdep.h"

#include "hw/i386/cpu.h"

/* Entries that this file may add to what the accelerator offers. */
#define EXTRA_ENTRIES 40

static const uint32_t VENDOR_AMD_EBX = 0x68747541;   /* "Auth" */
static const uint32_t VENDOR_HYGON_EBX = 0x6f677948; /* "Hygo" */

/* EAX, EBX, ECX, EDX lie next to each other in an entry. */
static uint32_t *entry_reg(struct kvm_cpuid_entry2 *e, X86CpuidReg reg)
{
    uint32_t *const regs[] = {&e->eax, &e->ebx, &e->ecx, &e->edx};
    return regs[reg];
}

struct kvm_cpuid_entry2 *x86_cpuid_find(struct kvm_cpuid2 *cpuid, uint32_t leaf, uint32_t subleaf)
{
    for (uint32_t i = 0; i < cpuid->nent; i++) {
        struct kvm_cpuid_entry2 *e = &cpuid->entries[i];
        if (e->function == leaf &&
            (!(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) || e->index == subleaf)) {
            return e;
        }
    }
    return NULL;
}

void x86_cpuid_features(const struct kvm_cpuid2 *cpuid, X86FeatureSet *set)
{
    memset(set, 0, sizeof(*set));
    for (uint32_t i = 0; i < cpuid->nent; i++) {
        struct kvm_cpuid_entry2 e = cpuid->entries[i];

        for (unsigned w = 0; w < X86_FEATURE_WORDS; w++) {
            const X86FeatureWord *fw = &x86_feature_words[w];
            if (fw->leaf == e.function && (!fw->has_subleaf || fw->subleaf == e.index)) {
                set->w[w] = *entry_reg(&e, fw->reg);
            }
        }
    }
}

/* The entry for a leaf, made (all zero) if the accelerator offers none. */
static struct kvm_cpuid_entry2 *get_entry(struct kvm_cpuid2 *c, uint32_t leaf, uint32_t subleaf,
                                          bool indexed)
{
    struct kvm_cpuid_entry2 *e = x86_cpuid_find(c, leaf, subleaf);

    if (!e) {
        e = &c->entries[c->nent++];
        *e = (struct kvm_cpuid_entry2){
            .function = leaf,
            .index = subleaf,
            .flags = indexed ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
        };
    }
    return e;
}

static void remove_leaves(struct kvm_cpuid2 *c, uint32_t first, uint32_t last)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < c->nent; i++) {
        if (c->entries[i].function < first || c->entries[i].function > last) {
            c->entries[kept++] = c->entries[i];
        }
    }
    c->nent = kept;
}

/* Writes the feature words.  A bit that has no name stays as the accelerator offers it. */
static void write_features(struct kvm_cpuid2 *c, const X86CPU *cpu)
{
    for (unsigned w = 0; w < X86_FEATURE_WORDS; w++) {
        const X86FeatureWord *fw = &x86_feature_words[w];
        struct kvm_cpuid_entry2 *e = x86_cpuid_find(c, fw->leaf, fw->subleaf);
        uint32_t named = 0;

        for (unsigned b = 0; b < 32; b++) {
            named |= fw->names[b] ? BIT(b) : 0;
        }
        if (!e && (cpu->features.w[w] & named)) {
            e = get_entry(c, fw->leaf, fw->subleaf, fw->has_subleaf);
        }
        if (e) {
            uint32_t *reg = entry_reg(e, fw->reg);
            uint32_t others = cpu->named ? 0 : *reg & ~named; /* a named model has no others */

            *reg = others | (cpu->features.w[w] & named);
        }
    }
    if (cpu->named && cpu->vendor && strcmp(cpu->vendor, "GenuineIntel")) {
        /* AMD repeats the bits of leaf 1 that it has had since the K6. */
        struct kvm_cpuid_entry2 *e = x86_cpuid_find(c, 0x80000001, 0);

        if (e) {
            e->edx |= cpu->features.w[FEAT_1_EDX] & 0x0183f3ff;
        }
    }
}

/* A cache as leaves 4 and 0x8000001D tell it. */
typedef struct CacheInfo {
    uint8_t type, level; /* 1 data, 2 instructions, 3 both */
    uint16_t ways;
    uint32_t sets;
} CacheInfo;

/* Caches for a vendor's leaf that the accelerator does not fill, because the host is another
 * vendor's. */
static void write_caches(struct kvm_cpuid2 *c, uint32_t leaf)
{
    static const CacheInfo caches[] = {
        {1, 1, 8, 64},     /* 32 KiB */
        {2, 1, 8, 64},     /* 32 KiB */
        {3, 2, 8, 1024},   /* 512 KiB */
        {3, 3, 16, 16384}, /* 16 MiB */
    };
    struct kvm_cpuid_entry2 *e = x86_cpuid_find(c, leaf, 0);

    if (e && e->eax & 0x1f) {
        return;
    }
    remove_leaves(c, leaf, leaf);
    for (unsigned n = 0; n <= G_N_ELEMENTS(caches); n++) {
        e = get_entry(c, leaf, n, true);
        if (n < G_N_ELEMENTS(caches)) {
            e->eax = caches[n].type | caches[n].level << 5 | BIT(8);
            e->ebx = 63 | (uint32_t)(caches[n].ways - 1) << 22;
            e->ecx = caches[n].sets - 1;
        }
    }
}

/* Highest leaves as the model has them, more where features need it, and nothing above. */
static void write_levels(struct kvm_cpuid2 *c, const X86CPU *cpu)
{
    const uint32_t *f = cpu->features.w;
    struct kvm_cpuid_entry2 *e;

    if (cpu->level) {
        uint32_t level = cpu->level;

        if (f[FEAT_7_0_EBX] | f[FEAT_7_0_ECX] | f[FEAT_7_0_EDX]) {
            level = MAX(level, 7);
        }
        if (f[FEAT_1_ECX] & BIT(26)) {
            level = MAX(level, 0xd);
        }
        e = get_entry(c, 0, 0, false);
        e->eax = level;
        remove_leaves(c, level + 1, 0x3fffffff);
    }
    if (cpu->xlevel) {
        e = get_entry(c, 0x80000000, 0, false);
        e->eax = cpu->xlevel;
        remove_leaves(c, cpu->xlevel + 1, 0x8fffffff);
    } else if (cpu->level) {
        remove_leaves(c, 0x80000000, 0x8fffffff); /* older than extended leaves */
    }
}

typedef struct TopoInfo {
    unsigned threads_per_core, threads_per_die, threads_per_pkg;
    unsigned smt_bits, core_bits, die_bits, pkg_shift;
    unsigned dies;
} TopoInfo;

static TopoInfo topo_info(const X86CPU *cpu)
{
    TopoInfo t = {
        .threads_per_core = MAX(cpu->topo.threads, 1),
        .dies = MAX(cpu->topo.dies, 1),
    };
    unsigned cores = MAX(cpu->topo.cores, 1);

    t.threads_per_die = t.threads_per_core * cores;
    t.threads_per_pkg = t.threads_per_die * t.dies;
    t.smt_bits = x86_topo_bits(t.threads_per_core);
    t.core_bits = x86_topo_bits(cores);
    t.die_bits = x86_topo_bits(t.dies);
    t.pkg_shift = t.smt_bits + t.core_bits + t.die_bits;
    return t;
}

/* Leaves 4 (Intel) and 0x8000001D (AMD): which threads share a cache. */
static void write_cache_sharing(struct kvm_cpuid2 *c, const TopoInfo *t)
{
    for (uint32_t i = 0; i < c->nent; i++) {
        struct kvm_cpuid_entry2 *e = &c->entries[i];
        unsigned level = (e->eax >> 5) & 7;
        unsigned sharing;

        if ((e->function != 4 && e->function != 0x8000001d) || (e->eax & 0x1f) == 0) {
            continue;
        }
        sharing = level < 3 ? 1u << t->smt_bits : 1u << (t->smt_bits + t->core_bits);
        e->eax &= 0x3fff;
        if (e->function == 4) {
            /* Numbers of addressable ids: powers of two. */
            unsigned cores_in_pkg = 1u << (t->pkg_shift - t->smt_bits);
            e->eax |= ((MIN(sharing, 4096u) - 1) << 14) | ((MIN(cores_in_pkg, 64u) - 1) << 26);
        } else {
            unsigned n = level < 3 ? t->threads_per_core : t->threads_per_die;
            e->eax |= (MIN(n, 4096u) - 1) << 14;
        }
    }
}

static void write_level(struct kvm_cpuid2 *c, uint32_t leaf, uint32_t sub, unsigned type,
                        unsigned shift, unsigned threads, uint32_t apic_id)
{
    struct kvm_cpuid_entry2 *e = get_entry(c, leaf, sub, true);

    e->eax = shift;
    e->ebx = threads;
    e->ecx = sub | (type << 8);
    e->edx = apic_id;
}

/* Leaves 0xB and 0x1F: one subleaf a level of the topology.  Level types: 1 thread, 2 core, 5 die;
 * a level of type 0 ends. */
static void write_extended_topology(struct kvm_cpuid2 *c, const TopoInfo *t, uint32_t apic_id)
{
    remove_leaves(c, 0xb, 0xb);
    remove_leaves(c, 0x1f, 0x1f);
    write_level(c, 0xb, 0, 1, t->smt_bits, t->threads_per_core, apic_id);
    write_level(c, 0xb, 1, 2, t->pkg_shift, t->threads_per_pkg, apic_id);
    write_level(c, 0xb, 2, 0, 0, 0, apic_id);
    if (t->dies > 1) {
        write_level(c, 0x1f, 0, 1, t->smt_bits, t->threads_per_core, apic_id);
        write_level(c, 0x1f, 1, 2, t->smt_bits + t->core_bits, t->threads_per_die, apic_id);
        write_level(c, 0x1f, 2, 5, t->pkg_shift, t->threads_per_pkg, apic_id);
        write_level(c, 0x1f, 3, 0, 0, 0, apic_id);
    }
}

static bool is_amd(struct kvm_cpuid2 *c)
{
    struct kvm_cpuid_entry2 *e = x86_cpuid_find(c, 0, 0);
    return e && (e->ebx == VENDOR_AMD_EBX || e->ebx == VENDOR_HYGON_EBX);
}

static void write_amd_topology(struct kvm_cpuid2 *c, const TopoInfo *t, uint32_t apic_id)
{
    struct kvm_cpuid_entry2 *e = x86_cpuid_find(c, 0x80000008, 0);

    if (e) {
        /* NC: threads in the package - 1; ApicIdSize: bits of the APIC id that number them. */
        e->ecx &= ~0xf0ffu;
        e->ecx |= MIN(t->threads_per_pkg - 1, 255u) | (MIN(t->pkg_shift, 15u) << 12);
    }
    e = x86_cpuid_find(c, 0x8000001e, 0);
    if (e) {
        unsigned core = (apic_id >> t->smt_bits) & (unsigned)MASK_ULL(t->core_bits + t->die_bits);
        unsigned die = (apic_id >> (t->smt_bits + t->core_bits)) & (unsigned)MASK_ULL(t->die_bits);

        e->eax = apic_id;
        e->ebx = (core & 0xff) | ((t->threads_per_core - 1) << 8);
        e->ecx = (die & 0xff) | ((MIN(t->dies, 8u) - 1) << 8);
        e->edx = 0;
    }
}

static void write_topology(struct kvm_cpuid2 *c, const X86CPU *cpu)
{
    TopoInfo t = topo_info(cpu);
    struct kvm_cpuid_entry2 *e = get_entry(c, 1, 0, false);

    e->ebx &= 0x0000ffff;
    /* Never 0: a guest that knows CLFLUSH computes with it. 8 units of 8 bytes. */
    if ((e->edx & BIT(19)) && !(e->ebx & 0xff00)) {
        e->ebx |= 8 << 8;
    }
    e->ebx |= (cpu->parent_obj.apic_id & 0xff) << 24;
    if (t.threads_per_pkg > 1) {
        e->ebx |= MIN(t.threads_per_pkg, 255u) << 16;
        e->edx |= BIT(28); /* HTT: the count above means something */
    }
    write_cache_sharing(c, &t);
    write_extended_topology(c, &t, cpu->parent_obj.apic_id);
    if (is_amd(c)) {
        write_amd_topology(c, &t, cpu->parent_obj.apic_id);
        e = x86_cpuid_find(c, 0x80000001, 0);
        if (e && t.threads_per_pkg > 1) {
            e->ecx |= BIT(1); /* CmpLegacy: the threads are cores to old software */
        }
    }
    e = get_entry(c, 0, 0, false);
    if (e->eax >= 4 ||
        !cpu->level) { /* old software takes a processor with few leaves for what it is */
        e->eax = MAX(e->eax, t.dies > 1 ? 0x1fu : 0xbu);
    } else {
        remove_leaves(c, 0xb, 0xb);
        remove_leaves(c, 0x1f, 0x1f);
    }
}

/* vendor, family, model, stepping and model-id, as far as the user gave them. */
static void write_identity(struct kvm_cpuid2 *c, const X86CPU *cpu)
{
    struct kvm_cpuid_entry2 *e = get_entry(c, 1, 0, false);
    unsigned family = (e->eax >> 8) & 0xf, model = (e->eax >> 4) & 0xf, stepping = e->eax & 0xf;

    if (family == 0xf) {
        family += (e->eax >> 20) & 0xff;
    }
    if (family == 6 || family >= 0xf) {
        model |= (e->eax >> 12) & 0xf0;
    }
    family = cpu->family >= 0 ? (unsigned)cpu->family : family;
    model = cpu->model >= 0 ? (unsigned)cpu->model : model;
    stepping = cpu->stepping >= 0 ? (unsigned)cpu->stepping : stepping;
    e->eax =
        (stepping & 0xf) | ((model & 0xf) << 4) | (MIN(family, 0xfu) << 8) | ((model & 0xf0) << 12);
    if (family > 0xf) {
        e->eax |= ((family - 0xf) & 0xff) << 20;
    }
    if (cpu->vendor) {
        for (unsigned leaf = 0; leaf < 2; leaf++) {
            if (leaf && cpu->level && !cpu->xlevel) {
                break;
            }
            e = get_entry(c, leaf ? 0x80000000 : 0, 0, false);
            memcpy(&e->ebx, cpu->vendor, 4);
            memcpy(&e->edx, cpu->vendor + 4, 4);
            memcpy(&e->ecx, cpu->vendor + 8, 4);
        }
    }
    if (cpu->model_id && *cpu->model_id) {
        char text[48] = {0};

        memcpy(text, cpu->model_id, MIN(strlen(cpu->model_id), sizeof(text) - 1));
        for (unsigned i = 0; i < 3; i++) {
            e = get_entry(c, 0x80000002 + i, 0, false);
            memcpy(&e->eax, text + i * 16, 4);
            memcpy(&e->ebx, text + i * 16 + 4, 4);
            memcpy(&e->ecx, text + i * 16 + 8, 4);
            memcpy(&e->edx, text + i * 16 + 12, 4);
        }
    }
}

/* Leaf 0xD: state components whose features the guest has, and how much room they take. */
static void write_xsave(struct kvm_cpuid2 *c, const X86CPU *cpu)
{
    static const struct {
        uint64_t components;
        X86FeatureWordIndex word;
        uint32_t bits; /* any of them */
    } owners[] = {
        {BIT(2), FEAT_1_ECX, BIT(28)},                     /* avx */
        {BIT(3) | BIT(4), FEAT_7_0_EBX, BIT(14)},          /* mpx */
        {BIT(5) | BIT(6) | BIT(7), FEAT_7_0_EBX, BIT(16)}, /* avx512f */
        {BIT(9), FEAT_7_0_ECX, BIT(3)},                    /* pku */
        {BIT(17) | BIT(18), FEAT_7_0_EDX, BIT(24)},        /* amx-tile */
    };
    struct kvm_cpuid_entry2 *top = x86_cpuid_find(c, 0xd, 0), *e;
    uint64_t keep, size = 0x240;

    if (!top) {
        return;
    }
    if (!(cpu->features.w[FEAT_1_ECX] & BIT(26))) {
        remove_leaves(c, 0xd, 0xd);
        return;
    }
    keep = top->eax | (uint64_t)top->edx << 32;
    for (unsigned n = 0; n < G_N_ELEMENTS(owners); n++) {
        if (!(cpu->features.w[owners[n].word] & owners[n].bits)) {
            keep &= ~owners[n].components;
        }
    }
    for (uint32_t i = 0; i < c->nent; i++) {
        e = &c->entries[i];
        if (e->function == 0xd && e->index >= 2 && e->index < 64) {
            if (keep & BIT_ULL(e->index)) {
                size = MAX(size, (uint64_t)e->ebx + e->eax);
            } else if (!(e->ecx & 1)) { /* not of XSS */
                e->eax = e->ebx = e->ecx = e->edx = 0;
            }
        }
    }
    top->eax = keep;
    top->edx = keep >> 32;
    top->ebx = top->ecx = size; /* KVM keeps EBX to what XCR0 enables */
    e = x86_cpuid_find(c, 0xd, 1);
    if (e && !(cpu->features.w[FEAT_XSAVE] & BIT(3))) { /* no xsaves: no XSS */
        e->ecx = e->edx = 0;
    }
}

struct kvm_cpuid2 *x86_cpuid_build(const struct kvm_cpuid2 *supported, const X86CPU *cpu)
{
    size_t entry = sizeof(struct kvm_cpuid_entry2);
    struct kvm_cpuid2 *c =
        g_malloc0(sizeof(*c) + (supported->nent + EXTRA_ENTRIES + X86_FEATURE_WORDS) * entry);
    struct kvm_cpuid_entry2 *e;

    c->nent = supported->nent;
    memcpy(c->entries, supported->entries, supported->nent * entry);
    if (!cpu->pmu) {
        /* Leaf 0xA all zero: no performance counters (version 0). */
        remove_leaves(c, 0xa, 0xa);
        get_entry(c, 0xa, 0, false);
    }
    write_features(c, cpu);
    if (!cpu->expose_kvm) {
        remove_leaves(c, 0x40000000, 0x400000ff);
    }
    write_xsave(c, cpu);
    write_levels(c, cpu);
    write_identity(c, cpu);
    if (cpu->named && cpu->vendor && !strcmp(cpu->vendor, "GenuineIntel")) {
        if (cpu->level >= 4) {
            write_caches(c, 4);
        }
    } else if (cpu->named && cpu->xlevel >= 0x8000001d) {
        write_caches(c, 0x8000001d);
    }
    write_topology(c, cpu);
    e = x86_cpuid_find(c, 0x80000008, 0);
    if (e && !cpu->host_phys_bits && cpu->phys_bits) {
        e->eax = (e->eax & ~0xffu) | cpu->phys_bits;
    }
    return c;
}
