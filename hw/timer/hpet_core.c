/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HPET registers and comparators; nothing ticks, counts follow from the time. */
#include "hw/timer/hpet.h"

#define REVISION 1
#define VENDOR 0x8086u
#define PERIOD_FS UINT64_C(10000000)
/* However short a period software programs: no more events than this are looked after. */
#define SHORTEST_NS (20 * SCALE_US)

enum {
    REG_CAP = 0x00,
    REG_CONFIG = 0x10,
    REG_STATUS = 0x20,
    REG_COUNTER = 0xf0,
    REG_TIMERS = 0x100
};
enum { TN_CONFIG = 0x00, TN_COMPARATOR = 0x08, TN_FSB = 0x10, TN_SIZE = 0x20 };
enum { CONFIG_ENABLE = 1, CONFIG_LEGACY = 2 };
enum {
    TN_LEVEL = BIT(1),
    TN_ENABLE = BIT(2),
    TN_PERIODIC = BIT(3),
    TN_PERIODIC_CAP = BIT(4),
    TN_64BIT_CAP = BIT(5),
    TN_SET_VALUE = BIT(6),
    TN_32BIT = BIT(8),
    TN_FSB_ENABLE = BIT(14),
    TN_FSB_CAP = BIT(15),
};
#define TN_WRITABLE (TN_LEVEL | TN_ENABLE | TN_PERIODIC | TN_SET_VALUE | TN_32BIT | 0x3e00u)
#define TN_ROUTE(config) ((unsigned)(config) >> 9 & 0x1f)

/* --- the counter */

static void publish_begin(HpetCore *h)
{
    __atomic_store_n(&h->seq, h->seq + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

static void publish_end(HpetCore *h)
{
    __atomic_store_n(&h->seq, h->seq + 1, __ATOMIC_RELEASE);
}

uint64_t hpet_counter(const HpetCore *h, int64_t now)
{
    uint32_t seq;
    uint64_t value;

    do {
        seq = __atomic_load_n(&h->seq, __ATOMIC_ACQUIRE);
        value = __atomic_load_n(&h->value, __ATOMIC_RELAXED);
        if (__atomic_load_n(&h->running, __ATOMIC_RELAXED)) {
            value += (now - __atomic_load_n(&h->base, __ATOMIC_RELAXED)) / HPET_TICK_NS;
        }
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
    } while ((seq & 1) || seq != __atomic_load_n(&h->seq, __ATOMIC_RELAXED));
    return value;
}

static void set_counter(HpetCore *h, uint64_t value, bool running, int64_t now)
{
    publish_begin(h);
    __atomic_store_n(&h->value, value, __ATOMIC_RELAXED);
    __atomic_store_n(&h->base, now, __ATOMIC_RELAXED);
    __atomic_store_n(&h->running, running, __ATOMIC_RELAXED);
    publish_end(h);
}

/* Ticks since the counter was set last: what "due" is measured in. */
static int64_t ticks(const HpetCore *h, int64_t now)
{
    return h->running ? (now - h->base) / HPET_TICK_NS : 0;
}

/* --- comparators */

static uint64_t mask_of(const HpetTimer *t)
{
    return t->config & TN_32BIT ? UINT32_MAX : UINT64_MAX;
}

static bool is_legacy(const HpetCore *h, unsigned n)
{
    return (h->config & CONFIG_LEGACY) && n < 2;
}

static void drive(HpetCore *h, unsigned n, bool level)
{
    HpetTimer *t = &h->timer[n];
    bool legacy = is_legacy(h, n);
    unsigned route = legacy ? n * 8 : TN_ROUTE(t->config);

    t->line = level;
    if (legacy || (h->routes & BIT(route))) {
        h->ops->set_irq(h->opaque, route, legacy, level);
    }
}

/* A level-triggered comparator's line follows its status bit. */
static void update_line(HpetCore *h, unsigned n)
{
    HpetTimer *t = &h->timer[n];
    bool level = (t->config & TN_LEVEL) && (t->config & TN_ENABLE) &&
                 !(t->config & TN_FSB_ENABLE) && (h->status & BIT(n)) &&
                 (h->config & CONFIG_ENABLE);

    if (level != t->line) {
        drive(h, n, level);
    }
}

static void fire(HpetCore *h, unsigned n)
{
    HpetTimer *t = &h->timer[n];

    if (t->config & TN_LEVEL) {
        h->status |= BIT(n);
        update_line(h, n);
        return;
    }
    if (!(t->config & TN_ENABLE)) {
        return;
    }
    if (t->config & TN_FSB_ENABLE) {
        h->ops->send(h->opaque, (MSIMessage){.address = t->fsb >> 32, .data = (uint32_t)t->fsb});
    } else {
        drive(h, n, true);
        drive(h, n, false);
    }
}

/* Works out when the comparator matches next, from the present counter on. */
static void schedule(HpetCore *h, HpetTimer *t, int64_t now)
{
    uint64_t away = (t->comparator - hpet_counter(h, now)) & mask_of(t);

    t->due = -1;
    if (h->running && away < INT64_MAX / HPET_TICK_NS / 2) {
        t->due = ticks(h, now) + (int64_t)away;
    }
}

static void schedule_all(HpetCore *h, int64_t now)
{
    for (unsigned n = 0; n < h->n_timers; n++) {
        schedule(h, &h->timer[n], now);
    }
}

/* The comparator matched: where it matches next. */
static void after_match(HpetCore *h, HpetTimer *t, int64_t now)
{
    int64_t tick = ticks(h, now);

    if (!(t->config & TN_PERIODIC) || !t->period) {
        /* Once more only when the counter has gone all the way round. */
        t->due = mask_of(t) == UINT32_MAX ? t->due + (INT64_C(1) << 32) : -1;
        return;
    }
    if (t->period > INT64_MAX / HPET_TICK_NS / 2) {
        t->comparator = (t->comparator + t->period) & mask_of(t);
        t->due = -1;
        return;
    }
    uint64_t periods = (uint64_t)(tick - t->due) / t->period + 1;

    t->comparator = (t->comparator + periods * t->period) & mask_of(t);
    t->due += (int64_t)(periods * t->period);
}

void hpet_core_advance(HpetCore *h, int64_t now)
{
    for (unsigned n = 0; n < h->n_timers; n++) {
        HpetTimer *t = &h->timer[n];

        if (h->running && t->due >= 0 && t->due <= ticks(h, now)) {
            fire(h, n);
            after_match(h, t, now);
        }
    }
}

int64_t hpet_core_next(const HpetCore *h, int64_t now)
{
    int64_t next = -1, at;

    for (unsigned n = 0; n < h->n_timers; n++) {
        const HpetTimer *t = &h->timer[n];

        /* A disabled one is of interest as far as its status bit can be seen. */
        if (h->running && t->due >= 0 &&
            ((t->config & TN_ENABLE) || ((t->config & TN_LEVEL) && !(h->status & BIT(n))))) {
            next = next < 0 ? t->due : MIN(next, t->due);
        }
    }
    if (next < 0) {
        return -1;
    }
    at = h->base + next * HPET_TICK_NS;
    for (unsigned n = 0; n < h->n_timers; n++) {
        const HpetTimer *t = &h->timer[n];

        if ((t->config & TN_PERIODIC) && t->due == next && t->period < SHORTEST_NS / HPET_TICK_NS) {
            return MAX(at, now + SHORTEST_NS);
        }
    }
    return at;
}

/* --- registers */

static uint64_t capabilities(const HpetCore *h)
{
    enum { LEGACY_CAP = BIT(15), COUNTER_64BIT = BIT(13) };

    return PERIOD_FS << 32 | VENDOR << 16 | LEGACY_CAP | COUNTER_64BIT | (h->n_timers - 1) << 8 |
           REVISION;
}

static uint64_t read_timer(HpetCore *h, unsigned offset)
{
    unsigned n = (offset - REG_TIMERS) / TN_SIZE;
    const HpetTimer *t = &h->timer[n];

    if (n >= h->n_timers) {
        return 0;
    }
    switch (offset % TN_SIZE) {
    case TN_CONFIG:
        return t->config;
    case TN_COMPARATOR:
        return t->comparator;
    case TN_FSB:
        return t->fsb;
    }
    return 0;
}

static uint64_t read_whole(HpetCore *h, unsigned offset, int64_t now)
{
    if (offset >= REG_TIMERS) {
        return read_timer(h, offset);
    }
    switch (offset) {
    case REG_CAP:
        return capabilities(h);
    case REG_CONFIG:
        return h->config;
    case REG_STATUS:
        return h->status;
    case REG_COUNTER:
        return hpet_counter(h, now);
    }
    return 0;
}

uint64_t hpet_core_read(HpetCore *h, unsigned offset, unsigned size, int64_t now)
{
    uint64_t v;

    if (offset != REG_COUNTER && offset != REG_COUNTER + 4) {
        hpet_core_advance(h, now);
    }
    v = read_whole(h, offset & ~7u, now) >> (8 * (offset & 7));
    return size == 4 ? (uint32_t)v : v;
}

static void write_config(HpetCore *h, uint64_t val, int64_t now)
{
    uint64_t changed = h->config ^ (val & 3);

    /* Lines belong to where they were raised: none may stay up while routes change. */
    if (changed & CONFIG_LEGACY) {
        for (unsigned n = 0; n < 2; n++) {
            if (h->timer[n].line) {
                drive(h, n, false);
            }
        }
    }
    h->config = val & 3;
    if (changed & CONFIG_ENABLE) {
        set_counter(h, hpet_counter(h, now), h->config & CONFIG_ENABLE, now);
        schedule_all(h, now);
    }
    if (changed & CONFIG_LEGACY) {
        h->ops->set_legacy(h->opaque, h->config & CONFIG_LEGACY);
    }
    for (unsigned n = 0; n < h->n_timers; n++) {
        update_line(h, n);
    }
}

static void write_status(HpetCore *h, uint64_t val)
{
    h->status &= ~val;
    for (unsigned n = 0; n < h->n_timers; n++) {
        update_line(h, n);
    }
}

static void write_timer_config(HpetCore *h, unsigned n, uint64_t val, int64_t now)
{
    HpetTimer *t = &h->timer[n];
    uint64_t writable = TN_WRITABLE | (h->msi ? TN_FSB_ENABLE : 0);

    if (t->line) {
        drive(h, n, false); /* by the old route */
    }
    t->config = (t->config & ~writable) | (val & writable);
    if (t->config & TN_32BIT) {
        t->comparator = (uint32_t)t->comparator;
        t->period = (uint32_t)t->period;
    }
    if (!(t->config & TN_LEVEL)) {
        h->status &= ~(uint64_t)BIT(n);
    }
    schedule(h, t, now);
    update_line(h, n);
}

/* In periodic mode a write is the period; with the set-value bit it is the comparator, too, once
 * (2.3.9.2.2). */
static void write_comparator(HpetCore *h, HpetTimer *t, uint64_t val, int64_t now)
{
    val &= mask_of(t);
    if (!(t->config & TN_PERIODIC) || (t->config & TN_SET_VALUE)) {
        t->comparator = val;
        schedule(h, t, now);
    }
    if (t->config & TN_PERIODIC) {
        t->period = val;
    }
    t->config &= ~(uint64_t)TN_SET_VALUE;
}

static void write_timer(HpetCore *h, unsigned offset, uint64_t val, int64_t now)
{
    unsigned n = (offset - REG_TIMERS) / TN_SIZE;

    if (n >= h->n_timers) {
        return;
    }
    switch (offset % TN_SIZE) {
    case TN_CONFIG:
        write_timer_config(h, n, val, now);
        break;
    case TN_COMPARATOR:
        write_comparator(h, &h->timer[n], val, now);
        break;
    case TN_FSB:
        h->timer[n].fsb = val;
        break;
    }
}

void hpet_core_write(HpetCore *h, unsigned offset, uint64_t val, unsigned size, int64_t now)
{
    unsigned whole = offset & ~7u, shift = 8 * (offset & 7);

    hpet_core_advance(h, now);
    if (size == 4) {
        uint64_t old = whole == REG_STATUS ? 0 : read_whole(h, whole, now);

        /* Half of a periodic comparator: the other half is that of the period. */
        if (whole >= REG_TIMERS && whole % TN_SIZE == TN_COMPARATOR &&
            (whole - REG_TIMERS) / TN_SIZE < h->n_timers) {
            const HpetTimer *t = &h->timer[(whole - REG_TIMERS) / TN_SIZE];

            if ((t->config & TN_PERIODIC) && !(t->config & TN_SET_VALUE)) {
                old = shift ? t->period : 0;
            }
        }
        val = (old & ~(UINT64_C(0xffffffff) << shift)) | (uint64_t)(uint32_t)val << shift;
    }
    if (whole >= REG_TIMERS) {
        write_timer(h, whole, val, now);
        return;
    }
    switch (whole) {
    case REG_CONFIG:
        write_config(h, val, now);
        break;
    case REG_STATUS:
        write_status(h, val);
        break;
    case REG_COUNTER:
        /* Only while it is halted is the result defined (2.3.7); otherwise it counts on from there.
         */
        set_counter(h, val, h->running, now);
        schedule_all(h, now);
        break;
    }
}

void hpet_core_reset(HpetCore *h)
{
    if (h->config & CONFIG_LEGACY) {
        h->ops->set_legacy(h->opaque, false);
    }
    h->config = h->status = 0;
    set_counter(h, 0, false, 0);
    for (unsigned n = 0; n < h->n_timers; n++) {
        HpetTimer *t = &h->timer[n];

        if (t->line) {
            drive(h, n, false);
        }
        *t = (HpetTimer){
            .config = (uint64_t)h->routes << 32 | TN_PERIODIC_CAP | TN_64BIT_CAP |
                      (h->msi ? TN_FSB_CAP : 0),
            .comparator = UINT64_MAX,
            .due = -1,
        };
    }
}

void hpet_core_init(HpetCore *h, unsigned n_timers, uint32_t routes, bool msi, const HpetOps *ops,
                    void *opaque)
{
    memset(h, 0, sizeof(*h));
    h->n_timers = n_timers;
    h->routes = routes;
    h->msi = msi;
    h->ops = ops;
    h->opaque = opaque;
    hpet_core_reset(h);
}
