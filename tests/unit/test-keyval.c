/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Option syntax: key=value lists, JSON with both quote styles, sizes, typed look-ups, nearest
 * names. */
#include "qapi/keyval.h"

#include "../include/soak.h"

typedef struct Case {
    const char *text, *implied, *want; /* want NULL: refused */
} Case;

static void test_keyval(void)
{
    static const Case cases[] = {
        {"", NULL, "{}"},
        {"nvme,drive=d0,serial=s", "driver",
         "{\"driver\":\"nvme\",\"drive\":\"d0\",\"serial\":\"s\"}"},
        {"driver=nvme,id=x", "driver", "{\"driver\":\"nvme\",\"id\":\"x\"}"},
        {"nvme,help", "driver", "{\"driver\":\"nvme\",\"help\":\"on\"}"},
        {"a=x,,y,b=,c", NULL, "{\"a\":\"x,y\",\"b\":\"\",\"c\":\"on\"}"},
        {"file=/a=b,,c", NULL, "{\"file\":\"/a=b,c\"}"},
        {"a=1,a=2", NULL, "{\"a\":\"2\"}"},
        {"nofoo", NULL, "{\"nofoo\":\"on\"}"},
        {"c.d=e,c.f.g=h", NULL, "{\"c\":{\"d\":\"e\",\"f\":{\"g\":\"h\"}}}"},
        {"c.1=y,c.0=x", NULL, "{\"c\":[\"x\",\"y\"]}"},
        {"m.0.t=i0,m.0.q.0=1,m.1.t=i1", NULL,
         "{\"m\":[{\"t\":\"i0\",\"q\":[\"1\"]},{\"t\":\"i1\"}]}"},
        {"a,,b", "x", "{\"x\":\"a,b\"}"},
        {"a=1,", NULL, "{\"a\":\"1\"}"},
        {"{'driver': 'nvme', \"id\": 'it\\'s', 'q': \"'\"}", "x",
         "{\"driver\":\"nvme\",\"id\":\"it's\",\"q\":\"'\"}"},
        {"{ \"a\": [1, true, null, -2.5] } ", NULL, "{\"a\":[1,true,null,-2.5]}"},
        {"{'a': {'x': 1, 'y': 2}, 'b': [{'x': 1}, {'x': 2}], 'x': 'a', 'y': ':'}", NULL,
         "{\"a\":{\"x\":1,\"y\":2},\"b\":[{\"x\":1},{\"x\":2}],\"x\":\"a\",\"y\":\":\"}"},
        /* A key that is given twice, also in other letters, and deeper. */
        {"{'a': 1, 'a': 1}", NULL, NULL},
        {"{'a': 1, 'b': {}, 'a': 2}", NULL, NULL},
        {"{'a': 1, 'b': {'a': 1, 'c': [], 'a': 2}}", NULL, NULL},
        {"{'b': [{'a': 1}, {'a': 1, \"a\": 2}]}", NULL, NULL},
        {"{'a': 1, '\\u0061': 2}", NULL, NULL},
        {"{'': 1, '': 2}", NULL, NULL},
        {"c.0=x,c.2=y", NULL, NULL},
        {"c.0=x,c.d=y", NULL, NULL},
        {"c=x,c.d=y", NULL, NULL},
        {"c.d=x,c=y", NULL, NULL},
        {"=x", NULL, NULL},
        {"a..b=x", NULL, NULL},
        {"a b=x", NULL, NULL},
        {"a=\xff", NULL, NULL},
        {"{'a': 1", NULL, NULL},
        {"{'a': 1,}", NULL, NULL},
        {"{'a' 1}", NULL, NULL},
        {"{'a': 'x}", NULL, NULL},
        {"{'a': 1} x", NULL, NULL},
        {"{'a': /* no */ 1}", NULL, NULL},
        {"{'a': NaN}", NULL, NULL},
        {"{a: 1}", NULL, NULL},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) err = NULL;
        bool is_json;
        json_object *obj = keyval_parse(cases[i].text, cases[i].implied, &is_json, &err);

        g_test_message("%s", cases[i].text);
        g_assert_cmpint(is_json, ==, *cases[i].text == '{');
        if (cases[i].want) {
            g_assert_no_error(err);
            g_assert_cmpstr(json_object_to_json_string_ext(obj, JSON_C_TO_STRING_PLAIN |
                                                                    JSON_C_TO_STRING_NOSLASHESCAPE),
                            ==, cases[i].want);
        } else {
            g_assert_null(obj);
            g_assert_nonnull(err);
            g_assert_null(strchr(err->message, '\n'));
        }
        json_object_put(obj);
    }
}

/* --- random values, written as key=value and read back */

/* A value of the characters that mean something in the syntax, and of some that do not. */
static char *random_text(void)
{
    static const char letters[] = ",=.\\'\"{}[] :0a-_\t";
    unsigned len = (unsigned)g_test_rand_int_range(0, 9);
    char *text = g_malloc0(len + 1);

    for (unsigned i = 0; i < len; i++) {
        text[i] = letters[g_test_rand_int_range(0, sizeof(letters) - 1)];
    }
    return text;
}

static json_object *random_value(unsigned depth)
{
    int kind = depth ? g_test_rand_int_range(0, 4) : 0;
    int n = g_test_rand_int_range(1, 5);
    json_object *obj;

    if (kind < 2) {
        g_autofree char *text = random_text();

        return json_object_new_string(text);
    }
    obj = kind == 3 ? json_object_new_array() : json_object_new_object();
    for (int i = 0; i < n; i++) {
        if (kind == 3) {
            json_object_array_add(obj, random_value(depth - 1));
        } else {
            g_autofree char *key = g_strdup_printf("%c%s%d", "abXY"[g_test_rand_int_range(0, 4)],
                                                   g_test_rand_bit() ? "-" : "_", i);

            json_object_object_add(obj, key, random_value(depth - 1));
        }
    }
    return obj;
}

static void print_member(GString *to, const char *key, json_object *value)
{
    if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, name, member)
        {
            g_autofree char *path = g_strdup_printf("%s%s%s", key, *key ? "." : "", name);

            print_member(to, path, member);
        }
        return;
    }
    if (json_object_is_type(value, json_type_array)) {
        for (size_t i = json_object_array_length(value); i-- > 0;) { /* any order will do */
            g_autofree char *path = g_strdup_printf("%s.%zu", key, i);

            print_member(to, path, json_object_array_get_idx(value, i));
        }
        return;
    }
    g_string_append_printf(to, "%s%s=", to->len ? "," : "", key);
    for (const char *p = json_object_get_string(value); *p; p++) {
        g_string_append(to, *p == ',' ? ",," : (char[]){*p, 0});
    }
}

static void test_random(void)
{
    for (long left = soak(3000, 300000); left; left--) {
        json_object *value = json_object_new_object(), *back;
        g_autoptr(GString) text = g_string_new(NULL);
        g_autoptr(GError) err = NULL;
        bool is_json = true;

        json_object_object_add(value, "top", random_value(3));
        json_object_object_add(value, "last", random_value(3));
        print_member(text, "", value);
        back = keyval_parse(text->str, NULL, &is_json, &err);
        g_assert_no_error(err);
        g_assert_false(is_json);
        if (!json_object_equal(value, back)) {
            g_error("%s was read as %s", text->str, json_object_to_json_string(back));
        }
        json_object_put(back);
        /* The same as JSON. */
        back = keyval_parse(json_object_to_json_string(value), "x", &is_json, &err);
        g_assert_no_error(err);
        g_assert_true(is_json && json_object_equal(value, back));
        json_object_put(back);
        json_object_put(value);
    }
}

static void test_deep(void)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GError) err = NULL;

    for (int i = 0; i < 100000; i++) {
        g_string_append(text, "[");
    }
    g_assert_null(json_parse(text->str, &err));
    g_assert_nonnull(err);
    g_clear_error(&err);
    g_string_truncate(text, 0);
    for (int i = 0; i < 1000; i++) {
        g_string_append(text, "a.");
    }
    g_string_append(text, "b=1");
    g_assert_null(keyval_parse(text->str, NULL, NULL, &err));
    g_assert_nonnull(err);
}

static void test_json_scalars(void)
{
    json_object *v = json_parse(" 'x\\u0041\\n' ", NULL);

    g_assert_cmpstr(json_object_get_string(v), ==, "xA\n");
    json_object_put(v);
    v = json_parse("18446744073709551615", NULL);
    g_assert_cmpuint(json_object_get_uint64(v), ==, UINT64_MAX);
    json_object_put(v);
    g_assert_null(json_parse("'a\nb'", NULL));
    g_assert_null(json_parse("", NULL));
    g_assert_null(json_parse("nope", NULL));
}

static void test_size(void)
{
    static const struct {
        const char *text;
        uint64_t unit, want;
        bool ok;
    } cases[] = {
        {"0", 1, 0, true},
        {"4096", 1, 4096, true},
        {"4K", 1, 4096, true},
        {"4k", 1, 4096, true},
        {"1.5G", 1, 3 * GiB / 2, true},
        {"512", MiB, 512 * MiB, true},
        {"512b", MiB, 512, true},
        {"0x1000", 1, 4096, true},
        {"1T", 1, UINT64_C(1) << 40, true},
        {"15E", 1, UINT64_C(15) << 60, true},
        {"16E", 1, 0, false},
        {"-1", 1, 0, false},
        {"", 1, 0, false},
        {"4KB", 1, 0, false},
        {"4X", 1, 0, false},
        {"1.5", 1, 0, false},
        {"0x", 1, 0, false},
        {" 4", 1, 0, false},
        {"99999999999999999999", 1, 0, false},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) err = NULL;
        uint64_t v = 0;

        g_test_message("%s", cases[i].text);
        g_assert_cmpint(parse_size(cases[i].text, cases[i].unit, &v, &err), ==, cases[i].ok);
        g_assert_cmpint(err == NULL, ==, cases[i].ok);
        if (cases[i].ok) {
            g_assert_cmpuint(v, ==, cases[i].want);
        }
    }
}

static void test_opts(void)
{
    static const char *const known[] = {"size", "share", "prealloc", NULL};
    json_object *opts = keyval_parse("s=x,b=off,n=0x10,z=1M,sise=3", NULL, NULL, NULL);
    g_autoptr(GError) err = NULL;
    g_autofree char *s = opts_take_str(opts, "s");
    uint64_t n, z;
    bool b;

    g_assert_cmpstr(s, ==, "x");
    g_assert_null(opts_take_str(opts, "s"));
    g_assert_true(opts_take_bool(opts, "b", true, &b, &err) && !b);
    g_assert_true(opts_take_bool(opts, "absent", true, &b, &err) && b);
    g_assert_true(opts_take_uint(opts, "n", 0, 16, &n, &err) && n == 16);
    g_assert_true(opts_take_size(opts, "z", 0, &z, &err) && z == MiB);
    g_assert_false(opts_check_empty(opts, "-object memory-backend-ram", known, &err));
    g_assert_nonnull(strstr(err->message, "'sise'"));
    g_assert_nonnull(strstr(err->message, "'size'"));
    g_clear_error(&err);
    json_object_object_del(opts, "sise");
    g_assert_true(opts_check_empty(opts, "x", known, &err));
    json_object_put(opts);

    opts = json_parse("{'b': true, 'n': 17, 'neg': -1}", NULL);
    g_assert_true(opts_take_bool(opts, "b", false, &b, &err) && b);
    g_assert_false(opts_take_uint(opts, "n", 0, 16, &n, &err));
    g_assert_nonnull(strstr(err->message, "'n'"));
    g_clear_error(&err);
    g_assert_false(opts_take_uint(opts, "neg", 0, 16, &n, NULL));
    json_object_put(opts);
}

static void test_nearest(void)
{
    static const char *const names[] = {"nvme", "pcie-root-port", "isa-serial", "virtio-blk-pci",
                                        NULL};
    static const char *const short_names[] = {"mon", "m", "D", "drive", NULL};

    g_assert_cmpstr(nearest_name("nvem", names), ==, "nvme");
    g_assert_cmpstr(nearest_name("NVME", names), ==, "nvme");
    g_assert_cmpstr(nearest_name("pcie-rootport", names), ==, "pcie-root-port");
    g_assert_cmpstr(nearest_name("virtio-blk", names), ==, "virtio-blk-pci");
    g_assert_null(nearest_name("floppy", names));
    /* A word of up to four letters may have one wrong, no more. */
    g_assert_cmpstr(nearest_name("nvm", names), ==, "nvme");
    g_assert_cmpstr(nearest_name("mvme", names), ==, "nvme");
    g_assert_null(nearest_name("mvne", names));
    g_assert_null(nearest_name("foo", short_names));
    g_assert_null(nearest_name("fg", short_names));
    g_assert_cmpstr(nearest_name("man", short_names), ==, "mon");
    g_assert_null(nearest_name("nom", short_names));
    g_assert_cmpstr(nearest_name("monn", short_names), ==, "mon");
    g_assert_cmpstr(nearest_name("dirve", short_names), ==, "drive");
    g_assert_cmpstr(nearest_name("d", short_names), ==, "D");
    g_assert_null(nearest_name("x", short_names));
    g_assert_null(nearest_name("", names));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/keyval/lists", test_keyval);
    g_test_add_func("/keyval/random", test_random);
    g_test_add_func("/keyval/deep", test_deep);
    g_test_add_func("/keyval/json", test_json_scalars);
    g_test_add_func("/keyval/size", test_size);
    g_test_add_func("/keyval/opts", test_opts);
    g_test_add_func("/keyval/nearest", test_nearest);
    return g_test_run();
}
