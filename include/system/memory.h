/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory API: regions form a tree (what the machine looks like), an address space renders its tree into a FlatView (what each
 * address means), listeners carry changes to KVM.
 *
 * Threads:
 *   - topology (init, add, delete, enable, transactions, listeners): main loop only, asserted; this is the machine lock;
 *   - accesses (address_space_*, memory_region_dispatch_*): any thread, no lock; FlatViews are read under RCU (liburcu, memb), so
 *     the calling thread must be registered with rcu (qemu_thread_create() does it);
 *   - a region's callbacks run where its owner said: see MemoryRegion.access below.
 *
 * An access of a vCPU thread to a region with a home is carried to that home (system/ioregionfd.h); the caller pins the region, leaves the RCU
 * section and waits, holding nothing.
 */
#ifndef SYSTEM_MEMORY_H
#define SYSTEM_MEMORY_H

#include "qemu/aio.h"
#include "qemu/thread.h"
#include "qom/object.h"

typedef struct MemoryRegion MemoryRegion;
typedef struct AddressSpace AddressSpace;
typedef struct FlatView FlatView;
typedef struct RAMBlock RAMBlock;
typedef struct IoRegionFd IoRegionFd;
typedef struct IoRegion IoRegion;

/* 2^64 as a size. */
#define MEMORY_SIZE_MAX ((__uint128_t)1 << 64)
typedef __uint128_t MemSize;

typedef struct MemTxAttrs {
    unsigned secure : 1;        /* SMM */
    unsigned requester_id : 16; /* PCI requester, for DMA */
    unsigned dma : 1;           /* a device's access, not a CPU's */
    unsigned msi : 1;           /* a message: exempt from the rules on DMA to regions that are no RAM */
} MemTxAttrs;
#define MEMTXATTRS_UNSPECIFIED ((MemTxAttrs){0})

typedef enum MemTxResult {
    MEMTX_OK = 0,
    MEMTX_ERROR = 1,         /* device said no */
    MEMTX_DECODE_ERROR = 2,  /* nothing there */
    MEMTX_ACCESS_ERROR = 4,  /* not allowed: bus master off, DMA to a region that is not RAM */
} MemTxResult;

typedef enum DeviceEndian { DEVICE_LITTLE_ENDIAN, DEVICE_BIG_ENDIAN, DEVICE_NATIVE_ENDIAN } DeviceEndian;

/* Callbacks of an I/O region.  offset is relative to the region; size is 1, 2, 4 or 8 and lies within impl's limits (the core splits
 * and widens).  Values are integers in the CPU's order. */
typedef struct MemoryRegionOps {
    uint64_t (*read)(void *opaque, hwaddr offset, unsigned size);
    void (*write)(void *opaque, hwaddr offset, uint64_t data, unsigned size);
    /* Instead of the above where the answer may be an error or the attributes matter. */
    MemTxResult (*read_with_attrs)(void *opaque, hwaddr offset, uint64_t *data, unsigned size, MemTxAttrs attrs);
    MemTxResult (*write_with_attrs)(void *opaque, hwaddr offset, uint64_t data, unsigned size, MemTxAttrs attrs);
    /* With a home: returns true and *data if this read is one atomic load or exchange, which any thread may do now
     * ("direct"); false: forward it.  May be NULL. */
    bool (*read_direct)(void *opaque, hwaddr offset, uint64_t *data, unsigned size);
    /* The same for writes: returns true if the write was done on the calling thread (it waited for nobody); false: forward it.  May be NULL. */
    bool (*write_direct)(void *opaque, hwaddr offset, uint64_t data, unsigned size);
    DeviceEndian endianness;
    struct {
        unsigned min_access_size, max_access_size;  /* 0: 1 and 4 */
        bool unaligned;
        bool (*accepts)(void *opaque, hwaddr offset, unsigned size, bool is_write, MemTxAttrs attrs);
    } valid;  /* what the guest may do; else reads give 0 (all-ones for ports) and writes are dropped */
    struct {
        unsigned min_access_size, max_access_size;  /* 0: 1 and 4 */
        bool unaligned;
    } impl;   /* what the callbacks do */
} MemoryRegionOps;

/* Flags of a region's home. */
#define MEMORY_HOME_POSTED_WRITES (1u << 0) /* writes need no answer: the vCPU goes on at once */

typedef struct MemoryRegionIoeventfd {
    hwaddr offset;
    unsigned size;        /* 0: any length */
    bool match_data;
    uint64_t data;
    int fd;
    uint64_t *post_addr;  /* post-write: newest value is stored here; NULL: value is lost */
} MemoryRegionIoeventfd;

struct MemoryRegion {
    char *name;
    Object *owner;                 /* FlatViews and pins hold a reference to it; NULL: lives for ever */
    const MemoryRegionOps *ops;
    void *opaque;
    MemSize size;
    RAMBlock *ram_block;           /* RAM, ROM, RAM device */
    bool ram, readonly, rom_device, romd_mode, terminates, enabled, ram_device, nonvolatile;
    bool in_io_space;              /* ports: unassigned reads give all-ones; atomic, set when it is mapped into a port space */
    bool accepts_msi;              /* a local APIC's message window: DMA writes reach it like messages do */
    uint8_t dirty_log_mask;        /* atomic bits: who wants dirty pages of this region */
    /* --- who runs the callbacks; changed in a transaction --- */
    QemuMutex *lock;               /* callbacks run on the accessing thread under this lock; NULL: they need none */
    AioContext *home_ctx;          /* callbacks run in this thread (NULL: not homed) */
    IoRegion *home;                /* engine, channel and counters of the homed region (ioregionfd.c's) */
    unsigned home_flags;
    /* --- tree --- */
    MemoryRegion *container;
    MemoryRegion *alias;           /* this region is a window to alias at alias_offset */
    hwaddr alias_offset;
    hwaddr addr;                   /* in container */
    int32_t priority;
    bool mapped_overlap;
    GQueue subregions;             /* MemoryRegion, highest priority first */
    GList link;                    /* in container's subregions */
    GArray *ioeventfds;            /* MemoryRegionIoeventfd, or NULL; main loop */
    struct IoeventfdTable *ioeventfd_table; /* the same for our own dispatch; RCU; NULL: none */
    GArray *coalesced;             /* ranges {hwaddr start; uint64 size}, or NULL */
    unsigned destroyed;
};

/* --- regions ------------------------------------------------------------------------------------------------ */
/* mr is the caller's memory and is embedded in owner in most cases; all of these copy name. */
void memory_region_init(MemoryRegion *mr, Object *owner, const char *name, MemSize size);
void memory_region_init_io(MemoryRegion *mr, Object *owner, const MemoryRegionOps *ops, void *opaque,
                           const char *name, MemSize size);
bool memory_region_init_ram(MemoryRegion *mr, Object *owner, const char *name, uint64_t size, GError **errp);
bool memory_region_init_rom(MemoryRegion *mr, Object *owner, const char *name, uint64_t size, GError **errp);
/* RAM from memory that the caller maps and unmaps (memory backends, device BARs). */
void memory_region_init_ram_ptr(MemoryRegion *mr, Object *owner, const char *name, uint64_t size, void *ptr, int fd);
/* The same for a real device's memory that is mapped into this process: never merged with, or copied like, RAM. */
void memory_region_init_ram_device_ptr(MemoryRegion *mr, Object *owner, const char *name, uint64_t size, void *ptr);
/* ROM whose writes (and, while romd mode is off, reads) go to ops: flash.  Starts in romd mode. */
bool memory_region_init_rom_device(MemoryRegion *mr, Object *owner, const MemoryRegionOps *ops, void *opaque,
                                   const char *name, uint64_t size, GError **errp);
void memory_region_rom_device_set_romd(MemoryRegion *mr, bool romd_mode);
void memory_region_init_alias(MemoryRegion *mr, Object *owner, const char *name, MemoryRegion *orig, hwaddr offset,
                              MemSize size);
/* The region leaves its container; what it holds is freed once no FlatView and no pin refers to it. */
void memory_region_finalize(MemoryRegion *mr);

void memory_region_add_subregion(MemoryRegion *mr, hwaddr offset, MemoryRegion *sub);
void memory_region_add_subregion_overlap(MemoryRegion *mr, hwaddr offset, MemoryRegion *sub, int priority);
void memory_region_del_subregion(MemoryRegion *mr, MemoryRegion *sub);
void memory_region_set_enabled(MemoryRegion *mr, bool enabled);
void memory_region_set_address(MemoryRegion *mr, hwaddr addr);
/* A window that registers place: mr is in container at addr when on, and in nothing else. */
void memory_region_place(MemoryRegion *container, MemoryRegion *mr, hwaddr addr, bool on, int priority);
void memory_region_set_size(MemoryRegion *mr, MemSize size);
void memory_region_set_alias_offset(MemoryRegion *mr, hwaddr offset);
void memory_region_set_readonly(MemoryRegion *mr, bool readonly);

/* Callbacks take lock (the owner's).  NULL: they are safe without one.  Before the region is visible. */
void memory_region_set_lock(MemoryRegion *mr, QemuMutex *lock);

/* DMA writes to this region are messages (the local APIC's window): the rules on DMA to devices do not apply.  Its callbacks must be safe from
 * any thread, whatever lock it holds below the interrupt controllers'.  Before the region is visible. */
void memory_region_set_accepts_msi(MemoryRegion *mr);

/* The region's callbacks run in ctx's thread from the end of this transaction on; ctx NULL takes the home away.  Engine,
 * transport and fallback are the core's business.  Main loop.  Drains the old home: no command of the region is in flight when it
 * returns outside a transaction. */
void memory_region_set_home(MemoryRegion *mr, AioContext *ctx, unsigned flags);
/* The same through a user's -object ioregionfd, whose IOThread, transport and posted-writes policy apply.  False with errp when another
 * object has claimed the region. */
bool memory_region_set_ioregionfd(MemoryRegion *mr, IoRegionFd *ior, unsigned flags, GError **errp);
/* Waits until no command of this region is in flight in its channel and none can come (call after disabling it, or with vCPUs
 * stopped).  Main loop, or the home itself (returns at once). */
void memory_region_drain_home(MemoryRegion *mr);

/* An eventfd that a matching write signals: by the kernel where a listener takes it, else by our own dispatch (which uses a duplicate of fd,
 * so the caller may close its own after del).  A write that was under way during del may still signal it. */
void memory_region_add_eventfd(MemoryRegion *mr, const MemoryRegionIoeventfd *e);
void memory_region_del_eventfd(MemoryRegion *mr, const MemoryRegionIoeventfd *e);
/* Writes to [offset, offset+size) may be kept in KVM's ring until something drains it (at the latest the next exit). */
void memory_region_add_coalescing(MemoryRegion *mr, hwaddr offset, uint64_t size);
void memory_region_clear_coalescing(MemoryRegion *mr);

static inline bool memory_region_is_ram(const MemoryRegion *mr)
{
    return mr->ram;
}
void *memory_region_get_ram_ptr(MemoryRegion *mr);
int memory_region_get_fd(MemoryRegion *mr);
uint64_t memory_region_size(const MemoryRegion *mr);
const char *memory_region_name(const MemoryRegion *mr);
bool memory_region_is_mapped(const MemoryRegion *mr);
/* Pins a region (its owner) for use outside the RCU section.  Any thread; the last reference is dropped in the main loop. */
void memory_region_ref(MemoryRegion *mr);
void memory_region_unref(MemoryRegion *mr);

/* --- dirty logging ------------------------------------------------------------------------------------------- */
#define DIRTY_MEMORY_VGA 0
#define DIRTY_MEMORY_MIGRATION 1
void memory_region_set_log(MemoryRegion *mr, bool log, unsigned client);
void memory_region_set_dirty(MemoryRegion *mr, hwaddr offset, uint64_t size);   /* any thread */
/* Syncs with KVM, then returns and clears the bit of each 4 KiB page in the range into a new bitmap (g_free). */
unsigned long *memory_region_snapshot_and_clear_dirty(MemoryRegion *mr, hwaddr offset, uint64_t size, unsigned client);
bool memory_region_get_dirty(MemoryRegion *mr, hwaddr offset, uint64_t size, unsigned client);

/* --- transactions -------------------------------------------------------------------------------------------- */
/* Nestable; the outermost commit renders, publishes the FlatViews and calls the listeners. */
void memory_region_transaction_begin(void);
void memory_region_transaction_commit(void);
/* Runs fn(opaque) in the main loop once no reader can still use what was unpublished before this call (views included).  Main loop. */
void memory_defer(AioFn *fn, void *opaque);
/* Waits until all that was deferred before has run, except for what is pinned.  Main loop; for exit and tests, never from a handler. */
void memory_reclaim_barrier(void);

/* --- address spaces ---------------------------------------------------------------------------------------------- */
struct AddressSpace {
    char *name;
    MemoryRegion *root;
    Object *owner;            /* the device whose DMA goes through this space (its own regions refuse it), or NULL; not a reference */
    FlatView *current_map;    /* RCU; spaces with one root share a view */
    uint64_t generation;      /* atomic: changes with each new current_map and with enabled */
    bool enabled;             /* atomic: a PCI function's bus-master enable; false: every access is refused */
    GQueue listeners;
    GList link;
    GArray *ioeventfds;       /* what the listeners know */
    GArray *coalesced;        /* the same for coalesced ranges */
};
void address_space_init(AddressSpace *as, MemoryRegion *root, const char *name);
void address_space_destroy(AddressSpace *as);
void address_space_set_enabled(AddressSpace *as, bool enabled);   /* any thread */
MemoryRegion *get_system_memory(void);
MemoryRegion *get_system_io(void);
extern AddressSpace address_space_memory, address_space_io;
void memory_map_init(void);

/* Any length, any alignment; RAM and devices may be mixed.  The bits of the result are or-ed over the parts. Missing parts read as zero
 * (ports: all-ones). Any thread. */
MemTxResult address_space_rw(AddressSpace *as, hwaddr addr, MemTxAttrs attrs, void *buf, hwaddr len, bool is_write);
MemTxResult address_space_read(AddressSpace *as, hwaddr addr, MemTxAttrs attrs, void *buf, hwaddr len);
MemTxResult address_space_write(AddressSpace *as, hwaddr addr, MemTxAttrs attrs, const void *buf, hwaddr len);
/* One access of size 1, 2, 4 or 8; value in little-endian guest order converted to the CPU's. */
MemTxResult address_space_load(AddressSpace *as, hwaddr addr, unsigned size, uint64_t *val, MemTxAttrs attrs);
MemTxResult address_space_store(AddressSpace *as, hwaddr addr, unsigned size, uint64_t val, MemTxAttrs attrs);
/* Writes to ROM too (loaders). Main loop. */
MemTxResult address_space_write_rom(AddressSpace *as, hwaddr addr, const void *buf, hwaddr len);

/* Direct access to RAM: the host address of guest address addr, good for *len bytes (cut down as needed), and the block, pinned until
 * ram_block_unpin().  NULL when there is no (writable, if is_write) RAM.  No lock, no allocation.  Any thread.  After writing call
 * ram_block_set_dirty(). */
void *address_space_map_ram(AddressSpace *as, hwaddr addr, hwaddr *len, bool is_write, RAMBlock **block);
void ram_block_pin(RAMBlock *block);
void ram_block_unpin(RAMBlock *block);
void ram_block_set_dirty(RAMBlock *block, const void *host, hwaddr len);

uint8_t *ram_block_host(const RAMBlock *block);
uint64_t ram_block_size(const RAMBlock *block);

/* A mapping that is kept: rings and other places that a device looks at all the time.  Zeroed is empty.  Owned by one thread at a time. */
typedef struct RamCache {
    uint64_t generation;      /* of the space when host was valid */
    uint8_t *host;            /* NULL: empty */
    hwaddr addr, len;         /* the whole piece of RAM around what was looked up */
    RAMBlock *block;          /* pinned */
    bool writable;
} RamCache;
/* The host address of [addr, addr+len) or NULL when it is not RAM as one piece.  Two compares while the memory map stays as it is. */
void *ram_cache_lookup_slow(RamCache *c, AddressSpace *as, hwaddr addr, hwaddr len, bool is_write);
static inline void *ram_cache_lookup(RamCache *c, AddressSpace *as, hwaddr addr, hwaddr len, bool is_write)
{
    if (likely(c->host && c->generation == __atomic_load_n(&as->generation, __ATOMIC_ACQUIRE) && addr >= c->addr &&
               len <= c->len && addr - c->addr <= c->len - len && c->writable >= is_write)) {
        return c->host + (addr - c->addr);
    }
    return ram_cache_lookup_slow(c, as, addr, len, is_write);
}
void ram_cache_clear(RamCache *c);

/* DMA writes to device regions are posted to the main loop; this performs those that wait.  Main loop; it also happens by itself. */
void memory_flush_posted_dma(void);

/* One dispatch to a region: carried to the home where it has one (the call waits for reads and answered writes), else under the owner's lock. */
MemTxResult memory_region_dispatch_read(MemoryRegion *mr, hwaddr offset, uint64_t *val, unsigned size, MemTxAttrs attrs);
MemTxResult memory_region_dispatch_write(MemoryRegion *mr, hwaddr offset, uint64_t val, unsigned size, MemTxAttrs attrs);
/* The callbacks themselves with size and endianness rules, on the calling thread: for homes only. */
MemTxResult memory_region_local_read(MemoryRegion *mr, hwaddr offset, uint64_t *val, unsigned size, MemTxAttrs attrs);
MemTxResult memory_region_local_write(MemoryRegion *mr, hwaddr offset, uint64_t val, unsigned size, MemTxAttrs attrs);

/* --- what an address means ----------------------------------------------------------------------------------------- */
typedef struct MemoryRegionSection {
    MemoryRegion *mr;
    FlatView *fv;
    hwaddr offset_within_region;
    hwaddr offset_within_address_space;
    MemSize size;
    bool readonly;
    IoRegion *home;           /* ioregion_add, ioregion_del: as it was when the view was rendered */
} MemoryRegionSection;
/* The section that holds addr in root's address space; .mr NULL if none.  .mr is referenced: memory_region_unref(). */
MemoryRegionSection memory_region_find(AddressSpace *as, hwaddr addr);

/* --- listeners --------------------------------------------------------------------------------------------------------- */
typedef struct MemoryListener MemoryListener;
struct MemoryListener {
    const char *name;
    int priority;
    /* All may be NULL; all run in the main loop inside a commit.  del comes before add; nop for what stays. */
    void (*begin)(MemoryListener *l);
    void (*commit)(MemoryListener *l);
    void (*region_add)(MemoryListener *l, const MemoryRegionSection *s);
    void (*region_del)(MemoryListener *l, const MemoryRegionSection *s);
    void (*region_nop)(MemoryListener *l, const MemoryRegionSection *s);
    void (*log_start)(MemoryListener *l, const MemoryRegionSection *s);
    void (*log_stop)(MemoryListener *l, const MemoryRegionSection *s);
    void (*log_sync)(MemoryListener *l, const MemoryRegionSection *s);
    /* addr is an address in the space.  False: this listener cannot; the accesses then come to our own dispatch, which signals. */
    bool (*eventfd_add)(MemoryListener *l, hwaddr addr, const MemoryRegionIoeventfd *e);
    void (*eventfd_del)(MemoryListener *l, hwaddr addr, const MemoryRegionIoeventfd *e);
    /* A homed region's visible part appears or goes: engines in the kernel register it. */
    void (*ioregion_add)(MemoryListener *l, const MemoryRegionSection *s);
    void (*ioregion_del)(MemoryListener *l, const MemoryRegionSection *s);
    void (*coalesced_add)(MemoryListener *l, hwaddr addr, uint64_t size);
    void (*coalesced_del)(MemoryListener *l, hwaddr addr, uint64_t size);
    /* core's own */
    AddressSpace *address_space;
    GList link_as;
};
void memory_listener_register(MemoryListener *l, AddressSpace *as);
void memory_listener_unregister(MemoryListener *l);

/* info mtree [-f] */
void mtree_info(GString *out, bool flatview, bool owner);

/* --- PCI and DMA spelling -------------------------------------------------------------------------------------------------- */
static inline MemTxResult dma_memory_read(AddressSpace *as, hwaddr addr, void *buf, hwaddr len, MemTxAttrs attrs)
{
    attrs.dma = 1;
    return address_space_rw(as, addr, attrs, buf, len, false);
}
static inline MemTxResult dma_memory_write(AddressSpace *as, hwaddr addr, const void *buf, hwaddr len, MemTxAttrs attrs)
{
    attrs.dma = 1;
    return address_space_rw(as, addr, attrs, (void *)(uintptr_t)buf, len, true);
}

#endif
