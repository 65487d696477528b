/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The SSDT of processors: a device for each possible one (ACPI 6.4, 8.4), whose methods are those
 * of cpus.asl with its number. */
#include "build.h"

enum { OP_NAME = 0x08, OP_SCOPE = 0x10, OP_BUFFER = 0x11, OP_METHOD = 0x14, OP_DWORD = 0x0c };
enum { OP_DEVICE = 0x825b, OP_RETURN = 0xa4, OP_IF = 0xa0, OP_EQUAL = 0x93, OP_NOTIFY = 0x86 };
enum { OP_ARG0 = 0x68, OP_BYTE = 0x0a };

static uint32_t begin_package(AcpiTables *t)
{
    uint32_t at = t->blob->len;

    acpi_put_int(t, 0, 3);
    return at;
}

/* Three bytes of length: four bits in the first, eight in each of the others. */
static void end_package(AcpiTables *t, uint32_t at)
{
    uint32_t n = t->blob->len - at;

    acpi_set_int(t, at, 0x80 | (n & 0xf), 1);
    acpi_set_int(t, at + 1, n >> 4, 2);
}

static void put_number(AcpiTables *t, uint32_t n)
{
    acpi_put_int(t, OP_DWORD, 1);
    acpi_put_int(t, n, 4);
}

/* Method (NAME, args) { [Return] (TARGET (n, Arg0, ...)) } */
static void put_method(AcpiTables *t, const char *name, unsigned args, bool returns,
                       const char *target, unsigned n)
{
    enum { SERIALIZED = 8 };
    uint32_t at;

    acpi_put_int(t, OP_METHOD, 1);
    at = begin_package(t);
    acpi_put(t, name, 4);
    acpi_put_int(t, args | SERIALIZED, 1);
    if (returns) {
        acpi_put_int(t, OP_RETURN, 1);
    }
    acpi_put(t, target, 4);
    put_number(t, n);
    for (unsigned i = 0; i < args && strcmp(target, "CEJ0"); i++) {
        acpi_put_int(t, OP_ARG0 + i, 1);
    }
    end_package(t, at);
}

/* Its entry in the MADT, as if it were there. */
static void put_mat(AcpiTables *t, uint32_t apic_id, unsigned n)
{
    uint32_t at, size_at, start;

    acpi_put_int(t, OP_NAME, 1);
    acpi_put(t, "_MAT", 4);
    acpi_put_int(t, OP_BUFFER, 1);
    at = begin_package(t);
    acpi_put_int(t, OP_BYTE, 1);
    size_at = t->blob->len;
    acpi_put_int(t, 0, 1);
    start = t->blob->len;
    acpi_madt_cpu(t, apic_id, n, true);
    acpi_set_int(t, size_at, t->blob->len - start, 1);
    end_package(t, at);
}

static void put_cpu_name(AcpiTables *t, unsigned n)
{
    g_autofree char *name = g_strdup_printf("C%03X", n);

    acpi_put(t, name, 4);
}

static void put_cpu(AcpiTables *t, uint32_t apic_id, unsigned n)
{
    uint32_t at;

    acpi_put_int(t, OP_DEVICE, 2);
    at = begin_package(t);
    put_cpu_name(t, n);
    acpi_put_int(t, OP_NAME, 1);
    acpi_put(t,
             "_HID\x0d"
             "ACPI0007",
             14);
    acpi_put_int(t, OP_NAME, 1);
    acpi_put(t, "_UID", 4);
    put_number(t, n);
    put_method(t, "_STA", 0, true, "CSTA", n);
    put_method(t, "_OST", 3, false, "COST", n);
    if (n) {
        put_method(t, "_EJ0", 1, false, "CEJ0", n);
    }
    put_mat(t, apic_id, n);
    end_package(t, at);
}

/* Method (CTFY, 2): Notify (processor Arg0, Arg1). */
static void put_notify(AcpiTables *t, unsigned count)
{
    uint32_t method, at;

    acpi_put_int(t, OP_METHOD, 1);
    method = begin_package(t);
    acpi_put(t, "CTFY", 4);
    acpi_put_int(t, 2, 1);
    for (unsigned n = 0; n < count; n++) {
        acpi_put_int(t, OP_IF, 1);
        at = begin_package(t);
        acpi_put_int(t, OP_EQUAL, 1);
        acpi_put_int(t, OP_ARG0, 1);
        put_number(t, n);
        acpi_put_int(t, OP_NOTIFY, 1);
        put_cpu_name(t, n);
        acpi_put_int(t, OP_ARG0 + 1, 1);
        end_package(t, at);
    }
    end_package(t, method);
}

uint32_t acpi_build_cpus(AcpiTables *t, const PCMachineState *pc)
{
    const SMPConfig *smp = &MACHINE(pc)->smp;
    uint32_t start = acpi_begin_table(t, "SSDT", 2), scope;

    acpi_put_int(t, OP_SCOPE, 1);
    scope = begin_package(t);
    acpi_put(t,
             "\\\x2e"
             "_SB_CPUS",
             10);
    for (unsigned n = 0; n < smp->max_cpus; n++) {
        CPUTopoIds ids;
        uint32_t apic_id;

        machine_cpu_topo(smp, n, &ids, &apic_id);
        put_cpu(t, apic_id, n);
    }
    put_notify(t, smp->max_cpus);
    end_package(t, scope);
    acpi_end_table(t, start);
    return start;
}
