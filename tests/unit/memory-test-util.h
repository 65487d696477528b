/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A device that notes what is done to it, in an address space of its own: for tests of the memory
 * API. */
#ifndef TESTS_UNIT_MEMORY_TEST_UTIL_H
#define TESTS_UNIT_MEMORY_TEST_UTIL_H

#include "qemu/rcu.h"
#include "system/memory.h"

#define NO_ATTRS MEMTXATTRS_UNSPECIFIED
#define DMA ((MemTxAttrs){.dma = 1})

typedef struct Dev {
    uint8_t bytes[64];
    GString *calls; /* "r4@8 w2@0=beef " */
    MemTxResult result;
} Dev;

static Dev dev;

static inline void dev_reset(void)
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

static inline void dev_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
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

static inline void setup(MemSize size)
{
    dev_reset();
    memory_region_init(&root, NULL, "root", size);
    address_space_init(&as, &root, "test");
}

static inline void setup_io(const MemoryRegionOps *ops)
{
    setup(MEMORY_SIZE_MAX);
    memory_region_init_io(&region, NULL, ops, &dev, "dev", 64);
    memory_region_add_subregion(&root, 0x1000, &region);
}

static inline void teardown(void)
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

static inline void store(hwaddr addr, unsigned size, uint64_t v)
{
    g_assert_cmpint(address_space_store(&as, addr, size, v, NO_ATTRS), ==, MEMTX_OK);
}

#endif
