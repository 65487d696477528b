/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Named CPU models: processors as they were sold, so that a guest sees the same one on every host
 * that can show it. Main loop only. */
#ifndef TARGET_I386_NAMED_MODELS_H
#define TARGET_I386_NAMED_MODELS_H

#include "hw/i386/cpu.h"

/* What a version changes against the one before it. */
typedef struct X86ModelVersion {
    const char *alias;    /* a name of its own, "Haswell-noTSX", or NULL */
    const char *delta;    /* "+feature -feature", or NULL */
    const char *model_id; /* NULL: as before */
    int model, stepping;  /* -1: as before */
} X86ModelVersion;

typedef struct X86Model {
    const char *name, *vendor, *model_id;
    const struct X86Model *parent; /* whose version 1 has features, too; NULL: none */
    const char *features;          /* "+feature -feature" */
    uint16_t family;
    uint8_t model, stepping;
    uint32_t level, xlevel; /* highest basic and extended CPUID leaf */
    const X86ModelVersion
        *versions; /* from version 2 on; ends with an entry without delta and model_id */
} X86Model;

/* class_data of the CPU types. */
typedef struct X86ModelRef {
    const char *desc;      /* of types without a model: host, max, base */
    const X86Model *model; /* NULL: none */
    unsigned version;      /* 0: the name alone, which is version 1 */
    const char *alias_of;  /* type that this one is another name of, or NULL */
} X86ModelRef;

/* Identity and features that a type gives a processor before the user has a say. */
void x86_model_apply(const X86ModelRef *ref, X86CPU *cpu);
/* Its features alone. */
void x86_model_features(const X86ModelRef *ref, X86FeatureSet *set);
/* Text for -cpu help; g_free(). */
char *x86_model_desc(const X86ModelRef *ref);
/* Removes and adds the features that "+a -b" says. */
void x86_features_change(X86FeatureSet *set, const char *delta);

/* instance_init of named types. */
void x86_named_instance_init(Object *obj);

#endif
