/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hpet: the event timer at 0xfed00000.
 *
 * The counter is read without a lock, on the reader's thread even where the registers have a home
 * elsewhere; all else is under the device's lock.  The timer runs where the region is at home.
 */
#include "hw/timer/hpet.h"
#include "hw/i386/gsi.h"
#include "hw/timer/home_timer.h"

#define REG_COUNTER 0xf0

typedef struct HPETDevice {
    SysBusDevice parent_obj;
    QemuMutex lock;
    HpetCore core; /* lock, but for the counter */
    HomeTimer timer;
    MemoryRegion mmio;
    GSIState *gsi; /* the board's; NULL: interrupts go nowhere */
    uint8_t timers;
    bool msi;
    uint32_t intcap;
} HPETDevice;
#define HPET(obj) ((HPETDevice *)(obj))

static int64_t now_ns(void)
{
    return qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
}

static void set_irq(void *opaque, unsigned n, bool legacy, bool level)
{
    HPETDevice *s = opaque;

    if (s->gsi) {
        gsi_set_direct(s->gsi, n, level);
    }
}

static void send(void *opaque, MSIMessage msg)
{
    MemTxAttrs attrs = {.msi = 1};

    address_space_store(&address_space_memory, msg.address, 4, msg.data, attrs);
}

static void set_legacy(void *opaque, bool on)
{
    HPETDevice *s = opaque;

    if (s->gsi) {
        gsi_set_legacy_replaced(s->gsi, on);
    }
}

static const HpetOps core_ops = {.set_irq = set_irq, .send = send, .set_legacy = set_legacy};

static void timer_fired(void *opaque)
{
    HPETDevice *s = opaque;
    int64_t now = now_ns();
    QEMU_LOCK_GUARD(&s->lock);

    hpet_core_advance(&s->core, now);
    home_timer_mod(&s->timer, hpet_core_next(&s->core, now));
}

static bool read_counter(void *opaque, hwaddr offset, uint64_t *data, unsigned size)
{
    HPETDevice *s = opaque;

    if ((offset & ~UINT64_C(7)) != REG_COUNTER) {
        return false;
    }
    *data = hpet_counter(&s->core, now_ns()) >> (8 * (offset & 7)) & MASK_ULL(8 * size);
    return true;
}

static uint64_t hpet_read(void *opaque, hwaddr offset, unsigned size)
{
    HPETDevice *s = opaque;
    uint64_t val;

    if (read_counter(opaque, offset, &val, size)) {
        return val;
    }
    QEMU_LOCK_GUARD(&s->lock);
    return hpet_core_read(&s->core, offset, size, now_ns());
}

static void hpet_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    HPETDevice *s = opaque;
    int64_t now = now_ns();
    QEMU_LOCK_GUARD(&s->lock);

    hpet_core_write(&s->core, offset, data, size, now);
    hpet_core_advance(&s->core, now);
    home_timer_mod(&s->timer, hpet_core_next(&s->core, now));
}

static const MemoryRegionOps hpet_ops = {
    .read = hpet_read,
    .write = hpet_write,
    .read_direct = read_counter,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 4, .max_access_size = 8},
    .impl = {.min_access_size = 4, .max_access_size = 8},
};

void hpet_connect(DeviceState *dev, GSIState *gsi)
{
    HPET(dev)->gsi = gsi;
}

static bool hpet_realize(DeviceState *dev, GError **errp)
{
    HPETDevice *s = HPET(dev);

    if (s->timers < HPET_MIN_TIMERS || s->timers > HPET_MAX_TIMERS) {
        error_setg(errp, "hpet.timers=%u: give %d to %d", s->timers, HPET_MIN_TIMERS,
                   HPET_MAX_TIMERS);
        return false;
    }
    if (s->intcap & ~0xffffffu) {
        error_setg(errp, "hpet.hpet-intcap=0x%x: the I/O APIC has pins 0 to 23 (0xffffff)",
                   s->intcap);
        return false;
    }
    memory_region_init_io(&s->mmio, OBJECT(s), &hpet_ops, s, "hpet", HPET_SIZE);
    home_timer_init(&s->timer, &s->mmio, QEMU_CLOCK_VIRTUAL, timer_fired, s);
    hpet_core_init(&s->core, s->timers, s->intcap, s->msi, &core_ops, s);
    sysbus_init_mmio(SYS_BUS_DEVICE(s), &s->mmio);
    return true;
}

static void hpet_reset(DeviceState *dev)
{
    HPETDevice *s = HPET(dev);
    QEMU_LOCK_GUARD(&s->lock);

    hpet_core_reset(&s->core);
    home_timer_mod(&s->timer, -1);
}

static void hpet_init(Object *obj)
{
    qemu_mutex_init(&HPET(obj)->lock);
}

static void hpet_finalize(Object *obj)
{
    home_timer_cleanup(&HPET(obj)->timer);
    qemu_mutex_destroy(&HPET(obj)->lock);
}

static const ObjectProperty hpet_props[] = {
    DEFINE_PROP_UINT8("timers", HPETDevice, timers, HPET_MIN_TIMERS, "comparators, 3 to 32"),
    DEFINE_PROP_BOOL("msi", HPETDevice, msi, false, "comparators can send messages"),
    DEFINE_PROP_UINT32("hpet-intcap", HPETDevice, intcap, HPET_ROUTES,
                       "I/O APIC pins that comparators may use, a bit each"),
};

static void hpet_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->desc = "high precision event timer";
    dc->realize = hpet_realize;
    dc->reset = hpet_reset;
    dc->user_creatable = false;
    dc->hotpluggable = false;
    object_class_add_property_table(klass, hpet_props);
}

static const TypeInfo hpet_info = {
    .name = TYPE_HPET,
    .parent = TYPE_SYS_BUS_DEVICE,
    .instance_size = sizeof(HPETDevice),
    .class_init = hpet_class_init,
    .instance_init = hpet_init,
    .instance_finalize = hpet_finalize,
};
QOM_TYPE(hpet_info);
