/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Start-up in the order that things depend on each other: logging, back ends,
 * objects, machine, accelerator, RAM, block nodes, the board, devices, servers.
 * Every step either succeeds or leaves one error that names the option.
 */
#include "system/vl.h"

#include "block/block-monitor.h"
#include "chardev/char.h"
#include "hw/qdev-monitor.h"
#include "monitor/monitor.h"
#include "net/net.h"
#include "qapi/keyval.h"
#include "qemu/aio.h"
#include "qemu/log.h"
#include "qemu/startup-files.h"
#include "system/cpus.h"
#include "system/gdbstub.h"
#include "system/ioregionfd.h"
#include "system/kvm.h"
#include "system/qtest.h"
#include "system/runstate.h"
#include "system/watchdog.h"

#include <signal.h>
#include <sys/signalfd.h>

const char *qemu_name;
uint8_t qemu_uuid[16];
bool qemu_uuid_set;

/* --- small options
 * --------------------------------------------------------------------------------------
 */

bool uuid_parse(const char *text, uint8_t uuid[16])
{
    int n = 0;
    unsigned b;

    for (const char *p = text; *p;) {
        if (*p == '-') {
            if (n != 4 && n != 6 && n != 8 && n != 10) {
                return false;
            }
            p++;
            continue;
        }
        if (n == 16 || !g_ascii_isxdigit(p[0]) || !g_ascii_isxdigit(p[1])) {
            return false;
        }
        b = g_ascii_xdigit_value(p[0]) << 4 | g_ascii_xdigit_value(p[1]);
        uuid[n++] = b;
        p += 2;
    }
    return n == 16 && strlen(text) == 36;
}

static bool apply_name(const char *text, GError **errp)
{
    static const char *const known[] = {"guest", "debug-threads", NULL};
    bool is_json = false, debug_threads;
    json_object *opts = keyval_parse(text, "guest", &is_json, errp);
    bool ok;

    if (!opts) {
        error_name_option(errp, "-name", text);
        return false;
    }
    qemu_name = opts_take_str(opts, "guest");
    ok = opts_take_bool(opts, "debug-threads", true, &debug_threads, errp);
    if (ok && json_object_object_get_ex(opts, "process", NULL)) {
        error_setg(errp, "-name process=: changing the process name is not built "
                         "in; use exec -a");
        ok = false;
    }
    ok = ok && opts_check_empty(opts, "-name", known, errp);
    json_object_put(opts);
    error_name_option(errp, "-name", text);
    if (ok) {
        error_set_guest_name(qemu_name);
    }
    return ok;
}

static bool apply_global(const char *text, GError **errp)
{
    const char *eq = strchr(text, '=');
    const char *dot = NULL;

    if (eq) {
        /* The property name has no dot, the driver's may. */
        dot = g_strrstr_len(text, eq - text, ".");
    }
    if (dot && dot > text && eq > dot + 1) {
        g_autofree char *driver = g_strndup(text, dot - text);
        g_autofree char *prop = g_strndup(dot + 1, eq - dot - 1);

        qdev_global_add(driver, prop, eq + 1);
        return true;
    }
    /* The long form: driver=D,property=P,value=V. */
    if (g_str_has_prefix(text, "driver=")) {
        bool is_json = false;
        json_object *opts = keyval_parse(text, NULL, &is_json, errp);
        g_autofree char *driver = opts ? opts_take_str(opts, "driver") : NULL;
        g_autofree char *prop = opts ? opts_take_str(opts, "property") : NULL;
        g_autofree char *value = opts ? opts_take_str(opts, "value") : NULL;

        json_object_put(opts);
        if (driver && prop && value) {
            qdev_global_add(driver, prop, value);
            return true;
        }
    }
    error_setg(errp, "-global %s: the form is DRIVER.PROPERTY=VALUE", text);
    return false;
}

static bool for_each(GPtrArray *list, bool (*fn)(const char *text, GError **errp), GError **errp)
{
    for (unsigned i = 0; list && i < list->len; i++) {
        if (!fn(g_ptr_array_index(list, i), errp)) {
            return false;
        }
    }
    return true;
}

/* --- signals
 * ----------------------------------------------------------------------------------------------
 */

static int signal_fd = -1;

static void signals_ready(void *opaque)
{
    struct signalfd_siginfo info;

    if (read(signal_fd, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_pid) {
            info_report("terminating on signal %u from pid %u", info.ssi_signo, info.ssi_pid);
        }
        qemu_system_shutdown_request(SHUTDOWN_CAUSE_HOST_SIGNAL);
    }
}

static bool signals_init(GError **errp)
{
    sigset_t set;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signal_fd < 0) {
        error_setg_errno(errp, errno, "cannot create a signalfd");
        return false;
    }
    aio_set_fd_handler(aio_get_main(), signal_fd, signals_ready, NULL, NULL);
    return true;
}

/* --- back ends and objects
 * -----------------------------------------------------------------------------------
 */

static bool create_chardev(const char *text, GError **errp)
{
    bool is_json = false;
    json_object *opts = keyval_parse(text, "backend", &is_json, errp);
    Chardev *chr;

    chr = opts ? qemu_chr_new_opts(opts, errp) : NULL;
    json_object_put(opts);
    error_name_option(errp, "-chardev", text);
    return chr != NULL;
}

static json_object *parse_object(const char *text, bool *is_json, GError **errp)
{
    g_autoptr(GError) err = NULL;
    json_object *opts = keyval_parse(text, "qom-type", is_json, &err);

    if (!opts) {
        g_propagate_error(errp, g_steal_pointer(&err));
        error_name_option(errp, "-object", text);
    }
    return opts;
}

static bool create_object(const char *text, bool iothreads, GError **errp)
{
    bool is_json = false;
    json_object *opts = parse_object(text, &is_json, errp);
    g_autofree char *type = opts ? opts_take_str(opts, "qom-type") : NULL;
    g_autofree char *id = opts ? opts_take_str(opts, "id") : NULL;
    g_autoptr(GError) err = NULL;
    bool ok = false;

    if (!opts) {
        return false;
    }
    if ((g_strcmp0(type, "iothread") == 0) != iothreads) {
        ok = true;
    } else if (!type || !id) {
        error_setg(errp, "-object %s: %s is missing; the form is -object TYPE,id=ID,...", text,
                   type ? "id" : "the type");
    } else {
        ok = user_creatable_add(type, id, opts, !is_json, &err) != NULL;
        if (!ok) {
            g_propagate_error(errp, g_steal_pointer(&err));
            error_name_option(errp, "-object", text);
        }
    }
    json_object_put(opts);
    return ok;
}

/* IOThreads come first, so that the order of -object options does not matter
 * for what lives on them. */
static bool create_iothread_object(const char *text, GError **errp)
{
    return create_object(text, true, errp);
}

static bool create_other_object(const char *text, GError **errp)
{
    return create_object(text, false, errp);
}

static bool create_netdev(const char *text, GError **errp)
{
    g_autoptr(GError) err = NULL;

    if (!net_add_text(text, &err)) {
        g_propagate_error(errp, g_steal_pointer(&err));
        error_name_option(errp, "-netdev", text);
        return false;
    }
    return true;
}

/* --- devices and servers
 * --------------------------------------------------------------------------------------------
 */

static bool create_blockdev(const char *text, GError **errp)
{
    bool is_json = false;
    g_autoptr(GError) err = NULL;
    json_object *opts = keyval_parse(text, "driver", &is_json, &err);
    bool ok = opts && blockdev_add(opts, !is_json, &err);

    json_object_put(opts);
    if (!ok) {
        g_propagate_error(errp, g_steal_pointer(&err));
        error_name_option(errp, "-blockdev", text);
    }
    return ok;
}

/* "file=NAME" with the commas of NAME kept as they are. */
static char *file_option(const char *name)
{
    g_auto(GStrv) parts = g_strsplit(name, ",", -1);
    g_autofree char *doubled = g_strjoinv(",,", parts);

    return g_strdup_printf("file=%s", doubled);
}

static bool create_drive(const VmDrive *drive, GError **errp)
{
    g_autofree char *file = drive->option ? file_option(drive->text) : NULL;
    g_autofree char *option = g_strdup_printf("-%s", drive->option ? drive->option : "drive");
    g_autoptr(GError) err = NULL;

    if (!drive_add(file ? file : drive->text, drive->option ? drive->implied : NULL, &err)) {
        g_propagate_error(errp, g_steal_pointer(&err));
        error_name_option(errp, option, drive->text);
        return false;
    }
    return true;
}

static bool create_drives(GError **errp)
{
    for (unsigned n = 0; vm_config.drives && n < vm_config.drives->len; n++) {
        if (!create_drive(vm_config.drives->pdata[n], errp)) {
            return false;
        }
    }
    return true;
}

static bool create_device(const char *text, GError **errp)
{
    bool is_json = false;
    g_autoptr(GError) err = NULL;
    json_object *opts = keyval_parse(text, "driver", &is_json, &err);
    DeviceState *dev = opts ? qdev_device_add(opts, !is_json, &err) : NULL;

    json_object_put(opts);
    if (!dev) {
        g_propagate_error(errp, g_steal_pointer(&err));
        error_name_option(errp, "-device", text);
        return false;
    }
    return true;
}

/* The first serial port and the monitor are on the caller's terminal. */
static bool wants_console(void)
{
    return vm_config.nographic && !vm_config.nodefaults && !vm_config.serials;
}

static bool create_serials(GError **errp)
{
    bool console = wants_console();
    bool shared = console && !vm_config.monitors && !vm_config.mons && !vm_config.qmps;
    int n = 0;

    for (unsigned i = 0; vm_config.serials && i < vm_config.serials->len; i++) {
        const char *spec = g_ptr_array_index(vm_config.serials, i);
        g_autofree char *label = g_strdup_printf("serial%d", n++);
        g_autoptr(GError) err = NULL;
        Chardev *chr = NULL;

        if (strcmp(spec, "none") && !(chr = qemu_chr_new(label, spec, &err))) {
            error_setg(errp, "-serial %s: %s", spec, err->message);
            return false;
        }
        serial_hd_add(chr);
    }
    if (console) {
        Chardev *chr = qemu_chr_new("serial0", shared ? "mon:stdio" : "stdio", errp);

        if (!chr) {
            g_prefix_error(errp, "-nographic: ");
            return false;
        }
        serial_hd_add(chr);
    }
    return true;
}

static bool create_debugcon(const char *spec, GError **errp)
{
    static int n;
    g_autofree char *label = g_strdup_printf("debugcon%d", n++);
    g_autofree char *text = g_strdup_printf("isa-debugcon,chardev=%s", label);
    g_autoptr(GError) err = NULL;

    if (!strcmp(spec, "none")) {
        return true;
    }
    if (!qemu_chr_new(label, spec, &err)) {
        error_setg(errp, "-debugcon %s: %s", spec, err->message);
        return false;
    }
    return create_device(text, errp);
}

static bool create_mon(const char *text, GError **errp)
{
    bool is_json = false;
    g_autoptr(GError) err = NULL;
    json_object *opts = keyval_parse(text, "chardev", &is_json, &err);
    bool ok = opts && monitor_init_opts(opts, &err);

    json_object_put(opts);
    if (!ok) {
        g_propagate_error(errp, g_steal_pointer(&err));
        error_name_option(errp, "-mon", text);
    }
    return ok;
}

static bool create_monitor_on(const char *spec, const char *option, bool qmp, bool pretty,
                              GError **errp)
{
    static int n;
    g_autofree char *label = g_strdup_printf("compat_monitor%d", n++);
    g_autoptr(GError) err = NULL;
    Chardev *chr;

    if (strcmp(spec, "none") == 0) {
        return true;
    }
    chr = qemu_chr_new(label, spec, &err);
    if (!chr || !monitor_init(chr, qmp, pretty, &err)) {
        error_setg(errp, "%s %s: %s", option, spec, err->message);
        return false;
    }
    return true;
}

static bool create_qmp(const char *spec, GError **errp)
{
    return create_monitor_on(spec, "-qmp", true, false, errp);
}

static bool create_qmp_pretty(const char *spec, GError **errp)
{
    return create_monitor_on(spec, "-qmp-pretty", true, true, errp);
}

static bool create_hmp(const char *spec, GError **errp)
{
    return create_monitor_on(spec, "-monitor", false, false, errp);
}

/* --- all of it
 * ---------------------------------------------------------------------------------------------------------
 */

static bool create_backends(GError **errp)
{
    if (vm_config.uuid && !uuid_parse(vm_config.uuid, qemu_uuid)) {
        error_setg(errp, "-uuid %s: not of the form xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx",
                   vm_config.uuid);
        return false;
    }
    qemu_uuid_set = vm_config.uuid != NULL;
    return (!vm_config.name || apply_name(vm_config.name, errp)) &&
           for_each(vm_config.globals, apply_global, errp) &&
           (!vm_config.rtc || rtc_configure(vm_config.rtc, errp)) &&
           for_each(vm_config.chardevs, create_chardev, errp) && create_serials(errp) &&
           for_each(vm_config.objects, create_iothread_object, errp) &&
           for_each(vm_config.netdevs, create_netdev, errp) &&
           for_each(vm_config.nics, net_nic_option, errp) &&
           for_each(vm_config.nets, net_net_option, errp) &&
           for_each(vm_config.objects, create_other_object, errp);
}

static bool create_board(GError **errp)
{
    g_autofree char *irqchip = NULL, *accel = NULL;
    MachineState *ms = vm_create_machine(&irqchip, &accel, errp);
    MachineClass *mc;

    if (!ms || !vm_configure_machine(ms, errp) || !vm_create_accel(ms, accel, irqchip, errp)) {
        return false;
    }
    mc = MACHINE_GET_CLASS(ms);
    /* Each vCPU, the main loop, and threads that DMA to other devices. */
    ioregion_set_max_waiters(ms->smp.max_cpus + 4);
    return machine_create_ram(ms, errp) && for_each(vm_config.blockdevs, create_blockdev, errp) &&
           create_drives(errp) && (!mc->init || mc->init(ms, errp)) && drive_check_taken(errp);
}

static bool create_servers(GError **errp)
{
    if (vm_config.qtest && !qtest_server_init(vm_config.qtest, vm_config.qtest_log, errp)) {
        return false;
    }
    return for_each(vm_config.mons, create_mon, errp) &&
           for_each(vm_config.qmps, create_qmp, errp) &&
           for_each(vm_config.qmps_pretty, create_qmp_pretty, errp) &&
           for_each(vm_config.monitors, create_hmp, errp);
}

/* A daemon gives its caller's streams back. */
static bool check_daemonize(GError **errp)
{
    if (vm_config.daemonize && wants_console()) {
        error_setg(errp, "-daemonize and -nographic exclude each other: a daemon has no standard "
                         "input and output; use -display none, with -serial file:PATH or "
                         "unix:PATH,server=on,wait=off");
        return false;
    }
    if (vm_config.daemonize) {
        qemu_chr_forbid_stdio("-daemonize");
    }
    return true;
}

static bool start_gdbserver(const char *spec, GError **errp)
{
    g_autoptr(GError) err = NULL;

    if (!gdbserver_start(spec, &err)) {
        error_setg(errp, "-gdb %s: %s", spec, err->message);
        return false;
    }
    return true;
}

OptionsResult vm_create(GError **errp)
{
    OptionsResult help = help_requested(errp);

    if (help != OPTIONS_RUN) {
        return help;
    }
    if (!check_daemonize(errp) || !vm_check_accels(errp) ||
        (vm_config.logfile && !qemu_log_set_file(vm_config.logfile, errp)) ||
        (vm_config.log_items && !qemu_log_parse(vm_config.log_items, errp)) ||
        (vm_config.daemonize && !daemon_start(errp)) ||
        (vm_config.pidfile && !pidfile_create(vm_config.pidfile, errp)) || !aio_init_main(errp) ||
        !signals_init(errp)) {
        return OPTIONS_FAILED;
    }
    runstate_init();
    runstate_set_policy(vm_config.no_reboot, vm_config.no_shutdown);
    memory_map_init();
    if (vm_config.action && !action_configure(vm_config.action, errp)) {
        return OPTIONS_FAILED;
    }
    if (!create_backends(errp) || !create_board(errp) ||
        !for_each(vm_config.debugcons, create_debugcon, errp) || !net_create_nics(errp) ||
        !for_each(vm_config.devices, create_device, errp)) {
        return OPTIONS_FAILED;
    }
    if (!ioregionfd_check_bindings(errp)) {
        return OPTIONS_FAILED;
    }
    qdev_globals_warn_unused();
    if (MACHINE_GET_CLASS(current_machine)->done &&
        !MACHINE_GET_CLASS(current_machine)->done(current_machine, errp)) {
        return OPTIONS_FAILED;
    }
    qdev_machine_creation_done();
    qemu_system_reset(SHUTDOWN_CAUSE_NONE);
    if (!create_servers(errp) || (vm_config.gdb && !start_gdbserver(vm_config.gdb, errp))) {
        return OPTIONS_FAILED;
    }
    if (!vm_config.stopped && !vm_start(errp)) {
        return OPTIONS_FAILED;
    }
    if (!daemon_ready(errp)) {
        return OPTIONS_FAILED;
    }
    startup_files_keep();
    return OPTIONS_RUN;
}

int vm_main_loop(void)
{
    int status;

    while (!runstate_should_exit(&status)) {
        g_main_context_iteration(NULL, TRUE);
    }
    return status;
}
