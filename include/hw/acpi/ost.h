/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a guest says by _OST (ACPI 6.4, 6.3.5). */
#ifndef HW_ACPI_OST_H
#define HW_ACPI_OST_H

#include "qemu/osdep.h"

/* True if the report says that what was to be ejected stays. */
static inline bool acpi_ost_is_refusal(uint32_t source, uint32_t status)
{
    enum { EJECT_REQUEST = 3, OSPM_EJECT = 0x103 };
    enum { SUCCESS = 0, EJECT_IN_PROGRESS = 0x84 };

    return (source == EJECT_REQUEST || source == OSPM_EJECT) && status != SUCCESS &&
           status != EJECT_IN_PROGRESS;
}

#endif
