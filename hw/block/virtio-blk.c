/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-blk: a disk (virtio 1.2, section 5.2).
 *
 * A request is the queue's element with the block layer's request in it: data goes between the
 * image and the guest's memory, with no copy and no allocation.  Any number of queues, each in its
 * own context; the configuration space belongs to the home.
 */
#include "hw/block/block.h"
#include "hw/boards.h"
#include "hw/virtio/virtio-pci.h"

#define TYPE_VIRTIO_BLK "virtio-blk-device"

/* Feature bits [5.2.3]. */
#define VIRTIO_BLK_F_SEG_MAX 2
#define VIRTIO_BLK_F_GEOMETRY 4
#define VIRTIO_BLK_F_RO 5
#define VIRTIO_BLK_F_BLK_SIZE 6
#define VIRTIO_BLK_F_FLUSH 9
#define VIRTIO_BLK_F_TOPOLOGY 10
#define VIRTIO_BLK_F_CONFIG_WCE 11
#define VIRTIO_BLK_F_MQ 12
#define VIRTIO_BLK_F_DISCARD 13
#define VIRTIO_BLK_F_WRITE_ZEROES 14

/* Requests [5.2.6]. */
#define VIRTIO_BLK_T_IN 0
#define VIRTIO_BLK_T_OUT 1
#define VIRTIO_BLK_T_FLUSH 4
#define VIRTIO_BLK_T_GET_ID 8
#define VIRTIO_BLK_T_DISCARD 11
#define VIRTIO_BLK_T_WRITE_ZEROES 13
#define VIRTIO_BLK_S_OK 0
#define VIRTIO_BLK_S_IOERR 1
#define VIRTIO_BLK_S_UNSUPP 2
#define VIRTIO_BLK_ID_BYTES 20
#define VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP 1u

#define SECTOR 512u
#define MAX_SECTORS (INT32_MAX / SECTOR) /* of one discard or write of zeroes */

/* Configuration space [5.2.4]. */
typedef struct QEMU_PACKED VirtioBlkConfig {
    uint64_t capacity; /* in sectors of 512 bytes, like everything here */
    uint32_t size_max, seg_max;
    uint16_t cylinders;
    uint8_t heads, sectors;
    uint32_t blk_size;
    uint8_t physical_block_exp, alignment_offset;
    uint16_t min_io_size;
    uint32_t opt_io_size;
    uint8_t writeback, unused0;
    uint16_t num_queues;
    uint32_t max_discard_sectors, max_discard_seg, discard_sector_alignment;
    uint32_t max_write_zeroes_sectors, max_write_zeroes_seg;
    uint8_t write_zeroes_may_unmap, unused1[3];
} VirtioBlkConfig;
G_STATIC_ASSERT(sizeof(VirtioBlkConfig) == 60);

typedef struct VirtioBlkHeader {
    uint32_t type, ioprio;
    uint64_t sector;
} VirtioBlkHeader;

typedef struct VirtioBlkRange {
    uint64_t sector;
    uint32_t num_sectors, flags;
} VirtioBlkRange;

typedef struct VirtIOBlock {
    VirtIODevice parent_obj;
    BlockConf conf;
    char *serial;
    uint16_t num_queues, queue_size;
    bool seg_max_adjust, config_wce, discard, write_zeroes;
    bool default_writeback; /* the cache mode that a reset brings back */
    uint32_t max_discard_sectors, max_write_zeroes_sectors;
    uint64_t sectors; /* atomic: changes with block_resize */
} VirtIOBlock;
#define VIRTIO_BLK(obj) ((VirtIOBlock *)(obj))

typedef struct VirtioBlkReq {
    VirtElem elem; /* first */
    VirtQueue *vq;
    BlkRequest blk;
    uint8_t *status;
    RAMBlock *status_block;
    uint32_t used_len; /* when all went well */
    bool parked;       /* failed with policy "stop": submitted again when the VM runs */
} VirtioBlkReq;

/* --- completion: queue context --------------------------------------------------------------- */

static void complete(VirtioBlkReq *req, uint8_t status)
{
    uint32_t len = status == VIRTIO_BLK_S_OK ? req->used_len : 1;

    *req->status = status;
    ram_block_set_dirty(req->status_block, req->status, 1);
    virtqueue_push(req->vq, &req->elem, len);
}

/* True if the request ended well; else it was completed, or parked until the VM runs again. */
static bool check_result(VirtioBlkReq *req, int ret)
{
    VirtIOBlock *s = VIRTIO_BLK(req->vq->vdev);

    if (likely(ret >= 0)) {
        return true;
    }
    if (ret == -ECANCELED) {
        complete(req, VIRTIO_BLK_S_IOERR); /* the queue ends: nobody looks, nothing is wrong */
        return false;
    }
    switch (blk_error_action(s->conf.blk, req->blk.op == BLK_READ, -ret)) {
    case BLOCK_ERROR_ACTION_IGNORE:
        return true;
    case BLOCK_ERROR_ACTION_STOP:
        if (!req->vq->stopping) {
            req->parked = true;
            return false;
        }
        break;
    case BLOCK_ERROR_ACTION_REPORT:
        break;
    }
    complete(req, VIRTIO_BLK_S_IOERR);
    return false;
}

static void blk_done(BlkRequest *blk, int ret)
{
    VirtioBlkReq *req = container_of(blk, VirtioBlkReq, blk);

    if (check_result(req, ret)) {
        complete(req, VIRTIO_BLK_S_OK);
    }
}

static void submit(VirtioBlkReq *req)
{
    req->parked = false;
    blk_submit(VIRTIO_BLK(req->vq->vdev)->conf.blk, &req->blk, req->vq->ctx);
}

/* The block layer sets the rest of the request. */
static void start(VirtioBlkReq *req, BlkOp op, unsigned flags, uint64_t offset, uint64_t bytes,
                  const struct iovec *iov, int niov)
{
    BlkRequest *blk = &req->blk;

    blk->op = op;
    blk->flags = flags;
    blk->offset = offset;
    blk->bytes = bytes;
    blk->iov = iov;
    blk->niov = niov;
    blk->complete = blk_done;
    submit(req);
}

/* --- requests: queue context ----------------------------------------------------------------- */

static bool range_ok(VirtIOBlock *s, uint64_t sector, uint64_t bytes)
{
    uint64_t sectors = __atomic_load_n(&s->sectors, __ATOMIC_RELAXED);
    uint32_t unit = s->conf.logical_block_size;

    return !(bytes % unit) && !(sector % (unit / SECTOR)) && sector <= sectors &&
           bytes / SECTOR <= sectors - sector;
}

static void start_rw(VirtIOBlock *s, VirtioBlkReq *req, uint64_t sector, bool write)
{
    VirtElem *e = &req->elem;
    const struct iovec *iov = write ? e->iov : e->iov + e->num_out;
    int niov = write ? e->num_out : e->num_in;
    uint64_t bytes = write ? e->out_bytes - sizeof(VirtioBlkHeader) : e->in_bytes - 1;

    if (write) {
        /* The header was the beginning of the list. */
        size_t skip = sizeof(VirtioBlkHeader);

        while (niov && skip >= iov->iov_len) {
            skip -= iov->iov_len;
            iov++;
            niov--;
        }
        if (skip && niov) {
            e->iov[iov - e->iov].iov_base = (uint8_t *)iov->iov_base + skip;
            e->iov[iov - e->iov].iov_len -= skip;
        }
    } else {
        /* The status is the end of the list. */
        if (niov && !iov[niov - 1].iov_len) {
            niov--;
        }
        req->used_len = bytes + 1;
    }
    if (!range_ok(s, sector, bytes) || (write && blk_is_read_only(s->conf.blk))) {
        complete(req, VIRTIO_BLK_S_IOERR);
        return;
    }
    start(req, write ? BLK_WRITE : BLK_READ, 0, sector * SECTOR, bytes, iov, niov);
}

static void start_range(VirtIOBlock *s, VirtioBlkReq *req, bool zeroes)
{
    VirtElem *e = &req->elem;
    uint32_t max = zeroes ? s->max_write_zeroes_sectors : s->max_discard_sectors;
    VirtioBlkRange r;

    if (e->out_bytes != sizeof(VirtioBlkHeader) + sizeof(r)) {
        complete(req, VIRTIO_BLK_S_UNSUPP); /* one range at a time: max_discard_seg */
        return;
    }
    virtio_elem_read(e, sizeof(VirtioBlkHeader), &r, sizeof(r));
    if (r.flags & ~(zeroes ? VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP : 0)) {
        complete(req, VIRTIO_BLK_S_UNSUPP);
        return;
    }
    if (r.num_sectors > max || !range_ok(s, r.sector, (uint64_t)r.num_sectors * SECTOR) ||
        blk_is_read_only(s->conf.blk)) {
        complete(req, VIRTIO_BLK_S_IOERR);
        return;
    }
    start(req, zeroes ? BLK_WRITE_ZEROES : BLK_DISCARD, r.flags ? BLK_REQ_MAY_UNMAP : 0,
          r.sector * SECTOR, (uint64_t)r.num_sectors * SECTOR, NULL, 0);
}

static void get_id(VirtIOBlock *s, VirtioBlkReq *req)
{
    char id[VIRTIO_BLK_ID_BYTES] = {0};
    size_t len = MIN(req->elem.in_bytes - 1, sizeof(id));

    strncpy(id, s->serial ? s->serial : "", sizeof(id));
    virtio_elem_write(&req->elem, 0, id, len);
    req->used_len = len + 1;
    complete(req, VIRTIO_BLK_S_OK);
}

/* Takes the status byte from the end of the writable part.  False: there is none. */
static bool take_status(VirtioBlkReq *req)
{
    VirtElem *e = &req->elem;
    struct iovec *last = &e->iov[e->niov - 1];

    if (unlikely(!e->in_bytes)) {
        return false;
    }
    last->iov_len--;
    req->status = (uint8_t *)last->iov_base + last->iov_len;
    req->status_block = e->block[e->niov - 1];
    req->used_len = 1;
    return true;
}

static bool dispatch(VirtIOBlock *s, VirtioBlkReq *req)
{
    VirtioBlkHeader h;

    if (virtio_elem_read(&req->elem, 0, &h, sizeof(h)) != sizeof(h) || !take_status(req)) {
        virtio_error(req->vq, "a request has no header or no room for its status");
        return false;
    }
    TRACE(virtio_blk, request, "queue %u type %u sector %" PRIu64, req->vq->index, h.type,
          h.sector);
    switch (h.type) {
    case VIRTIO_BLK_T_IN:
        start_rw(s, req, h.sector, false);
        break;
    case VIRTIO_BLK_T_OUT:
        start_rw(s, req, h.sector, true);
        break;
    case VIRTIO_BLK_T_FLUSH:
        start(req, BLK_FLUSH, 0, 0, 0, NULL, 0);
        break;
    case VIRTIO_BLK_T_GET_ID:
        get_id(s, req);
        break;
    case VIRTIO_BLK_T_DISCARD:
        if (virtio_has_feature(&s->parent_obj, VIRTIO_BLK_F_DISCARD)) {
            start_range(s, req, false);
            break;
        }
        complete(req, VIRTIO_BLK_S_UNSUPP);
        break;
    case VIRTIO_BLK_T_WRITE_ZEROES:
        if (virtio_has_feature(&s->parent_obj, VIRTIO_BLK_F_WRITE_ZEROES)) {
            start_range(s, req, true);
            break;
        }
        complete(req, VIRTIO_BLK_S_UNSUPP);
        break;
    default:
        complete(req, VIRTIO_BLK_S_UNSUPP);
        break;
    }
    return true;
}

static void handle_queue(VirtQueue *vq)
{
    VirtIOBlock *s = VIRTIO_BLK(vq->vdev);
    VirtioBlkReq *req;

    while ((req = (VirtioBlkReq *)virtqueue_pop(vq))) {
        req->vq = vq;
        req->parked = false;
        if (unlikely(!dispatch(s, req))) {
            virtqueue_drop(vq, &req->elem);
            return;
        }
    }
}

/* --- stop and go ----------------------------------------------------------------------------- */

/* Those that the error policy parked will never be submitted again; the others end as soon as the
 * back end lets them. */
static void stop_queue(VirtQueue *vq)
{
    unsigned i = 0;
    VirtioBlkReq *req;

    while ((req = (VirtioBlkReq *)virtqueue_next_inflight(vq, &i))) {
        if (req->parked) {
            req->parked = false;
            virtqueue_drop(vq, &req->elem);
        } else {
            blk_cancel(&req->blk);
        }
    }
}

static void resume_queue(VirtQueue *vq)
{
    unsigned i = 0;
    VirtioBlkReq *req;

    while ((req = (VirtioBlkReq *)virtqueue_next_inflight(vq, &i))) {
        if (req->parked) {
            submit(req);
        }
    }
}

/* --- configuration: home --------------------------------------------------------------------- */

static void resized_at_home(void *opaque)
{
    VirtIOBlock *s = opaque;
    uint64_t capacity = s->sectors;

    virtio_config_write(&s->parent_obj, offsetof(VirtioBlkConfig, capacity), &capacity,
                        sizeof(capacity), true);
}

/* Main loop: block_resize. */
static void resized(void *opaque)
{
    VirtIOBlock *s = opaque;
    int64_t len = blk_getlength(s->conf.blk);

    __atomic_store_n(&s->sectors, len < 0 ? 0 : (uint64_t)len / SECTOR, __ATOMIC_RELAXED);
    aio_call(s->parent_obj.home, resized_at_home, s);
}

static void config_written(VirtIODevice *vdev, unsigned offset, unsigned size, const uint8_t *old)
{
    VirtIOBlock *s = VIRTIO_BLK(vdev);
    unsigned at = offsetof(VirtioBlkConfig, writeback);
    uint8_t wce = vdev->config[at] & 1;
    bool writable =
        virtio_has_feature(vdev, VIRTIO_BLK_F_CONFIG_WCE) && offset <= at && at < offset + size;

    /* Only the cache mode may be written. */
    for (unsigned i = offset; i < offset + size; i++) {
        __atomic_store_n(&vdev->config[i], i == at && writable ? wce : old[i], __ATOMIC_RELEASE);
    }
    if (writable) {
        blk_set_write_cache(s->conf.blk, wce);
    }
}

static void set_writeback(VirtIOBlock *s, bool on)
{
    uint8_t v = on;

    blk_set_write_cache(s->conf.blk, on);
    virtio_config_write(&s->parent_obj, offsetof(VirtioBlkConfig, writeback), &v, 1, false);
}

/* 5.2.5.1: a driver that can neither flush nor set the mode expects that writes are durable. */
static void driver_ok(VirtIODevice *vdev)
{
    if (!virtio_has_feature(vdev, VIRTIO_BLK_F_CONFIG_WCE)) {
        set_writeback(VIRTIO_BLK(vdev), virtio_has_feature(vdev, VIRTIO_BLK_F_FLUSH));
    }
}

static void device_reset(VirtIODevice *vdev)
{
    VirtIOBlock *s = VIRTIO_BLK(vdev);

    set_writeback(s, s->default_writeback);
}

static uint64_t get_features(VirtIODevice *vdev)
{
    VirtIOBlock *s = VIRTIO_BLK(vdev);
    uint64_t f = BIT_ULL(VIRTIO_BLK_F_SEG_MAX) | BIT_ULL(VIRTIO_BLK_F_GEOMETRY) |
                 BIT_ULL(VIRTIO_BLK_F_TOPOLOGY) | BIT_ULL(VIRTIO_BLK_F_BLK_SIZE) |
                 BIT_ULL(VIRTIO_BLK_F_FLUSH);

    f |= s->config_wce ? BIT_ULL(VIRTIO_BLK_F_CONFIG_WCE) : 0;
    f |= s->num_queues > 1 ? BIT_ULL(VIRTIO_BLK_F_MQ) : 0;
    f |= s->discard ? BIT_ULL(VIRTIO_BLK_F_DISCARD) : 0;
    f |= s->write_zeroes ? BIT_ULL(VIRTIO_BLK_F_WRITE_ZEROES) : 0;
    f |= blk_is_read_only(s->conf.blk) ? BIT_ULL(VIRTIO_BLK_F_RO) : 0;
    return f;
}

static void init_config(VirtIOBlock *s)
{
    uint32_t lbs = s->conf.logical_block_size;
    uint32_t gran = MAX(s->conf.discard_granularity, lbs);
    VirtioBlkConfig c = {
        .capacity = s->sectors,
        /* Header and status take two descriptors of a chain. */
        .seg_max = s->seg_max_adjust ? MAX(s->queue_size, 3) - 2 : 126,
        .cylinders = CLAMP(s->sectors / (16 * 63), 2, 16383),
        .heads = 16,
        .sectors = 63,
        .blk_size = lbs,
        .physical_block_exp = __builtin_ctz(s->conf.physical_block_size / lbs),
        .min_io_size = s->conf.min_io_size / lbs,
        .opt_io_size = s->conf.opt_io_size / lbs,
        .writeback = s->default_writeback,
        .num_queues = s->num_queues,
        .max_discard_sectors = s->discard ? s->max_discard_sectors : 0,
        .max_discard_seg = s->discard,
        .discard_sector_alignment = s->discard ? gran / SECTOR : 0,
        .max_write_zeroes_sectors = s->write_zeroes ? s->max_write_zeroes_sectors : 0,
        .max_write_zeroes_seg = s->write_zeroes,
        .write_zeroes_may_unmap = s->write_zeroes,
    };

    virtio_config_init(&s->parent_obj, &c, sizeof(c));
}

/* --- life: main loop ------------------------------------------------------------------------- */

static bool is_power_of_2(uint32_t v)
{
    return v && !(v & (v - 1));
}

static bool check_block_sizes(VirtIOBlock *s, GError **errp)
{
    BlockConf *c = &s->conf;

    if (!block_conf_check_sizes(c, "virtio-blk", errp)) {
        return false;
    }
    if (c->min_io_size / c->logical_block_size > UINT16_MAX) {
        error_setg(errp, "virtio-blk: min_io_size=%u: at most 65535 logical blocks (%u)",
                   c->min_io_size, c->logical_block_size);
        return false;
    }
    return true;
}

static bool check_props(VirtIOBlock *s, GError **errp)
{
    if (!s->conf.blk) {
        error_setg(errp, "virtio-blk: drive property not set; give the device drive=NODE");
        return false;
    }
    if (s->num_queues == UINT16_MAX) {
        s->num_queues = current_machine ? CLAMP(current_machine->smp.cpus, 1, VIRTIO_QUEUE_MAX) : 1;
    }
    if (s->num_queues < 1 || s->num_queues > VIRTIO_QUEUE_MAX) {
        error_setg(errp, "virtio-blk: num-queues=%u: must be between 1 and %u", s->num_queues,
                   VIRTIO_QUEUE_MAX);
        return false;
    }
    if (s->queue_size < 4 || s->queue_size > VIRTIO_RING_MAX || !is_power_of_2(s->queue_size)) {
        error_setg(errp, "virtio-blk: queue-size=%u: must be a power of two from 4 to %u",
                   s->queue_size, VIRTIO_RING_MAX);
        return false;
    }
    if ((s->discard && (!s->max_discard_sectors || s->max_discard_sectors > MAX_SECTORS)) ||
        (s->write_zeroes &&
         (!s->max_write_zeroes_sectors || s->max_write_zeroes_sectors > MAX_SECTORS))) {
        error_setg(errp,
                   "virtio-blk: max-discard-sectors and max-write-zeroes-sectors must be between 1 "
                   "and %u",
                   MAX_SECTORS);
        return false;
    }
    return check_block_sizes(s, errp);
}

static bool virtio_blk_realize(VirtIODevice *vdev, GError **errp)
{
    VirtIOBlock *s = VIRTIO_BLK(vdev);
    int64_t len;

    if (!check_props(s, errp) || (len = block_conf_take(&s->conf, "virtio-blk", errp)) < 0) {
        return false;
    }
    s->sectors = (uint64_t)len / SECTOR;
    s->default_writeback = blk_write_cache_enabled(s->conf.blk);
    init_config(s);
    for (unsigned i = 0; i < s->num_queues; i++) {
        virtio_add_queue(vdev, s->queue_size, sizeof(VirtioBlkReq), false, handle_queue);
    }
    blk_set_resize_cb(s->conf.blk, resized, s);
    if (s->conf.bootindex >= 0) {
        BusState *bus = DEVICE(s)->parent_bus;

        add_boot_device_path(s->conf.bootindex, bus->parent, "/disk@0,0");
    }
    return true;
}

static void virtio_blk_unrealize(VirtIODevice *vdev)
{
    VirtIOBlock *s = VIRTIO_BLK(vdev);

    blk_set_resize_cb(s->conf.blk, NULL, NULL);
    block_conf_release(&s->conf); /* now: the disk may go elsewhere */
}

static void virtio_blk_finalize(Object *obj)
{
    block_conf_release(&VIRTIO_BLK(obj)->conf);
}

static const ObjectProperty virtio_blk_props[] = {
    DEFINE_BLOCK_PROPERTIES(VirtIOBlock, conf, 0),
    DEFINE_BLOCK_IO_SIZE_PROPERTIES(VirtIOBlock, conf),
    DEFINE_VIRTIO_HOME_PROPS,
    DEFINE_PROP_STRING("serial", VirtIOBlock, serial, "serial number, up to 20 characters"),
    DEFINE_PROP_UINT16("num-queues", VirtIOBlock, num_queues, UINT16_MAX,
                       "request queues (default: one per vCPU)"),
    DEFINE_PROP_UINT16("queue-size", VirtIOBlock, queue_size, 256, "entries of a queue"),
    DEFINE_PROP_BOOL("seg-max-adjust", VirtIOBlock, seg_max_adjust, true,
                     "as many segments as a queue has room for"),
    DEFINE_PROP_BOOL("config-wce", VirtIOBlock, config_wce, true,
                     "the driver may choose the cache mode"),
    DEFINE_PROP_BOOL("discard", VirtIOBlock, discard, true, "offer discard"),
    DEFINE_PROP_BOOL("write-zeroes", VirtIOBlock, write_zeroes, true, "offer writes of zeroes"),
    DEFINE_PROP_UINT32("max-discard-sectors", VirtIOBlock, max_discard_sectors, MAX_SECTORS,
                       "of one request, in 512 bytes"),
    DEFINE_PROP_UINT32("max-write-zeroes-sectors", VirtIOBlock, max_write_zeroes_sectors,
                       MAX_SECTORS, "of one request, in 512 bytes"),
};

static void virtio_blk_class_init(ObjectClass *klass, const void *data)
{
    VirtioDeviceClass *vc = (VirtioDeviceClass *)klass;

    vc->parent_class.category = DEVICE_CATEGORY_STORAGE;
    vc->parent_class.desc = "virtio block device";
    vc->name = "virtio-blk";
    vc->device_id = VIRTIO_ID_BLOCK;
    vc->legacy_pci_id = 0x1001;
    vc->pci_class = PCI_CLASS_STORAGE_SCSI;
    vc->realize = virtio_blk_realize;
    vc->unrealize = virtio_blk_unrealize;
    vc->get_features = get_features;
    vc->driver_ok = driver_ok;
    vc->reset = device_reset;
    vc->config_written = config_written;
    vc->stop_queue = stop_queue;
    vc->resume_queue = resume_queue;
    object_class_add_property_table(klass, virtio_blk_props);
}

static const TypeInfo virtio_blk_info = {
    .name = TYPE_VIRTIO_BLK,
    .parent = TYPE_VIRTIO_DEVICE,
    .instance_size = sizeof(VirtIOBlock),
    .class_init = virtio_blk_class_init,
    .instance_finalize = virtio_blk_finalize,
};
QOM_TYPE(virtio_blk_info);

VIRTIO_PCI_TYPES(virtio_blk, "virtio-blk", TYPE_VIRTIO_BLK);
