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
    pic_pair_set_irq(&p, 10, 0);
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
    return g_test_run();
}
