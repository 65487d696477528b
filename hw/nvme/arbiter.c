/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Weighted round robin with urgent class (NVMe 1.4, section 4.13.2), among the submission queues of
 * one context.
 *
 * Queues that have commands are in a list of their class.  A turn serves urgent ones first, then as
 * many commands of high, medium and low priority as their weights say, each queue in bursts.
 * Bounded: what is left waits for the next iteration of the loop, so that a doorbell of a higher
 * class is seen in between.
 */
#include "nvme.h"

enum { URGENT, HIGH, MEDIUM, LOW, CLASSES };
#define TURN_MAX 64

typedef struct NvmeArbiter {
    NvmeCtrl *n;
    AioContext *ctx;
    AioBH *bh;
    NvmeSq *first[CLASSES], **last[CLASSES];
} NvmeArbiter;

static void append(NvmeArbiter *a, NvmeSq *sq)
{
    sq->arb_listed = true;
    sq->arb_next = NULL;
    *a->last[sq->priority] = sq;
    a->last[sq->priority] = &sq->arb_next;
}

static NvmeSq *take(NvmeArbiter *a, unsigned class)
{
    NvmeSq *sq = a->first[class];

    if (sq) {
        a->first[class] = sq->arb_next;
        if (!a->first[class]) {
            a->last[class] = &a->first[class];
        }
        sq->arb_listed = false;
    }
    return sq;
}

void nvme_arbiter_add(NvmeSq *sq)
{
    if (!sq->arb_listed && !sq->deleting) {
        append(sq->arbiter, sq);
    }
    aio_bh_schedule(sq->arbiter->bh);
}

void nvme_arbiter_remove(NvmeSq *sq)
{
    NvmeArbiter *a = sq->arbiter;

    if (!a || !sq->arb_listed) {
        return;
    }
    for (NvmeSq **p = &a->first[sq->priority]; *p; p = &(*p)->arb_next) {
        if (*p == sq) {
            *p = sq->arb_next;
            break;
        }
    }
    a->last[sq->priority] = &a->first[sq->priority];
    while (*a->last[sq->priority]) {
        a->last[sq->priority] = &(*a->last[sq->priority])->arb_next;
    }
    sq->arb_listed = false;
}

/* Up to credit commands of a class, its queues in turn. */
static uint32_t serve(NvmeArbiter *a, unsigned class, uint32_t credit, uint32_t burst)
{
    uint32_t done = 0;

    while (done < credit) {
        NvmeSq *sq = take(a, class);
        uint32_t count;

        if (!sq) {
            break;
        }
        count = nvme_sq_fetch(sq, MIN(burst, credit - done));
        done += count;
        if (count && nvme_sq_waiting(sq)) {
            append(a, sq);
        }
    }
    return done;
}

static void turn(void *opaque)
{
    NvmeArbiter *a = opaque;
    uint32_t f = __atomic_load_n(&a->n->feat_arbitration, __ATOMIC_RELAXED);
    uint32_t burst = (f & 7) == 7 ? TURN_MAX : 1u << (f & 7), done = 0;
    const uint32_t weight[CLASSES] = {
        [HIGH] = (f >> 24) + 1, [MEDIUM] = (f >> 16 & 0xff) + 1, [LOW] = (f >> 8 & 0xff) + 1};
    bool more = true;

    while (done < TURN_MAX && more) {
        more = false;
        for (unsigned class = HIGH; class < CLASSES; class ++) {
            done += serve(a, URGENT, TURN_MAX, burst);
            done += serve(a, class, weight[class], burst);
            more |= a->first[class] != NULL;
        }
    }
    for (unsigned class = URGENT; class < CLASSES; class ++) {
        if (a->first[class]) {
            aio_bh_schedule(a->bh);
        }
    }
}

/* --- life: at home --------------------------------------------------------------------------- */

void nvme_arbiters_init(NvmeCtrl *n)
{
    n->arbiters = g_new0(NvmeArbiter, n->num_db);
    n->num_arbiters = 0;
    for (unsigned id = 1; id < n->num_db; id++) {
        AioContext *ctx = nvme_queue_ctx(n, id);
        NvmeArbiter *a;

        if (nvme_arbiter_of(n, id)) {
            continue;
        }
        a = &n->arbiters[n->num_arbiters++];
        a->n = n;
        a->ctx = ctx;
        a->bh = aio_bh_new(ctx, turn, a);
        for (unsigned class = 0; class < CLASSES; class ++) {
            a->last[class] = &a->first[class];
        }
    }
}

NvmeArbiter *nvme_arbiter_of(NvmeCtrl *n, uint16_t cqid)
{
    for (unsigned i = 0; i < n->num_arbiters; i++) {
        if (n->arbiters[i].ctx == nvme_queue_ctx(n, cqid)) {
            return &n->arbiters[i];
        }
    }
    return NULL;
}

static void delete_bh(void *opaque)
{
    aio_bh_delete(((NvmeArbiter *)opaque)->bh);
}

void nvme_arbiters_free(NvmeCtrl *n)
{
    for (unsigned i = 0; i < n->num_arbiters; i++) {
        aio_call(n->arbiters[i].ctx, delete_bh, &n->arbiters[i]);
    }
    n->num_arbiters = 0;
    g_clear_pointer(&n->arbiters, g_free);
}
