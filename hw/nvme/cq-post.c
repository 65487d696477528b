/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Completion queue heads that KVM stores (ioeventfd with post-write).
 *
 * The host rings this doorbell after it has seen entries, and mostly nobody waits for that: the
 * value only has to be found when the queue looks full.  So it is left in our memory, and the
 * eventfd that comes with it has no listener until somebody waits for room, or for the pin to go
 * low; from then on it has one.
 *
 * A write of another size, or one before KVM knows of this, comes by the region's own way and may
 * be carried out after a newer head was stored: it counts if it is ahead (cq_doorbell()).
 */
#include "nvme.h"

/* KVM writes 32 bits of it. */
#define NEVER UINT64_MAX

struct NvmeCqPost {
    uint64_t head; /* atomic; written by vCPU threads */
};

/* The memory map belongs to the main loop. */
typedef struct PostCall {
    NvmeCtrl *n;
    NvmeCqPost *post;
    uint16_t qid;
    int fd;
    bool add;
} PostCall;

static void change_in_main(void *opaque)
{
    PostCall *c = opaque;
    MemoryRegionIoeventfd e = {.offset = 4, .size = 4, .fd = c->fd, .post_addr = &c->post->head};

    if (c->add) {
        memory_region_add_eventfd(&c->n->db[c->qid].mr, &e);
    } else {
        memory_region_del_eventfd(&c->n->db[c->qid].mr, &e);
        close(c->fd);
        memory_defer(g_free, c->post); /* a vCPU may just be storing there */
    }
    object_unref(c->n);
    g_free(c);
}

static void change(NvmeCq *cq, bool add)
{
    PostCall *c = g_new(PostCall, 1);

    *c = (PostCall){(NvmeCtrl *)object_ref(cq->n), cq->post, cq->id, cq->notifier.fd, add};
    aio_post(aio_get_main(), change_in_main, c);
}

void nvme_cq_post_attach(NvmeCq *cq)
{
    if (!cq->n->post_write || !event_notifier_init(&cq->notifier, false, NULL)) {
        return; /* without one the doorbell reaches us as any other write does */
    }
    cq->post_seen = NEVER;
    cq->post = g_new(NvmeCqPost, 1);
    cq->post->head = NEVER;
    change(cq, true);
}

void nvme_cq_post_detach(NvmeCq *cq)
{
    if (cq->post) {
        change(cq, false);
        cq->post = NULL;
    }
}

void nvme_cq_post_sync(NvmeCq *cq)
{
    uint64_t seen = __atomic_load_n(&cq->post->head, __ATOMIC_ACQUIRE);
    uint32_t value = seen & 0xffff;

    if (seen == cq->post_seen) {
        return;
    }
    cq->post_seen = seen;
    if (value >= cq->size) {
        nvme_aer_event_post(cq->n, NVME_AER_ERROR, NVME_AER_INVALID_DB_VALUE);
        return;
    }
    TRACE(nvme, doorbell_cq, "cqid %u head %u", cq->id, value);
    __atomic_store_n(&cq->head, value, __ATOMIC_RELAXED);
}

static void notifier_ready(void *opaque)
{
    NvmeCq *cq = opaque;

    nvme_cq_post_sync(cq);
    nvme_cq_head_moved(cq);
}

void nvme_cq_post_listen(NvmeCq *cq)
{
    if (!cq->listening) {
        cq->listening = true;
        aio_set_event_notifier(cq->ctx, &cq->notifier, notifier_ready, cq);
    }
    /* What was stored before somebody listened. */
    nvme_cq_post_sync(cq);
}

void nvme_cq_post_silence(NvmeCq *cq)
{
    if (cq->listening) {
        cq->listening = false;
        aio_set_event_notifier(cq->ctx, &cq->notifier, NULL, NULL);
    }
}
