/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ring: a bounded queue of commands, many producers, one consumer (the home), in one total
 * order.
 *
 * A command is in the ring when its slot's turn says so, which one exchange does: it is a full
 * barrier as well, so that the producer's next look at the home's "asleep" flag cannot pass it.
 * Slots carry the lap they are in, so that zeroed memory is an empty ring and no page is touched
 * before it is used.
 *
 * Posted commands may fill the ring up to a limit only; what is above is kept for answered
 * commands, of which each thread has one.
 */
#ifndef IOREGIONFD_RING_H
#define IOREGIONFD_RING_H

#include "qemu/osdep.h"

#include <linux/ioregion.h>

typedef struct IoRingSlot {
    uint64_t turn; /* atomic: 2 * lap: free; 2 * lap + 1: holds a command */
    uint32_t attrs;
    uint32_t unused;
    struct ioregionfd_cmd cmd;
} __attribute__((aligned(QEMU_CACHELINE))) IoRingSlot;

typedef struct IoRing {
    /* producers' line */
    uint64_t tail __attribute__((aligned(QEMU_CACHELINE))); /* atomic */
    /* the home's line */
    uint64_t head __attribute__((aligned(QEMU_CACHELINE))); /* atomic; written by the home only */
    /* everybody's line, not written */
    IoRingSlot *slots __attribute__((aligned(QEMU_CACHELINE)));
    uint64_t capacity; /* a power of two */
    unsigned shift;    /* its logarithm */
    uint64_t posted_limit;
} IoRing;

/* Room for posted commands and, besides, answered ones.  False if there is no memory. */
bool io_ring_init(IoRing *r, unsigned posted, unsigned answered);
void io_ring_destroy(IoRing *r);

/* Puts a command in unless limit or more lie there (posted_limit, or capacity for answered ones).
 * No lock, no system call. A full barrier when it returns true.  Any thread. */
static inline bool io_ring_push(IoRing *r, uint64_t limit, const struct ioregionfd_cmd *cmd,
                                uint32_t attrs)
{
    uint64_t pos = __atomic_load_n(&r->tail, __ATOMIC_RELAXED);
    IoRingSlot *slot;

    do {
        /* head is read after tail and only grows: the difference may be too small, not too large,
         * by what was consumed in between, and a stale tail fails the swap.  A tail older than head
         * cannot win either. */
        if ((int64_t)(pos - __atomic_load_n(&r->head, __ATOMIC_ACQUIRE)) >= (int64_t)limit) {
            return false;
        }
    } while (!__atomic_compare_exchange_n(&r->tail, &pos, pos + 1, true, __ATOMIC_SEQ_CST,
                                          __ATOMIC_RELAXED));
    slot = &r->slots[pos & (r->capacity - 1)];
    /* The slot is free: the home frees a slot before it moves head. */
    slot->cmd = *cmd;
    slot->attrs = attrs;
    __atomic_exchange_n(&slot->turn, (pos >> r->shift) * 2 + 1, __ATOMIC_SEQ_CST);
    return true;
}

/* True if a command is ready.  Home only. */
static inline bool io_ring_ready(const IoRing *r)
{
    uint64_t head = r->head;

    return __atomic_load_n(&r->slots[head & (r->capacity - 1)].turn, __ATOMIC_SEQ_CST) ==
           (head >> r->shift) * 2 + 1;
}

/* Takes the oldest command; false if none is ready.  Home only. */
static inline bool io_ring_pop(IoRing *r, struct ioregionfd_cmd *cmd, uint32_t *attrs)
{
    uint64_t head = r->head;
    IoRingSlot *slot = &r->slots[head & (r->capacity - 1)];
    uint64_t lap = head >> r->shift;

    if (__atomic_load_n(&slot->turn, __ATOMIC_ACQUIRE) != lap * 2 + 1) {
        return false;
    }
    *cmd = slot->cmd;
    *attrs = slot->attrs;
    __atomic_store_n(&slot->turn, (lap + 1) * 2, __ATOMIC_RELEASE);
    __atomic_store_n(&r->head, head + 1, __ATOMIC_RELEASE);
    return true;
}

/* Positions put in so far. Any thread. */
static inline uint64_t io_ring_tail(const IoRing *r)
{
    return __atomic_load_n(&r->tail, __ATOMIC_SEQ_CST);
}

/* --- the home's sleep
 * ------------------------------------------------------------------------------------------- */

/* The home is about to sleep; true if it must not.  *asleep is shared by all rings of a home. */
static inline bool io_ring_sleep(uint32_t *asleep, const IoRing *a, const IoRing *b)
{
    __atomic_exchange_n(asleep, 1, __ATOMIC_SEQ_CST);
    if (io_ring_ready(a) || (b && io_ring_ready(b))) {
        __atomic_store_n(asleep, 0, __ATOMIC_RELAXED);
        return true;
    }
    return false;
}

/* After a push: true if the caller must wake the home. Of several callers one is told so. */
static inline bool io_ring_must_kick(uint32_t *asleep)
{
    return unlikely(__atomic_load_n(asleep, __ATOMIC_SEQ_CST)) &&
           __atomic_exchange_n(asleep, 0, __ATOMIC_SEQ_CST);
}

#endif
