/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VGA and bochs-display: registers, planes, modes, and the pictures that screendump makes of them.
 */
#include "libqtest.h"
#include "pci.h"

#include <stdio.h>
#include <string.h>

static QTestState *s;
static QPCIBus *bus;
static QPCIDevice *dev;
static QPCIBar *vram, *mmio;

static void start(const char *args)
{
    s = qtest_initf("-machine pc -nodefaults %s", args);
    bus = qpci_new(s);
    dev = qpci_device_find(bus, 0x1234, 0x1111);
    g_assert_nonnull(dev);
    vram = qpci_iomap(dev, 0);
    mmio = qpci_iomap(dev, 2);
    qpci_device_enable(dev);
}

static void stop(void)
{
    g_free(vram);
    g_free(mmio);
    qpci_device_free(dev);
    qpci_free(bus);
    qtest_quit(s);
}

static void vbe(uint16_t reg, uint16_t val)
{
    qtest_outw(s, 0x1ce, reg);
    qtest_outw(s, 0x1cf, val);
}

/* The screen as a PPM file's content behind its header. */
static uint8_t *dump(unsigned *width, unsigned *height)
{
    g_autofree char *path = g_build_filename(g_get_tmp_dir(), "display-test.ppm", NULL),
                    *data = NULL;
    int header = 0;
    gsize len;

    qtest_qmp_ok(s, "{'execute': 'screendump', 'arguments': {'filename': '%s'}}", path);
    g_assert_true(g_file_get_contents(path, &data, &len, NULL));
    unlink(path);
    g_assert_cmpint(sscanf(data, "P6\n%u %u\n255\n%n", width, height, &header), ==, 2);
    g_assert_cmpuint(len, ==, header + 3 * *width * *height);
    return g_memdup2(data + header, len - header);
}

static uint32_t pixel(const uint8_t *p, unsigned width, unsigned x, unsigned y)
{
    p += 3 * (y * width + x);
    return p[0] << 16 | p[1] << 8 | p[2];
}

static void test_vbe(void)
{
    unsigned w, h;
    g_autofree uint8_t *p = NULL;

    start("-device VGA,vgamem_mb=8");
    qtest_outw(s, 0x1ce, 0);
    g_assert_cmphex(qtest_inw(s, 0x1cf), ==, 0xb0c5);
    g_assert_cmphex(qpci_io_read(mmio, 0x500, 2), ==, 0xb0c5);
    vbe(1, 640);
    vbe(2, 480);
    vbe(3, 32);
    vbe(4, 0x41);
    qpci_io_write(vram, 4 * (640 * 10 + 20), 4, 0x00123456);
    p = dump(&w, &h);
    g_assert_cmpuint(w, ==, 640);
    g_assert_cmpuint(h, ==, 480);
    g_assert_cmphex(pixel(p, w, 20, 10), ==, 0x123456);
    g_assert_cmphex(pixel(p, w, 21, 10), ==, 0);
    /* Panning within the virtual screen; nonsense is kept inside the video RAM. */
    vbe(9, 5);
    g_free(p);
    p = dump(&w, &h);
    g_assert_cmphex(pixel(p, w, 20, 5), ==, 0x123456);
    vbe(6, 0xffff);
    vbe(9, 0xffff);
    vbe(1, 0xffff);
    vbe(2, 0xffff);
    g_free(p);
    p = dump(&w, &h);
    g_assert_cmpuint((uint64_t)w * h * 4, <=, 8 << 20);
    stop();
}

static void seq(uint8_t n, uint8_t v)
{
    qtest_outw(s, 0x3c4, n | v << 8);
}

static void gfx(uint8_t n, uint8_t v)
{
    qtest_outw(s, 0x3ce, n | v << 8);
}

/* Write mode 0 with map mask, bit mask and set/reset; read map; latches; write mode 1 and 2. */
static void test_planes(void)
{
    start("-device VGA");
    qtest_outb(s, 0x3c2, 0x63);
    seq(4, 0x06); /* planes, no chain */
    gfx(6, 0x05); /* graphics, 64 KiB at 0xa0000 */
    gfx(8, 0xff);
    seq(2, 0x05);
    qtest_writeb(s, 0xa0010, 0xa5);
    for (unsigned p = 0; p < 4; p++) {
        gfx(4, p);
        g_assert_cmphex(qtest_readb(s, 0xa0010), ==, p % 2 ? 0 : 0xa5);
    }
    gfx(4, 0);
    qtest_readb(s, 0xa0010); /* latches */
    seq(2, 0x0f);
    gfx(5, 1); /* copy latches */
    qtest_writeb(s, 0xa0020, 0);
    gfx(5, 0);
    gfx(4, 2);
    g_assert_cmphex(qtest_readb(s, 0xa0020), ==, 0xa5);
    gfx(8, 0x0f); /* only the low half of the byte */
    qtest_readb(s, 0xa0020);
    gfx(5, 2); /* colour 9 in these pixels */
    qtest_writeb(s, 0xa0020, 9);
    gfx(5, 0);
    gfx(4, 0);
    g_assert_cmphex(qtest_readb(s, 0xa0020), ==, 0xaf);
    gfx(4, 2);
    g_assert_cmphex(qtest_readb(s, 0xa0020), ==, 0xa0);
    gfx(4, 3);
    g_assert_cmphex(qtest_readb(s, 0xa0020), ==, 0x0f);
    stop();
}

/* A text screen: one character with a font of our own. */
static void test_text(void)
{
    unsigned w, h;
    g_autofree uint8_t *p = NULL;

    start("-device VGA");
    qtest_outb(s, 0x3c2, 0x63);
    for (unsigned n = 0; n < 16; n++) { /* palette: identity */
        qtest_inb(s, 0x3da);
        qtest_outb(s, 0x3c0, n);
        qtest_outb(s, 0x3c0, n);
    }
    qtest_outb(s, 0x3c8, 1);
    qtest_outb(s, 0x3c9, 0);
    qtest_outb(s, 0x3c9, 0);
    qtest_outb(s, 0x3c9, 63);
    /* Font in plane 2: the first row of 'A' is its outermost pixels. */
    seq(4, 0x06);
    gfx(6, 0x05);
    gfx(8, 0xff);
    seq(2, 0x04);
    qtest_writeb(s, 0xa0000 + 'A' * 32, 0x81);
    /* Text: odd and even, at 0xb8000; 80 columns, 400 lines of 16. */
    seq(4, 0x02);
    seq(2, 0x03);
    seq(1, 0x01);
    gfx(5, 0x10);
    gfx(6, 0x0e);
    qtest_writew(s, 0xb8000 + 160, 'A' | 0x01 << 8);
    for (unsigned n = 0; n < 2; n++) {
        static const uint16_t crtc[] = {0x4f01, 0x1f07, 0x4f09, 0x200a, 0x8f12, 0x2813};

        for (unsigned i = 0; i < G_N_ELEMENTS(crtc); i++) {
            qtest_outw(s, 0x3d4, crtc[i] >> 8 << 8 | (crtc[i] & 0xff));
        }
    }
    qtest_inb(s, 0x3da);
    qtest_outb(s, 0x3c0, 0x20); /* the screen is on */
    p = dump(&w, &h);
    g_assert_cmpuint(w, ==, 640);
    g_assert_cmpuint(h, ==, 400);
    g_assert_cmphex(pixel(p, w, 0, 16), ==, 0x0000ff);
    g_assert_cmphex(pixel(p, w, 1, 16), ==, 0);
    g_assert_cmphex(pixel(p, w, 7, 16), ==, 0x0000ff);
    g_assert_cmphex(pixel(p, w, 0, 17), ==, 0);
    stop();
}

static void test_bochs_display(void)
{
    unsigned w, h;
    g_autofree uint8_t *p = NULL;

    start("-device bochs-display");
    g_assert_cmphex(qpci_config_readw(dev, 0x0a), ==, 0x0380);
    g_assert_cmphex(qpci_io_read(mmio, 0x604, 4), ==, 0x1e1e1e1e);
    qpci_io_write(mmio, 0x502, 2, 800);
    qpci_io_write(mmio, 0x504, 2, 600);
    qpci_io_write(mmio, 0x506, 2, 32);
    qpci_io_write(mmio, 0x508, 2, 0x41);
    qpci_io_write(vram, 0, 4, 0xff8001);
    p = dump(&w, &h);
    g_assert_cmpuint(w, ==, 800);
    g_assert_cmphex(pixel(p, w, 0, 0), ==, 0xff8001);
    stop();
}

static void test_screendump_errors(void)
{
    g_autofree char *desc = NULL;

    s = qtest_initf("-machine pc -nodefaults");
    desc = qtest_qmp_error(s, "GenericError",
                           "{'execute': 'screendump', 'arguments': {'filename': '/dev/null'}}");
    g_assert_nonnull(strstr(desc, "no display"));
    qtest_quit(s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/display/vbe", test_vbe);
    g_test_add_func("/display/planes", test_planes);
    g_test_add_func("/display/text", test_text);
    g_test_add_func("/display/bochs-display", test_bochs_display);
    g_test_add_func("/display/screendump-errors", test_screendump_errors);
    return g_test_run();
}
