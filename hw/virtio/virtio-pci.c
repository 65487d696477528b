/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PCI function of a virtio device (virtio 1.2, section 4.1): identity, capabilities, BARs,
 * interrupts, life.  There is one of these for all devices; what is behind it is the child
 * "virtio-backend", whose properties it shows as its own.  Main loop, where not said otherwise.
 */
#include "virtio-pci-private.h"

#include "hw/pci/pci_bus.h"

/* --- interrupts ------------------------------------------------------------------------------ */

/* Set and cleared from several threads.  Whoever moves the pin looks again, so the level that stays
 * is the one that belongs to the ISR. */
static void update_pin(VirtIOPCI *p)
{
    bool level;

    do {
        level = __atomic_load_n(&p->isr, __ATOMIC_SEQ_CST);
        pci_set_irq(PCI_DEVICE(p), level && !msix_enabled(PCI_DEVICE(p)));
    } while (level != !!__atomic_load_n(&p->isr, __ATOMIC_SEQ_CST));
}

uint8_t virtio_pci_take_isr(VirtIOPCI *p)
{
    uint8_t isr = 0;

    if (__atomic_load_n(&p->isr, __ATOMIC_SEQ_CST)) {
        isr = __atomic_exchange_n(&p->isr, 0, __ATOMIC_SEQ_CST);
        update_pin(p);
    }
    return isr;
}

/* Any thread. */
static void queue_interrupt(void *transport, VirtQueue *vq)
{
    VirtIOPCI *p = transport;

    /* With MSI-X nobody takes the bit away: then this is a load.  Otherwise what was used has been
     * published with a full barrier: the driver looks at it after it has taken the bit. */
    if (!(__atomic_load_n(&p->isr, __ATOMIC_SEQ_CST) & VIRTIO_PCI_ISR_QUEUE)) {
        __atomic_fetch_or(&p->isr, VIRTIO_PCI_ISR_QUEUE, __ATOMIC_SEQ_CST);
    }
    if (likely(msix_enabled(PCI_DEVICE(p)))) {
        uint16_t v = __atomic_load_n(&vq->vector, __ATOMIC_ACQUIRE);

        if (v != VIRTIO_NO_VECTOR) {
            msix_notify(PCI_DEVICE(p), v);
        }
    } else {
        update_pin(p);
    }
}

static void config_interrupt(void *transport)
{
    VirtIOPCI *p = transport;

    /* No look at it before: what has changed need not be visible yet, and the driver that takes the
     * bit away meanwhile would not see it. */
    __atomic_fetch_or(&p->isr, VIRTIO_PCI_ISR_CONFIG, __ATOMIC_SEQ_CST);
    if (msix_enabled(PCI_DEVICE(p))) {
        uint16_t v = __atomic_load_n(&p->config_vector, __ATOMIC_ACQUIRE);

        if (v != VIRTIO_NO_VECTOR) {
            msix_notify(PCI_DEVICE(p), v);
        }
    } else {
        update_pin(p);
    }
}

void virtio_pci_set_vector(VirtIOPCI *p, uint16_t *vector, uint16_t v)
{
    PCIDevice *pci = PCI_DEVICE(p);
    uint16_t old = *vector;

    if (v >= msix_nr_vectors(pci)) {
        v = VIRTIO_NO_VECTOR; /* 4.1.5.1.2.1: reading it back says that it was refused */
    }
    if (v == old) {
        return;
    }
    if (v != VIRTIO_NO_VECTOR && !p->vector_users[v]++) {
        msix_vector_use(pci, v);
    }
    __atomic_store_n(vector, v, __ATOMIC_RELEASE);
    if (old != VIRTIO_NO_VECTOR && !--p->vector_users[old]) {
        msix_vector_unuse(pci, old);
    }
}

/* Home: features were agreed on, or the device was reset. */
static void driver_changed(void *transport)
{
    VirtIOPCI *p = transport;

    if (!p->vdev->status) {
        for (unsigned v = 0; v < msix_nr_vectors(PCI_DEVICE(p)); v++) {
            if (p->vector_users[v]) {
                p->vector_users[v] = 0;
                msix_vector_unuse(PCI_DEVICE(p), v);
            }
        }
        __atomic_store_n(&p->config_vector, VIRTIO_NO_VECTOR, __ATOMIC_RELEASE);
        __atomic_store_n(&p->dfselect, 0, __ATOMIC_RELEASE);
        __atomic_store_n(&p->gfselect, 0, __ATOMIC_RELEASE);
        __atomic_store_n(&p->queue_select, 0, __ATOMIC_RELEASE);
        __atomic_store_n(&p->isr, 0, __ATOMIC_SEQ_CST);
        update_pin(p);
    }
    virtio_notifiers_look(&p->notifiers);
}

static const VirtioTransportOps pci_transport_ops = {
    .queue_interrupt = queue_interrupt,
    .config_interrupt = config_interrupt,
    .driver_changed = driver_changed,
};

/* --- capabilities, and the way to the BAR through configuration space (4.1.4.9) -------------- */

static int add_cap(VirtIOPCI *p, uint8_t type, uint32_t offset, uint32_t length, uint8_t size,
                   GError **errp)
{
    PCIDevice *pci = PCI_DEVICE(p);
    int pos = pci_add_capability(pci, PCI_CAP_ID_VNDR, 0, size, errp);

    if (pos >= 0) {
        uint8_t *cap = pci->config + pos;

        cap[2] = size;
        cap[3] = type;
        cap[4] = VIRTIO_PCI_MODERN_BAR;
        pci_set_long(cap + 8, offset);
        pci_set_long(cap + 12, length);
    }
    return pos;
}

static bool add_caps(VirtIOPCI *p, GError **errp)
{
    PCIDevice *pci = PCI_DEVICE(p);
    uint32_t notify_len = MAX(p->num_queues * p->notify_multiplier, 4);
    int notify, cfg;

    if (add_cap(p, VIRTIO_PCI_CAP_COMMON_CFG, MODERN_COMMON, MODERN_PART, 16, errp) < 0 ||
        add_cap(p, VIRTIO_PCI_CAP_ISR_CFG, MODERN_ISR, MODERN_PART, 16, errp) < 0 ||
        add_cap(p, VIRTIO_PCI_CAP_DEVICE_CFG, MODERN_DEVICE, MODERN_PART, 16, errp) < 0) {
        return false;
    }
    notify = add_cap(p, VIRTIO_PCI_CAP_NOTIFY_CFG, MODERN_NOTIFY, ALIGN_UP(notify_len, MODERN_PART),
                     20, errp);
    if (notify < 0) {
        return false;
    }
    pci_set_long(pci->config + notify + 16, p->notify_multiplier);
    cfg = add_cap(p, VIRTIO_PCI_CAP_PCI_CFG, 0, 0, 20, errp);
    if (cfg < 0) {
        return false;
    }
    p->cfg_cap = cfg;
    pci->config[cfg + 4] = 0;
    pci->wmask[cfg + 4] = 0xff;
    memset(pci->wmask + cfg + 8, 0xff, 12);
    pci_config_mark_home(pci, cfg + 16, 4);
    return true;
}

/* The region that the capability points to; NULL: nothing that may be reached that way. */
static MemoryRegion *cfg_target(VirtIOPCI *p, hwaddr *offset, unsigned *size)
{
    const uint8_t *cap = PCI_DEVICE(p)->config + p->cfg_cap;
    uint32_t off = pci_get_long(cap + 8);

    *size = pci_get_long(cap + 12);
    if (pci_get_byte(cap + 4) != VIRTIO_PCI_MODERN_BAR ||
        (*size != 1 && *size != 2 && *size != 4) || off % *size) {
        return NULL;
    }
    *offset = off % MODERN_PART;
    switch (off - *offset) {
    case MODERN_COMMON:
        return &p->common;
    case MODERN_ISR:
        return &p->isr_mr;
    case MODERN_DEVICE:
        return &p->device;
    default:
        break;
    }
    off -= MODERN_NOTIFY;
    *offset = off % p->notify_multiplier;
    return off / p->notify_multiplier < p->num_queues ? &p->queues[off / p->notify_multiplier].mr
                                                      : NULL;
}

static bool config_read(PCIDevice *pci, uint32_t addr, unsigned len, uint32_t *val)
{
    VirtIOPCI *p = VIRTIO_PCI(pci);
    MemoryRegion *mr;
    uint64_t data = 0;
    hwaddr offset;
    unsigned size;

    if (likely(!p->cfg_cap || addr < p->cfg_cap + 16u || addr + len > p->cfg_cap + 20u)) {
        return false;
    }
    mr = cfg_target(p, &offset, &size);
    if (mr && !virtio_pci_gone(p)) {
        /* All of these reads are direct; one that meets a change of the configuration tries again.
         */
        for (unsigned i = 0; i < 1000 && !mr->ops->read_direct(mr->opaque, offset, &data, size);
             i++) {
            cpu_relax();
        }
    }
    *val = (data & MASK_ULL(size * 8)) >> (8 * (addr - p->cfg_cap - 16));
    return true;
}

static void fence_at_home(void *opaque)
{
    virtio_fence(opaque);
}

static void config_changed(PCIDevice *pci, uint32_t addr, int len)
{
    VirtIOPCI *p = VIRTIO_PCI(pci);
    hwaddr offset;
    unsigned size;

    if (!p->set_up) {
        return;
    }
    if (addr <= PCI_COMMAND && addr + len > PCI_COMMAND) {
        /* Bus mastering went off: when the write is done, no queue is touched any more. */
        if (pci_get_word(pci->config + PCI_COMMAND) & PCI_COMMAND_MASTER) {
            virtio_kick_all(p->vdev);
        } else {
            aio_call(p->vdev->home, fence_at_home, p->vdev);
        }
    }
    if (p->cfg_cap && addr >= p->cfg_cap + 16u && addr + len <= p->cfg_cap + 20u) {
        MemoryRegion *mr = cfg_target(p, &offset, &size);

        if (mr) {
            memory_region_dispatch_write(mr, offset, pci_get_long(pci->config + p->cfg_cap + 16),
                                         size, MEMTXATTRS_UNSPECIFIED);
        }
    }
}

/* --- BARs ------------------------------------------------------------------------------------ */

static bool add_part(VirtIOPCI *p, MemoryRegion *mr, const MemoryRegionOps *ops, const char *name,
                     uint32_t offset, GError **errp)
{
    memory_region_init_io(mr, OBJECT(p), ops, p, name, MODERN_PART);
    memory_region_add_subregion(&p->modern, offset, mr);
    return virtio_set_region_home(p->vdev, mr, 0, errp);
}

static bool init_modern(VirtIOPCI *p, GError **errp)
{
    uint64_t notify_len = ALIGN_UP((uint64_t)p->num_queues * p->notify_multiplier, MODERN_PART);
    uint64_t size = MODERN_NOTIFY + MAX(notify_len, MODERN_PART);

    size = UINT64_C(1) << (64 - __builtin_clzll(size - 1));
    memory_region_init(&p->modern, OBJECT(p), "virtio-pci", size);
    if (!add_part(p, &p->common, &virtio_pci_common_ops, "virtio-pci-common", MODERN_COMMON,
                  errp) ||
        !add_part(p, &p->isr_mr, &virtio_pci_isr_ops, "virtio-pci-isr", MODERN_ISR, errp) ||
        !add_part(p, &p->device, &virtio_pci_device_ops, "virtio-pci-device", MODERN_DEVICE,
                  errp)) {
        return false;
    }
    memory_region_init(&p->notify, OBJECT(p), "virtio-pci-notify", MAX(notify_len, MODERN_PART));
    memory_region_add_subregion(&p->modern, MODERN_NOTIFY, &p->notify);
    for (unsigned i = 0; i < p->num_queues; i++) {
        VirtioPciQueue *q = &p->queues[i];
        g_autofree char *name = g_strdup_printf("virtio-pci-notify-%u", i);

        memory_region_init_io(&q->mr, OBJECT(p), &virtio_pci_notify_ops, q, name,
                              p->notify_multiplier);
        memory_region_add_subregion(&p->notify, (hwaddr)i * p->notify_multiplier, &q->mr);
    }
    pci_register_bar(PCI_DEVICE(p), VIRTIO_PCI_MODERN_BAR,
                     PCI_BASE_ADDRESS_SPACE_MEMORY | PCI_BASE_ADDRESS_MEM_TYPE_64 |
                         PCI_BASE_ADDRESS_MEM_PREFETCH,
                     &p->modern);
    return add_caps(p, errp);
}

static bool init_legacy(VirtIOPCI *p, GError **errp)
{
    uint64_t size = VIRTIO_PCI_CONFIG_OFF(msix_present(PCI_DEVICE(p))) + p->vdev->config_len;

    size = UINT64_C(1) << (64 - __builtin_clzll(size - 1));
    memory_region_init_io(&p->legacy, OBJECT(p), &virtio_pci_legacy_ops, p, "virtio-pci", size);
    pci_register_bar(PCI_DEVICE(p), VIRTIO_PCI_LEGACY_BAR, PCI_BASE_ADDRESS_SPACE_IO, &p->legacy);
    return virtio_set_region_home(p->vdev, &p->legacy, 0, errp);
}

/* --- notifications --------------------------------------------------------------------------- */

/* Modern: any length, any value; legacy: one port, told apart by the value. */
static void map_eventfd(void *transport, VirtQueue *vq, int fd, bool on)
{
    VirtIOPCI *p = transport;
    MemoryRegionIoeventfd modern = {.offset = 0, .size = 0, .fd = fd};
    MemoryRegionIoeventfd legacy = {.offset = VIRTIO_PCI_QUEUE_NOTIFY,
                                    .size = 2,
                                    .match_data = true,
                                    .data = vq->index,
                                    .fd = fd};

    if (p->has_modern) {
        (on ? memory_region_add_eventfd : memory_region_del_eventfd)(&p->queues[vq->index].mr,
                                                                     &modern);
    }
    if (p->has_legacy) {
        (on ? memory_region_add_eventfd : memory_region_del_eventfd)(&p->legacy, &legacy);
    }
}

static bool set_notify_home(void *transport, VirtQueue *vq, bool on, GError **errp)
{
    VirtIOPCI *p = transport;
    MemoryRegion *mr = &p->queues[vq->index].mr;
    IoRegionFd *ior = virtio_queue_ioregionfd(vq);

    if (!p->has_modern) {
        return true;
    }
    if (on && ior) {
        return memory_region_set_ioregionfd(mr, ior, MEMORY_HOME_POSTED_WRITES, errp);
    }
    memory_region_set_home(mr, on ? vq->ctx : NULL, on ? MEMORY_HOME_POSTED_WRITES : 0);
    return true;
}

static const VirtioNotifierOps notifier_ops = {.map_eventfd = map_eventfd,
                                               .set_home = set_notify_home};

/* --- realize --------------------------------------------------------------------------------- */

static bool choose_interfaces(VirtIOPCI *p, GError **errp)
{
    PCIBus *bus = pci_get_bus(PCI_DEVICE(p));
    const VirtioPciType *type = object_get_class(p)->info->class_data;
    VirtioDeviceClass *vc = VIRTIO_DEVICE_GET_CLASS(p->vdev);
    bool port = pci_bus_is_express(bus) && !pci_bus_is_root(bus);

    p->has_modern = !p->disable_modern;
    p->has_legacy =
        p->disable_legacy == ON_OFF_AUTO_OFF || (p->disable_legacy == ON_OFF_AUTO_AUTO && !port);
    if (type->kind == VIRTIO_PCI_TRANSITIONAL) {
        p->has_modern = p->has_legacy = true;
    } else if (type->kind == VIRTIO_PCI_NON_TRANSITIONAL) {
        p->has_modern = true;
        p->has_legacy = false;
    }
    /* What the legacy interface cannot say. */
    if (!vc->legacy_pci_id || p->vdev->user_features & BIT_ULL(VIRTIO_F_ACCESS_PLATFORM)) {
        p->has_legacy = false;
    }
    if (!p->has_modern && !p->has_legacy) {
        error_setg(errp,
                   "%s: with disable-modern=on and without the legacy interface nothing is left; "
                   "use disable-modern=off%s",
                   vc->name, vc->legacy_pci_id ? " or disable-legacy=off" : "");
        return false;
    }
    return true;
}

static void set_identity(VirtIOPCI *p)
{
    PCIDevice *pci = PCI_DEVICE(p);
    VirtioDeviceClass *vc = VIRTIO_DEVICE_GET_CLASS(p->vdev);

    pci_set_word(pci->config + PCI_CLASS_DEVICE, vc->pci_class);
    pci_set_word(pci->config + PCI_SUBSYSTEM_VENDOR_ID, PCI_VENDOR_ID_REDHAT_QUMRANET);
    pci_set_byte(pci->config + PCI_INTERRUPT_PIN, 1);
    if (p->has_legacy) {
        /* 4.1.2.3: the legacy driver knows the device by its subsystem. */
        pci_set_word(pci->config + PCI_DEVICE_ID, vc->legacy_pci_id);
        pci_set_word(pci->config + PCI_SUBSYSTEM_ID, vc->device_id);
        pci_set_byte(pci->config + PCI_REVISION_ID, 0);
    } else {
        pci_set_word(pci->config + PCI_DEVICE_ID, 0x1040 + vc->device_id);
        pci_set_word(pci->config + PCI_SUBSYSTEM_ID, PCI_SUBDEVICE_ID_QEMU);
        pci_set_byte(pci->config + PCI_REVISION_ID, 1);
    }
}

static bool init_express(VirtIOPCI *p, GError **errp)
{
    PCIDevice *pci = PCI_DEVICE(p);
    PCIBus *bus = pci_get_bus(pci);

    if (!object_is_a(OBJECT(pci), INTERFACE_PCIE_DEVICE) || !pci_bus_is_express(bus) ||
        pci_bus_is_root(bus)) {
        return true;
    }
    if (pcie_endpoint_cap_init(pci, 0) < 0 || pci_pm_init(pci, 0, errp) < 0) {
        return false;
    }
    pcie_cap_flr_init(pci);
    return true;
}

static void make_queues(VirtIOPCI *p)
{
    p->num_queues = p->vdev->num_vqs;
    p->queues = g_new0(VirtioPciQueue, p->num_queues);
    for (unsigned i = 0; i < p->num_queues; i++) {
        p->queues[i].p = p;
        p->queues[i].vq = p->vdev->vqs[i];
    }
}

static bool init_parts(VirtIOPCI *p, GError **errp)
{
    PCIDevice *pci = PCI_DEVICE(p);
    unsigned vectors = p->vectors == UINT32_MAX ? p->num_queues + 1 : p->vectors;

    set_identity(p);
    p->notify_multiplier = p->page_per_vq ? 4096 : 4;
    p->config_vector = VIRTIO_NO_VECTOR;
    if (vectors && !msix_init_exclusive_bar(pci, vectors, VIRTIO_PCI_MSIX_BAR, errp)) {
        return false;
    }
    p->vector_users = g_new0(uint16_t, MAX(vectors, 1));
    if (!init_express(p, errp) || (p->has_modern && !init_modern(p, errp)) ||
        (p->has_legacy && !init_legacy(p, errp))) {
        return false;
    }
    if (!virtio_notifiers_init(&p->notifiers, p->vdev, &notifier_ops, p, errp)) {
        return false;
    }
    p->set_up = true;
    return true;
}

/* Nothing of ours is reached any more; no thread uses the homes. */
static void take_homes_away(VirtIOPCI *p)
{
    MemoryRegion *homed[] = {&p->common, &p->isr_mr, &p->device, &p->legacy};

    p->set_up = false;
    virtio_notifiers_exit(&p->notifiers);
    for (unsigned i = 0; i < G_N_ELEMENTS(homed); i++) {
        if (homed[i]->name) {
            memory_region_set_home(homed[i], NULL, 0);
        }
    }
}

static bool virtio_pci_realize(PCIDevice *pci, GError **errp)
{
    VirtIOPCI *p = VIRTIO_PCI(pci);
    DeviceState *backend = DEVICE(p->vdev);

    if (!choose_interfaces(p, errp)) {
        return false;
    }
    if (!p->bus) {
        p->bus = qbus_new(TYPE_VIRTIO_PCI_BUS, DEVICE(p), "virtio-bus");
    }
    if (!qdev_realize(backend, p->bus, errp)) {
        return false;
    }
    make_queues(p);
    if (!init_parts(p, errp)) {
        take_homes_away(p);
        qdev_unrealize(backend);
        return false;
    }
    return true;
}

static void virtio_pci_exit(PCIDevice *pci)
{
    take_homes_away(VIRTIO_PCI(pci));
    msix_uninit(pci);
}

static void virtio_pci_reset(DeviceState *dev)
{
    /* The device itself was reset before: it is on our bus. */
    pci_device_reset(PCI_DEVICE(dev));
}

static void virtio_pci_finalize(Object *obj)
{
    VirtIOPCI *p = VIRTIO_PCI(obj);
    MemoryRegion *parts[] = {&p->common, &p->isr_mr, &p->device};

    for (unsigned i = 0; p->queues && i < p->num_queues; i++) {
        if (p->queues[i].mr.name) {
            memory_region_finalize(&p->queues[i].mr);
        }
    }
    if (p->notify.name) {
        memory_region_finalize(&p->notify);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(parts); i++) {
        if (parts[i]->name) {
            memory_region_finalize(parts[i]);
        }
    }
    if (p->modern.name) {
        memory_region_finalize(&p->modern);
    }
    if (p->legacy.name) {
        memory_region_finalize(&p->legacy);
    }
    g_free(p->queues);
    g_free(p->vector_users);
    g_free(p->notifiers.text);
    object_unref(p->vdev);
}

/* --- properties ------------------------------------------------------------------------------ */

static const ObjectProperty virtio_pci_props[] = {
    DEFINE_PROP_ON_OFF_AUTO("disable-legacy", VirtIOPCI, disable_legacy, ON_OFF_AUTO_AUTO,
                            "no legacy interface (auto: on behind a PCI Express port)"),
    DEFINE_PROP_BOOL("disable-modern", VirtIOPCI, disable_modern, false, "no modern interface"),
    DEFINE_PROP_BOOL("page-per-vq", VirtIOPCI, page_per_vq, false,
                     "a page for each queue's notifications"),
    DEFINE_PROP_UINT32("vectors", VirtIOPCI, vectors, UINT32_MAX,
                       "MSI-X vectors; 0: none; default: one more than queues"),
    DEFINE_PROPS_VIRTIO_NOTIFIERS(VirtIOPCI, notifiers),
};

/* The device's own properties. */
static json_object *backend_get(Object *obj, const ObjectProperty *prop, GError **errp)
{
    return object_property_get_json(OBJECT(VIRTIO_PCI(obj)->vdev), prop->name, errp);
}

static bool backend_set(Object *obj, const ObjectProperty *prop, json_object *value, GError **errp)
{
    return object_property_set_json(OBJECT(VIRTIO_PCI(obj)->vdev), prop->name, value, true, errp);
}

typedef struct Forwarded {
    ObjectClass *klass;
    GArray *props;
} Forwarded;

static void forward_property(const ObjectProperty *prop, void *opaque)
{
    Forwarded *f = opaque;
    ObjectProperty copy = *prop;

    if (object_class_property_find(f->klass, prop->name) || prop->kind == PROP_CHILD) {
        return; /* every device has it */
    }
    copy.get = backend_get;
    copy.set = backend_set;
    if (!copy.type && copy.kind == PROP_CUSTOM) {
        copy.type = "str";
    }
    g_array_append_val(f->props, copy);
}

void virtio_pci_class_init(ObjectClass *klass, const void *data)
{
    const VirtioPciType *type = data;
    ObjectClass *backend = object_class_by_name(type->backend);
    VirtioDeviceClass *vc = (VirtioDeviceClass *)backend;
    Forwarded f = {.klass = klass, .props = g_array_new(false, false, sizeof(ObjectProperty))};
    size_t n;

    ((DeviceClass *)klass)->category = vc->parent_class.category;
    ((DeviceClass *)klass)->desc = vc->parent_class.desc;
    ((PCIDeviceClass *)klass)->romfile = vc->romfile;
    ((PCIDeviceClass *)klass)->rom_optional = true;
    object_class_property_foreach(backend, forward_property, &f);
    n = f.props->len;
    object_class_add_properties(klass, (ObjectProperty *)(void *)g_array_free(f.props, FALSE), n);
}

/* --- types ----------------------------------------------------------------------------------- */

static void virtio_pci_init(Object *obj)
{
    const VirtioPciType *type = object_get_class(obj)->info->class_data;
    VirtIOPCI *p = VIRTIO_PCI(obj);

    p->vdev = (VirtIODevice *)object_check(object_new(type->backend, NULL), TYPE_VIRTIO_DEVICE);
    object_property_add_child(obj, "virtio-backend", OBJECT(p->vdev), NULL);
}

static void virtio_pci_base_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;
    PCIDeviceClass *pc = (PCIDeviceClass *)klass;

    dc->reset = virtio_pci_reset;
    pc->realize = virtio_pci_realize;
    pc->exit = virtio_pci_exit;
    pc->config_changed = config_changed;
    pc->config_read = config_read;
    pc->vendor_id = PCI_VENDOR_ID_REDHAT_QUMRANET;
    object_class_add_property_table(klass, virtio_pci_props);
}

const char *const virtio_pci_interfaces[] = {INTERFACE_PCIE_DEVICE,
                                             INTERFACE_CONVENTIONAL_PCI_DEVICE, NULL};
const char *const virtio_pci_conventional[] = {INTERFACE_CONVENTIONAL_PCI_DEVICE, NULL};

static const TypeInfo virtio_pci_info = {
    .name = TYPE_VIRTIO_PCI,
    .parent = TYPE_PCI_DEVICE,
    .instance_size = sizeof(VirtIOPCI),
    .abstract = true,
    .class_init = virtio_pci_base_class_init,
    .instance_init = virtio_pci_init,
    .instance_finalize = virtio_pci_finalize,
};
QOM_TYPE(virtio_pci_info);

static void attach(BusState *bus, VirtIODevice *vdev)
{
    VirtIOPCI *p = VIRTIO_PCI(bus->parent);

    vdev->as = &PCI_DEVICE(p)->bus_master_as;
    vdev->ops = &pci_transport_ops;
    vdev->transport = p;
}

static void virtio_pci_bus_class_init(ObjectClass *klass, const void *data)
{
    ((VirtioBusClass *)klass)->attach = attach;
}

static const TypeInfo virtio_pci_bus_info = {
    .name = TYPE_VIRTIO_PCI_BUS,
    .parent = TYPE_VIRTIO_BUS,
    .class_init = virtio_pci_bus_class_init,
};
QOM_TYPE(virtio_pci_bus_info);
