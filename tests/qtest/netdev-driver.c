/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guests and sockets of the network back ends' tests. */
#include "netdev-driver.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

char *netdev_folder;

int netdev_run(void)
{
    g_autofree char *rm = NULL;
    int status;

    netdev_folder = g_dir_make_tmp("netdev-test-XXXXXX", NULL);
    rm = g_strdup_printf("rm -rf '%s'", netdev_folder);
    status = g_test_run();
    if (system(rm)) {
        status = 1;
    }
    g_free(netdev_folder);
    return status;
}

/* --- inside ----------------------------------------------------------------------------------- */

static void post(Guest *g, unsigned nic, unsigned slot)
{
    QVirtioBuf b = {g->rx[nic] + slot * RX_BUF, RX_BUF, true};

    g->rx_at[nic][qvirtio_add(&g->v[nic]->q[0], &b, 1, false)] = b.addr;
}

void netdev_open_nic(Guest *g, unsigned nic, unsigned slot)
{
    g->v[nic] = qvirtio_new(g->bus, 0, QPCI_DEVFN(slot, 0), false);
    qvirtio_start(g->v[nic], F_MRG, 2, 0, false);
    g->rx[nic] = qtest_alloc(g->s, RX_COUNT * RX_BUF, 4096);
    g->tx[nic] = qtest_alloc(g->s, 0x20000, 4096);
    for (unsigned i = 0; i < RX_COUNT; i++) {
        post(g, nic, i);
    }
    qvirtio_kick(&g->v[nic]->q[0]);
}

void netdev_post_queue(Guest *g, unsigned r)
{
    g->rx[r] = qtest_alloc(g->s, RX_COUNT * RX_BUF, 4096);
    for (unsigned i = 0; i < RX_COUNT; i++) {
        QVirtioBuf b = {g->rx[r] + i * RX_BUF, RX_BUF, true};

        g->rx_at[r][qvirtio_add(&g->v[0]->q[2 * r], &b, 1, false)] = b.addr;
    }
    qvirtio_kick(&g->v[0]->q[2 * r]);
}

/* A machine with these options, whose NICs, at slots 4 and 5, have drivers. */
Guest *netdev_boot(unsigned nics, const char *args)
{
    Guest *g = g_new0(Guest, 1);

    g->s = qtest_initf("-machine q35 -nodefaults -m 256 -object iothread,id=iot0 -object "
                       "iothread,id=iot1 %s",
                       args);
    g->bus = qpci_new(g->s);
    for (unsigned i = 0; i < nics; i++) {
        netdev_open_nic(g, i, 4 + i);
    }
    return g;
}

void netdev_stop(Guest *g)
{
    for (unsigned i = 0; i < 2; i++) {
        if (g->v[i]) {
            qvirtio_free(g->v[i]);
        }
    }
    qpci_free(g->bus);
    qtest_quit(g->s);
    g_free(g);
}

void guest_send(Guest *g, unsigned nic, const uint8_t *f, unsigned len)
{
    static const uint8_t none[HDR];
    QVirtioBuf b = {g->tx[nic], HDR + len, false};
    uint32_t used;

    qtest_memwrite(g->s, b.addr, none, HDR);
    qtest_bufwrite(g->s, b.addr + HDR, f, len);
    qvirtio_add(&g->v[nic]->q[1], &b, 1, false);
    qvirtio_kick(&g->v[nic]->q[1]);
    qvirtio_wait(&g->v[nic]->q[1], &used);
}

/* The next frame; its length. */
unsigned guest_recv(Guest *g, unsigned nic, uint8_t *f)
{
    uint32_t used;
    uint16_t id = qvirtio_wait(&g->v[nic]->q[0], &used);
    uint64_t at = g->rx_at[nic][id];

    qtest_memread(g->s, at + HDR, f, used - HDR);
    post(g, nic, (unsigned)((at - g->rx[nic]) / RX_BUF));
    qvirtio_kick(&g->v[nic]->q[0]);
    return used - HDR;
}

uint8_t guest_command(Guest *g, const void *cmd, unsigned len)
{
    uint64_t at = qtest_alloc(g->s, 4096, 4096);
    QVirtioBuf b[2] = {{at, len, false}, {at + 4000, 1, true}};
    uint32_t used;

    qtest_memwrite(g->s, at, cmd, len);
    qtest_writeb(g->s, at + 4000, 0xaa);
    qvirtio_add(&g->v[0]->q[4], b, 2, false);
    qvirtio_kick(&g->v[0]->q[4]);
    qvirtio_wait(&g->v[0]->q[4], &used);
    return qtest_readb(g->s, at + 4000);
}

void netdev_frame(uint8_t *f, unsigned len, unsigned seed)
{
    memset(f, 0xff, 6);
    memcpy(f + 6, "\x52\x54\x00\x12\x34\x56", 6);
    for (unsigned i = 12; i < len; i++) {
        f[i] = (uint8_t)(i * 5 + seed);
    }
}

/* --- outside ---------------------------------------------------------------------------------- */

int unix_socket(int type, const char *name, bool server)
{
    int fd = socket(AF_UNIX, type, 0);
    struct sockaddr_un un = {.sun_family = AF_UNIX};

    g_snprintf(un.sun_path, sizeof(un.sun_path), "%s/%s", netdev_folder, name);
    if (server) {
        unlink(un.sun_path);
        g_assert_cmpint(bind(fd, (struct sockaddr *)&un, sizeof(un)), ==, 0);
        if (type == SOCK_STREAM) {
            g_assert_cmpint(listen(fd, 1), ==, 0);
        }
    } else {
        g_assert_cmpint(connect(fd, (struct sockaddr *)&un, sizeof(un)), ==, 0);
    }
    return fd;
}

/* A UDP socket on the loopback interface and its port. */
int udp_socket(uint16_t *port)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sin);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    g_assert_cmpint(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&sin, &len), ==, 0);
    *port = ntohs(sin.sin_port);
    return fd;
}

void send_all(int fd, const void *data, size_t len)
{
    while (len) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

        g_assert_cmpint(n, >, 0);
        data = (const uint8_t *)data + n;
        len -= (size_t)n;
    }
}

void recv_all(int fd, void *data, size_t len)
{
    while (len) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        ssize_t n;

        g_assert_cmpint(poll(&p, 1, 20000), ==, 1);
        n = recv(fd, data, len, 0);
        g_assert_cmpint(n, >, 0);
        data = (uint8_t *)data + n;
        len -= (size_t)n;
    }
}

/* --- packets ---------------------------------------------------------------------------------- */

uint16_t inet_sum(const uint8_t *p, unsigned len, uint32_t start)
{
    for (unsigned i = 0; i < len; i++) {
        start += i & 1 ? p[i] : p[i] << 8;
    }
    while (start >> 16) {
        start = (start & 0xffff) + (start >> 16);
    }
    return (uint16_t)~start;
}

void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

const uint8_t guest_mac[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};

/* Ethernet and IPv4 headers in front of a payload that is in place at f + 34; the frame's length.
 */
unsigned ip_frame(uint8_t *f, const uint8_t *dst_mac, const uint8_t *src, const uint8_t *dst,
                  uint8_t proto, unsigned payload)
{
    memcpy(f, dst_mac, 6);
    memcpy(f + 6, guest_mac, 6);
    put16(f + 12, 0x0800);
    memset(f + 14, 0, 20);
    f[14] = 0x45;
    put16(f + 16, 20 + payload);
    f[22] = 64;
    f[23] = proto;
    memcpy(f + 26, src, 4);
    memcpy(f + 30, dst, 4);
    put16(f + 24, inet_sum(f + 14, 20, 0));
    return 34 + payload;
}
