/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine object and its accelerator, from -machine, -accel, -cpu, -m and -smp. */
#include "system/vl.h"

#include "hw/i386/cpu.h"
#include "qapi/keyval.h"

/* --- machine
 * --------------------------------------------------------------------------------------------------
 */

typedef struct MachineLookup {
    const char *name;
    ObjectClass *found;
} MachineLookup;

static void match_machine(ObjectClass *klass, void *opaque)
{
    MachineClass *mc = (MachineClass *)klass;
    MachineLookup *look = opaque;

    if (look->name ? (strcmp(mc->name, look->name) == 0 || g_strcmp0(mc->alias, look->name) == 0)
                   : mc->is_default) {
        look->found = klass;
    }
}

ObjectClass *vm_find_machine(const char *name, GError **errp)
{
    MachineLookup look = {.name = name};

    object_class_foreach(match_machine, TYPE_MACHINE, false, &look);
    if (look.found) {
        return look.found;
    }
    if (name) {
        error_setg(errp, "-machine %s: unknown machine; -machine help lists them", name);
        return NULL;
    }
    error_setg(errp, "no default machine is built in: give -machine NAME");
    return NULL;
}

static char *dashes(const char *name)
{
    return g_strdelimit(g_strdup(name), "_", '-');
}

/* Moves "smp.x=" and "memory.x=" of -machine to where -smp and -m keep theirs.
 */
static void lift_suboptions(json_object *machine, const char *key, json_object **into)
{
    json_object *sub;

    if (!json_object_object_get_ex(machine, key, &sub)) {
        return;
    }
    if (json_object_is_type(sub, json_type_object)) {
        if (!*into) {
            *into = json_object_new_object();
        }
        json_object_object_foreach(sub, k, v)
        {
            json_object_object_add(*into, k, json_object_get(v));
        }
        json_object_object_del(machine, key);
    }
}

static bool set_machine_options(MachineState *ms, json_object *opts, char **irqchip, GError **errp)
{
    json_object_object_foreach(opts, key, value)
    {
        g_autofree char *name = dashes(key);
        g_autoptr(GError) err = NULL;

        if (strcmp(name, "kernel-irqchip") == 0) {
            g_free(*irqchip);
            *irqchip = g_strdup(json_object_get_string(value));
            continue;
        }
        if (!object_property_find(OBJECT(ms), name)) {
            error_setg(errp,
                       "-machine %s=%s: machine '%s' has no such option; -machine %s,help lists "
                       "what there is",
                       key, json_object_get_string(value), MACHINE_GET_CLASS(ms)->name,
                       MACHINE_GET_CLASS(ms)->name);
            return false;
        }
        if (!object_property_set_json(OBJECT(ms), name, value, true, &err)) {
            error_setg(errp, "-machine %s=%s: %s", key, json_object_get_string(value),
                       err->message);
            return false;
        }
    }
    return true;
}

MachineState *vm_create_machine(char **irqchip, char **accel, GError **errp)
{
    json_object *opts =
        vm_config.machine ? json_object_get(vm_config.machine) : json_object_new_object();
    g_autofree char *type = opts_take_str(opts, "type");
    ObjectClass *klass;
    MachineState *ms = NULL;

    *accel = opts_take_str(opts, "accel");
    lift_suboptions(opts, "smp", &vm_config.smp);
    lift_suboptions(opts, "memory", &vm_config.memory);
    klass = vm_find_machine(type, errp);
    if (klass) {
        ms = MACHINE(object_new(object_class_get_name(klass), errp));
    }
    if (ms) {
        object_property_add_child(object_get_root(), "machine", OBJECT(ms), NULL);
        object_unref(ms);
        current_machine = ms;
        container_get(OBJECT(ms), "/peripheral");
        container_get(OBJECT(ms), "/peripheral-anon");
        container_get(OBJECT(ms), "/unattached");
        ms->enable_defaults = !vm_config.nodefaults;
        if (!set_machine_options(ms, opts, irqchip, errp)) {
            ms = NULL;
        }
    }
    json_object_put(opts);
    return ms;
}

static bool set_string(char **field, const char *value)
{
    if (value) {
        g_free(*field);
        *field = g_strdup(value);
    }
    return true;
}

static bool apply_cpu_option(MachineState *ms, GError **errp)
{
    MachineClass *mc = MACHINE_GET_CLASS(ms);

    if (!vm_config.cpu) {
        set_string(&ms->cpu_type, mc->default_cpu_type);
        return true;
    }
    return x86_cpu_parse_option(vm_config.cpu, &ms->cpu_type, &ms->cpu_props, errp);
}

/* reboot-timeout: -1 means never, which is what happens without it. */
static bool take_timeout(json_object *opts, uint64_t *ms, GError **errp)
{
    json_object *v;

    *ms = UINT64_MAX;
    if (json_object_object_get_ex(opts, "reboot-timeout", &v) &&
        !strcmp(json_object_get_string(v), "-1")) {
        json_object_object_del(opts, "reboot-timeout");
        return true;
    }
    return opts_take_uint(opts, "reboot-timeout", UINT64_MAX, 0xffff, ms, errp);
}

/* Boot options that are no device letters; those are the board's to check. */
static bool apply_boot_option(MachineState *ms, json_object *opts, GError **errp)
{
    static const char *const known[] = {"order",       "once",           "menu",   "splash",
                                        "splash-time", "reboot-timeout", "strict", NULL};
    MachineBoot *boot = &ms->boot;
    uint64_t splash_time = UINT64_MAX, timeout = UINT64_MAX;

    *boot = (MachineBoot){
        .splash_time = -1, .reboot_timeout = -1, .fd_bootchk = !vm_config.no_fd_bootchk};
    if (!opts) {
        return true;
    }
    boot->order = opts_take_str(opts, "order");
    boot->once = opts_take_str(opts, "once");
    boot->splash = opts_take_str(opts, "splash");
    if (!opts_take_bool(opts, "menu", false, &boot->menu, errp) ||
        !opts_take_bool(opts, "strict", false, &boot->strict, errp) ||
        !opts_take_uint(opts, "splash-time", UINT64_MAX, 0xffff, &splash_time, errp) ||
        !take_timeout(opts, &timeout, errp) || !opts_check_empty(opts, "-boot", known, errp)) {
        error_name_option(errp, "-boot", NULL);
        return false;
    }
    boot->splash_time = splash_time <= 0xffff ? (int64_t)splash_time : -1;
    boot->reboot_timeout = timeout <= 0xffff ? (int64_t)timeout : -1;
    return true;
}

/* A machine without a board takes nothing of what belongs to one. */
static bool check_empty_machine(GError **errp)
{
    const struct {
        const char *option;
        bool given;
    } options[] = {
        {"-kernel", vm_config.kernel},
        {"-bios", vm_config.bios},
        {"-option-rom", vm_config.option_roms},
        {"-fw_cfg", vm_config.fw_cfgs},
        {"-smbios", vm_config.smbios},
        {"-serial", vm_config.serials},
        {"-parallel", vm_config.parallels},
        {"-vga", vm_config.vga && strcmp(vm_config.vga, "none")},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(options); i++) {
        if (options[i].given) {
            error_setg(errp,
                       "%s: the machine 'none' has no board that could use it; choose "
                       "another with -machine, or leave it out",
                       options[i].option);
            return false;
        }
    }
    return true;
}

bool vm_configure_machine(MachineState *ms, GError **errp)
{
    MachineClass *mc = MACHINE_GET_CLASS(ms);

    set_string(&ms->kernel_filename, vm_config.kernel);
    set_string(&ms->initrd_filename, vm_config.initrd);
    set_string(&ms->kernel_cmdline, vm_config.append);
    set_string(&ms->firmware, vm_config.bios);
    if (!ms->kernel_filename && (ms->initrd_filename || ms->kernel_cmdline)) {
        error_setg(errp, "%s needs -kernel FILE", ms->initrd_filename ? "-initrd" : "-append");
        return false;
    }
    if (!mc->init && !check_empty_machine(errp)) {
        return false;
    }
    if (ms->usb) {
        error_setg(errp, "-machine usb=on: no USB controller is built in; leave it off");
        return false;
    }
    ms->graphics = ms->graphics && !vm_config.nographic;
    return apply_boot_option(ms, vm_config.boot, errp) &&
           machine_apply_memory(ms, vm_config.memory, errp) &&
           machine_parse_smp(&ms->smp, vm_config.smp, mc->max_cpus, errp) &&
           apply_cpu_option(ms, errp);
}

/* --- accelerator
 * --------------------------------------------------------------------------------------------------
 */

static void put_json(void *opts)
{
    json_object_put(opts);
}

/* -accel's list, or what -machine accel=A:B says, or KVM; the caller drops its reference. */
static GPtrArray *accel_candidates(const char *machine_accel, bool *implied, GError **errp)
{
    GPtrArray *list = vm_config.accels;

    *implied = false;
    if (list && machine_accel) {
        error_setg(errp, "-accel and -machine accel=%s exclude each other; keep one",
                   machine_accel);
        return NULL;
    }
    if (!list) {
        g_auto(GStrv) names = g_strsplit(machine_accel ? machine_accel : "kvm", ":", -1);

        *implied = !machine_accel;
        list = g_ptr_array_new_with_free_func(put_json);
        for (char **name = names; *name; name++) {
            json_object *opts = json_object_new_object();

            json_object_object_add(opts, "accel", json_object_new_string(*name));
            g_ptr_array_add(list, opts);
        }
        return list;
    }
    return g_ptr_array_ref(list);
}

static void append_name(const ObjectProperty *prop, void *opaque)
{
    GString *names = opaque;

    if (prop->kind != PROP_CHILD && !prop->read_only) {
        g_string_append_printf(names, "%s%s", names->len ? ", " : "", prop->name);
    }
}

/* Sets one property that -accel names. */
static bool set_accel_property(Object *accel, const char *name, const char *key, json_object *value,
                               GError **errp)
{
    g_autofree char *prop = dashes(key);
    g_autoptr(GError) err = NULL;

    if (!object_property_find(accel, prop)) {
        g_autoptr(GString) names = g_string_new(NULL);

        object_class_property_foreach(object_get_class(accel), append_name, names);
        error_setg(errp, "-accel %s,%s=%s: %s has no property '%s'; %s%s", name, key,
                   json_object_get_string(value), name, key,
                   names->len ? "it has " : "it has none, leave it out", names->str);
        return false;
    }
    if (!object_property_set_json(accel, prop, value, true, &err)) {
        error_setg(errp, "-accel %s,%s=%s: %s", name, key, json_object_get_string(value),
                   err->message);
        return false;
    }
    return true;
}

/* The accelerator that given describes, its properties set; nothing is opened. */
static AccelState *accel_new(json_object *given, const char *irqchip, GError **errp)
{
    json_object *name_value = json_object_object_get(given, "accel");
    const char *name = json_object_get_string(name_value);
    g_autofree char *type = g_strdup_printf("%s-accel", name);
    g_autoptr(Object) accel = NULL;

    if (!object_class_by_name(type)) {
        error_setg(errp, "-accel %s: not built in; use kvm (or qtest for tests)", name);
        return NULL;
    }
    accel = object_new(type, errp);
    if (!accel) {
        return NULL;
    }
    if (irqchip && object_property_find(accel, "kernel-irqchip") &&
        !object_property_parse(accel, "kernel-irqchip", irqchip, errp)) {
        return NULL;
    }
    json_object_object_foreach(given, key, value)
    {
        if (value != name_value && !set_accel_property(accel, name, key, value, errp)) {
            return NULL;
        }
    }
    return (AccelState *)g_steal_pointer(&accel);
}

static bool accel_try(MachineState *ms, json_object *given, const char *irqchip, GError **errp)
{
    AccelState *accel = accel_new(given, irqchip, errp);
    bool ok;

    if (!accel) {
        return false;
    }
    ms->accelerator = accel;
    ok = ACCEL_GET_CLASS(accel)->init_machine(accel, ms, errp);
    if (ok) {
        object_property_add_child(OBJECT(ms), "accel", OBJECT(accel), NULL);
    } else {
        ms->accelerator = NULL;
    }
    object_unref(accel);
    return ok;
}

/* What -machine says under key in either spelling; NULL: nothing. */
static const char *machine_option(const char *key)
{
    const char *text = NULL;

    if (vm_config.machine) {
        json_object_object_foreach(vm_config.machine, k, value)
        {
            g_autofree char *name = dashes(k);

            text = strcmp(name, key) ? text : json_object_get_string(value);
        }
    }
    return text;
}

/* One that QEMU has, and this has not. */
static bool is_foreign_accel(json_object *given)
{
    static const char *const names[] = {"tcg", "xen", "hvf", "nvmm", "whpx", "mshv", "hax", NULL};

    return g_strv_contains(names,
                           json_object_get_string(json_object_object_get(given, "accel")) ?: "");
}

bool vm_check_accels(GError **errp)
{
    const char *irqchip = machine_option("kernel-irqchip");
    g_autoptr(GPtrArray) list = NULL;
    bool implied;

    if (irqchip && strcmp(irqchip, "on") && strcmp(irqchip, "off") && strcmp(irqchip, "split")) {
        error_setg(errp, "-machine kernel-irqchip=%s: use on, off or split", irqchip);
        return false;
    }
    list = accel_candidates(machine_option("accel"), &implied, errp);
    for (unsigned i = 0; list && i < list->len; i++) {
        AccelState *accel;

        if (list->len > 1 && is_foreign_accel(list->pdata[i])) {
            continue; /* one of several to choose from, as scripts give them */
        }
        accel = accel_new(list->pdata[i], irqchip, errp);
        if (!accel) {
            return false;
        }
        object_unref(accel);
    }
    return list != NULL;
}

bool vm_create_accel(MachineState *ms, const char *machine_accel, const char *irqchip,
                     GError **errp)
{
    bool implied;
    g_autoptr(GPtrArray) list = accel_candidates(machine_accel, &implied, errp);

    if (!list) {
        return false;
    }
    for (unsigned i = 0; i < list->len; i++) {
        g_autoptr(GError) err = NULL;

        if (accel_try(ms, g_ptr_array_index(list, i), irqchip, &err)) {
            if (i && !vm_config.qtest) {
                info_report("falling back to %s", ACCEL_GET_CLASS(ms->accelerator)->name);
            }
            return true;
        }
        if (i + 1 == list->len) {
            if (implied && MACHINE_GET_CLASS(ms)->no_accel) {
                return true; /* -machine none runs nothing: it may ask what exists on a
                                host without KVM */
            }
            g_propagate_error(errp, g_steal_pointer(&err));
            return false;
        }
        if (!vm_config.qtest) {
            error_report_err(g_steal_pointer(&err));
        }
    }
    error_setg(errp, "-accel: no accelerator is named");
    return false;
}
