/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shadow RAM: segment 0 is 64 KiB at 0xf0000, the others are 16 KiB each from 0xc0000. */
#include "hw/pci-host/pam.h"

enum { READ_RAM = 1, WRITE_RAM = 2 };

static void segment_range(int n, hwaddr *start, uint64_t *size)
{
    *start = n ? 0xc0000 + (n - 1) * 0x4000 : 0xf0000;
    *size = n ? 0x4000 : 0x10000;
}

/* Segment 0 is in the high half of the first register; then low and high halves alternate. */
static unsigned segment_mode(const uint8_t *regs, int n)
{
    uint8_t reg = regs[(n + 1) / 2];

    return (n == 0 || n % 2 == 0 ? reg >> 4 : reg) & 3;
}

void pam_update(PAMState *s, const uint8_t regs[PAM_REGISTERS], uint8_t smram)
{
    memory_region_transaction_begin();
    for (int n = 0; n < PAM_SEGMENTS; n++) {
        unsigned mode = segment_mode(regs, n);

        /* Without either bit, or for writes only, reads go to PCI. */
        memory_region_set_enabled(&s->pci[n], !(mode & READ_RAM));
        memory_region_set_enabled(&s->rom[n], mode == READ_RAM);
    }
    memory_region_set_enabled(&s->vga, !((smram & SMRAM_G_ENABLE) && (smram & SMRAM_D_OPEN)));
    memory_region_transaction_commit();
}

uint8_t pam_smram_write(uint8_t old, uint8_t val)
{
    if (old & SMRAM_D_LOCK) {
        return old;
    }
    if (val & SMRAM_D_LOCK) {
        val &= ~SMRAM_D_OPEN;
    }
    return (val & 0x78) | SMRAM_C_BASE_SEG;
}

void pam_init(PAMState *s, Object *owner, MemoryRegion *pci_mem, MemoryRegion *ram)
{
    MemoryRegion *sys = get_system_memory();

    memory_region_transaction_begin();
    for (int n = 0; n < PAM_SEGMENTS; n++) {
        hwaddr start;
        uint64_t size;

        segment_range(n, &start, &size);
        memory_region_init_alias(&s->pci[n], owner, "pam-pci", pci_mem, start, size);
        memory_region_add_subregion_overlap(sys, start, &s->pci[n], 1);
        memory_region_init_alias(&s->rom[n], owner, "pam-rom", ram, start, size);
        memory_region_set_readonly(&s->rom[n], true);
        memory_region_add_subregion_overlap(sys, start, &s->rom[n], 1);
    }
    memory_region_init_alias(&s->vga, owner, "vga-window", pci_mem, 0xa0000, 0x20000);
    memory_region_add_subregion_overlap(sys, 0xa0000, &s->vga, 1);
    memory_region_transaction_commit();
}
