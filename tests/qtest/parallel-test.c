/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The printer port: bytes on the strobe, status, interrupt, directions, and where ports are. */
#include "libqtest.h"

#include <string.h>
#include <unistd.h>

enum { DATA = 0x378, STATUS = 0x379, CONTROL = 0x37a };

static QTestState *s;
static char *path;

static void start(const char *machine)
{
    int fd = g_file_open_tmp("lpt-XXXXXX", &path, NULL);

    close(fd);
    s = qtest_initf("-machine %s -nodefaults -parallel file:%s", machine, path);
    qtest_irq_intercept_in(s, "ioapic");
}

static void end(const char *printed)
{
    g_autofree char *data = NULL;

    qtest_quit(s);
    g_assert_true(g_file_get_contents(path, &data, NULL, NULL));
    g_assert_cmpstr(data, ==, printed);
    unlink(path);
    g_clear_pointer(&path, g_free);
}

static void print(uint8_t c, uint8_t control)
{
    qtest_outb(s, DATA, c);
    qtest_outb(s, CONTROL, control | 1);
    qtest_outb(s, CONTROL, control);
}

static void test_bytes_on_the_strobe(const void *machine)
{
    start(machine);
    for (const char *p = "page\n"; *p; p++) {
        g_assert_cmphex(qtest_inb(s, STATUS) & 0xf8, ==, 0xd8);
        print((uint8_t)*p, 0x0c);
    }
    qtest_outb(s, DATA, 'x'); /* no strobe, no byte */
    qtest_outb(s, CONTROL, 0x0d);
    qtest_outb(s, CONTROL, 0x0d); /* held: once */
    end("page\nx");
}

static void test_interrupt_when_enabled(void)
{
    start("pc");
    print('a', 0x0c);
    g_assert_cmpuint(qtest_irq_raises(s, 7), ==, 0);
    print('b', 0x1c);
    g_assert_cmpuint(qtest_irq_raises(s, 7), ==, 1);
    end("ab");
}

static void test_registers(void)
{
    start("pc");
    g_assert_cmphex(qtest_inb(s, CONTROL), ==, 0xcc);
    qtest_outb(s, DATA, 0x5a);
    g_assert_cmphex(qtest_inb(s, DATA), ==, 0x5a);
    qtest_outb(s, CONTROL, 0x2c); /* input: the lines are not driven */
    g_assert_cmphex(qtest_inb(s, DATA), ==, 0xff);
    print('n', 0x2c);
    print('o', 0x08); /* the printer is held in reset */
    qtest_outb(s, CONTROL, 0x0c);
    qtest_system_reset(s);
    g_assert_cmphex(qtest_inb(s, CONTROL), ==, 0xcc);
    g_assert_cmphex(qtest_inb(s, DATA), ==, 0);
    end("");
}

static void test_places(void)
{
    s = qtest_init("-machine q35 -nodefaults -chardev null,id=a -chardev null,id=b -device "
                   "isa-parallel,chardev=a "
                   "-device isa-parallel,chardev=b,irq=5");
    g_assert_cmphex(qtest_inb(s, 0x379), ==, 0xdf);
    g_assert_cmphex(qtest_inb(s, 0x279), ==, 0xdf);
    g_assert_cmphex(qtest_inb(s, 0x3bd), ==, 0xff);
    qtest_quit(s);
    qtest_refused("chardev= is missing", "-accel qtest -display none -device isa-parallel");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/parallel/strobe/pc", "pc", test_bytes_on_the_strobe);
    g_test_add_data_func("/parallel/strobe/q35", "q35", test_bytes_on_the_strobe);
    g_test_add_func("/parallel/interrupt", test_interrupt_when_enabled);
    g_test_add_func("/parallel/registers", test_registers);
    g_test_add_func("/parallel/places", test_places);
    return g_test_run();
}
