/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -smbios: type=N,field=value..., or file=FILE with a structure as it is. */
#include "hw/smbios/smbios.h"

#include "qapi/keyval.h"
#include "qemu/error.h"

#define MAX_FILE 0xffff
#define MAX_TYPE 127

typedef struct TypeFields {
    unsigned type;
    bool repeated;
    const char *fields[14];
} TypeFields;

static const TypeFields known[] = {
    {0, false, {"vendor", "version", "date", "release", "uefi"}},
    {1, false, {"manufacturer", "product", "version", "serial", "uuid", "sku", "family"}},
    {2, false, {"manufacturer", "product", "version", "serial", "asset", "location"}},
    {3, false, {"manufacturer", "version", "serial", "asset", "sku"}},
    {4,
     false,
     {"sock_pfx", "manufacturer", "version", "serial", "asset", "part", "max-speed",
      "current-speed", "processor-family", "processor-id"}},
    {8, true, {"internal_reference", "external_reference", "connector_type", "port_type"}},
    {11, true, {"value", "path"}},
    {17, false, {"loc_pfx", "bank", "manufacturer", "serial", "asset", "part", "speed"}},
    {41, true, {"designation", "kind", "instance", "pcidev"}},
};

static json_object *merged[MAX_TYPE + 1];
static GPtrArray *repeated[MAX_TYPE + 1];
static GPtrArray *files;
static uint64_t file_types[2];

json_object *smbios_fields(unsigned type)
{
    return merged[type];
}

GPtrArray *smbios_repeated(unsigned type)
{
    return repeated[type];
}

GPtrArray *smbios_files(void)
{
    return files;
}

bool smbios_has_file(unsigned type)
{
    return file_types[type / 64] >> (type % 64) & 1;
}

void smbios_reset_options(void)
{
    for (unsigned t = 0; t <= MAX_TYPE; t++) {
        g_clear_pointer(&merged[t], json_object_put);
        g_clear_pointer(&repeated[t], g_ptr_array_unref);
    }
    g_clear_pointer(&files, g_ptr_array_unref);
    memset(file_types, 0, sizeof(file_types));
}

/* Header of 4 bytes, the fields that its length says, then strings that end with an empty one. */
static bool check_structure(const char *path, const uint8_t *p, size_t n, GError **errp)
{
    if (n < 6 || p[1] < 4 || p[1] > n - 2 || p[n - 1] || p[n - 2]) {
        error_setg(errp,
                   "-smbios file=%s: not one SMBIOS structure: a header with its length, and "
                   "strings that end with two zero bytes",
                   path);
        return false;
    }
    if (p[0] > MAX_TYPE - 1) {
        error_setg(errp, "-smbios file=%s: structure of type %u; 0 to 126 are allowed", path, p[0]);
        return false;
    }
    for (size_t at = p[1]; at + 2 < n; at++) {
        if (!p[at] && !p[at + 1]) {
            error_setg(errp, "-smbios file=%s: bytes behind the structure's end", path);
            return false;
        }
    }
    return true;
}

static bool add_file(const char *path, GError **errp)
{
    g_autofree char *data = NULL;
    gsize n;
    const uint8_t *p;

    if (!g_file_get_contents(path, &data, &n, errp)) {
        g_prefix_error(errp, "-smbios file=%s: ", path);
        return false;
    }
    p = (const uint8_t *)data;
    if (n > MAX_FILE || !check_structure(path, p, n, errp)) {
        if (n > MAX_FILE) {
            error_setg(errp, "-smbios file=%s: larger than 64 KiB", path);
        }
        return false;
    }
    if (smbios_has_file(p[0]) || merged[p[0]]) {
        error_setg(errp, "-smbios file=%s: there are other options for type %u", path, p[0]);
        return false;
    }
    files = files ? files : g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    file_types[p[0] / 64] |= BIT_ULL(p[0] % 64);
    g_ptr_array_add(files, g_bytes_new(data, n));
    return true;
}

static const TypeFields *find_type(const char *text, GError **errp)
{
    char *end;
    guint64 type = g_ascii_strtoull(text, &end, 0);

    for (unsigned n = 0; n < G_N_ELEMENTS(known) && !*end && end != text; n++) {
        if (known[n].type == type) {
            return &known[n];
        }
    }
    error_setg(errp, "-smbios type=%s: 0, 1, 2, 3, 4, 8, 11, 17 and 41 can be given", text);
    return NULL;
}

static bool check_fields(const TypeFields *t, json_object *opts, GError **errp)
{
    json_object_object_foreach(opts, key, value)
    {
        if (!g_strv_contains(t->fields, key) || !json_object_is_type(value, json_type_string)) {
            g_autofree char *all = g_strjoinv(", ", (char **)t->fields);

            error_setg(errp, "-smbios type=%u: no parameter '%s'; there are %s", t->type, key, all);
            return false;
        }
    }
    return true;
}

static void put_options(void *o)
{
    json_object_put(o);
}

static bool add_type(json_object *opts, const char *type_text, GError **errp)
{
    const TypeFields *t = find_type(type_text, errp);

    if (!t || !check_fields(t, opts, errp)) {
        return false;
    }
    if (smbios_has_file(t->type)) {
        error_setg(errp, "-smbios type=%u: the structure is given as a file, too", t->type);
        return false;
    }
    if (t->repeated) {
        if (!repeated[t->type]) {
            repeated[t->type] = g_ptr_array_new_with_free_func(put_options);
        }
        g_ptr_array_add(repeated[t->type], json_object_get(opts));
        return true;
    }
    if (!merged[t->type]) {
        merged[t->type] = json_object_new_object();
    }
    json_object_object_foreach(opts, key, value)
    {
        json_object_object_add(merged[t->type], key, json_object_get(value));
    }
    return true;
}

/* OEM strings may stand several times in one option, which key=value parsing would merge. */
static bool add_oem_strings(const char *text, GError **errp)
{
    g_auto(GStrv) parts = g_strsplit(text, ",", -1);

    for (char **p = parts; *p; p++) {
        json_object *one;
        bool ok;

        if (g_str_has_prefix(*p, "type=")) {
            continue;
        }
        if (!g_str_has_prefix(*p, "value=") && !g_str_has_prefix(*p, "path=")) {
            error_setg(errp, "-smbios type=11: value=TEXT or path=FILE, not '%s'", *p);
            return false;
        }
        one = json_object_new_object();
        json_object_object_add(one, **p == 'v' ? "value" : "path",
                               json_object_new_string(strchr(*p, '=') + 1));
        ok = add_type(one, "11", errp);
        json_object_put(one);
        if (!ok) {
            return false;
        }
    }
    return true;
}

bool smbios_add_option(const char *text, GError **errp)
{
    bool is_json = false, ok;
    json_object *opts, *file, *type;

    if (g_str_has_prefix(text, "type=11,") && !strstr(text, ",,")) {
        return add_oem_strings(text, errp);
    }
    opts = keyval_parse(text, NULL, &is_json, errp);
    if (!opts) {
        return false;
    }
    if (json_object_object_get_ex(opts, "file", &file)) {
        ok = json_object_object_length(opts) == 1;
        if (!ok) {
            error_setg(errp, "-smbios %s: file= stands alone", text);
        }
        ok = ok && add_file(json_object_get_string(file), errp);
    } else if (json_object_object_get_ex(opts, "type", &type)) {
        g_autofree char *number = g_strdup(json_object_get_string(type));

        json_object_object_del(opts, "type");
        ok = add_type(opts, number, errp);
    } else {
        error_setg(errp, "-smbios %s: type=N or file=FILE is missing", text);
        ok = false;
    }
    json_object_put(opts);
    return ok;
}
