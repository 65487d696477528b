/* SPDX-License-Identifier: GPL-2.0-or-later */
/* AML that is generated (ACPI 6.4, chapter 20): the pieces that the SSDTs of processors and memory
 * share. */
#ifndef HW_ACPI_AML_H
#define HW_ACPI_AML_H

#include "build.h"

enum { OP_NAME = 0x08, OP_BYTE = 0x0a, OP_DWORD = 0x0c, OP_SCOPE = 0x10, OP_BUFFER = 0x11 };
enum { OP_METHOD = 0x14, OP_ARG0 = 0x68, OP_NOTIFY = 0x86, OP_EQUAL = 0x93, OP_IF = 0xa0 };
enum { OP_RETURN = 0xa4, OP_DEVICE = 0x825b };

/* What is put between the two has a length in front. */
uint32_t aml_begin(AcpiTables *t);
void aml_end(AcpiTables *t, uint32_t at);
/* An integer of 32 bits. */
void aml_number(AcpiTables *t, uint32_t n);
/* Name (NAME, n). */
void aml_name_number(AcpiTables *t, const char *name, uint32_t n);
/* Method (NAME, args) { [Return] (TARGET (n, Arg0, ...)) }, where the first "passed" arguments are
 * passed on. */
void aml_method(AcpiTables *t, const char *name, unsigned args, unsigned passed, bool returns,
                const char *target, unsigned n);
/* Method (NAME, 2): Notify (device Arg0, Arg1), where the name of device n is prefix and n in three
 * hexadecimal digits. */
void aml_notify(AcpiTables *t, const char *name, char prefix, unsigned count);
void aml_device_name(AcpiTables *t, char prefix, unsigned n);

#endif
