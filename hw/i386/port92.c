/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reset and A20 of the old PC: port 0x92, and of the keyboard controller (ports 0x60, 0x64) the
 * commands that have nothing to do with keys.  The A20 line itself is always on, as on current
 * machines; its state is only remembered.
 */
#include "hw/isa/isa.h"
#include "system/runstate.h"

#define TYPE_PORT92 "port92"
#define TYPE_I8042_RESET "i8042-reset"

typedef struct Port92 {
    ISADevice parent_obj;
    uint8_t out; /* atomic */
    MemoryRegion io;
} Port92;

static uint64_t port92_read(void *opaque, hwaddr offset, unsigned size)
{
    return __atomic_load_n(&((Port92 *)opaque)->out, __ATOMIC_RELAXED);
}

static void port92_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    __atomic_store_n(&((Port92 *)opaque)->out, data & 2, __ATOMIC_RELAXED);
    if (data & 1) {
        qemu_system_reset_request(SHUTDOWN_CAUSE_GUEST_RESET);
    }
}

static const MemoryRegionOps port92_ops = {
    .read = port92_read,
    .write = port92_write,
    .impl = {.min_access_size = 1, .max_access_size = 1},
};

static bool port92_realize(DeviceState *dev, GError **errp)
{
    Port92 *s = (Port92 *)dev;

    memory_region_init_io(&s->io, OBJECT(dev), &port92_ops, s, "port92", 1);
    isa_register_ioport(ISA_DEVICE(dev), &s->io, 0x92);
    return true;
}

static void port92_reset(DeviceState *dev)
{
    __atomic_store_n(&((Port92 *)dev)->out, 2, __ATOMIC_RELAXED);
}

/* --- keyboard controller
 * ------------------------------------------------------------------------------ */

enum { CMD_READ_OUT = 0xd0, CMD_WRITE_OUT = 0xd1, CMD_RESET_FIRST = 0xf0, CMD_RESET_LAST = 0xff };

typedef struct I8042Reset {
    ISADevice parent_obj;
    uint8_t command, data, full; /* atomics: last command, output buffer and its status bit */
    MemoryRegion data_io, cmd_io;
} I8042Reset;

static uint64_t kbd_data_read(void *opaque, hwaddr offset, unsigned size)
{
    I8042Reset *s = opaque;

    __atomic_store_n(&s->full, 0, __ATOMIC_RELAXED);
    return __atomic_load_n(&s->data, __ATOMIC_RELAXED);
}

static void kbd_data_write(void *opaque, hwaddr offset, uint64_t val, unsigned size)
{
    I8042Reset *s = opaque;

    /* Bit 0 of the output port is the reset line, active low. */
    if (__atomic_exchange_n(&s->command, 0, __ATOMIC_RELAXED) == CMD_WRITE_OUT && !(val & 1)) {
        qemu_system_reset_request(SHUTDOWN_CAUSE_GUEST_RESET);
    }
}

static uint64_t kbd_status_read(void *opaque, hwaddr offset, unsigned size)
{
    return 0x18 | __atomic_load_n(&((I8042Reset *)opaque)->full, __ATOMIC_RELAXED);
}

static void kbd_command_write(void *opaque, hwaddr offset, uint64_t val, unsigned size)
{
    I8042Reset *s = opaque;

    __atomic_store_n(&s->command, val, __ATOMIC_RELAXED);
    if (val == CMD_READ_OUT) {
        __atomic_store_n(&s->data, 3, __ATOMIC_RELAXED);
        __atomic_store_n(&s->full, 1, __ATOMIC_RELAXED);
    } else if (val >= CMD_RESET_FIRST && val <= CMD_RESET_LAST && !(val & 1)) {
        qemu_system_reset_request(SHUTDOWN_CAUSE_GUEST_RESET); /* pulses output bit 0 */
    }
}

static const MemoryRegionOps kbd_data_ops = {
    .read = kbd_data_read,
    .write = kbd_data_write,
    .impl = {.min_access_size = 1, .max_access_size = 1},
};

static const MemoryRegionOps kbd_cmd_ops = {
    .read = kbd_status_read,
    .write = kbd_command_write,
    .impl = {.min_access_size = 1, .max_access_size = 1},
};

static bool i8042_realize(DeviceState *dev, GError **errp)
{
    I8042Reset *s = (I8042Reset *)dev;

    memory_region_init_io(&s->data_io, OBJECT(dev), &kbd_data_ops, s, "i8042-data", 1);
    memory_region_init_io(&s->cmd_io, OBJECT(dev), &kbd_cmd_ops, s, "i8042-cmd", 1);
    isa_register_ioport(ISA_DEVICE(dev), &s->data_io, 0x60);
    isa_register_ioport(ISA_DEVICE(dev), &s->cmd_io, 0x64);
    return true;
}

static void i8042_reset(DeviceState *dev)
{
    I8042Reset *s = (I8042Reset *)dev;

    s->command = s->data = s->full = 0;
}

static void port92_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->desc = "fast A20 and reset";
    dc->realize = port92_realize;
    dc->reset = port92_reset;
    dc->user_creatable = false;
}

static void i8042_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->desc = "keyboard controller without a keyboard: reset and A20";
    dc->realize = i8042_realize;
    dc->reset = i8042_reset;
    dc->user_creatable = false;
}

static const TypeInfo port92_info = {
    .name = TYPE_PORT92,
    .parent = TYPE_ISA_DEVICE,
    .instance_size = sizeof(Port92),
    .class_init = port92_class_init,
};
QOM_TYPE(port92_info);

static const TypeInfo i8042_info = {
    .name = TYPE_I8042_RESET,
    .parent = TYPE_ISA_DEVICE,
    .instance_size = sizeof(I8042Reset),
    .class_init = i8042_class_init,
};
QOM_TYPE(i8042_info);
