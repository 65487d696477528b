/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A PC's address map: RAM below and above 4 GiB, what is left for PCI, the window of interrupt
 * messages, the E820 table. */
#include "hw/i386/memory_plug.h"
#include "hw/i386/pc.h"
#include "system/kvm.h"

#define MESSAGE_WINDOW 0xfee00000u
#define HIGH_WINDOW_SIZE (32 * GiB)
#define TSS_RESERVED 0xfeffc000u /* KVM's identity map and task segment */

/* --- messages: device writes to the window become interrupts of the local APICs
 * ------------------------------- */

static uint64_t message_read(void *opaque, hwaddr offset, unsigned size)
{
    return 0;
}

static void message_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    if (kvm_enabled()) {
        kvm_send_msi((MSIMessage){.address = MESSAGE_WINDOW + offset, .data = data});
    }
}

static const MemoryRegionOps message_ops = {
    .read = message_read,
    .write = message_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 4, .max_access_size = 4},
    .impl = {.min_access_size = 4, .max_access_size = 4},
};

/* --- below 1 MiB: where nothing on PCI answers, reads give all ones, not the RAM behind */

static uint64_t nobody_read(void *opaque, hwaddr offset, unsigned size)
{
    return UINT64_MAX;
}

static void nobody_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
}

static const MemoryRegionOps nobody_ops = {
    .read = nobody_read,
    .write = nobody_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 1, .max_access_size = 8},
    .impl = {.min_access_size = 1, .max_access_size = 8},
};

bool pc_memory_init(PCMachineState *pc, GError **errp)
{
    MachineState *ms = MACHINE(pc);
    MemoryRegion *sys = get_system_memory();
    /* With much RAM its low part is kept short, so that large BARs find room below 4 GiB. */
    uint64_t limit = ms->ram_size >= pc->board->low_all ? pc->board->low_split : pc->board->low_all;

    if (ms->ram_size < 1 * MiB) {
        error_setg(errp, "-m: %" PRIu64 " bytes are too little for a PC: give at least 1M",
                   ms->ram_size);
        return false;
    }
    pc->ram_below_4g = MIN(ms->ram_size, limit);
    pc->ram_above_4g = ms->ram_size - pc->ram_below_4g;
    memory_region_init_alias(&pc->ram_low, OBJECT(pc), "ram-below-4g", ms->ram, 0,
                             pc->ram_below_4g);
    memory_region_add_subregion(sys, 0, &pc->ram_low);
    if (pc->ram_above_4g) {
        memory_region_init_alias(&pc->ram_high, OBJECT(pc), "ram-above-4g", ms->ram,
                                 pc->ram_below_4g, pc->ram_above_4g);
        memory_region_add_subregion(sys, PC_4G, &pc->ram_high);
    }
    /* PCI has all that nothing else claims. */
    memory_region_init(&pc->pci_mem, OBJECT(pc), "pci", MEMORY_SIZE_MAX);
    memory_region_add_subregion_overlap(sys, 0, &pc->pci_mem, -1);
    memory_region_init_io(&pc->isa_hole, OBJECT(pc), &nobody_ops, pc, "isa-hole", 0x60000);
    memory_region_add_subregion_overlap(&pc->pci_mem, 0xa0000, &pc->isa_hole, -1);
    memory_region_init_io(&pc->msi, OBJECT(pc), &message_ops, pc, "apic-msi", 0x100000);
    memory_region_add_subregion_overlap(sys, MESSAGE_WINDOW, &pc->msi, 4096);
    return true;
}

void pc_pci_windows(const PCMachineState *pc, PCWindows *w)
{
    uint64_t top = PC_4G + pc->ram_above_4g, base, size;
    const PCBoard *b = pc->board;

    w->lo_base = pc->ram_below_4g;
    w->lo_end = b->ecam_size ? MAX(pc->ram_below_4g, b->ecam_base) : PC_PCI32_END;
    w->mid_base = b->ecam_size ? b->ecam_base + b->ecam_size : PC_PCI32_END;
    w->mid_end = PC_PCI32_END;
    pc_memory_hotplug_area(pc, &base, &size);
    top = size ? base + size : top;
    w->high_base = ALIGN_UP(top, UINT64_C(1) << 30);
    w->high_end = w->high_base + HIGH_WINDOW_SIZE;
}

E820Entry *pc_e820(const PCMachineState *pc, unsigned *n)
{
    enum { RAM = 1, RESERVED = 2 };
    E820Entry all[] = {
        {0, 0x9fc00, RAM},
        {0x9fc00, 0x400, RESERVED},
        {0xe0000, 0x20000, RESERVED},
        {0x100000, pc->ram_below_4g - 0x100000, RAM},
        {pc->board->ecam_base, pc->board->ecam_size, RESERVED},
        {TSS_RESERVED, 0xff000000u - TSS_RESERVED, RESERVED},
        {PC_4G, pc->ram_above_4g, RAM},
    };
    E820Entry *list = g_new(E820Entry, G_N_ELEMENTS(all));

    *n = 0;
    for (unsigned i = 0; i < G_N_ELEMENTS(all); i++) {
        if (all[i].size) {
            list[(*n)++] = all[i];
        }
    }
    return list;
}

E820Entry *pc_e820_firmware(const PCMachineState *pc, unsigned *n)
{
    enum { RAM = 1 };
    E820Entry *list = g_new(E820Entry, 2);

    *n = 0;
    list[(*n)++] = (E820Entry){0, pc->ram_below_4g, RAM};
    if (pc->ram_above_4g) {
        list[(*n)++] = (E820Entry){PC_4G, pc->ram_above_4g, RAM};
    }
    return list;
}
