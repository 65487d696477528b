/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Address spaces: transactions, shared views, DMA, dirty pages, what keeps regions alive,
 * listeners, "info mtree". */
#include "qemu/osdep.h"

#include <sys/eventfd.h>

#include "memory-test-util.h"

/* --- an object that has a region
 * ------------------------------------------------------------------------ */

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
