/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values that ask for help: -device help, -object TYPE,help, -machine help ... */
#include "system/vl.h"

#include "block/block-monitor.h"
#include "chardev/char.h"
#include "hw/i386/cpu.h"
#include "hw/qdev-monitor.h"
#include "net/net.h"
#include "system/accel.h"

static bool print_and_free(GString *text)
{
    if (text) {
        fputs(text->str, stdout);
        g_string_free(text, TRUE);
    }
    return text != NULL;
}

static void collect_machine(ObjectClass *klass, void *opaque)
{
    MachineClass *mc = (MachineClass *)klass;
    GString *out = opaque;

    if (mc->alias) {
        g_string_append_printf(out, "%-20s %s (alias of %s)\n", mc->alias, mc->desc, mc->name);
    }
    g_string_append_printf(out, "%-20s %s%s%s\n", mc->name, mc->desc,
                           mc->is_default ? " (default)" : "",
                           mc->deprecation_reason ? " (deprecated)" : "");
}

static void collect_accel(ObjectClass *klass, void *opaque)
{
    g_string_append_printf(opaque, "%s\n", ((AccelClass *)klass)->name);
}

static void collect_chardev(ObjectClass *klass, void *opaque)
{
    const char *name = object_class_get_name(klass);

    /* The types are called chardev-NAME. */
    g_string_append_printf(opaque, "  %s\n", g_str_has_prefix(name, "chardev-") ? name + 8 : name);
}

static bool is_help(const char *value)
{
    return value && (strcmp(value, "help") == 0 || strcmp(value, "?") == 0);
}

static bool machine_property_is_internal(const ObjectProperty *prop)
{
    return strcmp(prop->name, "type") == 0 || prop->kind == PROP_CHILD;
}

/* -machine NAME,help: what the machine is and its options. */
static GString *machine_help(const char *name, GError **errp)
{
    MachineClass *mc = (MachineClass *)vm_find_machine(name, errp);
    GString *out;

    if (!mc) {
        return NULL;
    }
    out = g_string_new(NULL);
    g_string_append_printf(out, "%s: %s\n", mc->name, mc->desc);
    if (mc->contents) {
        g_string_append_printf(out, "contains %s\n", mc->contents);
    }
    g_string_append_printf(out, "up to %u vCPUs%s%s\n%s options:\n", mc->max_cpus,
                           mc->default_cpu_type ? ", by default " : "",
                           mc->default_cpu_type ? mc->default_cpu_type : "", mc->name);
    object_class_help_properties(&mc->parent_class, machine_property_is_internal, out);
    return out;
}

static const char *config_text(json_object *opts, const char *key)
{
    json_object *value;

    return opts && json_object_object_get_ex(opts, key, &value) ? json_object_get_string(value)
                                                                : NULL;
}

/* -machine, -accel and -cpu: NULL, without an error, when none of them asks. */
static GString *board_help(GError **errp)
{
    const char *type = config_text(vm_config.machine, "type");

    if (is_help(type)) {
        GString *out = g_string_new("Supported machines are:\n");

        object_class_foreach(collect_machine, TYPE_MACHINE, false, out);
        return out;
    }
    if (config_text(vm_config.machine, "help")) {
        return machine_help(type, errp);
    }
    for (unsigned i = 0; vm_config.accels && i < vm_config.accels->len; i++) {
        if (is_help(config_text(vm_config.accels->pdata[i], "accel"))) {
            GString *out = g_string_new("Accelerators supported in QEMU binary:\n");

            object_class_foreach(collect_accel, TYPE_ACCEL, false, out);
            return out;
        }
    }
    if (is_help(vm_config.cpu) || (vm_config.cpu && (g_str_has_suffix(vm_config.cpu, ",help") ||
                                                     g_str_has_suffix(vm_config.cpu, ",?")))) {
        GString *out = g_string_new(NULL);

        x86_cpu_list(out);
        return out;
    }
    return NULL;
}

static GString *netdev_help(const char *text, GError **errp)
{
    return net_help("netdev", text);
}

static GString *nic_help(const char *text, GError **errp)
{
    return net_help("nic", text);
}

static GString *netopt_help(const char *text, GError **errp)
{
    return net_help("net", text);
}

/* -chardev help, -chardev TYPE,help */
static GString *chardev_help(const char *text, GError **errp)
{
    g_autofree char *type = help_request(text);
    GString *out;

    if (!type) {
        return NULL;
    }
    if (*type) {
        return qemu_chr_help(type, errp);
    }
    out = g_string_new("Available chardev backend types:\n");
    object_class_foreach(collect_chardev, TYPE_CHARDEV, false, out);
    return out;
}

/* -blockdev help, -blockdev DRIVER,help */
static GString *blockdev_help(const char *text, GError **errp)
{
    g_autofree char *driver = help_request(text);

    return driver ? blockdev_driver_help(*driver ? driver : NULL, errp) : NULL;
}

OptionsResult help_requested(GError **errp)
{
    const struct {
        const char *option;
        GPtrArray *list;
        GString *(*help)(const char *text, GError **errp);
    } lists[] = {
        {"-device", vm_config.devices, qdev_device_help},
        {"-object", vm_config.objects, user_creatable_help},
        {"-netdev", vm_config.netdevs, netdev_help},
        {"-nic", vm_config.nics, nic_help},
        {"-net", vm_config.nets, netopt_help},
        {"-chardev", vm_config.chardevs, chardev_help},
        {"-blockdev", vm_config.blockdevs, blockdev_help},
    };
    g_autoptr(GError) err = NULL;

    if (print_and_free(board_help(&err))) {
        return OPTIONS_DONE;
    }
    for (size_t l = 0; !err && l < G_N_ELEMENTS(lists); l++) {
        for (unsigned i = 0; !err && lists[l].list && i < lists[l].list->len; i++) {
            const char *text = lists[l].list->pdata[i];

            if (print_and_free(lists[l].help(text, &err))) {
                return OPTIONS_DONE;
            }
            error_name_option(&err, lists[l].option, text);
        }
    }
    if (err) {
        g_propagate_error(errp, g_steal_pointer(&err));
        return OPTIONS_FAILED;
    }
    return OPTIONS_RUN;
}
