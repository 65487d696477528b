/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 8259 pair: initialisation, priorities, ends of interrupt, cascade, modes. */
#include "hw/intc/i8259.h"

static int level;

static void out(void *opaque, int l)
{
    level = l;
}

static void setup(PicPair *p, uint8_t icw4)
{
    level = 0;
    pic_pair_init(p, out, NULL);
    for (int chip = 0; chip < 2; chip++) {
        pic_pair_write(p, chip, 0, 0x11);
        pic_pair_write(p, chip, 1, chip ? 0x28 : 0x20);
        pic_pair_write(p, chip, 1, chip ? 2 : 4);
        pic_pair_write(p, chip, 1, icw4);
        pic_pair_write(p, chip, 1, 0);
    }
}

static void edge_is_latched_and_acknowledged(void)
{
    PicPair p;

    setup(&p, 1);
    pic_pair_set_irq(&p, 4, 1);
    g_assert_cmpint(level, ==, 1);
    g_assert_cmphex(pic_pair_read(&p, 0, 0), ==, 0x10);
    g_assert_cmphex(pic_pair_ack(&p), ==, 0x24);
    g_assert_cmpint(level, ==, 0);
    pic_pair_write(&p, 0, 0, 0x0b);
    g_assert_cmphex(pic_pair_read(&p, 0, 0), ==, 0x10);
    pic_pair_write(&p, 0, 0, 0x20);
    g_assert_cmphex(pic_pair_read(&p, 0, 0), ==, 0);
    g_assert_cmpint(level, ==, 0); /* the line is still up: no new edge */
    pic_pair_set_irq(&p, 4, 0);
    pic_pair_set_irq(&p, 4, 1);
    g_assert_cmpint(level, ==, 1);
}

static void mask_holds_back(void)
{
    PicPair p;

    setup(&p, 1);
    pic_pair_write(&p, 0, 1, 0x10);
    pic_pair_set_irq(&p, 4, 1);
    g_assert_cmpint(level, ==, 0);
    pic_pair_write(&p, 0, 1, 0);
    g_assert_cmpint(level, ==, 1);
}

static void higher_priority_nests(void)
{
    PicPair p;

    setup(&p, 1);
    pic_pair_set_irq(&p, 5, 1);
    g_assert_cmphex(pic_pair_ack(&p), ==, 0x25);
    pic_pair_set_irq(&p, 6, 1);
    g_assert_cmpint(level, ==, 0);
    pic_pair_set_irq(&p, 1, 1);
    g_assert_cmpint(level, ==, 1);
    g_assert_cmphex(pic_pair_ack(&p), ==, 0x21);
    pic_pair_write(&p, 0, 0, 0x20);
    g_assert_cmpint(level, ==, 0);
    pic_pair_write(&p, 0, 0, 0x65); /* specific end of 5 */
    g_assert_cmphex(pic_pair_ack(&p), ==, 0x26);
}

static void slave_goes_through_master(void)
{
    PicPair p;

    setup(&p, 1);
    pic_pair_set_irq(&p, 12, 1);
    g_assert_cmphex(pic_pair_ack(&p), ==, 0x2c);
    pic_pair_write(&p, 0, 0, 0x0b);
    g_assert_cmphex(pic_pair_read(&p, 0, 0), ==, 4);
    pic_pair_set_irq(&p, 8, 1);
    g_assert_cmpint(level, ==, 0); /* the master still serves its input 2 */
    pic_pair_write(&p, 1, 0, 0x20);
    pic_pair_write(&p, 0, 0, 0x20);
    g_assert_cmphex(pic_pair_ack(&p), ==, 0x28);
}

static void fully_nested_lets_slave_in(void)
{
    PicPair p;

    setup(&p, 0x11);
    pic_pair_set_irq(&p, 12, 1);
    g_assert_cmphex(pic_pair_ack(&p), ==, 0x2c);
    pic_pair_set_irq(&p, 8, 1);
    g_assert_cmpint(level, ==, 1);
    g_assert_cmphex(pic_pair_ack(&p), ==, 0x28);
}

static void spurious_is_input_seven(void)
{
    PicPair p;

    setup(&p, 1);
    g_assert_cmphex(pic_pair_ack(&p), ==, 0x27);
    pic_pair_write(&p, 0, 0, 0x0b);
    g_assert_cmphex(pic_pair_read(&p, 0, 0), ==, 0);
}

static void level_input_repeats_until_lowered(void)
{
    PicPair p;

    setup(&p, 1);
    pic_pair_write_elcr(&p, 1, 0xff);
    g_assert_cmphex(pic_pair_read_elcr(&p, 1), ==, 0xde);
    pic_pair_set_irq(&p, 10, 1);
    g_assert_cmphex(pic_pair_ack(&p), ==, 0x2a);
    pic_pair_write(&p, 1, 0, 0x20);
    pic_pair_write(&p, 0, 0, 0x20);
    g_assert_cmpint(level, ==, 1);
    g_assert_cmphex(pic_pair_ack(&p), ==, 0x2a);
    pic_pair_set_irq(&p, 10, 0);
    pic_pair_write(&p, 1, 0, 0x20);
    pic_pair_write(&p, 0, 0, 0x20);
    g_assert_cmpint(level, ==, 0);
}

static void auto_eoi_rotates(void)
{
    PicPair p;

    setup(&p, 3);
    pic_pair_write(&p, 0, 0, 0x80);
    pic_pair_set_irq(&p, 3, 1);
    pic_pair_set_irq(&p, 4, 1);
    g_assert_cmphex(pic_pair_ack(&p), ==, 0x23);
    pic_pair_set_irq(&p, 3, 0);
    pic_pair_set_irq(&p, 3, 1);
    g_assert_cmphex(pic_pair_ack(&p), ==, 0x24); /* 3 is the lowest now */
    g_assert_cmphex(pic_pair_ack(&p), ==, 0x23);
}

static void special_mask_lets_lower_in(void)
{
    PicPair p;

    setup(&p, 1);
    pic_pair_set_irq(&p, 1, 1);
    pic_pair_ack(&p);
    pic_pair_set_irq(&p, 5, 1);
    g_assert_cmpint(level, ==, 0);
    pic_pair_write(&p, 0, 1, 0x02);
    pic_pair_write(&p, 0, 0, 0x68);
    g_assert_cmpint(level, ==, 1);
    g_assert_cmphex(pic_pair_ack(&p), ==, 0x25);
}

static void poll_acknowledges(void)
{
    PicPair p;

    setup(&p, 1);
    pic_pair_set_irq(&p, 6, 1);
    pic_pair_write(&p, 0, 0, 0x0c);
    g_assert_cmphex(pic_pair_read(&p, 0, 0), ==, 0x86);
    pic_pair_write(&p, 0, 0, 0x0c);
    g_assert_cmphex(pic_pair_read(&p, 0, 0), ==, 0);
}

static void slave_request_that_goes_away_is_interrupt_15(void)
{
    PicPair p;

    setup(&p, 1);
    pic_pair_write_elcr(&p, 1, 0x08);
    pic_pair_set_irq(&p, 11, 1);
    pic_pair_set_irq(&p, 11, 0);
    g_assert_cmphex(pic_pair_ack(&p), ==, 0x2f);
    pic_pair_write(&p, 1, 0, 0x0b);
    g_assert_cmphex(pic_pair_read(&p, 1, 0), ==, 0); /* the slave serves nothing ... */
    pic_pair_write(&p, 0, 0, 0x0b);
    g_assert_cmphex(pic_pair_read(&p, 0, 0), ==, 4); /* ... the master does */
}

static void level_request_that_goes_away_is_interrupt_7(void)
{
    PicPair p;

    setup(&p, 1);
    pic_pair_write_elcr(&p, 0, 0x20);
    pic_pair_set_irq(&p, 5, 1);
    g_assert_cmpint(level, ==, 1);
    pic_pair_set_irq(&p, 5, 0);
    g_assert_cmpint(level, ==, 0);
    g_assert_cmphex(pic_pair_ack(&p), ==, 0x27);
    pic_pair_write(&p, 0, 0, 0x0b);
    g_assert_cmphex(pic_pair_read(&p, 0, 0), ==, 0);
}

static void icw1_clears_mask_and_edges_and_selects_irr(void)
{
    PicPair p;

    setup(&p, 1);
    pic_pair_write(&p, 0, 1, 0xff);
    pic_pair_write(&p, 0, 0, 0x0b);
    pic_pair_write(&p, 0, 0, 0xc3); /* 3 is the lowest */
    pic_pair_set_irq(&p, 4, 1);
    pic_pair_write(&p, 0, 0, 0x11);
    pic_pair_write(&p, 0, 1, 0x40);
    pic_pair_write(&p, 0, 1, 4);
    pic_pair_write(&p, 0, 1, 1);
    g_assert_cmphex(pic_pair_read(&p, 0, 1), ==, 0);
    g_assert_cmphex(pic_pair_read(&p, 0, 0), ==, 0); /* a line that is up needs a new edge */
    pic_pair_set_irq(&p, 4, 0);
    pic_pair_set_irq(&p, 4, 1);
    pic_pair_set_irq(&p, 1, 1);
    g_assert_cmphex(pic_pair_ack(&p), ==, 0x41); /* input 7 has the lowest priority again */
}

static void icw1_without_ic4_turns_icw4_functions_off(void)
{
    PicPair p;

    setup(&p, 3); /* automatic end */
    pic_pair_write(&p, 0, 0, 0x10);
    pic_pair_write(&p, 0, 1, 0x20);
    pic_pair_write(&p, 0, 1, 4);
    g_assert_cmphex(pic_pair_read(&p, 0, 1), ==, 0);
    pic_pair_write(&p, 0, 1, 0xfe); /* a mask, not ICW4 */
    g_assert_cmphex(pic_pair_read(&p, 0, 1), ==, 0xfe);
    pic_pair_set_irq(&p, 0, 1);
    pic_pair_ack(&p);
    pic_pair_write(&p, 0, 0, 0x0b);
    g_assert_cmphex(pic_pair_read(&p, 0, 0), ==, 1);
}

static void single_has_no_icw3_and_no_cascade(void)
{
    PicPair p;

    setup(&p, 1);
    pic_pair_write(&p, 0, 0, 0x13);
    pic_pair_write(&p, 0, 1, 0x30);
    pic_pair_write(&p, 0, 1, 1); /* ICW4 */
    pic_pair_write(&p, 0, 1, 0);
    pic_pair_set_irq(&p, 9, 1);
    g_assert_cmphex(pic_pair_ack(&p), ==, 0x32);
}

static void ltim_does_nothing_since_elcr_decides(void)
{
    PicPair p;

    setup(&p, 1);
    pic_pair_write(&p, 0, 0, 0x19);
    pic_pair_write(&p, 0, 1, 0x20);
    pic_pair_write(&p, 0, 1, 4);
    pic_pair_write(&p, 0, 1, 1);
    pic_pair_set_irq(&p, 4, 1);
    pic_pair_ack(&p);
    pic_pair_write(&p, 0, 0, 0x20);
    g_assert_cmpint(level, ==, 0);
}

static void elcr_bits_of_timer_keyboard_cascade_rtc_and_fpu_are_fixed(void)
{
    PicPair p;

    setup(&p, 1);
    pic_pair_write_elcr(&p, 0, 0xff);
    pic_pair_write_elcr(&p, 1, 0xff);
    g_assert_cmphex(pic_pair_read_elcr(&p, 0), ==, 0xf8);
    g_assert_cmphex(pic_pair_read_elcr(&p, 1), ==, 0xde);
}

static void non_specific_eoi_ends_the_highest_in_service(void)
{
    PicPair p;

    setup(&p, 1);
    pic_pair_set_irq(&p, 5, 1);
    pic_pair_ack(&p);
    pic_pair_set_irq(&p, 3, 1);
    pic_pair_ack(&p);
    pic_pair_write(&p, 0, 0, 0x20);
    pic_pair_write(&p, 0, 0, 0x0b);
    g_assert_cmphex(pic_pair_read(&p, 0, 0), ==, 0x20);
}

static void rotate_on_non_specific_eoi(void)
{
    PicPair p;

    setup(&p, 1);
    pic_pair_set_irq(&p, 3, 1);
    pic_pair_ack(&p);
    pic_pair_write(&p, 0, 0, 0xa0);
    pic_pair_set_irq(&p, 3, 0);
    pic_pair_set_irq(&p, 3, 1);
    pic_pair_set_irq(&p, 7, 1);
    g_assert_cmphex(pic_pair_ack(&p), ==, 0x27); /* 4 is the highest now, 3 the lowest */
}

static void rotate_on_specific_eoi(void)
{
    PicPair p;

    setup(&p, 1);
    pic_pair_set_irq(&p, 5, 1);
    pic_pair_ack(&p);
    pic_pair_write(&p, 0, 0, 0xe5);
    pic_pair_set_irq(&p, 0, 1);
    pic_pair_set_irq(&p, 6, 1);
    g_assert_cmphex(pic_pair_ack(&p), ==, 0x26);
}

static void set_priority_command(void)
{
    PicPair p;

    setup(&p, 1);
    pic_pair_write(&p, 0, 0, 0xc0 | 3);
    pic_pair_set_irq(&p, 3, 1);
    pic_pair_set_irq(&p, 4, 1);
    g_assert_cmphex(pic_pair_ack(&p), ==, 0x24);
}

static void ocw2_no_operation(void)
{
    PicPair p;

    setup(&p, 1);
    pic_pair_set_irq(&p, 3, 1);
    pic_pair_ack(&p);
    pic_pair_write(&p, 0, 0, 0x43);
    pic_pair_write(&p, 0, 0, 0x0b);
    g_assert_cmphex(pic_pair_read(&p, 0, 0), ==, 8);
}

static void special_mask_mode_keeps_masked_levels_from_non_specific_eoi(void)
{
    PicPair p;

    setup(&p, 1);
    pic_pair_set_irq(&p, 1, 1);
    pic_pair_ack(&p);
    pic_pair_write(&p, 0, 1, 0x02);
    pic_pair_write(&p, 0, 0, 0x68);
    pic_pair_write(&p, 0, 0, 0x20);
    pic_pair_write(&p, 0, 0, 0x0b);
    g_assert_cmphex(pic_pair_read(&p, 0, 0), ==, 2);
    pic_pair_write(&p, 0, 0, 0x48); /* special mask mode off */
    pic_pair_write(&p, 0, 0, 0x20);
    g_assert_cmphex(pic_pair_read(&p, 0, 0), ==, 0);
}

static void register_selection_stays_until_changed(void)
{
    PicPair p;

    setup(&p, 1);
    pic_pair_set_irq(&p, 3, 1);
    pic_pair_ack(&p);
    pic_pair_set_irq(&p, 6, 1);
    pic_pair_write(&p, 0, 0, 0x0b);
    g_assert_cmphex(pic_pair_read(&p, 0, 0), ==, 0x08);
    pic_pair_write(&p, 0, 0, 0x08); /* neither RR nor P: no change */
    g_assert_cmphex(pic_pair_read(&p, 0, 0), ==, 0x08);
    pic_pair_write(&p, 0, 0, 0x0a);
    g_assert_cmphex(pic_pair_read(&p, 0, 0), ==, 0x40);
}

static void poll_comes_before_register_read_and_works_at_either_port(void)
{
    PicPair p;

    setup(&p, 1);
    pic_pair_set_irq(&p, 10, 1);
    pic_pair_write(&p, 0, 0, 0x0f); /* poll and read ISR */
    g_assert_cmphex(pic_pair_read(&p, 0, 1), ==, 0x82);
    pic_pair_write(&p, 1, 0, 0x0c);
    g_assert_cmphex(pic_pair_read(&p, 1, 0), ==, 0x82);
    g_assert_cmphex(pic_pair_read(&p, 0, 0), ==, 0x04);
}

static int last_acked;

static void note_acked(void *opaque, int n)
{
    last_acked = n;
}

static void acknowledgement_is_told_by_number(void)
{
    PicPair p;

    setup(&p, 1);
    p.acked = note_acked;
    pic_pair_set_irq(&p, 12, 1);
    pic_pair_ack(&p);
    g_assert_cmpint(last_acked, ==, 12);
    pic_pair_write(&p, 1, 0, 0x20);
    pic_pair_write(&p, 0, 0, 0x20);
    pic_pair_set_irq(&p, 0, 1);
    g_assert_true(pic_pair_requesting(&p, 0) && pic_pair_unmasked(&p, 0));
    pic_pair_ack(&p);
    g_assert_cmpint(last_acked, ==, 0);
    g_assert_false(pic_pair_requesting(&p, 0));
}

static void state_survives_get_and_set(void)
{
    PicPair p, q;
    Pic chip[2];

    setup(&p, 1);
    pic_pair_set_irq(&p, 3, 1);
    pic_pair_get(&p, chip);
    setup(&q, 3);
    pic_pair_set(&q, chip);
    g_assert_cmpint(level, ==, 1);
    g_assert_cmphex(pic_pair_ack(&q), ==, 0x23);
    pic_pair_reset(&q);
    g_assert_cmpint(level, ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/i8259/edge", edge_is_latched_and_acknowledged);
    g_test_add_func("/i8259/mask", mask_holds_back);
    g_test_add_func("/i8259/priority", higher_priority_nests);
    g_test_add_func("/i8259/cascade", slave_goes_through_master);
    g_test_add_func("/i8259/fully-nested", fully_nested_lets_slave_in);
    g_test_add_func("/i8259/spurious", spurious_is_input_seven);
    g_test_add_func("/i8259/level", level_input_repeats_until_lowered);
    g_test_add_func("/i8259/auto-eoi", auto_eoi_rotates);
    g_test_add_func("/i8259/special-mask", special_mask_lets_lower_in);
    g_test_add_func("/i8259/poll", poll_acknowledges);
    g_test_add_func("/i8259/slave-request-that-goes-away-is-interrupt-15",
                    slave_request_that_goes_away_is_interrupt_15);
    g_test_add_func("/i8259/level-request-that-goes-away-is-interrupt-7",
                    level_request_that_goes_away_is_interrupt_7);
    g_test_add_func("/i8259/icw1-clears-mask-and-edges-and-selects-irr",
                    icw1_clears_mask_and_edges_and_selects_irr);
    g_test_add_func("/i8259/icw1-without-ic4-turns-icw4-functions-off",
                    icw1_without_ic4_turns_icw4_functions_off);
    g_test_add_func("/i8259/single-has-no-icw3-and-no-cascade", single_has_no_icw3_and_no_cascade);
    g_test_add_func("/i8259/ltim-does-nothing-since-elcr-decides",
                    ltim_does_nothing_since_elcr_decides);
    g_test_add_func("/i8259/elcr-bits-of-timer-keyboard-cascade-rtc-and-fpu-are-fixed",
                    elcr_bits_of_timer_keyboard_cascade_rtc_and_fpu_are_fixed);
    g_test_add_func("/i8259/non-specific-eoi-ends-the-highest-in-service",
                    non_specific_eoi_ends_the_highest_in_service);
    g_test_add_func("/i8259/rotate-on-non-specific-eoi", rotate_on_non_specific_eoi);
    g_test_add_func("/i8259/rotate-on-specific-eoi", rotate_on_specific_eoi);
    g_test_add_func("/i8259/set-priority-command", set_priority_command);
    g_test_add_func("/i8259/ocw2-no-operation", ocw2_no_operation);
    g_test_add_func("/i8259/special-mask-mode-keeps-masked-levels-from-non-specific-eoi",
                    special_mask_mode_keeps_masked_levels_from_non_specific_eoi);
    g_test_add_func("/i8259/register-selection-stays-until-changed",
                    register_selection_stays_until_changed);
    g_test_add_func("/i8259/poll-comes-before-register-read-and-works-at-either-port",
                    poll_comes_before_register_read_and_works_at_either_port);
    g_test_add_func("/i8259/acknowledgement-is-told-by-number", acknowledgement_is_told_by_number);
    g_test_add_func("/i8259/state-survives-get-and-set", state_survives_get_and_set);
    return g_test_run();
}
