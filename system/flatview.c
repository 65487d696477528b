/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rendering: a tree of regions becomes a sorted array of ranges.
 *
 * The tree is walked in the order of importance (subregions by falling priority, a container's own
 * contents after them), and each region fills only what nobody before it has taken.
 */
#include "qemu/osdep.h"

#include "memory-internal.h"

#define MAX_DEPTH 64 /* an alias that contains itself is a bug of ours */

/* Half-open interval of addresses; wide enough for 2^64 and for origins below zero. */
typedef struct Span {
    Int128 start, end;
} Span;

static Span span_cut(Span a, Span b)
{
    return (Span){MAX(a.start, b.start), MIN(a.end, b.end)};
}

static bool span_empty(Span s)
{
    return s.start >= s.end;
}

/* --- building
 * ------------------------------------------------------------------------------------- */

typedef struct Builder {
    GArray *ranges; /* FlatRange, sorted; mr, start, last, offset, readonly, romd are set */
    unsigned depth;
} Builder;

/* Index of the first range that ends at or behind addr. */
static unsigned first_reaching(const FlatRange *r, unsigned nr, hwaddr addr)
{
    unsigned lo = 0, hi = nr;
    while (lo < hi) {
        unsigned mid = lo + (hi - lo) / 2;
        if (r[mid].last < addr) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

/* Gives mr, whose offset 0 lies at origin, what is still free in span. */
static void fill_holes(Builder *b, MemoryRegion *mr, Int128 origin, Span span, bool readonly)
{
    unsigned i = first_reaching((FlatRange *)b->ranges->data, b->ranges->len, (hwaddr)span.start);
    Int128 pos = span.start;

    while (pos < span.end) {
        FlatRange *next = i < b->ranges->len ? &g_array_index(b->ranges, FlatRange, i) : NULL;
        if (next && (Int128)next->start <= pos) {
            pos = (Int128)next->last + 1;
            i++;
            continue;
        }
        Int128 end = next ? MIN(span.end, (Int128)next->start) : span.end;
        FlatRange piece = {
            .mr = mr,
            .start = (hwaddr)pos,
            .last = (hwaddr)(end - 1),
            .offset = (hwaddr)(pos - origin),
            .readonly = readonly,
            .romd = mr->rom_device && mr->romd_mode,
        };
        g_array_insert_val(b->ranges, i, piece);
        i++;
        pos = end;
    }
}

static void render(Builder *b, MemoryRegion *mr, Int128 origin, Span clip, bool readonly)
{
    if (!mr->enabled) {
        return;
    }
    clip = span_cut(clip, (Span){origin, origin + (Int128)mr->size});
    if (span_empty(clip)) {
        return;
    }
    g_assert(b->depth++ < MAX_DEPTH);
    readonly |= mr->readonly;
    if (mr->alias) {
        render(b, mr->alias, origin - (Int128)mr->alias_offset, clip, readonly);
    } else {
        for (GList *l = mr->subregions.head; l; l = l->next) {
            MemoryRegion *sub = l->data;
            render(b, sub, origin + (Int128)sub->addr, clip, readonly);
        }
        if (mr->terminates) {
            fill_holes(b, mr, origin, clip, readonly);
        }
    }
    b->depth--;
}

/* Neighbours that continue each other become one: a region that was filled around a piece which is
 * its own alias. */
static void merge_neighbours(GArray *ranges)
{
    guint out = 0;
    for (guint i = 1; i < ranges->len; i++) {
        FlatRange *a = &g_array_index(ranges, FlatRange, out);
        FlatRange *c = &g_array_index(ranges, FlatRange, i);
        if (a->mr == c->mr && a->last + 1 == c->start && a->readonly == c->readonly &&
            a->offset + (a->last - a->start) + 1 == c->offset) {
            a->last = c->last;
        } else {
            out++;
            g_array_index(ranges, FlatRange, out) = *c;
        }
    }
    if (ranges->len) {
        g_array_set_size(ranges, out + 1);
    }
}

/* What an access needs to know, so that it touches the region only for its callbacks. */
static void finish_range(FlatRange *r, bool io)
{
    MemoryRegion *mr = r->mr;

    if (mr->ram_block) {
        r->block = mr->ram_block;
        r->log_mask = mr->dirty_log_mask;
        bool direct = mr->ram || r->romd;
        r->host = direct ? ram_block_host(r->block) + r->offset : NULL;
        r->writable = mr->ram && !r->readonly;
    }
    r->home = __atomic_load_n(&mr->home, __ATOMIC_RELAXED);
    r->home_ctx = __atomic_load_n(&mr->home_ctx, __ATOMIC_RELAXED);
    r->home_flags = mr->home_flags;
    if (io && !mr->in_io_space) {
        __atomic_store_n(&mr->in_io_space, true, __ATOMIC_RELAXED);
    }
}

FlatView *flatview_new(MemoryRegion *root)
{
    FlatView *fv = g_new0(FlatView, 1);
    Builder b = {.ranges = g_array_new(false, false, sizeof(FlatRange))};

    fv->root = root;
    fv->refs = 1;
    if (root) {
        fv->io = root->in_io_space;
        render(&b, root, 0, (Span){0, (Int128)1 << 64}, false);
    }
    merge_neighbours(b.ranges);
    fv->nr = b.ranges->len;
    fv->ranges = (FlatRange *)g_array_free(b.ranges, false);
    for (unsigned i = 0; i < fv->nr; i++) {
        FlatRange *r = &fv->ranges[i];
        finish_range(r, fv->io);
        memory_region_ref(r->mr);
        if (r->block) {
            ram_block_ref(r->block);
        }
    }
    return fv;
}

MemoryRegion *flatview_canonical_root(MemoryRegion *root)
{
    while (root && root->alias && root->enabled && !root->readonly && root->alias_offset == 0 &&
           root->size >= root->alias->size && root->in_io_space == root->alias->in_io_space) {
        root = root->alias;
    }
    return root;
}

/* --- life
 * ------------------------------------------------------------------------------------------ */

static void flatview_free(void *opaque)
{
    FlatView *fv = opaque;

    for (unsigned i = 0; i < fv->nr; i++) {
        FlatRange *r = &fv->ranges[i];
        memory_region_release(r->mr, r->mr->owner, r->block);
    }
    g_free(fv->ranges);
    g_free(fv);
}

void flatview_ref(FlatView *fv)
{
    fv->refs++;
}

void flatview_unref(FlatView *fv)
{
    if (--fv->refs == 0) {
        memory_defer(flatview_free, fv);
    }
}

bool flatview_equal(const FlatView *a, const FlatView *b)
{
    if (a->nr != b->nr || a->io != b->io) {
        return false;
    }
    for (unsigned i = 0; i < a->nr; i++) {
        const FlatRange *x = &a->ranges[i], *y = &b->ranges[i];
        if (!flatrange_same_mapping(x, y) || !flatrange_same_home(x, y) ||
            x->log_mask != y->log_mask) {
            return false;
        }
    }
    return true;
}

/* --- looking up
 * -------------------------------------------------------------------------------------- */

/* Where this thread found something last, per view.  A hit is checked against the view, so a stale
 * entry only costs a search. */
#define HINTS 8
static __thread struct {
    const FlatView *fv;
    unsigned index;
} hints[HINTS];

static inline bool range_holds(const FlatRange *r, hwaddr addr)
{
    return addr >= r->start && addr <= r->last;
}

const FlatRange *flatview_lookup(const FlatView *fv, hwaddr addr, hwaddr *hole)
{
    /* Different kinds of addresses (BARs, low and high memory) tend to differ in bits 20 and up. */
    unsigned slot = (unsigned)(((uintptr_t)fv >> 5) ^ (addr >> 20) ^ (addr >> 30)) % HINTS;
    if (likely(hints[slot].fv == fv)) {
        unsigned i = hints[slot].index;
        if (likely(i < fv->nr && range_holds(&fv->ranges[i], addr))) {
            return &fv->ranges[i];
        }
    }
    unsigned i = first_reaching(fv->ranges, fv->nr, addr);
    if (i < fv->nr && fv->ranges[i].start <= addr) {
        hints[slot].fv = fv;
        hints[slot].index = i;
        return &fv->ranges[i];
    }
    if (hole) {
        *hole = i < fv->nr ? fv->ranges[i].start - 1 : UINT64_MAX;
    }
    return NULL;
}
