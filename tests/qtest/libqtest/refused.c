/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starts that are to be refused: status 1, one line that says why, and nothing left behind. */
#include "libqtest-private.h"

#include <string.h>
#include <unistd.h>

/* The names in a folder, in order. */
static char *listing(const char *path)
{
    GDir *d = g_dir_open(path, 0, NULL);
    GSList *names = NULL;
    GString *all = g_string_new(NULL);
    const char *name;

    if (!d) {
        g_error("cannot look into %s", path);
    }
    while ((name = g_dir_read_name(d))) {
        names = g_slist_insert_sorted(names, g_strdup(name), (GCompareFunc)strcmp);
    }
    g_dir_close(d);
    for (GSList *n = names; n; n = n->next) {
        g_string_append_printf(all, "%s ", (char *)n->data);
    }
    g_slist_free_full(names, g_free);
    return g_string_free(all, FALSE);
}

static void check_output(const char *args, const char *out, const char *words)
{
    g_auto(GStrv) list = g_strsplit(words, "|", -1);

    if (!strstr(out, ": ") || strchr(out, '\n') != out + strlen(out) - 1) {
        g_error("'%s' does not say in one line why: %s", args, out);
    }
    for (char **w = list; *w; w++) {
        if (!strstr(out, *w)) {
            g_error("'%s' does not name '%s': %s", args, *w, out);
        }
    }
}

void qtest_refused_in(const char *folder, const char *words, const char *fmt, ...)
{
    g_autofree char *args = NULL, *out = NULL, *before = listing(folder), *after = NULL;
    va_list ap;
    int status;

    va_start(ap, fmt);
    args = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    status = qtest_run_in(folder, args, &out);
    after = listing(folder);
    g_test_message("%s: status %d: %s", args, status, out);
    if (status != 1) {
        g_error("'%s' ends with status %d: %s", args, status, out);
    }
    check_output(args, out, words);
    if (strcmp(before, after)) {
        g_error("'%s' leaves a trace: '%s' was '%s'", args, after, before);
    }
}

void qtest_refused(const char *words, const char *fmt, ...)
{
    g_autofree char *args = NULL, *folder = g_dir_make_tmp("qtest-XXXXXX", NULL);
    va_list ap;

    if (!folder) {
        g_error("cannot make a temporary directory");
    }
    va_start(ap, fmt);
    args = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    qtest_refused_in(folder, words, "%s", args);
    rmdir(folder);
}
