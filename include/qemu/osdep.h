/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Included first by every source file: the C library, GLib and the few macros that all code uses.
 */
#ifndef QEMU_OSDEP_H
#define QEMU_OSDEP_H

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <glib.h>

#define KiB (INT64_C(1) << 10)
#define MiB (INT64_C(1) << 20)
#define GiB (INT64_C(1) << 30)

#define NANOSECONDS_PER_SECOND INT64_C(1000000000)
#define SCALE_MS INT64_C(1000000)
#define SCALE_US INT64_C(1000)

#define BIT(n) (1u << (n))
#define BIT_ULL(n) (UINT64_C(1) << (n))
/* A mask of the n lowest bits; n is 0 to 64. */
#define MASK_ULL(n) ((n) >= 64 ? UINT64_MAX : BIT_ULL(n) - 1)

#define ALIGN_DOWN(n, a) ((n) & ~((__typeof__(n))(a)-1))
#define ALIGN_UP(n, a) ALIGN_DOWN((n) + ((__typeof__(n))(a)-1), a)
#define IS_ALIGNED(n, a) (((n) & ((__typeof__(n))(a)-1)) == 0)
#define DIV_ROUND_UP(n, d) (((n) + (d)-1) / (d))

/* The structure that embeds a member, from the member's address. */
#define container_of(ptr, type, member) \
    ({ \
        const __typeof__(((type *)0)->member) *mptr_ = (ptr); \
        (type *)((char *)mptr_ - offsetof(type, member)); \
    })

#define QEMU_PACKED __attribute__((packed))
#define QEMU_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define QEMU_NORETURN __attribute__((noreturn))
#define QEMU_CACHELINE 64
/* Places a pointer variable in a section that the linker gathers into an array.  clang's AddressSanitizer would put red zones
 * between the elements; gcc's leaves variables with a section alone (and has no such attribute for variables). */
#if defined(__clang__)
#define QEMU_IN_SECTION(name) __attribute__((used, section(name), no_sanitize("address")))
#else
#define QEMU_IN_SECTION(name) __attribute__((used, section(name)))
#endif

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* One spelling for a system call that a signal may interrupt. */
#define RETRY_ON_EINTR(expr) TEMP_FAILURE_RETRY(expr)

typedef uint64_t hwaddr;
#define HWADDR_PRIx PRIx64

#endif
