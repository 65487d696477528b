/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Dataset Management (NVMe 1.4, section 6.7): its ranges, one after the other. */
#include "io.h"

static void dsm_next(NvmeRequest *req);

static void dsm_done(BlkRequest *blk, int ret)
{
    NvmeRequest *req = container_of(blk, NvmeRequest, blk);

    /* Deallocation is a hint: a back end that cannot do it is no error. */
    if (ret == -ENOTSUP || ret == -EINVAL || nvme_io_check(req, ret)) {
        req->step++;
        dsm_next(req);
    }
}

static void dsm_next(NvmeRequest *req)
{
    const NvmeDsmRange *ranges = (const NvmeDsmRange *)req->bounce;
    uint32_t count = (req->cmd.cdw10 & 0xff) + 1;

    for (; req->step < count; req->step++) {
        const NvmeDsmRange *r = &ranges[req->step];

        if (r->nlb && nvme_in_range(req->ns, r->slba, r->nlb)) {
            nvme_io_prepare(req, BLK_DISCARD, 0, nvme_offset(req->ns, r->slba),
                            (uint64_t)r->nlb << req->ns->layout.lba_shift, dsm_done);
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
    req->bounce = g_malloc0(count * sizeof(*ranges));
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
