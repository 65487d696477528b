/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI and PCI Express devices and buses.
 *
 * Threads: realize, registration, bus: main loop.  Config space reads are direct (any thread, bytes are atomic); config writes that change the
 * memory map are carried to the main loop; other config writes run on the accessing thread under the function's config lock.  DMA: any thread.
 */
#ifndef HW_PCI_PCI_H
#define HW_PCI_PCI_H

#include "hw/pci/pci_ids.h"
#include "hw/pci/pci_regs.h"
#include "hw/qdev-core.h"
#include "system/memory.h"

#define TYPE_PCI_DEVICE "pci-device"
#define TYPE_PCI_BUS "PCI"
#define TYPE_PCIE_BUS "PCIE"
#define INTERFACE_PCIE_DEVICE "pci-express-device"
#define INTERFACE_CONVENTIONAL_PCI_DEVICE "conventional-pci-device"

#define PCI_SLOT_MAX 32
#define PCI_FUNC_MAX 8
#define PCI_NUM_REGIONS 7
#define PCI_ROM_SLOT 6
#define PCI_CONFIG_SPACE_SIZE 256
#define PCIE_CONFIG_SPACE_SIZE 4096
#define PCI_DEVFN(slot, func) ((((slot)&0x1f) << 3) | ((func)&7))
#define PCI_SLOT(devfn) (((devfn) >> 3) & 0x1f)
#define PCI_FUNC(devfn) ((devfn)&7)

typedef struct PCIBus PCIBus;
typedef struct PCIDevice PCIDevice;
typedef struct MSIXState MSIXState;
typedef struct MSIState MSIState;

typedef struct PCIIORegion {
    hwaddr addr;                  /* UINT64_MAX: not mapped */
    uint64_t size;
    uint8_t type;                 /* PCI_BASE_ADDRESS_* */
    MemoryRegion *memory;
    MemoryRegion *address_space;  /* system memory or io */
} PCIIORegion;

struct PCIDevice {
    DeviceState parent_obj;
    uint8_t *config;              /* 256 or 4096 bytes */
    uint8_t *wmask;               /* guest-writable bits */
    uint8_t *w1cmask;
    uint8_t *used;                /* bytes taken by the header and by capabilities; main loop only */
    uint8_t *home_mask;           /* != 0: a write to this byte is done by the main loop; fixed after realize */
    uint32_t config_size;
    QemuMutex config_lock;        /* config[] writes, MSI and MSI-X state */
    PCIIORegion io_regions[PCI_NUM_REGIONS];
    AddressSpace bus_master_as;   /* DMA view; enabled == bus-master enable */
    int32_t devfn;                /* property addr */
    bool multifunction;
    char *romfile;
    int32_t rom_bar;
    char *failover_pair_id;
    uint32_t acpi_index;
    int irq_state;                /* INTx level asserted by the function; under config_lock */
    uint8_t msi_cap, msix_cap, exp_cap, pm_cap;
    uint32_t cap_present;
    MSIXState *msix;              /* msix.c */
    MSIState *msi;
    bool has_power;               /* false in D3hot: BARs are not decoded */
    bool is_bridge;               /* the embedding structure is a PCIBridge */
    bool on_bus;                  /* devfn is claimed */
    uint32_t romsize;
    MemoryRegion rom;
    bool has_rom;
};
#define PCI_DEVICE(obj) ((PCIDevice *)(obj))

typedef struct PCIDeviceClass {
    DeviceClass parent_class;
    bool (*realize)(PCIDevice *dev, GError **errp);
    void (*exit)(PCIDevice *dev);
    /* Called after the default write when set; addr and len as written.  On the accessing thread, inside an RCU read section, for writes
     * that change nothing but bytes (it must not wait then); in the main loop for the command register, BARs, bridge windows, the control
     * registers of capabilities and whatever pci_config_mark_home() names: there it may wait for a device home.  Never under
     * config_lock. */
    void (*config_changed)(PCIDevice *dev, uint32_t addr, int len);
    /* Asked before the bytes are read; true: *val (of len bytes) is the answer.  Any thread, inside an RCU read section: it must not
     * wait.  May be NULL. */
    bool (*config_read)(PCIDevice *dev, uint32_t addr, unsigned len, uint32_t *val);
    uint16_t vendor_id, device_id, class_id, subsystem_vendor_id, subsystem_id;
    uint8_t revision;
    bool is_bridge;               /* type 1 header */
    const char *romfile;          /* the card's own option ROM */
    bool rom_optional;            /* without that file the card has none */
} PCIDeviceClass;
#define PCI_DEVICE_GET_CLASS(obj) ((PCIDeviceClass *)object_get_class(obj))

/* Cap bits in cap_present. */
#define PCI_CAP_PRESENT_EXPRESS BIT(0)
#define PCI_CAP_PRESENT_FLR BIT(1)

/* Configuration access.  read: any thread, no lock; beyond config_size all ones.  len is 1, 2 or 4. */
uint32_t pci_config_read(PCIDevice *dev, uint32_t addr, unsigned len);
/* True if this write belongs to the main loop. Any thread. */
bool pci_config_write_needs_home(const PCIDevice *dev, uint32_t addr, unsigned len);
/* Does the write with all that follows from it: the main loop, or any thread when the above is false. */
void pci_config_write(PCIDevice *dev, uint32_t addr, uint32_t val, unsigned len);
/* Writes to len bytes at addr run in the main loop.  From realize(). */
void pci_config_mark_home(PCIDevice *dev, uint32_t addr, unsigned len);
/* Places or removes the function's BARs as command, BARs and power say. Main loop. */
void pci_update_mappings(PCIDevice *dev);
/* The header and capabilities as after power-on; BARs unmapped. Main loop. */
void pci_device_reset(PCIDevice *dev);

PCIBus *pci_get_bus(const PCIDevice *dev);
int pci_bus_num(PCIBus *bus);
uint16_t pci_requester_id(const PCIDevice *dev);

/* From realize(). */
void pci_register_bar(PCIDevice *dev, int n, uint8_t type, MemoryRegion *mr);
int pci_add_capability(PCIDevice *dev, uint8_t id, uint8_t offset, uint8_t size, GError **errp);   /* offset 0: any; returns it, or < 0 */
int pcie_endpoint_cap_init(PCIDevice *dev, uint8_t offset);
/* The function can be reset on its own (FLR): the guest's request cold-resets dev in the main loop.  After pcie_endpoint_cap_init(). */
void pcie_cap_flr_init(PCIDevice *dev);
/* Offset of a capability (0: none). Any thread. */
uint8_t pci_find_capability(const PCIDevice *dev, uint8_t id);
int pci_pm_init(PCIDevice *dev, uint8_t offset, GError **errp);
void pcie_add_capability(PCIDevice *dev, uint16_t id, uint8_t ver, uint16_t offset, uint16_t size);

static inline AddressSpace *pci_get_address_space(PCIDevice *dev)
{
    return &dev->bus_master_as;
}
static inline MemTxAttrs pci_dma_attrs(const PCIDevice *dev)
{
    return (MemTxAttrs){.dma = 1, .requester_id = pci_requester_id(dev)};
}
MemTxResult pci_dma_read(PCIDevice *dev, hwaddr addr, void *buf, hwaddr len);         /* any thread */
MemTxResult pci_dma_write(PCIDevice *dev, hwaddr addr, const void *buf, hwaddr len);  /* any thread */

/* INTx level of the function; ignored while command's INTx-disable is set. Any thread. */
void pci_set_irq(PCIDevice *dev, int level);

/* Creates dev on bus (realizes it). */
PCIDevice *pci_create_simple(PCIBus *bus, int devfn, const char *name);
PCIDevice *pci_find_device(PCIBus *root, uint8_t bus_num, uint8_t devfn);
void pci_for_each_device(PCIBus *bus, void (*fn)(PCIBus *bus, PCIDevice *dev, void *opaque), void *opaque);

/* little-endian accessors of config[] */
static inline uint8_t pci_get_byte(const uint8_t *p) { return __atomic_load_n(p, __ATOMIC_RELAXED); }
static inline void pci_set_byte(uint8_t *p, uint8_t v) { __atomic_store_n(p, v, __ATOMIC_RELAXED); }
static inline uint16_t pci_get_word(const uint8_t *p) { uint16_t v; memcpy(&v, p, 2); return v; }
static inline void pci_set_word(uint8_t *p, uint16_t v) { memcpy(p, &v, 2); }
static inline uint32_t pci_get_long(const uint8_t *p) { uint32_t v; memcpy(&v, p, 4); return v; }
static inline void pci_set_long(uint8_t *p, uint32_t v) { memcpy(p, &v, 4); }
static inline uint64_t pci_get_quad(const uint8_t *p) { uint64_t v; memcpy(&v, p, 8); return v; }
static inline void pci_set_quad(uint8_t *p, uint64_t v) { memcpy(p, &v, 8); }

/* --- MSI-X: one irqfd per used vector where the accelerator has it, else a memory write through the DMA view ----------------- */
typedef struct MSIMessage {
    uint64_t address;
    uint32_t data;
} MSIMessage;
/* Table and PBA in a region of their own, at bar_nr (pba right behind the table at pba_offset). */
bool msix_init(PCIDevice *dev, unsigned nentries, MemoryRegion *table_bar, uint8_t table_bar_nr, uint32_t table_offset,
               MemoryRegion *pba_bar, uint8_t pba_bar_nr, uint32_t pba_offset, uint8_t cap_pos, GError **errp);
bool msix_init_exclusive_bar(PCIDevice *dev, unsigned nentries, uint8_t bar_nr, GError **errp);
void msix_uninit(PCIDevice *dev);
void msix_reset(PCIDevice *dev);
bool msix_enabled(PCIDevice *dev);                     /* any thread */
/* Sends vector (or sets its pending bit while masked). Any thread: an eventfd write when the vector has an irqfd. */
void msix_notify(PCIDevice *dev, unsigned vector);
/* The device will / will not use this vector (a route and an irqfd are kept for it). Any thread: deferred to the main loop. */
void msix_vector_use(PCIDevice *dev, unsigned vector);
void msix_vector_unuse(PCIDevice *dev, unsigned vector);
bool msix_present(const PCIDevice *dev);
unsigned msix_nr_vectors(const PCIDevice *dev);
/* Called by the config write with the bytes already changed, and when bus mastering changes. Main loop. */
void msix_config_written(PCIDevice *dev);
void msi_reset(PCIDevice *dev);
void msi_uninit(PCIDevice *dev);
void msi_config_written(PCIDevice *dev);
/* One message as the device sends it: a 32-bit little-endian write through its DMA view; refused while bus mastering is off. Any thread, no lock
 * held. */
void pci_send_message(PCIDevice *dev, MSIMessage msg);
bool msi_init(PCIDevice *dev, uint8_t offset, unsigned nvec, bool msi64bit, bool per_vector_mask, GError **errp);
bool msi_enabled(PCIDevice *dev);
void msi_notify(PCIDevice *dev, unsigned vector);

#endif
