/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values of properties: JSON and text in, checked against kind and range, stored in the instance's
 * field or handed to the property's own set(); and out again.
 */
#include "qapi/keyval.h"
#include "qom-internal.h"

static void set_prop_error(GError **errp, Object *obj, const ObjectProperty *prop, const char *fmt,
                           ...) QEMU_PRINTF(4, 5);
static void set_prop_error(GError **errp, Object *obj, const ObjectProperty *prop, const char *fmt,
                           ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    error_setg(errp, "Property '%s.%s' %s", object_get_typename(obj), prop->name, text);
}

/* --- from JSON or text to the kind's own JSON type
 * ------------------------------------------------------------------- */

static json_object *normalize_bool(Object *obj, const ObjectProperty *prop, json_object *value,
                                   bool text, GError **errp)
{
    bool b;

    if (json_object_is_type(value, json_type_boolean)) {
        return json_object_get(value);
    }
    if (!text) {
        set_prop_error(errp, obj, prop, "is a boolean");
        return NULL;
    }
    return parse_bool(prop->name, json_object_get_string(value), &b, errp)
               ? json_object_new_boolean(b)
               : NULL;
}

static bool text_to_int64(const char *text, int64_t *result)
{
    char *end;

    errno = 0;
    *result = g_ascii_strtoll(text, &end, 0);
    return !errno && end != text && !*end && !g_ascii_isspace(*text);
}

static json_object *normalize_int(Object *obj, const ObjectProperty *prop, json_object *value,
                                  bool text, GError **errp)
{
    int64_t max = (int64_t)(MASK_ULL(prop->size * 8) >> 1), min = -max - 1, v;

    if (json_object_is_type(value, json_type_int)) {
        v = json_object_get_int64(value);
        if (v == INT64_MAX && json_object_get_uint64(value) > INT64_MAX) {
            set_prop_error(errp, obj, prop, "is at most %" PRId64, max);
            return NULL;
        }
    } else if (!text || !text_to_int64(json_object_get_string(value), &v)) {
        set_prop_error(errp, obj, prop, "is an integer, not %s", json_object_to_json_string(value));
        return NULL;
    }
    if (v < min || v > max) {
        set_prop_error(errp, obj, prop, "is between %" PRId64 " and %" PRId64 ", not %" PRId64, min,
                       max, v);
        return NULL;
    }
    return json_object_new_int64(v);
}

static bool text_to_uint64(const ObjectProperty *prop, const char *text, uint64_t *result,
                           GError **errp)
{
    return prop->kind == PROP_SIZE ? parse_size(text, 1, result, errp)
                                   : parse_uint(prop->name, text, UINT64_MAX, result, errp);
}

static json_object *normalize_uint(Object *obj, const ObjectProperty *prop, json_object *value,
                                   bool text, GError **errp)
{
    uint64_t max = prop->kind == PROP_SIZE ? UINT64_MAX : MASK_ULL(prop->size * 8), min = 0, v;

    if (prop->max) {
        max = MIN(max, prop->max);
        min = prop->min;
    }
    if (json_object_is_type(value, json_type_int)) {
        if (json_object_get_int64(value) < 0) {
            set_prop_error(errp, obj, prop, "is not negative, as %s is",
                           json_object_to_json_string(value));
            return NULL;
        }
        v = json_object_get_uint64(value);
    } else if (!text) {
        set_prop_error(errp, obj, prop, "is an integer, not %s", json_object_to_json_string(value));
        return NULL;
    } else {
        GError *err = NULL;

        if (!text_to_uint64(prop, json_object_get_string(value), &v, &err)) {
            g_propagate_prefixed_error(errp, err, "Property '%s.%s': ", object_get_typename(obj),
                                       prop->name);
            return NULL;
        }
    }
    if (v < min || v > max) {
        set_prop_error(errp, obj, prop, "is between %" PRIu64 " and %" PRIu64 ", not %" PRIu64, min,
                       max, v);
        return NULL;
    }
    return json_object_new_uint64(v);
}

static int enum_index(const EnumTable *table, const char *name)
{
    for (int i = 0; table->names[i]; i++) {
        if (!strcmp(table->names[i], name)) {
            return i;
        }
    }
    return -1;
}

static json_object *normalize_enum(Object *obj, const ObjectProperty *prop, json_object *value,
                                   GError **errp)
{
    if (!json_object_is_type(value, json_type_string) ||
        enum_index(prop->table, json_object_get_string(value)) < 0) {
        g_autofree char *list = g_strjoinv("', '", (char **)(uintptr_t)prop->table->names);

        set_prop_error(errp, obj, prop, "is one of '%s', not %s", list,
                       json_object_to_json_string(value));
        return NULL;
    }
    return json_object_get(value);
}

json_object *property_normalize(Object *obj, const ObjectProperty *prop, json_object *value,
                                bool from_string, GError **errp)
{
    bool text = from_string && json_object_is_type(value, json_type_string);

    switch (prop->kind) {
    case PROP_BOOL:
        return normalize_bool(obj, prop, value, text, errp);
    case PROP_INT:
        return normalize_int(obj, prop, value, text, errp);
    case PROP_UINT:
    case PROP_SIZE:
        return normalize_uint(obj, prop, value, text, errp);
    case PROP_ENUM:
    case PROP_ON_OFF_AUTO:
        return normalize_enum(obj, prop, value, errp);
    case PROP_STRING:
    case PROP_LINK:
        if (json_object_is_type(value, json_type_string)) {
            return json_object_get(value);
        }
        if (from_string && json_object_is_type(value, json_type_int)) {
            return json_object_new_string(json_object_get_string(value));
        }
        set_prop_error(errp, obj, prop, "is a string, not %s", json_object_to_json_string(value));
        return NULL;
    case PROP_CUSTOM:
        if (value) {
            return json_object_get(value);
        }
        set_prop_error(errp, obj, prop, "cannot be null");
        return NULL;
    case PROP_CHILD:
        break;
    }
    set_prop_error(errp, obj, prop, "cannot be set");
    return NULL;
}

/* --- fields
 * --------------------------------------------------------------------------------------------------------------
 */

/* Takes the object that a link's text names, by path or id; *result NULL for the empty text. */
static bool resolve_link(Object *obj, const ObjectProperty *prop, const char *text, Object **result,
                         GError **errp)
{
    bool ambiguous;

    *result = NULL;
    if (!*text) {
        return true;
    }
    *result = object_resolve_path_type(text, prop->link_type, &ambiguous);
    if (*result) {
        return true;
    }
    if (ambiguous) {
        set_prop_error(errp, obj, prop, "needs a whole path: '%s' names several objects", text);
    } else if (object_resolve_path(text, NULL)) {
        set_prop_error(errp, obj, prop, "takes an object of type '%s', and '%s' is a '%s'",
                       prop->link_type, text, object_get_typename(object_resolve_path(text, NULL)));
    } else {
        error_set_class(
            errp, ERROR_CLASS_DEVICE_NOT_FOUND,
            "Property '%s.%s': there is no '%s'; give the id or path of an object of type '%s'",
            object_get_typename(obj), prop->name, text, prop->link_type);
    }
    return false;
}

static void store_link(Object *obj, const ObjectProperty *prop, Object *target)
{
    Object **field = (Object **)((char *)obj + prop->offset);
    Object *old = *field;

    *field = object_ref(target);
    object_unref(old);
}

bool property_store(Object *obj, const ObjectProperty *prop, json_object *value, GError **errp)
{
    void *field = (char *)obj + prop->offset;
    Object *target;
    uint64_t raw;

    switch (prop->kind) {
    case PROP_BOOL:
        *(bool *)field = json_object_get_boolean(value);
        return true;
    case PROP_INT:
        raw = (uint64_t)json_object_get_int64(value);
        memcpy(field, &raw, prop->size);
        return true;
    case PROP_UINT:
    case PROP_SIZE:
        raw = json_object_get_uint64(value);
        memcpy(field, &raw, prop->kind == PROP_SIZE ? 8 : prop->size);
        return true;
    case PROP_ENUM:
    case PROP_ON_OFF_AUTO:
        *(int *)field = enum_index(prop->table, json_object_get_string(value));
        return true;
    case PROP_STRING:
        g_free(*(char **)field);
        *(char **)field = g_strdup(json_object_get_string(value));
        return true;
    case PROP_LINK:
        if (!resolve_link(obj, prop, json_object_get_string(value), &target, errp)) {
            return false;
        }
        store_link(obj, prop, target);
        return true;
    case PROP_CHILD:
    case PROP_CUSTOM:
        break;
    }
    set_prop_error(errp, obj, prop, "cannot be set");
    return false;
}

static json_object *path_string(Object *target)
{
    g_autofree char *path = target ? object_get_canonical_path(target) : NULL;

    return json_object_new_string(path ? path : "");
}

json_object *property_load(Object *obj, const ObjectProperty *prop, GError **errp)
{
    const void *field = (const char *)obj + prop->offset;
    uint64_t raw = 0;
    const char *s;
    unsigned shift = 64 - prop->size * 8;

    switch (prop->kind) {
    case PROP_BOOL:
        return json_object_new_boolean(*(const bool *)field);
    case PROP_INT:
        memcpy(&raw, field, prop->size);
        return json_object_new_int64((int64_t)(raw << shift) >> shift);
    case PROP_UINT:
    case PROP_SIZE:
        memcpy(&raw, field, prop->kind == PROP_SIZE ? 8 : prop->size);
        return raw > INT64_MAX ? json_object_new_uint64(raw) : json_object_new_int64((int64_t)raw);
    case PROP_ENUM:
    case PROP_ON_OFF_AUTO:
        return json_object_new_string(prop->table->names[*(const int *)field]);
    case PROP_STRING:
        s = *(char *const *)field;
        return json_object_new_string(s ? s : "");
    case PROP_LINK:
        return path_string(*(Object *const *)field);
    case PROP_CHILD:
        return path_string(property_child(prop));
    case PROP_CUSTOM:
        break;
    }
    set_prop_error(errp, obj, prop, "cannot be read");
    return NULL;
}

/* --- by name
 * ---------------------------------------------------------------------------------------------------------------
 */

static void add_name(const ObjectProperty *prop, void *opaque)
{
    if (!prop->read_only && prop->kind != PROP_CHILD) {
        g_ptr_array_add(opaque, (char *)(uintptr_t)prop->name);
    }
}

/* "; -device nvme,help lists them": where a user sees what properties obj has.  g_free. */
static char *list_option(Object *obj)
{
    static const struct {
        const char *type, *option;
    } options[] = {{"device", "-device"}, {TYPE_USER_CREATABLE, "-object"}};

    for (size_t i = 0; i < G_N_ELEMENTS(options); i++) {
        if (object_is_a(obj, options[i].type)) {
            return g_strdup_printf("; %s %s,help lists what there is", options[i].option,
                                   object_get_typename(obj));
        }
    }
    return g_strdup("");
}

/* The property, or an error that names the nearest one. */
static const ObjectProperty *find_or_error(Object *obj, const char *name, GError **errp)
{
    const ObjectProperty *prop = object_property_find(obj, name);

    if (!prop) {
        g_autoptr(GPtrArray) names = g_ptr_array_new();
        const char *near;

        object_property_foreach(obj, add_name, names);
        g_ptr_array_add(names, NULL);
        near = nearest_name(name, (const char *const *)names->pdata);
        if (near) {
            error_setg(errp, "Property '%s.%s' not found; did you mean '%s'?",
                       object_get_typename(obj), name, near);
        } else {
            g_autofree char *where = list_option(obj);

            error_setg(errp, "Property '%s.%s' not found%s", object_get_typename(obj), name, where);
        }
    }
    return prop;
}

static bool may_set(Object *obj, const ObjectProperty *prop, GError **errp)
{
    ObjectClass *klass = object_get_class(obj);

    if (prop->read_only || prop->kind == PROP_CHILD || (!prop->set && prop->kind == PROP_CUSTOM)) {
        set_prop_error(errp, obj, prop, "is read-only");
        return false;
    }
    if (obj->priv->complete && !prop->set && !prop->settable_live) {
        set_prop_error(errp, obj, prop, "can only be set when the object is created");
        return false;
    }
    return !klass->allow_set || klass->allow_set(obj, prop, errp);
}

bool object_property_set_json(Object *obj, const char *name, json_object *value, bool from_string,
                              GError **errp)
{
    const ObjectProperty *prop = find_or_error(obj, name, errp);
    json_object *normal;
    bool ok;

    qom_assert_thread();
    if (!prop || !may_set(obj, prop, errp)) {
        return false;
    }
    normal = property_normalize(obj, prop, value, from_string, errp);
    if (!normal) {
        return false;
    }
    ok = prop->set ? prop->set(obj, prop, normal, errp) : property_store(obj, prop, normal, errp);
    json_object_put(normal);
    return ok;
}

json_object *object_property_get_json(Object *obj, const char *name, GError **errp)
{
    const ObjectProperty *prop = find_or_error(obj, name, errp);

    if (!prop) {
        return NULL;
    }
    return prop->get ? prop->get(obj, prop, errp) : property_load(obj, prop, errp);
}

static bool set_and_put(Object *obj, const char *name, json_object *value, bool from_string,
                        GError **errp)
{
    bool ok = object_property_set_json(obj, name, value, from_string, errp);

    json_object_put(value);
    return ok;
}

bool object_property_parse(Object *obj, const char *name, const char *text, GError **errp)
{
    return set_and_put(obj, name, json_object_new_string(text), true, errp);
}

bool object_property_set_bool(Object *obj, const char *name, bool v, GError **errp)
{
    return set_and_put(obj, name, json_object_new_boolean(v), false, errp);
}

bool object_property_set_uint(Object *obj, const char *name, uint64_t v, GError **errp)
{
    return set_and_put(obj, name, json_object_new_uint64(v), false, errp);
}

bool object_property_set_str(Object *obj, const char *name, const char *v, GError **errp)
{
    return set_and_put(obj, name, json_object_new_string(v), false, errp);
}

bool object_property_set_link(Object *obj, const char *name, Object *v, GError **errp)
{
    const ObjectProperty *prop = find_or_error(obj, name, errp);

    if (!prop || !may_set(obj, prop, errp)) {
        return false;
    }
    if (prop->kind != PROP_LINK || (v && prop->link_type && !object_is_a(v, prop->link_type))) {
        set_prop_error(errp, obj, prop, "takes no '%s'", v ? object_get_typename(v) : "link");
        return false;
    }
    if (prop->set) {
        return set_and_put(obj, name, path_string(v), false, errp);
    }
    store_link(obj, prop, v);
    return true;
}

bool object_property_get_bool(Object *obj, const char *name, GError **errp)
{
    json_object *value = object_property_get_json(obj, name, errp);
    bool v = json_object_get_boolean(value);

    json_object_put(value);
    return v;
}

uint64_t object_property_get_uint(Object *obj, const char *name, GError **errp)
{
    json_object *value = object_property_get_json(obj, name, errp);
    uint64_t v = json_object_get_uint64(value);

    json_object_put(value);
    return v;
}

char *object_property_get_str(Object *obj, const char *name, GError **errp)
{
    json_object *value = object_property_get_json(obj, name, errp);
    char *s = value ? g_strdup(json_object_get_string(value)) : NULL;

    json_object_put(value);
    return s;
}

Object *object_property_get_link(Object *obj, const char *name, GError **errp)
{
    const ObjectProperty *prop = find_or_error(obj, name, errp);
    g_autofree char *path = NULL;

    if (!prop) {
        return NULL;
    }
    if (prop->kind == PROP_CHILD) {
        return property_child(prop);
    }
    if (prop->kind == PROP_LINK && !prop->get) {
        return *(Object **)((char *)obj + prop->offset);
    }
    path = object_property_get_str(obj, name, errp);
    return path && *path ? object_resolve_path(path, NULL) : NULL;
}
