/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtqueue's rings as the device sees them: split (virtio 1.2, section 2.7) and packed (2.8).
 *
 * Everything in guest memory is hostile: each field is read once, checked, and bounded; what is
 * wrong breaks the ring (ring->broken says why), after which it gives nothing more until it is
 * started again.  No function here allocates, takes a lock or makes a system call.
 *
 * A ring belongs to one thread.  It knows nothing of devices: virtqueue.c puts it into one.
 */
#ifndef HW_VIRTIO_VRING_H
#define HW_VIRTIO_VRING_H

#include "hw/virtio/virtio-spec.h"
#include "system/memory.h"

/* Guest RAM below and from 4 GiB on, which are different pieces on a PC. */
typedef struct VirtRam {
    RamCache low, high;
} VirtRam;

/* One chain of descriptors: what the device may read, then what it may write.  Embedded at the
 * beginning of a device's request. */
typedef struct VirtElem VirtElem;
struct VirtElem {
    struct iovec *iov; /* num_out entries to read, then num_in to write; room for VIRTIO_RING_MAX */
    RAMBlock **block;  /* the block of each entry, pinned until vring_unmap() */
    uint16_t id;       /* as the driver named it */
    uint16_t ndescs;   /* places that it took in the ring */
    uint16_t niov;     /* entries as mapped; num_out and num_in are the device's to change */
    uint16_t num_out, num_in;
    uint64_t out_bytes, in_bytes;
    VirtElem *next; /* virtqueue.c's: free, or in order of fetching */
    uint32_t used_len;
    bool in_use, done;
};

typedef struct VirtRing {
    AddressSpace *as;
    VirtRam ram;
    uint64_t desc, driver, device; /* guest addresses of the three parts */
    uint16_t num;
    bool packed, event_idx, indirect, notify_on_empty;
    /* Positions: split: free-running, packed: 0 .. num-1 with a wrap counter. */
    uint16_t last_avail;   /* next to fetch */
    uint16_t shadow_avail; /* split: the driver's index as last read */
    uint16_t used_idx;     /* next used entry */
    bool avail_wrap, used_wrap;
    uint16_t inuse;      /* fetched and not given back: chains (split), places (packed) */
    uint16_t unsignaled; /* used entries since the last look at the driver's event */
    bool unpublished;    /* used entries that the driver does not see yet */
    uint16_t batch_pos, batch_flags; /* packed: the entry that is held back, so that all appear at
                                        once */
    const char *broken;              /* why, or NULL */
} VirtRing;

/* Starts with everything empty; addresses, num and features were set by the caller.  False, and
 * broken, when a part is not RAM in one piece or misaligned. */
bool vring_start(VirtRing *r);
/* Lets go of guest memory. */
void vring_stop(VirtRing *r);
/* The next chain, mapped into e (iov and block set by the caller).  False: there is none, or the
 * ring broke. */
bool vring_pop(VirtRing *r, VirtElem *e);
/* True if vring_pop() would find something. */
bool vring_more(VirtRing *r);
/* Gives a chain back with len bytes written; the driver sees it after vring_publish(). */
void vring_push(VirtRing *r, VirtElem *e, uint32_t len);
void vring_publish(VirtRing *r);
/* After publish: does the driver want an interrupt for what was published since the last call? */
bool vring_should_notify(VirtRing *r);
/* Asks the driver to notify about new chains; true if there is one already. */
bool vring_enable_kick(VirtRing *r);
/* Tells it not to bother. */
void vring_disable_kick(VirtRing *r);
/* The driver said (VIRTIO_F_NOTIFICATION_DATA) that its index is idx: saves reading it. */
void vring_hint(VirtRing *r, uint16_t idx);
/* Unpins what e maps; len bytes of its writable part were written. */
void vring_unmap(VirtElem *e, uint32_t len);

/* --- between the files ----------------------------------------------------------------------- */

static inline void *vring_ram(VirtRing *r, uint64_t addr, uint64_t len, bool is_write,
                              RamCache **cache)
{
    RamCache *c = addr >> 32 ? &r->ram.high : &r->ram.low;

    if (cache) {
        *cache = c;
    }
    return ram_cache_lookup(c, r->as, addr, len, is_write);
}

/* Breaks the ring, unless the reason is that bus mastering is off: then there is just nothing. */
bool vring_break(VirtRing *r, const char *why);
/* Copies from guest memory, whatever pieces it lies in. */
bool vring_read(VirtRing *r, uint64_t addr, void *buf, uint64_t len);
/* Adds one descriptor's buffer to e. */
bool vring_map(VirtRing *r, VirtElem *e, uint64_t addr, uint32_t len, bool is_write);
bool vring_split_pop(VirtRing *r, VirtElem *e);
bool vring_split_more(VirtRing *r);
void vring_split_push(VirtRing *r, VirtElem *e, uint32_t len);
void vring_split_publish(VirtRing *r);
bool vring_split_should_notify(VirtRing *r);
bool vring_split_enable_kick(VirtRing *r);
void vring_split_disable_kick(VirtRing *r);
bool vring_packed_pop(VirtRing *r, VirtElem *e);
bool vring_packed_more(VirtRing *r);
void vring_packed_push(VirtRing *r, VirtElem *e, uint32_t len);
void vring_packed_publish(VirtRing *r);
bool vring_packed_should_notify(VirtRing *r);
bool vring_packed_enable_kick(VirtRing *r);
void vring_packed_disable_kick(VirtRing *r);

/* 2.7.7.2: event lies in [old, new) modulo 2^16. */
static inline bool vring_passed(uint16_t event, uint16_t new, uint16_t old)
{
    return (uint16_t)(new - event - 1) < (uint16_t)(new - old);
}

#endif
