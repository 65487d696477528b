/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Block nodes and drives from the command line and the monitors. Main loop only. */
#ifndef BLOCK_BLOCK_MONITOR_H
#define BLOCK_BLOCK_MONITOR_H

#include "qemu/error.h"

#include <json-c/json.h>

/* -blockdev / blockdev-add: opts is the node's description; strings are parsed where from_strings. */
bool blockdev_add(json_object *opts, bool from_strings, GError **errp);
/* -drive file=...,if=none,id=...: one option's argument. */
bool drive_add(const char *text, GError **errp);

#endif
