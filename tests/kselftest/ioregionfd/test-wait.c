/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a vCPU waits and how a wait ends: signals, immediate_exit, cancel, failures; and what may happen meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "channel.h"
#include "tests.h"

#define POSTED KVM_IOREGION_POSTED_WRITES
#define PIO KVM_IOREGION_PIO

static const struct kvm_ioregion_failure *failure_of(const struct vcpu *v)
{
    return (const void *)&v->run->mmio;
}

/* A vCPU that waits for a read of 4 bytes at GUEST_MMIO. */
static struct vcpu *waiting_reader(struct machine *m, struct channel *c, struct ioregionfd_cmd *cmd)
{
    static const struct guest_op op = {OP_READ, 2, GUEST_MMIO, 0, 1};
    struct vcpu *v = &m->vcpu[0];

    channel_bind(m, c, GUEST_MMIO, 0x100, 0, 77);
    vcpu_script(v, &op, 1);
    vcpu_start(v);
    *cmd = device_want(c);
    return v;
}

static void signal_resume(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct ioregionfd_cmd cmd;
    struct vcpu *v = waiting_reader(m, c, &cmd);

    for (unsigned i = 0; i < 20; i++)
        vcpu_interrupt(v);
    device_quiet(c); /* the command is not sent again */
    device_answer(c, &cmd, 0x1234);
    EQUAL(vcpu_join(v), 0);
    EQUAL(vcpu_op(v, 0)->value, 0x1234);
    EQUAL(v->logged, 0);
}

/* KVM_RUN in this thread, with a signal that comes after some time. */
static int run_with_timer(struct vcpu *v, int milliseconds)
{
    struct itimerspec time = {.it_value = {milliseconds / 1000, milliseconds % 1000 * 1000000},
                              .it_interval = {0, 20000000}};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    timer_t timer;
    int got;

    CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    CHECK(timer_settime(timer, 0, &time, NULL) == 0);
    got = vcpu_run(v);
    timer_delete(timer);
    return got;
}

/* The same until an access is pending; the guest may need its time to get there. */
static void run_until_pending(struct vcpu *v)
{
    int64_t until = now_ms() + limit_ms(5000);

    do {
        EQUAL(run_with_timer(v, 20), -EINTR);
        CHECK(now_ms() < until);
    } while (v->run->exit_reason != KVM_EXIT_IOREGION_PENDING);
}

/* EINTR says that an access is pending, and which. */
static void pending_exit(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op ops[] = {{OP_IN, 1, 0x502, 0, 1}};
    struct ioregionfd_cmd cmd;

    channel_bind(m, c, 0x500, 0x10, PIO, 77);
    vcpu_script(v, ops, 1);
    run_until_pending(v);
    EQUAL(v->run->exit_reason, KVM_EXIT_IOREGION_PENDING);
    EQUAL(failure_of(v)->reason, KVM_IOREGION_FAIL_PENDING);
    EQUAL(failure_of(v)->flags, KVM_IOREGION_FAILED_PIO);
    EQUAL(failure_of(v)->addr, 0x502);
    EQUAL(failure_of(v)->len, 2);
    EQUAL(failure_of(v)->user_data, 77);
    EQUAL(failure_of(v)->status, 0);
    EQUAL(run_with_timer(v, 20), -EINTR);
    EQUAL(v->run->exit_reason, KVM_EXIT_IOREGION_PENDING);
    cmd = device_want(c);
    device_answer(c, &cmd, 0xbeef);
    EQUAL(vcpu_loop(v), 0);
    EQUAL(vcpu_op(v, 0)->value, 0xbeef);
}

static void immediate_exit(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op ops[] = {{OP_READ, 2, GUEST_MMIO, 0, 1}, {OP_WRITE, 3, GUEST_DATA, 5, 1}};
    struct ioregionfd_cmd cmd;
    struct kvm_regs before, after;
    int64_t until = now_ms() + limit_ms(3000);

    channel_bind(m, c, GUEST_MMIO, 0x100, 0, 1);
    vcpu_script(v, ops, 2);
    run_until_pending(v);
    v->run->immediate_exit = 1;
    for (unsigned i = 0; i < 3; i++) {
        int64_t start = now_ms();

        EQUAL(vcpu_run(v), -EINTR); /* does not wait */
        EQUAL(v->run->exit_reason, KVM_EXIT_IOREGION_PENDING);
        CHECK(now_ms() - start < limit_ms(500));
    }
    CHECK(ioctl(v->fd, KVM_GET_REGS, &before) == 0);
    cmd = device_want(c);
    device_answer(c, &cmd, 0xabcdef01);
    do { /* a channel with a worker may take a moment */
        EQUAL(vcpu_run(v), -EINTR);
    } while (v->run->exit_reason == KVM_EXIT_IOREGION_PENDING && now_ms() < until);
    CHECK(v->run->exit_reason != KVM_EXIT_IOREGION_PENDING);
    CHECK(ioctl(v->fd, KVM_GET_REGS, &after) == 0);
    EQUAL(after.rbx, 0xabcdef01); /* the instruction is done */
    CHECK(after.rip > before.rip);
    EQUAL(*(uint64_t *)(m->ram + GUEST_DATA), 0); /* and no other */
    v->run->immediate_exit = 0;
    EQUAL(vcpu_loop(v), 0);
    EQUAL(vcpu_op(v, 0)->value, 0xabcdef01);
    EQUAL(*(uint64_t *)(m->ram + GUEST_DATA), 5);
}

/* immediate_exit inside a string: no element is lost. */
static void immediate_exit_string(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op op = {OP_INS, 0, 0x500, GUEST_DATA, 64};
    unsigned got = 0;
    int64_t until = now_ms() + limit_ms(8000);

    channel_bind(m, c, 0x500, 1, PIO, 1);
    vcpu_script(v, &op, 1);
    while (got < 64) {
        struct ioregionfd_cmd cmd;

        v->run->immediate_exit = 0;
        if (got == 0)
            run_until_pending(v);
        v->run->immediate_exit = 1;
        EQUAL(vcpu_run(v), -EINTR);
        if (device_get(c, &cmd, 20)) {
            device_answer(c, &cmd, ++got);
            continue;
        }
        if (now_ms() > until)
            FAIL("after %u elements no other comes", got);
        v->run->immediate_exit = 0;
        EQUAL(run_with_timer(v, 10), -EINTR);
    }
    v->run->immediate_exit = 0;
    EQUAL(vcpu_loop(v), 0);
    for (unsigned i = 0; i < 64; i++)
        EQUAL(m->ram[GUEST_DATA + i], i + 1);
    EQUAL(v->logged, 0);
}

static void want_failure(const struct vcpu *v, unsigned index, uint32_t reason, uint32_t flags, uint64_t addr,
                         uint32_t len, uint64_t data)
{
    const struct kvm_ioregion_failure *f = &v->log[index].failure;

    CHECK(v->logged > index);
    EQUAL(v->log[index].reason, KVM_EXIT_IOREGION_FAILURE);
    EQUAL(f->reason, reason);
    EQUAL(f->flags, flags);
    EQUAL(f->addr, addr);
    EQUAL(f->len, len);
    EQUAL(f->data, data);
    EQUAL(f->user_data, 77);
    EQUAL(f->status, reason == KVM_IOREGION_FAIL_STATUS ? v->log[index].failure.status : 0);
}

static void cancel(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct ioregionfd_cmd cmd;
    struct vcpu *v;

    EQUAL(vcpu_cancel(&m->vcpu[0]), -ENOENT);
    v = waiting_reader(m, c, &cmd);
    EQUAL(vcpu_cancel(v), 0);
    EQUAL(vcpu_join(v), 0);
    EQUAL(v->logged, 1);
    want_failure(v, 0, KVM_IOREGION_FAIL_CANCELLED, 0, GUEST_MMIO, 4, UINT32_MAX);
    EQUAL(vcpu_op(v, 0)->value, UINT32_MAX);
    EQUAL(vcpu_cancel(v), -ENOENT);
    device_answer(c, &cmd, 1); /* goes nowhere */
    vcpu_script(v, &(struct guest_op){OP_READ, 3, GUEST_MMIO + 8, 0, 1}, 1);
    vcpu_start(v);
    cmd = device_want(c);
    device_answer(c, &cmd, 0x5555555555555555);
    EQUAL(vcpu_join(v), 0);
    EQUAL(vcpu_op(v, 0)->value, 0x5555555555555555);
}

/* Many at once, from another thread, against answers: each access ends one way or the other. */
static void cancel_race(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct server *s = server_start(c);
    struct vcpu *v = &m->vcpu[0];
    uint64_t wanted = server_value(1, 8);
    struct guest_op op = {OP_EXPECT, 3, GUEST_MMIO + 8, wanted, 3000};
    unsigned hits = 0;

    channel_bind(m, c, GUEST_MMIO, 0x100, 0, 1);
    vcpu_script(v, &op, 1);
    vcpu_start(v);
    while (!__atomic_load_n(&v->ended, __ATOMIC_ACQUIRE)) {
        hits += vcpu_cancel(v) == 0;
        if (hits % 16 == 0)
            sleep_ms(1);
    }
    EQUAL(vcpu_join(v), 0);
    server_stop(s);
    EQUAL(v->logged, hits);
    EQUAL(*(uint64_t *)(m->ram + GUEST_WRONG), hits); /* each cancelled read gave all-ones, no other did */
    test_note("%u were cancelled", hits);
}

static void failure_exit(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op ops[] = {{OP_READ, 3, GUEST_MMIO, 0, 1}, {OP_WRITE, 1, GUEST_MMIO + 6, 0x4321, 1},
                             {OP_IN, 2, 0x500, 0, 1}, {OP_OUT, 0, 0x501, 0x99, 1}};
    struct ioregionfd_resp response = {.status = IOREGIONFD_STATUS_NO_REGION, .data = 0x1111};
    struct ioregionfd_cmd cmd;
    int64_t until = now_ms() + limit_ms(5000);

    channel_bind(m, c, GUEST_MMIO, 0x100, 0, 77);
    channel_bind(m, c, 0x500, 8, PIO, 77);
    vcpu_script(v, ops, 4);
    vcpu_start(v);
    for (unsigned i = 0; i < 4; i++) {
        cmd = device_want(c);
        response.id = cmd.id;
        EQUAL(device_send(c, &response), 0);
    }
    EQUAL(vcpu_join(v), 0);
    want_failure(v, 0, KVM_IOREGION_FAIL_STATUS, 0, GUEST_MMIO, 8, UINT64_MAX);
    EQUAL(v->log[0].failure.status, IOREGIONFD_STATUS_NO_REGION);
    want_failure(v, 1, KVM_IOREGION_FAIL_STATUS, KVM_IOREGION_FAILED_WRITE, GUEST_MMIO + 6, 2, 0x4321);
    want_failure(v, 2, KVM_IOREGION_FAIL_STATUS, KVM_IOREGION_FAILED_PIO, 0x500, 4, UINT32_MAX);
    want_failure(v, 3, KVM_IOREGION_FAIL_STATUS, KVM_IOREGION_FAILED_PIO | KVM_IOREGION_FAILED_WRITE, 0x501, 1, 0x99);
    EQUAL(vcpu_op(v, 0)->value, UINT64_MAX);
    EQUAL(vcpu_op(v, 2)->value, UINT32_MAX);
    /* The VMM has the last word on what a read gives. */
    vcpu_script(v, ops, 1);
    for (unsigned i = 0; i < 2; i++) {
        run_until_pending(v);
        cmd = device_want(c);
        response.id = cmd.id;
        EQUAL(device_send(c, &response), 0);
        while (vcpu_run(v) == -EINTR)
            CHECK(now_ms() < until);
        EQUAL(v->run->exit_reason, KVM_EXIT_IOREGION_FAILURE);
        ((struct kvm_ioregion_failure *)&v->run->mmio)->data = 0x0123456789abcdef;
        EQUAL(vcpu_loop(v), 0);
        EQUAL(vcpu_op(v, 0)->value, 0x0123456789abcdef);
        vcpu_script(v, ops, 1);
    }
}

static void status(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct ioregionfd_cmd cmd;
    struct vcpu *v = waiting_reader(m, c, &cmd);
    struct ioregionfd_resp response = {.id = cmd.id, .status = IOREGIONFD_STATUS_ERROR, .data = 0x8877665544332211};

    EQUAL(device_send(c, &response), 0);
    EQUAL(vcpu_join(v), 0);
    want_failure(v, 0, KVM_IOREGION_FAIL_STATUS, 0, GUEST_MMIO, 4, 0x44332211);
    EQUAL(vcpu_op(v, 0)->value, 0x44332211);
    vcpu_script(v, &(struct guest_op){OP_READ, 2, GUEST_MMIO, 0, 1}, 1);
    vcpu_start(v);
    cmd = device_want(c);
    response.id = cmd.id;
    response.status = 0xffffffff; /* unknown ones count as errors */
    EQUAL(device_send(c, &response), 0);
    EQUAL(vcpu_join(v), 0);
    EQUAL(v->logged, 2);
    EQUAL(v->log[1].failure.reason, KVM_IOREGION_FAIL_STATUS);
}

/* A device that never answers: signals come through, the process dies when it is killed, cancel ends it. */
static void never_answers(void)
{
    struct machine *m = machine_new(2);
    struct channel *c = channel_new(m);
    struct ioregionfd_cmd cmd;
    struct vcpu *v = waiting_reader(m, c, &cmd);

    for (unsigned i = 0; i < 10; i++) {
        vcpu_interrupt(v);
        CHECK(!vcpu_has_ended(v, 5));
    }
    EQUAL(vcpu_cancel(v), 0);
    EQUAL(vcpu_join(v), 0);
    want_failure(v, 0, KVM_IOREGION_FAIL_CANCELLED, 0, GUEST_MMIO, 4, UINT32_MAX);
    vcpu_script(v, &(struct guest_op){OP_WRITE, 2, GUEST_MMIO, 0, 1}, 1);
    vcpu_start(v);
    device_want(c);
    /* The process ends with the access pending. */
}

static void memslot_while_waiting(void)
{
    struct machine *m = machine_new(2);
    struct channel *c = channel_new(m);
    struct ioregionfd_cmd cmd;
    struct vcpu *v = waiting_reader(m, c, &cmd);
    void *more = mmap(NULL, 0x10000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct kvm_userspace_memory_region slot = {
        .slot = 1, .guest_phys_addr = 0x40000000, .userspace_addr = (uintptr_t)more};
    struct kvm_ioeventfd event = {.addr = GUEST_MMIO + 0x800, .len = 4, .fd = eventfd(0, 0)};
    int64_t start = now_ms();

    for (unsigned i = 0; i < 20; i++) {
        slot.memory_size = i & 1 ? 0 : 0x10000;
        CHECK(ioctl(m->vm, KVM_SET_USER_MEMORY_REGION, &slot) == 0);
        event.flags = i & 1 ? KVM_IOEVENTFD_FLAG_DEASSIGN : 0;
        CHECK(ioctl(m->vm, KVM_IOEVENTFD, &event) == 0);
        channel_bind(m, c, GUEST_MMIO + 0x1000, 8, 0, 2);
        EQUAL(channel_unbind(m, c, GUEST_MMIO + 0x1000, 8, 0), 0);
    }
    CHECK(now_ms() - start < limit_ms(2000));
    CHECK(!vcpu_has_ended(v, 0));
    device_answer(c, &cmd, 3);
    EQUAL(vcpu_join(v), 0);
    EQUAL(vcpu_op(v, 0)->value, 3);
}

/* User space scribbles over the shared page between EINTR and the next KVM_RUN. */
static void pending_private(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op ops[] = {{OP_READ, 3, GUEST_MMIO, 0, 1}, {OP_OUTS, 0, 0x500, GUEST_DATA, 9}};
    struct ioregionfd_cmd cmd;
    struct kvm_run *run = v->run;
    uint64_t seed = options.seed * 77 + 1;
    int64_t until = now_ms() + limit_ms(5000);

    channel_bind(m, c, GUEST_MMIO, 0x100, 0, 1);
    channel_bind(m, c, 0x500, 8, PIO, 2);
    memcpy(m->ram + GUEST_DATA, "scribble!", 9);
    vcpu_script(v, ops, 2);
    for (unsigned i = 0; i < 20; i++) {
        if (i)
            EQUAL(run_with_timer(v, 3), -EINTR);
        else
            run_until_pending(v);
        run->exit_reason = i & 1 ? KVM_EXIT_MMIO : random_next(&seed);
        for (unsigned k = 0; k < 256 / 8; k++)
            ((uint64_t *)&run->mmio)[k] = random_next(&seed);
    }
    cmd = device_want(c);
    WANT_CMD(&cmd, IOREGIONFD_CMD_READ, 8, IOREGIONFD_RESP, 1, 0, 0);
    device_quiet(c);
    device_answer(c, &cmd, 0x1020304050607080);
    for (unsigned i = 0; i < 9; i++) {
        while (!device_get(c, &cmd, 0)) {
            EQUAL(run_with_timer(v, 5), -EINTR);
            CHECK(now_ms() < until);
            run->exit_reason = KVM_EXIT_IO;
            run->io.direction = KVM_EXIT_IO_IN;
            run->io.size = 200;
            run->io.port = 0x600;
            run->io.count = 0xffffffff;
            run->io.data_offset = 0xfffffffffff00000;
        }
        WANT_CMD(&cmd, IOREGIONFD_CMD_WRITE, 1, IOREGIONFD_RESP | IOREGIONFD_PIO, 2, 0, "scribble!"[i]);
        device_answer(c, &cmd, 0);
    }
    EQUAL(vcpu_loop(v), 0);
    EQUAL(vcpu_op(v, 0)->value, 0x1020304050607080);
}

/* Registers are set while an access waits, as a reset does it: the next access is not taken for the old one. */
static void set_regs_between(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op op = {OP_READ, 2, GUEST_MMIO, 0, 1}, other = {OP_READ, 2, GUEST_MMIO + 0x40, 0, 1};
    struct ioregionfd_cmd cmd, late;
    struct kvm_ioregion_failure *f = (void *)&v->run->mmio;
    int got;
    int64_t until = now_ms() + limit_ms(5000);

    channel_bind(m, c, GUEST_MMIO, 0x100, 0, 77);
    vcpu_script(v, &op, 1);
    run_until_pending(v);
    late = device_want(c);
    EQUAL(vcpu_cancel(v), 0);
    v->run->immediate_exit = 1;
    do {
        got = vcpu_run(v); /* the failure is told, and the instruction is completed */
        CHECK(now_ms() < until);
    } while (got == 0 || v->run->exit_reason == KVM_EXIT_IOREGION_PENDING);
    (void)f;
    v->run->immediate_exit = 0;
    vcpu_script(v, &other, 1); /* sets all registers, too */
    vcpu_start(v);
    device_answer(c, &late, 0xdead);
    cmd = device_want(c);
    EQUAL(cmd.offset, 0x40);
    CHECK(cmd.id != late.id);
    device_answer(c, &late, 0xdead);
    device_answer(c, &cmd, 0x600d);
    EQUAL(vcpu_join(v), 0);
    EQUAL(vcpu_op(v, 0)->value, 0x600d);
}

/* The same without a cancel: the answer of the old access must not reach another register or crash anything. */
static void set_regs_pending(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op op = {OP_READ, 2, GUEST_MMIO, 0, 1}, other = {OP_WRITE, 3, GUEST_DATA, 0x77, 1};
    struct ioregionfd_cmd cmd;

    channel_bind(m, c, GUEST_MMIO, 0x100, 0, 77);
    vcpu_script(v, &op, 1);
    run_until_pending(v);
    cmd = device_want(c);
    vcpu_script(v, &other, 1);
    device_answer(c, &cmd, 0x5a5a5a5a);
    EQUAL(vcpu_loop(v), 0);
    CHECK(v->run->exit_reason == KVM_EXIT_HLT);
}

const struct test wait_tests[] = {
    {"signal-resume", "a signal ends KVM_RUN, the next one waits on; the command is not sent again", signal_resume,
     CH_ALL, 0, 0},
    {"pending-exit", "EINTR tells which access is pending", pending_exit, CH_ALL, 0, 0},
    {"immediate-exit", "immediate_exit does not wait, and takes an answer that is there", immediate_exit, CH_ALL, 0, 0},
    {"immediate-exit-string", "the same inside a string", immediate_exit_string, CH_ALL, 0, 20},
    {"cancel", "KVM_CANCEL_IOREGION ends the wait; a late answer goes nowhere", cancel, CH_ALL, 0, 0},
    {"cancel-race", "cancels against answers: each access ends in one way", cancel_race, CH_ALL, 0, 20},
    {"failure-exit", "a failure names the access; the VMM's data goes to the guest", failure_exit, CH_ALL, 0, 0},
    {"status", "with status ERROR the answer's data goes to the guest", status, CH_ALL, 0, 0},
    {"never-answers", "no answer ever: signals, cancel and death get through", never_answers, CH_ALL, 0, 0},
    {"memslot-while-waiting", "memory slots, ioeventfds and regions change while a vCPU waits", memslot_while_waiting,
     CH_ALL, 0, 0},
    {"pending-private", "what is scribbled over kvm_run while an access waits is not believed", pending_private, CH_ALL,
     0, 0},
    {"set-regs-between", "after a cancel and new registers, the old answer reaches nothing", set_regs_between, CH_ALL, 0,
     0},
    {"set-regs-pending", "new registers while an access waits", set_regs_pending, CH_ALL, 0, 0},
    {0}};
