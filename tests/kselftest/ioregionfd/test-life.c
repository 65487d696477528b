/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Things that go while an access is in flight: regions, channels, vCPUs, the VM, processes; and files in other processes.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "channel.h"
#include "tests.h"

#define POSTED KVM_IOREGION_POSTED_WRITES

static const struct guest_op read_op = {OP_READ, 2, GUEST_MMIO, 0, 1};

static struct vcpu *waiting_reader(struct machine *m, struct channel *c, struct ioregionfd_cmd *cmd)
{
    struct vcpu *v = &m->vcpu[0];

    channel_bind(m, c, GUEST_MMIO, 0x100, 0, 77);
    vcpu_script(v, &read_op, 1);
    vcpu_start(v);
    *cmd = device_want(c);
    return v;
}

static void want_failed(struct vcpu *v, uint32_t reason)
{
    EQUAL(vcpu_join(v), 0);
    EQUAL(v->logged, 1);
    EQUAL(v->log[0].reason, KVM_EXIT_IOREGION_FAILURE);
    EQUAL(v->log[0].failure.reason, reason);
    EQUAL(v->log[0].failure.addr, GUEST_MMIO);
    EQUAL(vcpu_op(v, 0)->value, UINT32_MAX);
}

/* Accesses exit as if nothing were registered. */
static void want_plain_exit(struct machine *m)
{
    struct vcpu *v = &m->vcpu[0];
    unsigned before = v->logged;

    vcpu_do(v, &read_op, 1);
    EQUAL(v->logged, before + 1);
    EQUAL(v->log[before].reason, KVM_EXIT_MMIO);
    EQUAL(v->log[before].addr, GUEST_MMIO);
    EQUAL(vcpu_op(v, 0)->value, v->fill & UINT32_MAX);
}

static void deassign_in_flight(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct ioregionfd_cmd cmd;
    struct vcpu *v = waiting_reader(m, c, &cmd);

    EQUAL(channel_unbind(m, c, GUEST_MMIO, 0x100, 0), 0);
    want_failed(v, KVM_IOREGION_FAIL_CANCELLED);
    device_answer(c, &cmd, 4); /* goes nowhere */
    want_plain_exit(m);
    channel_bind(m, c, GUEST_MMIO, 0x100, 0, 78);
    vcpu_script(v, &read_op, 1);
    vcpu_start(v);
    cmd = device_want(c);
    EQUAL(cmd.user_data, 78);
    device_answer(c, &cmd, 4);
    EQUAL(vcpu_join(v), 0);
    EQUAL(vcpu_op(v, 0)->value, 4);
}

/* With the access interrupted: no thread is in KVM_RUN. */
static void deassign_pending(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct ioregionfd_cmd cmd;
    struct vcpu *v = waiting_reader(m, c, &cmd);

    __atomic_store_n(&v->stop, true, __ATOMIC_RELEASE);
    vcpu_kick(v);
    while (!vcpu_has_ended(v, 5))
        vcpu_kick(v);
    EQUAL(vcpu_join(v), -EINTR);
    v->stop = false;
    EQUAL(channel_unbind(m, c, GUEST_MMIO, 0x100, 0), 0);
    device_answer(c, &cmd, 4);
    vcpu_start(v);
    want_failed(v, KVM_IOREGION_FAIL_CANCELLED);
}

/* What nobody has read of a region that is taken back is gone from a file's queue; other regions' commands are not. */
static void deassign_queue(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op ops[20];

    channel_bind(m, c, GUEST_MMIO, 0x100, POSTED, 1);
    channel_bind(m, c, GUEST_MMIO + 0x100, 0x100, POSTED, 2);
    for (unsigned i = 0; i < 20; i++)
        ops[i] = (struct guest_op){OP_WRITE, 2, GUEST_MMIO + (i & 1) * 0x100, i, 1};
    vcpu_do(v, ops, 20);
    EQUAL(channel_unbind(m, c, GUEST_MMIO, 0x100, 0), 0);
    for (unsigned i = 1; i < 20; i += 2) {
        struct ioregionfd_cmd cmd = device_want(c);

        WANT_CMD(&cmd, IOREGIONFD_CMD_WRITE, 4, 0, 2, 0, i);
    }
    device_quiet(c);
    vcpu_do(v, ops, 2);
    EQUAL(v->logged, 1);
}

static void close_in_flight(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct ioregionfd_cmd cmd;
    struct vcpu *v = waiting_reader(m, c, &cmd);

    device_close(c);
    want_failed(v, KVM_IOREGION_FAIL_CLOSED);
}

/* The same with the access interrupted. */
static void close_pending(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct ioregionfd_cmd cmd;
    struct vcpu *v = waiting_reader(m, c, &cmd);

    __atomic_store_n(&v->stop, true, __ATOMIC_RELEASE);
    while (!vcpu_has_ended(v, 5))
        vcpu_kick(v);
    EQUAL(vcpu_join(v), -EINTR);
    v->stop = false;
    device_close(c);
    vcpu_start(v);
    want_failed(v, KVM_IOREGION_FAIL_CLOSED);
}

static void close_then_exit(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    int64_t until = now_ms() + limit_ms(3000);
    unsigned plain;

    channel_bind(m, c, GUEST_MMIO, 0x100, 0, 77);
    device_close(c);
    /* The kernel may notice a dead pipe or socket with the first access only, which then fails. */
    do {
        plain = v->logged;
        vcpu_do(v, &read_op, 1);
        EQUAL(v->logged, plain + 1);
        if (v->log[plain].reason == KVM_EXIT_IOREGION_FAILURE)
            EQUAL(v->log[plain].failure.reason, KVM_IOREGION_FAIL_CLOSED);
        CHECK(now_ms() < until && plain < MAX_LOG - 8);
    } while (v->log[plain].reason != KVM_EXIT_MMIO);
    want_plain_exit(m);
    vcpu_do(v, &(struct guest_op){OP_WRITE, 2, GUEST_MMIO, 5, 1}, 1);
    CHECK(v->log[v->logged - 1].write);
    struct kvm_ioregion region = channel_region(c, GUEST_MMIO, 0x100, KVM_IOREGION_DEASSIGN, 0);
    region.fd = -1;
    region.flags &= ~KVM_IOREGION_FD_PAIR;
    region.resp_fd = 0;
    EQUAL(region_set(m, &region), 0);
}

/* Posted writes into a channel whose reader is gone wait for nobody and raise no signal. */
static void close_posted(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op op = {OP_WRITE, 2, GUEST_MMIO, 1, 3000};

    signal(SIGPIPE, SIG_DFL); /* it would end the test */
    channel_bind(m, c, GUEST_MMIO, 0x100, POSTED, 77);
    vcpu_do(v, &(struct guest_op){OP_WRITE, 2, GUEST_MMIO, 1, 10}, 1);
    vcpu_script(v, &op, 1);
    vcpu_start(v);
    sleep_ms(5);
    device_close(c);
    EQUAL(vcpu_join(v), 0);
}

static void vcpu_closed(void)
{
    struct machine *m = machine_new(2);
    struct channel *c = channel_new(m);
    struct ioregionfd_cmd cmd;
    struct vcpu *v = waiting_reader(m, c, &cmd), *other = &m->vcpu[1];

    __atomic_store_n(&v->stop, true, __ATOMIC_RELEASE);
    while (!vcpu_has_ended(v, 5))
        vcpu_kick(v);
    EQUAL(vcpu_join(v), -EINTR);
    vcpu_close(v);
    device_answer(c, &cmd, 4); /* dropped; and the place in the table is free again */
    for (unsigned i = 0; i < 100; i++) {
        vcpu_script(other, &read_op, 1);
        vcpu_start(other);
        cmd = device_want(c);
        device_answer(c, &cmd, i);
        EQUAL(vcpu_join(other), 0);
        EQUAL(vcpu_op(other, 0)->value, i);
    }
}

static void vm_destroyed(void)
{
    for (unsigned round = 0; round < 10; round++) {
        struct machine *m = machine_new(2);
        struct channel *c = channel_new(m);
        struct ioregionfd_cmd cmd;
        struct vcpu *v = waiting_reader(m, c, &cmd);

        __atomic_store_n(&v->stop, true, __ATOMIC_RELEASE);
        while (!vcpu_has_ended(v, 5))
            vcpu_kick(v);
        EQUAL(vcpu_join(v), -EINTR);
        machine_free(m, round & 1); /* everything of the VM; the channel is there still */
        device_answer(c, &cmd, 4);
        channel_free(c);
    }
}

/* A process dies with all its vCPUs in flight; the device, another process, lives on. */
static void process_killed(void)
{
    int pair[2], status;
    pid_t pid;

    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        struct machine *m = machine_new(4);
        struct kvm_ioregion region = {
            .size = sizeof(region), .guest_paddr = GUEST_MMIO, .memory_size = 0x100, .fd = pair[0]};

        EQUAL(region_set(m, &region), 0);
        for (unsigned i = 0; i < 4; i++) {
            vcpu_script(&m->vcpu[i], &read_op, 1);
            vcpu_start(&m->vcpu[i]);
        }
        while (true)
            pause();
    }
    close(pair[0]);
    for (unsigned i = 0; i < 4; i++) {
        struct ioregionfd_cmd cmd;

        EQUAL(read(pair[1], &cmd, sizeof(cmd)), sizeof(cmd));
    }
    CHECK(kill(pid, SIGKILL) == 0);
    EQUAL(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status));
    struct ioregionfd_cmd cmd;
    EQUAL(read(pair[1], &cmd, sizeof(cmd)), 0); /* the kernel lets go of its end */
}

/* The device's process dies. */
static void peer_death(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    int status;
    pid_t pid;

    channel_bind(m, c, GUEST_MMIO, 0x100, 0, 77);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        struct ioregionfd_cmd cmd = device_want(c);

        device_answer(c, &cmd, 9);
        device_want(c);
        kill(getpid(), SIGKILL); /* with a command that it has taken */
    }
    device_close(c); /* the child is the only holder of the device's side */
    vcpu_script(v, &read_op, 1);
    vcpu_start(v);
    EQUAL(vcpu_join(v), 0);
    EQUAL(vcpu_op(v, 0)->value, 9);
    EQUAL(v->logged, 0);
    vcpu_script(v, &read_op, 1);
    vcpu_start(v);
    want_failed(v, KVM_IOREGION_FAIL_CLOSED);
    EQUAL(waitpid(pid, &status, 0), pid);
}

/* After fork both processes have the files. The child's death changes nothing for the parent. */
static void forked(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct ioregionfd_cmd cmd;
    struct vcpu *v = waiting_reader(m, c, &cmd);
    int status;
    pid_t pid = fork();

    CHECK(pid >= 0);
    if (pid == 0) {
        struct kvm_ioregion region = channel_region(c, GUEST_MMIO + 0x1000, 8, 0, 1);

        /* Another address space: no vCPU runs here, and nothing crashes. */
        ioctl(m->vcpu[0].front, KVM_RUN, 0);
        vcpu_cancel(v);
        region_set(m, &region);
        _exit(0);
    }
    EQUAL(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    if (!vcpu_has_ended(v, 50)) {
        device_answer(c, &cmd, 6);
        EQUAL(vcpu_join(v), 0);
        EQUAL(vcpu_op(v, 0)->value, 6);
    } else { /* the child may take it back: it holds the vCPU's file */
        want_failed(v, KVM_IOREGION_FAIL_CANCELLED);
    }
}

static void send_fd(int socket, int fd)
{
    char byte = 0, control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec iov = {&byte, 1};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    EQUAL(sendmsg(socket, &msg, 0), 1);
}

static int receive_fd(int socket)
{
    char byte, control[CMSG_SPACE(sizeof(int))];
    struct iovec iov = {&byte, 1};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    int fd;

    EQUAL(recvmsg(socket, &msg, 0), 1);
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
    return fd;
}

/* The channel's file is passed to a process that serves it with read and write, and has nothing else. */
static void fd_passing(void)
{
    struct machine *m = machine_new(1);
    struct channel *c;
    struct vcpu *v = &m->vcpu[0];
    int pair[2], status;
    pid_t pid;

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        int fd;

        vm_close(m);
        vcpu_close(v);
        fd = receive_fd(pair[1]);
        for (unsigned i = 0; i < 50; i++) {
            struct ioregionfd_cmd cmd;
            struct ioregionfd_resp response = {0};

            if (read(fd, &cmd, sizeof(cmd)) != sizeof(cmd))
                FAIL("read: %s", strerror(errno));
            response.id = cmd.id;
            response.data = cmd.offset * 3;
            EQUAL(write(fd, &response, sizeof(response)), sizeof(response));
        }
        _exit(0);
    }
    c = channel_new(m);
    send_fd(pair[0], channel_device_fd(c));
    channel_bind(m, c, GUEST_MMIO, 0x100, 0, 77);
    device_close(c);
    for (unsigned i = 0; i < 50; i++) {
        vcpu_do(v, &(struct guest_op){OP_READ, 2, GUEST_MMIO + i, 0, 1}, 1);
        EQUAL(vcpu_op(v, 0)->value, i * 3);
    }
    EQUAL(waitpid(pid, &status, 0), pid);
    EQUAL(WEXITSTATUS(status), 0);
    EQUAL(v->logged, 0);
}

/* A cycle of references: the VM has the socket, the socket's queue has the VM's file. slabs tell whether it leaks. */
static void fd_cycle(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new_kind(m, CH_SOCKET, 0);
    int sent = m->front;

    channel_bind(m, c, GUEST_MMIO, 0x100, 0, 77);
    send_fd(channel_device_fd(c), m->vm); /* nobody takes it; the kernel half reads whatever comes, and closes it */
    send_fd(channel_device_fd(c), sent);
    vcpu_do(&m->vcpu[0], &(struct guest_op){OP_WRITE, 2, GUEST_MMIO + 0x200, 1, 1}, 1);
    sleep_ms(20);
    machine_free(m, true);
    channel_free(c);
}

/* One channel for two VMs: ids stay apart, and one VM's end leaves the other's accesses alone. */
static void two_vms(void)
{
    struct machine *a = machine_new(1), *b = machine_new(1);
    struct channel *c = channel_new(a);
    struct ioregionfd_cmd cmd[2];

    channel_bind(a, c, GUEST_MMIO, 0x100, 0, 1);
    channel_bind(b, c, GUEST_MMIO, 0x100, 0, 2);
    vcpu_script(&a->vcpu[0], &read_op, 1);
    vcpu_script(&b->vcpu[0], &read_op, 1);
    vcpu_start(&a->vcpu[0]);
    vcpu_start(&b->vcpu[0]);
    cmd[0] = device_want(c);
    cmd[1] = device_want(c);
    for (unsigned i = 0; i < 2; i++)
        device_answer(c, &cmd[i], cmd[i].user_data * 10);
    EQUAL(vcpu_join(&a->vcpu[0]), 0);
    EQUAL(vcpu_join(&b->vcpu[0]), 0);
    EQUAL(vcpu_op(&a->vcpu[0], 0)->value, 10);
    EQUAL(vcpu_op(&b->vcpu[0], 0)->value, 20);
    vcpu_script(&b->vcpu[0], &read_op, 1);
    vcpu_start(&b->vcpu[0]);
    cmd[1] = device_want(c);
    machine_free(a, false);
    device_answer(c, &cmd[1], 5);
    EQUAL(vcpu_join(&b->vcpu[0]), 0);
    EQUAL(vcpu_op(&b->vcpu[0], 0)->value, 5);
}

/* Registered and taken back all the time under a vCPU's accesses. */
static void deassign_race(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct server *s = server_start(c);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op ops[] = {{OP_READ, 2, GUEST_MMIO, 0, 1500}, {OP_WRITE, 2, GUEST_MMIO + 0x100, 0, 1500},
                             {OP_READ, 2, GUEST_MMIO, 0, 500}};
    unsigned rounds = 0;

    vcpu_script(v, ops, 3);
    vcpu_start(v);
    while (!__atomic_load_n(&v->ended, __ATOMIC_ACQUIRE)) {
        channel_bind(m, c, GUEST_MMIO, 0x100, 0, 1);
        channel_bind(m, c, GUEST_MMIO + 0x100, 0x100, POSTED, 2);
        if (rounds & 1)
            sleep_ms(1);
        EQUAL(channel_unbind(m, c, GUEST_MMIO, 0x100, 0), 0);
        EQUAL(channel_unbind(m, c, GUEST_MMIO + 0x100, 0x100, 0), 0);
        rounds++;
    }
    EQUAL(vcpu_join(v), 0);
    test_note("%u rounds, %llu commands, %u exits", rounds, (unsigned long long)server_stop(s), v->logged);
}

const struct test life_tests[] = {
    {"deassign-in-flight", "a region is taken back under an access, which ends as cancelled", deassign_in_flight, CH_ALL,
     0, 0},
    {"deassign-pending", "the same while no thread is in KVM_RUN", deassign_pending, CH_ALL, 0, 0},
    {"deassign-queue", "what is unread of it is gone from a file's queue", deassign_queue, CH_ANY_FILE, 0, 0},
    {"deassign-race", "registered and taken back under accesses", deassign_race, CH_ALL, 0, 20},
    {"close-in-flight", "the channel's last close ends what waits", close_in_flight, CH_ALL, 0, 0},
    {"close-pending", "the same while no thread is in KVM_RUN", close_pending, CH_ALL, 0, 0},
    {"close-then-exit", "after it, accesses exit as if nothing were registered", close_then_exit, CH_ALL, 0, 0},
    {"close-posted", "posted writes into a dead channel: nobody waits, no signal", close_posted, CH_ALL, 0, 0},
    {"vcpu-close", "a vCPU is closed with an access pending", vcpu_closed, CH_ALL, 0, 0},
    {"vm-destroy", "the VM is destroyed with an access pending", vm_destroyed, CH_ALL, 0, 0},
    {"process-killed", "the VMM is killed with four accesses in flight", process_killed, 0, 0, 0},
    {"peer-death", "the device's process dies with a command that it has taken", peer_death, CH_FOREIGN, 0, 0},
    {"fork", "a forked process changes nothing for its parent", forked, CH_ALL, 0, 0},
    {"fd-passing", "the channel's file serves in another process", fd_passing, CH_FILE | CH_SOCKET, 0, 0},
    {"fd-cycle", "a VM's file in the queue of its own socket", fd_cycle, 0, 0, 0},
    {"two-vms", "two VMs share a channel", two_vms, CH_ALL, 0, 0},
    {0}};
