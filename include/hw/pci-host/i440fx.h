/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 82441FX host bridge of the pc board. Main loop. */
#ifndef HW_PCI_HOST_I440FX_H
#define HW_PCI_HOST_I440FX_H

#include "hw/pci-host/pam.h"
#include "hw/pci/pci_host.h"

#define TYPE_I440FX_PCI_HOST "i440FX-pcihost"
#define TYPE_I440FX "i440FX"

typedef struct I440FXState {
    PCIDevice parent_obj;
    PAMState pam;
    uint8_t smram; /* as last accepted: the lock works on it */
} I440FXState;
#define I440FX(obj) ((I440FXState *)(obj))

typedef struct I440FXHost {
    PCIHostState parent_obj;
    MemoryRegion *pci_mem, *ram; /* set before realize */
    DeviceState *bridge;
} I440FXHost;
#define I440FX_PCI_HOST(obj) ((I440FXHost *)(obj))

/* Shadow RAM as firmware leaves it. */
void i440fx_firmware_setup(I440FXState *s);

#endif
