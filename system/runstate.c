/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Run state: what the VM is doing, and the requests that change it.
 *
 * Requests come from any thread and are bits in one atomic word; a bottom half in the main loop
 * acts on them, in the order shutdown, reset, stop, power button.  Everything else here belongs to
 * the main loop.
 */
#include "system/runstate.h"
#include "qapi/qapi-types.h"

#include "block/block-backend.h"
#include "hw/qdev-core.h"
#include "monitor/monitor.h"
#include "net/net.h"
#include "qemu/aio.h"
#include "qemu/trace.h"
#include "system/cpus.h"
#include "system/ioregionfd.h"
#include "system/vl.h"

const char *const run_state_names[] = {
    "debug",     "inmigrate",      "internal-error", "io-error", "paused",  "postmigrate",
    "prelaunch", "finish-migrate", "restore-vm",     "running",  "save-vm", "shutdown",
    "suspended", "watchdog",       "guest-panicked", "colo",     NULL};
const char *const shutdown_cause_names[] = {
    "none",    "host-error",     "host-qmp-quit", "host-qmp-system-reset", "host-signal",
    "host-ui", "guest-shutdown", "guest-reset",   "guest-panic",           "subsystem-reset",
    NULL};

enum {
    REQ_SHUTDOWN = 1,
    REQ_RESET = 2,
    REQ_STOP = 4,
    REQ_POWERDOWN = 8,
    REQ_PANIC = 16,
    REQ_SUSPEND = 32,
    REQ_WAKEUP = 64
};

typedef struct Notifier {
    void (*fn)(void *opaque);
    VMChangeStateFn *state_fn;
    void *opaque;
} Notifier;

static struct {
    int state;          /* atomic RunState; written in the main loop */
    unsigned requests;  /* atomic REQ_* */
    int shutdown_cause; /* atomics: the first request's */
    int reset_cause, stop_state;
    int exit_code; /* atomic */
    AioBH *bh;
    bool exiting; /* main loop */
    bool no_reboot, no_shutdown;
    int panic_action; /* PanicAction */
    bool waking;      /* the reset under way is the end of a suspend */
    GPtrArray *state_handlers, *powerdown, *exits;
} rs = {.state = RUN_STATE_PRELAUNCH};

RunState runstate_get(void)
{
    return __atomic_load_n(&rs.state, __ATOMIC_ACQUIRE);
}

bool runstate_is_running(void)
{
    return runstate_get() == RUN_STATE_RUNNING;
}

static void runstate_set(RunState state)
{
    TRACE(runstate, set, "%s -> %s", run_state_names[runstate_get()], run_state_names[state]);
    __atomic_store_n(&rs.state, state, __ATOMIC_RELEASE);
}

/* --- handlers
 * ------------------------------------------------------------------------------------------ */

static Notifier *notifier_add(GPtrArray **list, void (*fn)(void *), VMChangeStateFn *state_fn,
                              void *opaque)
{
    Notifier *n = g_new0(Notifier, 1);

    if (!*list) {
        *list = g_ptr_array_new_with_free_func(g_free);
    }
    *n = (Notifier){.fn = fn, .state_fn = state_fn, .opaque = opaque};
    g_ptr_array_add(*list, n);
    return n;
}

static void notify_all(GPtrArray *list)
{
    for (unsigned i = 0; list && i < list->len; i++) {
        Notifier *n = g_ptr_array_index(list, i);

        n->fn(n->opaque);
    }
}

void *qemu_add_vm_change_state_handler(VMChangeStateFn *fn, void *opaque)
{
    return notifier_add(&rs.state_handlers, NULL, fn, opaque);
}

void qemu_del_vm_change_state_handler(void *handle)
{
    if (handle) {
        g_ptr_array_remove(rs.state_handlers, handle);
    }
}

void qemu_register_powerdown_notifier(void (*fn)(void *opaque), void *opaque)
{
    notifier_add(&rs.powerdown, fn, NULL, opaque);
}

void qemu_add_exit_notifier(void (*fn)(void *opaque), void *opaque)
{
    notifier_add(&rs.exits, fn, NULL, opaque);
}

static void state_changed(bool running, RunState state)
{
    for (unsigned i = 0; rs.state_handlers && i < rs.state_handlers->len; i++) {
        Notifier *n = g_ptr_array_index(rs.state_handlers, i);

        n->state_fn(n->opaque, running, state);
    }
}

/* --- stop and start
 * ------------------------------------------------------------------------------------- */

void vm_stop(RunState state)
{
    assert_main_loop();
    if (!runstate_is_running()) {
        runstate_set(state);
        return;
    }
    pause_all_vcpus();
    /* What the vCPUs posted is consumed before the devices are told: they see every doorbell that
     * the guest rang. */
    ioregion_flush_all();
    aio_clock_enable(false);
    runstate_set(state);
    state_changed(false, state);
    blk_drain_all();
    if (blk_flush_all() < 0) {
        warn_report("stop: a disk image could not be flushed");
    }
    qapi_event_emit("STOP", NULL);
}

bool vm_start(GError **errp)
{
    RunState state = runstate_get();

    assert_main_loop();
    if (state == RUN_STATE_RUNNING || state == RUN_STATE_SUSPENDED) {
        return true; /* who sleeps is woken by system_wakeup */
    }
    if (state == RUN_STATE_SHUTDOWN || state == RUN_STATE_INTERNAL_ERROR ||
        state == RUN_STATE_GUEST_PANICKED) {
        error_setg(
            errp,
            "Resetting the Virtual Machine is required (state is '%s'); use system_reset first",
            run_state_names[state]);
        return false;
    }
    runstate_set(RUN_STATE_RUNNING);
    qapi_event_emit("RESUME", NULL);
    aio_clock_enable(true);
    state_changed(true, RUN_STATE_RUNNING);
    resume_all_vcpus();
    return true;
}

/* --- requests: any thread
 * --------------------------------------------------------------------------------- */

static void request(unsigned bit)
{
    __atomic_fetch_or(&rs.requests, bit, __ATOMIC_RELEASE);
    aio_bh_schedule(rs.bh);
}

void qemu_system_reset_request(ShutdownCause reason)
{
    __atomic_store_n(&rs.reset_cause, reason, __ATOMIC_RELAXED);
    request(REQ_RESET);
}

void qemu_system_shutdown_request(ShutdownCause reason)
{
    int none = SHUTDOWN_CAUSE_NONE;

    __atomic_compare_exchange_n(&rs.shutdown_cause, &none, reason, false, __ATOMIC_RELAXED,
                                __ATOMIC_RELAXED);
    request(REQ_SHUTDOWN);
}

void qemu_system_shutdown_request_with_code(ShutdownCause reason, int exit_code)
{
    __atomic_store_n(&rs.exit_code, exit_code, __ATOMIC_RELAXED);
    qemu_system_shutdown_request(reason);
}

void qemu_system_powerdown_request(void)
{
    request(REQ_POWERDOWN);
}

void qemu_system_suspend_request(void)
{
    request(REQ_SUSPEND);
}

void qemu_system_wakeup_request(void)
{
    request(REQ_WAKEUP);
}

bool qemu_system_is_waking(void)
{
    return rs.waking;
}

void qemu_system_vmstop_request(RunState state)
{
    __atomic_store_n(&rs.stop_state, state, __ATOMIC_RELAXED);
    request(REQ_STOP);
}

void qemu_system_guest_panicked(void)
{
    request(REQ_PANIC);
}

/* --- acting on them: main loop
 * ------------------------------------------------------------------------------ */

/* No STOP: the guest sleeps, and guest time goes on, for something must wake it. */
static void act_on_suspend(void)
{
    if (!runstate_is_running()) {
        return;
    }
    pause_all_vcpus();
    ioregion_flush_all();
    runstate_set(RUN_STATE_SUSPENDED);
    state_changed(false, RUN_STATE_SUSPENDED);
    qapi_event_emit("SUSPEND", NULL);
}

/* The machine resets around its RAM; firmware, or the kernel itself, goes on from there. */
static void act_on_wakeup(void)
{
    if (runstate_get() != RUN_STATE_SUSPENDED) {
        return; /* it was awake */
    }
    rs.waking = true;
    qemu_system_reset(SHUTDOWN_CAUSE_NONE);
    rs.waking = false;
    runstate_set(RUN_STATE_RUNNING);
    qapi_event_emit("WAKEUP", NULL);
    state_changed(true, RUN_STATE_RUNNING);
    resume_all_vcpus();
}

static bool cause_is_guest(ShutdownCause cause)
{
    return cause >= SHUTDOWN_CAUSE_GUEST_SHUTDOWN;
}

static json_object *cause_event(ShutdownCause cause)
{
    json_object *data = json_object_new_object();

    json_object_object_add(data, "guest", json_object_new_boolean(cause_is_guest(cause)));
    json_object_object_add(data, "reason", json_object_new_string(shutdown_cause_names[cause]));
    return data;
}

void qemu_system_reset(ShutdownCause reason)
{
    /* One that comes while another function pauses the vCPUs leaves them to that. */
    bool resume = runstate_is_running() && !vcpus_are_paused();
    RunState state = runstate_get();

    assert_main_loop();
    pause_all_vcpus();
    cpus_end_accesses();
    ioregion_flush_all();
    qemu_devices_reset();
    cpu_reset_all();
    if (reason != SHUTDOWN_CAUSE_NONE) {
        if (reason != SHUTDOWN_CAUSE_SUBSYSTEM_RESET) {
            qapi_event_emit("RESET", cause_event(reason));
        }
        if (state == RUN_STATE_SHUTDOWN || state == RUN_STATE_INTERNAL_ERROR ||
            state == RUN_STATE_GUEST_PANICKED) {
            runstate_set(RUN_STATE_PAUSED);
        }
        if (state == RUN_STATE_SUSPENDED) { /* it starts anew */
            runstate_set(RUN_STATE_RUNNING);
            state_changed(true, RUN_STATE_RUNNING);
            resume = true;
        }
    }
    if (resume) {
        resume_all_vcpus();
    }
}

static void act_on_shutdown(void)
{
    ShutdownCause cause =
        __atomic_exchange_n(&rs.shutdown_cause, SHUTDOWN_CAUSE_NONE, __ATOMIC_RELAXED);

    qapi_event_emit("SHUTDOWN", cause_event(cause));
    if (rs.no_shutdown && cause_is_guest(cause)) {
        vm_stop(RUN_STATE_SHUTDOWN);
        return;
    }
    rs.exiting = true;
}

static void act_on_reset(void)
{
    ShutdownCause cause = __atomic_load_n(&rs.reset_cause, __ATOMIC_RELAXED);

    if (rs.no_reboot && cause_is_guest(cause)) {
        qemu_system_shutdown_request(cause);
        return;
    }
    qemu_system_reset(cause);
}

static void act_on_panic(void)
{
    /* As the event names it: pause, poweroff, run. */
    static const char *const names[] = {"pause", "poweroff", "poweroff", "run"};
    json_object *data = json_object_new_object();

    json_object_object_add(data, "action", json_object_new_string(names[rs.panic_action]));
    qapi_event_emit("GUEST_PANICKED", data);
    switch (rs.panic_action) {
    case PANIC_ACTION_PAUSE:
        vm_stop(RUN_STATE_GUEST_PANICKED);
        break;
    case PANIC_ACTION_EXIT_FAILURE:
        qemu_system_shutdown_request_with_code(SHUTDOWN_CAUSE_GUEST_PANIC, EXIT_FAILURE);
        break;
    case PANIC_ACTION_SHUTDOWN:
        qemu_system_shutdown_request(SHUTDOWN_CAUSE_GUEST_PANIC);
        break;
    }
}

static void requests_bh(void *opaque)
{
    unsigned req = __atomic_exchange_n(&rs.requests, 0, __ATOMIC_ACQUIRE);

    if (rs.exiting) {
        return;
    }
    if (req & REQ_PANIC) {
        act_on_panic();
    }
    if (req & REQ_SHUTDOWN) {
        act_on_shutdown();
    }
    if ((req & REQ_RESET) && !rs.exiting) {
        act_on_reset();
    }
    if ((req & REQ_SUSPEND) && !rs.exiting) {
        act_on_suspend();
    }
    if ((req & REQ_WAKEUP) && !rs.exiting) {
        act_on_wakeup();
    }
    if ((req & REQ_STOP) && !rs.exiting) {
        vm_stop(__atomic_load_n(&rs.stop_state, __ATOMIC_RELAXED));
    }
    if ((req & REQ_POWERDOWN) && !rs.exiting) {
        if (runstate_get() == RUN_STATE_SUSPENDED) {
            qemu_system_wakeup_request(); /* the button wakes */
        }
        qapi_event_emit("POWERDOWN", NULL);
        notify_all(rs.powerdown);
    }
}

void qemu_system_process_requests(void)
{
    assert_main_loop();
    requests_bh(NULL);
}

void runstate_init(void)
{
    rs.bh = aio_bh_new_outermost(aio_get_main(), requests_bh, NULL);
}

void runstate_set_policy(bool no_reboot, bool no_shutdown)
{
    rs.no_reboot = no_reboot;
    rs.no_shutdown = no_shutdown;
}

void runstate_set_no_reboot(bool on)
{
    rs.no_reboot = on;
}

void runstate_set_no_shutdown(bool on)
{
    rs.no_shutdown = on;
}

void runstate_set_panic_action(int action)
{
    rs.panic_action = action;
}

bool runstate_should_exit(int *status)
{
    *status = __atomic_load_n(&rs.exit_code, __ATOMIC_RELAXED);
    return rs.exiting;
}

void vm_cleanup(void)
{
    if (cpus) {
        pause_all_vcpus();
    }
    notify_all(rs.exits);
    blk_finish_all();
    net_cleanup();
    monitor_cleanup();
    qemu_chr_cleanup();
    pidfile_remove();
}
