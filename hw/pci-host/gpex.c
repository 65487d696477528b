/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gpex-pcihost with root bus pcie.0, and function 00.0 (gpex-root), which is there to be found. */
#include "hw/pci-host/gpex.h"

#define TYPE_GPEX_ROOT "gpex-root"

static void set_irq(void *opaque, int n, int level)
{
    qemu_set_irq(GPEX_HOST(opaque)->irq[n], level);
}

static int map_irq(PCIBus *bus, uint8_t devfn, int pin)
{
    return (PCI_SLOT(devfn) + pin) % GPEX_PINS;
}

static bool host_realize(DeviceState *dev, GError **errp)
{
    GPEXHost *s = GPEX_HOST(dev);
    PCIHostState *host = PCI_HOST_BRIDGE(dev);
    DeviceState *root = qdev_new(TYPE_GPEX_ROOT);

    memory_region_init(&s->io, OBJECT(s), "gpex-ioport", 64 * KiB);
    host->bus = pci_root_bus_new(dev, "pcie.0", s->pci_mem, &s->io, 0, TYPE_PCIE_BUS);
    pci_bus_irqs(host->bus, set_irq, map_irq, s, GPEX_PINS);
    PCI_DEVICE(root)->devfn = PCI_DEVFN(0, 0);
    return object_property_add_child(OBJECT(dev), "gpex_root", OBJECT(root), errp) &&
           qdev_realize_and_unref(root, BUS(host->bus), errp);
}

static void host_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->desc = "generic PCI Express host bridge";
    dc->realize = host_realize;
}

static const TypeInfo host_info = {
    .name = TYPE_GPEX_HOST,
    .parent = TYPE_PCI_HOST_BRIDGE,
    .instance_size = sizeof(GPEXHost),
    .class_init = host_class_init,
};
QOM_TYPE(host_info);

static void root_reset(DeviceState *dev)
{
    pci_device_reset(PCI_DEVICE(dev));
}

static void root_class_init(ObjectClass *klass, const void *data)
{
    PCIDeviceClass *pc = (PCIDeviceClass *)klass;
    DeviceClass *dc = (DeviceClass *)klass;

    pc->vendor_id = PCI_VENDOR_ID_REDHAT;
    pc->device_id = 0x0008;
    pc->class_id = PCI_CLASS_BRIDGE_HOST;
    dc->desc = "host bridge function";
    dc->reset = root_reset;
    dc->user_creatable = false;
    dc->hotpluggable = false;
}

static const TypeInfo root_info = {
    .name = TYPE_GPEX_ROOT,
    .parent = TYPE_PCI_DEVICE,
    .instance_size = sizeof(PCIDevice),
    .class_init = root_class_init,
    .interfaces = (const char *const[]){INTERFACE_CONVENTIONAL_PCI_DEVICE, NULL},
};
QOM_TYPE(root_info);
