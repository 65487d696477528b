/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtqueues: a ring, the requests that its chains become, and the thread that they live in.
 *
 * The home starts and stops a queue by aio_call() into its context.  A running queue is looked at
 * when it is kicked and whenever its loop polls; the driver is asked for kicks only when the loop
 * is about to sleep.  Completions are published, with at most one interrupt, at the end of an
 * iteration.
 */
#include "virtio-private.h"

#include "qemu/rcu.h"

/* --- elements -------------------------------------------------------------------------------- */

static VirtElem *elem_at(VirtQueue *vq, unsigned i)
{
    return (VirtElem *)(vq->elems + i * vq->elem_size);
}

/* Untouched pages of these cost nothing, and the elements used last are used next. */
static bool elems_new(VirtQueue *vq)
{
    unsigned n = vq->ring.num;

    vq->elems = g_try_malloc0_n(n, vq->elem_size);
    vq->iovs = g_try_new(struct iovec, (size_t)n * VIRTIO_RING_MAX);
    vq->blocks = g_try_new(RAMBlock *, (size_t)n * VIRTIO_RING_MAX);
    if (!vq->elems || !vq->iovs || !vq->blocks) {
        return false;
    }
    vq->free = NULL;
    for (unsigned i = n; i-- > 0;) {
        VirtElem *e = elem_at(vq, i);

        e->iov = vq->iovs + (size_t)i * VIRTIO_RING_MAX;
        e->block = vq->blocks + (size_t)i * VIRTIO_RING_MAX;
        e->next = vq->free;
        vq->free = e;
    }
    return true;
}

static void elems_free(VirtQueue *vq)
{
    g_clear_pointer(&vq->elems, g_free);
    g_clear_pointer(&vq->iovs, g_free);
    g_clear_pointer(&vq->blocks, g_free);
    vq->free = NULL;
}

static void elem_release(VirtQueue *vq, VirtElem *e)
{
    e->in_use = false;
    e->next = vq->free;
    vq->free = e;
    vq->inflight--;
}

/* --- errors ---------------------------------------------------------------------------------- */

void virtio_error(VirtQueue *vq, const char *why)
{
    VirtIODevice *vdev = vq->vdev;

    TRACE(virtio, error, "%s queue %u: %s", vdev->name, vq->index, why);
    if (!__atomic_exchange_n(&vdev->needs_reset_said, true, __ATOMIC_RELAXED)) {
        const char *id = virtio_front(vdev)->id;

        warn_report("%s%s%s: queue %u: %s; the driver must reset the device", vdev->name,
                    id ? " of " : "", id ? id : "", vq->index, why);
    }
    vq->ring.broken = why;
    if (!vq->error_posted) {
        vq->error_posted = true;
        aio_bh_schedule(vdev->error_bh);
    }
}

static void check_broken(VirtQueue *vq)
{
    if (unlikely(vq->ring.broken && !vq->error_posted)) {
        virtio_error(vq, vq->ring.broken);
    }
}

/* --- chains ---------------------------------------------------------------------------------- */

VirtElem *virtqueue_pop(VirtQueue *vq)
{
    VirtElem *e = vq->free;

    if (unlikely(!vq->running)) {
        return NULL;
    }
    if (unlikely(!e)) {
        /* As many as the ring has places are in flight: vring_more() finds out if there is another.
         */
        if (vring_more(&vq->ring)) {
            vring_break(&vq->ring, "more chains are available than the ring has places");
        }
        check_broken(vq);
        return NULL;
    }
    if (!vring_pop(&vq->ring, e)) {
        check_broken(vq);
        return NULL;
    }
    vq->free = e->next;
    e->next = NULL;
    e->in_use = true;
    e->done = false;
    vq->inflight++;
    if (vq->in_order) {
        *vq->order_tail = e;
        vq->order_tail = &e->next;
    }
    virtio_count(&vq->stats.chains, 1);
    TRACE(virtio, pop, "%s queue %u id %u out %" PRIu64 " in %" PRIu64, vq->vdev->name, vq->index,
          e->id, e->out_bytes, e->in_bytes);
    return e;
}

bool virtqueue_more(VirtQueue *vq)
{
    return vq->running && vring_more(&vq->ring);
}

static void take_out_of_order_list(VirtQueue *vq, VirtElem *e)
{
    VirtElem **p = &vq->order;

    while (*p && *p != e) {
        p = &(*p)->next;
    }
    if (*p) {
        *p = e->next;
        if (!*p) {
            vq->order_tail = p;
        }
    }
}

void virtqueue_unpop(VirtQueue *vq, VirtElem *e)
{
    VirtRing *r = &vq->ring;

    vring_unmap(e, 0);
    if (r->packed) {
        r->inuse -= e->ndescs;
        if (r->last_avail < e->ndescs) {
            r->last_avail += r->num;
            r->avail_wrap = !r->avail_wrap;
        }
        r->last_avail -= e->ndescs;
    } else {
        r->inuse--;
        r->last_avail--;
    }
    if (vq->in_order) {
        take_out_of_order_list(vq, e);
    }
    elem_release(vq, e);
}

static void stopped_if_idle(VirtQueue *vq);

void virtqueue_drop(VirtQueue *vq, VirtElem *e)
{
    vring_unmap(e, 0);
    if (vq->in_order) {
        take_out_of_order_list(vq, e);
    }
    elem_release(vq, e);
    stopped_if_idle(vq);
}

/* VIRTIO_F_IN_ORDER: what is done waits for what was fetched before it. */
static void push_in_order(VirtQueue *vq)
{
    while (vq->order && vq->order->done) {
        VirtElem *e = vq->order;

        vq->order = e->next;
        if (!vq->order) {
            vq->order_tail = &vq->order;
        }
        vring_push(&vq->ring, e, e->used_len);
        elem_release(vq, e);
    }
}

void virtqueue_push(VirtQueue *vq, VirtElem *e, uint32_t len)
{
    TRACE(virtio, push, "%s queue %u id %u len %u", vq->vdev->name, vq->index, e->id, len);
    if (unlikely(vq->stopping)) {
        virtqueue_drop(vq, e);
        return;
    }
    if (unlikely(vq->in_order)) {
        e->done = true;
        e->used_len = len;
        push_in_order(vq);
    } else {
        vring_push(&vq->ring, e, len);
        elem_release(vq, e);
    }
    aio_bh_schedule(vq->bh);
}

/* --- looking at the ring --------------------------------------------------------------------- */

static void process(VirtQueue *vq)
{
    if (vq->running && !vq->processing && !vq->blocked) {
        if (__atomic_load_n(&vq->hinted, __ATOMIC_RELAXED) &&
            __atomic_exchange_n(&vq->hinted, false, __ATOMIC_ACQUIRE)) {
            vring_hint(&vq->ring, __atomic_load_n(&vq->hint, __ATOMIC_RELAXED) >> 16);
        }
        vq->processing = true;
        vq->handle(vq);
        vq->processing = false;
    }
}

/* The driver hears of what was published, if it wants to. */
static void notify_driver(VirtQueue *vq)
{
    vq->coal_extra = 0;
    if (unlikely(vq->coal_waits)) {
        vq->coal_waits = false;
        aio_timer_del(vq->coal_timer);
    }
    aio_batch_done(vq->ctx, vq->ring.unsignaled);
    if (vring_should_notify(&vq->ring)) {
        virtio_count(&vq->stats.interrupts, 1);
        vq->vdev->ops->queue_interrupt(vq->vdev->transport, vq);
    } else {
        virtio_count(&vq->stats.suppressed, 1);
    }
}

static void coalesced_long_enough(void *opaque)
{
    VirtQueue *vq = opaque;

    vq->coal_waits = false;
    if (vq->running && vq->ring.unsignaled) {
        notify_driver(vq);
    }
}

/* True: the driver is to hear of it later. */
static bool may_wait(VirtQueue *vq)
{
    uint16_t waiting = vq->ring.unsignaled;

    /* The count is of 16 bits, and one iteration adds at most a ring to it: it must not wrap. */
    if (waiting >= INT16_MAX ||
        (vq->coal_max && waiting - MIN(vq->coal_extra, waiting) >= (int64_t)vq->coal_max)) {
        return false;
    }
    if (!vq->coal_waits) {
        if (unlikely(!vq->coal_timer)) {
            vq->coal_timer = aio_timer_new(vq->ctx, QEMU_CLOCK_VIRTUAL, coalesced_long_enough, vq);
        }
        vq->coal_waits = true;
        aio_timer_mod(vq->coal_timer, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + vq->coal_ns);
    }
    return true;
}

static void publish(VirtQueue *vq)
{
    vring_publish(&vq->ring);
    check_broken(vq);
    if (vq->ring.unsignaled && (likely(!vq->coal_ns) || !may_wait(vq))) {
        notify_driver(vq);
    }
}

void virtqueue_coalesce(VirtQueue *vq, uint32_t max, uint32_t usecs)
{
    bool changed = vq->coal_max != max || vq->coal_ns != (int64_t)usecs * SCALE_US;

    vq->coal_max = max;
    vq->coal_ns = (int64_t)usecs * SCALE_US;
    if (changed && vq->coal_waits) {
        notify_driver(vq);
    }
}

/* Bottom half: somebody asked to look, or chains were completed in this iteration. */
static void queue_bh(void *opaque)
{
    VirtQueue *vq = opaque;

    if (vq->running) {
        publish(vq);
        process(vq);
    }
}

void virtqueue_schedule(VirtQueue *vq)
{
    aio_bh_schedule(vq->bh);
}

void virtio_queue_notify(VirtQueue *vq)
{
    if (likely(aio_in_home(vq->ctx))) {
        virtio_count(&vq->stats.kicks, 1);
        process(vq);
    } else {
        RCU_READ_GUARD();

        /* Whoever takes the device apart says so first, and then waits for us. */
        if (likely(!__atomic_load_n(&vq->vdev->gone, __ATOMIC_ACQUIRE))) {
            aio_bh_schedule(vq->bh);
        }
    }
}

void virtio_queue_notify_value(VirtQueue *vq, uint32_t value)
{
    if (virtio_has_feature(vq->vdev, VIRTIO_F_NOTIFICATION_DATA)) {
        __atomic_store_n(&vq->hint, value, __ATOMIC_RELAXED);
        __atomic_store_n(&vq->hinted, true, __ATOMIC_RELEASE);
    }
    virtio_queue_notify(vq);
}

bool virtqueue_want_kick(VirtQueue *vq)
{
    bool more = vq->running && vring_enable_kick(&vq->ring);

    check_broken(vq);
    return more;
}

void virtqueue_no_kick(VirtQueue *vq)
{
    if (vq->running) {
        vring_disable_kick(&vq->ring);
    }
}

void virtqueue_block(VirtQueue *vq, bool on)
{
    vq->blocked = on;
    if (!on) {
        aio_bh_schedule(vq->bh);
    }
}

/* --- polling --------------------------------------------------------------------------------- */

static bool poll_ring(void *opaque)
{
    VirtQueue *vq = opaque;

    if (!vq->running || vq->processing || vq->blocked || !vring_more(&vq->ring)) {
        check_broken(vq);
        return false;
    }
    process(vq);
    return true;
}

static bool poll_sleep(void *opaque)
{
    VirtQueue *vq = opaque;

    return vq->running && !vq->processing && !vq->blocked && vring_enable_kick(&vq->ring);
}

static void poll_wake(void *opaque)
{
    VirtQueue *vq = opaque;

    if (vq->running) {
        vring_disable_kick(&vq->ring);
    }
}

static const AioPollOps poll_ops = {.poll = poll_ring, .sleep = poll_sleep, .wake = poll_wake};

/* --- start and stop -------------------------------------------------------------------------- */

static void start_in_ctx(void *opaque)
{
    VirtQueue *vq = opaque;
    VirtioDeviceClass *vc = VIRTIO_DEVICE_GET_CLASS(vq->vdev);

    vq->stopping = false;
    vq->error_posted = false;
    vq->blocked = false;
    vq->inflight = 0;
    vq->order = NULL;
    vq->order_tail = &vq->order;
    vq->running = true;
    __atomic_store_n(&vq->hinted, false, __ATOMIC_RELAXED);
    if (!vring_start(&vq->ring)) {
        virtio_error(vq, vq->ring.broken);
        return;
    }
    if (vq->passive) {
        vring_enable_kick(&vq->ring);
    } else {
        vq->poller = aio_poller_new(vq->ctx, &poll_ops, vq);
    }
    if (vc->queue_started) {
        vc->queue_started(vq);
    }
    aio_bh_schedule(vq->bh); /* what was made available before */
}

bool virtqueue_start(VirtQueue *vq)
{
    VirtIODevice *vdev = vq->vdev;
    bool modern = virtio_has_feature(vdev, VIRTIO_F_VERSION_1);

    g_assert(!vq->started);
    vq->ring = (VirtRing){
        .as = vdev->as,
        .desc = vq->desc,
        .driver = vq->driver,
        .device = vq->device,
        .num = vq->size,
        .packed = modern && virtio_has_feature(vdev, VIRTIO_F_RING_PACKED),
        .event_idx = virtio_has_feature(vdev, VIRTIO_F_EVENT_IDX),
        .indirect = virtio_has_feature(vdev, VIRTIO_F_INDIRECT_DESC),
        .notify_on_empty = !modern && virtio_has_feature(vdev, VIRTIO_F_NOTIFY_ON_EMPTY),
    };
    vq->in_order = modern && virtio_has_feature(vdev, VIRTIO_F_IN_ORDER);
    vq->started = true;
    if (!elems_new(vq)) {
        elems_free(vq);
        vq->started = false;
        return false;
    }
    aio_call(vq->ctx, start_in_ctx, vq);
    return true;
}

/* Home: the last chain of a stopping queue has ended. */
static void stopped_at_home(void *opaque);

static void stopped_if_idle(VirtQueue *vq)
{
    if (vq->stopping && !vq->inflight) {
        vq->stopping = false;
        vring_stop(&vq->ring);
        aio_post(vq->vdev->home, stopped_at_home, vq);
    }
}

static void stop_in_ctx(void *opaque)
{
    VirtQueue *vq = opaque;
    VirtioDeviceClass *vc = VIRTIO_DEVICE_GET_CLASS(vq->vdev);

    if (vq->poller) {
        aio_poller_delete(vq->poller);
        vq->poller = NULL;
    }
    /* What was completed before is the driver's. */
    publish(vq);
    if (vq->coal_waits) {
        notify_driver(vq);
    }
    g_clear_pointer(&vq->coal_timer, aio_timer_free);
    vq->coal_extra = 0;
    vq->running = false;
    vq->stopping = true;
    for (unsigned i = 0; vq->in_order && i < vq->ring.num; i++) {
        VirtElem *e = elem_at(vq, i);

        if (e->in_use && e->done) {
            vring_unmap(e, 0);
            take_out_of_order_list(vq, e);
            elem_release(vq, e);
        }
    }
    if (vc->stop_queue) {
        vc->stop_queue(vq);
    }
    stopped_if_idle(vq);
}

void virtqueue_stop(VirtQueue *vq)
{
    vq->vdev->stopping++;
    aio_call(vq->ctx, stop_in_ctx, vq);
}

static void stopped_at_home(void *opaque)
{
    VirtQueue *vq = opaque;

    elems_free(vq);
    vq->started = false;
    virtio_queue_stopped(vq);
}

/* --- creation -------------------------------------------------------------------------------- */

VirtQueue *virtio_add_queue(VirtIODevice *vdev, unsigned size, size_t elem_size, bool passive,
                            VirtQueueFn *handle)
{
    VirtQueue *vq = g_new0(VirtQueue, 1);

    g_assert(vdev->num_vqs < VIRTIO_QUEUE_MAX && size <= VIRTIO_RING_MAX);
    vq->vdev = vdev;
    vq->index = vdev->num_vqs;
    vq->size_max = vq->size = size;
    vq->elem_size = ALIGN_UP(elem_size, 64);
    vq->passive = passive;
    vq->handle = handle;
    vq->vector = VIRTIO_NO_VECTOR;
    vdev->vqs = g_renew(VirtQueue *, vdev->vqs, vdev->num_vqs + 1);
    vdev->vqs[vdev->num_vqs++] = vq;
    return vq;
}

void virtqueue_make_bh(VirtQueue *vq)
{
    vq->bh = aio_bh_new(vq->ctx, queue_bh, vq);
}

void virtqueue_free(VirtQueue *vq)
{
    g_assert(!vq->started);
    g_free(vq);
}

/* --- copies ---------------------------------------------------------------------------------- */

static size_t iov_copy(const struct iovec *iov, unsigned n, size_t offset, void *buf, size_t len,
                       bool to_iov)
{
    size_t done = 0;

    for (unsigned i = 0; i < n && done < len; i++) {
        size_t part;

        if (offset >= iov[i].iov_len) {
            offset -= iov[i].iov_len;
            continue;
        }
        part = MIN(len - done, iov[i].iov_len - offset);
        if (to_iov) {
            memcpy((uint8_t *)iov[i].iov_base + offset, (uint8_t *)buf + done, part);
        } else {
            memcpy((uint8_t *)buf + done, (uint8_t *)iov[i].iov_base + offset, part);
        }
        done += part;
        offset = 0;
    }
    return done;
}

size_t virtio_iov_read(const struct iovec *iov, unsigned n, size_t offset, void *buf, size_t len)
{
    return iov_copy(iov, n, offset, buf, len, false);
}

size_t virtio_iov_write(const struct iovec *iov, unsigned n, size_t offset, const void *buf,
                        size_t len)
{
    return iov_copy(iov, n, offset, (void *)(uintptr_t)buf, len, true);
}

size_t virtio_elem_read(const VirtElem *e, size_t offset, void *buf, size_t len)
{
    return iov_copy(e->iov, e->num_out, offset, buf, len, false);
}

size_t virtio_elem_write(const VirtElem *e, size_t offset, const void *buf, size_t len)
{
    return iov_copy(e->iov + e->num_out, e->num_in, offset, (void *)(uintptr_t)buf, len, true);
}
