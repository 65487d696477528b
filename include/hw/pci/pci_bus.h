/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI buses: 256 functions, two address spaces, and the way of an interrupt line to the board.
 *
 * Threads: devices[] is written by the main loop and read by any thread under RCU; the rest is
 * fixed before devices plug in, but irq_count[], which irq_lock guards.
 */
#ifndef HW_PCI_BUS_H
#define HW_PCI_BUS_H

#include "hw/pci/pci.h"

/* Root bus: which board line (0 to nirq-1) pin (0 = INTA#) of function devfn drives. */
typedef int PCIMapIrqFn(PCIBus *bus, uint8_t devfn, int pin);
/* Root bus: board line n changes. Called under irq_lock, from any thread. */
typedef void PCISetIrqFn(void *opaque, int n, int level);

struct PCIBus {
    BusState parent_obj;
    PCIDevice *devices[PCI_SLOT_MAX * PCI_FUNC_MAX]; /* RCU */
    PCIDevice *parent_dev;                           /* the bridge; NULL for a root bus */
    MemoryRegion *mem, *io;                          /* where BARs are placed */
    bool one_slot;                                   /* below a port: slot 0 only */
    bool dark;                                       /* atomic: a slot without power */
    AioBH *power_lost_bh;                            /* a slot with hot plug: its devices forget all or leave */
    bool power_lost;                                 /* it is to run; main loop */
    uint8_t devfn_min;                               /* first that is given out automatically */
    PCIMapIrqFn *map_irq;
    PCISetIrqFn *set_irq;
    void *irq_opaque;
    int nirq;
    QemuMutex irq_lock;
    int *irq_count; /* functions that assert board line n */
};
#define PCI_BUS(obj) ((PCIBus *)(obj))

static inline bool pci_bus_is_root(const PCIBus *bus)
{
    return bus->parent_dev == NULL;
}
static inline bool pci_bus_is_express(PCIBus *bus)
{
    return object_is_a(OBJECT(bus), TYPE_PCIE_BUS);
}

/* A root bus of typename below parent. Main loop. */
PCIBus *pci_root_bus_new(DeviceState *parent, const char *name, MemoryRegion *mem, MemoryRegion *io,
                         uint8_t devfn_min, const char *typename);
/* Board lines of a root bus. Main loop, before devices plug in. */
void pci_bus_irqs(PCIBus *bus, PCISetIrqFn *set_irq, PCIMapIrqFn *map_irq, void *opaque, int nirq);
/* The function on bus number bus_num below root; call under RCU, from any thread; NULL if there is
 * none, or none with power. */
PCIDevice *pci_lookup(PCIBus *root, uint8_t bus_num, uint8_t devfn);
/* The level of dev's INTx changed by delta (+1, -1).  Called with dev's config_lock held. Any
 * thread. */
void pci_bus_change_irq(PCIDevice *dev, int delta);
/* Claims and gives back devfn on the bus. Main loop. */
bool pci_bus_claim(PCIBus *bus, PCIDevice *dev, GError **errp);
void pci_bus_release(PCIBus *bus, PCIDevice *dev);
/* INTx: recomputed from command and irq_state. config_lock held. */
void pci_update_intx_locked(PCIDevice *dev);
/* The first root bus (pcie.0), NULL on a machine without PCI. */
PCIBus *pci_primary_root_bus(void);

#endif
