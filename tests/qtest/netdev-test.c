/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Network back ends that are sockets, hubs and filters; adding and removing them. */
#include "netdev-driver.h"

#include <arpa/inet.h>
#include <poll.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

/* --- streams ---------------------------------------------------------------------------------- */

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

        netdev_frame(f, len, i);
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

        netdev_frame(f, 100, 3);
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
    g_autofree char *path = g_strdup_printf("%s/stream", netdev_folder);
    g_autofree char *args =
        g_strdup_printf("-netdev stream,id=n0,server=on,addr.type=unix,addr.path=%s -device "
                        "virtio-net-pci,addr=4,netdev=n0,iothread=iot0",
                        path);
    Guest *g = netdev_boot(1, args);
    uint8_t f[100];

    for (unsigned i = 0; i < 3; i++) {
        int fd;

        netdev_frame(f, 100, 0);
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
    netdev_stop(g);
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
}

static void test_stream_client(void)
{
    int listener = unix_socket(SOCK_STREAM, "passt", true), fd;
    g_autofree char *path = g_strdup_printf("%s/passt", netdev_folder);
    g_autofree char *args =
        g_strdup_printf("-netdev stream,id=n0,addr.type=unix,addr.path=%s,reconnect-ms=20 -device "
                        "virtio-net-pci,addr=4,netdev=n0,iothread=iot0",
                        path);
    Guest *g = netdev_boot(1, args);

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
    netdev_stop(g);
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
    g = netdev_boot(1, args);
    close(sv[1]);
    stream_traffic(g, sv[0]);
    netdev_stop(g);
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
    g = netdev_boot(1, args);
    close(sv[1]);
    netdev_frame(f, sizeof(f), 7);
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
    netdev_stop(g);
    close(sv[0]);
}

/* --- datagrams -------------------------------------------------------------------------------- */

static void dgram_traffic(Guest *g, int fd, const struct sockaddr *to, socklen_t len_to)
{
    uint8_t f[3000], got[4000];

    for (unsigned i = 0; i < 20; i++) {
        unsigned len = 14 + i * 70;
        struct pollfd p = {.fd = fd, .events = POLLIN};

        netdev_frame(f, len, i);
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
                        netdev_folder, netdev_folder);
    Guest *g = netdev_boot(1, args);

    g_snprintf(un.sun_path, sizeof(un.sun_path), "%s/inside", netdev_folder);
    dgram_traffic(g, fd, (struct sockaddr *)&un, sizeof(un));
    netdev_stop(g);
    close(fd);
    g_assert_false(g_file_test(un.sun_path, G_FILE_TEST_EXISTS));
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
        g = netdev_boot(1, args);
        dgram_traffic(g, fd, (struct sockaddr *)&sin, sizeof(sin));
        netdev_stop(g);
        close(fd);
    }
}

/* --- socket, hub, filter ---------------------------------------------------------------------- */

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
    one = netdev_boot(1, a);
    two = netdev_boot(1, b);
    for (unsigned i = 0; i < 10; i++) {
        /* the client first: what it sends waits until the connection was accepted */
        netdev_frame(f, sizeof(f), i);
        guest_send(two, 0, f, sizeof(f));
        g_assert_cmpuint(guest_recv(one, 0, got), ==, sizeof(f));
        g_assert_cmpmem(got, sizeof(f), f, sizeof(f));
        guest_send(one, 0, f, sizeof(f));
        g_assert_cmpuint(guest_recv(two, 0, got), ==, sizeof(f));
    }
    netdev_stop(two);
    netdev_stop(one);
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
    g = netdev_boot(2, args);
    close(sv[1]);
    for (unsigned i = 0; i < 20; i++) {
        struct pollfd p = {.fd = sv[0], .events = POLLIN};

        netdev_frame(f, sizeof(f), i);
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
    netdev_frame(f, sizeof(f), 50);
    guest_send(g, 1, f, sizeof(f));
    guest_send(g, 0, f, sizeof(f));
    recv_all(sv[0], got, sizeof(f));
    netdev_stop(g);
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
    g_autofree char *args = NULL, *all = g_strdup_printf("%s/all.pcap", netdev_folder),
                    *rx = g_strdup_printf("%s/rx.pcap", netdev_folder),
                    *late = g_strdup_printf("%s/late.pcap", netdev_folder);
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
    g = netdev_boot(1, args);
    close(sv[1]);
    for (unsigned i = 0; i < 3; i++) {
        netdev_frame(f, 60 + i * 50, i);
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
    netdev_stop(g);
    close(sv[0]);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/netdev/stream/server", test_stream_server);
    g_test_add_func("/netdev/stream/client", test_stream_client);
    g_test_add_func("/netdev/stream/fd", test_stream_fd);
    g_test_add_func("/netdev/stream/congested", test_stream_congested);
    g_test_add_func("/netdev/dgram/unix", test_dgram_unix);
    g_test_add_func("/netdev/dgram/udp", test_dgram_udp);
    g_test_add_func("/netdev/socket/tcp", test_socket_tcp);
    g_test_add_func("/netdev/hub", test_hub);
    g_test_add_func("/netdev/filter-dump", test_filter_dump);
    return netdev_run();
}
