/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 8254 programmable interval timer: three counters at 1193182 Hz.
 *
 * The core is a plain structure that is told the time (ns of the guest's clock) in each call, so a
 * test can move it by hand.  Its caller serialises.
 */
#ifndef HW_TIMER_I8254_H
#define HW_TIMER_I8254_H

#include "hw/qdev-core.h"

#define PIT_FREQ 1193182
#define TYPE_PIT "isa-pit"
#define TYPE_KVM_PIT "kvm-pit"

typedef enum PitAccess { PIT_LATCH, PIT_LSB, PIT_MSB, PIT_WORD } PitAccess;

typedef struct PitCounter {
    uint32_t count; /* 1 to 65536 (10000 in BCD) */
    uint8_t mode;   /* 0 to 5 */
    bool bcd, gate;
    PitAccess access;
    int64_t start; /* when counting of count began; -1: it has not (no count written, or waits for
                      the gate) */
    int64_t stopped_at; /* gate low in modes 0 and 4: time that counting was halted; -1: runs */
    bool null_count;    /* a count was written and has not been loaded */
    /* read and write sequence */
    bool write_msb_next, read_msb_next;
    uint8_t write_lsb;
    uint8_t count_latched; /* bytes of the latched count still to read */
    uint16_t latch;
    bool status_latched;
    uint8_t status;
} PitCounter;

typedef struct PitCore {
    PitCounter c[3];
} PitCore;

void pit_core_reset(PitCore *p, int64_t now);
/* port 0 to 2: counters; 3: control word. */
void pit_core_write(PitCore *p, int port, uint8_t val, int64_t now);
uint8_t pit_core_read(PitCore *p, int port, int64_t now);
void pit_core_set_gate(PitCore *p, int n, bool gate, int64_t now);
/* Level of the output pin at time now. */
int pit_core_out(const PitCore *p, int n, int64_t now);
/* When the output changes next after now; -1: never. */
int64_t pit_core_next_change(const PitCore *p, int n, int64_t now);

#endif
