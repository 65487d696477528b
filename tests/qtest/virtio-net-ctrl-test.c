/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio-net: configuration and features, the control queue with its filters, the link,
 * announcements. */
#include "virtio-net-driver.h"

#include <string.h>

/* --- configuration ---------------------------------------------------------------------------- */

static void test_config(void)
{
    Net *n = net_start(MAIN_LOOP, false,
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
    net_stop(n);
    n = net_start(MAIN_LOOP, true, "");
    net_drive(n, 0, 0);
    qvirtio_config_write(n->v, 0, 1, 0x02);
    g_assert_cmphex(qvirtio_config(n->v, 0, 1), ==, 0x02);
    net_stop(n);
}

static void test_features(void)
{
    Net *n = net_start(MAIN_LOOP, false, "");
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
    net_stop(n);
    n = net_start(MAIN_LOOP, false, ",ctrl_vq=off,csum=off,status=off,mrg_rxbuf=off");
    g_assert_cmphex(qvirtio_host_features(n->v) &
                        (F_ALL_CTRL | F_CSUM | F_HOST_TSO4 | F_HOST_TSO6 | F_HOST_USO | F_MRG),
                    ==, 0);
    net_stop(n);
}

/* --- filters ---------------------------------------------------------------------------------- */

static uint8_t mode(Net *n, uint8_t cmd, uint8_t on)
{
    return net_command(n, 0, cmd, &on, 1);
}

/* Whether a frame to dst is received: it is followed by one that surely is. */
static bool passes(Net *n, const uint8_t *dst, int vlan)
{
    static unsigned seed = 100;
    uint8_t f[100], mark[64], got[120];
    uint32_t used;
    uint16_t id;
    bool yes = false;

    net_frame(f, dst, sizeof(f), ++seed);
    if (vlan >= 0) {
        f[12] = 0x81;
        f[13] = 0;
        f[14] = (uint8_t)(vlan >> 8);
        f[15] = (uint8_t)vlan;
    }
    net_frame(mark, net_own_mac, sizeof(mark), seed);
    net_add_rx(n, 0, RX_BUF);
    net_add_rx(n, 1, RX_BUF);
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
    Net *n = net_start(qhome_of(opaque), false, "");

    net_drive(n, F_ALL_CTRL, 0);
    /* until told otherwise, all */
    g_assert_true(passes(n, second, -1));
    g_assert_true(passes(n, group, 5));
    g_assert_cmphex(mode(n, 0, 0), ==, 0);
    g_assert_true(passes(n, net_own_mac, -1));
    g_assert_true(passes(n, net_broadcast, -1));
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
    g_assert_false(passes(n, net_broadcast, -1));
    g_assert_cmphex(mode(n, 5, 0), ==, 0);
    /* VLANs: none of them until it is added */
    g_assert_false(passes(n, net_broadcast, 7));
    {
        uint16_t vid = 7, bad = 4096;

        g_assert_cmphex(net_command(n, 2, 0, &vid, 2), ==, 0);
        g_assert_true(passes(n, net_broadcast, 7));
        g_assert_false(passes(n, net_broadcast, 8));
        g_assert_cmphex(net_command(n, 2, 1, &vid, 2), ==, 0);
        g_assert_false(passes(n, net_broadcast, 7));
        g_assert_cmphex(net_command(n, 2, 0, &bad, 2), ==, 1);
        g_assert_cmphex(net_command(n, 2, 2, &vid, 2), ==, 1);
        g_assert_cmphex(net_command(n, 2, 0, &vid, 1), ==, 1);
    }
    /* nobody, but the marking frame could not come either: asked by QMP */
    g_assert_cmphex(mode(n, 4, 1), ==, 0);
    {
        json_object *f = rx_filter(n);

        g_assert_cmpstr(field(f, "unicast"), ==, "none");
        g_assert_cmpstr(field(f, "vlan"), ==, "normal");
        json_object_put(f);
    }
    net_stop(n);
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
    Net *n = net_start(qhome_of(opaque), false, "");
    uint8_t d[2000], uni[6] = {0x02, 0, 0, 0, 0, 1}, multi[6] = {0x03, 0, 0, 0, 0, 2};
    uint8_t other[6] = {0x02, 0, 0, 0, 0, 9}, new_mac[6] = {0x52, 0x54, 0, 1, 2, 3};
    unsigned len;
    json_object *f;

    net_drive(n, F_ALL_CTRL, 0);
    g_assert_cmphex(mode(n, 0, 0), ==, 0);
    len = put_table(d, 3, 0x02);
    len += put_table(d + len, 4, 0x03);
    g_assert_cmphex(net_command(n, 1, 0, d, len), ==, 0);
    g_assert_true(passes(n, uni, -1));
    g_assert_true(passes(n, multi, -1));
    g_assert_false(passes(n, other, -1));
    f = rx_filter(n);
    g_assert_cmpstr(field(f, "main-mac"), ==, "52:54:00:12:34:56");
    g_assert_cmpstr(field(f, "name"), ==, "net0");
    json_object_put(f);
    /* lengths that do not fit */
    g_assert_cmphex(net_command(n, 1, 0, d, len - 1), ==, 1);
    g_assert_cmphex(net_command(n, 1, 0, d, len + 1), ==, 1);
    g_assert_cmphex(net_command(n, 1, 0, d, 3), ==, 1);
    g_assert_cmphex(net_command(n, 1, 0, "\xff\xff\xff\xff", 4), ==, 1);
    g_assert_cmphex(net_command(n, 1, 0, NULL, 0), ==, 1);
    g_assert_true(passes(n, uni, -1)); /* the old ones stay */
    /* more than there is room for: all of that kind */
    len = put_table(d, 65, 0x02);
    len += put_table(d + len, 64, 0x03);
    g_assert_cmphex(net_command(n, 1, 0, d, len), ==, 0);
    g_assert_true(passes(n, other, -1));
    f = rx_filter(n);
    g_assert_cmpstr(field(f, "unicast-overflow"), ==, "true");
    g_assert_cmpstr(field(f, "multicast-overflow"), ==, "false");
    json_object_put(f);
    /* its own address */
    len = put_table(d, 0, 0);
    len += put_table(d + len, 0, 0);
    g_assert_cmphex(net_command(n, 1, 0, d, len), ==, 0);
    g_assert_false(passes(n, new_mac, -1));
    g_assert_cmphex(net_command(n, 1, 1, new_mac, 5), ==, 1);
    g_assert_cmphex(net_command(n, 1, 1, new_mac, 6), ==, 0);
    for (unsigned i = 0; i < 6; i++) {
        g_assert_cmphex(qvirtio_config(n->v, i, 1), ==, new_mac[i]);
    }
    f = rx_filter(n);
    g_assert_cmpstr(field(f, "main-mac"), ==, "52:54:00:01:02:03");
    json_object_put(f);
    /* a reset brings back the one that it was made with */
    net_drive(n, F_ALL_CTRL, 0);
    for (unsigned i = 0; i < 6; i++) {
        g_assert_cmphex(qvirtio_config(n->v, i, 1), ==, net_own_mac[i]);
    }
    net_stop(n);
}

/* Commands that do not exist, or were not agreed on. */
static void test_ctrl_errors(const void *opaque)
{
    Net *n = net_start(qhome_of(opaque), false, "");
    uint8_t zero[16] = {0};
    uint8_t pairs[2] = {1, 0};

    net_drive(n, F_ALL_CTRL, 0);
    g_assert_cmphex(net_command(n, 77, 0, zero, 1), ==, 1);
    g_assert_cmphex(net_command(n, 0, 6, zero, 1), ==, 1);
    g_assert_cmphex(net_command(n, 0, 255, zero, 1), ==, 1);
    g_assert_cmphex(net_command(n, 0, 0, zero, 0), ==, 1);
    g_assert_cmphex(net_command(n, 0, 0, zero, 2), ==, 1);
    g_assert_cmphex(net_command(n, 1, 2, zero, 6), ==, 1);
    g_assert_cmphex(net_command(n, 3, 0, NULL, 0), ==, 1); /* nothing was announced */
    g_assert_cmphex(net_command(n, 3, 1, NULL, 0), ==, 1);
    g_assert_cmphex(net_command(n, 4, 0, pairs, 2), ==, 1);
    g_assert_cmphex(net_command(n, 4, 1, zero, 16), ==, 1);
    g_assert_cmphex(net_command(n, 5, 0, zero, 8), ==, 1);
    g_assert_cmphex(net_command(n, 0, 0, zero, 1), ==, 0);
    net_drive(n, F_CTRL_VQ, 0);
    g_assert_cmphex(net_command(n, 0, 0, zero, 1), ==, 1);
    g_assert_cmphex(net_command(n, 1, 0, zero, 8), ==, 1);
    g_assert_cmphex(net_command(n, 1, 1, zero, 6), ==, 1);
    g_assert_cmphex(net_command(n, 2, 0, zero, 2), ==, 1);
    g_assert_cmphex(qvirtio_host_features(n->v) & F_MQ, ==, 0);
    net_stop(n);
    n = net_start(qhome_of(opaque), false, ",mq=on");
    net_drive(n, F_CTRL_VQ | F_MQ, 0);
    g_assert_cmphex(net_command(n, 4, 0, pairs, 2), ==, 0);
    pairs[0] = 2;
    g_assert_cmphex(net_command(n, 4, 0, pairs, 2), ==, 1);
    pairs[0] = 0;
    g_assert_cmphex(net_command(n, 4, 0, pairs, 2), ==, 1);
    g_assert_cmphex(net_command(n, 4, 0, pairs, 1), ==, 1);
    net_stop(n);
}

static void test_rx_filter_event(void)
{
    Net *n = net_start(IOTHREAD, false, "");

    net_drive(n, F_ALL_CTRL, 0);
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
    net_stop(n);
}

/* --- link, announcements ---------------------------------------------------------------------- */

static void set_link(Net *n, const char *name, bool up)
{
    qtest_qmp_ok(n->s, "{'execute': 'set_link', 'arguments': {'name': '%s', 'up': %s}}", name,
                 up ? "true" : "false");
}

static void test_link(const void *opaque)
{
    Net *n = net_start(qhome_of(opaque), false, "");
    static const uint8_t none[12];
    uint8_t f[60], got[100];

    net_drive(n, F_STATUS, 0);
    g_assert_cmphex(qvirtio_config(n->v, 6, 2), ==, 1);
    for (unsigned i = 0; i < 2; i++) {
        const char *name = i ? "n0" : "net0";

        qvirtio_isr(n->v);
        set_link(n, name, false);
        net_wait_status(n, 0);
        g_assert_cmphex(qvirtio_isr(n->v) & 2, ==, 2);
        /* nothing passes */
        net_frame(f, net_broadcast, 60, 0);
        net_transmit(n, none, f, 60, 0);
        g_assert_cmpint(wire_recv(n, got, 100, 50), ==, -1);
        net_add_rx_many(n, 2);
        wire_send_new(n, net_own_mac, 100, 1);
        wire_wait(n);
        g_assert_false(qvirtio_ready(&n->v->q[RX]));
        set_link(n, name, true);
        net_wait_status(n, 1);
        wire_send_new(n, net_own_mac, 100, 2);
        net_expect_rx_new(n, net_own_mac, 100, 2);
        wire_send_new(n, net_own_mac, 100, 3);
        net_expect_rx_new(n, net_own_mac, 100, 3);
    }
    g_free(qtest_qmp_error(n->s, "DeviceNotFound",
                           "{'execute': 'set_link', 'arguments': {'name': 'x', 'up': true}}"));
    net_stop(n);
}

static void test_announce(const void *opaque)
{
    Net *n = net_start(qhome_of(opaque), false, "");
    uint8_t got[200];

    net_drive(n, F_ALL_CTRL, 0);
    qtest_qmp_ok(n->s, "{'execute': 'announce-self', 'arguments': {'initial': 1, 'max': 2, "
                       "'rounds': 3, 'step': 1}}");
    for (unsigned i = 0; i < 3; i++) {
        g_assert_cmpint(wire_recv(n, got, sizeof(got), 5000), ==, 60);
        g_assert_cmpmem(got, 6, net_broadcast, 6);
        g_assert_cmpmem(got + 6, 6, net_own_mac, 6);
        g_assert_cmphex(got[12] << 8 | got[13], ==, 0x8035);
        g_assert_cmphex(got[20] << 8 | got[21], ==, 3);
        g_assert_cmpmem(got + 22, 6, net_own_mac, 6);
    }
    g_assert_cmpint(wire_recv(n, got, sizeof(got), 50), ==, -1);
    net_wait_status(n, 3);
    g_assert_cmphex(net_command(n, 3, 0, NULL, 0), ==, 0);
    g_assert_cmphex(qvirtio_config(n->v, 6, 2), ==, 1);
    qtest_qmp_ok(n->s, "{'execute': 'announce-self', 'arguments': {'initial': 1, 'max': 2, "
                       "'rounds': 3, 'step': 1, 'interfaces': ['other']}}");
    g_assert_cmpint(wire_recv(n, got, sizeof(got), 50), ==, -1);
    g_free(qtest_qmp_error(n->s, "GenericError",
                           "{'execute': 'announce-self', 'arguments': {'initial': 1, 'max': 2, "
                           "'rounds': 1001, 'step': 1}}"));
    net_stop(n);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/virtio-net/config", test_config);
    g_test_add_func("/virtio-net/features", test_features);
    qhome_add("/virtio-net/modes", test_modes);
    qhome_add("/virtio-net/mac", test_mac);
    qhome_add("/virtio-net/ctrl-errors", test_ctrl_errors);
    g_test_add_func("/virtio-net/rx-filter-event", test_rx_filter_event);
    qhome_add("/virtio-net/link", test_link);
    qhome_add("/virtio-net/announce", test_announce);
    return g_test_run();
}
