/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MSI (PCI 3.0, 6.8.1): up to 32 vectors, a 64-bit address and per-vector masks as the device
 * wants.
 *
 * State is in the configuration bytes and is guarded by config_lock; a message is sent without it.
 */
#include "hw/pci/pci_internal.h"

struct MSIState {
    unsigned nvec;
    bool is64, maskable;
};

static uint8_t data_off(const MSIState *s)
{
    return s->is64 ? PCI_MSI_DATA_64 : PCI_MSI_DATA_32;
}

static uint8_t mask_off(const MSIState *s)
{
    return s->is64 ? PCI_MSI_MASK_64 : PCI_MSI_MASK_32;
}

static uint8_t pending_off(const MSIState *s)
{
    return s->is64 ? PCI_MSI_PENDING_64 : PCI_MSI_PENDING_32;
}

bool msi_init(PCIDevice *dev, uint8_t offset, unsigned nvec, bool msi64bit, bool per_vector_mask,
              GError **errp)
{
    unsigned log2 = 0, size = 10 + (msi64bit ? 4 : 0) + (per_vector_mask ? 10 : 0);
    uint8_t *w;
    int pos;

    g_assert(nvec >= 1 && nvec <= 32 && !(nvec & (nvec - 1)));
    while (1u << log2 < nvec) {
        log2++;
    }
    pos = pci_add_capability(dev, PCI_CAP_ID_MSI, offset, size, errp);
    if (pos < 0) {
        return false;
    }
    dev->msi = g_new0(MSIState, 1);
    *dev->msi = (MSIState){.nvec = nvec, .is64 = msi64bit, .maskable = per_vector_mask};
    dev->msi_cap = pos;
    pci_set_word(dev->config + pos + PCI_MSI_FLAGS,
                 log2 << 1 | (msi64bit ? PCI_MSI_FLAGS_64BIT : 0) |
                     (per_vector_mask ? PCI_MSI_FLAGS_MASKBIT : 0));
    w = dev->wmask + pos;
    pci_set_word(w + PCI_MSI_FLAGS, PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE);
    pci_set_long(w + PCI_MSI_ADDRESS_LO, 0xfffffffc);
    if (msi64bit) {
        pci_set_long(w + PCI_MSI_ADDRESS_HI, UINT32_MAX);
    }
    pci_set_word(w + data_off(dev->msi), 0xffff);
    if (per_vector_mask) {
        pci_set_long(w + mask_off(dev->msi), (uint32_t)MASK_ULL(nvec));
    }
    pci_config_mark_home(dev, pos + PCI_MSI_FLAGS, 2);
    if (per_vector_mask) {
        pci_config_mark_home(dev, pos + mask_off(dev->msi), 4);
    }
    return true;
}

void msi_uninit(PCIDevice *dev)
{
    g_clear_pointer(&dev->msi, g_free);
    dev->msi_cap = 0;
}

bool msi_enabled(PCIDevice *dev)
{
    return dev->msi &&
           (pci_get_word(dev->config + dev->msi_cap + PCI_MSI_FLAGS) & PCI_MSI_FLAGS_ENABLE);
}

static unsigned allocated_vectors(PCIDevice *dev)
{
    unsigned log2 =
        (pci_get_word(dev->config + dev->msi_cap + PCI_MSI_FLAGS) & PCI_MSI_FLAGS_QSIZE) >> 4;

    return MIN(1u << log2, dev->msi->nvec);
}

static MSIMessage message_locked(PCIDevice *dev, unsigned vector)
{
    uint8_t *cap = dev->config + dev->msi_cap;
    unsigned n = allocated_vectors(dev);
    MSIMessage m = {
        .address = pci_get_long(cap + PCI_MSI_ADDRESS_LO),
        .data = pci_get_word(cap + data_off(dev->msi)),
    };

    if (dev->msi->is64) {
        m.address |= (uint64_t)pci_get_long(cap + PCI_MSI_ADDRESS_HI) << 32;
    }
    m.data = (m.data & ~(n - 1)) | (vector & (n - 1));
    return m;
}

void msi_notify(PCIDevice *dev, unsigned vector)
{
    MSIMessage m;

    qemu_mutex_lock(&dev->config_lock);
    if (!msi_enabled(dev) || vector >= dev->msi->nvec) {
        qemu_mutex_unlock(&dev->config_lock);
        return;
    }
    vector &= allocated_vectors(dev) - 1;
    if (dev->msi->maskable) {
        uint8_t *cap = dev->config + dev->msi_cap;
        uint8_t *pending = cap + pending_off(dev->msi);

        if (pci_get_long(cap + mask_off(dev->msi)) & BIT(vector)) {
            pci_set_long(pending, pci_get_long(pending) | BIT(vector));
            qemu_mutex_unlock(&dev->config_lock);
            return;
        }
    }
    m = message_locked(dev, vector);
    qemu_mutex_unlock(&dev->config_lock);
    pci_send_message(dev, m);
}

void msi_config_written(PCIDevice *dev)
{
    MSIMessage out[32];
    unsigned n = 0;

    if (msi_enabled(dev)) {
        QEMU_LOCK_GUARD(&dev->config_lock);
        /* INTx is not used while MSI is enabled (6.8.1.3). */
        dev->irq_state &= ~PCI_IRQ_WANTED;
        pci_update_intx_locked(dev);
        if (dev->msi->maskable) {
            uint8_t *cap = dev->config + dev->msi_cap;
            uint8_t *pending = cap + pending_off(dev->msi);
            uint32_t ready = pci_get_long(pending) & ~pci_get_long(cap + mask_off(dev->msi));

            pci_set_long(pending, pci_get_long(pending) & ~ready);
            for (unsigned v = 0; v < dev->msi->nvec; v++) {
                if (ready & BIT(v)) {
                    out[n++] = message_locked(dev, v);
                }
            }
        }
    }
    for (unsigned i = 0; i < n; i++) {
        pci_send_message(dev, out[i]);
    }
}

void msi_reset(PCIDevice *dev)
{
    uint8_t *cap = dev->config + dev->msi_cap;

    if (!dev->msi) {
        return;
    }
    QEMU_LOCK_GUARD(&dev->config_lock);
    pci_set_word(cap + PCI_MSI_FLAGS,
                 pci_get_word(cap + PCI_MSI_FLAGS) & ~(PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE));
    pci_set_long(cap + PCI_MSI_ADDRESS_LO, 0);
    if (dev->msi->is64) {
        pci_set_long(cap + PCI_MSI_ADDRESS_HI, 0);
    }
    pci_set_word(cap + data_off(dev->msi), 0);
    if (dev->msi->maskable) {
        pci_set_long(cap + mask_off(dev->msi), 0);
        pci_set_long(cap + pending_off(dev->msi), 0);
    }
}
