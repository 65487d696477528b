/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 8254 counters (Intel 231164).  Nothing ticks: count, output and the next edge are worked out from
 * the time that has passed since the count was loaded.
 *
 *   mode 0  low until the count runs out, then high         mode 3  square wave
 *   mode 1  the same, started (again) by the gate           mode 4  one low clock when the count
 * runs out mode 2  one low clock in each period                    mode 5  the same, started
 * (again) by the gate
 */
#include "hw/timer/i8254.h"

static int64_t ticks_to_ns(int64_t ticks)
{
    return (__int128)ticks * NANOSECONDS_PER_SECOND / PIT_FREQ;
}

/* Whole clocks from start to now: the largest number of ticks whose end is not after now. */
static int64_t elapsed(const PitCounter *c, int64_t now)
{
    int64_t t = (c->stopped_at >= 0 ? c->stopped_at : now) - c->start;
    int64_t ticks;

    if (t <= 0) {
        return 0;
    }
    ticks = (__int128)t * PIT_FREQ / NANOSECONDS_PER_SECOND;
    while (ticks_to_ns(ticks + 1) <= t) {
        ticks++;
    }
    return ticks;
}

static bool periodic(const PitCounter *c)
{
    return c->mode == 2 || c->mode == 3;
}

static bool gate_starts(const PitCounter *c)
{
    return c->mode == 1 || c->mode == 5;
}

static uint32_t to_bcd(uint32_t v)
{
    return v / 1000 % 10 << 12 | v / 100 % 10 << 8 | v / 10 % 10 << 4 | v % 10;
}

static uint32_t from_bcd(uint32_t v)
{
    return (v >> 12 & 15) * 1000 + (v >> 8 & 15) * 100 + (v >> 4 & 15) * 10 + (v & 15);
}

/* The counting element as software reads it. */
static uint16_t current_count(const PitCounter *c, int64_t now)
{
    uint32_t modulus = c->bcd ? 10000 : 65536, v;
    int64_t d;

    if (c->start < 0 || (periodic(c) && !c->gate)) {
        v = c->count;
    } else {
        d = elapsed(c, now);
        switch (c->mode) {
        case 2:
            v = c->count - d % c->count;
            break;
        case 3: /* counts down by two, twice a period */
            v = c->count - 2 * d % c->count;
            v &= ~1u;
            break;
        default: /* goes on from the top after it ran out */
            v = (c->count + modulus - d % modulus) % modulus;
            break;
        }
    }
    v %= modulus;
    return c->bcd ? to_bcd(v) : v;
}

int pit_core_out(const PitCore *p, int n, int64_t now)
{
    const PitCounter *c = &p->c[n];
    int64_t d;

    if (periodic(c) && !c->gate) {
        return 1;
    }
    if (c->start < 0) {
        return c->mode != 0;
    }
    d = elapsed(c, now);
    switch (c->mode) {
    case 0:
    case 1:
        return d >= c->count;
    case 2:
        return d % c->count != c->count - 1;
    case 3:
        return d % c->count < (c->count + 1) / 2;
    default:
        return d != c->count;
    }
}

int64_t pit_core_next_change(const PitCore *p, int n, int64_t now)
{
    const PitCounter *c = &p->c[n];
    int64_t d, base, next;

    if (c->start < 0 || c->stopped_at >= 0 || (periodic(c) && !c->gate)) {
        return -1;
    }
    d = elapsed(c, now);
    base = d - d % c->count;
    switch (c->mode) {
    case 2:
        next = d - base < c->count - 1 ? base + c->count - 1 : base + c->count;
        break;
    case 3:
        next = d - base < (c->count + 1) / 2 ? base + (c->count + 1) / 2 : base + c->count;
        if (c->count == 1) {
            return -1;
        }
        break;
    case 0:
    case 1:
        if (d >= c->count) {
            return -1;
        }
        next = c->count;
        break;
    default:
        if (d > c->count) {
            return -1;
        }
        next = d < c->count ? c->count : (int64_t)c->count + 1;
        break;
    }
    return c->start + ticks_to_ns(next);
}

/* --- programming
 * ------------------------------------------------------------------------------------- */

static void load(PitCounter *c, uint16_t raw, int64_t now)
{
    uint32_t count = c->bcd ? from_bcd(raw) : raw;

    c->count = count ? count : c->bcd ? 10000 : 65536;
    if (gate_starts(c)) {
        c->null_count = c->start < 0; /* waits for a rising gate */
        return;
    }
    c->start = now;
    c->stopped_at = c->gate || periodic(c) ? -1 : now;
    c->null_count = false;
}

static void write_count(PitCounter *c, uint8_t val, int64_t now)
{
    switch (c->access) {
    case PIT_LSB:
        load(c, val, now);
        break;
    case PIT_MSB:
        load(c, val << 8, now);
        break;
    default:
        if (!c->write_msb_next) {
            c->write_lsb = val;
            c->write_msb_next = true;
            if (c->mode == 0) {
                c->start = -1; /* the first byte stops counting and lowers the output */
            }
        } else {
            c->write_msb_next = false;
            load(c, c->write_lsb | val << 8, now);
        }
        break;
    }
}

static void latch_count(PitCounter *c, int64_t now)
{
    if (!c->count_latched) {
        c->latch = current_count(c, now);
        c->count_latched = c->access == PIT_WORD ? 2 : 1;
    }
}

static void latch_status(PitCore *p, int n, int64_t now)
{
    PitCounter *c = &p->c[n];

    if (!c->status_latched) {
        c->status = pit_core_out(p, n, now) << 7 | c->null_count << 6 | c->access << 4 |
                    c->mode << 1 | c->bcd;
        c->status_latched = true;
    }
}

static void read_back(PitCore *p, uint8_t val, int64_t now)
{
    for (int n = 0; n < 3; n++) {
        if (val & (2 << n)) {
            if (!(val & 0x20)) {
                latch_count(&p->c[n], now);
            }
            if (!(val & 0x10)) {
                latch_status(p, n, now);
            }
        }
    }
}

static void control_word(PitCore *p, uint8_t val, int64_t now)
{
    PitCounter *c;

    if (val >> 6 == 3) {
        read_back(p, val, now);
        return;
    }
    c = &p->c[val >> 6];
    if ((val >> 4 & 3) == PIT_LATCH) {
        latch_count(c, now);
        return;
    }
    c->access = val >> 4 & 3;
    c->mode = val >> 1 & 7;
    if (c->mode > 5) {
        c->mode -= 4; /* the top bit does not matter for modes 2 and 3 */
    }
    c->bcd = val & 1;
    c->start = -1;
    c->stopped_at = -1;
    c->null_count = true;
    c->write_msb_next = c->read_msb_next = false;
    c->count_latched = 0;
    c->status_latched = false;
}

void pit_core_write(PitCore *p, int port, uint8_t val, int64_t now)
{
    if (port == 3) {
        control_word(p, val, now);
    } else {
        write_count(&p->c[port], val, now);
    }
}

uint8_t pit_core_read(PitCore *p, int port, int64_t now)
{
    PitCounter *c;
    uint16_t v;

    if (port == 3) {
        return 0; /* the control word cannot be read */
    }
    c = &p->c[port];
    if (c->status_latched) {
        c->status_latched = false;
        return c->status;
    }
    v = c->count_latched ? c->latch : current_count(c, now);
    if (c->count_latched) {
        c->count_latched--;
    }
    switch (c->access) {
    case PIT_LSB:
        return v;
    case PIT_MSB:
        return v >> 8;
    default:
        c->read_msb_next = !c->read_msb_next;
        return c->read_msb_next ? v : v >> 8;
    }
}

void pit_core_set_gate(PitCore *p, int n, bool gate, int64_t now)
{
    PitCounter *c = &p->c[n];

    if (gate == c->gate) {
        return;
    }
    c->gate = gate;
    if (gate && !c->write_msb_next && c->access != PIT_LATCH) {
        if (gate_starts(c) || (periodic(c) && c->start >= 0)) {
            c->start = now;
            c->null_count = false;
        } else if (c->start >= 0 && c->stopped_at >= 0) {
            c->start += now - c->stopped_at;
            c->stopped_at = -1;
        }
    } else if (!gate && !periodic(c) && !gate_starts(c) && c->start >= 0) {
        c->stopped_at = now;
    }
}

void pit_core_reset(PitCore *p, int64_t now)
{
    memset(p, 0, sizeof(*p));
    for (int n = 0; n < 3; n++) {
        PitCounter *c = &p->c[n];

        c->mode = 3;
        c->access = PIT_WORD;
        c->count = 65536;
        c->gate = n != 2; /* the speaker's gate is a bit of port 0x61 */
        c->start = now;
        c->stopped_at = -1;
    }
}
