/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine: one slot of RAM, long mode from the start, no interrupt controller, so that a halt comes to user space.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "linux/ioregionfd-module.h"
#include "machine.h"

enum { KICK = SIGUSR1 };

/* What differs between the front ends: the files that take the ioctls. */

static void front_attach_vm(struct machine *m)
{
    struct ioregionfd_attach_vm attach = {.size = sizeof(attach), .vm_fd = m->vm};

    if (options.front == FRONT_KVM) {
        m->front = m->vm;
        return;
    }
    m->front = open(IOREGIONFD_MODULE_DEVICE, O_RDWR | O_CLOEXEC);
    if (m->front < 0)
        FAIL("%s: %s", IOREGIONFD_MODULE_DEVICE, strerror(errno));
    if (ioctl(m->front, IOREGIONFD_ATTACH_VM, &attach) < 0)
        FAIL("IOREGIONFD_ATTACH_VM: %s", strerror(errno));
}

static void front_attach_vcpu(struct vcpu *v)
{
    struct ioregionfd_attach_vcpu attach = {.size = sizeof(attach),
                                            .vcpu_fd = v->fd,
                                            .run = (uintptr_t)v->run,
                                            .run_size = v->machine->run_size};

    if (options.front == FRONT_KVM) {
        v->front = v->fd;
        return;
    }
    v->front = ioctl(v->machine->front, IOREGIONFD_ATTACH_VCPU, &attach);
    if (v->front < 0)
        FAIL("IOREGIONFD_ATTACH_VCPU: %s", strerror(errno));
}

int region_set(struct machine *m, const struct kvm_ioregion *region)
{
    return ioctl(m->front, KVM_SET_IOREGION, region) < 0 ? -errno : 0;
}

int channel_create(struct machine *m, const struct kvm_create_ioregionfd *create)
{
    int fd = ioctl(m->front, KVM_CREATE_IOREGIONFD, create);

    return fd < 0 ? -errno : fd;
}

int vcpu_cancel(struct vcpu *v)
{
    struct kvm_ioregion_cancel cancel = {.size = sizeof(cancel)};

    return ioctl(v->front, KVM_CANCEL_IOREGION, &cancel) < 0 ? -errno : 0;
}

int vcpu_run(struct vcpu *v)
{
    return ioctl(v->front, KVM_RUN, 0) < 0 ? -errno : 0;
}

int capability(struct machine *m)
{
    return ioctl(m->front, KVM_CHECK_EXTENSION, KVM_CAP_IOREGIONFD);
}

static void on_kick(int number)
{
    (void)number;
}

/* Identity mapping of the first 4 GiB in 2 MiB pages. */
static void make_tables(uint8_t *ram)
{
    uint64_t *table = (uint64_t *)(ram + GUEST_TABLES);

    table[0] = (GUEST_TABLES + 0x1000) | 3;
    for (unsigned gib = 0; gib < 4; gib++) {
        table[512 + gib] = (GUEST_TABLES + 0x2000 + gib * 0x1000) | 3;
        for (unsigned i = 0; i < 512; i++)
            table[1024 + gib * 512 + i] = ((uint64_t)gib << 30 | (uint64_t)i << 21) | 0x83;
    }
}

static void set_registers(struct vcpu *v)
{
    struct kvm_segment code = {.limit = 0xffffffff, .selector = 8, .type = 11, .present = 1, .s = 1, .l = 1, .g = 1};
    struct kvm_segment data = {.limit = 0xffffffff, .selector = 16, .type = 3, .present = 1, .s = 1, .db = 1, .g = 1};
    struct kvm_regs regs = {.rip = GUEST_CODE, .rflags = 2, .rdi = op_address(v, 0)};
    struct kvm_sregs sregs;

    if (ioctl(v->fd, KVM_GET_SREGS, &sregs) < 0)
        FAIL("KVM_GET_SREGS: %s", strerror(errno));
    sregs.cs = code;
    sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
    sregs.cr0 = 0x80000011;
    sregs.cr3 = GUEST_TABLES;
    sregs.cr4 = 0x220; /* PAE, OSFXSR */
    sregs.efer = 0x500;
    if (ioctl(v->fd, KVM_SET_SREGS, &sregs) < 0)
        FAIL("KVM_SET_SREGS: %s", strerror(errno));
    if (ioctl(v->fd, KVM_SET_REGS, &regs) < 0)
        FAIL("KVM_SET_REGS: %s", strerror(errno));
}

static void give_cpuid(struct machine *m, struct vcpu *v)
{
    struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) + 128 * sizeof(cpuid->entries[0]));

    cpuid->nent = 128;
    if (ioctl(m->kvm, KVM_GET_SUPPORTED_CPUID, cpuid) < 0)
        FAIL("KVM_GET_SUPPORTED_CPUID: %s", strerror(errno));
    if (ioctl(v->fd, KVM_SET_CPUID2, cpuid) < 0)
        FAIL("KVM_SET_CPUID2: %s", strerror(errno));
    free(cpuid);
}

void machine_keep(void)
{
    int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm = ioctl(kvm, KVM_CREATE_VM, 0);

    /* With a vCPU; the tests' vCPUs have no local APIC either. */
    if (ioctl(vm, KVM_CREATE_VCPU, 0) < 0)
        fprintf(stderr, "/dev/kvm: %s\n", strerror(errno));
}

struct machine *machine_new(unsigned vcpus)
{
    struct machine *m = calloc(1, sizeof(*m));
    struct kvm_userspace_memory_region slot = {.memory_size = GUEST_RAM};
    struct sigaction kick = {.sa_handler = on_kick};

    sigaction(KICK, &kick, NULL);
    m->front = -1;
    m->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (m->kvm < 0)
        FAIL("/dev/kvm: %s", strerror(errno));
    m->vm = ioctl(m->kvm, KVM_CREATE_VM, 0);
    if (m->vm < 0)
        FAIL("KVM_CREATE_VM: %s", strerror(errno));
    m->run_size = ioctl(m->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    m->ram = mmap(NULL, GUEST_RAM, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (m->ram == MAP_FAILED)
        FAIL("mmap: %s", strerror(errno));
    slot.userspace_addr = (uintptr_t)m->ram;
    if (ioctl(m->vm, KVM_SET_USER_MEMORY_REGION, &slot) < 0)
        FAIL("KVM_SET_USER_MEMORY_REGION: %s", strerror(errno));
    memcpy(m->ram + GUEST_CODE, guest_code, guest_code_end - guest_code);
    make_tables(m->ram);
    front_attach_vm(m);
    for (unsigned i = 0; i < vcpus; i++) {
        struct vcpu *v = &m->vcpu[i];

        v->machine = m;
        v->index = i;
        v->front = -1;
        v->fill = 0xe0e1e2e3e4e5e6e7;
        v->fd = ioctl(m->vm, KVM_CREATE_VCPU, i);
        if (v->fd < 0)
            FAIL("KVM_CREATE_VCPU: %s", strerror(errno));
        v->run = mmap(NULL, m->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
        if (v->run == MAP_FAILED)
            FAIL("mmap of a vCPU: %s", strerror(errno));
        give_cpuid(m, v);
        set_registers(v);
        front_attach_vcpu(v);
        m->count++;
    }
    return m;
}

void vcpu_close(struct vcpu *v)
{
    if (v->run)
        munmap(v->run, v->machine->run_size);
    if (v->front >= 0 && v->front != v->fd)
        close(v->front);
    if (v->fd >= 0)
        close(v->fd);
    v->run = NULL;
    v->fd = v->front = -1;
}

void vm_close(struct machine *m)
{
    if (m->front >= 0 && m->front != m->vm)
        close(m->front);
    if (m->vm >= 0)
        close(m->vm);
    m->vm = m->front = -1;
}

void machine_free(struct machine *m, bool vm_first)
{
    if (vm_first)
        vm_close(m);
    for (unsigned i = 0; i < m->count; i++)
        vcpu_close(&m->vcpu[i]);
    vm_close(m);
    close(m->kvm);
    munmap(m->ram, GUEST_RAM);
    free(m);
}

uint64_t op_address(const struct vcpu *v, unsigned index)
{
    return GUEST_SCRIPT + v->index * GUEST_SCRIPT_SIZE + index * sizeof(struct guest_op);
}

struct guest_op *vcpu_op(struct vcpu *v, unsigned index)
{
    return (struct guest_op *)(v->machine->ram + op_address(v, index));
}

struct guest_op *vcpu_script(struct vcpu *v, const struct guest_op *ops, unsigned count)
{
    struct guest_op *place = vcpu_op(v, 0);

    if ((count + 1) * sizeof(*ops) > GUEST_SCRIPT_SIZE)
        FAIL("a script of %u operations", count);
    memcpy(place, ops, count * sizeof(*ops));
    memset(place + count, 0, sizeof(*ops));
    set_registers(v);
    return place;
}

static struct exit_log *log_exit(struct vcpu *v)
{
    static __thread struct exit_log spare;
    unsigned n = __atomic_load_n(&v->logged, __ATOMIC_RELAXED);
    struct exit_log *log = n < MAX_LOG ? &v->log[n] : &spare;

    memset(log, 0, sizeof(*log));
    log->reason = v->run->exit_reason;
    return log;
}

static void log_commit(struct vcpu *v)
{
    __atomic_add_fetch(&v->logged, 1, __ATOMIC_RELEASE);
}

static void take_mmio(struct vcpu *v)
{
    struct exit_log *log = log_exit(v);

    log->write = v->run->mmio.is_write;
    log->len = v->run->mmio.len;
    log->addr = v->run->mmio.phys_addr;
    if (!log->write)
        memcpy(v->run->mmio.data, &v->fill, sizeof(v->fill));
    memcpy(&log->data, v->run->mmio.data, log->len <= 8 ? log->len : 8);
    log_commit(v);
}

static void take_io(struct vcpu *v)
{
    struct exit_log *log = log_exit(v);
    uint8_t *data = (uint8_t *)v->run + v->run->io.data_offset;

    log->write = v->run->io.direction == KVM_EXIT_IO_OUT;
    log->len = v->run->io.size;
    log->count = v->run->io.count;
    log->addr = v->run->io.port;
    for (unsigned i = 0; !log->write && i < log->count; i++)
        memcpy(data + i * log->len, &v->fill, log->len);
    memcpy(&log->data, data, log->len);
    log_commit(v);
}

/* KVM for AMD resets a vCPU whose processor has met a triple fault: rip is 0xfff0 then. */
static void note_unexpected(struct vcpu *v)
{
    struct kvm_regs regs = {0};

    ioctl(v->fd, KVM_GET_REGS, &regs);
    test_note("vCPU %u: exit reason %u, its first words 0x%llx 0x%llx, rip 0x%llx", v->index, v->run->exit_reason,
              (unsigned long long)v->run->internal.suberror, (unsigned long long)v->run->internal.data[0],
              (unsigned long long)regs.rip);
}

int vcpu_loop(struct vcpu *v)
{
    while (true) {
        int got = vcpu_run(v);

        __atomic_add_fetch(&v->exits, 1, __ATOMIC_RELAXED);
        if (got == -EINTR || got == -EAGAIN) {
            __atomic_add_fetch(&v->interrupts, 1, __ATOMIC_RELEASE);
            if (__atomic_load_n(&v->stop, __ATOMIC_ACQUIRE))
                return -EINTR;
            continue;
        }
        if (got < 0)
            return got;
        switch (v->run->exit_reason) {
        case KVM_EXIT_HLT:
            return 0;
        case KVM_EXIT_MMIO:
            take_mmio(v);
            break;
        case KVM_EXIT_IO:
            take_io(v);
            break;
        case KVM_EXIT_IOREGION_FAILURE: {
            struct exit_log *log = log_exit(v);
            const struct kvm_ioregion_failure *failure = (const void *)&v->run->mmio;

            log->failure = *failure;
            log->write = failure->flags & KVM_IOREGION_FAILED_WRITE;
            log->addr = failure->addr;
            log->len = failure->len;
            log->data = failure->data;
            log_commit(v);
            break;
        }
        case KVM_EXIT_INTR:
            break;
        default:
            note_unexpected(v);
            log_exit(v);
            log_commit(v);
            return -EPROTO;
        }
    }
}

static void *vcpu_thread(void *opaque)
{
    struct vcpu *v = opaque;

    __atomic_store_n(&v->tid, (int)syscall(SYS_gettid), __ATOMIC_RELEASE);
    v->result = vcpu_loop(v);
    __atomic_store_n(&v->ended, true, __ATOMIC_RELEASE);
    return NULL;
}

void vcpu_start(struct vcpu *v)
{
    int error;

    __atomic_store_n(&v->ended, false, __ATOMIC_RELAXED);
    __atomic_store_n(&v->tid, 0, __ATOMIC_RELAXED);
    error = pthread_create(&v->thread, NULL, vcpu_thread, v);
    if (error)
        FAIL("pthread_create: %s", strerror(error));
    v->threaded = true;
}

bool vcpu_has_ended(struct vcpu *v, int milliseconds)
{
    int64_t until = now_ms() + milliseconds;

    while (!__atomic_load_n(&v->ended, __ATOMIC_ACQUIRE)) {
        if (now_ms() >= until)
            return false;
        sleep_ms(1);
    }
    return true;
}

int vcpu_join(struct vcpu *v)
{
    if (!vcpu_has_ended(v, limit_ms(5000)))
        FAIL("vCPU %u has not ended", v->index);
    pthread_join(v->thread, NULL);
    v->threaded = false;
    return v->result;
}

void vcpu_kick(struct vcpu *v)
{
    if (!__atomic_load_n(&v->ended, __ATOMIC_ACQUIRE))
        pthread_kill(v->thread, KICK);
}

void vcpu_interrupt(struct vcpu *v)
{
    unsigned before = __atomic_load_n(&v->interrupts, __ATOMIC_ACQUIRE);
    int64_t until = now_ms() + limit_ms(5000);

    while (__atomic_load_n(&v->interrupts, __ATOMIC_ACQUIRE) == before) {
        if (now_ms() > until)
            FAIL("a signal does not bring vCPU %u out of KVM_RUN", v->index);
        vcpu_kick(v);
        sleep_ms(1);
    }
}

void vcpu_do(struct vcpu *v, const struct guest_op *ops, unsigned count)
{
    int got;

    vcpu_script(v, ops, count);
    got = vcpu_loop(v);
    if (got)
        FAIL("KVM_RUN: %s, exit reason %u", strerror(-got), v->run->exit_reason);
}
