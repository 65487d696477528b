/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Texts about types and objects: -object help, property lists, info qom-tree. */
#include "qom-internal.h"

static void add_type(const TypeInfo *info, const char *parent, bool abstract, void *opaque)
{
    g_string_append_printf(opaque, "  %s\n", info->name);
}

typedef struct HelpState {
    ObjectClass *klass;
    bool (*skip)(const ObjectProperty *prop);
    GString *out;
} HelpState;

static void help_property(const ObjectProperty *prop, void *opaque)
{
    HelpState *state = opaque;
    g_autofree char *type = NULL;
    json_object *defval;
    gsize start;

    if (prop->read_only || (prop->kind == PROP_CUSTOM && !prop->set) ||
        (state->skip && state->skip(prop))) {
        return;
    }
    type = object_property_type_name(prop);
    start = state->out->len;
    g_string_append_printf(state->out, "  %s=<%s>", prop->name, type);
    defval = object_class_property_default(state->klass, prop);
    if (prop->help || defval) {
        int pad = 24 - (int)(state->out->len - start);

        g_string_append_printf(state->out, "%*s -", MAX(pad, 0), "");
    }
    if (prop->help) {
        g_string_append_printf(state->out, " %s", prop->help);
    }
    if (defval && json_object_is_type(defval, json_type_boolean)) {
        g_string_append_printf(state->out, " (default: %s)",
                               json_object_get_boolean(defval) ? "on" : "off");
    } else if (defval) {
        g_string_append_printf(state->out, " (default: %s)", json_object_get_string(defval));
    }
    g_string_append_c(state->out, '\n');
    json_object_put(defval);
}

void object_class_help_properties(ObjectClass *klass, bool (*skip)(const ObjectProperty *prop),
                                  GString *out)
{
    HelpState state = {.klass = klass, .skip = skip, .out = out};

    object_class_property_foreach(klass, help_property, &state);
}

char *help_request(const char *text)
{
    if (!strcmp(text, "help") || !strcmp(text, "?")) {
        return g_strdup("");
    }
    if (*text != '{' && (g_str_has_suffix(text, ",help") || g_str_has_suffix(text, ",?"))) {
        size_t len = strcspn(text, ",");

        return g_strndup(text, len);
    }
    return NULL;
}

GString *user_creatable_help(const char *text, GError **errp)
{
    g_autofree char *typename = help_request(text);
    ObjectClass *klass;
    GString *out;

    if (!typename) {
        return NULL;
    }
    if (!*typename) {
        out = g_string_new("List of user creatable objects:\n");
        object_type_foreach(add_type, TYPE_USER_CREATABLE, false, out);
        return out;
    }
    klass = object_class_by_name(typename);
    if (!klass || !object_class_is_a(klass, TYPE_USER_CREATABLE) ||
        object_class_is_abstract(klass)) {
        g_autofree char *hint = object_type_hint(typename, TYPE_USER_CREATABLE);

        error_setg(errp, "'%s' is no object type that can be created%s", typename,
                   *hint ? hint : "; -object help lists them");
        return NULL;
    }
    out = g_string_new(NULL);
    g_string_append_printf(out, "%s options:\n", typename);
    object_class_help_properties(klass, NULL, out);
    return out;
}

typedef struct TreeState {
    GString *out;
    int indent;
} TreeState;

static bool tree_node(Object *obj, void *opaque)
{
    TreeState *state = opaque;
    const char *name = object_get_name(obj);

    g_string_append_printf(state->out, "%*s/%s (%s)\n", state->indent, "", name ? name : "",
                           object_get_typename(obj));
    state->indent += 2;
    object_child_foreach(obj, tree_node, state);
    state->indent -= 2;
    return true;
}

void qom_tree_info(Object *obj, GString *out)
{
    TreeState state = {.out = out};

    tree_node(obj, &state);
}
