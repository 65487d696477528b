/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vCPU threads: run the guest, carry each exit to the memory API, leave when kicked.
 *
 * How a kick cannot get lost: whoever wants something sets cpu->exit_request, then sends SIG_IPI.
 * The thread clears immediate_exit, then looks at exit_request, then enters.  A signal before the
 * look finds its flag looked at; a signal after it sets immediate_exit in the handler, which makes
 * KVM_RUN return at once.
 *
 * No lock is held here at any time.
 */
#include "qemu/osdep.h"

#include "kvm-int.h"
#include "qemu/log.h"
#include "qemu/trace.h"
#include "system/ioregionfd.h"
#include "system/runstate.h"

#include <linux/ioregion.h>
#include <linux/kvm-ioregionfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

typedef enum ExitAction {
    EXIT_RESUME,      /* nothing is left over */
    EXIT_COMPLETE_IO, /* the next KVM_RUN ends the instruction */
    EXIT_DEAD,        /* the vCPU must not run until it is reset */
} ExitAction;

static __thread struct kvm_run *ipi_run;

static void handle_sig_ipi(int sig)
{
    if (ipi_run) {
        __atomic_store_n(&ipi_run->immediate_exit, 1, __ATOMIC_RELAXED);
    }
}

/* --- errors
 * ----------------------------------------------------------------------------------------------------
 */

static const char *const exit_names[] = {
    "UNKNOWN",
    "EXCEPTION",
    "IO",
    "HYPERCALL",
    "DEBUG",
    "HLT",
    "MMIO",
    "IRQ_WINDOW_OPEN",
    "SHUTDOWN",
    "FAIL_ENTRY",
    "INTR",
    "SET_TPR",
    "TPR_ACCESS",
    "S390_SIEIC",
    "S390_RESET",
    "DCR",
    "NMI",
    "INTERNAL_ERROR",
    "OSI",
    "PAPR_HCALL",
    "S390_UCONTROL",
    "WATCHDOG",
    "S390_TSCH",
    "EPR",
    "SYSTEM_EVENT",
    "S390_STSI",
    "IOAPIC_EOI",
    "HYPERV",
    "ARM_NISV",
    "X86_RDMSR",
    "X86_WRMSR",
    "DIRTY_RING_FULL",
    "AP_RESET_HOLD",
    "X86_BUS_LOCK",
    "XEN",
    "RISCV_SBI",
    "RISCV_CSR",
    "NOTIFY",
    "LOONGARCH_IOCSR",
    "MEMORY_FAULT",
};

const char *kvm_exit_name(uint32_t reason)
{
    return reason < G_N_ELEMENTS(exit_names) ? exit_names[reason] : "new to this program";
}

/* The guest cannot go on: says why, with all registers, and stops the VM with run state
 * internal-error. */
static ExitAction fatal_exit(KVMVcpu *v, const char *why)
{
    g_autoptr(GString) regs = g_string_new(NULL);

    error_report("KVM: vCPU %d: %s", v->cpu->cpu_index, why);
    kvm_dump_regs_here(v, regs);
    fputs(regs->str, stderr);
    qemu_system_vmstop_request(RUN_STATE_INTERNAL_ERROR);
    return EXIT_DEAD;
}

static ExitAction unexpected_exit(KVMVcpu *v)
{
    uint32_t reason = v->run->exit_reason;
    g_autofree char *why = g_strdup_printf(
        "exit %u (%s), which nothing here asks for; the hardware's reason is 0x%" PRIx64, reason,
        kvm_exit_name(reason),
        reason == KVM_EXIT_UNKNOWN ? (uint64_t)v->run->hw.hardware_exit_reason : 0);

    return fatal_exit(v, why);
}

/* Not one instruction more: this vCPU parks by itself, the others when the VM stops. */
static void stop_for_debugger(KVMVcpu *v)
{
    __atomic_store_n(&v->cpu->stop, true, __ATOMIC_SEQ_CST);
    __atomic_store_n(&v->cpu->exit_request, true, __ATOMIC_SEQ_CST);
    qemu_system_vmstop_request(RUN_STATE_DEBUG);
}

static ExitAction internal_error(KVMVcpu *v)
{
    static const char *const names[] = {
        "unknown",
        "KVM cannot emulate the instruction",
        "unexpected simultaneous exceptions",
        "exit during the delivery of an event",
        "unexpected exit reason",
    };
    uint32_t sub = v->run->internal.suberror;

    if (sub == KVM_INTERNAL_ERROR_EMULATION && kvm_debug_unemulated(v)) {
        stop_for_debugger(v);
        return EXIT_RESUME;
    }
    g_autoptr(GString) why = g_string_new(NULL);

    g_string_printf(why, "internal error %u: %s", sub, names[sub < G_N_ELEMENTS(names) ? sub : 0]);
    for (uint32_t i = 0; i < MIN(v->run->internal.ndata, 16u); i++) {
        g_string_append_printf(why, "%s0x%" PRIx64, i ? ", " : "; data ",
                               (uint64_t)v->run->internal.data[i]);
    }
    return fatal_exit(v, why->str);
}

static ExitAction fail_entry(KVMVcpu *v)
{
    g_autofree char *why = g_strdup_printf(
        "the processor refuses to enter the guest, hardware reason 0x%" PRIx64 " on CPU %u",
        (uint64_t)v->run->fail_entry.hardware_entry_failure_reason, v->run->fail_entry.cpu);
    return fatal_exit(v, why);
}

/* --- exits
 * ------------------------------------------------------------------------------------------------------
 */

static ExitAction port_io(KVMVcpu *v)
{
    struct kvm_run *run = v->run;
    uint8_t *data = (uint8_t *)run + run->io.data_offset;
    bool is_write = run->io.direction == KVM_EXIT_IO_OUT;

    /* More than one for string instructions: each element is an access of its own to the same port.
     */
    for (uint32_t i = 0; i < run->io.count; i++) {
        address_space_rw(&address_space_io, run->io.port, MEMTXATTRS_UNSPECIFIED, data,
                         run->io.size, is_write);
        data += run->io.size;
    }
    return EXIT_COMPLETE_IO;
}

static ExitAction memory_io(KVMVcpu *v)
{
    struct kvm_run *run = v->run;

    if (v->lapic &&
        kvm_lapic_mmio(v, run->mmio.phys_addr, run->mmio.data,
                       MIN(run->mmio.len, sizeof(run->mmio.data)), run->mmio.is_write)) {
        return EXIT_COMPLETE_IO;
    }
    address_space_rw(&address_space_memory, run->mmio.phys_addr, MEMTXATTRS_UNSPECIFIED,
                     run->mmio.data, MIN(run->mmio.len, sizeof(run->mmio.data)),
                     run->mmio.is_write);
    return EXIT_COMPLETE_IO;
}

static ExitAction system_event(KVMVcpu *v)
{
    switch (v->run->system_event.type) {
    case KVM_SYSTEM_EVENT_SHUTDOWN:
        qemu_system_shutdown_request(SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
        return EXIT_DEAD;
    case KVM_SYSTEM_EVENT_RESET:
        qemu_system_reset_request(SHUTDOWN_CAUSE_GUEST_RESET);
        return EXIT_DEAD;
    case KVM_SYSTEM_EVENT_CRASH:
        qemu_system_guest_panicked();
        return EXIT_DEAD;
    default:
        return unexpected_exit(v);
    }
}

static ExitAction refused_msr(KVMVcpu *v)
{
    uint64_t data = v->run->msr.data;

    if (v->lapic &&
        kvm_lapic_msr(v, v->run->msr.index, &data, v->run->exit_reason == KVM_EXIT_X86_WRMSR)) {
        v->run->msr.data = data;
        v->run->msr.error = 0;
        return EXIT_COMPLETE_IO;
    }
    qemu_log_mask(LOG_UNIMP, "vCPU %d: MSR 0x%x is refused\n", v->cpu->cpu_index,
                  v->run->msr.index);
    v->run->msr.error = 1; /* #GP */
    return EXIT_COMPLETE_IO;
}

static ExitAction triple_fault(KVMVcpu *v)
{
    qemu_log_mask(LOG_CPU_RESET, "Triple fault (CPU %d)\n", v->cpu->cpu_index);
    TRACE(kvm, triple_fault, "cpu %d", v->cpu->cpu_index);
    qemu_system_reset_request(SHUTDOWN_CAUSE_GUEST_RESET);
    return EXIT_DEAD;
}

/* The kernel could not get an access done by its home.  A read gives what stands in data. */
static ExitAction failed_access(KVMVcpu *v)
{
    struct kvm_ioregion_failure *f = (void *)&v->run->mmio;
    bool is_write = f->flags & KVM_IOREGION_FAILED_WRITE;

    if (f->reason == KVM_IOREGION_FAIL_STATUS && f->status == IOREGIONFD_STATUS_NO_REGION) {
        /* It has another home by now: the memory API knows. */
        address_space_rw(
            f->flags & KVM_IOREGION_FAILED_PIO ? &address_space_io : &address_space_memory, f->addr,
            MEMTXATTRS_UNSPECIFIED, &f->data, MIN(f->len, sizeof(f->data)), is_write);
    } else if (f->reason != KVM_IOREGION_FAIL_CANCELLED && f->reason != KVM_IOREGION_FAIL_STATUS) {
        warn_report_once("KVM: a %s at 0x%" PRIx64 " failed on its way to the device's home "
                         "(reason %u)",
                         is_write ? "write" : "read", (uint64_t)f->addr, f->reason);
    }
    return EXIT_COMPLETE_IO;
}

static ExitAction rare_exit(KVMVcpu *v)
{
    struct kvm_run *run = v->run;

    switch (run->exit_reason) {
    case KVM_EXIT_IOREGION_FAILURE:
        return failed_access(v);
    case KVM_EXIT_INTR:
    case KVM_EXIT_NMI:
    case KVM_EXIT_IRQ_WINDOW_OPEN: /* the loop injects */
    case KVM_EXIT_X86_BUS_LOCK:    /* a report only */
    case KVM_EXIT_SET_TPR:         /* CR8 is looked at after each exit */
        return EXIT_RESUME;
    case KVM_EXIT_HLT:
        if (!v->lapic) {
            return unexpected_exit(v);
        }
        kvm_lapic_halt(v);
        return EXIT_RESUME;
    case KVM_EXIT_SHUTDOWN:
        return triple_fault(v);
    case KVM_EXIT_SYSTEM_EVENT:
        return system_event(v);
    case KVM_EXIT_IOAPIC_EOI:
        kvm_ioapic_eoi(v, run->eoi.vector);
        return EXIT_RESUME;
    case KVM_EXIT_X86_RDMSR:
    case KVM_EXIT_X86_WRMSR:
        return refused_msr(v);
    case KVM_EXIT_HYPERCALL:
        run->hypercall.ret = (uint64_t)-1000; /* KVM_ENOSYS */
        return EXIT_COMPLETE_IO;
    case KVM_EXIT_DEBUG:
        if (kvm_debug_exit(v)) {
            stop_for_debugger(v);
        }
        return EXIT_RESUME;
    case KVM_EXIT_NOTIFY:
        if (run->notify.flags & KVM_NOTIFY_CONTEXT_INVALID) {
            return fatal_exit(v, "the guest held the processor too long and its state is lost");
        }
        return EXIT_RESUME;
    case KVM_EXIT_FAIL_ENTRY:
        return fail_entry(v);
    case KVM_EXIT_INTERNAL_ERROR:
        return internal_error(v);
    default:
        /* TPR_ACCESS, DIRTY_RING_FULL, HYPERV, XEN come only when enabled. */
        return unexpected_exit(v);
    }
}

static ExitAction handle_exit(KVMVcpu *v)
{
    CPUState *cpu = v->cpu;
    uint32_t reason = v->run->exit_reason;
    ExitAction action;

    if (likely(reason < G_N_ELEMENTS(cpu->exits))) {
        __atomic_store_n(&cpu->exits[reason], cpu->exits[reason] + 1, __ATOMIC_RELAXED);
    }
    cpu->in_access = true;
    kvm_coalesced_drain(cpu);
    if (likely(reason == KVM_EXIT_MMIO)) {
        TRACE(kvm, mmio, "cpu %d address 0x%" PRIx64 " length %u write %u", cpu->cpu_index,
              (uint64_t)v->run->mmio.phys_addr, v->run->mmio.len, v->run->mmio.is_write);
        action = memory_io(v);
    } else if (likely(reason == KVM_EXIT_IO)) {
        TRACE(kvm, io, "cpu %d port 0x%x size %u count %u write %u", cpu->cpu_index,
              v->run->io.port, v->run->io.size, v->run->io.count, v->run->io.direction);
        action = port_io(v);
    } else {
        action = rare_exit(v);
    }
    cpu->in_access = false;
    return action;
}

/* --- entering
 * ------------------------------------------------------------------------------------------------------
 */

/* Split interrupt controllers: the boot processor takes what the VMM's 8259 pair has, when it can.
 */
static void inject_pic(KVMVcpu *v)
{
    struct kvm_run *run = v->run;

    run->request_interrupt_window = 0;
    if (!__atomic_load_n(&kvm_pic_asserted, __ATOMIC_SEQ_CST)) {
        return;
    }
    if (run->ready_for_interrupt_injection) {
        int vector = kvm_pic_ack();

        run->ready_for_interrupt_injection = 0;
        if (vector >= 0) {
            struct kvm_interrupt irq = {.irq = (uint32_t)vector};
            int r = kvm_vcpu_ioctl(v, KVM_INTERRUPT, &irq);
            if (r < 0) {
                warn_report_once("KVM does not take interrupt vector %d: %s", vector, strerror(-r));
            }
        }
    }
    run->request_interrupt_window = __atomic_load_n(&kvm_pic_asserted, __ATOMIC_SEQ_CST);
}

static inline void leave_guest(KVMVcpu *v)
{
    __atomic_store_n(&v->in_guest, 0, __ATOMIC_SEQ_CST);
    if (unlikely(__atomic_load_n(&kvm_inhibit, __ATOMIC_SEQ_CST))) {
        qemu_futex_wake(&v->in_guest, 1);
    }
}

/* KVM_RUN, unless the vCPU must stay outside.  0, or -EINTR and other errors. */
static int enter_guest(KVMVcpu *v)
{
    uint32_t inhibited;
    int r;

    __atomic_store_n(&v->in_guest, 1, __ATOMIC_SEQ_CST);
    inhibited = __atomic_load_n(&kvm_inhibit, __ATOMIC_SEQ_CST);
    if (unlikely(inhibited)) {
        leave_guest(v);
        qemu_futex_wait(&kvm_inhibit, inhibited, -1);
        return -EINTR;
    }
    r = ioctl(v->run_fd, KVM_RUN, NULL) < 0 ? -errno : 0;
    leave_guest(v);
    v->access_pending = r == -EINTR && v->run->exit_reason == KVM_EXIT_IOREGION_PENDING;
    return r;
}

static void run_error(KVMVcpu *v, int err)
{
    g_autofree char *why = g_strdup_printf("KVM_RUN fails: %s", strerror(err));

    fatal_exit(v, why);
    __atomic_store_n(&v->dead, true, __ATOMIC_RELEASE);
}

static void apply(KVMVcpu *v, ExitAction action)
{
    v->io_pending = action == EXIT_COMPLETE_IO;
    if (action == EXIT_DEAD) {
        __atomic_store_n(&v->dead, true, __ATOMIC_RELEASE);
    }
}

/* The access that the kernel waits for ends now: the next KVM_RUN says how. */
static void cancel_access(KVMVcpu *v)
{
    struct kvm_ioregion_cancel c = {.size = sizeof(c)};

    /* ENOENT: its answer came. */
    ioctl(v->run_fd, KVM_CANCEL_IOREGION, &c);
}

/* Before others look at the vCPU's state: lets KVM end the instruction whose access was answered,
 * which may take further accesses (one that crosses a page is two).  An access that the kernel
 * still waits for stays pending, unless the vCPU must get out of it. */
void kvm_finish_io(KVMVcpu *v)
{
    while (v->io_pending || v->access_pending) {
        bool unwind = __atomic_load_n(&v->cpu->unwind, __ATOMIC_ACQUIRE);
        int r;

        if (v->access_pending && unwind) {
            cancel_access(v);
        }
        __atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_RELAXED);
        r = enter_guest(v);
        if (r == 0) {
            apply(v, handle_exit(v));
        } else if (v->access_pending) {
            if (!unwind) {
                break;
            }
        } else if (!__atomic_load_n(&kvm_inhibit, __ATOMIC_RELAXED)) {
            v->io_pending = false;
        }
    }
}

static bool wants_attention(CPUState *cpu)
{
    return cpu_events_pending(cpu) || __atomic_load_n(&cpu->stop, __ATOMIC_RELAXED);
}

/* One turn: enters the guest and handles its exit. */
static void run_once(KVMVcpu *v)
{
    bool split_bsp = v->cpu->cpu_index == 0 && kvm_irqchip_is_split();
    int r;

    if (split_bsp) {
        inject_pic(v);
    }
    r = enter_guest(v);
    if (unlikely(v->lapic)) {
        kvm_lapic_left(v);
    }
    if (likely(r == 0)) {
        apply(v, handle_exit(v));
        return;
    }
    v->cpu->in_access = true;
    kvm_coalesced_drain(v->cpu);
    v->cpu->in_access = false;
    if (r != -EINTR && r != -EAGAIN) {
        run_error(v, -r);
    }
}

static void run_loop(KVMVcpu *v)
{
    CPUState *cpu = v->cpu;

    while (!__atomic_load_n(&cpu->unplug, __ATOMIC_ACQUIRE)) {
        __atomic_store_n(&v->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
        if (unlikely(wants_attention(cpu))) {
            kvm_finish_io(v);
            cpu->in_access = v->access_pending;
            cpu_process_events(cpu);
            cpu->in_access = false;
            continue;
        }
        if (unlikely(__atomic_load_n(&v->dead, __ATOMIC_ACQUIRE))) {
            cpu_wait_for_events(cpu);
            continue;
        }
        if (unlikely(v->fresh)) {
            if (cpu->cpu_index == 0) {
                kvm_routes_flush(); /* the others run when this one wakes them */
            }
            v->fresh = false;
        }
        if (unlikely(v->lapic) && !kvm_lapic_enter(v)) {
            kvm_finish_io(v);
            cpu_wait_for_events(cpu);
            continue;
        }
        run_once(v);
    }
}

static void *vcpu_thread(void *opaque)
{
    KVMVcpu *v = opaque;
    sigset_t set;

    ipi_run = v->run;
    sigemptyset(&set);
    sigaddset(&set, SIG_IPI);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    cpu_mark_started(v->cpu);
    run_loop(v);
    kvm_finish_io(v);
    if (v->lapic) {
        kvm_lapic_leave(v);
    }
    cpu_mark_ended(v->cpu);
    return NULL;
}

/* --- making vCPUs
 * -------------------------------------------------------------------------------------------------
 */

/* KVM takes no vCPU away: what there is of those that were unplugged, or whose realize failed,
 * waits here for the next one of their APIC id.  Main loop. */
static GPtrArray *parked; /* KVMVcpu, without a CPUState */

static void reuse_vcpu(KVMVcpu *v)
{
    for (unsigned i = 0; parked && i < parked->len; i++) {
        KVMVcpu *old = g_ptr_array_index(parked, i);

        if (old->apic_id == v->apic_id) {
            v->fd = old->fd;
            v->run = old->run;
            v->run_fd = old->run_fd;
            v->lapic = old->lapic;
            v->cpuid = old->cpuid;
            v->fresh = false;
            g_ptr_array_remove_index_fast(parked, i);
            g_free(old);
            return;
        }
    }
}

static void park_vcpu(CPUState *cpu)
{
    KVMVcpu *v = kvm_vcpu(cpu);

    if (!v) {
        return;
    }
    cpu->accel = NULL;
    if (v->lapic) {
        kvm_lapic_park(v);
    }
    if (v->fd < 0) { /* KVM knows nothing of it */
        g_free(v);
        return;
    }
    v->cpu = NULL;
    if (!parked) {
        parked = g_ptr_array_new();
    }
    g_ptr_array_add(parked, v);
}

/* Fills in what is not there yet: what an earlier one left is used again. */
static bool open_vcpu(KVMVcpu *v, GError **errp)
{
    size_t run_size = (size_t)kvm_state->vcpu_mmap_size;
    CPUState *cpu = v->cpu;

    v->apic_id = cpu->apic_id;
    reuse_vcpu(v);
    if (v->fd < 0) {
        int r = kvm_vm_ioctl(KVM_CREATE_VCPU, (void *)(uintptr_t)cpu->apic_id);

        if (r < 0) {
            error_setg_errno(errp, -r, "-smp: KVM refuses vCPU %d (APIC id %u)", cpu->cpu_index,
                             cpu->apic_id);
            return false;
        }
        v->fd = r;
    }
    if (!v->run) {
        void *run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);

        if (run == MAP_FAILED) {
            error_setg_errno(errp, errno, "-smp: cannot map the run page of vCPU %d",
                             cpu->cpu_index);
            return false;
        }
        v->run = run;
    }
    if (v->run_fd < 0) {
        v->run_fd = ioregion_vcpu_file(v->fd, v->run, run_size, errp);
    }
    if (v->run_fd < 0 || !kvm_set_cpuid(v, X86_CPU(cpu)->cpuid, errp)) {
        return false;
    }
    if (v->lapic) {
        kvm_lapic_reuse(v);
    } else if (kvm_irqchip_mode() == KVM_IRQCHIP_OFF) {
        kvm_lapic_create(v);
    }
    return true;
}

static bool create_vcpu_thread(CPUState *cpu, GError **errp)
{
    KVMVcpu *v = g_new0(KVMVcpu, 1);
    g_autofree char *name = g_strdup_printf("CPU %d/KVM", cpu->cpu_index);

    v->cpu = cpu;
    v->fd = v->run_fd = -1;
    /* To one that is made while others run, KVM must be told its local APIC: only then do messages
     * find it. */
    v->fresh = kvm_vcpus_fresh();
    cpu->accel = v;
    if (!open_vcpu(v, errp) || !qemu_thread_create(&cpu->thread, name, vcpu_thread, v, errp)) {
        park_vcpu(cpu);
        return false;
    }
    kvm_coalesced_set_ring(v->run);
    return true;
}

static void vcpu_kick(CPUState *cpu)
{
    pthread_kill(cpu->thread.thread, SIG_IPI);
}

static void dump_work(CPUState *cpu, void *opaque)
{
    kvm_dump_regs_here(kvm_vcpu(cpu), opaque);
}

static void dump_regs(CPUState *cpu, GString *out)
{
    if (kvm_vcpu(cpu)) {
        cpu_run_on(cpu, dump_work, out);
    }
}

static void nmi_work(CPUState *cpu, void *opaque)
{
    if (kvm_lapic_takes_nmi(kvm_vcpu(cpu))) {
        kvm_vcpu_ioctl(kvm_vcpu(cpu), KVM_NMI, NULL);
    }
}

static void inject_nmi(CPUState *cpu)
{
    KVMVcpu *v = kvm_vcpu(cpu);

    if (v && v->lapic) {
        kvm_lapic_inject_nmi(v);
    } else if (v) {
        cpu_run_on(cpu, nmi_work, NULL);
    }
}

static const AccelCPUOps kvm_cpu_ops = {
    .create_vcpu_thread = create_vcpu_thread,
    .park = park_vcpu,
    .kick = vcpu_kick,
    .reset = kvm_vcpu_reset,
    .dump_regs = dump_regs,
    .nmi = inject_nmi,
    .debug_get_regs = kvm_debug_get_regs,
    .debug_set_regs = kvm_debug_set_regs,
    .debug_translate = kvm_debug_translate,
    .debug_setup = kvm_debug_setup,
};

void kvm_cpus_init(void)
{
    struct sigaction action = {.sa_handler = handle_sig_ipi};

    sigemptyset(&action.sa_mask);
    sigaction(SIG_IPI, &action, NULL);
    cpus_register_accel(&kvm_cpu_ops);
}
