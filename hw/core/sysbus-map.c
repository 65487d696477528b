/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Placing the registers of system bus devices in memory. */
#include "hw/qdev-core.h"
#include "system/memory.h"

void sysbus_mmio_map(SysBusDevice *dev, int n, hwaddr addr)
{
    g_assert(n >= 0 && n < dev->num_mmio);
    if (dev->mmio[n]->container) {
        memory_region_del_subregion(dev->mmio[n]->container, dev->mmio[n]);
    }
    memory_region_add_subregion(get_system_memory(), addr, dev->mmio[n]);
}
