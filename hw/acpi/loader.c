/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * etc/table-loader: 128-byte commands by which firmware allocates memory for the blobs, patches
 * pointers between them and sums up.
 */
#include "hw/acpi/tables.h"

#define TABLES_FILE "etc/acpi/tables"
#define RSDP_FILE "etc/acpi/rsdp"

enum { CMD_ALLOCATE = 1, CMD_ADD_POINTER = 2, CMD_ADD_CHECKSUM = 3 };
enum { ZONE_HIGH = 1, ZONE_FSEG = 2 };

typedef struct QEMU_PACKED LoaderCommand {
    uint32_t command;
    union {
        struct QEMU_PACKED {
            char file[56];
            uint32_t align;
            uint8_t zone;
        } alloc;
        struct QEMU_PACKED {
            char dest[56], src[56];
            uint32_t offset;
            uint8_t size;
        } pointer;
        struct QEMU_PACKED {
            char file[56];
            uint32_t at, start, length;
        } checksum;
        uint8_t pad[124];
    };
} LoaderCommand;
G_STATIC_ASSERT(sizeof(LoaderCommand) == 128);

static void add_command(GByteArray *script, const LoaderCommand *c)
{
    g_byte_array_append(script, (const uint8_t *)c, sizeof(*c));
}

static void allocate(GByteArray *script, const char *file, uint32_t align, uint8_t zone)
{
    LoaderCommand c = {.command = CMD_ALLOCATE};

    g_strlcpy(c.alloc.file, file, sizeof(c.alloc.file));
    c.alloc.align = align;
    c.alloc.zone = zone;
    add_command(script, &c);
}

static void pointer(GByteArray *script, const char *dest, uint32_t offset, uint8_t size)
{
    LoaderCommand c = {.command = CMD_ADD_POINTER};

    g_strlcpy(c.pointer.dest, dest, sizeof(c.pointer.dest));
    g_strlcpy(c.pointer.src, TABLES_FILE, sizeof(c.pointer.src));
    c.pointer.offset = offset;
    c.pointer.size = size;
    add_command(script, &c);
}

static void sum(GByteArray *script, const char *file, uint32_t at, uint32_t start, uint32_t length)
{
    LoaderCommand c = {.command = CMD_ADD_CHECKSUM};

    g_strlcpy(c.checksum.file, file, sizeof(c.checksum.file));
    c.checksum.at = at;
    c.checksum.start = start;
    c.checksum.length = length;
    add_command(script, &c);
}

GByteArray *acpi_loader_script(const AcpiTables *t)
{
    GByteArray *script = g_byte_array_new();

    allocate(script, TABLES_FILE, t->alignment, ZONE_HIGH);
    allocate(script, RSDP_FILE, 16, ZONE_FSEG);
    for (unsigned n = 0; n < t->pointers->len; n++) {
        const AcpiPointer *p = &g_array_index(t->pointers, AcpiPointer, n);

        pointer(script, TABLES_FILE, p->at, p->size);
    }
    for (unsigned n = 0; n < t->checksums->len; n++) {
        const AcpiChecksum *c = &g_array_index(t->checksums, AcpiChecksum, n);

        sum(script, TABLES_FILE, c->at, c->start, c->length);
    }
    pointer(script, RSDP_FILE, 16, 4);
    pointer(script, RSDP_FILE, 24, 8);
    sum(script, RSDP_FILE, 8, 0, 20);
    sum(script, RSDP_FILE, 32, 0, ACPI_RSDP_SIZE);
    return script;
}
