/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MSI-X without KVM: the table, masks, pending bits; each message is a memory write of the
 * function's. */
#include "pci-test-util.h"

#define TABLE 0xfe000000u
#define PBA (TABLE + 0x800)
#define MSI_BASE 0xfee00000u

static MemoryRegion msi; /* what messages are written to */
static struct {
    unsigned n;
    hwaddr offset;
    uint64_t data;
    uint16_t requester;
} got;

static MemTxResult msi_write(void *opaque, hwaddr offset, uint64_t data, unsigned size,
                             MemTxAttrs attrs)
{
    g_assert_cmpuint(size, ==, 4);
    g_assert_true(attrs.msi);
    got.n++;
    got.offset = offset;
    got.data = data;
    got.requester = attrs.requester_id;
    return MEMTX_OK;
}

static const MemoryRegionOps msi_ops = {.write_with_attrs = msi_write};

static void expect(unsigned vector)
{
    g_assert_cmpuint(got.n, ==, 1);
    g_assert_cmphex(got.offset, ==, vector << 12);
    g_assert_cmphex(got.data, ==, 0x4000 + vector);
    g_assert_cmphex(got.requester, ==, PCI_DEVFN(3, 0));
    got.n = 0;
}

static void expect_nothing(void)
{
    g_assert_cmpuint(got.n, ==, 0);
}

static uint32_t read4(hwaddr addr)
{
    return load(&address_space_memory, addr, 4);
}

static void write4(hwaddr addr, uint32_t v)
{
    g_assert_cmpint(address_space_store(&address_space_memory, addr, 4, v, MEMTXATTRS_UNSPECIFIED),
                    ==, MEMTX_OK);
}

static hwaddr entry(unsigned vector, unsigned reg)
{
    return TABLE + vector * PCI_MSIX_ENTRY_SIZE + reg;
}

static void mask(unsigned vector, bool on)
{
    write4(entry(vector, PCI_MSIX_ENTRY_VECTOR_CTRL), on);
}

static void flags(PCIDevice *d, uint16_t v)
{
    pci_config_write(d, d->msix_cap + PCI_MSIX_FLAGS, v, 2);
}

/* A function whose table is mapped and filled in, all vectors masked, MSI-X off. */
static PCIDevice *start(void)
{
    PCIDevice *d = plug(root, PCI_DEVFN(3, 0));

    pci_config_write(d, PCI_BASE_ADDRESS_0 + 4 * BAR_MSIX, TABLE, 4);
    pci_config_write(d, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
    for (unsigned v = 0; v < VECTORS; v++) {
        write4(entry(v, PCI_MSIX_ENTRY_LOWER_ADDR), MSI_BASE + (v << 12));
        write4(entry(v, PCI_MSIX_ENTRY_DATA), 0x4000 + v);
    }
    got.n = 0;
    return d;
}

static void test_table(void)
{
    PCIDevice *d = plug(root, PCI_DEVFN(3, 0));
    uint8_t *cap = d->config + d->msix_cap;
    uint64_t v;

    g_assert_true(msix_present(d));
    g_assert_cmpuint(msix_nr_vectors(d), ==, VECTORS);
    g_assert_cmphex(pci_get_word(cap + PCI_MSIX_FLAGS), ==, VECTORS - 1);
    g_assert_cmphex(pci_get_long(cap + PCI_MSIX_TABLE), ==, 0 | BAR_MSIX);
    g_assert_cmphex(pci_get_long(cap + PCI_MSIX_PBA), ==, 0x800 | BAR_MSIX);
    pci_config_write(d, PCI_BASE_ADDRESS_0 + 4 * BAR_MSIX, TABLE, 4);
    pci_config_write(d, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
    for (unsigned i = 0; i < VECTORS; i++) {
        g_assert_cmphex(read4(entry(i, PCI_MSIX_ENTRY_LOWER_ADDR)), ==, 0);
        g_assert_cmphex(read4(entry(i, PCI_MSIX_ENTRY_DATA)), ==, 0);
        g_assert_cmphex(read4(entry(i, PCI_MSIX_ENTRY_VECTOR_CTRL)), ==, 1);
    }
    /* bits that are not there; two registers in one access */
    write4(entry(1, PCI_MSIX_ENTRY_LOWER_ADDR), 0xfee01003);
    g_assert_cmphex(read4(entry(1, PCI_MSIX_ENTRY_LOWER_ADDR)), ==, 0xfee01000);
    write4(entry(1, PCI_MSIX_ENTRY_VECTOR_CTRL), 0xfffffffe);
    g_assert_cmphex(read4(entry(1, PCI_MSIX_ENTRY_VECTOR_CTRL)), ==, 0);
    address_space_store(&address_space_memory, entry(2, 8), 8, 0xffffffff12345678,
                        MEMTXATTRS_UNSPECIFIED);
    g_assert_cmphex(read4(entry(2, PCI_MSIX_ENTRY_DATA)), ==, 0x12345678);
    g_assert_cmphex(read4(entry(2, PCI_MSIX_ENTRY_VECTOR_CTRL)), ==, 1);
    address_space_load(&address_space_memory, entry(2, 8), 8, &v, MEMTXATTRS_UNSPECIFIED);
    g_assert_cmphex(v, ==, 0x112345678);
    /* too narrow: nothing happens */
    g_assert_cmpint(
        address_space_store(&address_space_memory, entry(2, 8), 2, 0xaaaa, MEMTXATTRS_UNSPECIFIED),
        !=, MEMTX_OK);
    g_assert_cmpint(
        address_space_store(&address_space_memory, entry(2, 12), 1, 0, MEMTXATTRS_UNSPECIFIED), !=,
        MEMTX_OK);
    g_assert_cmphex(read4(entry(2, PCI_MSIX_ENTRY_DATA)), ==, 0x12345678);
    g_assert_cmphex(read4(entry(2, PCI_MSIX_ENTRY_VECTOR_CTRL)), ==, 1);
    /* behind table and pending bits there is nothing */
    g_assert_cmpint(
        address_space_load(&address_space_memory, entry(VECTORS, 0), 4, &v, MEMTXATTRS_UNSPECIFIED),
        ==, MEMTX_DECODE_ERROR);
    g_assert_cmpint(
        address_space_load(&address_space_memory, PBA + 8, 4, &v, MEMTXATTRS_UNSPECIFIED), ==,
        MEMTX_DECODE_ERROR);
    unplug(d);
}

static void test_masks(void)
{
    PCIDevice *d = start();

    /* off: nothing is sent, nothing is kept */
    mask(0, false);
    msix_notify(d, 0);
    expect_nothing();
    g_assert_false(msix_enabled(d));
    flags(d, PCI_MSIX_FLAGS_ENABLE);
    g_assert_true(msix_enabled(d));
    expect_nothing();

    msix_notify(d, 0);
    expect(0);
    g_assert_cmphex(read4(PBA), ==, 0);
    /* masked: pending, once, however often */
    msix_notify(d, 3);
    msix_notify(d, 3);
    msix_notify(d, 4);
    expect_nothing();
    g_assert_cmphex(read4(PBA), ==, BIT(3) | BIT(4));
    write4(PBA, 0); /* read-only */
    write4(PBA, 0xffffffff);
    g_assert_cmphex(read4(PBA), ==, BIT(3) | BIT(4));
    g_assert_cmphex(read4(PBA + 4), ==, 0);
    mask(3, false);
    expect(3);
    g_assert_cmphex(read4(PBA), ==, BIT(4));
    mask(3, true);
    mask(3, false);
    expect_nothing();

    /* the message is the one that is there when the mask goes */
    write4(entry(4, PCI_MSIX_ENTRY_LOWER_ADDR), MSI_BASE + (2 << 12));
    write4(entry(4, PCI_MSIX_ENTRY_DATA), 0x4002);
    mask(4, false);
    expect(2);
    unplug(d);
}

static void test_function_mask(void)
{
    PCIDevice *d = start();

    mask(1, false);
    mask(2, true);
    flags(d, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
    msix_notify(d, 1);
    msix_notify(d, 2);
    expect_nothing();
    g_assert_cmphex(read4(PBA), ==, BIT(1) | BIT(2));
    mask(1, true);
    mask(1, false); /* the function's mask holds */
    expect_nothing();
    flags(d, PCI_MSIX_FLAGS_ENABLE);
    expect(1);
    g_assert_cmphex(read4(PBA), ==, BIT(2)); /* its own mask holds */

    /* without bus mastering it cannot write, so it waits */
    pci_config_write(d, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
    msix_notify(d, 1);
    expect_nothing();
    g_assert_cmphex(read4(PBA), ==, BIT(1) | BIT(2));
    pci_config_write(d, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
    expect(1);
    unplug(d);
}

static void test_intx(void)
{
    PCIDevice *d = start();

    pci_set_irq(d, 1);
    g_assert_cmpint(irq_level[3], ==, 1);
    flags(d, PCI_MSIX_FLAGS_ENABLE); /* no INTx any more */
    g_assert_cmpint(irq_level[3], ==, 0);
    unplug(d);
}

static void test_vectors(void)
{
    PCIDevice *d = start();

    flags(d, PCI_MSIX_FLAGS_ENABLE);
    msix_vector_use(d, 2);
    msix_vector_use(d, 2);
    msix_notify(d, 2);
    g_assert_cmphex(read4(PBA), ==, BIT(2));
    msix_vector_unuse(d, 2); /* what was pending is of no interest */
    g_assert_cmphex(read4(PBA), ==, 0);
    mask(2, false);
    expect_nothing();
    msix_vector_use(d, 2);
    msix_notify(d, 2);
    expect(2);

    /* there is none of these */
    msix_vector_use(d, VECTORS);
    msix_notify(d, VECTORS);
    msix_notify(d, UINT_MAX);
    msix_vector_unuse(d, UINT_MAX);
    expect_nothing();
    g_assert_cmphex(read4(PBA), ==, 0);
    unplug(d);
}

static void test_reset(void)
{
    PCIDevice *d = start();

    mask(0, false);
    flags(d, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
    msix_vector_use(d, 0);
    msix_notify(d, 0);
    msix_notify(d, 1);
    g_assert_cmphex(read4(PBA), ==, BIT(0) | BIT(1));
    device_cold_reset(DEVICE(d));
    expect_nothing();
    g_assert_false(msix_enabled(d));
    g_assert_cmphex(pci_config_read(d, d->msix_cap + PCI_MSIX_FLAGS, 2), ==, VECTORS - 1);
    pci_config_write(d, PCI_BASE_ADDRESS_0 + 4 * BAR_MSIX, TABLE, 4);
    pci_config_write(d, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
    g_assert_cmphex(read4(PBA), ==, 0);
    g_assert_cmphex(read4(entry(0, PCI_MSIX_ENTRY_LOWER_ADDR)), ==, 0);
    g_assert_cmphex(read4(entry(0, PCI_MSIX_ENTRY_VECTOR_CTRL)), ==, 1);
    flags(d, PCI_MSIX_FLAGS_ENABLE);
    expect_nothing();
    unplug(d);
}

/* A function that goes while messages wait. */
static void test_unplug(void)
{
    PCIDevice *d = start();

    flags(d, PCI_MSIX_FLAGS_ENABLE);
    msix_vector_use(d, 1);
    msix_notify(d, 1);
    unplug(d);
    expect_nothing();
    g_assert_cmphex(read4(entry(0, PCI_MSIX_ENTRY_VECTOR_CTRL)), ==, 0); /* nothing there */
}

static void test_limits(void)
{
    PCIDevice *d = plug(root, PCI_DEVFN(3, 0));
    g_autoptr(GError) err = NULL;
    MemoryRegion bar;

    memory_region_init(&bar, NULL, "bar", 1 * MiB);
    g_assert_false(msix_init(d, 0, &bar, 0, 0, &bar, 0, 0x80000, 0, &err));
    g_clear_error(&err);
    g_assert_false(msix_init(d, 2049, &bar, 0, 0, &bar, 0, 0x80000, 0, &err));
    g_assert_nonnull(strstr(err->message, "2049"));
    /* the most there can be: the last one has its pending bit */
    msix_uninit(d);
    g_assert_false(msix_present(d));
    msix_notify(d, 0);
    msix_vector_use(d, 0);
    g_assert_true(msix_init(d, 2048, &bar, 0, 0, &bar, 0, 0x80000, 0xa0, NULL));
    g_assert_cmphex(pci_config_read(d, 0xa0 + PCI_MSIX_FLAGS, 2), ==, 2047);
    memory_region_add_subregion(get_system_memory(), TABLE, &bar);
    pci_config_write(d, PCI_COMMAND, PCI_COMMAND_MASTER, 2);
    flags(d, PCI_MSIX_FLAGS_ENABLE);
    msix_notify(d, 2047);
    g_assert_cmphex(read4(TABLE + 0x80000 + 252), ==, BIT(31));
    memory_region_del_subregion(get_system_memory(), &bar);
    unplug(d);
    memory_region_finalize(&bar);
    memory_reclaim_barrier();
}

int main(int argc, char **argv)
{
    pci_unit_init(&argc, &argv);
    memory_region_init_io(&msi, NULL, &msi_ops, NULL, "msi", 0x100000);
    msi.accepts_msi = true;
    memory_region_add_subregion(get_system_memory(), MSI_BASE, &msi);
    g_test_add_func("/msix/table", test_table);
    g_test_add_func("/msix/masks", test_masks);
    g_test_add_func("/msix/function-mask", test_function_mask);
    g_test_add_func("/msix/intx", test_intx);
    g_test_add_func("/msix/vectors", test_vectors);
    g_test_add_func("/msix/reset", test_reset);
    g_test_add_func("/msix/unplug", test_unplug);
    g_test_add_func("/msix/limits", test_limits);
    return g_test_run();
}
