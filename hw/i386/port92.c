/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reset and A20 of the old PC at port 0x92.  The A20 line itself is always on, as on current
 * machines; its state is only remembered. */
#include "hw/isa/isa.h"
#include "system/runstate.h"

#define TYPE_PORT92 "port92"

typedef struct Port92 {
    ISADevice parent_obj;
    uint8_t out; /* atomic */
    MemoryRegion io;
} Port92;

static uint64_t port92_read(void *opaque, hwaddr offset, unsigned size)
{
    return __atomic_load_n(&((Port92 *)opaque)->out, __ATOMIC_RELAXED);
}

static void port92_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    __atomic_store_n(&((Port92 *)opaque)->out, data & 2, __ATOMIC_RELAXED);
    if (data & 1) {
        qemu_system_reset_request(SHUTDOWN_CAUSE_GUEST_RESET);
    }
}

static const MemoryRegionOps port92_ops = {
    .read = port92_read,
    .write = port92_write,
    .impl = {.min_access_size = 1, .max_access_size = 1},
};

static bool port92_realize(DeviceState *dev, GError **errp)
{
    Port92 *s = (Port92 *)dev;

    memory_region_init_io(&s->io, OBJECT(dev), &port92_ops, s, "port92", 1);
    isa_register_ioport(ISA_DEVICE(dev), &s->io, 0x92);
    return true;
}

static void port92_reset(DeviceState *dev)
{
    __atomic_store_n(&((Port92 *)dev)->out, 2, __ATOMIC_RELAXED);
}

static void port92_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->desc = "fast A20 and reset";
    dc->realize = port92_realize;
    dc->reset = port92_reset;
    dc->user_creatable = false;
}

static const TypeInfo port92_info = {
    .name = TYPE_PORT92,
    .parent = TYPE_ISA_DEVICE,
    .instance_size = sizeof(Port92),
    .class_init = port92_class_init,
};
QOM_TYPE(port92_info);
