/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hyper-V enlightenments: properties, and the CPUID leaves that they become. */
#include "hyperv.h"

#include "qapi/keyval.h"
#include "system/kvm.h"

enum {
    LEAF_VENDOR = 0x40000000,
    LEAF_INTERFACE,
    LEAF_VERSION,
    LEAF_FEATURES,
    LEAF_ADVICE,
    LEAF_LIMITS,
    LEAF_HARDWARE,
    LEAF_NESTED = 0x4000000a,
    LEAF_KVM = 0x40000100
};

/* What a feature puts into leaves 3 and 4 (and 0xA), and what it needs. */
typedef struct HvFeature {
    const char *name;
    uint32_t features_eax, features_edx, advice_eax, nested_eax;
    uint32_t needs; /* bits of X86HvFeature */
} HvFeature;

static const HvFeature hv_features[HV_FEATURES] = {
    [HV_RELAXED] = {.name = "hv-relaxed", .advice_eax = BIT(5)},
    [HV_VAPIC] = {.name = "hv-vapic", .features_eax = BIT(4), .advice_eax = BIT(3)},
    [HV_TIME] = {.name = "hv-time", .features_eax = BIT(1) | BIT(9)},
    [HV_CRASH] = {.name = "hv-crash", .features_edx = BIT(10)},
    [HV_RESET] = {.name = "hv-reset", .features_eax = BIT(7)},
    [HV_VPINDEX] = {.name = "hv-vpindex", .features_eax = BIT(6)},
    [HV_RUNTIME] = {.name = "hv-runtime", .features_eax = BIT(0)},
    [HV_SYNIC] = {.name = "hv-synic", .features_eax = BIT(2), .needs = BIT(HV_VPINDEX)},
    [HV_STIMER] = {.name = "hv-stimer",
                   .features_eax = BIT(3),
                   .needs = BIT(HV_SYNIC) | BIT(HV_TIME)},
    [HV_STIMER_DIRECT] = {.name = "hv-stimer-direct",
                          .features_edx = BIT(19),
                          .needs = BIT(HV_STIMER)},
    [HV_FREQUENCIES] = {.name = "hv-frequencies", .features_eax = BIT(11), .features_edx = BIT(8)},
    [HV_REENLIGHTENMENT] = {.name = "hv-reenlightenment", .features_eax = BIT(13)},
    [HV_TLBFLUSH] = {.name = "hv-tlbflush",
                     .advice_eax = BIT(2) | BIT(11),
                     .needs = BIT(HV_VPINDEX)},
    [HV_TLBFLUSH_EXT] = {.name = "hv-tlbflush-ext",
                         .features_edx = BIT(14),
                         .needs = BIT(HV_TLBFLUSH)},
    [HV_TLBFLUSH_DIRECT] = {.name = "hv-tlbflush-direct",
                            .nested_eax = BIT(17),
                            .needs = BIT(HV_VAPIC)},
    [HV_IPI] = {.name = "hv-ipi", .advice_eax = BIT(10) | BIT(11), .needs = BIT(HV_VPINDEX)},
    [HV_AVIC] = {.name = "hv-avic", .advice_eax = BIT(9)},
    [HV_EVMCS] = {.name = "hv-evmcs", .advice_eax = BIT(14), .needs = BIT(HV_VAPIC)},
    [HV_XMM_INPUT] = {.name = "hv-xmm-input", .features_edx = BIT(4)},
    [HV_EMSR_BITMAP] = {.name = "hv-emsr-bitmap", .nested_eax = BIT(19), .needs = BIT(HV_EVMCS)},
};

/* --- properties
 * --------------------------------------------------------------------------------------- */

static X86HyperV *hv_of(X86CPU *cpu)
{
    if (!cpu->hv) {
        cpu->hv = g_new0(X86HyperV, 1);
    }
    return cpu->hv;
}

void x86_hv_free(X86HyperV *hv)
{
    if (hv) {
        g_free(hv->vendor);
        g_free(hv);
    }
}

static bool may_change(Object *obj, const ObjectProperty *prop, GError **errp)
{
    if (DEVICE(obj)->realized) {
        error_setg(errp, "CPU property '%s' cannot be changed once the CPU is there", prop->name);
        return false;
    }
    return true;
}

static bool to_bool(const ObjectProperty *prop, json_object *value, bool *on, GError **errp)
{
    if (json_object_is_type(value, json_type_string)) {
        return parse_bool(prop->name, json_object_get_string(value), on, errp);
    }
    if (!json_object_is_type(value, json_type_boolean)) {
        error_setg(errp, "CPU property '%s' takes on or off", prop->name);
        return false;
    }
    *on = json_object_get_boolean(value);
    return true;
}

static json_object *get_hv(Object *obj, const ObjectProperty *prop, GError **errp)
{
    const X86HyperV *hv = X86_CPU(obj)->hv;

    return json_object_new_boolean(hv && hv->on & BIT(GPOINTER_TO_UINT(prop->opaque)));
}

static bool set_hv(Object *obj, const ObjectProperty *prop, json_object *value, GError **errp)
{
    uint32_t bit = BIT(GPOINTER_TO_UINT(prop->opaque));
    X86HyperV *hv;
    bool on;

    if (!may_change(obj, prop, errp) || !to_bool(prop, value, &on, errp)) {
        return false;
    }
    hv = hv_of(X86_CPU(obj));
    hv->on = on ? hv->on | bit : hv->on & ~bit;
    hv->off = on ? hv->off & ~bit : hv->off | bit;
    return true;
}

static json_object *get_passthrough(Object *obj, const ObjectProperty *prop, GError **errp)
{
    return json_object_new_boolean(X86_CPU(obj)->hv && X86_CPU(obj)->hv->passthrough);
}

static bool set_passthrough(Object *obj, const ObjectProperty *prop, json_object *value,
                            GError **errp)
{
    bool on;

    if (!may_change(obj, prop, errp) || !to_bool(prop, value, &on, errp)) {
        return false;
    }
    hv_of(X86_CPU(obj))->passthrough = on;
    return true;
}

static json_object *get_spinlocks(Object *obj, const ObjectProperty *prop, GError **errp)
{
    const X86HyperV *hv = X86_CPU(obj)->hv;

    return json_object_new_int64(hv && hv->has_spinlocks ? hv->spinlocks : UINT32_MAX);
}

static bool set_spinlocks(Object *obj, const ObjectProperty *prop, json_object *value,
                          GError **errp)
{
    uint64_t n;

    if (!may_change(obj, prop, errp)) {
        return false;
    }
    if (json_object_is_type(value, json_type_string)) {
        char *end;
        const char *text = json_object_get_string(value);

        n = g_ascii_strtoull(text, &end, 0);
        n = *end || !*text ? 0 : n;
    } else {
        n = json_object_get_int64(value);
    }
    if (n < 0xfff || n > UINT32_MAX) {
        error_setg(errp, "CPU property 'hv-spinlocks' takes 0xfff to 0xffffffff retries");
        return false;
    }
    hv_of(X86_CPU(obj))->spinlocks = n;
    X86_CPU(obj)->hv->has_spinlocks = true;
    return true;
}

static json_object *get_vendor(Object *obj, const ObjectProperty *prop, GError **errp)
{
    const X86HyperV *hv = X86_CPU(obj)->hv;

    return json_object_new_string(hv && hv->vendor ? hv->vendor : "");
}

static bool set_vendor(Object *obj, const ObjectProperty *prop, json_object *value, GError **errp)
{
    const char *text = json_object_get_string(value);
    X86HyperV *hv;

    if (!may_change(obj, prop, errp)) {
        return false;
    }
    if (!text || strlen(text) > 12) {
        error_setg(errp, "CPU property 'hv-vendor-id' takes at most 12 characters");
        return false;
    }
    hv = hv_of(X86_CPU(obj));
    g_free(hv->vendor);
    hv->vendor = g_strdup(text);
    return true;
}

static const ObjectProperty other_props[] = {
    {.name = "hv-passthrough",
     .type = "bool",
     .kind = PROP_CUSTOM,
     .get = get_passthrough,
     .set = set_passthrough,
     .help = "all Hyper-V enlightenments that KVM has"},
    {.name = "hv-spinlocks",
     .type = "uint32",
     .kind = PROP_CUSTOM,
     .get = get_spinlocks,
     .set = set_spinlocks,
     .help = "retries of a spinlock before the guest tells the hypervisor"},
    {.name = "hv-vendor-id",
     .type = "str",
     .kind = PROP_CUSTOM,
     .get = get_vendor,
     .set = set_vendor,
     .help = "hypervisor's name that a Hyper-V guest sees; Microsoft Hv without it"},
};

void x86_hv_add_properties(ObjectClass *klass)
{
    static ObjectProperty props[HV_FEATURES];

    for (unsigned n = 0; n < HV_FEATURES; n++) {
        props[n] = (ObjectProperty){
            .name = hv_features[n].name,
            .type = "bool",
            .kind = PROP_CUSTOM,
            .get = get_hv,
            .set = set_hv,
            .opaque = GUINT_TO_POINTER(n),
        };
    }
    object_class_add_properties(klass, props, HV_FEATURES);
    object_class_add_property_table(klass, other_props);
}

/* --- what KVM has
 * ------------------------------------------------------------------------------------- */

static struct kvm_cpuid_entry2 leaf_of(const struct kvm_cpuid2 *supported, uint32_t leaf)
{
    const struct kvm_cpuid_entry2 *e =
        supported ? x86_cpuid_find((struct kvm_cpuid2 *)supported, leaf, 0) : NULL;

    return e ? *e : (struct kvm_cpuid_entry2){0};
}

static bool kvm_has(const struct kvm_cpuid2 *supported, const HvFeature *f)
{
    struct kvm_cpuid_entry2 features = leaf_of(supported, LEAF_FEATURES);
    struct kvm_cpuid_entry2 advice = leaf_of(supported, LEAF_ADVICE);
    struct kvm_cpuid_entry2 nested = leaf_of(supported, LEAF_NESTED);

    return (features.eax & f->features_eax) == f->features_eax &&
           (features.edx & f->features_edx) == f->features_edx &&
           (advice.eax & f->advice_eax) == f->advice_eax &&
           (nested.eax & f->nested_eax) == f->nested_eax;
}

/* The features that the guest gets. */
static uint32_t chosen(const X86HyperV *hv, const struct kvm_cpuid2 *supported)
{
    uint32_t on = hv->on;

    for (unsigned n = 0; hv->passthrough && n < HV_FEATURES; n++) {
        on |= kvm_has(supported, &hv_features[n]) ? BIT(n) : 0;
    }
    return on & ~hv->off;
}

static bool is_used(const X86HyperV *hv)
{
    return hv && (hv->on || hv->passthrough || hv->has_spinlocks || hv->vendor);
}

bool x86_hv_check(const X86CPU *cpu, const struct kvm_cpuid2 *supported, GError **errp)
{
    if (!is_used(cpu->hv)) {
        return true;
    }
    for (unsigned n = 0; n < HV_FEATURES; n++) {
        const HvFeature *f = &hv_features[n];
        uint32_t missing = f->needs & ~chosen(cpu->hv, supported);

        if (!(cpu->hv->on & BIT(n))) {
            continue;
        }
        if (missing) {
            error_setg(errp, "-cpu: %s needs %s", f->name,
                       hv_features[__builtin_ctz(missing)].name);
            return false;
        }
        if (supported && !kvm_has(supported, f)) {
            error_setg(errp, "-cpu: this host's KVM does not have %s; leave it out", f->name);
            return false;
        }
    }
    return true;
}

bool x86_hv_has_synic(const X86CPU *cpu)
{
    return is_used(cpu->hv) && chosen(cpu->hv, kvm_supported_hv_cpuid()) & BIT(HV_SYNIC);
}

/* --- leaves
 * -------------------------------------------------------------------------------------------- */

static struct kvm_cpuid_entry2 *add(struct kvm_cpuid2 *c, uint32_t leaf)
{
    struct kvm_cpuid_entry2 *e = &c->entries[c->nent++];

    *e = (struct kvm_cpuid_entry2){.function = leaf};
    return e;
}

void x86_hv_write(struct kvm_cpuid2 *c, const X86CPU *cpu, const struct kvm_cpuid2 *supported)
{
    const X86HyperV *hv = cpu->hv;
    struct kvm_cpuid_entry2 *e, *features, *advice;
    char vendor[12] = "Microsoft Hv";
    uint32_t on, nested = 0;

    if (!is_used(hv)) {
        return;
    }
    for (uint32_t i = 0; i < c->nent; i++) { /* KVM's signature stands behind */
        e = &c->entries[i];
        if (e->function >= LEAF_VENDOR && e->function < LEAF_KVM) {
            e->eax += e->function == LEAF_VENDOR ? LEAF_KVM - LEAF_VENDOR : 0;
            e->function += LEAF_KVM - LEAF_VENDOR;
        }
    }
    on = chosen(hv, supported);
    if (hv->vendor) {
        memset(vendor, 0, sizeof(vendor));
        memcpy(vendor, hv->vendor, strlen(hv->vendor));
    }
    e = add(c, LEAF_VENDOR);
    memcpy(&e->ebx, vendor, 4);
    memcpy(&e->ecx, vendor + 4, 4);
    memcpy(&e->edx, vendor + 8, 4);
    e->eax = LEAF_LIMITS;
    memcpy(&add(c, LEAF_INTERFACE)->eax, "Hv#1", 4);
    e = add(c, LEAF_VERSION); /* of a Windows Server 2016 */
    e->eax = 14393;
    e->ebx = 10u << 16;
    features = add(c, LEAF_FEATURES);
    advice = add(c, LEAF_ADVICE);
    features->eax = BIT(5); /* hypercalls */
    for (unsigned n = 0; n < HV_FEATURES; n++) {
        if (on & BIT(n)) {
            features->eax |= hv_features[n].features_eax;
            features->edx |= hv_features[n].features_edx;
            advice->eax |= hv_features[n].advice_eax;
            nested |= hv_features[n].nested_eax;
        }
    }
    features->ebx = on & BIT(HV_SYNIC) ? BIT(4) | BIT(5) : 0; /* post messages, signal events */
    features->edx |= BIT(3); /* processor power states in the guest's hands */
    advice->ebx = hv->has_spinlocks ? hv->spinlocks : UINT32_MAX;
    e = add(c, LEAF_LIMITS);
    e->eax = UINT32_MAX; /* processors */
    e->ebx = 64;
    if (nested || on & BIT(HV_EVMCS)) {
        add(c, LEAF_HARDWARE);
        e = add(c, LEAF_NESTED);
        e->eax = nested | leaf_of(supported, LEAF_NESTED).eax % 0x10000; /* eVMCS versions */
        x86_cpuid_find(c, LEAF_VENDOR, 0)->eax = LEAF_NESTED;
    }
}
