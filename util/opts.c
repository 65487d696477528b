/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Typed look-ups in an option object.  Each takes its key out of the object, so that what is left
 * at the end is unknown. Values are strings (key=value syntax) or typed (JSON syntax); both are
 * understood.
 */
#include "qapi/keyval.h"

/* The value of key with a reference of its own, taken out; NULL if absent or null. */
static json_object *take(json_object *opts, const char *key)
{
    json_object *value = NULL;

    if (json_object_object_get_ex(opts, key, &value)) {
        value = json_object_get(value);
        json_object_object_del(opts, key);
    }
    return value;
}

char *opts_take_str(json_object *opts, const char *key)
{
    json_object *value = take(opts, key);
    char *text = value ? g_strdup(json_object_get_string(value)) : NULL;

    json_object_put(value);
    return text;
}

bool opts_take_bool(json_object *opts, const char *key, bool defval, bool *result, GError **errp)
{
    json_object *value = take(opts, key);
    bool ok = true;

    if (!value) {
        *result = defval;
    } else if (json_object_is_type(value, json_type_boolean)) {
        *result = json_object_get_boolean(value);
    } else {
        ok = parse_bool(key, json_object_get_string(value), result, errp);
    }
    json_object_put(value);
    return ok;
}

bool opts_take_uint(json_object *opts, const char *key, uint64_t defval, uint64_t max,
                    uint64_t *result, GError **errp)
{
    json_object *value = take(opts, key);
    bool ok = true;

    if (!value) {
        *result = defval;
    } else {
        /* A JSON number's text goes through the same checks: fractions and signs are refused there.
         */
        ok = parse_uint(key, json_object_get_string(value), max, result, errp);
    }
    json_object_put(value);
    return ok;
}

bool opts_take_size(json_object *opts, const char *key, uint64_t defval, uint64_t *result,
                    GError **errp)
{
    json_object *value = take(opts, key);
    GError *err = NULL;

    if (!value) {
        *result = defval;
    } else if (!parse_size(json_object_get_string(value), 1, result, &err)) {
        g_propagate_prefixed_error(errp, err, "Parameter '%s': ", key);
    }
    json_object_put(value);
    return !err;
}

bool opts_check_empty(json_object *opts, const char *option, const char *const *known,
                      GError **errp)
{
    struct json_object_iterator it = json_object_iter_begin(opts), end = json_object_iter_end(opts);
    const char *key, *near;

    if (json_object_iter_equal(&it, &end)) {
        return true;
    }
    key = json_object_iter_peek_name(&it);
    near = known ? nearest_name(key, known) : NULL;
    if (near) {
        error_setg(errp, "%s has no parameter '%s'; did you mean '%s'?", option, key, near);
    } else {
        g_autofree char *all = known && *known ? g_strjoinv(", ", (char **)(uintptr_t)known) : NULL;

        error_setg(errp, "%s has no parameter '%s'; %s%s", option, key,
                   all ? "it has " : "it takes none, leave it out", all ? all : "");
    }
    return false;
}
