/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Split rings (virtio 1.2, section 2.7).
 *
 * Two handshakes must not lose anything, and both are the same: each side writes its own word, then
 * reads the other's, with a full barrier between.  The barriers are exchanges, as the thread
 * sanitizer knows no fences.
 */
#include "hw/virtio/vring.h"

static uint16_t *driver_word(VirtRing *r, unsigned offset)
{
    return vring_ram(r, r->driver + offset, 2, false, NULL);
}

static uint16_t *device_word(VirtRing *r, unsigned offset, RamCache **cache)
{
    return vring_ram(r, r->device + offset, 2, true, cache);
}

static void write_device_word(VirtRing *r, unsigned offset, uint16_t value)
{
    RamCache *cache;
    uint16_t *p = device_word(r, offset, &cache);

    if (likely(p)) {
        __atomic_exchange_n(p, value, __ATOMIC_SEQ_CST);
        ram_block_set_dirty(cache->block, p, 2);
    } else {
        vring_break(r, "its used part is not in RAM any more");
    }
}

/* Reads the driver's index; false if that breaks the ring. */
static bool load_avail(VirtRing *r)
{
    const uint16_t *idx = driver_word(r, VIRTQ_AVAIL_IDX);
    uint16_t avail;

    if (unlikely(!idx)) {
        return vring_break(r, "its available part is not in RAM any more");
    }
    avail = __atomic_load_n(idx, __ATOMIC_SEQ_CST);
    if (unlikely((uint16_t)(avail - r->last_avail) + (uint32_t)r->inuse > r->num)) {
        return vring_break(r, "the available index runs ahead of the ring's size");
    }
    r->shadow_avail = avail;
    return true;
}

bool vring_split_more(VirtRing *r)
{
    return r->shadow_avail != r->last_avail || (load_avail(r) && r->shadow_avail != r->last_avail);
}

/* Maps the chain that begins with descriptor head. */
static bool walk(VirtRing *r, VirtElem *e, uint16_t head)
{
    uint64_t table = r->desc;
    unsigned max = r->num, i = head;
    bool indirect = false;

    for (unsigned count = 1;; count++) {
        VirtqDesc d;

        if (unlikely(count > VIRTIO_RING_MAX || (!indirect && count > r->num))) {
            return vring_break(r, "a chain of descriptors is longer than the ring, or loops");
        }
        if (unlikely(!vring_read(r, table + 16 * (uint64_t)i, &d, sizeof(d)))) {
            return vring_break(r, "a descriptor is not in RAM");
        }
        if (d.flags & VIRTQ_DESC_F_INDIRECT) {
            /* 2.7.5.3: a table of descriptors is the end of a chain, and holds none itself. */
            if (unlikely(indirect || !r->indirect || d.flags & VIRTQ_DESC_F_NEXT || !d.len ||
                         d.len % sizeof(d))) {
                return vring_break(r, "an indirect descriptor is not allowed here, or malformed");
            }
            indirect = true;
            table = d.addr;
            max = MIN(d.len / sizeof(d), UINT16_MAX + 1u);
            i = 0;
            continue;
        }
        if (unlikely(!vring_map(r, e, d.addr, d.len, d.flags & VIRTQ_DESC_F_WRITE))) {
            return false;
        }
        if (!(d.flags & VIRTQ_DESC_F_NEXT)) {
            return true;
        }
        i = d.next;
        if (unlikely(i >= max)) {
            return vring_break(r, "a descriptor's next one is outside of its table");
        }
    }
}

bool vring_split_pop(VirtRing *r, VirtElem *e)
{
    uint64_t slot = r->driver + VIRTQ_AVAIL_RING + 2 * (uint64_t)(r->last_avail & (r->num - 1));
    uint16_t head;

    if (!vring_split_more(r)) {
        return false;
    }
    if (unlikely(r->inuse >= r->num)) {
        return vring_break(r, "more chains are available than the ring has places");
    }
    if (unlikely(!vring_read(r, slot, &head, sizeof(head)))) {
        return vring_break(r, "its available part is not in RAM any more");
    }
    if (unlikely(head >= r->num)) {
        return vring_break(r, "an available entry names a descriptor beyond the ring's size");
    }
    if (unlikely(!walk(r, e, head))) {
        return false;
    }
    e->id = head;
    e->ndescs = 1;
    r->last_avail++;
    r->inuse++;
    return true;
}

void vring_split_push(VirtRing *r, VirtElem *e, uint32_t len)
{
    uint64_t addr = r->device + VIRTQ_USED_RING + 8 * (uint64_t)(r->used_idx & (r->num - 1));
    VirtqUsedElem used = {.id = e->id, .len = len};
    RamCache *cache;
    void *slot = vring_ram(r, addr, sizeof(used), true, &cache);

    if (unlikely(!slot)) {
        vring_break(r, "its used part is not in RAM any more");
        return;
    }
    memcpy(slot, &used, sizeof(used));
    ram_block_set_dirty(cache->block, slot, sizeof(used));
    r->used_idx++;
    r->inuse--;
    r->unsignaled++;
    r->unpublished = true;
}

void vring_split_publish(VirtRing *r)
{
    write_device_word(r, VIRTQ_USED_IDX, r->used_idx);
}

bool vring_split_should_notify(VirtRing *r)
{
    const uint16_t *p;

    if (r->notify_on_empty && !r->inuse && !vring_split_more(r)) {
        return true;
    }
    p = driver_word(r, r->event_idx ? VIRTQ_AVAIL_RING + 2u * r->num : VIRTQ_AVAIL_FLAGS);
    if (unlikely(!p)) {
        return false;
    }
    if (r->event_idx) {
        return vring_passed(__atomic_load_n(p, __ATOMIC_SEQ_CST), r->used_idx,
                            r->used_idx - r->unsignaled);
    }
    return !(__atomic_load_n(p, __ATOMIC_SEQ_CST) & VIRTQ_AVAIL_F_NO_INTERRUPT);
}

bool vring_split_enable_kick(VirtRing *r)
{
    if (r->event_idx) {
        write_device_word(r, VIRTQ_USED_RING + 8u * r->num, r->last_avail);
    } else {
        write_device_word(r, VIRTQ_USED_FLAGS, 0);
    }
    return !r->broken && load_avail(r) && r->shadow_avail != r->last_avail;
}

void vring_split_disable_kick(VirtRing *r)
{
    /* With event indices: an index that was passed asks for nothing. */
    if (!r->event_idx) {
        RamCache *cache;
        uint16_t *p = device_word(r, VIRTQ_USED_FLAGS, &cache);

        if (likely(p)) {
            __atomic_store_n(p, VIRTQ_USED_F_NO_NOTIFY, __ATOMIC_RELAXED);
            ram_block_set_dirty(cache->block, p, 2);
        }
    }
}
