/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The GDB stub: a debugger drives the guest's processors over the remote serial protocol.  Main
 * loop only, except where said.
 */
#ifndef SYSTEM_GDBSTUB_H
#define SYSTEM_GDBSTUB_H

#include "system/cpus.h"

/* -gdb, gdbserver: listens on a character device ("tcp::1234", "stdio", "chardev:ID", "none": no
 * more). */
bool gdbserver_start(const char *spec, GError **errp);

/* A processor's registers as GDB's packet g has them; little-endian, without gaps. */
typedef struct QEMU_PACKED X86DebugRegs {
    uint64_t gpr[16]; /* rax rbx rcx rdx rsi rdi rbp rsp r8 ... */
    uint64_t rip;
    uint32_t eflags;
    uint32_t seg[6]; /* cs ss ds es fs gs */
    uint8_t st[8][10];
    uint32_t fctrl, fstat, ftag, fiseg, fioff, foseg, fooff, fop;
    uint8_t xmm[16][16];
    uint32_t mxcsr;
    uint64_t fs_base, gs_base, k_gs_base;
    uint64_t cr0, cr2, cr3, cr4, cr8, efer;
} X86DebugRegs;

typedef enum DebugPointKind { DEBUG_EXEC, DEBUG_WRITE, DEBUG_ACCESS } DebugPointKind;

/* A debug register; len 1, 2, 4 or 8. */
typedef struct DebugPoint {
    bool used;
    DebugPointKind kind;
    uint64_t addr;
    uint8_t len;
} DebugPoint;
#define DEBUG_POINTS 4

/* What a processor is to stop at. */
typedef struct DebugSetup {
    bool on;          /* false: everything is the guest's */
    bool step;        /* after one instruction */
    bool breakpoints; /* INT3 is looked at */
    DebugPoint points[DEBUG_POINTS];
} DebugSetup;

/* For accelerators, from a vCPU thread that met a debug exception at linear address pc (breakpoint:
 * INT3; else dr6 says why): true if it is the debugger's: the vCPU must not go on, and the VM
 * stops.  False: it is the guest's. */
bool gdb_debug_exception(CPUState *cpu, bool breakpoint, uint64_t pc, uint64_t dr6);

/* A processor has come, parked, and is about to run: it stops at what the others stop at, and stands
 * while a debugger lets only some of them run.  Main loop. */
void gdb_cpu_added(CPUState *cpu);

#endif
