/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Texts about devices: -device help, -device DRIVER,help, info qtree, info qom-tree; and
 * device-list-properties. */
#include "hw/qdev-core.h"
#include "hw/qdev-monitor.h"
#include "qdev-internal.h"

static const char *const category_titles[] = {
    [DEVICE_CATEGORY_BRIDGE] = "Controller/Bridge/Hub",
    [DEVICE_CATEGORY_USB] = "USB",
    [DEVICE_CATEGORY_STORAGE] = "Storage",
    [DEVICE_CATEGORY_NETWORK] = "Network",
    [DEVICE_CATEGORY_INPUT] = "Input",
    [DEVICE_CATEGORY_DISPLAY] = "Display",
    [DEVICE_CATEGORY_SOUND] = "Sound",
    [DEVICE_CATEGORY_MISC] = "Misc",
    [DEVICE_CATEGORY_CPU] = "CPU",
    [DEVICE_CATEGORY_WATCHDOG] = "Watchdog",
    [DEVICE_CATEGORY_MAX] = "Uncategorized",
};

bool qdev_property_is_internal(const ObjectProperty *prop)
{
    static const char *const internal[] = {"type", "realized", "hotpluggable", "hotplugged",
                                           "parent_bus"};

    for (unsigned i = 0; i < G_N_ELEMENTS(internal); i++) {
        if (!strcmp(prop->name, internal[i])) {
            return true;
        }
    }
    return prop->kind == PROP_CHILD;
}

/* --- help
 * ----------------------------------------------------------------------------------------------------------------
 */

typedef struct ListState {
    GString *out;
    DeviceCategory category;
    bool titled;
} ListState;

static void list_device(ObjectClass *klass, void *opaque)
{
    DeviceClass *dc = (DeviceClass *)klass;
    ListState *state = opaque;

    if (!dc->user_creatable || dc->not_built_in || dc->category != state->category) {
        return;
    }
    if (!state->titled) {
        g_string_append_printf(state->out, "%s%s devices:\n", state->out->len ? "\n" : "",
                               category_titles[state->category]);
        state->titled = true;
    }
    g_string_append_printf(state->out, "name \"%s\"", object_class_get_name(klass));
    if (dc->bus_type) {
        g_string_append_printf(state->out, ", bus %s", dc->bus_type);
    }
    if (dc->desc) {
        g_string_append_printf(state->out, ", desc \"%s\"", dc->desc);
    }
    g_string_append_c(state->out, '\n');
}

GString *qdev_device_help(const char *text, GError **errp)
{
    g_autofree char *driver = help_request(text);
    ObjectClass *klass;
    GString *out;

    if (!driver) {
        return NULL;
    }
    if (!*driver) {
        out = g_string_new(NULL);
        for (int c = 0; c <= DEVICE_CATEGORY_MAX; c++) {
            ListState state = {.out = out, .category = c};

            object_class_foreach(list_device, TYPE_DEVICE, false, &state);
        }
        return out;
    }
    klass = object_class_by_name(g_str_has_prefix(driver, "driver=") ? driver + strlen("driver=")
                                                                     : driver);
    if (!klass || !object_class_is_a(klass, TYPE_DEVICE) || object_class_is_abstract(klass)) {
        g_autofree char *hint = object_type_hint(driver, TYPE_DEVICE);

        error_setg(errp, "'%s' is not a valid device model name%s", driver,
                   *hint ? hint : "; -device help lists them");
        return NULL;
    }
    out = g_string_new(NULL);
    g_string_append_printf(out, "%s options:\n", object_class_get_name(klass));
    object_class_help_properties(klass, qdev_property_is_internal, out);
    return out;
}

/* --- trees
 * --------------------------------------------------------------------------------------------------------------------
 */

typedef struct QtreeState {
    GString *out;
    DeviceState *dev;
    int indent;
} QtreeState;

static void print_bus(BusState *bus, GString *out, int indent);

static void print_property(const ObjectProperty *prop, void *opaque)
{
    QtreeState *state = opaque;
    json_object *value;

    /* What nobody can set is state, which may change from one look to the next. */
    if (qdev_property_is_internal(prop) || prop->read_only) {
        return;
    }
    value = object_property_get_json(OBJECT(state->dev), prop->name, NULL);
    if (!value) {
        return;
    }
    g_string_append_printf(state->out, "%*s%s = ", state->indent, "", prop->name);
    if (json_object_is_type(value, json_type_int)) {
        g_string_append_printf(state->out, "%s (0x%" PRIx64 ")\n", json_object_get_string(value),
                               (uint64_t)(json_object_get_int64(value) < 0
                                              ? (uint64_t)json_object_get_int64(value)
                                              : json_object_get_uint64(value)));
    } else if (json_object_is_type(value, json_type_string)) {
        g_string_append_printf(state->out, "\"%s\"\n", json_object_get_string(value));
    } else {
        g_string_append_printf(state->out, "%s\n", json_object_to_json_string(value));
    }
    json_object_put(value);
}

static void print_device(DeviceState *dev, GString *out, int indent)
{
    BusClass *bc = dev->parent_bus ? BUS_GET_CLASS(dev->parent_bus) : NULL;
    QtreeState state = {.out = out, .dev = dev, .indent = indent + 2};

    g_string_append_printf(out, "%*sdev: %s, id \"%s\"\n", indent, "",
                           object_get_typename(OBJECT(dev)), dev->id ? dev->id : "");
    indent += 2;
    for (unsigned i = 0; dev->gpios && i < dev->gpios->len; i++) {
        NamedGpioList *list = dev->gpios->pdata[i];

        if (list->n_in) {
            g_string_append_printf(out, "%*sgpio-in \"%s\" %d\n", indent, "",
                                   list->name ? list->name : "", list->n_in);
        }
        if (list->n_out) {
            g_string_append_printf(out, "%*sgpio-out \"%s\" %d\n", indent, "",
                                   list->name ? list->name : "", list->n_out);
        }
    }
    object_property_foreach(OBJECT(dev), print_property, &state);
    if (bc && bc->print_dev) {
        bc->print_dev(out, dev, indent);
    }
    for (unsigned i = 0; i < dev->child_buses->len; i++) {
        print_bus(dev->child_buses->pdata[i], out, indent);
    }
}

static void print_bus(BusState *bus, GString *out, int indent)
{
    g_string_append_printf(out, "%*sbus: %s\n%*stype %s\n", indent, "", bus->name, indent + 2, "",
                           object_get_typename(OBJECT(bus)));
    for (unsigned i = 0; i < bus->children->len; i++) {
        print_device(bus->children->pdata[i], out, indent + 2);
    }
}

GString *qdev_print_qtree(void)
{
    GString *out = g_string_new(NULL);

    print_bus(sysbus_get_default(), out, 0);
    return out;
}

GString *qom_print_tree(const char *path)
{
    GString *out = g_string_new(NULL);
    bool ambiguous;
    Object *obj = object_resolve_path(path && *path ? path : "/machine", &ambiguous);

    if (obj) {
        qom_tree_info(obj, out);
    } else if (ambiguous) {
        g_string_append_printf(out, "Path '%s' is ambiguous\n", path);
    } else {
        g_string_append_printf(out, "Path '%s' could not be resolved\n", path ? path : "/machine");
    }
    return out;
}
