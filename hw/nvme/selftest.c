/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Device self-test (NVMe 1.4, sections 5.8 and 8.11): reads blocks spread over the namespaces, a
 * few at a time, and remembers the results of the last 20 tests.  At home.
 */
#include "selftest.h"

#define STEP_NS (100 * SCALE_MS)
#define SHORT_STEPS 10
#define EXTENDED_STEPS 50

typedef struct QEMU_PACKED Result {
    uint8_t status; /* result in 3..0, code in 7..4 */
    uint8_t segment, valid, rsvd3;
    uint64_t power_on_hours;
    uint32_t nsid;
    uint64_t failing_lba;
    uint8_t sct, sc, vs[2];
} Result;
_Static_assert(sizeof(Result) == 28, "figure 199");

enum { SHORT = 1, EXTENDED = 2, ABORT = 0xf };
enum { VALID_NSID = 1, VALID_LBA = 2, VALID_SCT = 4, VALID_SC = 8 };

typedef struct NvmeSelfTest {
    NvmeCtrl *n;
    uint8_t running; /* SHORT, EXTENDED; 0: none */
    uint32_t nsid;   /* of the command */
    unsigned step, steps;
    uint32_t read_nsid;
    uint64_t lba;
    bool reading;
    unsigned stop; /* why, once the read is back */
    AioTimer *timer;
    BlkRequest blk;
    struct iovec iov;
    Result results[NVME_SELF_TEST_RESULTS];
    uint8_t buf[4096];
} NvmeSelfTest;

static NvmeSelfTest *test_of(NvmeCtrl *n)
{
    if (!n->self_test) {
        n->self_test = g_new0(NvmeSelfTest, 1);
        for (unsigned i = 0; i < NVME_SELF_TEST_RESULTS; i++) {
            n->self_test->results[i].status = 0xf; /* not used */
        }
    }
    return n->self_test;
}

void nvme_self_test_log(NvmeCtrl *n, uint8_t page[NVME_SELF_TEST_LOG_BYTES])
{
    NvmeSelfTest *t = test_of(n);

    memset(page, 0, 4);
    page[0] = t->running;
    page[1] = t->running ? MIN(t->step * 100 / t->steps, 100u) : 0;
    memcpy(page + 4, t->results, sizeof(t->results));
}

static void finish(NvmeCtrl *n, unsigned code)
{
    NvmeSelfTest *t = n->self_test;
    Result *r = &t->results[0];
    int64_t ns = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) - n->start_ns;

    memmove(r + 1, r, sizeof(*r) * (NVME_SELF_TEST_RESULTS - 1));
    *r = (Result){.status = code | t->running << 4,
                  .power_on_hours = (uint64_t)(ns / NANOSECONDS_PER_SECOND / 3600),
                  .valid = t->nsid ? VALID_NSID : 0,
                  .nsid = t->nsid};
    if (code == 7) {
        r->segment = 1; /* the one that reads */
        r->valid = VALID_NSID | VALID_LBA | VALID_SCT | VALID_SC;
        r->nsid = t->read_nsid;
        r->failing_lba = t->lba;
        r->sct = NVME_UNRECOVERED_READ >> 8;
        r->sc = NVME_UNRECOVERED_READ & 0xff;
    }
    TRACE(nvme, self_test_done, "test %u result %u", t->running, code);
    t->running = 0;
    t->stop = 0;
    if (t->timer) {
        aio_timer_del(t->timer);
    }
}

static void next_step(NvmeCtrl *n)
{
    NvmeSelfTest *t = n->self_test;

    aio_timer_mod(t->timer, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + STEP_NS);
}

static void was_read(BlkRequest *blk, int ret)
{
    NvmeSelfTest *t = container_of(blk, NvmeSelfTest, blk);

    t->reading = false;
    if (t->stop) {
        finish(t->n, t->stop);
    } else if (ret == -ECANCELED) {
        finish(t->n, NVME_SELF_TEST_BY_UNPLUG); /* nothing is wrong with the medium */
    } else if (ret < 0) {
        finish(t->n, 7);
    } else if (++t->step < t->steps) {
        next_step(t->n);
    } else {
        finish(t->n, 0);
    }
}

/* The namespace that this step reads from; NULL: there is none. */
static NvmeNamespace *pick(NvmeSelfTest *t)
{
    bool all = t->nsid == NVME_NSID_ALL;

    for (unsigned i = 0; all && i < NVME_MAX_NAMESPACES; i++) {
        t->read_nsid = t->read_nsid % NVME_MAX_NAMESPACES + 1;
        if (nvme_attached_ns(t->n, t->read_nsid)) {
            break;
        }
    }
    if (!all) {
        t->read_nsid = t->nsid;
    }
    return nvme_attached_ns(t->n, t->read_nsid);
}

static void timer(void *opaque)
{
    NvmeSelfTest *t = opaque;
    NvmeNamespace *ns = pick(t);
    uint64_t blocks = ns ? __atomic_load_n(&ns->blocks, __ATOMIC_RELAXED) : 0;

    if (!blocks) {
        was_read(&t->blk, 0);
        return;
    }
    t->lba = (blocks - 1) * t->step / MAX(1, t->steps - 1);
    t->iov = (struct iovec){t->buf, (size_t)1 << ns->layout.lba_shift};
    t->blk = (BlkRequest){.op = BLK_READ,
                          .offset = ns->base + (t->lba << ns->layout.lba_shift),
                          .bytes = t->iov.iov_len,
                          .iov = &t->iov,
                          .niov = 1,
                          .complete = was_read};
    t->reading = true;
    blk_submit(ns->blk, &t->blk, t->n->home);
}

uint16_t nvme_self_test(NvmeRequest *req)
{
    NvmeCtrl *n = req->sq->n;
    NvmeSelfTest *t = test_of(n);
    uint32_t nsid = req->cmd.nsid;
    unsigned code = req->cmd.cdw10 & 0xf;

    if (code == ABORT) {
        nvme_self_test_stop(n, NVME_SELF_TEST_BY_COMMAND);
        return NVME_SUCCESS;
    }
    if (code != SHORT && code != EXTENDED) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    if (nsid && nsid != NVME_NSID_ALL) {
        if (nsid > NVME_MAX_NAMESPACES) {
            return NVME_INVALID_NSID | NVME_DNR;
        }
        if (!nvme_attached_ns(n, nsid)) {
            return NVME_INVALID_FIELD | NVME_DNR;
        }
    }
    if (t->running) {
        return NVME_SELF_TEST_IN_PROGRESS | NVME_DNR;
    }
    if (!t->timer) {
        t->n = n;
        t->timer = aio_timer_new(n->home, QEMU_CLOCK_VIRTUAL, timer, t);
    }
    t->running = code;
    t->nsid = nsid;
    t->read_nsid = 0;
    t->step = 0;
    t->steps = code == SHORT ? SHORT_STEPS : EXTENDED_STEPS;
    next_step(n);
    return NVME_SUCCESS;
}

void nvme_self_test_stop(NvmeCtrl *n, unsigned why)
{
    NvmeSelfTest *t = n->self_test;

    if (!t || !t->running || (why == NVME_SELF_TEST_BY_RESET && t->running == EXTENDED)) {
        return; /* an extended test goes on behind a reset (8.11.2) */
    }
    if (t->reading) {
        t->stop = why;
        blk_cancel(&t->blk);
    } else {
        finish(n, why);
    }
}

bool nvme_self_test_reading(NvmeCtrl *n)
{
    return n->self_test && n->self_test->reading;
}

void nvme_self_test_free(NvmeCtrl *n)
{
    if (n->self_test) {
        g_clear_pointer(&n->self_test->timer, aio_timer_free);
        g_clear_pointer(&n->self_test, g_free);
    }
}
