/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests on files and block devices.
 *
 * Reads and writes take the first of these ways that fits:
 *   ring      aio=io_uring: the kernel gets the caller's vectors as they are
 *   at once   the data is in memory (tmpfs; a read that the page cache answers): done in the
 * caller's thread, completed a little later worker    all else: blocking code in a thread of the
 * pool, which also finishes what the kernel did in part Direct I/O that is not aligned goes through
 * a bounce buffer, in a worker.
 */
#include "block-private.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#define BOUNCE_MAX (1u << 20)
#define ZERO_CHUNK (64u << 10)

static FileState *state_of(BlkRequest *req)
{
    return req->node->state;
}

/* Completion: every way ends here, in the request's thread. */
static void finish(BlkRequest *req, int ret)
{
    if (unlikely(req->lock_held)) {
        range_lock_drop(&state_of(req)->ranges, req);
    }
    blk_request_done(req, ret);
}

static void finish_later(BlkRequest *req, int ret)
{
    if (unlikely(req->lock_held)) {
        range_lock_drop(&state_of(req)->ranges, req);
    }
    blk_request_defer(req, ret);
}

/* Nobody wants it any more; looked at between its parts.  Any thread. */
static bool given_up(const BlkRequest *req)
{
    return __atomic_load_n(&req->cancelled, __ATOMIC_RELAXED);
}

static int rw_flags(BlkRequest *req)
{
    return req->todo_flags & BLK_REQ_FUA && !req->node->cache_no_flush ? RWF_DSYNC : 0;
}

/* --- blocking reads and writes
 * ----------------------------------------------------------------------------- */

/* Copies of the vectors, from byte skip on, at most IOV_MAX of them. */
static int slice(const BlkRequest *req, uint64_t skip, struct iovec *out)
{
    int n = 0;

    for (int i = 0; i < req->niov && n < IOV_MAX; i++) {
        if (skip >= req->iov[i].iov_len) {
            skip -= req->iov[i].iov_len;
            continue;
        }
        out[n].iov_base = (char *)req->iov[i].iov_base + skip;
        out[n++].iov_len = req->iov[i].iov_len - skip;
        skip = 0;
    }
    return n;
}

static void zero_tail(const BlkRequest *req, uint64_t skip)
{
    for (int i = 0; i < req->niov; i++) {
        size_t len = req->iov[i].iov_len;

        if (skip < len) {
            memset((char *)req->iov[i].iov_base + skip, 0, len - skip);
        }
        skip -= MIN(skip, len);
    }
}

static ssize_t rw_once(BlkRequest *req, const struct iovec *iov, int niov, int flags)
{
    int fd = state_of(req)->fd;
    off_t at = req->node_offset + req->progress;
    ssize_t n;

    do {
        n = req->todo == BLK_READ ? preadv2(fd, iov, niov, at, flags)
                                  : pwritev2(fd, iov, niov, at, flags);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

/* From req->progress to the end. */
static int rw_rest(BlkRequest *req)
{
    g_autofree struct iovec *copy = NULL;
    ssize_t n;

    while (req->progress < req->bytes) {
        if (unlikely(given_up(req))) {
            return -ECANCELED;
        }
        if (req->progress || req->niov > IOV_MAX) {
            copy = copy ? copy : g_new(struct iovec, MIN(req->niov, IOV_MAX));
            n = rw_once(req, copy, slice(req, req->progress, copy), rw_flags(req));
        } else {
            n = rw_once(req, req->iov, req->niov, rw_flags(req));
        }
        if (n < 0) {
            return n;
        }
        if (n == 0) {
            if (req->todo == BLK_WRITE) {
                return -EIO; /* not one byte more, and no reason */
            }
            zero_tail(req, req->progress); /* behind the end of the file */
            return 0;
        }
        req->progress += n;
    }
    return 0;
}

static int rw_work(AioWork *w)
{
    return rw_rest(container_of(w, BlkRequest, work));
}

static void work_done(AioWork *w, int res)
{
    finish(container_of(w, BlkRequest, work), res);
}

static void start_work(BlkRequest *req, int (*fn)(AioWork *w))
{
    req->work.work = fn;
    req->aio.complete = NULL;
    req->work.done = work_done;
    aio_work_submit(req->ctx, &req->work);
}

/* --- direct I/O that is not aligned
 * -------------------------------------------------------------------------- */

static void copy_iov(const BlkRequest *req, uint64_t at, char *buf, uint64_t len, bool to_iov)
{
    for (int i = 0; i < req->niov && len; i++) {
        size_t part = req->iov[i].iov_len;

        if (at >= part) {
            at -= part;
            continue;
        }
        part = MIN(part - at, len);
        if (to_iov) {
            memcpy((char *)req->iov[i].iov_base + at, buf, part);
        } else {
            memcpy(buf, (char *)req->iov[i].iov_base + at, part);
        }
        buf += part;
        len -= part;
        at = 0;
    }
}

/* Aligned read; what lies behind the end of the file is zero. */
static int read_block(int fd, char *buf, uint64_t len, uint64_t at)
{
    while (len) {
        ssize_t n = RETRY_ON_EINTR(pread(fd, buf, len, at));

        if (n < 0) {
            return -errno;
        }
        if (n == 0) {
            memset(buf, 0, len);
            return 0;
        }
        buf += n;
        at += n;
        len -= n;
        /* A short read ends at the end of the file, at an unaligned place: what follows is zero,
         * too. */
        if (len && n % BLOCK_SECTOR) {
            memset(buf, 0, len);
            return 0;
        }
    }
    return 0;
}

static int write_block(BlkRequest *req, char *buf, uint64_t len, uint64_t at)
{
    while (len) {
        struct iovec iov = {buf, len};
        ssize_t n = RETRY_ON_EINTR(pwritev2(state_of(req)->fd, &iov, 1, at, rw_flags(req)));

        if (n <= 0) {
            return n < 0 ? -errno : -EIO;
        }
        buf += n;
        at += n;
        len -= n;
    }
    return 0;
}

/* One piece: bytes [at, at + len) of the node, which the guest has at "done" of its request. */
static int bounce_piece(BlkRequest *req, char *buf, uint64_t at, uint64_t len)
{
    uint32_t align = req->node->request_alignment;
    uint64_t start = ALIGN_DOWN(at, align), end = ALIGN_UP(at + len, align);
    int fd = state_of(req)->fd, ret = 0;

    if (req->todo == BLK_READ) {
        ret = read_block(fd, buf, end - start, start);
        if (ret == 0) {
            copy_iov(req, req->progress, buf + (at - start), len, true);
        }
        return ret;
    }
    if (start != at) {
        ret = read_block(fd, buf, align, start);
    }
    if (ret == 0 && end != at + len && (start == at || end - align != start)) {
        ret = read_block(fd, buf + (end - align - start), align, end - align);
    }
    if (ret < 0) {
        return ret;
    }
    if (req->todo == BLK_WRITE_ZEROES) {
        memset(buf + (at - start), 0, len);
    } else {
        copy_iov(req, req->progress, buf + (at - start), len, false);
    }
    return write_block(req, buf, end - start, start);
}

static int bounce_work(AioWork *w)
{
    BlkRequest *req = container_of(w, BlkRequest, work);
    uint32_t align = MAX(req->node->request_alignment, 4096);
    uint64_t size = MIN(req->bytes, BOUNCE_MAX) + 2 * align;
    char *buf = NULL;
    int ret = 0;

    if (posix_memalign((void **)&buf, MAX(align, req->node->mem_alignment),
                       ALIGN_UP(size, align))) {
        return -ENOMEM;
    }
    while (req->progress < req->bytes && ret == 0) {
        uint64_t len = MIN(req->bytes - req->progress, BOUNCE_MAX);

        ret = given_up(req) ? -ECANCELED
                            : bounce_piece(req, buf, req->node_offset + req->progress, len);
        req->progress += ret == 0 ? len : 0;
    }
    free(buf);
    return ret;
}

static bool memory_aligned(const BlkRequest *req)
{
    uintptr_t bits = 0;

    for (int i = 0; i < req->niov; i++) {
        bits |= (uintptr_t)req->iov[i].iov_base | req->iov[i].iov_len;
    }
    return IS_ALIGNED(bits, (uintptr_t)req->node->mem_alignment);
}

static bool extent_aligned(const BlkRequest *req)
{
    return IS_ALIGNED(req->node_offset | req->bytes, (uint64_t)req->node->request_alignment);
}

/* --- the ways
 * -------------------------------------------------------------------------------------------------
 */

static void ring_done(AioRequest *aio, int res)
{
    BlkRequest *req = container_of(aio, BlkRequest, aio);

    if (likely(res < 0 || (uint64_t)res == req->bytes)) {
        finish(req, res);
        return;
    }
    if (given_up(req)) {
        finish(req, -ECANCELED);
        return;
    }
    /* In part: a worker goes on, and meets the end of the file or the reason. */
    req->progress = res;
    start_work(req, rw_work);
}

static void ring_rw(BlkRequest *req)
{
    AioRequest *aio = &req->aio;

    aio->complete = ring_done;
    req->work.work = NULL;
    aio->op = req->todo == BLK_READ ? AIO_READV : AIO_WRITEV;
    aio->fd = state_of(req)->fd;
    aio->mode = rw_flags(req);
    aio->offset = req->node_offset;
    aio->iov = req->iov;
    aio->niov = req->niov;
    aio_submit(req->ctx, aio);
}

/* Reads what the page cache has; false: somebody has to wait for the disk. */
static bool read_cached(BlkRequest *req)
{
    FileState *s = state_of(req);
    ssize_t n;

    if (req->todo != BLK_READ || !__atomic_load_n(&s->try_nowait, __ATOMIC_RELAXED)) {
        return false;
    }
    n = rw_once(req, req->iov, req->niov, RWF_NOWAIT);
    if (n == -EOPNOTSUPP || n == -EINVAL || n == -ENOSYS) {
        __atomic_store_n(&s->try_nowait, false, __ATOMIC_RELAXED);
        return false;
    }
    return n >= 0 && (uint64_t)n == req->bytes;
}

static void start_rw(BlkRequest *req)
{
    FileState *s = state_of(req);

    if (unlikely(!req->bytes)) {
        finish_later(req, 0);
    } else if (unlikely(req->node->cache_direct &&
                        (!memory_aligned(req) || !extent_aligned(req)))) {
        start_work(req, bounce_work);
    } else if (s->ring && likely(req->niov <= IOV_MAX) && aio_has_io_uring(req->ctx)) {
        ring_rw(req);
    } else if (s->memory_fs) {
        finish_later(req, rw_rest(req));
    } else if (req->niov <= IOV_MAX && read_cached(req)) {
        finish_later(req, 0);
    } else {
        start_work(req, rw_work);
    }
}

/* --- flush, discard, zeroes
 * --------------------------------------------------------------------------------------- */

static int flush_work(AioWork *w)
{
    BlkRequest *req = container_of(w, BlkRequest, work);

    return RETRY_ON_EINTR(fdatasync(state_of(req)->fd)) < 0 ? -errno : 0;
}

static void flush_done(AioRequest *aio, int res)
{
    finish(container_of(aio, BlkRequest, aio), res);
}

static void start_flush(BlkRequest *req)
{
    FileState *s = state_of(req);

    if (req->node->cache_no_flush) {
        finish_later(req, 0);
    } else if (s->ring && aio_has_io_uring(req->ctx)) {
        req->aio.complete = flush_done;
        req->work.work = NULL;
        req->aio.op = AIO_FDATASYNC;
        req->aio.fd = s->fd;
        aio_submit(req->ctx, &req->aio);
    } else {
        start_work(req, flush_work);
    }
}

static int allocate(BlkRequest *req, int mode, bool *unsupported)
{
    if (__atomic_load_n(unsupported, __ATOMIC_RELAXED)) {
        return -ENOTSUP;
    }
    if (RETRY_ON_EINTR(fallocate(state_of(req)->fd, mode, req->node_offset, req->bytes)) == 0) {
        return 0;
    }
    if (errno == EOPNOTSUPP || errno == ENOSYS || errno == ENODEV) {
        __atomic_store_n(unsupported, true, __ATOMIC_RELAXED);
        return -ENOTSUP;
    }
    return -errno;
}

static int punch(BlkRequest *req)
{
    return allocate(req, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, &state_of(req)->no_punch);
}

static int device_range(BlkRequest *req, unsigned long cmd)
{
    uint64_t range[2] = {req->node_offset, req->bytes};

    if (ioctl(state_of(req)->fd, cmd, range) == 0) {
        return 0;
    }
    return errno == ENOTTY || errno == EOPNOTSUPP ? -ENOTSUP : -errno;
}

/* Discarding is a hint: who cannot do it, or not with this alignment, has done it. */
static int discard_work(AioWork *w)
{
    BlkRequest *req = container_of(w, BlkRequest, work);
    int ret = state_of(req)->is_device ? device_range(req, BLKDISCARD) : punch(req);

    return ret == -ENOTSUP || ret == -EINVAL ? 0 : ret;
}

static int write_zero_bytes(BlkRequest *req)
{
    uint64_t chunk = MIN(req->bytes, ZERO_CHUNK), done = 0;
    char *zeros;
    int ret = 0;

    if (posix_memalign((void **)&zeros, 4096, ALIGN_UP(chunk, 4096))) {
        return -ENOMEM;
    }
    memset(zeros, 0, ALIGN_UP(chunk, 4096));
    while (done < req->bytes && ret == 0) {
        uint64_t len = MIN(req->bytes - done, chunk);

        ret = given_up(req) ? -ECANCELED : write_block(req, zeros, len, req->node_offset + done);
        done += len;
    }
    free(zeros);
    return ret;
}

static int zeroes_work(AioWork *w)
{
    BlkRequest *req = container_of(w, BlkRequest, work);
    FileState *s = state_of(req);
    int ret = -ENOTSUP;

    if (s->is_device) {
        ret = device_range(req, BLKZEROOUT);
    } else {
        if (req->todo_flags & BLK_REQ_MAY_UNMAP) {
            ret = punch(req);
        }
        if (ret == -ENOTSUP) {
            ret = allocate(req, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, &s->no_zero_range);
        }
    }
    if (ret == -ENOTSUP && !(req->todo_flags & BLK_REQ_NO_FALLBACK)) {
        ret = req->node->cache_direct && !extent_aligned(req) ? bounce_work(w)
                                                              : write_zero_bytes(req);
    }
    if (ret == 0 && rw_flags(req)) {
        ret = flush_work(w);
    }
    return ret;
}

/* --- entry
 * --------------------------------------------------------------------------------------------------------
 */

/* True if req may go on now. */
static bool take_range(BlkRequest *req)
{
    uint32_t align = req->node->request_alignment;

    return req->lock_held ||
           range_lock_take(&state_of(req)->ranges, req, ALIGN_DOWN(req->node_offset, align),
                           ALIGN_UP(req->node_offset + req->bytes, align), !extent_aligned(req));
}

void file_submit(BlockNode *bs, BlkRequest *req, uint64_t offset)
{
    FileState *s = bs->state;

    if (unlikely(given_up(req))) {
        finish_later(req, -ECANCELED); /* while it waited for its range */
        return;
    }
    if (unlikely(s->track) &&
        (req->todo == BLK_WRITE || req->todo == BLK_WRITE_ZEROES || req->todo == BLK_DISCARD) &&
        !take_range(req)) {
        return; /* comes here again when it has its range */
    }
    switch (req->todo) {
    case BLK_READ:
    case BLK_WRITE:
        start_rw(req);
        break;
    case BLK_FLUSH:
        start_flush(req);
        break;
    case BLK_DISCARD:
        if (req->bytes) {
            start_work(req, discard_work);
        } else {
            finish_later(req, 0);
        }
        break;
    case BLK_WRITE_ZEROES:
        if (req->bytes) {
            start_work(req, zeroes_work);
        } else {
            finish_later(req, 0);
        }
        break;
    }
}

void file_cancel(BlockNode *bs, BlkRequest *req)
{
    FileState *s = bs->state;

    if (s->track && !req->lock_held && range_lock_forget(&s->ranges, req)) {
        blk_request_defer(req, -ECANCELED);
    } else if (req->work.work && aio_work_cancel(req->ctx, &req->work)) {
        finish_later(req, -ECANCELED); /* no worker had taken it */
    } else if (req->aio.complete) {
        aio_cancel(req->ctx, &req->aio);
    }
}
