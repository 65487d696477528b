/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HLT and interrupts: timer, edge and level lines through the 8259 pair. */
#include "guest.h"

enum { BIT_TIMER = 1 << 0, BIT_CASCADE = 1 << 2, BIT_5 = 1 << 5, BIT_10 = 1 << 10 };

static void start_timer(uint16_t count)
{
    outb(0x43, 0x30); /* channel 0, both bytes, mode 0: one interrupt at the end of the count */
    outb(0x40, (uint8_t)count);
    outb(0x40, (uint8_t)(count >> 8));
}

int guest_main(void)
{
    tap_plan(7);
    irq_init(BIT_TIMER | BIT_CASCADE | BIT_5 | BIT_10);
    start_timer(12000); /* 10 ms */
    halt();
    tap_equal(irq_count[0], 1, "the timer wakes a halted processor");
    start_timer(12000);
    halt();
    tap_equal(irq_count[0], 2, "and again");
    let_in();
    tap_equal(irq_count[0], 2, "and not more often than asked for");

    outb(IRQ_LINE_PORT + 5, 1);
    let_in();
    tap_equal(irq_count[5], 1, "an edge on line 5");
    let_in();
    tap_equal(irq_count[5], 1, "a line that stays up is one edge");
    outb(IRQ_LINE_PORT + 5, 0);
    outb(IRQ_LINE_PORT + 5, 1);
    outb(IRQ_LINE_PORT + 5, 0);
    let_in();
    tap_ok(irq_count[5] == 2 || irq_count[7] == 1, "a pulse is an interrupt or a spurious one");
    outb(IRQ_LINE_PORT + 10, 1);
    let_in();
    outb(IRQ_LINE_PORT + 10, 0);
    tap_equal(irq_count[10], 1, "an edge on line 10, through the second 8259");
    return 0;
}
