/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A triple fault resets the machine; RAM keeps its content, the processor does not. */
#include "guest.h"

#define MAGIC 0x600d0000u
/* Low RAM outside of what the start-up code clears. */
#define NOTE (*(volatile uint32_t *)0x600)

static void triple_fault(void)
{
    static const struct __attribute__((packed)) {
        uint16_t limit;
        uint32_t base;
    } no_idt = {0, 0};

    /* No descriptor at 0x88: #GP, no gate for it: #DF, no gate for that either. */
    __asm__ volatile("lidt %0; mov %1, %%ds" : : "m"(no_idt), "r"(0x88));
}

static uint32_t read_sysenter(void)
{
    uint32_t lo, hi;

    __asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(0x174));
    return lo;
}

static void write_sysenter(uint32_t v)
{
    __asm__ volatile("wrmsr" : : "a"(v), "d"(0), "c"(0x174));
}

int guest_main(void)
{
    uint32_t note = NOTE, cr4;

    if ((note & 0xffff0000u) != MAGIC) {
        tap_plan(3);
        tap_ok(true, "first start");
        NOTE = MAGIC | 1;
        write_sysenter(0x1234);
        __asm__ volatile("mov %%cr4, %0; or $0x10, %0; mov %0, %%cr4" : "=r"(cr4));
        triple_fault();
        tap_ok(false, "a triple fault does not return");
        return 1;
    }
    NOTE = 0;
    tap_restart(1);
    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    tap_equal(cr4, 0, "control registers are back at their reset values");
    tap_equal(read_sysenter(), 0, "so are MSRs");
    return 0;
}
