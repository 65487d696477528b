/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Drives the floppy controller. */
#include "fdc-driver.h"

#include <glib/gstdio.h>
#include <unistd.h>

QTestState *s;
char *image;

/* --- images ----------------------------------------------------------------------------------- */

void fdc_fill_sector(uint8_t *p, unsigned n)
{
    memset(p, n * 7 + 1, SECTOR);
    p[0] = n;
    p[1] = n >> 8;
}

char *fdc_make_image(uint64_t bytes)
{
    char *path = NULL;
    int fd = g_file_open_tmp("fdc-test-XXXXXX", &path, NULL);
    uint8_t sector[SECTOR];

    for (uint64_t n = 0; n < bytes / SECTOR; n++) {
        fdc_fill_sector(sector, n);
        g_assert_cmpint(write(fd, sector, SECTOR), ==, SECTOR);
    }
    g_assert_cmpint(ftruncate(fd, bytes), ==, 0);
    close(fd);
    return path;
}

static void fdc_delete_image(char **path)
{
    g_unlink(*path);
    g_clear_pointer(path, g_free);
}

void fdc_start_on(const char *machine, uint64_t bytes, const char *more)
{
    image = fdc_make_image(bytes);
    s = qtest_initf("-machine %s -nodefaults -drive if=floppy,format=raw,file=%s%s", machine, image,
                    more);
    qtest_irq_intercept_in(s, "ioapic");
}

void fdc_start(void)
{
    fdc_start_on("pc", 1440 * 1024, "");
}

void fdc_stop(void)
{
    qtest_quit(s);
    fdc_delete_image(&image);
}

void fdc_expect_image(unsigned n, const uint8_t *want)
{
    g_autofree char *data = NULL;
    gsize len;

    g_assert_true(g_file_get_contents(image, &data, &len, NULL));
    g_assert_cmpmem(data + n * SECTOR, SECTOR, want, SECTOR);
}

/* --- the chip --------------------------------------------------------------------------------- */

uint8_t fdc_msr(void)
{
    return qtest_inb(s, MSR);
}

void fdc_send(uint8_t val)
{
    g_assert_cmphex(fdc_msr() & (RQM | DIO), ==, RQM);
    qtest_outb(s, FIFO, val);
}

void fdc_wait_ready(void)
{
    for (unsigned n = 0; !(fdc_msr() & RQM); n++) {
        g_assert_cmpuint(n, <, 100000);
        g_usleep(20);
    }
}

char *fdc_result(void)
{
    g_autoptr(GString) got = g_string_new(NULL);

    fdc_wait_ready();
    while ((fdc_msr() & (RQM | DIO | BUSY)) == (RQM | DIO | BUSY)) {
        g_string_append_printf(got, "%s%02x", got->len ? " " : "", qtest_inb(s, FIFO));
    }
    g_assert_cmphex(fdc_msr(), ==, RQM);
    return g_string_free(g_steal_pointer(&got), FALSE);
}

void fdc_expect(const char *want)
{
    g_autofree char *got = fdc_result();

    g_assert_cmpstr(got, ==, want);
}

void fdc_sense(const char *want)
{
    fdc_send(0x08);
    fdc_expect(want);
}

void fdc_reset_chip(void)
{
    qtest_outb(s, DOR, 0x08);
    qtest_outb(s, DOR, 0x1c);
    for (unsigned n = 0; n < 4; n++) {
        g_autofree char *want = g_strdup_printf("c%u", n), *got = NULL;

        fdc_send(0x08);
        got = fdc_result();
        g_assert_true(g_str_has_prefix(got, want)); /* the cylinder is kept */
    }
    qtest_outb(s, CCR, 0);
}

void fdc_seek(uint8_t unit, uint8_t cylinder)
{
    g_autofree char *want = g_strdup_printf("%02x %02x", 0x20 | unit, cylinder);

    SEND(0x0f, unit, cylinder);
    fdc_sense(want);
}

void fdc_program_dma(uint8_t mode, unsigned bytes, bool unmask)
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

void fdc_dma(uint8_t mode, unsigned bytes)
{
    fdc_program_dma(mode, bytes, true);
}

void fdc_data_command(uint8_t op, uint8_t c, uint8_t h, uint8_t r, uint8_t eot)
{
    SEND(op, h << 2, c, h, r, 2, eot, 0x1b, 0xff);
}

unsigned fdc_lba(unsigned c, unsigned h, unsigned r)
{
    return (c * 2 + h) * 18 + r - 1;
}

void fdc_expect_memory(unsigned at, unsigned n)
{
    uint8_t got[SECTOR], want[SECTOR];

    fdc_fill_sector(want, n);
    qtest_memread(s, DMA_BUFFER + at * SECTOR, got, SECTOR);
    g_assert_cmpmem(got, SECTOR, want, SECTOR);
}

void fdc_set_memory(unsigned at, uint8_t val, unsigned bytes)
{
    qtest_memset(s, DMA_BUFFER + at, val, bytes);
}
