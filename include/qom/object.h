/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Object model: types, properties and the composition tree, with GObject underneath.
 *
 * Names that users see (types, properties, ids) live in tables of our own, spelt exactly as users know them; GType names
 * are private.  A type is a static TypeInfo placed with QOM_TYPE(); nothing runs for it until it is first looked up.
 *
 * Threads: types may be looked up from any thread.  Creation, properties and the tree belong to the main loop (asserted).
 * object_ref() and object_unref() may be called from any thread, never on a hot path; the last object_unref() runs
 * instance_finalize where it is called.
 */
#ifndef QOM_OBJECT_H
#define QOM_OBJECT_H

#include "qemu/error.h"
#include "qemu/osdep.h"

#include <glib-object.h>
#include <json-c/json.h>

typedef struct TypeInfo TypeInfo;
typedef struct ObjectProperty ObjectProperty;
typedef struct EnumTable EnumTable;

typedef struct Object {
    GObject parent_obj;
    struct ObjectPrivate *priv;   /* qom/'s own: tree links, instance properties */
} Object;

typedef struct ObjectClass {
    GObjectClass parent_class;
    const TypeInfo *info;         /* most derived type */
    struct ObjectClassPrivate *priv;
    /* Called before the object leaves the tree (object-del, unplug); false with errp refuses.  May be NULL. */
    bool (*can_be_deleted)(Object *obj, GError **errp);
    /* -object: called when all properties are set; may be NULL. */
    bool (*complete)(Object *obj, GError **errp);
    /* Called when the object leaves the tree, before its children do.  May be NULL.  The reference is dropped afterwards. */
    void (*unparent)(Object *obj);
    /* object_new(): called when all instance_init have run (devices: -global); false makes object_new() fail.  May be NULL. */
    bool (*post_init)(Object *obj, GError **errp);
    /* Asked before a property is set: false with errp refuses (devices: after realize).  May be NULL. */
    bool (*allow_set)(Object *obj, const ObjectProperty *prop, GError **errp);
} ObjectClass;

struct TypeInfo {
    const char *name;             /* e.g. "nvme" */
    const char *parent;           /* NULL: "object" */
    size_t instance_size;         /* 0: the parent's; below 64 KiB (GObject's limit): big tables are allocated apart */
    size_t class_size;            /* 0: the parent's */
    bool abstract;
    void (*class_init)(ObjectClass *klass, const void *data);
    const void *class_data;
    /* From the root's to the most derived; property defaults of all classes are set before the first. */
    void (*instance_init)(Object *obj);
    /* From the most derived to the root's.  Strings and links of the property tables are released afterwards. */
    void (*instance_finalize)(Object *obj);
    const char *const *interfaces; /* NULL-terminated names, or NULL */
};

/* An interface type: TypeInfo with parent TYPE_INTERFACE and class_size of its table of methods, any structure.  Each class that
 * implements it has a table of its own, a copy of the parent class's to begin with, which class_init fills through
 * object_class_interface(). */
#define TYPE_OBJECT "object"
#define TYPE_INTERFACE "interface"
/* Objects that -object may create implement this (no methods: complete() is in ObjectClass). */
#define TYPE_USER_CREATABLE "user-creatable"

/* Puts a TypeInfo into the table of types.  info must be a static const TypeInfo. */
#define QOM_TYPE(info) \
    static const TypeInfo *const G_PASTE(qom_type_, info) QEMU_IN_SECTION("qom_types") = &info

/* --- types --------------------------------------------------------------------------------------------------- */

/* Looks a type up (registering it with GObject on first use); NULL if there is none.  The class lives for ever. */
ObjectClass *object_class_by_name(const char *typename);
const char *object_class_get_name(const ObjectClass *klass);
ObjectClass *object_class_get_parent(const ObjectClass *klass);
bool object_class_is_abstract(const ObjectClass *klass);
/* True if klass is typename, descends from it or implements it. */
bool object_class_is_a(const ObjectClass *klass, const char *typename);
/* Calls fn for each type that is a implements (NULL: all), in order of name. */
void object_class_foreach(void (*fn)(ObjectClass *klass, void *opaque), const char *implements, bool include_abstract,
                          void *opaque);
/* The interface's table of methods as klass implements it, or NULL. */
void *object_class_interface(ObjectClass *klass, const char *interface);
/* The class structure of an ancestor type, for chaining up. */
ObjectClass *object_class_ancestor(ObjectClass *klass, const char *typename);

static inline ObjectClass *object_get_class(const void *obj)
{
    return (ObjectClass *)((const GTypeInstance *)obj)->g_class;
}
const char *object_get_typename(const Object *obj);
bool object_is_a(const Object *obj, const char *typename);
/* Checked casts: abort on a mismatch, which is a bug of ours.  Not for hot paths. */
void *object_check(const void *obj, const char *typename);
void *object_class_check(const void *klass, const char *typename);
#define OBJECT(obj) ((Object *)(obj))

/* Calls fn for each type's TypeInfo in order of name, without creating classes; parent is the parent's name, NULL for the two
 * roots, "object" and "interface".  implements as in object_class_foreach(). */
void object_type_foreach(void (*fn)(const TypeInfo *info, const char *parent, bool abstract, void *opaque),
                         const char *implements, bool include_abstract, void *opaque);

/* --- instances ------------------------------------------------------------------------------------------------- */

/* A new object with one reference that the caller owns; NULL with errp for an unknown or abstract type. */
Object *object_new(const char *typename, GError **errp);
Object *object_ref(void *obj);
void object_unref(void *obj);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Object, object_unref)

/* -object / object-add: creates, sets properties (JSON object; strings are parsed where from_strings), puts it at
 * /objects/ID, completes it.  Undone on failure.  Returned reference is the tree's. */
Object *user_creatable_add(const char *typename, const char *id, json_object *props, bool from_strings, GError **errp);
bool user_creatable_del(const char *id, GError **errp);

/* --- composition tree -------------------------------------------------------------------------------------------- */

Object *object_get_root(void);
/* /objects, /machine ... created as containers when missing. */
Object *container_get(Object *root, const char *path);
/* Adds child as parent's property child<TYPE>; takes a reference of its own.  name may end in "[*]": first free number.
 * False with errp when the name is taken. */
bool object_property_add_child(Object *parent, const char *name, Object *child, GError **errp);
/* Takes obj out of the tree: its unparent() hook runs, then its children go the same way, then the tree's reference goes. */
void object_unparent(Object *obj);
Object *object_get_parent(const Object *obj);
/* Name below the parent, NULL for the root or when not in the tree; valid while it is in the tree. */
const char *object_get_name(const Object *obj);
char *object_get_canonical_path(const Object *obj);    /* g_free; NULL when not in the tree */
/* Absolute path, or a unique tail of one ("ioapic"); NULL if none; *ambiguous (may be NULL) set if several match.  The empty path
 * with a type: the only object of that type. */
Object *object_resolve_path(const char *path, bool *ambiguous);
Object *object_resolve_path_type(const char *path, const char *typename, bool *ambiguous);
/* Children in order of creation; fn returns false to stop. */
bool object_child_foreach(Object *obj, bool (*fn)(Object *child, void *opaque), void *opaque);
bool object_child_foreach_recursive(Object *obj, bool (*fn)(Object *child, void *opaque), void *opaque);

/* --- properties -------------------------------------------------------------------------------------------------- */

typedef enum PropertyKind {
    PROP_BOOL,     /* JSON boolean; "on/off/yes/no/true/false/y/n" as text */
    PROP_INT,      /* signed, of .size bytes */
    PROP_UINT,     /* unsigned, of .size bytes */
    PROP_SIZE,     /* uint64 bytes; text takes K, M, G, T suffixes */
    PROP_STRING,   /* char *, owned by the object: g_malloc'ed, freed after instance_finalize */
    PROP_ENUM,     /* int, through .table */
    PROP_ON_OFF_AUTO, /* enum of that name */
    PROP_LINK,     /* Object *, by path or id; .link_type */
    PROP_CHILD,
    PROP_CUSTOM,   /* get/set callbacks only */
} PropertyKind;

struct EnumTable {
    const char *qapi_name;         /* "OnOffAuto" */
    const char *const *names;      /* index = value, NULL-terminated */
};
typedef enum OnOffAuto { ON_OFF_AUTO_AUTO, ON_OFF_AUTO_ON, ON_OFF_AUTO_OFF } OnOffAuto;
extern const EnumTable on_off_auto_table;

/* A property.  Class properties are static const tables; the offset form needs no accessors. */
struct ObjectProperty {
    const char *name;
    const char *type;              /* shown to users: "uint32", "bool", "str", "link<iothread>" ...; NULL: from kind */
    const char *help;              /* one line, for -device X,help */
    PropertyKind kind;
    uint8_t size;                  /* PROP_INT, PROP_UINT: 1, 2, 4, 8 */
    bool has_default;
    bool read_only;
    bool settable_live;            /* may be set after realize (devices) */
    size_t offset;                 /* of the field in the instance; used when get/set are NULL */
    int64_t defval;                /* BOOL, INT, UINT, SIZE, ENUM */
    const char *defstr;            /* STRING */
    const EnumTable *table;
    const char *link_type;
    uint64_t min, max;             /* UINT, SIZE: checked when max != 0 */
    /* Value as JSON: set() gets a borrowed reference, get() returns a new one.  For all kinds but PROP_CUSTOM, set() gets a value
     * that was checked and has the kind's own JSON type.  With from_string (see object_property_set_json) a PROP_CUSTOM set()
     * must take a JSON string, too. */
    json_object *(*get)(Object *obj, const ObjectProperty *prop, GError **errp);
    bool (*set)(Object *obj, const ObjectProperty *prop, json_object *value, GError **errp);
    const void *opaque;
};

#define PROP_FIELD_(state, field, ftype) \
    (offsetof(state, field) + 0 * sizeof((ftype *)0 == &((state *)0)->field))
#define DEFINE_PROP_BOOL(n, state, field, def, h) \
    { .name = n, .kind = PROP_BOOL, .has_default = true, .offset = PROP_FIELD_(state, field, bool), .defval = def, .help = h }
#define DEFINE_PROP_UINT8(n, state, field, def, h) \
    { .name = n, .kind = PROP_UINT, .size = 1, .has_default = true, .offset = PROP_FIELD_(state, field, uint8_t), .defval = def, .help = h }
#define DEFINE_PROP_UINT16(n, state, field, def, h) \
    { .name = n, .kind = PROP_UINT, .size = 2, .has_default = true, .offset = PROP_FIELD_(state, field, uint16_t), .defval = def, .help = h }
#define DEFINE_PROP_UINT32(n, state, field, def, h) \
    { .name = n, .kind = PROP_UINT, .size = 4, .has_default = true, .offset = PROP_FIELD_(state, field, uint32_t), .defval = def, .help = h }
#define DEFINE_PROP_UINT64(n, state, field, def, h) \
    { .name = n, .kind = PROP_UINT, .size = 8, .has_default = true, .offset = PROP_FIELD_(state, field, uint64_t), .defval = (int64_t)(def), .help = h }
#define DEFINE_PROP_INT32(n, state, field, def, h) \
    { .name = n, .kind = PROP_INT, .size = 4, .has_default = true, .offset = PROP_FIELD_(state, field, int32_t), .defval = def, .help = h }
#define DEFINE_PROP_INT64(n, state, field, def, h) \
    { .name = n, .kind = PROP_INT, .size = 8, .has_default = true, .offset = PROP_FIELD_(state, field, int64_t), .defval = def, .help = h }
#define DEFINE_PROP_SIZE(n, state, field, def, h) \
    { .name = n, .kind = PROP_SIZE, .size = 8, .has_default = true, .offset = PROP_FIELD_(state, field, uint64_t), .defval = def, .help = h }
#define DEFINE_PROP_STRING(n, state, field, h) \
    { .name = n, .kind = PROP_STRING, .offset = PROP_FIELD_(state, field, char *), .help = h }
#define DEFINE_PROP_ENUM(n, state, field, tbl, def, h) \
    { .name = n, .kind = PROP_ENUM, .has_default = true, .offset = PROP_FIELD_(state, field, int), .table = &(tbl), .defval = def, .help = h }
#define DEFINE_PROP_ON_OFF_AUTO(n, state, field, def, h) \
    { .name = n, .kind = PROP_ON_OFF_AUTO, .has_default = true, .offset = PROP_FIELD_(state, field, int), .table = &on_off_auto_table, .defval = def, .help = h }
/* A link holds a reference while it is set. */
#define DEFINE_PROP_LINK(n, state, field, ltype, h) \
    { .name = n, .kind = PROP_LINK, .offset = offsetof(state, field), .link_type = ltype, .help = h }

/* Adds n static properties to a class (kept by reference).  From class_init. */
void object_class_add_properties(ObjectClass *klass, const ObjectProperty *props, size_t n);
#define object_class_add_property_table(klass, table) object_class_add_properties(klass, table, G_N_ELEMENTS(table))
/* Adds a copy of *prop (name, type, help and link_type included) to one object; the name must be free. */
void object_property_add(Object *obj, const ObjectProperty *prop);
void object_property_del(Object *obj, const char *name);
const ObjectProperty *object_property_find(Object *obj, const char *name);
/* Changes a default in a derived class (machine versions). */
void object_class_property_set_default(ObjectClass *klass, const char *name, int64_t defval);
/* A property of a class or its ancestors; NULL if there is none. */
const ObjectProperty *object_class_property_find(ObjectClass *klass, const char *name);
/* The default of a property of klass as JSON, new reference; NULL if it has none. */
json_object *object_class_property_default(ObjectClass *klass, const ObjectProperty *prop);

/* Sets a property from JSON.  from_string: a JSON string stands for the textual form ("4K", "on", "0x10"), as on the
 * command line, typed values are good as well; otherwise types are strict, as in QMP. */
bool object_property_set_json(Object *obj, const char *name, json_object *value, bool from_string, GError **errp);
json_object *object_property_get_json(Object *obj, const char *name, GError **errp);
bool object_property_parse(Object *obj, const char *name, const char *text, GError **errp);
bool object_property_set_bool(Object *obj, const char *name, bool v, GError **errp);
bool object_property_set_uint(Object *obj, const char *name, uint64_t v, GError **errp);
bool object_property_set_str(Object *obj, const char *name, const char *v, GError **errp);
bool object_property_set_link(Object *obj, const char *name, Object *v, GError **errp);
bool object_property_get_bool(Object *obj, const char *name, GError **errp);
uint64_t object_property_get_uint(Object *obj, const char *name, GError **errp);
char *object_property_get_str(Object *obj, const char *name, GError **errp);   /* g_free */
Object *object_property_get_link(Object *obj, const char *name, GError **errp);
/* The text users see for a property's type. */
char *object_property_type_name(const ObjectProperty *prop);                    /* g_free */
/* Each property of a class (inherited ones included) or of an object (its own included), in order of name. */
void object_class_property_foreach(ObjectClass *klass, void (*fn)(const ObjectProperty *, void *), void *opaque);
void object_property_foreach(Object *obj, void (*fn)(const ObjectProperty *, void *), void *opaque);

/* --- texts for users ---------------------------------------------------------------------------------------------- */

/* The text for "-object help" or "-object TYPE,help" when text (an option's argument) asks for it, else NULL.  NULL with errp
 * for an unknown type. */
GString *user_creatable_help(const char *text, GError **errp);
/* The type that text, an option's argument, asks help for: "help", "?" give an empty string, "X,help", "X,?" give "X"; NULL: no help
 * is asked for. g_free. */
char *help_request(const char *text);
/* Lines "  NAME=<TYPE>  - HELP (default: X)" for each settable property of klass for which skip (may be NULL) is false. */
void object_class_help_properties(ObjectClass *klass, bool (*skip)(const ObjectProperty *prop), GString *out);
/* info qom-tree [PATH]: the composition tree below obj. */
void qom_tree_info(Object *obj, GString *out);
/* "; did you mean 'X'?" with the type nearest to word that is a implements, or an empty string. g_free. */
char *object_type_hint(const char *word, const char *implements);
/* True if id may be given to an object or device: a letter, then letters, digits, '-', '.', '_'. */
bool id_wellformed(const char *id);

#endif
