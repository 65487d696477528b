/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCI's classic interrupts as firmware leaves them: level-triggered at the 8259s (ELCR), and noted
 * in each function's Interrupt Line register, where kernels without other tables look. */
#include "hw/i386/pc.h"
#include "hw/intc/i8259.h"
#include "hw/pci/pci_bridge.h"
#include "hw/pci/pci_bus.h"

typedef struct Walk {
    PCMachineState *pc;
    uint16_t used; /* classic interrupts */
} Walk;

/* The pin and place on bus 0 that pin of dev arrives at: each bridge rotates pins by slot. */
static uint8_t root_place(PCIDevice *dev, int *pin)
{
    PCIBus *bus = pci_get_bus(dev);

    while (!pci_bus_is_root(bus)) {
        *pin = (*pin + PCI_SLOT(dev->devfn)) & 3;
        dev = bus->parent_dev;
        bus = pci_get_bus(dev);
    }
    return dev->devfn;
}

static void note_line(PCIBus *bus, PCIDevice *dev, void *opaque)
{
    Walk *w = opaque;

    if (dev->config[PCI_INTERRUPT_PIN]) {
        int pin = (dev->config[PCI_INTERRUPT_PIN] - 1) & 3;
        uint8_t devfn = root_place(dev, &pin);
        unsigned irq = w->pc->board->pci_irq(devfn, pin, false);

        pci_config_write(dev, PCI_INTERRUPT_LINE, irq, 1);
        w->used |= BIT(irq);
    }
    if (object_is_a(OBJECT(dev), TYPE_PCI_BRIDGE) && ((PCIBridge *)dev)->sec_bus) {
        pci_for_each_device(((PCIBridge *)dev)->sec_bus, note_line, opaque);
    }
}

void pc_irq_firmware_setup(PCMachineState *pc)
{
    Walk w = {.pc = pc};
    PICCommonClass *pcc;
    Pic chip[2];

    if (pc->host && pc->board->pci_irq) {
        pci_for_each_device(pc->host->bus, note_line, &w);
    }
    if (!pc->gsi.pic_state) {
        return;
    }
    pcc = PIC_COMMON_GET_CLASS(pc->gsi.pic_state);
    pcc->get(PIC_COMMON(pc->gsi.pic_state), chip);
    chip[0].elcr |= w.used & chip[0].elcr_mask;
    chip[1].elcr |= w.used >> 8 & chip[1].elcr_mask;
    pcc->set(PIC_COMMON(pc->gsi.pic_state), chip);
}
