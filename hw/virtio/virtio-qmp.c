/* SPDX-License-Identifier: GPL-2.0-or-later */
/* x-query-virtio and its relatives; info virtio.  Main loop; what lives elsewhere is copied there.
 */
#include "virtio-private.h"

#include "monitor/hmp.h"
#include "monitor/monitor.h"
#include "qapi/qapi-commands.h"
#include "system/runstate.h"

static const struct {
    unsigned bit;
    const char *name;
} feature_names[] = {
    {VIRTIO_F_NOTIFY_ON_EMPTY, "VIRTIO_F_NOTIFY_ON_EMPTY"},
    {VIRTIO_F_ANY_LAYOUT, "VIRTIO_F_ANY_LAYOUT"},
    {VIRTIO_F_INDIRECT_DESC, "VIRTIO_RING_F_INDIRECT_DESC"},
    {VIRTIO_F_EVENT_IDX, "VIRTIO_RING_F_EVENT_IDX"},
    {VIRTIO_F_VERSION_1, "VIRTIO_F_VERSION_1"},
    {VIRTIO_F_ACCESS_PLATFORM, "VIRTIO_F_IOMMU_PLATFORM"},
    {VIRTIO_F_RING_PACKED, "VIRTIO_F_RING_PACKED"},
    {VIRTIO_F_IN_ORDER, "VIRTIO_F_IN_ORDER"},
    {VIRTIO_F_ORDER_PLATFORM, "VIRTIO_F_ORDER_PLATFORM"},
    {VIRTIO_F_NOTIFICATION_DATA, "VIRTIO_F_NOTIFICATION_DATA"},
    {VIRTIO_F_RING_RESET, "VIRTIO_F_RING_RESET"},
};

static const struct {
    uint8_t bit;
    const char *name;
} status_names[] = {
    {VIRTIO_STATUS_ACKNOWLEDGE, "VIRTIO_CONFIG_S_ACKNOWLEDGE"},
    {VIRTIO_STATUS_DRIVER, "VIRTIO_CONFIG_S_DRIVER"},
    {VIRTIO_STATUS_FEATURES_OK, "VIRTIO_CONFIG_S_FEATURES_OK"},
    {VIRTIO_STATUS_DRIVER_OK, "VIRTIO_CONFIG_S_DRIVER_OK"},
    {VIRTIO_STATUS_NEEDS_RESET, "VIRTIO_CONFIG_S_NEEDS_RESET"},
    {VIRTIO_STATUS_FAILED, "VIRTIO_CONFIG_S_FAILED"},
};

static VirtIODevice *find(const char *path, GError **errp)
{
    Object *obj = object_resolve_path(path, NULL);

    if (!obj || !object_is_a(obj, TYPE_VIRTIO_DEVICE) || !DEVICE(obj)->realized) {
        error_setg(errp, "Path '%s' is no virtio device; x-query-virtio lists them", path);
        return NULL;
    }
    return VIRTIO_DEVICE(obj);
}

static bool add_device(Object *obj, void *opaque)
{
    VirtioInfoList ***tail = opaque;

    if (object_is_a(obj, TYPE_VIRTIO_DEVICE) && DEVICE(obj)->realized) {
        VirtioInfo *info = g_new0(VirtioInfo, 1);

        info->path = object_get_canonical_path(obj);
        info->name = g_strdup(VIRTIO_DEVICE(obj)->name);
        QAPI_LIST_APPEND(*tail, info);
    }
    return true;
}

VirtioInfoList *qmp_x_query_virtio(GError **errp)
{
    Object *machine = object_resolve_path("/machine", NULL);
    VirtioInfoList *list = NULL, **tail = &list;

    if (machine) {
        object_child_foreach_recursive(machine, add_device, &tail);
    }
    return list;
}

static VirtioDeviceFeatures *features(uint64_t bits)
{
    VirtioDeviceFeatures *f = g_new0(VirtioDeviceFeatures, 1);
    strList **names = &f->transports;
    intList **numbers = &f->dev_features;

    for (unsigned i = 0; i < G_N_ELEMENTS(feature_names); i++) {
        if (bits & BIT_ULL(feature_names[i].bit)) {
            bits &= ~BIT_ULL(feature_names[i].bit);
            QAPI_LIST_APPEND(names, g_strdup(feature_names[i].name));
        }
    }
    for (unsigned bit = 0; bit < 64; bit++) {
        if (bits & BIT_ULL(bit)) {
            QAPI_LIST_APPEND(numbers, bit);
        }
    }
    return f;
}

VirtioStatus *qmp_x_query_virtio_status(const char *path, GError **errp)
{
    VirtIODevice *vdev = find(path, errp);
    VirtioStatus *st;
    strList **names;
    uint8_t status;

    if (!vdev) {
        return NULL;
    }
    st = g_new0(VirtioStatus, 1);
    status = __atomic_load_n(&vdev->status, __ATOMIC_ACQUIRE);
    st->name = g_strdup(vdev->name);
    st->device_id = vdev->device_id;
    st->home = g_strdup(aio_context_name(vdev->home));
    st->host_features = features(vdev->host_features);
    st->guest_features = features(__atomic_load_n(&vdev->features, __ATOMIC_ACQUIRE));
    st->num_vqs = vdev->num_vqs;
    names = &st->status;
    for (unsigned i = 0; i < G_N_ELEMENTS(status_names); i++) {
        if (status & status_names[i].bit) {
            QAPI_LIST_APPEND(names, g_strdup(status_names[i].name));
        }
    }
    st->vm_running = runstate_is_running();
    st->broken = status & VIRTIO_STATUS_NEEDS_RESET;
    st->started = status & VIRTIO_STATUS_DRIVER_OK;
    st->resets = __atomic_load_n(&vdev->resets, __ATOMIC_RELAXED);
    st->bus_name = g_strdup(DEVICE(vdev)->parent_bus ? DEVICE(vdev)->parent_bus->name : "");
    return st;
}

typedef struct QueueCopy {
    VirtQueue *vq;
    VirtQueueStatus *st;
} QueueCopy;

/* In the queue's context: what belongs there. */
static void copy_ring(void *opaque)
{
    QueueCopy *c = opaque;
    VirtRing *r = &c->vq->ring;

    c->st->packed = r->packed;
    c->st->inuse = r->inuse;
    c->st->inflight = c->vq->inflight;
    c->st->last_avail_idx = r->last_avail;
    c->st->used_idx = r->used_idx;
    c->st->broken = g_strdup(r->broken);
    c->st->kicks = c->vq->stats.kicks;
    c->st->chains = c->vq->stats.chains;
    c->st->interrupts = c->vq->stats.interrupts;
    c->st->suppressed = c->vq->stats.suppressed;
}

/* At home. */
static void copy_setup(void *opaque)
{
    QueueCopy *c = opaque;
    VirtQueue *vq = c->vq;

    c->st->started = vq->started;
    c->st->vring_num = vq->size;
    c->st->vring_num_default = vq->size_max;
    c->st->vring_desc = vq->desc;
    c->st->vring_avail = vq->driver;
    c->st->vring_used = vq->device;
    aio_call(vq->ctx, copy_ring, c);
}

VirtQueueStatus *qmp_x_query_virtio_queue_status(const char *path, uint16_t queue, GError **errp)
{
    VirtIODevice *vdev = find(path, errp);
    QueueCopy c;

    if (!vdev) {
        return NULL;
    }
    if (queue >= vdev->num_vqs) {
        error_setg(errp, "queue %u: the device has 0 to %u", queue, vdev->num_vqs - 1);
        return NULL;
    }
    c = (QueueCopy){.vq = vdev->vqs[queue], .st = g_new0(VirtQueueStatus, 1)};
    c.st->name = g_strdup(vdev->name);
    c.st->queue_index = queue;
    c.st->home = g_strdup(aio_context_name(c.vq->ctx));
    aio_call(vdev->home, copy_setup, &c);
    return c.st;
}

/* --- one entry ------------------------------------------------------------------------------- */

/* Where a ring is, as its context knew it. */
typedef struct RingPlace {
    VirtQueue *vq;
    AddressSpace *as;
    uint64_t desc, driver, device;
    uint16_t num, next;
    bool packed, running;
} RingPlace;

static void copy_place(void *opaque)
{
    RingPlace *p = opaque;
    VirtRing *r = &p->vq->ring;

    p->running = p->vq->running;
    p->as = r->as;
    p->desc = r->desc;
    p->driver = r->driver;
    p->device = r->device;
    p->num = r->num;
    p->next = r->last_avail;
    p->packed = r->packed;
}

static bool fetch(const RingPlace *p, uint64_t addr, void *buf, size_t len, GError **errp)
{
    if (dma_memory_read(p->as, addr, buf, len, MEMTXATTRS_UNSPECIFIED) == MEMTX_OK) {
        return true;
    }
    error_setg(errp, "the ring names address 0x%" PRIx64 ", where there is no memory", addr);
    return false;
}

#define DESC_BYTES 16
#define PACKED_AVAIL BIT(7)
#define PACKED_USED BIT(15)

static void add_desc(VirtioRingDescList ***tail, uint64_t addr, uint32_t len, uint16_t flags,
                     bool packed)
{
    static const struct {
        uint16_t bit;
        bool packed;
        const char *name;
    } names[] = {{VIRTQ_DESC_F_NEXT, false, "next"},
                 {VIRTQ_DESC_F_WRITE, false, "write"},
                 {VIRTQ_DESC_F_INDIRECT, false, "indirect"},
                 {PACKED_AVAIL, true, "avail"},
                 {PACKED_USED, true, "used"}};
    VirtioRingDesc *d = g_new0(VirtioRingDesc, 1);
    strList **flag = &d->flags;

    d->addr = addr;
    d->len = len;
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        if ((flags & names[i].bit) && (packed || !names[i].packed)) {
            QAPI_LIST_APPEND(flag, g_strdup(names[i].name));
        }
    }
    QAPI_LIST_APPEND(*tail, d);
}

/* A chain from descriptor at of a table of num; each table ends the walk after so many steps. */
static bool walk(const RingPlace *p, uint64_t table, uint32_t num, uint16_t at, bool indirect,
                 VirtioRingDescList ***tail, GError **errp)
{
    for (uint32_t steps = 0; steps < num; steps++) {
        struct QEMU_PACKED {
            uint64_t addr;
            uint32_t len;
            uint16_t a, b; /* split: flags, next; packed: id, flags */
        } d;
        uint16_t flags;

        if (!fetch(p, table + (uint64_t)at * DESC_BYTES, &d, sizeof(d), errp)) {
            return false;
        }
        flags = p->packed ? d.b : d.a;
        if ((flags & VIRTQ_DESC_F_INDIRECT) && !indirect) {
            return walk(p, d.addr, MIN(d.len / DESC_BYTES, VIRTIO_RING_MAX), 0, true, tail, errp);
        }
        add_desc(tail, d.addr, d.len, flags, p->packed);
        if (p->packed) {
            at = at + 1u == num && !indirect ? 0 : at + 1;
            if (!indirect && !(flags & VIRTQ_DESC_F_NEXT)) {
                return true; /* an indirect table of a packed ring is used whole */
            }
        } else {
            if (!(flags & VIRTQ_DESC_F_NEXT) || d.b >= num) {
                return true;
            }
            at = d.b;
        }
    }
    return true;
}

/* The three areas of a split ring. */
static bool read_split(const RingPlace *p, uint16_t index, VirtioQueueElement *el, GError **errp)
{
    VirtioRingDescList **tail = &el->descs;
    uint16_t avail[2], used[2], first;

    if (!fetch(p, p->driver, avail, sizeof(avail), errp) ||
        !fetch(p, p->device, used, sizeof(used), errp) ||
        !fetch(p, p->driver + 4 + 2 * (index % p->num), &first, sizeof(first), errp)) {
        return false;
    }
    el->avail->flags = avail[0];
    el->avail->idx = avail[1];
    el->avail->ring = first;
    el->used->flags = used[0];
    el->used->idx = used[1];
    return first >= p->num || walk(p, p->desc, p->num, first, false, &tail, errp);
}

static bool read_packed(const RingPlace *p, uint16_t index, VirtioQueueElement *el, GError **errp)
{
    VirtioRingDescList **tail = &el->descs;
    uint16_t driver[2], device[2]; /* place, flags */

    if (!fetch(p, p->driver, driver, sizeof(driver), errp) ||
        !fetch(p, p->device, device, sizeof(device), errp)) {
        return false;
    }
    el->avail->idx = driver[0];
    el->avail->flags = driver[1];
    el->avail->ring = index % p->num;
    el->used->idx = device[0];
    el->used->flags = device[1];
    return walk(p, p->desc, p->num, index % p->num, false, &tail, errp);
}

VirtioQueueElement *qmp_x_query_virtio_queue_element(const char *path, uint16_t queue,
                                                     bool has_index, uint16_t index, GError **errp)
{
    VirtIODevice *vdev = find(path, errp);
    RingPlace p;
    VirtioQueueElement *el;

    if (!vdev) {
        return NULL;
    }
    if (queue >= vdev->num_vqs) {
        error_setg(errp, "queue %u: the device has 0 to %u", queue, vdev->num_vqs - 1);
        return NULL;
    }
    p = (RingPlace){.vq = vdev->vqs[queue]};
    aio_call(p.vq->ctx, copy_place, &p);
    if (!p.running || !p.num) {
        error_setg(errp, "queue %u: the driver does not use it now", queue);
        return NULL;
    }
    el = g_new0(VirtioQueueElement, 1);
    el->name = g_strdup(vdev->name);
    el->index = has_index ? index : p.next;
    el->avail = g_new0(VirtioRingAvail, 1);
    el->used = g_new0(VirtioRingUsed, 1);
    if (!(p.packed ? read_packed : read_split)(&p, el->index, el, errp)) {
        qapi_free_VirtioQueueElement(el);
        return NULL;
    }
    return el;
}

static void hmp_info_virtio(Monitor *mon, const HmpArgs *args)
{
    VirtioInfoList *list = qmp_x_query_virtio(NULL);

    for (VirtioInfoList *l = list; l; l = l->next) {
        VirtIODevice *vdev = find(l->value->path, NULL);

        monitor_printf(mon, "%s: %s, status 0x%x, home %s\n", l->value->path, l->value->name,
                       __atomic_load_n(&vdev->status, __ATOMIC_ACQUIRE),
                       aio_context_name(vdev->home));
        for (unsigned i = 0; i < vdev->num_vqs; i++) {
            g_autoptr(VirtQueueStatus) q = qmp_x_query_virtio_queue_status(l->value->path, i, NULL);

            if (q->started) {
                monitor_printf(mon,
                               "  queue %u: %s, %u entries, home %s, %" PRIu64 " chains, %" PRIu64
                               " interrupts, %u in flight%s%s\n",
                               i, q->packed ? "packed" : "split", q->vring_num, q->home, q->chains,
                               q->interrupts, q->inflight, q->broken ? "; broken: " : "",
                               q->broken ? q->broken : "");
            }
        }
    }
    qapi_free_VirtioInfoList(list);
}
HMP_INFO(hmp_info_virtio, "virtio", "", "show virtio devices and their queues", hmp_info_virtio, 0,
         0);
