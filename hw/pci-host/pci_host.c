/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The two ways to configuration space: the address/data port pair (PCI 3.0, 3.2.2.3.2) and ECAM
 * (PCI Express 4.0, 7.2.2).
 *
 * The home of both is the main loop.  What needs no home (reads, and writes that change bytes only)
 * is done by the accessing thread, inside an RCU read section that keeps the function in memory.
 */
#include "hw/pci/pci_host.h"
#include "hw/pci/pci_internal.h"
#include "qemu/rcu.h"

/* --- one access
 * ------------------------------------------------------------------------------------ */

static uint32_t host_read(PCIHostState *host, uint8_t bus, uint8_t devfn, uint32_t reg,
                          unsigned len)
{
    RCU_READ_GUARD();
    PCIDevice *dev = pci_lookup(host->bus, bus, devfn);

    return dev ? pci_config_read(dev, reg, len) : UINT32_MAX >> (32 - 8 * len);
}

/* False: the main loop must do it. */
static bool host_write_direct(PCIHostState *host, uint8_t bus, uint8_t devfn, uint32_t reg,
                              uint32_t val, unsigned len)
{
    RCU_READ_GUARD();
    PCIDevice *dev = pci_lookup(host->bus, bus, devfn);

    if (!dev) {
        return true;
    }
    if (pci_config_write_needs_home(dev, reg, len)) {
        return false;
    }
    pci_config_write(dev, reg, val, len);
    return true;
}

static void host_write_home(PCIHostState *host, uint8_t bus, uint8_t devfn, uint32_t reg,
                            uint32_t val, unsigned len)
{
    /* Only the main loop removes functions: no read section, and the handlers may wait for a device
     * home. */
    PCIDevice *dev = pci_find_device(host->bus, bus, devfn);

    if (dev) {
        object_ref(dev);
        pci_config_write(dev, reg, val, len);
        object_unref(dev);
    }
}

/* --- 0xcf8
 * ------------------------------------------------------------------------------------------- */

static uint64_t conf_read(void *opaque, hwaddr offset, unsigned size)
{
    PCIHostState *host = opaque;
    uint32_t reg = __atomic_load_n(&host->config_reg, __ATOMIC_RELAXED);

    if (size == 1 && offset == 1 && host->reset_read) {
        return host->reset_read(host->reset_opaque);
    }
    return (reg >> (8 * offset)) & (UINT32_MAX >> (32 - 8 * size));
}

static void conf_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    PCIHostState *host = opaque;

    if (size == 4 && offset == 0) {
        __atomic_store_n(&host->config_reg, (uint32_t)data, __ATOMIC_RELAXED);
    } else if (size == 1 && offset == 1 && host->reset_write) {
        host->reset_write(host->reset_opaque, data);
    }
}

static const MemoryRegionOps conf_ops = {
    .read = conf_read,
    .write = conf_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 1, .max_access_size = 4},
    .impl = {.min_access_size = 1, .max_access_size = 4},
};

/* --- 0xcfc: bit 31 enables; bus 23:16, devfn 15:8, register 7:0 with its two low bits or-ed with
 * the port's -------------- */

typedef struct Target {
    uint8_t bus, devfn, reg;
    bool enabled;
} Target;

static Target data_target(PCIHostState *host, hwaddr offset)
{
    uint32_t a = __atomic_load_n(&host->config_reg, __ATOMIC_RELAXED);

    return (Target){
        .bus = a >> 16, .devfn = a >> 8, .reg = (a & 0xff) | offset, .enabled = a >> 31};
}

static uint64_t data_read(void *opaque, hwaddr offset, unsigned size)
{
    Target t = data_target(opaque, offset);

    return t.enabled ? host_read(opaque, t.bus, t.devfn, t.reg, size)
                     : UINT32_MAX >> (32 - 8 * size);
}

static bool data_read_direct(void *opaque, hwaddr offset, uint64_t *data, unsigned size)
{
    *data = data_read(opaque, offset, size);
    return true;
}

static bool data_write_direct(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    Target t = data_target(opaque, offset);

    return !t.enabled || host_write_direct(opaque, t.bus, t.devfn, t.reg, data, size);
}

static void data_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    Target t = data_target(opaque, offset);

    if (t.enabled) {
        host_write_home(opaque, t.bus, t.devfn, t.reg, data, size);
    }
}

static const MemoryRegionOps data_ops = {
    .read = data_read,
    .write = data_write,
    .read_direct = data_read_direct,
    .write_direct = data_write_direct,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 1, .max_access_size = 4},
    .impl = {.min_access_size = 1, .max_access_size = 4},
};

void pci_host_init_ports(PCIHostState *host)
{
    memory_region_init_io(&host->conf, OBJECT(host), &conf_ops, host, "pci-conf-idx", 4);
    memory_region_init_io(&host->data, OBJECT(host), &data_ops, host, "pci-conf-data", 4);
    memory_region_set_home(&host->data, aio_get_main(), 0);
    memory_region_add_subregion(get_system_io(), 0xcf8, &host->conf);
    memory_region_add_subregion(get_system_io(), 0xcfc, &host->data);
}

/* --- ECAM: bus 27:20, devfn 19:12, register 11:0
 * ------------------------------------------------------- */

static uint64_t ecam_read(void *opaque, hwaddr offset, unsigned size)
{
    return host_read(opaque, offset >> 20, offset >> 12, offset & 0xfff, size);
}

static bool ecam_read_direct(void *opaque, hwaddr offset, uint64_t *data, unsigned size)
{
    *data = ecam_read(opaque, offset, size);
    return true;
}

static bool ecam_write_direct(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    return host_write_direct(opaque, offset >> 20, offset >> 12, offset & 0xfff, data, size);
}

static void ecam_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    host_write_home(opaque, offset >> 20, offset >> 12, offset & 0xfff, data, size);
}

static const MemoryRegionOps ecam_ops = {
    .read = ecam_read,
    .write = ecam_write,
    .read_direct = ecam_read_direct,
    .write_direct = ecam_write_direct,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 1, .max_access_size = 4},
    .impl = {.min_access_size = 1, .max_access_size = 4},
};

void pcie_host_set_ecam(PCIHostState *host, uint64_t base, uint64_t size)
{
    assert_main_loop();
    if (size == host->ecam_size && (base == host->ecam_base || !size)) {
        return;
    }
    memory_region_transaction_begin();
    if (host->ecam_mapped) {
        memory_region_del_subregion(get_system_memory(), &host->ecam);
        host->ecam_mapped = false;
    }
    if (size) {
        if (!host->ecam.name) {
            memory_region_init_io(&host->ecam, OBJECT(host), &ecam_ops, host, "pcie-mmcfg-mmio",
                                  size);
            memory_region_set_home(&host->ecam, aio_get_main(), 0);
        }
        memory_region_set_size(&host->ecam, size);
        memory_region_add_subregion_overlap(get_system_memory(), base, &host->ecam, 1);
        host->ecam_mapped = true;
    }
    host->ecam_base = base;
    host->ecam_size = size;
    memory_region_transaction_commit();
}

static const TypeInfo pci_host_info = {
    .name = TYPE_PCI_HOST_BRIDGE,
    .parent = TYPE_SYS_BUS_DEVICE,
    .instance_size = sizeof(PCIHostState),
    .abstract = true,
};
QOM_TYPE(pci_host_info);
