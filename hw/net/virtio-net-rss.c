/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-net's receive-side scaling (virtio 1.2, sections 5.1.6.4.3 and 5.1.6.5.7): which queue a
 * packet goes to; and hash reports (5.1.6.4.4), which tell the driver what it would be.
 *
 * A packet comes in at the queue that the back end chose.  If its hash names another one, it is
 * copied into the inbox of that pair, whose bottom half goes on with it in that pair's thread.
 */
#include "virtio-net.h"

#define HASH_IPV4 BIT(0)
#define HASH_TCPV4 BIT(1)
#define HASH_UDPV4 BIT(2)
#define HASH_IPV6 BIT(3)
#define HASH_TCPV6 BIT(4)
#define HASH_UDPV6 BIT(5)
#define REPORT(type) (__builtin_ctz(type) + 1) /* as a packet's header names it */
#define HASH_INPUT 36                          /* bytes at most: two IPv6 addresses, two ports */

#define INBOX_PACKETS 1024
#define INBOX_BYTES (4 * MiB)

struct VirtNetRss {
    uint32_t types;
    bool steers; /* chooses the queue, too */
    uint16_t mask, unclassified, max_queue;
    uint16_t table[VIRTIO_NET_RSS_MAX_TABLE];
    uint32_t part[HASH_INPUT][256]; /* what a byte at a place adds to the hash */
};

struct VirtNetPacket {
    VirtNetPacket *next;
    size_t len;
    uint8_t data[];
};

/* --- the hash -------------------------------------------------------------------------------- */

/* Bit i of the input adds the 32 bits of the key that begin at bit i. */
static void prepare_hash(VirtNetRss *r, const uint8_t key[VIRTIO_NET_RSS_MAX_KEY])
{
    for (unsigned pos = 0; pos < HASH_INPUT; pos++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            uint32_t window = 0;
            unsigned weight = 0x80 >> bit;

            for (unsigned i = 0; i < 32; i++) {
                unsigned at = pos * 8 + bit + i;

                window = window << 1 | (key[at / 8] >> (7 - at % 8) & 1);
            }
            for (unsigned v = 0; v < 256; v++) {
                r->part[pos][v] ^= v & weight ? window : 0;
            }
        }
    }
}

static uint32_t hash_of(const VirtNetRss *r, const uint8_t *addrs, unsigned len,
                        const uint8_t *ports)
{
    uint32_t hash = 0;

    for (unsigned i = 0; i < len; i++) {
        hash ^= r->part[i][addrs[i]];
    }
    for (unsigned i = 0; ports && i < 4; i++) {
        hash ^= r->part[len + i][ports[i]];
    }
    return hash;
}

VirtNetHash virtio_net_hash(const VirtNetRss *r, const uint8_t *f, size_t len)
{
    const VirtNetHash none = {0};
    const uint8_t *ip = f + 14, *l4;
    unsigned type, proto, ports;

    if (len < 14) {
        return none;
    }
    type = f[12] << 8 | f[13];
    if (type == 0x8100 && len >= 18) {
        type = f[16] << 8 | f[17];
        ip += 4;
    }
    len -= ip - f;
    if (type == 0x0800 && len >= 20 && ip[0] >> 4 == 4) {
        l4 = ip + (ip[0] & 15) * 4u;
        /* A fragment has no ports, or not all of its datagram has. */
        proto = (ip[6] & 0x3f) || ip[7] ? 0 : ip[9];
        ports = proto == 6 ? HASH_TCPV4 : proto == 17 ? HASH_UDPV4 : 0;
        if ((r->types & ports) && (size_t)(l4 - ip) + 4 <= len) {
            return (VirtNetHash){hash_of(r, ip + 12, 8, l4), REPORT(ports), 0};
        }
        if (r->types & HASH_IPV4) {
            return (VirtNetHash){hash_of(r, ip + 12, 8, NULL), REPORT(HASH_IPV4), 0};
        }
    } else if (type == 0x86dd && len >= 40 && ip[0] >> 4 == 6) {
        ports = ip[6] == 6 ? HASH_TCPV6 : ip[6] == 17 ? HASH_UDPV6 : 0;
        if ((r->types & ports) && len >= 44) {
            return (VirtNetHash){hash_of(r, ip + 8, 32, ip + 40), REPORT(ports), 0};
        }
        if (r->types & HASH_IPV6) {
            return (VirtNetHash){hash_of(r, ip + 8, 32, NULL), REPORT(HASH_IPV6), 0};
        }
    }
    return none;
}

unsigned virtio_net_rss_queue(const VirtNetRss *r, const uint8_t *f, size_t len, unsigned own)
{
    VirtNetHash h;

    if (!r->steers) {
        return own;
    }
    h = virtio_net_hash(r, f, len);
    return h.report ? r->table[h.value & r->mask] : r->unclassified;
}

/* --- the command: home ----------------------------------------------------------------------- */

VirtNetRss *virtio_net_rss_parse(VirtIONet *n, const VirtElem *e, unsigned *pairs)
{
    struct QEMU_PACKED {
        uint32_t types;
        uint16_t mask, unclassified;
    } head;
    struct QEMU_PACKED {
        uint16_t max_tx;
        uint8_t key_len;
    } tail;
    uint8_t key[VIRTIO_NET_RSS_MAX_KEY] = {0};
    g_autofree VirtNetRss *r = NULL;
    size_t at = 2, table;

    if (virtio_elem_read(e, at, &head, sizeof(head)) != sizeof(head) ||
        (head.types & ~VIRTIO_NET_RSS_TYPES) || head.mask >= VIRTIO_NET_RSS_MAX_TABLE ||
        (head.mask & (head.mask + 1)) || head.unclassified >= n->pairs) {
        return NULL;
    }
    r = g_new0(VirtNetRss, 1);
    r->steers = true;
    r->types = head.types;
    r->mask = head.mask;
    r->unclassified = r->max_queue = head.unclassified;
    at += sizeof(head);
    table = (head.mask + 1u) * 2;
    if (virtio_elem_read(e, at, r->table, table) != table) {
        return NULL;
    }
    for (unsigned i = 0; i <= head.mask; i++) {
        if (r->table[i] >= n->pairs) {
            return NULL;
        }
        r->max_queue = MAX(r->max_queue, r->table[i]);
    }
    at += table;
    if (virtio_elem_read(e, at, &tail, sizeof(tail)) != sizeof(tail) || tail.max_tx < 1 ||
        tail.max_tx > n->pairs || tail.key_len > sizeof(key) ||
        (head.types && tail.key_len != sizeof(key))) {
        return NULL;
    }
    at += sizeof(tail);
    if (virtio_elem_read(e, at, key, tail.key_len) != tail.key_len ||
        e->out_bytes != at + tail.key_len) {
        return NULL;
    }
    prepare_hash(r, key);
    *pairs = MAX(tail.max_tx, r->max_queue + 1u);
    return g_steal_pointer(&r);
}

VirtNetRss *virtio_net_hash_parse(const VirtElem *e)
{
    struct QEMU_PACKED {
        uint32_t types;
        uint16_t reserved[4];
        uint8_t key_len;
    } head;
    uint8_t key[VIRTIO_NET_RSS_MAX_KEY] = {0};
    VirtNetRss *r;

    if (virtio_elem_read(e, 2, &head, sizeof(head)) != sizeof(head) ||
        (head.types & ~VIRTIO_NET_RSS_TYPES) || head.key_len > sizeof(key) ||
        (head.types && head.key_len != sizeof(key)) ||
        virtio_elem_read(e, 2 + sizeof(head), key, head.key_len) != head.key_len ||
        e->out_bytes != 2 + sizeof(head) + head.key_len) {
        return NULL;
    }
    r = g_new0(VirtNetRss, 1);
    r->types = head.types;
    prepare_hash(r, key);
    return r;
}

/* --- inboxes --------------------------------------------------------------------------------- */

/* Any thread; what it says may change at once, unless the caller has the lock. */
static bool inbox_full(const VirtNetPair *to, size_t len)
{
    return __atomic_load_n(&to->inbox_packets, __ATOMIC_RELAXED) >= INBOX_PACKETS ||
           __atomic_load_n(&to->inbox_bytes, __ATOMIC_RELAXED) + len > INBOX_BYTES;
}

/* With the lock. */
static void inbox_count(VirtNetPair *p, int packets, ssize_t bytes)
{
    __atomic_store_n(&p->inbox_packets, p->inbox_packets + packets, __ATOMIC_RELAXED);
    __atomic_store_n(&p->inbox_bytes, p->inbox_bytes + bytes, __ATOMIC_RELAXED);
}

void virtio_net_hand_over(VirtNetPair *to, const struct iovec *iov, unsigned niov, size_t len)
{
    g_autofree VirtNetPacket *copy = NULL;
    VirtNetPacket *packet;

    if (unlikely(inbox_full(to, len))) {
        __atomic_fetch_add(&to->inbox_drops, 1, __ATOMIC_RELAXED);
        return;
    }
    /* Made before the lock is taken: the pair that delivers does not wait for a copy. */
    copy = g_malloc(sizeof(*copy) + len);
    copy->next = NULL;
    copy->len = len;
    net_iov_copy(iov, niov, 0, copy->data, len);
    QEMU_LOCK_GUARD(&to->inbox_lock);
    if (unlikely(inbox_full(to, len))) {
        __atomic_fetch_add(&to->inbox_drops, 1, __ATOMIC_RELAXED);
        return;
    }
    packet = g_steal_pointer(&copy);
    *to->inbox_tail = packet;
    to->inbox_tail = &packet->next;
    inbox_count(to, 1, (ssize_t)len);
    aio_bh_schedule(to->inbox_bh);
}

/* The first one stays in the inbox until it was taken: only this thread takes. */
static VirtNetPacket *inbox_first(VirtNetPair *p)
{
    QEMU_LOCK_GUARD(&p->inbox_lock);
    return p->inbox;
}

static void inbox_pop(VirtNetPair *p)
{
    VirtNetPacket *packet;

    qemu_mutex_lock(&p->inbox_lock);
    packet = p->inbox;
    p->inbox = packet->next;
    if (!p->inbox) {
        p->inbox_tail = &p->inbox;
    }
    inbox_count(p, -1, -(ssize_t)packet->len);
    qemu_mutex_unlock(&p->inbox_lock);
    g_free(packet);
}

void virtio_net_inbox_run(void *opaque)
{
    VirtNetPair *p = opaque;
    VirtNetPacket *packet;

    p->inbox_waits = false;
    while ((packet = inbox_first(p))) {
        struct iovec iov = {packet->data, packet->len};

        if (!virtio_net_receive_here(p, &iov, 1, packet->len)) {
            p->inbox_waits = true;
            return; /* until the driver adds buffers, or the VM goes on */
        }
        inbox_pop(p);
    }
}

void virtio_net_inbox_init(VirtNetPair *p)
{
    qemu_mutex_init(&p->inbox_lock);
    p->inbox_tail = &p->inbox;
    p->inbox_bh = aio_bh_new(p->rx->ctx, virtio_net_inbox_run, p);
}

void virtio_net_inbox_free(VirtNetPair *p)
{
    if (p->inbox_bh) {
        g_clear_pointer(&p->inbox_bh, aio_bh_delete);
        while (p->inbox) {
            inbox_pop(p);
        }
        qemu_mutex_destroy(&p->inbox_lock);
    }
}
