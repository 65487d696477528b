/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 8237A's registers and transfers. */
#include "hw/isa/i8257.h"

enum {
    REG_STATUS = 8, /* read; command when written */
    REG_REQUEST = 9,
    REG_MASK_ONE = 10,
    REG_MODE = 11,
    REG_CLEAR_FLIPFLOP = 12,
    REG_MASTER_CLEAR = 13, /* written; temporary register when read */
    REG_CLEAR_MASK = 14,
    REG_MASK_ALL = 15,

    COMMAND_DISABLE = 0x04,
    MODE_DECREMENT = 0x20,
    MODE_AUTO = 0x10,
    MODE_CASCADE = 0xc0,
};

void dma_core_reset(DmaCore *d)
{
    d->mask = 0xf;
    d->request = d->command = d->status = 0;
    d->flipflop = false;
}

static uint8_t take_byte(DmaCore *d, uint16_t word)
{
    uint8_t val = d->flipflop ? word >> 8 : word;

    d->flipflop = !d->flipflop;
    return val;
}

static void put_byte(DmaCore *d, uint16_t *base, uint16_t *current, uint8_t val)
{
    *base = d->flipflop ? (*base & 0x00ff) | val << 8 : (*base & 0xff00) | val;
    *current = *base;
    d->flipflop = !d->flipflop;
}

uint8_t dma_core_read(DmaCore *d, unsigned reg)
{
    const DmaChannel *c = &d->channel[reg >> 1 & 3];
    uint8_t val;

    if (reg < REG_STATUS) {
        return take_byte(d, reg & 1 ? c->count : c->addr);
    }
    switch (reg) {
    case REG_STATUS:
        val = d->status | d->request << 4;
        d->status = 0;
        return val;
    case REG_MASK_ALL:
        return d->mask | 0xf0;
    default: /* the temporary register is used by transfers between memories only, which a PC does
                not have */
        return 0;
    }
}

void dma_core_write(DmaCore *d, unsigned reg, uint8_t val)
{
    DmaChannel *c = &d->channel[reg >> 1 & 3];

    if (reg < REG_STATUS) {
        put_byte(d, reg & 1 ? &c->base_count : &c->base_addr, reg & 1 ? &c->count : &c->addr, val);
        return;
    }
    switch (reg) {
    case REG_STATUS:
        d->command = val;
        break;
    case REG_REQUEST:
        d->request = val & 4 ? d->request | BIT(val & 3) : d->request & ~BIT(val & 3);
        break;
    case REG_MASK_ONE:
        d->mask = val & 4 ? d->mask | BIT(val & 3) : d->mask & ~BIT(val & 3);
        break;
    case REG_MODE:
        d->channel[val & 3].mode = val;
        break;
    case REG_CLEAR_FLIPFLOP:
        d->flipflop = false;
        break;
    case REG_MASTER_CLEAR:
        dma_core_reset(d);
        break;
    case REG_CLEAR_MASK:
        d->mask = 0;
        break;
    case REG_MASK_ALL:
        d->mask = val & 0xf;
        break;
    }
}

bool dma_core_ready(const DmaCore *d, unsigned channel)
{
    return !(d->command & COMMAND_DISABLE) && !(d->mask & BIT(channel)) &&
           (d->channel[channel].mode & MODE_CASCADE) != MODE_CASCADE;
}

/* The page is latched: an address that wraps stays in it. */
static uint64_t address(const DmaCore *d, const DmaChannel *c)
{
    return d->words ? (uint64_t)(c->page & 0xfe) << 16 | (uint64_t)c->addr << 1
                    : (uint64_t)c->page << 16 | c->addr;
}

static void terminal_count(DmaCore *d, DmaChannel *c, unsigned channel)
{
    d->status |= BIT(channel);
    d->request &= ~BIT(channel);
    if (c->mode & MODE_AUTO) {
        c->addr = c->base_addr;
        c->count = c->base_count;
    } else {
        d->mask |= BIT(channel);
    }
}

/* n transfers in a row.  Where nothing answers, the bus reads as ones: the chip does not notice. */
static void move(DmaCore *d, DmaChannel *c, uint8_t *p, unsigned unit, DmaMemoryFn *memory,
                 void *opaque)
{
    unsigned mode = c->mode >> 2 & 3;

    if (mode == DMA_MODE_TO_MEMORY) {
        memory(opaque, address(d, c), p, unit, true);
    } else if (mode == DMA_MODE_FROM_MEMORY && !memory(opaque, address(d, c), p, unit, false)) {
        memset(p, 0xff, unit);
    }
}

/* As many transfers as lie in a row can be one access. */
static unsigned stretch(const DmaChannel *c, unsigned left)
{
    if (c->mode & MODE_DECREMENT) {
        return 1;
    }
    return MIN(left, MIN((unsigned)c->count + 1, 0x10000u - c->addr));
}

unsigned dma_core_transfer(DmaCore *d, unsigned channel, void *buf, unsigned len, bool *tc,
                           DmaMemoryFn *memory, void *opaque)
{
    DmaChannel *c = &d->channel[channel];
    unsigned unit = d->words ? 2 : 1, done = 0;

    *tc = false;
    while (done + unit <= len && dma_core_ready(d, channel) && !*tc) {
        unsigned n = stretch(c, (len - done) / unit);

        move(d, c, (uint8_t *)buf + done, n * unit, memory, opaque);
        done += n * unit;
        c->addr = c->mode & MODE_DECREMENT ? c->addr - n : c->addr + n;
        *tc = c->count == n - 1;
        c->count -= n;
        if (*tc) {
            terminal_count(d, c, channel);
        }
    }
    return done;
}
