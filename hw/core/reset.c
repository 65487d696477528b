/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reset: of one device and what hangs on it, and of the machine. */
#include "hw/qdev-core.h"
#include "qdev-internal.h"

typedef struct ResetEntry {
    void (*fn)(void *);
    void *opaque;
} ResetEntry;

static GArray *entries; /* ResetEntry, in order of registration; NULL: none */

void bus_cold_reset(BusState *bus)
{
    BusClass *bc = BUS_GET_CLASS(bus);

    for (unsigned i = 0; i < bus->children->len; i++) {
        device_cold_reset(bus->children->pdata[i]);
    }
    if (bc->reset) {
        bc->reset(bus);
    }
}

void device_cold_reset(DeviceState *dev)
{
    DeviceClass *dc = DEVICE_GET_CLASS(dev);

    if (!dev->realized) {
        return;
    }
    for (unsigned i = 0; i < dev->child_buses->len; i++) {
        bus_cold_reset(dev->child_buses->pdata[i]);
    }
    if (dc->reset) {
        dc->reset(dev);
    }
}

void qemu_register_reset(void (*fn)(void *), void *opaque)
{
    ResetEntry e = {fn, opaque};

    if (!entries) {
        entries = g_array_new(false, false, sizeof(ResetEntry));
    }
    g_array_append_val(entries, e);
}

static int find_entry(void (*fn)(void *), void *opaque)
{
    for (unsigned i = 0; entries && i < entries->len; i++) {
        ResetEntry *e = &g_array_index(entries, ResetEntry, i);

        if (e->fn == fn && e->opaque == opaque) {
            return i;
        }
    }
    return -1;
}

void qemu_unregister_reset(void (*fn)(void *), void *opaque)
{
    int i = find_entry(fn, opaque);

    if (i >= 0) {
        g_array_remove_index(entries, i);
    }
}

static bool collect_busless(Object *obj, void *opaque)
{
    if (object_is_a(obj, TYPE_DEVICE) && DEVICE(obj)->realized && !DEVICE(obj)->parent_bus) {
        g_ptr_array_add(opaque, object_ref(obj));
    }
    return true;
}

void qemu_devices_reset(void)
{
    g_autoptr(GPtrArray) busless = g_ptr_array_new_with_free_func(object_unref);
    g_autofree ResetEntry *copy = NULL;
    unsigned n = entries ? entries->len : 0;
    Object *machine = object_resolve_path("/machine", NULL);

    bus_cold_reset(sysbus_get_default());
    if (machine) {
        object_child_foreach_recursive(machine, collect_busless, busless);
    }
    for (unsigned i = 0; i < busless->len; i++) {
        device_cold_reset(busless->pdata[i]);
    }
    /* A function may register and unregister. */
    copy = n ? g_memdup2(entries->data, n * sizeof(ResetEntry)) : NULL;
    for (unsigned i = 0; i < n; i++) {
        if (find_entry(copy[i].fn, copy[i].opaque) >= 0) {
            copy[i].fn(copy[i].opaque);
        }
    }
}
