/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NVMe: Format, metadata (behind each block and separate), and end-to-end protection.  The test
 * makes and checks protection information with a checksum of its own, bit by bit.
 */
#include "nvme-driver.h"

#include <string.h>
#include <unistd.h>

#define DNR NVME_DNR
#define PRACT (8u << 26)
#define CHECK_ALL (7u << 26)

/* Indices of the LBA formats. */
enum { F512, F512_8, F512_16, F512_64, F4096, F4096_8, F4096_16, F4096_64 };

static QNvme *start(QHome home, const char *ns)
{
    g_autofree char *args =
        g_strdup_printf("-blockdev driver=null-co,node-name=unused,size=1M "
                        "-drive if=none,id=d0,format=raw,file=%s "
                        "-device nvme,id=n0,serial=s0,addr=04.0%s "
                        "-device nvme-ns,bus=n0,drive=d0%s",
                        g_getenv("NVME_TEST_IMAGE"), qnvme_home_props(home), ns);
    QNvme *n = qnvme_start_devices(home, args);

    qnvme_bring_up(n, 2, false);
    return n;
}

static uint16_t format(QNvme *n, uint32_t nsid, uint32_t dw10)
{
    return qnvme_admin(n, NVME_ADM_FORMAT_NVM, nsid, 0, dw10, 0);
}

static uint64_t blocks(QNvme *n)
{
    g_assert_cmphex(qnvme_identify(n, NVME_CNS_NAMESPACE, 1, n->page), ==, NVME_SUCCESS);
    return qtest_readq(n->s, n->page);
}

/* --- format ---------------------------------------------------------------------------------- */

static void test_format(const void *opaque)
{
    QNvme *n = start(GPOINTER_TO_INT(opaque), "");
    uint64_t buf = qtest_alloc(n->s, 0x4000, 4096);

    g_assert_cmphex(blocks(n), ==, 8192);
    g_assert_cmphex(format(n, 1, F4096), ==, NVME_SUCCESS);
    g_assert_cmphex(blocks(n), ==, 1024);
    g_assert_cmphex(qtest_readb(n->s, n->page + 26), ==, F4096);
    g_assert_cmphex(qtest_readb(n->s, n->page + 32), ==, 0x80); /* FPI: nothing left */
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 1023, 1, buf, 0), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 1024, 1, buf, 0), ==, NVME_LBA_OUT_OF_RANGE | DNR);
    /* secure erase: nothing of the old data is left */
    qtest_memset(n->s, buf, 0x5a, 4096);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_WRITE, 7, 1, buf, 0), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_WRITE_UNCORRECTABLE, 9, 1, 0, 0), ==, NVME_SUCCESS);
    g_assert_cmphex(format(n, NVME_NSID_ALL, F512 | 1 << 9), ==, NVME_SUCCESS);
    g_assert_cmphex(blocks(n), ==, 8192);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 56, 8, buf, 0), ==, NVME_SUCCESS);
    g_assert_cmphex(qtest_readb(n->s, buf), ==, 0);
    g_assert_cmphex(format(n, 1, F512 | 2 << 9), ==, NVME_SUCCESS);

    g_assert_cmphex(format(n, 1, 15), ==, NVME_INVALID_FORMAT | DNR);
    g_assert_cmphex(format(n, 1, F512 | 1 << 5), ==, NVME_INVALID_FORMAT | DNR); /* no room */
    g_assert_cmphex(format(n, 1, F512_8 | 4 << 5), ==, NVME_INVALID_FORMAT | DNR);
    g_assert_cmphex(format(n, 1, F512 | 3 << 9), ==, NVME_INVALID_FIELD | DNR);
    g_assert_cmphex(format(n, 0, F512), ==, NVME_INVALID_NSID | DNR);
    g_assert_cmphex(format(n, 257, F512), ==, NVME_INVALID_NSID | DNR);
    g_assert_cmphex(format(n, 2, F512), ==, NVME_INVALID_FIELD | DNR);
    qnvme_stop(n);
}

/* A format ends after the commands that were there before it. */
static void test_format_in_flight(const void *opaque)
{
    QHome home = qhome_of(opaque);
    g_autofree char *args = g_strdup_printf(
        "-blockdev "
        "driver=null-co,node-name=d1,size=1M,x-give-back=off,latency-ns=50000000,read-zeroes=on "
        "-device nvme,id=n0,serial=s0,drive=d1,addr=04.0%s",
        qnvme_home_props(home));
    QNvme *n = qnvme_start_devices(home, args);
    uint64_t buf = qtest_alloc(n->s, 4096, 4096);
    NvmeCmd fmt = {.opcode = NVME_ADM_FORMAT_NVM, .nsid = 1, .cdw10 = F4096};
    unsigned refused = 0;

    qnvme_bring_up(n, 2, false);
    for (unsigned i = 0; i < 8; i++) {
        NvmeCmd read = {.opcode = NVME_IO_READ, .nsid = 1, .dptr.prp1 = buf, .cdw10 = i};
        qnvme_push(n, 1 + i % 2, &read);
    }
    qnvme_ring(n, 1);
    qnvme_ring(n, 2);
    qnvme_push(n, 0, &fmt);
    qnvme_ring(n, 0);
    for (unsigned i = 0; i < 8; i++) {
        g_assert_cmphex(qnvme_wait(n, 1 + i % 2), ==, NVME_SUCCESS);
        if (i == 0) { /* while the others are still on their way */
            NvmeCmd late = {.opcode = NVME_IO_READ, .nsid = 1, .dptr.prp1 = buf};
            qnvme_push(n, 1, &late);
            qnvme_ring(n, 1);
            refused++;
        }
    }
    for (; refused; refused--) {
        uint16_t status = qnvme_wait(n, 1);
        g_assert_true(status == NVME_FORMAT_IN_PROGRESS || status == NVME_SUCCESS);
    }
    g_assert_cmphex(qnvme_wait(n, 0), ==, NVME_SUCCESS);
    g_assert_cmphex(blocks(n), ==, 256);
    qnvme_stop(n);
}

/* The state file keeps the format, and a broken one is refused. */
static void test_persistent(const void *opaque)
{
    QHome home = qhome_of(opaque);
    g_autofree char *path = g_strdup_printf("%s.state", g_getenv("NVME_TEST_IMAGE"));
    g_autofree char *args =
        g_strdup_printf("-drive if=none,id=d0,format=raw,file=%s -device "
                        "nvme,serial=s0,drive=d0,addr=04.0,state=%s%s",
                        g_getenv("NVME_TEST_IMAGE"), path, qnvme_home_props(home));
    QNvme *n;

    unlink(path);
    for (unsigned i = 0; i < 2; i++) {
        n = qnvme_start_devices(home, args);
        qnvme_bring_up(n, 1, false);
        if (i == 0) {
            g_assert_cmphex(format(n, 1, F4096_16 | 1 << 4 | 2 << 5), ==, NVME_SUCCESS);
        }
        g_assert_cmphex(blocks(n), ==, 4 * 1024 * 1024 / (4096 + 16));
        g_assert_cmphex(qtest_readb(n->s, n->page + 26), ==, (0x10 | F4096_16));
        g_assert_cmphex(qtest_readb(n->s, n->page + 29), ==, 2);
        qnvme_stop(n);
    }
    g_assert_true(g_file_set_contents(path, "[nonsense", -1, NULL));
    qtest_refused(
        "state=",
        "-machine q35,accel=qtest -nodefaults -display none -device nvme,serial=s0,state=%s", path);
    unlink(path);
}

/* --- protection information, made by hand ---------------------------------------------------- */

static uint16_t crc16(const uint8_t *p, size_t len)
{
    uint16_t crc = 0;

    for (size_t i = 0; i < len; i++) {
        for (int bit = 7; bit >= 0; bit--) {
            bool top = crc >> 15 ^ (p[i] >> bit & 1);
            crc = (uint16_t)(crc << 1) ^ (top ? 0x8bb7 : 0);
        }
    }
    return crc;
}

static void make_pi(uint8_t *pi, const uint8_t *covered, size_t len, uint16_t app, uint32_t ref)
{
    uint16_t guard = crc16(covered, len);

    pi[0] = guard >> 8;
    pi[1] = guard & 0xff;
    pi[2] = app >> 8;
    pi[3] = app & 0xff;
    for (unsigned i = 0; i < 4; i++) {
        pi[4 + i] = ref >> (24 - i * 8) & 0xff;
    }
}

typedef struct Rw {
    uint8_t opcode;
    uint64_t slba;
    unsigned nlb;
    uint32_t prinfo; /* as in dword 12 */
    uint64_t data, meta;
    uint32_t ref;
    uint16_t app, mask;
} Rw;

static uint16_t rw(QNvme *n, Rw r)
{
    NvmeCmd cmd = {.opcode = r.opcode,
                   .nsid = 1,
                   .mptr = r.meta,
                   .dptr = {{r.data, r.data + 4096}},
                   .cdw10 = (uint32_t)r.slba,
                   .cdw12 = (r.nlb - 1) | r.prinfo,
                   .cdw14 = r.ref,
                   .cdw15 = (uint32_t)r.mask << 16 | r.app};
    return qnvme_cmd(n, 1, &cmd);
}

/* Metadata of 16 bytes without protection: in both places. */
static void test_metadata(const void *opaque)
{
    QNvme *n = start(GPOINTER_TO_INT(opaque), ",ms=16");
    uint64_t data = qtest_alloc(n->s, 0x4000, 4096), meta = qtest_alloc(n->s, 4096, 4096);
    uint8_t got[16 * 4];

    g_assert_cmphex(blocks(n), ==, 4 * 1024 * 1024 / (512 + 16));
    for (unsigned i = 0; i < sizeof(got); i++) {
        got[i] = (uint8_t)(i * 3);
    }
    qtest_memwrite(n->s, meta, got, sizeof(got));
    qtest_memset(n->s, data, 0x77, 4 * 512);
    Rw w = {.opcode = NVME_IO_WRITE, .slba = 50, .nlb = 4, .data = data, .meta = meta};
    g_assert_cmphex(rw(n, w), ==, NVME_SUCCESS);
    qtest_memset(n->s, meta, 0, 64);
    qtest_memset(n->s, data, 0, 4 * 512);
    w.opcode = NVME_IO_READ;
    w.slba = 51;
    w.nlb = 3;
    g_assert_cmphex(rw(n, w), ==, NVME_SUCCESS);
    g_assert_cmphex(qtest_readb(n->s, meta), ==, 48);
    g_assert_cmphex(qtest_readb(n->s, meta + 47), ==, (uint8_t)(63 * 3));
    g_assert_cmphex(qtest_readb(n->s, meta + 48), ==, 0);
    g_assert_cmphex(qtest_readb(n->s, data + 3 * 512 - 1), ==, 0x77);
    /* compare looks at it, too */
    w.opcode = NVME_IO_COMPARE;
    g_assert_cmphex(rw(n, w), ==, NVME_SUCCESS);
    qtest_writeb(n->s, meta + 47, 0);
    g_assert_cmphex(rw(n, w), ==, NVME_COMPARE_FAILURE | DNR);
    w.meta = meta + 2;
    g_assert_cmphex(rw(n, w), ==, NVME_INVALID_FIELD | DNR);
    w.meta = 0xe00000000;
    g_assert_cmphex(rw(n, w), ==, NVME_DATA_TRANSFER_ERROR);
    /* deallocation and Write Zeroes take it along */
    Rw wz = {.opcode = NVME_IO_WRITE_ZEROES, .slba = 51, .nlb = 1};
    g_assert_cmphex(rw(n, wz), ==, NVME_SUCCESS);
    w = (Rw){.opcode = NVME_IO_READ, .slba = 51, .nlb = 2, .data = data, .meta = meta};
    g_assert_cmphex(rw(n, w), ==, NVME_SUCCESS);
    g_assert_cmphex(qtest_readb(n->s, meta + 1), ==, 0);
    g_assert_cmphex(qtest_readb(n->s, meta + 17), ==, 33 * 3);

    /* behind each block: 528 bytes a block in one buffer */
    g_assert_cmphex(format(n, 1, F512_16 | 1 << 4), ==, NVME_SUCCESS);
    for (unsigned i = 0; i < 3 * 528; i++) {
        qtest_writeb(n->s, data + i, (uint8_t)(i / 7));
    }
    w = (Rw){.opcode = NVME_IO_WRITE, .slba = 1, .nlb = 3, .data = data};
    g_assert_cmphex(rw(n, w), ==, NVME_SUCCESS);
    qtest_memset(n->s, data, 0, 3 * 528);
    w = (Rw){.opcode = NVME_IO_READ, .slba = 2, .nlb = 2, .data = data};
    g_assert_cmphex(rw(n, w), ==, NVME_SUCCESS);
    for (unsigned i = 0; i < 2 * 528; i++) {
        g_assert_cmphex(qtest_readb(n->s, data + i), ==, (uint8_t)((i + 528) / 7));
    }
    w.opcode = NVME_IO_COMPARE;
    g_assert_cmphex(rw(n, w), ==, NVME_SUCCESS);
    qnvme_stop(n);
}

static void put_blocks(QNvme *n, uint64_t data, uint64_t meta, unsigned nlb, uint16_t app,
                       uint32_t ref, bool count)
{
    uint8_t block[512], pi[8];

    for (unsigned i = 0; i < nlb; i++) {
        memset(block, (int)(0x30 + i), sizeof(block));
        make_pi(pi, block, sizeof(block), app, count ? ref + i : ref);
        qtest_memwrite(n->s, data + i * 512, block, sizeof(block));
        qtest_memwrite(n->s, meta + i * 8, pi, sizeof(pi));
    }
}

static void test_types(const void *opaque)
{
    QNvme *n = start(GPOINTER_TO_INT(opaque), ",ms=8,pi=1");
    uint64_t data = qtest_alloc(n->s, 0x4000, 4096), meta = qtest_alloc(n->s, 4096, 4096);
    Rw w;

#define SEPARATE(op, lba, count, info, reftag) \
    (w = (Rw){.opcode = (op), \
              .slba = (lba), \
              .nlb = (count), \
              .prinfo = (info), \
              .data = data, \
              .meta = meta, \
              .ref = (reftag), \
              .app = 0x1234, \
              .mask = 0xffff})

    for (unsigned type = 1; type <= 3; type++) {
        uint32_t check = type == 3 ? 6u << 26 : CHECK_ALL;
        uint32_t base = type == 2 ? 5000 : 100;
        uint8_t tuple[8];

        g_assert_cmphex(format(n, 1, F512_8 | type << 5), ==, NVME_SUCCESS);
        /* nobody has written these: no check fails */
        SEPARATE(NVME_IO_READ, 100, 4, check, base);
        g_assert_cmphex(rw(n, w), ==, NVME_SUCCESS);
        g_assert_cmphex(qtest_readq(n->s, meta), ==, UINT64_MAX);
        /* the host's own information, checked on the way in */
        put_blocks(n, data, meta, 4, 0x1234, base, type != 3);
        SEPARATE(NVME_IO_WRITE, 100, 4, check, base);
        g_assert_cmphex(rw(n, w), ==, NVME_SUCCESS);
        qtest_memset(n->s, meta, 0, 32);
        SEPARATE(NVME_IO_READ, 100, 4, check, base);
        g_assert_cmphex(rw(n, w), ==, NVME_SUCCESS);
        g_assert_cmphex(qtest_readb(n->s, meta + 2), ==, 0x12);
        SEPARATE(NVME_IO_VERIFY, 100, 4, check, base);
        g_assert_cmphex(rw(n, w), ==, NVME_SUCCESS);
        SEPARATE(NVME_IO_COMPARE, 100, 4, check, base);
        g_assert_cmphex(rw(n, w), ==, NVME_SUCCESS);
        /* the controller makes and takes it away */
        SEPARATE(NVME_IO_WRITE, 102, 2, PRACT, type == 1 ? 102 : base + 2);
        w.meta = 0;
        g_assert_cmphex(rw(n, w), ==, NVME_SUCCESS);
        SEPARATE(NVME_IO_READ, 102, 2, PRACT | check, type == 1 ? 102 : base + 2);
        w.meta = 0xe00000000; /* not touched */
        g_assert_cmphex(rw(n, w), ==, NVME_SUCCESS);
        SEPARATE(NVME_IO_READ, 102, 1, 0, 0);
        g_assert_cmphex(rw(n, w), ==, NVME_SUCCESS);
        uint8_t block[512];
        qtest_memread(n->s, data, block, sizeof(block));
        make_pi(tuple, block, sizeof(block), 0x1234, type == 1 ? 102 : base + 2);
        for (unsigned i = 0; i < 8; i++) {
            g_assert_cmphex(qtest_readb(n->s, meta + i), ==, tuple[i]);
        }
        /* what does not fit: application tag, reference tag, guard */
        SEPARATE(NVME_IO_READ, 100, 1, 2u << 26, base);
        w.app = 0x1235;
        g_assert_cmphex(rw(n, w), ==, NVME_APP_TAG_CHECK);
        w.mask = 0xfff0;
        g_assert_cmphex(rw(n, w), ==, NVME_SUCCESS);
        SEPARATE(NVME_IO_READ, 100, 1, 1u << 26, base + 1);
        g_assert_cmphex(rw(n, w), ==,
                        type == 2 ? NVME_REF_TAG_CHECK : NVME_INVALID_PROTECTION_INFO | DNR);
        SEPARATE(NVME_IO_VERIFY, 100, 1, 1u << 26, base);
        g_assert_cmphex(rw(n, w), ==,
                        type == 3 ? NVME_INVALID_PROTECTION_INFO | DNR : NVME_SUCCESS);
        put_blocks(n, data, meta, 1, 0x1234, base, true);
        qtest_writeb(n->s, data + 9, 0);
        SEPARATE(NVME_IO_WRITE, 100, 1, 4u << 26, base);
        g_assert_cmphex(rw(n, w), ==, NVME_GUARD_CHECK);
        SEPARATE(NVME_IO_WRITE, 100, 1, 0, base); /* unchecked: stored as it is */
        g_assert_cmphex(rw(n, w), ==, NVME_SUCCESS);
        static const uint8_t reads[] = {NVME_IO_READ, NVME_IO_VERIFY, NVME_IO_COMPARE};
        for (size_t i = 0; i < sizeof(reads); i++) {
            SEPARATE(reads[i], 100, 1, 4u << 26, base);
            g_assert_cmphex(rw(n, w), ==, NVME_GUARD_CHECK);
        }
        /* the application tag that says "do not check"; type 3 wants the reference tag as well */
        put_blocks(n, data, meta, 1, 0xffff, type == 3 ? UINT32_MAX : 7, true);
        qtest_writeb(n->s, data + 9, 0);
        SEPARATE(NVME_IO_WRITE, 100, 1, check, type == 1 ? 100 : base);
        g_assert_cmphex(rw(n, w), ==, NVME_SUCCESS);
        SEPARATE(NVME_IO_READ, 100, 1, check, type == 1 ? 100 : base);
        g_assert_cmphex(rw(n, w), ==, NVME_SUCCESS);
        /* zeroes with information that fits */
        SEPARATE(NVME_IO_WRITE_ZEROES, 100, 2, PRACT, type == 1 ? 100 : base);
        g_assert_cmphex(rw(n, w), ==, NVME_SUCCESS);
        SEPARATE(NVME_IO_READ, 101, 1, check, type == 1 ? 101 : type == 2 ? base + 1 : base);
        g_assert_cmphex(rw(n, w), ==, NVME_SUCCESS);
        g_assert_cmphex(qtest_readb(n->s, meta + 2), ==, 0x12);
    }
    qnvme_stop(n);
}

/* 16 bytes of metadata, protection first or last: what the guard covers; copied with a new one. */
static void test_placement(const void *opaque)
{
    QNvme *n = start(GPOINTER_TO_INT(opaque), ",ms=16,mset=1,pi=1");
    uint64_t data = qtest_alloc(n->s, 0x4000, 4096);
    uint8_t buf[528];

    for (unsigned first = 0; first < 2; first++) {
        g_assert_cmphex(format(n, 1, F512_16 | 1 << 4 | 1 << 5 | first << 8), ==, NVME_SUCCESS);
        memset(buf, 0x42, sizeof(buf));
        make_pi(buf + (first ? 512 : 520), buf, first ? 512 : 520, 0x1234, 10);
        qtest_memwrite(n->s, data, buf, sizeof(buf));
        Rw w = {.opcode = NVME_IO_WRITE,
                .slba = 10,
                .nlb = 1,
                .prinfo = CHECK_ALL,
                .data = data,
                .ref = 10,
                .app = 0x1234,
                .mask = 0xffff};
        g_assert_cmphex(rw(n, w), ==, NVME_SUCCESS);
        /* PRACT with metadata of the host's own: only the information is replaced */
        memset(buf + (first ? 512 : 520), 0, 8);
        qtest_memwrite(n->s, data, buf, sizeof(buf));
        w.slba = w.ref = 11;
        w.prinfo = PRACT;
        g_assert_cmphex(rw(n, w), ==, NVME_SUCCESS);
        w.opcode = NVME_IO_READ;
        w.prinfo = CHECK_ALL;
        g_assert_cmphex(rw(n, w), ==, NVME_SUCCESS);
        make_pi(buf + (first ? 512 : 520), buf, first ? 512 : 520, 0x1234, 11);
        uint8_t got[528];
        qtest_memread(n->s, data, got, sizeof(got));
        g_assert_cmpmem(got, sizeof(got), buf, sizeof(buf));

        /* Copy: checked where it comes from, made anew where it goes */
        uint8_t range[32] = {0};
        range[8] = 10;
        range[16] = 1; /* two blocks */
        range[24] = 10;
        range[28] = 0x34;
        range[29] = 0x12;
        range[30] = range[31] = 0xff;
        qtest_memwrite(n->s, data, range, sizeof(range));
        NvmeCmd copy = {.opcode = NVME_IO_COPY,
                        .nsid = 1,
                        .dptr.prp1 = data,
                        .cdw10 = 70,
                        .cdw12 = PRACT | 7u << 12,
                        .cdw14 = 70,
                        .cdw15 = 0x4321};
        g_assert_cmphex(qnvme_cmd(n, 1, &copy), ==, NVME_SUCCESS);
        w.slba = w.ref = 70;
        w.nlb = 2;
        w.app = 0x4321;
        g_assert_cmphex(rw(n, w), ==, NVME_SUCCESS);
        copy.cdw12 = 7u << 12 | CHECK_ALL; /* not made anew: the reference tag does not fit */
        qtest_memwrite(n->s, data, range, sizeof(range));
        g_assert_cmphex(qnvme_cmd(n, 1, &copy), ==, NVME_REF_TAG_CHECK);
        range[24] = 11; /* type 1: the tag is the address */
        qtest_memwrite(n->s, data, range, sizeof(range));
        g_assert_cmphex(qnvme_cmd(n, 1, &copy), ==, NVME_INVALID_PROTECTION_INFO | DNR);
    }
    qnvme_stop(n);
}

/* 64-bit guards: made and checked by the controller; the format is told by Identify. */
static void test_guard64(const void *opaque)
{
    QNvme *n = start(GPOINTER_TO_INT(opaque), ",ms=16,pi=1,pif=2");
    uint64_t data = qtest_alloc(n->s, 0x4000, 4096), meta = qtest_alloc(n->s, 4096, 4096);
    Rw w = {.opcode = NVME_IO_WRITE, .slba = 3, .nlb = 2, .prinfo = PRACT, .data = data, .ref = 3};

    g_assert_cmphex(qnvme_identify(n, NVME_CNS_CSI_NAMESPACE, 1, n->page), ==, NVME_SUCCESS);
    g_assert_cmphex(qtest_readl(n->s, n->page + 12 + 4 * F512_16), ==, 2 << 7);
    qtest_memset(n->s, data, 0xff, 1024);
    g_assert_cmphex(rw(n, w), ==, NVME_SUCCESS);
    w.opcode = NVME_IO_READ;
    w.prinfo = CHECK_ALL;
    w.meta = meta;
    g_assert_cmphex(rw(n, w), ==, NVME_SUCCESS);
    g_assert_cmphex(qtest_readb(n->s, meta + 15), ==, 3);
    g_assert_cmphex(qtest_readb(n->s, meta + 31), ==, 4);
    qtest_writeb(n->s, meta + 3, qtest_readb(n->s, meta + 3) ^ 1);
    w.opcode = NVME_IO_WRITE;
    g_assert_cmphex(rw(n, w), ==, NVME_GUARD_CHECK);
    g_assert_cmphex(format(n, 1, F512_8 | 1 << 5), ==, NVME_INVALID_FORMAT | DNR);
    qnvme_stop(n);
}

int main(int argc, char **argv)
{
    g_autofree char *image = NULL;

    g_test_init(&argc, &argv, NULL);
    image = qpattern_image(4 * 1024 * 1024);
    g_setenv("NVME_TEST_IMAGE", image, true);
    qhome_add("/nvme-format/format", test_format);
    qhome_add("/nvme-format/in-flight", test_format_in_flight);
    qhome_add("/nvme-format/persistent", test_persistent);
    qhome_add("/nvme-format/metadata", test_metadata);
    qhome_add("/nvme-format/types", test_types);
    qhome_add("/nvme-format/placement", test_placement);
    qhome_add("/nvme-format/guard64", test_guard64);
    int res = g_test_run();
    unlink(image);
    return res;
}
