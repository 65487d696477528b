/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intel 82441FX (PMC): host bridge with root bus pci.0 and function 00.0, whose PAM and SMRAM
 * registers are what software uses of it.  Registers as in the 440FX data sheet, chapter 3.2.
 */
#include "hw/pci-host/i440fx.h"

enum { FX_PAM0 = 0x59, FX_SMRAM = 0x72 };

static void update(I440FXState *s)
{
    pam_update(&s->pam, PCI_DEVICE(s)->config + FX_PAM0, s->smram);
}

static void fx_config_changed(PCIDevice *dev, uint32_t addr, int len)
{
    I440FXState *s = I440FX(dev);

    if (addr <= FX_SMRAM && addr + len > FX_SMRAM) {
        s->smram = pam_smram_write(s->smram, dev->config[FX_SMRAM]);
        dev->config[FX_SMRAM] = s->smram;
        update(s);
    }
    if (addr < FX_PAM0 + PAM_REGISTERS && addr + len > FX_PAM0) {
        update(s);
    }
}

void i440fx_firmware_setup(I440FXState *s)
{
    pci_config_write(PCI_DEVICE(s), FX_PAM0, 0x30, 1);
    for (int n = 1; n < PAM_REGISTERS; n++) {
        pci_config_write(PCI_DEVICE(s), FX_PAM0 + n, 0x33, 1);
    }
}

static bool fx_realize(PCIDevice *dev, GError **errp)
{
    I440FXState *s = I440FX(dev);
    I440FXHost *host = I440FX_PCI_HOST(BUS(pci_get_bus(dev))->parent);

    dev->wmask[FX_PAM0] = 0x30;
    memset(dev->wmask + FX_PAM0 + 1, 0x33, PAM_REGISTERS - 1);
    dev->wmask[FX_SMRAM] = 0x78;
    pci_config_mark_home(dev, FX_PAM0, PAM_REGISTERS);
    pci_config_mark_home(dev, FX_SMRAM, 1);
    pam_init(&s->pam, OBJECT(s), host->pci_mem, host->ram);
    s->smram = dev->config[FX_SMRAM] = SMRAM_C_BASE_SEG;
    update(s);
    return true;
}

static void fx_reset(DeviceState *qdev)
{
    I440FXState *s = I440FX(qdev);
    PCIDevice *dev = PCI_DEVICE(qdev);

    pci_device_reset(dev);
    memset(dev->config + FX_PAM0, 0, PAM_REGISTERS);
    s->smram = dev->config[FX_SMRAM] = SMRAM_C_BASE_SEG;
    update(s);
}

static void fx_class_init(ObjectClass *klass, const void *data)
{
    PCIDeviceClass *pc = (PCIDeviceClass *)klass;
    DeviceClass *dc = (DeviceClass *)klass;

    pc->realize = fx_realize;
    pc->config_changed = fx_config_changed;
    pc->vendor_id = PCI_VENDOR_ID_INTEL;
    pc->device_id = 0x1237;
    pc->revision = 2;
    pc->class_id = PCI_CLASS_BRIDGE_HOST;
    dc->desc = "Host bridge";
    dc->category = DEVICE_CATEGORY_BRIDGE;
    dc->reset = fx_reset;
    dc->user_creatable = false;
    dc->hotpluggable = false;
}

static const TypeInfo fx_info = {
    .name = TYPE_I440FX,
    .parent = TYPE_PCI_DEVICE,
    .instance_size = sizeof(I440FXState),
    .class_init = fx_class_init,
    .interfaces = (const char *const[]){INTERFACE_CONVENTIONAL_PCI_DEVICE, NULL},
};
QOM_TYPE(fx_info);

/* --- host bridge ------------------------------------------------------------------------------ */

static bool host_realize(DeviceState *dev, GError **errp)
{
    I440FXHost *s = I440FX_PCI_HOST(dev);
    PCIHostState *host = PCI_HOST_BRIDGE(dev);

    host->bus = pci_root_bus_new(dev, "pci.0", s->pci_mem, get_system_io(), 0, TYPE_PCI_BUS);
    pci_host_init_ports(host);
    s->bridge = qdev_new(TYPE_I440FX);
    PCI_DEVICE(s->bridge)->devfn = PCI_DEVFN(0, 0);
    return object_property_add_child(OBJECT(dev), "pmc", OBJECT(s->bridge), errp) &&
           qdev_realize_and_unref(s->bridge, BUS(host->bus), errp);
}

static void host_reset(DeviceState *dev)
{
    __atomic_store_n(&PCI_HOST_BRIDGE(dev)->config_reg, 0, __ATOMIC_RELAXED);
}

static void host_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->desc = "i440FX host bridge";
    dc->category = DEVICE_CATEGORY_BRIDGE;
    dc->realize = host_realize;
    dc->reset = host_reset;
    dc->user_creatable = false;
    dc->hotpluggable = false;
}

static const TypeInfo host_info = {
    .name = TYPE_I440FX_PCI_HOST,
    .parent = TYPE_PCI_HOST_BRIDGE,
    .instance_size = sizeof(I440FXHost),
    .class_init = host_class_init,
};
QOM_TYPE(host_info);
