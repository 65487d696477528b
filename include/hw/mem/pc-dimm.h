/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -device pc-dimm: a memory module, which gives the guest a memory backend's memory at an address
 * of its own.  Main loop. */
#ifndef HW_MEM_PC_DIMM_H
#define HW_MEM_PC_DIMM_H

#include "hw/qdev-core.h"
#include "system/hostmem.h"

#define TYPE_PC_DIMM "pc-dimm"

typedef struct PCDIMM {
    DeviceState parent_obj;
    HostMemoryBackend *backend;
    uint64_t addr;           /* guest physical; 0: the machine chooses */
    int32_t slot;            /* -1: the machine chooses */
    uint32_t node;           /* proximity domain */
    bool claimed;            /* the backend is this one's */
    MemoryRegion *mapped_in; /* NULL: the guest has it not */
} PCDIMM;
#define PC_DIMM(obj) ((PCDIMM *)(obj))

/* Bytes; 0 without a backend. */
uint64_t pc_dimm_size(const PCDIMM *dimm);
/* The guest has it at addr from now on, until it is unrealized. */
void pc_dimm_map(PCDIMM *dimm, MemoryRegion *system);
/* All realized ones' sizes. */
uint64_t pc_dimm_total(void);

#endif
