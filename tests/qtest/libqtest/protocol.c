/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The qtest protocol's client side, and the allocator of guest memory that stands on it. */
#include "libqtest-private.h"

#include <stdio.h>
#include <string.h>

static void note_irq(QTestState *s, const char *line)
{
    unsigned n;
    bool up;

    if (sscanf(line, "IRQ raise %u", &n) == 1) {
        up = true;
    } else if (sscanf(line, "IRQ lower %u", &n) == 1) {
        up = false;
    } else {
        g_error("bad line from the emulator: %s", line);
    }
    if (n < QTEST_MAX_IRQS) {
        s->raises[n] += up && !s->levels[n];
        s->levels[n] = up;
    }
}

void qtest_send_raw(QTestState *s, const void *data, size_t len)
{
    qtest_stream_send(s, &s->qtest, data, len);
}

char *qtest_recv_line(QTestState *s)
{
    return qtest_stream_line(s, &s->qtest);
}

static char *receive_reply(QTestState *s)
{
    for (;;) {
        char *line = qtest_recv_line(s);

        if (!g_str_has_prefix(line, "IRQ ")) {
            return line;
        }
        note_irq(s, line);
        g_free(line);
    }
}

static char *command(QTestState *s, GString *line)
{
    g_string_append_c(line, '\n');
    qtest_send_raw(s, line->str, line->len);
    g_string_free(line, true);
    return receive_reply(s);
}

char *qtest_command(QTestState *s, const char *fmt, ...)
{
    GString *line = g_string_new(NULL);
    va_list ap;

    va_start(ap, fmt);
    g_string_vprintf(line, fmt, ap);
    va_end(ap);
    return command(s, line);
}

/* What follows "OK " in a reply that must be OK; reply is consumed. */
static char *expect_ok(char *reply)
{
    if (strcmp(reply, "OK") && strncmp(reply, "OK ", 3)) {
        g_error("the emulator's answer is: %s", reply);
    }
    memmove(reply, reply + MIN(3, strlen(reply)), strlen(reply) - MIN(3, strlen(reply)) + 1);
    return reply;
}

static uint64_t load(QTestState *s, const char *verb, uint64_t addr)
{
    g_autofree char *reply =
        expect_ok(qtest_command(s, "%s 0x%" G_GINT64_MODIFIER "x", verb, addr));

    return g_ascii_strtoull(reply, NULL, 16);
}

static void store(QTestState *s, const char *verb, uint64_t addr, uint64_t v)
{
    g_free(expect_ok(
        qtest_command(s, "%s 0x%" G_GINT64_MODIFIER "x 0x%" G_GINT64_MODIFIER "x", verb, addr, v)));
}

#define DEFINE_LOAD(name, type, atype) \
    type qtest_##name(QTestState *s, atype addr) \
    { \
        return (type)load(s, #name, addr); \
    }
#define DEFINE_STORE(name, type, atype) \
    void qtest_##name(QTestState *s, atype addr, type v) \
    { \
        store(s, #name, addr, v); \
    }

DEFINE_LOAD(inb, uint8_t, uint16_t)
DEFINE_LOAD(inw, uint16_t, uint16_t)
DEFINE_LOAD(inl, uint32_t, uint16_t)
DEFINE_STORE(outb, uint8_t, uint16_t)
DEFINE_STORE(outw, uint16_t, uint16_t)
DEFINE_STORE(outl, uint32_t, uint16_t)
DEFINE_LOAD(readb, uint8_t, uint64_t)
DEFINE_LOAD(readw, uint16_t, uint64_t)
DEFINE_LOAD(readl, uint32_t, uint64_t)
DEFINE_LOAD(readq, uint64_t, uint64_t)
DEFINE_STORE(writeb, uint8_t, uint64_t)
DEFINE_STORE(writew, uint16_t, uint64_t)
DEFINE_STORE(writel, uint32_t, uint64_t)
DEFINE_STORE(writeq, uint64_t, uint64_t)

void qtest_memread(QTestState *s, uint64_t addr, void *buf, size_t len)
{
    uint8_t *bytes = buf;
    g_autofree char *reply = NULL;

    if (!len) {
        return;
    }
    reply = expect_ok(qtest_command(s, "read 0x%" G_GINT64_MODIFIER "x 0x%zx", addr, len));
    g_assert_cmpuint(strlen(reply), ==, 2 + 2 * len);
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)(g_ascii_xdigit_value(reply[2 + 2 * i]) << 4 |
                             g_ascii_xdigit_value(reply[3 + 2 * i]));
    }
}

void qtest_memwrite(QTestState *s, uint64_t addr, const void *buf, size_t len)
{
    GString *line = g_string_new(NULL);

    if (!len) {
        g_string_free(line, true);
        return;
    }
    g_string_printf(line, "write 0x%" G_GINT64_MODIFIER "x 0x%zx 0x", addr, len);
    for (size_t i = 0; i < len; i++) {
        g_string_append_printf(line, "%02x", ((const uint8_t *)buf)[i]);
    }
    g_free(expect_ok(command(s, line)));
}

void qtest_bufread(QTestState *s, uint64_t addr, void *buf, size_t len)
{
    g_autofree char *reply = NULL;
    g_autofree uint8_t *data = NULL;
    gsize have;

    if (len) {
        reply = expect_ok(qtest_command(s, "b64read 0x%" G_GINT64_MODIFIER "x 0x%zx", addr, len));
        data = g_base64_decode(reply, &have);
        g_assert_cmpuint(have, ==, len);
        memcpy(buf, data, len);
    }
}

void qtest_bufwrite(QTestState *s, uint64_t addr, const void *buf, size_t len)
{
    g_autofree char *text = g_base64_encode(buf, len);
    GString *line = g_string_new(NULL);

    g_string_printf(line, "b64write 0x%" G_GINT64_MODIFIER "x 0x%zx ", addr, len);
    g_string_append(line, text);
    g_free(expect_ok(command(s, line)));
}

void qtest_memset(QTestState *s, uint64_t addr, uint8_t pattern, size_t len)
{
    g_free(expect_ok(
        qtest_command(s, "memset 0x%" G_GINT64_MODIFIER "x 0x%zx 0x%02x", addr, len, pattern)));
}

/* --- clock, lines
 * ----------------------------------------------------------------------------------------------------------
 */

static int64_t clock_reply(char *reply)
{
    g_autofree char *text = expect_ok(reply);

    return g_ascii_strtoll(text, NULL, 10);
}

int64_t qtest_clock_step(QTestState *s, int64_t ns)
{
    return clock_reply(qtest_command(s, "clock_step %" G_GINT64_FORMAT, ns));
}

int64_t qtest_clock_step_next(QTestState *s)
{
    return clock_reply(qtest_command(s, "clock_step"));
}

int64_t qtest_clock_set(QTestState *s, int64_t ns)
{
    return clock_reply(qtest_command(s, "clock_set %" G_GINT64_FORMAT, ns));
}

void qtest_irq_intercept_in(QTestState *s, const char *path)
{
    g_free(expect_ok(qtest_command(s, "irq_intercept_in %s", path)));
}

void qtest_irq_intercept_out(QTestState *s, const char *path, const char *name)
{
    g_free(expect_ok(
        qtest_command(s, "irq_intercept_out %s%s%s", path, name ? " " : "", name ? name : "")));
}

bool qtest_get_irq(QTestState *s, unsigned n)
{
    g_assert_cmpuint(n, <, QTEST_MAX_IRQS);
    qtest_inb(s, 0); /* lines on their way come before its reply */
    return s->levels[n];
}

unsigned qtest_irq_raises(QTestState *s, unsigned n)
{
    qtest_get_irq(s, n);
    return s->raises[n];
}

void qtest_set_irq_in(QTestState *s, const char *path, const char *name, unsigned n, int level)
{
    g_free(expect_ok(qtest_command(s, "set_irq_in %s %s %u %d", path,
                                   name ? name : "unnamed-gpio-in", n, level)));
}

/* --- guest memory
 * ------------------------------------------------------------------------------------------------------------
 */

uint64_t qtest_ram_size(QTestState *s)
{
    if (!s->ram_size) {
        qtest_outw(s, 0x510, 3);
        for (int i = 0; i < 8; i++) {
            s->ram_size |= (uint64_t)qtest_inb(s, 0x511) << (8 * i);
        }
        g_assert_cmpuint(s->ram_size, >, 1 << 20);
    }
    return s->ram_size;
}

uint64_t qtest_alloc(QTestState *s, uint64_t size, uint64_t align)
{
    uint64_t end = MIN(qtest_ram_size(s), 0xe0000000u), addr;

    align = align ? align : 4096;
    addr = (MAX(s->next_free, 1u << 20) + align - 1) & ~(align - 1);
    if (addr + size > end) {
        g_error("guest memory is used up");
    }
    s->next_free = addr + size;
    qtest_memset(s, addr, 0, size);
    return addr;
}

void qtest_alloc_reset(QTestState *s)
{
    s->next_free = 0;
}
