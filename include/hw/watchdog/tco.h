/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The TCO watchdog of ICH9 (data sheet, 13.9): 32 bytes of ports at offset 60h of the ACPI block.
 * One lock; any thread. */
#ifndef HW_WATCHDOG_TCO_H
#define HW_WATCHDOG_TCO_H

#include "system/memory.h"

#define TCO_OFFSET 0x60
#define TCO_SIZE 0x20

typedef struct TcoState {
    QemuMutex lock;
    AioTimer *timer;
    uint16_t tmr, sts1, sts2, cnt1, cnt2, irq_gen;
    uint8_t dat_in, dat_out, message[2], wdcnt;
    uint16_t left; /* ticks when it was halted */
    bool armed;    /* reloaded since reset */
    bool second;   /* the first timeout has come */
    uint32_t gcs;  /* chipset register 3410h: bit 5 says that there is no reset */
    bool pin_noreboot;
    MemoryRegion io, rcba;
} TcoState;

void tco_init(TcoState *t, Object *owner, bool noreboot);
void tco_reset(TcoState *t);

#endif
