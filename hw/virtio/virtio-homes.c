/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which context each queue of a virtio device has, by the device's homes (hw/device-homes.h).  Main
 * loop.
 */
#include "virtio-private.h"

/* Queues that share a context have the same group; -1: they stay at home. */
static int group_of(VirtIODevice *vdev, unsigned index)
{
    VirtioDeviceClass *vc = VIRTIO_DEVICE_GET_CLASS(vdev);

    return vc->queue_group ? vc->queue_group(vdev, index) : (int)index;
}

/* A queue of the mapping; the user counts from the first that is not fixed. */
static bool place(void *opaque, uint64_t number, AioContext *ctx, GError **errp)
{
    VirtIODevice *vdev = opaque;
    unsigned fixed = VIRTIO_DEVICE_GET_CLASS(vdev)->fixed_queues;
    uint64_t n = number + fixed;

    if (n >= vdev->num_vqs) {
        error_setg(errp, "iothread-vq-mapping: queue %" PRIu64 ": the device has 0 to %u", number,
                   vdev->num_vqs - fixed - 1);
        return false;
    }
    if (vdev->vqs[n]->ctx) {
        error_setg(errp, "iothread-vq-mapping: queue %" PRIu64 " is named twice", number);
        return false;
    }
    if (group_of(vdev, n) < 0) {
        error_setg(errp,
                   "iothread-vq-mapping: queue %" PRIu64
                   " is the control queue, which stays with the registers: leave it out",
                   number);
        return false;
    }
    vdev->vqs[n]->ctx = ctx;
    return true;
}

/* Each queue has a context, the same as the others of its group. */
static bool check_groups(VirtIODevice *vdev, GError **errp)
{
    for (unsigned n = 0; n < vdev->num_vqs; n++) {
        VirtQueue *vq = vdev->vqs[n];

        if (!vq->ctx) {
            error_setg(errp, "iothread-vq-mapping: queue %u is not in the list",
                       n - VIRTIO_DEVICE_GET_CLASS(vdev)->fixed_queues);
            return false;
        }
        if (n && group_of(vdev, n) == group_of(vdev, n - 1) && vq->ctx != vdev->vqs[n - 1]->ctx) {
            error_setg(errp,
                       "iothread-vq-mapping: queues %u and %u are a pair: they need the same "
                       "iothread",
                       n - 1, n);
            return false;
        }
    }
    return true;
}

static bool apply_mapping(VirtIODevice *vdev, GError **errp)
{
    bool spread;

    if (!device_homes_map(&vdev->homes, place, vdev, &spread, errp)) {
        return false;
    }
    for (unsigned n = 0; n < vdev->num_vqs; n++) {
        int group = group_of(vdev, n);

        if (group < 0) {
            vdev->vqs[n]->ctx = vdev->home;
        } else if (spread) {
            vdev->vqs[n]->ctx = device_homes_spread(&vdev->homes, group);
        }
    }
    return check_groups(vdev, errp);
}

IoRegionFd *virtio_queue_ioregionfd(VirtQueue *vq)
{
    DeviceHomes *h = &vq->vdev->homes;

    if (h->ioregionfds) {
        int group = group_of(vq->vdev, vq->index);

        if (group < 0 && (h->ioregionfd || h->iothread)) {
            return h->ioregionfd;
        }
        return g_ptr_array_index(h->ioregionfds, MAX(group, 0) % h->ioregionfds->len);
    }
    /* With a mapping the queue's thread is not the object's. */
    return h->mapping ? NULL : h->ioregionfd;
}

bool virtio_homes_assign(VirtIODevice *vdev, GError **errp)
{
    if (vdev->homes.mapping && !apply_mapping(vdev, errp)) {
        return false;
    }
    for (unsigned i = 0; i < vdev->num_vqs; i++) {
        VirtQueue *vq = vdev->vqs[i];

        if (!vq->ctx) {
            IoRegionFd *ior = virtio_queue_ioregionfd(vq);

            vq->ctx = ior ? ioregionfd_context(ior) : vdev->home;
        }
        if (!device_homes_add_queue(&vdev->homes, vq->ctx, errp)) {
            return false;
        }
    }
    return true;
}
