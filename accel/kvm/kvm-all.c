/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The accelerator "kvm": opens the device, checks what the kernel can do, makes the VM. */
#include "qemu/osdep.h"

#include "kvm-int.h"
#include "qemu/trace.h"
#include "system/ioregionfd.h"

#include <fcntl.h>
#include <sys/ioctl.h>

bool kvm_allowed;
KVMState *kvm_state;

static const char *const irqchip_names[] = {"on", "split", "off", NULL};
enum { PROP_IRQCHIP_ON, PROP_IRQCHIP_SPLIT, PROP_IRQCHIP_OFF };
static const EnumTable irqchip_table = {"OnOffSplit", irqchip_names};

static const char *const policy_names[] = {"auto", "kvm", "module", "user", NULL};
static const EnumTable policy_table = {"IoRegionPolicy", policy_names};

int kvm_ioctl(unsigned long type, void *arg)
{
    int r = RETRY_ON_EINTR(ioctl(kvm_state->fd, type, arg));
    return r < 0 ? -errno : r;
}

static int vm_ioctl(unsigned long type, void *arg)
{
    if (!kvm_state || kvm_state->vmfd < 0) {
        return -ENOSYS;
    }
    int r = RETRY_ON_EINTR(ioctl(kvm_state->vmfd, type, arg));
    return r < 0 ? -errno : r;
}

int kvm_vm_ioctl(unsigned long type, ...)
{
    va_list ap;

    va_start(ap, type);
    void *arg = va_arg(ap, void *);
    va_end(ap);
    return vm_ioctl(type, arg);
}

int kvm_vcpu_ioctl(KVMVcpu *v, unsigned long type, void *arg)
{
    int r = RETRY_ON_EINTR(ioctl(v->fd, type, arg));
    return r < 0 ? -errno : r;
}

int kvm_check_extension(unsigned cap)
{
    int r;

    if (!kvm_state) {
        return 0;
    }
    /* Asked of the VM: some answers depend on it. */
    r = kvm_state->vmfd >= 0 ? vm_ioctl(KVM_CHECK_EXTENSION, (void *)(uintptr_t)cap)
                             : kvm_ioctl(KVM_CHECK_EXTENSION, (void *)(uintptr_t)cap);
    return MAX(r, 0);
}

KVMIrqchipMode kvm_irqchip_mode(void)
{
    if (!kvm_state) {
        return KVM_IRQCHIP_OFF;
    }
    return kvm_state->irqchip_mode == PROP_IRQCHIP_ON      ? KVM_IRQCHIP_ON
           : kvm_state->irqchip_mode == PROP_IRQCHIP_SPLIT ? KVM_IRQCHIP_SPLIT
                                                           : KVM_IRQCHIP_OFF;
}

typedef struct NeededCap {
    unsigned cap;
    const char *name, *since;
} NeededCap;

static const NeededCap needed_caps[] = {
    {KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY", "2.6.25"},
    {KVM_CAP_DESTROY_MEMORY_REGION_WORKS, "KVM_CAP_DESTROY_MEMORY_REGION_WORKS", "2.6.28"},
    {KVM_CAP_JOIN_MEMORY_REGIONS_WORKS, "KVM_CAP_JOIN_MEMORY_REGIONS_WORKS", "2.6.30"},
    {KVM_CAP_READONLY_MEM, "KVM_CAP_READONLY_MEM", "3.7"},
    {KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP", "2.6.20"},
    {KVM_CAP_IRQ_ROUTING, "KVM_CAP_IRQ_ROUTING", "2.6.30"},
    {KVM_CAP_IRQFD, "KVM_CAP_IRQFD", "2.6.32"},
    {KVM_CAP_SIGNAL_MSI, "KVM_CAP_SIGNAL_MSI", "3.5"},
    {KVM_CAP_IOEVENTFD, "KVM_CAP_IOEVENTFD", "2.6.32"},
    {KVM_CAP_IOEVENTFD_ANY_LENGTH, "KVM_CAP_IOEVENTFD_ANY_LENGTH", "4.4"},
    {KVM_CAP_MP_STATE, "KVM_CAP_MP_STATE", "2.6.26"},
    {KVM_CAP_VCPU_EVENTS, "KVM_CAP_VCPU_EVENTS", "2.6.33"},
    {KVM_CAP_DEBUGREGS, "KVM_CAP_DEBUGREGS", "2.6.35"},
    {KVM_CAP_XSAVE, "KVM_CAP_XSAVE", "2.6.36"},
    {KVM_CAP_ENABLE_CAP_VM, "KVM_CAP_ENABLE_CAP_VM", "3.14"},
    {KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT", "4.11"},
};

static bool check_caps(GError **errp)
{
    for (size_t i = 0; i < G_N_ELEMENTS(needed_caps); i++) {
        if (!kvm_check_extension(needed_caps[i].cap)) {
            error_set_class(errp, ERROR_CLASS_KVM_MISSING_CAP,
                            "-accel kvm: the host kernel's KVM lacks %s; use Linux %s or newer",
                            needed_caps[i].name, needed_caps[i].since);
            return false;
        }
    }
    return true;
}

static bool open_device(KVMState *s, GError **errp)
{
    const char *path = s->device ? s->device : "/dev/kvm";
    int version;

    s->fd = RETRY_ON_EINTR(open(path, O_RDWR | O_CLOEXEC));
    if (s->fd < 0) {
        int err = errno;
        error_setg_errno(errp, err, "-accel kvm: cannot open '%s'%s", path,
                         err == ENOENT ? " (is the kvm_intel or kvm_amd module loaded, and is "
                                         "virtualization on in the firmware?)"
                         : err == EACCES
                             ? " (add your user to the group that owns it, 'kvm' as a rule)"
                             : "");
        return false;
    }
    version = kvm_ioctl(KVM_GET_API_VERSION, NULL);
    if (version != KVM_API_VERSION) {
        error_setg(errp, "-accel kvm: '%s' does not speak KVM API version %d; it is no KVM device",
                   path, KVM_API_VERSION);
        return false;
    }
    return true;
}

static bool create_vm(KVMState *s, GError **errp)
{
    /* Intel processors that cannot run real mode directly need three pages for a TSS and one for an
     * identity map; they lie in the last 256 MiB below 4 GiB, under the firmware, where boards put
     * nothing. */
    uint64_t identity = 0xfeffc000;
    int r = kvm_ioctl(KVM_CREATE_VM, NULL);

    if (r < 0) {
        error_setg_errno(errp, -r,
                         "-accel kvm: the kernel refuses a new virtual machine (KVM_CREATE_VM)");
        return false;
    }
    s->vmfd = r;
    r = vm_ioctl(KVM_SET_IDENTITY_MAP_ADDR, &identity);
    if (r == 0) {
        r = vm_ioctl(KVM_SET_TSS_ADDR, (void *)(uintptr_t)(identity + 0x1000));
    }
    if (r < 0) {
        error_setg_errno(errp, -r, "-accel kvm: cannot reserve the pages at 0x%" PRIx64, identity);
        return false;
    }
    r = kvm_ioctl(KVM_GET_VCPU_MMAP_SIZE, NULL);
    if (r < (int)sizeof(struct kvm_run)) {
        error_setg(errp, "-accel kvm: KVM_GET_VCPU_MMAP_SIZE gives no usable size");
        return false;
    }
    s->vcpu_mmap_size = r;
    return true;
}

static bool check_properties(const KVMState *s, GError **errp)
{
    if (s->dirty_ring_size) {
        error_setg(errp,
                   "-accel kvm,dirty-ring-size=%u: dirty rings are not supported, dirty pages are "
                   "found by "
                   "bitmap; leave the option out",
                   s->dirty_ring_size);
        return false;
    }
    return true;
}

static void close_all(KVMState *s)
{
    g_clear_pointer(&s->supported_cpuid, g_free);
    g_clear_pointer(&s->hv_cpuid, g_free);
    if (s->vmfd >= 0) {
        close(s->vmfd);
    }
    if (s->fd >= 0) {
        close(s->fd);
    }
    s->fd = s->vmfd = -1;
    if (kvm_state == s) {
        kvm_state = NULL;
    }
}

static bool init_vm(KVMState *s, GError **errp)
{
    if (!open_device(s, errp) || !create_vm(s, errp) || !check_caps(errp) ||
        !kvm_irqchip_create(s, errp)) {
        return false;
    }
    s->manual_dirty_log = kvm_check_extension(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2) != 0;
    if (s->manual_dirty_log) {
        struct kvm_enable_cap cap = {
            .cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
            .args[0] = KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE,
        };
        s->manual_dirty_log = vm_ioctl(KVM_ENABLE_CAP, &cap) == 0;
    }
    return ioregion_set_engine_policy((IoRegionPolicy)s->ioregionfd, s->vmfd, errp);
}

static bool kvm_init_machine(AccelState *accel, struct MachineState *ms, GError **errp)
{
    KVMState *s = (KVMState *)accel;

    assert_main_loop();
    if (!check_properties(s, errp)) {
        return false;
    }
    kvm_state = s;
    if (!init_vm(s, errp)) {
        close_all(s);
        return false;
    }
    kvm_allowed = true;
    kvm_coalesced_init();
    kvm_cpus_init();
    kvm_clock_init();
    TRACE(kvm, vm_created, "vmfd %d", s->vmfd);
    return kvm_slots_init(errp);
}

static const ObjectProperty kvm_props[] = {
    DEFINE_PROP_ENUM(
        "kernel-irqchip", KVMState, irqchip_mode, irqchip_table, PROP_IRQCHIP_SPLIT,
        "who emulates the interrupt controllers: on (KVM), split (KVM the local APICs only), off"),
    DEFINE_PROP_ENUM("ioregionfd", KVMState, ioregionfd, policy_table, IOREGION_POLICY_AUTO,
                     "engine that carries accesses to device homes: auto, kvm, module, user"),
    DEFINE_PROP_UINT32("dirty-ring-size", KVMState, dirty_ring_size, 0,
                       "must be 0: dirty pages are found by bitmap"),
    DEFINE_PROP_STRING("device", KVMState, device, "path of the KVM device, /dev/kvm"),
};

static void kvm_accel_instance_init(Object *obj)
{
    KVMState *s = (KVMState *)obj;

    s->fd = s->vmfd = -1;
}

static void kvm_accel_finalize(Object *obj)
{
    close_all((KVMState *)obj);
}

static void kvm_accel_class_init(ObjectClass *klass, const void *data)
{
    AccelClass *ac = (AccelClass *)klass;

    ac->name = "kvm";
    ac->init_machine = kvm_init_machine;
    object_class_add_property_table(klass, kvm_props);
}

static const TypeInfo kvm_accel_type = {
    .name = "kvm-accel",
    .parent = TYPE_ACCEL,
    .instance_size = sizeof(KVMState),
    .class_init = kvm_accel_class_init,
    .instance_init = kvm_accel_instance_init,
    .instance_finalize = kvm_accel_finalize,
};
QOM_TYPE(kvm_accel_type);
