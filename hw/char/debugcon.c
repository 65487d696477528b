/* SPDX-License-Identifier: GPL-2.0-or-later */
/* isa-debugcon: one port whose written bytes go to a character device; a read gives a value by
 * which firmware knows it. */
#include "chardev/char.h"
#include "hw/isa/isa.h"

typedef struct ISADebugcon {
    ISADevice parent_obj;
    uint32_t iobase, readback;
    CharFrontend chr;
    MemoryRegion io;
} ISADebugcon;

static uint64_t debugcon_read(void *opaque, hwaddr offset, unsigned size)
{
    return ((ISADebugcon *)opaque)->readback;
}

static void debugcon_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    uint8_t c = data;

    /* Queued when the reader is slow, and bounded there: a vCPU never waits for it. */
    qemu_chr_fe_write_all(&((ISADebugcon *)opaque)->chr, &c, 1);
}

static const MemoryRegionOps debugcon_ops = {
    .read = debugcon_read,
    .write = debugcon_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 1, .max_access_size = 1},
    .impl = {.min_access_size = 1, .max_access_size = 1},
};

static bool debugcon_realize(DeviceState *dev, GError **errp)
{
    ISADebugcon *s = (ISADebugcon *)dev;

    if (!s->chr.chr) {
        error_setg(errp, "isa-debugcon: chardev= is missing: name a character device");
        return false;
    }
    if (s->iobase > 0xffff) {
        error_setg(errp, "isa-debugcon: iobase=0x%x is no port (0 to 0xffff)", s->iobase);
        return false;
    }
    memory_region_init_io(&s->io, OBJECT(dev), &debugcon_ops, s, "isa-debugcon", 1);
    isa_register_ioport(ISA_DEVICE(dev), &s->io, s->iobase);
    return true;
}

static void debugcon_unrealize(DeviceState *dev)
{
    isa_unregister_ioport(ISA_DEVICE(dev), &((ISADebugcon *)dev)->io);
    memory_region_finalize(&((ISADebugcon *)dev)->io);
}

static const ObjectProperty debugcon_props[] = {
    DEFINE_PROP_UINT32("iobase", ISADebugcon, iobase, 0xe9, "Port"),
    DEFINE_PROP_CHR("chardev", ISADebugcon, chr),
    DEFINE_PROP_UINT32("readback", ISADebugcon, readback, 0xe9, "What a read of the port gives"),
};

static void debugcon_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->desc = "debug output port";
    dc->category = DEVICE_CATEGORY_MISC;
    dc->realize = debugcon_realize;
    dc->unrealize = debugcon_unrealize;
    object_class_add_property_table(klass, debugcon_props);
}

static const TypeInfo debugcon_info = {
    .name = "isa-debugcon",
    .parent = TYPE_ISA_DEVICE,
    .instance_size = sizeof(ISADebugcon),
    .class_init = debugcon_class_init,
};
QOM_TYPE(debugcon_info);
