/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCI Express capability (Base Specification 4.0, section 7.5.3): endpoints, root ports, hot-plug
 * slots. Main loop. */
#ifndef HW_PCIE_H
#define HW_PCIE_H

#include "hw/pci/pci_bridge.h"

/* The capability of a port: type is PCI_EXP_TYPE_ROOT_PORT ..., port the number in Link
 * Capabilities. */
int pcie_port_cap_init(PCIDevice *dev, uint8_t offset, uint8_t type, uint8_t port);
/* Slot registers with number slot; hotplug: buttons, indicators, power controller. */
void pcie_slot_init(PCIDevice *dev, uint16_t slot, bool hotplug);
void pcie_slot_reset(PCIDevice *dev);
void pcie_slot_exit(PCIDevice *dev); /* from exit(), before the bus goes */
/* Default write of the capability's registers is done; old_slotctl is what Slot Control was. */
void pcie_cap_config_written(PCIDevice *dev, uint32_t addr, unsigned len);
void pcie_slot_config_written(PCIDevice *dev, uint16_t old_slotctl, uint16_t old_slotsta,
                              uint32_t addr, unsigned len);
/* Link registers of a function and of the port above it agree on 2.5 GT/s, one lane, link up or
 * not. */
void pcie_port_link(PCIDevice *port, bool up);
void pcie_cap_reset(PCIDevice *dev);

/* Hot-plug handler functions for a port's secondary bus. */
bool pcie_slot_pre_plug(Object *handler, DeviceState *dev, GError **errp);
bool pcie_slot_plug(Object *handler, DeviceState *dev, GError **errp);
bool pcie_slot_unplug_request(Object *handler, DeviceState *dev, GError **errp);
bool pcie_slot_unplug(Object *handler, DeviceState *dev, GError **errp);

#endif
