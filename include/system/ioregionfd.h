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

/* Called by memory.c: carry one access to mr's home and, where needed, wait for the answer.  mr is pinned by the caller.
 * A time-out or a cancelled access gives all-ones or a dropped write and MEMTX_ERROR. Any thread but the home's. */
MemTxResult ioregion_forward_read(MemoryRegion *mr, hwaddr offset, uint64_t *val, unsigned size, MemTxAttrs attrs);
MemTxResult ioregion_forward_write(MemoryRegion *mr, hwaddr offset, uint64_t val, unsigned size, MemTxAttrs attrs);

/* Waits until the home has consumed every posted write that this thread (or any) put in before; qtest calls it before it answers OK. */
void ioregion_flush_all(void);

/* Takes every outstanding wait of mr (NULL: of all regions) back with a defined outcome: all-ones, dropped write. Main loop. */
void ioregion_cancel(MemoryRegion *mr);

#endif
