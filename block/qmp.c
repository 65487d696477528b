/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The block layer's QMP commands, its event, and what a stopped VM means for disks. */
#include "block-private.h"

#include "block/block-monitor.h"
#include "block/removable.h"
#include "hw/qdev-core.h"
#include "qapi/qapi-commands.h"
#include "qapi/qapi-events.h"
#include "system/runstate.h"

/* --- nodes
 * ---------------------------------------------------------------------------------------------- */

void qmp_blockdev_add(json_object *args, json_object **ret, GError **errp)
{
    blockdev_add(args, false, errp);
}

void qmp_blockdev_del(const char *node_name, GError **errp)
{
    block_node_del(node_name, errp);
}

static bool stands_on(const BlockNode *bs, const BlockNode *below)
{
    for (; bs; bs = bs->file) {
        if (bs == below) {
            return true;
        }
    }
    return false;
}

/* Nodes above read their length from it. */
static void refresh_node(BlockNode *bs, void *opaque)
{
    if (stands_on(bs, opaque)) {
        block_node_refresh_length(bs);
    }
}

static void tell_device(BlockBackend *blk, void *opaque)
{
    if (stands_on(blk->root, opaque)) {
        blk_resized(blk);
    }
}

void qmp_block_resize(const char *device, const char *node_name, int64_t size, GError **errp)
{
    BlockBackend *blk = device ? blk_find(device) : NULL;
    BlockNode *bs = node_name ? block_node_find(node_name) : blk ? blk->root : NULL;

    if (!device == !node_name) {
        error_setg(errp, "Need exactly one of 'device' and 'node-name'");
        return;
    }
    if (!bs) {
        error_set_class(errp, device ? ERROR_CLASS_DEVICE_NOT_FOUND : ERROR_CLASS_GENERIC_ERROR,
                        "Cannot find %s '%s'", device ? "device" : "node",
                        device ? device : node_name);
        return;
    }
    if (size < 0 || size % BLOCK_SECTOR) {
        error_setg(errp, "Parameter 'size' expects a multiple of %u that is not negative",
                   BLOCK_SECTOR);
        return;
    }
    blk_drain_all(); /* no request runs beyond a new end */
    if (block_node_truncate(bs, size, errp)) {
        block_node_foreach(refresh_node, bs);
        blk_foreach(tell_device, bs);
    }
}

static BlockDeviceInfo *node_info(BlockNode *bs, bool writeback, bool writes)
{
    BlockDeviceInfo *info = g_new0(BlockDeviceInfo, 1);
    int64_t allocated = block_node_allocated(bs);
    const char *file = bs->filename ? bs->filename : "";

    info->file = g_strdup(file);
    info->node_name = g_strdup(bs->name);
    info->ro = !writes;
    info->drv = g_strdup(bs->drv->name);
    info->detect_zeroes = (BlockdevDetectZeroesOptions)bs->detect_zeroes;
    info->cache = g_new0(BlockdevCacheInfo, 1);
    info->cache->writeback = writeback;
    info->cache->direct = bs->cache_direct;
    info->cache->no_flush = bs->cache_no_flush;
    info->image = g_new0(ImageInfo, 1);
    info->image->filename = g_strdup(file);
    info->image->format = g_strdup(bs->drv->name);
    info->image->virtual_size = bs->length;
    info->image->has_actual_size = allocated >= 0;
    info->image->actual_size = MAX(allocated, 0);
    return info;
}

static void list_node(BlockNode *bs, void *opaque)
{
    BlockDeviceInfoList ***tail = opaque;

    QAPI_LIST_APPEND(*tail,
                     node_info(bs, true, !bs->read_only && (bs->writers || !bs->auto_read_only)));
}

BlockDeviceInfoList *qmp_query_named_block_nodes(bool has_flat, bool flat, GError **errp)
{
    BlockDeviceInfoList *list = NULL, **tail = &list;

    block_node_foreach(list_node, &tail);
    return list;
}

/* --- disks
 * ---------------------------------------------------------------------------------------------- */

/* The id that the user gave the device, else its path. */
static char *device_name(BlockBackend *blk)
{
    if (!blk->dev) {
        return NULL;
    }
    if (object_is_a(blk->dev, TYPE_DEVICE) && DEVICE(blk->dev)->id) {
        return g_strdup(DEVICE(blk->dev)->id);
    }
    return object_get_canonical_path(blk->dev);
}

static void tray_state(BlockInfo *info, BlkRemovable *rm)
{
    if (rm) {
        info->removable = true;
        info->has_tray_open = rm->ops->tray_open;
        info->tray_open = info->has_tray_open && rm->ops->tray_open(rm->dev);
        info->locked = info->has_tray_open && rm->ops->tray_locked(rm->dev);
    }
}

/* A drive without a medium. */
static void list_empty(BlkRemovable *rm, void *opaque)
{
    BlockInfoList ***tail = opaque;
    BlockInfo *info;

    if (rm->ops->medium(rm->dev)) {
        return; /* it was listed */
    }
    info = g_new0(BlockInfo, 1);
    info->device = g_strdup(rm->drive_id ? rm->drive_id : "");
    info->qdev = rm->dev->id ? g_strdup(rm->dev->id) : object_get_canonical_path(OBJECT(rm->dev));
    info->type = g_strdup("unknown");
    tray_state(info, rm);
    QAPI_LIST_APPEND(*tail, info);
}

static void list_disk(BlockBackend *blk, void *opaque)
{
    BlockInfoList ***tail = opaque;
    BlockInfo *info = g_new0(BlockInfo, 1);
    int status = __atomic_load_n(&blk->io_status, __ATOMIC_RELAXED);

    info->device = g_strdup(blk->id ? blk->id : "");
    info->qdev = device_name(blk);
    info->type = g_strdup("unknown");
    info->has_io_status = blk->attached;
    info->io_status = status == ENOSPC ? BLOCK_DEVICE_IO_STATUS_NOSPACE
                      : status         ? BLOCK_DEVICE_IO_STATUS_FAILED
                                       : BLOCK_DEVICE_IO_STATUS_OK;
    tray_state(info, blk_removable_of(blk));
    info->inserted = node_info(blk->root, blk_write_cache_enabled(blk),
                               blk->attached ? blk->writes : !blk->root->read_only);
    QAPI_LIST_APPEND(*tail, info);
}

BlockInfoList *qmp_query_block(GError **errp)
{
    BlockInfoList *list = NULL, **tail = &list;

    blk_foreach(list_disk, &tail);
    blk_removable_foreach(list_empty, &tail);
    return list;
}

/* --- counters
 * --------------------------------------------------------------------------------------------- */

static uint64_t sum(BlockBackend *blk, size_t field, BlkOp op)
{
    uint64_t total = 0;

    for (BlkQueue *q = __atomic_load_n(&blk->queues, __ATOMIC_ACQUIRE); q; q = q->next) {
        total += __atomic_load_n((uint64_t *)((char *)q + field) + op, __ATOMIC_RELAXED);
    }
    return total;
}
#define SUM(blk, field, op) sum(blk, offsetof(BlkQueue, field), op)

static uint64_t highest(BlockBackend *blk)
{
    uint64_t max = 0;

    for (BlkQueue *q = __atomic_load_n(&blk->queues, __ATOMIC_ACQUIRE); q; q = q->next) {
        max = MAX(max, __atomic_load_n(&q->highest, __ATOMIC_RELAXED));
    }
    return max;
}

/* blk NULL: nobody used the node. */
static BlockDeviceStats *counters(BlockBackend *blk)
{
    BlockDeviceStats *st = g_new0(BlockDeviceStats, 1);

    st->account_failed = st->account_invalid = true;
    if (!blk) {
        return st;
    }
    st->rd_bytes = SUM(blk, bytes, BLK_READ);
    st->wr_bytes = SUM(blk, bytes, BLK_WRITE) + SUM(blk, bytes, BLK_WRITE_ZEROES);
    st->unmap_bytes = SUM(blk, bytes, BLK_DISCARD);
    st->rd_operations = SUM(blk, ops, BLK_READ);
    st->wr_operations = SUM(blk, ops, BLK_WRITE) + SUM(blk, ops, BLK_WRITE_ZEROES);
    st->flush_operations = SUM(blk, ops, BLK_FLUSH);
    st->unmap_operations = SUM(blk, ops, BLK_DISCARD);
    st->rd_total_time_ns = SUM(blk, time_ns, BLK_READ);
    st->wr_total_time_ns = SUM(blk, time_ns, BLK_WRITE) + SUM(blk, time_ns, BLK_WRITE_ZEROES);
    st->flush_total_time_ns = SUM(blk, time_ns, BLK_FLUSH);
    st->unmap_total_time_ns = SUM(blk, time_ns, BLK_DISCARD);
    st->failed_rd_operations = SUM(blk, failed, BLK_READ);
    st->failed_wr_operations = SUM(blk, failed, BLK_WRITE) + SUM(blk, failed, BLK_WRITE_ZEROES);
    st->failed_flush_operations = SUM(blk, failed, BLK_FLUSH);
    st->failed_unmap_operations = SUM(blk, failed, BLK_DISCARD);
    st->wr_highest_offset = highest(blk);
    return st;
}

/* A back end's requests pass through each node below its root. */
static BlockStats *node_stats(BlockNode *bs, BlockBackend *blk)
{
    BlockStats *st = g_new0(BlockStats, 1);

    st->node_name = g_strdup(bs->name);
    st->stats = counters(blk);
    if (bs->file) {
        st->parent = node_stats(bs->file, blk);
    }
    return st;
}

static void list_disk_stats(BlockBackend *blk, void *opaque)
{
    BlockStatsList ***tail = opaque;
    BlockStats *st = node_stats(blk->root, blk);

    st->device = g_strdup(blk->id ? blk->id : "");
    st->qdev = device_name(blk);
    QAPI_LIST_APPEND(*tail, st);
}

typedef struct FindUser {
    BlockNode *bs;
    BlockBackend *blk;
} FindUser;

static void find_user(BlockBackend *blk, void *opaque)
{
    FindUser *f = opaque;

    if (stands_on(blk->root, f->bs)) {
        f->blk = blk;
    }
}

static void list_node_stats(BlockNode *bs, void *opaque)
{
    BlockStatsList ***tail = opaque;
    FindUser f = {.bs = bs};

    blk_foreach(find_user, &f);
    QAPI_LIST_APPEND(*tail, node_stats(bs, f.blk));
}

BlockStatsList *qmp_query_blockstats(bool has_query_nodes, bool query_nodes, GError **errp)
{
    BlockStatsList *list = NULL, **tail = &list;

    if (query_nodes) {
        block_node_foreach(list_node_stats, &tail);
    } else {
        blk_foreach(list_disk_stats, &tail);
    }
    return list;
}

/* --- errors
 * --------------------------------------------------------------------------------------------------
 */

/* An event on its way to the main loop.  A guest may cause any number of errors: of each kind of
 * one disk, one event is on its way. */
typedef struct ErrorEvent {
    BlockBackend *blk; /* may be gone when the event arrives: looked up again */
    bool is_read;
    int error;
    BlockErrorAction action;
} ErrorEvent;

static uint32_t event_bit(const ErrorEvent *e)
{
    return BIT(e->is_read * 4 + e->action);
}

static void send_if_alive(BlockBackend *blk, void *opaque)
{
    ErrorEvent *e = opaque;
    g_autofree char *path = NULL;

    if (blk != e->blk) {
        return;
    }
    __atomic_fetch_and(&blk->events_pending, ~event_bit(e), __ATOMIC_ACQ_REL);
    path = blk->dev ? object_get_canonical_path(blk->dev) : NULL;
    qapi_event_send_block_io_error(path, blk->id ? blk->id : "", blk->root->name,
                                   e->is_read ? IO_OPERATION_TYPE_READ : IO_OPERATION_TYPE_WRITE,
                                   e->action, true, e->error == ENOSPC, g_strerror(e->error));
}

static void send_event(void *opaque)
{
    blk_foreach(send_if_alive, opaque);
    g_free(opaque);
}

static void clear_status(BlockBackend *blk, void *opaque)
{
    __atomic_store_n(&blk->io_status, 0, __ATOMIC_RELAXED);
}

static void vm_state_changed(void *opaque, bool running, RunState state)
{
    if (running) {
        blk_foreach(clear_status, NULL);
    }
}

static void watch_vm_state(void *opaque)
{
    static bool watching;

    if (!watching) {
        watching = true;
        qemu_add_vm_change_state_handler(vm_state_changed, NULL);
    }
}

static void on_error(BlockBackend *blk, bool is_read, int error, BlockErrorAction action)
{
    ErrorEvent e = {.blk = blk, .is_read = is_read, .error = error, .action = action};

    if (!(__atomic_fetch_or(&blk->events_pending, event_bit(&e), __ATOMIC_ACQ_REL) &
          event_bit(&e))) {
        aio_post(aio_get_main(), send_event, g_memdup2(&e, sizeof(e)));
    }
    if (action == BLOCK_ERROR_ACTION_STOP) {
        aio_post(aio_get_main(), watch_vm_state, NULL);
        qemu_system_vmstop_request(RUN_STATE_IO_ERROR);
    }
}

static __attribute__((constructor)) void connect_errors(void)
{
    blk_error_hook = on_error;
}
