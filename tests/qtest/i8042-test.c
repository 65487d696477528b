/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keyboard controller in the machine: ports, interrupt lines, keys and mice from QMP and the
 * monitor, ACPI's and CMOS's word of it. */
#include "libqtest.h"

#include <string.h>

#define MS G_GINT64_CONSTANT(1000000)

static QTestState *s;

static void start(const char *machine)
{
    s = qtest_initf("-machine %s -nodefaults", machine);
    qtest_irq_intercept_in(s, "ioapic");
}

static void mode(uint8_t val)
{
    qtest_outb(s, 0x64, 0x60);
    qtest_outb(s, 0x60, val);
}

static void expect(const char *text)
{
    g_autoptr(GString) got = g_string_new(NULL);

    while (qtest_inb(s, 0x64) & 1) {
        g_string_append_printf(got, "%s%02x", got->len ? " " : "", qtest_inb(s, 0x60));
    }
    g_assert_cmpstr(got->str, ==, text);
}

static void aux(uint8_t val, const char *answer)
{
    qtest_outb(s, 0x64, 0xd4);
    qtest_outb(s, 0x60, val);
    expect(answer);
}

static void test_send_key(const void *machine)
{
    start(machine);
    mode(0x41);
    qtest_qmp_ok(
        s, "{'execute': 'send-key', 'arguments': {'keys': [{'type': 'qcode', 'data': 'ctrl'}, "
           "{'type': 'qcode', 'data': 'a'}], 'hold-time': 50}}");
    g_assert_cmpuint(qtest_irq_raises(s, 1), ==, 1);
    expect("1d 1e");
    g_assert_cmpuint(qtest_irq_raises(s, 1), ==, 2); /* once a byte */
    g_assert_false(qtest_get_irq(s, 1));
    qtest_clock_step(s, 50 * MS - 1);
    expect("");
    qtest_clock_step(s, 1);
    expect("9e 9d");
    qtest_qmp_ok(
        s, "{'execute': 'send-key', 'arguments': {'keys': [{'type': 'number', 'data': 200}]}}");
    qtest_clock_step(s, 200 * MS);
    expect("e0 48 e0 c8");
    g_free(qtest_hmp(s, "sendkey shift-f1 10"));
    qtest_clock_step(s, 200 * MS);
    expect("2a 3b bb aa");
    qtest_quit(s);
}

static void test_errors(void)
{
    start("q35");
    g_free(qtest_qmp_error(
        s, "GenericError",
        "{'execute': 'send-key', 'arguments': {'keys': [{'type': 'qcode', 'data': 'moon'}]}}"));
    g_free(qtest_qmp_error(
        s, "GenericError",
        "{'execute': 'send-key', 'arguments': {'keys': [{'type': 'number', 'data': 99999}]}}"));
    g_free(qtest_qmp_error(s, "GenericError",
                           "{'execute': 'send-key', 'arguments': {'keys': [{'type': 'qcode', "
                           "'data': 'a'}], 'hold-time': -1}}"));
    g_free(qtest_qmp_error(s, "GenericError",
                           "{'execute': 'input-send-event', 'arguments': {'events': [{'type': "
                           "'abs', 'data': {'axis': 'x', 'value': 1}}]}}"));
    qtest_quit(s);
    start("q35,i8042=off");
    g_free(qtest_qmp_error(
        s, "GenericError",
        "{'execute': 'send-key', 'arguments': {'keys': [{'type': 'qcode', 'data': 'a'}]}}"));
    g_assert_cmphex(qtest_inb(s, 0x64), ==, 0xff);
    qtest_quit(s);
}

static void test_events(const void *machine)
{
    start(machine);
    mode(0x03);
    aux(0xf4, "fa");
    qtest_qmp_ok(s, "{'execute': 'input-send-event', 'arguments': {'events': ["
                    "{'type': 'rel', 'data': {'axis': 'x', 'value': 5}}, {'type': 'rel', 'data': "
                    "{'axis': 'y', 'value': 2}},"
                    "{'type': 'btn', 'data': {'button': 'left', 'down': true}}]}}");
    g_assert_true(qtest_get_irq(s, 12));
    g_assert_cmphex(qtest_inb(s, 0x64) & 0x21, ==, 0x21);
    expect("29 05 fe"); /* one report */
    qtest_qmp_ok(
        s, "{'execute': 'input-send-event', 'arguments': {'events': ["
           "{'type': 'key', 'data': {'down': true, 'key': {'type': 'qcode', 'data': 'b'}}}]}}");
    expect("32");
    qtest_clock_step(s, 500 * MS);
    expect("32"); /* held: it repeats */
    qtest_qmp_ok(
        s, "{'execute': 'input-send-event', 'arguments': {'events': ["
           "{'type': 'key', 'data': {'down': false, 'key': {'type': 'qcode', 'data': 'b'}}}]}}");
    expect("f0 32");
    qtest_quit(s);
}

static void test_monitor_mouse(void)
{
    g_autofree char *mice = NULL;

    start("pc");
    aux(0xf4, "fa");
    for (unsigned n = 0; n < 3; n++) {
        aux(0xf3, "fa");
        aux((const uint8_t[]){200, 100, 80}[n], "fa");
    }
    mice = qtest_hmp(s, "info mice");
    g_assert_nonnull(strstr(mice, "* Mouse #"));
    g_free(qtest_hmp(s, "mouse_move 3 -4 1"));
    expect("08 03 04 ff");
    qtest_clock_step(s, 20 * MS);
    g_free(qtest_hmp(s, "mouse_button 4"));
    expect("0a 00 00 00");
    qtest_quit(s);
}

static void test_reset_pulse(void)
{
    start("q35");
    qtest_outb(s, 0x64, 0xfe);
    json_object_put(qtest_qmp_event(s, "RESET"));
    qtest_outb(s, 0x64, 0xd1);
    qtest_outb(s, 0x60, 0xfe);
    json_object_put(qtest_qmp_event(s, "RESET"));
    qtest_quit(s);
}

static void test_reset_clears(void)
{
    start("q35");
    mode(0x41);
    qtest_qmp_ok(
        s, "{'execute': 'send-key', 'arguments': {'keys': [{'type': 'qcode', 'data': 'a'}]}}");
    g_assert_true(qtest_get_irq(s, 1));
    qtest_system_reset(s);
    g_assert_false(qtest_get_irq(s, 1));
    g_assert_cmphex(qtest_inb(s, 0x64) & 1, ==, 0);
    qtest_quit(s);
}

static uint8_t cmos(uint8_t at)
{
    qtest_outb(s, 0x70, at);
    return qtest_inb(s, 0x71);
}

static void test_cmos_tells(void)
{
    start("q35");
    g_assert_cmphex(cmos(0x14) & 4, ==, 4);
    qtest_quit(s);
    start("q35,i8042=off");
    g_assert_cmphex(cmos(0x14) & 4, ==, 0);
    qtest_quit(s);
}

static void test_device(void)
{
    s = qtest_init("-machine q35,i8042=off -nodefaults -device i8042,kbd-irq=5");
    qtest_irq_intercept_in(s, "ioapic");
    mode(0x41);
    g_free(qtest_hmp(s, "sendkey a"));
    g_assert_true(qtest_get_irq(s, 5));
    qtest_quit(s);
    qtest_refused("i8042=off", "-accel qtest -display none -nodefaults -device i8042");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/i8042/send-key/q35", "q35", test_send_key);
    g_test_add_data_func("/i8042/send-key/pc", "pc", test_send_key);
    g_test_add_data_func("/i8042/events/q35", "q35", test_events);
    g_test_add_data_func("/i8042/events/pc", "pc", test_events);
    g_test_add_func("/i8042/errors", test_errors);
    g_test_add_func("/i8042/monitor", test_monitor_mouse);
    g_test_add_func("/i8042/reset-pulse", test_reset_pulse);
    g_test_add_func("/i8042/reset", test_reset_clears);
    g_test_add_func("/i8042/cmos", test_cmos_tells);
    g_test_add_func("/i8042/device", test_device);
    return g_test_run();
}
