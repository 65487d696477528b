/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ICH9's TCO timer: counts down in steps of 0.6 s; the first timeout sets a bit, the second resets
 * the machine unless NO_REBOOT is set in the chipset's General Control and Status register.
 */
#include "hw/watchdog/tco.h"

#include "system/watchdog.h"

enum {
    RLD = 0x00, /* 16 bits */
    DAT_IN = 0x02,
    DAT_OUT = 0x03,
    STS1 = 0x04, /* 16 bits, as the next three */
    STS2 = 0x06,
    CNT1 = 0x08,
    CNT2 = 0x0a,
    MESSAGE = 0x0c, /* two bytes */
    WDCNT = 0x0e,
    SW_IRQ_GEN = 0x10,
    TMR = 0x12, /* 16 bits */

    STS1_TIMEOUT = 1 << 3,
    STS2_SECOND_TIMEOUT = 1 << 1,
    STS2_BOOT = 1 << 2,
    CNT1_HALT = 1 << 11,
    CNT1_LOCK = 1 << 12,
    TMR_MAX = 0x3ff,
    TMR_DEFAULT = 4,
    CNT2_DEFAULT = 8,

    GCS = 0x3410,
    GCS_NO_REBOOT = 1 << 5,
};
#define TICK (600 * SCALE_MS)

static int64_t now_ns(void)
{
    return qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
}

static uint16_t ticks_left(TcoState *t)
{
    if (t->cnt1 & CNT1_HALT || !t->armed) {
        return t->left;
    }
    return MAX(aio_timer_expire_ns(t->timer) - now_ns(), 0) / TICK;
}

static void run(TcoState *t, uint16_t ticks)
{
    t->left = ticks;
    if (t->cnt1 & CNT1_HALT || !t->armed) {
        aio_timer_del(t->timer);
    } else {
        aio_timer_mod(t->timer, now_ns() + ticks * TICK);
    }
}

/* A value of 0 or 1 counts as 2: less than that was never meant to be used. */
static void reload(TcoState *t)
{
    t->second = false;
    t->armed = true;
    run(t, MAX(t->tmr, 2));
}

static void timeout(void *opaque)
{
    TcoState *t = opaque;
    bool act = false;

    qemu_mutex_lock(&t->lock);
    if (t->cnt1 & CNT1_HALT) {
        qemu_mutex_unlock(&t->lock);
        return;
    }
    t->sts1 |= STS1_TIMEOUT;
    if (t->second) {
        t->sts2 |= STS2_SECOND_TIMEOUT | STS2_BOOT;
        act = !(t->gcs & GCS_NO_REBOOT);
    }
    t->second = !t->second;
    run(t, MAX(t->tmr, 2));
    qemu_mutex_unlock(&t->lock);
    if (act) {
        watchdog_expired();
    }
}

/* --- ports
 * --------------------------------------------------------------------------------------------- */

static uint16_t read_word(TcoState *t, unsigned reg)
{
    switch (reg) {
    case RLD:
        return ticks_left(t) & TMR_MAX;
    case DAT_IN:
        return t->dat_in | t->dat_out << 8;
    case STS1:
        return t->sts1;
    case STS2:
        return t->sts2;
    case CNT1:
        return t->cnt1;
    case CNT2:
        return t->cnt2;
    case MESSAGE:
        return t->message[0] | t->message[1] << 8;
    case WDCNT:
        return t->wdcnt;
    case SW_IRQ_GEN:
        return t->irq_gen;
    case TMR:
        return t->tmr;
    }
    return 0;
}

static uint64_t tco_read(void *opaque, hwaddr offset, unsigned size)
{
    TcoState *t = opaque;
    QEMU_LOCK_GUARD(&t->lock);

    return read_word(t, offset & ~1u) >> (8 * (offset & 1)) & 0xff;
}

static void write_cnt1(TcoState *t, uint16_t val)
{
    uint16_t old = t->cnt1;

    if (old & CNT1_LOCK) { /* the lock stays, and with it the halt bit */
        val |= CNT1_LOCK;
        val = (val & ~CNT1_HALT) | (old & CNT1_HALT);
    }
    if ((old ^ val) & CNT1_HALT) {
        uint16_t left = ticks_left(t);

        t->cnt1 = val;
        run(t, left || !t->armed ? left : MAX(t->tmr, 2));
        return;
    }
    t->cnt1 = val;
}

/* val is the whole 16-bit register with the written byte in its place; bits is that byte alone. */
static void write_word(TcoState *t, unsigned reg, uint16_t val, uint16_t bits)
{
    switch (reg) {
    case RLD:
        reload(t);
        break;
    case DAT_IN:
        t->dat_in = val;
        t->dat_out = val >> 8;
        break;
    case STS1:
        t->sts1 &= ~bits; /* written 1 to clear */
        break;
    case STS2:
        t->sts2 &= ~bits;
        break;
    case CNT1:
        write_cnt1(t, val & 0x1f00);
        break;
    case CNT2:
        t->cnt2 = val;
        break;
    case MESSAGE:
        t->message[0] = val;
        t->message[1] = val >> 8;
        break;
    case WDCNT:
        t->wdcnt = val;
        break;
    case SW_IRQ_GEN:
        t->irq_gen = val & 3;
        break;
    case TMR:
        t->tmr = val & TMR_MAX;
        break;
    }
}

static void tco_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    TcoState *t = opaque;
    unsigned reg = offset & ~1u, shift = 8 * (offset & 1);
    QEMU_LOCK_GUARD(&t->lock);
    uint16_t bits = (data & 0xff) << shift;

    /* A reload is one write, however wide. */
    if (reg == RLD && shift) {
        return;
    }
    write_word(t, reg, (read_word(t, reg) & ~(0xff << shift)) | bits, bits);
}

static const MemoryRegionOps tco_ops = {
    .read = tco_read,
    .write = tco_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 1, .max_access_size = 4},
    .impl = {.min_access_size = 1, .max_access_size = 1},
};

/* --- chipset configuration registers
 * ------------------------------------------------------------------- */

static uint64_t rcba_read(void *opaque, hwaddr offset, unsigned size)
{
    TcoState *t = opaque;
    QEMU_LOCK_GUARD(&t->lock);

    return offset == GCS ? t->gcs : 0;
}

static void rcba_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    TcoState *t = opaque;
    QEMU_LOCK_GUARD(&t->lock);

    if (offset == GCS) {
        /* The strap pin has the last word. */
        t->gcs = (data & GCS_NO_REBOOT) | (t->pin_noreboot ? GCS_NO_REBOOT : 0);
    }
}

static const MemoryRegionOps rcba_ops = {
    .read = rcba_read,
    .write = rcba_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 1, .max_access_size = 4},
    .impl = {.min_access_size = 4, .max_access_size = 4},
};

/* --- life
 * ---------------------------------------------------------------------------------------------- */

void tco_init(TcoState *t, Object *owner, bool noreboot)
{
    qemu_mutex_init(&t->lock);
    t->pin_noreboot = noreboot;
    t->timer = aio_timer_new(aio_get_main(), QEMU_CLOCK_VIRTUAL, timeout, t);
    memory_region_init_io(&t->io, owner, &tco_ops, t, "sm-tco", TCO_SIZE);
    memory_region_init_io(&t->rcba, owner, &rcba_ops, t, "lpc-rcrb-mmio", 0x4000);
}

void tco_reset(TcoState *t)
{
    QEMU_LOCK_GUARD(&t->lock);

    aio_timer_del(t->timer);
    t->tmr = TMR_DEFAULT;
    t->sts1 = 0;
    t->cnt2 = CNT2_DEFAULT;
    t->sts2 &= STS2_SECOND_TIMEOUT | STS2_BOOT; /* tell why there was a reset */
    t->cnt1 = 0;
    t->armed = false; /* firmware that knows nothing of it would be reset: it begins with the first
                         reload */
    t->irq_gen = 3;
    t->dat_in = t->dat_out = t->wdcnt = 0;
    t->message[0] = t->message[1] = 0;
    t->left = 0;
    t->second = false;
    t->gcs = t->pin_noreboot ? GCS_NO_REBOOT : 0;
}
