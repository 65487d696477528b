/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The x86 CPU types: what the user asks for (properties), what comes of it (features, CPUID), and
 * realize, which starts the vCPU's thread.
 */
#include "qemu/osdep.h"

#include "hw/i386/cpu.h"
#include "hyperv.h"
#include "named_models.h"
#include "qapi/keyval.h"
#include "system/kvm.h"

static json_object *get_feature(Object *obj, const ObjectProperty *prop, GError **errp)
{
    X86CPU *cpu = X86_CPU(obj);
    unsigned id = GPOINTER_TO_UINT(prop->opaque);
    const X86FeatureSet *set = cpu->expanded ? &cpu->features : &cpu->plus;

    return json_object_new_boolean((set->w[id / 32] >> (id % 32)) & 1);
}

static bool set_feature(Object *obj, const ObjectProperty *prop, json_object *value, GError **errp)
{
    X86CPU *cpu = X86_CPU(obj);
    unsigned id = GPOINTER_TO_UINT(prop->opaque);
    uint32_t bit = BIT(id % 32);
    bool on;

    if (json_object_is_type(value, json_type_string)) {
        if (!parse_bool(prop->name, json_object_get_string(value), &on, errp)) {
            error_name_option(errp, "-cpu", NULL);
            return false;
        }
    } else if (json_object_is_type(value, json_type_boolean)) {
        on = json_object_get_boolean(value);
    } else {
        error_setg(errp, "CPU property '%s' takes on or off", prop->name);
        return false;
    }
    if (cpu->parent_obj.parent_obj.realized) {
        error_setg(errp, "CPU property '%s' cannot be changed once the CPU is there", prop->name);
        return false;
    }
    cpu->plus.w[id / 32] &= ~bit;
    cpu->minus.w[id / 32] &= ~bit;
    (on ? &cpu->plus : &cpu->minus)->w[id / 32] |= bit;
    return true;
}

static json_object *get_unavailable(Object *obj, const ObjectProperty *prop, GError **errp)
{
    X86CPU *cpu = X86_CPU(obj);
    json_object *list = json_object_new_array();

    for (unsigned w = 0; w < X86_FEATURE_WORDS; w++) {
        for (unsigned b = 0; b < 32; b++) {
            if ((cpu->filtered.w[w] & BIT(b)) && x86_feature_words[w].names[b]) {
                json_object_array_add(list, json_object_new_string(x86_feature_words[w].names[b]));
            }
        }
    }
    return list;
}

static const ObjectProperty x86_cpu_props[] = {
    DEFINE_PROP_BOOL("kvm", X86CPU, expose_kvm, true,
                     "show the guest KVM's signature and features"),
    DEFINE_PROP_BOOL("pmu", X86CPU, pmu, false, "performance counters"),
    DEFINE_PROP_BOOL("migratable", X86CPU, migratable, true,
                     "leave out features that do not survive migration (invtsc)"),
    DEFINE_PROP_BOOL("check", X86CPU, check, true, "warn about features that the host lacks"),
    DEFINE_PROP_BOOL("enforce", X86CPU, enforce, false,
                     "fail when the host lacks a feature that was asked for"),
    DEFINE_PROP_BOOL("host-phys-bits", X86CPU, host_phys_bits, true,
                     "the host's number of physical address bits"),
    DEFINE_PROP_UINT8("phys-bits", X86CPU, phys_bits, 0,
                      "physical address bits with host-phys-bits=off, 32 to 52"),
    DEFINE_PROP_STRING("vendor", X86CPU, vendor, "12 characters, as AuthenticAMD"),
    DEFINE_PROP_STRING("model-id", X86CPU, model_id, "up to 47 characters"),
    DEFINE_PROP_INT32("family", X86CPU, family, -1, "-1: the host's"),
    DEFINE_PROP_INT32("model", X86CPU, model, -1, "-1: the host's"),
    DEFINE_PROP_INT32("stepping", X86CPU, stepping, -1, "-1: the host's"),
    DEFINE_PROP_UINT32("level", X86CPU, level, 0, "highest basic CPUID leaf; 0: the model's"),
    DEFINE_PROP_UINT32("xlevel", X86CPU, xlevel, 0, "highest extended CPUID leaf; 0: the model's"),
    DEFINE_PROP_UINT32("apic-id", X86CPU, parent_obj.apic_id, UINT32_MAX, "local APIC id"),
    DEFINE_PROP_INT32("socket-id", X86CPU, socket_id, -1, NULL),
    DEFINE_PROP_INT32("die-id", X86CPU, die_id, -1, NULL),
    DEFINE_PROP_INT32("core-id", X86CPU, core_id, -1, NULL),
    DEFINE_PROP_INT32("thread-id", X86CPU, thread_id, -1, NULL),
    {
        .name = "unavailable-features",
        .type = "strList",
        .kind = PROP_CUSTOM,
        .read_only = true,
        .get = get_unavailable,
        .help = "features that were asked for and that the host lacks",
    },
};

/* One bool property a feature. */
static void add_feature_properties(ObjectClass *klass)
{
    ObjectProperty *props = g_new0(ObjectProperty, X86_FEATURE_WORDS * 32);
    size_t n = 0;

    for (unsigned w = 0; w < X86_FEATURE_WORDS; w++) {
        for (unsigned b = 0; b < 32; b++) {
            if (x86_feature_words[w].names[b]) {
                props[n++] = (ObjectProperty){
                    .name = x86_feature_words[w].names[b],
                    .type = "bool",
                    .kind = PROP_CUSTOM,
                    .get = get_feature,
                    .set = set_feature,
                    .opaque = GUINT_TO_POINTER(w * 32 + b),
                };
            }
        }
    }
    /* The class lives for ever, and so does its table. */
    object_class_add_properties(klass, props, n);
}

/* --- expansion
 * -------------------------------------------------------------------------------------------------
 */

/* The registers that AVX and its kin add are only reachable through XSAVE. */
static void drop_without_xsave(X86FeatureSet *f)
{
    if (f->w[FEAT_1_ECX] & BIT(26)) {
        return;
    }
    f->w[FEAT_1_ECX] &= ~(BIT(28) | BIT(29) | BIT(12));            /* avx, f16c, fma */
    f->w[FEAT_7_0_EBX] &= ~(BIT(5) | BIT(14) | BIT(16) | BIT(17)); /* avx2, mpx, avx512f/dq */
    f->w[FEAT_7_0_EBX] &= ~(BIT(21) | BIT(26) | BIT(27) | BIT(28) | BIT(30) | BIT(31));
    f->w[FEAT_7_0_ECX] &=
        ~(BIT(1) | BIT(3) | BIT(6) | BIT(9) | BIT(10) | BIT(11) | BIT(12) | BIT(14));
    f->w[FEAT_7_0_EDX] &= ~(BIT(2) | BIT(3) | BIT(8) | BIT(22) | BIT(23) | BIT(24) | BIT(25));
    f->w[FEAT_7_1_EAX] &= ~(BIT(4) | BIT(5) | BIT(21) | BIT(23));
    f->w[FEAT_XSAVE] = 0;
}

static bool report_filtered(X86CPU *cpu, GError **errp)
{
    for (unsigned w = 0; w < X86_FEATURE_WORDS; w++) {
        const X86FeatureWord *fw = &x86_feature_words[w];
        static const char *const regs[] = {"EAX", "EBX", "ECX", "EDX"};

        for (unsigned b = 0; b < 32; b++) {
            if (!(cpu->filtered.w[w] & BIT(b))) {
                continue;
            }
            if (cpu->enforce) {
                error_setg(errp,
                           "-cpu: the host does not have feature '%s' (CPUID[0x%x].%s bit %u), and "
                           "enforce=on was given; leave the feature out or drop enforce",
                           fw->names[b], fw->leaf, regs[fw->reg], b);
                return false;
            }
            if (cpu->check) {
                warn_report(
                    "-cpu: the host does not have feature '%s' (CPUID[0x%x].%s bit %u); the "
                    "guest will not have it",
                    fw->names[b], fw->leaf, regs[fw->reg], b);
            }
        }
    }
    return true;
}

static bool check_values(const X86CPU *cpu, GError **errp)
{
    if (cpu->vendor && strlen(cpu->vendor) != 12) {
        error_setg(errp, "-cpu: vendor '%s' must have 12 characters, as AuthenticAMD has",
                   cpu->vendor);
        return false;
    }
    if (cpu->phys_bits && (cpu->phys_bits < 32 || cpu->phys_bits > 52)) {
        error_setg(errp, "-cpu: phys-bits=%u must be 32 to 52", cpu->phys_bits);
        return false;
    }
    if (cpu->family > 0xf + 0xff || cpu->model > 0xff || cpu->stepping > 0xf) {
        error_setg(errp, "-cpu: family must be at most 270, model 255 and stepping 15");
        return false;
    }
    return true;
}

bool x86_cpu_expand(X86CPU *cpu, GError **errp)
{
    const struct kvm_cpuid2 *supported = kvm_supported_cpuid(errp);
    /* What guests of KVM have got whatever their model is, and what KVM does not do well. */
    static const char kvm_defaults[] =
        "+x2apic +hypervisor +kvmclock +kvm-nopiodelay +kvmclock2 +kvm-asyncpf +kvm-steal-time "
        "+kvm-pv-eoi +kvmclock-stable-bit -acpi -monitor -svm -npt -nrip-save -svme-addr-chk -vnmi";
    X86FeatureSet have = {0}, wanted;

    if (kvm_enabled() && !supported) {
        return false;
    }
    if (!check_values(cpu, errp)) {
        return false;
    }
    if (!x86_hv_check(cpu, kvm_supported_hv_cpuid(), errp)) {
        return false;
    }
    if (supported) {
        x86_cpuid_features(supported, &have);
    }
    wanted = cpu->base;
    if (cpu->named && supported) {
        x86_features_change(&wanted, kvm_defaults);
        for (unsigned w = FEAT_KVM; w <= FEAT_KVM_HINTS; w++) {
            wanted.w[w] &= have.w[w]; /* conveniences, nothing that a model is made of */
        }
        wanted.w[FEAT_1_ECX] &= have.w[FEAT_1_ECX] | ~(BIT(21) | BIT(31));
    }
    for (unsigned w = 0; w < X86_FEATURE_WORDS; w++) {
        uint32_t on = cpu->named ? (wanted.w[w] | cpu->plus.w[w]) & have.w[w] : have.w[w];
        uint32_t asked = (wanted.w[w] & ~cpu->minus.w[w]) | cpu->plus.w[w];

        if (w == FEAT_8000_0007_EDX && cpu->migratable) {
            on &= ~BIT(8) | cpu->plus.w[w]; /* invtsc: only when asked for */
        }
        /* Without an accelerator that executes, what was asked for is all that there is to say. */
        cpu->filtered.w[w] = supported ? asked & ~have.w[w] : 0;
        cpu->features.w[w] = supported ? on & ~cpu->minus.w[w] : asked;
    }
    if (!cpu->expose_kvm) {
        cpu->features.w[FEAT_KVM] = cpu->features.w[FEAT_KVM_HINTS] = 0;
    }
    drop_without_xsave(&cpu->features);
    cpu->expanded = true;
    if (!report_filtered(cpu, errp)) {
        return false;
    }
    g_clear_pointer(&cpu->cpuid, g_free);
    if (supported) {
        cpu->cpuid = x86_cpuid_build(supported, cpu);
        x86_hv_write(cpu->cpuid, cpu, kvm_supported_hv_cpuid());
    }
    return true;
}

/* --- life
 * --------------------------------------------------------------------------------------------------------
 */

static bool x86_cpu_realize(DeviceState *dev, GError **errp)
{
    X86CPU *cpu = X86_CPU(dev);
    CPUState *cs = CPU(dev);

    if (current_machine && MACHINE_GET_CLASS(current_machine)->no_accel) {
        error_setg(errp, "The machine has no place for processors");
        return false;
    }
    if (cs->cpu_index < 0) {
        cs->cpu_index = cpu_next_index();
    }
    if (cs->apic_id == UINT32_MAX) {
        cs->apic_id = (uint32_t)cs->cpu_index;
    }
    if (!x86_cpu_expand(cpu, errp) || !cpu_start_thread(cs, errp)) {
        return false;
    }
    cpu_list_add(cs);
    return true;
}

static void x86_cpu_unrealize(DeviceState *dev)
{
    cpu_stop_thread(CPU(dev));
    cpu_list_remove(CPU(dev));
}

static void x86_cpu_instance_init(Object *obj)
{
    X86CPU *cpu = X86_CPU(obj);

    cpu->parent_obj.apic_id = UINT32_MAX;
    cpu->family = cpu->model = cpu->stepping = -1;
    cpu->socket_id = cpu->die_id = cpu->core_id = cpu->thread_id = -1;
    cpu->topo = (X86CPUTopology){.threads = 1, .cores = 1, .dies = 1};
    cpu->expose_kvm = cpu->migratable = cpu->check = cpu->host_phys_bits = true;
}

static void x86_cpu_finalize(Object *obj)
{
    X86CPU *cpu = X86_CPU(obj);

    g_free(cpu->cpuid);
    x86_hv_free(cpu->hv);
}

static void x86_cpu_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->realize = x86_cpu_realize;
    dc->unrealize = x86_cpu_unrealize;
    dc->user_creatable = dc->hotpluggable = true;
    object_class_add_property_table(klass, x86_cpu_props);
    add_feature_properties(klass);
    x86_hv_add_properties(klass);
}

static void model_class_init(ObjectClass *klass, const void *data)
{
    ((DeviceClass *)klass)->desc = ((const X86ModelRef *)data)->desc;
}

static void base_instance_init(Object *obj)
{
    X86_CPU(obj)->named = true;
}

static const TypeInfo x86_cpu_type = {
    .name = TYPE_X86_CPU,
    .parent = TYPE_CPU,
    .instance_size = sizeof(X86CPU),
    .abstract = true,
    .class_init = x86_cpu_class_init,
    .instance_init = x86_cpu_instance_init,
    .instance_finalize = x86_cpu_finalize,
};
QOM_TYPE(x86_cpu_type);

static const TypeInfo max_cpu_type = {
    .name = X86_CPU_TYPE_NAME("max"),
    .parent = TYPE_X86_CPU,
    .class_init = model_class_init,
    .class_data =
        &(const X86ModelRef){
            .desc = "Enables all features supported by the accelerator in the current host"},
};
QOM_TYPE(max_cpu_type);

static const TypeInfo host_cpu_type = {
    .name = X86_CPU_TYPE_NAME("host"),
    .parent = X86_CPU_TYPE_NAME("max"),
    .class_init = model_class_init,
    .class_data =
        &(const X86ModelRef){
            .desc = "processor with all supported host features (only available in KVM mode)"},
};
QOM_TYPE(host_cpu_type);

static const TypeInfo base_cpu_type = {
    .name = X86_CPU_TYPE_NAME("base"),
    .parent = TYPE_X86_CPU,
    .class_init = model_class_init,
    .instance_init = base_instance_init,
    .class_data = &(const X86ModelRef){.desc = "base CPU model type with no features enabled"},
};
QOM_TYPE(base_cpu_type);
