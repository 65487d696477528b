/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory modules that come and go on a PC.  Main loop. */
#ifndef HW_I386_MEMORY_PLUG_H
#define HW_I386_MEMORY_PLUG_H

#include "hw/acpi/memory_hotplug.h"
#include "hw/i386/pc.h"

/* From init(), when the board has its power management; nothing without -m slots=. */
bool pc_memory_hotplug_init(PCMachineState *pc, GError **errp);
/* Where modules go, above all other memory: base and size in bytes; size 0: nowhere. */
void pc_memory_hotplug_area(const PCMachineState *pc, uint64_t *base, uint64_t *size);

/* The machine as hot-plug handler, of modules. */
bool pc_dimm_pre_plug(PCMachineState *pc, PCDIMM *dimm, GError **errp);
void pc_dimm_plug(PCMachineState *pc, PCDIMM *dimm);
void pc_dimm_unplug_request(PCMachineState *pc, PCDIMM *dimm);

#endif
