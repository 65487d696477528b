/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PS/2 keyboard and mouse: the devices at the ends of the two cables, without locks, threads or
 * timers of their own.  The owner (the keyboard controller) serialises calls and passes the time,
 * in ns of one clock that does not go back.
 *
 * Names as in the IBM Personal System/2 Hardware Interface Technical Reference, "Keyboard" and
 * "Auxiliary Device".
 */
#ifndef HW_INPUT_PS2_H
#define HW_INPUT_PS2_H

#include "qapi/qapi-types.h"
#include "qemu/osdep.h"

/* --- bytes on their way to the controller
 * ---------------------------------------------------------------------- */

/* What a device answers goes before what its user does, and has room of its own. */
enum { PS2_DATA_SIZE = 16, PS2_REPLY_SIZE = 16 };
typedef struct Ps2Queue {
    uint8_t data[PS2_DATA_SIZE], reply[PS2_REPLY_SIZE];
    uint8_t n_data, n_reply;
    uint8_t last; /* sent last: what a resend gives */
} Ps2Queue;

bool ps2_queue_empty(const Ps2Queue *q);
/* The next byte, -1: there is none. */
int ps2_queue_pop(Ps2Queue *q);

/* --- keyboard
 * ---------------------------------------------------------------------------------------------------
 */

enum { PS2_LED_SCROLL = 1, PS2_LED_NUM = 2, PS2_LED_CAPS = 4 };

typedef struct Ps2Kbd {
    Ps2Queue queue;
    uint8_t expect; /* command whose parameter comes next, 0: none */
    uint8_t set;    /* scan code set 1 to 3 */
    uint8_t leds, rate;
    bool scanning, overrun;
    uint8_t key_flags[256];                       /* of set 3, by its make code */
    unsigned long down[Q_KEY_CODE__MAX / 64 + 1]; /* keys that are held */
    QKeyCode repeat;                              /* key that repeats, Q_KEY_CODE_UNMAPPED: none */
    int64_t repeat_at;
} Ps2Kbd;

void ps2_kbd_reset(Ps2Kbd *k);
/* A byte from the controller. */
void ps2_kbd_write(Ps2Kbd *k, uint8_t val);
/* The user presses or releases a key; one that the keyboard does not have is ignored. */
void ps2_kbd_key(Ps2Kbd *k, QKeyCode key, bool down, int64_t now);
/* When the key that is held repeats, -1: none does. */
int64_t ps2_kbd_next_event(const Ps2Kbd *k);
void ps2_kbd_advance(Ps2Kbd *k, int64_t now);
/* Delay before the first repetition and time between two, in ns, as the typematic byte says. */
int64_t ps2_typematic_delay(uint8_t rate);
int64_t ps2_typematic_period(uint8_t rate);

/* Codes of a key in sets 1 to 3: up to 8 bytes in out; 0: set has no such key. */
unsigned ps2_key_codes(QKeyCode key, unsigned set, bool down, bool ctrl, bool alt, uint8_t out[8]);
/* What the controller's translation makes of a byte. */
uint8_t ps2_set2_to_set1(uint8_t code);
/* The one-byte code of a key in set 3, 0: none. */
uint8_t ps2_key_set3(QKeyCode key);
/* A key by its number on the wire of set 1, | 0x80 for those behind E0; Q_KEY_CODE_UNMAPPED: none.
 */
QKeyCode ps2_key_from_number(unsigned number);

/* --- mouse
 * ------------------------------------------------------------------------------------------------------
 */

enum {
    PS2_BUTTON_LEFT = 1,
    PS2_BUTTON_RIGHT = 2,
    PS2_BUTTON_MIDDLE = 4,
    PS2_BUTTON_SIDE = 8,
    PS2_BUTTON_EXTRA = 16
};

typedef struct Ps2Mouse {
    Ps2Queue queue;
    uint8_t expect; /* command whose parameter comes next, 0: none */
    uint8_t id;     /* 0: three buttons, 3: and a wheel, 4: five buttons and a wheel */
    uint8_t rate, resolution, knock[2]; /* the two rates set before */
    bool scaling21, remote, wrap, reporting;
    int32_t dx, dy, dz; /* moved since the last report; right, up, towards the user are positive */
    uint8_t buttons, reported; /* now, and in the last report */
    int64_t report_at;         /* not before */
} Ps2Mouse;

void ps2_mouse_reset(Ps2Mouse *m);
void ps2_mouse_write(Ps2Mouse *m, uint8_t val);
/* Movement since the last call: dx to the right, dy down, dz towards the user. */
void ps2_mouse_move(Ps2Mouse *m, int dx, int dy, int dz);
void ps2_mouse_button(Ps2Mouse *m, uint8_t button, bool down);
/* When a report is due, -1: there is nothing to tell. */
int64_t ps2_mouse_next_event(const Ps2Mouse *m);
/* Queues a report if one is due. */
void ps2_mouse_advance(Ps2Mouse *m, int64_t now);

#endif
