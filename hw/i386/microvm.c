/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The microvm board: processors, interrupt controllers, a serial port and virtio-mmio transports;
 * PCI Express only when it is asked for. */
#include "hw/i386/microvm.h"

#include "block/block-monitor.h"
#include "hw/intc/ioapic.h"
#include "hw/pci-host/gpex.h"
#include "microvm_dsdt.h"
#include "system/kvm.h"
#include "system/vl.h"

#define IRQ_BASE_ISA 5 /* without ACPI: lines that the MP table describes and the 8259s have */
#define IRQ_BASE_ACPI 16

static bool wants_acpi(const PCMachineState *pc)
{
    return pc->acpi != ON_OFF_AUTO_OFF;
}

/* --- parts ----------------------------------------------------------------------------------- */

/* At /machine/unattached: the machine's properties have the parts' names. */
static DeviceState *sysbus_part(DeviceState *dev, GError **errp)
{
    bool ok = qdev_realize(dev, BUS(sysbus_get_default()), errp);

    object_unref(dev); /* the tree holds it */
    return ok ? dev : NULL;
}

static bool add_ioapic2(MicrovmMachineState *m, GError **errp)
{
    DeviceState *dev;

    if (m->ioapic2 != ON_OFF_AUTO_ON) {
        return true;
    }
    if (!wants_acpi(&m->parent_obj)) {
        error_setg(errp, "-machine ioapic2=on: only ACPI tells of a second I/O APIC; use acpi=on");
        return false;
    }
    if (kvm_irqchip_in_kernel()) {
        error_setg(errp, "-machine ioapic2=on: KVM has one I/O APIC; use kernel-irqchip=split");
        return false;
    }
    dev = qdev_new(TYPE_IOAPIC);
    IOAPIC_COMMON(dev)->gsi_base = IOAPIC_NUM_PINS;
    IOAPIC_COMMON(dev)->core.wire_low = 0;
    m->ioapic2_dev = sysbus_part(dev, errp);
    if (!m->ioapic2_dev) {
        return false;
    }
    sysbus_mmio_map(SYS_BUS_DEVICE(dev), 0, MICROVM_IOAPIC2);
    return true;
}

static bool add_interrupts(MicrovmMachineState *m, GError **errp)
{
    PCMachineState *pc = &m->parent_obj;

    if (!pc_interrupts_init(pc, OBJECT(m), errp)) {
        return false;
    }
    /* Transports are active high, at each pin; PCI's lines are active low, wherever they are. */
    IOAPIC_COMMON(pc->gsi.ioapic)->core.wire_low =
        m->pcie == ON_OFF_AUTO_ON ? 0xfu << MICROVM_PCIE_IRQ : 0;
    return add_ioapic2(m, errp);
}

static qemu_irq transport_irq(MicrovmMachineState *m, unsigned n)
{
    unsigned gsi = m->virtio_irq_base + n;

    return gsi < GSI_NUM ? m->parent_obj.gsi.line[gsi]
                         : qdev_get_gpio_in(m->ioapic2_dev, gsi - GSI_NUM);
}

static bool add_transports(MicrovmMachineState *m, GError **errp)
{
    m->num_transports = m->ioapic2_dev ? MICROVM_TRANSPORTS_MAX : 8;
    m->virtio_irq_base = m->ioapic2_dev               ? GSI_NUM
                         : wants_acpi(&m->parent_obj) ? IRQ_BASE_ACPI
                                                      : IRQ_BASE_ISA;
    for (unsigned n = 0; n < m->num_transports; n++) {
        DeviceState *dev = sysbus_part(qdev_new(TYPE_VIRTIO_MMIO), errp);

        if (!dev) {
            return false;
        }
        m->transports[n] = VIRTIO_MMIO(dev);
        sysbus_mmio_map(SYS_BUS_DEVICE(dev), 0, microvm_transport_base(n));
        sysbus_connect_irq(SYS_BUS_DEVICE(dev), 0, transport_irq(m, n));
    }
    return true;
}

static bool add_ged(MicrovmMachineState *m, GError **errp)
{
    DeviceState *dev;

    if (!wants_acpi(&m->parent_obj)) {
        return true;
    }
    dev = sysbus_part(qdev_new(TYPE_GED), errp);
    if (!dev) {
        return false;
    }
    m->ged = GED(dev);
    sysbus_mmio_map(SYS_BUS_DEVICE(dev), 0, MICROVM_GED_BASE);
    sysbus_mmio_map(SYS_BUS_DEVICE(dev), 1, MICROVM_GED_REGS);
    sysbus_connect_irq(SYS_BUS_DEVICE(dev), 0, m->parent_obj.gsi.line[MICROVM_GED_IRQ]);
    return true;
}

static bool add_isa(MicrovmMachineState *m, GError **errp)
{
    PCMachineState *pc = &m->parent_obj;
    DeviceState *bridge = sysbus_part(qdev_new(TYPE_ISA_BUS_BRIDGE), errp);
    /* A guest on KVM has its clock. */
    bool rtc = m->rtc == ON_OFF_AUTO_ON || (m->rtc == ON_OFF_AUTO_AUTO && !kvm_enabled());

    if (!bridge) {
        return false;
    }
    pc->isa = isa_bus_new(bridge, "isa.0", get_system_io(), pc->gsi.line);
    return (!rtc || pc_rtc_init(pc, NULL, errp)) && (!m->isa_serial || pc_serials_init(pc, errp)) &&
           pc_fw_cfg_init(pc, errp);
}

static bool add_pcie(MicrovmMachineState *m, GError **errp)
{
    PCMachineState *pc = &m->parent_obj;
    DeviceState *dev;

    if (m->pcie != ON_OFF_AUTO_ON) {
        return true;
    }
    if (!wants_acpi(pc)) {
        error_setg(errp, "-machine pcie=on: only ACPI tells of PCI Express; use acpi=on");
        return false;
    }
    dev = qdev_new(TYPE_GPEX_HOST);
    GPEX_HOST(dev)->pci_mem = &pc->pci_mem;
    for (unsigned n = 0; n < GPEX_PINS; n++) {
        GPEX_HOST(dev)->irq[n] = pc->gsi.line[MICROVM_PCIE_IRQ + n];
    }
    if (!sysbus_part(dev, errp)) {
        return false;
    }
    pc->host = PCI_HOST_BRIDGE(dev);
    pcie_host_set_ecam(pc->host, MICROVM_PCIE_ECAM, MICROVM_PCIE_ECAM_SIZE);
    return true;
}

/* -drive if=virtio. */
static bool add_drives(GError **errp)
{
    DriveInfo *d;
    bool ok = true;

    while (ok && (d = drive_take_next(DRIVE_IF_VIRTIO))) {
        json_object *opts = json_object_new_object();

        json_object_object_add(opts, "driver", json_object_new_string("virtio-blk-device"));
        json_object_object_add(opts, "drive", json_object_new_string(d->id));
        ok = qdev_device_add(opts, false, errp) != NULL;
        json_object_put(opts);
    }
    return ok;
}

/* --- the board ------------------------------------------------------------------------------- */

static void no_firmware_setup(PCMachineState *pc)
{
}

static const PCBoard microvm_board = {
    .acpi_name = "MICROVM ",
    .dsdt = microvm_dsdt,
    .dsdt_size = sizeof(microvm_dsdt),
    .low_all = MICROVM_PCIE_MMIO,
    .low_split = MICROVM_PCIE_MMIO,
    .firmware = "bios-microvm.bin",
    .firmware_in_ram = true,
    .firmware_setup = no_firmware_setup,
    .build_acpi = acpi_microvm_build,
};

static bool check_options(const PCMachineState *pc, GError **errp)
{
    if (vm_config.vga && strcmp(vm_config.vga, "none")) {
        error_setg(errp, "-vga %s: microvm has no graphics card; use -vga none, or -device ramfb",
                   vm_config.vga);
        return false;
    }
    if (vm_config.parallels && vm_config.parallels->len &&
        strcmp(vm_config.parallels->pdata[0], "none")) {
        error_setg(errp, "-parallel %s: microvm has no printer port; use -device isa-parallel",
                   (char *)vm_config.parallels->pdata[0]);
        return false;
    }
    return true;
}

static bool microvm_init(MachineState *ms, GError **errp)
{
    PCMachineState *pc = PC_MACHINE(ms);
    MicrovmMachineState *m = MICROVM_MACHINE(ms);

    m->board = microvm_board;
    m->board.no_option_roms = !m->option_roms;
    if (m->pcie == ON_OFF_AUTO_ON) {
        m->board.ecam_base = MICROVM_PCIE_ECAM;
        m->board.ecam_size = MICROVM_PCIE_ECAM_SIZE;
    }
    pc->board = &m->board;
    return check_options(pc, errp) && pc_memory_init(pc, errp) && x86_cpus_init(ms, errp) &&
           add_interrupts(m, errp) && add_isa(m, errp) && add_transports(m, errp) &&
           add_ged(m, errp) && add_pcie(m, errp) && add_drives(errp) && pc_firmware_init(pc, errp);
}

/* Without ACPI a Linux kernel hears of the transports on its command line. */
static void extend_cmdline(MicrovmMachineState *m)
{
    MachineState *ms = MACHINE(m);
    g_autoptr(GString) line = g_string_new(ms->kernel_cmdline);

    for (unsigned n = 0; n < m->num_transports; n++) {
        if (virtio_mmio_backend(m->transports[n])) {
            g_string_append_printf(line, "%svirtio_mmio.device=%u@0x%x:%u", line->len ? " " : "",
                                   VIRTIO_MMIO_SIZE, microvm_transport_base(n),
                                   m->virtio_irq_base + n);
        }
    }
    g_free(ms->kernel_cmdline);
    ms->kernel_cmdline = g_string_free(g_steal_pointer(&line), FALSE);
}

static bool microvm_done(MachineState *ms, GError **errp)
{
    MicrovmMachineState *m = MICROVM_MACHINE(ms);

    if (m->auto_cmdline && ms->kernel_filename && !wants_acpi(&m->parent_obj)) {
        extend_cmdline(m);
    }
    return pc_machine_done(ms, errp);
}

static const ObjectProperty microvm_props[] = {
    DEFINE_PROP_ON_OFF_AUTO("rtc", MicrovmMachineState, rtc, ON_OFF_AUTO_AUTO,
                            "MC146818 RTC (auto: where the guest has no paravirtual clock)"),
    DEFINE_PROP_ON_OFF_AUTO("pcie", MicrovmMachineState, pcie, ON_OFF_AUTO_AUTO,
                            "PCI Express with bus pcie.0 (auto: off)"),
    DEFINE_PROP_ON_OFF_AUTO("ioapic2", MicrovmMachineState, ioapic2, ON_OFF_AUTO_AUTO,
                            "A second I/O APIC, and 24 transports at it (auto: off)"),
    DEFINE_PROP_BOOL("isa-serial", MicrovmMachineState, isa_serial, true,
                     "16550A serial ports for -serial"),
    DEFINE_PROP_BOOL("x-option-roms", MicrovmMachineState, option_roms, true,
                     "Option ROM that lets firmware start -kernel"),
    DEFINE_PROP_BOOL("auto-kernel-cmdline", MicrovmMachineState, auto_cmdline, true,
                     "Without ACPI: tell the kernel of transports on its command line"),
};

static void microvm_class_init(ObjectClass *klass, const void *data)
{
    MachineClass *mc = (MachineClass *)klass;

    mc->name = "microvm";
    mc->desc = "microvm (i386)";
    mc->contents = "virtio-mmio transports with buses virtio-mmio-bus.0 to .7 (.23 with ioapic2), "
                   "ISA bus isa.0, 8259A pair, I/O APIC, 8254, 16550A, fw_cfg, ACPI event device";
    mc->init = microvm_init;
    mc->done = microvm_done;
    mc->default_ram_id = "microvm.ram";
    object_class_add_property_table(klass, microvm_props);
}

static const TypeInfo microvm_info = {
    .name = TYPE_MICROVM_MACHINE,
    .parent = TYPE_X86_MACHINE,
    .instance_size = sizeof(MicrovmMachineState),
    .class_init = microvm_class_init,
};
QOM_TYPE(microvm_info);
