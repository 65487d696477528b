/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shared memory: all indices are loaded with acquire and stored with release; full barriers where a side looks whether the other sleeps.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"
#include "linux/kvm-ioregionfd.h"
#include "ring.h"

void ring_map(struct ring_view *r, int fd)
{
    long page = sysconf(_SC_PAGESIZE);
    struct ioregionfd_ring *first = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0);

    if (first == MAP_FAILED)
        FAIL("mmap of a ring's first page: %s", strerror(errno));
    r->fd = fd;
    r->map_size = first->map_size;
    munmap(first, page);
    CHECK(r->map_size >= sizeof(*first));
    r->ring = mmap(NULL, r->map_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (r->ring == MAP_FAILED)
        FAIL("mmap of a ring, %zu bytes: %s", r->map_size, strerror(errno));
    EQUAL(r->ring->magic, IOREGIONFD_RING_MAGIC);
    r->capacity = r->ring->capacity;
    r->posted = r->ring->posted;
    r->answered = r->ring->answered;
    CHECK(r->capacity && !(r->capacity & (r->capacity - 1)));
    CHECK(r->posted + r->answered <= r->capacity);
    CHECK(r->ring->cmds_offset + r->capacity * sizeof(*r->cmds) <= r->map_size);
    CHECK(r->ring->resps_offset + r->answered * sizeof(*r->resps) <= r->map_size);
    r->cmds = (void *)((char *)r->ring + r->ring->cmds_offset);
    r->resps = (void *)((char *)r->ring + r->ring->resps_offset);
    r->head = 0;
}

void ring_unmap(struct ring_view *r)
{
    if (r->ring)
        munmap(r->ring, r->map_size);
    r->ring = NULL;
}

void ring_wake(struct ring_view *r)
{
    r->wakes++;
    if (ioctl(r->fd, KVM_IOREGIONFD_WAKE, 0) < 0)
        FAIL("KVM_IOREGIONFD_WAKE: %s", strerror(errno));
}

bool ring_take(struct ring_view *r, struct ioregionfd_cmd *cmd)
{
    if (__atomic_load_n(&r->ring->tail, __ATOMIC_ACQUIRE) == r->head)
        return false;
    *cmd = r->cmds[r->head % r->capacity];
    r->head++;
    __atomic_store_n(&r->ring->head, r->head, __ATOMIC_RELEASE);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (__atomic_load_n(&r->ring->need_wake, __ATOMIC_RELAXED) & IOREGIONFD_RING_WAKE_ROOM)
        ring_wake(r);
    return true;
}

void ring_answer(struct ring_view *r, const struct ioregionfd_resp *response)
{
    struct ioregionfd_resp *slot;

    if ((response->id & IOREGIONFD_ID_INDEX) >= r->answered)
        FAIL("id 0x%x has no slot", response->id);
    slot = &r->resps[response->id & IOREGIONFD_ID_INDEX];
    slot->data = response->data;
    slot->status = response->status;
    slot->pad[0] = response->pad[0];
    slot->pad[1] = response->pad[1];
    __atomic_store_n(&slot->id, response->id, __ATOMIC_RELEASE);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (__atomic_load_n(&r->ring->need_wake, __ATOMIC_RELAXED) & IOREGIONFD_RING_WAKE_ANSWER)
        ring_wake(r);
}

bool ring_sleep(struct ring_view *r)
{
    __atomic_store_n(&r->ring->asleep, 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return __atomic_load_n(&r->ring->tail, __ATOMIC_ACQUIRE) == r->head;
}

uint64_t ring_awake(struct ring_view *r, int kick)
{
    uint64_t count = 0;

    __atomic_store_n(&r->ring->asleep, 0, __ATOMIC_RELAXED);
    if (kick >= 0 && read(kick, &count, sizeof(count)) < 0)
        count = 0;
    return count;
}
