/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packed rings (virtio 1.2, section 2.8): one ring of descriptors that both sides write.
 *
 * Used entries of one batch become visible together: the flags of the first one are held back until
 * vring_publish(), whose exchange is also the full barrier before the driver's wish is read.
 */
#include "hw/virtio/vring.h"

static VirtqPackedDesc *slot(VirtRing *r, uint16_t i, bool is_write, RamCache **cache)
{
    return vring_ram(r, r->desc + 16 * (uint64_t)i, sizeof(VirtqPackedDesc), is_write, cache);
}

bool vring_packed_more(VirtRing *r)
{
    const VirtqPackedDesc *d = slot(r, r->last_avail, false, NULL);
    uint16_t flags;

    if (unlikely(!d)) {
        return vring_break(r, "its descriptors are not in RAM any more");
    }
    flags = __atomic_load_n(&d->flags, __ATOMIC_SEQ_CST);
    return !!(flags & VIRTQ_PACKED_F_AVAIL) == r->avail_wrap &&
           !!(flags & VIRTQ_PACKED_F_USED) != r->avail_wrap;
}

static void advance(VirtRing *r, uint16_t *pos, bool *wrap, unsigned n)
{
    unsigned to = *pos + n;

    if (to >= r->num) {
        to -= r->num;
        *wrap = !*wrap;
    }
    *pos = to;
}

/* 2.8.7: the table's descriptors are used in order, all of them. */
static bool walk_table(VirtRing *r, VirtElem *e, const VirtqPackedDesc *indirect)
{
    unsigned n = indirect->len / sizeof(*indirect);

    if (unlikely(!r->indirect || indirect->flags & VIRTQ_DESC_F_NEXT || !n ||
                 indirect->len % sizeof(*indirect) || n > VIRTIO_RING_MAX)) {
        return vring_break(r, "an indirect descriptor is not allowed here, or malformed");
    }
    for (unsigned i = 0; i < n; i++) {
        VirtqPackedDesc d;

        if (unlikely(!vring_read(r, indirect->addr + sizeof(d) * (uint64_t)i, &d, sizeof(d)))) {
            return vring_break(r, "a descriptor is not in RAM");
        }
        if (unlikely(d.flags & VIRTQ_DESC_F_INDIRECT)) {
            return vring_break(r, "an indirect descriptor is not allowed here, or malformed");
        }
        if (unlikely(!vring_map(r, e, d.addr, d.len, d.flags & VIRTQ_DESC_F_WRITE))) {
            return false;
        }
    }
    return true;
}

bool vring_packed_pop(VirtRing *r, VirtElem *e)
{
    uint16_t pos = r->last_avail;
    bool wrap = r->avail_wrap;

    if (!vring_packed_more(r)) {
        return false;
    }
    for (unsigned count = 1;; count++) {
        const VirtqPackedDesc *p = slot(r, pos, false, NULL);
        VirtqPackedDesc d;

        if (unlikely(count + r->inuse > r->num)) {
            return vring_break(r, "more descriptors are available than the ring has places");
        }
        if (unlikely(!p)) {
            return vring_break(r, "its descriptors are not in RAM any more");
        }
        memcpy(&d, p, sizeof(d));
        if (d.flags & VIRTQ_DESC_F_INDIRECT) {
            if (unlikely(count > 1)) {
                return vring_break(r, "an indirect descriptor is not allowed here, or malformed");
            }
            if (unlikely(!walk_table(r, e, &d))) {
                return false;
            }
        } else if (unlikely(!vring_map(r, e, d.addr, d.len, d.flags & VIRTQ_DESC_F_WRITE))) {
            return false;
        }
        advance(r, &pos, &wrap, 1);
        if (!(d.flags & VIRTQ_DESC_F_NEXT)) {
            e->id = d.id; /* 2.8.6: the last one's */
            e->ndescs = count;
            break;
        }
    }
    r->last_avail = pos;
    r->avail_wrap = wrap;
    r->inuse += e->ndescs;
    return true;
}

void vring_packed_push(VirtRing *r, VirtElem *e, uint32_t len)
{
    RamCache *cache;
    VirtqPackedDesc *d = slot(r, r->used_idx, true, &cache);
    uint16_t flags = (r->used_wrap ? VIRTQ_PACKED_F_AVAIL | VIRTQ_PACKED_F_USED : 0) |
                     (len ? VIRTQ_DESC_F_WRITE : 0);

    if (unlikely(!d)) {
        vring_break(r, "its descriptors are not in RAM any more");
        return;
    }
    d->id = e->id;
    d->len = len;
    if (r->unpublished) {
        __atomic_store_n(&d->flags, flags, __ATOMIC_RELEASE);
    } else {
        r->batch_pos = r->used_idx;
        r->batch_flags = flags;
        r->unpublished = true;
    }
    ram_block_set_dirty(cache->block, d, sizeof(*d));
    advance(r, &r->used_idx, &r->used_wrap, e->ndescs);
    r->inuse -= e->ndescs;
    r->unsignaled += e->ndescs;
}

void vring_packed_publish(VirtRing *r)
{
    RamCache *cache;
    VirtqPackedDesc *d = slot(r, r->batch_pos, true, &cache);

    if (unlikely(!d)) {
        vring_break(r, "its descriptors are not in RAM any more");
        return;
    }
    __atomic_exchange_n(&d->flags, r->batch_flags, __ATOMIC_SEQ_CST);
    ram_block_set_dirty(cache->block, d, sizeof(*d));
}

/* The driver's event suppression structure (2.8.10): low half place and wrap counter, high half
 * flags. */
bool vring_packed_should_notify(VirtRing *r)
{
    const uint32_t *p = vring_ram(r, r->driver, 4, false, NULL);
    uint32_t event;
    uint16_t off;

    if (unlikely(!p)) {
        return false;
    }
    event = __atomic_load_n(p, __ATOMIC_SEQ_CST);
    if (event >> 16 != VIRTQ_EVENT_DESC || !r->event_idx) {
        return event >> 16 != VIRTQ_EVENT_DISABLE;
    }
    off = event & 0x7fff;
    if (!!(event & 0x8000) != r->used_wrap) {
        off -= r->num;
    }
    return vring_passed(off, r->used_idx, r->used_idx - r->unsignaled);
}

static void write_device_event(VirtRing *r, uint16_t flags)
{
    RamCache *cache;
    uint32_t *p = vring_ram(r, r->device, 4, true, &cache);
    uint32_t place = r->last_avail | (r->avail_wrap ? 0x8000u : 0);

    if (likely(p)) {
        __atomic_exchange_n(p, place | (uint32_t)flags << 16, __ATOMIC_SEQ_CST);
        ram_block_set_dirty(cache->block, p, 4);
    } else {
        vring_break(r, "its device event part is not in RAM any more");
    }
}

bool vring_packed_enable_kick(VirtRing *r)
{
    write_device_event(r, r->event_idx ? VIRTQ_EVENT_DESC : VIRTQ_EVENT_ENABLE);
    return !r->broken && vring_packed_more(r);
}

void vring_packed_disable_kick(VirtRing *r)
{
    /* With event indices: a place that was passed asks for nothing. */
    if (!r->event_idx) {
        write_device_event(r, VIRTQ_EVENT_DISABLE);
    }
}
