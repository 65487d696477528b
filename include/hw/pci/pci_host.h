/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Host bridge access to configuration space: ports 0xcf8/0xcfc and, for PCI Express, ECAM.
 *
 * Reads, and writes that change nothing but bytes, are done by the accessing thread; other writes
 * are carried to the main loop and answered.
 */
#ifndef HW_PCI_HOST_H
#define HW_PCI_HOST_H

#include "hw/pci/pci_bus.h"

#define TYPE_PCI_HOST_BRIDGE "pci-host-bridge"

typedef struct PCIHostState {
    SysBusDevice parent_obj;
    MemoryRegion conf, data, ecam;
    uint32_t config_reg; /* atomic */
    PCIBus *bus;
    uint64_t ecam_base, ecam_size; /* size 0: closed; main loop */
    bool ecam_mapped;
    /* Port 0xcf9 lies inside the address register: byte accesses to it go here (the south bridge
     * sets it before vCPUs run). */
    uint8_t (*reset_read)(void *opaque);
    void (*reset_write)(void *opaque, uint8_t val);
    void *reset_opaque;
} PCIHostState;
#define PCI_HOST_BRIDGE(obj) ((PCIHostState *)(obj))

/* Makes the two port regions and maps them. From realize of the host bridge, after bus is set. */
void pci_host_init_ports(PCIHostState *host);
/* Opens ECAM at base for size bytes (1 MiB a bus), or closes it (size 0). Main loop. */
void pcie_host_set_ecam(PCIHostState *host, uint64_t base, uint64_t size);

#endif
