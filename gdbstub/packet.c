/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GDB's remote serial protocol: framing, checksums, acknowledgements, escapes (GDB manual, "Remote
 * Protocol"). */
#include "internal.h"

static char hex_digit(unsigned v)
{
    return "0123456789abcdef"[v & 15];
}

/* --- out
 * ---------------------------------------------------------------------------------------------- */

static void send_bytes(const char *data, size_t n)
{
    uint8_t sum = 0;

    g_string_assign(gdb.last, "$");
    for (size_t i = 0; i < n; i++) {
        sum += (uint8_t)data[i];
        g_string_append_c(gdb.last, data[i]);
    }
    g_string_append_c(gdb.last, '#');
    g_string_append_c(gdb.last, hex_digit(sum >> 4));
    g_string_append_c(gdb.last, hex_digit(sum));
    qemu_chr_fe_write_all(&gdb.fe, (const uint8_t *)gdb.last->str, (int)gdb.last->len);
}

void gdb_send(const char *payload)
{
    send_bytes(payload, strlen(payload));
}

void gdb_to_hex(GString *out, const void *data, size_t n)
{
    const uint8_t *p = data;

    while (n--) {
        g_string_append_c(out, hex_digit(*p >> 4));
        g_string_append_c(out, hex_digit(*p++));
    }
}

void gdb_send_hex_text(char prefix, const char *text)
{
    g_autoptr(GString) out = g_string_new(NULL);

    if (prefix) {
        g_string_append_c(out, prefix);
    }
    gdb_to_hex(out, text, strlen(text));
    gdb_send(out->str);
}

void gdb_send_binary(char first, const uint8_t *data, size_t n)
{
    g_autoptr(GString) out = g_string_new(NULL);

    g_string_append_c(out, first);
    for (; n--; data++) {
        if (*data == '#' || *data == '$' || *data == '}' || *data == '*') {
            g_string_append_c(out, '}');
            g_string_append_c(out, (char)(*data ^ 0x20));
        } else {
            g_string_append_c(out, (char)*data);
        }
    }
    send_bytes(out->str, out->len);
}

/* --- in
 * -----------------------------------------------------------------------------------------------
 */

bool gdb_from_hex(const char *text, uint8_t *out, size_t n)
{
    for (; n--; text += 2) {
        int hi = g_ascii_xdigit_value(text[0]), lo = hi < 0 ? -1 : g_ascii_xdigit_value(text[1]);

        if (lo < 0) {
            return false;
        }
        *out++ = (uint8_t)(hi << 4 | lo);
    }
    return true;
}

size_t gdb_unescape(char *data, size_t n)
{
    size_t out = 0;

    for (size_t i = 0; i < n; i++) {
        if (data[i] == '}' && i + 1 < n) {
            data[out++] = (char)(data[++i] ^ 0x20);
        } else {
            data[out++] = data[i];
        }
    }
    return out;
}

static void ack(char c)
{
    if (!gdb.no_ack) {
        qemu_chr_fe_write_all(&gdb.fe, (const uint8_t *)&c, 1);
    }
}

static void packet_done(void)
{
    if (gdb.sum != gdb.given) {
        ack('-');
        return;
    }
    ack('+');
    gdb_command(gdb.line->str, gdb.line->len);
}

static void idle_byte(uint8_t c)
{
    switch (c) {
    case '$':
        g_string_truncate(gdb.line, 0);
        gdb.sum = 0;
        gdb.rx = GDB_DATA;
        break;
    case 0x03:
        gdb_interrupt();
        break;
    case '-':
        if (!gdb.no_ack && gdb.last->len) {
            qemu_chr_fe_write_all(&gdb.fe, (const uint8_t *)gdb.last->str, (int)gdb.last->len);
        }
        break;
    default: /* '+', and what is no packet */
        break;
    }
}

void gdb_receive(const uint8_t *buf, int len)
{
    for (; len--; buf++) {
        int digit = g_ascii_xdigit_value((char)*buf);

        switch (gdb.rx) {
        case GDB_IDLE:
            idle_byte(*buf);
            break;
        case GDB_DATA:
            if (*buf == '#') {
                gdb.rx = GDB_SUM1;
            } else if (*buf == '$' || gdb.line->len >= GDB_PACKET_MAX) {
                gdb.rx = GDB_IDLE; /* torn, or longer than we said: GDB sends it again */
                ack('-');
            } else {
                gdb.sum += *buf;
                g_string_append_c(gdb.line, (char)*buf);
            }
            break;
        case GDB_SUM1:
            gdb.given = (uint8_t)(MAX(digit, 0) << 4);
            gdb.rx = digit < 0 ? GDB_IDLE : GDB_SUM2;
            break;
        case GDB_SUM2:
            gdb.given |= (uint8_t)MAX(digit, 0);
            gdb.rx = GDB_IDLE;
            if (digit >= 0) {
                packet_done();
            }
            break;
        }
    }
}
