/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Human monitor: run state, information about the virtual machine, logging. */
#include "hw/boards.h"
#include "hw/qdev-monitor.h"
#include "monitor-internal.h"
#include "monitor/hmp.h"
#include "qapi/qapi-commands.h"
#include "qemu/log.h"
#include "qemu/osdep.h"
#include "qemu/trace.h"
#include "system/cpus.h"
#include "system/ioregionfd.h"
#include "system/runstate.h"

/* --- run state
 * ----------------------------------------------------------------------------------------------------------
 */

/* Commands that are their QMP namesake. */
#define HMP_QMP(ident, name, qmp_fn, help) \
    static void ident(Monitor *mon, const HmpArgs *args) \
    { \
        GError *err = NULL; \
        qmp_fn(&err); \
        if (err) { \
            hmp_report(mon, err); \
        } \
    } \
    HMP_COMMAND(ident, name, "", help, ident, 0, 0)

HMP_QMP(hmp_quit, "quit|q", qmp_quit, "end the emulator");
HMP_QMP(hmp_stop, "stop|s", qmp_stop, "stop the vCPUs");
HMP_QMP(hmp_cont, "cont|c", qmp_cont, "let the vCPUs run");
HMP_QMP(hmp_system_reset, "system_reset", qmp_system_reset, "reset the virtual machine");
HMP_QMP(hmp_nmi, "nmi", qmp_inject_nmi, "pulse the NMI input of each vCPU");
HMP_QMP(hmp_system_powerdown, "system_powerdown", qmp_system_powerdown, "press the power button");

/* --- information
 * --------------------------------------------------------------------------------------------------------------
 */

static void print_string(Monitor *mon, GString *text)
{
    monitor_printf(mon, "%s", text->str);
    g_string_free(text, true);
}

static void hmp_info_version(Monitor *mon, const HmpArgs *args)
{
    monitor_printf(mon, "%s\n", QEMU_VERSION);
}
HMP_INFO(hmp_info_version, "version", "", "show the version", hmp_info_version, 0, 0);

static void hmp_info_status(Monitor *mon, const HmpArgs *args)
{
    g_autoptr(StatusInfo) info = qmp_query_status(NULL);

    monitor_printf(mon, "VM status: %s", info->running ? "running" : "paused");
    if (!info->running && info->status != RUN_STATE_PAUSED) {
        monitor_printf(mon, " (%s)", RunState_str(info->status));
    }
    monitor_printf(mon, "\n");
}
HMP_INFO(hmp_info_status, "status", "", "show whether the virtual machine runs", hmp_info_status, 0,
         0);

static void hmp_info_kvm(Monitor *mon, const HmpArgs *args)
{
    g_autoptr(KvmInfo) info = qmp_query_kvm(NULL);

    monitor_printf(mon, "kvm support: %s\n", info->enabled ? "enabled" : "disabled");
}
HMP_INFO(hmp_info_kvm, "kvm", "", "show whether KVM is in use", hmp_info_kvm, 0, 0);

static void hmp_info_name(Monitor *mon, const HmpArgs *args)
{
    g_autoptr(NameInfo) info = qmp_query_name(NULL);

    if (info->name) {
        monitor_printf(mon, "%s\n", info->name);
    }
}
HMP_INFO(hmp_info_name, "name", "", "show the virtual machine's name", hmp_info_name, 0, 0);

static void hmp_info_uuid(Monitor *mon, const HmpArgs *args)
{
    g_autoptr(UuidInfo) info = qmp_query_uuid(NULL);

    monitor_printf(mon, "%s\n", info->UUID);
}
HMP_INFO(hmp_info_uuid, "uuid", "", "show the virtual machine's UUID", hmp_info_uuid, 0, 0);

static void hmp_info_cpus(Monitor *mon, const HmpArgs *args)
{
    g_autoptr(CpuInfoFastList) list = qmp_query_cpus_fast(NULL);

    for (CpuInfoFastList *l = list; l; l = l->next) {
        monitor_printf(mon, "%c CPU #%" PRId64 ": thread_id=%" PRId64 "\n",
                       l->value->cpu_index == monitor_cur()->hmp_cpu ? '*' : ' ',
                       l->value->cpu_index, l->value->thread_id);
    }
}
HMP_INFO(hmp_info_cpus, "cpus", "", "show the vCPUs", hmp_info_cpus, 0, 0);

static void hmp_info_hotpluggable_cpus(Monitor *mon, const HmpArgs *args)
{
    GError *err = NULL;
    g_autoptr(HotpluggableCPUList) list = qmp_query_hotpluggable_cpus(&err);

    if (err) {
        hmp_report(mon, err);
        return;
    }
    monitor_printf(mon, "Hotpluggable CPUs:\n");
    for (HotpluggableCPUList *l = list; l; l = l->next) {
        const CpuInstanceProperties *p = l->value->props;

        monitor_printf(mon, "  type: \"%s\", socket-id: %" PRId64, l->value->type, p->socket_id);
        if (p->has_die_id) {
            monitor_printf(mon, ", die-id: %" PRId64, p->die_id);
        }
        monitor_printf(mon, ", core-id: %" PRId64 ", thread-id: %" PRId64 "%s%s\n", p->core_id,
                       p->thread_id, l->value->qom_path ? ": " : "",
                       l->value->qom_path ? l->value->qom_path : "");
    }
}
HMP_INFO(hmp_info_hotpluggable_cpus, "hotpluggable-cpus", "",
         "show the processors that are there or can be added", hmp_info_hotpluggable_cpus, 0, 0);

static void hmp_info_chardev(Monitor *mon, const HmpArgs *args)
{
    g_autoptr(ChardevInfoList) list = qmp_query_chardev(NULL);

    for (ChardevInfoList *l = list; l; l = l->next) {
        monitor_printf(mon, "%s: filename=%s\n", l->value->label, l->value->filename);
    }
}
HMP_INFO(hmp_info_chardev, "chardev", "", "show the character devices", hmp_info_chardev, 0, 0);

static void hmp_info_iothreads(Monitor *mon, const HmpArgs *args)
{
    g_autoptr(IOThreadInfoList) list = qmp_query_iothreads(NULL);

    for (IOThreadInfoList *l = list; l; l = l->next) {
        const IOThreadInfo *i = l->value;

        monitor_printf(
            mon,
            "%s:\n  thread_id=%" PRId64 "\n  poll-max-ns=%" PRId64 "\n  poll-grow=%" PRId64
            "\n  poll-shrink=%" PRId64 "\n  aio-max-batch=%" PRId64 "\n",
            i->id, i->thread_id, i->poll_max_ns, i->poll_grow, i->poll_shrink, i->aio_max_batch);
    }
}
HMP_INFO(hmp_info_iothreads, "iothreads", "", "show the IOThreads", hmp_info_iothreads, 0, 0);

static void hmp_info_lock_contention(Monitor *mon, const HmpArgs *args)
{
    monitor_printf(mon, "contended lock acquisitions: %" PRIu64 "\n", qemu_lock_contention());
}
HMP_INFO(hmp_info_lock_contention, "lock-contention", "",
         "show how often a thread had to wait for a lock since start", hmp_info_lock_contention, 0,
         0);

static void hmp_info_memory(Monitor *mon, const HmpArgs *args)
{
    MemoryInfo *info = qmp_query_memory_size_summary(NULL);

    monitor_printf(mon, "base memory: %" PRIu64 "\nplugged memory: %" PRIu64 "\n",
                   info->base_memory, info->plugged_memory);
    qapi_free_MemoryInfo(info);
}
HMP_INFO(hmp_info_memory, "memory_size_summary", "", "show how much memory the guest has, in bytes",
         hmp_info_memory, 0, 0);

static void hmp_info_qtree(Monitor *mon, const HmpArgs *args)
{
    print_string(mon, qdev_print_qtree());
}
HMP_INFO(hmp_info_qtree, "qtree", "", "show buses and devices", hmp_info_qtree, 0, 0);

static void hmp_info_mtree(Monitor *mon, const HmpArgs *args)
{
    GString *out = g_string_new(NULL);
    bool flat = false, owner = false;

    for (char **a = args->argv; *a; a++) {
        flat |= !strcmp(*a, "-f");
        owner |= !strcmp(*a, "-o");
    }
    mtree_info(out, flat, owner);
    print_string(mon, out);
}
HMP_INFO(hmp_info_mtree, "mtree", "[-f] [-o]",
         "show the memory map (-f: as rendered, -o: with owners)", hmp_info_mtree, 0, 2);

static void hmp_info_ioregionfd(Monitor *mon, const HmpArgs *args)
{
    GString *out = g_string_new(NULL);

    ioregion_info(out);
    print_string(mon, out);
}
HMP_INFO(hmp_info_ioregionfd, "ioregionfd", "", "show which regions are served where, and how",
         hmp_info_ioregionfd, 0, 0);

static CPUState *chosen_cpu(Monitor *mon)
{
    CPUState *cpu = cpu_by_index(monitor_cur()->hmp_cpu);

    if (!cpu && (cpu = cpu_first())) { /* the chosen one was unplugged */
        monitor_cur()->hmp_cpu = cpu->cpu_index;
    }
    if (!cpu) {
        monitor_printf(mon, "No CPU available\n");
    }
    return cpu;
}

static void dump(CPUState *cpu, void *opaque)
{
    cpus_get_accel()->dump_regs(cpu, opaque);
}

static void print_registers(Monitor *mon, CPUState *cpu)
{
    GString *out = g_string_new(NULL);

    g_string_append_printf(out, "\nCPU#%d\n", cpu->cpu_index);
    cpu_run_on(cpu, dump, out);
    print_string(mon, out);
}

static void hmp_info_registers(Monitor *mon, const HmpArgs *args)
{
    CPUState *cpu = chosen_cpu(mon);

    if (!cpu) {
        return;
    }
    if (!cpus_get_accel() || !cpus_get_accel()->dump_regs) {
        monitor_printf(mon, "this accelerator's CPUs have no registers\n");
        return;
    }
    if (args->argc && !strcmp(args->argv[0], "-a")) {
        for (guint i = 0; i < cpus->len; i++) {
            print_registers(mon, g_ptr_array_index(cpus, i));
        }
    } else {
        print_registers(mon, cpu);
    }
}
HMP_INFO(hmp_info_registers, "registers", "[-a]", "show the registers of a CPU (-a: of all)",
         hmp_info_registers, 0, 1);

static void hmp_cpu(Monitor *mon, const HmpArgs *args)
{
    char *end;
    guint64 n = g_ascii_strtoull(args->argv[0], &end, 0);

    if (*end || n > INT_MAX || !cpu_by_index((int64_t)n)) {
        monitor_printf(mon, "invalid CPU index\n");
        return;
    }
    monitor_cur()->hmp_cpu = (int)n;
}
HMP_COMMAND(hmp_cpu, "cpu", "index", "choose the CPU that commands about one CPU mean", hmp_cpu, 1,
            1);

/* --- logging
 * ------------------------------------------------------------------------------------------------------------------
 */

static void hmp_log(Monitor *mon, const HmpArgs *args)
{
    GError *err = NULL;

    if (!strcmp(args->argv[0], "none")) {
        qemu_loglevel = 0;
    } else if (!qemu_log_parse(args->argv[0], &err)) {
        hmp_report(mon, err);
    }
}
HMP_COMMAND(hmp_log, "log", "item1[,...]", "log these categories (none: no more)", hmp_log, 1, 1);

static void hmp_logfile(Monitor *mon, const HmpArgs *args)
{
    GError *err = NULL;

    if (!qemu_log_set_file(args->argv[0], &err)) {
        hmp_report(mon, err);
    }
}
HMP_COMMAND(hmp_logfile, "logfile", "filename", "log to this file", hmp_logfile, 1, 1);

static void hmp_trace_event(Monitor *mon, const HmpArgs *args)
{
    bool on = !strcmp(args->argv[1], "on");
    g_autofree char *pattern = g_strconcat(on ? "" : "-", args->argv[0], NULL);

    if (!on && strcmp(args->argv[1], "off")) {
        monitor_printf(mon, "trace-event: on or off is expected, not '%s'\n", args->argv[1]);
    } else if (!trace_enable(pattern)) {
        monitor_printf(mon, "Error: unknown event name \"%s\"\n", args->argv[0]);
    }
}
HMP_COMMAND(hmp_trace_event, "trace-event", "name on|off",
            "switch trace points; name may have wildcards", hmp_trace_event, 2, 2);

static void print_trace_point(const TracePoint *tp, void *opaque)
{
    monitor_printf(opaque, "%s : state %d\n", tp->name,
                   __atomic_load_n(&tp->enabled, __ATOMIC_RELAXED));
}

static void hmp_info_trace_events(Monitor *mon, const HmpArgs *args)
{
    trace_list(print_trace_point, mon);
}
HMP_INFO(hmp_info_trace_events, "trace-events", "", "show the trace points", hmp_info_trace_events,
         0, 0);
