/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Watchdogs: the 6300ESB's two stages, ICH9's TCO, and each action. Time is moved by the test. */
#include "libqtest.h"
#include "pci.h"

#include <string.h>

#define SEC G_GINT64_CONSTANT(1000000000)
#define TICK (6 * SEC / 10)

enum { TCO = 0x660, RLD = TCO, STS1 = TCO + 4, STS2 = TCO + 6, CNT1 = TCO + 8, TMR = TCO + 0x12 };

static QTestState *s;
static QPCIBus *bus;

/* --- the event and what is done --- */

static void expect_action(const char *action)
{
    json_object *event = qtest_qmp_event(s, "WATCHDOG"), *data, *v;

    g_assert_true(json_object_object_get_ex(event, "data", &data));
    g_assert_true(json_object_object_get_ex(data, "action", &v));
    g_assert_cmpstr(json_object_get_string(v), ==, action);
    json_object_put(event);
}

static bool quiet(void)
{
    json_object_put(qtest_qmp_return(s, "{'execute': 'query-status'}"));
    return !qtest_qmp_has_event(s, "WATCHDOG");
}

/* --- 6300ESB --- */

static uint64_t esb;
static QPCIDevice *esb_dev;

static void esb_map(void)
{
    esb = 0xfe000000;
    qpci_config_writel(esb_dev, 0x10, esb);
}

static void esb_unlocked(unsigned reg, uint32_t val)
{
    qtest_writew(s, esb + 0xc, 0x80);
    qtest_writew(s, esb + 0xc, 0x86);
    if (reg == 0xc) {
        qtest_writew(s, esb + reg, val);
    } else {
        qtest_writel(s, esb + reg, val);
    }
}

/* Each stage is count ms (2^15 periods of 33 MHz are 0.993 ms). */
static void esb_start(const char *args, uint32_t count)
{
    s = qtest_initf("-machine q35 -nodefaults -device i6300esb,addr=4 %s", args);
    bus = qpci_new(s);
    esb_dev = qpci_device_at(bus, 0, QPCI_DEVFN(4, 0));
    g_assert_nonnull(esb_dev);
    esb_map();
    qpci_device_enable(esb_dev);
    esb_unlocked(0, count);
    esb_unlocked(4, count);
}

static void esb_end(void)
{
    qpci_device_free(esb_dev);
    qpci_free(bus);
    qtest_quit(s);
}

static void esb_second_stage_resets(void)
{
    esb_start("", 1000);
    qpci_config_writew(esb_dev, 0x60, 3); /* no interrupt */
    qpci_config_writeb(esb_dev, 0x68, 2);
    qtest_clock_step(s, 19 * SEC / 10);
    g_assert_true(quiet());
    qtest_clock_step(s, 2 * SEC / 10);
    expect_action("reset");
    json_object_put(qtest_qmp_event(s, "RESET"));
    g_assert_cmphex(qpci_config_readb(esb_dev, 0x68), ==, 0);
    /* The reason is remembered until it is cleared. */
    esb_map();
    qpci_device_enable(esb_dev);
    g_assert_cmphex(qtest_readw(s, esb + 0xc), ==, 0x200);
    esb_unlocked(0xc, 0x200);
    g_assert_cmphex(qtest_readw(s, esb + 0xc), ==, 0);
    esb_end();
}

static void esb_reload_puts_it_off(void)
{
    esb_start("-action watchdog=none", 1000);
    qpci_config_writeb(esb_dev, 0x68, 2);
    for (int n = 0; n < 10; n++) {
        qtest_clock_step(s, 15 * SEC / 10);
        esb_unlocked(0xc, 0x100);
    }
    g_assert_true(quiet());
    qtest_writew(s, esb + 0xc, 0x100); /* not unlocked: nothing */
    qtest_clock_step(s, 2 * SEC);
    expect_action("none");
    esb_end();
}

static void esb_first_stage_interrupts(void)
{
    esb_start("-action watchdog=none", 1000);
    qpci_config_writew(esb_dev, 0x60, 0);
    qpci_config_writeb(esb_dev, 0x68, 2);
    g_assert_cmphex(qtest_readl(s, esb + 8), ==, 0);
    qtest_clock_step(s, SEC);
    g_assert_cmphex(qtest_readl(s, esb + 8), ==, 1);
    qtest_writel(s, esb + 8, 1);
    g_assert_cmphex(qtest_readl(s, esb + 8), ==, 0);
    esb_end();
}

static void esb_lock_holds(void)
{
    esb_start("-action watchdog=none", 1000);
    qpci_config_writeb(esb_dev, 0x68, 3);
    qpci_config_writeb(esb_dev, 0x68, 0);
    g_assert_cmphex(qpci_config_readb(esb_dev, 0x68), ==, 3);
    qtest_clock_step(s, 2 * SEC);
    expect_action("none");
    esb_end();
}

static void esb_preload_has_20_bits(void)
{
    esb_start("", 0xffffffff);
    g_assert_cmphex(qtest_readl(s, esb), ==, 0xfffff);
    qtest_writel(s, esb, 5); /* not unlocked */
    g_assert_cmphex(qtest_readl(s, esb), ==, 0xfffff);
    esb_end();
}

static void esb_output_off(void)
{
    esb_start("", 1000);
    qpci_config_writew(esb_dev, 0x60, 0x23);
    qpci_config_writeb(esb_dev, 0x68, 2);
    qtest_clock_step(s, 10 * SEC);
    g_assert_true(quiet());
    esb_end();
}

/* --- TCO --- */

static void tco_start(const char *args, bool reboot)
{
    QPCIDevice *lpc;

    s = qtest_initf("-machine q35 -nodefaults %s", args);
    bus = qpci_new(s);
    lpc = qpci_device_at(bus, 0, QPCI_DEVFN(31, 0));
    qpci_config_writel(lpc, 0x40, 0x601);
    qpci_config_writeb(lpc, 0x44, 0x80);
    qpci_config_writel(lpc, 0xf0, 0xfed1c001);
    qtest_writel(s, 0xfed1c000 + 0x3410, reboot ? 0 : 0x20);
    qpci_device_free(lpc);
    qpci_free(bus);
}

static void tco_load(uint16_t ticks)
{
    qtest_outw(s, CNT1, 0x800);
    qtest_outw(s, TMR, ticks);
    qtest_outw(s, RLD, 4);
    qtest_outw(s, CNT1, 0);
}

static void tco_defaults(void)
{
    tco_start("", true);
    g_assert_cmphex(qtest_inw(s, RLD), ==, 0);
    g_assert_cmphex(qtest_inw(s, STS1), ==, 0);
    g_assert_cmphex(qtest_inw(s, STS2), ==, 0);
    g_assert_cmphex(qtest_inw(s, CNT1), ==, 0);
    g_assert_cmphex(qtest_inw(s, TCO + 0xa), ==, 8);
    g_assert_cmphex(qtest_inb(s, TCO + 0x10), ==, 3);
    g_assert_cmphex(qtest_inw(s, TMR), ==, 4);
    qtest_quit(s);
}

static void tco_first_timeout_sets_a_bit(void)
{
    tco_start("", true);
    tco_load(10);
    qtest_clock_step(s, 10 * TICK - 1);
    g_assert_cmphex(qtest_inw(s, STS1) & 8, ==, 0);
    qtest_clock_step(s, 1);
    g_assert_cmphex(qtest_inw(s, STS1) & 8, ==, 8);
    g_assert_cmphex(qtest_inw(s, STS2) & 2, ==, 0);
    qtest_outw(s, STS1, 8);
    g_assert_cmphex(qtest_inw(s, STS1) & 8, ==, 0);
    g_assert_true(quiet());
    qtest_quit(s);
}

static void tco_second_timeout_resets(void)
{
    tco_start("", true);
    tco_load(10);
    qtest_clock_step(s, 20 * TICK - 1);
    g_assert_true(quiet());
    qtest_clock_step(s, 1);
    expect_action("reset");
    json_object_put(qtest_qmp_event(s, "RESET"));
    qtest_quit(s);
}

static void tco_no_reboot(void)
{
    tco_start("", false);
    tco_load(10);
    qtest_clock_step(s, 20 * TICK);
    g_assert_cmphex(qtest_inw(s, STS2) & 2, ==, 2);
    g_assert_true(quiet());
    qtest_quit(s);
    tco_start("-global ICH9-LPC.noreboot=true", true); /* the pin has the last word */
    tco_load(10);
    qtest_clock_step(s, 20 * TICK);
    g_assert_true(quiet());
    qtest_quit(s);
}

static void tco_reload_and_halt(void)
{
    tco_start("", true);
    tco_load(10);
    qtest_clock_step(s, 6 * TICK);
    g_assert_cmpint(qtest_inw(s, RLD), ==, 4);
    qtest_outw(s, RLD, 1);
    g_assert_cmpint(qtest_inw(s, RLD), ==, 10);
    qtest_clock_step(s, 3 * TICK);
    qtest_outw(s, CNT1, 0x800);
    qtest_clock_step(s, 100 * TICK);
    g_assert_cmpint(qtest_inw(s, RLD), ==, 7);
    g_assert_cmphex(qtest_inw(s, STS1) & 8, ==, 0);
    qtest_quit(s);
}

static void tco_lock(void)
{
    tco_start("", true);
    qtest_outw(s, CNT1, 0x1000);
    qtest_outw(s, CNT1, 0x800);
    g_assert_cmphex(qtest_inw(s, CNT1), ==, 0x1000);
    qtest_quit(s);
}

/* --- actions --- */

static void actions(void)
{
    static const struct {
        const char *action, *event;
    } table[] = {{"reset", "RESET"},
                 {"shutdown", "POWERDOWN"},
                 {"pause", "STOP"},
                 {"none", NULL},
                 {"debug", NULL}};

    for (unsigned n = 0; n < G_N_ELEMENTS(table); n++) {
        tco_start("", true);
        qtest_qmp_ok(s, "{'execute': 'watchdog-set-action', 'arguments': {'action': '%s'}}",
                     table[n].action);
        tco_load(4);
        qtest_clock_step(s, 8 * TICK);
        expect_action(table[n].action);
        if (table[n].event) {
            json_object_put(qtest_qmp_event(s, table[n].event));
        }
        if (!strcmp(table[n].action, "pause")) {
            json_object *st = qtest_qmp_return(s, "{'execute': 'query-status'}"), *v;

            json_object_object_get_ex(st, "status", &v);
            g_assert_cmpstr(json_object_get_string(v), ==, "watchdog");
            json_object_put(st);
        }
        qtest_quit(s);
    }
    tco_start("-action watchdog=poweroff,shutdown=pause", true);
    tco_load(4);
    qtest_clock_step(s, 8 * TICK);
    expect_action("poweroff");
    json_object_put(qtest_qmp_event(s, "SHUTDOWN"));
    qtest_quit(s);
}

static void errors(void)
{
    qtest_refused("explode", "-accel qtest -display none -action watchdog=explode");
    qtest_refused("watchdog=", "-accel qtest -display none -action fire=on");
}

#define T(group, fn) g_test_add_func("/" group "/" #fn, fn)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    T("i6300esb", esb_second_stage_resets);
    T("i6300esb", esb_reload_puts_it_off);
    T("i6300esb", esb_first_stage_interrupts);
    T("i6300esb", esb_lock_holds);
    T("i6300esb", esb_preload_has_20_bits);
    T("i6300esb", esb_output_off);
    T("tco", tco_defaults);
    T("tco", tco_first_timeout_sets_a_bit);
    T("tco", tco_second_timeout_resets);
    T("tco", tco_no_reboot);
    T("tco", tco_reload_and_halt);
    T("tco", tco_lock);
    T("watchdog", actions);
    T("watchdog", errors);
    return g_test_run();
}
