/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The schema generator and its interpreter: values both ways, error texts, dispatch, events,
 * introspection. */
#include "qemu/osdep.h"

#include "monitor/monitor.h"
#include "test-qapi-commands.h"
#include "test-qapi-events.h"

static char *last_event;

/* The generated events end here instead of at the monitors. */
void qapi_event_emit(const char *name, json_object *data)
{
    g_free(last_event);
    last_event = g_strdup_printf("%s %s", name,
                                 json_object_to_json_string_ext(data, JSON_C_TO_STRING_PLAIN));
    json_object_put(data);
}

static int nothing_calls;

TestAll *qmp_test_echo(TestAll *arg, GError **errp)
{
    g_autoptr(json_object) j = TestAll_to_json(arg);

    return TestAll_from_json(j, errp);
}

char *qmp_test_open(TestOptions *arg, GError **errp)
{
    switch (arg->driver) {
    case TEST_DRIVER_FILE:
        return g_strdup(arg->u.file.filename);
    case TEST_DRIVER_NBD:
        return g_strdup_printf("%u/%d", arg->u.nbd.port, arg->u.nbd.backing->type);
    default:
        return g_strdup("");
    }
}

int64_t qmp_test_add(int64_t a, bool has_b, int32_t b, const char *name, bool has_speeds,
                     TestSpeedList *speeds, GError **errp)
{
    for (; speeds; speeds = speeds->next) {
        a += 100 * (speeds->value + 1);
    }
    return a + (has_b ? b : 0) + (name ? (int)strlen(name) : 0) + (has_speeds ? 10000 : 0);
}

TestBaseList *qmp_test_list(GError **errp)
{
    TestBaseList *head = NULL, **tail = &head;

    for (int i = 0; i < 3; i++) {
        TestBase *b = g_new0(TestBase, 1);

        b->id = g_strdup_printf("id%d", i);
        QAPI_LIST_APPEND(tail, b);
    }
    return head;
}

void qmp_test_raw(json_object *args, json_object **ret, GError **errp)
{
    *ret = json_object_get(args);
}

TestBase *qmp_test_fail(GError **errp)
{
    error_set_class(errp, ERROR_CLASS_DEVICE_NOT_FOUND, "no such thing");
    return g_new0(TestBase, 1);
}

void qmp_test_nothing(GError **errp)
{
    nothing_calls++;
}

/* Runs "name" with args; the result or "class: text" as compact text. */
static char *run(const char *name, const char *args)
{
    g_autoptr(GError) err = NULL;
    g_autoptr(json_object) j = args ? json_tokener_parse(args) : NULL;
    g_autoptr(json_object) ret = NULL;
    int cmd = qapi_find_command(&test_qapi_schema, name);

    g_assert_cmpint(cmd, >=, 0);
    g_assert_true(!args || j);
    ret = qapi_dispatch(&test_qapi_schema, test_qapi_commands, cmd, j, &err);
    if (err) {
        g_assert_null(ret);
        return g_strdup_printf("%s: %s", error_class_name(error_class(err)), err->message);
    }
    return g_strdup(json_object_to_json_string_ext(ret, JSON_C_TO_STRING_PLAIN |
                                                            JSON_C_TO_STRING_NOSLASHESCAPE));
}

#define check(name, args, expected) \
    do { \
        g_autofree char *got_ = run(name, args); \
        g_assert_cmpstr(got_, ==, expected); \
    } while (0)

static void test_values(void)
{
    static const char *const same[] = {
        "{\"id\":\"a\",\"i8\":-128,\"u16\":65535}",
        "{\"id\":\"\",\"flag\":false,\"i8\":127,\"u16\":0,\"u64\":18446744073709551615,\"i\":-"
        "9223372036854775808}",
        "{\"id\":\"x\",\"i8\":0,\"u16\":1,\"speed\":\"very-fast\",\"names\":[\"a\",\"\"],\"free\":["
        "1,{\"z\":null}]}",
        "{\"id\":\"x\",\"i8\":0,\"u16\":1,\"names\":[],\"nested\":{\"id\":\"y\",\"i8\":1,\"u16\":2}"
        ","
        "\"list\":[{\"id\":\"l\",\"i8\":1,\"u16\":2}]}",
        "{\"id\":\"x\",\"i8\":0,\"u16\":1,\"ref\":\"node\",\"sizes\":[1,2]}",
        "{\"id\":\"x\",\"i8\":0,\"u16\":1,\"ref\":7}",
        "{\"id\":\"x\",\"i8\":0,\"u16\":1,\"ref\":null}",
        "{\"id\":\"x\",\"i8\":0,\"u16\":1,\"ref\":{\"driver\":\"nbd\",\"node-name\":\"n\",\"port\":"
        "1,\"backing\":"
        "{\"driver\":\"none\"}}}",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(same); i++) {
        check("test-echo", same[i], same[i]);
    }
    check("test-add", "{\"a\":5}", "5");
    check("test-add", "{\"a\":5,\"b\":-2,\"name\":\"abc\",\"speeds\":[\"slow\",\"very-fast\"]}",
          "10306");
    check("test-add", "{\"a\":5,\"speeds\":[]}", "10005");
    check("test-list", NULL, "[{\"id\":\"id0\"},{\"id\":\"id1\"},{\"id\":\"id2\"}]");
    check("test-open", "{\"driver\":\"file\",\"filename\":\"/f\"}", "\"/f\"");
    check("test-open", "{\"driver\":\"none\"}", "\"\"");
    check("test-raw", "{\"any\":[]}", "{\"any\":[]}");
    check("test-nothing", "{}", "{}");
    check("test-nothing", NULL, "{}");
    g_assert_cmpint(nothing_calls, ==, 2);
}

static void test_errors(void)
{
    check("test-fail", NULL, "DeviceNotFound: no such thing");
    check("test-echo", "{\"id\":\"a\"}", "GenericError: Parameter 'i8' is missing");
    check("test-echo", NULL, "GenericError: Parameter 'id' is missing");
    check("test-nothing", "{\"x\":1}", "GenericError: Parameter 'x' is unexpected");
    check("test-echo", "{\"id\":1}",
          "GenericError: Invalid parameter type for 'id', expected: string");
    check("test-echo", "{\"id\":\"a\\u0000b\"}",
          "GenericError: Parameter 'id' must not contain NUL characters");
    check("test-echo", "{\"id\":\"a\",\"i8\":128,\"u16\":1}",
          "GenericError: Parameter 'i8' expects an integer from -128 to 127");
    check("test-echo", "{\"id\":\"a\",\"i8\":1,\"u16\":-1}",
          "GenericError: Parameter 'u16' expects an integer from 0 to 65535");
    check("test-echo", "{\"id\":\"a\",\"i8\":1.5,\"u16\":1}",
          "GenericError: Invalid parameter type for 'i8', expected: integer");
    check("test-echo", "{\"id\":\"a\",\"i8\":1,\"u16\":1,\"i\":9223372036854775808}",
          "GenericError: Parameter 'i' expects an integer from -9223372036854775808 to "
          "9223372036854775807");
    check("test-echo", "{\"id\":\"a\",\"i8\":1,\"u16\":1,\"flag\":\"on\"}",
          "GenericError: Invalid parameter type for 'flag', expected: boolean");
    check("test-echo", "{\"id\":\"a\",\"i8\":1,\"u16\":1,\"speed\":\"warp\"}",
          "GenericError: Parameter 'speed' does not accept value 'warp'");
    check("test-echo", "{\"id\":\"a\",\"i8\":1,\"u16\":1,\"names\":[\"a\",null]}",
          "GenericError: Invalid parameter type for 'names[1]', expected: string");
    check(
        "test-echo",
        "{\"id\":\"a\",\"i8\":1,\"u16\":1,\"list\":[{\"id\":\"b\",\"i8\":1,\"u16\":1,\"bad\":0}]}",
        "GenericError: Parameter 'list[0].bad' is unexpected");
    check("test-echo", "{\"id\":\"a\",\"i8\":1,\"u16\":1,\"nested\":[]}",
          "GenericError: Invalid parameter type for 'nested', expected: object");
    check("test-echo", "{\"id\":\"a\",\"i8\":1,\"u16\":1,\"ref\":true}",
          "GenericError: Invalid parameter type for 'ref', expected: TestRef");
    check("test-echo",
          "{\"id\":\"a\",\"i8\":1,\"u16\":1,\"ref\":{\"driver\":\"nbd\",\"port\":70000,\"backing\":"
          "\"\"}}",
          "GenericError: Parameter 'ref.port' expects an integer from 0 to 65535");
    check("test-open", "{\"driver\":\"file\",\"filename\":\"/f\",\"port\":1}",
          "GenericError: Parameter 'port' is unexpected");
    check("test-open", "{\"driver\":\"none\",\"filename\":\"/f\"}",
          "GenericError: Parameter 'filename' is unexpected");
    check("test-open", "{\"driver\":\"ftp\"}",
          "GenericError: Parameter 'driver' does not accept value 'ftp'");
    check("test-open", "{}", "GenericError: Parameter 'driver' is missing");
    g_assert_cmpint(qapi_find_command(&test_qapi_schema, "test-"), ==, -1);
    g_assert_cmpint(qapi_find_command(&test_qapi_schema, ""), ==, -1);
}

static void test_enums(void)
{
    g_autoptr(GError) err = NULL;

    g_assert_cmpstr(TestSpeed_str(TEST_SPEED_VERY_FAST), ==, "very-fast");
    g_assert_cmpint(TestSpeed_parse("slow", NULL), ==, TEST_SPEED_SLOW);
    g_assert_cmpint(TestSpeed_parse("fast", &err), ==, -1);
    g_assert_cmpstr(err->message, ==, "Invalid value 'fast', expected one of: slow, very-fast");
}

static void test_events(void)
{
    qapi_event_send_test_done("a", NULL, 3, false, TEST_SPEED_SLOW);
    g_assert_cmpstr(last_event, ==, "TEST_DONE {\"id\":\"a\",\"count\":3}");
    qapi_event_send_test_done("a", "b", -3, true, TEST_SPEED_SLOW);
    g_assert_cmpstr(last_event, ==,
                    "TEST_DONE {\"id\":\"a\",\"why\":\"b\",\"count\":-3,\"speed\":\"slow\"}");
    qapi_event_send_test_bare();
    g_assert_cmpstr(last_event, ==, "TEST_BARE null");
}

static json_object *find(json_object *schema, const char *name)
{
    json_object *found = NULL;

    for (size_t i = 0; i < json_object_array_length(schema); i++) {
        json_object *e = json_object_array_get_idx(schema, i);

        if (!strcmp(json_object_get_string(json_object_object_get(e, "name")), name)) {
            g_assert_null(found);
            found = e;
        }
    }
    g_assert_nonnull(found);
    return found;
}

#define check_entry(schema, name, expected) \
    g_assert_cmpstr(json_object_to_json_string_ext(find(schema, name), JSON_C_TO_STRING_PLAIN), \
                    ==, expected)

/* Every type that an entry names must have one entry of its own. */
static void check_reference(json_object *schema, json_object *entry, const char *key)
{
    json_object *ref = json_object_object_get(entry, key);

    if (ref) {
        find(schema, json_object_get_string(ref));
    }
}

static void test_introspection(void)
{
    g_autoptr(json_object) schema = qapi_introspect(&test_qapi_schema);
    static const char *const lists[] = {"members", "variants"};

    check_entry(
        schema, "test-add",
        "{\"name\":\"test-add\",\"meta-type\":\"command\",\"arg-type\":\"q_obj_test-add-arg\","
        "\"ret-type\":\"int\",\"allow-oob\":true}");
    check_entry(schema, "test-open",
                "{\"name\":\"test-open\",\"meta-type\":\"command\",\"arg-type\":\"TestOptions\","
                "\"ret-type\":\"str\","
                "\"features\":[\"json-cli\"]}");
    check_entry(schema, "q_obj_test-add-arg",
                "{\"name\":\"q_obj_test-add-arg\",\"meta-type\":\"object\",\"members\":[{\"name\":"
                "\"a\",\"type\":\"int\"},"
                "{\"name\":\"b\",\"type\":\"int\",\"default\":null},{\"name\":\"name\",\"type\":"
                "\"str\",\"default\":null},"
                "{\"name\":\"speeds\",\"type\":\"[TestSpeed]\",\"default\":null}]}");
    check_entry(
        schema, "[TestSpeed]",
        "{\"name\":\"[TestSpeed]\",\"meta-type\":\"array\",\"element-type\":\"TestSpeed\"}");
    check_entry(schema, "TestSpeed",
                "{\"name\":\"TestSpeed\",\"meta-type\":\"enum\",\"members\":[{\"name\":\"slow\"},{"
                "\"name\":\"very-fast\","
                "\"features\":[\"unstable\"]}],\"values\":[\"slow\",\"very-fast\"]}");
    check_entry(schema, "TestOptions",
                "{\"name\":\"TestOptions\",\"meta-type\":\"object\",\"members\":[{\"name\":"
                "\"driver\",\"type\":\"TestDriver\"},"
                "{\"name\":\"node-name\",\"type\":\"str\",\"default\":null}],\"tag\":\"driver\","
                "\"variants\":[{\"case\":\"file\","
                "\"type\":\"TestFile\"},{\"case\":\"nbd\",\"type\":\"TestNbd\"},{\"case\":\"none\","
                "\"type\":\"q_empty\"}]}");
    check_entry(schema, "TestRef",
                "{\"name\":\"TestRef\",\"meta-type\":\"alternate\",\"members\":[{\"type\":"
                "\"TestOptions\"},{\"type\":\"str\"},"
                "{\"type\":\"int\"},{\"type\":\"null\"}]}");
    check_entry(schema, "str",
                "{\"name\":\"str\",\"meta-type\":\"builtin\",\"json-type\":\"string\"}");
    check_entry(schema, "int",
                "{\"name\":\"int\",\"meta-type\":\"builtin\",\"json-type\":\"int\"}");
    check_entry(schema, "TEST_BARE",
                "{\"name\":\"TEST_BARE\",\"meta-type\":\"event\",\"arg-type\":\"q_empty\"}");
    for (size_t i = 0; i < json_object_array_length(schema); i++) {
        json_object *e = json_object_array_get_idx(schema, i);

        check_reference(schema, e, "arg-type");
        check_reference(schema, e, "ret-type");
        check_reference(schema, e, "element-type");
        for (size_t l = 0; l < G_N_ELEMENTS(lists); l++) {
            json_object *list = json_object_object_get(e, lists[l]);

            for (size_t k = 0; list && k < json_object_array_length(list); k++) {
                check_reference(schema, json_object_array_get_idx(list, k), "type");
            }
        }
    }
}

static void test_command_list(void)
{
    g_autoptr(json_object) list = qapi_list_commands(&test_qapi_schema);

    g_assert_cmpstr(
        json_object_to_json_string_ext(list, JSON_C_TO_STRING_PLAIN), ==,
        "[{\"name\":\"test-add\"},{\"name\":\"test-echo\"},{\"name\":\"test-fail\"},{\"name\":"
        "\"test-list\"},"
        "{\"name\":\"test-nothing\"},{\"name\":\"test-open\"},{\"name\":\"test-raw\"}]");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/qapi/values", test_values);
    g_test_add_func("/qapi/errors", test_errors);
    g_test_add_func("/qapi/enums", test_enums);
    g_test_add_func("/qapi/events", test_events);
    g_test_add_func("/qapi/introspection", test_introspection);
    g_test_add_func("/qapi/command-list", test_command_list);
    return g_test_run();
}
