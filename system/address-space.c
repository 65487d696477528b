/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Address spaces, and transactions: changes of the tree take effect together, at the outermost
 * commit. */
#include "qemu/osdep.h"

#include "memory-internal.h"

AddressSpace address_space_memory, address_space_io;
GQueue address_spaces = G_QUEUE_INIT;

static MemoryRegion *system_memory, *system_io;

static unsigned transaction_depth;
static bool map_pending, eventfds_pending;

void memory_map_changed(void)
{
    g_assert(transaction_depth);
    map_pending = true;
}

void memory_eventfds_changed(void)
{
    g_assert(transaction_depth);
    eventfds_pending = true;
}

bool memory_in_transaction(void)
{
    return transaction_depth != 0;
}

void memory_region_transaction_begin(void)
{
    assert_main_loop();
    transaction_depth++;
}

/* --- taking effect
 * --------------------------------------------------------------------------------- */

static void publish(AddressSpace *as, FlatView *fv)
{
    FlatView *old = as->current_map;

    flatview_ref(fv);
    rcu_publish(&as->current_map, fv);
    /* After the view: who sees the new number looks at the new view. */
    __atomic_fetch_add(&as->generation, 1, __ATOMIC_RELEASE);
    if (old) {
        flatview_unref(old);
    }
}

/* Renders each root once. Views that came out as they were stay in place. */
static GHashTable *render_all(void)
{
    GHashTable *views =
        g_hash_table_new(NULL, NULL); /* canonical root -> FlatView, one reference each */

    for (GList *l = address_spaces.head; l; l = l->next) {
        AddressSpace *as = l->data;
        MemoryRegion *root = flatview_canonical_root(as->root);
        if (g_hash_table_contains(views, root)) {
            continue;
        }
        FlatView *fv = flatview_new(root);
        if (as->current_map && as->current_map->root == root &&
            flatview_equal(fv, as->current_map)) {
            flatview_unref(fv);
            fv = as->current_map;
            flatview_ref(fv);
        }
        g_hash_table_insert(views, root, fv);
    }
    return views;
}

static void update_maps(void)
{
    g_autoptr(GHashTable) views = render_all();
    GHashTableIter it;
    FlatView *fv;

    for (GList *l = address_spaces.head; l; l = l->next) {
        AddressSpace *as = l->data;
        fv = g_hash_table_lookup(views, flatview_canonical_root(as->root));
        FlatView *old = as->current_map;
        if (old) {
            flatview_ref(old); /* listeners compare with it after it was replaced */
        }
        listeners_remove(as, old, fv);
        if (old != fv) {
            publish(as, fv);
        }
        listeners_add(as, old, fv);
        if (old) {
            flatview_unref(old);
        }
    }
    g_hash_table_iter_init(&it, views);
    while (g_hash_table_iter_next(&it, NULL, (void **)&fv)) {
        flatview_unref(fv);
    }
}

void memory_region_transaction_commit(void)
{
    assert_main_loop();
    g_assert(transaction_depth);
    if (--transaction_depth || !(map_pending || eventfds_pending)) {
        return;
    }
    bool map = map_pending;
    map_pending = eventfds_pending = false;
    listeners_begin();
    if (map) {
        update_maps();
    }
    for (GList *l = address_spaces.head; l; l = l->next) {
        address_space_update_eventfds(l->data);
    }
    listeners_commit();
}

/* --- spaces
 * --------------------------------------------------------------------------------------------- */

void address_space_init(AddressSpace *as, MemoryRegion *root, const char *name)
{
    assert_main_loop();
    memset(as, 0, sizeof(*as));
    as->name = g_strdup(name);
    as->root = root;
    as->enabled = true;
    g_queue_init(&as->listeners);
    as->ioeventfds = g_array_new(false, false, sizeof(AddressIoeventfd));
    as->coalesced = g_array_new(false, false, sizeof(CoalescedRange));
    as->link.data = as;
    memory_region_ref(root);

    /* A view that another space with this root has is taken over as it is: adding a space changes
     * nothing for others. */
    FlatView *fv = NULL;
    MemoryRegion *shared = flatview_canonical_root(root);
    for (GList *l = address_spaces.head; l && !fv && !map_pending; l = l->next) {
        AddressSpace *other = l->data;
        if (other->current_map->root == shared) {
            fv = other->current_map;
            flatview_ref(fv);
        }
    }
    if (!fv) {
        fv = flatview_new(shared);
    }
    publish(as, fv);
    flatview_unref(fv);
    g_queue_push_tail_link(&address_spaces, &as->link);
}

void address_space_destroy(AddressSpace *as)
{
    assert_main_loop();
    g_assert(!as->listeners.head);
    address_space_set_enabled(as, false);
    g_queue_unlink(&address_spaces, &as->link);
    FlatView *old = as->current_map;
    rcu_publish(&as->current_map, NULL);
    flatview_unref(old);
    memory_region_unref(as->root);
    g_array_unref(as->ioeventfds);
    g_array_unref(as->coalesced);
    g_clear_pointer(&as->name, g_free);
}

void address_space_set_enabled(AddressSpace *as, bool enabled)
{
    if (__atomic_exchange_n(&as->enabled, enabled, __ATOMIC_ACQ_REL) != enabled) {
        __atomic_fetch_add(&as->generation, 1, __ATOMIC_RELEASE);
    }
}

MemoryRegion *get_system_memory(void)
{
    return system_memory;
}

MemoryRegion *get_system_io(void)
{
    return system_io;
}

void memory_map_init(void)
{
    g_assert(!system_memory);
    system_memory = g_new0(MemoryRegion, 1);
    memory_region_init(system_memory, NULL, "system", MEMORY_SIZE_MAX);
    address_space_init(&address_space_memory, system_memory, "memory");

    system_io = g_new0(MemoryRegion, 1);
    memory_region_init(system_io, NULL, "io", 65536);
    system_io->in_io_space = true;
    address_space_init(&address_space_io, system_io, "I/O");
}
