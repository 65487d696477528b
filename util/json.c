/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One JSON value from a text, as the command line and monitors accept it: RFC 8259 plus strings in
 * single quotes, which survive a shell's double quotes.
 *
 * json-c does the parsing, in its strict mode; strings are first brought into the standard form
 * here, because json-c takes single quotes only in a mode that also lets comments and stray commas
 * pass, and takes NaN and the like in any mode.
 */
#include "qapi/keyval.h"

enum { JSON_MAX_DEPTH = 64 };

/* Copies the string that begins at *src (on its opening quote) to out with double quotes; leaves
 * *src behind the closing quote.  False when the string does not end or holds a control character.
 */
static bool copy_string(const char **src, GString *out, GError **errp)
{
    const char *p = *src;
    char quote = *p++;

    g_string_append_c(out, '"');
    for (; *p != quote; p++) {
        if ((unsigned char)*p < 0x20) {
            error_setg(errp,
                       *p ? "JSON: control character in a string" : "JSON: string without end");
            return false;
        }
        if (*p == '\\' && p[1] == '\'') {
            g_string_append_c(out, *++p);
        } else if (*p == '\\' && p[1]) {
            g_string_append_c(out, *p++);
            g_string_append_c(out, *p);
        } else if (*p == '"') {
            g_string_append(out, "\\\"");
        } else {
            g_string_append_c(out, *p);
        }
    }
    g_string_append_c(out, '"');
    *src = p + 1;
    return true;
}

/* Copies a bare word; json-c would also take NaN, Infinity and words in capitals.  An exponent's
 * letter is part of a number. */
static bool copy_word(const char **src, GString *out, GError **errp)
{
    size_t len = strspn(*src, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_");
    g_autofree char *word = g_strndup(*src, len);

    if (strcmp(word, "true") && strcmp(word, "false") && strcmp(word, "null") &&
        !(len == 1 && (*word == 'e' || *word == 'E') && out->len &&
          g_ascii_isdigit(out->str[out->len - 1]))) {
        error_setg(errp, "JSON: '%.20s' is no value; strings need quotes", word);
        return false;
    }
    g_string_append(out, word);
    *src += len;
    return true;
}

/* The keys of the objects that a text has open, for finding one that is given twice. */
typedef struct KeyCheck {
    GHashTable *keys[JSON_MAX_DEPTH]; /* of each open bracket; NULL: an array, or no key yet */
    bool in_object[JSON_MAX_DEPTH];
    unsigned depth; /* what lies deeper than JSON_MAX_DEPTH is refused later */
    bool key_next;  /* the next string is a key */
} KeyCheck;

static void key_check_clear(KeyCheck *k)
{
    for (unsigned i = 0; i < JSON_MAX_DEPTH; i++) {
        g_clear_pointer(&k->keys[i], g_hash_table_unref);
    }
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KeyCheck, key_check_clear)

static void key_check_punctuation(KeyCheck *k, char c)
{
    switch (c) {
    case '{':
    case '[':
        if (k->depth < JSON_MAX_DEPTH) {
            k->in_object[k->depth] = c == '{';
        }
        k->depth++;
        break;
    case '}':
    case ']':
        if (k->depth && --k->depth < JSON_MAX_DEPTH) {
            g_clear_pointer(&k->keys[k->depth], g_hash_table_unref);
        }
        break;
    case ',':
    case ':':
        break;
    default:
        return;
    }
    k->key_next = (c == '{' || c == ',') && k->depth && k->depth <= JSON_MAX_DEPTH &&
                  k->in_object[k->depth - 1];
}

/* text: a string in the standard form, with its quotes. */
static bool key_check_string(KeyCheck *k, const char *text, GError **errp)
{
    GHashTable **keys;
    json_object *value;
    char *key;

    if (!k->key_next) {
        return true;
    }
    k->key_next = false;
    /* Escapes are undone: "\u0069d" is "id". */
    value = json_tokener_parse(text);
    if (!json_object_is_type(value, json_type_string)) {
        json_object_put(value);
        return true; /* a bad escape, which is reported when the whole is parsed */
    }
    key = g_strdup(json_object_get_string(value));
    json_object_put(value);
    keys = &k->keys[k->depth - 1];
    if (!*keys) {
        *keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    }
    if (g_hash_table_contains(*keys, key)) {
        error_setg(errp, "JSON: key '%.40s' is given twice in one object; give it once", key);
        g_free(key);
        return false;
    }
    g_hash_table_add(*keys, key);
    return true;
}

static GString *normalize(const char *text, GError **errp)
{
    GString *out = g_string_sized_new(strlen(text) + 1);
    g_auto(KeyCheck) keys = {0};

    while (*text) {
        bool ok = true;

        if (*text == '"' || *text == '\'') {
            size_t start = out->len;

            ok = copy_string(&text, out, errp) && key_check_string(&keys, out->str + start, errp);
        } else if (g_ascii_isalpha(*text)) {
            ok = copy_word(&text, out, errp);
        } else {
            key_check_punctuation(&keys, *text);
            g_string_append_c(out, *text++);
        }
        if (!ok) {
            g_string_free(out, true);
            return NULL;
        }
    }
    return out;
}

static void json_put_tokener(struct json_tokener *tok)
{
    json_tokener_free(tok);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_tokener, json_put_tokener)

json_object *json_parse(const char *text, GError **errp)
{
    g_autoptr(json_tokener) tok = json_tokener_new_ex(JSON_MAX_DEPTH);
    json_object *value;
    enum json_tokener_error err;
    size_t end;
    GString *std;

    if (!g_utf8_validate(text, -1, NULL)) {
        error_setg(errp, "JSON: text is not valid UTF-8");
        return NULL;
    }
    std = normalize(text, errp);
    if (!std) {
        return NULL;
    }
    if (std->len > INT_MAX / 2) {
        error_setg(errp, "JSON: text is too long");
        g_string_free(std, true);
        return NULL;
    }
    json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS);
    /* With the final NUL, so that a number at the end is known to be complete. */
    value = json_tokener_parse_ex(tok, std->str, std->len + 1);
    err = json_tokener_get_error(tok);
    end = json_tokener_get_parse_end(tok);
    if (err == json_tokener_success) {
        end += strspn(std->str + end, " \t\r\n");
        if (end < std->len) {
            json_object_put(value);
            value = NULL;
            error_setg(errp, "JSON: '%.20s' follows the value", std->str + end);
        } else if (!value) {
            error_setg(errp, "JSON: a value is expected, not null");
        }
    } else {
        value = NULL;
        if (err == json_tokener_continue || end >= std->len) {
            error_setg(errp, "JSON: text ends too early");
        } else {
            error_setg(errp, "JSON: %s at '%.20s'", json_tokener_error_desc(err), std->str + end);
        }
    }
    g_string_free(std, true);
    return value;
}
