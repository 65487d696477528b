/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the command line and the monitors ask about devices and objects. Main loop only. */
#ifndef HW_QDEV_MONITOR_H
#define HW_QDEV_MONITOR_H

#include "qom/object.h"

/* The text for "-device help" or "-device DRIVER,help" when text (an option's argument) asks for it, else NULL. NULL with errp for
 * an unknown driver.  user_creatable_help() in qom/object.h is the same for -object. */
GString *qdev_device_help(const char *text, GError **errp);
/* One warning on stderr for each -global that named no existing driver or property. */
void qdev_globals_warn_unused(void);
/* info qtree; info qom-tree [PATH] (NULL: /machine). */
GString *qdev_print_qtree(void);
GString *qom_print_tree(const char *path);

#endif
