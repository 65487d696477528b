/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers by which ACPI methods see memory modules come and go: 24 bytes at I/O 0x0a00, and
 * general-purpose event 3.
 *
 * One lock; registers on any thread, the rest in the main loop.
 */
#ifndef HW_ACPI_MEMORY_HOTPLUG_H
#define HW_ACPI_MEMORY_HOTPLUG_H

#include "hw/acpi/pm.h"
#include "hw/mem/pc-dimm.h"

#define MEMORY_HOTPLUG_BASE 0x0a00
#define MEMORY_HOTPLUG_SIZE 24
#define MEMORY_HOTPLUG_GPE 3

typedef struct MemoryHotplugSlot {
    PCDIMM *dimm; /* NULL: none */
    /* What the registers say of it. */
    uint64_t addr, size;
    uint32_t node;
    bool insert, remove; /* the guest has not seen it yet */
    bool ejecting;       /* the guest has let it go: it is about to end */
    uint32_t ost_event;  /* first half of a report that is being written */
    /* The last whole report, until the main loop has passed it on. */
    bool ost_pending;
    uint32_t ost_source, ost_status;
} MemoryHotplugSlot;

typedef struct MemoryHotplug {
    MemoryRegion io;
    QemuMutex lock;
    MemoryHotplugSlot *slots; /* lock */
    unsigned n;
    uint32_t selector; /* lock */
    AioBH *eject_bh, *ost_bh;
    AcpiPM *pm;
} MemoryHotplug;

void memory_hotplug_init(MemoryHotplug *s, Object *owner, AcpiPM *pm, unsigned n);
/* A module is in its slot; announced: the guest is told. */
void memory_hotplug_plug(MemoryHotplug *s, PCDIMM *dimm, bool announced);
/* As with processors (hw/acpi/cpu_hotplug.h): the guest is asked, and lets it go or says that it
 * does not; a reset ends it. */
void memory_hotplug_unplug_request(MemoryHotplug *s, PCDIMM *dimm);
void memory_hotplug_reset(MemoryHotplug *s);

#endif
