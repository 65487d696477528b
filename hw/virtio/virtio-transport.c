/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a driver's writes to registers mean, whatever transport has the registers (virtio 1.2,
 * sections 4.1.4 and 4.2.2): features, and how a queue is set up.  At the device's home, where not
 * said otherwise.
 */
#include "virtio-private.h"

/* One of the two words of a field of 64 bits, which other threads read. */
static void set_half(uint64_t *field, bool high, uint32_t v)
{
    unsigned shift = high ? 32 : 0;
    uint64_t other = *field & ~((uint64_t)UINT32_MAX << shift);

    __atomic_store_n(field, other | (uint64_t)v << shift, __ATOMIC_RELEASE);
}

/* --- features -------------------------------------------------------------------------------- */

uint32_t virtio_offered_features(VirtIODevice *vdev, uint32_t select)
{
    uint64_t legacy_only = BIT_ULL(VIRTIO_F_NOTIFY_ON_EMPTY) | BIT_ULL(VIRTIO_F_ANY_LAYOUT);

    return select < 2 ? (uint32_t)((vdev->host_features & ~legacy_only) >> (32 * select)) : 0;
}

void virtio_set_features_half(VirtIODevice *vdev, uint32_t select, uint32_t v)
{
    if (select < 2) {
        set_half(&vdev->driver_features, select, v);
        virtio_set_features(vdev, vdev->driver_features);
    }
}

void virtio_set_legacy_features(VirtIODevice *vdev, uint32_t v)
{
    vdev->legacy = true;
    virtio_set_features(vdev, v & (uint32_t)vdev->host_features);
}

/* --- queues ---------------------------------------------------------------------------------- */

static bool idle(const VirtQueue *vq)
{
    return !vq->enabled && !vq->resetting;
}

static uint64_t *part_of(VirtQueue *vq, VirtioRingPart part)
{
    uint64_t *const parts[] = {
        [VIRTIO_RING_DESC] = &vq->desc,
        [VIRTIO_RING_DRIVER] = &vq->driver,
        [VIRTIO_RING_DEVICE] = &vq->device,
    };

    return parts[part];
}

void virtio_queue_set_address(VirtQueue *vq, VirtioRingPart part, bool high, uint32_t v)
{
    if (idle(vq)) {
        set_half(part_of(vq, part), high, v);
    }
}

uint32_t virtio_queue_address(VirtQueue *vq, VirtioRingPart part, bool high)
{
    return __atomic_load_n(part_of(vq, part), __ATOMIC_ACQUIRE) >> (high ? 32 : 0);
}

void virtio_queue_set_size(VirtQueue *vq, uint32_t v)
{
    bool power = v && !(v & (v - 1)); /* 2.7: a split ring's */

    if (idle(vq) && v && v <= vq->size_max &&
        (power || virtio_has_feature(vq->vdev, VIRTIO_F_RING_PACKED))) {
        __atomic_store_n(&vq->size, (uint16_t)v, __ATOMIC_RELEASE);
    }
}

void virtio_queue_write_enable(VirtQueue *vq, uint32_t v)
{
    if (idle(vq) && v == 1) {
        virtio_queue_enable(vq);
    }
}

void virtio_queue_write_reset(VirtQueue *vq, uint32_t v)
{
    if (v == 1 && virtio_has_feature(vq->vdev, VIRTIO_F_RING_RESET)) {
        virtio_queue_reset(vq);
    }
}

void virtio_queue_write_pfn(VirtQueue *vq, uint32_t pfn, uint32_t page_size, uint32_t align)
{
    if (!pfn) {
        virtio_queue_reset_wait(vq);
    } else if (!vq->enabled && page_size) {
        __atomic_store_n(&vq->pfn, pfn, __ATOMIC_RELEASE);
        virtio_queue_enable_legacy(vq, (uint64_t)pfn * page_size, align);
    }
}

/* --- regions: main loop ---------------------------------------------------------------------- */

bool virtio_set_region_home(VirtIODevice *vdev, MemoryRegion *mr, unsigned flags, GError **errp)
{
    if (vdev->homes.ioregionfd) {
        return memory_region_set_ioregionfd(mr, vdev->homes.ioregionfd, flags, errp);
    }
    memory_region_set_home(mr, vdev->home, flags);
    return true;
}
