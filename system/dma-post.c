/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Peer-to-peer writes: a device's DMA that hits a device's region.
 *
 * The writing device may hold its own lock or be at its own home, so nothing of the target may run
 * here.  The write is queued for the main loop, which may wait for any home.  The queue is bounded;
 * what a guest makes overflow is dropped.
 */
#include "qemu/osdep.h"

#include "memory-internal.h"

#define QUEUE_MAX 256

typedef struct PostedWrite {
    MemoryRegion *mr; /* referenced */
    hwaddr offset;
    uint64_t val;
    unsigned size;
    MemTxAttrs attrs;
} PostedWrite;

/* lock guards all of it; a leaf lock. */
static struct {
    pthread_mutex_t lock;
    PostedWrite entry[QUEUE_MAX];
    unsigned head, count;
    bool scheduled;
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool take(PostedWrite *w)
{
    pthread_mutex_lock(&queue.lock);
    bool any = queue.count != 0;
    if (any) {
        *w = queue.entry[queue.head];
        queue.head = (queue.head + 1) % QUEUE_MAX;
        queue.count--;
    }
    pthread_mutex_unlock(&queue.lock);
    return any;
}

/* Bounded: a write may cause further ones; those wait for the next round. */
void memory_flush_posted_dma(void)
{
    assert_main_loop();
    PostedWrite w;
    for (unsigned i = 0; i < QUEUE_MAX && take(&w); i++) {
        memory_region_dispatch_write(w.mr, w.offset, w.val, w.size, w.attrs);
        memory_region_unref(w.mr);
    }
}

static void run_queue(void *unused)
{
    memory_flush_posted_dma();
    pthread_mutex_lock(&queue.lock);
    bool more = queue.count != 0;
    queue.scheduled = more;
    pthread_mutex_unlock(&queue.lock);
    if (more) {
        aio_post(aio_get_main(), run_queue, NULL);
    }
}

bool dma_post_write(MemoryRegion *mr, hwaddr offset, uint64_t val, unsigned size, MemTxAttrs attrs)
{
    bool ok, start = false;

    pthread_mutex_lock(&queue.lock);
    ok = queue.count < QUEUE_MAX;
    if (ok) {
        memory_region_ref(mr);
        queue.entry[(queue.head + queue.count++) % QUEUE_MAX] =
            (PostedWrite){mr, offset, val, size, attrs};
        start = !queue.scheduled;
        queue.scheduled = true;
    }
    pthread_mutex_unlock(&queue.lock);
    if (start) {
        aio_post(aio_get_main(), run_queue, NULL);
    }
    return ok;
}
