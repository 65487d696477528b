/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Regions with a home, from the access to the device's callback and back, over both transports; and
 * a process at the other end of a socket that behaves, misbehaves and dies.
 */
#include "qemu/osdep.h"

#include <sys/socket.h>

#include "../../system/ioregionfd/internal.h"
#include "../include/soak.h"
#include "qemu/rcu.h"

#define PRODUCERS 4
#define NONE MEMTXATTRS_UNSPECIFIED

static int scale(int n)
{
    return (int)soak(n, n * 10);
}

/* --- a home thread and a device that lives there
 * ------------------------------------------------------------------------- */

static AioContext *home_ctx;
static QemuThread home_thread;
static bool home_stop;

static void *home_run(void *opaque)
{
    aio_set_current(home_ctx);
    while (!__atomic_load_n(&home_stop, __ATOMIC_ACQUIRE)) {
        aio_poll(home_ctx, true);
    }
    aio_set_current(NULL);
    return NULL;
}

typedef struct Device {
    MemoryRegion mr;
    uint64_t next[PRODUCERS]; /* the home's */
    uint64_t total;           /* atomic */
    uint64_t last;
    bool block;   /* atomic: the callback waits */
    bool entered; /* atomic */
    IoRegionFd ior;
    IoChannel *ch;
} Device;

static void device_block(Device *d)
{
    __atomic_store_n(&d->entered, true, __ATOMIC_RELEASE);
    while (__atomic_load_n(&d->block, __ATOMIC_ACQUIRE)) {
        g_usleep(100);
    }
}

/* Offset 0x00 + 8 * n: producer n's sequence; 0x100: a register; 0x200: waits while block is set.
 */
static void device_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    Device *d = opaque;

    g_assert_true(aio_get_current() == home_ctx);
    if (offset < 8 * PRODUCERS) {
        g_assert_cmpuint(data, ==, d->next[offset / 8]);
        d->next[offset / 8]++;
    } else if (offset == 0x100) {
        d->last = data;
    } else if (offset == 0x200) {
        device_block(d);
    }
    __atomic_add_fetch(&d->total, 1, __ATOMIC_RELEASE);
}

static uint64_t device_read(void *opaque, hwaddr offset, unsigned size)
{
    Device *d = opaque;

    g_assert_true(aio_get_current() == home_ctx);
    if (offset < 8 * PRODUCERS) {
        return d->next[offset / 8];
    }
    if (offset == 0x200) {
        device_block(d);
    }
    return offset == 0x100 ? d->last : offset + size;
}

static const MemoryRegionOps device_ops = {
    .read = device_read,
    .write = device_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 1, .max_access_size = 8},
    .impl = {.min_access_size = 1, .max_access_size = 8},
};

static Device *device_new(IoRegionTransport transport, int external_fd, bool posted,
                          int64_t timeout_ns)
{
    Device *d = g_new0(Device, 1);
    AioContext *ctx = home_ctx;

    if (external_fd >= 0) {
        ctx = aio_context_new("nobody", NULL);
    }
    memory_region_init_io(&d->mr, NULL, &device_ops, d, "test", 4096);
    d->ch = io_channel_new(&(IoChannelConfig){.name = "test",
                                              .ctx = ctx,
                                              .owner = &d->ior,
                                              .transport = transport,
                                              .external_fd = external_fd,
                                              .posted_writes = true,
                                              .timeout_ns = timeout_ns},
                           NULL);
    g_assert_nonnull(d->ch);
    d->ior.channel = d->ch;
    if (external_fd >= 0) {
        aio_context_unref(ctx);
    }
    g_assert_true(
        ioregion_set_ioregionfd(&d->mr, &d->ior, posted ? MEMORY_HOME_POSTED_WRITES : 0, NULL));
    return d;
}

static void device_free(Device *d)
{
    ioregion_set_home(&d->mr, NULL, 0);
    io_channel_free(d->ch);
    memory_region_finalize(&d->mr);
    memory_reclaim_barrier();
    g_free(d);
}

static MemTxResult write_reg(Device *d, hwaddr offset, uint64_t v, unsigned size)
{
    return ioregion_forward_write(&d->mr, offset, v, size, NONE);
}

static uint64_t read_reg(Device *d, hwaddr offset, unsigned size)
{
    uint64_t v = 0;

    g_assert_cmpint(ioregion_forward_read(&d->mr, offset, &v, size, NONE), ==, MEMTX_OK);
    return v;
}

/* --- accesses from several threads
 * ------------------------------------------------------------------------------------------- */

typedef struct Producer {
    Device *d;
    unsigned number, count;
    QemuThread thread;
} Producer;

static void *produce(void *opaque)
{
    Producer *p = opaque;

    for (unsigned i = 0; i < p->count; i++) {
        g_assert_cmpint(write_reg(p->d, 8 * p->number, i, 8), ==, MEMTX_OK);
        if (i % 16 == 5) {
            /* A read finds all that its thread wrote before. */
            g_assert_cmpuint(read_reg(p->d, 8 * p->number, 8), ==, i + 1);
        }
    }
    return NULL;
}

static void run_producers(Device *d, unsigned count)
{
    Producer p[PRODUCERS];

    for (unsigned i = 0; i < PRODUCERS; i++) {
        p[i] = (Producer){.d = d, .number = i, .count = count};
        g_assert_true(qemu_thread_create(&p[i].thread, "vcpu", produce, &p[i], NULL));
    }
    for (unsigned i = 0; i < PRODUCERS; i++) {
        qemu_thread_join(&p[i].thread);
    }
}

static void test_order(gconstpointer opaque)
{
    Device *d = device_new(GPOINTER_TO_INT(opaque), -1, true, -1);
    unsigned count = scale(10000);

    run_producers(d, count);
    ioregion_flush_all();
    g_assert_cmpuint(__atomic_load_n(&d->total, __ATOMIC_ACQUIRE), ==, PRODUCERS * count);
    g_assert_cmpuint(d->mr.home->posted_writes + d->mr.home->writes, ==, PRODUCERS * count);
    device_free(d);
}

static void test_answered_writes(gconstpointer opaque)
{
    Device *d = device_new(GPOINTER_TO_INT(opaque), -1, false, -1);
    unsigned count = scale(3000);

    run_producers(d, count);
    /* No flush: each write was answered. */
    g_assert_cmpuint(__atomic_load_n(&d->total, __ATOMIC_ACQUIRE), ==, PRODUCERS * count);
    device_free(d);
}

static void test_sizes(gconstpointer opaque)
{
    Device *d = device_new(GPOINTER_TO_INT(opaque), -1, true, -1);

    for (unsigned size = 1; size <= 8; size *= 2) {
        g_assert_cmpint(write_reg(d, 0x100, 0x8877665544332211, size), ==, MEMTX_OK);
        g_assert_cmphex(read_reg(d, 0x100, 8), ==, 0x8877665544332211 & MASK_ULL(size * 8));
        g_assert_cmphex(read_reg(d, 0x300, size), ==, (0x300 + size) & MASK_ULL(size * 8));
    }
    device_free(d);
}

/* The home stands still: posted writes fill the channel, the rest waits, then all arrive. */
static void test_full(gconstpointer opaque)
{
    Device *d = device_new(GPOINTER_TO_INT(opaque), -1, true, -1);
    Producer p[PRODUCERS];
    unsigned count = 2000;

    d->block = true;
    write_reg(d, 0x200, 0, 4);
    while (!__atomic_load_n(&d->entered, __ATOMIC_ACQUIRE)) {
        g_usleep(100);
    }
    for (unsigned i = 0; i < PRODUCERS; i++) {
        p[i] = (Producer){.d = d, .number = i, .count = count};
        g_assert_true(qemu_thread_create(&p[i].thread, "vcpu", produce, &p[i], NULL));
    }
    g_usleep(50000);
    __atomic_store_n(&d->block, false, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < PRODUCERS; i++) {
        qemu_thread_join(&p[i].thread);
    }
    ioregion_flush_all();
    g_assert_cmpuint(__atomic_load_n(&d->total, __ATOMIC_ACQUIRE), ==, PRODUCERS * count + 1);
    device_free(d);
}

/* The device works again; from now on nothing may time out, however loaded the machine is. */
static void unblock(Device *d)
{
    d->ch->timeout_ns = 60 * NANOSECONDS_PER_SECOND;
    __atomic_store_n(&d->block, false, __ATOMIC_RELEASE);
    ioregion_flush_all();
}

/* Posted beyond the bound: the writer waits for room and not for ever. */
static void test_full_timeout(gconstpointer opaque)
{
    Device *d = device_new(GPOINTER_TO_INT(opaque), -1, true, 20 * SCALE_MS);
    MemTxResult res = MEMTX_OK;
    int n;

    d->block = true;
    write_reg(d, 0x200, 0, 4);
    for (n = 0; n < 100000 && res == MEMTX_OK; n++) {
        res = write_reg(d, 0x100, n, 4);
    }
    g_assert_cmpint(res, ==, MEMTX_ERROR);
    g_assert_cmpuint(d->mr.home->timeouts, ==, 1);
    g_assert_cmpuint(d->mr.home->full_stalls, >=, 1);
    unblock(d);
    g_assert_cmpuint(read_reg(d, 0x100, 4), ==, n - 2);
    device_free(d);
}

static void test_timeout(gconstpointer opaque)
{
    Device *d = device_new(GPOINTER_TO_INT(opaque), -1, true, 20 * SCALE_MS);
    uint64_t v = 0;

    d->block = true;
    g_assert_cmpint(ioregion_forward_read(&d->mr, 0x200, &v, 2, NONE), ==, MEMTX_ERROR);
    g_assert_cmphex(v, ==, 0xffff);
    g_assert_cmpuint(d->mr.home->timeouts, ==, 1);
    /* The answer comes late, and is not taken for the next one's. */
    unblock(d);
    g_assert_cmphex(read_reg(d, 0x300, 4), ==, 0x304);
    if (d->ch->transport == IOREGION_TRANSPORT_SOCKET) {
        g_assert_cmpuint(d->ch->bad_answers, ==, 1);
    }
    device_free(d);
}

static void *blocked_read(void *opaque)
{
    Device *d = opaque;
    uint64_t v = 0;

    g_assert_cmpint(ioregion_forward_read(&d->mr, 0x200, &v, 4, NONE), ==, MEMTX_ERROR);
    g_assert_cmphex(v, ==, 0xffffffff);
    return NULL;
}

/* How many threads wait for the device. */
static unsigned waiting(Device *d)
{
    unsigned n = 0;

    for (unsigned i = 0; i < waiter_count(); i++) {
        IoRegionWaiter *w = waiter_by_index(i);

        n += (waiter_flags(w) & WAIT_PHASE) == WAIT_PENDING &&
             __atomic_load_n(&w->region, __ATOMIC_RELAXED) == d->mr.home;
    }
    return n;
}

static void test_cancel(gconstpointer opaque)
{
    Device *d = device_new(GPOINTER_TO_INT(opaque), -1, true, -1);
    QemuThread t[3];

    d->block = true;
    for (int i = 0; i < 3; i++) {
        g_assert_true(qemu_thread_create(&t[i], "vcpu", blocked_read, d, NULL));
    }
    while (!__atomic_load_n(&d->entered, __ATOMIC_ACQUIRE)) {
        g_usleep(100);
    }
    while (waiting(d) < 3) {
        g_usleep(100);
    }
    ioregion_cancel(&d->mr);
    for (int i = 0; i < 3; i++) {
        qemu_thread_join(&t[i]);
    }
    __atomic_store_n(&d->block, false, __ATOMIC_RELEASE);
    g_assert_cmphex(read_reg(d, 0x300, 4), ==, 0x304);
    g_assert_cmpuint(d->mr.home->cancelled, ==, 3);
    device_free(d);
}

/* Peer DMA: bounded, nobody waits, reads are refused. */
static void test_dma(gconstpointer opaque)
{
    Device *d = device_new(GPOINTER_TO_INT(opaque), -1, true, -1);
    MemTxAttrs dma = {.dma = 1};
    uint64_t v = 0;

    g_assert_cmpint(ioregion_forward_read(&d->mr, 0, &v, 4, dma), ==, MEMTX_ACCESS_ERROR);
    g_assert_cmphex(v, ==, 0xffffffff);
    d->block = true;
    write_reg(d, 0x200, 0, 4);
    while (!__atomic_load_n(&d->entered, __ATOMIC_ACQUIRE)) {
        g_usleep(100);
    }
    for (int i = 0; i < 1000; i++) {
        g_assert_cmpint(ioregion_forward_write(&d->mr, 0x100, i, 4, dma), ==, MEMTX_OK);
    }
    __atomic_store_n(&d->block, false, __ATOMIC_RELEASE);
    ioregion_flush_all();
    g_assert_cmpuint(d->mr.home->dma_dropped, ==, 1 + 1000 - 64);
    g_assert_cmpuint(read_reg(d, 0x100, 4), ==, 63);
    device_free(d);
}

static void test_claim(void)
{
    Device *d = device_new(IOREGION_TRANSPORT_RING, -1, true, -1);
    Device *e = device_new(IOREGION_TRANSPORT_RING, -1, true, -1);
    g_autoptr(GError) err = NULL;

    g_assert_false(ioregion_set_ioregionfd(&d->mr, &e->ior, 0, &err));
    g_assert_nonnull(strstr(err->message, "claimed"));
    g_assert_cmphex(read_reg(d, 0x300, 4), ==, 0x304);
    device_free(e);
    device_free(d);
}

/* --- another process
 * -----------------------------------------------------------------------------------------------------------
 */

typedef struct Peer {
    int fd;
    bool shuffle;    /* answers come in another order */
    int die_after;   /* commands; 0: never */
    uint64_t posted; /* atomic */
    uint64_t value[16];
    QemuThread thread;
} Peer;

static void peer_send(Peer *p, const void *buf, size_t len)
{
    g_assert_cmpint(send(p->fd, buf, len, MSG_NOSIGNAL), ==, len);
}

static void *peer_run(void *opaque)
{
    Peer *p = opaque;
    struct ioregionfd_resp held = {0};
    struct ioregionfd_cmd cmd;
    bool holding = false;
    int n = 0;

    for (;;) {
        struct ioregionfd_resp resp = {0};
        ssize_t len = recv(p->fd, &cmd, sizeof(cmd), holding ? MSG_DONTWAIT : 0);

        if (len < 0 && errno == EAGAIN) {
            peer_send(p, &held, sizeof(held));
            holding = false;
            continue;
        }
        if (len <= 0 || (p->die_after && ++n > p->die_after)) {
            close(p->fd);
            return NULL;
        }
        g_assert_cmpint(len, ==, sizeof(cmd));
        resp.id = cmd.id;
        if (wire_op(cmd.info) == IOREGIONFD_CMD_WRITE) {
            p->value[cmd.offset / 8 % 16] = cmd.data + 1;
            __atomic_add_fetch(&p->posted, 1, __ATOMIC_RELEASE);
        } else if (wire_op(cmd.info) == IOREGIONFD_CMD_READ) {
            resp.data = p->value[cmd.offset / 8 % 16];
        }
        if (!(cmd.info & IOREGIONFD_RESP)) {
            continue;
        }
        if (p->shuffle && !holding && g_random_boolean()) {
            held = resp;
            holding = true;
            continue;
        }
        peer_send(p, &resp, sizeof(resp));
    }
}

static Device *external_new(Peer *p, int64_t timeout_ns)
{
    int fds[2];

    memset(p, 0, sizeof(*p));
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), ==, 0);
    g_assert_true(io_socket_check_fd(fds[0], "fd", NULL));
    p->fd = fds[1];
    return device_new(IOREGION_TRANSPORT_SOCKET, fds[0], true, timeout_ns);
}

static void external_free(Device *d, Peer *p)
{
    shutdown(d->ch->fd, SHUT_RDWR);
    if (p->thread.thread) {
        qemu_thread_join(&p->thread);
    } else {
        close(p->fd);
    }
    device_free(d);
}

static void test_external(gconstpointer shuffle)
{
    Peer p;
    Device *d = external_new(&p, 60 * NANOSECONDS_PER_SECOND);

    p.shuffle = shuffle;
    g_assert_true(qemu_thread_create(&p.thread, "peer", peer_run, &p, NULL));
    run_producers(d, scale(5000));
    ioregion_flush_all();
    g_assert_cmpuint(__atomic_load_n(&p.posted, __ATOMIC_ACQUIRE), ==, PRODUCERS * scale(5000));
    g_assert_cmpuint(d->ch->bad_answers, ==, 0);
    external_free(d, &p);
}

typedef struct Asker {
    Device *d;
    uint64_t value;
    MemTxResult res;
    int64_t took_us;
    QemuThread thread;
} Asker;

static void *ask(void *opaque)
{
    Asker *a = opaque;
    int64_t t = g_get_monotonic_time();

    a->res = ioregion_forward_read(&a->d->mr, 0x10, &a->value, 4, NONE);
    a->took_us = g_get_monotonic_time() - t;
    return NULL;
}

/* Answers of every wrong kind before the right one. */
static void test_hostile(void)
{
    struct ioregionfd_resp resp = {0}, bad;
    struct ioregionfd_cmd cmd;
    char big[4096] = {0};
    Peer p;
    Device *d = external_new(&p, 60 * NANOSECONDS_PER_SECOND);
    Asker a = {.d = d};

    resp.id = 0x1234567;
    peer_send(&p, &resp, sizeof(resp)); /* unsolicited, before anything is asked */
    g_assert_true(qemu_thread_create(&a.thread, "vcpu", ask, &a, NULL));
    g_assert_cmpint(recv(p.fd, &cmd, sizeof(cmd), 0), ==, sizeof(cmd));
    g_assert_cmphex(cmd.info, ==,
                    IOREGIONFD_CMD_READ | 2 << IOREGIONFD_SIZE_SHIFT | IOREGIONFD_RESP);
    g_assert_cmphex(cmd.offset, ==, 0x10);
    g_assert_cmphex(cmd.data, ==, 0);
    resp.id = cmd.id;
    resp.data = 0x55667788;
    peer_send(&p, &resp, 31); /* short */
    peer_send(&p, &resp, 1);
    peer_send(&p, big, 33); /* long */
    peer_send(&p, big, sizeof(big));
    bad = resp;
    bad.pad[1] = 1;
    peer_send(&p, &bad, sizeof(bad)); /* malformed */
    bad = resp;
    bad.id += 1 << WAITER_INDEX_BITS;
    peer_send(&p, &bad, sizeof(bad)); /* another generation */
    bad.id = resp.id ^ 1;
    peer_send(&p, &bad, sizeof(bad));   /* another thread's */
    peer_send(&p, &resp, sizeof(resp)); /* right */
    peer_send(&p, &resp, sizeof(resp)); /* double */
    qemu_thread_join(&a.thread);
    g_assert_cmpint(a.res, ==, MEMTX_OK);
    g_assert_cmphex(a.value, ==, 0x55667788);
    /* The double one meets the next command and is no answer to it. */
    g_assert_true(qemu_thread_create(&a.thread, "vcpu", ask, &a, NULL));
    g_assert_cmpint(recv(p.fd, &cmd, sizeof(cmd), 0), ==, sizeof(cmd));
    resp.id = cmd.id;
    resp.data = 0xffffffff12345678;
    resp.status = IOREGIONFD_STATUS_ERROR;
    peer_send(&p, &resp, sizeof(resp));
    qemu_thread_join(&a.thread);
    g_assert_cmpint(a.res, ==, MEMTX_ERROR);
    g_assert_cmphex(a.value, ==, 0x12345678);
    g_assert_cmpuint(d->ch->bad_answers, ==, 9);
    external_free(d, &p);
}

/* It answers nothing but floods: the access still ends in time. */
static bool flood_stop;

static void *flood(void *opaque)
{
    struct ioregionfd_resp resp = {.id = 99};
    Peer *p = opaque;

    while (!__atomic_load_n(&flood_stop, __ATOMIC_ACQUIRE)) {
        if (send(p->fd, &resp, sizeof(resp), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN) {
            break;
        }
    }
    return NULL;
}

/* Whatever is not 0 makes the access fail; a read's data goes to the guest all the same. */
static void test_status(void)
{
    static const uint32_t status[] = {1, 2, 3, 0x80, 0x100, 0x101, 0x8000, 0x10000, 0x10100, ~0u};
    struct ioregionfd_resp r = {.data = 0x600d};
    IoRegionWaiter *w = waiter_self();
    Device *d;
    int fds[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), ==, 0);
    d = device_new(IOREGION_TRANSPORT_SOCKET, fds[0], false, NANOSECONDS_PER_SECOND);
    for (unsigned i = 0; i < G_N_ELEMENTS(status); i++) {
        uint64_t v;

        r.id = (w->generation + 1) << WAITER_INDEX_BITS | w->index;
        r.status = status[i];
        g_assert_cmpint(send(fds[1], &r, sizeof(r), 0), ==, sizeof(r));
        g_assert_cmpint(ioregion_forward_read(&d->mr, 0, &v, 4, NONE), ==, MEMTX_ERROR);
        g_assert_cmphex(v, ==, 0x600d);
    }
    device_free(d);
    close(fds[1]);
}

/* What lies there counts, also where a thread comes to look only when its time is over. */
static void test_late_look(void)
{
    struct ioregionfd_resp r = {.data = 0x600d};
    IoRegionWaiter *w = waiter_self();
    Device *d;
    int fds[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), ==, 0);
    d = device_new(IOREGION_TRANSPORT_SOCKET, fds[0], false, 1);
    d->ch->bad_answers = 1; /* said already */
    for (unsigned i = 0; i < 20; i++) {
        r.id = (w->generation + 1) << WAITER_INDEX_BITS | w->index;
        g_assert_cmpint(send(fds[1], &r, sizeof(r), 0), ==, sizeof(r));
        g_assert_cmphex(read_reg(d, 0, 4), ==, 0x600d);
        for (unsigned other = 0; other < 2; other++) {
            uint64_t v;

            if (other) { /* an answer to something else */
                g_assert_cmpint(send(fds[1], &r, sizeof(r), 0), ==, sizeof(r));
            }
            g_assert_cmpint(ioregion_forward_read(&d->mr, 0, &v, 4, NONE), ==, MEMTX_ERROR);
            g_assert_cmphex(v, ==, 0xffffffff);
        }
    }
    device_free(d);
    close(fds[1]);
}

static void test_flood(void)
{
    Peer p;
    Device *d = external_new(&p, 50 * SCALE_MS);
    Asker a = {.d = d};
    QemuThread t;

    flood_stop = false;
    g_assert_true(qemu_thread_create(&t, "flood", flood, &p, NULL));
    ask(&a);
    g_assert_cmpint(a.res, ==, MEMTX_ERROR);
    g_assert_cmphex(a.value, ==, 0xffffffff);
    g_assert_cmpint(a.took_us, <, 5000000);
    __atomic_store_n(&flood_stop, true, __ATOMIC_RELEASE);
    qemu_thread_join(&t);
    external_free(d, &p);
}

/* It never reads: posted writes are bounded by the socket, then time out. */
static void test_deaf(void)
{
    Peer p;
    Device *d = external_new(&p, 20 * SCALE_MS);
    MemTxResult res = MEMTX_OK;
    int n;

    for (n = 0; n < 100000 && res == MEMTX_OK; n++) {
        res = write_reg(d, 0x100, n, 4);
    }
    g_assert_cmpint(res, ==, MEMTX_ERROR);
    g_assert_cmpuint(d->mr.home->timeouts, ==, 1);
    external_free(d, &p);
}

/* It dies while several wait: all are told at once, later ones too. */
static void test_death(void)
{
    Peer p;
    Device *d = external_new(&p, -1);
    Asker a[PRODUCERS];
    struct ioregionfd_cmd cmd;

    for (int i = 0; i < PRODUCERS; i++) {
        a[i] = (Asker){.d = d};
        g_assert_true(qemu_thread_create(&a[i].thread, "vcpu", ask, &a[i], NULL));
    }
    for (int i = 0; i < PRODUCERS; i++) {
        g_assert_cmpint(recv(p.fd, &cmd, sizeof(cmd), 0), ==, sizeof(cmd));
    }
    shutdown(p.fd, SHUT_RDWR);
    for (int i = 0; i < PRODUCERS; i++) {
        qemu_thread_join(&a[i].thread);
        g_assert_cmpint(a[i].res, ==, MEMTX_ERROR);
        g_assert_cmphex(a[i].value, ==, 0xffffffff);
    }
    ask(&a[0]);
    g_assert_cmpint(a[0].res, ==, MEMTX_ERROR);
    g_assert_cmpint(write_reg(d, 0, 1, 4), ==, MEMTX_ERROR);
    external_free(d, &p);
}

/* --- kicks while threads wait at a socket
 * --------------------------------------------------------------------------------------- */

static uint64_t parked, go;

static void park(struct CPUState *cpu)
{
    __atomic_add_fetch(&parked, 1, __ATOMIC_SEQ_CST);
    while (!__atomic_load_n(&go, __ATOMIC_ACQUIRE)) {
        g_usleep(100);
    }
}

typedef struct KickedAsker {
    Asker ask;
    IoRegionWaiter *w;
    bool pending;
} KickedAsker;

static void *kicked_ask(void *opaque)
{
    KickedAsker *k = opaque;
    IoRegionWaiter *w = waiter_self();

    w->cpu = (struct CPUState *)k;
    w->process_events = park;
    w->events_pending = &k->pending;
    __atomic_store_n(&k->w, w, __ATOMIC_RELEASE);
    ask(&k->ask);
    waiter_release_self();
    return NULL;
}

/* Whoever of them is parked, reader or not, the others get their answers. */
static void test_kick_reader(void)
{
    for (int victim = 0; victim < 3; victim++) {
        Peer p;
        Device *d = external_new(&p, 60 * NANOSECONDS_PER_SECOND);
        KickedAsker k[3] = {0};
        struct ioregionfd_cmd cmd[3];

        parked = go = 0;
        for (int i = 0; i < 3; i++) {
            k[i].ask.d = d;
            g_assert_true(qemu_thread_create(&k[i].ask.thread, "vcpu", kicked_ask, &k[i], NULL));
            g_assert_cmpint(recv(p.fd, &cmd[i], sizeof(cmd[i]), 0), ==, sizeof(cmd[i]));
            g_usleep(2000);
        }
        waiter_kick(__atomic_load_n(&k[victim].w, __ATOMIC_ACQUIRE));
        while (!__atomic_load_n(&parked, __ATOMIC_SEQ_CST)) {
            g_usleep(100);
        }
        for (int i = 0; i < 3; i++) {
            struct ioregionfd_resp resp = {.id = cmd[i].id, .data = 100 + i};

            peer_send(&p, &resp, sizeof(resp));
        }
        for (int i = 0; i < 3; i++) {
            if (i != victim) {
                qemu_thread_join(&k[i].ask.thread);
                g_assert_cmpuint(k[i].ask.value, ==, 100 + i);
            }
        }
        __atomic_store_n(&go, 1, __ATOMIC_RELEASE);
        qemu_thread_join(&k[victim].ask.thread);
        g_assert_cmpuint(k[victim].ask.value, ==, 100 + victim);
        external_free(d, &p);
    }
}

/* --- what is no channel
 * --------------------------------------------------------------------------------------------------------------
 */

static void refuse(int fd, const char *text)
{
    g_autoptr(GError) err = NULL;

    g_assert_false(io_socket_check_fd(fd, "fd=7", &err));
    g_assert_nonnull(strstr(err->message, "fd=7"));
    if (!strstr(err->message, text)) {
        g_error("'%s' does not say '%s'", err->message, text);
    }
}

static void test_fd_kinds(void)
{
    int fds[2], s;

    refuse(-1, "not an open");
    refuse(9999, "not an open");
    g_assert_cmpint(pipe(fds), ==, 0);
    refuse(fds[0], "not a socket");
    close(fds[0]);
    close(fds[1]);
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
    refuse(fds[0], "SOCK_SEQPACKET");
    close(fds[0]);
    close(fds[1]);
    s = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    refuse(s, "not connected");
    close(s);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*fn)(gconstpointer);
    } both[] = {
        {"order", test_order},
        {"answered-writes", test_answered_writes},
        {"sizes", test_sizes},
        {"full", test_full},
        {"full-timeout", test_full_timeout},
        {"timeout", test_timeout},
        {"cancel", test_cancel},
        {"dma", test_dma},
    };
    int res;

    g_test_init(&argc, &argv, NULL);
    rcu_register_thread();
    g_assert_true(aio_init_main(NULL));
    aio_set_current(aio_get_main());
    memory_map_init();
    home_ctx = aio_context_new("home", NULL);
    g_assert_nonnull(home_ctx);
    g_assert_true(qemu_thread_create(&home_thread, "home", home_run, NULL, NULL));
    for (unsigned i = 0; i < G_N_ELEMENTS(both); i++) {
        g_autofree char *ring = g_strdup_printf("/ioregion/in-process/ring/%s", both[i].name);
        g_autofree char *socket = g_strdup_printf("/ioregion/in-process/socket/%s", both[i].name);

        g_test_add_data_func(ring, GINT_TO_POINTER(IOREGION_TRANSPORT_RING), both[i].fn);
        g_test_add_data_func(socket, GINT_TO_POINTER(IOREGION_TRANSPORT_SOCKET), both[i].fn);
    }
    g_test_add_func("/ioregion/claim", test_claim);
    g_test_add_data_func("/ioregion/external/in-order", NULL, test_external);
    g_test_add_data_func("/ioregion/external/out-of-order", GINT_TO_POINTER(1), test_external);
    g_test_add_func("/ioregion/external/hostile", test_hostile);
    g_test_add_func("/ioregion/external/status", test_status);
    g_test_add_func("/ioregion/external/late-look", test_late_look);
    g_test_add_func("/ioregion/external/flood", test_flood);
    g_test_add_func("/ioregion/external/deaf", test_deaf);
    g_test_add_func("/ioregion/external/death", test_death);
    g_test_add_func("/ioregion/external/kick", test_kick_reader);
    g_test_add_func("/ioregion/fd-kinds", test_fd_kinds);
    res = g_test_run();
    __atomic_store_n(&home_stop, true, __ATOMIC_RELEASE);
    aio_notify(home_ctx);
    qemu_thread_join(&home_thread);
    return res;
}
