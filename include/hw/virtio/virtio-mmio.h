/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The MMIO transport (virtio 1.2, section 4.2): a page of registers on the system bus, with a bus
 * of one place for a virtio-X-device.  The board maps it and wires its line.
 */
#ifndef HW_VIRTIO_MMIO_H
#define HW_VIRTIO_MMIO_H

#include "hw/virtio/virtio.h"

#define TYPE_VIRTIO_MMIO "virtio-mmio"
#define TYPE_VIRTIO_MMIO_BUS "virtio-mmio-bus"
#define VIRTIO_MMIO_SIZE 0x200

typedef struct VirtIOMMIO VirtIOMMIO;
#define VIRTIO_MMIO(obj) ((VirtIOMMIO *)(obj))

/* The device in the transport's place, NULL: none. Main loop. */
VirtIODevice *virtio_mmio_backend(VirtIOMMIO *p);

#endif
