/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For transports: how each queue's notifications travel.  Main loop. */
#ifndef HW_VIRTIO_NOTIFY_H
#define HW_VIRTIO_NOTIFY_H

#include "hw/virtio/virtio.h"

typedef struct VirtioNotifier {
    VirtQueue *vq;
    EventNotifier notifier; /* fd -1: not made */
    VirtioNotify wanted;    /* the user's */
    VirtioNotify now;       /* AUTO: nothing is set up yet */
} VirtioNotifier;

/* What only the transport knows. */
typedef struct VirtioNotifierOps {
    /* A write that notifies vq signals fd from now on / no more. */
    void (*map_eventfd)(void *transport, VirtQueue *vq, int fd, bool on);
    /* Other writes that notify vq are posted to a home / are done by the thread that writes. */
    bool (*set_home)(void *transport, VirtQueue *vq, bool on, GError **errp);
} VirtioNotifierOps;

typedef struct VirtioNotifiers {
    const VirtioNotifierOps *ops;
    void *transport;
    VirtIODevice *vdev;
    VirtioNotifier *queues; /* NULL: not set up */
    unsigned n;
    AioBH *bh;
    bool ioeventfd; /* property */
    char *text;     /* property: MODE or MODE:MODE:...; owned by the transport's object */
} VirtioNotifiers;

/* The device's queues exist: sets up what s->text and s->ioeventfd say.  False with errp; exit()
 * is due all the same. */
bool virtio_notifiers_init(VirtioNotifiers *s, VirtIODevice *vdev, const VirtioNotifierOps *ops,
                           void *transport, GError **errp);
/* Any thread: what "auto" means may have changed. */
void virtio_notifiers_look(VirtioNotifiers *s);
void virtio_notifiers_exit(VirtioNotifiers *s);
/* The property "notify" of an object that has VirtioNotifiers at the property's offset: reads as
 * what is asked for, or what each queue has. */
json_object *virtio_notifiers_get(Object *obj, const ObjectProperty *prop, GError **errp);
bool virtio_notifiers_set(Object *obj, const ObjectProperty *prop, json_object *value,
                          GError **errp);

/* Rows of a transport's property table. */
#define DEFINE_PROPS_VIRTIO_NOTIFIERS(state, field) \
    DEFINE_PROP_BOOL("ioeventfd", state, field.ioeventfd, true, \
                     "notifications by eventfd, where nothing else is asked for"), \
    { \
        .name = "notify", .type = "str", .kind = PROP_STRING, .settable_live = true, \
        .offset = offsetof(state, field), .get = virtio_notifiers_get, \
        .set = virtio_notifiers_set, \
        .help = "way of notifications: auto, ioeventfd, ioregionfd or exit; for each queue in " \
                "turn with ':' between; may be set at any time" \
    }

#endif
