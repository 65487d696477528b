/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What ioregionfd's files share: channels (one home's queue), regions (what commands name), the
 * wire. */
#ifndef IOREGIONFD_INTERNAL_H
#define IOREGIONFD_INTERNAL_H

#include "qemu/osdep.h"

#include "qemu/aio.h"
#include "qemu/thread.h"
#include "ring.h"
#include "system/ioregionfd.h"
#include "waiter.h"

typedef struct IoChannel IoChannel;

/* --- channels: channel.c, socket.c
 * ---------------------------------------------------------------------------------- */

/* A channel of the kernel's that is mapped here; the home's, but for what is said otherwise. */
typedef struct IoKernelRing {
    struct ioregionfd_ring *shared; /* NULL: none; main loop sets it while the home does not look */
    const struct ioregionfd_cmd *cmds;
    struct ioregionfd_resp *resps;
    size_t size;
    uint32_t mask, answered;
    uint32_t head; /* commands taken */
    uint32_t done; /* commands carried out; atomic */
    int fd;
} IoKernelRing;

/* How posted and answered commands get from their producers to one home, and answers back. */
struct IoChannel {
    IoRing ring; /* transport ring: guests' commands; else no slots */
    IoRing dma;  /* peer DMA's writes; no slots when external */
    uint32_t asleep __attribute__((aligned(QEMU_CACHELINE))); /* atomic: the home must be kicked */
    uint64_t kicks; /* relaxed: changes only when the home slept */
    /* Set at creation. */
    AioContext *ctx __attribute__((aligned(QEMU_CACHELINE))); /* referenced */
    IoRegionFd *owner;                                        /* or NULL: the context's own */
    char *name;
    IoRegionTransport transport;
    bool external;      /* the other end is another process */
    int64_t timeout_ns; /* < 0: none */
    AioPoller *poller;
    int fd;      /* socket: the producers' end, -1 */
    int home_fd; /* socket inside this process: the home's end, -1 */
    int kvm_fd;  /* KVM's end of its own channel, -1; main loop sets it while the home does not look
                  */
    IoKernelRing kring; /* its ring, if it is one that is mapped */
    /* Socket: who reads answers, index + 1 of a waiter, 0: nobody; atomic. */
    uint32_t leader __attribute__((aligned(QEMU_CACHELINE)));
    bool dead;                          /* atomic: the other end is gone */
    bool death_logged;                  /* atomic */
    uint64_t bad_answers, good_answers; /* relaxed */
    unsigned users; /* atomic: the list, and threads that read or write the socket */
    /* The home's own. */
    bool in_callback;      /* a device's callback runs */
    bool fencing;          /* what came before an answered command is being carried out */
    uint64_t done;         /* ring commands carried out; atomic, written by the home */
    uint64_t bad_commands; /* relaxed, written by the home */
    /* Main loop. */
    unsigned regions;
    bool posted_writes;
    bool sync_lost; /* external: a SYNC was not answered when good_answers was sync_at */
    uint64_t sync_at;
    IoChannel *next;
};

typedef struct IoChannelConfig {
    const char *name;
    AioContext *ctx;
    IoRegionFd *owner;
    IoRegionTransport transport;
    int external_fd; /* -1: none; ownership passes on success */
    bool posted_writes;
    int64_t timeout_ns;
} IoChannelConfig;

#define IOREGION_TIMEOUT_DEFAULT_MS 30000
/* The main loop does not wait longer than this for another process. */
#define IOREGION_MAIN_TIMEOUT_NS NANOSECONDS_PER_SECOND
/* ... nor longer than the user's own limit. */
static inline int64_t io_channel_main_timeout(const IoChannel *ch)
{
    return ch->timeout_ns < 0 ? IOREGION_MAIN_TIMEOUT_NS
                              : MIN(ch->timeout_ns, IOREGION_MAIN_TIMEOUT_NS);
}

/* Main loop; the home takes part (aio_call). */
IoChannel *io_channel_new(const IoChannelConfig *cfg, GError **errp);
/* Nothing uses it any more but readers under RCU: stops it, frees it later. */
void io_channel_free(IoChannel *ch);
IoChannel *io_channel_first(void);
/* ctx's own ring, made on first use; freed when its last region goes (io_channel_put). */
IoChannel *io_channel_get_default(AioContext *ctx, GError **errp);
void io_channel_put(IoChannel *ch);
/* A thread is going to use the socket outside its RCU section (which it is in now) / no longer. */
static inline void io_channel_use(IoChannel *ch)
{
    __atomic_fetch_add(&ch->users, 1, __ATOMIC_RELAXED);
}
void io_channel_unuse(IoChannel *ch);
/* Runs fn at home after everything that lies in the channel has been carried out. */
void io_channel_drain(IoChannel *ch, AioFn *fn, void *opaque);
/* KVM's channel to this home: the home reads fd, or empties ring if it is not NULL, from now on.
 * Main loop. */
void io_channel_set_kvm_fd(IoChannel *ch, int fd, const IoKernelRing *ring);
/* The number of waiters that rings are made for. */
extern unsigned io_channel_max_waiters;

/* Producer's side: wakes the home if it sleeps. */
static inline void io_channel_kick(IoChannel *ch)
{
    if (io_ring_must_kick(&ch->asleep)) {
        __atomic_fetch_add(&ch->kicks, 1, __ATOMIC_RELAXED);
        aio_notify(ch->ctx);
    }
}

/* Carries out one command at home; answers through reply. */
typedef enum IoSource { IO_FROM_RING, IO_FROM_SOCKET, IO_FROM_KVM } IoSource;
void io_channel_execute(IoChannel *ch, const struct ioregionfd_cmd *cmd, uint32_t attrs,
                        IoSource source);

/* socket.c */
bool io_socket_check_fd(int fd, const char *what, GError **errp);
bool io_socket_pair(int fds[2], GError **errp);
/* Sends one command: 0, -EAGAIN (full) or another errno: the other end is gone. Any thread. */
int io_socket_send(IoChannel *ch, const struct ioregionfd_cmd *cmd);
/* Waits until cmd (w's, begun) is sent. False: the wait has ended meanwhile. */
bool io_socket_send_wait(IoChannel *ch, IoRegionWaiter *w, const struct ioregionfd_cmd *cmd);
/* Waits for w's answer. Ends in WAITER_ENDED state. */
void io_socket_wait(IoChannel *ch, IoRegionWaiter *w);
/* After waiter_finish() said lead: somebody else must read. */
void io_socket_pass_lead(IoChannel *ch, const IoRegionWaiter *but);
/* Home's side. Reads at most max commands (the kernel's or the socket's); false when there is none
 * left. */
bool io_socket_home_read(IoChannel *ch, IoSource source, unsigned max);
void io_socket_home_reply(IoChannel *ch, IoSource source, const struct ioregionfd_resp *resp);
/* Reports once that the other end is gone. */
void io_socket_set_dead(IoChannel *ch, int err);

/* --- kernel-ring.c */

/* Maps the ring of fd; false with errno. */
bool io_kernel_ring_map(IoKernelRing *k, int fd);
void io_kernel_ring_unmap(IoKernelRing *k);
/* True if all that was put in has been carried out. Any thread. */
bool io_kernel_ring_idle(const IoKernelRing *k);
/* The home is about to sleep; true if it must not. And: it is awake. */
bool io_kernel_ring_sleep(IoKernelRing *k);
void io_kernel_ring_awake(IoKernelRing *k);
void io_kernel_ring_reply(IoKernelRing *k, const struct ioregionfd_resp *resp);
/* Carries out at most max commands; their number. */
unsigned io_kernel_ring_drain(IoChannel *ch, unsigned max);

/* --- kvm.c */

/* Which engine in the kernel serves this process; USER: none. */
IoRegionEngine io_kernel_engine(void);

/* --- regions: region.c
 * ------------------------------------------------------------------------------------------------
 */

struct IoRegion {
    /* Set at creation. */
    MemoryRegion *mr;
    IoChannel *channel;
    uint64_t user_data; /* generation << 32 | index in the table */
    bool posted, pio;
    bool bound; /* claimed from outside (device=, region=); main loop */
    /* Written by the home, read relaxed. */
    uint64_t reads __attribute__((aligned(QEMU_CACHELINE)));
    uint64_t writes, posted_writes;
    uint64_t in_kernel; /* of all these, brought by the kernel */
    /* Written by waiters, relaxed. */
    uint64_t latency[IOREGION_LATENCY_BUCKETS] __attribute__((aligned(QEMU_CACHELINE)));
    uint64_t spun, full_stalls, dma_dropped, timeouts, cancelled;
    bool logged;
    /* Main loop. */
    unsigned kvm_sections, kvm_failed;
    IoRegion *prev, *next;
};

/* The region that a command names, if it belongs to ch. At home, or under RCU. */
IoRegion *io_region_lookup(const IoChannel *ch, uint64_t user_data);
IoRegion *io_region_first(void); /* main loop */

static inline void io_count(uint64_t *counter)
{
    __atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
}
static inline void io_count_shared(uint64_t *counter)
{
    __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}
static inline uint64_t io_counter(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/* --- object.c, bind.c
 * ----------------------------------------------------------------------------------------------------
 */

struct IoRegionFd {
    Object parent_obj;
    /* properties */
    Object *iothread;
    char *fd, *path, *device, *region;
    int transport;
    bool posted_writes;
    uint32_t timeout_ms;
    bool completed;
    AioContext *ctx;
    IoChannel *channel;
    char *id;
    /* bind.c */
    GPtrArray *bound;     /* MemoryRegion that device=,region= moved here */
    Object *bound_device; /* not referenced: gives its regions back when it goes */
    IoRegionFd *next_binding;
};
/* device=,region=: binds now if the device is there, else when it appears. */
bool io_binding_add(IoRegionFd *ior, GError **errp);
/* Gives the regions back. */
void io_binding_remove(IoRegionFd *ior);

/* --- the wire
 * ---------------------------------------------------------------------------------------------------------------
 */

static inline uint32_t wire_info(unsigned op, unsigned size, bool resp, bool pio)
{
    return op | (uint32_t)__builtin_ctz(size) << IOREGIONFD_SIZE_SHIFT |
           (resp ? IOREGIONFD_RESP : 0) | (pio ? IOREGIONFD_PIO : 0);
}
static inline unsigned wire_op(uint32_t info)
{
    return info & IOREGIONFD_CMD_MASK;
}
static inline unsigned wire_size(uint32_t info)
{
    return 1u << ((info & IOREGIONFD_SIZE_MASK) >> IOREGIONFD_SIZE_SHIFT);
}
/* A ring's answers never leave the process: they carry the MemTxResult itself. */
#define STATUS_MEMTX 0x100u
#define WIRE_INFO_KNOWN \
    (IOREGIONFD_CMD_MASK | IOREGIONFD_SIZE_MASK | IOREGIONFD_RESP | IOREGIONFD_PIO | \
     IOREGIONFD_SIZE_UNKNOWN)

#endif
