/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Drives whose medium can be changed: what the monitor's commands (eject, blockdev-open-tray, ...)
 * need of a device.  Main loop, where not said otherwise.
 */
#ifndef BLOCK_REMOVABLE_H
#define BLOCK_REMOVABLE_H

#include "block/block-backend.h"
#include "hw/qdev-core.h"

typedef struct BlkRemovable BlkRemovable;

typedef struct BlkRemovableOps {
    bool writable;                             /* media may be written */
    BlockBackend *(*medium)(DeviceState *dev); /* NULL: none */
    /* These four are NULL where there is no tray: media come and go at any time. */
    bool (*tray_open)(DeviceState *dev);
    bool (*tray_locked)(DeviceState *dev);
    /* Opens or closes it; the event goes out. */
    void (*move_tray)(DeviceState *dev, bool open);
    /* The guest is asked to let the medium go. */
    void (*request_eject)(DeviceState *dev);
    /* blk, held for dev, is the medium from now on; NULL: there is none. False with errp: it does
     * not fit, and blk stays the caller's. The tray, if there is one, is open. */
    bool (*set_medium)(DeviceState *dev, BlockBackend *blk, GError **errp);
} BlkRemovableOps;

/* Embedded in a device. */
struct BlkRemovable {
    DeviceState *dev;
    const BlkRemovableOps *ops;
    char *drive_id; /* name of the -drive that it was made with, or NULL */
    BlkRemovable *next;
};

/* From the device's realize and unrealize. */
void blk_removable_add(BlkRemovable *rm, DeviceState *dev, const BlkRemovableOps *ops,
                       BlockBackend *blk);
void blk_removable_del(BlkRemovable *rm);
/* DEVICE_TRAY_MOVED.  Any thread. */
void blk_removable_tray_moved(BlkRemovable *rm, bool open);
/* The drive that blk is the medium of; NULL: of none. */
BlkRemovable *blk_removable_of(BlockBackend *blk);
void blk_removable_foreach(void (*fn)(BlkRemovable *rm, void *opaque), void *opaque);

#endif
