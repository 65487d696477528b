/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pcie-root-port: a root port with one slot; its bus has the device's id. */
#include "hw/pci/pci_internal.h"
#include "hw/pci/pcie.h"

#define TYPE_PCIE_ROOT_PORT "pcie-root-port"

typedef struct PCIERootPort {
    PCIBridge parent_obj;
    uint8_t port, chassis;
    uint16_t slot;
    bool hotplug;
} PCIERootPort;

/* Two slots of one chassis must differ: guests name slots by the pair. */
static bool chassis_slot_is_free(PCIERootPort *rp, PCIBus *bus, GError **errp)
{
    for (unsigned devfn = 0; devfn < G_N_ELEMENTS(bus->devices); devfn++) {
        PCIDevice *other = bus->devices[devfn];

        if (other && other != PCI_DEVICE(rp) && object_is_a(OBJECT(other), TYPE_PCIE_ROOT_PORT)) {
            PCIERootPort *o = (PCIERootPort *)other;

            if (o->chassis == rp->chassis && o->slot == rp->slot) {
                error_setg(errp,
                           "Can't add chassis slot, error -16: chassis %u, slot %u is %s's; give "
                           "another chassis or slot",
                           rp->chassis, rp->slot, DEVICE(o)->id ?: "another port");
                return false;
            }
        }
    }
    return true;
}

static bool root_port_realize(PCIDevice *dev, GError **errp)
{
    PCIERootPort *rp = (PCIERootPort *)dev;

    if (!pci_bus_is_root(pci_get_bus(dev)) || !pci_bus_is_express(pci_get_bus(dev))) {
        error_setg(errp, "%s needs a PCI Express root bus, and %s is none", TYPE_PCIE_ROOT_PORT,
                   DEVICE(dev)->parent_bus->name);
        return false;
    }
    if (!chassis_slot_is_free(rp, pci_get_bus(dev), errp)) {
        return false;
    }
    dev->config[PCI_INTERRUPT_PIN] = 1;
    pci_bridge_init(PCI_BRIDGE(dev), TYPE_PCIE_BUS);
    PCI_BRIDGE(dev)->sec_bus->one_slot = true;
    if (!msix_init_exclusive_bar(dev, 1, 0, errp)) {
        pci_bridge_exit(PCI_BRIDGE(dev));
        return false;
    }
    msix_vector_use(dev, 0);
    pcie_port_cap_init(dev, 0, PCI_EXP_TYPE_ROOT_PORT, rp->port);
    pcie_slot_init(dev, rp->slot, rp->hotplug);
    pcie_slot_reset(dev);
    qbus_set_hotplug_handler(BUS(PCI_BRIDGE(dev)->sec_bus), OBJECT(dev));
    return true;
}

static void root_port_exit(PCIDevice *dev)
{
    pcie_slot_exit(dev);
    pci_bridge_exit(PCI_BRIDGE(dev));
}

static void root_port_reset(DeviceState *qdev)
{
    pci_bridge_reset(PCI_BRIDGE(qdev));
    pcie_slot_reset(PCI_DEVICE(qdev));
    msix_vector_use(PCI_DEVICE(qdev), 0);
}

static const ObjectProperty root_port_props[] = {
    DEFINE_PROP_UINT8("port", PCIERootPort, port, 0, "Port number in the link capabilities"),
    DEFINE_PROP_UINT8("chassis", PCIERootPort, chassis, 0, "Chassis number"),
    DEFINE_PROP_UINT16("slot", PCIERootPort, slot, 0, "Slot number, unique in the chassis"),
    DEFINE_PROP_BOOL("hotplug", PCIERootPort, hotplug, true, "The slot allows native hot plug"),
};

static void root_port_class_init(ObjectClass *klass, const void *data)
{
    PCIDeviceClass *pc = (PCIDeviceClass *)klass;
    DeviceClass *dc = (DeviceClass *)klass;
    HotplugHandlerClass *hc = object_class_interface(klass, TYPE_HOTPLUG_HANDLER);

    pc->realize = root_port_realize;
    pc->exit = root_port_exit;
    pc->vendor_id = PCI_VENDOR_ID_REDHAT;
    pc->device_id = PCI_DEVICE_ID_REDHAT_PCIE_RP;
    dc->desc = "PCI Express Root Port";
    dc->reset = root_port_reset;
    dc->hotpluggable = false;
    hc->pre_plug = pcie_slot_pre_plug;
    hc->plug = pcie_slot_plug;
    hc->unplug_request = pcie_slot_unplug_request;
    hc->unplug = pcie_slot_unplug;
    object_class_add_property_table(klass, root_port_props);
}

static const TypeInfo root_port_info = {
    .name = TYPE_PCIE_ROOT_PORT,
    .parent = TYPE_PCI_BRIDGE,
    .instance_size = sizeof(PCIERootPort),
    .class_init = root_port_class_init,
    .interfaces = (const char *const[]){TYPE_HOTPLUG_HANDLER, INTERFACE_PCIE_DEVICE, NULL},
};
QOM_TYPE(root_port_info);
