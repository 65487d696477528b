/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Each processor works on a pci-testdev of its own.  The runner counts contended locks: there must
 * be none.
 *
 * The runner sets the number of processors with -smp; there are as many devices.
 */
#include "guest.h"

#define MAX 16
#ifndef ROUNDS
#define ROUNDS 400u /* the bench wants more */
#endif
#define BAR_BASE 0xc0000000u

static volatile uint32_t go, ready, finished, errors;
static unsigned n_devices;

static void find_devices(void)
{
    for (unsigned devfn = 0; devfn < 256 && n_devices < MAX; devfn++) {
        if (config_read(devfn, 0) == 0x00051b36) {
            config_write(devfn, 0x10, BAR_BASE + n_devices * 0x1000);
            config_write(devfn, 0x04, 2);
            n_devices++;
        }
    }
}

static void work(unsigned cpu)
{
    uint32_t bar = BAR_BASE + cpu * 0x1000;
    uint32_t wrong = 0;

    __atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
    while (!go) {
        __asm__ volatile("pause");
    }
    for (uint32_t i = 0; i < ROUNDS; i++) {
        MMIO(uint8_t, bar + 0x40) =
            (uint8_t)i; /* no test is chosen: the device takes it and does nothing */
        wrong += MMIO(uint8_t, bar) != 0xff;
    }
    __atomic_add_fetch(&errors, wrong, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&finished, 1, __ATOMIC_SEQ_CST);
}

int guest_main(void)
{
    uint64_t start;

    tap_plan(3);
    find_devices();
    tap_note("devices", n_devices);
    if (n_devices > 1) {
        tap_ok(start_aps(n_devices - 1, work), "all processors start");
    } else {
        tap_ok(n_devices == 1, "there is a device");
    }
    while (ready < n_devices - 1) {
        __asm__ volatile("pause");
    }
    start = rdtsc();
    go = 1;
    work(0);
    while (finished < n_devices) {
        __asm__ volatile("pause");
    }
    start = rdtsc() - start;
    tap_equal(errors, 0, "each device answers its own processor");
    tap_equal(finished, n_devices, "all processors finish");
    tap_note("accesses", n_devices * ROUNDS * 2);
    tap_note("ticks", start >> 32 ? UINT32_MAX : (uint32_t)start);
    return 0;
}
