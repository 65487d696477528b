/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shadow RAM and the VGA window of Intel's host bridges: seven PAM registers and one SMRAM register say what the
 * processor sees from 0xa0000 to 0xfffff.  82441FX and Q35 agree on it.  Main loop.
 */
#ifndef HW_PCI_HOST_PAM_H
#define HW_PCI_HOST_PAM_H

#include "system/memory.h"

#define PAM_SEGMENTS 13
#define PAM_REGISTERS 7

enum { SMRAM_C_BASE_SEG = 0x02, SMRAM_G_ENABLE = 0x08, SMRAM_D_LOCK = 0x10, SMRAM_D_OPEN = 0x40 };

typedef struct PAMState {
    MemoryRegion pci[PAM_SEGMENTS]; /* reads go to what is behind PCI */
    MemoryRegion rom[PAM_SEGMENTS]; /* reads go to RAM, writes are dropped */
    MemoryRegion vga;               /* 0xa0000 to 0xbffff belongs to PCI unless SMRAM is open */
} PAMState;

/* Regions over the system's memory: owner is the host bridge, ram the machine's RAM from address 0. */
void pam_init(PAMState *s, Object *owner, MemoryRegion *pci_mem, MemoryRegion *ram);
/* Shows what the registers say. */
void pam_update(PAMState *s, const uint8_t regs[PAM_REGISTERS], uint8_t smram);
/* Value of the SMRAM register after val was written over old: once locked it stays, and is closed. */
uint8_t pam_smram_write(uint8_t old, uint8_t val);

#endif
