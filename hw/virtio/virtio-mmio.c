/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The MMIO transport's device: the page, the place for a virtio-X-device, the interrupt line, life.
 * Main loop, where not said otherwise.
 *
 * The registers have the home of the device that is in the place.  The notification register is a
 * region of its own in front of them: a write to it is an eventfd's (told apart by the queue's
 * number), or is posted to the home, or is done by the thread that writes.
 */
#include "virtio-mmio-private.h"

#include "qemu/rcu.h"

/* --- the interrupt line ---------------------------------------------------------------------- */

/* Set and cleared from several threads.  Whoever moves the line looks again, so the level that
 * stays is the one that belongs to the status. */
static void update_line(VirtIOMMIO *p)
{
    bool level;

    do {
        level = __atomic_load_n(&p->interrupt_status, __ATOMIC_SEQ_CST);
        qemu_set_irq(p->irq, level);
    } while (level != !!__atomic_load_n(&p->interrupt_status, __ATOMIC_SEQ_CST));
}

void virtio_mmio_interrupt(VirtIOMMIO *p, uint32_t bits)
{
    if ((__atomic_fetch_or(&p->interrupt_status, bits, __ATOMIC_SEQ_CST) & bits) != bits) {
        update_line(p);
    }
}

void virtio_mmio_acknowledge(VirtIOMMIO *p, uint32_t bits)
{
    uint32_t left = __atomic_and_fetch(&p->interrupt_status, ~bits, __ATOMIC_SEQ_CST);

    if (left && bits) {
        qemu_set_irq(p->irq, 0); /* what is left is news to a pin that looks at edges, too */
    }
    update_line(p);
}

/* What was used has been published with a full barrier: if the bit is still there, the driver looks
 * at the ring after it has taken the bit away. */
static void queue_interrupt(void *transport, VirtQueue *vq)
{
    VirtIOMMIO *p = transport;

    if (!(__atomic_load_n(&p->interrupt_status, __ATOMIC_SEQ_CST) & MMIO_INT_QUEUE)) {
        virtio_mmio_interrupt(p, MMIO_INT_QUEUE);
    }
}

static void config_interrupt(void *transport)
{
    virtio_mmio_interrupt(transport, MMIO_INT_CONFIG);
}

/* --- reset ----------------------------------------------------------------------------------- */

static void store(uint32_t *reg, uint32_t v)
{
    __atomic_store_n(reg, v, __ATOMIC_RELEASE);
}

static void clear_registers(VirtIOMMIO *p)
{
    store(&p->device_features_sel, 0);
    store(&p->driver_features_sel, 0);
    store(&p->queue_sel, 0);
    store(&p->shm_sel, 0);
    virtio_mmio_acknowledge(p, UINT32_MAX);
}

/* The sizes are the driver's, who may tell them before it resets the device. */
static void power_on(VirtIOMMIO *p)
{
    store(&p->guest_page_size, 0);
    store(&p->queue_align, VIRTIO_LEGACY_ALIGN);
    clear_registers(p);
}

/* Home: features were agreed on, or the device was reset. */
static void driver_changed(void *transport)
{
    VirtIOMMIO *p = transport;
    VirtIODevice *vdev = virtio_mmio_device(p);

    if (!vdev) {
        return; /* it is not plugged yet */
    }
    if (!vdev->status) {
        clear_registers(p);
    }
    virtio_notifiers_look(&p->notifiers);
}

static const VirtioTransportOps mmio_transport_ops = {
    .queue_interrupt = queue_interrupt,
    .config_interrupt = config_interrupt,
    .driver_changed = driver_changed,
};

/* --- notifications --------------------------------------------------------------------------- */

static void map_eventfd(void *transport, VirtQueue *vq, int fd, bool on)
{
    MemoryRegionIoeventfd e = {
        .offset = 0, .size = 4, .match_data = true, .data = vq->index, .fd = fd};

    (on ? memory_region_add_eventfd : memory_region_del_eventfd)(&((VirtIOMMIO *)transport)->notify,
                                                                 &e);
}

/* One register is all queues': it has a home as long as one of them wants it.  An object that is
 * for the queues carries it into their thread; there is one at most (plugged()). */
static bool set_notify_home(void *transport, VirtQueue *vq, bool on, GError **errp)
{
    VirtIOMMIO *p = transport;
    DeviceHomes *h = &vq->vdev->homes;

    if (on) {
        if (!p->notify_at_home &&
            !(h->ioregionfds ? memory_region_set_ioregionfd(&p->notify, h->ioregionfds->pdata[0],
                                                            MEMORY_HOME_POSTED_WRITES, errp)
                             : virtio_set_region_home(vq->vdev, &p->notify,
                                                      MEMORY_HOME_POSTED_WRITES, errp))) {
            return false;
        }
        p->notify_at_home++;
        return true;
    }
    if (p->notify_at_home && !--p->notify_at_home) {
        memory_region_set_home(&p->notify, NULL, 0);
    }
    return true;
}

static const VirtioNotifierOps notifier_ops = {.map_eventfd = map_eventfd,
                                               .set_home = set_notify_home};

/* --- the place ------------------------------------------------------------------------------- */

VirtIODevice *virtio_mmio_backend(VirtIOMMIO *p)
{
    return p->vdev;
}

static void attach(BusState *bus, VirtIODevice *vdev)
{
    vdev->as = &address_space_memory;
    vdev->ops = &mmio_transport_ops;
    vdev->transport = bus->parent;
}

static bool plugged(BusState *bus, VirtIODevice *vdev, GError **errp)
{
    VirtIOMMIO *p = VIRTIO_MMIO(bus->parent);

    if (p->force_legacy && !VIRTIO_DEVICE_GET_CLASS(vdev)->legacy_pci_id) {
        error_setg(errp, "%s has no legacy interface; use -global virtio-mmio.force-legacy=false",
                   vdev->name);
        return false;
    }
    if (p->force_legacy && vdev->user_features & BIT_ULL(VIRTIO_F_ACCESS_PLATFORM)) {
        error_setg(errp,
                   "%s: iommu_platform=on: the legacy interface cannot say it; use -global "
                   "virtio-mmio.force-legacy=false",
                   vdev->name);
        return false;
    }
    if (vdev->homes.ioregionfds && vdev->homes.ioregionfds->len > 1) {
        error_setg(errp,
                   "%s: ioregionfds=%s: the MMIO transport has one register for the notifications "
                   "of all queues, so name one object; iothread-vq-mapping= spreads the queues",
                   vdev->name, vdev->homes.ioregionfds_text);
        return false;
    }
    power_on(p);
    __atomic_store_n(&p->vdev, vdev, __ATOMIC_RELEASE);
    return virtio_set_region_home(vdev, &p->registers, 0, errp) &&
           virtio_notifiers_init(&p->notifiers, vdev, &notifier_ops, p, errp);
}

/* The device does nothing by itself any more: it was reset, and takes no writes.  Afterwards
 * nothing of it is reached, and no thread uses its homes. */
static void unplugged(BusState *bus, VirtIODevice *vdev)
{
    VirtIOMMIO *p = VIRTIO_MMIO(bus->parent);

    if (p->vdev != vdev) {
        return;
    }
    __atomic_store_n(&p->vdev, NULL, __ATOMIC_RELEASE);
    memory_region_set_home(&p->registers, NULL, 0);
    virtio_notifiers_exit(&p->notifiers);
    synchronize_rcu(); /* reads of other threads that have found it */
    power_on(p);
}

/* --- types ----------------------------------------------------------------------------------- */

static bool virtio_mmio_realize(DeviceState *dev, GError **errp)
{
    VirtIOMMIO *p = VIRTIO_MMIO(dev);

    memory_region_init(&p->page, OBJECT(p), "virtio-mmio-page", VIRTIO_MMIO_SIZE);
    memory_region_init_io(&p->registers, OBJECT(p), &virtio_mmio_ops, p, "virtio-mmio",
                          VIRTIO_MMIO_SIZE);
    memory_region_init_io(&p->notify, OBJECT(p), &virtio_mmio_notify_ops, p, "virtio-mmio-notify",
                          4);
    memory_region_add_subregion(&p->page, 0, &p->registers);
    memory_region_add_subregion_overlap(&p->page, MMIO_QUEUE_NOTIFY, &p->notify, 1);
    sysbus_init_mmio(SYS_BUS_DEVICE(p), &p->page);
    sysbus_init_irq(SYS_BUS_DEVICE(p), &p->irq);
    p->bus = qbus_new(TYPE_VIRTIO_MMIO_BUS, dev, NULL);
    return true;
}

static void virtio_mmio_reset(DeviceState *dev)
{
    power_on(VIRTIO_MMIO(dev)); /* the device itself was reset before: it is on our bus */
}

static void virtio_mmio_finalize(Object *obj)
{
    VirtIOMMIO *p = VIRTIO_MMIO(obj);
    MemoryRegion *all[] = {&p->notify, &p->registers, &p->page};

    for (unsigned i = 0; i < G_N_ELEMENTS(all); i++) {
        if (all[i]->name) {
            memory_region_finalize(all[i]);
        }
    }
    g_free(p->notifiers.text);
}

static const ObjectProperty virtio_mmio_props[] = {
    DEFINE_PROP_BOOL("force-legacy", VirtIOMMIO, force_legacy, true,
                     "the registers of version 1, for legacy drivers"),
    DEFINE_PROPS_VIRTIO_NOTIFIERS(VirtIOMMIO, notifiers),
};

static void virtio_mmio_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->desc = "virtio over memory-mapped registers";
    dc->category = DEVICE_CATEGORY_MISC;
    dc->realize = virtio_mmio_realize;
    dc->reset = virtio_mmio_reset;
    object_class_add_property_table(klass, virtio_mmio_props);
}

static const TypeInfo virtio_mmio_info = {
    .name = TYPE_VIRTIO_MMIO,
    .parent = TYPE_SYS_BUS_DEVICE,
    .instance_size = sizeof(VirtIOMMIO),
    .class_init = virtio_mmio_class_init,
    .instance_finalize = virtio_mmio_finalize,
};
QOM_TYPE(virtio_mmio_info);

/* "/virtio-mmio@feb00000", without which all places would have the same name. */
static char *get_dev_path(DeviceState *dev)
{
    VirtIOMMIO *p = VIRTIO_MMIO(dev->parent_bus->parent);

    return g_strdup_printf("/virtio-mmio@%016" PRIx64, (uint64_t)p->page.addr);
}

static void bus_class_init(ObjectClass *klass, const void *data)
{
    VirtioBusClass *bc = (VirtioBusClass *)klass;

    bc->parent_class.get_dev_path = get_dev_path;
    bc->attach = attach;
    bc->plugged = plugged;
    bc->unplugged = unplugged;
}

static const TypeInfo virtio_mmio_bus_info = {
    .name = TYPE_VIRTIO_MMIO_BUS,
    .parent = TYPE_VIRTIO_BUS,
    .class_init = bus_class_init,
};
QOM_TYPE(virtio_mmio_bus_info);
