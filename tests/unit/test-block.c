/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The block layer on real files: data, alignment, ends of files, zeroes, writers of neighbouring
 * sectors. */
#include "../include/soak.h"
#include "block-test-util.h"

#include <sys/stat.h>

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
static int rmw_rounds;

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
    if (w->round++ == rmw_rounds) {
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

    rmw_rounds = (int)soak(20, 2000);

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
        memset(want + s * 512, rmw_rounds * 2 + s % 2, 512);
    }
    check_file(path, 0, want, 16 * KiB);
    blk_detach_dev(blk);
    for (int i = 0; i < 2; i++) {
        test_loop_stop(&w[i].loop);
    }
    del("m");
}

int main(int argc, char **argv)
{
    block_test_init(&argc, &argv);
    g_test_add_func("/block/data", test_data);
    g_test_add_func("/block/many-vectors", test_many_vectors);
    g_test_add_func("/block/short-file", test_short_file);
    g_test_add_func("/block/raw-window", test_raw_window);
    g_test_add_func("/block/zeroes", test_zeroes);
    g_test_add_func("/block/zeroes-fallback", test_zeroes_fallback);
    g_test_add_func("/block/rmw", test_rmw);
    g_test_add_func("/block/null", test_null);
    return block_test_run();
}
