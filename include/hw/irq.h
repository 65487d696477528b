/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt lines.  A line is a number on a sink: the sink's handler takes its own lock, so a line may be set from any thread
 * that holds no lock which the sink's handler (or what it drives) takes; docs/devel/locking.rst has the order.
 */
#ifndef HW_IRQ_H
#define HW_IRQ_H

#include "qemu/osdep.h"

typedef void IrqHandler(void *opaque, int n, int level);

typedef struct IrqLine {
    IrqHandler *handler;
    void *opaque;
    int n;
} IrqLine;
typedef IrqLine *qemu_irq;   /* NULL: not connected */

/* Sets a line's level; a NULL line swallows it.  Any thread. */
static inline void qemu_set_irq(qemu_irq irq, int level)
{
    if (irq) {
        irq->handler(irq->opaque, irq->n, level);
    }
}
static inline void qemu_irq_raise(qemu_irq irq)
{
    qemu_set_irq(irq, 1);
}
static inline void qemu_irq_lower(qemu_irq irq)
{
    qemu_set_irq(irq, 0);
}
static inline void qemu_irq_pulse(qemu_irq irq)
{
    qemu_set_irq(irq, 1);
    qemu_set_irq(irq, 0);
}

/* n lines, numbered from 0, of one sink; free with g_free(). */
IrqLine *qemu_allocate_irqs(IrqHandler *handler, void *opaque, int n);

#endif
