/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Walks the object tree of every machine and asks about every type: everything that is listed must
 * answer, and leave no trace. */
#include "libqtest.h"

#include <string.h>

static QTestState *s;

static const char *string_member(json_object *obj, const char *name)
{
    json_object *v = NULL;

    return json_object_object_get_ex(obj, name, &v) ? json_object_get_string(v) : NULL;
}

/* Reads every property below path; returns how many objects there are. */
static unsigned walk(const char *path, unsigned depth)
{
    json_object *list =
        qtest_qmp_return(s, "{'execute': 'qom-list', 'arguments': {'path': '%s'}}", path);
    unsigned objects = 1;

    g_assert_cmpuint(depth, <, 32);
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *prop = json_object_array_get_idx(list, i);
        const char *name = string_member(prop, "name"), *type = string_member(prop, "type");
        json_object *reply;

        g_assert_true(name && type);
        if (g_str_has_prefix(type, "child<")) {
            g_autofree char *below = g_strdup_printf("%s/%s", strcmp(path, "/") ? path : "", name);

            objects += walk(below, depth + 1);
        }
        reply = qtest_qmp(
            s, "{'execute': 'qom-get', 'arguments': {'path': '%s', 'property': '%s'}}", path, name);
        if (!json_object_object_get_ex(reply, "return", NULL)) {
            g_test_message("%s.%s: %s", path, name,
                           json_object_to_json_string(reply)); /* may fail, must answer */
        } else if (!strcmp(name, "type")) {
            g_assert_nonnull(string_member(reply, "return"));
        }
        json_object_put(reply);
    }
    json_object_put(list);
    return objects;
}

static void test_tree(gconstpointer args)
{
    s = qtest_initf("%s", (const char *)args);
    unsigned n = walk("/", 0);

    g_test_message("%s: %u objects", (const char *)args, n);
    g_assert_cmpuint(n, >=, 3);
    g_assert_cmpuint(walk("/", 0), ==, n);
    qtest_quit(s);
}

/* Setting each property to what it is, to nonsense of each JSON type, must at worst be refused. */
static void test_set_nonsense(void)
{
    static const char *const values[] = {
        "0", "-1", "'x'", "true", "null", "{}", "[]", "1e300", "18446744073709551615"};
    static const char *const paths[] = {"/machine", "/machine/peripheral/n0", "/objects/iot0", "/"};

    s = qtest_init("-machine q35 -nodefaults -object iothread,id=iot0 -device nvme,serial=x,id=n0");
    for (unsigned p = 0; p < G_N_ELEMENTS(paths); p++) {
        json_object *list =
            qtest_qmp_return(s, "{'execute': 'qom-list', 'arguments': {'path': '%s'}}", paths[p]);

        for (size_t i = 0; i < json_object_array_length(list); i++) {
            const char *name = string_member(json_object_array_get_idx(list, i), "name");

            for (unsigned v = 0; v < G_N_ELEMENTS(values); v++) {
                json_object_put(qtest_qmp(s,
                                          "{'execute': 'qom-set', 'arguments': {'path': '%s', "
                                          "'property': '%s', 'value': %s}}",
                                          paths[p], name, values[v]));
            }
        }
        json_object_put(list);
    }
    qtest_qmp_ok(s, "{'execute': 'query-status'}");
    qtest_quit(s);
}

static char *trees(void)
{
    g_autofree char *qom = qtest_hmp(s, "info qom-tree"), *qtree = qtest_hmp(s, "info qtree");

    return g_strconcat(qom, qtree, NULL);
}

static void test_types(void)
{
    json_object *all, *concrete;
    g_autofree char *before = NULL, *after = NULL;
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);

    s = qtest_init("-machine none -nodefaults");
    before = trees();
    all = qtest_qmp_return(s, "{'execute': 'qom-list-types', 'arguments': {'abstract': true}}");
    for (size_t i = 0; i < json_object_array_length(all); i++) {
        g_hash_table_add(
            names, (char *)(uintptr_t)string_member(json_object_array_get_idx(all, i), "name"));
    }
    g_assert_cmpuint(g_hash_table_size(names), ==, json_object_array_length(all));
    for (size_t i = 0; i < json_object_array_length(all); i++) {
        json_object *t = json_object_array_get_idx(all, i);
        const char *name = string_member(t, "name"), *parent = string_member(t, "parent");

        g_assert_true(parent ? g_hash_table_contains(names, parent)
                             : !strcmp(name, "object") || !strcmp(name, "interface"));
        json_object_put(qtest_qmp(
            s, "{'execute': 'qom-list-properties', 'arguments': {'typename': '%s'}}", name));
    }
    concrete =
        qtest_qmp_return(s, "{'execute': 'qom-list-types', 'arguments': {'implements': 'device'}}");
    g_assert_cmpuint(json_object_array_length(concrete), >, 10);
    for (size_t i = 0; i < json_object_array_length(concrete); i++) {
        json_object *t = json_object_array_get_idx(concrete, i), *abstract, *list;
        const char *name = string_member(t, "name");
        g_autofree char *help = NULL;

        g_assert_false(json_object_object_get_ex(t, "abstract", &abstract));
        list = qtest_qmp_return(
            s, "{'execute': 'device-list-properties', 'arguments': {'typename': '%s'}}", name);
        for (size_t k = 0; k < json_object_array_length(list); k++) {
            json_object *prop = json_object_array_get_idx(list, k);

            g_assert_true(string_member(prop, "name") && string_member(prop, "type"));
            g_assert_cmpstr(string_member(prop, "name"), !=, "realized");
        }
        json_object_put(list);
        help = qtest_hmp(s, "device_add %s,help", name);
        g_assert_true(*help);
    }
    after = trees();
    g_assert_cmpstr(before, ==, after);
    json_object_put(all);
    json_object_put(concrete);
    qtest_quit(s);
}

/* Every device type that a user may ask for, without any argument: it comes to life or says why
 * not; then everything goes again. */
static void test_add_each(void)
{
    json_object *list;
    g_autofree char *before = NULL;

    s = qtest_init("-machine q35 -nodefaults -device pcie-root-port,id=rp,chassis=9,slot=9");
    before = trees();
    list =
        qtest_qmp_return(s, "{'execute': 'qom-list-types', 'arguments': {'implements': 'device'}}");
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        const char *name = string_member(json_object_array_get_idx(list, i), "name");
        json_object *reply = qtest_qmp(
            s, "{'execute': 'device_add', 'arguments': {'driver': '%s', 'id': 'd%zu'}}", name, i);
        bool added = json_object_object_get_ex(reply, "return", NULL);

        g_test_message("%s: %s", name, added ? "added" : json_object_to_json_string(reply));
        json_object_put(reply);
        if (!added) {
            g_autofree char *after = trees();

            g_assert_cmpstr(before, ==, after);
        } else {
            /* The guest would have to let it go; a reset does, too. */
            reply = qtest_qmp(s, "{'execute': 'device_del', 'arguments': {'id': 'd%zu'}}", i);
            g_assert_true(json_object_object_get_ex(reply, "return", NULL));
            json_object_put(reply);
            qtest_system_reset(s);
        }
    }
    json_object_put(list);
    qtest_quit(s);
}

static void test_objects(void)
{
    s = qtest_init("-machine none -nodefaults");
    qtest_qmp_ok(s, "{'execute': 'object-add', 'arguments': {'qom-type': 'iothread', 'id': 'a', "
                    "'poll-max-ns': 0}}");
    g_free(qtest_qmp_error(
        s, "GenericError",
        "{'execute': 'object-add', 'arguments': {'qom-type': 'iothread', 'id': 'a'}}"));
    g_free(qtest_qmp_error(s, "GenericError",
                           "{'execute': 'object-add', 'arguments': {'qom-type': "
                           "'iothread', 'id': 'b', 'poll-max-ns': 'x'}}"));
    g_free(qtest_qmp_error(
        s, "GenericError",
        "{'execute': 'object-add', 'arguments': {'qom-type': 'iothread', 'id': '0/..'}}"));
    json_object *value = qtest_qmp_return(
        s,
        "{'execute': 'qom-get', 'arguments': {'path': '/objects/a', 'property': 'poll-max-ns'}}");
    g_assert_cmpint(json_object_get_int(value), ==, 0);
    json_object_put(value);
    qtest_qmp_ok(s, "{'execute': 'object-del', 'arguments': {'id': 'a'}}");
    g_free(
        qtest_qmp_error(s, "GenericError", "{'execute': 'object-del', 'arguments': {'id': 'a'}}"));
    json_object *list =
        qtest_qmp_return(s, "{'execute': 'qom-list', 'arguments': {'path': '/objects'}}");
    g_assert_cmpuint(json_object_array_length(list), ==, 1); /* its type */
    json_object_put(list);
    qtest_quit(s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/qom/tree/none", "-machine none -nodefaults", test_tree);
    g_test_add_data_func("/qom/tree/q35", "-machine q35", test_tree);
    g_test_add_data_func(
        "/qom/tree/q35-full",
        "-machine q35 -smp 2 -object iothread,id=iot0 -device pcie-root-port,id=rp -device "
        "nvme,serial=x,bus=rp,id=n0",
        test_tree);
    g_test_add_func("/qom/types", test_types);
    g_test_add_func("/qom/set-nonsense", test_set_nonsense);
    g_test_add_func("/qom/add-each", test_add_each);
    g_test_add_func("/qom/objects", test_objects);
    return g_test_run();
}
