/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP as clients rely on it: handshake, error classes, recovery from bad JSON, out-of-band
 * commands, order of events, several monitors. */
#include "libqtest.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static QTestState *s;

static json_object *member(json_object *obj, const char *name)
{
    json_object *v = NULL;

    if (!json_object_object_get_ex(obj, name, &v)) {
        g_error("no member '%s' in %s", name, json_object_to_json_string(obj));
    }
    return v;
}

static const char *string_member(json_object *obj, const char *name)
{
    return json_object_get_string(member(obj, name));
}

static void check_error(json_object *reply, const char *cls)
{
    json_object *error = member(reply, "error");

    g_test_message("%s", json_object_to_json_string(reply));
    g_assert_cmpstr(string_member(error, "class"), ==, cls);
    g_assert_cmpstr(string_member(error, "desc"), !=, "");
    json_object_put(reply);
}

static void expect_error(const char *cls, const char *command)
{
    g_free(qtest_qmp_error(s, cls, "%s", command));
}

/* --- handshake
 * -----------------------------------------------------------------------------------------------------------
 */

static void test_handshake(void)
{
    json_object *greeting, *qmp, *version;

    s = qtest_init_raw("-machine none -nodefaults -accel qtest");
    greeting = qtest_qmp_receive(s);
    qmp = member(greeting, "QMP");
    version = member(member(qmp, "version"), "qemu");
    g_assert_true(json_object_is_type(member(version, "major"), json_type_int));
    g_assert_true(json_object_is_type(member(version, "minor"), json_type_int));
    g_assert_true(json_object_is_type(member(version, "micro"), json_type_int));
    g_assert_true(json_object_is_type(member(member(qmp, "version"), "package"), json_type_string));
    g_assert_cmpstr(
        json_object_get_string(json_object_array_get_idx(member(qmp, "capabilities"), 0)), ==,
        "oob");
    json_object_put(greeting);

    expect_error("CommandNotFound", "{'execute': 'query-version'}");
    expect_error("CommandNotFound", "{'execute': 'no-such-command'}");
    expect_error(
        "GenericError",
        "{'execute': 'qmp_capabilities', 'arguments': {'enable': ['no-such-capability']}}");
    expect_error("GenericError", "{'execute': 'qmp_capabilities', 'arguments': {'enable': 'oob'}}");
    qtest_qmp_ok(s, "{'execute': 'qmp_capabilities'}");
    expect_error("CommandNotFound", "{'execute': 'qmp_capabilities'}");
    qtest_qmp_ok(s, "{'execute': 'query-version'}");
    /* Not negotiated: no out-of-band commands. */
    expect_error("GenericError", "{'exec-oob': 'query-version'}");
    qtest_quit(s);
}

/* --- requests
 * -----------------------------------------------------------------------------------------------------------------
 */

static void test_ids(void)
{
    static const char *const ids[] = {"1",    "\"x\"", "{ \"a\": [ 1, null ] }",
                                      "null", "true",  "[ ]"};

    for (unsigned i = 0; i < G_N_ELEMENTS(ids); i++) {
        json_object *reply = qtest_qmp(s, "{'execute': 'query-name', 'id': %s}", ids[i]),
                    *id = NULL;

        g_assert_true(json_object_object_get_ex(reply, "return", NULL));
        g_assert_true(json_object_object_get_ex(reply, "id", &id));
        g_assert_cmpstr(json_object_to_json_string(id), ==, ids[i]);
        json_object_put(reply);
    }
    json_object *reply = qtest_qmp(s, "{'execute': 'nope', 'id': 'e'}");
    g_assert_cmpstr(string_member(reply, "id"), ==, "e");
    check_error(reply, "CommandNotFound");
}

static void test_malformed_requests(void)
{
    expect_error("GenericError", "{}");
    expect_error("GenericError", "{'exec': 'query-name'}");
    expect_error("GenericError", "{'execute': 5}");
    expect_error("GenericError", "{'execute': null}");
    expect_error("GenericError", "{'execute': 'query-name', 'arguments': []}");
    expect_error("GenericError", "{'execute': 'query-name', 'arguments': 'x'}");
    expect_error("GenericError", "{'execute': 'query-name', 'extra': 1}");
    expect_error("GenericError", "{'execute': 'query-name', 'arguments': {'x': 1}}");
    expect_error("GenericError", "{'execute': 'human-monitor-command'}");
    expect_error("GenericError",
                 "{'execute': 'human-monitor-command', 'arguments': {'command-line': 1}}");
    expect_error("GenericError", "[]");
    expect_error("GenericError", "[1, 2]");
    expect_error("GenericError", "5");
    expect_error("GenericError", "'text'");
    expect_error("GenericError", "null");
    expect_error("CommandNotFound", "{'execute': 'Query-Name'}");
    qtest_qmp_ok(s, "{'execute': 'query-name'}");
}

/* Which of two members of one name would count?  Neither: nothing is executed. */
static void test_twice(void)
{
    static const char *const requests[] = {
        "{'execute': 'query-name', 'execute': 'quit'}",
        "{'execute': 'quit', '\\u0065xecute': 'query-name'}",
        ("{'execute': 'human-monitor-command', 'arguments': {'command-line': 'quit', "
         "'command-line': 'info name'}}"),
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(requests); i++) {
        g_autofree char *text = qtest_qmp_error(s, "GenericError", "%s", requests[i]);

        g_assert_nonnull(strstr(text, "is given twice"));
    }
    qtest_qmp_ok(s, "{'execute': 'query-name'}");
}

/* One error, and then the stream is in order again. */
static void test_syntax_errors(void)
{
    static const char *const bad[] = {
        "{'execute': nope}",
        "{'execute'",
        "}",
        "]",
        "{'a': 'b\001'}",
        "\xff",
        "{ %p }",
        "{'execute': 'query-name',}",
        "{]}",
        "{'a' 'b'}",
        "'\\x'",
        "tru",
        "{'a': 01x}",
        "@",
        "'\\ud800'",
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *text = g_strdelimit(g_strdup(bad[i]), "'", '"');
        json_object *reply;

        g_test_message("case %u", i);
        qtest_qmp_send_raw(s, text, strlen(text));
        /* 0xff never occurs in a text: clients use it to make a server drop what it has of a
         * request. */
        qtest_qmp_send_raw(s, "\xff\n", 2);
        do {
            reply = qtest_qmp(s, "{'execute': 'query-name', 'id': %u}", i);
            while (json_object_object_get_ex(reply, "error", NULL)) {
                check_error(reply, "GenericError");
                reply = qtest_qmp_receive(s);
            }
        } while (!json_object_object_get_ex(reply, "id", NULL));
        g_assert_cmpint(json_object_get_int(member(reply, "id")), ==, (int)i);
        json_object_put(reply);
    }
}

static void test_deep_and_long(void)
{
    enum { DEPTH = 100000, LENGTH = 4 << 20 };
    g_autofree char *deep = g_malloc(DEPTH), *text = NULL;
    json_object *reply;

    memset(deep, '[', DEPTH);
    qtest_qmp_send_raw(s, deep, DEPTH);
    qtest_qmp_send_raw(s, "\xff\n", 2);
    qtest_qmp_send(s, "{'execute': 'query-name', 'id': 77}");
    for (;;) {
        reply = qtest_qmp_receive(s);
        if (json_object_object_get_ex(reply, "id", NULL)) {
            break;
        }
        check_error(reply, "GenericError");
    }
    json_object_put(reply);
    text = g_malloc0(LENGTH + 1);
    memset(text, 'x', LENGTH);
    reply = qtest_qmp(s, "{'execute': 'query-name', 'arguments': {'x': '%s'}}", text);
    g_assert_true(json_object_object_get_ex(reply, "error", NULL));
    json_object_put(reply);
    qtest_qmp_ok(s, "{'execute': 'query-name'}");
}

static void test_pieces_and_batches(void)
{
    static const char one[] = "{\"execute\": \"query-name\", \"id\": 1}\n";

    for (size_t i = 0; i < strlen(one); i++) {
        qtest_qmp_send_raw(s, one + i, 1);
    }
    json_object *reply = qtest_qmp_receive(s);
    g_assert_cmpint(json_object_get_int(member(reply, "id")), ==, 1);
    json_object_put(reply);
    g_autoptr(GString) many = g_string_new(NULL);
    for (int i = 0; i < 200; i++) {
        g_string_append_printf(many, "{\"execute\":\"query-name\",\"id\":%d}", i);
    }
    g_string_append_c(many, '\n');
    qtest_qmp_send_raw(s, many->str, many->len);
    for (int i = 0; i < 200; i++) {
        reply = qtest_qmp_receive(s);
        g_assert_cmpint(json_object_get_int(member(reply, "id")), ==, i);
        json_object_put(reply);
    }
}

/* --- commands
 * ---------------------------------------------------------------------------------------------------------------
 */

static void test_error_classes(void)
{
    expect_error("CommandNotFound", "{'execute': 'no-such-command'}");
    expect_error("DeviceNotFound", "{'execute': 'device_del', 'arguments': {'id': 'nobody'}}");
    expect_error("DeviceNotFound", "{'execute': 'qom-list', 'arguments': {'path': '/nobody'}}");
    expect_error(
        "DeviceNotFound",
        "{'execute': 'device-list-properties', 'arguments': {'typename': 'no-such-device'}}");
    expect_error("GenericError",
                 "{'execute': 'device-list-properties', 'arguments': {'typename': 'device'}}");
    expect_error("GenericError",
                 "{'execute': 'device_add', 'arguments': {'driver': 'no-such-device'}}");
    expect_error(
        "GenericError",
        "{'execute': 'object-add', 'arguments': {'qom-type': 'no-such-object', 'id': 'x'}}");
    expect_error("GenericError",
                 "{'execute': 'object-add', 'arguments': {'qom-type': 'iothread'}}");
    expect_error("GenericError", "{'execute': 'object-del', 'arguments': {'id': 'nobody'}}");
    expect_error("GenericError",
                 "{'execute': 'qom-get', 'arguments': {'path': '/machine', 'property': 'nope'}}");
}

static void test_schema_lists_commands(void)
{
    json_object *schema = qtest_qmp_return(s, "{'execute': 'query-qmp-schema'}");
    json_object *commands = qtest_qmp_return(s, "{'execute': 'query-commands'}");
    g_autoptr(GHashTable) in_schema = g_hash_table_new(g_str_hash, g_str_equal);

    for (size_t i = 0; i < json_object_array_length(schema); i++) {
        json_object *e = json_object_array_get_idx(schema, i);

        g_assert_nonnull(string_member(e, "name"));
        if (!strcmp(string_member(e, "meta-type"), "command")) {
            g_hash_table_add(in_schema, (char *)(uintptr_t)string_member(e, "name"));
        }
    }
    g_assert_cmpuint(json_object_array_length(commands), ==, g_hash_table_size(in_schema));
    for (size_t i = 0; i < json_object_array_length(commands); i++) {
        g_assert_true(g_hash_table_contains(
            in_schema, string_member(json_object_array_get_idx(commands, i), "name")));
    }
    json_object_put(schema);
    json_object_put(commands);
}

/* Every query-* command that needs no argument answers, or fails in its documented way. */
static void test_queries(void)
{
    json_object *commands = qtest_qmp_return(s, "{'execute': 'query-commands'}");

    for (size_t i = 0; i < json_object_array_length(commands); i++) {
        const char *name = string_member(json_object_array_get_idx(commands, i), "name");

        if (g_str_has_prefix(name, "query-")) {
            json_object *reply = qtest_qmp(s, "{'execute': '%s'}", name), *error = NULL;

            if (json_object_object_get_ex(reply, "error", &error)) {
                g_test_message("%s: %s", name, string_member(error, "desc"));
                g_assert_true(!strcmp(string_member(error, "class"), "GenericError") ||
                              !strcmp(string_member(error, "class"), "DeviceNotActive"));
            }
            json_object_put(reply);
        }
    }
    json_object_put(commands);
}

/* --- events
 * ------------------------------------------------------------------------------------------------------------------
 */

static const char *status(void)
{
    static char buf[32];
    json_object *ret = qtest_qmp_return(s, "{'execute': 'query-status'}");

    g_strlcpy(buf, string_member(ret, "status"), sizeof(buf));
    json_object_put(ret);
    return buf;
}

/* What a command causes goes out before its return. */
static void test_events_come_first(void)
{
    qtest_qmp_drop_events(s);
    g_assert_cmpstr(status(), ==, "running");
    qtest_qmp_ok(s, "{'execute': 'stop'}");
    g_assert_true(qtest_qmp_has_event(s, "STOP"));
    g_assert_cmpstr(status(), ==, "paused");
    qtest_qmp_ok(s, "{'execute': 'cont'}");
    g_assert_true(qtest_qmp_has_event(s, "RESUME"));
    g_assert_cmpstr(status(), ==, "running");

    json_object *event = qtest_qmp_event(s, "STOP"), *stamp = member(event, "timestamp");
    g_assert_cmpint(json_object_get_int64(member(stamp, "seconds")), >, 1500000000);
    g_assert_true(json_object_is_type(member(stamp, "microseconds"), json_type_int));
    json_object_put(event);
    qtest_qmp_drop_events(s);
    qtest_system_reset(s);
    /* Stopping a stopped machine and continuing a running one are no errors. */
    qtest_qmp_ok(s, "{'execute': 'cont'}");
    qtest_qmp_ok(s, "{'execute': 'stop'}");
    qtest_qmp_ok(s, "{'execute': 'stop'}");
    qtest_qmp_ok(s, "{'execute': 'cont'}");
    qtest_qmp_drop_events(s);
}

static void test_quit(void)
{
    json_object *event;

    s = qtest_init("-machine none -nodefaults");
    qtest_qmp_ok(s, "{'execute': 'quit'}");
    g_assert_true(qtest_qmp_has_event(s, "SHUTDOWN"));
    event = qtest_qmp_event(s, "SHUTDOWN");
    g_assert_cmpstr(string_member(member(event, "data"), "reason"), ==, "host-qmp-quit");
    g_assert_false(json_object_get_boolean(member(member(event, "data"), "guest")));
    json_object_put(event);
    qtest_quit(s);
}

static void test_sigterm_is_a_clean_end(void)
{
    s = qtest_init("-machine q35");
    qtest_quit(s); /* checks status 0 */
}

/* --- human monitor
 * -------------------------------------------------------------------------------------------------------------
 */

static void test_hmp(void)
{
    g_autofree char *bad = qtest_hmp(s, "no-such-command"), *state = qtest_hmp(s, "info status");

    g_assert_cmpstr(bad, ==, "unknown command: 'no-such-command'\r\n");
    g_assert_nonnull(strstr(state, "running"));
    g_assert_true(g_str_has_suffix(state, "\r\n"));
}

/* --- out of band
 * ------------------------------------------------------------------------------------------------------------------
 */

static void test_oob(void)
{
    json_object *reply;

    s = qtest_init_raw("-machine none -nodefaults -accel qtest");
    json_object_put(qtest_qmp_receive(s));
    qtest_qmp_ok(s, "{'execute': 'qmp_capabilities', 'arguments': {'enable': ['oob']}}");
    expect_error("GenericError", "{'exec-oob': 'query-chardev'}"); /* not an out-of-band command */
    expect_error("GenericError", "{'exec-oob': 'query-chardev', 'execute': 'query-chardev'}");
    expect_error("CommandNotFound", "{'exec-oob': 'no-such-command'}");
    /* In-band replies stay in order. */
    for (int i = 0; i < 20; i++) {
        qtest_qmp_send(s, "{'execute': 'query-name', 'id': %d}", i);
    }
    for (int i = 0; i < 20; i++) {
        reply = qtest_qmp_receive(s);
        g_assert_cmpint(json_object_get_int(member(reply, "id")), ==, i);
        json_object_put(reply);
    }
    qtest_quit(s);
}

/* --- several monitors
 * ---------------------------------------------------------------------------------------------------------------
 */

/* The next line of a second monitor; NULL after half a second without one. */
static char *second_line(int fd)
{
    GString *line = g_string_new(NULL);
    char c;

    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};

        if (poll(&p, 1, line->len ? 10000 : 500) <= 0 || read(fd, &c, 1) != 1) {
            g_string_free(line, true);
            return NULL;
        }
        if (c == '\n') {
            return g_string_free(line, false);
        }
        g_string_append_c(line, c);
    }
}

static void second_send(int fd, const char *text)
{
    g_assert_cmpint(write(fd, text, strlen(text)), ==, (ssize_t)strlen(text));
}

static void expect_second(int fd, const char *word)
{
    g_autofree char *line = second_line(fd);

    g_assert_nonnull(line);
    g_assert_nonnull(strstr(line, word));
}

static void test_two_monitors(void)
{
    g_autofree char *dir = g_dir_make_tmp("qtest-XXXXXX", NULL),
                    *path = g_strdup_printf("%s/mon", dir);

    s = qtest_initf("-machine none -nodefaults -qmp unix:%s,server=on,wait=off", path);
    for (int round = 0; round < 2; round++) { /* a monitor can be left and come back to */
        int fd = qtest_connect(path);

        expect_second(fd, "\"QMP\"");
        /* No events before negotiation, errors in its own words. */
        qtest_qmp_ok(s, "{'execute': 'stop'}");
        second_send(fd, "{'execute': 'query-status'}\n");
        expect_second(fd, "CommandNotFound");
        second_send(fd, "{'execute': 'qmp_capabilities'}\n");
        expect_second(fd, "return");
        /* Both hear of an event; each gets its own replies. */
        second_send(fd, "{'execute': 'cont', 'id': 'second'}\n");
        expect_second(fd, "RESUME");
        expect_second(fd, "\"second\"");
        json_object_put(qtest_qmp_event(s, "RESUME"));
        second_send(fd, "{ 'broken' \xff\n");
        expect_second(fd, "GenericError");
        qtest_qmp_ok(s, "{'execute': 'query-status'}");
        close(fd);
        qtest_qmp_ok(s, "{'execute': 'query-status'}");
    }
    qtest_quit(s);
    unlink(path);
    rmdir(dir);
}

/* An in-band command that blocks the main loop (opening a FIFO that nobody reads) holds up every
 * monitor's in-band commands; out-of-band ones of each monitor are answered meanwhile. */
static void test_oob_while_blocked(void)
{
    enum { MONITORS = 3 };
    g_autofree char *dir = g_dir_make_tmp("qtest-XXXXXX", NULL),
                    *fifo = g_strdup_printf("%s/fifo", dir);
    g_autoptr(GString) args = g_string_new("-machine none -nodefaults -accel qtest -name vm1");
    g_autofree char *line = NULL;
    char *path[MONITORS];
    int fd[MONITORS], reader;

    g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
    for (int i = 0; i < MONITORS; i++) {
        path[i] = g_strdup_printf("%s/mon%d", dir, i);
        g_string_append_printf(args, " -qmp unix:%s,server=on,wait=off", path[i]);
    }
    s = qtest_init_raw(args->str);
    json_object_put(
        qtest_qmp_receive(s)); /* the greeting of the monitor that the test started with */
    for (int i = 0; i < MONITORS; i++) {
        fd[i] = qtest_connect(path[i]);
        expect_second(fd[i], "\"oob\"");
        second_send(fd[i], "{'execute': 'qmp_capabilities', 'arguments': {'enable': ['oob']}}\n");
        expect_second(fd[i], "return");
    }
    line = g_strdup_printf("{'execute': 'chardev-add', 'id': 'held', 'arguments': {'id': 'f', "
                           "'backend': {'type': 'file', 'data': {'out': '%s'}}}}\n",
                           fifo);
    second_send(fd[0], line);
    g_usleep(200000);
    for (int i = 0; i < MONITORS; i++) {
        second_send(fd[i], "{'execute': 'query-name', 'id': 'in-band'}\n");
    }
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < MONITORS; i++) {
            second_send(fd[i], "{'exec-oob': 'query-status', 'id': 'now'}\n");
        }
        for (int i = 0; i < MONITORS; i++) {
            expect_second(fd[i], "\"now\"");
        }
    }
    /* Nothing in-band has been answered; then the first monitor's come in order. */
    for (int i = 0; i < MONITORS; i++) {
        struct pollfd p = {.fd = fd[i], .events = POLLIN};

        g_assert_cmpint(poll(&p, 1, 0), ==, 0);
    }
    reader = open(fifo, O_RDONLY | O_CLOEXEC);
    g_assert_cmpint(reader, >=, 0);
    expect_second(fd[0], "\"held\"");
    for (int i = 0; i < MONITORS; i++) {
        expect_second(fd[i], "\"in-band\"");
        close(fd[i]);
    }
    close(reader);
    qtest_quit(s);
    for (int i = 0; i < MONITORS; i++) {
        unlink(path[i]);
        g_free(path[i]);
    }
    unlink(fifo);
    rmdir(dir);
}

/* A client that does not read must not stop the others. */
static void test_monitor_that_does_not_read(void)
{
    g_autofree char *dir = g_dir_make_tmp("qtest-XXXXXX", NULL),
                    *path = g_strdup_printf("%s/mon", dir);
    g_autoptr(GString) flood = g_string_new("{'execute': 'qmp_capabilities'}");
    int fd;

    for (int i = 0; i < 200; i++) {
        g_string_append(flood, "{'execute': 'query-qmp-schema'}");
    }
    s = qtest_initf("-machine none -nodefaults -qmp unix:%s,server=on,wait=off", path);
    fd = qtest_connect(path);
    second_send(fd, flood->str);
    for (int i = 0; i < 20; i++) {
        qtest_qmp_ok(s, "{'execute': 'query-status'}");
    }
    close(fd);
    qtest_qmp_ok(s, "{'execute': 'query-status'}");
    qtest_quit(s);
    unlink(path);
    rmdir(dir);
}

/* --- run state
 * ---------------------------------------------------------------------------------------------------------------------------
 */

static void test_prelaunch(void)
{
    s = qtest_init("-S -machine none -nodefaults");
    g_assert_cmpstr(status(), ==, "prelaunch");
    qtest_qmp_ok(s, "{'execute': 'cont'}");
    g_assert_true(qtest_qmp_has_event(s, "RESUME"));
    g_assert_cmpstr(status(), ==, "running");
    qtest_quit(s);
}

static void with_machine(void (*fn)(void))
{
    s = qtest_init("-machine q35 -nodefaults");
    fn();
    qtest_quit(s);
}

#define MACHINE_TEST(name) \
    static void name##_on_machine(void) \
    { \
        with_machine(name); \
    }
MACHINE_TEST(test_ids)
MACHINE_TEST(test_malformed_requests)
MACHINE_TEST(test_syntax_errors)
MACHINE_TEST(test_twice)
MACHINE_TEST(test_deep_and_long)
MACHINE_TEST(test_pieces_and_batches)
MACHINE_TEST(test_error_classes)
MACHINE_TEST(test_schema_lists_commands)
MACHINE_TEST(test_queries)
MACHINE_TEST(test_events_come_first)
MACHINE_TEST(test_hmp)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/qmp/handshake", test_handshake);
    g_test_add_func("/qmp/ids", test_ids_on_machine);
    g_test_add_func("/qmp/malformed-requests", test_malformed_requests_on_machine);
    g_test_add_func("/qmp/syntax-errors", test_syntax_errors_on_machine);
    g_test_add_func("/qmp/twice", test_twice_on_machine);
    g_test_add_func("/qmp/deep-and-long", test_deep_and_long_on_machine);
    g_test_add_func("/qmp/pieces-and-batches", test_pieces_and_batches_on_machine);
    g_test_add_func("/qmp/error-classes", test_error_classes_on_machine);
    g_test_add_func("/qmp/schema", test_schema_lists_commands_on_machine);
    g_test_add_func("/qmp/queries", test_queries_on_machine);
    g_test_add_func("/qmp/events-first", test_events_come_first_on_machine);
    g_test_add_func("/qmp/hmp", test_hmp_on_machine);
    g_test_add_func("/qmp/quit", test_quit);
    g_test_add_func("/qmp/sigterm", test_sigterm_is_a_clean_end);
    g_test_add_func("/qmp/oob", test_oob);
    g_test_add_func("/qmp/oob-while-blocked", test_oob_while_blocked);
    g_test_add_func("/qmp/two-monitors", test_two_monitors);
    g_test_add_func("/qmp/monitor-that-does-not-read", test_monitor_that_does_not_read);
    g_test_add_func("/qmp/prelaunch", test_prelaunch);
    return g_test_run();
}
