/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -object iothread: a thread that runs an AioContext. */
#ifndef SYSTEM_IOTHREAD_H
#define SYSTEM_IOTHREAD_H

#include "qemu/aio.h"
#include "qom/object.h"

#define TYPE_IOTHREAD "iothread"
typedef struct IOThread IOThread;

AioContext *iothread_get_context(IOThread *iot);
IOThread *iothread_by_id(const char *id, GError **errp);
const char *iothread_id(IOThread *iot);
int iothread_tid(IOThread *iot);
/* A user (device, ioregionfd object) holds the iothread: object-del of one that is in use is refused, naming the user. */
void iothread_hold(IOThread *iot, const char *user);
void iothread_release(IOThread *iot, const char *user);
#endif
