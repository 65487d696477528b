/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio-blk: resets and unplugs with requests in flight, drivers that break the rules; each for
 * split and packed rings. */
#include "virtio-blk-driver.h"

#define NOT_RAM 0xe0000000u

/* --- resets ----------------------------------------------------------------------------------- */

static void test_reset_in_flight(const void *opaque)
{
    QHome home = qhome_of(opaque);

    for (unsigned legacy = 0; legacy < 2; legacy++) {
        Blk *b = blk_start_slow(home, legacy, 30);
        unsigned busy = 0;

        /* four times, and until some were caught in flight: this machine may be slower than the
         * disk */
        for (unsigned i = 0; i < 4 || (!busy && i < 100); i++) {
            uint64_t f = !legacy && i % 2 ? QVIRTIO_F_PACKED : 0;

            qvirtio_start(b->v, f, 4, 0, i % 4 > 1);
            blk_fill(b);
            busy += qtest_readb(b->s, b->status + BLK_FILL - 1) != 0; /* the last one */
            if (i % 4 == 3) {
                qvirtio_system_reset(b->v);
                g_assert_cmphex(qvirtio_status(b->v), ==, 0);
            } else {
                qvirtio_reset(b->v);
            }
            /* nothing of the old rings is touched any more */
            qtest_alloc_reset(b->s);
            blk_buffers(b);
            qvirtio_start(b->v, f, 4, 0, false);
            g_assert_cmphex(blk_read(b, i % 4, 0, b->data, 512), ==, 0);
            if (legacy) {
                /* the page number 0 lets go of a ring */
                qpci_io_write(b->v->io, 14, 2, 1);
                blk_push(b, 1, 0, 0, 0, b->data, 512, true, false);
                qvirtio_kick(&b->v->q[1]);
                qpci_io_write(b->v->io, 8, 4, 0);
                g_assert_cmphex(qpci_io_read(b->v->io, 8, 4), ==, 0);
                qvirtio_queue_init(b->v, 1, 0);
                qvirtio_queue_enable(b->v, 1);
                g_assert_cmphex(blk_read(b, 1, 0, b->data, 512), ==, 0);
            }
        }
        g_assert_cmpuint(busy, >, 0);
        blk_stop(b);
    }
}

static void test_queue_reset(const void *opaque)
{
    Blk *b = blk_start_slow(qhome_of(opaque), false, 50);
    QVirtio *v = b->v;

    for (unsigned round = 0; round < 4; round++) {
        uint32_t len;

        qvirtio_start(v, QVIRTIO_F_RING_RESET | (round % 2 ? QVIRTIO_F_PACKED : 0), 4, 0, false);
        blk_push(b, 2, 2, 0, 0, b->data + 0x4000, 512, true, false);
        qvirtio_kick(&v->q[2]);
        blk_push(b, 1, 1, 0, 0, b->data, 512, true, false);
        qvirtio_kick(&v->q[1]);
        qvirtio_common_write(v, 0x16, 2, 1);
        qvirtio_common_write(v, 0x3a, 2, 1);
        while (qvirtio_common(v, 0x3a, 2)) {
            g_usleep(100);
        }
        g_assert_cmpuint(qvirtio_common(v, 0x1c, 2), ==, 0);
        /* the others go on; this one comes back with another size */
        qvirtio_wait(&v->q[2], &len);
        g_assert_cmphex(qtest_readb(b->s, b->status + 2), ==, 0);
        qvirtio_queue_init(v, 1, 8);
        qvirtio_queue_enable(v, 1);
        g_assert_cmphex(blk_read(b, 1, 0, b->data, 512), ==, 0);
        /* one that was never enabled */
        qvirtio_reset(v);
        qvirtio_negotiate(v, QVIRTIO_F_RING_RESET);
        qvirtio_common_write(v, 0x16, 2, 0);
        qvirtio_common_write(v, 0x3a, 2, 1);
        g_assert_cmpuint(qvirtio_common(v, 0x3a, 2), ==, 0);
    }
    /* not agreed on: nothing happens */
    qvirtio_start(v, 0, 4, 0, false);
    qvirtio_common_write(v, 0x16, 2, 0);
    qvirtio_common_write(v, 0x3a, 2, 1);
    g_assert_cmpuint(qvirtio_common(v, 0x1c, 2), ==, 1);
    blk_stop(b);
}

/* Offers a read that takes long, and behind it a request that is done at once and, by
 * VIRTIO_F_IN_ORDER, waits for it.  True: both still wait. */
static bool fill_in_order(Blk *b, unsigned q)
{
    int64_t end = g_get_monotonic_time() + 10 * G_TIME_SPAN_SECOND;

    blk_push(b, q, 0, 0, 0, b->data, 512, true, false);
    blk_push(b, q, 1, 8, 0, b->data + 4096, 20, true, false); /* Get ID */
    qvirtio_kick(&b->v->q[q]);
    while (qtest_readb(b->s, b->status + 1) != 0) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(100);
    }
    return !qvirtio_ready(&b->v->q[q]);
}

static void reset_queue(Blk *b, unsigned q)
{
    int64_t end = g_get_monotonic_time() + 10 * G_TIME_SPAN_SECOND;

    qvirtio_common_write(b->v, 0x16, 2, q);
    qvirtio_common_write(b->v, 0x3a, 2, 1);
    while (qvirtio_common(b->v, 0x3a, 2)) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(100);
    }
    qvirtio_queue_init(b->v, q, 8);
    qvirtio_queue_enable(b->v, q);
    g_assert_cmphex(blk_read(b, q, 0, b->data, 512), ==, 0);
}

/* What is done, but waits for its turn, is not in the way of the queue's end. */
static void test_reset_in_order(const void *opaque)
{
    Blk *b = blk_start_slow(qhome_of(opaque), false, 50);

    for (unsigned i = 0; i < 8; i++) {
        uint64_t f = QVIRTIO_F_IN_ORDER | QVIRTIO_F_RING_RESET | (i % 2 ? QVIRTIO_F_PACKED : 0);
        bool caught = false;

        for (unsigned tries = 0; !caught; tries++) {
            g_assert_cmpuint(tries, <, 100);
            qtest_alloc_reset(b->s);
            blk_buffers(b);
            qvirtio_start(b->v, f, 4, 0, false);
            caught = fill_in_order(b, 1);
            if (i % 4 < 2) {
                qvirtio_reset(b->v);
            } else {
                reset_queue(b, 1);
            }
        }
        qtest_alloc_reset(b->s);
        blk_buffers(b);
        qvirtio_start(b->v, f, 4, 0, false);
        g_assert_cmphex(blk_read(b, 1, 0, b->data, 512), ==, 0);
        g_assert_cmphex(blk_read(b, 0, 0, b->data, 512), ==, 0);
    }
    blk_stop(b);
}

static void test_unplug(const void *opaque)
{
    static const char *const props[HOMES] =
        QHOME_JSON("'ior1', 'ior2'",
                   "{'iothread': 'iot0', 'vqs': [0, 2]}, {'iothread': 'iot1', 'vqs': [1, 3]}");
    QHome home = qhome_of(opaque);
    g_autofree char *members =
        g_strdup_printf(", 'drive': 'd0', 'num-queues': 4, 'queue-size': 64%s", props[home]);
    QVirtioPort *port = qvirtio_port_new(
        "%s -blockdev "
        "null-co,size=4M,read-zeroes=on,x-give-back=off,latency-ns=50000000,node-name=d0",
        qhome_args(home));

    for (unsigned i = 0; i < 3; i++) {
        Blk b = {.s = port->s};
        uint8_t exp;

        b.v = qvirtio_port_plug(port, "virtio-blk-pci", "vd0", members);
        /* behind a port it is a modern device, which can be reset alone */
        g_assert_cmphex(qpci_config_readw(b.v->pci, 2), ==, 0x1042);
        blk_buffers(&b);
        qvirtio_start(b.v, 0, 4, 0, true);
        g_assert_cmphex(blk_read(&b, 3, 0, b.data, 512), ==, 0);
        exp = qpci_find_capability(b.v->pci, 0x10, 0);
        g_assert_cmpuint(exp, !=, 0);
        blk_fill(&b);
        qpci_config_writew(b.v->pci, exp + 8,
                           (uint16_t)(qpci_config_readw(b.v->pci, exp + 8) | 0x8000));
        g_assert_cmphex(qpci_config_readw(b.v->pci, 4) & 7, ==, 0);
        qvirtio_probe(b.v);
        g_assert_cmphex(qvirtio_status(b.v), ==, 0);
        qvirtio_start(b.v, 0, 4, 0, false);
        blk_fill(&b);
        qvirtio_port_unplug(port, b.v, "vd0", NULL);
    }
    qvirtio_port_free(port);
}

/* The guest takes the slot's power while requests run, and a client wants the device out meanwhile:
 * who waits for the requests keeps the device until they are done. */
static void test_power_off(const void *opaque)
{
    static const char *const props[HOMES] =
        QHOME_JSON("'ior1', 'ior2'",
                   "{'iothread': 'iot0', 'vqs': [0, 2]}, {'iothread': 'iot1', 'vqs': [1, 3]}");
    QHome home = qhome_of(opaque);
    g_autofree char *members =
        g_strdup_printf(", 'drive': 'd0', 'num-queues': 4, 'queue-size': 64%s", props[home]);
    QVirtioPort *port = qvirtio_port_new(
        "%s -blockdev "
        "null-co,size=4M,read-zeroes=on,x-give-back=off,latency-ns=300000000,node-name=d0",
        qhome_args(home));
    uint16_t ctl = (uint16_t)(qpci_find_capability(port->port, 0x10, 0) + 0x18);

    for (unsigned i = 0; i < 2; i++) {
        gint64 end = g_get_monotonic_time() + 20 * G_TIME_SPAN_SECOND;
        Blk b = {.s = port->s};

        b.v = qvirtio_port_plug(port, "virtio-blk-pci", "vd0", members);
        blk_buffers(&b);
        qvirtio_start(b.v, 0, 4, 0, true);
        blk_fill(&b);
        qpci_config_writew(port->port, ctl + 2, 0x11f);
        qvirtio_port_power_off_begin(port);
        g_usleep(i * 50000);
        qtest_qmp_ok(port->s, "{'execute': 'device_del', 'arguments': {'id': 'vd0'}}");
        qvirtio_port_power_off_end(port);
        json_object_put(qtest_qmp_event(port->s, "DEVICE_DELETED"));
        json_object_put(qtest_qmp_event(port->s, "DEVICE_DELETED"));
        while (!(qpci_config_readw(port->port, ctl + 2) & 0x10)) { /* the command completes */
            g_assert_cmpint(g_get_monotonic_time(), <, end);
            g_usleep(1000);
        }
        qvirtio_free(b.v);
    }
    qvirtio_port_free(port);
}

/* --- drivers that break the rules ------------------------------------------------------------- */

static void expect_broken(Blk *b, unsigned q)
{
    qvirtio_kick(&b->v->q[q]);
    qvirtio_wait_needs_reset(b->v);
}

/* The status is there for all to see before the interrupt. */
static void wait_config_interrupt(Blk *b)
{
    int64_t end = g_get_monotonic_time() + 10 * G_TIME_SPAN_SECOND;

    while (!(qvirtio_isr(b->v) & 2)) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(1000);
    }
}

static void put_desc(Blk *b, uint64_t table, unsigned i, uint64_t addr, uint32_t len,
                     uint16_t flags, uint16_t next)
{
    qtest_writeq(b->s, table + 16 * i, addr);
    qtest_writel(b->s, table + 16 * i + 8, len);
    qtest_writew(b->s, table + 16 * i + 12, flags);
    qtest_writew(b->s, table + 16 * i + 14, next);
}

static void offer(Blk *b, uint16_t head)
{
    QVirtQueue *q = &b->v->q[0];

    qtest_writew(b->s, q->driver + 4 + 2 * (q->avail % q->num), head);
    qtest_writew(b->s, q->driver + 2, ++q->avail);
}

/* Each case starts with a working device and must end with NEEDS_RESET. */
static void hostile_split(Blk *b, unsigned i)
{
    QVirtQueue *q = &b->v->q[0];
    uint64_t d = q->desc, t = q->tables;

    switch (i) {
    case 0: /* index far ahead */
        qtest_writew(b->s, q->driver + 2, (uint16_t)(q->avail + 65));
        break;
    case 1: /* a head that does not exist */
        offer(b, 64);
        break;
    case 2: /* a loop of descriptors */
        put_desc(b, d, 0, b->header, 16, 1, 1);
        put_desc(b, d, 1, b->data, 512, 3, 0);
        offer(b, 0);
        break;
    case 3: /* next is outside */
        put_desc(b, d, 0, b->header, 16, 1, 64);
        offer(b, 0);
        break;
    case 4: /* not RAM */
        put_desc(b, d, 0, NOT_RAM, 16, 0, 0);
        offer(b, 0);
        break;
    case 5: /* the device itself */
        put_desc(b, d, 0, b->header, 16, 1, 1);
        put_desc(b, d, 1, b->v->bar->addr, 512, 2, 0);
        offer(b, 0);
        break;
    case 6: /* the end of all addresses */
        put_desc(b, d, 0, UINT64_MAX - 7, 16, 0, 0);
        offer(b, 0);
        break;
    case 7: /* readable after writable */
        put_desc(b, d, 0, b->data, 512, 3, 1);
        put_desc(b, d, 1, b->header, 16, 0, 0);
        offer(b, 0);
        break;
    case 8: /* a table in a table */
        put_desc(b, d, 0, t, 32, 4, 0);
        put_desc(b, t, 0, t, 16, 4, 0);
        offer(b, 0);
        break;
    case 9: /* a table of a size that is none */
        put_desc(b, d, 0, t, 17, 4, 0);
        offer(b, 0);
        break;
    case 10: /* an empty table */
        put_desc(b, d, 0, t, 0, 4, 0);
        offer(b, 0);
        break;
    case 11: /* a table that is not RAM */
        put_desc(b, d, 0, NOT_RAM, 32, 4, 0);
        offer(b, 0);
        break;
    case 12: /* a loop in a table */
        put_desc(b, d, 0, t, 32, 4, 0);
        put_desc(b, t, 0, b->header, 16, 1, 1);
        put_desc(b, t, 1, b->data, 1, 1, 0);
        offer(b, 0);
        break;
    case 13: /* next and indirect */
        put_desc(b, d, 0, t, 16, 5, 0);
        offer(b, 0);
        break;
    case 14: /* no header */
        put_desc(b, d, 0, b->header, 8, 1, 1);
        put_desc(b, d, 1, b->status, 1, 2, 0);
        offer(b, 0);
        break;
    case 15: /* no status */
        put_desc(b, d, 0, b->header, 16, 0, 0);
        offer(b, 0);
        break;
    case 16: /* longer than 4 GiB */
        put_desc(b, d, 0, 0, 0x0fffffff, 1, 1);
        put_desc(b, d, 1, 0, 0x0fffffff, 1, 0);
        offer(b, 0);
        break;
    default:
        g_assert_not_reached();
    }
}
#define HOSTILE_SPLIT 17

static void hostile_packed(Blk *b, unsigned i)
{
    QVirtQueue *q = &b->v->q[0];
    uint64_t d = q->desc, t = q->tables;

    switch (i) {
    case 0: /* a chain through the whole ring */
        for (unsigned k = 0; k < q->num; k++) {
            put_desc(b, d, k, b->header, 1, 0, 0x81);
        }
        break;
    case 1: /* not RAM */
        put_desc(b, d, 0, NOT_RAM, 16, 0, 0x80);
        break;
    case 2: /* a table in a table */
        put_desc(b, t, 0, t, 16, 0, 4);
        put_desc(b, d, 0, t, 16, 0, 0x84);
        break;
    case 3: /* a table of no size */
        put_desc(b, d, 0, t, 0, 0, 0x84);
        break;
    case 4: /* a table behind a descriptor */
        put_desc(b, d, 1, t, 16, 0, 0x84);
        put_desc(b, d, 0, b->header, 16, 0, 0x81);
        break;
    case 5: /* readable after writable */
        put_desc(b, d, 1, b->header, 16, 0, 0x80);
        put_desc(b, d, 0, b->data, 16, 0, 0x83);
        break;
    case 6: /* no status */
        put_desc(b, d, 0, b->header, 16, 0, 0x80);
        break;
    default:
        g_assert_not_reached();
    }
}
#define HOSTILE_PACKED 7

static void test_hostile(const void *opaque)
{
    Blk *b = blk_start(qhome_of(opaque), false, ",packed=on");

    for (unsigned i = 0; i < HOSTILE_SPLIT + HOSTILE_PACKED; i++) {
        bool packed = i >= HOSTILE_SPLIT;

        qtest_alloc_reset(b->s);
        blk_buffers(b);
        qvirtio_start(b->v, QVIRTIO_F_INDIRECT | (packed ? QVIRTIO_F_PACKED : 0), 4, 0, false);
        if (packed) {
            hostile_packed(b, i - HOSTILE_SPLIT);
        } else {
            hostile_split(b, i);
        }
        expect_broken(b, 0);
        wait_config_interrupt(b); /* told as a change of configuration */
        /* the other queues go on; after a reset so does this one */
        g_assert_cmphex(blk_read(b, 1, 0, b->data, 512), ==, 0);
        qtest_alloc_reset(b->s);
        blk_buffers(b);
        qvirtio_start(b->v, packed ? QVIRTIO_F_PACKED : 0, 4, 0, false);
        g_assert_cmphex(blk_read(b, 0, 3, b->data, 512), ==, 0);
        blk_check(b, b->data, 3, 512);
    }
    /* rings that cannot be */
    for (unsigned i = 0; i < 3; i++) {
        qvirtio_negotiate(b->v, 0);
        qvirtio_queue_init(b->v, 0, 64);
        switch (i) {
        case 0:
            b->v->q[0].desc = NOT_RAM;
            break;
        case 1:
            b->v->q[0].device += 2;
            break;
        case 2:
            b->v->q[0].driver = UINT64_MAX - 15;
            break;
        }
        qvirtio_queue_enable(b->v, 0);
        qvirtio_set_status(b->v, 0xf);
        qvirtio_wait_needs_reset(b->v);
    }
    blk_stop(b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qhome_add("/virtio-blk/reset-in-flight", test_reset_in_flight);
    qhome_add("/virtio-blk/queue-reset", test_queue_reset);
    qhome_add("/virtio-blk/reset-in-order", test_reset_in_order);
    qhome_add("/virtio-blk/unplug", test_unplug);
    qhome_add("/virtio-blk/power-off", test_power_off);
    qhome_add("/virtio-blk/hostile", test_hostile);
    return blk_run();
}
