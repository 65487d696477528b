/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The q35 board. */
#include "hw/pci-host/q35.h"

static bool add_host(PCMachineState *pc, GError **errp)
{
    DeviceState *dev = qdev_new(TYPE_Q35_PCI_HOST);
    bool ok;

    Q35_PCI_HOST(dev)->pci_mem = &pc->pci_mem;
    Q35_PCI_HOST(dev)->ram = MACHINE(pc)->ram;
    ok = object_property_add_child(OBJECT(pc), "q35", OBJECT(dev), errp) &&
         qdev_realize(dev, BUS(sysbus_get_default()), errp);
    pc->host = PCI_HOST_BRIDGE(dev);
    pc->mch = (MCHState *)Q35_PCI_HOST(dev)->mch;
    object_unref(dev);
    return ok;
}

static bool add_south_bridge(PCMachineState *pc, GError **errp)
{
    DeviceState *dev = qdev_new(TYPE_ICH9_LPC);

    pc->lpc = ICH9_LPC(dev);
    pc->lpc->gsi = pc->gsi.line;
    PCI_DEVICE(dev)->devfn = PCI_DEVFN(0x1f, 0);
    if (!qdev_realize_and_unref(dev, BUS(pc->host->bus), errp)) {
        return false;
    }
    ich9_connect_host(pc->lpc, pc->host);
    pci_bus_irqs(pc->host->bus, ich9_set_pirq, ich9_map_irq, pc->lpc, ICH9_PIRQS);
    return true;
}

static bool q35_init(MachineState *ms, GError **errp)
{
    PCMachineState *pc = PC_MACHINE(ms);

    return pc_memory_init(pc, errp) && x86_cpus_init(ms, errp) && add_host(pc, errp) &&
           pc_interrupts_init(pc, OBJECT(pc->host), errp) && add_south_bridge(pc, errp) &&
           pc_isa_init(pc, errp) && pc_firmware_init(pc, errp);
}

typedef struct Q35Version {
    const char *name, *alias;
} Q35Version;

static void q35_class_init(ObjectClass *klass, const void *data)
{
    MachineClass *mc = (MachineClass *)klass;
    const Q35Version *v = data;

    mc->name = v->name;
    mc->alias = v->alias;
    mc->desc = "Standard PC (Q35 + ICH9, 2009)";
    mc->init = q35_init;
}

#define Q35_MACHINE(major, minor, alias_) \
    static const Q35Version q35_##major##_##minor = {"pc-q35-" #major "." #minor, alias_}; \
    static const TypeInfo q35_info_##major##_##minor = { \
        .name = MACHINE_TYPE_NAME("pc-q35-" #major "." #minor), \
        .parent = TYPE_PC_MACHINE, \
        .class_init = q35_class_init, \
        .class_data = &q35_##major##_##minor, \
    }; \
    QOM_TYPE(q35_info_##major##_##minor)

Q35_MACHINE(10, 1, "q35");
Q35_MACHINE(9, 2, NULL);
Q35_MACHINE(7, 2, NULL);
