/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Q35's north bridge. Main loop. */
#ifndef HW_PCI_HOST_Q35_H
#define HW_PCI_HOST_Q35_H

#include "hw/i386/pc.h"
#include "hw/pci-host/pam.h"

#define TYPE_Q35_PCI_HOST "q35-pcihost"
#define TYPE_MCH "mch"

typedef struct MCHState {
    PCIDevice parent_obj;
    PCIHostState *host;
    MemoryRegion *pci_mem, *ram; /* set before realize */
    PAMState pam;
    uint8_t smram; /* as last accepted: the lock works on it */
    uint16_t ext_tseg_mbytes;
} MCHState;
#define MCH(obj) ((MCHState *)(obj))

typedef struct Q35PCIHost {
    PCIHostState parent_obj;
    MemoryRegion *pci_mem, *ram; /* set before realize */
    DeviceState *mch;
} Q35PCIHost;
#define Q35_PCI_HOST(obj) ((Q35PCIHost *)(obj))

/* Shadow RAM and ECAM as firmware leaves them. */
void mch_firmware_setup(MCHState *s);

#endif
