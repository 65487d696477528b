/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FlatViews against a naive model: what does each single address mean?
 *
 * A round builds a random tree of up to MAX_NODES regions (containers, aliases, I/O, RAM, ROM,
 * homed ones, eventfds) in a window of WINDOW addresses, then changes it a few times.  After each
 * step the model, which knows nothing of ranges, is asked for every address; three things must
 * agree with it: what a listener was told (so adds and dels balance), what memory_region_find()
 * says, and what an access reads.  `--seed` of the GLib test runner repeats a run; ROUNDS in the
 * environment sets the number of trees.
 */
#include "qemu/osdep.h"

#include "qemu/rcu.h"
#include "system/memory.h"

#include "../include/soak.h"

#include <sys/eventfd.h>

#define WINDOW 96
#define MAX_NODES 14
#define MAX_EVENTS 3
#define STEPS 3
#define EVERYDAY_ROUNDS 100000
#define SOAK_ROUNDS 2000000

typedef enum Kind { CONTAINER, IO, RAM, ROM, ALIAS } Kind;

typedef struct Node {
    MemoryRegion mr;
    Kind kind;
    int size, addr, prio, alias_offset;
    unsigned age; /* larger: put into its container later */
    bool enabled, readonly, mapped;
    struct Node *parent, *alias;
    AioContext *home;
    unsigned home_flags;
    MemoryRegionIoeventfd ev[MAX_EVENTS];
    int nev;
    uint8_t tag; /* what a read of offset 0 gives; offset n gives tag + n */
} Node;

/* What an address means. */
typedef struct Meaning {
    const Node *node; /* NULL: nothing */
    int offset;
    bool readonly;
} Meaning;

static Node nodes[MAX_NODES];
static int nr_nodes;
static unsigned clock_now;
static uint8_t ram[MAX_NODES][WINDOW];
static GRand *rnd;
static int event_fd[4];
static AioContext *homes[3];
static hwaddr base; /* of the window in the space */

static int pick(int lo, int hi)
{
    return g_rand_int_range(rnd, lo, hi + 1);
}

static bool chance(int percent)
{
    return pick(0, 99) < percent;
}

/* --- the model
 * ------------------------------------------------------------------------------------ */

/* The child that comes after (prio, age) in order of importance: higher priority first, then the
 * newer. */
static const Node *next_child(const Node *parent, const Node *after)
{
    const Node *best = NULL;
    for (int i = 0; i < nr_nodes; i++) {
        const Node *n = &nodes[i];
        if (n->parent != parent || !n->mapped) {
            continue;
        }
        if (after && (n->prio > after->prio || (n->prio == after->prio && n->age >= after->age))) {
            continue;
        }
        if (!best || n->prio > best->prio || (n->prio == best->prio && n->age > best->age)) {
            best = n;
        }
    }
    return best;
}

static Meaning ask(const Node *n, int offset, bool readonly)
{
    Meaning m = {NULL};

    if (!n->enabled || offset < 0 || offset >= n->size) {
        return m;
    }
    readonly |= n->readonly;
    if (n->kind == ALIAS) {
        return ask(n->alias, offset + n->alias_offset, readonly);
    }
    for (const Node *c = next_child(n, NULL); c; c = next_child(n, c)) {
        m = ask(c, offset - c->addr, readonly);
        if (m.node) {
            return m;
        }
    }
    if (n->kind != CONTAINER) {
        m = (Meaning){n, offset, readonly};
    }
    return m;
}

static bool same_piece(const Meaning *a, const Meaning *b, int distance)
{
    return a->node == b->node && a->offset + distance == b->offset && a->readonly == b->readonly;
}

/* --- what the listener was told
 * ---------------------------------------------------------------------- */

typedef struct Told {
    const MemoryRegion *mr;
    hwaddr offset;
    bool readonly;
    const IoRegion *home;
} Told;

static Told told[WINDOW];
static const IoRegion *told_home[WINDOW];
static GHashTable *told_events; /* "addr size match data fd" */
static int nops_left;
static unsigned begins, commits;

static int window_index(hwaddr addr)
{
    g_assert_cmphex(addr, >=, base);
    g_assert_cmphex(addr - base, <, WINDOW);
    return (int)(addr - base);
}

static void on_begin(MemoryListener *l)
{
    begins++;
}

static void on_commit(MemoryListener *l)
{
    commits++;
}

static void on_add(MemoryListener *l, const MemoryRegionSection *s)
{
    int at = window_index(s->offset_within_address_space);
    for (int i = 0; i < (int)s->size; i++) {
        g_assert_null(told[at + i].mr);
        told[at + i] = (Told){s->mr, s->offset_within_region + i, s->readonly, NULL};
    }
}

static void on_del(MemoryListener *l, const MemoryRegionSection *s)
{
    int at = window_index(s->offset_within_address_space);
    for (int i = 0; i < (int)s->size; i++) {
        g_assert_true(told[at + i].mr == s->mr);
        g_assert_cmphex(told[at + i].offset, ==, s->offset_within_region + i);
        told[at + i].mr = NULL;
    }
}

static void on_nop(MemoryListener *l, const MemoryRegionSection *s)
{
    int at = window_index(s->offset_within_address_space);
    for (int i = 0; i < (int)s->size; i++) {
        g_assert_true(told[at + i].mr == s->mr);
    }
    nops_left++;
}

static void on_ioregion_add(MemoryListener *l, const MemoryRegionSection *s)
{
    int at = window_index(s->offset_within_address_space);
    g_assert_nonnull(s->home);
    for (int i = 0; i < (int)s->size; i++) {
        g_assert_null(told_home[at + i]);
        told_home[at + i] = s->home;
    }
}

static void on_ioregion_del(MemoryListener *l, const MemoryRegionSection *s)
{
    int at = window_index(s->offset_within_address_space);
    for (int i = 0; i < (int)s->size; i++) {
        g_assert_true(told_home[at + i] == s->home);
        told_home[at + i] = NULL;
    }
}

static char *event_key(hwaddr addr, const MemoryRegionIoeventfd *e)
{
    return g_strdup_printf("%" PRIx64 " %u %d %" PRIx64 " %d", addr, e->size, e->match_data,
                           e->data, e->fd);
}

static bool on_eventfd_add(MemoryListener *l, hwaddr addr, const MemoryRegionIoeventfd *e)
{
    char *key = event_key(addr, e);
    unsigned n = GPOINTER_TO_UINT(g_hash_table_lookup(told_events, key));
    g_hash_table_insert(told_events, key, GUINT_TO_POINTER(n + 1));
    return true;
}

static void on_eventfd_del(MemoryListener *l, hwaddr addr, const MemoryRegionIoeventfd *e)
{
    char *key = event_key(addr, e);
    unsigned n = GPOINTER_TO_UINT(g_hash_table_lookup(told_events, key));
    g_assert_cmpuint(n, >, 0);
    if (n == 1) {
        g_hash_table_remove(told_events, key);
        g_free(key);
    } else {
        g_hash_table_insert(told_events, key, GUINT_TO_POINTER(n - 1));
    }
}

static MemoryListener listener = {
    .name = "test",
    .begin = on_begin,
    .commit = on_commit,
    .region_add = on_add,
    .region_del = on_del,
    .region_nop = on_nop,
    .ioregion_add = on_ioregion_add,
    .ioregion_del = on_ioregion_del,
    .eventfd_add = on_eventfd_add,
    .eventfd_del = on_eventfd_del,
};

/* --- random trees
 * --------------------------------------------------------------------------------------- */

static uint64_t node_read(void *opaque, hwaddr offset, unsigned size)
{
    const Node *n = opaque;
    return (uint8_t)(n->tag + offset);
}

static void node_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
}

static const MemoryRegionOps node_ops = {
    .read = node_read,
    .write = node_write,
    .impl = {1, 1, false},
};

static void set_home(Node *n)
{
    n->home = homes[pick(0, 2)];
    n->home_flags = n->home && chance(50) ? MEMORY_HOME_POSTED_WRITES : 0;
    memory_region_set_home(&n->mr, n->home, n->home_flags);
}

static void add_event(Node *n)
{
    static const unsigned sizes[] = {0, 1, 2, 4, 8};
    MemoryRegionIoeventfd e = {
        .offset = (hwaddr)pick(0, n->size - 1),
        .size = sizes[pick(0, 4)],
        .fd = event_fd[pick(0, 3)],
    };
    if (e.size && chance(50)) {
        e.match_data = true;
        e.data = (uint64_t)pick(0, 3);
    }
    n->ev[n->nev++] = e;
    memory_region_add_eventfd(&n->mr, &e);
}

static void del_event(Node *n)
{
    int i = pick(0, n->nev - 1);
    memory_region_del_eventfd(&n->mr, &n->ev[i]);
    n->ev[i] = n->ev[--n->nev];
}

/* Whether looking at from can lead to target: an alias to it would be a loop. */
static bool reaches(const Node *from, const Node *target)
{
    if (from == target) {
        return true;
    }
    if (from->kind == ALIAS) {
        return reaches(from->alias, target);
    }
    for (int i = 0; i < nr_nodes; i++) {
        if (nodes[i].parent == from && reaches(&nodes[i], target)) {
            return true;
        }
    }
    return false;
}

static void map_node(Node *n)
{
    n->age = ++clock_now;
    n->mapped = true;
    if (n->prio || chance(50)) {
        memory_region_add_subregion_overlap(&n->parent->mr, (hwaddr)n->addr, &n->mr, n->prio);
    } else {
        memory_region_add_subregion(&n->parent->mr, (hwaddr)n->addr, &n->mr);
    }
}

static void make_node(int i)
{
    Node *n = &nodes[i];
    g_autofree char *name = g_strdup_printf("node%d", i);

    memset(n, 0, sizeof(*n));
    n->tag = (uint8_t)(i * 17 + 1);
    n->enabled = true;
    n->size = i == 0 ? WINDOW : pick(1, chance(30) ? WINDOW : WINDOW / 4);
    n->prio = chance(50) ? 0 : pick(-2, 2);
    int kind = i == 0 ? 0 : pick(0, 99);
    n->kind = kind < 25 ? CONTAINER : kind < 60 ? IO : kind < 72 ? RAM : kind < 77 ? ROM : ALIAS;
    do {
        n->parent = i == 0 ? NULL : &nodes[pick(0, i - 1)];
    } while (n->parent && n->parent->kind == ALIAS);
    if (n->kind == ALIAS) {
        n->alias = &nodes[pick(0, i - 1)];
        if (reaches(n->alias, n->parent)) {
            n->kind = IO;
        }
    }
    switch (n->kind) {
    case CONTAINER:
        memory_region_init(&n->mr, NULL, name, (MemSize)n->size);
        break;
    case IO:
        memory_region_init_io(&n->mr, NULL, &node_ops, n, name, (MemSize)n->size);
        break;
    case RAM:
    case ROM:
        memory_region_init_ram_ptr(&n->mr, NULL, name, (uint64_t)n->size, ram[i], -1);
        for (int k = 0; k < n->size; k++) {
            ram[i][k] = (uint8_t)(n->tag + k);
        }
        if (n->kind == ROM) {
            n->readonly = true;
            memory_region_set_readonly(&n->mr, true);
        }
        break;
    case ALIAS:
        n->alias_offset = pick(0, n->alias->size);
        memory_region_init_alias(&n->mr, NULL, name, &n->alias->mr, (hwaddr)n->alias_offset,
                                 (MemSize)n->size);
        break;
    }
    if (i && chance(10)) {
        n->enabled = false;
        memory_region_set_enabled(&n->mr, false);
    }
    if (n->kind != ROM && n->kind != RAM && chance(8)) {
        n->readonly = true;
        memory_region_set_readonly(&n->mr, true);
    }
    if (n->kind == IO) {
        while (n->nev < MAX_EVENTS && chance(15)) {
            add_event(n);
        }
        if (chance(4)) {
            set_home(n);
        }
    }
    if (n->parent) {
        n->addr = pick(0, n->parent->size);
        if (chance(95)) {
            map_node(n);
        }
    }
}

/* One random change of the tree and of the model. */
static void change(void)
{
    Node *n = &nodes[pick(1, nr_nodes - 1)];

    switch (chance(3) ? 7 : pick(0, 6)) {
    case 0:
        n->enabled = !n->enabled;
        memory_region_set_enabled(&n->mr, n->enabled);
        break;
    case 1: /* a BAR moves */
    case 2: {
        int to = pick(0, n->parent->size);
        if (to != n->addr) {
            n->addr = to;
            n->age = ++clock_now;
            memory_region_set_address(&n->mr, (hwaddr)to);
        }
        break;
    }
    case 3:
        if (n->mapped) {
            memory_region_del_subregion(&n->parent->mr, &n->mr);
            n->mapped = false;
        } else {
            map_node(n);
        }
        break;
    case 4:
        if (n->kind != RAM && n->kind != ROM) {
            n->size = pick(1, WINDOW / 2);
            memory_region_set_size(&n->mr, (MemSize)n->size);
        }
        break;
    case 5:
        if (n->kind == ALIAS) {
            n->alias_offset = pick(0, n->alias->size);
            memory_region_set_alias_offset(&n->mr, (hwaddr)n->alias_offset);
        } else if (n->kind != ROM && n->kind != RAM) {
            n->readonly = !n->readonly;
            memory_region_set_readonly(&n->mr, n->readonly);
        }
        break;
    case 6:
        if (n->kind == IO && n->nev && chance(50)) {
            del_event(n);
        } else if (n->kind == IO && n->nev < MAX_EVENTS) {
            add_event(n);
        }
        break;
    case 7:
        if (n->kind == IO) {
            set_home(n);
        }
        break;
    }
}

/* --- comparing
 * --------------------------------------------------------------------------------------------- */

static void dump(AddressSpace *as)
{
    g_autoptr(GString) out = g_string_new(NULL);
    mtree_info(out, false, false);
    mtree_info(out, true, false);
    g_printerr("%s\n", out->str);
}

static void check_events(const Meaning *m)
{
    g_autoptr(GHashTable) want = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (int a = 0; a < WINDOW; a++) {
        for (int i = 0; m[a].node && i < m[a].node->nev; i++) {
            const MemoryRegionIoeventfd *e = &m[a].node->ev[i];
            int size = e->size ? (int)e->size : 1;
            bool whole = (int)e->offset == m[a].offset && a + size <= WINDOW;
            for (int k = 1; whole && k < size; k++) {
                whole = same_piece(&m[a], &m[a + k], k);
            }
            if (whole) {
                char *key = event_key(base + (hwaddr)a, e);
                unsigned n = GPOINTER_TO_UINT(g_hash_table_lookup(want, key));
                g_hash_table_insert(want, key, GUINT_TO_POINTER(n + 1));
            }
        }
    }
    g_assert_cmpuint(g_hash_table_size(want), ==, g_hash_table_size(told_events));
    GHashTableIter it;
    void *key, *n;
    g_hash_table_iter_init(&it, want);
    while (g_hash_table_iter_next(&it, &key, &n)) {
        g_assert_true(g_hash_table_lookup(told_events, key) == n);
    }
}

static void check_address(AddressSpace *as, int a, const Meaning *m, bool io)
{
    hwaddr addr = base + (hwaddr)a;
    bool homed = m->node && m->node->home;
    g_assert_true(told[a].mr == (m->node ? &m->node->mr : NULL));
    g_assert_cmpint(told_home[a] != NULL, ==, homed);
    if (m->node) {
        g_assert_cmphex(told[a].offset, ==, (hwaddr)m->offset);
        g_assert_cmpint(told[a].readonly, ==, m->readonly);
    }
    if (homed) {
        g_assert_true(told_home[a] == m->node->mr.home);
        g_assert_true(m->node->mr.home_ctx == m->node->home);
        if (m->node->home != aio_get_main() && !chance(3)) {
            return; /* carrying an access to another thread takes its time: some of them */
        }
    }
    uint64_t got;
    MemTxResult res = address_space_load(as, addr, 1, &got, MEMTXATTRS_UNSPECIFIED);
    g_assert_cmphex(got, ==, m->node ? (uint8_t)(m->node->tag + m->offset) : io ? 0xff : 0);
    g_assert_cmpint(res, ==, m->node ? MEMTX_OK : MEMTX_DECODE_ERROR);
}

static void check(AddressSpace *as, bool io)
{
    Meaning m[WINDOW];

    for (int a = 0; a < WINDOW; a++) {
        m[a] = ask(&nodes[0], a, false);
        Told *t = &told[a];
        if (t->mr != (m[a].node ? &m[a].node->mr : NULL)) {
            g_printerr("address 0x%x: told %s, model says %s\n", a,
                       t->mr ? memory_region_name(t->mr) : "nothing",
                       m[a].node ? memory_region_name(&m[a].node->mr) : "nothing");
            dump(as);
        }
        check_address(as, a, &m[a], io);
    }
    check_events(m);

    int a = pick(0, WINDOW - 1);
    MemoryRegionSection s = memory_region_find(as, base + (hwaddr)a);
    g_assert_true(s.mr == (m[a].node ? &m[a].node->mr : NULL));
    if (s.mr) {
        /* Ranges are as long as they can be: the neighbours on both sides are something else. */
        int first = (int)(s.offset_within_address_space - base), last = first + (int)s.size - 1;
        g_assert_cmpint(first, <=, a);
        g_assert_cmpint(last, >=, a);
        g_assert_true(first == 0 || !same_piece(&m[first - 1], &m[first], 1));
        g_assert_true(last == WINDOW - 1 || !same_piece(&m[last], &m[last + 1], 1));
        for (int i = first; i < last; i++) {
            g_assert_true(same_piece(&m[i], &m[i + 1], 1));
        }
        memory_region_unref(s.mr);
    }
}

static void round_of(AddressSpace *as, MemoryRegion *root, bool io)
{
    static const hwaddr bases[] = {0, 0x100000000 - 40, 0 - (hwaddr)WINDOW};

    base = io ? 0x400 : bases[pick(0, 2)];
    memory_region_transaction_begin();
    nr_nodes = 0;
    for (int n = pick(3, MAX_NODES); nr_nodes < n;) {
        make_node(nr_nodes);
        nr_nodes++;
    }
    memory_region_add_subregion(root, base, &nodes[0].mr);
    memory_region_transaction_commit();
    check(as, io);

    for (int i = 0; i < STEPS; i++) {
        int n = pick(1, 3);
        if (n > 1) {
            memory_region_transaction_begin();
        }
        for (int k = 0; k < n; k++) {
            change();
        }
        if (n > 1) {
            memory_region_transaction_commit();
        }
        check(as, io);
    }

    memory_region_transaction_begin();
    for (int i = nr_nodes - 1; i >= 0; i--) {
        nodes[i].mapped = false;
        memory_region_finalize(&nodes[i].mr);
    }
    memory_region_transaction_commit();
    for (int a = 0; a < WINDOW; a++) {
        g_assert_null(told[a].mr);
        g_assert_null(told_home[a]);
    }
    g_assert_cmpuint(g_hash_table_size(told_events), ==, 0);
    g_assert_cmpuint(begins, ==, commits);
}

static void random_trees(const void *opaque)
{
    bool io = opaque != NULL;
    const char *env = g_getenv("ROUNDS");
    long rounds = env ? atol(env) : soak(EVERYDAY_ROUNDS, SOAK_ROUNDS);
    rounds = io ? rounds / 5 : rounds - rounds / 5;
    g_autofree MemoryRegion *root = g_new0(MemoryRegion, 1);
    AddressSpace as, second;

    rnd = g_rand_new_with_seed((guint32)g_test_rand_int());
    told_events = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    memory_region_init(root, NULL, "root", io ? (MemSize)65536 : MEMORY_SIZE_MAX);
    root->in_io_space = io;
    address_space_init(&as, root, "space");
    address_space_init(&second, root, "second");
    memory_listener_register(&listener, &as);
    for (long i = 0; i < rounds; i++) {
        round_of(&as, root, io);
        g_assert_true(as.current_map == second.current_map);
        if (i % 64 == 0) {
            aio_poll(aio_get_main(), false); /* old views are freed here */
        }
    }
    g_assert_cmpint(nops_left, >, 0);
    memory_listener_unregister(&listener);
    address_space_destroy(&second);
    address_space_destroy(&as);
    memory_region_finalize(root);
    memory_reclaim_barrier();
    g_hash_table_unref(told_events);
    g_rand_free(rnd);
}

static bool quit; /* atomic */

/* The home of some regions: accesses to those are really carried to it. */
static void *run_elsewhere(void *opaque)
{
    AioContext *ctx = opaque;
    aio_set_current(ctx);
    while (!__atomic_load_n(&quit, __ATOMIC_ACQUIRE)) {
        aio_poll(ctx, true);
    }
    aio_set_current(NULL);
    return NULL;
}

int main(int argc, char **argv)
{
    QemuThread thread;
    g_autoptr(GError) err = NULL;

    g_test_init(&argc, &argv, NULL);
    if (!aio_init_main(&err)) {
        g_error("%s", err->message);
    }
    for (int i = 0; i < 4; i++) {
        event_fd[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    homes[1] = aio_get_main();
    homes[2] = aio_context_new("elsewhere", &err);
    g_assert_no_error(err);
    g_assert_true(qemu_thread_create(&thread, "elsewhere", run_elsewhere, homes[2], NULL));
    g_test_add_data_func("/flatview/random/memory", NULL, random_trees);
    g_test_add_data_func("/flatview/random/ports", GINT_TO_POINTER(1), random_trees);
    int res = g_test_run();
    __atomic_store_n(&quit, true, __ATOMIC_RELEASE);
    aio_notify(homes[2]);
    qemu_thread_join(&thread);
    return res;
}
