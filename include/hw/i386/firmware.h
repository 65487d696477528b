/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What firmware is told: boot order, kernel, option ROMs, user's fw_cfg items.  Main loop. */
#ifndef HW_I386_FIRMWARE_H
#define HW_I386_FIRMWARE_H

#include "hw/i386/pc.h"

/* Everything of -boot, -fw_cfg, -option-rom and -kernel that goes through fw_cfg and CMOS; at each reset the boot order is told anew.
 * From machine done. */
bool pc_firmware_export(PCMachineState *pc, GError **errp);
/* Hands firmware the option ROM in file path; bootindex -1: it is not in the boot order. */
bool pc_add_option_rom(PCMachineState *pc, const char *path, int32_t bootindex, GError **errp);
/* -kernel for firmware: files and items for an option ROM that starts it. */
bool pc_export_kernel(PCMachineState *pc, GError **errp);

#endif
