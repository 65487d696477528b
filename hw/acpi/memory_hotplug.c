/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The memory modules' hot-plug registers (see hw/acpi/memory_hotplug.h). */
#include "hw/acpi/memory_hotplug.h"

/* Read and written are different registers. */
enum { READ_ADDR = 0, READ_SIZE = 8, READ_NODE = 16, REG_FLAGS = 20 };
enum { WRITE_SELECTOR = 0, WRITE_OST_EVENT = 4, WRITE_OST_STATUS = 8 };

/* One of the four doublewords of address and size, or the node; without a module they are 0. */
static uint32_t module_field(const PCDIMM *dimm, hwaddr offset)
{
    switch (offset) {
    case READ_ADDR:
        return dimm->addr & UINT32_MAX;
    case READ_ADDR + 4:
        return dimm->addr >> 32;
    case READ_SIZE:
        return pc_dimm_size(dimm) & UINT32_MAX;
    case READ_SIZE + 4:
        return pc_dimm_size(dimm) >> 32;
    case READ_NODE:
        return dimm->node;
    default:
        return 0;
    }
}

static uint64_t hotplug_read(void *opaque, hwaddr offset, unsigned size)
{
    MemoryHotplug *s = opaque;
    QEMU_LOCK_GUARD(&s->slots.lock);
    AcpiSlot *slot = acpi_slots_selected(&s->slots);

    if (!slot) {
        return UINT32_MAX;
    }
    if (offset == REG_FLAGS) {
        return acpi_slot_flags(slot);
    }
    return slot->dev ? module_field(PC_DIMM(slot->dev), offset) : 0;
}

static void hotplug_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    MemoryHotplug *s = opaque;
    QEMU_LOCK_GUARD(&s->slots.lock);
    AcpiSlot *slot = acpi_slots_selected(&s->slots);

    if (offset == WRITE_SELECTOR) {
        s->slots.selector = data;
        return;
    }
    if (!slot) {
        return; /* only another selector helps */
    }
    switch (offset) {
    case WRITE_OST_EVENT:
        slot->ost_event = data;
        break;
    case WRITE_OST_STATUS:
        acpi_slot_ost_status(&s->slots, slot, data);
        break;
    case REG_FLAGS:
        acpi_slot_write_flags(&s->slots, slot, data, true);
        break;
    default:
        break;
    }
}

static const MemoryRegionOps hotplug_ops = {
    .read = hotplug_read,
    .write = hotplug_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 1, .max_access_size = 4},
    .impl = {.min_access_size = 1, .max_access_size = 4},
};

void memory_hotplug_plug(MemoryHotplug *s, PCDIMM *dimm, bool announced)
{
    acpi_slots_plug(&s->slots, (unsigned)dimm->slot, DEVICE(dimm), announced);
}

void memory_hotplug_unplug_request(MemoryHotplug *s, PCDIMM *dimm)
{
    acpi_slots_unplug_request(&s->slots, (unsigned)dimm->slot);
}

void memory_hotplug_reset(MemoryHotplug *s)
{
    acpi_slots_reset(&s->slots);
}

void memory_hotplug_init(MemoryHotplug *s, Object *owner, AcpiPM *pm, unsigned n)
{
    acpi_slots_init(&s->slots, pm, MEMORY_HOTPLUG_GPE, ACPI_SLOT_TYPE_DIMM, n);
    memory_region_init_io(&s->io, owner, &hotplug_ops, s, "acpi-mem-hotplug", MEMORY_HOTPLUG_SIZE);
    memory_region_add_subregion(get_system_io(), MEMORY_HOTPLUG_BASE, &s->io);
}
