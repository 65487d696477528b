/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The keyboard controller 8042 with its two PS/2 ports: the chip, without locks and timers.  The
 * owner serialises calls and follows up each with i8042_core_advance(), then looks at irq lines,
 * reset request and next event.
 */
#ifndef HW_INPUT_I8042_H
#define HW_INPUT_I8042_H

#include "hw/input/ps2.h"

#define TYPE_I8042 "i8042"

enum {
    KBC_STAT_OBF = 0x01,    /* a byte waits at port 60h */
    KBC_STAT_SYS = 0x04,    /* self test passed */
    KBC_STAT_CMD = 0x08,    /* the last write was to port 64h */
    KBC_STAT_UNLOCK = 0x10, /* the key lock is open */
    KBC_STAT_AUX = 0x20,    /* the byte is the mouse's */

    KBC_MODE_KBD_INT = 0x01,
    KBC_MODE_AUX_INT = 0x02,
    KBC_MODE_SYS = 0x04,
    KBC_MODE_KBD_OFF = 0x10,
    KBC_MODE_AUX_OFF = 0x20,
    KBC_MODE_XLATE = 0x40,

    KBC_OUT_NO_RESET = 0x01,
    KBC_OUT_A20 = 0x02,
    KBC_OUT_KBD_IRQ = 0x10,
    KBC_OUT_AUX_IRQ = 0x20,
    KBC_OUT_IDLE = 0xcc, /* clock and data lines high, unused ones too */
};

typedef enum KbcSource { KBC_NOTHING, KBC_KBD, KBC_AUX } KbcSource;
typedef struct KbcByte {
    uint8_t val;
    uint8_t source; /* KbcSource */
} KbcByte;

typedef struct I8042Core {
    Ps2Kbd kbd;
    Ps2Mouse mouse;
    uint8_t ram[32];    /* [0] is the command byte */
    uint8_t status;     /* SYS and CMD bits */
    uint8_t outport;    /* A20 and what was written */
    uint8_t command;    /* its parameter comes next at port 60h, 0: none */
    bool break_prefix;  /* translation: F0 was swallowed */
    bool reset_request; /* the owner takes and clears it */
    KbcByte out, held,
        answer; /* at port 60h; a device's that waits for the answer; the controller's answer */
} I8042Core;

/* Power on. */
void i8042_core_reset(I8042Core *s);
uint8_t i8042_core_read_data(I8042Core *s);
uint8_t i8042_core_read_status(const I8042Core *s);
void i8042_core_write_data(I8042Core *s, uint8_t val);
void i8042_core_write_command(I8042Core *s, uint8_t val);
/* Brings the devices to time now and the next byte to port 60h. */
void i8042_core_advance(I8042Core *s, int64_t now);
/* -1: nothing happens by itself. */
int64_t i8042_core_next_event(const I8042Core *s);
/* What firmware leaves: translation to set 1, both interrupts. */
void i8042_core_firmware_setup(I8042Core *s);
bool i8042_core_kbd_irq(const I8042Core *s);
bool i8042_core_aux_irq(const I8042Core *s);

/* The device: for a kernel that is started without firmware.  Main loop, vCPUs stopped. */
struct DeviceState;
void i8042_firmware_setup(struct DeviceState *dev);

#endif
