/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio-net: resets, stops and unplugs with packets on their way, a back end that goes, drivers
 * that break the rules. */
#include "virtio-net-driver.h"

#include <string.h>
#include <unistd.h>

#define NOT_RAM 0xe0000000u

/* --- life ------------------------------------------------------------------------------------- */

static void test_reset(const void *opaque)
{
    for (unsigned legacy = 0; legacy < 2; legacy++) {
        Net *n = net_start(qhome_of(opaque), legacy, ",packed=on");

        for (unsigned i = 0; i < 6; i++) {
            uint64_t f = (i & 1 ? F_MRG : 0) | (!legacy && i & 2 ? QVIRTIO_F_PACKED : 0);

            net_drive(n, f, 0);
            net_add_rx_many(n, 8);
            wire_send_new(n, net_own_mac, 100, i);
            net_expect_rx_new(n, net_own_mac, 100, i);
            /* buffers stay with the device, packets are on their way */
            for (unsigned k = 0; k < 20; k++) {
                wire_send_new(n, net_own_mac, 100, k);
            }
            if (i == 5) {
                qvirtio_system_reset(n->v);
            } else {
                qvirtio_reset(n->v);
            }
            wire_wait(n); /* what is left of them goes nowhere */
        }
        net_stop(n);
    }
}

static void test_stop_cont(const void *opaque)
{
    Net *n = net_start(qhome_of(opaque), false, "");

    net_drive(n, F_MRG, 0);
    net_add_rx_many(n, 32);
    for (unsigned round = 0; round < 3; round++) {
        qtest_qmp_ok(n->s, "{'execute': 'stop'}");
        for (unsigned i = 0; i < 5; i++) {
            wire_send_new(n, net_own_mac, 200, i);
        }
        g_usleep(20000);
        g_assert_false(qvirtio_ready(&n->v->q[RX]));
        qtest_qmp_ok(n->s, "{'execute': 'cont'}");
        for (unsigned i = 0; i < 5; i++) {
            net_expect_rx_new(n, net_own_mac, 200, i);
        }
    }
    net_stop(n);
}

static void test_unplug(const void *opaque)
{
    static const char *const props[HOMES] =
        QHOME_JSON("'ior1'", "{'iothread': 'iot0', 'vqs': [0, 1]}");
    QHome home = qhome_of(opaque);
    g_autofree char *members = g_strdup_printf(", 'netdev': 'n0'%s", props[home]);
    QVirtioPort *port;
    int sv[2];

    net_wire(sv);
    port = qvirtio_port_new("%s -netdev dgram,id=n0,local.type=fd,local.str=%d", qhome_args(home),
                            sv[1]);
    close(sv[1]);
    for (unsigned i = 0; i < 3; i++) {
        Net n = {.s = port->s, .peer = sv[0]};

        n.v = qvirtio_port_plug(port, "virtio-net-pci", "net0", members);
        /* a back end has one user */
        g_free(qtest_qmp_error(n.s, "GenericError",
                               "{'execute': 'device_add', 'arguments': {'driver': "
                               "'virtio-net-pci', 'id': 'net1', 'bus': 'rp', 'netdev': 'n0'}}"));
        g_assert_cmphex(qpci_config_readw(n.v->pci, 2), ==, 0x1041);
        net_drive(&n, F_MRG, 0);
        net_add_rx_many(&n, 8);
        wire_send_new(&n, net_own_mac, 100, i);
        net_expect_rx_new(&n, net_own_mac, 100, i);
        for (unsigned k = 0; k < 5; k++) {
            wire_send_new(&n, net_own_mac, 100, k);
        }
        qvirtio_port_unplug(port, n.v, "net0", NULL);
    }
    qvirtio_port_free(port);
    close(sv[0]);
}

/* The back end goes: the NIC stays, its link is down, what it sends is gone. */
static void test_netdev_del(const void *opaque)
{
    Net *n = net_start(qhome_of(opaque), false, "");
    static const uint8_t none[12];
    uint8_t f[60];

    net_drive(n, F_STATUS | F_MRG, 0);
    net_add_rx_many(n, 4);
    for (unsigned k = 0; k < 8; k++) {
        wire_send_new(n, net_own_mac, 100, k);
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
    net_wait_status(n, 0);
    net_frame(f, net_broadcast, 60, 0);
    net_transmit(n, none, f, 60, 0);
    g_free(qtest_qmp_error(n->s, "DeviceNotFound",
                           "{'execute': 'netdev_del', 'arguments': {'id': 'n0'}}"));
    qvirtio_reset(n->v);
    net_stop(n);
}

/* --- drivers that break the rules ------------------------------------------------------------- */

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
        wire_send_new(n, net_own_mac, 100, 0);
    }
    qvirtio_wait_needs_reset(n->v);
}
#define HOSTILE 11

static void test_hostile(const void *opaque)
{
    Net *n = net_start(qhome_of(opaque), false, "");

    for (unsigned i = 0; i < HOSTILE; i++) {
        for (unsigned merge = 0; merge < 2; merge++) {
            net_drive(n, F_ALL_CTRL | (merge ? F_MRG : 0), 0);
            hostile(n, i);
            net_drive(n, F_ALL_CTRL | (merge ? F_MRG : 0), 0);
            net_some_traffic(n);
            net_add_rx_many(n, 2);
            wire_send_new(n, net_own_mac, 100, i);
            net_expect_rx_new(n, net_own_mac, 100, i);
        }
    }
    net_stop(n);
}

/* --- the user's mistakes ---------------------------------------------------------------------- */

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

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qhome_add("/virtio-net/reset", test_reset);
    qhome_add("/virtio-net/stop-cont", test_stop_cont);
    qhome_add("/virtio-net/unplug", test_unplug);
    qhome_add("/virtio-net/netdev-del", test_netdev_del);
    qhome_add("/virtio-net/hostile", test_hostile);
    g_test_add_func("/virtio-net/bad-options", test_bad_options);
    return g_test_run();
}
