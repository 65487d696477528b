/* SPDX-License-Identifier: GPL-2.0-or-later */
/* isa-serial: a 16550A at one of the PC's four places. */
#include "hw/char/serial.h"
#include "hw/isa/isa.h"

#define MAX_PORTS 4

typedef struct ISASerial {
    ISADevice parent_obj;
    SerialState core;
    uint32_t index, iobase, irq;
} ISASerial;

static bool serial_realize(DeviceState *dev, GError **errp)
{
    static const uint16_t bases[MAX_PORTS] = {0x3f8, 0x2f8, 0x3e8, 0x2e8};
    static const uint8_t irqs[MAX_PORTS] = {4, 3, 4, 3};
    static unsigned next_index;
    ISASerial *s = (ISASerial *)dev;

    if (s->index == UINT32_MAX) {
        s->index = next_index;
    }
    if (s->index >= MAX_PORTS) {
        error_setg(errp, "isa-serial: index=%u: a PC has %d serial ports, 0 to %d", s->index,
                   MAX_PORTS, MAX_PORTS - 1);
        return false;
    }
    if (!s->core.chr.chr) {
        error_setg(errp, "isa-serial: chardev= is missing: name a character device");
        return false;
    }
    s->iobase = s->iobase == UINT32_MAX ? bases[s->index] : s->iobase;
    s->irq = s->irq == UINT32_MAX ? irqs[s->index] : s->irq;
    if (s->irq > 15 || s->iobase > 0xfff8) {
        error_setg(errp, "isa-serial: irq=%u must be 0 to 15 and iobase=0x%x a port", s->irq,
                   s->iobase);
        return false;
    }
    next_index = s->index + 1;
    s->core.irq = isa_get_irq(ISA_DEVICE(dev), s->irq);
    serial_core_init(&s->core, OBJECT(dev));
    isa_register_ioport(ISA_DEVICE(dev), &s->core.io, s->iobase);
    serial_core_reset(&s->core);
    return true;
}

static void serial_unrealize(DeviceState *dev)
{
    ISASerial *s = (ISASerial *)dev;

    isa_unregister_ioport(ISA_DEVICE(dev), &s->core.io);
    serial_core_exit(&s->core);
}

static void serial_reset(DeviceState *dev)
{
    serial_core_reset(&((ISASerial *)dev)->core);
}

static const ObjectProperty serial_props[] = {
    DEFINE_PROP_UINT32("index", ISASerial, index, UINT32_MAX, "Number of the port: 0 is COM1"),
    DEFINE_PROP_UINT32("iobase", ISASerial, iobase, UINT32_MAX, "First port"),
    DEFINE_PROP_UINT32("irq", ISASerial, irq, UINT32_MAX, "Interrupt line"),
    DEFINE_PROP_CHR("chardev", ISASerial, core.chr),
};

static void serial_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->desc = "16550A serial port";
    dc->category = DEVICE_CATEGORY_INPUT;
    dc->realize = serial_realize;
    dc->unrealize = serial_unrealize;
    dc->reset = serial_reset;
    object_class_add_property_table(klass, serial_props);
}

static const TypeInfo serial_info = {
    .name = "isa-serial",
    .parent = TYPE_ISA_DEVICE,
    .instance_size = sizeof(ISASerial),
    .class_init = serial_class_init,
};
QOM_TYPE(serial_info);
