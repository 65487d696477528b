/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest's NVMe driver for the tests. */
#include "nvme-driver.h"

#include <string.h>

#define WAIT_US (20 * G_USEC_PER_SEC)

static const char *const home_props[HOMES] = QHOME_PROPS("ior1:ior2", QHOME_SPREAD);

/* --- start and stop ----------------------------------------------------------------------------
 */

static void forget(QNvme *n)
{
    g_clear_pointer(&n->dev, qpci_device_free);
    g_clear_pointer(&n->bar, g_free);
}

static void probe_at(QNvme *n, uint8_t bus_num, uint8_t devfn)
{
    forget(n);
    n->dev = qpci_device_at(n->bus, bus_num, devfn);
    g_assert_nonnull(n->dev);
    n->bar = qpci_iomap(n->dev, 0);
    qpci_device_enable(n->dev);
    memset(n->q, 0, sizeof(n->q));
    n->msix = false;
}

void qnvme_probe(QNvme *n)
{
    probe_at(n, 0, QNVME_DEVFN);
}

void qnvme_probe_behind(QNvme *n)
{
    QPCIDevice *port = qpci_device_at(n->bus, 0, QPCI_DEVFN(6, 0));

    g_assert_nonnull(port);
    qpci_bridge_setup(port, 1);
    probe_at(n, 1, 0);
    qpci_device_free(port);
}

static QNvme *start_at(QHome home, const char *args, const char *props, const char *where)
{
    QNvme *n = g_new0(QNvme, 1);

    n->s = qtest_initf("-machine q35 -nodefaults -m 256 %s %s -device "
                       "nvme,id=nvme0,%s,drive=d0,serial=testserial%s%s",
                       qhome_args(home), args, where, home_props[home], props);
    n->bus = qpci_new(n->s);
    return n;
}

QNvme *qnvme_start(QHome home, const char *args, const char *props)
{
    QNvme *n = start_at(home, args, props, "addr=04.0");

    qnvme_probe(n);
    n->page = qtest_alloc(n->s, 4096, 4096);
    return n;
}

QNvme *qnvme_start_behind(QHome home, const char *args, const char *port)
{
    g_autofree char *where = g_strdup_printf("bus=%s", port);
    QNvme *n = start_at(home, args, "", where);

    qnvme_probe_behind(n);
    n->page = qtest_alloc(n->s, 4096, 4096);
    return n;
}

QNvme *qnvme_start_devices(QHome home, const char *args)
{
    QNvme *n = g_new0(QNvme, 1);

    n->s = qtest_initf("-machine q35 -nodefaults -m 256 %s %s", qhome_args(home), args);
    n->bus = qpci_new(n->s);
    qnvme_probe(n);
    n->page = qtest_alloc(n->s, 4096, 4096);
    return n;
}

const char *qnvme_home_props(QHome home)
{
    return home_props[home];
}

QNvme *qnvme_other(QNvme *n, uint8_t devfn)
{
    QNvme *other = g_new0(QNvme, 1);

    other->s = n->s;
    other->bus = n->bus;
    probe_at(other, 0, devfn);
    other->page = qtest_alloc(n->s, 4096, 4096);
    return other;
}

void qnvme_release(QNvme *n)
{
    g_free(n->bar);
    qpci_device_free(n->dev);
    g_free(n);
}

void qnvme_stop(QNvme *n)
{
    g_free(n->bar);
    qpci_device_free(n->dev);
    qpci_free(n->bus);
    qtest_quit(n->s);
    g_free(n);
}

/* --- registers
 * ------------------------------------------------------------------------------------ */

uint32_t qnvme_readl(QNvme *n, uint64_t reg)
{
    return (uint32_t)qpci_io_read(n->bar, reg, 4);
}

void qnvme_writel(QNvme *n, uint64_t reg, uint32_t v)
{
    qpci_io_write(n->bar, reg, 4, v);
}

void qnvme_doorbell(QNvme *n, unsigned qid, bool cq, uint32_t v)
{
    qnvme_writel(n, NVME_REG_DOORBELLS + qid * 8 + (cq ? 4 : 0), v);
}

void qnvme_wait_csts(QNvme *n, uint32_t mask, uint32_t want)
{
    gint64 end = g_get_monotonic_time() + WAIT_US;
    uint32_t csts;

    while (((csts = qnvme_readl(n, NVME_REG_CSTS)) & mask) != want) {
        if (g_get_monotonic_time() > end) {
            g_error("CSTS stays 0x%x, wanted 0x%x under 0x%x", csts, want, mask);
        }
        g_usleep(200);
    }
}

bool qnvme_pin(QNvme *n)
{
    return qpci_config_readw(n->dev, 6) & 8; /* PCI status, interrupt status */
}

void qnvme_wait_pin(QNvme *n, bool level)
{
    gint64 end = g_get_monotonic_time() + WAIT_US;

    while (qnvme_pin(n) != level) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
}

static void queue_init(QNvme *n, unsigned qid, uint32_t size)
{
    n->q[qid] = (QNvmeQueue){
        .sq = qtest_alloc(n->s, size * sizeof(NvmeCmd), 4096),
        .cq = qtest_alloc(n->s, size * sizeof(NvmeCqe), 4096),
        .size = size,
        .phase = 1,
    };
}

void qnvme_enable(QNvme *n, uint32_t admin_size)
{
    memset(n->q, 0, sizeof(n->q));
    queue_init(n, 0, admin_size);
    qnvme_writel(n, NVME_REG_AQA, (admin_size - 1) << 16 | (admin_size - 1));
    qpci_io_write(n->bar, NVME_REG_ASQ, 8, n->q[0].sq);
    qpci_io_write(n->bar, NVME_REG_ACQ, 8, n->q[0].cq);
    qnvme_writel(n, NVME_REG_CC, 4 << 20 | 6 << 16 | NVME_CC_EN);
    qnvme_wait_csts(n, NVME_CSTS_RDY | NVME_CSTS_CFS, NVME_CSTS_RDY);
}

void qnvme_disable(QNvme *n)
{
    qnvme_writel(n, NVME_REG_CC, 0);
    qnvme_wait_csts(n, NVME_CSTS_RDY, 0);
    memset(n->q, 0, sizeof(n->q));
}

/* --- commands
 * -------------------------------------------------------------------------------------- */

uint16_t qnvme_push(QNvme *n, unsigned qid, NvmeCmd *cmd)
{
    QNvmeQueue *q = &n->q[qid];

    cmd->cid = n->cid++;
    qtest_memwrite(n->s, q->sq + q->tail * sizeof(*cmd), cmd, sizeof(*cmd));
    q->tail = (q->tail + 1) % q->size;
    return cmd->cid;
}

void qnvme_ring(QNvme *n, unsigned qid)
{
    qnvme_doorbell(n, qid, false, n->q[qid].tail);
}

static void peek(QNvme *n, unsigned qid, NvmeCqe *cqe)
{
    QNvmeQueue *q = &n->q[qid];
    qtest_memread(n->s, q->cq + q->head * sizeof(*cqe), cqe, sizeof(*cqe));
}

bool qnvme_ready(QNvme *n, unsigned qid)
{
    NvmeCqe cqe;
    peek(n, qid, &cqe);
    return (cqe.status & 1) == n->q[qid].phase;
}

uint16_t qnvme_wait(QNvme *n, unsigned qid)
{
    QNvmeQueue *q = &n->q[qid];
    gint64 end = g_get_monotonic_time() + WAIT_US;
    NvmeCqe cqe;

    while (!qnvme_ready(n, qid)) {
        if (g_get_monotonic_time() > end) {
            g_error("no completion on queue %u, CSTS 0x%x", qid, qnvme_readl(n, NVME_REG_CSTS));
        }
        g_usleep(100);
    }
    peek(n, qid, &cqe);
    if (++q->head == q->size) {
        q->head = 0;
        q->phase ^= 1;
    }
    qnvme_doorbell(n, qid, true, q->head);
    n->result = cqe.result;
    n->last_cid = cqe.cid;
    n->last_sqid = cqe.sq_id;
    n->last_sq_head = cqe.sq_head;
    return cqe.status >> 1 & ~NVME_MORE;
}

uint16_t qnvme_cmd(QNvme *n, unsigned qid, NvmeCmd *cmd)
{
    uint16_t cid = qnvme_push(n, qid, cmd), status;

    qnvme_ring(n, qid);
    status = qnvme_wait(n, qid);
    g_assert_cmpuint(n->last_cid, ==, cid);
    g_assert_cmpuint(n->last_sqid, ==, qid);
    g_assert_cmpuint(n->last_sq_head, ==, n->q[qid].tail);
    return status;
}

void qnvme_create_pair(QNvme *n, unsigned qid, uint32_t size, unsigned vector)
{
    queue_init(n, qid, size);
    NvmeCmd cq = {.opcode = NVME_ADM_CREATE_CQ,
                  .dptr.prp1 = n->q[qid].cq,
                  .cdw10 = (size - 1) << 16 | qid,
                  .cdw11 = vector << 16 | 3};
    NvmeCmd sq = {.opcode = NVME_ADM_CREATE_SQ,
                  .dptr.prp1 = n->q[qid].sq,
                  .cdw10 = (size - 1) << 16 | qid,
                  .cdw11 = qid << 16 | 1};
    g_assert_cmphex(qnvme_cmd(n, 0, &cq), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_cmd(n, 0, &sq), ==, NVME_SUCCESS);
}

void qnvme_delete_pair(QNvme *n, unsigned qid)
{
    NvmeCmd sq = {.opcode = NVME_ADM_DELETE_SQ, .cdw10 = qid};
    NvmeCmd cq = {.opcode = NVME_ADM_DELETE_CQ, .cdw10 = qid};

    g_assert_cmphex(qnvme_cmd(n, 0, &sq), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_cmd(n, 0, &cq), ==, NVME_SUCCESS);
    n->q[qid] = (QNvmeQueue){0};
}

void qnvme_bring_up(QNvme *n, unsigned pairs, bool msix)
{
    if (msix && !n->msix) {
        qpci_msix_enable(n->dev);
        n->bar->addr =
            n->dev->msix_bar->addr; /* the table is in the same BAR, which was placed anew */
        n->msix = true;
    }
    qnvme_enable(n, 32);
    for (unsigned i = 1; i <= pairs; i++) {
        qnvme_create_pair(n, i, 16, msix ? i : 0);
    }
}

uint16_t qnvme_identify(QNvme *n, unsigned cns, uint32_t nsid, uint64_t to)
{
    NvmeCmd cmd = {.opcode = NVME_ADM_IDENTIFY, .nsid = nsid, .dptr.prp1 = to, .cdw10 = cns};
    return qnvme_cmd(n, 0, &cmd);
}

uint16_t qnvme_get_feature(QNvme *n, uint32_t dw10, uint32_t dw11)
{
    NvmeCmd cmd = {
        .opcode = NVME_ADM_GET_FEATURES, .dptr.prp1 = n->page, .cdw10 = dw10, .cdw11 = dw11};
    return qnvme_cmd(n, 0, &cmd);
}

uint16_t qnvme_set_feature(QNvme *n, uint32_t dw10, uint32_t dw11)
{
    NvmeCmd cmd = {
        .opcode = NVME_ADM_SET_FEATURES, .dptr.prp1 = n->page, .cdw10 = dw10, .cdw11 = dw11};
    return qnvme_cmd(n, 0, &cmd);
}

uint16_t qnvme_rw(QNvme *n, unsigned qid, uint8_t opcode, uint64_t slba, unsigned nlb,
                  uint64_t prp1, uint64_t prp2)
{
    NvmeCmd cmd = {.opcode = opcode,
                   .nsid = 1,
                   .dptr = {{prp1, prp2}},
                   .cdw10 = (uint32_t)slba,
                   .cdw11 = (uint32_t)(slba >> 32),
                   .cdw12 = nlb - 1};
    return qnvme_cmd(n, qid, &cmd);
}

uint16_t qnvme_admin(QNvme *n, uint8_t opcode, uint32_t nsid, uint64_t prp1, uint32_t cdw10,
                     uint32_t cdw11)
{
    NvmeCmd cmd = {
        .opcode = opcode, .nsid = nsid, .dptr.prp1 = prp1, .cdw10 = cdw10, .cdw11 = cdw11};
    return qnvme_cmd(n, 0, &cmd);
}

uint16_t qnvme_io(QNvme *n, unsigned qid, uint8_t opcode, uint32_t nsid, uint64_t slba,
                  unsigned nlb, uint64_t prp1)
{
    NvmeCmd cmd = {.opcode = opcode,
                   .nsid = nsid,
                   .dptr.prp1 = prp1,
                   .cdw10 = (uint32_t)slba,
                   .cdw11 = (uint32_t)(slba >> 32),
                   .cdw12 = nlb - 1};
    return qnvme_cmd(n, qid, &cmd);
}

uint16_t qnvme_get_log(QNvme *n, uint32_t nsid, uint8_t lid, uint32_t bytes, uint64_t offset,
                       bool retain)
{
    NvmeCmd cmd = {.opcode = NVME_ADM_GET_LOG_PAGE,
                   .nsid = nsid,
                   .dptr = {{n->page, 0}},
                   .cdw10 = lid | (retain ? BIT(15) : 0) | (bytes / 4 - 1) << 16,
                   .cdw12 = (uint32_t)offset,
                   .cdw13 = (uint32_t)(offset >> 32)};
    return qnvme_cmd(n, 0, &cmd);
}
