/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Instances: creation, references, the end; and the types that everything else descends from. */
#include "qom-internal.h"

#include <pthread.h>

void qom_assert_thread(void)
{
    static pthread_t home;
    static bool known;

    if (!known) {
        home = pthread_self();
        known = true;
    }
    g_assert(pthread_equal(home, pthread_self()));
}

const char *object_get_typename(const Object *obj)
{
    return object_get_class(obj)->info->name;
}

bool object_is_a(const Object *obj, const char *typename)
{
    return obj && object_class_is_a(object_get_class(obj), typename);
}

void *object_check(const void *obj, const char *typename)
{
    if (!object_is_a(obj, typename)) {
        g_error("object of type '%s' is no '%s'", obj ? object_get_typename(obj) : "(null)",
                typename);
    }
    return (void *)(uintptr_t)obj;
}

static void run_instance_init(Object *obj, ObjectClass *klass)
{
    if (klass->priv->parent) {
        run_instance_init(obj, klass->priv->parent);
    }
    if (klass->info->instance_init) {
        klass->info->instance_init(obj);
    }
}

Object *object_new(const char *typename, GError **errp)
{
    ObjectClass *klass;
    Object *obj;

    qom_assert_thread();
    klass = object_class_by_name(typename);
    if (!klass) {
        g_autofree char *hint = object_type_hint(typename, NULL);

        error_setg(errp, "There is no type '%s'%s", typename, hint);
        return NULL;
    }
    if (object_class_is_abstract(klass)) {
        error_setg(errp, "Type '%s' is abstract: only types derived from it can be created",
                   typename);
        return NULL;
    }
    /* Ours run here and not as GObject's, so that they all see the most derived class. */
    obj = g_object_new(klass->priv->impl->gtype, NULL);
    obj->priv = g_new0(ObjectPrivate, 1);
    object_apply_defaults(obj, klass);
    run_instance_init(obj, klass);
    if (klass->post_init && !klass->post_init(obj, errp)) {
        object_unref(obj);
        return NULL;
    }
    return obj;
}

Object *object_ref(void *obj)
{
    return obj ? g_object_ref(obj) : NULL;
}

void object_unref(void *obj)
{
    if (obj) {
        g_object_unref(obj);
    }
}

static void object_finalize(GObject *gobj)
{
    Object *obj = (Object *)gobj;
    ObjectClass *klass = object_get_class(obj);
    GObjectClass *base = g_type_class_peek(G_TYPE_OBJECT);

    g_assert(!obj->priv->parent);
    for (unsigned i = obj->priv->props ? obj->priv->props->len : 0; i-- > 0;) {
        const ObjectProperty *prop = obj->priv->props->pdata[i];

        if (prop->kind == PROP_CHILD) {
            object_leave_tree(property_child(prop));
        }
    }
    for (ObjectClass *k = klass; k; k = k->priv->parent) {
        if (k->info->instance_finalize) {
            k->info->instance_finalize(obj);
        }
    }
    object_release_properties(obj);
    if (obj->priv->props) {
        g_ptr_array_unref(obj->priv->props);
    }
    g_free(obj->priv->name);
    g_free(obj->priv);
    base->finalize(gobj);
}

/* --- the first types
 * -------------------------------------------------------------------------------------------- */

static json_object *get_type(Object *obj, const ObjectProperty *prop, GError **errp)
{
    return json_object_new_string(object_get_typename(obj));
}

static const ObjectProperty object_properties[] = {
    {.name = "type",
     .type = "string",
     .kind = PROP_CUSTOM,
     .read_only = true,
     .get = get_type,
     .help = "Type of the object"},
};

static void object_class_init(ObjectClass *klass, const void *data)
{
    klass->parent_class.finalize = object_finalize;
    object_class_add_property_table(klass, object_properties);
}

static const TypeInfo object_info = {
    .name = TYPE_OBJECT,
    .instance_size = sizeof(Object),
    .class_size = sizeof(ObjectClass),
    .abstract = true,
    .class_init = object_class_init,
};
QOM_TYPE(object_info);

static const TypeInfo interface_info = {
    .name = TYPE_INTERFACE,
    .abstract = true,
};
QOM_TYPE(interface_info);

static const TypeInfo container_info = {
    .name = TYPE_CONTAINER,
};
QOM_TYPE(container_info);

static const TypeInfo user_creatable_info = {
    .name = TYPE_USER_CREATABLE,
    .parent = TYPE_INTERFACE,
};
QOM_TYPE(user_creatable_info);
