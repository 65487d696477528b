/* SPDX-License-Identifier: GPL-2.0-or-later */
/* scsi-hd and scsi-cd: properties, life, reset, and the medium of a CD-ROM drive. */
#include "disk.h"

#include "hw/boards.h"

#define TYPE_SCSI_HD "scsi-hd"
#define TYPE_SCSI_CD "scsi-cd"

static SCSIBus *bus_of(SCSIDisk *s)
{
    return SCSI_BUS(DEVICE(s)->parent_bus);
}

static void attention(SCSIDisk *s, uint32_t bit)
{
    __atomic_fetch_or(&s->attentions, bit, __ATOMIC_RELAXED);
}

/* --- reset: any thread ----------------------------------------------------------------------- */

static void reset_unit(SCSIDevice *dev, uint16_t asc)
{
    SCSIDisk *s = SCSI_DISK(dev);
    BlockBackend *blk = scsi_disk_backend(s);
    QEMU_LOCK_GUARD(&s->lock);

    __atomic_store_n(&s->descriptor_sense, false, __ATOMIC_RELAXED);
    s->tray_locked = s->eject_request = false;
    if (!s->is_cd && blk) {
        blk_set_write_cache(blk, s->default_write_cache);
    }
    if (asc == SCSI_ASC_POWER_ON) {
        /* It says all that others would. */
        __atomic_store_n(&s->attentions, ATTENTION_POWER_ON, __ATOMIC_RELAXED);
    } else {
        attention(s, asc == SCSI_ASC_DEVICE_RESET ? ATTENTION_DEVICE_RESET : ATTENTION_NEXUS_LOSS);
    }
}

static void units_changed(SCSIDevice *dev)
{
    attention(SCSI_DISK(dev), ATTENTION_UNITS);
}

/* --- the medium of a CD-ROM drive ------------------------------------------------------------ */

static void update_ready(SCSIDisk *s)
{
    __atomic_store_n(&s->ready, s->conf.blk && !s->tray_open, __ATOMIC_RELEASE);
}

void scsi_disk_move_tray(SCSIDisk *s, bool open)
{
    if (s->tray_open == open) {
        return;
    }
    s->tray_open = open;
    update_ready(s);
    if (!open && s->conf.blk) {
        s->new_medium = true;
        attention(s, ATTENTION_MEDIUM);
    }
    blk_removable_tray_moved(&s->medium, open);
}

static BlockBackend *medium(DeviceState *dev)
{
    return SCSI_DISK(dev)->conf.blk;
}

static bool tray_open(DeviceState *dev)
{
    QEMU_LOCK_GUARD(&SCSI_DISK(dev)->lock);

    return SCSI_DISK(dev)->tray_open;
}

static bool tray_locked(DeviceState *dev)
{
    QEMU_LOCK_GUARD(&SCSI_DISK(dev)->lock);

    return SCSI_DISK(dev)->tray_locked;
}

static void move_tray(DeviceState *dev, bool open)
{
    QEMU_LOCK_GUARD(&SCSI_DISK(dev)->lock);

    if (open) {
        SCSI_DISK(dev)->tray_locked = false;
    }
    scsi_disk_move_tray(SCSI_DISK(dev), open);
}

static void request_eject(DeviceState *dev)
{
    QEMU_LOCK_GUARD(&SCSI_DISK(dev)->lock);

    SCSI_DISK(dev)->eject_request = true;
}

static bool cd_length(BlockBackend *blk, uint64_t *blocks, GError **errp)
{
    int64_t len = blk_getlength(blk);

    if (len < 0) {
        error_setg_errno(errp, -len, "scsi-cd: drive=%s: its size cannot be read", blk_name(blk));
        return false;
    }
    *blocks = (uint64_t)len / MMC_SECTOR;
    if (*blocks > UINT32_MAX) {
        error_setg(errp, "scsi-cd: drive=%s: the image is larger than a CD or DVD can be",
                   blk_name(blk));
        return false;
    }
    return true;
}

static void resized(void *opaque);

static bool set_medium(DeviceState *dev, BlockBackend *blk, GError **errp)
{
    SCSIDisk *s = SCSI_DISK(dev);
    BlockBackend *old = s->conf.blk;
    uint64_t blocks = 0;

    if (blk && (!cd_length(blk, &blocks, errp) ||
                !blk_set_error_policy(blk, s->conf.rerror, s->conf.werror, errp))) {
        return false;
    }
    qemu_mutex_lock(&s->lock);
    __atomic_store_n(&s->conf.blk, blk, __ATOMIC_RELEASE);
    __atomic_store_n(&s->blocks, blocks, __ATOMIC_RELAXED);
    update_ready(s);
    qemu_mutex_unlock(&s->lock);
    if (old) {
        bus_of(s)->ops->fence(bus_of(s)->hba); /* nobody submits to it any more */
        blk_detach_dev(old);
    }
    if (blk) {
        blk_set_resize_cb(blk, resized, s);
    }
    return true;
}

static const BlkRemovableOps removable_ops = {
    .medium = medium,
    .tray_open = tray_open,
    .tray_locked = tray_locked,
    .move_tray = move_tray,
    .request_eject = request_eject,
    .set_medium = set_medium,
};

/* --- size: main loop ------------------------------------------------------------------------- */

static void resized(void *opaque)
{
    SCSIDisk *s = opaque;
    int64_t len = blk_getlength(s->conf.blk);

    __atomic_store_n(&s->blocks, len < 0 ? 0 : (uint64_t)len / s->block_size, __ATOMIC_RELAXED);
    if (!s->is_cd) {
        attention(s, ATTENTION_CAPACITY);
        bus_of(s)->ops->changed(bus_of(s)->hba, &s->parent_obj, SCSI_ASC_CAPACITY_CHANGED);
    }
}

/* --- life: main loop ------------------------------------------------------------------------- */

static bool check_block_sizes(SCSIDisk *s, GError **errp)
{
    BlockConf *c = &s->conf;
    uint32_t bs;

    if (s->is_cd) {
        if (c->logical_block_size && c->logical_block_size != MMC_SECTOR) {
            error_setg(errp, "scsi-cd: logical_block_size=%u: must be %u", c->logical_block_size,
                       MMC_SECTOR);
            return false;
        }
        c->logical_block_size = MMC_SECTOR;
    }
    if (!block_conf_check_sizes(c, object_get_typename(OBJECT(s)), errp)) {
        return false;
    }
    bs = c->logical_block_size;
    if (s->max_io_size < bs || (!s->is_cd && s->max_unmap_size < bs)) {
        error_setg(errp, "%s: max_io_size and max_unmap_size must be at least one block (%u)",
                   object_get_typename(OBJECT(s)), bs);
        return false;
    }
    s->block_size = bs;
    return true;
}

static bool text(SCSIDisk *s, char **field, const char *name, const char *value, size_t max,
                 GError **errp)
{
    if (!*field && value) {
        *field = g_strdup(value);
    }
    if (*field && strlen(*field) > max) {
        error_setg(errp, "%s: %s=%s: at most %zu characters", object_get_typename(OBJECT(s)), name,
                   *field, max);
        return false;
    }
    return true;
}

static bool check_names(SCSIDisk *s, GError **errp)
{
    return text(s, &s->vendor, "vendor", "QEMU", 8, errp) &&
           text(s, &s->product, "product", s->is_cd ? "QEMU CD-ROM" : "QEMU HARDDISK", 16, errp) &&
           text(s, &s->version, "ver", "2.5+", 4, errp) &&
           text(s, &s->serial, "serial", NULL, 36, errp) &&
           text(s, &s->device_id, "device_id", NULL, 128, errp);
}

static bool take_drive(SCSIDisk *s, GError **errp)
{
    BlockBackend *blk = s->conf.blk;
    int64_t len;

    if (!blk) {
        if (!s->is_cd) {
            error_setg(errp, "scsi-hd: drive= is missing: name a -drive's id or a node");
        }
        return s->is_cd;
    }
    if (s->is_cd) {
        return blk_set_error_policy(blk, s->conf.rerror, s->conf.werror, errp) &&
               cd_length(blk, &s->blocks, errp);
    }
    len = block_conf_take(&s->conf, "scsi-hd", errp);
    if (len < 0) {
        return false;
    }
    s->blocks = (uint64_t)len / s->block_size;
    s->default_write_cache = blk_write_cache_enabled(blk);
    return true;
}

static bool disk_realize(SCSIDevice *dev, GError **errp)
{
    SCSIDisk *s = SCSI_DISK(dev);

    if (!check_block_sizes(s, errp) || !check_names(s, errp) || !take_drive(s, errp)) {
        return false;
    }
    s->removable |= s->is_cd;
    s->discard = !s->is_cd && s->conf.discard_granularity && !blk_is_read_only(s->conf.blk);
    s->attentions = ATTENTION_POWER_ON;
    s->new_medium = false;
    update_ready(s);
    if (s->conf.blk) {
        blk_set_resize_cb(s->conf.blk, resized, s);
    }
    if (s->is_cd) {
        blk_removable_add(&s->medium, DEVICE(dev), &removable_ops, s->conf.blk);
    }
    if (s->conf.bootindex >= 0) {
        g_autofree char *suffix =
            g_strdup_printf("/channel@%x/disk@%x,%x", dev->channel, dev->id, dev->lun);

        add_boot_device_path(s->conf.bootindex, DEVICE(dev), suffix);
    }
    return true;
}

static void disk_unrealize(SCSIDevice *dev)
{
    SCSIDisk *s = SCSI_DISK(dev);

    if (s->is_cd) {
        blk_removable_del(&s->medium);
    }
    block_conf_release(&s->conf); /* now: the disk may go elsewhere */
}

static void disk_init(Object *obj)
{
    qemu_mutex_init(&SCSI_DISK(obj)->lock);
}

static void cd_init(Object *obj)
{
    SCSI_DISK(obj)->is_cd = true;
}

static void disk_finalize(Object *obj)
{
    SCSIDisk *s = SCSI_DISK(obj);

    block_conf_release(&s->conf);
    qemu_mutex_destroy(&s->lock);
}

/* --- types ----------------------------------------------------------------------------------- */

static const ObjectProperty disk_props[] = {
    DEFINE_BLOCK_PROPERTIES(SCSIDisk, conf, BLOCK_GRANULARITY_AUTO),
    DEFINE_BLOCK_IO_SIZE_PROPERTIES(SCSIDisk, conf),
    DEFINE_PROP_STRING("serial", SCSIDisk, serial, "serial number, up to 36 characters"),
    DEFINE_PROP_STRING("vendor", SCSIDisk, vendor, "vendor (QEMU), up to 8 characters"),
    DEFINE_PROP_STRING("product", SCSIDisk, product, "product, up to 16 characters"),
    DEFINE_PROP_STRING("ver", SCSIDisk, version, "version, up to 4 characters"),
    DEFINE_PROP_STRING("device_id", SCSIDisk, device_id,
                       "what identifies the unit (serial), up to 128 characters"),
    DEFINE_PROP_UINT64("wwn", SCSIDisk, wwn, 0, "world wide name of the unit"),
    DEFINE_PROP_UINT64("port_wwn", SCSIDisk, port_wwn, 0, "world wide name of its port"),
    DEFINE_PROP_UINT16("port_index", SCSIDisk, port_index, 0, "number of its port"),
    DEFINE_PROP_UINT64("max_io_size", SCSIDisk, max_io_size, INT32_MAX, "bytes of one transfer"),
};

static const ObjectProperty hd_props[] = {
    DEFINE_PROP_BOOL("removable", SCSIDisk, removable, false, "says that its medium is removable"),
    DEFINE_PROP_BOOL("dpofua", SCSIDisk, dpofua, false, "says that it knows DPO and FUA"),
    DEFINE_PROP_UINT16("rotation_rate", SCSIDisk, rotation_rate, 0,
                       "turns a minute; 1: solid state, 0: not told"),
    DEFINE_PROP_UINT64("max_unmap_size", SCSIDisk, max_unmap_size, 1 * GiB, "bytes of one UNMAP"),
};

static void disk_class_init(ObjectClass *klass, const void *data)
{
    SCSIDeviceClass *sc = (SCSIDeviceClass *)klass;

    sc->realize = disk_realize;
    sc->unrealize = disk_unrealize;
    sc->command = scsi_disk_command;
    sc->resume = scsi_disk_resume;
    sc->reset_unit = reset_unit;
    sc->units_changed = units_changed;
    object_class_add_property_table(klass, disk_props);
}

static void hd_class_init(ObjectClass *klass, const void *data)
{
    ((DeviceClass *)klass)->desc = "virtual SCSI disk";
    object_class_add_property_table(klass, hd_props);
}

static void cd_class_init(ObjectClass *klass, const void *data)
{
    ((DeviceClass *)klass)->desc = "virtual SCSI CD-ROM";
}

static const TypeInfo disk_info = {
    .name = TYPE_SCSI_DISK,
    .parent = TYPE_SCSI_DEVICE,
    .instance_size = sizeof(SCSIDisk),
    .class_size = sizeof(SCSIDeviceClass),
    .abstract = true,
    .class_init = disk_class_init,
    .instance_init = disk_init,
    .instance_finalize = disk_finalize,
};
QOM_TYPE(disk_info);

static const TypeInfo hd_info = {
    .name = TYPE_SCSI_HD,
    .parent = TYPE_SCSI_DISK,
    .class_init = hd_class_init,
};
QOM_TYPE(hd_info);

static const TypeInfo cd_info = {
    .name = TYPE_SCSI_CD,
    .parent = TYPE_SCSI_DISK,
    .class_init = cd_class_init,
    .instance_init = cd_init,
};
QOM_TYPE(cd_info);
