/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bootindex: the devices that firmware tries, in order, as firmware paths. Main loop. */
#include "hw/boards.h"
#include "hw/pci/pci.h"

typedef struct BootDevice {
    int32_t index;
    char *path;
} BootDevice;

static GArray *devices; /* BootDevice, by index */

static const char *class_name(const PCIDevice *dev)
{
    static const struct {
        uint16_t class;
        const char *name;
    } names[] = {{PCI_CLASS_STORAGE_EXPRESS, "nvme"},
                 {0x0100, "scsi"},
                 {0x0101, "ide"},
                 {0x0106, "sata"},
                 {0x0200, "ethernet"},
                 {0x0300, "display"},
                 {PCI_CLASS_BRIDGE_ISA, "isa"}};

    for (unsigned n = 0; n < G_N_ELEMENTS(names); n++) {
        if (names[n].class == pci_get_word(dev->config + PCI_CLASS_DEVICE)) {
            return names[n].name;
        }
    }
    return "pci";
}

/* "/pci@i0cf8/pci-bridge@1/nvme@0": one part per bridge on the way down from the host. */
static void add_pci_path(GString *out, PCIDevice *dev)
{
    PCIBus *bus = pci_get_bus(dev);
    const char *what = dev->is_bridge ? "pci-bridge" : class_name(dev);
    DeviceState *parent = BUS(bus)->parent;

    if (parent && object_is_a(OBJECT(parent), TYPE_PCI_DEVICE)) {
        add_pci_path(out, PCI_DEVICE(parent));
    } else {
        g_string_append(out, "/pci@i0cf8");
    }
    g_string_append_printf(out, "/%s@%x", what, PCI_SLOT(dev->devfn));
    if (PCI_FUNC(dev->devfn)) {
        g_string_append_printf(out, ",%x", PCI_FUNC(dev->devfn));
    }
}

static gint by_index(gconstpointer a, gconstpointer b)
{
    const BootDevice *x = a, *y = b;

    return x->index < y->index ? -1 : x->index > y->index;
}

void add_boot_device_path(int32_t bootindex, DeviceState *dev, const char *suffix)
{
    GString *path;
    BootDevice d = {.index = bootindex};

    if (bootindex < 0) {
        return;
    }
    path = g_string_new(NULL);
    /* A drive's path is its controller's, with the suffix. */
    while (dev && !object_is_a(OBJECT(dev), TYPE_PCI_DEVICE) &&
           !object_is_a(OBJECT(dev), TYPE_SYS_BUS_DEVICE)) {
        dev = dev->parent_bus ? dev->parent_bus->parent : NULL;
    }
    if (dev && object_is_a(OBJECT(dev), TYPE_PCI_DEVICE)) {
        add_pci_path(path, PCI_DEVICE(dev));
    } else if (dev && SYS_BUS_DEVICE(dev)->num_mmio) {
        g_string_append_printf(path, "/%s@%016" PRIx64, object_get_typename(OBJECT(dev)),
                               (uint64_t)SYS_BUS_DEVICE(dev)->mmio[0]->addr);
    }
    g_string_append(path, suffix ? suffix : "");
    d.path = g_string_free(path, FALSE);
    if (!devices) {
        devices = g_array_new(false, false, sizeof(BootDevice));
    }
    g_array_append_val(devices, d);
    g_array_sort(devices, by_index);
}

char *get_boot_devices_list(size_t *size)
{
    GString *list;

    bool strict = current_machine && current_machine->boot.strict;

    if ((!devices || !devices->len) && !strict) {
        return NULL;
    }
    list = g_string_new(NULL);
    for (unsigned n = 0; devices && n < devices->len; n++) {
        g_string_append_printf(list, "%s%s", n ? "\n" : "",
                               g_array_index(devices, BootDevice, n).path);
    }
    if (strict) {
        /* Firmware ends its search here. */
        g_string_append(list, list->len ? "\nHALT" : "HALT");
    }
    *size = list->len + 1;
    return g_string_free(list, FALSE);
}
