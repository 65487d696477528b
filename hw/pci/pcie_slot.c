/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Native PCI Express hot plug (Base Specification 4.0, 6.7): slot registers of a port and the
 * handshake with the guest.
 *
 * Plug: presence changes and the attention button is pressed; the guest powers the slot on.  Until
 * then nobody finds the device: neither firmware nor an operating system that comes later and would
 * take the slot for a powered one.  Unplug: the attention button is pressed; the guest quiesces the
 * device and powers the slot off, at which point the device leaves.  A reset completes a pending
 * unplug, and gives power to what is there.
 */
#include "hw/pci/pci_internal.h"
#include "hw/pci/pcie.h"

#define SLOT_EVENTS \
    (PCI_EXP_SLTSTA_ABP | PCI_EXP_SLTSTA_PDC | PCI_EXP_SLTSTA_CC | PCI_EXP_SLTSTA_DLLSC)
#define POWER_OFF_MASK (PCI_EXP_SLTCTL_PCC | PCI_EXP_SLTCTL_PIC)
#define POWERED_OFF (PCI_EXP_SLTCTL_PWR_OFF | PCI_EXP_SLTCTL_PWR_IND_OFF)

static uint8_t *slot_reg(PCIDevice *dev, unsigned reg)
{
    return dev->config + dev->exp_cap + reg;
}

static PCIBus *slot_bus(PCIDevice *dev)
{
    return PCI_BRIDGE(dev)->sec_bus;
}

static bool has_slot(PCIDevice *dev)
{
    return pci_get_word(slot_reg(dev, PCI_EXP_FLAGS)) & PCI_EXP_FLAGS_SLOT;
}

static void power_lost(void *opaque);

void pcie_slot_init(PCIDevice *dev, uint16_t slot, bool hotplug)
{
    uint32_t cap = (uint32_t)slot << 19;
    uint16_t ctl = 0;

    pci_set_word(slot_reg(dev, PCI_EXP_FLAGS),
                 pci_get_word(slot_reg(dev, PCI_EXP_FLAGS)) | PCI_EXP_FLAGS_SLOT);
    if (hotplug) {
        cap |= PCI_EXP_SLTCAP_ABP | PCI_EXP_SLTCAP_PCP | PCI_EXP_SLTCAP_AIP | PCI_EXP_SLTCAP_PIP |
               PCI_EXP_SLTCAP_HPC | PCI_EXP_SLTCAP_HPS;
        ctl = PCI_EXP_SLTCTL_ABPE | PCI_EXP_SLTCTL_PFDE | PCI_EXP_SLTCTL_MRLSCE |
              PCI_EXP_SLTCTL_PDCE | PCI_EXP_SLTCTL_CCIE | PCI_EXP_SLTCTL_HPIE | PCI_EXP_SLTCTL_AIC |
              PCI_EXP_SLTCTL_PIC | PCI_EXP_SLTCTL_PCC | PCI_EXP_SLTCTL_DLLSCE;
    }
    pci_set_long(slot_reg(dev, PCI_EXP_SLTCAP), cap);
    pci_set_word(dev->wmask + dev->exp_cap + PCI_EXP_SLTCTL, ctl);
    pci_set_word(dev->w1cmask + dev->exp_cap + PCI_EXP_SLTSTA, SLOT_EVENTS);
    pci_config_mark_home(dev, dev->exp_cap + PCI_EXP_SLTCTL, 4);
    slot_bus(dev)->power_lost_bh = aio_bh_new_outermost(aio_get_main(), power_lost, dev);
}

void pcie_slot_exit(PCIDevice *dev)
{
    aio_bh_delete(slot_bus(dev)->power_lost_bh);
}

static bool slot_occupied(PCIDevice *dev)
{
    PCIBus *bus = slot_bus(dev);

    return bus && bus->devices[0];
}

/* --- events ------------------------------------------------------------------------------------
 */

/* True if an event that the guest asked an interrupt for is in the status register. */
static bool wants_interrupt(PCIDevice *dev, uint16_t ctl, uint16_t sta)
{
    static const struct {
        uint16_t enable, status;
    } events[] = {
        {PCI_EXP_SLTCTL_ABPE, PCI_EXP_SLTSTA_ABP},
        {PCI_EXP_SLTCTL_PDCE, PCI_EXP_SLTSTA_PDC},
        {PCI_EXP_SLTCTL_CCIE, PCI_EXP_SLTSTA_CC},
        {PCI_EXP_SLTCTL_DLLSCE, PCI_EXP_SLTSTA_DLLSC},
    };

    if (!(ctl & PCI_EXP_SLTCTL_HPIE)) {
        return false;
    }
    for (unsigned n = 0; n < G_N_ELEMENTS(events); n++) {
        if ((ctl & events[n].enable) && (sta & events[n].status)) {
            return true;
        }
    }
    return false;
}

/* Messages go out when the condition becomes true (6.7.3.4), INTx follows its level. */
static void update_interrupt(PCIDevice *dev, bool was)
{
    bool is = wants_interrupt(dev, pci_get_word(slot_reg(dev, PCI_EXP_SLTCTL)),
                              pci_get_word(slot_reg(dev, PCI_EXP_SLTSTA)));

    if (msix_enabled(dev)) {
        if (is && !was) {
            msix_notify(dev, 0);
        }
    } else if (msi_enabled(dev)) {
        if (is && !was) {
            msi_notify(dev, 0);
        }
    } else {
        pci_set_irq(dev, is);
    }
}

static void slot_event(PCIDevice *dev, uint16_t events)
{
    uint8_t *sta = slot_reg(dev, PCI_EXP_SLTSTA);
    uint16_t ctl = pci_get_word(slot_reg(dev, PCI_EXP_SLTCTL));
    bool was = wants_interrupt(dev, ctl, pci_get_word(sta));

    qemu_mutex_lock(&dev->config_lock);
    pci_set_word(sta, pci_get_word(sta) | events);
    qemu_mutex_unlock(&dev->config_lock);
    update_interrupt(dev, was);
}

static void set_presence(PCIDevice *dev, bool present)
{
    uint8_t *sta = slot_reg(dev, PCI_EXP_SLTSTA);

    qemu_mutex_lock(&dev->config_lock);
    pci_set_word(sta, present ? pci_get_word(sta) | PCI_EXP_SLTSTA_PDS
                              : pci_get_word(sta) & ~PCI_EXP_SLTSTA_PDS);
    qemu_mutex_unlock(&dev->config_lock);
    pcie_port_link(dev, present);
}

/* --- power --------------------------------------------------------------------------------------
 */

/* As the register says. */
static void update_power(PCIDevice *dev)
{
    PCIBus *bus = slot_bus(dev);

    if (bus) {
        bool off = (pci_get_long(slot_reg(dev, PCI_EXP_SLTCAP)) & PCI_EXP_SLTCAP_PCP) &&
                   (pci_get_word(slot_reg(dev, PCI_EXP_SLTCTL)) & PCI_EXP_SLTCTL_PCC);

        __atomic_store_n(&bus->dark, off || bus->power_lost, __ATOMIC_RELAXED);
    }
}

/* The guest took the power away from devices that stay: they forget all. */
static void reset_all(PCIDevice *dev)
{
    PCIBus *bus = slot_bus(dev);

    for (unsigned devfn = 0; bus && devfn < PCI_FUNC_MAX; devfn++) {
        if (bus->devices[devfn]) {
            device_cold_reset(DEVICE(bus->devices[devfn]));
        }
    }
}

/* --- unplug -------------------------------------------------------------------------------------
 */

/* All functions in the slot leave; the devices that the user asked to unplug and their companions.
 */
static void remove_all(PCIDevice *dev)
{
    PCIBus *bus = slot_bus(dev);

    for (int devfn = G_N_ELEMENTS(bus->devices) - 1; devfn >= 0; devfn--) {
        if (bus->devices[devfn]) {
            qdev_unplug_complete(DEVICE(bus->devices[devfn]));
        }
    }
}

static bool unplug_pending(PCIDevice *dev)
{
    PCIBus *bus = slot_bus(dev);

    for (unsigned devfn = 0; bus && devfn < PCI_FUNC_MAX; devfn++) {
        if (bus->devices[devfn] && bus->devices[devfn]->parent_obj.pending_unplug) {
            return true;
        }
    }
    return false;
}

/* After the guest took the power away, which hides the slot's devices at once.  What waits for a
 * device somewhere up the stack must not lose it: hence the outermost iteration.  The guest's
 * command is complete then (6.7.3.2). */
static void power_lost(void *opaque)
{
    PCIDevice *dev = opaque;
    PCIBus *bus = slot_bus(dev);
    uint16_t events = PCI_EXP_SLTSTA_CC;

    if (!bus->power_lost) {
        return; /* a reset of the machine came first */
    }
    if (unplug_pending(dev)) {
        remove_all(dev);
        set_presence(dev, false);
        events |= PCI_EXP_SLTSTA_PDC | PCI_EXP_SLTSTA_DLLSC;
    } else {
        reset_all(dev);
    }
    bus->power_lost = false;
    update_power(dev);
    slot_event(dev, events);
}

void pcie_slot_config_written(PCIDevice *dev, uint16_t old_ctl, uint16_t old_sta, uint32_t addr,
                              unsigned len)
{
    bool control = pci_ranges_overlap(addr, len, dev->exp_cap + PCI_EXP_SLTCTL, 2);
    bool status = pci_ranges_overlap(addr, len, dev->exp_cap + PCI_EXP_SLTSTA, 2);
    uint16_t ctl, events = 0, off;

    if (!dev->is_bridge || !has_slot(dev) || (!control && !status)) {
        return;
    }
    ctl = pci_get_word(slot_reg(dev, PCI_EXP_SLTCTL));
    if (control) {
        /* Who is to leave does so when the indicator is off, too. */
        off = unplug_pending(dev) ? POWERED_OFF : PCI_EXP_SLTCTL_PWR_OFF;
        if ((ctl & off) == off && (old_ctl & off) != off) {
            slot_bus(dev)->power_lost = true;
            aio_bh_schedule(slot_bus(dev)->power_lost_bh);
        } else if (!slot_bus(dev)->power_lost) {
            events |= PCI_EXP_SLTSTA_CC; /* complete at once */
        }
        update_power(dev);
    }
    qemu_mutex_lock(&dev->config_lock);
    pci_set_word(slot_reg(dev, PCI_EXP_SLTSTA),
                 pci_get_word(slot_reg(dev, PCI_EXP_SLTSTA)) | events);
    qemu_mutex_unlock(&dev->config_lock);
    update_interrupt(dev, wants_interrupt(dev, old_ctl, old_sta));
}

void pcie_slot_reset(PCIDevice *dev)
{
    uint16_t ctl = 0;

    if (unplug_pending(dev)) {
        remove_all(dev);
    }
    if (pci_get_long(slot_reg(dev, PCI_EXP_SLTCAP)) & PCI_EXP_SLTCAP_HPC) {
        /* An empty slot is without power and its indicators are off (6.7.1.1). */
        ctl = slot_occupied(dev) ? PCI_EXP_SLTCTL_PWR_IND_ON | PCI_EXP_SLTCTL_ATTN_IND_OFF
                                 : POWERED_OFF | PCI_EXP_SLTCTL_ATTN_IND_OFF;
    }
    qemu_mutex_lock(&dev->config_lock);
    pci_set_word(slot_reg(dev, PCI_EXP_SLTCTL), ctl);
    pci_set_word(slot_reg(dev, PCI_EXP_SLTSTA), 0);
    qemu_mutex_unlock(&dev->config_lock);
    slot_bus(dev)->power_lost = false;
    update_power(dev);
    set_presence(dev, slot_occupied(dev));
    pci_set_irq(dev, 0);
}

/* --- hot-plug handler ----------------------------------------------------------------------------
 */

static bool can_hotplug(PCIDevice *port)
{
    return pci_get_long(slot_reg(port, PCI_EXP_SLTCAP)) & PCI_EXP_SLTCAP_HPC;
}

bool pcie_slot_pre_plug(Object *handler, DeviceState *dev, GError **errp)
{
    PCIDevice *port = PCI_DEVICE(handler);

    if (dev->hotplugged && !can_hotplug(port)) {
        error_setg(errp, "Hot-plug failed: unsupported by the port device '%s' (hotplug=off)",
                   DEVICE(port)->id ? DEVICE(port)->id : object_get_typename(handler));
        return false;
    }
    if (dev->hotplugged && unplug_pending(port)) {
        error_setg(errp, "slot %s still waits for the guest to release a device",
                   DEVICE(port)->id ?: "");
        return false;
    }
    return true;
}

bool pcie_slot_plug(Object *handler, DeviceState *dev, GError **errp)
{
    PCIDevice *port = PCI_DEVICE(handler);

    if (!dev->hotplugged) {
        set_presence(port, slot_occupied(port));
        return true;
    }
    /* Function 0 comes last and announces the whole slot. */
    if (PCI_FUNC(PCI_DEVICE(dev)->devfn) == 0) {
        set_presence(port, true);
        slot_event(port, PCI_EXP_SLTSTA_PDC | PCI_EXP_SLTSTA_ABP | PCI_EXP_SLTSTA_DLLSC);
    }
    return true;
}

bool pcie_slot_unplug_request(Object *handler, DeviceState *dev, GError **errp)
{
    PCIDevice *port = PCI_DEVICE(handler);
    uint16_t ctl = pci_get_word(slot_reg(port, PCI_EXP_SLTCTL));

    if (!can_hotplug(port)) {
        error_setg(errp, "Hot-unplug failed: unsupported by the port device '%s' (hotplug=off)",
                   DEVICE(port)->id ? DEVICE(port)->id : object_get_typename(handler));
        return false;
    }
    if (slot_bus(port)->devices[0] != PCI_DEVICE(dev)) {
        error_setg(errp, "'%s' is no function 0: unplug function 0, and the whole slot follows",
                   dev->id ? dev->id : object_get_typename(OBJECT(dev)));
        return false;
    }
    if ((ctl & PCI_EXP_SLTCTL_PIC) == PCI_EXP_SLTCTL_PWR_IND_BLINK) {
        error_setg(errp, "Hot-unplug failed: guest is busy (power indicator blinking)");
        return false;
    }
    dev->pending_unplug = true;
    if ((ctl & POWER_OFF_MASK) == POWERED_OFF) {
        /* The slot has no power: nobody has to be asked. */
        remove_all(port);
        set_presence(port, false);
        slot_event(port, PCI_EXP_SLTSTA_PDC);
        return true;
    }
    slot_event(port, PCI_EXP_SLTSTA_ABP);
    return true;
}

bool pcie_slot_unplug(Object *handler, DeviceState *dev, GError **errp)
{
    return true; /* the slot has told the guest when it let the device go */
}
