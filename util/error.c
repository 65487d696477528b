/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making errors, and the one line on stderr that ends their way. */
#include "qemu/error.h"

static const char *const class_names[] = {
    [ERROR_CLASS_GENERIC_ERROR] = "GenericError",
    [ERROR_CLASS_COMMAND_NOT_FOUND] = "CommandNotFound",
    [ERROR_CLASS_DEVICE_NOT_ACTIVE] = "DeviceNotActive",
    [ERROR_CLASS_DEVICE_NOT_FOUND] = "DeviceNotFound",
    [ERROR_CLASS_KVM_MISSING_CAP] = "KVMMissingCap",
};

/* All three are set while options are parsed, before there are threads. */
static const char *progname = "qemu-system-x86_64";
static const char *guest_name;
static bool with_timestamps;

G_DEFINE_QUARK(qemu - error, qemu_error)

static void set_va(GError **errp, ErrorClass cls, const char *suffix, const char *fmt, va_list ap)
{
    g_autofree char *text = NULL;

    if (!errp) {
        return;
    }
    /* A second error on top of a first would hide the cause: that is a bug of the caller. */
    g_assert(!*errp);
    text = g_strdup_vprintf(fmt, ap);
    *errp = suffix ? g_error_new(QEMU_ERROR, cls, "%s: %s", text, suffix)
                   : g_error_new_literal(QEMU_ERROR, cls, text);
}

void error_setg(GError **errp, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    set_va(errp, ERROR_CLASS_GENERIC_ERROR, NULL, fmt, ap);
    va_end(ap);
}

void error_setg_errno(GError **errp, int err, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    set_va(errp, ERROR_CLASS_GENERIC_ERROR, g_strerror(err), fmt, ap);
    va_end(ap);
}

void error_set_class(GError **errp, ErrorClass cls, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    set_va(errp, cls, NULL, fmt, ap);
    va_end(ap);
}

void error_name_option(GError **errp, const char *option, const char *arg)
{
    if (!errp || !*errp || ((*errp)->message[0] == '-' && g_ascii_isalpha((*errp)->message[1]))) {
        return;
    }
    g_prefix_error(errp, "%s%s%s: ", option, arg ? " " : "", arg ? arg : "");
}

ErrorClass error_class(const GError *err)
{
    if (err->domain != QEMU_ERROR || err->code < 0 || err->code >= (int)G_N_ELEMENTS(class_names)) {
        return ERROR_CLASS_GENERIC_ERROR;
    }
    return err->code;
}

const char *error_class_name(ErrorClass cls)
{
    return class_names[cls];
}

/* Builds the whole line first: lines of several threads do not mix. */
static void report_va(const char *kind, const char *fmt, va_list ap)
{
    g_autoptr(GString) line = g_string_new(NULL);

    if (with_timestamps) {
        g_autoptr(GDateTime) now = g_date_time_new_now_utc();
        g_autofree char *stamp = g_date_time_format(now, "%Y-%m-%dT%H:%M:%S");

        g_string_append_printf(line, "%s.%06dZ ", stamp, g_date_time_get_microsecond(now));
    }
    if (guest_name) {
        g_string_append_printf(line, "%s ", guest_name);
    }
    g_string_append_printf(line, "%s: %s", progname, kind);
    g_string_append_vprintf(line, fmt, ap);
    g_string_append_c(line, '\n');
    fputs(line->str, stderr);
    fflush(stderr);
}

void error_report(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    report_va("", fmt, ap);
    va_end(ap);
}

void warn_report(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    report_va("warning: ", fmt, ap);
    va_end(ap);
}

void info_report(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    report_va("info: ", fmt, ap);
    va_end(ap);
}

void error_report_err(GError *err)
{
    error_report("%s", err->message);
    g_error_free(err);
}

void error_set_progname(const char *argv0)
{
    const char *slash = strrchr(argv0, '/');

    progname = slash && slash[1] ? slash + 1 : argv0;
}

void error_set_timestamps(bool on)
{
    with_timestamps = on;
}

void error_set_guest_name(const char *name)
{
    guest_name = name ? g_intern_string(name) : NULL;
}
