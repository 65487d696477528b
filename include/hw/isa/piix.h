/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pc board's south bridge: PIIX3 as ISA bridge, PIIX4's power management function beside it. */
#ifndef HW_ISA_PIIX_H
#define HW_ISA_PIIX_H

#include "hw/acpi/pm.h"
#include "hw/i2c/smbus_host.h"
#include "hw/isa/isa.h"
#include "hw/pci/pci_host.h"

#define TYPE_PIIX3 "PIIX3"
#define TYPE_PIIX4_PM "PIIX4_PM"
#define PIIX_PIRQS 4
#define PIIX_PMBASE 0x600
#define PIIX_GPE_BASE 0xafe0
#define PIIX_SCI_IRQ 9
#define PIIX_SMBUS_BASE 0x700

typedef struct PIIX3State {
    PCIDevice parent_obj;
    ISABus *isa;
    qemu_irq *gsi;  /* the board's global interrupts; set before realize */
    uint8_t rst_cnt; /* port 0xcf9; atomic */
    QemuMutex route_lock;
    uint8_t pirq_level, pirq_route[PIIX_PIRQS]; /* route_lock */
    uint16_t pic_level;                         /* route_lock: ISA interrupts that PIRQs drive */
} PIIX3State;
#define PIIX3(obj) ((PIIX3State *)(obj))

typedef struct PIIX4PM {
    PCIDevice parent_obj;
    qemu_irq *gsi; /* set before realize */
    AcpiPM pm;
    uint8_t disable_s3, disable_s4;
    bool smbus; /* has the SMBus controller; set before realize */
    SMBusHost host;
    I2CBus *i2c;
} PIIX4PM;
#define PIIX4_PM(obj) ((PIIX4PM *)(obj))

/* PCI lines of the root bus: PIRQ A to D. */
void piix3_set_pirq(void *opaque, int pirq, int level);
int piix3_map_irq(PCIBus *bus, uint8_t devfn, int pin);
/* Wires the reset port into host. */
void piix3_connect_host(PIIX3State *s, PCIHostState *host);
/* The classic interrupts that piix3_firmware_setup() gives PIRQ A to D. */
extern const uint8_t piix3_pirq_irqs[PIIX_PIRQS];
/* What firmware does before it starts an OS. Main loop, after reset. */
void piix3_firmware_setup(PIIX3State *s);
void piix4_pm_firmware_setup(PIIX4PM *s);

#endif
