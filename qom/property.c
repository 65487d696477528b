/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Properties: the tables of classes, the objects' own, look-up, defaults; values are
 * property-value.c's. */
#include "qom-internal.h"

const EnumTable on_off_auto_table = {
    .qapi_name = "OnOffAuto",
    .names = (const char *const[]){"auto", "on", "off", NULL},
};

void object_class_add_properties(ObjectClass *klass, const ObjectProperty *props, size_t n)
{
    ObjectClassPrivate *priv = klass->priv;

    priv->tables = g_renew(PropertyTable, priv->tables, priv->num_tables + 1);
    priv->tables[priv->num_tables++] = (PropertyTable){.props = props, .n = n};
}

const ObjectProperty *object_class_property_find(ObjectClass *klass, const char *name)
{
    for (; klass; klass = klass->priv->parent) {
        for (unsigned t = 0; t < klass->priv->num_tables; t++) {
            const PropertyTable *table = &klass->priv->tables[t];

            for (size_t i = 0; i < table->n; i++) {
                if (!strcmp(table->props[i].name, name)) {
                    return &table->props[i];
                }
            }
        }
    }
    return NULL;
}

void object_class_property_set_default(ObjectClass *klass, const char *name, int64_t defval)
{
    const ObjectProperty *prop = object_class_property_find(klass, name);
    ObjectClassPrivate *priv = klass->priv;

    if (!prop) {
        g_error("type '%s' has no property '%s'", klass->info->name, name);
    }
    priv->defaults = g_renew(PropertyDefault, priv->defaults, priv->num_defaults + 1);
    priv->defaults[priv->num_defaults++] = (PropertyDefault){.prop = prop, .value = defval};
}

/* The default that holds for klass: its own or its nearest ancestor's change, else the table's. */
static int64_t default_of(ObjectClass *klass, const ObjectProperty *prop)
{
    for (; klass; klass = klass->priv->parent) {
        for (unsigned i = klass->priv->num_defaults; i-- > 0;) {
            if (klass->priv->defaults[i].prop == prop) {
                return klass->priv->defaults[i].value;
            }
        }
    }
    return prop->defval;
}

json_object *object_class_property_default(ObjectClass *klass, const ObjectProperty *prop)
{
    int64_t value = default_of(klass, prop);

    if (prop->kind == PROP_STRING) {
        return prop->defstr ? json_object_new_string(prop->defstr) : NULL;
    }
    if (!prop->has_default) {
        return NULL;
    }
    switch (prop->kind) {
    case PROP_BOOL:
        return json_object_new_boolean(value);
    case PROP_INT:
        return json_object_new_int64(value);
    case PROP_UINT:
    case PROP_SIZE:
        return json_object_new_uint64(value);
    case PROP_ENUM:
    case PROP_ON_OFF_AUTO:
        return json_object_new_string(prop->table->names[value]);
    default:
        return NULL;
    }
}

static void store_default(Object *obj, ObjectClass *klass, const ObjectProperty *prop)
{
    void *field = (char *)obj + prop->offset;
    int64_t value = default_of(klass, prop);

    switch (prop->kind) {
    case PROP_BOOL:
        *(bool *)field = value;
        break;
    case PROP_INT:
    case PROP_UINT:
    case PROP_SIZE:
        memcpy(field, &value, prop->kind == PROP_SIZE ? 8 : prop->size);
        break;
    case PROP_ENUM:
    case PROP_ON_OFF_AUTO:
        *(int *)field = value;
        break;
    case PROP_STRING:
        *(char **)field = g_strdup(prop->defstr);
        break;
    default:
        break;
    }
}

/* True if the property's value lives in a field of the instance that this layer manages. */
static bool is_field(const ObjectProperty *prop)
{
    return !prop->get && !prop->set && prop->kind != PROP_CUSTOM && prop->kind != PROP_CHILD;
}

static void apply_from_root(Object *obj, ObjectClass *klass, ObjectClass *k)
{
    if (k->priv->parent) {
        apply_from_root(obj, klass, k->priv->parent);
    }
    for (unsigned t = 0; t < k->priv->num_tables; t++) {
        const PropertyTable *table = &k->priv->tables[t];

        for (size_t i = 0; i < table->n; i++) {
            const ObjectProperty *prop = &table->props[i];

            if (is_field(prop) && (prop->has_default || prop->defstr)) {
                store_default(obj, klass, prop);
            }
        }
    }
}

void object_apply_defaults(Object *obj, ObjectClass *klass)
{
    apply_from_root(obj, klass, klass);
}

static void release_field(Object *obj, const ObjectProperty *prop)
{
    void **field = (void **)((char *)obj + prop->offset);

    if (is_field(prop) && prop->kind == PROP_STRING) {
        g_clear_pointer(field, g_free);
    } else if (is_field(prop) && prop->kind == PROP_LINK) {
        g_clear_pointer(field, object_unref);
    }
}

void object_release_properties(Object *obj)
{
    for (ObjectClass *k = object_get_class(obj); k; k = k->priv->parent) {
        for (unsigned t = 0; t < k->priv->num_tables; t++) {
            for (size_t i = 0; i < k->priv->tables[t].n; i++) {
                release_field(obj, &k->priv->tables[t].props[i]);
            }
        }
    }
    for (unsigned i = 0; obj->priv->props && i < obj->priv->props->len; i++) {
        release_field(obj, obj->priv->props->pdata[i]);
    }
}

/* --- an object's own
 * -------------------------------------------------------------------------------------------------
 */

void object_property_free(ObjectProperty *prop)
{
    g_free((char *)(uintptr_t)prop->name);
    g_free((char *)(uintptr_t)prop->type);
    g_free((char *)(uintptr_t)prop->help);
    g_free((char *)(uintptr_t)prop->link_type);
    g_free(prop);
}

static void free_property(gpointer prop)
{
    object_property_free(prop);
}

void object_property_add(Object *obj, const ObjectProperty *prop)
{
    ObjectProperty *copy = g_memdup2(prop, sizeof(*prop));

    qom_assert_thread();
    g_assert(!object_property_find(obj, prop->name));
    copy->name = g_strdup(prop->name);
    copy->type = g_strdup(prop->type);
    copy->help = g_strdup(prop->help);
    copy->link_type = g_strdup(prop->link_type);
    if (!obj->priv->props) {
        obj->priv->props = g_ptr_array_new_with_free_func(free_property);
    }
    g_ptr_array_add(obj->priv->props, copy);
    if (is_field(copy) && copy->has_default) {
        store_default(obj, object_get_class(obj), copy);
    }
}

void object_property_del(Object *obj, const char *name)
{
    for (unsigned i = 0; obj->priv->props && i < obj->priv->props->len; i++) {
        ObjectProperty *prop = obj->priv->props->pdata[i];

        if (!strcmp(prop->name, name)) {
            release_field(obj, prop);
            g_ptr_array_remove_index(obj->priv->props, i);
            return;
        }
    }
}

const ObjectProperty *object_property_find(Object *obj, const char *name)
{
    for (unsigned i = 0; obj->priv->props && i < obj->priv->props->len; i++) {
        const ObjectProperty *prop = obj->priv->props->pdata[i];

        if (!strcmp(prop->name, name)) {
            return prop;
        }
    }
    return object_class_property_find(object_get_class(obj), name);
}

/* --- walks
 * ------------------------------------------------------------------------------------------------------------
 */

static int compare_props(gconstpointer a, gconstpointer b)
{
    const ObjectProperty *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

/* Adds the properties of klass and its ancestors that are not in list yet: a derived class's hides
 * its ancestor's. */
static void collect_class(ObjectClass *klass, GPtrArray *list)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (unsigned i = 0; i < list->len; i++) {
        g_hash_table_add(seen, (char *)(uintptr_t)((const ObjectProperty *)list->pdata[i])->name);
    }
    for (; klass; klass = klass->priv->parent) {
        for (unsigned t = 0; t < klass->priv->num_tables; t++) {
            const PropertyTable *table = &klass->priv->tables[t];

            for (size_t i = 0; i < table->n; i++) {
                if (g_hash_table_add(seen, (char *)(uintptr_t)table->props[i].name)) {
                    g_ptr_array_add(list, (ObjectProperty *)(uintptr_t)&table->props[i]);
                }
            }
        }
    }
}

static void foreach_sorted(GPtrArray *list, void (*fn)(const ObjectProperty *, void *),
                           void *opaque)
{
    g_ptr_array_sort(list, compare_props);
    for (unsigned i = 0; i < list->len; i++) {
        fn(list->pdata[i], opaque);
    }
}

void object_class_property_foreach(ObjectClass *klass, void (*fn)(const ObjectProperty *, void *),
                                   void *opaque)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new();

    collect_class(klass, list);
    foreach_sorted(list, fn, opaque);
}

void object_property_foreach(Object *obj, void (*fn)(const ObjectProperty *, void *), void *opaque)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new();

    for (unsigned i = 0; obj->priv->props && i < obj->priv->props->len; i++) {
        g_ptr_array_add(list, obj->priv->props->pdata[i]);
    }
    collect_class(object_get_class(obj), list);
    foreach_sorted(list, fn, opaque);
}

char *object_property_type_name(const ObjectProperty *prop)
{
    if (prop->type) {
        return g_strdup(prop->type);
    }
    switch (prop->kind) {
    case PROP_BOOL:
        return g_strdup("bool");
    case PROP_INT:
        return g_strdup_printf("int%u", prop->size * 8);
    case PROP_UINT:
        return g_strdup_printf("uint%u", prop->size * 8);
    case PROP_SIZE:
        return g_strdup("size");
    case PROP_STRING:
        return g_strdup("str");
    case PROP_ENUM:
    case PROP_ON_OFF_AUTO:
        return g_strdup(prop->table->qapi_name);
    case PROP_LINK:
        return g_strdup_printf("link<%s>", prop->link_type);
    case PROP_CHILD:
        return g_strdup_printf("child<%s>", object_get_typename(property_child(prop)));
    case PROP_CUSTOM:
        break;
    }
    return g_strdup("str");
}
