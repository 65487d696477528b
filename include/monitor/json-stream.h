/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cuts a byte stream into JSON values and recovers from whatever else comes.
 *
 * Bounded: a value has at most JSON_STREAM_MAX_SIZE bytes, JSON_STREAM_MAX_DEPTH levels and
 * JSON_STREAM_MAX_TOKENS separators.  One thread at a time.
 */
#ifndef MONITOR_JSON_STREAM_H
#define MONITOR_JSON_STREAM_H

#include "qapi/json.h"
#include "qemu/error.h"

#define JSON_STREAM_MAX_SIZE (16 * MiB)
#define JSON_STREAM_MAX_DEPTH 60
#define JSON_STREAM_MAX_TOKENS (1 << 20)

/* One value (its reference goes to the callee), or err (the callee's, too) where the text was no
 * JSON. */
typedef void JsonStreamFn(void *opaque, json_object *value, GError *err);

typedef struct JsonStream {
    GString *text;  /* of the value that is under way */
    unsigned depth; /* of open brackets */
    unsigned tokens;
    char nesting[JSON_STREAM_MAX_DEPTH]; /* the bracket that closes each level */
    char quote;                          /* inside a string: its quote */
    bool escaped;                        /* inside a string: behind a backslash */
    bool skipping;                       /* after an error: up to the end of the line */
    JsonStreamFn *fn;
    void *opaque;
} JsonStream;

void json_stream_init(JsonStream *s, JsonStreamFn *fn, void *opaque);
void json_stream_destroy(JsonStream *s);
/* Forgets an unfinished value (the connection is a new one). */
void json_stream_reset(JsonStream *s);
/* Calls fn for every value or error that these bytes complete. */
void json_stream_feed(JsonStream *s, const uint8_t *buf, size_t len);

#endif
