/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pc board as firmware finds it: chips and their places, shadow RAM, PIRQ routing, PM block,
 * reset. */
#include "libqtest.h"
#include "pci.h"

#include <string.h>

enum { PIIX3_DEVFN = QPCI_DEVFN(1, 0), PM_DEVFN = QPCI_DEVFN(1, 3) };
enum { PAM0 = 0x59, SMRAM = 0x72, PMBASE = 0x600, GPE0 = 0xafe0 };

static QTestState *s;
static QPCIBus *bus;

static void start(const char *args)
{
    s = qtest_initf("-nodefaults %s", args);
    bus = qpci_new(s);
}

static void stop(void)
{
    qpci_free(bus);
    qtest_quit(s);
}

static void expect_device(uint8_t devfn, uint32_t id, uint16_t class)
{
    QPCIDevice *dev = qpci_device_at(bus, 0, devfn);

    g_assert_nonnull(dev);
    g_assert_cmphex(qpci_config_readl(dev, 0), ==, id);
    g_assert_cmphex(qpci_config_readw(dev, 0x0a), ==, class);
    qpci_device_free(dev);
}

/* Without -machine the machine is pc. */
static void test_chips(void)
{
    start("");
    expect_device(QPCI_DEVFN(0, 0), 0x12378086, 0x0600);
    expect_device(PIIX3_DEVFN, 0x70008086, 0x0601);
    expect_device(PM_DEVFN, 0x71138086, 0x0680);
    stop();
}

static void test_versions(void)
{
    static const char *const versions[] = {"7.2", "8.0", "8.1",  "8.2", "9.0",
                                           "9.1", "9.2", "10.0", "10.1"};

    for (unsigned n = 0; n < G_N_ELEMENTS(versions); n++) {
        g_autofree char *piix = g_strdup_printf("-machine pc-i440fx-%s", versions[n]);
        g_autofree char *q35 = g_strdup_printf("-machine pc-q35-%s", versions[n]);

        start(piix);
        expect_device(QPCI_DEVFN(0, 0), 0x12378086, 0x0600);
        stop();
        start(q35);
        expect_device(QPCI_DEVFN(0, 0), 0x29c08086, 0x0600);
        stop();
    }
}

/* 440FX data sheet, 3.2.18: a segment is read from RAM, written to RAM, both or neither. */
static void test_pam(void)
{
    QPCIDevice *fx;

    start("");
    fx = qpci_device_at(bus, 0, QPCI_DEVFN(0, 0));
    for (int n = 1; n < 13; n++) {
        uint64_t addr = 0xc0000 + (n - 1) * 0x4000;
        uint16_t reg = PAM0 + (n + 1) / 2;
        unsigned shift = n % 2 ? 0 : 4;
        uint32_t behind = qtest_readl(s, addr);

        qpci_config_writeb(fx, reg, 3 << shift);
        qtest_writel(s, addr, 0x12340000 | n);
        g_assert_cmphex(qtest_readl(s, addr), ==, 0x12340000 | n);
        qpci_config_writeb(fx, reg, 1 << shift); /* write-protected */
        qtest_writel(s, addr, 0xdeadbeef);
        g_assert_cmphex(qtest_readl(s, addr), ==, 0x12340000 | n);
        qpci_config_writeb(fx, reg, 0); /* PCI again */
        g_assert_cmphex(qtest_readl(s, addr), ==, behind);
    }
    /* Only defined bits exist. */
    qpci_config_writeb(fx, PAM0, 0xff);
    g_assert_cmphex(qpci_config_readb(fx, PAM0), ==, 0x30);
    qpci_config_writeb(fx, PAM0 + 1, 0xff);
    g_assert_cmphex(qpci_config_readb(fx, PAM0 + 1), ==, 0x33);
    qpci_device_free(fx);
    stop();
}

/* 440FX data sheet, 3.2.22: D_OPEN shows RAM in the VGA range, D_LCK closes it for good. */
static void test_smram(const void *machine)
{
    uint16_t reg = strstr(machine, "q35") ? 0x9d : SMRAM;
    QPCIDevice *fx;

    start(machine);
    fx = qpci_device_at(bus, 0, QPCI_DEVFN(0, 0));
    g_assert_cmphex(qpci_config_readb(fx, reg), ==, 0x02);
    qpci_config_writeb(fx, reg, 0x48);
    g_assert_cmphex(qpci_config_readb(fx, reg), ==, 0x4a);
    qtest_writel(s, 0xa0000, 0x11223344);
    g_assert_cmphex(qtest_readl(s, 0xa0000), ==, 0x11223344);
    qpci_config_writeb(fx, reg, 0x08);
    g_assert_cmphex(qtest_readl(s, 0xa0000), !=, 0x11223344);
    qpci_config_writeb(fx, reg, 0x58); /* lock: D_OPEN falls */
    g_assert_cmphex(qpci_config_readb(fx, reg), ==, 0x1a);
    qpci_config_writeb(fx, reg, 0x48);
    g_assert_cmphex(qpci_config_readb(fx, reg), ==, 0x1a);
    qpci_device_free(fx);
    stop();
}

/* PIIX3 data sheet, 2.3.7: the routing registers keep bit 7 and the low four bits; reset disables
 * all. */
static void test_pirq(void)
{
    QPCIDevice *piix;

    start("");
    piix = qpci_device_at(bus, 0, PIIX3_DEVFN);
    for (int n = 0; n < 4; n++) {
        g_assert_cmphex(qpci_config_readb(piix, 0x60 + n), ==, 0x80);
        qpci_config_writeb(piix, 0x60 + n, 0x70 | (8 + n));
        g_assert_cmphex(qpci_config_readb(piix, 0x60 + n), ==, 8 + n);
    }
    qtest_system_reset(s);
    g_assert_cmphex(qpci_config_readb(piix, 0x60), ==, 0x80);
    qpci_device_free(piix);
    stop();
}

/* PIIX4 data sheet, 7.1: PMBASE is decoded while PMREGMISC bit 0 is set; GPE block and timer. */
static void test_pm(void)
{
    QPCIDevice *pm;

    start("");
    pm = qpci_device_at(bus, 0, PM_DEVFN);
    g_assert_cmphex(qpci_config_readl(pm, 0x40), ==, 1);
    qpci_config_writel(pm, 0x40, PMBASE | 1);
    g_assert_cmphex(qtest_inw(s, PMBASE + 4), ==, 0xffff);
    qpci_config_writeb(pm, 0x80, 1);
    g_assert_cmphex(qtest_inw(s, PMBASE + 4), ==, 0);
    qtest_outb(s, 0xb2, 0xf1);
    g_assert_cmphex(qtest_inw(s, PMBASE + 4), ==, 1); /* SCI_EN */
    qtest_outb(s, 0xb2, 0xf0);
    g_assert_cmphex(qtest_inw(s, PMBASE + 4), ==, 0);
    qtest_clock_step(s, 1000000);
    g_assert_cmpuint(qtest_inl(s, PMBASE + 8), >=, 3579);
    g_assert_cmphex(qtest_inl(s, PMBASE + 0x20), ==, 0); /* not ICH9's layout */
    qtest_outw(s, GPE0 + 2, 0xffff);
    g_assert_cmphex(qtest_inw(s, GPE0 + 2), ==, 0xffff);
    g_assert_cmphex(qtest_inw(s, GPE0), ==, 0);
    g_assert_cmphex(qpci_config_readl(pm, 0x58) >> 25 & 1, ==, 1);
    qpci_device_free(pm);
    stop();
}

static void test_cf9(void)
{
    start("");
    qtest_outb(s, 0xcf9, 2);
    g_assert_cmphex(qtest_inb(s, 0xcf9), ==, 2);
    qtest_outb(s, 0xcf9, 6);
    json_object_put(qtest_qmp_event(s, "RESET"));
    g_assert_cmphex(qtest_inb(s, 0xcf9), ==, 0);
    stop();
}

/* Both DMA chips and their pages, at their ports. */
static void test_dma_registers(const void *machine)
{
    static const uint8_t pages[] = {0x87, 0x83, 0x81, 0x82, 0x8f, 0x8b, 0x89, 0x8a, 0x80, 0x84};
    QTestState *s = qtest_initf("-machine %s -nodefaults", (const char *)machine);

    for (unsigned n = 0; n < G_N_ELEMENTS(pages); n++) {
        qtest_outb(s, pages[n], 0x10 + n);
    }
    for (unsigned n = 0; n < G_N_ELEMENTS(pages); n++) {
        g_assert_cmphex(qtest_inb(s, pages[n]), ==, 0x10 + n);
    }
    qtest_outb(s, 0x0c, 0);
    qtest_outb(s, 0x04, 0x34);
    qtest_outb(s, 0x04, 0x12);
    g_assert_cmphex(qtest_inb(s, 0x04), ==, 0x34);
    g_assert_cmphex(qtest_inb(s, 0x04), ==, 0x12);
    qtest_outb(s, 0xd8, 0); /* the second chip's ports are two apart */
    qtest_outb(s, 0xc6, 0x78);
    qtest_outb(s, 0xc6, 0x56);
    g_assert_cmphex(qtest_inb(s, 0xc6), ==, 0x78);
    g_assert_cmphex(qtest_inb(s, 0x0f) & 0xf, ==, 0xf);
    qtest_outb(s, 0x0e, 0);
    g_assert_cmphex(qtest_inb(s, 0x0f) & 0xf, ==, 0);
    qtest_system_reset(s);
    g_assert_cmphex(qtest_inb(s, 0x0f) & 0xf, ==, 0xf);
    qtest_quit(s);
}

/* The format stands behind the command's name, or after a space. */
static void test_monitor_formats(void)
{
    QTestState *s = qtest_init("-machine pc -nodefaults");
    static const char *const lines[] = {"xp/2xb 0x1000", "xp /2xb 0x1000", "xp  /2xb  4096"};

    qtest_writew(s, 0x1000, 0xa55a);
    for (unsigned n = 0; n < G_N_ELEMENTS(lines); n++) {
        g_autofree char *text = qtest_hmp(s, "%s", lines[n]);

        g_assert_cmpstr(text, ==, "0000000000001000: 0x5a 0xa5\r\n");
    }
    g_free(qtest_hmp(s, "o /b 0x80 0x3c"));
    g_assert_cmphex(qtest_inb(s, 0x80), ==, 0x3c);
    qtest_quit(s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pc/chips", test_chips);
    g_test_add_func("/pc/versions", test_versions);
    g_test_add_func("/pc/pam", test_pam);
    g_test_add_data_func("/pc/smram/pc", "-machine pc", test_smram);
    g_test_add_data_func("/pc/smram/q35", "-machine q35", test_smram);
    g_test_add_func("/pc/pirq", test_pirq);
    g_test_add_func("/pc/pm", test_pm);
    g_test_add_func("/pc/cf9", test_cf9);
    g_test_add_data_func("/pc-machine/dma/pc", "pc", test_dma_registers);
    g_test_add_data_func("/pc-machine/dma/q35", "q35", test_dma_registers);
    g_test_add_func("/pc/monitor-formats", test_monitor_formats);
    return g_test_run();
}
