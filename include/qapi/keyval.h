/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Command-line option syntax: key=value lists and JSON. Any thread. */
#ifndef QAPI_KEYVAL_H
#define QAPI_KEYVAL_H

#include "qemu/error.h"

#include <json-c/json.h>

/* "VALUE,a=b,c.d=e,flag" -> {"IMPLIED": "VALUE", "a": "b", "c": {"d": "e"}, "flag": "on"} with string leaves; ",," is a comma; "nofoo" is not special;
 * c.0=x c.1=y make an array.  implied_key may be NULL.  If text starts with '{' it is JSON (both quote styles) and *is_json is set.
 * A repeated key: the last one counts.  NULL with errp. New reference. */
json_object *keyval_parse(const char *text, const char *implied_key, bool *is_json, GError **errp);
/* One JSON value, single or double quotes, nothing behind it. */
json_object *json_parse(const char *text, GError **errp);
/* "4K", "1.5G", "0x1000", plain bytes; default_unit is 1 or MiB (-m). */
bool parse_size(const char *text, uint64_t default_unit, uint64_t *result, GError **errp);
bool parse_bool(const char *name, const char *text, bool *result, GError **errp);
bool parse_uint(const char *name, const char *text, uint64_t max, uint64_t *result, GError **errp);

/* Typed look-ups in an option object: take (remove) a key, so that what is left over is unknown and can be refused by name. */
char *opts_take_str(json_object *opts, const char *key);   /* g_free; NULL if absent */
bool opts_take_bool(json_object *opts, const char *key, bool defval, bool *result, GError **errp);
bool opts_take_uint(json_object *opts, const char *key, uint64_t defval, uint64_t max, uint64_t *result, GError **errp);
bool opts_take_size(json_object *opts, const char *key, uint64_t defval, uint64_t *result, GError **errp);
/* False with errp naming the first key left and the nearest of the known ones (NULL-terminated). */
bool opts_check_empty(json_object *opts, const char *option, const char *const *known, GError **errp);
/* The candidate nearest to word by edit distance without regard to case, or NULL when nothing is near: words of up to four
 * letters may differ in one, longer ones in a third and one more. */
const char *nearest_name(const char *word, const char *const *candidates);
#endif
