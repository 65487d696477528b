/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A region's ioeventfds and coalesced ranges.
 *
 * KVM learns of them through the listeners.  Writes that come to us all the same (qtest, other
 * devices, sizes that KVM does not match) are compared here; that table is replaced as a whole and
 * read under RCU.
 */
#include "qemu/osdep.h"

#include "memory-internal.h"

#include <fcntl.h>

static bool same_eventfd(const MemoryRegionIoeventfd *a, const MemoryRegionIoeventfd *b)
{
    return a->offset == b->offset && a->size == b->size && a->match_data == b->match_data &&
           (!a->match_data || a->data == b->data) && a->fd == b->fd && a->post_addr == b->post_addr;
}

static void table_free(void *opaque)
{
    IoeventfdTable *t = opaque;

    for (unsigned i = 0; i < t->nr; i++) {
        if (t->e[i].fd >= 0) {
            close(t->e[i].fd);
        }
    }
    g_free(t);
}

static void table_publish(MemoryRegion *mr)
{
    IoeventfdTable *old = mr->ioeventfd_table, *t = NULL;
    unsigned nr = mr->ioeventfds ? mr->ioeventfds->len : 0;

    if (nr) {
        t = g_malloc0(sizeof(*t) + nr * sizeof(t->e[0]));
        t->nr = nr;
        for (unsigned i = 0; i < nr; i++) {
            t->e[i] = g_array_index(mr->ioeventfds, MemoryRegionIoeventfd, i);
            /* One of our own: the caller may close its fd while a reader still holds this table.
             * Out of descriptors it is -1, and such writes go to the callbacks. */
            t->e[i].fd = fcntl(t->e[i].fd, F_DUPFD_CLOEXEC, 3);
        }
    }
    rcu_publish(&mr->ioeventfd_table, t);
    if (old) {
        memory_defer(table_free, old);
    }
}

void memory_region_add_eventfd(MemoryRegion *mr, const MemoryRegionIoeventfd *e)
{
    assert_main_loop();
    g_assert(e->size == 0 || e->size == 1 || e->size == 2 || e->size == 4 || e->size == 8);
    memory_region_transaction_begin();
    if (!mr->ioeventfds) {
        mr->ioeventfds = g_array_new(false, false, sizeof(*e));
    }
    g_array_append_val(mr->ioeventfds, *e);
    table_publish(mr);
    memory_eventfds_changed();
    memory_region_transaction_commit();
}

void memory_region_del_eventfd(MemoryRegion *mr, const MemoryRegionIoeventfd *e)
{
    assert_main_loop();
    unsigned nr = mr->ioeventfds ? mr->ioeventfds->len : 0, i;
    for (i = 0;
         i < nr && !same_eventfd(&g_array_index(mr->ioeventfds, MemoryRegionIoeventfd, i), e);
         i++) {
    }
    g_assert(i < nr);
    memory_region_transaction_begin();
    g_array_remove_index(mr->ioeventfds, i);
    table_publish(mr);
    memory_eventfds_changed();
    memory_region_transaction_commit();
}

void memory_region_free_eventfds(MemoryRegion *mr)
{
    if (mr->ioeventfds) {
        g_array_set_size(mr->ioeventfds, 0);
        table_publish(mr);
        g_clear_pointer(&mr->ioeventfds, g_array_unref);
    }
}

bool memory_region_signal_eventfds(MemoryRegion *mr, hwaddr offset, uint64_t val, unsigned size)
{
    if (likely(!__atomic_load_n(&mr->ioeventfd_table, __ATOMIC_RELAXED))) {
        return false;
    }
    RCU_READ_GUARD();
    const IoeventfdTable *t = rcu_load(&mr->ioeventfd_table);
    for (unsigned i = 0; t && i < t->nr; i++) {
        const MemoryRegionIoeventfd *e = &t->e[i];
        if (e->offset != offset || (e->size && e->size != size) || e->fd < 0 ||
            (e->match_data && ((e->data ^ val) & MASK_ULL(size * 8)))) {
            continue;
        }
        if (e->post_addr) {
            __atomic_store_n(e->post_addr, val, __ATOMIC_RELEASE);
        }
        uint64_t one = 1;
        ssize_t n = RETRY_ON_EINTR(write(e->fd, &one, sizeof(one)));
        return n == sizeof(one) ||
               errno == EAGAIN; /* EAGAIN: the counter is full, so it is readable */
    }
    return false;
}

/* --- coalescing
 * -------------------------------------------------------------------------------------- */

void memory_region_add_coalescing(MemoryRegion *mr, hwaddr offset, uint64_t size)
{
    assert_main_loop();
    CoalescedRange c = {offset, size};
    memory_region_transaction_begin();
    if (!mr->coalesced) {
        mr->coalesced = g_array_new(false, false, sizeof(c));
    }
    g_array_append_val(mr->coalesced, c);
    memory_eventfds_changed();
    memory_region_transaction_commit();
}

void memory_region_clear_coalescing(MemoryRegion *mr)
{
    assert_main_loop();
    if (!mr->coalesced) {
        return;
    }
    memory_region_transaction_begin();
    g_clear_pointer(&mr->coalesced, g_array_unref);
    memory_eventfds_changed();
    memory_region_transaction_commit();
}
