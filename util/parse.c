/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values as users write them: sizes, switches, numbers; and the name nearest to a misspelt one. */
#include "qapi/keyval.h"

/* The multiplier of a size suffix, 0 if c is none. */
static uint64_t size_suffix(char c)
{
    static const char suffixes[] = "BKMGTPE";
    const char *at = c ? strchr(suffixes, g_ascii_toupper(c)) : NULL;

    return at ? UINT64_C(1) << (10 * (at - suffixes)) : 0;
}

bool parse_size(const char *text, uint64_t default_unit, uint64_t *result, GError **errp)
{
    bool hex = g_str_has_prefix(text, "0x") || g_str_has_prefix(text, "0X");
    uint64_t whole, unit = default_unit, fraction = 0, scale = 1;
    char *end;

    errno = 0;
    whole = g_ascii_isdigit(*text) ? g_ascii_strtoull(text, &end, hex ? 16 : 10) : 0;
    if (!g_ascii_isdigit(*text) || (hex && end == text + 1)) {
        goto bad;
    }
    if (errno == ERANGE) {
        goto range;
    }
    if (*end == '.' && !hex) {
        for (end++; g_ascii_isdigit(*end); end++) {
            if (scale < UINT64_C(1000000000)) {
                fraction = fraction * 10 + (*end - '0');
                scale *= 10;
            }
        }
    }
    if (*end) {
        unit = size_suffix(*end);
        end++;
    }
    if (!unit || *end) {
        goto bad;
    }
    if (unit == 1 && fraction) {
        error_setg(errp, "'%s': a number of bytes has no fraction", text);
        return false;
    }
    {
        __uint128_t bytes = (__uint128_t)whole * unit + (__uint128_t)fraction * unit / scale;

        if (bytes > UINT64_MAX) {
            goto range;
        }
        *result = (uint64_t)bytes;
    }
    return true;

range:
    error_setg(errp, "'%s' is out of range: sizes are below 16E", text);
    return false;
bad:
    error_setg(errp,
               "'%s' is no size; write a number with an optional suffix B, K, M, G, T, P or E",
               text);
    return false;
}

bool parse_bool(const char *name, const char *text, bool *result, GError **errp)
{
    static const char *const yes[] = {"on", "yes", "true", "y"}, *const no[] = {"off", "no",
                                                                                "false", "n"};

    for (unsigned i = 0; i < G_N_ELEMENTS(yes); i++) {
        if (!strcmp(text, yes[i]) || !strcmp(text, no[i])) {
            *result = !strcmp(text, yes[i]);
            return true;
        }
    }
    error_setg(errp, "Parameter '%s' is 'on' or 'off', not '%s'", name, text);
    return false;
}

bool parse_uint(const char *name, const char *text, uint64_t max, uint64_t *result, GError **errp)
{
    uint64_t value;
    char *end;

    errno = 0;
    value = g_ascii_isdigit(*text) ? g_ascii_strtoull(text, &end, 0) : 0;
    if (!g_ascii_isdigit(*text) || *end) {
        error_setg(errp, "Parameter '%s' is a number, not '%s'", name, text);
        return false;
    }
    if (errno == ERANGE || value > max) {
        error_setg(errp, "Parameter '%s' is at most %" PRIu64 ", not %s", name, max, text);
        return false;
    }
    *result = value;
    return true;
}

/* Edit distance of two names in which also a swap of neighbours counts one; names longer than the
 * rows are cut. */
static unsigned edit_distance(const char *a, const char *b)
{
    enum { MAX = 63 };
    unsigned rows[3][MAX + 1];
    unsigned la = MIN(strlen(a), MAX), lb = MIN(strlen(b), MAX);
    unsigned *before = rows[0], *above = rows[1], *row = rows[2];

    for (unsigned j = 0; j <= lb; j++) {
        above[j] = j;
    }
    for (unsigned i = 1; i <= la; i++) {
        row[0] = i;
        for (unsigned j = 1; j <= lb; j++) {
            bool same = g_ascii_tolower(a[i - 1]) == g_ascii_tolower(b[j - 1]);

            row[j] = MIN(MIN(above[j], row[j - 1]) + 1, above[j - 1] + !same);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = MIN(row[j], before[j - 2] + 1);
            }
        }
        unsigned *spare = before;
        before = above;
        above = row;
        row = spare;
    }
    return above[lb];
}

const char *nearest_name(const char *word, const char *const *candidates)
{
    /* One letter of a short word may be wrong, more than a third of a long one; a longer name that
     * begins with the word counts as near, too.  A word of one letter is near only to itself in the
     * other case. */
    size_t len = strlen(word);
    unsigned best = len <= 1 ? 0 : len <= 4 ? 1 : 1 + len / 3;
    const char *found = NULL;

    for (; *candidates; candidates++) {
        unsigned d = edit_distance(word, *candidates);

        if (strlen(word) >= 3 && g_str_has_prefix(*candidates, word)) {
            d = MIN(d, 1);
        }
        if (d < best || (d == best && !found)) {
            best = d;
            found = *candidates;
        }
    }
    return found;
}
