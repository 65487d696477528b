/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz entry for QMP input: a byte stream, cut into values, each checked against the arguments of
 * every command.
 *
 * What a command accepts must survive the way to C and back; what it refuses must leave nothing
 * behind (LeakSanitizer looks).  Commands are not run.
 */
#include "qemu/osdep.h"

#include "monitor/json-stream.h"
#include "qapi/qapi-core.h"

extern const QapiSchema qapi_schema;

static void check_arguments(unsigned cmd, json_object *args)
{
    const QapiCommandInfo *c = &qapi_schema.commands[cmd];
    g_autoptr(json_object) back = NULL;
    void *value = NULL, *again = NULL;
    GError *err = NULL;

    if (!qapi_from_json(&qapi_schema, c->arg, args, &value, &err)) {
        g_assert(!value && err && *err->message);
        g_error_free(err);
        return;
    }
    back = qapi_to_json(&qapi_schema, c->arg, &value);
    g_assert(qapi_from_json(&qapi_schema, c->arg, back, &again, NULL));
    qapi_free(&qapi_schema, c->arg, value);
    qapi_free(&qapi_schema, c->arg, again);
}

static void item(void *opaque, json_object *value, GError *err)
{
    json_object *name, *args = NULL;
    int cmd;

    g_assert(!value != !err);
    if (json_object_is_type(value, json_type_object)) {
        json_object_object_get_ex(value, "arguments", &args);
        if (json_object_object_get_ex(value, "execute", &name) &&
            json_object_is_type(name, json_type_string)) {
            cmd = qapi_find_command(&qapi_schema, json_object_get_string(name));
            if (cmd >= 0 && args) {
                check_arguments(cmd, args);
            }
        } else {
            for (unsigned i = 0; i < qapi_schema.n_commands; i++) {
                check_arguments(i, value);
            }
        }
    }
    json_object_put(value);
    g_clear_error(&err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    JsonStream s;

    json_stream_init(&s, item, NULL);
    json_stream_feed(&s, data, size / 2);
    json_stream_feed(&s, data + size / 2, size - size / 2);
    json_stream_destroy(&s);
    return 0;
}
