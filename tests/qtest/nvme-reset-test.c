/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NVMe: subsystem reset and secondary bus reset with commands in flight, Abort, interrupt
 * coalescing, weighted round robin.  nvme-io-test.c has the other resets.
 */
#include "nvme-driver.h"

#include <string.h>

#define DNR NVME_DNR

static const char *const slow =
    "-blockdev "
    "driver=null-co,node-name=d0,size=1M,x-give-back=off,latency-ns=30000000,read-zeroes=on ";

static void submit(QNvme *n, unsigned count, uint64_t buf)
{
    for (unsigned i = 0; i < count; i++) {
        NvmeCmd read = {.opcode = NVME_IO_READ, .nsid = 1, .dptr.prp1 = buf, .cdw10 = i};
        qnvme_push(n, 1 + i % 2, &read);
    }
    qnvme_ring(n, 1);
    qnvme_ring(n, 2);
}

static void test_subsystem_reset(const void *opaque)
{
    QHome home = qhome_of(opaque);
    g_autofree char *args = g_strdup_printf(
        "%s -device nvme-subsys,id=sub0 -device nvme,id=n0,serial=s0,subsys=sub0,addr=04.0%s "
        "-device nvme,id=n1,serial=s0,subsys=sub0,addr=05.0 "
        "-device nvme-ns,bus=sub0,drive=d0,nsid=1",
        slow, qnvme_home_props(home));
    QNvme *a = qnvme_start_devices(home, args), *b = qnvme_other(a, QPCI_DEVFN(5, 0));
    uint64_t buf = qtest_alloc(a->s, 4096, 4096);

    g_assert_true(qpci_io_read(a->bar, NVME_REG_CAP, 8) & NVME_CAP_NSSRS);
    for (unsigned round = 0; round < 3; round++) {
        qnvme_bring_up(a, 2, false);
        qnvme_bring_up(b, 2, false);
        submit(a, 10, buf);
        submit(b, 10, buf);
        qnvme_writel(a, NVME_REG_NSSR, 0x12345678); /* not the word */
        g_assert_cmphex(qnvme_readl(a, NVME_REG_CSTS), ==, NVME_CSTS_RDY);
        qnvme_writel(round & 1 ? b : a, NVME_REG_NSSR, NVME_NSSR_RESET);
        for (unsigned i = 0; i < 2; i++) {
            QNvme *n = i ? b : a;

            qnvme_wait_csts(n, UINT32_MAX, NVME_CSTS_NSSRO);
            g_assert_cmphex(qnvme_readl(n, NVME_REG_CC), ==, 0);
            g_assert_cmphex(qnvme_readl(n, NVME_REG_AQA), ==, 0);
            g_assert_cmphex(qpci_io_read(n->bar, NVME_REG_ASQ, 8), ==, 0);
            qnvme_writel(n, NVME_REG_CSTS, NVME_CSTS_NSSRO); /* written 1: cleared */
            qnvme_wait_csts(n, UINT32_MAX, 0);
        }
    }
    qnvme_bring_up(b, 1, false);
    g_assert_cmphex(qnvme_rw(b, 1, NVME_IO_READ, 0, 1, buf, 0), ==, NVME_SUCCESS);
    qnvme_release(b);
    qnvme_stop(a);
}

static void test_bus_reset(const void *opaque)
{
    g_autofree char *args =
        g_strdup_printf("%s -device pcie-root-port,id=rp0,addr=06.0,chassis=1,slot=1", slow);
    QNvme *n = qnvme_start_behind(GPOINTER_TO_INT(opaque), args, "rp0");
    uint64_t buf = qtest_alloc(n->s, 4096, 4096);

    for (unsigned round = 0; round < 3; round++) {
        qnvme_bring_up(n, 2, false);
        submit(n, 12, buf);
        QPCIDevice *port = qpci_device_at(n->bus, 0, QPCI_DEVFN(6, 0));
        uint16_t ctl = qpci_config_readw(port, 0x3e);
        qpci_config_writew(port, 0x3e, ctl | 0x40);
        qpci_config_writew(port, 0x3e, ctl);
        qpci_device_free(port);
        qnvme_probe_behind(n);
        g_assert_cmphex(qnvme_readl(n, NVME_REG_CC), ==, 0);
        g_assert_cmphex(qnvme_readl(n, NVME_REG_CSTS), ==, 0);
    }
    qnvme_bring_up(n, 1, false);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 0, 1, buf, 0), ==, NVME_SUCCESS);
    qnvme_stop(n);
}

/* --- abort ----------------------------------------------------------------------------------- */

static void test_abort(const void *opaque)
{
    QNvme *n = qnvme_start(GPOINTER_TO_INT(opaque), slow, "");
    uint64_t buf = qtest_alloc(n->s, 0x20000, 4096), list = qtest_alloc(n->s, 4096, 4096);

    qnvme_bring_up(n, 1, false);
    /* what the back end works on ends by itself */
    NvmeCmd read = {.opcode = NVME_IO_READ, .nsid = 1, .dptr.prp1 = buf};
    uint16_t cid = qnvme_push(n, 1, &read);
    qnvme_ring(n, 1);
    g_assert_cmphex(qnvme_admin(n, NVME_ADM_ABORT, 0, 0, (uint32_t)cid << 16 | 1, 0), ==,
                    NVME_SUCCESS);
    g_assert_cmpuint(n->result & 1, ==, 1);
    g_assert_cmphex(qnvme_wait(n, 1), ==, NVME_SUCCESS);
    /* one that goes in steps ends before its next one */
    for (unsigned i = 0; i < 128; i++) {
        qtest_writeq(n->s, list + i * 8, buf + (i % 32) * 4096);
    }
    NvmeCmd verify = {.opcode = NVME_IO_VERIFY, .nsid = 1, .cdw12 = 2047};
    cid = qnvme_push(n, 1, &verify);
    qnvme_ring(n, 1);
    g_assert_cmphex(qnvme_admin(n, NVME_ADM_ABORT, 0, 0, (uint32_t)cid << 16 | 1, 0), ==,
                    NVME_SUCCESS);
    g_assert_cmphex(qnvme_wait(n, 1), ==, NVME_ABORT_REQUESTED);
    /* a queue that is not there, a command that is not there */
    g_assert_cmphex(qnvme_admin(n, NVME_ADM_ABORT, 0, 0, 2, 0), ==, NVME_INVALID_FIELD | DNR);
    g_assert_cmphex(qnvme_admin(n, NVME_ADM_ABORT, 0, 0, 0xbeef0001, 0), ==, NVME_SUCCESS);
    g_assert_cmpuint(n->result & 1, ==, 1);
    qnvme_stop(n);
}

/* --- interrupts ------------------------------------------------------------------------------ */

static void flush(QNvme *n, unsigned qid, unsigned count)
{
    NvmeCmd cmd = {.opcode = NVME_IO_FLUSH, .nsid = 1};

    for (unsigned i = 0; i < count; i++) {
        g_assert_cmphex(qnvme_cmd(n, qid, &cmd), ==, NVME_SUCCESS);
    }
}

static void test_coalescing(const void *opaque)
{
    QNvme *n = qnvme_start(GPOINTER_TO_INT(opaque),
                           "-blockdev driver=null-co,node-name=d0,size=1M,read-zeroes=on", "");

    qnvme_bring_up(n, 2, true);
    g_assert_cmphex(qnvme_set_feature(n, NVME_FEAT_INTERRUPT_VECTOR, BIT(16) | 2), ==,
                    NVME_SUCCESS);
    /* 4 entries or 10 ms */
    g_assert_cmphex(qnvme_set_feature(n, NVME_FEAT_INTERRUPT_COALESCING, 100 << 8 | 3), ==,
                    NVME_SUCCESS);
    flush(n, 1, 3);
    flush(n, 2, 1); /* this vector is exempt */
    qpci_msix_wait(n->dev, 2);
    g_assert_false(qpci_msix_take(n->dev, 1));
    flush(n, 1, 1);
    qpci_msix_wait(n->dev, 1);
    /* the time is over first */
    flush(n, 1, 2);
    g_assert_false(qpci_msix_take(n->dev, 1));
    qtest_clock_step(n->s, 5000000);
    g_assert_false(qpci_msix_take(n->dev, 1));
    qtest_clock_step(n->s, 6000000);
    qpci_msix_wait(n->dev, 1);
    qtest_clock_step(n->s, 50000000);
    g_assert_false(qpci_msix_take(n->dev, 1));
    /* a queue that goes while an interrupt is due */
    flush(n, 1, 1);
    qnvme_delete_pair(n, 1);
    qtest_clock_step(n->s, 50000000);
    g_assert_cmphex(qnvme_set_feature(n, NVME_FEAT_INTERRUPT_COALESCING, 0), ==, NVME_SUCCESS);
    qnvme_create_pair(n, 1, 16, 1);
    qpci_msix_take(n->dev, 1);
    flush(n, 1, 1);
    qpci_msix_wait(n->dev, 1);
    qnvme_stop(n);
}

/* --- arbitration ----------------------------------------------------------------------------- */

/* Four submission queues, a class each, one completion queue; all doorbells in one access of the
 * test, so that all are seen before any command is.  The order of completion says who was served
 * when. */
static void test_wrr(void)
{
    enum { DEPTH = 40 };
    QNvme *n =
        qnvme_start(MAIN_LOOP, "-blockdev driver=null-co,node-name=d0,size=1M,read-zeroes=on", "");
    static const unsigned class_of[5] = {0, 3, 2, 1, 0}; /* queue 1 is low, 4 is urgent */
    uint64_t cq = qtest_alloc(n->s, 4096, 4096), sq[5];
    uint32_t bells[8] = {0};
    unsigned first[5] = {0}, last[5] = {0}, seen[5] = {0}, early[5] = {0};

    g_assert_true(qpci_io_read(n->bar, NVME_REG_CAP, 8) & NVME_CAP_AMS_WRR);
    qnvme_bring_up(n, 0, false);
    qnvme_disable(n);
    uint64_t asq = qtest_alloc(n->s, 4096, 4096), acq = qtest_alloc(n->s, 4096, 4096);
    n->q[0] = (QNvmeQueue){.sq = asq, .cq = acq, .size = 32, .phase = 1};
    qnvme_writel(n, NVME_REG_AQA, 31 << 16 | 31);
    qpci_io_write(n->bar, NVME_REG_ASQ, 8, asq);
    qpci_io_write(n->bar, NVME_REG_ACQ, 8, acq);
    qnvme_writel(n, NVME_REG_CC, 4 << 20 | 6 << 16 | 1 << 11 | NVME_CC_EN);
    qnvme_wait_csts(n, NVME_CSTS_RDY | NVME_CSTS_CFS, NVME_CSTS_RDY);
    /* high 8, medium 4, low 1; bursts of 2 */
    g_assert_cmphex(qnvme_set_feature(n, NVME_FEAT_ARBITRATION, 7u << 24 | 3 << 16 | 0 << 8 | 1),
                    ==, NVME_SUCCESS);
    NvmeCmd ccq = {
        .opcode = NVME_ADM_CREATE_CQ, .dptr.prp1 = cq, .cdw10 = 255 << 16 | 1, .cdw11 = 1};
    g_assert_cmphex(qnvme_cmd(n, 0, &ccq), ==, NVME_SUCCESS);
    for (unsigned q = 1; q <= 4; q++) {
        sq[q] = qtest_alloc(n->s, 4096, 4096);
        NvmeCmd csq = {.opcode = NVME_ADM_CREATE_SQ,
                       .dptr.prp1 = sq[q],
                       .cdw10 = 63 << 16 | q,
                       .cdw11 = 1 << 16 | class_of[q] << 1 | 1};
        g_assert_cmphex(qnvme_cmd(n, 0, &csq), ==, NVME_SUCCESS);
        for (unsigned i = 0; i < DEPTH; i++) {
            NvmeCmd cmd = {.opcode = NVME_IO_FLUSH, .nsid = 9, .cid = (uint16_t)(q << 8 | i)};
            qtest_memwrite(n->s, sq[q] + i * 64, &cmd,
                           64); /* ends at once, in order: no such nsid */
        }
        bells[(q - 1) * 2] = DEPTH;
    }
    qtest_memwrite(n->s, n->bar->addr + NVME_REG_DOORBELLS + 8, bells, sizeof(bells));
    gint64 end = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;
    for (unsigned i = 0; i < 4 * DEPTH; i++) {
        NvmeCqe cqe;

        do {
            qtest_memread(n->s, cq + i * 16, &cqe, 16);
            g_assert_cmpint(g_get_monotonic_time(), <, end);
        } while (!(cqe.status & 1));
        g_assert_cmpuint(cqe.sq_id, >=, 1);
        g_assert_cmpuint(cqe.sq_id, <=, 4);
        if (!seen[cqe.sq_id]++) {
            first[cqe.sq_id] = i;
        }
        last[cqe.sq_id] = i;
        early[cqe.sq_id] += i < DEPTH + 26; /* two rounds behind the urgent ones */
    }
    g_assert_cmpuint(first[4], ==, 0);
    g_assert_cmpuint(last[4], ==, DEPTH - 1); /* all urgent ones before anything else */
    g_assert_cmpuint(last[3], <, last[2]);
    g_assert_cmpuint(last[2], <, last[1]);
    g_assert_cmpuint(early[3], ==, 16);
    g_assert_cmpuint(early[2], ==, 8);
    g_assert_cmpuint(early[1], ==, 2);
    /* off and on again without it */
    qnvme_disable(n);
    qnvme_bring_up(n, 2, false);
    flush(n, 1, 3);
    qnvme_stop(n);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qhome_add("/nvme-reset/subsystem", test_subsystem_reset);
    qhome_add("/nvme-reset/bus", test_bus_reset);
    qhome_add("/nvme-reset/abort", test_abort);
    qhome_add("/nvme-reset/coalescing", test_coalescing);
    g_test_add_func("/nvme-reset/weighted-round-robin", test_wrr);
    return g_test_run();
}
