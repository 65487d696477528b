/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Regions with a home: the table that commands name them by, giving and taking homes, and carrying
 * an access.
 */
#include "internal.h"

#include "qemu/rcu.h"
#include "system/cpus.h"

/* --- the table
 * ----------------------------------------------------------------------------------------------------------
 */

/* user_data is generation << 32 | index, so that a command for a region that is gone does not meet
 * its successor, and nothing that another process or the kernel sees is an address. */
#define CHUNK_SIZE 256
#define CHUNKS 1024

typedef struct TableChunk {
    IoRegion *entries[CHUNK_SIZE]; /* RCU, and the home */
} TableChunk;

static TableChunk *chunks[CHUNKS];       /* published once each */
static unsigned table_hint;              /* main loop */
static uint32_t table_generation;        /* main loop */
static IoRegion *regions, *regions_last; /* main loop: in order of creation */

IoRegion *io_region_first(void)
{
    assert_main_loop();
    return regions;
}

static IoRegion **table_entry(uint32_t index)
{
    TableChunk *c = index < CHUNKS * CHUNK_SIZE ? rcu_load(&chunks[index / CHUNK_SIZE]) : NULL;

    return c ? &c->entries[index % CHUNK_SIZE] : NULL;
}

IoRegion *io_region_lookup(const IoChannel *ch, uint64_t user_data)
{
    IoRegion **entry = table_entry((uint32_t)user_data);
    IoRegion *r = entry ? rcu_load(entry) : NULL;

    return r && r->user_data == user_data && r->channel == ch ? r : NULL;
}

static bool table_insert(IoRegion *r)
{
    for (unsigned n = 0; n < CHUNKS * CHUNK_SIZE; n++) {
        unsigned i = (table_hint + n) % (CHUNKS * CHUNK_SIZE);

        if (!chunks[i / CHUNK_SIZE]) {
            rcu_publish(&chunks[i / CHUNK_SIZE], g_new0(TableChunk, 1));
        }
        if (!chunks[i / CHUNK_SIZE]->entries[i % CHUNK_SIZE]) {
            r->user_data = (uint64_t)++table_generation << 32 | i;
            rcu_publish(&chunks[i / CHUNK_SIZE]->entries[i % CHUNK_SIZE], r);
            table_hint = i + 1;
            return true;
        }
    }
    return false;
}

/* --- giving and taking a home
 * ---------------------------------------------------------------------------------------------- */

static IoRegion *region_new(MemoryRegion *mr, IoChannel *ch, unsigned flags, GError **errp)
{
    IoRegion *r = NULL;

    if (posix_memalign((void **)&r, QEMU_CACHELINE, sizeof(*r))) {
        error_setg_errno(errp, ENOMEM, "cannot give region '%s' a home", mr->name);
        return NULL;
    }
    memset(r, 0, sizeof(*r));
    r->mr = mr;
    r->channel = ch;
    r->posted = flags & MEMORY_HOME_POSTED_WRITES && ch->posted_writes;
    if (!table_insert(r)) {
        free(r);
        error_setg(errp, "cannot give region '%s' a home: %d regions have one", mr->name,
                   CHUNKS * CHUNK_SIZE);
        return NULL;
    }
    r->prev = regions_last;
    *(regions_last ? &regions_last->next : &regions) = r;
    regions_last = r;
    ch->regions++;
    return r;
}

/* At home: from here on nothing of r is carried out. */
static void region_unlink(void *opaque)
{
    IoRegion *r = opaque;

    rcu_publish(table_entry((uint32_t)r->user_data), NULL);
}

static void region_free(void *opaque)
{
    free(opaque);
}

static void region_retire(IoRegion *r)
{
    IoChannel *ch = r->channel;

    io_channel_drain(ch, region_unlink, r);
    waiter_cancel_all(ch, r, WAIT_FAIL_CANCELLED);
    *(r->prev ? &r->prev->next : &regions) = r->next;
    *(r->next ? &r->next->prev : &regions_last) = r->prev;
    ch->regions--;
    memory_defer(region_free, r);
    io_channel_put(ch);
}

static void publish_home(MemoryRegion *mr, AioContext *ctx, unsigned flags, IoRegion *r)
{
    __atomic_store_n(&mr->home_ctx, ctx, __ATOMIC_RELEASE);
    __atomic_store_n(&mr->home_flags, flags, __ATOMIC_RELEASE);
    rcu_publish(&mr->home, r);
}

static void take_home(MemoryRegion *mr)
{
    IoRegion *old = mr->home;

    if (old) {
        rcu_publish(&mr->home, NULL);
        region_retire(old);
        publish_home(mr, NULL, 0, NULL);
    }
}

void ioregion_set_home(MemoryRegion *mr, AioContext *ctx, unsigned flags)
{
    g_autoptr(GError) err = NULL;
    IoChannel *ch;
    IoRegion *r = NULL;

    assert_main_loop();
    take_home(mr);
    if (!ctx) {
        return;
    }
    ch = io_channel_get_default(ctx, &err);
    if (ch) {
        r = region_new(mr, ch, flags, &err);
    }
    if (!r) {
        /* Out of memory at set-up: as everywhere. */
        error_report("%s", err->message);
        abort();
    }
    publish_home(mr, ctx, flags, r);
}

bool ioregion_set_ioregionfd(MemoryRegion *mr, IoRegionFd *ior, unsigned flags, GError **errp)
{
    IoChannel *ch = ior->channel;
    IoRegion *r;

    assert_main_loop();
    if (!ch) {
        error_setg(errp, "ioregionfd object is not complete yet");
        return false;
    }
    if (mr->home && mr->home->channel->owner && mr->home->channel->owner != ior) {
        error_setg(errp,
                   "region '%s' is claimed by ioregionfd object '%s' already; object '%s' cannot "
                   "have it, too",
                   mr->name, mr->home->channel->name, ch->name);
        return false;
    }
    take_home(mr);
    r = region_new(mr, ch, flags, errp);
    if (!r) {
        return false;
    }
    publish_home(mr, ch->ctx, flags, r);
    return true;
}

void ioregion_drain(MemoryRegion *mr)
{
    if (mr->home && !aio_in_home(mr->home->channel->ctx)) {
        io_channel_drain(mr->home->channel, NULL, NULL);
    }
}

IoRegionFd *ioregion_object(const MemoryRegion *mr)
{
    return mr->home ? mr->home->channel->owner : NULL;
}

void ioregion_cancel(MemoryRegion *mr)
{
    IoRegion *r;

    assert_main_loop();
    if (!mr) {
        waiter_cancel_all(NULL, NULL, WAIT_FAIL_CANCELLED);
    } else if ((r = mr->home)) {
        waiter_cancel_all(NULL, r, WAIT_FAIL_CANCELLED);
    }
}

void ioregion_cancel_vcpu(CPUState *cpu)
{
    IoRegionWaiter *w = __atomic_load_n(&cpu->waiter, __ATOMIC_ACQUIRE);

    if (w) {
        waiter_cancel(w, NULL, NULL, WAIT_FAIL_CANCELLED);
    }
}

/* --- vCPUs
 * ---------------------------------------------------------------------------------------------------------------------
 */

void ioregion_kick(CPUState *cpu)
{
    IoRegionWaiter *w = __atomic_load_n(&cpu->waiter, __ATOMIC_ACQUIRE);

    if (w) {
        waiter_kick(w);
    }
}

void ioregion_vcpu_exit(CPUState *cpu)
{
    __atomic_store_n(&cpu->waiter, NULL, __ATOMIC_RELEASE);
    waiter_release_self();
}

/* Which rules a thread's accesses follow; found out once a thread. */
typedef enum ThreadKind { THREAD_UNKNOWN, THREAD_WAITS, THREAD_HOME } ThreadKind;
static __thread ThreadKind thread_kind;

static ThreadKind find_thread_kind(void)
{
    AioContext *ctx = aio_get_current();
    CPUState *cpu = cpu_get_current();
    IoRegionWaiter *w;

    if (ctx && ctx != aio_get_main()) {
        return THREAD_HOME;
    }
    w = waiter_self();
    if (w && cpu && !w->cpu) {
        w->cpu = cpu;
        w->process_events = cpu_process_events;
        w->events_pending = &cpu->exit_request;
        __atomic_store_n(&cpu->waiter, w, __ATOMIC_RELEASE);
    }
    return THREAD_WAITS;
}

/* --- carrying an access
 * -----------------------------------------------------------------------------------------------------
 */

/* All about one access while it is under way. */
typedef struct Access {
    MemoryRegion *mr;
    IoChannel *ch;
    struct ioregionfd_cmd cmd;
    uint32_t attrs;
    bool is_write;
} Access;

static const char *failure_text(uint32_t status)
{
    switch (status) {
    case WAIT_FAIL_TIMEOUT:
        return "timed out";
    case WAIT_FAIL_CLOSED:
        return "failed: the process at the other end is gone";
    case WAIT_FAIL_CANCELLED:
        return "was cancelled";
    case WAIT_FAIL_NESTED:
        return "came while another one of the same thread was waiting";
    default:
        return "was refused";
    }
}

/* Counts what became of a wait.  The region may be gone: it is looked up again. */
static void account(const Access *a, IoRegionWaiter *w, uint32_t status, uint64_t ns)
{
    IoRegion *r;
    bool log = false;
    char name[64];

    rcu_read_lock();
    r = io_region_lookup(a->ch, a->cmd.user_data);
    if (r && status < WAIT_FAIL_CANCELLED) {
        unsigned bucket = ns ? 63 - __builtin_clzll(ns) : 0;

        io_count_shared(&r->latency[MIN(bucket, IOREGION_LATENCY_BUCKETS - 1)]);
        if (w && w->spun) {
            io_count_shared(&r->spun);
        }
    } else if (r) {
        io_count_shared(status == WAIT_FAIL_TIMEOUT ? &r->timeouts : &r->cancelled);
        /* A cancel is someone's wish, no fault. */
        log = status != WAIT_FAIL_CANCELLED &&
              !__atomic_exchange_n(&r->logged, true, __ATOMIC_RELAXED);
        if (log) {
            g_strlcpy(name, a->mr->name, sizeof(name));
        }
    }
    rcu_read_end();
    if (log) {
        warn_report("ioregionfd: a %s of region '%s' at offset 0x%" PRIx64
                    " %s; further ones are counted only",
                    a->is_write ? "write" : "read", name, (uint64_t)a->cmd.offset,
                    failure_text(status));
    }
}

/* Peer DMA: writes are posted as long as there is room, nobody waits. */
static MemTxResult forward_dma(Access *a, IoRegion *r, uint64_t *val)
{
    IoChannel *ch = a->ch;
    bool sent;

    if (!a->is_write) {
        *val = MASK_ULL(wire_size(a->cmd.info) * 8);
        io_count_shared(&r->dma_dropped);
        return MEMTX_ACCESS_ERROR;
    }
    if (ch->external) {
        sent = io_socket_send(ch, &a->cmd) == 0;
    } else {
        sent = io_ring_push(&ch->dma, ch->dma.posted_limit, &a->cmd, a->attrs);
        if (sent) {
            io_channel_kick(ch);
        }
    }
    if (!sent) {
        io_count_shared(&r->dma_dropped);
        warn_report_once("ioregionfd: a device writes to region '%s' faster than its home "
                         "consumes; writes are dropped",
                         a->mr->name);
    }
    return MEMTX_OK;
}

/* Puts the answered command in and waits.  Called in an RCU section, leaves it.  Returns the
 * answer's status. */
static uint32_t answered(Access *a, IoRegion *r, uint64_t *data)
{
    IoRegionWaiter *w = waiter_self();
    IoChannel *ch = a->ch;
    uint32_t status;
    uint64_t ns;
    bool lead = false;
    int64_t timeout = ch->timeout_ns;

    if (unlikely(ch->external && aio_get_current())) {
        timeout = io_channel_main_timeout(ch);
    }
    *data = UINT64_MAX;
    a->cmd.info |= IOREGIONFD_RESP;
    a->cmd.id = w ? waiter_begin(w, ch, r, timeout) : 0;
    if (unlikely(!a->cmd.id)) {
        rcu_read_end();
        account(a, NULL, WAIT_FAIL_NESTED, 0);
        return WAIT_FAIL_NESTED;
    }
    if (likely(ch->ring.slots)) {
        bool pushed = io_ring_push(&ch->ring, ch->ring.capacity, &a->cmd, a->attrs);

        if (likely(pushed)) {
            io_channel_kick(ch);
        }
        rcu_read_end();
        if (unlikely(!pushed)) {
            /* Only a home that has stood still for several time-outs lets it come to this. */
            waiter_cancel(w, NULL, NULL, WAIT_FAIL_TIMEOUT);
        }
        waiter_wait(w);
    } else {
        io_channel_use(ch);
        rcu_read_end();
        if (io_socket_send_wait(ch, w, &a->cmd)) {
            io_socket_wait(ch, w);
        }
    }
    status = waiter_finish(w, data, &ns, &lead);
    account(a, w, status, ns);
    if (!ch->ring.slots) {
        if (lead) {
            io_socket_pass_lead(ch, w);
        }
        io_channel_unuse(ch);
    }
    return status;
}

/* True if the write is on its way: nothing more to do. */
static bool post(Access *a, IoRegion *r)
{
    IoChannel *ch = a->ch;

    if (likely(ch->ring.slots)) {
        if (likely(io_ring_push(&ch->ring, ch->ring.posted_limit, &a->cmd, a->attrs))) {
            io_channel_kick(ch);
            return true;
        }
    } else if (io_socket_send(ch, &a->cmd) == 0) {
        return true;
    }
    io_count_shared(&r->full_stalls);
    return false;
}

static MemTxResult forward(MemoryRegion *mr, hwaddr offset, uint64_t *val, unsigned size,
                           MemTxAttrs attrs, bool is_write)
{
    Access a = {.mr = mr, .is_write = is_write};
    bool external = false; /* after a wait the channel may be gone */
    uint32_t status = 0;
    uint64_t data;

    if (unlikely(thread_kind == THREAD_UNKNOWN)) {
        thread_kind = find_thread_kind();
    }
    memcpy(&a.attrs, &attrs, sizeof(a.attrs));
    /* The region may get another home while we wait for the old one; that ends. */
    for (int tries = 0; tries < 4; tries++) {
        IoRegion *r;

        rcu_read_lock();
        r = rcu_load(&mr->home);
        if (unlikely(!r || aio_in_home(r->channel->ctx))) {
            rcu_read_end();
            return is_write ? memory_region_local_write(mr, offset, *val, size, attrs)
                            : memory_region_local_read(mr, offset, val, size, attrs);
        }
        a.ch = r->channel;
        external = a.ch->external;
        a.cmd = (struct ioregionfd_cmd){
            .info = wire_info(is_write ? IOREGIONFD_CMD_WRITE : IOREGIONFD_CMD_READ, size, false,
                              __atomic_load_n(&mr->in_io_space, __ATOMIC_RELAXED)),
            .user_data = r->user_data,
            .offset = offset,
            .data = is_write ? *val & MASK_ULL(size * 8) : 0,
        };
        if (unlikely(attrs.dma || thread_kind == THREAD_HOME)) {
            MemTxResult res = forward_dma(&a, r, val);

            rcu_read_end();
            return res;
        }
        if (is_write && r->posted && post(&a, r)) {
            rcu_read_end();
            return MEMTX_OK;
        }
        status = answered(&a, r, &data);
        if (likely(status != IOREGIONFD_STATUS_NO_REGION || external)) {
            break;
        }
    }
    if (!is_write) {
        *val = data & MASK_ULL(size * 8);
    }
    if (likely(status == IOREGIONFD_STATUS_OK)) {
        return MEMTX_OK;
    }
    /* Only our own homes say more than that. */
    return status & STATUS_MEMTX && !external ? status & ~STATUS_MEMTX : MEMTX_ERROR;
}

MemTxResult ioregion_forward_read(MemoryRegion *mr, hwaddr offset, uint64_t *val, unsigned size,
                                  MemTxAttrs attrs)
{
    return forward(mr, offset, val, size, attrs, false);
}

MemTxResult ioregion_forward_write(MemoryRegion *mr, hwaddr offset, uint64_t val, unsigned size,
                                   MemTxAttrs attrs)
{
    return forward(mr, offset, &val, size, attrs, true);
}
