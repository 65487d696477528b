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
    qemu_irq line[GSI_NUM];    /* what devices drive */
    IrqLine *in;
    qemu_irq to_ioapic[GSI_NUM], to_pic[16];
} GSIState;

void gsi_init(GSIState *s, DeviceState *ioapic, DeviceState *pic);

#endif
