/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What log.c offers to trace.c. */
#ifndef UTIL_LOG_PRIVATE_H
#define UTIL_LOG_PRIVATE_H

#include "qemu/osdep.h"

/* Appends text to the log in one piece.  Any thread. */
void log_write(const char *text, size_t len);

#endif
