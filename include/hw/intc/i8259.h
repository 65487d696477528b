/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PC's pair of 8259A interrupt controllers.
 *
 * The pair is a plain structure with a lock of its own: every function takes it, so any thread may
 * call any of them.  out is called under the lock when the INT pin to the processor changes.
 */
#ifndef HW_INTC_I8259_H
#define HW_INTC_I8259_H

#include "hw/qdev-core.h"
#include "qemu/thread.h"

#define TYPE_I8259 "isa-i8259"

typedef struct Pic {
    uint8_t line; /* input levels */
    uint8_t irr, imr, isr;
    uint8_t elcr, elcr_mask; /* set bit: level-triggered; bits that may be set */
    uint8_t lowest;          /* input with the lowest priority; the next one has the highest */
    uint8_t vector_base;
    uint8_t icw_step; /* next initialisation word expected: 2, 3, 4; 0: operating */
    bool need_icw4, single, all_level;
    bool read_isr, poll, special_mask, auto_eoi, rotate_auto, fully_nested;
    bool master;
} Pic;

typedef struct PicPair {
    QemuMutex lock;
    Pic chip[2]; /* master, slave (on the master's input 2) */
    int int_level;
    void (*out)(void *opaque, int level);
    void *opaque;
} PicPair;

void pic_pair_init(PicPair *p, void (*out)(void *opaque, int level), void *opaque);
void pic_pair_reset(PicPair *p);
/* Input n, 0 to 15 (2 is the cascade: ignored). */
void pic_pair_set_irq(PicPair *p, int n, int level);
/* The processor's acknowledge cycle: the vector. */
int pic_pair_ack(PicPair *p);
/* chip 0 or 1, port 0 (command) or 1 (data). */
uint8_t pic_pair_read(PicPair *p, int chip, int port);
void pic_pair_write(PicPair *p, int chip, int port, uint8_t val);
uint8_t pic_pair_read_elcr(PicPair *p, int chip);
void pic_pair_write_elcr(PicPair *p, int chip, uint8_t val);

#endif
