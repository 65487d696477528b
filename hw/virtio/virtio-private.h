/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared between the files of hw/virtio only. */
#ifndef HW_VIRTIO_PRIVATE_H
#define HW_VIRTIO_PRIVATE_H

#include "hw/virtio/virtio.h"

/* --- virtio-homes.c: main loop --- */
/* Each queue's context. */
bool virtio_homes_assign(VirtIODevice *vdev, GError **errp);

/* --- virtqueue.c --- */
/* Main loop: once ctx is known. */
void virtqueue_make_bh(VirtQueue *vq);
void virtqueue_free(VirtQueue *vq);
/* Home: starts as it was set up.  False: no memory. */
bool virtqueue_start(VirtQueue *vq);
/* Home: virtio_queue_stopped() follows, later, when nothing is in flight any more. */
void virtqueue_stop(VirtQueue *vq);

/* --- virtio-transport.c: home, where not said otherwise --- */
/* Any thread: 32 bits of what the modern interface offers, which does not know bits that only the
 * legacy one has; 0 from select 2 on. */
uint32_t virtio_offered_features(VirtIODevice *vdev, uint32_t select);
/* The modern driver's word number select; from 2 on there is nothing to say. */
void virtio_set_features_half(VirtIODevice *vdev, uint32_t select, uint32_t v);
/* The legacy driver's only word: what was not offered does not count. */
void virtio_set_legacy_features(VirtIODevice *vdev, uint32_t v);

typedef enum VirtioRingPart {
    VIRTIO_RING_DESC,
    VIRTIO_RING_DRIVER,
    VIRTIO_RING_DEVICE
} VirtioRingPart;
/* Where a part of the ring is; a ring in use stays where it is, and as long as it is. */
void virtio_queue_set_address(VirtQueue *vq, VirtioRingPart part, bool high, uint32_t v);
/* Any thread. */
uint32_t virtio_queue_address(VirtQueue *vq, VirtioRingPart part, bool high);
/* What is no number of entries, or too large, is not taken. */
void virtio_queue_set_size(VirtQueue *vq, uint32_t v);
/* 1 enables a queue that is not in use. */
void virtio_queue_write_enable(VirtQueue *vq, uint32_t v);
/* 1 ends one queue, if the driver has that feature. */
void virtio_queue_write_reset(VirtQueue *vq, uint32_t v);
/* Legacy: the page number says where the whole ring is; 0 takes it away, which these drivers do
 * when they let go of a queue. */
void virtio_queue_write_pfn(VirtQueue *vq, uint32_t pfn, uint32_t page_size, uint32_t align);
/* Main loop: mr has the home of the device's registers. */
bool virtio_set_region_home(VirtIODevice *vdev, MemoryRegion *mr, unsigned flags, GError **errp);

/* --- virtio.c --- */
void virtio_queue_stopped(VirtQueue *vq);

#endif
