/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared between the GDB stub's files. */
#ifndef GDBSTUB_INTERNAL_H
#define GDBSTUB_INTERNAL_H

#include "chardev/char.h"
#include "system/gdbstub.h"
#include "system/runstate.h"

#define GDB_PACKET_MAX 0x4000
#define GDB_BREAKPOINTS_MAX 1024

typedef struct SwBreakpoint {
    uint64_t addr; /* linear */
    uint8_t saved;
} SwBreakpoint;

typedef struct GdbStub {
    CharFrontend fe;
    Chardev *own;                   /* the one that gdbserver made, or NULL */
    AioBH *input_bh;
    bool attached, no_ack, running; /* running: a stop reply is owed */
    /* Packet that is being received. */
    enum { GDB_IDLE, GDB_DATA, GDB_SUM1, GDB_SUM2 } rx;
    GString *line;
    uint8_t sum, given;
    GString *last;         /* packet sent last: for a resend */
    unsigned g_cpu, c_cpu; /* indices chosen with Hg, Hc */
    bool hold_new;         /* a processor that comes stands until it is named */
    GArray
        *breakpoints; /* SwBreakpoint; changed while vCPUs are parked only, read by vCPU threads */
    DebugPoint points[DEBUG_POINTS];
    /* Why the VM stopped: written by a vCPU thread before it asks for the stop. */
    bool hit;               /* atomic */
    int hit_cpu, hit_point; /* point: -1 a step or breakpoint */
    bool hit_breakpoint;
} GdbStub;

extern GdbStub gdb;

/* --- packet.c */
void gdb_send(const char *payload);
void gdb_send_hex_text(char prefix, const char *text);
/* Binary data with its escapes behind a first letter. */
void gdb_send_binary(char first, const uint8_t *data, size_t n);
void gdb_receive(const uint8_t *buf, int len);
/* n bytes from 2n digits; false: they are none. */
bool gdb_from_hex(const char *text, uint8_t *out, size_t n);
void gdb_to_hex(GString *out, const void *data, size_t n);
/* Removes the escapes of binary data in place; returns its size. */
size_t gdb_unescape(char *data, size_t n);

/* --- commands.c: a whole packet, NUL-terminated, len bytes. */
void gdb_command(char *packet, size_t len);

/* --- gdbstub.c */
/* Everything stands or everything runs and nothing steps, until an action says otherwise. */
void gdb_set_all(bool held);
void gdb_resume(void);
void gdb_interrupt(void);
void gdb_detach(void);
void gdb_send_stop_reply(void);
bool gdb_insert(unsigned kind, uint64_t addr, unsigned len);
bool gdb_remove(unsigned kind, uint64_t addr, unsigned len);
/* Guest memory at a linear address as cpu sees it. */
bool gdb_memory_rw(CPUState *cpu, uint64_t addr, uint8_t *buf, size_t n, bool is_write);

/* --- x86.c */
bool gdb_regs_read(CPUState *cpu, X86DebugRegs *regs);
bool gdb_regs_write(CPUState *cpu, const X86DebugRegs *regs);
/* Place and size of register n in X86DebugRegs; false: there is none. */
bool gdb_reg_at(unsigned n, size_t *offset, size_t *size);
/* The target description; owned by the stub. */
const char *gdb_target_xml(void);

#endif
