/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ISA bus. */
#include "hw/isa/isa.h"

ISABus *isa_bus_new(DeviceState *parent, const char *name, MemoryRegion *io, qemu_irq *irqs)
{
    ISABus *bus = ISA_BUS(qbus_new(TYPE_ISA_BUS, parent, name));

    bus->io = io;
    bus->irqs = irqs;
    return bus;
}

static ISABus *bus_of(ISADevice *dev)
{
    return ISA_BUS(DEVICE(dev)->parent_bus);
}

qemu_irq isa_get_irq(ISADevice *dev, unsigned irq)
{
    return irq < 16 ? bus_of(dev)->irqs[irq] : NULL;
}

void isa_register_ioport(ISADevice *dev, MemoryRegion *mr, uint16_t port)
{
    memory_region_add_subregion_overlap(bus_of(dev)->io, port, mr, 0);
}

void isa_unregister_ioport(ISADevice *dev, MemoryRegion *mr)
{
    memory_region_del_subregion(bus_of(dev)->io, mr);
}

static void isa_device_class_init(ObjectClass *klass, const void *data)
{
    ((DeviceClass *)klass)->bus_type = TYPE_ISA_BUS;
    ((DeviceClass *)klass)->hotpluggable = false;
}

static void bridge_class_init(ObjectClass *klass, const void *data)
{
    ((DeviceClass *)klass)->desc = "ISA bus without a bridge chip";
}

static const TypeInfo bridge_info = {
    .name = TYPE_ISA_BUS_BRIDGE,
    .parent = TYPE_SYS_BUS_DEVICE,
    .instance_size = sizeof(SysBusDevice),
    .class_init = bridge_class_init,
};
QOM_TYPE(bridge_info);

static const TypeInfo isa_bus_info = {
    .name = TYPE_ISA_BUS,
    .parent = TYPE_BUS,
    .instance_size = sizeof(ISABus),
};
QOM_TYPE(isa_bus_info);

static const TypeInfo isa_device_info = {
    .name = TYPE_ISA_DEVICE,
    .parent = TYPE_DEVICE,
    .instance_size = sizeof(ISADevice),
    .abstract = true,
    .class_init = isa_device_class_init,
};
QOM_TYPE(isa_device_info);
