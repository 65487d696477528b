/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Drivers "file" and "host_device": opening, locking, properties of the file. */
#include "block-private.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>

/* The byte that locks are taken on: readers share it, a writer has it alone.  Far behind any data.
 */
#define LOCK_BYTE INT64_C(0x7fff000000000000)

static const char *const file_options[] = {"filename", "aio", "locking", "drop-cache", NULL};

/* --- locking
 * ------------------------------------------------------------------------------------------- */

static int set_lock(int fd, short type)
{
    struct flock fl = {.l_type = type, .l_whence = SEEK_SET, .l_start = LOCK_BYTE, .l_len = 1};

    return RETRY_ON_EINTR(fcntl(fd, F_OFD_SETLK, &fl)) < 0 ? -errno : 0;
}

static bool lock_file(BlockNode *bs, int fd, bool write, GError **errp)
{
    FileState *s = bs->state;
    int err;

    if (s->locking == ON_OFF_AUTO_OFF) {
        return true;
    }
    err = set_lock(fd, write ? F_WRLCK : F_RDLCK);
    if (err == -EAGAIN || err == -EACCES) {
        error_setg(errp,
                   "image '%s' is locked: another process, or another node of this one, %s it; end "
                   "that, or use read-only=on on "
                   "both sides, or locking=off if you know that it is safe",
                   bs->filename, write ? "has" : "writes");
        return false;
    }
    if (err < 0 && s->locking == ON_OFF_AUTO_ON) {
        error_setg_errno(errp, -err, "locking=on: image '%s' cannot be locked", bs->filename);
        return false;
    }
    return true;
}

/* --- opening
 * ------------------------------------------------------------------------------------------- */

static int open_fd(BlockNode *bs, bool write, GError **errp)
{
    FileState *s = bs->state;
    int fd = RETRY_ON_EINTR(open(bs->filename, (write ? O_RDWR : O_RDONLY) | s->open_flags));

    if (fd < 0) {
        int err = errno;

        error_setg_errno(errp, err, "Could not open '%s'%s%s", bs->filename,
                         write ? "" : " for reading",
                         err == EINVAL && bs->cache_direct
                             ? " with cache.direct=on (does its file system have O_DIRECT?)"
                             : "");
    }
    return fd;
}

static bool check_type(BlockNode *bs, int fd, GError **errp)
{
    FileState *s = bs->state;
    struct stat st;

    if (fstat(fd, &st) < 0) {
        error_setg_errno(errp, errno, "'%s'", bs->filename);
        return false;
    }
    if (s->is_device ? !S_ISBLK(st.st_mode) : !S_ISREG(st.st_mode)) {
        error_setg(errp, "'%s' is no %s%s", bs->filename,
                   s->is_device ? "block device" : "regular file",
                   s->is_device          ? "; use driver 'file' for image files"
                   : S_ISBLK(st.st_mode) ? "; use driver 'host_device' for block devices"
                                         : "");
        return false;
    }
    return true;
}

/* Smallest power of two, from 512 on, at which the kernel accepts direct reads. */
static uint32_t probe_direct(int fd, bool memory)
{
    g_autofree char *raw = g_malloc(3 * 4096);
    char *buf = (char *)ALIGN_UP((uintptr_t)raw, 4096);

    for (uint32_t align = BLOCK_SECTOR; align < 4096; align *= 2) {
        ssize_t n = memory ? pread(fd, buf + align, 4096, 0) : pread(fd, buf, align, 0);

        /* An empty file says nothing. */
        if (n > 0) {
            return align;
        }
    }
    return 4096;
}

static void probe_alignment(BlockNode *bs, int fd)
{
    FileState *s = bs->state;
    int sector = 0;

    bs->request_alignment = BLOCK_SECTOR;
    bs->mem_alignment = 1;
    if (!bs->cache_direct) {
        return;
    }
    bs->mem_alignment = probe_direct(fd, true);
    if (s->is_device && ioctl(fd, BLKSSZGET, &sector) == 0 && sector >= (int)BLOCK_SECTOR &&
        (sector & (sector - 1)) == 0) {
        bs->request_alignment = sector;
    } else {
        bs->request_alignment = probe_direct(fd, false);
    }
}

/* File systems whose data is in memory: handing over to another thread would cost more than the
 * copy. */
static bool in_memory(int fd)
{
    struct statfs fs;

    return fstatfs(fd, &fs) == 0 && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

static bool take_options(BlockNode *bs, json_object *opts, GError **errp)
{
    FileState *s = bs->state;
    g_autofree char *aio = opts_take_str(opts, "aio");
    g_autofree char *locking = opts_take_str(opts, "locking");
    bool ignored;

    bs->filename = opts_take_str(opts, "filename");
    if (!bs->filename || !*bs->filename) {
        error_setg(errp, "driver '%s': parameter 'filename' is missing", bs->drv->name);
        return false;
    }
    if (!opts_take_bool(opts, "drop-cache", true, &ignored, errp)) {
        return false;
    }
    if (locking && !g_str_equal(locking, "auto")) {
        bool on;

        if (!parse_bool("locking", locking, &on, NULL)) {
            error_setg(errp,
                       "Parameter 'locking' does not accept value '%s'; there are: auto, on, off",
                       locking);
            return false;
        }
        s->locking = on ? ON_OFF_AUTO_ON : ON_OFF_AUTO_OFF;
    }
    if (!aio || g_str_equal(aio, "threads")) {
        return true;
    }
    if (!g_str_equal(aio, "io_uring") && !g_str_equal(aio, "native")) {
        error_setg(
            errp,
            "Parameter 'aio' does not accept value '%s'; there are: threads, native, io_uring",
            aio);
        return false;
    }
    if (g_str_equal(aio, "native") && !bs->cache_direct) {
        error_setg(errp,
                   "aio=native needs cache.direct=on (-drive: cache=none or cache=directsync)");
        return false;
    }
    s->ring = true;
    if (!aio_has_io_uring(aio_get_main())) {
        if (g_str_equal(aio, "io_uring")) {
            error_setg(errp,
                       "aio=io_uring: this host has no io_uring, or forbids it; use aio=threads");
            return false;
        }
        s->ring = false;
    }
    return true;
}

static bool open_image(BlockNode *bs, GError **errp)
{
    FileState *s = bs->state;
    bool write = !bs->read_only && !bs->auto_read_only;

    s->open_flags = O_CLOEXEC | (bs->cache_direct ? O_DIRECT : 0);
    /* auto-read-only: opened for writing when somebody writes. */
    s->fd = open_fd(bs, write, errp);
    if (s->fd < 0) {
        return false;
    }
    if (!check_type(bs, s->fd, errp) || !lock_file(bs, s->fd, write, errp)) {
        close(s->fd);
        return false;
    }
    s->fd_writable = write;
    probe_alignment(bs, s->fd);
    s->memory_fs = !s->is_device && !s->ring && in_memory(s->fd);
    s->try_nowait = !bs->cache_direct && !s->ring;
    s->track = bs->cache_direct && bs->request_alignment > BLOCK_SECTOR;
    return true;
}

static bool any_open(BlockNode *bs, json_object *opts, bool is_device, GError **errp)
{
    FileState *s = g_new0(FileState, 1);

    bs->state = s;
    s->is_device = is_device;
    if (!take_options(bs, opts, errp) || !open_image(bs, errp)) {
        g_free(s);
        return false;
    }
    range_lock_init(&s->ranges);
    return true;
}

static bool file_open(BlockNode *bs, json_object *opts, GError **errp)
{
    return any_open(bs, opts, false, errp);
}

static bool host_device_open(BlockNode *bs, json_object *opts, GError **errp)
{
    return any_open(bs, opts, true, errp);
}

static void file_close(BlockNode *bs)
{
    FileState *s = bs->state;

    range_lock_destroy(&s->ranges);
    close(s->fd); /* locks go with it */
    g_free(s);
}

static bool file_write_protected(BlockNode *bs)
{
    return faccessat(AT_FDCWD, bs->filename, W_OK, AT_EACCESS) < 0;
}

/* No request is in flight: the first writer comes, or the last one went. */
static bool file_set_writable(BlockNode *bs, bool on, GError **errp)
{
    FileState *s = bs->state;
    int fd;

    if (!bs->auto_read_only || on == s->fd_writable) {
        return true;
    }
    fd = open_fd(bs, on, errp);
    if (fd < 0) {
        return false;
    }
    /* Our own lock on the old descriptor would be in the way. */
    set_lock(s->fd, F_UNLCK);
    if (!check_type(bs, fd, errp) || !lock_file(bs, fd, on, errp)) {
        close(fd);
        lock_file(bs, s->fd, s->fd_writable, NULL);
        return false;
    }
    close(s->fd);
    s->fd = fd;
    s->fd_writable = on;
    return true;
}

/* --- size
 * ------------------------------------------------------------------------------------------------
 */

/* A file whose size is no multiple of a sector has a last sector, too: it reads as zeros behind the
 * end. */
static int64_t file_get_length(BlockNode *bs)
{
    FileState *s = bs->state;
    struct stat st;
    uint64_t bytes;

    if (s->is_device) {
        return ioctl(s->fd, BLKGETSIZE64, &bytes) < 0 ? -errno : (int64_t)bytes;
    }
    return fstat(s->fd, &st) < 0 ? -errno : (int64_t)ALIGN_UP(st.st_size, (off_t)BLOCK_SECTOR);
}

static bool file_truncate(BlockNode *bs, int64_t length, GError **errp)
{
    FileState *s = bs->state;
    int fd, err;

    if (s->is_device) {
        int64_t now = file_get_length(bs);

        if (length > now) {
            error_setg(errp,
                       "'%s' is a block device of %" PRId64 " bytes: it cannot be made %" PRId64,
                       bs->filename, now, length);
            return false;
        }
        return true;
    }
    /* Of an auto-read-only node that nobody writes to now, the descriptor is read-only. */
    fd = s->fd_writable ? s->fd : open_fd(bs, true, errp);
    if (fd < 0) {
        return false;
    }
    err = RETRY_ON_EINTR(ftruncate(fd, length)) < 0 ? errno : 0;
    if (fd != s->fd) {
        close(fd);
    }
    if (err) {
        error_setg_errno(errp, err, "'%s' cannot be resized to %" PRId64 " bytes", bs->filename,
                         length);
    }
    return !err;
}

static int64_t file_allocated(BlockNode *bs)
{
    FileState *s = bs->state;
    struct stat st;

    return fstat(s->fd, &st) < 0 ? -1 : (int64_t)st.st_blocks * 512;
}

const BlockDriver block_driver_file = {
    .name = "file",
    .options = file_options,
    .open = file_open,
    .close = file_close,
    .submit = file_submit,
    .cancel = file_cancel,
    .get_length = file_get_length,
    .truncate = file_truncate,
    .set_writable = file_set_writable,
    .write_protected = file_write_protected,
    .allocated = file_allocated,
};

const BlockDriver block_driver_host_device = {
    .name = "host_device",
    .options = file_options,
    .open = host_device_open,
    .close = file_close,
    .submit = file_submit,
    .cancel = file_cancel,
    .get_length = file_get_length,
    .truncate = file_truncate,
    .set_writable = file_set_writable,
    .write_protected = file_write_protected,
    .allocated = file_allocated,
};
