/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checksums and segmentation in software.
 *
 * A frame that a driver wants segmented says where its transport header begins (csum_start) and how
 * much payload a segment has.  Everything in it is the guest's word: offsets are checked before
 * use, and the number of segments is bounded by MIN_SEGMENT.
 */
#include "net/checksum.h"

#define ETH_HLEN 14
#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd
#define ETH_P_VLAN 0x8100
#define ETH_P_QINQ 0x88a8
#define IP_PROTO_TCP 6
#define IP_PROTO_UDP 17
#define TCP_FIN 0x01
#define TCP_PSH 0x08
#define TCP_CWR 0x80
#define UDP_HLEN 8
#define MIN_SEGMENT 8   /* bytes of payload: 64 KiB are at most 8192 frames */
#define MAX_HEADERS 512 /* Ethernet to TCP, options included */

static inline unsigned get16(const uint8_t *p)
{
    return p[0] << 8 | p[1];
}

static inline void put16(uint8_t *p, unsigned v)
{
    p[0] = v >> 8;
    p[1] = v;
}

static inline uint32_t get32(const uint8_t *p)
{
    return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static inline void put32(uint8_t *p, uint32_t v)
{
    put16(p, v >> 16);
    put16(p + 2, v & 0xffff);
}

/* One's complement sums do not care for byte order until the end: this adds machine words. */
uint32_t net_sum(const uint8_t *data, size_t len, uint32_t sum)
{
    uint64_t acc = 0;
    uint32_t w;
    uint16_t folded;

    for (; len >= 4; data += 4, len -= 4) {
        memcpy(&w, data, 4);
        acc += w;
    }
    w = 0;
    memcpy(&w, data, len);
    acc += w;
    acc = (acc & 0xffffffff) + (acc >> 32);
    acc = (acc & 0xffff) + (acc >> 16 & 0xffff) + (acc >> 32);
    acc = (acc & 0xffff) + (acc >> 16);
    folded = (acc & 0xffff) + (acc >> 16);
    return sum + GUINT16_FROM_BE(folded);
}

uint16_t net_sum_finish(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return ~sum;
}

/* The sum of 0 is sent as its other form: in UDP 0 says that there is none. */
static void put_sum(uint8_t *at, uint32_t sum)
{
    uint16_t v = net_sum_finish(sum);

    put16(at, v ? v : 0xffff);
}

/* --- one frame ------------------------------------------------------------------------------- */

static bool fill_checksum(const NetVnetHdr *h, uint8_t *frame, size_t len, const char **why)
{
    size_t start = h->csum_start, at = start + h->csum_offset;

    if (start < ETH_HLEN || start >= len || at + 2 > len) {
        *why = "its checksum would lie outside of the frame";
        return false;
    }
    /* The field holds the pseudo header's sum. */
    put_sum(frame + at, net_sum(frame + start, len - start, 0));
    return true;
}

/* --- segments -------------------------------------------------------------------------------- */

typedef struct Segmenter {
    uint8_t head[MAX_HEADERS]; /* of the frame, as given */
    size_t ip, l4, head_len;   /* offsets; where the payload begins */
    bool v6, udp;
    uint32_t seq;
    uint16_t ip_id;
    uint8_t tcp_flags;
    uint32_t pseudo; /* sum of addresses and protocol, without the length */
} Segmenter;

static bool find_ip(Segmenter *s, const uint8_t *frame, size_t len)
{
    size_t at = 12;
    unsigned type = get16(frame + at);

    for (unsigned tags = 0; tags < 2 && (type == ETH_P_VLAN || type == ETH_P_QINQ); tags++) {
        at += 4;
        if (at + 2 > len) {
            return false;
        }
        type = get16(frame + at);
    }
    s->ip = at + 2;
    s->v6 = type == ETH_P_IPV6;
    return (type == ETH_P_IP || s->v6) && s->ip + (s->v6 ? 40 : 20) <= s->l4;
}

static bool parse(Segmenter *s, const NetVnetHdr *h, const uint8_t *frame, size_t len,
                  const char **why)
{
    unsigned gso = h->gso_type & ~NET_GSO_ECN;
    const uint8_t *l4;

    *why = "it has no headers that can be segmented";
    s->l4 = h->csum_start;
    s->udp = gso == NET_GSO_UDP_L4;
    if (!(h->flags & NET_HDR_F_NEEDS_CSUM) || len < ETH_HLEN ||
        s->l4 + (s->udp ? UDP_HLEN : 20) > len || !find_ip(s, frame, len) ||
        (gso == NET_GSO_TCPV4 && s->v6) || (gso == NET_GSO_TCPV6 && !s->v6)) {
        return false;
    }
    l4 = frame + s->l4;
    s->head_len = s->l4 + (s->udp ? UDP_HLEN : (size_t)(l4[12] >> 4) * 4);
    if (h->csum_offset != (s->udp ? 6 : 16) || s->head_len > len || s->head_len > MAX_HEADERS ||
        s->head_len < s->l4 + UDP_HLEN || (!s->udp && s->head_len < s->l4 + 20)) {
        return false;
    }
    if (h->gso_size < MIN_SEGMENT) {
        *why = "its segments are too small";
        return false;
    }
    memcpy(s->head, frame, s->head_len);
    if (s->v6) {
        s->pseudo = net_sum(frame + s->ip + 8, 32, 0);
    } else {
        s->pseudo = net_sum(frame + s->ip + 12, 8, 0);
        s->ip_id = get16(frame + s->ip + 4);
    }
    s->pseudo += s->udp ? IP_PROTO_UDP : IP_PROTO_TCP;
    if (!s->udp) {
        s->seq = get32(l4 + 4);
        s->tcp_flags = l4[13];
    }
    return true;
}

/* Headers of segment number n with len bytes of payload that begin at offset. */
static void make_headers(Segmenter *s, unsigned n, size_t offset, const uint8_t *payload,
                         size_t len, bool last)
{
    uint8_t *ip = s->head + s->ip, *l4 = s->head + s->l4;
    size_t l4_len = s->head_len - s->l4 + len;
    uint8_t *sum_at;

    if (s->v6) {
        put16(ip + 4, s->head_len - s->ip - 40 + len);
    } else {
        size_t ihl = MIN((ip[0] & 15) * 4u, s->l4 - s->ip);

        put16(ip + 2, s->head_len - s->ip + len);
        put16(ip + 4, s->ip_id + n);
        put16(ip + 10, 0);
        put16(ip + 10, net_sum_finish(net_sum(ip, ihl, 0)));
    }
    if (s->udp) {
        put16(l4 + 4, l4_len);
        sum_at = l4 + 6;
    } else {
        put32(l4 + 4, s->seq + (uint32_t)offset);
        l4[13] = s->tcp_flags & ~((last ? 0 : TCP_FIN | TCP_PSH) | (n ? TCP_CWR : 0));
        sum_at = l4 + 16;
    }
    put16(sum_at, 0);
    put_sum(sum_at, net_sum(payload, len, net_sum(l4, s->head_len - s->l4, s->pseudo + l4_len)));
}

static bool segment(const NetVnetHdr *h, uint8_t *frame, size_t len, NetFrameFn *fn, void *opaque,
                    const char **why)
{
    Segmenter s = {0};
    size_t total, offset = 0;

    if (!parse(&s, h, frame, len, why)) {
        return false;
    }
    total = len - s.head_len;
    for (unsigned n = 0; n == 0 || offset < total; n++) {
        size_t part = MIN(h->gso_size, total - offset);
        uint8_t *payload = frame + s.head_len + offset;
        struct iovec iov[2] = {{s.head, s.head_len}, {payload, part}};

        make_headers(&s, n, offset, payload, part, offset + part >= total);
        fn(opaque, iov, 2);
        offset += part;
    }
    return true;
}

bool net_complete(const NetVnetHdr *h, uint8_t *frame, size_t len, NetFrameFn *fn, void *opaque,
                  const char **why)
{
    unsigned gso = h->gso_type & ~NET_GSO_ECN;
    struct iovec iov = {frame, len};

    switch (gso) {
    case NET_GSO_NONE:
        if ((h->flags & NET_HDR_F_NEEDS_CSUM) && !fill_checksum(h, frame, len, why)) {
            return false;
        }
        fn(opaque, &iov, 1);
        return true;
    case NET_GSO_TCPV4:
    case NET_GSO_TCPV6:
    case NET_GSO_UDP_L4:
        return segment(h, frame, len, fn, opaque, why);
    default:
        *why = "it asks for a segmentation that was not offered";
        return false;
    }
}
