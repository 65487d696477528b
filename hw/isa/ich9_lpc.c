/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ICH9-LPC, function 1f.0 (ICH9 data sheet, chapter 13): PIRQ A to H, ACPI block at PMBASE, reset
 * control at 0xcf9, the ISA bus.
 *
 * Each PIRQ n is global interrupt 16 + n; where its routing register says so it drives one of the
 * 16 classic interrupts, too.
 */
#include "hw/isa/ich9.h"

#include "system/runstate.h"

enum {
    LPC_PMBASE = 0x40,
    LPC_ACPI_CNTL = 0x44,
    LPC_PIRQA = 0x60,
    LPC_PIRQE = 0x68,
    LPC_RCBA = 0xf0
};
#define ACPI_CNTL_ENABLE 0x80
#define PIRQ_DISABLED 0x80
#define PMBASE_MASK 0xff80

/* --- interrupts
 * -------------------------------------------------------------------------------------- */

int ich9_map_irq(PCIBus *bus, uint8_t devfn, int pin)
{
    unsigned slot = PCI_SLOT(devfn);

    if (slot == 31) {
        return pin; /* A to D */
    }
    /* E to H; rotated by slot so that devices spread over the four. */
    return 4 + ((slot <= 24 ? slot + pin : (unsigned)pin) & 3);
}

/* The classic interrupts that PIRQs drive now. */
static uint16_t routed_levels(const ICH9LPC *lpc)
{
    uint16_t levels = 0;

    for (int n = 0; n < ICH9_PIRQS; n++) {
        if ((lpc->pirq_level & BIT(n)) && !(lpc->pirq_route[n] & PIRQ_DISABLED)) {
            levels |= BIT(lpc->pirq_route[n] & 0xf);
        }
    }
    return levels;
}

static void update_classic(ICH9LPC *lpc)
{
    uint16_t levels = routed_levels(lpc), changed = levels ^ lpc->pic_level;

    lpc->pic_level = levels;
    for (int n = 0; n < 16; n++) {
        if (changed & BIT(n)) {
            qemu_set_irq(lpc->gsi[n], !!(levels & BIT(n)));
        }
    }
}

void ich9_set_pirq(void *opaque, int pirq, int level)
{
    ICH9LPC *lpc = opaque;
    QEMU_LOCK_GUARD(&lpc->route_lock);

    lpc->pirq_level = level ? lpc->pirq_level | BIT(pirq) : lpc->pirq_level & ~BIT(pirq);
    qemu_set_irq(lpc->gsi[16 + pirq], level);
    update_classic(lpc);
}

static void routes_changed(ICH9LPC *lpc)
{
    const uint8_t *c = PCI_DEVICE(lpc)->config;
    QEMU_LOCK_GUARD(&lpc->route_lock);

    memcpy(lpc->pirq_route, c + LPC_PIRQA, 4);
    memcpy(lpc->pirq_route + 4, c + LPC_PIRQE, 4);
    update_classic(lpc);
}

/* --- ACPI block
 * --------------------------------------------------------------------------------------- */

static void pmbase_changed(ICH9LPC *lpc)
{
    const uint8_t *c = PCI_DEVICE(lpc)->config;
    uint16_t base = pci_get_long(c + LPC_PMBASE) & PMBASE_MASK;
    bool on = base && (c[LPC_ACPI_CNTL] & ACPI_CNTL_ENABLE);

    memory_region_place(get_system_io(), &lpc->pm.io, base, on, 0);
}

/* Chipset registers of 16 KiB at RCBA, bit 0 of which switches them on. */
static void rcba_changed(ICH9LPC *lpc)
{
    uint32_t rcba = pci_get_long(PCI_DEVICE(lpc)->config + LPC_RCBA);

    memory_region_place(get_system_memory(), &lpc->tco.rcba, rcba & 0xffffc000, rcba & 1, 1);
}

static void lpc_config_changed(PCIDevice *dev, uint32_t addr, int len)
{
    ICH9LPC *lpc = ICH9_LPC(dev);

    if (addr < LPC_PIRQE + 4 && addr + len > LPC_PIRQA) {
        routes_changed(lpc);
    }
    if (addr <= LPC_ACPI_CNTL && addr + len > LPC_PMBASE) {
        pmbase_changed(lpc);
    }
    if (addr < LPC_RCBA + 4 && addr + len > LPC_RCBA) {
        rcba_changed(lpc);
    }
}

const uint8_t ich9_pirq_irqs[4] = {10, 10, 11, 11};

void ich9_firmware_setup(ICH9LPC *lpc)
{
    PCIDevice *dev = PCI_DEVICE(lpc);

    pci_config_write(dev, LPC_PMBASE, ICH9_PMBASE | 1, 4);
    pci_config_write(dev, LPC_ACPI_CNTL, ACPI_CNTL_ENABLE, 1);
    for (int n = 0; n < 4; n++) {
        pci_config_write(dev, LPC_PIRQA + n, ich9_pirq_irqs[n], 1);
        pci_config_write(dev, LPC_PIRQE + n, ich9_pirq_irqs[n], 1);
    }
}

/* --- reset control
 * -------------------------------------------------------------------------------------- */

static uint8_t reset_read(void *opaque)
{
    return __atomic_load_n(&ICH9_LPC(opaque)->rst_cnt, __ATOMIC_RELAXED);
}

static void reset_write(void *opaque, uint8_t val)
{
    ICH9LPC *lpc = opaque;

    if (val & 4) {
        qemu_system_reset_request(SHUTDOWN_CAUSE_GUEST_RESET);
        return;
    }
    __atomic_store_n(&lpc->rst_cnt, val & 0xa,
                     __ATOMIC_RELAXED); /* system reset and full reset bits */
}

void ich9_connect_host(ICH9LPC *lpc, PCIHostState *host)
{
    host->reset_opaque = lpc;
    host->reset_read = reset_read;
    host->reset_write = reset_write;
}

/* --- device
 * -----------------------------------------------------------------------------------------------
 */

static bool lpc_realize(PCIDevice *dev, GError **errp)
{
    ICH9LPC *lpc = ICH9_LPC(dev);

    dev->multifunction = true;
    dev->config[PCI_HEADER_TYPE] |= 0x80;
    pci_set_word(dev->config + PCI_COMMAND, 0);
    pci_set_long(dev->config + LPC_PMBASE, 1);
    pci_set_long(dev->wmask + LPC_PMBASE, PMBASE_MASK);
    dev->wmask[LPC_ACPI_CNTL] = 0x87;
    for (int n = 0; n < 4; n++) {
        dev->wmask[LPC_PIRQA + n] = dev->wmask[LPC_PIRQE + n] = 0x8f;
    }
    pci_set_long(dev->wmask + LPC_RCBA, 0xffffc001);
    pci_config_mark_home(dev, LPC_PMBASE, 5);
    pci_config_mark_home(dev, LPC_RCBA, 4);

    lpc->isa = isa_bus_new(DEVICE(dev), "isa.0", get_system_io(), lpc->gsi);
    lpc->pm.sci = lpc->gsi[ICH9_SCI_IRQ];
    lpc->pm.disable_s3 = lpc->disable_s3;
    lpc->pm.disable_s4 = lpc->disable_s4;
    acpi_pm_init(&lpc->pm, &acpi_pm_ich9, OBJECT(lpc));
    memory_region_add_subregion(get_system_io(), 0xb2, &lpc->pm.apm);
    tco_init(&lpc->tco, OBJECT(lpc), lpc->noreboot);
    memory_region_add_subregion_overlap(&lpc->pm.io, TCO_OFFSET, &lpc->tco.io, 1);
    return true;
}

static void lpc_reset(DeviceState *qdev)
{
    ICH9LPC *lpc = ICH9_LPC(qdev);
    PCIDevice *dev = PCI_DEVICE(qdev);

    pci_device_reset(dev);
    pci_set_long(dev->config + LPC_PMBASE, 1);
    dev->config[LPC_ACPI_CNTL] = 0;
    memset(dev->config + LPC_PIRQA, PIRQ_DISABLED, 4);
    memset(dev->config + LPC_PIRQE, PIRQ_DISABLED, 4);
    pci_set_long(dev->config + LPC_RCBA, 0);
    routes_changed(lpc);
    pmbase_changed(lpc);
    rcba_changed(lpc);
    tco_reset(&lpc->tco);
    acpi_pm_reset(&lpc->pm);
    __atomic_store_n(&lpc->rst_cnt, 0, __ATOMIC_RELAXED);
}

static void lpc_init(Object *obj)
{
    qemu_mutex_init(&ICH9_LPC(obj)->route_lock);
}

static const ObjectProperty lpc_props[] = {
    DEFINE_PROP_UINT8("disable_s3", ICH9LPC, disable_s3, 0, "1: suspend to RAM is not offered"),
    DEFINE_PROP_UINT8("disable_s4", ICH9LPC, disable_s4, 0, "1: suspend to disk is not offered"),
    DEFINE_PROP_BOOL("noreboot", ICH9LPC, noreboot, false,
                     "The watchdog does not reset the machine"),
};

static void lpc_class_init(ObjectClass *klass, const void *data)
{
    PCIDeviceClass *pc = (PCIDeviceClass *)klass;
    DeviceClass *dc = (DeviceClass *)klass;

    pc->realize = lpc_realize;
    pc->config_changed = lpc_config_changed;
    pc->vendor_id = PCI_VENDOR_ID_INTEL;
    pc->device_id = 0x2918;
    pc->revision = 2;
    pc->class_id = PCI_CLASS_BRIDGE_ISA;
    dc->desc = "ICH9 LPC bridge";
    dc->reset = lpc_reset;
    dc->user_creatable = false;
    dc->hotpluggable = false;
    object_class_add_property_table(klass, lpc_props);
}

static const TypeInfo lpc_info = {
    .name = TYPE_ICH9_LPC,
    .parent = TYPE_PCI_DEVICE,
    .instance_size = sizeof(ICH9LPC),
    .class_init = lpc_class_init,
    .instance_init = lpc_init,
    .interfaces = (const char *const[]){INTERFACE_CONVENTIONAL_PCI_DEVICE, NULL},
};
QOM_TYPE(lpc_info);
