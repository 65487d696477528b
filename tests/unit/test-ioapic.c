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

static int routes, ended, pauses, taken;
static bool route_present;
static MSIMessage route_msg;

static void route(void *opaque, int pin, bool present, MSIMessage msg)
{
    routes++;
    route_present = present;
    route_msg = msg;
}

static void note_ended(void *opaque, int pin)
{
    ended++;
}

static void note_pause(void *opaque)
{
    pauses++;
}

static void note_taken(void *opaque)
{
    taken++;
}

static const IOAPICOps ops = {
    .deliver = deliver, .route = route, .ended = note_ended, .pause = note_pause};

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
    sent = routes = ended = pauses = taken = 0;
    ioapic_core_init(s, &ops, NULL);
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
    write_reg(&s, 0x30, 0xa061);
    ioapic_core_set_pin(&s, 16, 1);
    g_assert_cmpint(sent, ==, 1);
    g_assert_cmphex(last.data, ==, 0xc061);
    g_assert_cmphex(read_reg(&s, 0x30) & 0x4000, ==, 0x4000);
    ioapic_core_set_pin(&s, 16, 1);
    g_assert_cmpint(sent, ==, 1);
    ioapic_core_eoi(&s, 0x62, true);
    g_assert_cmpint(sent, ==, 1);
    ioapic_core_eoi(&s, 0x61, true);
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
    write_reg(&s, 0x30, 0x1a061);
    ioapic_core_set_pin(&s, 16, 1);
    g_assert_cmpint(sent, ==, 0);
    write_reg(&s, 0x30, 0xa061);
    g_assert_cmpint(sent, ==, 1);
}

static void trip_through_edge_mode_clears_remote_irr(void)
{
    IOAPICCore s;

    setup(&s);
    write_reg(&s, 0x30, 0xa061);
    ioapic_core_set_pin(&s, 16, 1);
    write_reg(&s, 0x30, 0x1e061); /* mask; the read-only bit cannot be set or cleared by a write */
    g_assert_cmphex(read_reg(&s, 0x30) & 0x4000, ==, 0x4000);
    write_reg(&s, 0x30, 0x10061);
    write_reg(&s, 0x30, 0x1a061);
    g_assert_cmphex(read_reg(&s, 0x30) & 0x4000, ==, 0);
}

static void polarity_is_applied(void)
{
    IOAPICCore s;

    setup(&s);
    ioapic_core_set_pin(&s, 4, 1);
    ioapic_core_set_pin(&s, 4, 0);
    write_reg(&s, 0x18, 0xa051); /* level, active low; the pin is asserted high and idle */
    g_assert_cmpint(sent, ==, 1);
    ioapic_core_set_pin(&s, 4, 1);
    ioapic_core_eoi(&s, 0x51, true);
    g_assert_cmpint(sent, ==, 1);
    write_reg(&s, 0x30, 0x8061); /* a PCI pin called active high: idle counts as active */
    g_assert_cmpint(sent, ==, 2);
}

static void polarity_chooses_the_edge(void)
{
    IOAPICCore s;

    setup(&s);
    write_reg(&s, 0x18, 0x2051);
    ioapic_core_set_pin(&s, 4, 1);
    g_assert_cmpint(sent, ==, 0);
    ioapic_core_set_pin(&s, 4, 0);
    g_assert_cmpint(sent, ==, 1);
}

static void nmi_smi_and_init_are_edges_even_if_level_is_programmed(void)
{
    IOAPICCore s;
    static const unsigned modes[] = {2, 4, 5};

    for (unsigned i = 0; i < G_N_ELEMENTS(modes); i++) {
        setup(&s);
        write_reg(&s, 0x18, 0x8000 | modes[i] << 8);
        ioapic_core_set_pin(&s, 4, 1);
        g_assert_cmpint(sent, ==, 1);
        g_assert_cmphex(last.data, ==, modes[i] << 8);
        g_assert_cmphex(read_reg(&s, 0x18) & 0x4000, ==, 0);
    }
}

static void extint_sends_no_message(void)
{
    IOAPICCore s;

    setup(&s);
    write_reg(&s, 0x18, 0x700);
    ioapic_core_set_pin(&s, 4, 1);
    g_assert_cmpint(sent, ==, 0);
    g_assert_false(ioapic_core_unmasked(&s, 4));
}

static void masked_entry_keeps_its_route_so_that_the_end_is_heard(void)
{
    IOAPICCore s;

    setup(&s);
    write_reg(&s, 0x30, 0xa061);
    g_assert_true(route_present);
    g_assert_cmphex(route_msg.data, ==, 0xc061);
    routes = 0;
    ioapic_core_set_pin(&s, 16, 1);
    write_reg(&s, 0x30, 0x1a061);
    g_assert_cmpint(routes, ==, 0);
    ioapic_core_eoi(&s, 0x61, true);
    g_assert_cmpint(ended, ==, 1);
    g_assert_cmpint(sent, ==, 1);
    write_reg(&s, 0x30, 0xa061);
    g_assert_cmpint(sent, ==, 2);
}

static void route_is_set_before_a_pending_level_is_sent(void)
{
    IOAPICCore s;

    setup(&s);
    ioapic_core_set_pin(&s, 16, 1);
    write_reg(&s, 0x31, 0x05000000);
    write_reg(&s, 0x30, 0xa061);
    g_assert_cmphex(route_msg.address, ==, last.address);
    g_assert_cmphex(route_msg.data, ==, last.data);
    g_assert_cmphex(last.address, ==, 0xfee05000);
}

static void edge_of_a_tracked_pin_is_awaited_until_its_end(void)
{
    IOAPICCore s;

    setup(&s);
    s.tracked = BIT(2);
    s.taken = note_taken;
    write_reg(&s, 0x14, 0x30);
    g_assert_cmphex(route_msg.data, ==, 0xc030); /* asks for the end */
    ioapic_core_set_pin(&s, 2, 1);
    g_assert_cmphex(last.data, ==, 0x30);        /* but stays an edge */
    g_assert_false(ioapic_core_awaiting(&s, 2)); /* nobody knows yet whether ends are told */
    ioapic_core_eoi(&s, 0x30, true);
    g_assert_cmpint(taken, ==, 1);
    ioapic_core_set_pin(&s, 2, 0);
    ioapic_core_set_pin(&s, 2, 1);
    g_assert_true(ioapic_core_awaiting(&s, 2));
    ioapic_core_eoi(&s, 0x30, true);
    g_assert_false(ioapic_core_awaiting(&s, 2));
}

static void storm_pauses(void)
{
    IOAPICCore s;

    setup(&s);
    write_reg(&s, 0x30, 0xa061);
    ioapic_core_set_pin(&s, 16, 1);
    for (int n = 0; n < 2 * IOAPIC_STORM && !pauses; n++) {
        ioapic_core_eoi(&s, 0x61, true);
    }
    g_assert_cmpint(pauses, ==, 1);
    sent = 0;
    ioapic_core_set_pin(&s, 16, 1);
    g_assert_cmpint(sent, ==, 0);
    ioapic_core_resume(&s);
    g_assert_cmpint(sent, ==, 1);
}

static void eoi_register_ends_only_its_vector(void)
{
    IOAPICCore s;

    setup(&s);
    write_reg(&s, 0x30, 0xa061);
    write_reg(&s, 0x32, 0xa062);
    ioapic_core_set_pin(&s, 16, 1);
    ioapic_core_set_pin(&s, 17, 1);
    g_assert_false(s.eoi_register_used);
    ioapic_core_write(&s, 0x40, 0x62);
    g_assert_true(s.eoi_register_used);
    g_assert_cmpint(sent, ==, 3);
    g_assert_cmphex(read_reg(&s, 0x30) & 0x4000, ==, 0x4000);
}

static void suppressed_broadcast_ends_no_level(void)
{
    IOAPICCore s;

    setup(&s);
    write_reg(&s, 0x30, 0xa061);
    ioapic_core_set_pin(&s, 16, 1);
    ioapic_core_eoi(&s, 0x61, false);
    g_assert_cmpint(sent, ==, 1);
    ioapic_core_write(&s, 0x40, 0x61);
    g_assert_cmpint(sent, ==, 2);
}

static void state_survives_get_and_set(void)
{
    IOAPICCore s, t;
    IOAPICState st;

    setup(&s);
    write_reg(&s, 0x30, 0xa061);
    ioapic_core_set_pin(&s, 16, 1);
    ioapic_core_get(&s, &st);
    setup(&t);
    ioapic_core_set(&t, &st);
    g_assert_true(route_msg.data == 0 || routes > 0);
    g_assert_cmphex(read_reg(&t, 0x30), ==, 0xe061);
    ioapic_core_eoi(&t, 0x61, true);
    g_assert_cmpint(sent, ==, 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ioapic/identity", identity_and_version);
    g_test_add_func("/ioapic/edge", edge_sends_once_and_is_lost_when_masked);
    g_test_add_func("/ioapic/level", level_waits_for_the_end);
    g_test_add_func("/ioapic/unmask", level_fires_when_unmasked);
    g_test_add_func("/ioapic/remote-irr", trip_through_edge_mode_clears_remote_irr);
    g_test_add_func("/ioapic/polarity-is-applied", polarity_is_applied);
    g_test_add_func("/ioapic/polarity-chooses-the-edge", polarity_chooses_the_edge);
    g_test_add_func("/ioapic/nmi-smi-and-init-are-edges-even-if-level-is-programmed",
                    nmi_smi_and_init_are_edges_even_if_level_is_programmed);
    g_test_add_func("/ioapic/extint-sends-no-message", extint_sends_no_message);
    g_test_add_func("/ioapic/masked-entry-keeps-its-route-so-that-the-end-is-heard",
                    masked_entry_keeps_its_route_so_that_the_end_is_heard);
    g_test_add_func("/ioapic/route-is-set-before-a-pending-level-is-sent",
                    route_is_set_before_a_pending_level_is_sent);
    g_test_add_func("/ioapic/edge-of-a-tracked-pin-is-awaited-until-its-end",
                    edge_of_a_tracked_pin_is_awaited_until_its_end);
    g_test_add_func("/ioapic/storm-pauses", storm_pauses);
    g_test_add_func("/ioapic/eoi-register-ends-only-its-vector", eoi_register_ends_only_its_vector);
    g_test_add_func("/ioapic/state-survives-get-and-set", state_survives_get_and_set);
    g_test_add_func("/ioapic/suppressed-broadcast", suppressed_broadcast_ends_no_level);
    return g_test_run();
}
