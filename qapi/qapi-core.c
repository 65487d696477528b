/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values of schema types from and to JSON, driven by the generated tables.
 *
 * The depth of recursion is bounded by the JSON's own nesting, which the reader of a stream bounds
 * (JSON_MAX_DEPTH).
 */
#include "qapi/qapi-core.h"

#include "qemu/osdep.h"

#include <math.h>

/* Where in the input we are: frames on the C stack, rendered only when an error names the place. */
typedef struct Path {
    const struct Path *up;
    const char *key; /* NULL: index counts */
    size_t index;
} Path;

static void path_render(const Path *p, GString *out)
{
    if (!p) {
        return;
    }
    path_render(p->up, out);
    if (!p->key) {
        g_string_append_printf(out, "[%zu]", p->index);
        return;
    }
    if (out->len) {
        g_string_append_c(out, '.');
    }
    g_string_append(out, p->key);
}

static char *path_text(const Path *p)
{
    GString *out = g_string_new(NULL);

    path_render(p, out);
    if (!out->len) {
        g_string_append(out, "value");
    }
    return g_string_free(out, false);
}

static bool fail_type(const Path *p, const char *expected, GError **errp)
{
    g_autofree char *path = path_text(p);

    error_setg(errp, "Invalid parameter type for '%s', expected: %s", path, expected);
    return false;
}

static bool fail_value(const Path *p, GError **errp, const char *fmt, ...) QEMU_PRINTF(3, 4);
static bool fail_value(const Path *p, GError **errp, const char *fmt, ...)
{
    g_autofree char *path = path_text(p);
    g_autofree char *what = NULL;
    va_list ap;

    va_start(ap, fmt);
    what = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    error_setg(errp, "Parameter '%s' %s", path, what);
    return false;
}

static const char *text(const QapiSchema *s, uint32_t offset)
{
    return s->strings + offset;
}

const char *qapi_enum_str(const QapiSchema *s, unsigned type, int value)
{
    const QapiType *t = &s->types[type];

    g_assert(value >= 0 && value < t->count);
    return text(s, s->values[t->first + value].name);
}

static int enum_lookup(const QapiSchema *s, const QapiType *t, const char *str)
{
    for (unsigned i = 0; i < t->count; i++) {
        if (!strcmp(text(s, s->values[t->first + i].name), str)) {
            return i;
        }
    }
    return -1;
}

int qapi_enum_parse(const QapiSchema *s, unsigned type, const char *str, GError **errp)
{
    int v = enum_lookup(s, &s->types[type], str);

    if (v < 0) {
        g_autoptr(GString) known = g_string_new(NULL);

        for (unsigned i = 0; i < s->types[type].count; i++) {
            g_string_append_printf(known, "%s%s", i ? ", " : "", qapi_enum_str(s, type, i));
        }
        error_setg(errp, "Invalid value '%s', expected one of: %s", str, known->str);
    }
    return v;
}

/* --- from JSON
 * ------------------------------------------------------------------------------------------ */

static bool value_from_json(const QapiSchema *s, unsigned type, json_object *j, void *slot,
                            const Path *p, GError **errp);
static void value_clear(const QapiSchema *s, unsigned type, void *slot);

static const struct {
    int64_t min;
    uint64_t max;
} int_limits[] = {
    [QAPI_KIND_INT8] = {INT8_MIN, INT8_MAX},    [QAPI_KIND_INT16] = {INT16_MIN, INT16_MAX},
    [QAPI_KIND_INT32] = {INT32_MIN, INT32_MAX}, [QAPI_KIND_INT64] = {INT64_MIN, INT64_MAX},
    [QAPI_KIND_UINT8] = {0, UINT8_MAX},         [QAPI_KIND_UINT16] = {0, UINT16_MAX},
    [QAPI_KIND_UINT32] = {0, UINT32_MAX},       [QAPI_KIND_UINT64] = {0, UINT64_MAX},
};

static bool int_from_json(QapiKind kind, json_object *j, void *slot, const Path *p, GError **errp)
{
    int64_t v;
    uint64_t u;

    if (!json_object_is_type(j, json_type_int)) {
        return fail_type(p, "integer", errp);
    }
    v = json_object_get_int64(j);
    u = json_object_get_uint64(j);
    if (v < int_limits[kind].min || (v >= 0 && u > int_limits[kind].max)) {
        return fail_value(p, errp, "expects an integer from %" PRId64 " to %" PRIu64,
                          int_limits[kind].min, int_limits[kind].max);
    }
    switch (kind) {
    case QAPI_KIND_INT8:
    case QAPI_KIND_UINT8:
        *(uint8_t *)slot = (uint8_t)v;
        break;
    case QAPI_KIND_INT16:
    case QAPI_KIND_UINT16:
        *(uint16_t *)slot = (uint16_t)v;
        break;
    case QAPI_KIND_INT32:
    case QAPI_KIND_UINT32:
        *(uint32_t *)slot = (uint32_t)v;
        break;
    default:
        *(uint64_t *)slot = v < 0 ? (uint64_t)v : u;
    }
    return true;
}

static const char *string_from_json(json_object *j, const Path *p, GError **errp)
{
    const char *str;

    if (!json_object_is_type(j, json_type_string)) {
        fail_type(p, "string", errp);
        return NULL;
    }
    str = json_object_get_string(j);
    if (strlen(str) != (size_t)json_object_get_string_len(j)) {
        fail_value(p, errp, "must not contain NUL characters");
        return NULL;
    }
    return str;
}

static bool array_from_json(const QapiSchema *s, const QapiType *t, json_object *j, void **slot,
                            const Path *p, GError **errp)
{
    void *head = NULL;
    void **tail = &head; /* .next is the first member of every list node */
    size_t n;

    if (!json_object_is_type(j, json_type_array)) {
        return fail_type(p, "array", errp);
    }
    n = json_object_array_length(j);
    for (size_t i = 0; i < n; i++) {
        Path here = {.up = p, .index = i};
        char *node = g_malloc0(t->size);

        *tail = node;
        tail = (void **)node;
        if (!value_from_json(s, t->element, json_object_array_get_idx(j, i), node + t->first, &here,
                             errp)) {
            qapi_free(s, t - s->types, head);
            return false;
        }
    }
    *slot = head;
    return true;
}

static const QapiVariant *find_variant(const QapiSchema *s, const QapiType *t, const void *obj)
{
    const QapiMember *tag;
    int value;

    if (t->kind != QAPI_KIND_UNION) {
        return NULL;
    }
    tag = &s->members[t->first + t->tag];
    value = *(const int *)((const char *)obj + tag->offset);
    for (unsigned i = 0; i < t->element; i++) {
        if (s->variants[t->first_variant + i].value == value) {
            return &s->variants[t->first_variant + i];
        }
    }
    return NULL;
}

static bool member_known(const QapiSchema *s, const QapiType *t, const void *obj, const char *key)
{
    const QapiVariant *v;

    for (unsigned i = 0; i < t->count; i++) {
        if (!strcmp(text(s, s->members[t->first + i].name), key)) {
            return true;
        }
    }
    v = find_variant(s, t, obj);
    return v && member_known(s, &s->types[v->type], (const char *)obj + v->offset, key);
}

/* Fills the zeroed structure obj; on failure what was filled stays for the caller to clear. */
static bool members_from_json(const QapiSchema *s, const QapiType *t, json_object *j, char *obj,
                              const Path *p, GError **errp)
{
    const QapiVariant *v;

    for (unsigned i = 0; i < t->count; i++) {
        const QapiMember *m = &s->members[t->first + i];
        Path here = {.up = p, .key = text(s, m->name)};
        json_object *value;

        if (!json_object_object_get_ex(j, here.key, &value)) {
            if (m->flags & QAPI_OPTIONAL) {
                continue;
            }
            g_autofree char *path = path_text(&here);
            error_setg(errp, "Parameter '%s' is missing", path);
            return false;
        }
        if (!value_from_json(s, m->type, value, obj + m->offset, &here, errp)) {
            return false;
        }
        if (m->flags & QAPI_HAS) {
            *(bool *)(obj + m->has_offset) = true;
        }
    }
    v = find_variant(s, t, obj);
    return !v || members_from_json(s, &s->types[v->type], j, obj + v->offset, p, errp);
}

static bool object_from_json(const QapiSchema *s, const QapiType *t, json_object *j, void **slot,
                             const Path *p, GError **errp)
{
    void *obj;

    if (!json_object_is_type(j, json_type_object)) {
        return fail_type(p, "object", errp);
    }
    obj = g_malloc0(MAX(t->size, 1));
    if (!members_from_json(s, t, j, obj, p, errp)) {
        qapi_free(s, t - s->types, obj);
        return false;
    }
    json_object_object_foreach(j, key, value)
    {
        (void)value;
        if (!member_known(s, t, obj, key)) {
            Path here = {.up = p, .key = key};
            g_autofree char *path = path_text(&here);

            error_setg(errp, "Parameter '%s' is unexpected", path);
            qapi_free(s, t - s->types, obj);
            return false;
        }
    }
    *slot = obj;
    return true;
}

static bool kind_takes(QapiKind kind, json_type jt)
{
    switch (kind) {
    case QAPI_KIND_STR:
    case QAPI_KIND_ENUM:
        return jt == json_type_string;
    case QAPI_KIND_NUMBER:
        return jt == json_type_int || jt == json_type_double;
    case QAPI_KIND_BOOL:
        return jt == json_type_boolean;
    case QAPI_KIND_NULL:
        return jt == json_type_null;
    case QAPI_KIND_ANY:
        return true;
    case QAPI_KIND_ARRAY:
        return jt == json_type_array;
    case QAPI_KIND_STRUCT:
    case QAPI_KIND_UNION:
        return jt == json_type_object;
    case QAPI_KIND_ALTERNATE:
        return false;
    default:
        return jt == json_type_int;
    }
}

static bool alternate_from_json(const QapiSchema *s, const QapiType *t, json_object *j, void **slot,
                                const Path *p, GError **errp)
{
    for (unsigned i = 0; i < t->count; i++) {
        const QapiMember *m = &s->members[t->first + i];
        char *obj;

        if (!kind_takes(s->types[m->type].kind, json_object_get_type(j))) {
            continue;
        }
        obj = g_malloc0(t->size);
        *(int *)obj = i; /* .type is the first member of every alternate */
        if (!value_from_json(s, m->type, j, obj + m->offset, p, errp)) {
            g_free(obj);
            return false;
        }
        *slot = obj;
        return true;
    }
    return fail_type(p, text(s, t->name), errp);
}

static bool value_from_json(const QapiSchema *s, unsigned type, json_object *j, void *slot,
                            const Path *p, GError **errp)
{
    const QapiType *t = &s->types[type];
    const char *str;

    switch ((QapiKind)t->kind) {
    case QAPI_KIND_STR:
        str = string_from_json(j, p, errp);
        *(char **)slot = g_strdup(str);
        return str;
    case QAPI_KIND_NUMBER:
        if (!kind_takes(QAPI_KIND_NUMBER, json_object_get_type(j))) {
            return fail_type(p, "number", errp);
        }
        *(double *)slot = json_object_get_double(j);
        return true;
    case QAPI_KIND_BOOL:
        if (!json_object_is_type(j, json_type_boolean)) {
            return fail_type(p, "boolean", errp);
        }
        *(bool *)slot = json_object_get_boolean(j);
        return true;
    case QAPI_KIND_NULL:
        *(bool *)slot = true;
        return j ? fail_type(p, "null", errp) : true;
    case QAPI_KIND_ANY:
        *(json_object **)slot = json_object_get(j);
        return true;
    case QAPI_KIND_ENUM:
        str = string_from_json(j, p, errp);
        if (!str) {
            return false;
        }
        *(int *)slot = enum_lookup(s, t, str);
        return *(int *)slot < 0 ? fail_value(p, errp, "does not accept value '%s'", str) : true;
    case QAPI_KIND_ARRAY:
        return array_from_json(s, t, j, slot, p, errp);
    case QAPI_KIND_STRUCT:
    case QAPI_KIND_UNION:
        return object_from_json(s, t, j, slot, p, errp);
    case QAPI_KIND_ALTERNATE:
        return alternate_from_json(s, t, j, slot, p, errp);
    default:
        return int_from_json(t->kind, j, slot, p, errp);
    }
}

bool qapi_from_json(const QapiSchema *s, unsigned type, json_object *json, void *slot,
                    GError **errp)
{
    return value_from_json(s, type, json, slot, NULL, errp);
}

/* --- to JSON
 * -------------------------------------------------------------------------------------------- */

static void members_to_json(const QapiSchema *s, const QapiType *t, const char *obj,
                            json_object *out)
{
    const QapiVariant *v;

    for (unsigned i = 0; i < t->count; i++) {
        const QapiMember *m = &s->members[t->first + i];
        if (m->flags & QAPI_OPTIONAL) {
            bool present = m->flags & QAPI_HAS ? *(const bool *)(obj + m->has_offset)
                                               : *(void *const *)(obj + m->offset) != NULL;
            if (!present) {
                continue;
            }
        }
        json_object_object_add(out, text(s, m->name), qapi_to_json(s, m->type, obj + m->offset));
    }
    v = find_variant(s, t, obj);
    if (v) {
        members_to_json(s, &s->types[v->type], obj + v->offset, out);
    }
}

static json_object *array_to_json(const QapiSchema *s, const QapiType *t, const char *node)
{
    json_object *out = json_object_new_array();

    for (; node; node = *(char *const *)node) {
        json_object_array_add(out, qapi_to_json(s, t->element, node + t->first));
    }
    return out;
}

json_object *qapi_to_json(const QapiSchema *s, unsigned type, const void *slot)
{
    const QapiType *t = &s->types[type];
    const char *obj;
    json_object *out;

    switch ((QapiKind)t->kind) {
    case QAPI_KIND_STR:
        obj = *(char *const *)slot;
        return json_object_new_string(obj ? obj : "");
    case QAPI_KIND_NUMBER:
        return json_object_new_double(isfinite(*(const double *)slot) ? *(const double *)slot : 0);
    case QAPI_KIND_INT8:
        return json_object_new_int64(*(const int8_t *)slot);
    case QAPI_KIND_INT16:
        return json_object_new_int64(*(const int16_t *)slot);
    case QAPI_KIND_INT32:
        return json_object_new_int64(*(const int32_t *)slot);
    case QAPI_KIND_INT64:
        return json_object_new_int64(*(const int64_t *)slot);
    case QAPI_KIND_UINT8:
        return json_object_new_int64(*(const uint8_t *)slot);
    case QAPI_KIND_UINT16:
        return json_object_new_int64(*(const uint16_t *)slot);
    case QAPI_KIND_UINT32:
        return json_object_new_int64(*(const uint32_t *)slot);
    case QAPI_KIND_UINT64:
        return json_object_new_uint64(*(const uint64_t *)slot);
    case QAPI_KIND_BOOL:
        return json_object_new_boolean(*(const bool *)slot);
    case QAPI_KIND_NULL:
        return NULL;
    case QAPI_KIND_ANY:
        return json_object_get(*(json_object *const *)slot);
    case QAPI_KIND_ENUM:
        return json_object_new_string(qapi_enum_str(s, type, *(const int *)slot));
    case QAPI_KIND_ARRAY:
        return array_to_json(s, t, *(char *const *)slot);
    case QAPI_KIND_STRUCT:
    case QAPI_KIND_UNION:
        out = json_object_new_object();
        obj = *(char *const *)slot;
        if (obj) {
            members_to_json(s, t, obj, out);
        }
        return out;
    case QAPI_KIND_ALTERNATE:
        obj = *(char *const *)slot;
        if (!obj) {
            return NULL;
        }
        return qapi_to_json(s, s->members[t->first + *(const int *)obj].type,
                            obj + s->members[t->first + *(const int *)obj].offset);
    }
    g_assert_not_reached();
}

/* --- free
 * -------------------------------------------------------------------------------------------------
 */

static void members_clear(const QapiSchema *s, const QapiType *t, char *obj)
{
    const QapiVariant *v = find_variant(s, t, obj);

    if (v) {
        members_clear(s, &s->types[v->type], obj + v->offset);
    }
    for (unsigned i = 0; i < t->count; i++) {
        const QapiMember *m = &s->members[t->first + i];

        value_clear(s, m->type, obj + m->offset);
    }
}

static void value_clear(const QapiSchema *s, unsigned type, void *slot)
{
    switch ((QapiKind)s->types[type].kind) {
    case QAPI_KIND_ANY:
        json_object_put(*(json_object **)slot);
        break;
    case QAPI_KIND_STR:
    case QAPI_KIND_ARRAY:
    case QAPI_KIND_STRUCT:
    case QAPI_KIND_UNION:
    case QAPI_KIND_ALTERNATE:
        qapi_free(s, type, *(void **)slot);
        break;
    default:
        return;
    }
    *(void **)slot = NULL;
}

void qapi_free(const QapiSchema *s, unsigned type, void *p)
{
    const QapiType *t = &s->types[type];

    if (!p) {
        return;
    }
    switch ((QapiKind)t->kind) {
    case QAPI_KIND_ARRAY:
        while (p) {
            void *next = *(void **)p;

            value_clear(s, t->element, (char *)p + t->first);
            g_free(p);
            p = next;
        }
        return;
    case QAPI_KIND_STRUCT:
    case QAPI_KIND_UNION:
        members_clear(s, t, p);
        break;
    case QAPI_KIND_ALTERNATE: {
        const QapiMember *m = &s->members[t->first + *(int *)p];

        value_clear(s, m->type, (char *)p + m->offset);
        break;
    }
    default:
        break;
    }
    g_free(p);
}
