/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kvm-pit: stands for KVM's interval timer (kernel-irqchip=on). */
#include "hw/timer/i8254.h"
#include "qemu/error.h"
#include "system/kvm.h"

#include <linux/kvm.h>

/* KVM runs no timer for a counter in this mode, as for one that was never programmed. */
#define MODE_NONE 0xff

static bool kvm_pit_realize(DeviceState *dev, GError **errp)
{
    /* The speaker port comes along: its gate and output belong to counter 2. */
    struct kvm_pit_config config = {.flags = KVM_PIT_SPEAKER_DUMMY};
    int policy = PIT_COMMON(dev)->lost_tick_policy;
    struct kvm_reinject_control control = {.pit_reinject = policy == PIT_LOST_DELAY};
    int r;

    if (policy == PIT_LOST_SLEW) {
        error_setg(errp, "kvm-pit.lost_tick_policy=slew: KVM's interval timer cannot; use delay or "
                         "discard, or -accel kvm,kernel-irqchip=split");
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

static void kvm_pit_get(PITCommon *s, PITState *state)
{
    struct kvm_pit_state2 st;

    pit_core_reset(&state->core);
    state->speaker = 0;
    if (kvm_vm_ioctl(KVM_GET_PIT2, &st) < 0) {
        return;
    }
    for (int n = 0; n < 3; n++) {
        const struct kvm_pit_channel_state *k = &st.channels[n];
        PitCounter *c = &state->core.c[n];

        c->programmed = k->mode <= 5;
        c->control = (k->rw_mode & 3) << 4 | (k->mode & 7) << 1 | (k->bcd & 1);
        c->gate = k->gate;
        c->cr = c->n = k->count ? k->count : 0x10000;
        c->cr_written = c->loaded = c->programmed;
    }
    state->speaker = state->core.c[2].gate;
}

static void kvm_pit_set(PITCommon *s, const PITState *state)
{
    struct kvm_pit_state2 st = {.flags = KVM_PIT_FLAGS_SPEAKER_DATA_ON * !!(state->speaker & 2)};
    int r;

    for (int n = 0; n < 3; n++) {
        const PitCounter *c = &state->core.c[n];

        st.channels[n] = (struct kvm_pit_channel_state){
            .count = c->cr ? c->cr : 0x10000,
            .mode = c->programmed ? c->control >> 1 & 7 : MODE_NONE,
            .rw_mode = c->control >> 4 & 3,
            .bcd = c->control & 1,
            .gate = c->gate,
        };
    }
    r = kvm_vm_ioctl(KVM_SET_PIT2, &st);
    if (r < 0) {
        warn_report("KVM does not take the state of its interval timer: %s", strerror(-r));
    }
}

/* Input 0: HPET lets the timer have interrupt 0 (1) or takes it over (0). */
static void connect_irq(void *opaque, int n, int level)
{
    struct kvm_pit_state2 st;

    if (kvm_vm_ioctl(KVM_GET_PIT2, &st) == 0 &&
        !!(st.flags & KVM_PIT_FLAGS_HPET_LEGACY) == !!level) {
        st.flags ^= KVM_PIT_FLAGS_HPET_LEGACY;
        kvm_vm_ioctl(KVM_SET_PIT2, &st);
    }
}

static void kvm_pit_init(Object *obj)
{
    qdev_init_gpio_in(DEVICE(obj), connect_irq, 1);
}

static void kvm_pit_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->desc = "KVM's 8254 interval timer";
    dc->realize = kvm_pit_realize;
    ((PITCommonClass *)klass)->get = kvm_pit_get;
    ((PITCommonClass *)klass)->set = kvm_pit_set;
}

static const TypeInfo kvm_pit_info = {
    .name = TYPE_KVM_PIT,
    .parent = TYPE_PIT_COMMON,
    .class_init = kvm_pit_class_init,
    .instance_init = kvm_pit_init,
};
QOM_TYPE(kvm_pit_info);
