/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ACPI tables as one blob: pointers in it are offsets, and a list says where pointers and checksums
 * are.  Main loop. */
#ifndef HW_ACPI_TABLES_H
#define HW_ACPI_TABLES_H

#include "qemu/osdep.h"

#define ACPI_RSDP_SIZE 36
#define ACPI_FACS_WAKING_VECTOR 12 /* in the FACS */

typedef struct AcpiPointer {
    uint32_t at;  /* in the blob */
    uint8_t size; /* 4 or 8 */
} AcpiPointer;

typedef struct AcpiChecksum {
    uint32_t start, length, at;
} AcpiChecksum;

struct PCBoard;

typedef struct AcpiTables {
    const struct PCBoard *board;
    GByteArray *blob;
    GArray *pointers;  /* AcpiPointer; the bytes there hold offsets into blob */
    GArray *checksums; /* AcpiChecksum */
    uint32_t rsdt, xsdt, facs, alignment; /* of the blob */
} AcpiTables;

struct PCMachineState;
AcpiTables *acpi_tables_build(const struct PCMachineState *pc);
void acpi_tables_free(AcpiTables *t);
/* For a blob at address base: pointers become addresses, checksums are filled in. */
void acpi_tables_relocate(AcpiTables *t, uint64_t base);
/* Root pointer to tables at base (0: offsets for firmware to patch), with checksums when base is
 * not 0. */
void acpi_rsdp(const AcpiTables *t, uint64_t base, uint8_t rsdp[ACPI_RSDP_SIZE]);
/* Commands by which firmware places the two blobs (etc/table-loader). */
GByteArray *acpi_loader_script(const AcpiTables *t);

#endif
