/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest to be debugged: functions to stop at, a variable to watch, a second processor that
 * counts.  It has no tests of its own; gdb.py looks at it from outside and ends it.
 */
#include "guest.h"

volatile uint32_t counter, watched, ap_counter, own_breakpoints;

__attribute__((noinline)) void stop_here(uint32_t n)
{
    counter = n;
    __asm__ volatile("" : : : "memory");
}

__attribute__((noinline)) void write_watched(uint32_t n)
{
    watched = n;
    __asm__ volatile("nop; nop" : : : "memory");
}

static void ap_main(unsigned apic_id)
{
    for (;;) {
        ap_counter++;
        __asm__ volatile("pause");
    }
}

int guest_main(void)
{
    start_aps(1, ap_main);
    for (uint32_t n = 1;; n++) {
        stop_here(n);
        write_watched(n);
    }
}
