/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCI buses: who is where, lookup from any thread, and interrupt lines on their way through bridges
 * to the board. */
#include "hw/pci/pci_bridge.h"
#include "hw/pci/pci_bus.h"
#include "hw/pci/pci_internal.h"
#include "qemu/rcu.h"

static PCIBus *primary_root;

PCIBus *pci_primary_root_bus(void)
{
    return primary_root;
}

PCIBus *pci_root_bus_new(DeviceState *parent, const char *name, MemoryRegion *mem, MemoryRegion *io,
                         uint8_t devfn_min, const char *typename)
{
    PCIBus *bus = PCI_BUS(qbus_new(typename, parent, name));

    assert_main_loop();
    bus->mem = mem;
    bus->io = io;
    bus->devfn_min = devfn_min;
    if (!primary_root) {
        primary_root = bus;
    }
    return bus;
}

void pci_bus_irqs(PCIBus *bus, PCISetIrqFn *set_irq, PCIMapIrqFn *map_irq, void *opaque, int nirq)
{
    bus->set_irq = set_irq;
    bus->map_irq = map_irq;
    bus->irq_opaque = opaque;
    bus->nirq = nirq;
    bus->irq_count = g_new0(int, nirq);
}

/* --- lookup ----------------------------------------------------------------------------------- */

/* The secondary bus below bus whose range holds num. */
static PCIBus *bridge_towards(PCIBus *bus, uint8_t num)
{
    for (unsigned devfn = 0; devfn < G_N_ELEMENTS(bus->devices); devfn++) {
        PCIDevice *dev = rcu_load(&bus->devices[devfn]);

        if (dev && dev->is_bridge) {
            PCIBus *sec = rcu_load(&PCI_BRIDGE(dev)->sec_bus);
            uint8_t first = pci_get_byte(dev->config + PCI_SECONDARY_BUS);
            uint8_t last = pci_get_byte(dev->config + PCI_SUBORDINATE_BUS);

            if (sec && first && num >= first && num <= last) {
                return sec;
            }
        }
    }
    return NULL;
}

PCIDevice *pci_lookup(PCIBus *root, uint8_t bus_num, uint8_t devfn)
{
    PCIBus *bus = root;

    /* Each step goes one bridge down, so a guest's nonsensical numbers end the walk at a leaf. */
    while (bus && pci_bus_num(bus) != bus_num) {
        bus = bridge_towards(bus, bus_num);
    }
    return bus && !__atomic_load_n(&bus->dark, __ATOMIC_RELAXED) ? rcu_load(&bus->devices[devfn])
                                                                 : NULL;
}

PCIDevice *pci_find_device(PCIBus *root, uint8_t bus_num, uint8_t devfn)
{
    assert_main_loop();
    return pci_lookup(root, bus_num, devfn);
}

void pci_for_each_device(PCIBus *bus, void (*fn)(PCIBus *bus, PCIDevice *dev, void *opaque),
                         void *opaque)
{
    assert_main_loop();
    for (unsigned devfn = 0; devfn < G_N_ELEMENTS(bus->devices); devfn++) {
        if (bus->devices[devfn]) {
            fn(bus, bus->devices[devfn], opaque);
        }
    }
}

/* --- places ----------------------------------------------------------------------------------- */

static const char *dev_name(const PCIDevice *dev)
{
    return dev->parent_obj.id ? dev->parent_obj.id : object_get_typename(OBJECT(dev));
}

/* True if function devfn may be used beside what is in its slot. */
static bool slot_allows(PCIBus *bus, PCIDevice *dev, int devfn, GError **errp)
{
    unsigned slot = PCI_SLOT(devfn);
    PCIDevice *first = bus->devices[PCI_DEVFN(slot, 0)];

    if (bus->one_slot && slot != 0) {
        error_setg(errp, "PCI: slot %u is not valid for %s: bus %s has slot 0 only", slot,
                   dev_name(dev), BUS(bus)->name);
        return false;
    }
    if (PCI_FUNC(devfn)) {
        if (first && !first->multifunction) {
            error_setg(
                errp,
                "PCI: slot %u holds the single-function device %s; give that one multifunction=on",
                slot, dev_name(first));
            return false;
        }
        if (first && dev->parent_obj.hotplugged && bus->one_slot) {
            error_setg(errp, "PCI: slot %u function 0 is occupied by %s: plug function 0 last",
                       slot, dev_name(first));
            return false;
        }
        return true;
    }
    for (int fn = 1; fn < PCI_FUNC_MAX && !dev->multifunction; fn++) {
        if (bus->devices[PCI_DEVFN(slot, fn)]) {
            error_setg(errp, "PCI: slot %u has more functions; %s needs multifunction=on", slot,
                       dev_name(dev));
            return false;
        }
    }
    return true;
}

static int first_free(PCIBus *bus)
{
    unsigned end = bus->one_slot ? 1 : G_N_ELEMENTS(bus->devices);

    for (unsigned devfn = bus->devfn_min; devfn < end; devfn += PCI_FUNC_MAX) {
        bool used = false;

        for (unsigned fn = 0; fn < PCI_FUNC_MAX; fn++) {
            used |= bus->devices[devfn + fn] != NULL;
        }
        if (!used) {
            return devfn;
        }
    }
    return -1;
}

static bool bus_check_address(BusState *qbus, DeviceState *qdev, GError **errp)
{
    PCIBus *bus = PCI_BUS(qbus);
    PCIDevice *dev = PCI_DEVICE(qdev);

    if (dev->devfn < 0) {
        int devfn = first_free(bus);

        if (devfn < 0) {
            error_setg(errp,
                       "PCI: no slot/function available for %s, all in use or reserved on bus %s",
                       dev_name(dev), qbus->name);
            return false;
        }
        dev->devfn = devfn;
    } else if (bus->devices[dev->devfn]) {
        error_setg(errp, "PCI: slot %d function %d not available for %s, in use by %s, id=%s",
                   PCI_SLOT(dev->devfn), PCI_FUNC(dev->devfn), dev_name(dev),
                   object_get_typename(OBJECT(bus->devices[dev->devfn])),
                   bus->devices[dev->devfn]->parent_obj.id ?: "");
        return false;
    }
    return slot_allows(bus, dev, dev->devfn, errp);
}

bool pci_bus_claim(PCIBus *bus, PCIDevice *dev, GError **errp)
{
    assert_main_loop();
    if ((dev->devfn < 0 || bus->devices[dev->devfn]) &&
        !bus_check_address(BUS(bus), DEVICE(dev), errp)) {
        return false;
    }
    rcu_publish(&bus->devices[dev->devfn], dev);
    dev->on_bus = true;
    return true;
}

void pci_bus_release(PCIBus *bus, PCIDevice *dev)
{
    if (dev->on_bus) {
        dev->on_bus = false;
        rcu_publish(&bus->devices[dev->devfn], NULL);
    }
}

/* --- interrupt lines -------------------------------------------------------------------------- */

void pci_bus_change_irq(PCIDevice *dev, int delta)
{
    int pin = dev->config[PCI_INTERRUPT_PIN] - 1;
    uint8_t devfn = dev->devfn;
    PCIBus *bus = pci_get_bus(dev);

    /* A bridge passes pin p of slot s on as pin (p + s) mod 4 of its own (PCI-to-PCI
     * Bridge 1.2, 9.1). */
    while (bus->parent_dev) {
        pin = (pin + PCI_SLOT(devfn)) & 3;
        devfn = bus->parent_dev->devfn;
        bus = pci_get_bus(bus->parent_dev);
    }
    if (bus->set_irq) {
        int n = bus->map_irq(bus, devfn, pin);
        QEMU_LOCK_GUARD(&bus->irq_lock);

        bus->irq_count[n] += delta;
        bus->set_irq(bus->irq_opaque, n, bus->irq_count[n] > 0);
    }
}

/* --- type ------------------------------------------------------------------------------------- */

static void bus_init(Object *obj)
{
    qemu_mutex_init(&PCI_BUS(obj)->irq_lock);
}

static void bus_finalize(Object *obj)
{
    PCIBus *bus = PCI_BUS(obj);

    if (primary_root == bus) {
        primary_root = NULL;
    }
    g_free(bus->irq_count);
    qemu_mutex_destroy(&bus->irq_lock);
}

static char *bus_dev_path(DeviceState *qdev)
{
    PCIDevice *dev = PCI_DEVICE(qdev);

    return g_strdup_printf("0000:%02x:%02x.%x", pci_bus_num(pci_get_bus(dev)), PCI_SLOT(dev->devfn),
                           PCI_FUNC(dev->devfn));
}

static void bus_print_dev(GString *out, DeviceState *qdev, int indent)
{
    PCIDevice *dev = PCI_DEVICE(qdev);

    if (!dev->config) {
        return;
    }
    g_string_append_printf(
        out, "%*sclass %04x, addr %02x:%02x.%x, pci id %04x:%04x (sub %04x:%04x)\n", indent, "",
        pci_get_word(dev->config + PCI_CLASS_DEVICE), pci_bus_num(pci_get_bus(dev)),
        PCI_SLOT(dev->devfn), PCI_FUNC(dev->devfn), pci_get_word(dev->config + PCI_VENDOR_ID),
        pci_get_word(dev->config + PCI_DEVICE_ID),
        pci_get_word(dev->config + PCI_SUBSYSTEM_VENDOR_ID),
        pci_get_word(dev->config + PCI_SUBSYSTEM_ID));
    for (int n = 0; n < PCI_NUM_REGIONS; n++) {
        const PCIIORegion *r = &dev->io_regions[n];

        if (r->size) {
            g_string_append_printf(out, "%*sbar %d: %s at 0x%" PRIx64 " [0x%" PRIx64 "]\n", indent,
                                   "", n, n < PCI_ROM_SLOT && (r->type & 1) ? "i/o" : "mem",
                                   r->addr,
                                   r->addr == UINT64_MAX ? UINT64_MAX : r->addr + r->size - 1);
        }
    }
}

static void bus_class_init(ObjectClass *klass, const void *data)
{
    BusClass *bc = (BusClass *)klass;

    bc->check_address = bus_check_address;
    bc->get_dev_path = bus_dev_path;
    bc->print_dev = bus_print_dev;
    bc->bus_type_name = TYPE_PCI_BUS;
}

static const TypeInfo pci_bus_info = {
    .name = TYPE_PCI_BUS,
    .parent = TYPE_BUS,
    .instance_size = sizeof(PCIBus),
    .class_size = sizeof(BusClass),
    .class_init = bus_class_init,
    .instance_init = bus_init,
    .instance_finalize = bus_finalize,
};
QOM_TYPE(pci_bus_info);

static const TypeInfo pcie_bus_info = {
    .name = TYPE_PCIE_BUS,
    .parent = TYPE_PCI_BUS,
};
QOM_TYPE(pcie_bus_info);
