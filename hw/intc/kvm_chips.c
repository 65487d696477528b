/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kvm-i8259 and kvm-ioapic: stand for KVM's chips (kernel-irqchip=on).  Lines go to KVM, which
 * feeds its 8259s and its I/O APIC from one number; state is read and set by ioctl.
 */
#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"
#include "qemu/error.h"
#include "system/kvm.h"

#include <linux/kvm.h>

static bool get_chip(unsigned id, struct kvm_irqchip *chip)
{
    memset(chip, 0, sizeof(*chip));
    chip->chip_id = id;
    return kvm_vm_ioctl(KVM_GET_IRQCHIP, chip) == 0;
}

static void set_chip(struct kvm_irqchip *chip, const char *name)
{
    int r = kvm_vm_ioctl(KVM_SET_IRQCHIP, chip);

    if (r < 0) {
        warn_report("KVM does not take the state of its %s: %s", name, strerror(-r));
    }
}

/* --- 8259 pair */

static void pic_get(PICCommon *s, Pic chip[2])
{
    for (int n = 0; n < 2; n++) {
        struct kvm_irqchip c;
        const struct kvm_pic_state *p = &c.chip.pic;

        chip[n] = pic_power_on(n);
        if (!get_chip(n ? KVM_IRQCHIP_PIC_SLAVE : KVM_IRQCHIP_PIC_MASTER, &c)) {
            continue;
        }
        chip[n].line = p->last_irr;
        chip[n].irr = p->irr;
        chip[n].imr = p->imr;
        chip[n].isr = p->isr;
        chip[n].lowest = (p->priority_add + 7) & 7;
        chip[n].vector_base = p->irq_base;
        chip[n].read_isr = p->read_reg_select;
        chip[n].poll = p->poll;
        chip[n].special_mask = p->special_mask;
        chip[n].icw_step = p->init_state ? p->init_state + 1 : 0;
        chip[n].auto_eoi = p->auto_eoi;
        chip[n].rotate_auto = p->rotate_on_auto_eoi;
        chip[n].fully_nested = p->special_fully_nested_mode;
        chip[n].need_icw4 = p->init4;
        chip[n].elcr = p->elcr;
    }
}

static void pic_set(PICCommon *s, const Pic chip[2])
{
    for (int n = 0; n < 2; n++) {
        struct kvm_irqchip c = {.chip_id = n ? KVM_IRQCHIP_PIC_SLAVE : KVM_IRQCHIP_PIC_MASTER};

        c.chip.pic = (struct kvm_pic_state){
            .last_irr = chip[n].line,
            .irr = chip[n].irr,
            .imr = chip[n].imr,
            .isr = chip[n].isr,
            .priority_add = (chip[n].lowest + 1) & 7,
            .irq_base = chip[n].vector_base,
            .read_reg_select = chip[n].read_isr,
            .poll = chip[n].poll,
            .special_mask = chip[n].special_mask,
            .init_state = chip[n].icw_step ? chip[n].icw_step - 1 : 0,
            .auto_eoi = chip[n].auto_eoi,
            .rotate_on_auto_eoi = chip[n].rotate_auto,
            .special_fully_nested_mode = chip[n].fully_nested,
            .init4 = chip[n].need_icw4,
            .elcr = chip[n].elcr,
            .elcr_mask = chip[n].elcr_mask,
        };
        set_chip(&c, "8259 pair");
    }
}

static void kvm_pic_class_init(ObjectClass *klass, const void *data)
{
    ((DeviceClass *)klass)->desc = "KVM's pair of 8259A interrupt controllers";
    ((PICCommonClass *)klass)->get = pic_get;
    ((PICCommonClass *)klass)->set = pic_set;
}

static const TypeInfo kvm_pic_info = {
    .name = TYPE_KVM_I8259,
    .parent = TYPE_PIC_COMMON,
    .class_init = kvm_pic_class_init,
};
QOM_TYPE(kvm_pic_info);

/* --- I/O APIC */

static void set_input(void *opaque, int n, int level)
{
    kvm_set_irq(n, level);
}

static void ioapic_get(IOAPICCommon *s, IOAPICState *state)
{
    struct kvm_irqchip c;

    *state = ioapic_power_on();
    if (get_chip(KVM_IRQCHIP_IOAPIC, &c)) {
        state->id = c.chip.ioapic.id;
        state->index = c.chip.ioapic.ioregsel;
        state->line = c.chip.ioapic.irr;
        for (int pin = 0; pin < IOAPIC_NUM_PINS; pin++) {
            state->redir[pin] = c.chip.ioapic.redirtbl[pin].bits;
        }
    }
}

static void ioapic_set(IOAPICCommon *s, const IOAPICState *state)
{
    struct kvm_irqchip c = {.chip_id = KVM_IRQCHIP_IOAPIC};

    /* Devices lower their lines in their own resets; what is latched goes with the chips. */
    for (int n = 0; n < IOAPIC_NUM_PINS; n++) {
        kvm_set_irq(n, 0);
    }
    c.chip.ioapic.base_address = IOAPIC_DEFAULT_ADDRESS;
    c.chip.ioapic.id = state->id;
    c.chip.ioapic.ioregsel = state->index;
    c.chip.ioapic.irr = state->line;
    for (int pin = 0; pin < IOAPIC_NUM_PINS; pin++) {
        c.chip.ioapic.redirtbl[pin].bits = state->redir[pin];
    }
    set_chip(&c, "I/O APIC");
}

static void kvm_ioapic_init(Object *obj)
{
    qdev_init_gpio_in(DEVICE(obj), set_input, IOAPIC_NUM_PINS);
}

static void kvm_ioapic_class_init(ObjectClass *klass, const void *data)
{
    ((DeviceClass *)klass)->desc = "KVM's I/O APIC";
    ((IOAPICCommonClass *)klass)->get = ioapic_get;
    ((IOAPICCommonClass *)klass)->set = ioapic_set;
}

static const TypeInfo kvm_ioapic_info = {
    .name = TYPE_KVM_IOAPIC,
    .parent = TYPE_IOAPIC_COMMON,
    .class_init = kvm_ioapic_class_init,
    .instance_init = kvm_ioapic_init,
};
QOM_TYPE(kvm_ioapic_info);
