/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared between the files of hw/pci only. Main loop, unless a comment says otherwise. */
#ifndef HW_PCI_INTERNAL_H
#define HW_PCI_INTERNAL_H

#include "hw/pci/pci_bus.h"
#include "hw/pci/pcie.h"

/* Bits of PCIDevice.irq_state: what the function wants, and what the bus has been told. */
enum { PCI_IRQ_WANTED = 1, PCI_IRQ_DRIVEN = 2 };

/* bar.c */
void pci_unmap_bars(PCIDevice *dev);
void pci_reset_bars(PCIDevice *dev); /* registers only; config_lock held */
bool pci_rom_init(PCIDevice *dev, GError **errp);
void pci_rom_exit(PCIDevice *dev);
/* True if a write of len bytes at addr touches [start, start+size). Any thread. */
static inline bool pci_ranges_overlap(uint32_t addr, unsigned len, uint32_t start, uint32_t size)
{
    return addr < start + size && start < addr + len;
}

#endif
