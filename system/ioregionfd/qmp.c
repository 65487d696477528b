/* SPDX-License-Identifier: GPL-2.0-or-later */
/* query-ioregionfd. */
#include "qapi/qapi-commands.h"
#include "system/ioregionfd.h"

typedef struct QueryState {
    IoRegionFdInfoList *head, **tail;
} QueryState;

static void add_channel(const IoRegionChannelInfo *c, void *opaque)
{
    QueryState *q = opaque;
    IoRegionFdInfo *info = g_new0(IoRegionFdInfo, 1);

    info->id = g_strdup(c->name);
    info->object = c->user_object;
    info->home = c->home ? g_strdup(c->home) : NULL;
    info->transport = c->transport;
    info->posted_writes = c->posted_writes;
    info->kicks = c->kicks;
    info->bad_answers = c->bad_answers;
    info->bad_commands = c->bad_commands;
    QAPI_LIST_APPEND(q->tail, info);
}

static IoRegionLatencyList *latency_list(const IoRegionInfo *r)
{
    IoRegionLatencyList *head = NULL, **tail = &head;

    for (unsigned i = 0; i < IOREGION_LATENCY_BUCKETS; i++) {
        if (r->latency[i]) {
            IoRegionLatency *l = g_new0(IoRegionLatency, 1);

            l->ns = i ? UINT64_C(1) << i : 0;
            l->count = r->latency[i];
            QAPI_LIST_APPEND(tail, l);
        }
    }
    return head;
}

static void add_region(const IoRegionInfo *r, void *opaque)
{
    QueryState *q = opaque;
    IoRegionFdInfoList *c = q->head;
    IoRegionFdRegionList **tail;
    IoRegionFdRegion *info;

    while (c && (strcmp(c->value->id, r->channel) != 0 || c->value->object != r->user_object)) {
        c = c->next;
    }
    if (!c) {
        return;
    }
    info = g_new0(IoRegionFdRegion, 1);
    info->name = g_strdup(r->name);
    info->owner = g_strdup(r->owner);
    info->engine = r->engine;
    info->posted_writes = r->posted_writes;
    info->pio = r->pio;
    info->size = r->size;
    info->reads = r->reads;
    info->writes = r->writes;
    info->posted = r->posted;
    info->exits = r->exits;
    info->waits = r->waits;
    info->polled = r->spun;
    info->stalls = r->full_stalls;
    info->timeouts = r->timeouts;
    info->cancelled = r->cancelled;
    info->dma_dropped = r->dma_dropped;
    info->latency = latency_list(r);
    for (tail = &c->value->regions; *tail; tail = &(*tail)->next) {
    }
    QAPI_LIST_APPEND(tail, info);
}

IoRegionFdInfoList *qmp_query_ioregionfd(GError **errp)
{
    QueryState q = {.tail = &q.head};

    ioregion_query(add_channel, add_region, &q);
    return q.head;
}
