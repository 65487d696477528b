/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What firmware is told by -boot, bootindex, -fw_cfg, -option-rom, -kernel and -debugcon. */
#include "libqtest.h"

#include <string.h>

static QTestState *s;

static void start(const char *args)
{
    s = qtest_initf("-nodefaults %s", args);
}

static uint8_t cmos(uint8_t reg)
{
    qtest_outb(s, 0x70, reg);
    return qtest_inb(s, 0x71);
}

static void read_item(uint16_t key, void *buf, size_t len)
{
    qtest_outw(s, 0x510, key);
    for (size_t i = 0; i < len; i++) {
        ((uint8_t *)buf)[i] = qtest_inb(s, 0x511);
    }
}

/* The file's content with a NUL behind it, its size in *size; NULL: there is none. */
static char *read_file(const char *name, size_t *size)
{
    uint32_t count, len;
    uint16_t select;
    uint8_t entry[64];

    read_item(0x19, &count, 4);
    for (count = GUINT32_FROM_BE(count); count; count--) {
        for (unsigned i = 0; i < sizeof(entry); i++) {
            entry[i] = qtest_inb(s, 0x511);
        }
        if (!strcmp((char *)entry + 8, name)) {
            char *data;

            memcpy(&len, entry, 4);
            memcpy(&select, entry + 4, 2);
            *size = GUINT32_FROM_BE(len);
            data = g_malloc0(*size + 1);
            read_item(GUINT16_FROM_BE(select), data, *size);
            return data;
        }
    }
    return NULL;
}

static void expect_file(const char *name, const char *text)
{
    size_t size;
    g_autofree char *data = read_file(name, &size);

    g_assert_cmpstr(data, ==, text);
}

static void test_order(void)
{
    start("");
    g_assert_cmphex(cmos(0x3d), ==, 0x32); /* disk, CD, */
    g_assert_cmphex(cmos(0x38), ==, 0x40); /* network; floppies are checked */
    qtest_quit(s);
    start("-boot da -no-fd-bootchk");
    g_assert_cmphex(cmos(0x3d), ==, 0x13);
    g_assert_cmphex(cmos(0x38), ==, 0x01);
    qtest_quit(s);
}

static void test_once(void)
{
    start("-boot order=c,once=d");
    g_assert_cmphex(cmos(0x3d), ==, 0x03);
    qtest_system_reset(s);
    g_assert_cmphex(cmos(0x3d), ==, 0x02);
    qtest_system_reset(s);
    g_assert_cmphex(cmos(0x3d), ==, 0x02);
    qtest_quit(s);
}

static void test_menu(void)
{
    g_autofree char *wait = NULL, *fail = NULL;
    uint16_t menu;
    size_t size;

    start("-boot menu=on,splash-time=1500,reboot-timeout=5000");
    read_item(0x0e, &menu, 2);
    g_assert_cmphex(GUINT16_FROM_LE(menu), ==, 1);
    wait = read_file("etc/boot-menu-wait", &size);
    g_assert_cmpuint(size, ==, 2);
    g_assert_true(!memcmp(wait, "\xdc\x05", 2));
    fail = read_file("etc/boot-fail-wait", &size);
    g_assert_cmpuint(size, ==, 4);
    g_assert_true(!memcmp(fail, "\x88\x13\0\0", 4));
    qtest_quit(s);
    start("");
    read_item(0x0e, &menu, 2);
    g_assert_cmphex(menu, ==, 0);
    g_assert_null(read_file("etc/boot-menu-wait", &size));
    g_assert_null(read_file("bootorder", &size));
    qtest_quit(s);
}

static void test_bootorder(void)
{
    start("-boot strict=on -blockdev null-co,node-name=n0,size=1M -blockdev "
          "null-co,node-name=n1,size=1M "
          "-device nvme,drive=n0,serial=a,bootindex=2,addr=4 "
          "-device nvme,drive=n1,serial=b,bootindex=1,addr=5.2");
    expect_file("bootorder",
                "/pci@i0cf8/nvme@5,2/namespace@1,0\n/pci@i0cf8/nvme@4/namespace@1,0\nHALT");
    qtest_quit(s);
    start("-device virtio-scsi-pci,id=s,addr=6 -blockdev null-co,node-name=n0,size=1M "
          "-device scsi-cd,bus=s.0,bootindex=1,scsi-id=10,lun=1 "
          "-device scsi-hd,drive=n0,bootindex=2");
    expect_file("bootorder",
                "/pci@i0cf8/scsi@6/channel@0/disk@a,1\n/pci@i0cf8/scsi@6/channel@0/disk@0,0");
    qtest_quit(s);
    start("-boot strict=on");
    expect_file("bootorder", "HALT");
    qtest_quit(s);
}

static char *temp_file(const char *data, size_t size)
{
    GError *err = NULL;
    char *path = NULL;
    int fd = g_file_open_tmp("boot-options-XXXXXX", &path, &err);

    g_assert_no_error(err);
    close(fd);
    g_file_set_contents(path, data, size, &err);
    g_assert_no_error(err);
    return path;
}

static void test_user_items(void)
{
    g_autofree char *path = temp_file("\1\0\2", 3), *data = NULL;
    g_autofree char *args = g_strdup_printf(
        "-fw_cfg name=opt/org.example/text,string=a -fw_cfg opt/org.example/file,file=%s", path);
    size_t size;

    start(args);
    expect_file("opt/org.example/text", "a");
    data = read_file("opt/org.example/file", &size);
    g_assert_cmpuint(size, ==, 3);
    g_assert_true(!memcmp(data, "\1\0\2", 3));
    qtest_quit(s);
    unlink(path);
}

static void test_option_rom(void)
{
    char rom[512] = "\x55\xaa\x01";
    g_autofree char *path = temp_file(rom, sizeof(rom)), *base = g_path_get_basename(path);
    g_autofree char *args = g_strdup_printf("-option-rom %s,bootindex=3", path);
    g_autofree char *name = g_strdup_printf("genroms/%s", base);
    g_autofree char *order = g_strdup_printf("/rom@%s", name), *data = NULL;
    size_t size;

    start(args);
    expect_file("bootorder", order);
    data = read_file(name, &size);
    g_assert_cmpuint(size, ==, sizeof(rom));
    g_assert_true(!memcmp(data, rom, sizeof(rom)));
    qtest_quit(s);
    unlink(path);
}

/* -kernel with -bios: the header has what a loader fills in, and linuxboot's turn comes first. */
static void test_kernel(void)
{
    static char image[3 * 512 + 4096];
    g_autofree char *kernel = NULL, *initrd = temp_file("0123456789", 10), *args = NULL;
    uint8_t setup[1024];
    uint32_t size, addr;

    image[0x1f1] = 1;
    memcpy(image + 0x1fe, "\x55\xaa\xeb\x66HdrS\x0c\x02", 10);
    memcpy(image + 0x22c, "\xff\xff\xff\x7f", 4);
    kernel = temp_file(image, sizeof(image));
    args = g_strdup_printf("-m 64 -bios bios-256k.bin -kernel %s -initrd %s -append console=ttyS0",
                           kernel, initrd);
    start(args);
    read_item(0x17, &size, 4);
    g_assert_cmpuint(size, ==, sizeof(setup));
    read_item(0x18, setup, sizeof(setup));
    g_assert_cmphex(setup[0x210], ==, 0xb0);
    g_assert_cmphex(setup[0x211] & 0x80, ==, 0x80);
    read_item(0x0a, &addr, 4);
    g_assert_cmphex(addr & 0xfff, ==, 0);
    g_assert_cmpuint(addr, <, 64 << 20);
    g_assert_true(!memcmp(setup + 0x218, &addr, 4));
    g_assert_cmpuint(setup[0x21c], ==, 10);
    g_assert_true(!memcmp(setup + 0x228, "\0\0\2\0", 4));
    read_item(0x08, &size, 4);
    g_assert_cmpuint(size, ==, sizeof(image) - sizeof(setup));
    expect_file("bootorder", "/rom@genroms/linuxboot_dma.bin");
    qtest_quit(s);
    unlink(kernel);
    unlink(initrd);
}

/* The console port reads as itself, which is how firmware finds it. */
static void test_debugcon(void)
{
    g_autofree char *path = temp_file("", 0), *data = NULL;
    g_autofree char *args = g_strdup_printf("-debugcon file:%s", path);

    start(args);
    g_assert_cmphex(qtest_inb(s, 0xe9), ==, 0xe9);
    qtest_outb(s, 0xe9, 'h');
    qtest_outb(s, 0xe9, 'i');
    qtest_quit(s);
    g_assert_true(g_file_get_contents(path, &data, NULL, NULL));
    g_assert_cmpstr(data, ==, "hi");
    unlink(path);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/boot/order", test_order);
    g_test_add_func("/boot/once", test_once);
    g_test_add_func("/boot/menu", test_menu);
    g_test_add_func("/boot/bootorder", test_bootorder);
    g_test_add_func("/boot/user-items", test_user_items);
    g_test_add_func("/boot/option-rom", test_option_rom);
    g_test_add_func("/boot/kernel", test_kernel);
    g_test_add_func("/boot/debugcon", test_debugcon);
    return g_test_run();
}
