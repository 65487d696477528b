/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Floppy controller in the machine: the rules of the 82077AA's data sheet, media and drives. */
#include "libqtest.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

enum { SRB = 0x3f1, DOR, TDR, MSR, FIFO, DIGIN = 0x3f7, DSR = MSR, CCR = DIGIN, IRQ = 6 };
enum { RQM = 0x80, DIO = 0x40, NONDMA = 0x20, BUSY = 0x10 };
enum { DMA_BUFFER = 0x20000, SECTOR = 512 };
enum { MFM = 0x40, SK = 0x20, MT = 0x80 };
enum {
    READ = 0x06,
    READ_DELETED = 0x0c,
    WRITE = 0x05,
    WRITE_DELETED = 0x09,
    VERIFY = 0x16,
    READ_TRACK = 0x02,
    FORMAT = 0x0d,
    SCAN_EQUAL = 0x11,
    SCAN_LOW = 0x19,
    SCAN_HIGH = 0x1d
};

static QTestState *s;
static char *image;

/* --- images ----------------------------------------------------------------------------------- */

/* Each sector says its number in its first two bytes, and the rest is made of it. */
static void fill_sector(uint8_t *p, unsigned n)
{
    memset(p, n * 7 + 1, SECTOR);
    p[0] = n;
    p[1] = n >> 8;
}

static char *make_image(uint64_t bytes)
{
    char *path = NULL;
    int fd = g_file_open_tmp("fdc-test-XXXXXX", &path, NULL);
    uint8_t sector[SECTOR];

    for (uint64_t n = 0; n < bytes / SECTOR; n++) {
        fill_sector(sector, n);
        g_assert_cmpint(write(fd, sector, SECTOR), ==, SECTOR);
    }
    g_assert_cmpint(ftruncate(fd, bytes), ==, 0);
    close(fd);
    return path;
}

static void delete_image(char **path)
{
    g_unlink(*path);
    g_clear_pointer(path, g_free);
}

static void start_on(const char *machine, uint64_t bytes, const char *more)
{
    image = make_image(bytes);
    s = qtest_initf("-machine %s -nodefaults -drive if=floppy,format=raw,file=%s%s", machine, image,
                    more);
    qtest_irq_intercept_in(s, "ioapic");
}

static void start(void)
{
    start_on("pc", 1440 * 1024, "");
}

static void stop(void)
{
    qtest_quit(s);
    delete_image(&image);
}

static void expect_image(unsigned n, const uint8_t *want)
{
    g_autofree char *data = NULL;
    gsize len;

    g_assert_true(g_file_get_contents(image, &data, &len, NULL));
    g_assert_cmpmem(data + n * SECTOR, SECTOR, want, SECTOR);
}

/* --- the chip --------------------------------------------------------------------------------- */

static uint8_t msr(void)
{
    return qtest_inb(s, MSR);
}

static void send(uint8_t val)
{
    g_assert_cmphex(msr() & (RQM | DIO), ==, RQM);
    qtest_outb(s, FIFO, val);
}

#define SEND(...) \
    do { \
        const uint8_t bytes_[] = {__VA_ARGS__}; \
        for (size_t i_ = 0; i_ < sizeof(bytes_); i_++) { \
            send(bytes_[i_]); \
        } \
    } while (0)

/* Until the chip wants or has something: the image is read in the background. */
static void wait_ready(void)
{
    for (unsigned n = 0; !(msr() & RQM); n++) {
        g_assert_cmpuint(n, <, 100000);
        g_usleep(20);
    }
}

/* All bytes of the result as text. */
static char *result(void)
{
    g_autoptr(GString) got = g_string_new(NULL);

    wait_ready();
    while ((msr() & (RQM | DIO | BUSY)) == (RQM | DIO | BUSY)) {
        g_string_append_printf(got, "%s%02x", got->len ? " " : "", qtest_inb(s, FIFO));
    }
    g_assert_cmphex(msr(), ==, RQM);
    return g_string_free(g_steal_pointer(&got), FALSE);
}

static void expect(const char *want)
{
    g_autofree char *got = result();

    g_assert_cmpstr(got, ==, want);
}

static void sense(const char *want)
{
    send(0x08);
    expect(want);
}

static void reset_chip(void)
{
    qtest_outb(s, DOR, 0x08);
    qtest_outb(s, DOR, 0x1c);
    for (unsigned n = 0; n < 4; n++) {
        g_autofree char *want = g_strdup_printf("c%u", n), *got = NULL;

        send(0x08);
        got = result();
        g_assert_true(g_str_has_prefix(got, want)); /* the cylinder is kept */
    }
    qtest_outb(s, CCR, 0);
}

static void recalibrate(void)
{
    SEND(0x07, 0);
    sense("20 00");
}

static void seek(uint8_t unit, uint8_t cylinder)
{
    g_autofree char *want = g_strdup_printf("%02x %02x", 0x20 | unit, cylinder);

    SEND(0x0f, unit, cylinder);
    sense(want);
}

enum { TO_MEMORY = 0x46, FROM_MEMORY = 0x4a };

static void program_dma(uint8_t mode, unsigned bytes, bool unmask)
{
    qtest_outb(s, 0x0a, 6); /* masked */
    qtest_outb(s, 0x0c, 0);
    qtest_outb(s, 0x0b, mode);
    qtest_outb(s, 0x04, DMA_BUFFER & 0xff);
    qtest_outb(s, 0x04, DMA_BUFFER >> 8 & 0xff);
    qtest_outb(s, 0x81, DMA_BUFFER >> 16);
    qtest_outb(s, 0x05, (bytes - 1) & 0xff);
    qtest_outb(s, 0x05, (bytes - 1) >> 8);
    if (unmask) {
        qtest_outb(s, 0x0a, 2);
    }
}

static void dma(uint8_t mode, unsigned bytes)
{
    program_dma(mode, bytes, true);
}

/* A data command at cylinder c, head h, sector r, 512 bytes, up to sector eot. */
static void data_command(uint8_t op, uint8_t c, uint8_t h, uint8_t r, uint8_t eot)
{
    SEND(op, h << 2, c, h, r, 2, eot, 0x1b, 0xff);
}

static unsigned lba(unsigned c, unsigned h, unsigned r)
{
    return (c * 2 + h) * 18 + r - 1;
}

static void expect_memory(unsigned at, unsigned n)
{
    uint8_t got[SECTOR], want[SECTOR];

    fill_sector(want, n);
    qtest_memread(s, DMA_BUFFER + at * SECTOR, got, SECTOR);
    g_assert_cmpmem(got, SECTOR, want, SECTOR);
}

static void set_memory(unsigned at, uint8_t val, unsigned bytes)
{
    qtest_memset(s, DMA_BUFFER + at, val, bytes);
}

/* --- reset, status ---------------------------------------------------------------------------- */

static void test_reset(void)
{
    start();
    g_assert_cmphex(qtest_inb(s, DOR), ==, 0x0c);
    g_assert_cmphex(msr(), ==, RQM);
    qtest_outb(s, DOR, 0x08);
    g_assert_cmphex(msr(), ==, 0); /* held in reset */
    g_assert_false(qtest_get_irq(s, IRQ));
    qtest_outb(s, FIFO, 0x10); /* nobody listens */
    qtest_outb(s, DOR, 0x0c);
    g_assert_true(qtest_get_irq(s, IRQ));
    sense("c0 00");
    g_assert_false(qtest_get_irq(s, IRQ));
    sense("c1 00");
    sense("c2 00");
    sense("c3 00");
    sense("80");              /* nothing is pending: an invalid command */
    qtest_outb(s, DSR, 0x80); /* the same by DSR, which clears the bit itself */
    g_assert_true(qtest_get_irq(s, IRQ));
    g_assert_cmphex(msr(), ==, RQM);
    sense("c0 00");
    /* a reset in the middle of a command */
    SEND(0x46, 0, 0);
    g_assert_cmphex(msr(), ==, RQM | BUSY);
    reset_chip();
    SEND(0x10);
    expect("90");
    stop();
}

static void test_dmagate_gates_interrupt(void)
{
    start();
    qtest_outb(s, DOR, 0x00);
    qtest_outb(s, DOR, 0x04);
    g_assert_false(qtest_get_irq(s, IRQ));
    qtest_outb(s, DOR, 0x0c);
    g_assert_true(qtest_get_irq(s, IRQ));
    stop();
}

static void test_powerdown(void)
{
    start();
    qtest_outb(s, DSR, 0x40);
    g_assert_cmphex(msr(), ==, 0);
    qtest_outb(s, FIFO, 0x10);
    reset_chip(); /* wakes it */
    SEND(0x10);
    expect("90");
    stop();
}

static void test_registers(void)
{
    start();
    qtest_outb(s, TDR, 0xff);
    g_assert_cmphex(qtest_inb(s, TDR), ==, 3);
    qtest_outb(s, DOR, 0x3d);
    g_assert_cmphex(qtest_inb(s, DOR), ==, 0x3d);
    g_assert_cmphex(qtest_inb(s, SRB), ==, 0xe3); /* motors 0 and 1, drive 1 */
    g_assert_cmphex(qtest_inb(s, 0x3f0), ==, 0xff);
    stop();
}

static void test_invalid_command(void)
{
    static const uint8_t codes[] = {0x00, 0x01, 0x0b, 0x1a, 0x1f, 0x28, 0x30, 0x53, 0xff};

    start();
    for (unsigned n = 0; n < sizeof(codes); n++) {
        send(codes[n]);
        expect("80");
        g_assert_false(qtest_get_irq(s, IRQ));
    }
    stop();
}

/* --- commands without data -------------------------------------------------------------------- */

static void test_version_and_part(void)
{
    start();
    SEND(0x10);
    g_assert_cmphex(msr(), ==, RQM | DIO | BUSY);
    expect("90");
    SEND(0x18);
    expect("41");
    stop();
}

static void test_specify_configure_dumpreg(void)
{
    start();
    SEND(0x0e);
    expect("00 00 00 00 00 00 00 00 20 00");
    SEND(0x03, 0xaf, 0x02);
    SEND(0x13, 0, 0x57, 0x0a);
    SEND(0x12, 0x86); /* perpendicular: drive 0, WGATE */
    SEND(0x0e);
    expect("00 00 00 00 af 02 00 06 57 0a");
    SEND(0x12, 0x3d); /* without OW only GAP and WGATE change */
    SEND(0x0e);
    expect("00 00 00 00 af 02 00 05 57 0a");
    /* a software reset keeps SPECIFY's values and the drives' perpendicular bits */
    reset_chip();
    SEND(0x0e);
    expect("00 00 00 00 af 02 00 04 20 00");
    stop();
}

static void test_lock(void)
{
    start();
    SEND(0x13, 0, 0x57, 0x0a);
    SEND(0x94);
    expect("10");
    reset_chip();
    SEND(0x0e);
    expect("00 00 00 00 00 00 00 80 07 0a"); /* EFIFO, FIFOTHR and PRETRK are kept */
    SEND(0x14);
    expect("00");
    reset_chip();
    SEND(0x0e);
    expect("00 00 00 00 00 00 00 00 20 00");
    SEND(0x94);
    expect("10");
    qtest_system_reset(s); /* a hardware reset unlocks */
    SEND(0x0e);
    expect("00 00 00 00 00 00 00 00 20 00");
    stop();
}

static void test_powerdown_mode_option_drive_specification(void)
{
    start();
    SEND(0x17, 0x05);
    expect("05");
    SEND(0x33, 0x01);
    SEND(0x8e, 0x05, 0x2a, 0x80);
    expect("05 0a 00 00");
    SEND(0x8e, 0x16, 0xc0); /* no result wanted */
    SEND(0x8e, 0x80);
    expect("16 0a 00 00");
    stop();
}

static void test_save_restore(void)
{
    start();
    SEND(0x03, 0xaf, 0x02);
    SEND(0x13, 0, 0x57, 0x0a);
    SEND(0x2e);
    expect("02 00 00 00 00 00 af 02 00 00 57 0a 00 00 00 00");
    SEND(0x4e, 1, 1, 1, 2, 3, 4, 0x11, 0x22, 0x12, 0x80, 0x23, 0x05, 0x01, 0, 0, 0);
    SEND(0x0e);
    expect("01 02 03 04 11 22 12 80 23 05");
    stop();
}

static void test_seek_and_recalibrate(void)
{
    start();
    reset_chip();
    SEND(0x0f, 0, 40);
    g_assert_true(qtest_get_irq(s, IRQ));
    sense("20 28");
    g_assert_false(qtest_get_irq(s, IRQ));
    SEND(0x04, 0x04);
    expect("2c"); /* not at track 0; head 1 */
    SEND(0x07, 0);
    sense("20 00");
    SEND(0x04, 0x00);
    expect("38");
    /* 79 steps do not reach track 0 from beyond track 79 */
    seek(0, 82);
    SEND(0x07, 0);
    sense("70 00");
    SEND(0x07, 0);
    sense("20 00");
    /* where there is no drive, track 0 is never seen */
    SEND(0x07, 1);
    sense("71 00");
    SEND(0x04, 1);
    expect("29");
    stop();
}

static void test_relative_seek(void)
{
    start();
    reset_chip();
    SEND(0xcf, 0, 5);
    sense("20 05");
    SEND(0x8f, 0, 2);
    sense("20 03");
    dma(TO_MEMORY, SECTOR);
    data_command(READ | MFM, 3, 0, 1, 18);
    expect("00 00 00 03 00 02 02");
    expect_memory(0, lba(3, 0, 1));
    stop();
}

static void test_overlapped_seeks(void)
{
    start();
    reset_chip();
    SEND(0x0f, 0, 4);
    SEND(0x0f, 1, 7);
    g_assert_true(qtest_get_irq(s, IRQ));
    sense("20 04");
    g_assert_true(qtest_get_irq(s, IRQ)); /* the other one's */
    sense("21 07");
    g_assert_false(qtest_get_irq(s, IRQ));
    stop();
}

static void test_read_id(void)
{
    start();
    reset_chip();
    seek(0, 5);
    SEND(0x4a, 4);
    wait_ready();
    g_assert_true(qtest_get_irq(s, IRQ));
    g_assert_cmphex(qtest_inb(s, FIFO), ==, 0x04);
    g_assert_false(qtest_get_irq(s, IRQ)); /* the first result byte takes it back */
    expect("00 00 05 01 01 02");
    SEND(0x4a, 4);
    expect("04 00 00 05 01 02 02"); /* the next sector comes by */
    SEND(0x0a, 0);                  /* FM */
    expect("40 01 00 05 00 00 02");
    SEND(0x4a, 1); /* no drive */
    expect("41 01 00 00 00 00 02");
    stop();
}

/* --- reading ---------------------------------------------------------------------------------- */

static void test_read_until_terminal_count(void)
{
    start();
    reset_chip();
    dma(TO_MEMORY, 2 * SECTOR);
    data_command(READ | MFM, 0, 0, 3, 18);
    wait_ready();
    g_assert_true(qtest_get_irq(s, IRQ));
    expect("00 00 00 00 00 05 02");
    g_assert_false(qtest_get_irq(s, IRQ));
    expect_memory(0, lba(0, 0, 3));
    expect_memory(1, lba(0, 0, 4));
    /* the last sector of a track: the next cylinder's first */
    dma(TO_MEMORY, SECTOR);
    data_command(READ | MFM, 0, 1, 18, 18);
    expect("04 00 00 01 01 01 02");
    expect_memory(0, lba(0, 1, 18));
    /* terminal count in the middle of a sector */
    set_memory(0, 0xee, SECTOR);
    dma(TO_MEMORY, 100);
    data_command(READ | MFM, 0, 0, 1, 18);
    expect("00 00 00 00 00 02 02");
    g_assert_cmphex(qtest_readb(s, DMA_BUFFER + 99), ==, 1);
    g_assert_cmphex(qtest_readb(s, DMA_BUFFER + 100), ==, 0xee);
    stop();
}

static void test_multitrack(void)
{
    start();
    reset_chip();
    dma(TO_MEMORY, 36 * SECTOR);
    data_command(READ | MFM | MT, 0, 0, 1, 18);
    expect("04 00 00 01 00 01 02");
    for (unsigned n = 0; n < 36; n++) {
        expect_memory(n, n);
    }
    dma(TO_MEMORY, 18 * SECTOR);
    data_command(READ | MFM | MT, 0, 0, 1, 18);
    expect("00 00 00 00 01 01 02"); /* goes on at head 1 */
    dma(TO_MEMORY, 20 * SECTOR);
    data_command(READ | MFM | MT, 0, 0, 17, 18);
    expect("04 00 00 01 00 01 02");
    expect_memory(0, 16);
    expect_memory(19, 35);
    stop();
}

static void test_end_of_cylinder(void)
{
    start();
    reset_chip();
    dma(TO_MEMORY, 4 * SECTOR);
    data_command(READ | MFM, 0, 0, 17, 18); /* two sectors, four were asked for */
    expect("40 80 00 01 00 01 02");
    expect_memory(1, lba(0, 0, 18));
    dma(TO_MEMORY, 40 * SECTOR);
    data_command(READ | MFM | MT, 0, 0, 1, 18);
    expect("44 80 00 01 00 01 02");
    stop();
}

static void test_no_data(void)
{
    start();
    reset_chip();
    dma(TO_MEMORY, SECTOR);
    data_command(READ | MFM, 0, 0, 19, 19);
    expect("40 04 00 00 00 13 02");
    data_command(READ | MFM, 0, 0, 0, 18);
    expect("40 04 00 00 00 00 02");
    data_command(READ | MFM, 7, 0, 1, 18); /* the heads are elsewhere */
    expect("40 04 10 07 00 01 02");
    SEND(READ | MFM, 0, 0, 1, 1, 2, 18, 0x1b, 0xff); /* head in the ID is another */
    expect("40 04 00 00 01 01 02");
    SEND(READ | MFM, 0, 0, 0, 1, 3, 18, 0x1b, 0xff); /* 1024 bytes */
    expect("40 04 00 00 00 01 03");
    /* EOT behind the end of the track */
    dma(TO_MEMORY, 3 * SECTOR);
    data_command(READ | MFM, 0, 0, 18, 20);
    expect("40 04 00 00 00 13 02");
    /* EOT before R is never met */
    data_command(READ | MFM, 0, 0, 18, 2);
    expect("40 04 00 00 00 13 02");
    stop();
}

static void test_missing_address_mark(void)
{
    start();
    reset_chip();
    dma(TO_MEMORY, SECTOR);
    seek(0, 81); /* no such track */
    data_command(READ | MFM, 81, 0, 1, 18);
    expect("40 01 00 51 00 01 02");
    seek(0, 0);
    qtest_outb(s, CCR, 2); /* another data rate */
    data_command(READ | MFM, 0, 0, 1, 18);
    expect("40 01 00 00 00 01 02");
    SEND(0x4a, 0);
    expect("40 01 00 00 00 00 02");
    qtest_outb(s, CCR, 0);
    data_command(READ, 0, 0, 1, 18); /* FM */
    expect("40 01 00 00 00 01 02");
    SEND(READ | MFM, 1, 0, 0, 1, 2, 18, 0x1b, 0xff); /* no drive */
    expect("41 01 00 00 00 01 02");
    SEND(READ | MFM, 3, 0, 0, 1, 2, 18, 0x1b, 0xff);
    expect("43 01 00 00 00 01 02");
    stop();
}

static void test_media_rate_is_not_checked(void)
{
    start_on("pc", 1440 * 1024, " -global isa-fdc.check_media_rate=off");
    reset_chip();
    qtest_outb(s, CCR, 2);
    SEND(0x4a, 0);
    expect("00 00 00 00 00 01 02");
    stop();
}

static void test_implied_seek(void)
{
    start();
    reset_chip();
    SEND(0x13, 0, 0x57, 0);
    dma(TO_MEMORY, SECTOR);
    data_command(READ | MFM, 33, 0, 2, 18);
    expect("20 00 00 21 00 03 02");
    expect_memory(0, lba(33, 0, 2));
    SEND(0x0e);
    expect("21 00 00 00 00 00 12 00 57 00");
    stop();
}

static void test_pio(void)
{
    start();
    reset_chip();
    SEND(0x03, 0xaf, 0x03); /* ND */
    data_command(READ | MFM, 0, 0, 17, 18);
    wait_ready();
    g_assert_cmphex(msr(), ==, RQM | DIO | NONDMA | BUSY);
    g_assert_true(qtest_get_irq(s, IRQ));
    for (unsigned n = 0; n < 2 * SECTOR; n++) {
        uint8_t want[SECTOR];

        fill_sector(want, lba(0, 0, 17) + n / SECTOR);
        g_assert_cmphex(qtest_inb(s, FIFO), ==, want[n % SECTOR]);
    }
    expect("40 80 00 01 00 01 02"); /* there is no terminal count */
    data_command(WRITE | MFM, 0, 0, 18, 18);
    wait_ready();
    g_assert_cmphex(msr(), ==, RQM | NONDMA | BUSY);
    for (unsigned n = 0; n < SECTOR; n++) {
        qtest_outb(s, FIFO, 0x5a);
    }
    expect("40 80 00 01 00 01 02");
    SEND(0x03, 0xaf, 0x02);
    dma(TO_MEMORY, SECTOR);
    data_command(READ | MFM, 0, 0, 18, 18);
    expect("00 00 00 01 00 01 02");
    g_assert_cmphex(qtest_readl(s, DMA_BUFFER + 508), ==, 0x5a5a5a5a);
    stop();
}

static void test_dma_may_be_late(void)
{
    start();
    reset_chip();
    program_dma(TO_MEMORY, SECTOR, false);
    data_command(READ | MFM, 0, 0, 2, 18);
    qtest_clock_step(s, 100 * G_GINT64_CONSTANT(1000000));
    g_assert_cmphex(msr(), ==, BUSY);
    qtest_outb(s, 0x0a, 2);
    for (unsigned n = 0; !(msr() & RQM); n++) {
        g_assert_cmpuint(n, <, 1000);
        qtest_clock_step(s, 1000000);
    }
    expect("00 00 00 00 00 03 02");
    expect_memory(0, lba(0, 0, 2));
    stop();
}

static void test_overrun(void)
{
    start();
    reset_chip();
    program_dma(TO_MEMORY, SECTOR, false);
    data_command(READ | MFM, 0, 0, 2, 18);
    for (unsigned n = 0; !(msr() & RQM); n++) {
        g_assert_cmpuint(n, <, 1000);
        qtest_clock_step(s, 10 * G_GINT64_CONSTANT(1000000));
        g_usleep(20);
    }
    expect("40 10 00 00 00 02 02");
    stop();
}

static void test_read_track(void)
{
    start();
    reset_chip();
    dma(TO_MEMORY, 18 * SECTOR);
    data_command(READ_TRACK | MFM, 0, 1, 1, 18);
    expect("04 00 00 01 01 01 02");
    for (unsigned n = 0; n < 18; n++) {
        expect_memory(n, 18 + n);
    }
    dma(TO_MEMORY, 4 * SECTOR);
    data_command(READ_TRACK | MFM, 0, 0, 5, 18); /* from the index hole on; the ID was another */
    expect("00 04 00 00 00 05 02");
    expect_memory(0, 0);
    expect_memory(3, 3);
    stop();
}

/* --- writing ---------------------------------------------------------------------------------- */

static void test_write(void)
{
    uint8_t want[SECTOR];

    start();
    reset_chip();
    seek(0, 2);
    set_memory(0, 0xa1, SECTOR);
    set_memory(SECTOR, 0xa2, SECTOR);
    dma(FROM_MEMORY, 2 * SECTOR);
    data_command(WRITE | MFM | MT, 2, 0, 18, 18);
    expect("04 00 00 02 01 02 02");
    memset(want, 0xa1, SECTOR);
    expect_image(lba(2, 0, 18), want);
    memset(want, 0xa2, SECTOR);
    expect_image(lba(2, 1, 1), want);
    fill_sector(want, lba(2, 1, 2));
    expect_image(lba(2, 1, 2), want);
    /* terminal count in the middle: zeroes fill the sector */
    dma(FROM_MEMORY, 10);
    data_command(WRITE | MFM, 2, 0, 1, 18);
    expect("00 00 00 02 00 02 02");
    memset(want, 0, SECTOR);
    memset(want, 0xa1, 10);
    expect_image(lba(2, 0, 1), want);
    stop();
}

static void test_write_protected(void)
{
    start_on("pc", 1440 * 1024, ",readonly=on");
    reset_chip();
    SEND(0x04, 0);
    expect("78");
    dma(FROM_MEMORY, SECTOR);
    data_command(WRITE | MFM, 0, 0, 1, 18);
    expect("40 02 00 00 00 01 02");
    SEND(FORMAT | MFM, 0, 2, 18, 0x54, 0xf6);
    expect("40 02 00 00 00 00 02");
    stop();
}

static void test_deleted_data(void)
{
    start();
    reset_chip();
    dma(FROM_MEMORY, SECTOR);
    data_command(WRITE_DELETED | MFM, 0, 0, 2, 18);
    expect("00 00 00 00 00 03 02");
    /* read without SK: the sector comes with CM, and it is the last; the address stays */
    dma(TO_MEMORY, 3 * SECTOR);
    data_command(READ | MFM, 0, 0, 1, 18);
    expect("00 00 40 00 00 02 02");
    expect_memory(0, 0);
    /* with SK it is passed over */
    dma(TO_MEMORY, 2 * SECTOR);
    data_command(READ | MFM | SK, 0, 0, 1, 18);
    expect("00 00 40 00 00 04 02");
    expect_memory(0, 0);
    expect_memory(1, 2);
    /* READ DELETED DATA is the other way round */
    dma(TO_MEMORY, SECTOR);
    data_command(READ_DELETED | MFM | SK, 0, 0, 1, 18);
    expect("00 00 40 00 00 03 02");
    dma(TO_MEMORY, SECTOR);
    data_command(READ_DELETED | MFM, 0, 0, 3, 18);
    expect("00 00 40 00 00 03 02");
    expect_memory(0, 2);
    data_command(READ_DELETED | MFM | SK, 0, 0, 3, 18);
    expect("40 80 40 01 00 01 02");
    /* WRITE DATA makes it an ordinary one */
    dma(FROM_MEMORY, SECTOR);
    data_command(WRITE | MFM, 0, 0, 2, 18);
    expect("00 00 00 00 00 03 02");
    dma(TO_MEMORY, SECTOR);
    data_command(READ | MFM, 0, 0, 2, 18);
    expect("00 00 00 00 00 03 02");
    stop();
}

static void format_ids(unsigned sectors, uint8_t c, uint8_t h, unsigned interleave)
{
    for (unsigned n = 0; n < sectors; n++) {
        qtest_writel(s, DMA_BUFFER + 4 * n,
                     c | h << 8 | (n * interleave % sectors + 1) << 16 | 2u << 24);
    }
    dma(FROM_MEMORY, 4 * sectors);
}

static void test_format(void)
{
    uint8_t want[SECTOR];

    start();
    reset_chip();
    seek(0, 9);
    format_ids(18, 9, 1, 5);
    SEND(FORMAT | MFM, 4, 2, 18, 0x54, 0xf6);
    expect("04 00 00 0a 01 01 02");
    memset(want, 0xf6, SECTOR);
    for (unsigned r = 1; r <= 18; r++) {
        expect_image(lba(9, 1, r), want);
    }
    fill_sector(want, lba(9, 0, 18));
    expect_image(lba(9, 0, 18), want);
    fill_sector(want, lba(10, 0, 1));
    expect_image(lba(10, 0, 1), want);
    /* what the image cannot hold */
    SEND(FORMAT | MFM, 4, 2, 9, 0x54, 0xf6);
    expect("44 04 00 09 01 00 02");
    format_ids(18, 9, 1, 2); /* some sectors twice */
    SEND(FORMAT | MFM, 4, 2, 18, 0x54, 0xe5);
    expect("44 04 00 09 01 00 02");
    format_ids(18, 8, 1, 1); /* another cylinder */
    SEND(FORMAT | MFM, 4, 2, 18, 0x54, 0xe5);
    expect("44 04 00 09 01 00 02");
    stop();
}

static void test_verify(void)
{
    start();
    reset_chip();
    data_command(VERIFY | MFM, 0, 0, 1, 18); /* up to EOT */
    expect("00 00 00 01 00 01 02");
    SEND(VERIFY | MFM, 0x80, 0, 0, 1, 2, 18, 0x1b, 5); /* five sectors */
    expect("00 00 00 00 00 06 02");
    SEND(VERIFY | MFM | MT, 0x80, 0, 0, 1, 2, 18, 0x1b, 36);
    expect("04 00 00 01 00 01 02");
    SEND(VERIFY | MFM, 0x80, 0, 0, 10, 2, 18, 0x1b, 10); /* nine are left */
    expect("40 80 00 01 00 01 02");
    data_command(VERIFY | MFM, 0, 0, 1, 19);
    expect("40 04 00 00 00 13 02");
    stop();
}

static void test_scan(void)
{
    start();
    reset_chip();
    for (unsigned n = 0; n < 3; n++) { /* what sector 3 of the track is made of */
        uint8_t sector[SECTOR];

        fill_sector(sector, 2);
        qtest_memwrite(s, DMA_BUFFER + n * SECTOR, sector, SECTOR);
    }
    dma(FROM_MEMORY, 18 * SECTOR);
    SEND(SCAN_EQUAL | MFM, 0, 0, 0, 1, 2, 18, 0x1b, 1);
    expect("00 00 08 00 00 03 02");
    dma(FROM_MEMORY, 18 * SECTOR);
    SEND(SCAN_EQUAL | MFM, 0, 0, 0, 1, 2, 18, 0x1b, 2); /* every other sector */
    expect("00 00 08 00 00 03 02");
    dma(FROM_MEMORY, 18 * SECTOR);
    SEND(SCAN_LOW | MFM, 0, 0, 0, 1, 2, 18, 0x1b, 1); /* the first is lower already */
    expect("00 00 00 00 00 01 02");
    dma(FROM_MEMORY, 18 * SECTOR);
    SEND(SCAN_HIGH | MFM, 0, 0, 0, 1, 2, 18, 0x1b, 1); /* the third is equal */
    expect("00 00 08 00 00 03 02");
    set_memory(0, 0x00, 18 * SECTOR);
    dma(FROM_MEMORY, 18 * SECTOR);
    SEND(SCAN_EQUAL | MFM, 0, 0, 0, 1, 2, 18, 0x1b, 1);
    expect("00 00 04 01 00 01 02"); /* not satisfied */
    stop();
}

/* --- media ------------------------------------------------------------------------------------ */

typedef struct Size {
    unsigned kib, sectors, tracks, heads;
    uint8_t rate, cmos;
} Size;

static const Size sizes[] = {
    {160, 8, 40, 1, 2, 2},   {180, 9, 40, 1, 1, 2},   {320, 8, 40, 2, 2, 2},
    {360, 9, 40, 2, 1, 2},   {720, 9, 80, 2, 2, 4},   {1200, 15, 80, 2, 0, 2},
    {1440, 18, 80, 2, 0, 4}, {1680, 21, 80, 2, 0, 4}, {2880, 36, 80, 2, 3, 5},
};

static void test_size(const void *opaque)
{
    const Size *z = opaque;
    unsigned c = z->tracks - 1, h = z->heads - 1;
    g_autofree char *want = g_strdup_printf("%02x 00 00 %02x %02x 01 02", h << 2, c + 1, h);

    start_on("pc", z->kib * 1024ull, "");
    qtest_outb(s, 0x70, 0x10);
    g_assert_cmphex(qtest_inb(s, 0x71), ==, z->cmos << 4);
    reset_chip();
    qtest_outb(s, CCR, z->rate);
    seek(0, c);
    dma(TO_MEMORY, SECTOR);
    data_command(READ | MFM, c, h, z->sectors, z->sectors);
    expect(want);
    expect_memory(0, z->kib * 2 - 1);
    stop();
}

static void test_odd_size(void)
{
    start_on("pc", SECTOR + 100, "");
    reset_chip();
    dma(TO_MEMORY, SECTOR);
    data_command(READ | MFM, 0, 0, 1, 18); /* what is there can be read */
    expect("00 00 00 00 00 02 02");
    expect_memory(0, 0);
    dma(TO_MEMORY, SECTOR);
    data_command(READ | MFM, 0, 0, 4, 18); /* what is not cannot */
    expect("40 20 20 00 00 04 02");
    stop();
}

static void test_cmos(const void *machine)
{
    static const struct {
        const char *options;
        uint8_t types, equipment;
    } cases[] = {
        {"-nodefaults -device floppy", 0x50, 0x07},
        {"-nodefaults -device floppy,drive-type=144 -device floppy,unit=1,drive-type=120", 0x42,
         0x47},
        {"-nodefaults -device floppy,unit=1,drive-type=288", 0x05, 0x07},
        {"-nodefaults -device floppy -global isa-fdc.fallback=144", 0x40, 0x07},
        {"-nodefaults -device floppy -global isa-fdc.fdtypeA=120", 0x20, 0x07},
        {"-nodefaults -device floppy,drive-type=none", 0x00, 0x06},
        {"-nodefaults", 0x00, 0x06},
    };

    for (unsigned n = 0; n < G_N_ELEMENTS(cases); n++) {
        s = qtest_initf("-machine %s %s %s", (const char *)machine,
                        strcmp(machine, "q35") || n == 6 ? "" : "-device isa-fdc",
                        cases[n].options);
        qtest_outb(s, 0x70, 0x10);
        g_assert_cmphex(qtest_inb(s, 0x71), ==, cases[n].types);
        qtest_outb(s, 0x70, 0x14);
        g_assert_cmphex(qtest_inb(s, 0x71), ==, cases[n].equipment);
        qtest_quit(s);
    }
}

static void test_defaults(void)
{
    static const struct {
        const char *options;
        bool controller;
        uint8_t types;
    } cases[] = {
        {"-machine pc", true, 0x50},
        {"-machine pc -nodefaults", true, 0x00},
        {"-machine pc -device floppy,unit=1", true, 0x05},
        {"-machine q35", false, 0x00},
        {"-machine q35 -drive if=floppy,driver=null-co,size=1474560,read-zeroes=on", true, 0x40},
    };

    for (unsigned n = 0; n < G_N_ELEMENTS(cases); n++) {
        s = qtest_init(cases[n].options);
        g_assert_cmphex(qtest_inb(s, MSR), ==, cases[n].controller ? RQM : 0xff);
        qtest_outb(s, 0x70, 0x10);
        g_assert_cmphex(qtest_inb(s, 0x71), ==, cases[n].types);
        qtest_quit(s);
    }
}

static void test_two_drives(void)
{
    g_autofree char *b = make_image(720 * 1024), *options = g_strdup_printf(" -fdb %s", b);

    start_on("q35", 1440 * 1024, options);
    qtest_outb(s, 0x70, 0x10);
    g_assert_cmphex(qtest_inb(s, 0x71), ==, 0x44);
    reset_chip();
    qtest_outb(s, DOR, 0x2d);
    qtest_outb(s, CCR, 2);
    seek(1, 3);
    dma(TO_MEMORY, SECTOR);
    SEND(READ | MFM, 1, 3, 0, 9, 2, 9, 0x1b, 0xff);
    expect("01 00 00 04 00 01 02");
    expect_memory(0, 3 * 18 + 8);
    stop();
    g_unlink(b);
}

static void test_disk_change(void)
{
    start();
    reset_chip();
    g_assert_cmphex(qtest_inb(s, DIGIN), ==, 0x80);
    recalibrate(); /* the heads are there: no step */
    g_assert_cmphex(qtest_inb(s, DIGIN), ==, 0x80);
    seek(0, 1);
    g_assert_cmphex(qtest_inb(s, DIGIN), ==, 0);
    qtest_outb(s, DOR, 0x2d);
    g_assert_cmphex(qtest_inb(s, DIGIN), ==, 0); /* no drive */
    qtest_outb(s, DOR, 0x1c);
    qtest_qmp_ok(s, "{'execute': 'eject', 'arguments': {'device': 'floppy0'}}");
    g_assert_cmphex(qtest_inb(s, DIGIN), ==, 0x80);
    seek(0, 0);
    g_assert_cmphex(qtest_inb(s, DIGIN), ==, 0x80); /* steps do not help without a disk */
    dma(TO_MEMORY, SECTOR);
    data_command(READ | MFM, 0, 0, 1, 18);
    expect("40 01 00 00 00 01 02");
    qtest_qmp_ok(s,
                 "{'execute': 'blockdev-change-medium', 'arguments': {'device': 'floppy0', "
                 "'filename': '%s', 'format': 'raw'}}",
                 image);
    seek(0, 0);
    g_assert_cmphex(qtest_inb(s, DIGIN), ==, 0x80);
    seek(0, 1);
    g_assert_cmphex(qtest_inb(s, DIGIN), ==, 0);
    data_command(READ | MFM, 1, 0, 1, 18);
    expect("00 00 00 01 00 02 02");
    stop();
}

static void test_medium_commands(void)
{
    g_autofree char *other = make_image(720 * 1024), *third = make_image(1440 * 1024), *text = NULL;
    json_object *list, *drive, *value;

    start_on("pc", 1440 * 1024, "");
    qtest_quit(s);
    s = qtest_initf(
        "-machine pc -nodefaults -blockdev driver=raw,node-name=a,file.driver=file,"
        "file.filename=%s -blockdev driver=raw,node-name=b,read-only=on,file.driver=file,"
        "file.filename=%s -device floppy,id=fd,drive=a",
        image, other);
    list = qtest_qmp_return(s, "{'execute': 'query-block'}");
    drive = json_object_array_get_idx(list, 0);
    g_assert_true(json_object_object_get_ex(drive, "removable", &value));
    g_assert_true(json_object_get_boolean(value));
    g_assert_false(json_object_object_get_ex(drive, "tray_open", NULL));
    g_assert_true(json_object_object_get_ex(drive, "inserted", NULL));
    json_object_put(list);
    text = qtest_hmp(s, "info block");
    g_assert_nonnull(strstr(text, "not locked\r\n"));
    /* there is no tray */
    qtest_qmp_ok(s, "{'execute': 'blockdev-open-tray', 'arguments': {'id': 'fd'}}");
    qtest_qmp_ok(s, "{'execute': 'blockdev-close-tray', 'arguments': {'id': 'fd'}}");
    g_assert_false(qtest_qmp_has_event(s, "DEVICE_TRAY_MOVED"));
    g_free(qtest_qmp_error(s, "GenericError",
                           "{'execute': 'blockdev-insert-medium', 'arguments': "
                           "{'id': 'fd', 'node-name': 'b'}}"));
    qtest_qmp_ok(s, "{'execute': 'blockdev-remove-medium', 'arguments': {'id': 'fd'}}");
    qtest_qmp_ok(s, "{'execute': 'blockdev-remove-medium', 'arguments': {'id': 'fd'}}");
    qtest_qmp_ok(s, "{'execute': 'blockdev-insert-medium', 'arguments': "
                    "{'id': 'fd', 'node-name': 'b'}}");
    /* the drive is still one for 1.44M; the disk is 720K and write-protected */
    qtest_outb(s, DOR, 0x1c);
    SEND(0x04, 0);
    expect("78");
    qtest_outb(s, CCR, 2);
    dma(TO_MEMORY, SECTOR);
    data_command(READ | MFM, 0, 1, 9, 9);
    expect("04 00 00 01 01 01 02");
    expect_memory(0, 17);
    /* as protected as the one before; or not */
    qtest_qmp_ok(s,
                 "{'execute': 'blockdev-change-medium', 'arguments': {'id': 'fd', "
                 "'filename': '%s', 'format': 'raw'}}",
                 third);
    SEND(0x04, 0);
    expect("78");
    qtest_qmp_ok(s, "{'execute': 'eject', 'arguments': {'id': 'fd'}}");
    qtest_qmp_ok(
        s,
        "{'execute': 'blockdev-change-medium', 'arguments': {'id': 'fd', 'filename': '%s', "
        "'format': 'raw', 'read-only-mode': 'read-write'}}",
        third);
    SEND(0x04, 0);
    expect("38");
    g_free(qtest_qmp_error(s, "GenericError",
                           "{'execute': 'blockdev-change-medium', 'arguments': {"
                           "'id': 'fd', 'filename': '/nonexistent', 'format': 'raw'}}"));
    stop();
    g_unlink(other);
    g_unlink(third);
}

static void test_medium_goes_during_command(void)
{
    start();
    reset_chip();
    program_dma(TO_MEMORY, SECTOR, false);
    data_command(READ | MFM, 0, 0, 1, 18);
    qtest_qmp_ok(s, "{'execute': 'eject', 'arguments': {'device': 'floppy0'}}");
    expect("40 01 00 00 00 01 02");
    stop();
}

/* --- hostile input ---------------------------------------------------------------------------- */

static void test_random_writes(void)
{
    static const uint16_t ports[] = {DOR, TDR, DSR, FIFO, FIFO, FIFO, FIFO, FIFO, CCR, 0x0a, 0x0b};

    start();
    for (unsigned n = 0; n < 20000; n++) {
        uint16_t port = ports[g_test_rand_int_range(0, G_N_ELEMENTS(ports))];
        uint8_t val = g_test_rand_int_range(0, 256);

        if (port == DOR && g_test_rand_int_range(0, 4)) {
            val |= 0x0c;
        }
        if (port == 0x0a || port == 0x0b) {
            val = (val & ~3) | 2;
        }
        if (port == DSR) {
            val &= 0x9f;
        }
        qtest_outb(s, port, val);
        if (!(n & 3)) {
            qtest_inb(s, FIFO);
        }
        if (!(n & 63)) {
            qtest_clock_step(s, 300 * G_GINT64_CONSTANT(1000000));
        }
    }
    reset_chip();
    SEND(0x10);
    expect("90");
    stop();
}

static void test_reset_during_commands(void)
{
    start();
    for (unsigned n = 0; n < 200; n++) {
        reset_chip();
        dma(n & 1 ? TO_MEMORY : FROM_MEMORY, SECTOR);
        data_command((n & 1 ? READ : WRITE) | MFM, 0, 0, 1 + n % 18, 18);
    }
    reset_chip();
    dma(TO_MEMORY, SECTOR);
    data_command(READ | MFM, 0, 1, 1, 18);
    expect("04 00 00 00 01 02 02");
    expect_memory(0, 18);
    stop();
}

static void refused(const char *options, const char *word)
{
    g_autofree char *output = NULL,
                    *args = g_strdup_printf("-display none -accel qtest %s", options);

    g_assert_cmpint(qtest_run(args, &output), ==, 1);
    g_assert_nonnull(strstr(output, word));
}

static void test_errors(void)
{
    refused("-machine pc -device isa-fdc", "iobase=0x3f0");
    refused("-machine q35 -device floppy", "floppy");
    refused("-machine q35 -device isa-fdc,irq=16", "irq=16");
    refused("-machine q35 -device isa-fdc,dma=5", "dma=5");
    refused("-machine q35 -device isa-fdc,iobase=0x3f3", "iobase=0x3f3");
    refused("-machine q35 -device isa-fdc,fallback=auto", "fallback");
    refused("-machine q35 -device isa-fdc,driveA=nobody", "nobody");
    refused("-machine pc -device floppy,unit=2", "unit=2");
    refused("-machine pc -device floppy -device floppy,unit=0", "unit=0");
    refused("-machine pc -device floppy,drive-type=99", "drive-type");
    refused("-machine pc -device floppy,logical_block_size=4096", "logical_block_size=4096");
    refused("-machine pc -drive if=none,id=d,driver=null-co,size=1474560 "
            "-device floppy,drive=d,drive-type=none",
            "drive-type=none");
    refused("-machine pc -drive if=floppy,index=2,driver=null-co,size=1474560", "floppy");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fdc/reset", test_reset);
    g_test_add_func("/fdc/dmagate", test_dmagate_gates_interrupt);
    g_test_add_func("/fdc/powerdown", test_powerdown);
    g_test_add_func("/fdc/registers", test_registers);
    g_test_add_func("/fdc/invalid-command", test_invalid_command);
    g_test_add_func("/fdc/version-part-id", test_version_and_part);
    g_test_add_func("/fdc/specify-configure-dumpreg", test_specify_configure_dumpreg);
    g_test_add_func("/fdc/lock", test_lock);
    g_test_add_func("/fdc/powerdown-mode-option-drive-specification",
                    test_powerdown_mode_option_drive_specification);
    g_test_add_func("/fdc/save-restore", test_save_restore);
    g_test_add_func("/fdc/seek-recalibrate", test_seek_and_recalibrate);
    g_test_add_func("/fdc/relative-seek", test_relative_seek);
    g_test_add_func("/fdc/overlapped-seeks", test_overlapped_seeks);
    g_test_add_func("/fdc/read-id", test_read_id);
    g_test_add_func("/fdc/read-until-terminal-count", test_read_until_terminal_count);
    g_test_add_func("/fdc/multi-track", test_multitrack);
    g_test_add_func("/fdc/end-of-cylinder", test_end_of_cylinder);
    g_test_add_func("/fdc/no-data", test_no_data);
    g_test_add_func("/fdc/missing-address-mark", test_missing_address_mark);
    g_test_add_func("/fdc/media-rate-not-checked", test_media_rate_is_not_checked);
    g_test_add_func("/fdc/implied-seek", test_implied_seek);
    g_test_add_func("/fdc/pio", test_pio);
    g_test_add_func("/fdc/late-dma", test_dma_may_be_late);
    g_test_add_func("/fdc/overrun", test_overrun);
    g_test_add_func("/fdc/read-track", test_read_track);
    g_test_add_func("/fdc/write", test_write);
    g_test_add_func("/fdc/write-protected", test_write_protected);
    g_test_add_func("/fdc/deleted-data", test_deleted_data);
    g_test_add_func("/fdc/format", test_format);
    g_test_add_func("/fdc/verify", test_verify);
    g_test_add_func("/fdc/scan", test_scan);
    for (unsigned n = 0; n < G_N_ELEMENTS(sizes); n++) {
        g_autofree char *path = g_strdup_printf("/fdc/size/%uK", sizes[n].kib);

        g_test_add_data_func(path, &sizes[n], test_size);
    }
    g_test_add_func("/fdc/odd-size", test_odd_size);
    g_test_add_data_func("/fdc/cmos/pc", "pc", test_cmos);
    g_test_add_data_func("/fdc/cmos/q35", "q35", test_cmos);
    g_test_add_func("/fdc/defaults", test_defaults);
    g_test_add_func("/fdc/two-drives", test_two_drives);
    g_test_add_func("/fdc/disk-change", test_disk_change);
    g_test_add_func("/fdc/medium-commands", test_medium_commands);
    g_test_add_func("/fdc/medium-goes-during-command", test_medium_goes_during_command);
    g_test_add_func("/fdc/random-writes", test_random_writes);
    g_test_add_func("/fdc/reset-during-commands", test_reset_during_commands);
    g_test_add_func("/fdc/errors", test_errors);
    return g_test_run();
}
