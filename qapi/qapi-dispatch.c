/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands of a schema: look-up, checked call, and the schema's description of itself. */
#include "qapi/qapi-core.h"

#include "qemu/osdep.h"

int qapi_find_command(const QapiSchema *s, const char *name)
{
    unsigned lo = 0, hi = s->n_commands;

    while (lo < hi) {
        unsigned mid = lo + (hi - lo) / 2;
        int order = strcmp(name, s->strings + s->commands[mid].name);

        if (!order) {
            return mid;
        }
        if (order < 0) {
            hi = mid;
        } else {
            lo = mid + 1;
        }
    }
    return -1;
}

static json_object *dispatch_raw(QapiCommandFn *fn, json_object *args, GError **errp)
{
    json_object *empty = args ? NULL : json_object_new_object();
    json_object *ret = NULL;
    GError *err = NULL;

    fn(args ? args : empty, &ret, &err);
    json_object_put(empty);
    if (err) {
        json_object_put(ret);
        g_propagate_error(errp, err);
        return NULL;
    }
    return ret ? ret : json_object_new_object();
}

json_object *qapi_dispatch(const QapiSchema *s, QapiCommandFn *const *fns, unsigned cmd,
                           json_object *args, GError **errp)
{
    const QapiCommandInfo *c = &s->commands[cmd];
    union {
        void *p;
        double number;
        uint64_t integer;
        bool boolean;
    } ret = {0};
    json_object *empty = NULL, *out = NULL;
    GError *err = NULL;
    void *arg = NULL;

    if (c->flags & QAPI_CMD_RAW) {
        return dispatch_raw(fns[cmd], args, errp);
    }
    if (!args) {
        args = empty = json_object_new_object();
    }
    if (qapi_from_json(s, c->arg, args, &arg, errp)) {
        QapiKind kind = s->types[c->ret].kind;

        fns[cmd](arg, &ret, &err);
        qapi_free(s, c->arg, arg);
        if (err) {
            g_propagate_error(errp, err);
        } else {
            out = qapi_to_json(s, c->ret, &ret);
        }
        if (kind == QAPI_KIND_ANY) {
            json_object_put(ret.p);
        } else if (kind == QAPI_KIND_STR || kind >= QAPI_KIND_ARRAY) {
            qapi_free(s, c->ret, ret.p);
        }
    }
    json_object_put(empty);
    return out;
}

/* --- introspection
 * ------------------------------------------------------------------------------------------ */

static void add_str(json_object *o, const char *key, const char *value)
{
    json_object_object_add(o, key, json_object_new_string(value));
}

static void add_features(const QapiSchema *s, json_object *o, uint32_t features)
{
    json_object *list;
    g_auto(GStrv) names = NULL;

    if (!s->strings[features]) {
        return;
    }
    list = json_object_new_array();
    names = g_strsplit(s->strings + features, "\n", -1);
    for (char **n = names; *n; n++) {
        json_object_array_add(list, json_object_new_string(*n));
    }
    json_object_object_add(o, "features", list);
}

static bool is_integer(const QapiType *t)
{
    return t->kind >= QAPI_KIND_INT8 && t->kind <= QAPI_KIND_UINT64;
}

/* Clients see one integer type. */
static const char *type_name(const QapiSchema *s, unsigned type)
{
    return is_integer(&s->types[type]) ? "int" : s->strings + s->types[type].name;
}

static json_object *new_entry(const char *name, const char *meta)
{
    json_object *o = json_object_new_object();

    add_str(o, "name", name);
    add_str(o, "meta-type", meta);
    return o;
}

static json_object *describe_builtin(const QapiSchema *s, const QapiType *t)
{
    static const char *const json_types[] = {
        [QAPI_KIND_STR] = "string",   [QAPI_KIND_NUMBER] = "number", [QAPI_KIND_INT64] = "int",
        [QAPI_KIND_BOOL] = "boolean", [QAPI_KIND_NULL] = "null",     [QAPI_KIND_ANY] = "value",
    };
    json_object *o = new_entry(type_name(s, t - s->types), "builtin");

    add_str(o, "json-type", json_types[t->kind]);
    return o;
}

static json_object *describe_enum(const QapiSchema *s, const QapiType *t)
{
    json_object *o = new_entry(s->strings + t->name, "enum");
    json_object *members = json_object_new_array(), *values = json_object_new_array();

    for (unsigned i = 0; i < t->count; i++) {
        const QapiEnumValue *v = &s->values[t->first + i];
        json_object *m = json_object_new_object();

        add_str(m, "name", s->strings + v->name);
        add_features(s, m, v->features);
        json_object_array_add(members, m);
        json_object_array_add(values, json_object_new_string(s->strings + v->name));
    }
    json_object_object_add(o, "members", members);
    json_object_object_add(o, "values", values);
    return o;
}

static unsigned variant_type(const QapiSchema *s, const QapiType *t, unsigned value)
{
    for (unsigned i = 0; i < t->element; i++) {
        if (s->variants[t->first_variant + i].value == value) {
            return s->variants[t->first_variant + i].type;
        }
    }
    return s->empty;
}

static json_object *describe_object(const QapiSchema *s, const QapiType *t)
{
    bool alternate = t->kind == QAPI_KIND_ALTERNATE;
    json_object *o = new_entry(s->strings + t->name, alternate ? "alternate" : "object");
    json_object *members = json_object_new_array();

    for (unsigned i = 0; i < t->count; i++) {
        const QapiMember *m = &s->members[t->first + i];
        json_object *d = json_object_new_object();

        if (!alternate) {
            add_str(d, "name", s->strings + m->name);
        }
        add_str(d, "type", type_name(s, m->type));
        if (m->flags & QAPI_OPTIONAL) {
            json_object_object_add(d, "default", NULL);
        }
        add_features(s, d, m->features);
        json_object_array_add(members, d);
    }
    json_object_object_add(o, "members", members);
    if (t->kind == QAPI_KIND_UNION) {
        const QapiType *tag = &s->types[s->members[t->first + t->tag].type];
        json_object *variants = json_object_new_array();

        add_str(o, "tag", s->strings + s->members[t->first + t->tag].name);
        for (unsigned value = 0; value < tag->count; value++) {
            json_object *d = json_object_new_object();

            add_str(d, "case", s->strings + s->values[tag->first + value].name);
            add_str(d, "type", type_name(s, variant_type(s, t, value)));
            json_object_array_add(variants, d);
        }
        json_object_object_add(o, "variants", variants);
    }
    return o;
}

static json_object *describe_type(const QapiSchema *s, const QapiType *t)
{
    json_object *o;

    switch ((QapiKind)t->kind) {
    case QAPI_KIND_ENUM:
        o = describe_enum(s, t);
        break;
    case QAPI_KIND_ARRAY:
        o = new_entry(s->strings + t->name, "array");
        add_str(o, "element-type", type_name(s, t->element));
        break;
    case QAPI_KIND_STRUCT:
    case QAPI_KIND_UNION:
    case QAPI_KIND_ALTERNATE:
        o = describe_object(s, t);
        break;
    default:
        return describe_builtin(s, t);
    }
    add_features(s, o, t->features);
    return o;
}

json_object *qapi_introspect(const QapiSchema *s)
{
    json_object *out = json_object_new_array();

    for (unsigned i = 0; i < s->n_commands; i++) {
        const QapiCommandInfo *c = &s->commands[i];
        json_object *o = new_entry(s->strings + c->name, "command");

        add_str(o, "arg-type", type_name(s, c->arg));
        add_str(o, "ret-type", type_name(s, c->ret));
        if (c->flags & QAPI_CMD_OOB) {
            json_object_object_add(o, "allow-oob", json_object_new_boolean(true));
        }
        add_features(s, o, c->features);
        json_object_array_add(out, o);
    }
    for (unsigned i = 0; i < s->n_events; i++) {
        const QapiEventInfo *e = &s->events[i];
        json_object *o = new_entry(s->strings + e->name, "event");

        add_str(o, "arg-type", type_name(s, e->arg));
        add_features(s, o, e->features);
        json_object_array_add(out, o);
    }
    for (unsigned i = 0; i < s->n_types; i++) {
        const QapiType *t = &s->types[i];

        if (t->flags & QAPI_VISIBLE && (!is_integer(t) || !strcmp(s->strings + t->name, "int"))) {
            json_object_array_add(out, describe_type(s, t));
        }
    }
    return out;
}

json_object *qapi_list_commands(const QapiSchema *s)
{
    json_object *out = json_object_new_array();

    for (unsigned i = 0; i < s->n_commands; i++) {
        json_object *o = json_object_new_object();

        add_str(o, "name", s->strings + s->commands[i].name);
        json_object_array_add(out, o);
    }
    return out;
}
