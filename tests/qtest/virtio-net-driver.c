/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The driver of the virtio-net tests, and their end of the wire. */
#include "virtio-net-driver.h"

#include <linux/sockios.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

const uint8_t net_own_mac[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
const uint8_t net_broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t other_mac[6] = {0x02, 0x00, 0x00, 0x00, 0x00, 0x01};

static void buffers(Net *n)
{
    n->rx = qtest_alloc(n->s, 256 * RX_BUF, 4096);
    n->tx = qtest_alloc(n->s, 0x20000, 4096);
    n->ctrl = qtest_alloc(n->s, 4096, 4096);
}

void net_wire(int sv[2])
{
    int size = 1 << 20;

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_DGRAM, 0, sv), ==, 0);
    setsockopt(sv[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    setsockopt(sv[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

Net *net_start(QHome home, bool legacy, const char *props)
{
    static const char *const home_props[HOMES] = QHOME_PROPS("ior1", QHOME_SPREAD);
    Net *n = g_new0(Net, 1);
    int sv[2];

    net_wire(sv);
    n->v = qvirtio_boot(legacy,
                        "%s -netdev dgram,id=n0,local.type=fd,local.str=%d -device "
                        "virtio-net-pci,id=net0,addr=04.0,netdev=n0%s%s",
                        qhome_args(home), sv[1], home_props[home], props);
    n->s = n->v->s;
    close(sv[1]);
    n->peer = sv[0];
    buffers(n);
    return n;
}

void net_stop(Net *n)
{
    qvirtio_quit(n->v);
    close(n->peer);
    g_free(n);
}

/* Driver and queues: receive, transmit, control. */
void net_drive(Net *n, uint64_t features, unsigned size)
{
    qtest_alloc_reset(n->s);
    buffers(n);
    qvirtio_start(n->v, features, features & F_CTRL_VQ ? 3 : 2, size, false);
    n->hdr = n->v->legacy && !(features & F_MRG) ? 10 : 12;
}

/* --- the wire --------------------------------------------------------------------------------- */

void net_frame(uint8_t *f, const uint8_t *dst, unsigned len, unsigned seed)
{
    memcpy(f, dst, 6);
    memcpy(f + 6, other_mac, 6);
    f[12] = 0x08;
    f[13] = 0x00;
    for (unsigned i = 14; i < len; i++) {
        f[i] = (uint8_t)(i * 7 + seed * 13 + i / 256);
    }
}

void wire_send(Net *n, const uint8_t *f, unsigned len)
{
    g_assert_cmpint(send(n->peer, f, len, 0), ==, (ssize_t)len);
}

void wire_send_new(Net *n, const uint8_t *dst, unsigned len, unsigned seed)
{
    uint8_t f[70000];

    net_frame(f, dst, len, seed);
    wire_send(n, f, len);
}

ssize_t wire_recv(Net *n, uint8_t *f, size_t size, int ms)
{
    struct pollfd p = {.fd = n->peer, .events = POLLIN};

    return poll(&p, 1, ms) > 0 ? recv(n->peer, f, size, 0) : -1;
}

/* Until the emulator has read all that was sent. */
void wire_wait(Net *n)
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

/* --- receive ---------------------------------------------------------------------------------- */

void net_add_rx(Net *n, unsigned slot, unsigned len)
{
    QVirtioBuf b = {n->rx + slot * RX_BUF, len, true};
    uint16_t id;

    qtest_memset(n->s, b.addr, 0xee, 16);
    id = qvirtio_add(&n->v->q[RX], &b, 1, false);
    n->rx_at[id] = b.addr;
}

void net_add_rx_many(Net *n, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        net_add_rx(n, i, RX_BUF);
    }
    qvirtio_kick_if_wanted(&n->v->q[RX]);
}

/* The next used buffer holds this frame, alone. */
void net_expect_rx(Net *n, const uint8_t *frame, unsigned len)
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

void net_expect_rx_new(Net *n, const uint8_t *dst, unsigned len, unsigned seed)
{
    uint8_t f[RX_BUF];

    net_frame(f, dst, len, seed);
    net_expect_rx(n, f, len);
}

/* --- transmit --------------------------------------------------------------------------------- */

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

void net_transmit(Net *n, const uint8_t *hdr, const uint8_t *frame, unsigned len, unsigned pieces)
{
    uint32_t used;

    push_tx(n, hdr, frame, len, pieces);
    qvirtio_wait(&n->v->q[TX], &used);
    g_assert_cmpuint(used, ==, 0);
}

void net_some_traffic(Net *n)
{
    static const unsigned sizes[] = {14, 60, 1514, 9000, 65535};
    static const uint8_t none[12];
    g_autofree uint8_t *f = g_malloc(70000), *got = g_malloc(70000);

    for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
        for (unsigned pieces = 0; pieces < 4; pieces++) {
            net_frame(f, net_broadcast, sizes[i], i);
            net_transmit(n, none, f, sizes[i], pieces);
            g_assert_cmpint(wire_recv(n, got, 70000, 5000), ==, sizes[i]);
            g_assert_cmpmem(got, sizes[i], f, sizes[i]);
        }
    }
}

/* --- control ---------------------------------------------------------------------------------- */

/* One command; its status. */
uint8_t net_command(Net *n, uint8_t class, uint8_t cmd, const void *data, unsigned len)
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

void net_wait_status(Net *n, unsigned want)
{
    gint64 end = g_get_monotonic_time() + 10 * G_TIME_SPAN_SECOND;

    while (qvirtio_config(n->v, 6, 2) != want) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(1000);
    }
}
