/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ioapic-common: what both variants of the I/O APIC share: reset. */
#include "hw/intc/ioapic.h"
#include "system/kvm.h"

static void ioapic_reset(DeviceState *dev)
{
    IOAPICState state = ioapic_power_on();

    if (kvm_irqchip_in_kernel() && kvm_vcpus_fresh()) {
        return; /* KVM made its chips in this state */
    }
    IOAPIC_COMMON_GET_CLASS(dev)->set(IOAPIC_COMMON(dev), &state);
}

static void common_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->reset = ioapic_reset;
    dc->user_creatable = false;
    dc->hotpluggable = false;
}

static const TypeInfo common_info = {
    .name = TYPE_IOAPIC_COMMON,
    .parent = TYPE_SYS_BUS_DEVICE,
    .instance_size = sizeof(IOAPICCommon),
    .class_size = sizeof(IOAPICCommonClass),
    .abstract = true,
    .class_init = common_class_init,
};
QOM_TYPE(common_info);
