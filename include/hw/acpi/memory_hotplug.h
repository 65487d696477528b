/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers by which ACPI methods see memory modules come and go: 24 bytes at I/O 0x0a00, and
 * general-purpose event 3.
 */
#ifndef HW_ACPI_MEMORY_HOTPLUG_H
#define HW_ACPI_MEMORY_HOTPLUG_H

#include "hw/acpi/hotplug_slots.h"
#include "hw/mem/pc-dimm.h"

#define MEMORY_HOTPLUG_BASE 0x0a00
#define MEMORY_HOTPLUG_SIZE 24
#define MEMORY_HOTPLUG_GPE 3

typedef struct MemoryHotplug {
    MemoryRegion io;
    AcpiSlots slots; /* of modules */
} MemoryHotplug;

void memory_hotplug_init(MemoryHotplug *s, Object *owner, AcpiPM *pm, unsigned n);
/* A module is in its slot; announced: the guest is told. */
void memory_hotplug_plug(MemoryHotplug *s, PCDIMM *dimm, bool announced);
void memory_hotplug_unplug_request(MemoryHotplug *s, PCDIMM *dimm);
void memory_hotplug_reset(MemoryHotplug *s);

#endif
