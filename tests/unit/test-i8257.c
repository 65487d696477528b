/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 8237A: each rule of the data sheet that a PC sees, on memory of the test's own. */
#include "hw/isa/i8257.h"

static DmaCore d;
static uint8_t ram[1 << 20];
static bool tc;

static bool memory(void *opaque, uint64_t addr, void *buf, unsigned len, bool to_memory)
{
    if (addr + len > sizeof(ram)) {
        return false;
    }
    if (to_memory) {
        memcpy(ram + addr, buf, len);
    } else {
        memcpy(buf, ram + addr, len);
    }
    return true;
}

static void set16(unsigned reg, uint16_t v)
{
    dma_core_write(&d, 12, 0);
    dma_core_write(&d, reg, v);
    dma_core_write(&d, reg, v >> 8);
}

static uint16_t get16(unsigned reg)
{
    uint16_t v;

    dma_core_write(&d, 12, 0);
    v = dma_core_read(&d, reg);
    return v | dma_core_read(&d, reg) << 8;
}

static void start(uint8_t mode, uint8_t page, uint16_t addr, uint16_t count)
{
    memset(&d, 0, sizeof(d));
    memset(ram, 0, sizeof(ram));
    dma_core_reset(&d);
    dma_core_write(&d, 11, mode | 2);
    d.channel[2].page = page;
    set16(4, addr);
    set16(5, count);
    dma_core_write(&d, 10, 2);
}

static unsigned transfer(const void *buf, unsigned len)
{
    return dma_core_transfer(&d, 2, (void *)(uintptr_t)buf, len, &tc, memory, NULL);
}

static void reset_masks_all(void)
{
    start(0x44, 0, 0, 0);
    dma_core_write(&d, 13, 0);
    g_assert_cmphex(dma_core_read(&d, 15) & 0xf, ==, 0xf);
    g_assert_false(dma_core_ready(&d, 2));
}

static void flipflop_selects_byte(void)
{
    start(0x44, 0, 0x1234, 0x5678);
    g_assert_cmphex(get16(4), ==, 0x1234);
    g_assert_cmphex(get16(5), ==, 0x5678);
    dma_core_write(&d, 12, 0);
    dma_core_write(&d, 4, 0xaa);
    dma_core_write(&d, 12, 0); /* cleared between */
    dma_core_write(&d, 4, 0xbb);
    g_assert_cmphex(get16(4), ==, 0x12bb);
}

static void to_memory_counts_up(void)
{
    start(0x44, 3, 0x1000, 4);
    g_assert_cmpuint(transfer("abc", 3), ==, 3);
    g_assert_false(tc);
    g_assert_cmphex(get16(4), ==, 0x1003);
    g_assert_cmphex(get16(5), ==, 1);
    g_assert_cmpuint(transfer("defgh", 5), ==, 2);
    g_assert_true(tc);
    g_assert_cmpmem(ram + 0x31000, 6, "abcde\0", 6);
    g_assert_cmphex(get16(5), ==, 0xffff);
}

static void from_memory(void)
{
    char buf[4];

    start(0x48, 1, 0x10, 3);
    memcpy(ram + 0x10010, "data", 4);
    g_assert_cmpuint(transfer(buf, 4), ==, 4);
    g_assert_true(tc);
    g_assert_cmpmem(buf, 4, "data", 4);
}

static void verify_moves_nothing(void)
{
    char buf[4] = "keep";

    start(0x40, 0, 0x10, 3);
    g_assert_cmpuint(transfer(buf, 4), ==, 4);
    g_assert_true(tc);
    g_assert_cmpmem(buf, 4, "keep", 4);
    g_assert_cmpuint(ram[0x10], ==, 0);
}

static void terminal_count_masks_and_tells(void)
{
    start(0x44, 0, 0, 0);
    transfer("x", 1);
    g_assert_false(dma_core_ready(&d, 2));
    g_assert_cmpuint(transfer("y", 1), ==, 0);
    g_assert_cmphex(dma_core_read(&d, 8), ==, 0x04);
    g_assert_cmphex(dma_core_read(&d, 8), ==, 0x00); /* cleared by the read */
}

static void automatic_start_over(void)
{
    start(0x54, 0, 0x20, 1);
    transfer("ab", 2);
    g_assert_true(tc);
    g_assert_true(dma_core_ready(&d, 2));
    g_assert_cmphex(get16(4), ==, 0x20);
    g_assert_cmphex(get16(5), ==, 1);
    transfer("cd", 2);
    g_assert_cmpmem(ram + 0x20, 2, "cd", 2);
}

static void counts_down(void)
{
    start(0x64, 0, 0x20, 2);
    transfer("abc", 3);
    g_assert_cmpmem(ram + 0x1e, 3, "cba", 3);
}

static void address_wraps_in_its_page(void)
{
    start(0x44, 2, 0xfffe, 3);
    transfer("abcd", 4);
    g_assert_cmpmem(ram + 0x2fffe, 2, "ab", 2);
    g_assert_cmpmem(ram + 0x20000, 2, "cd", 2);
}

static void words(void)
{
    start(0x44, 3, 0x1000, 1);
    d.words = true;
    g_assert_cmpuint(transfer("abcdef", 6), ==, 4); /* bit 0 of the page does not count */
    g_assert_cmpmem(ram + 0x22000, 4, "abcd", 4);
    g_assert_true(tc);
}

static void masked_and_disabled(void)
{
    start(0x44, 0, 0, 9);
    dma_core_write(&d, 10, 6);
    g_assert_cmpuint(transfer("x", 1), ==, 0);
    dma_core_write(&d, 14, 0);
    g_assert_cmpuint(transfer("x", 1), ==, 1);
    dma_core_write(&d, 8, 4);
    g_assert_cmpuint(transfer("x", 1), ==, 0);
    dma_core_write(&d, 8, 0);
    dma_core_write(&d, 15, 0xb);
    g_assert_cmpuint(transfer("x", 1), ==, 1);
    dma_core_write(&d, 11, 0xc2); /* cascade */
    g_assert_cmpuint(transfer("x", 1), ==, 0);
}

static void nobodys_memory_reads_ones(void)
{
    uint8_t buf[2] = {0};

    start(0x48, 0xff, 0, 1);
    g_assert_cmpuint(transfer(buf, 2), ==, 2);
    g_assert_cmphex(buf[0], ==, 0xff);
}

static void requests_by_software_show(void)
{
    start(0x44, 0, 0, 0);
    dma_core_write(&d, 9, 4 | 2);
    g_assert_cmphex(dma_core_read(&d, 8), ==, 0x40);
    dma_core_write(&d, 9, 2);
    g_assert_cmphex(dma_core_read(&d, 8), ==, 0);
}

#define T(fn) g_test_add_func("/i8257/" #fn, fn)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    T(reset_masks_all);
    T(flipflop_selects_byte);
    T(to_memory_counts_up);
    T(from_memory);
    T(verify_moves_nothing);
    T(terminal_count_masks_and_tells);
    T(automatic_start_over);
    T(counts_down);
    T(address_wraps_in_its_page);
    T(words);
    T(masked_and_disabled);
    T(nobodys_memory_reads_ones);
    T(requests_by_software_show);
    return g_test_run();
}
