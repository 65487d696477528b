/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The types that values have in a node's JSON description, qapi/block.json. */
#include "block-private.h"

static const struct {
    const char *key;
    json_type type;
} members[] = {
    {"driver", json_type_string},
    {"node-name", json_type_string},
    {"filename", json_type_string},
    {"aio", json_type_string},
    {"locking", json_type_string},
    {"discard", json_type_string},
    {"detect-zeroes", json_type_string},
    {"read-only", json_type_boolean},
    {"auto-read-only", json_type_boolean},
    {"force-share", json_type_boolean},
    {"drop-cache", json_type_boolean},
    {"read-zeroes", json_type_boolean},
    {"size", json_type_int},
    {"offset", json_type_int},
    {"latency-ns", json_type_int},
};

static const char *type_name(json_type type)
{
    return type == json_type_string ? "a string"
           : type == json_type_int  ? "a number"
                                    : "true or false";
}

bool block_check_types(json_object *opts, GError **errp)
{
    json_object_object_foreach(opts, key, value)
    {
        for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
            if (!strcmp(members[i].key, key) && !json_object_is_type(value, members[i].type)) {
                error_setg(errp, "Parameter '%s' is %s in JSON, not %s", key,
                           type_name(members[i].type), json_object_to_json_string(value));
                return false;
            }
        }
        /* A node that is described inside another, as deep as json_parse() lets it be. */
        if (json_object_is_type(value, json_type_object) && !block_check_types(value, errp)) {
            return false;
        }
    }
    return true;
}
