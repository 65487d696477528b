/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -object and object-add: objects that users make, at /objects/ID. */
#include "qom-internal.h"

bool id_wellformed(const char *id)
{
    if (!g_ascii_isalpha(*id)) {
        return false;
    }
    for (; *id; id++) {
        if (!g_ascii_isalnum(*id) && !strchr("-._", *id)) {
            return false;
        }
    }
    return true;
}

/* Sets each member of props; keys in the order given. */
static bool set_properties(Object *obj, json_object *props, bool from_strings, GError **errp)
{
    if (props) {
        json_object_object_foreach(props, key, value)
        {
            if (!object_property_set_json(obj, key, value, from_strings, errp)) {
                return false;
            }
        }
    }
    return true;
}

static bool check_type(const char *typename, GError **errp)
{
    ObjectClass *klass = object_class_by_name(typename);

    if (!klass || !object_class_is_a(klass, TYPE_USER_CREATABLE)) {
        g_autofree char *hint = object_type_hint(typename, TYPE_USER_CREATABLE);

        error_setg(errp, "'%s' is no object type that can be created%s", typename,
                   *hint ? hint : "; -object help lists them");
        return false;
    }
    if (object_class_is_abstract(klass)) {
        error_setg(errp, "Object type '%s' is abstract and cannot be created", typename);
        return false;
    }
    return true;
}

Object *user_creatable_add(const char *typename, const char *id, json_object *props,
                           bool from_strings, GError **errp)
{
    Object *objects = container_get(object_get_root(), "/objects");
    g_autoptr(Object) obj = NULL;
    ObjectClass *klass;

    if (!check_type(typename, errp)) {
        return NULL;
    }
    if (!id) {
        error_setg(errp, "An object of type '%s' needs the parameter 'id'", typename);
        return NULL;
    }
    if (!id_wellformed(id)) {
        error_setg(errp, "'%s' is no valid id: a letter, then letters, digits, '-', '.' and '_'",
                   id);
        return NULL;
    }
    if (object_property_find(objects, id)) {
        error_setg(errp, "There is an object with id '%s' already", id);
        return NULL;
    }
    obj = object_new(typename, errp);
    if (!obj || !set_properties(obj, props, from_strings, errp) ||
        !object_property_add_child(objects, id, obj, errp)) {
        return NULL;
    }
    klass = object_get_class(obj);
    if (klass->complete && !klass->complete(obj, errp)) {
        object_unparent(obj);
        return NULL;
    }
    obj->priv->complete = true;
    return obj; /* alive: the tree holds it */
}

bool user_creatable_del(const char *id, GError **errp)
{
    Object *objects = container_get(object_get_root(), "/objects");
    const ObjectProperty *prop = object_property_find(objects, id);
    ObjectClass *klass;
    Object *obj;

    if (!prop || prop->kind != PROP_CHILD) {
        error_setg(errp, "There is no object with id '%s'", id);
        return false;
    }
    obj = property_child(prop);
    klass = object_get_class(obj);
    if (klass->can_be_deleted) {
        GError *err = NULL;

        if (!klass->can_be_deleted(obj, &err)) {
            if (err) {
                g_propagate_error(errp, err);
            } else {
                error_setg(errp, "Object '%s' is in use and cannot be deleted", id);
            }
            return false;
        }
    }
    object_unparent(obj);
    return true;
}
