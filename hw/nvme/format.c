/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Format NVM (NVMe 1.4, section 5.23).  At home: the gates of the namespaces are closed, what is in
 * flight ends, the layout changes, the blocks are erased, and the gates open again.
 */
#include "nvme.h"

#include "selftest.h"

/* What goes to the back end at a time. */
#define STEP_BYTES (UINT64_C(256) * 1024 * 1024)

typedef struct Format {
    NvmeRequest *req;
    NvmeNamespace *list[NVME_MAX_NAMESPACES];
    unsigned count, at;
    uint64_t offset, end; /* on the back end */
    BlkRequest blk;
    uint16_t status;
} Format;

static void erase_next(Format *f);

static unsigned secure_erase(const NvmeCmd *cmd)
{
    return cmd->cdw10 >> 9 & 7;
}

static void finished(Format *f)
{
    NvmeCtrl *n = f->req->sq->n;

    for (unsigned i = 0; i < f->count; i++) {
        nvme_gate_change(f->list[i], 0, NVME_GATE_FORMAT);
        __atomic_store_n(&f->list[i]->percent_left, 0, __ATOMIC_RELAXED);
        nvme_ns_changed_but(f->list[i], n);
    }
    f->req->status = f->status;
    TRACE(nvme, format_done, "namespaces %u status 0x%x", f->count, f->status);
    nvme_complete(f->req);
    g_free(f);
}

static void saved(void *opaque, bool ok)
{
    Format *f = opaque;

    if (!ok && !f->status) {
        f->status = NVME_INTERNAL_ERROR;
    }
    finished(f);
}

static void end(Format *f, uint16_t status)
{
    f->status = status;
    nvme_state_save(f->req->sq->n, saved, f);
}

/* The controller is reset, or a namespace goes: whoever waits must not wait for all of an image,
 * nor for what others have begun on a medium that does not answer.  Any thread. */
static bool unwanted(void *opaque)
{
    const Format *f = opaque;
    bool stop = __atomic_load_n(&f->req->sq->n->resetting, __ATOMIC_RELAXED);

    for (unsigned i = 0; i < f->count; i++) {
        stop |= __atomic_load_n(&f->list[i]->going, __ATOMIC_RELAXED);
    }
    return stop;
}

static void begin_erase(Format *f)
{
    NvmeNamespace *ns = f->list[f->at];
    const NvmeLayout *l = &ns->layout;

    f->offset = ns->base;
    f->end = l->meta_base + __atomic_load_n(&ns->blocks, __ATOMIC_RELAXED) * l->ms;
    erase_next(f);
}

static void step_done(BlkRequest *blk, int ret)
{
    Format *f = container_of(blk, Format, blk);

    f->req->home_blk = NULL;
    /* Without secure erase the old data may stay where a back end cannot deallocate. */
    if (ret == -ECANCELED) {
        end(f, NVME_ABORT_REQUESTED);
    } else if (ret < 0 && blk->op != BLK_DISCARD) {
        end(f, NVME_WRITE_FAULT);
    } else {
        f->offset += blk->bytes;
        erase_next(f);
    }
}

static void erase_next(Format *f)
{
    NvmeNamespace *ns = f->list[f->at];
    NvmeCtrl *n = f->req->sq->n;

    if (unwanted(f)) {
        end(f, NVME_ABORT_REQUESTED);
        return;
    }
    if (f->offset < f->end) {
        /* Metadata begins as zeroes in any case: with them a block counts as never written. */
        bool zero = secure_erase(&f->req->cmd) || ns->layout.ms;
        uint64_t len = MIN(f->end - f->offset, STEP_BYTES);

        __atomic_store_n(&ns->percent_left,
                         (uint8_t)((f->end - f->offset) * 100 / MAX(1, f->end - ns->base)),
                         __ATOMIC_RELAXED);
        f->blk = (BlkRequest){.op = zero ? BLK_WRITE_ZEROES : BLK_DISCARD,
                              .flags = zero ? BLK_REQ_MAY_UNMAP : 0,
                              .offset = f->offset,
                              .bytes = len,
                              .complete = step_done};
        f->req->home_blk = &f->blk;
        blk_submit(ns->blk, &f->blk, n->home);
        return;
    }
    if (++f->at < f->count) {
        begin_erase(f);
        return;
    }
    end(f, NVME_SUCCESS);
}

static void quiesced(void *opaque, bool quiet);

static void quiesce(Format *f)
{
    static const NvmeQuiesceOps ops = {.unwanted = unwanted, .done = quiesced};
    NvmeCtrl *n = f->req->sq->n;

    nvme_quiesce(n, n->subsys, f->list[f->at], &ops, f);
}

/* Quiet: no command works on that namespace any more. */
static void quiesced(void *opaque, bool quiet)
{
    Format *f = opaque;
    uint32_t dw10 = f->req->cmd.cdw10;

    if (!quiet || unwanted(f)) {
        f->status = NVME_ABORT_REQUESTED; /* nothing has changed */
        finished(f);
        return;
    }
    if (++f->at < f->count) {
        quiesce(f);
        return;
    }
    f->at = 0;
    for (unsigned i = 0; i < f->count; i++) {
        NvmeNamespace *ns = f->list[i];

        nvme_gate_forget_marks(ns);
        qemu_mutex_lock(&ns->subsys->lock);
        nvme_ns_set_format(ns, dw10 & 0xf, dw10 >> 4 & 1, dw10 >> 5 & 7, dw10 >> 8 & 1);
        nvme_ns_save_format(ns);
        qemu_mutex_unlock(&ns->subsys->lock);
    }
    begin_erase(f);
}

static uint16_t check(NvmeRequest *req, NvmeNamespace *ns)
{
    NvmeCtrl *n = req->sq->n;
    uint32_t dw10 = req->cmd.cdw10;
    unsigned format = dw10 & 0xf, pi = dw10 >> 5 & 7;
    uint32_t gate = __atomic_load_n(&n->slots[ns->nsid].gate, __ATOMIC_ACQUIRE);

    if (format >= ns->num_formats || dw10 >> 12 & 3 || pi > 3 ||
        (pi && ns->formats[format].ms < ns->layout.pi_size)) {
        return NVME_INVALID_FORMAT | NVME_DNR;
    }
    if (gate & NVME_GATE_FORMAT) {
        return NVME_FORMAT_IN_PROGRESS;
    }
    if (gate & (NVME_GATE_NO_READ | NVME_GATE_NO_WRITE)) {
        return NVME_RESERVATION_CONFLICT | NVME_DNR;
    }
    if (blk_is_read_only(ns->blk) || gate & NVME_GATE_WRITE_PROTECT) {
        return NVME_NAMESPACE_WRITE_PROTECTED | NVME_DNR;
    }
    return NVME_SUCCESS;
}

uint16_t nvme_format_nvm(NvmeRequest *req, bool *later)
{
    NvmeCtrl *n = req->sq->n;
    uint32_t nsid = req->cmd.nsid;
    g_autofree Format *f = g_new0(Format, 1);

    if (secure_erase(&req->cmd) > 2) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    if (nsid != NVME_NSID_ALL && nsid - 1 >= NVME_MAX_NAMESPACES) {
        return NVME_INVALID_NSID | NVME_DNR;
    }
    f->req = req;
    for (uint32_t id = 1; id <= NVME_MAX_NAMESPACES; id++) {
        NvmeNamespace *ns = nsid == NVME_NSID_ALL || nsid == id ? nvme_attached_ns(n, id) : NULL;
        uint16_t status = ns ? check(req, ns) : NVME_SUCCESS;

        if (status) {
            return status;
        }
        if (ns) {
            f->list[f->count++] = ns;
        }
    }
    if (!f->count) {
        return NVME_INVALID_FIELD | NVME_DNR; /* nothing attached */
    }
    TRACE(nvme, format, "nsid 0x%x dw10 0x%x", nsid, req->cmd.cdw10);
    nvme_self_test_stop(n, NVME_SELF_TEST_BY_FORMAT);
    for (unsigned i = 0; i < f->count; i++) {
        nvme_gate_change(f->list[i], NVME_GATE_FORMAT, 0);
        __atomic_store_n(&f->list[i]->percent_left, 100, __ATOMIC_RELAXED);
    }
    *later = true;
    quiesce(g_steal_pointer(&f));
    return NVME_SUCCESS;
}

static void take_back_at_home(void *opaque)
{
    NvmeCtrl *n = opaque;
    NvmeSq *sq = n->sq[0];

    for (uint32_t i = 0; sq && i < sq->nr_reqs; i++) {
        BlkRequest *blk = sq->reqs[i].busy ? sq->reqs[i].home_blk : NULL;

        if (blk && unwanted(container_of(blk, Format, blk))) {
            blk_cancel(blk);
        }
    }
}

void nvme_format_take_back(NvmeSubsystem *s)
{
    assert_main_loop();
    for (unsigned i = 0; i < NVME_MAX_CONTROLLERS; i++) {
        if (s->ctrls[i]) { /* they come and go in this thread */
            aio_call(s->ctrls[i]->home, take_back_at_home, s->ctrls[i]);
        }
    }
}
