// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Guest accesses to regions, inside KVM_RUN.
 *
 * A posted write is done where KVM would look for a device on its bus. Everything else is left to
 * become an exit, and is caught when that is about to reach user space: KVM has by then put all
 * that it needs to complete it where we complete it, too, and SRCU can be left for the wait. An
 * access that a signal interrupts stays where it is; the next KVM_RUN begins with it.
 */
#include "internal.h"

#include <asm/kvm_host.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

/* What a step of an access comes to, beside errors. */
enum { TO_USER = 0, COMPLETE = 1 };

static bool usual_size(unsigned int len)
{
    return len <= 8 && is_power_of_2(len);
}

static u64 load(const void *from, unsigned int len)
{
    u64 value = 0;

    memcpy(&value, from, len);
    return value;
}

/* --- posted writes
 * -------------------------------------------------------------------------------------------------------
 */

int kvm_ioregion_post(struct kvm_vcpu *vcpu, gpa_t addr, int len, const void *val)
{
    struct kvm_ioregion_vm *vm = kvm_ioregion_vm(vcpu->kvm);

    if (!vm || !usual_size(len) ||
        ior_post(vm->dom, IOR_MMIO, addr, len, load(val, len)) != IOR_POSTED)
        return -EOPNOTSUPP;
    return 0;
}

/* Where the elements of a port access are kept: a page, got with the first string instruction, or a
 * place for one. */
static bool get_room(struct kvm_ioregion_vcpu *v, unsigned int count, unsigned int bytes)
{
    if (count == 1) {
        v->data = v->single;
        return true;
    }
    if (bytes > PAGE_SIZE)
        return false;
    if (!v->page)
        v->page = kzalloc(PAGE_SIZE, GFP_KERNEL_ACCOUNT);
    v->data = v->page;
    return v->page;
}

bool kvm_ioregion_note_pio(struct kvm_vcpu *vcpu, u16 port, int size, const void *data,
                           unsigned int count, bool in)
{
    struct kvm_ioregion_vm *vm = kvm_ioregion_vm(vcpu->kvm);
    struct kvm_ioregion_vcpu *v;
    unsigned int done = 0;

    if (!vm || !ior_domain_busy(vm->dom))
        return false;
    v = kvm_ioregion_vcpu(vm, vcpu);
    /* Without memory user space gets it all: nothing may have been posted by then. */
    if (!v || !get_room(v, count, size * count))
        return false;
    if (!in) {
        while (done < count &&
               ior_post(vm->dom, IOR_PIO, port, size, load(data + done * size, size)) == IOR_POSTED)
            done++;
        if (done == count)
            return true;
        memcpy(v->data, data, size * count);
    }
    v->phase = KVM_IOREGION_NOTED;
    v->pio = true;
    v->in = in;
    v->port = port;
    v->size = size;
    v->count = count;
    v->index = done;
    return false;
}

/* --- exits to user space
 * ---------------------------------------------------------------------------------------------------
 */

static int exit_with(struct kvm_vcpu *vcpu, struct kvm_ioregion_vcpu *v, u32 exit, u32 reason)
{
    struct kvm_ioregion_failure f = {};

    BUILD_BUG_ON(sizeof(f) > sizeof(vcpu->run->padding));
    ior_access_describe(&v->access, reason, &f);
    vcpu->run->exit_reason = exit;
    memcpy(vcpu->run->padding, &f, sizeof(f));
    return 0;
}

static int still_pending(struct kvm_vcpu *vcpu, struct kvm_ioregion_vcpu *v)
{
    exit_with(vcpu, v, KVM_EXIT_IOREGION_PENDING, KVM_IOREGION_FAIL_PENDING);
    ++vcpu->stat.signal_exits;
    return -EINTR;
}

/* The exit as KVM had prepared it; another may stand in its place. */
static void exit_mmio(struct kvm_vcpu *vcpu)
{
    struct kvm_mmio_fragment *frag = &vcpu->mmio_fragments[vcpu->mmio_cur_fragment];
    unsigned int len = min(8u, frag->len);
    struct kvm_run *run = vcpu->run;

    run->exit_reason = KVM_EXIT_MMIO;
    run->mmio.phys_addr = frag->gpa;
    run->mmio.len = len;
    run->mmio.is_write = vcpu->mmio_is_write;
    if (vcpu->mmio_is_write)
        memcpy(run->mmio.data, frag->data, len);
}

/* Ports: of what is left. Elements that were read are in place already. */
static void exit_pio(struct kvm_vcpu *vcpu, struct kvm_ioregion_vcpu *v)
{
    struct kvm_run *run = vcpu->run;

    if (v->in)
        memcpy(vcpu->arch.pio_data, v->data, v->index * v->size);
    else
        memcpy(vcpu->arch.pio_data, v->data, v->count * v->size);
    run->exit_reason = KVM_EXIT_IO;
    run->io.direction = v->in ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT;
    run->io.size = v->size;
    run->io.port = v->port;
    run->io.count = v->count - v->index;
    run->io.data_offset = KVM_PIO_PAGE_OFFSET * PAGE_SIZE + v->index * v->size;
}

/* --- answered accesses
 * -----------------------------------------------------------------------------------------------------
 */

/*
 * One access, from where it stands. COMPLETE: done, *data is what a read gives. TO_USER: an exit is
 * prepared. -ENOENT: no region takes it. -EINTR: it waits still. Not in SRCU.
 */
static int step(struct kvm_vcpu *vcpu, struct kvm_ioregion_vm *vm, struct kvm_ioregion_vcpu *v,
                enum ior_bus bus, bool is_write, u64 addr, unsigned int len, u64 value, u64 *data)
{
    int r;

    if (v->phase == KVM_IOREGION_FAILED) {
        struct kvm_ioregion_failure f;

        memcpy(&f, vcpu->run->padding, sizeof(f));
        *data = f.data;
        v->phase = KVM_IOREGION_NONE;
        return COMPLETE;
    }
    if (v->phase != KVM_IOREGION_WAITING) {
        v->phase = KVM_IOREGION_NONE;
        if (!usual_size(len) ||
            ior_access_begin(&v->access, vm->dom, bus, is_write, addr, len, value))
            return -ENOENT;
        v->phase = KVM_IOREGION_WAITING;
    }
    r = ior_access_wait(&v->access, !vcpu->wants_to_run);
    if (r == -EINTR || r == -EAGAIN)
        return still_pending(vcpu, v);
    v->phase = KVM_IOREGION_NONE;
    if (r)
        return -ENOENT;
    if (v->access.reason) {
        v->phase = KVM_IOREGION_FAILED;
        exit_with(vcpu, v, KVM_EXIT_IOREGION_FAILURE, v->access.reason);
        return TO_USER;
    }
    *data = v->access.data;
    return COMPLETE;
}

static int step_mmio(struct kvm_vcpu *vcpu, struct kvm_ioregion_vm *vm, struct kvm_ioregion_vcpu *v)
{
    struct kvm_mmio_fragment *frag = &vcpu->mmio_fragments[vcpu->mmio_cur_fragment];
    unsigned int len = min(8u, frag->len);
    bool is_write = vcpu->mmio_is_write;
    bool seen = v->phase != KVM_IOREGION_NONE;
    u64 data = 0;
    int r;

    v->pio = false;
    r = step(vcpu, vm, v, IOR_MMIO, is_write, frag->gpa, len, is_write ? load(frag->data, len) : 0,
             &data);
    if (r == -ENOENT) {
        if (seen)
            exit_mmio(vcpu);
        return TO_USER;
    }
    /* This is where KVM takes it from, at once. */
    if (r == COMPLETE && !is_write)
        memcpy(vcpu->run->mmio.data, &data, len);
    return r;
}

static int step_pio(struct kvm_vcpu *vcpu, struct kvm_ioregion_vm *vm, struct kvm_ioregion_vcpu *v)
{
    u64 data = 0;
    int r;

    for (; v->index < v->count; v->index++) {
        u8 *place = v->data + v->index * v->size;

        r = step(vcpu, vm, v, IOR_PIO, !v->in, v->port, v->size, v->in ? 0 : load(place, v->size),
                 &data);
        if (r == -ENOENT) {
            exit_pio(vcpu, v);
            return TO_USER;
        }
        if (r != COMPLETE)
            return r;
        if (v->in)
            memcpy(place, &data, v->size);
    }
    if (v->in)
        memcpy(vcpu->arch.pio_data, v->data, v->count * v->size);
    return COMPLETE;
}

static int take(struct kvm_vcpu *vcpu, struct kvm_ioregion_vm *vm, struct kvm_ioregion_vcpu *v,
                bool pio)
{
    int r;

    kvm_vcpu_srcu_read_unlock(vcpu);
    r = pio ? step_pio(vcpu, vm, v) : step_mmio(vcpu, vm, v);
    kvm_vcpu_srcu_read_lock(vcpu);
    return r;
}

int kvm_ioregion_catch(struct kvm_vcpu *vcpu, int r)
{
    struct kvm_ioregion_vm *vm = kvm_ioregion_vm(vcpu->kvm);
    struct kvm_ioregion_vcpu *v = vm ? xa_load(&vm->vcpus, vcpu->vcpu_idx) : NULL;

    if (!vm)
        return r;
    if (r) {
        /* What was noted has come to nothing. */
        if (v && v->phase == KVM_IOREGION_NOTED)
            v->phase = KVM_IOREGION_NONE;
        return r;
    }
    do {
        bool noted = v && v->phase == KVM_IOREGION_NOTED;
        int (*complete)(struct kvm_vcpu * vcpu);

        if (!noted && !(vcpu->mmio_needed && ior_domain_busy(vm->dom)))
            return 0;
        if (!v)
            v = kvm_ioregion_vcpu(vm, vcpu);
        if (!v)
            return 0;
        r = take(vcpu, vm, v, noted);
        if (r != COMPLETE)
            return r;
        /* The next piece of it may be another exit. A port write of the emulator's has nothing to
         * complete. */
        complete = vcpu->arch.complete_userspace_io;
        if (complete) {
            vcpu->arch.complete_userspace_io = NULL;
            r = complete(vcpu);
        }
    } while (r == 0);
    return r;
}

int kvm_ioregion_go_on(struct kvm_vcpu *vcpu)
{
    struct kvm_ioregion_vm *vm = kvm_ioregion_vm(vcpu->kvm);
    struct kvm_ioregion_vcpu *v = vm ? xa_load(&vm->vcpus, vcpu->vcpu_idx) : NULL;
    int r;

    if (!v || (v->phase != KVM_IOREGION_WAITING && v->phase != KVM_IOREGION_FAILED))
        return 1;
    r = take(vcpu, vm, v, v->pio);
    /* With immediate_exit KVM_RUN sets no reason: what was pending is not any more. */
    if (r == COMPLETE)
        vcpu->run->exit_reason = KVM_EXIT_INTR;
    return r;
}
