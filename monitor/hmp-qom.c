/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Human monitor: objects, properties, devices. */
#include "hw/boards.h"
#include "hw/qdev-core.h"
#include "hw/qdev-monitor.h"
#include "monitor/hmp.h"
#include "qapi/keyval.h"
#include "qapi/qapi-commands.h"
#include "qemu/osdep.h"

/* Prints and frees a help text, or the error (consumed) why there is none; false if none was asked
 * for. */
static bool print_help(Monitor *mon, GString *text, GError *err)
{
    if (err) {
        hmp_report(mon, err);
        return true;
    }
    if (!text) {
        return false;
    }
    monitor_printf(mon, "%s", text->str);
    g_string_free(text, true);
    return true;
}

static void hmp_device_add(Monitor *mon, const HmpArgs *args)
{
    g_autoptr(json_object) opts = NULL;
    bool is_json = false;
    GError *err = NULL;
    GString *help = qdev_device_help(args->line, &err);

    if (print_help(mon, help, err)) {
        return;
    }
    opts = keyval_parse(args->line, "driver", &is_json, &err);
    if (!opts || !qdev_device_add(opts, !is_json, &err)) {
        hmp_report(mon, err);
    }
}
HMP_COMMAND(hmp_device_add, "device_add", "driver[,prop=value][,...]",
            "add a device, as -device does", hmp_device_add, 1, -1);

static void hmp_device_del(Monitor *mon, const HmpArgs *args)
{
    GError *err = NULL;

    if (!qdev_unplug(args->argv[0], &err)) {
        hmp_report(mon, err);
    }
}
HMP_COMMAND(hmp_device_del, "device_del", "device",
            "ask the guest to give a device up, and remove it", hmp_device_del, 1, 1);

static void hmp_object_add(Monitor *mon, const HmpArgs *args)
{
    g_autoptr(json_object) opts = NULL;
    g_autofree char *type = NULL, *id = NULL;
    bool is_json = false;
    GError *err = NULL;
    GString *help = user_creatable_help(args->line, &err);

    if (print_help(mon, help, err)) {
        return;
    }
    opts = keyval_parse(args->line, "qom-type", &is_json, &err);
    if (opts) {
        type = opts_take_str(opts, "qom-type");
        id = opts_take_str(opts, "id");
        if (!type || !id) {
            error_setg(&err, "Parameter '%s' is missing", type ? "id" : "qom-type");
        } else {
            user_creatable_add(type, id, opts, !is_json, &err);
        }
    }
    if (err) {
        hmp_report(mon, err);
    }
}
HMP_COMMAND(hmp_object_add, "object_add", "[qom-type=]type,id=str[,prop=value][,...]",
            "create an object, as -object does", hmp_object_add, 1, -1);

static void hmp_object_del(Monitor *mon, const HmpArgs *args)
{
    GError *err = NULL;

    if (!user_creatable_del(args->argv[0], &err)) {
        hmp_report(mon, err);
    }
}
HMP_COMMAND(hmp_object_del, "object_del", "id", "destroy an object", hmp_object_del, 1, 1);

static Object *resolve(Monitor *mon, const char *path)
{
    bool ambiguous = false;
    Object *obj = object_resolve_path(path, &ambiguous);

    if (!obj) {
        monitor_printf(
            mon, ambiguous ? "Error: Path '%s' is ambiguous\n" : "Error: Device '%s' not found\n",
            path);
    }
    return obj;
}

static void print_property(const ObjectProperty *prop, void *opaque)
{
    g_autofree char *type = object_property_type_name(prop);

    monitor_printf(opaque, "%s (%s)\n", prop->name, type);
}

static void hmp_qom_list(Monitor *mon, const HmpArgs *args)
{
    Object *obj;

    if (!args->argc) {
        monitor_printf(mon, "/\n");
        return;
    }
    obj = resolve(mon, args->argv[0]);
    if (obj) {
        object_property_foreach(obj, print_property, mon);
    }
}
HMP_COMMAND(hmp_qom_list, "qom-list", "[path]", "list the properties of an object", hmp_qom_list, 0,
            1);

static void hmp_qom_get(Monitor *mon, const HmpArgs *args)
{
    Object *obj = resolve(mon, args->argv[0]);
    g_autoptr(json_object) value = NULL;
    GError *err = NULL;

    if (!obj) {
        return;
    }
    value = object_property_get_json(obj, args->argv[1], &err);
    if (err) {
        hmp_report(mon, err);
        return;
    }
    monitor_printf(mon, "%s\n",
                   json_object_to_json_string_ext(value, JSON_C_TO_STRING_SPACED |
                                                             JSON_C_TO_STRING_NOSLASHESCAPE));
}
HMP_COMMAND(hmp_qom_get, "qom-get", "path property", "show a property", hmp_qom_get, 2, 2);

static void hmp_qom_set(Monitor *mon, const HmpArgs *args)
{
    Object *obj = resolve(mon, args->argv[0]);
    GError *err = NULL;

    if (obj && !object_property_parse(obj, args->argv[1], args->argv[2], &err)) {
        hmp_report(mon, err);
    }
}
HMP_COMMAND(hmp_qom_set, "qom-set", "path property value", "set a property", hmp_qom_set, 3, 3);

static void hmp_info_qom_tree(Monitor *mon, const HmpArgs *args)
{
    Object *obj = args->argc ? resolve(mon, args->argv[0]) : object_resolve_path("/machine", NULL);
    g_autoptr(GString) out = g_string_new(NULL);

    if (obj) {
        qom_tree_info(obj, out);
        monitor_printf(mon, "%s", out->str);
    }
}
HMP_INFO(hmp_info_qom_tree, "qom-tree", "[path]", "show the object tree", hmp_info_qom_tree, 0, 1);
