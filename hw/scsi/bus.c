/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The SCSI bus: addresses, and who is where. */
#include "hw/scsi/scsi.h"

/* --- addresses ------------------------------------------------------------------------------- */

bool scsi_decode_lun(const uint8_t *p, unsigned *lun)
{
    switch (p[0] >> 6) {
    case 0:
        if (p[0]) {
            return false; /* another bus */
        }
        *lun = p[1];
        break;
    case 1:
        *lun = (p[0] & 0x3f) << 8 | p[1];
        break;
    default:
        return false;
    }
    return !(p[2] | p[3] | p[4] | p[5]);
}

void scsi_encode_lun(uint8_t *p, unsigned lun)
{
    memset(p, 0, 6);
    if (lun >= 256) {
        p[0] = 0x40 | lun >> 8;
    }
    p[1] = lun;
}

static int compare(const SCSIDevice *d, unsigned channel, unsigned id, unsigned lun)
{
    return d->channel != channel     ? (d->channel < channel ? -1 : 1)
           : (unsigned)d->id != id   ? ((unsigned)d->id < id ? -1 : 1)
           : (unsigned)d->lun != lun ? ((unsigned)d->lun < lun ? -1 : 1)
                                     : 0;
}

SCSIDevice *scsi_bus_find(SCSIBus *bus, unsigned channel, unsigned id, unsigned lun, bool *exact)
{
    const SCSITable *t = __atomic_load_n(&bus->table, __ATOMIC_ACQUIRE);
    unsigned low = 0, high = t ? t->n : 0;

    while (low < high) {
        unsigned mid = low + (high - low) / 2;
        int c = compare(t->dev[mid], channel, id, lun);

        if (!c) {
            *exact = true;
            return t->dev[mid];
        }
        if (c < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    /* Neighbours of the place where it would be. */
    *exact = false;
    for (unsigned i = low ? low - 1 : 0; t && i < t->n && i <= low; i++) {
        if (t->dev[i]->channel == channel && (unsigned)t->dev[i]->id == id) {
            return t->dev[i];
        }
    }
    return NULL;
}

/* --- the table: main loop -------------------------------------------------------------------- */

static void publish(SCSIBus *bus, SCSITable *t)
{
    SCSITable *old = bus->table;

    __atomic_store_n(&bus->table, t, __ATOMIC_RELEASE);
    bus->ops->fence(bus->hba);
    g_free(old);
}

static SCSITable *table_of(unsigned n)
{
    SCSITable *t = g_malloc0(sizeof(SCSITable) + n * sizeof(SCSIDevice *));

    t->n = n;
    return t;
}

static void insert(SCSIBus *bus, SCSIDevice *dev)
{
    const SCSITable *old = bus->table;
    SCSITable *t = table_of((old ? old->n : 0) + 1);
    unsigned at = 0;

    while (old && at < old->n && compare(old->dev[at], dev->channel, dev->id, dev->lun) < 0) {
        t->dev[at] = old->dev[at];
        at++;
    }
    t->dev[at] = dev;
    for (; old && at < old->n; at++) {
        t->dev[at + 1] = old->dev[at];
    }
    publish(bus, t);
}

static void take_out(SCSIBus *bus, SCSIDevice *dev)
{
    const SCSITable *old = bus->table;
    SCSITable *t = table_of(old->n - 1);

    for (unsigned i = 0, n = 0; i < old->n; i++) {
        if (old->dev[i] != dev) {
            t->dev[n++] = old->dev[i];
        }
    }
    publish(bus, t);
}

/* The driver hears of it from the other units of the target [SPC-4, 6.33], too. */
static void units_changed(SCSIBus *bus, const SCSIDevice *dev)
{
    for (unsigned i = 0; i < bus->table->n; i++) {
        SCSIDevice *d = bus->table->dev[i];

        if (d != dev && d->id == dev->id && d->channel == dev->channel) {
            SCSI_DEVICE_GET_CLASS(d)->units_changed(d);
        }
    }
}

/* --- the bus --------------------------------------------------------------------------------- */

static bool taken(SCSIBus *bus, const SCSIDevice *dev, unsigned id, unsigned lun)
{
    for (unsigned i = 0; i < BUS(bus)->children->len; i++) {
        const SCSIDevice *d = SCSI_DEVICE(BUS(bus)->children->pdata[i]);

        if (d != dev && compare(d, dev->channel, id, lun) == 0) {
            return true;
        }
    }
    return false;
}

/* The first free place among those that the user's numbers leave. */
static bool choose(SCSIBus *bus, SCSIDevice *dev, GError **errp)
{
    unsigned max_id = dev->id < 0 ? bus->max_target : (unsigned)dev->id;
    unsigned max_lun = dev->id >= 0 && dev->lun < 0 ? bus->max_lun : (unsigned)MAX(dev->lun, 0);

    for (unsigned id = MAX(dev->id, 0); id <= max_id; id++) {
        for (unsigned lun = MAX(dev->lun, 0); lun <= max_lun; lun++) {
            if (!taken(bus, dev, id, lun)) {
                dev->id = id;
                dev->lun = lun;
                return true;
            }
        }
    }
    error_setg(errp, "bus %s: no place is free for scsi-id=%d,lun=%d", BUS(bus)->name, dev->id,
               dev->lun);
    return false;
}

static bool bus_check_address(BusState *qbus, DeviceState *qdev, GError **errp)
{
    SCSIBus *bus = SCSI_BUS(qbus);
    SCSIDevice *dev = SCSI_DEVICE(qdev);

    if (dev->channel > bus->max_channel) {
        error_setg(errp, "channel=%u: bus %s has channels 0 to %u", dev->channel, qbus->name,
                   bus->max_channel);
        return false;
    }
    if (dev->id < -1 || dev->id > (int)bus->max_target) {
        error_setg(errp, "scsi-id=%d: bus %s has targets 0 to %u", dev->id, qbus->name,
                   bus->max_target);
        return false;
    }
    if (dev->lun < -1 || dev->lun > (int)bus->max_lun) {
        error_setg(errp, "lun=%d: a target on bus %s has units 0 to %u", dev->lun, qbus->name,
                   bus->max_lun);
        return false;
    }
    if (dev->id >= 0 && dev->lun >= 0 && taken(bus, dev, dev->id, dev->lun)) {
        error_setg(errp, "scsi-id=%d,lun=%d: there is a device at this place of bus %s already",
                   dev->id, dev->lun, qbus->name);
        return false;
    }
    return choose(bus, dev, errp);
}

SCSIBus *scsi_bus_new(DeviceState *parent, const char *name, const SCSIBusOps *ops, void *hba,
                      unsigned max_channel, unsigned max_target, unsigned max_lun)
{
    SCSIBus *bus = SCSI_BUS(qbus_new(TYPE_SCSI_BUS, parent, name));

    bus->ops = ops;
    bus->hba = hba;
    bus->max_channel = max_channel;
    bus->max_target = max_target;
    bus->max_lun = max_lun;
    return bus;
}

static void bus_finalize(Object *obj)
{
    g_free(SCSI_BUS(obj)->table);
}

static void bus_class_init(ObjectClass *klass, const void *data)
{
    ((BusClass *)klass)->check_address = bus_check_address;
}

/* --- devices --------------------------------------------------------------------------------- */

static bool device_realize(DeviceState *qdev, GError **errp)
{
    SCSIDevice *dev = SCSI_DEVICE(qdev);
    SCSIBus *bus = SCSI_BUS(qdev->parent_bus);

    if (!SCSI_DEVICE_GET_CLASS(dev)->realize(dev, errp)) {
        return false;
    }
    insert(bus, dev);
    if (qdev->hotplugged) {
        units_changed(bus, dev);
    }
    bus->ops->plugged(bus->hba, dev, true);
    return true;
}

static void device_unrealize(DeviceState *qdev)
{
    SCSIDevice *dev = SCSI_DEVICE(qdev);
    SCSIBus *bus = SCSI_BUS(qdev->parent_bus);

    take_out(bus, dev);
    units_changed(bus, dev);
    bus->ops->drain(bus->hba, dev);
    bus->ops->plugged(bus->hba, dev, false);
    SCSI_DEVICE_GET_CLASS(dev)->unrealize(dev);
}

static void device_reset(DeviceState *qdev)
{
    SCSI_DEVICE_GET_CLASS(qdev)->reset_unit(SCSI_DEVICE(qdev), SCSI_ASC_POWER_ON);
}

static const ObjectProperty device_props[] = {
    DEFINE_PROP_UINT32("channel", SCSIDevice, channel, 0, "Channel of the controller"),
    DEFINE_PROP_INT32("scsi-id", SCSIDevice, id, -1, "Target; -1: the first free one"),
    DEFINE_PROP_INT32("lun", SCSIDevice, lun, -1, "Logical unit; -1: the first free one"),
};

static void device_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->bus_type = TYPE_SCSI_BUS;
    dc->category = DEVICE_CATEGORY_STORAGE;
    dc->realize = device_realize;
    dc->unrealize = device_unrealize;
    dc->reset = device_reset;
    object_class_add_property_table(klass, device_props);
}

static const TypeInfo scsi_bus_info = {
    .name = TYPE_SCSI_BUS,
    .parent = TYPE_BUS,
    .instance_size = sizeof(SCSIBus),
    .class_init = bus_class_init,
    .instance_finalize = bus_finalize,
};
QOM_TYPE(scsi_bus_info);

static const TypeInfo scsi_device_info = {
    .name = TYPE_SCSI_DEVICE,
    .parent = TYPE_DEVICE,
    .instance_size = sizeof(SCSIDevice),
    .class_size = sizeof(SCSIDeviceClass),
    .abstract = true,
    .class_init = device_class_init,
};
QOM_TYPE(scsi_device_info);

/* --- what is not built in -------------------------------------------------------------------- */

static bool passthrough_realize(SCSIDevice *dev, GError **errp)
{
    error_setg(errp,
               "%s: passing commands through to a SCSI device of the host is not built in; use "
               "scsi-hd or scsi-cd with drive= of a host_device node",
               object_get_typename(OBJECT(dev)));
    return false;
}

typedef struct Passthrough {
    SCSIDevice parent_obj;
    BlockBackend *blk;
} Passthrough;

static const ObjectProperty passthrough_props[] = {
    DEFINE_PROP_DRIVE("drive", Passthrough, blk),
};

static void passthrough_init(ObjectClass *klass, const void *data)
{
    ((DeviceClass *)klass)->desc = "SCSI device of the host (not built in)";
    ((DeviceClass *)klass)->not_built_in = true;
    ((SCSIDeviceClass *)klass)->realize = passthrough_realize;
    object_class_add_property_table(klass, passthrough_props);
}

static const TypeInfo scsi_block_info = {
    .name = "scsi-block",
    .parent = TYPE_SCSI_DEVICE,
    .instance_size = sizeof(Passthrough),
    .class_init = passthrough_init,
};
QOM_TYPE(scsi_block_info);

static const TypeInfo scsi_generic_info = {
    .name = "scsi-generic",
    .parent = TYPE_SCSI_DEVICE,
    .instance_size = sizeof(Passthrough),
    .class_init = passthrough_init,
};
QOM_TYPE(scsi_generic_info);
