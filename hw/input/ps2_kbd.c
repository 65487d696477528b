/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PS/2 keyboard (an IBM Enhanced Keyboard, MF II): commands, scan code sets, typematic. */
#include "hw/input/ps2.h"

enum {
    ACK = 0xfa,
    RESEND = 0xfe,
    SELF_TEST_PASSED = 0xaa,
    ECHO_ANSWER = 0xee,
    ID_FIRST = 0xab,
    ID_SECOND = 0x83,
    OVERRUN_SET1 = 0xff,
    OVERRUN_SET23 = 0x00,

    SET_LEDS = 0xed,
    ECHO = 0xee,
    SCAN_CODE_SET = 0xf0,
    READ_ID = 0xf2,
    SET_TYPEMATIC = 0xf3,
    ENABLE = 0xf4,
    DEFAULT_DISABLE = 0xf5,
    SET_DEFAULT = 0xf6,
    ALL_TYPEMATIC = 0xf7,
    ALL_MAKE_BREAK = 0xf8,
    ALL_MAKE = 0xf9,
    ALL_TYPEMATIC_MAKE_BREAK = 0xfa,
    KEY_TYPEMATIC = 0xfb,
    KEY_MAKE_BREAK = 0xfc,
    KEY_MAKE = 0xfd,
    DO_RESEND = 0xfe,
    RESET = 0xff,

    FIRST_COMMAND = 0xed,
    DEFAULT_TYPEMATIC = 0x2b, /* 500 ms, then 10.9 a second */
};

/* What a key of set 3 does. */
enum { FLAG_TYPEMATIC = 1, FLAG_BREAK = 2 };

/* --- set 3's kinds of keys
 * ---------------------------------------------------------------------------- */

static void set3_defaults(Ps2Kbd *k)
{
    /* Caps Lock, both Shifts, left Ctrl, left Alt tell of their release. */
    static const uint8_t make_break[] = {0x14, 0x12, 0x59, 0x11, 0x19};
    /* Escape, F1 to F12, Print Screen, Scroll Lock, Pause, right Alt and Ctrl, Insert, Home, End,
     * the page keys, the number pad but for its plus. */
    static const uint8_t make_only[] = {
        0x08, 0x07, 0x0f, 0x17, 0x1f, 0x27, 0x2f, 0x37, 0x3f, 0x47, 0x4f, 0x56, 0x5e, 0x57,
        0x5f, 0x62, 0x39, 0x58, 0x67, 0x6e, 0x65, 0x6f, 0x6d, 0x76, 0x6c, 0x6b, 0x69, 0x77,
        0x75, 0x73, 0x72, 0x70, 0x7e, 0x7d, 0x74, 0x7a, 0x71, 0x84, 0x79, 0x8b, 0x8c, 0x8d};

    memset(k->key_flags, FLAG_TYPEMATIC, sizeof(k->key_flags));
    for (unsigned n = 0; n < sizeof(make_break); n++) {
        k->key_flags[make_break[n]] = FLAG_BREAK;
    }
    for (unsigned n = 0; n < sizeof(make_only); n++) {
        k->key_flags[make_only[n]] = 0;
    }
}

/* --- output
 * ------------------------------------------------------------------------------------------- */

static void reply(Ps2Kbd *k, uint8_t val)
{
    if (k->queue.n_reply < PS2_REPLY_SIZE) {
        k->queue.reply[k->queue.n_reply++] = val;
    }
}

static bool is_down(const Ps2Kbd *k, QKeyCode key)
{
    return k->down[key / 64] >> (key % 64) & 1;
}

/* A key's codes go out whole or not at all; the first that does not fit leaves the overrun code. */
static void send_key(Ps2Kbd *k, QKeyCode key, bool down)
{
    bool ctrl = is_down(k, Q_KEY_CODE_CTRL) || is_down(k, Q_KEY_CODE_CTRL_R);
    bool alt = is_down(k, Q_KEY_CODE_ALT) || is_down(k, Q_KEY_CODE_ALT_R);
    uint8_t codes[8];
    unsigned n = ps2_key_codes(key, k->set, down, ctrl, alt, codes);

    if (k->queue.n_data + n < PS2_DATA_SIZE) { /* the last place is the overrun code's */
        memcpy(k->queue.data + k->queue.n_data, codes, n);
        k->queue.n_data += n;
        k->overrun = false;
    } else if (n && !k->overrun) {
        k->queue.data[k->queue.n_data++] = k->set == 1 ? OVERRUN_SET1 : OVERRUN_SET23;
        k->overrun = true;
    }
}

/* --- keys
 * --------------------------------------------------------------------------------------------- */

int64_t ps2_typematic_delay(uint8_t rate)
{
    return ((rate >> 5 & 3) + 1) * 250 * SCALE_MS;
}

/* (8 + A) * 2^B / 240 s */
int64_t ps2_typematic_period(uint8_t rate)
{
    return ((8 + (rate & 7)) << (rate >> 3 & 3)) * NANOSECONDS_PER_SECOND / 240;
}

static bool repeats(const Ps2Kbd *k, QKeyCode key)
{
    if (key == Q_KEY_CODE_PAUSE) {
        return false;
    }
    return k->set != 3 || k->key_flags[ps2_key_set3(key)] & FLAG_TYPEMATIC;
}

static bool tells_release(const Ps2Kbd *k, QKeyCode key)
{
    return k->set != 3 || k->key_flags[ps2_key_set3(key)] & FLAG_BREAK;
}

void ps2_kbd_key(Ps2Kbd *k, QKeyCode key, bool down, int64_t now)
{
    uint8_t codes[8];

    if (key >= Q_KEY_CODE__MAX || is_down(k, key) == down) {
        return; /* the keyboard itself repeats keys that are held */
    }
    k->down[key / 64] ^= 1ul << (key % 64);
    if (!down && k->repeat == key) {
        k->repeat = Q_KEY_CODE_UNMAPPED;
    }
    if (!k->scanning || !ps2_key_codes(key, k->set, true, false, false, codes)) {
        return;
    }
    if (down || tells_release(k, key)) {
        send_key(k, key, down);
    }
    if (down) { /* the key pressed last repeats */
        k->repeat = repeats(k, key) ? key : Q_KEY_CODE_UNMAPPED;
        k->repeat_at = now + ps2_typematic_delay(k->rate);
    }
}

int64_t ps2_kbd_next_event(const Ps2Kbd *k)
{
    return k->repeat != Q_KEY_CODE_UNMAPPED ? k->repeat_at : -1;
}

void ps2_kbd_advance(Ps2Kbd *k, int64_t now)
{
    if (k->repeat == Q_KEY_CODE_UNMAPPED || k->repeat_at > now) {
        return;
    }
    /* A guest that does not read gets one repetition, not all that it missed. */
    if (!k->queue.n_data) {
        send_key(k, k->repeat, true);
    }
    k->repeat_at += ps2_typematic_period(k->rate);
    if (k->repeat_at <= now) {
        k->repeat_at = now + ps2_typematic_period(k->rate);
    }
}

/* --- commands
 * ----------------------------------------------------------------------------------------- */

static void clear_output(Ps2Kbd *k)
{
    k->queue.n_data = 0;
    k->overrun = false;
    k->repeat = Q_KEY_CODE_UNMAPPED;
}

static void set_defaults(Ps2Kbd *k)
{
    k->set = 2;
    k->rate = DEFAULT_TYPEMATIC;
    k->expect = 0;
    set3_defaults(k);
    clear_output(k);
}

void ps2_kbd_reset(Ps2Kbd *k)
{
    unsigned long down[G_N_ELEMENTS(k->down)];

    memcpy(down, k->down, sizeof(down)); /* fingers do not notice */
    memset(k, 0, sizeof(*k));
    memcpy(k->down, down, sizeof(down));
    set_defaults(k);
    k->scanning = true;
}

static void set_all(Ps2Kbd *k, uint8_t flags)
{
    memset(k->key_flags, flags, sizeof(k->key_flags));
    clear_output(k);
}

static uint8_t flags_of(uint8_t val)
{
    switch (val) {
    case ALL_TYPEMATIC:
    case KEY_TYPEMATIC:
        return FLAG_TYPEMATIC;
    case ALL_MAKE_BREAK:
    case KEY_MAKE_BREAK:
        return FLAG_BREAK;
    case ALL_TYPEMATIC_MAKE_BREAK:
        return FLAG_TYPEMATIC | FLAG_BREAK;
    default:
        return 0;
    }
}

/* Returns false if val is no parameter of the command that waits for one. */
static bool parameter(Ps2Kbd *k, uint8_t val)
{
    uint8_t command = k->expect;

    if (val >= FIRST_COMMAND) {
        k->expect = 0; /* a command instead: it is obeyed */
        return false;
    }
    if (command >= KEY_TYPEMATIC) { /* keys follow until a command comes */
        k->key_flags[val] = flags_of(command);
        reply(k, ACK);
        return true;
    }
    if (command == SCAN_CODE_SET && val > 3) {
        reply(k, RESEND);
        return true;
    }
    k->expect = 0;
    reply(k, ACK);
    switch (command) {
    case SET_LEDS:
        k->leds = val & 7;
        break;
    case SET_TYPEMATIC:
        k->rate = val & 0x7f;
        break;
    case SCAN_CODE_SET:
        if (val) {
            k->set = val;
            clear_output(k);
        } else {
            reply(k, k->set);
        }
        break;
    }
    return true;
}

static void command(Ps2Kbd *k, uint8_t val)
{
    k->queue.n_reply = 0;
    if (val == DO_RESEND) {
        reply(k, k->queue.last);
        return;
    }
    if (val == ECHO) {
        reply(k, ECHO_ANSWER);
        return;
    }
    reply(k, ACK);
    switch (val) {
    case SET_LEDS:
    case SET_TYPEMATIC:
    case SCAN_CODE_SET:
    case KEY_TYPEMATIC:
    case KEY_MAKE_BREAK:
    case KEY_MAKE:
        k->expect = val;
        break;
    case READ_ID:
        reply(k, ID_FIRST);
        reply(k, ID_SECOND);
        break;
    case ENABLE:
        clear_output(k);
        k->scanning = true;
        break;
    case DEFAULT_DISABLE:
    case SET_DEFAULT:
        set_defaults(k);
        k->scanning = val == SET_DEFAULT ? k->scanning : false;
        break;
    case ALL_TYPEMATIC:
    case ALL_MAKE_BREAK:
    case ALL_MAKE:
    case ALL_TYPEMATIC_MAKE_BREAK:
        set_all(k, flags_of(val));
        break;
    case RESET:
        ps2_kbd_reset(k);
        reply(k, ACK);
        reply(k, SELF_TEST_PASSED);
        break;
    default:
        k->queue.n_reply = 0;
        reply(k, RESEND);
        break;
    }
}

void ps2_kbd_write(Ps2Kbd *k, uint8_t val)
{
    if (!k->expect || !parameter(k, val)) {
        command(k, val);
    }
}
