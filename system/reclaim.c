/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When what was unpublished may go: after a grace period (no reader is in a section that began
 * before), and, for regions and RAM, once nobody has them pinned.
 *
 * Everything is freed in the main loop.  liburcu's callback thread only posts to it; at most one
 * callback is under way, and what comes meanwhile waits for the next: building a machine retires
 * hundreds of views.
 *
 * Pins.  An access that leaves its RCU section writes the region into a slot of its thread; a
 * release looks through all slots. That costs an access two stores where a reference count on the
 * owner would be a shared cache line.
 */
#include "qemu/osdep.h"

#include "memory-internal.h"

#include <urcu/call-rcu.h>

/* --- after a grace period ------------------------------------------------------------------------
 */

typedef struct Deferred {
    AioFn *fn;
    void *opaque;
} Deferred;

/* Main loop only, but for head while a callback is under way. */
static struct {
    struct rcu_head head;
    GArray *waiting, *running; /* Deferred */
    bool under_way;
} defer_state;

static void defer_start(void);

static void defer_run(void *unused)
{
    GArray *batch = defer_state.running;

    defer_state.running = NULL;
    for (guint i = 0; i < batch->len; i++) {
        Deferred *d = &g_array_index(batch, Deferred, i);
        d->fn(d->opaque);
    }
    g_array_unref(batch);
    defer_state.under_way = false;
    if (defer_state.waiting) {
        defer_start();
    }
}

static void defer_grace_period_over(struct rcu_head *head)
{
    rcu_reclaim_begin();
    aio_post(aio_get_main(), defer_run, NULL);
}

static void defer_start(void)
{
    defer_state.running = defer_state.waiting;
    defer_state.waiting = NULL;
    defer_state.under_way = true;
    rcu_tsan_release_();
    call_rcu(&defer_state.head, defer_grace_period_over);
}

void memory_defer(AioFn *fn, void *opaque)
{
    assert_main_loop();
    if (!defer_state.waiting) {
        defer_state.waiting = g_array_new(false, false, sizeof(Deferred));
    }
    Deferred d = {fn, opaque};
    g_array_append_val(defer_state.waiting, d);
    if (!defer_state.under_way) {
        defer_start();
    }
}

void memory_reclaim_barrier(void)
{
    assert_main_loop();
    while (defer_state.under_way) {
        aio_poll(aio_get_main(), true);
    }
}

/* --- pins
 * ------------------------------------------------------------------------------------------ */

#define PIN_SLOTS 6
#define PIN_BY_REFERENCE (-1)

typedef struct PinSlots {
    MemoryRegion *slot[PIN_SLOTS]; /* atomic; written by the owning thread */
    unsigned used;                 /* owning thread's */
    bool taken;                    /* atomic: a thread owns it */
    struct PinSlots *next;         /* constant once published */
} __attribute__((aligned(QEMU_CACHELINE))) PinSlots;

/* Grows to the largest number of threads that ever accessed memory at once; entries are used again,
 * never freed. */
static PinSlots *all_slots;
static __thread PinSlots *my_slots;
static pthread_key_t slots_key;
static pthread_once_t slots_once = PTHREAD_ONCE_INIT;

static void slots_thread_exit(void *opaque)
{
    PinSlots *p = opaque;
    g_assert(p->used == 0);
    my_slots = NULL;
    __atomic_store_n(&p->taken, false, __ATOMIC_RELEASE);
}

static void slots_make_key(void)
{
    g_assert(pthread_key_create(&slots_key, slots_thread_exit) == 0);
}

static PinSlots *slots_take(void)
{
    pthread_once(&slots_once, slots_make_key);
    PinSlots *p;
    for (p = __atomic_load_n(&all_slots, __ATOMIC_ACQUIRE); p; p = p->next) {
        bool is_free = false;
        if (__atomic_compare_exchange_n(&p->taken, &is_free, true, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED)) {
            break;
        }
    }
    if (!p) {
        p = g_aligned_alloc0(1, sizeof(*p), QEMU_CACHELINE);
        p->taken = true;
        p->next = __atomic_load_n(&all_slots, __ATOMIC_RELAXED);
        while (!__atomic_compare_exchange_n(&all_slots, &p->next, p, true, __ATOMIC_RELEASE,
                                            __ATOMIC_RELAXED)) {
        }
    }
    pthread_setspecific(slots_key, p);
    my_slots = p;
    return p;
}

int memory_region_pin(MemoryRegion *mr)
{
    PinSlots *p = my_slots;
    if (unlikely(!p)) {
        p = slots_take();
    }
    if (unlikely(p->used == PIN_SLOTS)) {
        memory_region_ref(mr);
        return PIN_BY_REFERENCE;
    }
    /* Release is enough: a release of mr waits for this RCU section to end before it looks. */
    __atomic_store_n(&p->slot[p->used], mr, __ATOMIC_RELEASE);
    return (int)p->used++;
}

void memory_region_unpin(MemoryRegion *mr, int token)
{
    if (unlikely(token == PIN_BY_REFERENCE)) {
        memory_region_unref(mr);
        return;
    }
    PinSlots *p = my_slots;
    g_assert(p->used == (unsigned)token + 1);
    p->used--;
    /* Sequentially consistent, against "set waiting, then look at the slots" in the release. */
    (void)__atomic_exchange_n(&p->slot[token], NULL, __ATOMIC_SEQ_CST);
    if (unlikely(__atomic_load_n(&memory_reclaim_waiting, __ATOMIC_SEQ_CST))) {
        memory_reclaim_kick();
    }
}

static bool region_pinned(const MemoryRegion *mr)
{
    for (PinSlots *p = __atomic_load_n(&all_slots, __ATOMIC_ACQUIRE); p; p = p->next) {
        for (unsigned i = 0; i < PIN_SLOTS; i++) {
            if (__atomic_load_n(&p->slot[i], __ATOMIC_SEQ_CST) == mr) {
                return true;
            }
        }
    }
    return false;
}

/* --- regions that wait for their pins to go
 * ---------------------------------------------------------- */

bool memory_reclaim_waiting;

typedef struct Lingering {
    MemoryRegion *mr;
    Object *owner;
    RAMBlock *block;
} Lingering;

static GHashTable *lingering; /* MemoryRegion -> Lingering; main loop */
static AioBH *linger_bh;      /* acquire: made before memory_reclaim_waiting is first set */

static void region_drop(Object *owner, RAMBlock *block)
{
    if (block) {
        ram_block_unref(block);
    }
    if (owner) {
        object_unref(owner);
    }
}

static bool in_use(MemoryRegion *mr, RAMBlock *block)
{
    return (block && ram_block_pinned(block)) || region_pinned(mr);
}

static void linger_look(void *unused)
{
    GHashTableIter it;
    Lingering *l;
    g_autoptr(GPtrArray) done = g_ptr_array_new_with_free_func(g_free);

    g_hash_table_iter_init(&it, lingering);
    while (g_hash_table_iter_next(&it, NULL, (void **)&l)) {
        if (!in_use(l->mr, l->block)) {
            g_ptr_array_add(done, l);
            g_hash_table_iter_remove(&it);
        }
    }
    if (g_hash_table_size(lingering) == 0) {
        __atomic_store_n(&memory_reclaim_waiting, false, __ATOMIC_SEQ_CST);
    }
    /* Last: dropping an owner may run its finalizer and come back here. */
    for (guint i = 0; i < done->len; i++) {
        l = g_ptr_array_index(done, i);
        region_drop(l->owner, l->block);
    }
}

void memory_reclaim_kick(void)
{
    aio_bh_schedule(__atomic_load_n(&linger_bh, __ATOMIC_ACQUIRE));
}

void memory_region_release(MemoryRegion *mr, Object *owner, RAMBlock *block)
{
    if (!owner && !block) {
        return;
    }
    if (likely(!in_use(mr, block))) {
        region_drop(owner, block);
        return;
    }
    if (!lingering) {
        lingering = g_hash_table_new(NULL, NULL);
        __atomic_store_n(&linger_bh, aio_bh_new(aio_get_main(), linger_look, NULL),
                         __ATOMIC_RELEASE);
    }
    if (g_hash_table_contains(lingering, mr)) {
        region_drop(owner, block); /* the entry holds both */
        return;
    }
    Lingering *l = g_new(Lingering, 1);
    *l = (Lingering){mr, owner, block};
    g_hash_table_insert(lingering, mr, l);
    __atomic_store_n(&memory_reclaim_waiting, true, __ATOMIC_SEQ_CST);
    if (!in_use(mr, block)) { /* the pin went between the look and the flag */
        memory_reclaim_kick();
    }
}

/* --- references
 * ---------------------------------------------------------------------------------------- */

static void unref_in_main_loop(void *owner)
{
    object_unref(owner);
}

void memory_region_ref(MemoryRegion *mr)
{
    if (mr->owner) {
        object_ref(mr->owner);
    }
}

void memory_region_unref(MemoryRegion *mr)
{
    if (!mr->owner) {
        return;
    }
    if (aio_in_home(aio_get_main())) {
        object_unref(mr->owner);
    } else {
        aio_post(aio_get_main(), unref_in_main_loop,
                 mr->owner); /* it may be the last: finalizers need the main loop */
    }
}
