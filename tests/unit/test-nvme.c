/* SPDX-License-Identifier: GPL-2.0-or-later */
/* NVMe: sets of block ranges against a plain bitmap, and the two guards against published values.
 */
#include "../../hw/nvme/protection.h"
#include "../../hw/nvme/ranges.h"

#define BLOCKS 300

static void check_ranges(const NvmeRanges *s, const bool *bits)
{
    for (unsigned i = 0; i < s->count; i++) {
        g_assert_cmpuint(s->r[i].start, <, s->r[i].end);
        if (i) {
            g_assert_cmpuint(s->r[i - 1].end, <, s->r[i].start);
        }
    }
    for (unsigned i = 0; i < BLOCKS; i++) {
        g_assert_cmpint(nvme_ranges_overlap(s, i, 1), ==, bits[i]);
    }
}

static void test_ranges(void)
{
    g_autofree NvmeRanges *s = g_new0(NvmeRanges, 1);
    bool bits[BLOCKS] = {false};

    for (unsigned round = 0; round < 2000; round++) {
        unsigned start = g_test_rand_int_range(0, BLOCKS),
                 len = g_test_rand_int_range(0, MIN(20, BLOCKS - start) + 1);
        bool on = g_test_rand_bit(), any = false;

        for (unsigned i = start; i < start + len; i++) {
            any |= bits[i];
            bits[i] = on;
        }
        g_assert_cmpint(nvme_ranges_overlap(s, start, len), ==, any);
        if (on) {
            g_assert_true(nvme_ranges_add(s, start, len));
        } else {
            nvme_ranges_remove(s, start, len);
        }
        check_ranges(s, bits);
    }
}

static void test_ranges_full(void)
{
    g_autofree NvmeRanges *s = g_new0(NvmeRanges, 1);

    for (uint64_t i = 0; i < NVME_RANGES_MAX; i++) {
        g_assert_true(nvme_ranges_add(s, i * 10, 5));
    }
    g_assert_false(nvme_ranges_add(s, 7, 1));
    g_assert_true(nvme_ranges_add(s, 5, 1)); /* grows one that is there */
    /* a hole in the middle of one: no room for both halves, the larger one stays */
    nvme_ranges_remove(s, 11, 1);
    g_assert_false(nvme_ranges_overlap(s, 10, 2));
    g_assert_true(nvme_ranges_overlap(s, 12, 3));
    g_assert_cmpuint(s->count, ==, NVME_RANGES_MAX);
    nvme_ranges_remove(s, 0, UINT64_MAX);
    g_assert_cmpuint(s->count, ==, 0);
}

static void test_guards(void)
{
    const uint8_t *text = (const uint8_t *)"123456789";

    g_assert_cmphex(nvme_crc16_t10dif(text, 9, 0), ==, 0xd0db);
    g_assert_cmphex(nvme_crc64(text, 9, 0), ==, 0xae8b14860a799888);
    g_assert_cmphex(nvme_crc16_t10dif(text + 4, 5, nvme_crc16_t10dif(text, 4, 0)), ==, 0xd0db);
    g_assert_cmphex(nvme_crc64(text + 4, 5, nvme_crc64(text, 4, 0)), ==, 0xae8b14860a799888);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/nvme/ranges", test_ranges);
    g_test_add_func("/nvme/ranges-full", test_ranges_full);
    g_test_add_func("/nvme/guards", test_guards);
    return g_test_run();
}
