/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pc board: 440FX host bridge, PIIX3, PIIX4's power management. */
#include "hw/i386/cpu_plug.h"
#include "hw/i386/memory_plug.h"
#include "hw/i386/pc.h"
#include "hw/ide/piix.h"
#include "hw/isa/piix.h"
#include "hw/pci-host/i440fx.h"
#include "pc_dsdt.h"

static bool add_host(PCMachineState *pc, GError **errp)
{
    DeviceState *dev = qdev_new(TYPE_I440FX_PCI_HOST);
    bool ok;

    I440FX_PCI_HOST(dev)->pci_mem = &pc->pci_mem;
    I440FX_PCI_HOST(dev)->ram = MACHINE(pc)->ram;
    ok = object_property_add_child(OBJECT(pc), "i440fx", OBJECT(dev), errp) &&
         qdev_realize(dev, BUS(sysbus_get_default()), errp);
    pc->host = PCI_HOST_BRIDGE(dev);
    pc->north = I440FX_PCI_HOST(dev)->bridge;
    object_unref(dev);
    return ok;
}

static bool add_south_bridge(PCMachineState *pc, GError **errp)
{
    DeviceState *isa = qdev_new(TYPE_PIIX3), *pm;

    PIIX3(isa)->gsi = pc->gsi.line;
    PCI_DEVICE(isa)->devfn = PCI_DEVFN(1, 0);
    if (!qdev_realize_and_unref(isa, BUS(pc->host->bus), errp)) {
        return false;
    }
    pc->south = isa;
    pc->isa = PIIX3(isa)->isa;
    piix3_connect_host(PIIX3(isa), pc->host);
    pci_bus_irqs(pc->host->bus, piix3_set_pirq, piix3_map_irq, isa, PIIX_PIRQS);

    if (!piix_ide_create(pc->host->bus, PCI_DEVFN(1, 1), pc->gsi.line, errp)) {
        return false;
    }
    pm = qdev_new(TYPE_PIIX4_PM);
    PIIX4_PM(pm)->gsi = pc->gsi.line;
    PIIX4_PM(pm)->smbus = pc->smbus;
    PCI_DEVICE(pm)->devfn = PCI_DEVFN(1, 3);
    if (!qdev_realize_and_unref(pm, BUS(pc->host->bus), errp)) {
        return false;
    }
    pc->power = pm;
    pc->pm = &PIIX4_PM(pm)->pm;
    return !pc->smbus || spd_eeproms_create(PIIX4_PM(pm)->i2c, MACHINE(pc)->ram_size, errp);
}

static void piix_firmware_setup(PCMachineState *pc)
{
    i440fx_firmware_setup(I440FX(pc->north));
    piix3_firmware_setup(PIIX3(pc->south));
    piix4_pm_firmware_setup(PIIX4_PM(pc->power));
}

/* The I/O APIC sees the classic interrupts that PIRQs drive, and nothing of PCI's own. */
static unsigned piix_pci_irq(uint8_t devfn, int pin, bool at_ioapic)
{
    return piix3_pirq_irqs[piix3_map_irq(NULL, devfn, pin)];
}

static const PCBoard piix_board = {
    .acpi_name = "PC440FX ",
    .dsdt = pc_dsdt,
    .dsdt_size = sizeof(pc_dsdt),
    .low_all = 0xe0000000u,
    .low_split = 0xc0000000u,
    .ide_buses = 2,
    .ide_units = 2,
    .floppy = true,
    .pm_base = PIIX_PMBASE,
    .cpu_ports = 0xaf00,
    .gpe_base = PIIX_GPE_BASE,
    .sci_irq = PIIX_SCI_IRQ,
    .firmware_setup = piix_firmware_setup,
    .pci_irq = piix_pci_irq,
};

static bool pc_init(MachineState *ms, GError **errp)
{
    PCMachineState *pc = PC_MACHINE(ms);

    pc->board = &piix_board;
    return pc_memory_init(pc, errp) && x86_cpus_init(ms, errp) && add_host(pc, errp) &&
           pc_interrupts_init(pc, OBJECT(pc->host), errp) && add_south_bridge(pc, errp) &&
           pc_isa_init(pc, errp) && pc_cpu_hotplug_init(pc, errp) && pc_memory_hotplug_init(pc, errp) && pc_vga_init(pc, errp) && pc_drives_init(pc, errp) &&
           pc_firmware_init(pc, errp);
}

static void pc_class_init(ObjectClass *klass, const void *data)
{
    MachineClass *mc = (MachineClass *)klass;

    mc->desc = "Standard PC (i440FX + PIIX, 1996)";
    mc->contents = "440FX host bridge with bus pci.0, PIIX3 ISA bridge with bus isa.0, PIIX4 power "
                   "management, 8259A pair, "
                   "I/O APIC, 8254, MC146818, 16550A, 82078 floppy controller, fw_cfg";
    mc->init = pc_init;
    pc_machine_class_version(mc, data);
    mc->is_default = mc->alias != NULL;
}

#define I440FX_MACHINE(major, minor, newest) \
    PC_MACHINE_TYPE(pc_##major##_##minor, "pc-i440fx-" #major "." #minor, newest ? "pc" : NULL, \
                    pc_class_init)
PC_MACHINE_VERSIONS(I440FX_MACHINE)
