/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VGA: PCI function 1234:1111 with the video RAM at BAR 0 and registers at BAR 2: classic ones from
 * 0x400, Bochs ones from 0x500, the byte order at 0x604.  bochs-display is the same without
 * anything classic.
 */
#include "hw/display/vga.h"
#include "hw/pci/pci_bus.h"

#define TYPE_VGA "VGA"
#define TYPE_BOCHS_DISPLAY "bochs-display"
#define MMIO_SIZE 0x1000
enum { MMIO_PORTS = 0x400, MMIO_VBE = 0x500, MMIO_EXT = 0x600 };
#define LITTLE 0x1e1e1e1eu

typedef struct VGAPci {
    PCIDevice parent_obj;
    VGAState vga;
    MemoryRegion mmio;
    GraphicConsole *console;
    uint32_t vgamem_mb;
    uint64_t vgamem;
    bool classic, alive;
} VGAPci;
#define VGA_PCI(obj) ((VGAPci *)(obj))

static uint64_t mmio_read(void *opaque, hwaddr offset, unsigned size)
{
    VGAPci *d = opaque;

    switch (offset) {
    case MMIO_PORTS ... MMIO_PORTS + 0x1f:
        return d->classic ? vga_port_read(&d->vga, 0x3c0 + offset - MMIO_PORTS) : 0xff;
    case MMIO_VBE ... MMIO_VBE + 2 * VBE_REGS - 1:
        return vga_vbe_read(&d->vga, (offset - MMIO_VBE) / 2) >> (8 * (offset & 1)) & 0xff;
    case MMIO_EXT:
        return 8; /* size of this block */
    case MMIO_EXT + 4 ... MMIO_EXT + 7:
        return LITTLE & 0xff;
    }
    return offset > MMIO_EXT && offset < MMIO_EXT + 4 ? 0 : 0xff;
}

static void mmio_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    VGAPci *d = opaque;

    if (offset >= MMIO_PORTS && offset < MMIO_PORTS + 0x20 && d->classic) {
        for (unsigned n = 0; n < size; n++) {
            vga_port_write(&d->vga, 0x3c0 + offset - MMIO_PORTS + n, data >> (8 * n));
        }
    } else if (offset >= MMIO_VBE && offset < MMIO_VBE + 2 * VBE_REGS && size >= 2) {
        for (unsigned n = 0; n < size / 2; n++) {
            vga_vbe_write(&d->vga, (offset - MMIO_VBE) / 2 + n, data >> (16 * n));
        }
    }
}

/* Reads are put together from bytes; writes come as they are, for a Bochs register is two bytes at
 * once. */
static uint64_t mmio_read_any(void *opaque, hwaddr offset, unsigned size)
{
    uint64_t val = 0;

    for (unsigned n = 0; n < size; n++) {
        val |= mmio_read(opaque, offset + n, 1) << (8 * n);
    }
    return val;
}

static const MemoryRegionOps mmio_ops = {
    .read = mmio_read_any,
    .write = mmio_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 1, .max_access_size = 8},
    .impl = {.min_access_size = 1, .max_access_size = 4},
};

static bool take_size(VGAPci *d, uint64_t *size, GError **errp)
{
    *size = d->classic ? (uint64_t)d->vgamem_mb * MiB : d->vgamem;
    if (*size < 1 * MiB || *size > 512 * MiB || (*size & (*size - 1))) {
        error_setg(errp, "%s: the video RAM must be a power of two from 1 MiB to 512 MiB",
                   d->classic ? "vgamem_mb" : "vgamem");
        return false;
    }
    return true;
}

static bool display_realize(PCIDevice *dev, GError **errp)
{
    VGAPci *d = VGA_PCI(dev);
    uint64_t size;

    if (!take_size(d, &size, errp) || !vga_init(&d->vga, OBJECT(d), size, errp)) {
        return false;
    }
    d->alive = true;
    if (d->classic) {
        vga_map_legacy(&d->vga, OBJECT(d), pci_primary_root_bus()->mem);
    }
    memory_region_init_io(&d->mmio, OBJECT(d), &mmio_ops, d, "vga.mmio", MMIO_SIZE);
    memory_region_set_lock(&d->mmio, &d->vga.lock);
    pci_register_bar(dev, 0, PCI_BASE_ADDRESS_MEM_PREFETCH, &d->vga.mem);
    pci_register_bar(dev, 2, PCI_BASE_ADDRESS_SPACE_MEMORY, &d->mmio);
    d->console = graphic_console_new(DEVICE(d), &vga_graphic_ops, &d->vga);
    return true;
}

static void display_exit(PCIDevice *dev)
{
    VGAPci *d = VGA_PCI(dev);

    graphic_console_delete(d->console);
    d->console = NULL;
    if (d->classic) {
        vga_unmap_legacy(&d->vga, pci_primary_root_bus()->mem);
    }
    memory_region_finalize(&d->mmio);
}

static void display_reset(DeviceState *dev)
{
    pci_device_reset(PCI_DEVICE(dev));
    vga_reset(&VGA_PCI(dev)->vga);
}

static void display_finalize(Object *obj)
{
    if (VGA_PCI(obj)->alive) {
        vga_exit(&VGA_PCI(obj)->vga);
    }
}

static const ObjectProperty vga_props[] = {
    DEFINE_PROP_UINT32("vgamem_mb", VGAPci, vgamem_mb, 16, "Video RAM in MiB"),
};
static const ObjectProperty bochs_props[] = {
    DEFINE_PROP_UINT64("vgamem", VGAPci, vgamem, 16 * MiB, "Video RAM in bytes"),
};

static void common_class_init(ObjectClass *klass)
{
    PCIDeviceClass *pc = (PCIDeviceClass *)klass;
    DeviceClass *dc = (DeviceClass *)klass;

    pc->realize = display_realize;
    pc->exit = display_exit;
    pc->vendor_id = 0x1234;
    pc->device_id = 0x1111;
    pc->revision = 2;
    dc->category = DEVICE_CATEGORY_DISPLAY;
    dc->reset = display_reset;
    dc->hotpluggable = false;
}

static void vga_class_init(ObjectClass *klass, const void *data)
{
    common_class_init(klass);
    ((PCIDeviceClass *)klass)->class_id = 0x0300;
    ((PCIDeviceClass *)klass)->romfile = "vgabios-stdvga.bin";
    ((DeviceClass *)klass)->desc = "VGA with Bochs VBE";
    object_class_add_property_table(klass, vga_props);
}

static void vga_instance_init(Object *obj)
{
    VGA_PCI(obj)->classic = true;
}

static void bochs_class_init(ObjectClass *klass, const void *data)
{
    common_class_init(klass);
    ((PCIDeviceClass *)klass)->class_id = 0x0380;
    ((PCIDeviceClass *)klass)->romfile = "vgabios-bochs-display.bin";
    ((DeviceClass *)klass)->desc = "Bochs display, without VGA";
    object_class_add_property_table(klass, bochs_props);
}

static const TypeInfo vga_info = {
    .name = TYPE_VGA,
    .parent = TYPE_PCI_DEVICE,
    .instance_size = sizeof(VGAPci),
    .class_init = vga_class_init,
    .instance_init = vga_instance_init,
    .instance_finalize = display_finalize,
    .interfaces = (const char *const[]){INTERFACE_CONVENTIONAL_PCI_DEVICE, NULL},
};
QOM_TYPE(vga_info);

static const TypeInfo bochs_info = {
    .name = TYPE_BOCHS_DISPLAY,
    .parent = TYPE_PCI_DEVICE,
    .instance_size = sizeof(VGAPci),
    .class_init = bochs_class_init,
    .instance_finalize = display_finalize,
    .interfaces = (const char *const[]){INTERFACE_CONVENTIONAL_PCI_DEVICE, NULL},
};
QOM_TYPE(bochs_info);
