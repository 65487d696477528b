/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's virtio driver for the tests, written from the specification: the PCI transport with
 * both interfaces, the MMIO transport in both versions, split and packed rings, in guest RAM
 * through qtest.  What goes wrong ends the test.
 */
#ifndef LIBQTEST_VIRTIO_H
#define LIBQTEST_VIRTIO_H

#include "pci.h"

#define QVIRTIO_QUEUES 8
#define QVIRTIO_RING_MAX 1024
/* Features that the driver knows what to do with. */
#define QVIRTIO_F(bit) (UINT64_C(1) << (bit))
#define QVIRTIO_F_INDIRECT QVIRTIO_F(28)
#define QVIRTIO_F_EVENT_IDX QVIRTIO_F(29)
#define QVIRTIO_F_VERSION_1 QVIRTIO_F(32)
#define QVIRTIO_F_PACKED QVIRTIO_F(34)
#define QVIRTIO_F_IN_ORDER QVIRTIO_F(35)
#define QVIRTIO_F_NOTIFICATION_DATA QVIRTIO_F(38)
#define QVIRTIO_F_RING_RESET QVIRTIO_F(40)

typedef struct QVirtio QVirtio;

typedef struct QVirtQueue {
    QVirtio *v;
    unsigned index, num;
    uint64_t desc, driver, device;
    uint64_t tables; /* one page of indirect descriptors an entry */
    uint16_t avail, used;
    bool avail_wrap, used_wrap;
    uint16_t ndescs[QVIRTIO_RING_MAX]; /* of the chain with this id; 0: free */
    unsigned free_descs;
    uint16_t next_free;
    uint64_t notify; /* offset in the BAR */
    uint16_t told;   /* chains (packed: descriptors) offered when the device was last notified */
    uint16_t offered;
} QVirtQueue;

typedef struct QVirtioBuf {
    uint64_t addr;
    uint32_t len;
    bool write; /* by the device */
} QVirtioBuf;

struct QVirtio {
    QTestState *s;
    QPCIDevice *pci;
    QPCIBar *bar, *io; /* modern, legacy; NULL: not there */
    uint64_t common, isr, device, notify;
    uint32_t multiplier;
    uint8_t cfg_cap;
    bool legacy, msix;
    uint64_t mmio; /* where the MMIO transport is; 0: it is PCI */
    uint64_t features;
    QVirtQueue q[QVIRTIO_QUEUES];
};

/* The function at devfn of bus: BARs placed, enabled; legacy: only that interface is used. */
QVirtio *qvirtio_new(QPCIBus *bus, uint8_t bus_num, uint8_t devfn, bool legacy);
/* The MMIO transport at base; its version says which interface it has. */
QVirtio *qvirtio_new_mmio(QTestState *s, uint64_t base);
uint32_t qvirtio_mmio(QVirtio *v, uint64_t reg);
void qvirtio_mmio_write(QVirtio *v, uint64_t reg, uint32_t val);
/* Looks at the function again, after a reset of the machine. */
void qvirtio_probe(QVirtio *v);
void qvirtio_free(QVirtio *v);

uint8_t qvirtio_status(QVirtio *v);
void qvirtio_set_status(QVirtio *v, uint8_t status);
/* Writes 0 and waits for it. */
void qvirtio_reset(QVirtio *v);
uint64_t qvirtio_host_features(QVirtio *v);
uint64_t qvirtio_config(QVirtio *v, uint64_t offset, unsigned size);
void qvirtio_config_write(QVirtio *v, uint64_t offset, unsigned size, uint64_t val);
uint64_t qvirtio_common(QVirtio *v, uint64_t offset, unsigned size);
void qvirtio_common_write(QVirtio *v, uint64_t offset, unsigned size, uint64_t val);
uint8_t qvirtio_isr(QVirtio *v);
/* Reads through the PCI configuration access capability. */
uint32_t qvirtio_cfg_access(QVirtio *v, uint64_t offset, unsigned size, bool write, uint32_t val);

/* Reset, then up to FEATURES_OK with these features (VERSION_1 is added on the modern interface).
 */
void qvirtio_negotiate(QVirtio *v, uint64_t features);
/* Rings of size entries (0: as large as the device allows) for queue index. */
void qvirtio_queue_init(QVirtio *v, unsigned index, unsigned size);
/* Places it in the device's registers and enables it. */
void qvirtio_queue_enable(QVirtio *v, unsigned index);
/* All of it with queues 0..n-1, MSI-X vector 0 for the configuration and i + 1 for queue i if msix;
 * DRIVER_OK. */
void qvirtio_start(QVirtio *v, uint64_t features, unsigned n, unsigned size, bool msix);

/* Offers a chain; its id.  indirect: through a table. */
uint16_t qvirtio_add(QVirtQueue *q, const QVirtioBuf *bufs, unsigned n, bool indirect);
void qvirtio_kick(QVirtQueue *q);
/* The same if the device wants to hear of what was offered since the last time. */
void qvirtio_kick_if_wanted(QVirtQueue *q);
/* True if a used chain is there. */
bool qvirtio_ready(QVirtQueue *q);
/* The next used chain's id and length, which it waits for, at most 20 s. */
uint16_t qvirtio_wait(QVirtQueue *q, uint32_t *len);
/* Sets the used event (EVENT_IDX) or the flags so that the device interrupts, or does not. */
void qvirtio_want_interrupt(QVirtQueue *q, bool on);
/* Waits until the device says NEEDS_RESET. */
void qvirtio_wait_needs_reset(QVirtio *v);

#endif
