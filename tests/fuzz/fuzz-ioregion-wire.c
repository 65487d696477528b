/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libFuzzer: answers of a hostile device process.  The input is a script of packets that the
 * process sends, of accesses, and of its death.  A model says which answer each access must get:
 * the first well-formed one with its id, or all-ones.
 */
#include "qemu/osdep.h"

#include <sys/socket.h>

#include "../../system/ioregionfd/internal.h"
#include "qemu/rcu.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

enum { OP_RAW, OP_ANSWER, OP_READ, OP_WRITE, OP_TAKE, OP_DIE, OP_CANCEL, OP_SYNC, OP_COUNT };

typedef struct Script {
    const uint8_t *p, *end;
} Script;

typedef struct Model {
    int peer;
    bool dead;
    bool answered; /* an answer with the next id lies in the socket */
    uint64_t data;
    uint32_t status;
    unsigned queued; /* packets that nobody has read yet */
    uint32_t next_id;
} Model;

static MemoryRegion mr;
static AioContext *nobody;

static uint8_t take8(Script *s)
{
    return s->p < s->end ? *s->p++ : 0;
}

static void take_bytes(Script *s, void *buf, size_t n)
{
    size_t have = MIN((size_t)(s->end - s->p), n);

    memset(buf, 0, n);
    memcpy(buf, s->p, have);
    s->p += have;
}

static uint32_t next_id(void)
{
    IoRegionWaiter *w = waiter_self();
    uint32_t generation = w->generation + 1;

    if (!(generation << WAITER_INDEX_BITS)) {
        generation = 1;
    }
    return generation << WAITER_INDEX_BITS | w->index;
}

/* What the process sends; the model learns whether it is an answer to the next access. */
static void peer_send(Model *m, const void *packet, size_t len)
{
    struct ioregionfd_resp r;

    /* An empty packet reads as the end of the connection: it is the process's way to die. */
    if (m->dead || m->queued >= 64 || !len ||
        send(m->peer, packet, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        return;
    }
    m->queued++;
    if (len != sizeof(r)) {
        return;
    }
    memcpy(&r, packet, sizeof(r));
    if (!m->answered && r.id == next_id() && !r.pad[0] && !r.pad[1]) {
        m->answered = true;
        m->data = r.data;
        m->status = r.status;
    }
}

static void op_raw(Model *m, Script *s)
{
    uint8_t packet[80];
    size_t len = take8(s) % sizeof(packet);

    take_bytes(s, packet, len);
    peer_send(m, packet, len);
}

static void op_answer(Model *m, Script *s)
{
    struct ioregionfd_resp r = {.id = next_id()};
    uint8_t twist = take8(s);

    take_bytes(s, &r.data, sizeof(r.data));
    if (twist & 1) {
        take_bytes(s, &r.status, sizeof(r.status));
    }
    r.pad[twist >> 1 & 1] = twist & 4 ? take8(s) : 0;
    r.id += twist & 8 ? 1u << WAITER_INDEX_BITS : 0;
    r.id ^= twist & 16 ? 1 : 0;
    peer_send(m, &r, sizeof(r));
}

static void op_read(Model *m, Script *s)
{
    unsigned size = 1u << (take8(s) & 3);
    uint64_t v = 0x5a5a5a5a5a5a5a5a;
    MemTxResult res = ioregion_forward_read(&mr, take8(s), &v, size, MEMTXATTRS_UNSPECIFIED);

    if (m->answered && !m->dead) {
        g_assert_cmphex(v, ==, m->data & MASK_ULL(size * 8));
        g_assert_cmpint(res == MEMTX_OK, ==, m->status == IOREGIONFD_STATUS_OK);
    } else if (!m->answered) {
        g_assert_cmphex(v, ==, MASK_ULL(size * 8));
        g_assert_cmpint(res, ==, MEMTX_ERROR);
    }
    m->answered = false;
    m->queued = 0;
}

/* The main loop asks whether all is done; it does not ask again before an answer has come to
 * something. */
static void op_sync(Model *m, IoRegionFd *ior)
{
    IoChannel *ch = ior->channel;
    bool silent = ch->sync_lost && ch->sync_at == io_counter(&ch->good_answers);
    uint64_t before = io_counter(&ch->good_answers);

    if (silent || ch->dead) {
        ioregion_flush_all();
        g_assert_cmpuint(io_counter(&ch->good_answers), ==, before);
        return; /* nothing was sent, nothing read */
    }
    ioregion_flush_all();
    if (!m->dead) {
        g_assert_cmpint(ch->sync_lost, ==, !m->answered);
    }
    g_assert_cmpuint(io_counter(&ch->good_answers) - before, <=, 1);
    m->answered = false;
    m->queued = 0;
}

static void run(Model *m, Script *s, IoRegionFd *ior)
{
    for (int n = 0; n < 64 && s->p < s->end; n++) {
        char sink[64];

        switch (take8(s) % OP_COUNT) {
        case OP_RAW:
            op_raw(m, s);
            break;
        case OP_ANSWER:
            op_answer(m, s);
            break;
        case OP_READ:
            op_read(m, s);
            break;
        case OP_WRITE:
            ioregion_forward_write(&mr, take8(s), take8(s), 4, MEMTXATTRS_UNSPECIFIED);
            break;
        case OP_TAKE:
            while (!m->dead && recv(m->peer, sink, sizeof(sink), MSG_DONTWAIT) > 0) {
            }
            break;
        case OP_DIE:
            if (take8(s) == 0xff) {
                shutdown(m->peer, SHUT_RDWR);
                m->dead = true;
            }
            break;
        case OP_CANCEL:
            ioregion_cancel(NULL); /* nobody waits */
            break;
        case OP_SYNC:
            op_sync(m, ior);
            break;
        }
    }
}

static uint64_t unused_read(void *opaque, hwaddr offset, unsigned size)
{
    g_assert_not_reached();
}

static void unused_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    g_assert_not_reached();
}

static const MemoryRegionOps ops = {.read = unused_read, .write = unused_write};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    rcu_register_thread();
    g_assert_true(aio_init_main(NULL));
    aio_set_current(aio_get_main());
    memory_map_init();
    nobody = aio_context_new("nobody", NULL);
    memory_region_init_io(&mr, NULL, &ops, NULL, "fuzz", 4096);
    /* One line a channel would be all that one sees. */
    g_assert_nonnull(freopen("/dev/null", "w", stdout));
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Script s = {data, data + size};
    IoRegionFd ior = {0};
    Model m = {0};
    int fds[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), ==, 0);
    m.peer = fds[1];
    ior.channel = io_channel_new(&(IoChannelConfig){.name = "fuzz",
                                                    .ctx = nobody,
                                                    .owner = &ior,
                                                    .transport = IOREGION_TRANSPORT_SOCKET,
                                                    .external_fd = fds[0],
                                                    .posted_writes = true,
                                                    .timeout_ns = SCALE_MS},
                                 NULL);
    g_assert_nonnull(ior.channel);
    ior.channel->death_logged = true;
    ior.channel->bad_answers = 1; /* said already */
    g_assert_true(ioregion_set_ioregionfd(&mr, &ior, MEMORY_HOME_POSTED_WRITES, NULL));
    mr.home->logged = true;
    run(&m, &s, &ior);
    ioregion_set_home(&mr, NULL, 0);
    io_channel_free(ior.channel);
    memory_reclaim_barrier();
    while (aio_poll(aio_get_main(), false)) {
    }
    close(fds[1]);
    return 0;
}
