/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The stub's life: connection, stops and their reasons, breakpoints, resuming. */
#include "internal.h"

#include "hw/i386/cpu.h"
#include "monitor/hmp.h"
#include "system/memory.h"

#define PAGE 4096

GdbStub gdb;

/* --- memory
 * -------------------------------------------------------------------------------------------- */

typedef struct Translation {
    uint64_t linear, physical;
    bool ok;
} Translation;

static void translate_here(CPUState *cpu, void *opaque)
{
    Translation *t = opaque;

    t->ok = cpus_get_accel()->debug_translate(cpu, t->linear, &t->physical);
}

/* A debugger writes to ROM, too: a breakpoint in firmware. */
static bool write_rom(uint64_t addr, const uint8_t *buf, size_t n)
{
    while (n) {
        hwaddr part = n;
        RAMBlock *block;
        uint8_t *host = address_space_map_ram(&address_space_memory, addr, &part, false, &block);

        if (!host) {
            return false;
        }
        memcpy(host, buf, part);
        ram_block_unpin(block);
        addr += part;
        buf += part;
        n -= part;
    }
    return true;
}

static bool physical_rw(uint64_t addr, uint8_t *buf, size_t n, bool is_write)
{
    uint8_t now[PAGE];

    if (address_space_rw(&address_space_memory, addr, MEMTXATTRS_UNSPECIFIED, buf, n, is_write) !=
        MEMTX_OK) {
        return is_write && write_rom(addr, buf, n);
    }
    if (!is_write) {
        return true;
    }
    /* ROM swallows writes. */
    return address_space_rw(&address_space_memory, addr, MEMTXATTRS_UNSPECIFIED, now, n, false) !=
               MEMTX_OK ||
           !memcmp(now, buf, n) || write_rom(addr, buf, n);
}

bool gdb_memory_rw(CPUState *cpu, uint64_t addr, uint8_t *buf, size_t n, bool is_write)
{
    g_autoptr(Object) hold G_GNUC_UNUSED = object_ref(cpu); /* it may be unplugged meanwhile */

    while (n) {
        size_t part = MIN(n, PAGE - addr % PAGE);
        Translation t = {.linear = addr};

        cpu_run_on(cpu, translate_here, &t);
        if (!t.ok || !physical_rw(t.physical, buf, part, is_write)) {
            return false;
        }
        addr += part;
        buf += part;
        n -= part;
    }
    return true;
}

/* --- breakpoints
 * --------------------------------------------------------------------------------------- */

static const uint8_t int3 = 0xcc;

static int find_sw(uint64_t addr)
{
    for (unsigned n = 0; gdb.breakpoints && n < gdb.breakpoints->len; n++) {
        if (g_array_index(gdb.breakpoints, SwBreakpoint, n).addr == addr) {
            return (int)n;
        }
    }
    return -1;
}

static bool insert_sw(uint64_t addr)
{
    CPUState *cpu = cpu_by_index(gdb.g_cpu);
    SwBreakpoint b = {.addr = addr};

    if (find_sw(addr) >= 0) {
        return true;
    }
    if (gdb.breakpoints->len == GDB_BREAKPOINTS_MAX || !cpu ||
        !gdb_memory_rw(cpu, addr, &b.saved, 1, false) ||
        !gdb_memory_rw(cpu, addr, (uint8_t *)&int3, 1, true)) {
        return false;
    }
    g_array_append_val(gdb.breakpoints, b);
    return true;
}

static bool remove_sw(uint64_t addr)
{
    int n = find_sw(addr);
    CPUState *cpu = cpu_by_index(gdb.g_cpu);
    SwBreakpoint b;
    uint8_t now;

    if (n < 0) {
        return false;
    }
    b = g_array_index(gdb.breakpoints, SwBreakpoint, n);
    g_array_remove_index(gdb.breakpoints, n);
    /* Whatever the guest put over it stays. */
    if (cpu && gdb_memory_rw(cpu, addr, &now, 1, false) && now == int3) {
        return gdb_memory_rw(cpu, addr, &b.saved, 1, true);
    }
    return true;
}

/* Kinds of the Z packet: 0 software, 1 hardware, 2 writes, 4 accesses. */
static DebugPoint *find_point(unsigned kind, uint64_t addr, unsigned len)
{
    DebugPointKind k = kind == 1 ? DEBUG_EXEC : kind == 2 ? DEBUG_WRITE : DEBUG_ACCESS;

    for (unsigned n = 0; n < DEBUG_POINTS; n++) {
        DebugPoint *p = &gdb.points[n];

        if (p->used && p->kind == k && p->addr == addr && (kind == 1 || p->len == len)) {
            return p;
        }
    }
    return NULL;
}

bool gdb_insert(unsigned kind, uint64_t addr, unsigned len)
{
    if (kind == 0) {
        return insert_sw(addr);
    }
    len = kind == 1 ? 1 : len;
    /* The processor compares aligned ranges. */
    if ((len != 1 && len != 2 && len != 4 && len != 8) || addr % len) {
        return false;
    }
    if (find_point(kind, addr, len)) {
        return true;
    }
    for (unsigned n = 0; n < DEBUG_POINTS; n++) {
        if (!gdb.points[n].used) {
            gdb.points[n] = (DebugPoint){
                .used = true,
                .kind = kind == 1   ? DEBUG_EXEC
                        : kind == 2 ? DEBUG_WRITE
                                    : DEBUG_ACCESS,
                .addr = addr,
                .len = (uint8_t)len,
            };
            return true;
        }
    }
    return false;
}

bool gdb_remove(unsigned kind, uint64_t addr, unsigned len)
{
    DebugPoint *p;

    if (kind == 0) {
        return remove_sw(addr);
    }
    p = find_point(kind, addr, len);
    if (p) {
        p->used = false;
    }
    return p != NULL;
}

static void remove_all(void)
{
    while (gdb.breakpoints->len) {
        remove_sw(g_array_index(gdb.breakpoints, SwBreakpoint, 0).addr);
    }
    memset(gdb.points, 0, sizeof(gdb.points));
}

/* --- running and stopping
 * ------------------------------------------------------------------------------ */

static void setup_here(CPUState *cpu, void *opaque)
{
    cpus_get_accel()->debug_setup(cpu, opaque);
}

static DebugSetup setup_of(const CPUState *cpu, bool on)
{
    DebugSetup setup = {
        .on = on,
        .step = on && cpu->debug_step,
        .breakpoints = on && gdb.breakpoints->len,
    };

    memcpy(setup.points, gdb.points, sizeof(setup.points));
    return setup;
}

/* Tells each processor what to stop at; vCPUs are parked. */
static void setup_all(bool on)
{
    for (unsigned n = 0; cpus && n < cpus->len; n++) {
        CPUState *cpu = cpus->pdata[n];
        DebugSetup setup = setup_of(cpu, on);

        cpu_run_on(cpu, setup_here, &setup);
    }
}

void gdb_set_all(bool held)
{
    for (unsigned n = 0; cpus && n < cpus->len; n++) {
        CPUState *cpu = cpus->pdata[n];

        cpu->debug_held = held;
        cpu->debug_step = false;
    }
    gdb.hold_new = held;
}

void gdb_cpu_added(CPUState *cpu)
{
    DebugSetup setup;

    if (!gdb.attached) {
        return;
    }
    setup = setup_of(cpu, true);
    cpu->debug_held = gdb.hold_new;
    cpus_get_accel()->debug_setup(cpu, &setup);
}

void gdb_resume(void)
{
    g_autoptr(GError) err = NULL;

    gdb.running = true;
    __atomic_store_n(&gdb.hit, false, __ATOMIC_RELAXED);
    setup_all(true);
    if (!vm_start(&err)) {
        g_autofree char *text = g_strdup_printf("%s\n", err->message);

        gdb.running = false;
        gdb_send_hex_text('O', text);
        gdb_send("T05thread:1;");
    }
}

void gdb_interrupt(void)
{
    if (runstate_is_running()) {
        vm_stop(RUN_STATE_PAUSED);
    }
}

bool gdb_debug_exception(CPUState *cpu, bool breakpoint, uint64_t pc, uint64_t dr6)
{
    int point = -1;
    bool none = false;

    if (breakpoint) {
        if (find_sw(pc) < 0) {
            return false;
        }
    } else {
        for (unsigned n = 0; n < DEBUG_POINTS && point < 0; n++) {
            point = dr6 & BIT(n) && gdb.points[n].used ? (int)n : -1;
        }
        if (point < 0 && !(dr6 & BIT(14) && cpu->debug_step)) {
            return false;
        }
    }
    /* The first of several processors is the one that GDB hears of; the others meet theirs again.
     */
    if (__atomic_compare_exchange_n(&gdb.hit, &none, true, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_RELAXED)) {
        gdb.hit_cpu = cpu->cpu_index;
        gdb.hit_point = point;
        gdb.hit_breakpoint = breakpoint;
    }
    return true;
}

void gdb_send_stop_reply(void)
{
    g_autoptr(GString) out = g_string_new(NULL);
    bool hit = __atomic_load_n(&gdb.hit, __ATOMIC_ACQUIRE);
    const DebugPoint *p = hit && gdb.hit_point >= 0 ? &gdb.points[gdb.hit_point] : NULL;

    if (hit) {
        gdb.g_cpu = gdb.c_cpu = (unsigned)gdb.hit_cpu;
    }
    if (!cpu_by_index(gdb.g_cpu)) { /* unplugged */
        gdb.g_cpu = gdb.c_cpu = 0;
    }
    g_string_printf(out, "T%02xthread:%x;", hit ? 5 : 2, gdb.g_cpu + 1);
    if (p && p->kind != DEBUG_EXEC) {
        g_string_append_printf(out, "%s:%" PRIx64 ";", p->kind == DEBUG_WRITE ? "watch" : "awatch",
                               p->addr);
    }
    gdb_send(out->str);
}

static void state_changed(void *opaque, bool running, RunState state)
{
    if (!gdb.attached) {
        return;
    }
    if (running) {
        if (!gdb.running) { /* somebody else let it run: everything does */
            gdb_set_all(false);
        }
        return;
    }
    if (!gdb.running) {
        return;
    }
    gdb.running = false;
    gdb_send_stop_reply();
}

/* --- connection
 * ---------------------------------------------------------------------------------------- */

static void let_go(void)
{
    remove_all();
    gdb_set_all(false);
    setup_all(false);
    gdb.attached = gdb.running = false;
}

void gdb_detach(void)
{
    let_go();
    vm_start(NULL);
}

/* Waiting for vCPUs polls the main loop: what comes in meanwhile must wait for its turn. */
static bool busy, closed_meanwhile;

static void chr_event(void *opaque, ChrEvent event);

static void end_busy(void)
{
    busy = false;
    if (closed_meanwhile) {
        closed_meanwhile = false;
        chr_event(NULL, CHR_EVENT_CLOSED);
    }
    if (gdb.fe.chr) {
        qemu_chr_fe_accept_input(&gdb.fe);
    }
}

static void chr_event(void *opaque, ChrEvent event)
{
    if (busy) {
        closed_meanwhile |= event == CHR_EVENT_CLOSED;
        return;
    }
    if (event == CHR_EVENT_OPENED) {
        gdb.attached = true;
        gdb.no_ack = gdb.running = false;
        gdb.rx = GDB_IDLE;
        gdb.g_cpu = gdb.c_cpu = 0;
        __atomic_store_n(&gdb.hit, false, __ATOMIC_RELAXED);
        if (runstate_is_running()) {
            busy = true;
            vm_stop(RUN_STATE_PAUSED);
            end_busy();
        }
    } else if (event == CHR_EVENT_CLOSED && gdb.attached) {
        bool running = runstate_is_running();

        if (running) {
            vm_stop(RUN_STATE_PAUSED); /* its breakpoints go */
        }
        let_go();
        if (running) {
            vm_start(NULL);
        }
    }
}

static void accept_input(void *opaque)
{
    if (gdb.fe.chr) {
        qemu_chr_fe_accept_input(&gdb.fe);
    }
}

/* A packet never runs inside a wait of another's. */
static int chr_can_read(void *opaque)
{
    if (!busy && aio_is_nested(aio_get_main())) {
        aio_bh_schedule(gdb.input_bh);
        return 0;
    }
    return busy ? 0 : 4096;
}

static void chr_read(void *opaque, const uint8_t *buf, int len)
{
    if (gdb.attached && !busy) {
        busy = true;
        gdb_receive(buf, len);
        end_busy();
    }
}

static void stop_server(void)
{
    if (gdb.attached) {
        chr_event(NULL, CHR_EVENT_CLOSED);
    }
    if (gdb.fe.chr) {
        qemu_chr_fe_deinit(&gdb.fe);
    }
    if (gdb.own) {
        qemu_chr_delete("gdb", NULL);
        gdb.own = NULL;
    }
}

bool gdbserver_start(const char *spec, GError **errp)
{
    const AccelCPUOps *ops = cpus_get_accel();
    g_autofree char *full = NULL;
    Chardev *chr;

    assert_main_loop();
    stop_server();
    if (!strcmp(spec, "none")) {
        return true;
    }
    if (!ops || !ops->debug_setup) {
        error_setg(errp, "this accelerator executes nothing that could be debugged; use "
                         "-accel kvm");
        return false;
    }
    if (!gdb.line) {
        gdb.line = g_string_new(NULL);
        gdb.last = g_string_new(NULL);
        gdb.input_bh = aio_bh_new_outermost(aio_get_main(), accept_input, NULL);
        gdb.breakpoints = g_array_new(false, false, sizeof(SwBreakpoint));
        qemu_add_vm_change_state_handler(state_changed, NULL);
    }
    full = g_str_has_prefix(spec, "tcp:") && !strstr(spec, "server")
               ? g_strconcat(spec, ",server=on,wait=off", NULL)
               : g_strdup(spec);
    chr = qemu_chr_new("gdb", full, errp);
    if (!chr || !qemu_chr_fe_init(&gdb.fe, chr, errp)) {
        return false;
    }
    gdb.own = g_str_has_prefix(spec, "chardev:") ? NULL : chr;
    qemu_chr_fe_set_handlers(&gdb.fe, chr_can_read, chr_read, chr_event, NULL);
    return true;
}

static void hmp_gdbserver(Monitor *mon, const HmpArgs *args)
{
    GError *err = NULL;
    const char *spec = args->argc ? args->argv[0] : "tcp::1234";

    if (!gdbserver_start(spec, &err)) {
        g_prefix_error(&err, "gdbserver %s: ", spec);
        hmp_report(mon, err);
    } else if (!strcmp(spec, "none")) {
        monitor_printf(mon, "Disabled gdbserver\n");
    } else {
        monitor_printf(mon, "Waiting for gdb connection on device '%s'\n", spec);
    }
}
HMP_COMMAND(hmp_gdbserver, "gdbserver", "[device]",
            "let a debugger connect (tcp::1234 without device; none: no more)", hmp_gdbserver, 0,
            1);
