/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sanitize (NVMe 1.4, sections 5.24 and 8.15): every block of the subsystem's namespaces is erased,
 * in the background at the home of the controller that was asked.  Meanwhile, and after a failure,
 * commands are refused.
 */
#include "sanitize.h"

#define STEP_BYTES (UINT64_C(16) * 1024 * 1024)
#define PATTERN_BYTES (UINT64_C(256) * 1024)

enum { LEAVE_FAILURE = 1, BLOCK_ERASE = 2, OVERWRITE = 3, CRYPTO_ERASE = 4 };
enum { NEVER = 0, DONE = 1, RUNNING = 2, FAILED = 3 };

typedef struct NvmeSanitize {
    /* Subsystem's lock: what the log page says. */
    uint16_t status, progress;
    uint8_t passes_done;
    uint64_t run; /* how many have begun */
    bool stop;    /* atomic, too: it waits at other controllers' homes */
    uint32_t cdw10;
    bool failed_restricted; /* the last one must succeed before anything else */
    /* The home's of the controller that works. */
    NvmeCtrl *n;
    uint32_t pattern, nsid;
    unsigned pass, passes;
    uint64_t offset, done_bytes, all_bytes;
    BlkRequest blk;
    struct iovec iov;
    uint32_t *buf;
    NvmeNamespace *ns;
} NvmeSanitize;

static NvmeSanitize *state_of(NvmeSubsystem *s)
{
    if (!s->sanitize) {
        s->sanitize = g_new0(NvmeSanitize, 1);
        s->sanitize->progress = 0xffff;
    }
    return s->sanitize;
}

bool nvme_sanitize_busy(NvmeSubsystem *s)
{
    QEMU_LOCK_GUARD(&s->lock);

    return s->sanitize && s->sanitize->status == RUNNING;
}

uint16_t nvme_sanitize_refusal(NvmeSubsystem *s)
{
    QEMU_LOCK_GUARD(&s->lock);

    if (!s->sanitize || s->sanitize->status < RUNNING) {
        return NVME_SUCCESS;
    }
    return s->sanitize->status == RUNNING ? NVME_SANITIZE_IN_PROGRESS : NVME_SANITIZE_FAILED;
}

bool nvme_sanitize_allows(uint8_t opcode)
{
    switch (opcode) {
    case NVME_ADM_FORMAT_NVM:
    case NVME_ADM_NS_MANAGEMENT:
    case NVME_ADM_NS_ATTACHMENT:
    case NVME_ADM_FIRMWARE_COMMIT:
    case NVME_ADM_FIRMWARE_DOWNLOAD:
    case NVME_ADM_SELF_TEST:
        return false;
    default:
        return true;
    }
}

void nvme_sanitize_log(NvmeSubsystem *s, uint8_t page[512])
{
    QEMU_LOCK_GUARD(&s->lock);
    NvmeSanitize *z = state_of(s);
    /* "Global data erased" is never claimed: nobody looks at each write to take it back. */
    uint16_t sstat = z->status | z->passes_done << 3;

    memset(page, 0, 512);
    memset(page + 8, 0xff, 24); /* how long each kind takes is not known */
    memcpy(page, &z->progress, 2);
    memcpy(page + 2, &sstat, 2);
    memcpy(page + 4, &z->cdw10, 4);
}

static void set_gates(NvmeSubsystem *s, bool closed)
{
    for (uint32_t id = 1; id <= NVME_MAX_NAMESPACES; id++) {
        if (s->ns[id]) {
            nvme_gate_change_locked(s->ns[id], closed ? NVME_GATE_SANITIZE : 0,
                                    closed ? 0 : NVME_GATE_SANITIZE);
        }
    }
}

static void tell(NvmeCtrl *n, void *opaque)
{
    nvme_aer_event_post(n, NVME_AER_IO_COMMAND, NVME_AER_SANITIZE_DONE);
}

static void finish(NvmeSanitize *z, bool good)
{
    NvmeCtrl *n = z->n;
    NvmeSubsystem *s = n->subsys;

    qemu_mutex_lock(&s->lock);
    z->status = good ? DONE : FAILED;
    z->progress = 0xffff;
    if (good) {
        set_gates(s, false);
    }
    g_clear_pointer(&z->buf, g_free);
    z->n = NULL;
    qemu_mutex_unlock(&s->lock);
    TRACE(nvme, sanitize_done, "good %d", good);
    nvme_subsys_foreach(s, tell, NULL);
    __atomic_fetch_sub(&n->questions, 1, __ATOMIC_RELEASE);
    object_unref(n);
}

static bool unwanted(void *opaque)
{
    NvmeSanitize *z = opaque;

    return __atomic_load_n(&z->stop, __ATOMIC_RELAXED);
}

static void step(NvmeSanitize *z);

static void step_done(BlkRequest *blk, int ret)
{
    NvmeSanitize *z = container_of(blk, NvmeSanitize, blk);

    if (ret < 0 || unwanted(z)) {
        finish(z, false);
        return;
    }
    if (blk->op != BLK_FLUSH) {
        z->offset += blk->bytes;
        z->done_bytes += blk->bytes;
        qemu_mutex_lock(&z->n->subsys->lock);
        z->progress = MIN(z->done_bytes * 65536 / MAX(1, z->all_bytes), 65534);
        qemu_mutex_unlock(&z->n->subsys->lock);
    } else {
        z->offset = UINT64_MAX;
    }
    step(z);
}

static uint64_t end_of(NvmeNamespace *ns)
{
    return ns->layout.meta_base + __atomic_load_n(&ns->blocks, __ATOMIC_RELAXED) * ns->layout.ms;
}

/* Namespaces one after the other, each flushed at its end; for overwrites, all of it again for each
 * pass. */
static bool next_namespace(NvmeSanitize *z)
{
    NvmeSubsystem *s = z->n->subsys;
    QEMU_LOCK_GUARD(&s->lock);

    while (++z->nsid <= NVME_MAX_NAMESPACES) {
        z->ns = s->ns[z->nsid];
        if (z->ns && !blk_is_read_only(z->ns->blk)) {
            z->offset = z->ns->base;
            return true;
        }
    }
    if (++z->pass < z->passes) {
        z->passes_done = z->pass;
        z->nsid = 0;
        if (z->cdw10 & BIT(8)) { /* OIPBP: inverted between passes */
            z->pattern = ~z->pattern;
        }
    } else {
        z->nsid = NVME_MAX_NAMESPACES;
        z->passes_done = z->pass & 31;
    }
    return false;
}

static void step(NvmeSanitize *z)
{
    bool overwrite = (z->cdw10 & 7) == OVERWRITE;

    while (z->offset == UINT64_MAX) {
        if (!next_namespace(z) && z->pass >= z->passes) {
            finish(z, true);
            return;
        }
    }
    if (z->offset >= end_of(z->ns)) {
        z->blk = (BlkRequest){.op = BLK_FLUSH, .complete = step_done};
    } else if (overwrite && z->offset < z->ns->layout.meta_base) {
        uint64_t len = MIN(PATTERN_BYTES, z->ns->layout.meta_base - z->offset);

        for (size_t i = 0; i < PATTERN_BYTES / 4; i++) {
            z->buf[i] = z->pattern;
        }
        z->iov = (struct iovec){z->buf, len};
        z->blk = (BlkRequest){.op = BLK_WRITE,
                              .offset = z->offset,
                              .bytes = len,
                              .iov = &z->iov,
                              .niov = 1,
                              .complete = step_done};
    } else {
        bool keep = z->cdw10 & BIT(9); /* no deallocate after sanitize */

        z->blk = (BlkRequest){.op = BLK_WRITE_ZEROES,
                              .flags = keep ? 0 : BLK_REQ_MAY_UNMAP,
                              .offset = z->offset,
                              .bytes = MIN(STEP_BYTES, end_of(z->ns) - z->offset),
                              .complete = step_done};
    }
    blk_submit(z->ns->blk, &z->blk, z->n->home);
}

/* Quiet: no command works on any namespace. */
static void quiesced(void *opaque, bool quiet)
{
    NvmeSanitize *z = opaque;
    NvmeSubsystem *s = z->n->subsys;
    NvmeNamespace *all[NVME_MAX_NAMESPACES + 1];

    if (!quiet || unwanted(z)) {
        finish(z, false);
        return;
    }
    qemu_mutex_lock(&s->lock);
    memcpy(all, s->ns, sizeof(all)); /* one that goes waits for our end */
    qemu_mutex_unlock(&s->lock);
    z->all_bytes = 0;
    for (uint32_t id = 1; id <= NVME_MAX_NAMESPACES; id++) {
        if (all[id]) {
            nvme_gate_forget_marks(all[id]);
            z->all_bytes += end_of(all[id]) - all[id]->base;
        }
    }
    z->all_bytes *= z->passes;
    step(z);
}

static bool read_only_there(NvmeSubsystem *s)
{
    for (uint32_t id = 1; id <= NVME_MAX_NAMESPACES; id++) {
        if (s->ns[id] && (blk_is_read_only(s->ns[id]->blk) || s->ns[id]->write_protect)) {
            return true;
        }
    }
    return false;
}

static uint16_t begin(NvmeRequest *req, NvmeSanitize *z)
{
    NvmeSubsystem *s = req->sq->n->subsys;
    uint32_t dw10 = req->cmd.cdw10;
    unsigned action = dw10 & 7;

    if (action < LEAVE_FAILURE || action > CRYPTO_ERASE) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    if (z->status == RUNNING) {
        return NVME_SANITIZE_IN_PROGRESS;
    }
    if (action == LEAVE_FAILURE) {
        if (z->status == FAILED && z->failed_restricted) {
            return NVME_SANITIZE_FAILED;
        }
        if (z->status == FAILED) {
            z->status = NEVER;
            set_gates(s, false);
        }
        return NVME_SUCCESS;
    }
    if (read_only_there(s)) {
        return NVME_NAMESPACE_WRITE_PROTECTED | NVME_DNR;
    }
    if (z->status == FAILED && z->failed_restricted && !(~dw10 & BIT(3))) {
        return NVME_SANITIZE_FAILED;
    }
    z->status = RUNNING;
    z->run++;
    __atomic_store_n(&z->stop, false, __ATOMIC_RELAXED);
    z->progress = 0;
    z->passes_done = 0;
    z->cdw10 = dw10;
    z->failed_restricted = !(dw10 & BIT(3));
    z->pattern = req->cmd.cdw11;
    z->passes = action == OVERWRITE ? (dw10 >> 4 & 0xf ? dw10 >> 4 & 0xf : 16) : 1;
    z->pass = 0;
    z->nsid = 0;
    z->offset = UINT64_MAX;
    z->done_bytes = 0;
    z->buf = action == OVERWRITE ? g_malloc(PATTERN_BYTES) : NULL;
    z->n = (NvmeCtrl *)object_ref(req->sq->n);
    __atomic_fetch_add(&z->n->questions, 1, __ATOMIC_RELAXED); /* it stays until this is over */
    set_gates(s, true);
    return NVME_SUCCESS;
}

uint16_t nvme_sanitize(NvmeRequest *req)
{
    static const NvmeQuiesceOps ops = {.unwanted = unwanted, .done = quiesced};
    NvmeCtrl *n = req->sq->n;
    NvmeSubsystem *s = n->subsys;
    NvmeSanitize *z;
    uint16_t status;
    bool start;

    qemu_mutex_lock(&s->lock);
    z = state_of(s);
    status = begin(req, z);
    start = !status && z->status == RUNNING && (req->cmd.cdw10 & 7) != LEAVE_FAILURE;
    qemu_mutex_unlock(&s->lock);
    TRACE(nvme, sanitize, "dw10 0x%x status 0x%x", req->cmd.cdw10, status);
    if (start) {
        nvme_quiesce(n, s, NULL, &ops, z);
    }
    return status;
}

typedef struct TakeBack {
    NvmeSanitize *z;
    NvmeCtrl *n; /* a reference */
} TakeBack;

/* At n's home, where what n does begins and ends. */
static void take_back(void *opaque)
{
    TakeBack *t = opaque;
    bool same;

    qemu_mutex_lock(&t->n->subsys->lock);
    same = t->z->n == t->n;
    qemu_mutex_unlock(&t->n->subsys->lock);
    if (same) {
        blk_cancel(&t->z->blk);
    }
}

/* Tells it to stop, if one is under way (for n: that n does), and *run (0: any); the controller
 * that works, a reference, or NULL. */
static NvmeCtrl *stop(NvmeSubsystem *s, NvmeCtrl *n, uint64_t *run)
{
    QEMU_LOCK_GUARD(&s->lock);
    NvmeSanitize *z = s->sanitize;

    if (!z || z->status != RUNNING || (n && z->n != n) || (*run && z->run != *run)) {
        return NULL;
    }
    *run = z->run;
    __atomic_store_n(&z->stop, true, __ATOMIC_RELAXED);
    return (NvmeCtrl *)object_ref(z->n);
}

void nvme_sanitize_stop(NvmeSubsystem *s, NvmeCtrl *n)
{
    uint64_t run = 0;
    TakeBack t;

    assert_main_loop();
    while ((t.n = stop(s, n, &run))) { /* that one; a guest that begins another holds nobody up */
        t.z = s->sanitize;
        aio_call(t.n->home, take_back, &t);
        object_unref(t.n);
        aio_poll(aio_get_main(), false);
        g_usleep(50);
    }
}

void nvme_sanitize_free(NvmeSubsystem *s)
{
    g_clear_pointer(&s->sanitize, g_free);
}
