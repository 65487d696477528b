/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NVMe: features that are kept, reservations between two hosts, sanitize, device self-test,
 * firmware, and the log pages that belong to them.
 */
#include "nvme-driver.h"

#include <string.h>
#include <unistd.h>

#define DNR NVME_DNR
#define NOT_RAM 0xe00000000u

static char *base; /* of the files that a test makes */

static QNvme *start(QHome home, const char *props)
{
    QNvme *n =
        qnvme_start(home, "-blockdev driver=null-co,node-name=d0,size=1M,read-zeroes=on", props);

    qnvme_bring_up(n, 1, false);
    return n;
}

static uint16_t feature(QNvme *n, bool set, uint32_t nsid, uint32_t dw10, uint32_t dw11)
{
    return qnvme_admin(n, set ? NVME_ADM_SET_FEATURES : NVME_ADM_GET_FEATURES, nsid, n->page, dw10,
                       dw11);
}

/* --- features -------------------------------------------------------------------------------- */

static void test_saved(const void *opaque)
{
    g_autofree char *path = g_strdup_printf("%s.state", base);
    g_autofree char *props = g_strdup_printf(",state=%s", path);

    unlink(path);
    for (unsigned round = 0; round < 2; round++) {
        QNvme *n = start(GPOINTER_TO_INT(opaque), props);
        const uint32_t save = BIT(31), saved = NVME_FEAT_SEL_SAVED << 8;

        if (round == 0) {
            g_assert_cmphex(feature(n, true, 0, save | NVME_FEAT_ARBITRATION, 0x01020304), ==,
                            NVME_SUCCESS);
            g_assert_cmphex(feature(n, true, 0, save | NVME_FEAT_TEMPERATURE_THRESHOLD, 345), ==,
                            NVME_SUCCESS);
            g_assert_cmphex(feature(n, true, 0, save | NVME_FEAT_INTERRUPT_VECTOR, 0x10003), ==,
                            NVME_SUCCESS);
            g_assert_cmphex(feature(n, true, 0, save | NVME_FEAT_TIMESTAMP, 0), ==,
                            NVME_FEATURE_NOT_SAVEABLE | DNR);
            g_assert_cmphex(feature(n, true, 0, NVME_FEAT_ARBITRATION, 7), ==, NVME_SUCCESS);
            g_assert_cmphex(
                feature(n, false, 0, NVME_FEAT_SEL_SUPPORTED << 8 | NVME_FEAT_ARBITRATION, 0), ==,
                NVME_SUCCESS);
            g_assert_cmphex(n->result, ==, NVME_FEAT_CAP_CHANGEABLE | NVME_FEAT_CAP_SAVEABLE);
            /* a reset brings back what was saved */
            qnvme_disable(n);
            qnvme_bring_up(n, 1, false);
        }
        g_assert_cmphex(feature(n, false, 0, NVME_FEAT_ARBITRATION, 0), ==, NVME_SUCCESS);
        g_assert_cmphex(n->result, ==, 0x01020304);
        g_assert_cmphex(feature(n, false, 0, saved | NVME_FEAT_TEMPERATURE_THRESHOLD, 0), ==,
                        NVME_SUCCESS);
        g_assert_cmpuint(n->result, ==, 345);
        g_assert_cmphex(feature(n, false, 0, NVME_FEAT_INTERRUPT_VECTOR, 3), ==, NVME_SUCCESS);
        g_assert_cmphex(n->result, ==, 0x10003);
        qnvme_stop(n);
    }
    unlink(path);
}

static void test_namespace_features(const void *opaque)
{
    QNvme *n = start(GPOINTER_TO_INT(opaque), "");
    uint64_t ranges[16] = {0};

    /* one range to begin with: all blocks */
    g_assert_cmphex(feature(n, false, 1, NVME_FEAT_LBA_RANGE, 0), ==, NVME_SUCCESS);
    g_assert_cmpuint(n->result, ==, 0);
    g_assert_cmpuint(qtest_readq(n->s, n->page + 24), ==, 2048);
    ranges[0] = 1;
    ranges[2] = 0, ranges[3] = 100;
    ranges[8 + 2] = 100, ranges[8 + 3] = 50;
    qtest_memwrite(n->s, n->page, ranges, sizeof(ranges));
    g_assert_cmphex(feature(n, true, 1, NVME_FEAT_LBA_RANGE, 1), ==, NVME_SUCCESS);
    qtest_memset(n->s, n->page, 0, 4096);
    g_assert_cmphex(feature(n, false, 1, NVME_FEAT_LBA_RANGE, 0), ==, NVME_SUCCESS);
    g_assert_cmpuint(n->result, ==, 1);
    g_assert_cmpuint(qtest_readq(n->s, n->page + 64 + 24), ==, 50);
    ranges[8 + 2] = 99;
    qtest_memwrite(n->s, n->page, ranges, sizeof(ranges));
    g_assert_cmphex(feature(n, true, 1, NVME_FEAT_LBA_RANGE, 1), ==, NVME_OVERLAPPING_RANGE | DNR);
    ranges[8 + 2] = 2040;
    qtest_memwrite(n->s, n->page, ranges, sizeof(ranges));
    g_assert_cmphex(feature(n, true, 1, NVME_FEAT_LBA_RANGE, 1), ==, NVME_LBA_OUT_OF_RANGE | DNR);
    g_assert_cmphex(feature(n, true, NVME_NSID_ALL, NVME_FEAT_LBA_RANGE, 1), ==,
                    NVME_INVALID_NSID | DNR);
    g_assert_cmphex(feature(n, false, 2, NVME_FEAT_LBA_RANGE, 0), ==, NVME_INVALID_FIELD | DNR);
    g_assert_cmphex(feature(n, false, 0, NVME_FEAT_LBA_RANGE, 0), ==, NVME_INVALID_NSID | DNR);

    /* write protection */
    uint64_t buf = qtest_alloc(n->s, 4096, 4096);
    g_assert_cmphex(feature(n, true, 1, NVME_FEAT_NS_WRITE_PROTECT, 1), ==, NVME_SUCCESS);
    g_assert_cmphex(feature(n, false, 1, NVME_FEAT_NS_WRITE_PROTECT, 0), ==, NVME_SUCCESS);
    g_assert_cmpuint(n->result, ==, 1);
    static const uint8_t writes[] = {NVME_IO_WRITE, NVME_IO_WRITE_ZEROES,
                                     NVME_IO_WRITE_UNCORRECTABLE, NVME_IO_DATASET_MANAGEMENT,
                                     NVME_IO_COPY};
    for (size_t i = 0; i < sizeof(writes); i++) {
        g_assert_cmphex(qnvme_rw(n, 1, writes[i], 0, 1, buf, 0), ==,
                        NVME_NAMESPACE_WRITE_PROTECTED | DNR);
    }
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 0, 1, buf, 0), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_FLUSH, 0, 1, 0, 0), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_admin(n, NVME_ADM_FORMAT_NVM, 1, 0, 0, 0), ==,
                    NVME_NAMESPACE_WRITE_PROTECTED | DNR);
    g_assert_cmphex(qnvme_admin(n, NVME_ADM_SANITIZE, 0, 0, 2, 0), ==,
                    NVME_NAMESPACE_WRITE_PROTECTED | DNR);
    g_assert_cmphex(feature(n, true, 1, NVME_FEAT_NS_WRITE_PROTECT, 2), ==,
                    NVME_FEATURE_NOT_CHANGEABLE | DNR);
    g_assert_cmphex(feature(n, true, 1, NVME_FEAT_NS_WRITE_PROTECT, 5), ==,
                    NVME_INVALID_FIELD | DNR);
    g_assert_cmphex(feature(n, true, NVME_NSID_ALL, NVME_FEAT_NS_WRITE_PROTECT, 0), ==,
                    NVME_INVALID_NSID | DNR);
    g_assert_cmphex(feature(n, true, 1, NVME_FEAT_NS_WRITE_PROTECT, 0), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_WRITE, 0, 1, buf, 0), ==, NVME_SUCCESS);

    /* host behaviour */
    qtest_memset(n->s, n->page, 0, 512);
    qtest_writeb(n->s, n->page + 2, 1);
    g_assert_cmphex(feature(n, true, 0, NVME_FEAT_HOST_BEHAVIOR, 0), ==, NVME_SUCCESS);
    qtest_memset(n->s, n->page, 0, 512);
    g_assert_cmphex(feature(n, false, 0, NVME_FEAT_HOST_BEHAVIOR, 0), ==, NVME_SUCCESS);
    g_assert_cmpuint(qtest_readb(n->s, n->page + 2), ==, 1);
    qtest_writeb(n->s, n->page, 7);
    g_assert_cmphex(feature(n, true, 0, NVME_FEAT_HOST_BEHAVIOR, 0), ==, NVME_INVALID_FIELD | DNR);
    qnvme_stop(n);
}

/* --- reservations ---------------------------------------------------------------------------- */

typedef struct Hosts {
    QNvme *a, *b;
    char *args;
} Hosts;

static void set_host(QNvme *n, uint64_t id)
{
    qtest_writeq(n->s, n->page, id);
    qtest_writeq(n->s, n->page + 8, 0);
    g_assert_cmphex(feature(n, true, 0, NVME_FEAT_HOST_ID, 1), ==, NVME_SUCCESS);
}

static Hosts start_hosts(QHome home, const char *sub)
{
    g_autofree char *args = g_strdup_printf(
        "-blockdev driver=null-co,node-name=d0,size=1M,read-zeroes=on "
        "-device nvme-subsys,id=sub0%s -device nvme,id=n0,serial=s0,subsys=sub0,addr=04.0%s "
        "-device nvme,id=n1,serial=s0,subsys=sub0,addr=05.0%s "
        "-device nvme-ns,bus=sub0,drive=d0,nsid=1",
        sub, qnvme_home_props(home), home == PER_QUEUE ? "" : qnvme_home_props(home));
    Hosts h = {.a = qnvme_start_devices(home, args)};

    h.b = qnvme_other(h.a, QPCI_DEVFN(5, 0));
    qnvme_bring_up(h.a, 1, false);
    qnvme_bring_up(h.b, 1, false);
    /* without a host identifier either kind of report is good */
    for (uint32_t eds = 0; eds < 2; eds++) {
        NvmeCmd cmd = {.opcode = NVME_IO_RESERVATION_REPORT,
                       .nsid = 1,
                       .dptr.prp1 = h.a->page,
                       .cdw10 = 5,
                       .cdw11 = eds};
        g_assert_cmphex(qnvme_cmd(h.a, 1, &cmd), ==, NVME_SUCCESS);
    }
    set_host(h.a, 0xaaaa);
    set_host(h.b, 0xbbbb);
    return h;
}

static uint16_t resv(QNvme *n, uint8_t opcode, uint32_t dw10, uint64_t key, uint64_t other)
{
    NvmeCmd cmd = {.opcode = opcode, .nsid = 1, .dptr.prp1 = n->page, .cdw10 = dw10};

    qtest_writeq(n->s, n->page, key);
    qtest_writeq(n->s, n->page + 8, other);
    return qnvme_cmd(n, 1, &cmd);
}

static uint16_t reg(QNvme *n, uint32_t dw10, uint64_t key, uint64_t new)
{
    return resv(n, NVME_IO_RESERVATION_REGISTER, dw10, key, new);
}

static uint16_t acquire(QNvme *n, unsigned action, unsigned type, uint64_t key, uint64_t other)
{
    return resv(n, NVME_IO_RESERVATION_ACQUIRE, action | type << 8, key, other);
}

static uint16_t release(QNvme *n, unsigned action, unsigned type, uint64_t key)
{
    return resv(n, NVME_IO_RESERVATION_RELEASE, action | type << 8, key, 0);
}

static bool may(QNvme *n, uint8_t opcode)
{
    uint16_t status = qnvme_rw(n, 1, opcode, 0, 1, n->page, 0);

    g_assert_true(status == NVME_SUCCESS || status == (NVME_RESERVATION_CONFLICT | DNR));
    return status == NVME_SUCCESS;
}

/* generation << 16 | type << 8 | registrants */
static uint32_t report(QNvme *n)
{
    NvmeCmd cmd = {.opcode = NVME_IO_RESERVATION_REPORT,
                   .nsid = 1,
                   .dptr.prp1 = n->page,
                   .cdw10 = 1023,
                   .cdw11 = 1};

    g_assert_cmphex(qnvme_cmd(n, 1, &cmd), ==, NVME_SUCCESS);
    return qtest_readl(n->s, n->page) << 16 | qtest_readb(n->s, n->page + 4) << 8 |
           qtest_readw(n->s, n->page + 5);
}

static void test_reservations(const void *opaque)
{
    Hosts h = start_hosts(GPOINTER_TO_INT(opaque), "");
    QNvme *a = h.a, *b = h.b;
    NvmeCmd aer = {.opcode = NVME_ADM_ASYNC_EVENT_REQUEST};
    /* may others read, may they write; the same for those who are registered */
    static const struct {
        bool read, write, reg_read, reg_write;
    } rule[] = {{0},          {1, 0, 1, 0}, {0, 0, 0, 0}, {1, 0, 1, 1},
                {0, 0, 1, 1}, {1, 0, 1, 1}, {0, 0, 1, 1}};

    g_assert_cmphex(acquire(a, 0, 1, 0x11, 0), ==, NVME_RESERVATION_CONFLICT | DNR);
    g_assert_cmphex(reg(a, 3, 0, 0x11), ==, NVME_INVALID_FIELD | DNR);
    g_assert_cmphex(reg(a, 1u << 30, 0, 0x11), ==, NVME_INVALID_FIELD | DNR);
    g_assert_cmphex(reg(a, 3u << 30, 0, 0x11), ==, NVME_INVALID_FIELD | DNR); /* no state file */
    g_assert_cmphex(reg(a, 1, 0, 0), ==, NVME_RESERVATION_CONFLICT | DNR);
    g_assert_cmphex(reg(a, 0, 0, 0x11), ==, NVME_SUCCESS);
    g_assert_cmphex(reg(a, 0, 0, 0x11), ==, NVME_SUCCESS); /* the same key again */
    g_assert_cmphex(reg(a, 0, 0, 0x12), ==, NVME_RESERVATION_CONFLICT | DNR);
    g_assert_cmphex(reg(a, 2, 0x99, 0x12), ==, NVME_RESERVATION_CONFLICT | DNR);
    g_assert_cmphex(reg(a, 2 | 8, 0x99, 0x12), ==, NVME_SUCCESS); /* whatever the old key is */
    g_assert_cmphex(reg(a, 2, 0x12, 0x11), ==, NVME_SUCCESS);
    g_assert_cmphex(acquire(a, 0, 0, 0x11, 0), ==, NVME_INVALID_FIELD | DNR);
    g_assert_cmphex(acquire(a, 0, 7, 0x11, 0), ==, NVME_INVALID_FIELD | DNR);
    g_assert_cmphex(acquire(a, 3, 1, 0x11, 0), ==, NVME_INVALID_FIELD | DNR);
    g_assert_cmphex(acquire(a, 0, 1, 0x99, 0), ==, NVME_RESERVATION_CONFLICT | DNR);
    g_assert_cmphex(resv(a, NVME_IO_RESERVATION_RELEASE, 2, 0x11, 0), ==, NVME_INVALID_FIELD | DNR);

    for (unsigned type = 1; type <= 6; type++) {
        g_assert_cmphex(acquire(a, 0, type, 0x11, 0), ==, NVME_SUCCESS);
        g_assert_cmphex(acquire(a, 0, type, 0x11, 0), ==, NVME_SUCCESS);
        g_assert_cmphex(report(b) & 0xffff, ==, (type << 8 | 1));
        g_assert_true(may(a, NVME_IO_READ) && may(a, NVME_IO_WRITE));
        g_assert_cmpint(may(b, NVME_IO_READ), ==, rule[type].read);
        g_assert_cmpint(may(b, NVME_IO_COMPARE), ==, rule[type].read);
        g_assert_cmpint(may(b, NVME_IO_WRITE), ==, rule[type].write);
        g_assert_cmpint(may(b, NVME_IO_FLUSH), ==, rule[type].write);
        g_assert_cmpint(may(b, NVME_IO_WRITE_ZEROES), ==, rule[type].write);
        g_assert_cmphex(reg(b, 0, 0, 0x22), ==, NVME_SUCCESS);
        g_assert_cmpint(may(b, NVME_IO_READ), ==, rule[type].reg_read);
        g_assert_cmpint(may(b, NVME_IO_WRITE), ==, rule[type].reg_write);
        g_assert_cmphex(acquire(b, 0, type % 6 + 1, 0x22, 0), ==, NVME_RESERVATION_CONFLICT | DNR);
        g_assert_cmphex(release(a, 0, type % 6 + 1, 0x11), ==, NVME_INVALID_FIELD | DNR);
        g_assert_cmphex(release(a, 0, type, 0x99), ==, NVME_RESERVATION_CONFLICT | DNR);
        g_assert_cmphex(release(a, 0, type, 0x11), ==, NVME_SUCCESS);
        g_assert_true(may(b, NVME_IO_READ) && may(b, NVME_IO_WRITE));
        g_assert_cmphex(reg(b, 1, 0x99, 0), ==, NVME_RESERVATION_CONFLICT | DNR);
        g_assert_cmphex(reg(b, 1, 0x22, 0), ==, NVME_SUCCESS);
    }
    /* take the page as it is: both hosts are in it, with keys */
    qnvme_disable(b);
    qnvme_bring_up(b, 1, false);
    set_host(b, 0xbbbb);
    g_assert_cmphex(reg(b, 0, 0, 0x22), ==, NVME_SUCCESS);
    g_assert_cmphex(acquire(a, 0, 2, 0x11, 0), ==, NVME_SUCCESS);
    g_assert_cmphex(report(a) & 0xffff, ==, 0x0202);
    g_assert_cmphex(qtest_readb(a->s, a->page + 64 + 2), ==, 1); /* holds it */
    g_assert_cmphex(qtest_readq(a->s, a->page + 64 + 8), ==, 0x11);
    g_assert_cmphex(qtest_readq(a->s, a->page + 64 + 16), ==, 0xaaaa);
    g_assert_cmphex(qtest_readq(a->s, a->page + 128 + 16), ==, 0xbbbb);
    NvmeCmd plain = {.opcode = NVME_IO_RESERVATION_REPORT, .nsid = 1, .dptr.prp1 = a->page};
    g_assert_cmphex(qnvme_cmd(a, 1, &plain), ==, NVME_HOST_ID_INCONSISTENT | DNR);
    qtest_writeq(b->s, b->page, 0xb);
    g_assert_cmphex(feature(b, true, 0, NVME_FEAT_HOST_ID, 0), ==, NVME_HOST_ID_INCONSISTENT | DNR);

    /* b takes it from a, who is told */
    g_assert_cmphex(acquire(b, 1, 2, 0x22, 0x77), ==, NVME_RESERVATION_CONFLICT | DNR);
    g_assert_cmphex(acquire(b, 1, 2, 0x22, 0), ==, NVME_INVALID_FIELD | DNR);
    qnvme_push(a, 0, &aer);
    qnvme_ring(a, 0);
    g_assert_cmphex(acquire(b, 2, 1, 0x22, 0x11), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_wait(a, 0), ==, NVME_SUCCESS);
    g_assert_cmphex(a->result, ==,
                    NVME_LOG_RESERVATION << 16 | NVME_AER_RESERVATION_LOG << 8 |
                        NVME_AER_IO_COMMAND);
    g_assert_cmphex(qnvme_get_log(a, 0, NVME_LOG_RESERVATION, 64, 0, true), ==, NVME_SUCCESS);
    g_assert_cmphex(qtest_readb(a->s, a->page + 8), ==, 1); /* registration preempted */
    g_assert_cmphex(qtest_readl(a->s, a->page + 12), ==, 1);
    g_assert_cmphex(qnvme_get_log(a, 0, NVME_LOG_RESERVATION, 64, 0, false), ==, NVME_SUCCESS);
    g_assert_cmphex(qtest_readb(a->s, a->page + 8), ==, 1);
    g_assert_cmphex(qnvme_get_log(a, 0, NVME_LOG_RESERVATION, 64, 0, false), ==, NVME_SUCCESS);
    g_assert_cmphex(qtest_readb(a->s, a->page + 8), ==, 0); /* empty */
    g_assert_false(may(a, NVME_IO_WRITE));
    g_assert_true(may(a, NVME_IO_READ));
    /* clear: everything goes; a registers again, without wanting notifications */
    g_assert_cmphex(feature(a, true, 1, NVME_FEAT_RESV_NOTIFICATION, 0xe), ==, NVME_SUCCESS);
    g_assert_cmphex(feature(a, false, 1, NVME_FEAT_RESV_NOTIFICATION, 0), ==, NVME_SUCCESS);
    g_assert_cmphex(a->result, ==, 0xe);
    g_assert_cmphex(reg(a, 0, 0, 0x11), ==, NVME_SUCCESS);
    g_assert_cmphex(release(b, 1, 0, 0x22), ==, NVME_SUCCESS);
    g_assert_cmphex(report(b) & 0xffff, ==, 0);
    g_assert_true(may(a, NVME_IO_WRITE));
    g_assert_cmphex(qnvme_get_log(a, 0, NVME_LOG_RESERVATION, 64, 0, false), ==, NVME_SUCCESS);
    g_assert_cmphex(qtest_readb(a->s, a->page + 8), ==, 0);
    g_assert_cmphex(resv(a, NVME_IO_RESERVATION_REGISTER, 0, 0, 0x5), ==, NVME_SUCCESS);
    g_assert_cmphex(feature(a, true, 1, NVME_FEAT_RESV_PERSISTENCE, 1), ==,
                    NVME_INVALID_FIELD | DNR);
    NvmeCmd bad = {.opcode = NVME_IO_RESERVATION_ACQUIRE, .nsid = 1, .dptr.prp1 = NOT_RAM};
    g_assert_cmphex(qnvme_cmd(a, 1, &bad), ==, NVME_DATA_TRANSFER_ERROR);
    qnvme_release(b);
    qnvme_stop(a);
}

static void test_reservation_persists(const void *opaque)
{
    g_autofree char *path = g_strdup_printf("%s.state", base);
    g_autofree char *props = g_strdup_printf(",state=%s", path);

    unlink(path);
    for (unsigned round = 0; round < 2; round++) {
        Hosts h = start_hosts(GPOINTER_TO_INT(opaque), props);

        if (round == 0) {
            g_assert_cmphex(reg(h.a, 3u << 30, 0, 0x11), ==, NVME_SUCCESS);
            g_assert_cmphex(acquire(h.a, 0, 1, 0x11, 0), ==, NVME_SUCCESS);
        }
        g_assert_false(may(h.b, NVME_IO_WRITE));
        g_assert_true(may(h.a, NVME_IO_WRITE));
        g_assert_cmphex(report(h.b) & 0xffff, ==, 0x0101);
        g_assert_cmphex(feature(h.a, false, 1, NVME_FEAT_RESV_PERSISTENCE, 0), ==, NVME_SUCCESS);
        g_assert_cmpuint(h.a->result, ==, 1);
        qnvme_release(h.b);
        qnvme_stop(h.a);
    }
    unlink(path);
}

/* --- sanitize -------------------------------------------------------------------------------- */

static uint16_t sanitize_state(QNvme *n)
{
    g_assert_cmphex(qnvme_get_log(n, 0, NVME_LOG_SANITIZE, 512, 0, true), ==, NVME_SUCCESS);
    return qtest_readw(n->s, n->page + 2) & 7;
}

static void test_sanitize(const void *opaque)
{
    char *image = qpattern_image(1024 * 1024);
    g_autofree char *args = g_strdup_printf("-drive if=none,id=d0,format=raw,file=%s", image);
    QNvme *n = qnvme_start(GPOINTER_TO_INT(opaque), args, "");
    uint64_t buf = qtest_alloc(n->s, 4096, 4096);
    NvmeCmd aer = {.opcode = NVME_ADM_ASYNC_EVENT_REQUEST};

    qnvme_bring_up(n, 1, false);
    g_assert_cmpuint(sanitize_state(n), ==, 0);
    g_assert_cmphex(qtest_readw(n->s, n->page), ==, 0xffff);
    g_assert_cmphex(qnvme_admin(n, NVME_ADM_SANITIZE, 0, 0, 0, 0), ==, NVME_INVALID_FIELD | DNR);
    g_assert_cmphex(qnvme_admin(n, NVME_ADM_SANITIZE, 0, 0, 5, 0), ==, NVME_INVALID_FIELD | DNR);
    g_assert_cmphex(qnvme_admin(n, NVME_ADM_SANITIZE, 0, 0, 1, 0), ==, NVME_SUCCESS);
    /* block erase, overwrite in two passes with the pattern inverted between, cryptographic erase
     */
    static const uint32_t dw10[] = {2, 3 | 2 << 4 | 1 << 8 | 1 << 9, 4};
    static const uint8_t want[] = {0, 0xa5, 0};
    for (size_t i = 0; i < G_N_ELEMENTS(dw10); i++) {
        NvmeCmd cmd = {.opcode = NVME_ADM_SANITIZE, .cdw10 = dw10[i], .cdw11 = 0x5a5a5a5a};
        unsigned refused = 0;

        qnvme_push(n, 0, &aer);
        uint16_t cid = qnvme_push(n, 0, &cmd);
        qnvme_ring(n, 0);
        bool done = false;
        for (unsigned k = 0; k < 2; k++) { /* the command, and later the event */
            g_assert_cmphex(qnvme_wait(n, 0), ==, NVME_SUCCESS);
            if (n->last_cid == cid) {
                g_assert_false(done);
                uint16_t status = qnvme_rw(n, 1, NVME_IO_READ, 0, 1, buf, 0);
                refused += status == NVME_SANITIZE_IN_PROGRESS;
                g_assert_true(status == NVME_SUCCESS || refused);
            } else {
                done = true;
                g_assert_cmphex(n->result, ==,
                                NVME_LOG_SANITIZE << 16 | NVME_AER_SANITIZE_DONE << 8 |
                                    NVME_AER_IO_COMMAND);
            }
        }
        g_assert_cmpuint(sanitize_state(n), ==, 1);
        g_assert_cmphex(qtest_readl(n->s, n->page + 4), ==, dw10[i]);
        g_assert_cmpuint(qtest_readw(n->s, n->page + 2) >> 3 & 31, ==, i == 1 ? 2 : 1);
        g_assert_cmphex(qnvme_get_log(n, 0, NVME_LOG_SANITIZE, 512, 0, false), ==, NVME_SUCCESS);
        g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 2047, 1, buf, 0), ==, NVME_SUCCESS);
        g_assert_cmphex(qtest_readb(n->s, buf + 511), ==, want[i]);
    }
    qnvme_stop(n);
    unlink(image);
    g_free(image);
}

/* A slow one: what is refused meanwhile, and a controller that is reset in the middle of it. */
static void test_sanitize_meanwhile(const void *opaque)
{
    QNvme *n = qnvme_start(
        GPOINTER_TO_INT(opaque),
        "-blockdev "
        "driver=null-co,node-name=d0,size=64M,x-give-back=off,latency-ns=300000000,read-zeroes=on",
        "");
    uint64_t buf = qtest_alloc(n->s, 4096, 4096);

    qnvme_bring_up(n, 1, false);
    g_assert_cmphex(qnvme_admin(n, NVME_ADM_SANITIZE, 0, 0, 2, 0), ==, NVME_SUCCESS);
    g_assert_cmpuint(sanitize_state(n), ==, 2);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 0, 1, buf, 0), ==, NVME_SANITIZE_IN_PROGRESS);
    g_assert_cmphex(qnvme_admin(n, NVME_ADM_FORMAT_NVM, 1, 0, 0, 0), ==, NVME_SANITIZE_IN_PROGRESS);
    g_assert_cmphex(qnvme_admin(n, NVME_ADM_SANITIZE, 0, 0, 2, 0), ==, NVME_SANITIZE_IN_PROGRESS);
    g_assert_cmphex(qnvme_admin(n, NVME_ADM_SELF_TEST, 1, 0, 1, 0), ==, NVME_SANITIZE_IN_PROGRESS);
    g_assert_cmphex(qnvme_identify(n, 1, 0, n->page), ==, NVME_SUCCESS);
    qnvme_disable(n);
    qnvme_bring_up(n, 1, false);
    gint64 end = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;
    while (sanitize_state(n) == 2) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(10000);
    }
    g_assert_cmpuint(sanitize_state(n), ==, 1);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 0, 1, buf, 0), ==, NVME_SUCCESS);
    qnvme_stop(n);
}

/* A namespace, and then the controller, goes while it is erased. */
static void test_unplug_meanwhile(const void *opaque)
{
    QHome home = qhome_of(opaque);
    static const char disk[] = "size=256M,x-give-back=off,latency-ns=100000000,read-zeroes=on";
    g_autofree char *args = g_strdup_printf(
        "-blockdev driver=null-co,node-name=d0,%s -blockdev driver=null-co,node-name=d1,%s "
        "-device pcie-root-port,id=rp0,addr=06.0,chassis=1,slot=1",
        disk, disk);
    QNvme *n = qnvme_start_behind(home, args, "rp0");

    qtest_qmp_ok(n->s, "{'execute': 'device_add', 'arguments': {'driver': 'nvme-ns', 'id': 'x', "
                       "'bus': 'nvme0', 'drive': 'd1', 'nsid': 2}}");
    qnvme_bring_up(n, 1, false);
    g_assert_cmphex(qnvme_admin(n, NVME_ADM_SANITIZE, 0, 0, 2, 0), ==, NVME_SUCCESS);
    gint64 begin = g_get_monotonic_time();
    qtest_qmp_ok(n->s, "{'execute': 'device_del', 'arguments': {'id': 'x'}}");
    json_object_put(qtest_qmp_event(n->s, "DEVICE_DELETED"));
    g_assert_cmpuint(sanitize_state(n), ==, 3);
    uint64_t buf = qtest_alloc(n->s, 4096, 4096);
    g_assert_cmphex(qnvme_rw(n, 1, NVME_IO_READ, 0, 1, buf, 0), ==, NVME_SANITIZE_FAILED);
    g_assert_cmphex(qnvme_admin(n, NVME_ADM_SANITIZE, 0, 0, 1, 0), ==, NVME_SANITIZE_FAILED);
    g_assert_cmphex(qnvme_admin(n, NVME_ADM_SANITIZE, 0, 0, 2, 0), ==, NVME_SUCCESS);
    qtest_qmp_ok(n->s, "{'execute': 'device_del', 'arguments': {'id': 'nvme0'}}");
    qtest_qmp_ok(n->s, "{'execute': 'system_reset'}");
    json_object_put(qtest_qmp_event(n->s, "DEVICE_DELETED"));
    /* far sooner than it takes to erase all of it */
    g_assert_cmpint(g_get_monotonic_time() - begin, <, 10 * G_USEC_PER_SEC);
    qnvme_stop(n);
}

/* --- self-test ------------------------------------------------------------------------------- */

static void self_test_log(QNvme *n, uint8_t log[564])
{
    g_assert_cmphex(qnvme_get_log(n, NVME_NSID_ALL, NVME_LOG_SELF_TEST, 564, 0, false), ==,
                    NVME_SUCCESS);
    qtest_memread(n->s, n->page, log, 564);
}

static void wait_self_test(QNvme *n, uint8_t log[564])
{
    gint64 end = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;

    do {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        qtest_clock_step(n->s, 200000000);
        self_test_log(n, log);
    } while (log[0]);
}

static void test_self_test(const void *opaque)
{
    QNvme *n = start(GPOINTER_TO_INT(opaque), "");
    uint8_t log[564];

    self_test_log(n, log);
    g_assert_cmphex(log[0], ==, 0);
    g_assert_cmphex(log[4], ==, 0x0f); /* no result yet */
    g_assert_cmphex(qnvme_admin(n, NVME_ADM_SELF_TEST, 0, 0, 3, 0), ==, NVME_INVALID_FIELD | DNR);
    g_assert_cmphex(qnvme_admin(n, NVME_ADM_SELF_TEST, 300, 0, 1, 0), ==, NVME_INVALID_NSID | DNR);
    g_assert_cmphex(qnvme_admin(n, NVME_ADM_SELF_TEST, 9, 0, 1, 0), ==, NVME_INVALID_FIELD | DNR);
    g_assert_cmphex(qnvme_admin(n, NVME_ADM_SELF_TEST, 1, 0, 1, 0), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_admin(n, NVME_ADM_SELF_TEST, 1, 0, 1, 0), ==,
                    NVME_SELF_TEST_IN_PROGRESS | DNR);
    self_test_log(n, log);
    g_assert_cmphex(log[0], ==, 1);
    wait_self_test(n, log);
    g_assert_cmphex(log[4], ==, 0x10); /* short, no error */
    g_assert_cmphex(log[4 + 12], ==, 1);
    g_assert_cmphex(qnvme_admin(n, NVME_ADM_SELF_TEST, NVME_NSID_ALL, 0, 2, 0), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_admin(n, NVME_ADM_SELF_TEST, 0, 0, 0xf, 0), ==, NVME_SUCCESS);
    wait_self_test(n, log);
    g_assert_cmphex(log[4], ==, 0x21); /* extended, aborted by a command */
    g_assert_cmphex(log[4 + 28], ==, 0x10);
    /* a reset ends a short one, a format either kind */
    g_assert_cmphex(qnvme_admin(n, NVME_ADM_SELF_TEST, 0, 0, 1, 0), ==, NVME_SUCCESS);
    qnvme_disable(n);
    qnvme_bring_up(n, 1, false);
    wait_self_test(n, log);
    g_assert_cmphex(log[4], ==, 0x12);
    g_assert_cmphex(qnvme_admin(n, NVME_ADM_SELF_TEST, 0, 0, 2, 0), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_admin(n, NVME_ADM_FORMAT_NVM, 1, 0, 0, 0), ==, NVME_SUCCESS);
    wait_self_test(n, log);
    g_assert_cmphex(log[4], ==, 0x24);
    /* 20 results are kept */
    for (unsigned i = 0; i < 25; i++) {
        g_assert_cmphex(qnvme_admin(n, NVME_ADM_SELF_TEST, 0, 0, 1, 0), ==, NVME_SUCCESS);
        g_assert_cmphex(qnvme_admin(n, NVME_ADM_SELF_TEST, 0, 0, 0xf, 0), ==, NVME_SUCCESS);
    }
    wait_self_test(n, log);
    g_assert_cmphex(log[4 + 19 * 28], ==, 0x11);
    qnvme_stop(n);
}

/* --- firmware -------------------------------------------------------------------------------- */

static uint16_t download(QNvme *n, uint32_t offset, uint32_t len, uint64_t from)
{
    return qnvme_admin(n, NVME_ADM_FIRMWARE_DOWNLOAD, 0, from, len / 4 - 1, offset / 4);
}

static uint16_t commit(QNvme *n, unsigned slot, unsigned action)
{
    return qnvme_admin(n, NVME_ADM_FIRMWARE_COMMIT, 0, 0, slot | action << 3, 0);
}

static void expect_firmware(QNvme *n, uint8_t afi, const char *slot2)
{
    NvmeFirmwareSlotLog log;

    g_assert_cmphex(qnvme_get_log(n, 0, NVME_LOG_FIRMWARE_SLOT, 512, 0, false), ==, NVME_SUCCESS);
    qtest_memread(n->s, n->page, &log, sizeof(log));
    g_assert_cmphex(log.afi, ==, afi);
    g_assert_cmpmem(log.frs[1], 8, slot2, 8);
}

static void test_firmware(const void *opaque)
{
    g_autofree char *path = g_strdup_printf("%s.fw", base);
    g_autofree char *slot2 = g_strdup_printf("%s.2", path);
    g_autofree char *props = g_strdup_printf(",firmware=%s", path);
    QNvme *n = start(GPOINTER_TO_INT(opaque), "");

    g_assert_cmphex(commit(n, 2, 0), ==, NVME_INVALID_OPCODE | DNR);
    qnvme_stop(n);
    unlink(slot2);
    n = start(GPOINTER_TO_INT(opaque), props);
    uint64_t img = qtest_alloc(n->s, 8192, 4096);
    qtest_memset(n->s, img, 0x33, 8192);
    qtest_memwrite(n->s, img, "REV 2.0 ", 8);

    expect_firmware(n, 1, "\0\0\0\0\0\0\0\0");
    g_assert_cmphex(commit(n, 2, 1), ==, NVME_INVALID_FIRMWARE_IMAGE | DNR); /* nothing there */
    g_assert_cmphex(commit(n, 2, 2), ==, NVME_INVALID_FIRMWARE_IMAGE | DNR);
    g_assert_cmphex(commit(n, 2, 5), ==, NVME_INVALID_FIELD | DNR);
    g_assert_cmphex(commit(n, 1, 0), ==, NVME_INVALID_FIRMWARE_SLOT | DNR); /* read-only */
    g_assert_cmphex(commit(n, 4, 0), ==, NVME_INVALID_FIRMWARE_SLOT | DNR);
    g_assert_cmphex(commit(n, 0, 2), ==, NVME_INVALID_FIRMWARE_SLOT | DNR);
    g_assert_cmphex(download(n, 4, 4096, img), ==, NVME_INVALID_FIELD | DNR);
    g_assert_cmphex(download(n, 0, 100, img), ==, NVME_INVALID_FIELD | DNR);
    g_assert_cmphex(download(n, 0x40000000, 4096, img), ==, NVME_INVALID_FIELD | DNR);
    g_assert_cmphex(download(n, 0, 4096, NOT_RAM), ==, NVME_DATA_TRANSFER_ERROR);
    g_assert_cmphex(download(n, 4096, 4096, img + 4096), ==, NVME_SUCCESS);
    g_assert_cmphex(download(n, 4096, 4096, img), ==, NVME_OVERLAPPING_RANGE | DNR);
    g_assert_cmphex(commit(n, 2, 1), ==,
                    NVME_INVALID_FIRMWARE_IMAGE | DNR); /* a piece is missing */
    g_assert_cmphex(download(n, 4096, 4096, img + 4096), ==, NVME_SUCCESS);
    g_assert_cmphex(download(n, 0, 4096, img), ==, NVME_SUCCESS);
    g_assert_cmphex(commit(n, 2, 1), ==, NVME_SUCCESS);
    expect_firmware(n, 0x21, "REV 2.0 "); /* 1 is active, 2 will be */
    qnvme_disable(n);
    qnvme_bring_up(n, 1, false);
    expect_firmware(n, 2, "REV 2.0 ");
    g_assert_cmphex(qnvme_identify(n, NVME_CNS_CONTROLLER, 0, n->page), ==, NVME_SUCCESS);
    g_assert_cmphex(qtest_readb(n->s, n->page + 64), ==, 'R');
    g_assert_cmphex(commit(n, 1, 3), ==, NVME_SUCCESS); /* at once */
    expect_firmware(n, 1, "REV 2.0 ");
    qnvme_stop(n);
    /* the image is a file, and there again */
    g_autofree char *data = NULL;
    gsize len;
    g_assert_true(g_file_get_contents(slot2, &data, &len, NULL));
    g_assert_cmpuint(len, ==, 8192);
    n = start(GPOINTER_TO_INT(opaque), props);
    expect_firmware(n, 1, "REV 2.0 ");
    qnvme_stop(n);
    unlink(slot2);
}

/* --- logs ------------------------------------------------------------------------------------ */

static void test_logs(const void *opaque)
{
    QNvme *n = start(GPOINTER_TO_INT(opaque), "");
    NvmeCmd telemetry = {.opcode = NVME_ADM_GET_LOG_PAGE,
                         .dptr.prp1 = n->page,
                         .cdw10 = NVME_LOG_TELEMETRY_HOST | BIT(8) | 255 << 16};

    g_assert_cmphex(qnvme_get_log(n, 0, NVME_LOG_SUPPORTED, 1024, 0, false), ==, NVME_SUCCESS);
    for (unsigned lid = 0; lid < 256; lid++) {
        bool known = qtest_readl(n->s, n->page + lid * 4) & 1;
        uint64_t keep = n->page;

        n->page = qtest_alloc(n->s, 4096, 4096);
        uint16_t status = qnvme_get_log(n, NVME_NSID_ALL, lid, 512, 0, true);
        n->page = keep;
        g_assert_cmphex(status, ==, known ? NVME_SUCCESS : NVME_INVALID_LOG_PAGE | DNR);
    }
    g_assert_cmphex(qnvme_get_log(n, 0, NVME_LOG_FEATURES, 1024, 0, false), ==, NVME_SUCCESS);
    g_assert_cmphex(qtest_readl(n->s, n->page + 4 * NVME_FEAT_HOST_ID) & 1, ==, 1);
    g_assert_cmphex(qtest_readl(n->s, n->page + 4 * 0x70), ==, 0);
    /* telemetry: whole blocks; the host asks for a new one */
    g_assert_cmphex(qnvme_get_log(n, 0, NVME_LOG_TELEMETRY_HOST, 512, 0, false), ==, NVME_SUCCESS);
    g_assert_cmpuint(qtest_readw(n->s, n->page + 8), ==, 0);
    g_assert_cmphex(qnvme_cmd(n, 0, &telemetry), ==, NVME_SUCCESS);
    g_assert_cmphex(qtest_readb(n->s, n->page), ==, NVME_LOG_TELEMETRY_HOST);
    g_assert_cmpuint(qtest_readw(n->s, n->page + 8), ==, 1);
    g_assert_cmphex(qtest_readl(n->s, n->page + 512), ==, NVME_CSTS_RDY);
    g_assert_cmphex(qnvme_get_log(n, 0, NVME_LOG_TELEMETRY_HOST, 256, 0, false), ==,
                    NVME_INVALID_FIELD | DNR);
    g_assert_cmphex(qnvme_get_log(n, 0, NVME_LOG_TELEMETRY_CTRL, 512, 4, false), ==,
                    NVME_INVALID_FIELD | DNR);
    g_assert_cmphex(qnvme_get_log(n, 0, NVME_LOG_TELEMETRY_CTRL, 512, 0, false), ==, NVME_SUCCESS);
    g_assert_cmpuint(qtest_readw(n->s, n->page + 8), ==, 0);
    qnvme_stop(n);
}

/* --- query-nvme, iothread-vq-mapping --------------------------------------------------------- */

static json_object *field(json_object *o, const char *name)
{
    json_object *v = NULL;

    g_assert_true(json_object_object_get_ex(o, name, &v));
    return v;
}

static uint64_t number(json_object *o, const char *name)
{
    return json_object_get_uint64(field(o, name));
}

static void test_query(void)
{
    QNvme *n = qnvme_start(
        MAIN_LOOP,
        "-blockdev driver=null-co,node-name=d0,size=1M,read-zeroes=on -object iothread,id=t0 "
        "-object iothread,id=t1",
        ",max_ioqpairs=4,iothread-vq-mapping.0.iothread=t0,iothread-vq-mapping.0.vqs.0=1,"
        "iothread-vq-mapping.0.vqs.1=3,iothread-vq-mapping.1.iothread=t1,"
        "iothread-vq-mapping.1.vqs.0=2,iothread-vq-mapping.1.vqs.1=4");
    uint64_t buf = qtest_alloc(n->s, 4096, 4096);

    qnvme_bring_up(n, 4, false);
    for (unsigned i = 0; i < 200; i++) {
        g_assert_cmphex(qnvme_rw(n, 1 + i % 2, NVME_IO_READ, i, 1, buf, 0), ==, NVME_SUCCESS);
    }
    json_object *list = qtest_qmp_return(n->s, "{'execute': 'query-nvme'}");
    g_assert_cmpuint(json_object_array_length(list), ==, 1);
    json_object *c = json_object_array_get_idx(list, 0), *queues = field(c, "queues");
    json_object *ns = json_object_array_get_idx(field(c, "namespaces"), 0);
    g_assert_true(json_object_get_boolean(field(c, "ready")));
    g_assert_false(json_object_get_boolean(field(c, "fatal")));
    g_assert_cmpuint(number(ns, "blocks"), ==, 2048);
    g_assert_cmpstr(json_object_get_string(field(ns, "drive")), ==, "d0");
    g_assert_cmpuint(json_object_array_length(queues), ==, 5);
    for (unsigned q = 0; q <= 4; q++) {
        json_object *o = json_object_array_get_idx(queues, q);
        const char *home = json_object_get_string(field(o, "home"));

        g_assert_cmpuint(number(o, "id"), ==, q);
        if (q) {
            g_assert_nonnull(strstr(home, q & 1 ? "t0" : "t1"));
            g_assert_cmpuint(number(o, "commands"), ==, q <= 2 ? 100 : 0);
            g_assert_cmpuint(number(o, "doorbells"), ==, q <= 2 ? 100 : 0);
            g_assert_cmpuint(json_object_array_length(field(o, "latency")) > 0, ==, q <= 2);
            g_assert_cmpuint(number(o, "depth"), ==, 0);
        }
    }
    json_object_put(list);
    char *text = NULL;
    json_object *hmp = qtest_qmp_return(n->s, "{'execute': 'human-monitor-command', 'arguments': "
                                              "{'command-line': 'info nvme'}}");
    text = g_strdup(json_object_get_string(hmp));
    g_assert_nonnull(strstr(text, "queue 4 -> 4"));
    g_free(text);
    json_object_put(hmp);
    /* the threads are in use */
    g_free(qtest_qmp_error(n->s, "GenericError",
                           "{'execute': 'object-del', 'arguments': {'id': 't1'}}"));
    qnvme_stop(n);
}

static void mapping_refused(const char *props, const char *text)
{
    qtest_refused(text,
                  "-machine q35,accel=qtest -nodefaults -display none -object iothread,id=t0 "
                  "-object iothread,id=t1 -device nvme,serial=x,max_ioqpairs=2%s",
                  props);
}

static void test_bad_mapping(void)
{
#define M ",iothread-vq-mapping."
    mapping_refused(M "0.iothread=nope", "nope");
    mapping_refused(M "0.iothread=t0" M "0.vqs.0=1", "queue pair 2");
    mapping_refused(M "0.iothread=t0" M "0.vqs.0=0", "queue pair 0");
    mapping_refused(M "0.iothread=t0" M "0.vqs.0=1" M "0.vqs.1=1", "twice");
    mapping_refused(M "0.iothread=t0" M "0.vqs.0=x", "vqs");
    mapping_refused(M "0.vqs.0=1", "iothread");
    mapping_refused(M "0.iothread=t0,iothread=t0", "exclude");
    mapping_refused(M "0.iothread=t0" M "1.iothread=t1" M "1.vqs.0=1", "'vqs' to all entries");
    mapping_refused(M "0.iothread=t0" M "1.iothread=t0", "'t0' is named twice");
    mapping_refused(",iothread-vq-mapping=t0", "iothread-vq-mapping");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    base = qpattern_image(512);
    qhome_add("/nvme-admin/saved", test_saved);
    qhome_add("/nvme-admin/namespace-features", test_namespace_features);
    qhome_add("/nvme-admin/reservations", test_reservations);
    qhome_add("/nvme-admin/reservation-persists", test_reservation_persists);
    qhome_add("/nvme-admin/sanitize", test_sanitize);
    qhome_add("/nvme-admin/sanitize-meanwhile", test_sanitize_meanwhile);
    qhome_add("/nvme-admin/unplug-meanwhile", test_unplug_meanwhile);
    qhome_add("/nvme-admin/self-test", test_self_test);
    qhome_add("/nvme-admin/firmware", test_firmware);
    qhome_add("/nvme-admin/logs", test_logs);
    g_test_add_func("/nvme-admin/query", test_query);
    g_test_add_func("/nvme-admin/bad-mapping", test_bad_mapping);
    int res = g_test_run();
    unlink(base);
    return res;
}
