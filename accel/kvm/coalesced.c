/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Coalesced writes: KVM keeps them in a ring, one for the VM, and the vCPU that next leaves the
 * guest delivers them before it does anything else.
 *
 * Delivery may wait for a device home, and holds no lock meanwhile: `delivering` is owned by one
 * vCPU thread, others sleep on it, and all of them look at their events (park) while they wait.
 * Only vCPU threads deliver, so the main loop never waits here.
 */
#include "qemu/osdep.h"

#include "kvm-int.h"
#include "qemu/trace.h"

struct kvm_coalesced_mmio_ring *kvm_coalesced_ring;

static uint32_t ring_size;  /* entries */
static uint32_t delivering; /* atomic, futex: 1 while a thread delivers */

void kvm_coalesced_init(void)
{
    kvm_state->coalesced_page = kvm_check_extension(KVM_CAP_COALESCED_MMIO);
    kvm_state->coalesced_pio =
        kvm_state->coalesced_page && kvm_check_extension(KVM_CAP_COALESCED_PIO);
}

void kvm_coalesced_set_ring(struct kvm_run *run)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    if (!kvm_coalesced_ring && kvm_state->coalesced_page) {
        ring_size = (uint32_t)((page - sizeof(struct kvm_coalesced_mmio_ring)) /
                               sizeof(struct kvm_coalesced_mmio));
        kvm_coalesced_ring = (void *)((char *)run + (size_t)kvm_state->coalesced_page * page);
    }
}

static void set_zone(hwaddr addr, uint64_t size, bool pio, unsigned long request)
{
    struct kvm_coalesced_mmio_zone zone = {.addr = addr, .size = (uint32_t)size, .pio = pio};
    int r;

    if (!kvm_state->coalesced_page || (pio && !kvm_state->coalesced_pio) || size > UINT32_MAX) {
        return; /* each write is an exit, which is correct */
    }
    r = kvm_vm_ioctl(request, &zone);
    TRACE(kvm, coalesced_zone, "addr 0x%" PRIx64 " size 0x%" PRIx64 " pio %d: %d", addr, size, pio,
          r);
}

void kvm_coalesced_add(MemoryListener *l, hwaddr addr, uint64_t size)
{
    set_zone(addr, size, false, KVM_REGISTER_COALESCED_MMIO);
}

void kvm_coalesced_del(MemoryListener *l, hwaddr addr, uint64_t size)
{
    set_zone(addr, size, false, KVM_UNREGISTER_COALESCED_MMIO);
}

void kvm_coalesced_pio_add(MemoryListener *l, hwaddr addr, uint64_t size)
{
    set_zone(addr, size, true, KVM_REGISTER_COALESCED_MMIO);
}

void kvm_coalesced_pio_del(MemoryListener *l, hwaddr addr, uint64_t size)
{
    set_zone(addr, size, true, KVM_UNREGISTER_COALESCED_MMIO);
}

static void deliver(struct kvm_coalesced_mmio_ring *ring)
{
    uint32_t first = ring->first;

    while (first != __atomic_load_n(&ring->last, __ATOMIC_ACQUIRE)) {
        struct kvm_coalesced_mmio e = ring->coalesced_mmio[first % ring_size];

        address_space_write(e.pio ? &address_space_io : &address_space_memory, e.phys_addr,
                            MEMTXATTRS_UNSPECIFIED, e.data, MIN(e.len, sizeof(e.data)));
        /* The entry was copied before KVM may use its place again. */
        first = (first + 1) % ring_size;
        __atomic_store_n(&ring->first, first, __ATOMIC_RELEASE);
    }
}

void kvm_coalesced_drain_slow(CPUState *cpu)
{
    bool was_in_access = cpu->in_access;

    cpu->in_access = true;
    while (__atomic_exchange_n(&delivering, 1, __ATOMIC_ACQUIRE)) {
        qemu_futex_wait(&delivering, 1, -1);
        if (cpu_events_pending(cpu)) {
            cpu_process_events(cpu);
        }
    }
    deliver(kvm_coalesced_ring);
    __atomic_store_n(&delivering, 0, __ATOMIC_RELEASE);
    qemu_futex_wake(&delivering, INT_MAX);
    cpu->in_access = was_in_access;
}
