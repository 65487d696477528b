/* SPDX-License-Identifier: GPL-2.0-or-later */
/* floppy: a drive on the bus of a floppy controller, and its medium.  Main loop. */
#include "fdc_isa.h"

static FloppyBus *bus_of(const FloppyDrive *d)
{
    return FLOPPY_BUS(DEVICE(d)->parent_bus);
}

/* --- medium ----------------------------------------------------------------------------------- */

/* What the controller sees from now on. */
static bool show_medium(FloppyDrive *d, BlockBackend *blk, GError **errp)
{
    IsaFdc *fdc = bus_of(d)->fdc;
    int64_t bytes = blk ? blk_getlength(blk) : 0;

    if (bytes < 0) {
        error_setg_errno(errp, -bytes, "floppy: the size of '%s' is not known", blk_name(blk));
        return false;
    }
    QEMU_LOCK_GUARD(&fdc->lock);
    d->conf.blk = blk;
    fdc_core_set_medium(&fdc->core, d->unit, blk ? floppy_format(d->type, bytes) : NULL,
                        blk && blk_is_read_only(blk));
    qemu_set_irq(fdc->irq, fdc_core_irq(&fdc->core));
    return true;
}

static BlockBackend *medium(DeviceState *dev)
{
    return FLOPPY(dev)->conf.blk;
}

static bool set_medium(DeviceState *dev, BlockBackend *blk, GError **errp)
{
    FloppyDrive *d = FLOPPY(dev);
    BlockBackend *old = d->conf.blk;

    if (!show_medium(d, blk, errp)) {
        return false;
    }
    if (old) {
        blk_detach_dev(old); /* what is under way on it ends first */
    }
    return true;
}

/* There is no tray: a disk is pushed in and pulled out. */
static const BlkRemovableOps floppy_removable_ops = {
    .medium = medium,
    .set_medium = set_medium,
    .writable = true,
};

void floppy_set_drive_name(DeviceState *floppy, const char *name)
{
    g_free(FLOPPY(floppy)->medium.drive_id);
    FLOPPY(floppy)->medium.drive_id = g_strdup(name);
}

/* --- device ----------------------------------------------------------------------------------- */

static bool bus_check_address(BusState *qbus, DeviceState *dev, GError **errp)
{
    FloppyBus *bus = FLOPPY_BUS(qbus);
    FloppyDrive *d = FLOPPY(dev);

    if (d->unit == -1) {
        d->unit = bus->drive[0] ? 1 : 0;
    }
    if (d->unit < 0 || d->unit >= FDC_DRIVES) {
        error_setg(errp, "floppy: unit=%d: must be 0 or 1", d->unit);
        return false;
    }
    if (bus->drive[d->unit]) {
        error_setg(errp, "floppy: unit=%d: there is a drive at this place of bus %s already",
                   d->unit, qbus->name);
        return false;
    }
    return true;
}

static FloppyType choose_type(const FloppyDrive *d, const IsaFdc *fdc)
{
    FloppyType type =
        d->type != FLOPPY_TYPE_AUTO ? (FloppyType)d->type : (FloppyType)fdc->default_type[d->unit];

    if (type != FLOPPY_TYPE_AUTO) {
        return type;
    }
    return d->conf.blk ? floppy_format(FLOPPY_TYPE_AUTO, MAX(blk_getlength(d->conf.blk), 0))->type
                       : (FloppyType)fdc->fallback;
}

static bool check_block_size(const char *name, uint32_t size, GError **errp)
{
    if (size && size != FDC_SECTOR) {
        error_setg(errp, "floppy: %s=%u: must be %u", name, size, FDC_SECTOR);
        return false;
    }
    return true;
}

static bool floppy_realize(DeviceState *dev, GError **errp)
{
    FloppyDrive *d = FLOPPY(dev);
    FloppyBus *bus = bus_of(d);
    FloppyType type = choose_type(d, bus->fdc);

    if (!check_block_size("logical_block_size", d->conf.logical_block_size, errp) ||
        !check_block_size("physical_block_size", d->conf.physical_block_size, errp)) {
        return false;
    }
    if (type == FLOPPY_TYPE_NONE && d->conf.blk) {
        error_setg(errp, "floppy: drive-type=none: such a drive takes no medium; use 144, 288, 120 "
                         "or auto");
        return false;
    }
    d->type = type;
    if (d->conf.blk && d->conf.write_cache != ON_OFF_AUTO_AUTO) {
        blk_set_write_cache(d->conf.blk, d->conf.write_cache == ON_OFF_AUTO_ON);
    }
    if (!show_medium(d, d->conf.blk, errp)) {
        return false;
    }
    bus->drive[d->unit] = d;
    qemu_mutex_lock(&bus->fdc->lock);
    bus->fdc->core.drive[d->unit].present = type != FLOPPY_TYPE_NONE;
    qemu_mutex_unlock(&bus->fdc->lock);
    blk_removable_add(&d->medium, dev, &floppy_removable_ops, d->conf.blk);
    return true;
}

static void floppy_unrealize(DeviceState *dev)
{
    FloppyDrive *d = FLOPPY(dev);
    FloppyBus *bus = bus_of(d);

    blk_removable_del(&d->medium);
    set_medium(dev, NULL, NULL);
    qemu_mutex_lock(&bus->fdc->lock);
    bus->fdc->core.drive[d->unit].present = false;
    qemu_mutex_unlock(&bus->fdc->lock);
    bus->drive[d->unit] = NULL;
}

static void floppy_finalize(Object *obj)
{
    block_conf_release(&FLOPPY(obj)->conf);
}

static const ObjectProperty floppy_props[] = {
    DEFINE_PROP_DRIVE("drive", FloppyDrive, conf.blk),
    DEFINE_PROP_INT32("unit", FloppyDrive, unit, -1, "0: drive A, 1: drive B; -1: the first free"),
    DEFINE_PROP_ENUM("drive-type", FloppyDrive, type, floppy_type_table, FLOPPY_TYPE_AUTO,
                     "Type of the drive: 144, 288, 120, none, auto (the medium's)"),
    DEFINE_PROP_UINT32("logical_block_size", FloppyDrive, conf.logical_block_size, 0,
                       "bytes of a logical block"),
    DEFINE_PROP_UINT32("physical_block_size", FloppyDrive, conf.physical_block_size, 0,
                       "bytes of a physical block"),
    DEFINE_PROP_ON_OFF_AUTO("write-cache", FloppyDrive, conf.write_cache, ON_OFF_AUTO_AUTO,
                            "volatile write cache"),
    DEFINE_PROP_BOOL("share-rw", FloppyDrive, conf.share_rw, false,
                     "other devices may write to the drive"),
};

static void floppy_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->desc = "virtual floppy drive";
    dc->bus_type = TYPE_FLOPPY_BUS;
    dc->category = DEVICE_CATEGORY_STORAGE;
    dc->hotpluggable = false;
    dc->realize = floppy_realize;
    dc->unrealize = floppy_unrealize;
    object_class_add_property_table(klass, floppy_props);
}

static void bus_class_init(ObjectClass *klass, const void *data)
{
    BusClass *bc = (BusClass *)klass;

    bc->max_dev = FDC_DRIVES;
    bc->check_address = bus_check_address;
}

static const TypeInfo floppy_bus_info = {
    .name = TYPE_FLOPPY_BUS,
    .parent = TYPE_BUS,
    .instance_size = sizeof(FloppyBus),
    .class_init = bus_class_init,
};
QOM_TYPE(floppy_bus_info);

static const TypeInfo floppy_info = {
    .name = TYPE_FLOPPY,
    .parent = TYPE_DEVICE,
    .instance_size = sizeof(FloppyDrive),
    .class_init = floppy_class_init,
    .instance_finalize = floppy_finalize,
};
QOM_TYPE(floppy_info);
