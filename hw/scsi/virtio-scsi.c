/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-scsi: a SCSI controller (virtio 1.2, section 5.6).
 *
 * A request is the queue's element with the SCSI request in it.  The element's writable part begins
 * with the response; data of a read follows it, so that part is cut off the list of pieces while
 * the SCSI layer has it, and comes back before the response is written.
 */
#include "virtio-scsi.h"

#include "hw/boards.h"

/* The beginning of a request's readable part, before its command. */
typedef struct QEMU_PACKED CommandHeader {
    uint8_t lun[8];
    uint64_t tag;
    uint8_t task_attr, prio, crn;
} CommandHeader;

/* The beginning of its writable part, before sense data. */
typedef struct CommandResponse {
    uint32_t sense_len, residual;
    uint16_t status_qualifier;
    uint8_t status, response;
} CommandResponse;
G_STATIC_ASSERT(sizeof(CommandHeader) == 19 && sizeof(CommandResponse) == 12);

bool virtio_scsi_address(const uint8_t *p, VirtioScsiAddress *a)
{
    static const uint8_t well_known[8] = {0xc1, 0x01};

    memset(a, 0, sizeof(*a));
    a->well_known = !memcmp(p, well_known, sizeof(well_known));
    a->target = p[1];
    return a->well_known || (p[0] == 1 && scsi_decode_lun(p + 2, &a->lun));
}

/* --- responses: queue context ---------------------------------------------------------------- */

static uint32_t response_room(const VirtioScsiReq *req)
{
    return sizeof(CommandResponse) + req->sense_size;
}

/* moved: bytes of data that were written after the response. */
static void respond(VirtioScsiReq *req, const CommandResponse *resp, const uint8_t *sense,
                    uint64_t moved)
{
    if (resp->sense_len) {
        virtio_elem_write(&req->elem, sizeof(*resp), sense, resp->sense_len);
    }
    virtio_elem_write(&req->elem, 0, resp, sizeof(*resp));
    virtqueue_push(req->vq, &req->elem, response_room(req) + moved);
}

static void fail(VirtioScsiReq *req, uint8_t response)
{
    CommandResponse resp = {.response = response};

    respond(req, &resp, NULL, 0);
}

/* Takes skip bytes off the beginning of iov; the entry where the rest begins. */
static unsigned cut_front(struct iovec *iov, unsigned n, size_t skip, size_t *within)
{
    unsigned i = 0;

    while (i < n && skip >= iov[i].iov_len) {
        skip -= iov[i++].iov_len;
    }
    if (i < n && skip) {
        iov[i].iov_base = (uint8_t *)iov[i].iov_base + skip;
        iov[i].iov_len -= skip;
    }
    *within = skip;
    return i;
}

static void put_back_front(VirtioScsiReq *req)
{
    if (req->skipped) {
        struct iovec *v = &req->elem.iov[req->first_in];

        v->iov_base = (uint8_t *)v->iov_base - req->skipped;
        v->iov_len += req->skipped;
        req->skipped = 0;
    }
}

static void drain_put(VirtioScsiDrain *d)
{
    if (!__atomic_sub_fetch(&d->left, 1, __ATOMIC_ACQ_REL)) {
        qemu_event_set(&d->done);
    }
}

static void completed(SCSIRequest *r)
{
    VirtioScsiReq *req = container_of(r, VirtioScsiReq, scsi);
    VirtioScsiCtl *ctl = req->ctl;
    VirtioScsiDrain *drain = req->drain;
    CommandResponse resp = {0};

    req->active = false;
    req->ctl = NULL;
    req->drain = NULL;
    put_back_front(req);
    if (unlikely(r->aborted)) {
        fail(req, req->ended_with);
    } else if (unlikely(r->overrun)) {
        fail(req, VIRTIO_SCSI_S_OVERRUN);
    } else {
        resp.status = r->status;
        resp.residual = r->bytes - r->moved;
        resp.sense_len = MIN(r->sense_len, req->sense_size);
        respond(req, &resp, r->sense, r->to_dev ? 0 : r->moved);
    }
    if (unlikely(ctl)) {
        virtio_scsi_ctl_put(ctl);
    }
    if (unlikely(drain)) {
        drain_put(drain);
    }
}

/* --- requests: queue context ----------------------------------------------------------------- */

/* Data goes one way. */
static bool find_data(VirtioScsiReq *req, size_t header)
{
    VirtElem *e = &req->elem;
    SCSIRequest *r = &req->scsi;
    uint64_t out = e->out_bytes - header, in = e->in_bytes - response_room(req);
    size_t within;

    req->skipped = 0;
    if (out && in) {
        return false;
    }
    r->to_dev = out != 0;
    r->bytes = out + in;
    if (r->to_dev) {
        unsigned first = cut_front(e->iov, e->num_out, header, &within);

        r->iov = e->iov + first;
        r->niov = e->num_out - first;
    } else {
        req->first_in = e->num_out + cut_front(e->iov + e->num_out, e->num_in, response_room(req),
                                               &req->skipped);
        r->iov = e->iov + req->first_in;
        r->niov = e->niov - req->first_in;
        req->skipped = r->niov ? req->skipped : 0;
    }
    return true;
}

static void start_request(VirtIOSCSI *s, VirtioScsiReq *req, const CommandHeader *h,
                          const uint8_t *cdb, uint32_t cdb_size)
{
    SCSIRequest *r = &req->scsi;
    bool exact = true;

    if (!virtio_scsi_address(h->lun, &req->where)) {
        fail(req, VIRTIO_SCSI_S_BAD_TARGET);
        return;
    }
    r->dev = req->where.well_known
                 ? NULL
                 : scsi_bus_find(s->bus, 0, req->where.target, req->where.lun, &exact);
    if (!r->dev && !req->where.well_known) {
        fail(req, VIRTIO_SCSI_S_BAD_TARGET);
        return;
    }
    if (!find_data(req, sizeof(*h) + cdb_size)) {
        fail(req, VIRTIO_SCSI_S_FAILURE); /* VIRTIO_SCSI_F_INOUT is not offered */
        return;
    }
    r->bus = s->bus;
    r->lun_missing = !exact;
    r->ctx = req->vq->ctx;
    r->complete = completed;
    r->cdb_len = cdb_size;
    memcpy(r->cdb, cdb, sizeof(r->cdb));
    req->tag = h->tag;
    req->active = true;
    scsi_req_start(r);
}

/* False: the driver broke the rules. */
static bool dispatch(VirtIOSCSI *s, VirtioScsiReq *req)
{
    struct QEMU_PACKED {
        CommandHeader h;
        uint8_t cdb[VIRTIO_SCSI_CDB_SIZE_MAX];
    } q;
    uint32_t cdb_size = __atomic_load_n(&s->cdb_size, __ATOMIC_RELAXED);
    size_t len = sizeof(q.h) + cdb_size;

    req->active = false;
    req->ctl = NULL;
    req->drain = NULL;
    req->sense_size = __atomic_load_n(&s->sense_size, __ATOMIC_RELAXED);
    memset(q.cdb, 0, SCSI_CDB_MAX);
    if (virtio_elem_read(&req->elem, 0, &q, len) != len ||
        req->elem.in_bytes < response_room(req)) {
        return false;
    }
    start_request(s, req, &q.h, q.cdb, cdb_size);
    return true;
}

static void handle_queue(VirtQueue *vq)
{
    VirtioScsiReq *req;

    while ((req = (VirtioScsiReq *)virtqueue_pop(vq))) {
        req->vq = vq;
        if (unlikely(!dispatch(VIRTIO_SCSI(vq->vdev), req))) {
            virtio_error(vq, "a request has no whole header, or no room for its response");
            virtqueue_drop(vq, &req->elem);
            return;
        }
    }
}

/* --- requests in flight ---------------------------------------------------------------------- */

static bool matches(const VirtioScsiScan *scan, const VirtioScsiReq *req)
{
    if (!req->active) {
        return false;
    }
    if (scan->by == SCAN_DEVICE) {
        return req->scsi.dev == scan->dev;
    }
    return !req->where.well_known && req->where.target == scan->where.target &&
           (scan->by == SCAN_TARGET || req->where.lun == scan->where.lun) &&
           (scan->by != SCAN_TAG || req->tag == scan->tag);
}

static void abort_request(const VirtioScsiScan *scan, VirtioScsiReq *req)
{
    if (scan->drain) { /* one device has one, and unrealizes once */
        __atomic_fetch_add(&scan->drain->left, 1, __ATOMIC_ACQ_REL);
        req->drain = scan->drain;
    }
    if (req->scsi.aborted) {
        /* Somebody waits for it already; who comes second does not, unless nobody does. */
        if (req->ctl || !scan->ctl) {
            return;
        }
    }
    req->ended_with = scan->response;
    if (scan->ctl) {
        __atomic_fetch_add(&scan->ctl->waiting, 1, __ATOMIC_ACQ_REL);
        req->ctl = scan->ctl;
    }
    scsi_req_abort(&req->scsi);
}

static void scan_in_ctx(void *opaque)
{
    VirtioScsiScan *scan = opaque;
    VirtQueue *vq = scan->vq;
    VirtioScsiReq *req;
    unsigned i = 0;

    if (!vq->running && !vq->stopping) {
        return; /* there are none */
    }
    while ((req = (VirtioScsiReq *)virtqueue_next_inflight(vq, &i))) {
        if (matches(scan, req)) {
            scan->found++;
            if (scan->abort) {
                abort_request(scan, req);
            }
        }
    }
}

void virtio_scsi_scan(VirtIOSCSI *s, VirtioScsiScan *scan)
{
    VirtIODevice *vdev = &s->parent_obj;

    for (unsigned i = VIRTIO_SCSI_FIXED_QUEUES; i < vdev->num_vqs; i++) {
        scan->vq = vdev->vqs[i];
        aio_call(scan->vq->ctx, scan_in_ctx, scan);
    }
}

/* What waits, or goes in steps, ends; the rest completes by itself. */
static void stop_queue(VirtQueue *vq)
{
    unsigned i = 0;
    VirtioScsiReq *req;

    if (vq->index < VIRTIO_SCSI_FIXED_QUEUES) {
        return;
    }
    while ((req = (VirtioScsiReq *)virtqueue_next_inflight(vq, &i))) {
        if (req->active && !req->scsi.aborted) {
            req->ended_with = VIRTIO_SCSI_S_RESET;
            scsi_req_abort(&req->scsi);
        }
    }
}

static void resume_queue(VirtQueue *vq)
{
    unsigned i = 0;
    VirtioScsiReq *req;

    if (vq->index < VIRTIO_SCSI_FIXED_QUEUES) {
        return;
    }
    while ((req = (VirtioScsiReq *)virtqueue_next_inflight(vq, &i))) {
        if (req->active && req->scsi.parked) {
            scsi_req_resume(&req->scsi);
        }
    }
}

/* --- for the bus: main loop ------------------------------------------------------------------ */

static void fence(void *hba)
{
    virtio_fence(&VIRTIO_SCSI(hba)->parent_obj);
}

/* All are asked to end before the first of them is waited for: blk_cancel() bounds that, but for
 * what the kernel keeps.  The main loop does meanwhile what is posted to it. */
static void drain(void *hba, SCSIDevice *dev)
{
    VirtIODevice *vdev = hba;
    g_autofree VirtioScsiDrain *all = g_new0(VirtioScsiDrain, vdev->num_vqs);

    for (unsigned i = VIRTIO_SCSI_FIXED_QUEUES; i < vdev->num_vqs; i++) {
        VirtioScsiScan scan = {.by = SCAN_DEVICE,
                               .dev = dev,
                               .abort = true,
                               .response = VIRTIO_SCSI_S_BAD_TARGET,
                               .drain = &all[i],
                               .vq = vdev->vqs[i]};

        all[i].left = 1;
        qemu_event_init(&all[i].done, false);
        aio_call(scan.vq->ctx, scan_in_ctx, &scan);
        drain_put(&all[i]);
    }
    for (unsigned i = VIRTIO_SCSI_FIXED_QUEUES; i < vdev->num_vqs; i++) {
        aio_await(vdev->vqs[i]->ctx, &all[i].done);
    }
}

static const SCSIBusOps bus_ops = {
    .fence = fence,
    .drain = drain,
    .plugged = virtio_scsi_plugged,
    .changed = virtio_scsi_changed,
};

/* --- configuration, reset: home -------------------------------------------------------------- */

/* The driver may change two sizes [5.6.4.1]. */
static void config_written(VirtIODevice *vdev, unsigned offset, unsigned size, const uint8_t *old)
{
    VirtIOSCSI *s = VIRTIO_SCSI(vdev);
    unsigned first = offsetof(VirtioScsiConfig, sense_size);
    unsigned end = offsetof(VirtioScsiConfig, max_channel);
    VirtioScsiConfig c;

    for (unsigned i = offset; i < offset + size; i++) {
        if (i < first || i >= end) {
            __atomic_store_n(&vdev->config[i], old[i], __ATOMIC_RELEASE);
        }
    }
    memcpy(&c, vdev->config, sizeof(c));
    if (!c.cdb_size || c.cdb_size > VIRTIO_SCSI_CDB_SIZE_MAX ||
        c.sense_size > VIRTIO_SCSI_SENSE_SIZE_MAX) {
        memcpy(vdev->config, old, sizeof(c));
        virtio_error(s->control, "the driver wrote a cdb_size or sense_size that cannot be");
        return;
    }
    __atomic_store_n(&s->cdb_size, c.cdb_size, __ATOMIC_RELAXED);
    __atomic_store_n(&s->sense_size, c.sense_size, __ATOMIC_RELAXED);
}

static void init_sizes(VirtIOSCSI *s)
{
    __atomic_store_n(&s->cdb_size, VIRTIO_SCSI_CDB_SIZE, __ATOMIC_RELAXED);
    __atomic_store_n(&s->sense_size, VIRTIO_SCSI_SENSE_SIZE, __ATOMIC_RELAXED);
}

static void device_reset(VirtIODevice *vdev)
{
    VirtIOSCSI *s = VIRTIO_SCSI(vdev);
    const SCSITable *t = __atomic_load_n(&s->bus->table, __ATOMIC_ACQUIRE);
    VirtioScsiConfig *c = (VirtioScsiConfig *)vdev->config;
    const uint32_t sizes[2] = {VIRTIO_SCSI_SENSE_SIZE, VIRTIO_SCSI_CDB_SIZE};

    s->events_missed = false;
    init_sizes(s);
    if (c->sense_size != sizes[0] || c->cdb_size != sizes[1]) {
        virtio_config_write(vdev, offsetof(VirtioScsiConfig, sense_size), sizes, sizeof(sizes),
                            false);
    }
    for (unsigned i = 0; t && i < t->n; i++) {
        SCSI_DEVICE_GET_CLASS(t->dev[i])->reset_unit(t->dev[i], SCSI_ASC_POWER_ON);
    }
}

static uint64_t get_features(VirtIODevice *vdev)
{
    VirtIOSCSI *s = VIRTIO_SCSI(vdev);

    return (s->hotplug ? BIT_ULL(VIRTIO_SCSI_F_HOTPLUG) : 0) |
           (s->param_change ? BIT_ULL(VIRTIO_SCSI_F_CHANGE) : 0);
}

/* --- life: main loop ------------------------------------------------------------------------- */

static unsigned request_queues(VirtIOSCSI *s)
{
    if (s->num_queues == UINT16_MAX) {
        return current_machine ? CLAMP(current_machine->smp.cpus, 1,
                                       VIRTIO_QUEUE_MAX - VIRTIO_SCSI_FIXED_QUEUES)
                               : 1;
    }
    return s->num_queues;
}

static unsigned num_queues(VirtIODevice *vdev)
{
    return request_queues(VIRTIO_SCSI(vdev)) + VIRTIO_SCSI_FIXED_QUEUES;
}

static int queue_group(VirtIODevice *vdev, unsigned index)
{
    return (int)index - VIRTIO_SCSI_FIXED_QUEUES < 0 ? -1 : (int)index - VIRTIO_SCSI_FIXED_QUEUES;
}

static bool check_props(VirtIOSCSI *s, GError **errp)
{
    unsigned max = VIRTIO_QUEUE_MAX - VIRTIO_SCSI_FIXED_QUEUES;

    s->num_queues = request_queues(s);
    if (s->num_queues < 1 || s->num_queues > max) {
        error_setg(errp, "virtio-scsi: num_queues=%u: must be between 1 and %u", s->num_queues,
                   max);
        return false;
    }
    if (s->queue_size < 4 || s->queue_size > VIRTIO_RING_MAX ||
        (s->queue_size & (s->queue_size - 1))) {
        error_setg(errp, "virtio-scsi: virtqueue_size=%u: must be a power of two from 4 to %u",
                   s->queue_size, VIRTIO_RING_MAX);
        return false;
    }
    if (!s->cmd_per_lun || !s->max_sectors) {
        error_setg(errp, "virtio-scsi: cmd_per_lun and max_sectors must be at least 1");
        return false;
    }
    return true;
}

static bool virtio_scsi_realize(VirtIODevice *vdev, GError **errp)
{
    VirtIOSCSI *s = VIRTIO_SCSI(vdev);
    DeviceState *proxy = virtio_front(vdev);
    g_autofree char *name = proxy->id ? g_strdup_printf("%s.0", proxy->id) : NULL;
    VirtioScsiConfig config = {
        .max_sectors = s->max_sectors,
        .cmd_per_lun = s->cmd_per_lun,
        .event_info_size = 16,
        .sense_size = VIRTIO_SCSI_SENSE_SIZE,
        .cdb_size = VIRTIO_SCSI_CDB_SIZE,
        .max_target = VIRTIO_SCSI_MAX_TARGET,
        .max_lun = VIRTIO_SCSI_MAX_LUN,
    };

    if (!check_props(s, errp)) {
        return false;
    }
    config.num_queues = s->num_queues;
    /* Header and response take two descriptors of a chain. */
    config.seg_max = s->seg_max_adjust ? MAX(s->queue_size, 3) - 2 : 126;
    virtio_config_init(vdev, &config, sizeof(config));
    init_sizes(s);
    s->control = virtio_add_queue(vdev, s->queue_size, sizeof(VirtioScsiCtl), false,
                                  virtio_scsi_handle_control);
    s->event =
        virtio_add_queue(vdev, s->queue_size, sizeof(VirtElem), true, virtio_scsi_handle_event);
    for (unsigned i = 0; i < s->num_queues; i++) {
        virtio_add_queue(vdev, s->queue_size, sizeof(VirtioScsiReq), false, handle_queue);
    }
    s->bus = scsi_bus_new(DEVICE(vdev), name, &bus_ops, s, 0, VIRTIO_SCSI_MAX_TARGET,
                          VIRTIO_SCSI_MAX_LUN);
    qbus_set_hotplug_handler(BUS(s->bus), OBJECT(vdev));
    return true;
}

static const ObjectProperty virtio_scsi_props[] = {
    DEFINE_VIRTIO_HOME_PROPS,
    DEFINE_PROP_UINT16("num_queues", VirtIOSCSI, num_queues, UINT16_MAX,
                       "request queues (default: one per vCPU)"),
    DEFINE_PROP_UINT16("virtqueue_size", VirtIOSCSI, queue_size, 256, "entries of a queue"),
    DEFINE_PROP_BOOL("seg_max_adjust", VirtIOSCSI, seg_max_adjust, true,
                     "as many segments as a queue has room for"),
    DEFINE_PROP_UINT32("max_sectors", VirtIOSCSI, max_sectors, 0xffff,
                       "of one request, in 512 bytes; hint"),
    DEFINE_PROP_UINT32("cmd_per_lun", VirtIOSCSI, cmd_per_lun, 128, "requests of a unit; hint"),
    DEFINE_PROP_BOOL("hotplug", VirtIOSCSI, hotplug, true, "tell of devices that come and go"),
    DEFINE_PROP_BOOL("param_change", VirtIOSCSI, param_change, true, "tell of changed sizes"),
};

static void virtio_scsi_class_init(ObjectClass *klass, const void *data)
{
    VirtioDeviceClass *vc = (VirtioDeviceClass *)klass;

    vc->parent_class.category = DEVICE_CATEGORY_STORAGE;
    vc->parent_class.desc = "virtio SCSI controller";
    vc->name = "virtio-scsi";
    vc->device_id = VIRTIO_ID_SCSI;
    vc->legacy_pci_id = 0x1004;
    vc->pci_class = PCI_CLASS_STORAGE_SCSI;
    vc->fixed_queues = VIRTIO_SCSI_FIXED_QUEUES;
    vc->realize = virtio_scsi_realize;
    vc->get_features = get_features;
    vc->num_queues = num_queues;
    vc->queue_group = queue_group;
    vc->reset = device_reset;
    vc->config_written = config_written;
    vc->stop_queue = stop_queue;
    vc->resume_queue = resume_queue;
    object_class_add_property_table(klass, virtio_scsi_props);
}

/* Devices come and go at once: nobody has to be asked. */
static const char *const virtio_scsi_interfaces[] = {TYPE_HOTPLUG_HANDLER, NULL};

static const TypeInfo virtio_scsi_info = {
    .name = TYPE_VIRTIO_SCSI,
    .parent = TYPE_VIRTIO_DEVICE,
    .instance_size = sizeof(VirtIOSCSI),
    .class_init = virtio_scsi_class_init,
    .interfaces = virtio_scsi_interfaces,
};
QOM_TYPE(virtio_scsi_info);

VIRTIO_PCI_TYPES(virtio_scsi, "virtio-scsi", TYPE_VIRTIO_SCSI);
