/* SPDX-License-Identifier: GPL-2.0-or-later */
/* query-pci and "info pci": functions as the guest has configured them.  Main loop. */
#include "hw/pci/pci_bridge.h"
#include "monitor/hmp.h"
#include "monitor/monitor.h"
#include "qapi/qapi-commands.h"
#include "qemu/osdep.h"

/* --- facts ----------------------------------------------------------------------------------- */

/* PCI Code and ID Assignment, section 1. */
static const char *class_name(uint16_t class_id)
{
    static const struct {
        uint16_t class_id;
        const char *name;
    } names[] = {
        {0x0001, "VGA controller"},
        {0x00ff, "Unassigned class"},
        {0x0100, "SCSI controller"},
        {0x0101, "IDE controller"},
        {0x0102, "Floppy controller"},
        {0x0106, "SATA controller"},
        {0x0108, "NVMe controller"},
        {0x0200, "Ethernet controller"},
        {0x0300, "VGA controller"},
        {0x0380, "Display controller"},
        {0x0500, "RAM controller"},
        {0x0600, "Host bridge"},
        {0x0601, "ISA bridge"},
        {0x0604, "PCI bridge"},
        {0x0680, "Bridge"},
        {0x0700, "Serial port"},
        {0x0780, "Communication controller"},
        {0x0880, "System peripheral"},
        {0x0c03, "USB controller"},
        {0x0c05, "SMBus"},
    };

    for (unsigned n = 0; n < G_N_ELEMENTS(names); n++) {
        if (names[n].class_id == class_id) {
            return names[n].name;
        }
    }
    return NULL;
}

static PciMemoryRange *range(PCIBridgeWindow w)
{
    PciMemoryRange *r = g_new0(PciMemoryRange, 1);

    r->base = (int64_t)w.base;
    r->limit = (int64_t)w.limit;
    return r;
}

static PciDeviceInfoList *devices_on(PCIBus *bus);

static PciBridgeInfo *bridge_info(PCIDevice *dev)
{
    PciBridgeInfo *info = g_new0(PciBridgeInfo, 1);
    PciBusInfo *b = info->bus = g_new0(PciBusInfo, 1);
    PCIBus *behind = PCI_BRIDGE(dev)->sec_bus;

    b->number = dev->config[PCI_PRIMARY_BUS];
    b->secondary = dev->config[PCI_SECONDARY_BUS];
    b->subordinate = dev->config[PCI_SUBORDINATE_BUS];
    b->io_range = range(pci_bridge_io_window(dev));
    b->memory_range = range(pci_bridge_mem_window(dev));
    b->prefetchable_range = range(pci_bridge_pref_window(dev));
    info->has_devices = behind != NULL;
    info->devices = behind ? devices_on(behind) : NULL;
    return info;
}

static PciMemoryRegionList *regions_of(const PCIDevice *dev)
{
    PciMemoryRegionList *list = NULL, **tail = &list;

    for (int n = 0; n < PCI_NUM_REGIONS; n++) {
        const PCIIORegion *r = &dev->io_regions[n];
        bool io = n < PCI_ROM_SLOT && (r->type & PCI_BASE_ADDRESS_SPACE_IO);
        PciMemoryRegion *region;

        if (!r->size) {
            continue;
        }
        region = g_new0(PciMemoryRegion, 1);
        region->bar = n;
        region->type = g_strdup(io ? "io" : "memory");
        region->address = (int64_t)r->addr;
        region->size = (int64_t)r->size;
        region->has_prefetch = region->has_mem_type_64 = !io;
        region->prefetch = !io && (r->type & PCI_BASE_ADDRESS_MEM_PREFETCH);
        region->mem_type_64 = !io && (r->type & PCI_BASE_ADDRESS_MEM_TYPE_64);
        QAPI_LIST_APPEND(tail, region);
    }
    return list;
}

static PciDeviceInfo *device_info(PCIBus *bus, PCIDevice *dev)
{
    PciDeviceInfo *info = g_new0(PciDeviceInfo, 1);
    const uint8_t *c = dev->config;

    info->bus = pci_bus_num(bus);
    info->slot = PCI_SLOT(dev->devfn);
    info->function = PCI_FUNC(dev->devfn);
    info->class_info = g_new0(PciDeviceClass, 1);
    info->class_info->class = pci_get_word(c + PCI_CLASS_DEVICE);
    info->class_info->desc = g_strdup(class_name((uint16_t)info->class_info->class));
    info->id = g_new0(PciDeviceId, 1);
    info->id->vendor = pci_get_word(c + PCI_VENDOR_ID);
    info->id->device = pci_get_word(c + PCI_DEVICE_ID);
    if (!dev->is_bridge) {
        info->id->has_subsystem = info->id->has_subsystem_vendor = true;
        info->id->subsystem = pci_get_word(c + PCI_SUBSYSTEM_ID);
        info->id->subsystem_vendor = pci_get_word(c + PCI_SUBSYSTEM_VENDOR_ID);
    }
    info->irq_pin = c[PCI_INTERRUPT_PIN];
    info->has_irq = info->irq_pin != 0;
    info->irq = c[PCI_INTERRUPT_LINE];
    info->qdev_id = g_strdup(dev->parent_obj.id ? dev->parent_obj.id : "");
    info->regions = regions_of(dev);
    if (dev->is_bridge) {
        info->pci_bridge = bridge_info(dev);
    }
    return info;
}

static PciDeviceInfoList *devices_on(PCIBus *bus)
{
    PciDeviceInfoList *list = NULL, **tail = &list;

    for (unsigned devfn = 0; devfn < G_N_ELEMENTS(bus->devices); devfn++) {
        if (bus->devices[devfn]) {
            QAPI_LIST_APPEND(tail, device_info(bus, bus->devices[devfn]));
        }
    }
    return list;
}

PciInfoList *qmp_query_pci(GError **errp)
{
    PciInfoList *list = NULL, **tail = &list;
    PCIBus *root = pci_primary_root_bus();

    if (root) {
        PciInfo *info = g_new0(PciInfo, 1);

        info->bus = pci_bus_num(root);
        info->devices = devices_on(root);
        QAPI_LIST_APPEND(tail, info);
    }
    return list;
}

/* --- info pci -------------------------------------------------------------------------------- */

static void print_range(Monitor *mon, const char *what, const PciMemoryRange *r)
{
    if ((uint64_t)r->base <= (uint64_t)r->limit) {
        monitor_printf(mon, "      %s range [0x%08" PRIx64 ", 0x%08" PRIx64 "]\n", what,
                       (uint64_t)r->base, (uint64_t)r->limit);
    }
}

static void print_region(Monitor *mon, const PciMemoryRegion *r)
{
    bool io = !strcmp(r->type, "io");

    monitor_printf(mon, "      BAR%" PRId64 ": %s%s", r->bar,
                   io               ? "I/O"
                   : r->mem_type_64 ? "64 bit "
                                    : "32 bit ",
                   io            ? ""
                   : r->prefetch ? "prefetchable memory"
                                 : "memory");
    if (r->address == -1) {
        monitor_printf(mon, ", 0x%" PRIx64 " bytes, not mapped\n", (uint64_t)r->size);
    } else {
        monitor_printf(mon, " at 0x%08" PRIx64 " [0x%08" PRIx64 "]\n", (uint64_t)r->address,
                       (uint64_t)(r->address + r->size - 1));
    }
}

static void print_devices(Monitor *mon, const PciDeviceInfoList *list)
{
    for (; list; list = list->next) {
        const PciDeviceInfo *d = list->value;

        monitor_printf(mon, "  Bus %2" PRId64 ", device %3" PRId64 ", function %" PRId64 ":\n",
                       d->bus, d->slot, d->function);
        monitor_printf(mon, "    %s: PCI device %04x:%04x\n",
                       d->class_info->desc ? d->class_info->desc : "Unknown class",
                       (unsigned)d->id->vendor, (unsigned)d->id->device);
        if (d->id->has_subsystem) {
            monitor_printf(mon, "      PCI subsystem %04x:%04x\n",
                           (unsigned)d->id->subsystem_vendor, (unsigned)d->id->subsystem);
        }
        if (d->has_irq) {
            monitor_printf(mon, "      IRQ %" PRId64 ", pin %c\n", d->irq,
                           (char)('A' + d->irq_pin - 1));
        }
        if (d->pci_bridge) {
            const PciBusInfo *b = d->pci_bridge->bus;

            monitor_printf(
                mon, "      bus %" PRId64 ", secondary %" PRId64 ", subordinate %" PRId64 "\n",
                b->number, b->secondary, b->subordinate);
            print_range(mon, "I/O", b->io_range);
            print_range(mon, "memory", b->memory_range);
            print_range(mon, "prefetchable memory", b->prefetchable_range);
        }
        for (const PciMemoryRegionList *r = d->regions; r; r = r->next) {
            print_region(mon, r->value);
        }
        monitor_printf(mon, "      id \"%s\"\n", d->qdev_id);
        if (d->pci_bridge) {
            print_devices(mon, d->pci_bridge->devices);
        }
    }
}

static void hmp_info_pci(Monitor *mon, const HmpArgs *args)
{
    PciInfoList *list = qmp_query_pci(NULL);

    if (!list) {
        monitor_printf(mon, "there is no PCI bus\n");
    }
    for (const PciInfoList *root = list; root; root = root->next) {
        print_devices(mon, root->value->devices);
    }
    qapi_free_PciInfoList(list);
}
HMP_INFO(hmp_info_pci, "pci", "", "show PCI functions as the guest configured them", hmp_info_pci,
         0, 0);
