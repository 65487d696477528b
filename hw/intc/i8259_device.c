/* SPDX-License-Identifier: GPL-2.0-or-later */
/* isa-i8259: the pair on its ports, between the board's lines and the accelerator. */
#include "hw/intc/i8259.h"
#include "system/kvm.h"
#include "system/memory.h"

typedef struct I8259Device {
    PICCommon common;
    MemoryRegion io[2], elcr[2];
} I8259Device;

static void int_changed(void *opaque, int level)
{
    kvm_pic_output_changed(level);
}

static int acknowledge(void *opaque)
{
    return pic_pair_ack(opaque);
}

static void set_input(void *opaque, int n, int level)
{
    pic_pair_set_irq(&PIC_COMMON(opaque)->pair, n, level);
}

/* The opaque pointer of a region is the chip: which one it is follows from its place in the pair.
 */
static PicPair *pair_of(Pic *chip, int *index)
{
    *index = chip->master ? 0 : 1;
    return container_of(chip - *index, PicPair, chip[0]);
}

static uint64_t port_read(void *opaque, hwaddr offset, unsigned size)
{
    int n;
    PicPair *p = pair_of(opaque, &n);

    return pic_pair_read(p, n, offset);
}

static void port_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    int n;
    PicPair *p = pair_of(opaque, &n);

    pic_pair_write(p, n, offset, data);
}

static uint64_t elcr_read(void *opaque, hwaddr offset, unsigned size)
{
    int n;
    PicPair *p = pair_of(opaque, &n);

    return pic_pair_read_elcr(p, n);
}

static void elcr_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    int n;
    PicPair *p = pair_of(opaque, &n);

    pic_pair_write_elcr(p, n, data);
}

static const MemoryRegionOps port_ops = {
    .read = port_read,
    .write = port_write,
    .impl = {.min_access_size = 1, .max_access_size = 1},
};

static const MemoryRegionOps elcr_ops = {
    .read = elcr_read,
    .write = elcr_write,
    .impl = {.min_access_size = 1, .max_access_size = 1},
};

static bool i8259_realize(DeviceState *dev, GError **errp)
{
    I8259Device *s = (I8259Device *)dev;
    PicPair *pair = &s->common.pair;
    static const uint16_t ports[2] = {0x20, 0xa0}, elcr_ports[2] = {0x4d0, 0x4d1};

    for (int n = 0; n < 2; n++) {
        memory_region_init_io(&s->io[n], OBJECT(s), &port_ops, &pair->chip[n],
                              n ? "pic-slave" : "pic", 2);
        memory_region_init_io(&s->elcr[n], OBJECT(s), &elcr_ops, &pair->chip[n], "elcr", 1);
        memory_region_add_subregion(get_system_io(), ports[n], &s->io[n]);
        memory_region_add_subregion(get_system_io(), elcr_ports[n], &s->elcr[n]);
    }
    kvm_set_pic_ack(acknowledge, pair);
    return true;
}

static void i8259_get(PICCommon *s, Pic chip[2])
{
    pic_pair_get(&s->pair, chip);
}

static void i8259_set(PICCommon *s, const Pic chip[2])
{
    pic_pair_set(&s->pair, chip);
}

static void i8259_init(Object *obj)
{
    pic_pair_init(&PIC_COMMON(obj)->pair, int_changed, obj);
    qdev_init_gpio_in(DEVICE(obj), set_input, 16);
}

static void i8259_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->desc = "pair of 8259A interrupt controllers";
    dc->realize = i8259_realize;
    ((PICCommonClass *)klass)->get = i8259_get;
    ((PICCommonClass *)klass)->set = i8259_set;
}

static const TypeInfo i8259_info = {
    .name = TYPE_I8259,
    .parent = TYPE_PIC_COMMON,
    .instance_size = sizeof(I8259Device),
    .class_init = i8259_class_init,
    .instance_init = i8259_init,
};
QOM_TYPE(i8259_info);
