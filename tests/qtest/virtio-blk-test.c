/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio-blk: requests with each status, rings of all kinds, configuration, what is told of it. */
#include "virtio-blk-driver.h"

#include <string.h>
#include <unistd.h>

/* --- requests --------------------------------------------------------------------------------- */

static void some_requests(Blk *b, unsigned qi, bool indirect)
{
    uint8_t one[512], two[512];
    char id[20];

    g_assert_cmphex(blk_request(b, qi, 0, 7, b->data, 4096, true, indirect, 4097), ==, 0);
    blk_check(b, b->data, 7, 4096);
    /* written, flushed, read back, and put back as it was */
    for (unsigned i = 0; i < 512; i++) {
        one[i] = (uint8_t)(i * 7 + qi);
    }
    qtest_memwrite(b->s, b->data, one, 512);
    g_assert_cmphex(blk_request(b, qi, 1, 100 + qi, b->data, 512, false, indirect, 1), ==, 0);
    g_assert_cmphex(blk_request(b, qi, 4, 0, 0, 0, false, indirect, 1), ==, 0);
    g_assert_cmphex(blk_request(b, qi, 0, 100 + qi, b->data + 0x1001, 512, true, indirect, 513), ==,
                    0);
    qtest_memread(b->s, b->data + 0x1001, two, 512);
    g_assert_cmpmem(one, 512, two, 512);
    for (unsigned i = 0; i < 512; i++) {
        one[i] = qpattern((100 + qi) * 512 + i);
    }
    qtest_memwrite(b->s, b->data, one, 512);
    g_assert_cmphex(blk_request(b, qi, 1, 100 + qi, b->data, 512, false, indirect, 1), ==, 0);
    /* identity */
    qtest_memset(b->s, b->data, 0xff, 64);
    g_assert_cmphex(blk_request(b, qi, 8, 0, b->data, 20, true, indirect, 21), ==, 0);
    qtest_memread(b->s, b->data, id, 20);
    g_assert_cmpstr(id, ==, "serial-of-disk");
    /* what fails */
    g_assert_cmphex(blk_request(b, qi, 0, BLK_SECTORS, b->data, 512, true, indirect, 1), ==, 1);
    g_assert_cmphex(blk_request(b, qi, 0, BLK_SECTORS - 1, b->data, 1024, true, indirect, 1), ==,
                    1);
    g_assert_cmphex(blk_request(b, qi, 0, UINT64_MAX, b->data, 512, true, indirect, 1), ==, 1);
    g_assert_cmphex(blk_request(b, qi, 1, UINT64_MAX / 512, b->data, 512, false, indirect, 1), ==,
                    1);
    g_assert_cmphex(blk_request(b, qi, 0, 0, b->data, 511, true, indirect, 1), ==, 1);
    g_assert_cmphex(blk_request(b, qi, 99, 0, b->data, 512, true, indirect, 1), ==, 2);
}

static void test_requests(const void *opaque)
{
    QHome home = qhome_of(opaque);
    const uint64_t features[] = {0,
                                 QVIRTIO_F_INDIRECT | QVIRTIO_F_EVENT_IDX,
                                 QVIRTIO_F_PACKED | QVIRTIO_F_INDIRECT,
                                 QVIRTIO_F_PACKED | QVIRTIO_F_INDIRECT | QVIRTIO_F_EVENT_IDX,
                                 QVIRTIO_F_IN_ORDER | QVIRTIO_F_INDIRECT,
                                 QVIRTIO_F_IN_ORDER | QVIRTIO_F_PACKED};
    Blk *b = blk_start(home, false, ",serial=serial-of-disk,packed=on,in_order=on");

    for (unsigned i = 0; i < G_N_ELEMENTS(features); i++) {
        qvirtio_start(b->v, features[i], 4, 0, false);
        some_requests(b, i % 4, false);
        if (features[i] & QVIRTIO_F_INDIRECT) {
            some_requests(b, (i + 1) % 4, true);
        }
    }
    blk_stop(b);
    b = blk_start(home, true, ",serial=serial-of-disk");
    qvirtio_start(b->v, QVIRTIO_F_INDIRECT, 4, 0, false);
    some_requests(b, 0, false);
    some_requests(b, 3, true);
    blk_stop(b);
}

/* The smallest ring, around and around; and many at once. */
static void test_wrap(const void *opaque)
{
    QHome home = qhome_of(opaque);
    Blk *b = blk_start(home, false, ",packed=on");

    for (unsigned packed = 0; packed < 2; packed++) {
        uint64_t f = (packed ? QVIRTIO_F_PACKED : 0) | QVIRTIO_F_EVENT_IDX | QVIRTIO_F_INDIRECT;
        uint32_t len;

        qvirtio_start(b->v, f, 2, 4, false);
        for (unsigned i = 0; i < 37; i++) {
            qtest_memset(b->s, b->data, 0, 512);
            g_assert_cmphex(blk_request(b, i % 2, 0, i, b->data, 512, true, i % 3 == 0, 513), ==,
                            0);
            blk_check(b, b->data, i, 512);
        }
        qvirtio_start(b->v, f, 4, 64, false);
        for (unsigned round = 0; round < 5; round++) {
            for (unsigned i = 0; i < 60; i++) {
                blk_push(b, i % 4, i, 0, i * 3, b->data + 1024 * i, 1024, true, true);
            }
            for (unsigned q = 0; q < 4; q++) {
                qvirtio_kick(&b->v->q[q]);
            }
            for (unsigned i = 0; i < 60; i++) {
                qvirtio_wait(&b->v->q[i % 4], &len);
                g_assert_cmpuint(len, ==, 1025);
            }
            for (unsigned i = 0; i < 60; i++) {
                g_assert_cmphex(qtest_readb(b->s, b->status + i), ==, 0);
                blk_check(b, b->data + 1024 * i, i * 3, 1024);
            }
        }
    }
    blk_stop(b);
}

/* Buffers in many pieces, a header in pieces, data that is not aligned. */
static void test_pieces(void)
{
    Blk *b = blk_start(IOTHREAD, false, "");
    uint8_t h[16] = {0};
    QVirtioBuf bufs[16];
    unsigned n = 0;
    uint32_t len;

    qvirtio_start(b->v, QVIRTIO_F_INDIRECT, 1, 0, false);
    h[8] = 9;
    qtest_memwrite(b->s, b->header, h, 5);
    qtest_memwrite(b->s, b->header + 100, h + 5, 11);
    bufs[n++] = (QVirtioBuf){b->header, 5, false};
    bufs[n++] = (QVirtioBuf){b->header + 100, 11, false};
    for (unsigned i = 0; i < 8; i++) {
        bufs[n++] = (QVirtioBuf){b->data + 0x1000 * i + i, 64, true};
    }
    bufs[n++] = (QVirtioBuf){b->data + 0xf000, 0, true};    /* empty: allowed */
    bufs[n++] = (QVirtioBuf){b->data + 0x10000, 513, true}; /* data and status in one */
    qvirtio_add(&b->v->q[0], bufs, n, true);
    qvirtio_kick(&b->v->q[0]);
    qvirtio_wait(&b->v->q[0], &len);
    g_assert_cmpuint(len, ==, 1025);
    for (unsigned i = 0; i < 8; i++) {
        uint8_t got[64];

        qtest_memread(b->s, b->data + 0x1000 * i + i, got, 64);
        for (unsigned k = 0; k < 64; k++) {
            g_assert_cmphex(got[k], ==, qpattern(9 * 512 + 64 * i + k));
        }
    }
    blk_check(b, b->data + 0x10000, 10, 512);
    g_assert_cmphex(qtest_readb(b->s, b->data + 0x10000 + 512), ==, 0);
    /* header and data in one piece, written */
    h[0] = 1;
    qtest_memwrite(b->s, b->data, h, 16);
    {
        uint8_t data[512];

        for (unsigned i = 0; i < 512; i++) {
            data[i] = qpattern(9 * 512 + i);
        }
        qtest_memwrite(b->s, b->data + 16, data, 512);
    }
    bufs[0] = (QVirtioBuf){b->data, 528, false};
    bufs[1] = (QVirtioBuf){b->status, 1, true};
    qvirtio_add(&b->v->q[0], bufs, 2, false);
    qvirtio_kick(&b->v->q[0]);
    qvirtio_wait(&b->v->q[0], &len);
    g_assert_cmphex(qtest_readb(b->s, b->status), ==, 0);
    g_assert_cmphex(blk_read(b, 0, 9, b->data, 512), ==, 0);
    blk_check(b, b->data, 9, 512);
    blk_stop(b);
}

static void test_discard(void)
{
    Blk *b = blk_start_with(IOTHREAD, false, "virtio-blk-pci",
                            "-blockdev null-co,size=4M,read-zeroes=on,node-name=d0",
                            ",max-write-zeroes-sectors=100");
    struct {
        uint64_t sector;
        uint32_t n, flags;
    } r = {8, 8, 0};

    qvirtio_start(b->v, QVIRTIO_F(13) | QVIRTIO_F(14), 1, 0, false);
    g_assert_cmpuint(qvirtio_config(b->v, 40, 4), ==, 1);
    g_assert_cmpuint(qvirtio_config(b->v, 48, 4), ==, 100);
    for (unsigned zeroes = 0; zeroes < 2; zeroes++) {
        uint32_t type = zeroes ? 13 : 11;

        r.n = 8;
        r.flags = 0;
        qtest_memwrite(b->s, b->data, &r, 16);
        g_assert_cmphex(blk_request(b, 0, type, 0, b->data, 16, false, false, 1), ==, 0);
        r.flags = 1;
        qtest_memwrite(b->s, b->data, &r, 16);
        g_assert_cmphex(blk_request(b, 0, type, 0, b->data, 16, false, false, 1), ==,
                        zeroes ? 0 : 2);
        r.flags = 2;
        qtest_memwrite(b->s, b->data, &r, 16);
        g_assert_cmphex(blk_request(b, 0, type, 0, b->data, 16, false, false, 1), ==, 2);
        r.flags = 0;
        r.n = zeroes ? 101 : 0x7fffffff;
        qtest_memwrite(b->s, b->data, &r, 16);
        g_assert_cmphex(blk_request(b, 0, type, 0, b->data, 16, false, false, 1), ==, 1);
        g_assert_cmphex(blk_request(b, 0, type, 0, b->data, 32, false, false, 1), ==, 2);
        g_assert_cmphex(blk_request(b, 0, type, 0, b->data, 15, false, false, 1), ==, 2);
    }
    /* not agreed on */
    qvirtio_start(b->v, 0, 1, 0, false);
    g_assert_cmphex(blk_request(b, 0, 11, 0, b->data, 16, false, false, 1), ==, 2);
    blk_stop(b);
}

/* --- configuration ---------------------------------------------------------------------------- */

static void test_writeback(void)
{
    Blk *b = blk_start(IOTHREAD, false, "");

    qvirtio_start(b->v, QVIRTIO_F(9) | QVIRTIO_F(11), 1, 0, false);
    g_assert_cmpuint(qvirtio_config(b->v, 32, 1), ==, 1);
    qvirtio_config_write(b->v, 32, 1, 0);
    g_assert_cmpuint(qvirtio_config(b->v, 32, 1), ==, 0);
    qvirtio_start(b->v, 0, 1, 0, false); /* neither flush nor mode: writes are durable */
    g_assert_cmpuint(qvirtio_config(b->v, 32, 1), ==, 0);
    qvirtio_config_write(b->v, 32, 1, 1);
    g_assert_cmpuint(qvirtio_config(b->v, 32, 1), ==, 0);
    qvirtio_start(b->v, QVIRTIO_F(9), 1, 0, false);
    g_assert_cmpuint(qvirtio_config(b->v, 32, 1), ==, 1);
    blk_stop(b);
}

static void test_resize(const void *opaque)
{
    g_autofree char *copy = qpattern_image(BLK_SIZE);
    g_autofree char *drive = blk_drive(copy);
    Blk *b = blk_start_with(qhome_of(opaque), false, "virtio-blk-pci", drive, "");
    uint8_t gen;

    qvirtio_start(b->v, 0, 1, 0, true);
    gen = (uint8_t)qvirtio_common(b->v, 0x15, 1);
    qtest_qmp_ok(b->s, "{'execute': 'block_resize', 'arguments': {'node-name': 'd0', 'size': %u}}",
                 2 * BLK_SIZE);
    qpci_msix_wait(b->v->pci, 0);
    g_assert_cmpuint(qvirtio_common(b->v, 0x15, 1), !=, gen);
    g_assert_cmpuint(qvirtio_config(b->v, 0, 8), ==, 2 * BLK_SECTORS);
    g_assert_cmphex(blk_read(b, 0, 2 * BLK_SECTORS - 1, b->data, 512), ==, 0);
    blk_stop(b);
    unlink(copy);
}

/* --- what is told of it ----------------------------------------------------------------------- */

static int64_t number(json_object *o, const char *name)
{
    json_object *v;

    g_assert_true(json_object_object_get_ex(o, name, &v));
    return json_object_get_int64(v);
}

static void test_query(const void *opaque)
{
    Blk *b = blk_start(qhome_of(opaque), false, ",packed=on");
    json_object *list, *st, *v;
    g_autofree char *path = NULL, *text = NULL;

    list = qtest_qmp_return(b->s, "{'execute': 'x-query-virtio'}");
    g_assert_cmpuint(json_object_array_length(list), ==, 1);
    g_assert_true(json_object_object_get_ex(json_object_array_get_idx(list, 0), "path", &v));
    path = g_strdup(json_object_get_string(v));
    g_assert_cmpstr(path, ==, "/machine/peripheral/vd0/virtio-backend");
    json_object_put(list);
    qvirtio_start(b->v, QVIRTIO_F_PACKED, 4, 16, false);
    for (unsigned i = 0; i < 5; i++) {
        g_assert_cmphex(blk_read(b, 2, i, b->data, 512), ==, 0);
    }
    st = qtest_qmp_return(b->s, "{'execute': 'x-query-virtio-status', 'arguments': {'path': '%s'}}",
                          path);
    g_assert_cmpint(number(st, "device-id"), ==, 2);
    g_assert_cmpint(number(st, "num-vqs"), ==, 4);
    g_assert_true(json_object_object_get_ex(st, "started", &v) && json_object_get_boolean(v));
    json_object_put(st);
    st = qtest_qmp_return(b->s,
                          "{'execute': 'x-query-virtio-queue-status', 'arguments': {'path': '%s', "
                          "'queue': 2}}",
                          path);
    g_assert_cmpint(number(st, "chains"), ==, 5);
    g_assert_cmpint(number(st, "inuse"), ==, 0);
    g_assert_cmpint(number(st, "vring-num"), ==, 16);
    g_assert_cmpint(number(st, "vring-desc"), ==, (int64_t)b->v->q[2].desc);
    g_assert_true(json_object_object_get_ex(st, "packed", &v) && json_object_get_boolean(v));
    json_object_put(st);
    g_free(qtest_qmp_error(b->s, "GenericError",
                           "{'execute': 'x-query-virtio-queue-status', 'arguments': {'path': '%s', "
                           "'queue': 4}}",
                           path));
    g_free(qtest_qmp_error(b->s, "GenericError",
                           "{'execute': 'x-query-virtio-status', 'arguments': {'path': "
                           "'/machine'}}"));
    text = qtest_hmp(b->s, "info virtio");
    g_assert_nonnull(strstr(text, "queue 2: packed, 16 entries"));
    blk_stop(b);
}

/* --- the user's mistakes ---------------------------------------------------------------------- */

static void test_bad_options(void)
{
    static const struct {
        const char *props, *error;
    } t[] = {
        {"", "drive property not set"},
        {",drive=d0,num-queues=0", "num-queues=0"},
        {",drive=d0,queue-size=3", "queue-size=3"},
        {",drive=d0,queue-size=2048", "queue-size=2048"},
        {",drive=d0,logical_block_size=513", "logical_block_size=513"},
        {",drive=d0,physical_block_size=256", "physical_block_size=256"},
        {",drive=d0,disable-modern=on,disable-legacy=on", "disable-modern=on"},
        {",drive=d0,iothread=iot0,ioregionfd=ior0", "exclude each other"},
        {",drive=d0,notify=pigeon", "pigeon"},
        {",drive=d0,num-queues=2,iothread-vq-mapping.0.iothread=nope", "nope"},
        {",drive=d0,num-queues=2,iothread-vq-mapping.0.iothread=iot0,"
         "iothread-vq-mapping.0.vqs.0=0",
         "queue 1 is not in the list"},
        {",drive=d0,num-queues=2,iothread-vq-mapping.0.iothread=iot0,"
         "iothread-vq-mapping.0.vqs.0=7",
         "queue 7"},
        {",drive=d0,num-queues=2,iothread-vq-mapping.0.iothread=iot0,"
         "iothread-vq-mapping.1.iothread=iot0",
         "named twice"},
    };
    QTestState *s = qtest_init("-machine q35 -nodefaults -object iothread,id=iot0 -object "
                               "ioregionfd,id=ior0,iothread=iot0 -device "
                               "pcie-root-port,id=rp,chassis=1 -blockdev "
                               "null-co,size=4M,node-name=d0");

    for (unsigned i = 0; i < G_N_ELEMENTS(t); i++) {
        g_autofree char *text = qtest_hmp(s, "device_add virtio-blk-pci,id=x,bus=rp%s", t[i].props);

        if (!strstr(text, t[i].error)) {
            g_error("device_add virtio-blk-pci%s says '%s'", t[i].props, text);
        }
    }
    /* nothing of them is left */
    qtest_qmp_ok(s, "{'execute': 'device_add', 'arguments': {'driver': 'virtio-blk-pci', 'id': "
                    "'x', 'bus': 'rp', 'drive': 'd0'}}");
    qtest_quit(s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qhome_add("/virtio-blk/requests", test_requests);
    qhome_add("/virtio-blk/wrap", test_wrap);
    g_test_add_func("/virtio-blk/pieces", test_pieces);
    g_test_add_func("/virtio-blk/discard", test_discard);
    g_test_add_func("/virtio-blk/writeback", test_writeback);
    qhome_add("/virtio-blk/resize", test_resize);
    qhome_add("/virtio-blk/query", test_query);
    g_test_add_func("/virtio-blk/bad-options", test_bad_options);
    return blk_run();
}
