/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The q35 board's AHCI controller: registers, command list, DMA, queued commands, packets, errors,
 * resets. */
#include "libqtest.h"
#include "pci.h"

#include <string.h>

enum { CAP = 0, GHC = 4, HBA_IS = 8, PI = 0xc, VS = 0x10 };
enum {
    CLB = 0,
    FB = 8,
    IS = 0x10,
    IE = 0x14,
    CMD = 0x18,
    TFD = 0x20,
    SIG = 0x24,
    SSTS = 0x28,
    SCTL = 0x2c,
    SERR = 0x30,
    SACT = 0x34,
    CI = 0x38
};
#define DISK_SIZE (8 << 20)
#define CD_SIZE (1 << 20)

static QTestState *s;
static QPCIBus *bus;
static QPCIDevice *dev;
static QPCIBar *bar;
static uint64_t list[3], fis[3], table[3];
static char *disk, *iso;

static char *image(size_t size)
{
    GError *err = NULL;
    char *path = NULL;
    g_autofree char *data = g_malloc(size);
    int fd = g_file_open_tmp("ahci-test-XXXXXX", &path, &err);

    g_assert_no_error(err);
    close(fd);
    for (size_t n = 0; n < size; n++) {
        data[n] = n / 512 * 7 + n;
    }
    g_file_set_contents(path, data, size, &err);
    g_assert_no_error(err);
    return path;
}

static uint8_t expected(size_t at)
{
    return at / 512 * 7 + at;
}

static uint32_t hba(unsigned reg)
{
    return qpci_io_read(bar, reg, 4);
}

static uint32_t rd(unsigned port, unsigned reg)
{
    return qpci_io_read(bar, 0x100 + 0x80 * port + reg, 4);
}

static void wr(unsigned port, unsigned reg, uint32_t v)
{
    qpci_io_write(bar, 0x100 + 0x80 * port + reg, 4, v);
}

/* Until reg & mask is want. */
static void wait_port(unsigned port, unsigned reg, uint32_t mask, uint32_t want)
{
    for (int n = 0; n < 100000; n++) {
        if ((rd(port, reg) & mask) == want) {
            return;
        }
    }
    g_assert_cmphex(rd(port, reg) & mask, ==, want);
}

static void port_start(unsigned port)
{
    list[port] = qtest_alloc(s, 1024, 1024);
    fis[port] = qtest_alloc(s, 256, 256);
    table[port] = qtest_alloc(s, 32 * 1024, 128);
    wr(port, CLB, list[port]);
    wr(port, FB, fis[port]);
    wr(port, CMD, 0x16);
    wait_port(port, TFD, 0x88, 0);
    wr(port, CMD, 0x17);
    wr(port, IE, 0xffffffff);
}

static void start(void)
{
    s = qtest_initf("-machine q35 -nodefaults -hda %s -drive if=ide,index=1,media=cdrom,file=%s "
                    "-drive if=ide,index=2,media=cdrom",
                    disk, iso);
    bus = qpci_new(s);
    dev = qpci_device_at(bus, 0, QPCI_DEVFN(31, 2));
    g_assert_nonnull(dev);
    qpci_device_enable(dev);
    bar = qpci_iomap(dev, 5);
    qpci_io_write(bar, GHC, 4, 2);
    port_start(0);
    port_start(1);
    port_start(2);
}

static void stop(void)
{
    g_free(bar);
    qpci_device_free(dev);
    qpci_free(bus);
    qtest_quit(s);
}

/* One command in slot: register FIS, one or two pieces of memory; not started yet. */
static void prepare(unsigned port, unsigned slot, uint8_t cmd, uint64_t lba, uint32_t count,
                    uint64_t buf, uint32_t len, uint32_t flags, const uint8_t *cdb)
{
    uint64_t t = table[port] + 1024 * slot, h = list[port] + 32 * slot;
    bool ncq = cmd == 0x60 || cmd == 0x61;
    uint32_t half = len > 1024 ? 1024 : len;
    uint8_t f[20] = {
        0x27,      0x80,      cmd,       ncq ? count : cdb && (flags & 1u << 31) ? 1 : 0,
        lba,       lba >> 8,  lba >> 16, 0x40,
        lba >> 24, lba >> 32, lba >> 40, ncq ? count >> 8 : 0};

    f[12] = ncq ? slot << 3 : count;
    f[13] = ncq ? 0 : count >> 8;
    qtest_memwrite(s, t, f, sizeof(f));
    if (cdb) {
        qtest_memwrite(s, t + 0x40, cdb, 12);
    }
    qtest_writeq(s, t + 0x80, buf);
    qtest_writel(s, t + 0x8c, half ? half - 1 : 0);
    qtest_writeq(s, t + 0x90, buf + half);
    qtest_writel(s, t + 0x9c, len > half ? len - half - 1 : 0);
    qtest_writel(s, h, 5 | (flags & 0x60) | (len > half ? 2u : len ? 1u : 0u) << 16);
    qtest_writel(s, h + 4, 0);
    qtest_writeq(s, h + 8, t);
}

static void issue(unsigned port, unsigned slot)
{
    wr(port, CI, 1u << slot);
    wait_port(port, CI, 1u << slot, 0);
}

static void test_registers(void)
{
    start();
    g_assert_cmphex(qpci_config_readl(dev, 0), ==, 0x29228086);
    g_assert_cmphex(qpci_config_readl(dev, 8) >> 8, ==, 0x010601);
    g_assert_cmphex(hba(CAP) & 0x1f, ==, 5);
    g_assert_cmphex(hba(CAP) >> 8 & 0x1f, ==, 31);
    g_assert_cmphex(hba(GHC), ==, 0x80000002);
    g_assert_cmphex(hba(PI), ==, 0x3f);
    g_assert_cmphex(hba(VS), ==, 0x10000);
    g_assert_cmphex(rd(0, SSTS), ==, 0x123);
    g_assert_cmphex(rd(5, SSTS), ==, 0);
    g_assert_cmphex(rd(0, SIG), ==, 0x00000101);
    g_assert_cmphex(rd(1, SIG), ==, 0xeb140101);
    stop();
}

static void test_identify(void)
{
    uint16_t id[256];
    uint64_t buf;

    start();
    buf = qtest_alloc(s, 4096, 4096);
    prepare(0, 3, 0xec, 0, 0, buf, 512, 0, NULL);
    issue(0, 3);
    g_assert_cmphex(rd(0, IS) & 2, ==, 2); /* PIO setup FIS */
    g_assert_cmphex(rd(0, TFD) & 0x89, ==, 0);
    g_assert_cmphex(qtest_readb(s, fis[0] + 0x20), ==, 0x5f);
    g_assert_cmpuint(qtest_readl(s, list[0] + 32 * 3 + 4), ==, 512);
    qtest_memread(s, buf, id, sizeof(id));
    g_assert_cmpuint(id[100] | id[101] << 16, ==, DISK_SIZE / 512);
    g_assert_cmphex(id[76] & 0x100, ==, 0x100);
    g_assert_cmphex(hba(HBA_IS), ==, 1);
    wr(0, IS, 0xffffffff);
    qpci_io_write(bar, HBA_IS, 4, 1);
    g_assert_cmphex(hba(HBA_IS), ==, 0);
    stop();
}

static void check(uint64_t buf, uint64_t from, size_t len)
{
    g_autofree uint8_t *data = g_malloc(len);

    qtest_bufread(s, buf, data, len);
    for (size_t n = 0; n < len; n++) {
        g_assert_cmphex(data[n], ==, expected(from + n));
    }
}

/* READ and WRITE DMA EXT, longer than the controller moves at once. */
static void test_dma(void)
{
    uint32_t len = 1 << 20;
    uint64_t buf;

    start();
    buf = qtest_alloc(s, len, 4096);
    prepare(0, 0, 0x25, 64, len / 512, buf, len, 0, NULL);
    issue(0, 0);
    g_assert_cmphex(rd(0, IS) & 1, ==, 1);
    g_assert_cmphex(qtest_readb(s, fis[0] + 0x40), ==, 0x34);
    g_assert_cmpuint(qtest_readl(s, list[0] + 4), ==, len);
    check(buf, 64 * 512, len);
    prepare(0, 1, 0x35, 4096, len / 512, buf, len, 0x40, NULL);
    issue(0, 1);
    g_assert_cmphex(rd(0, TFD) & 0x89, ==, 0);
    qtest_memset(s, buf, 0, len);
    prepare(0, 2, 0x25, 4096, len / 512, buf, len, 0, NULL);
    issue(0, 2);
    check(buf, 64 * 512, len);
    /* As it was. */
    prepare(0, 0, 0x25, 64, 8, buf, 4096, 0, NULL);
    issue(0, 0);
    prepare(0, 0, 0xea, 0, 0, 0, 0, 0, NULL); /* FLUSH CACHE EXT */
    issue(0, 0);
    g_assert_cmphex(rd(0, TFD) & 0x89, ==, 0);
    stop();
}

/* Eight queued commands at once: the slots are free when the drive has them, SActive when they are
 * done. */
static void test_ncq(void)
{
    uint64_t buf;

    start();
    buf = qtest_alloc(s, 8 * 4096, 4096);
    for (unsigned n = 0; n < 8; n++) {
        prepare(0, n, 0x60, 1000 * n, 8, buf + 4096 * n, 4096, 0, NULL);
    }
    wr(0, SACT, 0xff);
    wr(0, CI, 0xff);
    wait_port(0, SACT, 0xff, 0);
    g_assert_cmphex(rd(0, CI), ==, 0);
    g_assert_cmphex(rd(0, IS) & 8, ==, 8);
    g_assert_cmphex(qtest_readb(s, fis[0] + 0x58), ==, 0xa1);
    for (unsigned n = 0; n < 4; n++) {
        check(buf + 4096 * n, 512 * 1000 * n, 4096);
    }
    stop();
}

/* A queued command beyond the end: error in task file, its tag in log 10h, the port stands still
 * until restarted. */
static void test_ncq_error(void)
{
    uint64_t buf;

    start();
    buf = qtest_alloc(s, 4096, 4096);
    prepare(0, 5, 0x60, DISK_SIZE / 512, 8, buf, 4096, 0, NULL);
    wr(0, SACT, 1 << 5);
    wr(0, CI, 1 << 5);
    wait_port(0, IS, 1 << 30, 1 << 30);
    g_assert_cmphex(rd(0, TFD) & 1, ==, 1);
    g_assert_cmphex(rd(0, SACT), ==, 1 << 5);
    wr(0, CMD, 0x16);
    wait_port(0, CMD, 1 << 15, 0);
    g_assert_cmphex(rd(0, SACT), ==, 0);
    wr(0, IS, 0xffffffff);
    wr(0, CMD, 0x17);
    prepare(0, 0, 0x2f, 0x10, 1, buf, 512, 0, NULL);
    issue(0, 0);
    g_assert_cmphex(qtest_readb(s, buf), ==, 5);
    g_assert_cmphex(qtest_readb(s, buf + 3), ==, 0x10);
    stop();
}

/* A list that is too short for the data: overflow and an aborted command, nothing is written behind
 * it. */
static void test_short_list(void)
{
    uint64_t buf;

    start();
    buf = qtest_alloc(s, 8192, 4096);
    prepare(0, 0, 0x25, 0, 8, buf, 1024, 0, NULL);
    wr(0, CI, 1);
    wait_port(0, IS, 1 << 30, 1 << 30);
    g_assert_cmphex(rd(0, IS) & 1 << 24, ==, 1 << 24);
    g_assert_cmphex(qtest_readl(s, buf + 1024), ==, 0);
    stop();
}

static void test_packet(const void *dma)
{
    const uint8_t read[12] = {0x28, 0, 0, 0, 0, 9, 0, 0, 2}, ready[12] = {0};
    uint32_t flags = 0x20 | (dma ? 1u << 31 : 0);
    uint64_t buf;

    start();
    buf = qtest_alloc(s, 4096, 4096);
    prepare(1, 0, 0xa0, 0, 0, buf, 4096, flags, read);
    issue(1, 0);
    g_assert_cmphex(rd(1, TFD) & 0x89, ==, 0);
    check(buf, 9 * 2048, 4096);
    /* The drive without a disc says so. */
    prepare(2, 0, 0xa0, 0, 0, 0, 0, 0x20, ready);
    wr(2, CI, 1);
    wait_port(2, IS, 1 << 30, 1 << 30);
    g_assert_cmphex(rd(2, TFD) >> 12 & 0xf, ==, 2);
    stop();
}

/* COMRESET and the controller's own reset. */
static void test_resets(void)
{
    start();
    wr(0, CMD, 0x16);
    wait_port(0, CMD, 1 << 15, 0);
    wr(0, SCTL, 1);
    g_assert_cmphex(rd(0, SSTS), ==, 1);
    wr(0, SCTL, 0);
    wait_port(0, TFD, 0x89, 0);
    g_assert_cmphex(rd(0, SSTS), ==, 0x123);
    g_assert_cmphex(rd(0, SERR) & 1 << 26, ==, 1 << 26);
    wr(0, SERR, 1 << 26);
    g_assert_cmphex(rd(0, SERR), ==, 0);
    qpci_io_write(bar, GHC, 4, 1);
    for (int n = 0; n < 100000 && hba(GHC) & 1; n++) {
    }
    g_assert_cmphex(hba(GHC), ==, 0x80000000);
    g_assert_cmphex(rd(0, IE), ==, 0);
    g_assert_cmphex(rd(0, CLB), ==, 0);
    stop();
}

/* A command that resets in the middle: nothing of it comes afterwards. */
static void test_reset_in_flight(void)
{
    uint64_t buf;

    start();
    buf = qtest_alloc(s, 1 << 20, 4096);
    prepare(0, 0, 0x25, 0, 2048, buf, 1 << 20, 0, NULL);
    wr(0, CI, 1);
    qpci_io_write(bar, GHC, 4, 1);
    for (int n = 0; n < 100000 && hba(GHC) & 1; n++) {
    }
    g_assert_cmphex(rd(0, CI), ==, 0);
    g_assert_cmphex(hba(HBA_IS), ==, 0);
    qtest_system_reset(s);
    stop();
}

int main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    disk = image(DISK_SIZE);
    iso = image(CD_SIZE);
    g_test_add_func("/ahci/registers", test_registers);
    g_test_add_func("/ahci/identify", test_identify);
    g_test_add_func("/ahci/dma", test_dma);
    g_test_add_func("/ahci/ncq", test_ncq);
    g_test_add_func("/ahci/ncq-error", test_ncq_error);
    g_test_add_func("/ahci/short-list", test_short_list);
    g_test_add_data_func("/ahci/packet/pio", NULL, test_packet);
    g_test_add_data_func("/ahci/packet/dma", "", test_packet);
    g_test_add_func("/ahci/resets", test_resets);
    g_test_add_func("/ahci/reset-in-flight", test_reset_in_flight);
    status = g_test_run();
    unlink(disk);
    unlink(iso);
    g_free(disk);
    g_free(iso);
    return status;
}
