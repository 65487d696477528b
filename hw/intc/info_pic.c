/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "info pic": registers of the 8259 pair and the I/O APIC, whoever emulates them. */
#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"
#include "monitor/hmp.h"

static void print_pic(Monitor *mon, int n, const Pic *c)
{
    monitor_printf(mon,
                   "pic%d: irr=%02x imr=%02x isr=%02x hprio=%d irq_base=%02x rr_sel=%d elcr=%02x "
                   "fnm=%d\n",
                   n, c->irr, c->imr, c->isr, (c->lowest + 1) & 7, c->vector_base, c->read_isr,
                   c->elcr, c->fully_nested);
}

static void print_ioapic(Monitor *mon, const IOAPICState *s)
{
    static const char *const modes[] = {"fixed", "lowest", "SMI", "...",
                                        "NMI",   "INIT",   "...", "ExtINT"};

    monitor_printf(mon, "ioapic0: ver=0x20 id=0x%02x sel=0x%02x\n", s->id, s->index);
    for (int pin = 0; pin < IOAPIC_NUM_PINS; pin++) {
        uint64_t e = s->redir[pin];

        monitor_printf(
            mon, "  pin %-2d 0x%016" PRIx64 " dest=%" PRIx64 " vec=%-3u %s %s %s %s %s%s%s\n", pin,
            e, e >> 56, (unsigned)(e & 0xff), e & BIT(13) ? "active-lo" : "active-hi",
            e & BIT(15) ? "level" : "edge", e & BIT(16) ? "masked" : "", modes[e >> 8 & 7],
            e & BIT(11) ? "logical" : "physical", e & BIT(14) ? " remote-irr" : "",
            s->line & BIT(pin) ? " asserted" : "");
    }
}

typedef struct Found {
    const char *type;
    Object *obj;
} Found;

static bool is_it(Object *child, void *opaque)
{
    Found *f = opaque;

    if (object_is_a(child, f->type)) {
        f->obj = child;
    }
    return !f->obj;
}

/* The first object of an abstract type. */
static Object *find(const char *type)
{
    Found f = {.type = type};

    object_child_foreach_recursive(object_get_root(), is_it, &f);
    return f.obj;
}

static void hmp_info_pic(Monitor *mon, const HmpArgs *args)
{
    Object *pic = find(TYPE_PIC_COMMON), *ioapic = find(TYPE_IOAPIC_COMMON);

    if (pic) {
        Pic chip[2];

        PIC_COMMON_GET_CLASS(pic)->get(PIC_COMMON(pic), chip);
        print_pic(mon, 0, &chip[0]);
        print_pic(mon, 1, &chip[1]);
    }
    if (ioapic) {
        IOAPICState state;

        IOAPIC_COMMON_GET_CLASS(ioapic)->get(IOAPIC_COMMON(ioapic), &state);
        print_ioapic(mon, &state);
    }
    if (!pic && !ioapic) {
        monitor_printf(mon, "this machine has no interrupt controllers but the local APICs\n");
    }
}
HMP_INFO(hmp_info_pic, "pic", "", "show the registers of 8259 pair and I/O APIC", hmp_info_pic, 0,
         0);
