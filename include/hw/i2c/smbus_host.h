/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SMBus host controllers of Intel's south bridges: ICH9 (data sheet, chapter 20) and, with fewer
 * registers, PIIX4 (82371AB data sheet, 7.3).
 *
 * One lock; any thread.  A transaction runs when it is started; only a block that is moved byte by
 * byte waits for software in between.
 */
#ifndef HW_SMBUS_HOST_H
#define HW_SMBUS_HOST_H

#include "hw/i2c/i2c.h"
#include "qemu/thread.h"
#include "system/memory.h"

#define SMBUS_BLOCK_MAX 32

typedef struct SMBusHost {
    bool ich;     /* all registers; else PIIX4's */
    bool enabled; /* lock: HST_EN; transactions start */
    I2CBus *bus;
    /* Level of the interrupt, under the lock. */
    void (*interrupt)(void *opaque, bool level);
    void *opaque;
    MemoryRegion io;
    QemuMutex lock;
    /* --- lock --- */
    uint8_t sts, cnt, cmd, addr, d0, d1, pec, block_byte;
    uint8_t aux_sts, aux_ctl;
    uint8_t slave_addr, slave_sts, slave_cmd; /* ICH9's slave: nothing on the bus talks to it */
    uint8_t pin_ctl[2];
    uint8_t piix_slave[7]; /* PIIX4's slave and shadow registers, 0x08 to 0x0e */
    uint8_t buffer[SMBUS_BLOCK_MAX];
    unsigned index; /* in buffer */
    bool by_byte;   /* a block is under way, and waits for software */
    bool block_read;
    unsigned done, count; /* bytes of it */
    uint8_t crc;          /* of what was on the wire */
} SMBusHost;

/* From realize(); bus, interrupt and opaque are set. size: of the register block. */
void smbus_host_init(SMBusHost *s, Object *owner, const char *name, unsigned size);
void smbus_host_reset(SMBusHost *s);
void smbus_host_enable(SMBusHost *s, bool on);
void smbus_host_cleanup(SMBusHost *s);

#endif
