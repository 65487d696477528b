/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 8254 counters (Intel 231164).  Nothing ticks: count, output and the next edge are worked out from
 * the number of clocks since the counting element was loaded.
 *
 *   mode 0  low until the count runs out, then high
 *   mode 1  the same, started (again) by the gate
 *   mode 2  one low clock at the end of each period
 *   mode 3  square wave, high first
 *   mode 4  one low clock when the count has run out
 *   mode 5  the same, started (again) by the gate
 *
 * A write takes effect with the next clock: clock k begins ceil(k / 1193182 s) after 0.
 */
#include "hw/timer/i8254.h"

static int64_t to_clock(int64_t ns)
{
    return (__int128)ns * PIT_FREQ / NANOSECONDS_PER_SECOND;
}

static int64_t to_ns(int64_t clock)
{
    return ((__int128)clock * NANOSECONDS_PER_SECOND + PIT_FREQ - 1) / PIT_FREQ;
}

static unsigned mode_of(const PitCounter *c)
{
    unsigned mode = c->control >> 1 & 7;

    return mode > 5 ? mode - 4 : mode; /* modes 2 and 3 do not look at the top bit */
}

static PitAccess access_of(const PitCounter *c)
{
    return c->control >> 4 & 3;
}

static bool is_bcd(const PitCounter *c)
{
    return c->control & 1;
}

static bool is_periodic(const PitCounter *c)
{
    return mode_of(c) == 2 || mode_of(c) == 3;
}

/* Modes 1 and 5: a rising gate loads and starts; the gate's level does nothing. */
static bool is_triggered(const PitCounter *c)
{
    return mode_of(c) == 1 || mode_of(c) == 5;
}

static uint32_t modulus(const PitCounter *c)
{
    return is_bcd(c) ? 10000 : 65536;
}

static uint32_t to_bcd(uint32_t v)
{
    return v / 1000 % 10 << 12 | v / 100 % 10 << 8 | v / 10 % 10 << 4 | v % 10;
}

static uint32_t from_bcd(uint32_t v)
{
    return (v >> 12 & 15) * 1000 + (v >> 8 & 15) * 100 + (v >> 4 & 15) * 10 + (v & 15);
}

/* Clocks since the load. */
static int64_t elapsed(const PitCounter *c, int64_t clock)
{
    return c->held >= 0 ? c->held : MAX(clock - c->t0, 0);
}

/* --- the counting element */

/* Mode 3: length of the half that begins with the load, and of a whole period. */
static int64_t first_half(const PitCounter *c)
{
    return c->low_first ? c->n / 2 : (c->n + 1) / 2;
}

/* Output while clock lies in the element's present count (no load on the way). */
static int element_out(const PitCounter *c, int64_t clock)
{
    int64_t e = elapsed(c, clock);
    unsigned mode = mode_of(c);

    if (!c->programmed) {
        return 1;
    }
    if (is_periodic(c) && !c->gate) {
        return 1;
    }
    if (!c->loaded) {
        return mode != 0;
    }
    switch (mode) {
    case 0:
        return !c->stopped && !c->null_count && e >= c->n;
    case 1:
        return e >= c->n;
    case 2:
        return c->held >= 0 || c->n < 2 || e % c->n != c->n - 1;
    case 3:
        return c->held >= 0 || c->n < 2 || (e % c->n < first_half(c)) != c->low_first;
    default:
        return e != c->n;
    }
}

/* The first clock after clock at which the element's output changes on its own; -1: never. */
static int64_t element_next(const PitCounter *c, int64_t clock)
{
    int64_t e = clock - c->t0, in, at;

    if (!c->loaded || c->held >= 0 || c->stopped || (is_periodic(c) && (!c->gate || c->n < 2))) {
        return -1;
    }
    in = e >= 0 ? e % c->n : -1;
    switch (mode_of(c)) {
    case 0:
    case 1:
        return e < c->n ? c->t0 + c->n : -1;
    case 2:
        at = in < c->n - 1 ? c->n - 1 : c->n;
        return clock - in + at;
    case 3:
        at = in < first_half(c) ? first_half(c) : c->n;
        return clock - in + at;
    default:
        return e < c->n ? c->t0 + c->n : e == c->n ? clock + 1 : -1;
    }
}

/* Periodic modes take a new count where the present (half) period ends. */
static int64_t period_end(const PitCounter *c, int64_t clock)
{
    int64_t in = (clock - c->t0) % c->n;

    if (mode_of(c) == 3 && in < first_half(c)) {
        return clock - in + first_half(c);
    }
    return clock - in + c->n;
}

/* cr goes to the counting element. */
static void load(PitCounter *c)
{
    c->low_first = mode_of(c) == 3 && c->loaded && c->gate && c->held < 0 && c->n >= 2 &&
                   element_out(c, c->load_at - 1) && !element_out(c, c->load_at);
    c->n = c->cr;
    c->t0 = c->load_at;
    c->load_at = -1;
    c->null_count = false;
    c->loaded = true;
    c->held = !c->gate && !is_triggered(c) ? 0 : -1;
}

static void advance(PitCounter *c, int64_t clock)
{
    if (c->load_at >= 0 && c->load_at <= clock) {
        load(c);
    }
}

/* --- seen from outside */

int pit_core_out(const PitCore *p, int n, int64_t now)
{
    PitCounter c = p->c[n];

    advance(&c, to_clock(now));
    return element_out(&c, to_clock(now));
}

/* The same for times after clock, with a load on the way. */
static int64_t next_change(PitCounter *c, int64_t clock)
{
    int64_t next;
    int out;

    advance(c, clock);
    if (c->load_at < 0) {
        return element_next(c, clock);
    }
    next = element_next(c, clock);
    if (next >= 0 && next < c->load_at) {
        return next;
    }
    out = element_out(c, clock);
    clock = c->load_at;
    advance(c, clock);
    return element_out(c, clock) != out ? clock : element_next(c, clock);
}

int64_t pit_core_next_change(const PitCore *p, int n, int64_t now)
{
    PitCounter c = p->c[n];
    int64_t clock = next_change(&c, to_clock(now));

    return clock < 0 ? -1 : to_ns(clock);
}

uint64_t pit_core_rises(const PitCore *p, int n, int64_t from, int64_t to)
{
    PitCounter c = p->c[n];
    int64_t clock = to_clock(from), end = to_clock(to);
    uint64_t rises = 0;

    /* Up to the load that may lie ahead edge by edge (three at most); then by division. */
    for (int i = 0; i < 4; i++) {
        int was;
        int64_t next;

        advance(&c, clock);
        was = element_out(&c, clock);
        if (c.load_at < 0 && is_periodic(&c)) {
            break;
        }
        next = next_change(&c, clock);
        if (next < 0 || next > end) {
            return rises;
        }
        rises += !was && element_out(&c, next);
        clock = next;
    }
    if (c.loaded && c.held < 0 && c.gate && c.n >= 2) {
        /* Output rises at these clocks of a period: mode 2 and 3 at its start, or in the middle. */
        int64_t phase = c.low_first ? first_half(&c) : 0, t0 = c.t0 + phase;
        int64_t a = MAX(clock - t0, -(int64_t)c.n), b = end - t0;

        if (b >= 0) {
            /* The load itself raised nothing unless the low half came first. */
            int64_t first = c.low_first ? -1 : 0;
            rises += b / c.n - (a >= 0 ? a / c.n : first);
        }
    }
    return rises;
}

int64_t pit_core_period(const PitCore *p, int n)
{
    const PitCounter *c = &p->c[n];

    return is_periodic(c) && c->loaded && c->gate ? to_ns(c->n) : 0;
}

/* The counting element as software reads it. */
static uint16_t current_count(const PitCounter *c, int64_t clock)
{
    uint32_t m = modulus(c), v;
    int64_t e = elapsed(c, clock);

    if (!c->loaded) {
        v = c->n;
    } else if (mode_of(c) == 2) {
        v = c->n - e % c->n;
    } else if (mode_of(c) == 3) {
        /* Counts down by two from an even number, once in each half. */
        int64_t in = e % c->n, half = in < first_half(c) ? in : in - first_half(c);

        v = (c->n & ~1u) - 2 * half;
    } else {
        v = (c->n + m - e % m) % m; /* goes on from the top after it ran out */
    }
    v %= m;
    return is_bcd(c) ? to_bcd(v) : v;
}

/* --- programming */

static void write_whole_count(PitCounter *c, uint16_t raw, int64_t clock)
{
    uint32_t count = is_bcd(c) ? from_bcd(raw) : raw;

    c->cr = count && count <= modulus(c) ? count : count ? count % modulus(c) : modulus(c);
    c->cr_written = true;
    c->null_count = true;
    if (is_triggered(c)) {
        return; /* waits for the gate */
    }
    if (is_periodic(c) && c->loaded) {
        if (c->load_at < 0 && c->gate) {
            c->load_at = period_end(c, clock);
        }
        return; /* otherwise it goes along with the load that comes anyway */
    }
    c->stopped = false;
    c->load_at = clock + 1;
}

static void write_count(PitCounter *c, uint8_t val, int64_t clock)
{
    switch (access_of(c)) {
    case PIT_LSB:
        write_whole_count(c, val, clock);
        break;
    case PIT_MSB:
        write_whole_count(c, val << 8, clock);
        break;
    default:
        if (!c->write_msb_next) {
            c->write_lsb = val;
            c->write_msb_next = true;
            if (mode_of(c) == 0) {
                c->held = elapsed(c, clock);
                c->stopped = true; /* counting stops, the output goes low */
                c->load_at = -1;
            }
        } else {
            c->write_msb_next = false;
            write_whole_count(c, c->write_lsb | val << 8, clock);
        }
        break;
    }
}

static void latch_count(PitCounter *c, int64_t clock)
{
    if (!c->count_latched) {
        c->latch = current_count(c, clock);
        c->count_latched = true;
    }
}

static void latch_status(PitCounter *c, int64_t clock)
{
    if (!c->status_latched) {
        c->status = element_out(c, clock) << 7 | c->null_count << 6 | (c->control & 0x3f);
        c->status_latched = true;
    }
}

static void read_back(PitCore *p, uint8_t val, int64_t clock)
{
    for (int n = 0; n < 3; n++) {
        if (val & (2 << n)) {
            advance(&p->c[n], clock);
            if (!(val & 0x20)) {
                latch_count(&p->c[n], clock);
            }
            if (!(val & 0x10)) {
                latch_status(&p->c[n], clock);
            }
        }
    }
}

static void control_word(PitCore *p, uint8_t val, int64_t clock)
{
    PitCounter *c;

    if (val >> 6 == 3) {
        read_back(p, val, clock);
        return;
    }
    c = &p->c[val >> 6];
    advance(c, clock);
    if ((val >> 4 & 3) == PIT_LATCH) {
        latch_count(c, clock);
        return;
    }
    *c = (PitCounter){
        .control = val & 0x3f,
        .programmed = true,
        .gate = c->gate,
        .null_count = true,
        .load_at = -1,
        .n = c->n ? c->n : 1,
        .t0 = clock,
        .held = -1,
    };
}

void pit_core_write(PitCore *p, int port, uint8_t val, int64_t now)
{
    int64_t clock = to_clock(now);

    if (port == 3) {
        control_word(p, val, clock);
    } else if (p->c[port].programmed) {
        advance(&p->c[port], clock);
        write_count(&p->c[port], val, clock);
    }
}

uint8_t pit_core_read(PitCore *p, int port, int64_t now)
{
    int64_t clock = to_clock(now);
    bool msb = false;
    PitCounter *c;
    uint16_t v;

    if (port == 3) {
        return 0; /* the control word cannot be read */
    }
    c = &p->c[port];
    advance(c, clock);
    if (c->status_latched) {
        c->status_latched = false;
        return c->status;
    }
    v = c->count_latched ? c->latch : current_count(c, clock);
    if (access_of(c) == PIT_WORD) {
        msb = c->read_msb_next;
        c->read_msb_next = !msb;
        c->count_latched = c->count_latched && !msb;
    } else {
        msb = access_of(c) == PIT_MSB;
        c->count_latched = false;
    }
    return msb ? v >> 8 : v;
}

void pit_core_set_gate(PitCore *p, int n, bool gate, int64_t now)
{
    PitCounter *c = &p->c[n];
    int64_t clock = to_clock(now);

    advance(c, clock);
    if (gate == c->gate) {
        return;
    }
    if (!gate) {
        if (!is_triggered(c) && c->loaded && c->held < 0) {
            c->held = elapsed(c, clock);
        }
        if (is_periodic(c) && c->loaded) {
            c->load_at = -1; /* no period ends while counting is stopped */
        }
        c->gate = false;
        return;
    }
    c->gate = true;
    if (is_triggered(c) || (is_periodic(c) && c->loaded)) {
        if (c->cr_written) {
            c->load_at = clock + 1;
        }
    } else if (c->loaded && c->held >= 0 && !c->stopped) {
        c->t0 = clock - c->held;
        c->held = -1;
    }
}

void pit_core_reset(PitCore *p)
{
    memset(p, 0, sizeof(*p));
    for (int n = 0; n < 3; n++) {
        /* Undefined until a control word comes: here, high and not counting. */
        p->c[n] = (PitCounter){
            .control = PIT_WORD << 4 | 3 << 1,
            .gate = n != 2, /* the speaker's gate is a bit of port 0x61 */
            .null_count = true,
            .load_at = -1,
            .n = 1,
            .held = -1,
        };
    }
}
