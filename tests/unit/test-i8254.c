/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 8254: modes, gate, latches, read-back; time is moved by the test. */
#include "hw/timer/i8254.h"

static int64_t ns(int64_t ticks)
{
    return DIV_ROUND_UP(ticks * (__int128)NANOSECONDS_PER_SECOND, PIT_FREQ);
}

static void program(PitCore *p, int n, int mode, uint16_t count, int64_t now)
{
    pit_core_write(p, 3, n << 6 | PIT_WORD << 4 | mode << 1, now);
    pit_core_write(p, n, count & 0xff, now);
    pit_core_write(p, n, count >> 8, now);
}

static unsigned read_count(PitCore *p, int n, int64_t now)
{
    unsigned v;

    pit_core_write(p, 3, n << 6, now); /* latch */
    v = pit_core_read(p, n, now);
    return v | pit_core_read(p, n, now) << 8;
}

/* Low byte, then high byte. */
static int read_word(PitCore *p, int n, int64_t now)
{
    int low = pit_core_read(p, n, now);

    return low | pit_core_read(p, n, now) << 8;
}

static void reset_toggles_every_half_period(void)
{
    PitCore p;

    pit_core_reset(&p, 0);
    g_assert_cmpint(pit_core_out(&p, 0, 0), ==, 1);
    g_assert_cmpint(pit_core_next_change(&p, 0, 0), ==, 27462700);
    g_assert_cmpint(pit_core_out(&p, 0, 27462700), ==, 0);
    g_assert_cmpint(pit_core_next_change(&p, 0, 27462700), ==, 54925401);
    g_assert_cmpint(pit_core_out(&p, 0, 54925401), ==, 1);
}

static void mode0_goes_high_once(void)
{
    PitCore p;

    pit_core_reset(&p, 0);
    program(&p, 0, 0, 100, 0);
    g_assert_cmpint(pit_core_out(&p, 0, ns(99)), ==, 0);
    g_assert_cmpint(pit_core_out(&p, 0, ns(100)), ==, 1);
    g_assert_cmpint(read_count(&p, 0, ns(40)), ==, 60);
    g_assert_cmpint(read_count(&p, 0, ns(101)), ==, 0xffff);
    g_assert_cmpint(pit_core_next_change(&p, 0, ns(100)), ==, -1);
}

static void mode1_waits_for_gate(void)
{
    PitCore p;

    pit_core_reset(&p, 0);
    program(&p, 2, 1, 10, 0);
    g_assert_cmpint(pit_core_out(&p, 2, ns(50)), ==, 1);
    pit_core_set_gate(&p, 2, true, ns(50));
    g_assert_cmpint(pit_core_out(&p, 2, ns(55)), ==, 0);
    g_assert_cmpint(pit_core_out(&p, 2, ns(50) + ns(11)), ==, 1);
    pit_core_set_gate(&p, 2, false, ns(70));
    pit_core_set_gate(&p, 2, true, ns(80));
    g_assert_cmpint(pit_core_out(&p, 2, ns(81)), ==, 0);
}

static void mode2_pulses_for_one_clock(void)
{
    PitCore p;

    pit_core_reset(&p, 0);
    program(&p, 0, 2, 10, 0);
    for (int period = 0; period < 3; period++) {
        g_assert_cmpint(pit_core_out(&p, 0, ns(period * 10 + 8)), ==, 1);
        g_assert_cmpint(pit_core_out(&p, 0, ns(period * 10 + 9)), ==, 0);
        g_assert_cmpint(pit_core_out(&p, 0, ns(period * 10 + 10)), ==, 1);
    }
    g_assert_cmpint(read_count(&p, 0, ns(13)), ==, 7);
}

static void mode3_odd_count_is_longer_high(void)
{
    PitCore p;
    int high = 0;

    pit_core_reset(&p, 0);
    program(&p, 0, 3, 5, 0);
    for (int t = 0; t < 5; t++) {
        high += pit_core_out(&p, 0, ns(t));
    }
    g_assert_cmpint(high, ==, 3);
}

static void mode4_strobes(void)
{
    PitCore p;

    pit_core_reset(&p, 0);
    program(&p, 0, 4, 20, 0);
    g_assert_cmpint(pit_core_out(&p, 0, ns(19)), ==, 1);
    g_assert_cmpint(pit_core_out(&p, 0, ns(20)), ==, 0);
    g_assert_cmpint(pit_core_out(&p, 0, ns(21)), ==, 1);
    g_assert_cmpint(pit_core_next_change(&p, 0, ns(21)), ==, -1);
}

static void mode5_strobes_after_gate(void)
{
    PitCore p;

    pit_core_reset(&p, 0);
    program(&p, 2, 5, 20, 0);
    g_assert_cmpint(pit_core_next_change(&p, 2, 0), ==, -1);
    pit_core_set_gate(&p, 2, true, 0);
    g_assert_cmpint(pit_core_out(&p, 2, ns(20)), ==, 0);
}

static void gate_stops_mode0(void)
{
    PitCore p;

    pit_core_reset(&p, 0);
    pit_core_set_gate(&p, 2, true, 0);
    program(&p, 2, 0, 100, 0);
    pit_core_set_gate(&p, 2, false, ns(30));
    g_assert_cmpint(read_count(&p, 2, ns(500)), ==, 70);
    g_assert_cmpint(pit_core_next_change(&p, 2, ns(500)), ==, -1);
    pit_core_set_gate(&p, 2, true, ns(500));
    g_assert_cmpint(pit_core_out(&p, 2, ns(569)), ==, 0);
    g_assert_cmpint(pit_core_out(&p, 2, ns(571)), ==, 1);
}

static void latch_holds_until_read(void)
{
    PitCore p;

    pit_core_reset(&p, 0);
    program(&p, 0, 2, 1000, 0);
    pit_core_write(&p, 3, 0, ns(100));
    pit_core_write(&p, 3, 0, ns(200)); /* ignored: the first is not read yet */
    g_assert_cmpint(read_word(&p, 0, ns(300)), ==, 900);
    g_assert_cmpint(read_count(&p, 0, ns(400)), ==, 600);
}

static void read_back_gives_status_then_count(void)
{
    PitCore p;

    pit_core_reset(&p, 0);
    program(&p, 1, 2, 1000, 0);
    pit_core_write(&p, 3, 0xc4, ns(10)); /* status and count of counter 1 */
    g_assert_cmphex(pit_core_read(&p, 1, ns(20)), ==, 0x80 | PIT_WORD << 4 | 2 << 1);
    g_assert_cmpint(read_word(&p, 1, ns(20)), ==, 990);
    pit_core_write(&p, 3, 1 << 6 | PIT_WORD << 4 | 2 << 1, ns(30)); /* no count written */
    pit_core_write(&p, 3, 0xe4, ns(30));
    g_assert_cmphex(pit_core_read(&p, 1, ns(30)) & 0x40, ==, 0x40);
}

static void bcd_counts_in_decimal(void)
{
    PitCore p;

    pit_core_reset(&p, 0);
    pit_core_write(&p, 3, PIT_WORD << 4 | 2 << 1 | 1, 0);
    pit_core_write(&p, 0, 0x00, 0);
    pit_core_write(&p, 0, 0x10, 0);
    g_assert_cmpint(read_count(&p, 0, ns(1)), ==, 0x0999);
    g_assert_cmpint(pit_core_next_change(&p, 0, 0), <=, ns(999));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/i8254/reset", reset_toggles_every_half_period);
    g_test_add_func("/i8254/mode0", mode0_goes_high_once);
    g_test_add_func("/i8254/mode1", mode1_waits_for_gate);
    g_test_add_func("/i8254/mode2", mode2_pulses_for_one_clock);
    g_test_add_func("/i8254/mode3", mode3_odd_count_is_longer_high);
    g_test_add_func("/i8254/mode4", mode4_strobes);
    g_test_add_func("/i8254/mode5", mode5_strobes_after_gate);
    g_test_add_func("/i8254/gate", gate_stops_mode0);
    g_test_add_func("/i8254/latch", latch_holds_until_read);
    g_test_add_func("/i8254/read-back", read_back_gives_status_then_count);
    g_test_add_func("/i8254/bcd", bcd_counts_in_decimal);
    return g_test_run();
}
