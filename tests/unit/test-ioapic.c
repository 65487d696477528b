/* SPDX-License-Identifier: GPL-2.0-or-later */
/* I/O APIC: messages, masks, remote IRR, ends of interrupt. */
#include "hw/intc/ioapic.h"

static MSIMessage last;
static int sent;

static void deliver(void *opaque, MSIMessage msg)
{
    last = msg;
    sent++;
}

static const IOAPICOps ops = {.deliver = deliver};

static void write_reg(IOAPICCore *s, uint8_t reg, uint32_t val)
{
    ioapic_core_write(s, 0, reg);
    ioapic_core_write(s, 0x10, val);
}

static uint32_t read_reg(IOAPICCore *s, uint8_t reg)
{
    ioapic_core_write(s, 0, reg);
    return ioapic_core_read(s, 0x10);
}

static void setup(IOAPICCore *s)
{
    sent = 0;
    ioapic_core_init(s, &ops, NULL);
    ioapic_core_reset(s);
}

static void identity_and_version(void)
{
    IOAPICCore s;

    setup(&s);
    g_assert_cmphex(read_reg(&s, 1), ==, 0x00170020);
    write_reg(&s, 0, 0x05000000);
    g_assert_cmphex(read_reg(&s, 0), ==, 0x05000000);
    g_assert_cmphex(read_reg(&s, 0x10), ==, 0x10000);
    g_assert_cmphex(read_reg(&s, 0x3f), ==, 0);
    g_assert_cmphex(read_reg(&s, 0x40), ==, 0);
}

static void edge_sends_once_and_is_lost_when_masked(void)
{
    IOAPICCore s;

    setup(&s);
    ioapic_core_set_pin(&s, 4, 1);
    g_assert_cmpint(sent, ==, 0);
    write_reg(&s, 0x19, 0x03000000);
    write_reg(&s, 0x18, 0x0851); /* logical, vector 0x51 */
    g_assert_cmpint(sent, ==, 0);
    ioapic_core_set_pin(&s, 4, 1);
    g_assert_cmpint(sent, ==, 0); /* no edge */
    ioapic_core_set_pin(&s, 4, 0);
    ioapic_core_set_pin(&s, 4, 1);
    g_assert_cmpint(sent, ==, 1);
    g_assert_cmphex(last.address, ==, 0xfee03004);
    g_assert_cmphex(last.data, ==, 0x51);
}

static void level_waits_for_the_end(void)
{
    IOAPICCore s;

    setup(&s);
    write_reg(&s, 0x30, 0x8061);
    ioapic_core_set_pin(&s, 16, 1);
    g_assert_cmpint(sent, ==, 1);
    g_assert_cmphex(last.data, ==, 0xc061);
    g_assert_cmphex(read_reg(&s, 0x30) & 0x4000, ==, 0x4000);
    ioapic_core_set_pin(&s, 16, 1);
    g_assert_cmpint(sent, ==, 1);
    ioapic_core_eoi(&s, 0x62);
    g_assert_cmpint(sent, ==, 1);
    ioapic_core_eoi(&s, 0x61);
    g_assert_cmpint(sent, ==, 2); /* still asserted */
    ioapic_core_set_pin(&s, 16, 0);
    ioapic_core_write(&s, 0x40, 0x61);
    g_assert_cmpint(sent, ==, 2);
    g_assert_cmphex(read_reg(&s, 0x30) & 0x4000, ==, 0);
}

static void level_fires_when_unmasked(void)
{
    IOAPICCore s;

    setup(&s);
    write_reg(&s, 0x30, 0x18061);
    ioapic_core_set_pin(&s, 16, 1);
    g_assert_cmpint(sent, ==, 0);
    write_reg(&s, 0x30, 0x8061);
    g_assert_cmpint(sent, ==, 1);
}

static void trip_through_edge_mode_clears_remote_irr(void)
{
    IOAPICCore s;

    setup(&s);
    write_reg(&s, 0x30, 0x8061);
    ioapic_core_set_pin(&s, 16, 1);
    write_reg(&s, 0x30, 0x1c061); /* mask; the read-only bit cannot be set or cleared by a write */
    g_assert_cmphex(read_reg(&s, 0x30) & 0x4000, ==, 0x4000);
    write_reg(&s, 0x30, 0x10061);
    write_reg(&s, 0x30, 0x18061);
    g_assert_cmphex(read_reg(&s, 0x30) & 0x4000, ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ioapic/identity", identity_and_version);
    g_test_add_func("/ioapic/edge", edge_sends_once_and_is_lost_when_masked);
    g_test_add_func("/ioapic/level", level_waits_for_the_end);
    g_test_add_func("/ioapic/unmask", level_fires_when_unmasked);
    g_test_add_func("/ioapic/remote-irr", trip_through_edge_mode_clears_remote_irr);
    return g_test_run();
}
