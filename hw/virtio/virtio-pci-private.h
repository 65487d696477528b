/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared between the files of the PCI transport only. */
#ifndef HW_VIRTIO_PCI_PRIVATE_H
#define HW_VIRTIO_PCI_PRIVATE_H

#include "hw/virtio/virtio-notify.h"
#include "hw/virtio/virtio-pci.h"
#include "virtio-private.h"

#define VIRTIO_PCI_LEGACY_BAR 0
#define VIRTIO_PCI_MSIX_BAR 1
#define VIRTIO_PCI_MODERN_BAR 4
/* Offsets in the modern BAR. */
#define MODERN_COMMON 0x0000u
#define MODERN_ISR 0x1000u
#define MODERN_DEVICE 0x2000u
#define MODERN_NOTIFY 0x3000u
#define MODERN_PART 0x1000u

typedef struct VirtIOPCI VirtIOPCI;

/* A queue's notification register. */
typedef struct VirtioPciQueue {
    VirtIOPCI *p;
    VirtQueue *vq;
    MemoryRegion mr; /* in the modern BAR */
} VirtioPciQueue;

struct VirtIOPCI {
    PCIDevice parent_obj;
    VirtIODevice *vdev; /* a reference, until finalize */
    BusState *bus;
    /* --- properties --- */
    bool page_per_vq, disable_modern;
    int disable_legacy; /* OnOffAuto */
    uint32_t vectors;
    VirtioNotifiers notifiers; /* main loop */
    /* --- constant while realized --- */
    bool has_modern, has_legacy;
    uint32_t notify_multiplier;
    uint8_t cfg_cap; /* offset of the PCI configuration access capability */
    MemoryRegion modern, common, isr_mr, device, notify, legacy;
    VirtioPciQueue *queues;
    unsigned num_queues;
    uint16_t *vector_users; /* home: queues and configuration that use a vector */
    /* --- registers: home; atomics --- */
    uint32_t dfselect, gfselect;
    uint16_t queue_select, config_vector;
    uint8_t isr; /* atomic, any thread */
    bool set_up; /* regions exist */
};
#define VIRTIO_PCI(obj) ((VirtIOPCI *)(obj))

extern const MemoryRegionOps virtio_pci_common_ops, virtio_pci_isr_ops, virtio_pci_device_ops,
    virtio_pci_notify_ops, virtio_pci_legacy_ops;

/* Any thread. */
static inline VirtQueue *virtio_pci_selected(VirtIOPCI *p)
{
    unsigned n = __atomic_load_n(&p->queue_select, __ATOMIC_ACQUIRE);

    return n < p->num_queues ? p->queues[n].vq : NULL;
}
static inline bool virtio_pci_gone(VirtIOPCI *p)
{
    return __atomic_load_n(&p->vdev->gone, __ATOMIC_ACQUIRE);
}
/* Reads and clears; the pin goes low. Any thread. */
uint8_t virtio_pci_take_isr(VirtIOPCI *p);
/* Home: *vector becomes v, or none if there is no such vector. */
void virtio_pci_set_vector(VirtIOPCI *p, uint16_t *vector, uint16_t v);
/* Value of the common configuration at offset. Any thread. */
uint64_t virtio_pci_common_read(void *opaque, hwaddr offset, unsigned size);

#endif
