/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP's client side. */
#include "libqtest-private.h"

#include <string.h>
#include <unistd.h>

/* Single quotes become double ones; a quote inside a string is written \". */
static char *to_json(const char *fmt, va_list ap)
{
    char *text = g_strdup_vprintf(fmt, ap);

    g_strdelimit(text, "'", '"');
    return text;
}

void qtest_qmp_send_raw(QTestState *s, const void *data, size_t len)
{
    qtest_stream_send(s, &s->qmp, data, len);
}

static void vsend(QTestState *s, const char *fmt, va_list ap)
{
    g_autofree char *text = to_json(fmt, ap);
    g_autofree char *line = g_strconcat(text, "\n", NULL);

    /* At once: after "quit" nobody may be there for the rest. */
    qtest_qmp_send_raw(s, line, strlen(line));
}

void qtest_qmp_send(QTestState *s, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsend(s, fmt, ap);
    va_end(ap);
}

json_object *qtest_qmp_receive(QTestState *s)
{
    g_autofree char *line = qtest_stream_line(s, &s->qmp);
    json_object *msg = json_tokener_parse(line);

    if (!json_object_is_type(msg, json_type_object)) {
        g_error("bad line from QMP: %s", line);
    }
    g_assert_true(g_str_has_suffix(line, "\r"));
    return msg;
}

static const char *event_name(json_object *msg)
{
    json_object *name;

    return json_object_object_get_ex(msg, "event", &name) ? json_object_get_string(name) : NULL;
}

/* The next reply; events before it are kept. */
static json_object *receive_reply(QTestState *s)
{
    for (;;) {
        json_object *msg = qtest_qmp_receive(s);

        if (!event_name(msg)) {
            return msg;
        }
        g_queue_push_tail(s->events, msg);
    }
}

void qtest_qmp_negotiate(QTestState *s)
{
    json_object *greeting = qtest_qmp_receive(s);

    g_assert_true(json_object_object_get_ex(greeting, "QMP", NULL));
    json_object_put(greeting);
    qtest_qmp_ok(s, "{'execute': 'qmp_capabilities'}");
}

json_object *qtest_qmp(QTestState *s, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsend(s, fmt, ap);
    va_end(ap);
    return receive_reply(s);
}

/* "return" of a reply, which is consumed. */
static json_object *expect_return(json_object *reply)
{
    json_object *ret;

    if (!json_object_object_get_ex(reply, "return", &ret)) {
        g_error("QMP: %s", json_object_to_json_string(reply));
    }
    json_object_get(ret);
    json_object_put(reply);
    return ret;
}

json_object *qtest_qmp_return(QTestState *s, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsend(s, fmt, ap);
    va_end(ap);
    return expect_return(receive_reply(s));
}

void qtest_qmp_ok(QTestState *s, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsend(s, fmt, ap);
    va_end(ap);
    json_object_put(expect_return(receive_reply(s)));
}

char *qtest_qmp_error(QTestState *s, const char *cls, const char *fmt, ...)
{
    json_object *reply, *error, *desc = NULL, *got = NULL;
    va_list ap;
    char *text;

    va_start(ap, fmt);
    vsend(s, fmt, ap);
    va_end(ap);
    reply = receive_reply(s);
    if (!json_object_object_get_ex(reply, "error", &error)) {
        g_error("QMP should have failed: %s", json_object_to_json_string(reply));
    }
    json_object_object_get_ex(error, "class", &got);
    json_object_object_get_ex(error, "desc", &desc);
    text = g_strdup(json_object_get_string(desc));
    g_test_message("%s: %s", json_object_get_string(got), text);
    g_assert_cmpstr(json_object_get_string(got), ==, cls);
    g_assert_true(text && *text);
    json_object_put(reply);
    return text;
}

json_object *qtest_qmp_event(QTestState *s, const char *name)
{
    for (;;) {
        json_object *msg = g_queue_pop_head(s->events);

        msg = msg ? msg : qtest_qmp_receive(s);
        if (!g_strcmp0(event_name(msg), name)) {
            return msg;
        }
        json_object_put(msg);
    }
}

bool qtest_qmp_has_event(QTestState *s, const char *name)
{
    for (GList *l = s->events->head; l; l = l->next) {
        if (!g_strcmp0(event_name(l->data), name)) {
            return true;
        }
    }
    return false;
}

void qtest_qmp_last_events(QTestState *s)
{
    char buf[4096];
    ssize_t n;

    g_assert_false(qtest_alive(s));
    while ((n = read(s->qmp.fd, buf, sizeof(buf))) > 0) {
        g_string_append_len(s->qmp.in, buf, n);
    }
    while (memchr(s->qmp.in->str, '\n', s->qmp.in->len)) {
        g_queue_push_tail(s->events, qtest_qmp_receive(s));
    }
}

void qtest_qmp_drop_events(QTestState *s)
{
    json_object *msg;

    while ((msg = g_queue_pop_head(s->events))) {
        json_object_put(msg);
    }
}

char *qtest_hmp(QTestState *s, const char *fmt, ...)
{
    g_autofree char *line = NULL, *escaped = NULL;
    json_object *ret;
    char *text;
    va_list ap;

    va_start(ap, fmt);
    line = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    escaped = g_strescape(line, NULL);
    ret = qtest_qmp_return(
        s, "{'execute': 'human-monitor-command', 'arguments': {'command-line': '%s'}}", escaped);
    text = g_strdup(json_object_get_string(ret));
    json_object_put(ret);
    return text;
}

void qtest_system_reset(QTestState *s)
{
    qtest_qmp_ok(s, "{'execute': 'system_reset'}");
    json_object_put(qtest_qmp_event(s, "RESET"));
}
