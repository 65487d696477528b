/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The board's ACPI tables (ACPI 6.4, chapter 5): DSDT as compiled from the board's .asl file, an
 * SSDT with this machine's integers, FADT, FACS, MADT, MCFG, WAET, RSDT and XSDT.
 */
#include "build.h"

#include "hw/acpi/vmgenid.h"
#include "hw/block/fdc.h"
#include "hw/i386/pc.h"
#include "hw/intc/ioapic.h"
#include "hw/rtc/mc146818.h"
#include "hw/timer/hpet.h"

#define VMGENID_PAGE 4096
#define VMGENID_OFFSET 40
#define FADT_SIZE 244

/* Name (\_Sn, Package (4) {type, type, 0, 0}) where the state is offered. */
static void aml_sleep_state(AcpiTables *t, const char *name, uint8_t type, bool off)
{
    enum { NAME_OP = 0x08, PACKAGE_OP = 0x12, BYTE_PREFIX = 0x0a };
    const uint8_t package[] = {PACKAGE_OP, 8, 4, BYTE_PREFIX, type, BYTE_PREFIX, type, 0, 0};

    if (!off) {
        acpi_put_int(t, NAME_OP, 1);
        acpi_put(t, name, 4);
        acpi_put(t, package, sizeof(package));
    }
}

/* The generation's GUID has a page of its own in the blob, 40 bytes from its start; 0: there is
 * none. */
uint32_t acpi_build_vmgenid(AcpiTables *t)
{
    uint8_t guid[16];
    uint32_t start;

    if (!vmgenid_get(guid)) {
        return 0;
    }
    acpi_align(t, VMGENID_PAGE);
    start = t->blob->len;
    while (t->blob->len < start + VMGENID_OFFSET) {
        acpi_put_int(t, 0, 1);
    }
    acpi_put(t, guid, sizeof(guid));
    acpi_align(t, VMGENID_PAGE);
    t->alignment = VMGENID_PAGE;
    return start + VMGENID_OFFSET;
}

/* Port of the pvpanic device, 0: there is none, or the tables cannot say which. */
uint16_t acpi_pvpanic_port(void)
{
    Object *obj = object_resolve_path_type("", "pvpanic", NULL);

    return obj ? object_property_get_uint(obj, "ioport", NULL) : 0;
}

/* Which of the other port devices exist, as bits of PDEV. */
static unsigned port_devices(void)
{
    static const char *const types[] = {"i8042", "i8042", "isa-fdc", "isa-parallel"};
    unsigned mask = 0;

    for (unsigned n = 0; n < G_N_ELEMENTS(types); n++) {
        bool several;

        mask |= object_resolve_path_type("", types[n], &several) || several ? BIT(n) : 0;
    }
    return mask;
}

static bool note_serial(Object *child, void *opaque)
{
    if (object_is_a(child, "isa-serial")) {
        uint64_t index = object_property_get_uint(child, "index", NULL);

        *(unsigned *)opaque |= index < 4 ? BIT(index) : 0;
    }
    return true;
}

unsigned acpi_serial_ports(void)
{
    unsigned mask = 0;

    object_child_foreach_recursive(object_get_root(), note_serial, &mask);
    return mask;
}

static uint32_t build_ssdt(AcpiTables *t, const PCMachineState *pc, uint32_t genid)
{
    uint32_t start = acpi_begin_table(t, "SSDT", 2);
    FloppyType floppies[FDC_DRIVES];
    PCWindows w;

    pc_pci_windows(pc, &w);
    acpi_aml_name(t, "WLOB", w.lo_base);
    acpi_aml_name(t, "WLOL", w.lo_end - w.lo_base);
    acpi_aml_name(t, "WMIB", w.mid_base);
    acpi_aml_name(t, "WMIL", w.mid_end - w.mid_base);
    acpi_aml_name(t, "WHIB", w.high_base);
    acpi_aml_name(t, "WHIL", w.high_end - w.high_base);
    acpi_aml_name(t, "MSLT", MACHINE(pc)->ram_slots);
    acpi_aml_name(t, "PCOM", acpi_serial_ports());
    acpi_aml_name(t, "PPAN", acpi_pvpanic_port());
    acpi_aml_name(t, "PHPT", pc->hpet);
    acpi_aml_name(t, "PDEV", port_devices());
    isa_fdc_drive_types(floppies);
    acpi_aml_name(t, "PFLA", floppy_cmos_type(floppies[0]));
    acpi_aml_name(t, "PFLB", floppy_cmos_type(floppies[1]));
    aml_sleep_state(t, "_S3_", SLP_TYP_S3, pc->pm->disable_s3);
    aml_sleep_state(t, "_S4_", SLP_TYP_S4, pc->pm->disable_s4);
    acpi_aml_name(t, "VGIA", 0);
    if (genid) {
        acpi_add_pointer(t, t->blob->len - 8, 8, genid);
    }
    acpi_end_table(t, start);
    return start;
}

/* Generic address: I/O space, width in bits, access size code, address. */
static void set_gas(AcpiTables *t, uint32_t at, uint8_t bits, uint8_t access, uint64_t addr)
{
    acpi_set_int(t, at, addr ? 1 : 0, 1);
    acpi_set_int(t, at + 1, addr ? bits : 0, 1);
    acpi_set_int(t, at + 2, 0, 1);
    acpi_set_int(t, at + 3, addr ? access : 0, 1);
    acpi_set_int(t, at + 4, addr, 8);
}

/* ACPI 6.4, 5.2.9; offsets are the table's. */
static uint32_t build_fadt(AcpiTables *t, const PCMachineState *pc, uint32_t facs, uint32_t dsdt)
{
    enum {
        WBINVD = BIT(0),
        PROC_C1 = BIT(2),
        SLP_BUTTON = BIT(5),
        RTC_S4 = BIT(7),
        RESET_REG_SUP = BIT(10),
        USE_PLATFORM_CLOCK = BIT(15),
        LEGACY_DEVICES = BIT(0), /* of the boot architecture */
        HAS_8042 = BIT(1)
    };
    const PCBoard *b = t->board;
    const AcpiPMModel *model = pc->pm->model;
    uint32_t s = acpi_begin_table(t, "FACP", 3);

    while (t->blob->len < s + FADT_SIZE) {
        acpi_put_int(t, 0, 1);
    }
    acpi_add_pointer(t, s + 36, 4, facs);
    acpi_add_pointer(t, s + 40, 4, dsdt);
    acpi_set_int(t, s + 46, b->sci_irq, 2);
    acpi_set_int(t, s + 48, 0xb2, 4);                /* SMI_CMD */
    acpi_set_int(t, s + 52, model->acpi_enable, 1);  /* ACPI_ENABLE */
    acpi_set_int(t, s + 53, model->acpi_disable, 1); /* ACPI_DISABLE */
    acpi_set_int(t, s + 56, b->pm_base, 4);          /* PM1a_EVT */
    acpi_set_int(t, s + 64, b->pm_base + 4, 4);      /* PM1a_CNT */
    acpi_set_int(t, s + 76, b->pm_base + 8, 4);      /* PM_TMR */
    acpi_set_int(t, s + 80, b->gpe_base, 4);         /* GPE0 */
    acpi_set_int(t, s + 88, 4, 1);                   /* PM1_EVT_LEN */
    acpi_set_int(t, s + 89, 2, 1);                   /* PM1_CNT_LEN */
    acpi_set_int(t, s + 91, 4, 1);                   /* PM_TMR_LEN */
    acpi_set_int(t, s + 92, model->gpe_len, 1);      /* GPE0_LEN */
    acpi_set_int(t, s + 96, 0xfff, 2);               /* C2 and C3 are not supported */
    acpi_set_int(t, s + 98, 0xfff, 2);
    acpi_set_int(t, s + 108, RTC_CENTURY, 1);
    acpi_set_int(t, s + 109, LEGACY_DEVICES | (pc->kbd ? HAS_8042 : 0), 2);
    acpi_set_int(t, s + 112,
                 WBINVD | PROC_C1 | SLP_BUTTON | RTC_S4 | RESET_REG_SUP | USE_PLATFORM_CLOCK, 4);
    set_gas(t, s + 116, 8, 1, 0xcf9);
    acpi_set_int(t, s + 128, 0x0f, 1); /* value that resets */
    acpi_add_pointer(t, s + 132, 8, facs);
    acpi_add_pointer(t, s + 140, 8, dsdt);
    set_gas(t, s + 148, 32, 2, b->pm_base);
    set_gas(t, s + 172, 16, 2, b->pm_base + 4);
    set_gas(t, s + 208, 32, 3, b->pm_base + 8);
    set_gas(t, s + 220, model->gpe_len * 8, 1, b->gpe_base);
    acpi_end_table(t, s);
    return s;
}

/* ACPI 6.4, 5.2.12. */
static uint32_t build_madt(AcpiTables *t, const PCMachineState *pc)
{
    enum { PCAT_COMPAT = 1, HIGH_LEVEL = 0xd };
    uint32_t s = acpi_begin_table(t, "APIC", 3);

    acpi_put_int(t, 0xfee00000, 4);
    acpi_put_int(t, pc->gsi.pic_state ? PCAT_COMPAT : 0, 4);
    acpi_madt_cpus(t, pc);
    acpi_madt_ioapic(t, 0, IOAPIC_DEFAULT_ADDRESS, 0);
    acpi_madt_override(t, 0, 2, 0);
    acpi_madt_override(t, 5, 5, HIGH_LEVEL);
    acpi_madt_override(t, t->board->sci_irq, t->board->sci_irq, HIGH_LEVEL);
    acpi_madt_override(t, 10, 10, HIGH_LEVEL);
    acpi_madt_override(t, 11, 11, HIGH_LEVEL);
    acpi_madt_nmi(t);
    acpi_end_table(t, s);
    return s;
}

/* PCI Firmware Specification 3.2, 4.1.2. */
uint32_t acpi_build_mcfg(AcpiTables *t)
{
    uint32_t s = acpi_begin_table(t, "MCFG", 1);

    acpi_put_int(t, 0, 8);
    acpi_put_int(t, t->board->ecam_base, 8);
    acpi_put_int(t, 0, 2); /* segment */
    acpi_put_int(t, 0, 1); /* first bus, last bus */
    acpi_put_int(t, 255, 1);
    acpi_put_int(t, 0, 4);
    acpi_end_table(t, s);
    return s;
}

/* HPET's address (IA-PC HPET specification 1.0a, 3.2.4). */
static uint32_t build_hpet(AcpiTables *t, const PCMachineState *pc)
{
    uint32_t s = acpi_begin_table(t, "HPET", 1), at;
    uint64_t id = 0;

    address_space_load(&address_space_memory, HPET_BASE, 4, &id, MEMTXATTRS_UNSPECIFIED);
    acpi_put_int(t, id, 4);
    at = t->blob->len;
    acpi_put_int(t, 0, 4);
    acpi_put_int(t, HPET_BASE, 8);
    acpi_set_int(t, at, 0, 1); /* memory, 64 bits */
    acpi_set_int(t, at + 1, 64, 1);
    acpi_put_int(t, 0, 1);   /* number */
    acpi_put_int(t, 100, 2); /* shortest period in ticks without lost interrupts */
    acpi_put_int(t, 0, 1);
    acpi_end_table(t, s);
    return s;
}

AcpiTables *acpi_tables_build(const PCMachineState *pc)
{
    AcpiTables *t = acpi_tables_new(pc);
    uint32_t list[8], facs, dsdt, genid;
    unsigned n = 0;

    facs = t->facs = acpi_build_facs(t);
    dsdt = acpi_build_dsdt(t);
    list[n++] = build_fadt(t, pc, facs, dsdt);
    list[n++] = build_madt(t, pc);
    if (pc->board->ecam_size) {
        list[n++] = acpi_build_mcfg(t);
    }
    if (pc->hpet) {
        list[n++] = build_hpet(t, pc);
    }
    list[n++] = acpi_build_waet(t);
    genid = acpi_build_vmgenid(t);
    list[n++] = build_ssdt(t, pc, genid);
    if (pc->cpu_hotplug && MACHINE(pc)->smp.max_cpus > 1) {
        list[n++] = acpi_build_cpus(t, pc);
    }
    if (pc->memory_hotplug) {
        list[n++] = acpi_build_memory(t, pc);
    }
    g_assert(n <= G_N_ELEMENTS(list));
    t->rsdt = acpi_build_root(t, "RSDT", 4, list, n);
    t->xsdt = acpi_build_root(t, "XSDT", 8, list, n);
    return t;
}
