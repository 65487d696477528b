/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 8259A pair: initialisation and operation words, priorities, level and edge inputs (Intel 8259A
 * data sheet, 231468; ICH9 data sheet, 5.8 and 13.4).
 *
 * Where the two differ the south bridge counts: ICW1's LTIM bit does nothing, since ELCR chooses
 * edge or level for each input.  An edge stays latched until it is acknowledged, and so does the
 * slave's request at the master: a slave's input that goes away meanwhile shows as interrupt 15.
 */
#include "hw/intc/i8259.h"

#define CASCADE 2

/* The input of highest priority in mask, or -1; *rank is its distance from the top. */
static int highest(const Pic *c, uint8_t mask, int *rank)
{
    for (int n = 0; n < 8; n++) {
        int irq = (c->lowest + 1 + n) & 7;

        if (mask & BIT(irq)) {
            *rank = n;
            return irq;
        }
    }
    *rank = 8;
    return -1;
}

/* The input that the chip requests service for now, or -1. */
static int requested(const Pic *c)
{
    uint8_t serving = c->isr;
    int want_rank, serving_rank;
    int irq = highest(c, c->irr & ~c->imr, &want_rank);

    if (c->special_mask) {
        serving &= ~c->imr; /* a masked level in service holds nobody back */
    }
    if (c->master && c->fully_nested) {
        serving &= ~BIT(CASCADE); /* the slave may have something more urgent */
    }
    highest(c, serving, &serving_rank);
    return want_rank < serving_rank ? irq : -1;
}

/* Input n of chip c is where the slave's INT arrives. */
static bool is_cascade(const Pic *c, int n)
{
    return c->master && !c->single && n == CASCADE;
}

static bool is_level(const Pic *c, int n)
{
    return c->elcr & BIT(n);
}

static void chip_set_input(Pic *c, int n, int level)
{
    uint8_t bit = BIT(n);

    if (is_level(c, n)) {
        c->irr = level ? c->irr | bit : c->irr & ~bit;
    } else if (level && !(c->line & bit)) {
        c->irr |= bit;
    }
    c->line = level ? c->line | bit : c->line & ~bit;
}

/* Carries the slave's request to the master and the master's to the processor. */
static void update(PicPair *p)
{
    int level;

    if (requested(&p->chip[1]) >= 0) {
        p->chip[0].irr |= BIT(CASCADE);
    }
    level = requested(&p->chip[0]) >= 0;
    if (level != p->int_level) {
        p->int_level = level;
        p->out(p->opaque, level);
    }
}

void pic_pair_set_irq(PicPair *p, int n, int level)
{
    QEMU_LOCK_GUARD(&p->lock);

    if (n < 0 || n > 15 || n == CASCADE) {
        return;
    }
    chip_set_input(&p->chip[n >> 3], n & 7, level);
    update(p);
}

static void chip_ack(Pic *c, int n)
{
    if (c->auto_eoi) {
        if (c->rotate_auto) {
            c->lowest = n;
        }
    } else {
        c->isr |= BIT(n);
    }
    if (!is_level(c, n)) {
        c->irr &= ~BIT(n);
    }
}

/* Acknowledges on one chip; input 7 stands for a request that went away meanwhile. */
static int chip_acknowledge(Pic *c)
{
    int n = requested(c);

    if (n < 0) {
        return 7;
    }
    chip_ack(c, n);
    return n;
}

/* Not under the lock: whoever hears it may raise the input again at once. */
static void tell_acked(PicPair *p, int n)
{
    if (p->acked) {
        p->acked(p->acked_opaque, n);
    }
}

int pic_pair_ack(PicPair *p)
{
    int n, vector;

    qemu_mutex_lock(&p->lock);
    n = requested(&p->chip[0]);
    if (n >= 0 && is_cascade(&p->chip[0], n)) {
        chip_ack(&p->chip[0], CASCADE);
        n = chip_acknowledge(&p->chip[1]);
        vector = p->chip[1].vector_base + n;
        n += 8;
    } else {
        n = chip_acknowledge(&p->chip[0]);
        vector = p->chip[0].vector_base + n;
    }
    update(p);
    qemu_mutex_unlock(&p->lock);
    tell_acked(p, n);
    return vector;
}

/* --- registers */

Pic pic_power_on(int n)
{
    /* Timer, keyboard, cascade, RTC and the coprocessor are edge sources whatever software says. */
    return (Pic){.lowest = 7, .elcr_mask = n ? 0xde : 0xf8, .master = n == 0};
}

/* ICW1 begins initialisation: edges that came before are forgotten, level inputs are seen again at
 * once. */
static void begin_init(Pic *c, uint8_t val)
{
    uint8_t line = c->line, elcr = c->elcr;

    *c = pic_power_on(!c->master);
    c->line = line;
    c->elcr = elcr;
    c->need_icw4 = val & 1;
    c->single = val & 2;
    c->icw_step = 2;
    c->irr = line & elcr;
}

static void end_of_interrupt(Pic *c, int n, bool rotate)
{
    if (n >= 0) {
        c->isr &= ~BIT(n);
        if (rotate) {
            c->lowest = n;
        }
    }
}

static int in_service(const Pic *c)
{
    int rank;

    /* In special mask mode a non-specific end does not touch masked levels. */
    return highest(c, c->special_mask ? c->isr & ~c->imr : c->isr, &rank);
}

static void operation_word_2(Pic *c, uint8_t val)
{
    int n = val & 7;

    switch (val >> 5) {
    case 0:
        c->rotate_auto = false;
        break;
    case 1:
        end_of_interrupt(c, in_service(c), false);
        break;
    case 2:
        break; /* no operation */
    case 3:
        end_of_interrupt(c, n, false);
        break;
    case 4:
        c->rotate_auto = true;
        break;
    case 5:
        end_of_interrupt(c, in_service(c), true);
        break;
    case 6:
        c->lowest = n;
        break;
    case 7:
        end_of_interrupt(c, n, true);
        break;
    }
}

static void operation_word_3(Pic *c, uint8_t val)
{
    if (val & 4) {
        c->poll = true;
    }
    if (val & 2) {
        c->read_isr = val & 1;
    }
    if (val & 0x40) {
        c->special_mask = val & 0x20;
    }
}

static void write_data(Pic *c, uint8_t val)
{
    switch (c->icw_step) {
    case 0:
        c->imr = val;
        break;
    case 2:
        c->vector_base = val & 0xf8;
        c->icw_step = !c->single ? 3 : c->need_icw4 ? 4 : 0;
        break;
    case 3: /* wiring of the cascade: fixed on this board */
        c->icw_step = c->need_icw4 ? 4 : 0;
        break;
    case 4:
        c->auto_eoi = val & 2;
        c->fully_nested = val & 0x10;
        c->icw_step = 0;
        break;
    }
}

void pic_pair_write(PicPair *p, int chip, int port, uint8_t val)
{
    QEMU_LOCK_GUARD(&p->lock);
    Pic *c = &p->chip[chip];

    if (port == 1) {
        write_data(c, val);
    } else if (val & 0x10) {
        begin_init(c, val);
    } else if (val & 8) {
        operation_word_3(c, val);
    } else {
        operation_word_2(c, val);
    }
    update(p);
}

/* The poll command's answer: acknowledges like the processor does; *n: the input, -1: none. */
static uint8_t poll(PicPair *p, int chip, int *acked)
{
    Pic *c = &p->chip[chip];
    int n = requested(c);

    c->poll = false;
    if (n < 0) {
        return 0;
    }
    chip_ack(c, n);
    update(p);
    *acked = is_cascade(c, n) ? -1 : chip * 8 + n;
    return 0x80 | n;
}

uint8_t pic_pair_read(PicPair *p, int chip, int port)
{
    Pic *c = &p->chip[chip];
    int acked = -1;
    uint8_t val;

    qemu_mutex_lock(&p->lock);
    if (c->poll) {
        val = poll(p, chip, &acked);
    } else if (port == 1) {
        val = c->imr;
    } else {
        val = c->read_isr ? c->isr : c->irr;
    }
    qemu_mutex_unlock(&p->lock);
    if (acked >= 0) {
        tell_acked(p, acked);
    }
    return val;
}

uint8_t pic_pair_read_elcr(PicPair *p, int chip)
{
    QEMU_LOCK_GUARD(&p->lock);

    return p->chip[chip].elcr;
}

void pic_pair_write_elcr(PicPair *p, int chip, uint8_t val)
{
    QEMU_LOCK_GUARD(&p->lock);
    Pic *c = &p->chip[chip];

    c->elcr = val & c->elcr_mask;
    for (int n = 0; n < 8; n++) {
        if (is_level(c, n)) {
            c->irr = (c->irr & ~BIT(n)) | (c->line & BIT(n));
        }
    }
    update(p);
}

void pic_pair_get(PicPair *p, Pic chip[2])
{
    QEMU_LOCK_GUARD(&p->lock);

    memcpy(chip, p->chip, sizeof(p->chip));
}

void pic_pair_set(PicPair *p, const Pic chip[2])
{
    QEMU_LOCK_GUARD(&p->lock);

    memcpy(p->chip, chip, sizeof(p->chip));
    update(p);
}

bool pic_pair_requesting(PicPair *p, int n)
{
    QEMU_LOCK_GUARD(&p->lock);

    return p->chip[n >> 3].irr & BIT(n & 7);
}

bool pic_pair_unmasked(PicPair *p, int n)
{
    QEMU_LOCK_GUARD(&p->lock);

    return !(p->chip[n >> 3].imr & BIT(n & 7)) && (n < 8 || !(p->chip[0].imr & BIT(CASCADE)));
}

void pic_pair_reset(PicPair *p)
{
    Pic chip[2] = {pic_power_on(0), pic_power_on(1)};

    pic_pair_set(p, chip);
}

void pic_pair_init(PicPair *p, void (*out)(void *opaque, int level), void *opaque)
{
    qemu_mutex_init(&p->lock);
    p->out = out;
    p->opaque = opaque;
    p->int_level = 0;
    p->acked = NULL;
    p->chip[0] = pic_power_on(0);
    p->chip[1] = pic_power_on(1);
}
