/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Engine "kvm": the visible parts of homed regions are registered with KVM
 * (linux/kvm-ioregionfd.h), which then delivers commands to the home without a return to user
 * space.  What KVM does not take stays with engine "user".
 */
#include "internal.h"

#include <fcntl.h>
#include <linux/kvm-ioregionfd.h>
#include <sys/ioctl.h>

#define MODULE_DEVICE "/dev/ioregionfd"

static struct {
    int vm_fd;
    IoRegionPolicy policy;
    bool chosen;
    int caps; /* KVM_IOREGIONFD_HAS_*, 0: engine user */
} engine = {.vm_fd = -1};

bool ioregion_policy_parse(const char *text, IoRegionPolicy *policy, GError **errp)
{
    static const char *const names[] = {"auto", "kvm", "module", "user"};

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            *policy = (IoRegionPolicy)i;
            return true;
        }
    }
    error_setg(errp, "ioregionfd=%s: there is no such engine; use auto, kvm, module or user", text);
    return false;
}

/* --- ioctls
 * -------------------------------------------------------------------------------------------------------------------
 */

static int create_channel(int vm_fd)
{
    struct kvm_create_ioregionfd c = {.size = sizeof(c)};
    int fd = ioctl(vm_fd, KVM_CREATE_IOREGIONFD, &c);

    if (fd < 0) {
        return -errno;
    }
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0) {
        int err = errno;

        close(fd);
        return -err;
    }
    return fd;
}

static int set_region(int vm_fd, const struct kvm_ioregion *k)
{
    return ioctl(vm_fd, KVM_SET_IOREGION, k) < 0 ? -errno : 0;
}

/* Capability numbers have meant other things: only a registration that works, and refuses what it
 * must refuse, is proof. */
static int probe(int vm_fd, const char **what)
{
    struct kvm_ioregion k = {
        .size = sizeof(k), .guest_paddr = UINT64_C(1) << 45, .memory_size = 4096};
    int caps = ioctl(vm_fd, KVM_CHECK_EXTENSION, KVM_CAP_IOREGIONFD);
    int err;

    *what = "KVM_CAP_IOREGIONFD";
    if (caps <= 0) {
        return 0;
    }
    *what = "a KVM whose KVM_CAP_IOREGIONFD has MMIO";
    if (!(caps & KVM_IOREGIONFD_HAS_MMIO)) {
        return 0;
    }
    *what = "KVM_CREATE_IOREGIONFD";
    k.fd = create_channel(vm_fd);
    if (k.fd < 0) {
        return 0;
    }
    *what = "KVM_SET_IOREGION";
    err = set_region(vm_fd, &k);
    if (!err) {
        *what = "a KVM_SET_IOREGION that refuses unknown flags and takes regions back";
        k.flags = 1u << 31;
        err = set_region(vm_fd, &k) == -EINVAL ? 0 : -EPROTO;
        k.flags = KVM_IOREGION_DEASSIGN;
        if (set_region(vm_fd, &k) < 0) {
            err = -EPROTO;
        }
    }
    close(k.fd);
    return err ? 0 : caps;
}

/* --- registration
 * ---------------------------------------------------------------------------------------------------------------
 */

static bool channel_ready(IoChannel *ch)
{
    int fd;

    if (ch->kvm_fd >= 0) {
        return true;
    }
    if (ch->external) {
        return true; /* KVM writes to the process's own socket */
    }
    fd = create_channel(engine.vm_fd);
    if (fd < 0) {
        warn_report("ioregionfd '%s': KVM gives no channel (%s); vCPU threads carry its accesses",
                    ch->name, strerror(-fd));
        return false;
    }
    io_channel_set_kvm_fd(ch, fd);
    return true;
}

static struct kvm_ioregion describe(const MemoryRegionSection *s, const IoRegion *r, bool pio)
{
    return (struct kvm_ioregion){
        .size = sizeof(struct kvm_ioregion),
        .flags =
            (pio ? KVM_IOREGION_PIO : 0) |
            (r->posted && engine.caps & KVM_IOREGIONFD_HAS_POSTED ? KVM_IOREGION_POSTED_WRITES : 0),
        .guest_paddr = s->offset_within_address_space,
        .memory_size = (uint64_t)s->size,
        .user_data = r->user_data,
        .offset = s->offset_within_region,
        .fd = r->channel->external ? r->channel->fd : r->channel->kvm_fd,
    };
}

static void section_add(const MemoryRegionSection *s, bool pio)
{
    IoRegion *r = s->home;
    struct kvm_ioregion k;
    int err;

    if (s->size >> 64 || (pio && !(engine.caps & KVM_IOREGIONFD_HAS_PIO)) ||
        !channel_ready(r->channel)) {
        __atomic_store_n(&r->kvm_failed, r->kvm_failed + 1, __ATOMIC_RELAXED);
        return;
    }
    k = describe(s, r, pio);
    err = set_region(engine.vm_fd, &k);
    if (err) {
        __atomic_store_n(&r->kvm_failed, r->kvm_failed + 1, __ATOMIC_RELAXED);
        warn_report("ioregionfd: KVM does not take region '%s' at 0x%" PRIx64
                    " (%s); vCPU threads carry its accesses",
                    s->mr->name, (uint64_t)k.guest_paddr, strerror(-err));
        return;
    }
    __atomic_store_n(&r->kvm_sections, r->kvm_sections + 1, __ATOMIC_RELAXED);
}

static void section_del(const MemoryRegionSection *s, bool pio)
{
    IoRegion *r = s->home;
    struct kvm_ioregion k = describe(s, r, pio);

    k.flags |= KVM_IOREGION_DEASSIGN;
    /* It knows by the range; one that was refused is not there. */
    if (set_region(engine.vm_fd, &k) == 0) {
        __atomic_store_n(&r->kvm_sections, r->kvm_sections - 1, __ATOMIC_RELAXED);
    } else if (r->kvm_failed) {
        __atomic_store_n(&r->kvm_failed, r->kvm_failed - 1, __ATOMIC_RELAXED);
    }
}

static void memory_add(MemoryListener *l, const MemoryRegionSection *s)
{
    section_add(s, false);
}

static void memory_del(MemoryListener *l, const MemoryRegionSection *s)
{
    section_del(s, false);
}

static void ports_add(MemoryListener *l, const MemoryRegionSection *s)
{
    section_add(s, true);
}

static void ports_del(MemoryListener *l, const MemoryRegionSection *s)
{
    section_del(s, true);
}

static MemoryListener memory_listener = {.name = "ioregionfd-memory",
                                         .priority = 10,
                                         .ioregion_add = memory_add,
                                         .ioregion_del = memory_del};
static MemoryListener ports_listener = {.name = "ioregionfd-ports",
                                        .priority = 10,
                                        .ioregion_add = ports_add,
                                        .ioregion_del = ports_del};

/* --- policy
 * -------------------------------------------------------------------------------------------------------------------------
 */

static bool refuse_module(GError **errp)
{
    if (access(MODULE_DEVICE, F_OK) < 0) {
        error_setg(errp, "ioregionfd=module: this host has no " MODULE_DEVICE
                         "; load the ioregionfd kernel module, or "
                         "use ioregionfd=user");
    } else {
        error_setg(errp, "ioregionfd=module: this emulator does not drive " MODULE_DEVICE
                         "; use ioregionfd=user");
    }
    return false;
}

bool ioregion_set_engine_policy(IoRegionPolicy policy, int vm_fd, GError **errp)
{
    const char *missing = "KVM";
    int caps = 0;

    assert_main_loop();
    g_assert(!engine.chosen);
    if (policy == IOREGION_POLICY_MODULE) {
        return refuse_module(errp);
    }
    if (policy != IOREGION_POLICY_USER && vm_fd >= 0) {
        caps = probe(vm_fd, &missing);
    }
    if (policy == IOREGION_POLICY_KVM && !caps) {
        error_setg(
            errp,
            "ioregionfd=kvm: this host lacks %s; use a kernel with KVM's ioregionfd half, or "
            "ioregionfd=auto or user",
            missing);
        return false;
    }
    engine.chosen = true;
    engine.policy = policy;
    engine.vm_fd = vm_fd;
    engine.caps = caps;
    if (caps) {
        memory_listener_register(&memory_listener, &address_space_memory);
        memory_listener_register(&ports_listener, &address_space_io);
    }
    return true;
}
