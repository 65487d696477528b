/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * I/O APIC with 24 pins, version 0x20 (with EOI register).
 *
 * A plain structure with a lock of its own; any thread.  The callbacks run under the lock.  Devices
 * say whether a pin is asserted; wire_low says at which pins that is a low level on the wire, which
 * is what an entry's polarity bit is about.
 */
#ifndef HW_INTC_IOAPIC_H
#define HW_INTC_IOAPIC_H

#include "hw/pci/pci.h"
#include "qemu/thread.h"

#define TYPE_IOAPIC_COMMON "ioapic-common"
#define TYPE_IOAPIC "ioapic"
#define TYPE_KVM_IOAPIC "kvm-ioapic"
#define IOAPIC_NUM_PINS 24
#define IOAPIC_DEFAULT_ADDRESS 0xfec00000
/* Global interrupts 16 to 23 are PCI's, active low (ACPI 6.4, 6.2.13); the lower ones are ISA's. */
#define IOAPIC_PCI_PINS 0xff0000u
/* So many times in a row a pin may interrupt again as soon as its interrupt ended; then it pauses,
 * so that a guest whose handler does not calm the device gets on. */
#define IOAPIC_STORM 10000

typedef struct IOAPICState {
    uint8_t id, index;
    uint32_t line; /* asserted pins */
    uint64_t redir[IOAPIC_NUM_PINS];
} IOAPICState;

typedef struct IOAPICOps {
    /* A message to the local APICs. */
    void (*deliver)(void *opaque, MSIMessage msg);
    /* Pin's entry changed: what it will send; present false: nothing (reset).  A masked entry keeps
     * its last message: the end of an interrupt that it sent before must still be heard.  May be
     * NULL. */
    void (*route)(void *opaque, int pin, bool present, MSIMessage msg);
    /* A level pin's interrupt ended (whatever became of it): whoever drives the pin looks whether
     * it is still asserted.  May be NULL. */
    void (*ended)(void *opaque, int pin);
    /* Call ioapic_core_resume() in some milliseconds.  May be NULL: no limit on storms. */
    void (*pause)(void *opaque);
} IOAPICOps;

typedef struct IOAPICCore {
    QemuMutex lock;
    IOAPICState st;                    /* lock */
    uint32_t wire_low;                 /* fixed: pins that are asserted by a low level */
    uint32_t tracked;                  /* fixed: edge pins whose messages' ends are asked for */
    uint32_t awaited;                  /* lock: tracked pins whose last message has not ended */
    uint32_t ends_seen;                /* lock: tracked pins for which an end was ever heard */
    uint32_t paused;                   /* lock: pins in a storm */
    uint32_t repeats[IOAPIC_NUM_PINS]; /* lock */
    bool eoi_register_used;            /* atomic: software ends interrupts by the EOI register */
    const IOAPICOps *ops;
    void *opaque;
    /* The message that an edge of a tracked pin sent was taken and ended.  Not under the lock. May be
     * NULL. */
    void (*taken)(void *opaque);
    void *taken_opaque;
} IOAPICCore;

void ioapic_core_init(IOAPICCore *s, const IOAPICOps *ops, void *opaque);
void ioapic_core_set_pin(IOAPICCore *s, int pin, int level);
/* A local APIC ended vector; broadcast false: level pins do not hear of it, since software ends them by
 * the EOI register (or it was an edge). */
void ioapic_core_eoi(IOAPICCore *s, uint8_t vector, bool broadcast);
/* Pins that paused in a storm go on. */
void ioapic_core_resume(IOAPICCore *s);
uint32_t ioapic_core_read(IOAPICCore *s, hwaddr offset);
void ioapic_core_write(IOAPICCore *s, hwaddr offset, uint32_t val);
void ioapic_core_get(IOAPICCore *s, IOAPICState *state);
void ioapic_core_set(IOAPICCore *s, const IOAPICState *state);
IOAPICState ioapic_power_on(void);
/* True if an edge at the pin would send a message; true if a tracked pin's last one has not ended.
 */
bool ioapic_core_unmasked(IOAPICCore *s, int pin);
bool ioapic_core_awaiting(IOAPICCore *s, int pin);

/* --- devices: one base with state and reset, a chip in the emulator, KVM's */

typedef struct IOAPICCommon {
    SysBusDevice parent_obj;
    unsigned gsi_base; /* global interrupt of pin 0; set before realize */
    IOAPICCore core; /* the emulator's chip; unused by KVM's */
} IOAPICCommon;
#define IOAPIC_COMMON(obj) ((IOAPICCommon *)(obj))

typedef struct IOAPICCommonClass {
    DeviceClass parent_class;
    void (*get)(IOAPICCommon *s, IOAPICState *state);
    void (*set)(IOAPICCommon *s, const IOAPICState *state);
} IOAPICCommonClass;
#define IOAPIC_COMMON_GET_CLASS(obj) ((IOAPICCommonClass *)object_get_class(obj))

#endif
