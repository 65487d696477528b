/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of those who want to hear that a device appears or goes (see hw/qdev-core.h). */
#include "qemu/osdep.h"

#include "hw/qdev-core.h"

static DeviceListener *listeners; /* main loop */

void device_listener_register(DeviceListener *l)
{
    DeviceListener **p = &listeners;

    while (*p) {
        p = &(*p)->next;
    }
    l->next = NULL;
    *p = l;
}

void device_listener_unregister(DeviceListener *l)
{
    for (DeviceListener **p = &listeners; *p; p = &(*p)->next) {
        if (*p == l) {
            *p = l->next;
            return;
        }
    }
}

bool device_listeners_realizing(DeviceState *dev, GError **errp)
{
    DeviceListener *next;

    for (DeviceListener *l = listeners; l; l = next) {
        next = l->next;
        if (l->realizing && !l->realizing(l, dev, errp)) {
            return false;
        }
    }
    return true;
}

bool device_listeners_realized(DeviceState *dev, GError **errp)
{
    DeviceListener *next;

    for (DeviceListener *l = listeners; l; l = next) {
        next = l->next;
        if (l->realized && !l->realized(l, dev, errp)) {
            /* Those before it saw the device; they must see it go, too. */
            for (DeviceListener *u = listeners; u != l; u = u->next) {
                if (u->unrealizing) {
                    u->unrealizing(u, dev);
                }
            }
            return false;
        }
    }
    return true;
}

void device_listeners_unrealizing(DeviceState *dev)
{
    DeviceListener *next;

    for (DeviceListener *l = listeners; l; l = next) {
        next = l->next;
        if (l->unrealizing) {
            l->unrealizing(l, dev);
        }
    }
}
