/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Start-up: from the command line to a machine.  Private to system/. */
#ifndef SYSTEM_VL_H
#define SYSTEM_VL_H

#include "hw/boards.h"
#include "qemu/error.h"

/* One -drive, or an option that is short for one. */
typedef struct VmDrive {
    const char *option;  /* "hda"; NULL: -drive itself */
    const char *implied; /* keys that option stands for */
    const char *text;    /* the argument: a file's name for a short option */
} VmDrive;

/* What the command line said; strings are argv's or owned by this, which lives as long as the
 * process. */
typedef struct VmConfig {
    json_object *machine; /* merged -machine options; strings */
    GPtrArray *accels;    /* json_object *: {"accel": NAME, property: text ...}, in order */
    const char *cpu;
    json_object *smp, *memory; /* merged -smp, -m */
    const char *kernel, *initrd, *append, *bios, *vga;
    GPtrArray *drives; /* VmDrive, in order */
    GPtrArray *blockdevs, *devices, *objects, *chardevs, *mons,
        *globals;                                       /* char *, as given */
    GPtrArray *serials, *qmps, *qmps_pretty, *monitors; /* char *, as given */
    const char *qtest, *qtest_log, *gdb;
    const char *pidfile, *logfile, *log_items;
    const char *name, *uuid;
    json_object *rtc, *boot, *action;
    GPtrArray *netdevs, *nics, *nets; /* char *, as given */
    GPtrArray *fw_cfgs, *option_roms, *debugcons, *parallels, *smbios; /* char *, as given */
    bool daemonize, nographic, nodefaults, no_user_config, stopped, no_reboot, no_shutdown,
        display_given, no_fd_bootchk;
} VmConfig;

extern VmConfig vm_config;

typedef enum OptionsResult { OPTIONS_RUN, OPTIONS_DONE, OPTIONS_FAILED } OptionsResult;

/* Fills vm_config.  DONE: help or the version was printed; FAILED: errp is set. */
OptionsResult options_parse(int argc, char **argv, GError **errp);
/* What to use in place of an option that QEMU has and this program has not; NULL: QEMU has none of
 * that name. */
const char *option_foreign(const char *name);
/* The help text of all options, aligned. */
void options_print_help(FILE *out);

/* DONE: an option's value asked for help, which was printed; FAILED: for something that there is not. */
OptionsResult help_requested(GError **errp);
/* Creates everything that vm_config asks for.  DONE: some "help" value was printed. Main loop. */
OptionsResult vm_create(GError **errp);
/* The machine's class by name or alias; NULL: the default one.  NULL with errp. */
ObjectClass *vm_find_machine(const char *name, GError **errp);
/* Its steps in system/vl-machine.c.  The machine object with what -machine says; *irqchip and
 * *accel (g_free) are what it says of those. */
MachineState *vm_create_machine(char **irqchip, char **accel, GError **errp);
bool vm_configure_machine(MachineState *ms, GError **errp);
/* Every accelerator that is named exists and takes its properties, whichever will be used. */
bool vm_check_accels(GError **errp);
/* The first accelerator that works: -accel in order, or machine_accel ("A:B"), or KVM. */
bool vm_create_accel(MachineState *ms, const char *machine_accel, const char *irqchip,
                     GError **errp);
/* Runs the main loop until a shutdown; returns the exit status. */
int vm_main_loop(void);
/* Orderly end: vCPUs parked, exit notifiers, images flushed, back ends closed. */
void vm_cleanup(void);

/* -daemonize: forks; the parent waits until the child called daemon_ready(), then exits 0 (1 if the
 * child died).  daemon_ready() gives up the caller's folder and standard streams; messages go to the
 * log file, if there is one.  False with errp: nobody waits any more. */
bool daemon_start(GError **errp);
bool daemon_ready(GError **errp);
/* -pidfile: written, locked, and removed at exit. */
bool pidfile_create(const char *path, GError **errp);
void pidfile_remove(void);

/* run state: at start-up */
void runstate_init(void);
bool runstate_should_exit(int *status);
void runstate_set_policy(bool no_reboot, bool no_shutdown);
/* -rtc base=,clock=,driftfix= */
bool rtc_configure(json_object *opts, GError **errp);
/* -smp, -m, -machine to ms's fields. */
bool machine_apply_memory(MachineState *ms, json_object *opts, GError **errp);
bool machine_create_ram(MachineState *ms, GError **errp);
/* Serial ports' back ends, in order. */
void serial_hd_add(struct Chardev *chr);

extern const char *qemu_name; /* -name, or NULL */
extern uint8_t qemu_uuid[16];
extern bool qemu_uuid_set;
bool uuid_parse(const char *text, uint8_t uuid[16]);

#endif
