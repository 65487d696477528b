/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Block nodes and drives from the command line and the monitors. Main loop only. */
#ifndef BLOCK_BLOCK_MONITOR_H
#define BLOCK_BLOCK_MONITOR_H

#include "qemu/error.h"

#include <json-c/json.h>

/* -blockdev / blockdev-add: opts is the node's description; strings are parsed where from_strings. */
bool blockdev_add(json_object *opts, bool from_strings, GError **errp);
/* Names of the drivers, or one driver's options (NULL with errp: there is no such driver); g_string_free(). */
GString *blockdev_driver_help(const char *driver, GError **errp);
/* What a -drive is for: the board makes the device, but for NONE. */
typedef enum DriveInterface { DRIVE_IF_NONE, DRIVE_IF_IDE, DRIVE_IF_FLOPPY, DRIVE_IF_PFLASH, DRIVE_IF_VIRTIO } DriveInterface;

typedef struct DriveInfo {
    DriveInterface type;
    int bus, unit, index;   /* as given; -1: not */
    bool cdrom, taken;
    char *id;               /* NULL: a drive without a medium */
} DriveInfo;

/* -drive file=...,if=...,id=...: one option's argument.  implied: keys that count where text does not say otherwise, or NULL. */
bool drive_add(const char *text, const char *implied, GError **errp);
/* A drive of this type that no device has yet, by its place where a bus has units places; NULL: there is none. It is taken. */
DriveInfo *drive_take(DriveInterface type, int bus, int unit, int units);
/* The next drive of this type, in the order given; NULL: none is left. It is taken. */
DriveInfo *drive_take_next(DriveInterface type);
/* True if some -drive is a CD-ROM. */
bool drive_any_cdrom(void);
/* False with errp naming a drive that no board part has taken. */
bool drive_check_taken(GError **errp);

#endif
