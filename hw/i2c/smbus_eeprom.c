/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * smbus-eeprom: 256 bytes behind a pointer that moves on (a 24C02), and what memory modules keep in
 * one: serial presence detect of DDR2 (JEDEC 21-C, annex J).
 */
#include "hw/i2c/i2c.h"

#define TYPE_SMBUS_EEPROM "smbus-eeprom"
#define EEPROM_SIZE 256
#define SPD_ADDRESS 0x50
#define SPD_MODULES 8

typedef struct SMBusEEPROM {
    I2CSlave parent_obj;
    uint8_t content[EEPROM_SIZE], initial[EEPROM_SIZE];
    uint8_t pointer;
    bool addressed; /* the first byte after a start is the pointer */
} SMBusEEPROM;
#define SMBUS_EEPROM(obj) ((SMBusEEPROM *)(obj))

static void eeprom_start(I2CSlave *dev, bool read)
{
    SMBUS_EEPROM(dev)->addressed = read;
}

static bool eeprom_send(I2CSlave *dev, uint8_t byte)
{
    SMBusEEPROM *e = SMBUS_EEPROM(dev);

    if (e->addressed) {
        e->content[e->pointer++] = byte;
    } else {
        e->pointer = byte;
        e->addressed = true;
    }
    return true;
}

static uint8_t eeprom_recv(I2CSlave *dev)
{
    SMBusEEPROM *e = SMBUS_EEPROM(dev);

    return e->content[e->pointer++];
}

/* Power-on state: what it held when the machine was built. */
static void eeprom_reset(DeviceState *dev)
{
    SMBusEEPROM *e = SMBUS_EEPROM(dev);

    memcpy(e->content, e->initial, EEPROM_SIZE);
    e->pointer = 0;
}

static void eeprom_class_init(ObjectClass *klass, const void *data)
{
    I2CSlaveClass *sc = (I2CSlaveClass *)klass;

    sc->parent_class.desc = "EEPROM of 256 bytes";
    sc->parent_class.reset = eeprom_reset;
    sc->start = eeprom_start;
    sc->send = eeprom_send;
    sc->recv = eeprom_recv;
}

static const TypeInfo eeprom_info = {
    .name = TYPE_SMBUS_EEPROM,
    .parent = TYPE_I2C_SLAVE,
    .instance_size = sizeof(SMBusEEPROM),
    .class_init = eeprom_class_init,
};
QOM_TYPE(eeprom_info);

bool smbus_eeprom_create(I2CBus *bus, uint8_t address, const uint8_t *content, size_t size,
                         GError **errp)
{
    DeviceState *dev = qdev_new(TYPE_SMBUS_EEPROM);

    I2C_SLAVE(dev)->address = address;
    memcpy(SMBUS_EEPROM(dev)->initial, content, MIN(size, EEPROM_SIZE));
    return qdev_realize_and_unref(dev, BUS(bus), errp);
}

/* --- serial presence detect ------------------------------------------------------------------ */

/* A module with one rank of size bytes (a power of two from 128 MiB to 16 GiB): 14 rows and up, 10
 * columns, 8 banks, 64 bits. */
static void fill_spd(uint8_t spd[EEPROM_SIZE], uint64_t size)
{
    unsigned log = 63 - __builtin_clzll(size);
    /* Bits 7 to 5 are 512, 256 and 128 MiB, bits 0 to 4 are 1 to 16 GiB. */
    unsigned density = log >= 30 ? log - 30 : log - 22;
    uint8_t sum = 0;

    memset(spd, 0, EEPROM_SIZE);
    spd[0] = 128;              /* bytes used */
    spd[1] = 8;                /* of 256 */
    spd[2] = 8;                /* DDR2 SDRAM */
    spd[3] = log - 3 - 10 - 3; /* rows: less 8 bytes wide, 10 columns, 8 banks */
    spd[4] = 10;
    spd[5] = 0x60;  /* one rank, 30 mm */
    spd[6] = 64;    /* data width */
    spd[8] = 5;     /* SSTL 1.8 V */
    spd[9] = 0x25;  /* 2.5 ns at CL 6: DDR2-800 */
    spd[10] = 0x40; /* 0.40 ns from clock */
    spd[12] = 0x82; /* refresh every 7.8 us, by itself */
    spd[13] = 8;    /* chips are 8 bits wide */
    spd[16] = 0x0c; /* bursts of 4 and 8 */
    spd[17] = 8;    /* banks */
    spd[18] = 0x70; /* CL 4, 5 and 6 */
    spd[20] = 2;    /* unbuffered */
    spd[22] = 3;
    spd[23] = 0x30;
    spd[24] = 0x45;
    spd[25] = 0x3d;
    spd[26] = 0x50;
    spd[27] = 0x3c; /* 15 ns to precharge */
    spd[28] = 0x1e;
    spd[29] = 0x3c;
    spd[30] = 0x2d;
    spd[31] = 1u << density;
    spd[32] = 0x17;
    spd[33] = 0x25;
    spd[34] = 0x05;
    spd[35] = 0x12;
    spd[36] = 0x3c;
    spd[37] = spd[38] = 0x1e;
    spd[41] = 0x3c;
    spd[42] = 0x7f;
    spd[43] = 0x80;
    spd[44] = 0x14;
    spd[45] = 0x1e;
    spd[62] = 0x13; /* SPD 1.3 */
    for (unsigned n = 0; n < 63; n++) {
        sum += spd[n];
    }
    spd[63] = sum;
    memset(spd + 64, 0xff, 8); /* no maker */
    memcpy(spd + 73, "ioregionfd        ", 18);
}

bool spd_eeproms_create(I2CBus *bus, uint64_t ram_size, GError **errp)
{
    uint8_t spd[EEPROM_SIZE];

    for (unsigned n = 0; n < SPD_MODULES && ram_size >= 128 * MiB; n++) {
        uint64_t size = UINT64_C(1) << (63 - __builtin_clzll(MIN(ram_size, 16 * GiB)));

        fill_spd(spd, size);
        if (!smbus_eeprom_create(bus, SPD_ADDRESS + n, spd, sizeof(spd), errp)) {
            return false;
        }
        ram_size -= size;
    }
    return true;
}
