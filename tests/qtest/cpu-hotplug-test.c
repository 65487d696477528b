/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processors that come and go: device_add and device_del, query-hotpluggable-cpus, and the
 * registers that ACPI's methods use, as the tables use them. */
#include "libqtest.h"

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
        /* The LPC bridge opens the PM block. */
        qtest_outl(s, 0xcf8, 0x8000f840);
        qtest_outl(s, 0xcfc, 0x601);
        qtest_outl(s, 0xcf8, 0x8000f844);
        qtest_outb(s, 0xcfc, 0x80);
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
        /* Nobody asked: an eject does nothing. */
        qtest_outb(s, ports + FLAGS, EJECT);
        g_assert_cmphex(flags_of(1), ==, ENABLED);
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

/* What the guest says of it, as an event. */
static void test_ost(gconstpointer opaque)
{
    json_object *event, *info;

    start(GPOINTER_TO_UINT(opaque), "1,maxcpus=2,sockets=2", "");
    add(1, "c1");
    select_cpu(1);
    qtest_outb(s, ports + COMMAND, OST_EVENT);
    qtest_outl(s, ports + DATA, 3);
    qtest_outb(s, ports + COMMAND, OST_STATUS);
    qtest_outl(s, ports + DATA, 0x82);
    event = qtest_qmp_event(s, "ACPI_DEVICE_OST");
    info = json_object_object_get(json_object_object_get(event, "data"), "info");
    g_assert_cmpstr(json_object_get_string(json_object_object_get(info, "device")), ==, "c1");
    g_assert_cmpstr(json_object_get_string(json_object_object_get(info, "slot-type")), ==, "CPU");
    g_assert_cmpstr(json_object_get_string(json_object_object_get(info, "slot")), ==, "1");
    g_assert_cmpint(json_object_get_int(json_object_object_get(info, "source")), ==, 3);
    g_assert_cmpint(json_object_get_int(json_object_object_get(info, "status")), ==, 0x82);
    json_object_put(event);
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
    } t[] = {{"registers", test_registers},
             {"plug", test_plug},
             {"unplug", test_unplug},
             {"ost", test_ost},
             {"reset", test_reset}};

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
    return g_test_run();
}
