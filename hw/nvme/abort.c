/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Abort (NVMe 1.4, section 5.1).  An event request, a command that the error policy keeps, one that
 * waits for a fused pair, and one that still lies in the ring end at once, or as soon as they are
 * fetched.  One that goes step by step ends before its next step.  What the back end works on ends
 * at once if the back end gives it back, and runs to its end otherwise.
 */
#include "io.h"

typedef struct AbortCall {
    NvmeSq *sq;
    uint16_t cid;
    bool aborted;
} AbortCall;

/* In the ring, not fetched: remembered, if there is room. */
static bool abort_in_ring(NvmeSq *sq, uint16_t cid)
{
    uint32_t tail = __atomic_load_n(&sq->tail, __ATOMIC_ACQUIRE);

    if (sq->aborts == NVME_ABORT_LIMIT) {
        return false;
    }
    for (uint32_t i = sq->head; i != tail; i = i + 1 == sq->size ? 0 : i + 1) {
        NvmeCmd cmd;

        if (!nvme_dma_read(sq->n, sq->base + (uint64_t)i * sizeof(cmd), &cmd, sizeof(cmd))) {
            return false;
        }
        if (cmd.cid == cid) {
            sq->abort_cid[sq->aborts++] = cid;
            return true;
        }
    }
    return false;
}

bool nvme_take_back(NvmeRequest *req, uint16_t status)
{
    if (req->parked) {
        req->parked = false;
        nvme_io_fail(req, status);
        return true;
    }
    return req->waiting ? nvme_fused_leave(req, status) : blk_cancel(&req->blk);
}

static void abort_in_ctx(void *opaque)
{
    AbortCall *c = opaque;

    for (uint32_t i = 0; i < c->sq->nr_reqs; i++) {
        NvmeRequest *req = &c->sq->reqs[i];

        if (!req->busy || !req->ns || req->cmd.cid != c->cid) {
            continue;
        }
        if (!req->pair || req->parked) { /* a pair that works is not torn apart */
            req->aborted |= (bool)req->bounce;
            c->aborted = nvme_take_back(req, NVME_ABORT_REQUESTED);
        }
        return;
    }
    c->aborted = abort_in_ring(c->sq, c->cid);
}

bool nvme_abort_fetched(NvmeRequest *req)
{
    NvmeSq *sq = req->sq;

    for (unsigned i = 0; i < sq->aborts; i++) {
        if (sq->abort_cid[i] == req->cmd.cid) {
            sq->abort_cid[i] = sq->abort_cid[--sq->aborts];
            req->status = NVME_ABORT_REQUESTED;
            nvme_complete(req);
            return true;
        }
    }
    return false;
}

uint16_t nvme_abort(NvmeRequest *req)
{
    NvmeCtrl *n = req->sq->n;
    uint16_t sqid = req->cmd.cdw10 & 0xffff, cid = req->cmd.cdw10 >> 16;
    AbortCall c = {.cid = cid};

    if (sqid >= n->num_db || !n->sq[sqid]) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    if (sqid == 0) {
        c.aborted = nvme_aer_abort(n, cid);
    } else {
        c.sq = n->sq[sqid];
        aio_call(c.sq->ctx, abort_in_ctx, &c);
    }
    TRACE(nvme, abort, "sqid %u cid %u aborted %d", sqid, cid, c.aborted);
    req->cqe.result = !c.aborted;
    return NVME_SUCCESS;
}
