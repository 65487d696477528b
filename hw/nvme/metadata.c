/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Read, Write, Write Zeroes and deallocation on namespaces whose blocks have metadata (NVMe 1.4,
 * sections 8.2 and 8.3).  In the queue's context.
 */
#include "job.h"

static void write_piece(NvmeRequest *req);

static void count(NvmeRequest *req, bool write, uint64_t bytes)
{
    NvmeStats *s = &req->sq->stats;

    nvme_count(write ? &s->writes : &s->reads, 1);
    nvme_count(write ? &s->blocks_written : &s->blocks_read, bytes >> 9);
}

/* --- read ------------------------------------------------------------------------------------ */

static void piece_was_read(NvmeRequest *req)
{
    const NvmeLayout *l = &req->ns->layout;
    NvmeJob *job = nvme_job(req);
    bool hidden = nvme_pi_hidden(l, &job->pi);
    uint16_t status = NVME_SUCCESS;

    if (l->pi_type) {
        status = nvme_pi_check(l, &job->pi, job->data, job->meta, job->nlb);
        nvme_pi_mark_unwritten(l, job->data, job->meta, job->nlb);
    }
    if (!status) {
        status = nvme_job_to_host(req, !hidden);
    }
    if (status) {
        nvme_io_fail(req, status);
    } else if (nvme_job_next(req)) {
        nvme_job_read(req, piece_was_read);
    } else {
        nvme_data_unmap(req, true);
        nvme_complete(req);
    }
}

/* --- write ----------------------------------------------------------------------------------- */

static void piece_was_written(NvmeRequest *req)
{
    if (nvme_job_next(req)) {
        write_piece(req);
    } else {
        nvme_complete(req);
    }
}

static void write_piece(NvmeRequest *req)
{
    const NvmeLayout *l = &req->ns->layout;
    NvmeJob *job = nvme_job(req);
    bool hidden = nvme_pi_hidden(l, &job->pi);
    uint16_t status = nvme_job_from_host(req, !hidden);

    if (!status && l->pi_type) {
        if (job->pi.prinfo & NVME_PRINFO_PRACT) {
            nvme_pi_generate(l, &job->pi, job->data, job->meta, job->nlb);
        } else {
            status = nvme_pi_check(l, &job->pi, job->data, job->meta, job->nlb);
        }
    }
    if (status) {
        nvme_io_fail(req, status);
        return;
    }
    nvme_job_write(req, req->cmd.cdw12 & NVME_RW_FUA ? BLK_REQ_FUA : 0, piece_was_written);
}

uint16_t nvme_meta_rw(NvmeRequest *req, bool write)
{
    NvmeNamespace *ns = req->ns;
    const NvmeLayout *l = &ns->layout;
    uint64_t slba = nvme_slba(&req->cmd), nlb = nvme_nlb(&req->cmd);
    NvmePi pi = nvme_pi_of_command(&req->cmd);
    bool hidden = nvme_pi_hidden(l, &pi);
    uint64_t bytes = nlb << l->lba_shift;
    uint16_t status =
        nvme_transfer_limit(req->sq->n, bytes + (l->extended && !hidden ? nlb * l->ms : 0));

    if (status) {
        return status;
    }
    if (!nvme_in_range(ns, slba, nlb)) {
        return NVME_LBA_OUT_OF_RANGE | NVME_DNR;
    }
    if (write && blk_is_read_only(ns->blk)) {
        return NVME_NAMESPACE_WRITE_PROTECTED | NVME_DNR;
    }
    status = nvme_pi_valid(l, &pi, slba);
    if (!status) {
        status = nvme_job_new(req, slba, nlb, 0);
    }
    if (!status) {
        nvme_job(req)->pi = pi;
        status = nvme_job_map(req, nlb, !hidden, !write);
    }
    if (status) {
        return status;
    }
    count(req, write, bytes);
    if (write) {
        write_piece(req);
    } else {
        nvme_job_read(req, piece_was_read);
    }
    return NVME_SUCCESS;
}

/* --- zeroes: blocks and metadata that read as never written ---------------------------------- */

static void zeroes_done(BlkRequest *blk, int ret)
{
    NvmeRequest *req = container_of(blk, NvmeRequest, blk);

    if (nvme_io_check(req, ret)) {
        nvme_complete(req);
    }
}

static void zero_metadata(BlkRequest *blk, int ret)
{
    NvmeRequest *req = container_of(blk, NvmeRequest, blk);
    const NvmeLayout *l = &req->ns->layout;

    if (nvme_io_check(req, ret)) {
        nvme_io_prepare(req, BLK_WRITE_ZEROES, req->blk.flags,
                        l->meta_base + nvme_slba(&req->cmd) * l->ms, nvme_nlb(&req->cmd) * l->ms,
                        zeroes_done);
        nvme_io_submit(req);
    }
}

/* With PRACT the host wants information that fits: such zeroes are written as data. */
static void zero_piece_written(NvmeRequest *req);

static void write_zero_piece(NvmeRequest *req)
{
    const NvmeLayout *l = &req->ns->layout;
    NvmeJob *job = nvme_job(req);

    memset(job->data, 0, (size_t)job->nlb << l->lba_shift);
    memset(job->meta, 0, (size_t)job->nlb * l->ms);
    nvme_pi_generate(l, &job->pi, job->data, job->meta, job->nlb);
    nvme_job_write(req, req->cmd.cdw12 & NVME_RW_FUA ? BLK_REQ_FUA : 0, zero_piece_written);
}

static void zero_piece_written(NvmeRequest *req)
{
    if (nvme_job_next(req)) {
        write_zero_piece(req);
    } else {
        nvme_complete(req);
    }
}

uint16_t nvme_meta_write_zeroes(NvmeRequest *req)
{
    NvmeNamespace *ns = req->ns;
    uint64_t slba = nvme_slba(&req->cmd), nlb = nvme_nlb(&req->cmd);
    NvmePi pi = nvme_pi_of_command(&req->cmd);
    uint16_t status = nvme_pi_valid(&ns->layout, &pi, slba);

    if (status) {
        return status;
    }
    if (ns->layout.pi_type && (pi.prinfo & NVME_PRINFO_PRACT) &&
        !(req->cmd.cdw12 & NVME_WZ_DEALLOCATE)) {
        status = nvme_job_new(req, slba, nlb, 0);
        if (!status) {
            nvme_job(req)->pi = pi;
            write_zero_piece(req);
        }
        return status;
    }
    nvme_io_prepare(req, BLK_WRITE_ZEROES,
                    (req->cmd.cdw12 & NVME_RW_FUA ? BLK_REQ_FUA : 0) | BLK_REQ_MAY_UNMAP,
                    nvme_offset(ns, slba), nlb << ns->layout.lba_shift, zero_metadata);
    nvme_io_submit(req);
    return NVME_SUCCESS;
}
