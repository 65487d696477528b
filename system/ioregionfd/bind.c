/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * device=ID,region=N: a device's region gets a home from outside; the device does not know.  A
 * device that has a home of its own (a property ioregionfd=) moves there as a whole instead, before
 * it is realized.  The binding waits for its device if that does not exist yet, survives its
 * unplug, and is undone when the object goes.
 */
#include "internal.h"

#include "hw/pci/pci.h"
#include "system/cpus.h"
#include "system/runstate.h"

static IoRegionFd *bindings; /* main loop: all objects with device= */

/* --- which regions a device has
 * --------------------------------------------------------------------------------------------- */

typedef struct NamedRegion {
    MemoryRegion *mr;
    int number; /* as the user may give it; -1: by name only */
} NamedRegion;

static bool listed(const GArray *list, const MemoryRegion *mr)
{
    for (unsigned i = 0; i < list->len; i++) {
        if (g_array_index(list, NamedRegion, i).mr == mr) {
            return true;
        }
    }
    return false;
}

static void add_region(GArray *list, MemoryRegion *mr, int number)
{
    NamedRegion n = {mr, number};

    if (mr && !listed(list, mr)) {
        g_array_append_val(list, n);
    }
}

/* Regions below mr that belong to dev. */
static void add_owned_below(GArray *list, MemoryRegion *mr, DeviceState *dev, bool numbered,
                            int depth)
{
    if (mr->owner == OBJECT(dev) && !mr->alias) {
        add_region(list, mr, numbered ? (int)list->len : -1);
    }
    if (depth > 64) {
        return;
    }
    for (GList *l = mr->subregions.head; l; l = l->next) {
        add_owned_below(list, l->data, dev, numbered, depth + 1);
    }
}

/* BARs and mmio regions by their numbers; ports and memory of other devices in order of address;
 * what lies inside by name. */
static GArray *device_regions(DeviceState *dev)
{
    GArray *list = g_array_new(false, false, sizeof(NamedRegion));
    unsigned n;

    if (object_is_a(OBJECT(dev), TYPE_PCI_DEVICE)) {
        for (int i = 0; i < PCI_ROM_SLOT; i++) {
            add_region(list, PCI_DEVICE(dev)->io_regions[i].memory, i);
        }
    } else if (object_is_a(OBJECT(dev), TYPE_SYS_BUS_DEVICE)) {
        for (int i = 0; i < SYS_BUS_DEVICE(dev)->num_mmio; i++) {
            add_region(list, SYS_BUS_DEVICE(dev)->mmio[i], i);
        }
    }
    n = list->len;
    for (unsigned i = 0; i < n; i++) {
        add_owned_below(list, g_array_index(list, NamedRegion, i).mr, dev, false, 0);
    }
    add_owned_below(list, get_system_io(), dev, !n, 0);
    add_owned_below(list, get_system_memory(), dev, !n, 0);
    return list;
}

/* Length of a region's name without the number at its end. */
static size_t stem_length(const char *name)
{
    size_t n = strlen(name);

    while (n && g_ascii_isdigit(name[n - 1])) {
        n--;
    }
    return n;
}

/* Their names for a message; a row of names that differ in a number only is one item.  g_free. */
static char *region_names(const GArray *list)
{
    GString *out = g_string_new(NULL);

    for (unsigned i = 0, last; i < list->len; i = last + 1) {
        const NamedRegion *n = &g_array_index(list, NamedRegion, i), *other;
        size_t stem = stem_length(n->mr->name);

        last = i;
        while (n->number < 0 && n->mr->name[stem] && last + 1 < list->len) {
            other = &g_array_index(list, NamedRegion, last + 1);
            if (other->number >= 0 || stem_length(other->mr->name) != stem ||
                !other->mr->name[stem] || strncmp(other->mr->name, n->mr->name, stem)) {
                break;
            }
            last++;
        }
        other = &g_array_index(list, NamedRegion, last);
        g_string_append(out, out->len ? ", " : "");
        if (n->number >= 0) {
            g_string_append_printf(out, "%d (%s)", n->number, n->mr->name);
        } else if (last > i) {
            g_string_append_printf(out, "%s...%s", n->mr->name, other->mr->name + stem);
        } else {
            g_string_append(out, n->mr->name);
        }
    }
    return g_string_free(out, FALSE);
}

static MemoryRegion *find_region(IoRegionFd *ior, DeviceState *dev, GError **errp)
{
    g_autoptr(GArray) list = device_regions(dev);
    g_autofree char *names = NULL;
    char *end;
    long number = strtol(ior->region, &end, 0);
    bool by_number = end != ior->region && !*end;

    for (unsigned i = 0; i < list->len; i++) {
        NamedRegion *n = &g_array_index(list, NamedRegion, i);

        if (by_number ? n->number == number : strcmp(n->mr->name, ior->region) == 0) {
            return n->mr;
        }
    }
    names = region_names(list);
    error_setg(errp, "-object ioregionfd,id=%s,region=%s: device '%s' has no region=%s; it has %s",
               ior->id, ior->region, ior->device, ior->region, *names ? names : "none");
    return NULL;
}

/* --- moving
 * --------------------------------------------------------------------------------------------------------------------
 */

/* Regions below (and with) mr that have callbacks: each gets the home. */
static void collect(GPtrArray *out, MemoryRegion *mr, int depth)
{
    if (mr->alias || mr->ram || depth > 64) {
        return;
    }
    if (mr->ops) {
        g_ptr_array_add(out, mr);
    }
    for (GList *l = mr->subregions.head; l; l = l->next) {
        collect(out, l->data, depth + 1);
    }
}

/* Is it, or will it be, ports? */
static bool is_ports(DeviceState *dev, const MemoryRegion *top, const MemoryRegion *mr)
{
    for (int i = 0; object_is_a(OBJECT(dev), TYPE_PCI_DEVICE) && i < PCI_ROM_SLOT; i++) {
        if (PCI_DEVICE(dev)->io_regions[i].memory == top) {
            return PCI_DEVICE(dev)->io_regions[i].type & PCI_BASE_ADDRESS_SPACE_IO;
        }
    }
    return mr->in_io_space;
}

static bool check_free(IoRegionFd *ior, GPtrArray *list, GError **errp)
{
    for (unsigned i = 0; i < list->len; i++) {
        MemoryRegion *mr = g_ptr_array_index(list, i);
        IoRegionFd *other = ioregion_object(mr);

        if (other && other != ior) {
            error_setg(errp,
                       "ioregionfd '%s': region '%s' of device '%s' is claimed by ioregionfd "
                       "object '%s' already",
                       ior->id, mr->name, ior->device, ioregionfd_id(other));
            return false;
        }
        /* A device that has a home of its own relies on it instead of locks. */
        if (mr->home && (ior->channel->external || mr->home_ctx != ior->ctx)) {
            bool movable = object_property_find(ior->bound_device, "ioregionfd");

            error_setg(errp,
                       "ioregionfd '%s': region '%s' of device '%s' has a home already ('%s'); %s",
                       ior->id, mr->name, ior->device, mr->home->channel->name,
                       movable ? "choose it with the device's own iothread= or ioregionfd= "
                                 "property, or create the object before the device"
                               : "this device works there only");
            return false;
        }
    }
    return true;
}

/* vCPUs stand still while a region changes hands: no access is half in the old place.  True: the
 * caller resumes them; somebody who has begun to pause them already does so himself. */
static bool vcpus_hold(void)
{
    bool mine = !vcpus_are_paused();

    if (!runstate_is_running()) {
        return false;
    }
    pause_all_vcpus();
    return mine;
}

static void give_back(IoRegionFd *ior)
{
    bool held = ior->bound->len && vcpus_hold();

    memory_region_transaction_begin();
    for (unsigned i = 0; i < ior->bound->len; i++) {
        memory_region_set_home(g_ptr_array_index(ior->bound, i), NULL, 0);
    }
    memory_region_transaction_commit();
    g_ptr_array_set_size(ior->bound, 0);
    ior->bound_device = NULL;
    if (held) {
        resume_all_vcpus();
    }
}

static bool bind(IoRegionFd *ior, DeviceState *dev, GError **errp)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new();
    MemoryRegion *top = find_region(ior, dev, errp);
    bool held, ok = true;

    if (!top) {
        return false;
    }
    collect(list, top, 0);
    if (!list->len) {
        error_setg(
            errp,
            "ioregionfd '%s': region=%s of device '%s' is memory; there are no accesses to carry",
            ior->id, ior->region, ior->device);
        return false;
    }
    ior->bound_device = OBJECT(dev);
    if (!check_free(ior, list, errp)) {
        ior->bound_device = NULL;
        return false;
    }
    held = vcpus_hold();
    memory_region_transaction_begin();
    for (unsigned i = 0; ok && i < list->len; i++) {
        MemoryRegion *mr = g_ptr_array_index(list, i);

        if (ioregion_object(mr) == ior) {
            continue; /* by the device itself */
        }
        /* Port writes are not posted on real machines: software may rely on what they did. */
        ok = memory_region_set_ioregionfd(
            mr, ior, is_ports(dev, top, mr) ? 0 : MEMORY_HOME_POSTED_WRITES, errp);
        if (ok) {
            mr->home->bound = true;
            g_ptr_array_add(ior->bound, mr);
        }
    }
    memory_region_transaction_commit();
    if (held) {
        resume_all_vcpus();
    }
    if (!ok) {
        give_back(ior);
    }
    return ok;
}

/* --- when devices come and go
 * ------------------------------------------------------------------------------------------------------
 */

/* A device that knows homes gets its own, unless it was given one. */
static bool device_realizing(DeviceListener *l, DeviceState *dev, GError **errp)
{
    for (IoRegionFd *ior = bindings; ior; ior = ior->next_binding) {
        if (ior->bound_device || qdev_find(ior->device, NULL) != dev ||
            !object_property_find(OBJECT(dev), "ioregionfd") ||
            object_property_get_link(OBJECT(dev), "ioregionfd", NULL) ||
            object_property_get_link(OBJECT(dev), "iothread", NULL)) {
            continue;
        }
        if (!object_property_set_link(OBJECT(dev), "ioregionfd", OBJECT(ior), errp)) {
            return false;
        }
    }
    return true;
}

static bool device_realized(DeviceListener *l, DeviceState *dev, GError **errp)
{
    for (IoRegionFd *ior = bindings; ior; ior = ior->next_binding) {
        if (!ior->bound_device && qdev_find(ior->device, NULL) == dev && !bind(ior, dev, errp)) {
            return false;
        }
    }
    return true;
}

static void device_unrealizing(DeviceListener *l, DeviceState *dev)
{
    for (IoRegionFd *ior = bindings; ior; ior = ior->next_binding) {
        if (ior->bound_device == OBJECT(dev)) {
            give_back(ior);
        }
    }
}

static DeviceListener listener = {
    .realizing = device_realizing, .realized = device_realized, .unrealizing = device_unrealizing};

bool io_binding_add(IoRegionFd *ior, GError **errp)
{
    DeviceState *dev = qdev_find(ior->device, NULL);

    if (dev && dev->realized && !bind(ior, dev, errp)) {
        return false;
    }
    if (!bindings) {
        device_listener_register(&listener);
    }
    ior->next_binding = bindings;
    bindings = ior;
    return true;
}

void io_binding_remove(IoRegionFd *ior)
{
    for (IoRegionFd **p = &bindings; *p; p = &(*p)->next_binding) {
        if (*p == ior) {
            *p = ior->next_binding;
            give_back(ior);
            if (!bindings) {
                device_listener_unregister(&listener);
            }
            return;
        }
    }
}

bool ioregionfd_check_bindings(GError **errp)
{
    for (IoRegionFd *ior = bindings; ior; ior = ior->next_binding) {
        if (!ior->bound_device) {
            error_setg(errp,
                       "ioregionfd '%s': device=%s does not exist; give the id of a -device, or a "
                       "path that "
                       "qom-list shows",
                       ior->id, ior->device);
            return false;
        }
    }
    return true;
}
