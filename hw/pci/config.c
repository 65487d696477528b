/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Configuration space accesses of one function: masks, and what follows from a write.
 *
 * Bytes are read without a lock.  Writers hold config_lock, so that two vCPUs which write
 * neighbouring bytes do not undo each other's work.
 */
#include "hw/pci/pci_bus.h"
#include "hw/pci/pci_internal.h"

uint32_t pci_config_read(PCIDevice *dev, uint32_t addr, unsigned len)
{
    PCIDeviceClass *pc = PCI_DEVICE_GET_CLASS(dev);
    uint32_t val = 0;

    if (addr + len > dev->config_size) {
        return UINT32_MAX >> (32 - 8 * len);
    }
    if (unlikely(pc->config_read) && pc->config_read(dev, addr, len, &val)) {
        return val;
    }
    if (IS_ALIGNED(addr, len)) {
        switch (len) {
        case 1:
            return __atomic_load_n(dev->config + addr, __ATOMIC_RELAXED);
        case 2:
            return __atomic_load_n((uint16_t *)(dev->config + addr), __ATOMIC_RELAXED);
        case 4:
            return __atomic_load_n((uint32_t *)(dev->config + addr), __ATOMIC_RELAXED);
        }
    }
    for (unsigned n = 0; n < len; n++) {
        val |= (uint32_t)pci_get_byte(dev->config + addr + n) << (8 * n);
    }
    return val;
}

void pci_config_mark_home(PCIDevice *dev, uint32_t addr, unsigned len)
{
    memset(dev->home_mask + addr, 0xff, len);
}

bool pci_config_write_needs_home(const PCIDevice *dev, uint32_t addr, unsigned len)
{
    for (unsigned n = 0; n < len && addr + n < dev->config_size; n++) {
        if (dev->home_mask[addr + n]) {
            return true;
        }
    }
    return false;
}

/* The masks' work; returns what the command register was before. */
static uint16_t write_bytes(PCIDevice *dev, uint32_t addr, uint32_t val, unsigned len)
{
    QEMU_LOCK_GUARD(&dev->config_lock);
    uint16_t old_command = pci_get_word(dev->config + PCI_COMMAND);

    for (unsigned n = 0; n < len && addr + n < dev->config_size; n++) {
        uint8_t *c = dev->config + addr + n;
        uint8_t wmask = dev->wmask[addr + n], w1c = dev->w1cmask[addr + n];
        uint8_t byte = val >> (8 * n);

        pci_set_byte(c, ((*c & ~wmask) | (byte & wmask)) & ~(byte & w1c));
    }
    return old_command;
}

static void command_changed(PCIDevice *dev, uint16_t old)
{
    uint16_t command = pci_get_word(dev->config + PCI_COMMAND);
    uint16_t changed = old ^ command;

    if (changed & PCI_COMMAND_INTX_DISABLE) {
        QEMU_LOCK_GUARD(&dev->config_lock);
        pci_update_intx_locked(dev);
    }
    if (changed & PCI_COMMAND_MASTER) {
        address_space_set_enabled(&dev->bus_master_as, command & PCI_COMMAND_MASTER);
        msix_config_written(dev);
    }
}

static void power_changed(PCIDevice *dev)
{
    unsigned state = pci_get_word(dev->config + dev->pm_cap + PCI_PM_CTRL) & PCI_PM_CTRL_STATE_MASK;

    dev->has_power = state != 3;
}

static bool bars_touched(const PCIDevice *dev, uint32_t addr, unsigned len)
{
    uint32_t bars = dev->is_bridge ? 8 : 24;
    uint32_t rom = dev->is_bridge ? PCI_ROM_ADDRESS1 : PCI_ROM_ADDRESS;

    return pci_ranges_overlap(addr, len, PCI_BASE_ADDRESS_0, bars) ||
           pci_ranges_overlap(addr, len, rom, 4) || pci_ranges_overlap(addr, len, PCI_COMMAND, 2);
}

/* What only the main loop does after a write. */
static void home_effects(PCIDevice *dev, uint32_t addr, unsigned len, uint16_t old_command,
                         uint16_t old_slotctl, uint16_t old_slotsta)
{
    bool power = dev->pm_cap && pci_ranges_overlap(addr, len, dev->pm_cap + PCI_PM_CTRL, 2);

    if (pci_ranges_overlap(addr, len, PCI_COMMAND, 2)) {
        command_changed(dev, old_command);
    }
    if (power) {
        power_changed(dev);
    }
    if (power || bars_touched(dev, addr, len)) {
        pci_update_mappings(dev);
    }
    if (dev->msix_cap && pci_ranges_overlap(addr, len, dev->msix_cap, PCI_CAP_MSIX_SIZEOF)) {
        msix_config_written(dev);
    }
    if (dev->msi_cap && pci_ranges_overlap(addr, len, dev->msi_cap, 24)) {
        msi_config_written(dev);
    }
    if (dev->is_bridge) {
        pci_bridge_config_written(PCI_BRIDGE(dev), addr, len);
    }
    if (dev->exp_cap) {
        pcie_slot_config_written(dev, old_slotctl, old_slotsta, addr, len);
        pcie_cap_config_written(dev, addr, len);
    }
}

void pci_config_write(PCIDevice *dev, uint32_t addr, uint32_t val, unsigned len)
{
    PCIDeviceClass *pc = PCI_DEVICE_GET_CLASS(dev);
    bool home = pci_config_write_needs_home(dev, addr, len);
    uint16_t slotctl = 0, slotsta = 0, command;

    if (addr >= dev->config_size) {
        return;
    }
    if (home) {
        assert_main_loop();
        if (dev->exp_cap) {
            slotctl = pci_get_word(dev->config + dev->exp_cap + PCI_EXP_SLTCTL);
            slotsta = pci_get_word(dev->config + dev->exp_cap + PCI_EXP_SLTSTA);
        }
    }
    command = write_bytes(dev, addr, val, len);
    if (home) {
        home_effects(dev, addr, len, command, slotctl, slotsta);
    }
    /* An unplug that this write completed has taken the device's own configuration only if dev is
     * gone itself, which a function's own registers cannot cause. */
    if (pc->config_changed) {
        pc->config_changed(dev, addr, len);
    }
}
