/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The device property chardev=ID. */
#include "chardev/char.h"
#include "hw/qdev-core.h"
#include "qemu/osdep.h"

static CharFrontend *field(Object *obj, const ObjectProperty *prop)
{
    return (CharFrontend *)((char *)obj + prop->offset);
}

json_object *qdev_prop_chr_get(Object *obj, const ObjectProperty *prop, GError **errp)
{
    CharFrontend *fe = field(obj, prop);

    return json_object_new_string(fe->chr ? qemu_chr_label(fe->chr) : "");
}

bool qdev_prop_chr_set(Object *obj, const ObjectProperty *prop, json_object *value, GError **errp)
{
    CharFrontend *fe = field(obj, prop);
    Chardev *chr;

    if (DEVICE(obj)->realized) {
        error_setg(errp, "Property '%s' can only be set before the device is realized", prop->name);
        return false;
    }
    if (!json_object_is_type(value, json_type_string)) {
        error_setg(errp, "Invalid parameter type for '%s', expected: string", prop->name);
        return false;
    }
    chr = qemu_chr_find(json_object_get_string(value));
    if (!chr) {
        error_setg(errp, "Property '%s.%s' can't find value '%s': define it with -chardev",
                   object_get_typename(obj), prop->name, json_object_get_string(value));
        return false;
    }
    qemu_chr_fe_deinit(fe);
    return qemu_chr_fe_init(fe, chr, errp);
}
