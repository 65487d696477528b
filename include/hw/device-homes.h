/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a device with queues lives: the properties iothread=, ioregionfd=, ioregionfds= and
 * iothread-vq-mapping=, and what follows from them.  Main loop.
 */
#ifndef HW_DEVICE_HOMES_H
#define HW_DEVICE_HOMES_H

#include "qemu/aio.h"
#include "qom/object.h"
#include "system/ioregionfd.h"
#include "system/iothread.h"

typedef struct DeviceHomes DeviceHomes;
struct DeviceHomes {
    /* Properties, as given. */
    IOThread *iothread;
    IoRegionFd *ioregionfd;
    char *ioregionfds_text;
    json_object *mapping; /* iothread-vq-mapping; or NULL */
    /* From device_homes_choose() to device_homes_release(). */
    const char *who;        /* for messages */
    AioContext *home;       /* of registers */
    GPtrArray *ioregionfds; /* IoRegionFd *; or NULL */
    GPtrArray *held;        /* IOThread *: iothread= or those of the mapping */
    GPtrArray *waits;       /* AioContext *: queues' contexts, for which the home waits */
    DeviceHomes *next;      /* all that have chosen */
};

/* Finds the home.  who outlives the device.  After false: device_homes_release(). */
bool device_homes_choose(DeviceHomes *h, const char *who, GError **errp);

/* Puts one queue, by the number that the user gave. */
typedef bool DeviceHomesPlace(void *opaque, uint64_t number, AioContext *ctx, GError **errp);
/* Reads iothread-vq-mapping (which is there) and holds its threads: calls place for each queue that
 * is named, or, where none is, sets *spread: the device deals its queues out by
 * device_homes_spread(). */
bool device_homes_map(DeviceHomes *h, DeviceHomesPlace *place, void *opaque, bool *spread,
                      GError **errp);
/* The context of the mapping's entry number i, counted round. */
AioContext *device_homes_spread(const DeviceHomes *h, unsigned i);

/* A queue has this context, for which the home may wait.  False with errp: nobody runs it, or the
 * waits of homes for queues would form a circle (docs/devel/locking.rst). */
bool device_homes_add_queue(DeviceHomes *h, AioContext *ctx, GError **errp);

void device_homes_release(DeviceHomes *h);
/* The device goes: frees what properties hold. */
void device_homes_finalize(DeviceHomes *h);

json_object *device_homes_get_mapping(Object *obj, const ObjectProperty *prop, GError **errp);
bool device_homes_set_mapping(Object *obj, const ObjectProperty *prop, json_object *value,
                              GError **errp);
json_object *device_homes_get_ids(Object *obj, const ObjectProperty *prop, GError **errp);
bool device_homes_set_ids(Object *obj, const ObjectProperty *prop, json_object *value,
                          GError **errp);

/* Rows of a property table; vqs says what the mapping's numbers are. */
#define DEFINE_PROPS_DEVICE_HOMES(state, field, vqs) \
    DEFINE_PROP_LINK("iothread", state, field.iothread, TYPE_IOTHREAD, \
                     "home of registers and queues (without ioregionfd=)"), \
        DEFINE_PROP_LINK( \
            "ioregionfd", state, field.ioregionfd, TYPE_IOREGIONFD, \
            "ioregionfd object that carries registers and notifications to its iothread"), \
        {.name = "ioregionfds", \
         .type = "str", \
         .kind = PROP_CUSTOM, \
         .offset = offsetof(state, field), \
         .get = device_homes_get_ids, \
         .set = device_homes_set_ids, \
         .help = \
             "ioregionfd objects for the queues, in turn: JSON list, or ids with ':' between"}, \
    { \
        .name = "iothread-vq-mapping", .type = "IOThreadVirtQueueMappingList", \
        .kind = PROP_CUSTOM, .offset = offsetof(state, field), .get = device_homes_get_mapping, \
        .set = device_homes_set_mapping, \
        .help = \
            "which iothread serves which " vqs ": [{\"iothread\": ID, \"vqs\": [N, ...]}, ...]" \
    }

#endif
