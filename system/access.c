/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Accesses to address spaces, from any thread: look the address up under RCU, copy to or from RAM
 * inside the section, or pin the region, leave the section, and dispatch.  No lock, no allocation.
 */
#include "qemu/osdep.h"

#include "memory-internal.h"
#include "qemu/log.h"

/* Copies with one load or store for what fits, so that the guest never sees half of a value. */
static void copy_from_ram(void *buf, const uint8_t *host, hwaddr len)
{
    uintptr_t p = (uintptr_t)host;
    if (len == 8 && IS_ALIGNED(p, 8)) {
        uint64_t v = __atomic_load_n((const uint64_t *)p, __ATOMIC_RELAXED);
        memcpy(buf, &v, 8);
    } else if (len == 4 && IS_ALIGNED(p, 4)) {
        uint32_t v = __atomic_load_n((const uint32_t *)p, __ATOMIC_RELAXED);
        memcpy(buf, &v, 4);
    } else if (len == 2 && IS_ALIGNED(p, 2)) {
        uint16_t v = __atomic_load_n((const uint16_t *)p, __ATOMIC_RELAXED);
        memcpy(buf, &v, 2);
    } else {
        memcpy(buf, host, len);
    }
}

static void copy_to_ram(uint8_t *host, const void *buf, hwaddr len)
{
    uintptr_t p = (uintptr_t)host;
    if (len == 8 && IS_ALIGNED(p, 8)) {
        uint64_t v;
        memcpy(&v, buf, 8);
        __atomic_store_n((uint64_t *)p, v, __ATOMIC_RELAXED);
    } else if (len == 4 && IS_ALIGNED(p, 4)) {
        uint32_t v;
        memcpy(&v, buf, 4);
        __atomic_store_n((uint32_t *)p, v, __ATOMIC_RELAXED);
    } else if (len == 2 && IS_ALIGNED(p, 2)) {
        uint16_t v;
        memcpy(&v, buf, 2);
        __atomic_store_n((uint16_t *)p, v, __ATOMIC_RELAXED);
    } else {
        memcpy(host, buf, len);
    }
}

/* A device's own access to a device's region: nobody's code may run here, the device may hold locks
 * or be asked itself. */
static bool is_restricted_dma(const MemoryRegion *mr, MemTxAttrs attrs)
{
    return unlikely(attrs.dma) && !attrs.msi && !mr->accepts_msi;
}

static bool is_own_region(const AddressSpace *as, const MemoryRegion *mr)
{
    return as->owner && as->owner == mr->owner;
}

static MemTxResult restricted_dma(AddressSpace *as, MemoryRegion *mr, hwaddr offset, uint64_t *val,
                                  unsigned size, MemTxAttrs attrs, bool is_write)
{
    if (!is_write) {
        *val = UINT64_MAX;
        return MEMTX_ACCESS_ERROR;
    }
    if (is_own_region(as, mr) || !dma_post_write(mr, offset, *val, size, attrs)) {
        qemu_log_mask(LOG_GUEST_ERROR,
                      "%s: DMA write of %u bytes to device region '%s' offset 0x%" HWADDR_PRIx
                      " dropped\n",
                      as->name, size, mr->name, offset);
        return MEMTX_ACCESS_ERROR;
    }
    return MEMTX_OK;
}

/* One access of at most len bytes to a region that is not (readable or writable) memory. Called in
 * an RCU section, which it ends. *done gets the bytes that it took. */
static MemTxResult device_access(AddressSpace *as, MemoryRegion *mr, hwaddr offset,
                                 MemTxAttrs attrs, uint8_t *buf, hwaddr len, bool is_write,
                                 hwaddr *done)
{
    int pin = memory_region_pin(mr);
    rcu_read_end();

    uint64_t val = 0;
    unsigned size = memory_region_access_size(mr, offset, len);
    MemTxResult res;
    if (is_write) {
        memcpy(&val, buf, size);
    }
    if (is_restricted_dma(mr, attrs)) {
        res = restricted_dma(as, mr, offset, &val, size, attrs, is_write);
    } else if (is_write) {
        res = memory_region_dispatch_write(mr, offset, val, size, attrs);
    } else {
        res = memory_region_dispatch_read(mr, offset, &val, size, attrs);
    }
    if (!is_write) {
        memcpy(buf, &val, size);
    }
    *done = size;
    memory_region_unpin(mr, pin);
    return res;
}

/* The first part of an access; *done gets its length (at least 1). */
static MemTxResult access_part(AddressSpace *as, hwaddr addr, MemTxAttrs attrs, uint8_t *buf,
                               hwaddr len, bool is_write, hwaddr *done)
{
    rcu_read_lock();
    const FlatView *fv = rcu_load(&as->current_map);
    hwaddr hole = UINT64_MAX;
    const FlatRange *r = likely(fv) ? flatview_lookup(fv, addr, &hole) : NULL;

    if (unlikely(!r)) {
        bool io = fv && fv->io;
        rcu_read_end();
        *done = hole - addr < len ? hole - addr + 1 : len;
        if (!is_write) {
            memset(buf, io ? 0xff : 0, *done);
        }
        return MEMTX_DECODE_ERROR;
    }

    hwaddr skip = addr - r->start;
    hwaddr n = r->last - addr < len ? r->last - addr + 1 : len;
    MemTxResult res = MEMTX_OK;
    if (likely(r->host && (!is_write || r->writable))) {
        if (is_write) {
            copy_to_ram(r->host + skip, buf, n);
            ram_block_set_dirty(r->block, r->host + skip, n);
        } else {
            copy_from_ram(buf, r->host + skip, n);
        }
    } else if (r->mr->ops) {
        return device_access(as, r->mr, r->offset + skip, attrs, buf, n, is_write, done);
    } else { /* a write to ROM: nothing happens */
        res = MEMTX_ACCESS_ERROR;
    }
    rcu_read_end();
    *done = n;
    return res;
}

MemTxResult address_space_rw(AddressSpace *as, hwaddr addr, MemTxAttrs attrs, void *buf, hwaddr len,
                             bool is_write)
{
    uint8_t *p = buf;
    MemTxResult res = MEMTX_OK;

    if (unlikely(!__atomic_load_n(&as->enabled, __ATOMIC_ACQUIRE))) {
        if (!is_write) {
            memset(buf, 0xff, len);
        }
        return MEMTX_ACCESS_ERROR;
    }
    while (len) {
        hwaddr done;
        res |= access_part(as, addr, attrs, p, len, is_write, &done);
        len -= done;
        p += done;
        addr += done;
        if (unlikely(addr == 0 && len)) { /* ran over the end of all addresses */
            if (!is_write) {
                memset(p, 0, len);
            }
            return res | MEMTX_DECODE_ERROR;
        }
    }
    return res;
}

MemTxResult address_space_read(AddressSpace *as, hwaddr addr, MemTxAttrs attrs, void *buf,
                               hwaddr len)
{
    return address_space_rw(as, addr, attrs, buf, len, false);
}

MemTxResult address_space_write(AddressSpace *as, hwaddr addr, MemTxAttrs attrs, const void *buf,
                                hwaddr len)
{
    return address_space_rw(as, addr, attrs, (void *)(uintptr_t)buf, len, true);
}

MemTxResult address_space_load(AddressSpace *as, hwaddr addr, unsigned size, uint64_t *val,
                               MemTxAttrs attrs)
{
    *val = 0;
    return address_space_rw(as, addr, attrs, val, size, false);
}

MemTxResult address_space_store(AddressSpace *as, hwaddr addr, unsigned size, uint64_t val,
                                MemTxAttrs attrs)
{
    return address_space_rw(as, addr, attrs, &val, size, true);
}

MemTxResult address_space_write_rom(AddressSpace *as, hwaddr addr, const void *buf, hwaddr len)
{
    assert_main_loop();
    const uint8_t *p = buf;
    MemTxResult res = MEMTX_OK;

    while (len) {
        hwaddr hole = UINT64_MAX, n;
        const FlatRange *r = flatview_lookup(as->current_map, addr, &hole);
        hwaddr last = r ? r->last : hole;
        n = last - addr < len ? last - addr + 1 : len;
        if (r && r->block) {
            uint8_t *host = ram_block_host(r->block) + r->offset + (addr - r->start);
            memcpy(host, p, n);
            ram_block_set_dirty(r->block, host, n);
        } else {
            res |= MEMTX_DECODE_ERROR;
        }
        p += n;
        addr += n;
        len -= n;
        if (addr == 0 && len) {
            return res | MEMTX_DECODE_ERROR;
        }
    }
    return res;
}

/* --- RAM without copying
 * --------------------------------------------------------------------------------- */

void *address_space_map_ram(AddressSpace *as, hwaddr addr, hwaddr *len, bool is_write,
                            RAMBlock **block)
{
    if (unlikely(!__atomic_load_n(&as->enabled, __ATOMIC_ACQUIRE))) {
        return NULL;
    }
    RCU_READ_GUARD();
    const FlatView *fv = rcu_load(&as->current_map);
    const FlatRange *r = likely(fv) ? flatview_lookup(fv, addr, NULL) : NULL;
    if (unlikely(!r || !r->host || (is_write && !r->writable))) {
        return NULL;
    }
    if (r->last - addr < *len) {
        *len = r->last - addr + 1;
    }
    ram_block_pin(r->block);
    *block = r->block;
    return r->host + (addr - r->start);
}

void *ram_cache_lookup_slow(RamCache *c, AddressSpace *as, hwaddr addr, hwaddr len, bool is_write)
{
    ram_cache_clear(c);
    /* Before the view: if it is replaced meanwhile, this mapping counts as old. */
    uint64_t generation = __atomic_load_n(&as->generation, __ATOMIC_ACQUIRE);
    if (unlikely(!__atomic_load_n(&as->enabled, __ATOMIC_ACQUIRE))) {
        return NULL;
    }
    RCU_READ_GUARD();
    const FlatView *fv = rcu_load(&as->current_map);
    const FlatRange *r = likely(fv) ? flatview_lookup(fv, addr, NULL) : NULL;
    if (unlikely(!r || !r->host || (is_write && !r->writable) || len == 0 ||
                 r->last - addr < len - 1)) {
        return NULL;
    }
    ram_block_pin(r->block);
    /* All of the range: one cache serves everything that a device keeps in one piece of RAM.  (A
     * range of 2^64 bytes cannot be RAM.) */
    *c = (RamCache){generation, r->host, r->start, r->last - r->start + 1, r->block, r->writable};
    return r->host + (addr - r->start);
}

void ram_cache_clear(RamCache *c)
{
    if (c->host) {
        ram_block_unpin(c->block);
        c->host = NULL;
    }
}

/* --- asking
 * --------------------------------------------------------------------------------------------------
 */

MemoryRegionSection memory_region_find(AddressSpace *as, hwaddr addr)
{
    RCU_READ_GUARD();
    const FlatView *fv = rcu_load(&as->current_map);
    const FlatRange *r = fv ? flatview_lookup(fv, addr, NULL) : NULL;
    if (!r) {
        return (MemoryRegionSection){.mr = NULL};
    }
    memory_region_ref(r->mr);
    return section_of_range(fv, r);
}
