/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Input from users to devices.  A device registers what kinds of events it takes; each event goes
 * to the device that was registered (or chosen, mouse_set) last among those that take it.  Main
 * loop.
 */
#ifndef UI_INPUT_H
#define UI_INPUT_H

#include "hw/qdev-core.h"
#include "qapi/qapi-types.h"

enum {
    INPUT_MASK_KEY = BIT(INPUT_EVENT_KIND_KEY),
    INPUT_MASK_BTN = BIT(INPUT_EVENT_KIND_BTN),
    INPUT_MASK_REL = BIT(INPUT_EVENT_KIND_REL),
    INPUT_MASK_ABS = BIT(INPUT_EVENT_KIND_ABS),
};

typedef struct InputHandler {
    const char *name;
    unsigned mask;
    void (*key)(void *opaque, QKeyCode key, bool down);
    void (*button)(void *opaque, InputButton button, bool down);
    void (*move)(void *opaque, InputAxis axis, int value); /* rel or abs, as the mask says */
    void (*sync)(void *opaque); /* the events so far belong together; may be NULL */
} InputHandler;

typedef struct InputSink InputSink;

/* handler is kept by reference. */
InputSink *input_handler_register(DeviceState *dev, const InputHandler *handler, void *opaque);
void input_handler_unregister(InputSink *sink);

/* For displays: events to whatever takes them; nobody: they are lost.  Follow up with input_sync().
 */
void input_send_key(QKeyCode key, bool down);
void input_send_button(InputButton button, bool down);
void input_send_rel(InputAxis axis, int value);
void input_sync(void);
/* True if the device that gets movements wants absolute ones. */
bool input_is_absolute(void);

#endif
