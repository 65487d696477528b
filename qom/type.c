/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of types, and their classes.
 *
 * Every QOM_TYPE() leaves a pointer in the linker section "qom_types".  The first look-up hashes
 * their names; a type's parents are found, and its GType is registered, when its class is first
 * wanted, so that the hundreds of types that a run does not use cost one hash entry each.
 */
#include "qapi/keyval.h"
#include "qemu/thread.h"
#include "qom-internal.h"

extern const TypeInfo *const type_section_start[] __asm__("__start_qom_types")
    __attribute__((weak));
extern const TypeInfo *const type_section_end[] __asm__("__stop_qom_types") __attribute__((weak));

static pthread_once_t table_once = PTHREAD_ONCE_INIT;
static TypeImpl *types;
static size_t num_types;
static uint16_t *buckets; /* index in types plus one, 0: free; open addressing */
static size_t bucket_mask;

/* Creation of classes; recursive, because class_init may look up other types.  GObject's own class
 * lock is inside it. */
static GRecMutex class_lock;

static uint32_t hash_name(const char *s)
{
    uint32_t h = 2166136261u;

    while (*s) {
        h = (h ^ (uint8_t)*s++) * 16777619u;
    }
    return h;
}

static void build_table(void)
{
    size_t size = 64;

    num_types = type_section_end - type_section_start;
    while (size < 2 * num_types) {
        size *= 2;
    }
    types = g_new0(TypeImpl, num_types);
    buckets = g_new0(uint16_t, size);
    bucket_mask = size - 1;
    g_assert(num_types < UINT16_MAX);
    for (size_t i = 0; i < num_types; i++) {
        const TypeInfo *info = type_section_start[i];
        size_t at = hash_name(info->name) & bucket_mask;

        types[i].info = info;
        for (; buckets[at]; at = (at + 1) & bucket_mask) {
            if (!strcmp(types[buckets[at] - 1].info->name, info->name)) {
                g_error("type '%s' is defined twice", info->name);
            }
        }
        buckets[at] = i + 1;
    }
}

TypeImpl *type_lookup(const char *name)
{
    pthread_once(&table_once, build_table);
    for (size_t at = hash_name(name) & bucket_mask; buckets[at]; at = (at + 1) & bucket_mask) {
        TypeImpl *type = &types[buckets[at] - 1];

        if (!strcmp(type->info->name, name)) {
            return type;
        }
    }
    return NULL;
}

TypeImpl *type_parent(TypeImpl *type)
{
    TypeImpl *parent = __atomic_load_n(&type->parent, __ATOMIC_ACQUIRE);
    const char *name = type->info->parent;

    if (!parent && (name || (strcmp(type->info->name, TYPE_OBJECT) &&
                             strcmp(type->info->name, TYPE_INTERFACE)))) {
        parent = type_lookup(name ? name : TYPE_OBJECT);
        if (!parent) {
            g_error("type '%s' has an unknown parent '%s'", type->info->name, name);
        }
        __atomic_store_n(&type->parent, parent, __ATOMIC_RELEASE);
    }
    return parent;
}

static bool type_is_interface(TypeImpl *type)
{
    while (type_parent(type)) {
        type = type_parent(type);
    }
    return !strcmp(type->info->name, TYPE_INTERFACE);
}

bool type_is_a(TypeImpl *type, TypeImpl *ancestor)
{
    for (; type; type = type_parent(type)) {
        const char *const *name = type->info->interfaces;

        if (type == ancestor) {
            return true;
        }
        for (; name && *name; name++) {
            TypeImpl *interface = type_lookup(*name);

            if (interface && type_is_a(interface, ancestor)) {
                return true;
            }
        }
    }
    return false;
}

/* --- classes
 * ------------------------------------------------------------------------------------------------------
 */

static void add_interface(ObjectClassPrivate *priv, TypeImpl *interface, const void *methods)
{
    size_t size = 0;

    for (unsigned i = 0; i < priv->num_interfaces; i++) {
        if (priv->interfaces[i].interface == interface) {
            return;
        }
    }
    for (TypeImpl *t = interface; t && !size; t = type_parent(t)) {
        size = t->info->class_size;
    }
    priv->interfaces = g_renew(InterfaceTable, priv->interfaces, priv->num_interfaces + 1);
    priv->interfaces[priv->num_interfaces++] = (InterfaceTable){
        .interface = interface,
        .methods = methods ? g_memdup2(methods, MAX(size, 1)) : g_malloc0(MAX(size, 1)),
    };
}

static void init_interfaces(ObjectClassPrivate *priv, const TypeInfo *info)
{
    const ObjectClassPrivate *parent = priv->parent ? priv->parent->priv : NULL;

    for (unsigned i = 0; parent && i < parent->num_interfaces; i++) {
        add_interface(priv, parent->interfaces[i].interface, parent->interfaces[i].methods);
    }
    for (const char *const *name = info->interfaces; name && *name; name++) {
        TypeImpl *interface = type_lookup(*name);

        if (!interface) {
            g_error("type '%s' implements an unknown interface '%s'", info->name, *name);
        }
        add_interface(priv, interface, NULL);
    }
}

/* GObject has copied the parent's class structure; what is not inherited is made new. */
static void class_init(gpointer g_class, gpointer data)
{
    ObjectClass *klass = g_class;
    TypeImpl *type = data;
    TypeImpl *parent = type_parent(type);

    klass->info = type->info;
    klass->priv = g_new0(ObjectClassPrivate, 1);
    klass->priv->impl = type;
    klass->priv->parent = parent ? parent->klass : NULL;
    init_interfaces(klass->priv, type->info);
    if (type->info->class_init) {
        type->info->class_init(klass, type->info->class_data);
    }
}

/* GType names must be unique and take few characters; users never see them. */
static char *private_name(TypeImpl *type)
{
    char *name = g_strdup_printf("Qom%zu-%s", type - types, type->info->name);

    for (char *p = name; *p; p++) {
        if (!g_ascii_isalnum(*p) && !strchr("-_+", *p)) {
            *p = '_';
        }
    }
    return name;
}

static void register_gtype(TypeImpl *type)
{
    TypeImpl *parent = type_parent(type);
    bool interface = type_is_interface(type);
    size_t base_instance = parent ? parent->instance_size : sizeof(Object);
    size_t base_class = parent ? parent->class_size : sizeof(ObjectClass);
    GTypeInfo gi = {.class_init = class_init, .class_data = type};
    g_autofree char *name = private_name(type);

    type->instance_size = type->info->instance_size ? type->info->instance_size : base_instance;
    /* An interface's class_size is that of its methods. */
    type->class_size = !interface && type->info->class_size ? type->info->class_size : base_class;
    if (type->instance_size < base_instance || type->class_size < base_class ||
        type->instance_size > UINT16_MAX || type->class_size > UINT16_MAX) {
        g_error("type '%s': structures are smaller than the parent's, or above 64 KiB",
                type->info->name);
    }
    gi.instance_size = type->instance_size;
    gi.class_size = type->class_size;
    type->gtype =
        g_type_register_static(parent ? parent->gtype : G_TYPE_OBJECT, name, &gi,
                               interface || type->info->abstract ? G_TYPE_FLAG_ABSTRACT : 0);
    g_assert(type->gtype);
}

ObjectClass *type_get_class(TypeImpl *type)
{
    ObjectClass *klass = __atomic_load_n(&type->klass, __ATOMIC_ACQUIRE);

    if (klass) {
        return klass;
    }
    g_rec_mutex_lock(&class_lock);
    if (!type->klass) {
        if (type_parent(type)) {
            type_get_class(type_parent(type));
        }
        if (!type->gtype) {
            register_gtype(type);
        }
        klass = g_type_class_ref(type->gtype); /* kept for ever */
        __atomic_store_n(&type->klass, klass, __ATOMIC_RELEASE);
    }
    klass = type->klass;
    g_rec_mutex_unlock(&class_lock);
    return klass;
}

ObjectClass *object_class_by_name(const char *typename)
{
    TypeImpl *type = type_lookup(typename);

    return type ? type_get_class(type) : NULL;
}

const char *object_class_get_name(const ObjectClass *klass)
{
    return klass->info->name;
}

ObjectClass *object_class_get_parent(const ObjectClass *klass)
{
    return klass->priv->parent;
}

bool object_class_is_abstract(const ObjectClass *klass)
{
    return klass->info->abstract || type_is_interface(klass->priv->impl);
}

bool object_class_is_a(const ObjectClass *klass, const char *typename)
{
    TypeImpl *ancestor = type_lookup(typename);

    return ancestor && type_is_a(klass->priv->impl, ancestor);
}

void *object_class_interface(ObjectClass *klass, const char *interface)
{
    TypeImpl *wanted = type_lookup(interface);

    for (unsigned i = 0; wanted && i < klass->priv->num_interfaces; i++) {
        if (type_is_a(klass->priv->interfaces[i].interface, wanted)) {
            return klass->priv->interfaces[i].methods;
        }
    }
    return NULL;
}

ObjectClass *object_class_ancestor(ObjectClass *klass, const char *typename)
{
    while (klass && strcmp(klass->info->name, typename)) {
        klass = klass->priv->parent;
    }
    return klass;
}

void *object_class_check(const void *klass, const char *typename)
{
    if (!object_class_is_a(klass, typename)) {
        g_error("class '%s' is no '%s'", object_class_get_name(klass), typename);
    }
    return (void *)(uintptr_t)klass;
}

/* --- walks over all types
 * ------------------------------------------------------------------------------------------ */

static int compare_names(const void *a, const void *b)
{
    const TypeImpl *const *x = a, *const *y = b;

    return strcmp((*x)->info->name, (*y)->info->name);
}

/* The types that are a implements, by name, NULL-terminated; g_free. */
static TypeImpl **types_sorted(const char *implements, bool include_abstract)
{
    TypeImpl *wanted = implements ? type_lookup(implements) : NULL;
    TypeImpl **list;
    size_t n = 0;

    pthread_once(&table_once, build_table);
    list = g_new0(TypeImpl *, num_types + 1);
    for (size_t i = 0; i < num_types; i++) {
        TypeImpl *type = &types[i];

        if ((!implements || (wanted && type_is_a(type, wanted))) &&
            (include_abstract || !(type->info->abstract || type_is_interface(type)))) {
            list[n++] = type;
        }
    }
    qsort(list, n, sizeof(*list), compare_names);
    return list;
}

void object_class_foreach(void (*fn)(ObjectClass *klass, void *opaque), const char *implements,
                          bool include_abstract, void *opaque)
{
    g_autofree TypeImpl **list = types_sorted(implements, include_abstract);

    for (TypeImpl **t = list; *t; t++) {
        fn(type_get_class(*t), opaque);
    }
}

void object_type_foreach(void (*fn)(const TypeInfo *info, const char *parent, bool abstract,
                                    void *opaque),
                         const char *implements, bool include_abstract, void *opaque)
{
    g_autofree TypeImpl **list = types_sorted(implements, include_abstract);

    for (TypeImpl **t = list; *t; t++) {
        TypeImpl *parent = type_parent(*t);

        fn((*t)->info, parent ? parent->info->name : NULL,
           (*t)->info->abstract || type_is_interface(*t), opaque);
    }
}

char *object_type_hint(const char *word, const char *implements)
{
    g_autofree TypeImpl **list = types_sorted(implements, false);
    g_autofree const char **names = NULL;
    const char *near;
    size_t n = 0;

    while (list[n]) {
        n++;
    }
    names = g_new0(const char *, n + 1);
    for (size_t i = 0; i < n; i++) {
        names[i] = list[i]->info->name;
    }
    near = nearest_name(word, names);
    return near ? g_strdup_printf("; did you mean '%s'?", near) : g_strdup("");
}
