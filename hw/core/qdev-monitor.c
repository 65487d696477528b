/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -device and device_add: from options to a realized device on a bus; and finding such a device
 * again. */
#include "hw/qdev-core.h"
#include "qapi/keyval.h"
#include "qdev-internal.h"

static Object *peripheral(void)
{
    return container_get(object_get_root(), "/machine/peripheral");
}

static Object *peripheral_anon(void)
{
    return container_get(object_get_root(), "/machine/peripheral-anon");
}

DeviceState *qdev_find(const char *id_or_path, GError **errp)
{
    Object *obj = NULL;

    if (*id_or_path == '/') {
        obj = object_resolve_path(id_or_path, NULL);
    } else {
        /* Looks without making the container: -object asks for devices before there is a machine.
         */
        Object *where = object_resolve_path("/machine/peripheral", NULL);
        const ObjectProperty *prop = where ? object_property_find(where, id_or_path) : NULL;

        obj = prop && prop->kind == PROP_CHILD ? object_property_get_link(where, id_or_path, NULL)
                                               : NULL;
        obj = obj ? obj : object_resolve_path_type(id_or_path, TYPE_DEVICE, NULL);
    }
    if (!obj) {
        error_set_class(errp, ERROR_CLASS_DEVICE_NOT_FOUND, "Device '%s' not found", id_or_path);
        return NULL;
    }
    if (!object_is_a(obj, TYPE_DEVICE)) {
        error_setg(errp, "'%s' is a '%s' and no device", id_or_path, object_get_typename(obj));
        return NULL;
    }
    return DEVICE(obj);
}

static DeviceClass *class_for_user(const char *driver, GError **errp)
{
    ObjectClass *klass = object_class_by_name(driver);
    DeviceClass *dc = (DeviceClass *)klass;

    if (!klass || !object_class_is_a(klass, TYPE_DEVICE)) {
        g_autofree char *hint = object_type_hint(driver, TYPE_DEVICE);

        error_setg(errp, "'%s' is not a valid device model name%s", driver,
                   *hint ? hint : "; -device help lists them");
        return NULL;
    }
    if (object_class_is_abstract(klass)) {
        error_setg(errp, "Device type '%s' is abstract: only types derived from it can be created",
                   driver);
        return NULL;
    }
    if (!dc->user_creatable) {
        error_setg(errp, "Device type '%s' is the machine's own: it cannot be created with -device",
                   driver);
        return NULL;
    }
    if (qdev_hotplug && !dc->hotpluggable) {
        error_setg(errp, "Device type '%s' does not support hotplugging", driver);
        return NULL;
    }
    return dc;
}

/* The bus for a device of class dc; *bus NULL when it needs none. */
static bool choose_bus(DeviceClass *dc, const char *driver, const char *name, BusState **bus,
                       GError **errp)
{
    *bus = NULL;
    if (name) {
        *bus = qbus_find(name, errp);
        if (*bus && (!dc->bus_type || !object_is_a(OBJECT(*bus), dc->bus_type))) {
            error_setg(errp, "Device '%s' can't go on %s bus '%s'", driver,
                       object_get_typename(OBJECT(*bus)), (*bus)->name);
            return false;
        }
    } else if (dc->bus_type) {
        *bus = qbus_find_for(dc->bus_type, driver, errp);
    } else {
        return true;
    }
    if (!*bus) {
        return false;
    }
    if (qbus_is_full(*bus)) {
        error_setg(errp, "Bus '%s' is full", (*bus)->name);
        return false;
    }
    if (qdev_hotplug && !(*bus)->hotplug_handler) {
        error_setg(errp, "Bus '%s' does not support hotplugging", (*bus)->name);
        return false;
    }
    return true;
}

/* Puts dev at /machine/peripheral/ID or at the next anonymous place. */
static bool place(DeviceState *dev, const char *id, GError **errp)
{
    if (!id) {
        return object_property_add_child(peripheral_anon(), "device[*]", OBJECT(dev), errp);
    }
    if (!id_wellformed(id)) {
        error_setg(errp, "id '%s' is not valid: a letter, then letters, digits, '-', '.' and '_'",
                   id);
        return false;
    }
    if (object_property_find(peripheral(), id)) {
        error_setg(errp, "Duplicate device ID '%s'", id);
        return false;
    }
    dev->id = g_strdup(id);
    return object_property_add_child(peripheral(), id, OBJECT(dev), errp);
}

static json_object *shallow_copy(json_object *opts)
{
    json_object *copy = json_object_new_object();

    json_object_object_foreach(opts, key, value)
    {
        json_object_object_add(copy, key, json_object_get(value));
    }
    return copy;
}

/* The drive comes last: how it is attached depends on other properties. */
static bool set_properties(DeviceState *dev, json_object *opts, bool from_strings, GError **errp)
{
    json_object *drive = NULL;

    json_object_object_foreach(opts, key, value)
    {
        if (g_str_equal(key, "drive")) {
            drive = value;
        } else if (!object_property_set_json(OBJECT(dev), key, value, from_strings, errp)) {
            return false;
        }
    }
    return !drive || object_property_set_json(OBJECT(dev), "drive", drive, from_strings, errp);
}

/* opts is the callee's to take keys from. */
static DeviceState *add_device(json_object *opts, bool from_strings, GError **errp)
{
    g_autofree char *driver = opts_take_str(opts, "driver");
    g_autofree char *id = opts_take_str(opts, "id");
    g_autofree char *bus_name = opts_take_str(opts, "bus");
    g_autoptr(Object) obj = NULL;
    DeviceState *dev;
    DeviceClass *dc;
    BusState *bus;

    if (!driver) {
        error_setg(errp, "Parameter 'driver' is missing");
        return NULL;
    }
    dc = class_for_user(driver, errp);
    if (!dc || !choose_bus(dc, driver, bus_name, &bus, errp)) {
        return NULL;
    }
    obj = object_new(driver, errp);
    if (!obj) {
        return NULL;
    }
    dev = DEVICE(obj);
    dev->hotplugged = qdev_hotplug;
    if (qdev_hotplug && !bus && !qdev_get_hotplug_handler(dev)) {
        error_setg(errp, "The machine does not support hotplugging '%s'", driver);
        return NULL;
    }
    if (!place(dev, id, errp)) {
        return NULL;
    }
    if (!set_properties(dev, opts, from_strings, errp) || !qdev_realize(dev, bus, errp)) {
        object_unparent(obj);
        return NULL;
    }
    return dev; /* alive: the tree holds it */
}

DeviceState *qdev_device_add(json_object *opts, bool from_strings, GError **errp)
{
    json_object *copy = shallow_copy(opts);
    DeviceState *dev = add_device(copy, from_strings, errp);

    json_object_put(copy);
    return dev;
}
