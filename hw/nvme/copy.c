/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Copy (NVM command set 1.0, section 3.2.2): source ranges in format 0 (16-bit guard) or 1 (64-bit
 * guard), one after the other to one place.  In the queue's context.
 */
#include "job.h"

typedef struct QEMU_PACKED CopyRange0 {
    uint64_t rsvd0, slba;
    uint16_t nlb;
    uint8_t rsvd18[6];
    uint32_t ref_tag;
    uint16_t app_tag, app_mask;
} CopyRange0;
_Static_assert(sizeof(CopyRange0) == 32, "source range, format 0");

typedef struct QEMU_PACKED CopyRange1 {
    uint64_t rsvd0, slba;
    uint16_t nlb;
    uint8_t rsvd18[8];
    uint8_t
        ref_tag[10]; /* storage and reference tag, big-endian; the last 6 bytes are the latter */
    uint16_t app_tag, app_mask;
} CopyRange1;
_Static_assert(sizeof(CopyRange1) == 40, "source range, format 1");

typedef struct Range {
    uint64_t slba, nlb;
    NvmePi pi;
} Range;

static unsigned count_of(const NvmeCmd *cmd)
{
    return (cmd->cdw12 & 0xff) + 1;
}

static unsigned format_of(const NvmeCmd *cmd)
{
    return cmd->cdw12 >> 8 & 0xf;
}

static Range get_range(NvmeRequest *req, const uint8_t *ranges, unsigned i)
{
    Range r = {.pi.prinfo = req->cmd.cdw12 >> 12 & 0xf};

    if (format_of(&req->cmd) == 0) {
        const CopyRange0 *s = (const CopyRange0 *)ranges + i;

        r.slba = s->slba;
        r.nlb = (uint64_t)s->nlb + 1;
        r.pi.ref_tag = s->ref_tag;
        r.pi.app_tag = s->app_tag;
        r.pi.app_mask = s->app_mask;
    } else {
        const CopyRange1 *s = (const CopyRange1 *)ranges + i;

        r.slba = s->slba;
        r.nlb = (uint64_t)s->nlb + 1;
        for (unsigned k = 4; k < 10; k++) {
            r.pi.ref_tag = r.pi.ref_tag << 8 | s->ref_tag[k];
        }
        r.pi.app_tag = s->app_tag;
        r.pi.app_mask = s->app_mask;
    }
    return r;
}

/* --- on the way ------------------------------------------------------------------------------ */

static void piece_was_read(NvmeRequest *req);

static void start_range(NvmeRequest *req)
{
    NvmeJob *job = nvme_job(req);
    Range r = get_range(req, job->ranges, job->range);

    job->pi = r.pi;
    nvme_job_set(req, r.slba, r.nlb);
    nvme_job_read(req, piece_was_read);
}

static void piece_was_written(NvmeRequest *req)
{
    NvmeJob *job = nvme_job(req);
    uint64_t source = job->dest; /* they were swapped for the write */

    job->dest = job->slba + job->nlb;
    job->slba = source;
    if (nvme_job_next(req)) {
        nvme_job_read(req, piece_was_read);
    } else if (++job->range < count_of(&req->cmd)) {
        start_range(req);
    } else {
        req->cqe.result = job->range;
        nvme_complete(req);
    }
}

static void piece_was_read(NvmeRequest *req)
{
    const NvmeLayout *l = &req->ns->layout;
    NvmeJob *job = nvme_job(req);
    uint64_t source = job->slba;
    uint16_t status = NVME_SUCCESS;

    if (l->pi_type) {
        status = nvme_pi_check(l, &job->pi, job->data, job->meta, job->nlb);
    }
    if (!status && l->pi_type) {
        if (job->dest_pi.prinfo & NVME_PRINFO_PRACT) {
            nvme_pi_generate(l, &job->dest_pi, job->data, job->meta, job->nlb);
        } else {
            status = nvme_pi_check(l, &job->dest_pi, job->data, job->meta, job->nlb);
        }
    }
    if (status) {
        req->cqe.result = job->range; /* the lowest range that was not copied whole */
        nvme_io_fail(req, status);
        return;
    }
    job->slba = job->dest;
    job->dest = source;
    nvme_job_write(req, req->cmd.cdw12 & NVME_RW_FUA ? BLK_REQ_FUA : 0, piece_was_written);
}

/* --- start ----------------------------------------------------------------------------------- */

static uint16_t check_ranges(NvmeRequest *req, uint64_t *total)
{
    NvmeNamespace *ns = req->ns;
    const NvmeLayout *l = &ns->layout;
    uint64_t dest = nvme_slba(&req->cmd);

    *total = 0;
    for (unsigned i = 0; i < count_of(&req->cmd); i++) {
        Range r = get_range(req, nvme_job(req)->ranges, i);
        uint16_t status;

        if (r.nlb > ns->mssrl) {
            return NVME_COMMAND_SIZE_LIMIT | NVME_DNR;
        }
        if (!nvme_in_range(ns, r.slba, r.nlb)) {
            return NVME_LBA_OUT_OF_RANGE | NVME_DNR;
        }
        status = nvme_pi_valid(l, &r.pi, r.slba);
        if (status) {
            return status;
        }
        status = nvme_gate_check_read(req, r.slba, r.nlb);
        if (status) {
            return status;
        }
        *total += r.nlb;
    }
    if (*total > ns->mcl) {
        return NVME_COMMAND_SIZE_LIMIT | NVME_DNR;
    }
    if (!nvme_in_range(ns, dest, *total)) {
        return NVME_LBA_OUT_OF_RANGE | NVME_DNR;
    }
    for (unsigned i = 0; i < count_of(&req->cmd); i++) {
        Range r = get_range(req, nvme_job(req)->ranges, i);

        if (r.slba < dest + *total && dest < r.slba + r.nlb) {
            return NVME_OVERLAPPING_RANGE | NVME_DNR;
        }
    }
    return NVME_SUCCESS;
}

uint16_t nvme_io_copy(NvmeRequest *req)
{
    NvmeNamespace *ns = req->ns;
    const NvmeLayout *l = &ns->layout;
    unsigned count = count_of(&req->cmd), format = format_of(&req->cmd);
    size_t size = count * (format ? sizeof(CopyRange1) : sizeof(CopyRange0));
    uint64_t total, dest = nvme_slba(&req->cmd);
    NvmePi pi = nvme_pi_of_command(&req->cmd);
    uint16_t status;

    /* Each format belongs to one size of guard; without protection, format 0. */
    if (format > 1 || (l->pi_type ? (format == 1) != (l->pi_size == 16) : format != 0)) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    if (count > (unsigned)ns->msrc + 1) {
        return NVME_COMMAND_SIZE_LIMIT | NVME_DNR;
    }
    if (blk_is_read_only(ns->blk)) {
        return NVME_NAMESPACE_WRITE_PROTECTED | NVME_DNR;
    }
    status = nvme_pi_valid(l, &pi, dest);
    if (!status) {
        status = nvme_job_new(req, 0, ns->mssrl, size);
    }
    if (!status) {
        status = nvme_copy_from_host(req, nvme_job(req)->ranges, size);
    }
    if (!status) {
        status = check_ranges(req, &total);
    }
    if (status) {
        return status;
    }
    req->step = total;
    nvme_job(req)->dest = dest;
    nvme_job(req)->dest_pi = pi;
    start_range(req);
    return NVME_SUCCESS;
}
