/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PS/2 mouse, and the byte queue that it shares with the keyboard. */
#include "hw/input/ps2.h"

enum {
    ACK = 0xfa,
    RESEND = 0xfe,
    SELF_TEST_PASSED = 0xaa,

    SET_SCALING11 = 0xe6,
    SET_SCALING21 = 0xe7,
    SET_RESOLUTION = 0xe8,
    GET_STATUS = 0xe9,
    SET_STREAM = 0xea,
    READ_DATA = 0xeb,
    RESET_WRAP = 0xec,
    SET_WRAP = 0xee,
    SET_REMOTE = 0xf0,
    GET_ID = 0xf2,
    SET_RATE = 0xf3,
    ENABLE = 0xf4,
    DISABLE = 0xf5,
    SET_DEFAULT = 0xf6,
    DO_RESEND = 0xfe,
    RESET = 0xff,

    DEFAULT_RATE = 100,
    DEFAULT_RESOLUTION = 2, /* 4 counts a mm */
    ID_PLAIN = 0,
    ID_WHEEL = 3,
    ID_5BUTTONS = 4,
};

/* Movement that waits for a report is kept within this, so that sums cannot overflow. */
#define MAX_PENDING (1 << 20)

/* --- queue
 * -------------------------------------------------------------------------------------------- */

bool ps2_queue_empty(const Ps2Queue *q)
{
    return !q->n_data && !q->n_reply;
}

static uint8_t shift(uint8_t *bytes, uint8_t *n)
{
    uint8_t first = bytes[0];

    memmove(bytes, bytes + 1, --*n);
    return first;
}

int ps2_queue_pop(Ps2Queue *q)
{
    if (ps2_queue_empty(q)) {
        return -1;
    }
    q->last = q->n_reply ? shift(q->reply, &q->n_reply) : shift(q->data, &q->n_data);
    return q->last;
}

static void reply(Ps2Mouse *m, uint8_t val)
{
    if (m->queue.n_reply < PS2_REPLY_SIZE) {
        m->queue.reply[m->queue.n_reply++] = val;
    }
}

/* --- reports
 * ------------------------------------------------------------------------------------------ */

/* Scaling 2:1 bends small movements of stream mode: 0 1 1 3 6 9, then twice as far. */
static int scale21(int d)
{
    static const int8_t bent[6] = {0, 1, 1, 3, 6, 9};
    int a = abs(d), s = a < 6 ? bent[a] : 2 * a;

    return d < 0 ? -s : s;
}

/* Takes from *d what a report can hold: -256 to 255. */
static int take(int32_t *d)
{
    int part = CLAMP(*d, -256, 255);

    *d -= part;
    return part;
}

static bool has_news(const Ps2Mouse *m)
{
    return m->dx || m->dy || (m->id != ID_PLAIN && m->dz) || m->buttons != m->reported;
}

static unsigned report_size(const Ps2Mouse *m)
{
    return m->id == ID_PLAIN ? 3 : 4;
}

static void make_report(Ps2Mouse *m, bool scaled, uint8_t packet[4])
{
    int dx = take(&m->dx), dy = take(&m->dy), dz = CLAMP(m->dz, -8, 7);
    uint8_t overflow = 0;

    if (scaled && m->scaling21) {
        dx = scale21(dx);
        dy = scale21(dy);
        overflow = (dx < -256 || dx > 255 ? 0x40 : 0) | (dy < -256 || dy > 255 ? 0x80 : 0);
        dx = CLAMP(dx, -256, 255);
        dy = CLAMP(dy, -256, 255);
    }
    m->dz = m->id == ID_PLAIN ? 0 : m->dz - dz;
    m->reported = m->buttons;
    packet[0] = overflow | (dy < 0 ? 0x20 : 0) | (dx < 0 ? 0x10 : 0) | 0x08 | (m->buttons & 7);
    packet[1] = dx;
    packet[2] = dy;
    packet[3] = m->id == ID_5BUTTONS ? (dz & 0x0f) | (m->buttons & 0x18) << 1 : dz;
}

int64_t ps2_mouse_next_event(const Ps2Mouse *m)
{
    bool streaming = m->reporting && !m->remote && !m->wrap;

    if (!streaming || !has_news(m) || m->queue.n_data + report_size(m) > PS2_DATA_SIZE) {
        return -1;
    }
    return m->report_at;
}

void ps2_mouse_advance(Ps2Mouse *m, int64_t now)
{
    int64_t due = ps2_mouse_next_event(m);
    uint8_t packet[4];

    if (due < 0 || due > now) {
        return;
    }
    make_report(m, true, packet);
    memcpy(m->queue.data + m->queue.n_data, packet, report_size(m));
    m->queue.n_data += report_size(m);
    m->report_at = now + NANOSECONDS_PER_SECOND / m->rate;
}

/* --- the user
 * ----------------------------------------------------------------------------------------- */

static void add(int32_t *sum, int d)
{
    *sum = CLAMP((int64_t)*sum + d, -MAX_PENDING, MAX_PENDING);
}

void ps2_mouse_move(Ps2Mouse *m, int dx, int dy, int dz)
{
    if (m->reporting || m->remote) {
        add(&m->dx, dx);
        add(&m->dy, dy == INT_MIN ? INT_MAX : -dy);
        add(&m->dz, dz);
    }
}

void ps2_mouse_button(Ps2Mouse *m, uint8_t button, bool down)
{
    /* A mouse whose guest knows three buttons has three. */
    button &= m->id == ID_5BUTTONS ? 0x1f : 7;
    m->buttons = down ? m->buttons | button : m->buttons & ~button;
}

/* --- commands
 * ----------------------------------------------------------------------------------------- */

static void clear_counters(Ps2Mouse *m)
{
    m->dx = m->dy = m->dz = 0;
    m->reported = m->buttons;
    m->queue.n_data = 0;
}

static void set_defaults(Ps2Mouse *m)
{
    m->rate = DEFAULT_RATE;
    m->resolution = DEFAULT_RESOLUTION;
    m->scaling21 = m->remote = m->wrap = m->reporting = false;
    m->expect = 0;
    clear_counters(m);
}

void ps2_mouse_reset(Ps2Mouse *m)
{
    uint8_t buttons = m->buttons & 7;

    memset(m, 0, sizeof(*m));
    m->buttons = buttons;
    set_defaults(m);
}

/* Rates 200, 100, 80 in a row ask for a wheel, 200, 200, 80 for five buttons. */
static void set_rate(Ps2Mouse *m, uint8_t rate)
{
    m->rate = rate ? rate : DEFAULT_RATE;
    if (rate == 80 && m->knock[0] == 200 && m->knock[1] == 100) {
        m->id = ID_WHEEL;
    } else if (rate == 80 && m->knock[0] == 200 && m->knock[1] == 200 && m->id == ID_WHEEL) {
        m->id = ID_5BUTTONS;
    }
    m->knock[0] = m->knock[1];
    m->knock[1] = rate;
}

static void parameter(Ps2Mouse *m, uint8_t val)
{
    if (m->expect == SET_RATE) {
        set_rate(m, val);
    } else if (val <= 3) {
        m->resolution = val;
    } else {
        reply(m, RESEND);
        return;
    }
    m->expect = 0;
    reply(m, ACK);
}

static void send_status(Ps2Mouse *m)
{
    uint8_t b = m->buttons;

    /* Here the right button is bit 0, and the left one bit 2. */
    reply(m, (m->remote ? 0x40 : 0) | (m->reporting ? 0x20 : 0) | (m->scaling21 ? 0x10 : 0) |
                 (b & PS2_BUTTON_LEFT ? 4 : 0) | (b & PS2_BUTTON_MIDDLE ? 2 : 0) |
                 (b & PS2_BUTTON_RIGHT ? 1 : 0));
    reply(m, m->resolution);
    reply(m, m->rate);
}

static void send_data(Ps2Mouse *m)
{
    uint8_t packet[4];

    make_report(m, false, packet);
    for (unsigned n = 0; n < report_size(m); n++) {
        reply(m, packet[n]);
    }
}

static void command(Ps2Mouse *m, uint8_t val)
{
    m->queue.n_data = 0; /* a command stops what is being sent */
    m->queue.n_reply = 0;
    if (val == DO_RESEND) {
        reply(m, m->queue.last);
        return;
    }
    reply(m, ACK);
    switch (val) {
    case SET_SCALING11:
    case SET_SCALING21:
        m->scaling21 = val == SET_SCALING21;
        break;
    case SET_RESOLUTION:
    case SET_RATE:
        m->expect = val;
        break;
    case GET_STATUS:
        send_status(m);
        break;
    case SET_STREAM:
    case SET_REMOTE:
        m->remote = val == SET_REMOTE;
        clear_counters(m);
        break;
    case READ_DATA:
        send_data(m);
        break;
    case SET_WRAP:
    case RESET_WRAP:
        m->wrap = val == SET_WRAP;
        clear_counters(m);
        break;
    case GET_ID:
        reply(m, m->id);
        break;
    case ENABLE:
    case DISABLE:
        m->reporting = val == ENABLE;
        clear_counters(m);
        break;
    case SET_DEFAULT:
        set_defaults(m);
        break;
    case RESET:
        ps2_mouse_reset(m);
        reply(m, ACK);
        reply(m, SELF_TEST_PASSED);
        reply(m, ID_PLAIN);
        break;
    default:
        m->queue.n_reply = 0;
        reply(m, RESEND);
        break;
    }
}

void ps2_mouse_write(Ps2Mouse *m, uint8_t val)
{
    if (m->wrap && val != RESET_WRAP && val != RESET) {
        m->queue.n_reply = 0;
        reply(m, val);
        return;
    }
    m->wrap = false;
    if (m->expect && val < SET_SCALING11) {
        parameter(m, val);
    } else {
        m->expect = 0;
        command(m, val);
    }
}
