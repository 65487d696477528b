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
#include "system/memory.h"

#define PIT_FREQ 1193182
#define TYPE_PIT_COMMON "pit-common"
#define TYPE_PIT "isa-pit"
#define TYPE_KVM_PIT "kvm-pit"

typedef enum PitAccess { PIT_LATCH, PIT_LSB, PIT_MSB, PIT_WORD } PitAccess;

/*
 * Times are numbers of CLK pulses.  The count register (cr) takes what software writes; the
 * counting element is described by the count it was loaded with (n) and when (t0).
 */
typedef struct PitCounter {
    uint8_t control; /* as written: access, mode, BCD */
    bool programmed; /* a control word came since power-on */
    bool gate;
    uint32_t cr;     /* 1 to 65536 (10000 in BCD) */
    bool cr_written; /* cr holds a count since the last control word */
    bool null_count; /* cr was written and is not loaded */
    int64_t load_at; /* when cr goes to the counting element; -1: when something happens first */
    bool loaded;     /* the element has been loaded since the last control word */
    uint32_t n;
    int64_t t0;
    bool low_first; /* mode 3: n was loaded where the low half begins */
    int64_t held;   /* clocks that had passed since t0 when the gate stopped counting; -1: counts */
    bool stopped;   /* mode 0: the first of two bytes was written */
    /* read and write sequence */
    bool write_msb_next, read_msb_next;
    uint8_t write_lsb;
    bool count_latched, status_latched;
    uint16_t latch;
    uint8_t status;
} PitCounter;

typedef struct PitCore {
    PitCounter c[3];
} PitCore;

void pit_core_reset(PitCore *p);
/* port 0 to 2: counters; 3: control word. */
void pit_core_write(PitCore *p, int port, uint8_t val, int64_t now);
uint8_t pit_core_read(PitCore *p, int port, int64_t now);
void pit_core_set_gate(PitCore *p, int n, bool gate, int64_t now);
/* Level of the output pin at time now. */
int pit_core_out(const PitCore *p, int n, int64_t now);
/* When the output changes next after now; -1: never. */
int64_t pit_core_next_change(const PitCore *p, int n, int64_t now);
/* Rising edges of the output in (from, to]. */
uint64_t pit_core_rises(const PitCore *p, int n, int64_t from, int64_t to);
/* ns between two rising edges as counter n is programmed, 0: it is not periodic. */
int64_t pit_core_period(const PitCore *p, int n);

/* --- devices: one base with state and reset, a chip in the emulator, KVM's */

typedef struct PITState {
    PitCore core;
    uint8_t speaker; /* bits 1:0 of port 0x61 */
} PITState;

typedef enum PITLostTicks { PIT_LOST_DISCARD, PIT_LOST_DELAY, PIT_LOST_SLEW } PITLostTicks;

typedef struct PITCommon {
    SysBusDevice parent_obj;
    int lost_tick_policy; /* a PITLostTicks */
} PITCommon;
#define PIT_COMMON(obj) ((PITCommon *)(obj))

typedef struct PITCommonClass {
    DeviceClass parent_class;
    void (*get)(PITCommon *s, PITState *state);
    void (*set)(PITCommon *s, const PITState *state);
} PITCommonClass;
#define PIT_COMMON_GET_CLASS(obj) ((PITCommonClass *)object_get_class(obj))

/* What becomes of ticks: how the board answers the timer that raises interrupt 0.  Any thread. */
typedef enum PITTick { PIT_TICK_NOBODY, PIT_TICK_PENDING, PIT_TICK_TAKEN } PITTick;
typedef struct PITBoardOps {
    /* Whether some interrupt controller lets interrupt 0 through, and whether the last tick is
     * still waiting there. */
    PITTick (*tick_state)(void *opaque);
} PITBoardOps;
/* Main loop, before the machine runs. */
void pit_set_board(DeviceState *dev, const PITBoardOps *ops, void *opaque);
/* The guest took a tick: if it is owed more, the next one comes at once.  Any thread that holds no lock. */
void pit_tick_taken(DeviceState *dev);

#endif
