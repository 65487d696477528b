/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * I2C and SMBus devices on a bus, byte by byte.  Devices come when the board is built and stay; the
 * bus's controller serialises transfers with a lock of its own.
 */
#ifndef HW_I2C_H
#define HW_I2C_H

#include "hw/qdev-core.h"

#define TYPE_I2C_BUS "i2c-bus"
#define TYPE_I2C_SLAVE "i2c-slave"
#define I2C_ADDRESSES 128

typedef struct I2CSlave {
    DeviceState parent_obj;
    uint8_t address; /* 7 bits */
} I2CSlave;
#define I2C_SLAVE(obj) ((I2CSlave *)(obj))

/* Under the controller's lock, any thread. */
typedef struct I2CSlaveClass {
    DeviceClass parent_class;
    /* The device was addressed; again without a stop between: a repeated start. */
    void (*start)(I2CSlave *dev, bool read);
    /* False: not acknowledged. */
    bool (*send)(I2CSlave *dev, uint8_t byte);
    uint8_t (*recv)(I2CSlave *dev);
    void (*stop)(I2CSlave *dev); /* may be NULL */
} I2CSlaveClass;
#define I2C_SLAVE_GET_CLASS(obj) ((I2CSlaveClass *)object_get_class(obj))

typedef struct I2CBus {
    BusState parent_obj;
    I2CSlave *at[I2C_ADDRESSES]; /* fixed when vCPUs run */
    I2CSlave *current;           /* addressed; the controller's lock */
} I2CBus;
#define I2C_BUS(obj) ((I2CBus *)(obj))

/* Main loop. */
I2CBus *i2c_bus_new(DeviceState *parent, const char *name);
/* The rest under the controller's lock.  Addresses a device; false: nobody acknowledges. */
bool i2c_start(I2CBus *bus, uint8_t address, bool read);
bool i2c_send(I2CBus *bus, uint8_t byte);
uint8_t i2c_recv(I2CBus *bus);
void i2c_stop(I2CBus *bus);

/* "smbus-eeprom": 256 bytes at address on bus, first as content has them (size bytes).  Main loop.
 */
bool smbus_eeprom_create(I2CBus *bus, uint8_t address, const uint8_t *content, size_t size,
                         GError **errp);
/* Presence-detect EEPROMs of DDR2 modules with ram_size bytes altogether at 0x50 to 0x57, as far as
 * modules of such sizes can have them. */
bool spd_eeproms_create(I2CBus *bus, uint64_t ram_size, GError **errp);

#endif
