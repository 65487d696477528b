/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCI-to-PCI bridges: a function with a type 1 header, a secondary bus and three windows to it.
 * Main loop. */
#ifndef HW_PCI_BRIDGE_H
#define HW_PCI_BRIDGE_H

#include "hw/pci/pci_bus.h"

#define TYPE_PCI_BRIDGE "base-pci-bridge"

typedef struct PCIBridge {
    PCIDevice parent_obj;
    PCIBus *sec_bus;      /* rcu: lookups; NULL before realize */
    MemoryRegion mem, io; /* what is behind the bridge */
    MemoryRegion win_io, win_mem, win_pref;
} PCIBridge;
#define PCI_BRIDGE(obj) ((PCIBridge *)(obj))

typedef struct PCIBridgeWindow {
    uint64_t base, limit; /* limit < base: closed */
} PCIBridgeWindow;

/* What a bridge's registers say that it passes on. Any thread. */
PCIBridgeWindow pci_bridge_io_window(const PCIDevice *dev);
PCIBridgeWindow pci_bridge_mem_window(const PCIDevice *dev);
PCIBridgeWindow pci_bridge_pref_window(const PCIDevice *dev);

/* Header, windows and the secondary bus, named after the device's id. From realize(). */
void pci_bridge_init(PCIBridge *br, const char *bus_typename);
void pci_bridge_exit(PCIBridge *br);
/* Windows as the registers say. */
void pci_bridge_update_mappings(PCIBridge *br);
/* After a configuration write of len bytes at addr. */
void pci_bridge_config_written(PCIBridge *br, uint32_t addr, unsigned len);
void pci_bridge_reset(PCIBridge *br);

#endif
