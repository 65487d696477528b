/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pit-common: what both variants of the interval timer share: reset and the policy for lost ticks.
 */
#include "hw/timer/i8254.h"
#include "system/kvm.h"

static void pit_reset(DeviceState *dev)
{
    PITState state = {.speaker = 0};

    if (kvm_irqchip_in_kernel() && kvm_vcpus_fresh()) {
        return; /* KVM made its chips in this state */
    }
    pit_core_reset(&state.core);
    PIT_COMMON_GET_CLASS(dev)->set(PIT_COMMON(dev), &state);
}

static const char *const lost_tick_names[] = {"discard", "delay", "slew", NULL};
static const EnumTable lost_tick_table = {"LostTickPolicy", lost_tick_names};

static const ObjectProperty pit_props[] = {
    DEFINE_PROP_ENUM("lost_tick_policy", PITCommon, lost_tick_policy, lost_tick_table,
                     PIT_LOST_DELAY, "What becomes of ticks that the guest could not take"),
};

static void common_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->reset = pit_reset;
    dc->user_creatable = false;
    dc->hotpluggable = false;
    object_class_add_property_table(klass, pit_props);
}

static const TypeInfo common_info = {
    .name = TYPE_PIT_COMMON,
    .parent = TYPE_SYS_BUS_DEVICE,
    .instance_size = sizeof(PITCommon),
    .class_size = sizeof(PITCommonClass),
    .abstract = true,
    .class_init = common_class_init,
};
QOM_TYPE(common_info);
