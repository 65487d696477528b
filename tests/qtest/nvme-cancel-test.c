/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NVMe: what waits for commands on a medium that does not answer, or has commands wait for it
 * (fused pairs, Format, Sanitize, detachment, reservations, self-test), ends when its controller is
 * reset or goes, or its namespace goes.  Each request of the medium would take an hour.
 */
#include "nvme-driver.h"

#include <stdio.h>
#include <unistd.h>

#define HOUR "latency-ns=3600000000000"
#define SLOW(name) "-blockdev driver=null-co,node-name=" name ",size=64M,read-zeroes=on," HOUR
#define FAST(name) "-blockdev driver=null-co,node-name=" name ",size=64M,read-zeroes=on"
#define BOUND_US (8 * G_USEC_PER_SEC) /* far from an hour, also where everything is slow */
#define F4096 4                       /* index of an LBA format */
#define SLTCTL 0x18                   /* in the PCI Express capability of a slot */
#define SLTCTL_OFF 0x700

static int64_t begun;

static void begin(void)
{
    begun = g_get_monotonic_time();
}

static void bounded(void)
{
    g_assert_cmpint(g_get_monotonic_time() - begun, <, BOUND_US);
}

static json_object *field(json_object *o, const char *name)
{
    json_object *v = NULL;

    g_assert_true(json_object_object_get_ex(o, name, &v));
    return v;
}

/* The controller of that id (NULL: there is only one), as query-nvme has it in *list. */
static json_object *controller(QNvme *n, const char *id, json_object **list)
{
    *list = qtest_qmp_return(n->s, "{'execute': 'query-nvme'}");
    for (size_t i = 0; i < json_object_array_length(*list); i++) {
        json_object *c = json_object_array_get_idx(*list, i);

        if (!id || g_str_has_suffix(json_object_get_string(field(c, "path")), id)) {
            return c;
        }
    }
    g_error("query-nvme: no controller %s", id ? id : "");
}

/* Commands that queue qid works on. */
static uint64_t depth(QNvme *n, unsigned qid)
{
    json_object *list, *queues = field(controller(n, n->id, &list), "queues");
    uint64_t v = UINT64_MAX;

    for (size_t i = 0; i < json_object_array_length(queues); i++) {
        json_object *q = json_object_array_get_idx(queues, i);

        if (json_object_get_uint64(field(q, "id")) == qid) {
            v = json_object_get_uint64(field(q, "depth"));
        }
    }
    g_assert_cmpuint(v, !=, UINT64_MAX);
    json_object_put(list);
    return v;
}

static void wait_depth(QNvme *n, unsigned qid, uint64_t want)
{
    int64_t end = g_get_monotonic_time() + BOUND_US;

    while (depth(n, qid) < want) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(200);
    }
}

/* Until all that was sent has been fetched. */
static void settle(QNvme *n, unsigned qid)
{
    const QNvmeQueue *q = &n->q[qid];

    wait_depth(n, qid, (q->tail + q->size - q->head) % q->size);
}

static uint16_t push(QNvme *n, unsigned qid, uint8_t opcode, unsigned fuse, uint32_t nsid,
                     uint64_t slba)
{
    NvmeCmd cmd = {.opcode = opcode,
                   .flags = (uint8_t)fuse,
                   .nsid = nsid,
                   .dptr.prp1 = n->page,
                   .cdw10 = (uint32_t)slba,
                   .cdw12 = 7};

    return qnvme_push(n, qid, &cmd);
}

/* Work that has no sign from outside has probably begun; the test must pass if it has not. */
static void a_while(void)
{
    g_usleep(20000);
}

/* A command that hangs. */
static void hang(QNvme *n, unsigned qid, uint8_t opcode, uint32_t nsid)
{
    push(n, qid, opcode, 0, nsid, 8);
    qnvme_ring(n, qid);
    settle(n, qid);
    g_assert_false(qnvme_ready(n, qid));
}

static void send_admin(QNvme *n, uint8_t opcode, uint32_t nsid, uint32_t cdw10)
{
    NvmeCmd cmd = {.opcode = opcode, .nsid = nsid, .dptr.prp1 = n->page, .cdw10 = cdw10};

    qnvme_push(n, 0, &cmd);
    qnvme_ring(n, 0);
    settle(n, 0);
    g_assert_false(qnvme_ready(n, 0));
}

/* Without commands that hang: they cost the process's end 5 s. */
static void stop(QNvme *n)
{
    if (qnvme_readl(n, NVME_REG_CC) & NVME_CC_EN) {
        qnvme_disable(n);
    }
    qnvme_stop(n);
}

/* Index of the LBA format that is in use. */
static unsigned format_of(QNvme *n, uint32_t nsid)
{
    g_assert_cmphex(qnvme_identify(n, NVME_CNS_NAMESPACE, nsid, n->page), ==, NVME_SUCCESS);
    return qtest_readb(n->s, n->page + 26) & 0xf;
}

static void delete_sq(QNvme *n, unsigned qid)
{
    NvmeCmd cmd = {.opcode = NVME_ADM_DELETE_SQ, .cdw10 = qid};

    g_assert_cmphex(qnvme_cmd(n, 0, &cmd), ==, NVME_SUCCESS);
}

static void del(QNvme *n, const char *id)
{
    qtest_qmp_ok(n->s, "{'execute': 'device_del', 'arguments': {'id': '%s'}}", id);
}

/* --- queues ---------------------------------------------------------------------------------- */

/* A deleted queue's commands say why they ended. */
static void test_delete_queue(const void *opaque)
{
    QNvme *n = qnvme_start(qhome_of(opaque), SLOW("d0"), "");
    static const uint8_t opcodes[] = {NVME_IO_READ, NVME_IO_COMPARE, NVME_IO_FLUSH};

    qnvme_bring_up(n, 1, false);
    for (unsigned i = 0; i < G_N_ELEMENTS(opcodes); i++) {
        hang(n, 1, opcodes[i], 1);
    }
    begin();
    delete_sq(n, 1);
    bounded();
    for (unsigned i = 0; i < G_N_ELEMENTS(opcodes); i++) {
        g_assert_true(qnvme_ready(n, 1));
        g_assert_cmphex(qnvme_wait(n, 1), ==, NVME_ABORT_SQ_DELETED);
    }
    stop(n);
}

/* More commands than are worked on at once: Abort finds one in the ring, and it ends when it is
 * fetched.  No more than four are remembered. */
static void test_abort_in_ring(const void *opaque)
{
    QNvme *n = qnvme_start(qhome_of(opaque), SLOW("d0"), ",mdts=0");
    enum { COUNT = 500, LAST = COUNT - 1 };
    uint16_t cid[COUNT];
    bool seen = false;

    qnvme_bring_up(n, 0, false);
    qnvme_create_pair(n, 1, COUNT + 1, 0);
    for (unsigned i = 0; i < COUNT; i++) {
        cid[i] = push(n, 1, NVME_IO_READ, 0, 1, 8);
    }
    qnvme_ring(n, 1);
    wait_depth(n, 1, 1);
    begin();
    for (unsigned i = 0; i < 5; i++) {
        g_assert_cmphex(qnvme_admin(n, NVME_ADM_ABORT, 0, 0, (uint32_t)cid[LAST - i] << 16 | 1, 0),
                        ==, 0);
        g_assert_cmpuint(n->result & 1, ==, i == 4);
    }
    g_assert_false(qnvme_ready(n, 1));
    for (unsigned i = 0; i < COUNT && !seen; i++) {
        g_assert_cmphex(qnvme_admin(n, NVME_ADM_ABORT, 0, 0, (uint32_t)cid[i] << 16 | 1, 0), ==, 0);
        g_assert_cmpuint(n->result & 1, ==, 0);
        do {
            g_assert_cmphex(qnvme_wait(n, 1), ==, NVME_ABORT_REQUESTED);
            seen |= n->last_cid == cid[LAST];
        } while (qnvme_ready(n, 1));
    }
    g_assert_true(seen);
    bounded();
    stop(n);
}

/* A flush of all namespaces: the first one's medium does not give it back, and when it has ended
 * the next one's is not asked any more, as nobody would take that back. */
static void test_next_step(const void *opaque)
{
    QHome home = qhome_of(opaque);
    g_autofree char *args = g_strdup_printf(
        "-blockdev driver=null-co,node-name=d1,size=1M,x-give-back=off,latency-ns=300000000 " SLOW(
            "d2") " -device nvme,id=n0,serial=s0,addr=04.0%s "
                  "-device nvme-ns,bus=n0,drive=d1,nsid=1 "
                  "-device nvme-ns,bus=n0,drive=d2,nsid=2",
        qnvme_home_props(home));
    QNvme *n = qnvme_start_devices(home, args);

    for (unsigned round = 0; round < 2; round++) {
        qnvme_bring_up(n, 1, false);
        hang(n, 1, NVME_IO_FLUSH, NVME_NSID_ALL);
        begin();
        if (round) {
            delete_sq(n, 1);
            g_assert_cmphex(qnvme_wait(n, 1), ==, NVME_ABORT_SQ_DELETED);
        } else {
            qnvme_disable(n);
        }
        bounded();
    }
    stop(n);
}

/* --- fused pairs ----------------------------------------------------------------------------- */

static void push_pair(QNvme *n, unsigned qid)
{
    push(n, qid, NVME_IO_COMPARE, 1, 1, 8);
    push(n, qid, NVME_IO_WRITE, 2, 1, 8);
}

/* A write hangs; a pair waits for it, another one for that, and a write for both. */
static void test_pair(const void *opaque)
{
    QNvme *n = qnvme_start(qhome_of(opaque), SLOW("d0"), "");

    for (unsigned round = 0; round < 4; round++) {
        qnvme_bring_up(n, 3, false);
        hang(n, 1, NVME_IO_WRITE, 1);
        push_pair(n, 2);
        if (round) {
            push_pair(n, 2);
            push(n, 2, NVME_IO_WRITE, 0, 1, 8);
        }
        qnvme_ring(n, 2);
        settle(n, 2);
        begin();
        if (round < 2) {
            qnvme_disable(n);
        } else if (round == 2) {
            delete_sq(n, 2);
            for (unsigned i = 0; i < 5; i++) { /* a pair's second ends with its first */
                uint16_t status = qnvme_wait(n, 2);

                g_assert_true(status == NVME_ABORT_SQ_DELETED || status == NVME_ABORT_FAILED_FUSED);
            }
            g_assert_false(qnvme_ready(n, 1));
            push_pair(n, 3); /* the blocks are not theirs any more */
            qnvme_ring(n, 3);
            settle(n, 3);
            qnvme_disable(n);
        } else {
            qtest_system_reset(n->s);
            qnvme_probe(n);
        }
        bounded();
    }
    stop(n);
}

/* --- two controllers ------------------------------------------------------------------------- */

typedef struct Two {
    QNvme *a, *b;
} Two;

/* A behind a slot, B at 04.0, namespaces 1 and 3 for both; properties of the subsystem and of A. */
static Two start_with(QHome home, const char *sub, const char *props)
{
    g_autofree char *args = g_strdup_printf(
        SLOW("d0") " " SLOW("d3") " " SLOW(
            "pool") " -device nvme-subsys,id=sub0%s "
                    "-device pcie-root-port,id=rp0,addr=06.0,chassis=1,slot=1 "
                    "-device nvme,id=na,serial=s0,subsys=sub0,bus=rp0%s%s "
                    "-device nvme,id=nb,serial=s0,subsys=sub0,addr=04.0%s "
                    "-device nvme-ns,bus=sub0,drive=d0,nsid=1,id=ns1 "
                    "-device nvme-ns,bus=sub0,drive=d3,nsid=3,id=ns3",
        sub, props, qnvme_home_props(home), home == PER_QUEUE ? "" : qnvme_home_props(home));
    Two t = {.b = qnvme_start_devices(home, args), .a = g_new0(QNvme, 1)};

    t.a->id = "/na";
    t.b->id = "/nb";
    t.a->s = t.b->s;
    t.a->bus = t.b->bus;
    qnvme_probe_behind(t.a);
    t.a->page = qtest_alloc(t.a->s, 4096, 4096);
    qnvme_bring_up(t.a, 2, false);
    qnvme_bring_up(t.b, 2, false);
    return t;
}

static Two start_two(QHome home)
{
    return start_with(home, "", "");
}

static void stop_two(Two *t)
{
    qnvme_release(t->a);
    stop(t->b);
}

/* The guest lets A go. */
static void slot_off(Two *t)
{
    QPCIDevice *port = qpci_device_at(t->b->bus, 0, QPCI_DEVFN(6, 0));
    uint16_t ctl = qpci_find_capability(port, 0x10, 0) + SLTCTL;

    del(t->a, "na");
    qpci_config_writew(port, ctl, qpci_config_readw(port, ctl) | SLTCTL_OFF);
    json_object_put(qtest_qmp_event(t->b->s, "DEVICE_DELETED"));
    qpci_device_free(port);
}

/* B's read is as it was, and nobody refuses B's commands. */
static void b_goes_on(Two *t)
{
    g_assert_false(qnvme_ready(t->b, 1));
    hang(t->b, 2, NVME_IO_READ, 1);
}

/* A command of A waits for one of B that hangs, and A is reset. */
static void test_reset_while_waiting(const void *opaque)
{
    Two t = start_two(qhome_of(opaque));

    hang(t.b, 1, NVME_IO_WRITE, 1);
    for (unsigned round = 0; round < 5; round++) {
        switch (round) {
        case 0:
            send_admin(t.a, NVME_ADM_FORMAT_NVM, 1, F4096);
            break;
        case 1:
            send_admin(t.a, NVME_ADM_FORMAT_NVM, NVME_NSID_ALL, F4096 | 1 << 9);
            break;
        case 2:
            push_pair(t.a, 1);
            qnvme_ring(t.a, 1);
            settle(t.a, 1);
            break;
        case 3: /* B's pair waits for B's write, and A's pair and write for B's pair */
            push_pair(t.b, 2);
            qnvme_ring(t.b, 2);
            settle(t.b, 2);
            push_pair(t.a, 1);
            push(t.a, 1, NVME_IO_WRITE, 0, 1, 8);
            qnvme_ring(t.a, 1);
            settle(t.a, 1);
            break;
        case 4: /* detachment of B: one controller, number 1 */
            qtest_writew(t.a->s, t.a->page, 1);
            qtest_writew(t.a->s, t.a->page + 2, 1);
            send_admin(t.a, NVME_ADM_NS_ATTACHMENT, 1, 1);
            break;
        }
        begin();
        qnvme_disable(t.a);
        bounded();
        qnvme_bring_up(t.a, 2, false);
        g_assert_cmpuint(format_of(t.a, 1), ==, 0);
        if (round < 2) {
            delete_sq(t.b, 2);
            qnvme_cmd(t.b, 0, &(NvmeCmd){.opcode = NVME_ADM_DELETE_CQ, .cdw10 = 2});
            qnvme_create_pair(t.b, 2, 16, 0);
            b_goes_on(&t);
        }
    }
    stop_two(&t);
}

/* "Preempt and abort" of A waits for B's command. */
static void test_reservation(const void *opaque)
{
    Two t = start_two(qhome_of(opaque));
    QNvme *n[] = {t.a, t.b};

    for (unsigned i = 0; i < 2; i++) {
        NvmeCmd reg = {.opcode = NVME_IO_RESERVATION_REGISTER, .nsid = 1, .dptr.prp1 = n[i]->page};

        qtest_writeq(n[i]->s, n[i]->page, 0xaa + i);
        g_assert_cmphex(qnvme_set_feature(n[i], NVME_FEAT_HOST_ID, 0), ==, NVME_SUCCESS);
        qtest_writeq(n[i]->s, n[i]->page, 0);
        qtest_writeq(n[i]->s, n[i]->page + 8, 0x10 + i);
        g_assert_cmphex(qnvme_cmd(n[i], 1, &reg), ==, NVME_SUCCESS);
    }
    hang(t.b, 1, NVME_IO_READ, 1);
    qtest_writeq(t.a->s, t.a->page, 0x10);
    qtest_writeq(t.a->s, t.a->page + 8, 0x11);
    push(t.a, 1, NVME_IO_RESERVATION_ACQUIRE, 0, 1, 2 | 1 << 8);
    qnvme_ring(t.a, 1);
    settle(t.a, 1);
    g_assert_false(qnvme_ready(t.a, 1));
    begin();
    qnvme_disable(t.a);
    bounded();
    stop_two(&t);
}

/* A sanitize that A was asked for waits for B's read, and A goes. */
static void test_sanitize(const void *opaque)
{
    Two t = start_two(qhome_of(opaque));

    hang(t.b, 1, NVME_IO_READ, 1);
    g_assert_cmphex(qnvme_admin(t.a, NVME_ADM_SANITIZE, 0, 0, 2, 0), ==, NVME_SUCCESS);
    a_while();
    begin();
    slot_off(&t);
    bounded();
    g_assert_false(qnvme_ready(t.b, 1));
    g_assert_cmphex(qnvme_get_log(t.b, NVME_NSID_ALL, NVME_LOG_SANITIZE, 512, 0, false), ==, 0);
    g_assert_cmphex(qtest_readw(t.b->s, t.b->page + 2) & 7, ==, 3); /* failed */
    stop_two(&t);
}

/* A's format waits for B's read, and A goes. */
static void test_format_and_gone(const void *opaque)
{
    Two t = start_two(qhome_of(opaque));

    hang(t.b, 1, NVME_IO_READ, 1);
    send_admin(t.a, NVME_ADM_FORMAT_NVM, 1, F4096);
    begin();
    slot_off(&t);
    bounded();
    b_goes_on(&t);
    g_assert_cmpuint(format_of(t.b, 1), ==, 0);
    stop_two(&t);
}

/* Namespace 2, shared, made by A in its pool, and attached to both. */
static void make_space(Two *t)
{
    NvmeIdNamespace want = {.nsze = 2048, .ncap = 2048, .nmic = 1};
    static const uint16_t both[3] = {2, 0, 1};

    qtest_memwrite(t->a->s, t->a->page, &want, sizeof(want));
    g_assert_cmphex(qnvme_admin(t->a, NVME_ADM_NS_MANAGEMENT, 0, t->a->page, 0, 0), ==, 0);
    g_assert_cmpuint(t->a->result, ==, 2);
    qtest_memset(t->a->s, t->a->page, 0, 4096);
    qtest_memwrite(t->a->s, t->a->page, both, sizeof(both));
    g_assert_cmphex(qnvme_admin(t->a, NVME_ADM_NS_ATTACHMENT, 2, t->a->page, 0, 0), ==, 0);
}

static bool has_space(QNvme *n)
{
    g_assert_cmphex(qnvme_identify(n, NVME_CNS_ALLOCATED_NSIDS, 1, n->page), ==, NVME_SUCCESS);
    return qtest_readl(n->s, n->page) == 2;
}

/* A's deletion of a namespace waits for B's read, and A is reset; then B's waits, and the pool goes
 * with A. */
static void test_delete_space(const void *opaque)
{
    g_autofree char *dir = g_dir_make_tmp("nvme-cancel-XXXXXX", NULL);
    g_autofree char *file = g_build_filename(dir, "state", NULL);
    g_autofree char *state = g_strdup_printf(",state=%s", file);
    Two t = start_with(qhome_of(opaque), state, ",ns-pool=pool");

    make_space(&t);
    hang(t.b, 1, NVME_IO_READ, 2);
    send_admin(t.a, NVME_ADM_NS_MANAGEMENT, 2, 1);
    begin();
    qnvme_disable(t.a);
    bounded();
    qnvme_bring_up(t.a, 2, false);
    g_assert_true(has_space(t.a));
    qnvme_disable(t.b);
    qnvme_bring_up(t.b, 2, false);
    g_assert_cmphex(qnvme_admin(t.a, NVME_ADM_NS_MANAGEMENT, 2, 0, 1, 0), ==, NVME_SUCCESS);
    g_assert_false(has_space(t.a));

    make_space(&t);
    hang(t.b, 1, NVME_IO_READ, 2);
    send_admin(t.b, NVME_ADM_NS_MANAGEMENT, 2, 1);
    begin();
    slot_off(&t);
    g_assert_cmphex(qnvme_wait(t.b, 0), ==, NVME_ABORT_REQUESTED);
    g_assert_cmphex(qnvme_wait(t.b, 1), ==, NVME_ABORT_REQUESTED);
    bounded();
    g_assert_false(has_space(t.b));
    stop_two(&t);
    remove(file);
    rmdir(dir);
}

/* A's flush for its shutdown hangs: it is asked for again, and then A goes. */
static void test_shutdown(const void *opaque)
{
    Two t = start_two(qhome_of(opaque));
    uint32_t cc = qnvme_readl(t.a, NVME_REG_CC);

    for (unsigned i = 0; i < 3; i++) {
        qnvme_writel(t.a, NVME_REG_CC, cc | 1 << 14); /* normal */
        g_assert_cmphex(qnvme_readl(t.a, NVME_REG_CSTS) & NVME_CSTS_SHST_MASK, ==,
                        NVME_CSTS_SHST_OCCURRING);
        qnvme_writel(t.a, NVME_REG_CC, cc);
    }
    qnvme_writel(t.a, NVME_REG_CC, cc | 1 << 14);
    a_while();
    begin();
    slot_off(&t);
    /* Nothing of it is left at the namespaces. */
    del(t.b, "ns1");
    json_object_put(qtest_qmp_event(t.b->s, "DEVICE_DELETED"));
    del(t.b, "ns3");
    json_object_put(qtest_qmp_event(t.b->s, "DEVICE_DELETED"));
    bounded();
    g_assert_cmphex(qnvme_readl(t.b, NVME_REG_CSTS), ==, NVME_CSTS_RDY);
    stop_two(&t);
}

/* What was written between two requests for a shutdown is flushed, too. */
static void test_shutdown_again(const void *opaque)
{
    QNvme *n = qnvme_start(
        qhome_of(opaque), "-blockdev driver=null-co,node-name=d0,size=1M,latency-ns=200000000", "");
    int64_t half;
    uint32_t cc;

    qnvme_bring_up(n, 1, false);
    cc = qnvme_readl(n, NVME_REG_CC);
    begin();
    qnvme_writel(n, NVME_REG_CC, cc | 1 << 14);
    g_usleep(100000);
    half = g_get_monotonic_time();
    qnvme_writel(n, NVME_REG_CC, cc);
    qnvme_writel(n, NVME_REG_CC, cc | 1 << 14);
    qnvme_wait_csts(n, NVME_CSTS_SHST_MASK, NVME_CSTS_SHST_COMPLETE);
    g_assert_cmpint(g_get_monotonic_time() - half, >=, 200000);
    bounded();
    stop(n);
}

/* --- format ---------------------------------------------------------------------------------- */

/* The read that a format waits for ends with the reset; so does the format. */
static void test_format(const void *opaque)
{
    QNvme *n = qnvme_start(qhome_of(opaque), SLOW("d0"), "");

    for (unsigned round = 0; round < 3; round++) {
        qnvme_bring_up(n, 1, false);
        g_assert_cmpuint(format_of(n, 1), ==, 0);
        hang(n, 1, NVME_IO_READ, 1);
        send_admin(n, NVME_ADM_FORMAT_NVM, 1, F4096 | round << 9);
        begin();
        if (round < 2) {
            qnvme_disable(n);
        } else {
            qtest_system_reset(n->s);
            qnvme_probe(n);
        }
        bounded();
    }
    qnvme_bring_up(n, 1, false);
    g_assert_cmpuint(format_of(n, 1), ==, 0);
    hang(n, 1, NVME_IO_READ, 1); /* it is not refused */
    stop(n);
}

/* --- a namespace goes ------------------------------------------------------------------------ */

static QNvme *start_spaces(QHome home)
{
    g_autofree char *args =
        g_strdup_printf(FAST("d1") " " SLOW("d2") " -device nvme,id=n0,serial=s0,addr=04.0%s "
                                                  "-device nvme-ns,bus=n0,drive=d1,nsid=1,id=ns1 "
                                                  "-device nvme-ns,bus=n0,drive=d2,nsid=2,id=ns2",
                        qnvme_home_props(home));
    QNvme *n = qnvme_start_devices(home, args);

    qnvme_bring_up(n, 2, false);
    return n;
}

static uint64_t block_size(QNvme *n, uint32_t nsid)
{
    json_object *list, *spaces = field(controller(n, NULL, &list), "namespaces");
    uint64_t v = 0;

    for (size_t i = 0; i < json_object_array_length(spaces); i++) {
        json_object *ns = json_object_array_get_idx(spaces, i);

        if (json_object_get_uint64(field(ns, "nsid")) == nsid) {
            v = json_object_get_uint64(field(ns, "block-size"));
        }
    }
    json_object_put(list);
    return v;
}

/* Namespace 1 goes; a format of all waits for the other's read, or erases the other. */
static void test_format_all(const void *opaque)
{
    for (unsigned round = 0; round < 2; round++) {
        QNvme *n = start_spaces(qhome_of(opaque));

        if (round == 0) {
            hang(n, 1, NVME_IO_READ, 2);
        }
        send_admin(n, NVME_ADM_FORMAT_NVM, NVME_NSID_ALL, F4096 | 1 << 9);
        begin();
        while (round && block_size(n, 2) != 4096) {
            bounded();
            g_usleep(200);
        }
        begin();
        del(n, "ns1");
        g_assert_cmphex(qnvme_wait(n, 0), ==, NVME_ABORT_REQUESTED);
        json_object_put(qtest_qmp_event(n->s, "DEVICE_DELETED"));
        bounded();
        g_assert_cmpuint(format_of(n, 2), ==, round ? F4096 : 0);
        g_assert_false(qnvme_ready(n, 1));
        hang(n, 2, NVME_IO_READ, 2);
        stop(n);
    }
}

/* Commands that go step by step, a pair that waits: all end when the namespace goes. */
static void test_unplug(const void *opaque)
{
    QNvme *n = start_spaces(qhome_of(opaque));

    push(n, 1, NVME_IO_WRITE, 0, 2, 8);
    push(n, 1, NVME_IO_COMPARE, 0, 2, 64);
    push(n, 1, NVME_IO_VERIFY, 0, 2, 64);
    qnvme_ring(n, 1);
    settle(n, 1);
    push(n, 2, NVME_IO_COMPARE, 1, 2, 8);
    push(n, 2, NVME_IO_WRITE, 2, 2, 8);
    push(n, 2, NVME_IO_WRITE, 0, 2, 8);
    qnvme_ring(n, 2);
    settle(n, 2);
    begin();
    del(n, "ns2");
    json_object_put(qtest_qmp_event(n->s, "DEVICE_DELETED"));
    qtest_qmp_ok(n->s, "{'execute': 'blockdev-del', 'arguments': {'node-name': 'd2'}}");
    for (unsigned i = 0; i < 3; i++) {
        uint16_t status = qnvme_wait(n, 2);

        g_assert_cmphex(qnvme_wait(n, 1), ==, NVME_ABORT_REQUESTED);
        g_assert_true(status == NVME_ABORT_REQUESTED || status == NVME_ABORT_FAILED_FUSED);
    }
    bounded();
    stop(n);
}

/* A self-test reads from it. */
static void test_self_test(const void *opaque)
{
    QNvme *n = start_spaces(qhome_of(opaque));

    g_assert_cmphex(qnvme_admin(n, NVME_ADM_SELF_TEST, 2, 0, 1, 0), ==, NVME_SUCCESS);
    qtest_clock_step(n->s, INT64_C(2000000000));
    a_while();
    begin();
    del(n, "ns2");
    json_object_put(qtest_qmp_event(n->s, "DEVICE_DELETED"));
    bounded();
    g_assert_cmphex(qnvme_get_log(n, NVME_NSID_ALL, NVME_LOG_SELF_TEST, 564, 0, false), ==, 0);
    g_assert_cmphex(qtest_readb(n->s, n->page), ==, 0);
    g_assert_cmphex(qtest_readb(n->s, n->page + 4), ==,
                    0x13); /* short; the namespace was removed */
    stop(n);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qhome_add("/nvme-cancel/delete-queue", test_delete_queue);
    qhome_add("/nvme-cancel/abort-in-ring", test_abort_in_ring);
    qhome_add("/nvme-cancel/next-step", test_next_step);
    qhome_add("/nvme-cancel/pair", test_pair);
    qhome_add("/nvme-cancel/reset-while-waiting", test_reset_while_waiting);
    qhome_add("/nvme-cancel/reservation", test_reservation);
    qhome_add("/nvme-cancel/sanitize", test_sanitize);
    qhome_add("/nvme-cancel/format-and-gone", test_format_and_gone);
    qhome_add("/nvme-cancel/delete-space", test_delete_space);
    qhome_add("/nvme-cancel/shutdown", test_shutdown);
    qhome_add("/nvme-cancel/shutdown-again", test_shutdown_again);
    qhome_add("/nvme-cancel/format", test_format);
    qhome_add("/nvme-cancel/format-all", test_format_all);
    qhome_add("/nvme-cancel/unplug", test_unplug);
    qhome_add("/nvme-cancel/self-test", test_self_test);
    return g_test_run();
}
