/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NVMe doorbells whose writes eventfds take: heads that are stored (post-write=on), tails while the
 * host shadows them, both together.  Nothing that the host writes is lost when queues come and go,
 * and descriptors do not grow.  In every home.
 */
#include "nvme-driver.h"

#define IMAGE_SIZE (1 << 20)
#define DEPTH 8
#define LONG 64
#define TURNS 6

static char *image, *drive_args;

static QNvme *start(const void *opaque)
{
    QNvme *n = qnvme_start(qhome_of(opaque), drive_args, ",post-write=on");

    qnvme_bring_up(n, 0, true);
    return n;
}

/* Pair 1 with a submission queue longer than the completion queue; q[1] is the former's. */
static void create_uneven(QNvme *n)
{
    uint64_t ring = qtest_alloc(n->s, LONG * sizeof(NvmeCmd), 4096);
    NvmeCmd sq = {.opcode = NVME_ADM_CREATE_SQ,
                  .dptr.prp1 = ring,
                  .cdw10 = (LONG - 1) << 16 | 1,
                  .cdw11 = 1 << 16 | 1};
    NvmeCmd delete = {.opcode = NVME_ADM_DELETE_SQ, .cdw10 = 1};

    qnvme_create_pair(n, 1, DEPTH, 0);
    g_assert_cmphex(qnvme_cmd(n, 0, &delete), ==, NVME_SUCCESS);
    g_assert_cmphex(qnvme_cmd(n, 0, &sq), ==, NVME_SUCCESS);
    n->q[1].sq = ring;
    n->q[1].size = LONG;
}

/* Reads into the ring, without the doorbell. */
static void push(QNvme *n, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        NvmeCmd cmd = {.opcode = NVME_IO_READ, .nsid = 1, .dptr.prp1 = n->page, .cdw10 = i};

        qnvme_push(n, 1, &cmd);
    }
}

static bool entry_is_there(QNvme *n, unsigned qid, unsigned i, unsigned phase)
{
    NvmeCqe cqe;

    qtest_memread(n->s, n->q[qid].cq + i * sizeof(cqe), &cqe, sizeof(cqe));
    return (cqe.status & 1) == phase;
}

static void wait_entry(QNvme *n, unsigned qid, unsigned i, unsigned phase)
{
    for (unsigned ms = 0; !entry_is_there(n, qid, i, phase); ms++) {
        g_assert_cmpuint(ms, <, 20000);
        g_usleep(1000);
    }
}

/* --- both at once ---------------------------------------------------------------------------- */

typedef struct Shadow {
    uint64_t dbs, eis;
} Shadow;

static Shadow shadow_on(QNvme *n)
{
    Shadow s = {qtest_alloc(n->s, 4096, 4096), qtest_alloc(n->s, 4096, 4096)};
    NvmeCmd config = {.opcode = NVME_ADM_DOORBELL_BUFFER_CONFIG, .dptr = {{s.dbs, s.eis}}};

    g_assert_cmphex(qnvme_cmd(n, 0, &config), ==, NVME_SUCCESS);
    return s;
}

/* As a host does it: the page, then the register if the event index is passed. */
static void shadow_ring(QNvme *n, Shadow s, bool cq, uint32_t value)
{
    unsigned at = 8 + (cq ? 4 : 0);
    uint32_t old = qtest_readl(n->s, s.dbs + at), event;

    qtest_writel(n->s, s.dbs + at, value);
    event = qtest_readl(n->s, s.eis + at);
    if ((uint16_t)(value - event - 1) < (uint16_t)(value - old)) {
        qnvme_doorbell(n, 1, cq, value);
    }
}

/* The host begins to shadow in the middle of a turn: entries that it has not read stay. */
static void test_shadow_later(const void *opaque)
{
    QNvme *n = start(opaque);

    create_uneven(n);
    push(n, 5);
    qnvme_ring(n, 1);
    wait_entry(n, 1, 4, 1);
    qnvme_doorbell(n, 1, true, 5);
    Shadow s = shadow_on(n);
    g_assert_cmpuint(qtest_readl(n->s, s.dbs + 8), ==, 5);
    g_assert_cmpuint(qtest_readl(n->s, s.dbs + 12), ==, 5);
    g_assert_cmpuint(qtest_readl(n->s, s.eis + 12), ==, 5);

    push(n, 10); /* there is room for 7 */
    shadow_ring(n, s, false, n->q[1].tail);
    wait_entry(n, 1, 3, 0);
    g_usleep(20000);
    g_assert_true(entry_is_there(n, 1, 4, 1));
    g_assert_true(entry_is_there(n, 1, 5, 1));
    shadow_ring(n, s, true, 7); /* two were read */
    wait_entry(n, 1, 5, 0);
    g_usleep(20000);
    g_assert_true(entry_is_there(n, 1, 6, 1));
    shadow_ring(n, s, true, 0);
    wait_entry(n, 1, 6, 0);
    qnvme_stop(n);
}

/* The command that turns the pages on may be done when the host still rings; its own use of them
 * begins when it knows. */
static void test_shadow_window(const void *opaque)
{
    QNvme *n = start(opaque);

    create_uneven(n);
    Shadow s = shadow_on(n);
    for (unsigned i = 0; i < 3; i++) {
        push(n, DEPTH);
        qnvme_ring(n, 1);
        wait_entry(n, 1, DEPTH - 2, !(i & 1));
        qnvme_doorbell(n, 1, true, DEPTH - 1);
        wait_entry(n, 1, DEPTH - 1, !(i & 1));
        qnvme_doorbell(n, 1, true, 0);
    }
    push(n, DEPTH - 1);
    shadow_ring(n, s, false, n->q[1].tail);
    wait_entry(n, 1, DEPTH - 2, 0);
    shadow_ring(n, s, true, 1);
    /* From here on only the page counts: a register that comes late changes nothing. */
    push(n, 3);
    shadow_ring(n, s, false, n->q[1].tail);
    wait_entry(n, 1, DEPTH - 1, 0);
    qnvme_doorbell(n, 1, true, 3);
    g_usleep(20000);
    g_assert_false(entry_is_there(n, 1, 0, 1));
    shadow_ring(n, s, true, 3);
    wait_entry(n, 1, 1, 1);
    qnvme_stop(n);
}

/* Queues of two entries: each second head is the one that the page began with. */
static void test_shadow_small(const void *opaque)
{
    QNvme *n = start(opaque);

    for (unsigned late = 0; late < 4; late++) { /* commands before the host shadows */
        Shadow s = {0};

        qnvme_create_pair(n, 1, 2, 0);
        for (unsigned i = 0; i < late + 8; i++) {
            if (i == late) {
                s = shadow_on(n);
            }
            push(n, 1);
            if (i < late) {
                qnvme_ring(n, 1);
            } else {
                shadow_ring(n, s, false, n->q[1].tail);
            }
            wait_entry(n, 1, i & 1, !(i & 2));
            if (i < late) {
                qnvme_doorbell(n, 1, true, (i + 1) & 1);
            } else {
                shadow_ring(n, s, true, (i + 1) & 1);
            }
        }
        qnvme_disable(n);
        qnvme_bring_up(n, 0, true);
    }
    qnvme_stop(n);
}

#define SLOW_DISK \
    "-blockdev " \
    "driver=null-co,node-name=d0,size=1M,x-give-back=off,latency-ns=100000000,read-zeroes=on"

/* A queue that waits for its last command takes nothing any more, whatever its slot says. */
static void test_shadow_deleted(const void *opaque)
{
    QNvme *n = qnvme_start(qhome_of(opaque), SLOW_DISK, ",post-write=off");
    NvmeCmd del = {.opcode = NVME_ADM_DELETE_SQ, .cdw10 = 1};
    g_autofree char *before = NULL, *after = NULL;
    Shadow s;

    qnvme_bring_up(n, 1, true);
    s = shadow_on(n);
    push(n, 2);
    qnvme_ring(n, 1);
    uint16_t cid = qnvme_push(n, 0, &del);
    qnvme_ring(n, 0);
    qtest_writel(n->s, s.dbs + 8, 5);
    s = shadow_on(n); /* looks at the old slot */
    before = qtest_hmp(n->s, "info mtree");
    g_assert_null(strstr(before, "[ioeventfd"));
    qtest_clock_step(n->s, 200000000);
    g_assert_cmphex(qnvme_wait(n, 0), ==, NVME_SUCCESS);
    g_assert_cmpuint(n->last_cid, ==, cid);
    del.opcode = NVME_ADM_DELETE_CQ;
    g_assert_cmphex(qnvme_cmd(n, 0, &del), ==, NVME_SUCCESS);
    qnvme_create_pair(n, 1, 16, 0);
    push(n, 1);
    shadow_ring(n, s, false, n->q[1].tail);
    qtest_clock_step(n->s, 200000000);
    g_assert_cmphex(qnvme_wait(n, 1), ==, NVME_SUCCESS);
    after = qtest_hmp(n->s, "info mtree");
    g_assert_nonnull(strstr(after, "[ioeventfd"));
    qnvme_stop(n);
}

/* --- while the main loop is busy -------------------------------------------------------------- */

static void add_write(QNvme *n, GString *batch, uint64_t reg, uint32_t value)
{
    g_string_append_printf(batch, "writel 0x%" PRIx64 " 0x%x\n", n->bar->addr + reg, value);
}

static void add_ring(QNvme *n, GString *batch, unsigned qid, bool cq, uint32_t value)
{
    add_write(n, batch, NVME_REG_DOORBELLS + qid * 8 + (cq ? 4 : 0), value);
}

/* Time for the home: each write is answered there. */
static void add_turns(QNvme *n, GString *batch)
{
    for (unsigned i = 0; i < TURNS; i++) {
        add_write(n, batch, NVME_REG_CSTS, 0);
        g_string_append_printf(batch, "readl 0x%" PRIx64 "\n", n->bar->addr + NVME_REG_CSTS);
    }
}

/* All in one turn of the main loop, which can do nothing else meanwhile; the last reply. */
static char *run(QNvme *n, GString *batch)
{
    unsigned lines = 0;
    char *reply = NULL;

    for (const char *p = batch->str; (p = strchr(p, '\n')); p++) {
        lines++;
    }
    qtest_send_raw(n->s, batch->str, batch->len);
    while (lines--) {
        g_free(reply);
        reply = qtest_recv_line(n->s);
        g_assert_true(g_str_has_prefix(reply, "OK"));
    }
    g_string_free(batch, true);
    return reply;
}

/* A queue of two entries goes and comes again, and its first head is written, before the main loop
 * could change the memory map. */
static void test_head_of_next(const void *opaque)
{
    QNvme *n = start(opaque);

    for (unsigned round = 0; round < 4; round++) {
        NvmeCmd del = {.opcode = NVME_ADM_DELETE_SQ, .cdw10 = 1};
        NvmeCmd bad = {.opcode = 0x7f, .nsid = 1}; /* ends at once */
        GString *batch = g_string_new(NULL);
        NvmeCmd cq, sq;

        qnvme_create_pair(n, 1, 2, 0);
        g_assert_cmphex(qnvme_cmd(n, 0, &del), ==, NVME_SUCCESS);
        del.opcode = NVME_ADM_DELETE_CQ;
        cq = (NvmeCmd){.opcode = NVME_ADM_CREATE_CQ,
                       .dptr.prp1 = n->q[1].cq,
                       .cdw10 = 1 << 16 | 1,
                       .cdw11 = 1};
        sq = (NvmeCmd){.opcode = NVME_ADM_CREATE_SQ,
                       .dptr.prp1 = n->q[1].sq,
                       .cdw10 = 1 << 16 | 1,
                       .cdw11 = 1 << 16 | 1};
        qnvme_push(n, 0, &del);
        qnvme_push(n, 0, &cq);
        qnvme_push(n, 0, &sq);
        qnvme_push(n, 1, &bad);
        add_ring(n, batch, 0, false, n->q[0].tail);
        add_turns(n, batch);
        add_ring(n, batch, 1, false, 1);
        add_turns(n, batch);
        add_ring(n, batch, 1, true, 1);
        g_free(run(n, batch));
        for (unsigned i = 0; i < 3; i++) {
            g_assert_cmphex(qnvme_wait(n, 0), ==, NVME_SUCCESS);
        }
        wait_entry(n, 1, 0, 1);
        if (qhome_of(opaque) == MAIN_LOOP) { /* there it had not posted the entry then */
            qnvme_doorbell(n, 1, true, 1);
        }
        qnvme_push(n, 1, &bad);
        qnvme_ring(n, 1);
        wait_entry(n, 1, 1, 1);
        qnvme_delete_pair(n, 1);
    }
    qnvme_stop(n);
}

/* The same for the tail of a submission queue that is shadowed. */
static void test_tail_of_next(const void *opaque)
{
    QNvme *n = start(opaque);
    bool at_main = qhome_of(opaque) == MAIN_LOOP || qhome_of(opaque) == MAPPING;
    NvmeCmd del = {.opcode = NVME_ADM_DELETE_SQ, .cdw10 = 1};
    NvmeCmd sq = {.opcode = NVME_ADM_CREATE_SQ, .cdw10 = 15 << 16 | 1, .cdw11 = 1 << 16 | 1};

    qnvme_create_pair(n, 1, 16, 0);
    Shadow s = shadow_on(n);
    sq.dptr.prp1 = n->q[1].sq;
    for (unsigned round = 0; round < 8; round++) {
        GString *batch = g_string_new(NULL);

        push(n, 1);
        shadow_ring(n, s, false, n->q[1].tail);
        g_assert_cmphex(qnvme_wait(n, 1), ==, NVME_SUCCESS);
        qtest_writel(n->s, s.dbs + 12, n->q[1].head);
        qtest_writel(n->s, s.dbs + 8, 0);
        qtest_writel(n->s, s.eis + 8, 0);
        n->q[1].tail = 0;
        qnvme_push(n, 0, &del);
        add_ring(n, batch, 0, false, n->q[0].tail);
        add_turns(n, batch);
        if (at_main) { /* deletes nothing unless it gets on */
            g_free(run(n, batch));
            g_assert_cmphex(qnvme_wait(n, 0), ==, NVME_SUCCESS);
            batch = g_string_new(NULL);
        }
        qnvme_push(n, 0, &sq);
        add_ring(n, batch, 0, false, n->q[0].tail);
        add_turns(n, batch);
        push(n, 1);
        g_string_append_printf(batch, "writel 0x%" PRIx64 " 1\n", s.dbs + 8);
        add_ring(n, batch, 1, false, 1);
        g_free(run(n, batch));
        for (unsigned i = at_main; i < 2; i++) {
            g_assert_cmphex(qnvme_wait(n, 0), ==, NVME_SUCCESS);
        }
        g_assert_cmphex(qnvme_wait(n, 1), ==, NVME_SUCCESS);
        qtest_writel(n->s, s.dbs + 12, n->q[1].head);
    }
    qnvme_stop(n);
}

/* A reset ends the shadowing.  It is not over while an eventfd may take a tail's value away. */
static void test_reset_waits(const void *opaque)
{
    QNvme *n = start(opaque);

    for (unsigned round = 0; round < 4; round++) {
        GString *batch = g_string_new(NULL);
        g_autofree char *last = NULL;

        qnvme_create_pair(n, 1, 16, 0);
        Shadow s = shadow_on(n);
        for (unsigned i = 0; i < 2; i++) { /* the first may come before the eventfd does */
            push(n, 1);
            shadow_ring(n, s, false, n->q[1].tail);
            g_assert_cmphex(qnvme_wait(n, 1), ==, NVME_SUCCESS);
        }
        add_write(n, batch, NVME_REG_CC, 0);
        add_turns(n, batch);
        last = run(n, batch);
        g_assert_cmpuint(g_ascii_strtoull(last + 3, NULL, 0) & NVME_CSTS_RDY, ==, NVME_CSTS_RDY);
        qnvme_wait_csts(n, NVME_CSTS_RDY, 0);
        qnvme_bring_up(n, 1, true);
        push(n, 1);
        qnvme_ring(n, 1);
        g_assert_cmphex(qnvme_wait(n, 1), ==, NVME_SUCCESS);
        qnvme_delete_pair(n, 1);
    }
    qnvme_stop(n);
}

/* --- descriptors ------------------------------------------------------------------------------ */

#define AGAIN 1680 /* two commands each, in one heap */
#define HEAPS 3

static unsigned descriptors(QNvme *n)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/fd", (int)qtest_pid(n->s));
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    unsigned count = 0;

    g_assert_nonnull(dir);
    while (g_dir_read_name(dir)) {
        count++;
    }
    return count;
}

/* Thousands of queues come and go in heaps: each doorbell has its eventfd, and no more. */
static void test_descriptors(const void *opaque)
{
    QNvme *n = qnvme_start(qhome_of(opaque), drive_args, ",post-write=on");
    uint64_t ring;
    unsigned before, most = 0;

    qnvme_enable(n, 4096);
    ring = qtest_alloc(n->s, DEPTH * sizeof(NvmeCqe), 4096);
    before = descriptors(n);
    for (unsigned heap = 0; heap < HEAPS; heap++) {
        QNvmeQueue *q = &n->q[0];
        g_autofree NvmeCmd *cmds = g_new0(NvmeCmd, 2 * AGAIN);
        uint32_t last = (q->tail + 2 * AGAIN - 1) % q->size,
                 part = MIN(2 * AGAIN, q->size - q->tail);
        GString *batch = g_string_new(NULL);
        unsigned phase = q->tail + 2 * AGAIN > q->size ? !q->phase : q->phase;

        for (unsigned i = 0; i < AGAIN; i++) {
            cmds[2 * i] = (NvmeCmd){.opcode = NVME_ADM_CREATE_CQ,
                                    .dptr.prp1 = ring,
                                    .cdw10 = (DEPTH - 1) << 16 | (1 + i % 4),
                                    .cdw11 = 1};
            cmds[2 * i + 1] = (NvmeCmd){.opcode = NVME_ADM_DELETE_CQ, .cdw10 = 1 + i % 4};
        }
        qtest_bufwrite(n->s, q->sq + q->tail * sizeof(*cmds), cmds, part * sizeof(*cmds));
        if (part < 2 * AGAIN) {
            qtest_bufwrite(n->s, q->sq, cmds + part, (2 * AGAIN - part) * sizeof(*cmds));
        }
        q->tail = (last + 1) % q->size;
        add_ring(n, batch, 0, false, q->tail);
        qtest_send_raw(n->s, batch->str, batch->len);
        for (unsigned i = 0; i < 100; i++) {
            most = MAX(most, descriptors(n));
        }
        g_free(qtest_recv_line(n->s));
        g_string_free(batch, true);
        wait_entry(n, 0, last, phase);
        most = MAX(most, descriptors(n));
        q->head = q->tail;
        q->phase = last + 1 == q->size ? !phase : phase;
        qnvme_doorbell(n, 0, true, q->head);
    }
    g_assert_cmpuint(most, <=, before + 16); /* four, and four of the memory map's */
    g_assert_cmphex(qnvme_identify(n, 1, 0, n->page), ==, NVME_SUCCESS);
    qnvme_stop(n);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    image = qpattern_image(IMAGE_SIZE);
    drive_args = g_strdup_printf("-drive if=none,id=d0,format=raw,file=%s", image);
    qhome_add("/nvme-doorbell/shadow-later", test_shadow_later);
    qhome_add("/nvme-doorbell/shadow-window", test_shadow_window);
    qhome_add("/nvme-doorbell/shadow-small", test_shadow_small);
    qhome_add("/nvme-doorbell/shadow-deleted", test_shadow_deleted);
    qhome_add("/nvme-doorbell/head-of-next", test_head_of_next);
    qhome_add("/nvme-doorbell/tail-of-next", test_tail_of_next);
    qhome_add("/nvme-doorbell/reset-waits", test_reset_waits);
    qhome_add("/nvme-doorbell/descriptors", test_descriptors);
    int res = g_test_run();
    unlink(image);
    return res;
}
