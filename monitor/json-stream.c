/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cuts a byte stream into JSON values.  Only strings and brackets are understood here, which is
 * what it takes to find the end of a value; json_parse() then judges its text.
 *
 * After a mistake everything up to the end of the line is skipped, so that one bad request gives
 * one error.  A control character or the byte 0xff (never part of UTF-8: a client sends it to get
 * the parser into a known state) ends skipping at once.
 */
#include "monitor/json-stream.h"

#include "qapi/keyval.h"
#include "qemu/osdep.h"

void json_stream_init(JsonStream *s, JsonStreamFn *fn, void *opaque)
{
    *s = (JsonStream){.text = g_string_new(NULL), .fn = fn, .opaque = opaque};
}

void json_stream_destroy(JsonStream *s)
{
    g_string_free(s->text, true);
}

static void forget(JsonStream *s)
{
    if (s->text->allocated_len > 64 * KiB) {
        g_string_free(s->text, true);
        s->text = g_string_new(NULL);
    }
    g_string_truncate(s->text, 0);
    s->depth = s->tokens = 0;
    s->quote = 0;
    s->escaped = false;
}

void json_stream_reset(JsonStream *s)
{
    forget(s);
    s->skipping = false;
}

static void fail(JsonStream *s, bool skip, const char *what)
{
    GError *err = NULL;

    forget(s);
    s->skipping = skip;
    error_setg(&err, "JSON: %s", what);
    s->fn(s->opaque, NULL, err);
}

static void complete(JsonStream *s)
{
    GError *err = NULL;
    json_object *value = json_parse(s->text->str, &err);

    forget(s);
    s->fn(s->opaque, value, err);
}

static bool is_control(uint8_t c)
{
    return c < 0x20 && c != '\t' && c != '\r' && c != '\n';
}

static void in_string(JsonStream *s, uint8_t c)
{
    if (c < 0x20) {
        fail(s, false, "control character in a string");
        return;
    }
    g_string_append_c(s->text, c);
    if (s->escaped) {
        s->escaped = false;
    } else if (c == '\\') {
        s->escaped = true;
    } else if (c == s->quote) {
        s->quote = 0;
        if (!s->depth) {
            complete(s);
        }
    }
}

static void open_bracket(JsonStream *s, uint8_t c)
{
    if (!s->depth && s->text->len) {
        complete(s); /* a bare word touches the bracket */
    }
    if (s->depth == JSON_STREAM_MAX_DEPTH) {
        fail(s, true, "nested too deeply");
        return;
    }
    s->nesting[s->depth++] = c == '{' ? '}' : ']';
    g_string_append_c(s->text, c);
}

static void close_bracket(JsonStream *s, uint8_t c)
{
    if (!s->depth || s->nesting[s->depth - 1] != c) {
        fail(s, true, "bracket does not match");
        return;
    }
    g_string_append_c(s->text, c);
    if (!--s->depth) {
        complete(s);
    }
}

static void outside_string(JsonStream *s, uint8_t c)
{
    switch (c) {
    case ' ':
    case '\t':
    case '\r':
    case '\n':
        if (!s->depth && s->text->len) {
            complete(s);
        } else if (s->depth) {
            g_string_append_c(s->text, c);
        }
        return;
    case '{':
    case '[':
        s->tokens++;
        open_bracket(s, c);
        return;
    case '}':
    case ']':
        close_bracket(s, c);
        return;
    case ',':
    case ':':
        if (!s->depth) {
            fail(s, true, "expecting value");
            return;
        }
        s->tokens++;
        g_string_append_c(s->text, c);
        return;
    case '"':
    case '\'':
        if (!s->depth && s->text->len) {
            complete(s);
        }
        s->quote = c;
        g_string_append_c(s->text, c);
        return;
    default:
        if (!g_ascii_isalnum(c) && c != '+' && c != '-' && c != '.' && c != '_') {
            fail(s, true, "invalid token");
            return;
        }
        g_string_append_c(s->text, c);
    }
}

static void feed_byte(JsonStream *s, uint8_t c)
{
    if (s->skipping) {
        s->skipping = c != '\n' && c != 0xff && !is_control(c);
    } else if (c == 0xff) {
        fail(s, false, "byte 0xff");
    } else if (s->quote) {
        in_string(s, c);
    } else if (is_control(c)) {
        fail(s, false, "stray control character");
    } else {
        outside_string(s, c);
    }
    if (s->text->len >= JSON_STREAM_MAX_SIZE) {
        fail(s, true, "input is too long");
    } else if (s->tokens > JSON_STREAM_MAX_TOKENS) {
        fail(s, true, "too many tokens");
    }
}

void json_stream_feed(JsonStream *s, const uint8_t *buf, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        feed_byte(s, buf[i]);
    }
}
