/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP commands of devices; qapi/qdev.json describes them. */
#include "qapi/qapi-commands.h"
#include "qdev-internal.h"
#include "qom/qom-qapi.h"

ObjectPropertyInfoList *qmp_device_list_properties(const char *typename, GError **errp)
{
    ObjectClass *klass = object_class_by_name(typename);

    if (!klass) {
        error_set_class(errp, ERROR_CLASS_DEVICE_NOT_FOUND, "Device '%s' not found", typename);
        return NULL;
    }
    if (!object_class_is_a(klass, TYPE_DEVICE) || object_class_is_abstract(klass)) {
        error_setg(
            errp,
            "Parameter 'typename' expects a device type that can be created, and '%s' is none",
            typename);
        return NULL;
    }
    return qom_property_infos(klass, NULL, qdev_property_is_internal);
}

void qmp_device_add(json_object *args, json_object **ret, GError **errp)
{
    static const char *const strings[] = {"driver", "bus", "id"};
    json_object *value, *opts = args ? json_object_get(args) : json_object_new_object();

    for (unsigned i = 0; i < G_N_ELEMENTS(strings); i++) {
        if (json_object_object_get_ex(opts, strings[i], &value) &&
            !json_object_is_type(value, json_type_string)) {
            error_setg(errp, "Invalid parameter type for '%s', expected: string", strings[i]);
            json_object_put(opts);
            return;
        }
    }
    /* Clients have always been allowed to write property values as strings. */
    qdev_device_add(opts, true, errp);
    json_object_put(opts);
}

void qmp_device_del(const char *id, GError **errp)
{
    qdev_unplug(id, errp);
}
