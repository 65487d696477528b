/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Configuration space: masks, BARs, the command register, capabilities, bridge windows, reset. */
#include "pci-test-util.h"

#define MEM_VALUE(n) (0x01010101u * ((n) + 1))
#define NOTHING 0u /* what memory reads as where nothing is */
#define COMMAND_BITS \
    (PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_PARITY | \
     PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE)

static uint32_t bar_at(int n)
{
    return PCI_BASE_ADDRESS_0 + 4 * n;
}

static uint32_t mem(hwaddr addr)
{
    return load(&address_space_memory, addr, 4);
}

static uint32_t port(hwaddr addr)
{
    return load(&address_space_io, addr, 4);
}

/* --- masks */

static void test_write_mask(void)
{
    PCIDevice *d = plug(root, PCI_DEVFN(1, 0));
    g_autofree uint8_t *before = g_memdup2(d->config, d->config_size);

    g_assert_cmpuint(d->config_size, ==, 256);
    for (unsigned at = 0; at < 256; at += 4) {
        if (at >= PCI_BASE_ADDRESS_0 && at <= PCI_BASE_ADDRESS_5) {
            continue;
        }
        pci_config_write(d, at, UINT32_MAX, 4);
    }
    g_assert_cmphex(pci_config_read(d, PCI_VENDOR_ID, 4), ==, 0x56781234);
    g_assert_cmphex(pci_config_read(d, PCI_COMMAND, 2), ==, COMMAND_BITS);
    g_assert_cmphex(pci_config_read(d, PCI_CLASS_REVISION, 4), ==, PCI_CLASS_OTHERS << 16 | 3);
    g_assert_cmphex(pci_config_read(d, PCI_CACHE_LINE_SIZE, 4), ==, 0x000000ff);
    g_assert_cmphex(pci_config_read(d, PCI_INTERRUPT_LINE, 4), ==, 0x000001ff);
    g_assert_cmphex(pci_config_read(d, PCI_ROM_ADDRESS, 4), ==, 0); /* no ROM */
    g_assert_cmphex(pci_config_read(d, d->msix_cap + PCI_MSIX_FLAGS, 2), ==,
                    0xc000 | (VECTORS - 1));
    for (unsigned at = 0x40; at < 256; at++) {
        if (at != d->msix_cap + PCI_MSIX_FLAGS + 1u) {
            g_assert_cmphex(d->config[at], ==, before[at]);
        }
    }
    unplug(d);
}

static void test_widths(void)
{
    PCIDevice *d = plug(root, PCI_DEVFN(1, 0));
    TestFunction *f = (TestFunction *)d;

    /* a byte changes nothing but itself; a wide write reaches all its registers */
    pci_config_write(d, PCI_COMMAND + 1, 0xff, 1);
    g_assert_cmphex(pci_config_read(d, PCI_COMMAND, 2), ==,
                    PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE);
    pci_config_write(d, PCI_INTERRUPT_LINE, 0x5a, 1);
    pci_config_write(d, PCI_INTERRUPT_LINE + 1, 0xff, 1); /* the pin is fixed */
    g_assert_cmphex(pci_config_read(d, PCI_INTERRUPT_LINE, 2), ==, 0x015a);
    pci_config_write(d, PCI_COMMAND, 0xffff0002, 4);
    g_assert_cmphex(pci_config_read(d, PCI_COMMAND, 2), ==, PCI_COMMAND_MEMORY);
    /* not aligned */
    g_assert_cmphex(pci_config_read(d, 1, 2), ==, 0x7812);
    g_assert_cmphex(pci_config_read(d, 3, 1), ==, 0x56);
    g_assert_cmphex(pci_config_read(d, 2, 4), ==, 0x00025678);
    /* the end of configuration space */
    g_assert_cmphex(pci_config_read(d, 256, 4), ==, 0xffffffff);
    g_assert_cmphex(pci_config_read(d, 254, 4), ==, 0xffffffff);
    g_assert_cmphex(pci_config_read(d, 256, 1), ==, 0xff);
    g_assert_cmphex(pci_config_read(d, 255, 1), ==, 0);
    f->changed = 0;
    pci_config_write(d, 256, UINT32_MAX, 4);
    g_assert_cmpuint(f->changed, ==, 0);
    pci_config_write(d, 254, UINT32_MAX, 4);
    g_assert_cmphex(pci_config_read(d, 255, 1), ==, 0);
    g_assert_cmpuint(f->changed, ==, 1);
    unplug(d);
}

static void test_write_one_to_clear(void)
{
    PCIDevice *d = plug(root, PCI_DEVFN(1, 0));
    uint16_t errors = PCI_STATUS_PARITY | PCI_STATUS_REC_MASTER_ABORT | PCI_STATUS_DETECTED_PARITY;

    pci_set_word(d->config + PCI_STATUS, PCI_STATUS_CAP_LIST | errors);
    pci_config_write(d, PCI_STATUS, 0, 2);
    g_assert_cmphex(pci_config_read(d, PCI_STATUS, 2), ==, PCI_STATUS_CAP_LIST | errors);
    pci_config_write(d, PCI_STATUS, PCI_STATUS_PARITY, 2);
    errors &= ~PCI_STATUS_PARITY;
    g_assert_cmphex(pci_config_read(d, PCI_STATUS, 2), ==, PCI_STATUS_CAP_LIST | errors);
    /* one byte of it; and together with the command register, which is kept */
    pci_config_write(d, PCI_STATUS + 1, PCI_STATUS_REC_MASTER_ABORT >> 8, 1);
    errors &= ~PCI_STATUS_REC_MASTER_ABORT;
    g_assert_cmphex(pci_config_read(d, PCI_STATUS, 2), ==, PCI_STATUS_CAP_LIST | errors);
    pci_config_write(d, PCI_COMMAND, 0xffff0000 | PCI_COMMAND_MEMORY, 4);
    g_assert_cmphex(pci_config_read(d, PCI_COMMAND, 4), ==,
                    PCI_STATUS_CAP_LIST << 16 | PCI_COMMAND_MEMORY);
    unplug(d);
}

static void test_needs_home(void)
{
    PCIDevice *d = plug(root, PCI_DEVFN(1, 0));

    g_assert_true(pci_config_write_needs_home(d, PCI_COMMAND, 2));
    g_assert_true(pci_config_write_needs_home(d, PCI_COMMAND + 1, 1));
    g_assert_true(pci_config_write_needs_home(d, bar_at(BAR_MEM), 4));
    g_assert_true(pci_config_write_needs_home(d, bar_at(BAR_MEM64) + 7, 1));
    g_assert_true(pci_config_write_needs_home(d, d->msix_cap + PCI_MSIX_FLAGS + 1, 1));
    g_assert_true(pci_config_write_needs_home(d, PCI_VENDOR_ID + 2, 4)); /* reaches command */
    g_assert_false(pci_config_write_needs_home(d, PCI_INTERRUPT_LINE, 1));
    g_assert_false(pci_config_write_needs_home(d, PCI_STATUS, 2));
    g_assert_false(pci_config_write_needs_home(d, PCI_CACHE_LINE_SIZE, 1));
    g_assert_false(pci_config_write_needs_home(d, 300, 4));
    unplug(d);
}

/* --- BARs */

static void test_bar_sizing(void)
{
    static const struct {
        int n;
        uint32_t reset, sized, upper;
    } bars[] = {
        {BAR_MEM, 0, 0xffff0000, 0},
        {BAR_MSIX, 0, 0xfffff000, 0},
        {BAR_MEM64, 0xc, 0xfff0000c, 0xffffffff},
        {BAR_IO, 1, 0xffffffe1, 0},
        {BAR_TINY, 0, 0xfffffff0, 0},
    };
    PCIDevice *d = plug(root, PCI_DEVFN(1, 0));

    pci_config_write(d, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_IO, 2);
    for (unsigned i = 0; i < G_N_ELEMENTS(bars); i++) {
        uint32_t at = bar_at(bars[i].n);
        PCIIORegion *r = &d->io_regions[bars[i].n];

        g_assert_cmphex(pci_config_read(d, at, 4), ==, bars[i].reset);
        pci_config_write(d, at, UINT32_MAX, 4);
        g_assert_cmphex(pci_config_read(d, at, 4), ==, bars[i].sized);
        if (bars[i].upper) {
            g_assert_cmphex(pci_config_read(d, at + 4, 4), ==, 0);
            pci_config_write(d, at + 4, UINT32_MAX, 4);
            g_assert_cmphex(pci_config_read(d, at + 4, 4), ==, bars[i].upper);
        }
        /* a guest that sizes with decoding on does not put the region at the top */
        g_assert_cmphex(r->addr, ==, UINT64_MAX);
        pci_config_write(d, at, 0, 4);
        if (bars[i].upper) {
            pci_config_write(d, at + 4, 0, 4);
        }
        g_assert_cmphex(pci_config_read(d, at, 4), ==, bars[i].reset);
        g_assert_cmphex(r->addr, ==, UINT64_MAX); /* nor at 0 */
    }
    unplug(d);
}

static void test_bar_placement(void)
{
    PCIDevice *d = plug(root, PCI_DEVFN(1, 0));

    pci_config_write(d, bar_at(BAR_MEM), 0xfe001234, 4); /* low bits are not there */
    pci_config_write(d, bar_at(BAR_MEM64), 0xfd000000, 4);
    pci_config_write(d, bar_at(BAR_IO), 0xc010, 4);
    g_assert_cmphex(pci_config_read(d, bar_at(BAR_MEM), 4), ==, 0xfe000000);
    g_assert_cmphex(pci_config_read(d, bar_at(BAR_IO), 4), ==, 0xc001);
    g_assert_cmphex(mem(0xfe000000), ==, NOTHING); /* not decoded yet */
    pci_config_write(d, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
    g_assert_cmphex(mem(0xfe000000), ==, MEM_VALUE(BAR_MEM));
    g_assert_cmphex(mem(0xfe008ffc), ==, MEM_VALUE(BAR_MEM));
    g_assert_cmphex(mem(0xfe009000), ==, NOTHING); /* the window is bigger than the region */
    g_assert_cmphex(mem(0xfd0ffffc), ==, MEM_VALUE(BAR_MEM64));
    g_assert_cmphex(port(0xc000), ==, 0xffffffff);
    pci_config_write(d, PCI_COMMAND, PCI_COMMAND_IO, 2);
    g_assert_cmphex(mem(0xfe000000), ==, NOTHING);
    g_assert_cmphex(port(0xc01c), ==, MEM_VALUE(BAR_IO));
    pci_config_write(d, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY, 2);

    /* moved while decoded, half by half */
    pci_config_write(d, bar_at(BAR_MEM64) + 4, 0x12, 4);
    g_assert_cmphex(mem(0xfd000000), ==, NOTHING);
    g_assert_cmphex(mem(0x12fd000000), ==, MEM_VALUE(BAR_MEM64));
    pci_config_write(d, bar_at(BAR_MEM64), 0x100000, 4);
    g_assert_cmphex(mem(0x1200100000), ==, MEM_VALUE(BAR_MEM64));
    pci_config_write(d, bar_at(BAR_MEM64) + 4, 0x100000, 4); /* beyond 52 bits */
    g_assert_cmphex(d->io_regions[BAR_MEM64].addr, ==, UINT64_MAX);
    pci_config_write(d, bar_at(BAR_MEM) + 3, 0xfc, 1);
    g_assert_cmphex(mem(0xfc000000), ==, MEM_VALUE(BAR_MEM));
    g_assert_cmphex(mem(0xfe000000), ==, NOTHING);
    pci_config_write(d, bar_at(BAR_IO), 0x12340, 4); /* beyond the last port */
    g_assert_cmphex(d->io_regions[BAR_IO].addr, ==, UINT64_MAX);
    unplug(d);
    g_assert_cmphex(mem(0xfc000000), ==, NOTHING);
}

/* --- command register, power */

static void test_bus_master(void)
{
    PCIDevice *d = plug(root, PCI_DEVFN(1, 0));
    MemoryRegion ram;
    uint32_t v = 0x11223344;

    g_assert_true(memory_region_init_ram(&ram, NULL, "ram", 0x1000, NULL));
    memory_region_add_subregion(get_system_memory(), 0, &ram);
    g_assert_cmpint(pci_dma_write(d, 0x10, &v, 4), !=, MEMTX_OK);
    g_assert_cmphex(mem(0x10), ==, 0);
    pci_config_write(d, PCI_COMMAND, PCI_COMMAND_MASTER, 2);
    g_assert_cmpint(pci_dma_write(d, 0x10, &v, 4), ==, MEMTX_OK);
    g_assert_cmphex(mem(0x10), ==, v);
    v = 0;
    g_assert_cmpint(pci_dma_read(d, 0x10, &v, 4), ==, MEMTX_OK);
    g_assert_cmphex(v, ==, 0x11223344);
    pci_config_write(d, PCI_COMMAND, 0, 2);
    g_assert_cmpint(pci_dma_read(d, 0x10, &v, 4), !=, MEMTX_OK);
    g_assert_cmphex(v, ==, UINT32_MAX);
    memory_region_del_subregion(get_system_memory(), &ram);
    memory_region_finalize(&ram);
    unplug(d); /* also waits until nobody sees the RAM, which is on the stack */
}

static void test_intx(void)
{
    PCIDevice *d = plug(root, PCI_DEVFN(1, 0)), *same = plug(root, PCI_DEVFN(5, 0));

    pci_set_irq(d, 1);
    pci_set_irq(d, 1); /* a level, no count */
    g_assert_cmpint(irq_level[1], ==, 1);
    g_assert_cmphex(pci_config_read(d, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, !=, 0);
    pci_config_write(d, PCI_COMMAND, PCI_COMMAND_INTX_DISABLE, 2);
    g_assert_cmpint(irq_level[1], ==, 0);
    g_assert_cmphex(pci_config_read(d, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, !=, 0);
    pci_config_write(d, PCI_COMMAND, 0, 2);
    g_assert_cmpint(irq_level[1], ==, 1);
    pci_set_irq(same, 1); /* shares the board's line */
    pci_set_irq(d, 0);
    g_assert_cmpint(irq_level[1], ==, 1);
    g_assert_cmphex(pci_config_read(d, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, ==, 0);
    unplug(same); /* lets go of it */
    g_assert_cmpint(irq_level[1], ==, 0);
    unplug(d);
}

/* --- capabilities */

static void test_capabilities(void)
{
    PCIDevice *d = plug(root, PCI_DEVFN(1, 0));
    g_autoptr(GError) err = NULL;
    unsigned room = 0, seen = 0;
    int first, pos;

    g_assert_cmphex(pci_find_capability(d, PCI_CAP_ID_MSIX), ==, d->msix_cap);
    g_assert_cmphex(pci_find_capability(d, PCI_CAP_ID_VNDR), ==, 0);
    g_assert_cmpint(pci_add_capability(d, PCI_CAP_ID_VNDR, 0x10, 8, &err), ==, -EINVAL);
    g_clear_error(&err);
    g_assert_cmpint(pci_add_capability(d, PCI_CAP_ID_VNDR, 0xfc, 8, &err), ==, -EINVAL);
    g_clear_error(&err);
    g_assert_cmpint(pci_add_capability(d, PCI_CAP_ID_VNDR, d->msix_cap + 8, 8, &err), ==, -EINVAL);
    g_assert_nonnull(strstr(err->message, "overlaps"));
    g_clear_error(&err);
    first = pci_add_capability(d, PCI_CAP_ID_VNDR, 0x80, 5, &err);
    g_assert_cmphex(first, ==, 0x80);
    g_assert_cmpint(pci_add_capability(d, PCI_CAP_ID_SSVID, 0x84, 4, NULL), ==, -EINVAL);
    pos = pci_pm_init(d, 0, &err);
    g_assert_cmpint(pos, >=, 0x40);
    g_assert_cmphex(pci_find_capability(d, PCI_CAP_ID_PM), ==, pos);
    g_assert_cmphex(pci_find_capability(d, PCI_CAP_ID_VNDR), ==, first);

    /* until nothing fits; then smaller ones may */
    while (pci_add_capability(d, PCI_CAP_ID_SSVID, 0, 16, &err) > 0) {
        room++;
    }
    g_assert_cmpuint(room, ==, (0x80 - pos - 8) / 16 + (0x100 - 0x88) / 16);
    g_assert_nonnull(strstr(err->message, "no room"));
    g_clear_error(&err);
    while (pci_add_capability(d, PCI_CAP_ID_SSVID, 0, 4, NULL) > 0) {
    }
    for (uint8_t at = d->config[PCI_CAPABILITY_LIST]; at; at = d->config[at + PCI_CAP_LIST_NEXT]) {
        g_assert_cmphex(at & 3, ==, 0);
        g_assert_cmpuint(++seen, <=, 48);
    }
    g_assert_cmphex(pci_find_capability(d, PCI_CAP_ID_MSIX), ==, d->msix_cap); /* the last in it */

    /* D3hot hides the BARs */
    pci_config_write(d, bar_at(BAR_MEM), 0xfe000000, 4);
    pci_config_write(d, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
    g_assert_cmphex(mem(0xfe000000), ==, MEM_VALUE(BAR_MEM));
    pci_config_write(d, pos + PCI_PM_CTRL, 3, 2);
    g_assert_cmphex(mem(0xfe000000), ==, NOTHING);
    pci_config_write(d, pos + PCI_PM_CTRL, 0, 2);
    g_assert_cmphex(mem(0xfe000000), ==, MEM_VALUE(BAR_MEM));
    unplug(d);
}

/* --- bridges */

static void test_bridge(void)
{
    PCIDevice *rp = pci_create_simple(root, PCI_DEVFN(2, 0), "pcie-root-port");
    PCIBus *sec = PCI_BRIDGE(rp)->sec_bus;
    PCIDevice *d = plug(sec, 0);

    g_assert_cmphex(pci_config_read(rp, PCI_HEADER_TYPE, 1) & 0x7f, ==, PCI_HEADER_TYPE_BRIDGE);
    g_assert_true(pci_find_device(root, 0, PCI_DEVFN(2, 0)) == rp);
    g_assert_null(pci_find_device(root, 7, 0));
    pci_config_write(rp, PCI_PRIMARY_BUS, 0x00090700, 4);
    g_assert_null(pci_find_device(root, 7, 0)); /* the slot has no power */
    pci_config_write(rp, rp->exp_cap + PCI_EXP_SLTCTL, PCI_EXP_SLTCTL_PWR_IND_ON, 2);
    g_assert_true(pci_find_device(root, 7, 0) == d);
    g_assert_null(pci_find_device(root, 7, 8));
    g_assert_null(pci_find_device(root, 8, 0));
    g_assert_cmphex(pci_requester_id(d), ==, 0x0700);

    pci_config_write(d, bar_at(BAR_MEM), 0xfe000000, 4);
    pci_config_write(d, bar_at(BAR_MEM64), 0xfd000000, 4);
    pci_config_write(d, bar_at(BAR_MEM64) + 4, 0x12, 4);
    pci_config_write(d, bar_at(BAR_IO), 0xc000, 4);
    pci_config_write(d, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_IO, 2);
    pci_config_write(rp, PCI_MEMORY_BASE, 0xfe0ffe00, 4); /* low nibbles are not there */
    pci_config_write(rp, PCI_PREF_MEMORY_BASE, 0xfd0ffd00, 4);
    pci_config_write(rp, PCI_PREF_BASE_UPPER32, 0x12, 4);
    pci_config_write(rp, PCI_PREF_LIMIT_UPPER32, 0x12, 4);
    pci_config_write(rp, PCI_IO_BASE, 0xcfc0, 2);
    g_assert_cmphex(pci_config_read(rp, PCI_MEMORY_BASE, 4), ==, 0xfe00fe00);
    g_assert_cmphex(pci_config_read(rp, PCI_PREF_MEMORY_BASE, 4), ==, 0xfd01fd01); /* 64 bits */
    g_assert_cmphex(pci_config_read(rp, PCI_IO_BASE, 2), ==, 0xc0c0);
    g_assert_cmphex(mem(0xfe000000), ==, NOTHING);
    pci_config_write(rp, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
    g_assert_cmphex(mem(0xfe000000), ==, MEM_VALUE(BAR_MEM));
    g_assert_cmphex(mem(0x12fd000000), ==, MEM_VALUE(BAR_MEM64));
    g_assert_cmphex(port(0xc000), ==, 0xffffffff);
    pci_config_write(rp, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_IO, 2);
    g_assert_cmphex(port(0xc000), ==, MEM_VALUE(BAR_IO));

    /* a function beside its bridge's window is out of reach; limit below base closes it */
    pci_config_write(d, bar_at(BAR_MEM), 0xfe200000, 4);
    g_assert_cmphex(mem(0xfe200000), ==, NOTHING);
    pci_config_write(rp, PCI_MEMORY_LIMIT, 0xfe20, 2);
    g_assert_cmphex(mem(0xfe200000), ==, MEM_VALUE(BAR_MEM));
    pci_config_write(rp, PCI_MEMORY_BASE, 0xfe30, 2);
    g_assert_cmphex(mem(0xfe200000), ==, NOTHING);
    pci_config_write(rp, PCI_PREF_LIMIT_UPPER32, 0x11, 4);
    g_assert_cmphex(mem(0x12fd000000), ==, NOTHING);

    /* a secondary bus reset takes the function back to its start, not the port */
    pci_config_write(rp, PCI_BRIDGE_CONTROL, PCI_BRIDGE_CTL_BUS_RESET, 2);
    g_assert_cmphex(pci_config_read(d, PCI_COMMAND, 2), ==, 0);
    g_assert_cmphex(pci_config_read(rp, PCI_PRIMARY_BUS, 4), ==, 0x00090700);
    pci_config_write(rp, PCI_BRIDGE_CONTROL, 0, 2);

    device_cold_reset(DEVICE(rp));
    g_assert_cmphex(pci_config_read(rp, PCI_PRIMARY_BUS, 4), ==, 0);
    g_assert_cmphex(pci_config_read(rp, PCI_MEMORY_BASE, 4), ==, 0);
    g_assert_cmphex(pci_config_read(rp, PCI_COMMAND, 2), ==, 0);
    g_assert_null(pci_find_device(root, 7, 0));
    unplug(d);
    unplug(rp);
}

/* INTA# of slot 0 behind the port in slot 2 is the port's INTA#. */
static void test_bridge_intx(void)
{
    PCIDevice *rp = pci_create_simple(root, PCI_DEVFN(2, 0), "pcie-root-port");
    PCIDevice *d = plug(PCI_BRIDGE(rp)->sec_bus, 0);

    pci_set_irq(d, 1);
    g_assert_cmpint(irq_level[2], ==, 1);
    unplug(d);
    g_assert_cmpint(irq_level[2], ==, 0);
    unplug(rp);
}

/* --- reset */

static void test_reset(void)
{
    PCIDevice *d = plug(root, PCI_DEVFN(1, 0));
    g_autofree uint8_t *before = g_memdup2(d->config, d->config_size);

    pci_config_write(d, bar_at(BAR_MEM), 0xfe000000, 4);
    pci_config_write(d, bar_at(BAR_MEM64), 0xfd000000, 4);
    pci_config_write(d, bar_at(BAR_MEM64) + 4, 1, 4);
    pci_config_write(d, bar_at(BAR_IO), 0xc000, 4);
    pci_config_write(d, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_IO | PCI_COMMAND_MASTER, 2);
    pci_config_write(d, PCI_INTERRUPT_LINE, 11, 1);
    pci_config_write(d, PCI_CACHE_LINE_SIZE, 16, 1);
    pci_config_write(d, d->msix_cap + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_MASKALL, 2);
    pci_set_word(d->config + PCI_STATUS, PCI_STATUS_CAP_LIST | PCI_STATUS_PARITY);
    pci_set_irq(d, 1);
    g_assert_cmphex(mem(0xfe000000), ==, MEM_VALUE(BAR_MEM));
    device_cold_reset(DEVICE(d));
    g_assert_cmpmem(d->config, d->config_size, before, d->config_size);
    g_assert_cmpint(irq_level[1], ==, 0);
    g_assert_cmphex(mem(0xfe000000), ==, NOTHING);
    for (int n = 0; n < PCI_NUM_REGIONS; n++) {
        g_assert_cmphex(d->io_regions[n].addr, ==, UINT64_MAX);
    }
    g_assert_cmpint(pci_dma_write(d, 0, before, 4), !=, MEMTX_OK);
    unplug(d);
}

int main(int argc, char **argv)
{
    pci_unit_init(&argc, &argv);
    g_test_add_func("/pci/config/write-mask", test_write_mask);
    g_test_add_func("/pci/config/widths", test_widths);
    g_test_add_func("/pci/config/write-one-to-clear", test_write_one_to_clear);
    g_test_add_func("/pci/config/needs-home", test_needs_home);
    g_test_add_func("/pci/bar/sizing", test_bar_sizing);
    g_test_add_func("/pci/bar/placement", test_bar_placement);
    g_test_add_func("/pci/command/bus-master", test_bus_master);
    g_test_add_func("/pci/command/intx", test_intx);
    g_test_add_func("/pci/capabilities", test_capabilities);
    g_test_add_func("/pci/bridge/windows", test_bridge);
    g_test_add_func("/pci/bridge/intx", test_bridge_intx);
    g_test_add_func("/pci/reset", test_reset);
    return g_test_run();
}
