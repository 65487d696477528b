/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A vCPU's registers: state at reset (Intel SDM volume 3, 10.1; AMD64 APM volume 2, 14.1), boot
 * registers, the dump. */
#include "qemu/osdep.h"

#include "kvm-int.h"
#include "qemu/log.h"

#define APIC_DEFAULT_BASE 0xfee00000u
#define APIC_BASE_BSP BIT(8)
#define APIC_BASE_ENABLE BIT(11)

static bool is_bsp(const KVMVcpu *v)
{
    return v->cpu->cpu_index == 0;
}

static struct kvm_segment segment(uint16_t selector, uint64_t base, uint32_t limit, uint8_t type)
{
    return (struct kvm_segment){
        .selector = selector,
        .base = base,
        .limit = limit,
        .type = type,
        .present = 1,
        .s = 1,
        .g = limit > 0xfffff,
    };
}

static void set_data_segments(struct kvm_sregs *s, struct kvm_segment seg)
{
    s->ds = s->es = s->fs = s->gs = s->ss = seg;
}

static void reset_sregs(const KVMVcpu *v, struct kvm_sregs *s)
{
    *s = (struct kvm_sregs){
        .cs = segment(0xf000, 0xffff0000, 0xffff, 0xb),
        .ldt = {.limit = 0xffff, .type = 2, .present = 1},
        .tr = {.limit = 0xffff, .type = 0xb, .present = 1},
        .gdt.limit = 0xffff,
        .idt.limit = 0xffff,
        .cr0 = 0x60000010,
        .apic_base = APIC_DEFAULT_BASE | APIC_BASE_ENABLE | (is_bsp(v) ? APIC_BASE_BSP : 0),
    };
    set_data_segments(s, segment(0, 0, 0xffff, 3));
}

static void reset_regs(const KVMVcpu *v, struct kvm_regs *r)
{
    struct kvm_cpuid2 *cpuid = X86_CPU(v->cpu)->cpuid;
    struct kvm_cpuid_entry2 *e = cpuid ? x86_cpuid_find(cpuid, 1, 0) : NULL;

    *r = (struct kvm_regs){.rip = 0xfff0, .rflags = 2, .rdx = e ? e->eax : 0};
}

static void apply_boot_regs(const X86BootRegs *b, struct kvm_sregs *s, struct kvm_regs *r)
{
    *r = (struct kvm_regs){
        .rip = b->rip,
        .rsp = b->rsp,
        .rbp = b->rbp,
        .rflags = 2,
        .rax = b->rax,
        .rbx = b->rbx,
        .rcx = b->rcx,
        .rdx = b->rdx,
        .rsi = b->rsi,
        .rdi = b->rdi,
    };
    if (b->gdt_limit) {
        s->gdt.base = b->gdt_base;
        s->gdt.limit = b->gdt_limit;
    }
    if (b->mode == X86_BOOT_REAL) {
        s->cs = segment(b->cs_sel, (uint64_t)b->cs_sel << 4, 0xffff, 0xb);
        set_data_segments(s, segment(b->ds_sel, (uint64_t)b->ds_sel << 4, 0xffff, 3));
        return;
    }
    s->cs = segment(b->cs_sel, 0, 0xffffffff, 0xb);
    set_data_segments(s, segment(b->ds_sel, 0, 0xffffffff, 3));
    s->ds.db = s->es.db = s->fs.db = s->gs.db = s->ss.db = 1;
    s->cr0 = BIT(0) | BIT(4); /* PE, ET */
    if (b->mode == X86_BOOT_LONG64) {
        s->cs.l = 1;
        s->cr3 = b->cr3;
        s->cr4 = BIT(5);            /* PAE */
        s->cr0 |= BIT(31);          /* PG */
        s->efer = BIT(8) | BIT(10); /* LME, LMA */
    } else {
        s->cs.db = 1;
    }
}

/* Register file of the local APIC after power-on: everything masked and 0 but for what is listed.
 */
static void reset_lapic(KVMVcpu *v)
{
    struct kvm_lapic_state state = {0};
    static const uint16_t masked_lvts[] = {0x2f0, 0x320, 0x330, 0x340, 0x350, 0x360, 0x370};
    struct kvm_lapic_state old;
    uint32_t word;

    if (v->lapic) {
        kvm_lapic_reset(v);
        return;
    }
    if (kvm_vcpu_ioctl(v, KVM_GET_LAPIC, &old) < 0) {
        return;
    }
    word = v->cpu->apic_id << 24;
    memcpy(state.regs + 0x20, &word, 4);
    memcpy(state.regs + 0x30, old.regs + 0x30, 4); /* version */
    word = 0xffffffff;
    memcpy(state.regs + 0xe0, &word, 4); /* flat destination format */
    word = 0xff;
    memcpy(state.regs + 0xf0, &word, 4); /* spurious vector; APIC off by software */
    word = BIT(16);
    for (size_t i = 0; i < G_N_ELEMENTS(masked_lvts); i++) {
        memcpy(state.regs + masked_lvts[i], &word, 4);
    }
    if (is_bsp(v)) {
        word = 0x700; /* LINT0: ExtINT, so that the 8259 pair reaches the boot processor (virtual
                         wire) */
        memcpy(state.regs + 0x350, &word, 4);
    }
    kvm_vcpu_ioctl(v, KVM_SET_LAPIC, &state);
}

/* A register of KVM's local APIC, by its offset in the page; 0 if KVM does not tell. */
static uint32_t lapic_register(KVMVcpu *v, unsigned offset)
{
    struct kvm_lapic_state state;
    uint32_t val;

    if (kvm_vcpu_ioctl(v, KVM_GET_LAPIC, &state) < 0) {
        return 0;
    }
    memcpy(&val, state.regs + offset, 4);
    return val;
}

bool kvm_lapic_suppresses_eoi(KVMVcpu *v)
{
    return lapic_register(v, 0xf0) & BIT(12);
}

bool kvm_lapic_takes_nmi(KVMVcpu *v)
{
    enum { LVT_LINT1 = 0x360, MASKED = BIT(16), MODE = 7 << 8, MODE_NMI = 4 << 8 };

    return (lapic_register(v, LVT_LINT1) & (MASKED | MODE)) == MODE_NMI;
}

/* Takes the vCPU out of a nested guest. */
static void reset_nested(KVMVcpu *v)
{
    const X86CPU *cpu = X86_CPU(v->cpu);
    struct kvm_nested_state state = {.size = sizeof(state)};

    if (cpu->features.w[FEAT_8000_0001_ECX] & BIT(2)) {
        state.format = KVM_STATE_NESTED_FORMAT_SVM;
        state.flags = KVM_STATE_NESTED_GIF_SET;
    } else if (cpu->features.w[FEAT_1_ECX] & BIT(5)) {
        state.format = KVM_STATE_NESTED_FORMAT_VMX;
        state.hdr.vmx.vmxon_pa = state.hdr.vmx.vmcs12_pa = UINT64_MAX;
    } else {
        return;
    }
    if (kvm_check_extension(KVM_CAP_NESTED_STATE)) {
        kvm_vcpu_ioctl(v, KVM_SET_NESTED_STATE, &state);
    }
}

static void reset_fpu(KVMVcpu *v)
{
    size_t size = MAX(kvm_check_extension(KVM_CAP_XSAVE2), (int)sizeof(struct kvm_xsave));
    g_autofree uint8_t *area = g_malloc0(size);
    struct kvm_xcrs xcrs = {.nr_xcrs = 1, .xcrs[0] = {.xcr = 0, .value = 1}};
    uint16_t fcw = 0x37f;
    uint32_t mxcsr = 0x1f80;

    /* XSTATE_BV is 0: every component in its initial state.  The legacy part is filled for those
     * who look at it all the same. */
    memcpy(area, &fcw, sizeof(fcw));
    memcpy(area + 24, &mxcsr, sizeof(mxcsr));
    kvm_vcpu_ioctl(v, KVM_SET_XSAVE, area);
    if (X86_CPU(v->cpu)->features.w[FEAT_1_ECX] & BIT(26)) {
        kvm_vcpu_ioctl(v, KVM_SET_XCRS, &xcrs);
    }
}

static void reset_events(KVMVcpu *v)
{
    struct kvm_vcpu_events events = {
        .flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SIPI_VECTOR |
                 KVM_VCPUEVENT_VALID_SHADOW,
    };
    struct kvm_debugregs debug = {.dr6 = 0xffff0ff0, .dr7 = 0x400};
    struct kvm_mp_state mp = {.mp_state =
                                  is_bsp(v) ? KVM_MP_STATE_RUNNABLE : KVM_MP_STATE_UNINITIALIZED};

    if (kvm_check_extension(KVM_CAP_X86_SMM)) {
        events.flags |= KVM_VCPUEVENT_VALID_SMM;
    }
    kvm_vcpu_ioctl(v, KVM_SET_VCPU_EVENTS, &events);
    kvm_vcpu_ioctl(v, KVM_SET_DEBUGREGS, &debug);
    if (!v->lapic) { /* else the thread itself keeps it */
        kvm_vcpu_ioctl(v, KVM_SET_MP_STATE, &mp);
    }
}

void kvm_regs_init(KVMVcpu *v)
{
    struct kvm_sregs sregs, old;
    struct kvm_regs regs;

    if (kvm_vcpu_ioctl(v, KVM_GET_SREGS, &old) < 0) {
        return;
    }
    reset_nested(v);
    reset_sregs(v, &sregs);
    reset_regs(v, &regs);
    sregs.apic_base = old.apic_base;
    sregs.cr0 = (sregs.cr0 & ~UINT64_C(0x60000000)) | (old.cr0 & 0x60000000); /* CD, NW stay */
    kvm_vcpu_ioctl(v, KVM_SET_SREGS, &sregs);
    kvm_vcpu_ioctl(v, KVM_SET_REGS, &regs);
    reset_events(v);
}

static void warn_if_failed(const KVMVcpu *v, const char *what, int r)
{
    if (r < 0) {
        warn_report("KVM does not reset the %s of vCPU %d: %s", what, v->cpu->cpu_index,
                    strerror(-r));
    }
}

void kvm_vcpu_reset(CPUState *cpu)
{
    KVMVcpu *v = kvm_vcpu(cpu);
    X86CPU *xcpu = X86_CPU(cpu);
    struct kvm_sregs sregs;
    struct kvm_regs regs;

    if (!v) {
        return;
    }
    if (is_bsp(v)) {
        x86_run_cpu_reset_hook(cpu);
    }
    __atomic_store_n(&v->dead, false, __ATOMIC_RELEASE);
    if (v->fresh && !xcpu->has_boot) {
        return; /* KVM made it in this state */
    }
    reset_sregs(v, &sregs);
    reset_regs(v, &regs);
    if (xcpu->has_boot) {
        apply_boot_regs(&xcpu->boot, &sregs, &regs);
    }
    if (!v->fresh) {
        reset_nested(v);
    }
    warn_if_failed(v, "segments", kvm_vcpu_ioctl(v, KVM_SET_SREGS, &sregs));
    warn_if_failed(v, "registers", kvm_vcpu_ioctl(v, KVM_SET_REGS, &regs));
    if (!v->fresh) {
        reset_fpu(v);
        if (!kvm_msrs_reset(v)) {
            warn_report("KVM does not reset the MSRs of vCPU %d", cpu->cpu_index);
        }
        reset_lapic(v);
        reset_events(v);
        v->run->request_interrupt_window = 0;
        v->run->ready_for_interrupt_injection = 0;
    }
    qemu_log_mask(LOG_CPU_RESET, "CPU Reset (CPU %d)\n", cpu->cpu_index);
}

/* --- dump
 * ------------------------------------------------------------------------------------------------------------
 */

static void dump_segment(GString *out, const char *name, const struct kvm_segment *s)
{
    uint32_t attr = ((uint32_t)s->type << 8) | ((uint32_t)s->s << 12) | ((uint32_t)s->dpl << 13) |
                    ((uint32_t)s->present << 15) | ((uint32_t)s->avl << 20) |
                    ((uint32_t)s->l << 21) | ((uint32_t)s->db << 22) | ((uint32_t)s->g << 23);

    g_string_append_printf(out, "%-3s=%04x %016" PRIx64 " %08x %08x\n", name, s->selector,
                           (uint64_t)s->base, s->limit, attr);
}

static void dump_sregs(GString *out, const struct kvm_sregs *s)
{
    dump_segment(out, "ES", &s->es);
    dump_segment(out, "CS", &s->cs);
    dump_segment(out, "SS", &s->ss);
    dump_segment(out, "DS", &s->ds);
    dump_segment(out, "FS", &s->fs);
    dump_segment(out, "GS", &s->gs);
    dump_segment(out, "LDT", &s->ldt);
    dump_segment(out, "TR", &s->tr);
    g_string_append_printf(out, "GDT=     %016" PRIx64 " %08x\nIDT=     %016" PRIx64 " %08x\n",
                           (uint64_t)s->gdt.base, s->gdt.limit, (uint64_t)s->idt.base,
                           s->idt.limit);
    g_string_append_printf(out,
                           "CR0=%08" PRIx64 " CR2=%016" PRIx64 " CR3=%016" PRIx64 " CR4=%08" PRIx64
                           "\nEFER=%016" PRIx64 " APICBASE=%08" PRIx64 "\n",
                           (uint64_t)s->cr0, (uint64_t)s->cr2, (uint64_t)s->cr3, (uint64_t)s->cr4,
                           (uint64_t)s->efer, (uint64_t)s->apic_base);
}

/* The bytes at the instruction pointer, as far as they are RAM and paging lets us say where they
 * are. */
static void dump_code(KVMVcpu *v, GString *out, uint64_t linear)
{
    struct kvm_translation tr = {.linear_address = linear};
    uint8_t code[16];
    hwaddr len = sizeof(code);
    RAMBlock *block;
    void *host;

    if (kvm_vcpu_ioctl(v, KVM_TRANSLATE, &tr) < 0 || !tr.valid) {
        return;
    }
    host = address_space_map_ram(&address_space_memory, tr.physical_address, &len, false, &block);
    if (!host) {
        return;
    }
    memcpy(code, host, len);
    ram_block_unpin(block);
    g_string_append(out, "Code=");
    for (hwaddr i = 0; i < len; i++) {
        g_string_append_printf(out, i ? " %02x" : "%02x", code[i]);
    }
    g_string_append_c(out, '\n');
}

void kvm_dump_regs_here(KVMVcpu *v, GString *out)
{
    struct kvm_regs r;
    struct kvm_sregs s;
    struct kvm_mp_state mp = {0};

    if (kvm_vcpu_ioctl(v, KVM_GET_REGS, &r) < 0 || kvm_vcpu_ioctl(v, KVM_GET_SREGS, &s) < 0) {
        g_string_append_printf(out, "CPU#%d: KVM does not give its registers\n", v->cpu->cpu_index);
        return;
    }
    kvm_vcpu_ioctl(v, KVM_GET_MP_STATE, &mp);
    g_string_append_printf(out, "CPU#%d\n", v->cpu->cpu_index);
    const struct {
        const char *name;
        uint64_t value;
    } gprs[] = {
        {"RAX", r.rax}, {"RBX", r.rbx}, {"RCX", r.rcx}, {"RDX", r.rdx},
        {"RSI", r.rsi}, {"RDI", r.rdi}, {"RBP", r.rbp}, {"RSP", r.rsp},
        {"R8 ", r.r8},  {"R9 ", r.r9},  {"R10", r.r10}, {"R11", r.r11},
        {"R12", r.r12}, {"R13", r.r13}, {"R14", r.r14}, {"R15", r.r15},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(gprs); i++) {
        g_string_append_printf(out, "%s=%016" PRIx64 "%c", gprs[i].name, gprs[i].value,
                               i % 4 == 3 ? '\n' : ' ');
    }
    g_string_append_printf(out, "RIP=%016" PRIx64 " RFL=%08" PRIx64 " CPL=%u HLT=%d\n",
                           (uint64_t)r.rip, (uint64_t)r.rflags, s.ss.dpl,
                           mp.mp_state == KVM_MP_STATE_HALTED);
    dump_sregs(out, &s);
    dump_code(v, out, s.cs.base + r.rip);
}
