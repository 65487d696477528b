/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What firmware is given through fw_cfg besides the machine itself: the generation's GUID in the
 * ACPI tables, SMBIOS, ramfb's place. */
#include "libqtest.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define GUID "00112233-4455-6677-8899-aabbccddeeff"

static QTestState *s;

/* Selector of a file, and its size; 0: there is none. */
static uint16_t find_file(const char *name, uint32_t *size)
{
    uint32_t n;

    qtest_outw(s, 0x510, 0x19);
    n = 0;
    for (int i = 0; i < 4; i++) {
        n = n << 8 | qtest_inb(s, 0x511);
    }
    for (; n; n--) {
        uint8_t e[64];

        for (int i = 0; i < 64; i++) {
            e[i] = qtest_inb(s, 0x511);
        }
        if (!strcmp((char *)e + 8, name)) {
            *size = (uint32_t)e[0] << 24 | e[1] << 16 | e[2] << 8 | e[3];
            return e[4] << 8 | e[5];
        }
    }
    return 0;
}

static uint8_t *read_file(const char *name, uint32_t *size)
{
    uint16_t key = find_file(name, size);
    uint8_t *data;

    g_assert_cmpint(key, !=, 0);
    data = g_malloc(*size);
    qtest_outw(s, 0x510, key);
    for (uint32_t i = 0; i < *size; i++) {
        data[i] = qtest_inb(s, 0x511);
    }
    return data;
}

static void test_guid(void)
{
    static const uint8_t in_memory[16] = {0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66,
                                          0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
    g_autofree uint8_t *tables = NULL;
    json_object *info, *v;
    uint32_t size, at;
    const uint8_t *ssdt;
    uint64_t addr;

    s = qtest_init("-machine q35 -nodefaults -device vmgenid,guid=" GUID);
    info = qtest_qmp_return(s, "{'execute': 'query-vm-generation-id'}");
    g_assert_true(json_object_object_get_ex(info, "guid", &v));
    g_assert_cmpstr(json_object_get_string(v), ==, GUID);
    json_object_put(info);
    tables = read_file("etc/acpi/tables", &size);
    ssdt = memmem(tables, size, "\x08VGIA\x0e", 6);
    g_assert_nonnull(ssdt);
    memcpy(&addr, ssdt + 6, 8); /* offset in the blob until firmware places it */
    g_assert_cmpint(addr % 4096, ==, 40);
    at = addr;
    g_assert_cmpint(at + 16, <=, size);
    g_assert_cmpint(memcmp(tables + at, in_memory, 16), ==, 0);
    qtest_quit(s);
}

static char *guid_of(const char *args)
{
    json_object *info, *v;
    char *text;

    s = qtest_init(args);
    info = qtest_qmp_return(s, "{'execute': 'query-vm-generation-id'}");
    g_assert_true(json_object_object_get_ex(info, "guid", &v));
    text = g_strdup(json_object_get_string(v));
    json_object_put(info);
    qtest_quit(s);
    return text;
}

static void test_guid_auto(void)
{
    g_autofree char *a = guid_of("-nodefaults -device vmgenid"),
                    *b = guid_of("-nodefaults -device vmgenid,guid=auto");

    g_assert_cmpstr(a, !=, b);
    g_assert_cmpint(strlen(a), ==, 36);
    g_assert_cmpint(a[14], ==, '4');
}

static void test_guid_errors(void)
{
    s = qtest_init("-nodefaults");
    g_free(qtest_qmp_error(s, "GenericError", "{'execute': 'query-vm-generation-id'}"));
    qtest_quit(s);
    qtest_refused("xxxxxxxx-xxxx", "-accel qtest -display none -device vmgenid,guid=x");
    qtest_refused("one already", "-accel qtest -display none -device vmgenid -device vmgenid");
}

static void test_smbios_files(void)
{
    g_autofree uint8_t *anchor = NULL, *tables = NULL;
    uint32_t size;

    s = qtest_init("-machine q35 -nodefaults -uuid " GUID " -smbios type=1,serial=the-serial");
    tables = read_file("etc/smbios/smbios-tables", &size);
    g_assert_nonnull(memmem(tables, size, "the-serial", 10));
    g_assert_nonnull(memmem(tables, size, "\x33\x22\x11\x00\x55\x44\x77\x66\x88\x99", 10));
    anchor = read_file("etc/smbios/smbios-anchor", &size);
    g_assert_cmpint(size, ==, 31);
    qtest_quit(s);
    s = qtest_init("-machine pc,smbios-entry-point-type=64 -nodefaults");
    g_free(anchor);
    anchor = read_file("etc/smbios/smbios-anchor", &size);
    g_assert_cmpint(size, ==, 24);
    qtest_quit(s);
}

/* Writes a file by DMA, as guests do. */
static void write_file(uint16_t key, const void *data, uint32_t size)
{
    uint64_t at = qtest_alloc(s, 4096, 0);
    uint32_t control[2] = {GUINT32_TO_BE((uint32_t)key << 16 | 8 | 16), GUINT32_TO_BE(size)};
    uint64_t addr = GUINT64_TO_BE(at + 64);

    qtest_memwrite(s, at + 64, data, size);
    qtest_memwrite(s, at, control, 8);
    qtest_memwrite(s, at + 8, &addr, 8);
    qtest_outl(s, 0x514, 0);
    qtest_outl(s, 0x518, GUINT32_TO_BE((uint32_t)at));
    g_assert_cmphex(qtest_readl(s, at), ==, 0);
}

static void screen(const char *path, int *w, int *h, uint8_t rgb[3])
{
    g_autofree char *data = NULL;
    gsize len;

    qtest_qmp_ok(s, "{'execute': 'screendump', 'arguments': {'filename': '%s'}}", path);
    g_assert_true(g_file_get_contents(path, &data, &len, NULL));
    g_assert_cmpint(sscanf(data, "P6\n%d %d\n", w, h), ==, 2);
    memcpy(rgb, data + len - 3, 3); /* the last pixel */
}

static void test_ramfb(void)
{
    g_autofree char *path = NULL;
    int fd = g_file_open_tmp("ramfb-XXXXXX.ppm", &path, NULL), w, h;
    uint32_t size;
    uint16_t key;
    uint8_t rgb[3], config[28] = {0};
    uint64_t at;

    s = qtest_init("-machine q35 -nodefaults -vga none -device ramfb");
    key = find_file("etc/ramfb", &size);
    g_assert_cmpint(size, ==, 28);
    screen(path, &w, &h, rgb);
    g_assert_cmpint(w, ==, 640);
    at = qtest_alloc(s, 64 * 32 * 4, 0);
    qtest_writel(s, at + (64 * 32 - 1) * 4, 0x00112233);
    *(uint64_t *)config = GUINT64_TO_BE(at);
    memcpy(config + 8, "42RX", 4); /* XR24, big-endian */
    config[19] = 64;
    config[23] = 32;
    write_file(key, config, 28);
    screen(path, &w, &h, rgb);
    g_assert_cmpint(w, ==, 64);
    g_assert_cmpint(h, ==, 32);
    g_assert_cmpint(memcmp(rgb, "\x11\x22\x33", 3), ==, 0);
    /* Sizes that no screen has, and a place where nothing is: black, and no harm. */
    memset(config + 16, 0xff, 12);
    write_file(key, config, 28);
    screen(path, &w, &h, rgb);
    g_assert_cmpint(w, ==, 640);
    memset(config, 0xff, 7);
    memset(config + 16, 0, 12);
    config[19] = 64;
    config[23] = 32;
    write_file(key, config, 28);
    screen(path, &w, &h, rgb);
    g_assert_cmpint(memcmp(rgb, "\0\0\0", 3), ==, 0);
    qtest_quit(s);
    close(fd);
    unlink(path);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fw/vmgenid/guid", test_guid);
    g_test_add_func("/fw/vmgenid/auto", test_guid_auto);
    g_test_add_func("/fw/vmgenid/errors", test_guid_errors);
    g_test_add_func("/fw/smbios", test_smbios_files);
    g_test_add_func("/fw/ramfb", test_ramfb);
    return g_test_run();
}
