/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-net with a driver written from the specification, and the test itself at the other end of
 * the wire: a datagram socket that the emulator inherits.
 */
#include "virtio.h"

#include <linux/sockios.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEVFN QPCI_DEVFN(4, 0)
#define NOT_RAM 0xe0000000u
#define HDR 12
#define RX 0
#define TX 1
#define CTL 2
#define RX_BUF 2048
#define F_CSUM QVIRTIO_F(0)
#define F_GUEST_CSUM QVIRTIO_F(1)
#define F_HOST_TSO4 QVIRTIO_F(11)
#define F_HOST_TSO6 QVIRTIO_F(12)
#define F_HOST_ECN QVIRTIO_F(13)
#define F_HOST_USO QVIRTIO_F(56)
#define F_MRG QVIRTIO_F(15)
#define F_STATUS QVIRTIO_F(16)
#define F_CTRL_VQ QVIRTIO_F(17)
#define F_CTRL_RX QVIRTIO_F(18)
#define F_CTRL_VLAN QVIRTIO_F(19)
#define F_CTRL_RX_EXTRA QVIRTIO_F(20)
#define F_ANNOUNCE QVIRTIO_F(21)
#define F_MQ QVIRTIO_F(22)
#define F_CTRL_MAC QVIRTIO_F(23)
#define F_ALL_CTRL \
    (F_STATUS | F_CTRL_VQ | F_CTRL_RX | F_CTRL_VLAN | F_CTRL_RX_EXTRA | F_ANNOUNCE | F_CTRL_MAC)

typedef enum Home { MAIN_LOOP, IOTHREAD, IOREGIONFD, PER_QUEUE, MAPPING, HOMES } Home;
static const char *const home_name[HOMES] = {"main-loop", "iothread", "ioregionfd", "per-queue",
                                             "mapping"};
static const char *const home_args[HOMES] = {
    "",
    "-object iothread,id=iot0",
    "-object iothread,id=iot0 -object ioregionfd,id=ior0,iothread=iot0",
    ("-object iothread,id=iot0 -object iothread,id=iot1 "
     "-object ioregionfd,id=ior0,iothread=iot0 -object ioregionfd,id=ior1,iothread=iot1"),
    "-object iothread,id=iot0 -object iothread,id=iot1",
};
static const char *const home_props[HOMES] = {
    "",
    ",iothread=iot0",
    ",ioregionfd=ior0",
    ",ioregionfd=ior0,ioregionfds=ior1",
    ",iothread-vq-mapping.0.iothread=iot0,iothread-vq-mapping.1.iothread=iot1",
};

typedef struct Net {
    QTestState *s;
    QPCIBus *bus;
    QVirtio *v;
    int peer;
    unsigned hdr;          /* length of headers */
    uint64_t rx, tx, ctrl; /* buffers in the guest */
    uint64_t rx_at[1024];  /* by id */
} Net;

static const uint8_t own_mac[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
static const uint8_t other_mac[6] = {0x02, 0x00, 0x00, 0x00, 0x00, 0x01};
static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static void buffers(Net *n)
{
    n->rx = qtest_alloc(n->s, 256 * RX_BUF, 4096);
    n->tx = qtest_alloc(n->s, 0x20000, 4096);
    n->ctrl = qtest_alloc(n->s, 4096, 4096);
}

static Net *start(Home home, bool legacy, const char *props)
{
    Net *n = g_new0(Net, 1);
    int sv[2], size = 1 << 20;

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_DGRAM, 0, sv), ==, 0);
    setsockopt(sv[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    setsockopt(sv[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    n->s = qtest_initf("-machine q35 -nodefaults -m 256 %s -netdev "
                       "dgram,id=n0,local.type=fd,local.str=%d -device "
                       "virtio-net-pci,id=net0,addr=04.0,netdev=n0%s%s",
                       home_args[home], sv[1], home_props[home], props);
    close(sv[1]);
    n->peer = sv[0];
    n->bus = qpci_new(n->s);
    n->v = qvirtio_new(n->bus, 0, DEVFN, legacy);
    buffers(n);
    return n;
}

static void stop(Net *n)
{
    qvirtio_free(n->v);
    qpci_free(n->bus);
    qtest_quit(n->s);
    close(n->peer);
    g_free(n);
}

/* Driver and queues: receive, transmit, control. */
static void drive(Net *n, uint64_t features, unsigned size)
{
    qtest_alloc_reset(n->s);
    buffers(n);
    qvirtio_start(n->v, features, features & F_CTRL_VQ ? 3 : 2, size, false);
    n->hdr = n->v->legacy && !(features & F_MRG) ? 10 : 12;
}

/* --- the wire -------------------------------------------------------------------------------- */

static void make_frame(uint8_t *f, const uint8_t *dst, unsigned len, unsigned seed)
{
    memcpy(f, dst, 6);
    memcpy(f + 6, other_mac, 6);
    f[12] = 0x08;
    f[13] = 0x00;
    for (unsigned i = 14; i < len; i++) {
        f[i] = (uint8_t)(i * 7 + seed * 13 + i / 256);
    }
}

static void wire_send(Net *n, const uint8_t *f, unsigned len)
{
    g_assert_cmpint(send(n->peer, f, len, 0), ==, (ssize_t)len);
}

static void wire_send_new(Net *n, const uint8_t *dst, unsigned len, unsigned seed)
{
    uint8_t f[70000];

    make_frame(f, dst, len, seed);
    wire_send(n, f, len);
}

static ssize_t wire_recv(Net *n, uint8_t *f, size_t size, int ms)
{
    struct pollfd p = {.fd = n->peer, .events = POLLIN};

    return poll(&p, 1, ms) > 0 ? recv(n->peer, f, size, 0) : -1;
}

/* Until the emulator has read all that was sent. */
static void wire_wait(Net *n)
{
    gint64 end = g_get_monotonic_time() + 20 * G_TIME_SPAN_SECOND;
    int left;

    while (ioctl(n->peer, SIOCOUTQ, &left) == 0 && left) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(500);
    }
    /* ... and is done with the last one: it has answered */
    json_object_put(qtest_qmp_return(n->s, "{'execute': 'query-rx-filter'}"));
}

/* --- receive --------------------------------------------------------------------------------- */

static void add_rx(Net *n, unsigned slot, unsigned len)
{
    QVirtioBuf b = {n->rx + slot * RX_BUF, len, true};
    uint16_t id;

    qtest_memset(n->s, b.addr, 0xee, 16);
    id = qvirtio_add(&n->v->q[RX], &b, 1, false);
    n->rx_at[id] = b.addr;
}

static void add_rx_many(Net *n, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        add_rx(n, i, RX_BUF);
    }
    qvirtio_kick(&n->v->q[RX]);
}

/* The next used buffer holds this frame, alone. */
static void expect_rx(Net *n, const uint8_t *frame, unsigned len)
{
    g_autofree uint8_t *got = g_malloc(len + 12);
    uint32_t used;
    uint16_t id = qvirtio_wait(&n->v->q[RX], &used);

    g_assert_cmpuint(used, ==, len + n->hdr);
    qtest_memread(n->s, n->rx_at[id], got, len + n->hdr);
    g_assert_cmphex(got[0], ==, 0);
    g_assert_cmphex(got[1], ==, 0);
    if (n->hdr == 12) {
        g_assert_cmpuint(got[10] | got[11] << 8, ==, 1);
    }
    g_assert_cmpmem(got + n->hdr, len, frame, len);
}

static void expect_rx_new(Net *n, const uint8_t *dst, unsigned len, unsigned seed)
{
    uint8_t f[RX_BUF];

    make_frame(f, dst, len, seed);
    expect_rx(n, f, len);
}

static void some_traffic(Net *n);

static void test_receive(const void *opaque)
{
    static const unsigned sizes[] = {14, 59, 60, 61, 128, 777, 1514, 1518};
    Net *n = start((Home)GPOINTER_TO_INT(opaque), false, ",packed=on,in_order=on");

    for (unsigned round = 0; round < 4; round++) {
        drive(n,
              F_MRG | (round & 1 ? QVIRTIO_F_PACKED : 0) |
                  (round & 2 ? QVIRTIO_F_EVENT_IDX : QVIRTIO_F_IN_ORDER),
              0);
        add_rx_many(n, 16);
        for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
            wire_send_new(n, own_mac, sizes[i], i);
        }
        for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
            expect_rx_new(n, own_mac, sizes[i], i);
        }
        some_traffic(n);
    }
    /* runts and what is no frame: dropped */
    drive(n, 0, 0);
    add_rx_many(n, 4);
    wire_send_new(n, own_mac, 13, 0);
    wire_send_new(n, own_mac, 100, 5);
    expect_rx_new(n, own_mac, 100, 5);
    stop(n);
}

/* Without buffers nothing is lost: the back end stops reading, the sender notices. */
static void test_flow_control(const void *opaque)
{
    Net *n = start((Home)GPOINTER_TO_INT(opaque), false, "");
    uint8_t f[1000];
    unsigned sent = 0, got = 0;

    for (unsigned event_idx = 0; event_idx < 2; event_idx++) {
        drive(n, F_MRG | (event_idx ? QVIRTIO_F_EVENT_IDX : 0), 64);
        for (sent = 0; sent < 5000; sent++) {
            struct pollfd p = {.fd = n->peer, .events = POLLOUT};

            if (poll(&p, 1, 300) <= 0) {
                break;
            }
            make_frame(f, own_mac, sizeof(f), sent);
            wire_send(n, f, sizeof(f));
        }
        /* a backlog of one and what the sockets hold: far from all */
        g_assert_cmpuint(sent, >, 1);
        g_assert_cmpuint(sent, <, 1000);
        for (got = 0; got < sent; got++) {
            add_rx(n, got % 16, RX_BUF);
            qvirtio_kick(&n->v->q[RX]);
            make_frame(f, own_mac, sizeof(f), got);
            expect_rx(n, f, sizeof(f));
        }
        add_rx_many(n, 8);
        wire_send_new(n, own_mac, 60, 99);
        expect_rx_new(n, own_mac, 60, 99);
    }
    stop(n);
}

static void test_mergeable(const void *opaque)
{
    Net *n = start((Home)GPOINTER_TO_INT(opaque), false, ",packed=on");
    g_autofree uint8_t *got = g_malloc(70000);
    uint8_t f[9000];

    for (unsigned packed = 0; packed < 2; packed++) {
        drive(n, F_MRG | (packed ? QVIRTIO_F_PACKED : 0), 0);
        make_frame(f, own_mac, sizeof(f), 3);
        for (unsigned size = 64; size <= 1024; size *= 4) {
            unsigned want = (sizeof(f) + 12 + size - 1) / size, at = 0;

            /* one too few: nothing comes */
            for (unsigned i = 0; i < want - 1; i++) {
                add_rx(n, i, size);
            }
            qvirtio_kick(&n->v->q[RX]);
            wire_send(n, f, sizeof(f));
            g_usleep(20000);
            g_assert_false(qvirtio_ready(&n->v->q[RX]));
            add_rx(n, want - 1, size);
            qvirtio_kick(&n->v->q[RX]);
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
    drive(n, F_MRG, 4);
    for (unsigned i = 0; i < 4; i++) {
        add_rx(n, i, 256);
    }
    qvirtio_kick(&n->v->q[RX]);
    wire_send(n, f, sizeof(f));
    wire_send_new(n, own_mac, 100, 1);
    expect_rx_new(n, own_mac, 100, 1);
    /* not agreed on: what does not fit is dropped */
    drive(n, 0, 0);
    add_rx_many(n, 4);
    wire_send(n, f, sizeof(f));
    wire_send_new(n, own_mac, 100, 2);
    expect_rx_new(n, own_mac, 100, 2);
    stop(n);
}

/* --- transmit -------------------------------------------------------------------------------- */

/* Sends hdr and frame as one chain; pieces: into how many descriptors the frame is cut. */
static void push_tx(Net *n, const uint8_t *hdr, const uint8_t *frame, unsigned len, unsigned pieces)
{
    QVirtioBuf b[20];
    unsigned at = 0, k = 0;

    qtest_memwrite(n->s, n->tx, hdr, n->hdr);
    qtest_bufwrite(n->s, n->tx + n->hdr, frame, len);
    if (!pieces) {
        b[k++] = (QVirtioBuf){n->tx, n->hdr + len, false};
    } else {
        b[k++] = (QVirtioBuf){n->tx, n->hdr, false};
        for (unsigned i = 0; i < pieces; i++) {
            unsigned part = i == pieces - 1 ? len - at : len / pieces;

            b[k++] = (QVirtioBuf){n->tx + n->hdr + at, part, false};
            at += part;
        }
    }
    qvirtio_add(&n->v->q[TX], b, k, false);
    qvirtio_kick(&n->v->q[TX]);
}

static void transmit(Net *n, const uint8_t *hdr, const uint8_t *frame, unsigned len,
                     unsigned pieces)
{
    uint32_t used;

    push_tx(n, hdr, frame, len, pieces);
    qvirtio_wait(&n->v->q[TX], &used);
    g_assert_cmpuint(used, ==, 0);
}

static void some_traffic(Net *n)
{
    static const unsigned sizes[] = {14, 60, 1514, 9000, 65535};
    static const uint8_t none[12];
    g_autofree uint8_t *f = g_malloc(70000), *got = g_malloc(70000);

    for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
        for (unsigned pieces = 0; pieces < 4; pieces++) {
            make_frame(f, broadcast, sizes[i], i);
            transmit(n, none, f, sizes[i], pieces);
            g_assert_cmpint(wire_recv(n, got, 70000, 5000), ==, sizes[i]);
            g_assert_cmpmem(got, sizes[i], f, sizes[i]);
        }
    }
}

static void test_transmit(const void *opaque)
{
    Net *n = start((Home)GPOINTER_TO_INT(opaque), false, ",packed=on");
    static const uint8_t none[12];
    uint8_t f[100], got[200];

    for (unsigned round = 0; round < 4; round++) {
        drive(n, F_MRG | (round & 1 ? QVIRTIO_F_PACKED : 0) | (round & 2 ? QVIRTIO_F_EVENT_IDX : 0),
              0);
        some_traffic(n);
    }
    /* what cannot be a frame is swallowed */
    make_frame(f, broadcast, 100, 0);
    transmit(n, none, f, 13, 0);
    transmit(n, none, f, 100, 1);
    g_assert_cmpint(wire_recv(n, got, sizeof(got), 5000), ==, 100);
    stop(n);
    n = start((Home)GPOINTER_TO_INT(opaque), true, "");
    drive(n, 0, 0);
    some_traffic(n);
    add_rx_many(n, 4);
    wire_send_new(n, own_mac, 200, 1);
    expect_rx_new(n, own_mac, 200, 1);
    stop(n);
}

/* The peer does not read: the queue stops, and goes on when it does; all arrive, in order. */
static void test_transmit_congested(const void *opaque)
{
    Net *n = start((Home)GPOINTER_TO_INT(opaque), false, "");
    static const uint8_t none[12];
    uint8_t f[20000], got[20010];
    unsigned offered = 0, done = 0;
    uint32_t used;

    drive(n, 0, 256);
    for (unsigned i = 0; i < 200; i++) {
        QVirtioBuf b = {n->tx, 12 + sizeof(f), false};

        make_frame(f, broadcast, sizeof(f), 1);
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
    stop(n);
}

/* --- checksums and segments ------------------------------------------------------------------ */

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
    memcpy(f, broadcast, 6);
    memcpy(f + 6, own_mac, 6);
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
    transmit(n, h, f, len, 2);
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
    Net *n = start((Home)GPOINTER_TO_INT(opaque), false, "");
    g_autofree uint8_t *f = g_malloc(70000), *got = g_malloc(70000);
    uint64_t features = F_CSUM | F_HOST_TSO4 | F_HOST_TSO6 | F_HOST_ECN | F_HOST_USO;
    unsigned len;
    uint8_t h[12];

    g_assert_cmphex(qvirtio_host_features(n->v) & features, ==, features);
    drive(n, features, 0);
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
                transmit(n, h, f, len, 3);
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
        transmit(n, h, f, i == 1 ? 100 : len, 1);
        g_assert_cmpint(wire_recv(n, got, 70000, 20), ==, -1);
    }
    one_segmented(n, false, false, 5000, 1400);
    /* not negotiated: swallowed */
    drive(n, 0, 0);
    len = make_l4(f, false, false, 100);
    put_hdr(h, 1, 0, 0, 0, 34, 16);
    transmit(n, h, f, len, 1);
    g_assert_cmpint(wire_recv(n, got, 70000, 20), ==, -1);
    some_traffic(n);
    stop(n);
}

/* --- control queue --------------------------------------------------------------------------- */

/* One command; its status. */
static uint8_t command(Net *n, uint8_t class, uint8_t cmd, const void *data, unsigned len)
{
    uint8_t head[2] = {class, cmd};
    QVirtioBuf b[3] = {{n->ctrl, 2, false}};
    unsigned k = 1;
    uint32_t used;

    qtest_memwrite(n->s, n->ctrl, head, 2);
    if (len) {
        qtest_memwrite(n->s, n->ctrl + 16, data, len);
        b[k++] = (QVirtioBuf){n->ctrl + 16, len, false};
    }
    qtest_writeb(n->s, n->ctrl + 4090, 0xaa);
    b[k++] = (QVirtioBuf){n->ctrl + 4090, 1, true};
    qvirtio_add(&n->v->q[CTL], b, k, false);
    qvirtio_kick(&n->v->q[CTL]);
    qvirtio_wait(&n->v->q[CTL], &used);
    g_assert_cmpuint(used, ==, 1);
    return qtest_readb(n->s, n->ctrl + 4090);
}

static uint8_t mode(Net *n, uint8_t cmd, uint8_t on)
{
    return command(n, 0, cmd, &on, 1);
}

/* Whether a frame to dst is received: it is followed by one that surely is. */
static bool passes(Net *n, const uint8_t *dst, int vlan)
{
    static unsigned seed = 100;
    uint8_t f[100], mark[64], got[120];
    uint32_t used;
    uint16_t id;
    bool yes = false;

    make_frame(f, dst, sizeof(f), ++seed);
    if (vlan >= 0) {
        f[12] = 0x81;
        f[13] = 0;
        f[14] = (uint8_t)(vlan >> 8);
        f[15] = (uint8_t)vlan;
    }
    make_frame(mark, own_mac, sizeof(mark), seed);
    add_rx(n, 0, RX_BUF);
    add_rx(n, 1, RX_BUF);
    qvirtio_kick(&n->v->q[RX]);
    wire_send(n, f, sizeof(f));
    wire_send(n, mark, sizeof(mark));
    for (;;) {
        id = qvirtio_wait(&n->v->q[RX], &used);
        qtest_memread(n->s, n->rx_at[id], got, used);
        if (used == sizeof(mark) + 12 && !memcmp(got + 12, mark, sizeof(mark))) {
            return yes;
        }
        g_assert_cmpmem(got + 12, used - 12, f, sizeof(f));
        yes = true;
    }
}

static json_object *rx_filter(Net *n)
{
    json_object *list = qtest_qmp_return(n->s, "{'execute': 'query-rx-filter'}"), *one;

    g_assert_cmpuint(json_object_array_length(list), ==, 1);
    one = json_object_get(json_object_array_get_idx(list, 0));
    json_object_put(list);
    return one;
}

static const char *field(json_object *o, const char *name)
{
    json_object *v;

    g_assert_true(json_object_object_get_ex(o, name, &v));
    return json_object_get_string(v);
}

static void test_modes(const void *opaque)
{
    static const uint8_t group[6] = {0x01, 0x00, 0x5e, 0, 0, 1};
    static const uint8_t second[6] = {0x02, 0, 0, 0, 0, 0x77};
    Net *n = start((Home)GPOINTER_TO_INT(opaque), false, "");

    drive(n, F_ALL_CTRL, 0);
    /* until told otherwise, all */
    g_assert_true(passes(n, second, -1));
    g_assert_true(passes(n, group, 5));
    g_assert_cmphex(mode(n, 0, 0), ==, 0);
    g_assert_true(passes(n, own_mac, -1));
    g_assert_true(passes(n, broadcast, -1));
    g_assert_false(passes(n, second, -1));
    g_assert_false(passes(n, group, -1));
    g_assert_cmphex(mode(n, 1, 1), ==, 0); /* allmulti */
    g_assert_true(passes(n, group, -1));
    g_assert_cmphex(mode(n, 3, 1), ==, 0); /* nomulti is stronger */
    g_assert_false(passes(n, group, -1));
    g_assert_cmphex(mode(n, 3, 0), ==, 0);
    g_assert_cmphex(mode(n, 1, 0), ==, 0);
    g_assert_cmphex(mode(n, 2, 1), ==, 0); /* alluni */
    g_assert_true(passes(n, second, -1));
    g_assert_cmphex(mode(n, 2, 0), ==, 0);
    g_assert_cmphex(mode(n, 5, 1), ==, 0); /* nobcast */
    g_assert_false(passes(n, broadcast, -1));
    g_assert_cmphex(mode(n, 5, 0), ==, 0);
    /* VLANs: none of them until it is added */
    g_assert_false(passes(n, broadcast, 7));
    {
        uint16_t vid = 7, bad = 4096;

        g_assert_cmphex(command(n, 2, 0, &vid, 2), ==, 0);
        g_assert_true(passes(n, broadcast, 7));
        g_assert_false(passes(n, broadcast, 8));
        g_assert_cmphex(command(n, 2, 1, &vid, 2), ==, 0);
        g_assert_false(passes(n, broadcast, 7));
        g_assert_cmphex(command(n, 2, 0, &bad, 2), ==, 1);
        g_assert_cmphex(command(n, 2, 2, &vid, 2), ==, 1);
        g_assert_cmphex(command(n, 2, 0, &vid, 1), ==, 1);
    }
    /* nobody, but the marking frame could not come either: asked by QMP */
    g_assert_cmphex(mode(n, 4, 1), ==, 0);
    {
        json_object *f = rx_filter(n);

        g_assert_cmpstr(field(f, "unicast"), ==, "none");
        g_assert_cmpstr(field(f, "vlan"), ==, "normal");
        json_object_put(f);
    }
    stop(n);
}

static unsigned put_table(uint8_t *d, unsigned count, uint8_t first)
{
    memset(d, 0, 4 + 6 * count);
    d[0] = (uint8_t)count;
    d[1] = (uint8_t)(count >> 8);
    for (unsigned i = 0; i < count; i++) {
        d[4 + 6 * i] = first;
        d[4 + 6 * i + 4] = (uint8_t)(i >> 8);
        d[4 + 6 * i + 5] = (uint8_t)i;
    }
    return 4 + 6 * count;
}

static void test_mac(const void *opaque)
{
    Net *n = start((Home)GPOINTER_TO_INT(opaque), false, "");
    uint8_t d[2000], uni[6] = {0x02, 0, 0, 0, 0, 1}, multi[6] = {0x03, 0, 0, 0, 0, 2};
    uint8_t other[6] = {0x02, 0, 0, 0, 0, 9}, new_mac[6] = {0x52, 0x54, 0, 1, 2, 3};
    unsigned len;
    json_object *f;

    drive(n, F_ALL_CTRL, 0);
    g_assert_cmphex(mode(n, 0, 0), ==, 0);
    len = put_table(d, 3, 0x02);
    len += put_table(d + len, 4, 0x03);
    g_assert_cmphex(command(n, 1, 0, d, len), ==, 0);
    g_assert_true(passes(n, uni, -1));
    g_assert_true(passes(n, multi, -1));
    g_assert_false(passes(n, other, -1));
    f = rx_filter(n);
    g_assert_cmpstr(field(f, "main-mac"), ==, "52:54:00:12:34:56");
    g_assert_cmpstr(field(f, "name"), ==, "net0");
    json_object_put(f);
    /* lengths that do not fit */
    g_assert_cmphex(command(n, 1, 0, d, len - 1), ==, 1);
    g_assert_cmphex(command(n, 1, 0, d, len + 1), ==, 1);
    g_assert_cmphex(command(n, 1, 0, d, 3), ==, 1);
    g_assert_cmphex(command(n, 1, 0, "\xff\xff\xff\xff", 4), ==, 1);
    g_assert_cmphex(command(n, 1, 0, NULL, 0), ==, 1);
    g_assert_true(passes(n, uni, -1)); /* the old ones stay */
    /* more than there is room for: all of that kind */
    len = put_table(d, 65, 0x02);
    len += put_table(d + len, 64, 0x03);
    g_assert_cmphex(command(n, 1, 0, d, len), ==, 0);
    g_assert_true(passes(n, other, -1));
    f = rx_filter(n);
    g_assert_cmpstr(field(f, "unicast-overflow"), ==, "true");
    g_assert_cmpstr(field(f, "multicast-overflow"), ==, "false");
    json_object_put(f);
    /* its own address */
    len = put_table(d, 0, 0);
    len += put_table(d + len, 0, 0);
    g_assert_cmphex(command(n, 1, 0, d, len), ==, 0);
    g_assert_false(passes(n, new_mac, -1));
    g_assert_cmphex(command(n, 1, 1, new_mac, 5), ==, 1);
    g_assert_cmphex(command(n, 1, 1, new_mac, 6), ==, 0);
    for (unsigned i = 0; i < 6; i++) {
        g_assert_cmphex(qvirtio_config(n->v, i, 1), ==, new_mac[i]);
    }
    f = rx_filter(n);
    g_assert_cmpstr(field(f, "main-mac"), ==, "52:54:00:01:02:03");
    json_object_put(f);
    /* a reset brings back the one that it was made with */
    drive(n, F_ALL_CTRL, 0);
    for (unsigned i = 0; i < 6; i++) {
        g_assert_cmphex(qvirtio_config(n->v, i, 1), ==, own_mac[i]);
    }
    stop(n);
}

/* Commands that do not exist, or were not agreed on. */
static void test_ctrl_errors(const void *opaque)
{
    Net *n = start((Home)GPOINTER_TO_INT(opaque), false, "");
    uint8_t zero[16] = {0};
    uint8_t pairs[2] = {1, 0};

    drive(n, F_ALL_CTRL, 0);
    g_assert_cmphex(command(n, 77, 0, zero, 1), ==, 1);
    g_assert_cmphex(command(n, 0, 6, zero, 1), ==, 1);
    g_assert_cmphex(command(n, 0, 255, zero, 1), ==, 1);
    g_assert_cmphex(command(n, 0, 0, zero, 0), ==, 1);
    g_assert_cmphex(command(n, 0, 0, zero, 2), ==, 1);
    g_assert_cmphex(command(n, 1, 2, zero, 6), ==, 1);
    g_assert_cmphex(command(n, 3, 0, NULL, 0), ==, 1); /* nothing was announced */
    g_assert_cmphex(command(n, 3, 1, NULL, 0), ==, 1);
    g_assert_cmphex(command(n, 4, 0, pairs, 2), ==, 1);
    g_assert_cmphex(command(n, 4, 1, zero, 16), ==, 1);
    g_assert_cmphex(command(n, 5, 0, zero, 8), ==, 1);
    g_assert_cmphex(command(n, 0, 0, zero, 1), ==, 0);
    drive(n, F_CTRL_VQ, 0);
    g_assert_cmphex(command(n, 0, 0, zero, 1), ==, 1);
    g_assert_cmphex(command(n, 1, 0, zero, 8), ==, 1);
    g_assert_cmphex(command(n, 1, 1, zero, 6), ==, 1);
    g_assert_cmphex(command(n, 2, 0, zero, 2), ==, 1);
    g_assert_cmphex(qvirtio_host_features(n->v) & F_MQ, ==, 0);
    stop(n);
    n = start((Home)GPOINTER_TO_INT(opaque), false, ",mq=on");
    drive(n, F_CTRL_VQ | F_MQ, 0);
    g_assert_cmphex(command(n, 4, 0, pairs, 2), ==, 0);
    pairs[0] = 2;
    g_assert_cmphex(command(n, 4, 0, pairs, 2), ==, 1);
    pairs[0] = 0;
    g_assert_cmphex(command(n, 4, 0, pairs, 2), ==, 1);
    g_assert_cmphex(command(n, 4, 0, pairs, 1), ==, 1);
    stop(n);
}

static void test_rx_filter_event(void)
{
    Net *n = start(IOTHREAD, false, "");

    drive(n, F_ALL_CTRL, 0);
    json_object_put(rx_filter(n));
    qtest_qmp_drop_events(n->s);
    g_assert_cmphex(mode(n, 0, 0), ==, 0);
    json_object_put(qtest_qmp_event(n->s, "NIC_RX_FILTER_CHANGED"));
    /* once, until somebody asked */
    g_assert_cmphex(mode(n, 0, 1), ==, 0);
    json_object_put(qtest_qmp_return(n->s, "{'execute': 'query-status'}"));
    g_assert_false(qtest_qmp_has_event(n->s, "NIC_RX_FILTER_CHANGED"));
    json_object_put(rx_filter(n));
    g_assert_cmphex(mode(n, 0, 0), ==, 0);
    json_object_put(qtest_qmp_event(n->s, "NIC_RX_FILTER_CHANGED"));
    g_free(qtest_qmp_error(n->s, "GenericError",
                           "{'execute': 'query-rx-filter', 'arguments': {'name': 'nope'}}"));
    g_free(qtest_qmp_error(n->s, "GenericError",
                           "{'execute': 'query-rx-filter', 'arguments': {'name': 'n0'}}"));
    stop(n);
}

/* --- link, announcements --------------------------------------------------------------------- */

static void wait_status(Net *n, unsigned want)
{
    gint64 end = g_get_monotonic_time() + 10 * G_TIME_SPAN_SECOND;

    while (qvirtio_config(n->v, 6, 2) != want) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(1000);
    }
}

static void set_link(Net *n, const char *name, bool up)
{
    qtest_qmp_ok(n->s, "{'execute': 'set_link', 'arguments': {'name': '%s', 'up': %s}}", name,
                 up ? "true" : "false");
}

static void test_link(const void *opaque)
{
    Net *n = start((Home)GPOINTER_TO_INT(opaque), false, "");
    static const uint8_t none[12];
    uint8_t f[60], got[100];

    drive(n, F_STATUS, 0);
    g_assert_cmphex(qvirtio_config(n->v, 6, 2), ==, 1);
    for (unsigned i = 0; i < 2; i++) {
        const char *name = i ? "n0" : "net0";

        qvirtio_isr(n->v);
        set_link(n, name, false);
        wait_status(n, 0);
        g_assert_cmphex(qvirtio_isr(n->v) & 2, ==, 2);
        /* nothing passes */
        make_frame(f, broadcast, 60, 0);
        transmit(n, none, f, 60, 0);
        g_assert_cmpint(wire_recv(n, got, 100, 50), ==, -1);
        add_rx_many(n, 2);
        wire_send_new(n, own_mac, 100, 1);
        wire_wait(n);
        g_assert_false(qvirtio_ready(&n->v->q[RX]));
        set_link(n, name, true);
        wait_status(n, 1);
        wire_send_new(n, own_mac, 100, 2);
        expect_rx_new(n, own_mac, 100, 2);
        wire_send_new(n, own_mac, 100, 3);
        expect_rx_new(n, own_mac, 100, 3);
    }
    g_free(qtest_qmp_error(n->s, "DeviceNotFound",
                           "{'execute': 'set_link', 'arguments': {'name': 'x', 'up': true}}"));
    stop(n);
}

static void test_announce(const void *opaque)
{
    Net *n = start((Home)GPOINTER_TO_INT(opaque), false, "");
    uint8_t got[200];

    drive(n, F_ALL_CTRL, 0);
    qtest_qmp_ok(n->s, "{'execute': 'announce-self', 'arguments': {'initial': 1, 'max': 2, "
                       "'rounds': 3, 'step': 1}}");
    for (unsigned i = 0; i < 3; i++) {
        g_assert_cmpint(wire_recv(n, got, sizeof(got), 5000), ==, 60);
        g_assert_cmpmem(got, 6, broadcast, 6);
        g_assert_cmpmem(got + 6, 6, own_mac, 6);
        g_assert_cmphex(got[12] << 8 | got[13], ==, 0x8035);
        g_assert_cmphex(got[20] << 8 | got[21], ==, 3);
        g_assert_cmpmem(got + 22, 6, own_mac, 6);
    }
    g_assert_cmpint(wire_recv(n, got, sizeof(got), 50), ==, -1);
    wait_status(n, 3);
    g_assert_cmphex(command(n, 3, 0, NULL, 0), ==, 0);
    g_assert_cmphex(qvirtio_config(n->v, 6, 2), ==, 1);
    qtest_qmp_ok(n->s, "{'execute': 'announce-self', 'arguments': {'initial': 1, 'max': 2, "
                       "'rounds': 3, 'step': 1, 'interfaces': ['other']}}");
    g_assert_cmpint(wire_recv(n, got, sizeof(got), 50), ==, -1);
    g_free(qtest_qmp_error(n->s, "GenericError",
                           "{'execute': 'announce-self', 'arguments': {'initial': 1, 'max': 2, "
                           "'rounds': 1001, 'step': 1}}"));
    stop(n);
}

/* --- life ------------------------------------------------------------------------------------ */

static void test_config(void)
{
    Net *n = start(MAIN_LOOP, false,
                   ",mac=52:54:00:aa:bb:cc,host_mtu=1400,speed=10000,duplex=full,"
                   "rx_queue_size=1024,tx_queue_size=64");
    static const uint8_t mac[6] = {0x52, 0x54, 0x00, 0xaa, 0xbb, 0xcc};

    qvirtio_start(n->v, QVIRTIO_F(3) | QVIRTIO_F(5) | QVIRTIO_F(63), 2, 0, false);
    for (unsigned i = 0; i < 6; i++) {
        g_assert_cmphex(qvirtio_config(n->v, i, 1), ==, mac[i]);
    }
    g_assert_cmpuint(qvirtio_config(n->v, 8, 2), ==, 1);
    g_assert_cmpuint(qvirtio_config(n->v, 10, 2), ==, 1400);
    g_assert_cmpuint(qvirtio_config(n->v, 12, 4), ==, 10000);
    g_assert_cmpuint(qvirtio_config(n->v, 16, 1), ==, 1);
    g_assert_cmpuint(n->v->q[RX].num, ==, 1024);
    g_assert_cmpuint(n->v->q[TX].num, ==, 64);
    /* the modern driver cannot write its address here */
    qvirtio_config_write(n->v, 0, 1, 0x02);
    g_assert_cmphex(qvirtio_config(n->v, 0, 1), ==, 0x52);
    stop(n);
    n = start(MAIN_LOOP, true, "");
    drive(n, 0, 0);
    qvirtio_config_write(n->v, 0, 1, 0x02);
    g_assert_cmphex(qvirtio_config(n->v, 0, 1), ==, 0x02);
    stop(n);
}

static void test_features(void)
{
    Net *n = start(MAIN_LOOP, false, "");
    /* each needs another */
    static const uint64_t bad[] = {F_HOST_TSO4,         F_HOST_TSO6, F_HOST_USO,
                                   F_HOST_ECN | F_CSUM, F_CTRL_RX,   F_CTRL_VLAN,
                                   F_CTRL_MAC,          F_ANNOUNCE,  F_CTRL_RX_EXTRA};

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        uint64_t f = bad[i] | QVIRTIO_F_VERSION_1;

        qvirtio_reset(n->v);
        qvirtio_set_status(n->v, 3);
        for (unsigned half = 0; half < 2; half++) {
            qvirtio_common_write(n->v, 8, 4, half);
            qvirtio_common_write(n->v, 12, 4, (uint32_t)(f >> (32 * half)));
        }
        qvirtio_set_status(n->v, 11);
        g_assert_cmphex(qvirtio_status(n->v), ==, 3);
    }
    stop(n);
    n = start(MAIN_LOOP, false, ",ctrl_vq=off,csum=off,status=off,mrg_rxbuf=off");
    g_assert_cmphex(qvirtio_host_features(n->v) &
                        (F_ALL_CTRL | F_CSUM | F_HOST_TSO4 | F_HOST_TSO6 | F_HOST_USO | F_MRG),
                    ==, 0);
    stop(n);
}

static void test_reset(const void *opaque)
{
    for (unsigned legacy = 0; legacy < 2; legacy++) {
        Net *n = start((Home)GPOINTER_TO_INT(opaque), legacy, ",packed=on");

        for (unsigned i = 0; i < 6; i++) {
            uint64_t f = (i & 1 ? F_MRG : 0) | (!legacy && i & 2 ? QVIRTIO_F_PACKED : 0);

            drive(n, f, 0);
            add_rx_many(n, 8);
            wire_send_new(n, own_mac, 100, i);
            expect_rx_new(n, own_mac, 100, i);
            /* buffers stay with the device, packets are on their way */
            for (unsigned k = 0; k < 20; k++) {
                wire_send_new(n, own_mac, 100, k);
            }
            if (i == 5) {
                qtest_system_reset(n->s);
                qvirtio_probe(n->v);
                memset(n->v->q, 0, sizeof(n->v->q));
            } else {
                qvirtio_reset(n->v);
            }
            wire_wait(n); /* what is left of them goes nowhere */
        }
        stop(n);
    }
}

static void test_stop_cont(const void *opaque)
{
    Net *n = start((Home)GPOINTER_TO_INT(opaque), false, "");

    drive(n, F_MRG, 0);
    add_rx_many(n, 32);
    for (unsigned round = 0; round < 3; round++) {
        qtest_qmp_ok(n->s, "{'execute': 'stop'}");
        for (unsigned i = 0; i < 5; i++) {
            wire_send_new(n, own_mac, 200, i);
        }
        g_usleep(20000);
        g_assert_false(qvirtio_ready(&n->v->q[RX]));
        qtest_qmp_ok(n->s, "{'execute': 'cont'}");
        for (unsigned i = 0; i < 5; i++) {
            expect_rx_new(n, own_mac, 200, i);
        }
    }
    stop(n);
}

static void test_unplug(const void *opaque)
{
    Home home = (Home)GPOINTER_TO_INT(opaque);
    static const char mapped[] = ", 'iothread-vq-mapping': [{'iothread': 'iot0', 'vqs': [0, 1]}]";
    const char *props[HOMES] = {"", ", 'iothread': 'iot0'", ", 'ioregionfd': 'ior0'",
                                ", 'ioregionfd': 'ior0', 'ioregionfds': ['ior1']", mapped};
    int sv[2];
    QTestState *s;
    QPCIBus *bus;
    QPCIDevice *port;

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_DGRAM, 0, sv), ==, 0);
    s = qtest_initf(
        "-machine q35 -nodefaults -m 256 %s -device pcie-root-port,id=rp,addr=6,chassis=1 "
        "-netdev dgram,id=n0,local.type=fd,local.str=%d",
        home_args[home], sv[1]);
    close(sv[1]);
    bus = qpci_new(s);
    port = qpci_device_at(bus, 0, QPCI_DEVFN(6, 0));
    qpci_bridge_setup(port, 1);
    for (unsigned i = 0; i < 3; i++) {
        Net n = {.s = s, .bus = bus, .peer = sv[0]};

        qtest_qmp_ok(s,
                     "{'execute': 'device_add', 'arguments': {'driver': 'virtio-net-pci', 'id': "
                     "'net0', 'bus': 'rp', 'netdev': 'n0'%s}}",
                     props[home]);
        /* a back end has one user */
        g_free(qtest_qmp_error(s, "GenericError",
                               "{'execute': 'device_add', 'arguments': {'driver': "
                               "'virtio-net-pci', 'id': 'net1', 'bus': 'rp', 'netdev': 'n0'}}"));
        n.v = qvirtio_new(bus, 1, 0, false);
        g_assert_cmphex(qpci_config_readw(n.v->pci, 2), ==, 0x1041);
        drive(&n, F_MRG, 0);
        add_rx_many(&n, 8);
        wire_send_new(&n, own_mac, 100, i);
        expect_rx_new(&n, own_mac, 100, i);
        for (unsigned k = 0; k < 5; k++) {
            wire_send_new(&n, own_mac, 100, k);
        }
        qtest_qmp_ok(s, "{'execute': 'device_del', 'arguments': {'id': 'net0'}}");
        qtest_qmp_ok(s, "{'execute': 'system_reset'}");
        for (unsigned e = 0; e < 2; e++) {
            json_object_put(qtest_qmp_event(s, "DEVICE_DELETED"));
        }
        json_object_put(qtest_qmp_event(s, "RESET"));
        qvirtio_free(n.v);
        bus->mem_next = 0xe0000000u;
        bus->io_next = 0xc000;
        qpci_bridge_setup(port, 1);
    }
    qpci_device_free(port);
    qpci_free(bus);
    qtest_quit(s);
    close(sv[0]);
}

/* The back end goes: the NIC stays, its link is down, what it sends is gone. */
static void test_netdev_del(const void *opaque)
{
    Net *n = start((Home)GPOINTER_TO_INT(opaque), false, "");
    static const uint8_t none[12];
    uint8_t f[60];

    drive(n, F_STATUS | F_MRG, 0);
    add_rx_many(n, 4);
    for (unsigned k = 0; k < 8; k++) {
        wire_send_new(n, own_mac, 100, k);
    }
    /* the socket is full, the transmit queue waits for it */
    {
        QVirtioBuf b = {n->tx, 12 + 20000, false};

        qtest_memset(n->s, n->tx, 0, 12 + 20000);
        for (unsigned k = 0; k < 200; k++) {
            qvirtio_add(&n->v->q[TX], &b, 1, false);
        }
        qvirtio_kick(&n->v->q[TX]);
        g_usleep(50000);
    }
    qtest_qmp_ok(n->s, "{'execute': 'netdev_del', 'arguments': {'id': 'n0'}}");
    for (unsigned k = 0; k < 200; k++) {
        uint32_t used;

        qvirtio_wait(&n->v->q[TX], &used);
    }
    wait_status(n, 0);
    make_frame(f, broadcast, 60, 0);
    transmit(n, none, f, 60, 0);
    g_free(qtest_qmp_error(n->s, "DeviceNotFound",
                           "{'execute': 'netdev_del', 'arguments': {'id': 'n0'}}"));
    qvirtio_reset(n->v);
    stop(n);
}

/* --- drivers that break the rules ------------------------------------------------------------ */

static void hostile(Net *n, unsigned i)
{
    QVirtioBuf b[2] = {{n->tx, 64, false}};
    unsigned q = TX;

    switch (i) {
    case 0: /* shorter than a header */
        b[0].len = 11;
        qvirtio_add(&n->v->q[TX], b, 1, false);
        break;
    case 1: /* nothing to read */
        b[0].write = true;
        qvirtio_add(&n->v->q[TX], b, 1, false);
        break;
    case 2: /* not RAM */
        b[0].addr = NOT_RAM;
        qvirtio_add(&n->v->q[TX], b, 1, false);
        break;
    case 3: /* the device itself */
        b[0].addr = n->v->bar->addr;
        qvirtio_add(&n->v->q[TX], b, 1, false);
        break;
    case 4: /* a receive buffer without room for the header */
        q = RX;
        b[0] = (QVirtioBuf){n->rx, 11, true};
        qvirtio_add(&n->v->q[RX], b, 1, false);
        break;
    case 5: /* a receive buffer that cannot be written */
        q = RX;
        b[0] = (QVirtioBuf){n->rx, 2000, false};
        qvirtio_add(&n->v->q[RX], b, 1, false);
        break;
    case 6: /* ... that is not RAM */
        q = RX;
        b[0] = (QVirtioBuf){NOT_RAM, 2000, true};
        qvirtio_add(&n->v->q[RX], b, 1, false);
        break;
    case 7: /* ... that is the device itself */
        q = RX;
        b[0] = (QVirtioBuf){n->v->bar->addr, 2000, true};
        qvirtio_add(&n->v->q[RX], b, 1, false);
        break;
    case 8: /* a command without room for its status */
        q = CTL;
        b[0] = (QVirtioBuf){n->ctrl, 3, false};
        qvirtio_add(&n->v->q[CTL], b, 1, false);
        break;
    case 9: /* a command without a header */
        q = CTL;
        b[0] = (QVirtioBuf){n->ctrl, 1, false};
        b[1] = (QVirtioBuf){n->ctrl + 100, 1, true};
        qvirtio_add(&n->v->q[CTL], b, 2, false);
        break;
    case 10: /* an index far ahead */
        q = RX;
        qtest_writew(n->s, n->v->q[RX].driver + 2, 2000);
        break;
    default:
        g_assert_not_reached();
    }
    qvirtio_kick(&n->v->q[q]);
    if (q == RX) {
        wire_send_new(n, own_mac, 100, 0);
    }
    qvirtio_wait_needs_reset(n->v);
}
#define HOSTILE 11

static void test_hostile(const void *opaque)
{
    Net *n = start((Home)GPOINTER_TO_INT(opaque), false, "");

    for (unsigned i = 0; i < HOSTILE; i++) {
        for (unsigned merge = 0; merge < 2; merge++) {
            drive(n, F_ALL_CTRL | (merge ? F_MRG : 0), 0);
            hostile(n, i);
            drive(n, F_ALL_CTRL | (merge ? F_MRG : 0), 0);
            some_traffic(n);
            add_rx_many(n, 2);
            wire_send_new(n, own_mac, 100, i);
            expect_rx_new(n, own_mac, 100, i);
        }
    }
    stop(n);
}

static void test_bad_options(void)
{
    static const struct {
        const char *props, *error;
    } t[] = {
        {",netdev=nope", "nope"},
        {",netdev=n0,mac=1:2:3", "mac=1:2:3"},
        {",netdev=n0,mac=01:00:00:00:00:00", "multicast"},
        {",netdev=n0,rx_queue_size=100", "rx_queue_size=100"},
        {",netdev=n0,tx_queue_size=2048", "tx_queue_size=2048"},
        {",netdev=n0,host_mtu=60", "host_mtu=60"},
        {",netdev=n0,duplex=quarter", "duplex=quarter"},
        {",netdev=n0,speed=-2", "speed=-2"},
        {",netdev=n0,tx=timer", "tx=timer"},
        {",netdev=n0,iothread=iot0,ioregionfd=ior0", "exclude each other"},
        {",netdev=n0,iothread-vq-mapping.0.iothread=iot0,iothread-vq-mapping.0.vqs.0=0,"
         "iothread-vq-mapping.0.vqs.1=1,iothread-vq-mapping.0.vqs.2=2",
         "control queue"},
        {",netdev=n0,iothread-vq-mapping.0.iothread=iot0,iothread-vq-mapping.0.vqs.0=0,"
         "iothread-vq-mapping.1.iothread=iot1,iothread-vq-mapping.1.vqs.0=1",
         "are a pair"},
    };
    QTestState *s = qtest_init("-machine q35 -nodefaults -object iothread,id=iot0 -object "
                               "iothread,id=iot1 -object ioregionfd,id=ior0,iothread=iot0 -device "
                               "pcie-root-port,id=rp,chassis=1 -netdev hubport,id=n0,hubid=0");

    for (unsigned i = 0; i < G_N_ELEMENTS(t); i++) {
        g_autofree char *text = qtest_hmp(s, "device_add virtio-net-pci,id=x,bus=rp%s", t[i].props);

        if (!strstr(text, t[i].error)) {
            g_error("device_add virtio-net-pci%s says '%s'", t[i].props, text);
        }
    }
    qtest_qmp_ok(s, "{'execute': 'device_add', 'arguments': {'driver': 'virtio-net-pci', 'id': "
                    "'x', 'bus': 'rp', 'netdev': 'n0'}}");
    qtest_quit(s);
}

static void add_for_homes(const char *name, void (*fn)(const void *))
{
    for (int home = 0; home < HOMES; home++) {
        g_autofree char *path = g_strdup_printf("/virtio-net/%s/%s", name, home_name[home]);

        g_test_add_data_func(path, GINT_TO_POINTER(home), fn);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_for_homes("receive", test_receive);
    add_for_homes("flow-control", test_flow_control);
    add_for_homes("mergeable", test_mergeable);
    add_for_homes("transmit", test_transmit);
    add_for_homes("transmit-congested", test_transmit_congested);
    add_for_homes("offloads", test_offloads);
    add_for_homes("modes", test_modes);
    add_for_homes("mac", test_mac);
    add_for_homes("ctrl-errors", test_ctrl_errors);
    g_test_add_func("/virtio-net/rx-filter-event", test_rx_filter_event);
    add_for_homes("link", test_link);
    add_for_homes("announce", test_announce);
    g_test_add_func("/virtio-net/config", test_config);
    g_test_add_func("/virtio-net/features", test_features);
    add_for_homes("reset", test_reset);
    add_for_homes("stop-cont", test_stop_cont);
    add_for_homes("unplug", test_unplug);
    add_for_homes("netdev-del", test_netdev_del);
    add_for_homes("hostile", test_hostile);
    g_test_add_func("/virtio-net/bad-options", test_bad_options);
    return g_test_run();
}
