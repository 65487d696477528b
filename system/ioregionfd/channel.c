/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Channels, the home's side: the home looks at its rings once an iteration of its loop and while
 * that polls, carries commands out in order, and answers.  Producers kick it only after it has said
 * that it goes to sleep.
 */
#include "internal.h"

/* Commands that one look at a channel carries out at most, so that a guest that writes all the time
 * leaves time for others. */
#define BATCH 64
/* Peer DMA's writes that may wait. */
#define DMA_POSTED 64
/* Posted writes that a ring has room for, beside answered commands. */
#define RING_POSTED 192

unsigned io_channel_max_waiters = 64;
static IoChannel *channels; /* main loop */

IoChannel *io_channel_first(void)
{
    assert_main_loop();
    return channels;
}

void ioregion_set_max_waiters(unsigned n)
{
    io_channel_max_waiters = CLAMP(n, 4, WAITERS_MAX);
}

/* --- carrying out
 * -----------------------------------------------------------------------------------------------------
 */

static void reply(IoChannel *ch, const struct ioregionfd_cmd *cmd, uint64_t data, uint32_t status,
                  IoSource source)
{
    if (!(cmd->info & IOREGIONFD_RESP)) {
        return;
    }
    if (source == IO_FROM_RING) {
        /* Taken back meanwhile: nobody waits for it, which is all right. */
        waiter_answer(cmd->id, ch, data, status);
    } else if (source == IO_FROM_KVM && ch->kring.shared) {
        io_kernel_ring_reply(
            &ch->kring, &(struct ioregionfd_resp){.data = data, .id = cmd->id, .status = status});
    } else {
        struct ioregionfd_resp resp = {.data = data, .id = cmd->id, .status = status};

        io_socket_home_reply(ch, source, &resp);
    }
}

static bool drain_rings(IoChannel *ch, unsigned max);

/* The kernel's channel. */
static bool drain_kernel(IoChannel *ch, unsigned max)
{
    if (ch->kring.shared) {
        return io_kernel_ring_drain(ch, max);
    }
    return ch->kvm_fd >= 0 && io_socket_home_read(ch, IO_FROM_KVM, max);
}

/* What other producers had put in before an answered command came must be done before it. */
static void fence(IoChannel *ch, IoSource source)
{
    if (source == IO_FROM_RING) {
        drain_kernel(ch, BATCH);
    } else if (ch->ring.slots) {
        drain_rings(ch, BATCH);
    }
}

void io_channel_execute(IoChannel *ch, const struct ioregionfd_cmd *cmd, uint32_t attrs_word,
                        IoSource source)
{
    bool resp = cmd->info & IOREGIONFD_RESP;
    unsigned op = wire_op(cmd->info), size = wire_size(cmd->info);
    uint32_t status = IOREGIONFD_STATUS_OK;
    uint64_t data = 0;
    MemTxResult res;
    MemTxAttrs attrs;
    IoRegion *r;

    memcpy(&attrs, &attrs_word, sizeof(attrs));
    if (resp && !ch->fencing) {
        ch->fencing = true;
        fence(ch, source);
        ch->fencing = false;
    }
    if (resp && source != IO_FROM_KVM && !waiter_pending(cmd->id)) {
        return; /* cancelled before it began: a dropped write, a read that gave all-ones */
    }
    if (unlikely(op == IOREGIONFD_CMD_SYNC)) {
        reply(ch, cmd, 0, IOREGIONFD_STATUS_OK, source);
        return;
    }
    r = io_region_lookup(ch, cmd->user_data);
    if (unlikely(!r || op > IOREGIONFD_CMD_WRITE ||
                 (cmd->info & (~WIRE_INFO_KNOWN | IOREGIONFD_SIZE_UNKNOWN)) ||
                 (op == IOREGIONFD_CMD_READ && !resp))) {
        io_count(&ch->bad_commands);
        reply(ch, cmd, UINT64_MAX, r ? IOREGIONFD_STATUS_ERROR : IOREGIONFD_STATUS_NO_REGION,
              source);
        return;
    }
    if (source == IO_FROM_KVM) {
        io_count(&r->in_kernel);
    }
    ch->in_callback = true;
    if (op == IOREGIONFD_CMD_READ) {
        io_count(&r->reads);
        res = memory_region_local_read(r->mr, cmd->offset, &data, size, attrs);
    } else {
        io_count(resp ? &r->writes : &r->posted_writes);
        res = memory_region_local_write(r->mr, cmd->offset, cmd->data & MASK_ULL(size * 8), size,
                                        attrs);
    }
    ch->in_callback = false;
    if (res != MEMTX_OK) {
        status = source == IO_FROM_RING ? STATUS_MEMTX | res : IOREGIONFD_STATUS_ERROR;
    }
    reply(ch, cmd, data, status, source);
}

/* A device's callback that runs the loop (or drains) does not begin another command of its own
 * channel. */
static bool drain_rings(IoChannel *ch, unsigned max)
{
    struct ioregionfd_cmd cmd;
    uint32_t attrs;
    unsigned n = 0;

    if (ch->in_callback) {
        return false;
    }
    while (n < max && ch->ring.slots && io_ring_pop(&ch->ring, &cmd, &attrs)) {
        io_channel_execute(ch, &cmd, attrs, IO_FROM_RING);
        __atomic_store_n(&ch->done, ch->done + 1, __ATOMIC_RELEASE);
        n++;
    }
    while (n < max && ch->dma.slots && io_ring_pop(&ch->dma, &cmd, &attrs)) {
        io_channel_execute(ch, &cmd, attrs, IO_FROM_RING);
        n++;
    }
    return n;
}

static bool channel_poll(void *opaque)
{
    IoChannel *ch = opaque;
    bool found = ch->kring.shared && io_kernel_ring_drain(ch, BATCH);

    return drain_rings(ch, BATCH) || found;
}

static void channel_wake(void *opaque)
{
    IoChannel *ch = opaque;

    __atomic_store_n(&ch->asleep, 0, __ATOMIC_RELAXED);
    if (ch->kring.shared) {
        io_kernel_ring_awake(&ch->kring);
    }
}

static bool channel_sleep(void *opaque)
{
    IoChannel *ch = opaque;

    if (ch->kring.shared && io_kernel_ring_sleep(&ch->kring)) {
        return true;
    }
    if (io_ring_sleep(&ch->asleep, &ch->dma, ch->ring.slots ? &ch->ring : NULL)) {
        channel_wake(ch);
        return true;
    }
    return false;
}

static const AioPollOps channel_poll_ops = {
    .poll = channel_poll,
    .sleep = channel_sleep,
    .wake = channel_wake,
};

static void home_fd_readable(void *opaque)
{
    io_socket_home_read(opaque, IO_FROM_SOCKET, BATCH);
}

static void kvm_fd_readable(void *opaque)
{
    drain_kernel(opaque, BATCH);
}

/* --- draining
 * -----------------------------------------------------------------------------------------------------------
 */

typedef struct DrainCall {
    IoChannel *ch;
    AioFn *fn;
    void *opaque;
} DrainCall;

/* At home.  What was in the channel when the caller called is bounded by its capacity. */
static void drain_at_home(void *opaque)
{
    DrainCall *call = opaque;
    IoChannel *ch = call->ch;
    uint64_t max =
        (ch->ring.slots ? ch->ring.capacity : 0) + (ch->dma.slots ? ch->dma.capacity : 0);

    while (max && drain_rings(ch, 1)) {
        max--;
    }
    if (ch->home_fd >= 0) {
        io_socket_home_read(ch, IO_FROM_SOCKET, 4096);
    }
    drain_kernel(ch, ch->kring.shared ? ch->kring.mask + 1 : 4096);
    if (call->fn) {
        call->fn(call->opaque);
    }
}

/* Another process: it is asked to answer once it has done everything. */
static void sync_external(IoChannel *ch)
{
    struct ioregionfd_cmd cmd = {.info = IOREGIONFD_CMD_SYNC | IOREGIONFD_RESP};
    IoRegionWaiter *w = waiter_self();
    int64_t timeout = io_channel_main_timeout(ch);
    uint64_t data;
    bool lead;

    if (ch->sync_lost && ch->sync_at == io_counter(&ch->good_answers)) {
        return; /* it has not answered anything since it did not answer the last one */
    }
    if (!w || __atomic_load_n(&ch->dead, __ATOMIC_ACQUIRE) ||
        !(cmd.id = waiter_begin(w, ch, NULL, timeout))) {
        return;
    }
    if (io_socket_send_wait(ch, w, &cmd)) {
        io_socket_wait(ch, w);
    }
    ch->sync_lost = waiter_finish(w, &data, NULL, &lead) >= WAIT_FAIL_CANCELLED;
    ch->sync_at = io_counter(&ch->good_answers);
    if (lead) {
        io_socket_pass_lead(ch, w);
    }
}

void io_channel_drain(IoChannel *ch, AioFn *fn, void *opaque)
{
    DrainCall call = {ch, fn, opaque};

    if (ch->external) {
        /* Nothing of ours runs there: what takes a region away need not wait. */
        if (fn) {
            fn(opaque);
        } else {
            sync_external(ch);
        }
    } else {
        aio_call(ch->ctx, drain_at_home, &call);
    }
}

void ioregion_flush_all(void)
{
    assert_main_loop();
    for (IoChannel *ch = channels; ch; ch = ch->next) {
        /* A ring that was carried out to its end needs no call to its home. */
        if (ch->ring.slots &&
            (ch->kring.shared ? io_kernel_ring_idle(&ch->kring) : ch->kvm_fd < 0) &&
            io_ring_tail(&ch->dma) == __atomic_load_n(&ch->dma.head, __ATOMIC_ACQUIRE) &&
            io_ring_tail(&ch->ring) == __atomic_load_n(&ch->done, __ATOMIC_ACQUIRE)) {
            continue;
        }
        io_channel_drain(ch, NULL, NULL);
    }
}

/* --- life
 * -----------------------------------------------------------------------------------------------------------------
 */

static void start_at_home(void *opaque)
{
    IoChannel *ch = opaque;

    ch->poller = aio_poller_new(ch->ctx, &channel_poll_ops, ch);
    if (ch->home_fd >= 0) {
        aio_set_fd_handler(ch->ctx, ch->home_fd, home_fd_readable, NULL, ch);
    }
}

static void stop_at_home(void *opaque)
{
    IoChannel *ch = opaque;

    if (ch->home_fd >= 0) {
        aio_set_fd_handler(ch->ctx, ch->home_fd, NULL, NULL, NULL);
    }
    if (ch->kvm_fd >= 0) {
        aio_set_fd_handler(ch->ctx, ch->kvm_fd, NULL, NULL, NULL);
    }
    aio_poller_delete(ch->poller);
}

static void channel_release(void *opaque)
{
    IoChannel *ch = opaque;

    io_ring_destroy(&ch->ring);
    io_ring_destroy(&ch->dma);
    if (ch->fd >= 0) {
        close(ch->fd);
    }
    if (ch->home_fd >= 0) {
        close(ch->home_fd);
    }
    io_kernel_ring_unmap(&ch->kring);
    if (ch->kvm_fd >= 0) {
        close(ch->kvm_fd);
    }
    aio_context_unref(ch->ctx);
    g_free(ch->name);
    free(ch);
}

static bool open_transport(IoChannel *ch, const IoChannelConfig *cfg, GError **errp)
{
    int fds[2];

    if (ch->external) {
        ch->fd = cfg->external_fd;
        return true;
    }
    if (!io_ring_init(&ch->dma, DMA_POSTED, 0)) {
        error_setg_errno(errp, ENOMEM, "no memory for the ring of '%s'", ch->name);
        return false;
    }
    if (ch->transport == IOREGION_TRANSPORT_SOCKET) {
        if (!io_socket_pair(fds, errp)) {
            return false;
        }
        ch->fd = fds[0];
        ch->home_fd = fds[1];
    } else if (!io_ring_init(&ch->ring, RING_POSTED, io_channel_max_waiters)) {
        error_setg_errno(errp, ENOMEM, "no memory for the ring of '%s'", ch->name);
        return false;
    }
    return true;
}

IoChannel *io_channel_new(const IoChannelConfig *cfg, GError **errp)
{
    IoChannel *ch = NULL, **end = &channels;

    assert_main_loop();
    if (posix_memalign((void **)&ch, QEMU_CACHELINE, sizeof(*ch))) {
        error_setg_errno(errp, ENOMEM, "no memory for the channel of '%s'", cfg->name);
        return NULL;
    }
    memset(ch, 0, sizeof(*ch));
    ch->name = g_strdup(cfg->name);
    ch->ctx = aio_context_ref(cfg->ctx);
    ch->owner = cfg->owner;
    ch->transport = cfg->transport;
    ch->external = cfg->external_fd >= 0;
    ch->timeout_ns = cfg->timeout_ns;
    ch->posted_writes = cfg->posted_writes;
    ch->fd = ch->home_fd = ch->kvm_fd = -1;
    ch->users = 1;
    if (!open_transport(ch, cfg, errp)) {
        channel_release(ch);
        return NULL;
    }
    if (!ch->external) {
        aio_call(ch->ctx, start_at_home, ch);
    }
    while (*end) {
        end = &(*end)->next;
    }
    *end = ch;
    return ch;
}

/* A socket's reader may be parked in its wait when the channel goes: the last one frees it. */
static void channel_put_user(void *opaque)
{
    IoChannel *ch = opaque;

    if (__atomic_sub_fetch(&ch->users, 1, __ATOMIC_ACQ_REL) == 0) {
        aio_post(aio_get_main(), channel_release, ch);
    }
}

void io_channel_unuse(IoChannel *ch)
{
    channel_put_user(ch);
}

void io_channel_free(IoChannel *ch)
{
    assert_main_loop();
    g_assert(!ch->regions);
    for (IoChannel **p = &channels; *p; p = &(*p)->next) {
        if (*p == ch) {
            *p = ch->next;
            break;
        }
    }
    if (!ch->external) {
        io_channel_drain(ch, stop_at_home, ch);
    }
    __atomic_store_n(&ch->dead, true, __ATOMIC_RELEASE);
    waiter_cancel_all(ch, NULL, WAIT_FAIL_CANCELLED);
    /* A producer may still be about to push: it is in an RCU section then. */
    memory_defer(channel_put_user, ch);
}

IoChannel *io_channel_get_default(AioContext *ctx, GError **errp)
{
    for (IoChannel *ch = channels; ch; ch = ch->next) {
        if (!ch->owner && ch->ctx == ctx) {
            return ch;
        }
    }
    return io_channel_new(&(IoChannelConfig){.name = aio_context_name(ctx),
                                             .ctx = ctx,
                                             .transport = IOREGION_TRANSPORT_RING,
                                             .external_fd = -1,
                                             .posted_writes = true,
                                             .timeout_ns = IOREGION_TIMEOUT_DEFAULT_MS * SCALE_MS},
                          errp);
}

void io_channel_put(IoChannel *ch)
{
    if (!ch->owner && !ch->regions) {
        io_channel_free(ch);
    }
}

/* --- KVM's end
 * --------------------------------------------------------------------------------------------------------------
 */

typedef struct SetKvmFd {
    IoChannel *ch;
    int fd;
    const IoKernelRing *ring;
} SetKvmFd;

static void set_kvm_fd_at_home(void *opaque)
{
    SetKvmFd *set = opaque;
    IoChannel *ch = set->ch;

    if (ch->kvm_fd >= 0) {
        aio_set_fd_handler(ch->ctx, ch->kvm_fd, NULL, NULL, NULL);
    }
    ch->kvm_fd = set->fd;
    if (set->ring) {
        ch->kring = *set->ring;
    }
    if (ch->kvm_fd >= 0) {
        aio_set_fd_handler(ch->ctx, ch->kvm_fd, kvm_fd_readable, NULL, ch);
    }
}

void io_channel_set_kvm_fd(IoChannel *ch, int fd, const IoKernelRing *ring)
{
    aio_call(ch->ctx, set_kvm_fd_at_home, &(SetKvmFd){ch, fd, ring});
}
