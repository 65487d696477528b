/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MultiProcessor Specification 1.4 tables, for kernels that are started without firmware and
 * without ACPI.  Main loop. */
#ifndef HW_I386_MPTABLE_H
#define HW_I386_MPTABLE_H

#include "hw/i386/pc.h"

/* As PCBoard.pci_irq. */
typedef unsigned PCIrqOfPin(uint8_t devfn, int pin, bool at_ioapic);

/* Floating pointer, then the configuration table, for a place at addr below 1 MiB (16-aligned); its
 * checksums are right.  It says the same as the MADT and _PRT.  Processors that the format cannot
 * name (APIC id 255 and above) are left out; irq_of_pin NULL: there is no PCI.  A new array. */
GByteArray *mptable_build(const PCMachineState *pc, uint32_t addr, PCIrqOfPin *irq_of_pin);

#endif
