/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hubs: what comes at one port goes out at all others.
 *
 * The ports of a hub may be wired into different threads: a packet is copied for each of the others
 * and put into that port's inbox, whose bottom half sends it there.  An inbox is bounded; what does
 * not fit is lost, as on a real hub.
 */
#include "net-internal.h"

#include "qemu/thread.h"

#define INBOX_PACKETS 1024
#define INBOX_BYTES (4 * MiB)

typedef struct HubPacket {
    struct HubPacket *next;
    size_t len;
    uint8_t data[];
} HubPacket;

typedef struct HubPort {
    NetPort parent;
    int32_t hubid;
    NetPort *netdev; /* hubport,netdev=: wired by us */
    QemuMutex lock;
    HubPacket *head, **tail; /* lock */
    unsigned packets;        /* lock */
    size_t bytes;            /* lock */
    bool busy;               /* the wire's backlog holds some: wait for resume() */
    AioBH *bh;               /* in the wire's thread; changed under the lock */
} HubPort;

/* All hub ports.  The list is changed in the main loop under the lock; who sends holds it, too, and
 * inside it the inbox's. */
static QemuMutex hub_lock;
static GPtrArray *hub_ports;

static void init_once(void)
{
    static gsize done;

    if (g_once_init_enter(&done)) {
        qemu_mutex_init(&hub_lock);
        hub_ports = g_ptr_array_new();
        g_once_init_leave(&done, 1);
    }
}

static void inbox_add(HubPort *h, const struct iovec *iov, unsigned niov, size_t len)
{
    HubPacket *p;

    QEMU_LOCK_GUARD(&h->lock);
    if (!h->bh || h->packets >= INBOX_PACKETS || h->bytes + len > INBOX_BYTES) {
        return;
    }
    p = g_malloc(sizeof(*p) + len);
    p->next = NULL;
    p->len = len;
    net_iov_copy(iov, niov, 0, p->data, len);
    *h->tail = p;
    h->tail = &p->next;
    h->packets++;
    h->bytes += len;
    aio_bh_schedule(h->bh);
}

static HubPacket *inbox_take(HubPort *h)
{
    HubPacket *p;

    QEMU_LOCK_GUARD(&h->lock);
    p = h->head;
    if (p) {
        h->head = p->next;
        if (!h->head) {
            h->tail = &h->head;
        }
        h->packets--;
        h->bytes -= p->len;
    }
    return p;
}

/* Wire's thread. */
static void inbox_bh(void *opaque)
{
    HubPort *h = opaque;
    HubPacket *p;

    while (!h->busy && (p = inbox_take(h))) {
        h->busy = !net_send_buf(h->parent.queues[0], p->data, p->len);
        g_free(p);
    }
}

static void hub_resume(NetQueue *q)
{
    HubPort *h = (HubPort *)q->port;

    h->busy = false;
    inbox_bh(h);
}

static bool hub_receive(NetQueue *q, const struct iovec *iov, unsigned niov, size_t len)
{
    HubPort *from = (HubPort *)q->port;

    QEMU_LOCK_GUARD(&hub_lock);
    for (unsigned i = 0; i < hub_ports->len; i++) {
        HubPort *h = hub_ports->pdata[i];

        if (h != from && h->hubid == from->hubid) {
            inbox_add(h, iov, niov, len);
        }
    }
    return true;
}

static void hub_attach(NetQueue *q)
{
    HubPort *h = (HubPort *)q->port;

    QEMU_LOCK_GUARD(&h->lock);
    h->busy = false;
    h->bh = aio_bh_new(q->ctx, inbox_bh, h);
    aio_bh_schedule(h->bh);
}

static void hub_detach(NetQueue *q)
{
    HubPort *h = (HubPort *)q->port;

    QEMU_LOCK_GUARD(&h->lock);
    g_clear_pointer(&h->bh, aio_bh_delete);
}

static void hub_cleanup(NetPort *port)
{
    HubPort *h = (HubPort *)port;
    HubPacket *p;

    qemu_mutex_lock(&hub_lock);
    g_ptr_array_remove(hub_ports, h);
    qemu_mutex_unlock(&hub_lock);
    while ((p = inbox_take(h))) {
        g_free(p);
    }
    qemu_mutex_destroy(&h->lock);
}

static char *hub_describe(NetPort *port)
{
    return g_strdup_printf("hub %d", ((HubPort *)port)->hubid);
}

static const NetPortInfo hub_info = {
    .type = NET_CLIENT_DRIVER_HUBPORT,
    .size = sizeof(HubPort),
    .receive = hub_receive,
    .resume = hub_resume,
    .attach = hub_attach,
    .detach = hub_detach,
    .cleanup = hub_cleanup,
    .describe = hub_describe,
};

static NetPort *hub_open(const char *id, json_object *opts, GError **errp)
{
    g_autofree char *netdev = opts_take_str(opts, "netdev");
    NetPort *be = NULL;
    uint64_t hubid;
    HubPort *h;

    init_once();
    if (!json_object_object_get_ex(opts, "hubid", NULL)) {
        error_setg(errp, "hubport: Parameter 'hubid' is missing: the number of the hub");
        return NULL;
    }
    if (!opts_take_uint(opts, "hubid", 0, INT32_MAX, &hubid, errp)) {
        return NULL;
    }
    if (netdev) {
        be = net_port_find(netdev, false);
        if (!be) {
            error_setg(errp, "hubport: netdev '%s' not found", netdev);
            return NULL;
        }
        if (be->info->type == NET_CLIENT_DRIVER_HUBPORT) {
            error_setg(errp, "hubport: netdev=%s is a hub port itself: hubs cannot be joined",
                       netdev);
            return NULL;
        }
        if (be->peer) {
            error_setg(errp, "hubport: netdev '%s' is in use already, by '%s'", netdev,
                       be->peer->id);
            return NULL;
        }
    }
    h = (HubPort *)net_port_new(&hub_info, id, 1, errp);
    if (!h) {
        return NULL;
    }
    h->hubid = hubid;
    h->tail = &h->head;
    qemu_mutex_init(&h->lock);
    qemu_mutex_lock(&hub_lock);
    g_ptr_array_add(hub_ports, h);
    qemu_mutex_unlock(&hub_lock);
    if (be) {
        net_connect(&h->parent, be, NULL, NULL);
    } else {
        net_port_start(&h->parent);
    }
    return &h->parent;
}

static const char *const hub_keys[] = {"type", "id", "hubid", "netdev", NULL};

const NetBackend net_backend_hubport = {
    .type = NET_CLIENT_DRIVER_HUBPORT,
    .known = hub_keys,
    .open = hub_open,
};
