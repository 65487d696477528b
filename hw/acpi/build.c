/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pieces that each board's ACPI tables are made of (ACPI 6.4, chapter 5), and placing them. */
#include "build.h"

#include "hw/i386/cpu_plug.h"

#define CHECKSUM_AT 9

/* --- bytes
 * -------------------------------------------------------------------------------------------- */

void acpi_put(AcpiTables *t, const void *data, size_t n)
{
    g_byte_array_append(t->blob, data, n);
}

void acpi_put_int(AcpiTables *t, uint64_t v, unsigned size)
{
    acpi_put(t, &v, size); /* little-endian, as the host */
}

void acpi_set_int(AcpiTables *t, uint32_t at, uint64_t v, unsigned size)
{
    memcpy(t->blob->data + at, &v, size);
}

void acpi_align(AcpiTables *t, unsigned alignment)
{
    while (t->blob->len % alignment) {
        acpi_put_int(t, 0, 1);
    }
}

/* --- tables
 * ------------------------------------------------------------------------------------------- */

uint32_t acpi_begin_table(AcpiTables *t, const char *signature, uint8_t revision)
{
    uint32_t start;

    acpi_align(t, 16);
    start = t->blob->len;
    acpi_put(t, signature, 4);
    acpi_put_int(t, 0, 4); /* length */
    acpi_put_int(t, revision, 1);
    acpi_put_int(t, 0, 1); /* checksum */
    acpi_put(t, "IOREGN", 6);
    acpi_put(t, t->board->acpi_name, 8);
    acpi_put_int(t, 1, 4);
    acpi_put(t, "IORG", 4);
    acpi_put_int(t, 1, 4);
    return start;
}

void acpi_end_table(AcpiTables *t, uint32_t start)
{
    AcpiChecksum c = {start, t->blob->len - start, start + CHECKSUM_AT};

    acpi_set_int(t, start + 4, c.length, 4);
    acpi_set_int(t, c.at, 0, 1);
    g_array_append_val(t->checksums, c);
}

void acpi_add_pointer(AcpiTables *t, uint32_t at, uint8_t size, uint32_t target)
{
    AcpiPointer p = {at, size};

    acpi_set_int(t, at, target, size);
    g_array_append_val(t->pointers, p);
}

uint32_t acpi_build_dsdt(AcpiTables *t)
{
    uint32_t size = t->board->dsdt_size;
    uint32_t start;
    AcpiChecksum c;

    acpi_align(t, 16);
    start = t->blob->len;
    acpi_put(t, t->board->dsdt, size);
    c = (AcpiChecksum){start, size, start + CHECKSUM_AT};
    acpi_set_int(t, c.at, 0, 1);
    g_array_append_val(t->checksums, c);
    return start;
}

/* Name (NAME, integer) in the root scope. */
void acpi_aml_name(AcpiTables *t, const char *name, uint64_t v)
{
    enum { NAME_OP = 0x08, QWORD_PREFIX = 0x0e };

    acpi_put_int(t, NAME_OP, 1);
    acpi_put(t, name, 4);
    acpi_put_int(t, QWORD_PREFIX, 1);
    acpi_put_int(t, v, 8);
}

/* Windows ACPI Emulated Devices Table: the PM timer can be read once, the RTC is good. */
uint32_t acpi_build_waet(AcpiTables *t)
{
    uint32_t s = acpi_begin_table(t, "WAET", 1);

    acpi_put_int(t, 2, 4);
    acpi_end_table(t, s);
    return s;
}

uint32_t acpi_build_root(AcpiTables *t, const char *signature, unsigned size,
                         const uint32_t *tables, unsigned n)
{
    uint32_t s = acpi_begin_table(t, signature, 1);

    for (unsigned i = 0; i < n; i++) {
        uint32_t at = t->blob->len;

        acpi_put_int(t, 0, size);
        acpi_add_pointer(t, at, size, tables[i]);
    }
    acpi_end_table(t, s);
    return s;
}

void acpi_madt_cpu(AcpiTables *t, uint32_t apic_id, unsigned uid, bool enabled)
{
    if (apic_id < 255) {
        acpi_put_int(t, 0, 1); /* processor local APIC */
        acpi_put_int(t, 8, 1);
        acpi_put_int(t, uid, 1);
        acpi_put_int(t, apic_id, 1);
        acpi_put_int(t, enabled, 4);
    } else {
        acpi_put_int(t, 9, 1); /* local x2APIC */
        acpi_put_int(t, 16, 1);
        acpi_put_int(t, 0, 2);
        acpi_put_int(t, apic_id, 4);
        acpi_put_int(t, enabled, 4);
        acpi_put_int(t, uid, 4);
    }
}

void acpi_madt_override(AcpiTables *t, uint8_t irq, uint32_t gsi, uint16_t flags)
{
    acpi_put_int(t, 2, 1);
    acpi_put_int(t, 10, 1);
    acpi_put_int(t, 0, 1);
    acpi_put_int(t, irq, 1);
    acpi_put_int(t, gsi, 4);
    acpi_put_int(t, flags, 2);
}

uint32_t acpi_build_facs(AcpiTables *t)
{
    uint32_t start;

    acpi_align(t, 64);
    start = t->blob->len;
    acpi_put(t, "FACS", 4);
    acpi_put_int(t, 64, 4);
    for (int n = 0; n < 7; n++) {
        acpi_put_int(t, 0, 8);
    }
    return start;
}

AcpiTables *acpi_tables_new(const PCMachineState *pc)
{
    AcpiTables *t = g_new0(AcpiTables, 1);

    t->board = pc->board;
    t->alignment = 64;
    t->blob = g_byte_array_new();
    t->pointers = g_array_new(false, false, sizeof(AcpiPointer));
    t->checksums = g_array_new(false, false, sizeof(AcpiChecksum));
    return t;
}

void acpi_madt_cpus(AcpiTables *t, const PCMachineState *pc)
{
    const SMPConfig *smp = &MACHINE(pc)->smp;

    unsigned possible = pc->cpu_hotplug ? smp->max_cpus : smp->cpus;

    for (unsigned n = 0; n < possible; n++) {
        CPUTopoIds ids;
        uint32_t apic_id;

        machine_cpu_topo(smp, n, &ids, &apic_id);
        acpi_madt_cpu(t, apic_id, n, pc_cpu_present(n));
    }
}

void acpi_madt_ioapic(AcpiTables *t, uint8_t id, uint32_t addr, uint32_t first)
{
    acpi_put_int(t, 1, 1);
    acpi_put_int(t, 12, 1);
    acpi_put_int(t, id, 1);
    acpi_put_int(t, 0, 1);
    acpi_put_int(t, addr, 4);
    acpi_put_int(t, first, 4);
}

void acpi_madt_nmi(AcpiTables *t)
{
    acpi_put_int(t, 4, 1); /* NMI on LINT1 of every processor */
    acpi_put_int(t, 6, 1);
    acpi_put_int(t, 0xff, 1);
    acpi_put_int(t, 0, 2);
    acpi_put_int(t, 1, 1);
}

void acpi_tables_free(AcpiTables *t)
{
    if (t) {
        g_byte_array_unref(t->blob);
        g_array_unref(t->pointers);
        g_array_unref(t->checksums);
        g_free(t);
    }
}

/* --- placement
 * -------------------------------------------------------------------------------------------- */

static uint8_t checksum(const uint8_t *p, size_t n)
{
    uint8_t sum = 0;

    while (n--) {
        sum += *p++;
    }
    return -sum;
}

void acpi_tables_relocate(AcpiTables *t, uint64_t base)
{
    for (unsigned n = 0; n < t->pointers->len; n++) {
        const AcpiPointer *p = &g_array_index(t->pointers, AcpiPointer, n);
        uint64_t v = 0;

        memcpy(&v, t->blob->data + p->at, p->size);
        acpi_set_int(t, p->at, v + base, p->size);
    }
    for (unsigned n = 0; n < t->checksums->len; n++) {
        const AcpiChecksum *c = &g_array_index(t->checksums, AcpiChecksum, n);

        acpi_set_int(t, c->at, 0, 1);
        acpi_set_int(t, c->at, checksum(t->blob->data + c->start, c->length), 1);
    }
}

void acpi_rsdp(const AcpiTables *t, uint64_t base, uint8_t rsdp[ACPI_RSDP_SIZE])
{
    uint32_t rsdt = base + t->rsdt, length = ACPI_RSDP_SIZE;
    uint64_t xsdt = base + t->xsdt;

    memset(rsdp, 0, ACPI_RSDP_SIZE);
    memcpy(rsdp, "RSD PTR ", 8);
    memcpy(rsdp + 9, "IOREGN", 6);
    rsdp[15] = 2;
    memcpy(rsdp + 16, &rsdt, 4);
    memcpy(rsdp + 20, &length, 4);
    memcpy(rsdp + 24, &xsdt, 8);
    if (base) {
        rsdp[8] = checksum(rsdp, 20);
        rsdp[32] = checksum(rsdp, ACPI_RSDP_SIZE);
    }
}
