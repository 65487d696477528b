/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * isa-parallel: a printer port as in the PC/AT and PS/2 (IEEE 1284's compatibility and byte modes)
 * whose printer is a character device that takes each byte at once.
 */
#include "chardev/char.h"
#include "hw/isa/isa.h"
#include "qemu/thread.h"

#define MAX_PORTS 3

enum { REG_DATA, REG_STATUS, REG_CONTROL, REGS };
enum {
    CTL_STROBE = 0x01,
    CTL_INIT = 0x04, /* low: the printer is reset */
    CTL_IRQ = 0x10,
    CTL_INPUT = 0x20, /* the data lines are not driven */
    CTL_UNUSED = 0xc0,

    STS_IDLE = 0xd8, /* not busy, no acknowledgement, selected, no error */
    STS_UNUSED = 0x07,
};

typedef struct ParallelPort {
    ISADevice parent_obj;
    QemuMutex lock;
    CharFrontend chr;
    uint32_t index, iobase, irq_number;
    uint8_t data, control; /* lock */
    qemu_irq irq;
    MemoryRegion io;
} ParallelPort;
#define PARALLEL(obj) ((ParallelPort *)(obj))

static uint64_t parallel_read(void *opaque, hwaddr offset, unsigned size)
{
    ParallelPort *s = opaque;
    QEMU_LOCK_GUARD(&s->lock);

    switch (offset) {
    case REG_DATA:
        return s->control & CTL_INPUT ? 0xff : s->data; /* nothing drives the lines */
    case REG_STATUS:
        return STS_IDLE | STS_UNUSED;
    case REG_CONTROL:
        return s->control | CTL_UNUSED;
    }
    return 0xff;
}

/* The printer takes the byte while the strobe is active, and acknowledges when it ends. */
static void write_control(ParallelPort *s, uint8_t val)
{
    uint8_t old = s->control;

    s->control = val & ~CTL_UNUSED;
    if (!(s->control & CTL_INIT)) {
        return;
    }
    if (val & ~old & CTL_STROBE && !(val & CTL_INPUT)) {
        qemu_chr_fe_write_all(&s->chr, &s->data, 1);
    }
    if (old & ~val & CTL_STROBE && val & CTL_IRQ) {
        qemu_irq_pulse(s->irq);
    }
}

static void parallel_write(void *opaque, hwaddr offset, uint64_t val, unsigned size)
{
    ParallelPort *s = opaque;
    QEMU_LOCK_GUARD(&s->lock);

    if (offset == REG_DATA) {
        s->data = val;
    } else if (offset == REG_CONTROL) {
        write_control(s, val);
    }
}

static const MemoryRegionOps parallel_ops = {
    .read = parallel_read,
    .write = parallel_write,
    .impl = {.min_access_size = 1, .max_access_size = 1},
};

static bool parallel_realize(DeviceState *dev, GError **errp)
{
    static const uint16_t bases[MAX_PORTS] = {0x378, 0x278, 0x3bc};
    static unsigned next_index;
    ParallelPort *s = PARALLEL(dev);

    if (s->index == UINT32_MAX) {
        s->index = next_index;
    }
    if (s->index >= MAX_PORTS) {
        error_setg(errp, "isa-parallel: index=%u: a PC has %d parallel ports, 0 to %d", s->index,
                   MAX_PORTS, MAX_PORTS - 1);
        return false;
    }
    if (!s->chr.chr) {
        error_setg(errp, "isa-parallel: chardev= is missing: name a character device");
        return false;
    }
    s->iobase = s->iobase == UINT32_MAX ? bases[s->index] : s->iobase;
    if (s->irq_number > 15 || s->iobase > 0xfffc) {
        error_setg(errp, "isa-parallel: irq=%u must be 0 to 15 and iobase=0x%x a port",
                   s->irq_number, s->iobase);
        return false;
    }
    next_index = s->index + 1;
    s->irq = isa_get_irq(ISA_DEVICE(dev), s->irq_number);
    memory_region_init_io(&s->io, OBJECT(dev), &parallel_ops, s, "parallel", REGS);
    isa_register_ioport(ISA_DEVICE(dev), &s->io, s->iobase);
    return true;
}

static void parallel_unrealize(DeviceState *dev)
{
    isa_unregister_ioport(ISA_DEVICE(dev), &PARALLEL(dev)->io);
}

static void parallel_reset(DeviceState *dev)
{
    QEMU_LOCK_GUARD(&PARALLEL(dev)->lock);

    PARALLEL(dev)->data = 0;
    PARALLEL(dev)->control = CTL_INIT | 0x08; /* selected */
}

static void parallel_init(Object *obj)
{
    qemu_mutex_init(&PARALLEL(obj)->lock);
}

static void parallel_finalize(Object *obj)
{
    qemu_mutex_destroy(&PARALLEL(obj)->lock);
}

static const ObjectProperty parallel_props[] = {
    DEFINE_PROP_UINT32("index", ParallelPort, index, UINT32_MAX, "Number of the port: 0 is LPT1"),
    DEFINE_PROP_UINT32("iobase", ParallelPort, iobase, UINT32_MAX, "First port"),
    DEFINE_PROP_UINT32("irq", ParallelPort, irq_number, 7, "Interrupt line"),
    DEFINE_PROP_CHR("chardev", ParallelPort, chr),
};

static void parallel_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->desc = "printer port";
    dc->category = DEVICE_CATEGORY_INPUT;
    dc->realize = parallel_realize;
    dc->unrealize = parallel_unrealize;
    dc->reset = parallel_reset;
    object_class_add_property_table(klass, parallel_props);
}

static const TypeInfo parallel_info = {
    .name = "isa-parallel",
    .parent = TYPE_ISA_DEVICE,
    .instance_size = sizeof(ParallelPort),
    .class_init = parallel_class_init,
    .instance_init = parallel_init,
    .instance_finalize = parallel_finalize,
};
QOM_TYPE(parallel_info);
