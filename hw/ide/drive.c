/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ide-hd and ide-cd, and the bus that they are on. */
#include "hw/ide/ide.h"

#include "hw/boards.h"
#include "system/runstate.h"

void ide_drive_resume(void *opaque, bool running, RunState state);

/* --- bus -------------------------------------------------------------------------------------- */

IDEBus *ide_bus_new(DeviceState *parent, int index, unsigned max_units, bool sata)
{
    g_autofree char *name =
        parent->id ? g_strdup_printf("%s.%d", parent->id, index) : g_strdup_printf("ide.%d", index);
    IDEBus *bus = IDE_BUS(qbus_new(TYPE_IDE_BUS, parent, name));

    bus->index = index;
    bus->max_units = max_units;
    bus->sata = sata;
    return bus;
}

static bool bus_check_address(BusState *qbus, DeviceState *dev, GError **errp)
{
    IDEBus *bus = IDE_BUS(qbus);
    IDEDrive *d = IDE_DRIVE(dev);

    if (d->unit == -1) {
        d->unit = bus->drive[0] ? 1 : 0;
    }
    if (d->unit < 0 || (unsigned)d->unit >= bus->max_units) {
        error_setg(errp, "unit=%d: bus %s takes %u drive%s (unit 0%s)", d->unit, qbus->name,
                   bus->max_units, bus->max_units > 1 ? "s" : "",
                   bus->max_units > 1 ? " and 1" : "");
        return false;
    }
    if (bus->drive[d->unit]) {
        error_setg(errp, "unit=%d: there is a drive at this place of bus %s already", d->unit,
                   qbus->name);
        return false;
    }
    return true;
}

static void bus_class_init(ObjectClass *klass, const void *data)
{
    BusClass *bc = (BusClass *)klass;

    bc->max_dev = 2;
    bc->check_address = bus_check_address;
}

/* --- state ------------------------------------------------------------------------------------ */

void ide_drive_signature(const IDEDrive *d, AtaRegs *regs)
{
    regs->device &= 0x10;
    regs->count = 1;
    regs->lba = d->is_cd ? 0xeb1401 : 0x000001;
}

void ide_drive_reset(IDEDrive *d, AtaRegs *regs, bool hard)
{
    d->multiple = d->is_cd ? 0 : ATA_MULTIPLE_MAX;
    d->cur_cyls = d->cyls;
    d->cur_heads = d->heads;
    d->cur_secs = d->secs;
    d->ncq_error_tag = 0x80;
    d->sense_key = d->asc = d->ascq = 0;
    if (hard) {
        d->mwdma = 0;
        d->udma = 8 | 5;
        d->tray_locked = false;
        d->write_cache = !d->is_cd && blk_write_cache_enabled(d->conf.blk);
    }
    regs->device = 0;
    ide_drive_signature(d, regs);
    regs->error = 1; /* diagnostic passed */
    regs->status = d->is_cd ? 0 : ATA_ST_READY | ATA_ST_SEEK;
}

/* --- realize ---------------------------------------------------------------------------------- */

static bool default_text(char **field, const char *what, const char *value, size_t max,
                         GError **errp)
{
    if (!*field) {
        *field = g_strdup(value);
    }
    if (strlen(*field) > max) {
        error_setg(errp, "%s=%s: at most %zu characters", what, *field, max);
        return false;
    }
    return true;
}

static bool names(IDEDrive *d, GError **errp)
{
    static unsigned number;
    g_autofree char *serial = g_strdup_printf("QM%05u", ++number);

    return default_text(&d->serial, "serial", serial, 20, errp) &&
           default_text(&d->model, "model", d->is_cd ? "QEMU DVD-ROM" : "QEMU HARDDISK", 40,
                        errp) &&
           default_text(&d->version, "ver", "2.5+", 8, errp);
}

/* What a BIOS calls the disk's shape; all of it is free to choose beyond what CHS commands reach.
 */
static bool geometry(IDEDrive *d, GError **errp)
{
    if (!d->cyls && !d->heads && !d->secs) {
        d->heads = 16;
        d->secs = 63;
        d->cyls = CLAMP(d->sectors / (16 * 63), UINT64_C(2), UINT64_C(16383));
    }
    if (d->cyls < 1 || d->cyls > 65535 || d->heads < 1 || d->heads > 16 || d->secs < 1 ||
        d->secs > 255) {
        error_setg(errp, "cyls=%u,heads=%u,secs=%u: must be 1 to 65535, 1 to 16 and 1 to 255",
                   d->cyls, d->heads, d->secs);
        return false;
    }
    return true;
}

static bool realize_hd(IDEDrive *d, GError **errp)
{
    if (!d->conf.blk) {
        error_setg(errp, "ide-hd: drive= is missing: name a -drive's id or a node");
        return false;
    }
    if (d->conf.logical_block_size && d->conf.logical_block_size != ATA_SECTOR) {
        error_setg(errp, "ide-hd: logical_block_size=%u: must be 512", d->conf.logical_block_size);
        return false;
    }
    d->sectors = blk_getlength(d->conf.blk) / ATA_SECTOR;
    if (!d->sectors || d->sectors >> 48) {
        error_setg(errp, "ide-hd: the drive has %" PRIu64 " sectors; 1 to 2^48 - 1 are possible",
                   d->sectors);
        return false;
    }
    return geometry(d, errp);
}

static bool ide_realize(DeviceState *dev, GError **errp)
{
    IDEDrive *d = IDE_DRIVE(dev);
    IDEBus *bus = IDE_BUS(dev->parent_bus);
    g_autofree char *suffix = g_strdup_printf("/drive@%x/disk@%x", bus->index, d->unit);

    d->sata = bus->sata;
    if (d->conf.blk && block_conf_take(&d->conf, object_get_typename(OBJECT(d)), errp) < 0) {
        return false;
    }
    if (d->is_cd) {
        d->sectors = d->conf.blk ? blk_getlength(d->conf.blk) / CD_SECTOR : 0;
        if (d->sectors > UINT32_MAX) {
            error_setg(errp, "ide-cd: the image is larger than a CD or DVD can be");
            return false;
        }
    } else if (!realize_hd(d, errp)) {
        return false;
    }
    if (!names(d, errp)) {
        return false;
    }
    bus->drive[d->unit] = d;
    if (d->is_cd) {
        blk_removable_add(&d->medium, dev, &atapi_removable_ops, d->conf.blk);
    }
    if (d->conf.blk || d->is_cd) {
        d->vmstate = qemu_add_vm_change_state_handler(ide_drive_resume, d);
    }
    add_boot_device_path(d->conf.bootindex, dev, suffix);
    bus->plugged(bus);
    return true;
}

static void ide_unrealize(DeviceState *dev)
{
    IDEDrive *d = IDE_DRIVE(dev);
    IDEBus *bus = IDE_BUS(dev->parent_bus);

    if (d->vmstate) {
        qemu_del_vm_change_state_handler(d->vmstate);
        d->vmstate = NULL;
    }
    bus->plugged(bus); /* what is under way is cancelled while the drive is still there */
    bus->drive[d->unit] = NULL;
    if (d->is_cd) {
        blk_removable_del(&d->medium);
    }
    block_conf_release(&d->conf);
}

/* --- types ------------------------------------------------------------------------------------ */

static const ObjectProperty common_props[] = {
    DEFINE_BLOCK_PROPERTIES(IDEDrive, conf, 0),
    DEFINE_PROP_INT32("unit", IDEDrive, unit, -1, "Place on the bus; -1: the first free one"),
    DEFINE_PROP_STRING("serial", IDEDrive, serial, "Serial number"),
    DEFINE_PROP_STRING("model", IDEDrive, model, "Name of the model"),
    DEFINE_PROP_STRING("ver", IDEDrive, version, "Version of the firmware"),
    DEFINE_PROP_UINT64("wwn", IDEDrive, wwn, 0, "World wide name"),
};

static const ObjectProperty hd_props[] = {
    DEFINE_PROP_UINT32("cyls", IDEDrive, cyls, 0, "Cylinders; 0: derived from the size"),
    DEFINE_PROP_UINT32("heads", IDEDrive, heads, 0, "Heads"),
    DEFINE_PROP_UINT32("secs", IDEDrive, secs, 0, "Sectors of a track"),
    DEFINE_PROP_UINT32("rotation_rate", IDEDrive, rotation_rate, 0,
                       "Turns a minute; 1: solid state, 0: not told"),
};

static void common_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->bus_type = TYPE_IDE_BUS;
    dc->category = DEVICE_CATEGORY_STORAGE;
    dc->hotpluggable = false;
    dc->realize = ide_realize;
    dc->unrealize = ide_unrealize;
    object_class_add_property_table(klass, common_props);
}

static void hd_class_init(ObjectClass *klass, const void *data)
{
    ((DeviceClass *)klass)->desc = "virtual IDE disk";
    object_class_add_property_table(klass, hd_props);
}

static void cd_class_init(ObjectClass *klass, const void *data)
{
    ((DeviceClass *)klass)->desc = "virtual IDE CD-ROM";
}

static void cd_init(Object *obj)
{
    IDE_DRIVE(obj)->is_cd = true;
}

static void ide_finalize(Object *obj)
{
    block_conf_release(&IDE_DRIVE(obj)->conf);
}

static const TypeInfo ide_bus_info = {
    .name = TYPE_IDE_BUS,
    .parent = TYPE_BUS,
    .instance_size = sizeof(IDEBus),
    .class_init = bus_class_init,
};
QOM_TYPE(ide_bus_info);

static const TypeInfo ide_device_info = {
    .name = TYPE_IDE_DEVICE,
    .parent = TYPE_DEVICE,
    .instance_size = sizeof(IDEDrive),
    .abstract = true,
    .class_init = common_class_init,
    .instance_finalize = ide_finalize,
};
QOM_TYPE(ide_device_info);

static const TypeInfo hd_info = {
    .name = TYPE_IDE_HD,
    .parent = TYPE_IDE_DEVICE,
    .instance_size = sizeof(IDEDrive),
    .class_init = hd_class_init,
};
QOM_TYPE(hd_info);

static const TypeInfo cd_info = {
    .name = TYPE_IDE_CD,
    .parent = TYPE_IDE_DEVICE,
    .instance_size = sizeof(IDEDrive),
    .class_init = cd_class_init,
    .instance_init = cd_init,
};
QOM_TYPE(cd_info);
