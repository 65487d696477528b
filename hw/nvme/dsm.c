/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Dataset Management (NVMe 1.4, section 6.7): its ranges, one after the other. */
#include "io.h"

static void dsm_next(NvmeRequest *req);

static void dsm_done(BlkRequest *blk, int ret)
{
    NvmeRequest *req = container_of(blk, NvmeRequest, blk);
    const NvmeDsmRange *r = (const NvmeDsmRange *)req->bounce + req->step;

    /* Deallocation is a hint: a back end that cannot do it is no error. */
    if ((ret == -ENOTSUP || ret == -EINVAL) && blk->op == BLK_DISCARD && !req->aborted) {
        ret = 0;
    }
    if (nvme_io_check(req, ret)) {
        nvme_gate_deallocated(req->ns, r->slba, r->nlb);
        req->step++;
        dsm_next(req);
    }
}

/* Metadata must go along with its blocks: both become zeroes, which count as never written. */
static void dsm_metadata(BlkRequest *blk, int ret)
{
    NvmeRequest *req = container_of(blk, NvmeRequest, blk);
    const NvmeDsmRange *r = (const NvmeDsmRange *)req->bounce + req->step;
    const NvmeLayout *l = &req->ns->layout;

    if (nvme_io_check(req, ret)) {
        nvme_io_prepare(req, BLK_WRITE_ZEROES, BLK_REQ_MAY_UNMAP, l->meta_base + r->slba * l->ms,
                        (uint64_t)r->nlb * l->ms, dsm_done);
        nvme_io_submit(req);
    }
}

static void dsm_next(NvmeRequest *req)
{
    const NvmeDsmRange *ranges = (const NvmeDsmRange *)req->bounce;
    uint32_t count = (req->cmd.cdw10 & 0xff) + 1;

    for (; req->step < count; req->step++) {
        const NvmeDsmRange *r = &ranges[req->step];

        if (r->nlb && nvme_in_range(req->ns, r->slba, r->nlb)) {
            const NvmeLayout *l = &req->ns->layout;

            nvme_io_prepare(req, l->ms ? BLK_WRITE_ZEROES : BLK_DISCARD,
                            l->ms ? BLK_REQ_MAY_UNMAP : 0, nvme_offset(req->ns, r->slba),
                            (uint64_t)r->nlb << l->lba_shift, l->ms ? dsm_metadata : dsm_done);
            nvme_io_submit(req);
            return;
        }
    }
    nvme_complete(req);
}

uint16_t nvme_io_dsm(NvmeRequest *req)
{
    uint32_t count = (req->cmd.cdw10 & 0xff) + 1;
    const NvmeDsmRange *ranges;
    uint16_t status;

    if (!(req->cmd.cdw11 & NVME_DSM_DEALLOCATE)) {
        nvme_complete(req); /* the other attributes are hints that need no action */
        return NVME_SUCCESS;
    }
    status = nvme_bounce_alloc(req, count * sizeof(*ranges));
    if (status) {
        return status;
    }
    status = nvme_copy_from_host(req, req->bounce, count * sizeof(*ranges));
    if (status) {
        return status;
    }
    ranges = (const NvmeDsmRange *)req->bounce;
    for (uint32_t i = 0; i < count; i++) {
        if (!nvme_in_range(req->ns, ranges[i].slba, ranges[i].nlb)) {
            return NVME_LBA_OUT_OF_RANGE | NVME_DNR;
        }
    }
    if (blk_is_read_only(req->ns->blk)) {
        return NVME_NAMESPACE_WRITE_PROTECTED | NVME_DNR;
    }
    req->step = 0;
    dsm_next(req);
    return NVME_SUCCESS;
}
