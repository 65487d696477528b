/* SPDX-License-Identifier: GPL-2.0-or-later */
/* microvm's ACPI tables: hardware-reduced (ACPI 6.4, 3.11.1), each virtio transport a device. */
#include "build.h"

#include "hw/acpi/ged.h"
#include "hw/i386/microvm.h"
#include "hw/intc/ioapic.h"

/* --- FADT: no fixed hardware ----------------------------------------------------------------- */

static void set_gas(AcpiTables *t, uint32_t at, uint64_t addr)
{
    enum { SYSTEM_MEMORY = 0, BYTE_ACCESS = 1 };

    acpi_set_int(t, at, SYSTEM_MEMORY, 1);
    acpi_set_int(t, at + 1, 8, 1);
    acpi_set_int(t, at + 3, BYTE_ACCESS, 1);
    acpi_set_int(t, at + 4, addr, 8);
}

static uint32_t build_fadt(AcpiTables *t, const MicrovmMachineState *m, uint32_t dsdt)
{
    enum { SIZE = 276, REVISION = 6, MINOR = 0 };
    enum { RESET_REG_SUP = BIT(10), HW_REDUCED = BIT(20) };
    enum { LEGACY_DEVICES = BIT(0), NO_VGA = BIT(2), NO_RTC = BIT(5) }; /* boot architecture */
    const PCMachineState *pc = &m->parent_obj;
    unsigned boot = NO_VGA | (m->isa_serial ? LEGACY_DEVICES : 0) | (pc->rtc ? 0 : NO_RTC);
    uint32_t s = acpi_begin_table(t, "FACP", REVISION);

    while (t->blob->len < s + SIZE) {
        acpi_put_int(t, 0, 1);
    }
    acpi_add_pointer(t, s + 40, 4, dsdt);
    acpi_set_int(t, s + 109, boot, 2);
    acpi_set_int(t, s + 112, RESET_REG_SUP | HW_REDUCED, 4);
    set_gas(t, s + 116, MICROVM_GED_REGS + 2);
    acpi_set_int(t, s + 128, GED_RESET_VALUE, 1);
    acpi_set_int(t, s + 131, MINOR, 1);
    acpi_add_pointer(t, s + 140, 8, dsdt);
    set_gas(t, s + 244, MICROVM_GED_REGS);     /* sleep control */
    set_gas(t, s + 256, MICROVM_GED_REGS + 1); /* sleep status */
    acpi_end_table(t, s);
    return s;
}

/* --- MADT, MCFG ------------------------------------------------------------------------------ */

static uint32_t build_madt(AcpiTables *t, const MicrovmMachineState *m)
{
    enum { PCAT_COMPAT = 1 };
    const PCMachineState *pc = &m->parent_obj;
    uint32_t s = acpi_begin_table(t, "APIC", 3);

    acpi_put_int(t, 0xfee00000, 4);
    acpi_put_int(t, pc->gsi.pic_state ? PCAT_COMPAT : 0, 4);
    acpi_madt_cpus(t, pc);
    acpi_madt_ioapic(t, 0, IOAPIC_DEFAULT_ADDRESS, 0);
    if (m->ioapic2_dev) {
        acpi_madt_ioapic(t, 1, MICROVM_IOAPIC2, IOAPIC_NUM_PINS);
    }
    acpi_madt_override(t, 0, 2, 0);
    acpi_madt_nmi(t);
    acpi_end_table(t, s);
    return s;
}

/* --- DSDT and SSDT: what this machine has ---------------------------------------------------- */

/* A package's length, which counts itself: two bytes up to 4095 (ACPI 6.4, 20.2.4). */
static void put_pkg_length(AcpiTables *t, unsigned content)
{
    unsigned n = content + 2;

    acpi_put_int(t, 0x40 | (n & 0xf), 1);
    acpi_put_int(t, n >> 4, 1);
}

/* Device (VRnn): its page and its line, level-triggered. */
static void put_transport(AcpiTables *t, const MicrovmMachineState *m, unsigned n)
{
    enum { DEVICE = 0x825b, NAME = 0x08, BUFFER = 0x11, STRING = 0x0d, BYTE = 0x0a, ONE = 0x01 };
    enum { MEMORY32_FIXED = 0x86, INTERRUPT = 0x89, END_TAG = 0x79, RESOURCES = 23 };
    enum { NAME_SIZE = 4, HID = 15, UID = 7, CCA = 6, CRS = 5 + 5 + RESOURCES };
    enum { READ_WRITE = 1, CONSUMER_LEVEL_HIGH = 1 };
    g_autofree char *name = g_strdup_printf("VR%02u", n);

    acpi_put_int(t, DEVICE, 2);
    put_pkg_length(t, NAME_SIZE + HID + UID + CCA + CRS);
    acpi_put(t, name, NAME_SIZE);
    acpi_put_int(t, NAME, 1);
    acpi_put(t, "_HID\x0dLNRO0005", 14);
    acpi_put_int(t, NAME, 1);
    acpi_put(t, "_UID", 4);
    acpi_put_int(t, BYTE, 1);
    acpi_put_int(t, n, 1);
    acpi_put_int(t, NAME, 1);
    acpi_put(t, "_CCA", 4);
    acpi_put_int(t, ONE, 1);
    acpi_put_int(t, NAME, 1);
    acpi_put(t, "_CRS", 4);
    acpi_put_int(t, BUFFER, 1);
    put_pkg_length(t, 2 + RESOURCES);
    acpi_put_int(t, BYTE, 1);
    acpi_put_int(t, RESOURCES, 1);
    acpi_put_int(t, MEMORY32_FIXED, 1);
    acpi_put_int(t, 9, 2);
    acpi_put_int(t, READ_WRITE, 1);
    acpi_put_int(t, microvm_transport_base(n), 4);
    acpi_put_int(t, VIRTIO_MMIO_SIZE, 4);
    acpi_put_int(t, INTERRUPT, 1);
    acpi_put_int(t, 6, 2);
    acpi_put_int(t, CONSUMER_LEVEL_HIGH, 1);
    acpi_put_int(t, 1, 1);
    acpi_put_int(t, m->virtio_irq_base + n, 4);
    acpi_put_int(t, END_TAG, 2);
}

/* The compiled one, and the transports: firmware looks for those in this table only. */
static uint32_t build_dsdt(AcpiTables *t, const MicrovmMachineState *m)
{
    enum { SCOPE = 0x10 };
    const PCBoard *board = t->board;
    uint32_t start, scope, length;

    acpi_align(t, 16);
    start = t->blob->len;
    acpi_put(t, board->dsdt, board->dsdt_size);
    acpi_put_int(t, SCOPE, 1);
    scope = t->blob->len;
    put_pkg_length(t, 0);
    acpi_put(t, "_SB_", 4);
    for (unsigned n = 0; n < m->num_transports; n++) {
        if (virtio_mmio_backend(m->transports[n])) {
            put_transport(t, m, n);
        }
    }
    length = t->blob->len - scope;
    acpi_set_int(t, scope, 0x40 | (length & 0xf), 1);
    acpi_set_int(t, scope + 1, length >> 4, 1);
    acpi_end_table(t, start);
    return start;
}

static uint32_t build_ssdt(AcpiTables *t, const MicrovmMachineState *m, uint32_t genid)
{
    const PCMachineState *pc = &m->parent_obj;
    uint32_t start = acpi_begin_table(t, "SSDT", 2);
    PCWindows w;

    pc_pci_windows(pc, &w);
    acpi_aml_name(t, "PCOM", acpi_serial_ports());
    acpi_aml_name(t, "PRTC", pc->rtc != NULL);
    acpi_aml_name(t, "PPCI", pc->host != NULL);
    acpi_aml_name(t, "PIRB", MICROVM_PCIE_IRQ);
    acpi_aml_name(t, "WLOB", MICROVM_PCIE_MMIO);
    acpi_aml_name(t, "WLOL", MICROVM_PCIE_MMIO_SIZE);
    acpi_aml_name(t, "WHIB", w.high_base);
    acpi_aml_name(t, "WHIL", w.high_end - w.high_base);
    acpi_aml_name(t, "VGIA", 0);
    if (genid) {
        acpi_add_pointer(t, t->blob->len - 8, 8, genid);
    }
    acpi_end_table(t, start);
    return start;
}

AcpiTables *acpi_microvm_build(const PCMachineState *pc)
{
    const MicrovmMachineState *m = (const MicrovmMachineState *)pc;
    AcpiTables *t = acpi_tables_new(pc);
    uint32_t list[4], dsdt, genid;
    unsigned n = 0;

    dsdt = build_dsdt(t, m);
    list[n++] = build_fadt(t, m, dsdt);
    list[n++] = build_madt(t, m);
    if (pc->host) {
        list[n++] = acpi_build_mcfg(t);
    }
    genid = acpi_build_vmgenid(t);
    list[n++] = build_ssdt(t, m, genid);
    g_assert(n <= G_N_ELEMENTS(list));
    t->rsdt = acpi_build_root(t, "RSDT", 4, list, n);
    t->xsdt = acpi_build_root(t, "XSDT", 8, list, n);
    return t;
}
