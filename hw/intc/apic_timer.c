/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The local APIC's timer: one-shot, periodic and TSC deadline.  It counts a bus clock of 1 GHz, as
 * KVM's does; nothing ticks, the count follows from the time since it was written.
 */
#include "hw/intc/apic_timer.h"

/* A guest may ask for a period of 2 ns; no more than so many events a second are looked after. */
#define SHORTEST_PERIOD (20 * SCALE_US)

enum { MODE_ONE_SHOT, MODE_PERIODIC, MODE_TSC_DEADLINE };

static unsigned timer_mode(uint32_t lvt)
{
    return lvt >> 17 & 3;
}

/* Bus clocks a count: 2, 4 ... 128, 1. */
static unsigned divisor(const ApicCore *a)
{
    unsigned bits = (a->divide & 3) | (a->divide >> 1 & 4);

    return 1u << ((bits + 1) & 7);
}

static int64_t duration(const ApicCore *a)
{
    return (int64_t)a->initial_count * divisor(a);
}

uint32_t apic_timer_count(const ApicCore *a, int64_t now)
{
    unsigned mode = timer_mode(a->lvt[APIC_LVT_TIMER]);
    int64_t passed = MAX(now - a->timer_start, 0) / divisor(a);

    if (!a->initial_count || mode == MODE_TSC_DEADLINE) {
        return 0;
    }
    if (mode == MODE_PERIODIC) {
        return a->initial_count - passed % a->initial_count;
    }
    return passed < a->initial_count ? a->initial_count - passed : 0;
}

/* Sets the alarm for the next event. */
static void arm(ApicCore *a, int64_t now)
{
    unsigned mode = timer_mode(a->lvt[APIC_LVT_TIMER]);
    int64_t next = -1, period = duration(a);

    if (mode == MODE_TSC_DEADLINE) {
        a->ops->set_timer(a->opaque, -1, a->tsc_deadline);
        return;
    }
    if (a->initial_count && mode == MODE_PERIODIC) {
        next = a->timer_start + (int64_t)(a->timer_events + 1) * period;
        if (next < now + SHORTEST_PERIOD && period < SHORTEST_PERIOD) {
            next = now + SHORTEST_PERIOD;
        }
    } else if (a->initial_count && !a->timer_events) {
        next = a->timer_start + period;
    }
    a->ops->set_timer(a->opaque, next, 0);
}

void apic_timer_start(ApicCore *a, uint32_t count, int64_t now)
{
    if (timer_mode(a->lvt[APIC_LVT_TIMER]) == MODE_TSC_DEADLINE) {
        return;
    }
    a->initial_count = count;
    a->timer_start = now;
    a->timer_events = 0;
    arm(a, now);
}

void apic_timer_divide(ApicCore *a, uint32_t divide, int64_t now)
{
    uint32_t left = apic_timer_count(a, now);

    a->divide = divide;
    if (left) {
        /* What is left counts on with the new divisor. */
        a->timer_start = now - (int64_t)(a->initial_count - left) * divisor(a);
        a->timer_events = 0;
        arm(a, now);
    }
}

void apic_timer_mode_changed(ApicCore *a, uint32_t old_lvt, int64_t now)
{
    unsigned was = timer_mode(old_lvt), is = timer_mode(a->lvt[APIC_LVT_TIMER]);

    if (was == is) {
        return;
    }
    /* Between TSC deadline and the others the timer is disarmed (11.5.4.1). */
    if (was == MODE_TSC_DEADLINE || is == MODE_TSC_DEADLINE) {
        apic_timer_stop(a);
        return;
    }
    if (is == MODE_PERIODIC && a->initial_count) {
        a->timer_events = MAX(now - a->timer_start, 0) / duration(a);
    }
    arm(a, now);
}

void apic_timer_stop(ApicCore *a)
{
    a->initial_count = 0;
    a->tsc_deadline = 0;
    a->timer_events = 0;
    a->ops->set_timer(a->opaque, -1, 0);
}

void apic_timer_fired(ApicCore *a, int64_t now)
{
    bool due = true;

    qemu_mutex_lock(&a->lock);
    switch (timer_mode(a->lvt[APIC_LVT_TIMER])) {
    case MODE_TSC_DEADLINE:
        due = a->tsc_deadline != 0;
        a->tsc_deadline = 0;
        break;
    case MODE_PERIODIC:
        due = a->initial_count && now >= a->timer_start + duration(a);
        if (due) {
            /* One interrupt for all periods that have passed: the request bit holds no more. */
            a->timer_events = (now - a->timer_start) / duration(a);
        }
        arm(a, now);
        break;
    default:
        due = a->initial_count && !a->timer_events && now >= a->timer_start + duration(a);
        a->timer_events += due;
        arm(a, now);
        break;
    }
    qemu_mutex_unlock(&a->lock);
    if (due) {
        apic_local_event(a, APIC_LVT_TIMER);
    }
}

uint64_t apic_tsc_deadline(ApicCore *a)
{
    QEMU_LOCK_GUARD(&a->lock);

    return a->tsc_deadline;
}

void apic_set_tsc_deadline(ApicCore *a, uint64_t tsc)
{
    QEMU_LOCK_GUARD(&a->lock);

    if (timer_mode(a->lvt[APIC_LVT_TIMER]) == MODE_TSC_DEADLINE) {
        a->tsc_deadline = tsc;
        a->ops->set_timer(a->opaque, -1, tsc);
    }
}
