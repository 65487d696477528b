/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HPET: each rule of the specification (IA-PC HPET 1.0a) a test; time is moved by the test. */
#include "hw/timer/hpet.h"
#include "qemu/thread.h"

#define US SCALE_US

static int edges[32], legacy_edges[9], messages, legacy_on;
static bool levels[32], legacy_levels[9];
static MSIMessage last;
static HpetCore h;

static void set_irq(void *opaque, unsigned n, bool legacy, bool level)
{
    bool *l = legacy ? &legacy_levels[n] : &levels[n];

    if (level && !*l) {
        (legacy ? legacy_edges : edges)[n]++;
    }
    *l = level;
}

static void send(void *opaque, MSIMessage msg)
{
    messages++;
    last = msg;
}

static void set_legacy(void *opaque, bool on)
{
    legacy_on = on;
}

static const HpetOps ops = {.set_irq = set_irq, .send = send, .set_legacy = set_legacy};

static void wr(unsigned offset, uint64_t val, int64_t now)
{
    hpet_core_write(&h, offset, val, 4, now);
}

static uint32_t rd(unsigned offset, int64_t now)
{
    return hpet_core_read(&h, offset, 4, now);
}

static void setup(bool msi)
{
    memset(edges, 0, sizeof(edges));
    memset(levels, 0, sizeof(levels));
    memset(legacy_edges, 0, sizeof(legacy_edges));
    memset(legacy_levels, 0, sizeof(legacy_levels));
    messages = legacy_on = 0;
    hpet_core_init(&h, 3, HPET_ROUTES, msi, &ops, NULL);
}

/* Moves time to t, event by event, as the device's timer does. */
static void run_to(int64_t from, int64_t t)
{
    int64_t next;

    while ((next = hpet_core_next(&h, from)) >= 0 && next <= t) {
        hpet_core_advance(&h, next);
        from = next;
    }
    hpet_core_advance(&h, t);
}

static void capabilities_say_what_there_is(void)
{
    setup(false);
    g_assert_cmphex(rd(0, 0), ==, 0x8086a201);
    g_assert_cmpuint(rd(4, 0), ==, 10000000); /* femtoseconds */
    g_assert_cmphex(rd(0x100, 0), ==, 0x30);
    g_assert_cmphex(rd(0x104, 0), ==, HPET_ROUTES);
    g_assert_cmphex(rd(0x160, 0), ==, 0); /* the fourth does not exist */
}

static void counter_stands_until_enabled_and_halts(void)
{
    setup(false);
    g_assert_cmpuint(rd(0xf0, 1000 * US), ==, 0);
    wr(0x10, 1, 1000 * US);
    g_assert_cmpuint(rd(0xf0, 1500 * US), ==, 50000);
    wr(0x10, 0, 2000 * US);
    g_assert_cmpuint(rd(0xf0, 9000 * US), ==, 100000);
}

static void counter_can_be_set_and_has_64_bits(void)
{
    setup(false);
    wr(0xf0, 0xffffffff, 0);
    wr(0xf4, 0x00000001, 0);
    wr(0x10, 1, 0);
    g_assert_cmpuint(hpet_core_read(&h, 0xf0, 8, 10), ==, UINT64_C(0x200000000));
    g_assert_cmphex(rd(0xf4, 10), ==, 2);
}

static void one_shot_fires_once_at_its_match(void)
{
    setup(false);
    wr(0x120, 0x4 | 16 << 9, 0);
    wr(0x128, 5000, 0);
    wr(0x12c, 0, 0);
    wr(0x10, 1, 0);
    g_assert_cmpint(hpet_core_next(&h, 0), ==, 50 * US);
    hpet_core_advance(&h, 50 * US - 1);
    g_assert_cmpint(edges[16], ==, 0);
    hpet_core_advance(&h, 50 * US);
    g_assert_cmpint(edges[16], ==, 1);
    run_to(50 * US, 500000 * US);
    g_assert_cmpint(edges[16], ==, 1);
}

static void one_shot_of_32_bits_matches_again_after_the_wrap(void)
{
    setup(false);
    wr(0x120, 0x104 | 16 << 9, 0);
    wr(0x128, 5000, 0);
    wr(0x10, 1, 0);
    run_to(0, 42 * NANOSECONDS_PER_SECOND);
    g_assert_cmpint(edges[16], ==, 1);
    run_to(42 * NANOSECONDS_PER_SECOND, 43 * NANOSECONDS_PER_SECOND);
    g_assert_cmpint(edges[16], ==, 2);
}

static void periodic_adds_its_period_to_the_comparator(void)
{
    setup(false);
    wr(0x100, 0x14c | 16 << 9, 0); /* enabled, periodic, the comparator may be set */
    wr(0x108, 10000, 0);
    wr(0x100, 0x14c | 16 << 9, 0);
    wr(0x108, 5000, 0);  /* first match */
    wr(0x108, 10000, 0); /* period */
    wr(0x10, 1, 0);
    run_to(0, 1000 * US);
    g_assert_cmpint(edges[16], ==, 10);
    g_assert_cmpuint(rd(0x108, 1000 * US), ==, 105000);
}

static void late_periodic_interrupts_once_and_keeps_its_phase(void)
{
    setup(false);
    wr(0x100, 0x14c | 16 << 9, 0);
    wr(0x108, 10000, 0);
    wr(0x10, 1, 0);
    hpet_core_advance(&h, 950 * US);
    g_assert_cmpint(edges[16], ==, 1);
    g_assert_cmpint(hpet_core_next(&h, 950 * US), ==, 1000 * US);
}

static void level_stays_until_its_status_bit_is_cleared(void)
{
    setup(false);
    wr(0x120, 0x6 | 17 << 9, 0);
    wr(0x128, 100, 0);
    wr(0x12c, 0, 0);
    wr(0x10, 1, 0);
    hpet_core_advance(&h, 1 * US);
    g_assert_true(levels[17]);
    g_assert_cmphex(rd(0x20, 2 * US), ==, 2);
    wr(0x20, 1, 2 * US); /* another's bit */
    g_assert_true(levels[17]);
    wr(0x20, 2, 2 * US);
    g_assert_false(levels[17]);
    g_assert_cmphex(rd(0x20, 3 * US), ==, 0);
}

static void disabled_comparator_sets_its_status_only(void)
{
    setup(false);
    wr(0x120, 0x2 | 17 << 9, 0);
    wr(0x128, 100, 0);
    wr(0x12c, 0, 0);
    wr(0x10, 1, 0);
    g_assert_cmphex(rd(0x20, 2 * US), ==, 2);
    g_assert_cmpint(edges[17], ==, 0);
}

static void legacy_replacement_takes_0_and_8(void)
{
    setup(false);
    wr(0x100, 0x4 | 16 << 9, 0);
    wr(0x120, 0x4 | 17 << 9, 0);
    wr(0x140, 0x4 | 18 << 9, 0);
    for (unsigned n = 0; n < 3; n++) {
        wr(0x108 + n * 0x20, 100, 0);
        wr(0x10c + n * 0x20, 0, 0);
    }
    wr(0x10, 3, 0);
    g_assert_cmpint(legacy_on, ==, 1);
    hpet_core_advance(&h, 1 * US);
    g_assert_cmpint(legacy_edges[0], ==, 1);
    g_assert_cmpint(legacy_edges[8], ==, 1);
    g_assert_cmpint(edges[16] + edges[17], ==, 0);
    g_assert_cmpint(edges[18], ==, 1);
    wr(0x10, 1, 2 * US);
    g_assert_cmpint(legacy_on, ==, 0);
}

static void routes_that_are_not_offered_go_nowhere(void)
{
    setup(false);
    wr(0x120, 0x4 | 5 << 9, 0);
    wr(0x128, 100, 0);
    wr(0x12c, 0, 0);
    wr(0x10, 1, 0);
    hpet_core_advance(&h, 1 * US);
    g_assert_cmpint(edges[5], ==, 0);
}

static void messages_where_offered(void)
{
    setup(true);
    g_assert_cmphex(rd(0x100, 0) & 0x8000, ==, 0x8000);
    wr(0x110, 0x4055, 0);
    wr(0x114, 0xfee01000, 0);
    wr(0x100, 0x4004, 0);
    wr(0x108, 100, 0);
    wr(0x10c, 0, 0);
    wr(0x10, 1, 0);
    hpet_core_advance(&h, 1 * US);
    g_assert_cmpint(messages, ==, 1);
    g_assert_cmphex(last.address, ==, 0xfee01000);
    g_assert_cmphex(last.data, ==, 0x4055);
    setup(false);
    wr(0x100, 0x4004, 0);
    g_assert_cmphex(rd(0x100, 0) & 0x4000, ==, 0);
}

static void tiny_periods_do_not_flood(void)
{
    int64_t t = 0;
    int events = 0;

    setup(false);
    wr(0x100, 0x14c | 16 << 9, 0);
    wr(0x108, 1, 0);
    wr(0x10, 1, 0);
    while (t < 10000 * US) {
        t = hpet_core_next(&h, t);
        hpet_core_advance(&h, t);
        events++;
    }
    g_assert_cmpint(events, <=, 501);
}

static void reset_lowers_lines_and_gives_legacy_back(void)
{
    setup(false);
    wr(0x100, 0x6 | 16 << 9, 0);
    wr(0x108, 100, 0);
    wr(0x10c, 0, 0);
    wr(0x10, 3, 0);
    hpet_core_advance(&h, 1 * US);
    g_assert_true(legacy_levels[0]);
    hpet_core_reset(&h);
    g_assert_cmpint(legacy_on, ==, 0);
    g_assert_cmpuint(hpet_counter(&h, 5 * US), ==, 0);
    g_assert_cmpint(hpet_core_next(&h, 5 * US), ==, -1);
}

/* One thread sets the counter between two values, another must never see a mixture. */
static bool stop;

static void *reader(void *opaque)
{
    uint64_t *bad = opaque;

    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        uint64_t v = hpet_counter(&h, 0);

        if ((uint32_t)v != v >> 32) {
            (*bad)++;
        }
    }
    return NULL;
}

static void counter_reads_are_whole_without_a_lock(void)
{
    uint64_t bad = 0;
    QemuThread thread;

    setup(false);
    g_assert_true(qemu_thread_create(&thread, "reader", reader, &bad, NULL));
    for (uint32_t n = 0; n < 200000; n++) {
        hpet_core_write(&h, 0xf0, (uint64_t)n << 32 | n, 8, 0);
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    qemu_thread_join(&thread);
    g_assert_cmpuint(bad, ==, 0);
}

#define T(name) \
    { \
#name, name \
    }
static const struct {
    const char *name;
    GTestFunc fn;
} tests[] = {
    T(capabilities_say_what_there_is),
    T(counter_stands_until_enabled_and_halts),
    T(counter_can_be_set_and_has_64_bits),
    T(one_shot_fires_once_at_its_match),
    T(one_shot_of_32_bits_matches_again_after_the_wrap),
    T(periodic_adds_its_period_to_the_comparator),
    T(late_periodic_interrupts_once_and_keeps_its_phase),
    T(level_stays_until_its_status_bit_is_cleared),
    T(disabled_comparator_sets_its_status_only),
    T(legacy_replacement_takes_0_and_8),
    T(routes_that_are_not_offered_go_nowhere),
    T(messages_where_offered),
    T(tiny_periods_do_not_flood),
    T(reset_lowers_lines_and_gives_legacy_back),
    T(counter_reads_are_whole_without_a_lock),
};

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *path = g_strconcat("/hpet/", tests[i].name, NULL);

        g_test_add_func(path, tests[i].fn);
    }
    return g_test_run();
}
