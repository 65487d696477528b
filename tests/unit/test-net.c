/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The network core without an emulator: wires and their backlog, sums and segments, frames on byte
 * streams, pcap files. */
#include "../../net/net-internal.h"

#include "net/checksum.h"

#include <glib/gstdio.h>

/* --- sums ------------------------------------------------------------------------------------ */

static uint16_t plain_sum(const uint8_t *p, size_t len)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < len; i++) {
        sum += i & 1 ? p[i] : p[i] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return ~sum;
}

static void test_sum(void)
{
    static const uint8_t rfc1071[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
    uint8_t buf[3000];

    g_assert_cmphex(net_sum_finish(net_sum(rfc1071, sizeof(rfc1071), 0)), ==, 0x220d);
    g_assert_cmphex(net_sum_finish(0), ==, 0xffff);
    for (unsigned i = 0; i < sizeof(buf); i++) {
        buf[i] = g_test_rand_int();
    }
    for (unsigned i = 0; i < 2000; i++) {
        size_t at = g_test_rand_int_range(0, 1000), len = g_test_rand_int_range(0, 2000);

        g_assert_cmphex(net_sum_finish(net_sum(buf + at, len, 0)), ==, plain_sum(buf + at, len));
    }
    memset(buf, 0xff, sizeof(buf));
    g_assert_cmphex(net_sum_finish(net_sum(buf, sizeof(buf), 0)), ==, 0);
}

typedef struct Frames {
    unsigned n;
    size_t bytes;
} Frames;

static void count_frame(void *opaque, const struct iovec *iov, unsigned niov)
{
    Frames *f = opaque;

    f->n++;
    f->bytes += net_iov_len(iov, niov);
}

/* Any header, any frame: an answer, and no more output than the input can stand for. */
static void test_random_headers(void)
{
    g_autofree uint8_t *frame = g_malloc(NET_PACKET_MAX);
    static const uint8_t gso[] = {0, 1, 3, 4, 5, 0x81, 0x84, 200};

    for (unsigned i = 0; i < 30000; i++) {
        size_t len = i % 100 ? g_test_rand_int_range(14, 3000) : NET_PACKET_MAX;
        NetVnetHdr h = {
            .flags = g_test_rand_int_range(0, 2),
            .gso_type = gso[g_test_rand_int_range(0, G_N_ELEMENTS(gso))],
            .hdr_len = g_test_rand_int(),
            .gso_size = g_test_rand_int_range(0, i & 1 ? 100 : 65536),
            .csum_start = g_test_rand_int_range(0, i & 2 ? 120 : 65536),
            .csum_offset = g_test_rand_int_range(0, i & 4 ? 20 : 65536),
        };
        g_autofree uint8_t *exact = NULL;
        const char *why = NULL;
        Frames f = {0};

        frame[12] = 0x08;
        frame[13] = 0x00;
        for (unsigned k = 14; k < MIN(len, 200); k++) {
            frame[k] = g_test_rand_int();
        }
        if (i & 8) {
            h.csum_offset = 16;
            h.flags = 1;
        }
        exact = g_memdup2(frame, len); /* so that a sanitizer sees each byte beyond */
        if (net_complete(&h, exact, len, count_frame, &f, &why)) {
            g_assert_cmpuint(f.n, >, 0);
            g_assert_cmpuint(f.n, <=, len / 8 + 1);
        } else {
            g_assert_cmpuint(f.n, ==, 0);
            g_assert_nonnull(why);
        }
    }
}

/* --- framing --------------------------------------------------------------------------------- */

static void feed(NetFraming *f, const void *data, size_t len)
{
    while (len) {
        size_t room;
        uint8_t *at = net_framing_room(f, &room);
        size_t part = MIN(room, len);

        g_assert_cmpuint(room, >, 0);
        memcpy(at, data, part);
        net_framing_filled(f, part);
        data = (const uint8_t *)data + part;
        len -= part;
    }
}

static void test_framing(void)
{
    g_autofree uint8_t *stream = g_malloc(NET_PACKET_MAX + 4);
    NetFraming f;
    size_t len;
    bool bad;

    net_framing_init(&f);
    for (unsigned round = 0; round < 300; round++) {
        static const unsigned sizes[] = {0, 1, 14, 60, 1514, 9000, 65535, NET_PACKET_MAX};
        unsigned n = sizes[round % G_N_ELEMENTS(sizes)], done = 0;
        uint32_t be = GUINT32_TO_BE(n);
        const uint8_t *got;

        memcpy(stream, &be, 4);
        for (unsigned i = 0; i < n; i++) {
            stream[4 + i] = (uint8_t)(i * 3 + round);
        }
        /* in pieces, of one byte at times */
        while (done < n + 4) {
            unsigned part = round % 3 ? MIN(n + 4 - done, 1 + done * 2) : 1;

            if (n > 2000 && !(round % 3)) {
                part = MIN(n + 4 - done, 4000);
            }
            g_assert_null(net_framing_next(&f, &len, &bad));
            g_assert_false(bad);
            feed(&f, stream + done, part);
            done += part;
        }
        got = net_framing_next(&f, &len, &bad);
        g_assert_nonnull(got);
        g_assert_cmpmem(got, len, stream + 4, n);
    }
    /* many in one piece */
    for (unsigned i = 0; i < 500; i++) {
        feed(&f, "\0\0\0\3abc", 7);
    }
    for (unsigned i = 0; i < 500; i++) {
        const uint8_t *got = net_framing_next(&f, &len, &bad);

        g_assert_cmpmem(got, len, "abc", 3);
    }
    g_assert_null(net_framing_next(&f, &len, &bad));
    /* a length that cannot be */
    feed(&f, "\0\1\0\x0f", 4);
    g_assert_null(net_framing_next(&f, &len, &bad));
    g_assert_true(bad);
    net_framing_free(&f);
}

/* --- pcap ------------------------------------------------------------------------------------ */

static uint32_t word(const char *data, size_t at)
{
    uint32_t v;

    memcpy(&v, data + at, 4);
    return v;
}

static void test_pcap(void)
{
    g_autofree char *path = NULL, *data = NULL;
    int fd = g_file_open_tmp("test-net-XXXXXX.pcap", &path, NULL);
    struct iovec iov[40];
    uint8_t bytes[400];
    PcapFile f;
    gsize len;

    close(fd);
    for (unsigned i = 0; i < sizeof(bytes); i++) {
        bytes[i] = i;
    }
    for (unsigned i = 0; i < 40; i++) {
        iov[i] = (struct iovec){bytes + 10 * i, 10};
    }
    g_assert_true(pcap_open(&f, path, 100, NULL));
    g_assert_true(pcap_write(&f, INT64_C(1700000000123456), iov, 6, 60));
    g_assert_true(pcap_write(&f, INT64_C(1700000001000000), iov, 40, 400)); /* cut */
    pcap_close(&f);
    g_assert_true(g_file_get_contents(path, &data, &len, NULL));
    g_assert_cmpuint(len, ==, 24 + 16 + 60 + 16 + 100);
    g_assert_cmphex(word(data, 0), ==, 0xa1b2c3d4);
    g_assert_cmphex(word(data, 4), ==, 0x00040002);
    g_assert_cmpuint(word(data, 16), ==, 100);
    g_assert_cmpuint(word(data, 20), ==, 1);
    g_assert_cmpuint(word(data, 24), ==, 1700000000);
    g_assert_cmpuint(word(data, 28), ==, 123456);
    g_assert_cmpuint(word(data, 32), ==, 60);
    g_assert_cmpuint(word(data, 36), ==, 60);
    g_assert_cmpmem(data + 40, 60, bytes, 60);
    g_assert_cmpuint(word(data, 108), ==, 100);
    g_assert_cmpuint(word(data, 112), ==, 400);
    g_assert_cmpmem(data + 116, 100, bytes, 100);
    g_clear_pointer(&data, g_free);
    /* more pieces than a call takes */
    g_assert_true(pcap_open(&f, path, 65536, NULL));
    g_assert_true(pcap_write(&f, 0, iov, 40, 400));
    pcap_close(&f);
    g_assert_true(g_file_get_contents(path, &data, &len, NULL));
    g_assert_cmpuint(len, ==, 24 + 16 + 400);
    g_assert_cmpmem(data + 40, 400, bytes, 400);
    g_unlink(path);
    /* a disk that is full */
    if (pcap_open(&f, "/dev/full", 100, NULL)) {
        g_assert_not_reached();
    }
}

/* --- wires ----------------------------------------------------------------------------------- */

typedef struct TestQueue {
    NetQueue q;
    bool full;
    unsigned got, resumed, attached;
    GByteArray *firsts; /* first byte of each packet */
} TestQueue;

static bool test_receive(NetQueue *q, const struct iovec *iov, unsigned niov, size_t len)
{
    TestQueue *t = (TestQueue *)q;
    uint8_t first;

    if (t->full) {
        return false;
    }
    net_iov_copy(iov, niov, 0, &first, 1);
    g_byte_array_append(t->firsts, &first, 1);
    t->got++;
    return true;
}

static void test_resume(NetQueue *q)
{
    ((TestQueue *)q)->resumed++;
}

static void test_attach(NetQueue *q)
{
    ((TestQueue *)q)->attached++;
}

static void test_detach(NetQueue *q)
{
    ((TestQueue *)q)->attached--;
}

static const NetPortInfo end_info = {
    .type = NET_CLIENT_DRIVER_DGRAM,
    .queue_size = sizeof(TestQueue),
    .receive = test_receive,
    .resume = test_resume,
    .attach = test_attach,
    .detach = test_detach,
};
static const NetPortInfo nic_info = {
    .type = NET_CLIENT_DRIVER_NIC,
    .queue_size = sizeof(TestQueue),
    .receive = test_receive,
    .resume = test_resume,
};

static TestQueue *new_end(const NetPortInfo *info, const char *id)
{
    NetPort *p = net_port_new(info, id, 1, NULL);

    g_assert_nonnull(p);
    ((TestQueue *)p->queues[0])->firsts = g_byte_array_new();
    net_port_start(p);
    return (TestQueue *)p->queues[0];
}

static void free_end(TestQueue *t)
{
    g_byte_array_unref(t->firsts);
    net_port_free(t->q.port);
}

static bool send_byte(TestQueue *from, uint8_t b, size_t len)
{
    g_autofree uint8_t *packet = g_malloc0(len);

    packet[0] = b;
    return net_send_buf(&from->q, packet, len);
}

static void test_wire(void)
{
    TestQueue *nic = new_end(&nic_info, "nic"), *be = new_end(&end_info, "be"), *other;
    GError *err = NULL;

    /* without a peer packets are gone */
    g_assert_true(send_byte(be, 1, 60));
    g_assert_cmpuint(be->q.dropped, ==, 1);
    g_assert_true(net_connect(nic->q.port, be->q.port, NULL, NULL));
    g_assert_true(net_link_is_up(nic->q.port));
    g_assert_cmpuint(be->attached, ==, 1);
    other = new_end(&nic_info, "other");
    g_assert_false(net_connect(other->q.port, be->q.port, NULL, &err));
    g_assert_nonnull(strstr(err->message, "nic"));
    g_clear_error(&err);
    g_assert_null(net_port_new(&end_info, "be", 1, &err)); /* taken */
    g_clear_error(&err);
    g_assert_null(net_port_new(&end_info, "1be", 1, &err));
    g_clear_error(&err);
    g_assert_true(send_byte(be, 2, 60));
    g_assert_cmpuint(nic->got, ==, 1);
    /* a receiver without room: kept in order, the sender hears of it once */
    nic->full = true;
    for (unsigned i = 0; i < 5; i++) {
        g_assert_false(send_byte(be, 10 + i, 60));
    }
    net_ready(&nic->q);
    g_assert_cmpuint(nic->got, ==, 1);
    g_assert_cmpuint(be->resumed, ==, 0);
    nic->full = false;
    g_assert_false(send_byte(be, 15, 60)); /* not before the others */
    net_ready(&nic->q);
    g_assert_cmpuint(nic->got, ==, 7);
    g_assert_cmpuint(be->resumed, ==, 1);
    g_assert_cmpmem(nic->firsts->data, nic->firsts->len, "\2\12\13\14\15\16\17", 7);
    net_ready(&nic->q);
    g_assert_cmpuint(be->resumed, ==, 1);
    /* bounded, in packets and in bytes */
    nic->full = true;
    for (unsigned i = 0; i < 3000; i++) {
        send_byte(be, 1, 60);
    }
    g_assert_cmpuint(be->q.backlog_len, ==, 1024);
    g_assert_cmpuint(be->q.dropped, ==, 1 + 3000 - 1024);
    nic->full = false;
    net_ready(&nic->q);
    nic->full = true;
    for (unsigned i = 0; i < 200; i++) {
        send_byte(be, 1, 65000);
    }
    g_assert_cmpuint(be->q.backlog_bytes, <=, 4 * MiB);
    /* too long for any wire */
    send_byte(be, 1, 100000);
    /* the wire ends: so does what was on it */
    net_disconnect(be->q.port);
    g_assert_null(be->q.backlog);
    g_assert_false(net_link_is_up(nic->q.port));
    nic->full = false;
    g_assert_true(net_connect(other->q.port, be->q.port, NULL, NULL));
    g_assert_true(send_byte(be, 3, 60));
    g_assert_cmpuint(other->got, ==, 1);
    /* links */
    net_set_link(be->q.port, false);
    g_assert_true(send_byte(be, 4, 60));
    g_assert_true(send_byte(other, 4, 60));
    g_assert_cmpuint(other->got, ==, 1);
    g_assert_cmpuint(be->got, ==, 0);
    net_set_link(be->q.port, true);
    g_assert_true(send_byte(other, 5, 60));
    g_assert_cmpuint(be->got, ==, 1);
    g_assert_true(net_port_find("be", false) == be->q.port);
    g_assert_null(net_port_find("nic", false));
    g_assert_true(net_port_find("nic", true) == nic->q.port);
    free_end(be);
    g_assert_null(net_port_find("be", true));
    free_end(other);
    free_end(nic);
}

typedef struct TestFilter {
    NetFilter f;
    unsigned from, to;
    bool last_from;
} TestFilter;

static bool filter_wants(NetFilter *f, bool from_port)
{
    ((TestFilter *)f)->last_from = from_port;
    return true;
}

static void filter_packet(NetFilter *f, const struct iovec *iov, unsigned niov, size_t len,
                          bool vnet)
{
    TestFilter *t = (TestFilter *)f;

    if (t->last_from) {
        t->from++;
    } else {
        t->to++;
    }
}

static void test_filter(void)
{
    TestQueue *nic = new_end(&nic_info, "nic"), *be = new_end(&end_info, "be");
    TestFilter f = {.f = {.wants = filter_wants, .packet = filter_packet}};

    g_assert_true(net_connect(nic->q.port, be->q.port, NULL, NULL));
    net_filter_add(be->q.port, &f.f);
    send_byte(be, 1, 60);
    send_byte(nic, 1, 60);
    send_byte(nic, 1, 60);
    g_assert_cmpuint(f.from, ==, 1);
    g_assert_cmpuint(f.to, ==, 2);
    net_filter_remove(&f.f);
    send_byte(be, 1, 60);
    g_assert_cmpuint(f.from, ==, 1);
    /* the back end goes before its filter */
    net_filter_add(be->q.port, &f.f);
    free_end(be);
    g_assert_null(f.f.port);
    net_filter_remove(&f.f);
    free_end(nic);
}

static void test_mac(void)
{
    uint8_t mac[6] = {0}, second[6] = {0}, third[6] = {0};
    g_autofree char *text = NULL;

    g_assert_true(net_parse_mac("52:54:00:Ab:cD:0f", mac));
    text = net_format_mac(mac);
    g_assert_cmpstr(text, ==, "52:54:00:ab:cd:0f");
    g_assert_false(net_parse_mac("52:54:00:ab:cd", mac));
    g_assert_false(net_parse_mac("52:54:00:ab:cd:0f:", mac));
    g_assert_false(net_parse_mac("52:54:00:ab:cd:0g", mac));
    g_assert_false(net_parse_mac("", mac));
    memset(mac, 0, 6);
    net_default_mac(mac);
    net_default_mac(second);
    g_assert_cmphex(mac[5], ==, 0x56);
    g_assert_cmphex(second[5], ==, 0x57);
    net_release_mac(mac);
    net_default_mac(third);
    g_assert_cmphex(third[5], ==, 0x56);
    net_release_mac(second);
    net_release_mac(third);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_assert_true(aio_init_main(NULL));
    g_test_add_func("/net/sum", test_sum);
    g_test_add_func("/net/random-headers", test_random_headers);
    g_test_add_func("/net/framing", test_framing);
    g_test_add_func("/net/pcap", test_pcap);
    g_test_add_func("/net/wire", test_wire);
    g_test_add_func("/net/filter", test_filter);
    g_test_add_func("/net/mac", test_mac);
    return g_test_run();
}
