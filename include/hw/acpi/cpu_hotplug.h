/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers by which ACPI methods see processors come and go: 12 bytes of selector, flags, command
 * and data, and general-purpose event 2.
 *
 * One lock; registers on any thread, the rest in the main loop.
 */
#ifndef HW_ACPI_CPU_HOTPLUG_H
#define HW_ACPI_CPU_HOTPLUG_H

#include "hw/acpi/pm.h"
#include "system/cpus.h"

#define CPU_HOTPLUG_SIZE 12
#define CPU_HOTPLUG_GPE 2

typedef struct CPUHotplugSlot {
    uint32_t apic_id;
    CPUState *cpu;       /* NULL: none */
    bool insert, remove; /* the guest has not seen it yet */
    bool ejecting;       /* the guest has let it go: it is about to end */
    uint32_t ost_event;  /* first half of a report that is being written */
    /* The last whole report, until the main loop has passed it on. */
    bool ost_pending;
    uint32_t ost_source, ost_status;
} CPUHotplugSlot;

typedef struct CPUHotplug {
    MemoryRegion io;
    QemuMutex lock;
    CPUHotplugSlot *slots; /* lock; possible processors in order of index */
    unsigned n;
    uint32_t selector; /* lock */
    uint8_t command;   /* lock */
    AioBH *eject_bh, *ost_bh;
    AcpiPM *pm;
    /* Main loop: a processor that the guest has ejected is gone now. */
    void (*ejected)(void *opaque);
    void *opaque;
} CPUHotplug;

/* For n possible processors with these APIC ids; base: of the registers in I/O space. */
void cpu_hotplug_init(CPUHotplug *s, Object *owner, AcpiPM *pm, unsigned n, uint16_t base);
/* A processor is there; announced: the guest is told. */
void cpu_hotplug_plug(CPUHotplug *s, CPUState *cpu, bool announced);
/* Asks the guest to let it go.  It does, by EJECT, or says by _OST that it does not: then
 * pending_unplug ends and DEVICE_UNPLUG_GUEST_ERROR is sent. */
void cpu_hotplug_unplug_request(CPUHotplug *s, CPUState *cpu);
/* The machine resets: those that were to go are gone afterwards.  At the end of a suspend the guest
 * goes on with what it knew, and is told of what came meanwhile. */
void cpu_hotplug_reset(CPUHotplug *s);

#endif
