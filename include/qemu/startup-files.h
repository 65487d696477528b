/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files that a start makes: when the start fails they are removed again.
 *
 * From the first option until startup_files_keep() files are taken note of, by the main thread only;
 * afterwards nothing is, and any thread may call.  A file that was there before is never removed.
 */
#ifndef QEMU_STARTUP_FILES_H
#define QEMU_STARTUP_FILES_H

#include "qemu/osdep.h"

/* open(2) with O_CREAT and O_CLOEXEC added, that takes note when it made the file.  A descriptor, or
 * -1 with errno. */
int startup_files_open(const char *path, int flags, mode_t mode);
/* The caller has just made path: a socket, a link. */
void startup_files_add(const char *path);
/* The start has succeeded: all files stay. */
void startup_files_keep(void);
/* The start has failed: all that are still the files that were made go.  Nothing after
 * startup_files_keep(). */
void startup_files_remove(void);

#endif
