/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pic-common: what both variants of the 8259 pair share: reset. */
#include "hw/intc/i8259.h"
#include "system/kvm.h"

static void pic_reset(DeviceState *dev)
{
    Pic chip[2] = {pic_power_on(0), pic_power_on(1)};

    if (kvm_irqchip_in_kernel() && kvm_vcpus_fresh()) {
        return; /* KVM made its chips in this state */
    }
    PIC_COMMON_GET_CLASS(dev)->set(PIC_COMMON(dev), chip);
}

static void pic_common_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->reset = pic_reset;
    dc->user_creatable = false;
    dc->hotpluggable = false;
}

static const TypeInfo pic_common_info = {
    .name = TYPE_PIC_COMMON,
    .parent = TYPE_SYS_BUS_DEVICE,
    .instance_size = sizeof(PICCommon),
    .class_size = sizeof(PICCommonClass),
    .abstract = true,
    .class_init = pic_common_class_init,
};
QOM_TYPE(pic_common_info);
