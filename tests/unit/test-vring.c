/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device's side of virtqueues against a naive driver made here: random chains must come out as
 * exactly the bytes that were described and go back with the right ids and lengths; notifications
 * are asked for and sent exactly when a full count says so; garbage breaks the ring or gives
 * nothing, and leaves no RAM pinned; and between two threads no wake-up is lost.
 */
#include "qemu/osdep.h"

#include "hw/virtio/vring.h"
#include "qemu/thread.h"

#include "../../system/memory-internal.h"

#define RAM_SIZE 0x400000u
#define NEXT_SIZE 0x100000u /* a second block, right behind */
#define DATA_BASE 0x100000u /* buffers are above, rings and tables below */
#define MAX_BUFS 12

static MemoryRegion ram, next;
static AddressSpace as;
static GRand *rnd;

static uint8_t *host_of(uint64_t addr)
{
    return addr < RAM_SIZE ? (uint8_t *)memory_region_get_ram_ptr(&ram) + addr
                           : (uint8_t *)memory_region_get_ram_ptr(&next) + (addr - RAM_SIZE);
}

/* --- the driver ------------------------------------------------------------------------------ */

typedef struct Buf {
    uint64_t addr;
    uint32_t len;
} Buf;

typedef struct Chain {
    bool live;
    unsigned n, n_out, places;
    Buf buf[MAX_BUFS];
    uint32_t used_len; /* what the device said */
    bool pushed;
} Chain;

typedef struct Driver {
    uint16_t num;
    bool packed, event_idx, indirect;
    uint64_t desc, driver, device, tables;
    uint16_t avail, used;       /* positions */
    bool avail_wrap, used_wrap; /* packed */
    uint16_t added;             /* since the last look at the device's event */
    unsigned free_places;
    Chain chain[VIRTIO_RING_MAX];        /* by id */
    uint16_t free_desc[VIRTIO_RING_MAX]; /* split: stack of free descriptors */
    unsigned n_free_desc;
    uint16_t chain_desc[VIRTIO_RING_MAX][MAX_BUFS];
} Driver;

static void driver_init(Driver *d, uint16_t num, bool packed, bool event_idx, bool indirect)
{
    memset(d, 0, sizeof(*d));
    memset(host_of(0), 0, DATA_BASE);
    *d = (Driver){.num = num, .packed = packed, .event_idx = event_idx, .indirect = indirect};
    d->desc = 0x1000;
    d->driver = 0x8000;
    d->device = 0xa000;
    d->tables = 0x10000;
    d->avail_wrap = d->used_wrap = true;
    d->free_places = num;
    for (unsigned i = 0; i < num; i++) {
        d->free_desc[d->n_free_desc++] = (uint16_t)(num - 1 - i);
    }
}

static VirtRing ring_for(const Driver *d)
{
    return (VirtRing){.as = &as,
                      .desc = d->desc,
                      .driver = d->driver,
                      .device = d->device,
                      .num = d->num,
                      .packed = d->packed,
                      .event_idx = d->event_idx,
                      .indirect = d->indirect};
}

static void put_split(uint64_t at, const Buf *b, uint16_t flags, uint16_t nxt)
{
    VirtqDesc desc = {.addr = b->addr, .len = b->len, .flags = flags, .next = nxt};

    memcpy(host_of(at), &desc, sizeof(desc));
}

static uint64_t table_of(const Driver *d, unsigned id)
{
    return d->tables + (uint64_t)(id % 1024) * MAX_BUFS * 16;
}

static uint16_t chain_flags(const Chain *c, unsigned i, bool last)
{
    return (uint16_t)((i >= c->n_out ? VIRTQ_DESC_F_WRITE : 0) | (last ? 0 : VIRTQ_DESC_F_NEXT));
}

static void add_split(Driver *d, Chain *c, bool indirect)
{
    uint16_t head = d->free_desc[d->n_free_desc - 1];
    Buf table = {table_of(d, head), c->n * 16};

    c->places = indirect ? 1 : c->n;
    for (unsigned i = 0; i < c->places; i++) {
        d->chain_desc[head][i] = d->free_desc[--d->n_free_desc];
    }
    for (unsigned i = 0; i < c->n; i++) {
        bool last = i + 1 == c->n;

        if (indirect) {
            put_split(table.addr + 16 * i, &c->buf[i], chain_flags(c, i, last), (uint16_t)(i + 1));
        } else {
            put_split(d->desc + 16 * d->chain_desc[head][i], &c->buf[i], chain_flags(c, i, last),
                      last ? 0 : d->chain_desc[head][i + 1]);
        }
    }
    if (indirect) {
        put_split(d->desc + 16 * head, &table, VIRTQ_DESC_F_INDIRECT, 0);
    }
    g_assert_false(d->chain[head].live);
    d->chain[head] = *c;
    memcpy(host_of(d->driver + 4 + 2 * (d->avail % d->num)), &head, 2);
    __atomic_store_n((uint16_t *)host_of(d->driver + 2), ++d->avail, __ATOMIC_SEQ_CST);
    d->added++;
}

static void add_packed(Driver *d, Chain *c, bool indirect)
{
    uint16_t id = 0, first = d->avail, first_flags = 0;
    Buf table;

    while (d->chain[id].live) {
        id++;
    }
    c->places = indirect ? 1 : c->n;
    table = (Buf){table_of(d, id), c->n * 16};
    for (unsigned i = 0; indirect && i < c->n; i++) {
        put_split(table.addr + 16 * i, &c->buf[i], 0, chain_flags(c, i, true));
    }
    for (unsigned i = 0; i < c->places; i++) {
        uint16_t flags = d->avail_wrap ? VIRTQ_PACKED_F_AVAIL : VIRTQ_PACKED_F_USED;
        VirtqPackedDesc *p = (VirtqPackedDesc *)host_of(d->desc + 16 * d->avail);

        flags |= indirect ? VIRTQ_DESC_F_INDIRECT : chain_flags(c, i, i + 1 == c->n);
        p->addr = indirect ? table.addr : c->buf[i].addr;
        p->len = indirect ? table.len : c->buf[i].len;
        p->id = id;
        if (i) {
            p->flags = flags;
        } else {
            first_flags = flags;
        }
        if (++d->avail == d->num) {
            d->avail = 0;
            d->avail_wrap = !d->avail_wrap;
        }
    }
    d->chain[id] = *c;
    d->added += c->places;
    __atomic_store_n(&((VirtqPackedDesc *)host_of(d->desc + 16 * first))->flags, first_flags,
                     __ATOMIC_SEQ_CST);
}

static void add_chain(Driver *d, Chain *c, bool indirect)
{
    c->live = true;
    c->pushed = false;
    if (d->packed) {
        add_packed(d, c, indirect);
    } else {
        add_split(d, c, indirect);
    }
    d->free_places -= c->places;
}

/* Does the device want to hear of what was added? */
static bool driver_should_kick(Driver *d)
{
    uint16_t added = d->added;

    d->added = 0;
    if (!added) {
        return false;
    }
    if (d->packed) {
        uint32_t e = __atomic_load_n((uint32_t *)host_of(d->device), __ATOMIC_SEQ_CST);
        uint16_t off = e & 0x7fff;

        if (e >> 16 != VIRTQ_EVENT_DESC) {
            return e >> 16 == VIRTQ_EVENT_ENABLE;
        }
        if (!!(e & 0x8000) != d->avail_wrap) {
            off -= d->num;
        }
        return vring_passed(off, d->avail, d->avail - added);
    }
    if (d->event_idx) {
        uint16_t e =
            __atomic_load_n((uint16_t *)host_of(d->device + 4 + 8 * d->num), __ATOMIC_SEQ_CST);
        return vring_passed(e, d->avail, d->avail - added);
    }
    return !(__atomic_load_n((uint16_t *)host_of(d->device), __ATOMIC_SEQ_CST) &
             VIRTQ_USED_F_NO_NOTIFY);
}

/* Takes one used chain: its id, or -1. */
static int driver_take(Driver *d, uint32_t *len)
{
    uint16_t id;
    Chain *c;

    if (d->packed) {
        VirtqPackedDesc *p = (VirtqPackedDesc *)host_of(d->desc + 16 * d->used);
        uint16_t flags = __atomic_load_n(&p->flags, __ATOMIC_SEQ_CST);

        if (!!(flags & VIRTQ_PACKED_F_AVAIL) != d->used_wrap ||
            !!(flags & VIRTQ_PACKED_F_USED) != d->used_wrap) {
            return -1;
        }
        id = p->id;
        *len = p->len;
    } else {
        VirtqUsedElem u;

        if (__atomic_load_n((uint16_t *)host_of(d->device + 2), __ATOMIC_SEQ_CST) == d->used) {
            return -1;
        }
        memcpy(&u, host_of(d->device + 4 + 8 * (d->used % d->num)), sizeof(u));
        id = (uint16_t)u.id;
        *len = u.len;
    }
    g_assert_cmpuint(id, <, d->num);
    c = &d->chain[id];
    g_assert_true(c->live);
    c->live = false;
    d->free_places += c->places;
    if (d->packed) {
        unsigned to = d->used + c->places;

        if (to >= d->num) {
            to -= d->num;
            d->used_wrap = !d->used_wrap;
        }
        d->used = (uint16_t)to;
    } else {
        d->used++;
        for (unsigned i = 0; i < c->places; i++) {
            d->free_desc[d->n_free_desc++] = d->chain_desc[id][i];
        }
    }
    return id;
}

/* Asks for an interrupt at the next used chain; true if there is one already. */
static bool driver_want_interrupt(Driver *d)
{
    if (d->packed) {
        uint32_t place = d->used | (d->used_wrap ? 0x8000u : 0);

        __atomic_exchange_n((uint32_t *)host_of(d->driver),
                            d->event_idx ? place | VIRTQ_EVENT_DESC << 16 : 0, __ATOMIC_SEQ_CST);
        uint16_t flags = __atomic_load_n(
            &((VirtqPackedDesc *)host_of(d->desc + 16 * d->used))->flags, __ATOMIC_SEQ_CST);

        return !!(flags & VIRTQ_PACKED_F_AVAIL) == d->used_wrap &&
               !!(flags & VIRTQ_PACKED_F_USED) == d->used_wrap;
    }
    __atomic_exchange_n((uint16_t *)host_of(d->event_idx ? d->driver + 4 + 2 * d->num : d->driver),
                        d->event_idx ? d->used : 0, __ATOMIC_SEQ_CST);
    return __atomic_load_n((uint16_t *)host_of(d->device + 2), __ATOMIC_SEQ_CST) != d->used;
}

/* --- elements -------------------------------------------------------------------------------- */

static VirtElem *elem_new(void)
{
    VirtElem *e = g_new0(VirtElem, 1);

    e->iov = g_new0(struct iovec, VIRTIO_RING_MAX);
    e->block = g_new0(RAMBlock *, VIRTIO_RING_MAX);
    return e;
}

static void elem_free(VirtElem *e)
{
    g_free(e->iov);
    g_free(e->block);
    g_free(e);
}

static void check_side(const struct iovec *iov, unsigned niov, const Buf *buf, unsigned n,
                       uint64_t bytes)
{
    unsigned seg = 0;
    size_t at = 0;
    uint64_t total = 0;

    for (unsigned i = 0; i < n; i++) {
        for (uint32_t b = 0; b < buf[i].len; b++, total++) {
            g_assert_cmpuint(seg, <, niov);
            g_assert_true((uint8_t *)iov[seg].iov_base + at == host_of(buf[i].addr + b));
            if (++at == iov[seg].iov_len) {
                seg++;
                at = 0;
            }
        }
    }
    g_assert_cmpuint(seg, ==, niov);
    g_assert_cmpuint(total, ==, bytes);
}

static void random_chain(Chain *c, unsigned max)
{
    *c = (Chain){.n = (unsigned)g_rand_int_range(rnd, 1, (int)MIN(max, MAX_BUFS) + 1)};
    c->n_out = (unsigned)g_rand_int_range(rnd, 0, (int)c->n + 1);
    for (unsigned i = 0; i < c->n; i++) {
        uint32_t len = (uint32_t)g_rand_int_range(rnd, 0, g_rand_boolean(rnd) ? 40 : 5000);
        uint64_t addr =
            g_rand_int_range(rnd, 0, 8)
                ? DATA_BASE + (uint64_t)g_rand_int_range(rnd, 0, RAM_SIZE - DATA_BASE + 0x80000)
                : RAM_SIZE - (uint64_t)g_rand_int_range(rnd, 0, 100); /* across the two blocks */

        /* Sometimes neighbours, which the device merges. */
        if (i && g_rand_int_range(rnd, 0, 4) == 0) {
            addr = c->buf[i - 1].addr + c->buf[i - 1].len;
        }
        c->buf[i] = (Buf){MIN(addr, RAM_SIZE + 0x80000), len};
    }
}

/* --- random runs ----------------------------------------------------------------------------- */

typedef struct Config {
    bool packed, event_idx, indirect;
} Config;

static void one_run(const Config *cfg, uint16_t num)
{
    static Driver d;
    VirtElem **held = g_new0(VirtElem *, num + 1), **idle = g_new0(VirtElem *, num + 1);
    unsigned n_held = 0, n_idle = num;
    VirtRing r;

    driver_init(&d, num, cfg->packed, cfg->event_idx, cfg->indirect);
    r = ring_for(&d);
    g_assert_true(vring_start(&r));
    for (unsigned i = 0; i < num; i++) {
        idle[i] = elem_new();
    }
    for (unsigned step = 0; step < 1500; step++) {
        Chain c;
        uint32_t len;
        int id;

        switch (g_rand_int_range(rnd, 0, 4)) {
        case 0: { /* the driver offers some */
            for (int k = g_rand_int_range(rnd, 0, 5); k >= 0; k--) {
                bool indirect = cfg->indirect && g_rand_boolean(rnd);

                random_chain(&c, indirect ? MAX_BUFS : MAX(1, MIN(d.free_places, 6)));
                if (d.free_places < (indirect ? 1 : c.n)) {
                    break;
                }
                add_chain(&d, &c, indirect);
            }
            driver_should_kick(&d);
            break;
        }
        case 1: { /* the device fetches some */
            bool any = vring_more(&r);

            for (int k = g_rand_int_range(rnd, 0, 6); k >= 0 && n_idle; k--) {
                VirtElem *e = idle[n_idle - 1];
                Chain *want;

                if (!vring_pop(&r, e)) {
                    g_assert_null(r.broken);
                    g_assert_false(any && k == 5);
                    break;
                }
                want = &d.chain[e->id];
                g_assert_true(want->live);
                check_side(e->iov, e->num_out, want->buf, want->n_out, e->out_bytes);
                check_side(e->iov + e->num_out, e->num_in, want->buf + want->n_out,
                           want->n - want->n_out, e->in_bytes);
                held[n_held++] = idle[--n_idle];
            }
            break;
        }
        case 2: { /* the device gives some back, in any order */
            unsigned before = 0, published = 0;

            for (unsigned i = 0; i < num; i++) {
                before += d.chain[i].live && d.chain[i].pushed;
            }
            for (int k = g_rand_int_range(rnd, 0, 6); k >= 0 && n_held; k--) {
                unsigned pick = (unsigned)g_rand_int_range(rnd, 0, (int)n_held);
                VirtElem *e = held[pick];
                Chain *want = &d.chain[e->id];

                want->used_len =
                    (uint32_t)g_rand_int_range(rnd, 0, (int)MIN(e->in_bytes, 9999) + 1);
                want->pushed = true;
                published++;
                held[pick] = held[--n_held];
                idle[n_idle++] = e;
                vring_push(&r, e, want->used_len);
            }
            vring_publish(&r);
            if (published) {
                bool notify = vring_should_notify(&r);

                /* The driver asked at "used": it hears exactly when nothing was there before. */
                if (!cfg->event_idx) {
                    g_assert_true(notify);
                } else if (before == 0) {
                    g_assert_true(notify);
                }
            }
            break;
        }
        default: /* the driver takes what there is */
            while ((id = driver_take(&d, &len)) >= 0) {
                g_assert_true(d.chain[id].pushed);
                g_assert_cmpuint(len, ==, d.chain[id].used_len);
            }
            g_assert_false(driver_want_interrupt(&d));
            break;
        }
        g_assert_null(r.broken);
    }
    while (n_held) {
        vring_push(&r, held[--n_held], 0);
        idle[n_idle++] = held[n_held];
    }
    for (unsigned i = 0; i < num; i++) {
        elem_free(idle[i]);
    }
    vring_stop(&r);
    g_assert_false(ram_block_pinned(ram.ram_block));
    g_assert_false(ram_block_pinned(next.ram_block));
    g_free(held);
    g_free(idle);
}

static void test_random(const void *opaque)
{
    const Config *cfg = opaque;
    static const uint16_t sizes[] = {1, 2, 4, 16, 64, 256, 1024};

    for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
        one_run(cfg, sizes[i]);
    }
    if (cfg->packed) {
        one_run(cfg, 3); /* any size is good there */
        one_run(cfg, 100);
    }
}

/* --- garbage --------------------------------------------------------------------------------- */

static void test_garbage(const void *opaque)
{
    const Config *cfg = opaque;
    static Driver d;
    VirtElem *e[16];
    unsigned broken = 0;

    for (unsigned i = 0; i < G_N_ELEMENTS(e); i++) {
        e[i] = elem_new();
    }
    for (unsigned round = 0; round < 3000; round++) {
        unsigned held = 0;
        VirtRing r;
        Chain c;

        driver_init(&d, 16, cfg->packed, cfg->event_idx, cfg->indirect);
        r = ring_for(&d);
        g_assert_true(vring_start(&r));
        for (unsigned i = 0; i < 4; i++) {
            random_chain(&c, 4);
            add_chain(&d, &c, cfg->indirect && i % 2);
        }
        /* A few wild bytes in rings and tables. */
        for (int k = g_rand_int_range(rnd, 1, 30); k > 0; k--) {
            static const unsigned at[] = {0x1000, 0x8000, 0xa000, 0x10000};
            unsigned base = at[g_rand_int_range(rnd, 0, 4)];

            *host_of(base + (unsigned)g_rand_int_range(rnd, 0, 300)) = (uint8_t)g_rand_int(rnd);
        }
        for (unsigned i = 0; i < 40 && !r.broken; i++) {
            if (held < G_N_ELEMENTS(e) && vring_pop(&r, e[held])) {
                held++;
            }
            if (held && g_rand_boolean(rnd)) {
                vring_push(&r, e[--held], 1);
                vring_publish(&r);
                vring_should_notify(&r);
            }
            vring_enable_kick(&r);
            vring_hint(&r, (uint16_t)g_rand_int(rnd));
        }
        broken += r.broken != NULL;
        while (held) {
            vring_unmap(e[--held], 0);
        }
        vring_stop(&r);
        g_assert_false(ram_block_pinned(ram.ram_block));
        g_assert_false(ram_block_pinned(next.ram_block));
    }
    g_assert_cmpuint(broken, >, 100);
    for (unsigned i = 0; i < G_N_ELEMENTS(e); i++) {
        elem_free(e[i]);
    }
}

/* --- two threads ----------------------------------------------------------------------------- */

#define THREAD_CHAINS 60000u

typedef struct Pair {
    Driver d;
    QemuEvent kick, interrupt;
    bool done;
    uint64_t kicks, interrupts;
} Pair;

static void *device_thread(void *opaque)
{
    Pair *p = opaque;
    VirtRing r = ring_for(&p->d);
    VirtElem *e = elem_new();
    uint64_t sum = 0;

    g_assert_true(vring_start(&r));
    while (!__atomic_load_n(&p->done, __ATOMIC_ACQUIRE)) {
        vring_disable_kick(&r);
        while (vring_pop(&r, e)) {
            for (unsigned i = 0; i < e->num_out; i++) {
                sum += *(uint8_t *)e->iov[i].iov_base;
            }
            vring_push(&r, e, 0);
            if (sum % 3) {
                vring_publish(&r);
                if (vring_should_notify(&r)) {
                    p->interrupts++;
                    qemu_event_set(&p->interrupt);
                }
            }
        }
        vring_publish(&r);
        if (vring_should_notify(&r)) {
            p->interrupts++;
            qemu_event_set(&p->interrupt);
        }
        g_assert_null(r.broken);
        qemu_event_reset(&p->kick);
        if (!vring_enable_kick(&r) && !__atomic_load_n(&p->done, __ATOMIC_ACQUIRE)) {
            /* Lost if this is not answered. */
            g_assert_true(qemu_event_timedwait(&p->kick, 20 * NANOSECONDS_PER_SECOND));
        }
    }
    vring_stop(&r);
    elem_free(e);
    return NULL;
}

static void test_threads(const void *opaque)
{
    const Config *cfg = opaque;
    static Pair p;
    QemuThread t;
    unsigned sent = 0, got = 0;

    memset(&p, 0, sizeof(p));
    driver_init(&p.d, 8, cfg->packed, cfg->event_idx, cfg->indirect);
    qemu_event_init(&p.kick, false);
    qemu_event_init(&p.interrupt, false);
    g_assert_true(qemu_thread_create(&t, "device", device_thread, &p, NULL));
    while (got < THREAD_CHAINS) {
        uint32_t len;

        for (int k = g_rand_int_range(rnd, 0, 4); k >= 0 && sent < THREAD_CHAINS; k--) {
            Chain c = {.n = 2, .n_out = 1, .buf = {{DATA_BASE, 16}, {DATA_BASE + 64, 16}}};
            bool indirect = cfg->indirect && sent % 2;

            if (p.d.free_places < (indirect ? 1 : 2)) {
                break;
            }
            add_chain(&p.d, &c, indirect);
            sent++;
        }
        if (driver_should_kick(&p.d)) {
            p.kicks++;
            qemu_event_set(&p.kick);
        }
        while (driver_take(&p.d, &len) >= 0) {
            got++;
        }
        if (p.d.free_places < 2 || sent == THREAD_CHAINS) {
            qemu_event_reset(&p.interrupt);
            if (got < sent && !driver_want_interrupt(&p.d)) {
                g_assert_true(qemu_event_timedwait(&p.interrupt, 20 * NANOSECONDS_PER_SECOND));
            }
        }
    }
    __atomic_store_n(&p.done, true, __ATOMIC_RELEASE);
    qemu_event_set(&p.kick);
    qemu_thread_join(&t);
    g_test_message("%" PRIu64 " kicks, %" PRIu64 " interrupts for %u chains", p.kicks, p.interrupts,
                   got);
    g_assert_cmpuint(got, ==, THREAD_CHAINS);
}

int main(int argc, char **argv)
{
    static Config cfg[8];

    g_test_init(&argc, &argv, NULL);
    rnd = g_rand_new_with_seed(g_test_rand_int());
    g_assert_true(aio_init_main(NULL));
    memory_map_init();
    g_assert_true(memory_region_init_ram(&ram, NULL, "ram", RAM_SIZE, NULL));
    g_assert_true(memory_region_init_ram(&next, NULL, "next", NEXT_SIZE, NULL));
    memory_region_add_subregion(get_system_memory(), 0, &ram);
    memory_region_add_subregion(get_system_memory(), RAM_SIZE, &next);
    address_space_init(&as, get_system_memory(), "dma");
    for (unsigned i = 0; i < 8; i++) {
        g_autofree char *name = NULL;

        cfg[i] = (Config){i & 1, i & 2, i & 4};
        name =
            g_strdup_printf("%s%s%s", cfg[i].packed ? "packed" : "split",
                            cfg[i].event_idx ? "-event" : "", cfg[i].indirect ? "-indirect" : "");
        g_autofree char *a = g_strdup_printf("/vring/random/%s", name);
        g_autofree char *b = g_strdup_printf("/vring/garbage/%s", name);
        g_autofree char *c = g_strdup_printf("/vring/threads/%s", name);
        g_test_add_data_func(a, &cfg[i], test_random);
        g_test_add_data_func(b, &cfg[i], test_garbage);
        g_test_add_data_func(c, &cfg[i], test_threads);
    }
    return g_test_run();
}
