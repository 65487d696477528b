/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the memory API share among themselves. */
#ifndef SYSTEM_MEMORY_INTERNAL_H
#define SYSTEM_MEMORY_INTERNAL_H

#include "qemu/rcu.h"
#include "system/memory.h"

typedef __int128_t Int128;

/* One piece of an address space: what the addresses start..last mean.  Immutable once published. */
typedef struct FlatRange {
    hwaddr start, last; /* inclusive, so that 2^64 needs no special case */
    hwaddr offset;      /* of start in mr */
    MemoryRegion *mr;
    RAMBlock *block; /* NULL: no memory behind mr */
    uint8_t *host;   /* of start, when reads may go straight to memory; else NULL */
    bool writable;   /* writes may go straight to memory, too */
    bool readonly;   /* mr or something above it is read-only here */
    bool romd;
    uint8_t log_mask;
    IoRegion *home; /* placement when the view was rendered */
    AioContext *home_ctx;
    unsigned home_flags;
} FlatRange;

/* An address space's meaning: sorted ranges without overlap.  Published by RCU; the counted
 * references are the main loop's business. */
struct FlatView {
    MemoryRegion *root;
    bool io;
    unsigned refs;
    unsigned nr;
    FlatRange *ranges;
};

/* A signalling table of one region, published by RCU for our own dispatch. */
typedef struct IoeventfdTable {
    unsigned nr;
    MemoryRegionIoeventfd e[]; /* fd is a duplicate that the table owns */
} IoeventfdTable;

typedef struct CoalescedRange {
    hwaddr start;
    uint64_t size;
} CoalescedRange;

/* An eventfd as an address space shows it. */
typedef struct AddressIoeventfd {
    hwaddr addr;
    MemoryRegionIoeventfd e;
    bool taken; /* some listener has it */
} AddressIoeventfd;

/* --- flatview.c ------------------------------------------------------------------------------ */
/* Main loop.  The view has one reference, the caller's; it holds the owners and RAM blocks. */
FlatView *flatview_new(MemoryRegion *root);
void flatview_ref(FlatView *fv);
/* The last reference retires the view: it is freed when no reader can see it. */
void flatview_unref(FlatView *fv);
bool flatview_equal(const FlatView *a, const FlatView *b);
/* The range that holds addr, or NULL.  *hole (may be NULL) gets the last address of the hole around
 * addr. RCU section. */
const FlatRange *flatview_lookup(const FlatView *fv, hwaddr addr, hwaddr *hole);
/* The region whose tree root stands for: an alias of all of another region is that region. */
MemoryRegion *flatview_canonical_root(MemoryRegion *root);

static inline bool flatrange_same_mapping(const FlatRange *a, const FlatRange *b)
{
    return a->mr == b->mr && a->start == b->start && a->last == b->last && a->offset == b->offset &&
           a->readonly == b->readonly && a->romd == b->romd && a->block == b->block;
}
static inline bool flatrange_same_home(const FlatRange *a, const FlatRange *b)
{
    return a->home == b->home && a->home_ctx == b->home_ctx && a->home_flags == b->home_flags;
}

/* --- reclaim.c ------------------------------------------------------------------------------- */
/* Marks mr as in use by this thread without touching its owner's reference count.  In an RCU
 * section; end it outside one if the access may wait.  Returns a token for the unpin. */
int memory_region_pin(MemoryRegion *mr);
void memory_region_unpin(MemoryRegion *mr, int token);
/* A view lets go of mr: the owner's and the block's references go once nobody has them pinned.
 * Main loop, after a grace period. */
void memory_region_release(MemoryRegion *mr, Object *owner, RAMBlock *block);
/* Looks again at what was pinned.  Any thread. */
void memory_reclaim_kick(void);
extern bool memory_reclaim_waiting; /* seq_cst atomic */

/* --- ram.c ----------------------------------------------------------------------------------- */
RAMBlock *ram_block_new(uint64_t size, GError **errp);
RAMBlock *ram_block_new_ptr(uint64_t size, void *ptr, int fd);
void ram_block_ref(RAMBlock *block); /* a region's or a view's hold; any thread */
void ram_block_unref(RAMBlock *block);
bool ram_block_pinned(RAMBlock *block);
int ram_block_fd(const RAMBlock *block);
/* The clients (bit per DIRTY_MEMORY_*) that log this block. Main loop. */
void ram_block_set_log_mask(RAMBlock *block, uint8_t mask);
void ram_block_set_dirty_range(RAMBlock *block, uint64_t offset, uint64_t len);

/* --- address-space.c ------------------------------------------------------------------------- */
/* Something changed that views show / that only the eventfd and coalescing lists show. In a
 * transaction. */
void memory_map_changed(void);
void memory_eventfds_changed(void);
bool memory_in_transaction(void);
extern GQueue address_spaces; /* AddressSpace; main loop */

/* --- listener.c ------------------------------------------------------------------------------ */
extern GQueue memory_listeners; /* MemoryListener, lowest priority first; main loop */
void listeners_begin(void);
void listeners_commit(void);
/* The two halves of a change; the new view is published between them. */
void listeners_remove(AddressSpace *as, const FlatView *old, const FlatView *new_view);
void listeners_add(AddressSpace *as, const FlatView *old, const FlatView *new_view);
void address_space_update_eventfds(AddressSpace *as);
MemoryRegionSection section_of_range(const FlatView *fv, const FlatRange *r);
void listeners_log_sync(MemoryRegion *mr);

/* --- ioeventfd.c ----------------------------------------------------------------------------- */
/* True if the write was an eventfd's and has been signalled.  Any thread. */
bool memory_region_signal_eventfds(MemoryRegion *mr, hwaddr offset, uint64_t val, unsigned size);
void memory_region_free_eventfds(MemoryRegion *mr);

/* --- dispatch.c ------------------------------------------------------------------------------ */
/* How many bytes of an access of at most len at offset the region takes at once: 1, 2, 4 or 8. */
unsigned memory_region_access_size(const MemoryRegion *mr, hwaddr offset, hwaddr len);

/* --- dma-post.c ------------------------------------------------------------------------------ */
/* Queues a device's write to a device region. False: dropped, too many. Any thread. */
bool dma_post_write(MemoryRegion *mr, hwaddr offset, uint64_t val, unsigned size, MemTxAttrs attrs);

#endif
