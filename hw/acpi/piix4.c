/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PIIX4 power management, function 1.3 (82371AB data sheet, chapter 7): the ACPI block at PMBASE,
 * general-purpose events at a fixed place, ports 0xb2 and 0xb3, the SMBus controller at SMBBA.
 */
#include "hw/isa/piix.h"

enum {
    PM_PMBASE = 0x40,
    PM_DEVACTB = 0x58,
    PM_PMREGMISC = 0x80,
    PM_SMBBA = 0x90,
    PM_SMBHSTCFG = 0xd2
};
enum { SMBHSTCFG_EN = BIT(0), SMBHSTCFG_INTRSEL = 7 << 1, SMBHSTCFG_IRQ9 = 4 << 1 };
#define SMBBA_MASK 0xfff0
#define SMBUS_SIZE 16
#define PMBASE_MASK 0xffc0
#define DEVACTB_APMC_EN BIT(25)

static void pmbase_changed(PIIX4PM *s)
{
    const uint8_t *c = PCI_DEVICE(s)->config;
    uint16_t base = pci_get_long(c + PM_PMBASE) & PMBASE_MASK;
    bool on = base && (c[PM_PMREGMISC] & 1);

    memory_region_place(get_system_io(), &s->pm.io, base, on, 0);
}

/* --- SMBus (7.1.35 to 7.1.39) ---------------------------------------------------------------- */

static void smbus_changed(PIIX4PM *s)
{
    const uint8_t *c = PCI_DEVICE(s)->config;
    uint16_t base = pci_get_long(c + PM_SMBBA) & SMBBA_MASK;
    bool on = base && (c[PM_SMBHSTCFG] & SMBHSTCFG_EN);

    memory_region_place(get_system_io(), &s->host.io, base, on, 0);
    smbus_host_enable(&s->host, on);
}

/* The line is the SCI's, too. */
static void smbus_interrupt(void *opaque, bool level)
{
    const uint8_t *c = PCI_DEVICE(opaque)->config;
    bool irq9 = (c[PM_SMBHSTCFG] & SMBHSTCFG_INTRSEL) == SMBHSTCFG_IRQ9;

    acpi_pm_share_sci(&PIIX4_PM(opaque)->pm, level && irq9);
}

static void add_smbus(PIIX4PM *s)
{
    PCIDevice *dev = PCI_DEVICE(s);

    if (!s->smbus) {
        return;
    }
    pci_set_long(dev->wmask + PM_SMBBA, SMBBA_MASK);
    pci_set_long(dev->config + PM_SMBBA, 1);
    dev->wmask[PM_SMBHSTCFG] = SMBHSTCFG_EN | SMBHSTCFG_INTRSEL;
    pci_config_mark_home(dev, PM_SMBBA, 4);
    pci_config_mark_home(dev, PM_SMBHSTCFG, 1);
    s->i2c = i2c_bus_new(DEVICE(dev), "i2c");
    s->host.bus = s->i2c;
    s->host.interrupt = smbus_interrupt;
    s->host.opaque = s;
    smbus_host_init(&s->host, OBJECT(s), "pm-smbus", SMBUS_SIZE);
}

static void pm_config_changed(PCIDevice *dev, uint32_t addr, int len)
{
    if ((addr < PM_PMBASE + 4 && addr + len > PM_PMBASE) ||
        (addr <= PM_PMREGMISC && addr + len > PM_PMREGMISC)) {
        pmbase_changed(PIIX4_PM(dev));
    }
    if (PIIX4_PM(dev)->smbus && ((addr < PM_SMBBA + 4 && addr + len > PM_SMBBA) ||
                                 (addr <= PM_SMBHSTCFG && addr + len > PM_SMBHSTCFG))) {
        smbus_changed(PIIX4_PM(dev));
    }
}

void piix4_pm_firmware_setup(PIIX4PM *s)
{
    pci_config_write(PCI_DEVICE(s), PM_PMBASE, PIIX_PMBASE | 1, 4);
    pci_config_write(PCI_DEVICE(s), PM_PMREGMISC, 1, 1);
    pci_config_write(PCI_DEVICE(s), PCI_INTERRUPT_LINE, PIIX_SCI_IRQ, 1);
    if (s->smbus) {
        pci_config_write(PCI_DEVICE(s), PM_SMBBA, PIIX_SMBUS_BASE | 1, 4);
        pci_config_write(PCI_DEVICE(s), PM_SMBHSTCFG, SMBHSTCFG_EN | SMBHSTCFG_IRQ9, 1);
    }
}

static void load_defaults(PIIX4PM *s)
{
    uint8_t *c = PCI_DEVICE(s)->config;

    pci_set_word(c + PCI_STATUS, PCI_STATUS_FAST_BACK | PCI_STATUS_DEVSEL_MEDIUM);
    pci_set_long(c + PM_PMBASE, 1);
    c[PM_PMREGMISC] = 0;
    /* SMIs of port 0xb2 read as set up already: there is no system management mode. */
    pci_set_long(c + PM_DEVACTB, DEVACTB_APMC_EN);
}

static bool pm_realize(PCIDevice *dev, GError **errp)
{
    PIIX4PM *s = PIIX4_PM(dev);

    dev->config[PCI_INTERRUPT_PIN] = 1;
    dev->config[PCI_CLASS_PROG] = 0;
    pci_set_long(dev->wmask + PM_PMBASE, PMBASE_MASK);
    dev->wmask[PM_PMREGMISC] = 1;
    pci_set_long(dev->wmask + PM_DEVACTB, 0xfdffffff);
    pci_config_mark_home(dev, PM_PMBASE, 4);
    pci_config_mark_home(dev, PM_PMREGMISC, 1);
    load_defaults(s);

    s->pm.sci = s->gsi[PIIX_SCI_IRQ];
    s->pm.disable_s3 = s->disable_s3;
    s->pm.disable_s4 = s->disable_s4;
    acpi_pm_init(&s->pm, &acpi_pm_piix4, OBJECT(s));
    memory_region_add_subregion(get_system_io(), 0xb2, &s->pm.apm);
    memory_region_add_subregion(get_system_io(), PIIX_GPE_BASE, &s->pm.gpe);
    add_smbus(s);
    return true;
}

static void pm_reset(DeviceState *qdev)
{
    PIIX4PM *s = PIIX4_PM(qdev);

    pci_device_reset(PCI_DEVICE(qdev));
    load_defaults(s);
    pmbase_changed(s);
    if (s->smbus) {
        pci_set_long(PCI_DEVICE(s)->config + PM_SMBBA, 1);
        PCI_DEVICE(s)->config[PM_SMBHSTCFG] = 0;
        smbus_changed(s);
        smbus_host_reset(&s->host);
    }
    acpi_pm_reset(&s->pm);
}

static void pm_finalize(Object *obj)
{
    smbus_host_cleanup(&PIIX4_PM(obj)->host);
}

static const ObjectProperty pm_props[] = {
    DEFINE_PROP_UINT8("disable_s3", PIIX4PM, disable_s3, 0, "1: suspend to RAM is not offered"),
    DEFINE_PROP_UINT8("disable_s4", PIIX4PM, disable_s4, 0, "1: suspend to disk is not offered"),
};

static void pm_class_init(ObjectClass *klass, const void *data)
{
    PCIDeviceClass *pc = (PCIDeviceClass *)klass;
    DeviceClass *dc = (DeviceClass *)klass;

    pc->realize = pm_realize;
    pc->config_changed = pm_config_changed;
    pc->vendor_id = PCI_VENDOR_ID_INTEL;
    pc->device_id = 0x7113;
    pc->revision = 3;
    pc->class_id = PCI_CLASS_BRIDGE_OTHER;
    dc->desc = "PIIX4 power management";
    dc->category = DEVICE_CATEGORY_BRIDGE;
    dc->reset = pm_reset;
    dc->user_creatable = false;
    dc->hotpluggable = false;
    object_class_add_property_table(klass, pm_props);
}

static const TypeInfo pm_info = {
    .name = TYPE_PIIX4_PM,
    .parent = TYPE_PCI_DEVICE,
    .instance_size = sizeof(PIIX4PM),
    .class_init = pm_class_init,
    .instance_finalize = pm_finalize,
    .interfaces = (const char *const[]){INTERFACE_CONVENTIONAL_PCI_DEVICE, NULL},
};
QOM_TYPE(pm_info);
