/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The processors' hot-plug registers (see hw/acpi/cpu_hotplug.h). */
#include "hw/acpi/cpu_hotplug.h"

#include "hw/acpi/ost.h"
#include "qapi/qapi-events.h"
#include "system/runstate.h"

enum { REG_SELECTOR = 0, REG_FLAGS = 4, REG_COMMAND = 5, REG_DATA = 8 };
/* Read as state, written to clear or to act. */
enum { FLAG_ENABLED = BIT(0), FLAG_INSERT = BIT(1), FLAG_REMOVE = BIT(2), FLAG_EJECT = BIT(3) };
enum { CMD_NEXT_EVENT = 0, CMD_OST_EVENT = 1, CMD_OST_STATUS = 2, CMD_ARCH_ID = 3 };

static CPUHotplugSlot *selected(CPUHotplug *s)
{
    return s->selector < s->n ? &s->slots[s->selector] : NULL;
}

/* --- reads ----------------------------------------------------------------------------------- */

static uint8_t flags(const CPUHotplugSlot *slot)
{
    return (slot->cpu && !slot->ejecting ? FLAG_ENABLED : 0) | (slot->insert ? FLAG_INSERT : 0) |
           (slot->remove ? FLAG_REMOVE : 0);
}

static uint64_t hotplug_read(void *opaque, hwaddr offset, unsigned size)
{
    CPUHotplug *s = opaque;
    QEMU_LOCK_GUARD(&s->lock);
    CPUHotplugSlot *slot = selected(s);

    if (!slot) {
        return 0;
    }
    switch (offset) {
    case REG_FLAGS:
        return flags(slot);
    case REG_DATA:
        return s->command == CMD_NEXT_EVENT ? s->selector
               : s->command == CMD_ARCH_ID  ? slot->apic_id
                                            : 0;
    default:
        return 0; /* the upper half of an APIC id, which has none; reserved */
    }
}

/* --- writes ---------------------------------------------------------------------------------- */

static void write_flags(CPUHotplug *s, CPUHotplugSlot *slot, uint8_t val)
{
    if (val & FLAG_INSERT) {
        slot->insert = false;
    } else if (val & FLAG_REMOVE) {
        slot->remove = false;
    } else if ((val & FLAG_EJECT) && slot->cpu && slot->cpu->cpu_index) {
        /* Asked or not: an OS may let a processor go of its own accord. */
        slot->ejecting = true;
        aio_bh_schedule(s->eject_bh);
    }
}

/* The next one with an event from the selected one on, around the end. */
static void select_event(CPUHotplug *s)
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
        select_event(s);
    }
}

static void write_data(CPUHotplug *s, CPUHotplugSlot *slot, uint32_t val)
{
    if (s->command == CMD_OST_EVENT) {
        slot->ost_event = val;
    } else if (s->command == CMD_OST_STATUS) {
        slot->ost_source = slot->ost_event;
        slot->ost_status = val;
        slot->ost_event = 0;
        slot->ost_pending = true;
        aio_bh_schedule(s->ost_bh);
    }
}

static void hotplug_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    CPUHotplug *s = opaque;
    QEMU_LOCK_GUARD(&s->lock);
    CPUHotplugSlot *slot = selected(s);

    if (offset == REG_SELECTOR) {
        s->selector = data;
        return;
    }
    if (!slot) {
        return; /* only another selector helps */
    }
    switch (offset) {
    case REG_FLAGS:
        write_flags(s, slot, data);
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

/* --- main loop ------------------------------------------------------------------------------- */

/* One of those that the guest has ejected, taken out of its slot; NULL: there is none. */
static CPUState *take_ejected(CPUHotplug *s)
{
    QEMU_LOCK_GUARD(&s->lock);

    for (unsigned n = 0; n < s->n; n++) {
        CPUHotplugSlot *slot = &s->slots[n];
        CPUState *cpu = slot->cpu;

        if (cpu && slot->ejecting) {
            slot->cpu = NULL;
            slot->ejecting = slot->insert = slot->remove = false;
            return cpu;
        }
    }
    return NULL;
}

static void eject(void *opaque)
{
    CPUHotplug *s = opaque;
    CPUState *cpu;

    while ((cpu = take_ejected(s))) {
        DEVICE(cpu)->pending_unplug = true;
        qdev_unplug_complete(DEVICE(cpu));
        s->ejected(s->opaque);
    }
}

/* The report about slot n, once; *stays: the processor that it says will not go, or NULL. */
static bool take_ost(CPUHotplug *s, unsigned n, ACPIOSTInfo *info, CPUState **stays)
{
    QEMU_LOCK_GUARD(&s->lock);
    CPUHotplugSlot *slot = &s->slots[n];

    if (!slot->ost_pending) {
        return false;
    }
    slot->ost_pending = false;
    info->source = slot->ost_source;
    info->status = slot->ost_status;
    info->device = slot->cpu ? DEVICE(slot->cpu)->id : NULL;
    *stays = NULL;
    if (acpi_ost_is_refusal(slot->ost_source, slot->ost_status) && !slot->ejecting) {
        slot->remove = false;
        *stays = slot->cpu;
    }
    return true;
}

static void tell_ost(CPUHotplug *s, unsigned n)
{
    g_autofree char *slot_name = NULL;
    ACPIOSTInfo info = {.slot_type = ACPI_SLOT_TYPE_CPU};
    CPUState *stays;

    if (!take_ost(s, n, &info, &stays)) {
        return;
    }
    info.slot = slot_name = g_strdup_printf("%u", n);
    qapi_event_send_acpi_device_ost(&info);
    if (stays && DEVICE(stays)->pending_unplug) {
        g_autofree char *path = object_get_canonical_path(OBJECT(stays));

        DEVICE(stays)->pending_unplug = false; /* it may be asked again */
        qapi_event_send_device_unplug_guest_error(DEVICE(stays)->id, path);
    }
}

static void ost(void *opaque)
{
    CPUHotplug *s = opaque;

    for (unsigned n = 0; n < s->n; n++) {
        tell_ost(s, n);
    }
}

void cpu_hotplug_plug(CPUHotplug *s, CPUState *cpu, bool announced)
{
    qemu_mutex_lock(&s->lock);
    s->slots[cpu->cpu_index].cpu = cpu;
    s->slots[cpu->cpu_index].insert = announced;
    s->slots[cpu->cpu_index].remove = false;
    qemu_mutex_unlock(&s->lock);
    if (announced) {
        acpi_pm_gpe(s->pm, CPU_HOTPLUG_GPE);
    }
}

void cpu_hotplug_unplug_request(CPUHotplug *s, CPUState *cpu)
{
    qemu_mutex_lock(&s->lock);
    s->slots[cpu->cpu_index].remove = true;
    qemu_mutex_unlock(&s->lock);
    acpi_pm_gpe(s->pm, CPU_HOTPLUG_GPE);
}

/* A guest that starts anew finds its processors without being told of them, and has no use for
 * those that its predecessor was to let go. */
static void forget_events(CPUHotplug *s)
{
    QEMU_LOCK_GUARD(&s->lock);

    for (unsigned n = 0; n < s->n; n++) {
        CPUHotplugSlot *slot = &s->slots[n];

        slot->insert = slot->remove = false;
        slot->ejecting |= slot->cpu && DEVICE(slot->cpu)->pending_unplug;
        slot->ost_event = 0;
    }
    s->selector = 0;
    s->command = 0;
}

static bool has_events(CPUHotplug *s)
{
    QEMU_LOCK_GUARD(&s->lock);

    for (unsigned n = 0; n < s->n; n++) {
        if (s->slots[n].insert || s->slots[n].remove) {
            return true;
        }
    }
    return false;
}

void cpu_hotplug_reset(CPUHotplug *s)
{
    if (!qemu_system_is_waking()) {
        forget_events(s);
        eject(s);
    } else if (has_events(s)) {
        acpi_pm_gpe(s->pm, CPU_HOTPLUG_GPE); /* the reset took it */
    }
}

void cpu_hotplug_init(CPUHotplug *s, Object *owner, AcpiPM *pm, unsigned n, uint16_t base)
{
    qemu_mutex_init(&s->lock);
    s->pm = pm;
    s->n = n;
    s->slots = g_new0(CPUHotplugSlot, n);
    s->eject_bh = aio_bh_new(aio_get_main(), eject, s);
    s->ost_bh = aio_bh_new(aio_get_main(), ost, s);
    memory_region_init_io(&s->io, owner, &hotplug_ops, s, "acpi-cpu-hotplug", CPU_HOTPLUG_SIZE);
    memory_region_add_subregion(get_system_io(), base, &s->io);
}
