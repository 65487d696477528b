/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ICH9's SMBus controller, function 1f.3 (data sheet, chapter 20): registers at the I/O BAR and,
 * the same, at the memory BAR. */
#include "hw/i2c/smbus_ich9.h"

enum { MEMORY_BAR = 0, IO_BAR = 4, HOSTC = 0x40 };
enum {
    HOSTC_HST_EN = BIT(0),
    HOSTC_SMI_EN = BIT(1),
    HOSTC_I2C_EN = BIT(2),
    HOSTC_SSRESET = BIT(3)
};
#define IO_SIZE 32
#define MEMORY_SIZE 256

static void interrupt(void *opaque, bool level)
{
    pci_set_irq(PCI_DEVICE(opaque), level);
}

static void config_changed(PCIDevice *dev, uint32_t addr, int len)
{
    ICH9SMBus *s = ICH9_SMBUS(dev);

    if (addr > HOSTC || addr + len <= HOSTC) {
        return;
    }
    if (dev->config[HOSTC] & HOSTC_SSRESET) {
        smbus_host_reset(&s->host);
        dev->config[HOSTC] &= ~HOSTC_SSRESET; /* it is done */
    }
    smbus_host_enable(&s->host, dev->config[HOSTC] & HOSTC_HST_EN);
}

void ich9_smbus_firmware_setup(ICH9SMBus *s)
{
    pci_config_write(PCI_DEVICE(s), PCI_BASE_ADDRESS_0 + 4 * IO_BAR, ICH9_SMBUS_BASE, 4);
    pci_config_write(PCI_DEVICE(s), HOSTC, HOSTC_HST_EN, 1);
}

static bool smbus_realize(PCIDevice *dev, GError **errp)
{
    ICH9SMBus *s = ICH9_SMBUS(dev);

    dev->config[PCI_INTERRUPT_PIN] = 1;
    pci_set_word(dev->config + PCI_STATUS, PCI_STATUS_FAST_BACK | PCI_STATUS_DEVSEL_MEDIUM);
    dev->wmask[HOSTC] = HOSTC_HST_EN | HOSTC_SMI_EN | HOSTC_I2C_EN | HOSTC_SSRESET;
    pci_config_mark_home(dev, HOSTC, 1);
    s->bus = i2c_bus_new(DEVICE(dev), "i2c");
    s->host.ich = true;
    s->host.bus = s->bus;
    s->host.interrupt = interrupt;
    s->host.opaque = s;
    smbus_host_init(&s->host, OBJECT(s), "pm-smbus", IO_SIZE);
    memory_region_init(&s->memory, OBJECT(s), "pm-smbus-memory", MEMORY_SIZE);
    memory_region_init_alias(&s->alias, OBJECT(s), "pm-smbus-alias", &s->host.io, 0, IO_SIZE);
    memory_region_add_subregion(&s->memory, 0, &s->alias);
    pci_register_bar(dev, MEMORY_BAR, PCI_BASE_ADDRESS_SPACE_MEMORY | PCI_BASE_ADDRESS_MEM_TYPE_64,
                     &s->memory);
    pci_register_bar(dev, IO_BAR, PCI_BASE_ADDRESS_SPACE_IO, &s->host.io);
    return true;
}

static void smbus_reset(DeviceState *qdev)
{
    ICH9SMBus *s = ICH9_SMBUS(qdev);

    pci_device_reset(PCI_DEVICE(qdev));
    PCI_DEVICE(qdev)->config[HOSTC] = 0;
    smbus_host_enable(&s->host, false);
    smbus_host_reset(&s->host);
}

static void smbus_finalize(Object *obj)
{
    smbus_host_cleanup(&ICH9_SMBUS(obj)->host);
}

static void smbus_class_init(ObjectClass *klass, const void *data)
{
    PCIDeviceClass *pc = (PCIDeviceClass *)klass;
    DeviceClass *dc = (DeviceClass *)klass;

    pc->realize = smbus_realize;
    pc->config_changed = config_changed;
    pc->vendor_id = PCI_VENDOR_ID_INTEL;
    pc->device_id = 0x2930;
    pc->revision = 2;
    pc->class_id = PCI_CLASS_SERIAL_SMBUS;
    dc->desc = "ICH9 SMBus controller";
    dc->reset = smbus_reset;
    dc->user_creatable = false;
    dc->hotpluggable = false;
}

static const TypeInfo smbus_info = {
    .name = TYPE_ICH9_SMBUS,
    .parent = TYPE_PCI_DEVICE,
    .instance_size = sizeof(ICH9SMBus),
    .class_init = smbus_class_init,
    .instance_finalize = smbus_finalize,
    .interfaces = (const char *const[]){INTERFACE_CONVENTIONAL_PCI_DEVICE, NULL},
};
QOM_TYPE(smbus_info);
