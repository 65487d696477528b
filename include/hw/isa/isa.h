/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ISA bus below the LPC bridge: port devices with one of 16 interrupt lines. Main loop. */
#ifndef HW_ISA_H
#define HW_ISA_H

#include "hw/qdev-core.h"
#include "system/memory.h"

#define TYPE_ISA_BUS "ISA"
#define TYPE_ISA_DEVICE "isa-device"
#define TYPE_ISA_BUS_BRIDGE "isabus-bridge" /* where no chip has the bus; system bus */

typedef struct ISABus {
    BusState parent_obj;
    MemoryRegion *io;
    qemu_irq *irqs; /* 16 lines of the board */
} ISABus;
#define ISA_BUS(obj) ((ISABus *)(obj))

typedef struct ISADevice {
    DeviceState parent_obj;
} ISADevice;
#define ISA_DEVICE(obj) ((ISADevice *)(obj))

/* The board's ISA bus; irqs has 16 lines and outlives it. */
ISABus *isa_bus_new(DeviceState *parent, const char *name, MemoryRegion *io, qemu_irq *irqs);
/* Line irq of dev's bus, NULL when irq is not 0 to 15. From realize(). */
qemu_irq isa_get_irq(ISADevice *dev, unsigned irq);
void isa_register_ioport(ISADevice *dev, MemoryRegion *mr, uint16_t port);
void isa_unregister_ioport(ISADevice *dev, MemoryRegion *mr);

#endif
