/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A PCI Express host bridge without a chipset: ECAM, windows and four interrupt lines, where the
 * board puts them. */
#ifndef HW_PCI_HOST_GPEX_H
#define HW_PCI_HOST_GPEX_H

#include "hw/pci/pci_host.h"

#define TYPE_GPEX_HOST "gpex-pcihost"
#define GPEX_PINS 4

typedef struct GPEXHost {
    PCIHostState parent_obj;
    /* Set before realize. */
    MemoryRegion *pci_mem;
    qemu_irq irq[GPEX_PINS];
    MemoryRegion io; /* ports that are nowhere: the board has no window for them */
} GPEXHost;
#define GPEX_HOST(obj) ((GPEXHost *)(obj))

#endif
