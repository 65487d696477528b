/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MC146818 real-time clock with 128 bytes of CMOS memory.
 *
 * The core is told the time (ns of its clock) in each call, so a test can move it by hand; its
 * caller serialises.
 */
#ifndef HW_RTC_MC146818_H
#define HW_RTC_MC146818_H

#include "hw/isa/isa.h"

#define TYPE_MC146818_RTC "mc146818rtc"
#define RTC_CENTURY 0x32
#define RTC_CMOS_SIZE 128

enum {
    RTC_SECONDS,
    RTC_SECONDS_ALARM,
    RTC_MINUTES,
    RTC_MINUTES_ALARM,
    RTC_HOURS,
    RTC_HOURS_ALARM,
    RTC_DAY_OF_WEEK,
    RTC_DAY_OF_MONTH,
    RTC_MONTH,
    RTC_YEAR,
    RTC_REG_A,
    RTC_REG_B,
    RTC_REG_C,
    RTC_REG_D
};

typedef struct RtcCore {
    uint8_t cmos[RTC_CMOS_SIZE];
    uint8_t index;
    int64_t base_sec;    /* guest's time (seconds since 1970, as if UTC) at base_ns */
    int64_t base_ns;     /* moment at which base_sec began */
    int64_t updated_sec; /* second of the last update cycle that was looked at */
    int64_t periodic_ns; /* moment of the last periodic event */
    uint32_t lost_ticks; /* periodic interrupts that the guest could not take; slew policy */
    bool slew;
} RtcCore;

void rtc_core_init(RtcCore *r, int64_t sec, int64_t now);
void rtc_core_reset(RtcCore *r, int64_t now);
/* port 0: index, 1: data. *changed: the guest set the clock. */
uint8_t rtc_core_read(RtcCore *r, int port, int64_t now);
void rtc_core_write(RtcCore *r, int port, uint8_t val, int64_t now, bool *changed);
/* Flags that came due by now. */
void rtc_core_advance(RtcCore *r, int64_t now);
/* Level of the interrupt line. */
static inline int rtc_core_irq(const RtcCore *r)
{
    return r->cmos[RTC_REG_C] >> 7;
}
/* When something next happens that software could see as a flag or an interrupt; -1: nothing. */
int64_t rtc_core_next_event(const RtcCore *r, int64_t now);
/* Seconds since 1970 that the clock shows. */
int64_t rtc_core_time(const RtcCore *r, int64_t now);

typedef struct MC146818Device MC146818Device;
/* CMOS bytes that the board fills in. Main loop. */
void rtc_set_cmos(ISADevice *dev, unsigned addr, uint8_t val);

#endif
