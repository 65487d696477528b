/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fw_cfg: selector and data port, what firmware finds there, the file directory, DMA with its
 * errors. */
#include "libqtest.h"

#include <string.h>

enum {
    PORT_SELECT = 0x510,
    PORT_DATA = 0x511,
    PORT_DMA_HIGH = 0x514,
    PORT_DMA_LOW = 0x518,
    KEY_SIGNATURE = 0,
    KEY_ID = 1,
    KEY_RAM_SIZE = 3,
    KEY_NB_CPUS = 5,
    KEY_DIR = 0x19,
    DMA_ERROR = 1,
    DMA_READ = 2,
    DMA_SKIP = 4,
    DMA_SELECT = 8,
};

static QTestState *s;

static void select_key(uint16_t key)
{
    qtest_outw(s, PORT_SELECT, key);
}

static void read_bytes(void *buf, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        ((uint8_t *)buf)[i] = qtest_inb(s, PORT_DATA);
    }
}

static void test_fixed_items(void)
{
    char signature[4];
    uint32_t id;
    uint64_t ram;
    uint16_t cpus;

    select_key(KEY_SIGNATURE);
    read_bytes(signature, 4);
    g_assert_true(!memcmp(signature, "QEMU", 4));
    g_assert_cmpint(qtest_inb(s, PORT_DATA), ==, 0); /* behind the end */
    select_key(KEY_ID);
    read_bytes(&id, 4);
    g_assert_cmphex(GUINT32_FROM_LE(id), ==, 3); /* data port, DMA */
    select_key(KEY_RAM_SIZE);
    read_bytes(&ram, 8);
    g_assert_cmphex(GUINT64_FROM_LE(ram), ==, 256 << 20);
    select_key(KEY_NB_CPUS);
    read_bytes(&cpus, 2);
    g_assert_cmpint(GUINT16_FROM_LE(cpus), ==, 2);
    select_key(0x3fff);
    g_assert_cmpint(qtest_inb(s, PORT_DATA), ==, 0); /* no such item */
}

typedef struct __attribute__((packed)) File {
    uint32_t size;
    uint16_t select, reserved;
    char name[56];
} File;

/* The directory's entry number n; false behind the end. */
static bool get_file(unsigned n, File *f)
{
    uint32_t count;

    select_key(KEY_DIR);
    read_bytes(&count, 4);
    if (n >= GUINT32_FROM_BE(count)) {
        return false;
    }
    for (unsigned i = 0; i <= n; i++) {
        read_bytes(f, sizeof(*f));
    }
    f->size = GUINT32_FROM_BE(f->size);
    f->select = GUINT16_FROM_BE(f->select);
    return true;
}

static void test_directory(void)
{
    File f;
    unsigned n = 0;
    char last[56] = "";

    for (; get_file(n, &f); n++) {
        g_assert_nonnull(memchr(f.name, 0, sizeof(f.name)));
        g_assert_cmpint(f.select, >=, 0x20);
        g_assert_cmpstr(f.name, >, last); /* sorted: guests may search by halves */
        strcpy(last, f.name);
        g_test_message("%s: %u bytes", f.name, f.size);
    }
    g_assert_cmpuint(n, >, 0);
}

/* Runs one DMA request whose control structure is in RAM; returns the control word afterwards. */
static uint32_t dma(uint32_t control, uint32_t len, uint64_t addr)
{
    struct __attribute__((packed)) {
        uint32_t control, length;
        uint64_t address;
    } access = {GUINT32_TO_BE(control), GUINT32_TO_BE(len), GUINT64_TO_BE(addr)};
    uint64_t at = qtest_alloc(s, sizeof(access), 16);

    qtest_memwrite(s, at, &access, sizeof(access));
    /* The low half starts it; the high half is as it was, 0. */
    qtest_outl(s, PORT_DMA_LOW, GUINT32_TO_BE((uint32_t)at));
    qtest_memread(s, at, &access, sizeof(access));
    return GUINT32_FROM_BE(access.control);
}

static void test_dma(void)
{
    uint64_t buf = qtest_alloc(s, 65536, 0);
    File f, largest = {0};
    char text[5] = "";

    g_assert_cmphex(GUINT32_FROM_BE(qtest_inl(s, PORT_DMA_HIGH)), ==, 0x51454d55); /* "QEMU" */
    g_assert_cmphex(GUINT32_FROM_BE(qtest_inl(s, PORT_DMA_LOW)), ==, 0x20434647);  /* " CFG" */
    g_assert_cmphex(dma((uint32_t)KEY_SIGNATURE << 16 | DMA_SELECT | DMA_READ, 4, buf), ==, 0);
    qtest_memread(s, buf, text, 4);
    g_assert_cmpstr(text, ==, "QEMU");
    /* Skip, then read on; behind the end there are zeroes. */
    g_assert_cmphex(dma((uint32_t)KEY_SIGNATURE << 16 | DMA_SELECT | DMA_SKIP, 2, 0), ==, 0);
    qtest_memset(s, buf, 0xff, 8);
    g_assert_cmphex(dma(DMA_READ, 4, buf), ==, 0);
    qtest_memread(s, buf, text, 4);
    g_assert_true(!memcmp(text, "MU\0\0", 4));
    /* A file by DMA is the file by port. */
    for (unsigned n = 0; get_file(n, &f); n++) {
        if (f.size > largest.size && f.size <= 4096) {
            largest = f;
        }
    }
    if (largest.size) {
        g_autofree uint8_t *a = g_malloc(largest.size), *b = g_malloc(largest.size);

        select_key(largest.select);
        read_bytes(a, largest.size);
        g_assert_cmphex(
            dma((uint32_t)largest.select << 16 | DMA_SELECT | DMA_READ, largest.size, buf), ==, 0);
        qtest_memread(s, buf, b, largest.size);
        g_assert_true(!memcmp(a, b, largest.size));
    }
}

static void test_dma_errors(void)
{
    /* Writing an item that is read-only; reading to where no memory is. */
    g_assert_cmphex(dma((uint32_t)KEY_SIGNATURE << 16 | DMA_SELECT | 16, 4, 0x100000) & DMA_ERROR,
                    ==, DMA_ERROR);
    /* A structure outside of RAM must not hurt; nor an absurd length. */
    qtest_outl(s, PORT_DMA_LOW, GUINT32_TO_BE(0xd0000000u));
    dma((uint32_t)KEY_SIGNATURE << 16 | DMA_SELECT | DMA_READ, 0xffffffffu, 0xffffff00u);
    dma((uint32_t)KEY_SIGNATURE << 16 | DMA_SELECT | DMA_SKIP, 0xffffffffu, 0);
    g_assert_cmpint(qtest_inb(s, PORT_DATA), ==, 0);
    test_fixed_items();
}

static void test_reset(void)
{
    select_key(KEY_ID);
    qtest_system_reset(s);
    test_fixed_items();
}

int main(int argc, char **argv)
{
    int ret;

    g_test_init(&argc, &argv, NULL);
    s = qtest_init("-machine q35 -nodefaults -m 256 -smp 2");
    g_test_add_func("/fw_cfg/fixed-items", test_fixed_items);
    g_test_add_func("/fw_cfg/directory", test_directory);
    g_test_add_func("/fw_cfg/dma", test_dma);
    g_test_add_func("/fw_cfg/dma-errors", test_dma_errors);
    g_test_add_func("/fw_cfg/reset", test_reset);
    ret = g_test_run();
    qtest_quit(s);
    return ret;
}
