/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A bounded set of block ranges: sorted, disjoint, not touching. */
#ifndef HW_NVME_RANGES_H
#define HW_NVME_RANGES_H

#include "qemu/osdep.h"

#define NVME_RANGES_MAX 4096

typedef struct NvmeRange {
    uint64_t start, end; /* the first block behind it */
} NvmeRange;

typedef struct NvmeRanges {
    unsigned count;
    NvmeRange r[NVME_RANGES_MAX];
} NvmeRanges;

/* False: the set is full, and is as it was. */
bool nvme_ranges_add(NvmeRanges *s, uint64_t start, uint64_t nlb);
/* Where a range would have to be split and the set is full, its smaller part goes as well. */
void nvme_ranges_remove(NvmeRanges *s, uint64_t start, uint64_t nlb);
bool nvme_ranges_overlap(const NvmeRanges *s, uint64_t start, uint64_t nlb);

#endif
