/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Q35's north bridge: q35-pcihost with root bus pcie.0, and function 00.0 (mch), whose PCIEXBAR
 * opens ECAM and whose PAM registers say what the processor sees from 0xc0000 to 0xfffff: RAM, or
 * what is behind PCI (firmware).
 */
#include "hw/pci-host/q35.h"

enum { MCH_PCIEXBAR = 0x60, MCH_PAM0 = 0x90, MCH_SMRAM = 0x9d };

/* --- ECAM
 * ----------------------------------------------------------------------------------------------------------------
 */

static void ecam_update(MCHState *s)
{
    static const uint64_t sizes[4] = {256 * MiB, 128 * MiB, 64 * MiB, 0};
    uint64_t reg = pci_get_quad(PCI_DEVICE(s)->config + MCH_PCIEXBAR);
    uint64_t size = reg & 1 ? sizes[reg >> 1 & 3] : 0;
    uint64_t base = size ? reg & ~(size - 1) & MASK_ULL(36) : 0;

    pcie_host_set_ecam(s->host, base, size);
}

static void shadow_update(MCHState *s)
{
    pam_update(&s->pam, PCI_DEVICE(s)->config + MCH_PAM0, s->smram);
}

static void mch_config_changed(PCIDevice *dev, uint32_t addr, int len)
{
    if (addr < MCH_PCIEXBAR + 8 && addr + len > MCH_PCIEXBAR) {
        ecam_update(MCH(dev));
    }
    if (addr <= MCH_SMRAM && addr + len > MCH_SMRAM) {
        MCH(dev)->smram = pam_smram_write(MCH(dev)->smram, dev->config[MCH_SMRAM]);
        dev->config[MCH_SMRAM] = MCH(dev)->smram;
        shadow_update(MCH(dev));
    }
    if (addr < MCH_PAM0 + PAM_REGISTERS && addr + len > MCH_PAM0) {
        shadow_update(MCH(dev));
    }
}

void mch_firmware_setup(MCHState *s)
{
    PCIDevice *dev = PCI_DEVICE(s);

    pci_config_write(dev, MCH_PCIEXBAR + 4, 0, 4);
    pci_config_write(dev, MCH_PCIEXBAR, Q35_ECAM_BASE | 1, 4);
    pci_config_write(dev, MCH_PAM0, 0x30, 1);
    for (int n = 1; n < 7; n++) {
        pci_config_write(dev, MCH_PAM0 + n, 0x33, 1);
    }
}

static bool mch_realize(PCIDevice *dev, GError **errp)
{
    pci_set_quad(dev->wmask + MCH_PCIEXBAR, UINT64_C(0x0000000ffc000007));
    dev->wmask[MCH_PAM0] = 0x30;
    memset(dev->wmask + MCH_PAM0 + 1, 0x33, 6);
    MCH(dev)->smram = dev->config[MCH_SMRAM] = SMRAM_C_BASE_SEG;
    dev->wmask[MCH_SMRAM] = 0x78;
    pci_config_mark_home(dev, MCH_PCIEXBAR, 8);
    pci_config_mark_home(dev, MCH_PAM0, PAM_REGISTERS);
    pci_config_mark_home(dev, MCH_SMRAM, 1);
    pam_init(&MCH(dev)->pam, OBJECT(dev), MCH(dev)->pci_mem, MCH(dev)->ram);
    shadow_update(MCH(dev));
    return true;
}

static void mch_reset(DeviceState *qdev)
{
    PCIDevice *dev = PCI_DEVICE(qdev);

    pci_device_reset(dev);
    pci_set_quad(dev->config + MCH_PCIEXBAR, Q35_ECAM_BASE);
    memset(dev->config + MCH_PAM0, 0, 7);
    MCH(dev)->smram = dev->config[MCH_SMRAM] = SMRAM_C_BASE_SEG;
    ecam_update(MCH(dev));
    shadow_update(MCH(dev));
}

static const ObjectProperty mch_props[] = {
    DEFINE_PROP_UINT16("extended-tseg-mbytes", MCHState, ext_tseg_mbytes, 0,
                       "Size of extended TSEG; 0: none"),
};

static void mch_class_init(ObjectClass *klass, const void *data)
{
    PCIDeviceClass *pc = (PCIDeviceClass *)klass;
    DeviceClass *dc = (DeviceClass *)klass;

    pc->realize = mch_realize;
    pc->config_changed = mch_config_changed;
    pc->vendor_id = PCI_VENDOR_ID_INTEL;
    pc->device_id = 0x29c0;
    pc->class_id = PCI_CLASS_BRIDGE_HOST;
    dc->desc = "Host bridge";
    dc->reset = mch_reset;
    dc->user_creatable = false;
    dc->hotpluggable = false;
    object_class_add_property_table(klass, mch_props);
}

static const TypeInfo mch_info = {
    .name = TYPE_MCH,
    .parent = TYPE_PCI_DEVICE,
    .instance_size = sizeof(MCHState),
    .class_init = mch_class_init,
    .interfaces = (const char *const[]){INTERFACE_CONVENTIONAL_PCI_DEVICE, NULL},
};
QOM_TYPE(mch_info);

/* --- host bridge
 * ----------------------------------------------------------------------------------------------------------
 */

static bool host_realize(DeviceState *dev, GError **errp)
{
    Q35PCIHost *q = Q35_PCI_HOST(dev);
    PCIHostState *host = PCI_HOST_BRIDGE(dev);

    host->bus = pci_root_bus_new(dev, "pcie.0", q->pci_mem, get_system_io(), 0, TYPE_PCIE_BUS);
    pci_host_init_ports(host);
    q->mch = qdev_new(TYPE_MCH);
    MCH(q->mch)->pci_mem = q->pci_mem;
    MCH(q->mch)->ram = q->ram;
    MCH(q->mch)->host = host;
    PCI_DEVICE(q->mch)->devfn = PCI_DEVFN(0, 0);
    return object_property_add_child(OBJECT(dev), "mch", OBJECT(q->mch), errp) &&
           qdev_realize_and_unref(q->mch, BUS(host->bus), errp);
}

static void host_reset(DeviceState *dev)
{
    __atomic_store_n(&PCI_HOST_BRIDGE(dev)->config_reg, 0, __ATOMIC_RELAXED);
}

static void host_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->desc = "Q35 host bridge";
    dc->realize = host_realize;
    dc->reset = host_reset;
    dc->user_creatable = false;
    dc->hotpluggable = false;
}

static const TypeInfo host_info = {
    .name = TYPE_Q35_PCI_HOST,
    .parent = TYPE_PCI_HOST_BRIDGE,
    .instance_size = sizeof(Q35PCIHost),
    .class_init = host_class_init,
};
QOM_TYPE(host_info);
