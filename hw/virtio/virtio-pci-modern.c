/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers of the modern interface (virtio 1.2, section 4.1.4).
 *
 * Writes run at the device's home.  Every read is a few atomic loads (of the ISR: one exchange), so
 * the thread that reads does it itself; only while the configuration space changes is a read
 * carried to the home.
 */
#include "virtio-pci-private.h"

/* --- common configuration -------------------------------------------------------------------- */

static uint64_t queue_field(VirtQueue *vq, hwaddr reg)
{
    switch (reg) {
    case VIRTIO_PCI_COMMON_Q_SIZE:
        return __atomic_load_n(&vq->size, __ATOMIC_ACQUIRE);
    case VIRTIO_PCI_COMMON_Q_MSIX:
        return __atomic_load_n(&vq->vector, __ATOMIC_ACQUIRE);
    case VIRTIO_PCI_COMMON_Q_ENABLE:
        return __atomic_load_n(&vq->enabled, __ATOMIC_ACQUIRE);
    case VIRTIO_PCI_COMMON_Q_NOFF:
    case VIRTIO_PCI_COMMON_Q_NDATA:
        return vq->index;
    case VIRTIO_PCI_COMMON_Q_RESET:
        return __atomic_load_n(&vq->resetting, __ATOMIC_ACQUIRE);
    case VIRTIO_PCI_COMMON_Q_DESCLO:
        return virtio_queue_address(vq, VIRTIO_RING_DESC, false);
    case VIRTIO_PCI_COMMON_Q_DESCHI:
        return virtio_queue_address(vq, VIRTIO_RING_DESC, true);
    case VIRTIO_PCI_COMMON_Q_AVAILLO:
        return virtio_queue_address(vq, VIRTIO_RING_DRIVER, false);
    case VIRTIO_PCI_COMMON_Q_AVAILHI:
        return virtio_queue_address(vq, VIRTIO_RING_DRIVER, true);
    case VIRTIO_PCI_COMMON_Q_USEDLO:
        return virtio_queue_address(vq, VIRTIO_RING_DEVICE, false);
    case VIRTIO_PCI_COMMON_Q_USEDHI:
        return virtio_queue_address(vq, VIRTIO_RING_DEVICE, true);
    default:
        return 0;
    }
}

static uint64_t common_field(VirtIOPCI *p, hwaddr reg)
{
    VirtIODevice *vdev = p->vdev;
    uint32_t select, gen;
    VirtQueue *vq;

    switch (reg) {
    case VIRTIO_PCI_COMMON_DFSELECT:
        return __atomic_load_n(&p->dfselect, __ATOMIC_ACQUIRE);
    case VIRTIO_PCI_COMMON_DF:
        return virtio_offered_features(vdev, __atomic_load_n(&p->dfselect, __ATOMIC_ACQUIRE));
    case VIRTIO_PCI_COMMON_GFSELECT:
        return __atomic_load_n(&p->gfselect, __ATOMIC_ACQUIRE);
    case VIRTIO_PCI_COMMON_GF:
        select = __atomic_load_n(&p->gfselect, __ATOMIC_ACQUIRE);
        return select < 2 ? (uint32_t)(__atomic_load_n(&vdev->driver_features, __ATOMIC_ACQUIRE) >>
                                       (32 * select))
                          : 0;
    case VIRTIO_PCI_COMMON_MSIX:
        return __atomic_load_n(&p->config_vector, __ATOMIC_ACQUIRE);
    case VIRTIO_PCI_COMMON_NUMQ:
        return p->num_queues;
    case VIRTIO_PCI_COMMON_STATUS:
        return __atomic_load_n(&vdev->status, __ATOMIC_ACQUIRE);
    case VIRTIO_PCI_COMMON_CFGGENERATION:
        virtio_config_generation(vdev, &gen);
        return (uint8_t)gen;
    case VIRTIO_PCI_COMMON_Q_SELECT:
        return __atomic_load_n(&p->queue_select, __ATOMIC_ACQUIRE);
    default:
        vq = virtio_pci_selected(p);
        return vq ? queue_field(vq, reg) : 0;
    }
}

/* Fields begin at these offsets; drivers access each with its own width. */
static unsigned field_size(hwaddr reg)
{
    switch (reg) {
    case VIRTIO_PCI_COMMON_STATUS:
    case VIRTIO_PCI_COMMON_CFGGENERATION:
        return 1;
    case VIRTIO_PCI_COMMON_MSIX:
    case VIRTIO_PCI_COMMON_NUMQ:
    case VIRTIO_PCI_COMMON_Q_SELECT:
    case VIRTIO_PCI_COMMON_Q_SIZE:
    case VIRTIO_PCI_COMMON_Q_MSIX:
    case VIRTIO_PCI_COMMON_Q_ENABLE:
    case VIRTIO_PCI_COMMON_Q_NOFF:
    case VIRTIO_PCI_COMMON_Q_NDATA:
    case VIRTIO_PCI_COMMON_Q_RESET:
        return 2;
    default:
        return reg % 4 ? 0 : 4;
    }
}

uint64_t virtio_pci_common_read(void *opaque, hwaddr offset, unsigned size)
{
    VirtIOPCI *p = opaque;
    hwaddr reg = offset;
    uint64_t val;

    /* A part of a field: bytes of the field that holds it. */
    while (reg && !(field_size(reg) && reg + field_size(reg) > offset)) {
        reg--;
    }
    if (offset + size > VIRTIO_PCI_COMMON_SIZE + 4) {
        return 0;
    }
    val = common_field(p, reg) >> (8 * (offset - reg));
    if (offset + size > reg + field_size(reg) && size <= 8) {
        unsigned got = reg + field_size(reg) - offset;

        val |= virtio_pci_common_read(p, offset + got, size - got) << (8 * got);
    }
    return val & MASK_ULL(size * 8);
}

static bool common_read_direct(void *opaque, hwaddr offset, uint64_t *data, unsigned size)
{
    VirtIOPCI *p = opaque;
    uint32_t gen;

    *data = virtio_pci_common_read(p, offset, size);
    return offset != VIRTIO_PCI_COMMON_CFGGENERATION || virtio_config_generation(p->vdev, &gen);
}

static void queue_write(VirtIOPCI *p, VirtQueue *vq, hwaddr reg, uint32_t v)
{
    switch (reg) {
    case VIRTIO_PCI_COMMON_Q_SIZE:
        virtio_queue_set_size(vq, v);
        break;
    case VIRTIO_PCI_COMMON_Q_MSIX:
        virtio_pci_set_vector(p, &vq->vector, v);
        break;
    case VIRTIO_PCI_COMMON_Q_ENABLE:
        virtio_queue_write_enable(vq, v);
        break;
    case VIRTIO_PCI_COMMON_Q_RESET:
        virtio_queue_write_reset(vq, v);
        break;
    case VIRTIO_PCI_COMMON_Q_DESCLO:
    case VIRTIO_PCI_COMMON_Q_DESCHI:
        virtio_queue_set_address(vq, VIRTIO_RING_DESC, reg == VIRTIO_PCI_COMMON_Q_DESCHI, v);
        break;
    case VIRTIO_PCI_COMMON_Q_AVAILLO:
    case VIRTIO_PCI_COMMON_Q_AVAILHI:
        virtio_queue_set_address(vq, VIRTIO_RING_DRIVER, reg == VIRTIO_PCI_COMMON_Q_AVAILHI, v);
        break;
    case VIRTIO_PCI_COMMON_Q_USEDLO:
    case VIRTIO_PCI_COMMON_Q_USEDHI:
        virtio_queue_set_address(vq, VIRTIO_RING_DEVICE, reg == VIRTIO_PCI_COMMON_Q_USEDHI, v);
        break;
    default:
        break; /* read-only */
    }
}

static void common_write_field(VirtIOPCI *p, hwaddr reg, uint32_t v)
{
    VirtIODevice *vdev = p->vdev;
    VirtQueue *vq;

    switch (reg) {
    case VIRTIO_PCI_COMMON_DFSELECT:
        __atomic_store_n(&p->dfselect, v, __ATOMIC_RELEASE);
        break;
    case VIRTIO_PCI_COMMON_GFSELECT:
        __atomic_store_n(&p->gfselect, v, __ATOMIC_RELEASE);
        break;
    case VIRTIO_PCI_COMMON_GF:
        virtio_set_features_half(vdev, p->gfselect, v);
        break;
    case VIRTIO_PCI_COMMON_MSIX:
        virtio_pci_set_vector(p, &p->config_vector, v);
        break;
    case VIRTIO_PCI_COMMON_STATUS:
        virtio_set_status(vdev, v);
        break;
    case VIRTIO_PCI_COMMON_Q_SELECT:
        __atomic_store_n(&p->queue_select, (uint16_t)v, __ATOMIC_RELEASE);
        break;
    default:
        vq = virtio_pci_selected(p);
        if (vq) {
            virtio_settle(vdev);
            queue_write(p, vq, reg, v);
        }
        break;
    }
}

static void common_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    VirtIOPCI *p = opaque;

    if (virtio_pci_gone(p)) {
        return;
    }
    /* 4.1.3.1: fields are written whole; a 64-bit one also as a whole. */
    if (size == 8 && offset >= VIRTIO_PCI_COMMON_Q_DESCLO && offset <= VIRTIO_PCI_COMMON_Q_USEDLO &&
        offset % 8 == 0) {
        common_write_field(p, offset, data);
        common_write_field(p, offset + 4, data >> 32);
    } else if (field_size(offset) && size <= field_size(offset)) {
        /* A narrower write of zero-extended small values is what some drivers do. */
        if (size == field_size(offset) || offset == VIRTIO_PCI_COMMON_Q_ENABLE) {
            common_write_field(p, offset, data);
        }
    } else if (field_size(offset) == 2 && size == 4 && field_size(offset + 2) == 2) {
        common_write_field(p, offset, data & 0xffff);
        common_write_field(p, offset + 2, data >> 16 & 0xffff);
    }
}

const MemoryRegionOps virtio_pci_common_ops = {
    .read = virtio_pci_common_read,
    .write = common_write,
    .read_direct = common_read_direct,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 1, .max_access_size = 8},
    .impl = {.min_access_size = 1, .max_access_size = 8},
};

/* --- ISR ------------------------------------------------------------------------------------- */

static uint64_t isr_read(void *opaque, hwaddr offset, unsigned size)
{
    return offset == 0 ? virtio_pci_take_isr(opaque) : 0;
}

static bool isr_read_direct(void *opaque, hwaddr offset, uint64_t *data, unsigned size)
{
    *data = isr_read(opaque, offset, size);
    return true;
}

static void isr_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
}

static bool isr_write_direct(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    return true; /* read-only */
}

const MemoryRegionOps virtio_pci_isr_ops = {
    .read = isr_read,
    .write = isr_write,
    .read_direct = isr_read_direct,
    .write_direct = isr_write_direct,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 1, .max_access_size = 4},
    .impl = {.min_access_size = 1, .max_access_size = 4},
};

/* --- device configuration -------------------------------------------------------------------- */

static uint64_t device_read(void *opaque, hwaddr offset, unsigned size)
{
    VirtIOPCI *p = opaque;
    uint64_t val;

    virtio_config_read(p->vdev, offset, size, &val); /* at home nothing changes meanwhile */
    return val;
}

static bool device_read_direct(void *opaque, hwaddr offset, uint64_t *data, unsigned size)
{
    VirtIOPCI *p = opaque;

    return virtio_config_read(p->vdev, offset, size, data);
}

static void device_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    VirtIOPCI *p = opaque;

    if (!virtio_pci_gone(p)) {
        virtio_config_driver_write(p->vdev, offset, size, data);
    }
}

const MemoryRegionOps virtio_pci_device_ops = {
    .read = device_read,
    .write = device_write,
    .read_direct = device_read_direct,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 1, .max_access_size = 8},
    .impl = {.min_access_size = 1, .max_access_size = 8},
};

/* --- notifications --------------------------------------------------------------------------- */

static uint64_t notify_read(void *opaque, hwaddr offset, unsigned size)
{
    return 0;
}

static bool notify_read_direct(void *opaque, hwaddr offset, uint64_t *data, unsigned size)
{
    *data = 0;
    return true;
}

/* In the queue's context, or (VIRTIO_NOTIFY_EXIT) in any. */
static void notify_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    VirtioPciQueue *q = opaque;

    if (offset == 0 && size == 4) {
        virtio_queue_notify_value(q->vq, data);
    } else {
        virtio_queue_notify(q->vq);
    }
}

const MemoryRegionOps virtio_pci_notify_ops = {
    .read = notify_read,
    .write = notify_write,
    .read_direct = notify_read_direct,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 1, .max_access_size = 8},
    .impl = {.min_access_size = 1, .max_access_size = 8},
};
