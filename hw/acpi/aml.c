/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pieces of generated AML. */
#include "aml.h"

uint32_t aml_begin(AcpiTables *t)
{
    uint32_t at = t->blob->len;

    acpi_put_int(t, 0, 3);
    return at;
}

/* Three bytes of length: four bits in the first, eight in each of the others. */
void aml_end(AcpiTables *t, uint32_t at)
{
    uint32_t n = t->blob->len - at;

    acpi_set_int(t, at, 0x80 | (n & 0xf), 1);
    acpi_set_int(t, at + 1, n >> 4, 2);
}

void aml_number(AcpiTables *t, uint32_t n)
{
    acpi_put_int(t, OP_DWORD, 1);
    acpi_put_int(t, n, 4);
}

void aml_name_number(AcpiTables *t, const char *name, uint32_t n)
{
    acpi_put_int(t, OP_NAME, 1);
    acpi_put(t, name, 4);
    aml_number(t, n);
}

void aml_method(AcpiTables *t, const char *name, unsigned args, unsigned passed, bool returns,
                const char *target, unsigned n)
{
    enum { SERIALIZED = 8 };
    uint32_t at;

    acpi_put_int(t, OP_METHOD, 1);
    at = aml_begin(t);
    acpi_put(t, name, 4);
    acpi_put_int(t, args | SERIALIZED, 1);
    if (returns) {
        acpi_put_int(t, OP_RETURN, 1);
    }
    acpi_put(t, target, 4);
    aml_number(t, n);
    for (unsigned i = 0; i < passed; i++) {
        acpi_put_int(t, OP_ARG0 + i, 1);
    }
    aml_end(t, at);
}

void aml_device_name(AcpiTables *t, char prefix, unsigned n)
{
    g_autofree char *name = g_strdup_printf("%c%03X", prefix, n);

    acpi_put(t, name, 4);
}

void aml_notify(AcpiTables *t, const char *name, char prefix, unsigned count)
{
    uint32_t method, at;

    acpi_put_int(t, OP_METHOD, 1);
    method = aml_begin(t);
    acpi_put(t, name, 4);
    acpi_put_int(t, 2, 1);
    for (unsigned n = 0; n < count; n++) {
        acpi_put_int(t, OP_IF, 1);
        at = aml_begin(t);
        acpi_put_int(t, OP_EQUAL, 1);
        acpi_put_int(t, OP_ARG0, 1);
        aml_number(t, n);
        acpi_put_int(t, OP_NOTIFY, 1);
        aml_device_name(t, prefix, n);
        acpi_put_int(t, OP_ARG0 + 1, 1);
        aml_end(t, at);
    }
    aml_end(t, method);
}
