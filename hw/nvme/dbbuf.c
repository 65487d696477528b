/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shadow doorbells (NVMe 1.4, 5.7 and annex B): the host writes tails and heads to a page of its
 * own memory, and the register only when the value passes the event index that we asked for.
 *
 * The order that must not be lost: write the event index, full barrier, read the doorbell again.
 * The host does the mirror image (doorbell, barrier, event index), so one of the two always sees
 * the other.
 *
 * The page begins with what the registers had.  As long as the host has not changed a queue's slot
 * it does not use it yet (it has not seen the command's completion), and the register counts; from
 * then on only the slot does, which is never older than the register, and a write to the register
 * says no more than that there is something to see.  That is also when an eventfd may take these
 * writes, whose values it loses (doorbell-event.c).
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

/* Nobody reads the counter: each signal is an event of its own, and one too many finds nothing to
 * do. */
static void notifier_ready(void *opaque)
{
    nvme_sq_process(opaque);
}

static void listen(NvmeSq *sq)
{
    if (!sq->listening) {
        sq->listening = true;
        aio_set_event_notifier(sq->ctx, &sq->n->db[sq->id].sq_event.notifier, notifier_ready, sq);
    }
}

/* The host uses its slot. */
static void sq_shadowed(NvmeSq *sq)
{
    sq->shadowed = true;
    if (sq->n->params.ioeventfd && !sq->deleting &&
        nvme_doorbell_event_want(sq->n, &sq->n->db[sq->id].sq_event)) {
        listen(sq);
    } /* without one the doorbell reaches us as any other write does */
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
    if (unlikely(!sq->shadowed)) {
        if (tail == sq->shadow_base) {
            return __atomic_load_n(&sq->tail, __ATOMIC_ACQUIRE);
        }
        sq_shadowed(sq);
    }
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
        if (!load32(n, &cq->ram, slot(dbs, cq->id, true), &head)) {
            break;
        }
        head &= 0xffff;
        if (!cq->shadowed && head == cq->shadow_base) {
            break;
        }
        cq->shadowed = true;
        if (head == cq->head || !nvme_cq_take_head(cq, head) || !arm) {
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

/* --- queues come and go, the host begins ------------------------------------------------------ */

void nvme_dbbuf_sq_new(void *opaque)
{
    NvmeSq *sq = opaque;

    if (__atomic_load_n(&sq->n->db[sq->id].sq_event.wanted, __ATOMIC_RELAXED)) {
        listen(sq);
    }
}

void nvme_dbbuf_sq_end(NvmeSq *sq)
{
    if (sq->listening) {
        sq->listening = false;
        aio_set_event_notifier(sq->ctx, &sq->n->db[sq->id].sq_event.notifier, NULL, NULL);
    }
}

/* The newest tail or head is what the slot will begin with. */
static void sq_begin(void *opaque)
{
    NvmeSq *sq = opaque;

    sq->shadow_base = nvme_dbbuf_on(sq->n) ? nvme_dbbuf_sq_tail(sq, false)
                                           : __atomic_load_n(&sq->tail, __ATOMIC_ACQUIRE);
    sq->shadowed = false;
}

static void cq_begin(void *opaque)
{
    NvmeCq *cq = opaque;

    if (cq->post) {
        nvme_cq_post_sync(cq);
    }
    if (nvme_dbbuf_on(cq->n)) {
        nvme_dbbuf_cq_head(cq, false);
    }
    cq->shadow_base = cq->head;
    cq->shadowed = false;
    nvme_cq_head_moved(cq);
}

static void begin_slot(NvmeCtrl *n, uint64_t dbs, uint64_t eis, uint16_t id, bool is_cq,
                       uint32_t value)
{
    nvme_dma_write(n, slot(dbs, id, is_cq), &value, sizeof(value));
    nvme_dma_write(n, slot(eis, id, is_cq), &value, sizeof(value));
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
    for (unsigned id = 1; id < n->num_db; id++) {
        if (n->sq[id]) {
            aio_call(n->sq[id]->ctx, sq_begin, n->sq[id]);
            begin_slot(n, dbs, eis, id, false, n->sq[id]->shadow_base);
        }
        if (n->cq[id]) {
            aio_call(n->cq[id]->ctx, cq_begin, n->cq[id]);
            begin_slot(n, dbs, eis, id, true, n->cq[id]->shadow_base);
        }
    }
    __atomic_store_n(&n->dbbuf_eis, eis, __ATOMIC_RELEASE);
    __atomic_store_n(&n->dbbuf_dbs, dbs, __ATOMIC_RELEASE);
}

void nvme_dbbuf_off(NvmeCtrl *n)
{
    __atomic_store_n(&n->dbbuf_dbs, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&n->dbbuf_eis, 0, __ATOMIC_RELEASE);
}
