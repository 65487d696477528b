/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The base type of machines: what -machine, -m and -smp say, RAM, and the topology of vCPUs. */
#include "hw/boards.h"

#include "qapi/keyval.h"
#include "system/cpus.h"
#include "system/hostmem.h"
#include "system/vl.h"

MachineState *current_machine;

static GPtrArray *serial_hds;

void serial_hd_add(struct Chardev *chr)
{
    if (!serial_hds) {
        serial_hds = g_ptr_array_new();
    }
    g_ptr_array_add(serial_hds, chr);
}

struct Chardev *serial_hd(int n)
{
    return serial_hds && n >= 0 && (unsigned)n < serial_hds->len ? g_ptr_array_index(serial_hds, n)
                                                                 : NULL;
}

/* --- topology
 * --------------------------------------------------------------------------------------------- */

static bool smp_take(json_object *opts, const char *key, unsigned *result, GError **errp)
{
    uint64_t v;

    if (json_object_object_get_ex(opts, key, NULL)) {
        if (!opts_take_uint(opts, key, 0, 4096, &v, errp)) {
            error_name_option(errp, "-smp", NULL);
            return false;
        }
        if (v == 0) {
            error_setg(errp, "-smp %s=0: must be at least 1 (or leave it out)", key);
            return false;
        }
        *result = v;
    }
    return true;
}

bool machine_parse_smp(SMPConfig *smp, json_object *opts, unsigned max_cpus, GError **errp)
{
    static const char *const known[] = {"cpus",  "maxcpus", "sockets", "dies",
                                        "cores", "threads", NULL};
    unsigned cpus = 0, maxcpus = 0, sockets = 0, dies = 0, cores = 0, threads = 0;

    if (opts &&
        (!smp_take(opts, "cpus", &cpus, errp) || !smp_take(opts, "maxcpus", &maxcpus, errp) ||
         !smp_take(opts, "sockets", &sockets, errp) || !smp_take(opts, "dies", &dies, errp) ||
         !smp_take(opts, "cores", &cores, errp) || !smp_take(opts, "threads", &threads, errp) ||
         !opts_check_empty(opts, "-smp", known, errp))) {
        return false;
    }
    dies = MAX(dies, 1);
    if (!cpus && !maxcpus) {
        maxcpus = cpus = MAX(sockets, 1) * dies * MAX(cores, 1) * MAX(threads, 1);
    }
    maxcpus = maxcpus ? maxcpus : cpus;
    /* What is not given is derived: cores first, then sockets, then threads. */
    if (!cores) {
        sockets = MAX(sockets, 1);
        threads = MAX(threads, 1);
        cores = maxcpus / (sockets * dies * threads);
    } else if (!sockets) {
        threads = MAX(threads, 1);
        sockets = maxcpus / (dies * cores * threads);
    } else if (!threads) {
        threads = maxcpus / (sockets * dies * cores);
    }
    cpus = cpus ? cpus : maxcpus;
    if ((uint64_t)sockets * dies * cores * threads != maxcpus) {
        error_setg(errp,
                   "-smp: sockets (%u) * dies (%u) * cores (%u) * threads (%u) is %" PRIu64
                   ", but maxcpus is %u; make them equal",
                   sockets, dies, cores, threads, (uint64_t)sockets * dies * cores * threads,
                   maxcpus);
        return false;
    }
    if (cpus > maxcpus) {
        error_setg(errp, "-smp %u,maxcpus=%u: maxcpus must not be below the number of vCPUs", cpus,
                   maxcpus);
        return false;
    }
    if (maxcpus > max_cpus) {
        error_setg(errp, "-smp: %u vCPUs are more than the machine's limit of %u; give fewer",
                   maxcpus, max_cpus);
        return false;
    }
    *smp = (SMPConfig){cpus, sockets, dies, cores, threads, maxcpus};
    return true;
}

static unsigned width_for(unsigned n)
{
    return n > 1 ? 32 - __builtin_clz(n - 1) : 0;
}

void machine_cpu_topo(const SMPConfig *smp, unsigned n, struct CPUTopoIds *ids, uint32_t *apic_id)
{
    unsigned tw = width_for(smp->threads), cw = width_for(smp->cores), dw = width_for(smp->dies);

    ids->thread_id = n % smp->threads;
    ids->core_id = n / smp->threads % smp->cores;
    ids->die_id = n / (smp->threads * smp->cores) % smp->dies;
    ids->socket_id = n / (smp->threads * smp->cores * smp->dies);
    /* SDM volume 3, 9.9.5: the fields of an APIC id are as wide as their largest value needs. */
    *apic_id = ids->thread_id | ids->core_id << tw | ids->die_id << (tw + cw) |
               ids->socket_id << (tw + cw + dw);
}

/* --- memory
 * -------------------------------------------------------------------------------------------------
 */

bool machine_apply_memory(MachineState *ms, json_object *opts, GError **errp)
{
    static const char *const known[] = {"size", "slots", "maxmem", NULL};
    MachineClass *mc = MACHINE_GET_CLASS(ms);
    g_autofree char *size = NULL, *maxmem = NULL;

    ms->ram_size = mc->default_ram_size ? mc->default_ram_size : 128 * MiB;
    if (opts) {
        size = opts_take_str(opts, "size");
        maxmem = opts_take_str(opts, "maxmem");
        if (size && !parse_size(size, MiB, &ms->ram_size, errp)) {
            g_prefix_error(errp, "-m %s: ", size);
            return false;
        }
        if (!ms->ram_size) {
            error_setg(errp, "-m %s: a machine needs memory; give a size, 512M for example", size);
            return false;
        }
        if (!opts_take_uint(opts, "slots", 0, 256, &ms->ram_slots, errp)) {
            error_name_option(errp, "-m", NULL);
            return false;
        }
    }
    ms->maxram_size = ms->ram_size;
    if (maxmem && !parse_size(maxmem, 1, &ms->maxram_size, errp)) {
        g_prefix_error(errp, "-m maxmem=%s: ", maxmem);
        return false;
    }
    if (ms->maxram_size < ms->ram_size) {
        error_setg(errp, "-m maxmem=%s: must not be below the initial size of %" PRIu64 " bytes",
                   maxmem, ms->ram_size);
        return false;
    }
    if (!ms->ram_slots != (ms->maxram_size == ms->ram_size)) {
        error_setg(errp, "-m: slots= and maxmem=, which must be above the initial size, need each "
                         "other");
        return false;
    }
    if (ms->ram_slots && !mc->memory_slots) {
        error_setg(errp, "-m slots=,maxmem=: the machine has no slots for memory modules; use -M "
                         "pc or q35, or give the whole size at once");
        return false;
    }
    ms->ram_size = ALIGN_UP(ms->ram_size, 8192);
    ms->maxram_size = MAX(ms->maxram_size, ms->ram_size);
    return !opts || opts_check_empty(opts, "-m", known, errp);
}

bool machine_create_ram(MachineState *ms, GError **errp)
{
    MachineClass *mc = MACHINE_GET_CLASS(ms);
    HostMemoryBackend *backend;

    if (mc->no_accel && !ms->memory_backend) {
        return true;
    }
    if (ms->memory_backend) {
        backend = (HostMemoryBackend *)object_resolve_path_type(ms->memory_backend,
                                                                TYPE_MEMORY_BACKEND, NULL);
        if (!backend) {
            error_setg(errp,
                       "-machine memory-backend=%s: no such memory backend; create it with -object "
                       "memory-backend-ram,id=%s,size=...",
                       ms->memory_backend, ms->memory_backend);
            return false;
        }
        if (!host_memory_backend_claim(backend, "the machine", errp)) {
            return false;
        }
        ms->ram = host_memory_backend_get_memory(backend);
        if (memory_region_size(ms->ram) != ms->ram_size && vm_config.memory) {
            error_setg(errp,
                       "-m: the size differs from that of memory backend '%s' (%" PRIu64
                       " bytes); make them equal",
                       ms->memory_backend, memory_region_size(ms->ram));
            return false;
        }
        ms->ram_size = memory_region_size(ms->ram);
        return true;
    }
    ms->ram = g_new0(MemoryRegion, 1);
    if (!memory_region_init_ram(ms->ram, OBJECT(ms),
                                mc->default_ram_id ? mc->default_ram_id : "ram", ms->ram_size,
                                errp)) {
        g_clear_pointer(&ms->ram, g_free);
        return false;
    }
    return true;
}

/* --- the type
 * ------------------------------------------------------------------------------------------------
 */

static const ObjectProperty machine_props[] = {
    DEFINE_PROP_STRING("kernel", MachineState, kernel_filename, "Linux kernel image file"),
    DEFINE_PROP_STRING("initrd", MachineState, initrd_filename, "Linux initial ramdisk file"),
    DEFINE_PROP_STRING("append", MachineState, kernel_cmdline, "Linux kernel command line"),
    DEFINE_PROP_STRING("firmware", MachineState, firmware, "firmware image file"),
    DEFINE_PROP_STRING("memory-backend", MachineState, memory_backend,
                       "ID of the memory backend for main memory"),
    DEFINE_PROP_BOOL("mem-merge", MachineState, mem_merge, true,
                     "let KSM merge equal pages of main memory"),
    DEFINE_PROP_BOOL("dump-guest-core", MachineState, dump_guest_core, true,
                     "guest memory is part of core dumps"),
    DEFINE_PROP_BOOL("usb", MachineState, usb, false,
                     "default USB controller (none is built in: must be off)"),
    DEFINE_PROP_BOOL("graphics", MachineState, graphics, true, "the firmware may use a display"),
    DEFINE_PROP_BOOL("suppress-vmdesc", MachineState, suppress_vmdesc, false,
                     "no description of the state when migrating"),
};

static void machine_class_init(ObjectClass *klass, const void *data)
{
    MachineClass *mc = (MachineClass *)klass;

    mc->default_ram_size = 128 * MiB;
    mc->max_cpus = 1;
    object_class_add_property_table(klass, machine_props);
}

static const TypeInfo machine_info = {
    .name = TYPE_MACHINE,
    .instance_size = sizeof(MachineState),
    .class_size = sizeof(MachineClass),
    .abstract = true,
    .class_init = machine_class_init,
};
QOM_TYPE(machine_info);
