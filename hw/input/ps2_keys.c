/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What each key of a PS/2 keyboard sends.  Sets 2 and 3 are in the table; set 1 is set 2 as the
 * controller's translation gives it, so that software sees the same either way.
 */
#include "hw/input/ps2.h"

enum { EXT = 0x100 }; /* behind E0 */

typedef struct KeyCodes {
    uint16_t set2; /* 0: no such key */
    uint8_t set3;
} KeyCodes;

static const KeyCodes keys[Q_KEY_CODE__MAX] = {
    [Q_KEY_CODE_ESC] = {0x76, 0x08},
    [Q_KEY_CODE_1] = {0x16, 0x16},
    [Q_KEY_CODE_2] = {0x1e, 0x1e},
    [Q_KEY_CODE_3] = {0x26, 0x26},
    [Q_KEY_CODE_4] = {0x25, 0x25},
    [Q_KEY_CODE_5] = {0x2e, 0x2e},
    [Q_KEY_CODE_6] = {0x36, 0x36},
    [Q_KEY_CODE_7] = {0x3d, 0x3d},
    [Q_KEY_CODE_8] = {0x3e, 0x3e},
    [Q_KEY_CODE_9] = {0x46, 0x46},
    [Q_KEY_CODE_0] = {0x45, 0x45},
    [Q_KEY_CODE_MINUS] = {0x4e, 0x4e},
    [Q_KEY_CODE_EQUAL] = {0x55, 0x55},
    [Q_KEY_CODE_BACKSPACE] = {0x66, 0x66},
    [Q_KEY_CODE_TAB] = {0x0d, 0x0d},
    [Q_KEY_CODE_Q] = {0x15, 0x15},
    [Q_KEY_CODE_W] = {0x1d, 0x1d},
    [Q_KEY_CODE_E] = {0x24, 0x24},
    [Q_KEY_CODE_R] = {0x2d, 0x2d},
    [Q_KEY_CODE_T] = {0x2c, 0x2c},
    [Q_KEY_CODE_Y] = {0x35, 0x35},
    [Q_KEY_CODE_U] = {0x3c, 0x3c},
    [Q_KEY_CODE_I] = {0x43, 0x43},
    [Q_KEY_CODE_O] = {0x44, 0x44},
    [Q_KEY_CODE_P] = {0x4d, 0x4d},
    [Q_KEY_CODE_BRACKET_LEFT] = {0x54, 0x54},
    [Q_KEY_CODE_BRACKET_RIGHT] = {0x5b, 0x5b},
    [Q_KEY_CODE_RET] = {0x5a, 0x5a},
    [Q_KEY_CODE_CTRL] = {0x14, 0x11},
    [Q_KEY_CODE_A] = {0x1c, 0x1c},
    [Q_KEY_CODE_S] = {0x1b, 0x1b},
    [Q_KEY_CODE_D] = {0x23, 0x23},
    [Q_KEY_CODE_F] = {0x2b, 0x2b},
    [Q_KEY_CODE_G] = {0x34, 0x34},
    [Q_KEY_CODE_H] = {0x33, 0x33},
    [Q_KEY_CODE_J] = {0x3b, 0x3b},
    [Q_KEY_CODE_K] = {0x42, 0x42},
    [Q_KEY_CODE_L] = {0x4b, 0x4b},
    [Q_KEY_CODE_SEMICOLON] = {0x4c, 0x4c},
    [Q_KEY_CODE_APOSTROPHE] = {0x52, 0x52},
    [Q_KEY_CODE_GRAVE_ACCENT] = {0x0e, 0x0e},
    [Q_KEY_CODE_SHIFT] = {0x12, 0x12},
    [Q_KEY_CODE_BACKSLASH] = {0x5d, 0x5c},
    [Q_KEY_CODE_Z] = {0x1a, 0x1a},
    [Q_KEY_CODE_X] = {0x22, 0x22},
    [Q_KEY_CODE_C] = {0x21, 0x21},
    [Q_KEY_CODE_V] = {0x2a, 0x2a},
    [Q_KEY_CODE_B] = {0x32, 0x32},
    [Q_KEY_CODE_N] = {0x31, 0x31},
    [Q_KEY_CODE_M] = {0x3a, 0x3a},
    [Q_KEY_CODE_COMMA] = {0x41, 0x41},
    [Q_KEY_CODE_DOT] = {0x49, 0x49},
    [Q_KEY_CODE_SLASH] = {0x4a, 0x4a},
    [Q_KEY_CODE_SHIFT_R] = {0x59, 0x59},
    [Q_KEY_CODE_ASTERISK] = {0x7c, 0x7e},
    [Q_KEY_CODE_ALT] = {0x11, 0x19},
    [Q_KEY_CODE_SPC] = {0x29, 0x29},
    [Q_KEY_CODE_CAPS_LOCK] = {0x58, 0x14},
    [Q_KEY_CODE_F1] = {0x05, 0x07},
    [Q_KEY_CODE_F2] = {0x06, 0x0f},
    [Q_KEY_CODE_F3] = {0x04, 0x17},
    [Q_KEY_CODE_F4] = {0x0c, 0x1f},
    [Q_KEY_CODE_F5] = {0x03, 0x27},
    [Q_KEY_CODE_F6] = {0x0b, 0x2f},
    [Q_KEY_CODE_F7] = {0x83, 0x37},
    [Q_KEY_CODE_F8] = {0x0a, 0x3f},
    [Q_KEY_CODE_F9] = {0x01, 0x47},
    [Q_KEY_CODE_F10] = {0x09, 0x4f},
    [Q_KEY_CODE_F11] = {0x78, 0x56},
    [Q_KEY_CODE_F12] = {0x07, 0x5e},
    [Q_KEY_CODE_F13] = {0x08, 0x00},
    [Q_KEY_CODE_F14] = {0x10, 0x00},
    [Q_KEY_CODE_F15] = {0x18, 0x00},
    [Q_KEY_CODE_F16] = {0x20, 0x00},
    [Q_KEY_CODE_F17] = {0x28, 0x00},
    [Q_KEY_CODE_F18] = {0x30, 0x00},
    [Q_KEY_CODE_F19] = {0x38, 0x00},
    [Q_KEY_CODE_F20] = {0x40, 0x00},
    [Q_KEY_CODE_F21] = {0x48, 0x00},
    [Q_KEY_CODE_F22] = {0x50, 0x00},
    [Q_KEY_CODE_F23] = {0x57, 0x00},
    [Q_KEY_CODE_F24] = {0x5f, 0x00},
    [Q_KEY_CODE_NUM_LOCK] = {0x77, 0x76},
    [Q_KEY_CODE_SCROLL_LOCK] = {0x7e, 0x5f},
    [Q_KEY_CODE_KP_MULTIPLY] = {0x7c, 0x7e},
    [Q_KEY_CODE_KP_SUBTRACT] = {0x7b, 0x84},
    [Q_KEY_CODE_KP_ADD] = {0x79, 0x7c},
    [Q_KEY_CODE_KP_DECIMAL] = {0x71, 0x71},
    [Q_KEY_CODE_KP_ENTER] = {EXT | 0x5a, 0x79},
    [Q_KEY_CODE_KP_DIVIDE] = {EXT | 0x4a, 0x77},
    [Q_KEY_CODE_KP_0] = {0x70, 0x70},
    [Q_KEY_CODE_KP_1] = {0x69, 0x69},
    [Q_KEY_CODE_KP_2] = {0x72, 0x72},
    [Q_KEY_CODE_KP_3] = {0x7a, 0x7a},
    [Q_KEY_CODE_KP_4] = {0x6b, 0x6b},
    [Q_KEY_CODE_KP_5] = {0x73, 0x73},
    [Q_KEY_CODE_KP_6] = {0x74, 0x74},
    [Q_KEY_CODE_KP_7] = {0x6c, 0x6c},
    [Q_KEY_CODE_KP_8] = {0x75, 0x75},
    [Q_KEY_CODE_KP_9] = {0x7d, 0x7d},
    [Q_KEY_CODE_LESS] = {0x61, 0x13},
    [Q_KEY_CODE_RO] = {0x51, 0x00},
    [Q_KEY_CODE_YEN] = {0x6a, 0x00},
    [Q_KEY_CODE_HENKAN] = {0x64, 0x00},
    [Q_KEY_CODE_MUHENKAN] = {0x67, 0x00},
    [Q_KEY_CODE_HIRAGANA] = {0x13, 0x00},
    [Q_KEY_CODE_KATAKANAHIRAGANA] = {0x13, 0x00},
    [Q_KEY_CODE_KP_COMMA] = {0x6d, 0x00},
    [Q_KEY_CODE_KP_EQUALS] = {0x0f, 0x00},
    [Q_KEY_CODE_ALT_R] = {EXT | 0x11, 0x39},
    [Q_KEY_CODE_CTRL_R] = {EXT | 0x14, 0x58},
    [Q_KEY_CODE_INSERT] = {EXT | 0x70, 0x67},
    [Q_KEY_CODE_HOME] = {EXT | 0x6c, 0x6e},
    [Q_KEY_CODE_PGUP] = {EXT | 0x7d, 0x6f},
    [Q_KEY_CODE_DELETE] = {EXT | 0x71, 0x64},
    [Q_KEY_CODE_END] = {EXT | 0x69, 0x65},
    [Q_KEY_CODE_PGDN] = {EXT | 0x7a, 0x6d},
    [Q_KEY_CODE_UP] = {EXT | 0x75, 0x63},
    [Q_KEY_CODE_LEFT] = {EXT | 0x6b, 0x61},
    [Q_KEY_CODE_DOWN] = {EXT | 0x72, 0x60},
    [Q_KEY_CODE_RIGHT] = {EXT | 0x74, 0x6a},
    [Q_KEY_CODE_META_L] = {EXT | 0x1f, 0x8b},
    [Q_KEY_CODE_META_R] = {EXT | 0x27, 0x8c},
    [Q_KEY_CODE_COMPOSE] = {EXT | 0x2f, 0x8d},
    [Q_KEY_CODE_MENU] = {EXT | 0x1c, 0x00},
    [Q_KEY_CODE_POWER] = {EXT | 0x37, 0x00},
    [Q_KEY_CODE_SLEEP] = {EXT | 0x3f, 0x00},
    [Q_KEY_CODE_WAKE] = {EXT | 0x5e, 0x00},
    [Q_KEY_CODE_AUDIONEXT] = {EXT | 0x4d, 0x00},
    [Q_KEY_CODE_AUDIOPREV] = {EXT | 0x15, 0x00},
    [Q_KEY_CODE_AUDIOSTOP] = {EXT | 0x3b, 0x00},
    [Q_KEY_CODE_AUDIOPLAY] = {EXT | 0x34, 0x00},
    [Q_KEY_CODE_AUDIOMUTE] = {EXT | 0x23, 0x00},
    [Q_KEY_CODE_VOLUMEUP] = {EXT | 0x32, 0x00},
    [Q_KEY_CODE_VOLUMEDOWN] = {EXT | 0x21, 0x00},
    [Q_KEY_CODE_MEDIASELECT] = {EXT | 0x50, 0x00},
    [Q_KEY_CODE_MAIL] = {EXT | 0x48, 0x00},
    [Q_KEY_CODE_CALCULATOR] = {EXT | 0x2b, 0x00},
    [Q_KEY_CODE_COMPUTER] = {EXT | 0x40, 0x00},
    [Q_KEY_CODE_AC_HOME] = {EXT | 0x3a, 0x00},
    [Q_KEY_CODE_AC_BACK] = {EXT | 0x38, 0x00},
    [Q_KEY_CODE_AC_FORWARD] = {EXT | 0x30, 0x00},
    [Q_KEY_CODE_AC_REFRESH] = {EXT | 0x20, 0x00},
    [Q_KEY_CODE_AC_BOOKMARKS] = {EXT | 0x18, 0x00},
};

/* --- translation
 * -------------------------------------------------------------------------------------- */

uint8_t ps2_set2_to_set1(uint8_t code)
{
    static const uint8_t to_set1[0x80] = {
        0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29,
        0x59, 0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11,
        0x03, 0x5b, 0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14,
        0x13, 0x06, 0x5d, 0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24,
        0x16, 0x08, 0x09, 0x5f, 0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35,
        0x26, 0x27, 0x19, 0x0c, 0x61, 0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36,
        0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76, 0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c,
        0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f, 0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45,
        0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54};

    /* Above 7F two codes are keys (F7, SysRq); answers and prefixes pass unchanged. */
    return code < 0x80 ? to_set1[code] : code == 0x83 ? 0x41 : code == 0x84 ? 0x54 : code;
}

/* --- keys that are more than one code
 * ----------------------------------------------------------------- */

static unsigned put(uint8_t *out, const char *bytes, unsigned n)
{
    memcpy(out, bytes, n);
    return n;
}

#define PUT(out, text) put(out, text, sizeof(text) - 1)

/* Pause has no release, and becomes Break with Ctrl. */
static unsigned pause_codes(unsigned set, bool down, bool ctrl, uint8_t *out)
{
    if (!down) {
        return 0;
    }
    if (set == 1) {
        return ctrl ? PUT(out, "\xe0\x46\xe0\xc6") : PUT(out, "\xe1\x1d\x45\xe1\x9d\xc5");
    }
    return ctrl ? PUT(out, "\xe0\x7e\xe0\xf0\x7e") : PUT(out, "\xe1\x14\x77\xe1\xf0\x14\xf0\x77");
}

/* Print Screen comes with a shift of its own, but not with Ctrl, and is SysRq with Alt. */
static unsigned print_codes(unsigned set, bool down, bool ctrl, bool alt, uint8_t *out)
{
    if (set == 1) {
        if (alt) {
            return down ? PUT(out, "\x54") : PUT(out, "\xd4");
        }
        if (ctrl) {
            return down ? PUT(out, "\xe0\x37") : PUT(out, "\xe0\xb7");
        }
        return down ? PUT(out, "\xe0\x2a\xe0\x37") : PUT(out, "\xe0\xb7\xe0\xaa");
    }
    if (alt) {
        return down ? PUT(out, "\x84") : PUT(out, "\xf0\x84");
    }
    if (ctrl) {
        return down ? PUT(out, "\xe0\x7c") : PUT(out, "\xe0\xf0\x7c");
    }
    return down ? PUT(out, "\xe0\x12\xe0\x7c") : PUT(out, "\xe0\xf0\x7c\xe0\xf0\x12");
}

/* --- all keys
 * ----------------------------------------------------------------------------------------- */

uint8_t ps2_key_set3(QKeyCode key)
{
    switch (key) {
    case Q_KEY_CODE_PAUSE:
        return 0x62;
    case Q_KEY_CODE_PRINT:
    case Q_KEY_CODE_SYSRQ:
        return 0x57;
    default:
        return key < Q_KEY_CODE__MAX ? keys[key].set3 : 0;
    }
}

static unsigned set3_codes(QKeyCode key, bool down, uint8_t *out)
{
    uint8_t code = ps2_key_set3(key);
    unsigned n = 0;

    if (code && !down) {
        out[n++] = 0xf0;
    }
    if (code) {
        out[n++] = code;
    }
    return n;
}

unsigned ps2_key_codes(QKeyCode key, unsigned set, bool down, bool ctrl, bool alt, uint8_t out[8])
{
    unsigned n = 0;
    uint16_t code;

    if (key >= Q_KEY_CODE__MAX) {
        return 0;
    }
    if (set == 3) {
        return set3_codes(key, down, out);
    }
    if (key == Q_KEY_CODE_PAUSE) {
        return pause_codes(set, down, ctrl, out);
    }
    if (key == Q_KEY_CODE_PRINT || key == Q_KEY_CODE_SYSRQ) {
        return print_codes(set, down, ctrl, alt || key == Q_KEY_CODE_SYSRQ, out);
    }
    code = keys[key].set2;
    if (!code) {
        return 0;
    }
    if (code & EXT) {
        out[n++] = 0xe0;
    }
    if (set == 1) {
        out[n++] = ps2_set2_to_set1(code) | (down ? 0 : 0x80);
        return n;
    }
    if (!down) {
        out[n++] = 0xf0;
    }
    out[n++] = code;
    return n;
}

QKeyCode ps2_key_from_number(unsigned number)
{
    uint16_t ext = number & 0x80 ? EXT : 0;

    if (number == 0x54 || number == 0xb7) {
        return number == 0x54 ? Q_KEY_CODE_SYSRQ : Q_KEY_CODE_PRINT;
    }
    if (number == 0xc6 || number > 0xff) {
        return number == 0xc6 ? Q_KEY_CODE_PAUSE : Q_KEY_CODE_UNMAPPED;
    }
    for (int k = 0; k < Q_KEY_CODE__MAX; k++) {
        uint16_t code = keys[k].set2;

        if (code && (code & EXT) == ext && ps2_set2_to_set1(code) == (number & 0x7f)) {
            return k;
        }
    }
    return Q_KEY_CODE_UNMAPPED;
}
