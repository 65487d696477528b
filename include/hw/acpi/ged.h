/* SPDX-License-Identifier: GPL-2.0-or-later */
/* acpi-ged: events, sleep and reset of hardware-reduced ACPI.  Regions: 0 the event selector, 1 the
 * registers: sleep control, sleep status, reset, a byte each. */
#ifndef HW_ACPI_GED_H
#define HW_ACPI_GED_H

#include "hw/qdev-core.h"
#include "system/memory.h"

#define TYPE_GED "acpi-ged"
#define GED_EVENT_POWER_DOWN 0x2
#define GED_SLP_TYP_S5 5
#define GED_RESET_VALUE 0x42

typedef struct GEDState {
    SysBusDevice parent_obj;
    MemoryRegion select_mr, regs_mr;
    qemu_irq irq;
    uint32_t selector; /* atomic: events that the guest has not taken */
} GEDState;
#define GED(obj) ((GEDState *)(obj))

/* Tells the guest of events. Any thread. */
void ged_event(GEDState *s, uint32_t events);

#endif
