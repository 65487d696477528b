/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pvpanic: the guest tells that it panicked (bit 0), loaded a crash kernel (bit 1) or asks for
 * power-off (bit 2).  A read gives the events that are known.
 */
#include "hw/isa/isa.h"
#include "hw/nvram/fw_cfg.h"
#include "monitor/monitor.h"
#include "system/runstate.h"

enum { PANICKED = 1, CRASH_LOADED = 2, GUEST_SHUTDOWN = 4 };

typedef struct PVPanic {
    ISADevice parent_obj;
    uint16_t ioport;
    uint8_t events;
    MemoryRegion io;
} PVPanic;

static uint64_t panic_read(void *opaque, hwaddr offset, unsigned size)
{
    return ((PVPanic *)opaque)->events;
}

static void panic_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    PVPanic *s = opaque;

    data &= s->events;
    if (data & PANICKED) {
        qemu_system_guest_panicked();
    } else if (data & CRASH_LOADED) {
        json_object *info = json_object_new_object();

        json_object_object_add(info, "action", json_object_new_string("run"));
        qapi_event_emit("GUEST_CRASHLOADED", info);
    } else if (data & GUEST_SHUTDOWN) {
        qemu_system_shutdown_request(SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
    }
}

static const MemoryRegionOps panic_ops = {
    .read = panic_read,
    .write = panic_write,
    .impl = {.min_access_size = 1, .max_access_size = 1},
};

static bool panic_realize(DeviceState *dev, GError **errp)
{
    PVPanic *s = (PVPanic *)dev;
    FWCfgState *fw = fw_cfg_find();
    uint16_t port = s->ioport;

    memory_region_init_io(&s->io, OBJECT(dev), &panic_ops, s, "pvpanic", 1);
    isa_register_ioport(ISA_DEVICE(dev), &s->io, s->ioport);
    return !fw || fw_cfg_add_file(fw, "etc/pvpanic-port", &port, sizeof(port), false, errp);
}

static void panic_unrealize(DeviceState *dev)
{
    isa_unregister_ioport(ISA_DEVICE(dev), &((PVPanic *)dev)->io);
}

static const ObjectProperty panic_props[] = {
    DEFINE_PROP_UINT16("ioport", PVPanic, ioport, 0x505, "Port"),
    DEFINE_PROP_UINT8("events", PVPanic, events, PANICKED | CRASH_LOADED | GUEST_SHUTDOWN,
                      "Events that are told"),
};

static void panic_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->desc = "tells the host of guest panics";
    dc->category = DEVICE_CATEGORY_MISC;
    dc->realize = panic_realize;
    dc->unrealize = panic_unrealize;
    object_class_add_property_table(klass, panic_props);
}

static const TypeInfo panic_info = {
    .name = "pvpanic",
    .parent = TYPE_ISA_DEVICE,
    .instance_size = sizeof(PVPanic),
    .class_init = panic_class_init,
};
QOM_TYPE(panic_info);
