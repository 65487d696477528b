/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers by which ACPI methods see processors come and go: 12 bytes of selector, flags, command
 * and data, and general-purpose event 2.
 */
#ifndef HW_ACPI_CPU_HOTPLUG_H
#define HW_ACPI_CPU_HOTPLUG_H

#include "hw/acpi/hotplug_slots.h"
#include "system/cpus.h"

#define CPU_HOTPLUG_SIZE 12
#define CPU_HOTPLUG_GPE 2

typedef struct CPUHotplug {
    MemoryRegion io;
    AcpiSlots slots;    /* possible processors in order of index */
    uint32_t *apic_ids; /* theirs; set before the machine runs */
    uint8_t command;    /* slots.lock */
} CPUHotplug;

/* For n possible processors, whose APIC ids the caller fills in; base: of the registers in I/O
 * space. */
void cpu_hotplug_init(CPUHotplug *s, Object *owner, AcpiPM *pm, unsigned n, uint16_t base);
/* A processor is there; announced: the guest is told. */
void cpu_hotplug_plug(CPUHotplug *s, CPUState *cpu, bool announced);
void cpu_hotplug_unplug_request(CPUHotplug *s, CPUState *cpu);
void cpu_hotplug_reset(CPUHotplug *s);

#endif
