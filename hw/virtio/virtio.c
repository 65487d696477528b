/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtio device's life as its driver steers it (virtio 1.2, sections 2 and 3): status, features,
 * configuration space, reset.  At the device's home, where not said otherwise.
 */
#include "virtio-private.h"

#include "qemu/rcu.h"
#include "system/runstate.h"

const EnumTable virtio_notify_table = {
    .qapi_name = "VirtioNotify",
    .names = (const char *const[]){"auto", "ioeventfd", "ioregionfd", "exit", NULL},
};

static void set_status_bits(VirtIODevice *vdev, uint8_t status)
{
    __atomic_store_n(&vdev->status, status, __ATOMIC_RELEASE);
}

/* --- configuration space --------------------------------------------------------------------- */

void virtio_config_init(VirtIODevice *vdev, const void *content, unsigned len)
{
    g_assert(len <= VIRTIO_CONFIG_MAX);
    vdev->config_len = len;
    if (content) {
        memcpy(vdev->config, content, len);
    }
}

bool virtio_config_read(VirtIODevice *vdev, unsigned offset, unsigned size, uint64_t *val)
{
    uint32_t seq = __atomic_load_n(&vdev->config_seq, __ATOMIC_ACQUIRE);

    *val = 0;
    if (offset + size > vdev->config_len) {
        /* Beyond the end: what there is of it. */
        size = offset < vdev->config_len ? vdev->config_len - offset : 0;
    }
    for (unsigned i = 0; i < size; i++) {
        *val |= (uint64_t)__atomic_load_n(&vdev->config[offset + i], __ATOMIC_ACQUIRE) << (8 * i);
    }
    return !(seq & 1) && seq == __atomic_load_n(&vdev->config_seq, __ATOMIC_ACQUIRE);
}

static void config_store(VirtIODevice *vdev, unsigned offset, const uint8_t *data, unsigned len)
{
    __atomic_fetch_add(&vdev->config_seq, 1, __ATOMIC_ACQ_REL);
    for (unsigned i = 0; i < len; i++) {
        __atomic_store_n(&vdev->config[offset + i], data[i], __ATOMIC_RELEASE);
    }
    __atomic_fetch_add(&vdev->config_seq, 1, __ATOMIC_ACQ_REL);
}

void virtio_config_write(VirtIODevice *vdev, unsigned offset, const void *data, unsigned len,
                         bool interrupt)
{
    g_assert(offset + len <= vdev->config_len);
    config_store(vdev, offset, data, len);
    if (interrupt && virtio_driver_ok(vdev)) {
        TRACE(virtio, config_changed, "%s", vdev->name);
        vdev->ops->config_interrupt(vdev->transport);
    }
}

void virtio_config_driver_write(VirtIODevice *vdev, unsigned offset, unsigned size, uint64_t val)
{
    VirtioDeviceClass *vc = VIRTIO_DEVICE_GET_CLASS(vdev);
    uint8_t old[VIRTIO_CONFIG_MAX];

    if (!vc->config_written || size > vdev->config_len || offset > vdev->config_len - size) {
        return; /* read-only, or not there */
    }
    memcpy(old, vdev->config, vdev->config_len);
    for (unsigned i = 0; i < size; i++) {
        __atomic_store_n(&vdev->config[offset + i], (uint8_t)(val >> (8 * i)), __ATOMIC_RELEASE);
    }
    vc->config_written(vdev, offset, size, old);
}

/* --- features -------------------------------------------------------------------------------- */

void virtio_set_features(VirtIODevice *vdev, uint64_t features)
{
    virtio_settle(vdev);
    if (vdev->status & (VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_DRIVER_OK)) {
        return; /* 3.1.1: not after they were agreed on */
    }
    __atomic_store_n(&vdev->features, features, __ATOMIC_RELEASE);
}

/* False: the driver asks for what we do not offer, or its choice makes no sense. */
static bool features_ok(VirtIODevice *vdev)
{
    VirtioDeviceClass *vc = VIRTIO_DEVICE_GET_CLASS(vdev);
    uint64_t f = vdev->features;

    if (f & ~vdev->host_features) {
        return false;
    }
    if (!vdev->legacy && !(f & BIT_ULL(VIRTIO_F_VERSION_1))) {
        return false; /* 6.1: the modern interface is for drivers that know this version */
    }
    if ((vdev->host_features & BIT_ULL(VIRTIO_F_ACCESS_PLATFORM)) &&
        !(f & BIT_ULL(VIRTIO_F_ACCESS_PLATFORM))) {
        return false;
    }
    return !vc->validate_features || vc->validate_features(vdev, f);
}

/* --- queues ---------------------------------------------------------------------------------- */

static void start_queue(VirtQueue *vq)
{
    if (vq->enabled && !vq->started && !vq->resetting) {
        TRACE(virtio, queue_start, "%s queue %u size %u", vq->vdev->name, vq->index, vq->size);
        if (!virtqueue_start(vq)) {
            virtio_error(vq, "there is no memory for its requests");
        }
    }
}

void virtio_queue_enable(VirtQueue *vq)
{
    VirtIODevice *vdev = vq->vdev;

    __atomic_store_n(&vq->enabled, true, __ATOMIC_RELEASE);
    /* Drivers of the legacy interface may use a queue before they say DRIVER_OK. */
    if (vdev->legacy || (vdev->status & VIRTIO_STATUS_DRIVER_OK)) {
        start_queue(vq);
    }
}

static void clear_queue(VirtQueue *vq)
{
    vq->size = vq->size_max;
    vq->desc = vq->driver = vq->device = 0;
    vq->pfn = 0;
    __atomic_store_n(&vq->enabled, false, __ATOMIC_RELEASE);
}

void virtio_queue_reset(VirtQueue *vq)
{
    if (vq->vdev->resetting || vq->resetting) {
        return;
    }
    if (vq->started) {
        __atomic_store_n(&vq->resetting, true, __ATOMIC_RELEASE);
        virtqueue_stop(vq);
    } else {
        clear_queue(vq);
    }
}

void virtio_queue_reset_wait(VirtQueue *vq)
{
    virtio_queue_reset(vq);
    while (vq->resetting) {
        aio_poll(vq->vdev->home, true);
    }
}

void virtio_queue_enable_legacy(VirtQueue *vq, uint64_t addr, uint64_t align)
{
    uint64_t used;

    vq->vdev->legacy = true;
    vq->desc = addr;
    vq->driver = addr + 16 * (uint64_t)vq->size;
    used = vq->driver + VIRTQ_AVAIL_RING + 2 * ((uint64_t)vq->size + 1);
    vq->device = ALIGN_UP(used, align);
    virtio_queue_enable(vq);
}

/* --- reset ----------------------------------------------------------------------------------- */

/* Of the main loop, which may come here again while it waits: a guest resets the bus, say. */
struct VirtioResetCall {
    VirtIODevice *vdev;
    QemuEvent done;
    VirtioResetCall *next;
};

static void reset_finished(VirtIODevice *vdev)
{
    VirtioDeviceClass *vc = VIRTIO_DEVICE_GET_CLASS(vdev);

    if (vc->reset) {
        vc->reset(vdev);
    }
    for (unsigned i = 0; i < vdev->num_vqs; i++) {
        clear_queue(vdev->vqs[i]);
        __atomic_store_n(&vdev->vqs[i]->vector, VIRTIO_NO_VECTOR, __ATOMIC_RELEASE);
    }
    __atomic_store_n(&vdev->driver_features, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&vdev->features, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&vdev->needs_reset_said, false, __ATOMIC_RELAXED);
    vdev->legacy = false;
    virtio_count(&vdev->resets, 1);
    __atomic_store_n(&vdev->resetting, false, __ATOMIC_RELEASE);
    set_status_bits(vdev, 0);
    TRACE(virtio, reset_done, "%s", vdev->name);
    if (vdev->ops && vdev->ops->driver_changed) {
        vdev->ops->driver_changed(vdev->transport);
    }
    while (vdev->reset_calls) {
        VirtioResetCall *c = vdev->reset_calls;

        vdev->reset_calls = c->next;
        qemu_event_set(&c->done);
    }
}

void virtio_queue_stopped(VirtQueue *vq)
{
    VirtIODevice *vdev = vq->vdev;

    vdev->stopping--;
    if (vq->resetting) {
        clear_queue(vq);
        __atomic_store_n(&vq->resetting, false, __ATOMIC_RELEASE);
    }
    if (vdev->resetting && !vdev->stopping) {
        reset_finished(vdev);
    }
}

static void begin_reset(VirtIODevice *vdev)
{
    if (vdev->resetting) {
        return;
    }
    TRACE(virtio, reset, "%s status 0x%x", vdev->name, vdev->status);
    __atomic_store_n(&vdev->resetting, true, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < vdev->num_vqs; i++) {
        VirtQueue *vq = vdev->vqs[i];

        if (vq->started && !vq->resetting) {
            virtqueue_stop(vq);
        }
    }
    if (!vdev->stopping) {
        reset_finished(vdev);
        return;
    }
    /* The usual queue is idle: its end is on its way to us already. */
    aio_poll(vdev->home, false);
}

void virtio_settle(VirtIODevice *vdev)
{
    while (unlikely(vdev->resetting)) {
        aio_poll(vdev->home, true);
    }
}

static void reset_at_home(void *opaque)
{
    VirtioResetCall *c = opaque;
    VirtIODevice *vdev = c->vdev;

    c->next = vdev->reset_calls;
    vdev->reset_calls = c;
    if (!vdev->resetting) {
        begin_reset(vdev);
    }
}

/* Chains in flight end: the device's stop_queue() takes back what its back end gives back; what the
 * kernel keeps is waited for. */
void virtio_reset_wait(VirtIODevice *vdev)
{
    VirtioResetCall c = {.vdev = vdev};

    assert_main_loop();
    qemu_event_init(&c.done, false);
    aio_call(vdev->home, reset_at_home, &c);
    aio_await(vdev->home, &c.done);
}

/* --- status ---------------------------------------------------------------------------------- */

static void driver_ok(VirtIODevice *vdev)
{
    VirtioDeviceClass *vc = VIRTIO_DEVICE_GET_CLASS(vdev);

    if (vc->driver_ok) {
        vc->driver_ok(vdev);
    }
    for (unsigned i = 0; i < vdev->num_vqs; i++) {
        start_queue(vdev->vqs[i]);
    }
}

void virtio_set_status(VirtIODevice *vdev, uint8_t status)
{
    uint8_t old;

    if (status == 0) {
        begin_reset(vdev);
        if (vdev->legacy) {
            virtio_settle(vdev); /* these drivers do not wait for it */
        }
        return;
    }
    virtio_settle(vdev);
    old = vdev->status;
    TRACE(virtio, set_status, "%s 0x%x -> 0x%x", vdev->name, old, status);
    /* 2.1.1: the driver does not clear bits but by reset. */
    status |= old;
    if ((status & ~old & VIRTIO_STATUS_FEATURES_OK) && !features_ok(vdev)) {
        TRACE(virtio, features_refused, "%s 0x%" PRIx64, vdev->name, vdev->features);
        status &= ~VIRTIO_STATUS_FEATURES_OK;
    }
    if ((status & VIRTIO_STATUS_DRIVER_OK) && !vdev->legacy &&
        !(status & VIRTIO_STATUS_FEATURES_OK)) {
        status &= ~VIRTIO_STATUS_DRIVER_OK; /* 3.1.1: not before features are agreed on */
    }
    set_status_bits(vdev, status);
    if (status & ~old & (VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_DRIVER_OK) &&
        vdev->ops->driver_changed) {
        vdev->ops->driver_changed(vdev->transport);
    }
    if (status & ~old & VIRTIO_STATUS_DRIVER_OK) {
        driver_ok(vdev);
    }
}

/* Bottom half: a queue broke. */
static void queue_broke(void *opaque)
{
    VirtIODevice *vdev = opaque;

    if (vdev->resetting || !vdev->status) {
        return;
    }
    if (!(vdev->status & VIRTIO_STATUS_NEEDS_RESET)) {
        set_status_bits(vdev, vdev->status | VIRTIO_STATUS_NEEDS_RESET);
        if (virtio_driver_ok(vdev)) {
            vdev->ops->config_interrupt(vdev->transport);
        }
    }
}

/* --- fences ---------------------------------------------------------------------------------- */

static void nothing(void *unused)
{
}

void virtio_fence(VirtIODevice *vdev)
{
    AioContext *last = NULL;

    for (unsigned i = 0; i < vdev->num_vqs; i++) {
        if (vdev->vqs[i]->ctx != last) {
            last = vdev->vqs[i]->ctx;
            aio_call(last, nothing, NULL);
        }
    }
}

void virtio_kick_all(VirtIODevice *vdev)
{
    for (unsigned i = 0; i < vdev->num_vqs; i++) {
        aio_bh_schedule(vdev->vqs[i]->bh);
    }
}

/* --- stop and go ----------------------------------------------------------------------------- */

static void resume_in_ctx(void *opaque)
{
    VirtQueue *vq = opaque;

    if (vq->running) {
        VIRTIO_DEVICE_GET_CLASS(vq->vdev)->resume_queue(vq);
    }
}

static void resume_at_home(void *opaque)
{
    VirtIODevice *vdev = opaque;

    for (unsigned i = 0; i < vdev->num_vqs; i++) {
        if (vdev->vqs[i]->started) {
            aio_call(vdev->vqs[i]->ctx, resume_in_ctx, vdev->vqs[i]);
        }
    }
}

static void vm_state_changed(void *opaque, bool running, RunState state)
{
    VirtIODevice *vdev = opaque;

    if (running) {
        aio_call(vdev->home, resume_at_home, vdev);
    }
}

/* --- the type -------------------------------------------------------------------------------- */

static uint64_t common_features(VirtIODevice *vdev)
{
    return vdev->user_features | BIT_ULL(VIRTIO_F_VERSION_1);
}

DeviceState *virtio_front(VirtIODevice *vdev)
{
    BusState *bus = DEVICE(vdev)->parent_bus;

    return bus && bus->parent && object_get_parent(OBJECT(vdev)) == OBJECT(bus->parent)
               ? bus->parent
               : DEVICE(vdev);
}

static void take_apart(VirtIODevice *vdev)
{
    for (unsigned i = 0; i < vdev->num_vqs; i++) {
        g_clear_pointer(&vdev->vqs[i]->bh, aio_bh_delete);
    }
    g_clear_pointer(&vdev->error_bh, aio_bh_delete);
    device_homes_release(&vdev->homes);
    vdev->home = NULL;
}

static void virtio_device_unrealize(DeviceState *dev)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(dev);
    VirtioDeviceClass *vc = VIRTIO_DEVICE_GET_CLASS(dev);
    VirtioBusClass *bc = VIRTIO_BUS_GET_CLASS(dev->parent_bus);

    if (vdev->vmstate_handle) {
        qemu_del_vm_change_state_handler(vdev->vmstate_handle);
        vdev->vmstate_handle = NULL;
    }
    __atomic_store_n(&vdev->gone, true, __ATOMIC_RELEASE);
    synchronize_rcu(); /* notifications of other threads that are on their way */
    virtio_reset_wait(vdev);
    if (bc->unplugged) {
        bc->unplugged(dev->parent_bus, vdev);
    }
    if (vc->unrealize) {
        vc->unrealize(vdev);
    }
    take_apart(vdev);
}

static bool virtio_device_realize(DeviceState *dev, GError **errp)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(dev);
    VirtioDeviceClass *vc = VIRTIO_DEVICE_GET_CLASS(dev);
    VirtioBusClass *bc = VIRTIO_BUS_GET_CLASS(dev->parent_bus);

    vdev->name = vc->name;
    vdev->device_id = vc->device_id;
    vdev->gone = false;
    if (!device_homes_choose(&vdev->homes, vdev->name, errp)) {
        device_homes_release(&vdev->homes);
        return false;
    }
    vdev->home = vdev->homes.home;
    if (bc->attach) {
        bc->attach(dev->parent_bus, vdev);
    }
    if (!vc->realize(vdev, errp)) {
        take_apart(vdev);
        return false;
    }
    if (!virtio_homes_assign(vdev, errp)) {
        if (vc->unrealize) {
            vc->unrealize(vdev);
        }
        take_apart(vdev);
        return false;
    }
    vdev->error_bh = aio_bh_new(vdev->home, queue_broke, vdev);
    for (unsigned i = 0; i < vdev->num_vqs; i++) {
        virtqueue_make_bh(vdev->vqs[i]);
    }
    vdev->host_features = common_features(vdev) | vc->get_features(vdev);
    if (vc->placed) {
        vc->placed(vdev);
    }
    if (vc->resume_queue) {
        vdev->vmstate_handle = qemu_add_vm_change_state_handler(vm_state_changed, vdev);
    }
    if (bc->plugged && !bc->plugged(dev->parent_bus, vdev, errp)) {
        virtio_device_unrealize(dev);
        return false;
    }
    return true;
}

static void virtio_device_reset(DeviceState *dev)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(dev);

    if (vdev->home) {
        virtio_reset_wait(vdev);
    }
}

static void virtio_device_finalize(Object *obj)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(obj);

    for (unsigned i = 0; i < vdev->num_vqs; i++) {
        virtqueue_free(vdev->vqs[i]);
    }
    g_free(vdev->vqs);
    device_homes_finalize(&vdev->homes);
}

/* A bit of user_features as a property. */
static json_object *feature_get(Object *obj, const ObjectProperty *prop, GError **errp)
{
    return json_object_new_boolean(
        !!(VIRTIO_DEVICE(obj)->user_features & BIT_ULL((uintptr_t)prop->opaque)));
}

static bool feature_set(Object *obj, const ObjectProperty *prop, json_object *value, GError **errp)
{
    uint64_t bit = BIT_ULL((uintptr_t)prop->opaque);
    VirtIODevice *vdev = VIRTIO_DEVICE(obj);

    if (json_object_get_boolean(value)) {
        vdev->user_features |= bit;
    } else {
        vdev->user_features &= ~bit;
    }
    return true;
}

#define FEATURE(n, bit, def, h) \
    { \
        .name = n, .kind = PROP_BOOL, .has_default = true, .defval = def, .get = feature_get, \
        .set = feature_set, .opaque = (const void *)(uintptr_t)(bit), .help = h \
    }

static const ObjectProperty virtio_device_props[] = {
    FEATURE("indirect_desc", VIRTIO_F_INDIRECT_DESC, true, "tables of descriptors"),
    FEATURE("event_idx", VIRTIO_F_EVENT_IDX, true, "event indices suppress notifications"),
    FEATURE("notify_on_empty", VIRTIO_F_NOTIFY_ON_EMPTY, true,
            "legacy: interrupt when the ring runs empty"),
    FEATURE("any_layout", VIRTIO_F_ANY_LAYOUT, true, "legacy: buffers of any layout"),
    FEATURE("iommu_platform", VIRTIO_F_ACCESS_PLATFORM, false,
            "the driver must use the platform's DMA rules"),
    FEATURE("packed", VIRTIO_F_RING_PACKED, false, "packed rings"),
    FEATURE("in_order", VIRTIO_F_IN_ORDER, false, "buffers are used in the order offered"),
    FEATURE("notification_data", VIRTIO_F_NOTIFICATION_DATA, false,
            "notifications carry the ring's index"),
    FEATURE("queue_reset", VIRTIO_F_RING_RESET, true, "queues can be reset one by one"),
};

static void virtio_device_init(Object *obj)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(obj);

    for (unsigned i = 0; i < G_N_ELEMENTS(virtio_device_props); i++) {
        if (virtio_device_props[i].defval) {
            vdev->user_features |= BIT_ULL((uintptr_t)virtio_device_props[i].opaque);
        }
    }
}

static void virtio_device_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->bus_type = TYPE_VIRTIO_BUS;
    dc->realize = virtio_device_realize;
    dc->unrealize = virtio_device_unrealize;
    dc->reset = virtio_device_reset;
    object_class_add_property_table(klass, virtio_device_props);
}

static const TypeInfo virtio_device_info = {
    .name = TYPE_VIRTIO_DEVICE,
    .parent = TYPE_DEVICE,
    .instance_size = sizeof(VirtIODevice),
    .class_size = sizeof(VirtioDeviceClass),
    .abstract = true,
    .class_init = virtio_device_class_init,
    .instance_init = virtio_device_init,
    .instance_finalize = virtio_device_finalize,
};
QOM_TYPE(virtio_device_info);

static void virtio_bus_class_init(ObjectClass *klass, const void *data)
{
    ((BusClass *)klass)->max_dev = 1;
}

static const TypeInfo virtio_bus_info = {
    .name = TYPE_VIRTIO_BUS,
    .parent = TYPE_BUS,
    .class_size = sizeof(VirtioBusClass),
    .abstract = true,
    .class_init = virtio_bus_class_init,
};
QOM_TYPE(virtio_bus_info);
