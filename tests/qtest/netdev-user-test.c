/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -netdev user: a network with DHCP, TFTP and forwarded ports; options that use it. */
#include "netdev-driver.h"

#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>

/* --- DHCP ------------------------------------------------------------------------------------- */

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
        Guest *g = netdev_boot(1, args);
        uint8_t f[RX_BUF];

        dhcp_offer(g, f);
        g_assert_cmpmem(f + 58, 4, t[i].addr, 4);
        g_assert_cmpstr((char *)f + 42 + 108, ==, t[i].bootfile);
        netdev_stop(g);
    }
}

/* --- TCP -------------------------------------------------------------------------------------- */

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
    pseudo = (uint16_t)~inet_sum(f + 26, 8, 0) + 6u + 20 + len;
    put16(f + 50, inet_sum(f + 34, 20 + len, pseudo));
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
    g = netdev_boot(1, args);
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
    netdev_open_nic(g, 0, 4);
    converse(g, port);
    netdev_stop(g);
}

/* Addresses of the network that are programs and sockets of the host. */
static void test_user_guestfwd(void)
{
    static const uint8_t program[4] = {10, 0, 2, 100}, device[4] = {10, 0, 2, 101};
    g_autofree char *args =
        g_strdup_printf("-netdev \"user,id=n0,guestfwd=tcp:10.0.2.100:7-cmd:cat,"
                        "guestfwd=tcp:10.0.2.101:9-unix:%s/fwd,,server=on,,wait=off\" "
                        "-device virtio-net-pci,addr=4,netdev=n0,iothread=iot0",
                        netdev_folder);
    Guest *g = netdev_boot(1, args);
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
    netdev_stop(g);
}

/* --- TFTP ------------------------------------------------------------------------------------- */

static void test_user_tftp(void)
{
    static const uint8_t own[4] = {10, 0, 2, 15}, host[4] = {10, 0, 2, 2};
    static const char request[] = "\0\1hello.txt\0octet";
    g_autofree char *args = g_strdup_printf("-netdev user,id=n0,tftp=%s -device "
                                            "virtio-net-pci,addr=4,netdev=n0",
                                            netdev_folder);
    g_autofree char *path = g_strdup_printf("%s/hello.txt", netdev_folder);
    Guest *g = netdev_boot(1, args);
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
    netdev_stop(g);
}

/* --- options ---------------------------------------------------------------------------------- */

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
                     netdev_folder);
        qtest_qmp_ok(s, "{'execute': 'netdev_del', 'arguments': {'id': 's'}}");
    }
    g_free(qtest_qmp_error(s, "GenericError",
                           "{'execute': 'netdev_add', 'arguments': {'type': 'nic', 'id': 'x'}}"));
    g_free(qtest_qmp_error(s, "GenericError",
                           "{'execute': 'netdev_add', 'arguments': {'type': 'stream', 'id': 's', "
                           "'addr': {'type': 'unix', 'path': '%s/nobody'}}}",
                           netdev_folder));
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
    g_test_init(&argc, &argv, NULL);
    if (have_user()) {
        g_test_add_func("/netdev/user/dhcp", test_user_dhcp);
        g_test_add_func("/netdev/user/hostfwd", test_user_hostfwd);
        g_test_add_func("/netdev/user/guestfwd", test_user_guestfwd);
        g_test_add_func("/netdev/user/tftp", test_user_tftp);
        g_test_add_func("/netdev/nic-options", test_nic_options);
        g_test_add_func("/netdev/qmp", test_qmp);
    }
    return netdev_run();
}
