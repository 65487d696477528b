/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The legacy interface (virtio 1.2, section 4.1.4.10): everything in one port BAR.
 *
 * Reads are done by the thread that reads; writes run at the device's home, but notifications,
 * which wake the queue's context from any thread.
 */
#include "virtio-pci-private.h"

static bool in_config(VirtIOPCI *p, hwaddr offset, hwaddr *config)
{
    hwaddr start = VIRTIO_PCI_CONFIG_OFF(msix_enabled(PCI_DEVICE(p)));

    *config = offset - start;
    return offset >= start;
}

static uint64_t legacy_field(VirtIOPCI *p, hwaddr reg)
{
    VirtIODevice *vdev = p->vdev;
    VirtQueue *vq = virtio_pci_selected(p);

    switch (reg) {
    case VIRTIO_PCI_HOST_FEATURES:
        return (uint32_t)vdev->host_features;
    case VIRTIO_PCI_GUEST_FEATURES:
        return (uint32_t)__atomic_load_n(&vdev->features, __ATOMIC_ACQUIRE);
    case VIRTIO_PCI_QUEUE_PFN:
        return vq ? __atomic_load_n(&vq->pfn, __ATOMIC_ACQUIRE) : 0;
    case VIRTIO_PCI_QUEUE_NUM:
        return vq ? vq->size_max : 0;
    case VIRTIO_PCI_QUEUE_SEL:
        return __atomic_load_n(&p->queue_select, __ATOMIC_ACQUIRE);
    case VIRTIO_PCI_STATUS:
        return __atomic_load_n(&vdev->status, __ATOMIC_ACQUIRE);
    case VIRTIO_PCI_ISR:
        return virtio_pci_take_isr(p);
    case VIRTIO_PCI_CONFIG_VECTOR:
        return __atomic_load_n(&p->config_vector, __ATOMIC_ACQUIRE);
    case VIRTIO_PCI_QUEUE_VECTOR:
        return vq ? __atomic_load_n(&vq->vector, __ATOMIC_ACQUIRE) : VIRTIO_NO_VECTOR;
    default:
        return 0;
    }
}

static bool legacy_read_direct(void *opaque, hwaddr offset, uint64_t *data, unsigned size)
{
    VirtIOPCI *p = opaque;
    hwaddr config;

    if (in_config(p, offset, &config)) {
        return virtio_config_read(p->vdev, config, size, data);
    }
    *data = legacy_field(p, offset) & MASK_ULL(size * 8);
    return true;
}

static uint64_t legacy_read(void *opaque, hwaddr offset, unsigned size)
{
    uint64_t val;

    legacy_read_direct(opaque, offset, &val, size);
    return val;
}

/* Drivers of this interface cannot choose a size. */
static void write_pfn(VirtIOPCI *p, uint32_t pfn)
{
    VirtQueue *vq = virtio_pci_selected(p);

    if (!vq) {
        return;
    }
    virtio_settle(p->vdev);
    virtio_queue_set_size(vq, vq->size_max);
    virtio_queue_write_pfn(vq, pfn, VIRTIO_LEGACY_ALIGN, VIRTIO_LEGACY_ALIGN);
}

static void legacy_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    VirtIOPCI *p = opaque;
    VirtIODevice *vdev = p->vdev;
    VirtQueue *vq;
    hwaddr config;

    if (virtio_pci_gone(p)) {
        return;
    }
    if (in_config(p, offset, &config)) {
        virtio_config_driver_write(vdev, config, size, data);
        return;
    }
    switch (offset) {
    case VIRTIO_PCI_GUEST_FEATURES:
        virtio_set_legacy_features(vdev, data);
        break;
    case VIRTIO_PCI_QUEUE_PFN:
        write_pfn(p, data);
        break;
    case VIRTIO_PCI_QUEUE_SEL:
        __atomic_store_n(&p->queue_select, (uint16_t)data, __ATOMIC_RELEASE);
        break;
    case VIRTIO_PCI_STATUS:
        vdev->legacy = true;
        virtio_set_status(vdev, data);
        break;
    case VIRTIO_PCI_CONFIG_VECTOR:
        virtio_pci_set_vector(p, &p->config_vector, data);
        break;
    case VIRTIO_PCI_QUEUE_VECTOR:
        vq = virtio_pci_selected(p);
        if (vq) {
            virtio_pci_set_vector(p, &vq->vector, data);
        }
        break;
    default:
        break; /* read-only */
    }
}

static bool legacy_write_direct(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    VirtIOPCI *p = opaque;

    if (offset != VIRTIO_PCI_QUEUE_NOTIFY) {
        return false;
    }
    data &= 0xffff;
    if (data < p->num_queues) {
        virtio_queue_notify(p->queues[data].vq);
    }
    return true;
}

static void legacy_write_home(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    if (!legacy_write_direct(opaque, offset, data, size)) {
        legacy_write(opaque, offset, data, size);
    }
}

const MemoryRegionOps virtio_pci_legacy_ops = {
    .read = legacy_read,
    .write = legacy_write_home,
    .read_direct = legacy_read_direct,
    .write_direct = legacy_write_direct,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 1, .max_access_size = 4},
    .impl = {.min_access_size = 1, .max_access_size = 4},
};
