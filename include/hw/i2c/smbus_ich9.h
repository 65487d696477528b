/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ICH9's SMBus controller. */
#ifndef HW_SMBUS_ICH9_H
#define HW_SMBUS_ICH9_H

#include "hw/i2c/smbus_host.h"
#include "hw/pci/pci.h"

#define TYPE_ICH9_SMBUS "ICH9-SMB"
#define ICH9_SMBUS_BASE 0x700

typedef struct ICH9SMBus {
    PCIDevice parent_obj;
    SMBusHost host;
    I2CBus *bus;
    MemoryRegion memory, alias;
} ICH9SMBus;
#define ICH9_SMBUS(obj) ((ICH9SMBus *)(obj))

/* What firmware does before it starts an OS. Main loop, after reset. */
void ich9_smbus_firmware_setup(ICH9SMBus *s);

#endif
