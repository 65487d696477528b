/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tiny guests share: ports, memory-mapped registers, TAP on the first serial port,
 * processors, interrupts. */
#ifndef TESTS_GUEST_H
#define TESTS_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* pc-testdev */
#define LATCH_PORT 0xe0
#define LATCH32_PORT 0xe8
#define IRQ_LINE_PORT 0x2000
#define IOMEM_BASE 0xff000000u
#define IOMEM_SIZE 0x10000u

static inline void outb(uint16_t port, uint8_t v)
{
    __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port) : "memory");
}
static inline void outw(uint16_t port, uint16_t v)
{
    __asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port) : "memory");
}
static inline void outl(uint16_t port, uint32_t v)
{
    __asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port) : "memory");
}
static inline uint8_t inb(uint16_t port)
{
    uint8_t v;
    __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port) : "memory");
    return v;
}
static inline uint16_t inw(uint16_t port)
{
    uint16_t v;
    __asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port) : "memory");
    return v;
}
static inline uint32_t inl(uint16_t port)
{
    uint32_t v;
    __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port) : "memory");
    return v;
}
#define MMIO(type, addr) (*(volatile type *)(uintptr_t)(addr))

/* --- TAP; ends with the exit status that the runner expects of an image whose tests all passed */
void tap_plan(unsigned tests);
/* After a reset: goes on after test number n. */
void tap_restart(unsigned n);
void tap_ok(bool ok, const char *name);
/* ok if got equals want; otherwise both are printed. */
void tap_equal(uint32_t got, uint32_t want, const char *name);
void tap_note(const char *text, uint32_t value);
void guest_exit(int status) __attribute__((noreturn));

/* --- processors */
extern void (*ap_function)(unsigned apic_id);
/* Starts all other processors with INIT and SIPI, each runs fn(its APIC id), and waits until n have
 * said hello. */
bool start_aps(unsigned n, void (*fn)(unsigned apic_id));
/* Starts one, and waits until it has said hello, however long that takes. */
void start_ap(unsigned apic_id, void (*fn)(unsigned apic_id));

/* --- interrupts */
extern volatile uint32_t irq_count[16];
/* Vectors 0x20 to 0x2f for the two 8259s, all lines masked but those in enabled. */
void irq_init(uint16_t enabled);
/* Of the local APIC: vectors 0x30 to 0x5f.  The handler of a vector runs before the end of its
 * interrupt is written. */
extern volatile uint32_t apic_count[0x30], nmi_count;
extern void (*apic_handler[0x30])(void);
#define LAPIC_BASE 0xfee00000u
#define IOAPIC_BASE 0xfec00000u
static inline uint64_t rdtsc(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

/* PCI configuration space of bus 0. */
static inline uint32_t config_read(unsigned devfn, unsigned reg)
{
    outl(0xcf8, 0x80000000u | (devfn << 8) | reg);
    return inl(0xcfc);
}

static inline void config_write(unsigned devfn, unsigned reg, uint32_t v)
{
    outl(0xcf8, 0x80000000u | (devfn << 8) | reg);
    outl(0xcfc, v);
}

static inline uint32_t ioapic_read(uint32_t reg)
{
    MMIO(uint32_t, IOAPIC_BASE) = reg;
    return MMIO(uint32_t, IOAPIC_BASE + 0x10);
}
static inline void ioapic_write(uint32_t reg, uint32_t val)
{
    MMIO(uint32_t, IOAPIC_BASE) = reg;
    MMIO(uint32_t, IOAPIC_BASE + 0x10) = val;
}
/* Halts until something arrives; it cannot slip in between, because sti takes effect after the next
 * instruction. */
static inline void halt(void)
{
    __asm__ volatile("sti; hlt; cli" : : : "memory");
}
/* Time for pending interrupts; a KVM that emulates instructions looks for them now and then only.
 */
static inline void let_in(void)
{
    __asm__ volatile("sti" : : : "memory");
    for (int i = 0; i < 3000; i++) {
        __asm__ volatile("pause");
    }
    __asm__ volatile("cli" : : : "memory");
}

void long_mode_copy(uint32_t to, uint32_t from);

/* Each guest's own. */
int guest_main(void);

#endif
