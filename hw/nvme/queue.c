/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Queues and doorbells (NVMe 1.4, sections 3.1.24, 3.1.25 and 4.1).
 *
 * A queue's state is touched in its context only.  The home makes and ends queues: it builds one,
 * then installs it in its context by aio_call(), which is also the fence that orders it after every
 * doorbell write that the context has consumed.
 */
#include "nvme.h"

/* --- interrupts ------------------------------------------------------------------------------ */

static bool pin_level(NvmeCtrl *n)
{
    uint32_t masked = __atomic_load_n(&n->intms, __ATOMIC_SEQ_CST);

    for (unsigned v = 0; v < G_N_ELEMENTS(n->pin_users); v++) {
        if (!(masked & BIT(v)) && __atomic_load_n(&n->pin_users[v], __ATOMIC_SEQ_CST)) {
            return true;
        }
    }
    return false;
}

/* Queues assert and release the pin from several threads.  Whoever sets it last looks again, so the
 * level that stays is the one that belongs to what all of them wrote. */
void nvme_update_pin(NvmeCtrl *n)
{
    bool level;

    do {
        level = pin_level(n);
        pci_set_irq(PCI_DEVICE(n), level && !msix_enabled(PCI_DEVICE(n)));
    } while (pin_level(n) != level);
}

/* All entries are consumed: our share of the pin goes low (7.5.1). */
static void cq_interrupt_done(NvmeCq *cq)
{
    NvmeCtrl *n = cq->n;

    if (cq->irq_pin && cq->head == cq->tail) {
        cq->irq_pin = false;
        __atomic_fetch_sub(&n->pin_users[cq->vector & 31], 1, __ATOMIC_SEQ_CST);
        nvme_update_pin(n);
    }
}

static void cq_interrupt(NvmeCq *cq)
{
    NvmeCtrl *n = cq->n;

    if (!cq->irq_enabled) {
        return;
    }
    if (msix_enabled(PCI_DEVICE(n))) {
        cq->interrupts++;
        msix_notify(PCI_DEVICE(n), cq->vector);
        return;
    }
    /* A host that polls may have seen them already. */
    if (cq->post) {
        nvme_cq_post_sync(cq);
    }
    if (cq->id && nvme_dbbuf_on(n)) {
        nvme_dbbuf_cq_head(cq, false);
    }
    if (cq->head == cq->tail) {
        return;
    }
    cq->interrupts++;
    if (!cq->irq_pin) {
        cq->irq_pin = true;
        __atomic_fetch_add(&n->pin_users[cq->vector & 31], 1, __ATOMIC_SEQ_CST);
        nvme_update_pin(n);
    }
    /* The pin goes low when the host says that it has seen the entries. */
    if (cq->post) {
        nvme_cq_post_listen(cq);
    }
    if (cq->id && nvme_dbbuf_on(n)) {
        nvme_dbbuf_cq_head(cq, true);
    }
    cq_interrupt_done(cq);
}

/* --- interrupt coalescing (7.5.1.1.1) -------------------------------------------------------- */

static void coalescing_over(void *opaque)
{
    NvmeCq *cq = opaque;

    if (cq->pending) {
        cq->pending = 0;
        cq_interrupt(cq);
    }
}

/* THR entries (0-based) or TIME (100 us), whichever comes first. */
static void coalesce(NvmeCq *cq, unsigned posted, uint32_t config)
{
    cq->pending += posted;
    if (cq->pending > (config & 0xff)) {
        cq->pending = 0;
        if (cq->timer) {
            aio_timer_del(cq->timer);
        }
        cq_interrupt(cq);
        return;
    }
    if (!cq->timer) {
        cq->timer = aio_timer_new(cq->ctx, QEMU_CLOCK_VIRTUAL, coalescing_over, cq);
    }
    if (!aio_timer_pending(cq->timer)) {
        aio_timer_mod(cq->timer, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) +
                                     (int64_t)(config >> 8) * 100 * SCALE_US);
    }
}

static void cq_raise(NvmeCq *cq, unsigned posted)
{
    uint32_t config = __atomic_load_n(&cq->n->feat_coalescing, __ATOMIC_RELAXED);

    if (unlikely(config >> 8) && cq->id && cq->irq_enabled &&
        !(__atomic_load_n(&cq->n->feat_vector[cq->vector], __ATOMIC_RELAXED) & BIT(16))) {
        coalesce(cq, posted, config);
    } else {
        cq_interrupt(cq);
    }
}

/* --- completions ----------------------------------------------------------------------------- */

static void request_release(NvmeRequest *req)
{
    NvmeSq *sq = req->sq;

    nvme_data_unmap(req, false);
    if (unlikely(req->bounce)) {
        nvme_bounce_free(req);
    }
    req->busy = false;
    req->next = sq->free;
    sq->free = req;
    sq->inflight--;
}

static bool cq_has_room(NvmeCq *cq)
{
    uint32_t next = cq->tail + 1 == cq->size ? 0 : cq->tail + 1;

    if (likely(next != cq->head)) {
        return true;
    }
    if (cq->post) {
        nvme_cq_post_sync(cq);
        if (next == cq->head) {
            nvme_cq_post_listen(cq);
        }
        if (next != cq->head) {
            return true;
        }
    }
    if (cq->id && nvme_dbbuf_on(cq->n)) {
        nvme_dbbuf_cq_head(cq, true);
        return next != cq->head;
    }
    return false;
}

/* Writes one entry; its phase bit last, so that the host sees either the old entry or the whole new
 * one. */
static bool cq_post(NvmeCq *cq, NvmeRequest *req)
{
    NvmeCtrl *n = cq->n;
    NvmeCqe cqe = req->cqe;
    uint64_t addr = cq->base + (uint64_t)cq->tail * sizeof(cqe);
    RamCache *cache;
    NvmeCqe *slot = nvme_ram(n, &cq->ram, addr, sizeof(cqe), true, &cache);

    cqe.sq_head = req->sq->head;
    cqe.sq_id = req->sq->id;
    cqe.cid = req->cmd.cid;
    cqe.status = req->status << 1 | cq->phase;
    if (likely(slot)) {
        uint64_t last;

        memcpy(&last, &cqe.sq_head, sizeof(last));
        memcpy(slot, &cqe, 8);
        __atomic_store_n((uint64_t *)slot + 1, last, __ATOMIC_RELEASE);
        ram_block_set_dirty(cache->block, slot, sizeof(*slot));
    } else if (!nvme_dma_write(n, addr, &cqe, sizeof(cqe))) {
        return false;
    }
    if (++cq->tail == cq->size) {
        cq->tail = 0;
        cq->phase ^= 1;
    }
    return true;
}

static void sq_ended(void *opaque);

#define LATENCY_SAMPLE \
    16 /* one command in so many batches: a clock costs more than a completion \
        */

static void sample(NvmeCq *cq, NvmeRequest *req)
{
    int64_t ns = qemu_clock_get_ns(QEMU_CLOCK_REALTIME) - req->blk.start_ns;

    req->sq->max_depth = MAX(req->sq->max_depth, req->sq->inflight);
    if (req->blk.start_ns && ns > 0) {
        cq->latency[MIN(63 - __builtin_clzll(ns), NVME_LATENCY_BUCKETS - 1)]++;
    }
}

/* Bottom half: posts what completed in this iteration and raises one interrupt for all of it. */
static void cq_post_bh(void *opaque)
{
    NvmeCq *cq = opaque;
    NvmeSq *starved = NULL;
    unsigned posted = 0;

    if (unlikely(cq->batches % LATENCY_SAMPLE == 0) && cq->done) {
        sample(cq, cq->done);
    }

    while (cq->done) {
        NvmeRequest *req = cq->done;
        NvmeSq *sq = req->sq;

        if (!sq->deleting || !__atomic_load_n(&cq->n->resetting, __ATOMIC_RELAXED)) {
            if (!cq_has_room(cq)) {
                break;
            }
            if (!cq_post(cq, req)) {
                TRACE(nvme, cqe_lost, "cqid %u: no memory there, or bus master is off", cq->id);
                nvme_fail(cq->n, "a completion queue entry could not be written");
            }
            posted++;
            TRACE(nvme, complete, "sqid %u cid %u status 0x%x", sq->id, req->cmd.cid, req->status);
        }
        cq->done = req->next;
        if (!cq->done) {
            cq->done_tail = &cq->done;
        }
        request_release(req);
        if (sq->deleting) {
            if (!sq->inflight) {
                aio_post(sq->n->home, sq_ended, sq);
            }
        } else if (sq->starved) {
            sq->starved = false;
            sq->starved_next = starved;
            starved = sq;
        }
    }
    if (posted) {
        cq->posted += posted;
        cq->batches++;
        cq_raise(cq, posted);
        aio_batch_done(cq->ctx, posted);
    }
    for (NvmeSq *sq = starved; sq; sq = sq->starved_next) {
        nvme_sq_process(sq); /* there may be commands that waited for a request to become free */
    }
}

void nvme_complete(NvmeRequest *req)
{
    NvmeCq *cq = req->sq->cq;
    bool special = req->status;

    if (unlikely(special)) {
        req->status &= ~NVME_STATUS_PAIR;
        if (req->status) {
            nvme_log_error(req);
        }
    }
    req->next = NULL;
    req->ns = NULL;
    *cq->done_tail = req;
    cq->done_tail = &req->next;
    aio_bh_schedule(cq->bh);
    if (unlikely(special) && req->pair) {
        nvme_fused_completed(req);
    }
}

/* --- submissions ----------------------------------------------------------------------------- */

static bool sq_fetch(NvmeSq *sq, NvmeCmd *cmd)
{
    uint64_t addr = sq->base + (uint64_t)sq->head * sizeof(*cmd);
    const void *ram = nvme_ram(sq->n, &sq->ram, addr, sizeof(*cmd), false, NULL);

    if (likely(ram)) {
        memcpy(cmd, ram, sizeof(*cmd)); /* once: the host may change it while we look */
        return true;
    }
    return nvme_dma_read(sq->n, addr, cmd, sizeof(*cmd));
}

static uint32_t sq_tail(NvmeSq *sq, bool arm)
{
    if (sq->id && nvme_dbbuf_on(sq->n)) {
        return nvme_dbbuf_sq_tail(sq, arm);
    }
    return __atomic_load_n(&sq->tail, __ATOMIC_ACQUIRE);
}

static void sq_start(NvmeSq *sq, NvmeRequest *req)
{
    req->busy = true;
    req->status = NVME_SUCCESS;
    req->cqe = (NvmeCqe){0};
    req->aborted = false;
    req->blk.start_ns = 0; /* says whether a back end worked on it */
    sq->inflight++;
    TRACE(nvme, command, "sqid %u cid %u opcode 0x%x nsid 0x%x", sq->id, req->cmd.cid,
          req->cmd.opcode, req->cmd.nsid);
    if (unlikely(NVME_CMD_FUSE(req->cmd.flags) || sq->fused_first) && nvme_fused_fetched(req)) {
        return;
    }
    if (unlikely(sq->aborts) && nvme_abort_fetched(req)) {
        return;
    }
    if (sq->id) {
        nvme_io_command(req);
    } else {
        nvme_admin_command(req);
    }
}

bool nvme_sq_waiting(NvmeSq *sq)
{
    return !sq->deleting && sq->head != sq_tail(sq, false);
}

uint32_t nvme_sq_fetch(NvmeSq *sq, uint32_t budget)
{
    uint32_t tail, count = 0;

    if (sq->processing || sq->deleting) {
        return 0;
    }
    sq->processing = true;
    sq->starved = false;
    tail = sq_tail(sq, false);
    while (sq->free && !sq->deleting && count < budget) {
        NvmeRequest *req = sq->free;

        if (sq->head == tail) {
            tail = sq_tail(sq, true);
            if (sq->head == tail) {
                break;
            }
        }
        if (!sq_fetch(sq, &req->cmd)) {
            nvme_fail(sq->n, "a submission queue entry could not be read");
            break;
        }
        sq->head = sq->head + 1 == sq->size ? 0 : sq->head + 1;
        sq->free = req->next;
        sq_start(sq, req);
        count++;
    }
    if (unlikely(sq->fused_first)) {
        nvme_fused_missing(sq); /* both parts come together (4.10) */
    }
    sq->starved = !sq->free;
    sq->processing = false;
    return count;
}

static void sq_process_bh(void *opaque)
{
    nvme_sq_process(opaque);
}

/* --- doorbells ------------------------------------------------------------------------------- */

static void sq_doorbell(NvmeDoorbell *db, uint32_t value)
{
    NvmeSq *sq = db->sq;

    if (!sq) {
        nvme_aer_event_post(db->n, NVME_AER_ERROR, NVME_AER_INVALID_DB_REGISTER);
        return;
    }
    if (value >= sq->size) {
        nvme_aer_event_post(db->n, NVME_AER_ERROR, NVME_AER_INVALID_DB_VALUE);
        return;
    }
    TRACE(nvme, doorbell_sq, "sqid %u tail %u", sq->id, value);
    nvme_count(&sq->doorbells, 1);
    __atomic_store_n(&sq->tail, value, __ATOMIC_RELEASE);
    nvme_dbbuf_note_mmio(db->n, sq->id, false, value);
    if (likely(aio_in_home(sq->ctx))) {
        nvme_sq_process(sq);
    } else {
        aio_bh_schedule(sq->bh);
    }
}

void nvme_cq_head_moved(NvmeCq *cq)
{
    cq_interrupt_done(cq);
    if (cq->done) {
        aio_bh_schedule(cq->bh); /* it may have been full */
    }
}

static uint32_t distance(const NvmeCq *cq, uint32_t from, uint32_t to)
{
    return to >= from ? to - from : to + cq->size - from;
}

bool nvme_cq_take_head(NvmeCq *cq, uint32_t head)
{
    if (head >= cq->size) {
        nvme_aer_event_post(cq->n, NVME_AER_ERROR, NVME_AER_INVALID_DB_VALUE);
        return false;
    }
    if (distance(cq, cq->head, head) > distance(cq, cq->head, cq->tail)) {
        return false;
    }
    TRACE(nvme, doorbell_cq, "cqid %u head %u", cq->id, head);
    __atomic_store_n(&cq->head, head, __ATOMIC_RELAXED);
    return true;
}

/* The register was written while shadow doorbells are on; false: its value does not count. */
static bool cq_register_counts(NvmeCq *cq, uint32_t value)
{
    if (!cq->id) {
        nvme_dbbuf_note_mmio(cq->n, 0, true, value);
        return true;
    }
    nvme_dbbuf_cq_head(cq, cq->irq_pin || cq->done);
    if (cq->shadowed && value >= cq->size) {
        nvme_aer_event_post(cq->n, NVME_AER_ERROR, NVME_AER_INVALID_DB_VALUE);
    }
    return !cq->shadowed;
}

static void cq_doorbell(NvmeDoorbell *db, uint32_t value)
{
    NvmeCq *cq = db->cq;

    if (!cq) {
        nvme_aer_event_post(db->n, NVME_AER_ERROR, NVME_AER_INVALID_DB_REGISTER);
        return;
    }
    if (likely(!nvme_dbbuf_on(db->n)) || cq_register_counts(cq, value)) {
        if (cq->post) {
            nvme_cq_post_sync(cq);
        }
        if (nvme_cq_take_head(cq, value) && cq->post) {
            nvme_cq_post_note(cq, value);
        }
    }
    nvme_cq_head_moved(cq);
}

static void nvme_doorbell_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    NvmeDoorbell *db = opaque;

    /* A host may write 16 or 32 bits; the upper half is reserved (3.1.24). */
    if (offset & 3 || unlikely(__atomic_load_n(&db->n->gone, __ATOMIC_ACQUIRE))) {
        return;
    }
    if (offset == 0) {
        sq_doorbell(db, data & 0xffff);
        if (size == 8) {
            cq_doorbell(db, data >> 32 & 0xffff);
        }
    } else {
        cq_doorbell(db, data & 0xffff);
    }
}

/* Doorbells are write-only; a read gives an undefined value, ours is 0, and needs nobody at home.
 */
static uint64_t nvme_doorbell_read(void *opaque, hwaddr offset, unsigned size)
{
    return 0;
}

static bool nvme_doorbell_read_direct(void *opaque, hwaddr offset, uint64_t *data, unsigned size)
{
    *data = 0;
    return true;
}

const MemoryRegionOps nvme_doorbell_ops = {
    .read = nvme_doorbell_read,
    .write = nvme_doorbell_write,
    .read_direct = nvme_doorbell_read_direct,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 2, .max_access_size = 8},
    .impl = {.min_access_size = 2, .max_access_size = 8},
};

/* --- life: the home, and its calls into queue contexts --------------------------------------- */

typedef struct QueueCall {
    NvmeDoorbell *db;
    NvmeSq *sq;
    NvmeCq *cq;
} QueueCall;

static void install_sq(void *opaque)
{
    QueueCall *c = opaque;

    c->db->sq = c->sq;
}

static void install_cq(void *opaque)
{
    QueueCall *c = opaque;

    c->db->cq = c->cq;
}

NvmeCq *nvme_cq_new(NvmeCtrl *n, uint16_t id, uint64_t base, uint32_t size, uint16_t vector,
                    bool irq)
{
    NvmeCq *cq = g_new0(NvmeCq, 1);
    QueueCall call = {.db = &n->db[id], .cq = cq};

    *cq = (NvmeCq){.n = n,
                   .ctx = nvme_queue_ctx(n, id),
                   .id = id,
                   .vector = vector,
                   .size = size,
                   .phase = 1,
                   .irq_enabled = irq,
                   .base = base};
    cq->done_tail = &cq->done;
    cq->bh = aio_bh_new(cq->ctx, cq_post_bh, cq);
    n->cq[id] = cq;
    if (irq) {
        msix_vector_use(PCI_DEVICE(n), vector);
    }
    if (id) {
        nvme_cq_post_attach(cq);
    }
    aio_call(cq->ctx, install_cq, &call);
    return cq;
}

/* Bounds what one queue's requests take; a ring may be longer than the number of commands that are
 * worked on at once. */
#define REQUEST_BYTES (64u * 1024 * 1024)

/* What a queue's requests point to, in three blocks; untouched pages of them cost nothing, and
 * requests are taken from the end that was used last. */
static NvmeRequest *requests_new(NvmeCtrl *n, NvmeSq *sq)
{
    size_t each =
        sizeof(NvmeRequest) + (size_t)n->max_iov * (sizeof(struct iovec) + sizeof(RAMBlock *));
    NvmeRequest *reqs;
    struct iovec *iov;
    RAMBlock **blocks;

    sq->nr_reqs = CLAMP(REQUEST_BYTES / each, 16, sq->size);
    sq->nr_reqs = MIN(sq->nr_reqs, sq->size);
    reqs = g_try_new0(NvmeRequest, sq->nr_reqs);
    iov = g_try_new0(struct iovec, (size_t)sq->nr_reqs * n->max_iov);
    blocks = g_try_new0(RAMBlock *, (size_t)sq->nr_reqs * n->max_iov);
    if (!reqs || !iov || !blocks) {
        g_free(reqs);
        g_free(iov);
        g_free(blocks);
        return NULL;
    }
    for (uint32_t i = sq->nr_reqs; i-- > 0;) {
        reqs[i].sq = sq;
        reqs[i].data.iov = iov + (size_t)i * n->max_iov;
        reqs[i].data.block = blocks + (size_t)i * n->max_iov;
        reqs[i].next = sq->free;
        sq->free = &reqs[i];
    }
    return reqs;
}

NvmeSq *nvme_sq_new(NvmeCtrl *n, uint16_t id, uint64_t base, uint32_t size, NvmeCq *cq,
                    unsigned priority)
{
    NvmeSq *sq = g_new0(NvmeSq, 1);
    QueueCall call = {.db = &n->db[id], .sq = sq};

    *sq = (NvmeSq){.n = n,
                   .cq = cq,
                   .ctx = cq->ctx,
                   .id = id,
                   .size = size,
                   .base = base};
    sq->priority = priority;
    sq->arbiter = id ? nvme_arbiter_of(n, cq->id) : NULL;
    sq->reqs = requests_new(n, sq);
    if (!sq->reqs) {
        g_free(sq);
        return NULL;
    }
    sq->bh = aio_bh_new(sq->ctx, sq_process_bh, sq);
    __atomic_fetch_add(&cq->sqs, 1, __ATOMIC_RELAXED);
    n->sq[id] = sq;
    /* The doorbell's context, which need not be the queue's. */
    aio_call(nvme_queue_ctx(n, id), install_sq, &call);
    if (id && nvme_dbbuf_on(n)) {
        aio_call(sq->ctx, nvme_dbbuf_sq_new, sq);
    }
    return sq;
}

static void cq_free_in_ctx(void *opaque)
{
    NvmeCq *cq = opaque;

    __atomic_store_n(&cq->head, cq->tail, __ATOMIC_RELAXED);
    cq_interrupt_done(cq);
    cq->n->db[cq->id].cq = NULL;
    nvme_cq_post_silence(cq);
    g_clear_pointer(&cq->timer, aio_timer_free);
    aio_bh_delete(cq->bh);
    nvme_ram_clear(&cq->ram);
}

void nvme_cq_delete(NvmeCq *cq)
{
    NvmeCtrl *n = cq->n;

    aio_call(cq->ctx, cq_free_in_ctx, cq);
    if (cq->irq_enabled) {
        msix_vector_unuse(PCI_DEVICE(n), cq->vector);
    }
    n->cq[cq->id] = NULL;
    g_free(cq);
}

static void sq_free_in_ctx(void *opaque)
{
    NvmeSq *sq = opaque;

    aio_bh_delete(sq->bh);
    nvme_ram_clear(&sq->ram);
}

static void add_stats(NvmeStats *sum, const NvmeStats *s)
{
    sum->blocks_read += __atomic_load_n(&s->blocks_read, __ATOMIC_RELAXED);
    sum->blocks_written += __atomic_load_n(&s->blocks_written, __ATOMIC_RELAXED);
    sum->reads += __atomic_load_n(&s->reads, __ATOMIC_RELAXED);
    sum->writes += __atomic_load_n(&s->writes, __ATOMIC_RELAXED);
    sum->media_errors += __atomic_load_n(&s->media_errors, __ATOMIC_RELAXED);
}

NvmeStats nvme_stats(NvmeCtrl *n)
{
    NvmeStats sum = n->stats;

    for (unsigned id = 1; id < n->num_db; id++) {
        if (n->sq[id]) {
            add_stats(&sum, &n->sq[id]->stats);
        }
    }
    return sum;
}

static void nothing(void *unused)
{
}

void nvme_fence_queues(NvmeCtrl *n)
{
    AioContext *last = NULL;

    for (unsigned id = 1; id < n->num_db; id++) {
        AioContext *ctx = nvme_queue_ctx(n, id);

        if (ctx != n->home && ctx != last && (n->sq[id] || n->cq[id])) {
            aio_call(ctx, nothing, NULL);
            last = ctx;
        }
    }
}

void nvme_queues_gone(NvmeCtrl *n)
{
    nvme_reset_finished(n);
    if (n->waiting) {
        qemu_event_set(n->waiting);
    }
}

static void finish_reset_if_done(NvmeCtrl *n)
{
    if (!n->resetting || n->draining || n->events_leaving) {
        return;
    }
    for (unsigned id = n->num_db; id-- > 0;) {
        if (n->cq[id]) {
            nvme_cq_delete(n->cq[id]);
        }
    }
    if (!nvme_doorbell_events_leave(n)) {
        nvme_queues_gone(n);
    }
}

/* Home: the queue's last command has ended. */
static void sq_ended(void *opaque)
{
    NvmeSq *sq = opaque;
    NvmeCtrl *n = sq->n;
    NvmeRequest *req = sq->delete_req;

    aio_call(sq->ctx, sq_free_in_ctx, sq);
    add_stats(&n->stats, &sq->stats);
    __atomic_fetch_sub(&sq->cq->sqs, 1, __ATOMIC_RELAXED);
    g_free(sq->reqs[0].data.iov);
    g_free(sq->reqs[0].data.block);
    g_free(sq->reqs);
    n->sq[sq->id] = NULL;
    g_free(sq);
    n->draining--;
    if (req) {
        nvme_complete(req); /* during a reset it just ends, unseen */
    }
    finish_reset_if_done(n);
}

static void remove_doorbell(void *opaque)
{
    QueueCall *c = opaque;

    c->db->sq = NULL;
}

static void sq_stop_in_ctx(void *opaque)
{
    NvmeSq *sq = opaque;

    __atomic_store_n(&sq->deleting, true, __ATOMIC_RELAXED);
    nvme_dbbuf_sq_end(sq);
    nvme_arbiter_remove(sq);
    if (__atomic_load_n(&sq->n->resetting, __ATOMIC_RELAXED) && sq->cq->done) {
        aio_bh_schedule(sq->cq->bh); /* a full completion queue must not hold them */
    }
    /* What can be taken back ends now, not when a medium answers that may never do; and the next
     * step of what goes on is not submitted any more. */
    for (uint32_t i = 0; i < sq->nr_reqs; i++) {
        NvmeRequest *req = &sq->reqs[i];

        if (req->busy && req->home_blk) {
            blk_cancel(req->home_blk);
        } else if (req->busy && req->ns) {
            nvme_take_back(req, NVME_ABORT_SQ_DELETED);
        }
    }
    if (!sq->inflight) {
        aio_post(sq->n->home, sq_ended, sq);
    }
}

void nvme_sq_delete(NvmeSq *sq, NvmeRequest *req)
{
    NvmeCtrl *n = sq->n;
    QueueCall call = {.db = &n->db[sq->id]};

    n->draining++;
    sq->delete_req = req;
    aio_call(nvme_queue_ctx(n, sq->id), remove_doorbell, &call);
    aio_call(sq->ctx, sq_stop_in_ctx, sq);
}

void nvme_delete_all_queues(NvmeCtrl *n)
{
    for (unsigned id = n->num_db; id-- > 0;) {
        if (n->sq[id] && !n->sq[id]->deleting) {
            nvme_sq_delete(n->sq[id], NULL);
        }
    }
    finish_reset_if_done(n);
}
