/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * piix3-ide, function 1.1 of the pc board (82371SB data sheet, 2.4): two channels at the classic
 * ports with interrupts 14 and 15, bus master registers at BAR 4.
 */
#include "hw/ide/piix.h"
#include "pata.h"

enum { IDE_IDETIM0 = 0x40, IDE_IDETIM1 = 0x42, IDE_SIDETIM = 0x44 };
#define IDETIM_DECODE 0x80 /* in the high byte */

typedef struct PIIXIDE {
    PCIDevice parent_obj;
    QemuMutex lock;
    PataChannel channel[2];
    MemoryRegion command[2], control[2], bm;
    bool mapped[2];
} PIIXIDE;
#define PIIX_IDE(obj) ((PIIXIDE *)(obj))

/* --- ports ------------------------------------------------------------------------------------ */

static uint64_t command_read(void *opaque, hwaddr offset, unsigned size)
{
    uint64_t val = 0;

    if (offset == 0) {
        return pata_data_read(opaque, size);
    }
    for (unsigned n = 0; n < size; n++) {
        val |= (uint64_t)(offset + n < 8 ? pata_read(opaque, offset + n) : 0xff) << (8 * n);
    }
    return val;
}

static void command_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    if (offset == 0) {
        pata_data_write(opaque, data, size);
        return;
    }
    for (unsigned n = 0; n < size && offset + n < 8; n++) {
        pata_write(opaque, offset + n, data >> (8 * n));
    }
}

static const MemoryRegionOps command_ops = {
    .read = command_read,
    .write = command_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 1, .max_access_size = 4},
    .impl = {.min_access_size = 1, .max_access_size = 4},
};

static uint64_t control_read(void *opaque, hwaddr offset, unsigned size)
{
    return pata_alt_status(opaque);
}

static void control_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    pata_control(opaque, data);
}

static const MemoryRegionOps control_ops = {
    .read = control_read,
    .write = control_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 1, .max_access_size = 1},
    .impl = {.min_access_size = 1, .max_access_size = 1},
};

static uint64_t bm_read(void *opaque, hwaddr offset, unsigned size)
{
    return pata_bm_read(&PIIX_IDE(opaque)->channel[offset >> 3], offset & 7);
}

static void bm_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    pata_bm_write(&PIIX_IDE(opaque)->channel[offset >> 3], offset & 7, data);
}

static const MemoryRegionOps bm_ops = {
    .read = bm_read,
    .write = bm_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 1, .max_access_size = 4},
    .impl = {.min_access_size = 1, .max_access_size = 1},
};

/* --- decoding --------------------------------------------------------------------------------- */

/* The classic ports are decoded while I/O space is on and the channel's timing register says so. */
static void update_ports(PIIXIDE *s)
{
    static const uint16_t command[2] = {0x1f0, 0x170}, control[2] = {0x3f6, 0x376};
    const uint8_t *c = PCI_DEVICE(s)->config;

    memory_region_transaction_begin();
    for (unsigned n = 0; n < 2; n++) {
        bool on = (pci_get_word(c + PCI_COMMAND) & PCI_COMMAND_IO) &&
                  (c[IDE_IDETIM0 + 2 * n + 1] & IDETIM_DECODE);

        if (on && !s->mapped[n]) {
            memory_region_add_subregion_overlap(get_system_io(), command[n], &s->command[n], 0);
            memory_region_add_subregion_overlap(get_system_io(), control[n], &s->control[n], 1);
        } else if (!on && s->mapped[n]) {
            memory_region_del_subregion(get_system_io(), &s->command[n]);
            memory_region_del_subregion(get_system_io(), &s->control[n]);
        }
        s->mapped[n] = on;
    }
    memory_region_transaction_commit();
}

static void ide_config_changed(PCIDevice *dev, uint32_t addr, int len)
{
    if (addr < PCI_COMMAND + 2 || (addr < IDE_IDETIM1 + 2 && addr + len > IDE_IDETIM0)) {
        update_ports(PIIX_IDE(dev));
    }
}

/* --- device ----------------------------------------------------------------------------------- */

static bool ide_realize(PCIDevice *dev, GError **errp)
{
    PIIXIDE *s = PIIX_IDE(dev);

    if (!s->channel[0].irq) {
        error_setg(errp, "piix3-ide is a part of the pc board and cannot be added to another");
        return false;
    }
    dev->config[PCI_CLASS_PROG] = 0x80; /* bus master, both channels at the classic places */
    pci_set_word(dev->config + PCI_STATUS, PCI_STATUS_FAST_BACK | PCI_STATUS_DEVSEL_MEDIUM);
    pci_set_word(dev->wmask + IDE_IDETIM0, 0xffff);
    pci_set_word(dev->wmask + IDE_IDETIM1, 0xffff);
    dev->wmask[IDE_SIDETIM] = 0xff;
    pci_config_mark_home(dev, IDE_IDETIM0, 4);
    memory_region_init_io(&s->bm, OBJECT(s), &bm_ops, s, "piix-bmdma", 16);
    memory_region_set_lock(&s->bm, &s->lock);
    pci_register_bar(dev, 4, PCI_BASE_ADDRESS_SPACE_IO, &s->bm);
    for (unsigned n = 0; n < 2; n++) {
        PataChannel *c = &s->channel[n];

        pata_init(c, &s->lock, dev, DEVICE(dev), n);
        memory_region_init_io(&s->command[n], OBJECT(s), &command_ops, c, "ide-command", 8);
        memory_region_set_lock(&s->command[n], &s->lock);
        memory_region_init_io(&s->control[n], OBJECT(s), &control_ops, c, "ide-control", 1);
        memory_region_set_lock(&s->control[n], &s->lock);
    }
    return true;
}

static void ide_exit(PCIDevice *dev)
{
    for (unsigned n = 0; n < 2; n++) {
        pata_exit(&PIIX_IDE(dev)->channel[n]);
    }
}

static void ide_reset(DeviceState *qdev)
{
    PIIXIDE *s = PIIX_IDE(qdev);
    PCIDevice *dev = PCI_DEVICE(qdev);

    pci_device_reset(dev);
    /* Both channels are decoded as firmware would leave them. */
    pci_set_word(dev->config + IDE_IDETIM0, 0x8000);
    pci_set_word(dev->config + IDE_IDETIM1, 0x8000);
    dev->config[IDE_SIDETIM] = 0;
    update_ports(s);
    pata_reset(&s->channel[0]);
    pata_reset(&s->channel[1]);
}

bool piix_ide_create(PCIBus *bus, int devfn, qemu_irq *isa_irqs, GError **errp)
{
    DeviceState *dev = qdev_new(TYPE_PIIX3_IDE);

    PCI_DEVICE(dev)->devfn = devfn;
    PIIX_IDE(dev)->channel[0].irq = isa_irqs[14];
    PIIX_IDE(dev)->channel[1].irq = isa_irqs[15];
    return qdev_realize_and_unref(dev, BUS(bus), errp);
}

static void ide_init(Object *obj)
{
    qemu_mutex_init(&PIIX_IDE(obj)->lock);
}

static void ide_class_init(ObjectClass *klass, const void *data)
{
    PCIDeviceClass *pc = (PCIDeviceClass *)klass;
    DeviceClass *dc = (DeviceClass *)klass;

    pc->realize = ide_realize;
    pc->exit = ide_exit;
    pc->config_changed = ide_config_changed;
    pc->vendor_id = PCI_VENDOR_ID_INTEL;
    pc->device_id = 0x7010;
    pc->class_id = 0x0101;
    dc->desc = "PIIX3 IDE controller";
    dc->category = DEVICE_CATEGORY_STORAGE;
    dc->reset = ide_reset;
    dc->user_creatable = false;
    dc->hotpluggable = false;
}

static const TypeInfo ide_info = {
    .name = TYPE_PIIX3_IDE,
    .parent = TYPE_PCI_DEVICE,
    .instance_size = sizeof(PIIXIDE),
    .class_init = ide_class_init,
    .instance_init = ide_init,
    .interfaces = (const char *const[]){INTERFACE_CONVENTIONAL_PCI_DEVICE, NULL},
};
QOM_TYPE(ide_info);
