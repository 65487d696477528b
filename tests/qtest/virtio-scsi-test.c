/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-scsi with scsi-hd: each command with success and with each of its errors, task management,
 * events, resets and unplugs with requests in flight, and drivers that break the rules.
 */
#include "virtio-scsi-driver.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define IMAGE_SIZE (4u * 1024 * 1024)
#define BLOCKS (IMAGE_SIZE / 512)

typedef enum Home { MAIN_LOOP, IOTHREAD, IOREGIONFD, PER_QUEUE, MAPPING, HOMES } Home;
static const char *const home_name[HOMES] = {"main-loop", "iothread", "ioregionfd", "per-queue",
                                             "mapping"};
static const char *const home_args[HOMES] = {
    "",
    "-object iothread,id=iot0",
    "-object iothread,id=iot0 -object ioregionfd,id=ior0,iothread=iot0",
    ("-object iothread,id=iot0 -object iothread,id=iot1 -object ioregionfd,id=ior0,iothread=iot0 "
     "-object ioregionfd,id=ior1,iothread=iot1"),
    "-object iothread,id=iot0 -object iothread,id=iot1",
};
static const char *const home_props[HOMES] = {
    "",
    ",iothread=iot0",
    ",ioregionfd=ior0",
    ",ioregionfd=ior0,ioregionfds=ior0:ior1",
    (",iothread-vq-mapping.0.iothread=iot0,iothread-vq-mapping.0.vqs.0=0,"
     "iothread-vq-mapping.0.vqs.1=2,iothread-vq-mapping.1.iothread=iot1,"
     "iothread-vq-mapping.1.vqs.0=1,iothread-vq-mapping.1.vqs.1=3"),
};

static char *image;

static uint8_t image_byte(uint64_t i)
{
    return (uint8_t)(i / 512 * 3 + i);
}

static char *make_image(void)
{
    char *path = NULL;
    int fd = g_file_open_tmp("virtio-scsi-test-XXXXXX", &path, NULL);
    g_autofree uint8_t *buf = g_malloc(IMAGE_SIZE);

    g_assert_cmpint(fd, >=, 0);
    for (uint64_t i = 0; i < IMAGE_SIZE; i++) {
        buf[i] = image_byte(i);
    }
    g_assert_cmpint(write(fd, buf, IMAGE_SIZE), ==, (ssize_t)IMAGE_SIZE);
    close(fd);
    return path;
}

/* A controller in that home with a disk from drive (node d0) at target 2, unit 3. */
static Scsi *start_with(Home home, bool legacy, const char *drive, const char *controller,
                        const char *disk)
{
    g_autofree char *options =
        g_strdup_printf("%s %s@-device scsi-hd,id=hd0,bus=scsi0.0,scsi-id=2,lun=3,drive=d0%s",
                        home_args[home], drive, disk);
    g_autofree char *props =
        g_strdup_printf("%s,num_queues=4,virtqueue_size=64%s", home_props[home], controller);

    return scsi_start(options, props, "virtio-scsi-pci", legacy);
}

static Scsi *start(Home home, bool legacy, const char *controller, const char *disk)
{
    g_autofree char *drive =
        g_strdup_printf("-blockdev file,filename=%s,node-name=d0,locking=off,discard=unmap", image);

    return start_with(home, legacy, drive, controller, disk);
}

#define CDB(...) ((const uint8_t[]){__VA_ARGS__})
/* A command to the disk; data of len bytes from the device, or to it where negative. */
#define CMD(d, len, ...) \
    scsi_cmd_on(d, 0, 2, 3, CDB(__VA_ARGS__), sizeof(CDB(__VA_ARGS__)), \
                (uint32_t)((len) < 0 ? -(len) : (len)), (len) >= 0)

/* Answers with success and so many bytes not moved. */
#define assert_good(d, response_, rest) \
    do { \
        g_assert_cmpuint(response_, ==, S_OK); \
        if ((d)->status != GOOD) { \
            g_test_message("key 0x%x asc 0x%04x", (d)->key, (d)->asc); \
        } \
        g_assert_cmphex((d)->status, ==, GOOD); \
        g_assert_cmpuint((d)->sense_len, ==, 0); \
        g_assert_cmpuint((d)->residual, ==, rest); \
    } while (0)
#define assert_check(d, response_, key_, asc_) \
    do { \
        g_assert_cmpuint(response_, ==, S_OK); \
        g_assert_cmphex((d)->status, ==, CHECK); \
        g_assert_cmphex((d)->key, ==, key_); \
        g_assert_cmphex((d)->asc, ==, asc_); \
    } while (0)

static void assert_bytes(Scsi *d, uint64_t at, const void *want, size_t n)
{
    g_autofree uint8_t *got = g_malloc(n);

    qtest_memread(d->s, d->data + at, got, n);
    g_assert_cmpmem(got, n, want, n);
}

static void check_pattern(Scsi *d, uint64_t at, uint64_t lba, size_t len)
{
    g_autofree uint8_t *got = g_malloc(len);

    qtest_bufread(d->s, d->data + at, got, len);
    for (size_t i = 0; i < len; i++) {
        if (got[i] != image_byte(lba * 512 + i)) {
            g_error("byte %zu from block %lu: 0x%x", i, (unsigned long)lba, got[i]);
        }
    }
}

static void put_pattern(Scsi *d, uint64_t lba, size_t len)
{
    g_autofree uint8_t *buf = g_malloc(len);

    for (size_t i = 0; i < len; i++) {
        buf[i] = image_byte(lba * 512 + i);
    }
    qtest_bufwrite(d->s, d->data, buf, len);
}

/* The unit attention after power-on, which each start has. */
static void ready(Scsi *d)
{
    assert_check(d, CMD(d, 0, 0x00, 0, 0, 0, 0, 0), 6, 0x2900);
    assert_good(d, CMD(d, 0, 0x00, 0, 0, 0, 0, 0), 0);
}

static void go(Scsi *d, uint64_t features)
{
    scsi_init(d, features, 4, 0, false);
    ready(d);
}

/* --- reading and writing --------------------------------------------------------------------- */

static void some_requests(Scsi *d)
{
    /* READ 6, 10, 12, 16 */
    assert_good(d, CMD(d, 1024, 0x08, 0, 0, 7, 2, 0), 0);
    check_pattern(d, 0, 7, 1024);
    g_assert_cmpuint(d->used, ==, 108 + 1024);
    assert_good(d, CMD(d, 4096, 0x28, 0, 0, 0, 0, 9, 0, 0, 8, 0), 0);
    check_pattern(d, 0, 9, 4096);
    assert_good(d, CMD(d, 512, 0xa8, 0, 0, 0, 0x1f, 0xff, 0, 0, 0, 1, 0, 0), 0);
    check_pattern(d, 0, BLOCKS - 1, 512);
    assert_good(d, CMD(d, 2048, 0x88, 8, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0), 0);
    check_pattern(d, 0, 1, 2048);
    /* WRITE 6, 10 with FUA, 12, 16: what is there already, elsewhere, and back */
    put_pattern(d, 100, 1024);
    assert_good(d, CMD(d, -1024, 0x0a, 0, 0, 50, 2, 0), 0);
    assert_good(d, CMD(d, 1024, 0x28, 0, 0, 0, 0, 50, 0, 0, 2, 0), 0);
    check_pattern(d, 0, 100, 1024);
    put_pattern(d, 50, 1024);
    assert_good(d, CMD(d, -512, 0x2a, 8, 0, 0, 0, 50, 0, 0, 1, 0), 0);
    put_pattern(d, 51, 512);
    assert_good(d, CMD(d, -512, 0xaa, 0, 0, 0, 0, 51, 0, 0, 0, 1, 0, 0), 0);
    put_pattern(d, 52, 512);
    assert_good(d, CMD(d, -512, 0x8a, 0, 0, 0, 0, 0, 0, 0, 0, 52, 0, 0, 0, 1, 0, 0), 0);
    assert_good(d, CMD(d, 2048, 0x28, 0, 0, 0, 0, 49, 0, 0, 4, 0), 0);
    check_pattern(d, 0, 49, 2048);
    assert_good(d, CMD(d, 0, 0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0);
    /* nothing, more room than needed, less */
    assert_good(d, CMD(d, 0, 0x28, 0, 0, 0, 0, 9, 0, 0, 0, 0), 0);
    qtest_memset(d->s, d->data, 0x77, 1024);
    assert_good(d, CMD(d, 1024, 0x28, 0, 0, 0, 0, 9, 0, 0, 1, 0), 512);
    check_pattern(d, 0, 9, 512);
    g_assert_cmphex(qtest_readb(d->s, d->data + 512), ==, 0x77);
    g_assert_cmpuint(CMD(d, 512, 0x28, 0, 0, 0, 0, 9, 0, 0, 2, 0), ==, S_OVERRUN);
    g_assert_cmpuint(CMD(d, 0, 0x28, 0, 0, 0, 0, 9, 0, 0, 2, 0), ==, S_OVERRUN);
    g_assert_cmpuint(CMD(d, -512, 0x28, 0, 0, 0, 0, 9, 0, 0, 1, 0), ==, S_OVERRUN);
    g_assert_cmpuint(CMD(d, 512, 0x2a, 0, 0, 0, 0, 9, 0, 0, 1, 0), ==, S_OVERRUN);
    /* beyond the end: the information field has the block */
    assert_check(d, CMD(d, 512, 0x28, 0, 0, 0, 0x20, 0, 0, 0, 1, 0), 5, 0x2100);
    g_assert_cmphex(d->sense[0], ==, 0xf0);
    g_assert_cmpuint(d->sense[5] << 8 | d->sense[6], ==, BLOCKS);
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
    Home home = (Home)GPOINTER_TO_INT(opaque);
    const uint64_t features[] = {
        0, QVIRTIO_F_INDIRECT | QVIRTIO_F_EVENT_IDX, QVIRTIO_F_PACKED | QVIRTIO_F_INDIRECT,
        QVIRTIO_F_PACKED | QVIRTIO_F_EVENT_IDX, QVIRTIO_F_IN_ORDER | QVIRTIO_F_PACKED};
    Scsi *d = start(home, false, ",packed=on,in_order=on", "");

    for (unsigned i = 0; i < G_N_ELEMENTS(features); i++) {
        go(d, features[i]);
        some_requests(d);
        for (unsigned q = 0; q < 4; q++) {
            uint8_t lba = (uint8_t)(q + 20);

            assert_good(
                d, scsi_cmd_on(d, q, 2, 3, CDB(0x28, 0, 0, 0, 0, lba, 0, 0, 1, 0), 10, 512, true),
                0);
            check_pattern(d, 0, lba, 512);
        }
    }
    scsi_stop(d);
    d = start(home, true, "", "");
    go(d, QVIRTIO_F_INDIRECT);
    some_requests(d);
    scsi_stop(d);
}

/* Small and large rings, around and around, with interrupts. */
static void test_wrap(const void *opaque)
{
    Scsi *d = start((Home)GPOINTER_TO_INT(opaque), false, ",packed=on", "");
    const unsigned sizes[] = {4, 16, 64};

    for (unsigned packed = 0; packed < 2; packed++) {
        for (unsigned k = 0; k < G_N_ELEMENTS(sizes); k++) {
            unsigned at_once = MIN(sizes[k], 32u);

            scsi_init(d, (packed ? QVIRTIO_F_PACKED : 0) | QVIRTIO_F_INDIRECT, 4, sizes[k], true);
            ready(d);
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
                    check_pattern(d, 1024 * i, i * 3 + round, 1024);
                }
            }
        }
    }
    scsi_stop(d);
}

/* The largest ring, full. */
static void test_large_ring(void)
{
    Scsi *d = start(IOTHREAD, false, ",packed=on,virtqueue_size=1024", "");

    for (unsigned packed = 0; packed < 2; packed++) {
        uint32_t used;

        scsi_init(d, (packed ? QVIRTIO_F_PACKED : 0) | QVIRTIO_F_INDIRECT, 1, 1024, false);
        ready(d);
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
        check_pattern(d, 0, 5, 512);
    }
    scsi_stop(d);
}

/* Header, response and data in any pieces. */
static void test_pieces(void)
{
    Scsi *d = start(IOTHREAD, false, "", "");
    uint8_t h[51] = {1, 2, 0x40, 3}, r[12];
    QVirtioBuf bufs[10];
    uint32_t used;
    unsigned n = 0;

    go(d, QVIRTIO_F_INDIRECT);
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

        g_assert_cmphex(qtest_readb(d->s, at), ==, image_byte(9 * 512 + i));
    }
    /* data to the device right behind the header; both ways is a failure */
    put_pattern(d, 9, 1024);
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
    check_pattern(d, 0, 9, 1024);
    scsi_stop(d);
}

/* --- descriptions ---------------------------------------------------------------------------- */

static void test_inquiry(void)
{
    Scsi *d =
        start(MAIN_LOOP, false, "",
              ",serial=number-1,wwn=0x5000c50012345678,vendor=Ours,product=Disk,ver=7,"
              "rotation_rate=1,min_io_size=4096,opt_io_size=65536,device_id=an-id,port_index=5,"
              "port_wwn=0x5000c50012345679");
    uint8_t p[96];

    scsi_init(d, 0, 1, 0, false);
    /* before the unit attention is taken */
    assert_good(d, CMD(d, 96, 0x12, 0, 0, 0, 96, 0), 60);
    qtest_memread(d->s, d->data, p, 36);
    g_assert_cmphex(p[0], ==, 0);
    g_assert_cmphex(p[1], ==, 0);
    g_assert_cmphex(p[2], ==, 5);
    g_assert_cmphex(p[3] & 0xf, ==, 2);
    g_assert_cmpuint(p[4], ==, 31);
    g_assert_cmpmem(p + 8, 28, "Ours    Disk            7   ", 28);
    ready(d);
    assert_good(d, CMD(d, 5, 0x12, 0, 0, 0, 5, 0), 0);
    assert_check(d, CMD(d, 96, 0x12, 0, 1, 0, 96, 0), 5, 0x2400);
    assert_check(d, CMD(d, 96, 0x12, 1, 0x99, 0, 96, 0), 5, 0x2400);
    assert_good(d, CMD(d, 96, 0x12, 1, 0, 0, 96, 0), 86);
    assert_bytes(d, 0, "\0\0\0\6\x00\x80\x83\xb0\xb1\xb2", 10);
    assert_good(d, CMD(d, 96, 0x12, 1, 0x80, 0, 96, 0), 84);
    assert_bytes(d, 0, "\0\x80\0\10number-1", 12);
    assert_good(d, CMD(d, 96, 0x12, 1, 0x83, 0, 96, 0), 96 - 4 - 9 - 12 - 12 - 8);
    assert_bytes(d, 0,
                 "\0\x83\0\x29\2\0\0\5an-id\1\3\0\10\x50\0\xc5\0\x12\x34\x56\x78"
                 "\x61\x93\0\10\x50\0\xc5\0\x12\x34\x56\x79\x61\x94\0\4\0\0\0\5",
                 45);
    assert_good(d, CMD(d, 96, 0x12, 1, 0xb0, 0, 96, 0), 32);
    qtest_memread(d->s, d->data, p, 64);
    g_assert_cmphex(p[4], ==, 1);
    assert_bytes(d, 6, "\0\10\0\x3f\xff\xff\0\0\0\x80", 10);  /* min, max, optimal */
    assert_bytes(d, 20, "\0\x20\0\0\0\0\0\xff\0\0\0\10", 12); /* 1 GiB, ranges, granularity */
    assert_good(d, CMD(d, 96, 0x12, 1, 0xb1, 0, 96, 0), 32);
    assert_bytes(d, 0, "\0\xb1\0\x3c\0\1", 6);
    assert_good(d, CMD(d, 96, 0x12, 1, 0xb2, 0, 96, 0), 88);
    assert_bytes(d, 0, "\0\xb2\0\4\0\xe0\2\0", 8);
    /* a unit that is not there, and the well known one */
    assert_good(d, scsi_cmd_on(d, 0, 2, 0, CDB(0x12, 0, 0, 0, 36, 0), 6, 36, true), 0);
    g_assert_cmphex(qtest_readb(d->s, d->data), ==, 0x7f);
    assert_good(d, scsi_cmd_on(d, 0, 0xc1, 0, CDB(0x12, 0, 0, 0, 36, 0), 6, 36, true), 0);
    g_assert_cmphex(qtest_readb(d->s, d->data), ==, 0x1e);
    assert_good(d, scsi_cmd_on(d, 0, 2, 0, CDB(0x03, 0, 0, 0, 18, 0), 6, 18, true), 0);
    assert_bytes(d, 0, "\x70\0\5\0\0\0\0\12\0\0\0\0\x25\0", 14);
    /* REPORT LUNS: of the target from any unit; of the bus */
    assert_good(d, CMD(d, 64, 0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0), 40);
    assert_bytes(d, 0, "\0\0\0\20\0\0\0\0\0\0\0\0\0\0\0\0\0\3\0\0\0\0\0\0", 24);
    assert_good(
        d, scsi_cmd_on(d, 0, 0xc1, 0, CDB(0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0), 12, 64, true),
        48);
    assert_bytes(d, 0, "\0\0\0\10\0\0\0\0\1\2\0\3\0\0\0\0", 16);
    assert_check(d, CMD(d, 64, 0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0), 5, 0x2400);
    assert_check(d, CMD(d, 64, 0xa0, 0, 9, 0, 0, 0, 0, 0, 0, 64, 0, 0), 5, 0x2400);
    assert_check(d, scsi_cmd_on(d, 0, 0xc1, 0, CDB(0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0), 10, 0, true),
                 5, 0x2000);
    /* READ CAPACITY */
    assert_good(d, CMD(d, 8, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0);
    assert_bytes(d, 0, "\0\0\x1f\xff\0\0\2\0", 8);
    assert_check(d, CMD(d, 8, 0x25, 0, 0, 0, 0, 1, 0, 0, 0, 0), 5, 0x2400);
    assert_good(d, CMD(d, 32, 0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0), 0);
    assert_bytes(d, 0, "\0\0\0\0\0\0\x1f\xff\0\0\2\0\0\0\x80\0", 16);
    assert_check(d, CMD(d, 32, 0x9e, 0x12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0), 5, 0x2400);
    scsi_stop(d);
}

static void test_small(void)
{
    Scsi *d = start(IOTHREAD, false, "", "");

    go(d, 0);
    /* REQUEST SENSE: nothing; both formats */
    assert_good(d, CMD(d, 18, 0x03, 0, 0, 0, 18, 0), 0);
    assert_bytes(d, 0, "\x70\0\0\0\0\0\0\12\0\0\0\0\0\0\0\0\0\0", 18);
    assert_good(d, CMD(d, 18, 0x03, 1, 0, 0, 18, 0), 10);
    assert_bytes(d, 0, "\x72\0\0\0\0\0\0\0", 8);
    /* START STOP, PREVENT, RESERVE, SEND DIAGNOSTIC, SEEK, SYNCHRONIZE CACHE */
    assert_good(d, CMD(d, 0, 0x1b, 0, 0, 0, 0, 0), 0);
    assert_good(d, CMD(d, 0, 0x1b, 0, 0, 0, 1, 0), 0);
    assert_good(d, CMD(d, 0, 0x1b, 0, 0, 0, 0x30, 0), 0);
    assert_good(d, CMD(d, 0, 0x1e, 0, 0, 0, 1, 0), 0);
    assert_good(d, CMD(d, 0, 0x16, 0, 0, 0, 0, 0), 0);
    assert_good(d, CMD(d, 0, 0x17, 0, 0, 0, 0, 0), 0);
    assert_good(d, CMD(d, 0, 0x1d, 4, 0, 0, 0, 0), 0);
    assert_check(d, CMD(d, 0, 0x1d, 0x20, 0, 0, 0, 0), 5, 0x2400);
    assert_good(d, CMD(d, 0, 0x2b, 0, 0, 0, 0x1f, 0xff, 0, 0, 0, 0), 0);
    assert_check(d, CMD(d, 0, 0x2b, 0, 0, 0, 0x20, 0, 0, 0, 0, 0), 5, 0x2100);
    assert_good(d, CMD(d, 0, 0x91, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0);
    assert_check(d, CMD(d, 0, 0x35, 0, 0, 0, 0x20, 0, 0, 0, 1, 0), 5, 0x2100);
    /* a MMC command, which disks have not */
    assert_check(d, CMD(d, 12, 0x43, 0, 0, 0, 0, 0, 0, 0, 12, 0), 5, 0x2000);
    scsi_stop(d);
}

static void test_mode(void)
{
    Scsi *d = start(IOTHREAD, false, "", ",dpofua=on");
    uint8_t p[64];

    go(d, 0);
    /* MODE SENSE 6: header, block descriptor, caching page */
    assert_good(d, CMD(d, 64, 0x1a, 0, 8, 0, 64, 0), 64 - 4 - 8 - 20);
    qtest_memread(d->s, d->data, p, 32);
    g_assert_cmpmem(p, 12, "\x1f\0\x10\10\0\0\x20\0\0\0\2\0", 12);
    g_assert_cmpmem(p + 12, 3, "\10\x12\4", 3);
    assert_good(d, CMD(d, 64, 0x5a, 8, 8, 0, 0, 0, 0, 0, 64, 0), 64 - 8 - 20);
    assert_bytes(d, 0, "\0\x1a\0\x10\0\0\0\0\10\x12\4", 11);
    /* changeable, default, saved; all; none */
    assert_good(d, CMD(d, 64, 0x1a, 8, 0x48, 0, 64, 0), 40);
    assert_bytes(d, 4, "\10\x12\4\0\0\0\0\0", 8);
    assert_good(d, CMD(d, 64, 0x1a, 8, 0x88, 0, 64, 0), 40);
    assert_bytes(d, 4, "\10\x12\4", 3);
    assert_check(d, CMD(d, 64, 0x1a, 8, 0xc8, 0, 64, 0), 5, 0x3900);
    assert_good(d, CMD(d, 255, 0x1a, 8, 0x3f, 0, 255, 0), 255 - 4 - 12 - 24 - 20 - 12);
    assert_check(d, CMD(d, 64, 0x1a, 8, 0x2a, 0, 64, 0), 5, 0x2400);
    assert_check(d, CMD(d, 64, 0x1a, 8, 8, 1, 64, 0), 5, 0x2400);
    /* MODE SELECT: write cache off, seen by MODE SENSE and by query-block */
    memset(p, 0, sizeof(p));
    p[4] = 8;
    p[5] = 0x12;
    qtest_memwrite(d->s, d->data, p, 24);
    assert_good(d, CMD(d, -24, 0x15, 0x10, 0, 0, 24, 0), 0);
    assert_good(d, CMD(d, 64, 0x1a, 8, 8, 0, 64, 0), 40);
    assert_bytes(d, 4, "\10\x12\0", 3);
    /* with a block descriptor, ten bytes, on again */
    memset(p, 0, sizeof(p));
    p[7] = 8;
    p[8 + 2] = 0x20;
    p[8 + 6] = 2;
    p[16] = 8;
    p[17] = 0x12;
    p[18] = 4;
    qtest_memwrite(d->s, d->data, p, 36);
    assert_good(d, CMD(d, -36, 0x55, 0x10, 0, 0, 0, 0, 0, 0, 36, 0), 0);
    assert_good(d, CMD(d, 64, 0x1a, 8, 8, 0, 64, 0), 40);
    assert_bytes(d, 4, "\10\x12\4", 3);
    /* what cannot be */
    qtest_memwrite(d->s, d->data, p, 36);
    assert_check(d, CMD(d, -36, 0x55, 0, 0, 0, 0, 0, 0, 0, 36, 0), 5, 0x2400);
    assert_check(d, CMD(d, -36, 0x55, 0x11, 0, 0, 0, 0, 0, 0, 36, 0), 5, 0x2400);
    assert_check(d, CMD(d, -36, 0x55, 0x10, 0, 0, 0, 0, 0, 0, 35, 0), 5, 0x1a00);
    assert_check(d, CMD(d, -36, 0x55, 0x10, 0, 0, 0, 0, 0, 0, 7, 0), 5, 0x1a00);
    assert_good(d, CMD(d, 0, 0x55, 0x10, 0, 0, 0, 0, 0, 0, 0, 0), 0);
    qtest_writeb(d->s, d->data + 14, 4); /* another block size */
    assert_check(d, CMD(d, -36, 0x55, 0x10, 0, 0, 0, 0, 0, 0, 36, 0), 5, 0x2600);
    qtest_writeb(d->s, d->data + 14, 2);
    qtest_writeb(d->s, d->data + 18, 5); /* a bit that is fixed */
    assert_check(d, CMD(d, -36, 0x55, 0x10, 0, 0, 0, 0, 0, 0, 36, 0), 5, 0x2600);
    qtest_writeb(d->s, d->data + 17, 0x11);
    assert_check(d, CMD(d, -36, 0x55, 0x10, 0, 0, 0, 0, 0, 0, 36, 0), 5, 0x2600);
    /* D_SENSE: descriptor format from now on, with the block in a descriptor */
    memset(p, 0, sizeof(p));
    p[4] = 0x0a;
    p[5] = 10;
    p[6] = 4;
    p[7] = 0x10;
    qtest_memwrite(d->s, d->data, p, 16);
    assert_good(d, CMD(d, -16, 0x15, 0x10, 0, 0, 16, 0), 0);
    assert_check(d, CMD(d, 512, 0x28, 0, 0, 0, 0x20, 0, 0, 0, 1, 0), 5, 0x2100);
    g_assert_cmpuint(d->sense_len, ==, 20);
    g_assert_cmpmem(d->sense, 20, "\x72\5\x21\0\0\0\0\14\0\12\x80\0\0\0\0\0\0\0\x20\0", 20);
    scsi_stop(d);
}

/* --- VERIFY, WRITE SAME, UNMAP --------------------------------------------------------------- */

static void test_verify(const void *opaque)
{
    Scsi *d = start((Home)GPOINTER_TO_INT(opaque), false, "", "");

    go(d, 0);
    assert_good(d, CMD(d, 0, 0x2f, 0, 0, 0, 0, 0, 0, 0x20, 0, 0), 0); /* the whole disk */
    put_pattern(d, 30, 2048);
    assert_good(d, CMD(d, -2048, 0x2f, 2, 0, 0, 0, 30, 0, 0, 4, 0), 0);
    assert_good(d, CMD(d, -2048, 0xaf, 2, 0, 0, 0, 30, 0, 0, 0, 4, 0, 0), 0);
    assert_good(d, CMD(d, -2048, 0x8f, 2, 0, 0, 0, 0, 0, 0, 0, 30, 0, 0, 0, 4, 0, 0), 0);
    qtest_writeb(d->s, d->data + 1027, 0);
    assert_check(d, CMD(d, -2048, 0x2f, 2, 0, 0, 0, 30, 0, 0, 4, 0), 0xe, 0x1d00);
    g_assert_cmpuint(d->sense[5] << 8 | d->sense[6], ==, 1027);
    /* one block for all of them */
    put_pattern(d, 30, 512);
    assert_good(d, CMD(d, -512, 0x2f, 6, 0, 0, 0, 30, 0, 0, 1, 0), 0);
    assert_check(d, CMD(d, -512, 0x2f, 6, 0, 0, 0, 30, 0, 0, 2, 0), 0xe, 0x1d00);
    assert_check(d, CMD(d, -512, 0x2f, 4, 0, 0, 0, 30, 0, 0, 1, 0), 5, 0x2400);
    assert_check(d, CMD(d, 0, 0x2f, 0, 0, 0, 0x20, 0, 0, 0, 1, 0), 5, 0x2100);
    g_assert_cmpuint(CMD(d, -512, 0x2f, 2, 0, 0, 0, 30, 0, 0, 2, 0), ==, S_OVERRUN);
    /* WRITE AND VERIFY */
    put_pattern(d, 77, 1024);
    assert_good(d, CMD(d, -1024, 0x2e, 0, 0, 0, 0, 200, 0, 0, 2, 0), 0);
    assert_good(d, CMD(d, -1024, 0x2e, 2, 0, 0, 0, 200, 0, 0, 2, 0), 0);
    assert_good(d, CMD(d, 1024, 0x28, 0, 0, 0, 0, 200, 0, 0, 2, 0), 0);
    check_pattern(d, 0, 77, 1024);
    put_pattern(d, 200, 1024);
    assert_good(d, CMD(d, -1024, 0x8e, 2, 0, 0, 0, 0, 0, 0, 0, 200, 0, 0, 0, 2, 0, 0), 0);
    assert_good(d, CMD(d, -1024, 0xae, 2, 0, 0, 0, 200, 0, 0, 0, 2, 0, 0), 0);
    assert_check(d, CMD(d, -1024, 0x2e, 6, 0, 0, 0, 200, 0, 0, 2, 0), 5, 0x2400);
    assert_check(d, CMD(d, -512, 0x2e, 0, 0, 0, 0x20, 0, 0, 0, 1, 0), 5, 0x2100);
    scsi_stop(d);
}

static void read_and_check(Scsi *d, uint8_t lba, uint8_t n, uint8_t first, bool zero)
{
    qtest_memset(d->s, d->data, 0xcc, n * 512u);
    assert_good(d, CMD(d, n * 512, 0x28, 0, 0, 0, 1, lba, 0, 0, n, 0), 0);
    for (unsigned i = 0; i < n; i++) {
        g_assert_cmphex(qtest_readb(d->s, d->data + 512 * i), ==, zero ? 0 : first);
        g_assert_cmphex(qtest_readb(d->s, d->data + 512 * i + 511), ==, zero ? 0 : first);
    }
}

static void test_write_same(const void *opaque)
{
    Scsi *d = start((Home)GPOINTER_TO_INT(opaque), false, "", "");

    go(d, 0);
    qtest_memset(d->s, d->data, 0x5a, 512);
    assert_good(d, CMD(d, -512, 0x41, 0, 0, 0, 1, 0, 0, 4, 0, 0), 0); /* 512 KiB: two pieces */
    read_and_check(d, 0, 16, 0x5a, false);
    read_and_check(d, 240, 16, 0x5a, false);
    qtest_memset(d->s, d->data, 0, 512);
    assert_good(d, CMD(d, -512, 0x93, 8, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0, 4, 0, 0), 0);
    read_and_check(d, 4, 4, 0, true);
    read_and_check(d, 8, 8, 0x5a, false);
    assert_good(d, CMD(d, 0, 0x93, 9, 0, 0, 0, 0, 0, 0, 1, 8, 0, 0, 0, 4, 0, 0), 0); /* no data */
    read_and_check(d, 4, 8, 0, true);
    qtest_memset(d->s, d->data, 0x6b, 512);
    assert_good(d, CMD(d, -512, 0x41, 8, 0, 0, 1, 8, 0, 0, 4, 0), 0); /* data wins over UNMAP */
    read_and_check(d, 8, 4, 0x6b, false);
    assert_check(d, CMD(d, -512, 0x41, 0, 0, 0, 1, 0, 0, 0, 0, 0), 5, 0x2400);
    assert_check(d, CMD(d, -512, 0x41, 0x10, 0, 0, 1, 0, 0, 0, 1, 0), 5, 0x2400);
    assert_check(d, CMD(d, -512, 0x41, 2, 0, 0, 1, 0, 0, 0, 1, 0), 5, 0x2400);
    assert_check(d, CMD(d, -512, 0x41, 0x20, 0, 0, 1, 0, 0, 0, 1, 0), 5, 0x2400);
    assert_check(d, CMD(d, -512, 0x41, 0, 0, 0, 0x20, 0, 0, 0, 1, 0), 5, 0x2100);
    g_assert_cmpuint(CMD(d, -511, 0x41, 0, 0, 0, 1, 0, 0, 0, 1, 0), ==, S_OVERRUN);
    /* UNMAP: two ranges, an empty one between */
    {
        uint8_t u[8 + 48] = {0, 54, 0, 48};

        u[8 + 6] = 1;
        u[8 + 7] = 16;
        u[8 + 11] = 8;
        u[24 + 7] = 3;
        u[40 + 6] = 1;
        u[40 + 7] = 40;
        u[40 + 11] = 8;
        qtest_memwrite(d->s, d->data, u, sizeof(u));
        assert_good(d, CMD(d, -56, 0x42, 0, 0, 0, 0, 0, 0, 0, 56, 0), 0);
        read_and_check(d, 16, 8, 0, true);
        read_and_check(d, 24, 16, 0x5a, false);
        read_and_check(d, 40, 8, 0, true);
        assert_good(d, CMD(d, 0, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0);
        qtest_memwrite(d->s, d->data, u, sizeof(u));
        assert_check(d, CMD(d, -56, 0x42, 1, 0, 0, 0, 0, 0, 0, 56, 0), 5, 0x2400);
        assert_check(d, CMD(d, -56, 0x42, 0, 0, 0, 0, 0, 0, 0, 7, 0), 5, 0x1a00);
        assert_check(d, CMD(d, -56, 0x42, 0, 0, 0, 0, 0, 0, 0, 40, 0), 5, 0x1a00);
        u[40 + 5] = 1; /* beyond the end */
        qtest_memwrite(d->s, d->data, u, sizeof(u));
        assert_check(d, CMD(d, -56, 0x42, 0, 0, 0, 0, 0, 0, 0, 56, 0), 5, 0x2100);
    }
    scsi_stop(d);
}

/* Images that cannot be written; disks without deallocation; other block sizes. */
static void test_kinds(void)
{
    g_autofree char *ro =
        g_strdup_printf("-blockdev file,filename=%s,node-name=d0,locking=off,read-only=on", image);
    Scsi *d = start_with(IOTHREAD, false, ro, "", "");

    go(d, 0);
    assert_check(d, CMD(d, -512, 0x2a, 0, 0, 0, 0, 1, 0, 0, 1, 0), 7, 0x2700);
    assert_check(d, CMD(d, -512, 0x2e, 0, 0, 0, 0, 1, 0, 0, 1, 0), 7, 0x2700);
    assert_check(d, CMD(d, -512, 0x41, 0, 0, 0, 0, 1, 0, 0, 1, 0), 7, 0x2700);
    assert_good(d, CMD(d, 4, 0x1a, 8, 8, 0, 4, 0), 0);
    g_assert_cmphex(qtest_readb(d->s, d->data + 2) & 0x80, ==, 0x80);
    assert_check(d, CMD(d, -56, 0x42, 0, 0, 0, 0, 0, 0, 0, 56, 0), 5, 0x2000);
    scsi_stop(d);
    d = start(IOTHREAD, false, "",
              ",logical_block_size=4096,discard_granularity=0,removable=on,max_io_size=65536");
    go(d, 0);
    assert_good(d, CMD(d, 8, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0);
    assert_bytes(d, 0, "\0\0\3\xff\0\0\x10\0", 8);
    assert_good(d, CMD(d, 4096, 0x28, 0, 0, 0, 0, 5, 0, 0, 1, 0), 0);
    check_pattern(d, 0, 40, 4096);
    assert_good(d, CMD(d, 36, 0x12, 0, 0, 0, 36, 0), 0);
    g_assert_cmphex(qtest_readb(d->s, d->data + 1), ==, 0x80);
    assert_good(d, CMD(d, 8, 0x12, 1, 0xb2, 0, 8, 0), 0);
    assert_bytes(d, 4, "\0\0\0\0", 4);
    assert_check(d, CMD(d, -4096, 0x41, 8, 0, 0, 0, 1, 0, 0, 1, 0), 5, 0x2400);
    assert_check(d, CMD(d, 0x11000, 0x28, 0, 0, 0, 0, 5, 0, 0, 17, 0), 5, 0x2400);
    assert_good(d, CMD(d, 0x10000, 0x28, 0, 0, 0, 0, 5, 0, 0, 16, 0), 0);
    scsi_stop(d);
}

/* --- errors of the image --------------------------------------------------------------------- */

static Scsi *start_failing(const char *rules, const char *disk)
{
    g_autofree char *drive = g_strdup_printf(
        "-blockdev "
        "'{\"driver\":\"blkdebug\",\"node-name\":\"d0\",\"image\":{\"driver\":\"null-co\","
        "\"read-zeroes\":true,\"size\":4194304},\"inject-error\":[%s]}'",
        rules);

    return start_with(IOTHREAD, false, drive, "", disk);
}

static void test_errors(void)
{
    Scsi *d = start_failing("{\"event\":\"none\",\"iotype\":\"read\",\"errno\":5,\"sector\":8},"
                            "{\"event\":\"none\",\"iotype\":\"write\",\"errno\":28,\"sector\":16},"
                            "{\"event\":\"none\",\"iotype\":\"write\",\"errno\":5,\"sector\":24},"
                            "{\"event\":\"none\",\"iotype\":\"write\",\"errno\":12,\"sector\":32},"
                            "{\"event\":\"none\",\"iotype\":\"flush\",\"errno\":5}",
                            ",werror=report,rerror=report");

    go(d, 0);
    assert_check(d, CMD(d, 512, 0x28, 0, 0, 0, 0, 8, 0, 0, 1, 0), 3, 0x1100);
    g_assert_cmpuint(d->residual, ==, 512);
    assert_check(d, CMD(d, -512, 0x2a, 0, 0, 0, 0, 16, 0, 0, 1, 0), 7, 0x2707);
    assert_check(d, CMD(d, -512, 0x2a, 0, 0, 0, 0, 24, 0, 0, 1, 0), 3, 0x0c00);
    assert_check(d, CMD(d, -512, 0x2a, 0, 0, 0, 0, 32, 0, 0, 1, 0), 4, 0x4400);
    assert_check(d, CMD(d, 0, 0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0), 3, 0x0c00);
    assert_check(d, CMD(d, 0, 0x2f, 0, 0, 0, 0, 0, 0, 0, 9, 0), 3, 0x1100);
    assert_good(d, CMD(d, 512, 0x28, 0, 0, 0, 0, 9, 0, 0, 1, 0), 0);
    scsi_stop(d);
    d = start_failing("{\"event\":\"none\",\"iotype\":\"read\",\"errno\":5}", ",rerror=ignore");
    go(d, 0);
    assert_good(d, CMD(d, 512, 0x28, 0, 0, 0, 0, 8, 0, 0, 1, 0), 0);
    scsi_stop(d);
}

/* werror=stop: parked, and done when the VM runs again; a reset or an abort gets it out, too. */
static void test_stop(void)
{
    Scsi *d = start_failing("{\"event\":\"none\",\"iotype\":\"write\",\"errno\":28,\"once\":true}",
                            ",werror=stop");
    uint32_t used;

    go(d, 0);
    scsi_push(d, 0, 1, 2, 3, 7, CDB(0x2a, 0, 0, 0, 0, 1, 0, 0, 1, 0), 10, d->data, 512, false);
    qvirtio_kick(&d->v->q[2]);
    json_object_put(qtest_qmp_event(d->s, "STOP"));
    g_assert_false(qvirtio_ready(&d->v->q[2]));
    qtest_qmp_ok(d->s, "{'execute': 'cont'}");
    qvirtio_wait(&d->v->q[2], &used);
    scsi_answer(d, 1);
    assert_good(d, d->response, 0);
    scsi_stop(d);
    d = start_failing("{\"event\":\"none\",\"iotype\":\"write\",\"errno\":28}", ",werror=stop");
    for (unsigned how = 0; how < 3; how++) {
        go(d, 0);
        scsi_push(d, 0, 1, 2, 3, 7, CDB(0x2a, 0, 0, 0, 0, 1, 0, 0, 1, 0), 10, d->data, 512, false);
        qvirtio_kick(&d->v->q[2]);
        json_object_put(qtest_qmp_event(d->s, "STOP"));
        switch (how) {
        case 0:
            g_assert_cmpuint(scsi_tmf(d, 6, 2, 3, 7), ==, S_SUCCEEDED);
            g_assert_cmpuint(scsi_tmf(d, 0, 2, 3, 7), ==, S_OK);
            qvirtio_wait(&d->v->q[2], &used);
            scsi_answer(d, 1);
            g_assert_cmpuint(d->response, ==, S_ABORTED);
            break;
        case 1:
            qvirtio_reset(d->v);
            break;
        case 2:
            qtest_qmp_ok(d->s, "{'execute': 'device_del', 'arguments': {'id': 'hd0'}}");
            json_object_put(qtest_qmp_event(d->s, "DEVICE_DELETED"));
            qvirtio_wait(&d->v->q[2], &used);
            scsi_answer(d, 1);
            g_assert_cmpuint(d->response, ==, S_BAD_TARGET);
            break;
        }
        qtest_qmp_ok(d->s, "{'execute': 'cont'}");
        qtest_qmp_drop_events(d->s);
    }
    scsi_stop(d);
}

/* --- task management ------------------------------------------------------------------------- */

static Scsi *start_slow(Home home, unsigned ms)
{
    g_autofree char *drive = g_strdup_printf(
        "-blockdev null-co,size=4M,read-zeroes=on,latency-ns=%u000000,node-name=d0", ms);

    return start_with(home, false, drive, ",packed=on", "");
}

static void fill(Scsi *d, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        scsi_push(d, i % 4, i + 1, 2, 3, 100 + i, CDB(0x28, 0, 0, 0, 0, 1, 0, 0, 1, 0), 10,
                  d->data + 512 * i, 512, true);
    }
    for (unsigned q = 0; q < 4; q++) {
        qvirtio_kick(&d->v->q[q + 2]);
    }
}

/* All are back when the answer to the TMF is. */
static void expect(Scsi *d, unsigned n, uint8_t response, int but)
{
    uint32_t used;

    for (unsigned i = 0; i < n; i++) {
        if ((int)i != but) {
            g_assert_true(qvirtio_ready(&d->v->q[i % 4 + 2]));
        }
        qvirtio_wait(&d->v->q[i % 4 + 2], &used);
    }
    for (unsigned i = 0; i < n; i++) {
        scsi_answer(d, i + 1);
        g_assert_cmpuint(d->response, ==, (int)i == but ? S_OK : response);
    }
}

static void test_tmf(const void *opaque)
{
    Scsi *d = start_slow((Home)GPOINTER_TO_INT(opaque), 400);
    uint32_t used;

    go(d, 0);
    /* none there */
    g_assert_cmpuint(scsi_tmf(d, 0, 2, 3, 1), ==, S_OK);
    g_assert_cmpuint(scsi_tmf(d, 6, 2, 3, 1), ==, S_OK);
    g_assert_cmpuint(scsi_tmf(d, 7, 2, 3, 1), ==, S_OK);
    g_assert_cmpuint(scsi_tmf(d, 2, 2, 3, 1), ==, S_REJECTED);
    g_assert_cmpuint(scsi_tmf(d, 99, 2, 3, 1), ==, S_REJECTED);
    g_assert_cmpuint(scsi_tmf(d, 0, 5, 3, 1), ==, S_BAD_TARGET);
    g_assert_cmpuint(scsi_tmf(d, 5, 2, 4, 1), ==, S_LUN);
    /* one of several */
    fill(d, 1);
    g_assert_cmpuint(scsi_tmf(d, 6, 2, 3, 100), ==, S_SUCCEEDED);
    g_assert_cmpuint(scsi_tmf(d, 7, 2, 3, 0), ==, S_SUCCEEDED);
    g_assert_cmpuint(scsi_tmf(d, 6, 2, 3, 101), ==, S_OK);
    g_assert_cmpuint(scsi_tmf(d, 0, 2, 3, 100), ==, S_OK);
    expect(d, 1, S_ABORTED, -1);
    for (unsigned i = 0; i < 4; i++) {
        static const struct {
            uint32_t subtype;
            uint8_t response;
            uint16_t attention;
        } t[] = {{1, S_ABORTED, 0}, {3, S_ABORTED, 0}, {5, S_RESET, 0x2903}, {4, S_RESET, 0x2907}};

        fill(d, 12);
        g_assert_cmpuint(scsi_tmf(d, t[i].subtype, 2, 3, 0), ==, S_OK);
        expect(d, 12, t[i].response, -1);
        if (t[i].attention) {
            assert_check(d, CMD(d, 0, 0, 0, 0, 0, 0, 0), 6, t[i].attention);
        }
        assert_good(d, CMD(d, 0, 0, 0, 0, 0, 0, 0), 0);
    }
    /* two at once for the same tasks: both wait for them */
    fill(d, 8);
    {
        uint64_t first = d->req + 60 * 512, resp = d->resp + 60 * 512;
        uint8_t t[24] = {0, 0, 0, 0, 1, 0, 0, 0, 1, 2, 0x40, 3};
        QVirtioBuf bufs[2] = {{first, 24, false}, {resp, 1, true}};

        qtest_memwrite(d->s, first, t, sizeof(t));
        qvirtio_add(&d->v->q[0], bufs, 2, false);
        bufs[1].addr = resp + 1;
        qvirtio_add(&d->v->q[0], bufs, 2, false);
        qtest_memset(d->s, resp, 0xee, 2);
        qvirtio_kick(&d->v->q[0]);
        qvirtio_wait(&d->v->q[0], &used);
        qvirtio_wait(&d->v->q[0], &used);
        g_assert_cmphex(qtest_readw(d->s, resp), ==, 0);
        expect(d, 8, S_ABORTED, -1);
    }
    /* a VERIFY that would take many steps ends at the next one */
    scsi_push(d, 1, 1, 2, 3, 9, CDB(0x2f, 0, 0, 0, 0, 0, 0, 0x20, 0, 0), 10, 0, 0, true);
    qvirtio_kick(&d->v->q[3]);
    g_assert_cmpuint(scsi_tmf(d, 0, 2, 3, 9), ==, S_OK);
    qvirtio_wait(&d->v->q[3], &used);
    scsi_answer(d, 1);
    g_assert_cmpuint(d->response, ==, S_ABORTED);
    /* asynchronous notification */
    for (uint32_t type = 1; type < 3; type++) {
        uint8_t q[16] = {(uint8_t)type, 0, 0, 0, 1, 2, 0x40, 3};
        QVirtioBuf bufs[2] = {{d->req, 16, false}, {d->resp, 5, true}};

        qtest_memwrite(d->s, d->req, q, sizeof(q));
        qtest_memset(d->s, d->resp, 0xee, 5);
        qvirtio_add(&d->v->q[0], bufs, 2, false);
        qvirtio_kick(&d->v->q[0]);
        qvirtio_wait(&d->v->q[0], &used);
        g_assert_cmpuint(used, ==, 5);
        g_assert_cmpuint(qtest_readl(d->s, d->resp), ==, 0);
        g_assert_cmpuint(qtest_readb(d->s, d->resp + 4), ==, S_OK);
    }
    scsi_stop(d);
}

/* --- hot plug -------------------------------------------------------------------------------- */

static void test_hotplug(const void *opaque)
{
    Scsi *d = start((Home)GPOINTER_TO_INT(opaque), false, "", "");
    unsigned target, lun;
    uint32_t event, reason;

    scsi_init(d, QVIRTIO_F(1) | QVIRTIO_F(2), 4, 0, false);
    ready(d);
    qtest_qmp_ok(d->s, "{'execute': 'blockdev-add', 'arguments': {'driver': 'null-co', "
                       "'node-name': 'd1', 'size': 1048576, 'read-zeroes': true}}");
    scsi_push_event_buffer(d, 0);
    for (unsigned i = 0; i < 3; i++) {
        qtest_qmp_ok(d->s, "{'execute': 'device_add', 'arguments': {'driver': 'scsi-hd', 'id': "
                           "'hd1', 'drive': 'd1', 'bus': 'scsi0.0', 'scsi-id': 9, 'lun': 300}}");
        scsi_event(d, &event, &target, &lun, &reason);
        g_assert_cmphex(event, ==, 1);
        g_assert_cmpuint(reason, ==, 1);
        g_assert_cmpuint(target, ==, 9);
        g_assert_cmpuint(lun, ==, 300);
        assert_check(d, scsi_cmd_on(d, 1, 9, 300, CDB(0, 0, 0, 0, 0, 0), 6, 0, true), 6, 0x2900);
        assert_good(
            d, scsi_cmd_on(d, 1, 9, 300, CDB(0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0), 10, 512, true), 0);
        if (i == 2) {
            break;
        }
        scsi_push_event_buffer(d, 0);
        qtest_qmp_ok(d->s, "{'execute': 'device_del', 'arguments': {'id': 'hd1'}}");
        json_object_put(qtest_qmp_event(d->s, "DEVICE_DELETED"));
        scsi_event(d, &event, &target, &lun, &reason);
        g_assert_cmphex(event, ==, 1);
        g_assert_cmpuint(reason, ==, 2);
        g_assert_cmpuint(scsi_cmd_on(d, 1, 9, 300, CDB(0, 0, 0, 0, 0, 0), 6, 0, true), ==,
                         S_BAD_TARGET);
        scsi_push_event_buffer(d, 0);
    }
    /* nobody listens: said with the next buffer */
    qtest_qmp_ok(d->s, "{'execute': 'device_del', 'arguments': {'id': 'hd1'}}");
    json_object_put(qtest_qmp_event(d->s, "DEVICE_DELETED"));
    scsi_push_event_buffer(d, 0);
    scsi_event(d, &event, &target, &lun, &reason);
    g_assert_cmphex(event, ==, 0x80000000u);
    /* a neighbour on the same target tells, and REPORT LUNS has both */
    qtest_qmp_ok(d->s, "{'execute': 'device_add', 'arguments': {'driver': 'scsi-hd', 'id': 'hd1', "
                       "'drive': 'd1', 'bus': 'scsi0.0', 'scsi-id': 2, 'lun': 0}}");
    assert_check(d, CMD(d, 0, 0, 0, 0, 0, 0, 0), 6, 0x3f0e);
    assert_good(d, CMD(d, 64, 0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0), 40);
    qtest_qmp_ok(d->s, "{'execute': 'device_del', 'arguments': {'id': 'hd1'}}");
    json_object_put(qtest_qmp_event(d->s, "DEVICE_DELETED"));
    assert_check(d, CMD(d, 0, 0, 0, 0, 0, 0, 0), 6, 0x3f0e);
    scsi_push_event_buffer(d, 0);
    scsi_event(d, &event, &target, &lun, &reason);
    g_assert_cmphex(event, ==, 0x80000000u);
    /* a new size */
    scsi_push_event_buffer(d, 0);
    qtest_qmp_ok(d->s, "{'execute': 'block_resize', 'arguments': {'node-name': 'd0', 'size': %u}}",
                 IMAGE_SIZE * 2);
    scsi_event(d, &event, &target, &lun, &reason);
    g_assert_cmphex(event, ==, 3);
    g_assert_cmphex(reason, ==, 0x092a);
    g_assert_cmpuint(target, ==, 2);
    g_assert_cmpuint(lun, ==, 3);
    assert_check(d, CMD(d, 0, 0, 0, 0, 0, 0, 0), 6, 0x2a09);
    assert_good(d, CMD(d, 8, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0);
    assert_bytes(d, 0, "\0\0\x3f\xff", 4);
    qtest_qmp_ok(d->s, "{'execute': 'block_resize', 'arguments': {'node-name': 'd0', 'size': %u}}",
                 IMAGE_SIZE);
    scsi_stop(d);
}

/* A disk goes and comes while it is busy; each request has an answer. */
static void test_unplug_busy(const void *opaque)
{
    Scsi *d = start_slow((Home)GPOINTER_TO_INT(opaque), 20);

    for (unsigned round = 0; round < 6; round++) {
        uint32_t used;

        scsi_init(d, round % 2 ? QVIRTIO_F_PACKED : 0, 4, 0, false);
        ready(d);
        fill(d, 32);
        if (round % 3 == 2) {
            g_usleep(20000);
        }
        qtest_qmp_ok(d->s, "{'execute': 'device_del', 'arguments': {'id': 'hd0'}}");
        json_object_put(qtest_qmp_event(d->s, "DEVICE_DELETED"));
        for (unsigned i = 0; i < 32; i++) {
            qvirtio_wait(&d->v->q[i % 4 + 2], &used);
        }
        for (unsigned i = 0; i < 32; i++) {
            scsi_answer(d, i + 1);
            g_assert_true(d->response == S_OK || d->response == S_BAD_TARGET);
        }
        g_assert_cmpuint(CMD(d, 0, 0, 0, 0, 0, 0, 0), ==, S_BAD_TARGET);
        qtest_qmp_ok(d->s, "{'execute': 'device_add', 'arguments': {'driver': 'scsi-hd', 'id': "
                           "'hd0', 'drive': 'd0', 'bus': 'scsi0.0', 'scsi-id': 2, 'lun': 3}}");
    }
    /* and the whole controller's machine, busy */
    scsi_init(d, 0, 4, 0, false);
    ready(d);
    fill(d, 32);
    scsi_stop(d);
}

/* The whole controller goes, with its disks busy: the guest does not answer, the machine's reset
 * ends the unplug. */
static void test_controller_unplug(const void *opaque)
{
    static const char *const props[HOMES] = {
        "", ", 'iothread': 'iot0'", ", 'ioregionfd': 'ior0'",
        ", 'ioregionfd': 'ior0', 'ioregionfds': ['ior0', 'ior1']",
        ", 'iothread-vq-mapping': [{'iothread': 'iot0'}, {'iothread': 'iot1'}]"};
    Home home = (Home)GPOINTER_TO_INT(opaque);
    QTestState *s = qtest_initf("-machine q35 -nodefaults -m 256 %s -device "
                                "pcie-root-port,id=rp,addr=6,chassis=1 -blockdev "
                                "null-co,size=4M,read-zeroes=on,latency-ns=50000000,node-name=d0",
                                home_args[home]);
    QPCIBus *bus = qpci_new(s);
    QPCIDevice *port = qpci_device_at(bus, 0, QPCI_DEVFN(6, 0));

    qpci_bridge_setup(port, 1);
    for (unsigned i = 0; i < 3; i++) {
        Scsi d = {.s = s, .bus = bus, .cdb_size = 32, .sense_size = SCSI_SENSE_SIZE};

        qtest_qmp_ok(s,
                     "{'execute': 'device_add', 'arguments': {'driver': 'virtio-scsi-pci', 'id': "
                     "'s1', 'bus': 'rp', 'num_queues': 4, 'virtqueue_size': 64%s}}",
                     props[home]);
        qtest_qmp_ok(s, "{'execute': 'device_add', 'arguments': {'driver': 'scsi-hd', 'id': "
                        "'hd1', 'bus': 's1.0', 'drive': 'd0', 'scsi-id': 2, 'lun': 3}}");
        d.v = qvirtio_new(bus, 1, 0, false);
        scsi_buffers(&d);
        scsi_init(&d, 0, 4, 0, true);
        ready(&d);
        fill(&d, 32);
        qtest_qmp_ok(s, "{'execute': 'device_del', 'arguments': {'id': 's1'}}");
        qtest_qmp_ok(s, "{'execute': 'system_reset'}");
        json_object_put(qtest_qmp_event(s, "RESET"));
        qtest_qmp_drop_events(s);
        g_free(qtest_qmp_error(s, "DeviceNotFound",
                               "{'execute': 'device_del', 'arguments': {'id': 'hd1'}}"));
        qvirtio_free(d.v);
        bus->mem_next = 0xe0000000u;
        bus->io_next = 0xc000;
        qpci_bridge_setup(port, 1);
    }
    qpci_device_free(port);
    qpci_free(bus);
    qtest_quit(s);
}

/* --- resets ---------------------------------------------------------------------------------- */

static void test_reset(const void *opaque)
{
    Scsi *d = start_slow((Home)GPOINTER_TO_INT(opaque), 60);

    for (unsigned i = 0; i < 5; i++) {
        go(d, i % 2 ? QVIRTIO_F_PACKED | QVIRTIO_F_RING_RESET : QVIRTIO_F_RING_RESET);
        fill(d, 32);
        if (i == 4) { /* one queue alone */
            qvirtio_common_write(d->v, 0x16, 2, 3);
            qvirtio_common_write(d->v, 0x3a, 2, 1);
            while (qvirtio_common(d->v, 0x3a, 2)) {
                g_usleep(1000);
            }
            g_assert_false(qvirtio_status(d->v) & 0x40);
        }
        if (i == 3) {
            qtest_system_reset(d->s);
            qvirtio_probe(d->v);
            memset(d->v->q, 0, sizeof(d->v->q));
        } else {
            qvirtio_reset(d->v);
        }
        qtest_alloc_reset(d->s); /* nothing of the old rings is touched any more */
        scsi_buffers(d);
    }
    go(d, 0);
    /* stop and cont in between */
    fill(d, 16);
    qtest_qmp_ok(d->s, "{'execute': 'stop'}");
    qtest_qmp_ok(d->s, "{'execute': 'cont'}");
    for (unsigned i = 0; i < 16; i++) {
        uint32_t used;

        qvirtio_wait(&d->v->q[i % 4 + 2], &used);
    }
    for (unsigned i = 0; i < 16; i++) {
        scsi_answer(d, i + 1);
        assert_good(d, d->response, 0);
    }
    scsi_stop(d);
}

/* --- registers, hostile drivers -------------------------------------------------------------- */

static void test_config(void)
{
    Scsi *d = start(IOTHREAD, false, ",max_sectors=1000,cmd_per_lun=7", "");
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
    go(d, 0);
    qvirtio_config_write(v, 24, 4, 16);
    qvirtio_config_write(v, 20, 4, 18);
    d->cdb_size = 16;
    d->sense_size = 18;
    assert_good(d, CMD(d, 512, 0x88, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0), 0);
    check_pattern(d, 0, 5, 512);
    assert_check(d, CMD(d, 512, 0x28, 0, 0, 0, 0x20, 0, 0, 0, 1, 0), 5, 0x2100);
    qvirtio_config_write(v, 24, 4, 6); /* a command that does not fit */
    d->cdb_size = 6;
    assert_good(d, CMD(d, 512, 0x08, 0, 0, 5, 1, 0), 0);
    assert_check(d, CMD(d, 512, 0x28, 0, 0, 0, 0, 0), 5, 0x2400);
    d->cdb_size = 32;
    d->sense_size = SCSI_SENSE_SIZE;
    go(d, 0);
    g_assert_cmpuint(qvirtio_config(v, 24, 4), ==, 32);
    for (unsigned i = 0; i < 3; i++) {
        static const struct {
            unsigned at;
            uint32_t value;
        } bad[] = {{24, 0}, {24, 256}, {20, 65536}};

        go(d, 0);
        qvirtio_config_write(v, bad[i].at, 4, bad[i].value);
        qvirtio_wait_needs_reset(v);
    }
    go(d, 0);
    scsi_stop(d);
}

static void test_hostile(const void *opaque)
{
    Scsi *d = start((Home)GPOINTER_TO_INT(opaque), false, ",packed=on", "");
    const struct {
        unsigned queue;
        uint32_t out, in;
    } bad[] = {{2, 50, 108}, {2, 51, 107}, {2, 0, 108}, {2, 51, 0}, {3, 1, 1},
               {0, 3, 1},    {0, 23, 1},   {0, 24, 0},  {0, 0, 1}};

    for (unsigned packed = 0; packed < 2; packed++) {
        for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
            QVirtioBuf bufs[2];
            unsigned n = 0;

            go(d, packed ? QVIRTIO_F_PACKED : 0);
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
                         IMAGE_SIZE);
            qvirtio_wait_needs_reset(d->v);
        }
    }
    /* addresses that are none, an unknown control request */
    go(d, 0);
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
    Scsi *d = start_with((Home)GPOINTER_TO_INT(opaque), false,
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
    ready(d);
    assert_good(d, CMD(d, 512, 0x28, 0, 0, 0, 0, 9, 0, 0, 1, 0), 0);
    g_rand_free(rnd);
    scsi_stop(d);
}

/* --- the user's mistakes --------------------------------------------------------------------- */

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
        g_autofree char *args =
            g_strdup_printf("-machine q35 -nodefaults -display none -accel qtest %s", bad[i].args);
        g_autofree char *out = NULL;

        g_assert_cmpint(qtest_run(args, &out), ==, 1);
        if (!strstr(out, bad[i].want)) {
            g_error("%s: %s", bad[i].args, out);
        }
    }
}

static void add(const char *name, GTestDataFunc fn)
{
    for (unsigned h = 0; h < HOMES; h++) {
        g_autofree char *path = g_strdup_printf("/virtio-scsi/%s/%s", name, home_name[h]);

        g_test_add_data_func(path, GINT_TO_POINTER(h), fn);
    }
}

int main(int argc, char **argv)
{
    int ret;

    g_test_init(&argc, &argv, NULL);
    image = make_image();
    add("requests", test_requests);
    add("wrap", test_wrap);
    g_test_add_func("/virtio-scsi/large-ring", test_large_ring);
    g_test_add_func("/virtio-scsi/pieces", test_pieces);
    g_test_add_func("/virtio-scsi/inquiry", test_inquiry);
    g_test_add_func("/virtio-scsi/small", test_small);
    g_test_add_func("/virtio-scsi/mode", test_mode);
    add("verify", test_verify);
    add("write-same", test_write_same);
    g_test_add_func("/virtio-scsi/kinds", test_kinds);
    g_test_add_func("/virtio-scsi/errors", test_errors);
    g_test_add_func("/virtio-scsi/stop", test_stop);
    add("tmf", test_tmf);
    add("hotplug", test_hotplug);
    add("unplug-busy", test_unplug_busy);
    add("controller-unplug", test_controller_unplug);
    add("reset", test_reset);
    g_test_add_func("/virtio-scsi/config", test_config);
    add("hostile", test_hostile);
    add("random", test_random);
    g_test_add_func("/virtio-scsi/options", test_options);
    ret = g_test_run();
    unlink(image);
    g_free(image);
    return ret;
}
