/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Posted writes that leave their newest value in memory: the SHADOW channel, and ioeventfd with post-write.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "channel.h"
#include "tests.h"

#define SHADOW (KVM_IOREGION_SHADOW | KVM_IOREGION_POSTED_WRITES)

struct shadow {
    uint8_t *page;
    int event;
    struct kvm_ioregion region;
};

static void *new_page(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(page != MAP_FAILED);
    return page;
}

static struct shadow shadow_bind(struct machine *m, uint64_t addr, uint64_t size, uint32_t flags)
{
    struct shadow s = {.page = new_page(), .event = eventfd(0, EFD_NONBLOCK)};

    s.region = (struct kvm_ioregion){.size = sizeof(s.region), .flags = SHADOW | flags, .guest_paddr = addr,
                                     .memory_size = size, .fd = s.event, .post_addr = (uintptr_t)s.page};
    EQUAL(region_set(m, &s.region), 0);
    return s;
}

static uint64_t events(const struct shadow *s)
{
    uint64_t count = 0;

    return read(s->event, &count, sizeof(count)) < 0 ? 0 : count;
}

static void shadow_store(void)
{
    struct machine *m = machine_new(1);
    struct shadow s = shadow_bind(m, GUEST_MMIO + 0x100, 0x40, 0);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op ops[] = {{OP_WRITE, 0, GUEST_MMIO + 0x101, 0xffa1, 1},
                             {OP_WRITE, 1, GUEST_MMIO + 0x102, 0xffffa3a2, 1},
                             {OP_WRITE, 2, GUEST_MMIO + 0x104, 0xffffffffa7a6a5a4, 1},
                             {OP_WRITE, 3, GUEST_MMIO + 0x108, 0xafaeadacabaaa9a8, 1},
                             {OP_WRITE, 2, GUEST_MMIO + 0x13c, 0x11223344, 5}};

    EQUAL(events(&s), 0);
    vcpu_do(v, ops, 5);
    EQUAL(s.page[0], 0);
    for (unsigned i = 1; i < 16; i++)
        EQUAL(s.page[i], 0xa0 + i);
    for (unsigned i = 16; i < 0x3c; i++)
        EQUAL(s.page[i], 0);
    EQUAL(*(uint32_t *)(s.page + 0x3c), 0x11223348); /* the newest of five */
    EQUAL(*(uint32_t *)(s.page + 0x40), 0);
    CHECK(events(&s) >= 1);
    EQUAL(v->logged, 0);
    s.region.flags |= KVM_IOREGION_DEASSIGN;
    s.region.flags &= ~SHADOW;
    s.region.post_addr = 0;
    EQUAL(region_set(m, &s.region), 0);
    vcpu_do(v, ops, 1);
    EQUAL(v->logged, 1);
}

static void shadow_port(void)
{
    struct machine *m = machine_new(1);
    struct shadow s = shadow_bind(m, 0x500, 8, KVM_IOREGION_PIO);

    memset(m->ram + GUEST_DATA, 0x3c, 4);
    m->ram[GUEST_DATA + 3] = 0x99;
    vcpu_do(&m->vcpu[0], (struct guest_op[]){{OP_OUT, 1, 0x502, 0xbeef, 1}, {OP_OUTS, 0, 0x505, GUEST_DATA, 4}}, 2);
    EQUAL(*(uint16_t *)(s.page + 2), 0xbeef);
    EQUAL(s.page[5], 0x99);
    CHECK(events(&s) >= 1);
    EQUAL(m->vcpu[0].logged, 0);
}

static void shadow_read(void)
{
    struct machine *m = machine_new(1);
    struct shadow s = shadow_bind(m, GUEST_MMIO, 0x40, 0);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op ops[] = {{OP_READ, 2, GUEST_MMIO, 0, 1},       /* reads */
                             {OP_WRITE, 2, GUEST_MMIO + 2, 1, 1},  /* not aligned */
                             {OP_WRITE, 3, GUEST_MMIO + 0x3c, 1, 1}, /* over the end */
                             {OP_WRITE, 1, GUEST_MMIO + 0x11, 1, 1}};

    s.page[0] = 5;
    vcpu_do(v, ops, 4);
    EQUAL(v->logged, 4);
    for (unsigned i = 0; i < 4; i++)
        EQUAL(v->log[i].addr, ops[i].addr);
    EQUAL(events(&s), 0);
    EQUAL(s.page[0], 5);
    EQUAL(s.page[2], 0);
}

/* A page that was never touched, one that is gone, one that may not be written. */
static void shadow_unmapped(void)
{
    struct machine *m = machine_new(1);
    struct shadow s = shadow_bind(m, GUEST_MMIO, 0x40, 0);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op op = {OP_WRITE, 2, GUEST_MMIO + 4, 0x77, 1};

    vcpu_do(v, &op, 1); /* not there yet: the vCPU brings it in */
    EQUAL(v->logged, 0);
    EQUAL(s.page[4], 0x77);
    CHECK(madvise(s.page, 4096, MADV_DONTNEED) == 0);
    vcpu_do(v, &op, 1);
    EQUAL(v->logged, 0);
    EQUAL(s.page[4], 0x77);
    events(&s);
    CHECK(mprotect(s.page, 4096, PROT_READ) == 0);
    op.value = 0x78;
    vcpu_do(v, &op, 1);
    EQUAL(v->logged, 1);
    EQUAL(s.page[4], 0x77);
    EQUAL(events(&s), 0);
    CHECK(munmap(s.page, 4096) == 0);
    vcpu_do(v, &op, 1);
    EQUAL(v->logged, 2);
    EQUAL(v->log[1].reason, KVM_EXIT_MMIO);
    EQUAL(v->log[1].data, 0x78);
    EQUAL(events(&s), 0);
}

static void *page_thread(void *opaque)
{
    struct shadow *s = opaque;

    while (!__atomic_load_n(&s->region.user_data, __ATOMIC_ACQUIRE)) {
        madvise(s->page, 4096, MADV_DONTNEED);
        mprotect(s->page, 4096, PROT_NONE);
        mprotect(s->page, 4096, PROT_READ | PROT_WRITE);
        if (mmap(s->page, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
            FAIL("mmap: %s", strerror(errno));
    }
    return NULL;
}

/* The page comes and goes under the writes. */
static void shadow_race(void)
{
    struct machine *m = machine_new(1);
    struct shadow s = shadow_bind(m, GUEST_MMIO, 0x40, 0);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op ops[] = {{OP_WRITE, 2, GUEST_MMIO + 4, 1, 50}, {OP_JUMP_UNLESS, 0, GUEST_DATA, op_address(v, 0), 1}};
    pthread_t thread;

    CHECK(pthread_create(&thread, NULL, page_thread, &s) == 0);
    vcpu_script(v, ops, 2);
    vcpu_start(v);
    sleep_ms(options.seconds * 500);
    __atomic_store_n((uint64_t *)(m->ram + GUEST_DATA), 1, __ATOMIC_RELEASE);
    EQUAL(vcpu_join(v), 0);
    __atomic_store_n(&s.region.user_data, 1, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    vcpu_do(v, ops, 1);
    EQUAL(*(uint32_t *)(s.page + 4), 50);
}

/* Another process that holds the files: its own memory at that address stays as it is. */
static void shadow_other_process(void)
{
    struct machine *m = machine_new(1);
    struct shadow s = shadow_bind(m, GUEST_MMIO, 0x40, 0);
    struct guest_op op = {OP_WRITE, 2, GUEST_MMIO + 4, 0x77, 1};
    int status;
    pid_t pid;

    vcpu_script(&m->vcpu[0], &op, 1);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        struct kvm_ioregion more = s.region;

        vcpu_run(&m->vcpu[0]);
        more.guest_paddr += 0x1000;
        region_set(m, &more);
        vcpu_run(&m->vcpu[0]);
        EQUAL(s.page[4], 0);
        _exit(0);
    }
    EQUAL(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    vcpu_do(&m->vcpu[0], &op, 1);
    EQUAL(s.page[4], 0x77);
}

static void shadow_datamatch(void)
{
    struct machine *m = machine_new(1);
    struct shadow s[2];
    struct vcpu *v = &m->vcpu[0];

    for (unsigned i = 0; i < 2; i++) {
        s[i] = (struct shadow){.page = new_page(), .event = eventfd(0, EFD_NONBLOCK)};
        s[i].region = (struct kvm_ioregion){.size = sizeof(s[i].region), .flags = SHADOW | KVM_IOREGION_DATAMATCH,
                                            .guest_paddr = GUEST_MMIO, .memory_size = 2, .fd = s[i].event,
                                            .post_addr = (uintptr_t)s[i].page, .datamatch = i};
        EQUAL(region_set(m, &s[i].region), 0);
    }
    vcpu_do(v, &(struct guest_op){OP_WRITE, 1, GUEST_MMIO, 1, 2}, 1); /* 1 and 2 */
    EQUAL(events(&s[0]), 0);
    EQUAL(events(&s[1]), 1);
    EQUAL(*(uint16_t *)s[1].page, 1);
    EQUAL(v->logged, 1);
}

/* --- ioeventfd with post-write ------------------------------------------------------------------------------------------- */

static struct kvm_ioeventfd post_write(struct machine *m, uint64_t addr, uint32_t len, void *where)
{
    struct kvm_ioeventfd event = {
        .addr = addr, .len = len, .fd = eventfd(0, EFD_NONBLOCK), .flags = KVM_IOEVENTFD_FLAG_POST_WRITE};
    uint64_t place = (uintptr_t)where;

    if (ioctl(m->vm, KVM_CHECK_EXTENSION, KVM_CAP_IOEVENTFD_POST_WRITE) != 1)
        FAIL("KVM_CAP_IOEVENTFD_POST_WRITE is not there");
    memcpy((char *)&event + KVM_IOEVENTFD_POST_ADDR_OFFSET, &place, sizeof(place));
    return event;
}

static int assign(struct machine *m, const struct kvm_ioeventfd *event, uint32_t flags)
{
    struct kvm_ioeventfd copy = *event;

    copy.flags |= flags;
    return ioctl(m->vm, KVM_IOEVENTFD, &copy) < 0 ? -errno : 0;
}

static void post_write_stores(void)
{
    struct machine *m = machine_new(1);
    uint8_t *page = new_page();
    struct vcpu *v = &m->vcpu[0];
    uint64_t count;

    for (unsigned i = 0; i < 4; i++) {
        unsigned size = 1u << i;
        struct kvm_ioeventfd event = post_write(m, GUEST_MMIO + 0x10 * i, size, page + 0x10 * i);
        struct guest_op op = {OP_WRITE, i, GUEST_MMIO + 0x10 * i, 0x8877665544332211, 1};
        uint64_t got = 0;

        page[0x10 * i] = 0; /* there; a page that is not is another test */
        EQUAL(assign(m, &event, 0), 0);
        vcpu_do(v, &op, 1);
        memcpy(&got, page + 0x10 * i, 8);
        EQUAL(got, size == 8 ? op.value : op.value & ((1ull << 8 * size) - 1));
        EQUAL(read(event.fd, &count, sizeof(count)), 8);
        EQUAL(count, 1);
        EQUAL(v->logged, 0);
        /* Another length exits as ever, as do reads. */
        op.log2size = (i + 1) % 4;
        vcpu_do(v, &op, 1);
        EQUAL(v->logged, 1);
        vcpu_do(v, &(struct guest_op){OP_READ, i, op.addr, 0, 1}, 1);
        EQUAL(v->logged, 2);
        v->logged = 0;
        EQUAL(assign(m, &event, KVM_IOEVENTFD_FLAG_DEASSIGN), 0);
        EQUAL(read(event.fd, &count, sizeof(count)), -1);
    }
}

static void post_write_port(void)
{
    struct machine *m = machine_new(1);
    uint8_t *page = new_page();
    struct kvm_ioeventfd event = post_write(m, 0x500, 2, page + 6);

    event.flags |= KVM_IOEVENTFD_FLAG_PIO | KVM_IOEVENTFD_FLAG_DATAMATCH;
    event.datamatch = 3;
    page[0] = 0;
    EQUAL(assign(m, &event, 0), 0);
    vcpu_do(&m->vcpu[0], &(struct guest_op){OP_OUT, 1, 0x500, 1, 3}, 1);
    EQUAL(*(uint16_t *)(page + 6), 3);
    EQUAL(m->vcpu[0].logged, 2);
}

static void post_write_einval(void)
{
    struct machine *m = machine_new(1);
    uint8_t *page = new_page();
    struct kvm_ioeventfd event = post_write(m, GUEST_MMIO, 4, page), bad;
    uint64_t place;

    bad = event;
    bad.len = 0;
    EQUAL(assign(m, &bad, 0), -EINVAL);
    bad = post_write(m, GUEST_MMIO, 4, NULL);
    EQUAL(assign(m, &bad, 0), -EINVAL);
    bad = post_write(m, GUEST_MMIO, 4, (void *)0xffff888000000000);
    EQUAL(assign(m, &bad, 0), -EINVAL);
    bad = post_write(m, GUEST_MMIO, 4, (void *)0x8000000000000000);
    EQUAL(assign(m, &bad, 0), -EINVAL);
    bad = post_write(m, GUEST_MMIO, 4, (void *)(0x00fffffffffff000 - 2));
    EQUAL(assign(m, &bad, 0), -EINVAL);
    bad = post_write(m, GUEST_MMIO, 3, page);
    EQUAL(assign(m, &bad, 0), -EINVAL);
    bad = event;
    bad.flags |= 1u << 6;
    EQUAL(assign(m, &bad, 0), -EINVAL);
    EQUAL(assign(m, &event, 0), 0);
    EQUAL(assign(m, &event, 0), -EEXIST);
    bad = event;
    place = (uintptr_t)page + 8; /* DEASSIGN must name the same place */
    memcpy((char *)&bad + KVM_IOEVENTFD_POST_ADDR_OFFSET, &place, sizeof(place));
    EQUAL(assign(m, &bad, KVM_IOEVENTFD_FLAG_DEASSIGN), -ENOENT);
    EQUAL(assign(m, &event, KVM_IOEVENTFD_FLAG_DEASSIGN), 0);
    /* Without the flag the padding may hold anything, as ever. */
    event.flags = 0;
    EQUAL(assign(m, &event, 0), 0);
    memset(event.pad, 0xa5, sizeof(event.pad));
    EQUAL(assign(m, &event, KVM_IOEVENTFD_FLAG_DEASSIGN), 0);
}

static void post_write_fault(void)
{
    struct machine *m = machine_new(1);
    uint8_t *page = new_page();
    struct kvm_ioeventfd event = post_write(m, GUEST_MMIO, 4, page);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op op = {OP_WRITE, 2, GUEST_MMIO, 0x1234, 1};
    uint64_t count;

    EQUAL(assign(m, &event, 0), 0);
    CHECK(mprotect(page, 4096, PROT_READ) == 0);
    vcpu_do(v, &op, 1);
    EQUAL(v->logged, 1);
    EQUAL(v->log[0].data, 0x1234);
    EQUAL(read(event.fd, &count, sizeof(count)), -1); /* not stored, so not signalled */
    CHECK(munmap(page, 4096) == 0);
    vcpu_do(v, &op, 1);
    EQUAL(v->logged, 2);
    EQUAL(read(event.fd, &count, sizeof(count)), -1);
}

const struct test shadow_tests[] = {
    {"shadow-store", "aligned writes are stored, then the eventfd is signalled", shadow_store, CH_SHADOW, 0, 0},
    {"shadow-port", "the same for ports and strings", shadow_port, CH_SHADOW, 0, 0},
    {"shadow-read", "reads and other writes exit as ever", shadow_read, CH_SHADOW, 0, 0},
    {"shadow-unmapped", "a page is brought in; one that cannot be makes the write exit", shadow_unmapped, CH_SHADOW, 0, 0},
    {"shadow-race", "the page comes and goes under the writes", shadow_race, CH_SHADOW, 0, 0},
    {"shadow-other-process", "another process's memory is not written", shadow_other_process, CH_SHADOW, 0, 0},
    {"shadow-datamatch", "values of one register go to several places", shadow_datamatch, CH_SHADOW, 0, 0},
    {"post-write", "ioeventfd: the value is stored, then the eventfd is signalled", post_write_stores, 0, FRONT_KVM, 0},
    {"post-write-port", "the same for a port with a data match", post_write_port, 0, FRONT_KVM, 0},
    {"post-write-einval", "what post-write wants", post_write_einval, 0, FRONT_KVM, 0},
    {"post-write-fault", "a store that fails exits, and signals nothing", post_write_fault, 0, FRONT_KVM, 0},
    {0}};
