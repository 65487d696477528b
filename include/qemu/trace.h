/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Static trace points.  Each is a USDT probe (perf, bpftrace) and, when -trace PATTERN enables it, a line in the log.
 *
 *   TRACE(nvme, doorbell_sq, "sqid %u tail %u", sqid, tail);
 *
 * Off, a trace point costs one load and one predicted branch.  Arguments are at most 8 integers, pointers or strings.
 */
#ifndef QEMU_TRACE_H
#define QEMU_TRACE_H

#include "qemu/osdep.h"

typedef struct TracePoint {
    const char *name;      /* "nvme_doorbell_sq" */
    bool enabled;          /* relaxed atomic */
} TracePoint;

void trace_log(const TracePoint *tp, const char *fmt, ...) QEMU_PRINTF(2, 3);
/* "nvme_*", "-nvme_doorbell*" disables; false if nothing matches. */
bool trace_enable(const char *pattern);
void trace_list(void (*fn)(const TracePoint *tp, void *opaque), void *opaque);

#ifdef CONFIG_USDT
#define SDT_USE_VARIADIC
#include <sys/sdt.h>
#define TRACE_USDT_(provider, event, ...) STAP_PROBEV(provider, event, ##__VA_ARGS__)
#else
#define TRACE_USDT_(provider, event, ...) ((void)0)
#endif

#define TRACE(provider, event, fmt, ...) \
    do { \
        static TracePoint tp_ = {#provider "_" #event, false}; \
        static TracePoint *const tp_link_ QEMU_IN_SECTION("trace_points") = &tp_; \
        TRACE_USDT_(provider, event, ##__VA_ARGS__); \
        if (unlikely(__atomic_load_n(&tp_.enabled, __ATOMIC_RELAXED))) { \
            trace_log(&tp_, fmt, ##__VA_ARGS__); \
        } \
    } while (0)

#endif
