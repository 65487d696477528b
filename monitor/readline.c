/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small line editor for terminals: echo, cursor keys, history, completion.  It sees bytes and
 * prints text; nothing here knows about monitors.
 */
#include "monitor-internal.h"

#include "qemu/osdep.h"

#define LINE_MAX_BYTES 4095
#define HISTORY_MAX 64

enum {
    KEY_UP = 'A',
    KEY_DOWN = 'B',
    KEY_RIGHT = 'C',
    KEY_LEFT = 'D',
    KEY_HOME = 'H',
    KEY_END = 'F'
};

struct Readline {
    const ReadlineOps *ops;
    void *opaque;
    char *prompt;
    GString *line;
    size_t cursor;      /* byte offset in line */
    GPtrArray *history; /* char *, oldest first */
    guint history_pos;  /* == history->len: the line being typed */
    char *unfinished;   /* what was typed before the user went into history */
    enum { PLAIN, ESC, CSI } state;
    int csi_number;
    bool last_was_cr;
};

Readline *readline_new(const char *prompt, const ReadlineOps *ops, void *opaque)
{
    Readline *rl = g_new0(Readline, 1);

    rl->ops = ops;
    rl->opaque = opaque;
    rl->prompt = g_strdup(prompt);
    rl->line = g_string_new(NULL);
    rl->history = g_ptr_array_new_with_free_func(g_free);
    return rl;
}

void readline_free(Readline *rl)
{
    g_ptr_array_unref(rl->history);
    g_string_free(rl->line, true);
    g_free(rl->unfinished);
    g_free(rl->prompt);
    g_free(rl);
}

static void print(Readline *rl, const char *text)
{
    rl->ops->print(rl->opaque, text);
}

/* Prints the prompt and the line anew and puts the terminal's cursor where it belongs. */
static void redraw(Readline *rl)
{
    g_autoptr(GString) out = g_string_new("\r");
    glong behind = g_utf8_strlen(rl->line->str + rl->cursor, -1);

    g_string_append_printf(out, "%s%s\x1b[K", rl->prompt, rl->line->str);
    if (behind > 0) {
        g_string_append_printf(out, "\x1b[%ldD", behind);
    }
    print(rl, out->str);
}

void readline_show_prompt(Readline *rl)
{
    g_string_truncate(rl->line, 0);
    rl->cursor = 0;
    rl->history_pos = rl->history->len;
    rl->state = PLAIN;
    print(rl, rl->prompt);
}

static void insert(Readline *rl, const char *text, size_t len)
{
    if (rl->line->len + len > LINE_MAX_BYTES) {
        return;
    }
    g_string_insert_len(rl->line, rl->cursor, text, len);
    rl->cursor += len;
    if (rl->cursor == rl->line->len) {
        g_autofree char *echo = g_strndup(text, len);

        print(rl, echo);
    } else {
        redraw(rl);
    }
}

/* UTF-8: characters end before a byte that is no continuation. */
static size_t prev_char(const Readline *rl, size_t pos)
{
    while (pos > 0 && ((uint8_t)rl->line->str[--pos] & 0xc0) == 0x80) {
    }
    return pos;
}

static size_t next_char(const Readline *rl, size_t pos)
{
    while (pos < rl->line->len && ((uint8_t)rl->line->str[++pos] & 0xc0) == 0x80) {
    }
    return pos;
}

static void erase(Readline *rl, size_t from, size_t to)
{
    if (from < to) {
        g_string_erase(rl->line, from, to - from);
        rl->cursor = from;
        redraw(rl);
    }
}

static void move_to(Readline *rl, size_t pos)
{
    rl->cursor = pos;
    redraw(rl);
}

static size_t word_start(const Readline *rl)
{
    size_t pos = rl->cursor;

    while (pos > 0 && rl->line->str[pos - 1] == ' ') {
        pos--;
    }
    while (pos > 0 && rl->line->str[pos - 1] != ' ') {
        pos--;
    }
    return pos;
}

/* --- history
 * ----------------------------------------------------------------------------------------------------------
 */

static void remember(Readline *rl)
{
    guint n = rl->history->len;

    if (!rl->line->len || (n && !strcmp(g_ptr_array_index(rl->history, n - 1), rl->line->str))) {
        return;
    }
    if (n == HISTORY_MAX) {
        g_ptr_array_remove_index(rl->history, 0);
    }
    g_ptr_array_add(rl->history, g_strdup(rl->line->str));
}

static void go_in_history(Readline *rl, int step)
{
    guint last = rl->history->len;

    if ((step < 0 && rl->history_pos == 0) || (step > 0 && rl->history_pos == last)) {
        return;
    }
    if (rl->history_pos == last) {
        g_free(rl->unfinished);
        rl->unfinished = g_strdup(rl->line->str);
    }
    rl->history_pos += step;
    g_string_assign(rl->line, rl->history_pos == last
                                  ? rl->unfinished
                                  : (char *)g_ptr_array_index(rl->history, rl->history_pos));
    move_to(rl, rl->line->len);
}

/* --- completion
 * -----------------------------------------------------------------------------------------------------------
 */

static size_t common_prefix(char **words)
{
    size_t len = strlen(words[0]);

    for (char **w = words + 1; *w; w++) {
        size_t same = 0;

        while (same < len && words[0][same] == (*w)[same]) {
            same++;
        }
        len = same;
    }
    return len;
}

static void complete(Readline *rl)
{
    g_autofree char *before = g_strndup(rl->line->str, rl->cursor);
    g_auto(GStrv) words = rl->ops->complete(rl->opaque, before);
    size_t typed = rl->cursor - (strrchr(before, ' ') ? strrchr(before, ' ') + 1 - before : 0);
    size_t common;

    if (!words || !words[0]) {
        return;
    }
    common = common_prefix(words);
    if (common > typed) {
        insert(rl, words[0] + typed, common - typed);
    }
    if (!words[1]) {
        insert(rl, " ", 1);
    } else if (common <= typed) {
        print(rl, "\n");
        for (char **w = words; *w; w++) {
            print(rl, *w);
            print(rl, w[1] ? "  " : "\n");
        }
        redraw(rl);
    }
}

/* --- bytes
 * ------------------------------------------------------------------------------------------------------------------
 */

static void enter(Readline *rl)
{
    g_autofree char *line = NULL;

    remember(rl);
    line = g_strdup(rl->line->str);
    print(rl, "\n");
    g_string_truncate(rl->line, 0);
    rl->cursor = 0;
    rl->ops->line(rl->opaque, line);
}

static void cursor_key(Readline *rl, uint8_t key)
{
    switch (key) {
    case KEY_UP:
        go_in_history(rl, -1);
        break;
    case KEY_DOWN:
        go_in_history(rl, 1);
        break;
    case KEY_RIGHT:
        move_to(rl, next_char(rl, rl->cursor));
        break;
    case KEY_LEFT:
        move_to(rl, prev_char(rl, rl->cursor));
        break;
    case KEY_HOME:
        move_to(rl, 0);
        break;
    case KEY_END:
        move_to(rl, rl->line->len);
        break;
    case '~':
        if (rl->csi_number == 3) {
            erase(rl, rl->cursor, next_char(rl, rl->cursor));
        } else if (rl->csi_number == 1 || rl->csi_number == 4) {
            move_to(rl, rl->csi_number == 1 ? 0 : rl->line->len);
        }
        break;
    default:
        break;
    }
}

/* True while an escape sequence takes the byte. */
static bool escape(Readline *rl, uint8_t c)
{
    if (rl->state == ESC) {
        rl->state = c == '[' || c == 'O' ? CSI : PLAIN;
        rl->csi_number = 0;
        return true;
    }
    if (rl->state == CSI) {
        if (g_ascii_isdigit(c)) {
            rl->csi_number = (rl->csi_number * 10 + c - '0') % 1000;
        } else if (c != ';') {
            rl->state = PLAIN;
            cursor_key(rl, c);
        }
        return true;
    }
    return false;
}

void readline_byte(Readline *rl, uint8_t c)
{
    bool lf_of_crlf = c == '\n' && rl->last_was_cr;

    rl->last_was_cr = c == '\r';
    if (lf_of_crlf || escape(rl, c)) {
        return;
    }
    switch (c) {
    case '\r':
    case '\n':
        enter(rl);
        break;
    case 0x1b:
        rl->state = ESC;
        break;
    case 0x7f:
    case 0x08:
        erase(rl, prev_char(rl, rl->cursor), rl->cursor);
        break;
    case 0x04: /* Ctrl-D */
        erase(rl, rl->cursor, next_char(rl, rl->cursor));
        break;
    case '\t':
        complete(rl);
        break;
    case 0x01: /* Ctrl-A */
        move_to(rl, 0);
        break;
    case 0x05: /* Ctrl-E */
        move_to(rl, rl->line->len);
        break;
    case 0x02: /* Ctrl-B */
        cursor_key(rl, KEY_LEFT);
        break;
    case 0x06: /* Ctrl-F */
        cursor_key(rl, KEY_RIGHT);
        break;
    case 0x10: /* Ctrl-P */
        go_in_history(rl, -1);
        break;
    case 0x0e: /* Ctrl-N */
        go_in_history(rl, 1);
        break;
    case 0x0b: /* Ctrl-K */
        g_string_truncate(rl->line, rl->cursor);
        redraw(rl);
        break;
    case 0x15: /* Ctrl-U */
        erase(rl, 0, rl->cursor);
        break;
    case 0x17: /* Ctrl-W */
        erase(rl, word_start(rl), rl->cursor);
        break;
    case 0x03: /* Ctrl-C */
        print(rl, "\n");
        readline_show_prompt(rl);
        break;
    default:
        if (c >= 0x20) {
            insert(rl, (const char *)&c, 1);
        }
    }
}
