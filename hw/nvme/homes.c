/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which context each queue pair of a controller has, by its homes (hw/device-homes.h).  Main loop.
 */
#include "nvme.h"

/* A pair of the mapping. */
static bool place(void *opaque, uint64_t qid, AioContext *ctx, GError **errp)
{
    NvmeCtrl *n = opaque;

    if (!qid || qid >= n->num_db) {
        error_setg(errp,
                   "nvme: iothread-vq-mapping: queue pair %" PRIu64
                   ": the controller has 1 to %u (pair 0, the admin queue, stays with the "
                   "registers)",
                   qid, n->num_db - 1);
        return false;
    }
    if (n->pair_ctx[qid]) {
        error_setg(errp, "nvme: iothread-vq-mapping: queue pair %" PRIu64 " is named twice", qid);
        return false;
    }
    n->pair_ctx[qid] = ctx;
    return true;
}

/* The context of a pair that place() did not put. */
static AioContext *pair_context(NvmeCtrl *n, unsigned qid, bool spread)
{
    if (spread) {
        return device_homes_spread(&n->homes, qid - 1);
    }
    if (n->homes.ioregionfds) {
        return ioregionfd_context(
            n->homes.ioregionfds->pdata[(qid - 1) % n->homes.ioregionfds->len]);
    }
    return n->home;
}

bool nvme_homes_choose(NvmeCtrl *n, GError **errp)
{
    bool spread = false;

    n->pair_ctx = g_new0(AioContext *, n->num_db);
    if (!device_homes_choose(&n->homes, "nvme", errp) ||
        (n->homes.mapping && !device_homes_map(&n->homes, place, n, &spread, errp))) {
        return false;
    }
    n->home = n->pair_ctx[0] = n->homes.home;
    for (unsigned qid = 1; qid < n->num_db; qid++) {
        if (!n->pair_ctx[qid] && n->homes.mapping && !spread) {
            error_setg(errp, "nvme: iothread-vq-mapping: queue pair %u is not in the list", qid);
            return false;
        }
        if (!n->pair_ctx[qid]) {
            n->pair_ctx[qid] = pair_context(n, qid, spread);
        }
        if (!device_homes_add_queue(&n->homes, n->pair_ctx[qid], errp)) {
            return false;
        }
    }
    return true;
}

void nvme_homes_release(NvmeCtrl *n)
{
    device_homes_release(&n->homes);
    g_clear_pointer(&n->pair_ctx, g_free);
    n->home = NULL;
}

bool nvme_set_region_home(NvmeCtrl *n, MemoryRegion *mr, uint16_t qid, unsigned flags,
                          GError **errp)
{
    IoRegionFd *ior = n->homes.ioregionfd;

    if (qid && n->homes.mapping) {
        memory_region_set_home(mr, n->pair_ctx[qid], flags);
        return true;
    }
    if (qid && n->homes.ioregionfds) {
        ior = g_ptr_array_index(n->homes.ioregionfds, (qid - 1) % n->homes.ioregionfds->len);
    }
    if (ior) {
        return memory_region_set_ioregionfd(mr, ior, flags, errp);
    }
    memory_region_set_home(mr, n->pair_ctx[qid], flags);
    return true;
}
