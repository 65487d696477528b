/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of a local APIC: register numbers, and its timer (SDM volume 3, 11.5.4).  All
 * but apic_local_event() are called with the APIC's lock held. */
#ifndef HW_INTC_APIC_TIMER_H
#define HW_INTC_APIC_TIMER_H

#include "hw/intc/apic.h"

enum {
    APIC_REG_ID = 0x02,
    APIC_REG_VERSION = 0x03,
    APIC_REG_TPR = 0x08,
    APIC_REG_APR = 0x09,
    APIC_REG_PPR = 0x0a,
    APIC_REG_EOI = 0x0b,
    APIC_REG_LDR = 0x0d,
    APIC_REG_DFR = 0x0e,
    APIC_REG_SVR = 0x0f,
    APIC_REG_ISR = 0x10,
    APIC_REG_TMR = 0x18,
    APIC_REG_IRR = 0x20,
    APIC_REG_ESR = 0x28,
    APIC_REG_ICR = 0x30,
    APIC_REG_ICR2 = 0x31,
    APIC_REG_LVT = 0x32,
    APIC_REG_INITIAL = 0x38,
    APIC_REG_CURRENT = 0x39,
    APIC_REG_DIVIDE = 0x3e,
    APIC_REG_SELF_IPI = 0x3f,
};
enum {
    APIC_LVT_TIMER,
    APIC_LVT_THERMAL,
    APIC_LVT_PERF,
    APIC_LVT_LINT0,
    APIC_LVT_LINT1,
    APIC_LVT_ERROR,
};

void apic_local_event(ApicCore *a, unsigned lvt);
uint32_t apic_timer_count(const ApicCore *a, int64_t now);
void apic_timer_start(ApicCore *a, uint32_t count, int64_t now);
void apic_timer_divide(ApicCore *a, uint32_t divide, int64_t now);
void apic_timer_mode_changed(ApicCore *a, uint32_t old_lvt, int64_t now);
void apic_timer_stop(ApicCore *a);

#endif
