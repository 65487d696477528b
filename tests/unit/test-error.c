/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Errors, the log and trace points: what a user finally reads. */
#include "qemu/error.h"
#include "qemu/log.h"
#include "qemu/trace.h"

#include <glib/gstdio.h>

static void test_set(void)
{
    g_autoptr(GError) err = NULL;
    g_autoptr(GError) err2 = NULL;
    g_autoptr(GError) err3 = NULL;
    g_autoptr(GError) foreign = g_error_new(G_FILE_ERROR, G_FILE_ERROR_NOENT, "x");

    error_setg(NULL, "nobody reads this %d", 1);
    error_setg(&err, "-m %s: bad", "4Q");
    g_assert_error(err, QEMU_ERROR, ERROR_CLASS_GENERIC_ERROR);
    g_assert_cmpstr(err->message, ==, "-m 4Q: bad");
    error_setg_errno(&err2, ENOENT, "file '%s'", "f");
    g_assert_cmpstr(err2->message, ==, "file 'f': No such file or directory");
    error_set_class(&err3, ERROR_CLASS_DEVICE_NOT_FOUND, "no '%s'", "d");
    g_assert_cmpstr(error_class_name(error_class(err3)), ==, "DeviceNotFound");
    g_assert_cmpstr(error_class_name(error_class(foreign)), ==, "GenericError");
}

static void reporter(void)
{
    error_set_progname("/some/where/prog");
    error_report("plain %d", 1);
    warn_report("careful");
    for (int i = 0; i < 3; i++) {
        warn_report_once("once");
    }
    error_set_guest_name("vm1");
    info_report("named");
    error_set_timestamps(true);
    error_report_err(g_error_new(QEMU_ERROR, 0, "stamped"));
}

static void test_report(void)
{
    if (g_test_subprocess()) {
        reporter();
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
    g_test_trap_assert_stderr("prog: plain 1\nprog: warning: careful\nprog: warning: once\n"
                              "vm1 prog: info: named\n20*-*-*T*:*:*.*Z vm1 prog: "
                              "stamped\n");
}

static void count_point(const TracePoint *tp, void *opaque)
{
    *(int *)opaque += g_str_has_prefix(tp->name, "testmod_");
}

static void hit(int n)
{
    TRACE(testmod, one, "n %d", n);
    TRACE(testmod, two, "no arguments");
}

static void test_log(void)
{
    g_autofree char *dir = g_dir_make_tmp("logXXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "log.%d", NULL);
    g_autofree char *real = g_strdup_printf("%s/log.%d", dir, getpid());
    g_autofree char *text = NULL;
    g_autoptr(GError) err = NULL;
    int points = 0;

    g_assert_false(qemu_log_set_file("/nonexistent/x", &err));
    g_assert_nonnull(strstr(err->message, "-D /nonexistent/x"));
    g_clear_error(&err);
    g_assert_true(qemu_log_set_file(path, &err));
    qemu_log_mask(LOG_UNIMP, "hidden\n");
    g_assert_true(qemu_log_parse("unimp,guest_errors", &err));
    qemu_log_mask(LOG_UNIMP, "shown %d\n", 1);
    qemu_log_mask(LOG_INT, "hidden\n");
    g_assert_false(qemu_log_parse("unimp,bogus", &err));
    g_assert_nonnull(strstr(err->message, "-d bogus: unknown"));
    g_assert_nonnull(strstr(err->message, "guest_errors"));

    trace_list(count_point, &points);
    g_assert_cmpint(points, ==, 2);
    hit(1);
    g_assert_true(trace_enable("testmod_o*"));
    hit(2);
    g_assert_true(trace_enable("-testmod_*"));
    hit(3);
    g_assert_false(trace_enable("nosuch*"));
    g_assert_true(qemu_log_parse("trace:testmod_two", NULL));
    hit(4);

    g_assert_true(g_file_get_contents(real, &text, NULL, NULL));
    g_assert_true(g_pattern_match_simple("shown 1\n*@*:testmod_one n 2\n*@*:testmod_two no "
                                         "arguments\n",
                                         text));
    g_unlink(real);
    g_rmdir(dir);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/error/set", test_set);
    g_test_add_func("/error/report", test_report);
    g_test_add_func("/error/log-and-trace", test_log);
    return g_test_run();
}
