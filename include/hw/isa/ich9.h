/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ICH9 south bridge: LPC function with interrupt routing, power management and reset control. */
#ifndef HW_ISA_ICH9_H
#define HW_ISA_ICH9_H

#include "hw/acpi/pm.h"
#include "hw/isa/isa.h"
#include "hw/pci/pci_host.h"
#include "hw/watchdog/tco.h"

#define TYPE_ICH9_LPC "ICH9-LPC"
#define ICH9_PMBASE 0x600
#define ICH9_SCI_IRQ 9
#define ICH9_PIRQS 8

typedef struct ICH9LPC {
    PCIDevice parent_obj;
    ISABus *isa;
    qemu_irq *gsi; /* the board's global interrupts */
    AcpiPM pm;
    TcoState tco; /* its ports lie in pm's block */
    uint8_t disable_s3, disable_s4;
    bool smm_enabled, noreboot;
    uint8_t rst_cnt; /* port 0xcf9; atomic */
    /* Interrupt routing; route_lock. */
    QemuMutex route_lock;
    uint8_t pirq_level; /* bit n: PIRQ A + n asserted */
    uint8_t pirq_route[ICH9_PIRQS];
    uint16_t pic_level; /* bit n: ISA interrupt n is driven by PIRQs */
} ICH9LPC;
#define ICH9_LPC(obj) ((ICH9LPC *)(obj))

/* PCI lines of the root bus: PIRQ n. */
void ich9_set_pirq(void *opaque, int pirq, int level);
int ich9_map_irq(PCIBus *bus, uint8_t devfn, int pin);
/* The classic interrupts that ich9_firmware_setup() gives PIRQ A to D, and E to H. */
extern const uint8_t ich9_pirq_irqs[4];
/* What firmware does before it starts an OS: PM block, PIRQ routing to the classic interrupts. Main
 * loop, after reset. */
void ich9_firmware_setup(ICH9LPC *lpc);
/* Wires the reset port into host and returns lpc's bus. */
void ich9_connect_host(ICH9LPC *lpc, PCIHostState *host);

#endif
