/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vCPUs and their threads.  The accelerator's table of functions runs them; this is what everyone else may ask of them.
 */
#ifndef SYSTEM_CPUS_H
#define SYSTEM_CPUS_H

#include "hw/qdev-core.h"
#include "qemu/thread.h"

#define TYPE_CPU "cpu"

struct X86DebugRegs;
struct DebugSetup;

typedef struct CPUTopoIds {
    unsigned socket_id, die_id, core_id, thread_id;
} CPUTopoIds;

typedef struct CPUState {
    DeviceState parent_obj;
    int cpu_index;
    uint32_t apic_id;
    CPUTopoIds topo;
    QemuThread thread;
    int thread_id;               /* Linux TID; set by the thread before the creator goes on */
    bool thread_started;
    /* Atomics.  stop: someone wants the vCPU to park; stopped: it is parked (or never ran).  exit_request: leave guest mode
     * and look at the flags. */
    bool stop, stopped, exit_request, unplug;
    /* Atomics.  unwind: a vCPU inside an access goes on until it is out of it and parks in its run loop (reset, unplug).
     * parked_in_access: where it parked, valid while stopped. */
    bool unwind, parked_in_access, thread_ended; /* thread_ended: looks at nothing of this any more */
    bool in_access;              /* the thread is inside an I/O access; its own */
    uint32_t wake_seq;           /* atomic; futex of a parked vCPU, grows with each kick */
    uint32_t started;            /* atomic; futex of cpu_start_thread() */
    /* Work queued by cpu_run_on(): atomic, a list whose newest element is first. */
    struct CPUWork *work;
    uint64_t exits[40];          /* by KVM exit reason; written by the vCPU thread, read relaxed */
    struct IoRegionWaiter *waiter; /* this vCPU's answered command (ioregionfd.c) */
    bool debug_held;             /* main loop: a debugger keeps it parked while others run */
    bool debug_step;             /* a debugger steps it; changed while it is parked */
    void *accel;                 /* the accelerator's state of this vCPU */
} CPUState;
#define CPU(obj) ((CPUState *)(obj))

/* The vCPU that the calling thread runs, or NULL. */
CPUState *cpu_get_current(void);
void cpu_set_current(CPUState *cpu);

/* All vCPUs in order of index; main loop. */
extern GPtrArray *cpus;
CPUState *cpu_first(void);
/* The one with this cpu_index, which is not its place in the list where some come and go; NULL: there is none.  Main loop. */
CPUState *cpu_by_index(int64_t index);

/* Parks all vCPU threads / lets them go.  Main loop.  pause waits; a vCPU that waits for a home parks inside its wait.
 * Commands from vCPUs to the main loop are served while it waits. */
void pause_all_vcpus(void);
void resume_all_vcpus(void);
/* From the begin of pause_all_vcpus() to resume_all_vcpus(), and before anything has run: whoever pauses then, for what another function
 * has paused for already, leaves it to that to resume.  Main loop. */
bool vcpus_are_paused(void);
/* Lets one go that has come while the others run; while they are paused it goes with them.  Main loop. */
void cpu_resume(CPUState *cpu);
/* Makes the vCPU leave guest mode (or an ioregion wait) and look at its flags.  Any thread. */
void cpu_kick(CPUState *cpu);
/* Runs fn in the vCPU's thread and waits; the vCPU need not be running guest code.  Main loop, which runs fn itself when the thread has
 * ended.  The main loop is polled: when it returns cpu may have been unplugged. */
void cpu_run_on(CPUState *cpu, void (*fn)(CPUState *cpu, void *opaque), void *opaque);
/* Called by a vCPU thread where it may park (its loop, and inside ioregion waits): runs queued work and parks while .stop. */
void cpu_process_events(CPUState *cpu);
/* True if cpu_process_events() has something to do; cheap. */
static inline bool cpu_events_pending(CPUState *cpu)
{
    return __atomic_load_n(&cpu->exit_request, __ATOMIC_ACQUIRE);
}

/* For accelerators and CPU types.  Main loop: a realized vCPU enters and leaves the list; the index that the next one gets; ends the
 * thread of a vCPU that is unplugged. */
void cpu_list_add(CPUState *cpu);
void cpu_list_remove(CPUState *cpu);
int cpu_next_index(void);
void cpu_stop_thread(CPUState *cpu);
/* vCPU thread: its first and its last act; and sleeping until it is kicked.  May return early, and at once
 * while events are pending; cpu_process_events() takes a kick, so look at what you wait for between the two. */
void cpu_mark_started(CPUState *cpu);
void cpu_mark_ended(CPUState *cpu);
void cpu_wait_for_events(CPUState *cpu);

/* What an accelerator provides ("kvm", "qtest").  Any member may be NULL. */
typedef struct AccelCPUOps {
    /* Starts a thread whose first act is cpu_mark_started(); NULL: the accelerator executes nothing. */
    bool (*create_vcpu_thread)(CPUState *cpu, GError **errp);
    /* The thread has ended; main loop: keeps what another vCPU with this APIC id will need, and frees the rest. */
    void (*park)(CPUState *cpu);
    void (*kick)(CPUState *cpu);           /* any thread */
    void (*reset)(CPUState *cpu);          /* vCPU parked, main loop */
    void (*dump_regs)(CPUState *cpu, GString *out);
    void (*nmi)(CPUState *cpu);            /* pulses the local APIC's LINT1; main loop */
    /* For a debugger; in the vCPU's thread (cpu_run_on()), or the main loop as long as the vCPU has not run; NULL: there is nothing to debug. */
    bool (*debug_get_regs)(CPUState *cpu, struct X86DebugRegs *regs);
    bool (*debug_set_regs)(CPUState *cpu, const struct X86DebugRegs *regs);
    bool (*debug_translate)(CPUState *cpu, uint64_t linear, uint64_t *physical);
    void (*debug_setup)(CPUState *cpu, const struct DebugSetup *setup);
} AccelCPUOps;
void cpus_register_accel(const AccelCPUOps *ops);
const AccelCPUOps *cpus_get_accel(void);
/* Starts cpu's thread and waits until it has its id; it parks until resume_all_vcpus().  Main loop. */
bool cpu_start_thread(CPUState *cpu, GError **errp);
/* Main loop: parks all vCPUs outside of accesses; those under way end first (forwarded ones are cancelled).  Before devices are
 * reset: none of them sees the rest of an old instruction. */
void cpus_end_accesses(void);
/* Main loop: ends accesses under way, parks all vCPUs outside of them and gives each its reset state.  They stay parked. */
void cpu_reset_all(void);

#endif
