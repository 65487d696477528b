/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ports, wires and the packets on them. */
#include "net/net.h"

#include "net-internal.h"
#include "qemu/trace.h"

#define BACKLOG_PACKETS 1024
#define BACKLOG_BYTES (4 * MiB)

struct NetPacket {
    NetPacket *next;
    size_t len;
    uint8_t data[];
};

static GPtrArray *ports; /* NetPort *, in order of creation; main loop */

/* --- pieces ---------------------------------------------------------------------------------- */

size_t net_iov_len(const struct iovec *iov, unsigned niov)
{
    size_t len = 0;

    for (unsigned i = 0; i < niov; i++) {
        len += iov[i].iov_len;
    }
    return len;
}

size_t net_iov_copy(const struct iovec *iov, unsigned niov, size_t skip, void *buf, size_t size)
{
    size_t done = 0;

    for (unsigned i = 0; i < niov && done < size; i++) {
        size_t part;

        if (skip >= iov[i].iov_len) {
            skip -= iov[i].iov_len;
            continue;
        }
        part = MIN(iov[i].iov_len - skip, size - done);
        memcpy((uint8_t *)buf + done, (uint8_t *)iov[i].iov_base + skip, part);
        done += part;
        skip = 0;
    }
    return done;
}

static void count(uint64_t *counter, uint64_t v)
{
    __atomic_store_n(counter, *counter + v, __ATOMIC_RELAXED);
}

/* --- backlog: wire's thread ------------------------------------------------------------------ */

static void backlog_add(NetQueue *q, const struct iovec *iov, unsigned niov, size_t len)
{
    NetPacket *p;

    if (q->backlog_len >= BACKLOG_PACKETS || q->backlog_bytes + len > BACKLOG_BYTES) {
        count(&q->dropped, 1);
        TRACE(net, drop, "%s queue %u: backlog is full", q->port->id, q->index);
        return;
    }
    p = g_malloc(sizeof(*p) + len);
    p->next = NULL;
    p->len = len;
    net_iov_copy(iov, niov, 0, p->data, len);
    *q->backlog_tail = p;
    q->backlog_tail = &p->next;
    q->backlog_len++;
    q->backlog_bytes += len;
    count(&q->deferred, 1);
}

static void backlog_pop(NetQueue *q)
{
    NetPacket *p = q->backlog;

    q->backlog = p->next;
    if (!q->backlog) {
        q->backlog_tail = &q->backlog;
    }
    q->backlog_len--;
    q->backlog_bytes -= p->len;
    g_free(p);
}

static void backlog_drop(NetQueue *q)
{
    while (q->backlog) {
        backlog_pop(q);
    }
}

/* --- sending: wire's thread ------------------------------------------------------------------ */

bool net_link_is_up(NetPort *p)
{
    NetPort *peer = __atomic_load_n(&p->peer, __ATOMIC_ACQUIRE);

    return peer && !__atomic_load_n(&p->link_down, __ATOMIC_RELAXED) &&
           !__atomic_load_n(&peer->link_down, __ATOMIC_RELAXED);
}

static void show_filters(NetQueue *at, bool from_port, const struct iovec *iov, unsigned niov,
                         size_t len)
{
    for (unsigned i = 0; i < at->filters->len; i++) {
        NetFilter *f = at->filters->pdata[i];

        if (f->wants(f, from_port)) {
            f->packet(f, iov, niov, len, at->vnet);
        }
    }
}

bool net_send(NetQueue *q, const struct iovec *iov, unsigned niov)
{
    NetQueue *peer = q->peer;
    size_t len = net_iov_len(iov, niov);

    if (unlikely(!peer || !net_link_is_up(q->port) || len > NET_PACKET_MAX + NET_VNET_HDR_LEN)) {
        count(&q->dropped, 1);
        return true;
    }
    count(&q->packets, 1);
    count(&q->bytes, len);
    TRACE(net, send, "%s queue %u -> %s: %zu bytes", q->port->id, q->index, peer->port->id, len);
    if (unlikely(q->filters)) {
        show_filters(q, true, iov, niov, len);
    }
    if (unlikely(peer->filters)) {
        show_filters(peer, false, iov, niov, len);
    }
    if (likely(!q->backlog && peer->port->info->receive(peer, iov, niov, len))) {
        return true;
    }
    backlog_add(q, iov, niov, len);
    q->paused = true;
    return false;
}

static void resume(NetQueue *q)
{
    if (q->paused) {
        q->paused = false;
        if (q->port->info->resume) {
            q->port->info->resume(q);
        }
    }
}

void net_ready(NetQueue *receiver)
{
    NetQueue *q = receiver->peer;

    if (!q || q->flushing) {
        return;
    }
    q->flushing = true;
    while (q->backlog) {
        struct iovec iov = {q->backlog->data, q->backlog->len};

        if (!receiver->port->info->receive(receiver, &iov, 1, iov.iov_len)) {
            break;
        }
        backlog_pop(q);
    }
    q->flushing = false;
    if (!q->backlog) {
        resume(q);
    }
}

/* --- life of ports: main loop ---------------------------------------------------------------- */

static void attach_in_ctx(void *opaque)
{
    NetQueue *q = opaque;

    if (!q->attached) {
        q->attached = true;
        if (q->port->info->attach) {
            q->port->info->attach(q);
        }
    }
}

static void detach_in_ctx(void *opaque)
{
    NetQueue *q = opaque;

    if (q->attached) {
        q->attached = false;
        if (q->port->info->detach) {
            q->port->info->detach(q);
        }
    }
}

NetPort *net_port_new(const NetPortInfo *info, const char *id, unsigned n, GError **errp)
{
    NetPort *p;

    assert_main_loop();
    if (!id || !id_wellformed(id)) {
        error_setg(errp,
                   "Parameter 'id' expects an identifier: a letter, then letters, digits, '-', '.' "
                   "and '_'%s%s%s",
                   id ? "; '" : "", id ? id : "", id ? "' is none" : "");
        return NULL;
    }
    if (info->type != NET_CLIENT_DRIVER_NIC && net_port_find(id, false)) {
        error_setg(errp, "Duplicate ID '%s' for netdev", id);
        return NULL;
    }
    p = g_malloc0(MAX(info->size, sizeof(*p)));
    p->info = info;
    p->id = g_strdup(id);
    p->num_queues = n;
    p->queues = g_new0(NetQueue *, n);
    for (unsigned i = 0; i < n; i++) {
        NetQueue *q = g_malloc0(MAX(info->queue_size, sizeof(*q)));

        q->port = p;
        q->index = i;
        q->ctx = aio_get_main();
        q->backlog_tail = &q->backlog;
        p->queues[i] = q;
    }
    if (!ports) {
        ports = g_ptr_array_new();
    }
    g_ptr_array_add(ports, p);
    return p;
}

void net_port_start(NetPort *p)
{
    for (unsigned i = 0; i < p->num_queues; i++) {
        aio_call(p->queues[i]->ctx, attach_in_ctx, p->queues[i]);
    }
}

void net_port_free(NetPort *p)
{
    assert_main_loop();
    net_disconnect(p);
    for (unsigned i = 0; i < p->num_queues; i++) {
        aio_call(p->queues[i]->ctx, detach_in_ctx, p->queues[i]);
    }
    /* Filters stay, without a port. */
    for (unsigned i = 0; p->queues[0]->filters && i < p->queues[0]->filters->len; i++) {
        ((NetFilter *)p->queues[0]->filters->pdata[i])->port = NULL;
    }
    g_ptr_array_remove(ports, p);
    if (p->info->cleanup) {
        p->info->cleanup(p);
    }
    for (unsigned i = 0; i < p->num_queues; i++) {
        if (p->queues[i]->filters) {
            g_ptr_array_unref(p->queues[i]->filters);
        }
        g_free(p->queues[i]);
    }
    g_free(p->queues);
    g_free(p->id);
    g_free(p->model);
    g_free(p);
}

NetPort *net_port_find(const char *id, bool nics_too)
{
    NetPort *nic = NULL;

    for (unsigned i = 0; ports && i < ports->len; i++) {
        NetPort *p = ports->pdata[i];

        if (!strcmp(p->id, id)) {
            if (p->info->type != NET_CLIENT_DRIVER_NIC) {
                return p;
            }
            nic = p;
        }
    }
    return nics_too ? nic : NULL;
}

void net_port_foreach(void (*fn)(NetPort *p, void *opaque), void *opaque)
{
    g_autoptr(GPtrArray) copy = ports ? g_ptr_array_copy(ports, NULL, NULL) : g_ptr_array_new();

    for (unsigned i = 0; i < copy->len; i++) {
        fn(copy->pdata[i], opaque);
    }
}

/* --- wires: main loop ------------------------------------------------------------------------ */

static void wire_in_ctx(void *opaque)
{
    NetQueue *be = opaque;

    attach_in_ctx(be->peer);
    attach_in_ctx(be);
}

/* A queue of the back end that the NIC has no use for. */
static void spare_in_ctx(void *opaque)
{
    NetQueue *q = opaque;

    if (q->port->info->enable_queue) {
        q->port->info->enable_queue(q, false);
    }
}

bool net_connect(NetPort *nic, NetPort *be, AioContext *const *ctx, GError **errp)
{
    unsigned n = MIN(nic->num_queues, be->num_queues);
    bool vnet = nic->vnet && be->vnet;

    assert_main_loop();
    if (be->peer) {
        error_setg(errp, "netdev '%s' is in use already, by '%s'", be->id, be->peer->id);
        return false;
    }
    g_assert(!nic->peer);
    for (unsigned i = 0; i < n; i++) {
        NetQueue *a = nic->queues[i], *b = be->queues[i];

        aio_call(a->ctx, detach_in_ctx, a);
        aio_call(b->ctx, detach_in_ctx, b);
        a->ctx = b->ctx = ctx && ctx[i] ? ctx[i] : aio_get_main();
        a->peer = b;
        b->peer = a;
        a->vnet = b->vnet = vnet;
    }
    __atomic_store_n(&nic->peer, be, __ATOMIC_RELEASE);
    __atomic_store_n(&be->peer, nic, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < n; i++) {
        aio_call(be->queues[i]->ctx, wire_in_ctx, be->queues[i]);
    }
    for (unsigned i = n; i < be->num_queues; i++) {
        aio_call(be->queues[i]->ctx, spare_in_ctx, be->queues[i]);
    }
    return true;
}

static void unwire_in_ctx(void *opaque)
{
    NetQueue *q = opaque, *peer = q->peer;

    detach_in_ctx(q);
    detach_in_ctx(peer);
    backlog_drop(q);
    backlog_drop(peer);
    q->vnet = peer->vnet = false;
    q->peer = peer->peer = NULL;
    /* Nobody waits for a peer that is gone. */
    resume(q);
    resume(peer);
}

void net_disconnect(NetPort *p)
{
    NetPort *peer = p->peer, *nic;

    assert_main_loop();
    if (!peer) {
        return;
    }
    for (unsigned i = 0; i < MIN(p->num_queues, peer->num_queues); i++) {
        NetQueue *q = p->queues[i], *r = peer->queues[i];

        aio_call(q->ctx, unwire_in_ctx, q);
        /* A NIC's queue stays where its device is. */
        if (p->info->type != NET_CLIENT_DRIVER_NIC) {
            q->ctx = aio_get_main();
        }
        if (peer->info->type != NET_CLIENT_DRIVER_NIC) {
            r->ctx = aio_get_main();
        }
    }
    __atomic_store_n(&p->peer, NULL, __ATOMIC_RELEASE);
    __atomic_store_n(&peer->peer, NULL, __ATOMIC_RELEASE);
    net_port_start(p);
    net_port_start(peer);
    nic = p->info->type == NET_CLIENT_DRIVER_NIC ? p : peer;
    if (nic->info->link_changed) {
        nic->info->link_changed(nic);
    }
}

void net_set_link(NetPort *p, bool up)
{
    NetPort *peer = p->peer;

    assert_main_loop();
    __atomic_store_n(&p->link_down, !up, __ATOMIC_RELAXED);
    if (p->info->link_changed) {
        p->info->link_changed(p);
    }
    if (peer && peer->info->link_changed) {
        peer->info->link_changed(peer);
    }
}

/* --- filters: main loop ---------------------------------------------------------------------- */

typedef struct FilterCall {
    NetQueue *q;
    NetFilter *f;
} FilterCall;

static void filter_add_in_ctx(void *opaque)
{
    FilterCall *c = opaque;

    if (!c->q->filters) {
        c->q->filters = g_ptr_array_new();
    }
    g_ptr_array_add(c->q->filters, c->f);
}

static void filter_remove_in_ctx(void *opaque)
{
    FilterCall *c = opaque;

    g_ptr_array_remove(c->q->filters, c->f);
    if (!c->q->filters->len) {
        g_clear_pointer(&c->q->filters, g_ptr_array_unref);
    }
}

void net_filter_add(NetPort *p, NetFilter *f)
{
    assert_main_loop();
    f->port = p;
    for (unsigned i = 0; i < p->num_queues; i++) {
        FilterCall c = {p->queues[i], f};

        aio_call(c.q->ctx, filter_add_in_ctx, &c);
    }
}

void net_filter_remove(NetFilter *f)
{
    assert_main_loop();
    for (unsigned i = 0; f->port && i < f->port->num_queues; i++) {
        FilterCall c = {f->port->queues[i], f};

        aio_call(c.q->ctx, filter_remove_in_ctx, &c);
    }
    f->port = NULL;
}

/* --- the end of the process ------------------------------------------------------------------ */

void net_cleanup(void)
{
    for (unsigned i = ports ? ports->len : 0; i-- > 0;) {
        NetPort *p = ports->pdata[i];

        /* NICs belong to their devices. */
        if (p->info->type != NET_CLIENT_DRIVER_NIC) {
            net_port_free(p);
        }
    }
}

/* --- MAC addresses --------------------------------------------------------------------------- */

static bool mac_used[256]; /* last byte of a default address; main loop */
static const uint8_t mac_base[NET_ALEN] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};

bool net_parse_mac(const char *text, uint8_t mac[NET_ALEN])
{
    uint8_t out[NET_ALEN];

    for (unsigned i = 0; i < NET_ALEN; i++, text += 3) {
        if (!g_ascii_isxdigit(text[0]) || !g_ascii_isxdigit(text[1]) ||
            (i < NET_ALEN - 1 ? text[2] != ':' && text[2] != '-' : text[2] != 0)) {
            return false;
        }
        out[i] = g_ascii_xdigit_value(text[0]) << 4 | g_ascii_xdigit_value(text[1]);
    }
    memcpy(mac, out, NET_ALEN);
    return true;
}

char *net_format_mac(const uint8_t mac[NET_ALEN])
{
    return g_strdup_printf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
                           mac[5]);
}

void net_default_mac(uint8_t mac[NET_ALEN])
{
    static const uint8_t none[NET_ALEN];

    if (!memcmp(mac, none, NET_ALEN)) {
        memcpy(mac, mac_base, NET_ALEN);
        for (unsigned n = 0; n < 256 && mac_used[mac[5]]; n++) {
            mac[5]++;
        }
    }
    if (!memcmp(mac, mac_base, NET_ALEN - 1)) {
        mac_used[mac[5]] = true;
    }
}

void net_release_mac(const uint8_t mac[NET_ALEN])
{
    if (!memcmp(mac, mac_base, NET_ALEN - 1)) {
        mac_used[mac[5]] = false;
    }
}
