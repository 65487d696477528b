/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-net's packets (virtio 1.2, sections 5.1.6.2 to 5.1.6.4).  All in the context that a pair
 * of queues and its wire share; nothing is allocated.
 */
#include "virtio-net.h"

#include "net/checksum.h"

#define MAX_MERGED 256 /* buffers that one frame may be spread over */
#define ETH_HLEN 14
#define FILTER_BYTES 18 /* what the filter looks at */
#define HEAD_BYTES 128  /* what the choice of a queue looks at: tag, largest IPv4 header, ports */

/* --- filter ---------------------------------------------------------------------------------- */

static bool in_table(const uint8_t table[][NET_ALEN], unsigned n, const uint8_t *mac)
{
    for (unsigned i = 0; i < n; i++) {
        if (!memcmp(table[i], mac, NET_ALEN)) {
            return true;
        }
    }
    return false;
}

bool virtio_net_filter_accepts(const RxFilter *f, const uint8_t *head, size_t len)
{
    static const uint8_t broadcast[NET_ALEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

    if (f->promisc) {
        return true;
    }
    if (f->vlan_filter && len >= 16 && head[12] == 0x81 && head[13] == 0x00) {
        unsigned vid = (head[14] << 8 | head[15]) & 0xfff;

        if (!(f->vlans[vid / 32] & BIT(vid % 32))) {
            return false;
        }
    }
    if (head[0] & 1) {
        if (!memcmp(head, broadcast, NET_ALEN)) {
            return !f->nobcast;
        }
        return !f->nomulti &&
               (f->allmulti || f->multi_overflow || in_table(f->multi, f->multi_count, head));
    }
    return !f->nouni && (f->alluni || f->uni_overflow || !memcmp(head, f->mac, NET_ALEN) ||
                         in_table(f->uni, f->uni_count, head));
}

/* --- receive --------------------------------------------------------------------------------- */

/* Where the next byte of a list of pieces is. */
typedef struct Cursor {
    const struct iovec *iov;
    unsigned left;
    size_t offset;
} Cursor;

static void cursor_skip(Cursor *c, size_t n)
{
    c->offset += n;
    while (c->left && c->offset >= c->iov->iov_len) {
        c->offset -= c->iov->iov_len;
        c->iov++;
        c->left--;
    }
}

/* Copies len bytes from the cursor into e's writable part from at on. */
static void copy_to_elem(VirtElem *e, size_t at, Cursor *from, size_t len)
{
    while (len && from->left) {
        size_t part = MIN(len, from->iov->iov_len - from->offset);

        virtio_elem_write(e, at, (uint8_t *)from->iov->iov_base + from->offset, part);
        at += part;
        len -= part;
        cursor_skip(from, part);
    }
}

/* Fetches buffers for total bytes into elems: how many; 0: there are too few now; -1: the frame is
 * to be dropped. */
static int fetch_buffers(VirtNetPair *p, size_t total, VirtElem **elems)
{
    VirtQueue *vq = p->rx;
    bool merge = virtio_has_feature(&p->n->parent_obj, VIRTIO_NET_F_MRG_RXBUF);
    size_t room = 0;
    int n = 0, ret;

    while (room < total) {
        VirtElem *e = n < (merge ? MAX_MERGED : 1) ? virtqueue_pop(vq) : NULL;

        if (!e) {
            /* Buffers that would help may come: then the driver must say so.  It is asked while all
             * that there are have been fetched, so that only new ones count. */
            ret = n == (merge ? MAX_MERGED : 1) || n >= vq->ring.num || vq->ring.broken ? -1 : 0;
            if (ret == 0 && virtqueue_want_kick(vq)) {
                continue;
            }
            while (n--) {
                virtqueue_unpop(vq, elems[n]);
            }
            return ret;
        }
        elems[n++] = e;
        room += e->in_bytes;
        if (unlikely(e->in_bytes < (n == 1 ? p->hdr_len : 1))) {
            virtio_error(vq, "a receive buffer has no room for the header of a packet");
            while (n--) {
                virtqueue_drop(vq, elems[n]);
            }
            return -1;
        }
    }
    return n;
}

static void deliver(VirtNetPair *p, NetVnetHdr *h, Cursor *from, size_t len, VirtElem **elems,
                    int n)
{
    size_t at = p->hdr_len;

    h->num_buffers = n;
    virtio_elem_write(elems[0], 0, h, MIN(p->hdr_len, sizeof(*h)));
    if (unlikely(p->hash_report)) {
        VirtNetHash hash = {0};

        if (p->rss) {
            uint8_t head[HEAD_BYTES];

            hash = virtio_net_hash(
                p->rss, head,
                virtio_iov_read(from->iov, from->left, from->offset, head, sizeof(head)));
        }
        virtio_elem_write(elems[0], sizeof(*h), &hash, sizeof(hash));
    }
    virtqueue_not_packets(p->rx, n - 1);
    for (int i = 0; i < n; i++) {
        size_t part = MIN(len, elems[i]->in_bytes - at);

        copy_to_elem(elems[i], at, from, part);
        len -= part;
        virtqueue_push(p->rx, elems[i], at + part);
        at = 0;
    }
}

bool virtio_net_receive_here(VirtNetPair *p, const struct iovec *iov, unsigned niov, size_t len)
{
    Cursor from = {iov, niov, 0};
    VirtElem *elems[MAX_MERGED];
    NetVnetHdr h = {0};
    size_t skip = 0;
    int n;

    if (unlikely(!__atomic_load_n(&p->n->running, __ATOMIC_RELAXED))) {
        return false; /* until the VM goes on */
    }
    if (unlikely(!p->rx->running || p->rx->ring.broken || !p->active)) {
        virtio_count(&p->rx_drops, 1);
        return true;
    }
    if (p->nq.vnet) {
        skip = NET_VNET_HDR_LEN;
        net_iov_copy(iov, niov, 0, &h, sizeof(h));
        if (!virtio_has_feature(&p->n->parent_obj, VIRTIO_NET_F_GUEST_CSUM)) {
            h = (NetVnetHdr){0};
        }
    }
    cursor_skip(&from, skip);
    len -= skip;
    n = fetch_buffers(p, p->hdr_len + len, elems);
    if (n > 0) {
        TRACE(virtio_net, rx, "queue %u len %zu buffers %d", p->rx->index, len, n);
        deliver(p, &h, &from, len, elems, n);
    } else if (n < 0) {
        virtio_count(&p->rx_drops, 1);
    }
    return n != 0;
}

bool virtio_net_receive(NetQueue *nq, const struct iovec *iov, unsigned niov, size_t len)
{
    VirtNetPair *p = container_of(nq, VirtNetPair, nq);
    size_t skip = nq->vnet ? NET_VNET_HDR_LEN : 0, n;
    uint8_t head[HEAD_BYTES];

    if (unlikely(len < skip + ETH_HLEN)) {
        virtio_count(&p->rx_drops, 1);
        return true;
    }
    n = net_iov_copy(iov, niov, skip, head, p->rss ? sizeof(head) : FILTER_BYTES);
    if (!virtio_net_filter_accepts(&p->filter, head, n)) {
        return true;
    }
    if (unlikely(p->rss)) {
        unsigned queue = virtio_net_rss_queue(p->rss, head, n, nq->index);

        if (queue != nq->index) {
            virtio_net_hand_over(virtio_net_pair(p->n, queue), iov, niov, len);
            return true;
        }
    }
    return virtio_net_receive_here(p, iov, niov, len);
}

/* The driver added buffers. */
void virtio_net_handle_rx(VirtQueue *vq)
{
    VirtNetPair *p = vq->opaque;

    virtqueue_no_kick(vq);
    if (unlikely(p->inbox_waits)) {
        virtio_net_inbox_run(p);
    }
    net_ready(&p->nq);
}

/* --- transmit -------------------------------------------------------------------------------- */

static void send_frame(void *opaque, const struct iovec *iov, unsigned niov)
{
    VirtNetPair *p = opaque;

    if (!net_send(&p->nq, iov, niov)) {
        p->congested = true;
    }
}

/* Does the driver's header say only what was negotiated? */
static bool header_ok(VirtNetPair *p, const NetVnetHdr *h)
{
    VirtIODevice *vdev = &p->n->parent_obj;
    unsigned bit;

    if ((h->flags & NET_HDR_F_NEEDS_CSUM) && !virtio_has_feature(vdev, VIRTIO_NET_F_CSUM)) {
        return false;
    }
    switch (h->gso_type & ~NET_GSO_ECN) {
    case NET_GSO_NONE:
        return true;
    case NET_GSO_TCPV4:
        bit = VIRTIO_NET_F_HOST_TSO4;
        break;
    case NET_GSO_TCPV6:
        bit = VIRTIO_NET_F_HOST_TSO6;
        break;
    case NET_GSO_UDP:
        bit = VIRTIO_NET_F_HOST_UFO;
        break;
    case NET_GSO_UDP_L4:
        bit = VIRTIO_NET_F_HOST_USO;
        break;
    default:
        return false;
    }
    return virtio_has_feature(vdev, bit) || virtio_has_feature(vdev, VIRTIO_NET_F_GSO);
}

/* The frame's pieces into p->iov[1...]; how many. */
static unsigned frame_pieces(VirtNetPair *p, const VirtElem *e)
{
    size_t skip = p->hdr_len;
    unsigned n = 1;

    for (unsigned i = 0; i < e->num_out; i++) {
        if (skip >= e->iov[i].iov_len) {
            skip -= e->iov[i].iov_len;
            continue;
        }
        p->iov[n].iov_base = (uint8_t *)e->iov[i].iov_base + skip;
        p->iov[n++].iov_len = e->iov[i].iov_len - skip;
        skip = 0;
    }
    return n - 1;
}

static void transmit(VirtNetPair *p, const VirtElem *e)
{
    size_t len = e->out_bytes - p->hdr_len;
    const char *why = "its header asks for what was not negotiated";
    NetVnetHdr h = {0};
    unsigned n;

    virtio_elem_read(e, 0, &h, MIN(p->hdr_len, sizeof(h)));
    h.flags &= NET_HDR_F_NEEDS_CSUM;
    h.num_buffers = 0;
    if (len < ETH_HLEN || len > NET_PACKET_MAX) {
        why = "its length cannot be";
    } else if (header_ok(p, &h)) {
        n = frame_pieces(p, e);
        TRACE(virtio_net, tx, "queue %u len %zu gso %u", p->tx->index, len, h.gso_type);
        if (p->nq.vnet) {
            p->iov[0] = (struct iovec){&h, sizeof(h)};
            send_frame(p, p->iov, n + 1);
            return;
        }
        if (likely(!h.flags && h.gso_type == NET_GSO_NONE)) {
            send_frame(p, p->iov + 1, n);
            return;
        }
        net_iov_copy(p->iov + 1, n, 0, p->frame, len);
        if (net_complete(&h, p->frame, len, send_frame, p, &why)) {
            return;
        }
    }
    TRACE(virtio_net, tx_drop, "queue %u len %zu: %s", p->tx->index, len, why);
    virtio_count(&p->tx_drops, 1);
}

void virtio_net_handle_tx(VirtQueue *vq)
{
    VirtNetPair *p = vq->opaque;
    VirtElem *e;

    for (int n = 0; n < p->n->tx_burst && !p->congested; n++) {
        e = virtqueue_pop(vq);
        if (!e) {
            return;
        }
        if (unlikely(e->out_bytes < p->hdr_len)) {
            virtio_error(vq, "a packet to send is shorter than its header");
            virtqueue_drop(vq, e);
            return;
        }
        transmit(p, e);
        virtqueue_push(vq, e, 0);
    }
    if (p->congested) {
        virtqueue_block(vq, true);
    } else {
        virtqueue_schedule(vq); /* the others of this thread first */
    }
}

void virtio_net_resume_tx(NetQueue *nq)
{
    VirtNetPair *p = container_of(nq, VirtNetPair, nq);

    p->congested = false;
    if (p->tx->running) {
        virtqueue_block(p->tx, false);
    }
}
