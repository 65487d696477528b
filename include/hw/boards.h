/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machines: the "machine" object at /machine, its class (one per -machine name) and what the
 * command line says of it. */
#ifndef HW_BOARDS_H
#define HW_BOARDS_H

#include "qom/object.h"
#include "system/accel.h"
#include "system/memory.h"

struct CPUTopoIds;
struct DeviceState;

#define TYPE_MACHINE "machine"
#define TYPE_MACHINE_SUFFIX "-machine"
#define MACHINE_TYPE_NAME(n) (n TYPE_MACHINE_SUFFIX)

typedef struct SMPConfig {
    unsigned cpus, sockets, dies, cores, threads, max_cpus;
} SMPConfig;

/* What -boot says. */
typedef struct MachineBoot {
    char *order, *once, *splash; /* or NULL */
    int64_t splash_time, reboot_timeout; /* ms; -1: not given */
    bool menu, strict, fd_bootchk;
} MachineBoot;

typedef struct MachineState {
    Object parent_obj;
    char *kernel_filename, *initrd_filename, *kernel_cmdline;
    char *firmware;
    uint64_t ram_size, maxram_size;
    uint64_t ram_slots;
    SMPConfig smp;
    char *cpu_type;         /* "host-x86_64-cpu" */
    json_object *cpu_props; /* from -cpu NAME,prop=..; or NULL */
    char *memory_backend;   /* id, or NULL */
    MemoryRegion *ram;      /* made before init(): from the backend or anonymous */
    AccelState *accelerator;
    bool mem_merge, dump_guest_core, usb, graphics, enable_defaults, suppress_vmdesc;
    char *append_rtc;
    MachineBoot boot;
} MachineState;
#define MACHINE(obj) ((MachineState *)(obj))

typedef struct MachineClass {
    ObjectClass parent_class;
    const char *name;  /* "pc-q35-9.2" */
    const char *alias; /* "q35" */
    const char *desc;
    const char *contents; /* for -machine X,help: "A, B and C"; or NULL */
    const char *deprecation_reason;
    bool is_default;
    bool (*init)(MachineState *ms, GError **errp); /* builds the board */
    /* All devices of the command line exist: ACPI tables, boot. */
    bool (*done)(MachineState *ms, GError **errp);
    /* IRQs the devices ask for ... board-specific hooks */
    Object *(*get_hotplug_handler)(MachineState *ms, struct DeviceState *dev);
    unsigned max_cpus;
    uint64_t default_ram_size;
    const char *default_ram_id;
    const char *default_cpu_type;
    bool hotpluggable_cpus, numa_mem_supported, acpi;
    bool memory_slots;      /* -m slots=,maxmem=: memory modules come and go */
    bool no_accel; /* none: boots nothing, needs no accelerator's CPUs */
    bool smp_dies;
} MachineClass;
#define MACHINE_GET_CLASS(obj) ((MachineClass *)object_get_class(obj))

extern MachineState *current_machine; /* NULL before it exists */

/* Description of CPU n of the machine: ids in the topology and the APIC id. */
void machine_cpu_topo(const SMPConfig *smp, unsigned n, struct CPUTopoIds *ids, uint32_t *apic_id);
bool machine_parse_smp(SMPConfig *smp, json_object *opts, unsigned max_cpus, GError **errp);

/* What -serial gave: chardev for serial port n, or NULL. */
struct Chardev *serial_hd(int n);
/* The time by -rtc base=..., and as much later. Main loop. */
void qemu_get_timedate(struct tm *tm, int64_t offset_seconds);
QEMUClockType rtc_clock_type(void);

/* -boot, bootindex: name is the device's path for the firmware. */
void add_boot_device_path(int32_t bootindex, struct DeviceState *dev, const char *suffix);
/* The paths by bootindex, one a line, with the final NUL in *size; NULL if there are none.
 * g_free(). */
char *get_boot_devices_list(size_t *size);
#endif
