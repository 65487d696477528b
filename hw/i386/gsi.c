/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fan-out of the global system interrupts. */
#include "hw/i386/gsi.h"

static void gsi_set(void *opaque, int n, int level)
{
    GSIState *s = opaque;

    if (n < 16) {
        qemu_set_irq(s->to_pic[n], level);
    }
    qemu_set_irq(s->to_ioapic[n], level);
}

void gsi_init(GSIState *s, DeviceState *ioapic, DeviceState *pic)
{
    s->ioapic = ioapic;
    s->pic = pic;
    s->in = qemu_allocate_irqs(gsi_set, s, GSI_NUM);
    for (int n = 0; n < GSI_NUM; n++) {
        s->line[n] = &s->in[n];
        s->to_ioapic[n] = qdev_get_gpio_in(ioapic, n);
        if (pic && n < 16) {
            s->to_pic[n] = qdev_get_gpio_in(pic, n);
        }
    }
}
