/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How notifications travel from the driver to a queue's context, queue by queue, and how that is
 * changed while the guest runs; for every transport, which says only where its registers are.  Main
 * loop.
 *
 * Whatever way is being left, the queue is looked at once after the change: a notification that
 * went the old way at the last moment is not lost.
 */
#include "virtio-private.h"

#include "hw/virtio/virtio-notify.h"

static bool parse_mode(const char *text, VirtioNotify *mode, GError **errp)
{
    for (int i = 0; virtio_notify_table.names[i]; i++) {
        if (g_str_equal(virtio_notify_table.names[i], text)) {
            *mode = i;
            return true;
        }
    }
    error_setg(errp,
               "notify=%s: use auto, ioeventfd, ioregionfd or exit, for each queue in turn "
               "with ':' between",
               text);
    return false;
}

static bool parse(VirtioNotifiers *s, const char *text, GError **errp)
{
    g_auto(GStrv) modes = g_strsplit(text && *text ? text : "auto", ":", -1);
    unsigned n = g_strv_length(modes);
    VirtioNotify mode = VIRTIO_NOTIFY_AUTO;

    for (unsigned i = 0; i < n; i++) {
        if (!parse_mode(modes[i], &mode, errp)) {
            return false;
        }
    }
    for (unsigned i = 0; i < s->n; i++) {
        parse_mode(modes[i % n], &mode, NULL);
        s->queues[i].wanted = mode;
    }
    return true;
}

static VirtioNotify choose(const VirtioNotifiers *s, const VirtioNotifier *q)
{
    if (q->wanted != VIRTIO_NOTIFY_AUTO) {
        return q->wanted;
    }
    if (!s->ioeventfd || s->vdev->homes.ioregionfd || s->vdev->homes.ioregionfds ||
        virtio_has_feature(s->vdev, VIRTIO_F_NOTIFICATION_DATA)) {
        return VIRTIO_NOTIFY_IOREGIONFD;
    }
    return VIRTIO_NOTIFY_IOEVENTFD;
}

/* --- eventfd --------------------------------------------------------------------------------- */

static void notifier_ready(void *opaque)
{
    virtio_queue_notify(opaque);
}

static void listen_in_ctx(void *opaque)
{
    VirtioNotifier *q = opaque;

    aio_set_event_notifier(q->vq->ctx, &q->notifier, notifier_ready, q->vq);
}

static void unlisten_in_ctx(void *opaque)
{
    VirtioNotifier *q = opaque;

    aio_set_event_notifier(q->vq->ctx, &q->notifier, NULL, NULL);
}

static bool eventfd_on(VirtioNotifiers *s, VirtioNotifier *q)
{
    if (!event_notifier_init(&q->notifier, false, NULL)) {
        return false;
    }
    aio_call(q->vq->ctx, listen_in_ctx, q);
    s->ops->map_eventfd(s->transport, q->vq, q->notifier.fd, true);
    return true;
}

/* Deregister, silence, close. */
static void eventfd_off(VirtioNotifiers *s, VirtioNotifier *q)
{
    s->ops->map_eventfd(s->transport, q->vq, q->notifier.fd, false);
    aio_call(q->vq->ctx, unlisten_in_ctx, q);
    event_notifier_cleanup(&q->notifier);
    q->notifier.fd = -1;
}

/* --- changes --------------------------------------------------------------------------------- */

static bool change(VirtioNotifiers *s, VirtioNotifier *q, VirtioNotify to, GError **errp)
{
    if (to == q->now) {
        return true;
    }
    if (q->now == VIRTIO_NOTIFY_IOEVENTFD) {
        eventfd_off(s, q);
    }
    if (q->now == VIRTIO_NOTIFY_AUTO ||
        (to == VIRTIO_NOTIFY_EXIT) != (q->now == VIRTIO_NOTIFY_EXIT)) {
        if (!s->ops->set_home(s->transport, q->vq, to != VIRTIO_NOTIFY_EXIT, errp)) {
            return false;
        }
    }
    if (to == VIRTIO_NOTIFY_IOEVENTFD && !eventfd_on(s, q)) {
        to = VIRTIO_NOTIFY_IOREGIONFD; /* no more descriptors: the region has a home as well */
    }
    q->now = to;
    virtqueue_schedule(q->vq);
    TRACE(virtio, notify, "%s queue %u: %s", s->vdev->name, q->vq->index,
          virtio_notify_table.names[to]);
    return true;
}

static bool apply(VirtioNotifiers *s, GError **errp)
{
    /* No transaction around all: an eventfd must be out of the map before it is closed. */
    for (unsigned i = 0; i < s->n; i++) {
        if (!change(s, &s->queues[i], choose(s, &s->queues[i]), errp)) {
            return false;
        }
    }
    return true;
}

static void apply_bh(void *opaque)
{
    apply(opaque, NULL);
}

bool virtio_notifiers_init(VirtioNotifiers *s, VirtIODevice *vdev, const VirtioNotifierOps *ops,
                           void *transport, GError **errp)
{
    s->vdev = vdev;
    s->ops = ops;
    s->transport = transport;
    s->n = vdev->num_vqs;
    s->queues = g_new0(VirtioNotifier, s->n);
    for (unsigned i = 0; i < s->n; i++) {
        s->queues[i].vq = vdev->vqs[i];
        s->queues[i].notifier.fd = -1;
    }
    s->bh = aio_bh_new(aio_get_main(), apply_bh, s);
    return parse(s, s->text, errp) && apply(s, errp);
}

void virtio_notifiers_look(VirtioNotifiers *s)
{
    if (s->bh) {
        aio_bh_schedule(s->bh);
    }
}

void virtio_notifiers_exit(VirtioNotifiers *s)
{
    g_clear_pointer(&s->bh, aio_bh_delete);
    for (unsigned i = 0; i < s->n; i++) {
        VirtioNotifier *q = &s->queues[i];

        if (q->now == VIRTIO_NOTIFY_IOEVENTFD) {
            eventfd_off(s, q);
        }
        if (q->now != VIRTIO_NOTIFY_EXIT && q->now != VIRTIO_NOTIFY_AUTO) {
            s->ops->set_home(s->transport, q->vq, false, NULL);
        }
        q->now = VIRTIO_NOTIFY_AUTO;
    }
    g_clear_pointer(&s->queues, g_free);
    s->n = 0;
}

/* --- the property "notify" ------------------------------------------------------------------- */

static VirtioNotifiers *notifiers_of(Object *obj, const ObjectProperty *prop)
{
    return (VirtioNotifiers *)((char *)obj + prop->offset);
}

json_object *virtio_notifiers_get(Object *obj, const ObjectProperty *prop, GError **errp)
{
    const VirtioNotifiers *s = notifiers_of(obj, prop);
    g_autoptr(GString) text = g_string_new(NULL);

    if (!s->queues) {
        return json_object_new_string(s->text ? s->text : "auto");
    }
    for (unsigned i = 0; i < s->n; i++) {
        g_string_append_printf(text, "%s%s", i ? ":" : "",
                               virtio_notify_table.names[s->queues[i].now]);
    }
    return json_object_new_string(text->str);
}

bool virtio_notifiers_set(Object *obj, const ObjectProperty *prop, json_object *value,
                          GError **errp)
{
    VirtioNotifiers *s = notifiers_of(obj, prop);
    const char *text = json_object_get_string(value);

    if (s->queues) {
        if (!parse(s, text, errp)) {
            return false;
        }
        if (!apply(s, errp)) {
            /* All queues as they were asked for before; that was possible once. */
            parse(s, s->text, NULL);
            apply(s, NULL);
            return false;
        }
    }
    g_free(s->text);
    s->text = g_strdup(text);
    return true;
}
