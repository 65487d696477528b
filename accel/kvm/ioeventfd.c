/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ioeventfds: a guest's write signals an eventfd inside the kernel, and with post-write leaves its
 * value in our memory. */
#include "qemu/osdep.h"

#include "kvm-int.h"
#include "qemu/trace.h"

#include <sys/eventfd.h>

/* Post-write: bit 5 of the flags, and a user address in what was padding.  Not in this host's
 * kernel headers yet. */
#define IOEVENTFD_FLAG_POST_WRITE (1u << 5)
#define IOEVENTFD_POST_ADDR_OFFSET 32

G_STATIC_ASSERT(sizeof(struct kvm_ioeventfd) == 64);
G_STATIC_ASSERT(offsetof(struct kvm_ioeventfd, pad) <= IOEVENTFD_POST_ADDR_OFFSET);

static struct kvm_ioeventfd make_request(hwaddr addr, const MemoryRegionIoeventfd *e, bool pio)
{
    struct kvm_ioeventfd req = {
        .datamatch = e->match_data ? e->data : 0,
        .addr = addr,
        .len = e->size,
        .fd = e->fd,
        .flags =
            (pio ? KVM_IOEVENTFD_FLAG_PIO : 0) | (e->match_data ? KVM_IOEVENTFD_FLAG_DATAMATCH : 0),
    };

    if (e->post_addr) {
        uint64_t user = (uintptr_t)e->post_addr;
        req.flags |= IOEVENTFD_FLAG_POST_WRITE;
        memcpy((char *)&req + IOEVENTFD_POST_ADDR_OFFSET, &user, sizeof(user));
    }
    return req;
}

/* Capability numbers of features in review are not to be trusted: a kernel has post-write if it
 * takes one. */
static bool probe_post_write(void)
{
    uint64_t value = 0;
    MemoryRegionIoeventfd e = {.size = 4, .post_addr = &value, .fd = eventfd(0, EFD_CLOEXEC)};
    struct kvm_ioeventfd req = make_request(UINT64_C(0xfffffffff000), &e, false);
    bool ok = e.fd >= 0 && kvm_vm_ioctl(KVM_IOEVENTFD, &req) == 0;

    if (ok) {
        req.flags |= KVM_IOEVENTFD_FLAG_DEASSIGN;
        kvm_vm_ioctl(KVM_IOEVENTFD, &req);
    }
    if (e.fd >= 0) {
        close(e.fd);
    }
    TRACE(kvm, probe_post_write, "supported %d", ok);
    return ok;
}

bool kvm_has_post_write(void)
{
    static int known = -1; /* main loop */

    if (!kvm_enabled()) {
        return false;
    }
    assert_main_loop();
    if (known < 0) {
        known = probe_post_write();
    }
    return known;
}

static bool assign(hwaddr addr, const MemoryRegionIoeventfd *e, bool pio)
{
    if (e->post_addr && (e->size == 0 || !kvm_has_post_write())) {
        return false;
    }
    struct kvm_ioeventfd req = make_request(addr, e, pio);
    int r = kvm_vm_ioctl(KVM_IOEVENTFD, &req);
    TRACE(kvm, ioeventfd_assign, "addr 0x%" PRIx64 " len %u flags %u: %d", addr, req.len, req.flags,
          r);
    return r == 0;
}

static void deassign(hwaddr addr, const MemoryRegionIoeventfd *e, bool pio)
{
    struct kvm_ioeventfd req = make_request(addr, e, pio);

    req.flags |= KVM_IOEVENTFD_FLAG_DEASSIGN;
    int r = kvm_vm_ioctl(KVM_IOEVENTFD, &req);
    /* ENOENT: the kernel had refused it, our own dispatch signalled it. */
    if (r < 0 && r != -ENOENT && r != -EINVAL) {
        warn_report("KVM does not give back the ioeventfd at 0x%" PRIx64 ": %s", addr,
                    strerror(-r));
    }
}

bool kvm_eventfd_add(MemoryListener *l, hwaddr addr, const MemoryRegionIoeventfd *e)
{
    return assign(addr, e, false);
}

void kvm_eventfd_del(MemoryListener *l, hwaddr addr, const MemoryRegionIoeventfd *e)
{
    deassign(addr, e, false);
}

bool kvm_pio_eventfd_add(MemoryListener *l, hwaddr addr, const MemoryRegionIoeventfd *e)
{
    return assign(addr, e, true);
}

void kvm_pio_eventfd_del(MemoryListener *l, hwaddr addr, const MemoryRegionIoeventfd *e)
{
    deassign(addr, e, true);
}
