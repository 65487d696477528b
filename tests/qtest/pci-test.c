/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCI as a guest sees it: configuration access, BAR sizes and moves, decoding, bus mastering, MSI-X
 * masking and pending bits. */
#include "libqtest.h"
#include "pci.h"

#include <string.h>
#include <unistd.h>

enum {
    MSIX_DEVFN = QPCI_DEVFN(4, 0),
    TESTDEV_DEVFN = QPCI_DEVFN(5, 0),
    PORT_DEVFN = QPCI_DEVFN(6, 0)
};

static QTestState *s;
static QPCIBus *bus;

static void start(const char *args)
{
    s = qtest_initf("-machine q35 -nodefaults %s", args);
    bus = qpci_new(s);
}

static void stop(void)
{
    qpci_free(bus);
    qtest_quit(s);
}

static void test_config_access(void)
{
    start("-device pci-testdev,addr=05.0");

    QPCIDevice *dev = qpci_device_at(bus, 0, TESTDEV_DEVFN);
    g_assert_nonnull(dev);
    uint32_t id = qpci_config_readl(dev, 0);

    /* The low bits of the address register count: the offset as it is, and then 0xcfc itself. */
    qtest_outl(s, 0xcf8, 0x80000000u | TESTDEV_DEVFN << 8 | 2);
    g_assert_cmphex(qtest_inw(s, 0xcfc), ==, id >> 16);
    qtest_outl(s, 0xcf8, 0x80000000u | TESTDEV_DEVFN << 8 | 3);
    g_assert_cmphex(qtest_inb(s, 0xcfc), ==, id >> 24);
    /* Byte lanes. */
    qtest_outl(s, 0xcf8, 0x80000000u | TESTDEV_DEVFN << 8);
    for (int i = 0; i < 4; i++) {
        g_assert_cmphex(qtest_inb(s, (uint16_t)(0xcfc + i)), ==, id >> 8 * i & 0xff);
    }
    /* Only 32-bit writes change the address register, and without the enable bit nothing is
     * selected. */
    qtest_outw(s, 0xcf8, 0x1234);
    qtest_outb(s, 0xcf8, 0x12);
    g_assert_cmphex(qtest_inl(s, 0xcf8), ==, 0x80000000u | TESTDEV_DEVFN << 8);
    qtest_outl(s, 0xcf8, TESTDEV_DEVFN << 8);
    g_assert_cmphex(qtest_inl(s, 0xcfc), ==, 0xffffffffu);
    /* Nobody there. */
    g_assert_null(qpci_device_at(bus, 0, QPCI_DEVFN(9, 0)));
    g_assert_null(qpci_device_at(bus, 7, 0));
    /* Vendor and device cannot be written. */
    qpci_config_writel(dev, 0, 0);
    g_assert_cmphex(qpci_config_readl(dev, 0), ==, id);
    /* ECAM shows the same, and writes through it arrive. */
    qpci_enable_ecam(bus);
    g_assert_cmphex(qpci_config_readl(dev, 0), ==, id);
    qpci_config_writew(dev, 4, 2);
    g_assert_cmphex(qpci_config_readw(dev, 4), ==, 2);
    bus->ecam = 0;
    g_assert_cmphex(qpci_config_readw(dev, 4), ==, 2);
    qpci_device_free(dev);
    stop();
}

/* All BARs of dev: size is a power of two, the low bits say the type, and the register takes any
 * multiple of the size. */
static void check_bars(QPCIDevice *dev, int n)
{
    for (int i = 0; i < n; i++) {
        uint16_t reg = (uint16_t)(0x10 + 4 * i);
        bool io, is64;
        uint64_t size = qpci_bar_size(dev, i, &io, &is64);

        if (!size) {
            g_assert_cmphex(qpci_config_readl(dev, reg), ==, 0);
            continue;
        }
        g_assert_cmphex(size & (size - 1), ==, 0);
        g_assert_cmpuint(size, >=, io ? 4 : 16);
        for (uint64_t a = size; a && a < (io ? 0x10000 : 0x100000000); a <<= 1) {
            qpci_config_writel(dev, reg, (uint32_t)a);
            g_assert_cmphex(qpci_config_readl(dev, reg) & (io ? ~3u : ~15u), ==, (uint32_t)a);
        }
        qpci_config_writel(dev, reg, (uint32_t)(size / 2));
        g_assert_cmphex(qpci_config_readl(dev, reg) & (io ? ~3u : ~15u), ==, 0);
        qpci_config_writel(dev, reg, 0);
        if (is64) {
            qpci_config_writel(dev, reg + 4, 0x12345678);
            g_assert_cmphex(qpci_config_readl(dev, reg + 4), ==, 0x12345678);
            qpci_config_writel(dev, reg + 4, 0);
            i++;
        }
    }
}

static void test_bar_sizes(void)
{
    start("-device pci-testdev,addr=05.0 -device pci-testdev,membar=64K,addr=07.0 -device "
          "nvme,serial=x,addr=04.0 "
          "-device pcie-root-port,id=rp,addr=06.0");
    for (unsigned devfn = 0; devfn < 256; devfn++) {
        QPCIDevice *dev = qpci_device_at(bus, 0, (uint8_t)devfn);

        if (dev) {
            bool bridge = (qpci_config_readb(dev, 0xe) & 0x7f) == 1;

            g_test_message("%02x.%x", devfn >> 3, devfn & 7);
            check_bars(dev, bridge ? 2 : 6);
            qpci_device_free(dev);
        }
    }
    stop();
}

/* NVMe's version register (offset 8) shows where the BAR is. */
static void test_bar_moves(void)
{
    start("-device nvme,serial=x,addr=04.0");

    QPCIDevice *dev = qpci_device_at(bus, 0, MSIX_DEVFN);
    g_autofree QPCIBar *bar = qpci_iomap_at(dev, 0, 0xe0000000);
    uint32_t version;

    g_assert_cmphex(qtest_readl(s, 0xe0000008), ==, 0); /* memory is not enabled */
    qpci_device_enable(dev);
    version = qtest_readl(s, 0xe0000008);
    g_assert_cmphex(version, >=, 0x10000);
    for (int i = 0; i < 8; i++) {
        uint32_t a = 0xe1000000 + 0x100000 * (uint32_t)i;

        qpci_config_writel(dev, 0x10, a);
        g_assert_cmphex(qtest_readl(s, a + 8), ==, version);
        g_assert_cmphex(qtest_readl(s, 0xe0000008), ==, 0);
    }
    /* Above 4 GiB. */
    qpci_config_writel(dev, 0x10, 0x40000000);
    qpci_config_writel(dev, 0x14, 0x2);
    g_assert_cmphex(qtest_readl(s, 0x240000008), ==, version);
    qpci_config_writel(dev, 0x14, 0);
    /* On top of RAM, RAM is what a guest sees again after the BAR has moved on. */
    qtest_writel(s, 0x1000008, 0x5eed);
    qpci_config_writel(dev, 0x10, 0x1000000);
    qpci_config_writel(dev, 0x10, 0xe0000000);
    g_assert_cmphex(qtest_readl(s, 0x1000008), ==, 0x5eed);
    g_assert_cmphex(qtest_readl(s, 0xe0000008), ==, version);
    qpci_config_writew(dev, 4, 4); /* memory off */
    g_assert_cmphex(qtest_readl(s, 0xe0000008), ==, 0);
    qpci_config_writew(dev, 4, 6);
    g_assert_cmphex(qtest_readl(s, 0xe0000008), ==, version);
    /* Sizing while it is mapped must not leave it at the sizing address. */
    bool io, is64;
    g_assert_cmphex(qpci_bar_size(dev, 0, &io, &is64), ==, bar->size);
    g_assert_cmphex(qtest_readl(s, 0xe0000008), ==, version);

    qtest_system_reset(s);
    g_assert_cmphex(qpci_config_readl(dev, 0x10) & ~15u, ==, 0);
    g_assert_cmphex(qpci_config_readw(dev, 4) & 7, ==, 0);
    g_assert_cmphex(qtest_readl(s, 0xe0000008), ==, 0);
    qpci_device_free(dev);
    stop();
}

/* --- MSI-X and bus mastering, with an NVMe admin queue as the source of DMA and messages
 * --------------------------------- */

typedef struct Admin {
    QPCIDevice *dev;
    QPCIBar *bar;
    uint64_t sq, cq;
    unsigned tail, head;
    bool phase;
} Admin;

static void admin_start(Admin *a)
{
    memset(a, 0, sizeof(*a));
    a->dev = qpci_device_at(bus, 0, MSIX_DEVFN);
    a->phase = true;
    a->sq = qtest_alloc(s, 4096, 0);
    a->cq = qtest_alloc(s, 4096, 0);
    qpci_device_enable(a->dev);
    qpci_msix_enable(a->dev); /* its table shares BAR 0 with the registers, or has one of its own */
    a->bar = (qpci_config_readl(a->dev, qpci_find_capability(a->dev, 0x11, 0) + 4) & 7) == 0
                 ? a->dev->msix_bar
                 : qpci_iomap(a->dev, 0);
    qpci_io_write(a->bar, 0x24, 4, 15 << 16 | 15);
    qpci_io_write(a->bar, 0x28, 4, a->sq);
    qpci_io_write(a->bar, 0x2c, 4, 0);
    qpci_io_write(a->bar, 0x30, 4, a->cq);
    qpci_io_write(a->bar, 0x34, 4, 0);
    qpci_io_write(a->bar, 0x14, 4, 4 << 20 | 6 << 16 | 1);
    for (int i = 0; !(qpci_io_read(a->bar, 0x1c, 4) & 1); i++) {
        g_assert_cmpint(i, <, 20000);
        g_usleep(1000);
    }
}

static void admin_stop(Admin *a)
{
    if (a->bar != a->dev->msix_bar) {
        g_free(a->bar);
    }
    qpci_device_free(a->dev);
}

/* Identify controller, to buf. */
static void admin_submit(Admin *a, uint64_t buf)
{
    uint32_t cmd[16] = {[0] = 6 | (0x100 + a->tail) << 16, [10] = 1};

    cmd[6] = (uint32_t)buf;
    qtest_memwrite(s, a->sq + 64 * a->tail, cmd, sizeof(cmd));
    a->tail = (a->tail + 1) % 16;
    qpci_io_write(a->bar, 0x1000, 4, a->tail);
}

static bool admin_completed(Admin *a)
{
    uint16_t status = qtest_readw(s, a->cq + 16 * a->head + 14);

    return (status & 1) == a->phase;
}

static void admin_take(Admin *a)
{
    for (int i = 0; !admin_completed(a); i++) {
        g_assert_cmpint(i, <, 20000);
        g_usleep(1000);
    }
    g_assert_cmphex(qtest_readw(s, a->cq + 16 * a->head + 14) >> 1, ==, 0);
    a->head = (a->head + 1) % 16;
    a->phase ^= a->head == 0;
    qpci_io_write(a->bar, 0x1004, 4, a->head);
}

static void test_msix(void)
{
    Admin a;

    start("-device nvme,serial=x,addr=04.0");
    admin_start(&a);
    uint64_t buf = qtest_alloc(s, 4096, 0);

    admin_submit(&a, buf);
    admin_take(&a);
    qpci_msix_wait(a.dev, 0);
    g_assert_false(qpci_msix_pending(a.dev, 0));

    /* The vector is masked: the message waits in the pending bit, which only the device writes. */
    qpci_msix_mask(a.dev, 0, true);
    admin_submit(&a, buf);
    admin_take(&a);
    for (int i = 0; !qpci_msix_pending(a.dev, 0); i++) {
        g_assert_cmpint(i, <, 20000);
        g_usleep(1000);
    }
    g_assert_false(qpci_msix_take(a.dev, 0));
    qpci_io_write(a.dev->pba_bar, a.dev->msix_pba, 4, 0);
    g_assert_true(qpci_msix_pending(a.dev, 0));
    qpci_msix_mask(a.dev, 0, false);
    qpci_msix_wait(a.dev, 0);
    g_assert_false(qpci_msix_pending(a.dev, 0));

    /* The function is masked. */
    qpci_msix_mask_all(a.dev, true);
    admin_submit(&a, buf);
    admin_take(&a);
    for (int i = 0; !qpci_msix_pending(a.dev, 0); i++) {
        g_assert_cmpint(i, <, 20000);
        g_usleep(1000);
    }
    g_assert_false(qpci_msix_take(a.dev, 0));
    qpci_msix_mask_all(a.dev, false);
    qpci_msix_wait(a.dev, 0);

    /* A new address and new data take effect with the next message. */
    uint64_t other = qtest_alloc(s, 4, 4);
    qpci_io_write(a.dev->msix_bar, a.dev->msix_table, 4, other);
    qpci_io_write(a.dev->msix_bar, a.dev->msix_table + 8, 4, 0x1234);
    admin_submit(&a, buf);
    admin_take(&a);
    for (int i = 0; qtest_readl(s, other) != 0x1234; i++) {
        g_assert_cmpint(i, <, 20000);
        g_usleep(1000);
    }
    g_assert_false(qpci_msix_take(a.dev, 0));

    qtest_system_reset(s);
    g_assert_cmphex(qpci_config_readw(a.dev, qpci_find_capability(a.dev, 0x11, 0) + 2) & 0xc000, ==,
                    0);
    admin_stop(&a);
    stop();
}

static void test_bus_master(void)
{
    Admin a;

    start("-device nvme,serial=x,addr=04.0");
    admin_start(&a);
    uint64_t buf = qtest_alloc(s, 4096, 0);

    qtest_memset(s, buf, 0xee, 4096);
    qpci_config_writew(a.dev, 4, 2); /* memory on, bus master off */
    admin_submit(&a, buf);
    g_usleep(100000);
    /* Neither data, nor a completion, nor a message gets through. */
    g_assert_cmphex(qtest_readl(s, buf), ==, 0xeeeeeeeeu);
    g_assert_false(admin_completed(&a));
    g_assert_false(qpci_msix_take(a.dev, 0));
    admin_stop(&a);
    stop();
}

static void test_root_port(void)
{
    start("-device pcie-root-port,id=rp,addr=06.0 -device nvme,serial=x,bus=rp");

    QPCIDevice *port = qpci_device_at(bus, 0, PORT_DEVFN), *dev;
    g_autofree QPCIBar *bar = NULL;

    g_assert_nonnull(port);
    g_assert_null(qpci_device_at(bus, 1, 0)); /* no bus number yet */
    qpci_bridge_setup(port, 1);
    dev = qpci_device_at(bus, 1, 0);
    g_assert_nonnull(dev);
    g_assert_null(qpci_device_at(bus, 1, QPCI_DEVFN(1, 0)));
    bar = qpci_iomap(dev, 0);
    qpci_device_enable(dev);
    g_assert_cmphex(qpci_io_read(bar, 8, 4), >=, 0x10000);
    /* Outside of the window it is not reached. */
    qpci_config_writel(dev, 0x10, 0xf8000000);
    g_assert_cmphex(qtest_readl(s, 0xf8000008), ==, 0);
    qpci_config_writel(dev, 0x10, (uint32_t)bar->addr);
    g_assert_cmphex(qpci_io_read(bar, 8, 4), >=, 0x10000);
    qpci_config_writew(port, 4, 0);
    g_assert_cmphex(qpci_io_read(bar, 8, 4), ==, 0);
    /* The port's own device number is refused for others. */
    g_free(qtest_qmp_error(s, "GenericError",
                           "{'execute': 'device_add', 'arguments': {'driver': "
                           "'nvme', 'serial': 'y', 'bus': 'rp', 'addr': '1'}}"));
    qpci_device_free(dev);
    qpci_device_free(port);
    stop();
}

/* pci-testdev: each test counts the writes that match it and no others, wherever the BAR is served.
 */
static int64_t number(json_object *o, const char *path)
{
    json_object *v = o;
    g_auto(GStrv) names = g_strsplit(path, ".", -1);

    for (char **name = names; *name; name++) {
        if (json_object_is_type(v, json_type_array)) {
            v = json_object_array_get_idx(v, (size_t)atoi(*name));
        } else if (!json_object_object_get_ex(v, *name, &v)) {
            v = NULL;
        }
        if (!v) {
            g_error("no %s in %s", path, json_object_to_json_string(o));
        }
    }
    return json_object_get_int64(v);
}

/* The function at a place in query-pci's list. */
static json_object *listed(json_object *devices, int slot, int function)
{
    for (size_t i = 0; i < json_object_array_length(devices); i++) {
        json_object *d = json_object_array_get_idx(devices, i);

        if (number(d, "slot") == slot && number(d, "function") == function) {
            return d;
        }
    }
    return NULL;
}

/* Slot control and status (PCI Express 4.0, 7.5.3.10 and .11). */
enum {
    SLTCTL = 0x18,
    SLTSTA = 0x1a,
    CTL_HPIE = 0x20,
    CTL_PIC_ON = 0x100,
    CTL_OFF = 0x700, /* power and its indicator */
    STA_ABP = 1,
    STA_PDC = 8,
    STA_PDS = 0x40
};

static void plug(const char *what)
{
    qtest_qmp_ok(s, "{'execute': '%s', 'arguments': {%s'id': 'n0'}}", what,
                 g_str_equal(what, "device_add") ? "'driver': 'nvme', 'serial': 'x', 'bus': 'rp', "
                                                 : "");
}

/* A device that comes before anybody listens to the slot is not found, and leaves at once; whoever
 * gives it power is asked before it leaves. */
static void test_hotplug(void)
{
    start("-device pcie-root-port,id=rp,addr=06.0");

    QPCIDevice *port = qpci_device_at(bus, 0, PORT_DEVFN), *dev;
    uint16_t exp = qpci_find_capability(port, 0x10, 0), ctl = exp + SLTCTL, sta = exp + SLTSTA;

    qpci_bridge_setup(port, 1);
    for (unsigned round = 0; round < 2; round++) {
        g_assert_cmphex(qpci_config_readw(port, ctl) & CTL_OFF, ==, CTL_OFF);
        g_assert_cmphex(qpci_config_readw(port, sta) & STA_PDS, ==, 0);
        plug("device_add");
        g_assert_cmphex(qpci_config_readw(port, ctl) & CTL_OFF, ==, CTL_OFF);
        g_assert_cmphex(qpci_config_readw(port, sta) & STA_PDS, ==, STA_PDS);
        g_assert_null(qpci_device_at(bus, 1, 0));
        plug("device_del");
        json_object_put(qtest_qmp_event(s, "DEVICE_DELETED"));
    }
    plug("device_add");
    for (unsigned round = 0; round < 3; round++) {
        /* The operating system comes, and forgets what was. */
        qpci_config_writew(port, sta, 0xffff);
        qpci_config_writew(port, ctl, qpci_config_readw(port, ctl) | CTL_HPIE);
        g_assert_null(qpci_device_at(bus, 1, 0));
        qpci_config_writew(port, ctl, (qpci_config_readw(port, ctl) & ~CTL_OFF) | CTL_PIC_ON);
        g_assert_nonnull(dev = qpci_device_at(bus, 1, 0));
        /* Without power it forgets what was written to it. */
        qpci_config_writeb(dev, 0x3c, 0x55);
        qpci_config_writew(port, ctl, qpci_config_readw(port, ctl) | CTL_OFF);
        g_assert_null(qpci_device_at(bus, 1, 0));
        qpci_config_writew(port, ctl, (qpci_config_readw(port, ctl) & ~CTL_OFF) | CTL_PIC_ON);
        g_assert_cmphex(qpci_config_readb(dev, 0x3c), ==, 0);
        plug("device_del");
        g_assert_cmphex(qpci_config_readw(port, sta) & (STA_ABP | STA_PDC), ==, STA_ABP);
        g_assert_false(qtest_qmp_has_event(s, "DEVICE_DELETED"));
        qpci_device_free(dev);
        g_assert_nonnull(dev = qpci_device_at(bus, 1, 0));
        qpci_device_free(dev);
        qpci_config_writew(port, ctl, qpci_config_readw(port, ctl) | CTL_OFF);
        json_object_put(qtest_qmp_event(s, "DEVICE_DELETED"));
        g_assert_null(qpci_device_at(bus, 1, 0));
        g_assert_cmphex(qpci_config_readw(port, sta) & (STA_PDC | STA_PDS), ==, STA_PDC);
        qpci_config_writew(port, sta, 0xffff);
        plug("device_add");
        g_assert_cmphex(qpci_config_readw(port, ctl) & CTL_OFF, ==, CTL_OFF);
        g_assert_cmphex(qpci_config_readw(port, sta) & (STA_ABP | STA_PDC | STA_PDS), ==,
                        STA_ABP | STA_PDC | STA_PDS);
    }
    /* What is there when the machine is reset has power. */
    qtest_system_reset(s);
    qpci_bridge_setup(port, 1);
    g_assert_cmphex(qpci_config_readw(port, ctl) & CTL_OFF, ==, CTL_PIC_ON);
    g_assert_nonnull(dev = qpci_device_at(bus, 1, 0));
    qpci_device_free(dev);
    qpci_device_free(port);
    stop();
}

static void test_query(void)
{
    start("-device pcie-root-port,id=rp,addr=06.0 -device nvme,serial=x,bus=rp,id=n");

    QPCIDevice *port = qpci_device_at(bus, 0, PORT_DEVFN), *dev;
    json_object *list = qtest_qmp_return(s, "{'execute': 'query-pci'}"), *devices, *d, *behind;
    g_autofree QPCIBar *bar = NULL;
    g_autofree char *text = NULL;

    /* Before the guest configures anything. */
    g_assert_cmpint(number(list, "0.bus"), ==, 0);
    g_assert_true(
        json_object_object_get_ex(json_object_array_get_idx(list, 0), "devices", &devices));
    d = listed(devices, 0, 0);
    g_assert_cmphex((uint64_t)number(d, "id.vendor"), ==, 0x8086);
    g_assert_cmphex((uint64_t)number(d, "class_info.class"), ==, 0x600);
    d = listed(devices, 6, 0);
    g_assert_cmphex((uint64_t)number(d, "class_info.class"), ==, 0x604);
    g_assert_cmpint(number(d, "pci_bridge.bus.secondary"), ==, 0);
    g_assert_cmpint(number(d, "pci_bridge.devices.0.regions.0.address"), ==, -1);
    json_object_put(list);

    qpci_bridge_setup(port, 1);
    dev = qpci_device_at(bus, 1, 0);
    bar = qpci_iomap(dev, 0);
    qpci_device_enable(dev);
    list = qtest_qmp_return(s, "{'execute': 'query-pci'}");
    g_assert_true(
        json_object_object_get_ex(json_object_array_get_idx(list, 0), "devices", &devices));
    d = listed(devices, 6, 0);
    g_assert_cmpint(number(d, "pci_bridge.bus.secondary"), ==, 1);
    g_assert_cmpint(number(d, "pci_bridge.bus.memory_range.base"), <=, (int64_t)bar->addr);
    g_assert_cmpint(number(d, "pci_bridge.bus.memory_range.limit"), >, (int64_t)bar->addr);
    g_assert_true(json_object_object_get_ex(d, "pci_bridge", &behind));
    g_assert_true(json_object_object_get_ex(behind, "devices", &behind));
    d = listed(behind, 0, 0);
    g_assert_cmpint(number(d, "bus"), ==, 1);
    g_assert_cmphex((uint64_t)number(d, "class_info.class"), ==, 0x108);
    g_assert_cmpint(number(d, "regions.0.address"), ==, (int64_t)bar->addr);
    g_assert_cmpint(number(d, "regions.0.size"), >=, 0x2000);
    json_object_put(list);
    text = qtest_hmp(s, "info pci");
    g_assert_nonnull(strstr(text, "NVMe controller"));
    g_assert_nonnull(strstr(text, "id \"n\""));
    list = qtest_qmp_return(s, "{'execute': 'query-memory-size-summary'}");
    g_assert_cmpint(number(list, "base-memory"), ==, 128 << 20);
    json_object_put(list);
    qpci_device_free(dev);
    qpci_device_free(port);
    stop();
}

static void check_testdev(QPCIBar *bar, bool io)
{
    static const char *const kinds[] = {"no-eventfd", "wildcard-eventfd", "datamatch-eventfd"};

    for (unsigned test = 0; test < G_N_ELEMENTS(kinds); test++) {
        g_autofree char *want = g_strdup_printf("%s-%s", io ? "portio" : "mmio", kinds[test]);
        char name[32];
        uint64_t offset, data;

        qpci_io_write(bar, 0, 1, test);
        g_assert_cmpuint(qpci_io_read(bar, 0, 1), ==, test);
        offset = qpci_io_read(bar, 4, 4);
        data = qpci_io_read(bar, 8, 4);
        g_assert_cmpuint(qpci_io_read(bar, 12, 4), ==, 0);
        for (unsigned i = 0; i < sizeof(name); i++) {
            name[i] = (char)qpci_io_read(bar, 16 + i, 1);
        }
        name[sizeof(name) - 1] = 0;
        g_assert_cmpstr(name, ==, want);
        for (unsigned i = 0; i < 10; i++) {
            qpci_io_write(bar, offset, 1, data);
        }
        g_assert_cmpuint(qpci_io_read(bar, 12, 4), ==, 10);
        qpci_io_write(bar, offset, 1, data ^ 1);
        g_assert_cmpuint(qpci_io_read(bar, 12, 4), ==, test == 2 ? 10 : 11);
        qpci_io_write(bar, offset + 4, 1, data);
        g_assert_cmpuint(qpci_io_read(bar, 12, 4), ==, test == 2 ? 10 : 11);
    }
    qpci_io_write(bar, 0, 1, 3); /* there is none */
    g_assert_cmphex(qpci_io_read(bar, 0, 1), ==, 0xff);
}

static void test_testdev(void)
{
    static const char *const homes[] = {
        "",
        "-object iothread,id=i -object ioregionfd,id=m,iothread=i,device=t,region=pci-testdev-mmio "
        "-object ioregionfd,id=p,iothread=i,device=t,region=pci-testdev-portio",
        "-object iothread,id=i -object "
        "ioregionfd,id=m,iothread=i,transport=socket,device=t,region=pci-testdev-mmio",
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(homes); i++) {
        g_autofree char *args = g_strdup_printf("-device pci-testdev,id=t,addr=05.0 %s", homes[i]);

        start(args);
        QPCIDevice *dev = qpci_device_at(bus, 0, TESTDEV_DEVFN);
        g_autofree QPCIBar *mem = qpci_iomap(dev, 0), *io = qpci_iomap(dev, 1);

        qpci_device_enable(dev);
        check_testdev(mem, false);
        check_testdev(io, true);
        check_testdev(mem, false);
        /* A reset forgets the choice, a moved BAR keeps it. */
        qpci_io_write(mem, 0, 1, 1);
        qtest_qmp_ok(s, "{'execute': 'system_reset'}");
        json_object_put(qtest_qmp_event(s, "RESET"));
        qpci_config_writel(dev, 0x10, (uint32_t)mem->addr);
        qpci_device_enable(dev);
        g_assert_cmphex(qpci_io_read(mem, 0, 1), ==, 0xff);
        qpci_device_free(dev);
        stop();
    }
}

/* A card's own ROM carries the card's IDs, whichever card it was made for; one that the user names
 * is left as it is. */
static void test_option_rom(void)
{
    static const struct {
        const char *device;
        uint16_t id;
    } cases[] = {{"virtio-net-pci,addr=04.0", 0x1000},
                 {"virtio-net-pci,addr=04.0,disable-legacy=on", 0x1041},
                 {"virtio-net-pci,addr=04.0,romfile=efi-virtio.rom", 0x1041}};

    if (access("/usr/lib/ipxe/qemu/efi-virtio.rom", R_OK)) {
        g_test_skip("package ipxe-qemu is not installed");
        return;
    }
    for (unsigned n = 0; n < G_N_ELEMENTS(cases); n++) {
        g_autofree char *args = g_strdup_printf("-device %s", cases[n].device);
        uint8_t rom[128 * 1024], sum = 0;
        uint16_t at;

        start(args);
        QPCIDevice *dev = qpci_device_at(bus, 0, QPCI_DEVFN(4, 0));

        qpci_config_writel(dev, 0x30, 0xfe000001);
        qpci_device_enable(dev);
        qtest_bufread(s, 0xfe000000, rom, sizeof(rom));
        g_assert_cmphex(rom[0] | rom[1] << 8, ==, 0xaa55);
        for (unsigned i = 0; i < rom[2] * 512u; i++) {
            sum += rom[i];
        }
        g_assert_cmphex(sum, ==, 0);
        at = rom[0x18] | rom[0x19] << 8;
        g_assert_cmpmem(rom + at, 4, "PCIR", 4);
        g_assert_cmphex(rom[at + 4] | rom[at + 5] << 8, ==, 0x1af4);
        g_assert_cmphex(rom[at + 6] | rom[at + 7] << 8, ==, cases[n].id);
        qpci_device_free(dev);
        stop();
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pci/config-access", test_config_access);
    g_test_add_func("/pci/bar-sizes", test_bar_sizes);
    g_test_add_func("/pci/bar-moves", test_bar_moves);
    g_test_add_func("/pci/msix", test_msix);
    g_test_add_func("/pci/bus-master", test_bus_master);
    g_test_add_func("/pci/root-port", test_root_port);
    g_test_add_func("/pci/hotplug", test_hotplug);
    g_test_add_func("/pci/query", test_query);
    g_test_add_func("/pci/testdev", test_testdev);
    g_test_add_func("/pci/option-rom", test_option_rom);
    return g_test_run();
}
