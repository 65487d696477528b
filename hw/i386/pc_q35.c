/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The q35 board. */
#include "hw/i2c/smbus_ich9.h"
#include "hw/i386/cpu_plug.h"
#include "hw/i386/memory_plug.h"
#include "hw/isa/ich9.h"
#include "hw/pci-host/q35.h"
#include "q35_dsdt.h"

static bool add_host(PCMachineState *pc, GError **errp)
{
    DeviceState *dev = qdev_new(TYPE_Q35_PCI_HOST);
    bool ok;

    Q35_PCI_HOST(dev)->pci_mem = &pc->pci_mem;
    Q35_PCI_HOST(dev)->ram = MACHINE(pc)->ram;
    ok = object_property_add_child(OBJECT(pc), "q35", OBJECT(dev), errp) &&
         qdev_realize(dev, BUS(sysbus_get_default()), errp);
    pc->host = PCI_HOST_BRIDGE(dev);
    pc->north = Q35_PCI_HOST(dev)->mch;
    object_unref(dev);
    return ok;
}

static bool add_south_bridge(PCMachineState *pc, GError **errp)
{
    DeviceState *dev = qdev_new(TYPE_ICH9_LPC);

    ICH9LPC *lpc = ICH9_LPC(dev);

    lpc->gsi = pc->gsi.line;
    PCI_DEVICE(dev)->devfn = PCI_DEVFN(0x1f, 0);
    if (!qdev_realize_and_unref(dev, BUS(pc->host->bus), errp)) {
        return false;
    }
    pc->south = pc->power = dev;
    pc->isa = lpc->isa;
    pc->pm = &lpc->pm;
    ich9_connect_host(lpc, pc->host);
    pci_bus_irqs(pc->host->bus, ich9_set_pirq, ich9_map_irq, lpc, ICH9_PIRQS);
    return true;
}

static bool add_sata(PCMachineState *pc, GError **errp)
{
    DeviceState *dev;

    if (!pc->sata) {
        return true;
    }
    dev = qdev_new("ich9-ahci");
    PCI_DEVICE(dev)->devfn = PCI_DEVFN(0x1f, 2);
    PCI_DEVICE(dev)->multifunction = true;
    return qdev_realize_and_unref(dev, BUS(pc->host->bus), errp);
}

static bool add_smbus(PCMachineState *pc, GError **errp)
{
    DeviceState *dev;

    if (!pc->smbus) {
        return true;
    }
    dev = pc->smbus_dev = qdev_new(TYPE_ICH9_SMBUS);
    PCI_DEVICE(dev)->devfn = PCI_DEVFN(0x1f, 3);
    PCI_DEVICE(dev)->multifunction = true;
    return qdev_realize_and_unref(dev, BUS(pc->host->bus), errp) &&
           spd_eeproms_create(ICH9_SMBUS(dev)->bus, MACHINE(pc)->ram_size, errp);
}

static void q35_firmware_setup(PCMachineState *pc)
{
    mch_firmware_setup(MCH(pc->north));
    ich9_firmware_setup(ICH9_LPC(pc->south));
    if (pc->smbus_dev) {
        ich9_smbus_firmware_setup(ICH9_SMBUS(pc->smbus_dev));
    }
}

static unsigned q35_pci_irq(uint8_t devfn, int pin, bool at_ioapic)
{
    int pirq = ich9_map_irq(NULL, devfn, pin);

    return at_ioapic ? 16 + pirq : ich9_pirq_irqs[pirq % 4];
}

static const PCBoard q35_board = {
    .acpi_name = "Q35     ",
    .dsdt = q35_dsdt,
    .dsdt_size = sizeof(q35_dsdt),
    .ecam_base = Q35_ECAM_BASE,
    .ecam_size = Q35_ECAM_SIZE,
    .low_all = Q35_ECAM_BASE,
    .low_split = 0x80000000u,
    .ide_buses = 6,
    .ide_units = 1,
    .pm_base = ICH9_PMBASE,
    .cpu_ports = 0x0cd8,
    .gpe_base = ICH9_PMBASE + 0x20,
    .sci_irq = ICH9_SCI_IRQ,
    .firmware_setup = q35_firmware_setup,
    .pci_irq = q35_pci_irq,
};

static bool q35_init(MachineState *ms, GError **errp)
{
    PCMachineState *pc = PC_MACHINE(ms);

    pc->board = &q35_board;
    return pc_memory_init(pc, errp) && x86_cpus_init(ms, errp) && add_host(pc, errp) &&
           pc_interrupts_init(pc, OBJECT(pc->host), errp) && add_south_bridge(pc, errp) &&
           add_sata(pc, errp) && add_smbus(pc, errp) && pc_isa_init(pc, errp) && pc_cpu_hotplug_init(pc, errp) && pc_memory_hotplug_init(pc, errp) && pc_vga_init(pc, errp) &&
           pc_drives_init(pc, errp) && pc_firmware_init(pc, errp);
}

static void q35_class_init(ObjectClass *klass, const void *data)
{
    MachineClass *mc = (MachineClass *)klass;

    mc->desc = "Standard PC (Q35 + ICH9, 2009)";
    mc->contents = "MCH host bridge with bus pcie.0 and ECAM, ICH9 LPC bridge with bus isa.0 and "
                   "power management, 8259A pair, "
                   "I/O APIC, 8254, MC146818, 16550A, fw_cfg";
    mc->init = q35_init;
    pc_machine_class_version(mc, data);
}

#define Q35_MACHINE(major, minor, newest) \
    PC_MACHINE_TYPE(q35_##major##_##minor, "pc-q35-" #major "." #minor, newest ? "q35" : NULL, \
                    q35_class_init)
PC_MACHINE_VERSIONS(Q35_MACHINE)
