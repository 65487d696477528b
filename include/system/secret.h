/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -object secret: a password or key that options name by id, so that it does not stand on the command line. */
#ifndef SYSTEM_SECRET_H
#define SYSTEM_SECRET_H

#include "qom/object.h"

#define TYPE_SECRET "secret"

/* A copy (g_free; *len bytes and a NUL) of the secret with this id, or NULL with errp.  Main loop. */
uint8_t *secret_lookup(const char *id, size_t *len, GError **errp);

#endif
