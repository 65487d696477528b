/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Drives whose medium can be changed, and the monitor's commands for them.  Main loop. */
#include "block-private.h"

#include "block/block-monitor.h"
#include "block/removable.h"
#include "qapi/qapi-commands.h"
#include "qapi/qapi-events.h"

static BlkRemovable *drives;

void blk_removable_add(BlkRemovable *rm, DeviceState *dev, const BlkRemovableOps *ops,
                       BlockBackend *blk)
{
    assert_main_loop();
    *rm = (BlkRemovable){
        .dev = dev,
        .ops = ops,
        .drive_id = blk ? g_strdup(blk->id) : NULL,
        .next = drives,
    };
    drives = rm;
}

void blk_removable_del(BlkRemovable *rm)
{
    BlkRemovable **p = &drives;

    assert_main_loop();
    while (*p && *p != rm) {
        p = &(*p)->next;
    }
    if (*p) {
        *p = rm->next;
        g_clear_pointer(&rm->drive_id, g_free);
    }
}

void blk_removable_foreach(void (*fn)(BlkRemovable *rm, void *opaque), void *opaque)
{
    for (BlkRemovable *rm = drives; rm; rm = rm->next) {
        fn(rm, opaque);
    }
}

BlkRemovable *blk_removable_of(BlockBackend *blk)
{
    for (BlkRemovable *rm = drives; rm; rm = rm->next) {
        if (rm->ops->medium(rm->dev) == blk) {
            return rm;
        }
    }
    return NULL;
}

/* --- event ----------------------------------------------------------------------------------- */

typedef struct TrayEvent {
    BlkRemovable *rm; /* perhaps gone when the event is sent: looked up again */
    bool open;
} TrayEvent;

static void send_tray_event(void *opaque)
{
    g_autofree TrayEvent *e = opaque;

    for (BlkRemovable *rm = drives; rm; rm = rm->next) {
        if (rm == e->rm) {
            g_autofree char *path = object_get_canonical_path(OBJECT(rm->dev));

            qapi_event_send_device_tray_moved(rm->drive_id ? rm->drive_id : "",
                                              rm->dev->id ? rm->dev->id : path, e->open);
        }
    }
}

void blk_removable_tray_moved(BlkRemovable *rm, bool open)
{
    TrayEvent e = {rm, open};

    aio_post(aio_get_main(), send_tray_event, g_memdup2(&e, sizeof(e)));
}

/* --- finding --------------------------------------------------------------------------------- */

static BlkRemovable *by_device(const char *device, GError **errp)
{
    for (BlkRemovable *rm = drives; rm; rm = rm->next) {
        if (!g_strcmp0(rm->drive_id, device)) {
            return rm;
        }
    }
    if (blk_find(device)) {
        error_setg(errp, "Device '%s' is not removable", device);
    } else {
        error_set_class(errp, ERROR_CLASS_DEVICE_NOT_FOUND, "Device '%s' not found", device);
    }
    return NULL;
}

static BlkRemovable *by_id(const char *id, GError **errp)
{
    DeviceState *dev = qdev_find(id, errp);

    for (BlkRemovable *rm = drives; dev && rm; rm = rm->next) {
        if (rm->dev == dev) {
            return rm;
        }
    }
    if (dev) {
        error_setg(errp, "Device '%s' is not removable", id);
    }
    return NULL;
}

static BlkRemovable *find(const char *device, const char *id, GError **errp)
{
    if (!device == !id) {
        error_setg(errp, "Need exactly one of 'device' and 'id'");
        return NULL;
    }
    return id ? by_id(id, errp) : by_device(device, errp);
}

static const char *name_of(const BlkRemovable *rm, const char *device, const char *id)
{
    return id ? id : device ? device : rm->drive_id ? rm->drive_id : "";
}

/* --- steps ----------------------------------------------------------------------------------- */

static bool has_tray(const BlkRemovable *rm)
{
    return rm->ops->tray_open;
}

/* False: it is locked, and the guest was asked. */
static bool open_tray(BlkRemovable *rm, bool force)
{
    if (!has_tray(rm) || rm->ops->tray_open(rm->dev)) {
        return true;
    }
    if (rm->ops->tray_locked(rm->dev) && !force) {
        rm->ops->request_eject(rm->dev);
        return false;
    }
    rm->ops->move_tray(rm->dev, true);
    return true;
}

static bool open_or_error(BlkRemovable *rm, bool force, const char *name, GError **errp)
{
    if (open_tray(rm, force)) {
        return true;
    }
    error_setg(errp,
               "Device '%s' is locked and force was not specified, wait for tray to open and try "
               "again",
               name);
    return false;
}

static bool check_open(BlkRemovable *rm, const char *name, GError **errp)
{
    if (has_tray(rm) && !rm->ops->tray_open(rm->dev)) {
        error_setg(errp, "Tray of device '%s' is not open", name);
        return false;
    }
    return true;
}

static void take_out(BlkRemovable *rm)
{
    if (rm->ops->medium(rm->dev)) {
        bool ok = rm->ops->set_medium(rm->dev, NULL, NULL);

        g_assert(ok);
    }
}

static bool put_in(BlkRemovable *rm, BlockBackend *blk, GError **errp)
{
    if (!rm->ops->set_medium(rm->dev, blk, errp)) {
        blk_detach_dev(blk);
        return false;
    }
    return true;
}

/* The drive keeps the name that it was made with. */
static BlockBackend *attach(BlkRemovable *rm, const char *node, GError **errp)
{
    BlockBackend *blk = blk_attach_dev(node, OBJECT(rm->dev), false, errp);

    if (blk && !blk->id && rm->drive_id && !blk_find(rm->drive_id)) {
        blk->id = g_strdup(rm->drive_id);
    }
    return blk;
}

static void close_tray(BlkRemovable *rm)
{
    if (has_tray(rm)) {
        rm->ops->move_tray(rm->dev, false);
    }
}

/* Whether a new medium is to be write-protected: auto: if it cannot be written. False with errp:
 * this drive does not write. */
static bool choose_access(const BlkRemovable *rm, BlockdevChangeReadOnlyMode mode, int *read_only,
                          GError **errp)
{
    BlockBackend *now = rm->ops->medium(rm->dev);

    if (mode == BLOCKDEV_CHANGE_READ_ONLY_MODE_READ_WRITE && !rm->ops->writable) {
        error_setg(errp, "read-only-mode=read-write: a CD-ROM is only read; use read-only");
        return false;
    }
    *read_only =
        !rm->ops->writable || mode == BLOCKDEV_CHANGE_READ_ONLY_MODE_READ_ONLY ||
                (mode == BLOCKDEV_CHANGE_READ_ONLY_MODE_RETAIN && now && blk_is_read_only(now))
            ? ON_OFF_AUTO_ON
        : mode == BLOCKDEV_CHANGE_READ_ONLY_MODE_READ_WRITE ? ON_OFF_AUTO_OFF
                                                            : ON_OFF_AUTO_AUTO;
    return true;
}

/* --- commands -------------------------------------------------------------------------------- */

void qmp_eject(const char *device, const char *id, bool has_force, bool force, GError **errp)
{
    BlkRemovable *rm = find(device, id, errp);

    if (rm && open_or_error(rm, force, name_of(rm, device, id), errp)) {
        take_out(rm);
    }
}

void qmp_blockdev_open_tray(const char *device, const char *id, bool has_force, bool force,
                            GError **errp)
{
    BlkRemovable *rm = find(device, id, errp);

    if (rm) {
        open_tray(rm, force); /* a locked one opens when the guest has unlocked it */
    }
}

void qmp_blockdev_close_tray(const char *device, const char *id, GError **errp)
{
    BlkRemovable *rm = find(device, id, errp);

    if (rm) {
        close_tray(rm);
    }
}

void qmp_blockdev_remove_medium(const char *id, GError **errp)
{
    BlkRemovable *rm = by_id(id, errp);

    if (rm && check_open(rm, id, errp)) {
        take_out(rm);
    }
}

void qmp_blockdev_insert_medium(const char *id, const char *node_name, GError **errp)
{
    BlkRemovable *rm = by_id(id, errp);
    BlockBackend *blk;

    if (!rm || !check_open(rm, id, errp)) {
        return;
    }
    if (rm->ops->medium(rm->dev)) {
        error_setg(errp, "There already is a medium in device '%s'", id);
        return;
    }
    if (!block_node_find(node_name)) {
        error_setg(errp, "Node '%s' not found", node_name);
        return;
    }
    blk = attach(rm, node_name, errp);
    if (blk) {
        put_in(rm, blk, errp);
    }
}

/* As in QEMU, force also means that a locked tray opens. */
void qmp_blockdev_change_medium(const char *device, const char *id, const char *filename,
                                const char *format, bool has_force, bool force,
                                bool has_read_only_mode, BlockdevChangeReadOnlyMode read_only_mode,
                                GError **errp)
{
    BlkRemovable *rm = find(device, id, errp);
    BlockNode *bs;
    BlockBackend *blk;
    int read_only;

    if (!rm || !choose_access(rm, read_only_mode, &read_only, errp)) {
        return;
    }
    bs = drive_open_medium(filename, format, read_only, errp);
    if (!bs) {
        return;
    }
    if (open_or_error(rm, force, name_of(rm, device, id), errp)) {
        take_out(rm);
        blk = attach(rm, bs->name, errp);
        if (blk && put_in(rm, blk, errp)) {
            close_tray(rm);
        }
    }
    block_node_unref(bs);
}
