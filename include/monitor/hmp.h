/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands of the human monitor.  Any part of the program adds its own:
 *
 *     static void hmp_info_thing(Monitor *mon, const HmpArgs *args) { monitor_printf(mon, "...\n");
 * } HMP_INFO(hmp_info_thing, "thing", "", "show the things", hmp_info_thing);
 *
 * Functions run in the main loop and report trouble as text (hmp_report()).
 */
#ifndef MONITOR_HMP_H
#define MONITOR_HMP_H

#include "monitor/monitor.h"

typedef struct HmpArgs {
    int argc;           /* words behind the command's name; "..." holds spaces together */
    char **argv;        /* NULL-terminated */
    const char *line;   /* everything behind the name, as typed */
    const char *format; /* what stood behind a slash: "x/8xw" gives "8xw"; else "" */
} HmpArgs;

typedef struct HmpCommand {
    const char *name;   /* "quit|q": alternatives */
    const char *params; /* "id [force]", for help; a leading word in [] is optional */
    const char *help;   /* one line */
    void (*fn)(Monitor *mon, const HmpArgs *args);
    int min_args, max_args; /* -1: any number */
} HmpCommand;

#define HMP_ENTRY_(section_name, ident, ...) \
    static const HmpCommand ident##_entry = {__VA_ARGS__}; \
    static const HmpCommand *const ident##_link QEMU_IN_SECTION(section_name) = &ident##_entry

/* HMP_COMMAND(unique identifier, name, params, help, function, min_args, max_args); HMP_INFO for
 * "info NAME". */
#define HMP_COMMAND(ident, ...) HMP_ENTRY_("hmp_commands", ident, __VA_ARGS__)
#define HMP_INFO(ident, ...) HMP_ENTRY_("hmp_info", ident, __VA_ARGS__)

/* "Error: TEXT" to the monitor; frees err. */
void hmp_report(Monitor *mon, GError *err);
/* Runs one line; output goes to mon. */
void hmp_execute(Monitor *mon, const char *line);
/* Calls fn for each name (alternatives one by one) in a table that begins with prefix. */
void hmp_complete(bool info, const char *prefix, void (*fn)(const char *name, void *opaque),
                  void *opaque);

#endif
