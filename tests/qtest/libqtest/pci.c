/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest's PCI driver code, for tests. Offsets are those of PCI Local Bus 3.0, chapter 6. */
#include "pci.h"

enum {
    CFG_COMMAND = 4,
    CFG_STATUS = 6,
    CFG_HEADER = 0xe,
    CFG_BAR0 = 0x10,
    CFG_PRIMARY = 0x18,
    CFG_IO_BASE = 0x1c,
    CFG_MEM_BASE = 0x20,
    CFG_PREF_BASE = 0x24,
    CFG_CAPS = 0x34,
    CAP_MSIX = 0x11,
    MEM_START = 0xe0000000u,
    IO_START = 0xc000,
    ECAM_BASE = 0xb0000000u,
};

QPCIBus *qpci_new(QTestState *s)
{
    QPCIBus *bus = g_new0(QPCIBus, 1);

    bus->s = s;
    bus->mem_next = MEM_START;
    bus->io_next = IO_START;
    return bus;
}

void qpci_free(QPCIBus *bus)
{
    g_free(bus);
}

/* --- configuration
 * -----------------------------------------------------------------------------------------------------
 */

static uint64_t ecam_address(QPCIBus *bus, uint8_t bus_num, uint8_t devfn, uint16_t offset)
{
    return bus->ecam + ((uint64_t)bus_num << 20 | (uint64_t)devfn << 12 | offset);
}

static uint32_t config_read(QPCIBus *bus, uint8_t bus_num, uint8_t devfn, uint16_t offset,
                            unsigned size)
{
    if (bus->ecam) {
        uint64_t a = ecam_address(bus, bus_num, devfn, offset);

        return size == 1   ? qtest_readb(bus->s, a)
               : size == 2 ? qtest_readw(bus->s, a)
                           : qtest_readl(bus->s, a);
    }
    g_assert_cmpuint(offset, <, 256);
    qtest_outl(bus->s, 0xcf8,
               0x80000000u | (uint32_t)bus_num << 16 | (uint32_t)devfn << 8 | (offset & 0xfc));
    return size == 1   ? qtest_inb(bus->s, 0xcfc + (offset & 3))
           : size == 2 ? qtest_inw(bus->s, 0xcfc + (offset & 3))
                       : qtest_inl(bus->s, 0xcfc);
}

static void config_write(QPCIDevice *dev, uint16_t offset, unsigned size, uint32_t v)
{
    QTestState *s = dev->bus->s;

    if (dev->bus->ecam) {
        uint64_t a = ecam_address(dev->bus, dev->bus_num, dev->devfn, offset);

        if (size == 1) {
            qtest_writeb(s, a, (uint8_t)v);
        } else if (size == 2) {
            qtest_writew(s, a, (uint16_t)v);
        } else {
            qtest_writel(s, a, v);
        }
        return;
    }
    g_assert_cmpuint(offset, <, 256);
    qtest_outl(s, 0xcf8,
               0x80000000u | (uint32_t)dev->bus_num << 16 | (uint32_t)dev->devfn << 8 |
                   (offset & 0xfc));
    if (size == 1) {
        qtest_outb(s, 0xcfc + (offset & 3), (uint8_t)v);
    } else if (size == 2) {
        qtest_outw(s, 0xcfc + (offset & 3), (uint16_t)v);
    } else {
        qtest_outl(s, 0xcfc, v);
    }
}

uint8_t qpci_config_readb(QPCIDevice *dev, uint16_t offset)
{
    return (uint8_t)config_read(dev->bus, dev->bus_num, dev->devfn, offset, 1);
}

uint16_t qpci_config_readw(QPCIDevice *dev, uint16_t offset)
{
    return (uint16_t)config_read(dev->bus, dev->bus_num, dev->devfn, offset, 2);
}

uint32_t qpci_config_readl(QPCIDevice *dev, uint16_t offset)
{
    return config_read(dev->bus, dev->bus_num, dev->devfn, offset, 4);
}

void qpci_config_writeb(QPCIDevice *dev, uint16_t offset, uint8_t v)
{
    config_write(dev, offset, 1, v);
}

void qpci_config_writew(QPCIDevice *dev, uint16_t offset, uint16_t v)
{
    config_write(dev, offset, 2, v);
}

void qpci_config_writel(QPCIDevice *dev, uint16_t offset, uint32_t v)
{
    config_write(dev, offset, 4, v);
}

void qpci_enable_ecam(QPCIBus *bus)
{
    QPCIDevice *host = qpci_device_at(bus, 0, 0);

    g_assert_nonnull(host);
    /* PCIEXBAR of the 82Q35 memory controller: base, 256 MiB, enable (datasheet, 5.1.16). */
    qpci_config_writel(host, 0x64, 0);
    qpci_config_writel(host, 0x60, ECAM_BASE | 1);
    bus->ecam = ECAM_BASE;
    qpci_device_free(host);
}

/* --- functions
 * ------------------------------------------------------------------------------------------------------------
 */

QPCIDevice *qpci_device_at(QPCIBus *bus, uint8_t bus_num, uint8_t devfn)
{
    QPCIDevice *dev;

    if (config_read(bus, bus_num, devfn, 0, 2) == 0xffff) {
        return NULL;
    }
    dev = g_new0(QPCIDevice, 1);
    dev->bus = bus;
    dev->bus_num = bus_num;
    dev->devfn = devfn;
    return dev;
}

QPCIDevice *qpci_device_find(QPCIBus *bus, uint16_t vendor, uint16_t device)
{
    for (unsigned devfn = 0; devfn < 256; devfn++) {
        if (config_read(bus, 0, (uint8_t)devfn, 0, 4) == ((uint32_t)device << 16 | vendor)) {
            return qpci_device_at(bus, 0, (uint8_t)devfn);
        }
    }
    return NULL;
}

void qpci_device_free(QPCIDevice *dev)
{
    if (dev) {
        if (dev->pba_bar != dev->msix_bar) {
            g_free(dev->pba_bar);
        }
        g_free(dev->msix_bar);
        g_free(dev);
    }
}

void qpci_device_enable(QPCIDevice *dev)
{
    uint16_t command = qpci_config_readw(dev, CFG_COMMAND) | 7;

    qpci_config_writew(dev, CFG_COMMAND, command);
    g_assert_cmphex(qpci_config_readw(dev, CFG_COMMAND) & 6, ==, 6);
}

uint8_t qpci_find_capability(QPCIDevice *dev, uint8_t id, uint8_t start)
{
    uint8_t at;

    if (!(qpci_config_readw(dev, CFG_STATUS) & 0x10)) {
        return 0;
    }
    at = qpci_config_readb(dev, start ? start + 1 : CFG_CAPS) & 0xfc;
    for (int left = 48; at; left--) {
        g_assert_cmpint(left, >, 0); /* a list without end */
        if (qpci_config_readb(dev, at) == id) {
            return at;
        }
        at = qpci_config_readb(dev, at + 1) & 0xfc;
    }
    return 0;
}

/* --- BARs
 * -------------------------------------------------------------------------------------------------------------------
 */

uint64_t qpci_bar_size(QPCIDevice *dev, int n, bool *io, bool *is64)
{
    uint16_t reg = (uint16_t)(CFG_BAR0 + 4 * n);
    uint32_t old = qpci_config_readl(dev, reg), mask;

    qpci_config_writel(dev, reg, 0xffffffffu);
    mask = qpci_config_readl(dev, reg);
    qpci_config_writel(dev, reg, old);
    *io = mask & 1;
    *is64 = !*io && (mask & 6) == 4;
    mask &= *io ? ~3u : ~15u;
    if (*io && mask) {
        mask |= 0xffff0000u; /* the upper half may be fixed to zero */
    }
    return mask ? (uint64_t)(~mask) + 1 : 0;
}

QPCIBar *qpci_iomap_at(QPCIDevice *dev, int n, uint64_t addr)
{
    uint16_t reg = (uint16_t)(CFG_BAR0 + 4 * n);
    QPCIBar *bar = g_new0(QPCIBar, 1);
    bool is64;

    bar->dev = dev;
    bar->size = qpci_bar_size(dev, n, &bar->io, &is64);
    g_assert_cmpuint(bar->size, >, 0);
    bar->addr = addr;
    qpci_config_writel(dev, reg, (uint32_t)addr);
    if (is64) {
        qpci_config_writel(dev, reg + 4, (uint32_t)(addr >> 32));
    }
    g_assert_cmphex(qpci_config_readl(dev, reg) & (bar->io ? ~3u : ~15u), ==, (uint32_t)addr);
    return bar;
}

QPCIBar *qpci_iomap(QPCIDevice *dev, int n)
{
    bool io, is64;
    uint64_t size = qpci_bar_size(dev, n, &io, &is64),
             *next = io ? &dev->bus->io_next : &dev->bus->mem_next, addr;

    g_assert_cmpuint(size, >, 0);
    addr = (*next + size - 1) & ~(size - 1);
    *next = addr + size;
    g_assert_cmphex(addr + size, <=, io ? 0x10000 : 0xfec00000u);
    return qpci_iomap_at(dev, n, addr);
}

uint64_t qpci_io_read(QPCIBar *bar, uint64_t offset, unsigned size)
{
    QTestState *s = bar->dev->bus->s;
    uint64_t a = bar->addr + offset;

    switch (size) {
    case 1:
        return bar->io ? qtest_inb(s, (uint16_t)a) : qtest_readb(s, a);
    case 2:
        return bar->io ? qtest_inw(s, (uint16_t)a) : qtest_readw(s, a);
    case 4:
        return bar->io ? qtest_inl(s, (uint16_t)a) : qtest_readl(s, a);
    default:
        g_assert_cmpuint(size, ==, 8);
        g_assert_false(bar->io);
        return qtest_readq(s, a);
    }
}

void qpci_io_write(QPCIBar *bar, uint64_t offset, unsigned size, uint64_t v)
{
    QTestState *s = bar->dev->bus->s;
    uint64_t a = bar->addr + offset;

    switch (size) {
    case 1:
        bar->io ? qtest_outb(s, (uint16_t)a, (uint8_t)v) : qtest_writeb(s, a, (uint8_t)v);
        break;
    case 2:
        bar->io ? qtest_outw(s, (uint16_t)a, (uint16_t)v) : qtest_writew(s, a, (uint16_t)v);
        break;
    case 4:
        bar->io ? qtest_outl(s, (uint16_t)a, (uint32_t)v) : qtest_writel(s, a, (uint32_t)v);
        break;
    default:
        g_assert_cmpuint(size, ==, 8);
        g_assert_false(bar->io);
        qtest_writeq(s, a, v);
    }
}

void qpci_open_ich9_pm(QTestState *s)
{
    qtest_outl(s, 0xcf8, 0x8000f840);
    qtest_outl(s, 0xcfc, 0x601);
    qtest_outl(s, 0xcf8, 0x8000f844);
    qtest_outb(s, 0xcfc, 0x80);
}

void qpci_slot_power_on(QPCIDevice *dev)
{
    uint8_t cap = qpci_find_capability(dev, 0x10, 0);
    uint16_t ctl;

    if (!cap || !(qpci_config_readw(dev, cap + 2) & 0x100) ||
        !(qpci_config_readl(dev, cap + 0x14) & 2) || !(qpci_config_readw(dev, cap + 0x1a) & 0x40)) {
        return; /* no slot, no power controller, nothing there */
    }
    ctl = qpci_config_readw(dev, cap + 0x18);
    if (ctl & 0x400) {
        qpci_config_writew(dev, cap + 0x18, (uint16_t)((ctl & ~0x700) | 0x100));
    }
}

void qpci_bridge_setup(QPCIDevice *dev, uint8_t secondary)
{
    QPCIBus *bus = dev->bus;
    uint64_t mem = (bus->mem_next + 0xffffff) & ~UINT64_C(0xffffff),
             io = (bus->io_next + 0xfff) & ~UINT64_C(0xfff);

    g_assert_cmphex(qpci_config_readb(dev, CFG_HEADER) & 0x7f, ==, 1);
    qpci_config_writel(dev, CFG_PRIMARY,
                       (uint32_t)secondary << 16 | (uint32_t)secondary << 8 | dev->bus_num);
    qpci_config_writew(dev, CFG_IO_BASE, (uint16_t)((io >> 8 & 0xf0) | (io & 0xf000)));
    qpci_config_writel(dev, CFG_MEM_BASE,
                       (uint32_t)((mem >> 16 & 0xfff0) | ((mem + 0xffffff) & 0xfff00000u)));
    qpci_config_writel(dev, CFG_PREF_BASE, 0x0000fff0); /* closed */
    qpci_device_enable(dev);
    qpci_slot_power_on(dev);
    /* What is behind it is placed in its windows, as long as nothing else is mapped in between. */
    bus->mem_next = mem;
    bus->io_next = io;
}

/* --- MSI-X
 * --------------------------------------------------------------------------------------------------------------------
 */

void qpci_msix_enable(QPCIDevice *dev)
{
    uint8_t cap = qpci_find_capability(dev, CAP_MSIX, 0);
    uint32_t table, pba;

    g_assert_cmpuint(cap, !=, 0);
    table = qpci_config_readl(dev, cap + 4);
    pba = qpci_config_readl(dev, cap + 8);
    dev->msix_vectors = (qpci_config_readw(dev, cap + 2) & 0x7ff) + 1;
    dev->msix_table = table & ~7u;
    dev->msix_pba = pba & ~7u;
    if (!dev->msix_bar) {
        dev->msix_bar = qpci_iomap(dev, table & 7);
        dev->pba_bar = (pba & 7) == (table & 7) ? dev->msix_bar : qpci_iomap(dev, pba & 7);
    }
    dev->msix_messages = qtest_alloc(dev->bus->s, 4 * dev->msix_vectors, 4);
    for (unsigned v = 0; v < dev->msix_vectors; v++) {
        uint32_t entry = dev->msix_table + 16 * v;

        qpci_io_write(dev->msix_bar, entry, 4, dev->msix_messages + 4 * v);
        qpci_io_write(dev->msix_bar, entry + 4, 4, 0);
        qpci_io_write(dev->msix_bar, entry + 8, 4, 0xcafe0000u | v);
        qpci_io_write(dev->msix_bar, entry + 12, 4, 0);
    }
    qpci_config_writew(dev, cap + 2, 0x8000);
    g_assert_cmphex(qpci_config_readw(dev, cap + 2) & 0xc000, ==, 0x8000);
}

void qpci_msix_disable(QPCIDevice *dev)
{
    qpci_config_writew(dev, qpci_find_capability(dev, CAP_MSIX, 0) + 2, 0);
}

void qpci_msix_mask(QPCIDevice *dev, unsigned vector, bool masked)
{
    qpci_io_write(dev->msix_bar, dev->msix_table + 16 * vector + 12, 4, masked);
}

void qpci_msix_mask_all(QPCIDevice *dev, bool masked)
{
    qpci_config_writew(dev, qpci_find_capability(dev, CAP_MSIX, 0) + 2, masked ? 0xc000 : 0x8000);
}

bool qpci_msix_pending(QPCIDevice *dev, unsigned vector)
{
    return qpci_io_read(dev->pba_bar, dev->msix_pba + vector / 32 * 4, 4) >> vector % 32 & 1;
}

bool qpci_msix_take(QPCIDevice *dev, unsigned vector)
{
    uint64_t addr = dev->msix_messages + 4 * vector;
    uint32_t data = qtest_readl(dev->bus->s, addr);

    if (!data) {
        return false;
    }
    g_assert_cmphex(data, ==, 0xcafe0000u | vector);
    qtest_writel(dev->bus->s, addr, 0);
    return true;
}

void qpci_msix_wait(QPCIDevice *dev, unsigned vector)
{
    gint64 end = g_get_monotonic_time() + 20 * G_TIME_SPAN_SECOND;

    while (!qpci_msix_take(dev, vector)) {
        if (g_get_monotonic_time() > end) {
            g_error("no message of vector %u within 20 s", vector);
        }
    }
}
