/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The system bus: devices that the board maps into memory and wires by hand.  Where their registers
 * appear is sysbus-map.c's. */
#include "hw/qdev-core.h"
#include "qdev-internal.h"

BusState *sysbus_get_default(void)
{
    static BusState *bus;

    if (!bus) {
        bus = qbus_new(TYPE_SYS_BUS, NULL, "main-system-bus");
    }
    /* It may be asked for before there is a machine to put it in. */
    if (!object_get_parent(OBJECT(bus)) && object_resolve_path("/machine", NULL)) {
        object_property_add_child(container_get(object_get_root(), "/machine/unattached"), "sysbus",
                                  OBJECT(bus), NULL);
    }
    return bus;
}

void sysbus_init_mmio(SysBusDevice *dev, struct MemoryRegion *mr)
{
    g_assert(dev->num_mmio < (int)G_N_ELEMENTS(dev->mmio));
    dev->mmio[dev->num_mmio++] = mr;
}

void sysbus_init_irq(SysBusDevice *dev, qemu_irq *pin)
{
    g_assert(dev->num_irq < (int)G_N_ELEMENTS(dev->irqs));
    dev->irqs[dev->num_irq++] = pin;
    qdev_init_gpio_out_named(DEVICE(dev), "sysbus-irq", pin, 1);
}

void sysbus_connect_irq(SysBusDevice *dev, int n, qemu_irq irq)
{
    g_assert(n >= 0 && n < dev->num_irq);
    *dev->irqs[n] = irq;
}

static void sysbus_device_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->bus_type = TYPE_SYS_BUS;
    dc->user_creatable = false; /* only the board knows addresses and lines */
    dc->hotpluggable = false;
}

static const TypeInfo sysbus_device_info = {
    .name = TYPE_SYS_BUS_DEVICE,
    .parent = TYPE_DEVICE,
    .instance_size = sizeof(SysBusDevice),
    .abstract = true,
    .class_init = sysbus_device_class_init,
};
QOM_TYPE(sysbus_device_info);

static const TypeInfo sysbus_info = {
    .name = TYPE_SYS_BUS,
    .parent = TYPE_BUS,
};
QOM_TYPE(sysbus_info);
