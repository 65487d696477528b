/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PCI transport of virtio, seen with virtio-blk: registers of both interfaces, interrupts,
 * notifications by each way, bus mastering. */
#include "virtio-blk-driver.h"

#include <string.h>

/* --- registers -------------------------------------------------------------------------------- */

static void test_identity(void)
{
    static const struct {
        const char *type, *props;
        uint16_t id, sub;
        uint8_t rev;
        bool io, modern;
    } t[] = {
        {"virtio-blk-pci", "", 0x1001, 2, 0, true, true},
        {"virtio-blk-pci", ",disable-legacy=on", 0x1042, 0x1100, 1, false, true},
        {"virtio-blk-pci", ",disable-modern=on,disable-legacy=off", 0x1001, 2, 0, true, false},
        {"virtio-blk-pci-transitional", "", 0x1001, 2, 0, true, true},
        {"virtio-blk-pci-non-transitional", "", 0x1042, 0x1100, 1, false, true},
    };
    g_autofree char *drive = blk_drive(blk_image);

    for (unsigned i = 0; i < G_N_ELEMENTS(t); i++) {
        Blk *b = blk_start_with(MAIN_LOOP, !t[i].modern, t[i].type, drive, t[i].props);
        bool io, is64;

        g_assert_cmphex(qpci_config_readw(b->v->pci, 0), ==, 0x1af4);
        g_assert_cmphex(qpci_config_readw(b->v->pci, 2), ==, t[i].id);
        g_assert_cmphex(qpci_config_readb(b->v->pci, 8), ==, t[i].rev);
        g_assert_cmphex(qpci_config_readw(b->v->pci, 10), ==, 0x0100);
        g_assert_cmphex(qpci_config_readw(b->v->pci, 0x2c), ==, 0x1af4);
        g_assert_cmphex(qpci_config_readw(b->v->pci, 0x2e), ==, t[i].sub);
        g_assert_cmphex(qpci_config_readb(b->v->pci, 0x3d), ==, 1);
        g_assert_cmpuint(qpci_bar_size(b->v->pci, 0, &io, &is64) != 0, ==, t[i].io);
        g_assert_cmpuint(qpci_bar_size(b->v->pci, 4, &io, &is64) != 0, ==, t[i].modern);
        blk_stop(b);
    }
}

static void test_registers(const void *opaque)
{
    Blk *b = blk_start(qhome_of(opaque), false, ",packed=on,notification_data=on");
    QVirtio *v = b->v;
    uint64_t f = qvirtio_host_features(v);

    g_assert_true(f & QVIRTIO_F_VERSION_1);
    g_assert_true(f & QVIRTIO_F_PACKED);
    g_assert_true(f & QVIRTIO_F_RING_RESET);
    g_assert_true(f & QVIRTIO_F_NOTIFICATION_DATA);
    g_assert_false(f & QVIRTIO_F(24));
    qvirtio_common_write(v, 0, 4, 2);
    g_assert_cmphex(qvirtio_common(v, 4, 4), ==, 0);
    g_assert_cmpuint(qvirtio_common(v, 0x12, 2), ==, 4);
    /* queues */
    for (unsigned i = 0; i < 4; i++) {
        qvirtio_common_write(v, 0x16, 2, i);
        g_assert_cmpuint(qvirtio_common(v, 0x18, 2), ==, 64);
        g_assert_cmpuint(qvirtio_common(v, 0x1e, 2), ==, i);
        g_assert_cmpuint(qvirtio_common(v, 0x38, 2), ==, i);
        g_assert_cmpuint(qvirtio_common(v, 0x1a, 2), ==, 0xffff);
        g_assert_cmpuint(qvirtio_common(v, 0x1c, 2), ==, 0);
    }
    qvirtio_common_write(v, 0x16, 2, 4);
    g_assert_cmpuint(qvirtio_common(v, 0x18, 2), ==, 0);
    qvirtio_common_write(v, 0x1c, 2, 1);
    g_assert_cmpuint(qvirtio_common(v, 0x1c, 2), ==, 0);
    qvirtio_common_write(v, 0x16, 2, 0);
    qvirtio_common_write(v, 0x18, 2, 128); /* beyond the maximum */
    g_assert_cmpuint(qvirtio_common(v, 0x18, 2), ==, 64);
    qvirtio_common_write(v, 0x18, 2, 16);
    g_assert_cmpuint(qvirtio_common(v, 0x18, 2), ==, 16);
    qvirtio_common_write(v, 0x18, 2, 48); /* for a split ring no size */
    qvirtio_common_write(v, 0x18, 2, 0);
    g_assert_cmpuint(qvirtio_common(v, 0x18, 2), ==, 16);
    qvirtio_common_write(v, 0x20, 8, 0x123456789abcdef0ull);
    g_assert_cmphex(qvirtio_common(v, 0x20, 4), ==, 0x9abcdef0);
    g_assert_cmphex(qvirtio_common(v, 0x24, 4), ==, 0x12345678);
    g_assert_cmphex(qvirtio_common(v, 0x20, 8), ==, 0x123456789abcdef0ull);
    g_assert_cmphex(qvirtio_common(v, 0x22, 2), ==, 0x9abc);
    /* vectors: there are 5 */
    qvirtio_common_write(v, 0x1a, 2, 4);
    g_assert_cmphex(qvirtio_common(v, 0x1a, 2), ==, 4);
    qvirtio_common_write(v, 0x1a, 2, 5);
    g_assert_cmphex(qvirtio_common(v, 0x1a, 2), ==, 0xffff);
    /* status: bits stay until the reset; features that are not offered are refused */
    qvirtio_reset(v);
    g_assert_cmpuint(qvirtio_common(v, 0x18, 2), ==, 64);
    g_assert_cmphex(qvirtio_common(v, 0x20, 8), ==, 0);
    qvirtio_set_status(v, 1);
    qvirtio_set_status(v, 2);
    g_assert_cmphex(qvirtio_status(v), ==, 3);
    qvirtio_common_write(v, 8, 4, 1);
    qvirtio_common_write(v, 12, 4, 1 | 1u << 31);
    qvirtio_set_status(v, 0xb);
    g_assert_cmphex(qvirtio_status(v), ==, 3);
    qvirtio_common_write(v, 12, 4, 0); /* without VERSION_1 */
    qvirtio_set_status(v, 0xb);
    g_assert_cmphex(qvirtio_status(v), ==, 3);
    qvirtio_set_status(v, 7); /* DRIVER_OK without FEATURES_OK */
    g_assert_cmphex(qvirtio_status(v), ==, 3);
    qvirtio_common_write(v, 12, 4, 1);
    qvirtio_set_status(v, 0xb);
    g_assert_cmphex(qvirtio_status(v), ==, 0xb);
    qvirtio_common_write(v, 12, 4, 0x55); /* too late */
    /* configuration */
    g_assert_cmpuint(qvirtio_config(v, 0, 8), ==, BLK_SECTORS);
    g_assert_cmpuint(qvirtio_config(v, 0, 4), ==, BLK_SECTORS);
    g_assert_cmpuint(qvirtio_config(v, 12, 4), ==, 62);
    g_assert_cmpuint(qvirtio_config(v, 20, 4), ==, 512);
    g_assert_cmpuint(qvirtio_config(v, 34, 2), ==, 4);
    g_assert_cmpuint(qvirtio_config(v, 60, 4), ==, 0);
    qvirtio_config_write(v, 0, 4, 1); /* read-only */
    g_assert_cmpuint(qvirtio_config(v, 0, 8), ==, BLK_SECTORS);
    /* the same through configuration space */
    g_assert_cmphex(qvirtio_cfg_access(v, v->common + 0x14, 1, false, 0), ==, 0xb);
    g_assert_cmphex(qvirtio_cfg_access(v, v->common + 0x12, 2, false, 0), ==, 4);
    g_assert_cmphex(qvirtio_cfg_access(v, v->device, 4, false, 0), ==, BLK_SECTORS);
    qvirtio_cfg_access(v, v->common + 0x16, 2, true, 3);
    g_assert_cmphex(qvirtio_common(v, 0x16, 2), ==, 3);
    g_assert_cmphex(qvirtio_cfg_access(v, v->common + 0x16, 2, false, 0), ==, 3);
    g_assert_cmphex(qvirtio_cfg_access(v, 0xffff0000, 4, false, 0), ==, 0);
    qvirtio_cfg_access(v, 0xffff0000, 4, true, 1);
    qvirtio_cfg_access(v, v->notify, 4, true, 0);
    blk_stop(b);
}

/* --- interrupts ------------------------------------------------------------------------------- */

static void test_msix(const void *opaque)
{
    Blk *b = blk_start(qhome_of(opaque), false, ",packed=on");
    const uint64_t features[] = {0, QVIRTIO_F_EVENT_IDX, QVIRTIO_F_PACKED,
                                 QVIRTIO_F_PACKED | QVIRTIO_F_EVENT_IDX};
    QVirtio *v = b->v;

    for (unsigned i = 0; i < G_N_ELEMENTS(features); i++) {
        qvirtio_start(v, features[i], 4, 0, true);
        for (unsigned q = 0; q < 4; q++) {
            qvirtio_want_interrupt(&v->q[q], true);
            g_assert_cmphex(blk_read(b, q, q, b->data, 512), ==, 0);
            qpci_msix_wait(v->pci, q + 1);
            g_assert_false(qpci_msix_take(v->pci, (q + 1) % 4 + 1));
            /* unwanted */
            qvirtio_want_interrupt(&v->q[q], false);
            g_assert_cmphex(blk_read(b, q, q, b->data, 512), ==, 0);
            g_assert_cmphex(blk_read(b, q, q, b->data, 512), ==, 0);
            g_assert_false(qpci_msix_take(v->pci, q + 1));
            /* masked, then not */
            qvirtio_want_interrupt(&v->q[q], true);
            qpci_msix_mask(v->pci, q + 1, true);
            g_assert_cmphex(blk_read(b, q, q, b->data, 512), ==, 0);
            while (!qpci_msix_pending(v->pci, q + 1)) {
                g_usleep(100);
            }
            g_assert_false(qpci_msix_take(v->pci, q + 1));
            qpci_msix_mask(v->pci, q + 1, false);
            qpci_msix_wait(v->pci, q + 1);
        }
    }
    blk_stop(b);
}

static void test_intx(const void *opaque)
{
    for (unsigned legacy = 0; legacy < 2; legacy++) {
        Blk *b = blk_start(qhome_of(opaque), legacy, "");
        unsigned gsi;

        qtest_irq_intercept_in(b->s, "ioapic");
        qvirtio_start(b->v, 0, 4, 0, false);
        /* Which line it is: the one that rises. */
        g_assert_cmphex(blk_read(b, 1, 0, b->data, 512), ==, 0);
        for (gsi = 16; gsi < 24 && !qtest_get_irq(b->s, gsi); gsi++) {
        }
        g_assert_cmpuint(gsi, <, 24);
        g_assert_cmphex(qvirtio_isr(b->v), ==, 1);
        g_assert_false(qtest_get_irq(b->s, gsi));
        g_assert_cmphex(qvirtio_isr(b->v), ==, 0);
        g_assert_cmphex(blk_read(b, 3, 0, b->data, 512), ==, 0);
        g_assert_true(qtest_get_irq(b->s, gsi));
        qpci_config_writew(b->v->pci, 4, 0x407); /* INTx disabled */
        g_assert_false(qtest_get_irq(b->s, gsi));
        qpci_config_writew(b->v->pci, 4, 7);
        g_assert_true(qtest_get_irq(b->s, gsi));
        qvirtio_reset(b->v);
        g_assert_false(qtest_get_irq(b->s, gsi));
        blk_stop(b);
    }
}

/* --- notifications ---------------------------------------------------------------------------- */

/* A request's notification to queue q is carried to its home as a write, or is not. */
static void expect_way(Blk *b, QHome home, bool data, const char *modes, unsigned q)
{
    bool ior = home == IOREGIONFD || home == PER_QUEUE;
    g_autofree char *region = g_strdup_printf("virtio-pci-notify-%u", q);
    g_autofree char *mode = qvirtio_notify_mode(modes, q, ior || data ? "ioregionfd" : "ioeventfd");
    bool posted =
        g_str_equal(mode, "ioregionfd") && home != MAIN_LOOP; /* there it is done at once */
    uint64_t before = qvirtio_posted(b->s, region);
    uint32_t len;

    blk_push(b, q, 0, 0, q, b->data, 512, true, false);
    qvirtio_kick(&b->v->q[q]);
    qvirtio_wait(&b->v->q[q], &len);
    g_assert_cmphex(qtest_readb(b->s, b->status), ==, 0);
    g_assert_cmpuint(qvirtio_posted(b->s, region) - before, ==, posted);
}

static void test_notify(const void *opaque)
{
    static const char *const modes[] = {"ioeventfd", "ioregionfd", "exit", "auto",
                                        "exit:ioeventfd:ioregionfd"};
    QHome home = qhome_of(opaque);

    for (unsigned m = 0; m < G_N_ELEMENTS(modes); m++) {
        g_autofree char *props = g_strdup_printf(",notify=%s,notification_data=on,page-per-vq=%s",
                                                 modes[m], m % 2 ? "on" : "off");
        Blk *b = blk_start(home, false, props);

        for (unsigned data = 0; data < 2; data++) {
            qvirtio_start(b->v, data ? QVIRTIO_F_NOTIFICATION_DATA : 0, 4, 0, false);
            for (unsigned i = 0; i < 12; i++) {
                g_assert_cmphex(blk_read(b, i % 4, i, b->data, 512), ==, 0);
                blk_check(b, b->data, i, 512);
            }
            /* changed while requests are on their way */
            for (unsigned i = 0; i < 15; i++) {
                uint32_t len;

                blk_push(b, i % 4, 0, 0, i, b->data, 512, true, false);
                qvirtio_kick(&b->v->q[i % 4]);
                qvirtio_set_notify(
                    b->s, "/machine/peripheral/vd0", modes[i % G_N_ELEMENTS(modes)], 4,
                    data || home == IOREGIONFD || home == PER_QUEUE ? "ioregionfd" : "ioeventfd");
                qvirtio_wait(&b->v->q[i % 4], &len);
                g_assert_cmphex(qtest_readb(b->s, b->status), ==, 0);
                expect_way(b, home, data, modes[i % G_N_ELEMENTS(modes)], (i + 1) % 4);
            }
        }
        if (m == 0) {
            g_autofree char *desc = qtest_qmp_error(
                b->s, "GenericError",
                "{'execute': 'qom-set', 'arguments': {'path': '/machine/peripheral/vd0', "
                "'property': 'notify', 'value': 'pigeon'}}");

            g_assert_nonnull(strstr(desc, "pigeon"));
        }
        /* nonsense in the value: the ring says what there is */
        blk_push(b, 0, 0, 0, 5, b->data, 512, true, false);
        qpci_io_write(b->v->bar, b->v->q[0].notify, 4, 0xffff0000u);
        qpci_io_write(b->v->bar, b->v->q[0].notify, 4, 0x7fff0000u);
        uint32_t len;
        qvirtio_wait(&b->v->q[0], &len);
        g_assert_cmphex(qvirtio_status(b->v), ==, 0xf);
        blk_stop(b);
    }
}

/* A way that one of the queues cannot have is refused for all, and said. */
static void test_notify_refused(void)
{
    static const char *const path = "/machine/peripheral/vd0";
    Blk *b = blk_start(IOREGIONFD, false, ",notify=exit");
    g_autofree char *text = NULL;
    json_object *r;

    qvirtio_start(b->v, 0, 4, 0, false);
    qtest_qmp_ok(b->s, "{'execute': 'object-add', 'arguments': {'qom-type': 'ioregionfd', 'id': "
                       "'other', 'iothread': 'iot0', 'device': 'vd0', 'region': "
                       "'virtio-pci-notify-2'}}");
    text = qtest_qmp_error(b->s, "GenericError",
                           "{'execute': 'qom-set', 'arguments': {'path': '%s', 'property': "
                           "'notify', 'value': 'ioregionfd'}}",
                           path);
    g_assert_nonnull(strstr(text, "claimed by ioregionfd object 'other'"));
    r = qtest_qmp_return(
        b->s, "{'execute': 'qom-get', 'arguments': {'path': '%s', 'property': 'notify'}}", path);
    g_assert_cmpstr(json_object_get_string(r), ==, "exit:exit:exit:exit");
    json_object_put(r);
    for (unsigned q = 0; q < 4; q++) {
        g_autofree char *region = g_strdup_printf("virtio-pci-notify-%u", q);
        uint64_t before = qvirtio_posted(b->s, region);

        g_assert_cmphex(blk_read(b, q, q, b->data, 512), ==, 0);
        blk_check(b, b->data, q, 512);
        if (q != 2) {
            g_assert_cmpuint(qvirtio_posted(b->s, region), ==, before);
        }
    }
    qvirtio_set_notify(b->s, path, "exit", 4, NULL);
    qtest_qmp_ok(b->s, "{'execute': 'object-del', 'arguments': {'id': 'other'}}");
    qvirtio_set_notify(b->s, path, "ioregionfd", 4, NULL);
    g_assert_cmphex(blk_read(b, 2, 2, b->data, 512), ==, 0);
    blk_stop(b);
}

/* --- DMA -------------------------------------------------------------------------------------- */

static void test_bus_master(const void *opaque)
{
    Blk *b = blk_start(qhome_of(opaque), false, "");
    uint32_t len;

    qvirtio_start(b->v, 0, 4, 0, false);
    g_assert_cmphex(blk_read(b, 0, 0, b->data, 512), ==, 0);
    qpci_config_writew(b->v->pci, 4, 3);
    for (unsigned q = 0; q < 4; q++) {
        blk_push(b, q, q, 0, q, b->data + 512 * q, 512, true, false);
        qvirtio_kick(&b->v->q[q]);
    }
    g_usleep(20000);
    for (unsigned q = 0; q < 4; q++) {
        g_assert_false(qvirtio_ready(&b->v->q[q]));
    }
    g_assert_cmphex(qvirtio_status(b->v), ==, 0xf);
    qpci_config_writew(b->v->pci, 4, 7);
    for (unsigned q = 0; q < 4; q++) {
        qvirtio_wait(&b->v->q[q], &len);
        blk_check(b, b->data + 512 * q, q, 512);
    }
    blk_stop(b);
}

/* share-rw=on at all devices of a node, wherever it stands among the properties: each sees what the
 * other writes, and the node stays writable when one of them goes.  One without it has to be alone.
 */
static void test_share_rw(const void *opaque)
{
    static const char *const refused[] = {
        "-device virtio-blk-pci,drive=d0,share-rw=on -device virtio-blk-pci,drive=d0",
        "-device virtio-blk-pci,drive=d0 -device nvme,serial=x,drive=d0,share-rw=on",
    };
    Blk *b = blk_start(qhome_of(opaque), false,
                       ",share-rw=on -device pcie-root-port,id=rp,addr=6,chassis=1 -device "
                       "virtio-blk-pci,id=vd1,addr=05.0,drive=d0,share-rw=on -device "
                       "nvme,share-rw=on,drive=d0,serial=x,id=n0,bus=rp");
    Blk other = {.s = b->s, .v = qvirtio_new(b->v->pci->bus, 0, QPCI_DEVFN(5, 0), false)};

    blk_buffers(&other);
    qvirtio_start(b->v, 0, 4, 0, false);
    qvirtio_start(other.v, 0, 1, 0, false);
    for (unsigned i = 0; i < 3; i++) {
        if (i == 2) { /* no guest listens to the slot: it goes with the reset */
            qtest_qmp_ok(b->s, "{'execute': 'device_del', 'arguments': {'id': 'n0'}}");
            qtest_qmp_ok(b->s, "{'execute': 'system_reset'}");
            json_object_put(qtest_qmp_event(b->s, "DEVICE_DELETED"));
            json_object_put(qtest_qmp_event(b->s, "RESET"));
            qvirtio_probe(b->v);
            qvirtio_probe(other.v);
            qvirtio_start(b->v, 0, 4, 0, false);
            qvirtio_start(other.v, 0, 1, 0, false);
        }
        qtest_memset(b->s, b->data, (uint8_t)(0x11 * (i + 1)), 512);
        g_assert_cmphex(blk_request(b, 0, 1, i, b->data, 512, false, false, 1), ==, 0);
        qtest_memset(b->s, other.data, 0, 512);
        g_assert_cmphex(blk_read(&other, 0, i, other.data, 512), ==, 0);
        g_assert_cmphex(qtest_readl(b->s, other.data + 508), ==, 0x11111111u * (i + 1));
    }
    qvirtio_free(other.v);
    blk_stop(b);
    for (unsigned i = 0; i < G_N_ELEMENTS(refused); i++) {
        qtest_refused("d0|share-rw=on",
                      "-machine q35,accel=qtest -display none -nodefaults -blockdev "
                      "null-co,node-name=d0 %s",
                      refused[i]);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/virtio-blk/identity", test_identity);
    qhome_add("/virtio-blk/registers", test_registers);
    qhome_add("/virtio-blk/msix", test_msix);
    qhome_add("/virtio-blk/intx", test_intx);
    qhome_add("/virtio-blk/notify", test_notify);
    g_test_add_func("/virtio-blk/notify-refused", test_notify_refused);
    qhome_add("/virtio-blk/bus-master", test_bus_master);
    qhome_add("/virtio-blk/share-rw", test_share_rw);
    return blk_run();
}
