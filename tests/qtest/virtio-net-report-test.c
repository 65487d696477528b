/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-net: hash reports, with the hashes of the published verification suite; notification
 * coalescing by number, time and packet; and what x-query-virtio-queue-element shows of a ring.
 */
#include "virtio-net-driver.h"

#include <string.h>

#define F_COAL QVIRTIO_F(53)
#define F_HASH QVIRTIO_F(57)
#define CLASS_MQ 4
#define HASH_CONFIG 2
#define CLASS_COAL 6
enum { COAL_TX, COAL_RX };

/* --- hash reports ----------------------------------------------------------------------------- */

static const uint8_t key[40] = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
                                0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
                                0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
                                0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

static uint8_t set_hash(Net *n, uint32_t types, uint8_t key_len, int more)
{
    uint8_t cmd[13 + 41] = {0};

    memcpy(cmd, &types, 4);
    cmd[12] = key_len;
    memcpy(cmd + 13, key, sizeof(key));
    return net_command(n, CLASS_MQ, HASH_CONFIG, cmd, (unsigned)(13 + key_len + more));
}

/* A frame with the addresses and ports of the suite's first line. */
static unsigned ip_frame(uint8_t *f, bool v6, uint8_t proto, bool tagged, bool fragment)
{
    static const uint8_t a4[8] = {66, 9, 149, 187, 161, 142, 100, 80};
    static const uint8_t a6[32] = {0x3f, 0xfe, 0x25, 0x01, 0x02, 0x00, 0x1f, 0xff, 0,    0,    0,
                                   0,    0,    0,    0,    7,    0x3f, 0xfe, 0x25, 0x01, 0x02, 0x00,
                                   0x00, 0x03, 0,    0,    0,    0,    0,    0,    0,    1};
    static const uint8_t ports[4] = {2794 >> 8, 2794 & 255, 1766 >> 8, 1766 & 255};
    uint8_t *ip = f + 14;

    memset(f, 0, 200);
    memcpy(f, net_own_mac, 6);
    if (tagged) {
        f[12] = 0x81;
        f[15] = 5;
        ip += 4;
    }
    ip[-2] = v6 ? 0x86 : 0x08;
    ip[-1] = v6 ? 0xdd : 0x00;
    ip[0] = v6 ? 0x60 : 0x45;
    ip[v6 ? 6 : 9] = proto;
    ip[6] |= fragment && !v6 ? 0x20 : 0;
    memcpy(ip + (v6 ? 8 : 12), v6 ? a6 : a4, v6 ? 32 : 8);
    memcpy(ip + (v6 ? 40 : 20), ports, 4);
    return 120;
}

/* Sends it, and the header of what arrives says this. */
static void expect_hash(Net *n, const uint8_t *f, unsigned len, uint32_t value, uint16_t report)
{
    uint8_t got[300];
    uint32_t used;
    uint16_t id;

    net_add_rx(n, 0, RX_BUF);
    qvirtio_kick(&n->v->q[RX]);
    wire_send(n, f, len);
    id = qvirtio_wait(&n->v->q[RX], &used);
    g_assert_cmpuint(used, ==, 20 + len);
    qtest_memread(n->s, n->rx_at[id], got, 20 + len);
    g_assert_cmpuint(got[10], ==, 1);
    g_assert_cmphex(got[12] | got[13] << 8 | got[14] << 16 | (uint32_t)got[15] << 24, ==, value);
    g_assert_cmpuint(got[16] | got[17] << 8, ==, report);
    g_assert_cmphex(got[18] | got[19], ==, 0);
    g_assert_cmpmem(got + 20, len, f, len);
}

static void check_hashes(Net *n)
{
    static const struct {
        bool v6, tagged, fragment;
        uint8_t proto;
        uint32_t all, addresses; /* with each type; with the addresses' types only */
        uint16_t report;
    } t[] = {
        {false, false, false, 6, 0x51ccc178, 0x323e8fc2, 2},
        {false, false, false, 17, 0x51ccc178, 0x323e8fc2, 3},
        {false, false, false, 1, 0x323e8fc2, 0x323e8fc2, 1},
        {false, false, true, 6, 0x323e8fc2, 0x323e8fc2, 1},
        {false, true, false, 6, 0x51ccc178, 0x323e8fc2, 2},
        {true, false, false, 6, 0x40207d3d, 0x2cc18cd5, 5},
        {true, false, false, 17, 0x40207d3d, 0x2cc18cd5, 6},
        {true, true, false, 58, 0x2cc18cd5, 0x2cc18cd5, 4},
    };
    uint8_t f[200];

    for (unsigned i = 0; i < G_N_ELEMENTS(t); i++) {
        unsigned len = ip_frame(f, t[i].v6, t[i].proto, t[i].tagged, t[i].fragment);

        g_assert_cmphex(set_hash(n, 0x3f, 40, 0), ==, 0);
        expect_hash(n, f, len, t[i].all, t[i].report);
        g_assert_cmphex(set_hash(n, 0x09, 40, 0), ==, 0);
        expect_hash(n, f, len, t[i].addresses, t[i].v6 ? 4 : 1);
        g_assert_cmphex(set_hash(n, 0, 0, 0), ==, 0);
        expect_hash(n, f, len, 0, 0);
    }
}

static void test_hash(const void *opaque)
{
    Net *n = net_start(qhome_of(opaque), false, ",hash=on");
    uint8_t f[4000], got[4000];
    static const uint8_t none[20];
    uint32_t used;

    g_assert_cmphex(qvirtio_host_features(n->v) & F_HASH, ==, F_HASH);
    net_drive(n, F_CTRL_VQ | F_HASH | F_MRG, 64);
    n->hdr = 20;
    g_assert_cmpuint(qvirtio_config(n->v, 17, 1), ==, 40);
    g_assert_cmphex(qvirtio_config(n->v, 20, 4), ==, 0x3f);
    expect_hash(n, f, ip_frame(f, false, 6, false, false), 0, 0); /* not asked for yet */
    check_hashes(n);
    g_assert_cmphex(set_hash(n, 0x3f, 40, 0), ==, 0);
    net_frame(f, net_own_mac, 60, 1);
    f[12] = 0x08;
    f[13] = 0x06;
    expect_hash(n, f, 60, 0, 0); /* neither of them */
    /* A type that is not offered, keys and lengths that are wrong; what was set before stays. */
    g_assert_cmphex(set_hash(n, 0x40, 40, 0), ==, 1);
    g_assert_cmphex(set_hash(n, 0x3f, 39, 0), ==, 1);
    g_assert_cmphex(set_hash(n, 0x3f, 41, 0), ==, 1);
    g_assert_cmphex(set_hash(n, 0x3f, 40, 1), ==, 1);
    g_assert_cmphex(set_hash(n, 0x3f, 40, -1), ==, 1);
    expect_hash(n, f, ip_frame(f, false, 6, false, false), 0x51ccc178, 2);
    /* A packet in two buffers has one header. */
    net_frame(f, net_own_mac, 3000, 2);
    net_add_rx_many(n, 2);
    wire_send(n, f, 3000);
    g_assert_cmpuint(qvirtio_wait(&n->v->q[RX], &used), <, 64);
    g_assert_cmpuint(used, ==, RX_BUF);
    qvirtio_wait(&n->v->q[RX], &used);
    g_assert_cmpuint(used, ==, 3020 - RX_BUF);
    /* Headers of packets to send are as long. */
    net_transmit(n, none, f, 500, 2);
    g_assert_cmpint(wire_recv(n, got, sizeof(got), 5000), ==, 500);
    g_assert_cmpmem(got, 500, f, 500);
    /* Another driver, which does not want it. */
    qvirtio_reset(n->v);
    net_drive(n, F_CTRL_VQ | F_MRG, 64);
    g_assert_cmphex(set_hash(n, 0x3f, 40, 0), ==, 1);
    net_add_rx_many(n, 1);
    wire_send_new(n, net_own_mac, 100, 3);
    net_expect_rx_new(n, net_own_mac, 100, 3);
    net_stop(n);
}

/* --- coalescing ------------------------------------------------------------------------------- */

static uint8_t coalesce(Net *n, uint8_t cmd, uint32_t packets, uint32_t usecs)
{
    uint32_t data[2] = {packets, usecs};

    return net_command(n, CLASS_COAL, cmd, data, sizeof(data));
}

/* count packets of len bytes come in; buffers used for them are taken. */
static void receive(Net *n, unsigned count, unsigned len, unsigned buffers)
{
    uint32_t used;

    net_add_rx_many(n, count * buffers);
    for (unsigned i = 0; i < count; i++) {
        wire_send_new(n, net_own_mac, len, i);
        for (unsigned k = 0; k < buffers; k++) {
            qvirtio_wait(&n->v->q[RX], &used);
        }
    }
}

static void send(Net *n, unsigned count)
{
    static const uint8_t none[12];
    uint8_t f[100];

    net_frame(f, net_broadcast, sizeof(f), 1);
    for (unsigned i = 0; i < count; i++) {
        net_transmit(n, none, f, sizeof(f), 0);
        g_assert_cmpint(wire_recv(n, f, sizeof(f), 5000), ==, sizeof(f));
    }
}

static bool interrupted(Net *n, unsigned queue)
{
    json_object_put(
        qtest_qmp_return(n->s, "{'execute': 'query-rx-filter'}")); /* what was on its way is done */
    return qpci_msix_take(n->v->pci, queue + 1);
}

static void test_coalescing(const void *opaque)
{
    Net *n = net_start(qhome_of(opaque), false, "");

    qvirtio_start(n->v, F_CTRL_VQ | F_COAL | F_MRG, 3, 64, true);
    n->hdr = 12;
    receive(n, 1, 100, 1); /* off at first */
    qpci_msix_wait(n->v->pci, 1);
    g_assert_cmphex(coalesce(n, COAL_RX, 4, 1000), ==, 0);
    g_assert_cmphex(coalesce(n, COAL_TX, 2, 500), ==, 0);
    interrupted(n, CTL);
    /* Time: counted from the first packet. */
    receive(n, 1, 100, 1);
    qtest_clock_step(n->s, 600000);
    receive(n, 2, 100, 1);
    g_assert_false(interrupted(n, RX));
    qtest_clock_step(n->s, 399000);
    g_assert_false(interrupted(n, RX));
    qtest_clock_step(n->s, 2000);
    qpci_msix_wait(n->v->pci, 1);
    qtest_clock_step(n->s, 5000000);
    g_assert_false(interrupted(n, RX)); /* once */
    /* Number; and then the time begins anew. */
    receive(n, 3, 100, 1);
    g_assert_false(interrupted(n, RX));
    receive(n, 1, 100, 1);
    qpci_msix_wait(n->v->pci, 1);
    receive(n, 1, 100, 1);
    qtest_clock_step(n->s, 900000);
    g_assert_false(interrupted(n, RX));
    qtest_clock_step(n->s, 200000);
    qpci_msix_wait(n->v->pci, 1);
    /* Packets count, not their buffers. */
    receive(n, 3, 3000, 2);
    g_assert_false(interrupted(n, RX));
    receive(n, 1, 3000, 2);
    qpci_msix_wait(n->v->pci, 1);
    /* The other direction has its own. */
    send(n, 1);
    g_assert_false(interrupted(n, TX));
    send(n, 1);
    qpci_msix_wait(n->v->pci, 2);
    send(n, 1);
    qtest_clock_step(n->s, 501000);
    qpci_msix_wait(n->v->pci, 2);
    /* No number: time alone. */
    g_assert_cmphex(coalesce(n, COAL_RX, 0, 1000), ==, 0);
    receive(n, 30, 100, 1);
    g_assert_false(interrupted(n, RX));
    qtest_clock_step(n->s, 1001000);
    qpci_msix_wait(n->v->pci, 1);
    /* Off, while some wait: they do not wait any more. */
    receive(n, 1, 100, 1);
    g_assert_false(interrupted(n, RX));
    g_assert_cmphex(coalesce(n, COAL_RX, 0, 0), ==, 0);
    qpci_msix_wait(n->v->pci, 1);
    receive(n, 1, 100, 1);
    qpci_msix_wait(n->v->pci, 1);
    /* Errors. */
    g_assert_cmphex(net_command(n, CLASS_COAL, 2, "12345678", 8), ==, 1);
    g_assert_cmphex(net_command(n, CLASS_COAL, COAL_RX, "1234567", 7), ==, 1);
    g_assert_cmphex(net_command(n, CLASS_COAL, COAL_TX, "123456789", 9), ==, 1);
    /* A reset, with packets that wait; behind it all is off. */
    g_assert_cmphex(coalesce(n, COAL_RX, 100, 1000000), ==, 0);
    receive(n, 2, 100, 1);
    qvirtio_reset(n->v);
    qvirtio_start(n->v, F_CTRL_VQ | F_MRG, 3, 64, true);
    receive(n, 1, 100, 1);
    qpci_msix_wait(n->v->pci, 1);
    g_assert_cmphex(coalesce(n, COAL_RX, 4, 1000), ==, 1); /* not negotiated */
    net_stop(n);
}

/* --- one entry of a ring ---------------------------------------------------------------------- */

#define BACKEND "/machine/peripheral/net0/virtio-backend"

static json_object *element(Net *n, unsigned queue, int index)
{
    g_autofree char *at = index < 0 ? g_strdup("") : g_strdup_printf(", 'index': %d", index);

    return qtest_qmp_return(
        n->s,
        "{'execute': 'x-query-virtio-queue-element', 'arguments': {'path': '" BACKEND
        "', 'queue': %u%s}}",
        queue, at);
}

static int64_t number(json_object *o, const char *area, const char *name)
{
    json_object *a = o, *v;

    g_assert_true(!area || json_object_object_get_ex(o, area, &a));
    g_assert_true(json_object_object_get_ex(a, name, &v));
    return json_object_get_int64(v);
}

/* Descriptor i is this; flags as words with commas. */
static void expect_desc(json_object *el, unsigned i, uint64_t addr, uint32_t len, const char *flags)
{
    g_autoptr(GString) words = g_string_new("");
    json_object *descs, *d, *f;

    g_assert_true(json_object_object_get_ex(el, "descs", &descs));
    d = json_object_array_get_idx(descs, i);
    g_assert_nonnull(d);
    g_assert_cmpint(number(d, NULL, "addr"), ==, (int64_t)addr);
    g_assert_cmpint(number(d, NULL, "len"), ==, len);
    g_assert_true(json_object_object_get_ex(d, "flags", &f));
    for (size_t k = 0; k < json_object_array_length(f); k++) {
        g_string_append_printf(words, "%s%s", k ? "," : "",
                               json_object_get_string(json_object_array_get_idx(f, k)));
    }
    g_assert_cmpstr(words->str, ==, flags);
}

static unsigned descs_of(json_object *el)
{
    json_object *descs;

    g_assert_true(json_object_object_get_ex(el, "descs", &descs));
    return json_object_array_length(descs);
}

static void test_element(const void *opaque)
{
    Net *n = net_start(qhome_of(opaque), false, ",packed=on");
    QVirtioBuf bufs[3] = {{0, 100, true}, {0, 200, true}, {0, 300, true}};
    json_object *el;

    g_free(qtest_qmp_error(
        n->s, "GenericError",
        "{'execute': 'x-query-virtio-queue-element', 'arguments': {'path': '" BACKEND
        "', 'queue': 0}}"));
    for (unsigned packed = 0; packed < 2; packed++) {
        net_drive(n, QVIRTIO_F_INDIRECT | (packed ? QVIRTIO_F_PACKED : 0), 64);
        for (unsigned i = 0; i < 3; i++) {
            bufs[i].addr = n->rx + 0x1000 * i;
        }
        /* Receive buffers stay in the ring until something comes. */
        qvirtio_add(&n->v->q[RX], bufs, 3, false);
        qvirtio_add(&n->v->q[RX], bufs, 2, true);
        qvirtio_kick(&n->v->q[RX]);
        el = element(n, 0, -1);
        g_assert_cmpint(number(el, NULL, "index"), ==, 0);
        g_assert_cmpuint(descs_of(el), ==, 3);
        expect_desc(el, 0, bufs[0].addr, 100, packed ? "next,write,avail" : "next,write");
        expect_desc(el, 1, bufs[1].addr, 200, packed ? "next,write,avail" : "next,write");
        expect_desc(el, 2, bufs[2].addr, 300, packed ? "write,avail" : "write");
        if (!packed) {
            g_assert_cmpint(number(el, "avail", "idx"), ==, 2);
            g_assert_cmpint(number(el, "used", "idx"), ==, 0);
        }
        json_object_put(el);
        el = element(n, 0, packed ? 3 : 1);
        g_assert_cmpuint(descs_of(el), ==, 2);
        expect_desc(el, 0, bufs[0].addr, 100, packed ? "write" : "next,write");
        expect_desc(el, 1, bufs[1].addr, 200, "write");
        json_object_put(el);
        if (!packed) {
            /* A chain that comes back to itself ends after as many steps as there are descriptors.
             */
            qtest_writew(n->s, n->v->q[RX].desc + 16 * 2 + 12, 3);
            qtest_writew(n->s, n->v->q[RX].desc + 16 * 2 + 14, 0);
            el = element(n, 0, 0);
            g_assert_cmpuint(descs_of(el), ==, 64);
            json_object_put(el);
            /* An indirect table that is nowhere. */
            qtest_writeq(n->s, n->v->q[RX].desc, 0xe000000000ull);
            qtest_writew(n->s, n->v->q[RX].desc + 12, 4);
            g_free(qtest_qmp_error(
                n->s, "GenericError",
                "{'execute': 'x-query-virtio-queue-element', 'arguments': {'path': '" BACKEND
                "', 'queue': 0, 'index': 0}}"));
        }
        qvirtio_reset(n->v);
    }
    g_free(qtest_qmp_error(
        n->s, "GenericError",
        "{'execute': 'x-query-virtio-queue-element', 'arguments': {'path': '" BACKEND
        "', 'queue': 7}}"));
    g_free(qtest_qmp_error(n->s, "GenericError",
                           "{'execute': 'x-query-virtio-queue-element', 'arguments': {'path': "
                           "'/machine', 'queue': 0}}"));
    net_stop(n);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qhome_add("/virtio-net/hash", test_hash);
    qhome_add("/virtio-net/coalescing", test_coalescing);
    qhome_add("/virtio-net/queue-element", test_element);
    return g_test_run();
}
