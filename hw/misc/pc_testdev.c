/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pc-testdev: what bare-metal test guests expect of a PC to play with.
 *
 *   0xe0 to 0xe3   a latch that reads back what was written, byte by byte
 *   0xe4 to 0xe7   page flush: does nothing (shadow memory is the accelerator's)
 *   0xe8 to 0xeb   a second latch, 32 bits wide
 *   0x2000 + n     writes set interrupt line n to the value's bit 0 (n is 0 to 23)
 *   0xff000000     64 KiB that read back what was written
 */
#include "hw/i386/gsi.h"
#include "hw/isa/ich9.h"
#include "qemu/log.h"

#define IOMEM_SIZE 0x10000

typedef struct PCTestdev {
    ISADevice parent_obj;
    QemuMutex lock;
    uint8_t latch[4], latch32[4]; /* lock */
    uint8_t *iomem; /* lock; IOMEM_SIZE bytes */
    qemu_irq *irqs;
    MemoryRegion io, flush, io32, irq, mmio;
} PCTestdev;

static uint64_t bytes_read(const uint8_t *at, unsigned size)
{
    uint64_t v = 0;

    memcpy(&v, at, size);
    return v;
}

static uint64_t latch_read(void *opaque, hwaddr offset, unsigned size)
{
    return bytes_read(((PCTestdev *)opaque)->latch + offset, size);
}

static void latch_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    memcpy(((PCTestdev *)opaque)->latch + offset, &data, size);
}

static uint64_t latch32_read(void *opaque, hwaddr offset, unsigned size)
{
    return bytes_read(((PCTestdev *)opaque)->latch32 + offset, size);
}

static void latch32_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    memcpy(((PCTestdev *)opaque)->latch32 + offset, &data, size);
}

static uint64_t flush_read(void *opaque, hwaddr offset, unsigned size)
{
    return 0;
}

static void flush_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
}

static uint64_t irq_read(void *opaque, hwaddr offset, unsigned size)
{
    return 0;
}

static void irq_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    qemu_set_irq(((PCTestdev *)opaque)->irqs[offset], !!data);
}

static uint64_t iomem_read(void *opaque, hwaddr offset, unsigned size)
{
    return bytes_read(((PCTestdev *)opaque)->iomem + offset, size);
}

static void iomem_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    memcpy(((PCTestdev *)opaque)->iomem + offset, &data, size);
}

#define TESTDEV_OPS(name, max) \
    static const MemoryRegionOps name##_ops = { \
        .read = name##_read, \
        .write = name##_write, \
        .endianness = DEVICE_LITTLE_ENDIAN, \
        .valid = {.min_access_size = 1, .max_access_size = (max)}, \
        .impl = {.min_access_size = 1, .max_access_size = (max)}, \
    }
TESTDEV_OPS(latch, 4);
TESTDEV_OPS(latch32, 4);
TESTDEV_OPS(flush, 4);
TESTDEV_OPS(irq, 1);
TESTDEV_OPS(iomem, 8);

static void add_ports(PCTestdev *s, MemoryRegion *mr, const MemoryRegionOps *ops, const char *name,
                      uint16_t port, uint64_t size)
{
    memory_region_init_io(mr, OBJECT(s), ops, s, name, size);
    memory_region_set_lock(mr, &s->lock);
    isa_register_ioport(ISA_DEVICE(s), mr, port);
}

static bool testdev_realize(DeviceState *dev, GError **errp)
{
    PCTestdev *s = (PCTestdev *)dev;

    s->irqs = ISA_BUS(dev->parent_bus)->irqs;
    add_ports(s, &s->io, &latch_ops, "pc-testdev-ioport", 0xe0, 4);
    add_ports(s, &s->flush, &flush_ops, "pc-testdev-flush-page", 0xe4, 4);
    add_ports(s, &s->io32, &latch32_ops, "pc-testdev-ioport-byte", 0xe8, 4);
    memory_region_init_io(&s->irq, OBJECT(s), &irq_ops, s, "pc-testdev-irq-line", GSI_NUM);
    isa_register_ioport(ISA_DEVICE(s), &s->irq, 0x2000);
    memory_region_init_io(&s->mmio, OBJECT(s), &iomem_ops, s, "pc-testdev-iomem", IOMEM_SIZE);
    memory_region_set_lock(&s->mmio, &s->lock);
    memory_region_add_subregion_overlap(get_system_memory(), 0xff000000, &s->mmio, 1);
    return true;
}

static void testdev_unrealize(DeviceState *dev)
{
    PCTestdev *s = (PCTestdev *)dev;

    isa_unregister_ioport(ISA_DEVICE(dev), &s->io);
    isa_unregister_ioport(ISA_DEVICE(dev), &s->flush);
    isa_unregister_ioport(ISA_DEVICE(dev), &s->io32);
    isa_unregister_ioport(ISA_DEVICE(dev), &s->irq);
    memory_region_del_subregion(get_system_memory(), &s->mmio);
}

static void testdev_init(Object *obj)
{
    qemu_mutex_init(&((PCTestdev *)obj)->lock);
    ((PCTestdev *)obj)->iomem = g_malloc0(IOMEM_SIZE);
}

static void testdev_finalize(Object *obj)
{
    g_free(((PCTestdev *)obj)->iomem);
    qemu_mutex_destroy(&((PCTestdev *)obj)->lock);
}

static void testdev_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->desc = "latches and interrupt lines for test guests";
    dc->category = DEVICE_CATEGORY_MISC;
    dc->realize = testdev_realize;
    dc->unrealize = testdev_unrealize;
}

static const TypeInfo testdev_info = {
    .name = "pc-testdev",
    .parent = TYPE_ISA_DEVICE,
    .instance_size = sizeof(PCTestdev),
    .class_init = testdev_class_init,
    .instance_init = testdev_init,
    .instance_finalize = testdev_finalize,
};
QOM_TYPE(testdev_info);
