/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NVMe namespaces: several on one controller, shared by two controllers of a subsystem, what
 * Identify says of them, attachment, and namespaces that come and go while the machine runs.
 */
#include "nvme-driver.h"

#include <string.h>
#include <unistd.h>

#define DNR NVME_DNR
#define OTHER_DEVFN QPCI_DEVFN(5, 0)

static const char *const drives = "-blockdev driver=null-co,node-name=d1,size=1M,read-zeroes=on "
                                  "-blockdev driver=null-co,node-name=d2,size=2M,read-zeroes=on "
                                  "-blockdev driver=null-co,node-name=d3,size=3M,read-zeroes=on ";

static QNvme *start(QHome home, const char *more)
{
    g_autofree char *args = g_strdup_printf(
        "%s -device nvme,id=n0,serial=s0,drive=d1,addr=04.0%s "
        "-device nvme-ns,bus=n0,drive=d2,nsid=3,uuid=11223344-5566-7788-99aa-bbccddeeff00,"
        "eui64=0x1122334455667788,nguid=000102030405060708090a0b0c0d0e0f,logical_block_size=4096 "
        "%s",
        drives, qnvme_home_props(home), more);
    QNvme *n = qnvme_start_devices(home, args);

    qnvme_bring_up(n, 2, false);
    return n;
}

static void identify_ok(QNvme *n, uint32_t dw10, uint32_t nsid, uint32_t dw11)
{
    g_assert_cmphex(qnvme_admin(n, NVME_ADM_IDENTIFY, nsid, n->page, dw10, dw11), ==, NVME_SUCCESS);
}

static void identify_fails(QNvme *n, uint32_t dw10, uint32_t nsid, uint32_t dw11, uint16_t status)
{
    g_assert_cmphex(qnvme_admin(n, NVME_ADM_IDENTIFY, nsid, n->page, dw10, dw11), ==, status | DNR);
}

/* The list that lies in the page, as text. */
static char *nsid_list(QNvme *n)
{
    GString *text = g_string_new(NULL);
    uint32_t list[1024];

    qtest_memread(n->s, n->page, list, sizeof(list));
    for (unsigned i = 0; i < 1024 && list[i]; i++) {
        g_string_append_printf(text, "%u ", list[i]);
    }
    return g_string_free(text, FALSE);
}

static void expect_list(QNvme *n, uint32_t cns, uint32_t from, const char *want)
{
    g_autofree char *got = NULL;

    identify_ok(n, cns, from, 0);
    got = nsid_list(n);
    g_assert_cmpstr(got, ==, want);
}

/* --- several on one controller --------------------------------------------------------------- */

static void test_identify(const void *opaque)
{
    QNvme *n = start(GPOINTER_TO_INT(opaque), "-device nvme-ns,bus=n0,drive=d3,detached=on");
    g_autofree NvmeIdNamespace *ns = g_new0(NvmeIdNamespace, 1);
    uint8_t d[64];

    expect_list(n, NVME_CNS_ACTIVE_NSIDS, 0, "1 3 ");
    expect_list(n, NVME_CNS_ACTIVE_NSIDS, 1, "3 ");
    expect_list(n, NVME_CNS_ACTIVE_NSIDS, 3, "");
    expect_list(n, NVME_CNS_CSI_ACTIVE_NSIDS, 0, "1 3 ");
    expect_list(n, NVME_CNS_ALLOCATED_NSIDS, 0, "1 2 3 "); /* the detached one took the free id */
    expect_list(n, NVME_CNS_CSI_ALLOCATED_NSIDS, 1, "2 3 ");
    identify_fails(n, NVME_CNS_ALLOCATED_NSIDS, NVME_NSID_ALL, 0, NVME_INVALID_NSID);
    identify_fails(n, NVME_CNS_CSI_ACTIVE_NSIDS, 0, 2u << 24, NVME_INVALID_FIELD);

    identify_ok(n, NVME_CNS_NAMESPACE, 3, 0);
    qtest_memread(n->s, n->page, ns, sizeof(*ns));
    g_assert_cmpuint(ns->nsze, ==, 512);
    g_assert_cmpuint(ns->lbaf[ns->flbas & 0xf].ds, ==, 12);
    g_assert_cmphex(ns->eui64, ==, __builtin_bswap64(0x1122334455667788));
    g_assert_cmpuint(ns->nguid[15], ==, 15);
    g_assert_cmpuint(ns->nmic, ==, 0);
    g_assert_cmpuint(ns->msrc, ==, 127);
    /* exists, but is not active: only the "allocated" one shows it */
    identify_ok(n, NVME_CNS_NAMESPACE, 2, 0);
    g_assert_cmpuint(qtest_readq(n->s, n->page), ==, 0);
    identify_ok(n, NVME_CNS_ALLOCATED_NAMESPACE, 2, 0);
    g_assert_cmpuint(qtest_readq(n->s, n->page), ==, 3 * 2048);
    identify_ok(n, NVME_CNS_ALLOCATED_NAMESPACE, 4, 0);
    g_assert_cmpuint(qtest_readq(n->s, n->page), ==, 0);
    identify_fails(n, NVME_CNS_ALLOCATED_NAMESPACE, 0, 0, NVME_INVALID_NSID);
    identify_fails(n, NVME_CNS_ALLOCATED_NAMESPACE, 257, 0, NVME_INVALID_NSID);

    /* descriptors: UUID, NGUID, EUI-64, command set */
    identify_ok(n, NVME_CNS_NS_DESCRIPTORS, 3, 0);
    qtest_memread(n->s, n->page, d, sizeof(d));
    g_assert_cmphex(d[0] << 8 | d[1], ==, 0x0310);
    g_assert_cmphex(d[4], ==, 0x11);
    g_assert_cmphex(d[20] << 8 | d[21], ==, 0x0210);
    g_assert_cmphex(d[40] << 8 | d[41], ==, 0x0108);
    g_assert_cmphex(d[44], ==, 0x11);
    g_assert_cmphex(d[52] << 8 | d[53], ==, 0x0401);
    g_assert_cmphex(d[56], ==, NVME_CSI_NVM);
    identify_fails(n, NVME_CNS_NS_DESCRIPTORS, 2, 0, NVME_INVALID_FIELD);
    identify_fails(n, NVME_CNS_NS_DESCRIPTORS, NVME_NSID_ALL, 0, NVME_INVALID_NSID);

    /* structures of the command set */
    identify_ok(n, NVME_CNS_CSI_NAMESPACE, 3, 0);
    identify_fails(n, NVME_CNS_CSI_NAMESPACE, 3, 2u << 24, NVME_INVALID_FIELD);
    identify_fails(n, NVME_CNS_CSI_NAMESPACE, 0, 0, NVME_INVALID_NSID);
    identify_ok(n, NVME_CNS_CSI_ALLOCATED_NAMESPACE, 2, 0);
    identify_ok(n, NVME_CNS_CSI_CONTROLLER, 0, 0);
    g_assert_cmpuint(qtest_readb(n->s, n->page), ==, 7); /* VSL */
    identify_fails(n, NVME_CNS_CSI_CONTROLLER, 0, 2u << 24, NVME_INVALID_FIELD);
    identify_ok(n, NVME_CNS_INDEPENDENT_NAMESPACE, 3, 0);
    g_assert_cmpuint(qtest_readb(n->s, n->page + 14), ==, 1); /* ready */
    identify_fails(n, NVME_CNS_INDEPENDENT_NAMESPACE, 0, 0, NVME_INVALID_NSID);
    identify_ok(n, NVME_CNS_COMMAND_SETS | 0xffff0000u, 0, 0);
    g_assert_cmphex(qtest_readq(n->s, n->page), ==, 1);
    identify_fails(n, NVME_CNS_COMMAND_SETS | 0x00070000u, 0, 0, NVME_INVALID_FIELD);
    identify_ok(n, NVME_CNS_PRIMARY_CAPABILITIES, 0, 0);
    identify_ok(n, NVME_CNS_SECONDARY_CONTROLLERS, 0, 0);
    g_assert_cmpuint(qtest_readb(n->s, n->page), ==, 0);
    identify_ok(n, NVME_CNS_CONTROLLERS, 0, 0);
    g_assert_cmphex(qtest_readl(n->s, n->page), ==, 1); /* one: number 0 */
    identify_fails(n, 0x18, 0, 0, NVME_INVALID_FIELD);  /* domains */
    qnvme_stop(n);
}

static void test_commands(const void *opaque)
{
    QNvme *n = start(GPOINTER_TO_INT(opaque), "");
    uint64_t buf = qtest_alloc(n->s, 0x4000, 4096);

    g_assert_cmphex(qnvme_io(n, 1, NVME_IO_READ, 3, 511, 1, buf), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_io(n, 1, NVME_IO_READ, 3, 512, 1, buf), ==, NVME_LBA_OUT_OF_RANGE | DNR);
    g_assert_cmphex(qnvme_io(n, 2, NVME_IO_READ, 1, 2047, 1, buf), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_io(n, 2, NVME_IO_READ, 1, 2048, 1, buf), ==, NVME_LBA_OUT_OF_RANGE | DNR);
    g_assert_cmphex(qnvme_io(n, 1, NVME_IO_READ, 2, 0, 1, buf), ==, NVME_INVALID_FIELD | DNR);
    g_assert_cmphex(qnvme_io(n, 1, NVME_IO_READ, 300, 0, 1, buf), ==, NVME_INVALID_NSID | DNR);
    g_assert_cmphex(qnvme_io(n, 1, NVME_IO_READ, 0, 0, 1, buf), ==, NVME_INVALID_NSID | DNR);
    /* broadcast: a flush goes to all, other commands to none */
    NvmeCmd flush = {.opcode = NVME_IO_FLUSH, .nsid = NVME_NSID_ALL};
    g_assert_cmphex(qnvme_cmd(n, 1, &flush), ==, NVME_SUCCESS);
    static const uint8_t op[] = {NVME_IO_READ,    NVME_IO_WRITE,  NVME_IO_WRITE_ZEROES,
                                 NVME_IO_COMPARE, NVME_IO_VERIFY, NVME_IO_DATASET_MANAGEMENT};
    for (size_t i = 0; i < sizeof(op); i++) {
        g_assert_cmphex(qnvme_io(n, 1, op[i], NVME_NSID_ALL, 0, 1, buf), ==,
                        NVME_INVALID_NSID | DNR);
    }
    qnvme_stop(n);
}

/* --- attachment ------------------------------------------------------------------------------ */

static uint16_t attachment(QNvme *n, uint32_t nsid, unsigned select, unsigned count, uint16_t a,
                           uint16_t b)
{
    NvmeControllerList list = {.count = count, .id = {a, b}};

    qtest_memwrite(n->s, n->page, &list, sizeof(list));
    return qnvme_admin(n, NVME_ADM_NS_ATTACHMENT, nsid, n->page, select, 0);
}

static void test_attachment(const void *opaque)
{
    QNvme *n = start(GPOINTER_TO_INT(opaque), "-device nvme-ns,bus=n0,drive=d3,detached=on");
    uint64_t buf = qtest_alloc(n->s, 4096, 4096);

    g_assert_cmphex(attachment(n, 0, 0, 1, 0, 0), ==, NVME_INVALID_NSID | DNR);
    g_assert_cmphex(attachment(n, NVME_NSID_ALL, 0, 1, 0, 0), ==, NVME_INVALID_NSID | DNR);
    g_assert_cmphex(attachment(n, 77, 0, 1, 0, 0), ==, NVME_INVALID_FIELD | DNR);
    g_assert_cmphex(attachment(n, 2, 2, 1, 0, 0), ==, NVME_INVALID_FIELD | DNR);
    g_assert_cmphex(attachment(n, 2, 0, 0, 0, 0), ==, NVME_CONTROLLER_LIST_INVALID | DNR);
    g_assert_cmphex(attachment(n, 2, 0, 2048, 0, 0), ==, NVME_CONTROLLER_LIST_INVALID | DNR);
    g_assert_cmphex(attachment(n, 2, 0, 1, 9, 0), ==, NVME_CONTROLLER_LIST_INVALID | DNR);
    g_assert_cmphex(attachment(n, 2, 0, 2, 0, 0), ==, NVME_CONTROLLER_LIST_INVALID | DNR);
    g_assert_cmphex(attachment(n, 2, 1, 1, 0, 0), ==, NVME_NS_NOT_ATTACHED | DNR);
    g_assert_cmphex(attachment(n, 1, 0, 1, 0, 0), ==, NVME_NS_ALREADY_ATTACHED | DNR);
    g_assert_cmphex(qnvme_admin(n, NVME_ADM_NS_ATTACHMENT, 2, 0xe00000000, 0, 0), ==,
                    NVME_DATA_TRANSFER_ERROR);

    g_assert_cmphex(qnvme_io(n, 1, NVME_IO_READ, 2, 0, 1, buf), ==, NVME_INVALID_FIELD | DNR);
    g_assert_cmphex(attachment(n, 2, 0, 1, 0, 0), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_io(n, 1, NVME_IO_READ, 2, 6143, 1, buf), ==, NVME_SUCCESS);
    expect_list(n, NVME_CNS_ACTIVE_NSIDS, 0, "1 2 3 ");
    identify_ok(n, NVME_CNS_NS_CONTROLLERS, 2, 0);
    g_assert_cmphex(qtest_readl(n->s, n->page), ==, 1);
    identify_fails(n, NVME_CNS_NS_CONTROLLERS, 0, 0, NVME_INVALID_NSID);
    identify_fails(n, NVME_CNS_NS_CONTROLLERS, 9, 0, NVME_INVALID_FIELD);
    g_assert_cmphex(attachment(n, 2, 1, 1, 0, 0), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_io(n, 1, NVME_IO_READ, 2, 0, 1, buf), ==, NVME_INVALID_FIELD | DNR);
    /* attachments survive a reset of the controller */
    g_assert_cmphex(attachment(n, 1, 1, 1, 0, 0), ==, NVME_SUCCESS);
    qnvme_disable(n);
    qnvme_bring_up(n, 1, false);
    expect_list(n, NVME_CNS_ACTIVE_NSIDS, 0, "3 ");
    qnvme_stop(n);
}

/* Detached while commands are on their way: they end, and then the detachment is complete. */
static void test_detach_in_flight(const void *opaque)
{
    QHome home = qhome_of(opaque);
    g_autofree char *args = g_strdup_printf(
        "-blockdev "
        "driver=null-co,node-name=d1,size=1M,x-give-back=off,latency-ns=50000000,read-zeroes=on "
        "-device nvme,id=n0,serial=s0,drive=d1,addr=04.0%s",
        qnvme_home_props(home));
    QNvme *n = qnvme_start_devices(home, args);
    uint64_t buf = qtest_alloc(n->s, 4096, 4096);
    NvmeControllerList list = {.count = 1};
    NvmeCmd detach = {
        .opcode = NVME_ADM_NS_ATTACHMENT, .nsid = 1, .dptr.prp1 = n->page, .cdw10 = 1};

    qnvme_bring_up(n, 2, false);
    for (unsigned i = 0; i < 8; i++) {
        NvmeCmd read = {.opcode = NVME_IO_READ, .nsid = 1, .dptr.prp1 = buf, .cdw10 = i};
        qnvme_push(n, 1 + i % 2, &read);
    }
    qnvme_ring(n, 1);
    qnvme_ring(n, 2);
    qtest_memwrite(n->s, n->page, &list, sizeof(list));
    qnvme_push(n, 0, &detach);
    qnvme_ring(n, 0);
    g_usleep(20000);
    g_assert_false(qnvme_ready(n, 0));
    qtest_clock_step(n->s, 200000000);
    g_assert_cmphex(qnvme_wait(n, 0), ==, NVME_SUCCESS);
    for (unsigned i = 0; i < 8; i++) {
        g_assert_true(qnvme_ready(n, 1 + i % 2));
        g_assert_cmphex(qnvme_wait(n, 1 + i % 2), ==, NVME_SUCCESS);
    }
    qnvme_stop(n);
}

/* --- a subsystem with two controllers -------------------------------------------------------- */

static void test_subsystem(const void *opaque)
{
    QHome home = qhome_of(opaque);
    g_autofree char *args = g_strdup_printf(
        "%s -device nvme-subsys,id=sub0,nqn=testsub "
        "-device nvme,id=n0,serial=s0,subsys=sub0,addr=04.0%s "
        "-device nvme-ns,bus=n0,drive=d1,nsid=1 " /* shared by default */
        "-device nvme-ns,bus=n0,drive=d2,nsid=2,shared=off "
        "-device nvme,id=n1,serial=s0,subsys=sub0,addr=05.0%s "
        "-device nvme-ns,bus=sub0,drive=d3,nsid=5",
        drives, qnvme_home_props(home), home == PER_QUEUE ? "" : qnvme_home_props(home));
    QNvme *a = qnvme_start_devices(home, args), *b = qnvme_other(a, OTHER_DEVFN);
    g_autofree NvmeIdController *id = g_new0(NvmeIdController, 1);
    uint64_t buf = qtest_alloc(a->s, 4096, 4096);

    qnvme_bring_up(a, 1, false);
    qnvme_bring_up(b, 1, false);
    for (unsigned i = 0; i < 2; i++) {
        QNvme *n = i ? b : a;
        identify_ok(n, NVME_CNS_CONTROLLER, 0, 0);
        qtest_memread(n->s, n->page, id, sizeof(*id));
        g_assert_cmpuint(id->cntlid, ==, i);
        g_assert_true(id->cmic & NVME_CMIC_MULTI_CTRL);
        g_assert_cmpstr(id->subnqn, ==, "nqn.2019-08.org.qemu:testsub");
        identify_ok(n, NVME_CNS_CONTROLLERS, 0, 0);
        g_assert_cmphex(qtest_readl(n->s, n->page), ==, 2);
        g_assert_cmphex(qtest_readw(n->s, n->page + 4), ==, 1);
        identify_ok(n, NVME_CNS_CONTROLLERS | 1 << 16, 0, 0);
        g_assert_cmphex(qtest_readl(n->s, n->page), ==, 0x10001);
        expect_list(n, NVME_CNS_ALLOCATED_NSIDS, 0, "1 2 5 ");
    }
    expect_list(a, NVME_CNS_ACTIVE_NSIDS, 0, "1 2 5 ");
    expect_list(b, NVME_CNS_ACTIVE_NSIDS, 0, "1 5 ");
    identify_ok(b, NVME_CNS_NAMESPACE, 1, 0);
    g_assert_cmpuint(qtest_readb(b->s, b->page + 30), ==, NVME_NMIC_SHARED);
    g_assert_cmphex(qnvme_io(b, 1, NVME_IO_READ, 5, 0, 1, buf), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_io(b, 1, NVME_IO_READ, 2, 0, 1, buf), ==, NVME_INVALID_FIELD | DNR);
    g_assert_cmphex(attachment(a, 2, 0, 1, 1, 0), ==, NVME_NS_PRIVATE | DNR);

    /* one controller detaches from the other, which is told */
    NvmeCmd aer = {.opcode = NVME_ADM_ASYNC_EVENT_REQUEST};
    g_assert_cmphex(qnvme_set_feature(b, NVME_FEAT_ASYNC_EVENT, NVME_OAES_NS_CHANGED), ==,
                    NVME_SUCCESS);
    qnvme_push(b, 0, &aer);
    qnvme_ring(b, 0);
    g_assert_cmphex(attachment(a, 5, 1, 2, 0, 1), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_wait(b, 0), ==, NVME_SUCCESS);
    g_assert_cmphex(b->result, ==,
                    NVME_LOG_CHANGED_NS << 16 | NVME_AER_NOTICE_NS_CHANGED << 8 | NVME_AER_NOTICE);
    g_assert_cmphex(qnvme_get_log(b, NVME_NSID_ALL, NVME_LOG_CHANGED_NS, 4096, 0, false), ==,
                    NVME_SUCCESS);
    g_assert_cmpuint(qtest_readl(b->s, b->page), ==, 5);
    expect_list(b, NVME_CNS_ACTIVE_NSIDS, 0, "1 ");
    expect_list(a, NVME_CNS_ACTIVE_NSIDS, 0, "1 2 ");
    g_assert_cmphex(attachment(b, 5, 0, 2, 0, 1), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_io(a, 1, NVME_IO_READ, 5, 0, 1, buf), ==, NVME_SUCCESS);
    qnvme_release(b);
    qnvme_stop(a);
}

/* --- hot plug -------------------------------------------------------------------------------- */

static void test_hotplug(const void *opaque)
{
    QNvme *n = start(GPOINTER_TO_INT(opaque), "");
    uint64_t buf = qtest_alloc(n->s, 4096, 4096);
    NvmeCmd aer = {.opcode = NVME_ADM_ASYNC_EVENT_REQUEST};

    g_assert_cmphex(qnvme_set_feature(n, NVME_FEAT_ASYNC_EVENT, NVME_OAES_NS_CHANGED), ==,
                    NVME_SUCCESS);
    for (unsigned round = 0; round < 3; round++) {
        qnvme_push(n, 0, &aer);
        qnvme_ring(n, 0);
        qtest_qmp_ok(n->s, "{'execute': 'device_add', 'arguments': {'driver': 'nvme-ns', 'id': "
                           "'x', 'bus': 'n0', 'drive': 'd3', 'nsid': 7}}");
        g_assert_cmphex(qnvme_wait(n, 0), ==, NVME_SUCCESS);
        g_assert_cmphex(qnvme_get_log(n, NVME_NSID_ALL, NVME_LOG_CHANGED_NS, 4096, 0, false), ==,
                        NVME_SUCCESS);
        g_assert_cmpuint(qtest_readl(n->s, n->page), ==, 7);
        g_assert_cmphex(qnvme_io(n, 1, NVME_IO_READ, 7, 0, 1, buf), ==, NVME_SUCCESS);
        for (unsigned i = 0; i < 12; i++) { /* some may be on their way when it goes */
            NvmeCmd read = {.opcode = NVME_IO_READ, .nsid = 7, .dptr.prp1 = buf, .cdw10 = i};
            qnvme_push(n, 1 + i % 2, &read);
        }
        qnvme_ring(n, 1);
        qnvme_ring(n, 2);
        qnvme_push(n, 0, &aer);
        qnvme_ring(n, 0);
        qtest_qmp_ok(n->s, "{'execute': 'device_del', 'arguments': {'id': 'x'}}");
        json_object_put(qtest_qmp_event(n->s, "DEVICE_DELETED"));
        for (unsigned i = 0; i < 12; i++) {
            uint16_t status = qnvme_wait(n, 1 + i % 2);
            g_assert_true(status == NVME_SUCCESS || status == (NVME_INVALID_FIELD | DNR));
        }
        g_assert_cmphex(qnvme_wait(n, 0), ==, NVME_SUCCESS);
        g_assert_cmphex(qnvme_get_log(n, NVME_NSID_ALL, NVME_LOG_CHANGED_NS, 4096, 0, false), ==,
                        NVME_SUCCESS);
        g_assert_cmpuint(qtest_readl(n->s, n->page), ==, 7);
        expect_list(n, NVME_CNS_ACTIVE_NSIDS, 0, "1 3 ");
    }
    g_autofree char *taken = qtest_qmp_error(
        n->s, "GenericError",
        "{'execute': 'device_add', 'arguments': {'driver': 'nvme-ns', 'bus': 'n0', 'drive': 'd3', "
        "'nsid': 3}}");
    g_assert_nonnull(strstr(taken, "nsid=3"));
    qnvme_stop(n);
}

/* --- namespace management -------------------------------------------------------------------- */

static uint16_t create_ns(QNvme *n, uint64_t nsze, uint64_t ncap, uint8_t flbas, uint8_t dps,
                          uint8_t nmic)
{
    NvmeIdNamespace want = {.nsze = nsze, .ncap = ncap, .flbas = flbas, .dps = dps, .nmic = nmic};

    qtest_memwrite(n->s, n->page, &want, sizeof(want));
    return qnvme_admin(n, NVME_ADM_NS_MANAGEMENT, 0, n->page, 0, 0);
}

static uint16_t delete_ns(QNvme *n, uint32_t nsid)
{
    return qnvme_admin(n, NVME_ADM_NS_MANAGEMENT, nsid, 0, 1, 0);
}

static uint64_t unallocated(QNvme *n)
{
    identify_ok(n, NVME_CNS_CONTROLLER, 0, 0);
    g_assert_cmpuint(qtest_readq(n->s, n->page + 280), ==, 8 << 20);
    return qtest_readq(n->s, n->page + 296);
}

static void test_management(const void *opaque)
{
    QHome home = qhome_of(opaque);
    char *image = qpattern_image(8 << 20);
    g_autofree char *state = g_strdup_printf("%s.state", image);
    g_autofree char *args =
        g_strdup_printf("%s -drive if=none,id=pool,format=raw,file=%s -device "
                        "nvme,id=n0,serial=s0,drive=d1,addr=04.0,state=%s,ns-pool=pool%s",
                        drives, image, state, qnvme_home_props(home));
    QNvme *n = qnvme_start_devices(home, args);
    uint64_t buf = qtest_alloc(n->s, 4096, 4096);

    qnvme_bring_up(n, 2, false);
    g_assert_cmpuint(unallocated(n), ==, 8 << 20);
    g_assert_cmphex(create_ns(n, 0, 0, 0, 0, 0), ==, NVME_INVALID_FIELD | DNR);
    g_assert_cmphex(create_ns(n, 8, 16, 0, 0, 0), ==, NVME_INVALID_FIELD | DNR);
    g_assert_cmphex(create_ns(n, 8, 8, 0, 0, 1), ==, NVME_INVALID_FIELD | DNR); /* shared */
    g_assert_cmphex(create_ns(n, 16, 8, 0, 0, 0), ==, NVME_THIN_NOT_SUPPORTED | DNR);
    g_assert_cmphex(create_ns(n, 8, 8, 15, 0, 0), ==, NVME_INVALID_FORMAT | DNR);
    g_assert_cmphex(create_ns(n, 8, 8, 0, 1, 0), ==, NVME_INVALID_FORMAT | DNR);
    g_assert_cmphex(create_ns(n, 32768, 32768, 0, 0, 0), ==, NVME_NS_INSUFFICIENT_CAPACITY | DNR);
    g_assert_cmphex(create_ns(n, UINT64_MAX, UINT64_MAX, 0, 0, 0), ==,
                    NVME_NS_INSUFFICIENT_CAPACITY | DNR);
    g_assert_cmphex(qnvme_admin(n, NVME_ADM_NS_MANAGEMENT, 0, n->page, 2, 0), ==,
                    NVME_INVALID_FIELD | DNR);
    g_assert_cmphex(qnvme_admin(n, NVME_ADM_NS_MANAGEMENT, 0, n->page, 0, 2u << 24), ==,
                    NVME_INVALID_FIELD | DNR);
    g_assert_cmphex(qnvme_admin(n, NVME_ADM_NS_MANAGEMENT, 0, 0xe00000000, 0, 0), ==,
                    NVME_DATA_TRANSFER_ERROR);

    g_assert_cmphex(create_ns(n, 4096, 4096, 0, 0, 0), ==, NVME_SUCCESS);
    g_assert_cmpuint(n->result, ==, 2);
    g_assert_cmphex(create_ns(n, 512, 512, 5 /* 4096 + 8 */, 1, 0), ==, NVME_SUCCESS);
    g_assert_cmpuint(n->result, ==, 3);
    g_assert_cmpuint(unallocated(n), ==, 3 << 20); /* 2 and 3 MiB of 8 are taken */
    g_assert_cmphex(create_ns(n, 8192, 8192, 0, 0, 0), ==, NVME_NS_INSUFFICIENT_CAPACITY | DNR);
    expect_list(n, NVME_CNS_ALLOCATED_NSIDS, 0, "1 2 3 ");
    expect_list(n, NVME_CNS_ACTIVE_NSIDS, 0, "1 ");
    g_assert_cmphex(attachment(n, 2, 0, 1, 0, 0), ==, NVME_SUCCESS);
    g_assert_cmphex(attachment(n, 3, 0, 1, 0, 0), ==, NVME_SUCCESS);
    identify_ok(n, NVME_CNS_NAMESPACE, 3, 0);
    g_assert_cmpuint(qtest_readq(n->s, n->page), ==, 512);
    g_assert_cmpuint(qtest_readb(n->s, n->page + 29), ==, 1);
    /* neighbours do not see each other */
    qtest_memset(n->s, buf, 0x77, 4096);
    g_assert_cmphex(qnvme_io(n, 1, NVME_IO_WRITE, 2, 4095, 1, buf), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_io(n, 1, NVME_IO_WRITE, 2, 4096, 1, buf), ==,
                    NVME_LBA_OUT_OF_RANGE | DNR);
    g_assert_cmphex(qnvme_admin(n, NVME_ADM_FORMAT_NVM, 3, 0, 4 | 1 << 9, 0), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_io(n, 2, NVME_IO_READ, 3, 0, 1, buf), ==, NVME_SUCCESS);
    g_assert_cmphex(qtest_readb(n->s, buf), ==, 0);
    g_assert_cmphex(qnvme_io(n, 1, NVME_IO_READ, 2, 4095, 1, buf), ==, NVME_SUCCESS);
    g_assert_cmphex(qtest_readb(n->s, buf), ==, 0x77);
    qnvme_stop(n);

    /* again: they are there, and attached */
    n = qnvme_start_devices(home, args);
    qnvme_bring_up(n, 2, false);
    expect_list(n, NVME_CNS_ACTIVE_NSIDS, 0, "1 2 3 ");
    g_assert_cmphex(qnvme_io(n, 1, NVME_IO_READ, 2, 4095, 1, buf), ==, NVME_SUCCESS);
    g_assert_cmphex(qtest_readb(n->s, buf), ==, 0x77);
    g_assert_cmphex(delete_ns(n, 0), ==, NVME_INVALID_NSID | DNR);
    g_assert_cmphex(delete_ns(n, 300), ==, NVME_INVALID_NSID | DNR);
    g_assert_cmphex(delete_ns(n, 9), ==, NVME_INVALID_FIELD | DNR);
    g_assert_cmphex(delete_ns(n, 1), ==, NVME_INVALID_FIELD | DNR); /* the user's */
    for (unsigned i = 0; i < 10; i++) {
        NvmeCmd read = {.opcode = NVME_IO_READ, .nsid = 2, .dptr.prp1 = buf, .cdw10 = i};
        qnvme_push(n, 1 + i % 2, &read);
    }
    qnvme_ring(n, 1);
    qnvme_ring(n, 2);
    g_assert_cmphex(delete_ns(n, 2), ==, NVME_SUCCESS);
    for (unsigned i = 0; i < 10; i++) {
        uint16_t status = qnvme_wait(n, 1 + i % 2);
        g_assert_true(status == NVME_SUCCESS || status == (NVME_INVALID_FIELD | DNR));
    }
    expect_list(n, NVME_CNS_ALLOCATED_NSIDS, 0, "1 3 ");
    g_assert_cmpuint(unallocated(n), ==, 5 << 20);
    g_assert_cmphex(create_ns(n, 2048, 2048, 0, 0, 0), ==, NVME_SUCCESS); /* into the hole */
    g_assert_cmpuint(n->result, ==, 2);
    g_assert_cmphex(delete_ns(n, NVME_NSID_ALL), ==, NVME_SUCCESS);
    expect_list(n, NVME_CNS_ALLOCATED_NSIDS, 0, "1 ");
    g_assert_cmpuint(unallocated(n), ==, 8 << 20);
    g_assert_cmphex(delete_ns(n, NVME_NSID_ALL), ==, NVME_SUCCESS);
    qnvme_stop(n);
    unlink(state);
    unlink(image);
    g_free(image);

    n = start(home, "");
    g_assert_cmphex(create_ns(n, 8, 8, 0, 0, 0), ==, NVME_INVALID_OPCODE | DNR); /* no pool */
    qnvme_stop(n);
}

static void refused(const char *device, const char *text)
{
    qtest_refused(text,
                  "-machine q35,accel=qtest -nodefaults -display none %s -device "
                  "nvme,id=n0,serial=x %s",
                  drives, device);
}

static void test_bad_properties(void)
{
    refused("-device nvme-ns,bus=n0", "drive");
    refused("-device nvme-ns,bus=n0,drive=d1,nsid=257", "nsid=257");
    refused("-device nvme-ns,bus=n0,drive=d1,uuid=zz", "uuid=zz");
    refused("-device nvme-ns,bus=n0,drive=d1,nguid=12", "nguid=12");
    refused("-device nvme-ns,bus=n0,drive=d1,pi=4,ms=8", "pi=4");
    refused("-device nvme-ns,bus=n0,drive=d1,pi=1", "pi=1");
    refused("-device nvme-ns,bus=n0,drive=d1,pi=1,ms=8,pif=2", "ms=");
    refused("-device nvme-ns,bus=n0,drive=d1,pif=1", "pif=1");
    refused("-device nvme-ns,bus=n0,drive=d1,ms=9000", "ms=9000");
    refused("-device nvme-ns,bus=n0,drive=d1,mset=2", "mset=2");
    refused("-device nvme-ns,bus=n0,drive=d1,mcl=5,mssrl=6", "mssrl=6");
    refused("-device nvme-ns,bus=n0,drive=d1,logical_block_size=100", "logical_block_size=100");
    refused("-device nvme-ns,bus=n0,drive=d1,zoned=on", "zoned=on");
    refused("-device nvme-ns,bus=n0,drive=d1,nsid=4 -device nvme-ns,bus=n0,drive=d2,nsid=4",
            "nsid=4");
    refused("-device nvme-ns,bus=nope,drive=d1", "nope");
    refused("-device nvme,serial=y,subsys=nope", "nope");
    refused("-device nvme,serial=y,ns-pool=d2", "ns-pool=d2: give state=FILE");
    refused("-device nvme,serial=y,state=/nonexistent/x", "no folder");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qhome_add("/nvme-ns/identify", test_identify);
    qhome_add("/nvme-ns/commands", test_commands);
    qhome_add("/nvme-ns/attachment", test_attachment);
    qhome_add("/nvme-ns/detach-in-flight", test_detach_in_flight);
    qhome_add("/nvme-ns/subsystem", test_subsystem);
    qhome_add("/nvme-ns/hotplug", test_hotplug);
    qhome_add("/nvme-ns/management", test_management);
    g_test_add_func("/nvme-ns/bad-properties", test_bad_properties);
    return g_test_run();
}
