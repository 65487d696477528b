/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The board's ACPI tables (ACPI 6.4, chapter 5): DSDT as compiled from the board's .asl file, an
 * SSDT with this machine's integers, FADT, FACS, MADT, MCFG, WAET, RSDT and XSDT.
 */
#include "hw/acpi/tables.h"

#include "hw/acpi/vmgenid.h"
#include "hw/i386/pc.h"
#include "hw/intc/ioapic.h"
#include "hw/rtc/mc146818.h"
#include "hw/timer/hpet.h"

#define VMGENID_PAGE 4096
#define VMGENID_OFFSET 40
#define HEADER_SIZE 36
#define CHECKSUM_AT 9
#define FADT_SIZE 244

/* --- bytes
 * -------------------------------------------------------------------------------------------- */

static void put(AcpiTables *t, const void *data, size_t n)
{
    g_byte_array_append(t->blob, data, n);
}

static void put_int(AcpiTables *t, uint64_t v, unsigned size)
{
    put(t, &v, size); /* little-endian, as the host */
}

static void set_int(AcpiTables *t, uint32_t at, uint64_t v, unsigned size)
{
    memcpy(t->blob->data + at, &v, size);
}

static void align_to(AcpiTables *t, unsigned alignment)
{
    while (t->blob->len % alignment) {
        put_int(t, 0, 1);
    }
}

/* --- tables
 * ------------------------------------------------------------------------------------------- */

static uint32_t begin_table(AcpiTables *t, const char *signature, uint8_t revision)
{
    uint32_t start;

    align_to(t, 16);
    start = t->blob->len;
    put(t, signature, 4);
    put_int(t, 0, 4); /* length */
    put_int(t, revision, 1);
    put_int(t, 0, 1); /* checksum */
    put(t, "IOREGN", 6);
    put(t, t->board->acpi_name, 8);
    put_int(t, 1, 4);
    put(t, "IORG", 4);
    put_int(t, 1, 4);
    return start;
}

static void end_table(AcpiTables *t, uint32_t start)
{
    AcpiChecksum c = {start, t->blob->len - start, start + CHECKSUM_AT};

    set_int(t, start + 4, c.length, 4);
    set_int(t, c.at, 0, 1);
    g_array_append_val(t->checksums, c);
}

static void add_pointer(AcpiTables *t, uint32_t at, uint8_t size, uint32_t target)
{
    AcpiPointer p = {at, size};

    set_int(t, at, target, size);
    g_array_append_val(t->pointers, p);
}

static uint32_t build_facs(AcpiTables *t)
{
    uint32_t start;

    align_to(t, 64);
    start = t->blob->len;
    put(t, "FACS", 4);
    put_int(t, 64, 4);
    for (int n = 0; n < 7; n++) {
        put_int(t, 0, 8);
    }
    return start;
}

static uint32_t build_dsdt(AcpiTables *t)
{
    uint32_t size = t->board->dsdt_size;
    uint32_t start;
    AcpiChecksum c;

    align_to(t, 16);
    start = t->blob->len;
    put(t, t->board->dsdt, size);
    c = (AcpiChecksum){start, size, start + CHECKSUM_AT};
    set_int(t, c.at, 0, 1);
    g_array_append_val(t->checksums, c);
    return start;
}

/* Name (NAME, integer) in the root scope. */
static void aml_name(AcpiTables *t, const char *name, uint64_t v)
{
    enum { NAME_OP = 0x08, QWORD_PREFIX = 0x0e };

    put_int(t, NAME_OP, 1);
    put(t, name, 4);
    put_int(t, QWORD_PREFIX, 1);
    put_int(t, v, 8);
}

/* Name (\_Sn, Package (4) {type, type, 0, 0}) where the state is offered. */
static void aml_sleep_state(AcpiTables *t, const char *name, uint8_t type, bool off)
{
    enum { NAME_OP = 0x08, PACKAGE_OP = 0x12, BYTE_PREFIX = 0x0a };
    const uint8_t package[] = {PACKAGE_OP, 8, 4, BYTE_PREFIX, type, BYTE_PREFIX, type, 0, 0};

    if (!off) {
        put_int(t, NAME_OP, 1);
        put(t, name, 4);
        put(t, package, sizeof(package));
    }
}

/* The generation's GUID has a page of its own in the blob, 40 bytes from its start; 0: there is
 * none. */
static uint32_t build_vmgenid(AcpiTables *t)
{
    uint8_t guid[16];
    uint32_t start;

    if (!vmgenid_get(guid)) {
        return 0;
    }
    align_to(t, VMGENID_PAGE);
    start = t->blob->len;
    while (t->blob->len < start + VMGENID_OFFSET) {
        put_int(t, 0, 1);
    }
    put(t, guid, sizeof(guid));
    align_to(t, VMGENID_PAGE);
    t->alignment = VMGENID_PAGE;
    return start + VMGENID_OFFSET;
}

/* Port of the pvpanic device, 0: there is none, or the tables cannot say which. */
static uint16_t pvpanic_port(void)
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

static unsigned serial_ports(void)
{
    unsigned mask = 0;

    for (int n = 0; n < 4; n++) {
        mask |= serial_hd(n) ? BIT(n) : 0;
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

static uint32_t build_ssdt(AcpiTables *t, const PCMachineState *pc, uint32_t genid)
{
    uint32_t start = begin_table(t, "SSDT", 2);
    unsigned serials = serial_ports();
    PCWindows w;

    object_child_foreach_recursive(object_get_root(), note_serial, &serials);
    pc_pci_windows(pc, &w);
    aml_name(t, "WLOB", w.lo_base);
    aml_name(t, "WLOL", w.lo_end - w.lo_base);
    aml_name(t, "WMIB", w.mid_base);
    aml_name(t, "WMIL", w.mid_end - w.mid_base);
    aml_name(t, "WHIB", w.high_base);
    aml_name(t, "WHIL", w.high_end - w.high_base);
    aml_name(t, "PCOM", serials);
    aml_name(t, "PPAN", pvpanic_port());
    aml_name(t, "PHPT", pc->hpet);
    aml_name(t, "PDEV", port_devices());
    aml_sleep_state(t, "_S3_", SLP_TYP_S3, pc->pm->disable_s3);
    aml_sleep_state(t, "_S4_", SLP_TYP_S4, pc->pm->disable_s4);
    aml_name(t, "VGIA", 0);
    if (genid) {
        add_pointer(t, t->blob->len - 8, 8, genid);
    }
    end_table(t, start);
    return start;
}

/* Generic address: I/O space, width in bits, access size code, address. */
static void set_gas(AcpiTables *t, uint32_t at, uint8_t bits, uint8_t access, uint64_t addr)
{
    set_int(t, at, addr ? 1 : 0, 1);
    set_int(t, at + 1, addr ? bits : 0, 1);
    set_int(t, at + 2, 0, 1);
    set_int(t, at + 3, addr ? access : 0, 1);
    set_int(t, at + 4, addr, 8);
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
    uint32_t s = begin_table(t, "FACP", 3);

    while (t->blob->len < s + FADT_SIZE) {
        put_int(t, 0, 1);
    }
    add_pointer(t, s + 36, 4, facs);
    add_pointer(t, s + 40, 4, dsdt);
    set_int(t, s + 46, b->sci_irq, 2);
    set_int(t, s + 48, 0xb2, 4);                /* SMI_CMD */
    set_int(t, s + 52, model->acpi_enable, 1);  /* ACPI_ENABLE */
    set_int(t, s + 53, model->acpi_disable, 1); /* ACPI_DISABLE */
    set_int(t, s + 56, b->pm_base, 4);          /* PM1a_EVT */
    set_int(t, s + 64, b->pm_base + 4, 4);      /* PM1a_CNT */
    set_int(t, s + 76, b->pm_base + 8, 4);      /* PM_TMR */
    set_int(t, s + 80, b->gpe_base, 4);         /* GPE0 */
    set_int(t, s + 88, 4, 1);                   /* PM1_EVT_LEN */
    set_int(t, s + 89, 2, 1);                   /* PM1_CNT_LEN */
    set_int(t, s + 91, 4, 1);                   /* PM_TMR_LEN */
    set_int(t, s + 92, model->gpe_len, 1);      /* GPE0_LEN */
    set_int(t, s + 96, 0xfff, 2);               /* C2 and C3 are not supported */
    set_int(t, s + 98, 0xfff, 2);
    set_int(t, s + 108, RTC_CENTURY, 1);
    set_int(t, s + 109, LEGACY_DEVICES | (pc->kbd ? HAS_8042 : 0), 2);
    set_int(t, s + 112, WBINVD | PROC_C1 | SLP_BUTTON | RTC_S4 | RESET_REG_SUP | USE_PLATFORM_CLOCK,
            4);
    set_gas(t, s + 116, 8, 1, 0xcf9);
    set_int(t, s + 128, 0x0f, 1); /* value that resets */
    add_pointer(t, s + 132, 8, facs);
    add_pointer(t, s + 140, 8, dsdt);
    set_gas(t, s + 148, 32, 2, b->pm_base);
    set_gas(t, s + 172, 16, 2, b->pm_base + 4);
    set_gas(t, s + 208, 32, 3, b->pm_base + 8);
    set_gas(t, s + 220, model->gpe_len * 8, 1, b->gpe_base);
    end_table(t, s);
    return s;
}

static void madt_cpu(AcpiTables *t, uint32_t apic_id, unsigned uid)
{
    if (apic_id < 255) {
        put_int(t, 0, 1); /* processor local APIC */
        put_int(t, 8, 1);
        put_int(t, uid, 1);
        put_int(t, apic_id, 1);
        put_int(t, 1, 4);
    } else {
        put_int(t, 9, 1); /* local x2APIC */
        put_int(t, 16, 1);
        put_int(t, 0, 2);
        put_int(t, apic_id, 4);
        put_int(t, 1, 4);
        put_int(t, uid, 4);
    }
}

static void madt_override(AcpiTables *t, uint8_t irq, uint32_t gsi, uint16_t flags)
{
    put_int(t, 2, 1);
    put_int(t, 10, 1);
    put_int(t, 0, 1);
    put_int(t, irq, 1);
    put_int(t, gsi, 4);
    put_int(t, flags, 2);
}

/* ACPI 6.4, 5.2.12. */
static uint32_t build_madt(AcpiTables *t, const PCMachineState *pc)
{
    enum { PCAT_COMPAT = 1, HIGH_LEVEL = 0xd };
    uint32_t s = begin_table(t, "APIC", 3);
    const SMPConfig *smp = &MACHINE(pc)->smp;

    put_int(t, 0xfee00000, 4);
    put_int(t, PCAT_COMPAT, 4);
    for (unsigned n = 0; n < smp->cpus; n++) {
        CPUTopoIds ids;
        uint32_t apic_id;

        machine_cpu_topo(smp, n, &ids, &apic_id);
        madt_cpu(t, apic_id, n);
    }
    put_int(t, 1, 1); /* I/O APIC: id 0, interrupts from 0 */
    put_int(t, 12, 1);
    put_int(t, 0, 2);
    put_int(t, IOAPIC_DEFAULT_ADDRESS, 4);
    put_int(t, 0, 4);
    madt_override(t, 0, 2, 0);
    madt_override(t, 5, 5, HIGH_LEVEL);
    madt_override(t, t->board->sci_irq, t->board->sci_irq, HIGH_LEVEL);
    madt_override(t, 10, 10, HIGH_LEVEL);
    madt_override(t, 11, 11, HIGH_LEVEL);
    put_int(t, 4, 1); /* NMI on LINT1 of every processor */
    put_int(t, 6, 1);
    put_int(t, 0xff, 1);
    put_int(t, 0, 2);
    put_int(t, 1, 1);
    end_table(t, s);
    return s;
}

/* PCI Firmware Specification 3.2, 4.1.2. */
static uint32_t build_mcfg(AcpiTables *t)
{
    uint32_t s = begin_table(t, "MCFG", 1);

    put_int(t, 0, 8);
    put_int(t, t->board->ecam_base, 8);
    put_int(t, 0, 2); /* segment */
    put_int(t, 0, 1); /* first bus, last bus */
    put_int(t, 255, 1);
    put_int(t, 0, 4);
    end_table(t, s);
    return s;
}

/* HPET's address (IA-PC HPET specification 1.0a, 3.2.4). */
static uint32_t build_hpet(AcpiTables *t, const PCMachineState *pc)
{
    uint32_t s = begin_table(t, "HPET", 1), at;
    uint64_t id = 0;

    address_space_load(&address_space_memory, HPET_BASE, 4, &id, MEMTXATTRS_UNSPECIFIED);
    put_int(t, id, 4);
    at = t->blob->len;
    put_int(t, 0, 4);
    put_int(t, HPET_BASE, 8);
    set_int(t, at, 0, 1); /* memory, 64 bits */
    set_int(t, at + 1, 64, 1);
    put_int(t, 0, 1);   /* number */
    put_int(t, 100, 2); /* shortest period in ticks without lost interrupts */
    put_int(t, 0, 1);
    end_table(t, s);
    return s;
}

/* Windows ACPI Emulated Devices Table: the PM timer can be read once, the RTC is good. */
static uint32_t build_waet(AcpiTables *t)
{
    uint32_t s = begin_table(t, "WAET", 1);

    put_int(t, 2, 4);
    end_table(t, s);
    return s;
}

static uint32_t build_root(AcpiTables *t, const char *signature, unsigned size,
                           const uint32_t *tables, unsigned n)
{
    uint32_t s = begin_table(t, signature, 1);

    for (unsigned i = 0; i < n; i++) {
        uint32_t at = t->blob->len;

        put_int(t, 0, size);
        add_pointer(t, at, size, tables[i]);
    }
    end_table(t, s);
    return s;
}

AcpiTables *acpi_tables_build(const PCMachineState *pc)
{
    AcpiTables *t = g_new0(AcpiTables, 1);
    uint32_t list[6], facs, dsdt, genid;
    unsigned n = 0;

    t->board = pc->board;
    t->alignment = 64;
    t->blob = g_byte_array_new();
    t->pointers = g_array_new(false, false, sizeof(AcpiPointer));
    t->checksums = g_array_new(false, false, sizeof(AcpiChecksum));
    facs = t->facs = build_facs(t);
    dsdt = build_dsdt(t);
    list[n++] = build_fadt(t, pc, facs, dsdt);
    list[n++] = build_madt(t, pc);
    if (pc->board->ecam_size) {
        list[n++] = build_mcfg(t);
    }
    if (pc->hpet) {
        list[n++] = build_hpet(t, pc);
    }
    list[n++] = build_waet(t);
    genid = build_vmgenid(t);
    list[n++] = build_ssdt(t, pc, genid);
    g_assert(n <= G_N_ELEMENTS(list));
    t->rsdt = build_root(t, "RSDT", 4, list, n);
    t->xsdt = build_root(t, "XSDT", 8, list, n);
    return t;
}

void acpi_tables_free(AcpiTables *t)
{
    if (t) {
        g_byte_array_unref(t->blob);
        g_array_unref(t->pointers);
        g_array_unref(t->checksums);
        g_free(t);
    }
}

/* --- placement
 * -------------------------------------------------------------------------------------------- */

static uint8_t checksum(const uint8_t *p, size_t n)
{
    uint8_t sum = 0;

    while (n--) {
        sum += *p++;
    }
    return -sum;
}

void acpi_tables_relocate(AcpiTables *t, uint64_t base)
{
    for (unsigned n = 0; n < t->pointers->len; n++) {
        const AcpiPointer *p = &g_array_index(t->pointers, AcpiPointer, n);
        uint64_t v = 0;

        memcpy(&v, t->blob->data + p->at, p->size);
        set_int(t, p->at, v + base, p->size);
    }
    for (unsigned n = 0; n < t->checksums->len; n++) {
        const AcpiChecksum *c = &g_array_index(t->checksums, AcpiChecksum, n);

        set_int(t, c->at, 0, 1);
        set_int(t, c->at, checksum(t->blob->data + c->start, c->length), 1);
    }
}

void acpi_rsdp(const AcpiTables *t, uint64_t base, uint8_t rsdp[ACPI_RSDP_SIZE])
{
    uint32_t rsdt = base + t->rsdt, length = ACPI_RSDP_SIZE;
    uint64_t xsdt = base + t->xsdt;

    memset(rsdp, 0, ACPI_RSDP_SIZE);
    memcpy(rsdp, "RSD PTR ", 8);
    memcpy(rsdp + 9, "IOREGN", 6);
    rsdp[15] = 2;
    memcpy(rsdp + 16, &rsdt, 4);
    memcpy(rsdp + 20, &length, 4);
    memcpy(rsdp + 24, &xsdt, 8);
    if (base) {
        rsdp[8] = checksum(rsdp, 20);
        rsdp[32] = checksum(rsdp, ACPI_RSDP_SIZE);
    }
}
