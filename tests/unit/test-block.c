/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The block layer on real files: data, alignment, ends of files, locking, errors, draining,
 * options. */
#include "aio-test-util.h"
#include "block/block-monitor.h"

#include "../../block/block-private.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

static char *dir; /* scratch */

/* --- helpers
 * ------------------------------------------------------------------------------------------- */

static char *make_file(const char *name, off_t size)
{
    char *path = g_build_filename(dir, name, NULL);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(ftruncate(fd, size), ==, 0);
    close(fd);
    return path;
}

static bool try_blockdev(GError **errp, const char *fmt, ...) QEMU_PRINTF(2, 3);
static bool try_blockdev(GError **errp, const char *fmt, ...)
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
        g_assert_false(drive_add(text, &err_)); \
        g_test_message("%s", err_->message); \
        g_assert_nonnull(strstr(err_->message, words)); \
    } while (0)

static BlockBackend *attach(const char *name)
{
    g_autoptr(GError) err = NULL;
    BlockBackend *blk = blk_attach_dev(name, NULL, true, &err);

    g_assert_no_error(err);
    return blk;
}

static void del(const char *name)
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

static void io_complete(BlkRequest *req, int ret)
{
    Io *io = container_of(req, Io, req);

    g_assert_true(aio_in_home(req->ctx));
    g_assert_false(io->done);
    io->ret = ret;
    io->done = true;
}

static int io_run(BlockBackend *blk, Io *io)
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

static int rw(BlockBackend *blk, BlkOp op, uint64_t offset, void *buf, size_t len, unsigned flags)
{
    Io io = {.req = {.op = op, .offset = offset, .bytes = len, .niov = 1, .flags = flags},
             .iov = {{buf, len}}};

    return io_run(blk, &io);
}

static int op(BlockBackend *blk, BlkOp what, uint64_t offset, uint64_t len, unsigned flags)
{
    Io io = {.req = {.op = what, .offset = offset, .bytes = len, .flags = flags}};

    return io_run(blk, &io);
}

static void pattern(void *buf, size_t len, unsigned seed)
{
    for (size_t i = 0; i < len; i++) {
        ((uint8_t *)buf)[i] = (i * 7 + i / 251 + seed * 31) | 1;
    }
}

static void check_file(const char *path, off_t at, const void *data, size_t len)
{
    g_autofree char *back = g_malloc(len);
    int fd = open(path, O_RDONLY);

    g_assert_cmpint(pread(fd, back, len, at), ==, len);
    g_assert_cmpmem(back, len, data, len);
    close(fd);
}

/* --- data
 * -------------------------------------------------------------------------------------------------
 */

/* Writes and reads with vectors, at aligned and unaligned places in memory. */
static void data_round(const char *options, unsigned seed)
{
    g_autofree char *path = make_file("data.img", 8 * MiB);
    g_autofree char *mem = g_malloc(3 * MiB), *back = g_malloc(3 * MiB);
    char *a = (char *)ALIGN_UP((uintptr_t)mem, 4096), *b = (char *)ALIGN_UP((uintptr_t)back, 4096);
    BlockBackend *blk;
    Io io = {.iov = {{a, 4096}, {a + 8192, 1 * MiB}, {a + 2 * MiB, 512}}};

    blockdev("raw,node-name=top,file.driver=file,file.filename=%s,%s", path, options);
    blk = attach("top");
    g_assert_cmpint(blk_getlength(blk), ==, 8 * MiB);
    pattern(mem, 3 * MiB, seed);

    io.req =
        (BlkRequest){.op = BLK_WRITE, .offset = 64 * KiB, .bytes = 4096 + MiB + 512, .niov = 3};
    g_assert_cmpint(io_run(blk, &io), ==, 0);
    check_file(path, 64 * KiB, a, 4096);
    check_file(path, 68 * KiB, a + 8192, MiB);
    check_file(path, 68 * KiB + MiB, a + 2 * MiB, 512);
    io = (Io){.iov = {{b, 512}, {b + 512, 4096 - 512}, {b + 8192, MiB + 512}}};
    io.req = (BlkRequest){.op = BLK_READ, .offset = 64 * KiB, .bytes = 4096 + MiB + 512, .niov = 3};
    g_assert_cmpint(io_run(blk, &io), ==, 0);
    g_assert_cmpmem(b, 4096, a, 4096);
    g_assert_cmpmem(b + 8192, MiB, a + 8192, MiB);
    g_assert_cmpmem(b + 8192 + MiB, 512, a + 2 * MiB, 512);

    /* Memory at an odd address, a vector cut at odd places: bounced where O_DIRECT needs it. */
    io = (Io){.iov = {{a + 1, 1000}, {a + 5001, 24}}};
    io.req = (BlkRequest){
        .op = BLK_WRITE, .offset = 512, .bytes = 1024, .niov = 2, .flags = BLK_REQ_FUA};
    g_assert_cmpint(io_run(blk, &io), ==, 0);
    check_file(path, 512, a + 1, 1000);
    check_file(path, 1512, a + 5001, 24);
    g_assert_cmpint(rw(blk, BLK_READ, 512, b + 3, 1024, 0), ==, 0);
    g_assert_cmpmem(b + 3, 1000, a + 1, 1000);
    g_assert_cmpint(op(blk, BLK_FLUSH, 0, 0, 0), ==, 0);

    /* Beyond the end. */
    g_assert_cmpint(rw(blk, BLK_READ, 8 * MiB - 512, b, 1024, 0), ==, -EIO);
    g_assert_cmpint(rw(blk, BLK_WRITE, UINT64_MAX - 511, b, 512, 0), ==, -EIO);
    g_assert_cmpint(op(blk, BLK_READ, 8 * MiB, 0, 0), ==, 0);
    blk_detach_dev(blk);
    del("top");
}

static void test_data(void)
{
    data_round("file.aio=threads", 1);
    data_round("cache.direct=on", 2);
    data_round("cache.no-flush=on", 3);
    if (aio_has_io_uring(aio_get_main())) {
        data_round("file.aio=io_uring", 4);
        data_round("file.aio=io_uring,cache.direct=on", 5);
        data_round("file.aio=native,cache.direct=on", 6);
    } else {
        blockdev_fails("aio=io_uring: this host has no io_uring",
                       "file,node-name=x,filename=x,aio=io_uring");
    }
}

/* More vectors than one system call takes. */
static void test_many_vectors(void)
{
    enum { N = 3000 };
    g_autofree char *path = make_file("vec.img", 4 * MiB);
    g_autofree struct iovec *iov = g_new(struct iovec, N);
    g_autofree char *mem = g_malloc(N * 512), *back = g_malloc0(N * 512);
    const char *modes[] = {"threads", "io_uring"};

    pattern(mem, N * 512, 9);
    for (int m = 0; m < 1 + aio_has_io_uring(aio_get_main()); m++) {
        Io io = {.req = {.complete = io_complete, .bytes = N * 512, .niov = N, .iov = iov}};
        BlockBackend *blk;

        blockdev("file,node-name=v,filename=%s,aio=%s", path, modes[m]);
        blk = attach("v");
        for (int pass = 0; pass < 2; pass++) {
            for (int i = 0; i < N; i++) {
                iov[i] = (struct iovec){(pass ? back : mem) + i * 512, 512};
            }
            io.req.op = pass ? BLK_READ : BLK_WRITE;
            io.done = false;
            blk_submit(blk, &io.req, aio_get_main());
            while (!io.done) {
                aio_poll(aio_get_main(), true);
            }
            g_assert_cmpint(io.ret, ==, 0);
        }
        g_assert_cmpmem(mem, N * 512, back, N * 512);
        blk_detach_dev(blk);
        del("v");
    }
}

static void test_short_file(void)
{
    const char *modes[] = {"threads", "io_uring"};
    char buf[2048], want[2048] = {0};

    for (int m = 0; m < 1 + aio_has_io_uring(aio_get_main()); m++) {
        for (int direct = 0; direct < 2; direct++) {
            g_autofree char *path = make_file("short.img", 0);
            BlockBackend *blk;
            struct stat st;

            pattern(want, 700, 4);
            g_assert_true(g_file_set_contents(path, want, 700, NULL));
            blockdev("file,node-name=s,filename=%s,aio=%s,cache.direct=%s", path, modes[m],
                     direct ? "on" : "off");
            blk = attach("s");
            g_assert_cmpint(blk_getlength(blk), ==, 1024);
            memset(buf, 0x55, sizeof(buf));
            g_assert_cmpint(rw(blk, BLK_READ, 0, buf, 1024, 0), ==, 0);
            g_assert_cmpmem(buf, 1024, want, 1024);
            memset(buf, 0x55, sizeof(buf));
            g_assert_cmpint(rw(blk, BLK_READ, 512, buf, 512, 0), ==, 0);
            g_assert_cmpmem(buf, 512, want + 512, 512);
            g_assert_cmpint(rw(blk, BLK_WRITE, 512, buf, 512, 0), ==, 0);
            g_assert_cmpint(stat(path, &st), ==, 0);
            g_assert_cmpint(st.st_size, ==, 1024);
            /* Cut behind our back: what is gone reads as zeros. */
            g_assert_cmpint(truncate(path, 512), ==, 0);
            memset(buf, 0x55, sizeof(buf));
            g_assert_cmpint(rw(blk, BLK_READ, 512, buf, 512, 0), ==, 0);
            memset(want, 0, 512);
            g_assert_cmpmem(buf, 512, want, 512);
            blk_detach_dev(blk);
            del("s");
        }
    }
}

static void test_raw_window(void)
{
    g_autofree char *path = make_file("window.img", 1 * MiB);
    BlockBackend *blk;
    char buf[512];

    blockdev("raw,node-name=w,offset=65536,size=4096,file.driver=file,file.filename=%s", path);
    blk = attach("w");
    g_assert_cmpint(blk_getlength(blk), ==, 4096);
    g_assert_nonnull(blk->fast);
    g_assert_cmpuint(blk->fast_offset, ==, 65536);
    pattern(buf, 512, 7);
    g_assert_cmpint(rw(blk, BLK_WRITE, 1024, buf, 512, 0), ==, 0);
    check_file(path, 65536 + 1024, buf, 512);
    g_assert_cmpint(rw(blk, BLK_WRITE, 4096, buf, 512, 0), ==, -EIO);
    blk_detach_dev(blk);
    del("w");
    blockdev_fails("beyond the end",
                   "raw,node-name=w,offset=65536,size=1M,file.driver=file,file.filename=%s", path);
    blockdev_fails("beyond the end", "raw,node-name=w,offset=2M,file.driver=file,file.filename=%s",
                   path);
    blockdev_fails("multiples of 512",
                   "raw,node-name=w,offset=100,file.driver=file,file.filename=%s", path);
}

static void test_zeroes(void)
{
    g_autofree char *path = make_file("zero.img", 1 * MiB);
    g_autofree char *ones = g_malloc(64 * KiB), *zeros = g_malloc0(64 * KiB);
    static const char *const variants[] = {"off", "on", "unmap"};
    struct stat before, after;
    BlockBackend *blk;

    memset(ones, 1, 64 * KiB);
    for (int v = 0; v < 3; v++) {
        blockdev("raw,node-name=z,discard=unmap,detect-zeroes=%s,file.driver=file,file.filename=%s",
                 variants[v], path);
        blk = attach("z");
        g_assert_true((blk->fast != NULL) == (v == 0));
        for (int i = 0; i < 16; i++) {
            g_assert_cmpint(rw(blk, BLK_WRITE, i * 64 * KiB, ones, 64 * KiB, 0), ==, 0);
        }
        g_assert_cmpint(op(blk, BLK_FLUSH, 0, 0, 0), ==, 0);
        stat(path, &before);
        g_assert_cmpint(op(blk, BLK_WRITE_ZEROES, 64 * KiB, 64 * KiB, 0), ==, 0);
        check_file(path, 64 * KiB, zeros, 64 * KiB);
        check_file(path, 128 * KiB, ones, 64 * KiB);
        g_assert_cmpint(op(blk, BLK_WRITE_ZEROES, 128 * KiB + 512, 1024, BLK_REQ_FUA), ==, 0);
        check_file(path, 128 * KiB + 512, zeros, 1024);
        check_file(path, 128 * KiB, ones, 512);
        check_file(path, 128 * KiB + 1536, ones, 512);
        g_assert_cmpint(op(blk, BLK_WRITE_ZEROES, 256 * KiB, 64 * KiB, BLK_REQ_MAY_UNMAP), ==, 0);
        check_file(path, 256 * KiB, zeros, 64 * KiB);
        g_assert_cmpint(op(blk, BLK_DISCARD, 512 * KiB, 256 * KiB, 0), ==, 0);
        stat(path, &after);
        g_assert_cmpint(after.st_blocks, <=, before.st_blocks - 512);
        g_assert_cmpint(rw(blk, BLK_WRITE, 896 * KiB, zeros, 64 * KiB, 0), ==, 0);
        check_file(path, 896 * KiB, zeros, 64 * KiB);
        stat(path, &before);
        g_assert_true(v != 2 || before.st_blocks <= after.st_blocks - 128);
        blk_detach_dev(blk);
        del("z");
    }
    /* discard=ignore, the default: nothing is given back. */
    blockdev("raw,node-name=z,file.driver=file,file.filename=%s", path);
    blk = attach("z");
    g_assert_cmpint(rw(blk, BLK_WRITE, 0, ones, 64 * KiB, 0), ==, 0);
    g_assert_cmpint(op(blk, BLK_DISCARD, 0, 64 * KiB, 0), ==, 0);
    check_file(path, 0, ones, 64 * KiB);
    blk_detach_dev(blk);
    del("z");
    blockdev_fails("detect-zeroes=unmap needs discard=unmap",
                   "null-co,node-name=z,detect-zeroes=unmap");
}

/* What a file system that can neither punch nor zero ranges would make happen. */
static void test_zeroes_fallback(void)
{
    g_autofree char *path = make_file("fallback.img", 1 * MiB);
    g_autofree char *ones = g_malloc(1 * MiB), *want = g_malloc(1 * MiB);
    BlockBackend *blk;

    for (int direct = 0; direct < 2; direct++) {
        FileState *s;

        blockdev("file,node-name=f,discard=unmap,filename=%s,cache.direct=%s", path,
                 direct ? "on" : "off");
        blk = attach("f");
        s = blk->root->state;
        s->no_punch = s->no_zero_range = true;
        blk->root->request_alignment = MAX(blk->root->request_alignment, 4096);
        memset(ones, 1, 1 * MiB);
        memcpy(want, ones, 1 * MiB);
        g_assert_cmpint(rw(blk, BLK_WRITE, 0, ones, 1 * MiB, 0), ==, 0);
        g_assert_cmpint(op(blk, BLK_WRITE_ZEROES, 4096, 200 * KiB, 0), ==, 0);
        memset(want + 4096, 0, 200 * KiB);
        g_assert_cmpint(op(blk, BLK_WRITE_ZEROES, 400 * KiB + 512, 100 * KiB, BLK_REQ_MAY_UNMAP),
                        ==, 0);
        memset(want + 400 * KiB + 512, 0, 100 * KiB);
        g_assert_cmpint(op(blk, BLK_WRITE_ZEROES, 0, 4096, BLK_REQ_NO_FALLBACK), ==, -ENOTSUP);
        g_assert_cmpint(op(blk, BLK_DISCARD, 0, 4096, 0), ==, 0);
        check_file(path, 0, want, 1 * MiB);
        blk_detach_dev(blk);
        del("f");
    }
}

/* --- read, modify, write
 * -------------------------------------------------------------------------------- */

typedef struct WriterIo {
    BlkRequest req;
    struct Writer *w;
    struct iovec iov;
} WriterIo;

typedef struct Writer {
    TestLoop loop;
    BlockBackend *blk;
    WriterIo io[16];
    char *buf;
    int id, left, round;
    QemuEvent done;
} Writer;

static void writer_next(Writer *w);

static void writer_complete(BlkRequest *req, int ret)
{
    Writer *w = container_of(req, WriterIo, req)->w;

    g_assert_cmpint(ret, ==, 0);
    if (--w->left == 0) {
        writer_next(w);
    }
}

/* Sectors id, id + 2, id + 4 ... of the first 16 KiB: two writers share each 4 KiB block. */
static void writer_next(Writer *w)
{
    if (w->round++ == 20) {
        qemu_event_set(&w->done);
        return;
    }
    w->left = 16;
    for (int i = 0; i < 16; i++) {
        WriterIo *io = &w->io[i];
        int sector = w->id + 2 * i;

        io->w = w;
        io->iov = (struct iovec){w->buf + sector * 512, 512};
        memset(io->iov.iov_base, w->round * 2 + w->id, 512);
        io->req = (BlkRequest){.op = BLK_WRITE,
                               .offset = sector * 512,
                               .bytes = 512,
                               .iov = &io->iov,
                               .niov = 1,
                               .complete = writer_complete};
        blk_submit(w->blk, &io->req, w->loop.ctx);
    }
}

static void writer_start(void *opaque)
{
    writer_next(opaque);
}

static void test_rmw(void)
{
    g_autofree char *path = make_file("rmw.img", 16 * KiB);
    g_autofree char *want = g_malloc(16 * KiB), *raw = g_malloc(3 * 16 * KiB);
    Writer w[2] = {0};
    BlockBackend *blk;

    blockdev("file,node-name=m,filename=%s,cache.direct=on", path);
    blk = attach("m");
    /* As on a disk with 4 KiB sectors. */
    blk->root->request_alignment = 4096;
    ((FileState *)blk->root->state)->track = true;
    for (int i = 0; i < 2; i++) {
        w[i].blk = blk;
        w[i].id = i;
        w[i].buf = (char *)ALIGN_UP((uintptr_t)raw, 4096) + i * 16 * KiB;
        qemu_event_init(&w[i].done, false);
        test_loop_start(&w[i].loop, "writer");
        aio_post(w[i].loop.ctx, writer_start, &w[i]);
    }
    for (int i = 0; i < 2; i++) {
        qemu_event_wait(&w[i].done);
    }
    for (int s = 0; s < 32; s++) {
        memset(want + s * 512, 20 * 2 + s % 2, 512);
    }
    check_file(path, 0, want, 16 * KiB);
    blk_detach_dev(blk);
    for (int i = 0; i < 2; i++) {
        test_loop_stop(&w[i].loop);
    }
    del("m");
}

/* --- locking
 * ------------------------------------------------------------------------------------------------
 */

static void test_locking(void)
{
    g_autofree char *path = g_test_subprocess() ? g_strdup(g_getenv("TEST_BLOCK_IMAGE"))
                                                : make_file("lock.img", 1 * MiB);
    g_autoptr(GError) err = NULL;
    BlockBackend *blk;

    if (g_test_subprocess()) {
        g_autofree char *ro = g_strdup_printf("file,node-name=r,read-only=on,filename=%s", path);

        blockdev_fails("is locked: another process", "file,node-name=l,filename=%s", path);
        blockdev_fails("lock.img", "%s", ro);
        blockdev("file,node-name=l,locking=off,filename=%s", path);
        return;
    }
    /* A writer, and somebody in another process. */
    blockdev("file,node-name=l,filename=%s", path);
    g_setenv("TEST_BLOCK_IMAGE", path, true);
    g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
    g_test_trap_assert_passed();
    /* A second node of this process. */
    blockdev_fails("is locked", "file,node-name=l2,filename=%s", path);
    del("l");
    /* Readers share. */
    blockdev("file,node-name=l,read-only=on,filename=%s", path);
    blockdev("file,node-name=l2,read-only=on,filename=%s", path);
    blockdev_fails("is locked", "file,node-name=l3,filename=%s", path);
    del("l2");
    del("l");
    /* auto-read-only: locked for writing while somebody writes. */
    blockdev("file,node-name=l,auto-read-only=on,filename=%s", path);
    blockdev("file,node-name=l2,auto-read-only=on,filename=%s", path);
    g_assert_null(blk_attach_dev("l", NULL, true, &err));
    g_assert_nonnull(strstr(err->message, "is locked"));
    del("l2");
    blk = attach("l");
    blockdev_fails("is locked", "file,node-name=l2,read-only=on,filename=%s", path);
    blk_detach_dev(blk);
    blockdev("file,node-name=l2,read-only=on,filename=%s", path);
    del("l2");
    del("l");
}

/* --- errors
 * ----------------------------------------------------------------------------------------------------
 */

static void test_blkdebug(void)
{
    g_autofree char *path = make_file("debug.img", 1 * MiB);
    BlockBackend *blk;
    char buf[4096];

    blockdev("file,node-name=base,filename=%s", path);
    blockdev("{'driver': 'blkdebug', 'node-name': 'dbg', 'image': 'base', 'inject-error': ["
             "{'event': 'none', 'iotype': 'read', 'sector': 8, 'errno': 61},"
             "{'event': 'write_aio', 'errno': 28, 'iotype': 'write', 'once': true},"
             "{'event': 'flush_to_disk', 'iotype': 'flush', 'once': true, 'immediately': true}]}");
    blk = attach("dbg");
    g_assert_null(blk->fast);
    g_assert_cmpint(rw(blk, BLK_READ, 0, buf, 4096, 0), ==, 0);
    g_assert_cmpint(rw(blk, BLK_READ, 4096, buf, 512, 0), ==, -ENODATA);
    g_assert_cmpint(rw(blk, BLK_READ, 1024, buf, 4096, 0), ==, -ENODATA);
    g_assert_cmpint(rw(blk, BLK_READ, 4608, buf, 512, 0), ==, 0);
    g_assert_cmpint(rw(blk, BLK_WRITE, 0, buf, 512, 0), ==, -ENOSPC);
    g_assert_cmpint(rw(blk, BLK_WRITE, 0, buf, 512, 0), ==, 0);
    g_assert_cmpint(op(blk, BLK_FLUSH, 0, 0, 0), ==, -EIO);
    g_assert_cmpint(op(blk, BLK_FLUSH, 0, 0, 0), ==, 0);
    blk_detach_dev(blk);
    del("dbg");
    blockdev("blkdebug,node-name=dbg,image=base,inject-error.0.event=none,inject-error.0.once=on");
    blk = attach("dbg");
    g_assert_cmpint(rw(blk, BLK_READ, 0, buf, 512, 0), ==, -EIO);
    g_assert_cmpint(rw(blk, BLK_READ, 0, buf, 512, 0), ==, 0);
    blk_detach_dev(blk);
    del("dbg");
    del("base");
    blockdev_fails("event 'x' does not happen",
                   "blkdebug,node-name=d,image.driver=null-co,inject-error.0.event=x");
    blockdev_fails("inject-error has no parameter 'even'; did you mean 'event'",
                   "blkdebug,node-name=d,image.driver=null-co,inject-error.0.event=none,inject-"
                   "error.0.even=x");
    blockdev_fails("needs 'image'", "blkdebug,node-name=d");
}

static BlockBackend *hooked;
static BlockErrorAction hooked_action;

static void hook(BlockBackend *blk, bool is_read, int error, BlockErrorAction action)
{
    hooked = blk;
    hooked_action = action;
}

static void test_policy(void)
{
    BlkErrorHook *old = blk_error_hook;
    g_autoptr(GError) err = NULL;
    BlockBackend *blk;

    blk_error_hook = hook;
    blockdev("null-co,node-name=p");
    blk = attach("p");
    g_assert_cmpint(blk_error_action(blk, true, EIO), ==, BLOCK_ERROR_ACTION_REPORT);
    g_assert_true(hooked == blk && hooked_action == BLOCK_ERROR_ACTION_REPORT);
    g_assert_cmpint(blk_error_action(blk, false, EIO), ==, BLOCK_ERROR_ACTION_REPORT);
    g_assert_cmpint(blk_error_action(blk, false, ENOSPC), ==, BLOCK_ERROR_ACTION_STOP);
    g_assert_cmpint(blk->io_status, ==, ENOSPC);
    g_assert_true(blk_set_error_policy(blk, "stop", "ignore", &err));
    g_assert_cmpint(blk_error_action(blk, true, EIO), ==, BLOCK_ERROR_ACTION_STOP);
    g_assert_cmpint(blk_error_action(blk, false, ENOSPC), ==, BLOCK_ERROR_ACTION_IGNORE);
    g_assert_true(blk_set_error_policy(blk, NULL, "auto", &err));
    g_assert_cmpint(blk_error_action(blk, true, EIO), ==, BLOCK_ERROR_ACTION_STOP);
    g_assert_false(blk_set_error_policy(blk, "enospc", NULL, &err));
    g_assert_nonnull(strstr(err->message, "rerror=enospc"));
    blk_detach_dev(blk);
    del("p");
    blk_error_hook = old;
}

static void test_enospc(void)
{
    g_autofree char *mnt = g_build_filename(dir, "mnt", NULL);
    g_autofree char *path = g_build_filename(mnt, "full.img", NULL);
    g_autofree char *buf = g_malloc(1 * MiB);
    BlockBackend *blk;
    int fd;

    g_mkdir(mnt, 0700);
    if (mount("none", mnt, "tmpfs", 0, "size=256k") < 0) {
        g_test_skip("no right to mount a small tmpfs");
        g_rmdir(mnt);
        return;
    }
    fd = open(path, O_RDWR | O_CREAT, 0600);
    g_assert_cmpint(ftruncate(fd, 4 * MiB), ==, 0);
    close(fd);
    memset(buf, 3, 1 * MiB);
    blockdev("file,node-name=full,filename=%s", path);
    blk = attach("full");
    g_assert_true(((FileState *)blk->root->state)->memory_fs);
    g_assert_cmpint(rw(blk, BLK_WRITE, 0, buf, 64 * KiB, 0), ==, 0);
    g_assert_cmpint(rw(blk, BLK_READ, 0, buf, 64 * KiB, 0), ==, 0);
    /* A part fits, which is no success. */
    g_assert_cmpint(rw(blk, BLK_WRITE, 1 * MiB, buf, 1 * MiB, 0), ==, -ENOSPC);
    blk_detach_dev(blk);
    del("full");
    if (aio_has_io_uring(aio_get_main())) {
        blockdev("file,node-name=full,aio=io_uring,filename=%s", path);
        blk = attach("full");
        g_assert_cmpint(rw(blk, BLK_WRITE, 2 * MiB, buf, 1 * MiB, 0), ==, -ENOSPC);
        blk_detach_dev(blk);
        del("full");
    }
    g_assert_cmpint(umount(mnt), ==, 0);
    g_rmdir(mnt);
}

static void test_read_only(void)
{
    g_autofree char *path = make_file("ro.img", 1 * MiB);
    g_autoptr(GError) err = NULL;
    BlockBackend *blk;
    char buf[512];

    blockdev("raw,node-name=ro,read-only=on,file.driver=file,file.filename=%s", path);
    g_assert_null(blk_attach_dev("ro", NULL, true, &err));
    g_assert_nonnull(strstr(err->message, "'ro' is read-only"));
    blk = blk_attach_dev("ro", NULL, false, NULL);
    g_assert_nonnull(blk);
    g_assert_true(blk_is_read_only(blk));
    g_assert_cmpint(rw(blk, BLK_READ, 0, buf, 512, 0), ==, 0);
    g_assert_cmpint(rw(blk, BLK_WRITE, 0, buf, 512, 0), ==, -EACCES);
    g_assert_cmpint(op(blk, BLK_DISCARD, 0, 512, 0), ==, -EACCES);
    g_assert_cmpint(op(blk, BLK_FLUSH, 0, 0, 0), ==, 0);
    blk_detach_dev(blk);
    del("ro");
}

/* --- drain
 * ----------------------------------------------------------------------------------------------------
 */

/* Keeps 16 requests going from its own context. */
typedef struct Load {
    TestLoop loop;
    BlockBackend *blk;
    struct LoadIo {
        BlkRequest req;
        struct Load *load;
        struct iovec iov;
        char buf[512];
    } io[16];
    bool stop;          /* atomic */
    uint64_t completed; /* atomic */
    int running;        /* home */
    QemuEvent idle;
} Load;

static void load_complete(BlkRequest *req, int ret)
{
    struct LoadIo *io = container_of(req, struct LoadIo, req);
    Load *l = io->load;

    g_assert_cmpint(ret, ==, 0);
    __atomic_fetch_add(&l->completed, 1, __ATOMIC_SEQ_CST);
    if (!__atomic_load_n(&l->stop, __ATOMIC_SEQ_CST)) {
        blk_submit(l->blk, req, l->loop.ctx);
    } else if (--l->running == 0) {
        qemu_event_set(&l->idle);
    }
}

static void load_start(void *opaque)
{
    Load *l = opaque;

    for (int i = 0; i < 16; i++) {
        struct LoadIo *io = &l->io[i];

        io->load = l;
        io->iov = (struct iovec){io->buf, 512};
        io->req = (BlkRequest){.op = i % 4 ? BLK_READ : BLK_WRITE,
                               .offset = i * 512,
                               .bytes = 512,
                               .iov = &io->iov,
                               .niov = 1,
                               .complete = load_complete};
        l->running++;
        blk_submit(l->blk, &io->req, l->loop.ctx);
    }
}

static unsigned inflight(BlockBackend *blk)
{
    unsigned n = 0;

    for (BlkQueue *q = __atomic_load_n(&blk->queues, __ATOMIC_ACQUIRE); q; q = q->next) {
        n += __atomic_load_n(&q->inflight, __ATOMIC_SEQ_CST);
    }
    return n;
}

static BlockBackend *drained;

static void drain_seen(void *opaque)
{
    /* Runs while a drain waits. */
    ++*(int *)opaque;
}

static void drain_under_load(const char *description)
{
    static Load l[2];
    int seen = 0;

    memset(l, 0, sizeof(l));
    blockdev("%s", description);
    drained = attach("load");
    for (int i = 0; i < 2; i++) {
        l[i].blk = drained;
        qemu_event_init(&l[i].idle, false);
        test_loop_start(&l[i].loop, "load");
        aio_post(l[i].loop.ctx, load_start, &l[i]);
    }
    for (int round = 0; round < 30; round++) {
        uint64_t before[2];

        for (int i = 0; i < 2; i++) {
            before[i] = __atomic_load_n(&l[i].completed, __ATOMIC_SEQ_CST);
        }
        aio_post(aio_get_main(), drain_seen, &seen);
        if (round % 2) {
            blk_drain(drained);
        } else {
            blk_drain_all();
        }
        /* It goes on by itself. */
        for (int i = 0; i < 2; i++) {
            while (__atomic_load_n(&l[i].completed, __ATOMIC_SEQ_CST) < before[i] + 16) {
                aio_poll(aio_get_main(), false);
            }
        }
    }
    g_assert_cmpint(seen, >, 0);
    g_assert_cmpint(blk_flush_all(), ==, 0);
    for (int i = 0; i < 2; i++) {
        __atomic_store_n(&l[i].stop, true, __ATOMIC_SEQ_CST);
        qemu_event_wait(&l[i].idle);
    }
    blk_drain(drained);
    g_assert_cmpuint(inflight(drained), ==, 0);
    blk_detach_dev(drained);
    for (int i = 0; i < 2; i++) {
        test_loop_stop(&l[i].loop);
    }
    del("load");
}

static void test_drain(void)
{
    g_autofree char *path = make_file("load.img", 1 * MiB);
    g_autofree char *file = g_strdup_printf("file,node-name=load,filename=%s", path);
    g_autofree char *ring = g_strdup_printf("file,node-name=load,aio=io_uring,filename=%s", path);

    drain_under_load("null-co,node-name=load");
    drain_under_load("null-aio,node-name=load,latency-ns=100000");
    drain_under_load(file);
    if (aio_has_io_uring(aio_get_main())) {
        drain_under_load(ring);
    }
}

static bool held_done;

static void held_complete(BlkRequest *req, int ret)
{
    held_done = true;
}

static void submit_while_quiesced(void *opaque)
{
    blk_submit(drained, opaque, aio_get_main());
}

/* What is submitted during a drain starts after it. */
static void test_held(void)
{
    Io slow = {.req = {.op = BLK_FLUSH, .complete = io_complete}};
    BlkRequest late = {.op = BLK_FLUSH, .complete = held_complete};

    blockdev("null-co,node-name=held,latency-ns=20000000");
    drained = attach("held");
    blk_submit(drained, &slow.req, aio_get_main());
    aio_post(aio_get_main(), submit_while_quiesced, &late);
    held_done = false;
    blk_drain(drained);
    g_assert_true(slow.done);
    g_assert_false(held_done);
    while (!held_done) {
        aio_poll(aio_get_main(), true);
    }
    blk_detach_dev(drained);
    del("held");
}

/* --- graph and options
 * ------------------------------------------------------------------------------------------ */

static void test_options(void)
{
    g_autofree char *path = make_file("opt.img", 1 * MiB);
    g_autoptr(GError) err = NULL;
    BlockBackend *blk;

    blockdev_fails("'node-name' must be specified", "null-co");
    blockdev_fails("Parameter 'driver' is missing", "node-name=x");
    blockdev_fails("did you mean 'file'", "fil,node-name=x");
    blockdev_fails("there are: file, host_device, raw", "qcow2,node-name=x");
    blockdev_fails("has no parameter 'sise'; did you mean 'size'", "null-co,node-name=x,sise=1M");
    blockdev_fails("starts with a letter", "null-co,node-name=1x");
    blockdev_fails("starts with a letter", "null-co,node-name=a/b");
    blockdev_fails("Could not open '/nonexistent/a'", "file,node-name=x,filename=/nonexistent/a");
    blockdev_fails("'filename' is missing", "file,node-name=x");
    blockdev_fails("is no regular file", "file,node-name=x,filename=/dev/null");
    blockdev_fails("is no block device", "host_device,node-name=x,filename=%s", path);
    blockdev_fails("'aio' does not accept value 'fast'", "file,node-name=x,aio=fast,filename=%s",
                   path);
    blockdev_fails("aio=native needs cache.direct=on", "file,node-name=x,aio=native,filename=%s",
                   path);
    blockdev_fails("'locking' does not accept", "file,node-name=x,locking=perhaps,filename=%s",
                   path);
    blockdev_fails("'discard' does not accept value 'on'", "null-co,node-name=x,discard=on");
    blockdev_fails("cache has no parameter 'drect'; did you mean 'direct'",
                   "null-co,node-name=x,cache.drect=on");
    blockdev_fails("there is no node of this name", "raw,node-name=x,file=nothing");
    blockdev_fails("needs 'file'", "raw,node-name=x");
    g_assert_null(block_node_find("x"));

    blockdev("{'driver': 'file', 'node-name': 'f', 'filename': '%s', 'cache.direct': true, "
             "'cache': {'no-flush': true}}",
             path);
    g_assert_true(block_node_find("f")->cache_direct);
    g_assert_true(block_node_find("f")->cache_no_flush);
    blockdev_fails("in use already", "null-co,node-name=f");
    blockdev("raw,node-name=r,file=f");
    g_assert_false(block_node_del("f", &err));
    g_assert_nonnull(strstr(err->message, "is in use"));
    g_clear_error(&err);
    g_assert_false(block_node_del("nope", &err));
    g_clear_error(&err);
    blk = attach("r");
    g_assert_cmpstr(blk_name(blk), ==, "r");
    g_assert_null(blk_attach_dev("r", NULL, false, &err));
    g_assert_nonnull(strstr(err->message, "another device or node writes to it"));
    g_clear_error(&err);
    g_assert_null(blk_attach_dev("f", NULL, false, &err));
    g_clear_error(&err);
    blockdev_fails("writes to it", "raw,node-name=r2,file=f");
    g_assert_false(block_node_del("r", &err));
    g_clear_error(&err);
    blk_detach_dev(blk);
    del("r");
    del("f");
    g_assert_null(blk_attach_dev("f", NULL, false, &err));
    g_assert_nonnull(strstr(err->message, "'f'"));
}

static void test_drive(void)
{
    g_autofree char *path = make_file("drive,1.img", 1 * MiB);
    g_autofree char *comma = g_build_filename(dir, "drive,,1.img", NULL);
    g_autofree char *qcow = g_build_filename(dir, "x.qcow2", NULL);
    g_autofree char *text = g_strdup_printf(
        "if=none,id=d0,file=%s,format=raw,cache=none,aio=native,werror=stop,rerror=ignore,"
        "discard=unmap,detect-zeroes=unmap,file.locking=off",
        comma);
    g_autofree char *wt =
        g_strdup_printf("file=%s,if=none,id=d1,cache=writethrough,readonly=on", comma);
    g_autofree char *q1 = g_strdup_printf("file=%s,if=none,id=q", qcow);
    g_autofree char *q2 = g_strdup_printf("file=%s,if=none,id=q,format=raw", qcow);
    g_autofree char *q3 = g_strdup_printf("file.driver=file,file.filename=%s,if=none,id=q", comma);
    g_autoptr(GError) err = NULL;
    BlockBackend *blk;

    g_assert_true(drive_add(text, &err));
    drive_fails("in use already", "if=none,id=d0,driver=null-co");
    blk = attach("d0");
    g_assert_cmpstr(blk_name(blk), ==, "d0");
    g_assert_true(blk->root->cache_direct && blk->root->file->cache_direct &&
                  blk->root->discard_unmap);
    g_assert_cmpstr(blk->root->filename, ==, path);
    g_assert_true(blk_write_cache_enabled(blk));
    g_assert_cmpint(blk_error_action(blk, false, EIO), ==, BLOCK_ERROR_ACTION_STOP);
    g_assert_cmpint(blk_error_action(blk, true, EIO), ==, BLOCK_ERROR_ACTION_IGNORE);
    g_assert_false(blk_is_read_only(blk));
    g_assert_null(blk_attach_dev("d0", NULL, false, &err));
    g_clear_error(&err);
    blk_detach_dev(blk);
    g_assert_null(blk_find("d0"));

    g_assert_true(drive_add(wt, &err));
    blk = blk_attach_dev("d1", NULL, false, &err);
    g_assert_true(blk_is_read_only(blk));
    g_assert_false(blk_write_cache_enabled(blk));
    blk_detach_dev(blk);

    g_assert_true(drive_add("file=null-co://,if=none,id=n,file.size=64K", &err));
    blk = attach("n");
    g_assert_cmpint(blk_getlength(blk), ==, 64 * KiB);
    blk_detach_dev(blk);
    g_assert_true(drive_add("driver=null-aio,if=none,id=n,size=1M,cache=directsync", &err));
    blk = attach("n");
    g_assert_cmpint(blk_getlength(blk), ==, 1 * MiB);
    blk_detach_dev(blk);
    g_assert_true(drive_add(q3, &err));
    blk_detach_dev(blk_find("q"));

    g_assert_true(g_file_set_contents(qcow, "QFI\xfb rest", 9, NULL));
    drive_fails("looks like an image in a format other than raw", q1);
    g_assert_true(drive_add(q2, &err));
    blk_detach_dev(blk_find("q"));
    drive_fails("-device", "file=x,if=virtio");
    drive_fails("-device", "file=x");
    drive_fails("snapshot=on is not supported", "file=x,if=none,snapshot=on");
    drive_fails("cache=fast is not valid", "file=x,if=none,cache=fast");
    drive_fails("werror=perhaps", "file=x,if=none,werror=perhaps");
    drive_fails("unknown protocol 'nbd'", "file=nbd://host/x,if=none");
    drive_fails("needs file=", "if=none,id=e");
    drive_fails("Could not open", "file=/nonexistent/x,if=none,id=e");
    drive_fails("has no parameter 'fromat'", "file=null-co://,if=none,id=e,fromat=raw");
    g_assert_null(blk_find("e"));
}

static void resized(void *opaque)
{
    ++*(int *)opaque;
}

static void test_resize(void)
{
    g_autofree char *path = make_file("resize.img", 1 * MiB);
    g_autoptr(GError) err = NULL;
    int calls = 0;
    BlockBackend *blk;
    struct stat st;

    blockdev("raw,node-name=rs,file.driver=file,file.filename=%s", path);
    blk = attach("rs");
    blk_set_resize_cb(blk, resized, &calls);
    g_assert_true(block_node_truncate(blk->root, 2 * MiB, &err));
    blk_resized(blk);
    g_assert_cmpint(calls, ==, 1);
    g_assert_cmpint(blk_getlength(blk), ==, 2 * MiB);
    stat(path, &st);
    g_assert_cmpint(st.st_size, ==, 2 * MiB);
    blk_detach_dev(blk);
    del("rs");
}

static void test_null(void)
{
    BlockBackend *blk;
    char buf[512];
    int64_t t0;

    blockdev("null-co,node-name=n,read-zeroes=on,latency-ns=3000000");
    blk = attach("n");
    g_assert_cmpint(blk_getlength(blk), ==, GiB);
    memset(buf, 1, sizeof(buf));
    t0 = qemu_clock_get_ns(QEMU_CLOCK_REALTIME);
    g_assert_cmpint(rw(blk, BLK_READ, 0, buf, 512, 0), ==, 0);
    g_assert_cmpint(qemu_clock_get_ns(QEMU_CLOCK_REALTIME) - t0, >=, 3 * SCALE_MS);
    for (int i = 0; i < 512; i++) {
        g_assert_cmpint(buf[i], ==, 0);
    }
    blk_detach_dev(blk);
    del("n");
}

static void empty_dir(void)
{
    GDir *d = g_dir_open(dir, 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(d))) {
        g_autofree char *path = g_build_filename(dir, name, NULL);

        g_remove(path);
    }
    g_dir_close(d);
    g_rmdir(dir);
}

int main(int argc, char **argv)
{
    int ret;

    g_test_init(&argc, &argv, NULL);
    g_assert_true(aio_init_main(NULL));
    /* Not /tmp: that may be a tmpfs, where there is no disk to wait for. */
    dir = g_strdup("/var/tmp/test-block-XXXXXX");
    g_assert_nonnull(g_mkdtemp(dir));
    g_test_add_func("/block/data", test_data);
    g_test_add_func("/block/many-vectors", test_many_vectors);
    g_test_add_func("/block/short-file", test_short_file);
    g_test_add_func("/block/raw-window", test_raw_window);
    g_test_add_func("/block/zeroes", test_zeroes);
    g_test_add_func("/block/zeroes-fallback", test_zeroes_fallback);
    g_test_add_func("/block/rmw", test_rmw);
    g_test_add_func("/block/locking", test_locking);
    g_test_add_func("/block/blkdebug", test_blkdebug);
    g_test_add_func("/block/policy", test_policy);
    g_test_add_func("/block/enospc", test_enospc);
    g_test_add_func("/block/read-only", test_read_only);
    g_test_add_func("/block/drain", test_drain);
    g_test_add_func("/block/held", test_held);
    g_test_add_func("/block/options", test_options);
    g_test_add_func("/block/drive", test_drive);
    g_test_add_func("/block/resize", test_resize);
    g_test_add_func("/block/null", test_null);
    ret = g_test_run();
    empty_dir();
    return ret;
}
