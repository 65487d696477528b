/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -netdev tap: queues, receive-side scaling, descriptors of others.  Skipped where the test has no
 * right to make interfaces. */
#include "netdev-driver.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* A raw socket on an interface, which it brings up. */
static int packet_socket(const char *ifname)
{
    int fd = socket(AF_PACKET, SOCK_RAW, htons(0x88b5)), one = 1;
    struct ifreq ifr = {0};
    struct sockaddr_ll sll = {.sll_family = AF_PACKET, .sll_protocol = htons(0x88b5)};

    g_strlcpy(ifr.ifr_name, ifname, IFNAMSIZ);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(ioctl(fd, SIOCGIFINDEX, &ifr), ==, 0);
    sll.sll_ifindex = ifr.ifr_ifindex;
    g_assert_cmpint(ioctl(fd, SIOCGIFFLAGS, &ifr), ==, 0);
    ifr.ifr_flags |= IFF_UP;
    g_assert_cmpint(ioctl(fd, SIOCSIFFLAGS, &ifr), ==, 0);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&sll, sizeof(sll)), ==, 0);
    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
    return fd;
}

/* Milliseconds of CPU time that the emulator has used. */
static unsigned cpu_ms(Guest *g)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)qtest_pid(g->s)), *text = NULL;
    unsigned long user, kernel;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_cmpint(sscanf(strrchr(text, ')') + 2,
                           "%*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lu %lu", &user, &kernel),
                    ==, 2);
    return (unsigned)((user + kernel) * 1000 / (unsigned long)sysconf(_SC_CLK_TCK));
}

static uint8_t set_pairs(Guest *g, uint8_t pairs)
{
    uint8_t cmd[4] = {4, 0, pairs, 0};

    return guest_command(g, cmd, sizeof(cmd));
}

/* True if this frame was among those that came to queue r, whose buffers are offered again. */
static bool came_to(Guest *g, unsigned r, const uint8_t *f, unsigned len)
{
    QVirtQueue *rx = &g->v[0]->q[2 * r];
    uint8_t got[RX_BUF];
    bool came = false;

    while (qvirtio_ready(rx)) {
        uint32_t used;
        uint64_t at = g->rx_at[r][qvirtio_wait(rx, &used)];
        QVirtioBuf again = {at, RX_BUF, true};

        qtest_memread(g->s, at + HDR, got, used - HDR);
        came |= used == len + HDR && !memcmp(got, f, len);
        g->rx_at[r][qvirtio_add(rx, &again, 1, false)] = at;
        qvirtio_kick(rx);
    }
    return came;
}

/* A frame in the guest comes out of the interface, and one from there comes in at some queue. */
static void tap_traffic(Guest *g, int fd, unsigned pairs)
{
    uint8_t f[1000], got[RX_BUF];

    for (unsigned i = 0; i < 20; i++) {
        gint64 end = g_get_monotonic_time() + 10 * G_TIME_SPAN_SECOND;
        unsigned len = 60 + 40 * i, q = i % pairs;
        QVirtioBuf b = {g->tx[0], HDR + len, false};
        bool came = false;
        uint32_t used;

        netdev_frame(f, len, i);
        f[12] = 0x88;
        f[13] = 0xb5;
        qtest_memset(g->s, b.addr, 0, HDR);
        qtest_bufwrite(g->s, b.addr + HDR, f, len);
        qvirtio_add(&g->v[0]->q[2 * q + 1], &b, 1, false);
        qvirtio_kick(&g->v[0]->q[2 * q + 1]);
        qvirtio_wait(&g->v[0]->q[2 * q + 1], &used);
        recv_all(fd, got, len);
        g_assert_cmpmem(got, len, f, len);
        g_assert_cmpint(send(fd, f, len, 0), ==, len);
        while (!came) {
            g_assert_cmpint(g_get_monotonic_time(), <, end);
            for (unsigned r = 0; r < pairs; r++) {
                came |= came_to(g, r, f, len);
            }
        }
    }
}

/* Whether the test may make interfaces; else it is skipped. */
static bool may_tap(void)
{
    int tun = open("/dev/net/tun", O_RDWR);
    struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    bool may = tun >= 0 && ioctl(tun, TUNSETIFF, &ifr) == 0;

    if (tun >= 0) {
        close(tun);
    }
    if (!may) {
        g_test_skip("no right to make a tap interface");
    }
    return may;
}

/* A machine whose network card has two pairs of queues, a home for each, on a new tap interface. */
static Guest *boot_two_queues(const char *name, const char *props)
{
    g_autofree char *args =
        g_strdup_printf("-netdev tap,id=n0,ifname=%s,script=no,downscript=no,queues=2 -device "
                        "virtio-net-pci,addr=4,netdev=n0,mq=on,iothread-vq-mapping.0.iothread=iot0,"
                        "iothread-vq-mapping.1.iothread=iot1%s",
                        name, props);
    Guest *g = netdev_boot(0, args);

    g->v[0] = qvirtio_new(g->bus, 0, QPCI_DEVFN(4, 0), false);
    return g;
}

/* Waits until the host's kernel leaves checksums and segmentation to who reads from the interface,
 * or does them itself. */
static void wait_offloads(int fd, const char *name, bool on)
{
    static const uint32_t what[] = {ETHTOOL_GTXCSUM, ETHTOOL_GTSO};
    gint64 end = g_get_monotonic_time() + 10 * G_TIME_SPAN_SECOND;

    for (unsigned i = 0; i < G_N_ELEMENTS(what); i++) {
        struct ethtool_value value = {.cmd = what[i]};
        struct ifreq ifr = {.ifr_data = (char *)&value};

        g_strlcpy(ifr.ifr_name, name, sizeof(ifr.ifr_name));
        for (;;) {
            g_assert_cmpint(ioctl(fd, SIOCETHTOOL, &ifr), ==, 0);
            if (!value.data == !on) {
                break;
            }
            g_assert_cmpint(g_get_monotonic_time(), <, end);
            g_usleep(1000);
            value.cmd = what[i];
        }
    }
}

static void test_tap(void)
{
    g_autofree char *name = g_strdup_printf("qt%d", (int)getpid() % 100000);
    int fd;
    unsigned before;
    Guest *g;

    if (!may_tap()) {
        return;
    }
    g = boot_two_queues(name, "");
    fd = packet_socket(name);
    for (unsigned round = 0; round < 2; round++) {
        /* with what the kernel takes undone, and without */
        qvirtio_start(g->v[0],
                      (qvirtio_host_features(g->v[0]) &
                       (round ? 0
                              : QVIRTIO_F(0) | QVIRTIO_F(1) | QVIRTIO_F(2) | QVIRTIO_F(7) |
                                    QVIRTIO_F(8) | QVIRTIO_F(11) | QVIRTIO_F(12))) |
                          F_MRG | QVIRTIO_F(17) | QVIRTIO_F(22),
                      5, 0, false);
        wait_offloads(fd, name, !round);
        g_assert_cmpuint(qvirtio_config(g->v[0], 8, 2), ==, 2);
        for (unsigned r = 0; r < 2; r++) {
            netdev_post_queue(g, r);
        }
        g->tx[0] = qtest_alloc(g->s, 0x20000, 4096);
        tap_traffic(g, fd, 1);
        /* the queue that the driver does not use costs nothing */
        before = cpu_ms(g);
        g_usleep(500000);
        g_assert_cmpuint(cpu_ms(g) - before, <, 250);
        g_assert_cmphex(set_pairs(g, 2), ==, 0);
        tap_traffic(g, fd, 2);
        g_assert_cmphex(set_pairs(g, 1), ==, 0);
        tap_traffic(g, fd, 1);
        g_assert_cmphex(set_pairs(g, 3), ==, 1);
    }
    close(fd);
    netdev_stop(g);
    g_assert_cmpuint(if_nametoindex(name), ==, 0);
}

/* The key and the frames of the specification's "verification suite"; their hashes. */
static const uint8_t rss_key[40] = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
                                    0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
                                    0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
                                    0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};
static const struct {
    uint8_t src[4], dst[4];
    uint16_t sport, dport;
    uint32_t with_ports, without;
} rss_frames[] = {
    {{66, 9, 149, 187}, {161, 142, 100, 80}, 2794, 1766, 0x51ccc178, 0x323e8fc2},
    {{199, 92, 111, 2}, {65, 69, 140, 83}, 14230, 4739, 0xc626b0ea, 0xd718262a},
    {{24, 19, 198, 95}, {12, 22, 207, 184}, 12898, 38024, 0x5c2b394a, 0xd2d0a5de},
    {{38, 27, 205, 30}, {209, 142, 163, 6}, 48228, 2217, 0xafc7327f, 0x82989176},
    {{153, 39, 163, 191}, {202, 188, 127, 2}, 44251, 1303, 0x10e828a2, 0x5d1809c5},
};

static uint8_t set_rss(Guest *g, uint32_t types, uint16_t mask, uint16_t unclassified,
                       const uint16_t *table, uint16_t max_tx, uint8_t key_len, unsigned cut)
{
    uint8_t cmd[512] = {4, 1};
    unsigned len = 10, n = mask + 1u;

    memcpy(cmd + 2, &types, 4);
    memcpy(cmd + 6, &mask, 2);
    memcpy(cmd + 8, &unclassified, 2);
    memcpy(cmd + len, table, 2 * MIN(n, 128));
    len += 2 * MIN(n, 128);
    memcpy(cmd + len, &max_tx, 2);
    cmd[len + 2] = key_len;
    memcpy(cmd + len + 3, rss_key, 40);
    return guest_command(g, cmd, len + 3 + key_len - cut);
}

/* The queue that this frame comes to. */
static unsigned queue_of(Guest *g, int fd, const uint8_t *f, unsigned len)
{
    gint64 end = g_get_monotonic_time() + 10 * G_TIME_SPAN_SECOND;

    g_assert_cmpint(send(fd, f, len, 0), ==, len);
    for (unsigned r = 0;; r = !r) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        if (came_to(g, r, f, len)) {
            return r;
        }
    }
}

static void test_tap_rss(void)
{
    static const uint8_t to[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
    g_autofree char *name = g_strdup_printf("qr%d", (int)getpid() % 100000);
    int fd;
    uint16_t table[128];
    uint8_t f[200];
    Guest *g;

    if (!may_tap()) {
        return;
    }
    g = boot_two_queues(name, ",rss=on");
    fd = packet_socket(name);
    qvirtio_start(g->v[0], F_MRG | QVIRTIO_F(17) | QVIRTIO_F(22) | QVIRTIO_F(60), 5, 0, false);
    g_assert_cmpuint(qvirtio_config(g->v[0], 17, 1), ==, 40);
    g_assert_cmpuint(qvirtio_config(g->v[0], 18, 2), ==, 128);
    g_assert_cmphex(qvirtio_config(g->v[0], 20, 4), ==, 0x3f);
    for (unsigned r = 0; r < 2; r++) {
        netdev_post_queue(g, r);
    }
    for (unsigned i = 0; i < 128; i++) {
        table[i] = (uint16_t)(i >> 1 & 1);
    }
    /* what makes no sense */
    g_assert_cmphex(set_rss(g, 0x7f, 127, 0, table, 2, 40, 0), ==, 1);
    g_assert_cmphex(set_rss(g, 0x3f, 255, 0, table, 2, 40, 0), ==, 1);
    g_assert_cmphex(set_rss(g, 0x3f, 126, 0, table, 2, 40, 0), ==, 1);
    g_assert_cmphex(set_rss(g, 0x3f, 127, 2, table, 2, 40, 0), ==, 1);
    g_assert_cmphex(set_rss(g, 0x3f, 127, 0, table, 0, 40, 0), ==, 1);
    g_assert_cmphex(set_rss(g, 0x3f, 127, 0, table, 3, 40, 0), ==, 1);
    g_assert_cmphex(set_rss(g, 0x3f, 127, 0, table, 2, 39, 0), ==, 1);
    g_assert_cmphex(set_rss(g, 0x3f, 127, 0, table, 2, 40, 1), ==, 1);
    table[5] = 2;
    g_assert_cmphex(set_rss(g, 0x3f, 127, 0, table, 2, 40, 0), ==, 1);
    table[5] = 0;
    for (unsigned ports = 0; ports < 2; ports++) {
        g_assert_cmphex(set_rss(g, ports ? 0x3f : 0x09, 127, 1, table, 2, 40, 0), ==, 0);
        for (unsigned round = 0; round < 3; round++) {
            for (unsigned i = 0; i < G_N_ELEMENTS(rss_frames); i++) {
                uint32_t hash = ports ? rss_frames[i].with_ports : rss_frames[i].without;

                memset(f, 0, sizeof(f));
                put16(f + 34, rss_frames[i].sport);
                put16(f + 36, rss_frames[i].dport);
                f[60] = (uint8_t)(round * 10 + i);
                ip_frame(f, to, rss_frames[i].src, rss_frames[i].dst, round % 2 ? 17 : 6, 100);
                g_assert_cmpuint(queue_of(g, fd, f, 134), ==, hash >> 1 & 1);
                /* a fragment has no ports that count */
                f[20] = 0x20;
                g_assert_cmpuint(queue_of(g, fd, f, 134), ==, rss_frames[i].without >> 1 & 1);
            }
        }
        /* what has no addresses */
        put16(f + 12, 0x88b5);
        g_assert_cmpuint(queue_of(g, fd, f, 100), ==, 1);
    }
    /* one queue again */
    g_assert_cmphex(set_pairs(g, 1), ==, 0);
    g_assert_cmpuint(queue_of(g, fd, f, 100), ==, 0);
    qvirtio_reset(g->v[0]);
    close(fd);
    netdev_stop(g);
}

/* A descriptor that somebody else opened, without headers; the interface goes away meanwhile. */
static void test_tap_fd(void)
{
    g_autofree char *name = g_strdup_printf("qf%d", (int)getpid() % 100000), *args = NULL;
    struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    int tun = open("/dev/net/tun", O_RDWR), fd;
    uint8_t f[200], got[RX_BUF];
    unsigned before;
    Guest *g;

    g_strlcpy(ifr.ifr_name, name, IFNAMSIZ);
    if (tun < 0 || ioctl(tun, TUNSETIFF, &ifr) < 0) {
        g_test_skip("no right to make a tap interface");
        return;
    }
    args = g_strdup_printf("-netdev tap,id=n0,fd=%d -device "
                           "virtio-net-pci,addr=4,netdev=n0,iothread=iot0",
                           tun);
    g = netdev_boot(1, args);
    fd = packet_socket(name);
    for (unsigned i = 0; i < 5; i++) {
        netdev_frame(f, sizeof(f), i);
        f[12] = 0x88;
        f[13] = 0xb5;
        guest_send(g, 0, f, sizeof(f));
        recv_all(fd, got, sizeof(f));
        g_assert_cmpmem(got, sizeof(f), f, sizeof(f));
        g_assert_cmpint(send(fd, f, sizeof(f), 0), ==, sizeof(f));
        do {
            guest_recv(g, 0, got); /* the kernel has things to say on a new interface */
        } while (memcmp(got, f, sizeof(f)));
    }
    /* gone: the thread does not go mad about it, and the guest's packets are swallowed */
    {
        g_autofree char *del =
            g_strdup_printf("ip link del %s 2>&1 || busybox ip link del %s", name, name);

        g_assert_cmpint(system(del), ==, 0);
    }
    guest_send(g, 0, f, sizeof(f));
    before = cpu_ms(g);
    g_usleep(500000);
    g_assert_cmpuint(cpu_ms(g) - before, <, 250);
    close(fd);
    close(tun);
    netdev_stop(g);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/netdev/tap/queues", test_tap);
    g_test_add_func("/netdev/tap/rss", test_tap_rss);
    g_test_add_func("/netdev/tap/fd", test_tap_fd);
    return netdev_run();
}
