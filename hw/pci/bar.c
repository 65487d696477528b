/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Base address registers and the option ROM: registration, sizing, placement. Main loop. */
#include "hw/pci/pci_bus.h"
#include "hw/pci/pci_internal.h"
#include "system/datadir.h"

#include <fcntl.h>
#include <sys/stat.h>

#define ROM_SIZE_MAX (64 * MiB)

static uint32_t bar_offset(const PCIDevice *dev, int n)
{
    if (n == PCI_ROM_SLOT) {
        return dev->is_bridge ? PCI_ROM_ADDRESS1 : PCI_ROM_ADDRESS;
    }
    return PCI_BASE_ADDRESS_0 + 4 * n;
}

static bool bar_is_64(const PCIIORegion *r)
{
    return !(r->type & PCI_BASE_ADDRESS_SPACE_IO) && (r->type & PCI_BASE_ADDRESS_MEM_TYPE_64);
}

void pci_register_bar(PCIDevice *dev, int n, uint8_t type, MemoryRegion *mr)
{
    PCIIORegion *r = &dev->io_regions[n];
    bool io = n != PCI_ROM_SLOT && (type & PCI_BASE_ADDRESS_SPACE_IO);
    uint64_t size = memory_region_size(mr), floor = io ? 4 : n == PCI_ROM_SLOT ? 2 * KiB : 16;
    uint32_t at = bar_offset(dev, n);
    uint64_t mask;

    assert_main_loop();
    g_assert(n >= 0 && n < PCI_NUM_REGIONS && !r->size && size);
    g_assert(n == PCI_ROM_SLOT || n < (dev->is_bridge ? 2 : 6));
    /* A register can only describe a power of two; a region that is smaller leaves the rest of its
     * window empty. */
    r->size = floor;
    while (r->size < size) {
        r->size <<= 1;
    }
    r->addr = UINT64_MAX;
    r->type = type;
    r->memory = mr;
    r->address_space = io ? pci_get_bus(dev)->io : pci_get_bus(dev)->mem;

    mask = ~(r->size - 1);
    if (n == PCI_ROM_SLOT) {
        pci_set_long(dev->wmask + at, (uint32_t)mask | PCI_ROM_ADDRESS_ENABLE);
    } else if (bar_is_64(r)) {
        pci_set_long(dev->config + at, type);
        pci_set_quad(dev->wmask + at, mask);
    } else {
        pci_set_long(dev->config + at, type);
        pci_set_long(dev->wmask + at, (uint32_t)mask);
    }
    pci_config_mark_home(dev, at, bar_is_64(r) ? 8 : 4);
}

void pci_reset_bars(PCIDevice *dev)
{
    for (int n = 0; n < PCI_NUM_REGIONS; n++) {
        PCIIORegion *r = &dev->io_regions[n];
        uint32_t at = bar_offset(dev, n);

        if (!r->size) {
            continue;
        }
        if (bar_is_64(r)) {
            pci_set_quad(dev->config + at, r->type);
        } else {
            pci_set_long(dev->config + at, n == PCI_ROM_SLOT ? 0 : r->type);
        }
    }
}

/* Where the guest wants region n, or UINT64_MAX: not decoded, or at a place that cannot be meant
 * (0, or running out of what the register can express: what a sizing write leaves behind). */
static uint64_t wanted_addr(const PCIDevice *dev, int n)
{
    const PCIIORegion *r = &dev->io_regions[n];
    uint16_t command = pci_get_word(dev->config + PCI_COMMAND);
    uint32_t at = bar_offset(dev, n);
    uint64_t addr, last, limit;

    if (!dev->has_power) {
        return UINT64_MAX;
    }
    if (n != PCI_ROM_SLOT && (r->type & PCI_BASE_ADDRESS_SPACE_IO)) {
        if (!(command & PCI_COMMAND_IO)) {
            return UINT64_MAX;
        }
        addr = pci_get_long(dev->config + at) & ~(r->size - 1);
        limit = 0x10000;
    } else {
        if (!(command & PCI_COMMAND_MEMORY)) {
            return UINT64_MAX;
        }
        if (bar_is_64(r)) {
            addr = pci_get_quad(dev->config + at);
            limit = UINT64_C(1) << 52;
        } else {
            addr = pci_get_long(dev->config + at);
            limit = UINT64_C(1) << 32;
        }
        if (n == PCI_ROM_SLOT && !(addr & PCI_ROM_ADDRESS_ENABLE)) {
            return UINT64_MAX;
        }
        addr &= ~(r->size - 1);
    }
    last = addr + r->size - 1;
    if (addr == 0 || last < addr || last >= limit ||
        (limit == UINT64_C(1) << 32 && last == UINT32_MAX)) {
        return UINT64_MAX;
    }
    return addr;
}

void pci_update_mappings(PCIDevice *dev)
{
    bool changed = false;

    assert_main_loop();
    for (int n = 0; n < PCI_NUM_REGIONS; n++) {
        PCIIORegion *r = &dev->io_regions[n];
        uint64_t addr = r->size ? wanted_addr(dev, n) : UINT64_MAX;

        if (!r->size || addr == r->addr) {
            continue;
        }
        if (!changed) {
            memory_region_transaction_begin();
            changed = true;
        }
        if (r->addr != UINT64_MAX) {
            memory_region_del_subregion(r->address_space, r->memory);
        }
        r->addr = addr;
        if (addr != UINT64_MAX) {
            memory_region_add_subregion_overlap(r->address_space, addr, r->memory, 1);
        }
    }
    if (changed) {
        memory_region_transaction_commit();
    }
}

void pci_unmap_bars(PCIDevice *dev)
{
    memory_region_transaction_begin();
    for (int n = 0; n < PCI_NUM_REGIONS; n++) {
        PCIIORegion *r = &dev->io_regions[n];

        if (r->size && r->addr != UINT64_MAX) {
            memory_region_del_subregion(r->address_space, r->memory);
            r->addr = UINT64_MAX;
        }
    }
    memory_region_transaction_commit();
}

/* --- option ROM ------------------------------------------------------------------------------- */

/* Reads the whole file into dst, which holds size bytes. */
static bool read_rom(int fd, const char *name, uint8_t *dst, size_t size, GError **errp)
{
    size_t done = 0;

    while (done < size) {
        ssize_t n = RETRY_ON_EINTR(read(fd, dst + done, size - done));

        if (n <= 0) {
            error_setg(errp, "romfile=%s: %s", name,
                       n ? g_strerror(errno) : "the file became shorter");
            return false;
        }
        done += n;
    }
    return true;
}

/* A card's own ROM is for several cards: its PCI data structure (PCI firmware
 * specification 3.0, 5.1.2) gets this one's IDs, and the checksum stays right by the header's free
 * byte. */
static void adopt_rom(const PCIDevice *dev, uint8_t *rom, size_t size)
{
    enum { HEADER = 0x1a, FREE_BYTE = 6, DATA = 0x18, IDS = 4, CODE_TYPE = 0x14, PC_BIOS = 0 };
    uint16_t at;
    uint8_t *data, sum = 0;

    if (size < HEADER || rom[0] != 0x55 || rom[1] != 0xaa) {
        return;
    }
    at = pci_get_word(rom + DATA);
    data = rom + at;
    if (at < HEADER || at + 24u > size || memcmp(data, "PCIR", 4) || data[CODE_TYPE] != PC_BIOS) {
        return;
    }
    for (unsigned n = 0; n < 4; n++) {
        sum += data[IDS + n] - dev->config[PCI_VENDOR_ID + n];
        data[IDS + n] = dev->config[PCI_VENDOR_ID + n];
    }
    rom[FREE_BYTE] += sum;
}

static bool rom_load(PCIDevice *dev, const char *file, int fd, GError **errp)
{
    struct stat st;
    uint64_t size = 2 * KiB;

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= 0 ||
        st.st_size > ROM_SIZE_MAX) {
        error_setg(errp, "romfile=%s must be a regular file of 1 byte to 64 MiB", file);
        return false;
    }
    while (size < (uint64_t)st.st_size) {
        size <<= 1;
    }
    if (dev->romsize != UINT32_MAX) {
        if (dev->romsize < st.st_size || (dev->romsize & (dev->romsize - 1))) {
            error_setg(errp,
                       "romsize=%u must be a power of two and not below the size of %s (%lld)",
                       dev->romsize, file, (long long)st.st_size);
            return false;
        }
        size = MAX(dev->romsize, 2 * KiB);
    }
    if (!memory_region_init_rom(&dev->rom, OBJECT(dev), "pci.rom", size, errp)) {
        return false;
    }
    dev->has_rom = true;
    if (!read_rom(fd, file, memory_region_get_ram_ptr(&dev->rom), st.st_size, errp)) {
        pci_rom_exit(dev);
        return false;
    }
    if (!dev->romfile) {
        adopt_rom(dev, memory_region_get_ram_ptr(&dev->rom), st.st_size);
    }
    pci_register_bar(dev, PCI_ROM_SLOT, 0, &dev->rom);
    return true;
}

bool pci_rom_init(PCIDevice *dev, GError **errp)
{
    const char *file = dev->romfile ? dev->romfile : PCI_DEVICE_GET_CLASS(dev)->romfile;
    bool optional = !dev->romfile && PCI_DEVICE_GET_CLASS(dev)->rom_optional;
    g_autofree char *path = NULL;
    int fd;
    bool ok;

    if (!file || !*file || dev->rom_bar == 0) {
        return true;
    }
    path = datadir_find("romfile", file, optional ? NULL : errp);
    if (!path) {
        return optional;
    }
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        error_setg_errno(errp, errno, "romfile=%s cannot be opened", path);
        return false;
    }
    ok = rom_load(dev, file, fd, errp);
    close(fd);
    return ok;
}

void pci_rom_exit(PCIDevice *dev)
{
    if (dev->has_rom) {
        dev->has_rom = false;
        memory_region_finalize(&dev->rom);
    }
}
