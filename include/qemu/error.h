/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Errors travel as GError to where a user reads them: stderr, a QMP reply, an HMP line.
 *
 * A function that can fail returns false, NULL or a negative errno and sets *errp (if errp is not NULL).  The text
 * names the option, the value and the remedy, has no trailing period and no newline.  The one who consumes an error
 * reports it, once.  All functions here may be called from any thread.
 */
#ifndef QEMU_ERROR_H
#define QEMU_ERROR_H

#include "qemu/osdep.h"

/* QMP's error classes are the codes of our one GError domain. */
typedef enum ErrorClass {
    ERROR_CLASS_GENERIC_ERROR,
    ERROR_CLASS_COMMAND_NOT_FOUND,
    ERROR_CLASS_DEVICE_NOT_ACTIVE,
    ERROR_CLASS_DEVICE_NOT_FOUND,
    ERROR_CLASS_KVM_MISSING_CAP,
} ErrorClass;

#define QEMU_ERROR (qemu_error_quark())
GQuark qemu_error_quark(void);

/* Sets *errp to a GenericError with a formatted text; does nothing if errp is NULL. */
void error_setg(GError **errp, const char *fmt, ...) QEMU_PRINTF(2, 3);

/* The same with ": strerror(err)" appended; err is a positive errno. */
void error_setg_errno(GError **errp, int err, const char *fmt, ...) QEMU_PRINTF(3, 4);

/* The same with a class other than GenericError. */
void error_set_class(GError **errp, ErrorClass cls, const char *fmt, ...) QEMU_PRINTF(3, 4);

/* The QMP class of an error (GenericError for errors of other domains), and its QMP spelling. */
ErrorClass error_class(const GError *err);
const char *error_class_name(ErrorClass cls);

/* Puts "OPTION ARG: " before the text of *errp, unless that begins with an option ("-x") already. arg may be NULL; nothing
 * while there is no error. */
void error_name_option(GError **errp, const char *option, const char *arg);

/* One line on stderr, "qemu-system-x86_64: TEXT" (with a time stamp after -msg timestamp=on). */
void error_report(const char *fmt, ...) QEMU_PRINTF(1, 2);
void warn_report(const char *fmt, ...) QEMU_PRINTF(1, 2);
void info_report(const char *fmt, ...) QEMU_PRINTF(1, 2);

/* Reports err as error_report() does and frees it. */
void error_report_err(GError *err);

/* warn_report(), but only the first time for this call site's flag. */
#define warn_report_once(...) \
    do { \
        static bool said_; \
        if (!__atomic_exchange_n(&said_, true, __ATOMIC_RELAXED)) { \
            warn_report(__VA_ARGS__); \
        } \
    } while (0)

/* Name that stands before messages; set once from argv[0] before threads exist. */
void error_set_progname(const char *argv0);
/* -msg timestamp=on|off,guest-name=on|off; called from option parsing only. */
void error_set_timestamps(bool on);
void error_set_guest_name(const char *name);

#endif
