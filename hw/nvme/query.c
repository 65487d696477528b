/* SPDX-License-Identifier: GPL-2.0-or-later */
/* query-nvme and info nvme.  Main loop; what lives elsewhere is copied there. */
#include "nvme.h"

#include "monitor/hmp.h"
#include "monitor/monitor.h"
#include "qapi/qapi-commands.h"

typedef struct QueueCopy {
    NvmeSq *sq;
    NvmeQueueInfo *info;
} QueueCopy;

static void copy_in_ctx(void *opaque)
{
    QueueCopy *c = opaque;
    NvmeQueueInfo *i = c->info;
    const NvmeSq *sq = c->sq;
    const NvmeCq *cq = sq->cq;
    NvmeLatencyList **tail = &i->latency;

    i->depth = sq->inflight;
    i->max_depth = sq->max_depth;
    i->doorbells = __atomic_load_n(&sq->doorbells, __ATOMIC_RELAXED);
    i->commands = cq->posted;
    i->batches = cq->batches;
    i->interrupts = cq->interrupts;
    for (unsigned b = 0; b < NVME_LATENCY_BUCKETS; b++) {
        if (cq->latency[b]) {
            NvmeLatency *l = g_new0(NvmeLatency, 1);

            l->ns = UINT64_C(1) << b;
            l->count = cq->latency[b];
            QAPI_LIST_APPEND(tail, l);
        }
    }
}

static NvmeQueueInfo *describe_queue(NvmeCtrl *n, NvmeSq *sq)
{
    NvmeQueueInfo *i = g_new0(NvmeQueueInfo, 1);
    QueueCopy c = {sq, i};

    i->id = sq->id;
    i->cq = sq->cq->id;
    i->home = g_strdup(aio_context_name(sq->ctx));
    i->doorbell_home = g_strdup(aio_context_name(nvme_queue_ctx(n, sq->id)));
    i->size = sq->size;
    i->cq_size = sq->cq->size;
    i->has_vector = sq->cq->irq_enabled;
    i->vector = sq->cq->vector;
    aio_call(sq->ctx, copy_in_ctx, &c);
    return i;
}

typedef struct CtrlCopy {
    NvmeCtrl *n;
    NvmeInfo *info;
} CtrlCopy;

static void copy_at_home(void *opaque)
{
    CtrlCopy *c = opaque;
    NvmeCtrl *n = c->n;
    NvmeQueueInfoList **tail = &c->info->queues;

    for (unsigned id = 0; id < n->num_db; id++) {
        if (n->sq[id]) {
            QAPI_LIST_APPEND(tail, describe_queue(n, n->sq[id]));
        }
    }
}

static void describe_namespaces(NvmeCtrl *n, NvmeInfo *info)
{
    NvmeNamespaceInfoList **tail = &info->namespaces;
    QEMU_LOCK_GUARD(&n->subsys->lock);

    for (uint32_t id = 1; id <= NVME_MAX_NAMESPACES; id++) {
        NvmeNamespace *ns = n->slots[id].ns;
        NvmeNamespaceInfo *i;

        if (!ns) {
            continue;
        }
        i = g_new0(NvmeNamespaceInfo, 1);
        i->nsid = id;
        i->drive = g_strdup(blk_name(ns->blk));
        i->blocks = __atomic_load_n(&ns->blocks, __ATOMIC_RELAXED);
        i->block_size = 1u << ns->layout.lba_shift;
        i->metadata_size = ns->layout.ms;
        i->protection = ns->layout.pi_type;
        i->shared = ns->shared;
        QAPI_LIST_APPEND(tail, i);
    }
}

static bool add_controller(Object *obj, void *opaque)
{
    NvmeInfoList ***tail = opaque;
    NvmeCtrl *n = NVME(obj);
    uint32_t csts;
    NvmeInfo *i;

    if (!object_is_a(obj, TYPE_NVME) || !DEVICE(obj)->realized) {
        return true;
    }
    csts = __atomic_load_n(&n->csts, __ATOMIC_ACQUIRE);
    i = g_new0(NvmeInfo, 1);
    i->path = object_get_canonical_path(obj);
    i->home = g_strdup(aio_context_name(n->home));
    i->nqn = g_strdup(n->subsys->nqn);
    i->cntlid = n->cntlid;
    i->ready = csts & NVME_CSTS_RDY;
    i->fatal = csts & NVME_CSTS_CFS;
    i->shadow_doorbells = nvme_dbbuf_on(n);
    aio_call(n->home, copy_at_home, &(CtrlCopy){n, i});
    describe_namespaces(n, i);
    QAPI_LIST_APPEND(*tail, i);
    return true;
}

NvmeInfoList *qmp_query_nvme(GError **errp)
{
    Object *machine = object_resolve_path("/machine", NULL);
    NvmeInfoList *list = NULL, **tail = &list;

    if (machine) {
        object_child_foreach_recursive(machine, add_controller, &tail);
    }
    return list;
}

static void print_queue(Monitor *mon, const NvmeQueueInfo *q)
{
    monitor_printf(
        mon,
        "  queue %u -> %u: %u entries, home %s, doorbell %s, depth %u (most %u), %" PRIu64
        " doorbells, %" PRIu64 " commands in %" PRIu64 " batches, %" PRIu64 " interrupts\n",
        q->id, q->cq, q->size, q->home, q->doorbell_home, q->depth, q->max_depth, q->doorbells,
        q->commands, q->batches, q->interrupts);
    for (NvmeLatencyList *l = q->latency; l; l = l->next) {
        monitor_printf(mon, "    from %" PRIu64 " ns: %" PRIu64 "\n", l->value->ns,
                       l->value->count);
    }
}

static void hmp_info_nvme(Monitor *mon, const HmpArgs *args)
{
    NvmeInfoList *list = qmp_query_nvme(NULL);

    for (NvmeInfoList *l = list; l; l = l->next) {
        const NvmeInfo *i = l->value;

        monitor_printf(mon, "%s: %s, controller %u, home %s, %s%s%s\n", i->path, i->nqn, i->cntlid,
                       i->home, i->ready ? "ready" : "not enabled", i->fatal ? ", fatal error" : "",
                       i->shadow_doorbells ? ", shadow doorbells" : "");
        for (NvmeNamespaceInfoList *ns = i->namespaces; ns; ns = ns->next) {
            monitor_printf(mon,
                           "  namespace %u: %s, %" PRIu64
                           " blocks of %u bytes, %u of metadata, protection type %u%s\n",
                           ns->value->nsid, ns->value->drive, ns->value->blocks,
                           ns->value->block_size, ns->value->metadata_size, ns->value->protection,
                           ns->value->shared ? ", shared" : "");
        }
        for (NvmeQueueInfoList *q = i->queues; q; q = q->next) {
            print_queue(mon, q->value);
        }
    }
    qapi_free_NvmeInfoList(list);
}
HMP_INFO(hmp_info_nvme, "nvme", "", "show NVMe controllers, their namespaces and queues",
         hmp_info_nvme, 0, 0);
