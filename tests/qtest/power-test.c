/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a guest ends, resets and is told to: ACPI PM block, reset registers, pvpanic, isa-debug-exit.
 */
#include "libqtest.h"
#include "pci.h"

#include <string.h>

enum {
    PMBASE = 0x600,
    PM1_STS = PMBASE,
    PM1_EN = PMBASE + 2,
    PM1_CNT = PMBASE + 4,
    PM_TMR = PMBASE + 8,
    PWRBTN = 1 << 8
};

static QTestState *s;

static void start(const char *args)
{
    QPCIBus *bus;
    QPCIDevice *lpc;

    s = qtest_initf("-machine q35 -nodefaults %s", args);
    qtest_irq_intercept_in(s, "ioapic");
    bus = qpci_new(s);
    lpc = qpci_device_at(bus, 0, QPCI_DEVFN(31, 0));
    g_assert_nonnull(lpc);
    qpci_config_writel(lpc, 0x40, PMBASE | 1);
    qpci_config_writeb(lpc, 0x44, 0x80); /* ACPI decode on, SCI is line 9 */
    qpci_device_free(lpc);
    qpci_free(bus);
}

static json_object *event_data(const char *name)
{
    json_object *event = qtest_qmp_event(s, name), *data = NULL;

    g_assert_true(json_object_object_get_ex(event, "data", &data));
    json_object_get(data);
    json_object_put(event);
    return data;
}

/* The event came for this reason, from the guest. */
static void expect_guest(const char *name, const char *reason)
{
    json_object *data = event_data(name), *v = NULL;

    json_object_object_get_ex(data, "reason", &v);
    g_assert_cmpstr(json_object_get_string(v), ==, reason);
    json_object_object_get_ex(data, "guest", &v);
    g_assert_true(json_object_get_boolean(v));
    json_object_put(data);
}

static void test_timer(void)
{
    uint32_t before, after;

    start("");
    before = qtest_inl(s, PM_TMR);
    qtest_clock_step(s, 1000000000);
    after = qtest_inl(s, PM_TMR);
    g_assert_cmpuint((after - before) & 0xffffff, >=, 3579544);
    g_assert_cmpuint((after - before) & 0xffffff, <=, 3579546);
    qtest_outl(s, PM_TMR, 0); /* read-only */
    g_assert_cmpuint(qtest_inl(s, PM_TMR), ==, after);
    qtest_quit(s);
}

static void test_power_button(void)
{
    start("");
    qtest_outb(s, 0xb2, 2); /* firmware's "ACPI on" */
    g_assert_cmphex(qtest_inw(s, PM1_CNT) & 1, ==, 1);
    g_assert_cmphex(qtest_inw(s, PM1_STS) & PWRBTN, ==, 0);
    qtest_outw(s, PM1_EN, PWRBTN);
    g_assert_false(qtest_get_irq(s, 9));
    qtest_qmp_ok(s, "{'execute': 'system_powerdown'}");
    json_object_put(qtest_qmp_event(s, "POWERDOWN"));
    g_assert_cmphex(qtest_inw(s, PM1_STS) & PWRBTN, ==, PWRBTN);
    g_assert_true(qtest_get_irq(s, 9));
    qtest_outw(s, PM1_STS, PWRBTN);
    g_assert_cmphex(qtest_inw(s, PM1_STS) & PWRBTN, ==, 0);
    g_assert_false(qtest_get_irq(s, 9));
    qtest_quit(s);
}

static void test_soft_off(void)
{
    start("");
    qtest_outw(s, PM1_CNT, 1 << 13); /* SLP_EN, SLP_TYP 0: S5 */
    expect_guest("SHUTDOWN", "guest-shutdown");
    qtest_quit(s);
}

static const char *status(void)
{
    static char buf[32];
    json_object *ret = qtest_qmp_return(s, "{'execute': 'query-status'}"), *v = NULL;

    json_object_object_get_ex(ret, "status", &v);
    g_strlcpy(buf, json_object_get_string(v), sizeof(buf));
    json_object_put(ret);
    return buf;
}

/* -no-shutdown: the process stays, in state shutdown; a reset brings the machine back. */
static void test_no_shutdown(void)
{
    start("-no-shutdown");
    qtest_outw(s, PM1_CNT, 1 << 13);
    expect_guest("SHUTDOWN", "guest-shutdown");
    json_object_put(qtest_qmp_event(s, "STOP"));
    g_assert_cmpstr(status(), ==, "shutdown");
    qtest_system_reset(s);
    qtest_qmp_ok(s, "{'execute': 'cont'}");
    g_assert_cmpstr(status(), ==, "running");
    qtest_quit(s);
}

static void test_resets(void)
{
    static const struct {
        uint16_t port;
        uint8_t value;
    } ways[] = {{0xcf9, 6}, {0xcf9, 0xe}, {0x92, 1}};

    start("");
    for (unsigned i = 0; i < G_N_ELEMENTS(ways); i++) {
        qtest_qmp_drop_events(s);
        qtest_outb(s, ways[i].port, 2);
        qtest_outb(s, ways[i].port, ways[i].value);
        expect_guest("RESET", "guest-reset");
        g_assert_cmpstr(status(), ==, "running");
    }
    qtest_quit(s);
}

static void test_no_reboot(void)
{
    start("-no-reboot");
    qtest_outb(s, 0xcf9, 6);
    expect_guest("SHUTDOWN", "guest-reset");
    qtest_quit(s);
}

static void test_pvpanic(void)
{
    json_object *data, *v = NULL;

    start("-device pvpanic");
    g_assert_cmphex(qtest_inb(s, 0x505) & 1, ==, 1);
    qtest_outb(s, 0x505, 1);
    data = event_data("GUEST_PANICKED");
    json_object_object_get_ex(data, "action", &v);
    g_test_message("action %s", json_object_get_string(v));
    g_assert_true(!strcmp(json_object_get_string(v), "pause") ||
                  !strcmp(json_object_get_string(v), "poweroff"));
    json_object_put(data);
    qtest_quit(s);
}

static void test_debug_exit(void)
{
    start("-device isa-debug-exit,iobase=0xf4,iosize=4");
    qtest_set_expected_status(s, 0x21 << 1 | 1);
    qtest_send_raw(s, "outb 0xf4 0x21\n", 15);
    for (int i = 0; qtest_alive(s); i++) {
        g_assert_cmpint(i, <, 1000);
        g_usleep(10000);
    }
    qtest_quit(s);
}

static void s3_start(void)
{
    start("");
    qtest_outw(s, PM1_CNT, 1 << 10 | 1 << 13);
    json_object_put(qtest_qmp_event(s, "SUSPEND"));
}

static void expect_status(const char *status)
{
    json_object *st = qtest_qmp_return(s, "{'execute': 'query-status'}"), *v;

    json_object_object_get_ex(st, "status", &v);
    g_assert_cmpstr(json_object_get_string(v), ==, status);
    json_object_put(st);
}

static uint8_t cmos(uint8_t at)
{
    qtest_outb(s, 0x70, at);
    return qtest_inb(s, 0x71);
}

static void expect_awake(uint16_t by)
{
    QPCIBus *bus;
    QPCIDevice *lpc;

    json_object_put(qtest_qmp_event(s, "WAKEUP"));
    expect_status("running");
    g_assert_cmphex(cmos(0x0f), ==, 0xfe);
    bus = qpci_new(s);
    lpc = qpci_device_at(bus, 0, QPCI_DEVFN(31, 0));
    qpci_config_writel(lpc, 0x40, PMBASE | 1);
    qpci_config_writeb(lpc, 0x44, 0x80);
    g_assert_cmphex(qtest_inw(s, PM1_STS) & 0x8500, ==, 0x8000 | by);
    qpci_device_free(lpc);
    qpci_free(bus);
}

/* Sleep type 1: SUSPEND, RAM stays, system_wakeup resets around it. */
static void test_s3(void)
{
    uint64_t at;

    start("");
    at = qtest_alloc(s, 4096, 0);
    qtest_writel(s, at, 0x12345678);
    g_free(qtest_qmp_error(s, "GenericError", "{'execute': 'system_wakeup'}"));
    qtest_outw(s, PM1_CNT, 1 << 10 | 1 << 13);
    json_object_put(qtest_qmp_event(s, "SUSPEND"));
    expect_status("suspended");
    qtest_qmp_ok(s, "{'execute': 'cont'}"); /* does not wake */
    expect_status("suspended");
    qtest_qmp_ok(s, "{'execute': 'system_wakeup'}");
    expect_awake(0);
    g_assert_cmphex(qtest_readl(s, at), ==, 0x12345678);
    qtest_system_reset(s);
    g_assert_cmphex(cmos(0x0f), ==, 0);
    qtest_quit(s);
}

static void test_s3_button(void)
{
    s3_start();
    qtest_qmp_ok(s, "{'execute': 'system_powerdown'}");
    expect_awake(1 << 8);
    qtest_quit(s);
}

/* The clock's alarm wakes. */
static void test_s3_alarm(void)
{
    start("-rtc base=2024-01-01T00:00:00,clock=vm");
    qtest_outb(s, 0x70, 0x01);
    qtest_outb(s, 0x71, 0x05); /* second 5, any minute, any hour */
    qtest_outb(s, 0x70, 0x03);
    qtest_outb(s, 0x71, 0xff);
    qtest_outb(s, 0x70, 0x05);
    qtest_outb(s, 0x71, 0xff);
    qtest_outb(s, 0x70, 0x0b);
    qtest_outb(s, 0x71, 0x22);
    qtest_outw(s, PM1_CNT, 1 << 10 | 1 << 13);
    json_object_put(qtest_qmp_event(s, "SUSPEND"));
    qtest_clock_step(s, 4 * G_GINT64_CONSTANT(1000000000));
    expect_status("suspended");
    qtest_clock_step(s, 2 * G_GINT64_CONSTANT(1000000000));
    json_object_put(qtest_qmp_event(s, "WAKEUP"));
    qtest_quit(s);
}

static void test_s3_reset(void)
{
    s3_start();
    qtest_system_reset(s);
    expect_status("running");
    g_assert_cmphex(cmos(0x0f), ==, 0);
    qtest_quit(s);
}

static void test_s3_not_offered(void)
{
    json_object *p, *v;

    start("-global ICH9-LPC.disable_s3=1");
    qtest_outw(s, PM1_CNT, 1 << 10 | 1 << 13);
    expect_status("running");
    p = qtest_qmp_return(s, "{'execute': 'query-current-machine'}");
    g_assert_true(json_object_object_get_ex(p, "wakeup-suspend-support", &v));
    g_assert_false(json_object_get_boolean(v));
    json_object_put(p);
    qtest_quit(s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/power/timer", test_timer);
    g_test_add_func("/power/button", test_power_button);
    g_test_add_func("/power/soft-off", test_soft_off);
    g_test_add_func("/power/no-shutdown", test_no_shutdown);
    g_test_add_func("/power/resets", test_resets);
    g_test_add_func("/power/no-reboot", test_no_reboot);
    g_test_add_func("/power/pvpanic", test_pvpanic);
    g_test_add_func("/power/debug-exit", test_debug_exit);
    g_test_add_func("/power/s3/wakeup", test_s3);
    g_test_add_func("/power/s3/button", test_s3_button);
    g_test_add_func("/power/s3/alarm", test_s3_alarm);
    g_test_add_func("/power/s3/reset", test_s3_reset);
    g_test_add_func("/power/s3/not-offered", test_s3_not_offered);
    return g_test_run();
}
