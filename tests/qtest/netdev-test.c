/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Network back ends, seen from both sides: a virtio-net driver in the guest, sockets of the test
 * outside.
 */
#include "virtio.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define HDR 12
#define RX_BUF 4096
#define RX_COUNT 32
#define F_MRG QVIRTIO_F(15)

typedef struct Guest {
    QTestState *s;
    QPCIBus *bus;
    QVirtio *v[2];
    uint64_t rx[2], tx[2];
    uint64_t rx_at[2][1024];
} Guest;

static char *folder;

static void post(Guest *g, unsigned nic, unsigned slot)
{
    QVirtioBuf b = {g->rx[nic] + slot * RX_BUF, RX_BUF, true};

    g->rx_at[nic][qvirtio_add(&g->v[nic]->q[0], &b, 1, false)] = b.addr;
}

static void open_nic(Guest *g, unsigned nic, unsigned slot)
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

/* A machine with these options, whose NICs, at slots 4 and 5, have drivers. */
static Guest *boot(unsigned nics, const char *args)
{
    Guest *g = g_new0(Guest, 1);

    g->s = qtest_initf("-machine q35 -nodefaults -m 256 -object iothread,id=iot0 -object "
                       "iothread,id=iot1 %s",
                       args);
    g->bus = qpci_new(g->s);
    for (unsigned i = 0; i < nics; i++) {
        open_nic(g, i, 4 + i);
    }
    return g;
}

static void stop(Guest *g)
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

static void guest_send(Guest *g, unsigned nic, const uint8_t *f, unsigned len)
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
static unsigned guest_recv(Guest *g, unsigned nic, uint8_t *f)
{
    uint32_t used;
    uint16_t id = qvirtio_wait(&g->v[nic]->q[0], &used);
    uint64_t at = g->rx_at[nic][id];

    qtest_memread(g->s, at + HDR, f, used - HDR);
    post(g, nic, (unsigned)((at - g->rx[nic]) / RX_BUF));
    qvirtio_kick(&g->v[nic]->q[0]);
    return used - HDR;
}

static void make_frame(uint8_t *f, unsigned len, unsigned seed)
{
    memset(f, 0xff, 6);
    memcpy(f + 6, "\x52\x54\x00\x12\x34\x56", 6);
    for (unsigned i = 12; i < len; i++) {
        f[i] = (uint8_t)(i * 5 + seed);
    }
}

/* --- streams --------------------------------------------------------------------------------- */

static int unix_socket(int type, const char *name, bool server)
{
    int fd = socket(AF_UNIX, type, 0);
    struct sockaddr_un un = {.sun_family = AF_UNIX};

    g_snprintf(un.sun_path, sizeof(un.sun_path), "%s/%s", folder, name);
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

static void send_all(int fd, const void *data, size_t len)
{
    while (len) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

        g_assert_cmpint(n, >, 0);
        data = (const uint8_t *)data + n;
        len -= (size_t)n;
    }
}

static void recv_all(int fd, void *data, size_t len)
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

static void stream_send(int fd, const uint8_t *f, unsigned len)
{
    uint32_t be = htonl(len);

    send_all(fd, &be, 4);
    send_all(fd, f, len);
}

static unsigned stream_recv(int fd, uint8_t *f)
{
    uint32_t be;

    recv_all(fd, &be, 4);
    g_assert_cmpuint(ntohl(be), <, 70000);
    recv_all(fd, f, ntohl(be));
    return ntohl(be);
}

static void stream_traffic(Guest *g, int fd)
{
    uint8_t f[3000], got[70000];

    for (unsigned i = 0; i < 40; i++) {
        unsigned len = 14 + i * 70;

        make_frame(f, len, i);
        guest_send(g, 0, f, len);
        g_assert_cmpuint(stream_recv(fd, got), ==, len);
        g_assert_cmpmem(got, len, f, len);
        stream_send(fd, f, len);
        g_assert_cmpuint(guest_recv(g, 0, got), ==, len);
        g_assert_cmpmem(got, len, f, len);
    }
    /* several in one segment, one in several */
    {
        uint8_t burst[10 * 104];

        make_frame(f, 100, 3);
        for (unsigned i = 0; i < 10; i++) {
            memcpy(burst + i * 104, "\0\0\0\x64", 4);
            memcpy(burst + i * 104 + 4, f, 100);
        }
        send_all(fd, burst, sizeof(burst));
        for (unsigned i = 0; i < 10; i++) {
            g_assert_cmpuint(guest_recv(g, 0, got), ==, 100);
            g_assert_cmpmem(got, 100, f, 100);
        }
        for (unsigned i = 0; i < 104; i++) {
            send_all(fd, burst + i, 1);
        }
        g_assert_cmpuint(guest_recv(g, 0, got), ==, 100);
    }
}

static void expect_address(QTestState *s, const char *event, const char *path)
{
    json_object *e = qtest_qmp_event(s, event), *data, *v;

    g_assert_true(json_object_object_get_ex(e, "data", &data));
    g_assert_true(json_object_object_get_ex(data, "netdev-id", &v));
    g_assert_cmpstr(json_object_get_string(v), ==, "n0");
    if (path) {
        g_assert_true(json_object_object_get_ex(data, "addr", &data));
        g_assert_true(json_object_object_get_ex(data, "path", &v));
        g_assert_cmpstr(json_object_get_string(v), ==, path);
    }
    json_object_put(e);
}

static void test_stream_server(void)
{
    g_autofree char *path = g_strdup_printf("%s/stream", folder);
    g_autofree char *args =
        g_strdup_printf("-netdev stream,id=n0,server=on,addr.type=unix,addr.path=%s -device "
                        "virtio-net-pci,addr=4,netdev=n0,iothread=iot0",
                        path);
    Guest *g = boot(1, args);
    uint8_t f[100];

    for (unsigned i = 0; i < 3; i++) {
        int fd;

        make_frame(f, 100, 0);
        guest_send(g, 0, f, 100); /* nobody is there */
        fd = unix_socket(SOCK_STREAM, "stream", false);
        expect_address(g->s, "NETDEV_STREAM_CONNECTED", path);
        stream_traffic(g, fd);
        if (i == 1) {
            /* a length that cannot be: hung up */
            send_all(fd, "\x7f\xff\xff\xff", 4);
        } else {
            send_all(fd, "\0\0\0\x64 cut", 8);
            close(fd);
        }
        expect_address(g->s, "NETDEV_STREAM_DISCONNECTED", NULL);
        if (i == 1) {
            struct pollfd p = {.fd = fd, .events = POLLIN};

            g_assert_cmpint(poll(&p, 1, 20000), ==, 1);
            g_assert_cmpint(recv(fd, f, 1, 0), <=, 0);
            close(fd);
        }
    }
    stop(g);
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
}

static void test_stream_client(void)
{
    int listener = unix_socket(SOCK_STREAM, "passt", true), fd;
    g_autofree char *path = g_strdup_printf("%s/passt", folder);
    g_autofree char *args =
        g_strdup_printf("-netdev stream,id=n0,addr.type=unix,addr.path=%s,reconnect-ms=20 -device "
                        "virtio-net-pci,addr=4,netdev=n0,iothread=iot0",
                        path);
    Guest *g = boot(1, args);

    for (unsigned i = 0; i < 3; i++) {
        fd = accept(listener, NULL, NULL);
        if (i) { /* the first came before QMP was there */
            expect_address(g->s, "NETDEV_STREAM_CONNECTED", path);
        }
        stream_traffic(g, fd);
        if (i == 1) {
            /* away for a while */
            close(listener);
            unlink(path);
            close(fd);
            expect_address(g->s, "NETDEV_STREAM_DISCONNECTED", NULL);
            g_usleep(100000);
            listener = unix_socket(SOCK_STREAM, "passt", true);
        } else {
            close(fd);
            expect_address(g->s, "NETDEV_STREAM_DISCONNECTED", NULL);
        }
    }
    close(listener);
    stop(g);
}

static void test_stream_fd(void)
{
    g_autofree char *args = NULL;
    Guest *g;
    int sv[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), ==, 0);
    args = g_strdup_printf("-netdev '{\"type\":\"stream\",\"id\":\"n0\",\"addr\":{\"type\":"
                           "\"fd\",\"str\":\"%d\"}}' -device virtio-net-pci,addr=4,netdev=n0",
                           sv[1]);
    g = boot(1, args);
    close(sv[1]);
    stream_traffic(g, sv[0]);
    stop(g);
    close(sv[0]);
}

/* The peer does not read: the guest's queue stops; nothing is lost. */
static void test_stream_congested(void)
{
    g_autofree char *args = NULL;
    uint8_t f[20000], got[70000];
    unsigned done = 0;
    uint32_t used;
    Guest *g;
    int sv[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), ==, 0);
    args = g_strdup_printf("-netdev socket,id=n0,fd=%d -device "
                           "virtio-net-pci,addr=4,netdev=n0,iothread=iot0",
                           sv[1]);
    g = boot(1, args);
    close(sv[1]);
    make_frame(f, sizeof(f), 7);
    qtest_memset(g->s, g->tx[0], 0, HDR);
    qtest_bufwrite(g->s, g->tx[0] + HDR, f, sizeof(f));
    for (unsigned i = 0; i < 100; i++) {
        QVirtioBuf b = {g->tx[0], HDR + sizeof(f), false};

        qvirtio_add(&g->v[0]->q[1], &b, 1, false);
    }
    qvirtio_kick(&g->v[0]->q[1]);
    g_usleep(100000);
    while (qvirtio_ready(&g->v[0]->q[1])) {
        qvirtio_wait(&g->v[0]->q[1], &used);
        done++;
    }
    g_assert_cmpuint(done, <, 100);
    for (unsigned i = 0; i < 100; i++) {
        g_assert_cmpuint(stream_recv(sv[0], got), ==, sizeof(f));
        g_assert_cmpmem(got, sizeof(f), f, sizeof(f));
    }
    for (; done < 100; done++) {
        qvirtio_wait(&g->v[0]->q[1], &used);
    }
    stop(g);
    close(sv[0]);
}

/* --- datagrams ------------------------------------------------------------------------------- */

static void dgram_traffic(Guest *g, int fd, const struct sockaddr *to, socklen_t len_to)
{
    uint8_t f[3000], got[4000];

    for (unsigned i = 0; i < 20; i++) {
        unsigned len = 14 + i * 70;
        struct pollfd p = {.fd = fd, .events = POLLIN};

        make_frame(f, len, i);
        guest_send(g, 0, f, len);
        g_assert_cmpint(poll(&p, 1, 20000), ==, 1);
        g_assert_cmpint(recv(fd, got, sizeof(got), 0), ==, len);
        g_assert_cmpmem(got, len, f, len);
        g_assert_cmpint(sendto(fd, f, len, 0, to, len_to), ==, len);
        g_assert_cmpuint(guest_recv(g, 0, got), ==, len);
        g_assert_cmpmem(got, len, f, len);
    }
}

static void test_dgram_unix(void)
{
    int fd = unix_socket(SOCK_DGRAM, "outside", true);
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    g_autofree char *args =
        g_strdup_printf("-netdev dgram,id=n0,local.type=unix,local.path=%s/inside,remote.type=unix,"
                        "remote.path=%s/outside -device virtio-net-pci,addr=4,netdev=n0",
                        folder, folder);
    Guest *g = boot(1, args);

    g_snprintf(un.sun_path, sizeof(un.sun_path), "%s/inside", folder);
    dgram_traffic(g, fd, (struct sockaddr *)&un, sizeof(un));
    stop(g);
    close(fd);
    g_assert_false(g_file_test(un.sun_path, G_FILE_TEST_EXISTS));
}

/* A UDP socket on the loopback interface and its port. */
static int udp_socket(uint16_t *port)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sin);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    g_assert_cmpint(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&sin, &len), ==, 0);
    *port = ntohs(sin.sin_port);
    return fd;
}

static void test_dgram_udp(void)
{
    for (unsigned legacy = 0; legacy < 2; legacy++) {
        uint16_t outside, inside;
        int fd = udp_socket(&outside), other = udp_socket(&inside);
        struct sockaddr_in sin = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons(inside)};
        g_autofree char *args = NULL;
        Guest *g;

        close(other); /* that port is free now */
        args = legacy
                   ? g_strdup_printf("-netdev socket,id=n0,udp=127.0.0.1:%u,localaddr=127.0.0.1:%u "
                                     "-device virtio-net-pci,addr=4,netdev=n0",
                                     outside, inside)
                   : g_strdup_printf("-netdev dgram,id=n0,local.type=inet,local.host=127.0.0.1,"
                                     "local.port=%u,remote.type=inet,remote.host=127.0.0.1,"
                                     "remote.port=%u -device virtio-net-pci,addr=4,netdev=n0",
                                     inside, outside);
        g = boot(1, args);
        dgram_traffic(g, fd, (struct sockaddr *)&sin, sizeof(sin));
        stop(g);
        close(fd);
    }
}

/* --- socket, hub, filter --------------------------------------------------------------------- */

/* Two emulators: one listens, the other connects. */
static void test_socket_tcp(void)
{
    uint16_t port;
    int fd = udp_socket(&port); /* a number that is likely to be free for TCP as well */
    g_autofree char *a = g_strdup_printf(
        "-netdev socket,id=n0,listen=127.0.0.1:%u -device virtio-net-pci,addr=4,netdev=n0", port);
    g_autofree char *b = g_strdup_printf(
        "-netdev socket,id=n0,connect=127.0.0.1:%u -device virtio-net-pci,addr=4,netdev=n0", port);
    uint8_t f[500], got[RX_BUF];
    Guest *one, *two;

    close(fd);
    one = boot(1, a);
    two = boot(1, b);
    for (unsigned i = 0; i < 10; i++) {
        /* the client first: what it sends waits until the connection was accepted */
        make_frame(f, sizeof(f), i);
        guest_send(two, 0, f, sizeof(f));
        g_assert_cmpuint(guest_recv(one, 0, got), ==, sizeof(f));
        g_assert_cmpmem(got, sizeof(f), f, sizeof(f));
        guest_send(one, 0, f, sizeof(f));
        g_assert_cmpuint(guest_recv(two, 0, got), ==, sizeof(f));
    }
    stop(two);
    stop(one);
}

/* Two NICs in two threads and a socket at one hub. */
static void test_hub(void)
{
    uint8_t f[300], got[RX_BUF];
    g_autofree char *args = NULL;
    Guest *g;
    int sv[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_DGRAM, 0, sv), ==, 0);
    args = g_strdup_printf("-netdev hubport,id=h0,hubid=3 -netdev hubport,id=h1,hubid=3 -netdev "
                           "dgram,id=n0,local.type=fd,local.str=%d -netdev "
                           "hubport,id=h2,hubid=3,netdev=n0 -netdev hubport,id=h3,hubid=4 -device "
                           "virtio-net-pci,addr=4,netdev=h0,iothread=iot0 -device "
                           "virtio-net-pci,addr=5,netdev=h1,iothread=iot1",
                           sv[1]);
    g = boot(2, args);
    close(sv[1]);
    for (unsigned i = 0; i < 20; i++) {
        struct pollfd p = {.fd = sv[0], .events = POLLIN};

        make_frame(f, sizeof(f), i);
        guest_send(g, i % 2, f, sizeof(f));
        g_assert_cmpuint(guest_recv(g, !(i % 2), got), ==, sizeof(f));
        g_assert_cmpmem(got, sizeof(f), f, sizeof(f));
        g_assert_cmpint(poll(&p, 1, 20000), ==, 1);
        g_assert_cmpint(recv(sv[0], got, sizeof(got), 0), ==, sizeof(f));
        g_assert_cmpmem(got, sizeof(f), f, sizeof(f));
        g_assert_cmpint(send(sv[0], f, 100, 0), ==, 100);
        g_assert_cmpuint(guest_recv(g, 0, got), ==, 100);
        g_assert_cmpuint(guest_recv(g, 1, got), ==, 100);
    }
    /* the sender does not hear itself */
    g_usleep(20000);
    g_assert_false(qvirtio_ready(&g->v[0]->q[0]));
    g_assert_false(qvirtio_ready(&g->v[1]->q[0]));
    qtest_qmp_ok(g->s, "{'execute': 'netdev_del', 'arguments': {'id': 'h1'}}");
    make_frame(f, sizeof(f), 50);
    guest_send(g, 1, f, sizeof(f));
    guest_send(g, 0, f, sizeof(f));
    recv_all(sv[0], got, sizeof(f));
    stop(g);
    close(sv[0]);
}

static unsigned records(const char *path, unsigned cut, unsigned *lens)
{
    g_autofree char *data = NULL;
    gsize len, at = 24;
    unsigned n = 0;

    g_assert_true(g_file_get_contents(path, &data, &len, NULL));
    g_assert_cmpuint(len, >=, 24);
    g_assert_cmpmem(data, 8, "\xd4\xc3\xb2\xa1\2\0\4\0", 8);
    while (at < len) {
        uint32_t r[4];

        g_assert_cmpuint(at + 16, <=, len);
        memcpy(r, data + at, 16);
        g_assert_cmpuint(r[2], ==, MIN(r[3], cut));
        g_assert_cmpuint(r[1], <, 1000000);
        if (n < 16) {
            lens[n] = r[3];
        }
        n++;
        at += 16 + r[2];
    }
    g_assert_cmpuint(at, ==, len);
    return n;
}

static void test_filter_dump(void)
{
    g_autofree char *args = NULL, *all = g_strdup_printf("%s/all.pcap", folder),
                    *rx = g_strdup_printf("%s/rx.pcap", folder),
                    *late = g_strdup_printf("%s/late.pcap", folder);
    uint8_t f[300], got[RX_BUF];
    unsigned lens[16];
    Guest *g;
    int sv[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_DGRAM, 0, sv), ==, 0);
    args = g_strdup_printf("-netdev dgram,id=n0,local.type=fd,local.str=%d -object "
                           "filter-dump,id=f0,netdev=n0,file=%s,maxlen=100 -object "
                           "filter-dump,id=f1,netdev=n0,file=%s,queue=rx -device "
                           "virtio-net-pci,addr=4,netdev=n0,iothread=iot0",
                           sv[1], all, rx);
    g = boot(1, args);
    close(sv[1]);
    for (unsigned i = 0; i < 3; i++) {
        make_frame(f, 60 + i * 50, i);
        guest_send(g, 0, f, 60 + i * 50);
        recv_all(sv[0], got, 60 + i * 50);
        g_assert_cmpint(send(sv[0], f, 300, 0), ==, 300);
        g_assert_cmpuint(guest_recv(g, 0, got), ==, 300);
    }
    g_assert_cmpuint(records(all, 100, lens), ==, 6);
    g_assert_cmpuint(lens[0], ==, 60);
    g_assert_cmpuint(lens[1], ==, 300);
    g_assert_cmpuint(lens[4], ==, 160);
    g_assert_cmpuint(records(rx, 65536, lens), ==, 3);
    g_assert_cmpuint(lens[2], ==, 160);
    /* at run time, off and on, and away */
    qtest_qmp_ok(g->s,
                 "{'execute': 'object-add', 'arguments': {'qom-type': 'filter-dump', 'id': 'f2', "
                 "'netdev': 'n0', 'file': '%s'}}",
                 late);
    guest_send(g, 0, f, 60);
    qtest_qmp_ok(g->s, "{'execute': 'qom-set', 'arguments': {'path': '/objects/f2', 'property': "
                       "'status', 'value': 'off'}}");
    guest_send(g, 0, f, 60);
    g_assert_cmpuint(records(late, 65536, lens), ==, 1);
    qtest_qmp_ok(g->s, "{'execute': 'object-del', 'arguments': {'id': 'f2'}}");
    g_free(qtest_qmp_error(g->s, "GenericError",
                           "{'execute': 'object-add', 'arguments': {'qom-type': 'filter-dump', "
                           "'id': 'f2', 'netdev': 'nope', 'file': '%s'}}",
                           late));
    qtest_qmp_ok(g->s, "{'execute': 'netdev_del', 'arguments': {'id': 'n0'}}");
    qtest_qmp_ok(g->s, "{'execute': 'object-del', 'arguments': {'id': 'f0'}}");
    stop(g);
    close(sv[0]);
}

/* --- user ------------------------------------------------------------------------------------ */

static uint16_t sum(const uint8_t *p, unsigned len, uint32_t start)
{
    for (unsigned i = 0; i < len; i++) {
        start += i & 1 ? p[i] : p[i] << 8;
    }
    while (start >> 16) {
        start = (start & 0xffff) + (start >> 16);
    }
    return (uint16_t)~start;
}

static void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static const uint8_t guest_mac[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};

/* Ethernet and IPv4 headers in front of a payload that is in place at f + 34; the frame's length.
 */
static unsigned ip_frame(uint8_t *f, const uint8_t *dst_mac, const uint8_t *src, const uint8_t *dst,
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
    put16(f + 24, sum(f + 14, 20, 0));
    return 34 + payload;
}

/* Sends DHCP DISCOVER; the OFFER's BOOTP part is at f + 42. */
static void dhcp_offer(Guest *g, uint8_t *f)
{
    static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, zero[4];
    unsigned len = 8 + 240 + 10;

    memset(f, 0, 600);
    put16(f + 34, 68);
    put16(f + 36, 67);
    put16(f + 38, len);
    f[42] = 1;
    f[43] = 1;
    f[44] = 6;
    memcpy(f + 46, "\x12\x34\x56\x78", 4);
    memcpy(f + 70, guest_mac, 6);
    memcpy(f + 278, "\x63\x82\x53\x63\x35\x01\x01\xff", 8);
    len = ip_frame(f, all, zero, all, 17, len);
    guest_send(g, 0, f, len);
    do {
        memset(f, 0, 600);
        len = guest_recv(g, 0, f);
    } while (f[12] != 0x08 || f[13] != 0x00 || f[23] != 17 || f[37] != 68);
    g_assert_cmpuint(len, >=, 42 + 240);
    g_assert_cmphex(f[42], ==, 2);
    g_assert_cmpmem(f + 46, 4, "\x12\x34\x56\x78", 4);
}

static void test_user_dhcp(void)
{
    static const struct {
        const char *opts;
        uint8_t addr[4];
        const char *bootfile;
    } t[] = {
        {"", {10, 0, 2, 15}, ""},
        {",net=192.168.76.0/24", {192, 168, 76, 15}, ""},
        {",net=192.168.76.0/24,dhcpstart=192.168.76.99,bootfile=pxe.0",
         {192, 168, 76, 99},
         "pxe.0"},
        {",restrict=on", {10, 0, 2, 15}, ""},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(t); i++) {
        g_autofree char *args = g_strdup_printf("-netdev user,id=n0%s -device "
                                                "virtio-net-pci,addr=4,netdev=n0,iothread=iot0",
                                                t[i].opts);
        Guest *g = boot(1, args);
        uint8_t f[RX_BUF];

        dhcp_offer(g, f);
        g_assert_cmpmem(f + 58, 4, t[i].addr, 4);
        g_assert_cmpstr((char *)f + 42 + 108, ==, t[i].bootfile);
        stop(g);
    }
}

/* The guest's end of one TCP connection that comes to its port 80. */
typedef struct Tcp {
    uint8_t peer_mac[6], peer_ip[4];
    uint16_t peer_port;
    uint32_t seq, ack;
} Tcp;

static void tcp_send(Guest *g, Tcp *t, uint8_t flags, const void *data, unsigned len)
{
    static const uint8_t own[4] = {10, 0, 2, 15};
    uint8_t f[600] = {0};
    uint32_t pseudo;

    put16(f + 34, 80);
    put16(f + 36, t->peer_port);
    put16(f + 38, t->seq >> 16);
    put16(f + 40, t->seq);
    put16(f + 42, t->ack >> 16);
    put16(f + 44, t->ack);
    f[46] = 0x50;
    f[47] = flags;
    put16(f + 48, 8192);
    memcpy(f + 54, data, len);
    ip_frame(f, t->peer_mac, own, t->peer_ip, 6, 20 + len);
    pseudo = (uint16_t)~sum(f + 26, 8, 0) + 6u + 20 + len;
    put16(f + 50, sum(f + 34, 20 + len, pseudo));
    guest_send(g, 0, f, 54 + len);
    t->seq += len + (flags & 3 ? 1 : 0);
}

/* The next TCP segment for the guest; ARP requests in between are answered. */
static unsigned tcp_recv(Guest *g, Tcp *t, uint8_t *flags, uint8_t *data)
{
    for (;;) {
        uint8_t f[RX_BUF];
        unsigned len = guest_recv(g, 0, f), head;

        if (f[12] == 0x08 && f[13] == 0x06 && f[21] == 1) {
            memcpy(f, f + 6, 6);
            memcpy(f + 6, guest_mac, 6);
            f[21] = 2;
            memcpy(f + 32, f + 22, 10);
            memcpy(f + 22, guest_mac, 6);
            memcpy(f + 28, "\x0a\x00\x02\x0f", 4);
            guest_send(g, 0, f, 42);
            continue;
        }
        if (f[12] != 0x08 || f[13] != 0x00 || f[23] != 6) {
            continue;
        }
        memcpy(t->peer_mac, f + 6, 6);
        memcpy(t->peer_ip, f + 26, 4);
        t->peer_port = (uint16_t)(f[34] << 8 | f[35]);
        *flags = f[47];
        head = 34 + (f[46] >> 4) * 4u;
        len = 14 + (unsigned)(f[16] << 8 | f[17]) - head;
        memcpy(data, f + head, len);
        t->ack =
            ((uint32_t)f[38] << 24 | f[39] << 16 | f[40] << 8 | f[41]) + len + (*flags & 3 ? 1 : 0);
        return len;
    }
}

/* The guest connects to an address of its network. */
static void tcp_open(Guest *g, Tcp *t, const uint8_t *ip, uint16_t port)
{
    uint8_t flags, data[RX_BUF];

    *t = (Tcp){.seq = 5000, .peer_port = port};
    memcpy(t->peer_mac, "\x52\x55\x0a\x00\x02\x02", 6);
    memcpy(t->peer_ip, ip, 4);
    tcp_send(g, t, 0x02, "", 0);
    tcp_recv(g, t, &flags, data);
    g_assert_cmphex(flags & 0x3f, ==, 0x12);
    tcp_send(g, t, 0x10, "", 0);
}

static void expect_data(Guest *g, Tcp *t, const char *text)
{
    uint8_t flags, data[RX_BUF];
    unsigned len;

    while (!(len = tcp_recv(g, t, &flags, data))) {
    }
    g_assert_cmpmem(data, len, text, strlen(text));
    tcp_send(g, t, 0x10, "", 0);
}

static int tcp_connect(uint16_t port)
{
    struct sockaddr_in sin = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    g_assert_cmpint(connect(fd, (struct sockaddr *)&sin, sizeof(sin)), ==, 0);
    return fd;
}

static void converse(Guest *g, uint16_t port)
{
    Tcp t = {.seq = 1000};
    uint8_t flags, data[RX_BUF];
    int fd = tcp_connect(port);
    char answer[6] = {0};

    g_assert_cmpuint(tcp_recv(g, &t, &flags, data), ==, 0);
    g_assert_cmphex(flags & 0x3f, ==, 2);
    tcp_send(g, &t, 0x12, "", 0);
    g_assert_cmpint(send(fd, "hello", 5, 0), ==, 5);
    while (tcp_recv(g, &t, &flags, data) == 0) {
    }
    g_assert_cmpmem(data, 5, "hello", 5);
    tcp_send(g, &t, 0x18, "world", 5);
    recv_all(fd, answer, 5);
    g_assert_cmpstr(answer, ==, "world");
    close(fd);
    do {
        tcp_recv(g, &t, &flags, data);
    } while (!(flags & 5));
    tcp_send(g, &t, 0x14, "", 0);
}

static void test_user_hostfwd(void)
{
    uint16_t port, second;
    int fd = udp_socket(&port), fd2 = udp_socket(&second);
    g_autofree char *args = g_strdup_printf("-netdev user,id=n0,hostfwd=tcp:127.0.0.1:%u-:80 "
                                            "-device virtio-net-pci,addr=4,netdev=n0,iothread=iot0",
                                            port);
    g_autofree char *text = NULL, *info = NULL;
    Guest *g;

    close(fd);
    close(fd2);
    g = boot(1, args);
    {
        uint8_t f[RX_BUF];

        dhcp_offer(g, f); /* so that the network knows the guest's address */
    }
    converse(g, port);
    converse(g, port);
    text = qtest_hmp(g->s, "hostfwd_add tcp:127.0.0.1:%u-10.0.2.15:80", second);
    g_assert_cmpstr(text, ==, "");
    converse(g, second);
    info = qtest_hmp(g->s, "info usernet");
    g_assert_nonnull(strstr(info, "TCP[HOST_FORWARD]"));
    g_free(text);
    text = qtest_hmp(g->s, "hostfwd_remove n0 tcp:127.0.0.1:%u", second);
    g_assert_nonnull(strstr(text, "removed"));
    g_free(text);
    text = qtest_hmp(g->s, "hostfwd_remove n0 tcp:127.0.0.1:%u", second);
    g_assert_nonnull(strstr(text, "not found"));
    g_free(text);
    text = qtest_hmp(g->s, "hostfwd_add n0 tcp:127.0.0.1:x-:80");
    g_assert_nonnull(strstr(text, "Error"));
    /* the NIC's reset, and the network goes on */
    qvirtio_reset(g->v[0]);
    qtest_alloc_reset(g->s);
    qvirtio_free(g->v[0]);
    open_nic(g, 0, 4);
    converse(g, port);
    stop(g);
}

/* Addresses of the network that are programs and sockets of the host. */
static void test_user_guestfwd(void)
{
    static const uint8_t program[4] = {10, 0, 2, 100}, device[4] = {10, 0, 2, 101};
    g_autofree char *args =
        g_strdup_printf("-netdev \"user,id=n0,guestfwd=tcp:10.0.2.100:7-cmd:cat,"
                        "guestfwd=tcp:10.0.2.101:9-unix:%s/fwd,,server=on,,wait=off\" "
                        "-device virtio-net-pci,addr=4,netdev=n0,iothread=iot0",
                        folder);
    Guest *g = boot(1, args);
    char got[16] = {0};
    uint8_t f[RX_BUF];
    Tcp t;
    int fd;

    dhcp_offer(g, f);
    tcp_open(g, &t, program, 7);
    tcp_send(g, &t, 0x18, "to cat", 6);
    expect_data(g, &t, "to cat");
    fd = unix_socket(SOCK_STREAM, "fwd", false);
    tcp_open(g, &t, device, 9);
    tcp_send(g, &t, 0x18, "outwards", 8);
    recv_all(fd, got, 8);
    g_assert_cmpstr(got, ==, "outwards");
    send_all(fd, "inwards", 7);
    expect_data(g, &t, "inwards");
    close(fd);
    qtest_qmp_ok(g->s, "{'execute': 'netdev_del', 'arguments': {'id': 'n0'}}");
    stop(g);
}

static void test_user_tftp(void)
{
    static const uint8_t own[4] = {10, 0, 2, 15}, host[4] = {10, 0, 2, 2};
    static const char request[] = "\0\1hello.txt\0octet";
    g_autofree char *args = g_strdup_printf("-netdev user,id=n0,tftp=%s -device "
                                            "virtio-net-pci,addr=4,netdev=n0",
                                            folder);
    g_autofree char *path = g_strdup_printf("%s/hello.txt", folder);
    Guest *g = boot(1, args);
    uint8_t f[RX_BUF];
    unsigned len;

    g_assert_true(g_file_set_contents(path, "by TFTP", 7, NULL));
    dhcp_offer(g, f);
    memset(f, 0, sizeof(f));
    put16(f + 34, 1069);
    put16(f + 36, 69);
    put16(f + 38, 8 + sizeof(request));
    memcpy(f + 42, request, sizeof(request));
    len = ip_frame(f, (const uint8_t *)"\x52\x55\x0a\x00\x02\x02", own, host, 17,
                   8 + sizeof(request));
    guest_send(g, 0, f, len);
    do {
        guest_recv(g, 0, f);
    } while (f[12] != 0x08 || f[13] != 0x00 || f[23] != 17 || f[37] != (1069 & 0xff));
    g_assert_cmpmem(f + 42, 11, "\0\3\0\1by TFTP", 11);
    stop(g);
}

/* --- tap ------------------------------------------------------------------------------------- */

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
    uint64_t at = qtest_alloc(g->s, 4096, 4096);
    uint8_t cmd[4] = {4, 0, pairs, 0};
    QVirtioBuf b[2] = {{at, 4, false}, {at + 100, 1, true}};
    uint32_t used;

    qtest_memwrite(g->s, at, cmd, 4);
    qtest_writeb(g->s, at + 100, 0xaa);
    qvirtio_add(&g->v[0]->q[4], b, 2, false);
    qvirtio_kick(&g->v[0]->q[4]);
    qvirtio_wait(&g->v[0]->q[4], &used);
    return qtest_readb(g->s, at + 100);
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

        make_frame(f, len, i);
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
                QVirtQueue *rx = &g->v[0]->q[2 * r];

                while (qvirtio_ready(rx)) {
                    uint16_t id = qvirtio_wait(rx, &used);
                    uint64_t at = g->rx_at[r][id];
                    QVirtioBuf again = {at, RX_BUF, true};

                    qtest_memread(g->s, at + HDR, got, used - HDR);
                    came |= used == len + HDR && !memcmp(got, f, len);
                    g->rx_at[r][qvirtio_add(rx, &again, 1, false)] = at;
                    qvirtio_kick(rx);
                }
            }
        }
    }
}

static void test_tap(void)
{
    g_autofree char *name = g_strdup_printf("qt%d", (int)getpid() % 100000);
    g_autofree char *args =
        g_strdup_printf("-netdev tap,id=n0,ifname=%s,script=no,downscript=no,queues=2 -device "
                        "virtio-net-pci,addr=4,netdev=n0,mq=on,iothread-vq-mapping.0.iothread=iot0,"
                        "iothread-vq-mapping.1.iothread=iot1",
                        name);
    int tun = open("/dev/net/tun", O_RDWR), fd;
    struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    bool may = tun >= 0 && ioctl(tun, TUNSETIFF, &ifr) == 0;
    unsigned before;
    Guest *g;

    if (tun >= 0) {
        close(tun);
    }
    if (!may) {
        g_test_skip("no right to make a tap interface");
        return;
    }
    g = boot(0, args);
    fd = packet_socket(name);
    g->v[0] = qvirtio_new(g->bus, 0, QPCI_DEVFN(4, 0), false);
    for (unsigned round = 0; round < 2; round++) {
        /* with what the kernel takes undone, and without */
        qvirtio_start(g->v[0],
                      (qvirtio_host_features(g->v[0]) &
                       (round ? 0
                              : QVIRTIO_F(0) | QVIRTIO_F(1) | QVIRTIO_F(2) | QVIRTIO_F(7) |
                                    QVIRTIO_F(8) | QVIRTIO_F(11) | QVIRTIO_F(12))) |
                          F_MRG | QVIRTIO_F(17) | QVIRTIO_F(22),
                      5, 0, false);
        g_assert_cmpuint(qvirtio_config(g->v[0], 8, 2), ==, 2);
        for (unsigned r = 0; r < 2; r++) {
            g->rx[r] = qtest_alloc(g->s, RX_COUNT * RX_BUF, 4096);
            for (unsigned i = 0; i < RX_COUNT; i++) {
                QVirtioBuf b = {g->rx[r] + i * RX_BUF, RX_BUF, true};

                g->rx_at[r][qvirtio_add(&g->v[0]->q[2 * r], &b, 1, false)] = b.addr;
            }
            qvirtio_kick(&g->v[0]->q[2 * r]);
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
    stop(g);
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
    uint64_t at = qtest_alloc(g->s, 4096, 4096);
    uint8_t cmd[512] = {4, 1};
    unsigned len = 10, n = mask + 1u;
    QVirtioBuf b[2] = {{at, 0, false}, {at + 1000, 1, true}};
    uint32_t used;

    memcpy(cmd + 2, &types, 4);
    memcpy(cmd + 6, &mask, 2);
    memcpy(cmd + 8, &unclassified, 2);
    memcpy(cmd + len, table, 2 * MIN(n, 128));
    len += 2 * MIN(n, 128);
    memcpy(cmd + len, &max_tx, 2);
    cmd[len + 2] = key_len;
    memcpy(cmd + len + 3, rss_key, 40);
    len += 3 + key_len - cut;
    b[0].len = len;
    qtest_memwrite(g->s, at, cmd, len);
    qtest_writeb(g->s, at + 1000, 0xaa);
    qvirtio_add(&g->v[0]->q[4], b, 2, false);
    qvirtio_kick(&g->v[0]->q[4]);
    qvirtio_wait(&g->v[0]->q[4], &used);
    return qtest_readb(g->s, at + 1000);
}

/* The queue that this frame comes to. */
static unsigned queue_of(Guest *g, int fd, uint8_t *f, unsigned len)
{
    gint64 end = g_get_monotonic_time() + 10 * G_TIME_SPAN_SECOND;
    unsigned found = 2;
    uint8_t got[RX_BUF];

    g_assert_cmpint(send(fd, f, len, 0), ==, len);
    while (found == 2) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        for (unsigned r = 0; r < 2; r++) {
            QVirtQueue *rx = &g->v[0]->q[2 * r];

            while (qvirtio_ready(rx)) {
                uint32_t used;
                uint64_t at = g->rx_at[r][qvirtio_wait(rx, &used)];
                QVirtioBuf again = {at, RX_BUF, true};

                qtest_memread(g->s, at + HDR, got, used - HDR);
                if (used == len + HDR && !memcmp(got, f, len)) {
                    found = r;
                }
                g->rx_at[r][qvirtio_add(rx, &again, 1, false)] = at;
                qvirtio_kick(rx);
            }
        }
    }
    return found;
}

static void test_tap_rss(void)
{
    static const uint8_t to[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
    g_autofree char *name = g_strdup_printf("qr%d", (int)getpid() % 100000);
    g_autofree char *args = g_strdup_printf(
        "-netdev tap,id=n0,ifname=%s,script=no,downscript=no,queues=2 -device "
        "virtio-net-pci,addr=4,netdev=n0,mq=on,rss=on,iothread-vq-mapping.0.iothread=iot0,"
        "iothread-vq-mapping.1.iothread=iot1",
        name);
    int tun = open("/dev/net/tun", O_RDWR), fd;
    struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    bool may = tun >= 0 && ioctl(tun, TUNSETIFF, &ifr) == 0;
    uint16_t table[128];
    uint8_t f[200];
    Guest *g;

    if (tun >= 0) {
        close(tun);
    }
    if (!may) {
        g_test_skip("no right to make a tap interface");
        return;
    }
    g = boot(0, args);
    fd = packet_socket(name);
    g->v[0] = qvirtio_new(g->bus, 0, QPCI_DEVFN(4, 0), false);
    qvirtio_start(g->v[0], F_MRG | QVIRTIO_F(17) | QVIRTIO_F(22) | QVIRTIO_F(60), 5, 0, false);
    g_assert_cmpuint(qvirtio_config(g->v[0], 17, 1), ==, 40);
    g_assert_cmpuint(qvirtio_config(g->v[0], 18, 2), ==, 128);
    g_assert_cmphex(qvirtio_config(g->v[0], 20, 4), ==, 0x3f);
    for (unsigned r = 0; r < 2; r++) {
        g->rx[r] = qtest_alloc(g->s, RX_COUNT * RX_BUF, 4096);
        for (unsigned i = 0; i < RX_COUNT; i++) {
            QVirtioBuf b = {g->rx[r] + i * RX_BUF, RX_BUF, true};

            g->rx_at[r][qvirtio_add(&g->v[0]->q[2 * r], &b, 1, false)] = b.addr;
        }
        qvirtio_kick(&g->v[0]->q[2 * r]);
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
    stop(g);
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
    g = boot(1, args);
    fd = packet_socket(name);
    for (unsigned i = 0; i < 5; i++) {
        make_frame(f, sizeof(f), i);
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
    stop(g);
}

static void test_nic_options(void)
{
    QTestState *s = qtest_init("-machine q35 -nodefaults -nic "
                               "user,model=virtio,mac=52:54:00:00:00:09 -nic hubport,hubid=1 -net "
                               "nic,macaddr=52:54:00:00:00:08 -net user,name=old");
    g_autofree char *text = qtest_hmp(s, "info network");

    g_assert_nonnull(strstr(text, "model=virtio-net-pci,macaddr=52:54:00:00:00:09"));
    g_assert_nonnull(strstr(text, "model=virtio-net-pci,macaddr=52:54:00:00:00:08"));
    g_assert_nonnull(strstr(text, "old: index=0,type=user"));
    qtest_quit(s);
    s = qtest_init("-machine q35 -nic none");
    g_free(text);
    text = qtest_hmp(s, "info network");
    g_assert_cmpstr(text, ==, "");
    qtest_quit(s);
}

/* Everything that QMP accepts, added and removed while it runs. */
static void test_qmp(void)
{
    QTestState *s = qtest_init("-machine none");

    for (unsigned i = 0; i < 3; i++) {
        qtest_qmp_ok(s, "{'execute': 'netdev_add', 'arguments': {'type': 'user', 'id': 'n0', "
                        "'restrict': true, 'net': '10.1.0.0/16', 'dnssearch': [{'str': 'a.b'}, "
                        "{'str': 'c.d'}], 'ipv6': false}}");
        g_free(qtest_qmp_error(s, "GenericError",
                               "{'execute': 'netdev_add', 'arguments': {'type': 'user', 'id': "
                               "'n0'}}"));
        qtest_qmp_ok(s, "{'execute': 'netdev_add', 'arguments': {'type': 'hubport', 'id': 'h', "
                        "'hubid': 1, 'netdev': 'n0'}}");
        g_free(qtest_qmp_error(s, "GenericError",
                               "{'execute': 'netdev_add', 'arguments': {'type': 'hubport', 'id': "
                               "'h2', 'hubid': 1, 'netdev': 'n0'}}"));
        qtest_qmp_ok(s, "{'execute': 'netdev_del', 'arguments': {'id': 'n0'}}");
        qtest_qmp_ok(s, "{'execute': 'netdev_del', 'arguments': {'id': 'h'}}");
        qtest_qmp_ok(s,
                     "{'execute': 'netdev_add', 'arguments': {'type': 'stream', 'id': 's', "
                     "'server': true, 'addr': {'type': 'unix', 'path': '%s/qmp'}}}",
                     folder);
        qtest_qmp_ok(s, "{'execute': 'netdev_del', 'arguments': {'id': 's'}}");
    }
    g_free(qtest_qmp_error(s, "GenericError",
                           "{'execute': 'netdev_add', 'arguments': {'type': 'nic', 'id': 'x'}}"));
    g_free(qtest_qmp_error(s, "GenericError",
                           "{'execute': 'netdev_add', 'arguments': {'type': 'stream', 'id': 's', "
                           "'addr': {'type': 'unix', 'path': '%s/nobody'}}}",
                           folder));
    g_free(qtest_qmp_error(s, "GenericError",
                           "{'execute': 'netdev_add', 'arguments': {'type': 'user', 'id': 'x', "
                           "'hostfwd': [{'str': 'nonsense'}]}}"));
    g_free(qtest_qmp_error(s, "DeviceNotFound",
                           "{'execute': 'netdev_del', 'arguments': {'id': 'x'}}"));
    qtest_quit(s);
}

/* --disable-slirp leaves it out. */
static bool have_user(void)
{
    g_autofree char *text = NULL;

    g_assert_cmpint(qtest_run("-netdev help", &text), ==, 0);
    return strstr(text, "user\n");
}

int main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    folder = g_dir_make_tmp("netdev-test-XXXXXX", NULL);
    g_test_add_func("/netdev/stream/server", test_stream_server);
    g_test_add_func("/netdev/stream/client", test_stream_client);
    g_test_add_func("/netdev/stream/fd", test_stream_fd);
    g_test_add_func("/netdev/stream/congested", test_stream_congested);
    g_test_add_func("/netdev/dgram/unix", test_dgram_unix);
    g_test_add_func("/netdev/dgram/udp", test_dgram_udp);
    g_test_add_func("/netdev/socket/tcp", test_socket_tcp);
    g_test_add_func("/netdev/hub", test_hub);
    g_test_add_func("/netdev/filter-dump", test_filter_dump);
    g_test_add_func("/netdev/tap/queues", test_tap);
    g_test_add_func("/netdev/tap/rss", test_tap_rss);
    g_test_add_func("/netdev/tap/fd", test_tap_fd);
    if (have_user()) {
        g_test_add_func("/netdev/user/dhcp", test_user_dhcp);
        g_test_add_func("/netdev/user/hostfwd", test_user_hostfwd);
        g_test_add_func("/netdev/user/guestfwd", test_user_guestfwd);
        g_test_add_func("/netdev/user/tftp", test_user_tftp);
        g_test_add_func("/netdev/nic-options", test_nic_options);
        g_test_add_func("/netdev/qmp", test_qmp);
    }
    status = g_test_run();
    {
        g_autofree char *rm = g_strdup_printf("rm -rf '%s'", folder);

        if (system(rm)) {
            status = 1;
        }
    }
    g_free(folder);
    return status;
}
