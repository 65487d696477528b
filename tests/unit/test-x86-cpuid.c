/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPUID for guests: names of features, topology, what a user takes away. */
#include "qemu/osdep.h"

#include "../../target/i386/hyperv.h"
#include "../../target/i386/named_models.h"

#define N 20

typedef struct Table {
    struct kvm_cpuid2 head;
    struct kvm_cpuid_entry2 entries[N];
} Table;

static void add(Table *t, uint32_t leaf, uint32_t sub, bool indexed, uint32_t a, uint32_t b,
                uint32_t c, uint32_t d)
{
    g_assert_cmpuint(t->head.nent, <, N);
    t->entries[t->head.nent++] = (struct kvm_cpuid_entry2){
        .function = leaf,
        .index = sub,
        .flags = indexed ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
        .eax = a,
        .ebx = b,
        .ecx = c,
        .edx = d,
    };
}

/* An AMD processor, as a KVM could offer it. */
static Table amd_table(void)
{
    Table t = {0};

    add(&t, 0, 0, false, 0xd, 0x68747541, 0x444d4163, 0x69746e65);
    add(&t, 1, 0, false, 0x00800f12, 0, 0x86d83203, 0x178bfbff);
    add(&t, 4, 0, true, 0x04004121, 0x01c0003f, 0x3f, 0);
    add(&t, 7, 0, true, 0, 0x209c01a9, 0, 0);
    add(&t, 0xa, 0, false, 0x07300802, 0, 0, 0x603);
    add(&t, 0xd, 0, true, 7, 0x340, 0x340, 0);
    add(&t, 0xd, 1, true, 0xf, 0, 0, 0);
    add(&t, 0x40000000, 0, false, 0x40000001, 0x4b4d564b, 0x564b4d56, 0x4d);
    add(&t, 0x40000001, 0, false, 0x01007efb, 0, 0, 0);
    add(&t, 0x80000000, 0, false, 0x8000001f, 0x68747541, 0x444d4163, 0x69746e65);
    add(&t, 0x80000001, 0, false, 0x00800f12, 0, 0x000001f1, 0x2fd3fbff);
    add(&t, 0x80000007, 0, false, 0, 0, 0, 0x100);
    add(&t, 0x80000008, 0, false, 0x3030, 0x1007, 0, 0);
    add(&t, 0x8000001d, 0, true, 0x121, 0x1c0003f, 0x3f, 0);
    add(&t, 0x8000001e, 0, false, 0, 0, 0, 0);
    return t;
}

static X86CPU *new_cpu(Table *t, unsigned threads, unsigned cores, unsigned dies, uint32_t apic_id)
{
    X86CPU *cpu = g_new0(X86CPU, 1);

    cpu->parent_obj.apic_id = apic_id;
    cpu->family = cpu->model = cpu->stepping = -1;
    cpu->expose_kvm = cpu->pmu = cpu->host_phys_bits = true;
    cpu->topo = (X86CPUTopology){threads, cores, dies};
    x86_cpuid_features(&t->head, &cpu->features);
    return cpu;
}

static struct kvm_cpuid_entry2 *leaf(struct kvm_cpuid2 *c, uint32_t l, uint32_t sub)
{
    struct kvm_cpuid_entry2 *e = x86_cpuid_find(c, l, sub);
    g_assert_nonnull(e);
    return e;
}

static void test_names(void)
{
    unsigned w, b;
    g_autofree const char **names = x86_feature_names();
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    g_assert_true(x86_feature_find("sse4.1", &w, &b) && w == FEAT_1_ECX && b == 19);
    g_assert_true(x86_feature_find("sse4_1", &w, &b) && w == FEAT_1_ECX && b == 19);
    g_assert_true(x86_feature_find("lahf_lm", &w, &b) && w == FEAT_8000_0001_ECX && b == 0);
    g_assert_true(x86_feature_find("sse3", &w, &b) && w == FEAT_1_ECX && b == 0);
    g_assert_true(x86_feature_find("kvm-pv-unhalt", &w, &b) && w == FEAT_KVM && b == 7);
    g_assert_false(x86_feature_find("sse4", &w, &b));
    g_assert_false(x86_feature_find("", &w, &b));
    for (const char **n = names; *n; n++) {
        g_assert_true(g_hash_table_add(seen, (gpointer)*n)); /* no name stands twice */
        g_assert_true(x86_feature_find(*n, &w, &b));
        g_assert_cmpstr(x86_feature_words[w].names[b], ==, *n);
    }
    g_assert_cmpuint(g_hash_table_size(seen), >, 200);
}

static void test_single(void)
{
    Table t = amd_table();
    g_autofree X86CPU *cpu = new_cpu(&t, 1, 1, 1, 0);
    g_autofree struct kvm_cpuid2 *c = x86_cpuid_build(&t.head, cpu);

    g_assert_cmphex(leaf(c, 1, 0)->ebx >> 16, ==, 0);
    g_assert_cmphex(leaf(c, 0xb, 0)->eax, ==, 0);
    g_assert_cmphex(leaf(c, 0xb, 0)->ebx, ==, 1);
    g_assert_cmphex(leaf(c, 0xb, 1)->ebx, ==, 1);
    g_assert_cmphex(leaf(c, 0xb, 2)->ecx, ==, 2);
    g_assert_null(x86_cpuid_find(c, 0x1f, 0));
    g_assert_cmphex(leaf(c, 0x80000001, 0)->ecx & 2, ==, 0);
    g_assert_cmphex(leaf(c, 0x80000001, 0)->edx, ==, 0x2fd3fbff);
}

static void test_topology(void)
{
    Table t = amd_table();
    /* 2 dies of 3 cores of 2 threads: APIC id = die:1 core:2 thread:1. Thread 1 of core 2 of die 1:
     * 1 10 1 */
    g_autofree X86CPU *cpu = new_cpu(&t, 2, 3, 2, 0xd);
    g_autofree struct kvm_cpuid2 *c = x86_cpuid_build(&t.head, cpu);

    g_assert_cmphex(leaf(c, 1, 0)->ebx, ==, 0x0d0c0800);
    g_assert_cmphex(leaf(c, 1, 0)->edx & BIT(28), !=, 0);
    g_assert_cmphex(leaf(c, 0xb, 0)->eax, ==, 1);
    g_assert_cmphex(leaf(c, 0xb, 0)->ebx, ==, 2);
    g_assert_cmphex(leaf(c, 0xb, 0)->ecx, ==, 0x100);
    g_assert_cmphex(leaf(c, 0xb, 0)->edx, ==, 0xd);
    g_assert_cmphex(leaf(c, 0xb, 1)->eax, ==, 4);
    g_assert_cmphex(leaf(c, 0xb, 1)->ebx, ==, 12);
    g_assert_cmphex(leaf(c, 0xb, 1)->ecx, ==, 0x201);
    g_assert_cmphex(leaf(c, 0x1f, 1)->eax, ==, 3);
    g_assert_cmphex(leaf(c, 0x1f, 1)->ebx, ==, 6);
    g_assert_cmphex(leaf(c, 0x1f, 2)->eax, ==, 4);
    g_assert_cmphex(leaf(c, 0x1f, 2)->ecx, ==, 0x502);
    g_assert_cmphex(leaf(c, 0, 0)->eax, ==, 0x1f);
    g_assert_cmphex(leaf(c, 0x80000008, 0)->ecx, ==, 0x400b);
    g_assert_cmphex(leaf(c, 0x8000001e, 0)->eax, ==, 0xd);
    g_assert_cmphex(leaf(c, 0x8000001e, 0)->ebx, ==, 0x106);
    g_assert_cmphex(leaf(c, 0x8000001e, 0)->ecx, ==, 0x101);
    g_assert_cmphex((leaf(c, 0x8000001d, 0)->eax >> 14) & 0xfff, ==, 1); /* level 1: both threads */
    g_assert_cmphex((leaf(c, 4, 0)->eax >> 14) & 0xfff, ==, 1);
    g_assert_cmphex(leaf(c, 4, 0)->eax >> 26, ==, 7);
    g_assert_cmphex(leaf(c, 0x80000001, 0)->ecx & 2, ==, 2);
}

static void test_taken_away(void)
{
    Table t = amd_table();
    g_autofree X86CPU *cpu = new_cpu(&t, 1, 1, 1, 0);
    char vendor[] = "GenuineIntel", id[] = "A processor of our own";

    cpu->features.w[FEAT_1_ECX] &= ~BIT(19);
    cpu->expose_kvm = cpu->pmu = cpu->host_phys_bits = false;
    cpu->phys_bits = 40;
    cpu->vendor = vendor;
    cpu->model_id = id;
    cpu->family = 0x19;
    cpu->model = 0x21;
    g_autofree struct kvm_cpuid2 *c = x86_cpuid_build(&t.head, cpu);

    g_assert_cmphex(leaf(c, 1, 0)->ecx, ==, 0x86d83203 & ~BIT(19));
    g_assert_null(x86_cpuid_find(c, 0x40000000, 0));
    g_assert_null(x86_cpuid_find(c, 0x40000001, 0));
    g_assert_cmphex(leaf(c, 0xa, 0)->eax, ==, 0);
    g_assert_cmphex(leaf(c, 0x80000008, 0)->eax, ==, 0x3028);
    g_assert_cmphex(leaf(c, 0, 0)->ebx, ==, 0x756e6547);
    g_assert_cmphex(leaf(c, 0, 0)->edx, ==, 0x49656e69);
    g_assert_cmphex(leaf(c, 0, 0)->ecx, ==, 0x6c65746e);
    g_assert_cmphex(leaf(c, 1, 0)->eax, ==, 0x00a20f12);
    g_assert_cmpint(memcmp(&leaf(c, 0x80000002, 0)->eax, "A pr", 4), ==, 0);
    g_assert_cmpint(memcmp(&leaf(c, 0x80000003, 0)->eax, "ur o", 4), ==, 0);
}

/* --- named models: the whole way needs the type, what it comes to does not --- */

static void test_model_identity(void)
{
    Table t = amd_table();
    g_autofree X86CPU *cpu = new_cpu(&t, 1, 1, 1, 0);
    static const X86Model old = {.name = "old",
                                 .vendor = "GenuineIntel",
                                 .model_id = "",
                                 .family = 5,
                                 .model = 4,
                                 .stepping = 3,
                                 .level = 1,
                                 .features = "+fpu +vme +tsc"};
    const X86ModelRef ref = {.model = &old};

    x86_model_apply(&ref, cpu);
    cpu->features = cpu->base;
    g_autofree struct kvm_cpuid2 *c = x86_cpuid_build(&t.head, cpu);
    g_assert_cmphex(leaf(c, 0, 0)->eax, ==, 1);
    g_assert_cmphex(leaf(c, 0, 0)->ebx, ==, 0x756e6547);
    g_assert_cmphex(leaf(c, 1, 0)->eax, ==, 0x543);
    g_assert_cmphex(leaf(c, 1, 0)->edx, ==, 0x13);
    g_assert_cmphex(leaf(c, 1, 0)->ecx, ==, 0);
    g_assert_null(x86_cpuid_find(c, 4, 0)); /* nothing above the highest leaf */
    g_assert_null(x86_cpuid_find(c, 0xb, 0));
    g_assert_null(x86_cpuid_find(c, 0xd, 0));
    g_assert_null(x86_cpuid_find(c, 0x80000000, 0));
    g_free(cpu->vendor);
    g_free(cpu->model_id);
}

static void test_model_versions(void)
{
    static const X86ModelVersion versions[] = {
        {"m-noTSX", "-hle -rtm", "Second", -1, 7}, {NULL, "+hle", NULL, 9, -1}, {0}};
    static const X86Model parent = {.features = "+hle +rtm +sse"};
    static const X86Model m = {.name = "m",
                               .vendor = "GenuineIntel",
                               .model_id = "First",
                               .parent = &parent,
                               .family = 6,
                               .model = 3,
                               .stepping = 1,
                               .level = 0xd,
                               .xlevel = 0x80000008,
                               .features = "-sse +sse2",
                               .versions = versions};
    static const struct {
        unsigned version;
        const char *id;
        int model, stepping;
        uint32_t tsx;
    } expected[] = {{0, "First", 3, 1, BIT(4) | BIT(11)},
                    {1, "First", 3, 1, BIT(4) | BIT(11)},
                    {2, "Second", 3, 7, 0},
                    {3, "Second", 9, 7, BIT(4)}};

    for (unsigned n = 0; n < G_N_ELEMENTS(expected); n++) {
        X86CPU cpu = {0};
        const X86ModelRef ref = {.model = &m, .version = expected[n].version};

        x86_model_apply(&ref, &cpu);
        g_assert_cmpstr(cpu.model_id, ==, expected[n].id);
        g_assert_cmpint(cpu.model, ==, expected[n].model);
        g_assert_cmpint(cpu.stepping, ==, expected[n].stepping);
        g_assert_cmphex(cpu.base.w[FEAT_7_0_EBX], ==, expected[n].tsx);
        g_assert_cmphex(cpu.base.w[FEAT_1_EDX], ==, BIT(26)); /* the parent's sse was taken away */
        g_free(cpu.vendor);
        g_free(cpu.model_id);
    }
}

/* Leaf 0xD follows the features: without AVX no AVX state, and no room for it. */
static void test_xsave_components(void)
{
    Table t = amd_table();
    g_autofree X86CPU *cpu = new_cpu(&t, 1, 1, 1, 0);

    cpu->features.w[FEAT_1_ECX] |= BIT(28);
    add(&t, 0xd, 2, true, 0x100, 0x240, 0, 0);
    {
        g_autofree struct kvm_cpuid2 *c = x86_cpuid_build(&t.head, cpu);
        g_assert_cmphex(leaf(c, 0xd, 0)->eax, ==, 7);
        g_assert_cmphex(leaf(c, 0xd, 0)->ecx, ==, 0x340);
    }
    cpu->features.w[FEAT_1_ECX] &= ~BIT(28);
    {
        g_autofree struct kvm_cpuid2 *c = x86_cpuid_build(&t.head, cpu);
        g_assert_cmphex(leaf(c, 0xd, 0)->eax, ==, 3);
        g_assert_cmphex(leaf(c, 0xd, 0)->ecx, ==, 0x240);
        g_assert_cmphex(leaf(c, 0xd, 2)->eax, ==, 0);
    }
    cpu->features.w[FEAT_1_ECX] &= ~BIT(26);
    g_autofree struct kvm_cpuid2 *c = x86_cpuid_build(&t.head, cpu);
    g_assert_null(x86_cpuid_find(c, 0xd, 0));
}

/* Another vendor's model has caches, though the host's leaf for them is empty. */
static void test_caches_of_other_vendor(void)
{
    Table t = amd_table();
    g_autofree X86CPU *cpu = new_cpu(&t, 1, 4, 1, 0);
    char vendor[] = "GenuineIntel";

    t.entries[2].eax = 0;
    cpu->named = true;
    cpu->vendor = vendor;
    cpu->level = 0xd;
    cpu->xlevel = 0x80000008;
    g_autofree struct kvm_cpuid2 *c = x86_cpuid_build(&t.head, cpu);
    g_assert_cmphex(leaf(c, 4, 0)->eax & 0xff, ==, 0x21);
    g_assert_cmphex(leaf(c, 4, 3)->eax & 0xff, ==, 0x63);
    g_assert_cmphex((leaf(c, 4, 3)->eax >> 14) & 0xfff, ==, 3); /* shared by all four */
    g_assert_cmphex(leaf(c, 4, 4)->eax, ==, 0);
    g_assert_null(x86_cpuid_find(c, 0x8000001d, 0));
    g_assert_cmphex(leaf(c, 0x80000001, 0)->edx & BIT(0), ==, 0); /* Intel repeats nothing there */
}

static void test_hyperv_leaves(void)
{
    Table t = amd_table();
    g_autofree X86CPU *cpu = new_cpu(&t, 1, 1, 1, 0);
    X86HyperV hv = {.on = BIT(HV_RELAXED) | BIT(HV_TIME) | BIT(HV_VPINDEX),
                    .has_spinlocks = true,
                    .spinlocks = 0x1fff};
    g_autoptr(GError) err = NULL;

    cpu->hv = &hv;
    g_autofree struct kvm_cpuid2 *c = x86_cpuid_build(&t.head, cpu);
    x86_hv_write(c, cpu, NULL);
    g_assert_cmpint(memcmp(&leaf(c, 0x40000000, 0)->ebx, "Micr", 4), ==, 0);
    g_assert_cmpint(memcmp(&leaf(c, 0x40000001, 0)->eax, "Hv#1", 4), ==, 0);
    g_assert_cmphex(leaf(c, 0x40000003, 0)->eax, ==, BIT(1) | BIT(9) | BIT(6) | BIT(5));
    g_assert_cmphex(leaf(c, 0x40000004, 0)->eax, ==, BIT(5));
    g_assert_cmphex(leaf(c, 0x40000004, 0)->ebx, ==, 0x1fff);
    /* KVM's own signature stands behind them, and its highest leaf with it. */
    g_assert_cmphex(leaf(c, 0x40000100, 0)->ebx, ==, 0x4b4d564b);
    g_assert_cmphex(leaf(c, 0x40000100, 0)->eax, ==, 0x40000101);
    g_assert_nonnull(x86_cpuid_find(c, 0x40000101, 0));
    g_assert_true(x86_hv_check(cpu, NULL, NULL));
    hv.on |= BIT(HV_STIMER); /* without hv-synic */
    g_assert_false(x86_hv_check(cpu, NULL, &err));
    g_assert_nonnull(strstr(err->message, "hv-synic"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/x86-cpuid/names", test_names);
    g_test_add_func("/x86-cpuid/single", test_single);
    g_test_add_func("/x86-cpuid/topology", test_topology);
    g_test_add_func("/x86-cpuid/taken-away", test_taken_away);
    g_test_add_func("/x86-cpuid/model/identity", test_model_identity);
    g_test_add_func("/x86-cpuid/model/versions", test_model_versions);
    g_test_add_func("/x86-cpuid/xsave", test_xsave_components);
    g_test_add_func("/x86-cpuid/caches", test_caches_of_other_vendor);
    g_test_add_func("/x86-cpuid/hyperv", test_hyperv_leaves);
    return g_test_run();
}
