/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MultiProcessor Specification 1.4, chapter 4: floating pointer and configuration table. */
#include "hw/i386/mptable.h"

#include "hw/intc/ioapic.h"

#define POINTER_SIZE 16
#define HEADER_SIZE 44
#define LOCAL_APIC_ADDRESS 0xfee00000u
#define ALL_APICS 0xff
#define MAX_ID 254

enum { ENTRY_PROCESSOR, ENTRY_BUS, ENTRY_IOAPIC, ENTRY_INTERRUPT, ENTRY_LOCAL_INTERRUPT };
enum { INT_VECTORED, INT_NMI, INT_SMI, INT_EXTINT };
enum { BUS_PCI, BUS_ISA };
/* Polarity and trigger mode: as usual for the bus (edge and high for ISA, level and low for PCI),
 * or level and active high. */
enum { FLAGS_BUS = 0, FLAGS_LEVEL_HIGH = 0xd };

static void put(GByteArray *t, uint64_t v, unsigned size)
{
    g_byte_array_append(t, (uint8_t *)&v, size);
}

static void put_text(GByteArray *t, const char *text, unsigned size)
{
    for (unsigned n = 0; n < size; n++) {
        put(t, n < strlen(text) ? text[n] : ' ', 1);
    }
}

static void set_checksum(uint8_t *p, size_t size, size_t at)
{
    uint8_t sum = 0;

    p[at] = 0;
    for (size_t n = 0; n < size; n++) {
        sum += p[n];
    }
    p[at] = -sum;
}

static unsigned put_processors(GByteArray *t, const PCMachineState *pc)
{
    enum { ENABLED = 1, BOOT = 2, FEATURES = 0x201 }; /* FPU, APIC */
    const SMPConfig *smp = &MACHINE(pc)->smp;
    unsigned count = 0;

    for (unsigned n = 0; n < smp->cpus; n++) {
        CPUTopoIds ids;
        uint32_t apic_id;

        machine_cpu_topo(smp, n, &ids, &apic_id);
        if (apic_id > MAX_ID) {
            continue;
        }
        put(t, ENTRY_PROCESSOR, 1);
        put(t, apic_id, 1);
        put(t, 0x14, 1); /* local APIC version */
        put(t, ENABLED | (n == 0 ? BOOT : 0), 1);
        put(t, 0x600, 4); /* signature; software asks CPUID */
        put(t, FEATURES, 4);
        put(t, 0, 8);
        count++;
    }
    return count;
}

static void put_bus(GByteArray *t, uint8_t id, const char *type)
{
    put(t, ENTRY_BUS, 1);
    put(t, id, 1);
    put_text(t, type, 6);
}

static void put_interrupt(GByteArray *t, unsigned entry, unsigned type, unsigned flags,
                          unsigned bus, unsigned source, unsigned apic, unsigned pin)
{
    put(t, entry, 1);
    put(t, type, 1);
    put(t, flags, 2);
    put(t, bus, 1);
    put(t, source, 1);
    put(t, apic, 1);
    put(t, pin, 1);
}

/* As the MADT's overrides have it: 0 is pin 2, and what PIRQs and ACPI use is level, active high.
 */
static unsigned put_isa(GByteArray *t, unsigned ioapic)
{
    unsigned count = 0;

    for (unsigned irq = 0; irq < 16; irq++) {
        bool level = irq == 5 || (irq >= 9 && irq <= 11);

        if (irq != 2) {
            put_interrupt(t, ENTRY_INTERRUPT, INT_VECTORED, level ? FLAGS_LEVEL_HIGH : FLAGS_BUS,
                          BUS_ISA, irq, ioapic, irq == 0 ? 2 : irq);
            count++;
        }
    }
    return count;
}

static unsigned put_pci(GByteArray *t, unsigned ioapic, PCIrqOfPin *irq_of_pin)
{
    for (unsigned slot = 0; slot < 32; slot++) {
        for (unsigned pin = 0; pin < 4; pin++) {
            unsigned gsi = irq_of_pin(PCI_DEVFN(slot, 0), pin, true);

            put_interrupt(t, ENTRY_INTERRUPT, INT_VECTORED, gsi < 16 ? FLAGS_LEVEL_HIGH : FLAGS_BUS,
                          BUS_PCI, slot << 2 | pin, ioapic, gsi);
        }
    }
    return 32 * 4;
}

GByteArray *mptable_build(const PCMachineState *pc, uint32_t addr, PCIrqOfPin *irq_of_pin)
{
    GByteArray *t = g_byte_array_new();
    const unsigned ioapic = 0; /* its id in the MADT */
    unsigned entries = 0;
    uint16_t word;

    put_text(t, "_MP_", 4);
    put(t, addr + POINTER_SIZE, 4);
    put(t, 1, 1); /* length in paragraphs */
    put(t, 4, 1); /* 1.4 */
    put(t, 0, 1); /* checksum */
    put(t, 0, 5); /* a table; virtual wire mode */

    put_text(t, "PCMP", 4);
    put(t, 0, 2); /* length */
    put(t, 4, 1);
    put(t, 0, 1); /* checksum */
    put_text(t, "IOREGN", 8);
    put_text(t, "PC", 12);
    put(t, 0, 4); /* no OEM table */
    put(t, 0, 2);
    put(t, 0, 2); /* entries */
    put(t, LOCAL_APIC_ADDRESS, 4);
    put(t, 0, 4); /* no extended table */

    entries += put_processors(t, pc);
    if (irq_of_pin) {
        put_bus(t, BUS_PCI, "PCI");
        entries++;
    }
    put_bus(t, BUS_ISA, "ISA");
    put(t, ENTRY_IOAPIC, 1);
    put(t, ioapic, 1);
    put(t, 0x20, 1);
    put(t, 1, 1);
    put(t, IOAPIC_DEFAULT_ADDRESS, 4);
    entries += 2;
    entries += put_isa(t, ioapic) + (irq_of_pin ? put_pci(t, ioapic, irq_of_pin) : 0);
    put_interrupt(t, ENTRY_LOCAL_INTERRUPT, INT_EXTINT, FLAGS_BUS, BUS_ISA, 0, ALL_APICS, 0);
    put_interrupt(t, ENTRY_LOCAL_INTERRUPT, INT_NMI, FLAGS_BUS, BUS_ISA, 0, ALL_APICS, 1);
    entries += 2;

    word = t->len - POINTER_SIZE;
    memcpy(t->data + POINTER_SIZE + 4, &word, 2);
    word = entries;
    memcpy(t->data + POINTER_SIZE + 34, &word, 2);
    set_checksum(t->data, POINTER_SIZE, 10);
    set_checksum(t->data + POINTER_SIZE, t->len - POINTER_SIZE, 7);
    return t;
}
