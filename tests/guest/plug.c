/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest that does what ACPI's methods and an OS do when processors come and go: it starts them,
 * and stops and ejects them.  It says so on the serial port; plug.py is the one who asks.
 */
#include "guest.h"

#define PORTS 0x0cd8 /* q35's */
enum { SELECTOR = PORTS, FLAGS = PORTS + 4, COMMAND = PORTS + 5, DATA = PORTS + 8 };
enum { INSERT = 2, REMOVE = 4, EJECT = 8 };
#define CPUS 4

static volatile uint32_t leave[CPUS], left[CPUS];
volatile uint32_t work_done;

__attribute__((noinline)) void ap_work(unsigned n)
{
    work_done += n;
    __asm__ volatile("" : : : "memory");
}

static void ap(unsigned n)
{
    while (!leave[n]) {
        ap_work(n);
        __asm__ volatile("pause");
    }
    left[n] = 1;
    for (;;) {
        __asm__ volatile("cli; hlt");
    }
}

static void came(uint32_t n)
{
    outb(FLAGS, INSERT);
    leave[n] = left[n] = 0;
    start_ap(n, ap);
    tap_note("came", n);
}

static void goes(uint32_t n)
{
    outb(FLAGS, REMOVE);
    leave[n] = 1;
    while (!left[n]) {
        __asm__ volatile("pause");
    }
    tap_note("goes", n);
    outl(SELECTOR, n);
    outb(FLAGS, EJECT);
}

int guest_main(void)
{
    for (;;) {
        uint8_t flags;
        uint32_t n;

        outl(SELECTOR, 0);
        outb(COMMAND, 0);
        n = inl(DATA);
        flags = inb(FLAGS);
        if (flags & INSERT) {
            came(n);
        } else if (flags & REMOVE) {
            goes(n);
        }
        for (unsigned i = 0; i < 1000; i++) {
            __asm__ volatile("pause");
        }
    }
}
