/* SPDX-License-Identifier: GPL-2.0-or-later */
/* I/O APIC (Intel 82093AA, 290566; ICH9 for the EOI register): redirection of pins to messages. */
#include "hw/intc/ioapic.h"

#define VERSION 0x20
#define ENTRY_STATUS BIT_ULL(12) /* always idle: delivery is immediate */
#define ENTRY_ACTIVE_LOW BIT_ULL(13)
#define ENTRY_REMOTE_IRR BIT_ULL(14)
#define ENTRY_LEVEL BIT_ULL(15)
#define ENTRY_MASKED BIT_ULL(16)
#define ENTRY_READ_ONLY (ENTRY_STATUS | ENTRY_REMOTE_IRR)
#define ENTRY_IMPLEMENTED UINT64_C(0xff0000000001ffff)
#define MESSAGE_LEVEL (BIT(15) | BIT(14))

enum { MODE_FIXED, MODE_LOWEST, MODE_SMI, MODE_NMI = 4, MODE_INIT, MODE_EXTINT = 7 };
enum { REG_SELECT = 0x00, REG_WINDOW = 0x10, REG_EOI = 0x40 };

static unsigned delivery_mode(uint64_t e)
{
    return e >> 8 & 7;
}

/* SMI, NMI, INIT and ExtINT are edges whatever the trigger mode says: no EOI answers them. */
static bool is_level(uint64_t e)
{
    return (e & ENTRY_LEVEL) && delivery_mode(e) <= MODE_LOWEST;
}

/* The entry as a message (SDM volume 3, 11.11): destination and mode in the address, the rest in
 * the data. */
static MSIMessage entry_message(uint64_t e)
{
    return (MSIMessage){
        .address = 0xfee00000 | (e >> 56) << 12 | (e >> 11 & 1) << 2,
        .data = (e & 0xff) | delivery_mode(e) << 8 | (is_level(e) ? MESSAGE_LEVEL : 0),
    };
}

/* Whether the pin's level is the one that its entry calls active. */
static bool is_active(const IOAPICCore *s, int pin, uint32_t line)
{
    bool low = s->st.redir[pin] & ENTRY_ACTIVE_LOW;
    bool high = (line ^ s->wire_low) & (UINT64_C(1) << pin);

    return high != low;
}

static void deliver(IOAPICCore *s, int pin)
{
    uint64_t e = s->st.redir[pin];

    /* ExtINT asks the processor to fetch the vector from the 8259s, which the board wires to it
     * directly. */
    if (delivery_mode(e) != MODE_EXTINT) {
        s->awaited |= s->tracked & BIT(pin);
        s->ops->deliver(s->opaque, entry_message(e));
    }
}

/* A level pin sends when it is active, unmasked and its last message has been ended. */
static void service_level(IOAPICCore *s, int pin)
{
    uint64_t e = s->st.redir[pin];

    if (is_level(e) && !(e & (ENTRY_MASKED | ENTRY_REMOTE_IRR)) && is_active(s, pin, s->st.line) &&
        !(s->paused & BIT(pin))) {
        s->st.redir[pin] |= ENTRY_REMOTE_IRR;
        deliver(s, pin);
    }
}

void ioapic_core_set_pin(IOAPICCore *s, int pin, int level)
{
    QEMU_LOCK_GUARD(&s->lock);
    uint32_t was;

    if (pin < 0 || pin >= IOAPIC_NUM_PINS) {
        return;
    }
    was = s->st.line;
    s->st.line = level ? was | BIT(pin) : was & ~BIT(pin);
    if (!is_active(s, pin, s->st.line)) {
        s->repeats[pin] = 0;
    } else if (is_level(s->st.redir[pin])) {
        service_level(s, pin);
    } else if (!is_active(s, pin, was) && !(s->st.redir[pin] & ENTRY_MASKED)) {
        deliver(s, pin); /* an edge that comes while masked is lost */
    }
}

/* A level pin whose interrupt has ended interrupts again at once if it is still active, unless it
 * does so all the time. */
static void level_ended(IOAPICCore *s, int pin)
{
    s->st.redir[pin] &= ~ENTRY_REMOTE_IRR;
    if (is_active(s, pin, s->st.line) && ++s->repeats[pin] > IOAPIC_STORM && s->ops->pause) {
        s->repeats[pin] = 0;
        s->paused |= BIT(pin);
        s->ops->pause(s->opaque);
    }
    service_level(s, pin);
}

/* True: a tracked edge was taken. */
static bool end_vector(IOAPICCore *s, uint8_t vector, bool levels)
{
    bool taken = false;

    for (int pin = 0; pin < IOAPIC_NUM_PINS; pin++) {
        if ((s->st.redir[pin] & 0xff) != vector) {
            continue;
        }
        if (levels && is_level(s->st.redir[pin]) && s->ops->ended) {
            s->ops->ended(s->opaque, pin); /* also of those that an irqfd sent past this chip */
        }
        if (s->st.redir[pin] & ENTRY_REMOTE_IRR) {
            if (levels) {
                level_ended(s, pin);
            }
        } else if (s->tracked & BIT(pin)) {
            s->awaited &= ~BIT(pin);
            s->ends_seen |= BIT(pin);
            taken = true;
        }
    }
    return taken;
}

void ioapic_core_eoi(IOAPICCore *s, uint8_t vector, bool broadcast)
{
    bool taken;

    qemu_mutex_lock(&s->lock);
    taken = end_vector(s, vector, broadcast);
    qemu_mutex_unlock(&s->lock);
    if (taken && s->taken) {
        s->taken(s->taken_opaque);
    }
}

void ioapic_core_resume(IOAPICCore *s)
{
    QEMU_LOCK_GUARD(&s->lock);
    uint32_t pins = s->paused;

    s->paused = 0;
    for (int pin = 0; pin < IOAPIC_NUM_PINS; pin++) {
        if (pins & BIT(pin)) {
            service_level(s, pin);
        }
    }
}

static uint32_t read_window(IOAPICCore *s)
{
    unsigned index = s->st.index, pin = (index - 0x10) / 2;

    switch (index) {
    case 0:
    case 2:
        return (uint32_t)s->st.id << 24;
    case 1:
        return VERSION | (IOAPIC_NUM_PINS - 1) << 16;
    }
    if (index < 0x10 || pin >= IOAPIC_NUM_PINS) {
        return 0;
    }
    return index & 1 ? s->st.redir[pin] >> 32 : (uint32_t)s->st.redir[pin];
}

static void tell_route(IOAPICCore *s, int pin)
{
    uint64_t e = s->st.redir[pin];
    MSIMessage msg = entry_message(e);

    if (s->ops->route && !(e & ENTRY_MASKED) && delivery_mode(e) != MODE_EXTINT) {
        if (s->tracked & BIT(pin)) {
            msg.data |= MESSAGE_LEVEL; /* only this makes KVM tell the end */
        }
        s->ops->route(s->opaque, pin, true, msg);
    }
}

static void write_entry(IOAPICCore *s, int pin, bool high, uint32_t val)
{
    uint64_t old = s->st.redir[pin], e;

    if (high) {
        e = (old & UINT32_MAX) | (uint64_t)val << 32;
    } else {
        e = (old & ~(uint64_t)UINT32_MAX) | (val & ~ENTRY_READ_ONLY) | (old & ENTRY_READ_ONLY);
    }
    e &= ENTRY_IMPLEMENTED;
    if (!is_level(e)) {
        e &= ~ENTRY_REMOTE_IRR; /* guests use a trip through edge mode to clear it */
    }
    s->st.redir[pin] = e;
    /* The route first: what is sent next must find it in force. */
    tell_route(s, pin);
    service_level(s, pin);
}

uint32_t ioapic_core_read(IOAPICCore *s, hwaddr offset)
{
    QEMU_LOCK_GUARD(&s->lock);

    switch (offset) {
    case REG_SELECT:
        return s->st.index;
    case REG_WINDOW:
        return read_window(s);
    }
    return 0;
}

void ioapic_core_write(IOAPICCore *s, hwaddr offset, uint32_t val)
{
    QEMU_LOCK_GUARD(&s->lock);
    unsigned index = s->st.index;

    switch (offset) {
    case REG_SELECT:
        s->st.index = val;
        break;
    case REG_WINDOW:
        if (index == 0) {
            s->st.id = val >> 24 & 0xf;
        } else if (index >= 0x10 && index < 0x10 + 2 * IOAPIC_NUM_PINS) {
            write_entry(s, (index - 0x10) / 2, index & 1, val);
        }
        break;
    case REG_EOI:
        __atomic_store_n(&s->eoi_register_used, true, __ATOMIC_RELAXED);
        end_vector(s, val, true);
        break;
    }
}

void ioapic_core_get(IOAPICCore *s, IOAPICState *state)
{
    QEMU_LOCK_GUARD(&s->lock);

    *state = s->st;
}

void ioapic_core_set(IOAPICCore *s, const IOAPICState *state)
{
    QEMU_LOCK_GUARD(&s->lock);

    s->st = *state;
    s->awaited = s->paused = 0;
    memset(s->repeats, 0, sizeof(s->repeats));
    __atomic_store_n(&s->eoi_register_used, false, __ATOMIC_RELAXED);
    for (int pin = 0; pin < IOAPIC_NUM_PINS; pin++) {
        if (s->ops->route) {
            s->ops->route(s->opaque, pin, false, entry_message(s->st.redir[pin]));
        }
        tell_route(s, pin);
    }
}

bool ioapic_core_unmasked(IOAPICCore *s, int pin)
{
    QEMU_LOCK_GUARD(&s->lock);

    return !(s->st.redir[pin] & ENTRY_MASKED) && delivery_mode(s->st.redir[pin]) != MODE_EXTINT;
}

bool ioapic_core_awaiting(IOAPICCore *s, int pin)
{
    QEMU_LOCK_GUARD(&s->lock);

    /* Where ends are never told (a virtual APIC that takes edges on its own), messages count as
     * taken. */
    return s->awaited & s->ends_seen & BIT(pin);
}

IOAPICState ioapic_power_on(void)
{
    IOAPICState st = {0};

    for (int pin = 0; pin < IOAPIC_NUM_PINS; pin++) {
        st.redir[pin] = ENTRY_MASKED;
    }
    return st;
}

void ioapic_core_init(IOAPICCore *s, const IOAPICOps *ops, void *opaque)
{
    memset(s, 0, sizeof(*s));
    qemu_mutex_init(&s->lock);
    s->ops = ops;
    s->opaque = opaque;
    s->st = ioapic_power_on();
    s->wire_low = IOAPIC_PCI_PINS;
}
