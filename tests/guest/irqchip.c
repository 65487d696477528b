/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The interrupt controllers' rules, whoever emulates them: 8259 pair, I/O APIC, local APIC, NMI;
 * and the interval timer's and HPET's time against KVM's clock. */
#include "guest.h"

enum { LINE = 5, LEVEL_LINE = 11, SLAVE_LINE = 10 };
enum { EDGE = 0x35, LEVEL = 0x36, SELF = 0x37, APIC_TIMER = 0x38 };
enum { ENTRY_LEVEL = 0x8000, ENTRY_MASKED = 0x10000, REMOTE_IRR = 0x4000 };

static volatile uint32_t levels, seen_entry, lower_at;

static void line(unsigned n, int level)
{
    outb(IRQ_LINE_PORT + n, level);
}

/* --- 8259 pair */

static uint8_t in_service(uint16_t port)
{
    outb(port, 0x0b);
    return inb(port);
}

static void test_pic(void)
{
    irq_init(1 << 2 | 1 << LINE | 1 << SLAVE_LINE);
    line(LINE, 1);
    outb(0x20, 0x0c);
    /* KVM's chip neither sets bit 7 nor goes into service; the emulator's does, see its unit tests.
     */
    tap_equal(inb(0x20) & 7, LINE, "8259: poll tells the input");
    outb(0x20, 0x60 | LINE);
    tap_equal(in_service(0x20), 0, "8259: specific end of interrupt");
    line(LINE, 0);

    line(SLAVE_LINE, 1);
    let_in();
    tap_equal(irq_count[SLAVE_LINE], 1, "8259: cascade");
    line(SLAVE_LINE, 0);
    line(SLAVE_LINE, 1);
    outb(0xa1, 0xff);
    let_in();
    line(SLAVE_LINE, 0);
    tap_equal(irq_count[15], 1, "8259: a slave's request that goes away is interrupt 15");
    tap_equal(irq_count[SLAVE_LINE], 1, "8259: and not the line's own");

    irq_init(1 << LINE);
    outb(0x4d0, 1 << LINE);
    tap_equal(inb(0x4d0), 1 << LINE, "ELCR: reads back");
    line(LINE, 1);
    line(LINE, 0);
    let_in();
    tap_equal(irq_count[LINE], 0, "8259: a level that went away is no interrupt of its line");
    outb(0x4d0, 0);
    irq_init(0);
}

/* --- I/O APIC */

static void program(unsigned pin, uint32_t low)
{
    ioapic_write(0x10 + 2 * pin + 1, 0);
    ioapic_write(0x10 + 2 * pin, low);
}

/* A KVM that emulates instructions may enter a handler twice for one interrupt: the second time
 * remote IRR is clear. */
static bool is_real(void)
{
    uint32_t e = ioapic_read(0x10 + 2 * LEVEL_LINE);

    if (e & REMOTE_IRR) {
        seen_entry = e;
        levels++;
    }
    return e & REMOTE_IRR;
}

static void level_handler(void)
{
    if (is_real() && levels >= lower_at) {
        line(LEVEL_LINE, 0);
    }
}

static void test_ioapic(void)
{
    tap_equal(ioapic_read(1) >> 16 & 0xff, 23, "I/O APIC: 24 pins");
    program(LINE, EDGE);
    line(LINE, 1);
    let_in();
    tap_equal(apic_count[EDGE - 0x30], 1, "I/O APIC: an edge");
    line(LINE, 1);
    let_in();
    tap_equal(apic_count[EDGE - 0x30], 1, "I/O APIC: a line that stays up is one edge");
    line(LINE, 0);
    program(LINE, EDGE | ENTRY_MASKED);
    line(LINE, 1);
    program(LINE, EDGE);
    let_in();
    tap_equal(apic_count[EDGE - 0x30], 1, "I/O APIC: an edge while masked is lost");
    line(LINE, 0);

    apic_handler[LEVEL - 0x30] = level_handler;
    lower_at = 3;
    program(LEVEL_LINE, LEVEL | ENTRY_LEVEL);
    line(LEVEL_LINE, 1);
    let_in();
    let_in();
    tap_equal(levels, 3, "I/O APIC: a level comes again until it is lowered");
    tap_equal(seen_entry & REMOTE_IRR, REMOTE_IRR, "I/O APIC: remote IRR is set in the handler");
    tap_equal(ioapic_read(0x10 + 2 * LEVEL_LINE) & REMOTE_IRR, 0,
              "I/O APIC: the end of interrupt clears it");
    lower_at = 4;
    program(LEVEL_LINE, LEVEL | ENTRY_LEVEL | ENTRY_MASKED);
    line(LEVEL_LINE, 1);
    let_in();
    tap_equal(levels, 3, "I/O APIC: a masked level waits");
    program(LEVEL_LINE, LEVEL | ENTRY_LEVEL);
    let_in();
    tap_equal(levels, 4, "I/O APIC: and comes when it is unmasked");
    program(LEVEL_LINE, ENTRY_MASKED);
}

/* Masked by its handler before the end of interrupt, as Linux does with threaded handlers. */
static void masking_handler(void)
{
    is_real();
    program(LEVEL_LINE, LEVEL | ENTRY_LEVEL | ENTRY_MASKED);
}

static void test_mask_in_service(void)
{
    uint32_t before = levels;

    apic_handler[LEVEL - 0x30] = masking_handler;
    program(LEVEL_LINE, LEVEL | ENTRY_LEVEL);
    line(LEVEL_LINE, 1);
    let_in();
    tap_equal(levels, before + 1, "I/O APIC: masked in the handler: once");
    apic_handler[LEVEL - 0x30] = level_handler;
    lower_at = 0;
    program(LEVEL_LINE, LEVEL | ENTRY_LEVEL);
    let_in();
    tap_equal(levels, before + 2, "I/O APIC: its end was heard all the same");
    program(LEVEL_LINE, ENTRY_MASKED);
}

/* --- local APIC */

static void test_lapic(void)
{
    MMIO(uint32_t, LAPIC_BASE + 0x300) = 0x40000 | SELF;
    let_in();
    tap_equal(apic_count[SELF - 0x30], 1, "local APIC: interrupt to itself");
    MMIO(uint32_t, LAPIC_BASE + 0x80) = 0x40;
    MMIO(uint32_t, LAPIC_BASE + 0x300) = 0x40000 | SELF;
    let_in();
    tap_equal(apic_count[SELF - 0x30], 1, "local APIC: task priority holds it back");
    MMIO(uint32_t, LAPIC_BASE + 0x80) = 0;
    let_in();
    tap_equal(apic_count[SELF - 0x30], 2, "local APIC: until it is lowered");
    MMIO(uint32_t, LAPIC_BASE + 0x3e0) = 0x0b;
    MMIO(uint32_t, LAPIC_BASE + 0x320) = APIC_TIMER;
    MMIO(uint32_t, LAPIC_BASE + 0x380) = 5000000;
    halt();
    tap_equal(apic_count[APIC_TIMER - 0x30], 1, "local APIC: the timer wakes a halted processor");
    tap_equal(MMIO(uint32_t, LAPIC_BASE + 0x390), 0, "local APIC: its count has run out");
    MMIO(uint32_t, LAPIC_BASE + 0x310) = MMIO(uint32_t, LAPIC_BASE + 0x20);
    MMIO(uint32_t, LAPIC_BASE + 0x300) = 0x4400;
    let_in();
    tap_equal(nmi_count, 1, "local APIC: a non-maskable interrupt");
}

/* --- time */

typedef struct KvmClock {
    uint32_t version, pad;
    uint64_t tsc, ns;
    uint32_t mul;
    int8_t shift;
    uint8_t flags, pad2[2];
} KvmClock;
static volatile KvmClock kvm_clock __attribute__((aligned(32)));

/* Microseconds of the host's clock: low 32 bits. */
static uint32_t kvm_us(void)
{
    uint64_t delta, ns;
    uint32_t version;

    do {
        version = kvm_clock.version;
        delta = rdtsc() - kvm_clock.tsc;
        delta = kvm_clock.shift >= 0 ? delta << kvm_clock.shift : delta >> -kvm_clock.shift;
        ns = kvm_clock.ns + (((delta & 0xffffffff) * kvm_clock.mul) >> 32) +
             (delta >> 32) * kvm_clock.mul;
    } while ((version & 1) || version != kvm_clock.version);
    /* ns / 1000 without a library: long division by 32-bit steps */
    uint32_t high = (uint32_t)(ns >> 32) % 1000, low = (uint32_t)ns, quotient;
    __asm__("divl %3" : "=a"(quotient), "+d"(high) : "0"(low), "r"(1000u));
    return quotient;
}

static bool near(uint32_t got, uint32_t want, uint32_t below, uint32_t above, const char *name)
{
    bool ok = got >= want - below && got <= want + above;

    tap_ok(ok, name);
    if (!ok) {
        tap_note("microseconds", got);
        tap_note("expected", want);
    }
    return ok;
}

static void test_time(void)
{
    uint32_t start, ticks = irq_count[0], hpet = 0, passed = 0;

    __asm__ volatile("wrmsr" : : "c"(0x4b564d01), "a"((uint32_t)&kvm_clock | 1), "d"(0));
    irq_init(1);
    outb(0x43, 0x34);
    outb(0x40, 1193 & 0xff);
    outb(0x40, 1193 >> 8);
    while (irq_count[0] == ticks) {
        halt();
    }
    ticks = irq_count[0];
    start = kvm_us();
    while (irq_count[0] - ticks < 300) {
        halt();
    }
    /* Ticks that come while nobody can take them are not lost, so this is late by little; those
     * that were owed at the beginning come early. */
    near(kvm_us() - start, 299954, 60000, 400000, "timer: 300 ticks of 1193 clocks");
    irq_init(0);

    MMIO(uint32_t, 0xfed00010) = 1;
    /* This vCPU may be held up between its looks at the two clocks: then they are looked at again.
     */
    for (int attempt = 0; attempt < 5; attempt++) {
        start = kvm_us();
        hpet = MMIO(uint32_t, 0xfed000f0);
        while (kvm_us() - start < 20000) {
        }
        hpet = (MMIO(uint32_t, 0xfed000f0) - hpet) / 100;
        passed = kvm_us() - start;
        if (hpet + 5000 >= passed && hpet <= passed + 5000) {
            break;
        }
    }
    near(hpet, passed, 5000, 5000, "HPET: its counter agrees with KVM's clock");
    MMIO(uint32_t, 0xfed00010) = 0;
}

int guest_main(void)
{
    tap_plan(7 + 9 + 2 + 6 + 2);
    test_pic();
    test_ioapic();
    test_mask_in_service();
    test_lapic();
    test_time();
    return 0;
}
