/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The home's end of a channel of the kernel's: a mapped ring (struct ioregionfd_ring), or a file
 * that is read where the kernel has no rings.  A ring is emptied without a system call; the file is
 * watched only while the home sleeps.
 */
#include "internal.h"

#include <linux/kvm-ioregionfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

/* What the kernel says about the ring makes sense and lies inside the mapping. */
static bool geometry_is_good(const struct ioregionfd_ring *ring)
{
    return ring->magic == IOREGIONFD_RING_MAGIC && ring->capacity && ring->answered &&
           !(ring->capacity & (ring->capacity - 1)) && ring->cmds_offset >= sizeof(*ring) &&
           ring->cmds_offset + (uint64_t)ring->capacity * sizeof(struct ioregionfd_cmd) <=
               ring->map_size &&
           ring->resps_offset + (uint64_t)ring->answered * sizeof(struct ioregionfd_resp) <=
               ring->map_size &&
           !(ring->cmds_offset % 8) && !(ring->resps_offset % 8);
}

bool io_kernel_ring_map(IoKernelRing *k, int fd)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size;
    struct ioregionfd_ring *ring;

    ring = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (ring == MAP_FAILED) {
        return false;
    }
    size = ring->map_size;
    if (!geometry_is_good(ring)) {
        munmap(ring, page);
        errno = EPROTO;
        return false;
    }
    munmap(ring, page);
    ring = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (ring == MAP_FAILED) {
        return false;
    }
    *k = (IoKernelRing){
        .shared = ring,
        .cmds = (void *)((char *)ring + ring->cmds_offset),
        .resps = (void *)((char *)ring + ring->resps_offset),
        .size = size,
        .mask = ring->capacity - 1,
        .answered = ring->answered,
        .fd = fd,
    };
    return true;
}

void io_kernel_ring_unmap(IoKernelRing *k)
{
    if (k->shared) {
        munmap(k->shared, k->size);
        k->shared = NULL;
    }
}

static bool ready(const IoKernelRing *k)
{
    return __atomic_load_n(&k->shared->tail, __ATOMIC_SEQ_CST) != k->head;
}

bool io_kernel_ring_idle(const IoKernelRing *k)
{
    return __atomic_load_n(&k->shared->tail, __ATOMIC_ACQUIRE) ==
           __atomic_load_n(&k->done, __ATOMIC_ACQUIRE);
}

bool io_kernel_ring_sleep(IoKernelRing *k)
{
    __atomic_exchange_n(&k->shared->asleep, 1, __ATOMIC_SEQ_CST);
    if (ready(k)) {
        __atomic_store_n(&k->shared->asleep, 0, __ATOMIC_RELAXED);
        return true;
    }
    return false;
}

void io_kernel_ring_awake(IoKernelRing *k)
{
    __atomic_store_n(&k->shared->asleep, 0, __ATOMIC_RELAXED);
}

/* What was written before is seen by a vCPU that is about to sleep, or we see that it is. */
static void wake_if(IoKernelRing *k, uint32_t flag)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (__atomic_load_n(&k->shared->need_wake, __ATOMIC_RELAXED) & flag) {
        ioctl(k->fd, KVM_IOREGIONFD_WAKE, 0);
    }
}

void io_kernel_ring_reply(IoKernelRing *k, const struct ioregionfd_resp *resp)
{
    struct ioregionfd_resp *slot;

    if ((resp->id & IOREGIONFD_ID_INDEX) >= k->answered) {
        return;
    }
    slot = &k->resps[resp->id & IOREGIONFD_ID_INDEX];
    slot->data = resp->data;
    slot->status = resp->status;
    slot->pad[0] = slot->pad[1] = 0;
    __atomic_store_n(&slot->id, resp->id, __ATOMIC_RELEASE);
    wake_if(k, IOREGIONFD_RING_WAKE_ANSWER);
}

unsigned io_kernel_ring_drain(IoChannel *ch, unsigned max)
{
    IoKernelRing *k = &ch->kring;
    uint32_t tail;
    unsigned n = 0;

    if (ch->in_callback) {
        return 0;
    }
    tail = __atomic_load_n(&k->shared->tail, __ATOMIC_ACQUIRE);
    while (n < max && k->head != tail) {
        struct ioregionfd_cmd cmd = k->cmds[k->head & k->mask];

        /* A command that was taken back while we copied it was read: the copy is what counts. */
        __atomic_store_n(&k->shared->head, ++k->head, __ATOMIC_RELEASE);
        if (wire_op(cmd.info) != IOREGIONFD_CMD_NOP) {
            io_channel_execute(ch, &cmd, 0, IO_FROM_KVM);
        }
        __atomic_store_n(&k->done, k->done + 1, __ATOMIC_RELEASE);
        n++;
        if (ch->kvm_fd < 0) {
            return n; /* a callback took it away */
        }
    }
    if (n) {
        wake_if(k, IOREGIONFD_RING_WAKE_ROOM);
    }
    return n;
}
