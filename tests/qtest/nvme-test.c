/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NVMe: registers and the admin command set, with the device's home in the main loop, in an
 * IOThread, behind ioregionfd, and with a home for each queue. nvme-io-test.c has the I/O commands
 * and what happens while they are in flight.
 */
#include "nvme-driver.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DNR NVME_DNR

static char *image;
static char *drive_args; /* d0 on the image */

static QNvme *start(QHome home, const char *props)
{
    return qnvme_start(home, drive_args, props);
}

/* --- registers
 * ------------------------------------------------------------------------------------ */

static void test_registers(const void *opaque)
{
    QNvme *n = start(GPOINTER_TO_INT(opaque), "");
    uint64_t cap = qpci_io_read(n->bar, NVME_REG_CAP, 8);

    g_assert_cmphex(qpci_config_readw(n->dev, 0), ==, 0x1b36);
    g_assert_cmphex(qpci_config_readw(n->dev, 2), ==, 0x0010);
    g_assert_cmphex(qpci_config_readl(n->dev, 8) >> 8, ==, 0x010802);
    g_assert_cmpuint((cap & 0xffff) + 1, ==, 2048);
    g_assert_true(cap & NVME_CAP_CQR);
    g_assert_true(cap & NVME_CAP_CSS_NVM);
    g_assert_cmpuint(cap >> 32 & 0xf, ==, 0); /* doorbell stride 4 */
    g_assert_cmphex(qnvme_readl(n, NVME_REG_CAP), ==, (uint32_t)cap);
    g_assert_cmphex(qnvme_readl(n, NVME_REG_CAP + 4), ==, (uint32_t)(cap >> 32));
    g_assert_cmphex(qnvme_readl(n, NVME_REG_VS), ==, 0x00010400);
    g_assert_cmphex(qnvme_readl(n, NVME_REG_CC), ==, 0);
    g_assert_cmphex(qnvme_readl(n, NVME_REG_CSTS), ==, 0);
    g_assert_cmphex(qpci_io_read(n->bar, NVME_REG_VS, 2), ==, 0x0400);
    g_assert_cmphex(qpci_io_read(n->bar, NVME_REG_VS + 2, 1), ==, 0x01);

    /* read-only registers */
    qnvme_writel(n, NVME_REG_CAP, 0);
    qnvme_writel(n, NVME_REG_VS, 0);
    qnvme_writel(n, NVME_REG_CSTS, 0xffffffff);
    g_assert_cmphex(qpci_io_read(n->bar, NVME_REG_CAP, 8), ==, cap);
    g_assert_cmphex(qnvme_readl(n, NVME_REG_VS), ==, 0x00010400);
    g_assert_cmphex(qnvme_readl(n, NVME_REG_CSTS), ==, 0);

    /* masks of what can be written, halves of 64 bits */
    qnvme_writel(n, NVME_REG_AQA, 0xffffffff);
    g_assert_cmphex(qnvme_readl(n, NVME_REG_AQA), ==, 0x0fff0fff);
    qpci_io_write(n->bar, NVME_REG_ASQ, 8, 0x123456789abcdeff);
    g_assert_cmphex(qpci_io_read(n->bar, NVME_REG_ASQ, 8), ==, 0x123456789abcd000);
    qnvme_writel(n, NVME_REG_ACQ, 0x11111fff);
    qnvme_writel(n, NVME_REG_ACQ + 4, 0x22222222);
    g_assert_cmphex(qpci_io_read(n->bar, NVME_REG_ACQ, 8), ==, 0x2222222211111000);

    /* interrupt mask: set and clear */
    qnvme_writel(n, NVME_REG_INTMS, 0xf0f);
    qnvme_writel(n, NVME_REG_INTMS, 0x10);
    g_assert_cmphex(qnvme_readl(n, NVME_REG_INTMS), ==, 0xf1f);
    qnvme_writel(n, NVME_REG_INTMC, 0x0f);
    g_assert_cmphex(qnvme_readl(n, NVME_REG_INTMC), ==, 0xf10);
    qnvme_writel(n, NVME_REG_INTMC, 0xffffffff);

    /* too narrow and misplaced writes do nothing; doorbells read as 0 */
    qpci_io_write(n->bar, NVME_REG_CC, 1, 1);
    qpci_io_write(n->bar, NVME_REG_CC, 2, 1);
    g_assert_cmphex(qnvme_readl(n, NVME_REG_CC), ==, 0);
    g_assert_cmphex(qnvme_readl(n, NVME_REG_DOORBELLS), ==, 0);
    g_assert_cmphex(qnvme_readl(n, 0xffc), ==, 0);
    qnvme_stop(n);
}

static void expect_fatal(QNvme *n, uint32_t cc)
{
    qnvme_writel(n, NVME_REG_CC, cc | NVME_CC_EN);
    qnvme_wait_csts(n, NVME_CSTS_CFS | NVME_CSTS_RDY, NVME_CSTS_CFS);
    qnvme_writel(n, NVME_REG_CC, 0);
    qnvme_wait_csts(n, NVME_CSTS_CFS | NVME_CSTS_RDY, 0);
}

static void test_enable(const void *opaque)
{
    QNvme *n = start(GPOINTER_TO_INT(opaque), "");
    uint64_t asq = qtest_alloc(n->s, 4096, 4096), acq = qtest_alloc(n->s, 4096, 4096);

    expect_fatal(n, 0); /* no queues */
    qnvme_writel(n, NVME_REG_AQA, 0x001f001f);
    qpci_io_write(n->bar, NVME_REG_ASQ, 8, asq);
    expect_fatal(n, 0); /* no completion queue */
    qpci_io_write(n->bar, NVME_REG_ACQ, 8, acq);
    expect_fatal(n, 15 << 7); /* page size */
    expect_fatal(n, 1 << 4);  /* command set */
    expect_fatal(n, 7 << 11); /* arbitration */
    qnvme_writel(n, NVME_REG_AQA, 0);
    expect_fatal(n, 0); /* queues of one entry */

    /* enabled: the queue registers do not change any more */
    qnvme_enable(n, 32);
    qnvme_writel(n, NVME_REG_AQA, 0x00070007);
    qpci_io_write(n->bar, NVME_REG_ASQ, 8, 0x1000);
    g_assert_cmphex(qnvme_readl(n, NVME_REG_AQA), ==, 0x001f001f);
    g_assert_cmphex(qpci_io_read(n->bar, NVME_REG_ASQ, 8), ==, n->q[0].sq);
    g_assert_cmphex(qnvme_identify(n, NVME_CNS_CONTROLLER, 0, n->page), ==, NVME_SUCCESS);

    /* off and on again, several times, with queues */
    for (unsigned i = 0; i < 5; i++) {
        qnvme_disable(n);
        qnvme_bring_up(n, 2, false);
    }
    /* shutdown: everything is durable before SHST says so */
    qnvme_writel(n, NVME_REG_CC, qnvme_readl(n, NVME_REG_CC) | 1 << 14);
    qnvme_wait_csts(n, NVME_CSTS_SHST_MASK, NVME_CSTS_SHST_COMPLETE);
    qnvme_disable(n);
    qnvme_wait_csts(n, NVME_CSTS_SHST_MASK, 0);
    qnvme_bring_up(n, 1, false);

    /* a machine reset takes everything away */
    qtest_system_reset(n->s);
    qnvme_probe(n);
    g_assert_cmphex(qnvme_readl(n, NVME_REG_CC), ==, 0);
    g_assert_cmphex(qnvme_readl(n, NVME_REG_CSTS), ==, 0);
    g_assert_cmphex(qnvme_readl(n, NVME_REG_AQA), ==, 0);
    qnvme_bring_up(n, 1, false);
    qnvme_stop(n);
}

static void test_page_sizes(const void *opaque)
{
    QNvme *n = start(GPOINTER_TO_INT(opaque), "");

    /* 64 KiB pages: a structure may begin in the middle of one */
    uint64_t big = qtest_alloc(n->s, 0x20000, 0x10000);
    n->q[0] = (QNvmeQueue){.sq = big, .cq = big + 0x10000, .size = 8, .phase = 1};
    qnvme_writel(n, NVME_REG_AQA, 7 << 16 | 7);
    qpci_io_write(n->bar, NVME_REG_ASQ, 8, big);
    qpci_io_write(n->bar, NVME_REG_ACQ, 8, big + 0x10000);
    qnvme_writel(n, NVME_REG_CC, 4 << 20 | 6 << 16 | 4 << 7 | NVME_CC_EN);
    qnvme_wait_csts(n, NVME_CSTS_RDY, NVME_CSTS_RDY);
    g_assert_cmphex(qnvme_identify(n, NVME_CNS_CONTROLLER, 0, big + 0x8004), ==, NVME_SUCCESS);
    g_assert_cmphex(qtest_readw(n->s, big + 0x8004), ==, 0x1b36);
    qnvme_stop(n);
}

/* --- identify
 * ---------------------------------------------------------------------------------------- */

static void test_identify(const void *opaque)
{
    QNvme *n = start(GPOINTER_TO_INT(opaque), "");
    g_autofree NvmeIdController *id = g_new0(NvmeIdController, 1);
    g_autofree NvmeIdNamespace *ns = g_new0(NvmeIdNamespace, 1);
    uint32_t list[1024];

    qnvme_bring_up(n, 0, false);
    g_assert_cmphex(qnvme_identify(n, NVME_CNS_CONTROLLER, 0, n->page), ==, NVME_SUCCESS);
    qtest_memread(n->s, n->page, id, sizeof(*id));
    g_assert_cmphex(id->vid, ==, 0x1b36);
    g_assert_cmpmem(id->sn, 20, "testserial          ", 20);
    g_assert_cmpmem(id->mn, 14, "QEMU NVMe Ctrl", 14);
    g_assert_cmphex(id->ver, ==, 0x00010400);
    g_assert_cmpuint(id->cntrltype, ==, 1);
    g_assert_cmpuint(id->nn, ==, 256);
    g_assert_cmpuint(id->mdts, ==, 7);
    g_assert_cmphex(id->sqes, ==, 0x66);
    g_assert_cmphex(id->cqes, ==, 0x44);
    g_assert_cmpuint(id->vwc & 1, ==, 1);
    g_assert_true(id->oacs & NVME_OACS_DBBUF);
    g_assert_cmpint(strncmp(id->subnqn, "nqn.", 4), ==, 0);

    g_assert_cmphex(qnvme_identify(n, NVME_CNS_NAMESPACE, 1, n->page), ==, NVME_SUCCESS);
    qtest_memread(n->s, n->page, ns, sizeof(*ns));
    g_assert_cmpuint(ns->nsze, ==, 8 * 1024 * 1024 / 512);
    g_assert_cmpuint(ns->ncap, ==, ns->nsze);
    g_assert_cmpuint(ns->lbaf[ns->flbas & 0xf].ds, ==, 9);
    g_assert_cmphex(qnvme_identify(n, NVME_CNS_NAMESPACE, NVME_NSID_ALL, n->page), ==,
                    NVME_SUCCESS);
    g_assert_cmphex(qnvme_identify(n, NVME_CNS_NAMESPACE, 257, n->page), ==,
                    NVME_INVALID_NSID | DNR);
    g_assert_cmphex(qnvme_identify(n, NVME_CNS_NAMESPACE, 0, n->page), ==, NVME_INVALID_NSID | DNR);

    g_assert_cmphex(qnvme_identify(n, NVME_CNS_ACTIVE_NSIDS, 0, n->page), ==, NVME_SUCCESS);
    qtest_memread(n->s, n->page, list, sizeof(list));
    g_assert_cmpuint(list[0], ==, 1);
    g_assert_cmpuint(list[1], ==, 0);
    g_assert_cmphex(qnvme_identify(n, NVME_CNS_ACTIVE_NSIDS, 1, n->page), ==, NVME_SUCCESS);
    g_assert_cmpuint(qtest_readl(n->s, n->page), ==, 0);
    g_assert_cmphex(qnvme_identify(n, NVME_CNS_ACTIVE_NSIDS, NVME_NSID_ALL, n->page), ==,
                    NVME_INVALID_NSID | DNR);

    g_assert_cmphex(qnvme_identify(n, NVME_CNS_NS_DESCRIPTORS, 1, n->page), ==, NVME_SUCCESS);
    g_assert_cmphex(qtest_readw(n->s, n->page), ==, 0x1003); /* a UUID of 16 bytes */
    g_assert_cmphex(qnvme_identify(n, NVME_CNS_NS_DESCRIPTORS, 7, n->page), ==,
                    NVME_INVALID_FIELD | DNR);
    g_assert_cmphex(qnvme_identify(n, 0x7f, 0, n->page), ==, NVME_INVALID_FIELD | DNR);

    /* the buffer: over two pages, misaligned, not RAM, SGL */
    uint64_t pages = qtest_alloc(n->s, 3 * 4096, 4096);
    NvmeCmd cmd = {
        .opcode = NVME_ADM_IDENTIFY, .cdw10 = 1, .dptr = {{pages + 0xf00, pages + 0x2000}}};
    g_assert_cmphex(qnvme_cmd(n, 0, &cmd), ==, NVME_SUCCESS);
    g_assert_cmphex(qtest_readw(n->s, pages + 0xf00), ==, 0x1b36);
    g_assert_cmphex(qtest_readb(n->s, pages + 0x2000 + 512 - 0x100), ==, 0x66); /* SQES */
    cmd.dptr.prp2 = pages + 0x2008;
    g_assert_cmphex(qnvme_cmd(n, 0, &cmd), ==, NVME_INVALID_PRP_OFFSET | DNR);
    cmd.dptr.prp1 = 0xe00000000;
    g_assert_cmphex(qnvme_cmd(n, 0, &cmd), ==, NVME_DATA_TRANSFER_ERROR);
    cmd.dptr.prp1 = n->bar->addr; /* its own registers */
    g_assert_cmphex(qnvme_cmd(n, 0, &cmd), ==, NVME_DATA_TRANSFER_ERROR);
    cmd.flags = 1 << 6;
    g_assert_cmphex(qnvme_cmd(n, 0, &cmd), ==, NVME_INVALID_FIELD | DNR);
    qnvme_stop(n);
}

/* --- queues
 * -------------------------------------------------------------------------------------------- */

static uint16_t create_cq(QNvme *n, uint16_t id, uint32_t size, uint64_t addr, uint32_t dw11)
{
    NvmeCmd cmd = {.opcode = NVME_ADM_CREATE_CQ,
                   .dptr.prp1 = addr,
                   .cdw10 = (size - 1) << 16 | id,
                   .cdw11 = dw11};
    return qnvme_cmd(n, 0, &cmd);
}

static uint16_t create_sq(QNvme *n, uint16_t id, uint32_t size, uint64_t addr, uint32_t dw11)
{
    NvmeCmd cmd = {.opcode = NVME_ADM_CREATE_SQ,
                   .dptr.prp1 = addr,
                   .cdw10 = (size - 1) << 16 | id,
                   .cdw11 = dw11};
    return qnvme_cmd(n, 0, &cmd);
}

static uint16_t delete_queue(QNvme *n, uint8_t opcode, uint16_t id)
{
    NvmeCmd cmd = {.opcode = opcode, .cdw10 = id};
    return qnvme_cmd(n, 0, &cmd);
}

static void test_queues(const void *opaque)
{
    QNvme *n = start(GPOINTER_TO_INT(opaque), ",max_ioqpairs=4");
    uint64_t a = qtest_alloc(n->s, 4096, 4096), b = qtest_alloc(n->s, 4096, 4096);

    qnvme_bring_up(n, 0, false);
    g_assert_cmphex(create_cq(n, 0, 8, a, 1), ==, NVME_INVALID_QID | DNR);
    g_assert_cmphex(create_cq(n, 5, 8, a, 1), ==, NVME_INVALID_QID | DNR);
    g_assert_cmphex(create_cq(n, 1, 1, a, 1), ==, NVME_INVALID_QSIZE | DNR);
    g_assert_cmphex(create_cq(n, 1, 2049, a, 1), ==, NVME_INVALID_QSIZE | DNR);
    g_assert_cmphex(create_cq(n, 1, 8, a + 8, 1), ==, NVME_INVALID_PRP_OFFSET | DNR);
    g_assert_cmphex(create_cq(n, 1, 8, 0, 1), ==, NVME_INVALID_PRP_OFFSET | DNR);
    g_assert_cmphex(create_cq(n, 1, 8, a, 99 << 16 | 3), ==, NVME_INVALID_IV | DNR);
    g_assert_cmphex(create_cq(n, 1, 8, a, 2), ==, NVME_INVALID_FIELD | DNR); /* not contiguous */
    g_assert_cmphex(create_sq(n, 1, 8, b, 1 << 16 | 1), ==, NVME_INVALID_CQ | DNR);
    g_assert_cmphex(create_sq(n, 1, 8, b, 0 << 16 | 1), ==, NVME_INVALID_CQ | DNR);
    g_assert_cmphex(create_cq(n, 1, 8, a, 1), ==, NVME_SUCCESS);
    g_assert_cmphex(create_cq(n, 1, 8, a, 1), ==, NVME_INVALID_QID | DNR);
    g_assert_cmphex(create_sq(n, 0, 8, b, 1 << 16 | 1), ==, NVME_INVALID_QID | DNR);
    g_assert_cmphex(create_sq(n, 1, 1, b, 1 << 16 | 1), ==, NVME_INVALID_QSIZE | DNR);
    g_assert_cmphex(create_sq(n, 1, 8, b + 64, 1 << 16 | 1), ==, NVME_INVALID_PRP_OFFSET | DNR);
    g_assert_cmphex(create_sq(n, 1, 8, b, 1 << 16), ==, NVME_INVALID_FIELD | DNR);
    g_assert_cmphex(create_sq(n, 1, 8, b, 1 << 16 | 1), ==, NVME_SUCCESS);
    g_assert_cmphex(create_sq(n, 1, 8, b, 1 << 16 | 1), ==, NVME_INVALID_QID | DNR);
    /* two submission queues, one completion queue, and not the same numbers */
    uint64_t c = qtest_alloc(n->s, 4096, 4096);
    g_assert_cmphex(create_sq(n, 3, 8, c, 1 << 16 | 1), ==, NVME_SUCCESS);

    n->q[1] = (QNvmeQueue){.sq = b, .cq = a, .size = 8, .phase = 1};
    NvmeCmd flush = {.opcode = NVME_IO_FLUSH, .nsid = 1};
    g_assert_cmphex(qnvme_cmd(n, 1, &flush), ==, NVME_SUCCESS);
    flush.cid = 0x777;
    qtest_memwrite(n->s, c, &flush, sizeof(flush));
    qnvme_doorbell(n, 3, false, 1);
    g_assert_cmphex(qnvme_wait(n, 1), ==, NVME_SUCCESS);
    g_assert_cmphex(n->last_cid, ==, 0x777);
    g_assert_cmpuint(n->last_sqid, ==, 3);
    /* round the ring, both phases */
    for (unsigned i = 0; i < 20; i++) {
        g_assert_cmphex(qnvme_cmd(n, 1, &flush), ==, NVME_SUCCESS);
    }

    g_assert_cmphex(delete_queue(n, NVME_ADM_DELETE_CQ, 1), ==, NVME_INVALID_QUEUE_DELETION);
    g_assert_cmphex(delete_queue(n, NVME_ADM_DELETE_SQ, 2), ==, NVME_INVALID_QID | DNR);
    g_assert_cmphex(delete_queue(n, NVME_ADM_DELETE_SQ, 0), ==, NVME_INVALID_QID | DNR);
    g_assert_cmphex(delete_queue(n, NVME_ADM_DELETE_CQ, 0), ==, NVME_INVALID_QID | DNR);
    g_assert_cmphex(delete_queue(n, NVME_ADM_DELETE_CQ, 9), ==, NVME_INVALID_QID | DNR);
    g_assert_cmphex(delete_queue(n, NVME_ADM_DELETE_SQ, 1), ==, NVME_SUCCESS);
    g_assert_cmphex(delete_queue(n, NVME_ADM_DELETE_SQ, 3), ==, NVME_SUCCESS);
    g_assert_cmphex(delete_queue(n, NVME_ADM_DELETE_CQ, 1), ==, NVME_SUCCESS);
    /* and again */
    qnvme_create_pair(n, 1, 16, 0);
    g_assert_cmphex(qnvme_cmd(n, 1, &flush), ==, NVME_SUCCESS);
    qnvme_delete_pair(n, 1);
    qnvme_stop(n);
}

/* --- features
 * --------------------------------------------------------------------------------------------- */

static void test_features(const void *opaque)
{
    QNvme *n = start(GPOINTER_TO_INT(opaque), ",max_ioqpairs=4,msix_qsize=8");
    static const struct {
        uint8_t fid;
        uint32_t dw11, want;
    } plain[] = {
        {NVME_FEAT_ARBITRATION, 0x01020304, 0x01020304},
        {NVME_FEAT_POWER_MANAGEMENT, 0, 0},
        {NVME_FEAT_ERROR_RECOVERY, 0x1234, 0x1234},
        {NVME_FEAT_INTERRUPT_COALESCING, 0x0504, 0x0504},
        {NVME_FEAT_WRITE_ATOMICITY, 1, 1},
        {NVME_FEAT_ASYNC_EVENT, 0x1ff, 0x1ff},
        {NVME_FEAT_VOLATILE_WRITE_CACHE, 0, 0},
        {NVME_FEAT_VOLATILE_WRITE_CACHE, 1, 1},
    };

    qnvme_bring_up(n, 0, false);
    for (size_t i = 0; i < G_N_ELEMENTS(plain); i++) {
        NvmeCmd set = {
            .opcode = NVME_ADM_SET_FEATURES, .cdw10 = plain[i].fid, .cdw11 = plain[i].dw11};
        NvmeCmd get = {.opcode = NVME_ADM_GET_FEATURES, .cdw10 = plain[i].fid};
        set.nsid = get.nsid = plain[i].fid == NVME_FEAT_ERROR_RECOVERY ? 1 : 0;
        g_assert_cmphex(qnvme_cmd(n, 0, &set), ==, NVME_SUCCESS);
        g_assert_cmphex(qnvme_cmd(n, 0, &get), ==, NVME_SUCCESS);
        g_assert_cmphex(n->result, ==, plain[i].want);
        get.cdw10 |= NVME_FEAT_SEL_SUPPORTED << 8;
        g_assert_cmphex(qnvme_cmd(n, 0, &get), ==, NVME_SUCCESS);
        g_assert_true(n->result & NVME_FEAT_CAP_CHANGEABLE);
    }
    /* defaults are still known */
    g_assert_cmphex(
        qnvme_get_feature(n, NVME_FEAT_INTERRUPT_COALESCING | NVME_FEAT_SEL_DEFAULT << 8, 0), ==,
        0);
    g_assert_cmphex(n->result, ==, 0);

    g_assert_cmphex(qnvme_set_feature(n, NVME_FEAT_NUMBER_OF_QUEUES, 0x00ff00ff), ==, NVME_SUCCESS);
    g_assert_cmphex(n->result, ==, 0x00030003);
    g_assert_cmphex(qnvme_get_feature(n, NVME_FEAT_NUMBER_OF_QUEUES, 0), ==, NVME_SUCCESS);
    g_assert_cmphex(n->result, ==, 0x00030003);
    g_assert_cmphex(qnvme_set_feature(n, NVME_FEAT_NUMBER_OF_QUEUES, 0xffff), ==,
                    NVME_INVALID_FIELD | DNR);
    qnvme_create_pair(n, 1, 16, 0);
    g_assert_cmphex(qnvme_set_feature(n, NVME_FEAT_NUMBER_OF_QUEUES, 0x00010001), ==,
                    NVME_COMMAND_SEQUENCE_ERROR | DNR);

    g_assert_cmphex(qnvme_set_feature(n, NVME_FEAT_INTERRUPT_VECTOR, BIT(16) | 5), ==,
                    NVME_SUCCESS);
    g_assert_cmphex(qnvme_get_feature(n, NVME_FEAT_INTERRUPT_VECTOR, 5), ==, NVME_SUCCESS);
    g_assert_cmphex(n->result, ==, 0x10005);
    g_assert_cmphex(qnvme_get_feature(n, NVME_FEAT_INTERRUPT_VECTOR, 8), ==,
                    NVME_INVALID_FIELD | DNR);
    g_assert_cmphex(qnvme_set_feature(n, NVME_FEAT_INTERRUPT_VECTOR, 8), ==,
                    NVME_INVALID_FIELD | DNR);

    g_assert_cmphex(qnvme_set_feature(n, NVME_FEAT_TEMPERATURE_THRESHOLD, 350), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_get_feature(n, NVME_FEAT_TEMPERATURE_THRESHOLD, 0), ==, NVME_SUCCESS);
    g_assert_cmpuint(n->result, ==, 350);
    g_assert_cmphex(qnvme_get_feature(n, NVME_FEAT_TEMPERATURE_THRESHOLD, 3 << 20), ==,
                    NVME_INVALID_FIELD | DNR);
    g_assert_cmphex(qnvme_set_feature(n, NVME_FEAT_POWER_MANAGEMENT, 3), ==,
                    NVME_INVALID_FIELD | DNR);

    /* the clock runs on from what was set */
    qtest_writeq(n->s, n->page, 1000000);
    g_assert_cmphex(qnvme_set_feature(n, NVME_FEAT_TIMESTAMP, 0), ==, NVME_SUCCESS);
    qtest_clock_step(n->s, 5000000000);
    g_assert_cmphex(qnvme_get_feature(n, NVME_FEAT_TIMESTAMP, 0), ==, NVME_SUCCESS);
    g_assert_cmpuint(qtest_readq(n->s, n->page) & 0xffffffffffff, ==, 1005000);
    g_assert_cmpuint(qtest_readq(n->s, n->page) >> 48 & 0xe, ==, 2);

    g_assert_cmphex(qnvme_set_feature(n, BIT(31) | NVME_FEAT_ARBITRATION, 0), ==,
                    NVME_FEATURE_NOT_SAVEABLE | DNR);
    g_assert_cmphex(qnvme_get_feature(n, 0x70, 0), ==, NVME_INVALID_FIELD | DNR);
    g_assert_cmphex(qnvme_set_feature(n, 0x70, 0), ==, NVME_INVALID_FIELD | DNR);
    g_assert_cmphex(qnvme_get_feature(n, 7 << 8 | NVME_FEAT_ARBITRATION, 0), ==,
                    NVME_INVALID_FIELD | DNR);
    NvmeCmd set = {.opcode = NVME_ADM_SET_FEATURES, .cdw10 = NVME_FEAT_ARBITRATION, .nsid = 1};
    g_assert_cmphex(qnvme_cmd(n, 0, &set), ==, NVME_FEATURE_NOT_NS_SPECIFIC | DNR);

    /* a reset of the controller brings the defaults back */
    qnvme_disable(n);
    qnvme_bring_up(n, 0, false);
    g_assert_cmphex(qnvme_get_feature(n, NVME_FEAT_INTERRUPT_COALESCING, 0), ==, NVME_SUCCESS);
    g_assert_cmphex(n->result, ==, 0);

    /* keep alive: once it expires the controller is gone */
    g_assert_cmphex(qnvme_set_feature(n, NVME_FEAT_KEEP_ALIVE, 1000), ==, NVME_SUCCESS);
    NvmeCmd keep = {.opcode = NVME_ADM_KEEP_ALIVE};
    for (unsigned i = 0; i < 5; i++) {
        g_assert_cmphex(qnvme_cmd(n, 0, &keep), ==, NVME_SUCCESS);
        qtest_clock_step(n->s, 900000000);
        g_assert_cmphex(qnvme_readl(n, NVME_REG_CSTS) & NVME_CSTS_CFS, ==, 0);
    }
    qtest_clock_step(n->s, 3000000000);
    g_assert_cmphex(qnvme_readl(n, NVME_REG_CSTS) & NVME_CSTS_CFS, ==, NVME_CSTS_CFS);
    qnvme_stop(n);
}

/* --- log pages, events
 * ----------------------------------------------------------------------------------------- */

static uint16_t get_log(QNvme *n, uint8_t lid, uint32_t bytes, uint64_t offset, bool retain)
{
    NvmeCmd cmd = {.opcode = NVME_ADM_GET_LOG_PAGE,
                   .nsid = NVME_NSID_ALL,
                   .dptr = {{n->page, 0}},
                   .cdw10 = lid | (retain ? BIT(15) : 0) | (bytes / 4 - 1) << 16,
                   .cdw12 = (uint32_t)offset,
                   .cdw13 = (uint32_t)(offset >> 32)};
    return qnvme_cmd(n, 0, &cmd);
}

static void test_logs(const void *opaque)
{
    QNvme *n = start(GPOINTER_TO_INT(opaque), "");
    NvmeErrorLog error;
    NvmeSmartLog smart;

    qnvme_bring_up(n, 1, false);
    /* an error: the completion says More, the log has it */
    NvmeCmd bad = {.opcode = 0xee};
    g_assert_cmphex(qnvme_cmd(n, 0, &bad), ==, NVME_INVALID_OPCODE | DNR);
    NvmeCmd bad_io = {.opcode = 0xdd, .nsid = 1, .cdw10 = 0x1234};
    g_assert_cmphex(qnvme_cmd(n, 1, &bad_io), ==, NVME_INVALID_OPCODE | DNR);
    uint16_t cid = n->last_cid;
    g_assert_cmphex(get_log(n, NVME_LOG_ERROR, sizeof(error) * 2, 0, false), ==, NVME_SUCCESS);
    qtest_memread(n->s, n->page, &error, sizeof(error));
    g_assert_cmpuint(error.error_count, ==, 2);
    g_assert_cmpuint(error.sqid, ==, 1);
    g_assert_cmpuint(error.cid, ==, cid);
    g_assert_cmphex(error.status >> 1 & 0x7ff, ==, NVME_INVALID_OPCODE);
    g_assert_cmphex(error.lba, ==, 0x1234);
    qtest_memread(n->s, n->page + sizeof(error), &error, sizeof(error));
    g_assert_cmpuint(error.error_count, ==, 1);
    g_assert_cmpuint(error.sqid, ==, 0);

    /* counters of what the queue did, also when the queue is gone */
    uint64_t data = qtest_alloc(n->s, 0x1000, 0x1000);
    for (unsigned i = 0; i < 3; i++) {
        g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 0, 8, data, 0), ==, NVME_SUCCESS);
    }
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_WRITE, 64, 8, data, 0), ==, NVME_SUCCESS);
    for (unsigned pass = 0; pass < 2; pass++) {
        g_assert_cmphex(get_log(n, NVME_LOG_SMART, sizeof(smart), 0, false), ==, NVME_SUCCESS);
        qtest_memread(n->s, n->page, &smart, sizeof(smart));
        g_assert_cmpuint(smart.host_reads[0], ==, 3);
        g_assert_cmpuint(smart.host_writes[0], ==, 1);
        g_assert_cmpuint(smart.data_units_read[0], ==, 1);
        g_assert_cmpuint(smart.error_log_entries[0], ==, 2);
        g_assert_cmpuint(smart.critical_warning, ==, 0);
        g_assert_cmpuint(smart.temperature, >, 273);
        if (pass == 0) {
            qnvme_delete_pair(n, 1);
        }
    }
    g_assert_cmphex(get_log(n, NVME_LOG_FIRMWARE_SLOT, 512, 0, false), ==, NVME_SUCCESS);
    g_assert_cmphex(qtest_readb(n->s, n->page), ==, 1);
    g_assert_cmphex(get_log(n, NVME_LOG_EFFECTS, 4096, 0, false), ==, NVME_SUCCESS);
    g_assert_cmphex(qtest_readl(n->s, n->page + 4 * NVME_ADM_IDENTIFY), ==, NVME_EFFECT_CSUPP);
    g_assert_cmphex(qtest_readl(n->s, n->page + 1024 + 4 * NVME_IO_WRITE), ==,
                    NVME_EFFECT_CSUPP | NVME_EFFECT_LBCC);
    g_assert_cmphex(qtest_readl(n->s, n->page + 1024 + 4 * 0xdd), ==, 0);
    /* a part of a page; behind its end; an offset that is no multiple of 4; an unknown page */
    g_assert_cmphex(get_log(n, NVME_LOG_EFFECTS, 4, 4 * NVME_ADM_IDENTIFY, false), ==,
                    NVME_SUCCESS);
    g_assert_cmphex(qtest_readl(n->s, n->page), ==, NVME_EFFECT_CSUPP);
    g_assert_cmphex(get_log(n, NVME_LOG_SMART, 4, 512, false), ==, NVME_INVALID_FIELD | DNR);
    g_assert_cmphex(get_log(n, NVME_LOG_SMART, 4, 2, false), ==, NVME_INVALID_FIELD | DNR);
    g_assert_cmphex(get_log(n, 0x55, 4, 0, false), ==, NVME_INVALID_LOG_PAGE | DNR);
    qnvme_stop(n);
}

static void test_events(const void *opaque)
{
    QNvme *n = start(GPOINTER_TO_INT(opaque), ",aerl=1");
    NvmeCmd aer = {.opcode = NVME_ADM_ASYNC_EVENT_REQUEST};

    qnvme_bring_up(n, 1, false);
    uint16_t first = qnvme_push(n, 0, &aer), second = qnvme_push(n, 0, &aer);
    qnvme_push(n, 0, &aer);
    qnvme_ring(n, 0);
    g_assert_cmphex(qnvme_wait(n, 0), ==, NVME_AER_LIMIT_EXCEEDED | DNR); /* aerl is 0-based */
    g_assert_false(qnvme_ready(n, 0));

    /* a doorbell value beyond the queue: an error event; the same again is masked until the log is
     * read */
    qnvme_doorbell(n, 1, false, 16);
    g_assert_cmphex(qnvme_wait(n, 0), ==, NVME_SUCCESS);
    g_assert_true(n->last_cid == first || n->last_cid == second);
    g_assert_cmphex(n->result, ==,
                    NVME_LOG_ERROR << 16 | NVME_AER_INVALID_DB_VALUE << 8 | NVME_AER_ERROR);
    uint16_t left = n->last_cid == first ? second : first;
    qnvme_doorbell(n, 3, false, 1); /* no such queue */
    g_assert_cmphex(qnvme_identify(n, 1, 0, n->page), ==, NVME_SUCCESS);
    g_assert_false(qnvme_ready(n, 0));
    NvmeCmd log = {.opcode = NVME_ADM_GET_LOG_PAGE,
                   .nsid = NVME_NSID_ALL,
                   .dptr.prp1 = n->page,
                   .cdw10 = 15 << 16 | NVME_LOG_ERROR};
    uint16_t log_cid = qnvme_push(n, 0, &log);
    qnvme_ring(n, 0);
    for (unsigned i = 0; i < 2; i++) { /* the log page and the event, in either order */
        g_assert_cmphex(qnvme_wait(n, 0), ==, NVME_SUCCESS);
        if (n->last_cid != log_cid) {
            g_assert_cmpuint(n->last_cid, ==, left);
            g_assert_cmphex(n->result, ==,
                            NVME_LOG_ERROR << 16 | NVME_AER_INVALID_DB_REGISTER << 8 |
                                NVME_AER_ERROR);
        }
    }
    /* temperature: the threshold goes below what the device reports */
    g_assert_cmphex(qnvme_set_feature(n, NVME_FEAT_ASYNC_EVENT, 0xff), ==, NVME_SUCCESS);
    qnvme_push(n, 0, &aer);
    qnvme_ring(n, 0);
    NvmeCmd hot = {
        .opcode = NVME_ADM_SET_FEATURES, .cdw10 = NVME_FEAT_TEMPERATURE_THRESHOLD, .cdw11 = 200};
    qnvme_push(n, 0, &hot);
    qnvme_ring(n, 0);
    bool seen = false;
    for (unsigned i = 0; i < 2; i++) {
        g_assert_cmphex(qnvme_wait(n, 0), ==, NVME_SUCCESS);
        seen |=
            n->result == (NVME_LOG_SMART << 16 | NVME_AER_SMART_TEMPERATURE << 8 | NVME_AER_SMART);
    }
    g_assert_true(seen);

    /* abort takes an event request back; other commands run to their end */
    uint16_t cid = qnvme_push(n, 0, &aer);
    NvmeCmd abort = {.opcode = NVME_ADM_ABORT, .cdw10 = (uint32_t)cid << 16};
    uint16_t abort_cid = qnvme_push(n, 0, &abort);
    qnvme_ring(n, 0);
    for (unsigned i = 0; i < 2; i++) {
        uint16_t status = qnvme_wait(n, 0);
        if (n->last_cid == abort_cid) {
            g_assert_cmphex(status, ==, NVME_SUCCESS);
            g_assert_cmpuint(n->result & 1, ==, 0); /* aborted */
        } else {
            g_assert_cmphex(status, ==, NVME_ABORT_REQUESTED);
        }
    }
    NvmeCmd not_there = {.opcode = NVME_ADM_ABORT, .cdw10 = 0x12340001};
    g_assert_cmphex(qnvme_cmd(n, 0, &not_there), ==, NVME_SUCCESS);
    g_assert_cmpuint(n->result & 1, ==, 1);
    /* outstanding requests do not keep a reset from finishing */
    qnvme_push(n, 0, &aer);
    qnvme_ring(n, 0);
    qnvme_disable(n);
    qnvme_bring_up(n, 1, false);
    qnvme_stop(n);
}

/* --- interrupts
 * --------------------------------------------------------------------------------------------------
 */

static void test_msix(const void *opaque)
{
    QNvme *n = start(GPOINTER_TO_INT(opaque), "");
    NvmeCmd flush = {.opcode = NVME_IO_FLUSH, .nsid = 1};

    qnvme_bring_up(n, 3, true);
    for (unsigned q = 1; q <= 3; q++) {
        qpci_msix_take(n->dev, q);
        g_assert_cmphex(qnvme_cmd(n, q, &flush), ==, NVME_SUCCESS);
        qpci_msix_wait(n->dev, q);
    }
    /* masked: pending, and sent once the mask goes */
    qpci_msix_mask(n->dev, 2, true);
    g_assert_cmphex(qnvme_cmd(n, 2, &flush), ==, NVME_SUCCESS);
    gint64 end = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;
    while (!qpci_msix_pending(n->dev, 2)) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
    g_assert_false(qpci_msix_take(n->dev, 2));
    qpci_msix_mask(n->dev, 2, false);
    qpci_msix_wait(n->dev, 2);
    g_assert_false(qpci_msix_pending(n->dev, 2));
    qpci_msix_mask_all(n->dev, true);
    g_assert_cmphex(qnvme_cmd(n, 1, &flush), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_cmd(n, 3, &flush), ==, NVME_SUCCESS);
    g_assert_false(qpci_msix_take(n->dev, 1));
    qpci_msix_mask_all(n->dev, false);
    qpci_msix_wait(n->dev, 1);
    qpci_msix_wait(n->dev, 3);

    /* a queue without interrupts */
    qnvme_delete_pair(n, 3);
    uint64_t a = qtest_alloc(n->s, 4096, 4096), b = qtest_alloc(n->s, 4096, 4096);
    g_assert_cmphex(create_cq(n, 3, 8, a, 3 << 16 | 1), ==, NVME_SUCCESS);
    g_assert_cmphex(create_sq(n, 3, 8, b, 3 << 16 | 1), ==, NVME_SUCCESS);
    n->q[3] = (QNvmeQueue){.sq = b, .cq = a, .size = 8, .phase = 1};
    g_assert_cmphex(qnvme_cmd(n, 3, &flush), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_cmd(n, 1, &flush), ==, NVME_SUCCESS);
    qpci_msix_wait(n->dev, 1);
    g_assert_false(qpci_msix_take(n->dev, 3));
    qnvme_stop(n);
}

static void test_pin(const void *opaque)
{
    QNvme *n = start(GPOINTER_TO_INT(opaque), "");
    NvmeCmd flush = {.opcode = NVME_IO_FLUSH, .nsid = 1};

    qnvme_bring_up(n, 2, false);
    qnvme_wait_pin(n, false);
    qnvme_push(n, 1, &flush);
    qnvme_ring(n, 1);
    qnvme_wait_pin(n, true);
    qnvme_push(n, 2, &flush); /* the same vector, another queue */
    qnvme_ring(n, 2);
    while (!qnvme_ready(n, 2)) {
    }
    g_assert_cmphex(qnvme_wait(n, 1), ==, NVME_SUCCESS);
    qnvme_wait_pin(n, true); /* queue 2 has an entry still */
    qnvme_writel(n, NVME_REG_INTMS, 1);
    qnvme_wait_pin(n, false);
    qnvme_writel(n, NVME_REG_INTMC, 1);
    qnvme_wait_pin(n, true);
    g_assert_cmphex(qnvme_wait(n, 2), ==, NVME_SUCCESS);
    qnvme_wait_pin(n, false);
    qnvme_stop(n);
}

/* --- properties
 * ------------------------------------------------------------------------------------------------------
 */

static void refused(const char *props, const char *text)
{
    qtest_refused(text,
                  "-machine q35,accel=qtest -nodefaults -display none %s -device nvme,drive=d0%s",
                  drive_args, props);
}

static void test_bad_properties(void)
{
    refused("", "serial");
    refused(",serial=x,max_ioqpairs=0", "max_ioqpairs=0");
    refused(",serial=x,max_ioqpairs=1000", "max_ioqpairs=1000");
    refused(",serial=x,msix_qsize=0", "msix_qsize=0");
    refused(",serial=x,cmb_size_mb=64", "cmb_size_mb=64");
    refused(",serial=x,logical_block_size=300", "logical_block_size=300");
    refused(",serial=x,mdts=20", "mdts=20");
    refused(",serial=x,aerl=200", "aerl=200");
    refused(",serial=x,ioregionfd=nope", "nope");
    refused(",serial=x,ioregionfds=nope", "nope");
    refused(",serial=x,iothread=nope", "nope");
    refused(",serial=x,nonsense=1", "nonsense");
}

/* The namespace grows: new size, and an event for who asked. */
static void test_resize(void)
{
    QNvme *n = qnvme_start(MAIN_LOOP, "-blockdev driver=null-co,node-name=d0,size=1M", "");
    NvmeCmd aer = {.opcode = NVME_ADM_ASYNC_EVENT_REQUEST};

    qnvme_bring_up(n, 0, false);
    g_assert_cmphex(qnvme_set_feature(n, NVME_FEAT_ASYNC_EVENT, NVME_OAES_NS_CHANGED), ==,
                    NVME_SUCCESS);
    qnvme_push(n, 0, &aer);
    qnvme_ring(n, 0);
    qtest_qmp_ok(n->s,
                 "{'execute': 'block_resize', 'arguments': {'node-name': 'd0', 'size': 2097152}}");
    g_assert_cmphex(qnvme_wait(n, 0), ==, NVME_SUCCESS);
    g_assert_cmphex(n->result, ==,
                    NVME_LOG_CHANGED_NS << 16 | NVME_AER_NOTICE_NS_CHANGED << 8 | NVME_AER_NOTICE);
    g_assert_cmphex(get_log(n, NVME_LOG_CHANGED_NS, 4096, 0, false), ==, NVME_SUCCESS);
    g_assert_cmphex(qtest_readl(n->s, n->page), ==, 1);
    g_assert_cmphex(get_log(n, NVME_LOG_CHANGED_NS, 4096, 0, false), ==, NVME_SUCCESS);
    g_assert_cmphex(qtest_readl(n->s, n->page), ==, 0);
    g_assert_cmphex(qnvme_identify(n, NVME_CNS_NAMESPACE, 1, n->page), ==, NVME_SUCCESS);
    g_assert_cmpuint(qtest_readq(n->s, n->page), ==, 4096);
    qnvme_stop(n);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    image = qpattern_image(8 * 1024 * 1024);
    drive_args = g_strdup_printf("-drive if=none,id=d0,format=raw,file=%s", image);
    qhome_add("/nvme/registers", test_registers);
    qhome_add("/nvme/enable", test_enable);
    qhome_add("/nvme/page-sizes", test_page_sizes);
    qhome_add("/nvme/identify", test_identify);
    qhome_add("/nvme/queues", test_queues);
    qhome_add("/nvme/features", test_features);
    qhome_add("/nvme/logs", test_logs);
    qhome_add("/nvme/events", test_events);
    qhome_add("/nvme/msix", test_msix);
    qhome_add("/nvme/pin", test_pin);
    g_test_add_func("/nvme/bad-properties", test_bad_properties);
    g_test_add_func("/nvme/resize", test_resize);
    int res = g_test_run();
    unlink(image);
    return res;
}
