/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The virtual machine's generation. Main loop. */
#ifndef HW_ACPI_VMGENID_H
#define HW_ACPI_VMGENID_H

#include "qemu/osdep.h"

#define TYPE_VMGENID "vmgenid"

/* The GUID as it lies in guest memory; false: there is no such device. */
bool vmgenid_get(uint8_t guid[16]);

#endif
