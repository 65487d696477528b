/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What happens when a guest's watchdog expires, and to a guest that resets, shuts down or panics (-action). */
#ifndef SYSTEM_WATCHDOG_H
#define SYSTEM_WATCHDOG_H

#include "qemu/error.h"

#include <json-c/json.h>

/* A watchdog has expired: WATCHDOG event, and what the user chose.  Main loop. */
void watchdog_expired(void);
/* -action watchdog=..,reboot=..,shutdown=..,panic=.. */
bool action_configure(json_object *opts, GError **errp);

#endif
