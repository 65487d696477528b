/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands in pieces: memory, transfers to the medium and to the host.  In the queue's context. */
#include "job.h"

/* What all jobs of a controller may take together. */
#define BOUNCE_LIMIT (64u * 1024 * 1024)

uint16_t nvme_bounce_alloc(NvmeRequest *req, size_t size)
{
    NvmeCtrl *n = req->sq->n;

    g_assert(!req->bounce);
    if (__atomic_add_fetch(&n->bounce_bytes, size, __ATOMIC_RELAXED) <= BOUNCE_LIMIT) {
        req->bounce = g_try_malloc(size);
        req->bounce_size = size;
    }
    if (!req->bounce) {
        __atomic_sub_fetch(&n->bounce_bytes, size, __ATOMIC_RELAXED);
        return NVME_COMMAND_INTERRUPTED;
    }
    return NVME_SUCCESS;
}

void nvme_bounce_free(NvmeRequest *req)
{
    __atomic_sub_fetch(&req->sq->n->bounce_bytes, req->bounce_size, __ATOMIC_RELAXED);
    g_clear_pointer(&req->bounce, g_free);
}

void nvme_job_set(NvmeRequest *req, uint64_t slba, uint64_t nlb)
{
    NvmeJob *job = nvme_job(req);

    job->slba = slba;
    job->nlb = MIN(nlb, job->max_piece);
    job->left = nlb - job->nlb;
}

uint16_t nvme_job_new(NvmeRequest *req, uint64_t slba, uint64_t nlb, size_t extra)
{
    const NvmeLayout *l = &req->ns->layout;
    uint32_t piece = MIN(nlb, NVME_PIECE_MAX >> l->lba_shift);
    size_t data = (size_t)piece << l->lba_shift, meta = (size_t)piece * l->ms;
    uint16_t status = nvme_bounce_alloc(req, sizeof(NvmeJob) + data + meta + extra);
    NvmeJob *job = nvme_job(req);

    if (status) {
        return status;
    }
    memset(job, 0, sizeof(*job));
    job->max_piece = piece;
    job->data = job->buf;
    job->meta = job->buf + data;
    job->ranges = job->meta + meta;
    nvme_job_set(req, slba, nlb);
    return NVME_SUCCESS;
}

bool nvme_job_next(NvmeRequest *req)
{
    NvmeJob *job = nvme_job(req);

    if (!job->left) {
        return false;
    }
    nvme_job_set(req, job->slba + job->nlb, job->left);
    return true;
}

/* --- medium ---------------------------------------------------------------------------------- */

static void submit(NvmeRequest *req, uint64_t offset, void *buf, size_t len,
                   void (*complete)(BlkRequest *blk, int ret))
{
    NvmeJob *job = nvme_job(req);

    job->iov = (struct iovec){buf, len};
    nvme_io_prepare(req, job->io_write ? BLK_WRITE : BLK_READ, job->io_flags, offset, len,
                    complete);
    req->blk.iov = &job->iov;
    req->blk.niov = 1;
    nvme_io_submit(req);
}

static void meta_done(BlkRequest *blk, int ret)
{
    NvmeRequest *req = container_of(blk, NvmeRequest, blk);

    if (nvme_io_check(req, ret)) {
        nvme_job(req)->done(req);
    }
}

static void data_done(BlkRequest *blk, int ret)
{
    NvmeRequest *req = container_of(blk, NvmeRequest, blk);
    const NvmeLayout *l = &req->ns->layout;
    NvmeJob *job = nvme_job(req);

    if (!nvme_io_check(req, ret)) {
        return;
    }
    if (!l->ms) {
        job->done(req);
        return;
    }
    submit(req, l->meta_base + job->slba * l->ms, job->meta, (size_t)job->nlb * l->ms, meta_done);
}

static void begin(NvmeRequest *req)
{
    NvmeJob *job = nvme_job(req);

    submit(req, nvme_offset(req->ns, job->slba), job->data,
           (size_t)job->nlb << req->ns->layout.lba_shift, data_done);
}

void nvme_job_read(NvmeRequest *req, void (*done)(NvmeRequest *req))
{
    NvmeJob *job = nvme_job(req);

    job->io_write = false;
    job->io_flags = 0;
    job->done = done;
    begin(req);
}

void nvme_job_write(NvmeRequest *req, unsigned flags, void (*done)(NvmeRequest *req))
{
    NvmeJob *job = nvme_job(req);

    job->io_write = true;
    job->io_flags = flags;
    job->done = done;
    begin(req);
}

/* --- host ------------------------------------------------------------------------------------ */

/* Where separate metadata lies (4.1, figure 105). */
static uint16_t map_metadata(NvmeRequest *req, uint64_t len)
{
    NvmeCtrl *n = req->sq->n;
    NvmeSglDescriptor d;

    if (req->cmd.mptr & 3) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    if (NVME_CMD_PSDT(req->cmd.flags) != 2) {
        nvme_job(req)->mptr = req->cmd.mptr;
        return NVME_SUCCESS;
    }
    if (!nvme_dma_read(n, req->cmd.mptr, &d, sizeof(d))) {
        return NVME_DATA_TRANSFER_ERROR;
    }
    if (NVME_SGL_TYPE(d.type) != NVME_SGL_DATA_BLOCK || NVME_SGL_SUBTYPE(d.type)) {
        return NVME_SGL_TYPE_INVALID | NVME_DNR;
    }
    if (d.len < len) {
        return NVME_METADATA_SGL_LENGTH_INVALID | NVME_DNR;
    }
    nvme_job(req)->mptr = d.addr;
    return NVME_SUCCESS;
}

uint16_t nvme_job_map(NvmeRequest *req, uint64_t nlb, bool with_meta, bool to_host)
{
    const NvmeLayout *l = &req->ns->layout;
    uint64_t meta = with_meta ? nlb * l->ms : 0, data = nlb << l->lba_shift;
    uint16_t status;

    status = nvme_map_data(req, data + (l->extended ? meta : 0), to_host);
    if (!status && meta && !l->extended) {
        status = map_metadata(req, meta);
    }
    return status;
}

/* The host's next len bytes, in either direction. */
static void copy(NvmeRequest *req, uint8_t *p, size_t len, bool to_host)
{
    NvmeJob *job = nvme_job(req);

    while (len) {
        const struct iovec *v = &req->data.iov[job->seg];
        size_t part = MIN(len, v->iov_len - job->seg_done);
        uint8_t *host = (uint8_t *)v->iov_base + job->seg_done;

        if (to_host) {
            memcpy(host, p, part);
        } else {
            memcpy(p, host, part);
        }
        p += part;
        len -= part;
        job->seg_done += part;
        if (job->seg_done == v->iov_len) {
            job->seg++;
            job->seg_done = 0;
        }
    }
}

static uint16_t exchange(NvmeRequest *req, bool with_meta, bool to_host)
{
    const NvmeLayout *l = &req->ns->layout;
    NvmeCtrl *n = req->sq->n;
    NvmeJob *job = nvme_job(req);
    size_t block = (size_t)1 << l->lba_shift, meta = (size_t)job->nlb * l->ms;
    uint64_t at = job->mptr;

    with_meta = with_meta && l->ms;
    if (!with_meta || !l->extended) {
        copy(req, job->data, job->nlb * block, to_host);
        if (with_meta) {
            job->mptr += meta;
            if (!(to_host ? nvme_dma_write(n, at, job->meta, meta)
                          : nvme_dma_read(n, at, job->meta, meta))) {
                return NVME_DATA_TRANSFER_ERROR;
            }
        }
        return NVME_SUCCESS;
    }
    for (uint32_t i = 0; i < job->nlb; i++) {
        copy(req, job->data + i * block, block, to_host);
        copy(req, job->meta + (size_t)i * l->ms, l->ms, to_host);
    }
    return NVME_SUCCESS;
}

uint16_t nvme_job_from_host(NvmeRequest *req, bool with_meta)
{
    return exchange(req, with_meta, false);
}

uint16_t nvme_job_to_host(NvmeRequest *req, bool with_meta)
{
    return exchange(req, with_meta, true);
}
