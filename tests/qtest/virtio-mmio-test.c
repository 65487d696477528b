/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The MMIO transport (virtio 1.2, section 4.2): each register's rule in both versions, disks behind
 * it wherever their home is, reset, and a driver that breaks the rules.
 */
#include "pattern.h"
#include "virtio-machine.h"

#include <string.h>
#include <unistd.h>

#define BASE UINT64_C(0xfeb00000)
#define PLACES 8
#define IMAGE_SIZE (1u << 20)
#define IRQ_BASE 16 /* with ACPI */

enum { MAGIC = 0x00, VERSION = 0x04, DEVICE_ID = 0x08, VENDOR_ID = 0x0c };
enum { DEV_FEATURES = 0x10, DEV_FEATURES_SEL = 0x14, DRV_FEATURES = 0x20, DRV_FEATURES_SEL = 0x24 };
enum { PAGE_SIZE_REG = 0x28, QUEUE_ALIGN = 0x3c, QUEUE_PFN = 0x40 };
enum { QUEUE_SEL = 0x30, QUEUE_NUM_MAX = 0x34, QUEUE_NUM = 0x38, QUEUE_READY = 0x44 };
enum { QUEUE_NOTIFY = 0x50, INT_STATUS = 0x60, INT_ACK = 0x64, STATUS = 0x70 };
enum { DESC_LOW = 0x80, DRIVER_LOW = 0x90, DEVICE_LOW = 0xa0, SHM_SEL = 0xac, SHM_LEN = 0xb0 };
enum { SHM_BASE = 0xb8, QUEUE_RESET = 0xc0, CONFIG_GEN = 0xfc, CONFIG = 0x100 };
enum { S_ACK = 1, S_DRIVER = 2, S_DRIVER_OK = 4, S_FEATURES_OK = 8, S_NEEDS_RESET = 0x40 };

static char *image;

typedef struct Blk {
    QTestState *s;
    QVirtio *v;
    uint64_t header, status, data;
} Blk;

/* automatic: what notify=auto means; carried: ioregionfd brings notifications to another thread. */
static const struct {
    const char *name, *args, *props, *automatic;
    bool carried;
} homes[] = {
    {"main", "", "", "ioeventfd", false},
    {"iothread", "-object iothread,id=iot0", ",iothread=iot0", "ioeventfd", true},
    {"ioregionfd", "-object iothread,id=iot0 -object ioregionfd,id=ior0,iothread=iot0",
     ",ioregionfd=ior0", "ioregionfd", true},
    {"queues", "-object iothread,id=iot0 -object ioregionfd,id=ior0,iothread=iot0",
     ",ioregionfds=ior0", "ioregionfd", true},
    {"apart",
     "-object iothread,id=iot0 -object ioregionfd,id=ior0,iothread=iot0 "
     "-object iothread,id=iot1 -object ioregionfd,id=ior1,iothread=iot1",
     ",ioregionfd=ior0,ioregionfds=ior1", "ioregionfd", true},
    {"mapping", "-object iothread,id=iot0 -object iothread,id=iot1",
     ",iothread-vq-mapping.0.iothread=iot0,iothread-vq-mapping.1.iothread=iot1", "ioeventfd",
     false},
};

static Blk *start(unsigned home, bool legacy, const char *more)
{
    Blk *b = g_new0(Blk, 1);

    b->s = qtest_initf("-machine microvm -nodefaults -m 128 -global virtio-mmio.force-legacy=%s %s "
                       "-blockdev file,filename=%s,node-name=d0,locking=off "
                       "-device virtio-blk-device,id=vd0,drive=d0,num-queues=4,queue-size=64%s%s",
                       legacy ? "on" : "off", homes[home].args, image, homes[home].props, more);
    b->v = qvirtio_new_mmio(b->s, BASE);
    b->header = qtest_alloc(b->s, 4096, 4096);
    b->status = qtest_alloc(b->s, 4096, 4096);
    b->data = qtest_alloc(b->s, 0x10000, 4096);
    return b;
}

static void stop(Blk *b)
{
    qvirtio_free(b->v);
    qtest_quit(b->s);
    g_free(b);
}

static uint32_t rd(Blk *b, uint64_t reg)
{
    return qvirtio_mmio(b->v, reg);
}

static void wr(Blk *b, uint64_t reg, uint32_t val)
{
    qvirtio_mmio_write(b->v, reg, val);
}

static void push(Blk *b, unsigned queue, uint32_t type, uint64_t sector, uint32_t len)
{
    struct {
        uint32_t type, prio;
        uint64_t sector;
    } h = {type, 0, sector};
    QVirtioBuf bufs[3] = {{b->header, 16, false}, {b->data, len, type == 0}, {b->status, 1, true}};

    qtest_memwrite(b->s, b->header, &h, sizeof(h));
    qtest_writeb(b->s, b->status, 0xaa);
    qvirtio_add(&b->v->q[queue], bufs, 3, false);
    qvirtio_kick(&b->v->q[queue]);
}

static void transfer(Blk *b, unsigned queue, uint32_t type, uint64_t sector, uint32_t len)
{
    uint32_t used;

    push(b, queue, type, sector, len);
    qvirtio_wait(&b->v->q[queue], &used);
    g_assert_cmpuint(qtest_readb(b->s, b->status), ==, 0);
}

static void read_and_check(Blk *b, unsigned queue, uint64_t sector, uint32_t len)
{
    qtest_memset(b->s, b->data, 0x5a, len);
    transfer(b, queue, 0, sector, len);
    qpattern_check(b->s, b->data, sector * 512, len);
}

/* --- registers ------------------------------------------------------------------------------- */

/* 4.2.2: what each place says, and an empty one is a placeholder (4.2.3.1.1). */
static void test_identity(void)
{
    for (unsigned legacy = 0; legacy < 2; legacy++) {
        Blk *b = start(0, legacy, "");

        for (unsigned n = 0; n < PLACES; n++) {
            uint64_t at = BASE + 0x200 * n;

            g_assert_cmphex(qtest_readl(b->s, at + MAGIC), ==, 0x74726976);
            g_assert_cmphex(qtest_readl(b->s, at + VERSION), ==, legacy ? 1 : 2);
            g_assert_cmphex(qtest_readl(b->s, at + DEVICE_ID), ==, n ? 0 : 2);
            g_assert_cmphex(qtest_readl(b->s, at + VENDOR_ID), ==, 0x554d4551);
            if (n) {
                for (uint64_t reg = DEV_FEATURES; reg < 0x200; reg += 4) {
                    qtest_writel(b->s, at + reg, UINT32_MAX);
                    g_assert_cmphex(qtest_readl(b->s, at + reg), ==, 0);
                }
            }
        }
        /* Behind the last one is nothing. */
        g_assert_cmphex(qtest_readl(b->s, BASE + 0x200 * PLACES), !=, 0x74726976);
        /* Read-only. */
        for (uint64_t reg = MAGIC; reg <= VENDOR_ID; reg += 4) {
            uint32_t was = rd(b, reg);

            wr(b, reg, ~was);
            g_assert_cmphex(rd(b, reg), ==, was);
        }
        stop(b);
    }
}

/* DeviceFeatures: 32 bits of them, chosen by DeviceFeaturesSel; DriverFeatures alike, and
 * FEATURES_OK stays only when the choice is sound. */
static void test_features(void)
{
    Blk *b = start(0, false, "");
    uint64_t f = qvirtio_host_features(b->v);

    g_assert_true(f & QVIRTIO_F_VERSION_1);
    g_assert_false(f & (QVIRTIO_F(24) | QVIRTIO_F(27))); /* the legacy interface's own */
    wr(b, DEV_FEATURES_SEL, 2);
    g_assert_cmphex(rd(b, DEV_FEATURES), ==, 0);
    wr(b, DEV_FEATURES_SEL, UINT32_MAX);
    g_assert_cmphex(rd(b, DEV_FEATURES), ==, 0);
    g_assert_cmphex(rd(b, DRV_FEATURES), ==, 0); /* written only */
    g_assert_cmphex(rd(b, DEV_FEATURES_SEL), ==, 0);

    /* Without VERSION_1, and with a bit that is not offered. */
    for (unsigned n = 0; n < 2; n++) {
        qvirtio_reset(b->v);
        wr(b, STATUS, S_ACK | S_DRIVER);
        wr(b, DRV_FEATURES_SEL, 0);
        wr(b, DRV_FEATURES, 0);
        wr(b, DRV_FEATURES_SEL, 1);
        wr(b, DRV_FEATURES, n ? 0x80000001 : 0);
        wr(b, STATUS, S_ACK | S_DRIVER | S_FEATURES_OK);
        g_assert_cmphex(rd(b, STATUS), ==, S_ACK | S_DRIVER);
    }
    qvirtio_negotiate(b->v, 0);
    g_assert_cmphex(rd(b, STATUS), ==, S_ACK | S_DRIVER | S_FEATURES_OK);
    stop(b);

    b = start(0, true, "");
    wr(b, DEV_FEATURES_SEL, 1);
    g_assert_cmphex(rd(b, DEV_FEATURES), ==, 0); /* 32 bits are all there is */
    wr(b, DEV_FEATURES_SEL, 0);
    g_assert_true(rd(b, DEV_FEATURES) & QVIRTIO_F(27));
    stop(b);
}

/* QueueSel, QueueNumMax (0: no such queue), QueueNum, QueueReady, the addresses' six halves. */
static void test_queue_registers(void)
{
    Blk *b = start(0, false, "");

    qvirtio_negotiate(b->v, 0);
    for (unsigned n = 0; n < 6; n++) {
        wr(b, QUEUE_SEL, n);
        g_assert_cmpuint(rd(b, QUEUE_NUM_MAX), ==, n < 4 ? 64 : 0);
        g_assert_cmpuint(rd(b, QUEUE_READY), ==, 0);
    }
    wr(b, QUEUE_READY, 1); /* there is no queue 5 */
    g_assert_cmpuint(rd(b, QUEUE_READY), ==, 0);
    wr(b, QUEUE_SEL, 0x10000); /* 32 bits count */
    g_assert_cmpuint(rd(b, QUEUE_NUM_MAX), ==, 0);

    /* A size that is none leaves the one that was. */
    qvirtio_queue_init(b->v, 0, 16);
    wr(b, QUEUE_SEL, 0);
    wr(b, QUEUE_NUM, 16);
    wr(b, QUEUE_NUM, 0);
    wr(b, QUEUE_NUM, 65);
    wr(b, QUEUE_NUM, 24);
    wr(b, QUEUE_NUM, 0x10010);
    g_assert_cmpuint(rd(b, QUEUE_NUM), ==, 0); /* written only */
    wr(b, DESC_LOW, (uint32_t)b->v->q[0].desc);
    wr(b, DRIVER_LOW, (uint32_t)b->v->q[0].driver);
    wr(b, DEVICE_LOW, (uint32_t)b->v->q[0].device);
    wr(b, QUEUE_READY, 2); /* not 1 */
    g_assert_cmpuint(rd(b, QUEUE_READY), ==, 0);
    wr(b, QUEUE_READY, 1);
    g_assert_cmpuint(rd(b, QUEUE_READY), ==, 1);
    /* A ring in use stays where it is. */
    wr(b, DESC_LOW, 0xdead0000);
    wr(b, QUEUE_NUM, 64);
    wr(b, STATUS, 0xf);
    for (unsigned n = 0; n < 40; n++) { /* more than twice around 16 entries */
        read_and_check(b, 0, n, 512);
    }
    /* 4.2.3.2: 0 takes the ring away, and reads back at once; another may come. */
    wr(b, QUEUE_SEL, 0);
    wr(b, QUEUE_READY, 0);
    g_assert_cmpuint(rd(b, QUEUE_READY), ==, 0);
    qvirtio_queue_init(b->v, 0, 32);
    qvirtio_queue_enable(b->v, 0);
    read_and_check(b, 0, 3, 4096);
    stop(b);
}

/* QueueReset [4.2.2]: only with the feature; reads 0 when it is done. */
static void test_queue_reset(void)
{
    Blk *b = start(1, false, "");

    qvirtio_start(b->v, 0, 2, 0, false);
    wr(b, QUEUE_SEL, 1);
    wr(b, QUEUE_RESET, 1);
    g_assert_cmpuint(rd(b, QUEUE_READY), ==, 1);
    qvirtio_start(b->v, QVIRTIO_F_RING_RESET, 2, 0, false);
    read_and_check(b, 1, 1, 512);
    wr(b, QUEUE_SEL, 1);
    wr(b, QUEUE_RESET, 1);
    for (unsigned n = 0; rd(b, QUEUE_RESET) || rd(b, QUEUE_READY); n++) {
        g_assert_cmpuint(n, <, 10000);
        g_usleep(200);
    }
    read_and_check(b, 0, 2, 512); /* the other goes on */
    qvirtio_queue_init(b->v, 1, 8);
    qvirtio_queue_enable(b->v, 1);
    read_and_check(b, 1, 5, 512);
    stop(b);
}

/* InterruptStatus and InterruptACK, and the line that they drive. */
static void test_interrupts(void)
{
    for (unsigned legacy = 0; legacy < 2; legacy++) {
        Blk *b = start(1, legacy, "");
        uint64_t carried;
        uint32_t used;

        qtest_irq_intercept_in(b->s, "/machine/ioapic");
        qvirtio_start(b->v, 0, 1, 16, false);
        g_assert_cmphex(rd(b, INT_STATUS), ==, 0);
        push(b, 0, 0, 0, 512);
        qvirtio_wait(&b->v->q[0], &used);
        for (unsigned n = 0; !rd(b, INT_STATUS); n++) {
            g_assert_cmpuint(n, <, 10000);
            g_usleep(200);
        }
        g_assert_cmphex(rd(b, INT_STATUS), ==, 1);
        g_assert_true(qtest_get_irq(b->s, IRQ_BASE));
        carried = qvirtio_answered(b->s, "virtio-mmio");
        wr(b, INT_STATUS, 0); /* read-only */
        g_assert_cmpuint(qvirtio_answered(b->s, "virtio-mmio"), ==, carried + 1);
        wr(b, INT_ACK, 2); /* another bit */
        g_assert_cmphex(rd(b, INT_STATUS), ==, 1);
        g_assert_true(qtest_get_irq(b->s, IRQ_BASE));
        g_assert_cmphex(rd(b, INT_ACK), ==, 0);
        wr(b, INT_ACK, 1);
        /* Who acknowledges waits for nobody. */
        g_assert_cmpuint(qvirtio_answered(b->s, "virtio-mmio"), ==, carried + 1);
        g_assert_cmphex(rd(b, INT_STATUS), ==, 0);
        g_assert_false(qtest_get_irq(b->s, IRQ_BASE));

        /* A change of the configuration, while the other bit is set as well: each is acknowledged
         * for itself, and what is left makes a new edge. */
        push(b, 0, 0, 0, 512);
        qvirtio_wait(&b->v->q[0], &used);
        qtest_qmp_ok(b->s,
                     "{'execute': 'block_resize', 'arguments': {'node-name': 'd0', "
                     "'size': %u}}",
                     IMAGE_SIZE / 2);
        for (unsigned n = 0; rd(b, INT_STATUS) != 3; n++) {
            g_assert_cmpuint(n, <, 10000);
            g_usleep(200);
        }
        {
            unsigned raises = (qtest_get_irq(b->s, IRQ_BASE), qtest_irq_raises(b->s, IRQ_BASE));

            wr(b, INT_ACK, 1);
            g_assert_cmphex(rd(b, INT_STATUS), ==, 2);
            g_assert_true(qtest_get_irq(b->s, IRQ_BASE));
            g_assert_cmpuint(qtest_irq_raises(b->s, IRQ_BASE), >, raises);
        }
        qvirtio_reset(b->v); /* clears it */
        g_assert_cmphex(rd(b, INT_STATUS), ==, 0);
        g_assert_false(qtest_get_irq(b->s, IRQ_BASE));
        qtest_qmp_ok(b->s,
                     "{'execute': 'block_resize', 'arguments': {'node-name': 'd0', "
                     "'size': %u}}",
                     IMAGE_SIZE);
        stop(b);
        unlink(image);
        g_free(image);
        image = qpattern_image(IMAGE_SIZE);
    }
}

/* ConfigGeneration changes with the configuration; the space takes accesses of 1, 2, 4 and, in two
 * parts, 8 bytes. */
static void test_config(void)
{
    Blk *b = start(1, false, "");
    uint32_t gen;

    qvirtio_start(b->v, 0, 1, 0, false);
    gen = rd(b, CONFIG_GEN);
    g_assert_cmpuint(gen, ==, rd(b, CONFIG_GEN));
    g_assert_cmpuint(qvirtio_config(b->v, 0, 8), ==, IMAGE_SIZE / 512);
    for (unsigned i = 0; i < 8; i++) {
        g_assert_cmpuint(qvirtio_config(b->v, i, 1), ==,
                         (uint64_t)(IMAGE_SIZE / 512) >> (8 * i) & 0xff);
    }
    qtest_qmp_ok(b->s, "{'execute': 'block_resize', 'arguments': {'node-name': 'd0', 'size': %u}}",
                 2 * IMAGE_SIZE);
    for (unsigned n = 0; qvirtio_config(b->v, 0, 8) != 2 * IMAGE_SIZE / 512; n++) {
        g_assert_cmpuint(n, <, 10000);
        g_usleep(200);
    }
    g_assert_cmpuint(rd(b, CONFIG_GEN), !=, gen);
    qvirtio_config_write(b->v, 0, 4, 0xffffffff); /* capacity is read-only */
    g_assert_cmpuint(qvirtio_config(b->v, 0, 8), ==, 2 * IMAGE_SIZE / 512);
    g_assert_cmphex(qtest_readl(b->s, BASE + 0x1fc), ==, 0); /* behind its end */
    qtest_qmp_ok(b->s, "{'execute': 'block_resize', 'arguments': {'node-name': 'd0', 'size': %u}}",
                 IMAGE_SIZE);
    stop(b);
}

/* SHMLen and SHMBase are all ones: the region that was selected does not exist [4.2.2]. */
static void test_shared_memory(void)
{
    Blk *b = start(0, false, "");

    for (unsigned n = 0; n < 3; n++) {
        wr(b, SHM_SEL, n);
        for (uint64_t reg = SHM_LEN; reg < SHM_BASE + 8; reg += 4) {
            g_assert_cmphex(rd(b, reg), ==, UINT32_MAX);
        }
    }
    stop(b);
    b = start(0, true, "");
    g_assert_cmphex(rd(b, SHM_LEN), ==, 0);
    stop(b);
}

/* Status: bits go only by reset, which takes all away. */
static void test_status(void)
{
    Blk *b = start(1, false, "");

    qvirtio_start(b->v, 0, 4, 0, false);
    wr(b, STATUS, S_ACK);
    g_assert_cmphex(rd(b, STATUS), ==, 0xf);
    read_and_check(b, 3, 9, 1024);
    qvirtio_reset(b->v);
    for (unsigned n = 0; n < 4; n++) {
        wr(b, QUEUE_SEL, n);
        g_assert_cmpuint(rd(b, QUEUE_READY), ==, 0);
    }
    g_assert_cmphex(rd(b, INT_STATUS), ==, 0);
    /* 3.1.1: no DRIVER_OK before features are agreed on. */
    wr(b, STATUS, S_ACK | S_DRIVER | S_DRIVER_OK);
    g_assert_cmphex(rd(b, STATUS), ==, S_ACK | S_DRIVER);
    qvirtio_start(b->v, 0, 1, 0, false);
    qtest_system_reset(b->s);
    g_assert_cmphex(rd(b, STATUS), ==, 0);
    qvirtio_start(b->v, 0, 1, 0, false);
    read_and_check(b, 0, 0, 512);
    stop(b);
}

/* Version 1: page size, alignment and page number place a ring; 0 takes it away; the size that was
 * told survives a reset of the device, before which drivers tell it. Registers of version 2 are not
 * there. */
static void test_legacy(void)
{
    Blk *b = start(0, true, "");
    QVirtQueue *q = &b->v->q[0];

    qvirtio_start(b->v, 0, 1, 16, false);
    read_and_check(b, 0, 2, 512);
    wr(b, QUEUE_SEL, 0);
    g_assert_cmphex(rd(b, QUEUE_PFN), ==, q->desc >> 12);
    wr(b, QUEUE_PFN, 1); /* it has one */
    g_assert_cmphex(rd(b, QUEUE_PFN), ==, q->desc >> 12);
    wr(b, QUEUE_PFN, 0);
    g_assert_cmphex(rd(b, QUEUE_PFN), ==, 0);
    for (uint64_t reg = QUEUE_READY; reg < CONFIG; reg += 4) {
        if (reg != INT_STATUS && reg != STATUS) {
            g_assert_cmphex(rd(b, reg), ==, 0);
        }
    }
    wr(b, QUEUE_READY, 1);
    g_assert_cmphex(rd(b, QUEUE_READY), ==, 0);
    wr(b, STATUS, 0);
    g_assert_cmphex(rd(b, STATUS), ==, 0);

    /* Another page size, and an alignment smaller than a page. */
    wr(b, STATUS, S_ACK | S_DRIVER);
    wr(b, PAGE_SIZE_REG, 1000); /* no power of two: ignored */
    wr(b, PAGE_SIZE_REG, 512);
    wr(b, STATUS, 0);
    qvirtio_queue_init(b->v, 0, 16);
    q->desc = qtest_alloc(b->s, 4096, 4096) + 512;
    q->driver = q->desc + 16 * 16;
    q->device = (q->driver + 6 + 2 * 16 + 63) & ~UINT64_C(63);
    wr(b, STATUS, S_ACK | S_DRIVER);
    wr(b, QUEUE_NUM, 16);
    wr(b, QUEUE_ALIGN, 48);
    wr(b, QUEUE_ALIGN, 64);
    wr(b, QUEUE_PFN, (uint32_t)(q->desc / 512));
    wr(b, STATUS, S_ACK | S_DRIVER | S_DRIVER_OK);
    for (unsigned n = 0; n < 40; n++) {
        read_and_check(b, 0, n, 512);
    }
    stop(b);

    b = start(0, false, "");
    for (unsigned n = 0; n < 3; n++) {
        static const uint64_t regs[] = {PAGE_SIZE_REG, QUEUE_ALIGN, QUEUE_PFN};

        wr(b, regs[n], 4096);
        g_assert_cmphex(rd(b, regs[n]), ==, 0);
    }
    stop(b);
}

/* 4.2.2.2: registers are accessed with 32 bits, aligned. Other accesses read 0 and change nothing.
 */
static void test_widths(void)
{
    Blk *b = start(0, false, "");

    qvirtio_start(b->v, 0, 1, 0, false);
    for (uint64_t reg = 0; reg < CONFIG - 4; reg++) {
        g_assert_cmphex(qtest_readb(b->s, BASE + reg), ==, 0);
        g_assert_cmphex(qtest_readw(b->s, BASE + reg), ==, 0);
        qtest_writeb(b->s, BASE + reg, 0);
        qtest_writew(b->s, BASE + reg, 0);
        if (reg % 4) {
            g_assert_cmphex(qtest_readl(b->s, BASE + reg), ==, 0);
            qtest_writel(b->s, BASE + reg, 0);
        }
    }
    g_assert_cmphex(rd(b, STATUS), ==, 0xf);
    read_and_check(b, 0, 1, 512);
    stop(b);
}

/* --- I/O ------------------------------------------------------------------------------------- */

static void test_io(gconstpointer opaque)
{
    unsigned home = GPOINTER_TO_UINT(opaque);
    static const uint64_t features[] = {0, QVIRTIO_F_EVENT_IDX | QVIRTIO_F_INDIRECT,
                                        QVIRTIO_F_PACKED, QVIRTIO_F_NOTIFICATION_DATA,
                                        QVIRTIO_F_PACKED | QVIRTIO_F_NOTIFICATION_DATA};
    Blk *b = start(home, false, ",packed=on,notification_data=on");

    for (unsigned n = 0; n < G_N_ELEMENTS(features); n++) {
        qvirtio_start(b->v, features[n], 4, n == 2 ? 48 : 32, false);
        for (unsigned i = 0; i < 80; i++) {
            read_and_check(b, i % 4, i * 3, 512 * (1 + i % 5));
        }
    }
    qtest_memset(b->s, b->data, 0x77, 4096);
    transfer(b, 1, 1, 1000, 4096);
    qtest_memset(b->s, b->data, 0, 4096);
    transfer(b, 2, 0, 1000, 4096);
    g_assert_cmphex(qtest_readl(b->s, b->data + 4092), ==, 0x77777777);
    qpattern_put(b->s, b->data, 1000 * 512, 4096);
    transfer(b, 3, 1, 1000, 4096);
    stop(b);

    b = start(home, true, "");
    qvirtio_start(b->v, 0, 4, 32, false);
    for (unsigned i = 0; i < 80; i++) {
        read_and_check(b, i % 4, i * 3, 512 * (1 + i % 5));
    }
    stop(b);
}

/* The way of notifications, changed while the disk works; whether they travel that way. */
static void test_notify(gconstpointer opaque)
{
    static const char *const ways[] = {"exit", "ioregionfd", "ioeventfd", "auto",
                                       "exit:ioregionfd:ioeventfd:exit"};
    unsigned home = GPOINTER_TO_UINT(opaque);
    g_autofree char *path = NULL, *text = NULL;
    Blk *b = start(home, false, "");
    json_object *r;

    qvirtio_start(b->v, 0, 4, 0, false);
    r = qtest_qmp_return(b->s, "{'execute': 'qom-get', 'arguments': {'path': "
                               "'/machine/peripheral/vd0', 'property': 'parent_bus'}}");
    path = g_path_get_dirname(json_object_get_string(r));
    json_object_put(r);
    for (unsigned n = 0; n < 2 * G_N_ELEMENTS(ways); n++) {
        const char *way = ways[n % G_N_ELEMENTS(ways)];
        g_autofree char *mode = qvirtio_notify_mode(way, 0, homes[home].automatic);
        bool posted = homes[home].carried && g_str_equal(mode, "ioregionfd");
        uint64_t before;

        qvirtio_set_notify(b->s, path, way, 4, homes[home].automatic);
        before = qvirtio_posted(b->s, "virtio-mmio-notify");
        for (unsigned i = 0; i < 8; i++) {
            read_and_check(b, i % 4, i, 512);
        }
        if (!strchr(way, ':')) {
            g_assert_cmpuint(qvirtio_posted(b->s, "virtio-mmio-notify") - before, ==,
                             posted ? 8 : 0);
        }
    }
    text = qtest_qmp_error(b->s, "GenericError",
                           "{'execute': 'qom-set', 'arguments': {'path': '%s', 'property': "
                           "'notify', 'value': 'pigeon'}}",
                           path);
    g_assert_nonnull(strstr(text, "pigeon"));
    stop(b);
}

/* --- bad drivers ----------------------------------------------------------------------------- */

static void test_broken_ring(void)
{
    for (unsigned legacy = 0; legacy < 2; legacy++) {
        Blk *b = start(1, legacy, "");

        qtest_stderr_to(NULL);
        qvirtio_start(b->v, 0, 1, 16, false);
        qtest_writew(b->s, b->v->q[0].driver + 2, 1000); /* more than the ring has */
        qvirtio_kick(&b->v->q[0]);
        qvirtio_wait_needs_reset(b->v);
        qvirtio_start(b->v, 0, 1, 16, false);
        read_and_check(b, 0, 1, 512);
        stop(b);
    }
}

/* Rings at nowhere, notifications of no queue, random writes: the disk works after a reset. */
static void test_hostile(gconstpointer opaque)
{
    bool legacy = GPOINTER_TO_UINT(opaque);
    GRand *rand = g_rand_new_with_seed(42);
    Blk *b = start(2, legacy, "");

    qvirtio_start(b->v, 0, 1, 16, false);
    for (unsigned n = 4; n < 20; n++) {
        wr(b, QUEUE_NOTIFY, n);
    }
    wr(b, QUEUE_NOTIFY, UINT32_MAX);
    wr(b, QUEUE_NOTIFY, 0x10000);
    for (unsigned round = 0; round < 40; round++) {
        for (unsigned n = 0; n < 50; n++) {
            uint64_t reg = (uint64_t)g_rand_int_range(rand, 0, 0x80) * 4;
            uint32_t v =
                g_rand_boolean(rand) ? g_rand_int(rand) : (uint32_t)g_rand_int_range(rand, 0, 16);

            wr(b, reg, v);
            rd(b, reg);
        }
        qvirtio_reset(b->v);
    }
    qvirtio_start(b->v, 0, 4, 0, false);
    read_and_check(b, 0, 7, 512);
    g_rand_free(rand);
    stop(b);
}

/* --- the bus --------------------------------------------------------------------------------- */

static void test_options(void)
{
    static const struct {
        const char *args, *text;
    } t[] = {
        {"-machine microvm -device virtio-blk-pci",
         "No 'PCI' bus found for device 'virtio-blk-pci'; this machine takes 'virtio-blk-device'"},
        {"-machine microvm -device virtio-rng-device,bus=virtio-mmio-bus.8", "not found"},
        {"-machine microvm -device virtio-rng-device,bus=virtio-mmio-bus.3 "
         "-device virtio-rng-device,bus=virtio-mmio-bus.3",
         "full"},
        {"-machine microvm -device virtio-mmio", "the machine's own"},
        {"-machine q35 -device virtio-rng-device", "No 'virtio-bus' bus found"},
        {"-machine microvm -global virtio-mmio.notify=pigeon -device virtio-rng-device", "pigeon"},
        {"-machine microvm -device virtio-rng-device,iommu_platform=on", "force-legacy=false"},
        {"-machine microvm -object iothread,id=i0 -object ioregionfd,id=r0,iothread=i0 "
         "-object ioregionfd,id=r1,iothread=i0 -blockdev null-co,node-name=d0,size=1M "
         "-device virtio-blk-device,drive=d0,ioregionfds=r0:r1",
         "ioregionfds=r0:r1: the MMIO transport has one register"},
    };

    for (unsigned n = 0; n < G_N_ELEMENTS(t); n++) {
        qtest_refused(t[n].text, "-accel qtest -display none -nodefaults %s", t[n].args);
    }
}

/* Each kind of device in a place, nine are one too many, none comes or goes while it runs. */
static void test_places(void)
{
    static const uint32_t ids[] = {2, 1, 8, 4, 3, 5};
    QTestState *s = qtest_initf(
        "-machine microvm -nodefaults -m 128 -netdev user,id=n0 "
        "-blockdev file,filename=%s,node-name=d0,locking=off -device virtio-blk-device,drive=d0 "
        "-device virtio-net-device,netdev=n0 -device virtio-scsi-device,id=s0 "
        "-device virtio-rng-device -chardev null,id=c0 -device virtio-serial-device,id=vs0 "
        "-device virtconsole,bus=vs0.0,chardev=c0 "
        "-device virtio-balloon-device,id=bal",
        image);
    g_autofree char *text = NULL, *qtree = qtest_hmp(s, "info qtree"), *del = NULL;

    for (unsigned n = 0; n < G_N_ELEMENTS(ids); n++) {
        g_assert_cmphex(qtest_readl(s, BASE + 0x200 * n + DEVICE_ID), ==, ids[n]);
    }
    g_assert_nonnull(strstr(qtree, "virtio-mmio-bus.7"));
    text = qtest_qmp_error(s, "GenericError",
                           "{'execute': 'device_add', 'arguments': {'driver': "
                           "'virtio-rng-device', 'id': 'r1'}}");
    g_assert_nonnull(strstr(text, "does not support hotplugging"));
    del =
        qtest_qmp_error(s, "GenericError", "{'execute': 'device_del', 'arguments': {'id': 'bal'}}");
    g_assert_nonnull(strstr(del, "hotplugging"));
    qtest_quit(s);
}

int main(int argc, char **argv)
{
    int r;

    g_test_init(&argc, &argv, NULL);
    image = qpattern_image(IMAGE_SIZE);
    g_test_add_func("/virtio-mmio/identity", test_identity);
    g_test_add_func("/virtio-mmio/features", test_features);
    g_test_add_func("/virtio-mmio/queue-registers", test_queue_registers);
    g_test_add_func("/virtio-mmio/queue-reset", test_queue_reset);
    g_test_add_func("/virtio-mmio/interrupts", test_interrupts);
    g_test_add_func("/virtio-mmio/config", test_config);
    g_test_add_func("/virtio-mmio/shared-memory", test_shared_memory);
    g_test_add_func("/virtio-mmio/status", test_status);
    g_test_add_func("/virtio-mmio/legacy", test_legacy);
    g_test_add_func("/virtio-mmio/widths", test_widths);
    for (unsigned n = 0; n < G_N_ELEMENTS(homes); n++) {
        g_autofree char *io = g_strdup_printf("/virtio-mmio/io/%s", homes[n].name);
        g_autofree char *notify = g_strdup_printf("/virtio-mmio/notify/%s", homes[n].name);

        g_test_add_data_func(io, GUINT_TO_POINTER(n), test_io);
        g_test_add_data_func(notify, GUINT_TO_POINTER(n), test_notify);
    }
    g_test_add_func("/virtio-mmio/broken-ring", test_broken_ring);
    g_test_add_data_func("/virtio-mmio/hostile/modern", GUINT_TO_POINTER(0), test_hostile);
    g_test_add_data_func("/virtio-mmio/hostile/legacy", GUINT_TO_POINTER(1), test_hostile);
    g_test_add_func("/virtio-mmio/options", test_options);
    g_test_add_func("/virtio-mmio/places", test_places);
    r = g_test_run();
    unlink(image);
    g_free(image);
    return r;
}
