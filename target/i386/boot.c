/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a board wants of a vCPU's reset: registers other than the architectural ones, and a hook to
 * load a kernel anew. */
#include "qemu/osdep.h"

#include "hw/i386/cpu.h"

static struct {
    void (*fn)(CPUState *bsp, void *opaque);
    void *opaque;
} reset_hook;

void x86_cpu_set_boot_regs(CPUState *cs, const X86BootRegs *regs)
{
    X86CPU *cpu = X86_CPU(cs);

    cpu->has_boot = regs != NULL;
    if (regs) {
        cpu->boot = *regs;
    }
}

void x86_set_cpu_reset_hook(void (*fn)(CPUState *bsp, void *opaque), void *opaque)
{
    reset_hook.fn = fn;
    reset_hook.opaque = opaque;
}

void x86_run_cpu_reset_hook(CPUState *bsp)
{
    if (reset_hook.fn) {
        reset_hook.fn(bsp, reset_hook.opaque);
    }
}
