/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fan-out of the global system interrupts. */
#include "hw/i386/gsi.h"
#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"
#include "hw/timer/i8254.h"
#include "system/kvm.h"

#define TIMER_INPUT 0
#define RTC_INPUT 8
#define TIMER_PIN 2

void gsi_set_direct(GSIState *s, unsigned n, int level)
{
    if (n >= GSI_NUM) {
        return;
    }
    if (n == TIMER_PIN && kvm_irqchip_in_kernel()) {
        n = TIMER_INPUT; /* KVM's only way to that pin */
    }
    if (n < 16) {
        qemu_set_irq(s->to_pic[n], level);
    }
    qemu_set_irq(s->to_ioapic[n], level);
}

static bool is_replaced(const GSIState *s)
{
    return __atomic_load_n(&s->legacy_replaced, __ATOMIC_RELAXED);
}

static void gsi_set(void *opaque, int n, int level)
{
    GSIState *s = opaque;

    if ((n == TIMER_INPUT || n == RTC_INPUT) && is_replaced(s)) {
        return;
    }
    gsi_set_direct(s, n, level);
}

void gsi_set_legacy_replaced(GSIState *s, bool on)
{
    __atomic_store_n(&s->legacy_replaced, on, __ATOMIC_RELAXED);
    gsi_set_direct(s, TIMER_INPUT, 0);
    gsi_set_direct(s, RTC_INPUT, 0);
    if (s->pit) {
        qemu_set_irq(qdev_get_gpio_in(s->pit, 0), !on);
    }
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

/* --- the timer's ticks */

static PITTick tick_state(void *opaque)
{
    GSIState *s = opaque;
    IOAPICCore *ioapic = &IOAPIC_COMMON(s->ioapic)->core;
    PicPair *pic = s->pic ? &PIC_COMMON(s->pic)->pair : NULL;
    bool by_pin = ioapic_core_unmasked(ioapic, TIMER_PIN), by_pic;

    if (by_pin && ioapic_core_awaiting(ioapic, TIMER_PIN)) {
        return PIT_TICK_PENDING;
    }
    by_pic = pic && pic_pair_unmasked(pic, TIMER_INPUT);
    if (!by_pin && by_pic && pic_pair_requesting(pic, TIMER_INPUT)) {
        return PIT_TICK_PENDING;
    }
    return by_pin || by_pic ? PIT_TICK_TAKEN : PIT_TICK_NOBODY;
}

static const PITBoardOps board_ops = {.tick_state = tick_state};

static void pic_acked(void *opaque, int n)
{
    if (n == TIMER_INPUT) {
        pit_tick_taken(((GSIState *)opaque)->pit);
    }
}

static void pin_ended(void *opaque)
{
    pit_tick_taken(((GSIState *)opaque)->pit);
}

void gsi_connect_pit(GSIState *s, DeviceState *pit)
{
    PicPair *pic = s->pic ? &PIC_COMMON(s->pic)->pair : NULL;
    IOAPICCore *ioapic = &IOAPIC_COMMON(s->ioapic)->core;

    pit_set_board(pit, &board_ops, s);
    if (pic) {
        pic->acked_opaque = s;
        pic->acked = pic_acked;
    }
    ioapic->taken_opaque = s;
    ioapic->taken = pin_ended;
    ioapic->tracked = BIT(TIMER_PIN);
    qdev_connect_gpio_out(pit, 0, s->line[0]);
}
