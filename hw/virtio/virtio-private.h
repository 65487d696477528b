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

/* --- virtio.c --- */
void virtio_queue_stopped(VirtQueue *vq);

#endif
