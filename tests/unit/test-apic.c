/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Local APIC: each rule of Intel's manual (SDM volume 3, chapter 11) a test, named after it. */
#include "hw/intc/apic.h"

enum {
    ID = 0x02,
    VERSION = 0x03,
    TPR = 0x08,
    PPR = 0x0a,
    EOI = 0x0b,
    LDR = 0x0d,
    DFR = 0x0e,
    SVR = 0x0f,
    ISR = 0x10,
    TMR = 0x18,
    IRR = 0x20,
    ESR = 0x28,
    ICR = 0x30,
    ICR2 = 0x31,
    LVT_TIMER = 0x32,
    LVT_LINT0 = 0x35,
    LVT_LINT1 = 0x36,
    LVT_ERROR = 0x37,
    INITIAL = 0x38,
    CURRENT = 0x39,
    DIVIDE = 0x3e,
    SELF_IPI = 0x3f,
};

#define CPUS 3
static ApicCore cpu[CPUS];
static int looks[CPUS], ends, broadcasts;
static ApicMode last_mode[CPUS];
static uint8_t last_vector[CPUS], ended_vector;
static int64_t alarm_at;
static uint64_t alarm_tsc;

static void attention(void *opaque, ApicMode mode, uint8_t vector)
{
    unsigned n = (ApicCore *)opaque - cpu;

    looks[n]++;
    last_mode[n] = mode;
    last_vector[n] = vector;
}

static void ended(void *opaque, uint8_t vector, bool broadcast)
{
    ends++;
    broadcasts += broadcast;
    ended_vector = vector;
}

static void set_timer(void *opaque, int64_t at, uint64_t tsc)
{
    alarm_at = at;
    alarm_tsc = tsc;
}

static const ApicOps ops = {.attention = attention, .ended = ended, .set_timer = set_timer};

static void wr(unsigned n, unsigned reg, uint32_t val)
{
    apic_mmio_write(&cpu[n], reg, val, 0);
}

static uint32_t rd(unsigned n, unsigned reg)
{
    return apic_mmio_read(&cpu[n], reg, 0);
}

static void setup(void)
{
    ends = broadcasts = 0;
    for (unsigned n = 0; n < CPUS; n++) {
        apic_bus_remove(&cpu[n]);
        apic_init(&cpu[n], n, n == 0, &ops, &cpu[n]);
        apic_bus_add(&cpu[n]);
        wr(n, SVR, 0x1ff);
        wr(n, LDR, (1u << n) << 24);
        looks[n] = 0;
    }
}

static void power_on_state(void)
{
    setup();
    apic_init(&cpu[0], 0, true, &ops, &cpu[0]);
    g_assert_cmphex(rd(0, SVR), ==, 0xff);
    g_assert_cmphex(rd(0, DFR), ==, UINT32_MAX);
    g_assert_cmphex(rd(0, LVT_TIMER), ==, 0x10000);
    g_assert_cmphex(rd(0, LVT_LINT1), ==, 0x10000);
    g_assert_cmphex(rd(0, TPR), ==, 0);
    g_assert_cmphex(rd(1, ID), ==, 0x01000000);
    g_assert_cmphex(rd(0, VERSION) & 0xff, ==, 0x14);
    g_assert_true(apic_accepts_pic(&cpu[0]));
    g_assert_false(apic_accepts_pic(&cpu[1]));
}

static void fixed_interrupt_goes_from_request_to_service_to_end(void)
{
    setup();
    apic_bus_message((MSIMessage){.address = 0xfee00000, .data = 0x41});
    g_assert_cmpint(looks[0], ==, 1);
    g_assert_cmphex(rd(0, IRR + 2), ==, 2);
    g_assert_cmpint(apic_take(&cpu[0]), ==, 0x41);
    g_assert_cmphex(rd(0, IRR + 2), ==, 0);
    g_assert_cmphex(rd(0, ISR + 2), ==, 2);
    g_assert_cmphex(rd(0, PPR), ==, 0x40);
    wr(0, EOI, 0);
    g_assert_cmphex(rd(0, ISR + 2), ==, 0);
    g_assert_cmpint(ended_vector, ==, 0x41);
    g_assert_cmpint(broadcasts, ==, 0);
}

static void higher_class_interrupts_the_service_of_a_lower_one(void)
{
    setup();
    apic_accept(&cpu[0], APIC_FIXED, 0x41, false);
    apic_take(&cpu[0]);
    apic_accept(&cpu[0], APIC_FIXED, 0x4f, false);
    g_assert_cmpint(apic_pending(&cpu[0]), ==, -1); /* the same class */
    apic_accept(&cpu[0], APIC_FIXED, 0x50, false);
    g_assert_cmpint(apic_take(&cpu[0]), ==, 0x50);
    wr(0, EOI, 0);
    g_assert_cmpint(apic_pending(&cpu[0]), ==, -1);
    wr(0, EOI, 0);
    g_assert_cmpint(apic_pending(&cpu[0]), ==, 0x4f);
}

static void task_priority_holds_back_its_class_and_below(void)
{
    setup();
    wr(0, TPR, 0x50);
    apic_accept(&cpu[0], APIC_FIXED, 0x5f, false);
    g_assert_cmpint(looks[0], ==, 0);
    apic_accept(&cpu[0], APIC_FIXED, 0x60, false);
    g_assert_cmpint(looks[0], ==, 1);
    apic_take(&cpu[0]);
    wr(0, EOI, 0);
    g_assert_cmpint(apic_pending(&cpu[0]), ==, -1);
    apic_set_cr8(&cpu[0], 4);
    g_assert_cmphex(rd(0, TPR), ==, 0x40);
    g_assert_cmpint(apic_pending(&cpu[0]), ==, 0x5f);
    wr(0, TPR, 0x47);
    g_assert_cmpint(apic_cr8(&cpu[0]), ==, 4);
}

static void level_interrupt_ends_by_broadcast(void)
{
    setup();
    apic_bus_message((MSIMessage){.address = 0xfee00000, .data = 0xc051});
    g_assert_cmphex(rd(0, TMR + 2), ==, BIT(0x11));
    apic_take(&cpu[0]);
    wr(0, EOI, 0);
    g_assert_cmpint(broadcasts, ==, 1);
}

static void broadcast_can_be_suppressed(void)
{
    setup();
    g_assert_true(rd(0, VERSION) & BIT(24));
    wr(0, SVR, 0x11ff);
    apic_bus_message((MSIMessage){.address = 0xfee00000, .data = 0xc051});
    apic_take(&cpu[0]);
    wr(0, EOI, 0);
    g_assert_cmpint(ends, ==, 1);
    g_assert_cmpint(broadcasts, ==, 0);
}

static void software_disable_masks_lvts_and_refuses_fixed_interrupts(void)
{
    setup();
    wr(0, LVT_LINT1, 0x400);
    wr(0, SVR, 0xff);
    g_assert_cmphex(rd(0, LVT_LINT1), ==, 0x10400);
    wr(0, LVT_LINT1, 0x400);
    g_assert_cmphex(rd(0, LVT_LINT1), ==, 0x10400);
    apic_accept(&cpu[0], APIC_FIXED, 0x41, false);
    g_assert_cmphex(rd(0, IRR + 2), ==, 0);
    apic_accept(&cpu[0], APIC_NMI, 0, false);
    g_assert_cmpint(looks[0], ==, 1); /* NMI, SMI, INIT and SIPI still arrive */
}

static void physical_destinations(void)
{
    setup();
    apic_bus_message((MSIMessage){.address = 0xfee01000, .data = 0x41});
    g_assert_cmpint(looks[0] + looks[2], ==, 0);
    g_assert_cmpint(looks[1], ==, 1);
    apic_bus_message((MSIMessage){.address = 0xfeeff000, .data = 0x42});
    g_assert_cmpint(looks[0], ==, 1);
    g_assert_cmpint(looks[1], ==, 2);
    g_assert_cmpint(looks[2], ==, 1);
}

static void flat_logical_destinations(void)
{
    setup();
    apic_bus_message((MSIMessage){.address = 0xfee05004, .data = 0x41}); /* 0 and 2 */
    g_assert_cmpint(looks[0], ==, 1);
    g_assert_cmpint(looks[1], ==, 0);
    g_assert_cmpint(looks[2], ==, 1);
}

static void cluster_logical_destinations(void)
{
    setup();
    for (unsigned n = 0; n < CPUS; n++) {
        wr(n, DFR, 0);
        wr(n, LDR, (n == 2 ? 0x21u : 0x11u << n) << 24); /* clusters 1, 2, 2 */
    }
    wr(1, LDR, 0x22u << 24);
    apic_bus_message((MSIMessage){.address = 0xfee23004, .data = 0x41});
    g_assert_cmpint(looks[0], ==, 0);
    g_assert_cmpint(looks[1], ==, 1);
    g_assert_cmpint(looks[2], ==, 1);
    apic_bus_message(
        (MSIMessage){.address = 0xfeef1004, .data = 0x41}); /* all clusters, member 1 */
    g_assert_cmpint(looks[0], ==, 1);
    g_assert_cmpint(looks[2], ==, 2);
}

static void lowest_priority_goes_to_one(void)
{
    setup();
    wr(0, TPR, 0x80);
    wr(2, TPR, 0x70);
    apic_bus_message((MSIMessage){.address = 0xfee07004, .data = 0x191});
    g_assert_cmpint(looks[1], ==, 1);
    g_assert_cmpint(looks[0] + looks[2], ==, 0);
}

static void ipi_shorthands(void)
{
    setup();
    wr(1, ICR, 0x40041);
    g_assert_cmpint(looks[1], ==, 1);
    wr(1, ICR, 0x80042);
    g_assert_cmpint(looks[0] + looks[1] + looks[2], ==, 4);
    wr(1, ICR, 0xc0043);
    g_assert_cmpint(looks[0] + looks[2], ==, 4);
    g_assert_cmpint(looks[1], ==, 2);
    g_assert_cmphex(rd(1, ICR) & BIT(12), ==, 0);
}

static void ipi_to_a_destination(void)
{
    setup();
    wr(0, ICR2, 0x02000000);
    wr(0, ICR, 0x4041);
    g_assert_cmpint(looks[2], ==, 1);
    g_assert_cmphex(rd(0, ICR2), ==, 0x02000000);
}

static void init_and_startup(void)
{
    setup();
    wr(0, ICR, 0xc4500);
    g_assert_cmpint(last_mode[1], ==, APIC_INIT);
    g_assert_cmpint(looks[0], ==, 0);
    wr(0, ICR, 0xc8500); /* INIT level de-assert: nothing */
    g_assert_cmpint(looks[1], ==, 1);
    wr(0, ICR, 0xc4607);
    g_assert_cmpint(last_mode[2], ==, APIC_STARTUP);
    g_assert_cmphex(last_vector[2], ==, 7);
}

static void nmi_comes_by_lint1(void)
{
    setup();
    apic_local_pin(&cpu[0], 1);
    g_assert_cmpint(looks[0], ==, 0);
    wr(0, LVT_LINT1, 0x400);
    apic_local_pin(&cpu[0], 1);
    g_assert_cmpint(looks[0], ==, 1);
    g_assert_cmpint(last_mode[0], ==, APIC_NMI);
}

static void pic_goes_through_lint0_as_extint(void)
{
    setup();
    wr(1, LVT_LINT0, 0x700);
    g_assert_true(apic_accepts_pic(&cpu[1]));
    wr(1, LVT_LINT0, 0x10700);
    g_assert_false(apic_accepts_pic(&cpu[1]));
    apic_set_base(&cpu[1], APIC_DEFAULT_ADDRESS);
    g_assert_true(apic_accepts_pic(&cpu[1])); /* disabled altogether: the pin is INTR */
}

static void illegal_vectors_are_errors(void)
{
    setup();
    wr(0, LVT_ERROR, 0xfe);
    wr(0, ICR, 0x40005);
    g_assert_cmpint(apic_take(&cpu[0]), ==, 0xfe);
    g_assert_cmphex(rd(0, ESR), ==, 0); /* a write latches what was gathered */
    wr(0, ESR, 0);
    g_assert_cmphex(rd(0, ESR), ==, 0x20);
    apic_bus_message((MSIMessage){.address = 0xfee00000, .data = 0x05});
    wr(0, ESR, 0);
    g_assert_cmphex(rd(0, ESR), ==, 0x40);
}

static void reserved_registers_are_errors(void)
{
    setup();
    wr(0, 0x3c, 1);
    wr(0, ESR, 0);
    g_assert_cmphex(rd(0, ESR), ==, 0x80);
}

static void one_shot_timer_fires_once(void)
{
    setup();
    wr(0, LVT_TIMER, 0x31);
    wr(0, DIVIDE, 0x0b); /* by 1 */
    apic_mmio_write(&cpu[0], INITIAL, 1000000, 500);
    g_assert_cmpint(alarm_at, ==, 1000500);
    g_assert_cmpuint(apic_mmio_read(&cpu[0], CURRENT, 250500), ==, 750000);
    apic_timer_fired(&cpu[0], 1000499);
    g_assert_cmpint(apic_pending(&cpu[0]), ==, -1);
    apic_timer_fired(&cpu[0], 1000500);
    g_assert_cmpint(apic_take(&cpu[0]), ==, 0x31);
    wr(0, EOI, 0);
    apic_timer_fired(&cpu[0], 2000500);
    g_assert_cmpint(apic_pending(&cpu[0]), ==, -1);
    g_assert_cmpuint(apic_mmio_read(&cpu[0], CURRENT, 2000500), ==, 0);
    g_assert_cmpint(alarm_at, ==, -1);
}

static void periodic_timer_keeps_its_phase(void)
{
    setup();
    wr(0, LVT_TIMER, 0x20031);
    wr(0, DIVIDE, 0x00); /* by 2 */
    apic_mmio_write(&cpu[0], INITIAL, 500000, 0);
    g_assert_cmpint(alarm_at, ==, 1000000);
    apic_timer_fired(&cpu[0], 3200000); /* late: one interrupt, the next in phase */
    g_assert_cmpint(alarm_at, ==, 4000000);
    g_assert_cmpint(apic_take(&cpu[0]), ==, 0x31);
    g_assert_cmpuint(apic_mmio_read(&cpu[0], CURRENT, 3200000), ==, 400000);
}

static void divide_configuration(void)
{
    static const struct {
        uint32_t code, by;
    } all[] = {{0, 2}, {1, 4}, {2, 8}, {3, 16}, {8, 32}, {9, 64}, {10, 128}, {11, 1}};

    for (unsigned n = 0; n < G_N_ELEMENTS(all); n++) {
        setup();
        wr(0, DIVIDE, all[n].code);
        apic_mmio_write(&cpu[0], INITIAL, 100000, 0);
        g_assert_cmpint(alarm_at, ==, 100000 * (int64_t)all[n].by);
    }
}

static void masked_timer_counts_without_interrupting(void)
{
    setup();
    wr(0, LVT_TIMER, 0x10031);
    apic_mmio_write(&cpu[0], INITIAL, 1000, 0);
    apic_timer_fired(&cpu[0], 2000);
    g_assert_cmpint(apic_pending(&cpu[0]), ==, -1);
}

static void initial_count_of_zero_stops(void)
{
    setup();
    wr(0, LVT_TIMER, 0x20031);
    apic_mmio_write(&cpu[0], INITIAL, 1000, 0);
    apic_mmio_write(&cpu[0], INITIAL, 0, 100);
    g_assert_cmpint(alarm_at, ==, -1);
}

static void tsc_deadline_mode(void)
{
    setup();
    apic_set_tsc_deadline(&cpu[0], 5000);
    g_assert_cmpuint(apic_tsc_deadline(&cpu[0]), ==, 0); /* not in that mode */
    wr(0, LVT_TIMER, 0x40031);
    apic_set_tsc_deadline(&cpu[0], 5000);
    g_assert_cmpuint(alarm_tsc, ==, 5000);
    wr(0, INITIAL, 1000);
    g_assert_cmpuint(rd(0, CURRENT), ==, 0);
    apic_timer_fired(&cpu[0], 1);
    g_assert_cmpint(apic_take(&cpu[0]), ==, 0x31);
    g_assert_cmpuint(apic_tsc_deadline(&cpu[0]), ==, 0);
    apic_set_tsc_deadline(&cpu[0], 7000);
    wr(0, LVT_TIMER, 0x31); /* leaving the mode disarms */
    g_assert_cmpuint(alarm_tsc, ==, 0);
}

static void x2apic_registers(void)
{
    uint64_t v;

    setup();
    g_assert_false(apic_msr_read(&cpu[2], ID, &v, 0)); /* not in that mode */
    apic_set_base(&cpu[2], APIC_DEFAULT_ADDRESS | APIC_BASE_ENABLE | APIC_BASE_X2APIC);
    g_assert_true(apic_msr_read(&cpu[2], ID, &v, 0));
    g_assert_cmphex(v, ==, 2);
    g_assert_true(apic_msr_read(&cpu[2], LDR, &v, 0));
    g_assert_cmphex(v, ==, 4);
    g_assert_false(apic_msr_write(&cpu[2], LDR, 1, 0)); /* read-only */
    g_assert_false(apic_msr_read(&cpu[2], DFR, &v, 0)); /* none */
    g_assert_false(apic_msr_read(&cpu[2], ICR2, &v, 0));
    g_assert_false(apic_msr_read(&cpu[2], EOI, &v, 0)); /* write-only */
    g_assert_false(apic_msr_write(&cpu[2], EOI, 1, 0));
    g_assert_true(apic_msr_write(&cpu[2], EOI, 0, 0));
    g_assert_false(apic_msr_write(&cpu[2], TPR, BIT_ULL(32), 0));
}

static void x2apic_ipis_have_32_bit_destinations(void)
{
    setup();
    for (unsigned n = 0; n < CPUS; n++) {
        apic_set_base(&cpu[n], APIC_DEFAULT_ADDRESS | APIC_BASE_ENABLE | APIC_BASE_X2APIC);
    }
    g_assert_true(apic_msr_write(&cpu[0], ICR, UINT64_C(0x200004041), 0));
    g_assert_cmpint(looks[2], ==, 1);
    g_assert_true(apic_msr_write(&cpu[0], ICR, UINT64_C(0x600004841), 0)); /* logical: 1 and 2 */
    g_assert_cmpint(looks[1], ==, 1);
    g_assert_cmpint(looks[2], ==, 2);
    g_assert_true(apic_msr_write(&cpu[0], ICR, UINT64_C(0xffffffff00004042), 0));
    g_assert_cmpint(looks[0], ==, 1);
    g_assert_cmpint(looks[1], ==, 2);
    g_assert_true(apic_msr_write(&cpu[1], SELF_IPI, 0x99, 0));
    g_assert_cmpint(apic_take(&cpu[1]), ==, 0x99);
}

static void init_keeps_base_and_id(void)
{
    setup();
    wr(1, TPR, 0x30);
    apic_set_base(&cpu[1], APIC_DEFAULT_ADDRESS | APIC_BASE_ENABLE | APIC_BASE_X2APIC);
    apic_reset(&cpu[1], true);
    g_assert_cmphex(cpu[1].base & APIC_BASE_X2APIC, ==, APIC_BASE_X2APIC);
    g_assert_cmphex(cpu[1].tpr, ==, 0);
    g_assert_cmphex(cpu[1].ldr, ==, 2);
}

#define T(name) \
    { \
#name, name \
    }
static const struct {
    const char *name;
    GTestFunc fn;
} tests[] = {
    T(power_on_state),
    T(fixed_interrupt_goes_from_request_to_service_to_end),
    T(higher_class_interrupts_the_service_of_a_lower_one),
    T(task_priority_holds_back_its_class_and_below),
    T(level_interrupt_ends_by_broadcast),
    T(broadcast_can_be_suppressed),
    T(software_disable_masks_lvts_and_refuses_fixed_interrupts),
    T(physical_destinations),
    T(flat_logical_destinations),
    T(cluster_logical_destinations),
    T(lowest_priority_goes_to_one),
    T(ipi_shorthands),
    T(ipi_to_a_destination),
    T(init_and_startup),
    T(nmi_comes_by_lint1),
    T(pic_goes_through_lint0_as_extint),
    T(illegal_vectors_are_errors),
    T(reserved_registers_are_errors),
    T(one_shot_timer_fires_once),
    T(periodic_timer_keeps_its_phase),
    T(divide_configuration),
    T(masked_timer_counts_without_interrupting),
    T(initial_count_of_zero_stops),
    T(tsc_deadline_mode),
    T(x2apic_registers),
    T(x2apic_ipis_have_32_bit_destinations),
    T(init_keeps_base_and_id),
};

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *path = g_strconcat("/apic/", tests[i].name, NULL);

        g_test_add_func(path, tests[i].fn);
    }
    return g_test_run();
}
