/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The board's I/O APIC as a device: "ioapic" emulates the chip; "kvm-ioapic" stands for KVM's and
 * passes lines on to KVM, which feeds its 8259s and its I/O APIC from one number.
 *
 * Input n is global interrupt n.  Interrupt 0 (the PIT) is wired to pin 2, as the MADT's override
 * says.
 */
#include "hw/intc/ioapic.h"
#include "system/kvm.h"

typedef struct IOAPICDevice {
    SysBusDevice parent_obj;
    IOAPICCore core;
    MemoryRegion mmio;
} IOAPICDevice;

static void deliver(void *opaque, MSIMessage msg)
{
    if (kvm_enabled()) {
        kvm_send_msi(msg);
    }
}

static void route(void *opaque, int pin, bool masked, MSIMessage msg)
{
    if (kvm_irqchip_is_split()) {
        kvm_irq_routes_begin();
        kvm_irq_route_set_ioapic_pin(pin, masked, msg);
        kvm_irq_routes_commit();
    }
}

static const IOAPICOps core_ops = {.deliver = deliver, .route = route};

static void end_of_interrupt(void *opaque, uint8_t vector)
{
    ioapic_core_eoi(opaque, vector);
}

static void set_input(void *opaque, int n, int level)
{
    ioapic_core_set_pin(&((IOAPICDevice *)opaque)->core, n == 0 ? 2 : n, level);
}

static void kvm_set_input(void *opaque, int n, int level)
{
    kvm_set_irq(n, level);
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

    memory_region_init_io(&s->mmio, OBJECT(s), &mmio_ops, &s->core, "ioapic", 0x1000);
    sysbus_init_mmio(SYS_BUS_DEVICE(s), &s->mmio);
    kvm_set_ioapic_eoi(end_of_interrupt, &s->core);
    return true;
}

static void ioapic_reset(DeviceState *dev)
{
    ioapic_core_reset(&((IOAPICDevice *)dev)->core);
}

static void ioapic_init(Object *obj)
{
    ioapic_core_init(&((IOAPICDevice *)obj)->core, &core_ops, obj);
    qdev_init_gpio_in(DEVICE(obj), set_input, IOAPIC_NUM_PINS);
}

static void kvm_ioapic_init(Object *obj)
{
    qdev_init_gpio_in(DEVICE(obj), kvm_set_input, IOAPIC_NUM_PINS);
}

static void kvm_ioapic_reset(DeviceState *dev)
{
    /* Devices lower their lines in their own resets; what KVM latched goes with its chips' reset.
     */
    for (int n = 0; n < IOAPIC_NUM_PINS; n++) {
        kvm_set_irq(n, 0);
    }
}

static void common_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->user_creatable = false;
    dc->hotpluggable = false;
}

static void ioapic_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->desc = "I/O APIC";
    dc->realize = ioapic_realize;
    dc->reset = ioapic_reset;
    dc->user_creatable = false;
    dc->hotpluggable = false;
}

static void kvm_ioapic_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->desc = "KVM's I/O APIC";
    dc->reset = kvm_ioapic_reset;
    dc->user_creatable = false;
    dc->hotpluggable = false;
}

static const TypeInfo common_info = {
    .name = TYPE_IOAPIC_COMMON,
    .parent = TYPE_SYS_BUS_DEVICE,
    .instance_size = sizeof(IOAPICDevice),
    .abstract = true,
    .class_init = common_class_init,
};
QOM_TYPE(common_info);

static const TypeInfo ioapic_info = {
    .name = TYPE_IOAPIC,
    .parent = TYPE_IOAPIC_COMMON,
    .class_init = ioapic_class_init,
    .instance_init = ioapic_init,
};
QOM_TYPE(ioapic_info);

static const TypeInfo kvm_ioapic_info = {
    .name = TYPE_KVM_IOAPIC,
    .parent = TYPE_IOAPIC_COMMON,
    .class_init = kvm_ioapic_class_init,
    .instance_init = kvm_ioapic_init,
};
QOM_TYPE(kvm_ioapic_info);
