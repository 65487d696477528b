/* SPDX-License-Identifier: GPL-2.0-or-later */
/* json-c, with g_autoptr(json_object). */
#ifndef QAPI_JSON_H
#define QAPI_JSON_H

#include <glib.h>
#include <json-c/json.h>

static inline void json_object_release(json_object *j)
{
    json_object_put(j);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_object, json_object_release)

#endif
