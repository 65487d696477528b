/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * isa-pit: the interval timer at ports 0x40 to 0x43 with the speaker port 0x61.
 *
 * One lock of the device serves ports and the timer of counter 0, which sets interrupt 0.  The
 * timer runs where the ports' region is at home, in the main loop if nowhere.
 *
 * Ticks that a guest cannot take in time (lost_tick_policy): "discard" forgets them; "delay" owes
 * them and delivers each as soon as the one before was taken; "slew" does so at most at twice the
 * rate that was programmed.  Ticks to which nobody listens are never owed.
 */
#include "hw/timer/i8254.h"
#include "hw/timer/home_timer.h"
#include "monitor/hmp.h"
#include "qemu/thread.h"
#include "system/kvm.h"

/* Port 0x61 (ICH9 data sheet, 13.7.1). */
enum { NMI_SC_GATE = 1, NMI_SC_WRITABLE = 0x0f, NMI_SC_REFRESH = 0x10, NMI_SC_OUT = 0x20 };

#define REFRESH_NS 15085
/* A guest may program 600,000 ticks a second: they are looked after no more often than this. */
#define SHORTEST_NS (50 * SCALE_US)
#define OWED_MAX 100000
/* Interrupt 0 that was masked for so long is wanted by nobody. */
#define MASKED_NS (100 * SCALE_MS)

typedef struct PITDevice {
    PITCommon common;
    QemuMutex lock;
    PITState st;       /* lock */
    int64_t seen;      /* lock: edges of counter 0 up to here are accounted for */
    int64_t injected;  /* lock: when interrupt 0 was raised last */
    int64_t open_at;   /* lock: when somebody was last seen to want interrupt 0 */
    uint32_t owed;     /* lock: ticks that the guest has still to get */
    bool disconnected; /* lock: HPET has taken interrupt 0 over */
    const PITBoardOps *board;
    void *board_opaque;
    HomeTimer timer;
    qemu_irq irq;
    MemoryRegion io, port61;
} PITDevice;
#define PIT(obj) ((PITDevice *)(obj))

static int64_t now_ns(void)
{
    return qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
}

static void pulse(PITDevice *s, int64_t now)
{
    if (!s->disconnected) {
        qemu_irq_lower(s->irq);
        qemu_irq_raise(s->irq);
    }
    s->injected = now;
}

static PITTick tick_state(PITDevice *s)
{
    return s->board && !s->disconnected ? s->board->tick_state(s->board_opaque) : PIT_TICK_TAKEN;
}

static int64_t shortest_gap(PITDevice *s)
{
    return s->common.lost_tick_policy == PIT_LOST_SLEW ? pit_core_period(&s->st.core, 0) / 2 : 0;
}

/* New ticks came due, or (ticks 0) it is time to deliver what is owed. */
static void deliver(PITDevice *s, uint64_t ticks, int64_t now)
{
    PITTick state;

    if (s->common.lost_tick_policy == PIT_LOST_DISCARD) {
        if (ticks) {
            pulse(s, now);
        }
        return;
    }
    state = tick_state(s);
    if (state == PIT_TICK_PENDING && now > s->injected + NANOSECONDS_PER_SECOND) {
        state = PIT_TICK_TAKEN; /* whoever should have told has forgotten */
    }
    if (state != PIT_TICK_NOBODY) {
        s->open_at = s->disconnected ? s->open_at : now;
    } else if (now - s->open_at < MASKED_NS) {
        /* Handlers mask their interrupt for a moment: what comes meanwhile is not for nobody. */
        s->owed = MIN(s->owed + ticks, OWED_MAX);
        return;
    }
    if (state == PIT_TICK_NOBODY) {
        s->owed = 0;
        if (ticks) {
            pulse(s, now); /* an input that is masked at the 8259 still latches it */
        }
        return;
    }
    s->owed = MIN(s->owed + ticks, OWED_MAX);
    if (s->owed && state == PIT_TICK_TAKEN && now >= s->injected + shortest_gap(s)) {
        s->owed--;
        pulse(s, now);
    }
}

/* The next rising edge of counter 0 after now. */
static int64_t next_rise(const PitCore *core, int64_t now);

static void arm(PITDevice *s, int64_t now)
{
    int64_t next = next_rise(&s->st.core, now);

    if (s->owed) {
        int64_t period = pit_core_period(&s->st.core, 0),
                soon = now + MAX(period / 2, SCALE_MS / 4);

        next = next < 0 ? soon : MIN(next, soon);
    }
    home_timer_mod(&s->timer, next < 0 ? -1 : MAX(next, s->injected + SHORTEST_NS));
}

static int64_t next_rise(const PitCore *core, int64_t now)
{
    /* At most: falls, rises by a load, and the new count's own. */
    for (int i = 0; i < 4; i++) {
        int was = pit_core_out(core, 0, now);
        int64_t next = pit_core_next_change(core, 0, now);

        if (next < 0 || !was) {
            return next;
        }
        now = next;
    }
    return -1;
}

static void update(PITDevice *s, int64_t now)
{
    uint64_t rises = pit_core_rises(&s->st.core, 0, s->seen, now);

    s->seen = now;
    if (rises || s->owed) {
        deliver(s, rises, now);
    }
    arm(s, now);
}

static void timer_fired(void *opaque)
{
    PITDevice *s = opaque;
    QEMU_LOCK_GUARD(&s->lock);

    update(s, now_ns());
}

static bool is_pit(Object *child, void *opaque)
{
    if (object_is_a(child, TYPE_PIT)) {
        *(Object **)opaque = child;
    }
    return true;
}

static void hmp_info_pit(Monitor *mon, const HmpArgs *args)
{
    Object *obj = NULL;
    uint32_t owed;
    int64_t period;

    object_child_foreach_recursive(object_get_root(), is_pit, &obj);
    if (!obj) {
        monitor_printf(mon, "no interval timer of the emulator's\n");
        return;
    }
    qemu_mutex_lock(&PIT(obj)->lock);
    update(PIT(obj), now_ns());
    owed = PIT(obj)->owed;
    period = pit_core_period(&PIT(obj)->st.core, 0);
    qemu_mutex_unlock(&PIT(obj)->lock);
    monitor_printf(mon, "owed=%u ticks period=%" PRId64 " ns\n", owed, period);
}
HMP_INFO(hmp_info_pit, "pit", "",
         "show the interval timer's ticks that the guest has still to take", hmp_info_pit, 0, 0);

void pit_set_board(DeviceState *dev, const PITBoardOps *ops, void *opaque)
{
    PIT(dev)->board = ops;
    PIT(dev)->board_opaque = opaque;
}

void pit_tick_taken(DeviceState *dev)
{
    PITDevice *s = PIT(dev);
    int64_t now;

    if (!__atomic_load_n(&s->owed, __ATOMIC_RELAXED)) {
        return;
    }
    now = now_ns();
    QEMU_LOCK_GUARD(&s->lock);
    if (s->owed) {
        deliver(s, 0, now);
        arm(s, now);
    }
}

/* --- ports */

static uint64_t pit_read(void *opaque, hwaddr offset, unsigned size)
{
    PITDevice *s = opaque;

    return pit_core_read(&s->st.core, offset, now_ns());
}

static void pit_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    PITDevice *s = opaque;
    int64_t now = now_ns();
    bool is_counter0 = offset == 0 || (offset == 3 && data >> 6 == 0 && (data & 0x30));
    int was;

    if (!is_counter0) {
        pit_core_write(&s->st.core, offset, data, now);
        return;
    }
    update(s, now);
    was = pit_core_out(&s->st.core, 0, now);
    if (offset == 3) {
        s->owed = 0; /* a new mode is a new beginning */
    }
    pit_core_write(&s->st.core, offset, data, now);
    if (!was && pit_core_out(&s->st.core, 0, now)) {
        deliver(s, 1, now); /* the write itself raised the output */
    }
    arm(s, now);
}

static uint64_t port61_read(void *opaque, hwaddr offset, unsigned size)
{
    PITDevice *s = opaque;
    int64_t now = now_ns();

    /* The refresh bit toggles every 15 microseconds; delay loops count on it. */
    return s->st.speaker | (now / REFRESH_NS & 1 ? NMI_SC_REFRESH : 0) |
           (pit_core_out(&s->st.core, 2, now) ? NMI_SC_OUT : 0);
}

static void port61_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    PITDevice *s = opaque;

    s->st.speaker = data & NMI_SC_WRITABLE;
    pit_core_set_gate(&s->st.core, 2, data & NMI_SC_GATE, now_ns());
}

static const MemoryRegionOps pit_ops = {
    .read = pit_read,
    .write = pit_write,
    .impl = {.min_access_size = 1, .max_access_size = 1},
};

static const MemoryRegionOps port61_ops = {
    .read = port61_read,
    .write = port61_write,
    .impl = {.min_access_size = 1, .max_access_size = 1},
};

/* --- device */

/* Input 0: HPET lets the timer have interrupt 0 (1) or takes it over (0). */
static void connect_irq(void *opaque, int n, int level)
{
    PITDevice *s = opaque;
    QEMU_LOCK_GUARD(&s->lock);

    s->disconnected = !level;
    if (s->disconnected) {
        s->owed = 0;
    }
}

static bool pit_realize(DeviceState *dev, GError **errp)
{
    PITDevice *s = PIT(dev);

    memory_region_init_io(&s->io, OBJECT(s), &pit_ops, s, "pit", 4);
    memory_region_set_lock(&s->io, &s->lock);
    home_timer_init(&s->timer, &s->io, QEMU_CLOCK_VIRTUAL, timer_fired, s);
    memory_region_add_subregion(get_system_io(), 0x40, &s->io);
    memory_region_init_io(&s->port61, OBJECT(s), &port61_ops, s, "pcspk", 1);
    memory_region_set_lock(&s->port61, &s->lock);
    memory_region_add_subregion(get_system_io(), 0x61, &s->port61);
    return true;
}

static void pit_get(PITCommon *common, PITState *state)
{
    QEMU_LOCK_GUARD(&PIT(common)->lock);

    *state = PIT(common)->st;
}

static void pit_set(PITCommon *common, const PITState *state)
{
    PITDevice *s = PIT(common);
    int64_t now = now_ns();
    QEMU_LOCK_GUARD(&s->lock);

    s->st = *state;
    s->seen = now;
    s->owed = 0;
    s->injected = 0;
    s->open_at = INT64_MIN / 2;
    s->disconnected = false;
    /* A timer that was never programmed has requested nothing. */
    qemu_set_irq(s->irq, s->st.core.c[0].programmed && pit_core_out(&s->st.core, 0, now));
    arm(s, now);
}

static void pit_init(Object *obj)
{
    PITDevice *s = PIT(obj);

    qemu_mutex_init(&s->lock);
    qdev_init_gpio_in(DEVICE(obj), connect_irq, 1);
    qdev_init_gpio_out(DEVICE(obj), &s->irq, 1);
}

static void pit_finalize(Object *obj)
{
    PITDevice *s = PIT(obj);

    home_timer_cleanup(&s->timer);
    qemu_mutex_destroy(&s->lock);
}

static void pit_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->desc = "8254 interval timer";
    dc->realize = pit_realize;
    ((PITCommonClass *)klass)->get = pit_get;
    ((PITCommonClass *)klass)->set = pit_set;
}

static const TypeInfo pit_info = {
    .name = TYPE_PIT,
    .parent = TYPE_PIT_COMMON,
    .instance_size = sizeof(PITDevice),
    .class_init = pit_class_init,
    .instance_init = pit_init,
    .instance_finalize = pit_finalize,
};
QOM_TYPE(pit_info);
