/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pc board's IDE function. Main loop. */
#ifndef HW_IDE_PIIX_H
#define HW_IDE_PIIX_H

#include "hw/pci/pci_bus.h"

#define TYPE_PIIX3_IDE "piix3-ide"

/* Makes and realizes it; isa_irqs are the board's 16 classic lines.  False with errp. */
bool piix_ide_create(PCIBus *bus, int devfn, qemu_irq *isa_irqs, GError **errp);

#endif
