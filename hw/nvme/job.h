/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands that look at their data: block by block through a buffer of ours, a bounded piece at a
 * time. All of it runs in the queue's context; the job lies in req->bounce and goes with the
 * request.
 */
#ifndef HW_NVME_JOB_H
#define HW_NVME_JOB_H

#include "io.h"
#include "protection.h"

typedef struct NvmeJob {
    uint64_t slba; /* this piece */
    uint32_t nlb;
    uint64_t left;      /* blocks behind this piece */
    uint32_t max_piece; /* blocks */
    uint8_t *data, *meta;
    struct iovec iov;
    bool io_write;
    unsigned io_flags;
    void (*done)(NvmeRequest *req);
    /* Where the host's bytes of the next piece begin. */
    int seg;
    size_t seg_done;
    uint64_t mptr; /* separate metadata; 0: none */
    NvmePi pi;
    /* Copy. */
    unsigned range;
    uint64_t dest;
    NvmePi dest_pi;
    uint8_t *ranges;
    uint8_t buf[];
} NvmeJob;

static inline NvmeJob *nvme_job(NvmeRequest *req)
{
    return (NvmeJob *)req->bounce;
}

/* Makes req's job for nlb blocks from slba on; extra bytes more lie behind job->ranges.  A
 * controller's jobs have a bounded amount of memory: NVME_COMMAND_INTERRUPTED when it is used up
 * (the host tries again). */
uint16_t nvme_job_new(NvmeRequest *req, uint64_t slba, uint64_t nlb, size_t extra);
/* Begins anew with other blocks. */
void nvme_job_set(NvmeRequest *req, uint64_t slba, uint64_t nlb);
/* Reads or writes the piece, metadata too; then done(req).  A failure ends the request. */
void nvme_job_read(NvmeRequest *req, void (*done)(NvmeRequest *req));
void nvme_job_write(NvmeRequest *req, unsigned flags, void (*done)(NvmeRequest *req));
/* On to the next piece; false: that was the last one. */
bool nvme_job_next(NvmeRequest *req);
/* Between the piece's buffers and what the command's pointers describe.  with_meta: metadata goes
 * along, in whichever way the namespace's format has it. */
uint16_t nvme_job_map(NvmeRequest *req, uint64_t nlb, bool with_meta, bool to_host);
uint16_t nvme_job_from_host(NvmeRequest *req, bool with_meta);
uint16_t nvme_job_to_host(NvmeRequest *req, bool with_meta);

#endif
