/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The "nvme-ns" device: a namespace on a controller's bus, or on a subsystem's. */
#include "nvme.h"

#include "hw/boards.h"
#include "hw/qdev-core.h"

typedef struct NvmeNsDevice {
    DeviceState parent_obj;
    NvmeNsParams params;
    bool zoned;
    NvmeNamespace *ns; /* while realized */
} NvmeNsDevice;
#define NVME_NS_DEVICE(obj) ((NvmeNsDevice *)(obj))

static bool ns_realize(DeviceState *dev, GError **errp)
{
    NvmeNsDevice *d = NVME_NS_DEVICE(dev);
    DeviceState *parent = dev->parent_bus->parent;
    bool on_ctrl = object_is_a(OBJECT(parent), TYPE_NVME);
    NvmeCtrl *n = on_ctrl ? NVME(parent) : NULL;
    NvmeSubsystem *s = n ? n->subsys : nvme_subsys_of_device(OBJECT(parent));

    if (d->zoned) {
        error_setg(errp, "nvme-ns: zoned=on: zones are not built in; use zoned=off");
        return false;
    }
    d->ns = nvme_ns_new(&d->params, n ? n->params.serial : s->nqn, errp);
    if (!d->ns) {
        return false;
    }
    if (!nvme_ns_plug(d->ns, s, n, d->params.detached, errp)) {
        g_clear_pointer(&d->ns, nvme_ns_free);
        return false;
    }
    d->params.nsid = d->ns->nsid;
    if (d->params.conf.bootindex >= 0) {
        g_autofree char *suffix = g_strdup_printf("/namespace@%u,0", d->ns->nsid);

        add_boot_device_path(d->params.conf.bootindex, parent, suffix);
    }
    return true;
}

static void ns_unrealize(DeviceState *dev)
{
    NvmeNsDevice *d = NVME_NS_DEVICE(dev);

    g_clear_pointer(&d->ns, nvme_ns_unplug);
    block_conf_release(&d->params.conf);
}

static void ns_finalize(Object *obj)
{
    block_conf_release(&NVME_NS_DEVICE(obj)->params.conf);
}

static const ObjectProperty ns_props[] = {
    NVME_NS_PROPERTIES(NvmeNsDevice, params),
    DEFINE_BLOCK_IO_SIZE_PROPERTIES(NvmeNsDevice, params.conf),
    DEFINE_PROP_UINT32("nsid", NvmeNsDevice, params.nsid, 0, "namespace id; 0: the lowest free"),
    DEFINE_PROP_BOOL("detached", NvmeNsDevice, params.detached, false,
                     "exists, but is attached to no controller yet"),
    DEFINE_PROP_BOOL("shared", NvmeNsDevice, params.shared, true,
                     "attached to all controllers of the subsystem"),
    DEFINE_PROP_STRING("uuid", NvmeNsDevice, params.uuid, "UUID (made from the serial number)"),
    DEFINE_PROP_STRING("nguid", NvmeNsDevice, params.nguid, "32 hexadecimal digits (the UUID)"),
    DEFINE_PROP_UINT64("eui64", NvmeNsDevice, params.eui64, 0, "extended unique identifier"),
    DEFINE_PROP_BOOL("eui64-default", NvmeNsDevice, params.eui64_default, false,
                     "make one when eui64 is 0"),
    DEFINE_PROP_UINT16("ms", NvmeNsDevice, params.ms, 0, "bytes of metadata for each block"),
    DEFINE_PROP_UINT8("mset", NvmeNsDevice, params.mset, 0, "1: metadata follows each block"),
    DEFINE_PROP_UINT8("pi", NvmeNsDevice, params.pi, 0, "protection information type, 1 to 3"),
    DEFINE_PROP_UINT8("pil", NvmeNsDevice, params.pil, 0, "1: in the first bytes of the metadata"),
    DEFINE_PROP_UINT8("pif", NvmeNsDevice, params.pif, 0, "0: 16-bit guard; 2: 64-bit guard"),
    DEFINE_PROP_BOOL("zoned", NvmeNsDevice, zoned, false, "zones (not built in)"),
};

static void ns_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->desc = "virtual NVMe namespace";
    dc->category = DEVICE_CATEGORY_STORAGE;
    dc->bus_type = TYPE_NVME_BUS;
    dc->realize = ns_realize;
    dc->unrealize = ns_unrealize;
    object_class_add_property_table(klass, ns_props);
}

static const TypeInfo ns_info = {
    .name = TYPE_NVME_NS,
    .parent = TYPE_DEVICE,
    .instance_size = sizeof(NvmeNsDevice),
    .class_init = ns_class_init,
    .instance_finalize = ns_finalize,
};
QOM_TYPE(ns_info);
