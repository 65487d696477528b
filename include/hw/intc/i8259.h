/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PC's pair of 8259A interrupt controllers, as the south bridges have it (ICH9 data
 * sheet, 5.8).
 *
 * The pair is a plain structure with a lock of its own: every function takes it, so any thread may
 * call any of them.  Callbacks run under the lock.
 */
#ifndef HW_INTC_I8259_H
#define HW_INTC_I8259_H

#include "hw/qdev-core.h"
#include "qemu/thread.h"

#define TYPE_PIC_COMMON "pic-common"
#define TYPE_I8259 "isa-i8259"
#define TYPE_KVM_I8259 "kvm-i8259"

typedef struct Pic {
    uint8_t line; /* input levels */
    uint8_t irr, imr, isr;
    uint8_t elcr, elcr_mask; /* set bit: level-triggered; bits that may be set */
    uint8_t lowest;          /* input with the lowest priority; the next one has the highest */
    uint8_t vector_base;
    uint8_t icw_step; /* next initialisation word expected: 2, 3, 4; 0: operating */
    bool need_icw4, single;
    bool read_isr, poll, special_mask, auto_eoi, rotate_auto, fully_nested;
    bool master;
} Pic;

typedef struct PicPair {
    QemuMutex lock;
    Pic chip[2]; /* master, slave (on the master's input 2) */
    int int_level;
    /* The INT pin to the processor changed. */
    void (*out)(void *opaque, int level);
    void *opaque;
    /* Input n (0 to 15) was acknowledged; not under the lock; NULL: nobody asks. */
    void (*acked)(void *opaque, int n);
    void *acked_opaque;
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
/* Both chips' registers, read and replaced as a whole. */
void pic_pair_get(PicPair *p, Pic chip[2]);
void pic_pair_set(PicPair *p, const Pic chip[2]);
/* What stands in the registers after power-on; n: 0 master, 1 slave. */
Pic pic_power_on(int n);
/* True while input n (0 to 15) requests, and true if it could: it and its way are not masked. */
bool pic_pair_requesting(PicPair *p, int n);
bool pic_pair_unmasked(PicPair *p, int n);

/* --- devices: one base with state and reset, a chip in the emulator, KVM's */

typedef struct PICCommon {
    SysBusDevice parent_obj;
    PicPair pair; /* the emulator's chips; unused by KVM's */
} PICCommon;
#define PIC_COMMON(obj) ((PICCommon *)(obj))

typedef struct PICCommonClass {
    DeviceClass parent_class;
    void (*get)(PICCommon *s, Pic chip[2]);
    void (*set)(PICCommon *s, const Pic chip[2]);
} PICCommonClass;
#define PIC_COMMON_GET_CLASS(obj) ((PICCommonClass *)object_get_class(obj))

#endif
