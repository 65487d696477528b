/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The packets that GDB sends, and what they are answered. */
#include "internal.h"

#include "qapi/qapi-commands.h"

/* Longest block of memory in one packet: hex digits must fit. */
#define BLOCK_MAX ((GDB_PACKET_MAX - 16) / 2)

static void ok(bool yes)
{
    gdb_send(yes ? "OK" : "E22");
}

static CPUState *g_cpu(void)
{
    CPUState *cpu = cpu_by_index(gdb.g_cpu);

    return cpu ? cpu : cpu_first();
}

/* A thread's number: vCPU index plus one; 0 and -1: any.  Returns false for one that does not
 * exist. */
static bool parse_thread(const char *text, char **end, int *index)
{
    bool all = *text == '-';
    guint64 n = g_ascii_strtoull(text + all, end, 16);

    if (*end == text + all) {
        return false;
    }
    *index = all || n == 0 ? -1 : (int)MIN(n - 1, (guint64)INT_MAX);
    return *index < 0 || cpu_by_index(*index);
}

/* --- registers
 * ----------------------------------------------------------------------------------------- */

static void read_registers(void)
{
    X86DebugRegs regs;
    g_autoptr(GString) out = g_string_new(NULL);

    if (!gdb_regs_read(g_cpu(), &regs)) {
        ok(false);
        return;
    }
    gdb_to_hex(out, &regs, sizeof(regs));
    gdb_send(out->str);
}

static void write_registers(const char *text)
{
    X86DebugRegs regs;
    size_t n = MIN(strlen(text) / 2, sizeof(regs));

    ok(gdb_regs_read(g_cpu(), &regs) && gdb_from_hex(text, (uint8_t *)&regs, n) &&
       gdb_regs_write(g_cpu(), &regs));
}

static void read_register(const char *text)
{
    X86DebugRegs regs;
    size_t offset, size;
    g_autoptr(GString) out = g_string_new(NULL);

    if (!gdb_reg_at(g_ascii_strtoull(text, NULL, 16), &offset, &size) ||
        !gdb_regs_read(g_cpu(), &regs)) {
        ok(false);
        return;
    }
    gdb_to_hex(out, (uint8_t *)&regs + offset, size);
    gdb_send(out->str);
}

static void write_register(const char *text)
{
    X86DebugRegs regs;
    size_t offset, size;
    char *value;
    guint64 n = g_ascii_strtoull(text, &value, 16);

    ok(*value == '=' && gdb_reg_at(MIN(n, 0xffff), &offset, &size) &&
       strlen(value + 1) >= 2 * size && gdb_regs_read(g_cpu(), &regs) &&
       gdb_from_hex(value + 1, (uint8_t *)&regs + offset, size) && gdb_regs_write(g_cpu(), &regs));
}

/* --- memory
 * -------------------------------------------------------------------------------------------- */

/* "ADDR,LEN" and, with rest, ":..." behind it. */
static bool parse_range(char *text, uint64_t *addr, size_t *len, char **rest)
{
    char *end;

    *addr = g_ascii_strtoull(text, &end, 16);
    if (end == text || *end != ',') {
        return false;
    }
    text = end + 1;
    *len = g_ascii_strtoull(text, &end, 16);
    if (end == text || *len > BLOCK_MAX) {
        return false;
    }
    if (rest) {
        *rest = end + 1;
        return *end == ':';
    }
    return true;
}

static void read_memory(char *text)
{
    uint64_t addr;
    size_t len;
    g_autofree uint8_t *buf = NULL;
    g_autoptr(GString) out = g_string_new(NULL);

    if (!parse_range(text, &addr, &len, NULL)) {
        ok(false);
        return;
    }
    buf = g_malloc(len + 1);
    /* As much as can be read; nothing is an error. */
    while (len && !gdb_memory_rw(g_cpu(), addr, buf, len, false)) {
        len /= 2;
    }
    if (!len) {
        gdb_send("E14");
        return;
    }
    gdb_to_hex(out, buf, len);
    gdb_send(out->str);
}

static void write_memory(char *text, size_t left, bool binary)
{
    uint64_t addr;
    size_t len;
    char *data;
    g_autofree uint8_t *buf = NULL;

    if (!parse_range(text, &addr, &len, &data)) {
        ok(false);
        return;
    }
    left -= (size_t)(data - text);
    buf = g_malloc(len + 1);
    if (binary) {
        if (gdb_unescape(data, left) < len) {
            ok(false);
            return;
        }
        memcpy(buf, data, len);
    } else if (left < 2 * len || !gdb_from_hex(data, buf, len)) {
        ok(false);
        return;
    }
    gdb_send(!len || gdb_memory_rw(g_cpu(), addr, buf, len, true) ? "OK" : "E14");
}

/* --- breakpoints
 * --------------------------------------------------------------------------------------- */

/* "KIND,ADDR,LEN" */
static void point(char *text, bool insert)
{
    uint64_t addr;
    size_t len;
    unsigned kind = (unsigned)(*text - '0');

    if (kind > 4 || text[1] != ',') {
        gdb_send("");
        return;
    }
    if (kind == 3) {
        gdb_send(""); /* x86 has no watchpoint for reads alone */
        return;
    }
    ok(parse_range(text + 2, &addr, &len, NULL) &&
       (insert ? gdb_insert : gdb_remove)(kind, addr, (unsigned)len));
}

/* --- running
 * ------------------------------------------------------------------------------------------- */

static void set_one(CPUState *cpu, bool step)
{
    cpu->debug_held = false;
    cpu->debug_step = step;
}

/* "[ADDR]" of s and c. */
static void run_at(const char *text, bool step)
{
    CPUState *cpu = cpu_by_index(gdb.c_cpu);
    X86DebugRegs regs;

    cpu = cpu ? cpu : cpu_first();
    if (*text && gdb_regs_read(cpu, &regs)) {
        regs.rip = g_ascii_strtoull(text, NULL, 16);
        gdb_regs_write(cpu, &regs);
    }
    gdb_set_all(false);
    set_one(cpu, step);
    gdb_resume();
}

typedef struct Action {
    char what;
    int index; /* -1: all */
} Action;

/* Actions from the last to the first: the leftmost one that names a thread counts. */
static void apply_actions(const Action *actions, unsigned n)
{
    gdb_set_all(true);
    while (n--) {
        bool step = actions[n].what == 's';

        gdb.hold_new &= actions[n].index >= 0;
        for (unsigned k = 0; k < cpus->len; k++) {
            CPUState *cpu = cpus->pdata[k];

            if (actions[n].index < 0 || actions[n].index == cpu->cpu_index) {
                set_one(cpu, step);
            }
        }
    }
}

/* ";ACTION[:THREAD]..." */
static void run_actions(char *text)
{
    Action actions[64];
    unsigned n = 0;

    while (*text == ';') {
        Action a = {g_ascii_tolower(text[1]), -1};
        bool signal = text[1] == 'C' || text[1] == 'S';

        if ((a.what != 'c' && a.what != 's') || n == G_N_ELEMENTS(actions)) {
            ok(false);
            return;
        }
        text += 2;
        if (signal) { /* signals mean nothing to a processor */
            text += strspn(text, "0123456789abcdefABCDEF");
        }
        if (*text == ':' && !parse_thread(text + 1, &text, &a.index)) {
            ok(false);
            return;
        }
        actions[n++] = a;
    }
    if (!n || *text) {
        ok(false);
        return;
    }
    apply_actions(actions, n);
    gdb_resume();
}

/* --- queries
 * ------------------------------------------------------------------------------------------- */

static void list_threads(void)
{
    g_autoptr(GString) out = g_string_new("m");

    for (unsigned n = 0; cpus && n < cpus->len; n++) {
        g_string_append_printf(out, "%s%x", n ? "," : "",
                               ((CPUState *)cpus->pdata[n])->cpu_index + 1);
    }
    gdb_send(out->str);
}

static void thread_info(const char *text)
{
    g_autofree char *info = NULL;
    char *end;
    int index;

    if (!parse_thread(text, &end, &index) || index < 0) {
        ok(false);
        return;
    }
    info = g_strdup_printf("CPU#%d", index);
    gdb_send_hex_text(0, info);
}

/* "ANNEX:OFFSET,LENGTH" */
static void read_features(char *text)
{
    const char *xml = gdb_target_xml();
    size_t size = strlen(xml), len;
    uint64_t offset;

    if (!g_str_has_prefix(text, "target.xml:") ||
        !parse_range(text + strlen("target.xml:"), &offset, &len, NULL)) {
        gdb_send("E00");
        return;
    }
    if (offset >= size) {
        gdb_send("l");
        return;
    }
    len = MIN(len, size - offset);
    gdb_send_binary(offset + len < size ? 'm' : 'l', (const uint8_t *)xml + offset, len);
}

/* A command of the human monitor. */
static void monitor_command(const char *hex)
{
    size_t n = strlen(hex) / 2;
    g_autofree char *line = g_malloc0(n + 1), *out = NULL;

    if (!gdb_from_hex(hex, (uint8_t *)line, n)) {
        ok(false);
        return;
    }
    out = qmp_human_monitor_command(line, false, 0, NULL);
    for (const char *p = out; p && *p;) { /* in pieces that fit packets */
        g_autofree char *part = g_strndup(p, BLOCK_MAX);

        gdb_send_hex_text('O', part);
        p += strlen(part);
    }
    if (gdb.attached) { /* the command may have ended the connection */
        gdb_send("OK");
    }
}

static void query(char *text)
{
    if (g_str_has_prefix(text, "qSupported")) {
        gdb_send("PacketSize=4000;qXfer:features:read+;vContSupported+;QStartNoAckMode+");
    } else if (!strcmp(text, "qAttached") || g_str_has_prefix(text, "qAttached:")) {
        gdb_send("1");
    } else if (!strcmp(text, "qC")) {
        g_autofree char *c = g_strdup_printf("QC%x", g_cpu()->cpu_index + 1);

        gdb_send(c);
    } else if (!strcmp(text, "qfThreadInfo")) {
        list_threads();
    } else if (!strcmp(text, "qsThreadInfo")) {
        gdb_send("l");
    } else if (g_str_has_prefix(text, "qThreadExtraInfo,")) {
        thread_info(strchr(text, ',') + 1);
    } else if (g_str_has_prefix(text, "qXfer:features:read:")) {
        read_features(text + strlen("qXfer:features:read:"));
    } else if (g_str_has_prefix(text, "qRcmd,")) {
        monitor_command(strchr(text, ',') + 1);
    } else if (g_str_has_prefix(text, "qSymbol")) {
        gdb_send("OK");
    } else {
        gdb_send("");
    }
}

static void set_no_ack(void)
{
    gdb_send("OK");
    gdb.no_ack = true;
}

/* --- all packets
 * --------------------------------------------------------------------------------------- */

static void choose_thread(char *text)
{
    char *end;
    int index;

    if (!parse_thread(text + 1, &end, &index)) {
        ok(false);
        return;
    }
    if (index >= 0) {
        *(*text == 'c' ? &gdb.c_cpu : &gdb.g_cpu) = (unsigned)index;
    }
    ok(*text == 'c' || *text == 'g');
}

static void v_packet(char *text)
{
    if (!strcmp(text, "vCont?")) {
        gdb_send("vCont;c;C;s;S");
    } else if (g_str_has_prefix(text, "vCont")) {
        run_actions(text + strlen("vCont"));
    } else if (g_str_has_prefix(text, "vKill")) {
        gdb_send("OK");
        qmp_quit(NULL);
    } else {
        gdb_send("");
    }
}

static void thread_alive(const char *text)
{
    char *end;
    int index;

    ok(parse_thread(text, &end, &index));
}

void gdb_command(char *packet, size_t len)
{
    char *args = packet + 1;

    if (!len || !cpu_first()) {
        gdb_send("");
        return;
    }
    switch (*packet) {
    case '?':
        gdb_send_stop_reply();
        break;
    case 'g':
        read_registers();
        break;
    case 'G':
        write_registers(args);
        break;
    case 'p':
        read_register(args);
        break;
    case 'P':
        write_register(args);
        break;
    case 'm':
        read_memory(args);
        break;
    case 'M':
    case 'X':
        write_memory(args, len - 1, *packet == 'X');
        break;
    case 'Z':
    case 'z':
        point(args, *packet == 'Z');
        break;
    case 'c':
    case 's':
        run_at(args, *packet == 's');
        break;
    case 'C':
    case 'S':
        run_at("", *packet == 'S');
        break;
    case 'H':
        choose_thread(args);
        break;
    case 'T':
        thread_alive(args);
        break;
    case 'D':
        gdb_send("OK");
        gdb_detach();
        break;
    case 'k':
        qmp_quit(NULL);
        break;
    case 'q':
        query(packet);
        break;
    case 'Q':
        if (!strcmp(packet, "QStartNoAckMode")) {
            set_no_ack();
        } else {
            gdb_send("");
        }
        break;
    case 'v':
        v_packet(packet);
        break;
    default:
        gdb_send("");
        break;
    }
}
