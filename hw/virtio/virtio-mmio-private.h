/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared between the files of the MMIO transport only. */
#ifndef HW_VIRTIO_MMIO_PRIVATE_H
#define HW_VIRTIO_MMIO_PRIVATE_H

#include "hw/virtio/virtio-mmio.h"
#include "hw/virtio/virtio-notify.h"
#include "system/memory.h"
#include "virtio-private.h"

/* Registers [4.2.2], those of version 1 only [4.2.4] marked so. */
enum {
    MMIO_MAGIC = 0x000,
    MMIO_VERSION = 0x004,
    MMIO_DEVICE_ID = 0x008,
    MMIO_VENDOR_ID = 0x00c,
    MMIO_DEVICE_FEATURES = 0x010,
    MMIO_DEVICE_FEATURES_SEL = 0x014,
    MMIO_DRIVER_FEATURES = 0x020,
    MMIO_DRIVER_FEATURES_SEL = 0x024,
    MMIO_GUEST_PAGE_SIZE = 0x028, /* 1 */
    MMIO_QUEUE_SEL = 0x030,
    MMIO_QUEUE_NUM_MAX = 0x034,
    MMIO_QUEUE_NUM = 0x038,
    MMIO_QUEUE_ALIGN = 0x03c, /* 1 */
    MMIO_QUEUE_PFN = 0x040,   /* 1 */
    MMIO_QUEUE_READY = 0x044,
    MMIO_QUEUE_NOTIFY = 0x050,
    MMIO_INTERRUPT_STATUS = 0x060,
    MMIO_INTERRUPT_ACK = 0x064,
    MMIO_STATUS = 0x070,
    MMIO_QUEUE_DESC_LOW = 0x080,
    MMIO_QUEUE_DESC_HIGH = 0x084,
    MMIO_QUEUE_DRIVER_LOW = 0x090,
    MMIO_QUEUE_DRIVER_HIGH = 0x094,
    MMIO_QUEUE_DEVICE_LOW = 0x0a0,
    MMIO_QUEUE_DEVICE_HIGH = 0x0a4,
    MMIO_SHM_SEL = 0x0ac,
    MMIO_SHM_LEN_LOW = 0x0b0,
    MMIO_SHM_LEN_HIGH = 0x0b4,
    MMIO_SHM_BASE_LOW = 0x0b8,
    MMIO_SHM_BASE_HIGH = 0x0bc,
    MMIO_QUEUE_RESET = 0x0c0,
    MMIO_CONFIG_GENERATION = 0x0fc,
    MMIO_CONFIG = 0x100,
};
enum { MMIO_INT_QUEUE = BIT(0), MMIO_INT_CONFIG = BIT(1) };

struct VirtIOMMIO {
    SysBusDevice parent_obj;
    BusState *bus;
    /* --- properties --- */
    bool force_legacy;
    VirtioNotifiers notifiers; /* main loop */
    /* --- constant while realized --- */
    MemoryRegion page, registers, notify;
    qemu_irq irq;
    /* --- */
    VirtIODevice *vdev;      /* atomic; NULL: the place is empty */
    unsigned notify_at_home; /* main loop: queues whose notifications are posted to the home */
    /* --- registers: home; atomics --- */
    uint32_t device_features_sel, driver_features_sel, queue_sel, shm_sel;
    uint32_t guest_page_size, queue_align; /* version 1 */
    uint32_t interrupt_status;             /* atomic, any thread */
};

extern const MemoryRegionOps virtio_mmio_ops, virtio_mmio_notify_ops;

/* Any thread. */
static inline VirtIODevice *virtio_mmio_device(VirtIOMMIO *p)
{
    return __atomic_load_n(&p->vdev, __ATOMIC_ACQUIRE);
}
/* Any thread: the line says what the status register says. */
void virtio_mmio_interrupt(VirtIOMMIO *p, uint32_t bits);
void virtio_mmio_acknowledge(VirtIOMMIO *p, uint32_t bits);

#endif
