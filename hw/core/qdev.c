/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices: the base type, realize and unrealize, the end of an unplug. */
#include "hw/qdev-core.h"
#include "qdev-internal.h"
#include "qemu/aio.h"

bool qdev_hotplug;

static void (*deleted_fn)(const char *id, const char *path);
/* While an unplug ends: id and path of the devices that went, by turns, in order; else NULL. */
static GPtrArray *deleted;

/* An unrealize may wait for requests in flight, and lets the main loop run meanwhile.  What the
 * guest does then may end another unplug: that of the device, or of what it sits on.  It is done
 * when nobody uses any of them any more. */
static unsigned unrealizing; /* calls of a device's unrealize() that have not returned */
static GPtrArray *later;     /* DeviceState *, each with a reference; NULL: there never was one */
static AioBH *later_bh;

void qdev_machine_creation_done(void)
{
    qdev_hotplug = true;
}

void qdev_set_deleted_fn(void (*fn)(const char *id, const char *path))
{
    deleted_fn = fn;
}

DeviceState *qdev_new(const char *typename)
{
    GError *err = NULL;
    Object *obj = object_new(typename, &err);

    if (!obj && object_class_by_name(typename)) {
        /* A -global with a bad value: an error of the user's. */
        error_report_err(err);
        exit(1);
    }
    if (!obj) {
        g_error("%s", err->message);
    }
    return object_check(obj, TYPE_DEVICE);
}

/* --- realize
 * ---------------------------------------------------------------------------------------------------------
 */

/* What realize did, undone: first for what is on dev's buses. */
static void unrealize_with_children(DeviceState *dev)
{
    DeviceClass *dc = DEVICE_GET_CLASS(dev);

    dev->unrealizing = true;
    unrealizing++;
    for (unsigned b = dev->child_buses->len; b-- > 0;) {
        BusState *bus = dev->child_buses->pdata[b];

        for (unsigned i = bus->children->len; i-- > 0;) {
            qdev_unrealize(bus->children->pdata[i]);
        }
    }
    if (dc->unrealize) {
        dc->unrealize(dev);
    }
    dev->realized = dev->unrealizing = false;
    if (!--unrealizing && later && later->len) {
        aio_bh_schedule(later_bh);
    }
}

/* dev is on its bus. */
static bool realize_plugged(DeviceState *dev, GError **errp)
{
    DeviceClass *dc = DEVICE_GET_CLASS(dev);
    Object *handler = qdev_get_hotplug_handler(dev);

    if (!hotplug_pre_plug(handler, dev, errp)) {
        return false;
    }
    if (!device_listeners_realizing(dev, errp) || (dc->realize && !dc->realize(dev, errp))) {
        return false;
    }
    dev->realized = true;
    if (dev->hotplugged) {
        device_cold_reset(dev);
    }
    if (!device_listeners_realized(dev, errp)) {
        /* They have undone what they did themselves. */
        unrealize_with_children(dev);
        return false;
    }
    /* Last: the guest may be told of it, and that cannot be taken back. */
    if (!hotplug_plug(handler, dev, errp)) {
        qdev_unrealize(dev);
        return false;
    }
    return true;
}

bool qdev_realize(DeviceState *dev, BusState *bus, GError **errp)
{
    bool adopted = false;

    g_assert(!dev->realized && !dev->parent_bus);
    if (!object_get_parent(OBJECT(dev))) {
        Object *unattached = container_get(object_get_root(), "/machine/unattached");

        object_property_add_child(unattached, "device[*]", OBJECT(dev), NULL);
        adopted = true;
    }
    if (!bus || qbus_plug(bus, dev, errp)) {
        if (realize_plugged(dev, errp)) {
            return true;
        }
        qbus_leave(dev);
    }
    if (adopted) {
        object_unparent(OBJECT(dev));
    }
    return false;
}

bool qdev_realize_and_unref(DeviceState *dev, BusState *bus, GError **errp)
{
    bool ok = qdev_realize(dev, bus, errp);

    object_unref(dev);
    return ok;
}

void qdev_unrealize(DeviceState *dev)
{
    if (!dev->realized || dev->unrealizing) {
        return;
    }
    device_listeners_unrealizing(dev);
    unrealize_with_children(dev);
}

/* --- leaving
 * --------------------------------------------------------------------------------------------------------------
 */

/* The devices on dev's buses go first, wherever they are in the tree; then dev itself. */
static void device_unparent(Object *obj)
{
    DeviceState *dev = DEVICE(obj);

    for (unsigned b = dev->child_buses->len; b-- > 0;) {
        BusState *bus = dev->child_buses->pdata[b];

        while (bus->children->len) {
            DeviceState *child = bus->children->pdata[bus->children->len - 1];

            object_unparent(OBJECT(child));
        }
    }
    if (deleted && (dev->realized || dev->pending_unplug)) {
        g_ptr_array_add(deleted, g_strdup(dev->id));
        g_ptr_array_add(deleted, object_get_canonical_path(obj));
    }
    qdev_unrealize(dev);
    qbus_leave(dev);
}

static bool unplug_must_wait(void)
{
    return unrealizing || deleted;
}

static void unplug_now(DeviceState *dev)
{
    g_autoptr(GPtrArray) gone = g_ptr_array_new_with_free_func(g_free);

    deleted = gone;
    object_ref(dev);
    object_unparent(OBJECT(dev));
    dev->pending_unplug = false;
    object_unref(dev);
    deleted = NULL;
    for (unsigned i = 0; i < gone->len && deleted_fn; i += 2) {
        deleted_fn(gone->pdata[i], gone->pdata[i + 1]);
    }
}

/* Whatever makes it wait schedules it again at its end. */
static void unplug_later(void *unused)
{
    while (later->len && !unplug_must_wait()) {
        DeviceState *dev = g_ptr_array_remove_index(later, 0);

        if (object_get_parent(OBJECT(dev))) { /* else it went with another one */
            unplug_now(dev);
        }
        object_unref(dev);
    }
}

void qdev_unplug_complete(DeviceState *dev)
{
    if (!unplug_must_wait()) {
        unplug_now(dev);
        return;
    }
    if (!later) {
        later = g_ptr_array_new();
        later_bh = aio_bh_new(aio_get_main(), unplug_later, NULL);
    }
    g_ptr_array_add(later, object_ref(dev));
}

char *qdev_get_dev_path(DeviceState *dev)
{
    BusClass *bc = dev->parent_bus ? BUS_GET_CLASS(dev->parent_bus) : NULL;

    return bc && bc->get_dev_path ? bc->get_dev_path(dev) : NULL;
}

/* --- the type
 * ---------------------------------------------------------------------------------------------------------------
 */

static json_object *get_realized(Object *obj, const ObjectProperty *prop, GError **errp)
{
    return json_object_new_boolean(DEVICE(obj)->realized);
}

static json_object *get_hotplugged(Object *obj, const ObjectProperty *prop, GError **errp)
{
    return json_object_new_boolean(DEVICE(obj)->hotplugged);
}

static json_object *get_hotpluggable(Object *obj, const ObjectProperty *prop, GError **errp)
{
    DeviceState *dev = DEVICE(obj);

    return json_object_new_boolean(DEVICE_GET_CLASS(dev)->hotpluggable &&
                                   (!dev->parent_bus || dev->parent_bus->hotplug_handler));
}

static json_object *get_parent_bus(Object *obj, const ObjectProperty *prop, GError **errp)
{
    BusState *bus = DEVICE(obj)->parent_bus;
    g_autofree char *path = bus ? object_get_canonical_path(OBJECT(bus)) : NULL;

    return json_object_new_string(path ? path : "");
}

static const ObjectProperty device_properties[] = {
    {.name = "realized",
     .type = "bool",
     .kind = PROP_CUSTOM,
     .read_only = true,
     .get = get_realized},
    {.name = "hotplugged",
     .type = "bool",
     .kind = PROP_CUSTOM,
     .read_only = true,
     .get = get_hotplugged},
    {.name = "hotpluggable",
     .type = "bool",
     .kind = PROP_CUSTOM,
     .read_only = true,
     .get = get_hotpluggable},
    {.name = "parent_bus",
     .kind = PROP_LINK,
     .link_type = TYPE_BUS,
     .read_only = true,
     .get = get_parent_bus},
};

static bool device_allow_set(Object *obj, const ObjectProperty *prop, GError **errp)
{
    DeviceState *dev = DEVICE(obj);

    if (dev->realized && !prop->settable_live) {
        error_setg(errp,
                   "Property '%s.%s' of device '%s' can only be set before the device is realized",
                   object_get_typename(obj), prop->name, dev->id ? dev->id : "");
        return false;
    }
    return true;
}

static bool device_post_init(Object *obj, GError **errp)
{
    return qdev_apply_globals(DEVICE(obj), errp);
}

static void device_init(Object *obj)
{
    DEVICE(obj)->child_buses = g_ptr_array_new();
}

static void device_finalize(Object *obj)
{
    DeviceState *dev = DEVICE(obj);

    g_assert(!dev->realized && !dev->parent_bus);
    g_ptr_array_unref(dev->child_buses);
    if (dev->gpios) {
        g_ptr_array_unref(dev->gpios);
    }
    g_free(dev->id);
}

static void device_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    klass->unparent = device_unparent;
    klass->post_init = device_post_init;
    klass->allow_set = device_allow_set;
    dc->user_creatable = true;
    dc->hotpluggable = true;
    dc->category = DEVICE_CATEGORY_MAX;
    object_class_add_property_table(klass, device_properties);
}

static const TypeInfo device_info = {
    .name = TYPE_DEVICE,
    .instance_size = sizeof(DeviceState),
    .class_size = sizeof(DeviceClass),
    .abstract = true,
    .class_init = device_class_init,
    .instance_init = device_init,
    .instance_finalize = device_finalize,
};
QOM_TYPE(device_info);
