/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio-scsi: requests in all kinds of rings and pieces, configuration, drivers that break the
 * rules, commands that chance has made. */
#include "virtio-scsi-driver.h"

#include <string.h>

/* --- reading and writing ---------------------------------------------------------------------- */

static void some_requests(Scsi *d)
{
    /* READ 6, 10, 12, 16 */
    assert_good(d, CMD(d, 1024, 0x08, 0, 0, 7, 2, 0), 0);
    scsi_check(d, 0, 7, 1024);
    g_assert_cmpuint(d->used, ==, 108 + 1024);
    assert_good(d, CMD(d, 4096, 0x28, 0, 0, 0, 0, 9, 0, 0, 8, 0), 0);
    scsi_check(d, 0, 9, 4096);
    assert_good(d, CMD(d, 512, 0xa8, 0, 0, 0, 0x1f, 0xff, 0, 0, 0, 1, 0, 0), 0);
    scsi_check(d, 0, SCSI_DISK_BLOCKS - 1, 512);
    assert_good(d, CMD(d, 2048, 0x88, 8, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0), 0);
    scsi_check(d, 0, 1, 2048);
    /* WRITE 6, 10 with FUA, 12, 16: what is there already, elsewhere, and back */
    scsi_put(d, 100, 1024);
    assert_good(d, CMD(d, -1024, 0x0a, 0, 0, 50, 2, 0), 0);
    assert_good(d, CMD(d, 1024, 0x28, 0, 0, 0, 0, 50, 0, 0, 2, 0), 0);
    scsi_check(d, 0, 100, 1024);
    scsi_put(d, 50, 1024);
    assert_good(d, CMD(d, -512, 0x2a, 8, 0, 0, 0, 50, 0, 0, 1, 0), 0);
    scsi_put(d, 51, 512);
    assert_good(d, CMD(d, -512, 0xaa, 0, 0, 0, 0, 51, 0, 0, 0, 1, 0, 0), 0);
    scsi_put(d, 52, 512);
    assert_good(d, CMD(d, -512, 0x8a, 0, 0, 0, 0, 0, 0, 0, 0, 52, 0, 0, 0, 1, 0, 0), 0);
    assert_good(d, CMD(d, 2048, 0x28, 0, 0, 0, 0, 49, 0, 0, 4, 0), 0);
    scsi_check(d, 0, 49, 2048);
    assert_good(d, CMD(d, 0, 0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0);
    /* nothing, more room than needed, less */
    assert_good(d, CMD(d, 0, 0x28, 0, 0, 0, 0, 9, 0, 0, 0, 0), 0);
    qtest_memset(d->s, d->data, 0x77, 1024);
    assert_good(d, CMD(d, 1024, 0x28, 0, 0, 0, 0, 9, 0, 0, 1, 0), 512);
    scsi_check(d, 0, 9, 512);
    g_assert_cmphex(qtest_readb(d->s, d->data + 512), ==, 0x77);
    g_assert_cmpuint(CMD(d, 512, 0x28, 0, 0, 0, 0, 9, 0, 0, 2, 0), ==, S_OVERRUN);
    g_assert_cmpuint(CMD(d, 0, 0x28, 0, 0, 0, 0, 9, 0, 0, 2, 0), ==, S_OVERRUN);
    g_assert_cmpuint(CMD(d, -512, 0x28, 0, 0, 0, 0, 9, 0, 0, 1, 0), ==, S_OVERRUN);
    g_assert_cmpuint(CMD(d, 512, 0x2a, 0, 0, 0, 0, 9, 0, 0, 1, 0), ==, S_OVERRUN);
    /* beyond the end: the information field has the block */
    assert_check(d, CMD(d, 512, 0x28, 0, 0, 0, 0x20, 0, 0, 0, 1, 0), 5, 0x2100);
    g_assert_cmphex(d->sense[0], ==, 0xf0);
    g_assert_cmpuint(d->sense[5] << 8 | d->sense[6], ==, SCSI_DISK_BLOCKS);
    g_assert_cmpuint(d->residual, ==, 512);
    assert_check(d, CMD(d, 1024, 0x28, 0, 0, 0, 0x1f, 0xff, 0, 0, 2, 0), 5, 0x2100);
    assert_check(
        d, CMD(d, 512, 0x88, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0, 0),
        5, 0x2100);
    assert_check(d, CMD(d, -512, 0x2a, 0, 0xff, 0, 0, 0, 0, 0, 1, 0), 5, 0x2100);
    /* protection, ACA, an unknown command, a unit and a target that are not there */
    assert_check(d, CMD(d, 512, 0x28, 0x20, 0, 0, 0, 9, 0, 0, 1, 0), 5, 0x2400);
    assert_check(d, CMD(d, 512, 0x28, 0, 0, 0, 0, 9, 0, 0, 1, 4), 5, 0x2400);
    assert_check(d, CMD(d, 0, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0), 5, 0x2000);
    assert_check(d, CMD(d, 0, 0x5e, 0, 0, 0, 0, 0, 0, 0, 8, 0), 5, 0x2000);
    assert_check(d, CMD(d, 0, 0x5f, 0, 0, 0, 0, 0, 0, 0, 24, 0), 5, 0x2000);
    assert_check(d, scsi_cmd_on(d, 0, 2, 4, CDB(0, 0, 0, 0, 0, 0), 6, 0, true), 5, 0x2500);
    g_assert_cmpuint(scsi_cmd_on(d, 0, 3, 3, CDB(0, 0, 0, 0, 0, 0), 6, 0, true), ==, S_BAD_TARGET);
}

static void test_requests(const void *opaque)
{
    QHome home = qhome_of(opaque);
    const uint64_t features[] = {
        0, QVIRTIO_F_INDIRECT | QVIRTIO_F_EVENT_IDX, QVIRTIO_F_PACKED | QVIRTIO_F_INDIRECT,
        QVIRTIO_F_PACKED | QVIRTIO_F_EVENT_IDX, QVIRTIO_F_IN_ORDER | QVIRTIO_F_PACKED};
    Scsi *d = scsi_start_disk(home, false, ",packed=on,in_order=on", "");

    for (unsigned i = 0; i < G_N_ELEMENTS(features); i++) {
        scsi_go(d, features[i]);
        some_requests(d);
        for (unsigned q = 0; q < 4; q++) {
            uint8_t lba = (uint8_t)(q + 20);

            assert_good(
                d, scsi_cmd_on(d, q, 2, 3, CDB(0x28, 0, 0, 0, 0, lba, 0, 0, 1, 0), 10, 512, true),
                0);
            scsi_check(d, 0, lba, 512);
        }
    }
    scsi_stop(d);
    d = scsi_start_disk(home, true, "", "");
    scsi_go(d, QVIRTIO_F_INDIRECT);
    some_requests(d);
    scsi_stop(d);
}

/* Small and large rings, around and around, with interrupts. */
static void test_wrap(const void *opaque)
{
    Scsi *d = scsi_start_disk(qhome_of(opaque), false, ",packed=on", "");
    const unsigned sizes[] = {4, 16, 64};

    for (unsigned packed = 0; packed < 2; packed++) {
        for (unsigned k = 0; k < G_N_ELEMENTS(sizes); k++) {
            unsigned at_once = MIN(sizes[k], 32u);

            scsi_init(d, (packed ? QVIRTIO_F_PACKED : 0) | QVIRTIO_F_INDIRECT, 4, sizes[k], true);
            scsi_ready(d);
            for (unsigned round = 0; round < 4; round++) {
                uint32_t len;

                for (unsigned i = 0; i < at_once; i++) {
                    uint8_t lba = (uint8_t)(i * 3 + round);

                    scsi_push(d, i % 4, i, 2, 3, i, CDB(0x28, 0, 0, 0, 0, lba, 0, 0, 2, 0), 10,
                              d->data + 1024 * i, 1024, true);
                }
                for (unsigned q = 0; q < 4; q++) {
                    qvirtio_want_interrupt(&d->v->q[q + 2], true);
                    qvirtio_kick(&d->v->q[q + 2]);
                }
                for (unsigned i = 0; i < at_once; i++) {
                    qvirtio_wait(&d->v->q[i % 4 + 2], &len);
                    g_assert_cmpuint(len, ==, 108 + 1024);
                }
                for (unsigned q = 0; q < 4; q++) {
                    qpci_msix_wait(d->v->pci, q + 3);
                }
                for (unsigned i = 0; i < at_once; i++) {
                    scsi_answer(d, i);
                    assert_good(d, d->response, 0);
                    scsi_check(d, 1024 * i, i * 3 + round, 1024);
                }
            }
        }
    }
    scsi_stop(d);
}

/* The largest ring, full. */
static void test_large_ring(void)
{
    Scsi *d = scsi_start_disk(IOTHREAD, false, ",packed=on,virtqueue_size=1024", "");

    for (unsigned packed = 0; packed < 2; packed++) {
        uint32_t used;

        scsi_init(d, (packed ? QVIRTIO_F_PACKED : 0) | QVIRTIO_F_INDIRECT, 1, 1024, false);
        scsi_ready(d);
        for (unsigned i = 0; i < 1024; i++) {
            /* all read the same block to the same place: their answers differ in nothing */
            scsi_push(d, 0, i % 32, 2, 3, i, CDB(0x28, 0, 0, 0, 0, 5, 0, 0, 1, 0), 10, d->data, 512,
                      true);
        }
        qvirtio_kick(&d->v->q[2]);
        for (unsigned i = 0; i < 1024; i++) {
            qvirtio_wait(&d->v->q[2], &used);
            g_assert_cmpuint(used, ==, 108 + 512);
        }
        for (unsigned i = 0; i < 32; i++) {
            scsi_answer(d, i);
            assert_good(d, d->response, 0);
        }
        scsi_check(d, 0, 5, 512);
    }
    scsi_stop(d);
}

/* Header, response and data in any pieces. */
static void test_pieces(void)
{
    Scsi *d = scsi_start_disk(IOTHREAD, false, "", "");
    uint8_t h[51] = {1, 2, 0x40, 3}, r[12];
    QVirtioBuf bufs[10];
    uint32_t used;
    unsigned n = 0;

    scsi_go(d, QVIRTIO_F_INDIRECT);
    memcpy(h + 19, CDB(0x28, 0, 0, 0, 0, 9, 0, 0, 2, 0), 10);
    qtest_memwrite(d->s, d->req, h, 7);
    qtest_memwrite(d->s, d->req + 100, h + 7, 44);
    bufs[n++] = (QVirtioBuf){d->req, 7, false};
    bufs[n++] = (QVirtioBuf){d->req + 100, 44, false};
    bufs[n++] = (QVirtioBuf){d->resp, 5, true};
    bufs[n++] = (QVirtioBuf){d->resp + 5, 60, true};
    /* the end of the response and the beginning of data in one piece */
    bufs[n++] = (QVirtioBuf){d->data, 43 + 100, true};
    bufs[n++] = (QVirtioBuf){d->data + 0x2000, 0, true};
    bufs[n++] = (QVirtioBuf){d->data + 0x1000, 924 + 50, true};
    qvirtio_add(&d->v->q[2], bufs, n, true);
    qvirtio_kick(&d->v->q[2]);
    qvirtio_wait(&d->v->q[2], &used);
    g_assert_cmpuint(used, ==, 108 + 1024);
    qtest_memread(d->s, d->resp, r, 12);
    g_assert_cmpuint(r[4], ==, 50); /* residual */
    g_assert_cmphex(r[10], ==, GOOD);
    g_assert_cmphex(r[11], ==, S_OK);
    for (unsigned i = 0; i < 1024; i++) {
        uint64_t at = i < 100 ? d->data + 43 + i : d->data + 0x1000 + i - 100;

        g_assert_cmphex(qtest_readb(d->s, at), ==, qpattern(9 * 512 + i));
    }
    /* data to the device right behind the header; both ways is a failure */
    scsi_put(d, 9, 1024);
    qtest_memwrite(d->s, d->data + 0x8000, h, 51);
    qtest_writeb(d->s, d->data + 0x8000 + 19, 0x2a);
    {
        uint8_t buf[1024];

        qtest_memread(d->s, d->data, buf, sizeof(buf));
        qtest_memwrite(d->s, d->data + 0x8000 + 51, buf, sizeof(buf));
    }
    for (unsigned both = 0; both < 2; both++) {
        bufs[0] = (QVirtioBuf){d->data + 0x8000, 51 + 1024, false};
        bufs[1] = (QVirtioBuf){d->resp, 108 + both, true};
        qvirtio_add(&d->v->q[2], bufs, 2, false);
        qvirtio_kick(&d->v->q[2]);
        qvirtio_wait(&d->v->q[2], &used);
        g_assert_cmpuint(used, ==, 108);
        g_assert_cmphex(qtest_readb(d->s, d->resp + 11), ==, both ? S_FAILURE : S_OK);
    }
    assert_good(d, CMD(d, 1024, 0x28, 0, 0, 0, 0, 9, 0, 0, 2, 0), 0);
    scsi_check(d, 0, 9, 1024);
    scsi_stop(d);
}

/* --- configuration ---------------------------------------------------------------------------- */

static void test_config(void)
{
    Scsi *d = scsi_start_disk(IOTHREAD, false, ",max_sectors=1000,cmd_per_lun=7", "");
    QVirtio *v = d->v;

    g_assert_cmphex(qpci_config_readw(v->pci, 2), ==, 0x1004);
    g_assert_cmphex(qpci_config_readw(v->pci, 0x0a), ==, 0x0100);
    g_assert_true(qvirtio_host_features(v) & QVIRTIO_F(1));
    g_assert_true(qvirtio_host_features(v) & QVIRTIO_F(2));
    g_assert_false(qvirtio_host_features(v) & (QVIRTIO_F(0) | QVIRTIO_F(3)));
    g_assert_cmpuint(qvirtio_config(v, 0, 4), ==, 4);
    g_assert_cmpuint(qvirtio_config(v, 4, 4), ==, 62);
    g_assert_cmpuint(qvirtio_config(v, 8, 4), ==, 1000);
    g_assert_cmpuint(qvirtio_config(v, 12, 4), ==, 7);
    g_assert_cmpuint(qvirtio_config(v, 16, 4), ==, 16);
    g_assert_cmpuint(qvirtio_config(v, 20, 4), ==, 96);
    g_assert_cmpuint(qvirtio_config(v, 24, 4), ==, 32);
    g_assert_cmpuint(qvirtio_config(v, 28, 2), ==, 0);
    g_assert_cmpuint(qvirtio_config(v, 30, 2), ==, 255);
    g_assert_cmpuint(qvirtio_config(v, 32, 4), ==, 16383);
    qvirtio_config_write(v, 0, 4, 1); /* read-only */
    g_assert_cmpuint(qvirtio_config(v, 0, 4), ==, 4);
    /* other sizes, that last until the reset */
    scsi_go(d, 0);
    qvirtio_config_write(v, 24, 4, 16);
    qvirtio_config_write(v, 20, 4, 18);
    d->cdb_size = 16;
    d->sense_size = 18;
    assert_good(d, CMD(d, 512, 0x88, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0), 0);
    scsi_check(d, 0, 5, 512);
    assert_check(d, CMD(d, 512, 0x28, 0, 0, 0, 0x20, 0, 0, 0, 1, 0), 5, 0x2100);
    qvirtio_config_write(v, 24, 4, 6); /* a command that does not fit */
    d->cdb_size = 6;
    assert_good(d, CMD(d, 512, 0x08, 0, 0, 5, 1, 0), 0);
    assert_check(d, CMD(d, 512, 0x28, 0, 0, 0, 0, 0), 5, 0x2400);
    d->cdb_size = 32;
    d->sense_size = SCSI_SENSE_SIZE;
    scsi_go(d, 0);
    g_assert_cmpuint(qvirtio_config(v, 24, 4), ==, 32);
    for (unsigned i = 0; i < 3; i++) {
        static const struct {
            unsigned at;
            uint32_t value;
        } bad[] = {{24, 0}, {24, 256}, {20, 65536}};

        scsi_go(d, 0);
        qvirtio_config_write(v, bad[i].at, 4, bad[i].value);
        qvirtio_wait_needs_reset(v);
    }
    scsi_go(d, 0);
    scsi_stop(d);
}

/* --- drivers that break the rules ------------------------------------------------------------- */

static void test_hostile(const void *opaque)
{
    Scsi *d = scsi_start_disk(qhome_of(opaque), false, ",packed=on", "");
    const struct {
        unsigned queue;
        uint32_t out, in;
    } bad[] = {{2, 50, 108}, {2, 51, 107}, {2, 0, 108}, {2, 51, 0}, {3, 1, 1},
               {0, 3, 1},    {0, 23, 1},   {0, 24, 0},  {0, 0, 1}};

    for (unsigned packed = 0; packed < 2; packed++) {
        for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
            QVirtioBuf bufs[2];
            unsigned n = 0;

            scsi_go(d, packed ? QVIRTIO_F_PACKED : 0);
            qtest_memset(d->s, d->req, 0, 64);
            if (bad[i].out) {
                bufs[n++] = (QVirtioBuf){d->req, bad[i].out, false};
            }
            if (bad[i].in) {
                bufs[n++] = (QVirtioBuf){d->resp, bad[i].in, true};
            }
            qvirtio_add(&d->v->q[bad[i].queue], bufs, n, false);
            qvirtio_kick(&d->v->q[bad[i].queue]);
            qvirtio_wait_needs_reset(d->v);
        }
        /* a small event buffer, seen when there is something to tell */
        scsi_init(d, QVIRTIO_F(2) | (packed ? QVIRTIO_F_PACKED : 0), 1, 0, false);
        {
            QVirtioBuf buf = {d->events, 15, true};

            qvirtio_add(&d->v->q[1], &buf, 1, false);
            qvirtio_kick(&d->v->q[1]);
            qtest_qmp_ok(d->s,
                         "{'execute': 'block_resize', 'arguments': {'node-name': 'd0', 'size': "
                         "%u}}",
                         SCSI_DISK_SIZE);
            qvirtio_wait_needs_reset(d->v);
        }
    }
    /* addresses that are none, an unknown control request */
    scsi_go(d, 0);
    for (unsigned i = 0; i < 4; i++) {
        static const uint8_t luns[4][8] = {
            {0, 2, 0x40, 3}, {1, 2, 0x80, 3}, {1, 2, 0x40, 3, 1}, {0xc1, 1, 0, 1}};
        QVirtioBuf bufs[2] = {{d->req, 51, false}, {d->resp, 108, true}};
        uint32_t used;

        qtest_memset(d->s, d->req, 0, 64);
        qtest_memwrite(d->s, d->req, luns[i], 8);
        qvirtio_add(&d->v->q[2], bufs, 2, false);
        qvirtio_kick(&d->v->q[2]);
        qvirtio_wait(&d->v->q[2], &used);
        g_assert_cmpuint(qtest_readb(d->s, d->resp + 11), ==, S_BAD_TARGET);
    }
    {
        QVirtioBuf bufs[2] = {{d->req, 24, false}, {d->resp, 1, true}};
        uint32_t used;

        qtest_memset(d->s, d->req, 0x33, 24);
        qvirtio_add(&d->v->q[0], bufs, 2, false);
        qvirtio_kick(&d->v->q[0]);
        qvirtio_wait(&d->v->q[0], &used);
        g_assert_cmpuint(qtest_readb(d->s, d->resp), ==, S_REJECTED);
    }
    assert_good(d, CMD(d, 0, 0, 0, 0, 0, 0, 0), 0);
    scsi_stop(d);
}

/* Commands that chance has made, to a disk, a CD and units that are not there, with buffers that
 * chance has chosen: each has an answer, and the units still work. */
static void test_random(const void *opaque)
{
    static const uint8_t known[] = {
        0x00, 0x03, 0x08, 0x0a, 0x12, 0x15, 0x1a, 0x1b, 0x1d, 0x1e, 0x25, 0x28, 0x2a, 0x2b,
        0x2e, 0x2f, 0x35, 0x41, 0x42, 0x43, 0x46, 0x4a, 0x51, 0x52, 0x55, 0x5a, 0x88, 0x8a,
        0x8e, 0x8f, 0x91, 0x93, 0x9e, 0xa0, 0xa8, 0xaa, 0xad, 0xae, 0xaf, 0xbb, 0xbd, 0xbe};
    Scsi *d =
        scsi_start_drive(qhome_of(opaque), false,
                         "-blockdev null-co,size=4M,read-zeroes=on,node-name=d0 "
                         "-blockdev null-co,size=2M,read-zeroes=on,node-name=c0",
                         ",packed=on", " -device scsi-cd,bus=scsi0.0,scsi-id=2,lun=4,drive=c0");
    GRand *rnd = g_rand_new_with_seed(g_test_rand_int());

    scsi_init(d, QVIRTIO_F_PACKED, 4, 0, false);
    for (unsigned i = 0; i < 1200; i++) {
        uint32_t len = g_rand_int_range(rnd, 0, 4) ? (uint32_t)g_rand_int_range(rnd, 0, 4096)
                                                   : 512u * (uint32_t)g_rand_int_range(rnd, 0, 64);
        uint8_t cdb[32], sparse = (uint8_t)g_rand_int_range(rnd, 0, 2);

        for (unsigned k = 0; k < sizeof(cdb); k++) {
            /* mostly zeros, so that many get past the first checks */
            cdb[k] = !sparse || !g_rand_int_range(rnd, 0, 4) ? (uint8_t)g_rand_int(rnd) : 0;
        }
        if (g_rand_int_range(rnd, 0, 8)) {
            cdb[0] = known[g_rand_int_range(rnd, 0, sizeof(known))];
        }
        for (unsigned k = 0; k < 4; k++) {
            qtest_writel(d->s, d->data + 4 * k, sparse ? 0 : g_rand_int(rnd));
        }
        scsi_cmd_on(d, i % 4, 2, (unsigned)g_rand_int_range(rnd, 2, 5), cdb, sizeof(cdb), len,
                    g_rand_boolean(rnd));
        g_assert_true(d->response == S_OK || d->response == S_OVERRUN);
        g_assert_cmpuint(d->residual, <=, len);
        g_assert_true(d->response != S_OK || d->status == GOOD ||
                      (d->status == CHECK && d->sense_len >= 8));
        g_assert_cmpuint(qvirtio_status(d->v), ==, 0xf);
    }
    scsi_init(d, 0, 4, 0, false);
    scsi_ready(d);
    assert_good(d, CMD(d, 512, 0x28, 0, 0, 0, 0, 9, 0, 0, 1, 0), 0);
    g_rand_free(rnd);
    scsi_stop(d);
}

/* --- the user's mistakes ---------------------------------------------------------------------- */

static void test_options(void)
{
    static const struct {
        const char *args, *want;
    } bad[] = {
        {"-drive if=scsi,file=x", "-device virtio-scsi-pci -device scsi-hd,drive=ID"},
        {"-device virtio-scsi-pci -blockdev null-co,node-name=d -device scsi-block,drive=d",
         "use scsi-hd"},
        {"-device virtio-scsi-pci -device scsi-generic", "use scsi-hd"},
        {"-device virtio-scsi-pci -device scsi-hd", "drive= is missing"},
        {"-device scsi-cd", "No 'SCSI' bus"},
        {"-device virtio-scsi-pci,num_queues=0", "num_queues=0"},
        {"-device virtio-scsi-pci,virtqueue_size=3", "virtqueue_size=3"},
        {"-device virtio-scsi-pci -device scsi-cd,scsi-id=256", "targets 0 to 255"},
        {"-device virtio-scsi-pci -device scsi-cd,lun=16384", "units 0 to 16383"},
        {"-device virtio-scsi-pci -device scsi-cd,channel=1", "channels 0 to 0"},
        {"-device virtio-scsi-pci -device scsi-cd,scsi-id=1,lun=1 -device scsi-cd,scsi-id=1,lun=1",
         "at this place"},
        {"-device virtio-scsi-pci -device scsi-cd,logical_block_size=512", "must be 2048"},
        {"-device virtio-scsi-pci -blockdev null-co,node-name=d -device "
         "scsi-hd,drive=d,logical_block_size=1000",
         "power of two"},
        {"-device virtio-scsi-pci -device scsi-cd,vendor=123456789", "at most 8"},
        {"-object iothread,id=i -device "
         "virtio-scsi-pci,num_queues=2,iothread-vq-mapping.0.iothread=i,"
         "iothread-vq-mapping.0.vqs.0=2",
         "0 to 1"},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        qtest_refused(bad[i].want, "-machine q35 -nodefaults -display none -accel qtest %s",
                      bad[i].args);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qhome_add("/virtio-scsi/requests", test_requests);
    qhome_add("/virtio-scsi/wrap", test_wrap);
    g_test_add_func("/virtio-scsi/large-ring", test_large_ring);
    g_test_add_func("/virtio-scsi/pieces", test_pieces);
    g_test_add_func("/virtio-scsi/config", test_config);
    qhome_add("/virtio-scsi/hostile", test_hostile);
    qhome_add("/virtio-scsi/random", test_random);
    g_test_add_func("/virtio-scsi/options", test_options);
    return scsi_run();
}
