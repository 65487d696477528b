/* SPDX-License-Identifier: GPL-2.0-or-later */
/* I/O APIC (Intel 82093AA, 290566; ICH9 for the EOI register): redirection of pins to messages. */
#include "hw/intc/ioapic.h"

#define VERSION 0x20
#define ENTRY_STATUS BIT_ULL(12) /* always idle: delivery is immediate */
#define ENTRY_REMOTE_IRR BIT_ULL(14)
#define ENTRY_LEVEL BIT_ULL(15)
#define ENTRY_MASKED BIT_ULL(16)
#define ENTRY_READ_ONLY (ENTRY_STATUS | ENTRY_REMOTE_IRR)
#define ENTRY_IMPLEMENTED UINT64_C(0xff0000000001ffff)
#define DELIVERY_EXTINT 7

enum { REG_SELECT = 0x00, REG_WINDOW = 0x10, REG_EOI = 0x40 };

static unsigned delivery_mode(uint64_t e)
{
    return e >> 8 & 7;
}

/* The entry as a message (SDM volume 3, 11.11): destination and mode in the address, the rest in
 * the data. */
static MSIMessage entry_message(uint64_t e)
{
    return (MSIMessage){
        .address = 0xfee00000 | (e >> 56) << 12 | (e >> 11 & 1) << 2,
        .data = (e & 0xff) | delivery_mode(e) << 8 | (e & ENTRY_LEVEL ? BIT(15) | BIT(14) : 0),
    };
}

static void deliver(IOAPICCore *s, int pin)
{
    uint64_t e = s->redir[pin];

    /* ExtINT asks the processor to fetch the vector from the 8259s, which the board wires to it
     * directly. */
    if (delivery_mode(e) != DELIVERY_EXTINT) {
        s->ops->deliver(s->opaque, entry_message(e));
    }
}

/* A level pin sends when it is asserted, unmasked and its last message has been ended. */
static void service_level(IOAPICCore *s, int pin)
{
    uint64_t e = s->redir[pin];

    if ((e & ENTRY_LEVEL) && (s->line & BIT(pin)) && !(e & (ENTRY_MASKED | ENTRY_REMOTE_IRR))) {
        s->redir[pin] |= ENTRY_REMOTE_IRR;
        deliver(s, pin);
    }
}

void ioapic_core_set_pin(IOAPICCore *s, int pin, int level)
{
    QEMU_LOCK_GUARD(&s->lock);
    bool was;

    if (pin < 0 || pin >= IOAPIC_NUM_PINS) {
        return;
    }
    was = s->line & BIT(pin);
    s->line = level ? s->line | BIT(pin) : s->line & ~BIT(pin);
    if (!level) {
        return;
    }
    if (s->redir[pin] & ENTRY_LEVEL) {
        service_level(s, pin);
    } else if (!was && !(s->redir[pin] & ENTRY_MASKED)) {
        deliver(s, pin); /* an edge that comes while masked is lost */
    }
}

static void end_vector(IOAPICCore *s, uint8_t vector)
{
    for (int pin = 0; pin < IOAPIC_NUM_PINS; pin++) {
        if ((s->redir[pin] & 0xff) == vector && (s->redir[pin] & ENTRY_REMOTE_IRR)) {
            s->redir[pin] &= ~ENTRY_REMOTE_IRR;
            service_level(s, pin);
        }
    }
}

void ioapic_core_eoi(IOAPICCore *s, uint8_t vector)
{
    QEMU_LOCK_GUARD(&s->lock);

    end_vector(s, vector);
}

static uint32_t read_window(IOAPICCore *s)
{
    unsigned pin = (s->index - 0x10) / 2;

    switch (s->index) {
    case 0:
    case 2:
        return (uint32_t)s->id << 24;
    case 1:
        return VERSION | (IOAPIC_NUM_PINS - 1) << 16;
    }
    if (s->index < 0x10 || pin >= IOAPIC_NUM_PINS) {
        return 0;
    }
    return s->index & 1 ? s->redir[pin] >> 32 : (uint32_t)s->redir[pin];
}

static void write_entry(IOAPICCore *s, int pin, bool high, uint32_t val)
{
    uint64_t old = s->redir[pin], e;

    if (high) {
        e = (old & UINT32_MAX) | (uint64_t)val << 32;
    } else {
        e = (old & ~(uint64_t)UINT32_MAX) | (val & ~ENTRY_READ_ONLY) | (old & ENTRY_READ_ONLY);
    }
    e &= ENTRY_IMPLEMENTED;
    if (!(e & ENTRY_LEVEL)) {
        e &= ~ENTRY_REMOTE_IRR; /* guests use a trip through edge mode to clear it */
    }
    s->redir[pin] = e;
    if (s->ops->route) {
        s->ops->route(s->opaque, pin, (e & ENTRY_MASKED) || delivery_mode(e) == DELIVERY_EXTINT,
                      entry_message(e));
    }
    service_level(s, pin);
}

uint32_t ioapic_core_read(IOAPICCore *s, hwaddr offset)
{
    QEMU_LOCK_GUARD(&s->lock);

    switch (offset) {
    case REG_SELECT:
        return s->index;
    case REG_WINDOW:
        return read_window(s);
    }
    return 0;
}

void ioapic_core_write(IOAPICCore *s, hwaddr offset, uint32_t val)
{
    QEMU_LOCK_GUARD(&s->lock);

    switch (offset) {
    case REG_SELECT:
        s->index = val;
        break;
    case REG_WINDOW:
        if (s->index == 0) {
            s->id = val >> 24 & 0xf;
        } else if (s->index >= 0x10 && s->index < 0x10 + 2 * IOAPIC_NUM_PINS) {
            write_entry(s, (s->index - 0x10) / 2, s->index & 1, val);
        }
        break;
    case REG_EOI:
        end_vector(s, val);
        break;
    }
}

void ioapic_core_reset(IOAPICCore *s)
{
    QEMU_LOCK_GUARD(&s->lock);

    s->id = 0;
    s->index = 0;
    s->line = 0;
    for (int pin = 0; pin < IOAPIC_NUM_PINS; pin++) {
        s->redir[pin] = ENTRY_MASKED;
        if (s->ops->route) {
            s->ops->route(s->opaque, pin, true, entry_message(ENTRY_MASKED));
        }
    }
}

void ioapic_core_init(IOAPICCore *s, const IOAPICOps *ops, void *opaque)
{
    qemu_mutex_init(&s->lock);
    s->ops = ops;
    s->opaque = opaque;
    for (int pin = 0; pin < IOAPIC_NUM_PINS; pin++) {
        s->redir[pin] = ENTRY_MASKED;
    }
}
