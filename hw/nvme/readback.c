/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compare and Verify (NVMe 1.4, sections 6.6 and 6.15): piece by piece, through a buffer of ours.
 */
#include "job.h"

/* Everything but the protection information must be the same. */
static bool same(const NvmeLayout *l, const NvmeJob *job, const uint8_t *data, const uint8_t *meta,
                 bool with_meta)
{
    unsigned from = l->pi_type && l->pi_first ? l->pi_size : 0;
    unsigned to = l->pi_type && !l->pi_first ? l->ms - l->pi_size : l->ms;

    if (memcmp(job->data, data, (size_t)job->nlb << l->lba_shift)) {
        return false;
    }
    for (uint32_t i = 0; with_meta && i < job->nlb; i++) {
        size_t at = (size_t)i * l->ms;

        if (memcmp(job->meta + at + from, meta + at + from, to - from)) {
            return false;
        }
    }
    return true;
}

static uint16_t compare_piece(NvmeRequest *req)
{
    const NvmeLayout *l = &req->ns->layout;
    NvmeJob *job = nvme_job(req);
    bool with_meta = l->ms && !nvme_pi_hidden(l, &job->pi);
    uint8_t *data = job->data, *meta = job->meta;
    uint8_t *host = job->ranges;
    uint16_t status;
    bool ok;

    job->data = host;
    job->meta = host + ((size_t)job->max_piece << l->lba_shift);
    status = nvme_job_from_host(req, with_meta);
    ok = status || same(l, job, data, meta, with_meta);
    job->data = data;
    job->meta = meta;
    if (status) {
        return status;
    }
    return ok ? NVME_SUCCESS : NVME_COMPARE_FAILURE | NVME_DNR;
}

static void piece_was_read(NvmeRequest *req)
{
    const NvmeLayout *l = &req->ns->layout;
    NvmeJob *job = nvme_job(req);
    uint16_t status = NVME_SUCCESS;

    if (l->pi_type) {
        status = nvme_pi_check(l, &job->pi, job->data, job->meta, job->nlb);
    }
    if (!status && req->cmd.opcode == NVME_IO_COMPARE) {
        status = compare_piece(req);
    }
    if (status) {
        nvme_io_fail(req, status);
    } else if (nvme_job_next(req)) {
        nvme_job_read(req, piece_was_read);
    } else {
        nvme_complete(req);
    }
}

uint16_t nvme_io_read_back(NvmeRequest *req, bool compare)
{
    NvmeNamespace *ns = req->ns;
    const NvmeLayout *l = &ns->layout;
    uint64_t slba = nvme_slba(&req->cmd), nlb = nvme_nlb(&req->cmd);
    NvmePi pi = nvme_pi_of_command(&req->cmd);
    uint64_t piece = MIN(nlb, NVME_PIECE_MAX >> l->lba_shift);
    size_t host = compare ? (piece << l->lba_shift) + piece * l->ms : 0;
    /* Verify moves no data: only its own limit (none) holds. */
    uint16_t status = compare ? nvme_transfer_limit(req->sq->n, nlb << l->lba_shift) : 0;

    if (status) {
        return status;
    }
    if (!nvme_in_range(ns, slba, nlb)) {
        return NVME_LBA_OUT_OF_RANGE | NVME_DNR;
    }
    status = nvme_pi_valid(l, &pi, slba);
    if (!status) {
        status = nvme_job_new(req, slba, nlb, host);
    }
    if (!status && compare) {
        status = nvme_job_map(req, nlb, !nvme_pi_hidden(l, &pi), false);
    }
    if (status) {
        return status;
    }
    nvme_job(req)->pi = pi;
    nvme_job_read(req, piece_was_read);
    return NVME_SUCCESS;
}
