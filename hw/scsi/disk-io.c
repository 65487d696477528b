/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands that move blocks (SBC-3, section 5).  READ and WRITE go between the image and the
 * driver's memory; those that look at data (VERIFY) or make it (WRITE SAME) do so piece by piece in
 * a buffer of their own.
 */
#include "disk.h"

#define PIECE (256 * 1024u)   /* bytes of the buffer */
#define ZERO_PIECE (1u << 30) /* bytes of one write of zeroes or discard */

/* --- requests to the image ------------------------------------------------------------------- */

static bool check_errno(SCSIDisk *s, SCSIRequest *r, int error)
{
    bool read = r->blk.op == BLK_READ;

    r->moved = 0;
    switch (error) {
    case ENOMEDIUM:
        return scsi_disk_check(s, r, SCSI_NOT_READY, SCSI_ASC_NO_MEDIUM);
    case ENOMEM:
        return scsi_disk_check(s, r, SCSI_HARDWARE_ERROR, SCSI_ASC_TARGET_FAILURE);
    case ENOSPC:
        return scsi_disk_check(s, r, SCSI_DATA_PROTECT, SCSI_ASC_SPACE_ALLOCATION);
    case EACCES:
    case EPERM:
    case EROFS:
        return scsi_disk_check(s, r, SCSI_DATA_PROTECT, SCSI_ASC_WRITE_PROTECTED);
    }
    return scsi_disk_check(s, r, SCSI_MEDIUM_ERROR,
                           read ? SCSI_ASC_READ_ERROR : SCSI_ASC_WRITE_ERROR);
}

static void submit(SCSIRequest *r, BlockBackend *blk)
{
    r->backend = blk;
    blk_submit(blk, &r->blk, r->ctx);
}

static void blk_done(BlkRequest *blk, int ret)
{
    SCSIRequest *r = container_of(blk, SCSIRequest, blk);

    if (unlikely(ret == -ECANCELED)) {
        /* Taken back, by whoever aborts the request or, at the end of all, the block layer: that
         * says nothing about the disk, so the policy for its errors is not asked. */
        r->moved = 0;
        if (!r->aborted) {
            scsi_disk_check(SCSI_DISK(r->dev), r, SCSI_ABORTED_COMMAND, SCSI_ASC_NONE);
        }
        scsi_req_done(r);
        return;
    }
    if (unlikely(ret < 0)) {
        switch (blk_error_action(r->backend, blk->op == BLK_READ, -ret)) {
        case BLOCK_ERROR_ACTION_STOP:
            if (!r->aborted) {
                r->parked = true;
                return;
            }
            break;
        case BLOCK_ERROR_ACTION_REPORT:
            check_errno(SCSI_DISK(r->dev), r, -ret);
            scsi_req_done(r);
            return;
        case BLOCK_ERROR_ACTION_IGNORE:
            break;
        }
    }
    if (unlikely(r->aborted)) {
        scsi_req_done(r);
        return;
    }
    r->next(r);
}

/* False if the request is under way; true, with the result set, if there is no medium any more. */
static bool start(SCSIRequest *r, BlkOp op, unsigned flags, uint64_t offset, uint64_t bytes,
                  const struct iovec *iov, int niov, void (*next)(SCSIRequest *))
{
    BlockBackend *blk = scsi_disk_backend(SCSI_DISK(r->dev));
    BlkRequest *b = &r->blk;

    if (unlikely(!blk)) {
        return scsi_disk_check(SCSI_DISK(r->dev), r, SCSI_NOT_READY, SCSI_ASC_NO_MEDIUM);
    }
    b->op = op;
    b->flags = flags;
    b->offset = offset;
    b->bytes = bytes;
    b->iov = iov;
    b->niov = niov;
    b->complete = blk_done;
    r->next = next;
    submit(r, blk);
    return false;
}

/* The same from a completion. */
static void go_on(SCSIRequest *r, BlkOp op, unsigned flags, uint64_t offset, uint64_t bytes,
                  const struct iovec *iov, int niov, void (*next)(SCSIRequest *))
{
    if (start(r, op, flags, offset, bytes, iov, niov, next)) {
        scsi_req_done(r);
    }
}

void scsi_disk_resume(SCSIRequest *r)
{
    SCSIDisk *s = SCSI_DISK(r->dev);
    BlockBackend *blk = scsi_disk_backend(s);

    if (blk) {
        submit(r, blk);
        return;
    }
    r->moved = 0;
    scsi_disk_check(s, r, SCSI_NOT_READY, SCSI_ASC_NO_MEDIUM);
    scsi_req_done(r);
}

static void good(SCSIRequest *r)
{
    scsi_req_good(r);
    scsi_req_done(r);
}

/* --- extents --------------------------------------------------------------------------------- */

void scsi_disk_extent(const uint8_t *c, uint64_t *lba, uint32_t *n)
{
    switch (c[0] >> 5) {
    case 0:
        *lba = scsi_get_be24(c + 1) & 0x1fffff;
        *n = c[4] ? c[4] : 256;
        break;
    case 1:
    case 2:
        *lba = scsi_get_be32(c + 2);
        *n = scsi_get_be16(c + 7);
        break;
    case 4:
        *lba = scsi_get_be64(c + 2);
        *n = scsi_get_be32(c + 10);
        break;
    default:
        *lba = scsi_get_be32(c + 2);
        *n = scsi_get_be32(c + 6);
        break;
    }
}

bool scsi_disk_in_range(SCSIDisk *s, SCSIRequest *r, uint64_t lba, uint64_t n)
{
    uint64_t blocks = scsi_disk_blocks(s);

    if (likely(lba <= blocks && n <= blocks - lba)) {
        return true;
    }
    scsi_disk_check_lba(s, r, lba);
    return false;
}

/* Also the limits of the block limits page. */
static bool extent_ok(SCSIDisk *s, SCSIRequest *r, uint64_t lba, uint64_t n)
{
    if (!scsi_disk_in_range(s, r, lba, n)) {
        return false;
    }
    if (n * s->block_size > s->max_io_size) {
        scsi_disk_check(s, r, SCSI_ILLEGAL_REQUEST, SCSI_ASC_INVALID_FIELD);
        return false;
    }
    return true;
}

static bool writable(SCSIDisk *s, SCSIRequest *r)
{
    BlockBackend *blk = scsi_disk_backend(s);

    if (likely(blk && !blk_is_read_only(blk))) {
        return true;
    }
    scsi_disk_check(s, r, SCSI_DATA_PROTECT, SCSI_ASC_WRITE_PROTECTED);
    return false;
}

/* --- READ, WRITE ----------------------------------------------------------------------------- */

static void transferred(SCSIRequest *r)
{
    r->moved = r->blk.bytes;
    good(r);
}

bool scsi_disk_transfer(SCSIDisk *s, SCSIRequest *r, uint64_t lba, uint32_t n, bool write, bool fua)
{
    uint64_t bytes = (uint64_t)n * s->block_size;

    if (!extent_ok(s, r, lba, n) || (write && !writable(s, r)) || !scsi_req_data(r, bytes, write)) {
        return true;
    }
    if (!n) {
        return scsi_req_good(r);
    }
    return start(r, write ? BLK_WRITE : BLK_READ, write && fua ? BLK_REQ_FUA : 0,
                 lba * s->block_size, bytes, r->iov, r->niov, transferred);
}

bool scsi_disk_rw(SCSIDisk *s, SCSIRequest *r)
{
    const uint8_t *c = r->cdb;
    bool write = (c[0] & 0x1f) == 0x0a, small = c[0] < 0x20;
    uint64_t lba;
    uint32_t n;

    if (write && s->is_cd) {
        return scsi_disk_check(s, r, SCSI_ILLEGAL_REQUEST, SCSI_ASC_INVALID_COMMAND);
    }
    if (!small && (c[1] & 0xe0)) { /* there is no protection information */
        return scsi_disk_check(s, r, SCSI_ILLEGAL_REQUEST, SCSI_ASC_INVALID_FIELD);
    }
    scsi_disk_extent(c, &lba, &n);
    return scsi_disk_transfer(s, r, lba, n, write, !small && (c[1] & 8));
}

static void flushed(SCSIRequest *r)
{
    good(r);
}

bool scsi_disk_flush(SCSIDisk *s, SCSIRequest *r)
{
    return start(r, BLK_FLUSH, 0, 0, 0, NULL, 0, flushed);
}

/* --- VERIFY [SBC-3, 5.29], WRITE AND VERIFY -------------------------------------------------- */

/* What data is compared with: nothing, as much of the driver's, or one block of it. */
enum { COMPARE_NONE = 0, COMPARE_ALL = 1, COMPARE_ONE = 3 };

static void verify_read(SCSIRequest *r);

/* Next piece; the answer when there is none. */
static bool verify_step(SCSIRequest *r)
{
    SCSIDisk *s = SCSI_DISK(r->dev);

    if (!r->left) {
        r->moved = r->phase == COMPARE_NONE ? r->moved : r->bytes_wanted;
        return scsi_req_good(r);
    }
    r->piece = MIN(r->left, PIECE / s->block_size);
    r->bounce = (struct iovec){r->buf, (size_t)r->piece * s->block_size};
    return start(r, BLK_READ, 0, r->lba * s->block_size, r->bounce.iov_len, &r->bounce, 1,
                 verify_read);
}

static bool miscompare(SCSIRequest *r, size_t offset)
{
    r->moved = r->bytes_wanted;
    scsi_req_check_info(r, SCSI_DISK(r->dev)->descriptor_sense, SCSI_MISCOMPARE,
                        SCSI_ASC_MISCOMPARE, offset);
    scsi_req_done(r);
    return false;
}

/* Compares the piece in the buffer, a block at a time; false: it differed, and that is told. */
static bool compare(SCSIRequest *r)
{
    size_t bs = SCSI_DISK(r->dev)->block_size;
    uint8_t *want = r->buf + PIECE;

    for (size_t i = 0; i < r->piece; i++, r->buf_used += bs) {
        const uint8_t *have = r->buf + i * bs;

        if (r->phase == COMPARE_ALL) {
            scsi_req_copy(r, r->buf_used, want, bs, false);
        }
        if (memcmp(have, want, bs)) {
            size_t k = 0;

            while (have[k] == want[k]) {
                k++;
            }
            return miscompare(r, r->buf_used + k);
        }
    }
    return true;
}

static void verify_read(SCSIRequest *r)
{
    if (r->phase != COMPARE_NONE && !compare(r)) {
        return;
    }
    r->lba += r->piece;
    r->left -= r->piece;
    if (verify_step(r)) {
        scsi_req_done(r);
    }
}

/* The buffer has room for a piece, and for a block to compare with. */
static bool verify_begin(SCSIDisk *s, SCSIRequest *r, uint64_t lba, uint32_t n, uint8_t compare)
{
    if (n && !r->buf) {
        r->buf = g_try_malloc(PIECE + s->block_size);
        if (!r->buf) {
            return scsi_disk_check(s, r, SCSI_HARDWARE_ERROR, SCSI_ASC_TARGET_FAILURE);
        }
    }
    r->lba = lba;
    r->left = n;
    r->phase = compare;
    r->buf_used = 0;
    if (n && compare == COMPARE_ONE) {
        scsi_req_copy(r, 0, r->buf + PIECE, s->block_size, false);
    }
    return verify_step(r);
}

bool scsi_disk_verify(SCSIDisk *s, SCSIRequest *r)
{
    uint8_t compare = r->cdb[1] >> 1 & 3;
    uint64_t lba;
    uint32_t n;

    if ((r->cdb[1] & 0xe0) || compare == 2) {
        return scsi_disk_check(s, r, SCSI_ILLEGAL_REQUEST, SCSI_ASC_INVALID_FIELD);
    }
    scsi_disk_extent(r->cdb, &lba, &n);
    r->bytes_wanted = compare == COMPARE_NONE  ? 0
                      : compare == COMPARE_ONE ? MIN(n, 1u) * s->block_size
                                               : (uint64_t)n * s->block_size;
    if (!(compare == COMPARE_ALL ? extent_ok(s, r, lba, n) : scsi_disk_in_range(s, r, lba, n)) ||
        (r->bytes_wanted && !scsi_req_data(r, r->bytes_wanted, true))) {
        return true;
    }
    return verify_begin(s, r, lba, n, compare);
}

static void written_now_verify(SCSIRequest *r)
{
    SCSIDisk *s = SCSI_DISK(r->dev);

    r->moved = r->bytes_wanted;
    if (verify_begin(s, r, r->lba, r->left, r->phase)) {
        scsi_req_done(r);
    }
}

bool scsi_disk_write_verify(SCSIDisk *s, SCSIRequest *r)
{
    uint32_t n;

    r->phase = r->cdb[1] >> 1 & 3;
    if ((r->cdb[1] & 0xe0) || r->phase > COMPARE_ALL) {
        return scsi_disk_check(s, r, SCSI_ILLEGAL_REQUEST, SCSI_ASC_INVALID_FIELD);
    }
    scsi_disk_extent(r->cdb, &r->lba, &n);
    r->left = n;
    r->bytes_wanted = (uint64_t)n * s->block_size;
    if (!extent_ok(s, r, r->lba, n) || !writable(s, r) ||
        !scsi_req_data(r, r->bytes_wanted, true)) {
        return true;
    }
    if (!n) {
        return scsi_req_good(r);
    }
    return start(r, BLK_WRITE, BLK_REQ_FUA, r->lba * s->block_size, r->bytes_wanted, r->iov,
                 r->niov, written_now_verify);
}

/* --- WRITE SAME [SBC-3, 5.43, 5.44] ---------------------------------------------------------- */

static void same_written(SCSIRequest *r);

/* phase: flags of a write of zeroes, or 0xff for data. */
static void same_step(SCSIRequest *r)
{
    SCSIDisk *s = SCSI_DISK(r->dev);
    uint64_t offset = r->lba * s->block_size;

    if (!r->left) {
        good(r);
    } else if (r->phase != 0xff) {
        r->piece = MIN(r->left, ZERO_PIECE / s->block_size);
        go_on(r, BLK_WRITE_ZEROES, r->phase, offset, (uint64_t)r->piece * s->block_size, NULL, 0,
              same_written);
    } else {
        r->piece = MIN(r->left, PIECE / s->block_size);
        r->bounce = (struct iovec){r->buf, (size_t)r->piece * s->block_size};
        go_on(r, BLK_WRITE, 0, offset, r->bounce.iov_len, &r->bounce, 1, same_written);
    }
}

static void same_written(SCSIRequest *r)
{
    r->lba += r->piece;
    r->left -= r->piece;
    same_step(r);
}

static bool is_zero(const uint8_t *p, size_t n)
{
    return !p[0] && !memcmp(p, p + 1, n - 1);
}

/* Takes the block, and fills the buffer with it unless it is zeros. */
static bool same_data(SCSIDisk *s, SCSIRequest *r)
{
    size_t bs = s->block_size;

    r->buf = g_try_malloc(PIECE);
    if (!r->buf) {
        scsi_disk_check(s, r, SCSI_HARDWARE_ERROR, SCSI_ASC_TARGET_FAILURE);
        return false;
    }
    if (!scsi_req_take(r, r->buf, bs)) {
        return false;
    }
    if (!is_zero(r->buf, bs)) {
        r->phase = 0xff;
        for (size_t at = bs; at < MIN(r->left * bs, PIECE); at += bs) {
            memcpy(r->buf + at, r->buf, bs);
        }
    }
    return true;
}

bool scsi_disk_write_same(SCSIDisk *s, SCSIRequest *r)
{
    bool unmap = r->cdb[1] & 0x08;
    bool no_data = r->cdb[0] == SCSI_WRITE_SAME_16 && (r->cdb[1] & 1);
    uint32_t n;

    scsi_disk_extent(r->cdb, &r->lba, &n);
    /* WRPROTECT, ANCHOR, PBDATA, LBDATA; "to the end" (WSNZ is set); more than there is said to be
     * possible. */
    if ((r->cdb[1] & 0xf6) || !n || (unmap && !s->discard)) {
        return scsi_disk_check(s, r, SCSI_ILLEGAL_REQUEST, SCSI_ASC_INVALID_FIELD);
    }
    r->left = n;
    r->phase = unmap ? BLK_REQ_MAY_UNMAP : 0;
    if (!extent_ok(s, r, r->lba, n) || !writable(s, r) || (!no_data && !same_data(s, r))) {
        return true;
    }
    same_step(r);
    return false;
}

/* --- UNMAP [SBC-3, 5.28] --------------------------------------------------------------------- */

/* One range of the list. */
static void range_at(const uint8_t *list, unsigned i, uint64_t *lba, uint32_t *n)
{
    *lba = scsi_get_be64(list + 8 + 16 * i);
    *n = scsi_get_be32(list + 16 + 16 * i);
}

/* phase: the next range, of left. */
static void unmap_step(SCSIRequest *r)
{
    SCSIDisk *s = SCSI_DISK(r->dev);
    uint64_t lba;
    uint32_t n = 0;

    while (r->phase < r->left && !n) {
        range_at(r->buf, r->phase++, &lba, &n);
    }
    if (!n) {
        good(r);
        return;
    }
    go_on(r, BLK_DISCARD, 0, lba * s->block_size, (uint64_t)n * s->block_size, NULL, 0, unmap_step);
}

static bool ranges_ok(SCSIDisk *s, SCSIRequest *r)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < r->left; i++) {
        uint64_t lba;
        uint32_t n;

        range_at(r->buf, i, &lba, &n);
        if (!scsi_disk_in_range(s, r, lba, n)) {
            return false;
        }
        total += n;
    }
    if (total * s->block_size > s->max_unmap_size) {
        scsi_disk_check(s, r, SCSI_ILLEGAL_REQUEST, SCSI_ASC_INVALID_PARAMETER);
        return false;
    }
    return true;
}

bool scsi_disk_unmap(SCSIDisk *s, SCSIRequest *r)
{
    size_t len = scsi_get_be16(r->cdb + 7), max = 8 + 16 * SCSI_UNMAP_RANGES, list;

    if (!s->discard) {
        return scsi_disk_check(s, r, SCSI_ILLEGAL_REQUEST, SCSI_ASC_INVALID_COMMAND);
    }
    if (r->cdb[1] & 1) { /* ANCHOR */
        return scsi_disk_check(s, r, SCSI_ILLEGAL_REQUEST, SCSI_ASC_INVALID_FIELD);
    }
    if (!writable(s, r) || !len) {
        return true;
    }
    if (len < 8) {
        return scsi_disk_check(s, r, SCSI_ILLEGAL_REQUEST, SCSI_ASC_PARAMETER_LENGTH);
    }
    r->buf = g_try_malloc(MIN(len, max));
    if (!r->buf) {
        return scsi_disk_check(s, r, SCSI_HARDWARE_ERROR, SCSI_ASC_TARGET_FAILURE);
    }
    if (!scsi_req_take(r, r->buf, MIN(len, max))) {
        return true;
    }
    list = scsi_get_be16(r->buf + 2);
    if (list > len - 8 || scsi_get_be16(r->buf) < list + 6) {
        return scsi_disk_check(s, r, SCSI_ILLEGAL_REQUEST, SCSI_ASC_PARAMETER_LENGTH);
    }
    if (list / 16 > SCSI_UNMAP_RANGES) {
        return scsi_disk_check(s, r, SCSI_ILLEGAL_REQUEST, SCSI_ASC_INVALID_PARAMETER);
    }
    r->left = list / 16;
    r->phase = 0;
    if (!ranges_ok(s, r)) {
        return true;
    }
    unmap_step(r);
    return false;
}
