/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers of the MMIO transport (virtio 1.2, section 4.2.2; version 1: 4.2.4).
 *
 * Writes run at the device's home; notifications wake the queue's context, and interrupts are
 * acknowledged, from any thread.  Every read is a few atomic loads, done by the thread that reads;
 * only while the configuration space changes is a read carried to the home.
 *
 * Registers are 32 bits wide, and accessed so [4.2.2.2]: another access to one reads 0 and writes
 * nothing.  So do registers of the other version, and all but the first four of an empty place.
 */
#include "virtio-mmio-private.h"

#include "qemu/log.h"

#define MAGIC 0x74726976u     /* "virt" */
#define VENDOR_ID 0x554d4551u /* "QEMU" */

#define LOAD(field) __atomic_load_n(&(field), __ATOMIC_ACQUIRE)
#define STORE(field, v) __atomic_store_n(&(field), (v), __ATOMIC_RELEASE)

static VirtQueue *selected(VirtIOMMIO *p, VirtIODevice *vdev)
{
    uint32_t n = LOAD(p->queue_sel);

    return n < vdev->num_vqs ? vdev->vqs[n] : NULL;
}

/* --- reads ----------------------------------------------------------------------------------- */

static uint32_t device_features(VirtIOMMIO *p, VirtIODevice *vdev)
{
    uint32_t select = LOAD(p->device_features_sel);

    if (p->force_legacy) {
        return select == 0 ? (uint32_t)vdev->host_features : 0;
    }
    return virtio_offered_features(vdev, select);
}

static uint32_t read_legacy(VirtQueue *vq, hwaddr reg)
{
    return reg == MMIO_QUEUE_PFN && vq ? LOAD(vq->pfn) : 0;
}

static uint32_t read_modern(VirtIODevice *vdev, VirtQueue *vq, hwaddr reg)
{
    uint32_t gen;

    switch (reg) {
    case MMIO_QUEUE_READY:
        return vq && LOAD(vq->enabled);
    case MMIO_QUEUE_RESET:
        return vq && LOAD(vq->resetting);
    case MMIO_SHM_LEN_LOW:
    case MMIO_SHM_LEN_HIGH:
    case MMIO_SHM_BASE_LOW:
    case MMIO_SHM_BASE_HIGH:
        return UINT32_MAX; /* no device here has shared memory: none can be selected */
    case MMIO_CONFIG_GENERATION:
        virtio_config_generation(vdev, &gen);
        return gen;
    default:
        return 0; /* written only */
    }
}

static uint32_t read_register(VirtIOMMIO *p, hwaddr reg)
{
    VirtIODevice *vdev = virtio_mmio_device(p);
    VirtQueue *vq;

    switch (reg) {
    case MMIO_MAGIC:
        return MAGIC;
    case MMIO_VERSION:
        return p->force_legacy ? 1 : 2;
    case MMIO_VENDOR_ID:
        return VENDOR_ID;
    default:
        break;
    }
    if (!vdev) {
        return 0;
    }
    vq = selected(p, vdev);
    switch (reg) {
    case MMIO_DEVICE_ID:
        return vdev->device_id;
    case MMIO_DEVICE_FEATURES:
        return device_features(p, vdev);
    case MMIO_QUEUE_NUM_MAX:
        return vq ? vq->size_max : 0;
    case MMIO_INTERRUPT_STATUS:
        return LOAD(p->interrupt_status);
    case MMIO_STATUS:
        return LOAD(vdev->status);
    default:
        return p->force_legacy ? read_legacy(vq, reg) : read_modern(vdev, vq, reg);
    }
}

static bool mmio_read_direct(void *opaque, hwaddr offset, uint64_t *data, unsigned size)
{
    VirtIOMMIO *p = opaque;
    VirtIODevice *vdev = virtio_mmio_device(p);
    uint32_t gen;

    *data = 0;
    if (offset >= MMIO_CONFIG) {
        return !vdev || virtio_config_read(vdev, offset - MMIO_CONFIG, size, data);
    }
    if (size != 4 || offset % 4) {
        qemu_log_mask(LOG_GUEST_ERROR,
                      "virtio-mmio: read of %u bytes at 0x%" PRIx64 ": registers are 32 bits\n",
                      size, (uint64_t)offset);
        return true;
    }
    if (offset == MMIO_CONFIG_GENERATION && vdev && !virtio_config_generation(vdev, &gen)) {
        return false;
    }
    *data = read_register(p, offset);
    return true;
}

static uint64_t mmio_read(void *opaque, hwaddr offset, unsigned size)
{
    uint64_t data;

    mmio_read_direct(opaque, offset, &data, size); /* at home nothing changes meanwhile */
    return data;
}

/* --- writes: home ---------------------------------------------------------------------------- */

static void write_driver_features(VirtIOMMIO *p, VirtIODevice *vdev, uint32_t v)
{
    if (!p->force_legacy) {
        virtio_set_features_half(vdev, p->driver_features_sel, v);
    } else if (p->driver_features_sel == 0) {
        virtio_set_legacy_features(vdev, v);
    }
}

static void write_legacy_queue(VirtIOMMIO *p, VirtQueue *vq, hwaddr reg, uint32_t v)
{
    switch (reg) {
    case MMIO_QUEUE_ALIGN:
        if (!vq->enabled && v && !(v & (v - 1))) {
            STORE(p->queue_align, v);
        }
        break;
    case MMIO_QUEUE_PFN:
        virtio_queue_write_pfn(vq, v, p->guest_page_size, p->queue_align);
        break;
    default:
        break;
    }
}

static void write_modern_queue(VirtQueue *vq, hwaddr reg, uint32_t v)
{
    switch (reg) {
    case MMIO_QUEUE_READY:
        if (v == 0 && vq->enabled) {
            /* 4.2.3.2: the driver reads 0 then, and takes the ring away. */
            virtio_queue_reset_wait(vq);
        } else {
            virtio_queue_write_enable(vq, v);
        }
        break;
    case MMIO_QUEUE_RESET:
        virtio_queue_write_reset(vq, v);
        break;
    case MMIO_QUEUE_DESC_LOW:
    case MMIO_QUEUE_DESC_HIGH:
        virtio_queue_set_address(vq, VIRTIO_RING_DESC, reg == MMIO_QUEUE_DESC_HIGH, v);
        break;
    case MMIO_QUEUE_DRIVER_LOW:
    case MMIO_QUEUE_DRIVER_HIGH:
        virtio_queue_set_address(vq, VIRTIO_RING_DRIVER, reg == MMIO_QUEUE_DRIVER_HIGH, v);
        break;
    case MMIO_QUEUE_DEVICE_LOW:
    case MMIO_QUEUE_DEVICE_HIGH:
        virtio_queue_set_address(vq, VIRTIO_RING_DEVICE, reg == MMIO_QUEUE_DEVICE_HIGH, v);
        break;
    default:
        break; /* read-only, or nothing */
    }
}

static void write_queue(VirtIOMMIO *p, VirtIODevice *vdev, hwaddr reg, uint32_t v)
{
    VirtQueue *vq = selected(p, vdev);

    if (!vq) {
        return;
    }
    virtio_settle(vdev);
    if (reg == MMIO_QUEUE_NUM) {
        virtio_queue_set_size(vq, v);
    } else if (p->force_legacy) {
        write_legacy_queue(p, vq, reg, v);
    } else {
        write_modern_queue(vq, reg, v);
    }
}

static void write_register(VirtIOMMIO *p, VirtIODevice *vdev, hwaddr reg, uint32_t v)
{
    switch (reg) {
    case MMIO_DEVICE_FEATURES_SEL:
        STORE(p->device_features_sel, v);
        break;
    case MMIO_DRIVER_FEATURES:
        write_driver_features(p, vdev, v);
        break;
    case MMIO_DRIVER_FEATURES_SEL:
        STORE(p->driver_features_sel, v);
        break;
    case MMIO_GUEST_PAGE_SIZE:
        if (p->force_legacy && v && !(v & (v - 1))) {
            STORE(p->guest_page_size, v);
        }
        break;
    case MMIO_QUEUE_SEL:
        STORE(p->queue_sel, v);
        break;
    case MMIO_INTERRUPT_ACK:
        virtio_mmio_acknowledge(p, v);
        break;
    case MMIO_STATUS:
        if (p->force_legacy) {
            vdev->legacy = true;
        }
        virtio_set_status(vdev, v);
        break;
    case MMIO_SHM_SEL:
        STORE(p->shm_sel, v);
        break;
    default:
        write_queue(p, vdev, reg, v);
        break;
    }
}

static void mmio_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    VirtIOMMIO *p = opaque;
    VirtIODevice *vdev = virtio_mmio_device(p);

    if (!vdev || __atomic_load_n(&vdev->gone, __ATOMIC_ACQUIRE)) {
        return;
    }
    if (offset >= MMIO_CONFIG) {
        virtio_config_driver_write(vdev, offset - MMIO_CONFIG, size, data);
    } else if (size == 4 && offset % 4 == 0) {
        write_register(p, vdev, offset, data);
    } else {
        qemu_log_mask(LOG_GUEST_ERROR,
                      "virtio-mmio: write of %u bytes at 0x%" PRIx64 ": registers are 32 bits\n",
                      size, (uint64_t)offset);
    }
}

/* Once for each interrupt, and nobody at home needs to know: the thread that writes does it. */
static bool mmio_write_direct(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    VirtIOMMIO *p = opaque;

    if (offset != MMIO_INTERRUPT_ACK || size != 4) {
        return false;
    }
    if (virtio_mmio_device(p)) {
        virtio_mmio_acknowledge(p, data);
    }
    return true;
}

const MemoryRegionOps virtio_mmio_ops = {
    .read = mmio_read,
    .write = mmio_write,
    .read_direct = mmio_read_direct,
    .write_direct = mmio_write_direct,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 1, .max_access_size = 4, .unaligned = true},
    .impl = {.min_access_size = 1, .max_access_size = 4, .unaligned = true},
};

/* --- the notification register: home, or any thread ------------------------------------------ */

static uint64_t notify_read(void *opaque, hwaddr offset, unsigned size)
{
    return 0;
}

static bool notify_read_direct(void *opaque, hwaddr offset, uint64_t *data, unsigned size)
{
    *data = 0;
    return true;
}

/* The queue's number; with NOTIFICATION_DATA also where its ring is [4.2.3.3]. */
static void notify_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    VirtIODevice *vdev = virtio_mmio_device(opaque);
    uint32_t v = data, n;

    if (!vdev || offset || size != 4) {
        return;
    }
    if (virtio_has_feature(vdev, VIRTIO_F_NOTIFICATION_DATA)) {
        n = v & 0xffff;
        if (n < vdev->num_vqs) {
            virtio_queue_notify_value(vdev->vqs[n], v);
        }
    } else if (v < vdev->num_vqs) {
        virtio_queue_notify(vdev->vqs[v]);
    }
}

const MemoryRegionOps virtio_mmio_notify_ops = {
    .read = notify_read,
    .write = notify_write,
    .read_direct = notify_read_direct,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 1, .max_access_size = 4, .unaligned = true},
    .impl = {.min_access_size = 1, .max_access_size = 4, .unaligned = true},
};
