/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The qtest server: a test program drives memory, ports, interrupt lines and the virtual clock through a character device.
 * Main loop only.
 */
#ifndef SYSTEM_QTEST_H
#define SYSTEM_QTEST_H

#include "chardev/char.h"
#include "qemu/error.h"

/*
 * -qtest SPEC, -qtest-log LOG: opens a character device of its own for SPEC ("unix:PATH", "stdio", ...) and serves it.  log is a
 * file's name, "none", or NULL for stderr.  One server a process.  Call it when character devices can be made and the machine's
 * objects exist; from then on requests are answered whenever the main loop runs, in every run state.
 */
bool qtest_server_init(const char *chardev_spec, const char *log, GError **errp);
/* The server's log ends and its connection is given up; before character devices go. */
void qtest_server_cleanup(void);
/* True if a server was started (-qtest or -object qtest), whatever the accelerator. */
bool qtest_driver(void);

#endif
