/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-net's control queue (virtio 1.2, section 5.1.6.5) and the receive filter that it sets. All
 * at home; each pair of queues has a copy of what it needs.
 */
#include "virtio-net.h"

#include "qapi/qapi-events.h"

#define CTRL_OK 0
#define CTRL_ERR 1

#define CLASS_RX 0
#define RX_PROMISC 0
#define RX_ALLMULTI 1
#define RX_ALLUNI 2
#define RX_NOMULTI 3
#define RX_NOUNI 4
#define RX_NOBCAST 5
#define CLASS_MAC 1
#define MAC_TABLE_SET 0
#define MAC_ADDR_SET 1
#define CLASS_VLAN 2
#define VLAN_ADD 0
#define VLAN_DEL 1
#define CLASS_ANNOUNCE 3
#define ANNOUNCE_ACK 0
#define CLASS_MQ 4
#define MQ_VQ_PAIRS_SET 0
#define MQ_RSS_CONFIG 1
#define MQ_HASH_CONFIG 2
#define CLASS_GUEST_OFFLOADS 5
#define GUEST_OFFLOADS_SET 0
#define CLASS_NOTF_COAL 6
#define NOTF_COAL_TX_SET 0
#define NOTF_COAL_RX_SET 1

/* --- what pairs have a copy of --------------------------------------------------------------- */

static bool has(VirtIONet *n, unsigned bit)
{
    return virtio_has_feature(&n->parent_obj, bit);
}

/* What the driver takes undone, for the back end. */
static unsigned offloads_of(uint64_t f)
{
    unsigned o = 0;

    if (f & BIT_ULL(VIRTIO_NET_F_GUEST_CSUM)) {
        o |= NET_OFFLOAD_CSUM;
        o |= f & BIT_ULL(VIRTIO_NET_F_GUEST_TSO4) ? NET_OFFLOAD_TSO4 : 0;
        o |= f & BIT_ULL(VIRTIO_NET_F_GUEST_TSO6) ? NET_OFFLOAD_TSO6 : 0;
        o |= f & BIT_ULL(VIRTIO_NET_F_GUEST_ECN) ? NET_OFFLOAD_ECN : 0;
        o |= f & BIT_ULL(VIRTIO_NET_F_GUEST_UFO) ? NET_OFFLOAD_UFO : 0;
        o |= (f & BIT_ULL(VIRTIO_NET_F_GUEST_USO4)) && (f & BIT_ULL(VIRTIO_NET_F_GUEST_USO6))
                 ? NET_OFFLOAD_USO
                 : 0;
    }
    return o;
}

static void update_pair(void *opaque)
{
    VirtNetPair *p = opaque;
    VirtIONet *n = p->n;
    NetQueue *peer = p->nq.peer;
    unsigned offloads = offloads_of(n->guest_offloads);

    p->filter = n->filter;
    p->rss = n->rss;
    p->active = p->nq.index < n->active_pairs;
    virtio_net_pair_layout(p);
    virtqueue_coalesce(p->rx, n->coal_rx.max_packets, n->coal_rx.max_usecs);
    virtqueue_coalesce(p->tx, n->coal_tx.max_packets, n->coal_tx.max_usecs);
    if (peer && p->nq.vnet && peer->port->info->set_offload && offloads != p->offloads) {
        p->offloads = offloads;
        peer->port->info->set_offload(peer, offloads);
    }
    if (peer && peer->port->info->enable_queue) {
        peer->port->info->enable_queue(peer, p->active);
    }
}

void virtio_net_update_pairs(VirtIONet *n)
{
    for (unsigned i = 0; i < n->pairs; i++) {
        aio_call(virtio_net_pair(n, i)->rx->ctx, update_pair, virtio_net_pair(n, i));
    }
}

void virtio_net_set_rss(VirtIONet *n, VirtNetRss *rss)
{
    VirtNetRss *old = n->rss;

    n->rss = rss;
    virtio_net_update_pairs(n);
    g_free(old); /* each pair's thread has taken the new one */
}

/* --- filter ---------------------------------------------------------------------------------- */

void virtio_net_filter_reset(VirtIONet *n)
{
    memset(&n->filter, 0, sizeof(n->filter));
    memcpy(n->filter.mac, n->mac, NET_ALEN);
    n->filter.promisc = true; /* until the driver says what it wants */
}

static void filter_changed(VirtIONet *n)
{
    virtio_net_update_pairs(n);
    if (__atomic_exchange_n(&n->event_due, false, __ATOMIC_ACQ_REL)) {
        DeviceState *proxy = virtio_front(VIRTIO_DEVICE(n));

        qapi_event_send_nic_rx_filter_changed(proxy->id, n->path);
    }
}

static uint8_t rx_mode(VirtIONet *n, uint8_t cmd, const VirtElem *e)
{
    bool *modes[] = {
        [RX_PROMISC] = &n->filter.promisc, [RX_ALLMULTI] = &n->filter.allmulti,
        [RX_ALLUNI] = &n->filter.alluni,   [RX_NOMULTI] = &n->filter.nomulti,
        [RX_NOUNI] = &n->filter.nouni,     [RX_NOBCAST] = &n->filter.nobcast,
    };
    unsigned feature = cmd < RX_ALLUNI ? VIRTIO_NET_F_CTRL_RX : VIRTIO_NET_F_CTRL_RX_EXTRA;
    uint8_t on;

    if (cmd >= G_N_ELEMENTS(modes) || !has(n, feature) || virtio_elem_read(e, 2, &on, 1) != 1 ||
        e->out_bytes != 3) {
        return CTRL_ERR;
    }
    *modes[cmd] = on;
    filter_changed(n);
    return CTRL_OK;
}

/* One table: a number and so many addresses, from *at on. */
static bool read_table(const VirtElem *e, uint64_t *at, uint8_t table[][NET_ALEN], uint8_t *count,
                       bool *overflow)
{
    uint32_t n;

    if (virtio_elem_read(e, *at, &n, 4) != 4) {
        return false;
    }
    *at += 4;
    if ((e->out_bytes - *at) / NET_ALEN < n) {
        return false;
    }
    /* More than there is room for: all pass. */
    *overflow = n > MAC_TABLE_SIZE;
    *count = *overflow ? 0 : n;
    virtio_elem_read(e, *at, table, (size_t)*count * NET_ALEN);
    *at += (uint64_t)n * NET_ALEN;
    return true;
}

static uint8_t mac_table_set(VirtIONet *n, const VirtElem *e)
{
    RxFilter new = n->filter;
    uint64_t at = 2;

    if (!has(n, VIRTIO_NET_F_CTRL_RX) ||
        !read_table(e, &at, new.uni, &new.uni_count, &new.uni_overflow) ||
        !read_table(e, &at, new.multi, &new.multi_count, &new.multi_overflow) ||
        at != e->out_bytes) {
        return CTRL_ERR;
    }
    n->filter = new;
    filter_changed(n);
    return CTRL_OK;
}

static uint8_t mac_addr_set(VirtIONet *n, const VirtElem *e)
{
    uint8_t mac[NET_ALEN];

    if (!has(n, VIRTIO_NET_F_CTRL_MAC_ADDR) || e->out_bytes != 2 + NET_ALEN ||
        virtio_elem_read(e, 2, mac, NET_ALEN) != NET_ALEN) {
        return CTRL_ERR;
    }
    memcpy(n->filter.mac, mac, NET_ALEN);
    virtio_config_write(&n->parent_obj, offsetof(VirtioNetConfig, mac), mac, NET_ALEN, false);
    filter_changed(n);
    return CTRL_OK;
}

static uint8_t vlan(VirtIONet *n, uint8_t cmd, const VirtElem *e)
{
    uint16_t vid;

    if (cmd > VLAN_DEL || !has(n, VIRTIO_NET_F_CTRL_VLAN) || e->out_bytes != 4 ||
        virtio_elem_read(e, 2, &vid, 2) != 2 || vid >= 4096) {
        return CTRL_ERR;
    }
    if (cmd == VLAN_ADD) {
        n->filter.vlans[vid / 32] |= BIT(vid % 32);
    } else {
        n->filter.vlans[vid / 32] &= ~BIT(vid % 32);
    }
    filter_changed(n);
    return CTRL_OK;
}

/* --- the others ------------------------------------------------------------------------------ */

static uint8_t announce_ack(VirtIONet *n, const VirtElem *e)
{
    if (!has(n, VIRTIO_NET_F_GUEST_ANNOUNCE) || !n->announce) {
        return CTRL_ERR;
    }
    n->announce = false;
    virtio_net_update_status(n);
    return CTRL_OK;
}

static uint8_t set_pairs(VirtIONet *n, const VirtElem *e)
{
    uint16_t pairs;

    if (!has(n, VIRTIO_NET_F_MQ) || e->out_bytes != 4 || virtio_elem_read(e, 2, &pairs, 2) != 2 ||
        pairs < 1 || pairs > n->pairs) {
        return CTRL_ERR;
    }
    n->active_pairs = pairs;
    virtio_net_set_rss(n, NULL);
    return CTRL_OK;
}

static uint8_t rss_config(VirtIONet *n, const VirtElem *e)
{
    unsigned pairs;
    VirtNetRss *rss = has(n, VIRTIO_NET_F_RSS) ? virtio_net_rss_parse(n, e, &pairs) : NULL;

    if (!rss) {
        return CTRL_ERR;
    }
    n->active_pairs = pairs;
    virtio_net_set_rss(n, rss);
    return CTRL_OK;
}

static uint8_t hash_config(VirtIONet *n, const VirtElem *e)
{
    VirtNetRss *rss = has(n, VIRTIO_NET_F_HASH_REPORT) ? virtio_net_hash_parse(e) : NULL;

    if (!rss) {
        return CTRL_ERR;
    }
    virtio_net_set_rss(n, rss);
    return CTRL_OK;
}

static uint8_t set_coalescing(VirtIONet *n, uint8_t cmd, const VirtElem *e)
{
    VirtNetCoal coal;

    if (cmd > NOTF_COAL_RX_SET || !has(n, VIRTIO_NET_F_NOTF_COAL) ||
        e->out_bytes != 2 + sizeof(coal) ||
        virtio_elem_read(e, 2, &coal, sizeof(coal)) != sizeof(coal)) {
        return CTRL_ERR;
    }
    *(cmd == NOTF_COAL_TX_SET ? &n->coal_tx : &n->coal_rx) = coal;
    virtio_net_update_pairs(n);
    return CTRL_OK;
}

static uint8_t set_offloads(VirtIONet *n, const VirtElem *e)
{
    uint64_t want, all = n->parent_obj.features &
                         (BIT_ULL(VIRTIO_NET_F_GUEST_CSUM) | BIT_ULL(VIRTIO_NET_F_GUEST_TSO4) |
                          BIT_ULL(VIRTIO_NET_F_GUEST_TSO6) | BIT_ULL(VIRTIO_NET_F_GUEST_ECN) |
                          BIT_ULL(VIRTIO_NET_F_GUEST_UFO) | BIT_ULL(VIRTIO_NET_F_GUEST_USO4) |
                          BIT_ULL(VIRTIO_NET_F_GUEST_USO6));

    if (!has(n, VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) || e->out_bytes != 10 ||
        virtio_elem_read(e, 2, &want, 8) != 8 || (want & ~all)) {
        return CTRL_ERR;
    }
    n->guest_offloads = want;
    virtio_net_update_pairs(n);
    return CTRL_OK;
}

static uint8_t command(VirtIONet *n, uint8_t class, uint8_t cmd, const VirtElem *e)
{
    switch (class) {
    case CLASS_RX:
        return rx_mode(n, cmd, e);
    case CLASS_MAC:
        return cmd == MAC_TABLE_SET  ? mac_table_set(n, e)
               : cmd == MAC_ADDR_SET ? mac_addr_set(n, e)
                                     : CTRL_ERR;
    case CLASS_VLAN:
        return vlan(n, cmd, e);
    case CLASS_ANNOUNCE:
        return cmd == ANNOUNCE_ACK ? announce_ack(n, e) : CTRL_ERR;
    case CLASS_MQ:
        return cmd == MQ_VQ_PAIRS_SET  ? set_pairs(n, e)
               : cmd == MQ_RSS_CONFIG  ? rss_config(n, e)
               : cmd == MQ_HASH_CONFIG ? hash_config(n, e)
                                       : CTRL_ERR;
    case CLASS_GUEST_OFFLOADS:
        return cmd == GUEST_OFFLOADS_SET ? set_offloads(n, e) : CTRL_ERR;
    case CLASS_NOTF_COAL:
        return set_coalescing(n, cmd, e);
    default:
        return CTRL_ERR;
    }
}

void virtio_net_handle_ctrl(VirtQueue *vq)
{
    VirtIONet *n = VIRTIO_NET(vq->vdev);
    VirtElem *e;

    while ((e = virtqueue_pop(vq))) {
        uint8_t head[2], ack;

        if (virtio_elem_read(e, 0, head, 2) != 2 || !e->in_bytes) {
            virtio_error(vq, "a control command has no header or no room for its status");
            virtqueue_drop(vq, e);
            return;
        }
        ack = command(n, head[0], head[1], e);
        TRACE(virtio_net, ctrl, "class %u command %u: %u", head[0], head[1], ack);
        virtio_elem_write(e, 0, &ack, 1);
        virtqueue_push(vq, e, 1);
    }
}

/* --- query-rx-filter ------------------------------------------------------------------------- */

typedef struct FilterQuery {
    VirtIONet *n;
    RxFilter filter;
} FilterQuery;

static void copy_filter(void *opaque)
{
    FilterQuery *q = opaque;

    q->filter = q->n->filter;
}

static strList *mac_list(const uint8_t table[][NET_ALEN], unsigned n)
{
    strList *list = NULL, **tail = &list;

    for (unsigned i = 0; i < n; i++) {
        QAPI_LIST_APPEND(tail, net_format_mac(table[i]));
    }
    return list;
}

RxFilterInfo *virtio_net_query_rx_filter(NetPort *p)
{
    VirtIONet *n = ((VirtNetPort *)p)->n;
    FilterQuery q = {.n = n};
    RxFilterInfo *info = g_new0(RxFilterInfo, 1);
    const RxFilter *f = &q.filter;
    intList **vlans = &info->vlan_table;

    aio_call(n->parent_obj.home, copy_filter, &q);
    info->name = g_strdup(p->id);
    info->promiscuous = f->promisc;
    info->multicast = f->nomulti ? RX_STATE_NONE : f->allmulti ? RX_STATE_ALL : RX_STATE_NORMAL;
    info->unicast = f->nouni ? RX_STATE_NONE : f->alluni ? RX_STATE_ALL : RX_STATE_NORMAL;
    info->vlan = f->vlan_filter ? RX_STATE_NORMAL : RX_STATE_ALL;
    info->broadcast_allowed = !f->nobcast;
    info->multicast_overflow = f->multi_overflow;
    info->unicast_overflow = f->uni_overflow;
    info->main_mac = net_format_mac(f->mac);
    info->unicast_table = mac_list(f->uni, f->uni_count);
    info->multicast_table = mac_list(f->multi, f->multi_count);
    for (unsigned vid = 0; f->vlan_filter && vid < 4096; vid++) {
        if (f->vlans[vid / 32] & BIT(vid % 32)) {
            QAPI_LIST_APPEND(vlans, vid);
        }
    }
    __atomic_store_n(&n->event_due, true, __ATOMIC_RELEASE);
    return info;
}
