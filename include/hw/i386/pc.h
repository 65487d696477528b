/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PC: what its boards share.  Main loop only. */
#ifndef HW_I386_PC_H
#define HW_I386_PC_H

#include "hw/boards.h"
#include "hw/i386/boot.h"
#include "hw/i386/gsi.h"
#include "hw/isa/ich9.h"
#include "hw/nvram/fw_cfg.h"
#include "hw/pci/pci_host.h"

#define TYPE_PC_MACHINE "generic-pc-machine"

/* Fixed places in the address map. */
#define PC_ECAM_BASE 0xb0000000u
#define PC_ECAM_SIZE (256 * MiB)
#define PC_PCI32_END 0xfec00000u /* I/O APIC and what is behind it */
#define PC_4G (UINT64_C(4) << 30)
#define PC_PAM_SEGMENTS 13

typedef struct PCMachineState {
    MachineState parent_obj;
    int acpi; /* OnOffAuto */
    bool i8042;
    GSIState gsi;
    PCIHostState *host;
    struct MCHState *mch;
    ICH9LPC *lpc;
    FWCfgState *fw_cfg;
    ISADevice *rtc;
    uint64_t ram_below_4g, ram_above_4g;
    MemoryRegion ram_low, ram_high, pci_mem, bios, isa_bios, msi;
    char *firmware_path; /* NULL: a kernel is started directly */
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
/* RTC, serial ports, port 92, keyboard controller's reset, fw_cfg. */
bool pc_isa_init(PCMachineState *pc, GError **errp);
/* Firmware image below 4 GiB and below 1 MiB, or none where a kernel is started directly. */
bool pc_firmware_init(PCMachineState *pc, GError **errp);
/* All devices exist: fw_cfg's items, ACPI tables, the plan of a direct start. */
void pc_machine_done(MachineState *ms);

/* E820 map of the machine; *n entries, g_free(). */
typedef struct QEMU_PACKED E820Entry {
    uint64_t addr, size;
    uint32_t type; /* 1 RAM, 2 reserved */
} E820Entry;
E820Entry *pc_e820(const PCMachineState *pc, unsigned *n);

/* q35.c: shadow RAM and ECAM as firmware leaves them. */
void mch_firmware_setup(struct MCHState *mch);

#endif
