/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtio devices, whatever carries them.
 *
 * A device describes itself once: its class says number, features and what to do when; realize()
 * adds queues and sets the size of the configuration space.  A transport (virtio-pci.h) turns that
 * into registers, and reaches the device only through the functions below.
 *
 * Homes.  Status, features, configuration and the life of queues belong to vdev->home.  A queue's
 * ring and requests belong to the queue's own context (vq->ctx), which may be another.  Waits go
 * one way: main loop -> home -> queue context; a queue's context posts to the home and never waits.
 */
#ifndef HW_VIRTIO_H
#define HW_VIRTIO_H

#include "hw/device-homes.h"
#include "hw/qdev-core.h"
#include "hw/virtio/vring.h"
#include "qemu/trace.h"

#define TYPE_VIRTIO_DEVICE "virtio-device"
#define TYPE_VIRTIO_BUS "virtio-bus"
#define VIRTIO_CONFIG_MAX 256

typedef struct VirtIODevice VirtIODevice;
typedef struct VirtQueue VirtQueue;
typedef struct VirtioResetCall VirtioResetCall;
typedef void VirtQueueFn(VirtQueue *vq);

/* How a queue's notifications travel. */
typedef enum VirtioNotify {
    VIRTIO_NOTIFY_AUTO,       /* ioeventfd, unless an ioregionfd object or the value is wanted */
    VIRTIO_NOTIFY_IOEVENTFD,  /* the kernel signals an eventfd; the value is lost */
    VIRTIO_NOTIFY_IOREGIONFD, /* a posted write, carried to the queue's context */
    VIRTIO_NOTIFY_EXIT,       /* the vCPU thread takes the exit and wakes the queue's context */
    VIRTIO_NOTIFY_MAX,
} VirtioNotify;
extern const EnumTable virtio_notify_table;

/* Written by one thread, read by any: relaxed. */
typedef struct VirtQueueStats {
    uint64_t kicks, chains, interrupts, suppressed;
} VirtQueueStats;

struct VirtQueue {
    VirtIODevice *vdev;
    unsigned index;
    AioContext *ctx; /* constant while realized */
    VirtQueueFn *handle;
    void *opaque; /* the device's own */
    /* --- home; atomic where another thread reads --- */
    uint16_t size_max, size;
    uint64_t desc, driver, device;
    uint32_t pfn;    /* legacy */
    bool enabled;    /* atomic */
    bool resetting;  /* atomic: of this queue alone */
    bool started;    /* installed in ctx */
    uint16_t vector; /* atomic */
    /* --- ctx --- */
    VirtRing ring;
    bool running;    /* may be fetched from */
    bool passive;    /* buffers wait for the device: they are no work */
    bool processing; /* handle() is on the stack */
    bool blocked;    /* the device takes no chains now: virtqueue_block() */
    bool in_order;   /* VIRTIO_F_IN_ORDER */
    bool error_posted;
    size_t elem_size; /* of the device's request, which begins with a VirtElem */
    uint8_t *elems;   /* ring.num of them */
    struct iovec *iovs;
    RAMBlock **blocks;
    VirtElem *free;
    VirtElem *order, **order_tail; /* VIRTIO_F_IN_ORDER: in flight, in order of fetching */
    unsigned inflight;             /* chains that the device has */
    AioBH *bh;                     /* looks at the ring, ends a batch of completions */
    AioPoller *poller;
    /* Notification coalescing: virtqueue_coalesce(). */
    uint32_t coal_max;    /* packets; 0: no limit */
    int64_t coal_ns;      /* 0: off */
    uint16_t coal_extra;  /* chains that belong to the same packet as others */
    bool coal_waits;      /* the driver has not heard of chains yet, and the timer runs */
    AioTimer *coal_timer; /* the longest that it waits; from the first wait to the queue's stop */
    bool stopping;        /* posts to the home when inflight is 0 */
    uint32_t hint;        /* atomic: newest notification's value */
    bool hinted;          /* atomic */
    VirtQueueStats stats;
};

/* What a transport does for a device.  Any thread. */
typedef struct VirtioTransportOps {
    void (*queue_interrupt)(void *transport, VirtQueue *vq);
    void (*config_interrupt)(void *transport);
    /* Home: queues have a driver's features now / have none any more. */
    void (*driver_changed)(void *transport);
} VirtioTransportOps;

struct VirtIODevice {
    DeviceState parent_obj;
    const char *name;              /* "virtio-blk", for messages */
    const VirtioTransportOps *ops; /* NULL until plugged */
    void *transport;
    AddressSpace *as;  /* the transport's DMA view */
    AioContext *home;  /* constant while realized */
    DeviceHomes homes; /* properties of devices that have a data path */
    uint16_t device_id;
    /* --- home; atomic for readers elsewhere --- */
    uint64_t user_features;   /* common bits that the user's properties leave on */
    uint64_t host_features;   /* offered; constant while realized */
    uint64_t driver_features; /* the words that it wrote; atomic */
    uint64_t features;        /* the driver's; atomic */
    uint8_t status;           /* atomic */
    bool legacy;              /* the driver uses the legacy interface; for rings */
    bool resetting;           /* atomic: queues are stopping, status reads are not 0 yet */
    unsigned stopping;        /* queues that have chains in flight still */
    bool needs_reset_said;    /* one line in the log until the next reset */
    uint32_t config_seq;      /* atomic: odd while config changes; half of it is the generation */
    uint16_t config_len;
    uint8_t config[VIRTIO_CONFIG_MAX]; /* atomic bytes */
    AioBH *error_bh;                   /* a queue broke */
    VirtioResetCall *reset_calls;      /* those that wait for the reset under way */
    void *vmstate_handle;              /* main loop; of devices with resume_queue() */
    VirtQueue **vqs;
    unsigned num_vqs;
    bool gone;       /* atomic: unrealized */
    uint64_t resets; /* counter */
};
#define VIRTIO_DEVICE(obj) ((VirtIODevice *)(obj))

typedef struct VirtioDeviceClass {
    DeviceClass parent_class;
    const char *name;       /* "virtio-blk" */
    uint16_t device_id;     /* VIRTIO_ID_* */
    uint16_t legacy_pci_id; /* 0: the device has no legacy interface */
    uint16_t pci_class;
    const char *romfile;   /* option ROM on PCI, where its package is installed; or NULL */
    unsigned fixed_queues; /* queues before those that iothread-vq-mapping numbers from 0 */
    /* Main loop.  Adds queues; calls virtio_config_init().  The device's feature bits. */
    bool (*realize)(VirtIODevice *vdev, GError **errp);
    void (*unrealize)(VirtIODevice *vdev);
    uint64_t (*get_features)(VirtIODevice *vdev);
    /* Number of queues that realize() will add, for the default of vectors=; may be NULL. Main
     * loop. */
    unsigned (*num_queues)(VirtIODevice *vdev);
    /* Queues with the same number share a context; -1: the home's.  NULL: each is on its own.  Main
     * loop. */
    int (*queue_group)(VirtIODevice *vdev, unsigned index);
    /* Main loop: after realize(), when each queue has its context; may be NULL. */
    void (*placed)(VirtIODevice *vdev);
    /* Home.  All may be NULL. */
    bool (*validate_features)(VirtIODevice *vdev, uint64_t features); /* at FEATURES_OK */
    void (*driver_ok)(VirtIODevice *vdev);                            /* before queues start */
    void (*reset)(VirtIODevice *vdev);                                /* queues have stopped */
    /* The driver wrote config[offset..offset+size): take it, or put back what was there. The bytes
     * are in vdev->config already; old holds the former ones of the whole space. */
    void (*config_written)(VirtIODevice *vdev, unsigned offset, unsigned size, const uint8_t *old);
    /* Queue context: the queue is about to stop; gives chains back that wait for something
     * (virtqueue_drop()).  The others complete by themselves. */
    void (*stop_queue)(VirtQueue *vq);
    /* Queue context: after it started. */
    void (*queue_started)(VirtQueue *vq);
    /* Queue context: the VM runs again, and so does the queue; submits what the error policy
     * "stop" has parked.  NULL: nothing ever is. */
    void (*resume_queue)(VirtQueue *vq);
} VirtioDeviceClass;
#define VIRTIO_DEVICE_GET_CLASS(obj) ((VirtioDeviceClass *)object_get_class(obj))

/* Of a transport that is there before its device: how it takes and gives up one.  Main loop.  All
 * may be NULL. */
typedef struct VirtioBusClass {
    BusClass parent_class;
    /* Before the device's realize(): sets vdev's as, ops and transport. */
    void (*attach)(BusState *bus, VirtIODevice *vdev);
    /* The device is complete.  False with errp undoes its realize(). */
    bool (*plugged)(BusState *bus, VirtIODevice *vdev, GError **errp);
    /* Before unrealize(), also after plugged() failed.  The device was reset, and is gone. */
    void (*unplugged)(BusState *bus, VirtIODevice *vdev);
} VirtioBusClass;
#define VIRTIO_BUS_GET_CLASS(obj) ((VirtioBusClass *)object_get_class(obj))

/* --- for devices ----------------------------------------------------------------------------- */

/* From realize(): one more queue.  elem_size: of the device's request, at least a VirtElem.
 * passive: its buffers wait for the device.  size is at most VIRTIO_RING_MAX. */
VirtQueue *virtio_add_queue(VirtIODevice *vdev, unsigned size, size_t elem_size, bool passive,
                            VirtQueueFn *handle);
/* From realize(): the length of the configuration space and its first content (all zero if NULL).
 */
void virtio_config_init(VirtIODevice *vdev, const void *content, unsigned len);

/* Queue context.  The next chain, or NULL; it is in flight until push or drop. */
VirtElem *virtqueue_pop(VirtQueue *vq);
/* Queue context.  From now on the driver hears of used chains when max packets (0: any number) wait
 * for that, or the first of them has waited usecs; 0: at once. */
void virtqueue_coalesce(VirtQueue *vq, uint32_t max, uint32_t usecs);
/* Queue context: n of the chains that were pushed are no packets of their own. */
static inline void virtqueue_not_packets(VirtQueue *vq, unsigned n)
{
    vq->coal_extra += n;
}
/* True if pop would find one. */
bool virtqueue_more(VirtQueue *vq);
/* The chain is done, len bytes of its writable part were written.  The driver hears of it at the
 * end of this iteration of the loop. */
void virtqueue_push(VirtQueue *vq, VirtElem *e, uint32_t len);
/* Forgets it; for stop_queue() and for a queue that is stopping. */
void virtqueue_drop(VirtQueue *vq, VirtElem *e);
/* Puts the chain fetched last back where it was. */
void virtqueue_unpop(VirtQueue *vq, VirtElem *e);
/* Passive queue: it is empty, and the device waits for more; true if there is more already. */
bool virtqueue_want_kick(VirtQueue *vq);
/* Passive queue: it has enough buffers, notifications are not wanted. */
void virtqueue_no_kick(VirtQueue *vq);
/* The device takes no chains, so the queue is not looked at; off: it is, soon.  A queue starts
 * unblocked. */
void virtqueue_block(VirtQueue *vq, bool on);
/* The chain after the one at *i of those that the device has, in no order; NULL: that was the last.
 * Begins with *i = 0.  Push and drop of what it returned are allowed. */
static inline VirtElem *virtqueue_next_inflight(VirtQueue *vq, unsigned *i)
{
    while (vq->elems && *i < vq->ring.num) {
        VirtElem *e = (VirtElem *)(vq->elems + (*i)++ * vq->elem_size);

        if (e->in_use) {
            return e;
        }
    }
    return NULL;
}
/* The driver broke the rules: NEEDS_RESET, one line in the log. Any context of this device. */
void virtio_error(VirtQueue *vq, const char *why);
/* Runs handle() soon. Any thread. */
void virtqueue_schedule(VirtQueue *vq);

/* Home: changes the configuration; with interrupt the driver is told. */
void virtio_config_write(VirtIODevice *vdev, unsigned offset, const void *data, unsigned len,
                         bool interrupt);
static inline bool virtio_has_feature(VirtIODevice *vdev, unsigned bit)
{
    return __atomic_load_n(&vdev->features, __ATOMIC_RELAXED) & BIT_ULL(bit);
}
static inline bool virtio_driver_ok(VirtIODevice *vdev)
{
    return __atomic_load_n(&vdev->status, __ATOMIC_ACQUIRE) & VIRTIO_STATUS_DRIVER_OK;
}
/* Copies between a buffer and the chain's readable / writable part, from offset on; how much there
 * was. */
size_t virtio_elem_read(const VirtElem *e, size_t offset, void *buf, size_t len);
size_t virtio_elem_write(const VirtElem *e, size_t offset, const void *buf, size_t len);
/* The same for any list of pieces; dirty logging is the caller's business. */
size_t virtio_iov_read(const struct iovec *iov, unsigned n, size_t offset, void *buf, size_t len);
size_t virtio_iov_write(const struct iovec *iov, unsigned n, size_t offset, const void *buf,
                        size_t len);

/* A counter with one writer. */
static inline void virtio_count(uint64_t *counter, uint64_t v)
{
    __atomic_store_n(counter, *counter + v, __ATOMIC_RELAXED);
}

/* Properties iothread, iothread-vq-mapping, ioregionfd, ioregionfds, for devices with a data path.
 */
#define DEFINE_VIRTIO_HOME_PROPS DEFINE_PROPS_DEVICE_HOMES(VirtIODevice, homes, "queues")

/* --- for transports -------------------------------------------------------------------------- */

/* Home: the driver writes the status register. */
void virtio_set_status(VirtIODevice *vdev, uint8_t status);
/* Home: returns when a reset under way has ended. */
void virtio_settle(VirtIODevice *vdev);
/* Home: the driver's feature words; refused bits are dropped at FEATURES_OK. */
void virtio_set_features(VirtIODevice *vdev, uint64_t features);
/* Home: a queue that is set up may be used; starts it when the driver is ready. */
void virtio_queue_enable(VirtQueue *vq);
/* Home: ends one queue (VIRTIO_F_RING_RESET). */
void virtio_queue_reset(VirtQueue *vq);
/* Home: the ring of a legacy driver lies at addr, its used part aligned to align, and may be used;
 * size is what the queue has. */
void virtio_queue_enable_legacy(VirtQueue *vq, uint64_t addr, uint64_t align);
/* Home: ends one queue and returns when that is done. */
void virtio_queue_reset_wait(VirtQueue *vq);
/* Any thread, without waiting: size bytes of the configuration space.  False: it is changing, ask
 * the home. */
bool virtio_config_read(VirtIODevice *vdev, unsigned offset, unsigned size, uint64_t *val);
/* Home. */
void virtio_config_driver_write(VirtIODevice *vdev, unsigned offset, unsigned size, uint64_t val);
/* False while it changes. */
static inline bool virtio_config_generation(VirtIODevice *vdev, uint32_t *gen)
{
    uint32_t seq = __atomic_load_n(&vdev->config_seq, __ATOMIC_ACQUIRE);

    *gen = seq >> 1;
    return !(seq & 1);
}
/* A notification came; with a value if the driver sends one.  Any thread; at home it acts at once.
 */
void virtio_queue_notify(VirtQueue *vq);
void virtio_queue_notify_value(VirtQueue *vq, uint32_t value);
/* Main loop: ends all that is in flight and resets; returns when that is done. */
void virtio_reset_wait(VirtIODevice *vdev);
/* Home: returns when each queue's context has ended what it was doing. */
void virtio_fence(VirtIODevice *vdev);
/* Main loop: bus mastering came back: looks at all rings. */
void virtio_kick_all(VirtIODevice *vdev);
/* The device that the user made: the transport's where that brought vdev along, else vdev. */
DeviceState *virtio_front(VirtIODevice *vdev);
/* Main loop: the ioregionfd object for a queue's notifications (NULL: none was given). */
IoRegionFd *virtio_queue_ioregionfd(VirtQueue *vq);

#endif
