/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What PC boards share: interrupt controllers, ISA devices, firmware image, and what is done when
 * the machine is complete. */
#include "hw/i386/pc.h"
#include "hw/i386/mptable.h"

#include "chardev/char.h"
#include "hw/acpi/tables.h"
#include "hw/i386/cpu_plug.h"
#include "hw/i386/firmware.h"
#include "hw/input/i8042.h"
#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"
#include "hw/isa/i8257.h"
#include "hw/rtc/mc146818.h"
#include "hw/timer/hpet.h"
#include "hw/timer/i8254.h"
#include "qemu/log.h"
#include "system/accel.h"
#include "system/datadir.h"
#include "system/kvm.h"
#include "system/runstate.h"
#include "system/vl.h"

/* --- interrupts
 * ------------------------------------------------------------------------------------------ */

static DeviceState *board_device(const char *type, Object *parent, const char *name, GError **errp)
{
    DeviceState *dev = qdev_new(type);

    if ((parent && !object_property_add_child(parent, name, OBJECT(dev), errp)) ||
        !qdev_realize_and_unref(dev, BUS(sysbus_get_default()), errp)) {
        return NULL;
    }
    return dev;
}

static bool add_hpet(PCMachineState *pc, GError **errp)
{
    DeviceState *hpet = board_device(TYPE_HPET, NULL, NULL, errp);

    if (!hpet) {
        return false;
    }
    hpet_connect(hpet, &pc->gsi);
    sysbus_mmio_map(SYS_BUS_DEVICE(hpet), 0, HPET_BASE);
    return true;
}

bool pc_interrupts_init(PCMachineState *pc, Object *owner, GError **errp)
{
    bool in_kernel = kvm_irqchip_in_kernel();
    DeviceState *pic = NULL, *pit;

    if (in_kernel && (pc->pit == ON_OFF_AUTO_OFF || pc->pic == ON_OFF_AUTO_OFF)) {
        error_setg(errp, "-machine %s=off: KVM has the chips; use kernel-irqchip=split",
                   pc->pit == ON_OFF_AUTO_OFF ? "pit" : "pic");
        return false;
    }
    DeviceState *ioapic =
        board_device(in_kernel ? TYPE_KVM_IOAPIC : TYPE_IOAPIC, owner, "ioapic", errp);

    if (!ioapic) {
        return false;
    }
    if (!in_kernel) {
        sysbus_mmio_map(SYS_BUS_DEVICE(ioapic), 0, IOAPIC_DEFAULT_ADDRESS);
    }
    if (pc->pic != ON_OFF_AUTO_OFF) {
        pic = board_device(in_kernel ? TYPE_KVM_I8259 : TYPE_I8259, NULL, NULL, errp);
        if (!pic) {
            return false;
        }
    }
    gsi_init(&pc->gsi, ioapic, in_kernel ? NULL : pic);
    pc->gsi.pic_state = pic;
    if (pc->pit == ON_OFF_AUTO_OFF) {
        return !pc->hpet || add_hpet(pc, errp);
    }
    pit = board_device(in_kernel ? TYPE_KVM_PIT : TYPE_PIT, NULL, NULL, errp);
    if (!pit) {
        return false;
    }
    pc->gsi.pit = pit;
    if (!in_kernel) {
        gsi_connect_pit(&pc->gsi, pit);
    }
    return !pc->hpet || add_hpet(pc, errp);
}

/* --- ISA devices
 * ------------------------------------------------------------------------------------------ */

static bool add_parallels(BusState *isa, GError **errp)
{
    for (unsigned n = 0; vm_config.parallels && n < vm_config.parallels->len; n++) {
        const char *spec = vm_config.parallels->pdata[n];
        g_autofree char *label = g_strdup_printf("parallel%u", n);
        DeviceState *dev;

        if (!strcmp(spec, "none")) {
            continue;
        }
        if (!qemu_chr_new(label, spec, errp)) {
            g_prefix_error(errp, "-parallel %s: ", spec);
            return false;
        }
        dev = qdev_new("isa-parallel");
        if (!object_property_set_uint(OBJECT(dev), "index", n, errp) ||
            !object_property_set_str(OBJECT(dev), "chardev", label, errp) ||
            !qdev_realize_and_unref(dev, isa, errp)) {
            return false;
        }
    }
    return true;
}

bool pc_serials_init(PCMachineState *pc, GError **errp)
{
    BusState *isa = BUS(pc->isa);

    for (int n = 0; n < 4; n++) {
        DeviceState *dev;

        if (!serial_hd(n)) {
            continue;
        }
        dev = qdev_new("isa-serial");
        if (!object_property_set_uint(OBJECT(dev), "index", n, errp) ||
            !object_property_set_str(OBJECT(dev), "chardev", qemu_chr_label(serial_hd(n)), errp) ||
            !qdev_realize_and_unref(dev, isa, errp)) {
            return false;
        }
    }
    return true;
}

/* Memory sizes and the number of processors, where firmware and old software look for them. */
static void fill_cmos(PCMachineState *pc)
{
    ISADevice *rtc = pc->rtc;
    uint64_t above_1m = MIN(pc->ram_below_4g - 1 * MiB, UINT64_C(65535) * 1024) / 1024;
    uint64_t above_16m =
        pc->ram_below_4g > 16 * MiB ? MIN((pc->ram_below_4g - 16 * MiB) / 65536, 65535) : 0;
    uint64_t above_4g = pc->ram_above_4g / 65536;

    rtc_set_cmos(rtc, 0x14, 0x02 | (pc->i8042 ? 0x04 : 0)); /* coprocessor, pointing device */
    rtc_set_cmos(rtc, 0x15, 640 & 0xff);
    rtc_set_cmos(rtc, 0x16, 640 >> 8);
    rtc_set_cmos(rtc, 0x17, above_1m);
    rtc_set_cmos(rtc, 0x18, above_1m >> 8);
    rtc_set_cmos(rtc, 0x30, above_1m);
    rtc_set_cmos(rtc, 0x31, above_1m >> 8);
    rtc_set_cmos(rtc, 0x34, above_16m);
    rtc_set_cmos(rtc, 0x35, above_16m >> 8);
    for (unsigned n = 0; n < 3; n++) {
        rtc_set_cmos(rtc, 0x5b + n, above_4g >> (8 * n));
    }
    rtc_set_cmos(rtc, 0x5f, MACHINE(pc)->smp.cpus - 1);
}

bool pc_fw_cfg_init(PCMachineState *pc, GError **errp)
{
    MachineState *ms = MACHINE(pc);
    unsigned n;
    g_autofree E820Entry *e820 = pc_e820_firmware(pc, &n);

    pc->fw_cfg = fw_cfg_create(OBJECT(pc), errp);
    if (!pc->fw_cfg) {
        return false;
    }
    fw_cfg_add_i64(pc->fw_cfg, FW_CFG_RAM_SIZE, ms->ram_size);
    fw_cfg_add_i16(pc->fw_cfg, FW_CFG_NB_CPUS, ms->smp.cpus);
    fw_cfg_add_i16(pc->fw_cfg, FW_CFG_MAX_CPUS, ms->smp.max_cpus);
    fw_cfg_add_i16(pc->fw_cfg, FW_CFG_NOGRAPHIC, !ms->graphics);
    fw_cfg_add_i16(pc->fw_cfg, FW_CFG_BOOT_DEVICE, 'c');
    fw_cfg_add_i32(pc->fw_cfg, FW_CFG_IRQ0_OVERRIDE, 1);
    fw_cfg_add_bytes(pc->fw_cfg, FW_CFG_UUID, qemu_uuid, sizeof(qemu_uuid));
    return fw_cfg_add_file(pc->fw_cfg, "etc/e820", e820, n * sizeof(*e820), false, errp);
}

bool pc_rtc_init(PCMachineState *pc, const char *name, GError **errp)
{
    DeviceState *rtc = qdev_new(TYPE_MC146818_RTC);
    bool ok = (!name || object_property_add_child(OBJECT(pc), name, OBJECT(rtc), errp)) &&
              qdev_realize(rtc, BUS(pc->isa), errp);

    object_unref(rtc); /* the tree holds it */
    if (ok) {
        pc->rtc = ISA_DEVICE(rtc);
        fill_cmos(pc);
    }
    return ok;
}

bool pc_isa_init(PCMachineState *pc, GError **errp)
{
    BusState *isa = BUS(pc->isa);

    if (!pc_rtc_init(pc, "rtc", errp) || !qdev_realize_and_unref(qdev_new("port92"), isa, errp)) {
        return false;
    }
    if (pc->i8042) {
        pc->kbd = qdev_new(TYPE_I8042);
        if (!qdev_realize_and_unref(pc->kbd, isa, errp)) {
            return false;
        }
    }
    return isa_dma_init(pc->isa, errp) && pc_serials_init(pc, errp) && add_parallels(isa, errp) &&
           pc_fw_cfg_init(pc, errp);
}

/* --- graphics card
 * ---------------------------------------------------------------------------------------- */

/* ramfb's option ROM makes a text screen of it for firmware. */
static bool add_ramfb_rom(PCMachineState *pc, GError **errp)
{
    g_autofree char *rom = NULL;

    if (!object_resolve_path_type("", "ramfb", NULL)) {
        return true;
    }
    rom = datadir_find("ramfb's option ROM", "vgabios-ramfb.bin", NULL);
    return !rom || pc_add_option_rom(pc, rom, -1, errp);
}

bool pc_vga_init(PCMachineState *pc, GError **errp)
{
    const char *vga = vm_config.vga;
    g_autofree char *rom = NULL;
    DeviceState *dev;

    if (vga && strcmp(vga, "std") && strcmp(vga, "none")) {
        error_setg(errp, "-vga %s: not built in; use std or none, or -device bochs-display", vga);
        return false;
    }
    if (vga ? !strcmp(vga, "none") : !MACHINE(pc)->enable_defaults) {
        return true;
    }
    dev = qdev_new("VGA");
    rom = datadir_find("VGA's option ROM", "vgabios-stdvga.bin", NULL);
    if (!rom) {
        /* A kernel that is started directly does without. */
        warn_report("the VGA BIOS vgabios-stdvga.bin is missing (Debian package seabios): firmware "
                    "has no screen");
        object_property_set_str(OBJECT(dev), "romfile", "", NULL);
    }
    return qdev_realize_and_unref(dev, BUS(pc->host->bus), errp);
}

/* --- the complete machine
 * ---------------------------------------------------------------------------------------- */

/* Sleep states that firmware may offer: bit 7 says that the type in bits 2:0 is there. */
static bool export_sleep_states(PCMachineState *pc, GError **errp)
{
    uint8_t states[6] = {0x80, 0, 0, SLP_TYP_S3, SLP_TYP_S4, 0x80};

    if (!pc->pm) {
        return true;
    }
    states[3] |= pc->pm->disable_s3 ? 0 : 0x80;
    states[4] |= pc->pm->disable_s4 ? 0 : 0x80;
    return fw_cfg_add_file(pc->fw_cfg, "etc/system-states", states, sizeof(states), false, errp);
}

/* The three files that firmware makes the tables of: of one blob, and to be read as one. */
enum { FILE_TABLES, FILE_RSDP, FILE_LOADER, ACPI_FILES };
static const char *const acpi_files[ACPI_FILES] = {"etc/acpi/tables", "etc/acpi/rsdp",
                                                   "etc/table-loader"};

static void make_acpi_files(const AcpiTables *t, GByteArray *files[ACPI_FILES])
{
    uint8_t rsdp[ACPI_RSDP_SIZE];

    acpi_rsdp(t, 0, rsdp);
    files[FILE_TABLES] = g_byte_array_ref(t->blob);
    files[FILE_RSDP] = g_byte_array_append(g_byte_array_new(), rsdp, sizeof(rsdp));
    files[FILE_LOADER] = acpi_loader_script(t);
}

static bool export_acpi(PCMachineState *pc, const AcpiTables *t, GError **errp)
{
    GByteArray *files[ACPI_FILES];
    bool ok = true;

    make_acpi_files(t, files);
    for (unsigned n = 0; n < ACPI_FILES; n++) {
        ok = ok &&
             fw_cfg_add_file(pc->fw_cfg, acpi_files[n], files[n]->data, files[n]->len, false, errp);
        g_byte_array_unref(files[n]);
    }
    return ok;
}

/* Firmware may be reading the old ones. */
static void stage_acpi(PCMachineState *pc, const AcpiTables *t)
{
    GByteArray *files[ACPI_FILES];

    make_acpi_files(t, files);
    for (unsigned n = 0; n < ACPI_FILES; n++) {
        fw_cfg_stage_file(pc->fw_cfg, acpi_files[n], files[n]->data, files[n]->len);
        g_byte_array_unref(files[n]);
    }
}

static bool plan_direct_start(PCMachineState *pc, AcpiTables *tables, GError **errp)
{
    MachineState *ms = MACHINE(pc);
    unsigned n;
    g_autofree E820Entry *e820 = pc_e820(pc, &n);
    uint8_t rsdp[ACPI_RSDP_SIZE];
    GByteArray *mp;
    BootEnv env = {
        .ram = memory_region_get_ram_ptr(ms->ram),
        .ram_low = pc->ram_below_4g,
        .kernel = ms->kernel_filename,
        .initrd = ms->initrd_filename,
        .cmdline = ms->kernel_cmdline,
        .e820 = e820,
        .n_e820 = n,
        .rsdp = tables ? BOOT_RSDP : 0,
    };

    pc->boot = boot_plan_new(&env, errp);
    if (!pc->boot) {
        return false;
    }
    if (tables) {
        if (tables->blob->len > BOOT_ACPI_SIZE) {
            error_setg(
                errp,
                "ACPI tables of %u bytes do not fit below 1 MiB: use fewer processors or -bios",
                tables->blob->len);
            return false;
        }
        pc->waking_vector = pc->pm ? BOOT_ACPI_TABLES + tables->facs + ACPI_FACS_WAKING_VECTOR : 0;
        acpi_tables_relocate(tables, BOOT_ACPI_TABLES);
        acpi_rsdp(tables, BOOT_ACPI_TABLES, rsdp);
        boot_add_data(pc->boot, BOOT_ACPI_TABLES, tables->blob->data, tables->blob->len);
        boot_add_data(pc->boot, BOOT_RSDP, rsdp, sizeof(rsdp));
    }
    mp = mptable_build(pc, BOOT_MPTABLE, pc->board->pci_irq);
    if (mp->len <= BOOT_MPTABLE_SIZE) {
        boot_add_data(pc->boot, BOOT_MPTABLE, mp->data, mp->len);
    }
    g_byte_array_unref(mp);
    return true;
}

/* As firmware does: in real mode at the vector that the kernel left in the FACS (ACPI 6.4, 5.2.10).
 */
static void wake_kernel(PCMachineState *pc)
{
    const uint8_t *ram = memory_region_get_ram_ptr(MACHINE(pc)->ram);
    X86BootRegs regs = {.mode = X86_BOOT_REAL};
    uint32_t vector = 0;

    if (pc->waking_vector) {
        memcpy(&vector, ram + pc->waking_vector, sizeof(vector));
    }
    if (!vector || vector >= 1 * MiB) {
        warn_report("the guest sleeps without having said how it goes on: it is reset");
        qemu_system_reset_request(SHUTDOWN_CAUSE_GUEST_RESET);
        return;
    }
    regs.cs_sel = vector >> 4;
    regs.rip = vector & 0xf;
    x86_cpu_set_boot_regs(cpu_first(), &regs);
}

/* After every device has been reset, before the processors are: what firmware would have done, and
 * the kernel. */
static void direct_start(void *opaque)
{
    PCMachineState *pc = opaque;
    MachineState *ms = MACHINE(pc);
    g_autoptr(GError) err = NULL;

    pc->board->firmware_setup(pc);
    pc_irq_firmware_setup(pc);
    if (pc->kbd) {
        i8042_firmware_setup(pc->kbd);
    }
    if (qemu_system_is_waking()) {
        wake_kernel(pc);
        return;
    }
    if (!boot_plan_load(pc->boot, memory_region_get_ram_ptr(ms->ram), &err)) {
        error_report("%s", err->message);
        qemu_system_shutdown_request(SHUTDOWN_CAUSE_HOST_ERROR);
        return;
    }
    memory_region_set_dirty(ms->ram, 0, pc->ram_below_4g);
    if (cpu_first()) {
        x86_cpu_set_boot_regs(cpu_first(), &pc->boot->regs);
    }
}

static AcpiTables *build_tables(const PCMachineState *pc)
{
    return pc->acpi == ON_OFF_AUTO_OFF ? NULL
           : pc->board->build_acpi     ? pc->board->build_acpi(pc)
                                       : acpi_tables_build(pc);
}

void pc_tables_changed(PCMachineState *pc)
{
    AcpiTables *tables = pc->complete ? build_tables(pc) : NULL;

    if (tables) {
        stage_acpi(pc, tables);
        if (pc->boot) {
            acpi_tables_relocate(tables, BOOT_ACPI_TABLES);
            boot_replace_data(pc->boot, BOOT_ACPI_TABLES, tables->blob->data, tables->blob->len);
        }
    }
    acpi_tables_free(tables);
}

static bool machine_complete(PCMachineState *pc, GError **errp)
{
    AcpiTables *tables;
    bool ok;

    pc_describe_floppies(pc);
    tables = build_tables(pc);
    ok = !tables || export_acpi(pc, tables, errp);

    ok = ok && export_sleep_states(pc, errp) && pc_firmware_export(pc, errp);
    if (ok && MACHINE(pc)->kernel_filename && !pc->firmware_path) {
        ok = plan_direct_start(pc, tables, errp);
    }
    acpi_tables_free(tables);
    ok = ok && pc_smbios_init(pc, errp) && add_ramfb_rom(pc, errp);
    if (ok && pc->boot) {
        qemu_register_reset(direct_start, pc);
    }
    pc->complete = ok;
    return ok;
}

bool pc_machine_done(MachineState *ms, GError **errp)
{
    return machine_complete(PC_MACHINE(ms), errp);
}

/* --- type
 * --------------------------------------------------------------------------------------------------------
 */

/* A part of the board that this build does not have may only be switched off. */
static bool set_absent(Object *obj, const ObjectProperty *prop, json_object *value, GError **errp)
{
    bool on = false;

    if (json_object_is_type(value, json_type_string)) {
        const char *text = json_object_get_string(value);

        if (!strcmp(text, "auto")) {
            return true;
        }
        on = !strcmp(text, "on") || !strcmp(text, "yes") || !strcmp(text, "true") ||
             !strcmp(text, "y");
    } else {
        on = json_object_get_boolean(value);
    }
    if (on) {
        error_setg(errp, "the %s is not built in; use %s=off", (const char *)prop->opaque,
                   prop->name);
        return false;
    }
    return true;
}

static json_object *get_absent(Object *obj, const ObjectProperty *prop, GError **errp)
{
    return !strcmp(prop->type, "bool") ? json_object_new_boolean(false)
                                       : json_object_new_string("off");
}

#define ABSENT(n, t, what) \
    { \
        .name = n, .type = t, .kind = PROP_CUSTOM, .get = get_absent, .set = set_absent, \
        .opaque = what, .help = "the " what ": not built in, can only be off" \
    }

static const char *const smbios_entry_names[] = {"auto", "32", "64", NULL};
static const EnumTable smbios_entry_table = {"SmbiosEntryPointType", smbios_entry_names};

static const ObjectProperty pc_props[] = {
    DEFINE_PROP_ENUM("smbios-entry-point-type", PCMachineState, smbios_entry, smbios_entry_table, 0,
                     "Entry point of the SMBIOS tables: 32 (2.8), 64 (3.0), auto"),
    DEFINE_PROP_BOOL("smbus", PCMachineState, smbus, true,
                     "SMBus controller, with the memory modules' EEPROMs"),
    ABSENT("vmport", "OnOffAuto", "VMware port"),
    DEFINE_PROP_STRING("pflash0", PCMachineState, pflash[0], "Node of the flash with the firmware"),
    DEFINE_PROP_STRING("pflash1", PCMachineState, pflash[1], "Node of the flash with variables"),
    DEFINE_PROP_BOOL("sata", PCMachineState, sata, true, "The q35 board's SATA controller"),
    DEFINE_PROP_BOOL("i8042", PCMachineState, i8042, true,
                     "Keyboard controller with PS/2 keyboard and mouse"),
    DEFINE_PROP_BOOL("hpet", PCMachineState, hpet, true, "High precision event timer"),
};

static const ObjectProperty x86_props[] = {
    ABSENT("smm", "OnOffAuto", "system management mode"),
    DEFINE_PROP_ON_OFF_AUTO("acpi", PCMachineState, acpi, ON_OFF_AUTO_AUTO, "ACPI tables"),
    DEFINE_PROP_ON_OFF_AUTO("pit", PCMachineState, pit, ON_OFF_AUTO_AUTO, "8254 interval timer"),
    DEFINE_PROP_ON_OFF_AUTO("pic", PCMachineState, pic, ON_OFF_AUTO_AUTO,
                            "8259A pair of interrupt controllers"),
};

void pc_machine_class_version(MachineClass *mc, const PCVersion *v)
{
    mc->name = v->name;
    mc->alias = v->alias;
}

static void x86_machine_class_init(ObjectClass *klass, const void *data)
{
    MachineClass *mc = (MachineClass *)klass;

    mc->default_cpu_type = X86_CPU_TYPE_NAME("qemu64");
    mc->max_cpus = 288;
    mc->smp_dies = true;
    mc->acpi = true;
    mc->get_hotplug_handler = pc_hotplug_handler;
    pc_hotplug_class_init(object_class_interface(klass, TYPE_HOTPLUG_HANDLER));
    object_class_add_property_table(klass, x86_props);
}

static const TypeInfo x86_machine_info = {
    .name = TYPE_X86_MACHINE,
    .parent = TYPE_MACHINE,
    .instance_size = sizeof(PCMachineState),
    .abstract = true,
    .class_init = x86_machine_class_init,
    .interfaces = (const char *const[]){TYPE_HOTPLUG_HANDLER, NULL},
};
QOM_TYPE(x86_machine_info);

static void pc_machine_class_init(ObjectClass *klass, const void *data)
{
    MachineClass *mc = (MachineClass *)klass;

    mc->done = pc_machine_done;
    mc->default_ram_id = "pc.ram";
    mc->hotpluggable_cpus = true;
    mc->memory_slots = true;
    object_class_add_property_table(klass, pc_props);
}

static const TypeInfo pc_machine_info = {
    .name = TYPE_PC_MACHINE,
    .parent = TYPE_X86_MACHINE,
    .abstract = true,
    .class_init = pc_machine_class_init,
};
QOM_TYPE(pc_machine_info);
