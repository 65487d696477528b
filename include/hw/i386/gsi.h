/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Global system interrupts: each of the 24 lines goes to the I/O APIC and, below 16, to the 8259
 * pair.
 *
 * Lock order: device lock, then PCI root bus and PIRQ routing, then I/O APIC, then 8259 pair, then
 * KVM's route table.
 */
#ifndef HW_I386_GSI_H
#define HW_I386_GSI_H

#include "hw/qdev-core.h"

#define GSI_NUM 24

typedef struct GSIState {
    DeviceState *ioapic, *pic; /* pic NULL: KVM's chips take both from one line */
    DeviceState *pic_state;    /* the 8259 pair, whoever emulates it; NULL: there is none */
    DeviceState *pit;          /* NULL: none; the emulator's or KVM's */
    bool legacy_replaced;      /* atomic: interrupts 0 and 8 are HPET's, not PIT's and RTC's */
    qemu_irq line[GSI_NUM];    /* what devices drive */
    IrqLine *in;
    qemu_irq to_ioapic[GSI_NUM], to_pic[16];
} GSIState;

void gsi_init(GSIState *s, DeviceState *ioapic, DeviceState *pic);
/* HPET drives interrupts itself, and takes 0 and 8 over from PIT and RTC. Any thread. */
void gsi_set_direct(GSIState *s, unsigned n, int level);
void gsi_set_legacy_replaced(GSIState *s, bool on);
/* hpet's interrupts go to gsi.  Before the machine runs. */
void hpet_connect(DeviceState *hpet, GSIState *gsi);
/* Connects the emulator's timer to interrupt 0 of the emulator's chips, and them to it: the timer
 * hears which of its ticks were taken. */
void gsi_connect_pit(GSIState *s, DeviceState *pit);

#endif
