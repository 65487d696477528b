/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the hot-plug registers of processors and of memory modules have in common: slots with
 * devices that come and go, what the guest has not seen of that yet, and its reports by _OST.
 *
 * One lock; registers on any thread, the rest in the main loop.
 */
#ifndef HW_ACPI_HOTPLUG_SLOTS_H
#define HW_ACPI_HOTPLUG_SLOTS_H

#include "hw/acpi/pm.h"
#include "hw/qdev-core.h"
#include "qapi/qapi-types.h"

typedef struct AcpiSlot {
    DeviceState *dev;    /* NULL: none; the main loop alone changes it, and its fields stay while it
                            is here */
    bool insert, remove; /* the guest has not seen it yet */
    bool ejecting;       /* the guest has let it go: it is about to end */
    uint32_t ost_event;  /* first half of a report that is being written */
    /* The last whole report, until the main loop has passed it on. */
    bool ost_pending;
    uint32_t ost_source, ost_status;
} AcpiSlot;

typedef struct AcpiSlots {
    QemuMutex lock;
    AcpiSlot *slots; /* lock */
    unsigned n;
    uint32_t selector; /* lock */
    AioBH *eject_bh, *ost_bh;
    AcpiPM *pm;
    unsigned gpe; /* says that there are events */
    ACPISlotType type;
    /* Main loop: a device that the guest has ejected is gone now.  May be NULL. */
    void (*ejected)(void *opaque);
    void *opaque;
} AcpiSlots;

void acpi_slots_init(AcpiSlots *s, AcpiPM *pm, unsigned gpe, ACPISlotType type, unsigned n);

/* --- registers: with the lock */

/* NULL: there is no such slot. */
AcpiSlot *acpi_slots_selected(AcpiSlots *s);
/* The byte that both have: enabled, insert, remove; written to clear an event or, where may_eject,
 * to let the device go. */
uint8_t acpi_slot_flags(const AcpiSlot *slot);
void acpi_slot_write_flags(AcpiSlots *s, AcpiSlot *slot, uint8_t val, bool may_eject);
/* The second half of a report. */
void acpi_slot_ost_status(AcpiSlots *s, AcpiSlot *slot, uint32_t status);

/* --- main loop */

/* dev is in slot n; announced: the guest is told. */
void acpi_slots_plug(AcpiSlots *s, unsigned n, DeviceState *dev, bool announced);
/* Asks the guest to let it go.  It does, by its eject method, or says by _OST that it does not:
 * then pending_unplug ends and DEVICE_UNPLUG_GUEST_ERROR is sent. */
void acpi_slots_unplug_request(AcpiSlots *s, unsigned n);
/* The machine resets: those that were to go are gone afterwards.  At the end of a suspend the guest
 * goes on with what it knew, and is told of what came meanwhile: false. */
bool acpi_slots_reset(AcpiSlots *s);

#endif
