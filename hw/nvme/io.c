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

static void add(uint64_t *counter, uint64_t v)
{
    __atomic_fetch_add(counter, v, __ATOMIC_RELAXED);
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
    add(&n->stats.media_errors, 1);
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

static void submit(NvmeRequest *req)
{
    req->parked = false;
    blk_submit(req->sq->n->conf.blk, &req->blk, req->sq->ctx);
}

void nvme_io_resume(NvmeSq *sq)
{
    for (uint32_t i = 0; i < sq->size; i++) {
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
        add(&n->stats.writes, 1);
        add(&n->stats.blocks_written, bytes >> 9);
    } else {
        add(&n->stats.reads, 1);
        add(&n->stats.blocks_read, bytes >> 9);
    }
    req->blk = (BlkRequest){.op = write ? BLK_WRITE : BLK_READ,
                            .flags = write && (req->cmd.cdw12 & NVME_RW_FUA) ? BLK_REQ_FUA : 0,
                            .offset = offset,
                            .bytes = bytes,
                            .iov = req->data.iov,
                            .niov = req->data.niov,
                            .complete = rw_done};
    submit(req);
    return NVME_SUCCESS;
}

static uint16_t start_flush(NvmeRequest *req)
{
    req->blk = (BlkRequest){.op = BLK_FLUSH, .complete = rw_done};
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
    req->blk = (BlkRequest){.op = BLK_WRITE_ZEROES,
                            .flags = (req->cmd.cdw12 & NVME_RW_FUA ? BLK_REQ_FUA : 0) |
                                     (req->cmd.cdw12 & NVME_WZ_DEALLOCATE ? BLK_REQ_MAY_UNMAP : 0),
                            .offset = offset,
                            .bytes = bytes,
                            .complete = rw_done};
    submit(req);
    return NVME_SUCCESS;
}

/* --- compare and verify: read into a buffer of ours
 * ----------------------------------------------------- */

static void compare_done(BlkRequest *blk, int ret)
{
    NvmeRequest *req = container_of(blk, NvmeRequest, blk);
    const uint8_t *p = req->bounce + sizeof(struct iovec);

    if (!check_result(req, ret)) {
        return;
    }
    for (int i = 0; i < req->data.niov; i++) {
        if (memcmp(p, req->data.iov[i].iov_base, req->data.iov[i].iov_len)) {
            req->status = NVME_COMPARE_FAILURE | NVME_DNR;
            break;
        }
        p += req->data.iov[i].iov_len;
    }
    nvme_complete(req);
}

static void verify_done(BlkRequest *blk, int ret)
{
    NvmeRequest *req = container_of(blk, NvmeRequest, blk);

    if (check_result(req, ret)) {
        nvme_complete(req);
    }
}

static uint16_t start_read_back(NvmeRequest *req, bool compare)
{
    NvmeCtrl *n = req->sq->n;
    uint64_t offset, bytes, nlb = cmd_nlb(&req->cmd);
    uint16_t status = transfer_limit(n, nlb << n->lba_shift);
    struct iovec *iov;

    if (status) {
        return status;
    }
    if (!lba_range(n, cmd_slba(&req->cmd), nlb, &offset, &bytes)) {
        return NVME_LBA_OUT_OF_RANGE | NVME_DNR;
    }
    if (compare && (status = nvme_map_data(req, bytes, false))) {
        return status;
    }
    req->bounce = g_try_malloc(sizeof(*iov) + bytes);
    if (!req->bounce) {
        return NVME_INTERNAL_ERROR;
    }
    iov = (struct iovec *)req->bounce;
    *iov = (struct iovec){req->bounce + sizeof(*iov), bytes};
    req->blk = (BlkRequest){.op = BLK_READ,
                            .offset = offset,
                            .bytes = bytes,
                            .iov = iov,
                            .niov = 1,
                            .complete = compare ? compare_done : verify_done};
    submit(req);
    return NVME_SUCCESS;
}

/* --- dataset management: the ranges one after the other
 * ----------------------------------------------------- */

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
            req->blk = (BlkRequest){
                .op = BLK_DISCARD, .offset = offset, .bytes = bytes, .complete = dsm_done};
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

/* --- dispatch
 * --------------------------------------------------------------------------------------------------
 */

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
