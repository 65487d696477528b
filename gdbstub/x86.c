/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The registers of an x86-64 processor as GDB knows them: numbers, places in the g packet, target
 * description. */
#include "internal.h"

typedef struct RegisterInfo {
    const char *name, *type;
    uint16_t bits;
    const char *feature; /* the first register of a feature says its name */
} RegisterInfo;

/* In the order of X86DebugRegs. */
static const RegisterInfo registers[] = {
    {"rax", "int64", 64, "org.gnu.gdb.i386.core"},
    {"rbx", "int64", 64, NULL},
    {"rcx", "int64", 64, NULL},
    {"rdx", "int64", 64, NULL},
    {"rsi", "int64", 64, NULL},
    {"rdi", "int64", 64, NULL},
    {"rbp", "data_ptr", 64, NULL},
    {"rsp", "data_ptr", 64, NULL},
    {"r8", "int64", 64, NULL},
    {"r9", "int64", 64, NULL},
    {"r10", "int64", 64, NULL},
    {"r11", "int64", 64, NULL},
    {"r12", "int64", 64, NULL},
    {"r13", "int64", 64, NULL},
    {"r14", "int64", 64, NULL},
    {"r15", "int64", 64, NULL},
    {"rip", "code_ptr", 64, NULL},
    {"eflags", "i386_eflags", 32, NULL},
    {"cs", "int32", 32, NULL},
    {"ss", "int32", 32, NULL},
    {"ds", "int32", 32, NULL},
    {"es", "int32", 32, NULL},
    {"fs", "int32", 32, NULL},
    {"gs", "int32", 32, NULL},
    {"st0", "i387_ext", 80, NULL},
    {"st1", "i387_ext", 80, NULL},
    {"st2", "i387_ext", 80, NULL},
    {"st3", "i387_ext", 80, NULL},
    {"st4", "i387_ext", 80, NULL},
    {"st5", "i387_ext", 80, NULL},
    {"st6", "i387_ext", 80, NULL},
    {"st7", "i387_ext", 80, NULL},
    {"fctrl", "int", 32, NULL},
    {"fstat", "int", 32, NULL},
    {"ftag", "int", 32, NULL},
    {"fiseg", "int", 32, NULL},
    {"fioff", "int", 32, NULL},
    {"foseg", "int", 32, NULL},
    {"fooff", "int", 32, NULL},
    {"fop", "int", 32, NULL},
    {"xmm0", "vec128", 128, "org.gnu.gdb.i386.sse"},
    {"xmm1", "vec128", 128, NULL},
    {"xmm2", "vec128", 128, NULL},
    {"xmm3", "vec128", 128, NULL},
    {"xmm4", "vec128", 128, NULL},
    {"xmm5", "vec128", 128, NULL},
    {"xmm6", "vec128", 128, NULL},
    {"xmm7", "vec128", 128, NULL},
    {"xmm8", "vec128", 128, NULL},
    {"xmm9", "vec128", 128, NULL},
    {"xmm10", "vec128", 128, NULL},
    {"xmm11", "vec128", 128, NULL},
    {"xmm12", "vec128", 128, NULL},
    {"xmm13", "vec128", 128, NULL},
    {"xmm14", "vec128", 128, NULL},
    {"xmm15", "vec128", 128, NULL},
    {"mxcsr", "i386_mxcsr", 32, NULL},
    {"fs_base", "int64", 64, "org.gnu.gdb.i386.segments"},
    {"gs_base", "int64", 64, NULL},
    {"k_gs_base", "int64", 64, "org.gnu.gdb.i386.system"},
    {"cr0", "int64", 64, NULL},
    {"cr2", "int64", 64, NULL},
    {"cr3", "int64", 64, NULL},
    {"cr4", "int64", 64, NULL},
    {"cr8", "int64", 64, NULL},
    {"efer", "int64", 64, NULL},
};

bool gdb_reg_at(unsigned n, size_t *offset, size_t *size)
{
    *offset = 0;
    for (unsigned i = 0; i < n && i < G_N_ELEMENTS(registers); i++) {
        *offset += registers[i].bits / 8;
    }
    *size = n < G_N_ELEMENTS(registers) ? registers[n].bits / 8 : 0;
    return n < G_N_ELEMENTS(registers);
}

/* Types that the registers of a feature use beyond GDB's own. */
static void append_types(GString *x, const char *feature)
{
    static const struct {
        const char *name;
        unsigned bit;
    } flags[] = {{"CF", 0},  {"PF", 2},   {"AF", 4},   {"ZF", 6},  {"SF", 7},  {"TF", 8},
                 {"IF", 9},  {"DF", 10},  {"OF", 11},  {"NT", 14}, {"RF", 16}, {"VM", 17},
                 {"AC", 18}, {"VIF", 19}, {"VIP", 20}, {"ID", 21}};
    static const struct {
        const char *name;
        unsigned bit;
    } mxcsr[] = {{"IE", 0}, {"DE", 1}, {"ZE", 2}, {"OE", 3},  {"UE", 4},  {"PE", 5},  {"DAZ", 6},
                 {"IM", 7}, {"DM", 8}, {"ZM", 9}, {"OM", 10}, {"UM", 11}, {"PM", 12}, {"FZ", 15}};
    static const struct {
        const char *id, *type;
        unsigned count;
    } vectors[] = {{"v4f", "ieee_single", 4}, {"v2d", "ieee_double", 2}, {"v16i8", "int8", 16},
                   {"v8i16", "int16", 8},     {"v4i32", "int32", 4},     {"v2i64", "int64", 2}};

    if (strstr(feature, "core")) {
        g_string_append(x, "<flags id=\"i386_eflags\" size=\"4\">");
        for (unsigned n = 0; n < G_N_ELEMENTS(flags); n++) {
            g_string_append_printf(x, "<field name=\"%s\" start=\"%u\" end=\"%u\"/>", flags[n].name,
                                   flags[n].bit, flags[n].bit);
        }
        g_string_append(x, "</flags>");
    } else if (strstr(feature, "sse")) {
        for (unsigned n = 0; n < G_N_ELEMENTS(vectors); n++) {
            g_string_append_printf(x, "<vector id=\"%s\" type=\"%s\" count=\"%u\"/>", vectors[n].id,
                                   vectors[n].type, vectors[n].count);
        }
        g_string_append(x, "<union id=\"vec128\">");
        for (unsigned n = 0; n < G_N_ELEMENTS(vectors); n++) {
            g_string_append_printf(x, "<field name=\"%s\" type=\"%s\"/>", vectors[n].id,
                                   vectors[n].id);
        }
        g_string_append(x, "<field name=\"uint128\" type=\"uint128\"/></union>"
                           "<flags id=\"i386_mxcsr\" size=\"4\">");
        for (unsigned n = 0; n < G_N_ELEMENTS(mxcsr); n++) {
            g_string_append_printf(x, "<field name=\"%s\" start=\"%u\" end=\"%u\"/>", mxcsr[n].name,
                                   mxcsr[n].bit, mxcsr[n].bit);
        }
        g_string_append(x, "</flags>");
    }
}

const char *gdb_target_xml(void)
{
    static char *text;
    GString *x;

    if (text) {
        return text;
    }
    x = g_string_new("<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\">"
                     "<target><architecture>i386:x86-64</architecture>");
    for (unsigned n = 0; n < G_N_ELEMENTS(registers); n++) {
        const RegisterInfo *r = &registers[n];

        if (r->feature) {
            g_string_append_printf(x, "%s<feature name=\"%s\">", n ? "</feature>" : "", r->feature);
            append_types(x, r->feature);
        }
        g_string_append_printf(x, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\" regnum=\"%u\"/>",
                               r->name, r->bits, r->type, n);
    }
    g_string_append(x, "</feature></target>");
    text = g_string_free(x, false);
    return text;
}

typedef struct RegsAccess {
    X86DebugRegs *regs;
    bool ok;
} RegsAccess;

static void read_here(CPUState *cpu, void *opaque)
{
    RegsAccess *a = opaque;

    a->ok = cpus_get_accel()->debug_get_regs(cpu, a->regs);
}

static void write_here(CPUState *cpu, void *opaque)
{
    RegsAccess *a = opaque;

    a->ok = cpus_get_accel()->debug_set_regs(cpu, a->regs);
}

bool gdb_regs_read(CPUState *cpu, X86DebugRegs *regs)
{
    RegsAccess a = {regs, false};

    memset(regs, 0, sizeof(*regs));
    cpu_run_on(cpu, read_here, &a);
    return a.ok;
}

bool gdb_regs_write(CPUState *cpu, const X86DebugRegs *regs)
{
    X86DebugRegs copy = *regs;
    RegsAccess a = {&copy, false};

    cpu_run_on(cpu, write_here, &a);
    return a.ok;
}
