/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The SSDT of processors: a device for each possible one (ACPI 6.4, 8.4), whose methods are those
 * of cpus.asl with its number. */
#include "aml.h"

/* Its entry in the MADT, as if it were there. */
static void put_mat(AcpiTables *t, uint32_t apic_id, unsigned n)
{
    uint32_t at, size_at, start;

    acpi_put_int(t, OP_NAME, 1);
    acpi_put(t, "_MAT", 4);
    acpi_put_int(t, OP_BUFFER, 1);
    at = aml_begin(t);
    acpi_put_int(t, OP_BYTE, 1);
    size_at = t->blob->len;
    acpi_put_int(t, 0, 1);
    start = t->blob->len;
    acpi_madt_cpu(t, apic_id, n, true);
    acpi_set_int(t, size_at, t->blob->len - start, 1);
    aml_end(t, at);
}

static void put_cpu(AcpiTables *t, uint32_t apic_id, unsigned n)
{
    uint32_t at;

    acpi_put_int(t, OP_DEVICE, 2);
    at = aml_begin(t);
    aml_device_name(t, 'C', n);
    acpi_put_int(t, OP_NAME, 1);
    acpi_put(t,
             "_HID\x0d"
             "ACPI0007",
             14);
    aml_name_number(t, "_UID", n);
    aml_method(t, "_STA", 0, 0, true, "CSTA", n);
    aml_method(t, "_OST", 3, 3, false, "COST", n);
    if (n) {
        aml_method(t, "_EJ0", 1, 0, false, "CEJ0", n);
    }
    put_mat(t, apic_id, n);
    aml_end(t, at);
}

uint32_t acpi_build_cpus(AcpiTables *t, const PCMachineState *pc)
{
    const SMPConfig *smp = &MACHINE(pc)->smp;
    uint32_t start = acpi_begin_table(t, "SSDT", 2), scope;

    acpi_put_int(t, OP_SCOPE, 1);
    scope = aml_begin(t);
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
    aml_notify(t, "CTFY", 'C', smp->max_cpus);
    aml_end(t, scope);
    acpi_end_table(t, start);
    return start;
}
