/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI functions: the device type, its life, its properties, capabilities of the conventional
 * header, DMA and INTx.
 */
#include "hw/pci/pci.h"
#include "hw/pci/pci_bus.h"
#include "hw/pci/pci_internal.h"
#include "qemu/rcu.h"

PCIBus *pci_get_bus(const PCIDevice *dev)
{
    return PCI_BUS(dev->parent_obj.parent_bus);
}

int pci_bus_num(PCIBus *bus)
{
    return bus->parent_dev ? pci_get_byte(bus->parent_dev->config + PCI_SECONDARY_BUS) : 0;
}

uint16_t pci_requester_id(const PCIDevice *dev)
{
    return pci_bus_num(pci_get_bus(dev)) << 8 | (dev->devfn & 0xff);
}

MemTxResult pci_dma_read(PCIDevice *dev, hwaddr addr, void *buf, hwaddr len)
{
    return address_space_rw(&dev->bus_master_as, addr, pci_dma_attrs(dev), buf, len, false);
}

MemTxResult pci_dma_write(PCIDevice *dev, hwaddr addr, const void *buf, hwaddr len)
{
    return address_space_rw(&dev->bus_master_as, addr, pci_dma_attrs(dev), (void *)(uintptr_t)buf,
                            len, true);
}

void pci_send_message(PCIDevice *dev, MSIMessage msg)
{
    MemTxAttrs attrs = pci_dma_attrs(dev);

    attrs.msi = 1;
    address_space_store(&dev->bus_master_as, msg.address, 4, msg.data, attrs);
}

/* --- INTx ------------------------------------------------------------------------------------- */

void pci_update_intx_locked(PCIDevice *dev)
{
    bool disabled = pci_get_word(dev->config + PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE;
    int want = (dev->irq_state & PCI_IRQ_WANTED) && !disabled;
    int is = !!(dev->irq_state & PCI_IRQ_DRIVEN);

    if (want != is) {
        dev->irq_state ^= PCI_IRQ_DRIVEN;
        pci_bus_change_irq(dev, want ? 1 : -1);
    }
}

void pci_set_irq(PCIDevice *dev, int level)
{
    QEMU_LOCK_GUARD(&dev->config_lock);
    uint8_t *status = dev->config + PCI_STATUS;

    if (!dev->config[PCI_INTERRUPT_PIN] || !!(dev->irq_state & PCI_IRQ_WANTED) == !!level) {
        return;
    }
    dev->irq_state ^= PCI_IRQ_WANTED;
    /* Interrupt Status says what the function wants, whether or not INTx is disabled
     * (PCI 3.0, 6.2.3). */
    pci_set_byte(status, level ? *status | PCI_STATUS_INTERRUPT : *status & ~PCI_STATUS_INTERRUPT);
    pci_update_intx_locked(dev);
}

/* --- capabilities ----------------------------------------------------------------------------- */

uint8_t pci_find_capability(const PCIDevice *dev, uint8_t id)
{
    uint8_t pos = pci_get_byte(dev->config + PCI_CAPABILITY_LIST);

    for (int n = 0; pos >= PCI_STD_HEADER_SIZEOF && n < 48; n++) {
        if (dev->config[pos + PCI_CAP_LIST_ID] == id) {
            return pos;
        }
        pos = dev->config[pos + PCI_CAP_LIST_NEXT];
    }
    return 0;
}

/* The lowest free, 4-byte aligned place for size bytes behind the header; 0 if there is none. */
static uint8_t find_free_space(const PCIDevice *dev, uint8_t size)
{
    for (unsigned at = PCI_STD_HEADER_SIZEOF; at + size <= PCI_CONFIG_SPACE_SIZE; at += 4) {
        unsigned n = 0;

        while (n < size && !dev->used[at + n]) {
            n++;
        }
        if (n == size) {
            return at;
        }
    }
    return 0;
}

int pci_add_capability(PCIDevice *dev, uint8_t id, uint8_t offset, uint8_t size, GError **errp)
{
    assert_main_loop();
    if (!offset) {
        offset = find_free_space(dev, size);
        if (!offset) {
            error_setg(errp, "no room in configuration space for capability 0x%02x of %u bytes", id,
                       size);
            return -ENOSPC;
        }
    }
    if (offset < PCI_STD_HEADER_SIZEOF || offset + size > PCI_CONFIG_SPACE_SIZE) {
        error_setg(errp, "capability 0x%02x does not fit at 0x%02x", id, offset);
        return -EINVAL;
    }
    for (unsigned n = 0; n < size; n++) {
        if (dev->used[offset + n]) {
            error_setg(errp, "capability 0x%02x at 0x%02x overlaps another one", id, offset);
            return -EINVAL;
        }
    }
    memset(dev->used + offset, 0xff, ALIGN_UP((unsigned)size, 4u));
    dev->config[offset + PCI_CAP_LIST_ID] = id;
    dev->config[offset + PCI_CAP_LIST_NEXT] = dev->config[PCI_CAPABILITY_LIST];
    dev->config[PCI_CAPABILITY_LIST] = offset;
    dev->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
    return offset;
}

int pci_pm_init(PCIDevice *dev, uint8_t offset, GError **errp)
{
    int pos = pci_add_capability(dev, PCI_CAP_ID_PM, offset, PCI_PM_SIZEOF, errp);

    if (pos > 0) {
        dev->pm_cap = pos;
        pci_set_word(dev->config + pos + PCI_PM_PMC, 3);
        pci_set_word(dev->config + pos + PCI_PM_CTRL, PCI_PM_CTRL_NO_SOFT_RESET);
        pci_set_word(dev->wmask + pos + PCI_PM_CTRL, PCI_PM_CTRL_STATE_MASK);
        pci_config_mark_home(dev, pos + PCI_PM_CTRL, 2);
    }
    return pos;
}

/* --- life ------------------------------------------------------------------------------------- */

static void config_alloc(PCIDevice *dev)
{
    bool express = object_class_is_a(object_get_class(dev), INTERFACE_PCIE_DEVICE);

    dev->config_size = express ? PCIE_CONFIG_SPACE_SIZE : PCI_CONFIG_SPACE_SIZE;
    dev->config = g_malloc0(dev->config_size);
    dev->wmask = g_malloc0(dev->config_size);
    dev->w1cmask = g_malloc0(dev->config_size);
    dev->used = g_malloc0(dev->config_size);
    dev->home_mask = g_malloc0(dev->config_size);
}

static void config_free(PCIDevice *dev)
{
    g_clear_pointer(&dev->config, g_free);
    g_clear_pointer(&dev->wmask, g_free);
    g_clear_pointer(&dev->w1cmask, g_free);
    g_clear_pointer(&dev->used, g_free);
    g_clear_pointer(&dev->home_mask, g_free);
}

/* Everything of the header that does not depend on BARs. */
static void config_init(PCIDevice *dev)
{
    PCIDeviceClass *pc = PCI_DEVICE_GET_CLASS(dev);
    uint8_t *c = dev->config, *w = dev->wmask;

    pci_set_word(c + PCI_VENDOR_ID, pc->vendor_id);
    pci_set_word(c + PCI_DEVICE_ID, pc->device_id);
    c[PCI_REVISION_ID] = pc->revision;
    pci_set_word(c + PCI_CLASS_DEVICE, pc->class_id);
    c[PCI_HEADER_TYPE] = pc->is_bridge ? PCI_HEADER_TYPE_BRIDGE : PCI_HEADER_TYPE_NORMAL;
    if (dev->multifunction) {
        c[PCI_HEADER_TYPE] |= 0x80;
    }
    if (!pc->is_bridge) {
        bool own = pc->subsystem_vendor_id || pc->subsystem_id;

        pci_set_word(c + PCI_SUBSYSTEM_VENDOR_ID,
                     own ? pc->subsystem_vendor_id : PCI_SUBVENDOR_ID_REDHAT_QUMRANET);
        pci_set_word(c + PCI_SUBSYSTEM_ID, own ? pc->subsystem_id : PCI_SUBDEVICE_ID_QEMU);
    }
    pci_set_word(w + PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
                                      PCI_COMMAND_PARITY | PCI_COMMAND_SERR |
                                      PCI_COMMAND_INTX_DISABLE);
    pci_set_word(dev->w1cmask + PCI_STATUS,
                 PCI_STATUS_PARITY | PCI_STATUS_SIG_TARGET_ABORT | PCI_STATUS_REC_TARGET_ABORT |
                     PCI_STATUS_REC_MASTER_ABORT | PCI_STATUS_SIG_SYSTEM_ERROR |
                     PCI_STATUS_DETECTED_PARITY);
    w[PCI_CACHE_LINE_SIZE] = 0xff;
    w[PCI_INTERRUPT_LINE] = 0xff;
    memset(dev->used, 0xff, PCI_STD_HEADER_SIZEOF);
    pci_config_mark_home(dev, PCI_COMMAND, 2);
}

static void pci_device_leave(PCIDevice *dev)
{
    if (dev->irq_state & PCI_IRQ_DRIVEN) {
        QEMU_LOCK_GUARD(&dev->config_lock);
        dev->irq_state = 0;
        pci_bus_change_irq(dev, -1);
    }
    pci_unmap_bars(dev);
    pci_bus_release(pci_get_bus(dev), dev);
    /* Other threads look functions up under RCU: none may still hold this one when its memory goes.
     * They never wait inside their read section, so this is short. */
    synchronize_rcu();
    msix_uninit(dev);
    msi_uninit(dev);
    pci_rom_exit(dev);
    address_space_destroy(&dev->bus_master_as);
    config_free(dev);
}

static bool pci_device_realize(DeviceState *qdev, GError **errp)
{
    PCIDevice *dev = PCI_DEVICE(qdev);
    PCIDeviceClass *pc = PCI_DEVICE_GET_CLASS(dev);
    g_autofree char *dma_name =
        g_strdup_printf("%s DMA", qdev->id ? qdev->id : object_get_typename(OBJECT(dev)));

    assert_main_loop();
    config_alloc(dev);
    dev->is_bridge = pc->is_bridge;
    dev->has_power = true;
    dev->irq_state = 0;
    for (int n = 0; n < PCI_NUM_REGIONS; n++) {
        dev->io_regions[n] = (PCIIORegion){.addr = UINT64_MAX};
    }
    config_init(dev);
    address_space_init(&dev->bus_master_as, get_system_memory(), dma_name);
    dev->bus_master_as.owner = OBJECT(dev);
    address_space_set_enabled(&dev->bus_master_as, false);
    if (!pci_bus_claim(pci_get_bus(dev), dev, errp)) {
        address_space_destroy(&dev->bus_master_as);
        config_free(dev);
        return false;
    }
    if (pc->realize && !pc->realize(dev, errp)) {
        pci_device_leave(dev);
        return false;
    }
    if (!pci_rom_init(dev, errp)) {
        if (pc->exit) {
            pc->exit(dev);
        }
        pci_device_leave(dev);
        return false;
    }
    return true;
}

static void pci_device_unrealize(DeviceState *qdev)
{
    PCIDevice *dev = PCI_DEVICE(qdev);
    PCIDeviceClass *pc = PCI_DEVICE_GET_CLASS(dev);

    pci_unmap_bars(dev);
    address_space_set_enabled(&dev->bus_master_as, false);
    if (pc->exit) {
        pc->exit(dev);
    }
    pci_device_leave(dev);
}

void pci_device_reset(PCIDevice *dev)
{
    assert_main_loop();
    if (!dev->config) {
        return;
    }
    qemu_mutex_lock(&dev->config_lock);
    dev->irq_state &= ~PCI_IRQ_WANTED;
    pci_update_intx_locked(dev);
    pci_set_word(dev->config + PCI_COMMAND, 0);
    pci_set_word(dev->config + PCI_STATUS,
                 pci_get_word(dev->config + PCI_STATUS) &
                     ~(pci_get_word(dev->w1cmask + PCI_STATUS) | PCI_STATUS_INTERRUPT));
    dev->config[PCI_CACHE_LINE_SIZE] = 0;
    dev->config[PCI_INTERRUPT_LINE] = 0;
    pci_reset_bars(dev);
    if (dev->pm_cap) {
        uint8_t *ctrl = dev->config + dev->pm_cap + PCI_PM_CTRL;

        pci_set_word(ctrl, pci_get_word(ctrl) & ~PCI_PM_CTRL_STATE_MASK);
    }
    dev->has_power = true;
    qemu_mutex_unlock(&dev->config_lock);

    address_space_set_enabled(&dev->bus_master_as, false);
    pcie_cap_reset(dev);
    msi_reset(dev);
    msix_reset(dev);
    pci_update_mappings(dev);
}

/* Types with a reset of their own chain up to this one (object_class_ancestor). */
static void pci_device_qdev_reset(DeviceState *qdev)
{
    pci_device_reset(PCI_DEVICE(qdev));
}

PCIDevice *pci_create_simple(PCIBus *bus, int devfn, const char *name)
{
    DeviceState *dev = qdev_new(name);
    g_autoptr(GError) err = NULL;

    PCI_DEVICE(dev)->devfn = devfn;
    if (!qdev_realize_and_unref(dev, BUS(bus), &err)) {
        g_error("board device %s: %s", name, err->message);
    }
    return PCI_DEVICE(dev);
}

/* --- properties ------------------------------------------------------------------------------- */

static json_object *addr_get(Object *obj, const ObjectProperty *prop, GError **errp)
{
    return json_object_new_int(PCI_DEVICE(obj)->devfn);
}

/* "SLOT", "SLOT.FUNCTION" with numbers in hexadecimal, or devfn as a number; -1: any free slot. */
static bool addr_set(Object *obj, const ObjectProperty *prop, json_object *value, GError **errp)
{
    PCIDevice *dev = PCI_DEVICE(obj);

    if (json_object_is_type(value, json_type_int)) {
        int64_t n = json_object_get_int64(value);

        if (n < -1 || n > 255) {
            error_setg(errp, "addr=%" PRId64 " is no PCI device and function number (-1 to 255)",
                       n);
            return false;
        }
        dev->devfn = n;
        return true;
    }
    if (json_object_is_type(value, json_type_string)) {
        const char *text = json_object_get_string(value);
        char *end;
        unsigned long slot, fn = 0;

        if (!strcmp(text, "-1")) {
            dev->devfn = -1;
            return true;
        }
        if (g_ascii_isxdigit(*text)) {
            slot = strtoul(text, &end, 16);
            if (*end == '.' && g_ascii_isxdigit(end[1])) {
                fn = strtoul(end + 1, &end, 16);
            }
            if (!*end && slot < PCI_SLOT_MAX && fn < PCI_FUNC_MAX) {
                dev->devfn = PCI_DEVFN(slot, fn);
                return true;
            }
        }
        error_setg(
            errp, "addr=%s is no PCI address: use SLOT or SLOT.FUNCTION in hexadecimal, up to 1f.7",
            text);
        return false;
    }
    error_setg(errp, "addr takes a string SLOT[.FUNCTION]");
    return false;
}

static const ObjectProperty pci_props[] = {
    {.name = "addr",
     .type = "str",
     .kind = PROP_CUSTOM,
     .get = addr_get,
     .set = addr_set,
     .help = "Slot and optional function number, example: 06.0 or 06"},
    DEFINE_PROP_STRING("romfile", PCIDevice, romfile, "File with the option ROM"),
    DEFINE_PROP_UINT32("romsize", PCIDevice, romsize, UINT32_MAX,
                       "Size of the ROM BAR, a power of two"),
    DEFINE_PROP_INT32("rombar", PCIDevice, rom_bar, -1, "0 hides the option ROM"),
    DEFINE_PROP_BOOL("multifunction", PCIDevice, multifunction, false,
                     "Other functions may be in this slot"),
    DEFINE_PROP_STRING("failover_pair_id", PCIDevice, failover_pair_id,
                       "The primary of a failover pair"),
    DEFINE_PROP_UINT32("acpi-index", PCIDevice, acpi_index, 0,
                       "Instance number for the guest's device naming"),
};

static void pci_device_init(Object *obj)
{
    PCIDevice *dev = PCI_DEVICE(obj);

    dev->devfn = -1;
    qemu_mutex_init(&dev->config_lock);
}

static void pci_device_finalize(Object *obj)
{
    PCIDevice *dev = PCI_DEVICE(obj);

    config_free(dev);
    qemu_mutex_destroy(&dev->config_lock);
}

static void pci_device_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->bus_type = TYPE_PCI_BUS;
    dc->realize = pci_device_realize;
    dc->unrealize = pci_device_unrealize;
    dc->reset = pci_device_qdev_reset;
    object_class_add_property_table(klass, pci_props);
}

static const TypeInfo pci_device_info = {
    .name = TYPE_PCI_DEVICE,
    .parent = TYPE_DEVICE,
    .instance_size = sizeof(PCIDevice),
    .class_size = sizeof(PCIDeviceClass),
    .abstract = true,
    .class_init = pci_device_class_init,
    .instance_init = pci_device_init,
    .instance_finalize = pci_device_finalize,
};
QOM_TYPE(pci_device_info);

static const TypeInfo pcie_interface_info = {
    .name = INTERFACE_PCIE_DEVICE,
    .parent = TYPE_INTERFACE,
    .class_size = sizeof(GTypeInterface),
};
QOM_TYPE(pcie_interface_info);

static const TypeInfo conventional_interface_info = {
    .name = INTERFACE_CONVENTIONAL_PCI_DEVICE,
    .parent = TYPE_INTERFACE,
    .class_size = sizeof(GTypeInterface),
};
QOM_TYPE(conventional_interface_info);
