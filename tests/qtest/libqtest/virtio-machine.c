/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machines around one virtio device. */
#include "virtio-machine.h"

#include <string.h>

/* --- a device that is there from the start --------------------------------------------------- */

QVirtio *qvirtio_boot(bool legacy, const char *fmt, ...)
{
    g_autofree char *args = NULL;
    va_list ap;

    va_start(ap, fmt);
    args = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    return qvirtio_new(qpci_new(qtest_initf("-machine q35 -nodefaults -m 256 %s", args)), 0,
                       QPCI_DEVFN(4, 0), legacy);
}

void qvirtio_quit(QVirtio *v)
{
    QTestState *s = v->s;
    QPCIBus *bus = v->pci->bus;

    qvirtio_free(v);
    qpci_free(bus);
    qtest_quit(s);
}

void qvirtio_system_reset(QVirtio *v)
{
    qtest_system_reset(v->s);
    qvirtio_probe(v);
    memset(v->q, 0, sizeof(v->q));
}

/* --- one that comes and goes ----------------------------------------------------------------- */

QVirtioPort *qvirtio_port_new(const char *fmt, ...)
{
    QVirtioPort *p = g_new0(QVirtioPort, 1);
    g_autofree char *args = NULL;
    va_list ap;

    va_start(ap, fmt);
    args = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    p->s = qtest_initf("-machine q35 -nodefaults -m 256 -device "
                       "pcie-root-port,id=rp,addr=6,chassis=1 %s",
                       args);
    p->bus = qpci_new(p->s);
    p->port = qpci_device_at(p->bus, 0, QPCI_DEVFN(6, 0));
    qpci_bridge_setup(p->port, 1);
    return p;
}

void qvirtio_port_free(QVirtioPort *p)
{
    qpci_device_free(p->port);
    qpci_free(p->bus);
    qtest_quit(p->s);
    g_free(p);
}

QVirtio *qvirtio_port_plug(QVirtioPort *p, const char *driver, const char *id, const char *members)
{
    qtest_qmp_ok(p->s,
                 "{'execute': 'device_add', 'arguments': {'driver': '%s', 'id': '%s', 'bus': 'rp'"
                 "%s}}",
                 driver, id, members);
    qpci_slot_power_on(p->port);
    return qvirtio_new(p->bus, 1, 0, false);
}

unsigned qvirtio_port_power_off_begin(QVirtioPort *p)
{
    unsigned ctl = qpci_find_capability(p->port, 0x10, 0) + 0x18u;
    unsigned off = qpci_config_readw(p->port, (uint16_t)ctl) | 0x700u;
    g_autofree char *write = g_strdup_printf("outl 0xcf8 0x%x\noutw 0x%x 0x%x\n",
                                             0x80003000u | (ctl & ~3u), 0xcfcu + (ctl & 2), off);

    qtest_send_raw(p->s, write, strlen(write));
    return off;
}

void qvirtio_port_power_off_end(QVirtioPort *p)
{
    for (unsigned k = 0; k < 2; k++) {
        g_autofree char *line = qtest_recv_line(p->s);

        g_assert_cmpstr(line, ==, "OK");
    }
}

/* The next DEVICE_DELETED is of this one; with_id: users know it by a name. */
static void expect_deleted(QTestState *s, const char *path, bool with_id)
{
    json_object *event = qtest_qmp_event(s, "DEVICE_DELETED"), *data, *v = NULL;

    g_assert_true(json_object_object_get_ex(event, "data", &data));
    g_assert_true(json_object_object_get_ex(data, "path", &v));
    g_assert_cmpstr(json_object_get_string(v), ==, path);
    g_assert_cmpint(json_object_object_get_ex(data, "device", &v), ==, with_id);
    json_object_put(event);
}

void qvirtio_port_unplug(QVirtioPort *p, QVirtio *v, const char *id, const char *child)
{
    g_autofree char *path = g_strdup_printf("/machine/peripheral/%s", id);
    g_autofree char *backend = g_strdup_printf("%s/virtio-backend", path);

    qtest_qmp_ok(p->s, "{'execute': 'device_del', 'arguments': {'id': '%s'}}", id);
    qtest_qmp_ok(p->s, "{'execute': 'system_reset'}");
    if (child) {
        g_autofree char *inside = g_strdup_printf("/machine/peripheral/%s", child);

        expect_deleted(p->s, inside, true);
    }
    expect_deleted(p->s, backend, false);
    expect_deleted(p->s, path, true);
    json_object_put(qtest_qmp_event(p->s, "RESET"));
    qvirtio_free(v);
    p->bus->mem_next = 0xe0000000u;
    p->bus->io_next = 0xc000;
    qpci_bridge_setup(p->port, 1);
}

/* --- notifications ----------------------------------------------------------------------------
 */

char *qvirtio_notify_mode(const char *modes, unsigned index, const char *automatic)
{
    g_auto(GStrv) all = g_strsplit(modes, ":", -1);
    const char *mode = all[index % g_strv_length(all)];

    return g_strdup(g_str_equal(mode, "auto") ? automatic : mode);
}

void qvirtio_set_notify(QTestState *s, const char *path, const char *modes, unsigned n,
                        const char *automatic)
{
    g_autoptr(GString) want = g_string_new(NULL);
    json_object *got;

    for (unsigned i = 0; i < n; i++) {
        g_autofree char *mode = qvirtio_notify_mode(modes, i, automatic);

        g_string_append_printf(want, "%s%s", i ? ":" : "", mode);
    }
    qtest_qmp_ok(s,
                 "{'execute': 'qom-set', 'arguments': {'path': '%s', 'property': 'notify', "
                 "'value': '%s'}}",
                 path, modes);
    got = qtest_qmp_return(
        s, "{'execute': 'qom-get', 'arguments': {'path': '%s', 'property': 'notify'}}", path);
    g_assert_cmpstr(json_object_get_string(got), ==, want->str);
    json_object_put(got);
}

static uint64_t count_of(json_object *region, const char *want, const char *counter)
{
    json_object *name, *value;

    g_assert_true(json_object_object_get_ex(region, "name", &name));
    g_assert_true(json_object_object_get_ex(region, counter, &value));
    return g_str_equal(json_object_get_string(name), want) ? json_object_get_uint64(value) : 0;
}

static uint64_t sum_of(QTestState *s, const char *region, const char *counter)
{
    json_object *all = qtest_qmp_return(s, "{'execute': 'query-ioregionfd'}"), *regions;
    uint64_t sum = 0;

    for (size_t i = 0; i < json_object_array_length(all); i++) {
        json_object *channel = json_object_array_get_idx(all, i);

        g_assert_true(json_object_object_get_ex(channel, "regions", &regions));
        for (size_t k = 0; k < json_object_array_length(regions); k++) {
            sum += count_of(json_object_array_get_idx(regions, k), region, counter);
        }
    }
    json_object_put(all);
    return sum;
}

uint64_t qvirtio_posted(QTestState *s, const char *region)
{
    return sum_of(s, region, "posted");
}

uint64_t qvirtio_answered(QTestState *s, const char *region)
{
    return sum_of(s, region, "writes");
}
