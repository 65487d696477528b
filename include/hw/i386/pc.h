/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PC: what its boards share.  Main loop only. */
#ifndef HW_I386_PC_H
#define HW_I386_PC_H

#include "hw/boards.h"
#include "hw/i386/boot.h"
#include "hw/i386/gsi.h"
#include "hw/acpi/pm.h"
#include "hw/isa/isa.h"
#include "hw/nvram/fw_cfg.h"
#include "hw/pci/pci_host.h"

#define TYPE_X86_MACHINE "x86-machine"     /* all of them; instances are PCMachineState */
#define TYPE_PC_MACHINE "generic-pc-machine" /* those with a chipset */

/* Fixed places in the address map. */
#define Q35_ECAM_BASE 0xb0000000u
#define Q35_ECAM_SIZE (256 * MiB)
#define PC_PCI32_END 0xfec00000u /* I/O APIC and what is behind it */
#define PC_4G (UINT64_C(4) << 30)

struct PCMachineState;
struct AcpiTables;

/* What differs from board to board and is fixed. */
typedef struct PCBoard {
    const char *acpi_name;    /* 8 bytes: OEM table id */
    const uint8_t *dsdt;
    size_t dsdt_size;
    uint64_t ecam_base, ecam_size; /* size 0: no ECAM */
    uint64_t low_all;   /* RAM below 4 GiB may reach up to here, */
    uint64_t low_split; /* or, when there is more than that, to here */
    int ide_buses, ide_units; /* where -drive if=ide goes */
    bool floppy;              /* has a floppy controller, whether there are drives or not */
    uint16_t pm_base, gpe_base, cpu_ports; /* cpu_ports: processors' hot-plug registers */
    uint8_t sci_irq;
    /* What firmware would have done to the chipset: before a kernel is started directly. */
    void (*firmware_setup)(struct PCMachineState *pc);
    /* Which interrupt pin 0 to 3 of the function at devfn on bus 0 is after that: a global one at the
     * I/O APIC, or a classic one at the 8259s. */
    unsigned (*pci_irq)(uint8_t devfn, int pin, bool at_ioapic); /* NULL: no PCI that is known without ACPI */
    const char *firmware;  /* the default image; NULL: that of a PC */
    bool firmware_in_ram;  /* below 1 MiB there is RAM and nothing that could hide it: firmware is copied there */
    bool no_option_roms;   /* firmware gets no ROM that starts -kernel */
    /* The tables; NULL: a PC's. */
    struct AcpiTables *(*build_acpi)(const struct PCMachineState *pc);
} PCBoard;

typedef struct PCMachineState {
    MachineState parent_obj;
    const PCBoard *board;
    int acpi, pit, pic; /* OnOffAuto */
    bool i8042, hpet, sata, smbus;
    GSIState gsi;
    PCIHostState *host; /* NULL: no PCI */
    DeviceState *kbd; /* NULL: i8042=off */
    DeviceState *north, *south, *power; /* the board's own chips: host bridge function, ISA bridge, PM function */
    DeviceState *smbus_dev; /* q35's controller; NULL: none */
    ISABus *isa;
    AcpiPM *pm; /* NULL: no fixed ACPI hardware */
    FWCfgState *fw_cfg;
    ISADevice *rtc; /* NULL: none */
    uint64_t ram_below_4g, ram_above_4g;
    MemoryRegion ram_low, ram_high, pci_mem, bios, isa_bios, isa_hole, msi;
    int smbios_entry; /* SmbiosEntryPoint */
    char *pflash[2]; /* nodes or drives; NULL: none */
    uint8_t disk_translation, disk_types; /* CMOS 0x39 and 0x12 */
    bool booted;         /* the first boot has begun: -boot once= is over */
    char *firmware_path; /* NULL: a kernel is started directly */
    uint64_t waking_vector; /* where the kernel says how it goes on from S3; direct start */
    struct CPUHotplug *cpu_hotplug; /* NULL: processors neither come nor go */
    struct MemoryHotplug *memory_hotplug; /* NULL: no slots for modules */
    bool complete;       /* fw_cfg has its tables */
    BootPlan *boot;      /* what a direct start loads; NULL with firmware */
} PCMachineState;
#define PC_MACHINE(obj) ((PCMachineState *)(obj))

/* Addresses that PCI may be given, and what the DSDT asks for. */
typedef struct PCWindows {
    uint64_t lo_base, lo_end;     /* below ECAM; end exclusive, equal: none */
    uint64_t mid_base, mid_end;   /* from ECAM's end to the I/O APIC */
    uint64_t high_base, high_end; /* above RAM */
} PCWindows;
void pc_pci_windows(const PCMachineState *pc, PCWindows *w);

/* RAM, PCI container, message window. From init(). */
bool pc_memory_init(PCMachineState *pc, GError **errp);
/* I/O APIC as child "ioapic" of owner, 8259s, interval timer. */
bool pc_interrupts_init(PCMachineState *pc, Object *owner, GError **errp);
/* RTC, serial ports, port 92, keyboard controller, fw_cfg. */
bool pc_isa_init(PCMachineState *pc, GError **errp);
/* Single ones of these, for boards that have fewer: the RTC (child name of the machine; NULL: unattached) with its memory filled in, the serial ports of -serial, fw_cfg. */
bool pc_rtc_init(PCMachineState *pc, const char *name, GError **errp);
bool pc_serials_init(PCMachineState *pc, GError **errp);
bool pc_fw_cfg_init(PCMachineState *pc, GError **errp);
/* For a kernel that is started directly: PCI's classic interrupts become level-triggered and are
 * told to the functions.  After firmware_setup(). */
void pc_irq_firmware_setup(PCMachineState *pc);
/* The graphics card of -vga, on a machine with defaults VGA. */
bool pc_vga_init(PCMachineState *pc, GError **errp);
/* Devices for -drive if=ide, virtio and floppy, and the default CD-ROM. From init(), when the controllers are there. */
bool pc_drives_init(PCMachineState *pc, GError **errp);
/* All devices exist: what CMOS says of floppy drives. */
void pc_describe_floppies(PCMachineState *pc);
/* Firmware image below 4 GiB and below 1 MiB, or none where a kernel is started directly. */
bool pc_firmware_init(PCMachineState *pc, GError **errp);
/* What the ACPI tables say has changed: firmware, or a kernel, gets new ones when it starts the next time. */
void pc_tables_changed(PCMachineState *pc);
/* SMBIOS tables to fw_cfg, and into a direct start's plan when there is one. */
bool pc_smbios_init(PCMachineState *pc, GError **errp);
/* All devices exist: fw_cfg's items, ACPI tables, the plan of a direct start. */
bool pc_machine_done(MachineState *ms, GError **errp);

/* E820 map of the machine; *n entries, g_free(). */
typedef struct QEMU_PACKED E820Entry {
    uint64_t addr, size;
    uint32_t type; /* 1 RAM, 2 reserved */
} E820Entry;
E820Entry *pc_e820(const PCMachineState *pc, unsigned *n);
/* The same as firmware wants it: RAM from 0 up as one piece, holes and its own needs are its business. */
E820Entry *pc_e820_firmware(const PCMachineState *pc, unsigned *n);

/* A versioned machine type.  All versions are the same hardware: the names are there for clients that store them. */
typedef struct PCVersion {
    const char *name, *alias;
} PCVersion;
void pc_machine_class_version(MachineClass *mc, const PCVersion *v);
#define PC_MACHINE_TYPE(ident, name_, alias_, init_) \
    static const PCVersion version_##ident = {name_, alias_}; \
    static const TypeInfo info_##ident = { \
        .name = MACHINE_TYPE_NAME(name_), \
        .parent = TYPE_PC_MACHINE, \
        .class_init = init_, \
        .class_data = &version_##ident, \
    }; \
    QOM_TYPE(info_##ident);

/* The versions that there are, newest first: X(MAJOR, MINOR, IS_ALIASED). */
#define PC_MACHINE_VERSIONS(X) \
    X(10, 1, true) X(10, 0, false) X(9, 2, false) X(9, 1, false) X(9, 0, false) X(8, 2, false) \
        X(8, 1, false) X(8, 0, false) X(7, 2, false)

#endif
