/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * isa-pit: the interval timer at ports 0x40 to 0x43 with the speaker port 0x61; kvm-pit stands for
 * KVM's.
 *
 * One lock of the device serves ports and the timer of counter 0, which runs in the main loop and
 * sets interrupt 0.
 */
#include "hw/timer/i8254.h"
#include "qemu/aio.h"
#include "qemu/thread.h"
#include "system/kvm.h"
#include "system/memory.h"

#include <linux/kvm.h>

enum { SPEAKER_GATE = 1, SPEAKER_DATA = 2, SPEAKER_REFRESH = 0x10, SPEAKER_OUT = 0x20 };

typedef struct PITDevice {
    SysBusDevice parent_obj;
    QemuMutex lock;
    PitCore core;    /* lock */
    uint8_t speaker; /* lock: bits 1:0 of port 0x61 */
    AioTimer *timer;
    qemu_irq irq;
    MemoryRegion io, port61;
} PITDevice;

static int64_t now_ns(void)
{
    return qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
}

/* Sets interrupt 0 to counter 0's output and arms the timer for the next edge. */
static void update(PITDevice *s, int64_t now)
{
    int64_t next = pit_core_next_change(&s->core, 0, now);

    qemu_set_irq(s->irq, pit_core_out(&s->core, 0, now));
    if (next < 0) {
        aio_timer_del(s->timer);
    } else {
        aio_timer_mod(s->timer, next);
    }
}

static void timer_fired(void *opaque)
{
    PITDevice *s = opaque;
    QEMU_LOCK_GUARD(&s->lock);

    /* A guest that programmed a fast timer and was not scheduled gets one edge now, not a flood:
     * the next is after now. */
    update(s, now_ns());
}

static uint64_t pit_read(void *opaque, hwaddr offset, unsigned size)
{
    PITDevice *s = opaque;

    return pit_core_read(&s->core, offset, now_ns());
}

static void pit_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    PITDevice *s = opaque;
    int64_t now = now_ns();

    pit_core_write(&s->core, offset, data, now);
    if (offset == 0 || (offset == 3 && data >> 6 == 0)) {
        update(s, now);
    }
}

static uint64_t port61_read(void *opaque, hwaddr offset, unsigned size)
{
    PITDevice *s = opaque;
    int64_t now = now_ns();

    /* The refresh bit toggles every 15 microseconds; delay loops count on it. */
    return s->speaker | (now / 15085 & 1 ? SPEAKER_REFRESH : 0) |
           (pit_core_out(&s->core, 2, now) ? SPEAKER_OUT : 0);
}

static void port61_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    PITDevice *s = opaque;

    s->speaker = data & (SPEAKER_GATE | SPEAKER_DATA);
    pit_core_set_gate(&s->core, 2, data & SPEAKER_GATE, now_ns());
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

static bool pit_realize(DeviceState *dev, GError **errp)
{
    PITDevice *s = (PITDevice *)dev;

    s->timer = aio_timer_new(aio_get_main(), QEMU_CLOCK_VIRTUAL, timer_fired, s);
    memory_region_init_io(&s->io, OBJECT(s), &pit_ops, s, "pit", 4);
    memory_region_set_lock(&s->io, &s->lock);
    memory_region_add_subregion(get_system_io(), 0x40, &s->io);
    memory_region_init_io(&s->port61, OBJECT(s), &port61_ops, s, "pcspk", 1);
    memory_region_set_lock(&s->port61, &s->lock);
    memory_region_add_subregion(get_system_io(), 0x61, &s->port61);
    return true;
}

static void pit_reset(DeviceState *dev)
{
    PITDevice *s = (PITDevice *)dev;
    int64_t now = now_ns();
    QEMU_LOCK_GUARD(&s->lock);

    pit_core_reset(&s->core, now);
    s->speaker = 0;
    qemu_set_irq(s->irq, 0);
    update(s, now);
}

static void pit_init(Object *obj)
{
    PITDevice *s = (PITDevice *)obj;

    qemu_mutex_init(&s->lock);
    qdev_init_gpio_out(DEVICE(obj), &s->irq, 1);
}

static void pit_finalize(Object *obj)
{
    PITDevice *s = (PITDevice *)obj;

    if (s->timer) {
        aio_timer_free(s->timer);
    }
    qemu_mutex_destroy(&s->lock);
}

static void pit_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->desc = "8254 interval timer";
    dc->realize = pit_realize;
    dc->reset = pit_reset;
    dc->user_creatable = false;
    dc->hotpluggable = false;
}

static const TypeInfo pit_info = {
    .name = TYPE_PIT,
    .parent = TYPE_SYS_BUS_DEVICE,
    .instance_size = sizeof(PITDevice),
    .class_init = pit_class_init,
    .instance_init = pit_init,
    .instance_finalize = pit_finalize,
};
QOM_TYPE(pit_info);

/* --- KVM's
 * ------------------------------------------------------------------------------------------ */

typedef struct KVMPITDevice {
    SysBusDevice parent_obj;
    int lost_tick_policy;
} KVMPITDevice;

static const char *const lost_tick_names[] = {"discard", "delay", "slew", NULL};
static const EnumTable lost_tick_table = {"LostTickPolicy", lost_tick_names};

static bool kvm_pit_realize(DeviceState *dev, GError **errp)
{
    /* The speaker port comes along: its gate and output belong to counter 2. */
    struct kvm_pit_config config = {.flags = KVM_PIT_SPEAKER_DUMMY};
    struct kvm_reinject_control control = {.pit_reinject =
                                               ((KVMPITDevice *)dev)->lost_tick_policy == 1};
    int r;

    if (((KVMPITDevice *)dev)->lost_tick_policy == 2) {
        error_setg(errp, "kvm-pit.lost_tick_policy=slew is not possible: use delay or discard");
        return false;
    }
    r = kvm_vm_ioctl(KVM_CREATE_PIT2, &config);
    if (r < 0 && r != -EEXIST) {
        error_setg_errno(
            errp, -r,
            "KVM cannot create an interval timer; -accel kvm,kernel-irqchip=split does without");
        return false;
    }
    r = kvm_vm_ioctl(KVM_REINJECT_CONTROL, &control);
    if (r < 0) {
        error_setg_errno(errp, -r, "KVM does not take lost_tick_policy");
        return false;
    }
    return true;
}

static void kvm_pit_reset(DeviceState *dev)
{
    struct kvm_pit_state2 st = {.flags = 0};

    for (int n = 0; n < 3; n++) {
        st.channels[n] = (struct kvm_pit_channel_state){
            .count = 0x10000, .mode = 3, .rw_mode = PIT_WORD, .gate = n != 2};
    }
    kvm_vm_ioctl(KVM_SET_PIT2, &st);
}

static const ObjectProperty kvm_pit_props[] = {
    DEFINE_PROP_ENUM("lost_tick_policy", KVMPITDevice, lost_tick_policy, lost_tick_table, 1,
                     "What becomes of ticks that the guest could not take"),
};

static void kvm_pit_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->desc = "KVM's 8254 interval timer";
    dc->realize = kvm_pit_realize;
    dc->reset = kvm_pit_reset;
    dc->user_creatable = false;
    dc->hotpluggable = false;
    object_class_add_property_table(klass, kvm_pit_props);
}

static const TypeInfo kvm_pit_info = {
    .name = TYPE_KVM_PIT,
    .parent = TYPE_SYS_BUS_DEVICE,
    .instance_size = sizeof(KVMPITDevice),
    .class_init = kvm_pit_class_init,
};
QOM_TYPE(kvm_pit_info);
