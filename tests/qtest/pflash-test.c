/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flash with Intel's command set: reading, status, programming, erasing, buffered writes, the image
 * afterwards. */
#include "libqtest.h"

#include <string.h>

#define CODE_SIZE (128 * 1024)
#define VARS_SIZE (64 * 1024)
#define CODE (UINT64_C(0x100000000) - CODE_SIZE)
#define VARS (CODE - VARS_SIZE)

static QTestState *s;
static char *code, *vars;

static char *image(size_t size, char fill)
{
    g_autofree char *data = g_malloc(size);
    char *path = NULL;
    int fd = g_file_open_tmp("pflash-test-XXXXXX", &path, NULL);

    g_assert_cmpint(fd, >=, 0);
    close(fd);
    memset(data, fill, size);
    data[size - 16] = 0x42;
    g_assert_true(g_file_set_contents(path, data, size, NULL));
    return path;
}

static void start(const void *machine)
{
    code = image(CODE_SIZE, 0x11);
    vars = image(VARS_SIZE, (char)0xff);
    s = qtest_initf(
        "-machine %s -nodefaults -drive if=pflash,format=raw,readonly=on,file=%s -drive "
        "if=pflash,format=raw,file=%s",
        (const char *)machine, code, vars);
}

static void forget_images(void)
{
    unlink(code);
    unlink(vars);
    g_free(code);
    g_free(vars);
}

static void stop(void)
{
    qtest_quit(s);
    forget_images();
}

static void test_places(const void *machine)
{
    start(machine);
    g_assert_cmphex(qtest_readb(s, CODE), ==, 0x11);
    g_assert_cmphex(qtest_readb(s, 0xfffffff0), ==, 0x42);
    g_assert_cmphex(qtest_readb(s, 0xffff0), ==, 0x42); /* below 1 MiB, too */
    g_assert_cmphex(qtest_readb(s, VARS), ==, 0xff);
    g_assert_cmphex(qtest_readb(s, CODE - 16), ==, 0x42);
    stop();
}

static void test_commands(const void *machine)
{
    g_autofree char *data = NULL;

    start(machine);
    qtest_writeb(s, VARS, 0x50); /* clear status */
    qtest_writeb(s, VARS, 0x70);
    g_assert_cmphex(qtest_readb(s, VARS), ==, 0);
    qtest_writeb(s, VARS + 5, 0x10);
    qtest_writeb(s, VARS + 5, 0xa5);
    g_assert_cmphex(qtest_readb(s, VARS), ==, 0x80);
    qtest_writeb(s, VARS, 0xff);
    g_assert_cmphex(qtest_readb(s, VARS + 5), ==, 0xa5);
    /* A bit that is 0 stays 0, and the status says so. */
    qtest_writeb(s, VARS + 5, 0x40);
    qtest_writeb(s, VARS + 5, 0xff);
    g_assert_cmphex(qtest_readb(s, VARS) & 0x10, ==, 0x10);
    qtest_writeb(s, VARS, 0x50);
    g_assert_cmphex(qtest_readb(s, VARS + 5), ==, 0xa5);
    /* Query. */
    qtest_writeb(s, VARS, 0x98);
    g_assert_cmphex(qtest_readb(s, VARS + 0x10), ==, 'Q');
    g_assert_cmphex(qtest_readb(s, VARS + 0x11), ==, 'R');
    g_assert_cmphex(qtest_readb(s, VARS + 0x12), ==, 'Y');
    g_assert_cmphex(qtest_readb(s, VARS + 0x27), ==, 16);
    qtest_writeb(s, VARS, 0xff);
    /* Buffered write of three bytes. */
    qtest_writeb(s, VARS + 0x2000, 0xe8);
    g_assert_cmphex(qtest_readb(s, VARS) & 0x80, ==, 0x80);
    qtest_writeb(s, VARS + 0x2000, 2);
    for (unsigned n = 0; n < 3; n++) {
        qtest_writeb(s, VARS + 0x2000 + n, 0x30 + n);
    }
    qtest_writeb(s, VARS + 0x2000, 0xd0);
    g_assert_cmphex(qtest_readb(s, VARS), ==, 0x80);
    qtest_writeb(s, VARS, 0xff);
    g_assert_cmphex(qtest_readb(s, VARS + 0x2002), ==, 0x32);
    qtest_quit(s);
    /* The image has it all. */
    g_assert_true(g_file_get_contents(vars, &data, NULL, NULL));
    g_assert_cmphex((uint8_t)data[5], ==, 0xa5);
    g_assert_cmphex((uint8_t)data[0x2001], ==, 0x31);
    forget_images();
}

static void test_erase(const void *machine)
{
    start(machine);
    qtest_writeb(s, VARS + VARS_SIZE - 16, 0x20);
    qtest_writeb(s, VARS + VARS_SIZE - 16, 0xd0);
    g_assert_cmphex(qtest_readb(s, VARS), ==, 0x80);
    qtest_writeb(s, VARS, 0xff);
    g_assert_cmphex(qtest_readb(s, VARS + VARS_SIZE - 16), ==, 0xff);
    /* What is read-only cannot be erased. */
    qtest_writeb(s, CODE, 0x20);
    qtest_writeb(s, CODE, 0xd0);
    g_assert_cmphex(qtest_readb(s, CODE) & 0x22, ==, 0x22);
    qtest_writeb(s, CODE, 0x50);
    g_assert_cmphex(qtest_readb(s, CODE), ==, 0x11);
    stop();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/pflash/places/pc", "pc", test_places);
    g_test_add_data_func("/pflash/places/q35", "q35", test_places);
    g_test_add_data_func("/pflash/commands", "q35", test_commands);
    g_test_add_data_func("/pflash/erase", "pc", test_erase);
    return g_test_run();
}
