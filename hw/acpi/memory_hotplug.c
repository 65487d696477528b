/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The memory modules' hot-plug registers (see hw/acpi/memory_hotplug.h). */
#include "hw/acpi/memory_hotplug.h"

#include "hw/acpi/ost.h"
#include "qapi/qapi-events.h"
#include "system/runstate.h"

/* Read and written are different registers. */
enum { READ_ADDR = 0, READ_SIZE = 8, READ_NODE = 16, REG_FLAGS = 20 };
enum { WRITE_SELECTOR = 0, WRITE_OST_EVENT = 4, WRITE_OST_STATUS = 8 };
enum { FLAG_ENABLED = BIT(0), FLAG_INSERT = BIT(1), FLAG_REMOVE = BIT(2), FLAG_EJECT = BIT(3) };

static MemoryHotplugSlot *selected(MemoryHotplug *s)
{
    return s->selector < s->n ? &s->slots[s->selector] : NULL;
}

/* --- registers ------------------------------------------------------------------------------- */

static uint8_t flags(const MemoryHotplugSlot *slot)
{
    return (slot->dimm && !slot->ejecting ? FLAG_ENABLED : 0) | (slot->insert ? FLAG_INSERT : 0) |
           (slot->remove ? FLAG_REMOVE : 0);
}

static uint64_t hotplug_read(void *opaque, hwaddr offset, unsigned size)
{
    MemoryHotplug *s = opaque;
    QEMU_LOCK_GUARD(&s->lock);
    MemoryHotplugSlot *slot = selected(s);

    if (!slot) {
        return UINT32_MAX;
    }
    switch (offset) {
    case READ_ADDR:
        return slot->addr & UINT32_MAX;
    case READ_ADDR + 4:
        return slot->addr >> 32;
    case READ_SIZE:
        return slot->size & UINT32_MAX;
    case READ_SIZE + 4:
        return slot->size >> 32;
    case READ_NODE:
        return slot->node;
    case REG_FLAGS:
        return flags(slot);
    default:
        return 0;
    }
}

static void write_flags(MemoryHotplug *s, MemoryHotplugSlot *slot, uint8_t val)
{
    if (val & FLAG_INSERT) {
        slot->insert = false;
    } else if (val & FLAG_REMOVE) {
        slot->remove = false;
    } else if ((val & FLAG_EJECT) && slot->dimm) {
        slot->ejecting = true;
        aio_bh_schedule(s->eject_bh);
    }
}

static void hotplug_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    MemoryHotplug *s = opaque;
    QEMU_LOCK_GUARD(&s->lock);
    MemoryHotplugSlot *slot = selected(s);

    if (offset == WRITE_SELECTOR) {
        s->selector = data;
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
        slot->ost_source = slot->ost_event;
        slot->ost_status = data;
        slot->ost_event = 0;
        slot->ost_pending = true;
        aio_bh_schedule(s->ost_bh);
        break;
    case REG_FLAGS:
        write_flags(s, slot, data);
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
static PCDIMM *take_ejected(MemoryHotplug *s)
{
    QEMU_LOCK_GUARD(&s->lock);

    for (unsigned n = 0; n < s->n; n++) {
        PCDIMM *dimm = s->slots[n].dimm;

        if (dimm && s->slots[n].ejecting) {
            s->slots[n] = (MemoryHotplugSlot){0};
            return dimm;
        }
    }
    return NULL;
}

static void eject(void *opaque)
{
    MemoryHotplug *s = opaque;
    PCDIMM *dimm;

    while ((dimm = take_ejected(s))) {
        DEVICE(dimm)->pending_unplug = true;
        qdev_unplug_complete(DEVICE(dimm));
    }
}

/* The report about slot n, once; *stays: the module that it says will not go, or NULL. */
static bool take_ost(MemoryHotplug *s, unsigned n, ACPIOSTInfo *info, PCDIMM **stays)
{
    QEMU_LOCK_GUARD(&s->lock);
    MemoryHotplugSlot *slot = &s->slots[n];

    if (!slot->ost_pending) {
        return false;
    }
    slot->ost_pending = false;
    info->source = slot->ost_source;
    info->status = slot->ost_status;
    info->device = slot->dimm ? DEVICE(slot->dimm)->id : NULL;
    *stays = NULL;
    if (acpi_ost_is_refusal(slot->ost_source, slot->ost_status) && !slot->ejecting) {
        slot->remove = false;
        *stays = slot->dimm;
    }
    return true;
}

static void ost(void *opaque)
{
    MemoryHotplug *s = opaque;

    for (unsigned n = 0; n < s->n; n++) {
        g_autofree char *slot_name = g_strdup_printf("%u", n);
        ACPIOSTInfo info = {.slot = slot_name, .slot_type = ACPI_SLOT_TYPE_DIMM};
        PCDIMM *stays;

        if (!take_ost(s, n, &info, &stays)) {
            continue;
        }
        qapi_event_send_acpi_device_ost(&info);
        if (stays && DEVICE(stays)->pending_unplug) {
            g_autofree char *path = object_get_canonical_path(OBJECT(stays));

            DEVICE(stays)->pending_unplug = false; /* it may be asked again */
            qapi_event_send_device_unplug_guest_error(DEVICE(stays)->id, path);
        }
    }
}

void memory_hotplug_plug(MemoryHotplug *s, PCDIMM *dimm, bool announced)
{
    qemu_mutex_lock(&s->lock);
    s->slots[dimm->slot] = (MemoryHotplugSlot){
        .dimm = dimm,
        .addr = dimm->addr,
        .size = pc_dimm_size(dimm),
        .node = dimm->node,
        .insert = announced,
    };
    qemu_mutex_unlock(&s->lock);
    if (announced) {
        acpi_pm_gpe(s->pm, MEMORY_HOTPLUG_GPE);
    }
}

void memory_hotplug_unplug_request(MemoryHotplug *s, PCDIMM *dimm)
{
    qemu_mutex_lock(&s->lock);
    s->slots[dimm->slot].remove = true;
    qemu_mutex_unlock(&s->lock);
    acpi_pm_gpe(s->pm, MEMORY_HOTPLUG_GPE);
}

/* A guest that starts anew finds its modules without being told of them. */
static void forget_events(MemoryHotplug *s)
{
    QEMU_LOCK_GUARD(&s->lock);

    for (unsigned n = 0; n < s->n; n++) {
        MemoryHotplugSlot *slot = &s->slots[n];

        slot->insert = slot->remove = false;
        slot->ejecting |= slot->dimm && DEVICE(slot->dimm)->pending_unplug;
        slot->ost_event = 0;
    }
    s->selector = 0;
}

static bool has_events(MemoryHotplug *s)
{
    QEMU_LOCK_GUARD(&s->lock);

    for (unsigned n = 0; n < s->n; n++) {
        if (s->slots[n].insert || s->slots[n].remove) {
            return true;
        }
    }
    return false;
}

void memory_hotplug_reset(MemoryHotplug *s)
{
    if (!qemu_system_is_waking()) {
        forget_events(s);
        eject(s);
    } else if (has_events(s)) {
        acpi_pm_gpe(s->pm, MEMORY_HOTPLUG_GPE); /* the reset took it */
    }
}

void memory_hotplug_init(MemoryHotplug *s, Object *owner, AcpiPM *pm, unsigned n)
{
    qemu_mutex_init(&s->lock);
    s->pm = pm;
    s->n = n;
    s->slots = g_new0(MemoryHotplugSlot, n);
    s->eject_bh = aio_bh_new(aio_get_main(), eject, s);
    s->ost_bh = aio_bh_new(aio_get_main(), ost, s);
    memory_region_init_io(&s->io, owner, &hotplug_ops, s, "acpi-mem-hotplug", MEMORY_HOTPLUG_SIZE);
    memory_region_add_subregion(get_system_io(), MEMORY_HOTPLUG_BASE, &s->io);
}
