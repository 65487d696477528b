/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Completion queue heads that KVM stores (ioeventfd with post-write).
 *
 * The host rings this doorbell after it has seen entries, and mostly nobody waits for that: the
 * value only has to be found when the queue looks full.  So it is left in our memory, and the
 * eventfd that comes with it has no listener until somebody waits for room, or for the pin to go
 * low.  A call that finds nobody waiting is the last one.
 *
 * The word always has the newest head of the two ways that there are: a write of another size, or
 * one before KVM knows of this, comes by the region's own way, and if it counts it is put into the
 * word as KVM would have done.  So a word that has changed is a head that nobody has seen.  It
 * begins at 0, as the head does, and no value of the host's means anything else: one that cannot be
 * is reported when somebody looks, and not before; a write for which there is no queue is not
 * reported.
 *
 * While the host shadows its doorbells, its page has what counts, and a change of the word only
 * says that there is something to see.
 */
#include "nvme.h"

static EventNotifier *notifier_of(NvmeCq *cq)
{
    return &cq->n->db[cq->id].cq_event.notifier;
}

void nvme_cq_post_attach(NvmeCq *cq)
{
    NvmeDoorbellEvent *ev = &cq->n->db[cq->id].cq_event;

    /* Without one the doorbell reaches us as any other write does. */
    if (ev->word && nvme_doorbell_event_want(cq->n, ev)) {
        cq->post = ev->word;
        __atomic_store_n(cq->post, 0, __ATOMIC_RELAXED); /* of the last queue of this number */
    }
}

void nvme_cq_post_sync(NvmeCq *cq)
{
    uint64_t seen = __atomic_load_n(cq->post, __ATOMIC_ACQUIRE);

    if (seen != cq->post_seen) {
        cq->post_seen = seen;
        if (unlikely(nvme_dbbuf_on(cq->n))) {
            nvme_dbbuf_cq_head(cq, false); /* first: it tells whether the word counts */
        }
        if (!cq->shadowed) {
            nvme_cq_take_head(cq, seen & 0xffff);
        }
    }
}

void nvme_cq_post_note(NvmeCq *cq, uint32_t head)
{
    uint64_t seen = cq->post_seen;

    /* If it fails, a newer one has come. */
    if (__atomic_compare_exchange_n(cq->post, &seen, head, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_RELAXED)) {
        cq->post_seen = head;
    }
}

static void notifier_ready(void *opaque)
{
    NvmeCq *cq = opaque;
    bool awaited = cq->irq_pin || cq->done;

    nvme_cq_post_sync(cq);
    if (nvme_dbbuf_on(cq->n)) {
        nvme_dbbuf_cq_head(cq, awaited);
    }
    nvme_cq_head_moved(cq);
    if (!awaited) {
        nvme_cq_post_silence(cq);
    }
}

void nvme_cq_post_listen(NvmeCq *cq)
{
    if (!cq->listening) {
        cq->listening = true;
        aio_set_event_notifier(cq->ctx, notifier_of(cq), notifier_ready, cq);
    }
    /* What was stored before somebody listened. */
    nvme_cq_post_sync(cq);
}

void nvme_cq_post_silence(NvmeCq *cq)
{
    if (cq->listening) {
        cq->listening = false;
        aio_set_event_notifier(cq->ctx, notifier_of(cq), NULL, NULL);
    }
}
