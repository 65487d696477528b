/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * I/O APIC with 24 pins, version 0x20 (with EOI register).
 *
 * A plain structure with a lock of its own; any thread.  The callbacks run under the lock.  Pins
 * take logical levels: 1 means asserted, whatever polarity software programs for the wire.
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

typedef struct IOAPICOps {
    /* A message to the local APICs. */
    void (*deliver)(void *opaque, MSIMessage msg);
    /* Pin's entry changed: what it will send, or masked.  May be NULL. */
    void (*route)(void *opaque, int pin, bool masked, MSIMessage msg);
} IOAPICOps;

typedef struct IOAPICCore {
    QemuMutex lock;
    uint8_t id, index;
    uint32_t line; /* asserted pins */
    uint64_t redir[IOAPIC_NUM_PINS];
    const IOAPICOps *ops;
    void *opaque;
} IOAPICCore;

void ioapic_core_init(IOAPICCore *s, const IOAPICOps *ops, void *opaque);
void ioapic_core_reset(IOAPICCore *s);
void ioapic_core_set_pin(IOAPICCore *s, int pin, int level);
/* A local APIC ended vector. */
void ioapic_core_eoi(IOAPICCore *s, uint8_t vector);
uint32_t ioapic_core_read(IOAPICCore *s, hwaddr offset);
void ioapic_core_write(IOAPICCore *s, hwaddr offset, uint32_t val);

#endif
