/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where firmware images and option ROMs are: -L folders first, then those of the distribution's packages. Main loop. */
#ifndef SYSTEM_DATADIR_H
#define SYSTEM_DATADIR_H

#include "qemu/error.h"

/* -L DIR; the first one given is looked at first. */
void datadir_add(const char *dir);
/* name if it can be read as it is, else the first folder's file of that name; g_free().  NULL with errp that names option, file and the
 * package that has it. */
char *datadir_find(const char *option, const char *name, GError **errp);
/* The folders, one a line: -L help. */
void datadir_list(FILE *out);
/* The whole file of at most max bytes in one piece; g_free(). NULL with errp naming option. */
uint8_t *datadir_read(const char *option, const char *path, size_t max, size_t *size, GError **errp);

#endif
