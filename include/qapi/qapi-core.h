/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interpreter of the QMP schema's tables: values of generated types from and to JSON, dispatch,
 * introspection.
 *
 * scripts/qapi-gen.py writes the tables and thin typed wrappers (X_from_json(), X_to_json(),
 * qapi_free_X()); most code uses those.  Everything here may be called from any thread and keeps no
 * state.  Tables hold indices and string offsets instead of pointers: they need no relocation and
 * stay clean, shared pages.
 */
#ifndef QAPI_QAPI_CORE_H
#define QAPI_QAPI_CORE_H

#include "qapi/json.h"
#include "qemu/error.h"

typedef enum QapiKind {
    QAPI_KIND_STR,
    QAPI_KIND_NUMBER,
    QAPI_KIND_INT8,
    QAPI_KIND_INT16,
    QAPI_KIND_INT32,
    QAPI_KIND_INT64,
    QAPI_KIND_UINT8,
    QAPI_KIND_UINT16,
    QAPI_KIND_UINT32,
    QAPI_KIND_UINT64,
    QAPI_KIND_BOOL,
    QAPI_KIND_NULL,
    QAPI_KIND_ANY,
    QAPI_KIND_ENUM,
    QAPI_KIND_ARRAY,
    QAPI_KIND_STRUCT,
    QAPI_KIND_UNION,
    QAPI_KIND_ALTERNATE,
} QapiKind;

enum {
    QAPI_VISIBLE = 1, /* a command or event reaches the type: introspection shows it */
};

/* name and features are offsets in the strings; features are separated by newlines. */
typedef struct QapiType {
    uint32_t name, features;
    uint32_t first; /* of members or enum values; array: offset of .value in a node */
    uint32_t size;  /* of the C structure; array: of a list node */
    uint8_t kind, flags;
    uint16_t count;   /* of members or enum values */
    uint16_t element; /* array: element's type; union: number of variants */
    uint16_t tag;     /* union: which member selects the variant */
    uint16_t first_variant;
} QapiType;

enum {
    QAPI_OPTIONAL = 1,
    QAPI_HAS = 2, /* a bool at has_offset says whether it is present; others are NULL when absent */
};

typedef struct QapiMember {
    uint32_t name, features;
    uint32_t offset, has_offset;
    uint16_t type, flags;
} QapiMember;

typedef struct QapiVariant {
    uint32_t offset;
    uint16_t type;
    uint16_t value; /* of the tag */
} QapiVariant;

typedef struct QapiEnumValue {
    uint32_t name, features;
} QapiEnumValue;

typedef struct QapiEventInfo {
    uint32_t name, features;
    uint16_t arg;
} QapiEventInfo;

enum {
    QAPI_CMD_OOB = 1,
    QAPI_CMD_PRECONFIG = 2,
    QAPI_CMD_RAW = 4, /* 'gen': false */
};

typedef struct QapiCommandInfo {
    uint32_t name, features;
    uint16_t arg, ret, flags;
} QapiCommandInfo;

typedef struct QapiSchema {
    const char *strings;
    const QapiType *types;
    const QapiMember *members;
    const QapiVariant *variants;
    const QapiEnumValue *values;
    const QapiEventInfo *events;     /* in order of name */
    const QapiCommandInfo *commands; /* in order of name */
    unsigned n_types, n_events, n_commands;
    unsigned empty; /* index of the type without members */
} QapiSchema;

/* Calls one qmp_X() with unpacked arguments and stores its result at ret. */
typedef void QapiCommandFn(void *args, void *ret, GError **errp);

/* What a type's array is in C: a list whose nodes are made with this and freed by the owner's
 * qapi_free_X().  tail is an XList **: QAPI_LIST_APPEND(tail, v) adds v and moves tail on. */
#define QAPI_LIST_APPEND(tail, v) \
    do { \
        *(tail) = g_malloc0(sizeof(**(tail))); \
        (*(tail))->value = (v); \
        (tail) = &(*(tail))->next; \
    } while (0)

const char *qapi_enum_str(const QapiSchema *s, unsigned type, int value);
/* The value named str, or -1 with errp. */
int qapi_enum_parse(const QapiSchema *s, unsigned type, const char *str, GError **errp);

/* Fills *slot (a pointer for objects, arrays, strings) with json's value.  On failure nothing is
 * allocated, *slot is unchanged and errp names the member by its path ("backend.data.addr",
 * "list[2].name"). json may be NULL (JSON null). */
bool qapi_from_json(const QapiSchema *s, unsigned type, json_object *json, void *slot,
                    GError **errp);
/* New JSON for the value in *slot. */
json_object *qapi_to_json(const QapiSchema *s, unsigned type, const void *slot);
/* Frees an object, array, alternate or string, and all it owns; p may be NULL. */
void qapi_free(const QapiSchema *s, unsigned type, void *p);

/* Index of a command, or -1. */
int qapi_find_command(const QapiSchema *s, const char *name);
/* Checks args (an object, or NULL for none), runs command number cmd, and returns the result as new
 * JSON ({} when there is none); NULL with errp. */
json_object *qapi_dispatch(const QapiSchema *s, QapiCommandFn *const *fns, unsigned cmd,
                           json_object *args, GError **errp);
/* What query-qmp-schema returns, built anew. */
json_object *qapi_introspect(const QapiSchema *s);
/* [{"name": ...}] of all commands. */
json_object *qapi_list_commands(const QapiSchema *s);

#endif
