/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio-net: packets both ways, back pressure, buffers that are merged, checksums and segments
 * that are left to the device. */
#include "virtio-net-driver.h"

#include <poll.h>
#include <string.h>

/* --- receive ---------------------------------------------------------------------------------- */

static void test_receive(const void *opaque)
{
    static const unsigned sizes[] = {14, 59, 60, 61, 128, 777, 1514, 1518};
    Net *n = net_start(qhome_of(opaque), false, ",packed=on,in_order=on");

    for (unsigned round = 0; round < 4; round++) {
        net_drive(n,
                  F_MRG | (round & 1 ? QVIRTIO_F_PACKED : 0) |
                      (round & 2 ? QVIRTIO_F_EVENT_IDX : QVIRTIO_F_IN_ORDER),
                  0);
        net_add_rx_many(n, 16);
        for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
            wire_send_new(n, net_own_mac, sizes[i], i);
        }
        for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
            net_expect_rx_new(n, net_own_mac, sizes[i], i);
        }
        net_some_traffic(n);
    }
    /* runts and what is no frame: dropped */
    net_drive(n, 0, 0);
    net_add_rx_many(n, 4);
    wire_send_new(n, net_own_mac, 13, 0);
    wire_send_new(n, net_own_mac, 100, 5);
    net_expect_rx_new(n, net_own_mac, 100, 5);
    net_stop(n);
}

/* Without buffers nothing is lost: the back end stops reading, the sender notices. */
static void test_flow_control(const void *opaque)
{
    Net *n = net_start(qhome_of(opaque), false, "");
    uint8_t f[1000];
    unsigned sent = 0, got = 0;

    for (unsigned event_idx = 0; event_idx < 2; event_idx++) {
        net_drive(n, F_MRG | (event_idx ? QVIRTIO_F_EVENT_IDX : 0), 64);
        for (sent = 0; sent < 5000; sent++) {
            struct pollfd p = {.fd = n->peer, .events = POLLOUT};

            if (poll(&p, 1, 300) <= 0) {
                break;
            }
            net_frame(f, net_own_mac, sizeof(f), sent);
            wire_send(n, f, sizeof(f));
        }
        /* a backlog of one and what the sockets hold: far from all */
        g_assert_cmpuint(sent, >, 1);
        g_assert_cmpuint(sent, <, 1000);
        for (got = 0; got < sent; got++) {
            net_add_rx(n, got % 16, RX_BUF);
            qvirtio_kick_if_wanted(&n->v->q[RX]);
            net_frame(f, net_own_mac, sizeof(f), got);
            net_expect_rx(n, f, sizeof(f));
        }
        net_add_rx_many(n, 8);
        wire_send_new(n, net_own_mac, 60, 99);
        net_expect_rx_new(n, net_own_mac, 60, 99);
    }
    net_stop(n);
}

static void test_mergeable(const void *opaque)
{
    Net *n = net_start(qhome_of(opaque), false, ",packed=on");
    g_autofree uint8_t *got = g_malloc(70000);
    uint8_t f[9000];

    for (unsigned packed = 0; packed < 2; packed++) {
        net_drive(n, F_MRG | (packed ? QVIRTIO_F_PACKED : 0), 0);
        net_frame(f, net_own_mac, sizeof(f), 3);
        for (unsigned size = 64; size <= 1024; size *= 4) {
            unsigned want = (sizeof(f) + 12 + size - 1) / size, at = 0;

            /* one too few: nothing comes */
            for (unsigned i = 0; i < want - 1; i++) {
                net_add_rx(n, i, size);
            }
            qvirtio_kick_if_wanted(&n->v->q[RX]);
            wire_send(n, f, sizeof(f));
            g_usleep(20000);
            g_assert_false(qvirtio_ready(&n->v->q[RX]));
            net_add_rx(n, want - 1, size);
            qvirtio_kick_if_wanted(&n->v->q[RX]);
            for (unsigned i = 0; i < want; i++) {
                uint32_t used;
                uint16_t id = qvirtio_wait(&n->v->q[RX], &used);

                g_assert_cmpuint(used, ==, i < want - 1 ? size : sizeof(f) + 12 - at);
                qtest_memread(n->s, n->rx_at[id], got + at, used);
                at += used;
            }
            g_assert_cmpuint(at, ==, sizeof(f) + 12);
            g_assert_cmpuint(got[10] | got[11] << 8, ==, want);
            g_assert_cmpmem(got + 12, sizeof(f), f, sizeof(f));
        }
    }
    /* a ring that can never hold it: the frame is dropped, the next one comes */
    net_drive(n, F_MRG, 4);
    for (unsigned i = 0; i < 4; i++) {
        net_add_rx(n, i, 256);
    }
    qvirtio_kick_if_wanted(&n->v->q[RX]);
    wire_send(n, f, sizeof(f));
    wire_send_new(n, net_own_mac, 100, 1);
    net_expect_rx_new(n, net_own_mac, 100, 1);
    /* not agreed on: what does not fit is dropped */
    net_drive(n, 0, 0);
    net_add_rx_many(n, 4);
    wire_send(n, f, sizeof(f));
    wire_send_new(n, net_own_mac, 100, 2);
    net_expect_rx_new(n, net_own_mac, 100, 2);
    net_stop(n);
}

/* --- transmit --------------------------------------------------------------------------------- */

static void test_transmit(const void *opaque)
{
    Net *n = net_start(qhome_of(opaque), false, ",packed=on");
    static const uint8_t none[12];
    uint8_t f[100], got[200];

    for (unsigned round = 0; round < 4; round++) {
        net_drive(
            n, F_MRG | (round & 1 ? QVIRTIO_F_PACKED : 0) | (round & 2 ? QVIRTIO_F_EVENT_IDX : 0),
            0);
        net_some_traffic(n);
    }
    /* what cannot be a frame is swallowed */
    net_frame(f, net_broadcast, 100, 0);
    net_transmit(n, none, f, 13, 0);
    net_transmit(n, none, f, 100, 1);
    g_assert_cmpint(wire_recv(n, got, sizeof(got), 5000), ==, 100);
    net_stop(n);
    n = net_start(qhome_of(opaque), true, "");
    net_drive(n, 0, 0);
    net_some_traffic(n);
    net_add_rx_many(n, 4);
    wire_send_new(n, net_own_mac, 200, 1);
    net_expect_rx_new(n, net_own_mac, 200, 1);
    net_stop(n);
}

/* The peer does not read: the queue stops, and goes on when it does; all arrive, in order. */
static void test_transmit_congested(const void *opaque)
{
    Net *n = net_start(qhome_of(opaque), false, "");
    static const uint8_t none[12];
    uint8_t f[20000], got[20010];
    unsigned offered = 0, done = 0;
    uint32_t used;

    net_drive(n, 0, 256);
    for (unsigned i = 0; i < 200; i++) {
        QVirtioBuf b = {n->tx, 12 + sizeof(f), false};

        net_frame(f, net_broadcast, sizeof(f), 1);
        if (i == 0) {
            qtest_memwrite(n->s, n->tx, none, 12);
            qtest_bufwrite(n->s, n->tx + 12, f, sizeof(f));
        }
        qvirtio_add(&n->v->q[TX], &b, 1, false);
        offered++;
    }
    qvirtio_kick(&n->v->q[TX]);
    g_usleep(200000);
    while (qvirtio_ready(&n->v->q[TX])) {
        qvirtio_wait(&n->v->q[TX], &used);
        done++;
    }
    g_assert_cmpuint(done, <, offered);
    for (unsigned i = 0; i < offered; i++) {
        g_assert_cmpint(wire_recv(n, got, sizeof(got), 5000), ==, sizeof(f));
        g_assert_cmpmem(got, sizeof(f), f, sizeof(f));
    }
    while (done < offered) {
        qvirtio_wait(&n->v->q[TX], &used);
        done++;
    }
    net_stop(n);
}

/* --- checksums and segments ------------------------------------------------------------------- */

/* Written for this test: byte by byte. */
static uint16_t sum_of(const uint8_t *p, unsigned len, uint32_t sum)
{
    for (unsigned i = 0; i < len; i++) {
        sum += i & 1 ? p[i] : p[i] << 8;
    }
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

/* A TCP or UDP frame whose checksum field has the pseudo header's sum. */
static unsigned make_l4(uint8_t *f, bool v6, bool udp, unsigned payload)
{
    unsigned ip = v6 ? 40 : 20, l4 = udp ? 8 : 32, at = 14 + ip;
    uint32_t pseudo;

    memset(f, 0, at + l4);
    memcpy(f, net_broadcast, 6);
    memcpy(f + 6, net_own_mac, 6);
    f[12] = v6 ? 0x86 : 0x08;
    f[13] = v6 ? 0xdd : 0x00;
    if (v6) {
        f[14] = 0x60;
        f[18] = (l4 + payload) >> 8;
        f[19] = (uint8_t)(l4 + payload);
        f[20] = udp ? 17 : 6;
        f[21] = 64;
        f[22] = 0xfe;
        f[37] = 1;
        f[38] = 0xfe;
        f[53] = 2;
        pseudo = sum_of(f + 22, 32, 0);
    } else {
        f[14] = 0x45;
        f[16] = (ip + l4 + payload) >> 8;
        f[17] = (uint8_t)(ip + l4 + payload);
        f[18] = 0x12;
        f[19] = 0x34;
        f[22] = 64;
        f[23] = udp ? 17 : 6;
        f[26] = 10;
        f[29] = 1;
        f[30] = 10;
        f[33] = 2;
        pseudo = sum_of(f + 26, 8, 0);
    }
    pseudo += udp ? 17 : 6;
    f[at] = 0x30;
    f[at + 1] = 0x39;
    f[at + 3] = 80;
    if (udp) {
        f[at + 4] = (l4 + payload) >> 8;
        f[at + 5] = (uint8_t)(l4 + payload);
    } else {
        f[at + 4] = 0xff; /* the sequence number wraps */
        f[at + 5] = 0xff;
        f[at + 6] = 0xff;
        f[at + 7] = 0x00;
        f[at + 12] = 0x80;
        f[at + 13] = 0x99; /* CWR, ACK, PSH, FIN */
    }
    for (unsigned i = 0; i < payload; i++) {
        f[at + l4 + i] = (uint8_t)(i * 3 + i / 256);
    }
    pseudo = sum_of(f, 0, pseudo + l4 + payload);
    f[at + (udp ? 6 : 16)] = (uint8_t)(pseudo >> 8);
    f[at + (udp ? 6 : 16) + 1] = (uint8_t)pseudo;
    return at + l4 + payload;
}

/* All sums of a complete frame are right. */
static void check_sums(const uint8_t *f, unsigned len, bool v6, bool udp)
{
    unsigned at = 14 + (v6 ? 40 : 20), l4_len = len - at;
    uint32_t pseudo = v6 ? sum_of(f + 22, 32, 0) : sum_of(f + 26, 8, 0);

    if (!v6) {
        g_assert_cmpuint(f[16] << 8 | f[17], ==, len - 14);
        g_assert_cmphex(sum_of(f + 14, 20, 0), ==, 0xffff);
    } else {
        g_assert_cmpuint(f[18] << 8 | f[19], ==, len - 54);
    }
    g_assert_cmphex(sum_of(f + at, l4_len, pseudo + (udp ? 17 : 6) + l4_len), ==, 0xffff);
}

static void put_hdr(uint8_t *h, uint8_t flags, uint8_t gso, unsigned hdr_len, unsigned size,
                    unsigned start_at, unsigned offset)
{
    memset(h, 0, 12);
    h[0] = flags;
    h[1] = gso;
    h[2] = (uint8_t)hdr_len;
    h[4] = (uint8_t)size;
    h[5] = (uint8_t)(size >> 8);
    h[6] = (uint8_t)start_at;
    h[7] = (uint8_t)(start_at >> 8);
    h[8] = (uint8_t)offset;
}

static void one_segmented(Net *n, bool v6, bool udp, unsigned payload, unsigned mss)
{
    g_autofree uint8_t *f = g_malloc(70000), *got = g_malloc(70000);
    unsigned at = 14 + (v6 ? 40 : 20), head = at + (udp ? 8 : 32), len, done = 0;
    uint8_t h[12];

    len = make_l4(f, v6, udp, payload);
    put_hdr(h, 1, udp ? 5 : v6 ? 4 : 1, head, mss, at, udp ? 6 : 16);
    net_transmit(n, h, f, len, 2);
    for (unsigned i = 0; done < payload; i++) {
        unsigned part = MIN(mss, payload - done);
        bool last = done + part == payload;

        g_assert_cmpint(wire_recv(n, got, 70000, 5000), ==, head + part);
        if (!v6) {
            g_assert_cmpuint(got[18] << 8 | got[19], ==, 0x1234 + i);
        }
        check_sums(got, head + part, v6, udp);
        g_assert_cmpmem(got + head, part, f + head + done, part);
        if (!udp) {
            uint32_t seq =
                (uint32_t)got[at + 4] << 24 | got[at + 5] << 16 | got[at + 6] << 8 | got[at + 7];

            g_assert_cmphex(seq, ==, 0xffffff00u + done);
            g_assert_cmphex(got[at + 13], ==, 0x10 | (last ? 0x09 : 0) | (i ? 0 : 0x80));
        } else {
            g_assert_cmpuint(got[at + 4] << 8 | got[at + 5], ==, 8 + part);
        }
        done += part;
    }
}

static void test_offloads(const void *opaque)
{
    Net *n = net_start(qhome_of(opaque), false, "");
    g_autofree uint8_t *f = g_malloc(70000), *got = g_malloc(70000);
    uint64_t features = F_CSUM | F_HOST_TSO4 | F_HOST_TSO6 | F_HOST_ECN | F_HOST_USO;
    unsigned len;
    uint8_t h[12];

    g_assert_cmphex(qvirtio_host_features(n->v) & features, ==, features);
    net_drive(n, features, 0);
    for (unsigned v6 = 0; v6 < 2; v6++) {
        for (unsigned udp = 0; udp < 2; udp++) {
            for (unsigned payload = 0; payload < 1400; payload += 333) {
                unsigned at = 14 + (v6 ? 40 : 20);

                len = make_l4(f, v6, udp, payload);
                /* the IPv4 header's own sum is the driver's business */
                if (!v6) {
                    uint16_t s = (uint16_t)~sum_of(f + 14, 20, 0);

                    f[24] = s >> 8;
                    f[25] = (uint8_t)s;
                }
                put_hdr(h, 1, 0, 0, 0, at, udp ? 6 : 16);
                net_transmit(n, h, f, len, 3);
                g_assert_cmpint(wire_recv(n, got, 70000, 5000), ==, len);
                check_sums(got, len, v6, udp);
            }
            one_segmented(n, v6, udp, 5000, 1400);
            one_segmented(n, v6, udp, 2800, 1400);
            one_segmented(n, v6, udp, 100, 1400);
        }
    }
    one_segmented(n, false, false, 60000, 1448);
    /* headers that make no sense: swallowed, and the device goes on */
    len = make_l4(f, false, false, 3000);
    for (unsigned i = 0; i < 12; i++) {
        static const struct {
            uint8_t flags, gso;
            uint16_t size, start, offset;
        } bad[12] = {
            {1, 0, 0, 60000, 16}, {1, 0, 0, 34, 60000 & 0xff}, {1, 0, 0, 0, 16},
            {0, 1, 1400, 34, 16}, {1, 1, 0, 34, 16},           {1, 1, 7, 34, 16},
            {1, 4, 1400, 34, 16}, {1, 1, 1400, 3050, 16},      {1, 1, 1400, 20, 16},
            {1, 3, 1400, 34, 16}, {1, 77, 1400, 34, 16},       {1, 1, 1400, 34, 6},
        };

        put_hdr(h, bad[i].flags, bad[i].gso, 66, bad[i].size, bad[i].start, bad[i].offset);
        net_transmit(n, h, f, i == 1 ? 100 : len, 1);
        g_assert_cmpint(wire_recv(n, got, 70000, 20), ==, -1);
    }
    one_segmented(n, false, false, 5000, 1400);
    /* not negotiated: swallowed */
    net_drive(n, 0, 0);
    len = make_l4(f, false, false, 100);
    put_hdr(h, 1, 0, 0, 0, 34, 16);
    net_transmit(n, h, f, len, 1);
    g_assert_cmpint(wire_recv(n, got, 70000, 20), ==, -1);
    net_some_traffic(n);
    net_stop(n);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qhome_add("/virtio-net/receive", test_receive);
    qhome_add("/virtio-net/flow-control", test_flow_control);
    qhome_add("/virtio-net/mergeable", test_mergeable);
    qhome_add("/virtio-net/transmit", test_transmit);
    qhome_add("/virtio-net/transmit-congested", test_transmit_congested);
    qhome_add("/virtio-net/offloads", test_offloads);
    return g_test_run();
}
