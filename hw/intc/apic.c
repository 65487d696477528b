/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A local APIC (Intel SDM volume 3, chapter 11): acceptance, priorities, registers. */
#include "hw/intc/apic.h"
#include "hw/intc/apic_timer.h"

#define VERSION \
    (0x14 | (APIC_LVTS - 1) << 16 | BIT(24)) /* bit 24: EOI broadcast can be suppressed */
#define SVR_ENABLE BIT(8)
#define SVR_NO_BROADCAST BIT(12)
#define LVT_MASKED BIT(16)
#define LVT_PENDING BIT(12)

enum { ESR_SEND_ILLEGAL = 0x20, ESR_RECEIVE_ILLEGAL = 0x40, ESR_ILLEGAL_REGISTER = 0x80 };

/* --- bits of vectors: 8 words of 32 */

static void set_bit(uint32_t *words, uint8_t v)
{
    words[v / 32] |= BIT(v % 32);
}

static void clear_bit(uint32_t *words, uint8_t v)
{
    words[v / 32] &= ~BIT(v % 32);
}

static bool test_bit(const uint32_t *words, uint8_t v)
{
    return words[v / 32] & BIT(v % 32);
}

static int highest_bit(const uint32_t *words)
{
    for (int n = 7; n >= 0; n--) {
        if (words[n]) {
            return n * 32 + 31 - __builtin_clz(words[n]);
        }
    }
    return -1;
}

/* --- state */

static uint64_t base_of(const ApicCore *a)
{
    return __atomic_load_n(&a->base, __ATOMIC_RELAXED);
}

static bool is_x2apic(const ApicCore *a)
{
    return base_of(a) & APIC_BASE_X2APIC;
}

static bool software_enabled(const ApicCore *a)
{
    return (base_of(a) & APIC_BASE_ENABLE) && (a->svr & SVR_ENABLE);
}

static uint8_t ppr(const ApicCore *a)
{
    int serving = highest_bit(a->isr);
    uint8_t class = serving >= 0 ? serving & 0xf0 : 0;

    return (a->tpr & 0xf0) >= class ? a->tpr : class;
}

static int pending(const ApicCore *a)
{
    int v = software_enabled(a) ? highest_bit(a->irr) : -1;

    return v >= 0 && (v & 0xf0) > (ppr(a) & 0xf0) ? v : -1;
}

int apic_pending(ApicCore *a)
{
    QEMU_LOCK_GUARD(&a->lock);

    return pending(a);
}

int apic_take(ApicCore *a)
{
    QEMU_LOCK_GUARD(&a->lock);
    int v = pending(a);

    if (v >= 0) {
        clear_bit(a->irr, v);
        set_bit(a->isr, v);
    }
    return v;
}

uint8_t apic_priority(ApicCore *a)
{
    QEMU_LOCK_GUARD(&a->lock);

    return ppr(a);
}

bool apic_accepts_pic(ApicCore *a)
{
    QEMU_LOCK_GUARD(&a->lock);
    uint32_t lint0 = a->lvt[APIC_LVT_LINT0];

    if (!(base_of(a) & APIC_BASE_ENABLE)) {
        return true; /* LINT0 is the processor's INTR pin */
    }
    return !(lint0 & LVT_MASKED) && (lint0 >> 8 & 7) == APIC_EXTINT;
}

/* --- accepting */

static void add_errors(ApicCore *a, uint32_t errors);

/* Fixed vectors under the lock; true: the processor is to look. */
static bool accept_fixed(ApicCore *a, uint8_t vector, bool level)
{
    if (!software_enabled(a)) {
        return false;
    }
    if (vector < 16) {
        add_errors(a, ESR_RECEIVE_ILLEGAL);
        return pending(a) >= 0;
    }
    set_bit(a->irr, vector);
    if (level) {
        set_bit(a->tmr, vector);
    } else {
        clear_bit(a->tmr, vector);
    }
    return pending(a) >= 0;
}

static void add_errors(ApicCore *a, uint32_t errors)
{
    uint32_t lvt = a->lvt[APIC_LVT_ERROR];

    a->errors |= errors;
    if (!(lvt & LVT_MASKED) && (lvt & 0xff) >= 16) {
        accept_fixed(a, lvt & 0xff, false);
    }
}

void apic_accept(ApicCore *a, ApicMode mode, uint8_t vector, bool level)
{
    bool look = true;

    if (mode == APIC_FIXED || mode == APIC_LOWEST) {
        qemu_mutex_lock(&a->lock);
        look = accept_fixed(a, vector, level);
        qemu_mutex_unlock(&a->lock);
        mode = APIC_FIXED;
    } else if (!(base_of(a) & APIC_BASE_ENABLE) && mode != APIC_INIT && mode != APIC_STARTUP) {
        return;
    }
    if (look) {
        a->ops->attention(a->opaque, mode, vector);
    }
}

/* What the entry n of the local vector table says becomes of its event.  Not under the lock. */
void apic_local_event(ApicCore *a, unsigned n)
{
    uint32_t lvt;
    bool on;

    qemu_mutex_lock(&a->lock);
    lvt = a->lvt[n];
    on = base_of(a) & APIC_BASE_ENABLE;
    qemu_mutex_unlock(&a->lock);
    if (on && !(lvt & LVT_MASKED) && (lvt >> 8 & 7) != APIC_EXTINT) {
        apic_accept(a, n == APIC_LVT_TIMER || n == APIC_LVT_ERROR ? APIC_FIXED : lvt >> 8 & 7,
                    lvt & 0xff, false);
    }
}

void apic_local_pin(ApicCore *a, int pin)
{
    apic_local_event(a, pin ? APIC_LVT_LINT1 : APIC_LVT_LINT0);
}

bool apic_matches(ApicCore *a, uint32_t dest, bool logical)
{
    QEMU_LOCK_GUARD(&a->lock);

    if (!logical) {
        return dest == a->id || dest == (is_x2apic(a) ? UINT32_MAX : 0xff);
    }
    if (is_x2apic(a)) {
        return dest == UINT32_MAX || (dest >> 16 == a->ldr >> 16 && (dest & a->ldr & 0xffff));
    }
    if (dest > 0xff) {
        return dest == UINT32_MAX;
    }
    if (a->dfr >> 28 == 0xf) {
        return dest & (a->ldr >> 24);
    }
    return (dest >> 4 == 0xf || dest >> 4 == a->ldr >> 28) && (dest & (a->ldr >> 24) & 0xf);
}

/* --- registers */

/* What was decided under the lock and is done without it. */
typedef struct Deferred {
    bool send, ended, broadcast, look;
    uint8_t vector;
    uint64_t icr;
} Deferred;

static uint32_t common_read(ApicCore *a, unsigned reg, int64_t now)
{
    switch (reg) {
    case APIC_REG_VERSION:
        return VERSION;
    case APIC_REG_TPR:
        return a->tpr;
    case APIC_REG_APR:
    case APIC_REG_PPR:
        return ppr(a);
    case APIC_REG_LDR:
        return a->ldr;
    case APIC_REG_SVR:
        return a->svr;
    case APIC_REG_ISR ... APIC_REG_ISR + 7:
        return a->isr[reg - APIC_REG_ISR];
    case APIC_REG_TMR ... APIC_REG_TMR + 7:
        return a->tmr[reg - APIC_REG_TMR];
    case APIC_REG_IRR ... APIC_REG_IRR + 7:
        return a->irr[reg - APIC_REG_IRR];
    case APIC_REG_ESR:
        return a->esr;
    case APIC_REG_ICR:
        return a->icr;
    case APIC_REG_LVT ... APIC_REG_LVT + APIC_LVTS - 1:
        return a->lvt[reg - APIC_REG_LVT];
    case APIC_REG_INITIAL:
        return a->initial_count;
    case APIC_REG_CURRENT:
        return apic_timer_count(a, now);
    case APIC_REG_DIVIDE:
        return a->divide;
    }
    return 0;
}

static void write_svr(ApicCore *a, uint32_t val)
{
    a->svr = val & (0xff | SVR_ENABLE | BIT(9) | SVR_NO_BROADCAST);
    if (!(val & SVR_ENABLE)) {
        for (unsigned n = 0; n < APIC_LVTS; n++) {
            a->lvt[n] |= LVT_MASKED;
        }
    }
}

static void write_lvt(ApicCore *a, unsigned n, uint32_t val, int64_t now)
{
    static const uint32_t writable[APIC_LVTS] = {
        [APIC_LVT_TIMER] = 0x700ff, [APIC_LVT_THERMAL] = 0x107ff, [APIC_LVT_PERF] = 0x107ff,
        [APIC_LVT_LINT0] = 0x1a7ff, [APIC_LVT_LINT1] = 0x1a7ff,   [APIC_LVT_ERROR] = 0x100ff,
    };
    uint32_t old = a->lvt[n];

    val &= writable[n];
    if (!(a->svr & SVR_ENABLE)) {
        val |= LVT_MASKED;
    }
    a->lvt[n] = val;
    if (n == APIC_LVT_TIMER) {
        apic_timer_mode_changed(a, old, now);
    }
}

static void end_of_interrupt(ApicCore *a, Deferred *d)
{
    int v = highest_bit(a->isr);

    if (v < 0) {
        return;
    }
    clear_bit(a->isr, v);
    d->ended = true;
    d->vector = v;
    d->broadcast = test_bit(a->tmr, v) && !(a->svr & SVR_NO_BROADCAST);
    d->look = pending(a) >= 0;
}

/* False: there is no such register to write. */
static bool common_write(ApicCore *a, unsigned reg, uint32_t val, int64_t now, Deferred *d)
{
    switch (reg) {
    case APIC_REG_TPR:
        a->tpr = val & 0xff;
        d->look = pending(a) >= 0;
        return true;
    case APIC_REG_EOI:
        end_of_interrupt(a, d);
        return true;
    case APIC_REG_SVR:
        write_svr(a, val);
        d->look = pending(a) >= 0;
        return true;
    case APIC_REG_ESR:
        a->esr = a->errors;
        a->errors = 0;
        return true;
    case APIC_REG_LVT ... APIC_REG_LVT + APIC_LVTS - 1:
        write_lvt(a, reg - APIC_REG_LVT, val, now);
        return true;
    case APIC_REG_INITIAL:
        apic_timer_start(a, val, now);
        return true;
    case APIC_REG_DIVIDE:
        apic_timer_divide(a, val & 0xb, now);
        return true;
    }
    return false;
}

static void send(ApicCore *a, uint64_t icr)
{
    ApicMode mode = icr >> 8 & 7;
    bool x2 = is_x2apic(a), assert = icr & BIT(14);
    uint32_t dest = x2 ? icr >> 32 : icr >> 56;

    if (mode == APIC_INIT && !assert) {
        return; /* synchronises arbitration ids, which there are none of */
    }
    apic_bus_send(a, dest, icr & BIT(11), x2, mode, icr & 0xff, false, icr >> 18 & 3);
}

static void write_icr(ApicCore *a, uint64_t icr, Deferred *d)
{
    unsigned mode = icr >> 8 & 7;

    a->icr = icr & ~(uint64_t)BIT(12); /* delivery is immediate */
    if ((mode == APIC_FIXED || mode == APIC_LOWEST) && (icr & 0xff) < 16) {
        add_errors(a, ESR_SEND_ILLEGAL);
        d->look = pending(a) >= 0;
        return;
    }
    d->send = true;
    d->icr = icr;
}

static void carry_out(ApicCore *a, const Deferred *d)
{
    if (d->send) {
        send(a, d->icr);
    }
    if (d->ended) {
        a->ops->ended(a->opaque, d->vector, d->broadcast);
    }
    if (d->look) {
        a->ops->attention(a->opaque, APIC_FIXED, 0);
    }
}

uint32_t apic_mmio_read(ApicCore *a, unsigned reg, int64_t now)
{
    QEMU_LOCK_GUARD(&a->lock);

    switch (reg) {
    case APIC_REG_ID:
        return a->id << 24;
    case APIC_REG_DFR:
        return a->dfr;
    case APIC_REG_ICR2:
        return a->icr >> 32;
    }
    return common_read(a, reg, now);
}

void apic_mmio_write(ApicCore *a, unsigned reg, uint32_t val, int64_t now)
{
    Deferred d = {0};

    qemu_mutex_lock(&a->lock);
    switch (reg) {
    case APIC_REG_LDR:
        a->ldr = val & 0xff000000;
        break;
    case APIC_REG_DFR:
        a->dfr = val | 0x0fffffff;
        break;
    case APIC_REG_ICR2:
        a->icr = (a->icr & UINT32_MAX) | (uint64_t)(val & 0xff000000) << 32;
        break;
    case APIC_REG_ICR:
        write_icr(a, (a->icr & ~(uint64_t)UINT32_MAX) | (val & 0xccfff), &d);
        break;
    default:
        if (!common_write(a, reg, val, now, &d)) {
            add_errors(a, ESR_ILLEGAL_REGISTER);
            d.look = pending(a) >= 0;
        }
        break;
    }
    qemu_mutex_unlock(&a->lock);
    carry_out(a, &d);
}

/* Registers that x2APIC mode has for reading (SDM table 11-6). */
static bool msr_readable(unsigned reg)
{
    switch (reg) {
    case APIC_REG_ID:
    case APIC_REG_VERSION:
    case APIC_REG_TPR:
    case APIC_REG_PPR:
    case APIC_REG_LDR:
    case APIC_REG_SVR:
    case APIC_REG_ISR ... APIC_REG_ESR:
    case APIC_REG_ICR:
    case APIC_REG_LVT ... APIC_REG_LVT + APIC_LVTS - 1:
    case APIC_REG_INITIAL:
    case APIC_REG_CURRENT:
    case APIC_REG_DIVIDE:
        return true;
    }
    return false;
}

bool apic_msr_read(ApicCore *a, unsigned reg, uint64_t *val, int64_t now)
{
    QEMU_LOCK_GUARD(&a->lock);

    if (!is_x2apic(a) || !msr_readable(reg)) {
        return false;
    }
    *val = reg == APIC_REG_ID ? a->id : reg == APIC_REG_ICR ? a->icr : common_read(a, reg, now);
    return true;
}

bool apic_msr_write(ApicCore *a, unsigned reg, uint64_t val, int64_t now)
{
    Deferred d = {0};
    bool ok = is_x2apic(a);

    qemu_mutex_lock(&a->lock);
    if (reg == APIC_REG_ICR) {
        write_icr(a, val, &d);
    } else if (reg == APIC_REG_SELF_IPI) {
        ok = ok && val <= 0xff;
        write_icr(a, BIT(18) | (val & 0xff), &d);
    } else if (val > UINT32_MAX || ((reg == APIC_REG_EOI || reg == APIC_REG_ESR) && val)) {
        ok = false;
    } else {
        ok = ok && common_write(a, reg, val, now, &d);
    }
    qemu_mutex_unlock(&a->lock);
    if (ok) {
        carry_out(a, &d);
    }
    return ok;
}

void apic_set_cr8(ApicCore *a, uint8_t cr8)
{
    QEMU_LOCK_GUARD(&a->lock);

    if (a->tpr >> 4 != cr8) {
        a->tpr = cr8 << 4;
    }
}

uint8_t apic_cr8(ApicCore *a)
{
    QEMU_LOCK_GUARD(&a->lock);

    return a->tpr >> 4;
}

/* --- life */

void apic_set_base(ApicCore *a, uint64_t base)
{
    if (base_of(a) == base) {
        return;
    }
    QEMU_LOCK_GUARD(&a->lock);
    if ((base & APIC_BASE_X2APIC) && !is_x2apic(a)) {
        a->ldr = (a->id >> 4) << 16 | BIT(a->id & 0xf);
    }
    __atomic_store_n(&a->base, base, __ATOMIC_RELAXED);
}

void apic_reset(ApicCore *a, bool init)
{
    QEMU_LOCK_GUARD(&a->lock);

    if (!init) {
        a->base = APIC_DEFAULT_ADDRESS | APIC_BASE_ENABLE | (a->base & APIC_BASE_BSP);
    }
    a->tpr = a->esr = a->errors = 0;
    a->ldr = is_x2apic(a) ? (a->id >> 4) << 16 | BIT(a->id & 0xf) : 0;
    a->dfr = UINT32_MAX;
    a->svr = 0xff;
    memset(a->irr, 0, sizeof(a->irr));
    memset(a->isr, 0, sizeof(a->isr));
    memset(a->tmr, 0, sizeof(a->tmr));
    a->icr = 0;
    for (unsigned n = 0; n < APIC_LVTS; n++) {
        a->lvt[n] = LVT_MASKED;
    }
    if (!init && (a->base & APIC_BASE_BSP)) {
        /* Virtual wire: the 8259 pair reaches the boot processor before software does anything. */
        a->lvt[APIC_LVT_LINT0] = APIC_EXTINT << 8;
    }
    a->divide = 0;
    apic_timer_stop(a);
}

void apic_init(ApicCore *a, uint32_t id, bool bsp, const ApicOps *ops, void *opaque)
{
    memset(a, 0, sizeof(*a));
    qemu_mutex_init(&a->lock);
    a->id = id;
    a->ops = ops;
    a->opaque = opaque;
    a->base = bsp ? APIC_BASE_BSP : 0;
    apic_reset(a, false);
}
