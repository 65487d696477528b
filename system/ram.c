/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RAM blocks: the host memory behind a region, its life and its dirty bitmaps. */
#include "qemu/osdep.h"

#include "memory-internal.h"

#include <sys/mman.h>

#define PAGE_BITS 12
#define PAGE_SIZE (UINT64_C(1) << PAGE_BITS)
#define HUGE_PAGE (UINT64_C(2) << 20)
#define WORD_BITS 64
#define DIRTY_CLIENTS 2

/* refs: pins of accesses in the low half, holds of regions and views in the high half. */
#define REF_PIN UINT64_C(1)
#define REF_HOLD (UINT64_C(1) << 32)
#define REF_PINS(refs) ((uint32_t)(refs))

struct RAMBlock {
    uint8_t *host;
    uint64_t size;
    uint8_t *map; /* what munmap() gets; NULL: the memory is the caller's */
    uint64_t map_size;
    int fd;
    uint8_t log_mask;               /* relaxed atomic */
    uint64_t *dirty[DIRTY_CLIENTS]; /* release-published once, freed with the block; atomic words */
    /* Every DMA in flight counts here; a line of its own keeps that from slowing down readers of
     * host. */
    uint64_t refs __attribute__((aligned(QEMU_CACHELINE)));
};

/* A private mapping that costs nothing until it is touched, aligned so that huge pages fit. */
static uint8_t *map_anonymous(uint64_t size, uint8_t **map, uint64_t *map_size)
{
    uint64_t align = size >= HUGE_PAGE ? HUGE_PAGE : PAGE_SIZE;
    uint64_t total = ALIGN_UP(size, PAGE_SIZE) + (align - PAGE_SIZE);
    if (total < size) {
        errno = ENOMEM;
        return NULL;
    }
    uint8_t *p = mmap(NULL, total, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) {
        return NULL;
    }
    uint8_t *host = (uint8_t *)ALIGN_UP((uintptr_t)p, align);
    if (align == HUGE_PAGE) {
        madvise(host, ALIGN_UP(size, PAGE_SIZE),
                MADV_HUGEPAGE); /* a wish; without it things are only slower */
    }
    *map = p;
    *map_size = total;
    return host;
}

#ifdef RCU_TSAN
void AnnotateBenignRaceSized(const char *file, int line, const volatile void *mem, size_t size,
                             const char *text);
/* A guest polls a ring while a device writes to it: that is what guest memory is for. */
#define guest_memory_races_are_fine(p, size) \
    AnnotateBenignRaceSized(__FILE__, __LINE__, p, size, "guest memory")
#else
#define guest_memory_races_are_fine(p, size) ((void)0)
#endif

static RAMBlock *block_alloc(uint64_t size, uint8_t *host, int fd)
{
    guest_memory_races_are_fine(host, size);
    RAMBlock *b = g_aligned_alloc0(1, sizeof(*b), QEMU_CACHELINE);
    b->host = host;
    b->size = size;
    b->fd = fd;
    b->refs = REF_HOLD;
    return b;
}

RAMBlock *ram_block_new(uint64_t size, GError **errp)
{
    uint8_t *map;
    uint64_t map_size;
    uint8_t *host = map_anonymous(size, &map, &map_size);
    if (!host) {
        error_setg_errno(errp, errno, "cannot set up guest memory of %" PRIu64 " bytes", size);
        return NULL;
    }
    RAMBlock *b = block_alloc(size, host, -1);
    b->map = map;
    b->map_size = map_size;
    return b;
}

RAMBlock *ram_block_new_ptr(uint64_t size, void *ptr, int fd)
{
    return block_alloc(size, ptr, fd);
}

static void block_free(void *opaque)
{
    RAMBlock *b = opaque;

    if (b->map) {
        munmap(b->map, b->map_size);
    }
    for (unsigned i = 0; i < DIRTY_CLIENTS; i++) {
        g_free(b->dirty[i]);
    }
    g_aligned_free(b);
}

static void refs_add(RAMBlock *b, uint64_t n)
{
    __atomic_fetch_add(&b->refs, n, __ATOMIC_RELAXED);
}

static void refs_sub(RAMBlock *b, uint64_t n)
{
    /* Sequentially consistent, against "set memory_reclaim_waiting, then look at refs" in
     * reclaim.c. */
    uint64_t left = __atomic_sub_fetch(&b->refs, n, __ATOMIC_SEQ_CST);
    if (unlikely(left == 0)) {
        block_free(b);
    } else if (unlikely(REF_PINS(left) == 0 &&
                        __atomic_load_n(&memory_reclaim_waiting, __ATOMIC_SEQ_CST))) {
        memory_reclaim_kick();
    }
}

void ram_block_ref(RAMBlock *block)
{
    refs_add(block, REF_HOLD);
}

void ram_block_unref(RAMBlock *block)
{
    refs_sub(block, REF_HOLD);
}

void ram_block_pin(RAMBlock *block)
{
    refs_add(block, REF_PIN);
}

void ram_block_unpin(RAMBlock *block)
{
    refs_sub(block, REF_PIN);
}

bool ram_block_pinned(RAMBlock *block)
{
    return REF_PINS(__atomic_load_n(&block->refs, __ATOMIC_SEQ_CST)) != 0;
}

uint8_t *ram_block_host(const RAMBlock *block)
{
    return block->host;
}

uint64_t ram_block_size(const RAMBlock *block)
{
    return block->size;
}

int ram_block_fd(const RAMBlock *block)
{
    return block->fd;
}

/* --- dirty pages -------------------------------------------------------------------------------
 */

void ram_block_set_log_mask(RAMBlock *block, uint8_t mask)
{
    for (unsigned i = 0; i < DIRTY_CLIENTS; i++) {
        if ((mask & BIT(i)) && !block->dirty[i]) {
            uint64_t words = DIV_ROUND_UP(DIV_ROUND_UP(block->size, PAGE_SIZE), WORD_BITS);
            __atomic_store_n(&block->dirty[i], g_new0(uint64_t, MAX(words, 1)), __ATOMIC_RELEASE);
        }
    }
    __atomic_store_n(&block->log_mask, mask, __ATOMIC_RELEASE);
}

/* Calls for each word that pages [first, end) touch; mask has the bits in question. */
#define FOR_EACH_WORD(first, end, word, mask) \
    for (uint64_t p_ = (first), word, mask; \
         p_ < (end) && \
         (word = p_ / WORD_BITS, \
         mask = MASK_ULL(MIN((end)-p_, WORD_BITS - p_ % WORD_BITS)) << (p_ % WORD_BITS), true); \
         p_ = (p_ / WORD_BITS + 1) * WORD_BITS)

/* The pages that [offset, offset + len) touches, cut to the block. */
static bool page_range(const RAMBlock *b, uint64_t offset, uint64_t len, uint64_t *first,
                       uint64_t *end)
{
    if (offset >= b->size || !len) {
        return false;
    }
    len = MIN(len, b->size - offset);
    *first = offset >> PAGE_BITS;
    *end = ((offset + len - 1) >> PAGE_BITS) + 1;
    return true;
}

void ram_block_set_dirty_range(RAMBlock *block, uint64_t offset, uint64_t len)
{
    uint8_t clients = __atomic_load_n(&block->log_mask, __ATOMIC_ACQUIRE);
    uint64_t first, end;
    if (likely(!clients) || !page_range(block, offset, len, &first, &end)) {
        return;
    }
    for (unsigned i = 0; i < DIRTY_CLIENTS; i++) {
        if (!(clients & BIT(i))) {
            continue;
        }
        uint64_t *map = __atomic_load_n(&block->dirty[i], __ATOMIC_ACQUIRE);
        FOR_EACH_WORD(first, end, w, mask)
        {
            if ((__atomic_load_n(&map[w], __ATOMIC_RELAXED) & mask) != mask) {
                __atomic_fetch_or(&map[w], mask, __ATOMIC_RELEASE);
            }
        }
    }
}

void ram_block_set_dirty(RAMBlock *block, const void *host, hwaddr len)
{
    ram_block_set_dirty_range(block, (uint64_t)((const uint8_t *)host - block->host), len);
}

void memory_region_set_dirty(MemoryRegion *mr, hwaddr offset, uint64_t size)
{
    if (mr->ram_block) {
        ram_block_set_dirty_range(mr->ram_block, offset, size);
    }
}

void memory_region_set_log(MemoryRegion *mr, bool log, unsigned client)
{
    assert_main_loop();
    g_assert(client < DIRTY_CLIENTS && mr->ram_block);
    uint8_t mask = log ? mr->dirty_log_mask | BIT(client) : mr->dirty_log_mask & ~BIT(client);
    if (mask == mr->dirty_log_mask) {
        return;
    }
    memory_region_transaction_begin();
    __atomic_store_n(&mr->dirty_log_mask, mask, __ATOMIC_RELAXED);
    ram_block_set_log_mask(mr->ram_block, mask);
    memory_map_changed();
    memory_region_transaction_commit();
}

unsigned long *memory_region_snapshot_and_clear_dirty(MemoryRegion *mr, hwaddr offset,
                                                      uint64_t size, unsigned client)
{
    assert_main_loop();
    g_assert(client < DIRTY_CLIENTS);
    listeners_log_sync(mr);

    uint64_t pages = size ? ((offset + size - 1) >> PAGE_BITS) - (offset >> PAGE_BITS) + 1 : 0;
    uint64_t *out = g_new0(uint64_t, MAX(DIV_ROUND_UP(pages, WORD_BITS), 1));
    RAMBlock *b = mr->ram_block;
    uint64_t first, end;
    if (!b || !b->dirty[client] || !page_range(b, offset, size, &first, &end)) {
        return (unsigned long *)out;
    }
    FOR_EACH_WORD(first, end, w, mask)
    {
        uint64_t got = __atomic_load_n(&b->dirty[client][w], __ATOMIC_RELAXED) & mask;
        if (!got) {
            continue;
        }
        got &= __atomic_fetch_and(&b->dirty[client][w], ~mask, __ATOMIC_ACQ_REL);
        for (; got; got &= got - 1) {
            uint64_t page = w * WORD_BITS + (unsigned)__builtin_ctzll(got) - first;
            out[page / WORD_BITS] |= BIT_ULL(page % WORD_BITS);
        }
    }
    return (unsigned long *)out;
}

bool memory_region_get_dirty(MemoryRegion *mr, hwaddr offset, uint64_t size, unsigned client)
{
    g_assert(client < DIRTY_CLIENTS);
    RAMBlock *b = mr->ram_block;
    uint64_t *map = b ? __atomic_load_n(&b->dirty[client], __ATOMIC_ACQUIRE) : NULL;
    uint64_t first, end;
    if (!map || !page_range(b, offset, size, &first, &end)) {
        return false;
    }
    FOR_EACH_WORD(first, end, w, mask)
    {
        if (__atomic_load_n(&map[w], __ATOMIC_ACQUIRE) & mask) {
            return true;
        }
    }
    return false;
}
