/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kernel-irqchip=off: each vCPU thread owns a local APIC of the emulator (hw/intc/apic.c), halts
 * and waits for INIT and SIPI by itself, and injects interrupts with KVM_INTERRUPT.
 *
 * Others change the APIC under its lock or leave a signal, and kick the vCPU: it looks at both
 * before each entry.  KVM keeps CR8 and IA32_APIC_BASE; they are exchanged at each entry and exit.
 */
#include "qemu/osdep.h"

#include "hw/intc/apic.h"
#include "kvm-int.h"
#include "qemu/aio.h"
#include "qemu/log.h"

#define MSR_X2APIC_FIRST 0x800
#define MSR_X2APIC_LAST 0x8ff
#define MSR_TSC 0x10
#define MSR_TSC_DEADLINE 0x6e0

enum { SIGNAL_NMI = 1, SIGNAL_SMI = 2, SIGNAL_INIT = 4, SIGNAL_SIPI = 8 };
typedef enum CpuState { CPU_RUNS, CPU_HALTED, CPU_WAITS_FOR_SIPI } CpuState;

struct KVMLapic {
    ApicCore core;
    QemuMutex lock;      /* who kicks the processor, and who takes it away */
    CPUState *cpu;       /* lock; NULL: unplugged */
    KVMVcpu *vcpu;       /* main loop and the vCPU's thread */
    uint32_t signals;    /* atomic */
    uint8_t sipi_vector; /* atomic */
    CpuState state;      /* the thread's */
    uint32_t tsc_khz;
    AioTimer *timer;     /* counts guest time */
    AioTimer *tsc_timer; /* the time stamp counter goes on while the machine is stopped */
};

static int64_t now_ns(void)
{
    return qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
}

/* --- what the APIC asks for */

static void attention(void *opaque, ApicMode mode, uint8_t vector)
{
    KVMLapic *l = opaque;
    uint32_t signal = 0;

    switch (mode) {
    case APIC_NMI:
        signal = SIGNAL_NMI;
        break;
    case APIC_SMI:
        signal = SIGNAL_SMI;
        break;
    case APIC_INIT:
        signal = SIGNAL_INIT;
        break;
    case APIC_STARTUP:
        __atomic_store_n(&l->sipi_vector, vector, __ATOMIC_RELAXED);
        signal = SIGNAL_SIPI;
        break;
    default:
        break;
    }
    if (signal) {
        __atomic_or_fetch(&l->signals, signal, __ATOMIC_SEQ_CST);
    }
    QEMU_LOCK_GUARD(&l->lock);
    if (l->cpu && l->cpu != cpu_get_current()) { /* it looks before it enters, anyway */
        cpu_kick(l->cpu);
    }
}

static void ended(void *opaque, uint8_t vector, bool broadcast)
{
    kvm_ioapic_ended(vector, broadcast);
}

/* Nanoseconds until the guest's time stamp counter reaches tsc. The vCPU's thread. */
static int64_t until_tsc(KVMLapic *l, uint64_t tsc)
{
    uint64_t now;

    if (kvm_msr_get(l->vcpu, MSR_TSC, &now) < 0 || tsc <= now) {
        return 0;
    }
    return MIN((unsigned __int128)(tsc - now) * 1000000 / l->tsc_khz, INT64_MAX / 4);
}

static void set_timer(void *opaque, int64_t at, uint64_t tsc)
{
    KVMLapic *l = opaque;

    if (!l->timer) {
        return; /* being made */
    }
    if (at < 0) {
        aio_timer_del(l->timer);
    } else {
        aio_timer_mod(l->timer, at);
    }
    if (!tsc) {
        aio_timer_del(l->tsc_timer);
    } else {
        aio_timer_mod(l->tsc_timer, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + until_tsc(l, tsc));
    }
}

static const ApicOps apic_ops = {.attention = attention, .ended = ended, .set_timer = set_timer};

static void timer_fired(void *opaque)
{
    apic_timer_fired(&((KVMLapic *)opaque)->core, now_ns());
}

/* --- INIT, SIPI, NMI, SMI */

/* INIT resets the registers and leaves caches, FPU and most MSRs alone (SDM volume 3, table 10-1).
 */
static void do_init(KVMVcpu *v)
{
    KVMLapic *l = v->lapic;

    kvm_regs_init(v);
    apic_reset(&l->core, true);
    l->state = v->cpu->cpu_index == 0 ? CPU_RUNS : CPU_WAITS_FOR_SIPI;
}

static void do_sipi(KVMVcpu *v, uint8_t vector)
{
    struct kvm_sregs sregs;
    struct kvm_regs regs;

    if (kvm_vcpu_ioctl(v, KVM_GET_SREGS, &sregs) < 0 ||
        kvm_vcpu_ioctl(v, KVM_GET_REGS, &regs) < 0) {
        return;
    }
    sregs.cs.selector = vector << 8;
    sregs.cs.base = (uint32_t)vector << 12;
    regs.rip = 0;
    kvm_vcpu_ioctl(v, KVM_SET_SREGS, &sregs);
    kvm_vcpu_ioctl(v, KVM_SET_REGS, &regs);
    v->lapic->state = CPU_RUNS;
}

static void take_signals(KVMVcpu *v)
{
    KVMLapic *l = v->lapic;
    uint32_t signals = __atomic_exchange_n(&l->signals, 0, __ATOMIC_SEQ_CST);

    if (signals & SIGNAL_INIT) {
        kvm_finish_io(v);
        do_init(v);
    }
    if ((signals & SIGNAL_SIPI) && l->state == CPU_WAITS_FOR_SIPI) {
        do_sipi(v, __atomic_load_n(&l->sipi_vector, __ATOMIC_RELAXED));
    }
    if (l->state == CPU_WAITS_FOR_SIPI) {
        /* An NMI or SMI that comes meanwhile is held. */
        __atomic_or_fetch(&l->signals, signals & (SIGNAL_NMI | SIGNAL_SMI), __ATOMIC_RELAXED);
        return;
    }
    if (signals & SIGNAL_NMI) {
        kvm_vcpu_ioctl(v, KVM_NMI, NULL);
        l->state = CPU_RUNS;
    }
    if (signals & SIGNAL_SMI) {
        kvm_vcpu_ioctl(v, KVM_SMI, NULL);
        l->state = CPU_RUNS;
    }
}

/* --- entering and leaving */

static bool pic_requests(KVMVcpu *v)
{
    return v->cpu->cpu_index == 0 && __atomic_load_n(&kvm_pic_asserted, __ATOMIC_SEQ_CST) &&
           apic_accepts_pic(&v->lapic->core);
}

static void inject(KVMVcpu *v)
{
    KVMLapic *l = v->lapic;
    struct kvm_interrupt irq;
    int vector = apic_take(&l->core);

    if (vector < 0 && pic_requests(v)) {
        vector = kvm_pic_ack();
    }
    if (vector >= 0) {
        irq.irq = (uint32_t)vector;
        v->run->ready_for_interrupt_injection = 0;
        kvm_vcpu_ioctl(v, KVM_INTERRUPT, &irq);
    }
}

bool kvm_lapic_enter(KVMVcpu *v)
{
    KVMLapic *l = v->lapic;
    struct kvm_run *run = v->run;
    bool wanted;

    if (__atomic_load_n(&l->signals, __ATOMIC_SEQ_CST)) {
        take_signals(v);
    }
    if (l->state == CPU_WAITS_FOR_SIPI) {
        return false;
    }
    wanted = apic_pending(&l->core) >= 0 || pic_requests(v);
    if (l->state == CPU_HALTED) {
        if (!wanted || !run->if_flag) {
            return false;
        }
        l->state = CPU_RUNS;
    }
    if (wanted && run->ready_for_interrupt_injection) {
        inject(v);
        wanted = apic_pending(&l->core) >= 0 || pic_requests(v);
    }
    run->request_interrupt_window = wanted;
    run->cr8 = apic_cr8(&l->core);
    return true;
}

void kvm_lapic_left(KVMVcpu *v)
{
    KVMLapic *l = v->lapic;

    if (apic_cr8(&l->core) != (v->run->cr8 & 0xf)) {
        apic_set_cr8(&l->core, v->run->cr8 & 0xf);
    }
    apic_set_base(&l->core, v->run->apic_base);
}

void kvm_lapic_halt(KVMVcpu *v)
{
    v->lapic->state = CPU_HALTED;
}

/* --- accesses of the vCPU to its own APIC */

bool kvm_lapic_mmio(KVMVcpu *v, uint64_t addr, void *data, unsigned len, bool is_write)
{
    ApicCore *a = &v->lapic->core;
    uint64_t base = v->run->apic_base;
    uint32_t val = 0;

    if (!(base & APIC_BASE_ENABLE) || (base & APIC_BASE_X2APIC) ||
        (addr ^ base) >> 12 & (UINT64_MAX >> 12)) {
        return false;
    }
    /* Registers are 32 bits wide at multiples of 16; anything else is undefined (11.4.1). */
    if (!is_write) {
        val = apic_mmio_read(a, addr >> 4 & 0xff, now_ns()) >> (8 * (addr & 3));
        memset(data, 0, len);
        memcpy(data, &val, MIN(len, 4u));
    } else if (len == 4 && !(addr & 0xf)) {
        memcpy(&val, data, 4);
        apic_mmio_write(a, addr >> 4 & 0xff, val, now_ns());
        if ((addr & 0xff0) == 0x80) {
            v->run->cr8 = apic_cr8(a); /* TPR, by its other name */
        }
    }
    return true;
}

bool kvm_lapic_msr(KVMVcpu *v, uint32_t index, uint64_t *data, bool is_write)
{
    ApicCore *a = &v->lapic->core;

    if (index == MSR_TSC_DEADLINE) {
        if (is_write) {
            apic_set_tsc_deadline(a, *data);
        } else {
            *data = apic_tsc_deadline(a);
        }
        return true;
    }
    if (index < MSR_X2APIC_FIRST || index > MSR_X2APIC_LAST) {
        return false;
    }
    if (!is_write) {
        return apic_msr_read(a, index - MSR_X2APIC_FIRST, data, now_ns());
    }
    if (!apic_msr_write(a, index - MSR_X2APIC_FIRST, *data, now_ns())) {
        return false;
    }
    v->run->cr8 = apic_cr8(a);
    return true;
}

/* --- life */

/* KVM would carry IA32_TSC_DEADLINE out by a local APIC that it does not have; x2APIC's registers
 * are unknown to it then. */
bool kvm_lapic_init_vm(GError **errp)
{
    static uint8_t deny[1]; /* bit 0 clear: to user space */
    struct kvm_msr_filter filter = {
        .flags = KVM_MSR_FILTER_DEFAULT_ALLOW,
        .ranges[0] =
            {
                .flags = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE,
                .nmsrs = 1,
                .base = MSR_TSC_DEADLINE,
                .bitmap = deny,
            },
    };
    struct kvm_enable_cap cap = {
        .cap = KVM_CAP_X86_USER_SPACE_MSR,
        .args[0] = KVM_MSR_EXIT_REASON_INVAL | KVM_MSR_EXIT_REASON_FILTER,
    };
    int r = -ENOSYS;

    if (kvm_check_extension(KVM_CAP_X86_USER_SPACE_MSR) &&
        kvm_check_extension(KVM_CAP_X86_MSR_FILTER)) {
        r = kvm_vm_ioctl(KVM_ENABLE_CAP, &cap);
        r = r < 0 ? r : kvm_vm_ioctl(KVM_X86_SET_MSR_FILTER, &filter);
    }
    if (r < 0) {
        error_setg_errno(
            errp, -r,
            "-accel kvm,kernel-irqchip=off: the host kernel's KVM does not hand MSRs to "
            "user space; use Linux 5.10 or newer, or kernel-irqchip=split");
        return false;
    }
    return true;
}

void kvm_lapic_create(KVMVcpu *v)
{
    KVMLapic *l = g_new0(KVMLapic, 1);
    int khz = kvm_vcpu_ioctl(v, KVM_GET_TSC_KHZ, NULL);

    v->lapic = l;
    l->vcpu = v;
    l->cpu = v->cpu;
    qemu_mutex_init(&l->lock);
    l->tsc_khz = khz > 0 ? (uint32_t)khz : 1000000;
    apic_init(&l->core, v->cpu->apic_id, v->cpu->cpu_index == 0, &apic_ops, l);
    l->timer = aio_timer_new(aio_get_main(), QEMU_CLOCK_VIRTUAL, timer_fired, l);
    l->tsc_timer = aio_timer_new(aio_get_main(), QEMU_CLOCK_REALTIME, timer_fired, l);
    l->state = v->cpu->cpu_index == 0 ? CPU_RUNS : CPU_WAITS_FOR_SIPI;
    apic_bus_add(&l->core);
}

void kvm_lapic_reset(KVMVcpu *v)
{
    KVMLapic *l = v->lapic;

    apic_reset(&l->core, false);
    __atomic_store_n(&l->signals, 0, __ATOMIC_RELAXED);
    l->state = v->cpu->cpu_index == 0 ? CPU_RUNS : CPU_WAITS_FOR_SIPI;
    v->run->cr8 = 0;
}

void kvm_lapic_leave(KVMVcpu *v)
{
    QEMU_LOCK_GUARD(&v->lapic->lock);

    v->lapic->cpu = NULL;
}

void kvm_lapic_park(KVMVcpu *v)
{
    KVMLapic *l = v->lapic;

    kvm_lapic_leave(v);          /* if its thread never ran */
    apic_reset(&l->core, false); /* ends its timers, too */
    l->vcpu = NULL;
}

void kvm_lapic_reuse(KVMVcpu *v)
{
    KVMLapic *l = v->lapic;

    l->vcpu = v;
    kvm_lapic_reset(v);
    qemu_mutex_lock(&l->lock);
    l->cpu = v->cpu;
    qemu_mutex_unlock(&l->lock);
}

void kvm_lapic_inject_nmi(KVMVcpu *v)
{
    apic_local_pin(&v->lapic->core, 1);
}
