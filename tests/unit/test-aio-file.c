/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The event loop: file I/O and workers.  Runs with each engine (QEMU_AIO_ENGINE). */
#include "aio-test-util.h"

#include <fcntl.h>

static AioContext *ctx; /* the test thread's own */

/* --- file I/O
 * ---------------------------------------------------------------------------------------------- */

typedef struct TestReq {
    AioRequest req;
    struct iovec iov[3];
    int res;
    bool done;
} TestReq;

static void req_complete(AioRequest *req, int res)
{
    TestReq *r = container_of(req, TestReq, req);

    g_assert_true(aio_in_home(ctx));
    r->res = res;
    r->done = true;
}

static int req_run(TestReq *r)
{
    r->done = false;
    r->req.complete = req_complete;
    r->req.iov = r->iov;
    aio_submit(ctx, &r->req);
    g_assert_false(r->done); /* never from inside submit */
    while (!r->done) {
        aio_poll(ctx, true);
    }
    return r->res;
}

static void test_file(void)
{
    g_autofree char *name = NULL;
    char a[] = "hello ", b[] = "wor", c[] = "ld", in[32] = {0};
    TestReq r = {.iov = {{a, 6}, {b, 3}, {c, 2}}};
    int fd = g_file_open_tmp("test-aio-XXXXXX", &name, NULL);

    g_assert_cmpint(fd, >=, 0);
    unlink(name);
    r.req = (AioRequest){.op = AIO_WRITEV, .fd = fd, .offset = 3, .niov = 3};
    g_assert_cmpint(req_run(&r), ==, 11);
    r.req = (AioRequest){.op = AIO_FDATASYNC, .fd = fd};
    g_assert_cmpint(req_run(&r), ==, 0);
    r.req = (AioRequest){.op = AIO_FSYNC, .fd = fd};
    g_assert_cmpint(req_run(&r), ==, 0);
    r.iov[0] = (struct iovec){in, sizeof(in)};
    r.req = (AioRequest){.op = AIO_READV, .fd = fd, .niov = 1};
    g_assert_cmpint(req_run(&r), ==, 14); /* short at the end */
    g_assert_cmpmem(in, 14, "\0\0\0hello world", 14);
    r.iov[0].iov_len = 5;
    r.iov[1] = (struct iovec){in + 5, 4};
    r.req = (AioRequest){.op = AIO_READV, .fd = fd, .niov = 2, .offset = 3};
    g_assert_cmpint(req_run(&r), ==, 9);
    g_assert_cmpmem(in, 9, "hello wor", 9);
    r.req = (AioRequest){.op = AIO_FALLOCATE, .fd = fd, .offset = 0, .len = 65536};
    g_assert_cmpint(req_run(&r), ==, 0);
    g_assert_cmpint(lseek(fd, 0, SEEK_END), ==, 65536);
    r.req = (AioRequest){.op = AIO_WRITEV, .fd = fd, .niov = 1, .mode = RWF_DSYNC};
    g_assert_cmpint(req_run(&r), ==, 5);
    close(fd);
    r.req = (AioRequest){.op = AIO_READV, .fd = fd, .niov = 1};
    g_assert_cmpint(req_run(&r), ==, -EBADF);
}

static void test_file_many(void)
{
    enum { N = 1000 };
    g_autofree TestReq *r = g_new0(TestReq, N);
    g_autofree int *value = g_new(int, N);
    g_autofree char *name = NULL;
    int fd = g_file_open_tmp("test-aio-XXXXXX", &name, NULL), back;

    g_assert_cmpint(fd, >=, 0);
    unlink(name);
    for (int i = 0; i < N; i++) {
        value[i] = i * 7;
        r[i].iov[0] = (struct iovec){&value[i], sizeof(int)};
        r[i].req = (AioRequest){.complete = req_complete,
                                .op = AIO_WRITEV,
                                .fd = fd,
                                .offset = i * sizeof(int),
                                .iov = r[i].iov,
                                .niov = 1};
        aio_submit(ctx, &r[i].req);
    }
    for (int i = 0; i < N; i++) {
        while (!r[i].done) {
            aio_poll(ctx, true);
        }
        g_assert_cmpint(r[i].res, ==, sizeof(int));
        g_assert_cmpint(pread(fd, &back, sizeof(back), i * sizeof(int)), ==, sizeof(int));
        g_assert_cmpint(back, ==, i * 7);
    }
    close(fd);
}

/* --- workers
 * --------------------------------------------------------------------------------------------------
 */

typedef struct TestWork {
    AioWork work;
    int number;
    int *done;
} TestWork;

static int square(AioWork *w)
{
    TestWork *t = container_of(w, TestWork, work);

    g_assert_null(aio_get_current());
    if (t->number % 50 == 0) {
        g_usleep(1000);
    }
    return t->number * t->number;
}

static void squared(AioWork *w, int res)
{
    TestWork *t = container_of(w, TestWork, work);

    g_assert_true(aio_in_home(ctx));
    g_assert_cmpint(res, ==, t->number * t->number);
    ++*t->done;
}

static void *submit_elsewhere(void *opaque)
{
    TestWork *t = opaque;

    for (int i = 500; i < 1000; i++) {
        aio_work_submit(ctx, &t[i].work);
    }
    return NULL;
}

static void test_work(void)
{
    g_autofree TestWork *t = g_new0(TestWork, 1000);
    QemuThread thread;
    int done = 0;

    for (int i = 0; i < 1000; i++) {
        t[i].work.work = square;
        t[i].work.done = squared;
        t[i].number = i;
        t[i].done = &done;
    }
    g_assert_true(qemu_thread_create(&thread, "submit", submit_elsewhere, t, NULL));
    for (int i = 0; i < 500; i++) {
        aio_work_submit(ctx, &t[i].work);
    }
    while (done < 1000) {
        aio_poll(ctx, true);
    }
    qemu_thread_join(&thread);
}

int main(int argc, char **argv)
{
    int ret;

    g_test_init(&argc, &argv, NULL);
    ctx = aio_context_new("test", NULL);
    aio_set_current(ctx);
    g_test_add_func("/aio/file", test_file);
    g_test_add_func("/aio/file-many", test_file_many);
    g_test_add_func("/aio/work", test_work);
    ret = g_test_run();
    aio_set_current(NULL); /* a worker may be the last to let go */
    aio_context_unref(ctx);
    return ret;
}
