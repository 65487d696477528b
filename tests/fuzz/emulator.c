/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The whole emulator in a fuzzer's process. */
#include "emulator.h"

#include <fcntl.h>
#include <ftw.h>
#include <glib/gstdio.h>

#include "qemu/aio.h"
#include "system/vl.h"

static char *scratch;
static GPtrArray *argv; /* vm_config keeps pointers into it */

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    return remove(path);
}

static void leave(void)
{
    g_assert_cmpint(chdir("/"), ==, 0);
    nftw(scratch, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    g_free(scratch);
}

void emulator_start(const char *const *args)
{
    static const char *const first[] = {
        "fuzz", "-accel", "qtest", "-nodefaults", "-no-user-config", "-display", "none", "-S", NULL,
    };
    g_autoptr(GError) err = NULL;
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

    argv = g_ptr_array_new();
    for (const char *const *a = first; *a; a++) {
        g_ptr_array_add(argv, g_strdup(*a));
    }
    for (; *args; args++) {
        g_ptr_array_add(argv, g_strdup(*args));
    }
    scratch = g_dir_make_tmp("fuzz-XXXXXX", &err);
    g_assert_no_error(err);
    g_assert_cmpint(chdir(scratch), ==, 0);
    atexit(leave);
    g_assert_cmpint(options_parse((int)argv->len, (char **)argv->pdata, &err), ==, OPTIONS_RUN);
    g_assert_no_error(err);
    g_ptr_array_add(argv, NULL);
    vm_create(&err);
    g_assert_no_error(err);
    /* libFuzzer reports on stderr; what commands print is of no interest. */
    g_assert_cmpint(dup2(null, STDOUT_FILENO), ==, STDOUT_FILENO);
    close(null);
}

void emulator_settle(void)
{
    for (int i = 0; i < 1000 && aio_poll(aio_get_main(), false); i++) {
    }
}
