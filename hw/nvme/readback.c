/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compare and Verify (NVMe 1.4, sections 6.6 and 6.15): piece by piece, through a buffer of ours.
 */
#include "io.h"

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

    if (!nvme_io_check(req, ret)) {
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

    rb->iov = (struct iovec){rb->buf, MIN(rb->bytes - req->step, NVME_PIECE_MAX)};
    nvme_io_prepare(req, BLK_READ, 0, rb->offset + req->step, rb->iov.iov_len, read_back_done);
    req->blk.iov = &rb->iov;
    req->blk.niov = 1;
    nvme_io_submit(req);
}

uint16_t nvme_io_read_back(NvmeRequest *req, bool compare)
{
    NvmeCtrl *n = req->sq->n;
    NvmeNamespace *ns = req->ns;
    uint64_t slba = nvme_slba(&req->cmd), nlb = nvme_nlb(&req->cmd);
    uint64_t bytes = nlb << ns->layout.lba_shift;
    uint16_t status = nvme_transfer_limit(n, bytes);
    ReadBack *rb;

    if (status) {
        return status;
    }
    if (!nvme_in_range(ns, slba, nlb)) {
        return NVME_LBA_OUT_OF_RANGE | NVME_DNR;
    }
    if (compare && (status = nvme_map_data(req, bytes, false))) {
        return status;
    }
    req->bounce = g_try_malloc(sizeof(*rb) + MIN(bytes, NVME_PIECE_MAX));
    if (!req->bounce) {
        return NVME_INTERNAL_ERROR;
    }
    rb = (ReadBack *)req->bounce;
    *rb = (ReadBack){.offset = nvme_offset(ns, slba), .bytes = bytes};
    req->step = 0;
    read_back_next(req);
    return NVME_SUCCESS;
}
