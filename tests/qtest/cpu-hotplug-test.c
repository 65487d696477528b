/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processors that come and go: device_add and device_del, query-hotpluggable-cpus, and the
 * registers that ACPI's methods use, as the tables use them. */
#include "pci.h"

#include <string.h>

enum { SELECTOR = 0, FLAGS = 4, COMMAND = 5, DATA = 8 };
enum { ENABLED = 1, INSERT = 2, REMOVE = 4, EJECT = 8 };
enum { NEXT = 0, OST_EVENT = 1, OST_STATUS = 2, ARCH_ID = 3 };

static const struct {
    const char *machine;
    uint16_t ports, gpe_status;
} boards[] = {{"q35", 0x0cd8, 0x620}, {"pc", 0xaf00, 0xafe0}};

static QTestState *s;
static uint16_t ports, gpe;

static void start(unsigned board, const char *smp, const char *more)
{
    s = qtest_initf("-machine %s -nodefaults -m 64 -smp %s %s", boards[board].machine, smp, more);
    ports = boards[board].ports;
    gpe = boards[board].gpe_status;
    if (board == 0) {
        qpci_open_ich9_pm(s);
    }
}

static void select_cpu(uint32_t n)
{
    qtest_outl(s, ports + SELECTOR, n);
}

static uint8_t flags_of(uint32_t n)
{
    select_cpu(n);
    return qtest_inb(s, ports + FLAGS);
}

static uint32_t command(unsigned c)
{
    qtest_outb(s, ports + COMMAND, (uint8_t)c);
    return qtest_inl(s, ports + DATA);
}

static bool take_gpe(void)
{
    bool on = qtest_inb(s, gpe) & 4;

    qtest_outb(s, gpe, 4);
    return on;
}

static void add(unsigned socket, const char *id)
{
    qtest_qmp_ok(s,
                 "{'execute': 'device_add', 'arguments': {'driver': 'qemu64-x86_64-cpu', 'id': "
                 "'%s', 'socket-id': %u, 'core-id': 0, 'thread-id': 0}}",
                 id, socket);
}

static unsigned count_cpus(void)
{
    json_object *list = qtest_qmp_return(s, "{'execute': 'query-cpus-fast'}");
    unsigned n = (unsigned)json_object_array_length(list);

    json_object_put(list);
    return n;
}

/* --- registers ------------------------------------------------------------------------------- */

static void test_registers(gconstpointer opaque)
{
    unsigned board = GPOINTER_TO_UINT(opaque);

    start(board, "2,maxcpus=6,sockets=6", "");
    for (unsigned n = 0; n < 6; n++) {
        g_assert_cmphex(flags_of(n), ==, n < 2 ? ENABLED : 0);
        g_assert_cmphex(command(ARCH_ID), ==, n);
        g_assert_cmphex(qtest_inl(s, ports), ==, 0); /* the id's upper half */
    }
    /* No event: the selected one stays, and says so. */
    select_cpu(3);
    g_assert_cmphex(command(NEXT), ==, 3);
    g_assert_cmphex(qtest_inb(s, ports + FLAGS), ==, 0);
    /* A selector that is none: reads give 0, writes do nothing. */
    qtest_outb(s, ports + COMMAND, ARCH_ID);
    select_cpu(6);
    for (unsigned reg = 0; reg < 12; reg++) {
        g_assert_cmphex(qtest_inb(s, (uint16_t)(ports + reg)), ==, 0);
    }
    qtest_outb(s, ports + COMMAND, NEXT);
    select_cpu(5);
    g_assert_cmphex(qtest_inl(s, ports + DATA), ==, 5); /* still command 3 */
    /* Unknown commands are ignored; reserved bytes read 0. */
    qtest_outb(s, ports + COMMAND, 77);
    g_assert_cmphex(qtest_inl(s, ports + DATA), ==, 5);
    for (unsigned reg = 5; reg < 8; reg++) {
        qtest_outb(s, (uint16_t)(ports + (reg == 5 ? 6 : reg)), 0xff);
        g_assert_cmphex(qtest_inb(s, (uint16_t)(ports + reg)), ==, 0);
    }
    g_assert_false(take_gpe());
    qtest_quit(s);
}

/* Plug: event 2, the insert flag, found by command 0; written back it is clear. */
static void test_plug(gconstpointer opaque)
{
    start(GPOINTER_TO_UINT(opaque), "1,maxcpus=4,sockets=4", "");
    g_assert_false(take_gpe());
    add(2, "cpu2");
    add(3, "cpu3");
    g_assert_true(take_gpe());
    g_assert_cmpuint(count_cpus(), ==, 3);
    g_assert_cmphex(flags_of(2), ==, ENABLED | INSERT);
    g_assert_cmphex(flags_of(1), ==, 0);
    select_cpu(0);
    g_assert_cmphex(command(NEXT), ==, 2);
    qtest_outb(s, ports + FLAGS, INSERT);
    g_assert_cmphex(qtest_inb(s, ports + FLAGS), ==, ENABLED);
    g_assert_cmphex(command(NEXT), ==, 3);
    qtest_outb(s, ports + FLAGS, INSERT);
    g_assert_cmphex(command(NEXT), ==, 3);
    g_assert_cmphex(qtest_inb(s, ports + FLAGS), ==, ENABLED);
    /* Firmware's next boot hears of them. */
    qtest_outb(s, 0x70, 0x5f);
    g_assert_cmphex(qtest_inb(s, 0x71), ==, 2);
    qtest_outw(s, 0x510, 5);
    g_assert_cmphex(qtest_inb(s, 0x511), ==, 3);
    qtest_quit(s);
}

/* Unplug: the guest is asked, and ejects; a second time it comes back. */
static void test_unplug(gconstpointer opaque)
{
    start(GPOINTER_TO_UINT(opaque), "1,maxcpus=3,sockets=3", "");
    for (unsigned round = 0; round < 3; round++) {
        json_object *event;

        add(1, "c1");
        qtest_outb(s, ports + FLAGS, 0);
        select_cpu(1);
        qtest_outb(s, ports + FLAGS, INSERT);
        take_gpe();
        qtest_qmp_ok(s, "{'execute': 'device_del', 'arguments': {'id': 'c1'}}");
        {
            g_autofree char *text = qtest_qmp_error(
                s, "GenericError", "{'execute': 'device_del', 'arguments': {'id': 'c1'}}");

            g_assert_nonnull(strstr(text, "already in the process of unplug"));
        }
        g_assert_true(take_gpe());
        select_cpu(0);
        g_assert_cmphex(command(NEXT), ==, 1);
        g_assert_cmphex(qtest_inb(s, ports + FLAGS), ==, ENABLED | REMOVE);
        qtest_outb(s, ports + FLAGS, REMOVE);
        g_assert_cmphex(qtest_inb(s, ports + FLAGS), ==, ENABLED);
        g_assert_cmpuint(count_cpus(), ==, 2);
        qtest_outb(s, ports + FLAGS, EJECT);
        g_assert_cmphex(qtest_inb(s, ports + FLAGS), ==, 0);
        event = qtest_qmp_event(s, "DEVICE_DELETED");
        json_object_put(event);
        g_assert_cmpuint(count_cpus(), ==, 1);
        qtest_outb(s, 0x70, 0x5f);
        g_assert_cmphex(qtest_inb(s, 0x71), ==, 0);
    }
    qtest_quit(s);
}

/* The guest lets one go that nobody asked for; the boot processor stays. */
static void test_own_eject(gconstpointer opaque)
{
    start(GPOINTER_TO_UINT(opaque), "1,maxcpus=3,sockets=3", "");
    for (unsigned round = 0; round < 2; round++) {
        add(1, "c1");
        select_cpu(0);
        qtest_outb(s, ports + FLAGS, EJECT);
        g_assert_cmphex(flags_of(0), ==, ENABLED);
        select_cpu(1);
        qtest_outb(s, ports + FLAGS, EJECT);
        json_object_put(qtest_qmp_event(s, "DEVICE_DELETED"));
        g_assert_cmphex(flags_of(1), ==, 0);
        g_assert_cmpuint(count_cpus(), ==, 1);
        qtest_outb(s, ports + FLAGS, EJECT); /* there is none */
    }
    g_assert_cmpuint(count_cpus(), ==, 1);
    qtest_quit(s);
}

static void write_ost(uint32_t n, uint32_t source, uint32_t status)
{
    select_cpu(n);
    qtest_outb(s, ports + COMMAND, OST_EVENT);
    qtest_outl(s, ports + DATA, source);
    qtest_outb(s, ports + COMMAND, OST_STATUS);
    qtest_outl(s, ports + DATA, status);
}

static void expect_ost(const char *slot, const char *id, int source, int status)
{
    json_object *event = qtest_qmp_event(s, "ACPI_DEVICE_OST");
    json_object *info = json_object_object_get(json_object_object_get(event, "data"), "info");

    g_assert_cmpstr(json_object_get_string(json_object_object_get(info, "device")), ==, id);
    g_assert_cmpstr(json_object_get_string(json_object_object_get(info, "slot-type")), ==, "CPU");
    g_assert_cmpstr(json_object_get_string(json_object_object_get(info, "slot")), ==, slot);
    g_assert_cmpint(json_object_get_int(json_object_object_get(info, "source")), ==, source);
    g_assert_cmpint(json_object_get_int(json_object_object_get(info, "status")), ==, status);
    json_object_put(event);
}

/* What the guest says of it, as an event. */
static void test_ost(gconstpointer opaque)
{
    start(GPOINTER_TO_UINT(opaque), "1,maxcpus=3,sockets=3", "");
    add(1, "c1");
    write_ost(1, 3, 0x82);
    expect_ost("1", "c1", 3, 0x82);
    /* All zeros are a report, too. */
    write_ost(1, 0, 0);
    expect_ost("1", "c1", 0, 0);
    /* Half a report is none: the next whole one is the next event. */
    select_cpu(1);
    qtest_outb(s, ports + COMMAND, OST_EVENT);
    qtest_outl(s, ports + DATA, 1);
    write_ost(2, 5, 6);
    expect_ost("2", NULL, 5, 6);
    write_ost(1, 7, 8);
    expect_ost("1", "c1", 7, 8);
    qtest_quit(s);
}

static void expect_refusal(const char *id)
{
    json_object *event = qtest_qmp_event(s, "DEVICE_UNPLUG_GUEST_ERROR");
    json_object *data = json_object_object_get(event, "data");

    g_assert_cmpstr(json_object_get_string(json_object_object_get(data, "device")), ==, id);
    g_assert_cmpstr(json_object_get_string(json_object_object_get(data, "path")), ==,
                    "/machine/peripheral/c1");
    json_object_put(event);
}

/* The guest does not let it go: it stays, and may be asked again. */
static void test_refusal(gconstpointer opaque)
{
    static const uint32_t refusals[][2] = {{3, 1}, {3, 0x82}, {0x103, 0x80}};

    start(GPOINTER_TO_UINT(opaque), "1,maxcpus=3,sockets=3", "");
    add(1, "c1");
    select_cpu(1);
    qtest_outb(s, ports + FLAGS, INSERT);
    for (unsigned n = 0; n < G_N_ELEMENTS(refusals); n++) {
        g_autofree char *again = NULL;

        qtest_qmp_ok(s, "{'execute': 'device_del', 'arguments': {'id': 'c1'}}");
        g_assert_cmphex(flags_of(1), ==, ENABLED | REMOVE);
        write_ost(1, 0x103, 0x84); /* it is at it */
        expect_ost("1", "c1", 0x103, 0x84);
        write_ost(1, 1, 1); /* this is about something else */
        expect_ost("1", "c1", 1, 1);
        again = qtest_qmp_error(s, "GenericError",
                                "{'execute': 'device_del', 'arguments': {'id': 'c1'}}");
        g_assert_nonnull(strstr(again, "already in the process of unplug"));
        write_ost(1, refusals[n][0], refusals[n][1]);
        expect_ost("1", "c1", (int)refusals[n][0], (int)refusals[n][1]);
        expect_refusal("c1");
        g_assert_cmphex(flags_of(1), ==, ENABLED);
        g_assert_cmpuint(count_cpus(), ==, 2);
    }
    qtest_quit(s);
}

/* A device_add that fails late: the guest is not told of the processor, and its place is free. */
static void test_failed_add(gconstpointer opaque)
{
    start(GPOINTER_TO_UINT(opaque), "1,maxcpus=3,sockets=3", "-object iothread,id=iot");
    for (unsigned round = 0; round < 2; round++) {
        g_autofree char *text = NULL;

        qtest_qmp_ok(s, "{'execute': 'object-add', 'arguments': {'qom-type': 'ioregionfd', 'id': "
                        "'ior', 'iothread': 'iot', 'device': 'c1', 'region': 'none'}}");
        text = qtest_qmp_error(s, "GenericError",
                               "{'execute': 'device_add', 'arguments': {'driver': "
                               "'qemu64-x86_64-cpu', 'id': 'c1', 'socket-id': 1, 'core-id': 0, "
                               "'thread-id': 0}}");
        g_assert_nonnull(strstr(text, "region"));
        g_assert_false(take_gpe());
        g_assert_cmphex(flags_of(1), ==, 0);
        g_assert_cmpuint(count_cpus(), ==, 1);
        qtest_outw(s, 0x510, 5);
        g_assert_cmphex(qtest_inb(s, 0x511), ==, 1);
        qtest_outb(s, 0x70, 0x5f);
        g_assert_cmphex(qtest_inb(s, 0x71), ==, 0);
        qtest_outb(s, ports + FLAGS, EJECT);
        write_ost(1, 1, 2);
        expect_ost("1", NULL, 1, 2);
        qtest_qmp_ok(s, "{'execute': 'object-del', 'arguments': {'id': 'ior'}}");
    }
    add(1, "c1");
    g_assert_true(take_gpe());
    g_assert_cmphex(flags_of(1), ==, ENABLED | INSERT);
    qtest_quit(s);
}

/* Names of processors are those of query-cpus-fast, whatever else is in the list. */
static void test_index(void)
{
    g_autofree char *chosen = NULL, *gone = NULL, *error = NULL;
    json_object *text;

    start(0, "1,maxcpus=4,sockets=4", "");
    add(1, "c1");
    add(3, "c3");
    select_cpu(1);
    qtest_outb(s, ports + FLAGS, EJECT);
    json_object_put(qtest_qmp_event(s, "DEVICE_DELETED"));
    /* 0 and 3 are left. */
    text = qtest_qmp_return(s, "{'execute': 'human-monitor-command', 'arguments': "
                               "{'command-line': 'info cpus', 'cpu-index': 3}}");
    g_assert_nonnull(strstr(json_object_get_string(text), "* CPU #3"));
    json_object_put(text);
    error = qtest_qmp_error(s, "GenericError",
                            "{'execute': 'human-monitor-command', 'arguments': "
                            "{'command-line': 'info cpus', 'cpu-index': 1}}");
    g_assert_nonnull(strstr(error, "expects a CPU number"));
    chosen = qtest_hmp(s, "cpu 3");
    g_assert_cmpstr(chosen, ==, "");
    gone = qtest_hmp(s, "cpu 1");
    g_assert_nonnull(strstr(gone, "invalid CPU index"));
    qtest_quit(s);
}

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* fw_cfg's file, read to its end through the data port without the signature being asked for. */
static GBytes *read_fw_cfg(const char *name)
{
    uint8_t entry[64], count[4];

    qtest_outw(s, 0x510, 0x19);
    for (unsigned i = 0; i < 4; i++) {
        count[i] = qtest_inb(s, 0x511);
    }
    for (uint32_t n = be32(count); n; n--) {
        for (unsigned i = 0; i < sizeof(entry); i++) {
            entry[i] = qtest_inb(s, 0x511);
        }
        if (!strcmp((char *)entry + 8, name)) {
            uint32_t size = be32(entry);
            uint8_t *data = g_malloc(size);

            qtest_outw(s, 0x510, (uint16_t)(entry[4] << 8 | entry[5]));
            for (uint32_t i = 0; i < size; i++) {
                data[i] = qtest_inb(s, 0x511);
            }
            return g_bytes_new_take(data, size);
        }
    }
    g_assert_not_reached();
}

/* How many processors the MADT has as there. */
static unsigned madt_cpus(void)
{
    g_autoptr(GBytes) tables = read_fw_cfg("etc/acpi/tables");
    size_t size;
    const uint8_t *p = g_bytes_get_data(tables, &size);
    const uint8_t *madt = memmem(p, size, "APIC", 4);
    unsigned n = 0;

    g_assert_nonnull(madt);
    for (const uint8_t *e = madt + 44; e < madt + madt[4] + (madt[5] << 8); e += e[1]) {
        n += e[0] == 0 && (e[4] & 1);
    }
    return n;
}

/* The tables that firmware reads stay as they are until firmware begins to read. */
static void test_tables(void)
{
    start(0, "1,maxcpus=3,sockets=3", "");
    qtest_outw(s, 0x510, 0);
    g_assert_cmpuint(madt_cpus(), ==, 1);
    add(1, "c1");
    g_assert_cmpuint(madt_cpus(), ==, 1);
    qtest_outw(s, 0x510, 0);
    g_assert_cmpuint(madt_cpus(), ==, 2);
    add(2, "c2");
    g_assert_cmpuint(madt_cpus(), ==, 2);
    qtest_system_reset(s);
    g_assert_cmpuint(madt_cpus(), ==, 3);
    qtest_qmp_ok(s, "{'execute': 'device_del', 'arguments': {'id': 'c1'}}");
    qtest_system_reset(s);
    qtest_outw(s, 0x510, 0);
    g_assert_cmpuint(madt_cpus(), ==, 2);
    qtest_quit(s);
}

/* Events that the guest has not seen are gone after a reset, the processors are not. */
static void test_reset(gconstpointer opaque)
{
    unsigned board = GPOINTER_TO_UINT(opaque);

    start(board, "1,maxcpus=2,sockets=2", "");
    add(1, "c1");
    qtest_system_reset(s);
    g_assert_cmphex(flags_of(1), ==, ENABLED);
    g_assert_cmpuint(count_cpus(), ==, 2);
    /* One that was to go goes with the guest that had not let it go. */
    qtest_qmp_ok(s, "{'execute': 'device_del', 'arguments': {'id': 'c1'}}");
    qtest_qmp_ok(s, "{'execute': 'system_reset'}");
    json_object_put(qtest_qmp_event(s, "DEVICE_DELETED"));
    json_object_put(qtest_qmp_event(s, "RESET"));
    g_assert_cmphex(flags_of(1), ==, 0);
    g_assert_cmpuint(count_cpus(), ==, 1);
    add(1, "c1");
    g_assert_cmphex(flags_of(1), ==, ENABLED | INSERT);
    qtest_quit(s);
}

/* --- QMP ------------------------------------------------------------------------------------- */

static int prop(json_object *entry, const char *name)
{
    return json_object_get_int(
        json_object_object_get(json_object_object_get(entry, "props"), name));
}

static void test_query(void)
{
    g_autofree char *text = NULL;
    json_object *list;

    start(0, "3,maxcpus=8,sockets=2,cores=2,threads=2", "");
    list = qtest_qmp_return(s, "{'execute': 'query-hotpluggable-cpus'}");
    g_assert_cmpuint(json_object_array_length(list), ==, 8);
    for (unsigned i = 0; i < 8; i++) {
        json_object *entry = json_object_array_get_idx(list, i);
        int n = 7 - (int)i; /* from the highest down */

        g_assert_cmpstr(json_object_get_string(json_object_object_get(entry, "type")), ==,
                        "qemu64-x86_64-cpu");
        g_assert_cmpint(json_object_get_int(json_object_object_get(entry, "vcpus-count")), ==, 1);
        g_assert_cmpint(json_object_object_get(entry, "qom-path") != NULL, ==, n < 3);
        g_assert_cmpint(prop(entry, "socket-id"), ==, n / 4);
        g_assert_cmpint(prop(entry, "core-id"), ==, n / 2 % 2);
        g_assert_cmpint(prop(entry, "thread-id"), ==, n % 2);
    }
    json_object_put(list);
    text = qtest_hmp(s, "info hotpluggable-cpus");
    g_assert_nonnull(strstr(text, "socket-id: 1, core-id: 1, thread-id: 1"));
    g_assert_nonnull(strstr(text, "socket-id: 0, core-id: 0, thread-id: 0: /machine/"));
    qtest_qmp_ok(s, "{'execute': 'device_add', 'arguments': {'driver': 'qemu64-x86_64-cpu', 'id': "
                    "'x', 'socket-id': 1, 'core-id': 1, 'thread-id': 0}}");
    g_assert_cmphex(flags_of(6), ==, ENABLED | INSERT);
    g_assert_cmphex(command(ARCH_ID), ==, 6);
    qtest_quit(s);
}

static void test_errors(void)
{
    static const struct {
        const char *args, *text;
    } t[] = {
        {"'driver': 'qemu64-x86_64-cpu', 'core-id': 0, 'thread-id': 0", "socket-id is not set"},
        {"'driver': 'qemu64-x86_64-cpu', 'socket-id': 0, 'core-id': 0, 'thread-id': 0",
         "CPU[0] with APIC ID 0 exists"},
        {"'driver': 'qemu64-x86_64-cpu', 'socket-id': 4, 'core-id': 0, 'thread-id': 0",
         "must be in range 0:3"},
        {"'driver': 'qemu64-x86_64-cpu', 'socket-id': 1, 'core-id': 0, 'thread-id': 1",
         "must be in range 0:0"},
        {"'driver': 'qemu64-x86_64-cpu', 'socket-id': 1, 'core-id': 0, 'thread-id': 0, 'apic-id': "
         "9",
         "apic-id=9"},
        {"'driver': 'Nehalem-x86_64-cpu', 'socket-id': 1, 'core-id': 0, 'thread-id': 0",
         "Invalid CPU type"},
        {"'driver': 'x86_64-cpu', 'socket-id': 1", "abstract"},
    };
    g_autofree char *boot = NULL, *path = NULL, *micro = NULL;
    json_object *list;

    start(0, "1,maxcpus=4,sockets=4", "");
    for (unsigned n = 0; n < G_N_ELEMENTS(t); n++) {
        g_autofree char *text = qtest_qmp_error(
            s, "GenericError", "{'execute': 'device_add', 'arguments': {%s}}", t[n].args);

        if (!strstr(text, t[n].text)) {
            g_error("%s: %s", t[n].args, text);
        }
    }
    g_assert_cmpuint(count_cpus(), ==, 1);
    list = qtest_qmp_return(s, "{'execute': 'query-cpus-fast'}");
    path = g_strdup(json_object_get_string(
        json_object_object_get(json_object_array_get_idx(list, 0), "qom-path")));
    json_object_put(list);
    boot = qtest_qmp_error(s, "GenericError",
                           "{'execute': 'device_del', 'arguments': {'id': '%s'}}", path);
    g_assert_nonnull(strstr(boot, "boot processor"));
    qtest_quit(s);

    s = qtest_init("-machine microvm -nodefaults -smp 1,maxcpus=2,sockets=2");
    micro = qtest_qmp_error(s, "GenericError",
                            "{'execute': 'device_add', 'arguments': {'driver': "
                            "'qemu64-x86_64-cpu', 'socket-id': 1, 'core-id': 0, 'thread-id': 0}}");
    g_assert_nonnull(strstr(micro, "does not support"));
    qtest_quit(s);
}

/* -device makes a processor that is there from the start. */
static void test_cold(void)
{
    start(0, "1,maxcpus=3,sockets=3",
          "-device qemu64-x86_64-cpu,id=c2,socket-id=2,core-id=0,thread-id=0");
    g_assert_cmphex(flags_of(0), ==, ENABLED);
    g_assert_cmphex(flags_of(1), ==, 0);
    g_assert_cmphex(flags_of(2), ==, ENABLED);
    g_assert_false(take_gpe());
    g_assert_cmpuint(count_cpus(), ==, 2);
    qtest_quit(s);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        GTestDataFunc fn;
    } t[] = {{"registers", test_registers},   {"plug", test_plug},  {"unplug", test_unplug},
             {"own-eject", test_own_eject},   {"ost", test_ost},    {"refusal", test_refusal},
             {"failed-add", test_failed_add}, {"reset", test_reset}};

    g_test_init(&argc, &argv, NULL);
    for (unsigned n = 0; n < G_N_ELEMENTS(t); n++) {
        for (unsigned b = 0; b < G_N_ELEMENTS(boards); b++) {
            g_autofree char *name =
                g_strdup_printf("/cpu-hotplug/%s/%s", t[n].name, boards[b].machine);

            g_test_add_data_func(name, GUINT_TO_POINTER(b), t[n].fn);
        }
    }
    g_test_add_func("/cpu-hotplug/query", test_query);
    g_test_add_func("/cpu-hotplug/errors", test_errors);
    g_test_add_func("/cpu-hotplug/cold", test_cold);
    g_test_add_func("/cpu-hotplug/index", test_index);
    g_test_add_func("/cpu-hotplug/tables", test_tables);
    return g_test_run();
}
