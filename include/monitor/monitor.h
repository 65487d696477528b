/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Monitors: QMP and HMP. Main loop only, except qapi_event_emit(). */
#ifndef MONITOR_MONITOR_H
#define MONITOR_MONITOR_H

#include "chardev/char.h"

typedef struct Monitor Monitor;

/* The monitor whose command is running, or NULL. */
Monitor *monitor_cur(void);
/* -mon chardev=ID,mode=readline|control[,pretty=on]. */
bool monitor_init_opts(json_object *opts, GError **errp);
/* -qmp, -qmp-pretty, -monitor: a legacy chardev word ("unix:PATH,server=on,wait=off", "stdio", "none" ...). */
bool monitor_init_legacy(const char *spec, bool qmp, bool pretty, GError **errp);
bool monitor_init(Chardev *chr, bool qmp, bool pretty, GError **errp);
void monitor_cleanup(void);
/* Text to the HMP monitor whose command is running. */
void monitor_printf(Monitor *mon, const char *fmt, ...) QEMU_PRINTF(2, 3);

/* Sends an event to all negotiated QMP monitors, in order with replies; data (may be NULL) is consumed. Any thread: from other threads it is
 * queued to the main loop.  Generated qapi_event_send_X() call this. */
void qapi_event_emit(const char *name, json_object *data);

/* A file descriptor passed with getfd, by name; ownership goes to the caller; -1 with errp. A name that is a number is an inherited
 * descriptor. */
bool monitor_add_fd(Monitor *mon, const char *name, int fd, GError **errp);   /* takes fd when true */
int monitor_fd_param(Monitor *mon, const char *fdname, GError **errp);
#endif
