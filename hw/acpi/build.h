/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared between the files that build a board's tables.  Main loop. */
#ifndef HW_ACPI_BUILD_H
#define HW_ACPI_BUILD_H

#include "hw/acpi/tables.h"
#include "hw/i386/pc.h"

/* An empty set; its alignment is the FACS's. */
AcpiTables *acpi_tables_new(const PCMachineState *pc);

/* Bytes at the end of the blob; integers are little-endian, size bytes. */
void acpi_put(AcpiTables *t, const void *data, size_t n);
void acpi_put_int(AcpiTables *t, uint64_t v, unsigned size);
void acpi_set_int(AcpiTables *t, uint32_t at, uint64_t v, unsigned size);
void acpi_align(AcpiTables *t, unsigned alignment);

/* A table with its header; where it begins in the blob. */
uint32_t acpi_begin_table(AcpiTables *t, const char *signature, uint8_t revision);
void acpi_end_table(AcpiTables *t, uint32_t start);
/* The size bytes at "at" become the address of what is at target. */
void acpi_add_pointer(AcpiTables *t, uint32_t at, uint8_t size, uint32_t target);

uint32_t acpi_build_facs(AcpiTables *t);
/* The board's, as compiled. */
uint32_t acpi_build_dsdt(AcpiTables *t);
uint32_t acpi_build_waet(AcpiTables *t);
uint32_t acpi_build_mcfg(AcpiTables *t);
/* hw/acpi/cpus_aml.c: the SSDT of processors. */
uint32_t acpi_build_cpus(AcpiTables *t, const PCMachineState *pc);
/* hw/acpi/memory_aml.c: the SSDT of memory modules. */
uint32_t acpi_build_memory(AcpiTables *t, const PCMachineState *pc);
/* RSDT (size 4) or XSDT (size 8). */
uint32_t acpi_build_root(AcpiTables *t, const char *signature, unsigned size,
                         const uint32_t *tables, unsigned n);
/* The generation's GUID in a page of its own; 0: there is none. */
uint32_t acpi_build_vmgenid(AcpiTables *t);
/* Name (NAME, integer) in the root scope; NAME has four letters. */
void acpi_aml_name(AcpiTables *t, const char *name, uint64_t v);

/* Entries of the MADT. */
void acpi_madt_cpus(AcpiTables *t, const PCMachineState *pc);
void acpi_madt_cpu(AcpiTables *t, uint32_t apic_id, unsigned uid, bool enabled);
void acpi_madt_ioapic(AcpiTables *t, uint8_t id, uint32_t addr, uint32_t first);
void acpi_madt_override(AcpiTables *t, uint8_t irq, uint32_t gsi, uint16_t flags);
/* NMI on LINT1 of every processor. */
void acpi_madt_nmi(AcpiTables *t);

/* Integers of the SSDT that several boards' DSDTs ask for. */
unsigned acpi_serial_ports(void);
uint16_t acpi_pvpanic_port(void);

#endif
