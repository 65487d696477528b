/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The home's side of a mapped channel, by the rules of docs/specs/ioregionfd.rst.
 */
#ifndef KST_RING_H
#define KST_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "linux/ioregion.h"

struct ring_view {
    int fd;
    struct ioregionfd_ring *ring;
    struct ioregionfd_cmd *cmds;
    struct ioregionfd_resp *resps;
    size_t map_size;
    uint32_t head;
    uint32_t capacity, posted, answered;
    unsigned long wakes; /* calls of KVM_IOREGIONFD_WAKE */
};

/* Maps a channel's file and checks the geometry; fails the test. */
void ring_map(struct ring_view *r, int fd);
void ring_unmap(struct ring_view *r);
/* The next command if there is one. */
bool ring_take(struct ring_view *r, struct ioregionfd_cmd *cmd);
/* Puts an answer into its slot and wakes as need_wake says. */
void ring_answer(struct ring_view *r, const struct ioregionfd_resp *response);
/* Says that the home sleeps; false when a command has come meanwhile. */
bool ring_sleep(struct ring_view *r);
/* It sleeps no more; empties the eventfd. Returns how often it was kicked. */
uint64_t ring_awake(struct ring_view *r, int kick);
void ring_wake(struct ring_view *r);

#endif
