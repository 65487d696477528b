/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Engines "kvm" and "module": the visible parts of homed regions are registered with the kernel
 * (linux/kvm-ioregionfd.h), which then delivers commands to the home without a return to user
 * space.  What it does not take stays with engine "user".  The two differ in the file that takes
 * the ioctls: the VM's, or the module's device.
 */
#include "internal.h"

#include <fcntl.h>
#include <linux/ioregionfd-module.h>
#include <linux/kvm-ioregionfd.h>
#include <sys/ioctl.h>

static struct {
    int ctl_fd; /* takes the ioctls: KVM's file for the VM, or the module's */
    IoRegionEngine which;
    bool chosen;
    int caps; /* KVM_IOREGIONFD_HAS_*, 0: engine user */
} engine = {.ctl_fd = -1};

IoRegionEngine io_kernel_engine(void)
{
    return engine.which;
}

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

static int create_channel(int ctl_fd, bool ring)
{
    struct kvm_create_ioregionfd c = {
        .size = sizeof(c),
        .flags = ring ? KVM_IOREGIONFD_RING : 0,
        .answered = MIN(io_channel_max_waiters, KVM_IOREGIONFD_ANSWERED_MAX),
    };
    int fd = ioctl(ctl_fd, KVM_CREATE_IOREGIONFD, &c);

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

static int set_region(int ctl_fd, const struct kvm_ioregion *k)
{
    return ioctl(ctl_fd, KVM_SET_IOREGION, k) < 0 ? -errno : 0;
}

/* Capability numbers have meant other things: only a registration that works, and refuses what it
 * must refuse, is proof. */
static int probe(int ctl_fd, const char **what)
{
    struct kvm_ioregion k = {
        .size = sizeof(k), .guest_paddr = UINT64_C(1) << 45, .memory_size = 4096};
    int caps = ioctl(ctl_fd, KVM_CHECK_EXTENSION, KVM_CAP_IOREGIONFD);
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
    k.fd = create_channel(ctl_fd, false);
    if (k.fd < 0) {
        return 0;
    }
    *what = "KVM_SET_IOREGION";
    err = set_region(ctl_fd, &k);
    if (!err) {
        *what = "a KVM_SET_IOREGION that refuses unknown flags and takes regions back";
        k.flags = 1u << 31;
        err = set_region(ctl_fd, &k) == -EINVAL ? 0 : -EPROTO;
        k.flags = KVM_IOREGION_DEASSIGN;
        if (set_region(ctl_fd, &k) < 0) {
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
    bool ring = engine.caps & KVM_IOREGIONFD_HAS_RING;
    IoKernelRing mapped;
    int fd;

    if (ch->kvm_fd >= 0) {
        return true;
    }
    if (ch->external) {
        /* Answers that vCPU threads wait for and those for the kernel would come on one socket. */
        return false;
    }
    fd = create_channel(engine.ctl_fd, ring);
    if (fd >= 0 && ring && !io_kernel_ring_map(&mapped, fd)) {
        int err = errno;

        close(fd);
        fd = -err;
    }
    if (fd < 0) {
        warn_report("ioregionfd '%s': the kernel gives no channel (%s); vCPU threads carry its "
                    "accesses",
                    ch->name, strerror(-fd));
        return false;
    }
    io_channel_set_kvm_fd(ch, fd, ring ? &mapped : NULL);
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
        .fd = r->channel->kvm_fd,
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
    err = set_region(engine.ctl_fd, &k);
    if (err) {
        __atomic_store_n(&r->kvm_failed, r->kvm_failed + 1, __ATOMIC_RELAXED);
        warn_report("ioregionfd: the kernel does not take region '%s' at 0x%" PRIx64
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
    /* It knows by range and channel; one that was refused is not there. */
    if (k.fd >= 0 && set_region(engine.ctl_fd, &k) == 0) {
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

static const char no_device[] =
    IOREGIONFD_MODULE_DEVICE " (the ioregionfd kernel module is not loaded)";

/* The module's device, for this VM; -1, and *missing says what there is not. */
static int open_module(int vm_fd, const char **missing)
{
    struct ioregionfd_attach_vm a = {.size = sizeof(a), .vm_fd = vm_fd};
    int fd = open(IOREGIONFD_MODULE_DEVICE, O_RDWR | O_CLOEXEC);

    if (fd < 0) {
        *missing = errno == EACCES || errno == EPERM ? "access to " IOREGIONFD_MODULE_DEVICE
                                                       " for this user"
                                                     : no_device;
        return -1;
    }
    if (ioctl(fd, IOREGIONFD_ATTACH_VM, &a) < 0) {
        *missing = "an ioregionfd kernel module that knows this kernel's KVM";
        close(fd);
        return -1;
    }
    return fd;
}

static void choose(IoRegionEngine which, int ctl_fd, int caps)
{
    engine.which = which;
    engine.ctl_fd = ctl_fd;
    engine.caps = caps;
    memory_listener_register(&memory_listener, &address_space_memory);
    memory_listener_register(&ports_listener, &address_space_io);
}

static bool try_kvm(int vm_fd, const char **missing)
{
    int caps = probe(vm_fd, missing);

    if (caps) {
        choose(IOREGION_ENGINE_KVM, vm_fd, caps);
    }
    return caps;
}

static bool try_module(int vm_fd, const char **missing)
{
    int fd = open_module(vm_fd, missing), caps;

    if (fd < 0) {
        return false;
    }
    caps = probe(fd, missing);
    if (!caps) {
        close(fd);
        return false;
    }
    choose(IOREGION_ENGINE_MODULE, fd, caps);
    return true;
}

bool ioregion_set_engine_policy(IoRegionPolicy policy, int vm_fd, GError **errp)
{
    const char *missing = "KVM";
    bool want_kvm = policy == IOREGION_POLICY_KVM, want_module = policy == IOREGION_POLICY_MODULE;
    bool any = policy == IOREGION_POLICY_AUTO, found = false;

    assert_main_loop();
    g_assert(!engine.chosen);
    if (vm_fd >= 0) {
        found = ((want_kvm || any) && try_kvm(vm_fd, &missing)) ||
                ((want_module || any) && try_module(vm_fd, &missing));
    }
    if (!found && want_kvm) {
        error_setg(
            errp,
            "ioregionfd=kvm: this host lacks %s; use a kernel with KVM's ioregionfd half, or "
            "ioregionfd=auto or user",
            missing);
        return false;
    }
    if (!found && want_module) {
        if (access(IOREGIONFD_MODULE_DEVICE, F_OK) < 0) {
            missing = no_device;
        }
        error_setg(errp,
                   "ioregionfd=module: this host lacks %s; load the ioregionfd kernel module, or "
                   "use ioregionfd=auto or user",
                   missing);
        return false;
    }
    engine.chosen = true;
    return true;
}

int ioregion_vcpu_file(int vcpu_fd, void *run, size_t run_size, GError **errp)
{
    struct ioregionfd_attach_vcpu a = {
        .size = sizeof(a),
        .vcpu_fd = vcpu_fd,
        .run = (uintptr_t)run,
        .run_size = run_size,
    };
    int fd;

    assert_main_loop();
    if (engine.which != IOREGION_ENGINE_MODULE) {
        return vcpu_fd;
    }
    fd = ioctl(engine.ctl_fd, IOREGIONFD_ATTACH_VCPU, &a);
    if (fd < 0) {
        error_setg_errno(errp, errno,
                         "ioregionfd: the kernel module does not take a vCPU of this KVM; use "
                         "ioregionfd=user");
    }
    return fd;
}
