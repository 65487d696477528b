/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The NVM command set (NVMe 1.4, section 6): dispatch, and reads, writes and flushes, whose path is
 * short.  Other commands have files of their own; a namespace on which something special goes on is
 * recognized by its gate.  In the queue's context.
 */
#include "io.h"

#include "reservation.h"

static uint16_t status_of(NvmeRequest *req, int ret)
{
    switch (ret) {
    case -EACCES:
    case -EPERM:
    case -EROFS:
        return NVME_NAMESPACE_WRITE_PROTECTED | NVME_DNR;
    case -ENOSPC:
        return NVME_CAPACITY_EXCEEDED;
    case -ENOMEM:
        return NVME_INTERNAL_ERROR;
    default:
        return req->blk.op == BLK_READ ? NVME_UNRECOVERED_READ : NVME_WRITE_FAULT;
    }
}

bool nvme_io_check(NvmeRequest *req, int ret)
{
    if (likely(ret >= 0) && likely(!req->aborted)) {
        return true;
    }
    if (ret >= 0 || ret == -ECANCELED) {
        nvme_io_fail(req, nvme_io_cancelled(req)); /* nothing is wrong with the medium */
        return false;
    }
    nvme_count(&req->sq->stats.media_errors, 1);
    switch (blk_error_action(req->ns->blk, req->blk.op == BLK_READ, -ret)) {
    case BLOCK_ERROR_ACTION_IGNORE:
        return true;
    case BLOCK_ERROR_ACTION_STOP:
        if (!req->sq->deleting && !req->aborted) {
            req->parked = true;
            return false;
        }
        break;
    case BLOCK_ERROR_ACTION_REPORT:
        break;
    }
    nvme_io_fail(req, status_of(req, ret));
    return false;
}

/* --- reads and writes ------------------------------------------------------------------------ */

static void rw_done(BlkRequest *blk, int ret)
{
    NvmeRequest *req = container_of(blk, NvmeRequest, blk);

    if (likely(ret >= 0) || nvme_io_check(req, ret)) {
        nvme_data_unmap(req, req->cmd.opcode == NVME_IO_READ);
        nvme_complete(req);
    }
}

uint16_t nvme_io_rw(NvmeRequest *req, bool write)
{
    NvmeCtrl *n = req->sq->n;
    NvmeNamespace *ns = req->ns;
    uint64_t slba = nvme_slba(&req->cmd), nlb = nvme_nlb(&req->cmd);
    uint64_t bytes = nlb << ns->layout.lba_shift;
    uint16_t status;

    if (unlikely(ns->layout.ms)) {
        return nvme_meta_rw(req, write);
    }
    status = nvme_transfer_limit(n, bytes);

    if (status) {
        return status;
    }
    if (!nvme_in_range(ns, slba, nlb)) {
        return NVME_LBA_OUT_OF_RANGE | NVME_DNR;
    }
    if (write && blk_is_read_only(ns->blk)) {
        return NVME_NAMESPACE_WRITE_PROTECTED | NVME_DNR;
    }
    status = nvme_map_data(req, bytes, !write);
    if (status) {
        return status;
    }
    if (write) {
        nvme_count(&req->sq->stats.writes, 1);
        nvme_count(&req->sq->stats.blocks_written, bytes >> 9);
    } else {
        nvme_count(&req->sq->stats.reads, 1);
        nvme_count(&req->sq->stats.blocks_read, bytes >> 9);
    }
    nvme_io_prepare(req, write ? BLK_WRITE : BLK_READ,
                    write && (req->cmd.cdw12 & NVME_RW_FUA) ? BLK_REQ_FUA : 0,
                    nvme_offset(ns, slba), bytes, rw_done);
    req->blk.iov = req->data.iov;
    req->blk.niov = req->data.niov;
    nvme_io_submit(req);
    return NVME_SUCCESS;
}

static uint16_t start_write_zeroes(NvmeRequest *req)
{
    NvmeNamespace *ns = req->ns;
    uint64_t slba = nvme_slba(&req->cmd), nlb = nvme_nlb(&req->cmd);

    if (!nvme_in_range(ns, slba, nlb)) {
        return NVME_LBA_OUT_OF_RANGE | NVME_DNR;
    }
    if (blk_is_read_only(ns->blk)) {
        return NVME_NAMESPACE_WRITE_PROTECTED | NVME_DNR;
    }
    if (req->cmd.cdw12 & NVME_WZ_DEALLOCATE) {
        nvme_gate_deallocated(ns, slba, nlb);
    }
    if (ns->layout.ms) {
        return nvme_meta_write_zeroes(req);
    }
    nvme_io_prepare(req, BLK_WRITE_ZEROES,
                    (req->cmd.cdw12 & NVME_RW_FUA ? BLK_REQ_FUA : 0) |
                        (req->cmd.cdw12 & NVME_WZ_DEALLOCATE ? BLK_REQ_MAY_UNMAP : 0),
                    nvme_offset(ns, slba), nlb << ns->layout.lba_shift, rw_done);
    nvme_io_submit(req);
    return NVME_SUCCESS;
}

/* --- flush ----------------------------------------------------------------------------------- */

static uint16_t start_flush(NvmeRequest *req)
{
    nvme_io_prepare(req, BLK_FLUSH, 0, 0, 0, rw_done);
    nvme_io_submit(req);
    return NVME_SUCCESS;
}

static void flush_next(NvmeRequest *req);

static void flush_one_done(BlkRequest *blk, int ret)
{
    NvmeRequest *req = container_of(blk, NvmeRequest, blk);

    if (nvme_io_check(req, ret)) {
        flush_next(req);
    }
}

/* All namespaces that are attached, one after the other; req->step is the last one's number. */
static void flush_next(NvmeRequest *req)
{
    while (req->step < NVME_MAX_NAMESPACES) {
        req->ns = nvme_attached_ns(req->sq->n, ++req->step);
        if (req->ns) {
            nvme_io_prepare(req, BLK_FLUSH, 0, 0, 0, flush_one_done);
            nvme_io_submit(req);
            return;
        }
    }
    nvme_complete(req);
}

/* --- forced unit access of what reads --------------------------------------------------------- */

static uint16_t start_command(NvmeRequest *req);

static void committed(BlkRequest *blk, int ret)
{
    NvmeRequest *req = container_of(blk, NvmeRequest, blk);

    if (nvme_io_check(req, ret)) {
        uint16_t status = start_command(req);

        if (status) {
            nvme_io_fail(req, status);
        }
    }
}

/* What such a command returns must be durable: first it commits what the write cache holds (1.4,
 * figures of Read, Compare and Verify, bit FUA). */
static bool commits_first(const NvmeRequest *req)
{
    return (req->cmd.cdw12 & NVME_RW_FUA) &&
           (req->cmd.opcode == NVME_IO_READ || req->cmd.opcode == NVME_IO_COMPARE ||
            req->cmd.opcode == NVME_IO_VERIFY);
}

/* --- dispatch -------------------------------------------------------------------------------- */

uint16_t nvme_io_start(NvmeRequest *req)
{
    if (unlikely(commits_first(req))) {
        nvme_io_prepare(req, BLK_FLUSH, 0, 0, 0, committed);
        nvme_io_submit(req);
        return NVME_SUCCESS;
    }
    return start_command(req);
}

static uint16_t start_command(NvmeRequest *req)
{
    switch (req->cmd.opcode) {
    case NVME_IO_FLUSH:
        return start_flush(req);
    case NVME_IO_WRITE:
        return nvme_io_rw(req, true);
    case NVME_IO_READ:
        return nvme_io_rw(req, false);
    case NVME_IO_COMPARE:
        return nvme_io_read_back(req, true);
    case NVME_IO_VERIFY:
        return nvme_io_read_back(req, false);
    case NVME_IO_WRITE_ZEROES:
        return start_write_zeroes(req);
    case NVME_IO_DATASET_MANAGEMENT:
        return nvme_io_dsm(req);
    case NVME_IO_COPY:
        return nvme_io_copy(req);
    case NVME_IO_WRITE_UNCORRECTABLE:
        return nvme_io_write_uncorrectable(req);
    case NVME_IO_RESERVATION_REGISTER:
    case NVME_IO_RESERVATION_REPORT:
    case NVME_IO_RESERVATION_ACQUIRE:
    case NVME_IO_RESERVATION_RELEASE:
        return nvme_resv_command(req);
    default:
        return NVME_INVALID_OPCODE | NVME_DNR;
    }
}

/* Not one namespace's number, or a namespace that is not attached. */
static uint16_t start_other(NvmeRequest *req)
{
    if (req->cmd.nsid == NVME_NSID_ALL && req->cmd.opcode == NVME_IO_FLUSH) {
        req->step = 0;
        flush_next(req);
        return NVME_SUCCESS;
    }
    if (req->ns && __atomic_load_n(&req->ns->going, __ATOMIC_RELAXED)) {
        return nvme_io_cancelled(req); /* it was there until the command had waited for a pair */
    }
    return (req->cmd.nsid - 1 < NVME_MAX_NAMESPACES ? NVME_INVALID_FIELD : NVME_INVALID_NSID) |
           NVME_DNR;
}

static uint16_t start(NvmeRequest *req)
{
    NvmeNamespace *ns = nvme_attached_ns(req->sq->n, req->cmd.nsid);
    uint32_t gate;

    if (unlikely(!ns)) {
        return start_other(req);
    }
    req->ns = ns;
    gate = __atomic_load_n(&req->sq->n->slots[req->cmd.nsid].gate, __ATOMIC_ACQUIRE);
    return likely(!gate) ? nvme_io_start(req) : nvme_io_gate(req, gate);
}

void nvme_io_command(NvmeRequest *req)
{
    uint16_t status = start(req);

    if (unlikely(status)) {
        nvme_io_fail(req, status);
    }
}

void nvme_io_resume(NvmeSq *sq)
{
    for (uint32_t i = 0; i < sq->nr_reqs; i++) {
        if (sq->reqs[i].busy && sq->reqs[i].parked) {
            nvme_io_submit(&sq->reqs[i]);
        }
    }
    nvme_sq_process(sq);
}
