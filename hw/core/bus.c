/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Buses: the base type, who is on which, and finding one. */
#include "hw/qdev-core.h"
#include "qapi/keyval.h"
#include "qdev-internal.h"

/* All buses in the tree, in order of creation. */
static GPtrArray *buses;

static const char *type_name(const BusState *bus)
{
    return object_get_typename(OBJECT(bus));
}

/* "ID.N" below a device with an id, else "type.N" with a number of the type's own. */
static char *automatic_name(const BusState *bus, DeviceState *parent)
{
    static GHashTable *counters; /* type name -> number of names given */
    g_autofree char *type = NULL;
    unsigned n;

    if (parent && parent->id) {
        return g_strdup_printf("%s.%u", parent->id, parent->child_buses->len);
    }
    if (!counters) {
        counters = g_hash_table_new(g_str_hash, g_str_equal);
    }
    n = GPOINTER_TO_UINT(g_hash_table_lookup(counters, type_name(bus)));
    g_hash_table_insert(counters, (char *)(uintptr_t)type_name(bus), GUINT_TO_POINTER(n + 1));
    type = g_ascii_strdown(type_name(bus), -1);
    return g_strdup_printf("%s.%u", type, n);
}

BusState *qbus_new(const char *typename, DeviceState *parent, const char *name)
{
    BusState *bus = object_check(object_new(typename, NULL), TYPE_BUS);

    bus->name = name ? g_strdup(name) : automatic_name(bus, parent);
    bus->parent = parent;
    if (!buses) {
        buses = g_ptr_array_new();
    }
    g_ptr_array_add(buses, bus);
    if (parent) {
        /* A user's id may equal a property's name. */
        if (!object_property_add_child(OBJECT(parent), bus->name, OBJECT(bus), NULL)) {
            object_property_add_child(OBJECT(parent), "bus[*]", OBJECT(bus), NULL);
        }
        g_ptr_array_add(parent->child_buses, bus);
        object_unref(bus);
    }
    return bus;
}

void qbus_set_hotplug_handler(BusState *bus, Object *handler)
{
    /* No reference: the handler is the bus's own device or its machine, and outlives it. */
    bus->hotplug_handler = handler;
}

bool qbus_is_full(const BusState *bus)
{
    BusClass *bc = BUS_GET_CLASS(bus);

    return bc->max_dev && bus->children->len >= bc->max_dev;
}

bool qbus_plug(BusState *bus, DeviceState *dev, GError **errp)
{
    DeviceClass *dc = DEVICE_GET_CLASS(dev);
    BusClass *bc = BUS_GET_CLASS(bus);

    if (!dc->bus_type || !object_is_a(OBJECT(bus), dc->bus_type)) {
        error_setg(errp,
                   "Device '%s' cannot be plugged into bus '%s' of type '%s'; it needs a '%s' bus",
                   object_get_typename(OBJECT(dev)), bus->name, type_name(bus),
                   dc->bus_type ? dc->bus_type : "no");
        return false;
    }
    if (qbus_is_full(bus)) {
        error_setg(errp, "Bus '%s' is full: it takes %u device%s", bus->name, bc->max_dev,
                   bc->max_dev == 1 ? "" : "s");
        return false;
    }
    if (bc->check_address && !bc->check_address(bus, dev, errp)) {
        return false;
    }
    dev->parent_bus = BUS(object_ref(bus));
    g_ptr_array_add(bus->children, dev);
    bus->max_index++;
    return true;
}

void qbus_leave(DeviceState *dev)
{
    BusState *bus = dev->parent_bus;

    if (bus) {
        dev->parent_bus = NULL;
        g_ptr_array_remove(bus->children, dev);
        object_unref(bus);
    }
}

/* --- finding
 * ---------------------------------------------------------------------------------------------------------
 */

static BusState *find_by_name(const char *name, size_t len)
{
    for (unsigned i = 0; buses && i < buses->len; i++) {
        BusState *bus = buses->pdata[i];

        if (!strncmp(bus->name, name, len) && !bus->name[len]) {
            return bus;
        }
    }
    return NULL;
}

static DeviceState *find_on_bus(BusState *bus, const char *name, size_t len)
{
    for (unsigned i = 0; i < bus->children->len; i++) {
        DeviceState *dev = bus->children->pdata[i];
        const char *type = object_get_typename(OBJECT(dev));

        if ((dev->id && !strncmp(dev->id, name, len) && !dev->id[len]) ||
            (!strncmp(type, name, len) && !type[len])) {
            return dev;
        }
    }
    return NULL;
}

/* A device's bus by name, or its only one when name is empty. */
static BusState *device_bus(DeviceState *dev, const char *name, size_t len, GError **errp)
{
    for (unsigned i = 0; len && i < dev->child_buses->len; i++) {
        BusState *bus = dev->child_buses->pdata[i];

        if (!strncmp(bus->name, name, len) && !bus->name[len]) {
            return bus;
        }
    }
    if (len) {
        error_setg(errp, "Device '%s' has no bus '%.*s'",
                   dev->id ? dev->id : object_get_typename(OBJECT(dev)), (int)len, name);
        return NULL;
    }
    if (dev->child_buses->len != 1) {
        error_setg(errp, "Device '%s' has %s; name the bus",
                   dev->id ? dev->id : object_get_typename(OBJECT(dev)),
                   dev->child_buses->len ? "several buses" : "no bus");
        return NULL;
    }
    return dev->child_buses->pdata[0];
}

/* BUS/DEVICE/BUS/...: from bus along the path. */
static BusState *walk_path(BusState *bus, const char *path, GError **errp)
{
    while (bus && *(path += strspn(path, "/"))) {
        size_t len = strcspn(path, "/");
        DeviceState *dev = find_on_bus(bus, path, len);

        if (!dev) {
            error_setg(errp, "Bus '%s' has no device '%.*s'", bus->name, (int)len, path);
            return NULL;
        }
        path += len;
        path += strspn(path, "/");
        len = strcspn(path, "/");
        bus = device_bus(dev, path, len, errp);
        path += len;
    }
    return bus;
}

BusState *qbus_find(const char *name_or_path, GError **errp)
{
    size_t len = strcspn(name_or_path, "/");
    BusState *bus = len ? find_by_name(name_or_path, len) : NULL;
    Object *obj;

    if (bus) {
        return walk_path(bus, name_or_path + len, errp);
    }
    obj = object_resolve_path_type(name_or_path, TYPE_BUS, NULL);
    if (obj) {
        return BUS(obj);
    }
    obj = object_resolve_path_type(name_or_path, TYPE_DEVICE, NULL);
    if (obj) {
        return device_bus(DEVICE(obj), "", 0, errp);
    }
    g_autofree const char **names = g_new0(const char *, buses ? buses->len + 1 : 1);
    for (unsigned i = 0; buses && i < buses->len; i++) {
        names[i] = BUS(buses->pdata[i])->name;
    }
    const char *near = nearest_name(name_or_path, names);
    g_autofree char *all = g_strjoinv(", ", (char **)(uintptr_t)names);
    if (near) {
        error_setg(errp, "Bus '%s' not found; did you mean '%s'?", name_or_path, near);
    } else {
        error_setg(errp, "Bus '%s' not found; there are %.200s%s", name_or_path, all,
                   strlen(all) > 200 ? " ..." : "");
    }
    return NULL;
}

/* Depth first from bus; the first one that has room, else *full is the first that has none. */
static BusState *search(BusState *bus, const char *bus_type, BusState **full)
{
    BusState *found = NULL;

    if (object_is_a(OBJECT(bus), bus_type)) {
        if (!qbus_is_full(bus)) {
            return bus;
        }
        *full = *full ? *full : bus;
    }
    for (unsigned i = 0; i < bus->children->len && !found; i++) {
        DeviceState *dev = bus->children->pdata[i];

        for (unsigned b = 0; b < dev->child_buses->len && !found; b++) {
            found = search(dev->child_buses->pdata[b], bus_type, full);
        }
    }
    return found;
}

/* Where there is no PCI, virtio-X-pci has a sibling; NULL: not here. */
static char *other_transport(const char *driver)
{
    g_autofree char *name = NULL;
    ObjectClass *klass;
    BusState *full = NULL;

    if (!g_str_has_suffix(driver, "-pci")) {
        return NULL;
    }
    name = g_strdup_printf("%.*s-device", (int)strlen(driver) - 4, driver);
    klass = object_class_by_name(name);
    if (!klass || !object_class_is_a(klass, TYPE_DEVICE) ||
        !search(sysbus_get_default(), ((DeviceClass *)klass)->bus_type, &full)) {
        return NULL;
    }
    return g_steal_pointer(&name);
}

BusState *qbus_find_for(const char *bus_type, const char *driver, GError **errp)
{
    BusState *full = NULL, *bus = search(sysbus_get_default(), bus_type, &full);

    /* Buses of devices that are on no bus themselves. */
    for (unsigned i = 0; buses && i < buses->len && !bus; i++) {
        BusState *root = buses->pdata[i];

        if (root->parent && !root->parent->parent_bus) {
            bus = search(root, bus_type, &full);
        }
    }
    if (!bus && full) {
        error_setg(errp, "No '%s' bus with room for device '%s': bus '%s' is full", bus_type,
                   driver, full->name);
    } else if (!bus) {
        g_autofree char *other = other_transport(driver);

        error_setg(errp, "No '%s' bus found for device '%s'%s%s%s", bus_type, driver,
                   other ? "; this machine takes '" : "", other ? other : "", other ? "'" : "");
    }
    return bus;
}

/* --- the type
 * --------------------------------------------------------------------------------------------------------------
 */

static void bus_unparent(Object *obj)
{
    BusState *bus = BUS(obj);

    while (bus->children->len) {
        DeviceState *dev = bus->children->pdata[bus->children->len - 1];

        object_unparent(OBJECT(dev));
    }
    if (bus->parent) {
        g_ptr_array_remove(bus->parent->child_buses, bus);
        bus->parent = NULL;
    }
    g_ptr_array_remove(buses, bus);
}

static void bus_init(Object *obj)
{
    BUS(obj)->children = g_ptr_array_new();
}

static void bus_finalize(Object *obj)
{
    BusState *bus = BUS(obj);

    g_ptr_array_unref(bus->children);
    g_free(bus->name);
}

static void bus_class_init(ObjectClass *klass, const void *data)
{
    klass->unparent = bus_unparent;
}

static const TypeInfo bus_info = {
    .name = TYPE_BUS,
    .instance_size = sizeof(BusState),
    .class_size = sizeof(BusClass),
    .abstract = true,
    .class_init = bus_class_init,
    .instance_init = bus_init,
    .instance_finalize = bus_finalize,
};
QOM_TYPE(bus_info);
