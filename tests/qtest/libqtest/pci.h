/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI functions as a test's guest sees them: configuration through 0xcf8/0xcfc or ECAM, BARs, MSI-X
 * with messages into RAM. What goes wrong ends the test.
 */
#ifndef LIBQTEST_PCI_H
#define LIBQTEST_PCI_H

#include "libqtest.h"

typedef struct QPCIBus {
    QTestState *s;
    uint64_t ecam;              /* base address; 0: ports are used */
    uint64_t mem_next, io_next; /* where the next BAR goes */
} QPCIBus;

typedef struct QPCIDevice {
    QPCIBus *bus;
    uint8_t bus_num, devfn;
    struct QPCIBar *msix_bar, *pba_bar;
    uint32_t msix_table, msix_pba;
    unsigned msix_vectors;
    uint64_t msix_messages; /* 4 bytes a vector */
} QPCIDevice;

typedef struct QPCIBar {
    QPCIDevice *dev;
    uint64_t addr, size;
    bool io;
} QPCIBar;

#define QPCI_DEVFN(slot, fn) ((uint8_t)((slot) << 3 | (fn)))

QPCIBus *qpci_new(QTestState *s);
void qpci_free(QPCIBus *bus);
/* Opens the q35 host bridge's ECAM window at 0xb0000000; from then on it is used for all accesses.
 */
void qpci_enable_ecam(QPCIBus *bus);

/* The function, or NULL if there is none; g_free-like: qpci_device_free(). */
QPCIDevice *qpci_device_at(QPCIBus *bus, uint8_t bus_num, uint8_t devfn);
/* The first function on bus 0 with this vendor and device; NULL if there is none. */
QPCIDevice *qpci_device_find(QPCIBus *bus, uint16_t vendor, uint16_t device);
void qpci_device_free(QPCIDevice *dev);

uint8_t qpci_config_readb(QPCIDevice *dev, uint16_t offset);
uint16_t qpci_config_readw(QPCIDevice *dev, uint16_t offset);
uint32_t qpci_config_readl(QPCIDevice *dev, uint16_t offset);
void qpci_config_writeb(QPCIDevice *dev, uint16_t offset, uint8_t v);
void qpci_config_writew(QPCIDevice *dev, uint16_t offset, uint16_t v);
void qpci_config_writel(QPCIDevice *dev, uint16_t offset, uint32_t v);
/* I/O, memory, bus master on; checked by reading back. */
void qpci_device_enable(QPCIDevice *dev);
/* Offset of a capability behind start (0: the first one); 0 if there is none. */
uint8_t qpci_find_capability(QPCIDevice *dev, uint8_t id, uint8_t start);

/* Size of BAR n by writing ones; 0: not there.  Leaves the BAR as it was. */
uint64_t qpci_bar_size(QPCIDevice *dev, int n, bool *io, bool *is64);
/* Places BAR n in the next free range. */
QPCIBar *qpci_iomap(QPCIDevice *dev, int n);
/* Places it at addr. */
QPCIBar *qpci_iomap_at(QPCIDevice *dev, int n, uint64_t addr);
uint64_t qpci_io_read(QPCIBar *bar, uint64_t offset, unsigned size);
void qpci_io_write(QPCIBar *bar, uint64_t offset, unsigned size, uint64_t v);

/* Bus numbers and windows of a bridge or root port: secondary bus number, 16 MiB of memory and 4
 * KiB of ports. */
void qpci_bridge_setup(QPCIDevice *dev, uint8_t secondary);
/* What is in a port's slot gets power (PCI Express 4.0, 7.5.3.10); nothing without a slot.  Part of
 * qpci_bridge_setup(); for what is plugged later. */
void qpci_slot_power_on(QPCIDevice *dev);
/* What firmware does on q35: the LPC bridge decodes the ACPI block at I/O 0x600. */
void qpci_open_ich9_pm(QTestState *s);

/* MSI-X: table and PBA are mapped, each vector's message is one of dword[vector] in RAM with data
 * (0xcafe0000 | vector), unmasked. */
void qpci_msix_enable(QPCIDevice *dev);
void qpci_msix_disable(QPCIDevice *dev);
void qpci_msix_mask(QPCIDevice *dev, unsigned vector, bool masked);
void qpci_msix_mask_all(QPCIDevice *dev, bool masked);
bool qpci_msix_pending(QPCIDevice *dev, unsigned vector);
/* True if the message came since the last call. */
bool qpci_msix_take(QPCIDevice *dev, unsigned vector);
/* Waits for it, at most 20 s. */
void qpci_msix_wait(QPCIDevice *dev, unsigned vector);

#endif
