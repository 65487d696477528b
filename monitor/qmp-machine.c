/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP commands about the machine, its CPUs and IOThreads, and its run state. */
#include "hw/mem/pc-dimm.h"
#include "hw/boards.h"
#include "hw/i386/cpu.h"
#include "monitor/monitor.h"
#include "qapi/qapi-commands.h"
#include "qemu/osdep.h"
#include "system/cpus.h"
#include "system/iothread.h"
#include "system/kvm.h"
#include "system/runstate.h"

/* --- run state
 * ------------------------------------------------------------------------------------------------------
 */

StatusInfo *qmp_query_status(GError **errp)
{
    StatusInfo *info = g_new0(StatusInfo, 1);

    info->status = runstate_get();
    info->running = info->status == RUN_STATE_RUNNING;
    return info;
}

void qmp_stop(GError **errp)
{
    if (runstate_is_running()) {
        vm_stop(RUN_STATE_PAUSED);
    }
}

void qmp_cont(GError **errp)
{
    vm_start(errp);
}

void qmp_system_reset(GError **errp)
{
    qemu_system_reset_request(SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET);
    qemu_system_process_requests();
}

void qmp_inject_nmi(GError **errp)
{
    const AccelCPUOps *ops = cpus_get_accel();

    if (!ops || !ops->nmi) {
        error_setg(errp,
                   "inject-nmi: this accelerator executes nothing that an NMI could interrupt; "
                   "use -accel kvm");
        return;
    }
    for (guint n = 0; cpus && n < cpus->len; n++) {
        ops->nmi(g_ptr_array_index(cpus, n));
    }
}

void qmp_system_powerdown(GError **errp)
{
    qemu_system_powerdown_request();
    qemu_system_process_requests();
}

void qmp_quit(GError **errp)
{
    qemu_system_shutdown_request(SHUTDOWN_CAUSE_HOST_QMP_QUIT);
    qemu_system_process_requests();
}

/* --- machines
 * -------------------------------------------------------------------------------------------------------
 */

TargetInfo *qmp_query_target(GError **errp)
{
    TargetInfo *info = g_new0(TargetInfo, 1);

    info->arch = SYS_EMU_TARGET_X86_64;
    return info;
}

KvmInfo *qmp_query_kvm(GError **errp)
{
    KvmInfo *info = g_new0(KvmInfo, 1);

    info->enabled = kvm_enabled();
    info->present = true;
    return info;
}

MemoryInfo *qmp_query_memory_size_summary(GError **errp)
{
    MemoryInfo *info = g_new0(MemoryInfo, 1);

    info->base_memory = current_machine->ram_size;
    info->has_plugged_memory = true;
    info->plugged_memory = pc_dimm_total();
    return info;
}

static void add_machine(ObjectClass *klass, void *opaque)
{
    MachineInfoList ***tail = opaque;
    MachineClass *mc = (MachineClass *)klass;
    MachineInfo *info = g_new0(MachineInfo, 1);

    info->name = g_strdup(mc->name);
    info->alias = g_strdup(mc->alias);
    info->has_is_default = info->is_default = mc->is_default;
    info->cpu_max = mc->max_cpus ? mc->max_cpus : 1;
    info->hotpluggable_cpus = mc->hotpluggable_cpus;
    info->numa_mem_supported = mc->numa_mem_supported;
    info->deprecated = mc->deprecation_reason;
    info->default_cpu_type = g_strdup(mc->default_cpu_type);
    info->default_ram_id = g_strdup(mc->default_ram_id);
    info->acpi = mc->acpi;
    QAPI_LIST_APPEND(*tail, info);
}

MachineInfoList *qmp_query_machines(GError **errp)
{
    MachineInfoList *head = NULL, **tail = &head;

    object_class_foreach(add_machine, TYPE_MACHINE, false, &tail);
    return head;
}

/* --- CPUs
 * ------------------------------------------------------------------------------------------------------------
 */

static CpuInstanceProperties *cpu_props(const CPUState *cpu)
{
    CpuInstanceProperties *p = g_new0(CpuInstanceProperties, 1);

    p->has_socket_id = p->has_core_id = p->has_thread_id = true;
    p->socket_id = cpu->topo.socket_id;
    p->core_id = cpu->topo.core_id;
    p->thread_id = cpu->topo.thread_id;
    p->has_die_id = current_machine && MACHINE_GET_CLASS(current_machine)->smp_dies;
    p->die_id = cpu->topo.die_id;
    return p;
}

CpuInfoFastList *qmp_query_cpus_fast(GError **errp)
{
    CpuInfoFastList *head = NULL, **tail = &head;

    for (guint i = 0; cpus && i < cpus->len; i++) {
        CPUState *cpu = g_ptr_array_index(cpus, i);
        CpuInfoFast *info = g_new0(CpuInfoFast, 1);

        info->cpu_index = cpu->cpu_index;
        info->qom_path = object_get_canonical_path(OBJECT(cpu));
        info->thread_id = cpu->thread_id;
        info->props = cpu_props(cpu);
        info->target = SYS_EMU_TARGET_X86_64;
        QAPI_LIST_APPEND(tail, info);
    }
    return head;
}

void qmp_query_cpu_definitions(json_object *args, json_object **ret, GError **errp)
{
    *ret = x86_cpu_definitions();
}

CpuModelExpansionInfo *qmp_query_cpu_model_expansion(CpuModelExpansionType type,
                                                     CpuModelInfo *model, GError **errp)
{
    CpuModelExpansionInfo *info;
    json_object *props;

    if (model->props && !json_object_is_type(model->props, json_type_object)) {
        error_setg(errp, "Invalid parameter type for 'model.props', expected: object");
        return NULL;
    }
    props = x86_cpu_expand_model(model->name, model->props, errp);
    if (!props) {
        return NULL;
    }
    info = g_new0(CpuModelExpansionInfo, 1);
    info->model = g_new0(CpuModelInfo, 1);
    info->model->name = g_strdup(model->name);
    info->model->props = props;
    return info;
}

/* --- IOThreads
 * ----------------------------------------------------------------------------------------------------------
 */

static int64_t iothread_int(Object *obj, const char *name)
{
    g_autoptr(json_object) v = object_property_get_json(obj, name, NULL);

    return v ? json_object_get_int64(v) : 0;
}

static bool add_iothread(Object *obj, void *opaque)
{
    IOThreadInfoList ***tail = opaque;
    IOThreadInfo *info;

    if (!object_is_a(obj, TYPE_IOTHREAD)) {
        return true;
    }
    info = g_new0(IOThreadInfo, 1);
    info->id = g_strdup(object_get_name(obj));
    info->thread_id = iothread_tid((IOThread *)obj);
    info->poll_max_ns = iothread_int(obj, "poll-max-ns");
    info->poll_grow = iothread_int(obj, "poll-grow");
    info->poll_shrink = iothread_int(obj, "poll-shrink");
    info->aio_max_batch = iothread_int(obj, "aio-max-batch");
    QAPI_LIST_APPEND(*tail, info);
    return true;
}

IOThreadInfoList *qmp_query_iothreads(GError **errp)
{
    IOThreadInfoList *head = NULL, **tail = &head;

    object_child_foreach(container_get(object_get_root(), "/objects"), add_iothread, &tail);
    return head;
}

/* --- options
 * --------------------------------------------------------------------------------------------------------------
 */

typedef struct OptionWalk {
    CommandLineParameterInfoList **tail;
} OptionWalk;

static CommandLineParameterInfo *parameter(const char *name, CommandLineParameterType type,
                                           const char *help)
{
    CommandLineParameterInfo *p = g_new0(CommandLineParameterInfo, 1);

    p->name = g_strdup(name);
    p->type = type;
    p->help = g_strdup(help);
    return p;
}

static void add_property(const ObjectProperty *prop, void *opaque)
{
    OptionWalk *walk = opaque;
    CommandLineParameterType type = COMMAND_LINE_PARAMETER_TYPE_STRING;

    if (prop->kind == PROP_CHILD || prop->read_only) {
        return;
    }
    if (prop->kind == PROP_BOOL) {
        type = COMMAND_LINE_PARAMETER_TYPE_BOOLEAN;
    } else if (prop->kind == PROP_SIZE) {
        type = COMMAND_LINE_PARAMETER_TYPE_SIZE;
    } else if (prop->kind == PROP_INT || prop->kind == PROP_UINT) {
        type = COMMAND_LINE_PARAMETER_TYPE_NUMBER;
    }
    QAPI_LIST_APPEND(walk->tail, parameter(prop->name, type, prop->help));
}

/* Options whose parameters fixed code takes. */
static const struct {
    const char *option, *name;
    CommandLineParameterType type;
} fixed_parameters[] = {
    {"machine", "hpet", COMMAND_LINE_PARAMETER_TYPE_BOOLEAN},
    {"memory", "size", COMMAND_LINE_PARAMETER_TYPE_SIZE},
    {"memory", "slots", COMMAND_LINE_PARAMETER_TYPE_NUMBER},
    {"memory", "maxmem", COMMAND_LINE_PARAMETER_TYPE_SIZE},
    {"mon", "chardev", COMMAND_LINE_PARAMETER_TYPE_STRING},
    {"mon", "mode", COMMAND_LINE_PARAMETER_TYPE_STRING},
    {"mon", "pretty", COMMAND_LINE_PARAMETER_TYPE_BOOLEAN},
    {"rtc", "base", COMMAND_LINE_PARAMETER_TYPE_STRING},
    {"rtc", "clock", COMMAND_LINE_PARAMETER_TYPE_STRING},
    {"rtc", "driftfix", COMMAND_LINE_PARAMETER_TYPE_STRING},
    {"smp-opts", "cpus", COMMAND_LINE_PARAMETER_TYPE_NUMBER},
    {"smp-opts", "sockets", COMMAND_LINE_PARAMETER_TYPE_NUMBER},
    {"smp-opts", "dies", COMMAND_LINE_PARAMETER_TYPE_NUMBER},
    {"smp-opts", "cores", COMMAND_LINE_PARAMETER_TYPE_NUMBER},
    {"smp-opts", "threads", COMMAND_LINE_PARAMETER_TYPE_NUMBER},
    {"smp-opts", "maxcpus", COMMAND_LINE_PARAMETER_TYPE_NUMBER},
};

static CommandLineOptionInfo *option(const char *name)
{
    CommandLineOptionInfo *info = g_new0(CommandLineOptionInfo, 1);

    info->option = g_strdup(name);
    return info;
}

CommandLineOptionInfoList *qmp_query_command_line_options(const char *wanted, GError **errp)
{
    CommandLineOptionInfoList *head = NULL, **tail = &head;
    CommandLineOptionInfo *info = NULL;
    OptionWalk walk = {0};

    if (!wanted || !strcmp(wanted, "machine")) {
        info = option("machine");
        walk.tail = &info->parameters;
        object_class_property_foreach(object_class_by_name(TYPE_MACHINE), add_property, &walk);
        QAPI_LIST_APPEND(tail, info);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(fixed_parameters); i++) {
        const char *name = fixed_parameters[i].option;

        if (wanted && strcmp(wanted, name)) {
            continue;
        }
        if (!info || strcmp(info->option, name)) {
            info = option(name);
            walk.tail = &info->parameters;
            QAPI_LIST_APPEND(tail, info);
        }
        QAPI_LIST_APPEND(walk.tail,
                         parameter(fixed_parameters[i].name, fixed_parameters[i].type, NULL));
    }
    if (wanted && !head) {
        error_setg(errp, "invalid option name: %s", wanted);
    }
    return head;
}
