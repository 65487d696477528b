/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IDE on the pc board: PIO, packets, bus master, interrupts, resets, errors. */
#include "libqtest.h"
#include "pci.h"

#include <string.h>

enum { CMD = 0x1f0, CTL = 0x3f6, CD = 0x170, CD_CTL = 0x376, BM = 0xc000 };
enum { ERR = 1, DRQ = 8, DRDY = 0x40, BSY = 0x80 };
#define DISK_SIZE (4 << 20)
#define CD_SIZE (1 << 20)

static QTestState *s;
static char *disk, *iso;

static char *image(size_t size, unsigned unit)
{
    GError *err = NULL;
    char *path = NULL;
    g_autofree char *data = g_malloc(size);
    int fd = g_file_open_tmp("ide-test-XXXXXX", &path, &err);

    g_assert_no_error(err);
    close(fd);
    for (size_t n = 0; n < size; n++) {
        data[n] = n / unit * 7 + n;
    }
    g_file_set_contents(path, data, size, &err);
    g_assert_no_error(err);
    return path;
}

static uint8_t expected(size_t at, unsigned unit)
{
    return at / unit * 7 + at;
}

static void start(void)
{
    QPCIBus *bus;
    QPCIDevice *dev;

    s = qtest_initf("-machine pc -nodefaults -hda %s -cdrom %s", disk, iso);
    qtest_irq_intercept_in(s, "ioapic");
    bus = qpci_new(s);
    dev = qpci_device_at(bus, 0, QPCI_DEVFN(1, 1));
    g_assert_nonnull(dev);
    g_assert_cmphex(qpci_config_readl(dev, 0), ==, 0x70108086);
    qpci_config_writel(dev, 0x20, BM);
    qpci_config_writew(dev, 4, 5);
    qpci_device_free(dev);
    qpci_free(bus);
}

/* Status once the drive is not busy. */
static uint8_t wait_status(uint16_t base)
{
    uint8_t st = BSY;

    for (int n = 0; n < 100000 && (st & BSY); n++) {
        st = qtest_inb(s, base + 7);
    }
    g_assert_false(st & BSY);
    return st;
}

static void command(uint16_t base, uint8_t dev, uint32_t lba, uint8_t count, uint8_t cmd)
{
    qtest_outb(s, base + 6, dev | (lba >> 24 & 0xf));
    qtest_outb(s, base + 2, count);
    qtest_outb(s, base + 3, lba);
    qtest_outb(s, base + 4, lba >> 8);
    qtest_outb(s, base + 5, lba >> 16);
    qtest_outb(s, base + 7, cmd);
}

static void read_words(uint16_t base, void *buf, size_t bytes)
{
    for (size_t n = 0; n < bytes; n += 2) {
        uint16_t w = qtest_inw(s, base);

        memcpy((char *)buf + n, &w, 2);
    }
}

/* ATA8-ACS, 7.16: strings, size, capabilities. */
static void test_identify(void)
{
    uint16_t id[256];

    start();
    command(CMD, 0xa0, 0, 0, 0xec);
    g_assert_cmphex(wait_status(CMD) & (DRQ | ERR), ==, DRQ);
    read_words(CMD, id, 512);
    g_assert_cmphex(wait_status(CMD) & (DRQ | ERR | DRDY), ==, DRDY);
    g_assert_cmphex(id[0], ==, 0x0040);
    g_assert_cmpuint(id[60] | id[61] << 16, ==, DISK_SIZE / 512);
    g_assert_cmpuint(id[100] | id[101] << 16, ==, DISK_SIZE / 512);
    g_assert_cmphex(id[49] & 0x300, ==, 0x300);
    g_assert_true(!memcmp(&id[27], "EQUMH ", 4));
    /* A packet device refuses, and shows its signature. */
    command(CD, 0xa0, 0, 0, 0xec);
    g_assert_cmphex(wait_status(CD) & ERR, ==, ERR);
    g_assert_cmphex(qtest_inb(s, CD + 4), ==, 0x14);
    g_assert_cmphex(qtest_inb(s, CD + 5), ==, 0xeb);
    command(CD, 0xa0, 0, 0, 0xa1);
    g_assert_cmphex(wait_status(CD) & (DRQ | ERR), ==, DRQ);
    read_words(CD, id, 512);
    g_assert_cmphex(id[0], ==, 0x85c0);
    qtest_quit(s);
}

/* READ SECTORS raises the interrupt before each sector, and not after the last (ATA/ATAPI-7, 11.5).
 */
static void test_pio_read(void)
{
    uint8_t data[512];
    unsigned raised;

    start();
    raised = qtest_irq_raises(s, 14);
    command(CMD, 0xe0, 100, 3, 0x20);
    for (unsigned n = 0; n < 3; n++) {
        g_assert_cmphex(wait_status(CMD) & (DRQ | ERR), ==, DRQ);
        read_words(CMD, data, 512);
        for (unsigned i = 0; i < 512; i++) {
            g_assert_cmphex(data[i], ==, expected((100 + n) * 512 + i, 512));
        }
    }
    g_assert_cmphex(wait_status(CMD) & (DRQ | ERR | DRDY), ==, DRDY);
    g_assert_cmpuint(qtest_irq_raises(s, 14) - raised, ==, 3);
    qtest_quit(s);
}

/* WRITE SECTORS: no interrupt before the first sector, one after each. 48-bit, 28-bit and CHS
 * addresses agree. */
static void test_pio_write(void)
{
    uint8_t data[512];
    unsigned raised;

    start();
    raised = qtest_irq_raises(s, 14);
    command(CMD, 0xe0, 7, 2, 0x30);
    for (unsigned n = 0; n < 2; n++) {
        g_assert_cmphex(wait_status(CMD) & (DRQ | ERR), ==, DRQ);
        g_assert_cmpuint(qtest_irq_raises(s, 14) - raised, ==, n);
        for (unsigned i = 0; i < 256; i++) {
            qtest_outw(s, CMD, 0x5a00 + n);
        }
    }
    g_assert_cmphex(wait_status(CMD) & (DRQ | ERR), ==, 0);
    g_assert_cmpuint(qtest_irq_raises(s, 14) - raised, ==, 2);
    /* LBA 8 as READ SECTORS EXT. */
    qtest_outb(s, CMD + 6, 0x40);
    for (unsigned n = 0; n < 2; n++) {
        qtest_outb(s, CMD + 2, n);
        qtest_outb(s, CMD + 3, n ? 8 : 0);
        qtest_outb(s, CMD + 4, 0);
        qtest_outb(s, CMD + 5, 0);
    }
    qtest_outb(s, CMD + 7, 0x24);
    g_assert_cmphex(wait_status(CMD) & (DRQ | ERR), ==, DRQ);
    read_words(CMD, data, 512);
    g_assert_cmphex(data[0], ==, 1);
    g_assert_cmphex(data[1], ==, 0x5a);
    /* The same as cylinder 0, head 0, sector 9. */
    command(CMD, 0xa0, 9, 1, 0x20);
    g_assert_cmphex(wait_status(CMD) & (DRQ | ERR), ==, DRQ);
    read_words(CMD, data, 512);
    g_assert_cmphex(data[0], ==, 1);
    qtest_quit(s);
}

static void test_errors(void)
{
    start();
    command(CMD, 0xe0, DISK_SIZE / 512 - 1, 2, 0x20); /* one too far */
    g_assert_cmphex(wait_status(CMD) & (DRQ | ERR), ==, ERR);
    g_assert_cmphex(qtest_inb(s, CMD + 1), ==, 0x10); /* IDNF */
    command(CMD, 0xe0, 0, 1, 0x77 + 0x88);            /* no such command */
    g_assert_cmphex(wait_status(CMD) & (DRQ | ERR), ==, ERR);
    g_assert_cmphex(qtest_inb(s, CMD + 1), ==, 0x04); /* ABRT */
    /* Nobody is drive 1. */
    qtest_outb(s, CMD + 6, 0xb0);
    g_assert_cmphex(qtest_inb(s, CMD + 7), ==, 0);
    qtest_quit(s);
}

/* Device control: nIEN holds the interrupt back, SRST gives the signature. */
static void test_control(void)
{
    unsigned raised;
    uint16_t id[256];

    start();
    raised = qtest_irq_raises(s, 14);
    qtest_outb(s, CTL, 2);
    command(CMD, 0xa0, 0, 0, 0xec);
    wait_status(CMD);
    read_words(CMD, id, 512);
    g_assert_cmpuint(qtest_irq_raises(s, 14), ==, raised);
    qtest_outb(s, CTL, 6);
    g_assert_cmphex(qtest_inb(s, CTL) & BSY, ==, BSY);
    qtest_outb(s, CTL, 0);
    g_assert_cmphex(wait_status(CMD) & (DRDY | ERR), ==, DRDY);
    g_assert_cmphex(qtest_inb(s, CMD + 2), ==, 1);
    g_assert_cmphex(qtest_inb(s, CMD + 3), ==, 1);
    g_assert_cmphex(qtest_inb(s, CMD + 4), ==, 0);
    qtest_outb(s, CD_CTL, 4);
    qtest_outb(s, CD_CTL, 0);
    wait_status(CD);
    g_assert_cmphex(qtest_inb(s, CD + 4), ==, 0x14);
    g_assert_cmphex(qtest_inb(s, CD + 5), ==, 0xeb);
    qtest_quit(s);
}

/* SFF-8038i: descriptors, direction, status bits; data that lies scattered. */
static void test_dma(void)
{
    uint64_t buf, prd;
    uint8_t data[8192];

    start();
    buf = qtest_alloc(s, 16384, 4096);
    prd = qtest_alloc(s, 64, 64);
    qtest_writel(s, prd, buf);
    qtest_writel(s, prd + 4, 1024);
    qtest_writel(s, prd + 8, buf + 8192);
    qtest_writel(s, prd + 12, 0x80000000u | 3072);
    qtest_outl(s, BM + 4, prd);
    qtest_outb(s, BM + 2, 6);
    command(CMD, 0xe0, 16, 8, 0xc8);
    qtest_outb(s, BM, 9);
    g_assert_cmphex(wait_status(CMD) & (DRQ | ERR), ==, 0);
    g_assert_cmphex(qtest_inb(s, BM + 2) & 7, ==, 4);
    qtest_outb(s, BM, 0);
    qtest_memread(s, buf, data, 1024);
    for (unsigned i = 0; i < 1024; i++) {
        g_assert_cmphex(data[i], ==, expected(16 * 512 + i, 512));
    }
    qtest_memread(s, buf + 8192, data, 3072);
    for (unsigned i = 0; i < 3072; i++) {
        g_assert_cmphex(data[i], ==, expected(16 * 512 + 1024 + i, 512));
    }
    /* Back to another place, the bus master started first. */
    qtest_outb(s, BM + 2, 6);
    qtest_outl(s, BM + 4, prd);
    qtest_outb(s, BM, 1);
    command(CMD, 0xe0, 1000, 8, 0xca);
    g_assert_cmphex(wait_status(CMD) & (DRQ | ERR), ==, 0);
    qtest_outb(s, BM, 0);
    command(CMD, 0xe0, 1007, 1, 0x20);
    wait_status(CMD);
    read_words(CMD, data, 512);
    g_assert_cmphex(data[5], ==, expected(23 * 512 + 5, 512));
    qtest_quit(s);
}

/* A table that ends too early is an error, and nothing hangs. */
static void test_dma_short(void)
{
    uint64_t buf, prd;

    start();
    buf = qtest_alloc(s, 4096, 4096);
    prd = qtest_alloc(s, 64, 64);
    qtest_writel(s, prd, buf);
    qtest_writel(s, prd + 4, 0x80000000u | 512);
    qtest_outl(s, BM + 4, prd);
    command(CMD, 0xe0, 16, 8, 0xc8);
    qtest_outb(s, BM, 9);
    g_assert_cmphex(wait_status(CMD) & ERR, ==, ERR);
    g_assert_cmphex(qtest_inb(s, BM + 2) & 3, ==, 2);
    qtest_outb(s, BM, 0);
    qtest_quit(s);
}

/* The packet protocol; returns the status when the command was taken. */
static uint8_t packet(const uint8_t *cdb, uint16_t limit)
{
    command(CD, 0xa0, limit << 8, 0, 0xa0);
    g_assert_cmphex(wait_status(CD) & (DRQ | ERR), ==, DRQ);
    g_assert_cmphex(qtest_inb(s, CD + 2), ==, 1); /* command, to the drive */
    for (unsigned n = 0; n < 12; n += 2) {
        qtest_outw(s, CD, cdb[n] | cdb[n + 1] << 8);
    }
    return wait_status(CD);
}

static void test_atapi_read(void)
{
    const uint8_t cdb[12] = {0x28, 0, 0, 0, 0, 5, 0, 0, 3};
    uint8_t data[2048];

    start();
    g_assert_cmphex(packet(cdb, 2048) & (DRQ | ERR), ==, DRQ);
    for (unsigned n = 0; n < 3; n++) {
        g_assert_cmphex(wait_status(CD) & DRQ, ==, DRQ);
        g_assert_cmphex(qtest_inb(s, CD + 2), ==, 2); /* data, from the drive */
        g_assert_cmpuint(qtest_inb(s, CD + 4) | qtest_inb(s, CD + 5) << 8, ==, 2048);
        read_words(CD, data, sizeof(data));
        g_assert_cmphex(data[3], ==, expected((5 + n) * 2048 + 3, 2048));
    }
    g_assert_cmphex(wait_status(CD) & (DRQ | ERR), ==, 0);
    g_assert_cmphex(qtest_inb(s, CD + 2), ==, 3);
    qtest_quit(s);
}

static void test_atapi_sense(void)
{
    const uint8_t nothing[12] = {0x28}, sense[12] = {0x03, 0, 0, 0, 18};
    const uint8_t capacity[12] = {0x25};
    uint8_t data[18];

    start();
    g_assert_cmphex(packet(nothing, 2048) & ERR, ==, 0); /* no blocks: nothing to do */
    g_assert_cmphex(packet((const uint8_t[12]){0x28, 0, 0, 0xff, 0, 0, 0, 0, 1}, 2048) & ERR, ==,
                    ERR);
    g_assert_cmphex(qtest_inb(s, CD + 1) >> 4, ==, 5);
    g_assert_cmphex(packet(sense, 18) & DRQ, ==, DRQ);
    read_words(CD, data, 18);
    g_assert_cmphex(data[2], ==, 5);
    g_assert_cmphex(data[12], ==, 0x21);
    g_assert_cmphex(packet(capacity, 8) & DRQ, ==, DRQ);
    read_words(CD, data, 8);
    g_assert_cmpuint(data[2] << 8 | data[3], ==, CD_SIZE / 2048 - 1);
    g_assert_cmphex(packet((const uint8_t[12]){0xfd}, 8) & ERR, ==, ERR);
    qtest_quit(s);
}

/* Ejecting needs an unlocked tray, and the event tells the host. */
static void test_tray(void)
{
    start();
    packet((const uint8_t[12]){0x1e, 0, 0, 0, 1}, 8);
    g_assert_cmphex(packet((const uint8_t[12]){0x1b, 0, 0, 0, 2}, 8) & ERR, ==, ERR);
    packet((const uint8_t[12]){0x1e, 0, 0, 0, 0}, 8);
    g_assert_cmphex(packet((const uint8_t[12]){0x1b, 0, 0, 0, 2}, 8) & ERR, ==, 0);
    json_object_put(qtest_qmp_event(s, "DEVICE_TRAY_MOVED"));
    g_assert_cmphex(packet((const uint8_t[12]){0x00}, 8) & ERR, ==, ERR);
    g_assert_cmphex(qtest_inb(s, CD + 1) >> 4, ==, 2);
    g_assert_cmphex(packet((const uint8_t[12]){0x1b, 0, 0, 0, 3}, 8) & ERR, ==, 0);
    g_assert_cmphex(packet((const uint8_t[12]){0x00}, 8) & ERR, ==, ERR); /* unit attention, once */
    g_assert_cmphex(packet((const uint8_t[12]){0x00}, 8) & ERR, ==, 0);
    qtest_quit(s);
}

int main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    disk = image(DISK_SIZE, 512);
    iso = image(CD_SIZE, 2048);
    g_test_add_func("/ide/identify", test_identify);
    g_test_add_func("/ide/pio-read", test_pio_read);
    g_test_add_func("/ide/pio-write", test_pio_write);
    g_test_add_func("/ide/errors", test_errors);
    g_test_add_func("/ide/control", test_control);
    g_test_add_func("/ide/dma", test_dma);
    g_test_add_func("/ide/dma-short", test_dma_short);
    g_test_add_func("/ide/atapi-read", test_atapi_read);
    g_test_add_func("/ide/atapi-sense", test_atapi_sense);
    g_test_add_func("/ide/tray", test_tray);
    status = g_test_run();
    unlink(disk);
    unlink(iso);
    g_free(disk);
    g_free(iso);
    return status;
}
