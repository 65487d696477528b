/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of hw/core's device model share. Main loop only. */
#ifndef QDEV_INTERNAL_H
#define QDEV_INTERNAL_H

#include "hw/qdev-core.h"

/* --- qdev.c --- */
extern bool qdev_hotplug; /* the machine is complete: new devices are hot-plugged */

/* --- bus.c --- */
/* Puts dev on bus, checks included; false with errp. */
bool qbus_plug(BusState *bus, DeviceState *dev, GError **errp);
void qbus_leave(DeviceState *dev);
bool qbus_is_full(const BusState *bus);

/* --- hotplug.c --- */
bool hotplug_pre_plug(Object *handler, DeviceState *dev, GError **errp);
bool hotplug_plug(Object *handler, DeviceState *dev, GError **errp);

/* --- globals.c --- */
/* Sets what -global says of dev's type and its ancestors. */
bool qdev_apply_globals(DeviceState *dev, GError **errp);

/* --- qdev-help.c --- */
/* True for properties that are not a user's to set with -device. */
bool qdev_property_is_internal(const ObjectProperty *prop);

#endif
