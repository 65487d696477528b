/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The NVM command set (NVMe 1.4, section 6): reads, writes, flush and their relatives. In the
 * queue's context. */
#include "nvme.h"

/* A namespace's blocks as bytes; false if the range is not inside. */
static bool lba_range(NvmeCtrl *n, uint64_t slba, uint64_t nlb, uint64_t *offset, uint64_t *bytes)
{
    uint64_t blocks = __atomic_load_n(&n->ns_blocks, __ATOMIC_RELAXED);

    if (slba > blocks || nlb > blocks - slba) {
        return false;
    }
    *offset = slba << n->lba_shift;
    *bytes = nlb << n->lba_shift;
    return true;
}

static uint64_t cmd_slba(const NvmeCmd *cmd)
{
    return (uint64_t)cmd->cdw11 << 32 | cmd->cdw10;
}

static uint64_t cmd_nlb(const NvmeCmd *cmd)
{
    return (uint64_t)(cmd->cdw12 & 0xffff) + 1;
}

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
    case -ECANCELED:
        return NVME_ABORT_REQUESTED;
    default:
        switch (req->cmd.opcode) {
        case NVME_IO_READ:
        case NVME_IO_COMPARE:
        case NVME_IO_VERIFY:
            return NVME_UNRECOVERED_READ;
        default:
            return NVME_WRITE_FAULT;
        }
    }
}

static bool is_read(const NvmeRequest *req)
{
    return req->blk.op == BLK_READ;
}

/* True if the request ended well; otherwise it was completed, or parked until the VM runs again. */
static bool check_result(NvmeRequest *req, int ret)
{
    NvmeCtrl *n = req->sq->n;

    if (likely(ret >= 0)) {
        return true;
    }
    nvme_count(&req->sq->stats.media_errors, 1);
    switch (blk_error_action(n->conf.blk, is_read(req), -ret)) {
    case BLOCK_ERROR_ACTION_IGNORE:
        return true;
    case BLOCK_ERROR_ACTION_STOP:
        if (!req->sq->deleting) {
            req->parked = true;
            return false;
        }
        break;
    case BLOCK_ERROR_ACTION_REPORT:
        break;
    }
    req->status = status_of(req, ret);
    nvme_complete(req);
    return false;
}

static void rw_done(BlkRequest *blk, int ret)
{
    NvmeRequest *req = container_of(blk, NvmeRequest, blk);

    if (check_result(req, ret)) {
        nvme_data_unmap(req, req->cmd.opcode == NVME_IO_READ);
        nvme_complete(req);
    }
}

/* The block layer sets the rest of the request. */
static void prepare(NvmeRequest *req, BlkOp op, unsigned flags, uint64_t offset, uint64_t bytes,
                    void (*complete)(BlkRequest *blk, int ret))
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

static void submit(NvmeRequest *req)
{
    req->parked = false;
    blk_submit(req->sq->n->conf.blk, &req->blk, req->sq->ctx);
}

void nvme_io_resume(NvmeSq *sq)
{
    for (uint32_t i = 0; i < sq->nr_reqs; i++) {
        if (sq->reqs[i].busy && sq->reqs[i].parked) {
            submit(&sq->reqs[i]);
        }
    }
    nvme_sq_process(sq);
}

static uint16_t transfer_limit(NvmeCtrl *n, uint64_t bytes)
{
    if (n->params.mdts && bytes > (uint64_t)NVME_PAGE_SIZE_MIN << n->params.mdts) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    return NVME_SUCCESS;
}

static uint16_t start_rw(NvmeRequest *req, bool write)
{
    NvmeCtrl *n = req->sq->n;
    uint64_t offset, bytes, nlb = cmd_nlb(&req->cmd);
    uint16_t status = transfer_limit(n, nlb << n->lba_shift);

    if (status) {
        return status;
    }
    if (!lba_range(n, cmd_slba(&req->cmd), nlb, &offset, &bytes)) {
        return NVME_LBA_OUT_OF_RANGE | NVME_DNR;
    }
    if (write && blk_is_read_only(n->conf.blk)) {
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
    prepare(req, write ? BLK_WRITE : BLK_READ,
            write && (req->cmd.cdw12 & NVME_RW_FUA) ? BLK_REQ_FUA : 0, offset, bytes, rw_done);
    req->blk.iov = req->data.iov;
    req->blk.niov = req->data.niov;
    submit(req);
    return NVME_SUCCESS;
}

static uint16_t start_flush(NvmeRequest *req)
{
    prepare(req, BLK_FLUSH, 0, 0, 0, rw_done);
    submit(req);
    return NVME_SUCCESS;
}

static uint16_t start_write_zeroes(NvmeRequest *req)
{
    NvmeCtrl *n = req->sq->n;
    uint64_t offset, bytes;

    if (!lba_range(n, cmd_slba(&req->cmd), cmd_nlb(&req->cmd), &offset, &bytes)) {
        return NVME_LBA_OUT_OF_RANGE | NVME_DNR;
    }
    if (blk_is_read_only(n->conf.blk)) {
        return NVME_NAMESPACE_WRITE_PROTECTED | NVME_DNR;
    }
    prepare(req, BLK_WRITE_ZEROES,
            (req->cmd.cdw12 & NVME_RW_FUA ? BLK_REQ_FUA : 0) |
                (req->cmd.cdw12 & NVME_WZ_DEALLOCATE ? BLK_REQ_MAY_UNMAP : 0),
            offset, bytes, rw_done);
    submit(req);
    return NVME_SUCCESS;
}

/* --- compare and verify: piece by piece, through a buffer of ours ----------------------------- */

#define PIECE_MAX (128u * 1024)

/* In req->bounce.  req->step counts the bytes that are done. */
typedef struct ReadBack {
    struct iovec iov;
    uint64_t offset, bytes; /* on the medium */
    int seg;                /* compare: where in the host's data */
    size_t seg_done;
    uint8_t buf[];
} ReadBack;

/* Compares len bytes with the host's next ones. */
static bool same_as_host(NvmeRequest *req, ReadBack *rb, size_t len)
{
    const uint8_t *p = rb->buf;

    while (len) {
        const struct iovec *v = &req->data.iov[rb->seg];
        size_t n = MIN(len, v->iov_len - rb->seg_done);

        if (memcmp(p, (const uint8_t *)v->iov_base + rb->seg_done, n)) {
            return false;
        }
        p += n;
        len -= n;
        rb->seg_done += n;
        if (rb->seg_done == v->iov_len) {
            rb->seg++;
            rb->seg_done = 0;
        }
    }
    return true;
}

static void read_back_next(NvmeRequest *req);

static void read_back_done(BlkRequest *blk, int ret)
{
    NvmeRequest *req = container_of(blk, NvmeRequest, blk);
    ReadBack *rb = (ReadBack *)req->bounce;

    if (!check_result(req, ret)) {
        return;
    }
    if (req->cmd.opcode == NVME_IO_COMPARE && !same_as_host(req, rb, rb->iov.iov_len)) {
        req->status = NVME_COMPARE_FAILURE | NVME_DNR;
        nvme_complete(req);
        return;
    }
    req->step += rb->iov.iov_len;
    if (req->step < rb->bytes) {
        read_back_next(req);
    } else {
        nvme_complete(req);
    }
}

static void read_back_next(NvmeRequest *req)
{
    ReadBack *rb = (ReadBack *)req->bounce;

    rb->iov = (struct iovec){rb->buf, MIN(rb->bytes - req->step, PIECE_MAX)};
    prepare(req, BLK_READ, 0, rb->offset + req->step, rb->iov.iov_len, read_back_done);
    req->blk.iov = &rb->iov;
    req->blk.niov = 1;
    submit(req);
}

static uint16_t start_read_back(NvmeRequest *req, bool compare)
{
    NvmeCtrl *n = req->sq->n;
    uint64_t offset, bytes, nlb = cmd_nlb(&req->cmd);
    uint16_t status = transfer_limit(n, nlb << n->lba_shift);
    ReadBack *rb;

    if (status) {
        return status;
    }
    if (!lba_range(n, cmd_slba(&req->cmd), nlb, &offset, &bytes)) {
        return NVME_LBA_OUT_OF_RANGE | NVME_DNR;
    }
    if (compare && (status = nvme_map_data(req, bytes, false))) {
        return status;
    }
    req->bounce = g_try_malloc(sizeof(*rb) + MIN(bytes, PIECE_MAX));
    if (!req->bounce) {
        return NVME_INTERNAL_ERROR;
    }
    rb = (ReadBack *)req->bounce;
    *rb = (ReadBack){.offset = offset, .bytes = bytes};
    req->step = 0;
    read_back_next(req);
    return NVME_SUCCESS;
}

/* --- dataset management: the ranges one after the other -------------------------------------- */

static void dsm_next(NvmeRequest *req);

static void dsm_done(BlkRequest *blk, int ret)
{
    NvmeRequest *req = container_of(blk, NvmeRequest, blk);

    /* Deallocation is a hint: a back end that cannot do it is no error. */
    if (ret == -ENOTSUP || ret == -EINVAL || check_result(req, ret)) {
        req->step++;
        dsm_next(req);
    }
}

static void dsm_next(NvmeRequest *req)
{
    NvmeCtrl *n = req->sq->n;
    const NvmeDsmRange *ranges = (const NvmeDsmRange *)req->bounce;
    uint32_t count = (req->cmd.cdw10 & 0xff) + 1;

    for (; req->step < count; req->step++) {
        uint64_t offset, bytes;

        if (lba_range(n, ranges[req->step].slba, ranges[req->step].nlb, &offset, &bytes) && bytes) {
            prepare(req, BLK_DISCARD, 0, offset, bytes, dsm_done);
            submit(req);
            return;
        }
    }
    nvme_complete(req);
}

static uint16_t start_dsm(NvmeRequest *req)
{
    NvmeCtrl *n = req->sq->n;
    uint32_t count = (req->cmd.cdw10 & 0xff) + 1;
    const NvmeDsmRange *ranges;
    uint16_t status;

    if (!(req->cmd.cdw11 & NVME_DSM_DEALLOCATE)) {
        nvme_complete(req); /* the other attributes are hints that need no action */
        return NVME_SUCCESS;
    }
    req->bounce = g_malloc0(count * sizeof(*ranges));
    status = nvme_copy_from_host(req, req->bounce, count * sizeof(*ranges));
    if (status) {
        return status;
    }
    ranges = (const NvmeDsmRange *)req->bounce;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t offset, bytes;

        if (!lba_range(n, ranges[i].slba, ranges[i].nlb, &offset, &bytes)) {
            return NVME_LBA_OUT_OF_RANGE | NVME_DNR;
        }
    }
    if (blk_is_read_only(n->conf.blk)) {
        return NVME_NAMESPACE_WRITE_PROTECTED | NVME_DNR;
    }
    req->step = 0;
    dsm_next(req);
    return NVME_SUCCESS;
}

/* --- dispatch -------------------------------------------------------------------------------- */

static uint16_t start(NvmeRequest *req)
{
    NvmeCtrl *n = req->sq->n;
    uint32_t nsid = req->cmd.nsid;
    bool all = nsid == NVME_NSID_ALL && req->cmd.opcode == NVME_IO_FLUSH;

    if (nsid != 1 && !all) {
        return NVME_INVALID_NSID | NVME_DNR;
    }
    if (!n->conf.blk) {
        return NVME_INVALID_FIELD | NVME_DNR; /* the namespace exists, but is not active */
    }
    switch (req->cmd.opcode) {
    case NVME_IO_FLUSH:
        return start_flush(req);
    case NVME_IO_WRITE:
        return start_rw(req, true);
    case NVME_IO_READ:
        return start_rw(req, false);
    case NVME_IO_COMPARE:
        return start_read_back(req, true);
    case NVME_IO_VERIFY:
        return start_read_back(req, false);
    case NVME_IO_WRITE_ZEROES:
        return start_write_zeroes(req);
    case NVME_IO_DATASET_MANAGEMENT:
        return start_dsm(req);
    default:
        return NVME_INVALID_OPCODE | NVME_DNR;
    }
}

void nvme_io_command(NvmeRequest *req)
{
    uint16_t status = start(req);

    if (status) {
        req->status = status;
        nvme_complete(req);
    }
}
