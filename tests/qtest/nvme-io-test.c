/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NVMe: I/O commands with each way to describe data and each status; shadow doorbells; and what
 * happens to commands in flight when the queue, the controller, the BAR or the bus-master bit goes
 * away below them. For each home that the device can have.
 */
#include "nvme-driver.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DNR NVME_DNR
#define IMAGE_SIZE (8u * 1024 * 1024)
#define BLOCKS (IMAGE_SIZE / 512)
#define NOT_RAM 0xe00000000u

static char *image;
static char *drive_args;

static QNvme *start(QHome home, const char *props)
{
    QNvme *n = qnvme_start(home, drive_args, props);
    qnvme_bring_up(n, 2, false);
    return n;
}

/* Is what lies at addr what the image has from block lba on? */
static void check_image(QNvme *n, uint64_t addr, uint64_t lba, size_t len)
{
    qpattern_check(n->s, addr, lba * 512, len);
}

/* --- data pointers
 * --------------------------------------------------------------------------------- */

static void test_prp(const void *opaque)
{
    QNvme *n = start(GPOINTER_TO_INT(opaque), "");
    uint64_t buf = qtest_alloc(n->s, 0x110000, 4096), list = qtest_alloc(n->s, 0x3000, 4096);

    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 3, 1, buf, 0), ==, NVME_SUCCESS);
    check_image(n, buf, 3, 512);
    g_assert_cmphex(qnvme_rw(n, 2, NVME_IO_READ, 5, 8, buf + 0x1000, 0), ==, NVME_SUCCESS);
    check_image(n, buf + 0x1000, 5, 4096);
    /* two pages, the first from its middle */
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 16, 8, buf + 0xe00, buf + 0x4000), ==,
                    NVME_SUCCESS);
    check_image(n, buf + 0xe00, 16, 512);
    check_image(n, buf + 0x4000, 17, 7 * 512);
    /* a list of pages in no order, from the middle of a page of the list */
    for (unsigned i = 0; i < 16; i++) {
        qtest_writeq(n->s, list + 0x800 + i * 8, buf + 0x1000 + (i * 5 % 16) * 0x1000);
    }
    g_assert_cmphex(qnvme_rw(n, 2, NVME_IO_READ, 100, 17 * 8, buf, list + 0x800), ==, NVME_SUCCESS);
    check_image(n, buf, 100, 4096);
    for (unsigned i = 0; i < 16; i++) {
        check_image(n, buf + 0x1000 + (i * 5 % 16) * 0x1000, 108 + i * 8, 4096);
    }
    /* a list over two pages: the last entry of the first one is a pointer */
    qtest_memset(n->s, buf, 0, 0x20000);
    for (unsigned i = 0; i < 16; i++) {
        qtest_writeq(n->s, (i < 3 ? list + 0xfe0 : list + 0x2000 - 3 * 8) + i * 8,
                     buf + 0x1000 + i * 0x1000);
    }
    qtest_writeq(n->s, list + 0xff8, list + 0x2000);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 0, 17 * 8, buf, list + 0xfe0), ==, NVME_SUCCESS);
    check_image(n, buf, 0, 17 * 4096);
    /* exactly the last entry of the page: no pointer */
    qtest_writeq(n->s, list + 0xff0, buf + 0x8000);
    qtest_writeq(n->s, list + 0xff8, buf + 0x9000);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 8, 24, buf, list + 0xff0), ==, NVME_SUCCESS);
    check_image(n, buf + 0x8000, 16, 8192);

    /* what is wrong */
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 0, 1, buf + 2, 0), ==,
                    NVME_INVALID_PRP_OFFSET | DNR);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 0, 16, buf, buf + 0x1008), ==,
                    NVME_INVALID_PRP_OFFSET | DNR);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 0, 64, buf, list + 4), ==,
                    NVME_INVALID_PRP_OFFSET | DNR);
    qtest_writeq(n->s, list + 8, buf + 0x1200);
    qtest_writeq(n->s, list, buf + 0x1000);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 0, 64, buf, list), ==,
                    NVME_INVALID_PRP_OFFSET | DNR);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 0, 1, NOT_RAM, 0), ==, NVME_DATA_TRANSFER_ERROR);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_WRITE, 0, 1, NOT_RAM, 0), ==, NVME_DATA_TRANSFER_ERROR);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 0, 64, buf, NOT_RAM), ==,
                    NVME_DATA_TRANSFER_ERROR);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 0, 1, n->bar->addr, 0), ==,
                    NVME_DATA_TRANSFER_ERROR);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 0, 8, UINT64_MAX & ~0xfffull, 0), ==,
                    NVME_DATA_TRANSFER_ERROR);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 0, 1, buf, 0), ==, NVME_SUCCESS);
    qnvme_stop(n);
}

static uint16_t sgl_read(QNvme *n, uint64_t slba, unsigned nlb, NvmeSglDescriptor d, unsigned psdt)
{
    NvmeCmd cmd = {.opcode = NVME_IO_READ,
                   .flags = (uint8_t)(psdt << 6),
                   .nsid = 1,
                   .dptr.sgl = d,
                   .cdw10 = (uint32_t)slba,
                   .cdw12 = nlb - 1};
    return qnvme_cmd(n, 1, &cmd);
}

static void put_sgl(QNvme *n, uint64_t at, uint64_t addr, uint32_t len, unsigned type)
{
    NvmeSglDescriptor d = {.addr = addr, .len = len, .type = (uint8_t)(type << 4)};
    qtest_memwrite(n->s, at, &d, sizeof(d));
}

#define SGL(a, l, t) ((NvmeSglDescriptor){.addr = (a), .len = (l), .type = (uint8_t)((t) << 4)})

static void test_sgl(const void *opaque)
{
    QNvme *n = start(GPOINTER_TO_INT(opaque), "");
    uint64_t buf = qtest_alloc(n->s, 0x10000, 4096), seg = qtest_alloc(n->s, 0x2000, 4096);

    g_assert_cmphex(sgl_read(n, 7, 2, SGL(buf + 1, 1024, NVME_SGL_DATA_BLOCK), 1), ==,
                    NVME_SUCCESS);
    check_image(n, buf + 1, 7, 1024);
    g_assert_cmphex(sgl_read(n, 8, 1, SGL(buf + 0x1ff0, 512, NVME_SGL_DATA_BLOCK), 2), ==,
                    NVME_SUCCESS);
    check_image(n, buf + 0x1ff0, 8, 512);
    /* a last segment of three pieces */
    put_sgl(n, seg, buf + 100, 100, NVME_SGL_DATA_BLOCK);
    put_sgl(n, seg + 16, buf + 0x3000, 412, NVME_SGL_DATA_BLOCK);
    put_sgl(n, seg + 32, buf + 0x2001, 512, NVME_SGL_DATA_BLOCK);
    g_assert_cmphex(sgl_read(n, 20, 2, SGL(seg, 48, NVME_SGL_LAST_SEGMENT), 1), ==, NVME_SUCCESS);
    check_image(n, buf + 0x2001, 21, 512);
    g_autofree uint8_t *got = g_malloc(512);
    qtest_memread(n->s, buf + 100, got, 100);
    qtest_memread(n->s, buf + 0x3000, got + 100, 412);
    for (unsigned i = 0; i < 512; i++) {
        g_assert_cmphex(got[i], ==, qpattern(20 * 512 + i));
    }
    /* two segments */
    put_sgl(n, seg, buf, 512, NVME_SGL_DATA_BLOCK);
    put_sgl(n, seg + 16, seg + 0x1000, 16, NVME_SGL_LAST_SEGMENT);
    put_sgl(n, seg + 0x1000, buf + 512, 512, NVME_SGL_DATA_BLOCK);
    g_assert_cmphex(sgl_read(n, 30, 2, SGL(seg, 32, NVME_SGL_SEGMENT), 1), ==, NVME_SUCCESS);
    check_image(n, buf, 30, 1024);

    /* what is wrong */
    g_assert_cmphex(sgl_read(n, 0, 2, SGL(buf, 512, NVME_SGL_DATA_BLOCK), 1), ==,
                    NVME_DATA_SGL_LENGTH_INVALID | DNR);
    g_assert_cmphex(sgl_read(n, 0, 1, SGL(buf, 1024, NVME_SGL_DATA_BLOCK), 1), ==,
                    NVME_DATA_SGL_LENGTH_INVALID | DNR);
    g_assert_cmphex(sgl_read(n, 0, 1, SGL(buf, 512, 7), 1), ==, NVME_SGL_TYPE_INVALID | DNR);
    g_assert_cmphex(sgl_read(n, 0, 1, SGL(NOT_RAM, 512, NVME_SGL_DATA_BLOCK), 1), ==,
                    NVME_DATA_TRANSFER_ERROR);
    g_assert_cmphex(sgl_read(n, 0, 1, SGL(NOT_RAM, 16, NVME_SGL_LAST_SEGMENT), 1), ==,
                    NVME_DATA_TRANSFER_ERROR);
    g_assert_cmphex(sgl_read(n, 0, 1, SGL(seg, 15, NVME_SGL_LAST_SEGMENT), 1), ==,
                    NVME_INVALID_SGL_SEGMENT | DNR);
    g_assert_cmphex(sgl_read(n, 0, 1, SGL(seg, 0, NVME_SGL_LAST_SEGMENT), 1), ==,
                    NVME_INVALID_SGL_SEGMENT | DNR);
    put_sgl(n, seg, seg, 16, NVME_SGL_LAST_SEGMENT); /* a segment in a last one */
    g_assert_cmphex(sgl_read(n, 0, 1, SGL(seg, 16, NVME_SGL_LAST_SEGMENT), 1), ==,
                    NVME_INVALID_SGL_SEGMENT | DNR);
    put_sgl(n, seg, seg, 16, NVME_SGL_SEGMENT); /* a chain without end */
    g_assert_cmphex(sgl_read(n, 0, 1, SGL(seg, 16, NVME_SGL_SEGMENT), 1) & ~DNR, ==,
                    NVME_INVALID_SGL_COUNT);
    g_assert_cmphex(sgl_read(n, 0, 1, SGL(buf, 512, NVME_SGL_DATA_BLOCK), 3), ==,
                    NVME_INVALID_FIELD | DNR);
    qnvme_stop(n);
}

/* --- commands
 * ------------------------------------------------------------------------------------------ */

static void test_commands(const void *opaque)
{
    QNvme *n = start(GPOINTER_TO_INT(opaque), ",mdts=3");
    uint64_t buf = qtest_alloc(n->s, 0x10000, 4096), back = qtest_alloc(n->s, 0x10000, 4096);
    uint8_t pattern[4096], got[4096];

    for (unsigned i = 0; i < sizeof(pattern); i++) {
        pattern[i] = (uint8_t)(i * 3 + i / 256);
    }
    qtest_memwrite(n->s, buf, pattern, sizeof(pattern));
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_WRITE, 1000, 8, buf, 0), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_rw(n, 2, NVME_IO_READ, 1000, 8, back, 0), ==, NVME_SUCCESS);
    qtest_memread(n->s, back, got, sizeof(got));
    g_assert_cmpmem(got, sizeof(got), pattern, sizeof(pattern));

    /* force unit access, flush, verify, compare */
    NvmeCmd fua = {.opcode = NVME_IO_WRITE,
                   .nsid = 1,
                   .dptr.prp1 = buf,
                   .cdw10 = 2000,
                   .cdw12 = NVME_RW_FUA | 7};
    g_assert_cmphex(qnvme_cmd(n, 1, &fua), ==, NVME_SUCCESS);
    NvmeCmd flush = {.opcode = NVME_IO_FLUSH, .nsid = NVME_NSID_ALL};
    g_assert_cmphex(qnvme_cmd(n, 1, &flush), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_VERIFY, 0, 64, 0, 0), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_COMPARE, 1000, 8, buf, 0), ==, NVME_SUCCESS);
    qtest_writeb(n->s, buf + 4095, (uint8_t)(pattern[4095] + 1));
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_COMPARE, 1000, 8, buf, 0), ==,
                    NVME_COMPARE_FAILURE | DNR);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_COMPARE, 1000, 8, NOT_RAM, 0), ==,
                    NVME_DATA_TRANSFER_ERROR);

    /* write zeroes, with and without deallocation */
    for (unsigned i = 0; i < 2; i++) {
        NvmeCmd wz = {.opcode = NVME_IO_WRITE_ZEROES,
                      .nsid = 1,
                      .cdw10 = 1000 + i * 1000,
                      .cdw12 = (i ? NVME_WZ_DEALLOCATE : 0) | 7};
        g_assert_cmphex(qnvme_cmd(n, 1, &wz), ==, NVME_SUCCESS);
        g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 1000 + i * 1000, 8, back, 0), ==,
                        NVME_SUCCESS);
        qtest_memread(n->s, back, got, sizeof(got));
        for (unsigned k = 0; k < sizeof(got); k++) {
            g_assert_cmphex(got[k], ==, 0);
        }
    }
    /* neighbours are as they were */
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 999, 1, back, 0), ==, NVME_SUCCESS);
    check_image(n, back, 999, 512);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 1008, 1, back, 0), ==, NVME_SUCCESS);
    check_image(n, back, 1008, 512);

    /* dataset management */
    NvmeDsmRange ranges[3] = {
        {.nlb = 8, .slba = 4000}, {.nlb = 0, .slba = 4100}, {.nlb = 16, .slba = 4200}};
    qtest_memwrite(n->s, buf, ranges, sizeof(ranges));
    NvmeCmd dsm = {.opcode = NVME_IO_DATASET_MANAGEMENT,
                   .nsid = 1,
                   .dptr.prp1 = buf,
                   .cdw10 = 2,
                   .cdw11 = NVME_DSM_DEALLOCATE};
    g_assert_cmphex(qnvme_cmd(n, 1, &dsm), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 4100, 1, back, 0), ==, NVME_SUCCESS);
    check_image(n, back, 4100, 512);
    ranges[2].slba = BLOCKS;
    qtest_memwrite(n->s, buf, ranges, sizeof(ranges));
    g_assert_cmphex(qnvme_cmd(n, 1, &dsm), ==, NVME_LBA_OUT_OF_RANGE | DNR);
    dsm.dptr.prp1 = NOT_RAM;
    g_assert_cmphex(qnvme_cmd(n, 1, &dsm), ==, NVME_DATA_TRANSFER_ERROR);
    dsm.cdw11 = 0; /* only hints */
    g_assert_cmphex(qnvme_cmd(n, 1, &dsm), ==, NVME_SUCCESS);

    /* the edges of the namespace and of MDTS (32 KiB) */
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, BLOCKS - 8, 8, back, 0), ==, NVME_SUCCESS);
    check_image(n, back, BLOCKS - 8, 4096);
    for (unsigned i = 0; i < 5; i++) {
        static const uint8_t op[] = {NVME_IO_READ, NVME_IO_WRITE, NVME_IO_WRITE_ZEROES,
                                     NVME_IO_COMPARE, NVME_IO_VERIFY};
        g_assert_cmphex(qnvme_rw(n, 1, op[i], BLOCKS - 7, 8, back, 0), ==,
                        NVME_LBA_OUT_OF_RANGE | DNR);
        g_assert_cmphex(qnvme_rw(n, 1, op[i], UINT64_MAX, 2, back, 0), ==,
                        NVME_LBA_OUT_OF_RANGE | DNR);
    }
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 0, 65, buf, back), ==, NVME_INVALID_FIELD | DNR);
    /* namespaces, opcodes, fused commands */
    NvmeCmd bad = {.opcode = NVME_IO_READ, .nsid = 2, .dptr.prp1 = buf};
    g_assert_cmphex(qnvme_cmd(n, 1, &bad), ==, NVME_INVALID_FIELD | DNR); /* not active */
    bad.nsid = 257;
    g_assert_cmphex(qnvme_cmd(n, 1, &bad), ==, NVME_INVALID_NSID | DNR);
    bad.nsid = 0;
    g_assert_cmphex(qnvme_cmd(n, 1, &bad), ==, NVME_INVALID_NSID | DNR);
    bad.nsid = NVME_NSID_ALL;
    g_assert_cmphex(qnvme_cmd(n, 1, &bad), ==, NVME_INVALID_NSID | DNR);
    bad.nsid = 1;
    bad.opcode = 0x90;
    g_assert_cmphex(qnvme_cmd(n, 1, &bad), ==, NVME_INVALID_OPCODE | DNR);
    bad.opcode = NVME_IO_READ;
    bad.flags = 1;
    g_assert_cmphex(qnvme_cmd(n, 1, &bad), ==, NVME_INVALID_FIELD | DNR);
    qnvme_stop(n);
}

/* More commands than the ring has entries, two queues at once, completions that wait for room. */
static void test_many(const void *opaque)
{
    QNvme *n = start(GPOINTER_TO_INT(opaque), "");
    uint64_t buf = qtest_alloc(n->s, 32 * 512, 4096);

    for (unsigned round = 0; round < 40; round++) {
        for (unsigned q = 1; q <= 2; q++) {
            for (unsigned i = 0; i < 15; i++) {
                NvmeCmd cmd = {.opcode = NVME_IO_READ,
                               .nsid = 1,
                               .dptr.prp1 = buf + (q - 1) * 8192 + i * 512,
                               .cdw10 = round * 16 + i};
                qnvme_push(n, q, &cmd);
            }
            qnvme_ring(n, q);
        }
        for (unsigned q = 1; q <= 2; q++) {
            for (unsigned i = 0; i < 15; i++) {
                g_assert_cmphex(qnvme_wait(n, q), ==, NVME_SUCCESS);
            }
            check_image(n, buf + (q - 1) * 8192, round * 16, 15 * 512);
        }
    }
    /* the completion queue is full: nothing is overwritten, the rest comes when there is room (in
     * any order) */
    QNvmeQueue *q = &n->q[1];
    NvmeCmd flush = {.opcode = NVME_IO_FLUSH, .nsid = 1};
    uint32_t last = (q->head + 14) % 16;
    unsigned phase = last < q->head ? !q->phase : q->phase;
    uint16_t first = n->cid;
    bool seen[25] = {false};
    for (unsigned i = 0; i < 15; i++) {
        qnvme_push(n, 1, &flush);
    }
    qnvme_ring(n, 1);
    while ((qtest_readw(n->s, q->cq + last * 16 + 14) & 1) != phase) {
        g_usleep(100);
    }
    for (unsigned i = 0; i < 10; i++) {
        qnvme_push(n, 1, &flush);
    }
    qnvme_ring(n, 1);
    g_usleep(20000);
    for (unsigned i = 0; i < 25; i++) {
        g_assert_cmphex(qnvme_wait(n, 1), ==, NVME_SUCCESS);
        uint16_t which = (uint16_t)(n->last_cid - first);
        g_assert_cmpuint(which, <, 25);
        g_assert_false(seen[which]);
        seen[which] = true;
    }
    g_assert_false(qnvme_ready(n, 1));
    qnvme_stop(n);
}

/* --- errors below, read-only disks
 * ----------------------------------------------------------------------- */

static void test_errors(const void *opaque)
{
    g_autofree char *args = g_strdup_printf(
        "-blockdev "
        "'{\"driver\":\"blkdebug\",\"node-name\":\"d0\",\"image\":{\"driver\":\"raw\",\"file\":"
        "{\"driver\":\"file\",\"filename\":\"%s\"}},\"inject-error\":["
        "{\"event\":\"none\",\"iotype\":\"read\",\"sector\":100,\"errno\":5},"
        "{\"event\":\"none\",\"iotype\":\"write\",\"sector\":200,\"errno\":28},"
        "{\"event\":\"none\",\"iotype\":\"write\",\"sector\":300,\"errno\":5}]}'",
        image);
    QNvme *n = qnvme_start(GPOINTER_TO_INT(opaque), args, ",werror=report");
    uint64_t buf = qtest_alloc(n->s, 4096, 4096);

    qnvme_bring_up(n, 1, false);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 100, 1, buf, 0), ==, NVME_UNRECOVERED_READ);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_COMPARE, 100, 1, buf, 0), ==, NVME_UNRECOVERED_READ);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_VERIFY, 100, 1, 0, 0), ==, NVME_UNRECOVERED_READ);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_WRITE, 200, 1, buf, 0), ==, NVME_CAPACITY_EXCEEDED);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_WRITE, 300, 1, buf, 0), ==, NVME_WRITE_FAULT);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 101, 1, buf, 0), ==, NVME_SUCCESS);
    json_object_put(qtest_qmp_event(n->s, "BLOCK_IO_ERROR"));
    qnvme_stop(n);
}

/* rerror=stop: the machine stops, the command waits, and is done again after cont. */
static void test_error_stop(const void *opaque)
{
    g_autofree char *args = g_strdup_printf(
        "-blockdev "
        "'{\"driver\":\"blkdebug\",\"node-name\":\"d0\",\"image\":{\"driver\":\"raw\",\"file\":"
        "{\"driver\":\"file\",\"filename\":\"%s\"}},\"inject-error\":["
        "{\"event\":\"none\",\"iotype\":\"read\",\"sector\":100,\"errno\":5,\"once\":true}]}'",
        image);
    QNvme *n = qnvme_start(GPOINTER_TO_INT(opaque), args, ",rerror=stop");
    uint64_t buf = qtest_alloc(n->s, 4096, 4096);
    NvmeCmd cmd = {.opcode = NVME_IO_READ, .nsid = 1, .dptr.prp1 = buf, .cdw10 = 100};

    qnvme_bring_up(n, 1, false);
    qnvme_push(n, 1, &cmd);
    qnvme_ring(n, 1);
    json_object_put(qtest_qmp_event(n->s, "STOP"));
    g_assert_false(qnvme_ready(n, 1));
    qtest_qmp_ok(n->s, "{'execute': 'cont'}");
    g_assert_cmphex(qnvme_wait(n, 1), ==, NVME_SUCCESS);
    check_image(n, buf, 100, 512);
    qnvme_stop(n);
}

static void test_read_only(const void *opaque)
{
    g_autofree char *args =
        g_strdup_printf("-drive if=none,id=d0,format=raw,readonly=on,file=%s", image);
    QNvme *n = qnvme_start(GPOINTER_TO_INT(opaque), args, "");
    uint64_t buf = qtest_alloc(n->s, 4096, 4096);
    NvmeDsmRange range = {.nlb = 8};

    qnvme_bring_up(n, 1, false);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 0, 8, buf, 0), ==, NVME_SUCCESS);
    check_image(n, buf, 0, 4096);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_WRITE, 0, 8, buf, 0), ==,
                    NVME_NAMESPACE_WRITE_PROTECTED | DNR);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_WRITE_ZEROES, 0, 8, buf, 0), ==,
                    NVME_NAMESPACE_WRITE_PROTECTED | DNR);
    qtest_memwrite(n->s, buf, &range, sizeof(range));
    NvmeCmd dsm = {.opcode = NVME_IO_DATASET_MANAGEMENT,
                   .nsid = 1,
                   .dptr.prp1 = buf,
                   .cdw11 = NVME_DSM_DEALLOCATE};
    g_assert_cmphex(qnvme_cmd(n, 1, &dsm), ==, NVME_NAMESPACE_WRITE_PROTECTED | DNR);
    g_assert_cmphex(qnvme_identify(n, NVME_CNS_NAMESPACE, 1, n->page), ==, NVME_SUCCESS);
    g_assert_cmphex(qtest_readb(n->s, n->page + offsetof(NvmeIdNamespace, nsattr)), ==, 1);
    qnvme_stop(n);
}

static void test_big_blocks(const void *opaque)
{
    QNvme *n = qnvme_start(GPOINTER_TO_INT(opaque), drive_args, ",logical_block_size=4096,mdts=0");
    uint64_t buf = qtest_alloc(n->s, 0x400000, 4096), list = qtest_alloc(n->s, 0x3000, 4096);

    qnvme_bring_up(n, 1, false);
    g_assert_cmphex(qnvme_identify(n, NVME_CNS_NAMESPACE, 1, n->page), ==, NVME_SUCCESS);
    g_assert_cmpuint(qtest_readq(n->s, n->page), ==, IMAGE_SIZE / 4096);
    unsigned format = qtest_readb(n->s, n->page + 26) & 0xf;
    g_assert_cmpuint(qtest_readb(n->s, n->page + 130 + format * 4), ==, 12);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 11, 1, buf, 0), ==, NVME_SUCCESS);
    check_image(n, buf, 88, 4096);
    /* no limit announced: 3 MiB in one command, backwards so that nothing merges */
    for (unsigned i = 0, at = 0; i < 767; i++, at++) {
        if (at % 512 == 511) {
            qtest_writeq(n->s, list + at * 8, list + (at + 1) * 8);
            at++;
        }
        qtest_writeq(n->s, list + at * 8, buf + (767 - i) * 4096);
    }
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 100, 768, buf, list), ==, NVME_SUCCESS);
    check_image(n, buf, 800, 4096);
    check_image(n, buf + 767 * 4096, 808, 4096);
    check_image(n, buf + 4096, 800 + 767 * 8, 4096);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_COMPARE, 100, 768, buf, list), ==, NVME_SUCCESS);
    qtest_writeb(n->s, buf + 4096, 0xff ^ qtest_readb(n->s, buf + 4096));
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_COMPARE, 100, 768, buf, list), ==,
                    NVME_COMPARE_FAILURE | DNR);
    qnvme_stop(n);
}

/* --- shadow doorbells
 * ---------------------------------------------------------------------------------------- */

static void test_dbbuf(const void *opaque)
{
    QNvme *n = start(GPOINTER_TO_INT(opaque), "");
    uint64_t dbs = qtest_alloc(n->s, 4096, 4096), eis = qtest_alloc(n->s, 4096, 4096);
    uint64_t buf = qtest_alloc(n->s, 16 * 512, 4096);
    NvmeCmd config = {.opcode = NVME_ADM_DOORBELL_BUFFER_CONFIG, .dptr = {{dbs + 8, eis}}};
    NvmeCmd read = {.opcode = NVME_IO_READ, .nsid = 1};

    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 0, 1, buf, 0), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_cmd(n, 0, &config), ==, NVME_INVALID_FIELD | DNR);
    config.dptr.prp1 = dbs;
    g_assert_cmphex(qnvme_cmd(n, 0, &config), ==, NVME_SUCCESS);
    g_assert_cmpuint(qtest_readl(n->s, dbs + 8), ==,
                     n->q[1].tail); /* what was rung before is there */

    for (unsigned round = 0; round < 10; round++) {
        /* the host writes its page, and rings only if the event index says so */
        uint32_t old = n->q[1].tail;
        for (unsigned i = 0; i < 5; i++) {
            read.dptr.prp1 = buf + i * 512;
            read.cdw10 = round * 5 + i;
            qnvme_push(n, 1, &read);
        }
        qtest_writel(n->s, dbs + 8, n->q[1].tail);
        uint32_t event = qtest_readl(n->s, eis + 8);
        uint16_t moved = (uint16_t)(n->q[1].tail - old),
                 since = (uint16_t)(n->q[1].tail - event - 1);
        if (since < moved) {
            qnvme_ring(n, 1);
        }
        for (unsigned i = 0; i < 5; i++) {
            g_assert_cmphex(qnvme_wait(n, 1), ==, NVME_SUCCESS);
            qtest_writel(n->s, dbs + 12, n->q[1].head);
        }
        check_image(n, buf, round * 5, 5 * 512);
    }
    /* the admin queue's copies are the controller's to write */
    g_assert_cmphex(qnvme_identify(n, 1, 0, n->page), ==, NVME_SUCCESS);
    g_assert_cmpuint(qtest_readl(n->s, dbs), ==, n->q[0].tail);
    /* a mad value in the page is an error event at most */
    qtest_writel(n->s, dbs + 8, 0xffff);
    qnvme_ring(n, 1);
    g_assert_cmphex(qnvme_identify(n, 1, 0, n->page), ==, NVME_SUCCESS);
    qtest_writel(n->s, dbs + 8, n->q[1].tail);
    /* a queue that is made now uses them, too; queues go and come while eventfds are there */
    for (unsigned i = 0; i < 3; i++) {
        qnvme_delete_pair(n, 2);
        for (unsigned k = 4; k < 6; k++) {
            qtest_writel(n->s, dbs + k * 4, 0);
            qtest_writel(n->s, eis + k * 4, 0);
        }
        qnvme_create_pair(n, 2, 16, 0);
        read.dptr.prp1 = buf;
        read.cdw10 = 77;
        qnvme_push(n, 2, &read);
        qtest_writel(n->s, dbs + 16, n->q[2].tail);
        qnvme_ring(n, 2);
        g_assert_cmphex(qnvme_wait(n, 2), ==, NVME_SUCCESS);
        qtest_writel(n->s, dbs + 20, n->q[2].head);
    }
    /* reset: registers count again */
    qnvme_disable(n);
    qnvme_bring_up(n, 2, false);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 9, 1, buf, 0), ==, NVME_SUCCESS);
    check_image(n, buf, 9, 512);
    qnvme_stop(n);
}

/* --- in flight
 * ----------------------------------------------------------------------------------------------------
 */

/* A disk whose requests take 100 ms of virtual time: they stay in flight until the test moves the
 * clock. */
#define SLOW_DISK \
    "-blockdev " \
    "driver=null-co,node-name=d0,size=1G,x-give-back=off,latency-ns=100000000,read-zeroes=on"

static QNvme *start_slow(QHome home)
{
    QNvme *n = qnvme_start(home, SLOW_DISK, "");
    qnvme_bring_up(n, 2, false);
    return n;
}

static void submit_slow(QNvme *n, unsigned qid, unsigned count, uint64_t buf)
{
    for (unsigned i = 0; i < count; i++) {
        NvmeCmd cmd = {
            .opcode = NVME_IO_READ, .nsid = 1, .dptr.prp1 = buf, .cdw10 = i * 8, .cdw12 = 7};
        qnvme_push(n, qid, &cmd);
    }
    qnvme_ring(n, qid);
    g_assert_false(qnvme_ready(n, qid));
}

/* Steps the clock until the controller has said goodbye to its queues. */
static void step_until_disabled(QNvme *n)
{
    for (unsigned i = 0; i < 2000 && qnvme_readl(n, NVME_REG_CSTS) & NVME_CSTS_RDY; i++) {
        qtest_clock_step(n->s, 10000000);
        g_usleep(1000);
    }
    qnvme_wait_csts(n, NVME_CSTS_RDY, 0);
    memset(n->q, 0, sizeof(n->q));
}

static void test_reset_in_flight(const void *opaque)
{
    QNvme *n = start_slow(GPOINTER_TO_INT(opaque));
    uint64_t buf = qtest_alloc(n->s, 4096, 4096);

    for (unsigned i = 0; i < 3; i++) {
        submit_slow(n, 1, 10, buf);
        submit_slow(n, 2, 3, buf);
        qnvme_writel(n, NVME_REG_CC, 0);
        g_assert_true(qnvme_readl(n, NVME_REG_CSTS) & NVME_CSTS_RDY); /* they are in flight still */
        step_until_disabled(n);
        qnvme_bring_up(n, 2, false);
    }
    /* a slow command that completes in time */
    submit_slow(n, 1, 1, buf);
    qtest_clock_step(n->s, 200000000);
    g_assert_cmphex(qnvme_wait(n, 1), ==, NVME_SUCCESS);
    /* enabled again before RDY went away */
    submit_slow(n, 1, 4, buf);
    uint32_t cc = qnvme_readl(n, NVME_REG_CC);
    qnvme_writel(n, NVME_REG_CC, 0);
    qnvme_writel(n, NVME_REG_CC, cc);
    qtest_clock_step(n->s, 200000000);
    qnvme_wait_csts(n, NVME_CSTS_RDY, NVME_CSTS_RDY);
    qnvme_writel(n, NVME_REG_CC, 0);
    step_until_disabled(n);
    qnvme_bring_up(n, 1, false);
    qnvme_stop(n); /* ends with what is in flight */
}

static void test_delete_in_flight(const void *opaque)
{
    QNvme *n = start_slow(GPOINTER_TO_INT(opaque));
    uint64_t buf = qtest_alloc(n->s, 4096, 4096);
    NvmeCmd del = {.opcode = NVME_ADM_DELETE_SQ, .cdw10 = 1};

    submit_slow(n, 1, 8, buf);
    qnvme_push(n, 0, &del);
    qnvme_ring(n, 0);
    g_assert_false(qnvme_ready(n, 0)); /* waits for them */
    qtest_clock_step(n->s, 200000000);
    g_assert_cmphex(qnvme_wait(n, 0), ==, NVME_SUCCESS);
    for (unsigned i = 0; i < 8; i++) {
        qnvme_wait(n, 1);
    }
    NvmeCmd del_cq = {.opcode = NVME_ADM_DELETE_CQ, .cdw10 = 1};
    g_assert_cmphex(qnvme_cmd(n, 0, &del_cq), ==, NVME_SUCCESS);
    qnvme_create_pair(n, 1, 16, 0);

    /* deleted, and the controller reset on top */
    submit_slow(n, 1, 8, buf);
    qnvme_push(n, 0, &del);
    qnvme_ring(n, 0);
    qnvme_writel(n, NVME_REG_CC, 0);
    step_until_disabled(n);
    qnvme_bring_up(n, 2, false);
    qnvme_stop(n);
}

static void test_bar_move_in_flight(const void *opaque)
{
    QNvme *n = start_slow(GPOINTER_TO_INT(opaque));
    uint64_t buf = qtest_alloc(n->s, 4096, 4096);

    for (unsigned i = 0; i < 4; i++) {
        submit_slow(n, 1, 5, buf);
        QPCIBar *old = n->bar;
        n->bar = qpci_iomap_at(n->dev, 0, old->addr + 0x1000000);
        g_free(old);
        qtest_clock_step(n->s, 200000000);
        for (unsigned k = 0; k < 5; k++) {
            g_assert_cmphex(qnvme_wait(n, 1), ==, NVME_SUCCESS);
        }
        g_assert_cmphex(qnvme_readl(n, NVME_REG_VS), ==, 0x00010400);
    }
    /* memory decoding off: nobody there; on again: as it was */
    qpci_config_writew(n->dev, 4, 0x0004);
    g_assert_cmphex(qnvme_readl(n, NVME_REG_VS), ==, 0);
    qpci_device_enable(n->dev);
    g_assert_cmphex(qnvme_identify(n, 1, 0, n->page), ==, NVME_SUCCESS);
    qnvme_stop(n);
}

static void test_bus_master_off(const void *opaque)
{
    QNvme *n = start_slow(GPOINTER_TO_INT(opaque));
    uint64_t buf = qtest_alloc(n->s, 4096, 4096);

    /* in flight, then off: the completion cannot be written, and nothing else happens to memory */
    submit_slow(n, 1, 4, buf);
    qpci_config_writew(n->dev, 4, 0x0002);
    qtest_clock_step(n->s, 200000000);
    qnvme_wait_csts(n, NVME_CSTS_CFS, NVME_CSTS_CFS);
    g_assert_false(qnvme_ready(n, 1));
    qpci_device_enable(n->dev);
    qnvme_writel(n, NVME_REG_CC, 0);
    step_until_disabled(n);
    qnvme_bring_up(n, 1, false);

    /* a doorbell while it is off: nothing is fetched */
    qpci_config_writew(n->dev, 4, 0x0002);
    NvmeCmd flush = {.opcode = NVME_IO_FLUSH, .nsid = 1};
    qnvme_push(n, 1, &flush);
    qnvme_ring(n, 1);
    qnvme_wait_csts(n, NVME_CSTS_CFS, NVME_CSTS_CFS);
    g_assert_false(qnvme_ready(n, 1));
    qpci_device_enable(n->dev);
    qnvme_writel(n, NVME_REG_CC, 0);
    step_until_disabled(n);
    qnvme_bring_up(n, 1, false);
    qnvme_stop(n);
}

static void test_system_reset_in_flight(const void *opaque)
{
    /* real time: a machine reset ends commands by waiting for them */
    QNvme *n = qnvme_start(GPOINTER_TO_INT(opaque), drive_args, "");
    uint64_t buf = qtest_alloc(n->s, 4096, 4096);

    for (unsigned i = 0; i < 5; i++) {
        qnvme_bring_up(n, 2, false);
        for (unsigned k = 0; k < 15; k++) {
            NvmeCmd cmd = {
                .opcode = NVME_IO_READ, .nsid = 1, .dptr.prp1 = buf, .cdw10 = k * 8, .cdw12 = 7};
            qnvme_push(n, 1 + k % 2, &cmd);
        }
        qnvme_ring(n, 1);
        qnvme_ring(n, 2);
        qtest_system_reset(n->s);
        qnvme_probe(n);
        g_assert_cmphex(qnvme_readl(n, NVME_REG_CSTS), ==, 0);
    }
    /* function-level reset */
    qnvme_bring_up(n, 1, false);
    uint8_t cap = qpci_find_capability(n->dev, 0x10, 0);
    g_assert_cmphex(qpci_config_readl(n->dev, cap + 4) >> 28 & 1, ==, 1);
    qpci_config_writew(n->dev, cap + 8, qpci_config_readw(n->dev, cap + 8) | 0x8000);
    gint64 end = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;
    while (qpci_config_readw(n->dev, 4) & 4) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
    qnvme_probe(n);
    g_assert_cmphex(qnvme_readl(n, NVME_REG_CC), ==, 0);
    qnvme_bring_up(n, 1, false);
    qnvme_stop(n);
}

/* Behind a root port: unplugged with commands in flight (a reset ends the wait for the guest), then
 * a new device on the same homes. */
static void test_unplug(const void *opaque)
{
    static const char *const homes[HOMES] =
        QHOME_JSON("'ior1', 'ior2'", "{'iothread': 'iot0'}, {'iothread': 'iot1'}");
    QHome home = qhome_of(opaque);
    g_autofree char *args =
        g_strdup_printf("-blockdev driver=file,node-name=d0,filename=%s -device "
                        "pcie-root-port,id=rp0,addr=06.0,chassis=1,slot=1",
                        image);
    QNvme *n = qnvme_start_behind(home, args, "rp0");
    uint64_t buf = qtest_alloc(n->s, 4096, 4096);

    for (unsigned round = 0; round < 3; round++) {
        qnvme_bring_up(n, 2, false);
        g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 5, 1, buf, 0), ==, NVME_SUCCESS);
        check_image(n, buf, 5, 512);
        for (unsigned k = 0; k < 12; k++) {
            NvmeCmd cmd = {
                .opcode = NVME_IO_READ, .nsid = 1, .dptr.prp1 = buf, .cdw10 = k * 8, .cdw12 = 7};
            qnvme_push(n, 1 + k % 2, &cmd);
        }
        qtest_qmp_ok(n->s, "{'execute': 'device_del', 'arguments': {'id': 'nvme0'}}");
        qnvme_ring(n, 1);
        qnvme_ring(n, 2);
        qtest_qmp_ok(n->s, "{'execute': 'system_reset'}");
        json_object_put(qtest_qmp_event(n->s, "DEVICE_DELETED"));
        json_object_put(qtest_qmp_event(n->s, "RESET"));
        qtest_qmp_ok(n->s,
                     "{'execute': 'device_add', 'arguments': {'driver': 'nvme', 'id': 'nvme0', "
                     "'bus': 'rp0', "
                     "'serial': 'again', 'drive': 'd0'%s}}",
                     homes[home]);
        qnvme_probe_behind(n);
    }
    qnvme_stop(n);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    image = qpattern_image(IMAGE_SIZE);
    /* Each run of the emulator begins with the same image. */
    drive_args = g_strdup_printf("-drive if=none,id=d0,format=raw,snapshot=off,file=%s", image);
    qhome_add("/nvme-io/prp", test_prp);
    qhome_add("/nvme-io/sgl", test_sgl);
    qhome_add("/nvme-io/commands", test_commands);
    qhome_add("/nvme-io/many", test_many);
    qhome_add("/nvme-io/errors", test_errors);
    qhome_add("/nvme-io/error-stop", test_error_stop);
    qhome_add("/nvme-io/read-only", test_read_only);
    qhome_add("/nvme-io/big-blocks", test_big_blocks);
    qhome_add("/nvme-io/dbbuf", test_dbbuf);
    qhome_add("/nvme-io/in-flight/reset", test_reset_in_flight);
    qhome_add("/nvme-io/in-flight/delete", test_delete_in_flight);
    qhome_add("/nvme-io/in-flight/bar-move", test_bar_move_in_flight);
    qhome_add("/nvme-io/in-flight/bus-master", test_bus_master_off);
    qhome_add("/nvme-io/in-flight/system-reset", test_system_reset_in_flight);
    qhome_add("/nvme-io/unplug", test_unplug);
    int res = g_test_run();
    unlink(image);
    return res;
}
