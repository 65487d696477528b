/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cutting a hostile byte stream into JSON values. */
#include "qemu/osdep.h"

#include "monitor/json-stream.h"

static GString *seen;

static void item(void *opaque, json_object *value, GError *err)
{
    g_assert_true(!value != !err);
    if (err) {
        g_string_append(seen, "E ");
        g_error_free(err);
    } else {
        g_string_append_printf(seen, "%s ",
                               json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN));
        json_object_put(value);
    }
}

/* What comes out must not depend on how the bytes arrive. */
static void check_bytes(const char *bytes, size_t len, const char *expected)
{
    for (size_t chunk = 1; chunk <= len; chunk += chunk < 4 ? 1 : 37) {
        JsonStream s;

        g_string_truncate(seen, 0);
        json_stream_init(&s, item, NULL);
        for (size_t i = 0; i < len; i += chunk) {
            json_stream_feed(&s, (const uint8_t *)bytes + i, MIN(chunk, len - i));
        }
        g_assert_cmpstr(seen->str, ==, expected);
        json_stream_destroy(&s);
    }
}

#define check(text, expected) check_bytes(text, sizeof(text) - 1, expected)

static void test_values(void)
{
    check("{}", "{} ");
    check("{\"a\":1}{\"b\":[2,{}]}\r\n\r\n", "{\"a\":1} {\"b\":[2,{}]} ");
    check("{'a': 'x\"y', \"b\": \"it's\"}", "{\"a\":\"x\\\"y\",\"b\":\"it's\"} ");
    check("{'a': '}{][\\'\\\\'}", "{\"a\":\"}{][\'\\\\\"} ");
    check("12 'x' true\n", "12 \"x\" true ");
    check("{\"a\":\n\t{ } }", "{\"a\":{}} ");
    check("{\"a\":\"\xc3\xa4\"}", "{\"a\":\"\xc3\xa4\"} ");
    check("{\"a\":18446744073709551615}", "{\"a\":18446744073709551615} ");
    check("{\"unfinished\":", "");
    check("[1,2][3]", "[1,2] [3] ");
}

static void test_recovery(void)
{
    check("null\n{}\n", "E {} ");
    check("nonsense\n{}\n", "E {} ");
    check("{\"a\":1,}\n{}", "E {} ");
    check("{\"a\" 1}{}", "E {} ");
    check("}\n{}", "E {} ");
    check("{ ] }\n{}", "E {} ");
    check("%p\n{}", "E {} ");
    check("{\"execute\": @bad, \"x\": {}}\n{}", "E {} ");
    check("\xff{}", "E {} ");
    check("{\"a\": \xff{}", "E {} ");
    check("{\"a\": \"\xff{}", "E {} ");
    check("\x01{}", "E {} ");
    check("{\"a\": \x01{}", "E {} ");
    check("{\"a\": \"b\n{}", "E {} ");
    check("{\"a\": \"\x1f{}", "E {} ");
    check("{\"a\":\"\xc3\"}\n{}", "E {} ");
    check("// comment\n{}", "E {} ");
    check("{\"a\": NaN}\n{}", "E {} ");
    check(",\n{}", "E {} ");
    check_bytes("\0{}", 3, "E {} ");
    check("%%%\xff{}", "E {} ");
}

static void test_bounds(void)
{
    g_autoptr(GString) text = g_string_new(NULL);

    /* Depth: one error a line, then on. */
    for (int i = 0; i < 5000; i++) {
        g_string_append_c(text, '[');
    }
    g_string_append(text, "\n{}");
    check_bytes(text->str, text->len, "E {} ");
    /* Exactly the limit. */
    g_string_truncate(text, 0);
    for (int i = 0; i < JSON_STREAM_MAX_DEPTH; i++) {
        g_string_append_c(text, '[');
    }
    for (int i = 0; i < JSON_STREAM_MAX_DEPTH; i++) {
        g_string_append_c(text, ']');
    }
    check_bytes(text->str, text->len, (g_string_append_c(text, ' '), text->str));
}

static void feed_much(const char *start, const char *unit, size_t bytes)
{
    g_autoptr(GString) block = g_string_new(NULL);
    JsonStream s;

    while (block->len < 65536) {
        g_string_append(block, unit);
    }
    g_string_truncate(seen, 0);
    json_stream_init(&s, item, NULL);
    json_stream_feed(&s, (const uint8_t *)start, strlen(start));
    for (size_t done = 0; done < bytes; done += block->len) {
        json_stream_feed(&s, (const uint8_t *)block->str, block->len);
        g_assert_cmpuint(s.text->allocated_len, <=, 2 * JSON_STREAM_MAX_SIZE);
    }
    json_stream_feed(&s, (const uint8_t *)"\n{}", 3);
    g_assert_cmpstr(seen->str, ==, "E {} ");
    json_stream_destroy(&s);
}

static void test_size(void)
{
    feed_much("{\"a\": \"", "xxxxxxxx", 3 * JSON_STREAM_MAX_SIZE);
    feed_much("[", "0,", 3 * JSON_STREAM_MAX_SIZE);
    feed_much("", "12345678", 2 * JSON_STREAM_MAX_SIZE);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    seen = g_string_new(NULL);
    g_test_add_func("/qmp-json/values", test_values);
    g_test_add_func("/qmp-json/recovery", test_recovery);
    g_test_add_func("/qmp-json/bounds", test_bounds);
    g_test_add_func("/qmp-json/size", test_size);
    return g_test_run();
}
