/* SPDX-License-Identifier: GPL-2.0-or-later */
/* I2C buses and what is common to devices on them (see hw/i2c/i2c.h). */
#include "hw/i2c/i2c.h"

I2CBus *i2c_bus_new(DeviceState *parent, const char *name)
{
    return I2C_BUS(qbus_new(TYPE_I2C_BUS, parent, name));
}

bool i2c_start(I2CBus *bus, uint8_t address, bool read)
{
    bus->current = bus->at[address & (I2C_ADDRESSES - 1)];
    if (bus->current) {
        I2C_SLAVE_GET_CLASS(bus->current)->start(bus->current, read);
    }
    return bus->current != NULL;
}

bool i2c_send(I2CBus *bus, uint8_t byte)
{
    return bus->current && I2C_SLAVE_GET_CLASS(bus->current)->send(bus->current, byte);
}

uint8_t i2c_recv(I2CBus *bus)
{
    return bus->current ? I2C_SLAVE_GET_CLASS(bus->current)->recv(bus->current) : 0xff;
}

void i2c_stop(I2CBus *bus)
{
    if (bus->current && I2C_SLAVE_GET_CLASS(bus->current)->stop) {
        I2C_SLAVE_GET_CLASS(bus->current)->stop(bus->current);
    }
    bus->current = NULL;
}

static bool check_address(BusState *qbus, DeviceState *dev, GError **errp)
{
    I2CSlave *s = I2C_SLAVE(dev);

    if (s->address >= I2C_ADDRESSES) {
        error_setg(errp, "%s: address=0x%x: an I2C address has 7 bits",
                   object_get_typename(OBJECT(dev)), s->address);
        return false;
    }
    if (I2C_BUS(qbus)->at[s->address]) {
        error_setg(errp, "%s: address=0x%x is taken on bus %s", object_get_typename(OBJECT(dev)),
                   s->address, qbus->name);
        return false;
    }
    I2C_BUS(qbus)->at[s->address] = s;
    return true;
}

static void bus_class_init(ObjectClass *klass, const void *data)
{
    ((BusClass *)klass)->check_address = check_address;
}

static const TypeInfo bus_info = {
    .name = TYPE_I2C_BUS,
    .parent = TYPE_BUS,
    .instance_size = sizeof(I2CBus),
    .class_init = bus_class_init,
};
QOM_TYPE(bus_info);

static const ObjectProperty slave_props[] = {
    DEFINE_PROP_UINT8("address", I2CSlave, address, 0, "Address on the bus, 7 bits"),
};

static void slave_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->bus_type = TYPE_I2C_BUS;
    dc->user_creatable = false; /* the board knows what its memory modules say */
    dc->hotpluggable = false;
    object_class_add_property_table(klass, slave_props);
}

static const TypeInfo slave_info = {
    .name = TYPE_I2C_SLAVE,
    .parent = TYPE_DEVICE,
    .instance_size = sizeof(I2CSlave),
    .class_size = sizeof(I2CSlaveClass),
    .abstract = true,
    .class_init = slave_class_init,
};
QOM_TYPE(slave_info);
