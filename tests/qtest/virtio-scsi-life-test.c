/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio-scsi: task management, events, resets and unplugs with requests in flight. */
#include "virtio-scsi-driver.h"

#include <string.h>

/* --- task management -------------------------------------------------------------------------- */

/* What the disk takes for a read.  Task management comes sooner, or once more. */
#define SLOW_MS 100

/* All n that scsi_fill() sent are back when the answer to the TMF is.  False: not each with this
 * response, as they were through before the device saw the TMF. */
static bool ended(Scsi *d, unsigned n, uint8_t response)
{
    static unsigned late;
    bool in_time = true;
    uint32_t used;

    for (unsigned i = 0; i < n; i++) {
        g_assert_true(qvirtio_ready(&d->v->q[i % 4 + 2]));
        qvirtio_wait(&d->v->q[i % 4 + 2], &used);
    }
    for (unsigned i = 0; i < n; i++) {
        scsi_answer(d, i + 1);
        in_time &= d->response == response;
        g_assert_true(d->response == response || d->response == S_OK);
    }
    late += !in_time;
    g_assert_cmpuint(late, <, 50);
    return in_time;
}

/* One request among others. */
static void abort_one(Scsi *d)
{
    uint8_t there, any, other, aborted;

    do {
        scsi_fill(d, 1);
        there = scsi_tmf(d, 6, 2, 3, 100);
        any = scsi_tmf(d, 7, 2, 3, 0);
        other = scsi_tmf(d, 6, 2, 3, 101);
        aborted = scsi_tmf(d, 0, 2, 3, 100);
    } while (!ended(d, 1, S_ABORTED));
    g_assert_cmpuint(there, ==, S_SUCCEEDED);
    g_assert_cmpuint(any, ==, S_SUCCEEDED);
    g_assert_cmpuint(other, ==, S_OK);
    g_assert_cmpuint(aborted, ==, S_OK);
}

/* Two TMFs at once for the same tasks: both wait for them. */
static void abort_twice(Scsi *d)
{
    uint64_t first = d->req + 60 * 512, resp = d->resp + 60 * 512;
    uint8_t t[24] = {0, 0, 0, 0, 1, 0, 0, 0, 1, 2, 0x40, 3};
    uint32_t used;

    do {
        QVirtioBuf bufs[2] = {{first, 24, false}, {resp, 1, true}};

        scsi_fill(d, 8);
        qtest_memwrite(d->s, first, t, sizeof(t));
        qtest_memset(d->s, resp, 0xee, 2);
        qvirtio_add(&d->v->q[0], bufs, 2, false);
        bufs[1].addr = resp + 1;
        qvirtio_add(&d->v->q[0], bufs, 2, false);
        qvirtio_kick(&d->v->q[0]);
        qvirtio_wait(&d->v->q[0], &used);
        qvirtio_wait(&d->v->q[0], &used);
        g_assert_cmphex(qtest_readw(d->s, resp), ==, 0);
    } while (!ended(d, 8, S_ABORTED));
}

static void test_tmf(const void *opaque)
{
    static const struct {
        uint32_t subtype;
        uint8_t response;
        uint16_t attention;
    } t[] = {{1, S_ABORTED, 0}, {3, S_ABORTED, 0}, {5, S_RESET, 0x2903}, {4, S_RESET, 0x2907}};
    Scsi *d = scsi_start_slow(qhome_of(opaque), SLOW_MS);
    uint32_t used;

    scsi_go(d, 0);
    /* none there */
    g_assert_cmpuint(scsi_tmf(d, 0, 2, 3, 1), ==, S_OK);
    g_assert_cmpuint(scsi_tmf(d, 6, 2, 3, 1), ==, S_OK);
    g_assert_cmpuint(scsi_tmf(d, 7, 2, 3, 1), ==, S_OK);
    g_assert_cmpuint(scsi_tmf(d, 2, 2, 3, 1), ==, S_REJECTED);
    g_assert_cmpuint(scsi_tmf(d, 99, 2, 3, 1), ==, S_REJECTED);
    g_assert_cmpuint(scsi_tmf(d, 0, 5, 3, 1), ==, S_BAD_TARGET);
    g_assert_cmpuint(scsi_tmf(d, 5, 2, 4, 1), ==, S_LUN);
    abort_one(d);
    for (unsigned i = 0; i < G_N_ELEMENTS(t); i++) {
        bool in_time;

        do {
            scsi_fill(d, 12);
            g_assert_cmpuint(scsi_tmf(d, t[i].subtype, 2, 3, 0), ==, S_OK);
            in_time = ended(d, 12, t[i].response);
            if (t[i].attention) {
                assert_check(d, CMD(d, 0, 0, 0, 0, 0, 0, 0), 6, t[i].attention);
            }
            assert_good(d, CMD(d, 0, 0, 0, 0, 0, 0, 0), 0);
        } while (!in_time);
    }
    abort_twice(d);
    /* a VERIFY that would take many steps ends at the next one */
    scsi_push(d, 1, 1, 2, 3, 9, CDB(0x2f, 0, 0, 0, 0, 0, 0, 0x20, 0, 0), 10, 0, 0, true);
    qvirtio_kick(&d->v->q[3]);
    g_assert_cmpuint(scsi_tmf(d, 0, 2, 3, 9), ==, S_OK);
    qvirtio_wait(&d->v->q[3], &used);
    scsi_answer(d, 1);
    g_assert_cmpuint(d->response, ==, S_ABORTED);
    /* asynchronous notification */
    for (uint32_t type = 1; type < 3; type++) {
        uint8_t q[16] = {(uint8_t)type, 0, 0, 0, 1, 2, 0x40, 3};
        QVirtioBuf bufs[2] = {{d->req, 16, false}, {d->resp, 5, true}};

        qtest_memwrite(d->s, d->req, q, sizeof(q));
        qtest_memset(d->s, d->resp, 0xee, 5);
        qvirtio_add(&d->v->q[0], bufs, 2, false);
        qvirtio_kick(&d->v->q[0]);
        qvirtio_wait(&d->v->q[0], &used);
        g_assert_cmpuint(used, ==, 5);
        g_assert_cmpuint(qtest_readl(d->s, d->resp), ==, 0);
        g_assert_cmpuint(qtest_readb(d->s, d->resp + 4), ==, S_OK);
    }
    scsi_stop(d);
}

/* --- hot plug --------------------------------------------------------------------------------- */

static void test_hotplug(const void *opaque)
{
    Scsi *d = scsi_start_disk(qhome_of(opaque), false, "", "");
    unsigned target, lun;
    uint32_t event, reason;

    scsi_init(d, QVIRTIO_F(1) | QVIRTIO_F(2), 4, 0, false);
    scsi_ready(d);
    qtest_qmp_ok(d->s, "{'execute': 'blockdev-add', 'arguments': {'driver': 'null-co', "
                       "'node-name': 'd1', 'size': 1048576, 'read-zeroes': true}}");
    scsi_push_event_buffer(d, 0);
    for (unsigned i = 0; i < 3; i++) {
        qtest_qmp_ok(d->s, "{'execute': 'device_add', 'arguments': {'driver': 'scsi-hd', 'id': "
                           "'hd1', 'drive': 'd1', 'bus': 'scsi0.0', 'scsi-id': 9, 'lun': 300}}");
        scsi_event(d, &event, &target, &lun, &reason);
        g_assert_cmphex(event, ==, 1);
        g_assert_cmpuint(reason, ==, 1);
        g_assert_cmpuint(target, ==, 9);
        g_assert_cmpuint(lun, ==, 300);
        assert_check(d, scsi_cmd_on(d, 1, 9, 300, CDB(0, 0, 0, 0, 0, 0), 6, 0, true), 6, 0x2900);
        assert_good(
            d, scsi_cmd_on(d, 1, 9, 300, CDB(0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0), 10, 512, true), 0);
        if (i == 2) {
            break;
        }
        scsi_push_event_buffer(d, 0);
        qtest_qmp_ok(d->s, "{'execute': 'device_del', 'arguments': {'id': 'hd1'}}");
        json_object_put(qtest_qmp_event(d->s, "DEVICE_DELETED"));
        scsi_event(d, &event, &target, &lun, &reason);
        g_assert_cmphex(event, ==, 1);
        g_assert_cmpuint(reason, ==, 2);
        g_assert_cmpuint(scsi_cmd_on(d, 1, 9, 300, CDB(0, 0, 0, 0, 0, 0), 6, 0, true), ==,
                         S_BAD_TARGET);
        scsi_push_event_buffer(d, 0);
    }
    /* nobody listens: said with the next buffer */
    qtest_qmp_ok(d->s, "{'execute': 'device_del', 'arguments': {'id': 'hd1'}}");
    json_object_put(qtest_qmp_event(d->s, "DEVICE_DELETED"));
    scsi_push_event_buffer(d, 0);
    scsi_event(d, &event, &target, &lun, &reason);
    g_assert_cmphex(event, ==, 0x80000000u);
    /* a neighbour on the same target tells, and REPORT LUNS has both */
    qtest_qmp_ok(d->s, "{'execute': 'device_add', 'arguments': {'driver': 'scsi-hd', 'id': 'hd1', "
                       "'drive': 'd1', 'bus': 'scsi0.0', 'scsi-id': 2, 'lun': 0}}");
    assert_check(d, CMD(d, 0, 0, 0, 0, 0, 0, 0), 6, 0x3f0e);
    assert_good(d, CMD(d, 64, 0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0), 40);
    qtest_qmp_ok(d->s, "{'execute': 'device_del', 'arguments': {'id': 'hd1'}}");
    json_object_put(qtest_qmp_event(d->s, "DEVICE_DELETED"));
    assert_check(d, CMD(d, 0, 0, 0, 0, 0, 0, 0), 6, 0x3f0e);
    scsi_push_event_buffer(d, 0);
    scsi_event(d, &event, &target, &lun, &reason);
    g_assert_cmphex(event, ==, 0x80000000u);
    /* a new size */
    scsi_push_event_buffer(d, 0);
    qtest_qmp_ok(d->s, "{'execute': 'block_resize', 'arguments': {'node-name': 'd0', 'size': %u}}",
                 SCSI_DISK_SIZE * 2);
    scsi_event(d, &event, &target, &lun, &reason);
    g_assert_cmphex(event, ==, 3);
    g_assert_cmphex(reason, ==, 0x092a);
    g_assert_cmpuint(target, ==, 2);
    g_assert_cmpuint(lun, ==, 3);
    assert_check(d, CMD(d, 0, 0, 0, 0, 0, 0, 0), 6, 0x2a09);
    assert_good(d, CMD(d, 8, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0);
    scsi_assert_bytes(d, 0, "\0\0\x3f\xff", 4);
    qtest_qmp_ok(d->s, "{'execute': 'block_resize', 'arguments': {'node-name': 'd0', 'size': %u}}",
                 SCSI_DISK_SIZE);
    scsi_stop(d);
}

/* A disk goes and comes while it is busy; each request has an answer. */
static void test_unplug_busy(const void *opaque)
{
    Scsi *d = scsi_start_slow(qhome_of(opaque), 20);

    for (unsigned round = 0; round < 6; round++) {
        uint32_t used;

        scsi_init(d, round % 2 ? QVIRTIO_F_PACKED : 0, 4, 0, false);
        scsi_ready(d);
        scsi_fill(d, 32);
        if (round % 3 == 2) {
            g_usleep(20000);
        }
        qtest_qmp_ok(d->s, "{'execute': 'device_del', 'arguments': {'id': 'hd0'}}");
        json_object_put(qtest_qmp_event(d->s, "DEVICE_DELETED"));
        for (unsigned i = 0; i < 32; i++) {
            qvirtio_wait(&d->v->q[i % 4 + 2], &used);
        }
        for (unsigned i = 0; i < 32; i++) {
            scsi_answer(d, i + 1);
            g_assert_true(d->response == S_OK || d->response == S_BAD_TARGET);
        }
        g_assert_cmpuint(CMD(d, 0, 0, 0, 0, 0, 0, 0), ==, S_BAD_TARGET);
        qtest_qmp_ok(d->s, "{'execute': 'device_add', 'arguments': {'driver': 'scsi-hd', 'id': "
                           "'hd0', 'drive': 'd0', 'bus': 'scsi0.0', 'scsi-id': 2, 'lun': 3}}");
    }
    /* and the whole controller's machine, busy */
    scsi_init(d, 0, 4, 0, false);
    scsi_ready(d);
    scsi_fill(d, 32);
    scsi_stop(d);
}

/* The whole controller goes, with its disks busy: the guest does not answer, the machine's reset
 * ends the unplug. */
static void test_controller_unplug(const void *opaque)
{
    static const char *const props[HOMES] =
        QHOME_JSON("'ior0', 'ior1'", "{'iothread': 'iot0'}, {'iothread': 'iot1'}");
    QHome home = qhome_of(opaque);
    g_autofree char *members =
        g_strdup_printf(", 'num_queues': 4, 'virtqueue_size': 64%s", props[home]);
    QVirtioPort *port = qvirtio_port_new(
        "%s -blockdev "
        "null-co,size=4M,read-zeroes=on,x-give-back=off,latency-ns=50000000,node-name=d0",
        qhome_args(home));

    for (unsigned i = 0; i < 3; i++) {
        Scsi d = {
            .s = port->s, .cdb_size = 32, .sense_size = SCSI_SENSE_SIZE, .target = 2, .lun = 3};

        d.v = qvirtio_port_plug(port, "virtio-scsi-pci", "s1", members);
        qtest_qmp_ok(d.s, "{'execute': 'device_add', 'arguments': {'driver': 'scsi-hd', 'id': "
                          "'hd1', 'bus': 's1.0', 'drive': 'd0', 'scsi-id': 2, 'lun': 3}}");
        scsi_buffers(&d);
        scsi_init(&d, 0, 4, 0, true);
        scsi_ready(&d);
        scsi_fill(&d, 32);
        qvirtio_port_unplug(port, d.v, "s1", "hd1");
        g_free(qtest_qmp_error(d.s, "DeviceNotFound",
                               "{'execute': 'device_del', 'arguments': {'id': 'hd1'}}"));
    }
    qvirtio_port_free(port);
}

static void expect_deleted(QTestState *s, const char *id)
{
    json_object *event = qtest_qmp_event(s, "DEVICE_DELETED"), *data, *device = NULL;

    g_assert_true(json_object_object_get_ex(event, "data", &data));
    g_assert_cmpint(json_object_object_get_ex(data, "device", &device), ==, id != NULL);
    g_assert_cmpstr(json_object_get_string(device), ==, id);
    json_object_put(event);
}

/* The guest takes the slot's power, as it was asked to; while the disk waits for requests that are
 * not given back, a client wants the disk out as well: each goes once, the disk first. */
static void test_power_off(const void *opaque)
{
    static const char *const props[HOMES] =
        QHOME_JSON("'ior0', 'ior1'", "{'iothread': 'iot0'}, {'iothread': 'iot1'}");
    QHome home = qhome_of(opaque);
    g_autofree char *members =
        g_strdup_printf(", 'num_queues': 4, 'virtqueue_size': 64%s", props[home]);
    QVirtioPort *port = qvirtio_port_new(
        "%s -blockdev "
        "null-co,size=4M,read-zeroes=on,x-give-back=off,latency-ns=300000000,node-name=d0",
        qhome_args(home));
    uint16_t ctl = (uint16_t)(qpci_find_capability(port->port, 0x10, 0) + 0x18);

    for (unsigned i = 0; i < 2; i++) {
        Scsi d = {
            .s = port->s, .cdb_size = 32, .sense_size = SCSI_SENSE_SIZE, .target = 2, .lun = 3};
        unsigned off;

        d.v = qvirtio_port_plug(port, "virtio-scsi-pci", "s1", members);
        qtest_qmp_ok(d.s, "{'execute': 'device_add', 'arguments': {'driver': 'scsi-hd', 'id': "
                          "'hd1', 'bus': 's1.0', 'drive': 'd0', 'scsi-id': 2, 'lun': 3}}");
        scsi_buffers(&d);
        scsi_init(&d, 0, 4, 0, true);
        scsi_ready(&d);
        qtest_qmp_ok(d.s, "{'execute': 'device_del', 'arguments': {'id': 's1'}}");
        scsi_fill(&d, 32);
        off = qvirtio_port_power_off_begin(port);
        g_usleep(i * 50000);
        /* Before or after the other one: while that waits, no command is begun. */
        json_object_put(qtest_qmp(d.s, "{'execute': 'device_del', 'arguments': {'id': 'hd1'}}"));
        qvirtio_port_power_off_end(port);
        expect_deleted(d.s, "hd1");
        expect_deleted(d.s, NULL); /* the controller's inner device */
        expect_deleted(d.s, "s1");
        g_assert_cmphex(qpci_config_readw(port->port, ctl), ==, off);
        qvirtio_free(d.v);
        port->bus->mem_next = 0xe0000000u;
        port->bus->io_next = 0xc000;
        qpci_bridge_setup(port->port, 1);
    }
    qvirtio_port_free(port);
}

/* --- resets ----------------------------------------------------------------------------------- */

static void test_reset(const void *opaque)
{
    Scsi *d = scsi_start_slow(qhome_of(opaque), 60);

    for (unsigned i = 0; i < 5; i++) {
        scsi_go(d, i % 2 ? QVIRTIO_F_PACKED | QVIRTIO_F_RING_RESET : QVIRTIO_F_RING_RESET);
        scsi_fill(d, 32);
        if (i == 4) { /* one queue alone */
            qvirtio_common_write(d->v, 0x16, 2, 3);
            qvirtio_common_write(d->v, 0x3a, 2, 1);
            while (qvirtio_common(d->v, 0x3a, 2)) {
                g_usleep(1000);
            }
            g_assert_false(qvirtio_status(d->v) & 0x40);
        }
        if (i == 3) {
            qvirtio_system_reset(d->v);
        } else {
            qvirtio_reset(d->v);
        }
        qtest_alloc_reset(d->s); /* nothing of the old rings is touched any more */
        scsi_buffers(d);
    }
    scsi_go(d, 0);
    /* stop and cont in between */
    scsi_fill(d, 16);
    qtest_qmp_ok(d->s, "{'execute': 'stop'}");
    qtest_qmp_ok(d->s, "{'execute': 'cont'}");
    for (unsigned i = 0; i < 16; i++) {
        uint32_t used;

        qvirtio_wait(&d->v->q[i % 4 + 2], &used);
    }
    for (unsigned i = 0; i < 16; i++) {
        scsi_answer(d, i + 1);
        assert_good(d, d->response, 0);
    }
    scsi_stop(d);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qhome_add("/virtio-scsi/tmf", test_tmf);
    qhome_add("/virtio-scsi/hotplug", test_hotplug);
    qhome_add("/virtio-scsi/unplug-busy", test_unplug_busy);
    qhome_add("/virtio-scsi/controller-unplug", test_controller_unplug);
    qhome_add("/virtio-scsi/power-off", test_power_off);
    qhome_add("/virtio-scsi/reset", test_reset);
    return scsi_run();
}
