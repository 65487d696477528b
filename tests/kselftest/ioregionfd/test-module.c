/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What only the module has: attaching to KVM's files, and a kvm_run page that another thread may write at any time.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "channel.h"
#include "linux/ioregionfd-module.h"
#include "tests.h"

static int attach_vm(int device, int vm)
{
    struct ioregionfd_attach_vm attach = {.size = sizeof(attach), .vm_fd = vm};

    return ioctl(device, IOREGIONFD_ATTACH_VM, &attach) < 0 ? -errno : 0;
}

static int open_device(void)
{
    int device = open(IOREGIONFD_MODULE_DEVICE, O_RDWR | O_CLOEXEC);

    if (device < 0)
        FAIL("%s: %s", IOREGIONFD_MODULE_DEVICE, strerror(errno));
    return device;
}

static void module_attach_vm(void)
{
    struct machine *m = machine_new(1);
    int device = open_device();
    struct ioregionfd_attach_vm attach = {.size = sizeof(attach), .vm_fd = m->vm, .flags = 1};

    EQUAL(attach_vm(device, 999), -EBADF);
    EQUAL(attach_vm(device, -1), -EBADF);
    EQUAL(attach_vm(device, m->kvm), -EINVAL);
    EQUAL(attach_vm(device, m->vcpu[0].fd), -EINVAL);
    EQUAL(attach_vm(device, device), -EINVAL);
    EQUAL(attach_vm(device, eventfd(0, 0)), -EINVAL);
    EQUAL(attach_vm(device, open("/dev/null", O_RDWR)), -EINVAL);
    CHECK(ioctl(device, IOREGIONFD_ATTACH_VM, &attach) < 0);
    EQUAL(errno, EINVAL);
    attach.flags = 0;
    attach.pad2[1] = 1;
    CHECK(ioctl(device, IOREGIONFD_ATTACH_VM, &attach) < 0);
    EQUAL(errno, EINVAL);
    EQUAL(attach_vm(device, m->vm), 0);
    EQUAL(attach_vm(device, m->vm), -EBUSY);
}

static int attach_vcpu(struct machine *m, int device, int vcpu, const void *run, size_t size)
{
    struct ioregionfd_attach_vcpu attach = {
        .size = sizeof(attach), .vcpu_fd = vcpu, .run = (uintptr_t)run, .run_size = size};
    int got = ioctl(device, IOREGIONFD_ATTACH_VCPU, &attach);

    (void)m;
    return got < 0 ? -errno : got;
}

static void module_attach_vcpu(void)
{
    struct machine *m = machine_new(1), *other = machine_new(1);
    struct vcpu *v = &m->vcpu[0];

    EQUAL(attach_vcpu(m, m->front, 999, v->run, m->run_size), -EBADF);
    EQUAL(attach_vcpu(m, m->front, m->vm, v->run, m->run_size), -EINVAL);
    EQUAL(attach_vcpu(m, m->front, eventfd(0, 0), v->run, m->run_size), -EINVAL);
    EQUAL(attach_vcpu(m, m->front, v->fd, (char *)v->run + 8, m->run_size), -EINVAL);
    EQUAL(attach_vcpu(m, m->front, v->fd, v->run, 4096), -EINVAL);
    EQUAL(attach_vcpu(m, m->front, v->fd, v->run, 0), -EINVAL);
    EQUAL(attach_vcpu(m, m->front, v->fd, (void *)0xffff888000000000, m->run_size), -EFAULT);
    CHECK(attach_vcpu(m, m->front, v->fd, v->run, SIZE_MAX - 4095) < 0);
    CHECK(attach_vcpu(m, m->front, v->fd, (void *)(UINT64_MAX - 4095), m->run_size) < 0);
    (void)other;
}

static void module_order(void)
{
    struct machine *m = machine_new(1);
    int device = open_device();
    struct kvm_create_ioregionfd create = {.size = sizeof(create)};
    struct kvm_ioregion region = {.size = sizeof(region), .fd = 0, .memory_size = 8};

    CHECK(ioctl(device, KVM_SET_IOREGION, &region) < 0);
    EQUAL(errno, ENODEV);
    CHECK(ioctl(device, KVM_CREATE_IOREGIONFD, &create) < 0);
    EQUAL(errno, ENODEV);
    EQUAL(attach_vcpu(m, device, m->vcpu[0].fd, m->vcpu[0].run, m->run_size), -ENODEV);
}

/* The page is not what it was said to be: gone, read-only, another one, full of nonsense. */
static void module_page_gone(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new_kind(m, CH_FILE, 0);
    struct vcpu *v = &m->vcpu[0];
    void *fake = mmap(NULL, m->run_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int front;

    channel_bind(m, c, GUEST_MMIO, 0x100, KVM_IOREGION_POSTED_WRITES, 1);
    front = attach_vcpu(m, m->front, v->fd, fake, m->run_size);
    if (front < 0)
        return; /* refused: that is fine, too */
    vcpu_script(v, &(struct guest_op){OP_WRITE, 2, GUEST_MMIO, 1, 1}, 1);
    memset(fake, 0xff, m->run_size);
    for (unsigned i = 0; i < 5; i++)
        ioctl(front, KVM_RUN, 0);
    CHECK(mprotect(fake, m->run_size, PROT_READ) == 0);
    ioctl(front, KVM_RUN, 0);
    CHECK(munmap(fake, m->run_size) == 0);
    ioctl(front, KVM_RUN, 0);
    close(front);
    EQUAL(vcpu_loop(v), 0); /* the right one is as it was */
}

struct scribbler {
    struct vcpu *v;
    uint64_t seed;
    bool stop; /* atomic */
};

static void *scribble(void *opaque)
{
    struct scribbler *s = opaque;
    struct kvm_run *run = s->v->run;

    while (!__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE)) {
        uint64_t what = random_next(&s->seed);

        switch (what & 7) {
        case 0:
            run->exit_reason = what >> 8 & 1 ? KVM_EXIT_MMIO : KVM_EXIT_IO;
            break;
        case 1:
            run->mmio.len = what >> 8 & 1 ? what >> 32 : what >> 9 & 15;
            break;
        case 2:
            run->mmio.phys_addr = GUEST_MMIO + (what >> 8 & 0x3ff);
            break;
        case 3:
            run->io.count = what >> 8 & 1 ? what >> 32 : what >> 9 & 15;
            break;
        case 4:
            run->io.data_offset = what >> 8 & 1 ? what : what >> 40;
            break;
        case 5:
            run->io.size = what >> 8;
            break;
        default:
            ((volatile uint64_t *)run)[what >> 8 & 63] = random_next(&s->seed);
            break;
        }
    }
    return NULL;
}

/* Another thread writes over kvm_run while the vCPU runs. The guest may see anything; the kernel must not mind. */
static void module_hostile_run(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct server *server = server_start(c);
    struct vcpu *v = &m->vcpu[0];
    struct scribbler s = {.v = v, .seed = options.seed * 9 + 1};
    struct guest_op ops[] = {{OP_READ, 2, GUEST_MMIO, 0, 2}, {OP_INS, 1, 0x500, GUEST_DATA, 50},
                             {OP_WRITE, 3, GUEST_MMIO + 0x40, 0, 2}, {OP_OUTS, 0, 0x504, GUEST_DATA, 20}};
    int64_t until = now_ms() + options.seconds * 1000;
    pthread_t thread;
    unsigned runs = 0;

    channel_bind(m, c, GUEST_MMIO, 0x100, 0, 1);
    channel_bind(m, c, 0x500, 8, KVM_IOREGION_PIO, 2);
    CHECK(pthread_create(&thread, NULL, scribble, &s) == 0);
    while (now_ms() < until) {
        vcpu_script(v, ops, 4);
        for (unsigned i = 0; i < 50; i++) {
            if (vcpu_run(v) == 0 && v->run->exit_reason == KVM_EXIT_HLT)
                break;
            runs++;
        }
    }
    __atomic_store_n(&s.stop, true, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    server_stop(server);
    test_note("%u returns of KVM_RUN", runs);
}

/* The files are closed in each order, with regions and an attached vCPU. */
static void module_close_order(void)
{
    for (unsigned order = 0; order < 24; order++) {
        struct machine *m = machine_new(1);
        struct channel *c = channel_new_kind(m, CH_FILE, 0);
        struct vcpu *v = &m->vcpu[0];
        int files[4] = {m->front, m->vm, v->front, v->fd};
        unsigned left = 4, rest = order;

        channel_bind(m, c, GUEST_MMIO, 0x100, KVM_IOREGION_POSTED_WRITES, 1);
        vcpu_do(v, &(struct guest_op){OP_WRITE, 2, GUEST_MMIO, 1, 1}, 1);
        EQUAL(v->logged, 0);
        while (left) {
            unsigned pick = rest % left;

            rest /= left;
            close(files[pick]);
            files[pick] = files[--left];
        }
        m->front = m->vm = v->front = v->fd = -1;
        machine_free(m, false);
        channel_free(c);
    }
}

/* Two threads call KVM_RUN on one file. */
static void *runner(void *opaque)
{
    struct vcpu *v = opaque;

    for (unsigned i = 0; i < 20; i++) {
        int got = vcpu_run(v);

        (void)got;
    }
    return NULL;
}

static void run_twice(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct server *s = server_start(c);
    struct vcpu *v = &m->vcpu[0];
    pthread_t threads[2];

    channel_bind(m, c, GUEST_MMIO, 0x100, 0, 1);
    vcpu_script(v, &(struct guest_op){OP_READ, 2, GUEST_MMIO, 0, 5000}, 1);
    for (unsigned i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, runner, v) == 0);
    sleep_ms(50);
    for (unsigned i = 0; i < 200; i++) {
        pthread_kill(threads[i & 1], SIGUSR1);
        sleep_ms(1);
    }
    /* The process ends with both in it. */
    (void)s;
}

const struct test module_tests[] = {
    {"module-attach-vm", "which files are a VM", module_attach_vm, 0, FRONT_MODULE, 0},
    {"module-attach-vcpu", "which files and addresses are a vCPU", module_attach_vcpu, 0, FRONT_MODULE, 0},
    {"module-order", "nothing before a VM is attached", module_order, 0, FRONT_MODULE, 0},
    {"module-page-gone", "a kvm_run that is none", module_page_gone, 0, FRONT_MODULE, 0},
    {"module-close-order", "files are closed in any order", module_close_order, 0, FRONT_MODULE, 0},
    {"module-hostile-run", "kvm_run is written by another thread all the time", module_hostile_run, CH_ALL, 0, 0},
    {"run-twice", "two threads run one vCPU", run_twice, CH_ALL, 0, 0},
    {0}};
