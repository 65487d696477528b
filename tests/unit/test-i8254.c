/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 8254: each rule of the data sheet (Intel 231164) a test, named after it; time is moved by the
 * test, clock by clock. */
#include "hw/timer/i8254.h"

/* Half a clock after clock k begins. */
static int64_t at(int64_t k)
{
    return (int64_t)((__int128)(2 * k + 1) * NANOSECONDS_PER_SECOND / (2 * PIT_FREQ));
}

static int out(PitCore *p, int n, int64_t k)
{
    return pit_core_out(p, n, at(k));
}

static void control(PitCore *p, int n, int access, int mode, bool bcd, int64_t k)
{
    pit_core_write(p, 3, n << 6 | access << 4 | mode << 1 | bcd, at(k));
}

static void count(PitCore *p, int n, unsigned v, int64_t k)
{
    pit_core_write(p, n, v & 0xff, at(k));
    pit_core_write(p, n, v >> 8, at(k));
}

static void program(PitCore *p, int n, int mode, unsigned v, int64_t k)
{
    control(p, n, PIT_WORD, mode, false, k);
    count(p, n, v, k);
}

static unsigned word(PitCore *p, int n, int64_t k)
{
    unsigned low = pit_core_read(p, n, at(k));

    return low | (unsigned)pit_core_read(p, n, at(k)) << 8;
}

static unsigned latched(PitCore *p, int n, int64_t k)
{
    pit_core_write(p, 3, n << 6, at(k));
    return word(p, n, k);
}

static void gate(PitCore *p, int n, bool level, int64_t k)
{
    pit_core_set_gate(p, n, level, at(k));
}

static unsigned status(PitCore *p, int n, int64_t k)
{
    pit_core_write(p, 3, 0xe0 | 2 << n, at(k));
    return pit_core_read(p, n, at(k));
}

/* Output of clocks from .. from + strlen(want) - 1, as a string of 0 and 1. */
static void expect_wave(PitCore *p, int n, int64_t from, const char *want)
{
    g_autofree char *got = g_strdup(want);

    for (size_t i = 0; want[i]; i++) {
        got[i] = '0' + out(p, n, from + i);
    }
    g_assert_cmpstr(got, ==, want);
}

static PitCore fresh(void)
{
    PitCore p;

    pit_core_reset(&p);
    return p;
}

/* --- mode 0 */

static void mode0_output_goes_high_n_plus_1_clocks_after_the_count_was_written(void)
{
    PitCore p = fresh();

    program(&p, 0, 0, 4, 10);
    expect_wave(&p, 0, 10, "00000111");
    g_assert_cmpint(pit_core_next_change(&p, 0, at(20)), ==, -1);
}

static void mode0_control_word_lowers_the_output(void)
{
    PitCore p = fresh();

    g_assert_cmpint(out(&p, 0, 0), ==, 1);
    control(&p, 0, PIT_WORD, 0, false, 0);
    g_assert_cmpint(out(&p, 0, 1000), ==, 0);
}

static void mode0_first_byte_stops_counting_and_lowers_the_output(void)
{
    PitCore p = fresh();

    program(&p, 0, 0, 4, 0);
    g_assert_cmpint(out(&p, 0, 9), ==, 1);
    pit_core_write(&p, 0, 3, at(10));
    expect_wave(&p, 0, 10, "0000000000");
    pit_core_write(&p, 0, 0, at(20));
    expect_wave(&p, 0, 20, "00001");
}

static void mode0_new_count_is_loaded_with_the_next_clock(void)
{
    PitCore p = fresh();

    control(&p, 0, PIT_LSB, 0, false, 0);
    pit_core_write(&p, 0, 100, at(0));
    g_assert_cmpint(pit_core_read(&p, 0, at(11)), ==, 90);
    pit_core_write(&p, 0, 3, at(11));
    expect_wave(&p, 0, 11, "00001");
}

static void mode0_gate_stops_counting_and_leaves_the_output(void)
{
    PitCore p = fresh();

    gate(&p, 2, true, 0);
    program(&p, 2, 0, 100, 0);
    gate(&p, 2, false, 31);
    g_assert_cmpint(latched(&p, 2, 500), ==, 70);
    g_assert_cmpint(pit_core_next_change(&p, 2, at(500)), ==, -1);
    g_assert_cmpint(out(&p, 2, 500), ==, 0);
    gate(&p, 2, true, 500);
    expect_wave(&p, 2, 568, "0011");
}

static void mode0_count_written_while_the_gate_is_low_needs_no_clock_to_load_later(void)
{
    PitCore p = fresh();

    program(&p, 2, 0, 4, 0);
    g_assert_cmpint(status(&p, 2, 5) & 0x40, ==, 0);
    gate(&p, 2, true, 10);
    expect_wave(&p, 2, 10, "00001");
}

static void mode0_goes_on_counting_from_ffff(void)
{
    PitCore p = fresh();

    program(&p, 0, 0, 4, 0);
    g_assert_cmpint(latched(&p, 0, 6), ==, 0xffff);
    control(&p, 0, PIT_WORD, 0, true, 10);
    count(&p, 0, 0x0004, 10);
    g_assert_cmphex(latched(&p, 0, 16), ==, 0x9999);
}

/* --- mode 1 */

static void mode1_is_high_until_the_gate_triggers_and_then_low_for_n_clocks(void)
{
    PitCore p = fresh();

    program(&p, 2, 1, 3, 0);
    expect_wave(&p, 2, 0, "1111");
    gate(&p, 2, true, 10);
    expect_wave(&p, 2, 10, "100011");
}

static void mode1_is_retriggerable(void)
{
    PitCore p = fresh();

    program(&p, 2, 1, 3, 0);
    gate(&p, 2, true, 10);
    gate(&p, 2, false, 11);
    gate(&p, 2, true, 12);
    expect_wave(&p, 2, 11, "000001");
}

static void mode1_new_count_waits_for_the_next_trigger(void)
{
    PitCore p = fresh();

    program(&p, 2, 1, 2, 0);
    gate(&p, 2, true, 10);
    count(&p, 2, 4, 11);
    g_assert_cmpint(status(&p, 2, 11) & 0x40, ==, 0x40);
    expect_wave(&p, 2, 11, "0011");
    gate(&p, 2, false, 20);
    gate(&p, 2, true, 21);
    expect_wave(&p, 2, 21, "100001");
    g_assert_cmpint(status(&p, 2, 23) & 0x40, ==, 0);
}

/* --- mode 2 */

static void mode2_is_low_for_one_clock_in_n(void)
{
    PitCore p = fresh();

    program(&p, 0, 2, 3, 0);
    expect_wave(&p, 0, 0, "1110110110");
    g_assert_cmpint(latched(&p, 0, 1), ==, 3);
    g_assert_cmpint(latched(&p, 0, 3), ==, 1);
    g_assert_cmpint(latched(&p, 0, 4), ==, 3);
}

static void mode2_low_gate_raises_the_output_and_stops_counting(void)
{
    PitCore p = fresh();

    gate(&p, 2, true, 0);
    program(&p, 2, 2, 5, 0);
    g_assert_cmpint(out(&p, 2, 5), ==, 0);
    gate(&p, 2, false, 5);
    expect_wave(&p, 2, 5, "111111111111");
    g_assert_cmpint(latched(&p, 2, 7), ==, 1);
    g_assert_cmpint(pit_core_next_change(&p, 2, at(7)), ==, -1);
}

static void mode2_gate_reloads_with_the_next_clock(void)
{
    PitCore p = fresh();

    gate(&p, 2, true, 0);
    program(&p, 2, 2, 4, 0);
    gate(&p, 2, false, 2);
    gate(&p, 2, true, 9);
    expect_wave(&p, 2, 9, "111101110");
}

static void mode2_new_count_waits_for_the_end_of_the_period(void)
{
    PitCore p = fresh();

    program(&p, 0, 2, 4, 0);
    count(&p, 0, 2, 2);
    g_assert_cmpint(status(&p, 0, 2) & 0x40, ==, 0x40);
    expect_wave(&p, 0, 2, "110101010");
    g_assert_cmpint(status(&p, 0, 8) & 0x40, ==, 0);
}

static void mode2_trigger_takes_the_new_count_at_once(void)
{
    PitCore p = fresh();

    gate(&p, 2, true, 0);
    program(&p, 2, 2, 100, 0);
    count(&p, 2, 3, 2);
    gate(&p, 2, false, 3);
    gate(&p, 2, true, 4);
    expect_wave(&p, 2, 4, "1110110");
}

/* --- mode 3 */

static void mode3_even_count_is_a_square_wave(void)
{
    PitCore p = fresh();

    program(&p, 0, 3, 4, 0);
    expect_wave(&p, 0, 0, "1110011001");
    g_assert_cmpint(latched(&p, 0, 1), ==, 4);
    g_assert_cmpint(latched(&p, 0, 2), ==, 2);
    g_assert_cmpint(latched(&p, 0, 3), ==, 4);
}

static void mode3_odd_count_is_high_one_clock_longer(void)
{
    PitCore p = fresh();

    program(&p, 0, 3, 5, 0);
    expect_wave(&p, 0, 1, "111001110011100");
    g_assert_cmpint(latched(&p, 0, 1), ==, 4);
    g_assert_cmpint(latched(&p, 0, 3), ==, 0);
    g_assert_cmpint(latched(&p, 0, 4), ==, 4);
}

static void mode3_new_count_waits_for_the_end_of_the_half_period(void)
{
    PitCore p = fresh();

    program(&p, 0, 3, 8, 0);
    count(&p, 0, 4, 2);
    expect_wave(&p, 0, 1, "1111001100110");
    count(&p, 0, 6, 16);
    expect_wave(&p, 0, 15, "11000111000");
}

static void mode3_low_gate_raises_the_output(void)
{
    PitCore p = fresh();

    gate(&p, 2, true, 0);
    program(&p, 2, 3, 8, 0);
    g_assert_cmpint(out(&p, 2, 6), ==, 0);
    gate(&p, 2, false, 6);
    expect_wave(&p, 2, 6, "1111111111");
    gate(&p, 2, true, 20);
    expect_wave(&p, 2, 20, "1111100001");
}

static void modes_6_and_7_are_2_and_3(void)
{
    PitCore p = fresh();

    program(&p, 0, 6, 3, 0);
    expect_wave(&p, 0, 0, "1110110110");
    program(&p, 0, 7, 4, 20);
    expect_wave(&p, 0, 20, "1110011001");
    g_assert_cmpint(status(&p, 0, 30) >> 1 & 7, ==, 7);
}

/* --- modes 4 and 5 */

static void mode4_strobes_n_plus_1_clocks_after_the_count_was_written(void)
{
    PitCore p = fresh();

    program(&p, 0, 4, 3, 0);
    expect_wave(&p, 0, 0, "1111011111");
    g_assert_cmpint(pit_core_next_change(&p, 0, at(5)), ==, -1);
    g_assert_cmpint(latched(&p, 0, 5), ==, 0xffff);
}

static void mode4_new_count_is_loaded_with_the_next_clock(void)
{
    PitCore p = fresh();

    program(&p, 0, 4, 100, 0);
    count(&p, 0, 2, 50);
    expect_wave(&p, 0, 50, "111011");
}

static void mode4_gate_stops_counting(void)
{
    PitCore p = fresh();

    gate(&p, 2, true, 0);
    program(&p, 2, 4, 5, 0);
    gate(&p, 2, false, 3);
    expect_wave(&p, 2, 3, "1111111111");
    gate(&p, 2, true, 20);
    expect_wave(&p, 2, 20, "11101");
}

static void mode5_strobes_n_plus_1_clocks_after_the_gate(void)
{
    PitCore p = fresh();

    program(&p, 2, 5, 3, 0);
    g_assert_cmpint(pit_core_next_change(&p, 2, at(0)), ==, -1);
    gate(&p, 2, true, 10);
    expect_wave(&p, 2, 10, "1111011");
    gate(&p, 2, false, 20);
    gate(&p, 2, true, 21);
    gate(&p, 2, false, 22);
    gate(&p, 2, true, 23);
    expect_wave(&p, 2, 21, "11111101");
}

/* --- reading and writing */

static void counter_latch_holds_until_read(void)
{
    PitCore p = fresh();

    program(&p, 0, 2, 1000, 0);
    pit_core_write(&p, 3, 0, at(101));
    pit_core_write(&p, 3, 0, at(201)); /* ignored: the first is not read yet */
    g_assert_cmpint(word(&p, 0, 301), ==, 900);
    g_assert_cmpint(latched(&p, 0, 401), ==, 600);
}

static void control_word_forgets_a_latch(void)
{
    PitCore p = fresh();

    program(&p, 0, 2, 1000, 0);
    pit_core_write(&p, 3, 0, at(101));
    program(&p, 0, 2, 500, 200);
    g_assert_cmpint(word(&p, 0, 201), ==, 500);
}

static void read_back_latches_several_counters(void)
{
    PitCore p = fresh();

    program(&p, 0, 2, 1000, 0);
    program(&p, 1, 2, 500, 0);
    pit_core_write(&p, 3, 0xd6, at(101)); /* counts of 0 and 1 */
    g_assert_cmpint(word(&p, 0, 200), ==, 900);
    g_assert_cmpint(word(&p, 1, 300), ==, 400);
}

static void read_back_gives_status_before_the_count(void)
{
    PitCore p = fresh();

    program(&p, 1, 2, 1000, 0);
    pit_core_write(&p, 3, 0xc4, at(11));
    g_assert_cmphex(pit_core_read(&p, 1, at(20)), ==, 0x80 | PIT_WORD << 4 | 2 << 1);
    g_assert_cmpint(word(&p, 1, 20), ==, 990);
}

static void second_status_latch_is_ignored(void)
{
    PitCore p = fresh();

    program(&p, 0, 0, 5, 0);
    pit_core_write(&p, 3, 0xe2, at(2));
    pit_core_write(&p, 3, 0xe2, at(50)); /* the output is high by now */
    g_assert_cmphex(pit_core_read(&p, 0, at(51)) & 0x80, ==, 0);
}

static void null_count_is_set_until_the_count_is_loaded(void)
{
    PitCore p = fresh();

    control(&p, 0, PIT_WORD, 2, false, 0);
    g_assert_cmphex(status(&p, 0, 5) & 0x40, ==, 0x40);
    count(&p, 0, 100, 10);
    g_assert_cmphex(status(&p, 0, 10) & 0x40, ==, 0x40);
    g_assert_cmphex(status(&p, 0, 11) & 0x40, ==, 0);
}

static void status_shows_the_control_word(void)
{
    PitCore p = fresh();

    control(&p, 0, PIT_MSB, 4, true, 0);
    g_assert_cmphex(status(&p, 0, 1) & 0x3f, ==, PIT_MSB << 4 | 4 << 1 | 1);
}

static void least_and_most_significant_byte_only(void)
{
    PitCore p = fresh();

    control(&p, 0, PIT_LSB, 2, false, 0);
    pit_core_write(&p, 0, 0x40, at(0));
    g_assert_cmpint(pit_core_read(&p, 0, at(1)), ==, 0x40);
    control(&p, 1, PIT_MSB, 2, false, 0);
    pit_core_write(&p, 1, 0x40, at(0));
    g_assert_cmpint(pit_core_read(&p, 1, at(1)), ==, 0x40);
    g_assert_cmpint(pit_core_read(&p, 1, at(2)), ==, 0x3f);
}

static void reads_and_writes_of_one_counter_may_be_interleaved(void)
{
    PitCore p = fresh();

    program(&p, 0, 2, 0x1234, 0);
    g_assert_cmphex(pit_core_read(&p, 0, at(1)), ==, 0x34);
    pit_core_write(&p, 0, 0x78, at(1));
    g_assert_cmphex(pit_core_read(&p, 0, at(1)), ==, 0x12);
    pit_core_write(&p, 0, 0x56, at(1));
    g_assert_cmphex(latched(&p, 0, 1 + 0x1234), ==, 0x5678);
}

static void zero_is_the_largest_count(void)
{
    PitCore p = fresh();

    program(&p, 0, 2, 0, 0);
    g_assert_cmpint(latched(&p, 0, 1), ==, 0);
    g_assert_cmpint(latched(&p, 0, 2), ==, 0xffff);
    g_assert_cmpint(pit_core_period(&p, 0) / 1000, ==, 54925);
    control(&p, 0, PIT_WORD, 2, true, 0);
    count(&p, 0, 0, 0);
    g_assert_cmphex(latched(&p, 0, 2), ==, 0x9999);
}

static void bcd_counts_in_decimal(void)
{
    PitCore p = fresh();

    control(&p, 0, PIT_WORD, 2, true, 0);
    count(&p, 0, 0x1000, 0);
    g_assert_cmphex(latched(&p, 0, 2), ==, 0x0999);
    g_assert_cmpint(out(&p, 0, 1000), ==, 0);
    g_assert_cmpint(out(&p, 0, 1001), ==, 1);
}

static void control_word_cannot_be_read(void)
{
    PitCore p = fresh();

    g_assert_cmphex(pit_core_read(&p, 3, at(1)), ==, 0);
}

static void nothing_counts_before_a_control_word(void)
{
    PitCore p = fresh();

    count(&p, 0, 100, 0);
    g_assert_cmpint(pit_core_next_change(&p, 0, at(1)), ==, -1);
    g_assert_cmpint(out(&p, 0, 1000), ==, 1);
}

static void count_of_one_does_not_oscillate(void)
{
    PitCore p = fresh();

    for (int mode = 2; mode <= 3; mode++) {
        program(&p, 0, mode, 1, 0);
        g_assert_cmpint(pit_core_next_change(&p, 0, at(5)), ==, -1);
    }
}

/* --- what the device asks: against a walk clock by clock */

static void next_change_and_rises_agree_with_the_wave(void)
{
    g_autoptr(GRand) r = g_rand_new_with_seed(8254);

    for (int round = 0; round < 3000; round++) {
        PitCore p = fresh();
        int64_t k = 100, from, next;
        uint64_t rises = 0;
        int first = -1;

        gate(&p, 0, g_rand_int_range(r, 0, 4) > 0, 0);
        program(&p, 0, g_rand_int_range(r, 0, 6), g_rand_int_range(r, 2, 12), k);
        for (int step = g_rand_int_range(r, 0, 4); step > 0; step--) {
            k += g_rand_int_range(r, 0, 15);
            if (g_rand_boolean(r)) {
                gate(&p, 0, !p.c[0].gate, k);
            } else {
                count(&p, 0, g_rand_int_range(r, 2, 12), k);
            }
        }
        from = k + g_rand_int_range(r, 0, 20);
        next = pit_core_next_change(&p, 0, at(from));
        for (int64_t i = from + 1; i < from + 60; i++) {
            int was = out(&p, 0, i - 1), is = out(&p, 0, i);

            first = first < 0 && was != is ? (int)(i - from) : first;
            rises += !was && is;
            g_assert_cmpuint(pit_core_rises(&p, 0, at(from), at(i)), ==, rises);
        }
        if (first < 0) {
            g_assert_true(next < 0 || next > at(from + 59));
        } else {
            g_assert_cmpint(next, >, at(from + first - 1));
            g_assert_cmpint(next, <=, at(from + first));
        }
    }
}

#define T(name) \
    { \
#name, name \
    }
static const struct {
    const char *name;
    GTestFunc fn;
} tests[] = {
    T(mode0_output_goes_high_n_plus_1_clocks_after_the_count_was_written),
    T(mode0_control_word_lowers_the_output),
    T(mode0_first_byte_stops_counting_and_lowers_the_output),
    T(mode0_new_count_is_loaded_with_the_next_clock),
    T(mode0_gate_stops_counting_and_leaves_the_output),
    T(mode0_count_written_while_the_gate_is_low_needs_no_clock_to_load_later),
    T(mode0_goes_on_counting_from_ffff),
    T(mode1_is_high_until_the_gate_triggers_and_then_low_for_n_clocks),
    T(mode1_is_retriggerable),
    T(mode1_new_count_waits_for_the_next_trigger),
    T(mode2_is_low_for_one_clock_in_n),
    T(mode2_low_gate_raises_the_output_and_stops_counting),
    T(mode2_gate_reloads_with_the_next_clock),
    T(mode2_new_count_waits_for_the_end_of_the_period),
    T(mode2_trigger_takes_the_new_count_at_once),
    T(mode3_even_count_is_a_square_wave),
    T(mode3_odd_count_is_high_one_clock_longer),
    T(mode3_new_count_waits_for_the_end_of_the_half_period),
    T(mode3_low_gate_raises_the_output),
    T(modes_6_and_7_are_2_and_3),
    T(mode4_strobes_n_plus_1_clocks_after_the_count_was_written),
    T(mode4_new_count_is_loaded_with_the_next_clock),
    T(mode4_gate_stops_counting),
    T(mode5_strobes_n_plus_1_clocks_after_the_gate),
    T(counter_latch_holds_until_read),
    T(control_word_forgets_a_latch),
    T(read_back_latches_several_counters),
    T(read_back_gives_status_before_the_count),
    T(second_status_latch_is_ignored),
    T(null_count_is_set_until_the_count_is_loaded),
    T(status_shows_the_control_word),
    T(least_and_most_significant_byte_only),
    T(reads_and_writes_of_one_counter_may_be_interleaved),
    T(zero_is_the_largest_count),
    T(bcd_counts_in_decimal),
    T(control_word_cannot_be_read),
    T(nothing_counts_before_a_control_word),
    T(count_of_one_does_not_oscillate),
    T(next_change_and_rises_agree_with_the_wave),
};

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *path = g_strconcat("/i8254/", tests[i].name, NULL);

        g_test_add_func(path, tests[i].fn);
    }
    return g_test_run();
}
