/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shadow doorbells (NVMe 1.4, 5.7 and annex B): the host writes tails and heads to a page of its
 * own memory, and the register only when the value passes the event index that we asked for.
 *
 * The order that must not be lost: write the event index, full barrier, read the doorbell again.
 * The host does the mirror image (doorbell, barrier, event index), so one of the two always sees
 * the other.
 */
#include "nvme.h"

static uint64_t slot(uint64_t page, uint16_t qid, bool is_cq)
{
    return page + (2 * (uint64_t)qid + is_cq) * 4;
}

/* One 32-bit word in guest memory; false where there is no RAM. */
static bool load32(NvmeCtrl *n, NvmeRam *ram, uint64_t addr, uint32_t *value)
{
    uint32_t *p = nvme_ram(n, ram, addr, 4, false, NULL);

    if (!p) {
        return false;
    }
    *value = __atomic_load_n(p, __ATOMIC_SEQ_CST);
    return true;
}

/* A full barrier too: no later load passes it. (An exchange, as the thread sanitizer knows no
 * fences.) */
static void store32(NvmeCtrl *n, NvmeRam *ram, uint64_t addr, uint32_t value)
{
    RamCache *cache;
    uint32_t *p = nvme_ram(n, ram, addr, 4, true, &cache);

    if (p) {
        __atomic_exchange_n(p, value, __ATOMIC_SEQ_CST);
        ram_block_set_dirty(cache->block, p, 4);
    }
}

uint32_t nvme_dbbuf_sq_tail(NvmeSq *sq, bool arm)
{
    NvmeCtrl *n = sq->n;
    uint64_t dbs = __atomic_load_n(&n->dbbuf_dbs, __ATOMIC_ACQUIRE);
    uint64_t eis = __atomic_load_n(&n->dbbuf_eis, __ATOMIC_ACQUIRE);
    uint32_t tail;

    if (arm) {
        store32(n, &sq->ram, slot(eis, sq->id, false), sq->head);
    }
    if (!load32(n, &sq->ram, slot(dbs, sq->id, false), &tail)) {
        return sq->head;
    }
    tail &= 0xffff;
    if (tail >= sq->size) {
        nvme_aer_event_post(n, NVME_AER_ERROR, NVME_AER_INVALID_DB_VALUE);
        return sq->head;
    }
    __atomic_store_n(&sq->tail, tail, __ATOMIC_RELEASE);
    return tail;
}

void nvme_dbbuf_cq_head(NvmeCq *cq, bool arm)
{
    NvmeCtrl *n = cq->n;
    uint64_t dbs = __atomic_load_n(&n->dbbuf_dbs, __ATOMIC_ACQUIRE);
    uint64_t eis = __atomic_load_n(&n->dbbuf_eis, __ATOMIC_ACQUIRE);
    uint32_t head;

    /* The event index must be the head that we know, so each newer one is announced again.  A host
     * that moves on all the time rings anyway. */
    for (unsigned i = 0; i < 4; i++) {
        if (arm) {
            store32(n, &cq->ram, slot(eis, cq->id, true), cq->head);
        }
        if (!load32(n, &cq->ram, slot(dbs, cq->id, true), &head) || (head & 0xffff) >= cq->size ||
            (head & 0xffff) == cq->head) {
            break;
        }
        __atomic_store_n(&cq->head, head & 0xffff, __ATOMIC_RELAXED);
        if (!arm) {
            break;
        }
    }
}

/* Annex B.5: hosts do not shadow the admin queue's doorbells; the controller keeps that copy
 * current.  The others: a host that writes the register directly has written the page before. */
void nvme_dbbuf_note_mmio(NvmeCtrl *n, uint16_t qid, bool is_cq, uint32_t value)
{
    uint64_t dbs = __atomic_load_n(&n->dbbuf_dbs, __ATOMIC_ACQUIRE);

    if (unlikely(dbs && qid == 0)) {
        nvme_dma_write(n, slot(dbs, qid, is_cq), &value, sizeof(value));
    }
}

/* --- ioeventfd on the doorbells of I/O submission queues ------------------------------------- */

/* Nobody reads the counter: each signal is an event of its own, and one too many finds nothing to
 * do. */
static void notifier_ready(void *opaque)
{
    nvme_sq_process(opaque);
}

static void listen_in_ctx(void *opaque)
{
    NvmeSq *sq = opaque;

    sq->notifier_on = true;
    aio_set_event_notifier(sq->ctx, &sq->notifier, notifier_ready, sq);
    nvme_sq_process(sq);
}

static void unlisten_in_ctx(void *opaque)
{
    NvmeSq *sq = opaque;

    if (sq->notifier_on) {
        sq->notifier_on = false;
        aio_set_event_notifier(sq->ctx, &sq->notifier, NULL, NULL);
    }
}

/* The memory map belongs to the main loop: eventfds come and go there, in order, some time after
 * the home asked. */
typedef struct EventfdCall {
    NvmeCtrl *n;
    uint16_t qid;
    int fd; /* a duplicate */
    bool add;
} EventfdCall;

static void eventfd_in_main(void *opaque)
{
    EventfdCall *c = opaque;
    MemoryRegionIoeventfd e = {.offset = 0, .size = 4, .fd = c->fd};

    if (c->add) {
        memory_region_add_eventfd(&c->n->db[c->qid].mr, &e);
    } else {
        memory_region_del_eventfd(&c->n->db[c->qid].mr, &e);
        close(c->fd);
    }
    object_unref(c->n);
    g_free(c);
}

static void eventfd_post(NvmeCtrl *n, uint16_t qid, int fd, bool add)
{
    EventfdCall *c = g_new(EventfdCall, 1);

    *c = (EventfdCall){(NvmeCtrl *)object_ref(n), qid, fd, add};
    aio_post(aio_get_main(), eventfd_in_main, c);
}

void nvme_dbbuf_attach(NvmeSq *sq)
{
    if (!sq->n->params.ioeventfd || sq->notifier.fd >= 0 ||
        !event_notifier_init(&sq->notifier, false, NULL)) {
        return; /* without one the doorbell reaches us as any other write does */
    }
    aio_call(sq->ctx, listen_in_ctx, sq);
    eventfd_post(sq->n, sq->id, sq->notifier.fd, true);
}

void nvme_dbbuf_detach(NvmeSq *sq)
{
    if (sq->notifier.fd < 0) {
        return;
    }
    /* Closed by the main loop, after the region let go of it: the order is deregister, silence,
     * free. */
    aio_call(sq->ctx, unlisten_in_ctx, sq);
    eventfd_post(sq->n, sq->id, sq->notifier.fd, false);
    sq->notifier.fd = -1;
}

void nvme_dbbuf_config(NvmeCtrl *n, NvmeRequest *req)
{
    uint64_t dbs = req->cmd.dptr.prp1, eis = req->cmd.dptr.prp2;

    if (!dbs || !eis || dbs & (n->page_size - 1) || eis & (n->page_size - 1) ||
        NVME_CMD_PSDT(req->cmd.flags)) {
        req->status = NVME_INVALID_FIELD | NVME_DNR;
        return;
    }
    /* What was rung so far becomes the content of the page: an older driver does not clear it after
     * a reset. */
    for (unsigned id = 0; id < n->num_db; id++) {
        if (n->sq[id] && id) {
            uint32_t tail = __atomic_load_n(&n->sq[id]->tail, __ATOMIC_ACQUIRE);

            nvme_dma_write(n, slot(dbs, id, false), &tail, sizeof(tail));
            nvme_dma_write(n, slot(eis, id, false), &tail, sizeof(tail));
        }
        if (n->cq[id] && id) {
            uint32_t head = __atomic_load_n(&n->cq[id]->head, __ATOMIC_RELAXED);

            nvme_dma_write(n, slot(dbs, id, true), &head, sizeof(head));
            nvme_dma_write(n, slot(eis, id, true), &head, sizeof(head));
        }
    }
    __atomic_store_n(&n->dbbuf_eis, eis, __ATOMIC_RELEASE);
    __atomic_store_n(&n->dbbuf_dbs, dbs, __ATOMIC_RELEASE);
    for (unsigned id = 1; id < n->num_db; id++) {
        if (n->sq[id] && !n->sq[id]->deleting) {
            nvme_dbbuf_attach(n->sq[id]);
        }
    }
}

void nvme_dbbuf_off(NvmeCtrl *n)
{
    __atomic_store_n(&n->dbbuf_dbs, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&n->dbbuf_eis, 0, __ATOMIC_RELEASE);
}
