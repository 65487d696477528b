/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finding trace points (the linker gathers them) and writing their lines to the log. */
#include "qemu/trace.h"

#include "log-private.h"
#include "qemu/thread.h"

/* Bounds of the section that TRACE() fills.  Weak: a program may have no trace point at all. */
extern TracePoint *const __start_trace_points[] __attribute__((weak, visibility("hidden")));
extern TracePoint *const __stop_trace_points[] __attribute__((weak, visibility("hidden")));

void trace_log(const TracePoint *tp, const char *fmt, ...)
{
    g_autoptr(GString) line = g_string_new(NULL);
    struct timespec ts;
    va_list ap;

    clock_gettime(CLOCK_REALTIME, &ts);
    g_string_append_printf(line, "%d@%" PRId64 ".%06ld:%s ", qemu_get_thread_id(),
                           (int64_t)ts.tv_sec, ts.tv_nsec / 1000, tp->name);
    va_start(ap, fmt);
    g_string_append_vprintf(line, fmt, ap);
    va_end(ap);
    g_string_append_c(line, '\n');
    log_write(line->str, line->len);
}

bool trace_enable(const char *pattern)
{
    bool on = *pattern != '-';
    g_autoptr(GPatternSpec) spec = g_pattern_spec_new(on ? pattern : pattern + 1);
    bool found = false;

    for (TracePoint *const *p = __start_trace_points; p < __stop_trace_points; p++) {
        if (g_pattern_spec_match_string(spec, (*p)->name)) {
            __atomic_store_n(&(*p)->enabled, on, __ATOMIC_RELAXED);
            found = true;
        }
    }
    return found;
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(TracePoint *const *)a)->name, (*(TracePoint *const *)b)->name);
}

void trace_list(void (*fn)(const TracePoint *tp, void *opaque), void *opaque)
{
    size_t n = __stop_trace_points - __start_trace_points;
    g_autofree const TracePoint **sorted = NULL;

    if (!n) {
        return;
    }
    sorted = g_new(const TracePoint *, n);
    memcpy(sorted, __start_trace_points, n * sizeof(*sorted));
    qsort(sorted, n, sizeof(*sorted), by_name);
    for (size_t i = 0; i < n; i++) {
        /* Code inlined twice has its trace point twice. */
        if (i == 0 || strcmp(sorted[i]->name, sorted[i - 1]->name)) {
            fn(sorted[i], opaque);
        }
    }
}
