/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "ioapic": the emulator's chip in its page, between the board's lines and the local APICs.
 *
 * Input n is global interrupt gsi_base + n.  Interrupt 0 (the PIT) is wired to pin 2, as the MADT's override
 * says.
 */
#include "hw/intc/ioapic.h"
#include "qemu/aio.h"
#include "system/kvm.h"

#define TIMER_PIN 2
#define STORM_PAUSE (10 * SCALE_MS)

typedef struct IOAPICDevice {
    IOAPICCommon common;
    MemoryRegion mmio;
    AioTimer *resume;
} IOAPICDevice;

static void deliver(void *opaque, MSIMessage msg)
{
    if (kvm_enabled()) {
        kvm_send_msi(msg);
    }
}

static void route(void *opaque, int pin, bool present, MSIMessage msg)
{
    if (kvm_irqchip_is_split()) {
        kvm_irq_routes_begin();
        kvm_irq_route_set_ioapic_pin(IOAPIC_COMMON(opaque)->gsi_base + pin, !present, msg);
        kvm_irq_routes_commit();
    }
}

static void storm(void *opaque)
{
    IOAPICDevice *s = opaque;

    aio_timer_mod(s->resume, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + STORM_PAUSE);
}

static void resume(void *opaque)
{
    ioapic_core_resume(&((IOAPICDevice *)opaque)->common.core);
}

static void ended(void *opaque, int pin)
{
    if (kvm_irqchip_is_split()) {
        kvm_irqfd_resample(IOAPIC_COMMON(opaque)->gsi_base + pin);
    }
}

static const IOAPICOps core_ops = {
    .deliver = deliver, .route = route, .ended = ended, .pause = storm};

static void end_of_interrupt(void *opaque, uint8_t vector, bool broadcast)
{
    ioapic_core_eoi(opaque, vector, broadcast);
}

static bool eoi_register_used(void *opaque)
{
    return __atomic_load_n(&((IOAPICCore *)opaque)->eoi_register_used, __ATOMIC_RELAXED);
}

static void set_input(void *opaque, int n, int level)
{
    bool timer = n == 0 && !IOAPIC_COMMON(opaque)->gsi_base;

    ioapic_core_set_pin(&IOAPIC_COMMON(opaque)->core, timer ? TIMER_PIN : n, level);
}

static uint64_t mmio_read(void *opaque, hwaddr offset, unsigned size)
{
    return ioapic_core_read(opaque, offset & 0xff);
}

static void mmio_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    ioapic_core_write(opaque, offset & 0xff, data);
}

static const MemoryRegionOps mmio_ops = {
    .read = mmio_read,
    .write = mmio_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 1, .max_access_size = 4},
    .impl = {.min_access_size = 4, .max_access_size = 4},
};

static bool ioapic_realize(DeviceState *dev, GError **errp)
{
    IOAPICDevice *s = (IOAPICDevice *)dev;

    s->resume = aio_timer_new(aio_get_main(), QEMU_CLOCK_VIRTUAL, resume, s);
    memory_region_init_io(&s->mmio, OBJECT(s), &mmio_ops, &s->common.core, "ioapic", 0x1000);
    sysbus_init_mmio(SYS_BUS_DEVICE(s), &s->mmio);
    kvm_add_ioapic_eoi(end_of_interrupt, eoi_register_used, &s->common.core);
    return true;
}

static void ioapic_get(IOAPICCommon *s, IOAPICState *state)
{
    ioapic_core_get(&s->core, state);
}

static void ioapic_set(IOAPICCommon *s, const IOAPICState *state)
{
    ioapic_core_set(&s->core, state);
}

static void ioapic_init(Object *obj)
{
    ioapic_core_init(&IOAPIC_COMMON(obj)->core, &core_ops, obj);
    qdev_init_gpio_in(DEVICE(obj), set_input, IOAPIC_NUM_PINS);
}

static void ioapic_finalize(Object *obj)
{
    IOAPICDevice *s = (IOAPICDevice *)obj;

    if (s->resume) {
        aio_timer_free(s->resume);
    }
}

static void ioapic_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->desc = "I/O APIC";
    dc->realize = ioapic_realize;
    ((IOAPICCommonClass *)klass)->get = ioapic_get;
    ((IOAPICCommonClass *)klass)->set = ioapic_set;
}

static const TypeInfo ioapic_info = {
    .name = TYPE_IOAPIC,
    .parent = TYPE_IOAPIC_COMMON,
    .instance_size = sizeof(IOAPICDevice),
    .class_init = ioapic_class_init,
    .instance_init = ioapic_init,
    .instance_finalize = ioapic_finalize,
};
QOM_TYPE(ioapic_info);
