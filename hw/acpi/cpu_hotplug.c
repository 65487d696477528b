/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The processors' hot-plug registers (see hw/acpi/cpu_hotplug.h). */
#include "hw/acpi/cpu_hotplug.h"

enum { REG_SELECTOR = 0, REG_FLAGS = 4, REG_COMMAND = 5, REG_DATA = 8 };
enum { CMD_NEXT_EVENT = 0, CMD_OST_EVENT = 1, CMD_OST_STATUS = 2, CMD_ARCH_ID = 3 };

static uint64_t hotplug_read(void *opaque, hwaddr offset, unsigned size)
{
    CPUHotplug *s = opaque;
    QEMU_LOCK_GUARD(&s->slots.lock);
    AcpiSlot *slot = acpi_slots_selected(&s->slots);

    if (!slot) {
        return 0;
    }
    switch (offset) {
    case REG_FLAGS:
        return acpi_slot_flags(slot);
    case REG_DATA:
        return s->command == CMD_NEXT_EVENT ? s->slots.selector
               : s->command == CMD_ARCH_ID  ? s->apic_ids[s->slots.selector]
                                            : 0;
    default:
        return 0; /* the upper half of an APIC id, which has none; reserved */
    }
}

/* The next one with an event from the selected one on, around the end. */
static void select_event(AcpiSlots *s)
{
    for (unsigned i = 0; i < s->n; i++) {
        unsigned at = (s->selector + i) % s->n;

        if (s->slots[at].insert || s->slots[at].remove) {
            s->selector = at;
            return;
        }
    }
}

static void write_command(CPUHotplug *s, uint8_t val)
{
    if (val > CMD_ARCH_ID) {
        return;
    }
    s->command = val;
    if (val == CMD_NEXT_EVENT) {
        select_event(&s->slots);
    }
}

static void write_data(CPUHotplug *s, AcpiSlot *slot, uint32_t val)
{
    if (s->command == CMD_OST_EVENT) {
        slot->ost_event = val;
    } else if (s->command == CMD_OST_STATUS) {
        acpi_slot_ost_status(&s->slots, slot, val);
    }
}

static void hotplug_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    CPUHotplug *s = opaque;
    QEMU_LOCK_GUARD(&s->slots.lock);
    AcpiSlot *slot = acpi_slots_selected(&s->slots);

    if (offset == REG_SELECTOR) {
        s->slots.selector = data;
        return;
    }
    if (!slot) {
        return; /* only another selector helps */
    }
    switch (offset) {
    case REG_FLAGS:
        acpi_slot_write_flags(&s->slots, slot, data, s->slots.selector != 0);
        break;
    case REG_COMMAND:
        write_command(s, data);
        break;
    case REG_DATA:
        write_data(s, slot, data);
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

void cpu_hotplug_plug(CPUHotplug *s, CPUState *cpu, bool announced)
{
    acpi_slots_plug(&s->slots, cpu->cpu_index, DEVICE(cpu), announced);
}

void cpu_hotplug_unplug_request(CPUHotplug *s, CPUState *cpu)
{
    acpi_slots_unplug_request(&s->slots, cpu->cpu_index);
}

void cpu_hotplug_reset(CPUHotplug *s)
{
    if (acpi_slots_reset(&s->slots)) {
        QEMU_LOCK_GUARD(&s->slots.lock);

        s->command = 0;
    }
}

void cpu_hotplug_init(CPUHotplug *s, Object *owner, AcpiPM *pm, unsigned n, uint16_t base)
{
    acpi_slots_init(&s->slots, pm, CPU_HOTPLUG_GPE, ACPI_SLOT_TYPE_CPU, n);
    s->apic_ids = g_new0(uint32_t, n);
    memory_region_init_io(&s->io, owner, &hotplug_ops, s, "acpi-cpu-hotplug", CPU_HOTPLUG_SIZE);
    memory_region_add_subregion(get_system_io(), base, &s->io);
}
