/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guests' library; see guest.h. */
#include "guest.h"

#define COM1 0x3f8
#define LAPIC 0xfee00000u
#define AP_PAGE 0x7000u
#define EXIT_PORT 0xf4

extern const uint8_t ap_trampoline[], ap_trampoline_end[], irq_entries[], default_entry[],
    nmi_entry[];
extern void ap_main(unsigned apic_id);
extern void irq_handler(uint32_t vector);

void (*ap_function)(unsigned apic_id);
volatile uint32_t irq_count[16], apic_count[0x30], nmi_count;
void (*apic_handler[0x30])(void);

static volatile uint32_t ap_hello;
static unsigned n_tests;
static bool failed;

/* The compiler may ask for these. */
void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int c, size_t n);
void *memcpy(void *to, const void *from, size_t n)
{
    void *start = to;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
    return start;
}
void *memset(void *to, int c, size_t n)
{
    void *start = to;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(c) : "memory");
    return start;
}

static void put_char(char c)
{
    while (!(inb(COM1 + 5) & 0x20)) {
        __asm__ volatile("pause");
    }
    outb(COM1, (uint8_t)c);
}

static void put(const char *s)
{
    while (*s) {
        put_char(*s++);
    }
}

static void put_dec(uint32_t v)
{
    char digits[11];
    int i = 10;

    digits[i] = '\0';
    do {
        digits[--i] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    put(digits + i);
}

static void put_hex(uint32_t v)
{
    put("0x");
    for (int i = 28; i >= 0; i -= 4) {
        put_char("0123456789abcdef"[(v >> i) & 15]);
    }
}

void tap_plan(unsigned tests)
{
    put("1..");
    put_dec(tests);
    put("\n");
}

void tap_restart(unsigned n)
{
    n_tests = n;
}

void tap_ok(bool ok, const char *name)
{
    failed |= !ok;
    put(ok ? "ok " : "not ok ");
    put_dec(++n_tests);
    put(" - ");
    put(name);
    put("\n");
}

void tap_equal(uint32_t got, uint32_t want, const char *name)
{
    tap_ok(got == want, name);
    if (got != want) {
        put("# got ");
        put_hex(got);
        put(", want ");
        put_hex(want);
        put("\n");
    }
}

void tap_note(const char *text, uint32_t value)
{
    put("# ");
    put(text);
    put(" ");
    put_dec(value);
    put("\n");
}

void guest_exit(int status)
{
    /* isa-debug-exit: the emulator's exit status is 2 * value + 1. */
    for (;;) {
        outl(EXIT_PORT, (uint32_t)(failed ? 1 : status));
        __asm__ volatile("cli; hlt");
    }
}

void ap_main(unsigned apic_id)
{
    __atomic_add_fetch(&ap_hello, 1, __ATOMIC_SEQ_CST);
    ap_function(apic_id);
}

static void send_ipi_to_others(uint32_t command)
{
    while (MMIO(uint32_t, LAPIC + 0x300) & 0x1000) {
        __asm__ volatile("pause");
    }
    MMIO(uint32_t, LAPIC + 0x300) = command | 0xc0000;
}

bool start_aps(unsigned n, void (*fn)(unsigned apic_id))
{
    memcpy((void *)AP_PAGE, ap_trampoline, (size_t)(ap_trampoline_end - ap_trampoline));
    ap_function = fn;
    MMIO(uint32_t, LAPIC + 0xf0) = 0x1ff;
    send_ipi_to_others(0x4500);
    send_ipi_to_others(0x4600 | (AP_PAGE >> 12));
    for (uint32_t i = 0; ap_hello < n; i++) {
        if (i == 20000000) {
            return false;
        }
        __asm__ volatile("pause");
    }
    return true;
}

static void send_ipi(unsigned apic_id, uint32_t command)
{
    while (MMIO(uint32_t, LAPIC + 0x300) & 0x1000) {
        __asm__ volatile("pause");
    }
    MMIO(uint32_t, LAPIC + 0x310) = apic_id << 24;
    MMIO(uint32_t, LAPIC + 0x300) = command;
}

void start_ap(unsigned apic_id, void (*fn)(unsigned apic_id))
{
    uint32_t before = ap_hello;

    memcpy((void *)AP_PAGE, ap_trampoline, (size_t)(ap_trampoline_end - ap_trampoline));
    ap_function = fn;
    MMIO(uint32_t, LAPIC + 0xf0) = 0x1ff;
    send_ipi(apic_id, 0x4500);
    send_ipi(apic_id, 0x4600 | (AP_PAGE >> 12));
    while (ap_hello == before) {
        __asm__ volatile("pause");
    }
}

void irq_handler(uint32_t vector)
{
    if (vector == 2) {
        nmi_count++;
        return;
    }
    if (vector >= 0x30) {
        apic_count[vector - 0x30]++;
        if (apic_handler[vector - 0x30]) {
            apic_handler[vector - 0x30]();
        }
        MMIO(uint32_t, LAPIC + 0xb0) = 0;
        return;
    }
    if (vector < 0x20) {
        put("Bail out! unexpected exception\n");
        failed = true;
        guest_exit(1);
    }
    irq_count[vector - 0x20]++;
    if (vector >= 0x28) {
        outb(0xa0, 0x20);
    }
    outb(0x20, 0x20);
}

typedef struct Gate {
    uint16_t offset_low, selector;
    uint16_t type;
    uint16_t offset_high;
} Gate;
static Gate idt[0x60];

void irq_init(uint16_t enabled)
{
    struct __attribute__((packed)) {
        uint16_t limit;
        uint32_t base;
    } pointer = {sizeof(idt) - 1, (uint32_t)idt};

    for (unsigned v = 0; v < 0x60; v++) {
        uint32_t entry = v == 2     ? (uint32_t)nmi_entry
                         : v < 0x20 ? (uint32_t)default_entry
                                    : (uint32_t)irq_entries + (v - 0x20) * 16;
        idt[v] = (Gate){(uint16_t)entry, 0x08, 0x8e00, (uint16_t)(entry >> 16)};
    }
    __asm__ volatile("lidt %0" : : "m"(pointer));
    /* Virtual wire: the local APIC passes the 8259's interrupts on (LINT0 as ExtINT). */
    MMIO(uint32_t, LAPIC + 0xf0) = 0x1ff;
    MMIO(uint32_t, LAPIC + 0x350) = 0x700;
    outb(0x20, 0x11);
    outb(0xa0, 0x11);
    outb(0x21, 0x20);
    outb(0xa1, 0x28);
    outb(0x21, 4);
    outb(0xa1, 2);
    outb(0x21, 1);
    outb(0xa1, 1);
    outb(0x21, (uint8_t)~enabled);
    outb(0xa1, (uint8_t)(~enabled >> 8));
}
