/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the ioctls refuse, errno by errno, and what they must not refuse.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "channel.h"
#include "tests.h"

#define POSTED KVM_IOREGION_POSTED_WRITES
#define PIO KVM_IOREGION_PIO

/* A file channel and a region of it that can be registered. */
static struct kvm_ioregion good(struct machine *m, struct channel **out)
{
    struct channel *c = channel_new_kind(m, CH_FILE, 0);

    if (out)
        *out = c;
    return channel_region(c, GUEST_MMIO, 0x1000, 0, 1);
}

static int put(struct machine *m, struct kvm_ioregion region, uint64_t addr, uint64_t size, uint32_t flags)
{
    region.guest_paddr = addr;
    region.memory_size = size;
    region.flags = flags;
    return region_set(m, &region);
}

static int take(struct machine *m, struct kvm_ioregion region, uint64_t addr, uint64_t size, uint32_t flags)
{
    return put(m, region, addr, size, flags | KVM_IOREGION_DEASSIGN);
}

static void caps(void)
{
    struct machine *m = machine_new(1);
    int mask = capability(m);
    unsigned all = KVM_IOREGIONFD_HAS_MMIO | KVM_IOREGIONFD_HAS_PIO | KVM_IOREGIONFD_HAS_POSTED |
                   KVM_IOREGIONFD_HAS_IDS | KVM_IOREGIONFD_HAS_ANY_SIZE | KVM_IOREGIONFD_HAS_RING |
                   KVM_IOREGIONFD_HAS_UPDATE | KVM_IOREGIONFD_HAS_DATAMATCH | KVM_IOREGIONFD_HAS_FD_PAIR |
                   KVM_IOREGIONFD_HAS_SHADOW | KVM_IOREGIONFD_HAS_CANCEL;

    EQUAL(mask, all);
    EQUAL(ioctl(m->front, KVM_CHECK_EXTENSION, KVM_CAP_IOREGIONFD + 0x100), 0);
}

static void abi_size(void)
{
    struct machine *m = machine_new(1);
    struct {
        struct kvm_ioregion region;
        uint64_t more[4];
    } region = {.region = good(m, NULL)};
    struct {
        struct kvm_create_ioregionfd create;
        uint64_t more[4];
    } create = {.create = {0}};
    int fd;

    region.region.size = sizeof(region);
    EQUAL(region_set(m, &region.region), 0); /* what this kernel does not know is zero */
    region.region.guest_paddr += 0x1000;
    region.more[3] = 1;
    EQUAL(region_set(m, &region.region), -E2BIG);
    region.region.size = sizeof(region.region) - 4;
    EQUAL(region_set(m, &region.region), -EINVAL);
    region.region.size = 0;
    EQUAL(region_set(m, &region.region), -EINVAL);
    region.region.size = 0x7fffffff;
    CHECK(region_set(m, &region.region) < 0);
    region.region.size = 0xffffffff;
    CHECK(region_set(m, &region.region) < 0);
    create.create.size = sizeof(create);
    fd = channel_create(m, &create.create);
    CHECK(fd >= 0);
    close(fd);
    create.more[0] = 1;
    EQUAL(channel_create(m, &create.create), -E2BIG);
    create.create.size = 8;
    EQUAL(channel_create(m, &create.create), -EINVAL);
}

static void abi_padding(void)
{
    struct machine *m = machine_new(1);
    struct kvm_ioregion region = good(m, NULL);
    struct kvm_create_ioregionfd create = {.size = sizeof(create), .pad = 1};
    struct kvm_ioregion_cancel cancel = {.size = sizeof(cancel)};

    region.resp_fd = 1;
    EQUAL(region_set(m, &region), -EINVAL);
    region.resp_fd = 0;
    region.datamatch = 1;
    EQUAL(region_set(m, &region), -EINVAL);
    region.datamatch = 0;
    region.post_addr = 0x1000;
    EQUAL(region_set(m, &region), -EINVAL);
    EQUAL(channel_create(m, &create), -EINVAL);
    create.pad = 0;
    create.pad2[4] = 1;
    EQUAL(channel_create(m, &create), -EINVAL);
    create.pad2[4] = 0;
    create.kick_fd = 1;
    EQUAL(channel_create(m, &create), -EINVAL);
    cancel.pad[1] = 1;
    CHECK(ioctl(m->vcpu[0].front, KVM_CANCEL_IOREGION, &cancel) < 0);
    EQUAL(errno, EINVAL);
}

static void abi_flags(void)
{
    struct machine *m = machine_new(1);
    struct kvm_ioregion region = good(m, NULL);
    struct kvm_create_ioregionfd create = {.size = sizeof(create)};
    struct kvm_ioregion_cancel cancel = {.size = sizeof(cancel), .flags = 1};

    for (unsigned bit = 7; bit < 32; bit++) {
        region.flags = 1u << bit;
        EQUAL(region_set(m, &region), -EINVAL);
        region.flags |= KVM_IOREGION_DEASSIGN;
        EQUAL(region_set(m, &region), -EINVAL);
    }
    region.flags = KVM_IOREGION_DEASSIGN | KVM_IOREGION_UPDATE;
    EQUAL(region_set(m, &region), -EINVAL);
    for (unsigned bit = 2; bit < 32; bit++) {
        create.flags = 1u << bit;
        EQUAL(channel_create(m, &create), -EINVAL);
    }
    CHECK(ioctl(m->vcpu[0].front, KVM_CANCEL_IOREGION, &cancel) < 0);
    EQUAL(errno, EINVAL);
}

static void abi_fault(void)
{
    struct machine *m = machine_new(1);
    struct kvm_ioregion region = good(m, NULL);
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    void *bad[] = {NULL, (void *)8, (void *)0xffff800000000000, (void *)0x7fffffffffff, pages + 4096 - 32};

    munmap(pages + 4096, 4096);
    memcpy(pages + 4096 - 32, &region, 32);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK(ioctl(m->front, KVM_SET_IOREGION, bad[i]) < 0);
        EQUAL(errno, EFAULT);
        if (i == 4)
            ((struct kvm_create_ioregionfd *)bad[i])->flags = 0;
        CHECK(ioctl(m->front, KVM_CREATE_IOREGIONFD, bad[i]) < 0);
        EQUAL(errno, EFAULT);
    }
    CHECK(ioctl(m->vcpu[0].front, KVM_CANCEL_IOREGION, bad[0]) < 0);
    EQUAL(errno, EFAULT);
}

static void create_einval(void)
{
    struct machine *m = machine_new(1);
    struct kvm_create_ioregionfd create = {.size = sizeof(create)};
    int files[2], fd;

    create.posted = KVM_IOREGIONFD_POSTED_MAX + 1;
    EQUAL(channel_create(m, &create), -EINVAL);
    create.posted = UINT32_MAX;
    EQUAL(channel_create(m, &create), -EINVAL);
    create.posted = 0;
    create.answered = KVM_IOREGIONFD_ANSWERED_MAX + 1;
    EQUAL(channel_create(m, &create), -EINVAL);
    create.answered = UINT32_MAX;
    EQUAL(channel_create(m, &create), -EINVAL);
    create.answered = 0;
    create.flags = KVM_IOREGIONFD_KICK;
    create.kick_fd = eventfd(0, 0);
    EQUAL(channel_create(m, &create), -EINVAL); /* without RING */
    CHECK(pipe(files) == 0);
    create.flags |= KVM_IOREGIONFD_RING;
    create.kick_fd = files[1];
    EQUAL(channel_create(m, &create), -EINVAL);
    create.kick_fd = open("/dev/null", O_RDWR);
    EQUAL(channel_create(m, &create), -EINVAL);
    create = (struct kvm_create_ioregionfd){
        .size = sizeof(create), .posted = KVM_IOREGIONFD_POSTED_MAX, .answered = KVM_IOREGIONFD_ANSWERED_MAX};
    fd = channel_create(m, &create);
    CHECK(fd >= 0);
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static void create_ebadf(void)
{
    struct machine *m = machine_new(1);
    struct kvm_create_ioregionfd create = {
        .size = sizeof(create), .flags = KVM_IOREGIONFD_RING | KVM_IOREGIONFD_KICK, .kick_fd = 999};

    EQUAL(channel_create(m, &create), -EBADF);
    create.kick_fd = -1;
    EQUAL(channel_create(m, &create), -EBADF);
}

static void set_wrap(void)
{
    struct machine *m = machine_new(1);
    struct kvm_ioregion region = good(m, NULL);

    EQUAL(put(m, region, UINT64_MAX - 0xfff, 0x1001, 0), -EINVAL);
    EQUAL(put(m, region, 0x1000, UINT64_MAX - 0xffe, 0), -EINVAL);
    EQUAL(put(m, region, UINT64_MAX, 2, 0), -EINVAL);
    EQUAL(put(m, region, UINT64_MAX - 0xfff, 0x1000, 0), 0); /* ends exactly at 2^64 */
    EQUAL(put(m, region, UINT64_MAX, 1, 0), -EEXIST);
    EQUAL(take(m, region, UINT64_MAX - 0xfff, 0x1000, 0), 0);
    EQUAL(put(m, region, UINT64_MAX, 1, 0), 0);
    EQUAL(put(m, region, UINT64_MAX - 1, 1, 0), 0);
}

/* Regions of more than 2 GiB and of nearly everything. */
static void set_large(void)
{
    struct machine *m = machine_new(1);
    struct channel *c;
    struct kvm_ioregion region = good(m, &c);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op op = {OP_WRITE, 2, 0xf0000000, 7, 1};
    struct ioregionfd_cmd cmd;

    EQUAL(put(m, region, 0x200000, 0x1000000000, POSTED), 0);
    vcpu_do(v, &op, 1);
    cmd = device_want(c);
    WANT_CMD(&cmd, IOREGIONFD_CMD_WRITE, 4, 0, 1, 0xf0000000 - 0x200000, 7);
    EQUAL(take(m, region, 0x200000, 0x1000000000, 0), 0);
    EQUAL(put(m, region, 1, UINT64_MAX, POSTED), 0); /* 1 to 2^64; memory slots win over it */
    vcpu_do(v, &op, 1);
    cmd = device_want(c);
    WANT_CMD(&cmd, IOREGIONFD_CMD_WRITE, 4, 0, 1, 0xf0000000 - 1, 7);
}

static void set_pio_range(void)
{
    struct machine *m = machine_new(1);
    struct kvm_ioregion region = good(m, NULL);

    EQUAL(put(m, region, 0x10000, 1, PIO), -EINVAL);
    EQUAL(put(m, region, 0xffff, 2, PIO), -EINVAL);
    EQUAL(put(m, region, 1, 0x10000, PIO), -EINVAL);
    EQUAL(put(m, region, UINT64_MAX, 1, PIO), -EINVAL);
    EQUAL(put(m, region, 0x100000000, 4, PIO), -EINVAL);
    EQUAL(put(m, region, 0, 0x10000, PIO), 0);
    EQUAL(take(m, region, 0, 0x10000, PIO), 0);
    EQUAL(put(m, region, 0xffff, 1, PIO), 0);
}

static void set_size_0(void)
{
    struct machine *m = machine_new(1);
    struct kvm_ioregion region = good(m, NULL);
    struct kvm_ioregion match = region;

    EQUAL(put(m, region, GUEST_MMIO, 0, 0), -EINVAL);
    EQUAL(put(m, region, GUEST_MMIO, 0, PIO), -EINVAL);
    match.datamatch = 5;
    EQUAL(put(m, match, GUEST_MMIO, 0, POSTED | KVM_IOREGION_DATAMATCH), -EINVAL);
    EQUAL(put(m, region, GUEST_MMIO, 0, POSTED), 0);
    EQUAL(put(m, region, GUEST_MMIO + 7, 1, 0), -EEXIST); /* it counts as 8 bytes */
    EQUAL(put(m, region, GUEST_MMIO + 8, 1, 0), 0);
    EQUAL(take(m, region, GUEST_MMIO, 0, 0), 0);
    EQUAL(put(m, region, GUEST_MMIO, 8, 0), 0);
}

static void set_datamatch(void)
{
    struct machine *m = machine_new(1);
    struct kvm_ioregion region = good(m, NULL);
    uint32_t match = POSTED | KVM_IOREGION_DATAMATCH;
    static const unsigned bad_sizes[] = {3, 5, 6, 7, 16, 0x1000};

    region.datamatch = 1;
    for (unsigned i = 0; i < sizeof(bad_sizes) / sizeof(bad_sizes[0]); i++)
        EQUAL(put(m, region, GUEST_MMIO, bad_sizes[i], match), -EINVAL);
    region.datamatch = 0x100;
    EQUAL(put(m, region, GUEST_MMIO, 1, match), -EINVAL);
    region.datamatch = 0x100000000;
    EQUAL(put(m, region, GUEST_MMIO, 4, match), -EINVAL);
    EQUAL(put(m, region, GUEST_MMIO, 8, match), 0);
    region.datamatch = UINT32_MAX;
    EQUAL(put(m, region, GUEST_MMIO + 8, 4, match), 0);
    region.datamatch = UINT64_MAX;
    EQUAL(put(m, region, GUEST_MMIO + 16, 8, match), 0);
}

static void set_datamatch_split(void)
{
    struct machine *m = machine_new(1);
    struct kvm_ioregion region = good(m, NULL);
    uint32_t match = POSTED | KVM_IOREGION_DATAMATCH;

    region.datamatch = 1;
    EQUAL(put(m, region, GUEST_MMIO, 4, match), 0);
    EQUAL(put(m, region, GUEST_MMIO, 4, match), -EEXIST);
    region.datamatch = 2;
    EQUAL(put(m, region, GUEST_MMIO, 4, match), 0);
    EQUAL(put(m, region, GUEST_MMIO, 2, match), -EEXIST); /* another range */
    EQUAL(put(m, region, GUEST_MMIO + 2, 4, match), -EEXIST);
    region.datamatch = 3;
    EQUAL(take(m, region, GUEST_MMIO, 4, KVM_IOREGION_DATAMATCH), -ENOENT);
    region.datamatch = 0;
    EQUAL(put(m, region, GUEST_MMIO, 4, POSTED), -EEXIST); /* one that takes all values */
    EQUAL(take(m, region, GUEST_MMIO, 4, 0), -ENOENT);
    region.datamatch = 1;
    EQUAL(take(m, region, GUEST_MMIO, 4, KVM_IOREGION_DATAMATCH), 0);
    EQUAL(put(m, region, GUEST_MMIO, 4, match), 0);
}

static void set_shadow(void)
{
    struct machine *m = machine_new(1);
    uint32_t shadow = POSTED | KVM_IOREGION_SHADOW;
    char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct kvm_ioregion region = {
        .size = sizeof(region), .fd = eventfd(0, 0), .post_addr = (uintptr_t)page};
    struct kvm_ioregion bad;

    EQUAL(put(m, region, GUEST_MMIO, 16, KVM_IOREGION_SHADOW), -EINVAL);
    EQUAL(put(m, region, GUEST_MMIO, 0, shadow), -EINVAL);
    EQUAL(put(m, region, GUEST_MMIO, 16, shadow | KVM_IOREGION_FD_PAIR), -EINVAL);
    bad = region;
    bad.post_addr = 0;
    EQUAL(put(m, bad, GUEST_MMIO, 16, shadow), -EINVAL);
    bad.post_addr = 0xffff888000000000;
    EQUAL(put(m, bad, GUEST_MMIO, 16, shadow), -EINVAL);
    bad.post_addr = 0x8000000000000000;
    EQUAL(put(m, bad, GUEST_MMIO, 16, shadow), -EINVAL);
    bad.post_addr = 0x00fffffffffff000 - 8; /* its end is not the caller's any more, with five levels of tables either */
    EQUAL(put(m, bad, GUEST_MMIO, 16, shadow), -EINVAL);
    bad.post_addr = UINT64_MAX - 7;
    EQUAL(put(m, bad, GUEST_MMIO, 16, shadow), -EINVAL);
    bad = region;
    bad.fd = open("/dev/null", O_RDWR);
    EQUAL(put(m, bad, GUEST_MMIO, 16, shadow), -EINVAL);
    bad.fd = 999;
    EQUAL(put(m, bad, GUEST_MMIO, 16, shadow), -EBADF);
    EQUAL(put(m, region, GUEST_MMIO, 16, shadow), 0);
    region.post_addr = 0;
    EQUAL(take(m, region, GUEST_MMIO, 16, 0), 0);
}

static void set_bad_kind(void)
{
    struct machine *m = machine_new(1);
    struct kvm_ioregion region = good(m, NULL);
    int pipes[2], pair[2];
    char name[] = "ioregionfd-XXXXXX";
    int regular = memfd_create(name, 0);
    int alone = socket(AF_UNIX, SOCK_SEQPACKET, 0);

    CHECK(pipe(pipes) == 0);
    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
    region.fd = regular;
    EQUAL(region_set(m, &region), -EINVAL);
    region.fd = open("/proc/self/status", O_RDONLY);
    CHECK(region_set(m, &region) < 0);
    region.fd = eventfd(0, 0);
    EQUAL(region_set(m, &region), -EINVAL);
    region.fd = pipes[1];
    EQUAL(region_set(m, &region), -EINVAL); /* without FD_PAIR */
    region.fd = open("/dev/null", O_RDWR);
    EQUAL(region_set(m, &region), -EINVAL);
    region.fd = open("/dev/zero", O_RDWR);
    EQUAL(region_set(m, &region), -EINVAL);
    region.fd = m->vm;
    EQUAL(region_set(m, &region), -EINVAL);
    region.fd = m->vcpu[0].fd;
    EQUAL(region_set(m, &region), -EINVAL);
    region.fd = m->kvm;
    EQUAL(region_set(m, &region), -EINVAL);
    region.fd = m->vcpu[0].front;
    EQUAL(region_set(m, &region), -EINVAL);
    region.fd = epoll_create1(0);
    EQUAL(region_set(m, &region), -EINVAL);
    region.fd = socket(AF_INET, SOCK_STREAM, 0);
    if (region.fd >= 0)
        EQUAL(region_set(m, &region), -EINVAL);
    region.fd = pair[0];
    EQUAL(region_set(m, &region), -EINVAL);
    region.fd = alone;
    EQUAL(region_set(m, &region), -ENOTCONN);
    region.fd = open(".", O_RDONLY | O_DIRECTORY);
    CHECK(region_set(m, &region) < 0);
    region.fd = open("/dev/null", O_PATH);
    EQUAL(region_set(m, &region), -EBADF);
    /* The same as one of a pair */
    region.flags = KVM_IOREGION_FD_PAIR;
    region.fd = pipes[1];
    region.resp_fd = regular;
    EQUAL(region_set(m, &region), -EINVAL);
    region.fd = regular;
    region.resp_fd = pipes[0];
    EQUAL(region_set(m, &region), -EINVAL);
    region.fd = channel_create(m, &(struct kvm_create_ioregionfd){.size = sizeof(struct kvm_create_ioregionfd)});
    EQUAL(region_set(m, &region), -EINVAL); /* a file of its own is no half of a pair */
}

static void set_closed_fd(void)
{
    struct machine *m = machine_new(1);
    struct kvm_ioregion region = good(m, NULL);
    static const int bad[] = {999, -1, -2, INT32_MAX, INT32_MIN};
    int pipes[2];

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        region.fd = bad[i];
        EQUAL(region_set(m, &region), -EBADF);
    }
    CHECK(pipe(pipes) == 0);
    region.flags = KVM_IOREGION_FD_PAIR;
    region.fd = pipes[1];
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        region.resp_fd = bad[i];
        EQUAL(region_set(m, &region), -EBADF);
    }
}

static void set_wrong_mode(void)
{
    struct machine *m = machine_new(1);
    struct kvm_ioregion region = good(m, NULL);
    int a[2], b[2];

    CHECK(pipe(a) == 0 && pipe(b) == 0);
    region.flags = KVM_IOREGION_FD_PAIR;
    region.fd = a[0]; /* the end to read from */
    region.resp_fd = b[0];
    EQUAL(region_set(m, &region), -EBADF);
    region.fd = a[1];
    region.resp_fd = b[1];
    EQUAL(region_set(m, &region), -EBADF);
    region.resp_fd = b[0];
    EQUAL(region_set(m, &region), 0);
}

static void set_dead_channel(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new_kind(m, CH_PIPE, 0);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op op = {OP_READ, 0, GUEST_MMIO, 0, 1};
    struct kvm_ioregion region;
    int64_t until = now_ms() + limit_ms(3000);
    int got;

    channel_bind(m, c, GUEST_MMIO, 8, 0, 1);
    vcpu_script(v, &op, 1);
    vcpu_start(v);
    device_want(c);
    device_close(c);
    EQUAL(vcpu_join(v), 0);
    region = channel_region(c, GUEST_MMIO + 8, 8, 0, 2);
    do {
        got = region_set(m, &region);
        if (!got)
            region.guest_paddr += 8;
    } while (!got && now_ms() < until);
    EQUAL(got, -EPIPE);
}

static void set_overlap(void)
{
    struct machine *m = machine_new(1);
    struct kvm_ioregion region = good(m, NULL);
    const uint64_t at = GUEST_MMIO + 0x1000;

    EQUAL(put(m, region, at, 0x1000, 0), 0);
    EQUAL(put(m, region, at, 0x1000, 0), -EEXIST);             /* the same */
    EQUAL(put(m, region, at + 0xfff, 1, 0), -EEXIST);          /* its last byte */
    EQUAL(put(m, region, at, 1, 0), -EEXIST);                  /* its first */
    EQUAL(put(m, region, at - 1, 2, 0), -EEXIST);              /* over its start */
    EQUAL(put(m, region, at + 0xfff, 2, 0), -EEXIST);          /* over its end */
    EQUAL(put(m, region, at - 1, 0x1002, 0), -EEXIST);         /* around it */
    EQUAL(put(m, region, at + 0x800, 0x10, 0), -EEXIST);       /* inside */
    EQUAL(put(m, region, 0, UINT64_MAX, 0), -EEXIST);
    EQUAL(put(m, region, at - 8, 0, POSTED), 0);               /* counts as 8 bytes: just below */
    EQUAL(take(m, region, at - 8, 0, 0), 0);
    EQUAL(put(m, region, at - 7, 0, POSTED), -EEXIST);
    EQUAL(put(m, region, at - 1, 1, 0), 0);                    /* half-open: neighbours are none */
    EQUAL(put(m, region, at + 0x1000, 1, 0), 0);
    EQUAL(put(m, region, at & 0xffff, 8, PIO), 0);             /* another bus */
    EQUAL(put(m, region, at, 4, PIO), -EINVAL);
    EQUAL(take(m, region, at, 0x1000, 0), 0);
    EQUAL(put(m, region, at, 0x800, 0), 0);
    EQUAL(put(m, region, at + 0x800, 0x800, 0), 0);
}

static void set_enoent(void)
{
    struct machine *m = machine_new(1);
    struct kvm_ioregion region = good(m, NULL), other = good(m, NULL);

    EQUAL(take(m, region, GUEST_MMIO, 0x1000, 0), -ENOENT);
    EQUAL(put(m, region, GUEST_MMIO, 0x1000, 0), 0);
    EQUAL(take(m, region, GUEST_MMIO, 0xfff, 0), -ENOENT);
    EQUAL(take(m, region, GUEST_MMIO + 1, 0xfff, 0), -ENOENT);
    EQUAL(take(m, region, GUEST_MMIO, 0x1000, PIO) == -ENOENT ||
              take(m, region, GUEST_MMIO, 0x1000, PIO) == -EINVAL, 1);
    EQUAL(take(m, other, GUEST_MMIO, 0x1000, 0), -ENOENT); /* another channel */
    EQUAL(put(m, region, GUEST_MMIO, 0x800, KVM_IOREGION_UPDATE), -ENOENT);
    EQUAL(put(m, region, GUEST_MMIO + 0x1000, 0x1000, KVM_IOREGION_UPDATE), -ENOENT);
    EQUAL(take(m, region, GUEST_MMIO, 0x1000, 0), 0);
    EQUAL(take(m, region, GUEST_MMIO, 0x1000, 0), -ENOENT);
    EQUAL(put(m, region, GUEST_MMIO, 0x1000, 0), 0);
    region.fd = -1; /* any channel */
    EQUAL(take(m, region, GUEST_MMIO, 0x1000, 0), 0);
}

static void unknown_ioctls(void)
{
    struct machine *m = machine_new(1);
    static const unsigned numbers[] = {_IO(KVMIO, 0xfe), _IOW(KVMIO, 0xf0, uint32_t), _IOW(KVMIO, 0xf1, uint32_t),
                                       _IOW(KVMIO, 0x49, struct kvm_ioregion), 0, UINT32_MAX};
    struct kvm_ioregion region = good(m, NULL);

    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        CHECK(ioctl(m->front, numbers[i], &region) < 0);
        CHECK(errno == ENOTTY || errno == EINVAL);
        CHECK(ioctl(m->vcpu[0].front, numbers[i], &region) < 0);
        CHECK(errno == ENOTTY || errno == EINVAL);
        CHECK(ioctl(region.fd, numbers[i], &region) < 0);
        EQUAL(errno, ENOTTY);
    }
}

enum { MANY = 4000 };

/* In an order that is neither up nor down. */
static unsigned shuffled(unsigned i)
{
    return i * 1327 % MANY; /* 1327 and 4000 have no common factor */
}

static void regions_4000(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op ops[64];
    int64_t start = now_ms(), made, removed;

    for (unsigned i = 0; i < MANY; i++)
        channel_bind(m, c, GUEST_MMIO + shuffled(i) * 16, 8, POSTED, shuffled(i));
    made = now_ms();
    for (unsigned i = 0; i < 64; i++)
        ops[i] = (struct guest_op){OP_WRITE, 2, GUEST_MMIO + (i * 63 % MANY) * 16 + 4, i, 1};
    vcpu_do(v, ops, 64);
    EQUAL(v->logged, 0);
    for (unsigned i = 0; i < 64; i++) {
        struct ioregionfd_cmd cmd = device_want(c);

        WANT_CMD(&cmd, IOREGIONFD_CMD_WRITE, 4, 0, i * 63 % MANY, 4, i);
    }
    ops[0].addr = GUEST_MMIO + 8; /* between two regions */
    vcpu_do(v, ops, 1);
    EQUAL(v->logged, 1);
    removed = now_ms();
    for (unsigned i = 0; i < MANY; i++)
        EQUAL(channel_unbind(m, c, GUEST_MMIO + (MANY - 1 - shuffled(i)) * 16, 8, 0), 0);
    test_note("%u regions made in %lld ms, removed in %lld ms", MANY, (long long)(made - start),
              (long long)(now_ms() - removed));
    CHECK(now_ms() - removed + made - start < limit_ms(options.slow > 9 ? 10000 : 2000)); /* a kernel that checks itself */
    vcpu_do(v, ops, 1);
    EQUAL(v->logged, 2);
}

/* With 4,000 other regions an access costs about what it costs with one. */
static void regions_look_up(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new_kind(m, CH_RING, 16000);
    struct vcpu *v = &m->vcpu[0];
    /* few on a kernel that checks itself: there all costs more */
    const unsigned writes = options.slow > 9 ? 300 : 4000;
    struct guest_op op = {OP_WRITE, 2, GUEST_MMIO + 16 * 1999, 1, writes};
    int64_t one = INT64_MAX, many = INT64_MAX;

    channel_bind(m, c, GUEST_MMIO + 1999 * 16, 8, POSTED, 1999);
    for (unsigned round = 0; round < 6; round++) {
        struct ioregionfd_cmd cmd;
        int64_t start;

        if (round == 3) {
            for (unsigned i = 0; i < MANY; i++) {
                if (i != 1999)
                    channel_bind(m, c, GUEST_MMIO + i * 16, 8, POSTED, i);
            }
        }
        start = now_ms();
        vcpu_do(v, &op, 1);
        start = now_ms() - start;
        if (round < 3)
            one = start < one ? start : one;
        else
            many = start < many ? start : many;
        for (unsigned i = 0; i < writes; i++)
            CHECK(ring_take(channel_ring(c), &cmd));
    }
    test_note("%u writes with one region %lld ms, with 4,000 regions %lld ms", writes, (long long)one, (long long)many);
    /* The best of three each; a search through all would cost many times as much. */
    CHECK(many <= 2 * one + 20);
}

const struct test abi_tests[] = {
    {"caps", "KVM_CHECK_EXTENSION gives the mask of what is there", caps, 0, 0, 0},
    {"abi-size", "structures may be longer if the rest is zero, not shorter", abi_size, 0, 0, 0},
    {"abi-padding", "padding and fields whose flag is clear must be zero", abi_padding, 0, 0, 0},
    {"abi-flags", "unknown flags are refused", abi_flags, 0, 0, 0},
    {"abi-fault", "an address that cannot be read is EFAULT", abi_fault, 0, 0, 0},
    {"create-einval", "KVM_CREATE_IOREGIONFD: limits and what KICK wants", create_einval, 0, 0, 0},
    {"create-ebadf", "KVM_CREATE_IOREGIONFD: kick_fd is not open", create_ebadf, 0, 0, 0},
    {"set-wrap", "a region may end at 2^64, not wrap", set_wrap, 0, 0, 0},
    {"set-large", "regions of many GiB", set_large, 0, 0, 0},
    {"set-pio-range", "ports end at 65536", set_pio_range, 0, 0, 0},
    {"set-size-0", "size 0 wants posted writes and counts as 8 bytes", set_size_0, 0, 0, 0},
    {"set-datamatch", "a match has an access's size and a value that fits", set_datamatch, 0, 0, 0},
    {"set-datamatch-split", "one range, different values: several regions", set_datamatch_split, 0, 0, 0},
    {"set-shadow", "what SHADOW wants", set_shadow, 0, 0, 0},
    {"set-bad-kind", "files that are no channels are refused", set_bad_kind, 0, 0, 0},
    {"set-closed-fd", "files that are not open", set_closed_fd, 0, 0, 0},
    {"set-wrong-mode", "ends of pipes that point the wrong way", set_wrong_mode, 0, 0, 0},
    {"set-dead-channel", "a channel whose other end is gone is refused", set_dead_channel, 0, 0, 0},
    {"set-overlap", "overlaps are refused, neighbours are not", set_overlap, 0, 0, 0},
    {"set-enoent", "DEASSIGN and UPDATE want exactly one that is there", set_enoent, 0, 0, 0},
    {"module-notty", "unknown ioctls are refused on every file", unknown_ioctls, 0, 0, 0},
    {"regions-4000", "4,000 regions are made, found and removed", regions_4000, CH_ALL, 0, 20},
    {"regions-look-up", "an access does not cost more for 4,000 other regions", regions_look_up, 0, 0, 20},
    {0}};
