/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processors that are added and removed while the guest runs: which one a set of ids means, what
 * the board and the guest are told. Main loop. */
#include "hw/i386/cpu_plug.h"

#include "hw/i386/memory_plug.h"
#include "hw/rtc/mc146818.h"
#include "qapi/qapi-commands.h"
#include "system/gdbstub.h"

static bool is_dimm(DeviceState *dev)
{
    return object_is_a(OBJECT(dev), TYPE_PC_DIMM);
}

static bool is_cpu(DeviceState *dev)
{
    return object_is_a(OBJECT(dev), TYPE_X86_CPU);
}

bool pc_cpu_present(unsigned n)
{
    return cpu_by_index(n) != NULL;
}

/* --- which one ------------------------------------------------------------------------------- */

static bool check_id(const char *name, int32_t id, unsigned count, GError **errp)
{
    if (id < 0) {
        error_setg(errp, "CPU %s is not set; query-hotpluggable-cpus tells what is possible", name);
        return false;
    }
    if ((unsigned)id >= count) {
        error_setg(errp, "Invalid CPU %s: %d must be in range 0:%u", name, id, count - 1);
        return false;
    }
    return true;
}

/* Index of the possible processor that the ids name; -1 with errp. */
static int find_place(const SMPConfig *smp, X86CPU *cpu, GError **errp)
{
    if (cpu->die_id < 0 && smp->dies == 1) {
        cpu->die_id = 0;
    }
    if (!check_id("socket-id", cpu->socket_id, smp->sockets, errp) ||
        !check_id("die-id", cpu->die_id, smp->dies, errp) ||
        !check_id("core-id", cpu->core_id, smp->cores, errp) ||
        !check_id("thread-id", cpu->thread_id, smp->threads, errp)) {
        return -1;
    }
    return ((cpu->socket_id * (int)smp->dies + cpu->die_id) * (int)smp->cores + cpu->core_id) *
               (int)smp->threads +
           cpu->thread_id;
}

static bool check_type(const MachineState *ms, DeviceState *dev, GError **errp)
{
    const char *type = ms->cpu_type ? ms->cpu_type : MACHINE_GET_CLASS(ms)->default_cpu_type;

    if (strcmp(object_get_typename(OBJECT(dev)), type)) {
        error_setg(errp, "Invalid CPU type '%s': the machine's processors are '%s'",
                   object_get_typename(OBJECT(dev)), type);
        return false;
    }
    return true;
}

static bool pre_plug(Object *handler, DeviceState *dev, GError **errp)
{
    PCMachineState *pc = PC_MACHINE(handler);
    MachineState *ms = MACHINE(handler);
    uint32_t apic_id;
    int n;

    if (is_dimm(dev)) {
        return pc_dimm_pre_plug(pc, PC_DIMM(dev), errp);
    }
    if (!is_cpu(dev) || CPU(dev)->cpu_index >= 0) {
        return true; /* one of -smp's */
    }
    if (!pc->cpu_hotplug) {
        error_setg(errp, "The machine does not support adding processors: use -M pc or q35 with "
                         "-smp N,maxcpus=M");
        return false;
    }
    if (!check_type(ms, dev, errp)) {
        return false;
    }
    n = find_place(&ms->smp, X86_CPU(dev), errp);
    if (n < 0) {
        return false;
    }
    machine_cpu_topo(&ms->smp, n, &CPU(dev)->topo, &apic_id);
    if (CPU(dev)->apic_id != UINT32_MAX && CPU(dev)->apic_id != apic_id) {
        error_setg(errp, "apic-id=%u does not fit these ids, which are those of APIC id %u",
                   CPU(dev)->apic_id, apic_id);
        return false;
    }
    if (cpu_by_index(n)) {
        error_setg(errp, "CPU[%d] with APIC ID %u exists", n, apic_id);
        return false;
    }
    CPU(dev)->apic_id = apic_id;
    CPU(dev)->cpu_index = n;
    return x86_cpu_like_machine(X86_CPU(dev), ms, errp);
}

/* --- coming and going ------------------------------------------------------------------------ */

/* Firmware and tables of the next boot say what is there. */
static void count_changed(void *opaque)
{
    PCMachineState *pc = opaque;

    fw_cfg_add_i16(pc->fw_cfg, FW_CFG_NB_CPUS, cpus->len);
    if (pc->rtc) {
        rtc_set_cmos(pc->rtc, 0x5f, cpus->len - 1);
    }
    pc_tables_changed(pc);
}

static bool plug(Object *handler, DeviceState *dev, GError **errp)
{
    PCMachineState *pc = PC_MACHINE(handler);

    if (is_dimm(dev)) {
        pc_dimm_plug(pc, PC_DIMM(dev));
        return true;
    }
    if (!is_cpu(dev) || !pc->cpu_hotplug) {
        return true;
    }
    if (dev->hotplugged) {
        const AccelCPUOps *ops = cpus_get_accel();

        if (ops && ops->reset) {
            ops->reset(CPU(dev));
        }
    }
    cpu_hotplug_plug(pc->cpu_hotplug, CPU(dev), dev->hotplugged);
    count_changed(pc);
    if (dev->hotplugged) {
        gdb_cpu_added(CPU(dev));
        cpu_resume(CPU(dev));
    }
    return true;
}

static bool unplug_request(Object *handler, DeviceState *dev, GError **errp)
{
    PCMachineState *pc = PC_MACHINE(handler);

    if (is_dimm(dev)) {
        pc_dimm_unplug_request(pc, PC_DIMM(dev));
        return true;
    }
    if (!is_cpu(dev) || !pc->cpu_hotplug) {
        error_setg(errp, "The machine does not support unplugging '%s'",
                   object_get_typename(OBJECT(dev)));
        return false;
    }
    if (CPU(dev)->cpu_index == 0) {
        error_setg(errp, "The boot processor cannot be unplugged");
        return false;
    }
    cpu_hotplug_unplug_request(pc->cpu_hotplug, CPU(dev));
    return true;
}

static void reset(void *opaque)
{
    cpu_hotplug_reset(opaque);
}

bool pc_cpu_hotplug_init(PCMachineState *pc, GError **errp)
{
    const SMPConfig *smp = &MACHINE(pc)->smp;

    pc->cpu_hotplug = g_new0(CPUHotplug, 1);
    cpu_hotplug_init(pc->cpu_hotplug, OBJECT(pc), pc->pm, smp->max_cpus, pc->board->cpu_ports);
    pc->cpu_hotplug->slots.ejected = count_changed;
    pc->cpu_hotplug->slots.opaque = pc;
    for (unsigned n = 0; n < smp->max_cpus; n++) {
        CPUTopoIds ids;

        machine_cpu_topo(smp, n, &ids, &pc->cpu_hotplug->apic_ids[n]);
        if (cpu_by_index(n)) {
            cpu_hotplug_plug(pc->cpu_hotplug, cpu_by_index(n), false);
        }
    }
    qemu_register_reset(reset, pc->cpu_hotplug);
    return true;
}

void pc_hotplug_class_init(HotplugHandlerClass *hc)
{
    hc->pre_plug = pre_plug;
    hc->plug = plug;
    hc->unplug_request = unplug_request;
}

Object *pc_hotplug_handler(MachineState *ms, DeviceState *dev)
{
    return is_cpu(dev) || is_dimm(dev) ? OBJECT(ms) : NULL;
}

/* --- query-hotpluggable-cpus ----------------------------------------------------------------- */

HotpluggableCPUList *qmp_query_hotpluggable_cpus(GError **errp)
{
    MachineState *ms = current_machine;
    HotpluggableCPUList *list = NULL, **tail = &list;
    MachineClass *mc = MACHINE_GET_CLASS(ms);

    if (!mc->hotpluggable_cpus) {
        error_setg(errp, "machine does not support hot-plugging CPUs");
        return NULL;
    }
    for (unsigned n = ms->smp.max_cpus; n-- > 0;) {
        HotpluggableCPU *info = g_new0(HotpluggableCPU, 1);
        CPUState *cpu = cpu_by_index(n);
        CPUTopoIds ids;
        uint32_t apic_id;

        machine_cpu_topo(&ms->smp, n, &ids, &apic_id);
        info->type = g_strdup(ms->cpu_type ? ms->cpu_type : mc->default_cpu_type);
        info->vcpus_count = 1;
        info->qom_path = cpu ? object_get_canonical_path(OBJECT(cpu)) : NULL;
        info->props = g_new0(CpuInstanceProperties, 1);
        info->props->has_socket_id = info->props->has_core_id = info->props->has_thread_id = true;
        info->props->socket_id = ids.socket_id;
        info->props->has_die_id = ms->smp.dies > 1;
        info->props->die_id = ids.die_id;
        info->props->core_id = ids.core_id;
        info->props->thread_id = ids.thread_id;
        QAPI_LIST_APPEND(tail, info);
    }
    return list;
}
