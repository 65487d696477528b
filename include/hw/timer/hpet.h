/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * High precision event timer (IA-PC HPET specification 1.0a): a counter at 100 MHz with 3 to 32
 * comparators.
 *
 * The core is told the time (ns of the guest's clock) in each call, so a test can move it by hand.
 * Its caller serialises all calls but hpet_counter(), which any thread may make at any time: it
 * takes no lock.
 */
#ifndef HW_TIMER_HPET_H
#define HW_TIMER_HPET_H

#include "hw/pci/pci.h"

#define TYPE_HPET "hpet"
#define HPET_BASE 0xfed00000u
#define HPET_SIZE 0x400
#define HPET_TICK_NS 10
#define HPET_MIN_TIMERS 3
#define HPET_MAX_TIMERS 32
/* Interrupts of the I/O APIC that comparators may use: 2, 8 and 16 to 23. */
#define HPET_ROUTES 0xff0104u

typedef struct HpetTimer {
    uint64_t config, comparator, period, fsb;
    int64_t due; /* tick at which it fires; -1: never */
    bool line;   /* what it drives is asserted */
} HpetTimer;

typedef struct HpetOps {
    /* Global interrupt n (legacy: interrupt 0 or 8 of the replacement route) is asserted or not; an
     * edge is both in turn. */
    void (*set_irq)(void *opaque, unsigned n, bool legacy, bool level);
    void (*send)(void *opaque, MSIMessage msg);
    /* Interrupts 0 and 8 belong to the comparators, or again to PIT and RTC. */
    void (*set_legacy)(void *opaque, bool on);
} HpetOps;

typedef struct HpetCore {
    /* The counter: seqcount, written by the caller of the other functions. */
    uint32_t seq;
    bool running;
    int64_t base;   /* running: ns at which offset was the counter */
    uint64_t value; /* the counter then, or where it stands */
    uint64_t config, status;
    unsigned n_timers;
    uint32_t routes;
    bool msi;
    HpetTimer timer[HPET_MAX_TIMERS];
    const HpetOps *ops;
    void *opaque;
} HpetCore;

void hpet_core_init(HpetCore *h, unsigned n_timers, uint32_t routes, bool msi, const HpetOps *ops,
                    void *opaque);
void hpet_core_reset(HpetCore *h);
/* Any thread, no lock. */
uint64_t hpet_counter(const HpetCore *h, int64_t now);
/* Offset a multiple of size, which is 4 or 8. */
uint64_t hpet_core_read(HpetCore *h, unsigned offset, unsigned size, int64_t now);
void hpet_core_write(HpetCore *h, unsigned offset, uint64_t val, unsigned size, int64_t now);
/* Lets fire what is due by now. */
void hpet_core_advance(HpetCore *h, int64_t now);
/* ns at which something fires next; -1: nothing. */
int64_t hpet_core_next(const HpetCore *h, int64_t now);

#endif
