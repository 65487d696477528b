/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The "key=value,..." syntax of options, read into the same JSON objects that the JSON syntax
 * gives.
 *
 * A dot in a key opens an object: a.b=1,a.c=2 is {"a": {"b": "1", "c": "2"}}.  An object whose keys
 * are the numbers from 0 is turned into an array at the end.
 */
#include "qapi/keyval.h"

enum { KEY_MAX = 127, KEY_MAX_DEPTH = 16, ARRAY_MAX = 65536 };

/* Takes the text up to a single comma or the end; ",," stands for a comma.  *p is left on the comma
 * or the end. */
static char *take_value(const char **p)
{
    GString *value = g_string_new(NULL);

    for (; **p; (*p)++) {
        if (**p == ',' && *++*p != ',') {
            --*p;
            break;
        }
        g_string_append_c(value, **p);
    }
    return g_string_free(value, false);
}

static bool fragment_is_valid(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!g_ascii_isalnum(s[i]) && !strchr("-_+:/", s[i])) {
            return false;
        }
    }
    return len > 0;
}

/* Puts value (consumed) below root at the dotted key. */
static bool put(json_object *root, const char *key, json_object *value, GError **errp)
{
    json_object *at = root;

    for (unsigned depth = 0; depth < KEY_MAX_DEPTH; depth++) {
        size_t len = strcspn(key, ".");
        g_autofree char *name = g_strndup(key, len);
        json_object *next = NULL;
        bool there = json_object_object_get_ex(at, name, &next);

        if (!fragment_is_valid(key, len)) {
            break;
        }
        if (there && json_object_is_type(next, json_type_object) != (key[len] == '.')) {
            error_setg(errp, "Parameter '%s' is given both as a value and as a group '%s.*'", name,
                       name);
            json_object_put(value);
            return false;
        }
        if (!key[len]) {
            json_object_object_add(at, name, value);
            return true;
        }
        if (!there) {
            next = json_object_new_object();
            json_object_object_add(at, name, next);
        }
        at = next;
        key += len + 1;
    }
    error_setg(errp, "'%s' is no valid parameter name", key);
    json_object_put(value);
    return false;
}

static bool is_index(const char *key)
{
    return *key && !key[strspn(key, "0123456789")];
}

/* Array of an object with number keys (consumed); NULL when numbers are missing. */
static json_object *make_array(json_object *obj, const char *name, GError **errp)
{
    int n = json_object_object_length(obj);
    json_object *array = json_object_new_array_ext(n);

    for (int i = 0; i < n; i++) {
        char key[16];
        json_object *item;

        snprintf(key, sizeof(key), "%d", i);
        if (!json_object_object_get_ex(obj, key, &item)) {
            error_setg(errp, "Parameter '%s.%d' is missing: numbers run from 0 without a gap", name,
                       i);
            json_object_put(array);
            array = NULL;
            break;
        }
        json_object_array_add(array, json_object_get(item));
    }
    json_object_put(obj);
    return array;
}

/* Turns the objects below obj that have number keys into arrays, and returns what obj itself
 * becomes (obj is consumed). */
static json_object *finish(json_object *obj, const char *name, GError **errp)
{
    struct json_object_iterator it = json_object_iter_begin(obj), end = json_object_iter_end(obj);
    unsigned numbers = 0, names = 0;
    g_autoptr(GPtrArray) groups = g_ptr_array_new_with_free_func(g_free);

    for (; !json_object_iter_equal(&it, &end); json_object_iter_next(&it)) {
        const char *key = json_object_iter_peek_name(&it);

        *(is_index(key) ? &numbers : &names) += 1;
        if (json_object_is_type(json_object_iter_peek_value(&it), json_type_object)) {
            g_ptr_array_add(groups, g_strdup(key));
        }
    }
    for (unsigned i = 0; i < groups->len; i++) {
        const char *key = groups->pdata[i];
        json_object *sub = finish(json_object_get(json_object_object_get(obj, key)), key, errp);

        if (!sub) {
            json_object_put(obj);
            return NULL;
        }
        json_object_object_add(obj, key, sub);
    }
    if (!name || !numbers) {
        return obj;
    }
    if (names || numbers > ARRAY_MAX) {
        error_setg(errp, "Parameter '%s' mixes numbers and names below it", name);
        json_object_put(obj);
        return NULL;
    }
    return make_array(obj, name, errp);
}

/* One item at *p: "key=value", "flag", or the implied key's value when that is not NULL. */
static bool parse_item(json_object *root, const char **p, const char *implied_key, GError **errp)
{
    size_t len = strcspn(*p, "=,");
    g_autofree char *key = NULL;
    g_autofree char *value = NULL;

    if ((*p)[len] != '=' && implied_key) {
        key = g_strdup(implied_key);
        value = take_value(p);
    } else {
        if (len > KEY_MAX) {
            error_setg(errp, "Parameter name '%.20s...' is too long", *p);
            return false;
        }
        key = g_strndup(*p, len);
        *p += len;
        if (**p == '=') {
            ++*p;
            value = take_value(p);
        }
    }
    if (value && !g_utf8_validate(value, -1, NULL)) {
        error_setg(errp, "The value of parameter '%s' is not valid UTF-8", key);
        return false;
    }
    return put(root, key, json_object_new_string(value ? value : "on"), errp);
}

json_object *keyval_parse(const char *text, const char *implied_key, bool *is_json, GError **errp)
{
    json_object *root;

    if (is_json) {
        *is_json = *text == '{';
    }
    if (*text == '{') {
        return json_parse(text, errp);
    }
    root = json_object_new_object();
    while (*text) {
        if (!parse_item(root, &text, implied_key, errp)) {
            json_object_put(root);
            return NULL;
        }
        implied_key = NULL;
        if (*text == ',') {
            text++;
        }
    }
    return finish(root, NULL, errp);
}
