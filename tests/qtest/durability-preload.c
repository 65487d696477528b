/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loaded before the C library into the emulator that durability-test.c drives: takes the place of
 * the calls that make data durable, counts them, and makes them fail when the test says so.
 */
#include "durability.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

static DurabilityPage *page;

static __attribute__((constructor)) void map_page(void)
{
    const char *path = getenv(DURABILITY_ENV);
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *p =
        fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (p == MAP_FAILED) {
        abort(); /* a test without its page would prove nothing */
    }
    close(fd);
    page = p;
}

static void *next_symbol(const char *name)
{
    void *p = dlsym(RTLD_NEXT, name);

    if (!p) {
        abort();
    }
    return p;
}

/* In a worker: what the kernel does not give back. */
static void hang(void)
{
    while (__atomic_load_n(&page->hang, __ATOMIC_RELAXED)) {
        usleep(1000);
    }
}

/* Something to read from that never has anything. */
static int empty_pipe(void)
{
    static int ends[2] = {-1, -1};

    if (ends[0] < 0 && pipe2(ends, O_CLOEXEC)) {
        abort();
    }
    return ends[0];
}

/* Counts; true: it is to fail. */
static bool seen(unsigned *count, const int *fail)
{
    __atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
    return __atomic_load_n(fail, __ATOMIC_RELAXED);
}

static bool seen_write(int flags)
{
    return flags & RWF_DSYNC ? seen(&page->durable, &page->fail_durable)
                             : seen(&page->plain, &page->fail_plain);
}

int fdatasync(int fd)
{
    int (*next)(int) = next_symbol("fdatasync");

    if (seen(&page->syncs, &page->fail_sync)) {
        errno = EIO;
        return -1;
    }
    hang();
    return next(fd);
}

/* The name that programs with 64-bit offsets call. */
ssize_t pwritev64v2(int fd, const struct iovec *iov, int n, off64_t offset, int flags)
{
    ssize_t (*next)(int, const struct iovec *, int, off64_t, int) = next_symbol("pwritev64v2");

    if (seen_write(flags)) {
        errno = EIO;
        return -1;
    }
    hang();
    return next(fd, iov, n, offset, flags);
}

/* What the ring holds and the kernel has not seen yet.  A request that is to fail gets a bad file
 * descriptor. */
static void look_at_ring(struct io_uring *ring)
{
    for (unsigned at = ring->sq.sqe_head; at != ring->sq.sqe_tail; at++) {
        struct io_uring_sqe *sqe = &ring->sq.sqes[at & *ring->sq.kring_mask];
        bool fail;

        if (sqe->opcode == IORING_OP_FSYNC) {
            fail = seen(&page->syncs, &page->fail_sync);
        } else if (sqe->opcode == IORING_OP_WRITEV || sqe->opcode == IORING_OP_WRITE) {
            fail = seen_write(sqe->rw_flags);
        } else {
            continue;
        }
        __atomic_fetch_add(&page->by_ring, 1, __ATOMIC_RELAXED);
        if (__atomic_load_n(&page->hang, __ATOMIC_RELAXED)) {
            static char nowhere[1];

            io_uring_prep_read(sqe, empty_pipe(), nowhere, 1, -1); /* user_data stays as it is */
        } else if (fail) {
            sqe->fd = -1;
            sqe->flags &= ~IOSQE_FIXED_FILE;
        }
    }
}

int io_uring_submit(struct io_uring *ring)
{
    int (*next)(struct io_uring *) = next_symbol("io_uring_submit");

    look_at_ring(ring);
    return next(ring);
}

int io_uring_submit_and_get_events(struct io_uring *ring)
{
    int (*next)(struct io_uring *) = next_symbol("io_uring_submit_and_get_events");

    look_at_ring(ring);
    return next(ring);
}

int io_uring_submit_and_wait_timeout(struct io_uring *ring, struct io_uring_cqe **cqe, unsigned n,
                                     struct __kernel_timespec *ts, sigset_t *mask)
{
    int (*next)(struct io_uring *, struct io_uring_cqe **, unsigned, struct __kernel_timespec *,
                sigset_t *) = next_symbol("io_uring_submit_and_wait_timeout");

    look_at_ring(ring);
    return next(ring, cqe, n, ts, mask);
}
