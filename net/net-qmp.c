/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What monitors ask about networks.  Main loop. */
#include "net-internal.h"

#include "monitor/hmp.h"
#include "qapi/qapi-commands.h"

void qmp_set_link(const char *name, bool up, GError **errp)
{
    NetPort *p = net_port_find(name, true);

    if (!p) {
        error_set_class(errp, ERROR_CLASS_DEVICE_NOT_FOUND, "Device '%s' not found", name);
        return;
    }
    net_set_link(p, up);
}

static void hmp_set_link(Monitor *mon, const HmpArgs *args)
{
    GError *err = NULL;
    bool up;

    if (parse_bool("up", args->argv[1], &up, &err)) {
        qmp_set_link(args->argv[0], up, &err);
    }
    if (err) {
        hmp_report(mon, err);
    }
}
HMP_COMMAND(hmp_set_link, "set_link", "name on|off", "plug a network cable in or out", hmp_set_link,
            2, 2);

typedef struct Query {
    const char *name;
    RxFilterInfoList *list, **tail;
    bool found;
} Query;

static void query_port(NetPort *p, void *opaque)
{
    Query *q = opaque;

    if (q->name && strcmp(p->id, q->name)) {
        return;
    }
    q->found = true;
    if (p->info->query_rx_filter) {
        RxFilterInfo *info = p->info->query_rx_filter(p);

        QAPI_LIST_APPEND(q->tail, info);
    }
}

RxFilterInfoList *qmp_query_rx_filter(const char *name, GError **errp)
{
    Query q = {.name = name};

    q.tail = &q.list;
    net_port_foreach(query_port, &q);
    if (name && !q.list) {
        error_setg(
            errp, q.found ? "net client '%s' has no receive filter" : "invalid net client name: %s",
            name);
    }
    return q.list;
}

/* --- info network ---------------------------------------------------------------------------- */

static void print_port(Monitor *mon, NetPort *p, const char *prefix)
{
    g_autofree char *text = p->info->describe ? p->info->describe(p) : NULL;
    uint64_t packets = 0, bytes = 0, dropped = 0, deferred = 0;

    for (unsigned i = 0; i < p->num_queues; i++) {
        NetQueue *q = p->queues[i];

        packets += __atomic_load_n(&q->packets, __ATOMIC_RELAXED);
        bytes += __atomic_load_n(&q->bytes, __ATOMIC_RELAXED);
        dropped += __atomic_load_n(&q->dropped, __ATOMIC_RELAXED);
        deferred += __atomic_load_n(&q->deferred, __ATOMIC_RELAXED);
    }
    monitor_printf(mon, "%s%s: index=0,type=%s", prefix, p->id, NetClientDriver_str(p->info->type));
    if (p->num_queues > 1) {
        monitor_printf(mon, ",queues=%u", p->num_queues);
    }
    if (text) {
        monitor_printf(mon, ",%s", text);
    }
    if (p->link_down) {
        monitor_printf(mon, ",link=down");
    }
    monitor_printf(mon,
                   "; sent %" PRIu64 " packets, %" PRIu64 " bytes, %" PRIu64 " deferred, %" PRIu64
                   " dropped; home %s\n",
                   packets, bytes, deferred, dropped, aio_context_name(p->queues[0]->ctx));
}

static void print_top(NetPort *p, void *opaque)
{
    Monitor *mon = opaque;
    bool nic = p->info->type == NET_CLIENT_DRIVER_NIC;
    bool hub = p->info->type == NET_CLIENT_DRIVER_HUBPORT;
    NetPort *peer = p->peer;

    /* A back end is shown below its NIC or hub port. */
    if (peer && !nic &&
        (peer->info->type == NET_CLIENT_DRIVER_NIC ||
         (!hub && peer->info->type == NET_CLIENT_DRIVER_HUBPORT))) {
        return;
    }
    print_port(mon, p, "");
    if (peer) {
        print_port(mon, peer, " \\ ");
    }
}

static void hmp_info_network(Monitor *mon, const HmpArgs *args)
{
    net_port_foreach(print_top, mon);
}
HMP_INFO(hmp_info_network, "network", "", "show NICs, back ends and how they are wired",
         hmp_info_network, 0, 0);
