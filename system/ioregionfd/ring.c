/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory of the command ring (see ring.h). */
#include "ring.h"

#include <sys/mman.h>

bool io_ring_init(IoRing *r, unsigned posted, unsigned answered)
{
    uint64_t capacity = 16;
    void *p;

    while (capacity < (uint64_t)posted + answered) {
        capacity *= 2;
    }
    /* Zero pages of the kernel's, touched as the ring fills. */
    p = mmap(NULL, capacity * sizeof(IoRingSlot), PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        return false;
    }
    r->slots = p;
    r->capacity = capacity;
    r->shift = __builtin_ctzll(capacity);
    r->posted_limit = capacity - answered;
    r->head = r->tail = 0;
    return true;
}

void io_ring_destroy(IoRing *r)
{
    if (r->slots) {
        munmap(r->slots, r->capacity * sizeof(IoRingSlot));
        r->slots = NULL;
    }
}
