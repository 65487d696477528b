/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a named CPU model and its versions come to. */
#include "named_models.h"

void x86_features_change(X86FeatureSet *set, const char *delta)
{
    g_auto(GStrv) words = g_strsplit(delta, " ", -1);

    for (char **word = words; *word; word++) {
        unsigned w, b;

        if (!**word) {
            continue;
        }
        g_assert(x86_feature_find(*word + 1, &w, &b)); /* a typing error in our table */
        if (**word == '+') {
            set->w[w] |= BIT(b);
        } else {
            set->w[w] &= ~BIT(b);
        }
    }
}

static void base_features(const X86Model *m, X86FeatureSet *set)
{
    if (m->parent) {
        base_features(m->parent, set);
    }
    x86_features_change(set, m->features);
}

static bool version_exists(const X86ModelVersion *v)
{
    return v && v->delta;
}

void x86_model_features(const X86ModelRef *ref, X86FeatureSet *set)
{
    const X86ModelVersion *v = ref->model->versions;

    memset(set, 0, sizeof(*set));
    base_features(ref->model, set);
    for (unsigned n = 2; n <= ref->version && version_exists(v); n++, v++) {
        x86_features_change(set, v->delta);
    }
}

static const char *version_model_id(const X86ModelRef *ref)
{
    const X86ModelVersion *v = ref->model->versions;
    const char *id = ref->model->model_id;

    for (unsigned n = 2; n <= ref->version && version_exists(v); n++, v++) {
        id = v->model_id ? v->model_id : id;
    }
    return id;
}

char *x86_model_desc(const X86ModelRef *ref)
{
    if (ref->alias_of) {
        return g_strdup_printf("(alias of %s)", ref->alias_of);
    }
    return g_strdup(version_model_id(ref));
}

void x86_model_apply(const X86ModelRef *ref, X86CPU *cpu)
{
    const X86Model *m = ref->model;
    const X86ModelVersion *v = m->versions;

    cpu->named = true;
    cpu->vendor = g_strdup(m->vendor);
    cpu->model_id = g_strdup(version_model_id(ref));
    cpu->family = m->family;
    cpu->model = m->model;
    cpu->stepping = m->stepping;
    cpu->level = m->level;
    cpu->xlevel = m->xlevel;
    for (unsigned n = 2; n <= ref->version && version_exists(v); n++, v++) {
        cpu->model = v->model >= 0 ? v->model : cpu->model;
        cpu->stepping = v->stepping >= 0 ? v->stepping : cpu->stepping;
    }
    x86_model_features(ref, &cpu->base);
}

void x86_named_instance_init(Object *obj)
{
    x86_model_apply(object_get_class(obj)->info->class_data, X86_CPU(obj));
}
