/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests of the block layer: files in a scratch folder, nodes from options, requests that are
 * waited for. */
#ifndef TESTS_UNIT_BLOCK_TEST_UTIL_H
#define TESTS_UNIT_BLOCK_TEST_UTIL_H

#include "aio-test-util.h"
#include "block/block-monitor.h"

#include "../../block/block-private.h"

#include <fcntl.h>
#include <glib/gstdio.h>

static char *dir; /* scratch */

static inline void block_test_init(int *argc, char ***argv)
{
    g_test_init(argc, argv, NULL);
    g_assert_true(aio_init_main(NULL));
    /* Not /tmp: that may be a tmpfs, where there is no disk to wait for. */
    dir = g_strdup("/var/tmp/test-block-XXXXXX");
    g_assert_nonnull(g_mkdtemp(dir));
}

/* Runs the tests, removes the folder. */
static inline int block_test_run(void)
{
    int ret = g_test_run();
    GDir *d = g_dir_open(dir, 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(d))) {
        g_autofree char *path = g_build_filename(dir, name, NULL);

        g_remove(path);
    }
    g_dir_close(d);
    g_rmdir(dir);
    g_free(dir);
    return ret;
}

static inline char *make_file(const char *name, off_t size)
{
    char *path = g_build_filename(dir, name, NULL);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(ftruncate(fd, size), ==, 0);
    close(fd);
    return path;
}

static inline bool try_blockdev(GError **errp, const char *fmt, ...) QEMU_PRINTF(2, 3);
static inline bool try_blockdev(GError **errp, const char *fmt, ...)
{
    g_autofree char *text = NULL;
    g_autoptr(json_object) opts = NULL;
    bool is_json = false;
    va_list ap;

    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    opts = keyval_parse(text, "driver", &is_json, errp);
    return opts && blockdev_add(opts, !is_json, errp);
}

#define blockdev(...) \
    do { \
        g_autoptr(GError) err_ = NULL; \
        try_blockdev(&err_, __VA_ARGS__); \
        g_assert_no_error(err_); \
    } while (0)

#define blockdev_fails(words, ...) \
    do { \
        g_autoptr(GError) err_ = NULL; \
        g_assert_false(try_blockdev(&err_, __VA_ARGS__)); \
        g_test_message("%s", err_->message); \
        g_assert_nonnull(strstr(err_->message, words)); \
    } while (0)

#define drive_fails(words, text) \
    do { \
        g_autoptr(GError) err_ = NULL; \
        g_assert_false(drive_add(text, NULL, &err_)); \
        g_test_message("%s", err_->message); \
        g_assert_nonnull(strstr(err_->message, words)); \
    } while (0)

static inline BlockBackend *attach(const char *name)
{
    g_autoptr(GError) err = NULL;
    BlockBackend *blk = blk_attach_dev(name, NULL, true, &err);

    g_assert_no_error(err);
    return blk;
}

static inline void del(const char *name)
{
    g_autoptr(GError) err = NULL;

    block_node_del(name, &err);
    g_assert_no_error(err);
}

typedef struct Io {
    BlkRequest req;
    struct iovec iov[4];
    bool done;
    int ret;
} Io;

static inline void io_complete(BlkRequest *req, int ret)
{
    Io *io = container_of(req, Io, req);

    g_assert_true(aio_in_home(req->ctx));
    g_assert_false(io->done);
    io->ret = ret;
    io->done = true;
}

static inline int io_run(BlockBackend *blk, Io *io)
{
    io->done = false;
    io->req.complete = io_complete;
    io->req.iov = io->iov;
    blk_submit(blk, &io->req, aio_get_main());
    g_assert_false(io->done);
    while (!io->done) {
        aio_poll(aio_get_main(), true);
    }
    return io->ret;
}

static inline int rw(BlockBackend *blk, BlkOp op, uint64_t offset, void *buf, size_t len,
                     unsigned flags)
{
    Io io = {.req = {.op = op, .offset = offset, .bytes = len, .niov = 1, .flags = flags},
             .iov = {{buf, len}}};

    return io_run(blk, &io);
}

static inline int op(BlockBackend *blk, BlkOp what, uint64_t offset, uint64_t len, unsigned flags)
{
    Io io = {.req = {.op = what, .offset = offset, .bytes = len, .flags = flags}};

    return io_run(blk, &io);
}

static inline void pattern(void *buf, size_t len, unsigned seed)
{
    for (size_t i = 0; i < len; i++) {
        ((uint8_t *)buf)[i] = (i * 7 + i / 251 + seed * 31) | 1;
    }
}

static inline void check_file(const char *path, off_t at, const void *data, size_t len)
{
    g_autofree char *back = g_malloc(len);
    int fd = open(path, O_RDONLY);

    g_assert_cmpint(pread(fd, back, len, at), ==, len);
    g_assert_cmpmem(back, len, data, len);
    close(fd);
}

#endif
