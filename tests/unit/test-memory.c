/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How an access reaches its region, one test a rule (docs/devel/memory.rst states them in the same
 * order). */
#include "qemu/osdep.h"

#include <sys/eventfd.h>

#include "memory-test-util.h"

/* --- sizes, alignment, byte order
 * ----------------------------------------------------------------------- */

static void test_default_sizes(void)
{
    setup_io(&default_ops);
    g_assert_cmphex(load(0x1000, 1), ==, 0x10);
    g_assert_cmphex(load(0x1002, 2), ==, 0x1312);
    g_assert_cmphex(load(0x1004, 4), ==, 0x17161514);
    assert_calls("r1@0 r2@2 r4@4 ");
    /* 8 bytes are two of 4; an odd address is cut at its alignment */
    g_assert_cmphex(load(0x1008, 8), ==, 0x1f1e1d1c1b1a1918);
    assert_calls("r4@8 r4@c ");
    g_assert_cmphex(load(0x1001, 4), ==, 0x14131211);
    assert_calls("r1@1 r2@2 r1@4 ");
    store(0x1003, 8, 0x8877665544332211);
    assert_calls("w1@3=11 w4@4=55443322 w2@8=7766 w1@a=88 ");
    teardown();
}

static void test_invalid_sizes(void)
{
    static const MemoryRegionOps ops = {
        .read = dev_read, .write = dev_write, .valid = {4, 4, false}, .impl = {4, 4, false}};
    uint64_t v = 1;

    setup_io(&ops);
    g_assert_cmpint(address_space_load(&as, 0x1000, 2, &v, NO_ATTRS), ==, MEMTX_DECODE_ERROR);
    g_assert_cmphex(v, ==, 0);
    g_assert_cmpint(address_space_store(&as, 0x1001, 1, 7, NO_ATTRS), ==, MEMTX_DECODE_ERROR);
    g_assert_cmpint(memory_region_dispatch_read(&region, 0, &v, 8, NO_ATTRS), ==,
                    MEMTX_DECODE_ERROR);
    assert_calls("");
    g_assert_cmphex(load(0x1004, 4), ==, 0x17161514);
    assert_calls("r4@4 ");
    teardown();
}

static void test_ports_read_ones(void)
{
    static const MemoryRegionOps ops = {
        .read = dev_read, .write = dev_write, .valid = {2, 2, false}};
    uint64_t v = 0;

    dev_reset();
    memory_region_init(&root, NULL, "ports", 65536);
    root.in_io_space = true;
    address_space_init(&as, &root, "ports");
    memory_region_init_io(&region, NULL, &ops, &dev, "dev", 64);
    memory_region_add_subregion(&root, 0x60, &region);
    g_assert_cmpint(address_space_load(&as, 0x60, 1, &v, NO_ATTRS), ==, MEMTX_DECODE_ERROR);
    g_assert_cmphex(v, ==, 0xff);
    g_assert_cmpint(address_space_load(&as, 0x300, 4, &v, NO_ATTRS), ==, MEMTX_DECODE_ERROR);
    g_assert_cmphex(v, ==, 0xffffffff);
    g_assert_cmphex(load(0x60, 2), ==, 0x1110);
    teardown();
}

static void test_impl_narrow(void)
{
    static const MemoryRegionOps ops = {
        .read = dev_read, .write = dev_write, .valid = {1, 8, false}, .impl = {1, 2, false}};

    setup_io(&ops);
    g_assert_cmphex(load(0x1008, 8), ==, 0x1f1e1d1c1b1a1918);
    assert_calls("r2@8 r2@a r2@c r2@e ");
    store(0x1000, 4, 0xddccbbaa);
    assert_calls("w2@0=bbaa w2@2=ddcc ");
    teardown();
}

static void test_impl_wide(void)
{
    static const MemoryRegionOps ops = {
        .read = dev_read, .write = dev_write, .valid = {1, 4, true}, .impl = {4, 4, false}};

    setup_io(&ops);
    g_assert_cmphex(load(0x1001, 1), ==, 0x11);
    assert_calls("r4@0 ");
    store(0x1006, 2, 0xbeef);
    assert_calls("r4@4 w4@4=beef1514 ");
    /* unaligned, over two registers */
    g_assert_cmphex(load(0x100a, 4), ==, 0x1d1c1b1a);
    assert_calls("r4@8 r4@c ");
    teardown();
}

static void test_unaligned(void)
{
    static const MemoryRegionOps as_is = {
        .read = dev_read, .write = dev_write, .valid = {1, 8, true}, .impl = {1, 8, true}};
    static const MemoryRegionOps cut = {
        .read = dev_read, .write = dev_write, .valid = {1, 8, true}, .impl = {1, 8, false}};

    setup_io(&as_is);
    g_assert_cmphex(load(0x1003, 4), ==, 0x16151413);
    assert_calls("r4@3 ");
    teardown();
    setup_io(&cut);
    g_assert_cmphex(load(0x1003, 4), ==, 0x16151413);
    assert_calls("r1@3 r2@4 r1@6 ");
    teardown();
}

static void test_big_endian(void)
{
    static const MemoryRegionOps ops = {.read = dev_read,
                                        .write = dev_write,
                                        .endianness = DEVICE_BIG_ENDIAN,
                                        .valid = {1, 8, false},
                                        .impl = {1, 4, false}};

    setup_io(&ops);
    /* the callback returns 0x13121110; its bytes lie in memory most significant first */
    g_assert_cmphex(load(0x1000, 4), ==, 0x10111213);
    store(0x1000, 2, 0x1234);
    assert_calls("r4@0 w2@0=3412 ");
    g_assert_cmphex(load(0x1008, 8), ==, 0x1c1d1e1f18191a1b);
    assert_calls("r4@8 r4@c ");
    teardown();
}

static bool accept_even_words(void *opaque, hwaddr offset, unsigned size, bool is_write,
                              MemTxAttrs attrs)
{
    return offset % 8 == 0 && !is_write;
}

static void test_accepts(void)
{
    static const MemoryRegionOps ops = {
        .read = dev_read, .write = dev_write, .valid = {.accepts = accept_even_words}};
    uint64_t v;

    setup_io(&ops);
    g_assert_cmphex(load(0x1008, 4), ==, 0x1b1a1918);
    g_assert_cmpint(address_space_load(&as, 0x1004, 4, &v, NO_ATTRS), ==, MEMTX_DECODE_ERROR);
    g_assert_cmpint(address_space_store(&as, 0x1008, 4, 0, NO_ATTRS), ==, MEMTX_DECODE_ERROR);
    assert_calls("r4@8 ");
    teardown();
}

static MemTxResult attrs_read(void *opaque, hwaddr offset, uint64_t *data, unsigned size,
                              MemTxAttrs attrs)
{
    *data = attrs.requester_id;
    return offset ? MEMTX_ERROR : MEMTX_OK;
}

static void test_attrs_and_errors(void)
{
    static const MemoryRegionOps ops = {.read_with_attrs = attrs_read};
    uint64_t v;

    setup_io(&ops);
    g_assert_cmpint(address_space_load(&as, 0x1000, 4, &v, (MemTxAttrs){.requester_id = 0x1234}),
                    ==, MEMTX_OK);
    g_assert_cmphex(v, ==, 0x1234);
    g_assert_cmpint(address_space_load(&as, 0x1000, 8, &v, NO_ATTRS), ==, MEMTX_ERROR);
    g_assert_cmpint(address_space_store(&as, 0x1000, 4, 0, NO_ATTRS), ==, MEMTX_ACCESS_ERROR);
    teardown();
}

/* --- memory
 * ------------------------------------------------------------------------------------------------
 */

static void test_mixed_access(void)
{
    MemoryRegion ram;
    uint8_t buf[0x60], want[0x60];

    setup_io(&default_ops);
    g_assert_true(memory_region_init_ram(&ram, NULL, "ram", 0x1000, NULL));
    memory_region_add_subregion(&root, 0, &ram);
    uint8_t *host = memory_region_get_ram_ptr(&ram);
    memset(host + 0xff0, 0x77, 16);
    /* 16 bytes of RAM, 64 of the device, 16 of nothing */
    memset(want, 0, sizeof(want));
    memset(want, 0x77, 16);
    memcpy(want + 16, dev.bytes, 64);
    g_assert_cmpint(address_space_read(&as, 0xff0, NO_ATTRS, buf, sizeof(buf)), ==,
                    MEMTX_DECODE_ERROR);
    g_assert_cmpmem(buf, sizeof(buf), want, sizeof(want));
    g_assert_cmpint(address_space_read(&as, 0xff0, NO_ATTRS, buf, 80), ==, MEMTX_OK);

    for (unsigned i = 0; i < 48; i++) {
        buf[i] = (uint8_t)i;
    }
    g_assert_cmpint(address_space_write(&as, 0xff8, NO_ATTRS, buf, 24), ==, MEMTX_OK);
    g_assert_cmpmem(host + 0xff8, 8, buf, 8);
    g_assert_cmpmem(dev.bytes, 16, buf + 8, 16);
    memory_region_finalize(&ram);
    teardown();
}

static void test_end_of_addresses(void)
{
    MemoryRegion ram;
    uint8_t buf[32];

    setup(MEMORY_SIZE_MAX);
    region.name = NULL;
    g_assert_true(memory_region_init_ram(&ram, NULL, "top", 0x1000, NULL));
    memory_region_add_subregion(&root, 0 - (hwaddr)0x1000, &ram);
    memset(memory_region_get_ram_ptr(&ram), 0x5a, 0x1000);
    g_assert_cmpint(address_space_read(&as, 0 - (hwaddr)16, NO_ATTRS, buf, 16), ==, MEMTX_OK);
    g_assert_cmphex(buf[15], ==, 0x5a);
    g_assert_cmpint(address_space_read(&as, 0 - (hwaddr)16, NO_ATTRS, buf, 32), ==,
                    MEMTX_DECODE_ERROR);
    g_assert_cmphex(buf[15], ==, 0x5a);
    g_assert_cmphex(buf[16], ==, 0);
    g_assert_cmpint(address_space_write(&as, 0 - (hwaddr)16, NO_ATTRS, buf, 32), ==,
                    MEMTX_DECODE_ERROR);
    memory_region_finalize(&ram);
    teardown();
}

static void test_rom(void)
{
    setup(MEMORY_SIZE_MAX);
    g_assert_true(memory_region_init_rom(&region, NULL, "rom", 0x1000, NULL));
    memory_region_add_subregion(&root, 0x1000, &region);
    g_assert_cmpint(address_space_store(&as, 0x1010, 4, 0xffffffff, NO_ATTRS), ==,
                    MEMTX_ACCESS_ERROR);
    g_assert_cmphex(load(0x1010, 4), ==, 0);
    g_assert_cmpint(address_space_write_rom(&as, 0x1010, "abcd", 4), ==, MEMTX_OK);
    g_assert_cmphex(load(0x1010, 4), ==, 0x64636261);
    RAMBlock *block;
    hwaddr len = 16;
    g_assert_null(address_space_map_ram(&as, 0x1010, &len, true, &block));
    g_assert_nonnull(address_space_map_ram(&as, 0x1010, &len, false, &block));
    ram_block_unpin(block);
    /* made writable: shadow RAM */
    memory_region_set_readonly(&region, false);
    store(0x1010, 4, 0x11223344);
    g_assert_cmphex(load(0x1010, 4), ==, 0x11223344);
    teardown();
}

static void test_rom_device(void)
{
    setup(MEMORY_SIZE_MAX);
    g_assert_true(
        memory_region_init_rom_device(&region, NULL, &default_ops, &dev, "flash", 0x1000, NULL));
    memory_region_add_subregion(&root, 0x1000, &region);
    memcpy(memory_region_get_ram_ptr(&region), "wxyz", 4);
    g_assert_cmphex(load(0x1000, 4), ==, 0x7a797877);
    assert_calls("");
    store(0x1000, 4, 0x98);
    assert_calls("w4@0=98 ");
    memory_region_rom_device_set_romd(&region, false);
    g_assert_cmphex(load(0x1000, 1), ==, 0x98);
    assert_calls("r1@0 ");
    memory_region_rom_device_set_romd(&region, true);
    g_assert_cmphex(load(0x1000, 4), ==, 0x7a797877);
    teardown();
}

static void test_priorities_and_aliases(void)
{
    MemoryRegion ram, window;

    setup_io(&default_ops);
    g_assert_true(memory_region_init_ram(&ram, NULL, "ram", 0x10000, NULL));
    memory_region_add_subregion_overlap(&root, 0, &ram, -1);
    uint8_t *host = memory_region_get_ram_ptr(&ram);
    host[0x2000] = 0xab;
    g_assert_cmphex(load(0x1000, 1), ==, 0x10); /* the device hides RAM */
    memory_region_set_enabled(&region, false);
    g_assert_cmphex(load(0x1000, 1), ==, 0);
    memory_region_set_enabled(&region, true);
    memory_region_init_alias(&window, NULL, "window", &ram, 0x2000, 0x1000);
    memory_region_add_subregion_overlap(&root, 0x1000, &window, 1);
    g_assert_cmphex(load(0x1000, 1), ==, 0xab);
    g_assert_true((uint8_t *)memory_region_get_ram_ptr(&window) == host + 0x2000);
    memory_region_set_alias_offset(&window, 0x1fff);
    g_assert_cmphex(load(0x1001, 1), ==, 0xab);
    memory_region_set_address(&window, 0x8000);
    g_assert_cmphex(load(0x8001, 1), ==, 0xab);
    g_assert_cmphex(load(0x1000, 1), ==, 0x10);
    memory_region_set_readonly(&window, true);
    g_assert_cmpint(address_space_store(&as, 0x8001, 1, 1, NO_ATTRS), ==, MEMTX_ACCESS_ERROR);
    g_assert_cmphex(host[0x2000], ==, 0xab);
    memory_region_finalize(&window);
    memory_region_finalize(&ram);
    teardown();
}

/* --- ioeventfds
 * ------------------------------------------------------------------------------------------------
 */

static bool signalled(int fd)
{
    uint64_t n;
    return read(fd, &n, sizeof(n)) == sizeof(n);
}

static void test_ioeventfd_dispatch(void)
{
    uint64_t posted = 0;
    int fd[3];
    setup_io(&default_ops);
    for (int i = 0; i < 3; i++) {
        fd[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    }
    MemoryRegionIoeventfd match = {
        .offset = 0, .size = 4, .match_data = true, .data = 0x1234, .fd = fd[0]};
    MemoryRegionIoeventfd any = {.offset = 8, .size = 0, .fd = fd[1]};
    MemoryRegionIoeventfd post = {.offset = 16, .size = 4, .fd = fd[2], .post_addr = &posted};
    memory_region_add_eventfd(&region, &match);
    memory_region_add_eventfd(&region, &any);
    memory_region_add_eventfd(&region, &post);

    store(0x1000, 4, 0x1234);
    g_assert_true(signalled(fd[0]));
    assert_calls("");
    store(0x1000, 4, 0x1235); /* other data, other size: the callback */
    store(0x1000, 2, 0x1234);
    g_assert_false(signalled(fd[0]));
    assert_calls("w4@0=1235 w2@0=1234 ");
    store(0x1008, 1, 1);
    g_assert_true(signalled(fd[1]));
    store(0x1008, 4, 2);
    g_assert_true(signalled(fd[1]));
    store(0x1010, 4, 0xcafe);
    store(0x1010, 4, 0xcaff);
    g_assert_true(signalled(fd[2]));
    g_assert_cmphex(posted, ==, 0xcaff);
    g_assert_cmphex(load(0x1008, 1), ==, 0x18); /* reads are never an eventfd's */
    assert_calls("r1@8 ");

    memory_region_del_eventfd(&region, &any);
    store(0x1008, 1, 1);
    assert_calls("w1@8=1 ");
    for (int i = 0; i < 3; i++) {
        close(fd[i]);
    }
    memory_region_del_eventfd(&region, &match);
    memory_region_del_eventfd(&region, &post);
    teardown();
}

int main(int argc, char **argv)
{
    g_autoptr(GError) err = NULL;

    g_test_init(&argc, &argv, NULL);
    if (!aio_init_main(&err)) {
        g_error("%s", err->message);
    }
    g_test_add_func("/memory/sizes/default", test_default_sizes);
    g_test_add_func("/memory/sizes/invalid", test_invalid_sizes);
    g_test_add_func("/memory/sizes/ports", test_ports_read_ones);
    g_test_add_func("/memory/sizes/impl-narrow", test_impl_narrow);
    g_test_add_func("/memory/sizes/impl-wide", test_impl_wide);
    g_test_add_func("/memory/sizes/unaligned", test_unaligned);
    g_test_add_func("/memory/endianness", test_big_endian);
    g_test_add_func("/memory/accepts", test_accepts);
    g_test_add_func("/memory/attrs", test_attrs_and_errors);
    g_test_add_func("/memory/access/mixed", test_mixed_access);
    g_test_add_func("/memory/access/end-of-addresses", test_end_of_addresses);
    g_test_add_func("/memory/rom", test_rom);
    g_test_add_func("/memory/rom-device", test_rom_device);
    g_test_add_func("/memory/priorities", test_priorities_and_aliases);
    g_test_add_func("/memory/ioeventfd", test_ioeventfd_dispatch);
    return g_test_run();
}
