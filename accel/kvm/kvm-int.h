/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shared between the files of accel/kvm.  Functions belong to the main loop unless a comment says
 * otherwise.
 */
#ifndef KVM_INT_H
#define KVM_INT_H

#include "hw/i386/cpu.h"
#include "system/accel.h"
#include "system/gdbstub.h"
#include "system/kvm.h"

#include <linux/kvm.h>
#include <signal.h>

#define SIG_IPI SIGUSR1

typedef struct KVMState {
    AccelState parent_obj;
    int fd, vmfd;             /* -1: not open */
    int vcpu_mmap_size;       /* bytes */
    int irqchip_mode;         /* property kernel-irqchip: index into its table */
    int ioregionfd;           /* property ioregionfd: an IoRegionPolicy */
    uint32_t dirty_ring_size; /* property; only 0 is accepted */
    char *device;             /* property; path of the KVM device */
    struct kvm_cpuid2 *supported_cpuid, *hv_cpuid;
    bool manual_dirty_log;
    int coalesced_page; /* page of the vCPU mapping with the ring; 0: no coalescing */
    bool coalesced_pio;
} KVMState;

/* The one VM of the process; NULL until it exists. */
extern KVMState *kvm_state;

typedef struct KVMLapic KVMLapic;

/* A vCPU.  Fields belong to its thread, but for the atomics, and for everything while it is parked
 * outside an access. */
typedef struct KVMVcpu {
    uint32_t apic_id;
    CPUState *cpu;
    int fd;
    int run_fd; /* for KVM_RUN: fd, or the ioregionfd module's */
    struct kvm_run *run;
    uint32_t in_guest;   /* atomic, futex: about to enter, or in, KVM_RUN */
    bool fresh;          /* has not run since KVM made it: its state is the reset state */
    bool dead;           /* atomic; must not run until it is reset (triple fault, internal error) */
    bool io_pending;     /* the last exit's instruction ends in the next KVM_RUN */
    bool access_pending; /* the kernel waits for a home's answer; the next KVM_RUN goes on with that
                          */
    bool tsc_deadline_armed;
    struct kvm_cpuid2 *cpuid; /* what KVM has been told: it does not take it again from one that ran */
    DebugSetup debug; /* what a debugger wants it to stop at */
    KVMLapic *lapic; /* kernel-irqchip=off; else NULL */
} KVMVcpu;

static inline KVMVcpu *kvm_vcpu(CPUState *cpu)
{
    return cpu->accel;
}

/* ioctls that a signal does not interrupt for good: result or -errno. Any thread. */
int kvm_ioctl(unsigned long type, void *arg);
int kvm_vcpu_ioctl(KVMVcpu *v, unsigned long type, void *arg);

/* --- slots.c */
bool kvm_slots_init(GError **errp);
/* Non-zero while vCPUs must stay out of guest mode; a futex. Any thread, atomic. */
extern uint32_t kvm_inhibit;
/* --- ioeventfd.c */
bool kvm_eventfd_add(MemoryListener *l, hwaddr addr, const MemoryRegionIoeventfd *e);
void kvm_eventfd_del(MemoryListener *l, hwaddr addr, const MemoryRegionIoeventfd *e);
bool kvm_pio_eventfd_add(MemoryListener *l, hwaddr addr, const MemoryRegionIoeventfd *e);
void kvm_pio_eventfd_del(MemoryListener *l, hwaddr addr, const MemoryRegionIoeventfd *e);
/* --- coalesced.c */
void kvm_coalesced_init(void);
void kvm_coalesced_add(MemoryListener *l, hwaddr addr, uint64_t size);
void kvm_coalesced_del(MemoryListener *l, hwaddr addr, uint64_t size);
void kvm_coalesced_pio_add(MemoryListener *l, hwaddr addr, uint64_t size);
void kvm_coalesced_pio_del(MemoryListener *l, hwaddr addr, uint64_t size);
/* The ring in a vCPU's mapping; the first one is used. */
void kvm_coalesced_set_ring(struct kvm_run *run);
extern struct kvm_coalesced_mmio_ring *kvm_coalesced_ring;
void kvm_coalesced_drain_slow(CPUState *cpu);
/* Delivers the writes that KVM kept.  vCPU threads, after each exit. */
static inline void kvm_coalesced_drain(CPUState *cpu)
{
    struct kvm_coalesced_mmio_ring *ring = kvm_coalesced_ring;

    if (unlikely(ring && __atomic_load_n(&ring->first, __ATOMIC_ACQUIRE) !=
                             __atomic_load_n(&ring->last, __ATOMIC_ACQUIRE))) {
        kvm_coalesced_drain_slow(cpu);
    }
}
/* --- irqchip.c */
bool kvm_irqchip_create(KVMState *s, GError **errp);
/* The vector of the VMM's 8259 pair; -1: none. BSP thread. */
int kvm_pic_ack(void);
void kvm_ioapic_eoi(KVMVcpu *v, uint8_t vector);
/* Atomic: the VMM's 8259 pair asserts its output. */
extern bool kvm_pic_asserted;
/* --- routes.c */
void kvm_routes_init(KVMIrqchipMode mode);
/* Sends routes that have not reached KVM yet. Any thread. */
void kvm_routes_flush(void);
/* --- lapic.c: kernel-irqchip=off */
/* After KVM_CREATE_VM; false with errp where the host's KVM cannot. */
bool kvm_lapic_init_vm(GError **errp);
/* Main loop, the vCPU's thread does not run yet / is parked. */
void kvm_lapic_create(KVMVcpu *v);
/* Last, in the vCPU's thread: nobody kicks it any more. */
void kvm_lapic_leave(KVMVcpu *v);
/* Main loop, the vCPU's thread has ended or does not run yet: v->lapic stays on the bus without a processor, and gets v as its new one
 * later. */
void kvm_lapic_park(KVMVcpu *v);
void kvm_lapic_reuse(KVMVcpu *v);
void kvm_lapic_reset(KVMVcpu *v);
/* The vCPU's thread.  enter: before KVM_RUN; false: the processor halts, wait for a kick.  left: after
 * it.  halt: it executed HLT.  mmio, msr: true if the access was its own APIC's. */
bool kvm_lapic_enter(KVMVcpu *v);
void kvm_lapic_left(KVMVcpu *v);
void kvm_lapic_halt(KVMVcpu *v);
bool kvm_lapic_mmio(KVMVcpu *v, uint64_t addr, void *data, unsigned len, bool is_write);
bool kvm_lapic_msr(KVMVcpu *v, uint32_t index, uint64_t *data, bool is_write);
/* Pulses LINT1, where boards have their NMI. Any thread. */
void kvm_lapic_inject_nmi(KVMVcpu *v);
/* An APIC of the emulator ended vector; broadcast: level-triggered, for I/O APICs. Any thread. */
void kvm_ioapic_ended(uint8_t vector, bool broadcast);
/* --- resample.c: split mode. 0 or -errno. */
void kvm_resample_init(void);
int kvm_resample_add(int fd, int resamplefd, int pin);
void kvm_resample_del(int fd, int pin);
/* --- cpuid.c */
bool kvm_set_cpuid(KVMVcpu *v, const struct kvm_cpuid2 *cpuid, GError **errp);
/* --- msr.c */
typedef struct KVMMsrState KVMMsrState;
/* Gives all MSRs that a guest may have changed their power-on values. */
bool kvm_msrs_reset(KVMVcpu *v);
/* All of those as they are now (g_free), and back. */
KVMMsrState *kvm_msrs_save(KVMVcpu *v);
bool kvm_msrs_load(KVMVcpu *v, const KVMMsrState *state);
/* One MSR: 0 or -errno. */
int kvm_msr_get(KVMVcpu *v, uint32_t index, uint64_t *value);
int kvm_msr_set(KVMVcpu *v, uint32_t index, uint64_t value);
/* --- regs.c */
/* The vCPU's state at power-on or with the board's boot registers; it is parked. */
void kvm_vcpu_reset(CPUState *cpu);
/* What INIT does to the registers. The vCPU's thread. */
void kvm_regs_init(KVMVcpu *v);
/* The guest ends level interrupts at the I/O APIC itself (SDM volume 3, 11.8.5). vCPU thread. */
bool kvm_lapic_suppresses_eoi(KVMVcpu *v);
/* KVM's local APIC has LINT1 open, as NMI. vCPU thread. */
bool kvm_lapic_takes_nmi(KVMVcpu *v);
/* vCPU thread, or parked. */
void kvm_dump_regs_here(KVMVcpu *v, GString *out);
/* --- clock.c */
void kvm_clock_init(void);
/* --- vcpu.c */
void kvm_cpus_init(void);
/* Lets KVM end the instruction whose access was answered. The vCPU's thread. */
void kvm_finish_io(KVMVcpu *v);

/* A KVM exit reason's name without its prefix, "MMIO". Any thread; a constant string. */
const char *kvm_exit_name(uint32_t reason);

/* --- debug.c: vCPU's thread, guest outside */
bool kvm_debug_get_regs(CPUState *cpu, X86DebugRegs *regs);
bool kvm_debug_set_regs(CPUState *cpu, const X86DebugRegs *regs);
bool kvm_debug_translate(CPUState *cpu, uint64_t linear, uint64_t *physical);
void kvm_debug_setup(CPUState *cpu, const DebugSetup *setup);
/* KVM_EXIT_DEBUG: true if the debugger is to have it, else the guest gets its exception. */
bool kvm_debug_exit(KVMVcpu *v);
/* KVM could not emulate an instruction: true if it was a breakpoint of the debugger's. */
bool kvm_debug_unemulated(KVMVcpu *v);

#endif
