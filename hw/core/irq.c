/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interrupt lines: see hw/irq.h. */
#include "hw/irq.h"

IrqLine *qemu_allocate_irqs(IrqHandler *handler, void *opaque, int n)
{
    IrqLine *lines = g_new0(IrqLine, n);

    for (int i = 0; i < n; i++) {
        lines[i] = (IrqLine){.handler = handler, .opaque = opaque, .n = i};
    }
    return lines;
}
