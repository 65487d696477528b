/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Listeners: what changed between two views of a space is told to those who mirror it (KVM's slots,
 * eventfds and ioregions).
 *
 * Both views are sorted, so one walk through both finds what goes, stays and comes.  What goes is
 * told before the new view is published, what comes after it.
 */
#include "qemu/osdep.h"

#include "memory-internal.h"

GQueue memory_listeners = G_QUEUE_INIT;

/* Calls a member of each listener of a queue; adding goes up the priorities, removing down. */
#define CALL_UP(queue, fn, ...) \
    for (GList *l_ = (queue)->head; l_; l_ = l_->next) { \
        MemoryListener *ml_ = l_->data; \
        if (ml_->fn) { \
            ml_->fn(ml_, ##__VA_ARGS__); \
        } \
    }
#define TELL_UP(as, fn, ...) CALL_UP(&(as)->listeners, fn, ##__VA_ARGS__)
#define TELL_DOWN(as, fn, ...) \
    for (GList *l_ = (as)->listeners.tail; l_; l_ = l_->prev) { \
        MemoryListener *ml_ = l_->data; \
        if (ml_->fn) { \
            ml_->fn(ml_, ##__VA_ARGS__); \
        } \
    }

MemoryRegionSection section_of_range(const FlatView *fv, const FlatRange *r)
{
    return (MemoryRegionSection){
        .mr = r->mr,
        .fv = (FlatView *)fv,
        .offset_within_region = r->offset,
        .offset_within_address_space = r->start,
        .size = (MemSize)(r->last - r->start) + 1,
        .readonly = r->readonly || (r->mr->rom_device && r->romd),
        .home = r->home,
    };
}

void listeners_begin(void)
{
    CALL_UP(&memory_listeners, begin);
}

void listeners_commit(void)
{
    CALL_UP(&memory_listeners, commit);
}

/* --- ranges
 * ---------------------------------------------------------------------------------------- */

/* The range of fv that lies where r lies, or NULL; *pos walks forward through fv. */
static const FlatRange *counterpart(const FlatView *fv, unsigned *pos, const FlatRange *r)
{
    while (fv && *pos < fv->nr && fv->ranges[*pos].start < r->start) {
        ++*pos;
    }
    if (!fv || *pos == fv->nr) {
        return NULL;
    }
    const FlatRange *c = &fv->ranges[*pos];
    return flatrange_same_mapping(c, r) ? c : NULL;
}

void listeners_remove(AddressSpace *as, const FlatView *old, const FlatView *new_view)
{
    if (!old || !as->listeners.head) {
        return;
    }
    unsigned pos = 0;
    for (unsigned i = 0; i < old->nr; i++) {
        const FlatRange *o = &old->ranges[i];
        const FlatRange *n = counterpart(new_view, &pos, o);
        MemoryRegionSection s = section_of_range(old, o);
        if (o->home && !(n && flatrange_same_home(o, n))) {
            TELL_DOWN(as, ioregion_del, &s);
        }
        if (o->log_mask && !(n && n->log_mask)) {
            TELL_DOWN(as, log_stop, &s);
        }
        if (!n) {
            TELL_DOWN(as, region_del, &s);
        }
    }
}

void listeners_add(AddressSpace *as, const FlatView *old, const FlatView *new_view)
{
    if (!as->listeners.head) {
        return;
    }
    unsigned pos = 0;
    for (unsigned i = 0; i < new_view->nr; i++) {
        const FlatRange *n = &new_view->ranges[i];
        const FlatRange *o = counterpart(old, &pos, n);
        MemoryRegionSection s = section_of_range(new_view, n);
        if (o) {
            TELL_UP(as, region_nop, &s);
        } else {
            TELL_UP(as, region_add, &s);
        }
        if (n->log_mask && !(o && o->log_mask)) {
            TELL_UP(as, log_start, &s);
        }
        if (n->home && !(o && flatrange_same_home(o, n))) {
            TELL_UP(as, ioregion_add, &s);
        }
    }
}

void listeners_log_sync(MemoryRegion *mr)
{
    for (GList *a = address_spaces.head; a; a = a->next) {
        AddressSpace *as = a->data;
        FlatView *fv = as->current_map;
        for (unsigned i = 0; as->listeners.head && i < fv->nr; i++) {
            if (fv->ranges[i].mr == mr) {
                MemoryRegionSection s = section_of_range(fv, &fv->ranges[i]);
                TELL_UP(as, log_sync, &s);
            }
        }
    }
}

/* --- eventfds and coalesced ranges
 * --------------------------------------------------------------------- */

static int compare_eventfd(const void *pa, const void *pb)
{
    const AddressIoeventfd *a = pa, *b = pb;
#define CMP(x) \
    if (a->x != b->x) { \
        return a->x < b->x ? -1 : 1; \
    }
    CMP(addr)
    CMP(e.size)
    CMP(e.match_data)
    CMP(e.data)
    CMP(e.fd)
    CMP(e.post_addr)
#undef CMP
    return 0;
}

/* All eventfds that show in fv as a whole, sorted. */
static GArray *visible_eventfds(const FlatView *fv)
{
    GArray *out = g_array_new(false, false, sizeof(AddressIoeventfd));

    for (unsigned i = 0; i < fv->nr; i++) {
        const FlatRange *r = &fv->ranges[i];
        for (unsigned k = 0; r->mr->ioeventfds && k < r->mr->ioeventfds->len; k++) {
            MemoryRegionIoeventfd *e = &g_array_index(r->mr->ioeventfds, MemoryRegionIoeventfd, k);
            unsigned size = MAX(e->size, 1);
            if (e->offset >= r->offset && e->offset - r->offset <= r->last - r->start &&
                r->last - r->start - (e->offset - r->offset) >= size - 1) {
                AddressIoeventfd a = {.addr = r->start + (e->offset - r->offset), .e = *e};
                g_array_append_val(out, a);
            }
        }
    }
    g_array_sort(out, compare_eventfd);
    return out;
}

static void eventfd_gone(AddressSpace *as, const AddressIoeventfd *a)
{
    if (a->taken) {
        TELL_DOWN(as, eventfd_del, a->addr, &a->e);
    }
}

static void eventfd_came(AddressSpace *as, AddressIoeventfd *a)
{
    for (GList *l = as->listeners.head; l; l = l->next) {
        MemoryListener *ml = l->data;
        a->taken |= ml->eventfd_add && ml->eventfd_add(ml, a->addr, &a->e);
    }
}

/* Two passes over two sorted arrays: what is only in old goes, then what is only in fresh comes. */
static void diff_eventfds(AddressSpace *as, GArray *old, GArray *fresh)
{
    for (unsigned pass = 0; pass < 2; pass++) {
        guint i = 0, j = 0;
        while (i < old->len || j < fresh->len) {
            AddressIoeventfd *o = i < old->len ? &g_array_index(old, AddressIoeventfd, i) : NULL;
            AddressIoeventfd *n =
                j < fresh->len ? &g_array_index(fresh, AddressIoeventfd, j) : NULL;
            int c = !o ? 1 : !n ? -1 : compare_eventfd(o, n);
            if (c < 0 && pass == 0) {
                eventfd_gone(as, o);
            } else if (c > 0 && pass == 1) {
                eventfd_came(as, n);
            } else if (c == 0) {
                n->taken = o->taken;
            }
            i += c <= 0;
            j += c >= 0;
        }
    }
}

static int compare_coalesced(const void *pa, const void *pb)
{
    const CoalescedRange *a = pa, *b = pb;
    if (a->start != b->start) {
        return a->start < b->start ? -1 : 1;
    }
    return a->size < b->size ? -1 : a->size > b->size;
}

static GArray *visible_coalesced(const FlatView *fv)
{
    GArray *out = g_array_new(false, false, sizeof(CoalescedRange));

    for (unsigned i = 0; i < fv->nr; i++) {
        const FlatRange *r = &fv->ranges[i];
        for (unsigned k = 0; r->mr->coalesced && k < r->mr->coalesced->len; k++) {
            CoalescedRange *c = &g_array_index(r->mr->coalesced, CoalescedRange, k);
            hwaddr first = MAX(c->start, r->offset);
            hwaddr last = MIN(c->start + (c->size - 1), r->offset + (r->last - r->start));
            if (c->size && first <= last) {
                CoalescedRange a = {r->start + (first - r->offset), last - first + 1};
                g_array_append_val(out, a);
            }
        }
    }
    g_array_sort(out, compare_coalesced);
    return out;
}

static void diff_coalesced(AddressSpace *as, GArray *old, GArray *fresh)
{
    for (unsigned pass = 0; pass < 2; pass++) {
        guint i = 0, j = 0;
        while (i < old->len || j < fresh->len) {
            CoalescedRange *o = i < old->len ? &g_array_index(old, CoalescedRange, i) : NULL;
            CoalescedRange *n = j < fresh->len ? &g_array_index(fresh, CoalescedRange, j) : NULL;
            int c = !o ? 1 : !n ? -1 : compare_coalesced(o, n);
            if (c < 0 && pass == 0) {
                TELL_DOWN(as, coalesced_del, o->start, o->size);
            } else if (c > 0 && pass == 1) {
                TELL_UP(as, coalesced_add, n->start, n->size);
            }
            i += c <= 0;
            j += c >= 0;
        }
    }
}

void address_space_update_eventfds(AddressSpace *as)
{
    if (!as->listeners.head) {
        return;
    }
    GArray *fresh = visible_eventfds(as->current_map);
    diff_eventfds(as, as->ioeventfds, fresh);
    g_array_unref(as->ioeventfds);
    as->ioeventfds = fresh;

    fresh = visible_coalesced(as->current_map);
    diff_coalesced(as, as->coalesced, fresh);
    g_array_unref(as->coalesced);
    as->coalesced = fresh;
}

/* --- registration
 * ---------------------------------------------------------------------------------------- */

static int by_priority(const void *pa, const void *pb, void *unused)
{
    const MemoryListener *a = pa, *b = pb;
    return a->priority < b->priority ? -1 : a->priority > b->priority;
}

/* A listener hears of the present state as if all of it were new (add) or had gone (!add). */
static void replay(MemoryListener *l, AddressSpace *as, bool add)
{
    GQueue all = as->listeners, only = G_QUEUE_INIT;

    g_queue_push_tail_link(&only, &(GList){.data = l});
    as->listeners = only;
    if (l->begin) {
        l->begin(l);
    }
    if (add) {
        listeners_add(as, NULL, as->current_map);
        g_autoptr(GArray) fresh = visible_eventfds(as->current_map);
        g_autoptr(GArray) ranges = visible_coalesced(as->current_map);
        g_autoptr(GArray) none = g_array_new(false, false, 1);
        diff_eventfds(as, none, fresh);
        diff_coalesced(as, none, ranges);
        /* Others may have taken some of these before; both facts count. */
        for (guint i = 0; i < fresh->len && i < as->ioeventfds->len; i++) {
            g_array_index(fresh, AddressIoeventfd, i).taken |=
                g_array_index(as->ioeventfds, AddressIoeventfd, i).taken;
        }
        g_array_unref(g_steal_pointer(&as->ioeventfds));
        as->ioeventfds = g_steal_pointer(&fresh);
        g_array_unref(g_steal_pointer(&as->coalesced));
        as->coalesced = g_steal_pointer(&ranges);
    } else {
        g_autoptr(GArray) none = g_array_new(false, false, 1);
        diff_eventfds(as, as->ioeventfds, none);
        diff_coalesced(as, as->coalesced, none);
        FlatView empty = {.root = as->root};
        listeners_remove(as, as->current_map, &empty);
    }
    if (l->commit) {
        l->commit(l);
    }
    as->listeners = all;
}

void memory_listener_register(MemoryListener *l, AddressSpace *as)
{
    assert_main_loop();
    g_assert(!memory_in_transaction() && !l->address_space);
    l->address_space = as;
    l->link_as = (GList){.data = l};
    if (!as->listeners.head) { /* nobody kept these up to date */
        g_array_set_size(as->ioeventfds, 0);
        g_array_set_size(as->coalesced, 0);
    }
    replay(l, as, true);
    g_queue_insert_sorted(&memory_listeners, l, by_priority, NULL);
    GList *at = as->listeners.head;
    while (at && ((MemoryListener *)at->data)->priority <= l->priority) {
        at = at->next;
    }
    if (at) {
        g_queue_insert_before_link(&as->listeners, at, &l->link_as);
    } else {
        g_queue_push_tail_link(&as->listeners, &l->link_as);
    }
}

void memory_listener_unregister(MemoryListener *l)
{
    assert_main_loop();
    g_assert(!memory_in_transaction() && l->address_space);
    AddressSpace *as = l->address_space;
    replay(l, as, false);
    g_queue_unlink(&as->listeners, &l->link_as);
    g_queue_remove(&memory_listeners, l);
    l->address_space = NULL;
}
