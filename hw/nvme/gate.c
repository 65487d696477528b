/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands on a namespace on which something special goes on: it is formatted or sanitized, another
 * host has reserved it, a fused pair works, or some of its blocks are marked.  In the queue's
 * context.
 */
#include "io.h"

#include "ranges.h"
#include "sanitize.h"

enum { READS = 1, WRITES = 2, OTHER = 0 };

/* What a command does to the medium, as reservations see it (NVMe 1.4, figure 509). */
static unsigned class_of(uint8_t opcode)
{
    switch (opcode) {
    case NVME_IO_READ:
    case NVME_IO_COMPARE:
    case NVME_IO_VERIFY:
        return READS;
    case NVME_IO_WRITE:
    case NVME_IO_WRITE_ZEROES:
    case NVME_IO_WRITE_UNCORRECTABLE:
    case NVME_IO_DATASET_MANAGEMENT:
    case NVME_IO_FLUSH:
        return WRITES;
    case NVME_IO_COPY:
        return READS | WRITES;
    default:
        return OTHER;
    }
}

static bool has_range(uint8_t opcode)
{
    return class_of(opcode) && opcode != NVME_IO_FLUSH && opcode != NVME_IO_DATASET_MANAGEMENT &&
           opcode != NVME_IO_COPY;
}

/* Does a command that works now change blocks of that range?  (For Copy and Dataset Management: it
 * may.) */
bool nvme_io_writes_to(const NvmeRequest *req, uint64_t slba, uint64_t nlb)
{
    uint64_t at = nvme_slba(&req->cmd), len = nvme_nlb(&req->cmd);

    if (!(class_of(req->cmd.opcode) & WRITES) || req->cmd.opcode == NVME_IO_FLUSH) {
        return false;
    }
    return !has_range(req->cmd.opcode) || (at < slba + nlb && slba < at + len);
}

/* --- marked blocks --------------------------------------------------------------------------- */

/* With the namespace's lock. */
static void update_gate(NvmeNamespace *ns)
{
    bool any = (ns->uncorrectable && ns->uncorrectable->count) ||
               (ns->deallocated && ns->deallocated->count);

    nvme_gate_change(ns, any ? NVME_GATE_RANGES : 0, any ? 0 : NVME_GATE_RANGES);
}

uint16_t nvme_gate_check_read(NvmeRequest *req, uint64_t slba, uint64_t nlb)
{
    NvmeNamespace *ns = req->ns;
    NvmeCtrl *n = req->sq->n;
    QEMU_LOCK_GUARD(&ns->lock);

    if (ns->uncorrectable && nvme_ranges_overlap(ns->uncorrectable, slba, nlb)) {
        return NVME_UNRECOVERED_READ;
    }
    if (ns->deallocated && nvme_ranges_overlap(ns->deallocated, slba, nlb) &&
        __atomic_load_n(&n->slots[ns->nsid].dulbe, __ATOMIC_RELAXED)) {
        return NVME_DEALLOCATED_OR_UNWRITTEN;
    }
    return NVME_SUCCESS;
}

/* Blocks are written: whatever was said of them holds no longer. */
static void written(NvmeNamespace *ns, uint64_t slba, uint64_t nlb)
{
    QEMU_LOCK_GUARD(&ns->lock);

    if (ns->uncorrectable) {
        nvme_ranges_remove(ns->uncorrectable, slba, nlb);
    }
    if (ns->deallocated) {
        nvme_ranges_remove(ns->deallocated, slba, nlb);
    }
    update_gate(ns);
}

void nvme_gate_deallocated(NvmeNamespace *ns, uint64_t slba, uint64_t nlb)
{
    if (!__atomic_load_n(&ns->dulbe_users, __ATOMIC_RELAXED)) {
        return;
    }
    QEMU_LOCK_GUARD(&ns->lock);
    if (!ns->deallocated) {
        ns->deallocated = g_try_new0(NvmeRanges, 1);
    }
    /* When the set is full, such blocks read as zeroes or as they were: that is allowed as well. */
    if (ns->deallocated && nvme_ranges_add(ns->deallocated, slba, nlb)) {
        update_gate(ns);
    }
}

void nvme_gate_forget_marks(NvmeNamespace *ns)
{
    QEMU_LOCK_GUARD(&ns->lock);

    g_clear_pointer(&ns->uncorrectable, g_free);
    g_clear_pointer(&ns->deallocated, g_free);
    update_gate(ns);
}

/* Write Uncorrectable (6.18): the marks are ours, the medium stays as it is. */
uint16_t nvme_io_write_uncorrectable(NvmeRequest *req)
{
    NvmeNamespace *ns = req->ns;
    uint64_t slba = nvme_slba(&req->cmd), nlb = nvme_nlb(&req->cmd);
    bool added;

    if (!nvme_in_range(ns, slba, nlb)) {
        return NVME_LBA_OUT_OF_RANGE | NVME_DNR;
    }
    if (blk_is_read_only(ns->blk)) {
        return NVME_NAMESPACE_WRITE_PROTECTED | NVME_DNR;
    }
    qemu_mutex_lock(&ns->lock);
    if (!ns->uncorrectable) {
        ns->uncorrectable = g_try_new0(NvmeRanges, 1);
    }
    added = ns->uncorrectable && nvme_ranges_add(ns->uncorrectable, slba, nlb);
    if (added) {
        update_gate(ns);
    }
    qemu_mutex_unlock(&ns->lock);
    if (!added) {
        return NVME_INTERNAL_ERROR; /* too many places */
    }
    nvme_complete(req);
    return NVME_SUCCESS;
}

static void dsm_written(NvmeRequest *req)
{
    const NvmeDsmRange *r = (const NvmeDsmRange *)req->bounce;

    for (uint32_t i = 0; r && i < (req->cmd.cdw10 & 0xff) + 1; i++) {
        written(req->ns, r[i].slba, r[i].nlb);
    }
}

/* Starts a command where blocks are marked. */
static uint16_t start_marked(NvmeRequest *req)
{
    NvmeNamespace *ns = req->ns;
    uint8_t opcode = req->cmd.opcode;
    uint64_t slba = nvme_slba(&req->cmd), nlb = nvme_nlb(&req->cmd);
    uint16_t status;

    if (class_of(opcode) == READS && nvme_in_range(ns, slba, nlb)) {
        status = nvme_gate_check_read(req, slba, nlb);
        if (status) {
            return status;
        }
    }
    status = nvme_io_start(req);
    /* It may have ended at once, but has not left: that is for the end of this iteration. */
    if (!status && req->status == NVME_SUCCESS) {
        if (opcode == NVME_IO_WRITE || opcode == NVME_IO_WRITE_ZEROES) {
            written(ns, slba, nlb);
        } else if (opcode == NVME_IO_COPY) {
            written(ns, slba, req->step);
        } else if (opcode == NVME_IO_DATASET_MANAGEMENT && req->ns) {
            dsm_written(req);
        }
        if (opcode == NVME_IO_WRITE_ZEROES && (req->cmd.cdw12 & NVME_WZ_DEALLOCATE)) {
            nvme_gate_deallocated(ns, slba, nlb);
        }
    }
    return status;
}

/* --- all gates ------------------------------------------------------------------------------- */

uint16_t nvme_gate_refusal(NvmeRequest *req, uint32_t gate)
{
    unsigned class = class_of(req->cmd.opcode);

    if (gate & NVME_GATE_DELETED) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    if (gate & NVME_GATE_FORMAT) {
        return NVME_FORMAT_IN_PROGRESS;
    }
    if (gate & NVME_GATE_SANITIZE) {
        uint16_t status = nvme_sanitize_refusal(req->ns->subsys);

        if (status) {
            return status;
        }
    }
    if ((gate & NVME_GATE_NO_READ && class & READS) ||
        (gate & NVME_GATE_NO_WRITE && class & WRITES)) {
        return NVME_RESERVATION_CONFLICT | NVME_DNR;
    }
    if (gate & NVME_GATE_WRITE_PROTECT && class & WRITES && req->cmd.opcode != NVME_IO_FLUSH) {
        return NVME_NAMESPACE_WRITE_PROTECTED | NVME_DNR;
    }
    return NVME_SUCCESS;
}

uint16_t nvme_io_gate(NvmeRequest *req, uint32_t gate)
{
    uint16_t status = nvme_gate_refusal(req, gate);

    if (status) {
        return status;
    }
    if (gate & NVME_GATE_FUSED && nvme_fused_wait(req)) {
        return NVME_SUCCESS;
    }
    return gate & NVME_GATE_RANGES ? start_marked(req) : nvme_io_start(req);
}
