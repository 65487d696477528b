/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fused Compare and Write (NVMe 1.4, section 6.2).  The pair is atomic: no other write to its
 * blocks happens between the two, on whichever queue or controller.
 *
 * A pair announces its blocks (gate) and waits until no write to them is in flight any more; writes
 * that come later wait for the pair's end.  Pairs to the same blocks work one after the other.
 */
#include "io.h"

/* One pair; in the namespace's list, under its lock. */
typedef struct NvmePair {
    struct NvmePair *next;
    NvmeNamespace *ns;
    NvmeRequest *first, *second;
    uint64_t slba, nlb;
    bool active;          /* not waiting for another pair */
    bool quiet;           /* nobody writes to its blocks; false: it has given up waiting */
    NvmeRequest *waiters; /* writes, by their next */
} NvmePair;

static NvmePair *overlapping(NvmeNamespace *ns, const NvmePair *but, uint64_t slba, uint64_t nlb)
{
    for (NvmePair *p = ns->pairs; p; p = p->next) {
        if (p != but && p->active && p->slba < slba + nlb && slba < p->slba + p->nlb) {
            return p;
        }
    }
    return NULL;
}

/* --- writes that wait ------------------------------------------------------------------------ */

bool nvme_fused_wait(NvmeRequest *req)
{
    NvmeNamespace *ns = req->ns;
    QEMU_LOCK_GUARD(&ns->lock);

    for (NvmePair *p = ns->pairs; p; p = p->next) {
        if (p->active && nvme_io_writes_to(req, p->slba, p->nlb)) {
            req->waiting = true;
            req->next = p->waiters;
            p->waiters = req;
            return true;
        }
    }
    return false;
}

static void start_again(void *opaque)
{
    NvmeRequest *req = opaque;

    req->waiting = false;
    if (req->aborted || req->sq->deleting) {
        nvme_io_fail(req, nvme_io_cancelled(req));
    } else {
        nvme_io_command(req);
    }
}

/* False: start_again() is on its way to it. */
static bool wait_no_more(NvmeRequest *req)
{
    QEMU_LOCK_GUARD(&req->ns->lock);

    for (NvmePair *p = req->ns->pairs; p; p = p->next) {
        for (NvmeRequest **link = &p->waiters; *link; link = &(*link)->next) {
            if (*link == req) {
                *link = req->next;
                return true;
            }
        }
    }
    return false;
}

/* --- the pair -------------------------------------------------------------------------------- */

static void start_pair(NvmePair *pair);

static void finish_pair(NvmePair *pair)
{
    NvmeNamespace *ns = pair->ns;
    NvmeRequest *waiters, *next;
    NvmePair *start = NULL;

    qemu_mutex_lock(&ns->lock);
    for (NvmePair **p = &ns->pairs; *p; p = &(*p)->next) {
        if (*p == pair) {
            *p = pair->next;
            break;
        }
    }
    for (NvmePair *p = ns->pairs; p && !start; p = p->next) {
        if (!p->active && !overlapping(ns, p, p->slba, p->nlb)) {
            p->active = true;
            start = p;
        }
    }
    if (!ns->pairs) {
        nvme_gate_change(ns, 0, NVME_GATE_FUSED);
    }
    waiters = pair->waiters;
    qemu_mutex_unlock(&ns->lock);
    for (; waiters; waiters = next) {
        next = waiters->next;
        aio_post(waiters->sq->ctx, start_again, waiters);
    }
    if (start) {
        start_pair(start);
    }
    g_free(pair);
}

void nvme_fused_completed(NvmeRequest *req)
{
    NvmePair *pair = req->pair;
    NvmeRequest *second = pair->second;
    bool good = !(req->status & 0x7ff);
    uint16_t status;

    req->pair = NULL;
    if (req == second) {
        finish_pair(pair);
        return;
    }
    status = good ? nvme_io_start(second) : NVME_ABORT_FAILED_FUSED;
    if (status) {
        nvme_io_fail(second, status);
    }
}

static void compare_in_ctx(void *opaque)
{
    NvmePair *pair = opaque;
    NvmeRequest *first = pair->first;
    uint16_t status;

    first->waiting = pair->second->waiting = false;
    status = pair->quiet ? nvme_io_start(first) : nvme_io_cancelled(first);
    if (status) {
        nvme_io_fail(first, status);
    }
}

static void waited(void *opaque, bool quiet)
{
    NvmePair *pair = opaque;

    pair->quiet = quiet;
    aio_post(pair->first->sq->ctx, compare_in_ctx, pair);
}

static bool writes_here(NvmeRequest *req, void *opaque)
{
    const NvmePair *pair = opaque;

    return !req->waiting && req != pair->second && nvme_io_writes_to(req, pair->slba, pair->nlb);
}

static bool unwanted(void *opaque)
{
    const NvmePair *pair = opaque;

    return __atomic_load_n(&pair->first->sq->deleting, __ATOMIC_RELAXED) ||
           __atomic_load_n(&pair->ns->going, __ATOMIC_RELAXED);
}

static void quiesce_at_home(void *opaque)
{
    static const NvmeQuiesceOps ops = {.busy = writes_here, .unwanted = unwanted, .done = waited};
    NvmePair *pair = opaque;
    NvmeCtrl *n = pair->first->sq->n;

    nvme_quiesce(n, n->subsys, pair->ns, &ops, pair);
}

static void start_pair(NvmePair *pair)
{
    aio_post(pair->first->sq->n->home, quiesce_at_home, pair);
}

/* A pair that waits for another one ends; one that waits for writes sees by itself that it is
 * unwanted. */
static bool leave_pair(NvmePair *pair, uint16_t status)
{
    bool idle;

    qemu_mutex_lock(&pair->ns->lock);
    idle = !pair->active;
    pair->active = true; /* so that nobody else starts it */
    qemu_mutex_unlock(&pair->ns->lock);
    if (idle) {
        pair->first->waiting = pair->second->waiting = false;
        nvme_io_fail(pair->first, status); /* takes the second along */
    }
    return idle;
}

bool nvme_fused_leave(NvmeRequest *req, uint16_t status)
{
    if (req->pair) {
        return leave_pair(req->pair, status);
    }
    if (wait_no_more(req)) {
        req->waiting = false;
        nvme_io_fail(req, status);
    } else {
        req->aborted = true;
    }
    return true;
}

/* --- submission ------------------------------------------------------------------------------ */

static uint16_t check_pair(const NvmeRequest *first, const NvmeRequest *second)
{
    if (second->cmd.opcode != NVME_IO_WRITE || second->cmd.nsid != first->cmd.nsid ||
        nvme_slba(&second->cmd) != nvme_slba(&first->cmd) ||
        nvme_nlb(&second->cmd) != nvme_nlb(&first->cmd)) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    return NVME_SUCCESS;
}

/* Gates are passed once for both, as the write. */
static uint16_t open_gate(NvmeRequest *req)
{
    NvmeNamespace *ns = nvme_attached_ns(req->sq->n, req->cmd.nsid);
    uint32_t gate;

    if (!ns) {
        return (req->cmd.nsid - 1 < NVME_MAX_NAMESPACES ? NVME_INVALID_FIELD : NVME_INVALID_NSID) |
               NVME_DNR;
    }
    req->ns = ns;
    gate = __atomic_load_n(&req->sq->n->slots[req->cmd.nsid].gate, __ATOMIC_ACQUIRE);
    return gate & ~(uint32_t)(NVME_GATE_FUSED | NVME_GATE_RANGES) ? nvme_gate_refusal(req, gate)
                                                                  : NVME_SUCCESS;
}

static void submit_pair(NvmeRequest *first, NvmeRequest *second)
{
    NvmePair *pair = g_new0(NvmePair, 1);
    NvmeNamespace *ns = first->ns;

    *pair = (NvmePair){.ns = ns,
                       .first = first,
                       .second = second,
                       .slba = nvme_slba(&first->cmd),
                       .nlb = nvme_nlb(&first->cmd)};
    first->pair = second->pair = pair;
    first->waiting = second->waiting = true;
    first->status = second->status = NVME_STATUS_PAIR;
    qemu_mutex_lock(&ns->lock);
    pair->active = !overlapping(ns, pair, pair->slba, pair->nlb);
    pair->next = ns->pairs;
    ns->pairs = pair;
    nvme_gate_change(ns, NVME_GATE_FUSED, 0);
    qemu_mutex_unlock(&ns->lock);
    if (pair->active) {
        start_pair(pair);
    }
}

void nvme_fused_missing(NvmeSq *sq)
{
    NvmeRequest *first = g_steal_pointer(&sq->fused_first);

    nvme_io_fail(first, NVME_ABORT_MISSING_FUSED | NVME_DNR);
}

bool nvme_fused_fetched(NvmeRequest *req)
{
    NvmeSq *sq = req->sq;
    NvmeRequest *first = sq->fused_first;
    unsigned fuse = NVME_CMD_FUSE(req->cmd.flags);
    uint16_t status;

    if (first && fuse != 2) {
        nvme_fused_missing(sq);
        first = NULL;
    }
    switch (fuse) {
    case 0:
        return false;
    case 1:
        if (!sq->id || req->cmd.opcode != NVME_IO_COMPARE) {
            break;
        }
        sq->fused_first = req;
        return true;
    case 2:
        if (!first) {
            nvme_io_fail(req, NVME_ABORT_MISSING_FUSED | NVME_DNR);
            return true;
        }
        sq->fused_first = NULL;
        status = check_pair(first, req);
        if (!status && !(status = open_gate(first))) {
            status = open_gate(req);
        }
        if (status) {
            nvme_io_fail(first, status);
            nvme_io_fail(req, status);
        } else {
            submit_pair(first, req);
        }
        return true;
    }
    nvme_io_fail(req, NVME_INVALID_FIELD | NVME_DNR);
    return true;
}
