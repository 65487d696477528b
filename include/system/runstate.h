/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Run state of the VM, and requests to change it. */
#ifndef SYSTEM_RUNSTATE_H
#define SYSTEM_RUNSTATE_H

#include "qemu/error.h"

typedef enum RunState {
    RUN_STATE_DEBUG, RUN_STATE_INMIGRATE, RUN_STATE_INTERNAL_ERROR, RUN_STATE_IO_ERROR, RUN_STATE_PAUSED,
    RUN_STATE_POSTMIGRATE, RUN_STATE_PRELAUNCH, RUN_STATE_FINISH_MIGRATE, RUN_STATE_RESTORE_VM, RUN_STATE_RUNNING,
    RUN_STATE_SAVE_VM, RUN_STATE_SHUTDOWN, RUN_STATE_SUSPENDED, RUN_STATE_WATCHDOG, RUN_STATE_GUEST_PANICKED,
    RUN_STATE_COLO, RUN_STATE__MAX,
} RunState;
extern const char *const run_state_names[];   /* as in QMP */

typedef enum ShutdownCause {
    SHUTDOWN_CAUSE_NONE, SHUTDOWN_CAUSE_HOST_ERROR, SHUTDOWN_CAUSE_HOST_QMP_QUIT, SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET,
    SHUTDOWN_CAUSE_HOST_SIGNAL, SHUTDOWN_CAUSE_HOST_UI, SHUTDOWN_CAUSE_GUEST_SHUTDOWN, SHUTDOWN_CAUSE_GUEST_RESET,
    SHUTDOWN_CAUSE_GUEST_PANIC, SHUTDOWN_CAUSE_SUBSYSTEM_RESET, SHUTDOWN_CAUSE__MAX,
} ShutdownCause;
extern const char *const shutdown_cause_names[];  /* "none", "host-error", "host-qmp-quit" ... */

RunState runstate_get(void);           /* any thread */
bool runstate_is_running(void);        /* any thread */
/* Main loop: vCPUs are parked, homes drained, block nodes flushed, STOP event; state is the new one. */
void vm_stop(RunState state);
/* Main loop: RESUME event, vCPUs run.  False with errp in a state that allows no start (shutdown, internal error: reset first). */
bool vm_start(GError **errp);

/* Requests from any thread (vCPU, home, signal handler for shutdown only); the main loop acts on them. */
void qemu_system_reset_request(ShutdownCause reason);
void qemu_system_shutdown_request(ShutdownCause reason);
void qemu_system_shutdown_request_with_code(ShutdownCause reason, int exit_code);   /* isa-debug-exit */
void qemu_system_powerdown_request(void);
void qemu_system_vmstop_request(RunState state);
void qemu_system_guest_panicked(void);
/* The guest goes to sleep in RAM (ACPI S3): vCPUs park, SUSPEND event.  Something wakes it: a reset that keeps RAM, WAKEUP event. */
void qemu_system_suspend_request(void);
void qemu_system_wakeup_request(void);
/* For devices' resets: true if it is the one that ends a suspend. Main loop. */
bool qemu_system_is_waking(void);
/* -action and set-action: reboots end the VM; a shutdown pauses it.  Main loop. */
void runstate_set_no_reboot(bool on);
void runstate_set_no_shutdown(bool on);
/* What a guest's panic does: a PanicAction of QMP.  Main loop. */
void runstate_set_panic_action(int action);
/* Acts on the requests above now instead of in the main loop's next round, so that their events come first. Main loop. */
void qemu_system_process_requests(void);
/* Now, in the main loop: everything resets, RESET event. */
void qemu_system_reset(ShutdownCause reason);

/* fn is called in the main loop after each change. */
typedef void VMChangeStateFn(void *opaque, bool running, RunState state);
void *qemu_add_vm_change_state_handler(VMChangeStateFn *fn, void *opaque);
void qemu_del_vm_change_state_handler(void *handle);
/* fn runs in the main loop when a power-button press is requested (ACPI). */
void qemu_register_powerdown_notifier(void (*fn)(void *opaque), void *opaque);
/* fn runs in the main loop at exit, before devices go. */
void qemu_add_exit_notifier(void (*fn)(void *opaque), void *opaque);

#endif
