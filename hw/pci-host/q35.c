/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Q35's north bridge: q35-pcihost with root bus pcie.0, and function 00.0 (mch), whose PCIEXBAR
 * opens ECAM and whose PAM registers say what the processor sees from 0xc0000 to 0xfffff: RAM, or
 * what is behind PCI (firmware).
 */
#include "hw/pci-host/q35.h"

enum { MCH_PCIEXBAR = 0x60, MCH_PAM0 = 0x90, MCH_SMRAM = 0x9d };
enum { PAM_READ_RAM = 1, PAM_WRITE_RAM = 2 };

/* --- shadow RAM: segment 0 is 64 KiB at 0xf0000, the others are 16 KiB from 0xc0000
 * ------------------------------------ */

static void pam_range(int n, hwaddr *start, uint64_t *size)
{
    *start = n ? 0xc0000 + (n - 1) * 0x4000 : 0xf0000;
    *size = n ? 0x4000 : 0x10000;
}

/* Segment 0 is in the high half of PAM0; then low and high halves alternate. */
static unsigned pam_mode(const PCIDevice *dev, int n)
{
    uint8_t reg = dev->config[MCH_PAM0 + (n + 1) / 2];

    return (n == 0 || n % 2 == 0 ? reg >> 4 : reg) & 3;
}

static void pam_update(MCHState *s)
{
    memory_region_transaction_begin();
    for (int n = 0; n < PC_PAM_SEGMENTS; n++) {
        unsigned mode = pam_mode(PCI_DEVICE(s), n);

        /* Without either bit, or for writes only, reads go to PCI. */
        memory_region_set_enabled(&s->pam_pci[n], !(mode & PAM_READ_RAM));
        memory_region_set_enabled(&s->pam_rom[n], mode == PAM_READ_RAM);
    }
    memory_region_transaction_commit();
}

static void pam_init(MCHState *s)
{
    for (int n = 0; n < PC_PAM_SEGMENTS; n++) {
        hwaddr start;
        uint64_t size;

        pam_range(n, &start, &size);
        memory_region_init_alias(&s->pam_pci[n], OBJECT(s), "pam-pci", s->pci_mem, start, size);
        memory_region_add_subregion_overlap(get_system_memory(), start, &s->pam_pci[n], 1);
        memory_region_init_alias(&s->pam_rom[n], OBJECT(s), "pam-rom", s->ram, start, size);
        memory_region_set_readonly(&s->pam_rom[n], true);
        memory_region_add_subregion_overlap(get_system_memory(), start, &s->pam_rom[n], 1);
    }
    /* The VGA window is always PCI's. */
    memory_region_init_alias(&s->vga, OBJECT(s), "vga-window", s->pci_mem, 0xa0000, 0x20000);
    memory_region_add_subregion_overlap(get_system_memory(), 0xa0000, &s->vga, 1);
}

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

static void mch_config_changed(PCIDevice *dev, uint32_t addr, int len)
{
    if (addr < MCH_PCIEXBAR + 8 && addr + len > MCH_PCIEXBAR) {
        ecam_update(MCH(dev));
    }
    if (addr < MCH_PAM0 + 7 && addr + len > MCH_PAM0) {
        pam_update(MCH(dev));
    }
}

void mch_firmware_setup(MCHState *s)
{
    PCIDevice *dev = PCI_DEVICE(s);

    pci_config_write(dev, MCH_PCIEXBAR + 4, 0, 4);
    pci_config_write(dev, MCH_PCIEXBAR, PC_ECAM_BASE | 1, 4);
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
    dev->config[MCH_SMRAM] = 2;
    dev->wmask[MCH_SMRAM] = 0x7f;
    pci_config_mark_home(dev, MCH_PCIEXBAR, 8);
    pci_config_mark_home(dev, MCH_PAM0, 7);
    pam_init(MCH(dev));
    pam_update(MCH(dev));
    return true;
}

static void mch_reset(DeviceState *qdev)
{
    PCIDevice *dev = PCI_DEVICE(qdev);

    pci_device_reset(dev);
    pci_set_quad(dev->config + MCH_PCIEXBAR, PC_ECAM_BASE);
    memset(dev->config + MCH_PAM0, 0, 7);
    dev->config[MCH_SMRAM] = 2;
    ecam_update(MCH(dev));
    pam_update(MCH(dev));
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
