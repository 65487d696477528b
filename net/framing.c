/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames on a byte stream: 4 bytes of length in network order, then the frame (as passt does). */
#include "net-internal.h"

#define BUFFER (4 * (NET_PACKET_MAX + 4))

void net_framing_init(NetFraming *f)
{
    f->size = BUFFER;
    f->buf = g_malloc(f->size);
    f->start = f->end = 0;
}

void net_framing_free(NetFraming *f)
{
    g_clear_pointer(&f->buf, g_free);
}

uint8_t *net_framing_room(NetFraming *f, size_t *len)
{
    if (f->start == f->end) {
        f->start = f->end = 0;
    } else if (f->start && f->size - f->start < NET_PACKET_MAX + 4) {
        memmove(f->buf, f->buf + f->start, f->end - f->start);
        f->end -= f->start;
        f->start = 0;
    }
    *len = f->size - f->end;
    return f->buf + f->end;
}

void net_framing_filled(NetFraming *f, size_t len)
{
    f->end += len;
}

const uint8_t *net_framing_next(NetFraming *f, size_t *len, bool *bad)
{
    size_t have = f->end - f->start;
    const uint8_t *p = f->buf + f->start;
    uint32_t n;

    *bad = false;
    if (have < 4) {
        return NULL;
    }
    memcpy(&n, p, 4);
    n = GUINT32_FROM_BE(n);
    if (n > NET_PACKET_MAX) {
        *bad = true;
        return NULL;
    }
    if (have - 4 < n) {
        return NULL;
    }
    f->start += 4 + n;
    *len = n;
    return p + 4;
}
