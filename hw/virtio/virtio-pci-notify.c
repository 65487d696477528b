/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How notifications travel from the driver to a queue's context, queue by queue, and how that is
 * changed while the guest runs.  Main loop.
 *
 * Whatever way is being left, the queue is looked at once after the change: a notification that
 * went the old way at the last moment is not lost.
 */
#include "virtio-pci-private.h"

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

bool virtio_pci_notify_parse(VirtIOPCI *p, const char *text, GError **errp)
{
    g_auto(GStrv) modes = g_strsplit(text && *text ? text : "auto", ":", -1);
    unsigned n = g_strv_length(modes);
    VirtioNotify mode = VIRTIO_NOTIFY_AUTO;

    for (unsigned i = 0; i < n; i++) {
        if (!parse_mode(modes[i], &mode, errp)) {
            return false;
        }
    }
    for (unsigned i = 0; i < p->num_queues; i++) {
        parse_mode(modes[i % n], &mode, NULL);
        p->queues[i].wanted = mode;
    }
    return true;
}

static VirtioNotify choose(VirtioPciQueue *q)
{
    VirtIOPCI *p = q->p;

    if (q->wanted != VIRTIO_NOTIFY_AUTO) {
        return q->wanted;
    }
    if (!p->ioeventfd || p->vdev->homes.ioregionfd || p->vdev->homes.ioregionfds ||
        virtio_has_feature(p->vdev, VIRTIO_F_NOTIFICATION_DATA)) {
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
    VirtioPciQueue *q = opaque;

    aio_set_event_notifier(q->vq->ctx, &q->notifier, notifier_ready, q->vq);
}

static void unlisten_in_ctx(void *opaque)
{
    VirtioPciQueue *q = opaque;

    aio_set_event_notifier(q->vq->ctx, &q->notifier, NULL, NULL);
}

/* Modern: any length, any value; legacy: one port, told apart by the value. */
static void map_eventfd(VirtioPciQueue *q, bool on)
{
    MemoryRegionIoeventfd modern = {.offset = 0, .size = 0, .fd = q->notifier.fd};
    MemoryRegionIoeventfd legacy = {.offset = VIRTIO_PCI_QUEUE_NOTIFY,
                                    .size = 2,
                                    .match_data = true,
                                    .data = q->vq->index,
                                    .fd = q->notifier.fd};

    if (q->p->has_modern) {
        (on ? memory_region_add_eventfd : memory_region_del_eventfd)(&q->mr, &modern);
    }
    if (q->p->has_legacy) {
        (on ? memory_region_add_eventfd : memory_region_del_eventfd)(&q->p->legacy, &legacy);
    }
}

static bool eventfd_on(VirtioPciQueue *q)
{
    if (!event_notifier_init(&q->notifier, false, NULL)) {
        return false;
    }
    aio_call(q->vq->ctx, listen_in_ctx, q);
    map_eventfd(q, true);
    return true;
}

/* Deregister, silence, close. */
static void eventfd_off(VirtioPciQueue *q)
{
    map_eventfd(q, false);
    aio_call(q->vq->ctx, unlisten_in_ctx, q);
    event_notifier_cleanup(&q->notifier);
    q->notifier.fd = -1;
}

/* --- homes ----------------------------------------------------------------------------------- */

static bool set_home(VirtioPciQueue *q, bool on, GError **errp)
{
    IoRegionFd *ior = virtio_queue_ioregionfd(q->vq);

    if (!q->p->has_modern) {
        return true;
    }
    if (on && ior) {
        return memory_region_set_ioregionfd(&q->mr, ior, MEMORY_HOME_POSTED_WRITES, errp);
    }
    memory_region_set_home(&q->mr, on ? q->vq->ctx : NULL, on ? MEMORY_HOME_POSTED_WRITES : 0);
    return true;
}

static bool change(VirtioPciQueue *q, VirtioNotify to, GError **errp)
{
    if (to == q->now) {
        return true;
    }
    if (q->now == VIRTIO_NOTIFY_IOEVENTFD) {
        eventfd_off(q);
    }
    if (q->now == VIRTIO_NOTIFY_AUTO ||
        (to == VIRTIO_NOTIFY_EXIT) != (q->now == VIRTIO_NOTIFY_EXIT)) {
        if (!set_home(q, to != VIRTIO_NOTIFY_EXIT, errp)) {
            return false;
        }
    }
    if (to == VIRTIO_NOTIFY_IOEVENTFD && !eventfd_on(q)) {
        to = VIRTIO_NOTIFY_IOREGIONFD; /* no more descriptors: the region has a home as well */
    }
    q->now = to;
    virtqueue_schedule(q->vq);
    TRACE(virtio, pci_notify, "%s queue %u: %s", q->p->vdev->name, q->vq->index,
          virtio_notify_table.names[to]);
    return true;
}

static bool apply(VirtIOPCI *p, GError **errp)
{
    /* No transaction around all: an eventfd must be out of the map before it is closed. */
    for (unsigned i = 0; i < p->num_queues; i++) {
        if (!change(&p->queues[i], choose(&p->queues[i]), errp)) {
            return false;
        }
    }
    return true;
}

void virtio_pci_notify_apply(void *opaque)
{
    VirtIOPCI *p = opaque;

    apply(p, NULL);
}

bool virtio_pci_notify_init(VirtIOPCI *p, GError **errp)
{
    return virtio_pci_notify_parse(p, p->notify_text, errp) && apply(p, errp);
}

void virtio_pci_notify_exit(VirtIOPCI *p)
{
    for (unsigned i = 0; i < p->num_queues; i++) {
        VirtioPciQueue *q = &p->queues[i];

        if (q->now == VIRTIO_NOTIFY_IOEVENTFD) {
            eventfd_off(q);
        }
        if (q->now != VIRTIO_NOTIFY_EXIT && q->now != VIRTIO_NOTIFY_AUTO && p->has_modern) {
            memory_region_set_home(&q->mr, NULL, 0);
        }
        q->now = VIRTIO_NOTIFY_AUTO;
    }
}
