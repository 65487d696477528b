/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Descriptors that a client passed (add-fd, -add-fd) and that options name as /dev/fdset/N.
 */
#ifndef MONITOR_FDSET_H
#define MONITOR_FDSET_H

#include "qapi/json.h"
#include "qemu/error.h"

/* open(2) with O_CLOEXEC, where path may be /dev/fdset/N: a duplicate of that set's descriptor
 * whose access mode fits flags. -1 with errp.  Any thread. */
int qemu_open(const char *path, int flags, mode_t mode, GError **errp);

/* Puts fd (which becomes the set's) into set number id (-1: a new one); returns the set's number,
 * or -1 with errp and fd still the caller's. */
int64_t fdset_add(int fd, int64_t id, const char *opaque, GError **errp);
/* Removes one descriptor (fd >= 0) or all of a set. */
bool fdset_remove(int64_t id, int fd, GError **errp);
/* Calls fn for each descriptor, sets in order of number. */
void fdset_foreach(void (*fn)(int64_t id, int fd, const char *opaque, void *data), void *data);

#endif
