/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hot-plug handlers: who is asked when a device comes or goes. */
#include "hw/boards.h"
#include "hw/qdev-core.h"
#include "qdev-internal.h"

Object *qdev_get_hotplug_handler(DeviceState *dev)
{
    Object *machine;
    MachineClass *mc;

    if (dev->parent_bus && dev->parent_bus->hotplug_handler) {
        return dev->parent_bus->hotplug_handler;
    }
    machine = object_resolve_path("/machine", NULL);
    if (!machine || !object_is_a(machine, TYPE_MACHINE)) {
        return NULL;
    }
    mc = MACHINE_GET_CLASS(machine);
    return mc->get_hotplug_handler ? mc->get_hotplug_handler(MACHINE(machine), dev) : NULL;
}

static HotplugHandlerClass *methods(Object *handler)
{
    return handler ? object_class_interface(object_get_class(handler), TYPE_HOTPLUG_HANDLER) : NULL;
}

bool hotplug_pre_plug(Object *handler, DeviceState *dev, GError **errp)
{
    HotplugHandlerClass *hc = methods(handler);

    return !hc || !hc->pre_plug || hc->pre_plug(handler, dev, errp);
}

bool hotplug_plug(Object *handler, DeviceState *dev, GError **errp)
{
    HotplugHandlerClass *hc = methods(handler);

    return !hc || !hc->plug || hc->plug(handler, dev, errp);
}

/* Why dev cannot be unplugged at all, or true. */
static bool may_unplug(DeviceState *dev, Object *handler, GError **errp)
{
    const char *name = dev->id ? dev->id : object_get_typename(OBJECT(dev));

    if (dev->pending_unplug) {
        error_setg(errp, "Device %s is already in the process of unplug", name);
    } else if (!DEVICE_GET_CLASS(dev)->hotpluggable) {
        error_setg(errp, "Device '%s' does not support hotplugging",
                   object_get_typename(OBJECT(dev)));
    } else if (dev->parent_bus && !dev->parent_bus->hotplug_handler) {
        error_setg(errp, "Bus '%s' does not support hotplugging", dev->parent_bus->name);
    } else if (!handler) {
        error_setg(errp, "The machine does not support unplugging '%s'", name);
    } else {
        return true;
    }
    return false;
}

bool qdev_unplug(const char *id_or_path, GError **errp)
{
    g_autoptr(Object) hold = NULL;
    DeviceState *dev = qdev_find(id_or_path, errp);
    HotplugHandlerClass *hc;
    Object *handler;

    if (!dev) {
        return false;
    }
    handler = qdev_get_hotplug_handler(dev);
    if (!may_unplug(dev, handler, errp)) {
        return false;
    }
    hold = object_ref(dev); /* the handler may end the unplug inside its call */
    hc = methods(handler);
    dev->pending_unplug = true;
    if (hc && hc->unplug_request) {
        if (!hc->unplug_request(handler, dev, errp)) {
            dev->pending_unplug = false;
            return false;
        }
        return true;
    }
    if (hc && hc->unplug && !hc->unplug(handler, dev, errp)) {
        dev->pending_unplug = false;
        return false;
    }
    qdev_unplug_complete(dev);
    return true;
}

static const TypeInfo hotplug_handler_info = {
    .name = TYPE_HOTPLUG_HANDLER,
    .parent = TYPE_INTERFACE,
    .class_size = sizeof(HotplugHandlerClass),
};
QOM_TYPE(hotplug_handler_info);
