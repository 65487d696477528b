/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MC146818A (Motorola ADI1218): time, alarm, update and periodic flags.
 *
 * Nothing ticks.  The time is base_sec plus the whole seconds since base_ns; the registers are
 * filled in when they are read; flags are brought up to date by rtc_core_advance(), which a timer
 * calls when one falls due.
 */
#include "hw/rtc/mc146818.h"

enum { A_RATE = 0x0f, A_DIVIDER = 0x70, A_UIP = 0x80 };
enum {
    B_DSE = 1,
    B_24H = 2,
    B_BINARY = 4,
    B_SQWE = 8,
    B_UIE = 0x10,
    B_AIE = 0x20,
    B_PIE = 0x40,
    B_SET = 0x80
};
enum { C_UF = 0x10, C_AF = 0x20, C_PF = 0x40, C_IRQF = 0x80 };
#define DIVIDER_32K 0x20
#define XTAL 32768
/* The update-in-progress bit is up for 8 clocks before an update. */
#define UIP_NS (8 * NANOSECONDS_PER_SECOND / XTAL)

static bool divider_held(const RtcCore *r)
{
    return (r->cmos[RTC_REG_A] & 0x60) == 0x60;
}

static bool halted(const RtcCore *r)
{
    return (r->cmos[RTC_REG_B] & B_SET) || divider_held(r);
}

int64_t rtc_core_time(const RtcCore *r, int64_t now)
{
    int64_t d = now - r->base_ns;

    if (halted(r)) {
        return r->base_sec;
    }
    return r->base_sec + (d >= 0 ? d / NANOSECONDS_PER_SECOND
                                 : -((-d + NANOSECONDS_PER_SECOND - 1) / NANOSECONDS_PER_SECOND));
}

/* --- register formats
 * --------------------------------------------------------------------------------- */

static uint8_t encode(const RtcCore *r, unsigned v)
{
    return r->cmos[RTC_REG_B] & B_BINARY ? v : v / 10 % 10 << 4 | v % 10;
}

static unsigned decode(const RtcCore *r, uint8_t v)
{
    return r->cmos[RTC_REG_B] & B_BINARY ? v : (v >> 4) * 10 + (v & 15);
}

static uint8_t encode_hour(const RtcCore *r, unsigned hour)
{
    unsigned h12 = hour % 12 ? hour % 12 : 12;

    if (r->cmos[RTC_REG_B] & B_24H) {
        return encode(r, hour);
    }
    return encode(r, h12) | (hour >= 12 ? 0x80 : 0);
}

static unsigned decode_hour(const RtcCore *r, uint8_t v)
{
    if (r->cmos[RTC_REG_B] & B_24H) {
        return decode(r, v);
    }
    return decode(r, v & 0x7f) % 12 + (v & 0x80 ? 12 : 0);
}

static void split(int64_t sec, struct tm *tm)
{
    time_t t = sec;

    gmtime_r(&t, tm);
}

static void show_time(RtcCore *r, int64_t now)
{
    struct tm tm;
    unsigned year;

    if (r->cmos[RTC_REG_B] & B_SET) {
        return; /* the registers are software's */
    }
    split(rtc_core_time(r, now), &tm);
    year = tm.tm_year + 1900;
    r->cmos[RTC_SECONDS] = encode(r, tm.tm_sec);
    r->cmos[RTC_MINUTES] = encode(r, tm.tm_min);
    r->cmos[RTC_HOURS] = encode_hour(r, tm.tm_hour);
    r->cmos[RTC_DAY_OF_WEEK] = encode(r, tm.tm_wday + 1);
    r->cmos[RTC_DAY_OF_MONTH] = encode(r, tm.tm_mday);
    r->cmos[RTC_MONTH] = encode(r, tm.tm_mon + 1);
    r->cmos[RTC_YEAR] = encode(r, year % 100);
    r->cmos[RTC_CENTURY] = encode(r, year / 100 % 100);
}

static int64_t shown_time(const RtcCore *r)
{
    struct tm tm = {
        .tm_sec = decode(r, r->cmos[RTC_SECONDS]),
        .tm_min = decode(r, r->cmos[RTC_MINUTES]),
        .tm_hour = decode_hour(r, r->cmos[RTC_HOURS]),
        .tm_mday = decode(r, r->cmos[RTC_DAY_OF_MONTH]),
        .tm_mon = (int)decode(r, r->cmos[RTC_MONTH]) - 1,
        .tm_year =
            (int)(decode(r, r->cmos[RTC_YEAR]) + 100 * decode(r, r->cmos[RTC_CENTURY])) - 1900,
    };

    return timegm(&tm);
}

/* --- flags
 * ---------------------------------------------------------------------------------------------- */

static void raise_flag(RtcCore *r, uint8_t flag)
{
    r->cmos[RTC_REG_C] |= flag;
    if (r->cmos[RTC_REG_B] & flag) {
        r->cmos[RTC_REG_C] |= C_IRQF; /* enable bits stand at the places of their flags */
    }
}

/* An alarm byte of 0xc0 and above matches everything. */
static bool is_any(uint8_t alarm)
{
    return (alarm & 0xc0) == 0xc0;
}

/* Moves *at to the first second from it on that matches the alarm; false: none ever does.  Whole
 * hours and minutes that do not match are skipped, because this runs for each periodic event: less
 * than 300 steps. */
static bool next_alarm(const RtcCore *r, int64_t *at)
{
    uint8_t as = r->cmos[RTC_SECONDS_ALARM], am = r->cmos[RTC_MINUTES_ALARM],
            ah = r->cmos[RTC_HOURS_ALARM];
    unsigned s = decode(r, as), m = decode(r, am), h = decode_hour(r, ah);
    int64_t sec = *at, end = sec + 86400;

    if ((!is_any(as) && s > 59) || (!is_any(am) && m > 59) || (!is_any(ah) && h > 23)) {
        return false;
    }
    while (sec < end) {
        int64_t day = ((sec % 86400) + 86400) % 86400;

        if (!is_any(ah) && h != day / 3600) {
            sec += 3600 - day % 3600;
        } else if (!is_any(am) && m != day / 60 % 60) {
            sec += 60 - day % 60;
        } else if (!is_any(as) && s != day % 60) {
            sec++;
        } else {
            *at = sec;
            return true;
        }
    }
    return false;
}

/* Period of the periodic flag in ns times XTAL, as a number of crystal clocks; 0: off. */
static int64_t periodic_clocks(const RtcCore *r)
{
    unsigned rate = r->cmos[RTC_REG_A] & A_RATE;

    if (!rate || (r->cmos[RTC_REG_A] & A_DIVIDER) != DIVIDER_32K) {
        return 0;
    }
    if (rate <= 2) {
        rate += 7;
    }
    return INT64_C(1) << (rate - 1);
}

static int64_t clocks_to_ns(int64_t clocks)
{
    return (__int128)clocks * NANOSECONDS_PER_SECOND / XTAL;
}

static int64_t ns_to_clocks(int64_t ns)
{
    return (__int128)ns * XTAL / NANOSECONDS_PER_SECOND;
}

/* Moment of the first periodic event after t: events lie on multiples of the period. */
static int64_t periodic_after(const RtcCore *r, int64_t t)
{
    int64_t period = periodic_clocks(r), n = ns_to_clocks(t) / period * period + period;

    while (clocks_to_ns(n) <= t) {
        n += period;
    }
    return clocks_to_ns(n);
}

static void advance_periodic(RtcCore *r, int64_t now)
{
    if (!periodic_clocks(r)) {
        r->periodic_ns = now;
        return;
    }
    if (periodic_after(r, r->periodic_ns) <= now) {
        int64_t events = (ns_to_clocks(now) - ns_to_clocks(r->periodic_ns)) / periodic_clocks(r);
        bool unseen = (r->cmos[RTC_REG_C] & C_PF) && (r->cmos[RTC_REG_B] & B_PIE);

        if (r->slew && (r->cmos[RTC_REG_B] & B_PIE)) {
            r->lost_ticks = MIN(r->lost_ticks + MAX(events, 1) - (unseen ? 0 : 1), 100000);
        }
        raise_flag(r, C_PF);
        r->periodic_ns = now;
    }
}

static void advance_updates(RtcCore *r, int64_t now)
{
    int64_t sec = rtc_core_time(r, now), alarm;

    if (halted(r) || sec == r->updated_sec) {
        return;
    }
    alarm = MAX(r->updated_sec + 1, sec - 86400);
    if (next_alarm(r, &alarm) && alarm <= sec) {
        raise_flag(r, C_AF);
    }
    raise_flag(r, C_UF);
    r->updated_sec = sec;
}

void rtc_core_advance(RtcCore *r, int64_t now)
{
    advance_periodic(r, now);
    advance_updates(r, now);
}

int64_t rtc_core_next_event(const RtcCore *r, int64_t now)
{
    uint8_t b = r->cmos[RTC_REG_B], c = r->cmos[RTC_REG_C];
    int64_t next = -1;

    if (!halted(r) && (!(c & C_UF) || (!(c & C_AF) && (b & B_AIE)))) {
        int64_t sec = rtc_core_time(r, now) + 1;

        /* With the update flag up, only the alarm is of interest. */
        if (!(c & C_UF) || next_alarm(r, &sec)) {
            next = r->base_ns + (sec - r->base_sec) * NANOSECONDS_PER_SECOND;
        }
    }
    if (periodic_clocks(r) && ((b & B_PIE) || !(c & C_PF))) {
        int64_t t = periodic_after(r, MAX(now, r->periodic_ns));

        next = next < 0 ? t : MIN(next, t);
    }
    return next;
}

/* --- guest accesses
 * ------------------------------------------------------------------------------------- */

/* The clock shows sec from now on; its next second begins a whole second from now. */
static void set_clock(RtcCore *r, int64_t sec, int64_t now)
{
    r->base_sec = sec;
    r->base_ns = now;
    r->updated_sec = sec;
}

static uint8_t read_c(RtcCore *r)
{
    uint8_t val = r->cmos[RTC_REG_C];

    r->cmos[RTC_REG_C] = 0;
    if (r->lost_ticks && (r->cmos[RTC_REG_B] & B_PIE)) {
        r->lost_ticks--;
        raise_flag(r, C_PF);
    }
    return val;
}

uint8_t rtc_core_read(RtcCore *r, int port, int64_t now)
{
    if (port == 0) {
        return 0xff; /* the index cannot be read */
    }
    rtc_core_advance(r, now);
    switch (r->index) {
    case RTC_SECONDS:
    case RTC_MINUTES:
    case RTC_HOURS:
    case RTC_DAY_OF_WEEK:
    case RTC_DAY_OF_MONTH:
    case RTC_MONTH:
    case RTC_YEAR:
    case RTC_CENTURY:
        show_time(r, now);
        return r->cmos[r->index];
    case RTC_REG_A: {
        int64_t next =
            r->base_ns + (rtc_core_time(r, now) + 1 - r->base_sec) * NANOSECONDS_PER_SECOND;

        return r->cmos[RTC_REG_A] | (!halted(r) && next - now <= UIP_NS ? A_UIP : 0);
    }
    case RTC_REG_C:
        return read_c(r);
    case RTC_REG_D:
        return 0x80; /* memory is valid */
    }
    return r->cmos[r->index];
}

static void write_a(RtcCore *r, uint8_t val, int64_t now)
{
    bool was_held = divider_held(r);

    if (!was_held && (val & 0x60) == 0x60) {
        show_time(r, now);
        r->base_sec = rtc_core_time(r, now);
    }
    r->cmos[RTC_REG_A] = val & 0x7f;
    if (was_held && !divider_held(r)) {
        /* The first update ends half a second after the divider is released. */
        r->base_ns = now - NANOSECONDS_PER_SECOND / 2;
        r->updated_sec = r->base_sec;
    }
    r->periodic_ns = now;
}

static void write_b(RtcCore *r, uint8_t val, int64_t now, bool *changed)
{
    uint8_t old = r->cmos[RTC_REG_B];

    if (!(old & B_SET) && (val & B_SET)) {
        int64_t sec;

        show_time(r, now);
        sec = rtc_core_time(r, now);
        if (!divider_held(r)) {
            /* The fraction of the running second is kept. */
            r->base_ns += (sec - r->base_sec) * NANOSECONDS_PER_SECOND;
            r->base_sec = sec;
        }
        val &= ~B_UIE; /* SET clears it */
    }
    if ((old & B_SET) && !(val & B_SET)) {
        int64_t sec;

        r->cmos[RTC_REG_B] = val;
        sec = shown_time(r);
        *changed = true;
        if (divider_held(r)) {
            r->base_sec = sec;
        } else {
            int64_t fraction = (now - r->base_ns) % NANOSECONDS_PER_SECOND;

            set_clock(r, sec, now - MAX(fraction, 0));
        }
    }
    r->cmos[RTC_REG_B] = val;
    /* A flag that was up when its interrupt became enabled interrupts now. */
    if (r->cmos[RTC_REG_C] & val & (C_UF | C_AF | C_PF)) {
        r->cmos[RTC_REG_C] |= C_IRQF;
    } else {
        r->cmos[RTC_REG_C] &= ~C_IRQF;
    }
    if (!(val & B_PIE)) {
        r->lost_ticks = 0;
    }
    /* Format bits may have changed. */
    if ((old ^ val) & (B_24H | B_BINARY)) {
        show_time(r, now);
    }
}

void rtc_core_write(RtcCore *r, int port, uint8_t val, int64_t now, bool *changed)
{
    *changed = false;
    if (port == 0) {
        r->index = val & 0x7f;
        return;
    }
    rtc_core_advance(r, now);
    switch (r->index) {
    case RTC_SECONDS:
    case RTC_MINUTES:
    case RTC_HOURS:
    case RTC_DAY_OF_WEEK:
    case RTC_DAY_OF_MONTH:
    case RTC_MONTH:
    case RTC_YEAR:
    case RTC_CENTURY:
        show_time(r, now);
        r->cmos[r->index] = val;
        if (!(r->cmos[RTC_REG_B] & B_SET)) {
            int64_t fraction = halted(r) ? 0 : (now - r->base_ns) % NANOSECONDS_PER_SECOND;

            set_clock(r, shown_time(r), now - MAX(fraction, 0));
            *changed = true;
        }
        break;
    case RTC_REG_A:
        write_a(r, val, now);
        break;
    case RTC_REG_B:
        write_b(r, val, now, changed);
        break;
    case RTC_REG_C:
    case RTC_REG_D:
        break; /* read-only */
    default:
        r->cmos[r->index] = val;
        break;
    }
}

void rtc_core_reset(RtcCore *r, int64_t now)
{
    rtc_core_advance(r, now);
    r->cmos[RTC_REG_B] &= ~(B_PIE | B_AIE | B_UIE | B_SQWE);
    r->cmos[RTC_REG_C] = 0;
    r->lost_ticks = 0;
}

void rtc_core_init(RtcCore *r, int64_t sec, int64_t now)
{
    memset(r, 0, sizeof(*r));
    r->cmos[RTC_REG_A] = 0x26; /* 32768 Hz, 1024 periodic events a second */
    r->cmos[RTC_REG_B] = B_24H;
    set_clock(r, sec, now);
    r->periodic_ns = now;
    show_time(r, now);
}
