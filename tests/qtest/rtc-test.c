/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The CMOS clock (MC146818A): time, modes, update cycle, alarm, periodic interrupts, on the host's
 * and on the virtual clock. */
#include "libqtest.h"

#include <string.h>
#include <time.h>

enum {
    REG_SECONDS = 0,
    REG_SECONDS_ALARM = 1,
    REG_MINUTES = 2,
    REG_MINUTES_ALARM = 3,
    REG_HOURS = 4,
    REG_HOURS_ALARM = 5,
    REG_WEEKDAY = 6,
    REG_DAY = 7,
    REG_MONTH = 8,
    REG_YEAR = 9,
    REG_A = 10,
    REG_B = 11,
    REG_C = 12,
    REG_D = 13,
    REG_CENTURY = 0x32,
    B_SET = 0x80,
    B_PIE = 0x40,
    B_AIE = 0x20,
    B_UIE = 0x10,
    B_BINARY = 4,
    B_24H = 2,
    C_IRQ = 0x80,
    C_PF = 0x40,
    C_AF = 0x20,
    C_UF = 0x10,
    RTC_IRQ = 8,
};

#define SECOND G_GINT64_CONSTANT(1000000000)

static QTestState *s;

static uint8_t get(uint8_t reg)
{
    qtest_outb(s, 0x70, reg);
    return qtest_inb(s, 0x71);
}

static void set(uint8_t reg, uint8_t v)
{
    qtest_outb(s, 0x70, reg);
    qtest_outb(s, 0x71, v);
}

static int from_bcd(uint8_t v)
{
    return (v >> 4) * 10 + (v & 15);
}

static void start(const char *rtc)
{
    s = qtest_initf("-machine q35 -nodefaults %s", rtc);
    /* The interval timer is stopped: a step over two months would run through each of its edges. */
    qtest_outb(s, 0x43, 0x30);
    qtest_irq_intercept_in(s, "ioapic");
}

static void test_host_time(void)
{
    struct tm tm = {0};
    time_t now, got;

    start("");
    g_assert_cmphex(get(REG_D) & 0x80, ==, 0x80);
    g_assert_cmphex(get(REG_B) & (B_24H | B_BINARY), ==, B_24H);
    now = time(NULL);
    tm.tm_sec = from_bcd(get(REG_SECONDS));
    tm.tm_min = from_bcd(get(REG_MINUTES));
    tm.tm_hour = from_bcd(get(REG_HOURS));
    tm.tm_mday = from_bcd(get(REG_DAY));
    tm.tm_mon = from_bcd(get(REG_MONTH)) - 1;
    tm.tm_year = from_bcd(get(REG_CENTURY)) * 100 + from_bcd(get(REG_YEAR)) - 1900;
    got = timegm(&tm);
    if (tm.tm_sec) { /* not read across a minute's end */
        g_assert_cmpint(labs((long)(got - now)), <=, 3);
    }
    qtest_quit(s);
}

static void expect_time(int hours, int minutes, int seconds)
{
    g_assert_cmphex(get(REG_HOURS), ==, hours);
    g_assert_cmphex(get(REG_MINUTES), ==, minutes);
    g_assert_cmphex(get(REG_SECONDS), ==, seconds);
}

static void test_base_and_rollover(void)
{
    start("-rtc base=1999-12-31T23:59:58,clock=vm");
    expect_time(0x23, 0x59, 0x58);
    g_assert_cmphex(get(REG_WEEKDAY), ==, 6); /* a Friday; Sunday is 1 */
    qtest_clock_step(s, 2 * SECOND);
    expect_time(0, 0, 0);
    g_assert_cmphex(get(REG_DAY), ==, 1);
    g_assert_cmphex(get(REG_MONTH), ==, 1);
    g_assert_cmphex(get(REG_YEAR), ==, 0);
    g_assert_cmphex(get(REG_CENTURY), ==, 0x20);
    g_assert_cmphex(get(REG_WEEKDAY), ==, 7);
    qtest_quit(s);

    start("-rtc base=2000-02-28T23:59:59,clock=vm"); /* 2000 has a 29th of February */
    qtest_clock_step(s, SECOND);
    g_assert_cmphex(get(REG_DAY), ==, 0x29);
    g_assert_cmphex(get(REG_MONTH), ==, 2);
    qtest_quit(s);

    start("-rtc base=1900-02-28T23:59:59,clock=vm"); /* and 1900 has none */
    qtest_clock_step(s, SECOND);
    g_assert_cmphex(get(REG_DAY), ==, 1);
    g_assert_cmphex(get(REG_MONTH), ==, 3);
    g_assert_cmphex(get(REG_CENTURY), ==, 0x19);
    qtest_quit(s);
}

static void test_modes(void)
{
    start("-rtc base=2021-06-05T21:45:30,clock=vm");
    set(REG_B, B_24H | B_BINARY);
    expect_time(21, 45, 30);
    set(REG_B, B_BINARY);
    expect_time(9 | 0x80, 45, 30); /* PM */
    set(REG_B, 0);
    expect_time(0x89, 0x45, 0x30);
    qtest_quit(s);
}

static void test_set(void)
{
    start("-rtc clock=vm");
    set(REG_B, B_SET | B_24H);
    set(REG_HOURS, 0x12);
    set(REG_MINUTES, 0x34);
    set(REG_SECONDS, 0x56);
    qtest_clock_step(s, 10 * SECOND); /* the clock stands */
    expect_time(0x12, 0x34, 0x56);
    set(REG_B, B_24H);
    qtest_clock_step(s, 5 * SECOND);
    g_assert_cmphex(get(REG_MINUTES), ==, 0x35);
    g_assert_cmphex(get(REG_SECONDS), >=, 0x00);
    g_assert_cmphex(get(REG_SECONDS), <=, 0x01);
    /* RAM keeps what is put there. */
    for (uint8_t reg = 0x40; reg < 0x60; reg++) {
        set(reg, (uint8_t)(reg * 3));
    }
    qtest_system_reset(s);
    for (uint8_t reg = 0x40; reg < 0x60; reg++) {
        g_assert_cmphex(get(reg), ==, (uint8_t)(reg * 3));
    }
    qtest_quit(s);
}

static void test_update(void)
{
    start("-rtc base=2021-06-05T21:45:30,clock=vm");
    get(REG_C);
    set(REG_B, B_24H | B_UIE);
    qtest_clock_step(s, SECOND);
    g_assert_true(qtest_get_irq(s, RTC_IRQ));
    g_assert_cmphex(get(REG_C) & (C_IRQ | C_UF), ==, C_IRQ | C_UF);
    g_assert_false(qtest_get_irq(s, RTC_IRQ)); /* reading takes it back */
    g_assert_cmphex(get(REG_C), ==, 0);
    /* Update in progress for 8/32768 s before the second's end, and at no other time. */
    unsigned seen = 0;
    for (int i = 0; i < 5000; i++) {
        seen += get(REG_A) >> 7;
        qtest_clock_step(s, SECOND / 5000);
    }
    g_assert_cmpuint(seen, >=, 1);
    g_assert_cmpuint(seen, <=, 2);
    qtest_quit(s);
}

static void test_alarm(void)
{
    start("-rtc base=2021-06-05T21:45:30,clock=vm");
    set(REG_SECONDS_ALARM, 0x35);
    set(REG_MINUTES_ALARM, 0x45);
    set(REG_HOURS_ALARM, 0x21);
    get(REG_C);
    set(REG_B, B_24H | B_AIE);
    qtest_clock_step(s, 4 * SECOND);
    g_assert_false(qtest_get_irq(s, RTC_IRQ));
    qtest_clock_step(s, 2 * SECOND);
    g_assert_true(qtest_get_irq(s, RTC_IRQ));
    g_assert_cmphex(get(REG_C) & (C_IRQ | C_AF), ==, C_IRQ | C_AF);
    /* "Don't care" in all three: every second. */
    set(REG_SECONDS_ALARM, 0xff);
    set(REG_MINUTES_ALARM, 0xff);
    set(REG_HOURS_ALARM, 0xff);
    for (int i = 0; i < 3; i++) {
        qtest_clock_step(s, SECOND);
        g_assert_true(qtest_get_irq(s, RTC_IRQ));
        get(REG_C);
    }
    qtest_quit(s);
}

static void test_periodic(void)
{
    unsigned n = 0;

    start("-rtc clock=vm");
    set(REG_A, 0x26); /* 1024 a second */
    get(REG_C);
    set(REG_B, B_24H | B_PIE);
    for (int i = 0; i < 200; i++) {
        qtest_clock_step(s, SECOND / 1024 + 1);
        if (qtest_get_irq(s, RTC_IRQ)) {
            g_assert_cmphex(get(REG_C) & (C_IRQ | C_PF), ==, C_IRQ | C_PF);
            n++;
        }
    }
    g_assert_cmpuint(n, >=, 199);
    set(REG_B, B_24H);
    get(REG_C);
    qtest_clock_step(s, SECOND);
    g_assert_false(qtest_get_irq(s, RTC_IRQ));
    qtest_quit(s);
}

/* Any value in any register must be survived. */
static void test_nonsense(void)
{
    start("-rtc clock=vm");
    for (unsigned reg = 0; reg < 128; reg++) {
        for (unsigned v = 0; v < 256; v += 17) {
            set((uint8_t)reg, (uint8_t)v);
            get((uint8_t)reg);
        }
        qtest_clock_step(s, SECOND / 8);
    }
    qtest_clock_step(s, 2 * SECOND);
    qtest_quit(s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rtc/host-time", test_host_time);
    g_test_add_func("/rtc/rollover", test_base_and_rollover);
    g_test_add_func("/rtc/modes", test_modes);
    g_test_add_func("/rtc/set", test_set);
    g_test_add_func("/rtc/update", test_update);
    g_test_add_func("/rtc/alarm", test_alarm);
    g_test_add_func("/rtc/periodic", test_periodic);
    g_test_add_func("/rtc/nonsense", test_nonsense);
    return g_test_run();
}
