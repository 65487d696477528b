/* SPDX-License-Identifier: GPL-2.0-or-later */
/* i8257: an 8237A at its ports, with page registers, under a lock of its own. */
#include "hw/isa/i8257.h"

#include "qemu/thread.h"
#include "system/memory.h"

typedef struct I8257 {
    ISADevice parent_obj;
    QemuMutex lock;
    DmaCore core;      /* lock */
    uint8_t pages[16]; /* lock; ports of the first chip's block that belong to no channel */
    uint32_t base, spacing;
    bool words;
    MemoryRegion io, page_io;
} I8257;
#define I8257(obj) ((I8257 *)(obj))

/* Which channel's page port 80h + n is, of the first chip (0 to 3) or the second (4 to 7); -1: just
 * a register. */
static const int8_t page_channel[16] = {-1, 2, 3, 1, -1, -1, -1, 0, -1, 6, 7, 5, -1, -1, -1, 4};

static uint64_t dma_read(void *opaque, hwaddr offset, unsigned size)
{
    I8257 *s = opaque;
    QEMU_LOCK_GUARD(&s->lock);

    return dma_core_read(&s->core, offset / s->spacing);
}

static void dma_write(void *opaque, hwaddr offset, uint64_t val, unsigned size)
{
    I8257 *s = opaque;
    QEMU_LOCK_GUARD(&s->lock);

    dma_core_write(&s->core, offset / s->spacing, val);
}

static const MemoryRegionOps dma_ops = {
    .read = dma_read,
    .write = dma_write,
    .impl = {.min_access_size = 1, .max_access_size = 1},
};

static I8257 *chips[2]; /* of the machine; main loop writes, before vCPUs run */

static uint8_t *page_register(I8257 *s, unsigned n)
{
    int channel = page_channel[n];

    return channel < 0 ? &s->pages[n] : &chips[channel / 4]->core.channel[channel % 4].page;
}

/* Pages of both chips are in one block; each byte is read and written by itself. */
static uint64_t page_read(void *opaque, hwaddr offset, unsigned size)
{
    return __atomic_load_n(page_register(opaque, offset), __ATOMIC_RELAXED);
}

static void page_write(void *opaque, hwaddr offset, uint64_t val, unsigned size)
{
    __atomic_store_n(page_register(opaque, offset), val, __ATOMIC_RELAXED);
}

static const MemoryRegionOps page_ops = {
    .read = page_read,
    .write = page_write,
    .impl = {.min_access_size = 1, .max_access_size = 1},
};

static bool i8257_realize(DeviceState *dev, GError **errp)
{
    I8257 *s = I8257(dev);

    s->core.words = s->words;
    dma_core_reset(&s->core);
    memory_region_init_io(&s->io, OBJECT(dev), &dma_ops, s, "dma", 16 * s->spacing);
    isa_register_ioport(ISA_DEVICE(dev), &s->io, s->base);
    return true;
}

static void i8257_reset(DeviceState *dev)
{
    QEMU_LOCK_GUARD(&I8257(dev)->lock);

    dma_core_reset(&I8257(dev)->core);
}

bool isa_dma_init(ISABus *bus, GError **errp)
{
    for (unsigned n = 0; n < 2; n++) {
        DeviceState *dev = qdev_new(TYPE_I8257);

        I8257(dev)->base = n ? 0xc0 : 0x00;
        I8257(dev)->spacing = n ? 2 : 1;
        I8257(dev)->words = n;
        chips[n] = I8257(dev);
        if (!qdev_realize_and_unref(dev, BUS(bus), errp)) {
            return false;
        }
    }
    memory_region_init_io(&chips[0]->page_io, OBJECT(chips[0]), &page_ops, chips[0], "dma-page",
                          16);
    isa_register_ioport(ISA_DEVICE(chips[0]), &chips[0]->page_io, 0x80);
    /* The second chip's first channel is the first chip's way to the bus. */
    chips[1]->core.channel[0].mode = 0xc0;
    return true;
}

static bool memory_access(void *opaque, uint64_t addr, void *buf, unsigned len, bool to_memory)
{
    return (to_memory
                ? dma_memory_write(&address_space_memory, addr, buf, len, MEMTXATTRS_UNSPECIFIED)
                : dma_memory_read(&address_space_memory, addr, buf, len, MEMTXATTRS_UNSPECIFIED)) ==
           MEMTX_OK;
}

unsigned isa_dma_transfer(ISADevice *dev, unsigned channel, void *buf, unsigned len, bool *tc)
{
    I8257 *s = chips[channel / 4 & 1];

    *tc = false;
    if (!s) {
        return 0;
    }
    QEMU_LOCK_GUARD(&s->lock);
    return dma_core_transfer(&s->core, channel % 4, buf, len, tc, memory_access, NULL);
}

static void i8257_init(Object *obj)
{
    qemu_mutex_init(&I8257(obj)->lock);
}

static void i8257_finalize(Object *obj)
{
    qemu_mutex_destroy(&I8257(obj)->lock);
}

static void i8257_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->desc = "ISA DMA controller 8237A";
    dc->realize = i8257_realize;
    dc->reset = i8257_reset;
    dc->user_creatable = false;
}

static const TypeInfo i8257_info = {
    .name = TYPE_I8257,
    .parent = TYPE_ISA_DEVICE,
    .instance_size = sizeof(I8257),
    .class_init = i8257_class_init,
    .instance_init = i8257_init,
    .instance_finalize = i8257_finalize,
};
QOM_TYPE(i8257_info);
