/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-rng: random bytes for the guest (virtio 1.2, section 5.4), straight from the source into
 * its buffers, at most max-bytes in a period.
 */
#include "hw/virtio/virtio-pci.h"
#include "system/rng.h"

#define TYPE_VIRTIO_RNG "virtio-rng-device"
#define QUEUE_SIZE 8

typedef struct VirtIORNG {
    VirtIODevice parent_obj;
    RngBackend *rng;
    uint64_t max_bytes;
    uint32_t period_ms;
    /* --- the queue's context --- */
    uint64_t quota;
    bool limited;    /* waits for the timer: the quota is used up */
    bool waiting;    /* waits for the source */
    int fd;          /* a duplicate of the source's, -1: none is needed */
    AioTimer *timer; /* the period's end */
    VirtQueue *vq;
} VirtIORNG;
#define VIRTIO_RNG(obj) ((VirtIORNG *)(obj))

static void handle_requests(VirtQueue *vq);

static void source_ready(void *opaque)
{
    VirtIORNG *s = opaque;

    aio_set_fd_handler(s->vq->ctx, s->fd, NULL, NULL, NULL);
    s->waiting = false;
    handle_requests(s->vq);
}

static void period_ended(void *opaque)
{
    VirtIORNG *s = opaque;

    s->quota = s->max_bytes;
    s->limited = false;
    handle_requests(s->vq);
}

/* The first bytes of a period begin it. */
static void begin_period(VirtIORNG *s)
{
    if (!aio_timer_pending(s->timer)) {
        aio_timer_mod(s->timer, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + s->period_ms * SCALE_MS);
    }
}

/* Fills what the quota allows; false: not now (the chain is back in the ring). */
static bool fill(VirtIORNG *s, VirtElem *e)
{
    struct iovec *iov = e->iov + e->num_out;
    uint64_t left = s->quota;
    int niov = 0;
    ssize_t n;

    if (!e->in_bytes) {
        virtqueue_push(s->vq, e, 0);
        return true;
    }
    if (!left) {
        s->limited = true;
        virtqueue_unpop(s->vq, e);
        return false;
    }
    while (niov < e->num_in && left) {
        iov[niov].iov_len = MIN(iov[niov].iov_len, left);
        left -= iov[niov++].iov_len;
    }
    n = rng_readv(s->rng, iov, niov);
    if (n == -EAGAIN) {
        s->waiting = true;
        virtqueue_unpop(s->vq, e);
        aio_set_fd_handler(s->vq->ctx, s->fd, source_ready, NULL, s);
        return false;
    }
    if (n < 0) {
        warn_report_once("virtio-rng: the source of random bytes fails: %s", g_strerror((int)-n));
        n = 0;
    }
    if (s->max_bytes != INT64_MAX) {
        begin_period(s);
    }
    s->quota -= n;
    virtqueue_push(s->vq, e, n);
    return true;
}

static void handle_requests(VirtQueue *vq)
{
    VirtIORNG *s = VIRTIO_RNG(vq->vdev);
    VirtElem *e;

    do {
        while (!s->limited && !s->waiting && (e = virtqueue_pop(vq))) {
            if (!fill(s, e)) {
                return;
            }
        }
    } while (!s->limited && !s->waiting && virtqueue_want_kick(vq));
}

static void stop_queue(VirtQueue *vq)
{
    VirtIORNG *s = VIRTIO_RNG(vq->vdev);

    if (s->waiting) {
        aio_set_fd_handler(vq->ctx, s->fd, NULL, NULL, NULL);
        s->waiting = false;
    }
}

static void make_timer(void *opaque)
{
    VirtIORNG *s = opaque;

    s->timer = aio_timer_new(s->vq->ctx, QEMU_CLOCK_VIRTUAL, period_ended, s);
}

static void free_timer(void *opaque)
{
    VirtIORNG *s = opaque;

    g_clear_pointer(&s->timer, aio_timer_free);
}

static void queue_started(VirtQueue *vq)
{
    VirtIORNG *s = VIRTIO_RNG(vq->vdev);

    if (!s->timer) {
        make_timer(s);
    }
}

static uint64_t get_features(VirtIODevice *vdev)
{
    return 0;
}

static bool virtio_rng_realize(VirtIODevice *vdev, GError **errp)
{
    VirtIORNG *s = VIRTIO_RNG(vdev);

    if (!s->period_ms) {
        error_setg(errp, "virtio-rng: period=0: must be at least 1 (milliseconds)");
        return false;
    }
    if (s->max_bytes > INT64_MAX) {
        error_setg(errp, "virtio-rng: max-bytes=%" PRIu64 ": must be below 2^63", s->max_bytes);
        return false;
    }
    if (!s->rng) {
        s->rng = (RngBackend *)object_new(TYPE_RNG_BUILTIN, errp);
        if (!s->rng) {
            return false;
        }
    }
    s->fd = -1;
    if (rng_fd(s->rng) >= 0) {
        /* Several devices may wait for one source in one thread. */
        s->fd = dup(rng_fd(s->rng));
        if (s->fd < 0) {
            error_setg_errno(errp, errno, "virtio-rng: no descriptor for the source");
            return false;
        }
    }
    s->quota = s->max_bytes;
    rng_hold(s->rng);
    virtio_config_init(vdev, NULL, 0);
    s->vq = virtio_add_queue(vdev, QUEUE_SIZE, sizeof(VirtElem), true, handle_requests);
    return true;
}

static void virtio_rng_unrealize(VirtIODevice *vdev)
{
    VirtIORNG *s = VIRTIO_RNG(vdev);

    if (s->timer) {
        aio_call(s->vq->ctx, free_timer, s);
    }
    rng_release(s->rng);
    if (s->fd >= 0) {
        close(s->fd);
        s->fd = -1;
    }
}

static const ObjectProperty virtio_rng_props[] = {
    DEFINE_PROP_LINK("rng", VirtIORNG, rng, TYPE_RNG_BACKEND,
                     "source of random bytes (default: a builtin one)"),
    DEFINE_PROP_UINT64("max-bytes", VirtIORNG, max_bytes, INT64_MAX, "limit in a period"),
    DEFINE_PROP_UINT32("period", VirtIORNG, period_ms, 1 << 16, "milliseconds"),
    DEFINE_VIRTIO_HOME_PROPS,
};

static void virtio_rng_class_init(ObjectClass *klass, const void *data)
{
    VirtioDeviceClass *vc = (VirtioDeviceClass *)klass;

    vc->parent_class.category = DEVICE_CATEGORY_MISC;
    vc->parent_class.desc = "virtio entropy source";
    vc->name = "virtio-rng";
    vc->device_id = VIRTIO_ID_RNG;
    vc->legacy_pci_id = 0x1005;
    vc->pci_class = PCI_CLASS_OTHERS;
    vc->realize = virtio_rng_realize;
    vc->unrealize = virtio_rng_unrealize;
    vc->get_features = get_features;
    vc->stop_queue = stop_queue;
    vc->queue_started = queue_started;
    object_class_add_property_table(klass, virtio_rng_props);
}

static const TypeInfo virtio_rng_info = {
    .name = TYPE_VIRTIO_RNG,
    .parent = TYPE_VIRTIO_DEVICE,
    .instance_size = sizeof(VirtIORNG),
    .class_init = virtio_rng_class_init,
};
QOM_TYPE(virtio_rng_info);

VIRTIO_PCI_TYPES(virtio_rng, "virtio-rng", TYPE_VIRTIO_RNG);
