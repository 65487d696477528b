/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of qom/ share: the table of types and what hangs off a class and an object. */
#ifndef QOM_INTERNAL_H
#define QOM_INTERNAL_H

#include "qom/object.h"

#define TYPE_CONTAINER "container"

/* One entry of the table of types.  The table is built once and never changes; parent, gtype and
 * the sizes are filled in with the class, under the types' lock; klass is published last, and then
 * they are constant. */
typedef struct TypeImpl {
    const TypeInfo *info;
    struct TypeImpl *parent; /* NULL for "object" and "interface" */
    GType gtype;
    size_t instance_size, class_size;
    ObjectClass *klass; /* atomic; NULL until first used */
} TypeImpl;

typedef struct InterfaceTable {
    TypeImpl *interface;
    void *methods;
} InterfaceTable;

typedef struct PropertyTable {
    const ObjectProperty *props;
    size_t n;
} PropertyTable;

typedef struct PropertyDefault {
    const ObjectProperty *prop;
    int64_t value;
} PropertyDefault;

/* Constant once class_init has run. */
typedef struct ObjectClassPrivate {
    TypeImpl *impl;
    ObjectClass *parent; /* NULL for the root */
    InterfaceTable *interfaces;
    unsigned num_interfaces;
    PropertyTable *tables; /* this class's own, not the ancestors' */
    unsigned num_tables;
    PropertyDefault *defaults; /* what this class changes of its ancestors' */
    unsigned num_defaults;
} ObjectClassPrivate;

/* Main loop, but for finalization. */
typedef struct ObjectPrivate {
    Object *parent; /* NULL: not in the tree; not a reference */
    char *name;
    GPtrArray *props; /* ObjectProperty: the object's own, children included, in order of creation;
                         NULL: none */
    bool complete;    /* a user-creatable object that complete() was called for */
} ObjectPrivate;

/* --- type.c --- */
TypeImpl *type_lookup(const char *name);
TypeImpl *type_parent(TypeImpl *type);
/* The class; registers the type and its ancestors with GObject on first use. Any thread. */
ObjectClass *type_get_class(TypeImpl *type);
bool type_is_a(TypeImpl *type, TypeImpl *ancestor);

/* --- object.c --- */
/* Asserts the main loop's thread: the one that was first here.  (Not aio.h's assertion, so that the
 * object model can be used, and tested, without an event loop.) */
void qom_assert_thread(void);

/* --- property.c --- */
/* Sets the fields of all properties in the tables of klass and its ancestors to their defaults. */
void object_apply_defaults(Object *obj, ObjectClass *klass);
/* Releases what the property tables' fields hold. */
void object_release_properties(Object *obj);
void object_property_free(ObjectProperty *prop);

/* --- property-value.c --- */
/* Value as the kind's own JSON type, checked; new reference; NULL with errp. */
json_object *property_normalize(Object *obj, const ObjectProperty *prop, json_object *value,
                                bool from_string, GError **errp);
bool property_store(Object *obj, const ObjectProperty *prop, json_object *value, GError **errp);
json_object *property_load(Object *obj, const ObjectProperty *prop, GError **errp);

/* --- tree.c --- */
/* object_unparent() without the thread's check, for finalization. */
void object_leave_tree(Object *obj);

/* The object of a PROP_CHILD property. */
static inline Object *property_child(const ObjectProperty *prop)
{
    return (Object *)(uintptr_t)prop->opaque;
}

#endif
