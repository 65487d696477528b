/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NVMe: the I/O commands that are more than reads and writes: fused Compare and Write, Copy, Write
 * Uncorrectable, errors for deallocated blocks, Verify; and what Abort can take back.
 */
#include "nvme-driver.h"

#include <string.h>
#include <unistd.h>

#define DNR NVME_DNR
#define IMAGE_SIZE (4u * 1024 * 1024)
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

static uint8_t block_byte(QNvme *n, uint64_t lba)
{
    uint64_t buf = qtest_alloc(n->s, 4096, 4096);

    g_assert_cmphex(qnvme_rw(n, 2, NVME_IO_READ, lba, 1, buf, 0), ==, NVME_SUCCESS);
    return qtest_readb(n->s, buf + 17);
}

static void fill(QNvme *n, uint64_t lba, unsigned nlb, uint8_t value)
{
    uint64_t buf = qtest_alloc(n->s, 0x4000, 4096);

    qtest_memset(n->s, buf, value, nlb * 512);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_WRITE, lba, nlb, buf, buf + 4096), ==, NVME_SUCCESS);
}

/* --- fused ----------------------------------------------------------------------------------- */

typedef struct Fused {
    uint16_t first, second;
} Fused;

/* Submits Compare and Write together and waits for both. */
static Fused fused(QNvme *n, unsigned qid, NvmeCmd *compare, NvmeCmd *write)
{
    Fused f = {0xffff, 0xffff};

    compare->flags |= 1;
    write->flags |= 2;
    uint16_t a = qnvme_push(n, qid, compare), b = qnvme_push(n, qid, write);
    qnvme_ring(n, qid);
    for (unsigned i = 0; i < 2; i++) {
        uint16_t status = qnvme_wait(n, qid);

        if (n->last_cid == a) {
            f.first = status;
        } else {
            g_assert_cmpuint(n->last_cid, ==, b);
            f.second = status;
        }
    }
    return f;
}

static void test_fused(const void *opaque)
{
    QNvme *n = start(GPOINTER_TO_INT(opaque), "");
    uint64_t old = qtest_alloc(n->s, 4096, 4096), new = qtest_alloc(n->s, 4096, 4096);
    NvmeCmd cmp, wr;
    Fused f;

#define PAIR(lba) \
    cmp = (NvmeCmd){ \
        .opcode = NVME_IO_COMPARE, .nsid = 1, .dptr.prp1 = old, .cdw10 = (lba), .cdw12 = 1}; \
    wr = (NvmeCmd){.opcode = NVME_IO_WRITE, .nsid = 1, .dptr.prp1 = new, .cdw10 = (lba), .cdw12 = 1}

    fill(n, 100, 2, 0x11);
    qtest_memset(n->s, old, 0x11, 4096);
    qtest_memset(n->s, new, 0x22, 4096);
    PAIR(100);
    f = fused(n, 1, &cmp, &wr);
    g_assert_cmphex(f.first, ==, NVME_SUCCESS);
    g_assert_cmphex(f.second, ==, NVME_SUCCESS);
    g_assert_cmphex(block_byte(n, 101), ==, 0x22);
    /* the same again: what was compared is no longer there, so nothing is written */
    qtest_memset(n->s, new, 0x33, 4096);
    PAIR(100);
    f = fused(n, 1, &cmp, &wr);
    g_assert_cmphex(f.first, ==, NVME_COMPARE_FAILURE | DNR);
    g_assert_cmphex(f.second, ==, NVME_ABORT_FAILED_FUSED);
    g_assert_cmphex(block_byte(n, 100), ==, 0x22);
    /* blocks that differ, another second command, another namespace */
    PAIR(100);
    wr.cdw10++;
    f = fused(n, 1, &cmp, &wr);
    g_assert_cmphex(f.first, ==, NVME_INVALID_FIELD | DNR);
    g_assert_cmphex(f.second, ==, NVME_INVALID_FIELD | DNR);
    PAIR(100);
    wr.opcode = NVME_IO_READ;
    f = fused(n, 1, &cmp, &wr);
    g_assert_cmphex(f.first, ==, NVME_INVALID_FIELD | DNR);
    PAIR(100);
    cmp.nsid = wr.nsid = 9;
    f = fused(n, 1, &cmp, &wr);
    g_assert_cmphex(f.first, ==, NVME_INVALID_FIELD | DNR);
    PAIR(BLOCKS - 1);
    f = fused(n, 1, &cmp, &wr);
    g_assert_cmphex(f.first, ==, NVME_LBA_OUT_OF_RANGE | DNR);
    g_assert_cmphex(f.second, ==, NVME_ABORT_FAILED_FUSED);
    PAIR(100);
    qtest_memset(n->s, old, 0x22, 4096);
    wr.dptr.prp1 = NOT_RAM;
    f = fused(n, 1, &cmp, &wr);
    g_assert_cmphex(f.first, ==, NVME_SUCCESS);
    g_assert_cmphex(f.second, ==, NVME_DATA_TRANSFER_ERROR);

    /* one alone */
    PAIR(100);
    cmp.flags = 1;
    g_assert_cmphex(qnvme_cmd(n, 1, &cmp), ==, NVME_ABORT_MISSING_FUSED | DNR);
    wr.flags = 2;
    g_assert_cmphex(qnvme_cmd(n, 1, &wr), ==, NVME_ABORT_MISSING_FUSED | DNR);
    wr.flags = 3;
    g_assert_cmphex(qnvme_cmd(n, 1, &wr), ==, NVME_INVALID_FIELD | DNR);
    wr.flags = 0;
    cmp.flags = 1;
    uint16_t lone = qnvme_push(n, 1, &cmp);
    qnvme_push(n, 1, &wr);
    qnvme_ring(n, 1);
    for (unsigned i = 0; i < 2; i++) {
        uint16_t status = qnvme_wait(n, 1);
        g_assert_cmphex(status, ==,
                        n->last_cid == lone ? NVME_ABORT_MISSING_FUSED | DNR : NVME_SUCCESS);
    }
    NvmeCmd admin = {.opcode = NVME_ADM_IDENTIFY, .flags = 1, .dptr.prp1 = n->page, .cdw10 = 1};
    g_assert_cmphex(qnvme_cmd(n, 0, &admin), ==, NVME_INVALID_FIELD | DNR);

    /* two queues fight for one lock: each value is won once */
    fill(n, 200, 1, 0);
    uint64_t bufs = qtest_alloc(n->s, 0x20000, 4096);
    unsigned won = 0;
    for (unsigned i = 0; i < 6; i++) {
        for (unsigned q = 1; q <= 2; q++) {
            uint64_t a = bufs + (i * 4 + q * 2) * 4096, b = a + 4096;
            qtest_memset(n->s, a, i, 512);
            qtest_memset(n->s, b, i + 1, 512);
            cmp = (NvmeCmd){
                .opcode = NVME_IO_COMPARE, .flags = 1, .nsid = 1, .dptr.prp1 = a, .cdw10 = 200};
            wr = (NvmeCmd){
                .opcode = NVME_IO_WRITE, .flags = 2, .nsid = 1, .dptr.prp1 = b, .cdw10 = 200};
            qnvme_push(n, q, &cmp);
            qnvme_push(n, q, &wr);
        }
        qnvme_ring(n, 1);
        qnvme_ring(n, 2);
        for (unsigned k = 0; k < 4; k++) {
            uint16_t status = qnvme_wait(n, 1 + k % 2);
            won += status == NVME_SUCCESS;
            g_assert_true(status == NVME_SUCCESS || status == NVME_ABORT_FAILED_FUSED ||
                          status == (NVME_COMPARE_FAILURE | DNR));
        }
        g_assert_cmpuint(won, ==, (i + 1) * 2);
    }
    g_assert_cmphex(block_byte(n, 200), ==, 6);
    qnvme_stop(n);
}

/* --- copy ------------------------------------------------------------------------------------ */

typedef struct QEMU_PACKED CopyRange {
    uint64_t rsvd0, slba;
    uint16_t nlb;
    uint8_t rsvd18[14];
} CopyRange;

static uint16_t copy(QNvme *n, uint64_t at, unsigned ranges, unsigned format, uint64_t sdlba)
{
    NvmeCmd cmd = {.opcode = NVME_IO_COPY,
                   .nsid = 1,
                   .dptr.prp1 = at,
                   .cdw10 = (uint32_t)sdlba,
                   .cdw11 = (uint32_t)(sdlba >> 32),
                   .cdw12 = (ranges - 1) | format << 8};
    return qnvme_cmd(n, 1, &cmd);
}

static void test_copy(const void *opaque)
{
    QNvme *n = start(GPOINTER_TO_INT(opaque), ",mssrl=300,mcl=400,msrc=2");
    uint64_t list = qtest_alloc(n->s, 4096, 4096);
    CopyRange r[4] = {{.slba = 10, .nlb = 0}, {.slba = 20, .nlb = 2}, {.slba = 40, .nlb = 299}};

    g_assert_cmphex(qnvme_identify(n, NVME_CNS_NAMESPACE, 1, n->page), ==, NVME_SUCCESS);
    g_assert_cmpuint(qtest_readw(n->s, n->page + 74), ==, 300);
    g_assert_cmpuint(qtest_readl(n->s, n->page + 76), ==, 400);
    g_assert_cmpuint(qtest_readb(n->s, n->page + 80), ==, 2);
    for (unsigned i = 0; i < 8; i++) {
        fill(n, 10 + i * 4, 4, 0x40 + i);
    }
    fill(n, 339, 1, 0x99);
    qtest_memwrite(n->s, list, r, sizeof(r));
    g_assert_cmphex(copy(n, list, 3, 0, 1000), ==, NVME_SUCCESS);
    g_assert_cmpuint(n->result, ==, 3);
    g_assert_cmphex(block_byte(n, 1000), ==, 0x40);
    g_assert_cmphex(block_byte(n, 1001), ==, 0x42);
    g_assert_cmphex(block_byte(n, 1003), ==, 0x43);
    g_assert_cmphex(block_byte(n, 1004), ==, 0x47);
    g_assert_cmphex(block_byte(n, 1303), ==, 0x99);
    g_assert_cmphex(block_byte(n, 1304), ==, qpattern(1304 * 512 + 17));

    g_assert_cmphex(copy(n, list, 4, 0, 1000), ==, NVME_COMMAND_SIZE_LIMIT | DNR);
    g_assert_cmphex(copy(n, list, 1, 1, 1000), ==, NVME_INVALID_FIELD | DNR);
    g_assert_cmphex(copy(n, list, 1, 2, 1000), ==, NVME_INVALID_FIELD | DNR);
    g_assert_cmphex(copy(n, list, 1, 0, BLOCKS), ==, NVME_LBA_OUT_OF_RANGE | DNR);
    g_assert_cmphex(copy(n, NOT_RAM, 1, 0, 1000), ==, NVME_DATA_TRANSFER_ERROR);
    g_assert_cmphex(copy(n, list, 2, 0, 21), ==, NVME_OVERLAPPING_RANGE | DNR);
    r[1].nlb = 300; /* one more than MSSRL */
    qtest_memwrite(n->s, list, r, sizeof(r));
    g_assert_cmphex(copy(n, list, 2, 0, 1000), ==, NVME_COMMAND_SIZE_LIMIT | DNR);
    r[1].nlb = 299; /* together more than MCL */
    qtest_memwrite(n->s, list, r, sizeof(r));
    g_assert_cmphex(copy(n, list, 3, 0, 1000), ==, NVME_COMMAND_SIZE_LIMIT | DNR);
    r[0].slba = BLOCKS;
    qtest_memwrite(n->s, list, r, sizeof(r));
    g_assert_cmphex(copy(n, list, 1, 0, 1000), ==, NVME_LBA_OUT_OF_RANGE | DNR);
    qnvme_stop(n);
}

/* --- marks ----------------------------------------------------------------------------------- */

static void test_uncorrectable(const void *opaque)
{
    QNvme *n = start(GPOINTER_TO_INT(opaque), "");
    uint64_t buf = qtest_alloc(n->s, 0x4000, 4096);
    CopyRange r = {.slba = 1004, .nlb = 7};

    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_WRITE_UNCORRECTABLE, 1000, 16, 0, 0), ==, NVME_SUCCESS);
    static const uint8_t reads[] = {NVME_IO_READ, NVME_IO_COMPARE, NVME_IO_VERIFY};
    for (size_t i = 0; i < sizeof(reads); i++) {
        g_assert_cmphex(qnvme_rw(n, 1, reads[i], 1015, 4, buf, 0), ==, NVME_UNRECOVERED_READ);
        g_assert_cmphex(qnvme_rw(n, 2, reads[i], 996, 5, buf, 0), ==, NVME_UNRECOVERED_READ);
    }
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 1016, 4, buf, 0), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 996, 4, buf, 0), ==, NVME_SUCCESS);
    qtest_memwrite(n->s, buf, &r, sizeof(r));
    g_assert_cmphex(copy(n, buf, 1, 0, 2000), ==, NVME_UNRECOVERED_READ);
    /* writing takes the mark away, from those blocks alone */
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_WRITE, 1004, 4, buf, 0), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 1004, 4, buf, 0), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 1003, 1, buf, 0), ==, NVME_UNRECOVERED_READ);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 1008, 1, buf, 0), ==, NVME_UNRECOVERED_READ);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_WRITE_ZEROES, 1000, 4, 0, 0), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 1000, 8, buf, 0), ==, NVME_SUCCESS);
    /* a write that is refused changes nothing */
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_WRITE, 1008, 4, NOT_RAM, 0), ==,
                    NVME_DATA_TRANSFER_ERROR);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 1008, 1, buf, 0), ==, NVME_UNRECOVERED_READ);
    r = (CopyRange){.slba = 0, .nlb = 7};
    qtest_memwrite(n->s, buf, &r, sizeof(r));
    g_assert_cmphex(copy(n, buf, 1, 0, 1008), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 1000, 16, buf, buf + 4096), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_WRITE_UNCORRECTABLE, BLOCKS - 1, 2, 0, 0), ==,
                    NVME_LBA_OUT_OF_RANGE | DNR);
    /* a host that marks every other block comes to an end */
    unsigned marked = 0;
    uint16_t status = NVME_SUCCESS;
    for (; marked < BLOCKS / 2 && !status; marked++) {
        status = qnvme_rw(n, 1, NVME_IO_WRITE_UNCORRECTABLE, marked * 2, 1, 0, 0);
    }
    g_assert_cmpuint(marked, ==, 4096);
    qnvme_stop(n);
}

static void test_deallocated(const void *opaque)
{
    QNvme *n = start(GPOINTER_TO_INT(opaque), "");
    uint64_t buf = qtest_alloc(n->s, 0x4000, 4096);
    NvmeDsmRange range = {.nlb = 8, .slba = 512};
    NvmeCmd dulbe = {.opcode = NVME_ADM_SET_FEATURES,
                     .nsid = 1,
                     .cdw10 = NVME_FEAT_ERROR_RECOVERY,
                     .cdw11 = BIT(16) | 7};
    NvmeCmd dsm = {.opcode = NVME_IO_DATASET_MANAGEMENT,
                   .nsid = 1,
                   .dptr.prp1 = buf,
                   .cdw11 = NVME_DSM_DEALLOCATE};

    g_assert_cmphex(qnvme_cmd(n, 0, &dulbe), ==, NVME_SUCCESS);
    NvmeCmd get = {.opcode = NVME_ADM_GET_FEATURES, .nsid = 1, .cdw10 = NVME_FEAT_ERROR_RECOVERY};
    g_assert_cmphex(qnvme_cmd(n, 0, &get), ==, NVME_SUCCESS);
    g_assert_cmphex(n->result, ==, (BIT(16) | 7));
    qtest_memwrite(n->s, buf, &range, sizeof(range));
    g_assert_cmphex(qnvme_cmd(n, 1, &dsm), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 519, 2, buf, 0), ==,
                    NVME_DEALLOCATED_OR_UNWRITTEN);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 520, 2, buf, 0), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_WRITE, 519, 1, buf, 0), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 519, 2, buf, 0), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 518, 1, buf, 0), ==,
                    NVME_DEALLOCATED_OR_UNWRITTEN);
    NvmeCmd wz = {
        .opcode = NVME_IO_WRITE_ZEROES, .nsid = 1, .cdw10 = 600, .cdw12 = NVME_WZ_DEALLOCATE | 7};
    g_assert_cmphex(qnvme_cmd(n, 1, &wz), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 600, 8, buf, 0), ==,
                    NVME_DEALLOCATED_OR_UNWRITTEN);
    dulbe.cdw11 = 0;
    g_assert_cmphex(qnvme_cmd(n, 0, &dulbe), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 600, 8, buf, 0), ==, NVME_SUCCESS);
    g_assert_cmphex(qtest_readb(n->s, buf), ==, 0);
    qnvme_stop(n);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    image = qpattern_image(IMAGE_SIZE);
    drive_args = g_strdup_printf("-drive if=none,id=d0,format=raw,file=%s", image);
    qhome_add("/nvme-commands/fused", test_fused);
    qhome_add("/nvme-commands/copy", test_copy);
    qhome_add("/nvme-commands/uncorrectable", test_uncorrectable);
    qhome_add("/nvme-commands/deallocated", test_deallocated);
    int res = g_test_run();
    unlink(image);
    return res;
}
