/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rules of the memory API, one test a rule (docs/devel/memory.rst states them in the same
 * order). */
#include "qemu/osdep.h"

#include "qemu/rcu.h"
#include "system/memory.h"

#include <sys/eventfd.h>

#define NO_ATTRS MEMTXATTRS_UNSPECIFIED
#define DMA ((MemTxAttrs){.dma = 1})

/* --- a device that notes what is done to it
 * ----------------------------------------------------------- */

#define TYPE_TEST_OWNER "test-memory-owner"

typedef struct Owner {
    Object parent_obj;
    MemoryRegion mr;
} Owner;

static unsigned owners_finalized;

static void owner_finalize(Object *obj)
{
    Owner *o = (Owner *)obj;
    assert_main_loop();
    if (o->mr.name) {
        memory_region_finalize(&o->mr);
    }
    memset(&o->mr, 0xaa, sizeof(o->mr)); /* a late reader shall not get away with it */
    owners_finalized++;
}

static const TypeInfo owner_type = {
    .name = TYPE_TEST_OWNER,
    .instance_size = sizeof(Owner),
    .instance_finalize = owner_finalize,
};
QOM_TYPE(owner_type);

static Owner *owner_new(void)
{
    return (Owner *)object_new(TYPE_TEST_OWNER, NULL);
}

typedef struct Dev {
    uint8_t bytes[64];
    GString *calls; /* "r4@8 w2@0=beef " */
    MemTxResult result;
} Dev;

static Dev dev;

static void dev_reset(void)
{
    for (unsigned i = 0; i < sizeof(dev.bytes); i++) {
        dev.bytes[i] = (uint8_t)(0x10 + i);
    }
    if (!dev.calls) {
        dev.calls = g_string_new(NULL);
    }
    g_string_truncate(dev.calls, 0);
    dev.result = MEMTX_OK;
}

static uint64_t dev_read(void *opaque, hwaddr offset, unsigned size)
{
    Dev *d = opaque;
    uint64_t v = 0;
    memcpy(&v, d->bytes + offset, size);
    g_string_append_printf(d->calls, "r%u@%x ", size, (unsigned)offset);
    return v;
}

static void dev_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    Dev *d = opaque;
    memcpy(d->bytes + offset, &data, size);
    g_string_append_printf(d->calls, "w%u@%x=%" PRIx64 " ", size, (unsigned)offset, data);
}

#define assert_calls(text) \
    do { \
        g_assert_cmpstr(dev.calls->str, ==, text); \
        g_string_truncate(dev.calls, 0); \
    } while (0)

static const MemoryRegionOps default_ops = {.read = dev_read, .write = dev_write};

static MemoryRegion root, region;
static AddressSpace as;

static void setup(MemSize size)
{
    dev_reset();
    memory_region_init(&root, NULL, "root", size);
    address_space_init(&as, &root, "test");
}

static void setup_io(const MemoryRegionOps *ops)
{
    setup(MEMORY_SIZE_MAX);
    memory_region_init_io(&region, NULL, ops, &dev, "dev", 64);
    memory_region_add_subregion(&root, 0x1000, &region);
}

static void teardown(void)
{
    if (region.name) {
        memory_region_finalize(&region);
    }
    address_space_destroy(&as);
    memory_region_finalize(&root);
    memory_reclaim_barrier();
}

static uint64_t load(hwaddr addr, unsigned size)
{
    uint64_t v;
    g_assert_cmpint(address_space_load(&as, addr, size, &v, NO_ATTRS), ==, MEMTX_OK);
    return v;
}

static void store(hwaddr addr, unsigned size, uint64_t v)
{
    g_assert_cmpint(address_space_store(&as, addr, size, v, NO_ATTRS), ==, MEMTX_OK);
}

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

/* --- address spaces
 * ---------------------------------------------------------------------------------------------- */

static void test_disabled_space(void)
{
    uint64_t v = 0;
    RAMBlock *block;
    hwaddr len = 4;
    setup(MEMORY_SIZE_MAX);
    g_assert_true(memory_region_init_ram(&region, NULL, "ram", 0x1000, NULL));
    memory_region_add_subregion(&root, 0, &region);
    store(0, 4, 0x1234);
    address_space_set_enabled(&as, false);
    g_assert_cmpint(address_space_load(&as, 0, 4, &v, DMA), ==, MEMTX_ACCESS_ERROR);
    g_assert_cmphex(v, ==, 0xffffffff);
    g_assert_cmpint(address_space_store(&as, 0, 4, 0, DMA), ==, MEMTX_ACCESS_ERROR);
    g_assert_null(address_space_map_ram(&as, 0, &len, false, &block));
    address_space_set_enabled(&as, true);
    g_assert_cmphex(load(0, 4), ==, 0x1234);
    teardown();
}

static void test_shared_views(void)
{
    AddressSpace other;
    MemoryRegion all;
    setup_io(&default_ops);
    address_space_init(&other, &root, "other");
    g_assert_true(other.current_map == as.current_map);
    memory_region_set_address(&region, 0x2000);
    g_assert_true(other.current_map == as.current_map);
    address_space_destroy(&other);
    /* an alias of everything is the same view, too */
    memory_region_init_alias(&all, NULL, "all", &root, 0, MEMORY_SIZE_MAX);
    address_space_init(&other, &all, "other");
    g_assert_true(other.current_map == as.current_map);
    memory_region_set_enabled(&all, false);
    g_assert_false(other.current_map == as.current_map);
    memory_region_set_enabled(&all, true);
    g_assert_true(other.current_map == as.current_map);
    address_space_destroy(&other);
    memory_region_finalize(&all);
    teardown();
}

static void test_transactions(void)
{
    setup_io(&default_ops);
    FlatView *before = as.current_map;
    memory_region_transaction_begin();
    memory_region_set_address(&region, 0x2000);
    memory_region_transaction_begin();
    memory_region_set_enabled(&region, false);
    memory_region_transaction_commit();
    g_assert_true(as.current_map == before);
    g_assert_cmphex(load(0x1000, 1), ==, 0x10);
    memory_region_set_enabled(&region, true);
    memory_region_transaction_commit();
    g_assert_cmphex(load(0x2000, 1), ==, 0x10);
    /* there and back again: nothing is published */
    before = as.current_map;
    memory_region_transaction_begin();
    memory_region_set_address(&region, 0x3000);
    memory_region_set_address(&region, 0x2000);
    memory_region_transaction_commit();
    g_assert_true(as.current_map == before);
    teardown();
}

/* --- DMA
 * -------------------------------------------------------------------------------------------------------------
 */

static void test_dma_to_devices(void)
{
    uint64_t v = 0;
    Owner *self = owner_new();

    setup_io(&default_ops);
    g_assert_cmpint(address_space_load(&as, 0x1000, 4, &v, DMA), ==, MEMTX_ACCESS_ERROR);
    g_assert_cmphex(v, ==, 0xffffffff);
    g_assert_cmpint(address_space_store(&as, 0x1000, 4, 0x55, DMA), ==, MEMTX_OK);
    assert_calls(""); /* posted: nothing ran here */
    memory_flush_posted_dma();
    assert_calls("w4@0=55 ");

    /* a message goes straight through, to whatever lies there */
    g_assert_cmpint(address_space_store(&as, 0x1000, 4, 0x66, (MemTxAttrs){.dma = 1, .msi = 1}), ==,
                    MEMTX_OK);
    assert_calls("w4@0=66 ");
    region.accepts_msi = true;
    g_assert_cmpint(address_space_store(&as, 0x1000, 4, 0x77, DMA), ==, MEMTX_OK);
    assert_calls("w4@0=77 ");
    region.accepts_msi = false;

    /* the device's own region */
    memory_region_init_io(&self->mr, OBJECT(self), &default_ops, &dev, "own", 64);
    memory_region_add_subregion(&root, 0x2000, &self->mr);
    as.owner = OBJECT(self);
    g_assert_cmpint(address_space_store(&as, 0x2000, 4, 1, DMA), ==, MEMTX_ACCESS_ERROR);
    g_assert_cmpint(address_space_load(&as, 0x2000, 4, &v, DMA), ==, MEMTX_ACCESS_ERROR);
    memory_flush_posted_dma();
    assert_calls("");
    as.owner = NULL;

    /* bounded */
    unsigned taken = 0;
    for (unsigned i = 0; i < 1000; i++) {
        taken += address_space_store(&as, 0x1000, 1, i & 0xff, DMA) == MEMTX_OK;
    }
    g_assert_cmpuint(taken, ==, 256);
    while (aio_poll(aio_get_main(), false)) {
    }
    g_assert_cmpuint(dev.calls->len, ==, 16 * strlen("w1@0=f ") + 240 * strlen("w1@0=ff "));
    memory_region_finalize(&self->mr);
    object_unref(self);
    teardown();
}

static void test_map_ram(void)
{
    RAMBlock *block, *kept;
    hwaddr len;

    setup_io(&default_ops);
    Owner *o = owner_new();
    g_assert_true(memory_region_init_ram(&o->mr, OBJECT(o), "ram", 0x3000, NULL));
    memory_region_add_subregion_overlap(&root, 0, &o->mr, -1);
    len = 0x10000;
    uint8_t *p = address_space_map_ram(&as, 0x800, &len, true, &block);
    g_assert_nonnull(p);
    g_assert_cmphex(len, ==, 0x800); /* up to the device */
    g_assert_cmpuint(ram_block_size(block), ==, 0x3000);
    ram_block_unpin(block);
    len = 1;
    g_assert_null(address_space_map_ram(&as, 0x1000, &len, false, &block));
    g_assert_null(address_space_map_ram(&as, 0x9000, &len, false, &block));

    /* a pinned block outlives region and view, and keeps its owner */
    len = 0x100;
    p = address_space_map_ram(&as, 0x2000, &len, true, &kept);
    unsigned before = owners_finalized;
    memory_region_del_subregion(&root, &o->mr);
    object_unref(o);
    memory_reclaim_barrier();
    g_assert_cmpuint(owners_finalized, ==, before);
    memset(p, 0x11, 0x100);
    ram_block_unpin(kept);
    while (aio_poll(aio_get_main(), false)) {
    }
    g_assert_cmpuint(owners_finalized, ==, before + 1);
    teardown();
}

static void test_ram_cache(void)
{
    MemoryRegion rom;
    RamCache c = {0};
    setup(MEMORY_SIZE_MAX);
    g_assert_true(memory_region_init_ram(&region, NULL, "ram", 0x2000, NULL));
    memory_region_add_subregion(&root, 0, &region);
    g_assert_true(memory_region_init_rom(&rom, NULL, "rom", 0x1000, NULL));
    memory_region_add_subregion(&root, 0x8000, &rom);
    uint8_t *host = memory_region_get_ram_ptr(&region);
    g_assert_true(ram_cache_lookup(&c, &as, 0x100, 0x200, false) == host + 0x100);
    g_assert_cmphex(c.addr, ==, 0); /* the whole piece of RAM */
    g_assert_cmphex(c.len, ==, 0x2000);
    g_assert_true(ram_cache_lookup(&c, &as, 0x1ff8, 8, true) == host + 0x1ff8);
    g_assert_null(ram_cache_lookup(&c, &as, 0x1fff, 2, false));
    g_assert_null(ram_cache_lookup(&c, &as, UINT64_MAX, 2, false));
    g_assert_null(ram_cache_lookup(&c, &as, 0x4000, 1, false));
    g_assert_true(ram_cache_lookup(&c, &as, 0x8010, 4, false) ==
                  memory_region_get_ram_ptr(&rom) + 0x10);
    g_assert_null(ram_cache_lookup(&c, &as, 0x8010, 4, true));
    memory_region_finalize(&rom);
    g_assert_true(ram_cache_lookup(&c, &as, 0x100, 0x200, true) == host + 0x100);
    memory_region_set_address(&region, 0x1000);
    g_assert_null(ram_cache_lookup(&c, &as, 0x100, 0x200, true));
    g_assert_true(ram_cache_lookup(&c, &as, 0x1100, 0x200, true) == host + 0x100);
    address_space_set_enabled(&as, false);
    g_assert_null(ram_cache_lookup(&c, &as, 0x1100, 0x200, true));
    address_space_set_enabled(&as, true);
    ram_cache_clear(&c);
    teardown();
}

/* --- dirty pages
 * ---------------------------------------------------------------------------------------------------
 */

static unsigned log_starts, log_stops, log_syncs;

static void count_start(MemoryListener *l, const MemoryRegionSection *s)
{
    log_starts++;
}

static void count_stop(MemoryListener *l, const MemoryRegionSection *s)
{
    log_stops++;
}

static void count_sync(MemoryListener *l, const MemoryRegionSection *s)
{
    log_syncs++;
    memory_region_set_dirty(s->mr, 0x80000, 1); /* as KVM's listener would */
}

static void test_dirty_log(void)
{
    static MemoryListener l = {
        .log_start = count_start, .log_stop = count_stop, .log_sync = count_sync};

    setup(MEMORY_SIZE_MAX);
    g_assert_true(memory_region_init_ram(&region, NULL, "vram", 0x100000, NULL));
    memory_region_add_subregion(&root, 0x100000, &region);
    memory_listener_register(&l, &as);
    store(0x100000, 4, 1);
    g_assert_false(memory_region_get_dirty(&region, 0, 0x100000, DIRTY_MEMORY_VGA));
    memory_region_set_log(&region, true, DIRTY_MEMORY_VGA);
    g_assert_cmpuint(log_starts, ==, 1);
    memory_region_set_log(&region, true, DIRTY_MEMORY_MIGRATION);
    g_assert_cmpuint(log_starts, ==, 1);

    store(0x100000 + 0x41000 - 2, 4, 1); /* over a page's edge, in the second word of the bitmap */
    g_assert_true(memory_region_get_dirty(&region, 0x40000, 0x1000, DIRTY_MEMORY_VGA));
    g_assert_true(memory_region_get_dirty(&region, 0x41000, 1, DIRTY_MEMORY_VGA));
    g_assert_false(memory_region_get_dirty(&region, 0x42000, 0x1000, DIRTY_MEMORY_VGA));

    unsigned long *snap =
        memory_region_snapshot_and_clear_dirty(&region, 0x3f000, 0x60000, DIRTY_MEMORY_VGA);
    g_assert_cmphex(snap[0], ==, 0x6); /* pages 40 and 41 from page 3f on */
    g_assert_cmphex(snap[1], ==, BIT_ULL(0x80 - 0x3f - 64));
    g_free(snap);
    g_assert_cmpuint(log_syncs, ==, 1);
    g_assert_false(memory_region_get_dirty(&region, 0, 0x100000, DIRTY_MEMORY_VGA));
    g_assert_true(memory_region_get_dirty(&region, 0x40000, 1, DIRTY_MEMORY_MIGRATION));

    hwaddr len = 0x1000;
    RAMBlock *block;
    uint8_t *p = address_space_map_ram(&as, 0x150000, &len, true, &block);
    ram_block_set_dirty(block, p, len);
    ram_block_unpin(block);
    g_assert_true(memory_region_get_dirty(&region, 0x50000, 0x1000, DIRTY_MEMORY_VGA));
    g_assert_false(memory_region_get_dirty(&region, 0x51000, 0x1000, DIRTY_MEMORY_VGA));

    memory_region_set_log(&region, false, DIRTY_MEMORY_VGA);
    g_assert_cmpuint(log_stops, ==, 0);
    memory_region_set_log(&region, false, DIRTY_MEMORY_MIGRATION);
    g_assert_cmpuint(log_stops, ==, 1);
    memory_listener_unregister(&l);
    teardown();
}

/* --- locks, pins, owners
 * ---------------------------------------------------------------------------------------------- */

static QemuMutex dev_lock;
static bool lock_was_held;
static MemTxResult inner_result;

static uint64_t locked_read(void *opaque, hwaddr offset, unsigned size)
{
    uint64_t v;
    lock_was_held = qemu_mutex_held(&dev_lock);
    inner_result = address_space_load(&as, 0x1004, 4, &v, NO_ATTRS);
    return v;
}

static void test_lock(void)
{
    static const MemoryRegionOps ops = {.read = locked_read};

    qemu_mutex_init(&dev_lock);
    setup_io(&ops);
    memory_region_set_lock(&region, &dev_lock);
    g_assert_cmphex(load(0x1000, 4), ==, 0xffffffff);
    g_assert_true(lock_was_held);
    g_assert_cmpint(inner_result, ==,
                    MEMTX_ACCESS_ERROR); /* it reached itself: refused, no deadlock */
    g_assert_false(qemu_mutex_held(&dev_lock));
    teardown();
    qemu_mutex_destroy(&dev_lock);
}

static Owner *suicidal;

/* The region goes away while one of its callbacks runs. */
static uint64_t remove_self(void *opaque, hwaddr offset, unsigned size)
{
    unsigned before = owners_finalized;
    memory_region_del_subregion(&root, &suicidal->mr);
    object_unref(suicidal);
    memory_reclaim_barrier();
    g_assert_cmpuint(owners_finalized, ==, before);
    return 0x1234;
}

static void test_pinned_during_access(void)
{
    static const MemoryRegionOps ops = {.read = remove_self};

    setup(MEMORY_SIZE_MAX);
    region.name = NULL;
    suicidal = owner_new();
    memory_region_init_io(&suicidal->mr, OBJECT(suicidal), &ops, NULL, "suicidal", 0x1000);
    memory_region_add_subregion(&root, 0x1000, &suicidal->mr);
    unsigned before = owners_finalized;
    g_assert_cmphex(load(0x1000, 4), ==, 0x1234);
    while (aio_poll(aio_get_main(), false)) {
    }
    g_assert_cmpuint(owners_finalized, ==, before + 1);
    teardown();
}

static void test_find_references(void)
{
    setup(MEMORY_SIZE_MAX);
    region.name = NULL;
    Owner *o = owner_new();
    memory_region_init_io(&o->mr, OBJECT(o), &default_ops, &dev, "dev", 0x1000);
    memory_region_add_subregion(&root, 0x1000, &o->mr);
    MemoryRegionSection s = memory_region_find(&as, 0x1010);
    g_assert_true(s.mr == &o->mr && s.offset_within_address_space == 0x1000 && s.size == 0x1000);
    unsigned before = owners_finalized;
    memory_region_del_subregion(&root, &o->mr);
    object_unref(o);
    memory_reclaim_barrier();
    g_assert_cmpuint(owners_finalized, ==, before);
    memory_region_unref(s.mr);
    g_assert_cmpuint(owners_finalized, ==, before + 1);
    g_assert_null(memory_region_find(&as, 0x1010).mr);
    teardown();
}

/* --- listeners
 * ------------------------------------------------------------------------------------------------------------
 */

static GString *events;

static void note_add(MemoryListener *l, const MemoryRegionSection *s)
{
    g_string_append_printf(events, "%s+%s@%" PRIx64 " ", l->name, s->mr->name,
                           s->offset_within_address_space);
}

static void note_del(MemoryListener *l, const MemoryRegionSection *s)
{
    g_string_append_printf(events, "%s-%s@%" PRIx64 " ", l->name, s->mr->name,
                           s->offset_within_address_space);
}

static void note_nop(MemoryListener *l, const MemoryRegionSection *s)
{
    g_string_append_printf(events, "%s=%s ", l->name, s->mr->name);
}

static void note_coalesced_add(MemoryListener *l, hwaddr addr, uint64_t size)
{
    g_string_append_printf(events, "%s+c%" PRIx64 "/%" PRIx64 " ", l->name, addr, size);
}

static void note_coalesced_del(MemoryListener *l, hwaddr addr, uint64_t size)
{
    g_string_append_printf(events, "%s-c%" PRIx64 "/%" PRIx64 " ", l->name, addr, size);
}

#define assert_events(text) \
    do { \
        g_assert_cmpstr(events->str, ==, text); \
        g_string_truncate(events, 0); \
    } while (0)

static void test_listeners(void)
{
    MemoryListener low = {
        .name = "low", .priority = 1, .region_add = note_add, .region_del = note_del};
    MemoryListener high = {.name = "high",
                           .priority = 5,
                           .region_add = note_add,
                           .region_del = note_del,
                           .region_nop = note_nop,
                           .coalesced_add = note_coalesced_add,
                           .coalesced_del = note_coalesced_del};
    MemoryRegion other;

    events = g_string_new(NULL);
    setup_io(&default_ops);
    memory_listener_register(&high, &as);
    assert_events("high+dev@1000 ");
    memory_listener_register(&low, &as);
    assert_events("low+dev@1000 ");
    memory_region_init_io(&other, NULL, &default_ops, &dev, "other", 64);
    memory_region_add_subregion(&root, 0x2000, &other);
    assert_events("high=dev low+other@2000 high+other@2000 ");
    memory_region_set_address(&other, 0x3000); /* gone everywhere, highest first, before it comes */
    assert_events("high-other@2000 low-other@2000 high=dev low+other@3000 high+other@3000 ");
    memory_region_add_coalescing(&other, 0x10, 0x10);
    assert_events("high+c3010/10 ");
    memory_region_set_size(&other, 0x18);
    assert_events("high-other@3000 low-other@3000 high=dev low+other@3000 high+other@3000 "
                  "high-c3010/10 high+c3010/8 ");
    memory_region_clear_coalescing(&other);
    assert_events("high-c3010/8 ");
    memory_listener_unregister(&low);
    assert_events("low-dev@1000 low-other@3000 ");
    memory_listener_unregister(&high);
    assert_events("high-dev@1000 high-other@3000 ");
    memory_region_finalize(&other);
    teardown();
    g_string_free(events, true);
}

static void test_mtree(void)
{
    MemoryRegion ram, window;
    g_autoptr(GString) out = g_string_new(NULL);
    int fd = eventfd(0, EFD_CLOEXEC);
    MemoryRegionIoeventfd e = {.offset = 0, .size = 4, .fd = fd};

    setup_io(&default_ops);
    g_assert_true(memory_region_init_ram(&ram, NULL, "pc.ram", 0x10000, NULL));
    memory_region_init_alias(&window, NULL, "window", &ram, 0x8000, 0x1000);
    memory_region_add_subregion(&root, 0x4000, &window);
    memory_region_add_eventfd(&region, &e);
    mtree_info(out, false, false);
    g_assert_nonnull(strstr(out->str, "address-space: test\n"));
    g_assert_nonnull(
        strstr(out->str, "0000000000000000-ffffffffffffffff (prio 0, container): root\n"));
    g_assert_nonnull(
        strstr(out->str,
               "0000000000001000-000000000000103f (prio 0, i/o): dev [direct] [ioeventfd: 1]\n"));
    g_assert_nonnull(strstr(out->str,
                            "0000000000004000-0000000000004fff (prio 0, alias): window @pc.ram "
                            "0000000000008000-0000000000008fff\n"));
    g_assert_nonnull(strstr(out->str, "memory-region: pc.ram\n"));
    g_string_truncate(out, 0);
    mtree_info(out, true, true);
    g_assert_nonnull(strstr(out->str, " AS \"test\", root: root\n"));
    g_assert_nonnull(strstr(
        out->str, "0000000000004000-0000000000004fff (prio 0, ram): pc.ram @0000000000008000 "
                  "owner:none\n"));
    memory_region_del_eventfd(&region, &e);
    close(fd);
    memory_region_finalize(&window);
    memory_region_finalize(&ram);
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
    g_test_add_func("/memory/space/disabled", test_disabled_space);
    g_test_add_func("/memory/space/shared", test_shared_views);
    g_test_add_func("/memory/transactions", test_transactions);
    g_test_add_func("/memory/dma/devices", test_dma_to_devices);
    g_test_add_func("/memory/dma/map", test_map_ram);
    g_test_add_func("/memory/dma/cache", test_ram_cache);
    g_test_add_func("/memory/dirty", test_dirty_log);
    g_test_add_func("/memory/lock", test_lock);
    g_test_add_func("/memory/life/pinned", test_pinned_during_access);
    g_test_add_func("/memory/life/find", test_find_references);
    g_test_add_func("/memory/listeners", test_listeners);
    g_test_add_func("/memory/mtree", test_mtree);
    return g_test_run();
}
