/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MC146818: time, formats, alarm, update and periodic flags; time is moved by the test. */
#include "hw/rtc/mc146818.h"

#define S NANOSECONDS_PER_SECOND
/* 2024-02-28 23:59:57 UTC, a Wednesday */
#define START INT64_C(1709164797)

static uint8_t rd(RtcCore *r, uint8_t reg, int64_t now)
{
    bool changed;

    rtc_core_write(r, 0, reg, now, &changed);
    return rtc_core_read(r, 1, now);
}

static bool wr(RtcCore *r, uint8_t reg, uint8_t val, int64_t now)
{
    bool changed;

    rtc_core_write(r, 0, reg, now, &changed);
    rtc_core_write(r, 1, val, now, &changed);
    return changed;
}

static void time_runs_over_leap_day(void)
{
    RtcCore r;

    rtc_core_init(&r, START, 0);
    g_assert_cmphex(rd(&r, RTC_SECONDS, 2 * S), ==, 0x59);
    g_assert_cmphex(rd(&r, RTC_DAY_OF_MONTH, 3 * S), ==, 0x29);
    g_assert_cmphex(rd(&r, RTC_MONTH, 3 * S), ==, 0x02);
    g_assert_cmphex(rd(&r, RTC_YEAR, 3 * S), ==, 0x24);
    g_assert_cmphex(rd(&r, RTC_CENTURY, 3 * S), ==, 0x20);
    g_assert_cmphex(rd(&r, RTC_DAY_OF_WEEK, 3 * S), ==, 5);
    g_assert_cmphex(rd(&r, RTC_HOURS, 3 * S), ==, 0);
}

static void binary_and_12_hours(void)
{
    RtcCore r;

    rtc_core_init(&r, START, 0);
    wr(&r, RTC_REG_B, 0x04, 0); /* binary, 12 hours */
    g_assert_cmphex(rd(&r, RTC_HOURS, 0), ==, 11 | 0x80);
    g_assert_cmpint(rd(&r, RTC_MINUTES, 0), ==, 59);
    wr(&r, RTC_REG_B, 0x00, 0);
    g_assert_cmphex(rd(&r, RTC_HOURS, 0), ==, 0x11 | 0x80);
}

static void set_stops_and_starts(void)
{
    RtcCore r;

    rtc_core_init(&r, START, 0);
    wr(&r, RTC_REG_B, 0x82, S / 4);
    g_assert_cmphex(rd(&r, RTC_SECONDS, 20 * S), ==, 0x57);
    wr(&r, RTC_SECONDS, 0x10, 20 * S);
    wr(&r, RTC_MINUTES, 0x20, 20 * S);
    wr(&r, RTC_HOURS, 0x03, 20 * S);
    g_assert_true(wr(&r, RTC_REG_B, 0x02, 20 * S));
    g_assert_cmphex(rd(&r, RTC_SECONDS, 21 * S), ==, 0x11);
    g_assert_cmphex(rd(&r, RTC_HOURS, 21 * S), ==, 0x03);
}

static void update_in_progress_precedes_update(void)
{
    RtcCore r;
    int64_t uip = 8 * S / 32768;

    rtc_core_init(&r, START, 0);
    g_assert_cmphex(rd(&r, RTC_REG_A, S - uip - 1) & 0x80, ==, 0);
    g_assert_cmphex(rd(&r, RTC_REG_A, S - uip) & 0x80, ==, 0x80);
    g_assert_cmphex(rd(&r, RTC_REG_A, S) & 0x80, ==, 0);
}

static void divider_release_gives_half_second(void)
{
    RtcCore r;

    rtc_core_init(&r, START, 0);
    wr(&r, RTC_REG_A, 0x76, 0);
    g_assert_cmphex(rd(&r, RTC_SECONDS, 9 * S), ==, 0x57);
    wr(&r, RTC_REG_A, 0x26, 10 * S);
    rd(&r, RTC_REG_C, 10 * S);
    g_assert_cmpint(rtc_core_next_event(&r, 10 * S) - 10 * S, <=, S / 2);
    g_assert_cmphex(rd(&r, RTC_SECONDS, 10 * S + S / 2 - 1), ==, 0x57);
    g_assert_cmphex(rd(&r, RTC_SECONDS, 10 * S + S / 2), ==, 0x58);
}

static void update_flag_interrupts(void)
{
    RtcCore r;

    rtc_core_init(&r, START, 0);
    wr(&r, RTC_REG_A, 0x20, 0);
    wr(&r, RTC_REG_B, 0x12, 0);
    g_assert_cmpint(rtc_core_next_event(&r, 0), ==, S);
    rtc_core_advance(&r, S - 1);
    g_assert_cmpint(rtc_core_irq(&r), ==, 0);
    rtc_core_advance(&r, S);
    g_assert_cmpint(rtc_core_irq(&r), ==, 1);
    g_assert_cmphex(rd(&r, RTC_REG_C, S) & 0xb0, ==, 0x90);
    g_assert_cmpint(rtc_core_irq(&r), ==, 0);
}

static void alarm_fires_at_its_second(void)
{
    RtcCore r;

    rtc_core_init(&r, START, 0);
    wr(&r, RTC_REG_A, 0x20, 0);
    wr(&r, RTC_SECONDS_ALARM, 0x02, 0);
    wr(&r, RTC_MINUTES_ALARM, 0xc0, 0);
    wr(&r, RTC_HOURS_ALARM, 0x00, 0);
    wr(&r, RTC_REG_B, 0x22, 0);
    rtc_core_advance(&r, S);
    g_assert_cmpint(rtc_core_next_event(&r, S), ==, 5 * S);
    rtc_core_advance(&r, 5 * S - 1);
    g_assert_cmpint(rtc_core_irq(&r), ==, 0);
    rtc_core_advance(&r, 5 * S);
    g_assert_cmpint(rtc_core_irq(&r), ==, 1);
    g_assert_cmphex(rd(&r, RTC_REG_C, 5 * S) & 0x20, ==, 0x20);
}

/* Every kind of alarm, against looking at each second of a day. */
static void alarm_is_found(void)
{
    static const uint8_t alarms[][3] = {{0xff, 0xff, 0xff}, {0x00, 0xff, 0xff}, {0x59, 0x59, 0xff},
                                        {0xff, 0x30, 0x12}, {0xff, 0xff, 0x23}, {0x05, 0xff, 0x07},
                                        {0x60, 0xff, 0xff}, {0x00, 0x7f, 0xff}, {0xff, 0xff, 0x24},
                                        {0x59, 0x59, 0x23}, {0x00, 0x00, 0x00}};
    static const uint8_t bytes[] = {RTC_SECONDS_ALARM, RTC_MINUTES_ALARM, RTC_HOURS_ALARM};

    for (unsigned i = 0; i < G_N_ELEMENTS(alarms); i++) {
        for (int64_t from = 0; from < 86400; from += 3607) {
            RtcCore r;
            int64_t found = -1;

            rtc_core_init(&r, from, 0);
            wr(&r, RTC_REG_A, 0x20, 0);
            for (unsigned k = 0; k < 3; k++) {
                wr(&r, bytes[k], alarms[i][k], 0);
            }
            wr(&r, RTC_REG_B, 0x22, 0);
            rtc_core_advance(&r, S / 2);
            r.cmos[RTC_REG_C] = 0x10; /* only the alarm is of interest */
            for (int64_t t = from + 1; t <= from + 86400 && found < 0; t++) {
                int64_t now[] = {t % 60, t / 60 % 60, t / 3600 % 24};
                bool match = true;

                for (unsigned k = 0; k < 3; k++) {
                    uint8_t bcd = (uint8_t)(now[k] / 10 << 4 | now[k] % 10);

                    match &= alarms[i][k] >= 0xc0 || alarms[i][k] == bcd;
                }
                found = match ? (t - from) * S : -1;
            }
            g_assert_cmpint(rtc_core_next_event(&r, S / 2), ==, found);
        }
    }
}

static void periodic_rate(void)
{
    RtcCore r;
    int count = 0;
    int64_t t = 0;

    rtc_core_init(&r, START, 0);
    wr(&r, RTC_REG_B, 0x42, 0);
    while ((t = rtc_core_next_event(&r, t)) <= S) {
        rtc_core_advance(&r, t);
        count += !!(rd(&r, RTC_REG_C, t) & 0x40);
    }
    g_assert_cmpint(count, >=, 1023);
    g_assert_cmpint(count, <=, 1025);
}

static void reset_keeps_time_and_memory(void)
{
    RtcCore r;

    rtc_core_init(&r, START, 0);
    wr(&r, 0x40, 0x5a, 0);
    wr(&r, RTC_REG_B, 0x72, 0);
    rtc_core_reset(&r, S);
    g_assert_cmphex(rd(&r, RTC_REG_B, S), ==, 0x02);
    g_assert_cmphex(rd(&r, 0x40, S), ==, 0x5a);
    g_assert_cmphex(rd(&r, RTC_SECONDS, S), ==, 0x58);
    g_assert_cmphex(rd(&r, RTC_REG_D, S), ==, 0x80);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rtc/leap-day", time_runs_over_leap_day);
    g_test_add_func("/rtc/formats", binary_and_12_hours);
    g_test_add_func("/rtc/set", set_stops_and_starts);
    g_test_add_func("/rtc/uip", update_in_progress_precedes_update);
    g_test_add_func("/rtc/divider", divider_release_gives_half_second);
    g_test_add_func("/rtc/update", update_flag_interrupts);
    g_test_add_func("/rtc/alarm", alarm_fires_at_its_second);
    g_test_add_func("/rtc/alarm-search", alarm_is_found);
    g_test_add_func("/rtc/periodic", periodic_rate);
    g_test_add_func("/rtc/reset", reset_keeps_time_and_memory);
    return g_test_run();
}
