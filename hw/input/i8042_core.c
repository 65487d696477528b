/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The keyboard controller's registers and commands (8042 as in the IBM PS/2; names as there). */
#include "hw/input/i8042.h"

enum {
    READ_RAM = 0x20,  /* to 3F */
    WRITE_RAM = 0x60, /* to 7F */
    TEST_PASSWORD = 0xa4,
    AUX_DISABLE = 0xa7,
    AUX_ENABLE = 0xa8,
    AUX_TEST = 0xa9,
    SELF_TEST = 0xaa,
    KBD_TEST = 0xab,
    KBD_DISABLE = 0xad,
    KBD_ENABLE = 0xae,
    READ_INPUT_PORT = 0xc0,
    READ_OUTPUT_PORT = 0xd0,
    WRITE_OUTPUT_PORT = 0xd1,
    WRITE_KBD_BUFFER = 0xd2,
    WRITE_AUX_BUFFER = 0xd3,
    WRITE_AUX = 0xd4,
    A20_OFF = 0xdd,
    A20_ON = 0xdf,
    READ_TEST_INPUTS = 0xe0,
    PULSE = 0xf0, /* to FF */

    NO_PASSWORD = 0xf1,
    SELF_TEST_PASSED = 0x55,
    INTERFACE_OK = 0x00,
    INPUT_PORT = 0x80 | 0x20, /* keyboard not locked; no manufacturing jumper */
    TEST_INPUTS = 0x00,       /* both clock lines are idle */
};

/* --- bytes to port 60h
 * -------------------------------------------------------------------------------- */

/* A byte of the keyboard as software sees it; -1: swallowed. */
static int translate(I8042Core *s, uint8_t val)
{
    if (!(s->ram[0] & KBC_MODE_XLATE)) {
        return val;
    }
    if (val == 0xf0) {
        s->break_prefix = true;
        return -1;
    }
    val = ps2_set2_to_set1(val);
    if (s->break_prefix) {
        s->break_prefix = false;
        val |= 0x80;
    }
    return val;
}

static void fetch(I8042Core *s)
{
    int val;

    while (!s->out.source && !(s->ram[0] & KBC_MODE_KBD_OFF) &&
           (val = ps2_queue_pop(&s->kbd.queue)) >= 0) {
        val = translate(s, val);
        if (val >= 0) {
            s->out = (KbcByte){val, KBC_KBD};
        }
    }
    if (!s->out.source && !(s->ram[0] & KBC_MODE_AUX_OFF) &&
        (val = ps2_queue_pop(&s->mouse.queue)) >= 0) {
        s->out = (KbcByte){val, KBC_AUX};
    }
}

/* The controller's own answer goes before what a device has sent. */
static void answer(I8042Core *s, uint8_t val, KbcSource source)
{
    if (s->out.source && !s->answer.source) {
        s->held = s->out;
    }
    s->out = s->answer = (KbcByte){val, source};
}

uint8_t i8042_core_read_data(I8042Core *s)
{
    uint8_t val = s->out.val;

    s->out.source = KBC_NOTHING; /* the value stays readable */
    if (s->answer.source) {
        s->answer.source = KBC_NOTHING;
        if (s->held.source) {
            s->out = s->held;
            s->held.source = KBC_NOTHING;
        }
    }
    return val;
}

uint8_t i8042_core_read_status(const I8042Core *s)
{
    return s->status | KBC_STAT_UNLOCK | (s->out.source ? KBC_STAT_OBF : 0) |
           (s->out.source == KBC_AUX ? KBC_STAT_AUX : 0);
}

bool i8042_core_kbd_irq(const I8042Core *s)
{
    return s->out.source == KBC_KBD && s->ram[0] & KBC_MODE_KBD_INT;
}

bool i8042_core_aux_irq(const I8042Core *s)
{
    return s->out.source == KBC_AUX && s->ram[0] & KBC_MODE_AUX_INT;
}

/* --- commands
 * ----------------------------------------------------------------------------------------- */

static void write_mode(I8042Core *s, uint8_t val)
{
    s->ram[0] = val & 0x7f;
    s->status = (s->status & ~KBC_STAT_SYS) | (val & KBC_MODE_SYS ? KBC_STAT_SYS : 0);
}

static void write_outport(I8042Core *s, uint8_t val)
{
    s->outport = val & (KBC_OUT_NO_RESET | KBC_OUT_A20);
    if (!(val & KBC_OUT_NO_RESET)) {
        s->reset_request = true;
    }
}

static uint8_t read_outport(const I8042Core *s)
{
    return KBC_OUT_IDLE | s->outport | KBC_OUT_NO_RESET |
           (i8042_core_kbd_irq(s) ? KBC_OUT_KBD_IRQ : 0) |
           (i8042_core_aux_irq(s) ? KBC_OUT_AUX_IRQ : 0);
}

static void self_test(I8042Core *s)
{
    write_mode(s, KBC_MODE_SYS | KBC_MODE_XLATE | KBC_MODE_KBD_OFF | KBC_MODE_AUX_OFF);
    s->break_prefix = false;
    s->out.source = s->held.source = KBC_NOTHING;
    answer(s, SELF_TEST_PASSED, KBC_KBD);
}

void i8042_core_write_command(I8042Core *s, uint8_t val)
{
    s->status |= KBC_STAT_CMD;
    s->command = 0;
    if (val >= READ_RAM && val < READ_RAM + 0x20) {
        answer(s, s->ram[val - READ_RAM], KBC_KBD);
        return;
    }
    if (val >= WRITE_RAM && val < WRITE_RAM + 0x20) {
        s->command = val;
        return;
    }
    if (val >= PULSE) {
        /* Each clear bit pulses its line for 6 us; line 0 is the processor's reset. */
        s->reset_request |= !(val & KBC_OUT_NO_RESET);
        return;
    }
    switch (val) {
    case TEST_PASSWORD:
        answer(s, NO_PASSWORD, KBC_KBD);
        break;
    case AUX_DISABLE:
        s->ram[0] |= KBC_MODE_AUX_OFF;
        break;
    case AUX_ENABLE:
        s->ram[0] &= ~KBC_MODE_AUX_OFF;
        break;
    case AUX_TEST:
    case KBD_TEST:
        answer(s, INTERFACE_OK, KBC_KBD);
        break;
    case SELF_TEST:
        self_test(s);
        break;
    case KBD_DISABLE:
        s->ram[0] |= KBC_MODE_KBD_OFF;
        break;
    case KBD_ENABLE:
        s->ram[0] &= ~KBC_MODE_KBD_OFF;
        break;
    case READ_INPUT_PORT:
        answer(s, INPUT_PORT, KBC_KBD);
        break;
    case READ_OUTPUT_PORT:
        answer(s, read_outport(s), KBC_KBD);
        break;
    case READ_TEST_INPUTS:
        answer(s, TEST_INPUTS, KBC_KBD);
        break;
    case WRITE_OUTPUT_PORT:
    case WRITE_KBD_BUFFER:
    case WRITE_AUX_BUFFER:
    case WRITE_AUX:
        s->command = val;
        break;
    case A20_OFF:
    case A20_ON:
        s->outport = (s->outport & ~KBC_OUT_A20) | (val & KBC_OUT_A20);
        break;
    default: /* not this controller's */
        break;
    }
}

void i8042_core_write_data(I8042Core *s, uint8_t val)
{
    uint8_t command = s->command;

    s->status &= ~KBC_STAT_CMD;
    s->command = 0;
    switch (command) {
    case 0:
        s->ram[0] &= ~KBC_MODE_KBD_OFF; /* sending needs the clock line free */
        ps2_kbd_write(&s->kbd, val);
        break;
    case WRITE_OUTPUT_PORT:
        write_outport(s, val);
        break;
    case WRITE_KBD_BUFFER:
        answer(s, val, KBC_KBD);
        break;
    case WRITE_AUX_BUFFER:
        answer(s, val, KBC_AUX);
        break;
    case WRITE_AUX:
        s->ram[0] &= ~KBC_MODE_AUX_OFF;
        ps2_mouse_write(&s->mouse, val);
        break;
    case WRITE_RAM:
        write_mode(s, val);
        break;
    default:
        s->ram[command - WRITE_RAM] = val;
        break;
    }
}

/* --- time
 * --------------------------------------------------------------------------------------------- */

void i8042_core_advance(I8042Core *s, int64_t now)
{
    ps2_kbd_advance(&s->kbd, now);
    ps2_mouse_advance(&s->mouse, now);
    fetch(s);
}

int64_t i8042_core_next_event(const I8042Core *s)
{
    int64_t kbd = ps2_kbd_next_event(&s->kbd), mouse = ps2_mouse_next_event(&s->mouse);

    return kbd < 0 ? mouse : mouse < 0 ? kbd : MIN(kbd, mouse);
}

void i8042_core_reset(I8042Core *s)
{
    ps2_kbd_reset(&s->kbd);
    ps2_mouse_reset(&s->mouse);
    memset(s->ram, 0, sizeof(s->ram));
    s->ram[0] = KBC_MODE_KBD_INT | KBC_MODE_AUX_INT;
    s->status = KBC_STAT_CMD;
    s->outport = KBC_OUT_A20 | KBC_OUT_NO_RESET;
    s->command = 0;
    s->break_prefix = s->reset_request = false;
    s->out = s->held = s->answer = (KbcByte){0, KBC_NOTHING};
}

void i8042_core_firmware_setup(I8042Core *s)
{
    write_mode(s, KBC_MODE_KBD_INT | KBC_MODE_AUX_INT | KBC_MODE_SYS | KBC_MODE_XLATE);
}
