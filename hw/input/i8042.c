/* SPDX-License-Identifier: GPL-2.0-or-later */
/* i8042: the keyboard controller at ports 60h and 64h, with a keyboard and a mouse, under a lock of
 * its own. */
#include "hw/input/i8042.h"

#include "hw/isa/isa.h"
#include "hw/timer/home_timer.h"
#include "qemu/thread.h"
#include "system/runstate.h"
#include "ui/input.h"

typedef struct I8042Device {
    ISADevice parent_obj;
    QemuMutex lock;
    I8042Core core;  /* lock */
    HomeTimer timer; /* typematic, mouse reports */
    qemu_irq kbd_irq, aux_irq;
    uint8_t kbd_irq_number, aux_irq_number;
    InputSink *keyboard, *mouse;
    MemoryRegion data_io, cmd_io;
} I8042Device;
#define I8042(obj) ((I8042Device *)(obj))

static int64_t now_ns(void)
{
    return qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
}

static void set_lines(I8042Device *s)
{
    qemu_set_irq(s->kbd_irq, i8042_core_kbd_irq(&s->core));
    qemu_set_irq(s->aux_irq, i8042_core_aux_irq(&s->core));
}

/* After every call into the chip; with the lock held. */
static void update(I8042Device *s)
{
    i8042_core_advance(&s->core, now_ns());
    set_lines(s);
    home_timer_mod(&s->timer, i8042_core_next_event(&s->core));
    if (s->core.reset_request) {
        s->core.reset_request = false;
        qemu_system_reset_request(SHUTDOWN_CAUSE_GUEST_RESET);
    }
}

/* --- guest
 * -------------------------------------------------------------------------------------------- */

static uint64_t data_read(void *opaque, hwaddr offset, unsigned size)
{
    I8042Device *s = opaque;
    QEMU_LOCK_GUARD(&s->lock);
    uint8_t val = i8042_core_read_data(&s->core);

    set_lines(s); /* low between two bytes, for edge-triggered inputs */
    update(s);
    return val;
}

static void data_write(void *opaque, hwaddr offset, uint64_t val, unsigned size)
{
    I8042Device *s = opaque;
    QEMU_LOCK_GUARD(&s->lock);

    i8042_core_write_data(&s->core, val);
    update(s);
}

static uint64_t status_read(void *opaque, hwaddr offset, unsigned size)
{
    I8042Device *s = opaque;
    QEMU_LOCK_GUARD(&s->lock);

    return i8042_core_read_status(&s->core);
}

static void command_write(void *opaque, hwaddr offset, uint64_t val, unsigned size)
{
    I8042Device *s = opaque;
    QEMU_LOCK_GUARD(&s->lock);

    i8042_core_write_command(&s->core, val);
    update(s);
}

static const MemoryRegionOps data_ops = {
    .read = data_read,
    .write = data_write,
    .impl = {.min_access_size = 1, .max_access_size = 1},
};

static const MemoryRegionOps cmd_ops = {
    .read = status_read,
    .write = command_write,
    .impl = {.min_access_size = 1, .max_access_size = 1},
};

static void timer_fired(void *opaque)
{
    I8042Device *s = opaque;
    QEMU_LOCK_GUARD(&s->lock);

    update(s);
}

/* --- users
 * -------------------------------------------------------------------------------------------- */

static void user_key(void *opaque, QKeyCode key, bool down)
{
    I8042Device *s = opaque;
    QEMU_LOCK_GUARD(&s->lock);

    ps2_kbd_key(&s->core.kbd, key, down, now_ns());
}

static void user_button(void *opaque, InputButton button, bool down)
{
    static const uint8_t buttons[INPUT_BUTTON__MAX] = {
        [INPUT_BUTTON_LEFT] = PS2_BUTTON_LEFT,   [INPUT_BUTTON_MIDDLE] = PS2_BUTTON_MIDDLE,
        [INPUT_BUTTON_RIGHT] = PS2_BUTTON_RIGHT, [INPUT_BUTTON_SIDE] = PS2_BUTTON_SIDE,
        [INPUT_BUTTON_EXTRA] = PS2_BUTTON_EXTRA,
    };
    I8042Device *s = opaque;
    QEMU_LOCK_GUARD(&s->lock);

    if (button == INPUT_BUTTON_WHEEL_UP || button == INPUT_BUTTON_WHEEL_DOWN) {
        if (down) {
            ps2_mouse_move(&s->core.mouse, 0, 0, button == INPUT_BUTTON_WHEEL_UP ? -1 : 1);
        }
    } else {
        ps2_mouse_button(&s->core.mouse, buttons[button], down);
    }
}

static void user_move(void *opaque, InputAxis axis, int value)
{
    I8042Device *s = opaque;
    QEMU_LOCK_GUARD(&s->lock);

    ps2_mouse_move(&s->core.mouse, axis == INPUT_AXIS_X ? value : 0,
                   axis == INPUT_AXIS_Y ? value : 0, 0);
}

static void user_sync(void *opaque)
{
    I8042Device *s = opaque;
    QEMU_LOCK_GUARD(&s->lock);

    update(s);
}

static const InputHandler keyboard_handler = {
    .name = "QEMU PS/2 Keyboard",
    .mask = INPUT_MASK_KEY,
    .key = user_key,
    .sync = user_sync,
};

static const InputHandler mouse_handler = {
    .name = "QEMU PS/2 Mouse",
    .mask = INPUT_MASK_BTN | INPUT_MASK_REL,
    .button = user_button,
    .move = user_move,
    .sync = user_sync,
};

/* --- device
 * ------------------------------------------------------------------------------------------- */

static bool i8042_realize(DeviceState *dev, GError **errp)
{
    I8042Device *s = I8042(dev);

    if (s->kbd_irq_number > 15 || s->aux_irq_number > 15) {
        error_setg(errp, "i8042: kbd-irq=%u and mouse-irq=%u must be 0 to 15", s->kbd_irq_number,
                   s->aux_irq_number);
        return false;
    }
    if (object_resolve_path_type("", TYPE_I8042, NULL) != OBJECT(dev)) {
        error_setg(errp, "i8042: the machine has one already; -machine i8042=off leaves it out");
        return false;
    }
    s->kbd_irq = isa_get_irq(ISA_DEVICE(dev), s->kbd_irq_number);
    s->aux_irq = isa_get_irq(ISA_DEVICE(dev), s->aux_irq_number);
    memory_region_init_io(&s->data_io, OBJECT(dev), &data_ops, s, "i8042-data", 1);
    memory_region_init_io(&s->cmd_io, OBJECT(dev), &cmd_ops, s, "i8042-cmd", 1);
    home_timer_init(&s->timer, &s->data_io, QEMU_CLOCK_VIRTUAL, timer_fired, s);
    i8042_core_reset(&s->core);
    isa_register_ioport(ISA_DEVICE(dev), &s->data_io, 0x60);
    isa_register_ioport(ISA_DEVICE(dev), &s->cmd_io, 0x64);
    s->keyboard = input_handler_register(dev, &keyboard_handler, s);
    s->mouse = input_handler_register(dev, &mouse_handler, s);
    return true;
}

static void i8042_unrealize(DeviceState *dev)
{
    I8042Device *s = I8042(dev);

    input_handler_unregister(s->keyboard);
    input_handler_unregister(s->mouse);
    isa_unregister_ioport(ISA_DEVICE(dev), &s->data_io);
    isa_unregister_ioport(ISA_DEVICE(dev), &s->cmd_io);
    home_timer_cleanup(&s->timer);
}

static void i8042_reset(DeviceState *dev)
{
    I8042Device *s = I8042(dev);
    QEMU_LOCK_GUARD(&s->lock);

    i8042_core_reset(&s->core);
    update(s);
}

void i8042_firmware_setup(DeviceState *dev)
{
    I8042Device *s = I8042(dev);
    QEMU_LOCK_GUARD(&s->lock);

    i8042_core_firmware_setup(&s->core);
    update(s);
}

static void i8042_init(Object *obj)
{
    qemu_mutex_init(&I8042(obj)->lock);
}

static void i8042_finalize(Object *obj)
{
    home_timer_cleanup(&I8042(obj)->timer);
    qemu_mutex_destroy(&I8042(obj)->lock);
}

static const ObjectProperty i8042_props[] = {
    DEFINE_PROP_UINT8("kbd-irq", I8042Device, kbd_irq_number, 1, "Interrupt line of the keyboard"),
    DEFINE_PROP_UINT8("mouse-irq", I8042Device, aux_irq_number, 12, "Interrupt line of the mouse"),
};

static void i8042_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->desc = "keyboard controller with PS/2 keyboard and mouse";
    dc->category = DEVICE_CATEGORY_INPUT;
    dc->realize = i8042_realize;
    dc->unrealize = i8042_unrealize;
    dc->reset = i8042_reset;
    object_class_add_property_table(klass, i8042_props);
}

static const TypeInfo i8042_info = {
    .name = TYPE_I8042,
    .parent = TYPE_ISA_DEVICE,
    .instance_size = sizeof(I8042Device),
    .class_init = i8042_class_init,
    .instance_init = i8042_init,
    .instance_finalize = i8042_finalize,
};
QOM_TYPE(i8042_info);
