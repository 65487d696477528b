/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the qtest server share. Main loop only, except where said. */
#ifndef QTEST_INTERNAL_H
#define QTEST_INTERNAL_H

#include "hw/qdev-core.h"
#include "system/qtest.h"

/* --- qtest.c --- */
/* The one line that answers the request under way, without its newline. */
void qtest_reply(const char *fmt, ...) QEMU_PRINTF(1, 2);
/* The same for a text of any length; text is consumed. */
void qtest_reply_take(GString *text);
/* A line that answers nothing; goes out before the next reply, soon. Any thread. */
void qtest_queue_line(const char *line);

/* --- commands.c --- */
/* Runs one request: words of a line, NULL-terminated, at least one.  Sends exactly one reply. */
void qtest_run_request(char **words, unsigned n);

/* --- intercept.c --- */
/* irq_intercept_in / irq_intercept_out: NULL when it worked, else why not. */
const char *qtest_intercept(const char *path, bool outputs, const char *name);
/* True once lines are intercepted. */
bool qtest_intercepting(void);
/* A new client: it takes all lines for low. */
void qtest_intercept_reset_levels(void);

#endif
