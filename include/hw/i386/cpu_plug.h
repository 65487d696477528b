/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processors that come and go on a PC.  Main loop. */
#ifndef HW_I386_CPU_PLUG_H
#define HW_I386_CPU_PLUG_H

#include "hw/acpi/cpu_hotplug.h"
#include "hw/i386/cpu.h"
#include "hw/i386/pc.h"

/* From init(), when the board has its power management and -smp's processors. */
bool pc_cpu_hotplug_init(PCMachineState *pc, GError **errp);
/* True if possible processor n is there. */
bool pc_cpu_present(unsigned n);
/* The machine class's part. */
void pc_hotplug_class_init(HotplugHandlerClass *hc);
Object *pc_hotplug_handler(MachineState *ms, DeviceState *dev);

#endif
