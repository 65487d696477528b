/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Slots of ACPI hot plug (see hw/acpi/hotplug_slots.h). */
#include "hw/acpi/hotplug_slots.h"

#include "hw/acpi/ost.h"
#include "qapi/qapi-events.h"
#include "system/runstate.h"

enum { FLAG_ENABLED = BIT(0), FLAG_INSERT = BIT(1), FLAG_REMOVE = BIT(2), FLAG_EJECT = BIT(3) };

/* --- registers ------------------------------------------------------------------------------- */

AcpiSlot *acpi_slots_selected(AcpiSlots *s)
{
    return s->selector < s->n ? &s->slots[s->selector] : NULL;
}

uint8_t acpi_slot_flags(const AcpiSlot *slot)
{
    return (slot->dev && !slot->ejecting ? FLAG_ENABLED : 0) | (slot->insert ? FLAG_INSERT : 0) |
           (slot->remove ? FLAG_REMOVE : 0);
}

void acpi_slot_write_flags(AcpiSlots *s, AcpiSlot *slot, uint8_t val, bool may_eject)
{
    if (val & FLAG_INSERT) {
        slot->insert = false;
    } else if (val & FLAG_REMOVE) {
        slot->remove = false;
    } else if ((val & FLAG_EJECT) && slot->dev && may_eject) {
        /* Asked or not: an OS may let a device go of its own accord. */
        slot->ejecting = true;
        aio_bh_schedule(s->eject_bh);
    }
}

void acpi_slot_ost_status(AcpiSlots *s, AcpiSlot *slot, uint32_t status)
{
    slot->ost_source = slot->ost_event;
    slot->ost_status = status;
    slot->ost_event = 0;
    slot->ost_pending = true;
    aio_bh_schedule(s->ost_bh);
}

/* --- the guest lets a device go -------------------------------------------------------------- */

/* One of those that it has ejected, taken out of its slot; NULL: there is none. */
static DeviceState *take_ejected(AcpiSlots *s)
{
    QEMU_LOCK_GUARD(&s->lock);

    for (unsigned n = 0; n < s->n; n++) {
        AcpiSlot *slot = &s->slots[n];
        DeviceState *dev = slot->dev;

        if (dev && slot->ejecting) {
            slot->dev = NULL;
            slot->ejecting = slot->insert = slot->remove = false;
            return dev;
        }
    }
    return NULL;
}

static void eject(void *opaque)
{
    AcpiSlots *s = opaque;
    DeviceState *dev;

    while ((dev = take_ejected(s))) {
        dev->pending_unplug = true;
        qdev_unplug_complete(dev);
        if (s->ejected) {
            s->ejected(s->opaque);
        }
    }
}

/* --- the guest reports ----------------------------------------------------------------------- */

/* The report about slot n, once; *stays: the device that it says will not go, or NULL. */
static bool take_ost(AcpiSlots *s, unsigned n, ACPIOSTInfo *info, DeviceState **stays)
{
    QEMU_LOCK_GUARD(&s->lock);
    AcpiSlot *slot = &s->slots[n];

    if (!slot->ost_pending) {
        return false;
    }
    slot->ost_pending = false;
    info->source = slot->ost_source;
    info->status = slot->ost_status;
    info->device = slot->dev ? slot->dev->id : NULL;
    *stays = NULL;
    if (acpi_ost_is_refusal(slot->ost_source, slot->ost_status) && !slot->ejecting) {
        slot->remove = false;
        *stays = slot->dev;
    }
    return true;
}

static void ost(void *opaque)
{
    AcpiSlots *s = opaque;

    for (unsigned n = 0; n < s->n; n++) {
        ACPIOSTInfo info = {.slot_type = s->type};
        g_autofree char *slot_name = NULL;
        DeviceState *stays;

        if (!take_ost(s, n, &info, &stays)) {
            continue;
        }
        info.slot = slot_name = g_strdup_printf("%u", n);
        qapi_event_send_acpi_device_ost(&info);
        if (stays && stays->pending_unplug) {
            g_autofree char *path = object_get_canonical_path(OBJECT(stays));

            stays->pending_unplug = false; /* it may be asked again */
            qapi_event_send_device_unplug_guest_error(stays->id, path);
        }
    }
}

/* --- main loop ------------------------------------------------------------------------------- */

void acpi_slots_plug(AcpiSlots *s, unsigned n, DeviceState *dev, bool announced)
{
    assert_main_loop();
    qemu_mutex_lock(&s->lock);
    s->slots[n].dev = dev;
    s->slots[n].insert = announced;
    s->slots[n].remove = false;
    qemu_mutex_unlock(&s->lock);
    if (announced) {
        acpi_pm_gpe(s->pm, s->gpe);
    }
}

void acpi_slots_unplug_request(AcpiSlots *s, unsigned n)
{
    assert_main_loop();
    qemu_mutex_lock(&s->lock);
    s->slots[n].remove = true;
    qemu_mutex_unlock(&s->lock);
    acpi_pm_gpe(s->pm, s->gpe);
}

/* A guest that starts anew finds its devices without being told of them, and has no use for those
 * that its predecessor was to let go. */
static void forget_events(AcpiSlots *s)
{
    QEMU_LOCK_GUARD(&s->lock);

    for (unsigned n = 0; n < s->n; n++) {
        AcpiSlot *slot = &s->slots[n];

        slot->insert = slot->remove = false;
        slot->ejecting |= slot->dev && slot->dev->pending_unplug;
        slot->ost_event = 0;
    }
    s->selector = 0;
}

static bool has_events(AcpiSlots *s)
{
    QEMU_LOCK_GUARD(&s->lock);

    for (unsigned n = 0; n < s->n; n++) {
        if (s->slots[n].insert || s->slots[n].remove) {
            return true;
        }
    }
    return false;
}

bool acpi_slots_reset(AcpiSlots *s)
{
    assert_main_loop();
    if (!qemu_system_is_waking()) {
        forget_events(s);
        eject(s);
        return true;
    }
    if (has_events(s)) {
        acpi_pm_gpe(s->pm, s->gpe); /* the reset took it */
    }
    return false;
}

void acpi_slots_init(AcpiSlots *s, AcpiPM *pm, unsigned gpe, ACPISlotType type, unsigned n)
{
    qemu_mutex_init(&s->lock);
    s->pm = pm;
    s->gpe = gpe;
    s->type = type;
    s->n = n;
    s->slots = g_new0(AcpiSlot, n);
    s->eject_bh = aio_bh_new_outermost(aio_get_main(), eject, s);
    s->ost_bh = aio_bh_new(aio_get_main(), ost, s);
}
