/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Readers against changes: threads access an address space without pause while the main loop moves,
 * hides, makes and destroys regions below them.  Run under ThreadSanitizer and AddressSanitizer,
 * too.  Each region's finalizer poisons it, so that an access which outlives its region is seen in
 * every build.
 */
#include "qemu/osdep.h"

#include "qemu/rcu.h"
#include "system/memory.h"

#include "../include/soak.h"

#include <sched.h>

#define TYPE_TEST_DEV "test-rcu-device"
#define READERS 3
#define SLOTS 8
#define SLOT_SIZE 0x1000
#define RAM_BASE 0x100000
#define RAM_SIZE 0x4000
#define ALIVE 0x600dcafe

typedef struct TestDev {
    Object parent_obj;
    MemoryRegion mr, ram;
    uint32_t magic;  /* atomic */
    uint64_t writes; /* atomic */
    QemuMutex lock;
} TestDev;

static MemoryRegion root;
static AddressSpace as;
static unsigned made, finalized;
static bool stop;             /* atomic */
static uint64_t hits, misses; /* atomic */

static void dev_finalize(Object *obj)
{
    TestDev *d = (TestDev *)obj;
    assert_main_loop();
    memory_region_finalize(&d->mr);
    memory_region_finalize(&d->ram);
    qemu_mutex_destroy(&d->lock);
    d->magic = 0xdead;
    memset(&d->mr, 0xaa, sizeof(d->mr));
    finalized++;
}

static const TypeInfo dev_type = {
    .name = TYPE_TEST_DEV,
    .instance_size = sizeof(TestDev),
    .instance_finalize = dev_finalize,
};
QOM_TYPE(dev_type);

static uint64_t dev_read(void *opaque, hwaddr offset, unsigned size)
{
    TestDev *d = opaque;
    sched_yield(); /* time for the region to go away */
    return __atomic_load_n(&d->magic, __ATOMIC_RELAXED);
}

static void dev_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    TestDev *d = opaque;
    g_assert_cmphex(data, ==, ALIVE);
    __atomic_fetch_add(&d->writes, 1, __ATOMIC_RELAXED);
}

static const MemoryRegionOps dev_ops = {.read = dev_read, .write = dev_write};

static TestDev *dev_new(void)
{
    TestDev *d = (TestDev *)object_new(TYPE_TEST_DEV, NULL);
    d->magic = ALIVE;
    qemu_mutex_init(&d->lock);
    memory_region_init_io(&d->mr, OBJECT(d), &dev_ops, d, "dev", SLOT_SIZE);
    g_assert_true(memory_region_init_ram(&d->ram, OBJECT(d), "ram", RAM_SIZE, NULL));
    uint32_t *p = memory_region_get_ram_ptr(&d->ram);
    for (unsigned i = 0; i < RAM_SIZE / 4; i++) {
        __atomic_store_n(&p[i], ALIVE, __ATOMIC_RELAXED);
    }
    if (made++ % 2) {
        memory_region_set_lock(&d->mr, &d->lock);
    }
    return d;
}

static void check_value(uint64_t v)
{
    if (v == ALIVE) {
        __atomic_fetch_add(&hits, 1, __ATOMIC_RELAXED);
    } else {
        g_assert_cmphex(v, ==, 0);
        __atomic_fetch_add(&misses, 1, __ATOMIC_RELAXED);
    }
}

static void *reader(void *opaque)
{
    uint32_t x = 12345 + GPOINTER_TO_UINT(opaque) * 977;
    RamCache cache = {0};

    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        uint64_t v;
        x = x * 1664525 + 1013904223;
        hwaddr slot = (x >> 8) % SLOTS, off = (x >> 16) % (SLOT_SIZE / 4) * 4;
        hwaddr ram = RAM_BASE + slot * RAM_SIZE + off;
        switch ((x >> 4) % 5) {
        case 0:
            address_space_load(&as, slot * SLOT_SIZE + off, 4, &v, MEMTXATTRS_UNSPECIFIED);
            check_value(v);
            break;
        case 1:
            address_space_store(&as, slot * SLOT_SIZE + off, 4, ALIVE, MEMTXATTRS_UNSPECIFIED);
            break;
        case 2:
            address_space_load(&as, ram, 4, &v, MEMTXATTRS_UNSPECIFIED);
            check_value(v);
            break;
        case 3: {
            hwaddr len = 4;
            RAMBlock *block;
            uint32_t *p = address_space_map_ram(&as, ram, &len, true, &block);
            if (p) {
                sched_yield(); /* a request in flight */
                check_value(__atomic_load_n(p, __ATOMIC_RELAXED));
                __atomic_store_n(p, ALIVE, __ATOMIC_RELAXED);
                ram_block_unpin(block);
            }
            break;
        }
        case 4: {
            uint32_t *p = ram_cache_lookup(&cache, &as, ram, 4, false);
            if (p) {
                check_value(__atomic_load_n(p, __ATOMIC_RELAXED));
            }
            break;
        }
        }
    }
    ram_cache_clear(&cache);
    return NULL;
}

static void unplug(TestDev **d)
{
    if (*d) {
        if ((*d)->mr.container) {
            memory_region_del_subregion(&root, &(*d)->mr);
        }
        if ((*d)->ram.container) {
            memory_region_del_subregion(&root, &(*d)->ram);
        }
        object_unref(*d);
        *d = NULL;
    }
}

static void change(TestDev **devs, GRand *rnd)
{
    unsigned slot = (unsigned)g_rand_int_range(rnd, 0, SLOTS);
    TestDev **d = &devs[slot];

    memory_region_transaction_begin();
    if (!*d) {
        *d = dev_new();
        memory_region_add_subregion(&root, slot * SLOT_SIZE, &(*d)->mr);
        memory_region_add_subregion(&root, RAM_BASE + slot * RAM_SIZE, &(*d)->ram);
    } else {
        switch (g_rand_int_range(rnd, 0, 5)) {
        case 0:
            unplug(d);
            break;
        case 1:
            memory_region_set_enabled(&(*d)->mr, !(*d)->mr.enabled);
            break;
        case 2:
            memory_region_set_address(&(*d)->mr,
                                      (hwaddr)g_rand_int_range(rnd, 0, SLOTS) * SLOT_SIZE);
            break;
        case 3:
            memory_region_set_address(
                &(*d)->ram, RAM_BASE + (hwaddr)g_rand_int_range(rnd, 0, SLOTS) * RAM_SIZE);
            break;
        case 4:
            memory_region_set_log(&(*d)->ram, !(*d)->ram.dirty_log_mask, DIRTY_MEMORY_VGA);
            g_free(
                memory_region_snapshot_and_clear_dirty(&(*d)->ram, 0, RAM_SIZE, DIRTY_MEMORY_VGA));
            break;
        }
    }
    memory_region_transaction_commit();
}

static void test_stress(void)
{
    QemuThread threads[READERS];
    TestDev *devs[SLOTS] = {NULL};
    GRand *rnd = g_rand_new_with_seed((guint32)g_test_rand_int());
    int64_t end = g_get_monotonic_time() + soak(2, 20) * G_TIME_SPAN_SECOND;
    unsigned changes = 0;

    memory_region_init(&root, NULL, "root", MEMORY_SIZE_MAX);
    address_space_init(&as, &root, "stress");
    for (unsigned i = 0; i < READERS; i++) {
        g_assert_true(qemu_thread_create(&threads[i], "reader", reader, GUINT_TO_POINTER(i), NULL));
    }
    while (g_get_monotonic_time() < end) {
        change(devs, rnd);
        changes++;
        aio_poll(aio_get_main(), false);
        if (changes % 16 == 0) {
            address_space_set_enabled(&as, true);
            g_usleep(200);
        }
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < READERS; i++) {
        qemu_thread_join(&threads[i]);
    }
    for (unsigned i = 0; i < SLOTS; i++) {
        unplug(&devs[i]);
    }
    address_space_destroy(&as);
    memory_region_finalize(&root);
    memory_reclaim_barrier();
    while (aio_poll(aio_get_main(), false)) {
    }
    memory_reclaim_barrier();
    g_test_message("%u changes, %u devices made, %u finalized, %" PRIu64 " hits, %" PRIu64
                   " misses",
                   changes, made, finalized, hits, misses);
    g_assert_cmpuint(made, ==, finalized);
    g_assert_cmpuint(made, >, 10);
    g_assert_cmpuint(hits, >, 1000);
    g_rand_free(rnd);
}

int main(int argc, char **argv)
{
    g_autoptr(GError) err = NULL;

    g_test_init(&argc, &argv, NULL);
    if (!aio_init_main(&err)) {
        g_error("%s", err->message);
    }
    g_test_add_func("/memory/rcu/stress", test_stress);
    return g_test_run();
}
