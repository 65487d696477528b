/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two processors on one region: each sees its own writes, the other's arrive, none is lost. */
#include "guest.h"

#define ROUNDS 300u
#define AREA(n) (IOMEM_BASE + 0x1000 * (n))

static volatile uint32_t go, errors[2], finished;

static void work(unsigned self)
{
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint32_t at = AREA(self) + (i % 16) * 4;

        MMIO(uint32_t, at) = i ^ (self << 31);
        if (MMIO(uint32_t, at) != (i ^ (self << 31))) {
            errors[self]++;
        }
    }
    __atomic_add_fetch(&finished, 1, __ATOMIC_SEQ_CST);
}

static void other(unsigned apic_id)
{
    while (!go) {
        __asm__ volatile("pause");
    }
    work(1);
    /* A message by memory after a write to the device: the write must have arrived when the message
     * has. */
    for (uint32_t i = 1; i <= 100; i++) {
        MMIO(uint32_t, AREA(3)) = i;
        go = i + 1;
        while (go == i + 1) {
            __asm__ volatile("pause");
        }
    }
}

int guest_main(void)
{
    bool ok = true;

    tap_plan(5);
    tap_ok(start_aps(1, other), "the second processor starts by INIT and SIPI");
    go = 1;
    work(0);
    while (finished < 2) {
        __asm__ volatile("pause");
    }
    tap_equal(errors[0], 0, "the first processor reads what it wrote");
    tap_equal(errors[1], 0, "so does the second");
    for (uint32_t i = ROUNDS - 16; i < ROUNDS; i++) {
        ok = ok && MMIO(uint32_t, AREA(0) + (i % 16) * 4) == i &&
             MMIO(uint32_t, AREA(1) + (i % 16) * 4) == (i ^ 0x80000000u);
    }
    tap_ok(ok, "nothing of both is lost");
    ok = true;
    for (uint32_t i = 1; i <= 100; i++) {
        while (go != i + 1) {
            __asm__ volatile("pause");
        }
        ok = ok && MMIO(uint32_t, AREA(3)) == i;
        go = 0x10000;
    }
    tap_ok(ok, "a write of one processor is there when it tells the other");
    return 0;
}
