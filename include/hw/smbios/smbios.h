/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SMBIOS tables (DMTF DSP0134 3.6): what -smbios says, and the tables of a machine. Main loop. */
#ifndef HW_SMBIOS_H
#define HW_SMBIOS_H

#include "qemu/osdep.h"

#include <json-c/json.h>

#define SMBIOS_ANCHOR_MAX 31

typedef enum SmbiosEntryPoint {
    SMBIOS_ENTRY_AUTO,
    SMBIOS_ENTRY_32,
    SMBIOS_ENTRY_64
} SmbiosEntryPoint;

typedef struct SmbiosMemory {
    uint64_t addr, size;
} SmbiosMemory;

/* What the tables tell of the machine. */
typedef struct SmbiosMachine {
    const char *product, *version;    /* of the system, when the user does not say */
    uint8_t uuid[16];                 /* zero: none */
    unsigned sockets, cores, threads; /* cores a socket, threads a core */
    uint32_t cpuid_eax, cpuid_edx;    /* leaf 1 */
    uint64_t ram_size;
    SmbiosMemory ranges[4]; /* where it lies */
    unsigned n_ranges;
    SmbiosEntryPoint entry;
} SmbiosMachine;

typedef struct SmbiosTables {
    GByteArray *tables;
    uint8_t anchor[SMBIOS_ANCHOR_MAX]; /* address 0 in it */
    unsigned anchor_size;
} SmbiosTables;

/* One -smbios; false with errp naming option, value and what would be right. */
bool smbios_add_option(const char *text, GError **errp);
/* False with errp where the tables do not fit the entry point that was asked for. */
bool smbios_build(const SmbiosMachine *m, SmbiosTables *t, GError **errp);
void smbios_free(SmbiosTables *t);
/* The anchor for tables at addr, with its checksums. */
void smbios_anchor_at(SmbiosTables *t, uint64_t addr);

/* For smbios.c: what was given for a type.  Fields of the last option that had them; NULL: none. */
json_object *smbios_fields(unsigned type);
/* Options of a type that may be repeated, in order; NULL: none. */
GPtrArray *smbios_repeated(unsigned type); /* json_object */
/* Structures from files: type is the first byte; NULL: none. */
GPtrArray *smbios_files(void); /* GBytes */
bool smbios_has_file(unsigned type);
/* Forgets everything: for tests. */
void smbios_reset_options(void);

#endif
