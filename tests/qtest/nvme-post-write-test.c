/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NVMe with post-write=on: heads of completion queues are stored where the doorbell's write
 * happens, and looked at when the controller needs them (hw/nvme/cq-post.c).  In every home.
 */
#include "nvme-driver.h"

#define IMAGE_SIZE (1 << 20)
#define DNR 0x4000
#define DEPTH 8

static char *image, *drive_args;

static QNvme *start(const void *opaque, bool msix)
{
    QNvme *n = qnvme_start(qhome_of(opaque), drive_args, ",post-write=on");

    qnvme_bring_up(n, 0, msix);
    return n;
}

/* Reads, whose completions are left alone. */
static void submit(QNvme *n, unsigned qid, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        NvmeCmd cmd = {.opcode = NVME_IO_READ, .nsid = 1, .dptr.prp1 = n->page, .cdw10 = i};

        qnvme_push(n, qid, &cmd);
    }
    qnvme_ring(n, qid);
}

/* The entry at place i of the queue's current turn. */
static NvmeCqe entry(QNvme *n, unsigned qid, unsigned i)
{
    NvmeCqe cqe;

    qtest_memread(n->s, n->q[qid].cq + i * sizeof(cqe), &cqe, sizeof(cqe));
    return cqe;
}

static bool entry_is_there(QNvme *n, unsigned qid, unsigned i, unsigned phase)
{
    return (entry(n, qid, i).status & 1) == phase;
}

static void wait_entry(QNvme *n, unsigned qid, unsigned i, unsigned phase)
{
    for (unsigned ms = 0; !entry_is_there(n, qid, i, phase); ms++) {
        g_assert_cmpuint(ms, <, 20000);
        g_usleep(1000);
    }
}

/* A queue of DEPTH entries has room for DEPTH - 1; more is posted when the head moves, whoever
 * learns of that, in whatever size it is written. */
static void test_full(const void *opaque)
{
    QNvme *n = start(opaque, true);
    unsigned phase = 1;

    qnvme_create_pair(n, 1, DEPTH, 0);
    for (unsigned round = 0; round < 6; round++) {
        submit(n, 1, DEPTH - 1);
        wait_entry(n, 1, DEPTH - 2, phase);
        submit(n, 1, 3);
        g_usleep(20000);
        g_assert_false(entry_is_there(n, 1, DEPTH - 1, phase));
        /* Two entries are free: two more come, and not a third. */
        if (round % 3 == 2) {
            qpci_io_write(n->bar, 0x1000 + 8 + 4, 2, 2);
        } else {
            qnvme_doorbell(n, 1, true, 2);
        }
        wait_entry(n, 1, DEPTH - 1, phase);
        wait_entry(n, 1, 0, !phase);
        g_usleep(20000);
        g_assert_false(entry_is_there(n, 1, 1, !phase));
        qnvme_doorbell(n, 1, true, 3);
        wait_entry(n, 1, 1, !phase);
        /* To the turn's end. */
        qnvme_doorbell(n, 1, true, 2);
        submit(n, 1, DEPTH - 2);
        wait_entry(n, 1, DEPTH - 1, !phase);
        qnvme_doorbell(n, 1, true, 0);
    }
    qnvme_stop(n);
}

/* Nobody waits for room: many turns of the queue, the head written after each entry. */
static void test_turns(const void *opaque)
{
    QNvme *n = start(opaque, true);
    uint64_t buf = qtest_alloc(n->s, 4096, 4096);

    qnvme_create_pair(n, 1, DEPTH, 0);
    qnvme_create_pair(n, 2, 3, 1);
    for (unsigned i = 0; i < 60; i++) {
        g_assert_cmphex(qnvme_rw(n, 1 + i % 2, NVME_IO_READ, i, 1, buf, 0), ==, NVME_SUCCESS);
        qpattern_check(n->s, buf, (uint64_t)i * 512, 512);
    }
    qnvme_stop(n);
}

/* The pin stays high until the host has seen all entries (7.5.1). */
static void test_pin(const void *opaque)
{
    QNvme *n = start(opaque, false);
    unsigned phase = 1;

    qnvme_create_pair(n, 1, DEPTH, 0);
    for (unsigned round = 0; round < 3; round++, phase ^= 1) {
        for (unsigned i = 0; i < DEPTH; i += 2) {
            submit(n, 1, 2);
            wait_entry(n, 1, i + 1, phase);
            qnvme_wait_pin(n, true);
            qnvme_doorbell(n, 1, true, i + 1);
            g_usleep(10000);
            g_assert_true(qnvme_pin(n));
            qnvme_doorbell(n, 1, true, (i + 2) % DEPTH);
            qnvme_wait_pin(n, false);
        }
    }
    qnvme_stop(n);
}

/* A head that cannot be is an event (3.1.25) when somebody looks, and the next one counts.  No
 * value is special. */
static void test_bad_head(const void *opaque)
{
    static const uint32_t bad[] = {0xffffffff, DEPTH, 0xffff};
    QNvme *n = start(opaque, true);

    for (unsigned round = 0; round < G_N_ELEMENTS(bad); round++) {
        NvmeCmd aer = {.opcode = NVME_ADM_ASYNC_EVENT_REQUEST};
        uint16_t cid = qnvme_push(n, 0, &aer);

        qnvme_ring(n, 0);
        qnvme_create_pair(n, 1, DEPTH, 0);
        submit(n, 1, 1);
        wait_entry(n, 1, 0, 1);
        qnvme_doorbell(n, 1, true, bad[round]);
        g_assert_cmphex(qnvme_identify(n, 1, 0, n->page), ==, NVME_SUCCESS);
        g_assert_false(qnvme_ready(n, 0));
        submit(n, 1, DEPTH - 1);
        g_assert_cmphex(qnvme_wait(n, 0), ==, NVME_SUCCESS);
        g_assert_cmpuint(n->last_cid, ==, cid);
        g_assert_cmphex(n->result, ==,
                        NVME_LOG_ERROR << 16 | NVME_AER_INVALID_DB_VALUE << 8 | NVME_AER_ERROR);
        g_usleep(20000);
        g_assert_false(entry_is_there(n, 1, DEPTH - 1, 1));
        qnvme_doorbell(n, 1, true, DEPTH - 1);
        wait_entry(n, 1, DEPTH - 1, 1);
        qnvme_delete_pair(n, 1);
        g_assert_cmphex(qnvme_get_log(n, NVME_NSID_ALL, NVME_LOG_ERROR, 64, 0, false), ==,
                        NVME_SUCCESS);
    }
    qnvme_stop(n);
}

static unsigned lines(const char *path)
{
    g_autofree char *text = NULL;
    unsigned count = 0;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    for (const char *p = text; (p = strchr(p, '\n')); p++) {
        count++;
    }
    return count;
}

/* A queue that was full once does not make its thread look at each later head. */
static void test_silence(const void *opaque)
{
    g_autofree char *log = NULL, *args = NULL;
    int fd = g_file_open_tmp("nvme-post-write-XXXXXX", &log, NULL);
    unsigned seen;
    QNvme *n;

    g_assert_cmpint(fd, >=, 0);
    close(fd);
    args = g_strdup_printf("%s -trace nvme_doorbell_cq -D %s", drive_args, log);
    n = qnvme_start(qhome_of(opaque), args, ",post-write=on");
    qnvme_bring_up(n, 0, true);
    qnvme_create_pair(n, 1, DEPTH, 0);
    for (unsigned round = 0; round < 2; round++) {
        submit(n, 1, DEPTH - 1);
        wait_entry(n, 1, DEPTH - 2, 1);
        submit(n, 1, 1);
        g_usleep(20000);
        qnvme_doorbell(n, 1, true, DEPTH - 2);
        wait_entry(n, 1, DEPTH - 1, 1);
        qnvme_doorbell(n, 1, true, DEPTH - 1);
        g_usleep(20000);
        qnvme_doorbell(n, 1, true, 0);
        g_usleep(20000);
        seen = lines(log);
        /* The admin queue's heads are told, ours not until it looks full. */
        submit(n, 1, DEPTH - 1);
        wait_entry(n, 1, DEPTH - 2, 0);
        for (unsigned head = 1; head < DEPTH; head++) {
            qnvme_doorbell(n, 1, true, head);
            g_usleep(5000);
        }
        g_assert_cmpuint(lines(log), <=, seen + 1);
        submit(n, 1, 1);
        wait_entry(n, 1, DEPTH - 1, 0);
        qnvme_doorbell(n, 1, true, 0);
    }
    qnvme_stop(n);
    unlink(log);
}

/* The pin does not go up for entries that the host has seen before the interrupt was due. */
static void test_polled_pin(const void *opaque)
{
    QNvme *n = qnvme_start(qhome_of(opaque), drive_args, ",post-write=on");
    unsigned raised = 0;

    qtest_irq_intercept_in(n->s, "ioapic");
    qnvme_bring_up(n, 0, false);
    qnvme_create_pair(n, 1, DEPTH, 0);
    /* 255 entries or 10 ms */
    g_assert_cmphex(qnvme_set_feature(n, NVME_FEAT_INTERRUPT_COALESCING, 100 << 8 | 0xff), ==,
                    NVME_SUCCESS);
    qnvme_wait_pin(n, false);
    for (unsigned i = 0; i < 24; i++) {
        raised += qtest_irq_raises(n->s, i);
    }
    g_assert_cmpuint(raised, >, 0);
    submit(n, 1, 3);
    wait_entry(n, 1, 2, 1);
    qnvme_doorbell(n, 1, true, 3);
    qtest_clock_step(n->s, 20000000);
    g_assert_false(qnvme_pin(n));
    for (unsigned i = 0; i < 24; i++) {
        raised -= qtest_irq_raises(n->s, i);
    }
    g_assert_cmpuint(raised, ==, 0);
    submit(n, 1, 1);
    wait_entry(n, 1, 3, 1);
    qtest_clock_step(n->s, 20000000);
    qnvme_wait_pin(n, true);
    qnvme_doorbell(n, 1, true, 4);
    qnvme_wait_pin(n, false);
    qnvme_stop(n);
}

/* Queues go and come, full and with commands in flight; the controller and the machine are reset.
 */
static void test_life(const void *opaque)
{
    QNvme *n = start(opaque, true);

    for (unsigned round = 0; round < 8; round++) {
        qnvme_create_pair(n, 1, DEPTH, 0);
        qnvme_create_pair(n, 2, DEPTH, 1);
        submit(n, 1, DEPTH - 1);
        submit(n, 2, 3);
        switch (round % 4) {
        case 0:
            qnvme_doorbell(n, 1, true, 1);
            qnvme_delete_pair(n, 1);
            qnvme_delete_pair(n, 2);
            break;
        case 1:
            wait_entry(n, 1, DEPTH - 2, 1);
            submit(n, 1, 2); /* no room for these */
            qnvme_disable(n);
            qnvme_bring_up(n, 0, true);
            break;
        case 2:
            qnvme_disable(n);
            qnvme_bring_up(n, 0, true);
            break;
        default:
            qtest_system_reset(n->s);
            qnvme_probe(n);
            n->msix = false;
            qnvme_bring_up(n, 0, true);
        }
        qnvme_doorbell(n, 1, true, 2); /* of a queue that is gone */
        g_assert_cmphex(qnvme_identify(n, 1, 0, n->page), ==, NVME_SUCCESS);
    }
    qnvme_stop(n);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    image = qpattern_image(IMAGE_SIZE);
    drive_args = g_strdup_printf("-drive if=none,id=d0,format=raw,file=%s", image);
    qhome_add("/nvme-post-write/full", test_full);
    qhome_add("/nvme-post-write/turns", test_turns);
    qhome_add("/nvme-post-write/pin", test_pin);
    qhome_add("/nvme-post-write/bad-head", test_bad_head);
    qhome_add("/nvme-post-write/silence", test_silence);
    qhome_add("/nvme-post-write/polled-pin", test_polled_pin);
    qhome_add("/nvme-post-write/life", test_life);
    int res = g_test_run();
    unlink(image);
    return res;
}
