/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A bounded set of block ranges. */
#include "ranges.h"

/* The first range that ends at or behind block. */
static unsigned find(const NvmeRanges *s, uint64_t block)
{
    unsigned lo = 0, hi = s->count;

    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;

        if (s->r[mid].end < block) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

/* Puts n ranges in the place of those from first to (not including) last. */
static void replace(NvmeRanges *s, unsigned first, unsigned last, const NvmeRange *with, unsigned n)
{
    memmove(&s->r[first + n], &s->r[last], (s->count - last) * sizeof(s->r[0]));
    memcpy(&s->r[first], with, n * sizeof(s->r[0]));
    s->count = s->count - (last - first) + n;
}

bool nvme_ranges_add(NvmeRanges *s, uint64_t start, uint64_t nlb)
{
    NvmeRange r = {start, start + nlb};
    unsigned first = find(s, start), last = first;

    if (!nlb) {
        return true;
    }
    for (; last < s->count && s->r[last].start <= r.end; last++) {
        r.start = MIN(r.start, s->r[last].start);
        r.end = MAX(r.end, s->r[last].end);
    }
    if (first == last && s->count == NVME_RANGES_MAX) {
        return false;
    }
    replace(s, first, last, &r, 1);
    return true;
}

void nvme_ranges_remove(NvmeRanges *s, uint64_t start, uint64_t nlb)
{
    uint64_t end = start + nlb;
    unsigned first = find(s, start + 1), last = first, n = 0;
    NvmeRange rest[2];

    if (!nlb) {
        return;
    }
    for (; last < s->count && s->r[last].start < end; last++) {
        const NvmeRange *r = &s->r[last];

        if (r->start < start) {
            rest[n++] = (NvmeRange){r->start, start};
        }
        if (r->end > end) {
            rest[n++] = (NvmeRange){end, r->end};
        }
    }
    if (n > last - first && s->count == NVME_RANGES_MAX) {
        if (rest[0].end - rest[0].start < rest[1].end - rest[1].start) {
            rest[0] = rest[1];
        }
        n = 1;
    }
    replace(s, first, last, rest, n);
}

bool nvme_ranges_overlap(const NvmeRanges *s, uint64_t start, uint64_t nlb)
{
    unsigned i = find(s, start + 1);

    return nlb && i < s->count && s->r[i].start < start + nlb;
}
