/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The log: one write per line, to stderr or the file of -D. */
#include "qemu/log.h"

#include "log-private.h"
#include "qemu/error.h"
#include "qemu/startup-files.h"
#include "qemu/trace.h"

#include <fcntl.h>
#include <pthread.h>

unsigned qemu_loglevel;

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = STDERR_FILENO; /* under log_lock */

static const struct {
    const char *name;
    unsigned mask;
    const char *help;
} log_items[] = {
    {"guest_errors", LOG_GUEST_ERROR, "what a guest does that the hardware forbids"},
    {"unimp", LOG_UNIMP, "what a guest asks for that is not built in"},
    {"int", LOG_INT, "interrupts and exceptions"},
    {"cpu_reset", LOG_CPU_RESET, "registers before a processor is reset"},
    {"trace", LOG_TRACE, "lines of enabled trace points"},
};

void log_write(const char *text, size_t len)
{
    pthread_mutex_lock(&log_lock);
    while (len) {
        ssize_t n = RETRY_ON_EINTR(write(log_fd, text, len));

        /* A log that cannot be written (disk full, reader gone) must not stop the VM. */
        if (n <= 0) {
            break;
        }
        text += n;
        len -= n;
    }
    pthread_mutex_unlock(&log_lock);
}

void qemu_log_mask(unsigned mask, const char *fmt, ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    if (likely(!(__atomic_load_n(&qemu_loglevel, __ATOMIC_RELAXED) & mask))) {
        return;
    }
    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    log_write(text, strlen(text));
}

/* The file name with each %d replaced by the process id. */
static char *expand_path(const char *path)
{
    g_autofree char *pid = g_strdup_printf("%d", getpid());
    g_auto(GStrv) parts = g_strsplit(path, "%d", -1);

    return g_strjoinv(pid, parts);
}

bool qemu_log_set_file(const char *path, GError **errp)
{
    g_autofree char *name = expand_path(path);
    int fd, old;

    fd = startup_files_open(name, O_WRONLY | O_TRUNC | O_APPEND, 0644);
    if (fd < 0) {
        error_setg_errno(errp, errno, "-D %s: cannot open the log file", path);
        return false;
    }
    pthread_mutex_lock(&log_lock);
    old = log_fd;
    log_fd = fd;
    pthread_mutex_unlock(&log_lock);
    if (old != STDERR_FILENO) {
        close(old);
    }
    return true;
}

void qemu_log_to_descriptor(int fd)
{
    pthread_mutex_lock(&log_lock);
    if (log_fd != fd && log_fd != STDERR_FILENO) {
        dup2(log_fd, fd);
    }
    pthread_mutex_unlock(&log_lock);
}

void qemu_log_list(FILE *out)
{
    fputs("Log items (comma separated):\n", out);
    for (size_t i = 0; i < G_N_ELEMENTS(log_items); i++) {
        fprintf(out, "%-16s %s\n", log_items[i].name, log_items[i].help);
    }
    fprintf(out, "%-16s %s\n%-16s %s\n", "all", "all of these", "trace:PATTERN",
            "trace points of this name, as with -trace");
}

static bool parse_item(const char *item, unsigned *mask, GError **errp)
{
    g_autoptr(GString) known = g_string_new("all, trace:PATTERN");

    if (g_str_has_prefix(item, "trace:")) {
        if (!trace_enable(item + strlen("trace:"))) {
            error_setg(errp, "-d %s: no trace point matches; '-trace help' lists them", item);
            return false;
        }
        *mask |= LOG_TRACE;
        return true;
    }
    if (g_str_equal(item, "all")) {
        *mask = ~0u;
        return true;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(log_items); i++) {
        if (g_str_equal(item, log_items[i].name)) {
            *mask |= log_items[i].mask;
            return true;
        }
        g_string_append_printf(known, ", %s", log_items[i].name);
    }
    error_setg(errp, "-d %s: unknown log item; there are: %s", item, known->str);
    return false;
}

bool qemu_log_parse(const char *items, GError **errp)
{
    g_auto(GStrv) list = g_strsplit(items, ",", -1);
    unsigned mask = 0;

    for (char **item = list; *item; item++) {
        if (**item && !parse_item(*item, &mask, errp)) {
            return false;
        }
    }
    __atomic_store_n(&qemu_loglevel, qemu_loglevel | mask, __ATOMIC_RELAXED);
    return true;
}
