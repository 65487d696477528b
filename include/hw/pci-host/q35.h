/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Q35's north bridge. Main loop. */
#ifndef HW_PCI_HOST_Q35_H
#define HW_PCI_HOST_Q35_H

#include "hw/i386/pc.h"

#define TYPE_Q35_PCI_HOST "q35-pcihost"
#define TYPE_MCH "mch"

typedef struct MCHState {
    PCIDevice parent_obj;
    PCIHostState *host;
    MemoryRegion *pci_mem, *ram; /* set before realize */
    MemoryRegion pam_pci[PC_PAM_SEGMENTS], pam_rom[PC_PAM_SEGMENTS], vga;
    uint16_t ext_tseg_mbytes;
} MCHState;
#define MCH(obj) ((MCHState *)(obj))

typedef struct Q35PCIHost {
    PCIHostState parent_obj;
    MemoryRegion *pci_mem, *ram; /* set before realize */
    DeviceState *mch;
} Q35PCIHost;
#define Q35_PCI_HOST(obj) ((Q35PCIHost *)(obj))

#endif
