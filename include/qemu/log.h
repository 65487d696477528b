/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The log: stderr, or the file of -D. Categories of -d. Any thread. */
#ifndef QEMU_LOG_H
#define QEMU_LOG_H

#include "qemu/osdep.h"

enum { LOG_GUEST_ERROR = 1, LOG_UNIMP = 2, LOG_TRACE = 4, LOG_INT = 8, LOG_CPU_RESET = 16 };
extern unsigned qemu_loglevel;
/* Logs when one of mask's categories is on; rate-limited per call site is the caller's business (a guest can cause it). */
void qemu_log_mask(unsigned mask, const char *fmt, ...) QEMU_PRINTF(2, 3);
bool qemu_log_set_file(const char *path, GError **errp);
/* Makes descriptor fd the log file; nothing while the log is stderr. */
void qemu_log_to_descriptor(int fd);
/* The items of -d, one a line. */
void qemu_log_list(FILE *out);
bool qemu_log_parse(const char *items, GError **errp);
#endif
