/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-blk, and through it the PCI transport and both kinds of rings: registers, requests with
 * each status, interrupts, notifications by each way, resets with requests in flight, and drivers
 * that break the rules.  For each home that the device can have.
 */
#include "virtio.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define IMAGE_SIZE (4u * 1024 * 1024)
#define SECTORS (IMAGE_SIZE / 512)
#define NOT_RAM 0xe0000000u
#define DEVFN QPCI_DEVFN(4, 0)

typedef enum Home { MAIN_LOOP, IOTHREAD, IOREGIONFD, PER_QUEUE, MAPPING, HOMES } Home;
static const char *const home_name[HOMES] = {"main-loop", "iothread", "ioregionfd", "per-queue",
                                             "mapping"};
static const char *const home_args[HOMES] = {
    "",
    "-object iothread,id=iot0",
    "-object iothread,id=iot0 -object ioregionfd,id=ior0,iothread=iot0",
    "-object iothread,id=iot0 -object iothread,id=iot1 -object iothread,id=iot2 "
    "-object ioregionfd,id=ior0,iothread=iot0 -object ioregionfd,id=ior1,iothread=iot1 "
    "-object ioregionfd,id=ior2,iothread=iot2",
    "-object iothread,id=iot0 -object iothread,id=iot1",
};
static const char *const home_props[HOMES] = {
    "",
    ",iothread=iot0",
    ",ioregionfd=ior0",
    ",ioregionfd=ior0,ioregionfds=ior1:ior2",
    ",iothread-vq-mapping.0.iothread=iot0,iothread-vq-mapping.1.iothread=iot1",
};

typedef struct Blk {
    QTestState *s;
    QPCIBus *bus;
    QVirtio *v;
    uint64_t header, status, data;
} Blk;

static char *image;

static uint8_t image_byte(uint64_t i)
{
    return (uint8_t)(i / 512 * 3 + i);
}

static char *make_image(void)
{
    char *path = NULL;
    int fd = g_file_open_tmp("virtio-blk-test-XXXXXX", &path, NULL);
    g_autofree uint8_t *buf = g_malloc(IMAGE_SIZE);

    g_assert_cmpint(fd, >=, 0);
    for (uint64_t i = 0; i < IMAGE_SIZE; i++) {
        buf[i] = image_byte(i);
    }
    g_assert_cmpint(write(fd, buf, IMAGE_SIZE), ==, (ssize_t)IMAGE_SIZE);
    close(fd);
    return path;
}

static void buffers(Blk *b)
{
    b->header = qtest_alloc(b->s, 4096, 4096);
    b->status = qtest_alloc(b->s, 4096, 4096);
    b->data = qtest_alloc(b->s, 0x20000, 4096);
}

static Blk *start_with(Home home, bool legacy, const char *type, const char *drive,
                       const char *props)
{
    Blk *b = g_new0(Blk, 1);

    b->s = qtest_initf("-machine q35 -nodefaults -m 256 %s %s -device "
                       "%s,id=vd0,addr=04.0,drive=d0,num-queues=4,queue-size=64%s%s",
                       home_args[home], drive, type, home_props[home], props);
    b->bus = qpci_new(b->s);
    b->v = qvirtio_new(b->bus, 0, DEVFN, legacy);
    buffers(b);
    return b;
}

static Blk *start(Home home, bool legacy, const char *props)
{
    g_autofree char *drive =
        g_strdup_printf("-blockdev file,filename=%s,node-name=d0,locking=off", image);

    return start_with(home, legacy, "virtio-blk-pci", drive, props);
}

static void stop(Blk *b)
{
    qvirtio_free(b->v);
    qpci_free(b->bus);
    qtest_quit(b->s);
    g_free(b);
}

/* Offers a request; slot chooses header and status. */
static uint16_t push(Blk *b, unsigned qi, unsigned slot, uint32_t type, uint64_t sector,
                     uint64_t data, uint32_t len, bool write, bool indirect)
{
    struct {
        uint32_t type, prio;
        uint64_t sector;
    } h = {type, 0, sector};
    QVirtioBuf bufs[3] = {{b->header + 16 * slot, 16, false}};
    unsigned n = 1;

    qtest_memwrite(b->s, b->header + 16 * slot, &h, sizeof(h));
    qtest_writeb(b->s, b->status + slot, 0xaa);
    if (len) {
        bufs[n++] = (QVirtioBuf){data, len, write};
    }
    bufs[n++] = (QVirtioBuf){b->status + slot, 1, true};
    return qvirtio_add(&b->v->q[qi], bufs, n, indirect);
}

/* One request from start to end; its status. */
static uint8_t request(Blk *b, unsigned qi, uint32_t type, uint64_t sector, uint64_t data,
                       uint32_t len, bool write, bool indirect, uint32_t want_len)
{
    uint16_t id = push(b, qi, 0, type, sector, data, len, write, indirect);
    uint32_t used;

    qvirtio_kick(&b->v->q[qi]);
    g_assert_cmpuint(qvirtio_wait(&b->v->q[qi], &used), ==, id);
    g_assert_cmpuint(used, ==, want_len);
    return qtest_readb(b->s, b->status);
}

static uint8_t do_read(Blk *b, unsigned qi, uint64_t sector, uint64_t addr, uint32_t len)
{
    return request(b, qi, 0, sector, addr, len, true, false, len + 1);
}

static void check_pattern(Blk *b, uint64_t addr, uint64_t sector, size_t len)
{
    g_autofree uint8_t *buf = g_malloc(len);

    qtest_bufread(b->s, addr, buf, len);
    for (size_t i = 0; i < len; i++) {
        if (buf[i] != image_byte(sector * 512 + i)) {
            g_error("byte %zu of sector %lu: 0x%x", i, (unsigned long)sector, buf[i]);
        }
    }
}

/* --- requests -------------------------------------------------------------------------------- */

static void some_requests(Blk *b, unsigned qi, bool indirect)
{
    uint8_t one[512], two[512];
    char id[20];

    g_assert_cmphex(request(b, qi, 0, 7, b->data, 4096, true, indirect, 4097), ==, 0);
    check_pattern(b, b->data, 7, 4096);
    /* written, flushed, read back, and put back as it was */
    for (unsigned i = 0; i < 512; i++) {
        one[i] = (uint8_t)(i * 7 + qi);
    }
    qtest_memwrite(b->s, b->data, one, 512);
    g_assert_cmphex(request(b, qi, 1, 100 + qi, b->data, 512, false, indirect, 1), ==, 0);
    g_assert_cmphex(request(b, qi, 4, 0, 0, 0, false, indirect, 1), ==, 0);
    g_assert_cmphex(request(b, qi, 0, 100 + qi, b->data + 0x1001, 512, true, indirect, 513), ==, 0);
    qtest_memread(b->s, b->data + 0x1001, two, 512);
    g_assert_cmpmem(one, 512, two, 512);
    for (unsigned i = 0; i < 512; i++) {
        one[i] = image_byte((100 + qi) * 512 + i);
    }
    qtest_memwrite(b->s, b->data, one, 512);
    g_assert_cmphex(request(b, qi, 1, 100 + qi, b->data, 512, false, indirect, 1), ==, 0);
    /* identity */
    qtest_memset(b->s, b->data, 0xff, 64);
    g_assert_cmphex(request(b, qi, 8, 0, b->data, 20, true, indirect, 21), ==, 0);
    qtest_memread(b->s, b->data, id, 20);
    g_assert_cmpstr(id, ==, "serial-of-disk");
    /* what fails */
    g_assert_cmphex(request(b, qi, 0, SECTORS, b->data, 512, true, indirect, 1), ==, 1);
    g_assert_cmphex(request(b, qi, 0, SECTORS - 1, b->data, 1024, true, indirect, 1), ==, 1);
    g_assert_cmphex(request(b, qi, 0, UINT64_MAX, b->data, 512, true, indirect, 1), ==, 1);
    g_assert_cmphex(request(b, qi, 1, UINT64_MAX / 512, b->data, 512, false, indirect, 1), ==, 1);
    g_assert_cmphex(request(b, qi, 0, 0, b->data, 511, true, indirect, 1), ==, 1);
    g_assert_cmphex(request(b, qi, 99, 0, b->data, 512, true, indirect, 1), ==, 2);
}

static void test_requests(const void *opaque)
{
    Home home = (Home)GPOINTER_TO_INT(opaque);
    const uint64_t features[] = {0,
                                 QVIRTIO_F_INDIRECT | QVIRTIO_F_EVENT_IDX,
                                 QVIRTIO_F_PACKED | QVIRTIO_F_INDIRECT,
                                 QVIRTIO_F_PACKED | QVIRTIO_F_INDIRECT | QVIRTIO_F_EVENT_IDX,
                                 QVIRTIO_F_IN_ORDER | QVIRTIO_F_INDIRECT,
                                 QVIRTIO_F_IN_ORDER | QVIRTIO_F_PACKED};
    Blk *b = start(home, false, ",serial=serial-of-disk,packed=on,in_order=on");

    for (unsigned i = 0; i < G_N_ELEMENTS(features); i++) {
        qvirtio_start(b->v, features[i], 4, 0, false);
        some_requests(b, i % 4, false);
        if (features[i] & QVIRTIO_F_INDIRECT) {
            some_requests(b, (i + 1) % 4, true);
        }
    }
    stop(b);
    b = start(home, true, ",serial=serial-of-disk");
    qvirtio_start(b->v, QVIRTIO_F_INDIRECT, 4, 0, false);
    some_requests(b, 0, false);
    some_requests(b, 3, true);
    stop(b);
}

/* The smallest ring, around and around; and many at once. */
static void test_wrap(const void *opaque)
{
    Home home = (Home)GPOINTER_TO_INT(opaque);
    Blk *b = start(home, false, ",packed=on");

    for (unsigned packed = 0; packed < 2; packed++) {
        uint64_t f = (packed ? QVIRTIO_F_PACKED : 0) | QVIRTIO_F_EVENT_IDX | QVIRTIO_F_INDIRECT;
        uint32_t len;

        qvirtio_start(b->v, f, 2, 4, false);
        for (unsigned i = 0; i < 37; i++) {
            qtest_memset(b->s, b->data, 0, 512);
            g_assert_cmphex(request(b, i % 2, 0, i, b->data, 512, true, i % 3 == 0, 513), ==, 0);
            check_pattern(b, b->data, i, 512);
        }
        qvirtio_start(b->v, f, 4, 64, false);
        for (unsigned round = 0; round < 5; round++) {
            for (unsigned i = 0; i < 60; i++) {
                push(b, i % 4, i, 0, i * 3, b->data + 1024 * i, 1024, true, true);
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
                check_pattern(b, b->data + 1024 * i, i * 3, 1024);
            }
        }
    }
    stop(b);
}

/* Buffers in many pieces, a header in pieces, data that is not aligned. */
static void test_pieces(void)
{
    Blk *b = start(IOTHREAD, false, "");
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
            g_assert_cmphex(got[k], ==, image_byte(9 * 512 + 64 * i + k));
        }
    }
    check_pattern(b, b->data + 0x10000, 10, 512);
    g_assert_cmphex(qtest_readb(b->s, b->data + 0x10000 + 512), ==, 0);
    /* header and data in one piece, written */
    h[0] = 1;
    qtest_memwrite(b->s, b->data, h, 16);
    {
        uint8_t data[512];

        for (unsigned i = 0; i < 512; i++) {
            data[i] = image_byte(9 * 512 + i);
        }
        qtest_memwrite(b->s, b->data + 16, data, 512);
    }
    bufs[0] = (QVirtioBuf){b->data, 528, false};
    bufs[1] = (QVirtioBuf){b->status, 1, true};
    qvirtio_add(&b->v->q[0], bufs, 2, false);
    qvirtio_kick(&b->v->q[0]);
    qvirtio_wait(&b->v->q[0], &len);
    g_assert_cmphex(qtest_readb(b->s, b->status), ==, 0);
    g_assert_cmphex(do_read(b, 0, 9, b->data, 512), ==, 0);
    check_pattern(b, b->data, 9, 512);
    stop(b);
}

static void test_discard(void)
{
    Blk *b = start_with(IOTHREAD, false, "virtio-blk-pci",
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
        g_assert_cmphex(request(b, 0, type, 0, b->data, 16, false, false, 1), ==, 0);
        r.flags = 1;
        qtest_memwrite(b->s, b->data, &r, 16);
        g_assert_cmphex(request(b, 0, type, 0, b->data, 16, false, false, 1), ==, zeroes ? 0 : 2);
        r.flags = 2;
        qtest_memwrite(b->s, b->data, &r, 16);
        g_assert_cmphex(request(b, 0, type, 0, b->data, 16, false, false, 1), ==, 2);
        r.flags = 0;
        r.n = zeroes ? 101 : 0x7fffffff;
        qtest_memwrite(b->s, b->data, &r, 16);
        g_assert_cmphex(request(b, 0, type, 0, b->data, 16, false, false, 1), ==, 1);
        g_assert_cmphex(request(b, 0, type, 0, b->data, 32, false, false, 1), ==, 2);
        g_assert_cmphex(request(b, 0, type, 0, b->data, 15, false, false, 1), ==, 2);
    }
    /* not agreed on */
    qvirtio_start(b->v, 0, 1, 0, false);
    g_assert_cmphex(request(b, 0, 11, 0, b->data, 16, false, false, 1), ==, 2);
    stop(b);
}

/* --- registers ------------------------------------------------------------------------------- */

static void test_identity(void)
{
    static const struct {
        const char *type, *props;
        uint16_t id, sub;
        uint8_t rev;
        bool io, modern;
    } t[] = {
        {"virtio-blk-pci", "", 0x1001, 2, 0, true, true},
        {"virtio-blk-pci", ",disable-legacy=on", 0x1042, 0x1100, 1, false, true},
        {"virtio-blk-pci", ",disable-modern=on,disable-legacy=off", 0x1001, 2, 0, true, false},
        {"virtio-blk-pci-transitional", "", 0x1001, 2, 0, true, true},
        {"virtio-blk-pci-non-transitional", "", 0x1042, 0x1100, 1, false, true},
    };
    g_autofree char *drive =
        g_strdup_printf("-blockdev file,filename=%s,node-name=d0,locking=off", image);

    for (unsigned i = 0; i < G_N_ELEMENTS(t); i++) {
        Blk *b = start_with(MAIN_LOOP, !t[i].modern, t[i].type, drive, t[i].props);
        bool io, is64;

        g_assert_cmphex(qpci_config_readw(b->v->pci, 0), ==, 0x1af4);
        g_assert_cmphex(qpci_config_readw(b->v->pci, 2), ==, t[i].id);
        g_assert_cmphex(qpci_config_readb(b->v->pci, 8), ==, t[i].rev);
        g_assert_cmphex(qpci_config_readw(b->v->pci, 10), ==, 0x0100);
        g_assert_cmphex(qpci_config_readw(b->v->pci, 0x2c), ==, 0x1af4);
        g_assert_cmphex(qpci_config_readw(b->v->pci, 0x2e), ==, t[i].sub);
        g_assert_cmphex(qpci_config_readb(b->v->pci, 0x3d), ==, 1);
        g_assert_cmpuint(qpci_bar_size(b->v->pci, 0, &io, &is64) != 0, ==, t[i].io);
        g_assert_cmpuint(qpci_bar_size(b->v->pci, 4, &io, &is64) != 0, ==, t[i].modern);
        stop(b);
    }
}

static void test_registers(const void *opaque)
{
    Blk *b = start((Home)GPOINTER_TO_INT(opaque), false, ",packed=on,notification_data=on");
    QVirtio *v = b->v;
    uint64_t f = qvirtio_host_features(v);

    g_assert_true(f & QVIRTIO_F_VERSION_1);
    g_assert_true(f & QVIRTIO_F_PACKED);
    g_assert_true(f & QVIRTIO_F_RING_RESET);
    g_assert_true(f & QVIRTIO_F_NOTIFICATION_DATA);
    g_assert_false(f & QVIRTIO_F(24));
    qvirtio_common_write(v, 0, 4, 2);
    g_assert_cmphex(qvirtio_common(v, 4, 4), ==, 0);
    g_assert_cmpuint(qvirtio_common(v, 0x12, 2), ==, 4);
    /* queues */
    for (unsigned i = 0; i < 4; i++) {
        qvirtio_common_write(v, 0x16, 2, i);
        g_assert_cmpuint(qvirtio_common(v, 0x18, 2), ==, 64);
        g_assert_cmpuint(qvirtio_common(v, 0x1e, 2), ==, i);
        g_assert_cmpuint(qvirtio_common(v, 0x38, 2), ==, i);
        g_assert_cmpuint(qvirtio_common(v, 0x1a, 2), ==, 0xffff);
        g_assert_cmpuint(qvirtio_common(v, 0x1c, 2), ==, 0);
    }
    qvirtio_common_write(v, 0x16, 2, 4);
    g_assert_cmpuint(qvirtio_common(v, 0x18, 2), ==, 0);
    qvirtio_common_write(v, 0x1c, 2, 1);
    g_assert_cmpuint(qvirtio_common(v, 0x1c, 2), ==, 0);
    qvirtio_common_write(v, 0x16, 2, 0);
    qvirtio_common_write(v, 0x18, 2, 128); /* beyond the maximum */
    g_assert_cmpuint(qvirtio_common(v, 0x18, 2), ==, 64);
    qvirtio_common_write(v, 0x18, 2, 16);
    g_assert_cmpuint(qvirtio_common(v, 0x18, 2), ==, 16);
    qvirtio_common_write(v, 0x20, 8, 0x123456789abcdef0ull);
    g_assert_cmphex(qvirtio_common(v, 0x20, 4), ==, 0x9abcdef0);
    g_assert_cmphex(qvirtio_common(v, 0x24, 4), ==, 0x12345678);
    g_assert_cmphex(qvirtio_common(v, 0x20, 8), ==, 0x123456789abcdef0ull);
    g_assert_cmphex(qvirtio_common(v, 0x22, 2), ==, 0x9abc);
    /* vectors: there are 5 */
    qvirtio_common_write(v, 0x1a, 2, 4);
    g_assert_cmphex(qvirtio_common(v, 0x1a, 2), ==, 4);
    qvirtio_common_write(v, 0x1a, 2, 5);
    g_assert_cmphex(qvirtio_common(v, 0x1a, 2), ==, 0xffff);
    /* status: bits stay until the reset; features that are not offered are refused */
    qvirtio_reset(v);
    g_assert_cmpuint(qvirtio_common(v, 0x18, 2), ==, 64);
    g_assert_cmphex(qvirtio_common(v, 0x20, 8), ==, 0);
    qvirtio_set_status(v, 1);
    qvirtio_set_status(v, 2);
    g_assert_cmphex(qvirtio_status(v), ==, 3);
    qvirtio_common_write(v, 8, 4, 1);
    qvirtio_common_write(v, 12, 4, 1 | 1u << 31);
    qvirtio_set_status(v, 0xb);
    g_assert_cmphex(qvirtio_status(v), ==, 3);
    qvirtio_common_write(v, 12, 4, 0); /* without VERSION_1 */
    qvirtio_set_status(v, 0xb);
    g_assert_cmphex(qvirtio_status(v), ==, 3);
    qvirtio_set_status(v, 7); /* DRIVER_OK without FEATURES_OK */
    g_assert_cmphex(qvirtio_status(v), ==, 3);
    qvirtio_common_write(v, 12, 4, 1);
    qvirtio_set_status(v, 0xb);
    g_assert_cmphex(qvirtio_status(v), ==, 0xb);
    qvirtio_common_write(v, 12, 4, 0x55); /* too late */
    /* configuration */
    g_assert_cmpuint(qvirtio_config(v, 0, 8), ==, SECTORS);
    g_assert_cmpuint(qvirtio_config(v, 0, 4), ==, SECTORS);
    g_assert_cmpuint(qvirtio_config(v, 12, 4), ==, 62);
    g_assert_cmpuint(qvirtio_config(v, 20, 4), ==, 512);
    g_assert_cmpuint(qvirtio_config(v, 34, 2), ==, 4);
    g_assert_cmpuint(qvirtio_config(v, 60, 4), ==, 0);
    qvirtio_config_write(v, 0, 4, 1); /* read-only */
    g_assert_cmpuint(qvirtio_config(v, 0, 8), ==, SECTORS);
    /* the same through configuration space */
    g_assert_cmphex(qvirtio_cfg_access(v, v->common + 0x14, 1, false, 0), ==, 0xb);
    g_assert_cmphex(qvirtio_cfg_access(v, v->common + 0x12, 2, false, 0), ==, 4);
    g_assert_cmphex(qvirtio_cfg_access(v, v->device, 4, false, 0), ==, SECTORS);
    qvirtio_cfg_access(v, v->common + 0x16, 2, true, 3);
    g_assert_cmphex(qvirtio_common(v, 0x16, 2), ==, 3);
    g_assert_cmphex(qvirtio_cfg_access(v, v->common + 0x16, 2, false, 0), ==, 3);
    g_assert_cmphex(qvirtio_cfg_access(v, 0xffff0000, 4, false, 0), ==, 0);
    qvirtio_cfg_access(v, 0xffff0000, 4, true, 1);
    qvirtio_cfg_access(v, v->notify, 4, true, 0);
    stop(b);
}

static void test_writeback(void)
{
    Blk *b = start(IOTHREAD, false, "");

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
    stop(b);
}

/* --- interrupts ------------------------------------------------------------------------------ */

static void test_msix(const void *opaque)
{
    Blk *b = start((Home)GPOINTER_TO_INT(opaque), false, ",packed=on");
    const uint64_t features[] = {0, QVIRTIO_F_EVENT_IDX, QVIRTIO_F_PACKED,
                                 QVIRTIO_F_PACKED | QVIRTIO_F_EVENT_IDX};
    QVirtio *v = b->v;

    for (unsigned i = 0; i < G_N_ELEMENTS(features); i++) {
        qvirtio_start(v, features[i], 4, 0, true);
        for (unsigned q = 0; q < 4; q++) {
            qvirtio_want_interrupt(&v->q[q], true);
            g_assert_cmphex(do_read(b, q, q, b->data, 512), ==, 0);
            qpci_msix_wait(v->pci, q + 1);
            g_assert_false(qpci_msix_take(v->pci, (q + 1) % 4 + 1));
            /* unwanted */
            qvirtio_want_interrupt(&v->q[q], false);
            g_assert_cmphex(do_read(b, q, q, b->data, 512), ==, 0);
            g_assert_cmphex(do_read(b, q, q, b->data, 512), ==, 0);
            g_assert_false(qpci_msix_take(v->pci, q + 1));
            /* masked, then not */
            qvirtio_want_interrupt(&v->q[q], true);
            qpci_msix_mask(v->pci, q + 1, true);
            g_assert_cmphex(do_read(b, q, q, b->data, 512), ==, 0);
            while (!qpci_msix_pending(v->pci, q + 1)) {
                g_usleep(100);
            }
            g_assert_false(qpci_msix_take(v->pci, q + 1));
            qpci_msix_mask(v->pci, q + 1, false);
            qpci_msix_wait(v->pci, q + 1);
        }
    }
    stop(b);
}

static void test_intx(const void *opaque)
{
    for (unsigned legacy = 0; legacy < 2; legacy++) {
        Blk *b = start((Home)GPOINTER_TO_INT(opaque), legacy, "");
        unsigned gsi;

        qtest_irq_intercept_in(b->s, "ioapic");
        qvirtio_start(b->v, 0, 4, 0, false);
        /* Which line it is: the one that rises. */
        g_assert_cmphex(do_read(b, 1, 0, b->data, 512), ==, 0);
        for (gsi = 16; gsi < 24 && !qtest_get_irq(b->s, gsi); gsi++) {
        }
        g_assert_cmpuint(gsi, <, 24);
        g_assert_cmphex(qvirtio_isr(b->v), ==, 1);
        g_assert_false(qtest_get_irq(b->s, gsi));
        g_assert_cmphex(qvirtio_isr(b->v), ==, 0);
        g_assert_cmphex(do_read(b, 3, 0, b->data, 512), ==, 0);
        g_assert_true(qtest_get_irq(b->s, gsi));
        qpci_config_writew(b->v->pci, 4, 0x407); /* INTx disabled */
        g_assert_false(qtest_get_irq(b->s, gsi));
        qpci_config_writew(b->v->pci, 4, 7);
        g_assert_true(qtest_get_irq(b->s, gsi));
        qvirtio_reset(b->v);
        g_assert_false(qtest_get_irq(b->s, gsi));
        stop(b);
    }
}

static void test_resize(const void *opaque)
{
    g_autofree char *copy = make_image();
    g_autofree char *drive =
        g_strdup_printf("-blockdev file,filename=%s,node-name=d0,locking=off", copy);
    Blk *b = start_with((Home)GPOINTER_TO_INT(opaque), false, "virtio-blk-pci", drive, "");
    uint8_t gen;

    qvirtio_start(b->v, 0, 1, 0, true);
    gen = (uint8_t)qvirtio_common(b->v, 0x15, 1);
    qtest_qmp_ok(b->s, "{'execute': 'block_resize', 'arguments': {'node-name': 'd0', 'size': %u}}",
                 2 * IMAGE_SIZE);
    qpci_msix_wait(b->v->pci, 0);
    g_assert_cmpuint(qvirtio_common(b->v, 0x15, 1), !=, gen);
    g_assert_cmpuint(qvirtio_config(b->v, 0, 8), ==, 2 * SECTORS);
    g_assert_cmphex(do_read(b, 0, 2 * SECTORS - 1, b->data, 512), ==, 0);
    stop(b);
    unlink(copy);
}

/* --- notifications --------------------------------------------------------------------------- */

static void test_notify(const void *opaque)
{
    static const char *const modes[] = {"ioeventfd", "ioregionfd", "exit", "auto",
                                        "exit:ioeventfd:ioregionfd"};
    Home home = (Home)GPOINTER_TO_INT(opaque);

    for (unsigned m = 0; m < G_N_ELEMENTS(modes); m++) {
        g_autofree char *props = g_strdup_printf(",notify=%s,notification_data=on,page-per-vq=%s",
                                                 modes[m], m % 2 ? "on" : "off");
        Blk *b = start(home, false, props);

        for (unsigned data = 0; data < 2; data++) {
            qvirtio_start(b->v, data ? QVIRTIO_F_NOTIFICATION_DATA : 0, 4, 0, false);
            for (unsigned i = 0; i < 12; i++) {
                g_assert_cmphex(do_read(b, i % 4, i, b->data, 512), ==, 0);
                check_pattern(b, b->data, i, 512);
            }
            /* changed while requests are on their way */
            for (unsigned i = 0; i < 15; i++) {
                uint32_t len;

                push(b, i % 4, 0, 0, i, b->data, 512, true, false);
                qvirtio_kick(&b->v->q[i % 4]);
                qtest_qmp_ok(b->s,
                             "{'execute': 'qom-set', 'arguments': {'path': '/machine/peripheral/"
                             "vd0', 'property': 'notify', 'value': '%s'}}",
                             modes[i % G_N_ELEMENTS(modes)]);
                qvirtio_wait(&b->v->q[i % 4], &len);
                g_assert_cmphex(qtest_readb(b->s, b->status), ==, 0);
                g_assert_cmphex(do_read(b, (i + 1) % 4, i, b->data, 512), ==, 0);
            }
        }
        if (m == 0) {
            g_autofree char *desc = qtest_qmp_error(
                b->s, "GenericError",
                "{'execute': 'qom-set', 'arguments': {'path': '/machine/peripheral/vd0', "
                "'property': 'notify', 'value': 'pigeon'}}");

            g_assert_nonnull(strstr(desc, "pigeon"));
        }
        /* nonsense in the value: the ring says what there is */
        push(b, 0, 0, 0, 5, b->data, 512, true, false);
        qpci_io_write(b->v->bar, b->v->q[0].notify, 4, 0xffff0000u);
        qpci_io_write(b->v->bar, b->v->q[0].notify, 4, 0x7fff0000u);
        uint32_t len;
        qvirtio_wait(&b->v->q[0], &len);
        g_assert_cmphex(qvirtio_status(b->v), ==, 0xf);
        stop(b);
    }
}

/* --- reset ----------------------------------------------------------------------------------- */

static Blk *start_slow(Home home, bool legacy, unsigned ms)
{
    g_autofree char *drive = g_strdup_printf(
        "-blockdev null-co,size=4M,read-zeroes=on,latency-ns=%u000000,node-name=d0", ms);

    return start_with(home, legacy, "virtio-blk-pci", drive, ",packed=on");
}

static void fill_queues(Blk *b)
{
    for (unsigned i = 0; i < 40; i++) {
        push(b, i % 4, i, 0, i, b->data + 512 * i, 512, true, false);
    }
    for (unsigned q = 0; q < 4; q++) {
        qvirtio_kick(&b->v->q[q]);
    }
}

static void test_reset_in_flight(const void *opaque)
{
    Home home = (Home)GPOINTER_TO_INT(opaque);

    for (unsigned legacy = 0; legacy < 2; legacy++) {
        Blk *b = start_slow(home, legacy, 100);

        for (unsigned i = 0; i < 4; i++) {
            uint64_t f = !legacy && i % 2 ? QVIRTIO_F_PACKED : 0;

            qvirtio_start(b->v, f, 4, 0, i > 1);
            fill_queues(b);
            if (i == 3) {
                qtest_system_reset(b->s);
                qvirtio_probe(b->v);
                memset(b->v->q, 0, sizeof(b->v->q));
                g_assert_cmphex(qvirtio_status(b->v), ==, 0);
            } else {
                qvirtio_reset(b->v);
            }
            /* nothing of the old rings is touched any more */
            qtest_alloc_reset(b->s);
            buffers(b);
            qvirtio_start(b->v, f, 4, 0, false);
            g_assert_cmphex(do_read(b, i, 0, b->data, 512), ==, 0);
            if (legacy) {
                /* the page number 0 lets go of a ring */
                qpci_io_write(b->v->io, 14, 2, 1);
                push(b, 1, 0, 0, 0, b->data, 512, true, false);
                qvirtio_kick(&b->v->q[1]);
                qpci_io_write(b->v->io, 8, 4, 0);
                g_assert_cmphex(qpci_io_read(b->v->io, 8, 4), ==, 0);
                qvirtio_queue_init(b->v, 1, 0);
                qvirtio_queue_enable(b->v, 1);
                g_assert_cmphex(do_read(b, 1, 0, b->data, 512), ==, 0);
            }
        }
        stop(b);
    }
}

static void test_queue_reset(const void *opaque)
{
    Blk *b = start_slow((Home)GPOINTER_TO_INT(opaque), false, 50);
    QVirtio *v = b->v;

    for (unsigned round = 0; round < 4; round++) {
        uint32_t len;

        qvirtio_start(v, QVIRTIO_F_RING_RESET | (round % 2 ? QVIRTIO_F_PACKED : 0), 4, 0, false);
        push(b, 2, 2, 0, 0, b->data + 0x4000, 512, true, false);
        qvirtio_kick(&v->q[2]);
        push(b, 1, 1, 0, 0, b->data, 512, true, false);
        qvirtio_kick(&v->q[1]);
        qvirtio_common_write(v, 0x16, 2, 1);
        qvirtio_common_write(v, 0x3a, 2, 1);
        while (qvirtio_common(v, 0x3a, 2)) {
            g_usleep(100);
        }
        g_assert_cmpuint(qvirtio_common(v, 0x1c, 2), ==, 0);
        /* the others go on; this one comes back with another size */
        qvirtio_wait(&v->q[2], &len);
        g_assert_cmphex(qtest_readb(b->s, b->status + 2), ==, 0);
        qvirtio_queue_init(v, 1, 8);
        qvirtio_queue_enable(v, 1);
        g_assert_cmphex(do_read(b, 1, 0, b->data, 512), ==, 0);
        /* one that was never enabled */
        qvirtio_reset(v);
        qvirtio_negotiate(v, QVIRTIO_F_RING_RESET);
        qvirtio_common_write(v, 0x16, 2, 0);
        qvirtio_common_write(v, 0x3a, 2, 1);
        g_assert_cmpuint(qvirtio_common(v, 0x3a, 2), ==, 0);
    }
    /* not agreed on: nothing happens */
    qvirtio_start(v, 0, 4, 0, false);
    qvirtio_common_write(v, 0x16, 2, 0);
    qvirtio_common_write(v, 0x3a, 2, 1);
    g_assert_cmpuint(qvirtio_common(v, 0x1c, 2), ==, 1);
    stop(b);
}

static void test_bus_master(const void *opaque)
{
    Blk *b = start((Home)GPOINTER_TO_INT(opaque), false, "");
    uint32_t len;

    qvirtio_start(b->v, 0, 4, 0, false);
    g_assert_cmphex(do_read(b, 0, 0, b->data, 512), ==, 0);
    qpci_config_writew(b->v->pci, 4, 3);
    for (unsigned q = 0; q < 4; q++) {
        push(b, q, q, 0, q, b->data + 512 * q, 512, true, false);
        qvirtio_kick(&b->v->q[q]);
    }
    g_usleep(20000);
    for (unsigned q = 0; q < 4; q++) {
        g_assert_false(qvirtio_ready(&b->v->q[q]));
    }
    g_assert_cmphex(qvirtio_status(b->v), ==, 0xf);
    qpci_config_writew(b->v->pci, 4, 7);
    for (unsigned q = 0; q < 4; q++) {
        qvirtio_wait(&b->v->q[q], &len);
        check_pattern(b, b->data + 512 * q, q, 512);
    }
    stop(b);
}

static void expect_deleted(QTestState *s, const char *path, const char *id)
{
    json_object *event = qtest_qmp_event(s, "DEVICE_DELETED"), *data, *v = NULL;

    g_assert_true(json_object_object_get_ex(event, "data", &data));
    g_assert_true(json_object_object_get_ex(data, "path", &v));
    g_assert_cmpstr(json_object_get_string(v), ==, path);
    g_assert_cmpint(json_object_object_get_ex(data, "device", &v), ==, id != NULL);
    json_object_put(event);
}

static void test_unplug(const void *opaque)
{
    Home home = (Home)GPOINTER_TO_INT(opaque);
    QTestState *s = qtest_initf("-machine q35 -nodefaults -m 256 %s -device "
                                "pcie-root-port,id=rp,addr=6,chassis=1 -blockdev "
                                "null-co,size=4M,read-zeroes=on,latency-ns=50000000,node-name=d0",
                                home_args[home]);
    QPCIBus *bus = qpci_new(s);
    QPCIDevice *port = qpci_device_at(bus, 0, QPCI_DEVFN(6, 0));
    static const char mapped[] = ", 'iothread-vq-mapping': [{'iothread': 'iot0', 'vqs': [0, 2]}, "
                                 "{'iothread': 'iot1', 'vqs': [1, 3]}]";
    const char *props[HOMES] = {"", ", 'iothread': 'iot0'", ", 'ioregionfd': 'ior0'",
                                ", 'ioregionfd': 'ior0', 'ioregionfds': ['ior1', 'ior2']", mapped};

    qpci_bridge_setup(port, 1);
    for (unsigned i = 0; i < 3; i++) {
        Blk b = {.s = s, .bus = bus};

        qtest_qmp_ok(s,
                     "{'execute': 'device_add', 'arguments': {'driver': 'virtio-blk-pci', 'id': "
                     "'vd0', 'bus': 'rp', 'drive': 'd0', 'num-queues': 4, 'queue-size': 64%s}}",
                     props[home]);
        b.v = qvirtio_new(bus, 1, 0, false);
        /* behind a port it is a modern device, which can be reset alone */
        g_assert_cmphex(qpci_config_readw(b.v->pci, 2), ==, 0x1042);
        buffers(&b);
        qvirtio_start(b.v, 0, 4, 0, true);
        g_assert_cmphex(do_read(&b, 3, 0, b.data, 512), ==, 0);
        {
            uint8_t exp = qpci_find_capability(b.v->pci, 0x10, 0);

            g_assert_cmpuint(exp, !=, 0);
            fill_queues(&b);
            qpci_config_writew(b.v->pci, exp + 8,
                               (uint16_t)(qpci_config_readw(b.v->pci, exp + 8) | 0x8000));
            g_assert_cmphex(qpci_config_readw(b.v->pci, 4) & 7, ==, 0);
            qvirtio_probe(b.v);
            g_assert_cmphex(qvirtio_status(b.v), ==, 0);
            qvirtio_start(b.v, 0, 4, 0, false);
        }
        fill_queues(&b);
        qtest_qmp_ok(s, "{'execute': 'device_del', 'arguments': {'id': 'vd0'}}");
        /* the guest does not answer: the reset ends the unplug */
        qtest_qmp_ok(s, "{'execute': 'system_reset'}");
        expect_deleted(s, "/machine/peripheral/vd0/virtio-backend", NULL);
        expect_deleted(s, "/machine/peripheral/vd0", "vd0");
        json_object_put(qtest_qmp_event(s, "RESET"));
        qvirtio_free(b.v);
        bus->mem_next = 0xe0000000u;
        bus->io_next = 0xc000;
        qpci_bridge_setup(port, 1);
    }
    qpci_device_free(port);
    qpci_free(bus);
    qtest_quit(s);
}

/* --- drivers that break the rules ------------------------------------------------------------ */

static void expect_broken(Blk *b, unsigned q)
{
    qvirtio_kick(&b->v->q[q]);
    qvirtio_wait_needs_reset(b->v);
}

/* The status is there for all to see before the interrupt. */
static void wait_config_interrupt(Blk *b)
{
    int64_t end = g_get_monotonic_time() + 10 * G_TIME_SPAN_SECOND;

    while (!(qvirtio_isr(b->v) & 2)) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(1000);
    }
}

static void put_desc(Blk *b, uint64_t table, unsigned i, uint64_t addr, uint32_t len,
                     uint16_t flags, uint16_t next)
{
    qtest_writeq(b->s, table + 16 * i, addr);
    qtest_writel(b->s, table + 16 * i + 8, len);
    qtest_writew(b->s, table + 16 * i + 12, flags);
    qtest_writew(b->s, table + 16 * i + 14, next);
}

static void offer(Blk *b, uint16_t head)
{
    QVirtQueue *q = &b->v->q[0];

    qtest_writew(b->s, q->driver + 4 + 2 * (q->avail % q->num), head);
    qtest_writew(b->s, q->driver + 2, ++q->avail);
}

/* Each case starts with a working device and must end with NEEDS_RESET. */
static void hostile_split(Blk *b, unsigned i)
{
    QVirtQueue *q = &b->v->q[0];
    uint64_t d = q->desc, t = q->tables;

    switch (i) {
    case 0: /* index far ahead */
        qtest_writew(b->s, q->driver + 2, (uint16_t)(q->avail + 65));
        break;
    case 1: /* a head that does not exist */
        offer(b, 64);
        break;
    case 2: /* a loop of descriptors */
        put_desc(b, d, 0, b->header, 16, 1, 1);
        put_desc(b, d, 1, b->data, 512, 3, 0);
        offer(b, 0);
        break;
    case 3: /* next is outside */
        put_desc(b, d, 0, b->header, 16, 1, 64);
        offer(b, 0);
        break;
    case 4: /* not RAM */
        put_desc(b, d, 0, NOT_RAM, 16, 0, 0);
        offer(b, 0);
        break;
    case 5: /* the device itself */
        put_desc(b, d, 0, b->header, 16, 1, 1);
        put_desc(b, d, 1, b->v->bar->addr, 512, 2, 0);
        offer(b, 0);
        break;
    case 6: /* the end of all addresses */
        put_desc(b, d, 0, UINT64_MAX - 7, 16, 0, 0);
        offer(b, 0);
        break;
    case 7: /* readable after writable */
        put_desc(b, d, 0, b->data, 512, 3, 1);
        put_desc(b, d, 1, b->header, 16, 0, 0);
        offer(b, 0);
        break;
    case 8: /* a table in a table */
        put_desc(b, d, 0, t, 32, 4, 0);
        put_desc(b, t, 0, t, 16, 4, 0);
        offer(b, 0);
        break;
    case 9: /* a table of a size that is none */
        put_desc(b, d, 0, t, 17, 4, 0);
        offer(b, 0);
        break;
    case 10: /* an empty table */
        put_desc(b, d, 0, t, 0, 4, 0);
        offer(b, 0);
        break;
    case 11: /* a table that is not RAM */
        put_desc(b, d, 0, NOT_RAM, 32, 4, 0);
        offer(b, 0);
        break;
    case 12: /* a loop in a table */
        put_desc(b, d, 0, t, 32, 4, 0);
        put_desc(b, t, 0, b->header, 16, 1, 1);
        put_desc(b, t, 1, b->data, 1, 1, 0);
        offer(b, 0);
        break;
    case 13: /* next and indirect */
        put_desc(b, d, 0, t, 16, 5, 0);
        offer(b, 0);
        break;
    case 14: /* no header */
        put_desc(b, d, 0, b->header, 8, 1, 1);
        put_desc(b, d, 1, b->status, 1, 2, 0);
        offer(b, 0);
        break;
    case 15: /* no status */
        put_desc(b, d, 0, b->header, 16, 0, 0);
        offer(b, 0);
        break;
    case 16: /* longer than 4 GiB */
        put_desc(b, d, 0, 0, 0x0fffffff, 1, 1);
        put_desc(b, d, 1, 0, 0x0fffffff, 1, 0);
        offer(b, 0);
        break;
    default:
        g_assert_not_reached();
    }
}
#define HOSTILE_SPLIT 17

static void hostile_packed(Blk *b, unsigned i)
{
    QVirtQueue *q = &b->v->q[0];
    uint64_t d = q->desc, t = q->tables;

    switch (i) {
    case 0: /* a chain through the whole ring */
        for (unsigned k = 0; k < q->num; k++) {
            put_desc(b, d, k, b->header, 1, 0, 0x81);
        }
        break;
    case 1: /* not RAM */
        put_desc(b, d, 0, NOT_RAM, 16, 0, 0x80);
        break;
    case 2: /* a table in a table */
        put_desc(b, t, 0, t, 16, 0, 4);
        put_desc(b, d, 0, t, 16, 0, 0x84);
        break;
    case 3: /* a table of no size */
        put_desc(b, d, 0, t, 0, 0, 0x84);
        break;
    case 4: /* a table behind a descriptor */
        put_desc(b, d, 1, t, 16, 0, 0x84);
        put_desc(b, d, 0, b->header, 16, 0, 0x81);
        break;
    case 5: /* readable after writable */
        put_desc(b, d, 1, b->header, 16, 0, 0x80);
        put_desc(b, d, 0, b->data, 16, 0, 0x83);
        break;
    case 6: /* no status */
        put_desc(b, d, 0, b->header, 16, 0, 0x80);
        break;
    default:
        g_assert_not_reached();
    }
}
#define HOSTILE_PACKED 7

static void test_hostile(const void *opaque)
{
    Blk *b = start((Home)GPOINTER_TO_INT(opaque), false, ",packed=on");

    for (unsigned i = 0; i < HOSTILE_SPLIT + HOSTILE_PACKED; i++) {
        bool packed = i >= HOSTILE_SPLIT;

        qtest_alloc_reset(b->s);
        buffers(b);
        qvirtio_start(b->v, QVIRTIO_F_INDIRECT | (packed ? QVIRTIO_F_PACKED : 0), 4, 0, false);
        if (packed) {
            hostile_packed(b, i - HOSTILE_SPLIT);
        } else {
            hostile_split(b, i);
        }
        expect_broken(b, 0);
        wait_config_interrupt(b); /* told as a change of configuration */
        /* the other queues go on; after a reset so does this one */
        g_assert_cmphex(do_read(b, 1, 0, b->data, 512), ==, 0);
        qtest_alloc_reset(b->s);
        buffers(b);
        qvirtio_start(b->v, packed ? QVIRTIO_F_PACKED : 0, 4, 0, false);
        g_assert_cmphex(do_read(b, 0, 3, b->data, 512), ==, 0);
        check_pattern(b, b->data, 3, 512);
    }
    /* rings that cannot be */
    for (unsigned i = 0; i < 4; i++) {
        qvirtio_negotiate(b->v, 0);
        qvirtio_queue_init(b->v, 0, i == 3 ? 48 : 64);
        switch (i) {
        case 0:
            b->v->q[0].desc = NOT_RAM;
            break;
        case 1:
            b->v->q[0].device += 2;
            break;
        case 2:
            b->v->q[0].driver = UINT64_MAX - 15;
            break;
        }
        qvirtio_queue_enable(b->v, 0);
        qvirtio_set_status(b->v, 0xf);
        qvirtio_wait_needs_reset(b->v);
    }
    stop(b);
}

/* --- what is told of it ---------------------------------------------------------------------- */

static int64_t number(json_object *o, const char *name)
{
    json_object *v;

    g_assert_true(json_object_object_get_ex(o, name, &v));
    return json_object_get_int64(v);
}

static void test_query(const void *opaque)
{
    Blk *b = start((Home)GPOINTER_TO_INT(opaque), false, ",packed=on");
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
        g_assert_cmphex(do_read(b, 2, i, b->data, 512), ==, 0);
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
    stop(b);
}

/* --- command line ---------------------------------------------------------------------------- */

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

static void add_for_homes(const char *name, void (*fn)(const void *))
{
    for (int home = 0; home < HOMES; home++) {
        g_autofree char *path = g_strdup_printf("/virtio-blk/%s/%s", name, home_name[home]);

        g_test_add_data_func(path, GINT_TO_POINTER(home), fn);
    }
}

int main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    image = make_image();
    add_for_homes("requests", test_requests);
    add_for_homes("wrap", test_wrap);
    g_test_add_func("/virtio-blk/pieces", test_pieces);
    g_test_add_func("/virtio-blk/discard", test_discard);
    g_test_add_func("/virtio-blk/identity", test_identity);
    add_for_homes("registers", test_registers);
    g_test_add_func("/virtio-blk/writeback", test_writeback);
    add_for_homes("msix", test_msix);
    add_for_homes("intx", test_intx);
    add_for_homes("resize", test_resize);
    add_for_homes("notify", test_notify);
    add_for_homes("reset-in-flight", test_reset_in_flight);
    add_for_homes("queue-reset", test_queue_reset);
    add_for_homes("bus-master", test_bus_master);
    add_for_homes("unplug", test_unplug);
    add_for_homes("hostile", test_hostile);
    add_for_homes("query", test_query);
    g_test_add_func("/virtio-blk/bad-options", test_bad_options);
    status = g_test_run();
    unlink(image);
    g_free(image);
    return status;
}
