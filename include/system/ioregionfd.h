/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ioregionfd: accesses are carried to a device's home thread.
 *
 * An engine (KVM, the module, or "user": the vCPU thread itself) produces 32-byte commands (linux/ioregion.h) into a channel;
 * the home consumes them in order and answers those that want an answer.  docs/specs/ioregionfd.rst is the protocol,
 * docs/devel/ioregionfd.rst the code.
 *
 * Who calls what:
 *   memory       ioregion_set_home, ioregion_set_ioregionfd, ioregion_drain, ioregion_describe, ioregion_forward_*
 *   cpus.c       ioregion_kick (from cpu_kick), ioregion_vcpu_exit; cpu_process_events() is called from inside a wait
 *   reset, stop  ioregion_cancel, ioregion_flush_all
 *   unplug       ioregion_cancel_vcpu
 *   accel/kvm    ioregion_set_engine_policy once the VM exists
 *   qdev         device_listener callbacks (hw/qdev-core.h), for device=,region=
 *   monitor      ioregion_query, ioregion_info
 */
#ifndef SYSTEM_IOREGIONFD_H
#define SYSTEM_IOREGIONFD_H

#include "system/memory.h"

#define TYPE_IOREGIONFD "ioregionfd"

struct CPUState;

typedef enum IoRegionEngine { IOREGION_ENGINE_USER, IOREGION_ENGINE_KVM, IOREGION_ENGINE_MODULE } IoRegionEngine;
typedef enum IoRegionTransport { IOREGION_TRANSPORT_RING, IOREGION_TRANSPORT_SOCKET } IoRegionTransport;
typedef enum IoRegionPolicy {
    IOREGION_POLICY_AUTO, IOREGION_POLICY_KVM, IOREGION_POLICY_MODULE, IOREGION_POLICY_USER,
} IoRegionPolicy;

/* --- the user's object (object.c) ------------------------------------------------------------------------------- */

/* The object's home loop; valid after complete().  With fd= (the home is another process) a
 * context that no thread runs, so that nobody is at home.  Main loop. */
AioContext *ioregionfd_context(IoRegionFd *ior);
/* The user's posted-writes=on|off (default on). */
bool ioregionfd_posted_writes(IoRegionFd *ior);
/* Its id, for messages. */
const char *ioregionfd_id(IoRegionFd *ior);
/* Once all -device are there: false with errp naming the object whose device= never appeared.  Main loop. */
bool ioregionfd_check_bindings(GError **errp);

/* --- a region's home: for the memory API only --------------------------------------------------------------------- */

/* Called by system/memory-region.c: the bodies behind memory_region_set_home(), memory_region_set_ioregionfd() and
 * memory_region_drain_home(), inside a transaction.  They publish mr->home_ctx, mr->home_flags and then mr->home with release stores (and take
 * mr->home away first); the old IoRegion stays valid until views that show it are gone (it is freed through memory_defer()).
 * ctx NULL: no home.  What lies in the old channel is carried out before the
 * home changes; what comes later to the old one is dropped and counted.  Main loop; never waits for a vCPU. */
void ioregion_set_home(MemoryRegion *mr, AioContext *ctx, unsigned flags);
bool ioregion_set_ioregionfd(MemoryRegion *mr, IoRegionFd *ior, unsigned flags, GError **errp);
void ioregion_drain(MemoryRegion *mr);
/* info mtree: "iothread iot0, user, ring". Main loop. */
void ioregion_describe(const MemoryRegion *mr, GString *out);

/* Engine of r now, and its name: "user", "kvm", "module". Any thread. */
IoRegionEngine ioregion_engine(const IoRegion *r);
const char *ioregion_engine_name(IoRegionEngine e);
/* The object whose channel mr uses, or NULL (no home, or a context's own ring). Main loop. */
IoRegionFd *ioregion_object(const MemoryRegion *mr);

/* Called by system/dispatch.c: carry one access to mr's home and, where needed, wait for the answer.  Size 1, 2, 4 or 8, any alignment;
 * the home applies memory_region_local_read/write(), which takes mr->lock if the region has one.  mr is pinned by the caller.  When the home
 * was taken away meanwhile the access runs here (memory_region_local_*).  Any thread but the home's; never inside an RCU read section.
 *
 * Time-out, cancelled access, dead process: all-ones or a dropped write, and MEMTX_ERROR, counted, logged once per region.
 * attrs.dma (and any access from an IOThread other than the home): writes are posted, bounded and dropped beyond it
 * (MEMTX_OK); reads give all-ones and MEMTX_ACCESS_ERROR at once. */
MemTxResult ioregion_forward_read(MemoryRegion *mr, hwaddr offset, uint64_t *val, unsigned size, MemTxAttrs attrs);
MemTxResult ioregion_forward_write(MemoryRegion *mr, hwaddr offset, uint64_t val, unsigned size, MemTxAttrs attrs);

/* --- waits ---------------------------------------------------------------------------------------------------------- */

/* Wakes cpu's wait, if it is in one: it calls cpu_process_events(cpu), which may park it right there, and goes on waiting for the
 * same answer.  Set cpu->exit_request before.  cpu_process_events() runs at most once a kick.  Any thread; an atomic or two, and a futex only
 * if the vCPU sleeps. */
void ioregion_kick(struct CPUState *cpu);
/* cpu's thread ends: gives its waiter back. In that thread. */
void ioregion_vcpu_exit(struct CPUState *cpu);
/* At most n threads (vCPUs, and the main loop) will wait at a time; sizes the rings made later.  Main loop; default 64. */
void ioregion_set_max_waiters(unsigned n);

/* Waits until the home has consumed every posted write that this thread (or any) put in before; qtest calls it before it answers OK.
 * Main loop. */
void ioregion_flush_all(void);

/* Takes every outstanding wait of mr (NULL: of all regions) back with a defined outcome: all-ones, dropped write; the home skips those
 * commands that it has not begun.  Main loop; does not wait. */
void ioregion_cancel(MemoryRegion *mr);
/* The same for the one wait of a vCPU whose thread has not ended. */
void ioregion_cancel_vcpu(struct CPUState *cpu);

/* --- engines ---------------------------------------------------------------------------------------------------------- */

/* -accel kvm,ioregionfd=...: probes (by a real registration) and chooses.  False with errp when the host lacks what the user insists on.
 * vm_fd -1: there is no KVM. Main loop, once, after KVM_CREATE_VM and memory_map_init(), before regions have homes. */
bool ioregion_set_engine_policy(IoRegionPolicy policy, int vm_fd, GError **errp);
/* The file to call KVM_RUN on for the vCPU with file vcpu_fd, whose kvm_run is mapped at run: the module's (the caller closes it), else vcpu_fd
 * itself.  -1 with errp.  Main loop, once a vCPU. */
int ioregion_vcpu_file(int vcpu_fd, void *run, size_t run_size, GError **errp);
/* "auto", "kvm", "module", "user" to policy; false with errp. */
bool ioregion_policy_parse(const char *text, IoRegionPolicy *policy, GError **errp);

/* --- what is known about each region ------------------------------------------------------------------------------------- */

#define IOREGION_LATENCY_BUCKETS 40
typedef struct IoRegionInfo {
    const char *name;          /* the memory region's */
    char *owner;               /* canonical path of its device, or NULL */
    const char *channel;       /* object id, or the context's name */
    bool user_object;          /* channel is an -object ioregionfd */
    const char *home;          /* context's name; NULL: another process */
    IoRegionEngine engine;
    IoRegionTransport transport;
    bool posted_writes, pio;
    uint64_t size;
    uint64_t reads, writes;    /* answered commands that the home carried out */
    uint64_t posted;           /* posted writes that the home carried out */
    uint64_t exits;            /* of all these, brought by vCPU threads (or other threads of the process), not by the kernel */
    uint64_t waits, spun;      /* accesses that waited for an answer; of these, answered while the waiter still polled */
    uint64_t full_stalls;      /* posted writes that met a full channel and waited */
    uint64_t dma_dropped;      /* peer DMA writes beyond the bound, refused DMA reads */
    uint64_t timeouts, cancelled, bad_commands;
    uint64_t latency[IOREGION_LATENCY_BUCKETS]; /* [n]: answers that took 2^n .. 2^(n+1)-1 ns */
} IoRegionInfo;
typedef struct IoRegionChannelInfo {
    const char *name;
    bool user_object;
    const char *home;          /* as above */
    IoRegionTransport transport;
    bool posted_writes;
    unsigned regions;
    uint64_t kicks;            /* times that a producer had to wake the home */
    uint64_t bad_answers;      /* late, short, double, unsolicited: dropped */
    uint64_t bad_commands;     /* commands for a region that is gone, or malformed */
} IoRegionChannelInfo;
/* Calls region() for each region and channel() for each channel, in order of creation; each may be NULL.  Strings live until the callback
 * returns. Main loop. */
void ioregion_query(void (*channel)(const IoRegionChannelInfo *c, void *opaque),
                    void (*region)(const IoRegionInfo *r, void *opaque), void *opaque);
/* The text of info ioregionfd. */
void ioregion_info(GString *out);

#endif
