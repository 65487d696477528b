/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A PCI Express root bus without a machine, and a function with BARs of each kind: for unit tests
 * of hw/pci. */
#ifndef TESTS_UNIT_PCI_TEST_UTIL_H
#define TESTS_UNIT_PCI_TEST_UTIL_H

#include "hw/pci/pci_bridge.h"
#include "qemu/rcu.h"

#define TYPE_TEST_FUNCTION "pci-unit-test"

enum { BAR_MEM = 0, BAR_MSIX = 1, BAR_MEM64 = 2, BAR_IO = 4, BAR_TINY = 5 };
enum { VECTORS = 5 };

typedef struct TestFunction {
    PCIDevice parent_obj;
    MemoryRegion mem, mem64, io, tiny;
    unsigned changed; /* calls of config_changed */
} TestFunction;

static PCIBus *root;
static int irq_level[4];

/* Each region reads as its number in each byte. */
static inline uint64_t bar_read(void *opaque, hwaddr offset, unsigned size)
{
    return UINT64_C(0x0101010101010101) * (uintptr_t)opaque;
}

static inline void bar_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
}

static const MemoryRegionOps bar_ops = {.read = bar_read, .write = bar_write};

static inline void add_bar(TestFunction *f, MemoryRegion *mr, int n, uint8_t type, uint64_t size)
{
    memory_region_init_io(mr, OBJECT(f), &bar_ops, (void *)(uintptr_t)(n + 1), "bar", size);
    pci_register_bar(PCI_DEVICE(f), n, type, mr);
}

static inline bool function_realize(PCIDevice *dev, GError **errp)
{
    TestFunction *f = (TestFunction *)dev;

    dev->config[PCI_INTERRUPT_PIN] = 1;
    add_bar(f, &f->mem, BAR_MEM, 0, 0x9000); /* no power of two */
    add_bar(f, &f->mem64, BAR_MEM64, PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH,
            1 * MiB);
    add_bar(f, &f->io, BAR_IO, PCI_BASE_ADDRESS_SPACE_IO, 0x20);
    add_bar(f, &f->tiny, BAR_TINY, 0, 4); /* smaller than the smallest BAR */
    return msix_init_exclusive_bar(dev, VECTORS, BAR_MSIX, errp);
}

static inline void function_exit(PCIDevice *dev)
{
    TestFunction *f = (TestFunction *)dev;

    memory_region_finalize(&f->mem);
    memory_region_finalize(&f->mem64);
    memory_region_finalize(&f->io);
    memory_region_finalize(&f->tiny);
}

static inline void function_changed(PCIDevice *dev, uint32_t addr, int len)
{
    ((TestFunction *)dev)->changed++;
}

static inline void function_class_init(ObjectClass *klass, const void *data)
{
    PCIDeviceClass *pc = (PCIDeviceClass *)klass;

    pc->realize = function_realize;
    pc->exit = function_exit;
    pc->config_changed = function_changed;
    pc->vendor_id = 0x1234;
    pc->device_id = 0x5678;
    pc->class_id = PCI_CLASS_OTHERS;
    pc->revision = 3;
}

static const TypeInfo function_info = {
    .name = TYPE_TEST_FUNCTION,
    .parent = TYPE_PCI_DEVICE,
    .instance_size = sizeof(TestFunction),
    .class_init = function_class_init,
    .interfaces = (const char *const[]){INTERFACE_CONVENTIONAL_PCI_DEVICE, NULL},
};
QOM_TYPE(function_info);

static inline void note_irq(void *opaque, int n, int level)
{
    irq_level[n] = level;
}

static inline int map_irq(PCIBus *bus, uint8_t devfn, int pin)
{
    return (PCI_SLOT(devfn) + pin) & 3;
}

static inline void pci_unit_init(int *argc, char ***argv)
{
    g_test_init(argc, argv, NULL);
    rcu_register_thread();
    g_assert_true(aio_init_main(NULL));
    aio_set_current(aio_get_main());
    memory_map_init();
    root = pci_root_bus_new(NULL, "pcie.0", get_system_memory(), get_system_io(), 0, TYPE_PCIE_BUS);
    pci_bus_irqs(root, note_irq, map_irq, NULL, 4);
}

static inline PCIDevice *plug(PCIBus *bus, int devfn)
{
    return pci_create_simple(bus, devfn, TYPE_TEST_FUNCTION);
}

/* Takes the function away, and waits until its memory is gone. */
static inline void unplug(PCIDevice *dev)
{
    object_unparent(OBJECT(dev));
    memory_reclaim_barrier();
    while (aio_poll(aio_get_main(), false)) {
    }
}

static inline uint32_t load(AddressSpace *as, hwaddr addr, unsigned size)
{
    uint64_t v;

    address_space_load(as, addr, size, &v, MEMTXATTRS_UNSPECIFIED);
    return (uint32_t)v;
}

#endif
