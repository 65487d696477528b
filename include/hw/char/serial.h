/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 16550A UART core: eight registers and a chardev. One lock; see serial.c. */
#ifndef HW_CHAR_SERIAL_H
#define HW_CHAR_SERIAL_H

#include "chardev/char.h"
#include "hw/irq.h"
#include "qemu/aio.h"
#include "qemu/thread.h"
#include "system/memory.h"

#define UART_FIFO_SIZE 16

typedef struct UartFifo {
    uint8_t data[UART_FIFO_SIZE];
    unsigned head, count;
} UartFifo;

typedef struct SerialState {
    QemuMutex lock;
    CharFrontend chr;
    qemu_irq irq;
    MemoryRegion io;
    /* All below: lock. */
    uint16_t divider;
    uint8_t rbr, thr, ier, iir, lcr, mcr, lsr, msr, scr, fcr;
    uint8_t trigger; /* receive FIFO level that interrupts */
    UartFifo rx, tx;
    bool thr_pending; /* transmitter-empty interrupt has not been seen */
    bool timeout_pending;
    bool tx_blocked;   /* waits for the back end */
    AioTimer *timeout; /* four characters after the last one */
} SerialState;

/* Registers, the region of 8 bytes and the connection to chr. */
void serial_core_init(SerialState *s, Object *owner);
void serial_core_exit(SerialState *s);
void serial_core_reset(SerialState *s);

#endif
