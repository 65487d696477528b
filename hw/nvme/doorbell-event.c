/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Eventfds of doorbells.
 *
 * Queues come and go as fast as a host sends commands, and the memory map is the main loop's, which
 * may be busy.  So an eventfd belongs to the doorbell and not to the queue: it is made when a queue
 * first needs one and stays until the controller is unrealized; a new queue of the same number
 * finds it there.  What the main loop has not done yet costs speed only: until then a write comes
 * by the region's own way.
 *
 * An eventfd with a word (heads) stores the value and may stay registered for ever.  One without a
 * word (tails) loses it, so it may be registered only while the host shadows its doorbells.  The
 * end of that is a controller reset, which ends when the main loop has taken them away.
 */
#include "nvme.h"

/* A line each: processors write them at each completion that they see. */
struct NvmePostedHead {
    uint64_t head; /* atomic; written by vCPU threads */
} __attribute__((aligned(QEMU_CACHELINE)));

static void reconcile(NvmeDoorbell *db, NvmeDoorbellEvent *ev, hwaddr offset)
{
    bool wanted = __atomic_load_n(&ev->wanted, __ATOMIC_ACQUIRE);
    MemoryRegionIoeventfd e = {
        .offset = offset, .size = 4, .fd = ev->notifier.fd, .post_addr = ev->word};

    if (wanted != ev->registered) {
        (wanted ? memory_region_add_eventfd : memory_region_del_eventfd)(&db->mr, &e);
        ev->registered = wanted;
    }
}

static void reconcile_all(NvmeCtrl *n)
{
    memory_region_transaction_begin();
    for (unsigned id = 1; id < n->num_db; id++) {
        reconcile(&n->db[id], &n->db[id].sq_event, 0);
        reconcile(&n->db[id], &n->db[id].cq_event, 4);
    }
    memory_region_transaction_commit();
}

/* Main loop. */
static void events_changed(void *opaque)
{
    NvmeCtrl *n = opaque;
    /* First: what the home took back before it asked is seen then. */
    bool asked = __atomic_exchange_n(&n->events_asked, false, __ATOMIC_ACQ_REL);

    reconcile_all(n);
    if (asked) {
        aio_bh_schedule(n->events_gone_bh);
    }
}

static void events_gone(void *opaque)
{
    NvmeCtrl *n = opaque;

    n->events_leaving = false;
    nvme_queues_gone(n);
}

bool nvme_doorbell_event_want(NvmeCtrl *n, NvmeDoorbellEvent *ev)
{
    if (__atomic_load_n(&ev->wanted, __ATOMIC_RELAXED)) {
        return true;
    }
    if (ev->notifier.fd < 0 && !event_notifier_init(&ev->notifier, false, NULL)) {
        return false;
    }
    __atomic_store_n(&ev->wanted, true, __ATOMIC_RELEASE);
    aio_bh_schedule(n->events_bh);
    return true;
}

bool nvme_doorbell_events_leave(NvmeCtrl *n)
{
    bool any = false;

    for (unsigned id = 1; id < n->num_db; id++) {
        any |= __atomic_exchange_n(&n->db[id].sq_event.wanted, false, __ATOMIC_ACQ_REL);
    }
    if (any) {
        n->events_leaving = true;
        __atomic_store_n(&n->events_asked, true, __ATOMIC_RELEASE);
        aio_bh_schedule(n->events_bh);
    }
    return any;
}

void nvme_doorbell_events_init(NvmeCtrl *n)
{
    if (n->post_write) {
        n->posted = g_aligned_alloc0(n->num_db, sizeof(*n->posted), QEMU_CACHELINE);
    }
    for (unsigned id = 0; id < n->num_db; id++) {
        n->db[id].sq_event.notifier.fd = n->db[id].cq_event.notifier.fd = -1;
        n->db[id].cq_event.word = n->post_write ? &n->posted[id].head : NULL;
    }
    n->events_bh = aio_bh_new(aio_get_main(), events_changed, n);
    n->events_gone_bh = aio_bh_new(n->home, events_gone, n);
}

void nvme_doorbell_events_exit(NvmeCtrl *n)
{
    if (!n->events_bh) {
        return; /* not even initialized */
    }
    g_clear_pointer(&n->events_bh, aio_bh_delete);
    g_clear_pointer(&n->events_gone_bh, aio_bh_delete);
    for (unsigned id = 1; id < n->num_db; id++) {
        n->db[id].sq_event.wanted = n->db[id].cq_event.wanted = false;
    }
    reconcile_all(n);
}

/* Who takes an eventfd back from the kernel still needs it, and a vCPU may store until then. */
void nvme_doorbell_events_free(NvmeCtrl *n)
{
    for (unsigned id = 0; n->db && id < n->num_db; id++) {
        event_notifier_cleanup(&n->db[id].sq_event.notifier);
        event_notifier_cleanup(&n->db[id].cq_event.notifier);
    }
    g_aligned_free(n->posted);
}
