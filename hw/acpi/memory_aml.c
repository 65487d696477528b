/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The SSDT of memory modules: a device for each slot (ACPI 6.4, 9.11), whose methods are those of
 * memory.asl with its number. */
#include "aml.h"

#define PNP0C80 0x800cd041 /* memory device */

static void put_module(AcpiTables *t, unsigned n)
{
    uint32_t at;

    acpi_put_int(t, OP_DEVICE, 2);
    at = aml_begin(t);
    aml_device_name(t, 'M', n);
    aml_name_number(t, "_HID", PNP0C80);
    aml_name_number(t, "_UID", n);
    aml_method(t, "_STA", 0, 0, true, "MSTA", n);
    aml_method(t, "_CRS", 0, 0, true, "MCRS", n);
    aml_method(t, "_PXM", 0, 0, true, "MPXM", n);
    aml_method(t, "_OST", 3, 3, false, "MOST", n);
    aml_method(t, "_EJ0", 1, 0, false, "MEJ0", n);
    aml_end(t, at);
}

uint32_t acpi_build_memory(AcpiTables *t, const PCMachineState *pc)
{
    unsigned slots = (unsigned)MACHINE(pc)->ram_slots;
    uint32_t start = acpi_begin_table(t, "SSDT", 2), scope;

    acpi_put_int(t, OP_SCOPE, 1);
    scope = aml_begin(t);
    acpi_put(t,
             "\\\x2e"
             "_SB_MHPD",
             10);
    for (unsigned n = 0; n < slots; n++) {
        put_module(t, n);
    }
    aml_notify(t, "MTFY", 'M', slots);
    aml_end(t, scope);
    acpi_end_table(t, start);
    return start;
}
