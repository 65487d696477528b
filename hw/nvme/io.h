/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the I/O command set share.  All of it runs in the queue's context. */
#ifndef HW_NVME_IO_H
#define HW_NVME_IO_H

#include "nvme.h"

/* Memory for steps of one command: no more than this at a time. */
#define NVME_PIECE_MAX (128u * 1024)

static inline uint64_t nvme_slba(const NvmeCmd *cmd)
{
    return (uint64_t)cmd->cdw11 << 32 | cmd->cdw10;
}

static inline uint64_t nvme_nlb(const NvmeCmd *cmd)
{
    return (uint64_t)(cmd->cdw12 & 0xffff) + 1;
}

static inline bool nvme_in_range(const NvmeNamespace *ns, uint64_t slba, uint64_t nlb)
{
    uint64_t blocks = __atomic_load_n(&ns->blocks, __ATOMIC_RELAXED);

    return slba <= blocks && nlb <= blocks - slba;
}

static inline uint64_t nvme_offset(const NvmeNamespace *ns, uint64_t slba)
{
    return ns->base + (slba << ns->layout.lba_shift);
}

static inline uint16_t nvme_transfer_limit(const NvmeCtrl *n, uint64_t bytes)
{
    if (n->params.mdts && bytes > (uint64_t)NVME_PAGE_SIZE_MIN << n->params.mdts) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    return NVME_SUCCESS;
}

/* Sets up req->blk (iov: none). */
static inline void nvme_io_prepare(NvmeRequest *req, BlkOp op, unsigned flags, uint64_t offset,
                                   uint64_t bytes, void (*complete)(BlkRequest *blk, int ret))
{
    BlkRequest *blk = &req->blk;

    blk->op = op;
    blk->flags = flags;
    blk->offset = offset;
    blk->bytes = bytes;
    blk->iov = NULL;
    blk->niov = 0;
    blk->complete = complete;
}

static inline void nvme_io_fail(NvmeRequest *req, uint16_t status)
{
    req->status = status;
    nvme_complete(req);
}

/* What a queue's end has taken back is all that there is: behind it, no step begins (and the
 * request may be complete on return). */
static inline void nvme_io_submit(NvmeRequest *req)
{
    req->parked = false;
    if (unlikely(req->sq->deleting)) {
        nvme_io_fail(req, NVME_ABORT_SQ_DELETED);
        return;
    }
    blk_submit(req->ns->blk, &req->blk, req->sq->ctx);
}

/* True if the back end's part ended well; otherwise the request was completed, or parked until the
 * VM runs again. */
bool nvme_io_check(NvmeRequest *req, int ret);
/* The status of a command that was taken back. */
static inline uint16_t nvme_io_cancelled(const NvmeRequest *req)
{
    return req->sq->deleting ? NVME_ABORT_SQ_DELETED : NVME_ABORT_REQUESTED;
}

/* The commands.  Each starts its own, or returns why not. */
uint16_t nvme_io_rw(NvmeRequest *req, bool write);
uint16_t nvme_io_read_back(NvmeRequest *req, bool compare); /* Compare, Verify */
uint16_t nvme_io_dsm(NvmeRequest *req);
uint16_t nvme_io_copy(NvmeRequest *req);
uint16_t nvme_io_write_uncorrectable(NvmeRequest *req);
/* Read, Write, Write Zeroes where blocks have metadata; the latter's range was checked. */
uint16_t nvme_meta_rw(NvmeRequest *req, bool write);
uint16_t nvme_meta_write_zeroes(NvmeRequest *req);
/* A gate is closed: why the command must not go on, or NVME_SUCCESS. */
uint16_t nvme_gate_refusal(NvmeRequest *req, uint32_t gate);
/* Starts it if it may go on; it may have to wait first. */
uint16_t nvme_io_gate(NvmeRequest *req, uint32_t gate);
/* Blocks that are marked as unreadable. */
uint16_t nvme_gate_check_read(NvmeRequest *req, uint64_t slba, uint64_t nlb);
/* Does (or may) the command change blocks of that range? */
bool nvme_io_writes_to(const NvmeRequest *req, uint64_t slba, uint64_t nlb);
/* True: req waits for a fused pair, and is started again. */
bool nvme_fused_wait(NvmeRequest *req);
/* req waits for a pair, or with its own: it is to wait no longer.  True: it ends, now or soon. */
bool nvme_fused_leave(NvmeRequest *req, uint16_t status);
/* Calls a command's function by its opcode; the gates were passed. */
uint16_t nvme_io_start(NvmeRequest *req);

#endif
