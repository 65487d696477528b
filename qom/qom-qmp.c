/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP commands of the object model; qapi/qom.json describes them. */
#include "qapi/qapi-commands.h"
#include "qom-internal.h"
#include "qom/qom-qapi.h"

typedef struct InfoState {
    ObjectClass *klass;
    bool (*skip)(const ObjectProperty *prop);
    ObjectPropertyInfoList **tail;
} InfoState;

static void add_info(const ObjectProperty *prop, void *opaque)
{
    InfoState *state = opaque;
    ObjectPropertyInfo *info;

    if (state->skip && state->skip(prop)) {
        return;
    }
    info = g_new0(ObjectPropertyInfo, 1);
    info->name = g_strdup(prop->name);
    info->type = object_property_type_name(prop);
    info->description = g_strdup(prop->help);
    info->default_value = state->klass ? object_class_property_default(state->klass, prop) : NULL;
    QAPI_LIST_APPEND(state->tail, info);
}

ObjectPropertyInfoList *qom_property_infos(ObjectClass *klass, Object *obj,
                                           bool (*skip)(const ObjectProperty *prop))
{
    ObjectPropertyInfoList *list = NULL;
    InfoState state = {.klass = obj ? NULL : klass, .skip = skip, .tail = &list};

    if (obj) {
        object_property_foreach(obj, add_info, &state);
    } else {
        object_class_property_foreach(klass, add_info, &state);
    }
    return list;
}

static Object *resolve(const char *path, GError **errp)
{
    bool ambiguous;
    Object *obj = object_resolve_path(path, &ambiguous);

    if (!obj && ambiguous) {
        error_setg(errp, "Path '%s' does not uniquely identify an object", path);
    } else if (!obj) {
        error_set_class(errp, ERROR_CLASS_DEVICE_NOT_FOUND, "Device '%s' not found", path);
    }
    return obj;
}

ObjectPropertyInfoList *qmp_qom_list(const char *path, GError **errp)
{
    Object *obj = resolve(path, errp);

    return obj ? qom_property_infos(NULL, obj, NULL) : NULL;
}

json_object *qmp_qom_get(const char *path, const char *property, GError **errp)
{
    Object *obj = resolve(path, errp);

    return obj ? object_property_get_json(obj, property, errp) : NULL;
}

void qmp_qom_set(const char *path, const char *property, json_object *value, GError **errp)
{
    Object *obj = resolve(path, errp);

    if (obj) {
        object_property_set_json(obj, property, value, false, errp);
    }
}

static void add_type(const TypeInfo *info, const char *parent, bool abstract, void *opaque)
{
    ObjectTypeInfoList ***tail = opaque;
    ObjectTypeInfo *type = g_new0(ObjectTypeInfo, 1);

    type->name = g_strdup(info->name);
    type->has_abstract = type->abstract = abstract; /* listed only when true */
    type->parent = g_strdup(parent);
    QAPI_LIST_APPEND(*tail, type);
}

ObjectTypeInfoList *qmp_qom_list_types(const char *implements, bool has_abstract, bool abstract,
                                       GError **errp)
{
    ObjectTypeInfoList *list = NULL, **tail = &list;

    object_type_foreach(add_type, implements, has_abstract && abstract, &tail);
    return list;
}

ObjectPropertyInfoList *qmp_qom_list_properties(const char *typename, GError **errp)
{
    ObjectClass *klass = object_class_by_name(typename);

    if (!klass) {
        error_set_class(errp, ERROR_CLASS_DEVICE_NOT_FOUND, "Class '%s' not found", typename);
        return NULL;
    }
    if (!object_class_is_a(klass, TYPE_OBJECT)) {
        error_setg(errp, "'%s' is an interface and has no properties", typename);
        return NULL;
    }
    return qom_property_infos(klass, NULL, NULL);
}

/* A string argument of a raw command, taken out of args; NULL with errp if it is missing or
 * something else. */
static char *take_string(json_object *args, const char *name, GError **errp)
{
    json_object *value = NULL;
    char *text;

    if (!json_object_object_get_ex(args, name, &value)) {
        error_setg(errp, "Parameter '%s' is missing", name);
        return NULL;
    }
    if (!json_object_is_type(value, json_type_string)) {
        error_setg(errp, "Invalid parameter type for '%s', expected: string", name);
        return NULL;
    }
    text = g_strdup(json_object_get_string(value));
    json_object_object_del(args, name);
    return text;
}

void qmp_object_add(json_object *args, json_object **ret, GError **errp)
{
    json_object *props = json_object_new_object();
    g_autofree char *typename = NULL;
    g_autofree char *id = NULL;

    if (args) {
        json_object_object_foreach(args, key, value)
        {
            json_object_object_add(props, key, json_object_get(value));
        }
    }
    typename = take_string(props, "qom-type", errp);
    id = typename ? take_string(props, "id", errp) : NULL;
    if (id) {
        user_creatable_add(typename, id, props, false, errp);
    }
    json_object_put(props);
}

void qmp_object_del(const char *id, GError **errp)
{
    user_creatable_del(id, errp);
}
