/* SPDX-License-Identifier: GPL-2.0-or-later */
/* isa-debug-exit: a write of V ends the emulator with exit status 2 V + 1. */
#include "hw/isa/isa.h"
#include "system/runstate.h"

typedef struct DebugExit {
    ISADevice parent_obj;
    uint32_t iobase, iosize;
    MemoryRegion io;
} DebugExit;

static uint64_t exit_read(void *opaque, hwaddr offset, unsigned size)
{
    return 0;
}

static void exit_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    qemu_system_shutdown_request_with_code(SHUTDOWN_CAUSE_GUEST_SHUTDOWN,
                                           (int)((uint32_t)data << 1 | 1));
}

static const MemoryRegionOps exit_ops = {
    .read = exit_read,
    .write = exit_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 1, .max_access_size = 4},
    .impl = {.min_access_size = 1, .max_access_size = 4},
};

static bool exit_realize(DeviceState *dev, GError **errp)
{
    DebugExit *s = (DebugExit *)dev;

    if (!s->iosize || s->iosize > 0x100 || s->iobase > 0x10000 - s->iosize) {
        error_setg(errp,
                   "isa-debug-exit: iobase=0x%x,iosize=0x%x is no range of ports of 1 to 256 bytes",
                   s->iobase, s->iosize);
        return false;
    }
    memory_region_init_io(&s->io, OBJECT(dev), &exit_ops, s, "isa-debug-exit", s->iosize);
    isa_register_ioport(ISA_DEVICE(dev), &s->io, s->iobase);
    return true;
}

static void exit_unrealize(DeviceState *dev)
{
    isa_unregister_ioport(ISA_DEVICE(dev), &((DebugExit *)dev)->io);
}

static const ObjectProperty exit_props[] = {
    DEFINE_PROP_UINT32("iobase", DebugExit, iobase, 0x501, "First port"),
    DEFINE_PROP_UINT32("iosize", DebugExit, iosize, 2, "Number of ports"),
};

static void exit_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->desc = "ends the emulator with a status that the guest chooses";
    dc->category = DEVICE_CATEGORY_MISC;
    dc->realize = exit_realize;
    dc->unrealize = exit_unrealize;
    object_class_add_property_table(klass, exit_props);
}

static const TypeInfo exit_info = {
    .name = "isa-debug-exit",
    .parent = TYPE_ISA_DEVICE,
    .instance_size = sizeof(DebugExit),
    .class_init = exit_class_init,
};
QOM_TYPE(exit_info);
