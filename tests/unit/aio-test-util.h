/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A thread that runs an AioContext, for tests. */
#ifndef TESTS_UNIT_AIO_TEST_UTIL_H
#define TESTS_UNIT_AIO_TEST_UTIL_H

#include "qemu/aio.h"
#include "qemu/thread.h"

typedef struct TestLoop {
    AioContext *ctx;
    QemuThread thread;
    QemuEvent up;
    bool stop; /* home only */
} TestLoop;

static inline void *test_loop_main(void *opaque)
{
    TestLoop *l = opaque;

    aio_set_current(l->ctx);
    qemu_event_set(&l->up);
    while (!l->stop) {
        aio_poll(l->ctx, true);
    }
    aio_set_current(NULL);
    return NULL;
}

static inline void test_loop_start(TestLoop *l, const char *name)
{
    l->stop = false;
    l->ctx = aio_context_new(name, NULL);
    g_assert_nonnull(l->ctx);
    qemu_event_init(&l->up, false);
    g_assert_true(qemu_thread_create(&l->thread, name, test_loop_main, l, NULL));
    qemu_event_wait(&l->up);
}

static inline void test_loop_stop_(void *opaque)
{
    ((TestLoop *)opaque)->stop = true;
}

static inline void test_loop_stop(TestLoop *l)
{
    aio_post(l->ctx, test_loop_stop_, l);
    qemu_thread_join(&l->thread);
    aio_context_unref(l->ctx);
}

/* For bottom halves and posts: counts. */
static inline void test_count(void *opaque)
{
    ++*(int *)opaque;
}

static inline void test_poll_all(AioContext *c)
{
    while (aio_poll(c, false)) {
    }
}

#endif
