/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPU models by name: the list, versions and aliases, expansion, and what is said of wrong ones. */
#include "libqtest.h"

#include <string.h>

static json_object *member(json_object *o, const char *name)
{
    json_object *v = NULL;

    return json_object_object_get_ex(o, name, &v) ? v : NULL;
}

static void test_definitions(void)
{
    static const char *const names[] = {"486",
                                        "pentium3",
                                        "qemu32",
                                        "qemu64",
                                        "kvm32",
                                        "kvm64",
                                        "core2duo",
                                        "n270",
                                        "phenom",
                                        "Conroe",
                                        "Penryn",
                                        "Nehalem-IBRS",
                                        "Westmere",
                                        "SandyBridge",
                                        "IvyBridge",
                                        "Haswell-noTSX-IBRS",
                                        "Broadwell-noTSX",
                                        "Skylake-Client-v4",
                                        "Skylake-Server-noTSX-IBRS",
                                        "Cascadelake-Server-v5",
                                        "Cooperlake",
                                        "Icelake-Server-v6",
                                        "SapphireRapids-v3",
                                        "Denverton",
                                        "Snowridge-v4",
                                        "Opteron_G1",
                                        "Opteron_G5",
                                        "EPYC-IBPB",
                                        "EPYC-Rome",
                                        "EPYC-Milan-v2",
                                        "EPYC-Genoa",
                                        "Dhyana",
                                        "host",
                                        "max",
                                        "base"};
    QTestState *s = qtest_init("-machine q35 -nodefaults");
    json_object *list = qtest_qmp_return(s, "{'execute': 'query-cpu-definitions'}");
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (size_t n = 0; n < json_object_array_length(list); n++) {
        json_object *def = json_object_array_get_idx(list, n);
        const char *name = json_object_get_string(member(def, "name"));

        g_assert_true(g_hash_table_insert(seen, (gpointer)name, def));
    }
    for (unsigned n = 0; n < G_N_ELEMENTS(names); n++) {
        g_test_message("%s", names[n]);
        g_assert_true(g_hash_table_contains(seen, names[n]));
    }
    g_assert_cmpstr(
        json_object_get_string(member(g_hash_table_lookup(seen, "Haswell-noTSX"), "alias-of")), ==,
        "Haswell-v2");
    g_assert_cmpstr(json_object_get_string(member(g_hash_table_lookup(seen, "EPYC"), "alias-of")),
                    ==, "EPYC-v1");
    g_assert_null(member(g_hash_table_lookup(seen, "EPYC-v1"), "alias-of"));
    g_assert_true(
        json_object_get_boolean(member(g_hash_table_lookup(seen, "EPYC-v1"), "migration-safe")));
    g_assert_false(
        json_object_get_boolean(member(g_hash_table_lookup(seen, "max"), "migration-safe")));
    json_object_put(list);
    qtest_quit(s);
}

static bool feature(QTestState *s, const char *model, const char *props, const char *name)
{
    json_object *r =
        qtest_qmp_return(s,
                         "{'execute': 'query-cpu-model-expansion', 'arguments': {'type': 'full', "
                         "'model': {'name': '%s', 'props': {%s}}}}",
                         model, props);
    json_object *v = member(member(member(r, "model"), "props"), name);
    bool on;

    g_assert_nonnull(v);
    on = json_object_get_boolean(v);
    json_object_put(r);
    return on;
}

static void test_expansion(void)
{
    QTestState *s = qtest_init("-machine q35 -nodefaults");

    g_assert_true(feature(s, "Haswell", "", "avx2"));
    g_assert_true(feature(s, "Haswell", "", "sse2")); /* of the models before it */
    g_assert_true(feature(s, "Haswell", "", "rtm"));
    g_assert_false(feature(s, "Haswell-noTSX", "", "rtm"));
    g_assert_false(feature(s, "Haswell-noTSX", "", "spec-ctrl"));
    g_assert_true(feature(s, "Haswell-noTSX-IBRS", "", "spec-ctrl"));
    g_assert_false(feature(s, "Haswell", "", "avx512f"));
    g_assert_false(feature(s, "Haswell", "'avx2': false", "avx2"));
    g_assert_true(feature(s, "Haswell", "'avx512f': true", "avx512f"));
    g_assert_true(feature(s, "EPYC", "", "svm"));
    g_assert_false(feature(s, "EPYC", "", "clzero"));
    g_assert_true(feature(s, "EPYC-v3", "", "clzero"));
    g_assert_false(feature(s, "486", "", "tsc"));
    g_assert_false(feature(s, "base", "", "fpu"));
    qtest_quit(s);
}

static void test_every_model_starts(void)
{
    static const char *const names[] = {"486",  "qemu64",     "EPYC-Genoa", "SapphireRapids",
                                        "base", "Opteron_G3", "Haswell-v4", "max"};

    for (unsigned n = 0; n < G_N_ELEMENTS(names); n++) {
        qtest_quit(
            qtest_initf("-machine q35 -nodefaults -smp 2 -cpu %s,+x2apic,level=13", names[n]));
    }
}

static void expect_error(const char *args, const char *text)
{
    qtest_refused(text, "-accel qtest -display none -nodefaults %s", args);
}

static void test_errors(void)
{
    expect_error("-cpu Haswel", "-cpu help");
    expect_error("-cpu Haswell,avx3=on", "nearest is 'avx'");
    expect_error("-cpu host", "-accel kvm");
    expect_error("-cpu max,hv-spinlocks=1", "0xfff");
    expect_error("-cpu max,hv-stimer=on", "hv-stimer needs");
    expect_error("-cpu max,hv-vendor-id=ThirteenChars", "12 characters");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cpu-model/definitions", test_definitions);
    g_test_add_func("/cpu-model/expansion", test_expansion);
    g_test_add_func("/cpu-model/start", test_every_model_starts);
    g_test_add_func("/cpu-model/errors", test_errors);
    return g_test_run();
}
