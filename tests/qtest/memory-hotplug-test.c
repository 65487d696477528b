/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory modules that come and go: -m slots=,maxmem=, pc-dimm, query-memory-devices, and the
 * registers that ACPI's methods use. */
#include "pci.h"

#include <string.h>

#define PORTS 0x0a00
enum { SELECTOR = 0, OST_EVENT = 4, OST_STATUS = 8 };
enum { ADDR = 0, SIZE = 8, NODE = 16, FLAGS = 20 };
enum { ENABLED = 1, INSERT = 2, REMOVE = 4, EJECT = 8 };
#define MIB (UINT64_C(1) << 20)
#define BASE (UINT64_C(4) << 30)

static const struct {
    const char *machine;
    uint16_t gpe_status;
} boards[] = {{"q35", 0x620}, {"pc", 0xafe0}};

static QTestState *s;
static uint16_t gpe;

static void start(unsigned board, const char *m, const char *more)
{
    s = qtest_initf("-machine %s -nodefaults -m %s %s", boards[board].machine, m, more);
    gpe = boards[board].gpe_status;
    if (board == 0) {
        qpci_open_ich9_pm(s);
    }
}

static uint8_t flags_of(uint32_t n)
{
    qtest_outl(s, PORTS + SELECTOR, n);
    return qtest_inb(s, PORTS + FLAGS);
}

static uint64_t read64(uint16_t reg)
{
    return qtest_inl(s, (uint16_t)(PORTS + reg)) |
           (uint64_t)qtest_inl(s, (uint16_t)(PORTS + reg + 4)) << 32;
}

static bool take_gpe(void)
{
    bool on = qtest_inb(s, gpe) & 8;

    qtest_outb(s, gpe, 8);
    return on;
}

static void add_backend(unsigned n, uint64_t size)
{
    qtest_qmp_ok(s,
                 "{'execute': 'object-add', 'arguments': {'qom-type': 'memory-backend-ram', 'id': "
                 "'m%u', 'size': %" PRIu64 "}}",
                 n, size);
}

static void add_dimm(unsigned n)
{
    qtest_qmp_ok(s,
                 "{'execute': 'device_add', 'arguments': {'driver': 'pc-dimm', 'id': 'd%u', "
                 "'memdev': 'm%u'}}",
                 n, n);
}

static void del_dimm(const char *id)
{
    qtest_qmp_ok(s, "{'execute': 'device_del', 'arguments': {'id': '%s'}}", id);
}

static uint64_t plugged(void)
{
    json_object *info = qtest_qmp_return(s, "{'execute': 'query-memory-size-summary'}");
    uint64_t n = json_object_get_uint64(json_object_object_get(info, "plugged-memory"));

    json_object_put(info);
    return n;
}

static void test_plug(gconstpointer opaque)
{
    json_object *list, *data;

    start(GPOINTER_TO_UINT(opaque), "64,slots=3,maxmem=2G", "");
    for (unsigned n = 0; n < 3; n++) {
        g_assert_cmphex(flags_of(n), ==, 0);
    }
    flags_of(3); /* none: all ones, and writes do nothing */
    g_assert_cmphex(qtest_inl(s, PORTS + ADDR), ==, UINT32_MAX);
    qtest_outb(s, PORTS + FLAGS, EJECT);
    g_assert_false(take_gpe());
    add_backend(0, 256 * MIB);
    add_backend(1, 128 * MIB);
    add_dimm(0);
    g_assert_true(take_gpe());
    add_dimm(1);
    g_assert_cmphex(flags_of(1), ==, ENABLED | INSERT);
    g_assert_cmphex(read64(ADDR), ==, BASE + 256 * MIB);
    g_assert_cmphex(read64(SIZE), ==, 128 * MIB);
    g_assert_cmphex(qtest_inl(s, PORTS + NODE), ==, 0);
    qtest_outb(s, PORTS + FLAGS, INSERT);
    g_assert_cmphex(flags_of(1), ==, ENABLED);
    g_assert_cmphex(flags_of(0), ==, ENABLED | INSERT);
    /* It is memory, from its first to its last byte. */
    qtest_writeq(s, BASE + 256 * MIB, UINT64_C(0x1122334455667788));
    qtest_writeq(s, BASE + 384 * MIB - 8, 5);
    g_assert_cmphex(qtest_readq(s, BASE + 256 * MIB), ==, UINT64_C(0x1122334455667788));
    g_assert_cmphex(qtest_readq(s, BASE + 384 * MIB - 8), ==, 5);
    g_assert_cmphex(plugged(), ==, 384 * MIB);
    list = qtest_qmp_return(s, "{'execute': 'query-memory-devices'}");
    g_assert_cmpuint(json_object_array_length(list), ==, 2);
    data = json_object_array_get_idx(list, 1);
    g_assert_cmpstr(json_object_get_string(json_object_object_get(data, "type")), ==, "dimm");
    data = json_object_object_get(data, "data");
    g_assert_cmpstr(json_object_get_string(json_object_object_get(data, "id")), ==, "d1");
    g_assert_cmpstr(json_object_get_string(json_object_object_get(data, "memdev")), ==,
                    "/objects/m1");
    g_assert_cmphex(json_object_get_uint64(json_object_object_get(data, "addr")), ==,
                    BASE + 256 * MIB);
    g_assert_cmpint(json_object_get_int(json_object_object_get(data, "slot")), ==, 1);
    g_assert_true(json_object_get_boolean(json_object_object_get(data, "hotplugged")));
    json_object_put(list);
    qtest_quit(s);
}

/* The guest is asked and ejects; backend, slot and address are free then. */
static void test_unplug(gconstpointer opaque)
{
    start(GPOINTER_TO_UINT(opaque), "64,slots=2,maxmem=1G", "");
    for (unsigned round = 0; round < 3; round++) {
        g_autofree char *again = NULL, *used = NULL;

        add_backend(0, 128 * MIB);
        add_dimm(0);
        flags_of(0);
        qtest_outb(s, PORTS + FLAGS, INSERT);
        qtest_writeq(s, BASE, round + 1);
        take_gpe();
        del_dimm("d0");
        again = qtest_qmp_error(s, "GenericError",
                                "{'execute': 'device_del', 'arguments': {'id': 'd0'}}");
        g_assert_nonnull(strstr(again, "already in the process of unplug"));
        used = qtest_qmp_error(s, "GenericError",
                               "{'execute': 'object-del', 'arguments': {'id': 'm0'}}");
        g_assert_nonnull(strstr(used, "in use"));
        g_assert_true(take_gpe());
        g_assert_cmphex(flags_of(0), ==, ENABLED | REMOVE);
        qtest_outb(s, PORTS + FLAGS, REMOVE);
        g_assert_cmphex(qtest_readq(s, BASE), ==, round + 1);
        qtest_outb(s, PORTS + FLAGS, EJECT);
        json_object_put(qtest_qmp_event(s, "DEVICE_DELETED"));
        g_assert_cmphex(flags_of(0), ==, 0);
        g_assert_cmphex(qtest_readq(s, BASE), !=, round + 1);
        g_assert_cmphex(plugged(), ==, 0);
        qtest_qmp_ok(s, "{'execute': 'object-del', 'arguments': {'id': 'm0'}}");
    }
    qtest_quit(s);
}

static void test_refusal(gconstpointer opaque)
{
    json_object *event;

    start(GPOINTER_TO_UINT(opaque), "64,slots=2,maxmem=1G", "");
    add_backend(0, 128 * MIB);
    add_dimm(0);
    for (unsigned round = 0; round < 2; round++) {
        del_dimm("d0");
        flags_of(0);
        qtest_outl(s, PORTS + OST_EVENT, 3);
        qtest_outl(s, PORTS + OST_STATUS, 0x82);
        event = qtest_qmp_event(s, "ACPI_DEVICE_OST");
        g_assert_nonnull(strstr(json_object_to_json_string(event), "\"DIMM\""));
        json_object_put(event);
        json_object_put(qtest_qmp_event(s, "DEVICE_UNPLUG_GUEST_ERROR"));
        g_assert_cmphex(flags_of(0), ==, ENABLED | INSERT);
    }
    /* A reset takes what was to go. */
    del_dimm("d0");
    qtest_qmp_ok(s, "{'execute': 'system_reset'}");
    json_object_put(qtest_qmp_event(s, "DEVICE_DELETED"));
    json_object_put(qtest_qmp_event(s, "RESET"));
    g_assert_cmphex(flags_of(0), ==, 0);
    add_dimm(0);
    qtest_system_reset(s);
    g_assert_cmphex(flags_of(0), ==, ENABLED);
    qtest_quit(s);
}

/* -device: there from the start, at the place that was asked for. */
static void test_cold(void)
{
    start(0, "64,slots=4,maxmem=4G",
          "-object memory-backend-ram,id=m0,size=128M -device "
          "pc-dimm,id=d0,memdev=m0,slot=2,addr=0x140000000,node=0");
    g_assert_cmphex(flags_of(2), ==, ENABLED);
    g_assert_cmphex(read64(ADDR), ==, UINT64_C(0x140000000));
    g_assert_false(take_gpe());
    /* Others find the gaps. */
    add_backend(1, 1024 * MIB);
    add_dimm(1);
    g_assert_cmphex(flags_of(0), ==, ENABLED | INSERT);
    g_assert_cmphex(read64(ADDR), ==, BASE);
    add_backend(2, 128 * MIB);
    add_dimm(2);
    g_assert_cmphex(flags_of(1), ==, ENABLED | INSERT);
    g_assert_cmphex(read64(ADDR), ==, UINT64_C(0x148000000));
    qtest_quit(s);
}

static void test_errors(void)
{
    static const struct {
        const char *args, *text;
    } t[] = {
        {"'id': 'd1'", "memdev is missing"},
        {"'memdev': 'm0'", "already used"},
        {"'memdev': 'm1', 'slot': 0", "slot 0 is busy"},
        {"'memdev': 'm1', 'slot': 2", "0 to 1"},
        {"'memdev': 'm1', 'addr': 4294967296", "taken by 'd0'"},
        {"'memdev': 'm1', 'addr': 1048576", "multiples"},
        {"'memdev': 'm1', 'addr': 2097152", "is not within"},
        {"'memdev': 'm1', 'addr': 18446744073707454464", "is not within"},
        {"'memdev': 'big'", "not enough space"},
        {"'memdev': 'odd'", "multiples"},
    };
    g_autofree char *none = NULL;

    start(0, "64,slots=2,maxmem=1G",
          "-object memory-backend-ram,id=big,size=2G -object memory-backend-ram,id=odd,size=1M");
    add_backend(0, 128 * MIB);
    add_backend(1, 128 * MIB);
    add_dimm(0);
    take_gpe();
    for (unsigned n = 0; n < G_N_ELEMENTS(t); n++) {
        g_autofree char *text = qtest_qmp_error(
            s, "GenericError", "{'execute': 'device_add', 'arguments': {'driver': 'pc-dimm', %s}}",
            t[n].args);

        if (!strstr(text, t[n].text)) {
            g_error("%s: %s", t[n].args, text);
        }
    }
    g_assert_false(take_gpe());
    g_assert_cmphex(plugged(), ==, 128 * MIB);
    add_dimm(1);
    qtest_quit(s);

    start(0, "64", "");
    add_backend(0, 128 * MIB);
    none = qtest_qmp_error(s, "GenericError",
                           "{'execute': 'device_add', 'arguments': {'driver': 'pc-dimm', "
                           "'memdev': 'm0'}}");
    g_assert_nonnull(strstr(none, "slots=N"));
    qtest_quit(s);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        GTestDataFunc fn;
    } t[] = {{"plug", test_plug}, {"unplug", test_unplug}, {"refusal", test_refusal}};

    g_test_init(&argc, &argv, NULL);
    for (unsigned n = 0; n < G_N_ELEMENTS(t); n++) {
        for (unsigned b = 0; b < G_N_ELEMENTS(boards); b++) {
            g_autofree char *name =
                g_strdup_printf("/memory-hotplug/%s/%s", t[n].name, boards[b].machine);

            g_test_add_data_func(name, GUINT_TO_POINTER(b), t[n].fn);
        }
    }
    g_test_add_func("/memory-hotplug/cold", test_cold);
    g_test_add_func("/memory-hotplug/errors", test_errors);
    return g_test_run();
}
