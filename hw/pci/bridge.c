/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI-to-PCI bridges (PCI-to-PCI Bridge Architecture 1.2): three windows of the primary bus's
 * address spaces lead to the secondary bus.  Each window is an alias into a container that holds
 * what is behind the bridge.
 */
#include "hw/pci/pci_bridge.h"
#include "hw/pci/pci_internal.h"
#include "qemu/rcu.h"

PCIBridgeWindow pci_bridge_io_window(const PCIDevice *dev)
{
    const uint8_t *c = dev->config;
    PCIBridgeWindow w = {
        .base = (uint64_t)(c[PCI_IO_BASE] & PCI_IO_RANGE_MASK & 0xff) << 8,
        .limit = (uint64_t)(c[PCI_IO_LIMIT] & PCI_IO_RANGE_MASK & 0xff) << 8 | 0xfff,
    };
    return w;
}

PCIBridgeWindow pci_bridge_mem_window(const PCIDevice *dev)
{
    const uint8_t *c = dev->config;
    PCIBridgeWindow w = {
        .base = (uint64_t)(pci_get_word(c + PCI_MEMORY_BASE) & 0xfff0) << 16,
        .limit = (uint64_t)(pci_get_word(c + PCI_MEMORY_LIMIT) & 0xfff0) << 16 | 0xfffff,
    };
    return w;
}

PCIBridgeWindow pci_bridge_pref_window(const PCIDevice *dev)
{
    const uint8_t *c = dev->config;
    PCIBridgeWindow w = {
        .base = (uint64_t)(pci_get_word(c + PCI_PREF_MEMORY_BASE) & 0xfff0) << 16 |
                (uint64_t)pci_get_long(c + PCI_PREF_BASE_UPPER32) << 32,
        .limit = (uint64_t)(pci_get_word(c + PCI_PREF_MEMORY_LIMIT) & 0xfff0) << 16 | 0xfffff |
                 (uint64_t)pci_get_long(c + PCI_PREF_LIMIT_UPPER32) << 32,
    };
    return w;
}

/* Places the alias mr over w in parent, or takes it out. */
static void place_window(MemoryRegion *parent, MemoryRegion *mr, PCIBridgeWindow w, bool on,
                         uint64_t max)
{
    on = on && w.base <= w.limit && w.limit <= max;
    if (on) {
        memory_region_set_size(mr, (MemSize)(w.limit - w.base) + 1);
        memory_region_set_alias_offset(mr, w.base);
    }
    memory_region_place(parent, mr, w.base, on, 1);
}

void pci_bridge_update_mappings(PCIBridge *br)
{
    PCIDevice *dev = PCI_DEVICE(br);
    PCIBus *up = pci_get_bus(dev);
    uint16_t command = pci_get_word(dev->config + PCI_COMMAND);
    bool mem = command & PCI_COMMAND_MEMORY;

    assert_main_loop();
    memory_region_transaction_begin();
    place_window(up->io, &br->win_io, pci_bridge_io_window(dev), command & PCI_COMMAND_IO, 0xffff);
    place_window(up->mem, &br->win_mem, pci_bridge_mem_window(dev), mem, UINT32_MAX);
    place_window(up->mem, &br->win_pref, pci_bridge_pref_window(dev), mem, INT64_MAX);
    memory_region_transaction_commit();
}

static void secondary_bus_reset(PCIBridge *br)
{
    bus_cold_reset(BUS(br->sec_bus));
}

void pci_bridge_config_written(PCIBridge *br, uint32_t addr, unsigned len)
{
    PCIDevice *dev = PCI_DEVICE(br);

    if (pci_ranges_overlap(addr, len, PCI_COMMAND, 2) ||
        pci_ranges_overlap(addr, len, PCI_IO_BASE, 2) ||
        pci_ranges_overlap(addr, len, PCI_MEMORY_BASE, 20)) {
        pci_bridge_update_mappings(br);
    }
    if (pci_ranges_overlap(addr, len, PCI_BRIDGE_CONTROL, 2) &&
        (pci_get_word(dev->config + PCI_BRIDGE_CONTROL) & PCI_BRIDGE_CTL_BUS_RESET)) {
        secondary_bus_reset(br);
    }
}

static void init_registers(PCIDevice *dev)
{
    uint8_t *c = dev->config, *w = dev->wmask;

    memset(w + PCI_PRIMARY_BUS, 0xff, 4);
    w[PCI_IO_BASE] = w[PCI_IO_LIMIT] = 0xf0;
    pci_set_word(w + PCI_MEMORY_BASE, 0xfff0);
    pci_set_word(w + PCI_MEMORY_LIMIT, 0xfff0);
    pci_set_word(w + PCI_PREF_MEMORY_BASE, 0xfff0);
    pci_set_word(w + PCI_PREF_MEMORY_LIMIT, 0xfff0);
    memset(w + PCI_PREF_BASE_UPPER32, 0xff, 8);
    pci_set_word(c + PCI_PREF_MEMORY_BASE, PCI_PREF_RANGE_TYPE_64);
    pci_set_word(c + PCI_PREF_MEMORY_LIMIT, PCI_PREF_RANGE_TYPE_64);
    pci_set_word(w + PCI_BRIDGE_CONTROL,
                 PCI_BRIDGE_CTL_PARITY | PCI_BRIDGE_CTL_SERR | PCI_BRIDGE_CTL_ISA |
                     PCI_BRIDGE_CTL_VGA | PCI_BRIDGE_CTL_MASTER_ABORT | PCI_BRIDGE_CTL_BUS_RESET);
    pci_set_word(dev->w1cmask + PCI_SEC_STATUS,
                 PCI_STATUS_PARITY | PCI_STATUS_SIG_TARGET_ABORT | PCI_STATUS_REC_TARGET_ABORT |
                     PCI_STATUS_REC_MASTER_ABORT | PCI_STATUS_SIG_SYSTEM_ERROR |
                     PCI_STATUS_DETECTED_PARITY);
    pci_config_mark_home(dev, PCI_IO_BASE, 2);
    pci_config_mark_home(dev, PCI_MEMORY_BASE, 20);
    pci_config_mark_home(dev, PCI_BRIDGE_CONTROL, 2);
}

void pci_bridge_init(PCIBridge *br, const char *bus_typename)
{
    PCIDevice *dev = PCI_DEVICE(br);
    PCIBus *sec = PCI_BUS(qbus_new(bus_typename, DEVICE(br), DEVICE(br)->id));

    init_registers(dev);
    memory_region_init(&br->mem, OBJECT(br), "pci_bridge_pci", MEMORY_SIZE_MAX);
    memory_region_init(&br->io, OBJECT(br), "pci_bridge_io", 0x10000);
    memory_region_init_alias(&br->win_io, OBJECT(br), "pci_bridge_io_window", &br->io, 0, 0x1000);
    memory_region_init_alias(&br->win_mem, OBJECT(br), "pci_bridge_mem_window", &br->mem, 0,
                             0x100000);
    memory_region_init_alias(&br->win_pref, OBJECT(br), "pci_bridge_pref_window", &br->mem, 0,
                             0x100000);
    sec->parent_dev = dev;
    sec->mem = &br->mem;
    sec->io = &br->io;
    rcu_publish(&br->sec_bus, sec);
}

void pci_bridge_exit(PCIBridge *br)
{
    rcu_publish(&br->sec_bus, NULL);
    synchronize_rcu();
    memory_region_finalize(&br->win_io);
    memory_region_finalize(&br->win_mem);
    memory_region_finalize(&br->win_pref);
    memory_region_finalize(&br->io);
    memory_region_finalize(&br->mem);
}

void pci_bridge_reset(PCIBridge *br)
{
    PCIDevice *dev = PCI_DEVICE(br);

    pci_device_reset(dev);
    qemu_mutex_lock(&dev->config_lock);
    memset(dev->config + PCI_PRIMARY_BUS, 0, 4);
    dev->config[PCI_IO_BASE] = dev->config[PCI_IO_LIMIT] = 0;
    pci_set_word(dev->config + PCI_SEC_STATUS, 0);
    pci_set_long(dev->config + PCI_MEMORY_BASE, 0);
    pci_set_word(dev->config + PCI_PREF_MEMORY_BASE, PCI_PREF_RANGE_TYPE_64);
    pci_set_word(dev->config + PCI_PREF_MEMORY_LIMIT, PCI_PREF_RANGE_TYPE_64);
    pci_set_quad(dev->config + PCI_PREF_BASE_UPPER32, 0);
    pci_set_word(dev->config + PCI_BRIDGE_CONTROL, 0);
    qemu_mutex_unlock(&dev->config_lock);
    pci_bridge_update_mappings(br);
}

static void bridge_class_init(ObjectClass *klass, const void *data)
{
    PCIDeviceClass *pc = (PCIDeviceClass *)klass;

    pc->is_bridge = true;
    pc->class_id = PCI_CLASS_BRIDGE_PCI;
    ((DeviceClass *)klass)->category = DEVICE_CATEGORY_BRIDGE;
}

static const TypeInfo bridge_info = {
    .name = TYPE_PCI_BRIDGE,
    .parent = TYPE_PCI_DEVICE,
    .instance_size = sizeof(PCIBridge),
    .abstract = true,
    .class_init = bridge_class_init,
};
QOM_TYPE(bridge_info);
