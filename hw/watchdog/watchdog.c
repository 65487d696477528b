/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -action, set-action, watchdog-set-action. */
#include "system/watchdog.h"

#include "qapi/qapi-commands.h"
#include "qapi/qapi-events.h"
#include "system/runstate.h"

static WatchdogAction watchdog_action = WATCHDOG_ACTION_RESET;

void watchdog_expired(void)
{
    qapi_event_send_watchdog(watchdog_action);
    switch (watchdog_action) {
    case WATCHDOG_ACTION_RESET:
        qemu_system_reset_request(SHUTDOWN_CAUSE_GUEST_RESET);
        break;
    case WATCHDOG_ACTION_SHUTDOWN:
        qemu_system_powerdown_request();
        break;
    case WATCHDOG_ACTION_POWEROFF:
        qemu_system_shutdown_request(SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
        break;
    case WATCHDOG_ACTION_PAUSE:
        qemu_system_vmstop_request(RUN_STATE_WATCHDOG);
        break;
    case WATCHDOG_ACTION_DEBUG:
        error_report("watchdog: timer fired");
        break;
    case WATCHDOG_ACTION_INJECT_NMI:
        qmp_inject_nmi(NULL);
        break;
    default: /* none */
        break;
    }
}

void qmp_watchdog_set_action(WatchdogAction action, GError **errp)
{
    watchdog_action = action;
}

void qmp_set_action(bool has_reboot, RebootAction reboot, bool has_shutdown,
                    ShutdownAction shutdown, bool has_panic, PanicAction panic, bool has_watchdog,
                    WatchdogAction watchdog, GError **errp)
{
    if (has_reboot) {
        runstate_set_no_reboot(reboot == REBOOT_ACTION_SHUTDOWN);
    }
    if (has_shutdown) {
        runstate_set_no_shutdown(shutdown == SHUTDOWN_ACTION_PAUSE);
    }
    if (has_panic) {
        runstate_set_panic_action(panic);
    }
    if (has_watchdog) {
        watchdog_action = watchdog;
    }
}

bool action_configure(json_object *opts, GError **errp)
{
    json_object_object_foreach(opts, key, value)
    {
        const char *text = json_object_get_string(value);
        GError *err = NULL;

        if (!strcmp(key, "reboot")) {
            runstate_set_no_reboot(RebootAction_parse(text, &err) == REBOOT_ACTION_SHUTDOWN);
        } else if (!strcmp(key, "shutdown")) {
            runstate_set_no_shutdown(ShutdownAction_parse(text, &err) == SHUTDOWN_ACTION_PAUSE);
        } else if (!strcmp(key, "panic")) {
            runstate_set_panic_action(PanicAction_parse(text, &err));
        } else if (!strcmp(key, "watchdog")) {
            watchdog_action = WatchdogAction_parse(text, &err);
        } else {
            error_setg(errp, "-action %s=: reboot=, shutdown=, panic= and watchdog= are expected",
                       key);
            return false;
        }
        if (err) {
            g_propagate_prefixed_error(errp, err, "-action %s=%s: ", key, text);
            return false;
        }
    }
    return true;
}
