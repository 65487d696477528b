/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loaded into the emulator that a qtest drives (QTEST_LATE names this library): its event loops are
 * late now and then, each for itself.  What comes from several threads then comes in orders that an
 * idle machine never shows.
 */
#include <dlfcn.h>
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define ONE_IN 15
#define LATE_US 10000

static void *next_symbol(const char *name)
{
    void *p = dlsym(RTLD_NEXT, name);

    if (!p) {
        abort();
    }
    return p;
}

static int late(int result)
{
    static __thread uint64_t dice;
    int err = errno;

    if (!dice) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        dice = ((uint64_t)t.tv_nsec * 2654435761u ^ (uintptr_t)&dice) | 1;
    }
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    if (dice % ONE_IN == 0) {
        usleep(dice / ONE_IN % LATE_US);
    }
    errno = err;
    return result;
}

#define LATE(name, params, args) \
    int name params \
    { \
        static int(*next) params; \
\
        if (!next) { \
            next = next_symbol(#name); \
        } \
        return late(next args); \
    }

LATE(poll, (struct pollfd * fds, nfds_t n, int ms), (fds, n, ms))
LATE(ppoll, (struct pollfd * fds, nfds_t n, const struct timespec *t, const sigset_t *mask),
     (fds, n, t, mask))
LATE(epoll_wait, (int fd, struct epoll_event *events, int n, int ms), (fd, events, n, ms))
LATE(io_uring_submit, (struct io_uring * ring), (ring))
LATE(io_uring_submit_and_get_events, (struct io_uring * ring), (ring))
LATE(io_uring_submit_and_wait_timeout,
     (struct io_uring * ring, struct io_uring_cqe **cqe, unsigned n, struct __kernel_timespec *t,
      sigset_t *mask),
     (ring, cqe, n, t, mask))
