/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is particular to each kind of channel: the file's read, write and poll, the ring's sleep and wake, pairs of foreign files.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "channel.h"
#include "tests.h"

#define POSTED KVM_IOREGION_POSTED_WRITES

/* An address that nothing is mapped at; volatile, so that the compiler does not know it. */
static void *volatile nowhere = (void *)8;

static const struct guest_op read_op = {OP_READ, 2, GUEST_MMIO, 0, 1};
static const struct guest_op write_op = {OP_WRITE, 2, GUEST_MMIO, 7, 1};

/* --- the file ------------------------------------------------------------------------------------------------------------ */

static short poll_now(int fd)
{
    struct pollfd p = {fd, POLLIN | POLLOUT, 0};

    CHECK(poll(&p, 1, 0) >= 0);
    return p.revents;
}

static void file_short_buffer(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new_kind(m, CH_FILE, 0);
    int fd = channel_device_fd(c);
    struct ioregionfd_cmd cmds[5];

    channel_bind(m, c, GUEST_MMIO, 8, POSTED, 1);
    vcpu_do(&m->vcpu[0], &(struct guest_op){OP_WRITE, 2, GUEST_MMIO, 7, 7}, 1);
    EQUAL(read(fd, cmds, 31), -1);
    EQUAL(errno, EINVAL);
    EQUAL(read(fd, cmds, 0) <= 0, 1);
    EQUAL(read(fd, cmds, 33), 32); /* whole commands only */
    EQUAL(cmds[0].data, 7);
    EQUAL(read(fd, cmds, sizeof(cmds)), sizeof(cmds)); /* as many as fit */
    EQUAL(cmds[4].data, 12);
    EQUAL(read(fd, cmds, sizeof(cmds)), 32); /* or as there are */
    EQUAL(cmds[0].data, 13);
    /* A buffer that is not there costs no command. */
    vcpu_do(&m->vcpu[0], &write_op, 1);
    EQUAL(read(fd, nowhere, 32), -1);
    EQUAL(errno, EFAULT);
}

static void file_nonblock(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new_kind(m, CH_FILE, 0);
    int fd = channel_device_fd(c);
    struct ioregionfd_cmd cmd;

    channel_bind(m, c, GUEST_MMIO, 8, POSTED, 1);
    EQUAL(poll_now(fd), POLLOUT);
    CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    EQUAL(read(fd, &cmd, sizeof(cmd)), -1);
    EQUAL(errno, EAGAIN);
    vcpu_do(&m->vcpu[0], &write_op, 1);
    EQUAL(poll_now(fd), POLLIN | POLLOUT);
    EQUAL(read(fd, &cmd, sizeof(cmd)), sizeof(cmd));
    EQUAL(poll_now(fd), POLLOUT);
    EQUAL(lseek(fd, 0, SEEK_SET) < 0 || lseek(fd, 0, SEEK_CUR) == 0, 1);
    EQUAL(pread(fd, &cmd, sizeof(cmd), 0), -1); /* a stream has no places */
}

static void on_alarm(int number)
{
    (void)number;
}

/* A blocked reader is woken by a command and by a signal. */
static void file_blocking(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new_kind(m, CH_FILE, 0);
    int fd = channel_device_fd(c);
    struct sigaction action = {.sa_handler = on_alarm};
    struct ioregionfd_cmd cmd;

    sigaction(SIGALRM, &action, NULL);
    alarm(1);
    EQUAL(read(fd, &cmd, sizeof(cmd)), -1);
    EQUAL(errno, EINTR);
    channel_bind(m, c, GUEST_MMIO, 8, POSTED, 1);
    vcpu_script(&m->vcpu[0], &write_op, 1);
    vcpu_start(&m->vcpu[0]);
    alarm(limit_ms(5000) / 1000);
    EQUAL(read(fd, &cmd, sizeof(cmd)), sizeof(cmd));
    alarm(0);
    EQUAL(vcpu_join(&m->vcpu[0]), 0);
}

static void file_bad_answer(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new_kind(m, CH_FILE, 0);
    int fd = channel_device_fd(c);
    struct vcpu *v = &m->vcpu[0];
    struct ioregionfd_cmd cmd;
    struct ioregionfd_resp r[3] = {{0}};

    channel_bind(m, c, GUEST_MMIO, 8, 0, 1);
    vcpu_script(v, &read_op, 1);
    vcpu_start(v);
    cmd = device_want(c);
    r[0].id = cmd.id;
    r[0].data = 0xbad;
    for (unsigned size = 1; size < 32; size += 5) {
        EQUAL(write(fd, r, size), -1);
        EQUAL(errno, EINVAL);
    }
    EQUAL(write(fd, r, 33) < 33, 1);
    if (vcpu_has_ended(v, 20)) { /* the first 32 bytes counted */
        EQUAL(vcpu_join(v), 0);
        vcpu_script(v, &read_op, 1);
        vcpu_start(v);
        cmd = device_want(c);
    }
    r[0].id = cmd.id;
    r[0].pad[1] = 1;
    EQUAL(write(fd, r, 32), -1);
    EQUAL(errno, EINVAL);
    EQUAL(write(fd, nowhere, 32), -1);
    EQUAL(errno, EFAULT);
    CHECK(!vcpu_has_ended(v, 30)); /* none of them answered it */
    r[0].pad[1] = 0;
    r[0].data = 0x900d;
    r[1].id = 1;
    r[2].id = cmd.id;
    r[2].pad[0] = 1;
    CHECK(write(fd, r, sizeof(r)) == 64); /* what came before that counts */
    EQUAL(vcpu_join(v), 0);
    EQUAL(vcpu_op(v, 0)->value, 0x900d);
}

static void file_late_answer(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new_kind(m, CH_FILE, 0);
    struct ioregionfd_resp r[64] = {{0}};

    channel_bind(m, c, GUEST_MMIO, 8, 0, 1);
    for (unsigned i = 0; i < 64; i++)
        r[i].id = i * 0x10001;
    for (unsigned i = 0; i < 100; i++)
        EQUAL(write(channel_device_fd(c), r, sizeof(r)), sizeof(r));
    vcpu_script(&m->vcpu[0], &read_op, 1);
    vcpu_start(&m->vcpu[0]);
    struct ioregionfd_cmd cmd = device_want(c);
    device_answer(c, &cmd, 4);
    EQUAL(vcpu_join(&m->vcpu[0]), 0);
    EQUAL(vcpu_op(&m->vcpu[0], 0)->value, 4);
}

/* How many io_uring worker threads this process has. */
static unsigned workers(void)
{
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *entry;
    unsigned count = 0;

    CHECK(tasks);
    while ((entry = readdir(tasks))) {
        char path[300], name[32];
        FILE *f;

        snprintf(path, sizeof(path), "/proc/self/task/%s/comm", entry->d_name);
        f = fopen(path, "r");
        if (f && fgets(name, sizeof(name), f))
            count += !strncmp(name, "iou-wrk", 7);
        if (f)
            fclose(f);
    }
    closedir(tasks);
    return count;
}

static void file_io_uring(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new_kind(m, CH_URING, 0);
    struct vcpu *v = &m->vcpu[0];
    struct ioregionfd_cmd cmd;

    channel_bind(m, c, GUEST_MMIO, 8, 0, 1);
    for (unsigned i = 0; i < 50; i++) {
        CHECK(!device_get(c, &cmd, 1)); /* a read is under way, with nothing there */
        vcpu_script(v, &read_op, 1);
        vcpu_start(v);
        cmd = device_want(c);
        EQUAL(workers(), 0);
        device_answer(c, &cmd, i);
        EQUAL(vcpu_join(v), 0);
        EQUAL(vcpu_op(v, 0)->value, i);
    }
    EQUAL(workers(), 0);
}

/* Closed while another thread of the process reads it, polls it, and io_uring has a read under way. */
static void *blocked_reader(void *opaque)
{
    struct ioregionfd_cmd cmd;

    return (void *)(intptr_t)read(*(int *)opaque, &cmd, sizeof(cmd));
}

static void file_close_busy(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new_kind(m, CH_URING, 0);
    struct ioregionfd_cmd cmd;
    pthread_t thread;
    int fd = dup(channel_device_fd(c));

    channel_bind(m, c, GUEST_MMIO, 8, 0, 1);
    CHECK(!device_get(c, &cmd, 5));
    CHECK(pthread_create(&thread, NULL, blocked_reader, &fd) == 0);
    sleep_ms(20);
    device_close(c);
    vm_close(m);
    vcpu_close(&m->vcpu[0]);
    close(fd);
    /* The reader is blocked still, the process ends with it. */
}

/* --- the ring ------------------------------------------------------------------------------------------------------------ */

static int ring_file(struct machine *m, unsigned posted, unsigned answered, int kick)
{
    struct kvm_create_ioregionfd create = {
        .size = sizeof(create), .flags = KVM_IOREGIONFD_RING, .posted = posted, .answered = answered};

    if (kick >= 0) {
        create.flags |= KVM_IOREGIONFD_KICK;
        create.kick_fd = kick;
    }
    return channel_create(m, &create);
}

static void ring_mmap(void)
{
    struct machine *m = machine_new(1);
    struct ring_view r;
    int fd = ring_file(m, 0, 0, -1), plain = ring_file(m, KVM_IOREGIONFD_POSTED_MAX, KVM_IOREGIONFD_ANSWERED_MAX, -1);
    struct kvm_create_ioregionfd create = {.size = sizeof(create)};
    struct ioregionfd_cmd cmd;

    CHECK(fd >= 0 && plain >= 0);
    ring_map(&r, fd);
    CHECK(mmap(NULL, r.map_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 4096) == MAP_FAILED);
    EQUAL(errno, EINVAL);
    CHECK(mmap(NULL, r.map_size + (1 << 20), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
    CHECK(mmap(NULL, r.map_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0) == MAP_FAILED);
    EQUAL(read(fd, &cmd, sizeof(cmd)), -1);
    EQUAL(errno, EINVAL);
    munmap((char *)r.ring, 4096); /* a part of it */
    close(fd);                    /* the mapping keeps it */
    r.resps[0].id = 5;
    munmap((char *)r.ring + 4096, r.map_size - 4096);
    ring_map(&r, plain);
    CHECK(r.posted >= KVM_IOREGIONFD_POSTED_MAX && r.answered >= KVM_IOREGIONFD_ANSWERED_MAX);
    EQUAL(r.posted + r.answered, r.capacity);
    ring_unmap(&r);
    plain = channel_create(m, &create);
    CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, plain, 0) == MAP_FAILED);
}

static void ring_kick(void)
{
    struct machine *m = machine_new(1);
    int kick = eventfd(0, EFD_NONBLOCK), fd = ring_file(m, 0, 0, kick);
    struct kvm_ioregion region = {.size = sizeof(region), .flags = POSTED, .guest_paddr = GUEST_MMIO, .memory_size = 8, .fd = fd};
    struct vcpu *v = &m->vcpu[0];
    struct ring_view r;
    uint64_t count;

    ring_map(&r, fd);
    EQUAL(region_set(m, &region), 0);
    vcpu_do(v, &(struct guest_op){OP_WRITE, 2, GUEST_MMIO, 1, 5}, 1);
    EQUAL(read(kick, &count, sizeof(count)), -1); /* awake: no kick */
    EQUAL(poll_now(fd) & POLLIN, POLLIN);
    for (unsigned i = 0; i < 5; i++) {
        struct ioregionfd_cmd cmd;

        CHECK(ring_take(&r, &cmd));
        EQUAL(cmd.data, i + 1);
    }
    EQUAL(poll_now(fd) & POLLIN, 0);
    CHECK(ring_sleep(&r));
    vcpu_do(v, &(struct guest_op){OP_WRITE, 2, GUEST_MMIO, 1, 5}, 1);
    EQUAL(r.ring->asleep, 0);
    EQUAL(read(kick, &count, sizeof(count)), sizeof(count));
    EQUAL(count, 1); /* one for a sleep */
    CHECK(!ring_sleep(&r)); /* there are commands */
}

/* A vCPU that has gone to sleep for its answer. */
static void ring_wakes(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new_kind(m, CH_RING, 0);
    struct ring_view *r = channel_ring(c);
    struct vcpu *v = &m->vcpu[0];
    int64_t until = now_ms() + limit_ms(3000);

    channel_bind(m, c, GUEST_MMIO, 8, 0, 1);
    for (unsigned i = 0; i < 20; i++) {
        struct ioregionfd_cmd cmd;

        vcpu_script(v, &read_op, 1);
        vcpu_start(v);
        cmd = device_want(c);
        while (!(__atomic_load_n(&r->ring->need_wake, __ATOMIC_ACQUIRE) & IOREGIONFD_RING_WAKE_ANSWER)) {
            CHECK(now_ms() < until); /* its spinning has an end */
            sleep_ms(1);
        }
        device_answer(c, &cmd, i);
        EQUAL(vcpu_join(v), 0);
        EQUAL(vcpu_op(v, 0)->value, i);
        EQUAL(__atomic_load_n(&r->ring->need_wake, __ATOMIC_ACQUIRE), 0);
    }
    EQUAL(r->wakes, 20);
    /* An answer without the call: a signal makes the vCPU look again. */
    vcpu_script(v, &read_op, 1);
    vcpu_start(v);
    struct ioregionfd_cmd cmd = device_want(c);
    sleep_ms(30);
    r->resps[cmd.id & IOREGIONFD_ID_INDEX].data = 99;
    __atomic_store_n(&r->resps[cmd.id & IOREGIONFD_ID_INDEX].id, cmd.id, __ATOMIC_RELEASE);
    vcpu_kick(v);
    while (!vcpu_has_ended(v, 5))
        vcpu_kick(v);
    EQUAL(vcpu_join(v), 0);
    EQUAL(vcpu_op(v, 0)->value, 99);
}

static void ring_room(void)
{
    struct machine *m = machine_new(1);
    struct ring_view r;
    int fd = ring_file(m, 1, 1, -1);
    struct kvm_ioregion region = {.size = sizeof(region), .flags = POSTED, .guest_paddr = GUEST_MMIO, .memory_size = 8, .fd = fd};
    struct vcpu *v = &m->vcpu[0];
    struct ioregionfd_cmd cmd;
    int64_t until = now_ms() + limit_ms(8000);

    ring_map(&r, fd);
    EQUAL(region_set(m, &region), 0);
    vcpu_script(v, &(struct guest_op){OP_WRITE, 2, GUEST_MMIO, 0, 500}, 1);
    vcpu_start(v);
    for (unsigned i = 0; i < 500; i++) {
        if (i % 50 == 0)
            sleep_ms(5); /* it sleeps by now */
        while (!ring_take(&r, &cmd))
            CHECK(now_ms() < until);
        EQUAL(cmd.data, i);
        if (cmd.info & IOREGIONFD_RESP)
            ring_answer(&r, &(struct ioregionfd_resp){.id = cmd.id});
    }
    EQUAL(vcpu_join(v), 0);
    test_note("%lu wakes", r.wakes);
}

/* A home that does nothing but wait and answer, in this thread; its sleep ends with a command and with a signal. */
static void ring_wait(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new_kind(m, CH_RING, 0);
    struct ring_view *r = channel_ring(c);
    struct vcpu *v = &m->vcpu[0];
    struct sigaction action = {.sa_handler = on_alarm};
    int fd = channel_device_fd(c), file = channel_device_fd(channel_new_kind(m, CH_FILE, 0));
    struct ioregionfd_cmd cmd;

    EQUAL(ioctl(file, KVM_IOREGIONFD_WAIT, 0), -1); /* it would not end */
    EQUAL(errno, EINVAL);
    EQUAL(ioctl(file, KVM_IOREGIONFD_WAKE, 0), -1);
    EQUAL(errno, EINVAL);
    EQUAL(ioctl(fd, KVM_IOREGIONFD_WAIT, 1), -1);
    EQUAL(errno, EINVAL);
    sigaction(SIGALRM, &action, NULL);
    alarm(1);
    EQUAL(ioctl(fd, KVM_IOREGIONFD_WAIT, 0), -1);
    EQUAL(errno, EINTR);
    channel_bind(m, c, GUEST_MMIO, 8, 0, 1);
    for (unsigned i = 0; i < 100; i++) {
        vcpu_script(v, &read_op, 1);
        vcpu_start(v);
        alarm(limit_ms(4000) / 1000);
        EQUAL(ioctl(fd, KVM_IOREGIONFD_WAIT, 0), 0);
        alarm(0);
        CHECK(ring_take(r, &cmd));
        device_answer(c, &cmd, i);
        EQUAL(vcpu_join(v), 0);
        EQUAL(vcpu_op(v, 0)->value, i);
    }
}

/* The last mapping goes while a vCPU waits: as if the file were closed. */
static void ring_unmap_in_flight(void)
{
    struct machine *m = machine_new(1);
    struct ring_view r;
    int fd = ring_file(m, 0, 0, -1);
    struct kvm_ioregion region = {.size = sizeof(region), .guest_paddr = GUEST_MMIO, .memory_size = 8, .fd = fd};
    struct vcpu *v = &m->vcpu[0];
    struct ioregionfd_cmd cmd;

    ring_map(&r, fd);
    EQUAL(region_set(m, &region), 0);
    vcpu_script(v, &read_op, 1);
    vcpu_start(v);
    while (!ring_take(&r, &cmd))
        ;
    close(fd);
    CHECK(!vcpu_has_ended(v, 30)); /* mapped, so it is there */
    ring_unmap(&r);
    EQUAL(vcpu_join(v), 0);
    EQUAL(v->log[0].failure.reason, KVM_IOREGION_FAIL_CLOSED);
}

/* --- foreign files ------------------------------------------------------------------------------------------------------- */

/* Registers a pair; returns the region. */
static struct kvm_ioregion pair_region(struct machine *m, int fd, int resp_fd, uint32_t flags)
{
    struct kvm_ioregion region = {.size = sizeof(region), .guest_paddr = GUEST_MMIO, .memory_size = 0x100, .fd = fd,
                                  .resp_fd = resp_fd, .flags = flags | (resp_fd ? KVM_IOREGION_FD_PAIR : 0),
                                  .user_data = 1};
    int got = region_set(m, &region);

    if (got)
        FAIL("KVM_SET_IOREGION: %s", strerror(-got));
    return region;
}

static void read_exactly(int fd, void *buffer, size_t size)
{
    size_t have = 0;

    while (have < size) {
        ssize_t got = read(fd, (char *)buffer + have, size - have);

        if (got <= 0)
            FAIL("read: %zd, %s", got, strerror(errno));
        have += got;
    }
}

/* Reads at GUEST_MMIO that a device at these two files answers, in pieces of so many bytes. */
static void serve_pair(struct machine *m, int rx, int tx, size_t piece)
{
    struct vcpu *v = &m->vcpu[0];

    for (unsigned i = 0; i < 5; i++) {
        struct ioregionfd_cmd cmd;
        struct ioregionfd_resp response = {.data = 40 + i};

        vcpu_script(v, &read_op, 1);
        vcpu_start(v);
        read_exactly(rx, &cmd, sizeof(cmd));
        response.id = cmd.id;
        for (size_t at = 0; at < sizeof(response); at += piece) {
            size_t size = sizeof(response) - at < piece ? sizeof(response) - at : piece;

            EQUAL(write(tx, (char *)&response + at, size), size);
            if (piece < sizeof(response))
                sleep_ms(1);
        }
        EQUAL(vcpu_join(v), 0);
        EQUAL(vcpu_op(v, 0)->value, 40 + i);
    }
    EQUAL(v->logged, 0);
}

static void pair_pipe(void)
{
    struct machine *m = machine_new(1);
    int a[2], b[2];

    CHECK(pipe(a) == 0 && pipe2(b, O_NONBLOCK) == 0); /* O_NONBLOCK does not matter */
    pair_region(m, a[1], b[0], 0);
    serve_pair(m, a[0], b[1], 32);
}

static void pair_socket(void)
{
    struct machine *m = machine_new(1);
    int a[2], b[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, a) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, b) == 0);
    pair_region(m, a[0], b[0], 0);
    serve_pair(m, a[1], b[1], 32);
}

static void stream_socket(void)
{
    struct machine *m = machine_new(1);
    int a[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, a) == 0);
    CHECK(fcntl(a[1], F_SETFL, 0) == 0);
    pair_region(m, a[0], 0, 0);
    serve_pair(m, a[1], a[1], 32);
}

static void pair_short_read(void)
{
    struct machine *m = machine_new(1);
    int a[2], b[2];

    CHECK(pipe(a) == 0 && pipe(b) == 0);
    pair_region(m, a[1], b[0], 0);
    serve_pair(m, a[0], b[1], 7);
    serve_pair(m, a[0], b[1], 31);
}

/* Several regions, one pair: one channel, one order; the files may be closed here. */
static void pair_shared(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op ops[20];
    int files[2];

    for (unsigned i = 0; i < 10; i++)
        channel_bind(m, c, GUEST_MMIO + i * 16, 16, POSTED, i);
    for (unsigned i = 0; i < channel_files(c, files); i++)
        close(files[i]);
    for (unsigned i = 0; i < 20; i++)
        ops[i] = (struct guest_op){OP_WRITE, 2, GUEST_MMIO + i * 7 % 10 * 16, i, 1};
    vcpu_do(v, ops, 20);
    for (unsigned i = 0; i < 20; i++) {
        struct ioregionfd_cmd cmd = device_want(c);

        WANT_CMD(&cmd, IOREGIONFD_CMD_WRITE, 4, 0, i * 7 % 10, 0, i);
    }
}

static void pair_eof(void)
{
    struct machine *m = machine_new(1);
    struct vcpu *v = &m->vcpu[0];
    struct ioregionfd_cmd cmd;
    int a[2], b[2];

    CHECK(pipe(a) == 0 && pipe(b) == 0);
    pair_region(m, a[1], b[0], 0);
    vcpu_script(v, &read_op, 1);
    vcpu_start(v);
    read_exactly(a[0], &cmd, sizeof(cmd));
    close(b[1]); /* only the answers' side */
    EQUAL(vcpu_join(v), 0);
    EQUAL(v->log[0].failure.reason, KVM_IOREGION_FAIL_CLOSED);
    vcpu_do(v, &read_op, 1);
    EQUAL(v->log[1].reason, KVM_EXIT_MMIO);
}

/* Half of an answer, then the end. */
static void pair_eof_half(void)
{
    struct machine *m = machine_new(1);
    struct vcpu *v = &m->vcpu[0];
    struct ioregionfd_resp response = {.data = 1};
    struct ioregionfd_cmd cmd;
    int a[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, a) == 0);
    pair_region(m, a[0], 0, 0);
    vcpu_script(v, &read_op, 1);
    vcpu_start(v);
    read_exactly(a[1], &cmd, sizeof(cmd));
    response.id = cmd.id;
    EQUAL(write(a[1], &response, 20), 20);
    CHECK(shutdown(a[1], SHUT_RDWR) == 0);
    EQUAL(vcpu_join(v), 0);
    CHECK(v->log[0].failure.reason == KVM_IOREGION_FAIL_CLOSED || v->log[0].failure.reason == KVM_IOREGION_FAIL_PROTOCOL);
    EQUAL(vcpu_op(v, 0)->value, UINT32_MAX);
}

static void pair_no_sigpipe(void)
{
    struct machine *m = machine_new(1);
    struct vcpu *v = &m->vcpu[0];
    int a[2], b[2];

    signal(SIGPIPE, SIG_DFL); /* it would end the test */
    CHECK(pipe(a) == 0 && pipe(b) == 0);
    pair_region(m, a[1], b[0], POSTED);
    close(a[0]);
    for (unsigned i = 0; i < 20; i++) {
        vcpu_do(v, &write_op, 1);
        sleep_ms(1);
    }
    EQUAL(v->log[v->logged - 1].reason, KVM_EXIT_MMIO);
}

/* A pipe that is full of other things is not the vCPU's problem for ever: a signal gets through. */
static void pair_full(void)
{
    struct machine *m = machine_new(1);
    struct vcpu *v = &m->vcpu[0];
    char junk[4096] = {0};
    int a[2], b[2];

    CHECK(pipe2(a, O_NONBLOCK) == 0 && pipe(b) == 0);
    while (write(a[1], junk, sizeof(junk)) > 0)
        ;
    pair_region(m, a[1], b[0], POSTED);
    vcpu_script(v, &(struct guest_op){OP_WRITE, 2, GUEST_MMIO, 0, 3000}, 1);
    vcpu_start(v);
    CHECK(!vcpu_has_ended(v, 50));
    vcpu_interrupt(v);
    vcpu_interrupt(v);
    close(a[0]);
    close(b[1]);
    EQUAL(vcpu_join(v), 0);
}

static void stream_garbage(void)
{
    struct machine *m = machine_new(1);
    struct vcpu *v = &m->vcpu[0];
    struct ioregionfd_resp response = {.pad = {0, 1}};
    struct ioregionfd_cmd cmd;
    int a[2], b[2];

    CHECK(pipe(a) == 0 && pipe(b) == 0);
    pair_region(m, a[1], b[0], 0);
    vcpu_script(v, &read_op, 1);
    vcpu_start(v);
    read_exactly(a[0], &cmd, sizeof(cmd));
    response.id = cmd.id;
    EQUAL(write(b[1], &response, sizeof(response)), sizeof(response));
    EQUAL(vcpu_join(v), 0);
    EQUAL(v->log[0].failure.reason, KVM_IOREGION_FAIL_PROTOCOL);
    vcpu_do(v, &read_op, 1);
    EQUAL(v->log[1].reason, KVM_EXIT_MMIO); /* the channel is dead */
}

static void seqpacket_garbage(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new_kind(m, CH_SOCKET, 0);
    struct vcpu *v = &m->vcpu[0];
    struct ioregionfd_resp response[3] = {{0}};
    struct ioregionfd_cmd cmd;

    channel_bind(m, c, GUEST_MMIO, 0x100, 0, 1);
    vcpu_script(v, &read_op, 1);
    vcpu_start(v);
    cmd = device_want(c);
    for (unsigned i = 0; i < 3; i++) {
        response[i].id = cmd.id;
        response[i].data = 0xbad;
    }
    EQUAL(device_send_bytes(c, response, 31), 0);
    EQUAL(device_send_bytes(c, response, 33), 0);
    EQUAL(device_send_bytes(c, response, 1), 0);
    EQUAL(device_send_bytes(c, response, 64), 0);
    EQUAL(device_send_bytes(c, response, 96), 0);
    response[0].pad[0] = 1ull << 63;
    EQUAL(device_send_bytes(c, response, 32), 0);
    CHECK(!vcpu_has_ended(v, 50)); /* all dropped */
    device_answer(c, &cmd, 0x900d);
    EQUAL(vcpu_join(v), 0);
    EQUAL(vcpu_op(v, 0)->value, 0x900d);
    EQUAL(v->logged, 0);
}

const struct test channel_tests[] = {
    {"file-short-buffer", "read gives whole commands, as many as fit", file_short_buffer, 0, 0, 0},
    {"file-nonblock", "O_NONBLOCK and poll", file_nonblock, 0, 0, 0},
    {"file-blocking", "read waits for a command; a signal ends it", file_blocking, 0, 0, 0},
    {"file-bad-answer", "write takes whole, proper responses", file_bad_answer, 0, 0, 0},
    {"file-late-answer", "a response that nobody waits for is dropped, the call succeeds", file_late_answer, 0, 0, 0},
    {"file-io-uring", "io_uring needs no worker threads", file_io_uring, 0, 0, 20},
    {"file-close-busy", "the file goes with reads under way", file_close_busy, 0, 0, 0},
    {"ring-mmap", "what can be mapped and read", ring_mmap, 0, 0, 0},
    {"ring-kick", "one kick for a sleep, none without", ring_kick, 0, 0, 0},
    {"ring-wake", "a vCPU that sleeps for its answer says so and is woken", ring_wakes, 0, 0, 0},
    {"ring-room", "a vCPU that sleeps for room likewise", ring_room, 0, 0, 20},
    {"ring-wait", "a home sleeps by one call; a command and a signal end it", ring_wait, 0, 0, 0},
    {"ring-unmap-in-flight", "the last mapping goes while a vCPU waits", ring_unmap_in_flight, 0, 0, 0},
    {"pair-pipe", "a pair of pipes", pair_pipe, 0, 0, 0},
    {"pair-socket", "a pair of stream sockets", pair_socket, 0, 0, 0},
    {"stream-socket", "one stream socket", stream_socket, 0, 0, 0},
    {"pair-short-read", "answers that come in pieces", pair_short_read, 0, 0, 0},
    {"pair-shared", "regions of one file or pair share a channel, which outlives the descriptors", pair_shared, CH_FOREIGN,
     0, 0},
    {"pair-eof", "end of file ends what waits", pair_eof, 0, 0, 0},
    {"pair-eof-half", "end of file in an answer", pair_eof_half, 0, 0, 0},
    {"pair-no-sigpipe", "no signal is raised", pair_no_sigpipe, 0, 0, 0},
    {"pair-full", "a pipe that nobody empties: signals get through", pair_full, 0, 0, 0},
    {"stream-garbage", "a bad response in a stream kills the channel", stream_garbage, 0, 0, 0},
    {"seqpacket-garbage", "a bad packet is dropped", seqpacket_garbage, 0, 0, 0},
    {0}};
