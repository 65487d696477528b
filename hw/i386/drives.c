/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices that the board makes for -drive: IDE disks and CD-ROMs at its controller, floppies,
 * virtio disks; and the CD-ROM and floppy drives that a PC has anyway. */
#include "block/block-monitor.h"
#include "hw/block/fdc.h"
#include "hw/i386/pc.h"
#include "hw/ide/ide.h"
#include "hw/rtc/mc146818.h"
#include "qapi/keyval.h"
#include "system/vl.h"

static DeviceState *add_ide(const DriveInfo *d, BusState *bus, int unit, GError **errp)
{
    DeviceState *dev = qdev_new(d->cdrom ? TYPE_IDE_CD : TYPE_IDE_HD);

    if ((d->id && !object_property_set_str(OBJECT(dev), "drive", d->id, errp)) ||
        !object_property_set_uint(OBJECT(dev), "unit", unit, errp) ||
        !qdev_realize(dev, bus, errp)) {
        object_unref(dev);
        return NULL;
    }
    object_unref(dev); /* the tree holds it */
    return dev;
}

/* How a BIOS numbers the cylinders of a disk: 0 as they are, 2 with more heads, 1 by LBA. */
static unsigned translation(const IDEDrive *d)
{
    return d->cyls <= 1024 ? 0 : d->cyls * d->heads <= 131072 ? 2 : 1;
}

/* Types and shapes of the first two disks, where old software looks; the translation of four. */
static void describe_disk(PCMachineState *pc, const IDEDrive *d, unsigned n)
{
    unsigned at = n ? 0x24 : 0x1b;
    uint8_t *t = &pc->disk_translation;

    if (d->is_cd || n > 3) {
        return;
    }
    *t |= translation(d) << (2 * n);
    rtc_set_cmos(pc->rtc, 0x39, *t);
    if (n > 1) {
        return;
    }
    pc->disk_types |= n ? 0x0f : 0xf0;
    rtc_set_cmos(pc->rtc, 0x12, pc->disk_types);
    rtc_set_cmos(pc->rtc, 0x19 + n, 47);
    rtc_set_cmos(pc->rtc, at, d->cyls);
    rtc_set_cmos(pc->rtc, at + 1, d->cyls >> 8);
    rtc_set_cmos(pc->rtc, at + 2, d->heads);
    rtc_set_cmos(pc->rtc, at + 3, 0xff); /* no write precompensation */
    rtc_set_cmos(pc->rtc, at + 4, 0xff);
    rtc_set_cmos(pc->rtc, at + 5, 0xc0 | (d->heads > 8) << 3);
    rtc_set_cmos(pc->rtc, at + 6, d->cyls);
    rtc_set_cmos(pc->rtc, at + 7, d->cyls >> 8);
    rtc_set_cmos(pc->rtc, at + 8, d->secs);
}

static bool add_ide_drives(PCMachineState *pc, GError **errp)
{
    int units = pc->board->ide_units;
    bool cdrom = MACHINE(pc)->enable_defaults && !drive_any_cdrom();

    for (int n = 0; n < pc->board->ide_buses * units; n++) {
        DriveInfo empty_cd = {.cdrom = true};
        DriveInfo *d = drive_take(DRIVE_IF_IDE, n / units, n % units, units);
        g_autofree char *name = g_strdup_printf("ide.%d", n / units);
        DeviceState *dev;
        BusState *bus;

        if (!d && n == 2 && cdrom) {
            d = &empty_cd;
        }
        if (!d) {
            continue;
        }
        bus = qbus_find(name, errp);
        dev = bus ? add_ide(d, bus, n % units, errp) : NULL;
        if (!dev) {
            return false;
        }
        if (units == 2) {
            describe_disk(pc, IDE_DRIVE(dev), n);
        }
    }
    return true;
}

/* --- floppies --------------------------------------------------------------------------------- */

/* Whether some -device is of this type. */
static bool user_adds(const char *type)
{
    for (unsigned n = 0; vm_config.devices && n < vm_config.devices->len; n++) {
        bool is_json;
        json_object *opts = keyval_parse(vm_config.devices->pdata[n], "driver", &is_json, NULL);
        json_object *driver = NULL;
        bool same = opts && json_object_object_get_ex(opts, "driver", &driver) &&
                    g_str_equal(json_object_get_string(driver), type);

        json_object_put(opts);
        if (same) {
            return true;
        }
    }
    return false;
}

static bool add_floppy(const DriveInfo *d, BusState *bus, unsigned unit, GError **errp)
{
    DeviceState *dev = qdev_new(TYPE_FLOPPY);
    g_autofree char *name = g_strdup_printf("floppy%u", unit);
    bool ok = (!d->id || object_property_set_str(OBJECT(dev), "drive", d->id, errp)) &&
              object_property_set_uint(OBJECT(dev), "unit", unit, errp) &&
              qdev_realize(dev, bus, errp);

    if (ok && !d->id) {
        floppy_set_drive_name(dev, name);
    }
    object_unref(dev);
    return ok;
}

static bool add_floppies(PCMachineState *pc, GError **errp)
{
    DriveInfo empty = {0}, *d[FDC_DRIVES];
    bool any = pc->board->floppy;
    DeviceState *fdc;
    BusState *bus;

    for (unsigned n = 0; n < FDC_DRIVES; n++) {
        d[n] = drive_take(DRIVE_IF_FLOPPY, 0, n, FDC_DRIVES);
        any = any || d[n];
    }
    if (!any) {
        return true;
    }
    fdc = qdev_new(TYPE_ISA_FDC);
    if (!qdev_realize_and_unref(fdc, BUS(pc->isa), errp)) {
        return false;
    }
    bus = fdc->child_buses->pdata[0];
    if (!d[0] && pc->board->floppy && MACHINE(pc)->enable_defaults && !user_adds(TYPE_FLOPPY) &&
        !user_adds(TYPE_ISA_FDC)) {
        d[0] = &empty;
    }
    for (unsigned n = 0; n < FDC_DRIVES; n++) {
        if (d[n] && !add_floppy(d[n], bus, n, errp)) {
            return false;
        }
    }
    return true;
}

/* Types in 0x10; in 0x14, beside coprocessor and pointing device: whether there are drives, and how
 * many less one. */
void pc_describe_floppies(PCMachineState *pc)
{
    FloppyType types[FDC_DRIVES];
    uint8_t a, b, n;

    if (!pc->rtc) {
        return;
    }
    isa_fdc_drive_types(types);
    a = floppy_cmos_type(types[0]);
    b = floppy_cmos_type(types[1]);
    n = !!a + !!b;
    rtc_set_cmos(pc->rtc, 0x10, a << 4 | b);
    rtc_set_cmos(pc->rtc, 0x14, 0x02 | (pc->i8042 ? 0x04 : 0) | (n ? (n - 1) << 6 | 1 : 0));
}

/* --- all -------------------------------------------------------------------------------------- */

static bool add_virtio(const DriveInfo *d, GError **errp)
{
    json_object *opts;
    bool ok;

    if (!object_class_by_name("virtio-blk-pci")) {
        error_setg(errp, "-drive if=virtio: virtio-blk-pci is not built in; use if=ide, or "
                         "if=none,id=ID with -device nvme,drive=ID");
        return false;
    }
    opts = json_object_new_object();
    json_object_object_add(opts, "driver", json_object_new_string("virtio-blk-pci"));
    json_object_object_add(opts, "drive", json_object_new_string(d->id));
    ok = qdev_device_add(opts, false, errp) != NULL;
    json_object_put(opts);
    return ok;
}

bool pc_drives_init(PCMachineState *pc, GError **errp)
{
    DriveInfo *d;

    if ((pc->board->ide_units > 1 || pc->sata) && !add_ide_drives(pc, errp)) {
        return false;
    }
    if (!add_floppies(pc, errp)) {
        return false;
    }
    while ((d = drive_take_next(DRIVE_IF_VIRTIO))) {
        if (!add_virtio(d, errp)) {
            return false;
        }
    }
    return true;
}
