/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPU models as users see them: -cpu, its help, the QMP queries, and the making of a machine's
 * processors. */
#include "qemu/osdep.h"

#include "hw/i386/cpu.h"
#include "named_models.h"
#include "qapi/keyval.h"
#include "system/kvm.h"

/* --- -cpu
 * ----------------------------------------------------------------------------------------------------------
 */

bool x86_cpu_parse_option(const char *text, char **type, json_object **props, GError **errp)
{
    g_auto(GStrv) parts = g_strsplit(text, ",", -1);
    json_object *obj = NULL;

    if (!parts[0] || !*parts[0]) {
        error_setg(errp, "-cpu: a model is missing; '-cpu help' lists them");
        return false;
    }
    for (char **p = parts + 1; *p; p++) {
        char *eq = strchr(*p, '=');
        const char *name = *p, *value = "on";

        if (!*name) {
            error_setg(errp, "-cpu %s: an empty property; write model,property=value,...", text);
            if (obj) {
                json_object_put(obj);
            }
            return false;
        }
        if (eq) {
            *eq = '\0';
            value = eq + 1;
        } else if (*name == '+' || *name == '-') {
            value = *name == '+' ? "on" : "off";
            name++;
        }
        if (!obj) {
            obj = json_object_new_object();
        }
        json_object_object_add(obj, name, json_object_new_string(value));
    }
    *type = g_strconcat(parts[0], X86_CPU_TYPE_SUFFIX, NULL);
    *props = obj;
    return true;
}

static void collect_name(const ObjectProperty *prop, void *opaque)
{
    g_ptr_array_add(opaque, (gpointer)prop->name);
}

bool x86_cpu_set_option(X86CPU *cpu, const char *name, const char *value, GError **errp)
{
    Object *obj = OBJECT(cpu);
    unsigned word, bit;

    if (*name == '+' || *name == '-') {
        value = *name == '+' ? "on" : "off";
        name++;
    }
    if (object_property_find(obj, name)) {
        return object_property_parse(obj, name, value, errp);
    }
    if (x86_feature_find(name, &word, &bit)) {
        return object_property_parse(obj, x86_feature_words[word].names[bit], value, errp);
    }
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    object_property_foreach(obj, collect_name, names);
    g_ptr_array_add(names, NULL);
    const char *near = nearest_name(name, (const char *const *)names->pdata);
    if (near) {
        error_setg(errp, "-cpu: there is no feature or property '%s'; the nearest is '%s'", name,
                   near);
    } else {
        error_setg(errp,
                   "-cpu: there is no feature or property '%s'; '-cpu help' lists the features",
                   name);
    }
    return false;
}

static bool apply_props(X86CPU *cpu, json_object *props, GError **errp)
{
    if (!props) {
        return true;
    }
    json_object_object_foreach(props, key, value)
    {
        bool scalar = !json_object_is_type(value, json_type_object) &&
                      !json_object_is_type(value, json_type_array);
        const char *text = json_object_is_type(value, json_type_boolean)
                               ? (json_object_get_boolean(value) ? "on" : "off")
                               : json_object_get_string(value);

        if (!scalar || !text) {
            error_setg(errp, "-cpu: property '%s' takes a plain value", key);
            return false;
        }
        if (!x86_cpu_set_option(cpu, key, text, errp)) {
            return false;
        }
    }
    return true;
}

/* The class of a model by type name, with the errors a user should see. */
static ObjectClass *model_class(const char *type, GError **errp)
{
    ObjectClass *klass = type ? object_class_by_name(type) : NULL;

    if (!klass || !object_class_is_a(klass, TYPE_X86_CPU) || object_class_is_abstract(klass)) {
        g_autofree char *name = g_strdup(type ? type : "");
        if (g_str_has_suffix(name, X86_CPU_TYPE_SUFFIX)) {
            name[strlen(name) - strlen(X86_CPU_TYPE_SUFFIX)] = '\0';
        }
        error_setg(errp, "-cpu %s: there is no such CPU model; '-cpu help' lists them", name);
        return NULL;
    }
    if (!strcmp(type, X86_CPU_TYPE_NAME("host")) && !kvm_enabled()) {
        error_setg(errp,
                   "-cpu host: the model shows the host's processor and needs -accel kvm; use "
                   "-cpu max");
        return NULL;
    }
    return klass;
}

/* --- a machine's processors
 * ----------------------------------------------------------------------------------------- */

bool x86_cpu_like_machine(X86CPU *cpu, MachineState *ms, GError **errp)
{
    cpu->topo = (X86CPUTopology){
        .threads = MAX(ms->smp.threads, 1),
        .cores = MAX(ms->smp.cores, 1),
        .dies = MAX(ms->smp.dies, 1),
    };
    return apply_props(cpu, ms->cpu_props, errp);
}

static bool make_cpu(MachineState *ms, unsigned n, const char *type, GError **errp)
{
    g_autoptr(Object) obj = object_new(type, errp);
    X86CPU *cpu = X86_CPU(obj);
    CPUState *cs = CPU(obj);

    if (!obj) {
        return false;
    }
    machine_cpu_topo(&ms->smp, n, &cs->topo, &cs->apic_id);
    cs->cpu_index = (int)n;
    cpu->socket_id = (int32_t)cs->topo.socket_id;
    cpu->die_id = (int32_t)cs->topo.die_id;
    cpu->core_id = (int32_t)cs->topo.core_id;
    cpu->thread_id = (int32_t)cs->topo.thread_id;
    return x86_cpu_like_machine(cpu, ms, errp) && qdev_realize(DEVICE(obj), NULL, errp);
}

bool x86_cpus_init(MachineState *ms, GError **errp)
{
    const char *type = ms->cpu_type ? ms->cpu_type : MACHINE_GET_CLASS(ms)->default_cpu_type;

    if (!model_class(type, errp)) {
        return false;
    }
    for (unsigned n = 0; n < ms->smp.cpus; n++) {
        if (!make_cpu(ms, n, type, errp)) {
            while (cpus && cpus->len) {
                object_unparent(g_ptr_array_index(cpus, cpus->len - 1));
            }
            return false;
        }
    }
    return true;
}

/* --- what models there are
 * -------------------------------------------------------------------------------------------- */

typedef struct ModelWalk {
    GString *text;
    json_object *list;
} ModelWalk;

static char *model_name(ObjectClass *klass)
{
    const char *type = object_class_get_name(klass);
    return g_strndup(type, strlen(type) - strlen(X86_CPU_TYPE_SUFFIX));
}

static void list_model(ObjectClass *klass, void *opaque)
{
    ModelWalk *walk = opaque;
    g_autofree char *name = model_name(klass);
    const char *desc = ((DeviceClass *)klass)->desc;

    g_string_append_printf(walk->text, "  %-20s  %s\n", name, desc ? desc : "");
}

void x86_cpu_list(GString *out)
{
    ModelWalk walk = {.text = out};
    g_autofree const char **names = x86_feature_names();
    size_t column = 0;

    g_string_append(out, "Available CPUs:\n");
    object_class_foreach(list_model, TYPE_X86_CPU, false, &walk);
    g_string_append(out, "\nRecognized CPUID flags:\n");
    for (const char **n = names; *n; n++) {
        size_t len = strlen(*n) + 1;

        if (column && column + len > 78) {
            g_string_append_c(out, '\n');
            column = 0;
        }
        g_string_append_printf(out, "%s%s", column ? " " : "  ", *n);
        column += column ? len : len + 2;
    }
    g_string_append_c(out, '\n');
}

static void add_unavailable(const X86ModelRef *ref, json_object *missing)
{
    const struct kvm_cpuid2 *supported = kvm_supported_cpuid(NULL);
    X86FeatureSet wanted, have;

    if (!supported) {
        return; /* nothing runs: nothing is missing */
    }
    x86_model_features(ref, &wanted);
    x86_cpuid_features(supported, &have);
    x86_features_change(&wanted, "-svm -npt -nrip-save -svme-addr-chk -vnmi -acpi -monitor");
    for (unsigned w = 0; w < X86_FEATURE_WORDS; w++) {
        for (unsigned b = 0; b < 32; b++) {
            if (wanted.w[w] & ~have.w[w] & BIT(b)) {
                json_object_array_add(missing,
                                      json_object_new_string(x86_feature_words[w].names[b]));
            }
        }
    }
}

static void define_model(ObjectClass *klass, void *opaque)
{
    ModelWalk *walk = opaque;
    g_autofree char *name = model_name(klass);
    const X86ModelRef *ref = klass->info->class_data;
    json_object *def = json_object_new_object();
    json_object *missing = json_object_new_array();

    if (!strcmp(name, "host") && !kvm_enabled()) {
        json_object_array_add(missing, json_object_new_string("kvm"));
    }
    if (ref->model) {
        add_unavailable(ref, missing);
    }
    if (ref->alias_of) {
        json_object_object_add(def, "alias-of", json_object_new_string(ref->alias_of));
    }
    json_object_object_add(def, "name", json_object_new_string(name));
    json_object_object_add(def, "typename", json_object_new_string(object_class_get_name(klass)));
    json_object_object_add(def, "static", json_object_new_boolean(!strcmp(name, "base")));
    json_object_object_add(def, "migration-safe",
                           json_object_new_boolean(ref->model || !strcmp(name, "base")));
    json_object_object_add(def, "deprecated", json_object_new_boolean(false));
    json_object_object_add(def, "unavailable-features", missing);
    json_object_array_add(walk->list, def);
}

json_object *x86_cpu_definitions(void)
{
    ModelWalk walk = {.list = json_object_new_array()};

    object_class_foreach(define_model, TYPE_X86_CPU, false, &walk);
    return walk.list;
}

json_object *x86_cpu_expand_model(const char *model, json_object *props, GError **errp)
{
    g_autofree char *type = g_strconcat(model, X86_CPU_TYPE_SUFFIX, NULL);
    static const char *const plain[] = {"kvm",   "pmu",     "migratable",
                                        "check", "enforce", "host-phys-bits"};

    if (!model_class(type, errp)) {
        return NULL;
    }
    g_autoptr(Object) obj = object_new(type, errp);
    X86CPU *cpu = X86_CPU(obj);
    if (!obj || !apply_props(cpu, props, errp) || !x86_cpu_expand(cpu, errp)) {
        return NULL;
    }
    json_object *result = json_object_new_object();
    for (unsigned w = 0; w < X86_FEATURE_WORDS; w++) {
        for (unsigned b = 0; b < 32; b++) {
            const char *name = x86_feature_words[w].names[b];
            if (name) {
                json_object_object_add(result, name,
                                       json_object_new_boolean((cpu->features.w[w] >> b) & 1));
            }
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(plain); i++) {
        bool on = object_property_get_bool(obj, plain[i], NULL);
        json_object_object_add(result, plain[i], json_object_new_boolean(on));
    }
    return result;
}
