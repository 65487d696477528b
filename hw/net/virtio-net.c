/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-net: a network card (virtio 1.2, section 5.1): features, configuration, life.
 *
 * Queue 2i receives and 2i+1 transmits; such a pair shares a context with its wire to the back end.
 * The control queue, the last one, belongs to the home.
 */
#include "virtio-net.h"

#include "hw/boards.h"
#include "system/runstate.h"

#define ETHERTYPE_RARP 0x8035

/* --- status: home ---------------------------------------------------------------------------- */

void virtio_net_update_status(VirtIONet *n)
{
    VirtIODevice *vdev = &n->parent_obj;
    uint16_t status = (net_link_is_up(n->nic) ? VIRTIO_NET_S_LINK_UP : 0) |
                      (n->announce ? VIRTIO_NET_S_ANNOUNCE : 0);
    const unsigned at = offsetof(VirtioNetConfig, status);

    if (vdev->config[at] != status) {
        virtio_config_write(vdev, at, &status, 2, virtio_has_feature(vdev, VIRTIO_NET_F_STATUS));
    }
}

static void status_at_home(void *opaque)
{
    virtio_net_update_status(opaque);
}

static void link_changed(NetPort *p)
{
    VirtIONet *n = ((VirtNetPort *)p)->n;

    if (n->parent_obj.home) {
        aio_call(n->parent_obj.home, status_at_home, n);
    }
}

static void announce_at_home(void *opaque)
{
    VirtIONet *n = opaque;

    if (virtio_driver_ok(&n->parent_obj) &&
        virtio_has_feature(&n->parent_obj, VIRTIO_NET_F_GUEST_ANNOUNCE)) {
        n->announce = true;
        virtio_net_update_status(n);
    }
}

/* In the first pair's context: a reverse ARP request in the guest's name, which every switch sees.
 */
static void send_rarp(void *opaque)
{
    VirtNetPair *p = opaque;
    const uint8_t *mac = p->filter.mac;
    struct QEMU_PACKED {
        uint8_t dst[NET_ALEN], src[NET_ALEN];
        uint16_t type, hw, proto;
        uint8_t hw_len, proto_len;
        uint16_t op;
        uint8_t sender[NET_ALEN], sender_ip[4], target[NET_ALEN], target_ip[4], pad[18];
    } f = {.type = GUINT16_TO_BE(ETHERTYPE_RARP),
           .hw = GUINT16_TO_BE(1),
           .proto = GUINT16_TO_BE(0x0800),
           .hw_len = NET_ALEN,
           .proto_len = 4,
           .op = GUINT16_TO_BE(3)};
    NetVnetHdr h = {0};
    struct iovec iov[2] = {{&h, sizeof(h)}, {&f, sizeof(f)}};

    memset(f.dst, 0xff, NET_ALEN);
    memcpy(f.src, mac, NET_ALEN);
    memcpy(f.sender, mac, NET_ALEN);
    memcpy(f.target, mac, NET_ALEN);
    if (!(p->nq.vnet ? net_send(&p->nq, iov, 2) : net_send(&p->nq, iov + 1, 1))) {
        p->congested = true;
        if (p->tx->running) {
            virtqueue_block(p->tx, true);
        }
    }
}

static void announce(NetPort *port)
{
    VirtIONet *n = ((VirtNetPort *)port)->n;
    VirtNetPair *p = virtio_net_pair(n, 0);

    aio_call(p->nq.ctx, send_rarp, p);
    aio_call(n->parent_obj.home, announce_at_home, n);
}

static char *describe(NetPort *port)
{
    VirtIONet *n = ((VirtNetPort *)port)->n;
    g_autofree char *mac = net_format_mac(n->mac);

    return g_strdup_printf("model=%s,macaddr=%s", port->model, mac);
}

static const NetPortInfo nic_info = {
    .type = NET_CLIENT_DRIVER_NIC,
    .size = sizeof(VirtNetPort),
    .queue_size = sizeof(VirtNetPair),
    .receive = virtio_net_receive,
    .resume = virtio_net_resume_tx,
    .link_changed = link_changed,
    .announce = announce,
    .describe = describe,
    .query_rx_filter = virtio_net_query_rx_filter,
};

/* --- features, driver: home ------------------------------------------------------------------ */

/* What the back end takes undone, as features; without headers on the wire the device does
 * checksums and segments itself. */
static uint64_t host_offloads(NetPort *be)
{
    unsigned o = be && be->vnet ? be->offered
                                : NET_OFFLOAD_CSUM | NET_OFFLOAD_TSO4 | NET_OFFLOAD_TSO6 |
                                      NET_OFFLOAD_ECN | NET_OFFLOAD_USO;
    uint64_t f = 0;

    f |= o & NET_OFFLOAD_CSUM ? BIT_ULL(VIRTIO_NET_F_CSUM) : 0;
    f |= o & NET_OFFLOAD_TSO4 ? BIT_ULL(VIRTIO_NET_F_HOST_TSO4) : 0;
    f |= o & NET_OFFLOAD_TSO6 ? BIT_ULL(VIRTIO_NET_F_HOST_TSO6) : 0;
    f |= o & NET_OFFLOAD_ECN ? BIT_ULL(VIRTIO_NET_F_HOST_ECN) : 0;
    f |= o & NET_OFFLOAD_UFO ? BIT_ULL(VIRTIO_NET_F_HOST_UFO) : 0;
    f |= o & NET_OFFLOAD_USO ? BIT_ULL(VIRTIO_NET_F_HOST_USO) : 0;
    /* The old bit stands for all of TSO, ECN and UFO. */
    f |= (o & NET_OFFLOAD_TSO4) && (o & NET_OFFLOAD_UFO) ? BIT_ULL(VIRTIO_NET_F_GSO) : 0;
    return f;
}

static uint64_t guest_offloads(NetPort *be)
{
    uint64_t f = BIT_ULL(VIRTIO_NET_F_GUEST_CSUM);

    if (be && be->vnet) {
        f |= BIT_ULL(VIRTIO_NET_F_GUEST_TSO4) | BIT_ULL(VIRTIO_NET_F_GUEST_TSO6) |
             BIT_ULL(VIRTIO_NET_F_GUEST_ECN) | BIT_ULL(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS);
        f |= be->offered & NET_OFFLOAD_UFO ? BIT_ULL(VIRTIO_NET_F_GUEST_UFO) : 0;
        f |= be->offered & NET_OFFLOAD_USO
                 ? BIT_ULL(VIRTIO_NET_F_GUEST_USO4) | BIT_ULL(VIRTIO_NET_F_GUEST_USO6)
                 : 0;
    }
    return f;
}

/* 5.1.3.1: what each needs. */
static const struct {
    uint8_t bit, needs;
} dependencies[] = {
    {VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_CSUM},
    {VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_GUEST_CSUM},
    {VIRTIO_NET_F_GUEST_UFO, VIRTIO_NET_F_GUEST_CSUM},
    {VIRTIO_NET_F_GUEST_USO4, VIRTIO_NET_F_GUEST_CSUM},
    {VIRTIO_NET_F_GUEST_USO6, VIRTIO_NET_F_GUEST_CSUM},
    {VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_CSUM},
    {VIRTIO_NET_F_HOST_TSO6, VIRTIO_NET_F_CSUM},
    {VIRTIO_NET_F_HOST_UFO, VIRTIO_NET_F_CSUM},
    {VIRTIO_NET_F_HOST_USO, VIRTIO_NET_F_CSUM},
    {VIRTIO_NET_F_GSO, VIRTIO_NET_F_CSUM},
    {VIRTIO_NET_F_CTRL_RX, VIRTIO_NET_F_CTRL_VQ},
    {VIRTIO_NET_F_CTRL_RX_EXTRA, VIRTIO_NET_F_CTRL_VQ},
    {VIRTIO_NET_F_CTRL_VLAN, VIRTIO_NET_F_CTRL_VQ},
    {VIRTIO_NET_F_CTRL_MAC_ADDR, VIRTIO_NET_F_CTRL_VQ},
    {VIRTIO_NET_F_CTRL_GUEST_OFFLOADS, VIRTIO_NET_F_CTRL_VQ},
    {VIRTIO_NET_F_GUEST_ANNOUNCE, VIRTIO_NET_F_CTRL_VQ},
    {VIRTIO_NET_F_MQ, VIRTIO_NET_F_CTRL_VQ},
    {VIRTIO_NET_F_RSS, VIRTIO_NET_F_CTRL_VQ},
    {VIRTIO_NET_F_HASH_REPORT, VIRTIO_NET_F_CTRL_VQ},
    {VIRTIO_NET_F_NOTF_COAL, VIRTIO_NET_F_CTRL_VQ},
};

static uint64_t get_features(VirtIODevice *vdev)
{
    VirtIONet *n = VIRTIO_NET(vdev);
    NetPort *be = n->conf.netdev ? net_port_find(n->conf.netdev, false) : NULL;
    uint64_t f = host_offloads(be) | guest_offloads(be) | BIT_ULL(VIRTIO_NET_F_MRG_RXBUF) |
                 BIT_ULL(VIRTIO_NET_F_STATUS) | BIT_ULL(VIRTIO_NET_F_CTRL_VQ) |
                 BIT_ULL(VIRTIO_NET_F_CTRL_RX) | BIT_ULL(VIRTIO_NET_F_CTRL_RX_EXTRA) |
                 BIT_ULL(VIRTIO_NET_F_CTRL_VLAN) | BIT_ULL(VIRTIO_NET_F_CTRL_MAC_ADDR) |
                 BIT_ULL(VIRTIO_NET_F_GUEST_ANNOUNCE) | BIT_ULL(VIRTIO_NET_F_MQ) |
                 BIT_ULL(VIRTIO_NET_F_RSS) | BIT_ULL(VIRTIO_NET_F_HASH_REPORT) |
                 BIT_ULL(VIRTIO_NET_F_NOTF_COAL);

    f &= n->wanted;
    for (size_t i = 0; i < G_N_ELEMENTS(dependencies); i++) {
        if (!(f & BIT_ULL(dependencies[i].needs))) {
            f &= ~BIT_ULL(dependencies[i].bit);
        }
    }
    f |= BIT_ULL(VIRTIO_NET_F_MAC);
    f |= n->host_mtu ? BIT_ULL(VIRTIO_NET_F_MTU) : 0;
    f |= n->speed != -1 || n->duplex ? BIT_ULL(VIRTIO_NET_F_SPEED_DUPLEX) : 0;
    return f;
}

static bool validate_features(VirtIODevice *vdev, uint64_t f)
{
    for (size_t i = 0; i < G_N_ELEMENTS(dependencies); i++) {
        if ((f & BIT_ULL(dependencies[i].bit)) && !(f & BIT_ULL(dependencies[i].needs))) {
            return false;
        }
    }
    return !(f & BIT_ULL(VIRTIO_NET_F_HOST_ECN)) ||
           (f & (BIT_ULL(VIRTIO_NET_F_HOST_TSO4) | BIT_ULL(VIRTIO_NET_F_HOST_TSO6)));
}

static unsigned hdr_len(VirtIODevice *vdev)
{
    if (virtio_has_feature(vdev, VIRTIO_NET_F_HASH_REPORT)) {
        return sizeof(NetVnetHdr) + sizeof(VirtNetHash);
    }
    return virtio_has_feature(vdev, VIRTIO_NET_F_MRG_RXBUF) ||
                   virtio_has_feature(vdev, VIRTIO_F_VERSION_1)
               ? sizeof(NetVnetHdr)
               : offsetof(NetVnetHdr, num_buffers);
}

void virtio_net_pair_layout(VirtNetPair *p)
{
    VirtIODevice *vdev = &p->n->parent_obj;

    p->hdr_len = hdr_len(vdev);
    p->hash_report = virtio_has_feature(vdev, VIRTIO_NET_F_HASH_REPORT);
}

/* What was negotiated is in force. */
static void driver_ok(VirtIODevice *vdev)
{
    VirtIONet *n = VIRTIO_NET(vdev);

    n->guest_offloads = vdev->features;
    n->filter.vlan_filter = virtio_has_feature(vdev, VIRTIO_NET_F_CTRL_VLAN);
    virtio_net_update_pairs(n);
}

static void device_reset(VirtIODevice *vdev)
{
    VirtIONet *n = VIRTIO_NET(vdev);

    n->active_pairs = 1;
    n->guest_offloads = 0;
    n->announce = false;
    n->coal_rx = n->coal_tx = (VirtNetCoal){0};
    virtio_net_filter_reset(n);
    virtio_config_write(vdev, offsetof(VirtioNetConfig, mac), n->mac, NET_ALEN, false);
    virtio_net_update_status(n);
    virtio_net_set_rss(n, NULL);
}

/* Legacy drivers without the control queue's command write their address here. */
static void config_written(VirtIODevice *vdev, unsigned offset, unsigned size, const uint8_t *old)
{
    VirtIONet *n = VIRTIO_NET(vdev);
    bool writable = !virtio_has_feature(vdev, VIRTIO_F_VERSION_1) &&
                    !virtio_has_feature(vdev, VIRTIO_NET_F_CTRL_MAC_ADDR);

    for (unsigned i = offset; i < offset + size; i++) {
        if (i >= NET_ALEN || !writable) {
            __atomic_store_n(&vdev->config[i], old[i], __ATOMIC_RELEASE);
        }
    }
    if (writable && offset < NET_ALEN) {
        memcpy(n->filter.mac, vdev->config, NET_ALEN);
        virtio_net_update_pairs(n);
    }
}

/* --- queues: their contexts ------------------------------------------------------------------ */

static void queue_started(VirtQueue *vq)
{
    VirtNetPair *p = vq->opaque;

    if (p) {
        /* Legacy drivers may use queues before they say DRIVER_OK. */
        virtio_net_pair_layout(p);
        if (vq == p->tx && p->congested) {
            virtqueue_block(vq, true);
        }
    }
}

/* Packets that wait for buffers of a driver that is gone are dropped. */
static void stop_queue(VirtQueue *vq)
{
    VirtNetPair *p = vq->opaque;

    if (p && vq == p->rx) {
        virtio_net_inbox_run(p);
        net_ready(&p->nq);
    }
}

static int queue_group(VirtIODevice *vdev, unsigned index)
{
    return index == vdev->num_vqs - 1 ? -1 : (int)index / 2;
}

/* --- life: main loop ------------------------------------------------------------------------- */

static bool is_power_of_2(uint32_t v)
{
    return v && !(v & (v - 1));
}

static bool check_props(VirtIONet *n, GError **errp)
{
    if (n->conf.mac_text && !net_parse_mac(n->conf.mac_text, n->mac)) {
        error_setg(errp, "virtio-net: mac=%s: the form is 52:54:00:12:34:56", n->conf.mac_text);
        return false;
    }
    if (n->conf.mac_text && (n->mac[0] & 1)) {
        error_setg(errp, "virtio-net: mac=%s: a multicast address cannot be a card's own",
                   n->conf.mac_text);
        return false;
    }
    if (n->rx_size < 64 || n->rx_size > VIRTIO_RING_MAX || !is_power_of_2(n->rx_size)) {
        error_setg(errp, "virtio-net: rx_queue_size=%u: must be a power of two from 64 to %u",
                   n->rx_size, VIRTIO_RING_MAX);
        return false;
    }
    if (n->tx_size < 64 || n->tx_size > VIRTIO_RING_MAX || !is_power_of_2(n->tx_size)) {
        error_setg(errp, "virtio-net: tx_queue_size=%u: must be a power of two from 64 to %u",
                   n->tx_size, VIRTIO_RING_MAX);
        return false;
    }
    if (n->host_mtu && n->host_mtu < 68) {
        error_setg(errp, "virtio-net: host_mtu=%u: must be at least 68", n->host_mtu);
        return false;
    }
    if (n->duplex && strcmp(n->duplex, "half") && strcmp(n->duplex, "full")) {
        error_setg(errp, "virtio-net: duplex=%s: must be half or full", n->duplex);
        return false;
    }
    if (n->speed < -1) {
        error_setg(errp, "virtio-net: speed=%d: must be between -1 (unknown) and %d", n->speed,
                   INT32_MAX);
        return false;
    }
    if (n->tx_mode && strcmp(n->tx_mode, "bh")) {
        error_setg(errp, "virtio-net: tx=%s: only 'bh' is built in", n->tx_mode);
        return false;
    }
    if (n->tx_burst < 1) {
        error_setg(errp, "virtio-net: x-txburst=%d: must be at least 1", n->tx_burst);
        return false;
    }
    return true;
}

static NetPort *find_backend(VirtIONet *n, GError **errp)
{
    NetPort *be = net_port_find(n->conf.netdev, false);

    if (!be) {
        error_setg(errp,
                   "Property 'virtio-net-device.netdev' can't find value '%s': define it with "
                   "-netdev",
                   n->conf.netdev);
    } else if (be->peer) {
        error_setg(errp, "Property 'virtio-net-device.netdev' can't take value '%s': '%s' uses it",
                   n->conf.netdev, be->peer->id);
        be = NULL;
    }
    return be;
}

static bool make_port(VirtIONet *n, GError **errp)
{
    DeviceState *proxy = virtio_front(VIRTIO_DEVICE(n));
    static unsigned number;
    g_autofree char *id =
        proxy->id ? g_strdup(proxy->id)
                  : g_strdup_printf("%s.%u", object_get_typename(OBJECT(proxy)), number++);

    n->nic = net_port_new(&nic_info, id, n->pairs, errp);
    if (!n->nic) {
        return false;
    }
    ((VirtNetPort *)n->nic)->n = n;
    n->nic->vnet = true;
    n->nic->model = g_strdup(object_get_typename(OBJECT(proxy)));
    return true;
}

static void make_queues(VirtIONet *n)
{
    VirtIODevice *vdev = &n->parent_obj;

    for (unsigned i = 0; i < n->pairs; i++) {
        VirtNetPair *p = virtio_net_pair(n, i);

        p->n = n;
        p->rx = virtio_add_queue(vdev, n->rx_size, sizeof(VirtElem), true, virtio_net_handle_rx);
        p->tx = virtio_add_queue(vdev, n->tx_size, sizeof(VirtElem), false, virtio_net_handle_tx);
        p->rx->opaque = p->tx->opaque = p;
        p->active = i == 0;
        p->hdr_len = sizeof(NetVnetHdr);
        p->iov = g_new(struct iovec, VIRTIO_RING_MAX + 1);
        p->frame = g_malloc(NET_PACKET_MAX);
        p->filter = n->filter;
    }
    n->ctrl = virtio_add_queue(vdev, 64, sizeof(VirtElem), false, virtio_net_handle_ctrl);
}

static void resume_in_ctx(void *opaque)
{
    VirtNetPair *p = opaque;

    virtio_net_inbox_run(p);
    net_ready(&p->nq);
}

static void vm_state_changed(void *opaque, bool running, RunState state)
{
    VirtIONet *n = opaque;

    __atomic_store_n(&n->running, running, __ATOMIC_RELAXED);
    for (unsigned i = 0; running && i < n->pairs; i++) {
        aio_call(virtio_net_pair(n, i)->rx->ctx, resume_in_ctx, virtio_net_pair(n, i));
    }
}

static void init_config(VirtIONet *n)
{
    VirtioNetConfig c = {
        .max_virtqueue_pairs = n->pairs,
        .mtu = n->host_mtu,
        .speed = (uint32_t)n->speed,
        .duplex = !n->duplex ? 0xff : !strcmp(n->duplex, "full"),
        .rss_max_key_size = VIRTIO_NET_RSS_MAX_KEY,
        .rss_max_indirection_table_length = VIRTIO_NET_RSS_MAX_TABLE,
        .supported_hash_types = VIRTIO_NET_RSS_TYPES,
    };

    memcpy(c.mac, n->mac, NET_ALEN);
    virtio_config_init(&n->parent_obj, &c, sizeof(c));
}

static bool virtio_net_realize(VirtIODevice *vdev, GError **errp)
{
    VirtIONet *n = VIRTIO_NET(vdev);
    NetPort *be = NULL;

    if (!check_props(n, errp) || (n->conf.netdev && !(be = find_backend(n, errp)))) {
        return false;
    }
    n->pairs = be && (n->wanted & BIT_ULL(VIRTIO_NET_F_MQ)) ? be->num_queues : 1;
    n->pairs = MIN(n->pairs, (VIRTIO_QUEUE_MAX - 1) / 2);
    if (!make_port(n, errp)) {
        return false;
    }
    net_default_mac(n->mac);
    virtio_net_filter_reset(n);
    n->active_pairs = 1;
    n->event_due = true;
    n->path = object_get_canonical_path(OBJECT(n));
    init_config(n);
    make_queues(n);
    n->running = runstate_is_running();
    n->vmstate_handle = qemu_add_vm_change_state_handler(vm_state_changed, n);
    if (n->conf.bootindex >= 0) {
        add_boot_device_path(n->conf.bootindex, DEVICE(n)->parent_bus->parent, "/ethernet-phy@0");
    }
    return true;
}

static void virtio_net_placed(VirtIODevice *vdev)
{
    VirtIONet *n = VIRTIO_NET(vdev);
    NetPort *be = n->conf.netdev ? net_port_find(n->conf.netdev, false) : NULL;
    g_autofree AioContext **ctx = g_new(AioContext *, n->pairs);

    for (unsigned i = 0; i < n->pairs; i++) {
        ctx[i] = virtio_net_pair(n, i)->rx->ctx;
        n->nic->queues[i]->ctx = ctx[i];
        virtio_net_inbox_init(virtio_net_pair(n, i));
    }
    if (be) {
        net_connect(n->nic, be, ctx, NULL);
    } else {
        warn_report("nic %s has no peer", n->nic->id);
    }
    aio_call(vdev->home, status_at_home, n);
    virtio_net_update_pairs(n);
}

static void virtio_net_unrealize(VirtIODevice *vdev)
{
    VirtIONet *n = VIRTIO_NET(vdev);

    qemu_del_vm_change_state_handler(n->vmstate_handle);
    for (unsigned i = 0; i < n->pairs; i++) {
        VirtNetPair *p = virtio_net_pair(n, i);

        p->rx->opaque = p->tx->opaque = NULL;
        g_clear_pointer(&p->iov, g_free);
        g_clear_pointer(&p->frame, g_free);
    }
    net_disconnect(n->nic);
    for (unsigned i = 0; i < n->pairs; i++) {
        virtio_net_inbox_free(virtio_net_pair(n, i));
    }
    net_port_free(n->nic);
    n->nic = NULL;
    net_release_mac(n->mac);
    g_clear_pointer(&n->path, g_free);
}

/* --- properties ------------------------------------------------------------------------------ */

static json_object *feature_get(Object *obj, const ObjectProperty *prop, GError **errp)
{
    return json_object_new_boolean(!!(VIRTIO_NET(obj)->wanted & BIT_ULL((uintptr_t)prop->opaque)));
}

static bool feature_set(Object *obj, const ObjectProperty *prop, json_object *value, GError **errp)
{
    uint64_t bit = BIT_ULL((uintptr_t)prop->opaque);
    VirtIONet *n = VIRTIO_NET(obj);

    n->wanted = json_object_get_boolean(value) ? n->wanted | bit : n->wanted & ~bit;
    return true;
}

#define FEATURE(n, bit, def, h) \
    { \
        .name = n, .kind = PROP_BOOL, .has_default = true, .defval = def, .get = feature_get, \
        .set = feature_set, .opaque = (const void *)(uintptr_t)(bit), .help = h \
    }

static const ObjectProperty feature_props[] = {
    FEATURE("csum", VIRTIO_NET_F_CSUM, true, "the driver may leave checksums to do"),
    FEATURE("guest_csum", VIRTIO_NET_F_GUEST_CSUM, true, "the driver takes unfinished checksums"),
    FEATURE("gso", VIRTIO_NET_F_GSO, true, "legacy: the driver may leave all segmentation to do"),
    FEATURE("guest_tso4", VIRTIO_NET_F_GUEST_TSO4, true, "the driver takes large TCP over IPv4"),
    FEATURE("guest_tso6", VIRTIO_NET_F_GUEST_TSO6, true, "the driver takes large TCP over IPv6"),
    FEATURE("guest_ecn", VIRTIO_NET_F_GUEST_ECN, true, "... with congestion notification"),
    FEATURE("guest_ufo", VIRTIO_NET_F_GUEST_UFO, true, "the driver takes large UDP"),
    FEATURE("guest_uso4", VIRTIO_NET_F_GUEST_USO4, true,
            "the driver takes several UDP/IPv4 in one"),
    FEATURE("guest_uso6", VIRTIO_NET_F_GUEST_USO6, true,
            "the driver takes several UDP/IPv6 in one"),
    FEATURE("host_tso4", VIRTIO_NET_F_HOST_TSO4, true, "the driver may send large TCP over IPv4"),
    FEATURE("host_tso6", VIRTIO_NET_F_HOST_TSO6, true, "the driver may send large TCP over IPv6"),
    FEATURE("host_ecn", VIRTIO_NET_F_HOST_ECN, true, "... with congestion notification"),
    FEATURE("host_ufo", VIRTIO_NET_F_HOST_UFO, true, "the driver may send large UDP"),
    FEATURE("host_uso", VIRTIO_NET_F_HOST_USO, true, "the driver may send several UDP in one"),
    FEATURE("mrg_rxbuf", VIRTIO_NET_F_MRG_RXBUF, true, "a packet may use several buffers"),
    FEATURE("status", VIRTIO_NET_F_STATUS, true, "the driver sees the link's state"),
    FEATURE("ctrl_vq", VIRTIO_NET_F_CTRL_VQ, true, "control queue"),
    FEATURE("ctrl_rx", VIRTIO_NET_F_CTRL_RX, true, "the driver may filter what it receives"),
    FEATURE("ctrl_rx_extra", VIRTIO_NET_F_CTRL_RX_EXTRA, true, "... with more modes"),
    FEATURE("ctrl_vlan", VIRTIO_NET_F_CTRL_VLAN, true, "the driver may filter VLANs"),
    FEATURE("ctrl_mac_addr", VIRTIO_NET_F_CTRL_MAC_ADDR, true, "the driver may set its address"),
    FEATURE("ctrl_guest_offloads", VIRTIO_NET_F_CTRL_GUEST_OFFLOADS, true,
            "the driver may switch what it takes undone"),
    FEATURE("guest_announce", VIRTIO_NET_F_GUEST_ANNOUNCE, true,
            "the driver announces itself when asked to"),
    FEATURE("mq", VIRTIO_NET_F_MQ, false, "as many pairs of queues as the back end has queues"),
    FEATURE("rss", VIRTIO_NET_F_RSS, false, "the driver says which queue a packet comes to"),
    FEATURE("hash", VIRTIO_NET_F_HASH_REPORT, false, "packets come with a hash of their addresses"),
    FEATURE("notf_coal", VIRTIO_NET_F_NOTF_COAL, true,
            "the driver may say how long its notifications wait for more packets"),
};

static const ObjectProperty virtio_net_props[] = {
    DEFINE_PROP_STRING("netdev", VirtIONet, conf.netdev, "id of the back end"),
    DEFINE_PROP_STRING("mac", VirtIONet, conf.mac_text,
                       "MAC address (default: 52:54:00:12:34:56 and the following)"),
    DEFINE_PROP_INT32("bootindex", VirtIONet, conf.bootindex, -1, "place in the boot order"),
    DEFINE_VIRTIO_HOME_PROPS,
    DEFINE_PROP_UINT16("rx_queue_size", VirtIONet, rx_size, 256, "entries of a receive queue"),
    DEFINE_PROP_UINT16("tx_queue_size", VirtIONet, tx_size, 256, "entries of a transmit queue"),
    DEFINE_PROP_UINT16("host_mtu", VirtIONet, host_mtu, 0,
                       "MTU that the driver is told; 0: none is told"),
    DEFINE_PROP_INT32("speed", VirtIONet, speed, -1, "Mbit/s that the driver is told; -1: unknown"),
    DEFINE_PROP_STRING("duplex", VirtIONet, duplex, "half or full, as the driver is told"),
    DEFINE_PROP_STRING("tx", VirtIONet, tx_mode, "when packets are sent: bh"),
    DEFINE_PROP_INT32("x-txburst", VirtIONet, tx_burst, 256, "packets that are sent in one go"),
};

static void virtio_net_init(Object *obj)
{
    VirtIONet *n = VIRTIO_NET(obj);

    for (unsigned i = 0; i < G_N_ELEMENTS(feature_props); i++) {
        if (feature_props[i].defval) {
            n->wanted |= BIT_ULL((uintptr_t)feature_props[i].opaque);
        }
    }
}

static void virtio_net_class_init(ObjectClass *klass, const void *data)
{
    VirtioDeviceClass *vc = (VirtioDeviceClass *)klass;

    vc->parent_class.category = DEVICE_CATEGORY_NETWORK;
    vc->parent_class.desc = "virtio network card";
    vc->name = "virtio-net";
    vc->device_id = VIRTIO_ID_NET;
    vc->legacy_pci_id = 0x1000;
    vc->pci_class = PCI_CLASS_NETWORK_ETHERNET;
    vc->romfile = "efi-virtio.rom";
    vc->realize = virtio_net_realize;
    vc->placed = virtio_net_placed;
    vc->unrealize = virtio_net_unrealize;
    vc->queue_group = queue_group;
    vc->get_features = get_features;
    vc->validate_features = validate_features;
    vc->driver_ok = driver_ok;
    vc->reset = device_reset;
    vc->config_written = config_written;
    vc->queue_started = queue_started;
    vc->stop_queue = stop_queue;
    object_class_add_property_table(klass, feature_props);
    object_class_add_property_table(klass, virtio_net_props);
}

static const TypeInfo virtio_net_info = {
    .name = TYPE_VIRTIO_NET,
    .parent = TYPE_VIRTIO_DEVICE,
    .instance_size = sizeof(VirtIONet),
    .class_init = virtio_net_class_init,
    .instance_init = virtio_net_init,
};
QOM_TYPE(virtio_net_info);

VIRTIO_PCI_TYPES(virtio_net, "virtio-net", TYPE_VIRTIO_NET);
