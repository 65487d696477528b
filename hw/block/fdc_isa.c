/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * isa-fdc: the floppy disk controller at its ports.
 *
 * Registers are accessed on the vCPU's thread under the lock; DMA and block requests run in the
 * main loop, where the bottom half takes over.
 */
#include "fdc_isa.h"

#include "hw/boards.h"
#include "hw/isa/i8257.h"

/* A masked DMA channel is looked at again after POLL, and given up after SERVICE: one turn of the
 * disk. */
#define DMA_POLL_NS (1 * SCALE_MS)
#define DMA_SERVICE_NS (200 * SCALE_MS)
#define FDC_PC_PORT 0x3f0
#define LOW_PORTS 1 /* of the block of eight: SRB to FIFO; SRA answers in PS/2 machines only, */
#define LOW_COUNT 5
#define HIGH_PORT 7 /* and the port between is the IDE controller's */

static IsaFdc *controllers;

/* --- main loop -------------------------------------------------------------------------------- */

static void set_irq(IsaFdc *s)
{
    qemu_set_irq(s->irq, fdc_core_irq(&s->core));
}

static void request_done(BlkRequest *req, int ret);

static void submit(IsaFdc *s, const FdcIO *io)
{
    s->iov = (struct iovec){.iov_base = io->buf, .iov_len = io->bytes};
    s->req = (BlkRequest){
        .op = io->write ? BLK_WRITE : BLK_READ,
        .offset = io->offset,
        .bytes = io->bytes,
        .iov = &s->iov,
        .niov = 1,
        .complete = request_done,
    };
    blk_submit(s->bus->drive[io->unit]->conf.blk, &s->req, aio_get_main());
}

/* The DMA channel is masked, or set up for something else: the guest may still be about to. */
static void wait_for_dma(IsaFdc *s)
{
    int64_t now = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);

    if (s->dma_deadline < 0) {
        s->dma_deadline = now + DMA_SERVICE_NS;
    } else if (now >= s->dma_deadline) {
        s->dma_deadline = -1;
        fdc_core_overrun(&s->core);
        return;
    }
    aio_timer_mod(s->timer, now + DMA_POLL_NS);
}

/* As far as the command gets without waiting. Lock held. */
static void pump(IsaFdc *s)
{
    FdcIO io;
    void *buf;
    unsigned len;

    for (;;) {
        bool tc;
        unsigned n;

        if (fdc_core_next_io(&s->core, &io)) {
            submit(s, &io);
            return;
        }
        if (!fdc_core_dma_window(&s->core, &buf, &len)) {
            return;
        }
        n = isa_dma_transfer(ISA_DEVICE(s), s->dma, buf, len, &tc);
        if (!n) {
            wait_for_dma(s);
            return;
        }
        s->dma_deadline = -1;
        fdc_core_dma_moved(&s->core, n, tc);
    }
}

static void run(void *opaque)
{
    IsaFdc *s = opaque;
    QEMU_LOCK_GUARD(&s->lock);

    pump(s);
    set_irq(s);
}

static void request_done(BlkRequest *req, int ret)
{
    IsaFdc *s = container_of(req, IsaFdc, req);
    QEMU_LOCK_GUARD(&s->lock);

    fdc_core_io_done(&s->core, ret);
    pump(s);
    set_irq(s);
}

/* --- guest ------------------------------------------------------------------------------------ */

static uint64_t port_read(IsaFdc *s, unsigned reg)
{
    QEMU_LOCK_GUARD(&s->lock);
    uint8_t val = fdc_core_read(&s->core, reg);

    set_irq(s);
    if (reg == FDC_REG_FIFO && fdc_core_needs_home(&s->core)) {
        aio_bh_schedule(s->bh);
    }
    return val;
}

static void port_write(IsaFdc *s, unsigned reg, uint8_t val)
{
    QEMU_LOCK_GUARD(&s->lock);

    fdc_core_write(&s->core, reg, val);
    set_irq(s);
    if (s->core.phase != FDC_EXECUTION) {
        s->dma_deadline = -1;
    } else if (fdc_core_needs_home(&s->core)) {
        aio_bh_schedule(s->bh);
    }
}

static uint64_t low_read(void *opaque, hwaddr offset, unsigned size)
{
    return port_read(opaque, LOW_PORTS + offset);
}

static void low_write(void *opaque, hwaddr offset, uint64_t val, unsigned size)
{
    port_write(opaque, LOW_PORTS + offset, val);
}

static uint64_t high_read(void *opaque, hwaddr offset, unsigned size)
{
    return port_read(opaque, HIGH_PORT);
}

static void high_write(void *opaque, hwaddr offset, uint64_t val, unsigned size)
{
    port_write(opaque, HIGH_PORT, val);
}

static const MemoryRegionOps low_ops = {
    .read = low_read,
    .write = low_write,
    .impl = {.min_access_size = 1, .max_access_size = 1},
};

static const MemoryRegionOps high_ops = {
    .read = high_read,
    .write = high_write,
    .impl = {.min_access_size = 1, .max_access_size = 1},
};

/* --- device ----------------------------------------------------------------------------------- */

static bool check_resources(const IsaFdc *s, GError **errp)
{
    if (s->iobase > 0xfff8 || s->iobase & 7) {
        error_setg(errp, "isa-fdc: iobase=0x%x: must be a multiple of 8 up to 0xfff8", s->iobase);
        return false;
    }
    if (s->irq_number > 15) {
        error_setg(errp, "isa-fdc: irq=%u: must be 0 to 15", s->irq_number);
        return false;
    }
    if (s->dma > 3) {
        error_setg(errp, "isa-fdc: dma=%u: must be 0 to 3, a channel for bytes", s->dma);
        return false;
    }
    if (s->fallback == FLOPPY_TYPE_AUTO) {
        error_setg(errp, "isa-fdc: fallback=auto: must be 144, 288, 120 or none");
        return false;
    }
    for (const IsaFdc *o = controllers; o; o = o->next) {
        if (o->iobase == s->iobase) {
            error_setg(errp,
                       "isa-fdc: there is a floppy controller at iobase=0x%x already; use "
                       "another iobase, or -device floppy to add a drive to it",
                       s->iobase);
            return false;
        }
    }
    return true;
}

/* driveA= and driveB= are short for -device floppy. */
static bool add_drives(IsaFdc *s, GError **errp)
{
    for (unsigned n = 0; n < FDC_DRIVES; n++) {
        DeviceState *dev;

        if (!s->drive_names[n] || !*s->drive_names[n]) {
            continue;
        }
        dev = qdev_new(TYPE_FLOPPY);
        if (!object_property_set_uint(OBJECT(dev), "unit", n, errp) ||
            !object_property_set_str(OBJECT(dev), "drive", s->drive_names[n], errp)) {
            object_unref(dev);
            return false;
        }
        if (!qdev_realize_and_unref(dev, BUS(s->bus), errp)) {
            return false;
        }
    }
    return true;
}

static void add_boot_paths(IsaFdc *s)
{
    for (unsigned n = 0; n < FDC_DRIVES; n++) {
        g_autofree char *suffix = g_strdup_printf("/fdc@%04x/floppy@%u", s->iobase, n);

        add_boot_device_path(s->bootindex[n], DEVICE(s), suffix);
    }
}

static void remove_ports(IsaFdc *s)
{
    IsaFdc **p = &controllers;

    while (*p != s) {
        p = &(*p)->next;
    }
    *p = s->next;
    isa_unregister_ioport(ISA_DEVICE(s), &s->low);
    isa_unregister_ioport(ISA_DEVICE(s), &s->high);
    aio_bh_delete(s->bh);
    aio_timer_free(s->timer);
}

static bool isa_fdc_realize(DeviceState *dev, GError **errp)
{
    IsaFdc *s = ISA_FDC(dev);

    if (!check_resources(s, errp)) {
        return false;
    }
    s->irq = isa_get_irq(ISA_DEVICE(dev), s->irq_number);
    s->bh = aio_bh_new(aio_get_main(), run, s);
    s->core.check_rate = s->check_media_rate;
    s->dma_deadline = -1;
    memory_region_init_io(&s->low, OBJECT(dev), &low_ops, s, "fdc", LOW_COUNT);
    memory_region_init_io(&s->high, OBJECT(dev), &high_ops, s, "fdc-dir", 1);
    s->timer = aio_timer_new(aio_get_main(), QEMU_CLOCK_VIRTUAL, run, s);
    fdc_core_reset(&s->core);
    isa_register_ioport(ISA_DEVICE(dev), &s->low, s->iobase + LOW_PORTS);
    isa_register_ioport(ISA_DEVICE(dev), &s->high, s->iobase + HIGH_PORT);
    s->next = controllers;
    controllers = s;
    s->bus = FLOPPY_BUS(qbus_new(TYPE_FLOPPY_BUS, dev, controllers->next ? NULL : "floppy-bus.0"));
    s->bus->fdc = s;
    if (!add_drives(s, errp)) {
        remove_ports(s);
        return false;
    }
    add_boot_paths(s);
    return true;
}

static void isa_fdc_unrealize(DeviceState *dev)
{
    remove_ports(ISA_FDC(dev));
}

static void isa_fdc_reset(DeviceState *dev)
{
    IsaFdc *s = ISA_FDC(dev);
    QEMU_LOCK_GUARD(&s->lock);

    fdc_core_reset(&s->core);
    s->dma_deadline = -1;
    aio_timer_del(s->timer);
    set_irq(s);
}

void isa_fdc_drive_types(FloppyType types[FDC_DRIVES])
{
    const IsaFdc *s = controllers;

    while (s && s->iobase != FDC_PC_PORT) {
        s = s->next;
    }
    for (unsigned n = 0; n < FDC_DRIVES; n++) {
        types[n] = s && s->bus->drive[n] ? s->bus->drive[n]->type : FLOPPY_TYPE_NONE;
    }
}

static void isa_fdc_init(Object *obj)
{
    qemu_mutex_init(&ISA_FDC(obj)->lock);
}

static void isa_fdc_finalize(Object *obj)
{
    qemu_mutex_destroy(&ISA_FDC(obj)->lock);
}

static const ObjectProperty isa_fdc_props[] = {
    DEFINE_PROP_UINT32("iobase", IsaFdc, iobase, FDC_PC_PORT, "First of eight ports"),
    DEFINE_PROP_UINT32("irq", IsaFdc, irq_number, 6, "Interrupt line"),
    DEFINE_PROP_UINT32("dma", IsaFdc, dma, 2, "DMA channel"),
    DEFINE_PROP_STRING("driveA", IsaFdc, drive_names[0], "Drive A: -drive's id or a node"),
    DEFINE_PROP_STRING("driveB", IsaFdc, drive_names[1], "Drive B: -drive's id or a node"),
    DEFINE_PROP_INT32("bootindexA", IsaFdc, bootindex[0], -1, "Drive A's place in the boot order"),
    DEFINE_PROP_INT32("bootindexB", IsaFdc, bootindex[1], -1, "Drive B's place in the boot order"),
    DEFINE_PROP_BOOL("check_media_rate", IsaFdc, check_media_rate, true,
                     "Media are read at their own data rate only"),
    DEFINE_PROP_ENUM("fdtypeA", IsaFdc, default_type[0], floppy_type_table, FLOPPY_TYPE_AUTO,
                     "Type of drive A, unless it has drive-type=: 144, 288, 120, none, auto"),
    DEFINE_PROP_ENUM("fdtypeB", IsaFdc, default_type[1], floppy_type_table, FLOPPY_TYPE_AUTO,
                     "Type of drive B, unless it has drive-type=: 144, 288, 120, none, auto"),
    DEFINE_PROP_ENUM("fallback", IsaFdc, fallback, floppy_type_table, FLOPPY_TYPE_288,
                     "Type of a drive of type auto that has no medium: 144, 288, 120"),
};

static void isa_fdc_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->desc = "floppy disk controller 82078";
    dc->category = DEVICE_CATEGORY_STORAGE;
    dc->realize = isa_fdc_realize;
    dc->unrealize = isa_fdc_unrealize;
    dc->reset = isa_fdc_reset;
    object_class_add_property_table(klass, isa_fdc_props);
}

static const TypeInfo isa_fdc_info = {
    .name = TYPE_ISA_FDC,
    .parent = TYPE_ISA_DEVICE,
    .instance_size = sizeof(IsaFdc),
    .class_init = isa_fdc_class_init,
    .instance_init = isa_fdc_init,
    .instance_finalize = isa_fdc_finalize,
};
QOM_TYPE(isa_fdc_info);
