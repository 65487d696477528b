/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What split and packed rings share: start and stop, mapping of buffers, and choosing between the
 * two. */
#include "hw/virtio/vring.h"

bool vring_break(VirtRing *r, const char *why)
{
    if (!r->broken && __atomic_load_n(&r->as->enabled, __ATOMIC_ACQUIRE)) {
        r->broken = why;
    }
    return false;
}

bool vring_read(VirtRing *r, uint64_t addr, void *buf, uint64_t len)
{
    const void *ram = vring_ram(r, addr, len, false, NULL);

    if (likely(ram)) {
        memcpy(buf, ram, len); /* once: the driver may change it while we look */
        return true;
    }
    return dma_memory_read(r->as, addr, buf, len, MEMTXATTRS_UNSPECIFIED) == MEMTX_OK;
}

/* --- buffers --------------------------------------------------------------------------------- */

/* Adds a piece of host memory, whose block the caller keeps from going away during the call. */
static bool add_iov(VirtElem *e, RAMBlock *block, uint8_t *host, uint64_t len, bool is_write)
{
    struct iovec *last = &e->iov[e->niov - 1];
    bool same_block = e->niov && e->block[e->niov - 1] == block;
    bool same_side = is_write ? e->num_in > 0 : e->num_out > 0;

    if (same_block && same_side && (uint8_t *)last->iov_base + last->iov_len == host) {
        last->iov_len += len;
        return true;
    }
    if (e->niov == VIRTIO_RING_MAX) {
        return false;
    }
    if (!same_block) {
        ram_block_pin(block);
    }
    e->block[e->niov] = block;
    e->iov[e->niov++] = (struct iovec){host, len};
    if (is_write) {
        e->num_in++;
    } else {
        e->num_out++;
    }
    return true;
}

/* A buffer that crosses the edge of a piece of RAM. */
static bool map_crossing(VirtRing *r, VirtElem *e, uint64_t addr, uint64_t len, bool is_write)
{
    while (len) {
        hwaddr part = len;
        RAMBlock *block;
        uint8_t *host = address_space_map_ram(r->as, addr, &part, is_write, &block);
        bool added;

        if (!host) {
            return vring_break(r, "a buffer is not in RAM");
        }
        added = add_iov(e, block, host, part, is_write);
        ram_block_unpin(block);
        if (!added) {
            return vring_break(r, "a chain has too many buffers");
        }
        addr += part;
        len -= part;
        if (!addr && len) {
            return vring_break(r, "a buffer runs over the end of all addresses");
        }
    }
    return true;
}

bool vring_map(VirtRing *r, VirtElem *e, uint64_t addr, uint32_t len, bool is_write)
{
    RamCache *cache;
    uint8_t *host;

    if (is_write) {
        e->in_bytes += len;
    } else {
        if (unlikely(e->num_in)) {
            return vring_break(r, "a readable buffer comes after a writable one");
        }
        e->out_bytes += len;
    }
    if (unlikely(!len)) {
        return true;
    }
    if (unlikely(e->in_bytes + e->out_bytes > UINT32_MAX)) {
        return vring_break(r, "a chain is longer than 4 GiB");
    }
    host = vring_ram(r, addr, len, is_write, &cache);
    if (unlikely(!host)) {
        return map_crossing(r, e, addr, len, is_write);
    }
    return add_iov(e, cache->block, host, len, is_write) ||
           vring_break(r, "a chain has too many buffers");
}

void vring_unmap(VirtElem *e, uint32_t len)
{
    unsigned first_in = e->niov - MIN(e->num_in, e->niov);

    for (unsigned i = 0; i < e->niov; i++) {
        if (i >= first_in && len) {
            uint32_t part = MIN(len, e->iov[i].iov_len);

            ram_block_set_dirty(e->block[i], e->iov[i].iov_base, part);
            len -= part;
        }
        if (i + 1 == e->niov || e->block[i + 1] != e->block[i]) {
            ram_block_unpin(e->block[i]);
        }
    }
    e->niov = e->num_in = e->num_out = 0;
}

/* --- life ------------------------------------------------------------------------------------ */

static bool part_ok(VirtRing *r, uint64_t addr, uint64_t len, uint64_t align, bool is_write)
{
    return !(addr & (align - 1)) && vring_ram(r, addr, len, is_write, NULL);
}

bool vring_start(VirtRing *r)
{
    uint64_t driver_len = r->packed ? 4 : 6 + 2 * (uint64_t)r->num;
    uint64_t device_len = r->packed ? 4 : 6 + 8 * (uint64_t)r->num;

    r->last_avail = r->shadow_avail = r->used_idx = 0;
    r->avail_wrap = r->used_wrap = true;
    r->inuse = r->unsignaled = 0;
    r->unpublished = false;
    r->broken = NULL;
    if (!r->num || r->num > VIRTIO_RING_MAX || (!r->packed && r->num & (r->num - 1))) {
        return vring_break(r, "its size is not possible");
    }
    /* 2.7, 2.8.10: alignment.  Bus mastering may be off still: then nothing can be looked at. */
    if (__atomic_load_n(&r->as->enabled, __ATOMIC_ACQUIRE) &&
        (!part_ok(r, r->desc, 16 * (uint64_t)r->num, 16, r->packed) ||
         !part_ok(r, r->driver, driver_len, r->packed ? 4 : 2, false) ||
         !part_ok(r, r->device, device_len, 4, true))) {
        return vring_break(r, "a part of it is misaligned or not in RAM");
    }
    return true;
}

void vring_stop(VirtRing *r)
{
    ram_cache_clear(&r->ram.low);
    ram_cache_clear(&r->ram.high);
}

/* --- the two kinds --------------------------------------------------------------------------- */

bool vring_pop(VirtRing *r, VirtElem *e)
{
    bool found;

    if (unlikely(r->broken)) {
        return false;
    }
    e->niov = e->num_out = e->num_in = 0;
    e->out_bytes = e->in_bytes = 0;
    found = r->packed ? vring_packed_pop(r, e) : vring_split_pop(r, e);
    if (unlikely(!found && e->niov)) {
        vring_unmap(e, 0);
    }
    return found;
}

bool vring_more(VirtRing *r)
{
    return likely(!r->broken) && (r->packed ? vring_packed_more(r) : vring_split_more(r));
}

void vring_push(VirtRing *r, VirtElem *e, uint32_t len)
{
    vring_unmap(e, len);
    if (unlikely(r->broken)) {
        return;
    }
    if (r->packed) {
        vring_packed_push(r, e, len);
    } else {
        vring_split_push(r, e, len);
    }
}

void vring_publish(VirtRing *r)
{
    if (!r->unpublished || unlikely(r->broken)) {
        return;
    }
    r->unpublished = false;
    if (r->packed) {
        vring_packed_publish(r);
    } else {
        vring_split_publish(r);
    }
}

bool vring_should_notify(VirtRing *r)
{
    bool wanted;

    if (!r->unsignaled || unlikely(r->broken)) {
        return false;
    }
    wanted = r->packed ? vring_packed_should_notify(r) : vring_split_should_notify(r);
    r->unsignaled = 0;
    return wanted;
}

bool vring_enable_kick(VirtRing *r)
{
    return likely(!r->broken) &&
           (r->packed ? vring_packed_enable_kick(r) : vring_split_enable_kick(r));
}

void vring_disable_kick(VirtRing *r)
{
    if (unlikely(r->broken)) {
        return;
    }
    if (r->packed) {
        vring_packed_disable_kick(r);
    } else {
        vring_split_disable_kick(r);
    }
}

void vring_hint(VirtRing *r, uint16_t idx)
{
    uint16_t ahead = idx - r->last_avail;

    /* Only forward, and only as far as the ring is long: anything else is read from the ring. */
    if (!r->packed && ahead <= r->num - MIN(r->inuse, r->num) &&
        ahead > (uint16_t)(r->shadow_avail - r->last_avail)) {
        r->shadow_avail = idx;
    }
}
