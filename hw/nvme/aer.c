/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asynchronous events (NVMe 1.4, section 5.2). At home. */
#include "nvme.h"

static void complete_one(NvmeCtrl *n, uint8_t type, uint8_t info, uint8_t log_page)
{
    NvmeRequest *req = n->aer_reqs[--n->aer_outstanding];

    req->cqe.result = type | (uint32_t)info << 8 | (uint32_t)log_page << 16;
    n->aer_masked |= BIT(type);
    nvme_complete(req);
}

/* Hands queued events of types that are not masked to outstanding requests, oldest first. */
static void deliver(NvmeCtrl *n)
{
    for (unsigned i = 0; i < n->aer_queued && n->aer_outstanding;) {
        uint8_t type = n->aer_queue[i].type;

        if (n->aer_masked & BIT(type)) {
            i++;
            continue;
        }
        complete_one(n, type, n->aer_queue[i].info, n->aer_queue[i].log_page);
        n->aer_queued--;
        memmove(&n->aer_queue[i], &n->aer_queue[i + 1],
                (n->aer_queued - i) * sizeof(n->aer_queue[0]));
    }
}

void nvme_aer_request(NvmeRequest *req)
{
    NvmeCtrl *n = req->sq->n;

    if (n->aer_outstanding > n->params.aerl || n->aer_outstanding == NVME_MAX_AERS) {
        req->status = NVME_AER_LIMIT_EXCEEDED | NVME_DNR;
        nvme_complete(req);
        return;
    }
    n->aer_reqs[n->aer_outstanding++] = req;
    deliver(n);
}

void nvme_aer_event(NvmeCtrl *n, uint8_t type, uint8_t info, uint8_t log_page)
{
    TRACE(nvme, async_event, "type %u info %u log %u", type, info, log_page);
    if (!(n->csts & NVME_CSTS_RDY) ||
        n->aer_queued == MIN(n->params.aer_max_queued, G_N_ELEMENTS(n->aer_queue))) {
        return;
    }
    for (unsigned i = 0; i < n->aer_queued; i++) {
        if (n->aer_queue[i].type == type && n->aer_queue[i].info == info) {
            return; /* one of a kind waits already */
        }
    }
    n->aer_queue[n->aer_queued].type = type;
    n->aer_queue[n->aer_queued].info = info;
    n->aer_queue[n->aer_queued].log_page = log_page;
    n->aer_queued++;
    deliver(n);
}

/* A host can cause these as fast as it can write: a bit for each kind, and nothing is allocated. */
void nvme_aer_event_post(NvmeCtrl *n, uint8_t type, uint8_t info)
{
    __atomic_fetch_or(&n->event_bits, BIT_ULL(type * 8 + info), __ATOMIC_RELEASE);
    aio_bh_schedule(n->event_bh);
}

void nvme_aer_ns_changed(NvmeCtrl *n, uint32_t nsid)
{
    __atomic_fetch_or(&n->changed_ns[nsid / 32], BIT(nsid % 32), __ATOMIC_RELEASE);
    nvme_aer_event_post(n, NVME_AER_NOTICE, NVME_AER_NOTICE_NS_CHANGED);
}

void nvme_aer_posted(void *opaque)
{
    static const uint8_t log_page[] = {
        [NVME_AER_ERROR] = NVME_LOG_ERROR,
        [NVME_AER_SMART] = NVME_LOG_SMART,
        [NVME_AER_NOTICE] = NVME_LOG_CHANGED_NS,
        [NVME_AER_IO_COMMAND] = NVME_LOG_RESERVATION,
    };
    NvmeCtrl *n = opaque;
    uint64_t bits = __atomic_exchange_n(&n->event_bits, 0, __ATOMIC_ACQUIRE);

    for (; bits; bits &= bits - 1) {
        unsigned bit = (unsigned)__builtin_ctzll(bits);
        uint8_t page = log_page[bit / 8];

        if (bit == NVME_AER_NOTICE * 8 + NVME_AER_NOTICE_NS_CHANGED &&
            !(n->feat_async_event & NVME_OAES_NS_CHANGED)) {
            continue; /* the host did not ask for these (5.21.1.11) */
        }
        if (bit == NVME_AER_IO_COMMAND * 8 + NVME_AER_SANITIZE_DONE) {
            page = NVME_LOG_SANITIZE;
        }
        nvme_aer_event(n, bit / 8, bit % 8, page);
    }
}

void nvme_aer_rearm(NvmeCtrl *n, uint8_t log_page)
{
    switch (log_page) {
    case NVME_LOG_ERROR:
        n->aer_masked &= ~BIT(NVME_AER_ERROR);
        break;
    case NVME_LOG_SMART:
        n->aer_masked &= ~BIT(NVME_AER_SMART);
        break;
    case NVME_LOG_RESERVATION:
    case NVME_LOG_SANITIZE:
        n->aer_masked &= ~BIT(NVME_AER_IO_COMMAND);
        break;
    case NVME_LOG_CHANGED_NS:
        n->aer_masked &= ~BIT(NVME_AER_NOTICE);
        break;
    }
    deliver(n);
}

bool nvme_aer_abort(NvmeCtrl *n, uint16_t cid)
{
    for (unsigned i = 0; i < n->aer_outstanding; i++) {
        NvmeRequest *req = n->aer_reqs[i];

        if (req->cmd.cid == cid) {
            n->aer_outstanding--;
            memmove(&n->aer_reqs[i], &n->aer_reqs[i + 1], (n->aer_outstanding - i) * sizeof(req));
            req->status = NVME_ABORT_REQUESTED;
            nvme_complete(req);
            return true;
        }
    }
    return false;
}

void nvme_aer_clear(NvmeCtrl *n)
{
    while (n->aer_outstanding) {
        NvmeRequest *req = n->aer_reqs[--n->aer_outstanding];

        req->status = NVME_ABORT_SQ_DELETED;
        nvme_complete(req);
    }
    n->aer_queued = 0;
    n->aer_masked = 0;
}
