/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MSI-X (PCI 3.0, 6.8.2): a table of messages with a mask each, and pending bits.
 *
 * A vector that the device uses gets a route and an eventfd.  While nothing masks it, the eventfd
 * is an irqfd ("armed"): notify is one write and no lock.  Masking takes the irqfd away first; a
 * notify that raced with it leaves its count in the eventfd, where reading the pending bits finds
 * it and from where arming again delivers it: KVM looks at the count when an irqfd is assigned.
 * Without irqfd (qtest, or routes exhausted) the message is a memory write through the device's DMA
 * view.
 *
 * Table, pending bits and armed are written under config_lock; the table is read without it.
 */
#include "hw/pci/pci_internal.h"
#include "qemu/aio.h"
#include "system/kvm.h"

#define MSIX_ENTRIES_MAX 2048

typedef struct MSIXVector {
    EventNotifier event;
    int virq;   /* -1: no route */
    bool used;  /* the device asked for it */
    bool armed; /* atomic: event is an irqfd */
    MSIMessage route;
} MSIXVector;

struct MSIXState {
    PCIDevice *dev;
    unsigned n;
    bool active; /* enabled, function not masked, bus master on; config_lock */
    uint8_t *table, *pba;
    MSIXVector *vectors;
    MemoryRegion table_mr, pba_mr;
    bool own_bar;
    MemoryRegion *table_bar, *pba_bar;
};

static bool irqfd_usable(void)
{
    return kvm_enabled() && kvm_irqchip_mode() != KVM_IRQCHIP_OFF;
}

static MSIMessage entry_message(const MSIXState *s, unsigned v)
{
    const uint8_t *e = s->table + v * PCI_MSIX_ENTRY_SIZE;

    return (MSIMessage){
        .address = pci_get_long(e + PCI_MSIX_ENTRY_LOWER_ADDR) |
                   (uint64_t)pci_get_long(e + PCI_MSIX_ENTRY_UPPER_ADDR) << 32,
        .data = pci_get_long(e + PCI_MSIX_ENTRY_DATA),
    };
}

static bool entry_masked(const MSIXState *s, unsigned v)
{
    return s->table[v * PCI_MSIX_ENTRY_SIZE + PCI_MSIX_ENTRY_VECTOR_CTRL] &
           PCI_MSIX_ENTRY_CTRL_MASKBIT;
}

static bool pending(const MSIXState *s, unsigned v)
{
    return s->pba[v / 8] & BIT(v % 8);
}

static void set_pending(MSIXState *s, unsigned v, bool on)
{
    pci_set_byte(s->pba + v / 8, on ? s->pba[v / 8] | BIT(v % 8) : s->pba[v / 8] & ~BIT(v % 8));
}

/* --- routes; config_lock held --------------------------------------------------------------------
 */

static void disarm(MSIXState *s, unsigned v)
{
    MSIXVector *vec = &s->vectors[v];

    if (vec->armed) {
        __atomic_store_n(&vec->armed, false, __ATOMIC_SEQ_CST);
        kvm_irqfd_del(vec->event.fd, vec->virq);
        if (event_notifier_test_and_clear(&vec->event)) {
            set_pending(s, v, true);
        }
    }
}

static void arm(MSIXState *s, unsigned v)
{
    MSIXVector *vec = &s->vectors[v];
    MSIMessage m = entry_message(s, v);

    if (vec->virq < 0 || vec->armed) {
        return;
    }
    if (m.address != vec->route.address || m.data != vec->route.data) {
        kvm_irq_routes_begin();
        kvm_irq_route_update_msi(vec->virq, m);
        kvm_irq_routes_commit();
        vec->route = m;
    }
    if (kvm_irqfd_add(vec->event.fd, -1, vec->virq) == 0) {
        __atomic_store_n(&vec->armed, true, __ATOMIC_SEQ_CST);
    }
}

static void release_route(MSIXState *s, unsigned v)
{
    MSIXVector *vec = &s->vectors[v];

    disarm(s, v);
    if (vec->virq >= 0) {
        kvm_irq_route_release(vec->virq);
        vec->virq = -1;
    }
    /* The eventfd stays open until the state goes: a notify may be about to write to it. */
    if (vec->event.fd >= 0) {
        event_notifier_test_and_clear(&vec->event);
    }
}

static void get_route(MSIXState *s, unsigned v)
{
    MSIXVector *vec = &s->vectors[v];
    MSIMessage m = entry_message(s, v);

    if (vec->virq >= 0 || !vec->used || !irqfd_usable()) {
        return;
    }
    if (vec->event.fd < 0 && !event_notifier_init(&vec->event, false, NULL)) {
        return;
    }
    kvm_irq_routes_begin();
    vec->virq = kvm_irq_route_add_msi(m);
    kvm_irq_routes_commit();
    vec->route = m;
}

/* Arms or disarms v as mask and function say; returns true when a pending message must be sent now
 * (after unlocking). */
static bool update_vector(MSIXState *s, unsigned v, MSIMessage *m)
{
    if (!s->active || entry_masked(s, v)) {
        disarm(s, v);
        return false;
    }
    get_route(s, v);
    arm(s, v);
    if (!pending(s, v)) {
        return false;
    }
    set_pending(s, v, false);
    *m = entry_message(s, v);
    return true;
}

/* A vector whose route changed while armed (the guest writes address and data with the mask bit
 * clear). */
static void reroute(MSIXState *s, unsigned v)
{
    MSIXVector *vec = &s->vectors[v];
    MSIMessage m = entry_message(s, v);

    if (vec->armed && (m.address != vec->route.address || m.data != vec->route.data)) {
        kvm_irq_routes_begin();
        kvm_irq_route_update_msi(vec->virq, m);
        kvm_irq_routes_commit();
        vec->route = m;
    }
}

/* --- guest accesses to the table and the pending bits
 * --------------------------------------------- */

static uint64_t table_read(void *opaque, hwaddr offset, unsigned size)
{
    MSIXState *s = opaque;

    if (size == 8) {
        return pci_get_quad(s->table + offset);
    }
    return pci_get_long(s->table + offset);
}

static void table_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    MSIXState *s = opaque;
    unsigned v = offset / PCI_MSIX_ENTRY_SIZE;
    MSIMessage m;
    bool send;

    qemu_mutex_lock(&s->dev->config_lock);
    for (unsigned n = 0; n < size; n += 4) {
        uint32_t word = data >> (8 * n);
        unsigned reg = (offset + n) % PCI_MSIX_ENTRY_SIZE;

        if (reg == PCI_MSIX_ENTRY_VECTOR_CTRL) {
            word &= PCI_MSIX_ENTRY_CTRL_MASKBIT;
        } else if (reg == PCI_MSIX_ENTRY_LOWER_ADDR) {
            word &= ~3u;
        }
        pci_set_long(s->table + offset + n, word);
    }
    reroute(s, v);
    send = update_vector(s, v, &m);
    qemu_mutex_unlock(&s->dev->config_lock);
    if (send) {
        pci_send_message(s->dev, m);
    }
}

static uint64_t pba_read(void *opaque, hwaddr offset, unsigned size)
{
    MSIXState *s = opaque;
    uint64_t val = 0;
    QEMU_LOCK_GUARD(&s->dev->config_lock);

    for (unsigned v = offset * 8; v < MIN(s->n, (offset + size) * 8); v++) {
        MSIXVector *vec = &s->vectors[v];

        /* What a racing notify left behind. */
        if (!vec->armed && vec->event.fd >= 0 && event_notifier_test_and_clear(&vec->event)) {
            set_pending(s, v, true);
        }
    }
    memcpy(&val, s->pba + offset, size);
    return val;
}

static void pba_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
}

static const MemoryRegionOps table_ops = {
    .read = table_read,
    .write = table_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 4, .max_access_size = 8},
    .impl = {.min_access_size = 4, .max_access_size = 8},
};

static const MemoryRegionOps pba_ops = {
    .read = pba_read,
    .write = pba_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 4, .max_access_size = 8},
    .impl = {.min_access_size = 4, .max_access_size = 8},
};

/* --- the device's side
 * ------------------------------------------------------------------------------ */

bool msix_present(const PCIDevice *dev)
{
    return dev->msix != NULL;
}

unsigned msix_nr_vectors(const PCIDevice *dev)
{
    return dev->msix ? dev->msix->n : 0;
}

bool msix_enabled(PCIDevice *dev)
{
    return dev->msix &&
           (pci_get_word(dev->config + dev->msix_cap + PCI_MSIX_FLAGS) & PCI_MSIX_FLAGS_ENABLE);
}

void msix_notify(PCIDevice *dev, unsigned v)
{
    MSIXState *s = dev->msix;
    MSIMessage m;

    if (!s || v >= s->n) {
        return;
    }
    if (__atomic_load_n(&s->vectors[v].armed, __ATOMIC_ACQUIRE)) {
        event_notifier_set(&s->vectors[v].event);
        return;
    }
    qemu_mutex_lock(&dev->config_lock);
    if (!msix_enabled(dev)) {
        qemu_mutex_unlock(&dev->config_lock);
        return;
    }
    if (!s->active || entry_masked(s, v)) {
        set_pending(s, v, true);
        qemu_mutex_unlock(&dev->config_lock);
        return;
    }
    m = entry_message(s, v);
    qemu_mutex_unlock(&dev->config_lock);
    pci_send_message(dev, m);
}

void msix_vector_use(PCIDevice *dev, unsigned v)
{
    MSIXState *s = dev->msix;
    MSIMessage m;
    bool send = false;

    if (!s || v >= s->n) {
        return;
    }
    qemu_mutex_lock(&dev->config_lock);
    if (!s->vectors[v].used) {
        s->vectors[v].used = true;
        send = update_vector(s, v, &m);
    }
    qemu_mutex_unlock(&dev->config_lock);
    if (send) {
        pci_send_message(dev, m);
    }
}

void msix_vector_unuse(PCIDevice *dev, unsigned v)
{
    MSIXState *s = dev->msix;

    if (!s || v >= s->n) {
        return;
    }
    QEMU_LOCK_GUARD(&dev->config_lock);
    s->vectors[v].used = false;
    release_route(s, v);
    set_pending(s, v, false);
}

void msix_config_written(PCIDevice *dev)
{
    MSIXState *s = dev->msix;
    uint16_t flags;

    if (!s) {
        return;
    }
    for (unsigned v = 0; v < s->n; v++) {
        MSIMessage m;
        bool send;

        qemu_mutex_lock(&dev->config_lock);
        flags = pci_get_word(dev->config + dev->msix_cap + PCI_MSIX_FLAGS);
        s->active = (flags & PCI_MSIX_FLAGS_ENABLE) && !(flags & PCI_MSIX_FLAGS_MASKALL) &&
                    (pci_get_word(dev->config + PCI_COMMAND) & PCI_COMMAND_MASTER);
        if (v == 0 && (flags & PCI_MSIX_FLAGS_ENABLE)) {
            dev->irq_state &= ~PCI_IRQ_WANTED; /* no INTx while MSI-X is enabled */
            pci_update_intx_locked(dev);
        }
        send = update_vector(s, v, &m);
        qemu_mutex_unlock(&dev->config_lock);
        if (send) {
            pci_send_message(dev, m);
        }
    }
}

void msix_reset(PCIDevice *dev)
{
    MSIXState *s = dev->msix;
    uint8_t *flags = dev->config + dev->msix_cap + PCI_MSIX_FLAGS;

    if (!s) {
        return;
    }
    QEMU_LOCK_GUARD(&dev->config_lock);
    pci_set_word(flags, pci_get_word(flags) & ~(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL));
    s->active = false;
    for (unsigned v = 0; v < s->n; v++) {
        release_route(s, v);
        memset(s->table + v * PCI_MSIX_ENTRY_SIZE, 0, PCI_MSIX_ENTRY_SIZE);
        s->table[v * PCI_MSIX_ENTRY_SIZE + PCI_MSIX_ENTRY_VECTOR_CTRL] =
            PCI_MSIX_ENTRY_CTRL_MASKBIT;
    }
    memset(s->pba, 0, DIV_ROUND_UP(s->n, 64) * 8);
}

/* --- set-up
 * ----------------------------------------------------------------------------------------- */

bool msix_init(PCIDevice *dev, unsigned nentries, MemoryRegion *table_bar, uint8_t table_bar_nr,
               uint32_t table_offset, MemoryRegion *pba_bar, uint8_t pba_bar_nr,
               uint32_t pba_offset, uint8_t cap_pos, GError **errp)
{
    uint64_t table_size = (uint64_t)nentries * PCI_MSIX_ENTRY_SIZE;
    uint64_t pba_size = DIV_ROUND_UP(nentries, 64) * 8;
    MSIXState *s;
    uint8_t *cap;
    int pos;

    assert_main_loop();
    if (nentries < 1 || nentries > MSIX_ENTRIES_MAX) {
        error_setg(errp, "%u MSI-X vectors are not possible: 1 to %u", nentries, MSIX_ENTRIES_MAX);
        return false;
    }
    g_assert(IS_ALIGNED(table_offset, 8) && IS_ALIGNED(pba_offset, 8));
    g_assert(table_offset + table_size <= memory_region_size(table_bar));
    g_assert(pba_offset + pba_size <= memory_region_size(pba_bar));
    pos = pci_add_capability(dev, PCI_CAP_ID_MSIX, cap_pos, PCI_CAP_MSIX_SIZEOF, errp);
    if (pos < 0) {
        return false;
    }
    cap = dev->config + pos;
    pci_set_word(cap + PCI_MSIX_FLAGS, nentries - 1);
    pci_set_long(cap + PCI_MSIX_TABLE, table_offset | table_bar_nr);
    pci_set_long(cap + PCI_MSIX_PBA, pba_offset | pba_bar_nr);
    pci_set_word(dev->wmask + pos + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
    pci_config_mark_home(dev, pos + PCI_MSIX_FLAGS, 2);

    s = g_new0(MSIXState, 1);
    s->dev = dev;
    s->n = nentries;
    s->table = g_malloc0(table_size);
    s->pba = g_malloc0(pba_size);
    s->vectors = g_new0(MSIXVector, nentries);
    s->table_bar = table_bar;
    s->pba_bar = pba_bar;
    for (unsigned v = 0; v < nentries; v++) {
        s->vectors[v].virq = -1;
        s->vectors[v].event.fd = -1;
        s->table[v * PCI_MSIX_ENTRY_SIZE + PCI_MSIX_ENTRY_VECTOR_CTRL] =
            PCI_MSIX_ENTRY_CTRL_MASKBIT;
    }
    memory_region_init_io(&s->table_mr, OBJECT(dev), &table_ops, s, "msix-table", table_size);
    memory_region_add_subregion(table_bar, table_offset, &s->table_mr);
    memory_region_init_io(&s->pba_mr, OBJECT(dev), &pba_ops, s, "msix-pba", pba_size);
    memory_region_add_subregion(pba_bar, pba_offset, &s->pba_mr);
    dev->msix_cap = pos;
    dev->msix = s;
    return true;
}

bool msix_init_exclusive_bar(PCIDevice *dev, unsigned nentries, uint8_t bar_nr, GError **errp)
{
    uint32_t table = nentries * PCI_MSIX_ENTRY_SIZE, pba = DIV_ROUND_UP(nentries, 64) * 8;
    uint32_t half = 2 * KiB;
    MemoryRegion *bar = g_new0(MemoryRegion, 1);

    while (half < table || half < pba) {
        half <<= 1;
    }
    memory_region_init(bar, OBJECT(dev), "msix-bar", 2 * half);
    if (!msix_init(dev, nentries, bar, bar_nr, 0, bar, bar_nr, half, 0, errp)) {
        memory_region_finalize(bar);
        g_free(bar);
        return false;
    }
    dev->msix->own_bar = true;
    pci_register_bar(dev, bar_nr, PCI_BASE_ADDRESS_SPACE_MEMORY, bar);
    return true;
}

/* The regions' callbacks may be running in a vCPU until the FlatView that names them is gone: the
 * owner's reference keeps the device, and the state is freed with it. */
static void state_free(gpointer opaque)
{
    MSIXState *s = opaque;

    for (unsigned v = 0; v < s->n; v++) {
        event_notifier_cleanup(&s->vectors[v].event);
    }
    if (s->own_bar) {
        g_free(s->table_bar);
    }
    g_free(s->vectors);
    g_free(s->table);
    g_free(s->pba);
    g_free(s);
}

void msix_uninit(PCIDevice *dev)
{
    MSIXState *s = dev->msix;

    assert_main_loop();
    if (!s) {
        return;
    }
    qemu_mutex_lock(&dev->config_lock);
    s->active = false;
    for (unsigned v = 0; v < s->n; v++) {
        s->vectors[v].used = false;
        release_route(s, v);
    }
    qemu_mutex_unlock(&dev->config_lock);
    memory_region_del_subregion(s->table_bar, &s->table_mr);
    memory_region_del_subregion(s->pba_bar, &s->pba_mr);
    memory_region_finalize(&s->table_mr);
    memory_region_finalize(&s->pba_mr);
    if (s->own_bar) {
        memory_region_finalize(s->table_bar);
    }
    dev->msix = NULL;
    dev->msix_cap = 0;
    g_object_set_data_full(G_OBJECT(dev), "msix-state", s, state_free);
}
