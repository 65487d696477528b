/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One access to one region: who runs the callbacks, and which ones.
 *
 * valid says what a guest may do, impl what the callbacks understand.  An access is cut into
 * naturally aligned pieces of at most impl.max bytes (unaligned ones where impl allows it); a piece
 * smaller than impl.min is part of an aligned access of impl.min bytes, which for a write is read
 * first and merged.
 */
#include "qemu/osdep.h"

#include "memory-internal.h"
#include "qemu/log.h"
#include "system/ioregionfd.h"

typedef struct Limits {
    unsigned min, max;
    bool unaligned;
} Limits;

static inline Limits limits(unsigned min, unsigned max, bool unaligned)
{
    return (Limits){min ? min : 1, max ? max : 4, unaligned};
}

static inline Limits valid_limits(const MemoryRegionOps *ops)
{
    return limits(ops->valid.min_access_size, ops->valid.max_access_size, ops->valid.unaligned);
}

static inline Limits impl_limits(const MemoryRegionOps *ops)
{
    return limits(ops->impl.min_access_size, ops->impl.max_access_size, ops->impl.unaligned);
}

/* The largest power of two that is at most n; n > 0. */
static inline unsigned pow2_floor(uint64_t n)
{
    return n >= 8 ? 8 : n >= 4 ? 4 : n >= 2 ? 2 : 1;
}

static inline bool fits(Limits l, hwaddr offset, unsigned size)
{
    return size >= l.min && size <= l.max && (l.unaligned || IS_ALIGNED(offset, size));
}

unsigned memory_region_access_size(const MemoryRegion *mr, hwaddr offset, hwaddr len)
{
    Limits l = valid_limits(mr->ops);
    unsigned n = pow2_floor(MIN(len, l.max));

    if (!l.unaligned && offset) {
        n = MIN(n, pow2_floor(offset & -offset));
    }
    return n;
}

static inline uint64_t swap_bytes(uint64_t v, unsigned size)
{
    return __builtin_bswap64(v) >> (64 - size * 8);
}

/* --- the callbacks
 * --------------------------------------------------------------------------------- */

static MemTxResult call_read(MemoryRegion *mr, hwaddr offset, uint64_t *val, unsigned size,
                             MemTxAttrs attrs)
{
    const MemoryRegionOps *ops = mr->ops;
    uint64_t v = 0;
    MemTxResult res = MEMTX_OK;

    if (ops->read_with_attrs) {
        res = ops->read_with_attrs(mr->opaque, offset, &v, size, attrs);
    } else if (ops->read) {
        v = ops->read(mr->opaque, offset, size);
    } else {
        v = mr->in_io_space ? UINT64_MAX : 0;
        res = MEMTX_ACCESS_ERROR;
    }
    v &= MASK_ULL(size * 8);
    *val = ops->endianness == DEVICE_BIG_ENDIAN ? swap_bytes(v, size) : v;
    return res;
}

static MemTxResult call_write(MemoryRegion *mr, hwaddr offset, uint64_t val, unsigned size,
                              MemTxAttrs attrs)
{
    const MemoryRegionOps *ops = mr->ops;

    val &= MASK_ULL(size * 8);
    if (ops->endianness == DEVICE_BIG_ENDIAN) {
        val = swap_bytes(val, size);
    }
    if (ops->write_with_attrs) {
        return ops->write_with_attrs(mr->opaque, offset, val, size, attrs);
    }
    if (!ops->write) {
        return MEMTX_ACCESS_ERROR;
    }
    ops->write(mr->opaque, offset, val, size);
    return MEMTX_OK;
}

/* One piece of a larger or odd access: how the callback is called, and which of its bytes are
 * wanted. */
typedef struct Piece {
    hwaddr at;
    unsigned size;  /* of the call */
    unsigned skip;  /* bytes of the call before the wanted ones */
    unsigned count; /* wanted bytes */
} Piece;

static Piece next_piece(Limits impl, hwaddr pos, unsigned left)
{
    unsigned n = pow2_floor(MIN(left, impl.max));

    if (!impl.unaligned && pos) {
        n = MIN(n, pow2_floor(pos & -pos));
    }
    if (n >= impl.min) {
        return (Piece){pos, n, 0, n};
    }
    hwaddr base = ALIGN_DOWN(pos, impl.min);
    unsigned skip = (unsigned)(pos - base);
    return (Piece){base, impl.min, skip, MIN(impl.min - skip, left)};
}

static MemTxResult read_pieces(MemoryRegion *mr, Limits impl, hwaddr offset, uint64_t *val,
                               unsigned size, MemTxAttrs attrs)
{
    MemTxResult res = MEMTX_OK;
    uint64_t out = 0;

    for (unsigned done = 0; done < size;) {
        Piece p = next_piece(impl, offset + done, size - done);
        uint64_t v;
        res |= call_read(mr, p.at, &v, p.size, attrs);
        out |= ((v >> (p.skip * 8)) & MASK_ULL(p.count * 8)) << (done * 8);
        done += p.count;
    }
    *val = out;
    return res;
}

static MemTxResult write_pieces(MemoryRegion *mr, Limits impl, hwaddr offset, uint64_t val,
                                unsigned size, MemTxAttrs attrs)
{
    MemTxResult res = MEMTX_OK;

    for (unsigned done = 0; done < size;) {
        Piece p = next_piece(impl, offset + done, size - done);
        uint64_t v = val >> (done * 8);
        if (p.count < p.size) {
            uint64_t old, mask = MASK_ULL(p.count * 8) << (p.skip * 8);
            res |= call_read(mr, p.at, &old, p.size, attrs);
            v = (old & ~mask) | ((v << (p.skip * 8)) & mask);
        }
        res |= call_write(mr, p.at, v, p.size, attrs);
        done += p.count;
    }
    return res;
}

/* Takes the owner's lock; false if this thread has it already: the device reached itself. */
static bool enter(MemoryRegion *mr) TSA_NO_ANALYSIS
{
    if (mr->lock) {
        if (unlikely(qemu_mutex_held(mr->lock))) {
            return false;
        }
        qemu_mutex_lock(mr->lock);
    }
    return true;
}

static void leave(MemoryRegion *mr) TSA_NO_ANALYSIS
{
    if (mr->lock) {
        qemu_mutex_unlock(mr->lock);
    }
}

static bool accepts(MemoryRegion *mr, hwaddr offset, unsigned size, bool is_write, MemTxAttrs attrs)
{
    const MemoryRegionOps *ops = mr->ops;

    if (likely(fits(valid_limits(ops), offset, size)) &&
        (!ops->valid.accepts || ops->valid.accepts(mr->opaque, offset, size, is_write, attrs))) {
        return true;
    }
    qemu_log_mask(LOG_GUEST_ERROR, "%s: refused %s of %u bytes at offset 0x%" HWADDR_PRIx "\n",
                  mr->name, is_write ? "write" : "read", size, offset);
    return false;
}

static uint64_t nothing_there(const MemoryRegion *mr, unsigned size)
{
    return __atomic_load_n(&mr->in_io_space, __ATOMIC_RELAXED) ? MASK_ULL(size * 8) : 0;
}

/* Memory behind a region without callbacks: dispatch to it happens from homes and from tests. */
static MemTxResult memory_access(MemoryRegion *mr, hwaddr offset, uint64_t *val, unsigned size,
                                 bool is_write)
{
    if (!mr->ram_block || offset > ram_block_size(mr->ram_block) ||
        size > ram_block_size(mr->ram_block) - offset) {
        *val = is_write ? *val : nothing_there(mr, size);
        return MEMTX_DECODE_ERROR;
    }
    uint8_t *p = ram_block_host(mr->ram_block) + offset;
    if (!is_write) {
        *val = 0;
        memcpy(val, p, size);
        return MEMTX_OK;
    }
    if (mr->readonly) {
        return MEMTX_ACCESS_ERROR;
    }
    memcpy(p, val, size);
    ram_block_set_dirty_range(mr->ram_block, offset, size);
    return MEMTX_OK;
}

MemTxResult memory_region_local_read(MemoryRegion *mr, hwaddr offset, uint64_t *val, unsigned size,
                                     MemTxAttrs attrs)
{
    if (unlikely(!mr->ops || (mr->rom_device && mr->romd_mode))) {
        return memory_access(mr, offset, val, size, false);
    }
    MemTxResult res = MEMTX_ACCESS_ERROR;
    if (unlikely(!enter(mr))) {
        *val = MASK_ULL(size * 8);
        return res;
    }
    if (unlikely(!accepts(mr, offset, size, false, attrs))) {
        *val = nothing_there(mr, size);
        res = MEMTX_DECODE_ERROR;
    } else {
        Limits impl = impl_limits(mr->ops);
        res = likely(fits(impl, offset, size)) ? call_read(mr, offset, val, size, attrs)
                                               : read_pieces(mr, impl, offset, val, size, attrs);
    }
    leave(mr);
    return res;
}

MemTxResult memory_region_local_write(MemoryRegion *mr, hwaddr offset, uint64_t val, unsigned size,
                                      MemTxAttrs attrs)
{
    if (unlikely(!mr->ops)) {
        return memory_access(mr, offset, &val, size, true);
    }
    MemTxResult res = MEMTX_ACCESS_ERROR;
    if (unlikely(!enter(mr))) {
        return res;
    }
    if (unlikely(!accepts(mr, offset, size, true, attrs))) {
        res = MEMTX_DECODE_ERROR;
    } else {
        Limits impl = impl_limits(mr->ops);
        res = likely(fits(impl, offset, size)) ? call_write(mr, offset, val, size, attrs)
                                               : write_pieces(mr, impl, offset, val, size, attrs);
    }
    leave(mr);
    return res;
}

/* --- who runs them
 * ------------------------------------------------------------------------------------ */

static inline bool homed_elsewhere(MemoryRegion *mr)
{
    if (likely(!__atomic_load_n(&mr->home, __ATOMIC_ACQUIRE))) {
        return false;
    }
    return !aio_in_home(__atomic_load_n(&mr->home_ctx, __ATOMIC_RELAXED));
}

/* A read that is one atomic load: answered here, whoever is at home. */
static bool answer_directly(MemoryRegion *mr, hwaddr offset, uint64_t *val, unsigned size)
{
    const MemoryRegionOps *ops = mr->ops;
    uint64_t v;

    if (!ops->read_direct || !fits(valid_limits(ops), offset, size) ||
        !fits(impl_limits(ops), offset, size) || !ops->read_direct(mr->opaque, offset, &v, size)) {
        return false;
    }
    v &= MASK_ULL(size * 8);
    *val = ops->endianness == DEVICE_BIG_ENDIAN ? swap_bytes(v, size) : v;
    return true;
}

MemTxResult memory_region_dispatch_read(MemoryRegion *mr, hwaddr offset, uint64_t *val,
                                        unsigned size, MemTxAttrs attrs)
{
    if (homed_elsewhere(mr)) {
        if (answer_directly(mr, offset, val, size)) {
            return MEMTX_OK;
        }
        return ioregion_forward_read(mr, offset, val, size, attrs);
    }
    return memory_region_local_read(mr, offset, val, size, attrs);
}

/* True if the write was one that any thread may do, and is done. */
static bool write_direct(MemoryRegion *mr, hwaddr offset, uint64_t val, unsigned size)
{
    const MemoryRegionOps *ops = mr->ops;

    if (!ops->write_direct || !fits(valid_limits(ops), offset, size) ||
        !fits(impl_limits(ops), offset, size)) {
        return false;
    }
    val &= MASK_ULL(8 * size);
    return ops->write_direct(mr->opaque, offset,
                             ops->endianness == DEVICE_BIG_ENDIAN ? swap_bytes(val, size) : val,
                             size);
}

MemTxResult memory_region_dispatch_write(MemoryRegion *mr, hwaddr offset, uint64_t val,
                                         unsigned size, MemTxAttrs attrs)
{
    if (memory_region_signal_eventfds(mr, offset, val, size)) {
        return MEMTX_OK;
    }
    if (homed_elsewhere(mr)) {
        if (write_direct(mr, offset, val, size)) {
            return MEMTX_OK;
        }
        return ioregion_forward_write(mr, offset, val, size, attrs);
    }
    return memory_region_local_write(mr, offset, val, size, attrs);
}
