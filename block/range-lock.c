/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Range locks of a node whose writes may have to read, modify and write whole blocks.
 *
 * Two ordinary writes may overlap: the guest asked for it.  A write that rewrites bytes which the
 * guest did not mention (serialising) waits for all that overlap its blocks, and they wait for it.
 * Requests get their locks in order of arrival.
 */
#include "block-private.h"

void range_lock_init(RangeLock *rl)
{
    qemu_mutex_init(&rl->lock);
    rl->held = rl->waiting = NULL;
}

void range_lock_destroy(RangeLock *rl)
{
    g_assert(!rl->held && !rl->waiting);
    qemu_mutex_destroy(&rl->lock);
}

static bool conflict(const BlkRequest *a, const BlkRequest *b)
{
    return (a->lock_serialising || b->lock_serialising) && a->lock_start < b->lock_end &&
           b->lock_start < a->lock_end;
}

/* True if req conflicts with one on the list, up to (not including) end. */
static bool conflicts(const BlkRequest *req, const BlkRequest *list, const BlkRequest *end)
{
    for (; list && list != end; list = list->lock_next) {
        if (conflict(req, list)) {
            return true;
        }
    }
    return false;
}

bool range_lock_take(RangeLock *rl, BlkRequest *req, uint64_t start, uint64_t end, bool serialising)
{
    QEMU_LOCK_GUARD(&rl->lock);
    BlkRequest **link;

    req->lock_start = start;
    req->lock_end = end;
    req->lock_serialising = serialising;
    if (!conflicts(req, rl->held, NULL) && !conflicts(req, rl->waiting, NULL)) {
        req->lock_held = true;
        req->lock_next = rl->held;
        rl->held = req;
        return true;
    }
    for (link = &rl->waiting; *link; link = &(*link)->lock_next) {
    }
    req->lock_next = NULL;
    *link = req;
    return false;
}

/* With the lock: those that may go now take theirs; a list by their priv. */
static BlkRequest *who_may_go(RangeLock *rl)
{
    BlkRequest **link, *go = NULL;

    for (link = &rl->waiting; *link;) {
        BlkRequest *w = *link;

        if (conflicts(w, rl->held, NULL) || conflicts(w, rl->waiting, w)) {
            link = &w->lock_next;
            continue;
        }
        *link = w->lock_next;
        w->lock_held = true;
        w->lock_next = rl->held;
        rl->held = w;
        w->priv = go;
        go = w;
    }
    return go;
}

static void restart(BlkRequest *go)
{
    while (go) {
        BlkRequest *next = go->priv;

        go->priv = NULL;
        blk_request_restart(go);
        go = next;
    }
}

bool range_lock_forget(RangeLock *rl, BlkRequest *req)
{
    BlkRequest **link, *go = NULL;
    bool waited;

    qemu_mutex_lock(&rl->lock);
    for (link = &rl->waiting; *link && *link != req; link = &(*link)->lock_next) {
    }
    waited = *link;
    if (waited) {
        *link = req->lock_next;
        go = who_may_go(rl); /* some may have waited for this one only */
    }
    qemu_mutex_unlock(&rl->lock);
    restart(go);
    return waited;
}

void range_lock_drop(RangeLock *rl, BlkRequest *req)
{
    BlkRequest **link, *go;

    qemu_mutex_lock(&rl->lock);
    for (link = &rl->held; *link != req; link = &(*link)->lock_next) {
    }
    *link = req->lock_next;
    req->lock_held = false;
    go = who_may_go(rl);
    qemu_mutex_unlock(&rl->lock);
    restart(go);
}
