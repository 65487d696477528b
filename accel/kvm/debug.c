/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Debugging guests: registers in the debugger's order, translation, KVM_SET_GUEST_DEBUG. vCPU
 * threads, guest outside. */
#include "qemu/osdep.h"

#include "kvm-int.h"
#include "system/gdbstub.h"

#define MSR_KERNEL_GS_BASE 0xc0000102
enum { VECTOR_DB = 1, VECTOR_BP = 3 };

/* --- registers
 * ----------------------------------------------------------------------------------------- */

/* From one bit a register, set: in use, to two, 11: empty. */
static uint16_t full_tags(uint8_t abridged)
{
    uint16_t tags = 0;

    for (unsigned n = 0; n < 8; n++) {
        tags |= abridged & BIT(n) ? 0 : 3 << (2 * n);
    }
    return tags;
}

static uint8_t short_tags(uint16_t tags)
{
    uint8_t abridged = 0;

    for (unsigned n = 0; n < 8; n++) {
        abridged |= (tags >> (2 * n) & 3) == 3 ? 0 : BIT(n);
    }
    return abridged;
}

/* GDB's order of general registers, both ways. */
static void copy_gprs(struct kvm_regs *r, X86DebugRegs *d, bool to_debugger)
{
    __u64 *const order[16] = {&r->rax, &r->rbx, &r->rcx, &r->rdx, &r->rsi, &r->rdi,
                              &r->rbp, &r->rsp, &r->r8,  &r->r9,  &r->r10, &r->r11,
                              &r->r12, &r->r13, &r->r14, &r->r15};

    for (unsigned n = 0; n < 16; n++) {
        if (to_debugger) {
            d->gpr[n] = *order[n];
        } else {
            *order[n] = d->gpr[n];
        }
    }
}

static uint64_t kernel_gs_base(KVMVcpu *v)
{
    struct {
        struct kvm_msrs head;
        struct kvm_msr_entry entry;
    } m = {.head.nmsrs = 1, .entry.index = MSR_KERNEL_GS_BASE};

    return kvm_vcpu_ioctl(v, KVM_GET_MSRS, &m) == 1 ? m.entry.data : 0;
}

bool kvm_debug_get_regs(CPUState *cpu, X86DebugRegs *d)
{
    KVMVcpu *v = kvm_vcpu(cpu);
    struct kvm_regs r;
    struct kvm_sregs s;
    struct kvm_fpu f;

    if (kvm_vcpu_ioctl(v, KVM_GET_REGS, &r) < 0 || kvm_vcpu_ioctl(v, KVM_GET_SREGS, &s) < 0 ||
        kvm_vcpu_ioctl(v, KVM_GET_FPU, &f) < 0) {
        return false;
    }
    copy_gprs(&r, d, true);
    d->rip = r.rip;
    d->eflags = r.rflags;
    d->seg[0] = s.cs.selector;
    d->seg[1] = s.ss.selector;
    d->seg[2] = s.ds.selector;
    d->seg[3] = s.es.selector;
    d->seg[4] = s.fs.selector;
    d->seg[5] = s.gs.selector;
    for (unsigned n = 0; n < 8; n++) {
        memcpy(d->st[n], f.fpr[n], 10);
    }
    d->fctrl = f.fcw;
    d->fstat = f.fsw;
    d->ftag = full_tags(f.ftwx);
    d->fioff = f.last_ip;
    d->fooff = f.last_dp;
    d->fop = f.last_opcode;
    memcpy(d->xmm, f.xmm, sizeof(d->xmm));
    d->mxcsr = f.mxcsr;
    d->fs_base = s.fs.base;
    d->gs_base = s.gs.base;
    d->k_gs_base = kernel_gs_base(v);
    d->cr0 = s.cr0;
    d->cr2 = s.cr2;
    d->cr3 = s.cr3;
    d->cr4 = s.cr4;
    d->cr8 = s.cr8;
    d->efer = s.efer;
    return true;
}

/* General registers, flags, FPU and SSE, FS and GS bases; control registers and selectors are not
 * the debugger's to change. */
bool kvm_debug_set_regs(CPUState *cpu, const X86DebugRegs *given)
{
    KVMVcpu *v = kvm_vcpu(cpu);
    X86DebugRegs d = *given;
    struct kvm_regs r;
    struct kvm_sregs s;
    struct kvm_fpu f;

    if (kvm_vcpu_ioctl(v, KVM_GET_REGS, &r) < 0 || kvm_vcpu_ioctl(v, KVM_GET_SREGS, &s) < 0 ||
        kvm_vcpu_ioctl(v, KVM_GET_FPU, &f) < 0) {
        return false;
    }
    copy_gprs(&r, &d, false);
    r.rip = d.rip;
    r.rflags = d.eflags;
    for (unsigned n = 0; n < 8; n++) {
        memcpy(f.fpr[n], d.st[n], 10);
    }
    f.fcw = d.fctrl;
    f.fsw = d.fstat;
    f.ftwx = short_tags(d.ftag);
    f.last_opcode = d.fop;
    memcpy(f.xmm, d.xmm, sizeof(d.xmm));
    f.mxcsr = d.mxcsr & 0xffff;
    if (s.fs.base != d.fs_base || s.gs.base != d.gs_base) {
        s.fs.base = d.fs_base;
        s.gs.base = d.gs_base;
        if (kvm_vcpu_ioctl(v, KVM_SET_SREGS, &s) < 0) {
            return false;
        }
    }
    return kvm_vcpu_ioctl(v, KVM_SET_REGS, &r) >= 0 && kvm_vcpu_ioctl(v, KVM_SET_FPU, &f) >= 0;
}

bool kvm_debug_translate(CPUState *cpu, uint64_t linear, uint64_t *physical)
{
    struct kvm_translation tr = {.linear_address = linear};

    /* No KVMVcpu: it was unplugged while its debugger waited. */
    if (!kvm_vcpu(cpu) || kvm_vcpu_ioctl(kvm_vcpu(cpu), KVM_TRANSLATE, &tr) < 0 || !tr.valid) {
        return false;
    }
    *physical = tr.physical_address;
    return true;
}

/* --- debug registers
 * ----------------------------------------------------------------------------------- */

/* Type and length of DR7 (Intel SDM volume 3, 18.2.4). */
static uint64_t dr7_bits(const DebugPoint *p, unsigned n)
{
    static const uint8_t lengths[9] = {[1] = 0, [2] = 1, [4] = 3, [8] = 2};
    uint64_t type = p->kind == DEBUG_EXEC ? 0 : p->kind == DEBUG_WRITE ? 1 : 3;
    uint64_t len = p->kind == DEBUG_EXEC ? 0 : lengths[p->len];

    return UINT64_C(2) << (2 * n) | type << (16 + 4 * n) | len << (18 + 4 * n);
}

static void set_guest_debug(KVMVcpu *v, const DebugSetup *setup, uint32_t extra)
{
    struct kvm_guest_debug g = {.control = extra};
    bool points = false;
    int r;

    g.arch.debugreg[7] = 0x600;
    for (unsigned n = 0; n < DEBUG_POINTS; n++) {
        if (setup->points[n].used) {
            g.arch.debugreg[n] = setup->points[n].addr;
            g.arch.debugreg[7] |= dr7_bits(&setup->points[n], n);
            points = true;
        }
    }
    if (setup->on) {
        g.control |= KVM_GUESTDBG_ENABLE;
        g.control |= setup->step ? KVM_GUESTDBG_SINGLESTEP : 0;
        g.control |= setup->breakpoints ? KVM_GUESTDBG_USE_SW_BP : 0;
        g.control |= points ? KVM_GUESTDBG_USE_HW_BP : 0;
        if (setup->step && kvm_check_extension(KVM_CAP_SET_GUEST_DEBUG2) & KVM_GUESTDBG_BLOCKIRQ) {
            g.control |= KVM_GUESTDBG_BLOCKIRQ; /* a step does not end in an interrupt handler */
        }
    }
    r = kvm_vcpu_ioctl(v, KVM_SET_GUEST_DEBUG, &g);
    if (r < 0) {
        warn_report_once("KVM does not set vCPU %d's debug registers: %s", v->cpu->cpu_index,
                         strerror(-r));
    }
}

void kvm_debug_setup(CPUState *cpu, const DebugSetup *setup)
{
    KVMVcpu *v = kvm_vcpu(cpu);

    v->debug = *setup;
    set_guest_debug(v, setup, 0);
}

bool kvm_debug_exit(KVMVcpu *v)
{
    const struct kvm_debug_exit_arch *a = &v->run->debug.arch;
    bool breakpoint = a->exception == VECTOR_BP;

    if (gdb_debug_exception(v->cpu, breakpoint, a->pc, a->dr6)) {
        return true;
    }
    set_guest_debug(v, &v->debug, breakpoint ? KVM_GUESTDBG_INJECT_BP : KVM_GUESTDBG_INJECT_DB);
    return false;
}

/* Where KVM emulates code (a processor without unrestricted guests in real mode, say) it does not
 * know INT3. */
bool kvm_debug_unemulated(KVMVcpu *v)
{
    struct kvm_regs r;
    struct kvm_sregs s;

    return v->debug.breakpoints && kvm_vcpu_ioctl(v, KVM_GET_REGS, &r) >= 0 &&
           kvm_vcpu_ioctl(v, KVM_GET_SREGS, &s) >= 0 &&
           gdb_debug_exception(v->cpu, true, s.cs.base + r.rip, 0);
}
