/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ioregionfd: accesses are carried to a device's home thread.
 *
 * An engine (KVM, the module, or "user": the vCPU thread itself) produces 32-byte commands (linux/ioregion.h) into a channel; the home
 * consumes them in order and answers those that want an answer.  docs/specs/ioregionfd.rst is the protocol,
 * docs/devel/ioregionfd.rst the code.
 */
#ifndef SYSTEM_IOREGIONFD_H
#define SYSTEM_IOREGIONFD_H

#include "system/memory.h"

#define TYPE_IOREGIONFD "ioregionfd"

typedef enum IoRegionEngine { IOREGION_ENGINE_USER, IOREGION_ENGINE_KVM, IOREGION_ENGINE_MODULE } IoRegionEngine;
typedef enum IoRegionTransport { IOREGION_TRANSPORT_RING, IOREGION_TRANSPORT_SOCKET } IoRegionTransport;

/* The object's home loop; valid after complete(). Main loop. */
AioContext *ioregionfd_context(IoRegionFd *ior);
/* The user's posted-writes=on|off (default on). */
bool ioregionfd_posted_writes(IoRegionFd *ior);

/* Called by system/memory-region.c: the bodies behind memory_region_set_home(), memory_region_set_ioregionfd() and
 * memory_region_drain_home(), inside a transaction.  They publish mr->home_ctx, mr->home_flags and then mr->home with release stores (and take
 * mr->home away first); the old IoRegion stays valid until views that show it are gone (free it through memory_defer()).  After the outermost
 * commit memory-region.c calls ioregion_drain().  ctx NULL: no home.  Main loop. */
void ioregion_set_home(MemoryRegion *mr, AioContext *ctx, unsigned flags);
bool ioregion_set_ioregionfd(MemoryRegion *mr, IoRegionFd *ior, unsigned flags, GError **errp);
void ioregion_drain(MemoryRegion *mr);
/* info mtree: "iothread iot0, user, ring". Main loop. */
void ioregion_describe(const MemoryRegion *mr, GString *out);

/* Called by system/dispatch.c: carry one access to mr's home and, where needed, wait for the answer.  mr is pinned by the caller.
 * A time-out or a cancelled access gives all-ones or a dropped write and MEMTX_ERROR. When the home was taken away meanwhile the access runs
 * here (memory_region_local_*). Any thread but the home's; never inside an RCU read section. */
MemTxResult ioregion_forward_read(MemoryRegion *mr, hwaddr offset, uint64_t *val, unsigned size, MemTxAttrs attrs);
MemTxResult ioregion_forward_write(MemoryRegion *mr, hwaddr offset, uint64_t val, unsigned size, MemTxAttrs attrs);

/* Waits until the home has consumed every posted write that this thread (or any) put in before; qtest calls it before it answers OK. */
void ioregion_flush_all(void);

/* Takes every outstanding wait of mr (NULL: of all regions) back with a defined outcome: all-ones, dropped write. Main loop. */
void ioregion_cancel(MemoryRegion *mr);

#endif
